//! ARes: statuses, reasons and elements by card, rule, version, channel and category.

use serde_json::Value;

use super::harness::{Seen as _, World, areq, card};
use crate::element::{MessageCategory, MessageVersion, TransStatus};
use crate::message::AReq;
use crate::policy::{Condition, Rule, RuleOutcome};
use crate::profile::{Card, CardLookup, CardState, Contacts, ScriptedOutcome};

fn answer(set: impl FnOnce(&mut World), areq: &AReq, card: CardLookup) -> Value {
    let mut world = World::new();
    set(&mut world);
    world.authenticate(areq, card);
    let why = world.event("areq-answered");
    assert_eq!(why["status"], world.ares["transStatus"]);
    assert_eq!(why.get("reason"), world.ares.get("transStatusReason"));
    assert!(!why.to_string().contains("4000000000001091"));
    assert!(!world.state.contains("4000000000001091"));
    world.ares
}

fn with_rule(then: RuleOutcome) -> impl FnOnce(&mut World) {
    |world| {
        let name = "test".to_owned();
        world.issuer.rules = vec![Rule { name, when: Condition::default(), then, exemption: None }];
    }
}

fn found(change: impl FnOnce(&mut Card)) -> CardLookup {
    let mut card = card();
    change(&mut card);
    CardLookup::Found(card)
}

fn in_state(state: CardState) -> CardLookup {
    found(|card| card.state = state)
}

#[test]
fn card_states_have_their_standard_outcomes() {
    let technical = |version| if version == MessageVersion::V210 { "07" } else { "22" };
    for version in MessageVersion::ALL {
        for (card, status, reason) in [
            (in_state(CardState::Active), "C", None),
            (in_state(CardState::NotActivated), "N", Some("13")),
            (in_state(CardState::NotEnrolled), "N", Some("13")),
            (in_state(CardState::Suspended), "N", Some("12")),
            (in_state(CardState::Lost), "R", Some("10")),
            (in_state(CardState::Stolen), "R", Some("10")),
            (in_state(CardState::Expired), "N", Some("05")),
            (found(|card| card.expiry = Some("2911".to_owned())), "N", Some("05")),
            (found(|card| card.expiry = None), "C", None),
            (found(|card| card.contacts = Contacts::default()), "N", Some("13")),
            (CardLookup::Unknown, "N", Some("08")),
            (CardLookup::Failed, "U", Some(technical(version))),
        ] {
            let name = format!("{version} {card:?}");
            let ares = answer(|_| {}, &areq(version), card);
            assert_eq!(ares["transStatus"], status, "{name}");
            assert_eq!(ares.get("transStatusReason").and_then(Value::as_str), reason, "{name}");
        }
    }
}

#[test]
fn elements_follow_status_and_version() {
    let outcomes = [
        ("Y", RuleOutcome::Accept),
        ("A", RuleOutcome::Attempt),
        ("C", RuleOutcome::Challenge { mandated: false }),
        ("N", RuleOutcome::Deny { reason: "04".to_owned() }),
        ("R", RuleOutcome::Reject { reason: "11".to_owned() }),
        ("U", RuleOutcome::Unavailable { reason: "07".to_owned() }),
    ];
    for version in MessageVersion::ALL {
        for (status, outcome) in outcomes.clone() {
            let ares = answer(with_rule(outcome), &areq(version), in_state(CardState::Active));
            let has = |name: &str| ares.get(name).is_some();
            let proven = ["Y", "A"].contains(&status);
            let newest = version == MessageVersion::V231;
            let name = format!("{version} {status} {ares}");
            assert_eq!(ares["transStatus"], status, "{name}");
            assert_eq!(ares["messageVersion"], version.as_str());
            assert_eq!(has("authenticationValue"), proven, "{name}");
            assert_eq!(has("eci"), status != "C", "{name}");
            assert_eq!(has("transStatusReason"), ["N", "R", "U"].contains(&status), "{name}");
            assert_eq!(has("acsURL"), status == "C", "{name}");
            assert_eq!(has("acsChallengeMandated"), status == "C", "{name}");
            assert_eq!(has("authenticationType"), status == "C" && !newest, "{name}");
            assert_eq!(has("authenticationMethod"), status == "C" && newest, "{name}");
            assert_eq!(ares["acsOperatorID"], "ACS-OP");
            assert!(!has("sdkTransID") && !has("threeDSRequestorAppURLInd"), "{name}");
        }
    }
}

