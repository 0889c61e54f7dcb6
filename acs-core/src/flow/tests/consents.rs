//! Trust lists and device binding, asked, reported, kept and honoured.

use serde_json::{Value, json};

use super::harness::{Seen as _, World, areq, card};
use crate::element::{DeviceChannel, MessageCategory, MessageVersion};
use crate::flow::challenge::token_mark;
use crate::flow::consent::{Choice, Consent, ConsentKind};
use crate::message::{AReq, ClaimedStatus, Claims};
use crate::policy::{Condition, Rule, RuleOutcome};
use crate::profile::{CardLookup, ConsentSettings, MerchantKey};

const NEWEST: MessageVersion = MessageVersion::V231;

fn asking() -> World {
    let mut world = World::new();
    world.issuer.consents =
        ConsentSettings { trust_list: true, device_binding: true, ..ConsentSettings::off() };
    world
}

fn ask(world: &mut World, areq: &AReq) -> Value {
    world.authenticate(areq, CardLookup::Found(card())).clone()
}

fn ticked(trust: bool, bind: bool) -> Choice {
    Choice { trust, bind, device: None }
}

/// A challenge to its RReq with a right code and these ticks.
fn agreed(version: MessageVersion, choice: Choice) -> World {
    let mut world = asking();
    ask(&mut world, &areq(version));
    let creq = world.creq();
    world.send_creq(&creq).code();
    let (token, code) = (world.token.clone(), world.code());
    world.form_choosing(&token, "submit", &code, choice);
    world
}

fn of(message: &Value, names: [&str; 6]) -> [Value; 6] {
    names.map(|name| message[name].clone())
}

fn statuses(message: &Value) -> [Value; 6] {
    of(
        message,
        [
            "whiteListStatus",
            "whiteListStatusSource",
            "trustListStatus",
            "trustListStatusSource",
            "deviceBindingStatus",
            "deviceBindingStatusSource",
        ],
    )
}

/// [P-RREQ-04, P-AV-07, Note 104]
#[test]
fn without_the_account_number_there_is_no_value_and_nothing_is_agreed() {
    for version in MessageVersion::ALL {
        let mut world = asking();
        ask(&mut world, &areq(version));
        let creq = world.creq();
        world.send_creq(&creq).code();
        world.has_account = false;
        let (token, code) = (world.token.clone(), world.code());
        world.form_choosing(&token, "submit", &code, ticked(true, true));
        let rreq = world.rreq();
        assert_eq!((&rreq["transStatus"], &rreq["challengeCancel"]), (&"U".into(), &"06".into()));
        for foreign in ["authenticationValue", "whiteListStatus", "trustListStatus"] {
            assert!(rreq.get(foreign).is_none(), "{rreq}");
        }
        assert!(world.consents.is_empty());
        assert_eq!(world.event("rreq-unbuildable")["elements"], "acctNumber");
        world.answer_rreq();
        assert_eq!(world.current().last().1["transStatus"], "N");
    }
    // Where no value is due, nothing lacks.
    let mut world = asking();
    let non_payment =
        AReq { category: MessageCategory::NonPayment, purchase: None, ..areq(NEWEST) };
    ask(&mut world, &non_payment);
    let creq = world.creq();
    world.send_creq(&creq).code();
    world.has_account = false;
    let code = world.code();
    world.form("submit", &code);
    assert_eq!(world.rreq()["transStatus"], "Y");
}

#[test]
fn boxes_are_offered_where_the_version_knows_them_and_never_ticked() {
    for (version, expected) in [
        (MessageVersion::V210, (None, None)),
        (MessageVersion::V220, (Some(false), None)),
        (NEWEST, (Some(false), Some(false))),
    ] {
        let mut world = asking();
        ask(&mut world, &areq(version));
        let creq = world.creq();
        let page = world.send_creq(&creq).code();
        assert_eq!((page.trust, page.bind), expected, "{version}");
        let (token, wrong) = (world.token.clone(), world.wrong_code());
        let page = world.form_choosing(&token, "submit", &wrong, ticked(true, true)).code();
        let kept = (expected.0.map(|_| true), expected.1.map(|_| true));
        assert_eq!((page.trust, page.bind), kept, "ticks stay after a wrong code");
        assert!(world.consents.is_empty(), "nobody was verified yet");
    }
}

