//! Changes to inputs that keep enough of their shape to get past the first check.

mod bytes;
mod form;
mod json;

use crate::random::Random;

/// What an input looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Json,
    /// Fields, some of which hold JSON as base64url.
    Form,
    /// Parts between dots.
    Dotted,
}

/// Longest input; what is cut off here could not be larger in the running service either, save for
/// the bodies of AReqs, of which 64 KiB show enough.
pub const LONGEST: usize = 64 * 1024;

/// Changes `input` in one to eight ways; `other` is another input to take pieces from.
#[must_use]
pub fn mutate(shape: Shape, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut data = input.to_vec();
    for _ in 0..=random.mostly_small(8) {
        // What has another shape by now is still bytes.
        data = match random.below(4) {
            0 => bytes::mutate(&data, other, random),
            _ => match shape {
                Shape::Json => json::mutate(&data, other, random),
                Shape::Form => form::mutate(&data, other, random),
                Shape::Dotted => bytes::shuffle(&data, other, b'.', random),
            },
        };
        data.truncate(LONGEST);
    }
    data
}
