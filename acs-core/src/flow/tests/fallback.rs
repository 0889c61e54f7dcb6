//! A challenge that gives way to a decoupled authentication, and the 3RI AReq after it [P-DEC-07].

use serde_json::Value;

use super::harness::{Seen as _, World, areq, card};
use crate::element::{DeviceChannel, MessageVersion, TransStatus};
use crate::flow::present::View;
use crate::flow::transaction::{Ending, Phase};
use crate::flow::{Prior, PriorTransaction, Transaction};
use crate::message::AReq;
use crate::policy::{Condition, Rule, RuleOutcome};
use crate::profile::{CardLookup, Contacts, Fallback, PolicyProfile};

const NEWEST: MessageVersion = MessageVersion::V231;

fn asking(version: MessageVersion, indicator: &str, minutes: Option<u16>) -> AReq {
    AReq {
        decoupled_req_ind: Some(indicator.to_owned()),
        decoupled_max_minutes: minutes,
        ..areq(version)
    }
}

/// A challenge whose page is shown, and whether it can be left for a decoupled authentication.
fn shown(areq: &AReq, set: impl FnOnce(&mut World)) -> (World, bool) {
    let mut world = World::new();
    world.issuer.decoupled.offered = true;
    set(&mut world);
    world.authenticate(areq, CardLookup::Found(card()));
    assert_eq!(world.ares["transStatus"], "C", "{}", world.ares);
    let creq = world.creq();
    let later = world.send_creq(&creq).code().later;
    (world, later)
}

fn leaving(set: impl FnOnce(&mut World)) -> World {
    let (world, later) = shown(&asking(NEWEST, "F", Some(60)), set);
    assert!(later);
    world
}

fn informed(world: &mut World, view: View) {
    let View::Information(page) = view else { panic!("no information page: {view:?}") };
    assert_eq!(page.window_size, "02");
    world.token.clone_from(&page.token);
}

/// Presses the button, and checks RReq and CRes.
fn gives_way(world: &mut World, counter: &str) {
    assert!(matches!(world.form("continue", ""), View::Processing));
    let rreq = world.rreq();
    assert_eq!((&rreq["transStatus"], &rreq["transStatusReason"]), (&"D".into(), &"29".into()));
    assert_eq!(rreq["interactionCounter"], counter);
    for foreign in ["authenticationValue", "eci", "challengeCancel", "authenticationMethod"] {
        assert!(rreq.get(foreign).is_none(), "{rreq}");
    }
    world.answer_rreq();
    let (page, cres) = world.current().last();
    assert_eq!((page.outcome, &cres["transStatus"]), ("later", &Value::from("D")));
    assert!(world.asked.is_empty(), "the issuer asks for the second transaction only");
}

#[test]
fn t_23_09_the_cardholder_confirms_later() {
    let mut world = leaving(|_| {});
    let wrong = world.wrong_code();
    world.token = world.form("submit", &wrong).code().token;
    let view = world.form("later", "");
    informed(&mut world, view);
    assert_eq!(world.cancelled_codes, 1);
    assert!(world.rreqs.is_empty(), "not before the button of the information page");
    let code = world.code();
    for (action, entry) in [("submit", code.as_str()), ("resend", ""), ("cancel", ""), ("x", "")] {
        let view = world.form(action, entry);
        assert!(matches!(view, View::Information(_)), "{action}");
    }
    assert!(world.rreqs.is_empty() && world.codes.len() == 1);
    let creq = world.creq();
    let view = world.send_creq(&creq);
    informed(&mut world, view);
    gives_way(&mut world, "01");
    let Phase::Ended(decided) = world.transaction().phase else { panic!("not over") };
    assert_eq!((decided.ending, decided.fell_back), (Ending::FellBack, Some(world.now)));
}