#[test]
fn a_verified_cardholders_choice_is_kept_and_reported() {
    let n = Value::Null;
    let world = agreed(MessageVersion::V210, ticked(true, true));
    assert_eq!(statuses(&world.rreq()), [(); 6].map(|()| n.clone()));
    assert!(world.consents.is_empty());

    let world = agreed(MessageVersion::V220, ticked(true, true));
    let expected = [json!("Y"), json!("03"), n.clone(), n.clone(), n.clone(), n.clone()];
    assert_eq!(statuses(&world.rreq()), expected);
    assert_eq!(world.consents.len(), 1);
    assert!(world.consents[0].given);

    let mut world = agreed(NEWEST, ticked(true, true));
    let (y, n3) = (json!("Y"), json!("03"));
    let expected = [n.clone(), n.clone(), y, n3.clone(), json!("14"), n3.clone()];
    assert_eq!(statuses(&world.rreq()), expected);
    assert_eq!(world.consents.len(), 2);
    world.answer_rreq();
    let (page, _) = world.current().last();
    assert!(page.device_cookie.is_some(), "the last page sets the device's cookie");
    let bearer = token_mark(&world.token, &world.keys);
    assert!(bearer.is_some() && bearer == page.device_cookie_for, "for who posted the code");
    assert_eq!(world.current().last().0.device_cookie, page.device_cookie, "the same again");
    assert!(!world.state.contains(&page.device_cookie.unwrap()));

    let mut world = agreed(NEWEST, ticked(false, false));
    let expected = [n.clone(), n, json!("N"), n3.clone(), json!("04"), n3];
    assert_eq!(statuses(&world.rreq()), expected);
    assert_eq!(world.consents.len(), 1, "no device, nothing to refuse");
    assert!(!world.consents[0].given);
    world.answer_rreq();
    assert_eq!(world.current().last().0.device_cookie, None);
}

#[test]
fn nothing_is_agreed_without_the_right_code() {
    for action in ["submit", "cancel"] {
        let mut world = asking();
        ask(&mut world, &areq(NEWEST));
        let creq = world.creq();
        world.send_creq(&creq).code();
        for _ in 0..3 {
            if world.is_open() {
                let (token, wrong) = (world.token.clone(), world.wrong_code());
                world.form_choosing(&token, action, &wrong, ticked(true, true));
            }
        }
        let rreq = world.rreq();
        assert_eq!(rreq["transStatus"], "N");
        assert_eq!(statuses(&rreq), [(); 6].map(|()| Value::Null));
        assert!(world.consents.is_empty());
    }
}

fn trusting(name: &str, wanted: bool) -> Rule {
    Rule {
        name: name.to_owned(),
        when: Condition { trusted_merchant: Some(wanted), ..Condition::default() },
        then: RuleOutcome::Accept,
        exemption: None,
    }
}

#[test]
fn a_trusted_merchant_is_a_fact_for_rules_and_told_in_the_ares() {
    let consents = agreed(NEWEST, ticked(true, false)).consents;
    for version in MessageVersion::ALL {
        let mut world = asking();
        world.consents.clone_from(&consents);
        world.issuer.rules = vec![trusting("trusted", true)];
        let ares = ask(&mut world, &areq(version));
        assert_eq!(ares["transStatus"], "Y", "{version}");
        assert_eq!(world.event("areq-answered")["rule"], "trusted");
        let told = statuses(&ares);
        match version {
            MessageVersion::V210 => assert_eq!(told, [(); 6].map(|()| Value::Null)),
            MessageVersion::V220 => assert_eq!(told[..2], [json!("Y"), json!("03")]),
            MessageVersion::V231 => assert_eq!(told[2..4], [json!("Y"), json!("03")]),
        }
        // Another merchant number, another DS: not what the cardholder agreed to.
        let mut other = areq(version);
        other.merchant.acquirer_merchant_id = Some("shop-2".to_owned());
        assert_eq!(ask(&mut world, &other)["transStatus"], "C");
        world.ds.id = "ds-b".to_owned();
        assert_eq!(ask(&mut world, &areq(version))["transStatus"], "C");
    }
}

