//! One-time passwords: making, hashing, judging. A right code is the only way to [`Verified`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

use crate::crypto::{ChallengeKeys, mac};
use crate::element::TransId;
use crate::flow::transaction::{Also, ExpectEntry, Via};
use crate::profile::OtpSettings;
use crate::{Random, UtcMillis};

/// Proof that a cardholder entered the code in force, or both where two were asked for, in time.
#[derive(Debug)]
pub struct Verified {
    method: Via,
    also: Option<Via>,
}

impl Verified {
    /// How the code had reached the cardholder.
    #[must_use]
    pub const fn method(&self) -> Via {
        self.method
    }

    /// How a second code had reached the cardholder, which was entered too.
    #[must_use]
    pub const fn also(&self) -> Option<Via> {
        self.also
    }
}

/// What was typed: into one box, or into two.
#[derive(Clone, Copy)]
pub(super) struct Typed<'a> {
    pub(super) one: &'a str,
    pub(super) two: Option<&'a str>,
}

/// What an entry came to.
#[derive(Debug)]
pub(super) enum Judged {
    Right(Verified),
    /// Not the code.
    Wrong,
    /// A code that a re-send replaced.
    Old,
    /// Any entry after the code's life: whether it was right is not told.
    Expired,
    /// Not of the shape of a code.
    Malformed,
    /// Nothing was entered.
    Empty,
}

/// Makes a code.
pub(super) fn generate(settings: &OtpSettings, random: &mut dyn Random) -> Zeroizing<String> {
    let length = length(settings).into();
    let alphabet = if settings.alphanumeric { UNMISTAKABLE } else { DIGITS };
    // The largest multiple of the alphabet's size: bytes above it would favour some characters.
    let fair = 256 - 256 % alphabet.len();
    let mut code = Zeroizing::new(String::with_capacity(length));
    let mut bytes = Zeroizing::new([0_u8; 32]);
    while code.len() < length {
        random.fill(bytes.as_mut_slice());
        for byte in bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair) {
            if code.len() < length {
                code.push(char::from(alphabet[byte % alphabet.len()]));
            }
        }
    }
    code
}

/// Number of characters of this issuer's codes.
pub(super) fn length(settings: &OtpSettings) -> u8 {
    if settings.alphanumeric {
        settings.length.clamp(MIN_ALPHANUMERIC, MAX_LENGTH)
    } else {
        settings.length.clamp(MIN_DIGITS, MAX_LENGTH)
    }
}

/// The only form in which a code is kept: bound to its transaction and its number.
pub(super) fn hash(code: &str, id: TransId, generation: u8, keys: &ChallengeKeys) -> String {
    let bytes =
        mac(&keys.otp, &[b"one-time password 1", id.0.as_bytes(), &[generation], code.as_bytes()]);
    STANDARD_NO_PAD.encode(bytes)
}

/// The same for a code that is asked for beside another one: neither is good in the other's place.
pub(super) fn hash_second(code: &str, id: TransId, generation: u8, keys: &ChallengeKeys) -> String {
    let bytes =
        mac(&keys.otp, &[b"second password 1", id.0.as_bytes(), &[generation], code.as_bytes()]);
    STANDARD_NO_PAD.encode(bytes)
}

