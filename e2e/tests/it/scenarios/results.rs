//! T-RR: an RReq that finds nobody, or an answer that is late, wrong or none.

use std::time::Duration;

use ds_simulator::merchant::Payment;
use ds_simulator::message::new_id;
use ds_simulator::{Faults, RreqFault};
use e2e::VERSIONS;
use serde_json::{Value, json};

use super::challenge::{Case, Result, Scene};
use super::{Expected, check_erro, wait_audit};

const VERIFIED: Result<'static> = Result { status: "Y", reason: None, cancel: None, counter: "01" };

/// The result when nothing of the first one ever left.
fn late(version: &str) -> Result<'static> {
    let reason = if version == "2.1.0" { "07" } else { "22" };
    Result { status: "U", reason: Some(reason), cancel: None, counter: "01" }
}

fn rres_overrides(name: &str, value: Value) -> Faults {
    let mut faults = Faults::default();
    faults.rres_overrides.insert(name.to_owned(), value);
    faults
}

fn one_second(config: &mut toml::Table) {
    super::protocol(config).insert("rres_seconds".to_owned(), 1.into());
}

/// Plays a challenge with the right code; its last page carries a CRes of this status.
async fn played(scene: &Scene, version: &'static str, status: &str) -> Case {
    let (case, page, code) = scene.shown(version).await;
    let last = scene.tab.press(&page, &code, "submit").await.unwrap();
    scene.carries_cres(&case, &last, status).await;
    case
}

/// The Erro that the directory server got about its RRes.
async fn erro_to_ds(scene: &Scene, payment: &Payment) -> Value {
    let is_erro =
        |event: &ds_simulator::trace::Event| event.leg == "ACS-DS" && event.what == "Erro";
    scene.stage.wait_event(&payment.id, is_erro).await.unwrap().body.unwrap()
}

