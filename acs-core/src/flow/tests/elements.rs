//! Elements that policy and records decide: exemptions, card security codes, device data.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::harness::{Seen as _, World, app_areq, areq, card};
use crate::element::{DeviceChannel, MessageCategory, MessageVersion, Pan};
use crate::message::{AReq, AppData, DeviceData, MultiTransaction};
use crate::policy::{Condition, Exemption, Rule, RuleOutcome};
use crate::profile::{Card, CardLookup};
use crate::security_code::{SecurityCode, SecurityCodeKey};

const NEWEST: MessageVersion = MessageVersion::V231;

fn ruled(then: RuleOutcome, exemption: Exemption) -> impl Fn(&mut World) {
    move |world| {
        let (name, when) = ("exempt".to_owned(), Condition::default());
        let (then, exemption) = (then.clone(), Some(exemption));
        world.issuer.rules = vec![Rule { name, when, then, exemption }];
    }
}

fn answer(set: &dyn Fn(&mut World), areq: &AReq, card: Card) -> World {
    let mut world = World::new();
    world.issuer.default_outcome = RuleOutcome::Challenge { mandated: false };
    set(&mut world);
    world.authenticate(areq, CardLookup::Found(card));
    world
}

/// [P-ARES-19, Note 113]
#[test]
fn an_exemption_is_named_by_the_rule_that_used_it_and_in_2_3_1_only() {
    for (exemption, code) in [
        (Exemption::RiskAnalysis, "05"),
        (Exemption::TrustList, "08"),
        (Exemption::LowValue, "10"),
        (Exemption::SecureCorporate, "11"),
        (Exemption::None, "79"),
    ] {
        for version in MessageVersion::ALL {
            let world = answer(&ruled(RuleOutcome::Accept, exemption), &areq(version), card());
            let expected = if version == NEWEST { json!(code) } else { Value::Null };
            assert_eq!(world.ares["transStatus"], "Y");
            assert_eq!(world.ares["transChallengeExemption"], expected, "{version}");
            assert!(world.event("areq-answered")["exemption"].is_string());
        }
    }
    let wishing = AReq { challenge_ind: vec!["05".to_owned()], ..areq(NEWEST) };
    let informed = answer(&ruled(RuleOutcome::Inform, Exemption::RiskAnalysis), &wishing, card());
    assert_eq!(informed.ares["transStatus"], "I");
    assert_eq!(informed.ares["transChallengeExemption"], "05");
}

/// [P-ARES-19]
#[test]
fn what_is_challenged_or_decided_without_the_rule_has_no_exemption() {
    let mandated = AReq { challenge_ind: vec!["04".to_owned()], ..areq(NEWEST) };
    let low = ruled(RuleOutcome::Accept, Exemption::LowValue);
    let challenged = answer(&low, &mandated, card());
    assert_eq!(challenged.ares["transStatus"], "C");
    assert!(challenged.ares.get("transChallengeExemption").is_none());
    for then in [
        RuleOutcome::Challenge { mandated: false },
        RuleOutcome::Attempt,
        RuleOutcome::Deny { reason: "01".to_owned() },
    ] {
        let world = answer(&ruled(then, Exemption::LowValue), &areq(NEWEST), card());
        assert!(world.ares.get("transChallengeExemption").is_none(), "{}", world.ares);
    }
    let accept = |world: &mut World| world.issuer.default_outcome = RuleOutcome::Accept;
    let plain = answer(&accept, &areq(NEWEST), card());
    assert_eq!(plain.ares["transStatus"], "Y");
    assert!(plain.ares.get("transChallengeExemption").is_none());
}

#[test]
fn an_exemption_needs_the_conditions_it_is_about() {
    let rule = |then, when, exemption| {
        let (name, exemption) = ("rule".to_owned(), Some(exemption));
        Rule { name, when, then, exemption }.exemption_finding()
    };
    let trusted = Condition { trusted_merchant: Some(true), ..Condition::default() };
    let low = Condition { amount_below: Some(3000), ..Condition::default() };
    let none = Condition::default;
    assert_eq!(rule(RuleOutcome::Accept, trusted, Exemption::TrustList), None);
    assert_eq!(rule(RuleOutcome::Accept, low, Exemption::LowValue), None);
    assert_eq!(rule(RuleOutcome::Inform, none(), Exemption::RiskAnalysis), None);
    assert!(rule(RuleOutcome::Accept, none(), Exemption::TrustList).is_some());
    assert!(rule(RuleOutcome::Accept, none(), Exemption::LowValue).is_some());
    assert!(rule(RuleOutcome::Attempt, none(), Exemption::None).is_some());
}

