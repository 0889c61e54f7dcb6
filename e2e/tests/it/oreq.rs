//! Operational notices of a directory server: OReq, ORes, and what operators see of them.

use std::path::PathBuf;
use std::time::Duration;

use ds_simulator::message::new_id;
use ds_simulator::notice::{Notice, NoticeReport, Recipient};
use ds_simulator::pki::Identity;
use e2e::stage::Setup;
use e2e::{Card, Issuer, RawDs, Stage};
use serde_json::{Value, json};

use super::settings::protocol;

async fn send(stage: &Stage, notice: &Notice) -> NoticeReport {
    stage.sim.network().directory.send_notice(notice).await.unwrap()
}

fn statuses(report: &NoticeReport) -> Vec<Option<&str>> {
    report.answers.iter().map(|part| part.op_status()).collect()
}

/// What `acs notice list` says, newest first.
fn listed(stage: &Stage) -> Vec<Value> {
    let config = stage.acs.config();
    let arguments = ["notice", "list", "--config", config.to_str().unwrap(), "--json"];
    let said = stage.acs.run(&arguments).unwrap();
    let parsed: Value = serde_json::from_str(&said).unwrap();
    parsed["notices"].as_array().unwrap().clone()
}

fn good() -> Value {
    Notice::default().messages("DS-A-REF-0001").remove(0).1
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_17_a_certificate_notice_gets_one_ores_after_its_last_part() {
    let stage = Stage::set("oreq").await;
    let text = "The certificate changes. ".repeat(4);
    let notice = Notice { parts: 3, text: text.clone(), ..Notice::default() };
    let report = send(&stage, &notice).await;
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(statuses(&report), [None, None, Some("01")]);
    assert!(report.answers.iter().all(|part| part.status == 200));
    let last = report.answers.last().unwrap();
    let ores = last.message.as_ref().unwrap();
    assert_eq!(ores["dsTransID"], last.ds_trans_id.as_str());
    assert_eq!(ores["acsReferenceNumber"], "DEV_ACS_000001");

    let single = send(&stage, &Notice { category: "05".to_owned(), ..Notice::default() }).await;
    assert_eq!((statuses(&single), single.problems.len()), (vec![Some("01")], 0));
    let shown = listed(&stage);
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0]["category"], "05", "the newest first");
    assert_eq!((&shown[1]["state"], &shown[1]["text"]), (&json!("complete"), &json!(text)));
    let received = ["ds=\"ds-a\"", "result=\"received\""];
    assert!(stage.acs.metric("acs_oreq_total", &received).await.unwrap() >= 2.0);
    let log = stage.acs.log();
    assert!(log.contains("an operational notice was received") && !log.contains("The certificate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_17_a_gap_in_the_sequence_is_02() {
    let stage = Stage::set("oreq-gap").await;
    for (numbers, total, expected) in [
        (vec![1, 3], 3, vec![None, Some("02")]),
        (vec![2, 3], 3, vec![None, Some("02")]),
        (vec![1, 3, 4], 4, vec![None, None, Some("02")]),
        (vec![1, 1, 2], 2, vec![None, None, Some("02")]),
    ] {
        let report = send(&stage, &Notice { parts: total, numbers, ..Notice::default() }).await;
        assert_eq!(report.problems, Vec::<String>::new());
        assert_eq!(statuses(&report), expected);
        assert_eq!(listed(&stage)[0]["state"], "broken");
    }
    let at_once = Stage::set_with(Setup {
        config: Some(Box::new(|config| {
            let protocol = config.entry("protocol").or_insert(toml::Table::new().into());
            let protocol = protocol.as_table_mut().unwrap();
            protocol.insert("oreq_broken_at_once".to_owned(), true.into());
        })),
        ..Setup::default()
    })
    .await;
    let notice = Notice { parts: 4, numbers: vec![1, 3], ..Notice::default() };
    assert_eq!(statuses(&send(&at_once, &notice).await), [None, Some("02")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_17_a_sequence_goes_on_after_a_kill_and_ends_with_its_timer() {
    let stage = Stage::set("oreq-restart").await;
    let part = |sequence: &str, number: u8| Notice {
        sequence: sequence.to_owned(),
        parts: 2,
        numbers: vec![number],
        ..Notice::default()
    };
    let sequence = new_id();
    assert_eq!(statuses(&send(&stage, &part(&sequence, 1)).await), [None]);
    assert_eq!(listed(&stage)[0]["state"], "incomplete");
    stage.acs.kill_9();
    stage.acs.start().await.unwrap();
    assert_eq!(statuses(&send(&stage, &part(&sequence, 2)).await), [Some("01")]);

    let late = new_id();
    send(&stage, &part(&late, 1)).await;
    stage.acs.advance(Duration::from_secs(3601)).await.unwrap();
    assert_eq!(statuses(&send(&stage, &part(&late, 2)).await), [Some("02")]);
}

/// `protocol.oreq_part_seconds`.
#[tokio::test(flavor = "multi_thread")]
async fn t_23_17_the_wait_for_a_part_is_that_of_the_configuration() {
    let stage = Stage::set_configured("oreq-part-seconds", |config| {
        protocol(config, "oreq_part_seconds", 60);
    })
    .await;
    for (seconds, status) in [(59, "01"), (61, "02")] {
        let sequence = new_id();
        let part = |number: u8| Notice {
            sequence: sequence.clone(),
            parts: 2,
            numbers: vec![number],
            ..Notice::default()
        };
        assert_eq!(statuses(&send(&stage, &part(1)).await), [None]);
        stage.acs.advance(Duration::from_secs(seconds)).await.unwrap();
        assert_eq!(statuses(&send(&stage, &part(2)).await), [Some(status)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_17_a_repeated_part_gets_the_same_answer() {
    let stage = Stage::set("oreq-repeat").await;
    let ds = stage.raw_ds("ds-a").at_oreq();
    let parts = Notice { parts: 2, ..Notice::default() }.messages("DS-A-REF-0001");
    let mut answers = Vec::new();
    for at in [0, 0, 1, 1, 0] {
        let answer = ds.exchange(parts[at].1.to_string()).await.unwrap();
        assert_eq!(answer.status, 200);
        answers.push(answer.body);
    }
    assert!(answers[0].is_empty() && answers[1].is_empty() && answers[4].is_empty());
    assert!(!answers[2].is_empty());
    assert_eq!(answers[2], answers[3], "the same ORes, with the same acsTransID");
    let mut other = parts[1].1.clone();
    other["opDescription"] = json!("something else");
    assert_eq!(ds.post(&other).await.unwrap()["opStatus"], "02");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defective_oreq_is_refused_by_rule() {
    let stage = Stage::set_with(Setup::default()).await;
    let ds = stage.raw_ds("ds-a").at_oreq();
    let sequence =
        |number: &str, total: &str| json!({"seqId": new_id(), "seqNum": number, "seqTotal": total});
    for (name, value, code, detail) in [
        ("opDescription", Value::Null, "201", "opDescription"),
        ("opExpDate", json!("20270230"), "203", "opExpDate"),
        ("opSeverity", json!("05"), "207", "opSeverity"),
        ("opSeq", sequence("03", "02"), "203", "opSeq.seqNum"),
        ("messageVersion", json!("2.2.0"), "101", ""),
        ("messageVersion", json!("2.4.0"), "102", "2.1.0,2.2.0,2.3.1"),
        ("messageType", json!("AReq"), "101", ""),
    ] {
        let mut oreq = good();
        oreq[name] = value;
        let erro = ds.post(&oreq).await.unwrap();
        assert_eq!((&erro["errorCode"], &erro["errorComponent"]), (&json!(code), &json!("A")));
        if !detail.is_empty() {
            assert_eq!(erro["errorDetail"], detail, "{name}");
        }
    }
    assert_eq!(ds.post_text("{").await.unwrap()["errorCode"], "101");
    let misplaced = stage.raw_ds("ds-a").post(&good()).await.unwrap();
    assert_eq!(misplaced["errorCode"], "101", "an OReq at the AReq endpoint");
    let erro = json!({"messageType": "Erro", "messageVersion": "2.3.1", "errorCode": "203",
        "errorComponent": "D", "errorDescription": "x", "errorDetail": "x"});
    let answer = ds.exchange(erro.to_string()).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 0), "no Erro for an Erro");
    assert_eq!(ds.exchange(vec![b' '; 600_000]).await.unwrap().status, 413);
    assert!(listed(&stage).is_empty(), "nothing of it is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_directory_server_itself_may_send_notices() {
    let stage = Stage::set_with(Setup::default()).await;
    let pki = stage.acs.pki();
    let post = async |identity: Option<PathBuf>| {
        let identity = identity.map(|path| Identity {
            cert: path.with_extension("pem"),
            key: path.with_extension("key"),
        });
        let ds =
            RawDs::with_identity(&stage.acs, "ds-a", "https://localhost:9/", identity.as_ref());
        ds.unwrap().at_oreq().exchange(good().to_string()).await
    };
    assert!(post(None).await.is_err(), "without a certificate");
    assert!(post(Some(pki.join("ds-b/ds-client"))).await.is_err(), "another DS's certificate");
    let stranger = post(Some(pki.join("ds-a/threeds-server"))).await.unwrap();
    let erro: Value = serde_json::from_slice(&stranger.body).unwrap();
    assert_eq!(erro["errorCode"], "303");
    assert_eq!(post(Some(pki.join("ds-a/ds-client"))).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_kept_without_account_numbers_and_changes_no_payment() {
    let stage = Stage::set("oreq-fraud").await;
    let pan = Issuer::Alpha.pan(Card::Frictionless);
    let paid = async || {
        let areq = stage.raw_ds("ds-a").areq("2.3.1", &pan);
        stage.raw_ds("ds-a").post(&areq).await.unwrap()["transStatus"].clone()
    };
    let before = paid().await;
    let notice = Notice {
        category: "05".to_owned(),
        severity: "01".to_owned(),
        text: format!("Fraud with card {pan}, also written {} {}.", &pan[..4], &pan[4..]),
        about: Some(new_id()),
        ..Notice::default()
    };
    let report = send(&stage, &notice).await;
    assert_eq!(statuses(&report), [Some("01")]);
    let shown = listed(&stage).remove(0);
    let text = shown["text"].as_str().unwrap();
    assert!(text.starts_with("Fraud with card ****") && !text.contains(&pan[4..]), "{text}");
    assert_eq!(shown["prior"]["id"], notice.about.unwrap().as_str());
    assert_eq!(paid().await, before);
    let log = stage.acs.log();
    assert!(log.contains("alert"), "a critical notice wants a human");
    assert!(!log.contains(&pan));
}

/// The simulated 3DS Server is told too, by the same rules [P-OPR-01, P-OPR-02, Req 438, Req 439].
#[tokio::test(flavor = "multi_thread")]
async fn a_notice_to_the_3ds_server_gets_one_ores_of_its_own() {
    let stage = Stage::set("oreq-3dss").await;
    let text = "The certificate changes. ".repeat(3);
    let to = Recipient::ThreeDsServer;
    let whole = Notice { to, parts: 3, text: text.clone(), ..Notice::default() };
    let report = send(&stage, &whole).await;
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(statuses(&report), [None, None, Some("01")]);
    let ores = report.answers.last().unwrap().message.as_ref().unwrap();
    assert!(ores["threeDSServerTransID"].is_string() && ores.get("acsTransID").is_none(), "{ores}");
    let gap = Notice { to, parts: 3, numbers: vec![1, 3], ..Notice::default() };
    assert_eq!(statuses(&send(&stage, &gap).await), [None, Some("02")]);
    let overrides = json!({"opSeverity": "05"}).as_object().unwrap().clone();
    let refused = send(&stage, &Notice { to, overrides, ..Notice::default() }).await;
    let erro = refused.answers[0].message.as_ref().unwrap();
    assert_eq!((&erro["errorCode"], &erro["errorComponent"]), (&json!("207"), &json!("S")));

    let kept = stage.sim.network().merchant.notices();
    assert_eq!(kept.len(), 2);
    assert_eq!((kept[0].text.as_str(), kept[0].status.as_deref()), (text.as_str(), Some("01")));
    assert_eq!(kept[1].status.as_deref(), Some("02"));
    assert!(listed(&stage).is_empty(), "the ACS was not told");
}