#[test]
fn t_23_09_the_information_page_times_out_like_any_other() {
    let mut world = leaving(|_| {});
    let view = world.form("later", "");
    informed(&mut world, view);
    world.wait(601);
    world.tick();
    let rreq = world.rreq();
    assert_eq!((&rreq["transStatus"], &rreq["challengeCancel"]), (&"N".into(), &"04".into()));
    assert!(matches!(world.form("continue", ""), View::TimedOut { .. }));
    assert_eq!(world.rreqs.len(), 1);
}

#[test]
fn t_23_09_used_up_attempts_lead_there_by_setting_only() {
    for (fallback, leads) in [(Fallback::Choice, false), (Fallback::Exhausted, true)] {
        let mut world = leaving(|world| world.issuer.decoupled.fallback = fallback);
        let wrong = world.wrong_code();
        for _ in 0..2 {
            world.token = world.form("submit", &wrong).code().token;
        }
        let view = world.form("submit", &wrong);
        if leads {
            informed(&mut world, view);
            gives_way(&mut world, "03");
        } else {
            assert_eq!(world.rreq()["transStatus"], "N");
        }
    }
}

#[test]
fn t_23_09_where_nothing_can_be_sent_the_information_page_comes_first() {
    let mut world = World::new();
    world.issuer.decoupled.offered = true;
    world.authenticate(&asking(NEWEST, "F", Some(60)), CardLookup::Found(card()));
    world.contacts = Contacts::default();
    let creq = world.creq();
    let view = world.send_creq(&creq);
    informed(&mut world, view);
    assert!(world.codes.is_empty());
    gives_way(&mut world, "00");
}

/// A change of the issuer's settings.
type Setting<'a> = &'a dyn Fn(&mut World);

