//! Who may say what to the directory server and the 3DS Server, and what a repeat gets.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::options;
use super::stub::{Stage, rreq};
use crate::link::{Answer, Link};
use crate::message::{VERSIONS, new_id, preq};
use crate::pki::Identity;
use crate::{Faults, RreqFault, pay};

const PATIENCE: Duration = Duration::from_secs(5);

/// Posts as whoever holds the certificate `name`.
async fn post(pki: &Path, name: &str, url: &str, body: impl Into<bytes::Bytes>) -> Answer {
    let folder = pki.join("ds-a");
    let identity = Identity::in_dir(&folder, name);
    let link = Link::new(&folder.join("ca.pem"), Some(&identity)).unwrap();
    link.post_json(url, body.into(), None, PATIENCE).await.unwrap()
}

async fn ask(stage: &Stage, name: &str, url: &str, message: &Value) -> Value {
    let answer = post(stage.pki(), name, url, message.to_string()).await;
    serde_json::from_slice(&answer.body).unwrap()
}

fn ds(stage: &Stage, path: &str) -> String {
    format!("{}/{path}", stage.simulator.network().directory.url())
}

#[tokio::test]
async fn each_path_is_for_one_role() {
    let stage = Stage::set().await;
    let message = |kind: &str| json!({"messageType": kind, "messageVersion": "2.2.0", "threeDSServerTransID": new_id()});
    for (path, kind, strangers) in [
        ("areq", "AReq", ["acs-client", "ds-client"]),
        ("preq", "PReq", ["acs-client", "ds-client"]),
        ("rreq", "RReq", ["threeds-server", "ds-client"]),
    ] {
        for stranger in strangers {
            let answer = ask(&stage, stranger, &ds(&stage, path), &message(kind)).await;
            assert_eq!(answer["errorCode"], "303", "{stranger} at {path}: {answer}");
            assert_eq!(answer["errorComponent"], "D");
        }
    }
    let receipt = pay(stage.merchant(), &stage.browser(), &options("20000")).await.unwrap();
    let url = stage.last_areq()["threeDSServerURL"].as_str().unwrap().to_owned();
    for stranger in ["acs-client", "threeds-server"] {
        let answer = ask(&stage, stranger, &url, receipt.rreq.as_ref().unwrap()).await;
        assert_eq!((&answer["errorCode"], &answer["errorComponent"]), (&json!("303"), &json!("S")));
    }
}

#[tokio::test]
async fn bodies_are_limited_and_must_be_messages() {
    let stage = Stage::set().await;
    let url = ds(&stage, "areq");
    let huge = vec![b' '; 1024 * 1024 + 1];
    assert_eq!(post(stage.pki(), "threeds-server", &url, huge).await.status, 413);
    for (body, code) in [("{", "101"), ("[]", "101"), ("{\"messageType\":\"RReq\"}", "101")] {
        let answer = post(stage.pki(), "threeds-server", &url, body).await;
        let erro: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(erro["errorCode"], code, "{body}");
    }
}

#[tokio::test]
async fn an_erro_of_a_peer_is_taken_and_sent_to_nobody() {
    let stage = Stage::set().await;
    let erro = json!({"messageType": "Erro", "messageVersion": "2.2.0", "errorCode": "203",
        "errorComponent": "S", "threeDSServerTransID": new_id()})
    .to_string();
    for (name, path) in
        [("threeds-server", "areq"), ("threeds-server", "preq"), ("acs-client", "rreq")]
    {
        let answer = post(stage.pki(), name, &ds(&stage, path), erro.clone()).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
    }
    assert!(stage.areq_bytes().is_empty());
}

