use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::config::protocol::UnknownKidError;
use crate::testing::Bench;

/// Status and body of the answer to what an SDK posted.
async fn post(bench: &Bench, body: impl Into<Bytes>) -> (StatusCode, Vec<u8>) {
    let jose = HeaderValue::from_static("application/jose; charset=utf-8");
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, jose)]);
    let peer = Extension(PeerAddress(([127, 0, 0, 1], 9).into()));
    let response = handle(State(Arc::clone(&bench.app)), peer, headers, body.into()).await;
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, body.to_vec())
}

/// Something with this JWE header.
fn jwe_with(json: &str) -> String {
    format!("{}.a.b.c.d", URL_SAFE_NO_PAD.encode(json))
}

fn sdk_message(message_type: &str, acs_trans_id: Option<TransId>) -> String {
    json!({ "messageType": message_type, "messageVersion": "2.2.0", "errorCode": "402",
            "acsTransID": acs_trans_id })
    .to_string()
}

/// [P-ERRO-04]
#[tokio::test]
async fn an_erro_is_never_answered_with_an_erro() {
    let bench = Bench::new();
    let number = bench.challenge().await;
    let browser = bench.state(number).await.acs_trans_id;
    let unknown = TransId::parse("5f1c6e00-7a3d-4b52-9c01-200000000099");
    let each = async |id| {
        assert_eq!(post(&bench, sdk_message("Erro", id)).await, (StatusCode::OK, Vec::new()));
        let (status, body) = post(&bench, sdk_message("CReq", id)).await;
        let erro: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &erro["messageType"]), (StatusCode::OK, &json!("Erro")), "{id:?}");
    };
    each(None).await;
    each(unknown).await;
    each(Some(browser)).await;
    assert!(bench.state(number).await.decided().is_none());
    bench.app.store.close().await.unwrap();
    each(Some(browser)).await;
}

/// [P-CRY-09]
#[tokio::test]
async fn a_kid_that_is_missing_is_not_an_unknown_one() {
    let mut bench = Bench::new();
    let unknown = jwe_with(r#"{"kid":"5f1c6e00-7a3d-4b52-9c01-200000000099"}"#);
    let missing = [
        jwe_with("{}"),
        jwe_with(r#"{"kid":"x"}"#),
        jwe_with(r#"{"kid":7}"#),
        "no JWE".to_owned(),
        String::new(),
    ];
    for setting in [UnknownKidError::UnknownId, UnknownKidError::Undecipherable] {
        let app = Arc::get_mut(&mut bench.app).unwrap();
        app.config.protocol.app_unknown_kid_error = setting;
        let code = async |body: &str| {
            let (_, body) = post(&bench, body.to_owned()).await;
            serde_json::from_slice::<Value>(&body).unwrap()["errorCode"].clone()
        };
        let told = if setting == UnknownKidError::UnknownId { "301" } else { "302" };
        assert_eq!(code(&unknown).await, told);
        for body in &missing {
            assert_eq!(code(body).await, "302", "{body}");
        }
    }
}

/// [P-ERRO-01, Note 31]
#[tokio::test]
async fn what_cannot_be_said_now_names_the_whole_transaction() {
    let bench = Bench::new();
    let number = bench.challenge().await;
    let transaction = bench.state(number).await;
    // Nothing can be done with it.
    assert_eq!(bench.change("UPDATE transactions SET secret = NULL"), 1);
    let kid = json!({ "kid": transaction.acs_trans_id }).to_string();
    let (_, body) = post(&bench, jwe_with(&kid)).await;
    let erro: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&erro["errorCode"], &erro["messageVersion"]), (&json!("403"), &json!("2.2.0")));
    for (name, id) in [
        ("threeDSServerTransID", transaction.three_ds_server_trans_id),
        ("dsTransID", transaction.ds_trans_id),
        ("acsTransID", transaction.acs_trans_id),
    ] {
        assert_eq!(erro[name], json!(id), "{name}");
    }
}
