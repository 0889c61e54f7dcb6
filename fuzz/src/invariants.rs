//! What has to hold of every answer, besides that there is one.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};

use acs_core::dictionary::Message;
use acs_core::element::MessageVersion;
use acs_core::erro::{Fault, Rejection, erro};
use acs_core::outgoing;

use crate::random::hash;

/// Checks the Erro for a refused message; gives what of it is new or not.
///
/// # Panics
/// When the Erro breaks the dictionary or may show an account number, or when the reader calls
/// something else than bad JSON bad JSON.
#[must_use]
pub fn sound_refusal(rejection: &Rejection, data: &[u8]) -> u64 {
    let made = erro(rejection, &MessageVersion::ALL);
    let version = rejection.context.version.unwrap_or(MessageVersion::V231);
    if let Err(names) = outgoing::check(&made.body, Message::Erro, version, None, None) {
        panic!("the Erro breaks the dictionary at {names}");
    }
    assert!(digits_in_a_row(&made.body) < 13, "the Erro may show an account number");
    if is_sampled(data) {
        let json = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(data);
        let refused_as_json = rejection.fault == Fault::NotJson;
        assert_eq!(refused_as_json, json.is_err(), "serde_json disagrees about what is JSON");
    }
    let (first, more) = made.detail.split_once(',').unwrap_or((&made.detail, ""));
    let names = more.split(',').count().min(4);
    hash(format!("{} {} {first} {names} {version}", made.code.as_str(), made.rule).as_bytes())
}

/// Reads an accepted message again, as it came and written anew.
///
/// # Panics
/// When an answer differs.
pub fn same_again<T: Debug>(data: &[u8], answer: &T, read: impl Fn(&[u8]) -> Option<T>) {
    if !is_sampled(data) {
        return;
    }
    let first = format!("{answer:?}");
    let again = |data: &[u8]| read(data).map(|again| format!("{again:?}"));
    assert!(again(data).as_ref() == Some(&first), "the same message got another answer");
    let tree = serde_json::from_slice::<serde_json::Value>(data).expect("serde_json takes it too");
    let anew = tree.to_string();
    // A number written in another way may be longer than its element bears.
    if anew.len() <= data.len() {
        let answer = again(anew.as_bytes());
        assert!(answer.as_ref() == Some(&first), "the message written anew got another answer");
    }
}

/// Set while costs are measured: the dearer checks are not part of them.
pub static ONLY_READING: AtomicBool = AtomicBool::new(false);

/// Whether the dearer checks are made: for one input in eight, always the same.
#[must_use]
pub fn is_sampled(data: &[u8]) -> bool {
    !ONLY_READING.load(Ordering::Relaxed) && hash(data).is_multiple_of(8)
}

/// The longest run of digits.
#[must_use]
pub fn digits_in_a_row(text: &[u8]) -> usize {
    text.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len).max().unwrap_or_default()
}
