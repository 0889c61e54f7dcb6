//! AReqs that are wrong, foreign, too large or repeated: each gets the specified answer, a metric,
//! and a log line without card data.

use bytes::Bytes;
use ds_simulator::message::new_id;
use e2e::raw_ds::client;
use e2e::stage::{Setup, member};
use e2e::{Card, Issuer, Stage, VERSIONS};
use serde_json::{Value, json};

fn pan() -> String {
    Issuer::Alpha.pan(Card::Frictionless)
}

/// What every Erro has.
fn check_erro(erro: &Value, code: &str, about: &Value) {
    assert_eq!(erro["messageType"], "Erro", "{erro}");
    assert_eq!(erro["errorCode"], code, "{erro}");
    assert_eq!(erro["errorComponent"], "A", "{erro}");
    for name in ["errorDescription", "errorDetail"] {
        assert!((1..=2048).contains(&member(erro, name).len()), "{name}: {erro}");
    }
    for name in ["threeDSServerTransID", "dsTransID"] {
        if about[name].as_str().is_some_and(|id| !id.is_empty()) {
            assert_eq!(erro[name], about[name], "{erro}");
        }
    }
    assert!(!erro.to_string().contains(&pan()), "a card number in an Erro");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_message_are_refused() {
    let stage = Stage::set_with(Setup::default()).await;
    let ds = stage.raw_ds("ds-a");
    let good = ds.areq("2.2.0", &pan()).to_string();
    let deep = format!(
        "{{\"messageType\":\"AReq\",\"x\":{}1{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let bodies: [(&str, Vec<u8>); 8] = [
        ("empty", Vec::new()),
        ("text", b"hello".to_vec()),
        ("cut off", good.as_bytes()[..good.len() - 1].to_vec()),
        ("more behind it", format!("{good}{good}").into_bytes()),
        ("array", format!("[{good}]").into_bytes()),
        (
            "not UTF-8",
            good.replace("HANAKO", "HAN\u{0}KO")
                .into_bytes()
                .iter()
                .map(|b| if *b == 0 { 0xff } else { *b })
                .collect(),
        ),
        ("deep", deep.into_bytes()),
        ("lone surrogate", good.replace("HANAKO", "\\ud800").into_bytes()),
    ];
    for (what, body) in bodies {
        let erro = ds.post_text(body).await.unwrap_or_else(|error| panic!("{what}: {error:#}"));
        let code = member(&erro, "errorCode").to_owned();
        assert!(code == "101" || (what == "lone surrogate" && code == "203"), "{what}: {erro}");
        assert_eq!(erro["messageVersion"], "2.3.1", "{what}: {erro}");
    }
    let twice = good.replacen('{', "{\"acctType\":\"02\",", 1);
    check_erro(&ds.post_text(twice).await.unwrap(), "204", &Value::Null);
    let nested = good.replacen("\"cc\":", "\"cc\":\"81\",\"cc\":", 1);
    check_erro(&ds.post_text(nested).await.unwrap(), "204", &Value::Null);
    let large = format!("{{\"messageType\":\"AReq\",\"pad\":\"{}\"}}", "x".repeat(600_000));
    assert_eq!(ds.exchange(large).await.unwrap().status, 413);
    let padded = good.replacen('{', &format!("{{\"unknown\":\"{}\",", "x".repeat(290_000)), 1);
    assert_eq!(ds.post_text(padded).await.unwrap()["messageType"], "ARes", "300 KiB are legal");
    let client = client(&stage.acs, "ds-a", |_| {}).unwrap();
    for content_type in ["text/plain", "application/jose", "application/x-www-form-urlencoded"] {
        let request = client.post(ds.url()).header("content-type", content_type).body(good.clone());
        assert_eq!(request.send().await.unwrap().status(), 415, "{content_type}");
    }
    let request = client.post(ds.url()).header("content-type", "Application/JSON;Charset=UTF-8");
    let answer = request.body(ds.areq("2.2.0", &pan()).to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json; charset=utf-8");
    assert_eq!(client.get(ds.url()).send().await.unwrap().status(), 405);
    let elsewhere = ds.url().replace("areq", "elsewhere");
    assert_eq!(client.post(elsewhere).send().await.unwrap().status(), 404);
    assert!(!stage.acs.log().contains(&pan()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_ds_url_gets_u_and_raises_an_alarm() {
    let stage = Stage::set_with(Setup::default()).await;
    let ds = stage.raw_ds("ds-a");
    let foreign = [
        "https://evil.example/rreq",
        "https://user@localhost:7443/ds/rreq",
        "http://localhost:7443/ds/rreq",
        "https://localhost.evil.example/ds/rreq",
    ];
    for (number, url) in foreign.into_iter().enumerate() {
        for version in VERSIONS {
            let mut areq = ds.areq(version, &Issuer::Alpha.pan(Card::Sms));
            areq["dsURL"] = json!(url);
            let ares = ds.post(&areq).await.unwrap();
            assert_eq!(ares["transStatus"], "U", "{url}: {ares}");
            assert!(ares.get("acsURL").is_none(), "{ares}");
        }
        let counted = stage.acs.metric("acs_foreign_ds_url_total", &["ds=\"ds-a\""]).await.unwrap();
        assert_eq!(counted, f64::from(u32::try_from((number + 1) * 3).unwrap()));
    }
    assert!(stage.acs.log().contains("alert"), "one line per alarm");
    for url in ["javascript:alert(1)", "ftp://shop.example/x", "http://shop.example/notify"] {
        let mut areq = ds.areq("2.3.1", &Issuer::Alpha.pan(Card::Sms));
        areq["notificationURL"] = json!(url);
        let answer = ds.post(&areq).await.unwrap();
        let refused = answer["messageType"] == "Erro" && answer["errorCode"] == "203";
        assert!(refused || answer["transStatus"] == "U", "{url}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_areq_gets_the_same_ares_and_a_differing_one_is_refused() {
    let stage = Stage::set_with(Setup::default()).await;
    let ds = stage.raw_ds("ds-a");
    for version in VERSIONS {
        for card in [Card::Frictionless, Card::Sms] {
            let areq = ds.areq(version, &Issuer::Alpha.pan(card));
            let bytes = Bytes::from(areq.to_string());
            let first = ds.exchange(bytes.clone()).await.unwrap();
            let again = ds.exchange(bytes.clone()).await.unwrap();
            assert_eq!(first.body, again.body, "{version} {card:?}");
            let mut other = areq.clone();
            other["purchaseAmount"] = json!("1");
            let code = if version == "2.3.1" { "312" } else { "301" };
            check_erro(&ds.post(&other).await.unwrap(), code, &other);
            let mut retried = areq.clone();
            retried["dsTransID"] = json!(new_id());
            assert_eq!(ds.post(&retried).await.unwrap()["messageType"], "ARes", "a new dsTransID");
            stage.acs.kill_9();
            stage.acs.start().await.unwrap();
            assert_eq!(ds.exchange(bytes).await.unwrap().body, first.body, "kept over a crash");
        }
    }
    // The same dsTransID from the other directory server is another transaction.
    let areq = ds.areq("2.2.0", &pan());
    let other_ds = stage.raw_ds("ds-b");
    let (one, two) = (ds.post(&areq).await.unwrap(), other_ds.post(&areq).await.unwrap());
    assert_eq!((&one["messageType"], &two["messageType"]), (&json!("ARes"), &json!("ARes")));
    assert_ne!(one["acsTransID"], two["acsTransID"]);
}
