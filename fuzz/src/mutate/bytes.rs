//! Changes that know nothing of the input's meaning.

use crate::random::Random;

/// Pieces that change a parser's mind.
const PIECES: [&[u8]; 22] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"-0",
    b"1e308",
    b"\x00",
    b"\xff",
    b"\xc3\x28",
    b"\xef\xbb\xbf",
    b"%00",
    b"&",
    b"=",
    b"+",
    b"4000000000001000",
];

/// One change of bytes.
pub(super) fn mutate(data: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut data = data.to_vec();
    let at = random.below(data.len());
    let range = at..at + random.mostly_small((data.len() - at).min(64) + 1);
    let piece = random.one_of(&PIECES).copied().unwrap_or_default();
    match random.below(9) {
        0 => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = data.get_mut(at) {
                *byte = random.byte();
            }
        }
        2 => drop(data.drain(range)),
        3 => data.insert(at, random.byte()),
        4 => drop(data.splice(at..at, piece.iter().copied())),
        5 => {
            let copy = data[range].to_vec();
            data.splice(at..at, copy);
        }
        6 => data.truncate(at),
        7 => {
            // The head of one, the tail of the other.
            let from = random.below(other.len());
            data.truncate(at);
            data.extend_from_slice(&other[from..]);
        }
        _ => {
            let from = random.below(other.len());
            let end = from + random.mostly_small((other.len() - from).min(256) + 1);
            data.splice(at..at, other[from..end].iter().copied());
        }
    }
    data
}

/// Drops, doubles, swaps or replaces parts between separators.
pub(super) fn shuffle(data: &[u8], other: &[u8], separator: u8, random: &mut Random) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = data.split(|byte| *byte == separator).collect();
    let foreign: Vec<&[u8]> = other.split(|byte| *byte == separator).collect();
    let (one, two) = (random.below(parts.len()), random.below(parts.len()));
    let part = random.one_of(&foreign).copied().unwrap_or_default();
    match random.below(5) {
        0 => drop(parts.remove(one)),
        1 => parts.insert(two, parts[one]),
        2 => parts.swap(one, two),
        3 => parts[one] = part,
        _ => parts.insert(one, part),
    }
    parts.join(&separator)
}