fn coded(areq: AReq, code: &str) -> AReq {
    AReq { security_code: SecurityCode::parse(code), ..areq }
}

fn key() -> SecurityCodeKey {
    SecurityCodeKey::new(&[7; 32])
}

fn recorded(areq: &AReq) -> Card {
    let code = SecurityCode::parse("123").unwrap();
    Card { security_code: Some(key().record(&areq.pan, &code)), ..card() }
}

/// [P-231-04, P-ARES-12]
#[test]
fn a_security_code_is_answered_by_a_status_and_may_decide() {
    let compares = |world: &mut World| world.issuer.security_code_key = Some(key());
    let asked = |code: &str, card: &dyn Fn(&AReq) -> Card| {
        let areq = coded(areq(NEWEST), code);
        let card = card(&areq);
        let ares = answer(&compares, &areq, card).ares;
        let member = |name: &str| ares[name].as_str().map(str::to_owned);
        (member("cardSecurityCodeStatus"), member("cardSecurityCodeStatusSource"))
    };
    let status = |code: &str| (Some(code.to_owned()), Some("02".to_owned()));
    assert_eq!(asked("123", &recorded), status("Y"));
    assert_eq!(asked("124", &recorded), status("N"));
    assert_eq!(asked("123", &|_| card()), status("U"));
    // Nothing was asked, nothing is said.
    let world = answer(&compares, &areq(NEWEST), recorded(&areq(NEWEST)));
    assert!(world.ares.get("cardSecurityCodeStatus").is_none());
    // A DS that does not want it.
    let areq = coded(areq(NEWEST), "123");
    let unwanted = |world: &mut World| world.ds.security_code_status = false;
    assert!(answer(&unwanted, &areq, card()).ares.get("cardSecurityCodeStatus").is_none());

    let denies = |world: &mut World| {
        compares(world);
        ruled(RuleOutcome::Deny { reason: "11".to_owned() }, Exemption::None)(world);
        world.issuer.rules[0].when.security_code = vec!["N".to_owned()];
        world.issuer.rules[0].exemption = None;
    };
    let wrong = answer(&denies, &coded(areq.clone(), "999"), recorded(&areq));
    assert_eq!(wrong.ares["transStatus"], "N");
    assert_eq!(wrong.event("areq-answered")["security_code"], "N");
    assert_eq!(answer(&denies, &areq, recorded(&areq)).ares["transStatus"], "C");
}

/// [P-3RI-04, P-231-04]
#[test]
fn a_question_about_the_security_code_is_answered() {
    let asking = AReq {
        channel: DeviceChannel::ThreeRi,
        category: MessageCategory::NonPayment,
        browser: None,
        three_ri_ind: Some("14".to_owned()),
        pan: Pan::parse(super::harness::PAN).unwrap(),
        ..areq(NEWEST)
    };
    let compares = |world: &mut World| world.issuer.security_code_key = Some(key());
    let ares = answer(&compares, &asking, recorded(&asking)).ares;
    assert_eq!((&ares["transStatus"], &ares["cardSecurityCodeStatus"]), (&json!("Y"), &json!("U")));
    let asking = coded(asking, "123");
    let ares = answer(&compares, &asking, recorded(&asking)).ares;
    assert_eq!(ares["cardSecurityCodeStatus"], "Y");
}