#[test]
fn each_proof_has_its_own_value_and_the_facts_bind_it() {
    let value_of = |outcome| {
        let mut world = World::new();
        with_rule(outcome)(&mut world);
        world.authenticate(&areq(MessageVersion::V220), in_state(CardState::Active));
        let value = world.ares["authenticationValue"].as_str().unwrap().to_owned();
        assert_eq!(value.len(), 28);
        assert!(world.is_value(&value));
        world.pan = crate::element::Pan::parse("4000000000001000").unwrap();
        assert!(!world.is_value(&value), "bound to the account");
        value
    };
    assert_ne!(value_of(RuleOutcome::Accept), value_of(RuleOutcome::Attempt));
}

#[test]
fn reasons_are_those_of_the_version() {
    use MessageVersion as V;
    for (version, configured, sent) in [
        (V::V210, "21", "21"),
        (V::V210, "22", "01"),
        (V::V220, "26", "26"),
        (V::V220, "27", "01"),
        (V::V231, "30", "30"),
        (V::V231, "31", "01"),
        (V::V231, "00", "01"),
        (V::V231, "x", "01"),
        (V::V210, "80", "80"),
        (V::V220, "85", "85"),
        (V::V231, "99", "99"),
    ] {
        let deny = with_rule(RuleOutcome::Deny { reason: configured.to_owned() });
        let ares = answer(deny, &areq(version), in_state(CardState::Active));
        assert_eq!(ares["transStatus"], "N", "{version} {configured}");
        assert_eq!(ares["transStatusReason"], sent, "{version} {configured}");
    }
}

#[test]
fn suspended_cards_tell_their_holder_whom_to_ask() {
    for version in MessageVersion::ALL {
        let ares = answer(|_| {}, &areq(version), in_state(CardState::Suspended));
        let info = &ares["cardholderInfo"];
        let text = if version == MessageVersion::V231 { &info["text"] } else { info };
        assert!(text.as_str().unwrap().starts_with("アルファ銀行が"), "{version} {info}");
    }
}

#[test]
fn indicator_06_forbids_a_challenge_wherever_it_stands() {
    for indicators in [["06", "09"], ["09", "06"]] {
        let mut areq = areq(MessageVersion::V231);
        areq.challenge_ind = indicators.map(str::to_owned).to_vec();
        let ares = answer(|_| {}, &areq, in_state(CardState::Active));
        assert_eq!((&ares["transStatus"], &ares["transStatusReason"]), (&"N".into(), &"01".into()));
        let ares = answer(with_rule(RuleOutcome::Accept), &areq, in_state(CardState::Active));
        assert_eq!(ares["transStatus"], "Y");
    }
}

#[test]
fn nothing_is_challenged_where_its_result_could_not_go() {
    for version in MessageVersion::ALL {
        let technical = if version == MessageVersion::V210 { "07" } else { "22" };
        let no_url = |world: &mut World| world.notification_url_allowed = false;
        let ares = answer(no_url, &areq(version), in_state(CardState::Active));
        assert_eq!(ares["transStatus"], "U");
        assert_eq!(ares["transStatusReason"], technical);

        let mut world = World::new();
        world.ds_url_allowed = false;
        with_rule(RuleOutcome::Accept)(&mut world);
        world.authenticate(&areq(version), in_state(CardState::Active));
        assert_eq!(world.ares["transStatus"], "U");
        assert_eq!(world.event("foreign-ds-url")["ds"], "ds-a");
    }
}

#[test]
fn non_payment_values_are_the_directory_servers_choice() {
    let npa = AReq {
        category: MessageCategory::NonPayment,
        purchase: None,
        ..areq(MessageVersion::V220)
    };
    for (wanted, sent) in [(false, false), (true, true)] {
        let set = |world: &mut World| {
            world.ds.npa_authentication_value = wanted;
            with_rule(RuleOutcome::Accept)(world);
        };
        let ares = answer(set, &npa, in_state(CardState::Active));
        assert_eq!(ares.get("authenticationValue").is_some(), sent);
        assert_eq!(ares["transStatus"], "Y");
    }
}

