//! Readings of the specification that a setting chooses: each with its effect.

use super::harness::{Seen as _, World, areq};
use crate::UtcMillis;
use crate::element::{MessageVersion, Pan};
use crate::erro::Fault;
use crate::flow::challenge::RReqNews;
use crate::flow::present::View;
use crate::message::{AReqReadings, objection};
use crate::profile::CardLookup;

const NEWEST: MessageVersion = MessageVersion::V231;

/// Decided Y, RReq on its way.
fn decided() -> World {
    let mut world = World::shown(NEWEST);
    let code = world.code();
    world.form("submit", &code);
    world
}

/// `protocol.brw_cres_without_rres` [P-BRW-33]: only where no RRes came at all.
#[test]
fn without_an_rres_the_cres_says_n_where_set_so() {
    for (set, status, outcome) in [(false, "Y", "ok"), (true, "N", "fail")] {
        let mut world = decided();
        world.issuer.browser.no_rres_is_n = set;
        world.rreq_news(RReqNews::NoAnswer);
        let (view, cres) = world.current().last();
        assert_eq!((cres["transStatus"].as_str(), view.outcome), (Some(status), outcome));
        assert_eq!(world.rreq()["transStatus"], "Y", "what was reported stays");

        let mut world = decided();
        world.issuer.browser.no_rres_is_n = set;
        world.issuer.late_status_u = false;
        world.rreq_news(RReqNews::ConnectionFailedTwice);
        assert_eq!(world.current().last().1["transStatus"], status);

        let mut world = decided();
        world.issuer.browser.no_rres_is_n = set;
        world.rreq_news(RReqNews::Answered(b"<html>"));
        assert_eq!(world.current().last().1["transStatus"], "Y", "a bad RRes is not a missing one");
    }
}

/// `protocol.brw_cres_on_idle` [P-BRW-34].
#[test]
fn an_idle_page_gets_a_cres_n_where_set_so() {
    let mut world = World::shown(NEWEST);
    world.issuer.browser.cres_on_idle = true;
    let wrong = world.wrong_code();
    assert_eq!(world.form("submit", &wrong).code().idle_seconds, Some(600));
    world.wait(600);
    assert!(matches!(world.form("show", ""), View::Processing));
    let rreq = world.rreq();
    assert_eq!((&rreq["transStatus"], &rreq["transStatusReason"]), (&"N".into(), &"14".into()));
    assert_eq!(rreq["challengeCancel"], "04");
    world.answer_rreq();
    let (view, cres) = world.current().last();
    assert_eq!((view.outcome, &cres["transStatus"]), ("fail", &"N".into()));
    let mut world = World::shown(NEWEST);
    let wrong = world.wrong_code();
    assert_eq!(world.form("submit", &wrong).code().idle_seconds, None, "off unless set");
}

/// `protocol.brw_reoffer_final_cres` [P-BRW-18].
#[test]
fn the_final_page_is_offered_again_where_set_so() {
    let mut world = decided();
    world.issuer.browser.reoffer_final_cres = true;
    let creq = world.creq();
    assert!(matches!(world.send_creq(&creq), View::Processing), "not before the RRes");
    world.answer_rreq();
    let (_, cres) = world.send_creq(&creq).last();
    assert_eq!(cres["transStatus"], "Y");
    let mut other = creq.clone();
    other["challengeWindowSize"] = "05".into();
    assert_eq!(world.send_creq(&other).erro().1["errorCode"], "315", "only an identical CReq");
    assert_eq!(world.rreqs.len(), 1);
    world.issuer.browser.reoffer_final_cres = false;
    assert_eq!(world.send_creq(&creq).erro().1["errorCode"], "315", "off unless set");

    let mut world = World::challenged(NEWEST);
    world.issuer.browser.reoffer_final_cres = true;
    world.wait(30);
    world.tick();
    let creq = world.creq();
    assert_eq!(world.send_creq(&creq).erro().1["errorCode"], "402", "there is no final CRes");
}

/// `protocol.areq_clock_check` [P-GEN-11, Req 417] and `protocol.areq_luhn` [P-AREQ-14].
#[test]
fn areqs_are_refused_for_dates_and_check_digits_where_set_so() {
    let all = AReqReadings { clock_check: true, luhn: true };
    for version in MessageVersion::ALL {
        let mut areq = areq(version);
        areq.purchase.as_mut().unwrap().date = Some("20261124120000".to_owned());
        for (minutes, refused) in [(-31, true), (-30, false), (0, false), (30, false), (31, true)] {
            let now = UtcMillis((1_795_521_600 + minutes * 60) * 1000);
            let expected =
                (refused && version == NEWEST).then_some(Fault::ClockApart("purchaseDate"));
            assert_eq!(objection(&areq, all, now), expected, "{version} {minutes}");
            assert_eq!(objection(&areq, AReqReadings::default(), now), None);
        }
        let now = UtcMillis(1_795_521_600_000);
        areq.pan = Pan::parse("4000000000001092").unwrap();
        assert_eq!(objection(&areq, all, now), Some(Fault::NotServed("acctNumber")));
        assert_eq!(objection(&areq, AReqReadings::default(), now), None);
    }
}

/// `technical_reason_210` [P-STAT-11]: 2.1.0 does not know 22.
#[test]
fn the_technical_reason_of_2_1_0_is_the_one_that_is_set() {
    for (version, reason) in
        [(MessageVersion::V210, "06"), (MessageVersion::V220, "22"), (NEWEST, "22")]
    {
        let mut world = World::new();
        world.issuer.technical_reason_210 = "06".to_owned();
        world.authenticate(&areq(version), CardLookup::Failed);
        assert_eq!(world.ares["transStatusReason"], reason, "{version}");
    }
}
