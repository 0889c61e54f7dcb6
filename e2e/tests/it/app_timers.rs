//! Deadlines of challenges inside apps [scenarios T-TO], moved with the development clock.

use std::time::Duration;

use ds_simulator::CodeSource;
use ds_simulator::ids::REMARK;
use ds_simulator::sdk::challenge::Act;
use ds_simulator::sdk::{AppEnd, Script};
use e2e::Stage;
use e2e::stage::wrong;
use serde_json::{Value, json};

use super::app::{Opened, each, facts, open, rreqs, secrets, shown};

fn entry() -> Act {
    Act::Type("000000".to_owned())
}

async fn advance(stage: &Stage, seconds: u64) {
    stage.acs.advance(Duration::from_secs(seconds)).await.unwrap();
}

/// N 14 with this `challengeCancel`, once, and no secret stays.
async fn reports(stage: &Stage, opened: &Opened, cancel: &str, counter: &str) {
    let rreq = stage.result(&opened.payment).await;
    assert_eq!(facts(&rreq), [json!("N"), json!("14"), json!(cancel), json!(counter)]);
    let ares = opened.payment.ares.as_ref().unwrap();
    assert_eq!(rreq["acsRenderingType"], ares["acsRenderingType"]);
    assert_eq!(secrets(stage), 0, "the content key is wiped");
    assert_eq!(rreqs(stage, opened), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn t_to_02_03_no_creq_and_one_too_late() {
    let stage = Stage::set("app-never-begun").await;
    each(async |cell| {
        let mut opened = open(&stage, cell.version, cell.enc).await;
        advance(&stage, 29).await;
        assert_eq!(rreqs(&stage, &opened), 0, "too early");
        advance(&stage, 2).await;
        reports(&stage, &opened, "05", "00").await;
        opened.erro(&Act::Open, "402").await;
        assert_eq!(rreqs(&stage, &opened), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_to_04_idle() {
    let stage = Stage::set("app-idle").await;
    each(async |cell| {
        let mut opened = shown(&stage, cell.version, cell.enc).await;
        advance(&stage, 599).await;
        assert_eq!(rreqs(&stage, &opened), 0, "too early");
        advance(&stage, 2).await;
        reports(&stage, &opened, "04", "00").await;
        opened.erro(&entry(), "402").await;
        assert_eq!(rreqs(&stage, &opened), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_to_06_each_cres_starts_the_time_anew() {
    let stage = Stage::set("app-timer-reset").await;
    each(async |cell| {
        let mut opened = shown(&stage, cell.version, cell.enc).await;
        let code = stage.code(&opened.id(), 1).await.unwrap();
        advance(&stage, 540).await;
        opened.screen(&Act::Type(wrong(&code))).await;
        advance(&stage, 595).await;
        // The same answer once more is no new exchange.
        opened.challenge.send_again().await.unwrap();
        assert_eq!(rreqs(&stage, &opened), 0, "a new ten minutes");
        advance(&stage, 6).await;
        reports(&stage, &opened, "04", "01").await;
        opened.erro(&Act::Type(code), "402").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_to_07_an_sdk_whose_time_is_over_tells_so_and_gets_no_final_cres() {
    let stage = Stage::set("app-sdk-timer").await;
    each(async |cell| {
        let mut opened = open(&stage, cell.version, cell.enc).await;
        opened.challenge.time_limit = Duration::ZERO;
        let script =
            Script { codes: CodeSource::Nowhere, steps: Vec::new(), consents: false, prompt: None };
        let end = opened.challenge.play(&script).await.unwrap();
        assert!(matches!(end, AppEnd::TimedOut), "{end:?}");
        let rreq = stage.result(&opened.payment).await;
        let reason = if cell.oldest() { "07" } else { "22" };
        let cancel = if cell.newest() { "09" } else { "06" };
        assert_eq!(facts(&rreq), [json!("U"), json!(reason), json!(cancel), json!("00")]);
        let copy = &rreq["challengeErrorReporting"];
        if cell.newest() {
            assert_eq!((&copy["errorCode"], &copy["errorComponent"]), (&json!("402"), &json!("C")));
        } else {
            assert_eq!(copy, &Value::Null);
        }
        assert_eq!(secrets(&stage), 0, "the content key is wiped");
        let events = stage.events(&opened.payment.id);
        let remarks: Vec<_> = events.iter().filter(|event| event.what == REMARK).collect();
        assert!(remarks.is_empty(), "X-Request-ID, X-Response-ID: {remarks:?}");
    })
    .await;
}