#[test]
fn scripts_need_the_issuers_consent_and_never_beat_the_card_state() {
    let scripted = |status, reason: Option<&str>| {
        let reason = reason.map(str::to_owned);
        found(|card| card.outcome = Some(ScriptedOutcome { status, reason }))
    };
    let consent = |world: &mut World| world.issuer.scripted_outcomes = true;
    let areq = areq(MessageVersion::V210);
    let yes = || scripted(TransStatus::Authenticated, None);
    assert_eq!(answer(|_| {}, &areq, yes())["transStatus"], "C");
    assert_eq!(answer(consent, &areq, yes())["transStatus"], "Y");
    for (status, reason, sent) in [
        (TransStatus::Rejected, Some("11"), Some("11")),
        (TransStatus::NotAuthenticated, None, Some("01")),
        (TransStatus::Unavailable, None, Some("07")),
        (TransStatus::Unavailable, Some("22"), Some("07")),
        (TransStatus::Attempted, None, None),
        (TransStatus::ChallengeRequired, None, None),
    ] {
        let ares = answer(consent, &areq, scripted(status, reason));
        assert_eq!(ares["transStatus"], status.code());
        assert_eq!(ares.get("transStatusReason").and_then(Value::as_str), sent);
    }
    let stolen = found(|card| {
        card.state = CardState::Stolen;
        let status = TransStatus::Authenticated;
        card.outcome = Some(ScriptedOutcome { status, reason: None });
    });
    assert_eq!(answer(consent, &areq, stolen)["transStatus"], "R");
}

#[test]
fn rules_fire_in_order_and_absent_elements_match_nothing() {
    let small = |below| Rule {
        name: "small".to_owned(),
        when: Condition {
            currency: vec!["392".to_owned()],
            amount_below: Some(below),
            ..Condition::default()
        },
        then: RuleOutcome::Accept,
        exemption: None,
    };
    let rules = |below| move |world: &mut World| world.issuer.rules = vec![small(below)];
    let status = |below, areq: &AReq| {
        answer(rules(below), areq, in_state(CardState::Active))["transStatus"].clone()
    };
    let usual = areq(MessageVersion::V220);
    assert_eq!(status(12_801, &usual), "Y");
    assert_eq!(status(12_800, &usual), "C");
    let mut coarse = areq(MessageVersion::V220);
    let purchase = coarse.purchase.as_mut().unwrap();
    (purchase.amount, purchase.exponent) = ("1280000".to_owned(), 2);
    assert_eq!(status(12_801, &coarse), "Y", "compared in the currency's own units");
    let mut huge = areq(MessageVersion::V220);
    huge.purchase.as_mut().unwrap().amount = "9".repeat(48);
    assert_eq!(status(u64::MAX, &huge), "C");
    let mut none = areq(MessageVersion::V220);
    none.category = MessageCategory::NonPayment;
    none.purchase = None;
    assert_eq!(status(u64::MAX, &none), "C");
}

#[test]
fn an_answer_the_dictionary_refuses_becomes_a_plain_u() {
    let mut world = World::new();
    world.ds.eci.authenticated = Some("not an eci".to_owned());
    with_rule(RuleOutcome::Accept)(&mut world);
    world.authenticate(&areq(MessageVersion::V220), in_state(CardState::Active));
    assert_eq!(world.ares["transStatus"], "U");
    assert_eq!(world.ares["transStatusReason"], "22");
    assert!(world.ares.get("eci").is_none());
    assert_eq!(world.event("ares-unbuildable")["elements"], "eci");
    assert_eq!(world.event("areq-answered")["rule"], "ares-unbuildable");
    assert!(!world.is_open());
}

#[test]
fn states_of_other_formats_are_refused() {
    let world = World::challenged(MessageVersion::V220);
    let newer = world.state.replacen("\"f\":1", "\"f\":2", 1);
    assert_ne!(newer, world.state);
    let error = crate::flow::Transaction::from_json(newer.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("state format 2"), "{error}");
}

#[test]
fn stored_states_are_small_and_come_back_whole() {
    let mut world = World::new();
    with_rule(RuleOutcome::Accept)(&mut world);
    world.authenticate(&areq(MessageVersion::V220), in_state(CardState::Active));
    assert!(world.state.len() < 700, "{} bytes: {}", world.state.len(), world.state);
    let back = world.transaction().to_json().unwrap();
    assert_eq!(back, world.state.as_bytes());
    let mut world = World::shown(MessageVersion::V220);
    world.form("submit", "000000").code();
    let back = world.transaction().to_json().unwrap();
    assert_eq!(back, world.state.as_bytes());
}
