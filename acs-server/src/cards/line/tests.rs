use proptest::prelude::*;

use super::*;
use crate::config::Profile::{Development, Production};

fn issuer() -> Issuer {
    toml::from_str(
        r#"
        id = "alpha"
        ds = ["ds-a"]
        ranges = [{ start = "4", end = "4" }]
        name = { ja = "A", en = "A" }
        [otp.gateway]
        kind = "outbox"
        file = "outbox.jsonl"
        "#,
    )
    .unwrap()
}

fn read(line: &str) -> Result<Option<Accepted>, Reason> {
    read_line(line.as_bytes(), Development, &issuer())
}

fn reason(line: &str) -> Reason {
    read(line).unwrap_err()
}

#[test]
fn a_full_line_and_a_bare_one() {
    let full = r#" {"pan":"4000000000001091","expiry":"3012","state":"lost",
        "contacts":{"sms":"+819012345678","email":"a@example.com"},
        "outcome":{"status":"N","reason":"05"}} "#;
    let card = read(&full.replace('\n', "")).unwrap().unwrap().card;
    assert_eq!((card.expiry.as_deref(), card.state), (Some("3012"), CardState::Lost));
    assert_eq!(card.contacts.sms.as_deref(), Some("+819012345678"));
    assert_eq!(card.contacts.email.as_deref(), Some("a@example.com"));
    assert_eq!(card.outcome.unwrap().reason.as_deref(), Some("05"));
    let bare = read(r#"{"pan":"4000000000001091","contacts":null}"#).unwrap().unwrap();
    assert_eq!((bare.card.expiry, bare.card.state), (None, CardState::Active));
    assert!(read(" \r").unwrap().is_none());
}

/// Nothing that a good line does not have is kept, and what is wrong with the line is said all the
/// same.
#[test]
fn deep_and_wide_lines_are_read_at_little_cost() {
    let with = |value: &str| reason(&format!(r#"{{"pan":"4000000000001091",{value}}}"#));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(
        with(&format!(r#""contacts":{{"sms":{deep}}}"#)),
        Reason::NotAString("contacts.sms")
    );
    let key = |value: &str| with(&format!(r#""passkeys":[{{"credential_id":{value}}}]"#));
    assert_eq!(key(&deep), Reason::NotAString("passkeys.credential_id"));
    assert_eq!(key("null"), Reason::Missing("passkeys.credential_id"));
    assert_eq!(with(&format!(r#""passkeys":[{}]"#, ["{}"; 500].join(","))), Reason::Passkeys);
    assert_eq!(with(&[r#""pan":1"#; 500].join(",")), Reason::RepeatedKey("pan"));
    assert!(matches!(with(&format!(r#""contacts":{{"sms":{deep}]}}"#)), Reason::NotJson(_)));
    assert!(matches!(with(&deep), Reason::NotJson(_)));
}

#[test]
fn each_rule_has_a_line_that_just_fails() {
    let with = |rest: &str| reason(&format!(r#"{{"pan":"4000000000001091",{rest}}}"#));
    assert!(matches!(reason(r#"{"pan":"#), Reason::NotJson(_)));
    assert_eq!(reason(r#"["4000000000001091"]"#), Reason::NotAnObject);
    assert_eq!(reason("{}"), Reason::Missing("pan"));
    assert_eq!(reason(r#"{"pan":4000000000001091}"#), Reason::NotAString("pan"));
    assert_eq!(reason(r#"{"pan":"400000000000"}"#), Reason::Pan);
    assert_eq!(reason(r#"{"pan":"5000000000000009"}"#), Reason::NotIssued);
    assert_eq!(with(r#""pan":"4000000000001000""#), Reason::RepeatedKey("pan"));
    assert_eq!(with(r#""expiry":"3013""#), Reason::Expiry);
    assert_eq!(with(r#""expiry":"+101""#), Reason::Expiry);
    assert_eq!(with(r#""state":"Active""#), Reason::State);
    assert_eq!(with(r#""contacts":[]"#), Reason::NotAnObjectValue("contacts"));
    assert_eq!(with(r#""contacts":{"sms":"819012345678"}"#), Reason::Sms);
    assert_eq!(with(r#""contacts":{"email":"a@b@c"}"#), Reason::Email);
    assert_eq!(with(r#""outcome":{"status":"S"}"#), Reason::OutcomeStatus);
    assert_eq!(with(r#""outcome":{"status":"N","reason":"5"}"#), Reason::OutcomeReason);
    assert_eq!(read_line(b"\xff", Development, &issuer()).unwrap_err(), Reason::NotUtf8);
}

#[test]
fn unknown_keys_are_named_only_when_they_are_words() {
    let text = |line: &str| reason(line).to_string();
    assert_eq!(text(r#"{"contact":{}}"#), "unknown key \"contact\"");
    assert_eq!(text(r#"{"4000000000001091":1}"#), "unknown key");
    let nested = r#"{"pan":"4000000000001091","contacts":{"fax":"1"}}"#;
    assert_eq!(text(nested), "unknown key \"fax\" in \"contacts\"");
}

#[test]
fn production_wants_right_check_digits_and_no_outcomes() {
    let strict = |line: &str| read_line(line.as_bytes(), Production, &issuer());
    assert!(strict(r#"{"pan":"4111111111111111"}"#).unwrap().unwrap().luhn);
    assert_eq!(strict(r#"{"pan":"4111111111111112"}"#).unwrap_err(), Reason::CheckDigit);
    assert!(!read(r#"{"pan":"4111111111111112"}"#).unwrap().unwrap().luhn);
    let scripted = r#"{"pan":"4111111111111111","outcome":{"status":"Y"}}"#;
    assert_eq!(strict(scripted).unwrap_err(), Reason::OutcomeInProduction);
}

proptest! {
    #[test]
    fn bytes_never_make_it_panic(line: Vec<u8>) {
        let _ = read_line(&line, Development, &issuer()).map_err(|reason| reason.to_string());
    }

    #[test]
    fn json_never_makes_it_panic(
        pan in "[0-9a]{0,20}", expiry in ".{0,5}", sms in ".{0,17}", email in ".{0,20}",
    ) {
        let line = serde_json::json!({
            "pan": pan, "expiry": expiry, "contacts": { "sms": sms, "email": email },
        });
        if let Err(reason) = read(&line.to_string()) {
            // Digits of the line would be a number of more than two figures.
            let shown = reason.to_string();
            prop_assert!(pan.len() < 5 || !shown.contains(&pan));
        }
    }
}
