//! 3RI: statuses by indicator, earlier authentication and rule; never a challenge.

use serde_json::Value;

use super::harness::{World, areq, card};
use crate::UtcMillis;
use crate::element::{DeviceChannel, MessageCategory, MessageVersion, TransStatus};
use crate::flow::{Prior, PriorTransaction};
use crate::message::{AReq, Purchase};
use crate::policy::{Condition, Rule, RuleOutcome};
use crate::profile::{Card, CardLookup, CardState, PolicyProfile, PriorFrictionless};

fn by_requestor(version: MessageVersion, indicator: &str) -> AReq {
    AReq {
        channel: DeviceChannel::ThreeRi,
        browser: None,
        three_ri_ind: Some(indicator.to_owned()),
        authentication_ind: None,
        ..areq(version)
    }
}

fn non_payment(version: MessageVersion, indicator: &str) -> AReq {
    let category = MessageCategory::NonPayment;
    AReq { category, purchase: None, ..by_requestor(version, indicator) }
}

/// An authentication of the same card and merchant, `days` ago.
fn prior(days: i64, change: impl FnOnce(&mut PriorTransaction)) -> Prior {
    let mut world = World::challenged(MessageVersion::V220);
    let mut prior = PriorTransaction::of(&world.transaction());
    assert_eq!(prior.status, TransStatus::ChallengeRequired);
    prior.status = TransStatus::Authenticated;
    assert!(!prior.at_once);
    prior.created = UtcMillis(world.now.0 - days * 86_400_000);
    world.wait(1);
    change(&mut prior);
    Prior::Found(Box::new(prior))
}

fn answer(areq: &AReq, prior: Prior, set: impl FnOnce(&mut World)) -> Value {
    let mut world = World::new();
    world.prior = prior;
    set(&mut world);
    world.authenticate(areq, CardLookup::Found(card()));
    let status = world.ares["transStatus"].as_str().unwrap();
    assert!(["Y", "A", "N", "U", "R", "I", "D"].contains(&status), "{status} in 3RI");
    let why = world.event("areq-answered");
    assert_eq!(why["channel"], "03");
    assert_eq!(why["three_ri_ind"], areq.three_ri_ind.as_deref().unwrap());
    world.ares
}

fn result(ares: &Value) -> (&str, Option<&str>) {
    let text = |name: &str| ares.get(name).and_then(Value::as_str);
    (text("transStatus").unwrap(), text("transStatusReason"))
}

#[test]
fn t_3r_01_an_authentication_of_the_same_card_and_merchant_carries_later_ones() {
    use MessageVersion as V;
    for version in [V::V220, V::V231] {
        for indicator in ["01", "02", "06", "07", "08", "09", "11"] {
            let ares = answer(&by_requestor(version, indicator), prior(399, |_| {}), |_| {});
            assert_eq!(result(&ares), ("Y", None), "{version} {indicator}");
            assert!(ares["authenticationValue"].is_string() && ares["eci"] == "05", "{ares}");
            for foreign in ["acsURL", "acsChallengeMandated", "authenticationMethod"] {
                assert!(ares.get(foreign).is_none(), "{ares}");
            }
        }
    }
    for version in V::ALL {
        let ares = answer(&non_payment(version, "04"), prior(0, |_| {}), |_| {});
        assert_eq!(result(&ares), ("Y", None), "{version}");
    }
}

#[test]
fn t_3r_02_whatever_is_missing_from_the_earlier_one_there_is_no_challenge_and_no_y() {
    let areq = by_requestor(MessageVersion::V220, "01");
    let cases = [
        Prior::NotNamed,
        Prior::Unknown,
        Prior::Failed,
        prior(400, |_| {}),
        prior(1, |prior| prior.card_token = "d".repeat(64)),
        prior(1, |prior| prior.merchant.acquirer_merchant_id = Some("shop-2".to_owned())),
        prior(1, |prior| prior.status = TransStatus::NotAuthenticated),
        prior(1, |prior| prior.status = TransStatus::Attempted),
        prior(1, |prior| prior.status = TransStatus::ChallengeRequired),
    ];
    for prior in cases {
        let about = format!("{prior:?}");
        let ares = answer(&areq, prior, |_| {});
        assert_eq!(result(&ares), ("N", Some("01")), "{about}");
        assert!(ares.get("authenticationValue").is_none(), "{about}");
    }
    let ares = answer(&areq, Prior::NotNamed, |world| {
        world.issuer.three_ri.unproven = RuleOutcome::Unavailable { reason: "07".to_owned() };
    });
    assert_eq!(result(&ares), ("U", Some("07")));
}

