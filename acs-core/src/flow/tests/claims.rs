//! What an AReq claims, as facts for rules.

use serde_json::{Value, json};

use super::harness::{World, areq, card};
use crate::element::MessageVersion;
use crate::message::tests::browser_areq;
use crate::message::{AReq, AtAreqEndpoint, ReadRules, read_areq};
use crate::policy::{Condition, Rule, RuleOutcome};
use crate::profile::CardLookup;

/// Whether an AReq of the newest version with these members fulfils the condition, and its *why*.
fn holds(more: Value, when: Condition) -> (bool, Value) {
    let mut world = World::new();
    let (name, then) = ("claims".to_owned(), RuleOutcome::Accept);
    world.issuer.rules = vec![Rule { name, when, then, exemption: None }];
    let areq = read(more);
    let ares = world.authenticate(&areq, CardLookup::Found(card()));
    (ares["transStatus"] == "Y", world.event("areq-answered").clone())
}

/// A typed AReq whose claims were read from JSON.
fn read(more: Value) -> AReq {
    let mut message = browser_areq("2.3.1");
    for (name, value) in more.as_object().unwrap() {
        message[name] = value.clone();
    }
    let rules = ReadRules {
        versions: MessageVersion::ALL.to_vec(),
        agreed_values: Vec::new(),
        known_extensions: Vec::new(),
        accepted_iso_codes: Vec::new(),
    };
    match read_areq(message.to_string().as_bytes(), &rules).unwrap() {
        AtAreqEndpoint::AReq(read) => AReq { claims: read.claims, ..areq(MessageVersion::V231) },
        other => panic!("{other:?}"),
    }
}

fn list(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

/// [P-231-01]
#[test]
fn an_authentication_by_the_requestor_is_judged_as_one() {
    let info = |method: &str, at: &str, verified: &str| {
        let mut info = json!({"threeDSReqAuthMethod": method, "threeDSReqAuthTimestamp": at,
            "dsAuthInfVerifInd": verified});
        if method == "06" {
            info["threeDSReqAuthData"] = json!("ZmlkbyBkYXRh");
        }
        info
    };
    // The world's clock stands at 2025-10-09 08:53 UTC.
    let two = json!({"threeDSRequestorAuthenticationInfo":
        [info("06", "202510090850", "02"), info("02", "202510090100", "01")]});
    let when = |methods: &[&str], verified, minutes| Condition {
        requestor_auth_method: list(methods),
        requestor_auth_verified: verified,
        requestor_auth_minutes_below: minutes,
        ..Condition::default()
    };
    for (condition, expected) in [
        (when(&["06", "07"], None, None), true),
        (when(&["06"], Some(true), None), false),
        (when(&["02"], Some(true), None), true),
        (when(&["02"], Some(true), Some(60)), false),
        (when(&[], None, Some(60)), true),
        (when(&["04"], None, None), false),
    ] {
        let (held, why) = holds(two.clone(), condition.clone());
        assert_eq!(held, expected, "{condition:?}");
        assert_eq!(why["requestor_auth"], "06-,02+");
    }
    let by_ds = |methods: &[&str], result: &str, data| Condition {
        requestor_auth_method: list(methods),
        requestor_auth_result: list(&[result]),
        requestor_auth_data: Some(data),
        ..Condition::default()
    };
    assert!(holds(two.clone(), by_ds(&["06"], "02", true)).0);
    assert!(holds(two.clone(), by_ds(&["02"], "01", false)).0);
    assert!(!holds(two.clone(), by_ds(&["06"], "02", false)).0);
    assert!(!holds(two, by_ds(&[], "01", true)).0, "of one and the same authentication");
    assert!(!holds(json!({}), when(&["06"], None, None)).0, "what is absent does not hold");
    let future = json!({"threeDSRequestorAuthenticationInfo": [info("06", "202612312359", "01")]});
    assert!(!holds(future, when(&["06"], None, Some(60))).0);
}

#[test]
fn recurring_payments_and_multi_transactions_are_facts() {
    let recurring = json!({
        "threeDSRequestorAuthenticationInd": "02",
        "recurringInd": {"amountInd": "01", "frequencyInd": "01"},
        "recurringAmount": "980", "recurringCurrency": "392", "recurringExponent": "0",
        "recurringFrequency": "30", "recurringDate": "20261231", "recurringExpiry": "20281231",
        "multiTransaction": {"merchantList": [
            {"merchantNameListed": "One"}, {"merchantNameListed": "Two"}]},
    });
    let below = |limit| Condition {
        recurring_currency: list(&["392"]),
        recurring_amount_below: Some(limit),
        ..Condition::default()
    };
    let cases = [
        (Condition { recurring: Some(true), ..Condition::default() }, true),
        (Condition { recurring: Some(false), ..Condition::default() }, false),
        (Condition { recurring_amount_fixed: Some(true), ..Condition::default() }, true),
        (Condition { recurring_amount_fixed: Some(false), ..Condition::default() }, false),
        (below(1000), true),
        (below(980), false),
        (Condition { multi_transaction: Some(true), ..Condition::default() }, true),
        (Condition { merchants_at_least: Some(2), ..Condition::default() }, true),
        (Condition { merchants_at_least: Some(3), ..Condition::default() }, false),
        (Condition { requestor_id: list(&["another"]), ..Condition::default() }, false),
        (Condition { requestor_id: list(&["requestor"]), ..Condition::default() }, true),
    ];
    for (condition, expected) in cases {
        let (held, why) = holds(recurring.clone(), condition.clone());
        assert_eq!(held, expected, "{condition:?}");
        assert_eq!((&why["recurring"], &why["merchants"]), (&json!(true), &json!(2)));
    }
    assert!(!holds(json!({}), below(1000)).0);
}