/// An RRes with `name` changed: Erro to the directory server, the decided status to the browser.
async fn complains(
    scene: &Scene,
    version: &'static str,
    rres: (&str, Value),
    expected: &Expected<'_>,
) {
    scene.stage.sim.set_faults(rres_overrides(rres.0, rres.1));
    let case = played(scene, version, "Y").await;
    scene.reports(&case, VERIFIED).await;
    let erro = erro_to_ds(scene, &case.payment).await;
    check_erro(&erro, expected);
    assert_eq!(erro["errorMessageType"], "RRes", "{erro}");
    assert_eq!(erro["messageVersion"], version, "{erro}");
    assert_eq!(erro["acsTransID"], json!(case.id), "{erro}");
    assert_eq!(erro["dsTransID"], case.payment.ares.as_ref().unwrap()["dsTransID"], "{erro}");
    scene.logged(&case, expected.rule).await;
    assert_eq!(scene.sent_rreqs(&case).len(), 1, "{version}: no second RReq");
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_01_ds_down() {
    let scene = Scene::set("t-rr-01").await;
    let directory = &scene.stage.sim.network().directory;
    for (rounds, version) in (1..).zip(VERSIONS) {
        directory.refuse_rreq_connections().await.unwrap();
        let case = played(&scene, version, "N").await;
        // A further try finds nobody either.
        scene.advance(11).await;
        let failed = f64::from(2 * rounds);
        let metric = ("acs_rreq_total", ["no-connection"]);
        scene.stage.acs.wait_metric(metric.0, &metric.1, failed).await.unwrap();
        scene.reported_nothing(&case);
        directory.accept_rreq_connections().await.unwrap();
        scene.advance(11).await;
        scene.reports(&case, late(version)).await;
        scene.advance(60).await;
        assert_eq!(scene.sent_rreqs(&case).len(), 1, "{version}: delivered once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_01_ds_down_as_decided() {
    let scene = Scene::configured("t-rr-01-decided", |config| {
        let protocol = super::protocol(config);
        protocol.insert("rreq_late_status".to_owned(), "decided".into());
        protocol.insert("rreq_retry_seconds".to_owned(), 20.into());
    })
    .await;
    let directory = &scene.stage.sim.network().directory;
    for version in VERSIONS {
        directory.refuse_rreq_connections().await.unwrap();
        let case = played(&scene, version, "Y").await;
        directory.accept_rreq_connections().await.unwrap();
        scene.advance(19).await;
        scene.reported_nothing(&case);
        scene.advance(2).await;
        scene.reports(&case, VERIFIED).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_01_ds_down_for_ever() {
    let scene = Scene::unrecorded().await;
    let directory = &scene.stage.sim.network().directory;
    directory.refuse_rreq_connections().await.unwrap();
    let case = played(&scene, "2.3.1", "N").await;
    scene.advance(24 * 3600 + 1).await;
    scene.stage.acs.wait_metric("acs_rreq_total", &["given-up"], 1.0).await.unwrap();
    wait_audit(&scene.stage, "rreq-given-up", "\"U\"", 1).await;
    directory.accept_rreq_connections().await.unwrap();
    scene.advance(60).await;
    scene.reported_nothing(&case);
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_02_rres_late() {
    let scene = Scene::configured("t-rr-02", one_second).await;
    scene.stage.sim.set_faults(Faults { rres_delay_ms: 1_800, ..Faults::default() });
    let expected = Expected {
        code: "402",
        detail: "timeout expired",
        rule: "P-RREQ-06",
        says: &["time for this message is over", "no RRes came"],
    };
    let play = async |version| {
        let case = played(&scene, version, "Y").await;
        scene.reports(&case, VERIFIED).await;
        let erro = erro_to_ds(&scene, &case.payment).await;
        check_erro(&erro, &expected);
        assert!(erro.get("errorMessageType").is_none(), "about no message: {erro}");
        assert_eq!(erro["acsTransID"], json!(case.id), "{erro}");
        scene.logged(&case, "P-RREQ-06").await;
        scene.advance(60).await;
        assert_eq!(scene.sent_rreqs(&case).len(), 1, "{version}: no second RReq");
    };
    tokio::join!(play("2.1.0"), play("2.2.0"), play("2.3.1"));
    wait_audit(&scene.stage, "rreq-unanswered", "", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_03_rres_erro() {
    let scene = Scene::set("t-rr-03").await;
    for (done, version) in (0..).zip(VERSIONS) {
        let faults = Faults { rreq: RreqFault::Erro("403".to_owned()), ..Faults::default() };
        scene.stage.sim.set_faults(faults);
        let case = played(&scene, version, "Y").await;
        let sent: Value = serde_json::from_slice(&scene.sent_rreqs(&case)[0]).unwrap();
        super::challenge::check_rreq(&sent, &case, VERIFIED);
        wait_audit(&scene.stage, "rreq-refused", "\"403\"", done + 1).await;
        scene.advance(60).await;
        assert_eq!(scene.sent_rreqs(&case).len(), 1, "{version}: no retry because of an Erro");
        let events = scene.stage.events(&case.payment.id);
        let complaint =
            |event: &&ds_simulator::trace::Event| event.leg == "ACS-DS" && event.what == "Erro";
        assert_eq!(events.iter().filter(complaint).count(), 0, "never an Erro for an Erro");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_05_rres_bad_id() {
    let scene = Scene::set("t-rr-05").await;
    for version in VERSIONS {
        for name in ["acsTransID", "dsTransID", "threeDSServerTransID"] {
            let expected = Expected {
                code: "301",
                detail: name,
                rule: "P-RREQ-09",
                says: &["one known transaction"],
            };
            complains(&scene, version, (name, json!(new_id())), &expected).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_06_rres_missing_status() {
    let scene = Scene::set("t-rr-06").await;
    for version in VERSIONS {
        let missing = Expected {
            code: "201",
            detail: "resultsStatus",
            rule: "P-RREQ-09",
            says: &["resultsStatus is absent"],
        };
        complains(&scene, version, ("resultsStatus", Value::Null), &missing).await;
        let invalid = Expected {
            code: "203",
            detail: "resultsStatus",
            rule: "P-RREQ-09",
            says: &["resultsStatus: expected one of 01", "came \"xx\""],
        };
        complains(&scene, version, ("resultsStatus", json!("xx")), &invalid).await;
        let other = if version == "2.2.0" { "2.1.0" } else { "2.2.0" };
        let says = format!("expected {version}, came {other}");
        let changed =
            Expected { code: "203", detail: "messageVersion", rule: "P-RREQ-09", says: &[&says] };
        complains(&scene, version, ("messageVersion", json!(other)), &changed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_06_rres_that_is_none() {
    let scene = Scene::set("t-rr-06-none").await;
    for version in VERSIONS {
        for (text, detail) in [
            ("no JSON", "invalid formatted message"),
            ("{\"messageType\":\"PRes\"}", "invalid message type for the receiving component"),
        ] {
            let faults = Faults { rreq: RreqFault::Text(text.to_owned()), ..Faults::default() };
            scene.stage.sim.set_faults(faults);
            let case = played(&scene, version, "Y").await;
            let erro = erro_to_ds(&scene, &case.payment).await;
            check_erro(&erro, &Expected { code: "101", detail, rule: "P-RREQ-09", says: &[] });
            scene.logged(&case, "P-RREQ-09").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_07_rres_critical_extension() {
    let scene = Scene::set("t-rr-07").await;
    let extension = |critical: bool| {
        json!([{"name": "extra", "id": "A000000004-extra", "criticalityIndicator": critical,
            "data": {"x": "y"}}])
    };
    let expected = Expected {
        code: "202",
        detail: "A000000004-extra",
        rule: "P-RREQ-09",
        says: &["critical and not recognised"],
    };
    for version in VERSIONS {
        complains(&scene, version, ("messageExtension", extension(true)), &expected).await;
        scene.stage.sim.set_faults(rres_overrides("messageExtension", extension(false)));
        let case = played(&scene, version, "Y").await;
        let events = scene.stage.events(&case.payment.id);
        assert!(events.iter().all(|event| event.what != "Erro"), "{version}: {events:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_08_crash_between() {
    let scene = Scene::set("t-rr-08").await;
    for (version, point) in [
        ("2.1.0", "before-rreq"),
        ("2.2.0", "after-rreq-sent"),
        ("2.3.1", "after-rres"),
        ("2.3.1", "before-rreq"),
    ] {
        let (case, page, code) = scene.shown(version).await;
        scene.stage.acs.kill_9();
        scene.stage.acs.start_with(&[], &[("ACS_DEV_CRASH_AT", point)]).await.unwrap();
        let lost = scene.tab.press(&page, &code, "submit").await;
        // The crash a moment after the RReq may come later than a quick RRes.
        assert!(lost.is_err() || point == "after-rreq-sent", "{point}: the browser was answered");
        for _ in 0..250 {
            if scene.stage.acs.has_exited() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(scene.stage.acs.has_exited(), "{point}: still alive");
        scene.stage.acs.kill_9();
        scene.stage.acs.start().await.unwrap();
        scene.stage.result(&case.payment).await;
        let again = scene.tab.press(&page, &code, "submit").await.unwrap();
        scene.carries_cres(&case, &again, "Y").await;
        let sent = scene.sent_rreqs(&case);
        assert!(sent.windows(2).all(|pair| pair[0] == pair[1]), "{point}: RReqs that differ");
        let rreq: Value = serde_json::from_slice(&sent[0]).unwrap();
        super::challenge::check_rreq(&rreq, &case, VERIFIED);
        let known = scene.stage.sim.network().merchant.payment(&case.payment.id).unwrap();
        assert_eq!(known.rreq_count, 1, "{point}: the 3DS Server saw one");
    }
}