#[test]
fn t_3r_05_3ri_that_is_not_offered_gets_u_21_whatever_the_card() {
    for version in MessageVersion::ALL {
        let mut world = World::new();
        world.issuer.three_ri.offered = false;
        let suspended = Card { state: CardState::Suspended, ..card() };
        world.authenticate(&non_payment(version, "04"), CardLookup::Found(suspended));
        assert_eq!(result(&world.ares), ("U", Some("21")));
        assert!(world.ares.get("cardholderInfo").is_none());
    }
    let ares = answer(&by_requestor(MessageVersion::V210, "01"), prior(1, |_| {}), |_| {});
    assert_eq!(result(&ares), ("U", Some("21")), "2.1.0 has 3RI for non-payment only");
}

/// [P-3RI-04]
#[test]
fn questions_about_a_status_are_answered_without_a_value() {
    for (version, indicators) in
        [(MessageVersion::V220, &["10"][..]), (MessageVersion::V231, &["10", "13", "14"])]
    {
        for indicator in indicators {
            let ares = answer(&non_payment(version, indicator), Prior::NotNamed, |world| {
                world.ds.npa_authentication_value = true;
            });
            assert_eq!(result(&ares), ("Y", None), "{version} {indicator}");
            assert!(ares.get("authenticationValue").is_none(), "{version} {indicator}");
        }
    }
}

#[test]
fn an_answer_that_nobody_was_there_for_carries_no_later_one() {
    for (first, carried) in [("10", Prior::NotNamed), ("04", prior(1, |_| {}))] {
        let mut world = World::new();
        world.prior = carried;
        let earlier = non_payment(MessageVersion::V220, first);
        world.authenticate(&earlier, CardLookup::Found(card()));
        assert_eq!(world.ares["transStatus"], "Y", "{first}");
        let prior = Prior::Found(Box::new(PriorTransaction::of(&world.transaction())));
        let ares = answer(&by_requestor(MessageVersion::V220, "01"), prior, |_| {});
        assert_eq!(result(&ares), ("N", Some("01")), "{first}");
        assert!(ares.get("authenticationValue").is_none(), "{first}");
    }
}

/// A small payment that passes by its risk opens no door to large ones [P-3RI-03].
#[test]
fn an_acceptance_without_a_challenge_carries_no_more_than_itself() {
    let paying = |amount: &str, currency: &str| {
        let areq = by_requestor(MessageVersion::V220, "01");
        let (amount, currency) = (amount.to_owned(), currency.to_owned());
        let purchase = areq.purchase.clone().map(|p| Purchase { amount, currency, ..p });
        AReq { purchase, ..areq }
    };
    let accepted = || {
        let mut world = World::new();
        world.issuer.default_outcome = RuleOutcome::Accept;
        let first = AReq { purchase: paying("1000", "392").purchase, ..areq(MessageVersion::V220) };
        world.authenticate(&first, CardLookup::Found(card()));
        assert_eq!(world.ares["transStatus"], "Y");
        Prior::Found(Box::new(PriorTransaction::of(&world.transaction())))
    };
    use PriorFrictionless as F;
    for (later, setting, carried) in [
        (paying("1000", "392"), F::Amount, true),
        (paying("1001", "392"), F::Amount, false),
        (paying("1000", "978"), F::Amount, false),
        (non_payment(MessageVersion::V220, "04"), F::Amount, false),
        (paying("500000", "392"), F::Any, true),
        (paying("1", "392"), F::Never, false),
    ] {
        let ares = answer(&later, accepted(), |w| w.issuer.three_ri.prior_frictionless = setting);
        let expected = if carried { ("Y", None) } else { ("N", Some("01")) };
        assert_eq!(result(&ares), expected, "{setting:?} {:?}", later.purchase);
        assert_eq!(ares.get("authenticationValue").is_some(), carried);
    }
}

