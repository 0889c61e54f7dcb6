//! I, A by range, wishes for and against a challenge, non-payment.

use serde_json::Value;

use super::harness::{World, areq, card};
use crate::element::{MessageCategory, MessageVersion};
use crate::message::AReq;
use crate::policy::{Condition, Rule, RuleOutcome};
use crate::profile::{Card, CardLookup, CardState, EciTable, PolicyProfile};

fn answer(areq: &AReq, set: impl FnOnce(&mut World)) -> Value {
    answer_of(areq, CardLookup::Found(card()), set)
}

fn answer_of(areq: &AReq, card: CardLookup, set: impl FnOnce(&mut World)) -> Value {
    let mut world = World::new();
    world.issuer.default_outcome = RuleOutcome::Challenge { mandated: false };
    set(&mut world);
    world.authenticate(areq, card);
    world.ares
}

fn wishing(version: MessageVersion, wishes: &[&str]) -> AReq {
    let challenge_ind = wishes.iter().map(|wish| (*wish).to_owned()).collect();
    AReq { challenge_ind, ..areq(version) }
}

fn rule(when: Condition, then: RuleOutcome) -> impl FnOnce(&mut World) {
    |world| world.issuer.rules = vec![Rule { name: "test".to_owned(), when, then, exemption: None }]
}

fn always(then: RuleOutcome) -> impl FnOnce(&mut World) {
    rule(Condition::default(), then)
}

fn non_payment(version: MessageVersion, indicator: &str) -> AReq {
    AReq {
        category: MessageCategory::NonPayment,
        purchase: None,
        authentication_ind: Some(indicator.to_owned()),
        ..areq(version)
    }
}

fn result(ares: &Value) -> (&str, Option<&str>) {
    let text = |name: &str| ares.get(name).and_then(Value::as_str);
    (text("transStatus").unwrap(), text("transStatusReason"))
}

#[test]
fn t_fr_10_data_share_only_is_acknowledged() {
    use MessageVersion as V;
    for (version, wishes) in [
        (V::V220, &["06"][..]),
        (V::V231, &["06"]),
        (V::V231, &["09", "06"]),
        (V::V231, &["06", "04"]),
    ] {
        let ares = answer(&wishing(version, wishes), |_| {});
        assert_eq!(result(&ares), ("I", None), "{version} {wishes:?}");
        assert_eq!(ares["eci"], "04");
        for foreign in ["authenticationValue", "acsURL", "acsChallengeMandated"] {
            assert!(ares.get(foreign).is_none(), "{ares}");
        }
        let accepted = answer(&wishing(version, wishes), always(RuleOutcome::Accept));
        assert_eq!(result(&accepted), ("Y", None), "{version} {wishes:?}");
    }
}

#[test]
fn t_fr_11_a_mandated_challenge_that_06_forbids_is_n() {
    for version in [MessageVersion::V220, MessageVersion::V231] {
        let mandated = always(RuleOutcome::Challenge { mandated: true });
        let ares = answer(&wishing(version, &["06"]), mandated);
        assert_eq!(result(&ares), ("N", Some("01")));
    }
}

#[test]
fn t_fr_12_i_needs_its_version_and_its_wish() {
    use MessageVersion as V;
    let all = (1..=14).map(|number| format!("{number:02}"));
    for wish in all {
        for version in V::ALL {
            let informs = ["05", "06", "07"].contains(&wish.as_str()) && version != V::V210;
            let ares = answer(&wishing(version, &[&wish]), always(RuleOutcome::Inform));
            let forbidden = wish == "06" && version == V::V210;
            let expected = if informs {
                "I"
            } else if forbidden {
                "N"
            } else {
                "C"
            };
            assert_eq!(ares["transStatus"], expected, "{version} {wish}");
        }
    }
    let ares = answer(&areq(V::V231), |world| world.issuer.default_outcome = RuleOutcome::Inform);
    assert_eq!(ares["transStatus"], "C", "no wish: as a default it means a challenge");
    let pair = answer(&wishing(V::V231, &["02", "07"]), always(RuleOutcome::Inform));
    assert_eq!(pair["transStatus"], "I");
}