/// Judges an entry. Two codes are right or wrong together: which one was wrong is not told.
pub(super) fn judge(
    typed: Typed<'_>,
    entry: &ExpectEntry,
    id: TransId,
    settings: &OtpSettings,
    keys: &ChallengeKeys,
    now: UtcMillis,
) -> Judged {
    let Some((typed, second)) = codes(typed, entry, settings) else { return Judged::Malformed };
    if typed.is_empty() && second.as_ref().is_none_or(|second| second.is_empty()) {
        return Judged::Empty;
    }
    if now >= entry.code_expires {
        return Judged::Expired;
    }
    let formed = |code: &str| well_formed(code, settings);
    if !formed(&typed) || second.as_ref().is_some_and(|second| !formed(second)) {
        return Judged::Malformed;
    }
    let is = |generation, kept: &str| same(&hash(&typed, id, generation, keys), kept);
    let right = is(entry.generation, &entry.code);
    let (right, also) = match (&entry.also, second) {
        (Some(Also::Own { via, code }), Some(second)) => {
            let made = hash_second(&second, id, entry.generation, keys);
            (right & same(&made, code), Some(*via))
        }
        (Some(Also::Own { .. }), None) => return Judged::Malformed,
        _ => (right, None),
    };
    if bool::from(right) {
        return Judged::Right(Verified { method: entry.via, also });
    }
    // `old_codes` ends just before the code in force.
    let generations = (0..entry.generation).rev();
    let old = entry.old_codes.iter().rev().zip(generations);
    if old.fold(Choice::from(0), |any, (kept, number)| any | is(number, kept)).into() {
        return Judged::Old;
    }
    Judged::Wrong
}

/// The codes that were typed, the second where one is asked for: in a box of its own, or after the
/// first where a screen has one box.
fn codes(
    typed: Typed<'_>,
    entry: &ExpectEntry,
    settings: &OtpSettings,
) -> Option<(Zeroizing<String>, Option<Zeroizing<String>>)> {
    let one = normalise(typed.one, settings)?;
    if entry.second().is_none() {
        return Some((one, None));
    }
    if let Some(two) = typed.two {
        return Some((one, Some(normalise(two, settings)?)));
    }
    let (first, second) = one.split_at_checked(usize::from(length(settings)).min(one.len()))?;
    Some((Zeroizing::new(first.to_owned()), Some(Zeroizing::new(second.to_owned()))))
}

/// An entry as people type it becomes what was sent: digits of any script, wide letters, blanks
/// and hyphens. `None` for one that is too long to be a code.
fn normalise(typed: &str, settings: &OtpSettings) -> Option<Zeroizing<String>> {
    if typed.len() > MAX_TYPED {
        return None;
    }
    let mut out = Zeroizing::new(String::with_capacity(typed.len()));
    for c in typed.chars().filter(|c| !is_separator(*c)) {
        let plain = match c {
            '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
                char::from_u32(u32::from(c) - FULL_WIDTH).unwrap_or(c)
            }
            c => digit(c).unwrap_or(c),
        };
        out.push(if settings.alphanumeric { plain.to_ascii_uppercase() } else { plain });
    }
    Some(out)
}

/// The ASCII digit of a decimal digit of any script.
fn digit(c: char) -> Option<char> {
    let code = u32::from(c);
    let zero = ZEROS.iter().rev().find(|zero| **zero <= code)?;
    char::from_digit(code - zero, 10)
}

fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}'
            | '\u{2060}' | '\u{2212}' | '\u{30fc}' | '\u{fe58}' | '\u{fe63}' | '\u{feff}'
            | '\u{ff0d}' | '\u{ff70}')
}

fn well_formed(typed: &str, settings: &OtpSettings) -> bool {
    let legal = |byte: u8| {
        if settings.alphanumeric { byte.is_ascii_alphanumeric() } else { byte.is_ascii_digit() }
    };
    typed.len() == usize::from(length(settings)) && typed.bytes().all(legal)
}

fn same(one: &str, other: &str) -> Choice {
    one.as_bytes().ct_eq(other.as_bytes())
}

const DIGITS: &[u8] = b"0123456789";
/// No 0 O, 1 I.
const UNMISTAKABLE: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const MIN_DIGITS: u8 = 6;
const MIN_ALPHANUMERIC: u8 = 12;
const MAX_LENGTH: u8 = 32;
/// Bytes of the longest entry that is looked at.
const MAX_TYPED: usize = 256;
/// From full-width letters to ASCII.
const FULL_WIDTH: u32 = 0xfee0;
/// Zeros of the scripts with decimal digits, ascending.
const ZEROS: &[u32] = &[
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66,
    0xde6, 0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
];