#[test]
fn rules_see_the_indicator_and_the_earlier_authentication() {
    let rule = |when: Condition| {
        move |world: &mut World| {
            world.issuer.three_ri.unproven = RuleOutcome::Deny { reason: "04".to_owned() };
            let (name, then) = ("test".to_owned(), RuleOutcome::Reject { reason: "11".to_owned() });
            world.issuer.rules = vec![Rule { name, when, then, exemption: None }];
        }
    };
    let areq = by_requestor(MessageVersion::V231, "12");
    let of = |prior, when| answer(&areq, prior, rule(when))["transStatus"].clone();
    let any = Condition::default;
    for (hits, prior, when) in [
        (true, Prior::NotNamed, Condition { three_ri_ind: vec!["12".to_owned()], ..any() }),
        (false, Prior::NotNamed, Condition { three_ri_ind: vec!["01".to_owned()], ..any() }),
        (true, Prior::NotNamed, Condition { device_channel: vec!["03".to_owned()], ..any() }),
        (false, Prior::NotNamed, Condition { device_channel: vec!["02".to_owned()], ..any() }),
        (true, Prior::Unknown, Condition { prior_found: Some(false), ..any() }),
        (false, Prior::Unknown, Condition { prior_same_card: Some(false), ..any() }),
        (true, prior(9, |_| {}), Condition { prior_days_below: Some(10), ..any() }),
        (false, prior(10, |_| {}), Condition { prior_days_below: Some(10), ..any() }),
        (true, prior(1, |_| {}), Condition { prior_status: vec!["Y".to_owned()], ..any() }),
        (false, prior(1, |_| {}), Condition { prior_same_merchant: Some(false), ..any() }),
        (true, Prior::NotNamed, Condition { decoupled_req: vec!["N".to_owned()], ..any() }),
    ] {
        let about = format!("{prior:?} {when:?}");
        assert_eq!(of(prior, when) == "R", hits, "{about}");
    }
}

#[test]
fn a_conformance_profile_leaves_3ri_to_rules_and_default() {
    for (default, expected) in [
        (RuleOutcome::Accept, ("Y", None)),
        (RuleOutcome::Challenge { mandated: true }, ("N", Some("01"))),
        (RuleOutcome::Attempt, ("A", None)),
    ] {
        let ares = answer(&by_requestor(MessageVersion::V220, "01"), Prior::NotNamed, |world| {
            world.issuer.policy_profile = PolicyProfile::Conformance;
            world.issuer.default_outcome = default;
        });
        assert_eq!(result(&ares), expected);
    }
}

#[test]
fn the_record_tells_what_was_known_of_the_earlier_one() {
    let mut world = World::new();
    world.prior = prior(3, |_| {});
    let areq = by_requestor(MessageVersion::V220, "01");
    world.authenticate(&areq, CardLookup::Found(card()));
    let why = world.event("areq-answered");
    assert_eq!((&why["rule"], &why["prior"]), (&"3ri-prior".into(), &"found".into()));
    assert_eq!((&why["prior_status"], &why["prior_days"]), (&"Y".into(), &3.into()));
    assert_eq!(why["prior_same_card"], true);
}

#[test]
fn in_2_1_0_a_suspended_card_gets_no_words() {
    let suspended = || CardLookup::Found(Card { state: CardState::Suspended, ..card() });
    for version in MessageVersion::ALL {
        let mut world = World::new();
        world.authenticate(&non_payment(version, "04"), suspended());
        assert_eq!(result(&world.ares), ("N", Some("12")), "{version}");
        let words = version != MessageVersion::V210;
        assert_eq!(world.ares.get("cardholderInfo").is_some(), words, "{version}");
    }
}
