//! The roles against a small stand-in for an ACS, over real TLS on free ports.

mod app;
mod areq;
mod crypto;
mod faults;
mod roles;
mod shop;
mod stub;
mod stub_app;
mod transcripts;

use std::time::Duration;

use serde_json::json;

use crate::browser::{CodeSource, Step};
use crate::fault::{Faults, RreqFault};
use crate::link::Link;
use crate::load::{LoadOptions, load};
use crate::message::{Order, VERSIONS};
use crate::pki::Identity;
use crate::{PayOptions, pay};
use stub::{CODE, Stage};

const PAN: &str = "4000000000001000";

fn options(amount: &str) -> PayOptions {
    PayOptions::new(PAN, amount, CodeSource::Fixed(CODE.to_owned()))
}

#[tokio::test]
async fn a_frictionless_payment_in_every_version() {
    let stage = Stage::set().await;
    for version in VERSIONS {
        let mut options = options("100");
        options.version = Some(version.to_owned());
        let receipt = pay(stage.merchant(), &stage.browser(), &options).await.unwrap();
        assert_eq!(receipt.problems, Vec::<String>::new());
        assert_eq!((receipt.version.as_str(), receipt.status.as_deref()), (version, Some("Y")));
    }
    let areq = stage.last_areq();
    assert_eq!(areq["threeDSCompInd"], "Y");
    assert_eq!(areq["dsReferenceNumber"], "DS-A-REF-0001");
    assert!(areq["dsURL"].as_str().unwrap().ends_with("/ds/rreq"));
}

#[tokio::test]
async fn a_challenge_with_a_wrong_code_first() {
    let stage = Stage::set().await;
    let mut options = options("20000");
    options.order.session_data = Some("c2Vzc2lvbg".to_owned());
    options.steps = vec![Step::Type("000000".to_owned()), Step::Code];
    let receipt = pay(stage.merchant(), &stage.browser(), &options).await.unwrap();
    assert_eq!(receipt.problems, Vec::<String>::new());
    assert_eq!(receipt.ares_status.as_deref(), Some("C"));
    assert_eq!(receipt.status.as_deref(), Some("Y"));
    assert_eq!(receipt.cres_status.as_deref(), Some("Y"));
    let trace = stage.simulator.trace().get(&receipt.id).unwrap();
    let whole = serde_json::to_string(&trace).unwrap();
    assert!(!whole.contains(PAN) && !whole.contains(CODE), "{whole}");
    for leg in ["3DSS-DS", "DS-ACS", "ACS-DS", "DS-3DSS", "BRW-ACS", "ACS-BRW", "BRW-3DSS"] {
        assert!(trace.events.iter().any(|event| event.leg == leg), "no {leg}");
    }
}

#[tokio::test]
async fn a_second_rreq_and_an_rreq_without_challenge_are_refused() {
    let stage = Stage::set().await;
    let receipt = pay(stage.merchant(), &stage.browser(), &options("20000")).await.unwrap();
    let again = stage.send_rreq(&receipt.rreq.unwrap()).await;
    assert_eq!(again["errorCode"], "312");
    let receipt = pay(stage.merchant(), &stage.browser(), &options("100")).await.unwrap();
    let unasked = stage.send_rreq(&receipt.ares.unwrap()).await;
    assert_eq!(unasked["errorCode"], "313", "{unasked}");
}

#[tokio::test]
async fn rreq_connections_can_be_refused_and_accepted_again() {
    let stage = Stage::set().await;
    let directory = &stage.simulator.network().directory;
    directory.refuse_rreq_connections().await.unwrap();
    let mut options = options("20000");
    options.rreq_patience = Duration::from_millis(10);
    let receipt = pay(stage.merchant(), &stage.browser(), &options).await.unwrap();
    assert!(!receipt.is_consistent());
    directory.accept_rreq_connections().await.unwrap();
    let url = stage.last_areq()["dsURL"].as_str().unwrap().to_owned();
    let mut rreq = stub::rreq(&stage.last_areq(), &receipt.ares.unwrap());
    rreq["transStatus"] = json!("Y");
    assert_eq!(stage.send_rreq_to(&rreq, &url).await["messageType"], "RRes");
}

#[tokio::test]
async fn faults_act_on_the_rreq() {
    let stage = Stage::set().await;
    stage
        .simulator
        .set_faults(Faults { rreq: RreqFault::Erro("403".to_owned()), ..Faults::default() });
    let mut options = options("20000");
    options.rreq_patience = Duration::from_millis(10);
    let receipt = pay(stage.merchant(), &stage.browser(), &options).await.unwrap();
    assert!(receipt.problems.iter().any(|p| p.contains("without an RReq")), "{receipt:?}");
}

#[tokio::test]
async fn only_a_three_ds_server_may_send_areqs_to_the_ds() {
    let stage = Stage::set().await;
    let ds = stage.pki().join("ds-a");
    let url = format!("{}/areq", stage.simulator.network().directory.url());
    let areq = json!({"messageType": "AReq", "messageVersion": "2.2.0"}).to_string();
    let acs = Link::new(&ds.join("ca.pem"), Some(&Identity::in_dir(&ds, "acs-client"))).unwrap();
    let patience = Duration::from_secs(5);
    let answer = acs.post_json(&url, areq.clone().into(), None, patience).await.unwrap();
    let erro: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(erro["errorCode"], "303");
    let nobody = Link::new(&ds.join("ca.pem"), None).unwrap();
    nobody.post_json(&url, areq.into(), None, patience).await.unwrap_err();
}

#[tokio::test]
async fn a_lost_ares_is_asked_for_again_byte_for_byte() {
    let stage = Stage::set().await;
    stage.lose_next_ares();
    stage.simulator.set_faults(Faults { areq_retry_ms: 5_000, ..Faults::default() });
    let receipt = pay(stage.merchant(), &stage.browser(), &options("100")).await.unwrap();
    assert_eq!(receipt.status.as_deref(), Some("Y"));
    let sent = stage.areq_bytes();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
}

#[tokio::test]
async fn npa_carries_no_purchase() {
    let stage = Stage::set().await;
    let mut options = options("100");
    options.order = Order { category: "02".to_owned(), ..options.order };
    let receipt = pay(stage.merchant(), &stage.browser(), &options).await.unwrap();
    assert!(receipt.is_consistent());
    assert!(stage.last_areq().get("purchaseAmount").is_none());
}

#[tokio::test]
async fn load_is_answered_without_errors() {
    let stage = Stage::set().await;
    let options = LoadOptions {
        url: None,
        connections: 4,
        requests: Some(40),
        time: None,
        version: "2.3.1".to_owned(),
        order: Order { pan: PAN.to_owned(), ..Order::default() },
        ds_url: "https://localhost:1/ds/rreq".to_owned(),
        watch: None,
    };
    let report = load(&stage.endpoints, &options).await.unwrap();
    assert_eq!((report.requests, report.errors), (40, 0), "{report:?}");
    assert_eq!(report.answers["Y"], 40);
}