#[test]
fn t_23_10_there_is_no_other_way_to_d() {
    let never = |world: &mut World| world.issuer.decoupled.fallback = Fallback::Never;
    let no_3ri = |world: &mut World| world.issuer.three_ri.offered = false;
    let off = |world: &mut World| world.issuer.decoupled.offered = false;
    let longer = |world: &mut World| world.issuer.decoupled.min_minutes = 61;
    let as_it_is = |_: &mut World| {};
    let cases: [(AReq, Setting<'_>); 7] = [
        (asking(NEWEST, "N", None), &as_it_is),
        (areq(NEWEST), &as_it_is),
        (asking(NEWEST, "Y", Some(60)), &off),
        (asking(NEWEST, "F", Some(60)), &never),
        (asking(NEWEST, "F", Some(60)), &no_3ri),
        (asking(NEWEST, "F", Some(60)), &off),
        (asking(NEWEST, "F", Some(60)), &longer),
    ];
    for (areq, set) in cases {
        let (mut world, later) = shown(&areq, |world| {
            world.issuer.decoupled.fallback = Fallback::Exhausted;
            set(world);
        });
        assert!(!later, "{areq:?}");
        for action in ["later", "continue"] {
            world.token = world.form(action, "").code().token;
        }
        let wrong = world.wrong_code();
        for _ in 0..3 {
            if let View::Code(page) = world.form("submit", &wrong) {
                world.token = page.token;
            }
        }
        assert_eq!(world.rreq()["transStatus"], "N");
    }
}

fn follow_up() -> AReq {
    AReq {
        channel: DeviceChannel::ThreeRi,
        browser: None,
        authentication_ind: None,
        three_ri_ind: Some("19".to_owned()),
        ..asking(NEWEST, "Y", Some(60))
    }
}

/// The AReq after a challenge that gave way, `seconds` later.
fn followed(
    seconds: u32,
    change: impl FnOnce(&mut PriorTransaction),
    set: impl FnOnce(&mut World),
) -> World {
    let mut first = leaving(|_| {});
    let view = first.form("later", "");
    informed(&mut first, view);
    gives_way(&mut first, "00");
    let mut prior = PriorTransaction::of(&first.transaction());
    assert_eq!(prior.status, TransStatus::Decoupled);
    change(&mut prior);
    after(Prior::Found(Box::new(prior)), |world| {
        world.now = first.now.plus_seconds(seconds);
        set(world);
    })
}

fn after(prior: Prior, set: impl FnOnce(&mut World)) -> World {
    let mut world = World::new();
    world.issuer.decoupled.offered = true;
    world.prior = prior;
    set(&mut world);
    world.authenticate(&follow_up(), CardLookup::Found(card()));
    world
}

fn result(world: &World) -> (String, Option<String>) {
    let text = |name: &str| world.ares.get(name).and_then(Value::as_str).map(str::to_owned);
    (text("transStatus").unwrap(), text("transStatusReason"))
}

#[test]
fn t_23_09_the_following_3ri_is_answered_d() {
    for seconds in [0, 60, 119] {
        let world = followed(seconds, |_| {}, |_| {});
        assert_eq!(world.ares["transStatus"], "D", "{}", world.ares);
        assert_eq!(world.asked.len(), 1);
    }
}

#[test]
fn t_23_09_one_3ri_follows_and_says_that_a_challenge_came_before_it() {
    let mut first = leaving(|_| {});
    let view = first.form("later", "");
    informed(&mut first, view);
    gives_way(&mut first, "00");
    let used = first.transaction().after_following_areq().unwrap();
    assert_eq!(used.revision, first.transaction().revision + 1);
    assert!(used.clone().after_following_areq().is_none(), "once");
    let with_methods = |prior: &Transaction, methods: &[&str]| {
        let mut world = World::new();
        world.issuer.decoupled.offered = true;
        world.now = first.now;
        world.prior = Prior::Found(Box::new(PriorTransaction::of(prior)));
        let mut areq = follow_up();
        areq.claims.prior_methods = methods.iter().map(|code| (*code).to_owned()).collect();
        world.authenticate(&areq, CardLookup::Found(card()));
        (result(&world).0, world.closes_prior)
    };
    let fresh = first.transaction();
    assert_eq!(with_methods(&fresh, &["02"]), ("D".to_owned(), true));
    assert_eq!(with_methods(&fresh, &[]), ("D".to_owned(), true), "the element is optional");
    assert_eq!(with_methods(&fresh, &["01"]), ("N".to_owned(), false));
    assert_eq!(with_methods(&used, &["02"]), ("N".to_owned(), false));
}

#[test]
fn t_23_09_without_such_a_challenge_before_it_there_is_no_d() {
    let denied = ("N".to_owned(), Some("01".to_owned()));
    assert_eq!(result(&followed(120, |_| {}, |_| {})), denied, "too late");
    assert_eq!(result(&followed(1, |prior| prior.card_token = "d".repeat(64), |_| {})), denied);
    let elsewhere = |prior: &mut PriorTransaction| {
        prior.merchant.acquirer_merchant_id = Some("shop-2".to_owned());
    };
    assert_eq!(result(&followed(1, elsewhere, |_| {})), denied);
    // A decoupled authentication itself, or a challenge with another result.
    assert_eq!(result(&followed(1, |prior| prior.fell_back = None, |_| {})), denied);
    for prior in [Prior::NotNamed, Prior::Unknown, Prior::Failed] {
        assert_eq!(result(&after(prior, |_| {})), denied);
    }
    let rule = |world: &mut World| {
        let (name, then) = ("all".to_owned(), RuleOutcome::Accept);
        world.issuer.rules = vec![Rule { name, when: Condition::default(), then, exemption: None }];
    };
    assert_eq!(result(&after(Prior::Unknown, rule)), denied, "no rule makes up for it");
    let unavailable = after(Prior::Unknown, |world| {
        world.issuer.decoupled.fallback_unproven =
            RuleOutcome::Unavailable { reason: "22".to_owned() };
    });
    assert_eq!(result(&unavailable), ("U".to_owned(), Some("22".to_owned())));
    let conformance = after(Prior::NotNamed, |world| {
        world.issuer.policy_profile = PolicyProfile::Conformance;
    });
    assert_eq!(conformance.ares["transStatus"], "D", "rules and default only");
}