#[tokio::test]
async fn a_repeated_rreq_gets_the_same_rres_and_another_one_is_refused() {
    for (version, code) in [("2.1.0", "301"), ("2.2.0", "301"), ("2.3.1", "312")] {
        let stage = Stage::set().await;
        let mut options = options("20000");
        options.version = Some(version.to_owned());
        let receipt = pay(stage.merchant(), &stage.browser(), &options).await.unwrap();
        let seen = stage.merchant().payment(&receipt.id).unwrap().rreq.unwrap();
        let mut first = seen.clone();
        // Before 2.3.1 the directory server keeps this to itself [P-RREQ-03].
        if version != "2.3.1" {
            first["authenticationMethod"] = json!("02");
        }
        let again = stage.send_rreq(&first).await;
        assert_eq!(
            (&again["messageType"], &again["resultsStatus"]),
            (&json!("RRes"), &json!("01"))
        );
        let mut other = first.clone();
        other["eci"] = json!("06");
        assert_eq!(stage.send_rreq(&other).await["errorCode"], code, "{version}");
        let url = stage.last_areq()["threeDSServerURL"].as_str().unwrap().to_owned();
        assert_eq!(ask(&stage, "ds-client", &url, &other).await["errorCode"], code);
        assert_eq!(ask(&stage, "ds-client", &url, &seen).await["messageType"], "RRes");
        let payment = stage.merchant().payment(&receipt.id).unwrap();
        assert_eq!((payment.rreq_count, payment.rreq), (1, Some(seen)));
    }
}

#[tokio::test]
async fn a_lost_rres_is_asked_for_again() {
    let stage = Stage::set().await;
    let fault = RreqFault::CloseAfterForward;
    stage.simulator.set_faults(Faults { rreq: fault, ..Faults::default() });
    let receipt = pay(stage.merchant(), &stage.browser(), &options("20000")).await.unwrap();
    stage.simulator.set_faults(Faults::default());
    let ares = stage.merchant().payment(&receipt.id).unwrap().ares.unwrap();
    let again = stage.send_rreq(&rreq(&stage.last_areq(), &ares)).await;
    assert_eq!(again["messageType"], "RRes", "{again}");
}

#[tokio::test]
async fn an_rreq_after_a_lost_ares_is_taken_with_results_status_03() {
    let stage = Stage::set().await;
    stage.simulator.set_faults(Faults { drop_areq_answers: 1, ..Faults::default() });
    let receipt = pay(stage.merchant(), &stage.browser(), &options("20000")).await.unwrap();
    assert!(!receipt.is_consistent());
    let areq = stage.last_areq();
    let taken = stage.send_rreq(&rreq(&areq, &stage.last_ares())).await;
    assert_eq!(taken["resultsStatus"], "03", "{taken}");
}

#[tokio::test]
async fn a_pres_holds_ranges_and_the_method_url() {
    let stage = Stage::set().await;
    stage.simulator.set_faults(Faults { preq_interval_ms: 1, ..Faults::default() });
    let pause = || tokio::time::sleep(Duration::from_millis(5));
    let (url, method) = (ds(&stage, "preq"), stage.endpoints.acs.method.clone().unwrap());
    for version in VERSIONS {
        let pres = ask(&stage, "threeds-server", &url, &preq(version, &new_id(), None)).await;
        assert_eq!(pres["messageType"], "PRes", "{pres}");
        let range = &pres["cardRangeData"][0];
        let (bounds, own) = if version == "2.3.1" {
            (&range["ranges"][0]["start"], &range["acsProtocolVersions"][2])
        } else {
            (&range["startRange"], range)
        };
        assert_eq!(bounds, "2000000000000000");
        assert_eq!(own["threeDSMethodURL"], method.as_str());
        pause().await;
        let known = ask(&stage, "threeds-server", &url, &preq(version, &new_id(), Some("1"))).await;
        assert!(known.get("cardRangeData").is_none() && known["serialNum"] == "1", "{known}");
    }
    let lost = ask(&stage, "threeds-server", &url, &preq("2.2.0", &new_id(), Some("9"))).await;
    assert_eq!(lost["errorCode"], "307");
    let old = ask(&stage, "threeds-server", &url, &preq("1.0.2", &new_id(), None)).await;
    assert_eq!(old["errorCode"], "102");
    let mut bad = preq("2.3.1", &new_id(), None);
    bad["cardRangeDataDownloadInd"] = json!("N");
    assert_eq!(ask(&stage, "threeds-server", &url, &bad).await["errorCode"], "203");
    bad["threeDSServerRefNumber"] = json!("");
    assert_eq!(ask(&stage, "threeds-server", &url, &bad).await["errorCode"], "201");
}