/// [Req 397, P-DEV-05]
#[test]
fn device_data_are_facts_for_rules_and_in_the_record_without_anything_personal() {
    let denies = |when: Condition| {
        move |world: &mut World| {
            ruled(RuleOutcome::Deny { reason: "03".to_owned() }, Exemption::None)(world);
            world.issuer.rules[0].exemption = None;
            world.issuer.rules[0].when = when.clone();
        }
    };
    let warned = |codes: &[&str]| Condition {
        device_warning: codes.iter().map(|code| (*code).to_owned()).collect(),
        ..Condition::default()
    };
    let status = |when: Condition, areq: &AReq| {
        answer(&denies(when), areq, card()).ares["transStatus"].clone()
    };
    let info = json!({
        "DV": "1.5", "SW": ["SW03"], "DPNA": {"C011": "RE03"},
        "DD": {"C001": "iOS", "C002": "Secret Phone", "C004": "17.1", "C005": "ja-JP",
            "C010": "192.0.2.7", "I999": "x"},
    });
    for version in MessageVersion::ALL {
        let mut areq = app_areq(version);
        areq.app.as_mut().unwrap().device = DeviceData::read(&encoded(&info));
        assert_eq!(status(warned(&["SW01", "SW03"]), &areq), "N");
        assert_eq!(status(warned(&["SW01"]), &areq), "C");
        let ios = vec!["ios".to_owned()];
        assert_eq!(status(Condition { device_platform: ios, ..Condition::default() }, &areq), "N");
        let unread = Condition { device_data: Some(false), ..Condition::default() };
        assert_eq!(status(unread.clone(), &areq), "C");
        let world = answer(&denies(warned(&["SW03"])), &areq, card());
        let noted = &world.event("areq-answered")["device"];
        assert_eq!(
            noted,
            &json!({
                "version": "1.5", "platform": "ios", "os_version": "17.1", "locale": "ja-JP",
                "collected": 6, "unavailable": 1, "not_permitted": 1, "warnings": ["SW03"],
            })
        );
        areq.app.as_mut().unwrap().device = None;
        assert_eq!(status(unread.clone(), &areq), "N");
        assert_eq!(status(unread, &super::harness::areq(version)), "C", "a browser has none");
    }
}

fn encoded(info: &Value) -> String {
    URL_SAFE_NO_PAD.encode(info.to_string())
}

/// [P-231-05]
#[test]
fn a_challenge_for_several_merchants_names_them() {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut several = areq(NEWEST);
    let merchants = names(&["Midori Books", "Aoi\nTea", "Aoi Tea", "Kuro Shoes"]);
    several.claims.multi_transaction =
        Some(MultiTransaction { merchants, ..MultiTransaction::default() });
    let page = |areq: &AReq| {
        let mut world = answer(&|_| {}, areq, card());
        let creq = world.creq();
        world.send_creq(&creq).code()
    };
    let view = page(&several);
    assert_eq!(view.merchant.as_deref(), Some("Midori Books ほか2店"));
    assert_eq!(
        (view.other_merchants, view.unnamed_merchants),
        (names(&["Aoi Tea", "Kuro Shoes"]), 0)
    );

    let mut market = areq(NEWEST);
    market.claims.sellers = (0..50).map(|n| format!("Seller {n}")).collect();
    market.merchant.name = Some("M".repeat(40));
    market.browser.as_mut().unwrap().language = Some("en".to_owned());
    let view = page(&market);
    let shop = view.merchant.unwrap();
    assert!(shop.ends_with("M and 50 more") && shop.chars().count() == 40, "{shop}");
    assert_eq!((view.other_merchants.len(), view.unnamed_merchants), (10, 40));
    assert!(page(&areq(NEWEST)).other_merchants.is_empty());
}

/// [P-ARES-16, Note 111]
#[test]
fn a_limited_split_sdk_is_asked_for_nothing_known_by_heart() {
    let mut areq = app_areq(NEWEST);
    let app = areq.app.as_mut().unwrap();
    let takes = |app: &AppData, codes: &[&str]| codes.iter().all(|code| app.takes_method(code));
    assert!(takes(app, &["01", "02", "05", "06", "07"]));
    app.limited = true;
    assert!(takes(app, &["02", "03", "05", "07", "11"]));
    assert!(!app.takes_method("01") && !app.takes_method("06"));
    app.render_options.authentication_types = vec!["01".to_owned(), "05".to_owned()];
    let world = answer(&|_| {}, &areq, card());
    assert_eq!(
        (&world.ares["transStatus"], &world.ares["authenticationMethod"]),
        (&json!("C"), &json!(["05"]))
    );
    // Nothing is left of what it shows: no challenge.
    areq.app.as_mut().unwrap().render_options.authentication_types =
        vec!["01".to_owned(), "06".to_owned()];
    let world = answer(&|_| {}, &areq, card());
    let ares = (&world.ares["transStatus"], &world.ares["transStatusReason"]);
    assert_eq!(ares, (&json!("U"), &json!("03")));
}
