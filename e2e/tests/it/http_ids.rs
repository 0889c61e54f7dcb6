//! X-Request-ID and X-Response-ID on every leg, as the directory server and the 3DS Server see them.

use ds_simulator::ids::REMARK;
use ds_simulator::notice::Notice;
use e2e::stage::{Setup, member};
use e2e::{Card, Issuer, Stage, VERSIONS};
use serde_json::{Value, json};

/// What parties found wrong with HTTP ids in a payment, or in a notice.
fn remarks(stage: &Stage, txn: &str) -> Vec<String> {
    let events = stage.events(txn).into_iter();
    events.filter(|event| event.what == REMARK).map(|event| event.summary).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_18_every_message_of_a_payment_carries_the_right_ids() {
    let stage = Stage::set("http-ids").await;
    for version in VERSIONS {
        for card in [Card::Frictionless, Card::Sms] {
            let mut options = stage.options(&Issuer::Alpha.pan(card));
            options.version = Some(version.to_owned());
            options.skip_method = true;
            let receipt = stage.pay("ds-a", &options).await;
            assert_eq!(receipt.problems, Vec::<String>::new());
            assert_eq!(remarks(&stage, &receipt.id), Vec::<String>::new(), "{version} {card:?}");
            let legs: Vec<_> =
                stage.events(&receipt.id).into_iter().map(|e| (e.leg, e.what)).collect();
            let challenged = legs.contains(&("ACS-DS".to_owned(), "RReq".to_owned()));
            assert_eq!(challenged, receipt.ares_status.as_deref() == Some("C"));
        }
    }
    let noted = stage.acs.metrics().await.unwrap();
    assert!(!noted.contains("acs_http_id_total"), "the ACS missed nothing either: {noted}");

    let notice = Notice { parts: 2, ..Notice::default() };
    let report = stage.sim.network().directory.send_notice(&notice).await.unwrap();
    let last = report.answers.last().unwrap();
    let ores = last.message.as_ref().unwrap();
    assert_eq!(last.ids["x-request-id"], last.ds_trans_id);
    assert_eq!(last.ids["x-response-id"], member(ores, "acsTransID"));
    assert_eq!(remarks(&stage, &report.sequence), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_18_missing_or_wrong_ids_are_noted_and_change_nothing() {
    let stage = Stage::set_with(Setup::default()).await;
    let ds = stage.raw_ds("ds-a");
    let areq = ds.areq("2.3.1", &Issuer::Alpha.pan(Card::Frictionless));
    // The stand-in sends no ids at all.
    let answer = ds.exchange(areq.to_string()).await.unwrap();
    let ares: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(ares["transStatus"], json!("Y"));
    assert_eq!(answer.headers["x-request-id"], member(&areq, "dsTransID"));
    assert_eq!(answer.headers["x-response-id"], member(&ares, "acsTransID"));
    let absent = ["header=\"x-request-id\"", "fault=\"absent\""];
    assert!(stage.acs.metric("acs_http_id_total", &absent).await.unwrap() >= 1.0);

    let mut wrong = ds_simulator::Faults::default();
    // The RRes names another transaction than the RReq, in its body and so in its HTTP ids.
    let other = json!(ds_simulator::message::new_id());
    wrong.rres_overrides.insert("dsTransID".to_owned(), other);
    stage.sim.set_faults(wrong);
    let mut options = stage.options(&Issuer::Alpha.pan(Card::Sms));
    options.version = Some("2.3.1".to_owned());
    options.skip_method = true;
    let receipt = stage.pay("ds-a", &options).await;
    assert_eq!(receipt.status.as_deref(), Some("Y"));
    let other = ["header=\"x-response-id\"", "fault=\"other\""];
    assert!(stage.acs.metric("acs_http_id_total", &other).await.unwrap() >= 1.0);
}