#[test]
fn a_trust_list_may_cover_the_whole_requestor() {
    let mut world = asking();
    world.issuer.consents.merchant_key = MerchantKey::Requestor;
    ask(&mut world, &areq(NEWEST));
    let creq = world.creq();
    world.send_creq(&creq).code();
    let (token, code) = (world.token.clone(), world.code());
    world.form_choosing(&token, "submit", &code, ticked(true, false));
    let consents = world.consents;
    let mut world = asking();
    world.issuer.consents.merchant_key = MerchantKey::Requestor;
    world.consents = consents;
    let mut other = areq(NEWEST);
    other.merchant.acquirer_merchant_id = None;
    assert_eq!(ask(&mut world, &other)["trustListStatus"], "Y");
}

#[test]
fn a_refusal_or_a_claim_of_others_trusts_nobody() {
    let refused = agreed(NEWEST, ticked(false, false)).consents;
    let mut world = asking();
    world.consents = refused;
    world.issuer.rules = vec![trusting("trusted", true)];
    let mut areq = areq(NEWEST);
    let says =
        |status: &str| Some(ClaimedStatus { status: status.to_owned(), source: "01".to_owned() });
    areq.claims = Claims { trust_list: says("Y"), device_binding: says("14"), ..Claims::default() };
    let ares = ask(&mut world, &areq);
    assert_eq!(ares["transStatus"], "C");
    let n3 = json!("03");
    assert_eq!(statuses(&ares)[2..], [json!("N"), n3.clone(), json!("05"), n3.clone()]);
    world.issuer.consents = ConsentSettings::off();
    let ares = ask(&mut world, &areq);
    assert_eq!(statuses(&ares)[2..], [json!("E"), n3.clone(), json!("02"), n3]);
}

#[test]
fn status_checks_are_answered_from_the_list() {
    let consents = agreed(NEWEST, ticked(true, false)).consents;
    for (version, name) in [(MessageVersion::V220, "whiteListStatus"), (NEWEST, "trustListStatus")]
    {
        for (known, expected) in [(consents.clone(), "Y"), (Vec::new(), "N")] {
            let mut world = asking();
            world.consents = known;
            let mut check = areq(version);
            check.channel = DeviceChannel::ThreeRi;
            check.category = MessageCategory::NonPayment;
            check.browser = None;
            check.three_ri_ind = Some("10".to_owned());
            let ares = ask(&mut world, &check);
            assert_eq!(ares[name], expected, "{version}");
        }
    }
}

#[test]
fn a_bound_device_is_recognised_by_its_cookie() {
    let world = agreed(NEWEST, ticked(false, true));
    let bound: Vec<Consent> =
        world.consents.iter().filter(|c| c.kind == ConsentKind::DeviceBinding).cloned().collect();
    let device = world.device_of_cookie();
    let mut world = asking();
    world.consents = bound;
    world.issuer.rules = vec![Rule {
        name: "own device".to_owned(),
        when: Condition { bound_device: Some(true), ..Condition::default() },
        then: RuleOutcome::Accept,
        exemption: None,
    }];
    assert_eq!(ask(&mut world, &areq(NEWEST))["transStatus"], "C", "no cookie was seen");
    world.device = device;
    let ares = ask(&mut world, &areq(NEWEST));
    assert_eq!((&ares["transStatus"], &ares["deviceBindingStatus"]), (&json!("Y"), &json!("14")));
    world.consents.clear();
    assert_eq!(ask(&mut world, &areq(NEWEST))["transStatus"], "C", "bound to another card");
}
