//! Faults that are scripted over the control API.

use std::time::Instant;

use serde_json::{Value, json};

use super::options;
use super::stub::{Stage, rreq};
use crate::{pay, pki};

async fn control(stage: &Stage, method: reqwest::Method, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}{path}", stage.simulator.control_url().unwrap());
    let tls = pki::client_config(&stage.endpoints.pki.ca, None).unwrap();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy();
    let client = client.build().unwrap();
    let answer = client.request(method, url).body(body.to_string()).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

async fn put(stage: &Stage, path: &str, body: Value) -> u16 {
    control(stage, reqwest::Method::PUT, path, &body).await.0
}

/// A challenge in 2.3.1 that the stand-in has answered with C: its RReq.
async fn challenged(stage: &Stage) -> Value {
    let payment = stage.merchant().start(options("20000").order, None).await.unwrap();
    stage.merchant().authenticate(&payment.id, "N", &Default::default()).await.unwrap();
    rreq(&stage.last_areq(), &stage.last_ares())
}

#[tokio::test]
async fn connections_for_rreqs_are_refused_and_accepted_over_the_control_api() {
    let stage = Stage::set().await;
    assert_eq!(put(&stage, "/ds/ds-a/rreq-connections", json!({"accept": false})).await, 200);
    let rreq = challenged(&stage).await;
    let url = stage.last_areq()["dsURL"].as_str().unwrap().to_owned();
    assert_ne!(url, format!("{}/rreq", stage.simulator.network().directory.url()));
    assert_eq!(put(&stage, "/ds/ds-a/rreq-connections", json!({"accept": true})).await, 200);
    assert_eq!(stage.send_rreq_to(&rreq, &url).await["messageType"], "RRes");
    let path = format!("/ds/ds-a/rreqs/{}", rreq["acsTransID"].as_str().unwrap());
    let (_, came) = control(&stage, reqwest::Method::GET, &path, &Value::Null).await;
    assert_eq!(came.as_array().map(Vec::len), Some(1), "{came}");
    assert_eq!(put(&stage, "/ds/ds-x/rreq-connections", json!({"accept": true})).await, 404);
    assert_eq!(put(&stage, "/ds/ds-a/rreq-connections", json!({"open": true})).await, 400);
    assert_eq!(put(&stage, "/faults", json!({"rrreq": "none"})).await, 400);
}

#[tokio::test]
async fn answers_to_an_rreq_are_scripted() {
    let stage = Stage::set().await;
    let extension = json!([{"name": "n", "id": "x", "criticalityIndicator": true, "data": {}}]);
    let overrides = json!({"messageExtension": extension, "resultsStatus": null});
    put(&stage, "/faults", json!({"rres_overrides": overrides, "rres_delay_ms": 300})).await;
    let start = Instant::now();
    let rres = stage.send_rreq(&challenged(&stage).await).await;
    assert!(start.elapsed().as_millis() >= 300);
    assert_eq!(rres["messageExtension"], extension);
    assert!(rres.get("resultsStatus").is_none(), "{rres}");

    put(&stage, "/faults", json!({"rreq": {"text": "[]"}, "rreq_times": 1})).await;
    let rreq = challenged(&stage).await;
    assert_eq!(stage.send_rreq(&rreq).await, json!([]));
    assert_eq!(stage.send_rreq(&rreq).await["messageType"], "RRes", "one time only");
}

#[tokio::test]
async fn a_slow_three_ds_server_is_an_erro_402_and_a_dead_one_405() {
    let stage = Stage::set().await;
    let slow = json!({"three_ds_server_delay_ms": 2000, "rres_timeout_ms": 100});
    put(&stage, "/faults", slow).await;
    let erro = stage.send_rreq(&challenged(&stage).await).await;
    assert_eq!((&erro["errorComponent"], &erro["errorCode"]), (&json!("D"), &json!("402")));

    let nowhere = json!({"areq_overrides": {"threeDSServerURL": "https://localhost:9/x"}});
    put(&stage, "/faults", nowhere).await;
    let erro = stage.send_rreq(&challenged(&stage).await).await;
    assert_eq!((&erro["errorComponent"], &erro["errorCode"]), (&json!("D"), &json!("405")));
}

#[tokio::test]
async fn an_ares_is_refused_on_purpose() {
    let stage = Stage::set().await;
    put(&stage, "/faults", json!({"ares_erro": "203"})).await;
    let receipt = pay(stage.merchant(), &stage.browser(), &options("100")).await.unwrap();
    let ares = stage.merchant().payment(&receipt.id).unwrap().ares.unwrap();
    assert_eq!((&ares["messageType"], &ares["errorCode"]), (&json!("Erro"), &json!("203")));
    assert_eq!(stage.last_areq()["messageType"], "Erro", "the stand-in is told");
}