#[test]
fn a_mandate_of_the_requestor_is_honoured_where_it_can_be() {
    use MessageVersion as V;
    for (version, wishes) in [(V::V210, &["04"][..]), (V::V220, &["04"]), (V::V231, &["04", "02"])]
    {
        let areq = wishing(version, wishes);
        assert_eq!(answer(&areq, always(RuleOutcome::Accept))["transStatus"], "C");
        let unreachable = CardLookup::Found(Card { contacts: Default::default(), ..card() });
        let ares = answer_of(&areq, unreachable, always(RuleOutcome::Accept));
        assert_eq!(ares["transStatus"], "Y", "nothing to challenge with");
        let deny = always(RuleOutcome::Deny { reason: "04".to_owned() });
        assert_eq!(answer(&areq, deny)["transStatus"], "N");
    }
    for pair in [["03", "04"], ["09", "04"], ["04", "05"]] {
        let mandated = answer(&wishing(V::V231, &pair), always(RuleOutcome::Accept));
        assert_eq!(mandated["transStatus"], "C", "{pair:?}");
    }
    for pair in [["02", "04"], ["05", "04"], ["10", "04"]] {
        let wished = answer(&wishing(V::V231, &pair), always(RuleOutcome::Accept));
        assert_eq!(wished["transStatus"], "Y", "{pair:?}: what is preferred could be met");
        assert_eq!(answer(&wishing(V::V231, &pair), |_| {})["transStatus"], "C", "{pair:?}");
    }
    let first = |wish: &str| Condition {
        first_challenge_ind: vec![wish.to_owned()],
        ..Condition::default()
    };
    let deny = || RuleOutcome::Deny { reason: "01".to_owned() };
    for (wish, expected) in [("03", "N"), ("12", "C")] {
        let ares = answer(&wishing(V::V231, &["03", "12"]), rule(first(wish), deny()));
        assert_eq!(ares["transStatus"], expected, "only the first of a pair: {wish}");
    }
    let preferred = answer(&wishing(V::V220, &["03"]), always(RuleOutcome::Accept));
    assert_eq!(preferred["transStatus"], "Y", "a preference is for rules");
}

#[test]
fn t_fr_08_non_payment_is_what_the_directory_server_makes_it() {
    let areq = non_payment(MessageVersion::V220, "01");
    for (value, eci) in [(true, Some("N2")), (false, None)] {
        let ares = answer(&areq, |world| {
            world.ds.npa_authentication_value = value;
            world.ds.npa_eci = eci
                .map(|eci| EciTable { authenticated: Some(eci.to_owned()), ..EciTable::default() });
            always(RuleOutcome::Accept)(world);
        });
        assert_eq!(ares["transStatus"], "Y");
        assert_eq!(ares.get("authenticationValue").is_some(), value);
        assert_eq!(ares["eci"], eci.unwrap_or("05"));
    }
    let silent = answer(&areq, |world| {
        world.ds.npa_status_reason = false;
        always(RuleOutcome::Deny { reason: "04".to_owned() })(world);
    });
    assert_eq!(result(&silent), ("N", None));
}

#[test]
fn t_fr_09_non_payment_that_is_not_offered_gets_u_20() {
    for version in MessageVersion::ALL {
        let off = |world: &mut World| world.issuer.npa_offered = false;
        assert_eq!(result(&answer(&non_payment(version, "04"), off)), ("U", Some("20")));
        assert_eq!(answer(&areq(version), off)["transStatus"], "C", "payments go on");
    }
}

#[test]
fn linking_a_card_or_token_is_challenged_by_issuers_and_left_alone_in_conformance() {
    for version in MessageVersion::ALL {
        for (indicator, linking) in
            [("01", false), ("04", true), ("05", true), ("06", true), ("02", false)]
        {
            let areq = non_payment(version, indicator);
            let status = |set: &dyn Fn(&mut World)| answer(&areq, set)["transStatus"].clone();
            let accept = |world: &mut World| always(RuleOutcome::Accept)(world);
            assert_eq!(status(&accept), if linking { "C" } else { "Y" }, "{version} {indicator}");
            let conformance = |world: &mut World| {
                accept(world);
                world.issuer.policy_profile = PolicyProfile::Conformance;
            };
            assert_eq!(status(&conformance), "Y", "{version} {indicator}");
            let own_word = |world: &mut World| {
                let when = Condition {
                    authentication_ind: vec![indicator.to_owned()],
                    ..Condition::default()
                };
                rule(when, RuleOutcome::Accept)(world);
            };
            assert_eq!(status(&own_word), "Y", "{version} {indicator}");
        }
    }
}

#[test]
fn t_fr_03_a_range_in_attempts_mode_gives_proof_of_an_attempt() {
    let attempts = |world: &mut World| world.attempts_range = true;
    let in_state = |state| CardLookup::Found(Card { state, ..card() });
    for version in MessageVersion::ALL {
        for (card, status) in [
            (in_state(CardState::Active), "A"),
            (in_state(CardState::NotEnrolled), "A"),
            (in_state(CardState::NotActivated), "A"),
            (CardLookup::Unknown, "A"),
            (CardLookup::Failed, "U"),
            (in_state(CardState::Suspended), "N"),
            (in_state(CardState::Expired), "N"),
            (in_state(CardState::Stolen), "R"),
        ] {
            let about = format!("{version} {card:?}");
            let ares = answer_of(&areq(version), card, attempts);
            assert_eq!(ares["transStatus"], status, "{about}");
            assert_eq!(ares.get("authenticationValue").is_some(), status == "A", "{about}");
            assert!(status != "A" || ares["eci"] == "06", "{about}");
        }
        let refused = answer(&areq(version), |world| {
            attempts(world);
            always(RuleOutcome::Reject { reason: "11".to_owned() })(world);
        });
        assert_eq!(result(&refused), ("R", Some("11")));
    }
}
