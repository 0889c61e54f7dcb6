//! What an SDK hears when the result cannot be reported [scenarios T-RR], and what is left of a
//! challenge on disk.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ds_simulator::sdk::challenge::Act;
use ds_simulator::sdk::keys::{Encryption, Way};
use ds_simulator::trace::Event;
use ds_simulator::{Faults, RreqFault};
use e2e::Stage;
use e2e::scan::files;
use e2e::stage::{Setup, wrong};
use serde_json::{Value, json};

use super::app::{Cell, Opened, each, each_at_once, facts, refused, rreqs, secrets, shown};

fn is_erro_to_ds(event: &Event) -> bool {
    event.leg == "ACS-DS" && event.what == "Erro"
}

/// The directory server was told this about its RRes; it may hear so after the SDK.
async fn told_ds(stage: &Stage, opened: &Opened, code: &str) {
    let event = stage.wait_event(&opened.payment.id, is_erro_to_ds).await.unwrap();
    let erro = event.body.unwrap();
    assert_eq!((&erro["errorCode"], &erro["errorComponent"]), (&json!(code), &json!("A")));
    let events = stage.events(&opened.payment.id);
    assert_eq!(events.into_iter().filter(is_erro_to_ds).count(), 1);
}

/// The right code while the directory server behaves as `faults` say: what the SDK is told; the
/// result stays Y, and is reported once.
async fn told_sdk(stage: &Stage, cell: Cell, faults: &Faults, code: &str) -> Opened {
    let mut opened = shown(stage, cell.version, cell.enc).await;
    stage.sim.set_faults(faults.clone());
    let sent = stage.code(&opened.id(), 1).await.unwrap();
    let erro = opened.erro(&Act::Type(sent.clone()), code).await;
    assert_eq!(erro["acsTransID"], opened.id());
    let received = stage.sim.network().directory.rreqs_received(&opened.id());
    assert_eq!(received.len(), 1, "one RReq");
    let rreq: Value = serde_json::from_slice(&received[0]).unwrap();
    assert_eq!(rreq["transStatus"], "Y");
    // The same question has the same answer; another one comes too late.
    let again = opened.challenge.send_again().await.unwrap();
    assert_eq!(refused(again, code), erro);
    opened.erro(&Act::Type(sent), "302").await;
    opened
}

fn rres(name: &str, value: Value) -> Faults {
    let mut faults = Faults::default();
    faults.rres_overrides.insert(name.to_owned(), value);
    faults
}

