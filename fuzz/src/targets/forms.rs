//! Decoders of browser forms.

use std::sync::LazyLock;

use acs_core::crypto::ChallengeKeys;
use acs_core::flow::challenge::token_transaction;
use acs_core::message::peek_ids;
use acs_server::http::forms;
use zeroize::Zeroizing;

use crate::random::hash;

/// The form that opens a challenge, and the CReq in it.
#[must_use]
pub fn creq_form(data: &[u8]) -> u64 {
    let Some(form) = forms::creq(data) else { return 0 };
    let long = form.session_data.as_ref().is_some_and(|text| text.len() > forms::MAX_SESSION_DATA);
    assert!(!long, "too much session data is taken");
    assert_eq!(peek_ids(&form.creq).acs_trans_id, Some(form.acs_trans_id));
    super::creq(&form.creq) ^ u64::from(form.session_data.is_some())
}

/// A form of our own pages: nobody makes a token that is taken for ours.
#[must_use]
pub fn page_form(data: &[u8]) -> u64 {
    static KEYS: LazyLock<ChallengeKeys> = LazyLock::new(|| ChallengeKeys {
        otp: Zeroizing::new([0x51; 32]),
        token: Zeroizing::new([0x52; 32]),
    });
    let form = forms::page(data);
    assert!(token_transaction(&form.token, &KEYS).is_none(), "a forged token is taken");
    let seen = (form.action.len().min(9), form.entry.is_empty(), form.language.is_some());
    hash(format!("{} {seen:?}", form.token.len().min(80)).as_bytes())
}

/// A form of a 3DS Method run.
#[must_use]
pub fn method_form(data: &[u8]) -> u64 {
    let Some(form) = forms::method(data) else { return 0 };
    assert!(!form.start.is_empty(), "a run without its start");
    hash(format!("{} {}", form.notification_url.is_some(), form.found.is_some()).as_bytes())
}