/// A defective RRes: the same code for the directory server and the SDK [P-APP-52].
async fn complains(name: &'static str, faults: Faults, code: &str) {
    let stage = Stage::set(name).await;
    each(async |cell| {
        let opened = told_sdk(&stage, cell, &faults, code).await;
        told_ds(&stage, &opened, code).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_01_nobody_takes_the_result() {
    let stage = Stage::set("app-rr-01").await;
    let directory = &stage.sim.network().directory;
    each(async |cell| {
        directory.refuse_rreq_connections().await.unwrap();
        let mut opened = shown(&stage, cell.version, cell.enc).await;
        let code = stage.code(&opened.id(), 1).await.unwrap();
        assert_eq!(opened.last(&Act::Type(code)).await["transStatus"], "N");
        assert_eq!(rreqs(&stage, &opened), 0);
        directory.accept_rreq_connections().await.unwrap();
        stage.acs.advance(Duration::from_secs(11)).await.unwrap();
        let rreq = stage.result(&opened.payment).await;
        let reason = if cell.oldest() { "07" } else { "22" };
        assert_eq!(facts(&rreq), [json!("U"), json!(reason), Value::Null, json!("01")]);
        assert!(rreq.get("authenticationValue").is_none(), "{rreq}");
        stage.acs.advance(Duration::from_secs(60)).await.unwrap();
        assert_eq!(rreqs(&stage, &opened), 1, "delivered once");
    })
    .await;
    assert_eq!(secrets(&stage), 0, "nothing waits for anything any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_02_rres_late() {
    let stage = Stage::set_configured("app-rr-02", |config| {
        super::scenarios::protocol(config).insert("rres_seconds".to_owned(), 1.into());
    })
    .await;
    let faults = Faults { rres_delay_ms: 1_800, ..Faults::default() };
    // Each waits for a second.
    each_at_once(async |cell| {
        let opened = told_sdk(&stage, cell, &faults, "402").await;
        told_ds(&stage, &opened, "402").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_02_no_rres_at_all() {
    let stage = Stage::set("app-rr-02-none").await;
    let faults = Faults { rreq: RreqFault::CloseAfterForward, ..Faults::default() };
    each(async |cell| {
        told_sdk(&stage, cell, &faults, "402").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_04_rres_erro() {
    let stage = Stage::set("app-rr-04").await;
    let faults = Faults { rreq: RreqFault::Erro("404".to_owned()), ..Faults::default() };
    each(async |cell| {
        let opened = told_sdk(&stage, cell, &faults, "403").await;
        let events = stage.events(&opened.payment.id);
        assert!(!events.iter().any(is_erro_to_ds), "never an Erro for an Erro");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_05_rres_bad_id() {
    let id = json!("11111111-2222-4333-8444-555555555555");
    complains("bad-app-rr-05", rres("acsTransID", id), "301").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_06_rres_missing_status() {
    complains("bad-app-rr-06", rres("resultsStatus", Value::Null), "201").await;
    complains("bad-app-rr-06-format", rres("resultsStatus", json!("xx")), "203").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_07_rres_critical_extension() {
    let extension = json!([{"name": "x", "id": "A000000999-001", "criticalityIndicator": true,
        "data": {"a": "b"}}]);
    complains("bad-app-rr-07", rres("messageExtension", extension), "202").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_08_an_app_challenge_survives_a_kill() {
    let stage = Stage::set("app-kill").await;
    each(async |cell| {
        let mut opened = shown(&stage, cell.version, cell.enc).await;
        let code = stage.code(&opened.id(), 1).await.unwrap();
        opened.screen(&Act::Type(wrong(&code))).await;
        stage.acs.kill_9();
        stage.acs.start().await.unwrap();
        let cres = opened.last(&Act::Type(code)).await;
        assert_eq!(cres["transStatus"], "Y", "counters, key and code are where they were");
        assert_eq!(stage.result(&opened.payment).await["interactionCounter"], "02");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_08_a_kill_around_the_rreq() {
    let stage = Stage::set("app-kill-rreq").await;
    let points = ["before-rreq", "after-rreq-sent", "after-rres", "before-final-page"];
    let mut next = points.into_iter().cycle();
    each(async |cell| {
        let point = next.next().unwrap();
        let mut opened = shown(&stage, cell.version, cell.enc).await;
        let code = stage.code(&opened.id(), 1).await.unwrap();
        stage.acs.kill_9();
        stage.acs.start_with(&[], &[("ACS_DEV_CRASH_AT", point)]).await.unwrap();
        // The crash a moment after the RReq may come later than a quick RRes.
        let lost = opened.challenge.act(&Act::Type(code)).await;
        assert!(lost.is_err() || point == "after-rreq-sent", "{point}: {lost:?}");
        while !stage.acs.has_exited() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stage.acs.kill_9();
        stage.acs.start().await.unwrap();
        let again = opened.challenge.send_again().await.unwrap();
        assert_eq!(opened.ended(again)["transStatus"], "Y", "{point}");
        let sent = stage.sim.network().directory.rreqs_received(&opened.id());
        assert!(sent.windows(2).all(|pair| pair[0] == pair[1]), "{point}: RReqs that differ");
        let known = stage.sim.network().merchant.payment(&opened.payment.id).unwrap();
        assert_eq!(known.rreq_count, 1, "{point}: the 3DS Server saw one");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_content_key_is_readable_on_disk() {
    let stage = Stage::set_with(Setup::default()).await;
    let mut opened = shown(&stage, "2.3.1", Encryption::A128CbcHs256).await;
    let key = opened.challenge.content_key().clone();
    let key = key.part(Way::SdkToAcs, Encryption::A128CbcHs256);
    assert_eq!(key.len(), 32);
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let forms = [
        key.to_vec(),
        hex.clone().into_bytes(),
        hex.to_uppercase().into_bytes(),
        STANDARD_NO_PAD.encode(key).into_bytes(),
        URL_SAFE_NO_PAD.encode(key).into_bytes(),
    ];
    let assert_hidden = |moment: &str| {
        for file in files(&stage.acs.folder()).unwrap() {
            let bytes = fs::read(&file).unwrap();
            for form in &forms {
                let found = bytes.windows(form.len()).any(|part| part == form.as_slice());
                assert!(!found, "the key lies in {} {moment}", file.display());
            }
        }
    };
    assert_hidden("while the challenge is open");
    let code = stage.code(&opened.id(), 1).await.unwrap();
    opened.last(&Act::Type(code)).await;
    stage.acs.kill_9();
    assert_hidden("after its end");
}
