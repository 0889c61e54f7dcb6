//! T-AV-19 to T-AV-37: values, codes, extensions, repeats, peers.

use std::time::Duration;

use bytes::Bytes;

use e2e::{Card, Issuer, VERSIONS};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Door, Expected};

fn invalid<'a>(detail: &'a str, says: &'a [&'a str]) -> Expected<'a> {
    Expected { code: "203", detail, rule: "P-AREQ-09", says }
}

/// 207 from 2.3.1 on, 203 before.
fn reserved<'a>(version: &str, detail: &'a str, says: &'a [&'a str]) -> Expected<'a> {
    if version == "2.3.1" {
        Expected { code: "207", detail, rule: "P-GEN-08", says }
    } else {
        invalid(detail, says)
    }
}

fn iso<'a>(detail: &'a str, says: &'a [&'a str]) -> Expected<'a> {
    Expected { code: "304", detail, rule: "P-AREQ-10", says }
}

fn extension<'a>(code: &'a str, detail: &'a str, says: &'a [&'a str]) -> Expected<'a> {
    Expected { code, detail, rule: "P-AREQ-11", says }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_19_enumeration() {
    let door = Door::open().await;
    for version in VERSIONS {
        let areq = door.changed(version, "deviceChannel", json!("07"));
        let says = ["deviceChannel: expected one of 01, 02, 03, came \"07\""];
        door.refuses(&areq, &reserved(version, "deviceChannel", &says)).await;
        let areq = door.changed(version, "transType", json!("xx"));
        door.refuses(&areq, &invalid("transType", &["transType", "came \"xx\""])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_20_ds_reserved_value() {
    let door = Door::open().await;
    for version in VERSIONS {
        let areq = door.changed(version, "messageCategory", json!("85"));
        let says = ["messageCategory: expected one of 01, 02, came \"85\""];
        door.refuses(&areq, &reserved(version, "messageCategory", &says)).await;
    }
    let door = Door::configured(|config| {
        let mut agreed = toml::Table::new();
        agreed.insert("element".to_owned(), "messageCategory".into());
        agreed.insert("value".to_owned(), "85".into());
        let ds = config["ds"][0].as_table_mut().unwrap();
        ds.insert("agreed_values".to_owned(), toml::Value::Array(vec![agreed.into()]));
    })
    .await;
    for version in VERSIONS {
        door.answers(&door.changed(version, "messageCategory", json!("85")), "Y").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_21_bad_pan_format() {
    let door = Door::open().await;
    for version in VERSIONS {
        for (pan, says) in [
            ("400000000000", "expected 13 to 19 digits, came text of 12 digits"),
            ("40000000000000000000", "came text of 20 digits"),
            ("400000000000100x", "came text of 16 characters"),
        ] {
            let erro = door
                .refuses(
                    &door.changed(version, "acctNumber", json!(pan)),
                    &invalid("acctNumber", &["acctNumber", says]),
                )
                .await;
            assert!(!erro.to_string().contains(pan), "{version}: {erro}");
        }
    }
    let log = door.stage.acs.log();
    assert!(!log.contains("400000000000"), "card data in the log");
    let counted = door.stage.acs.metric("acs_erro_total", &["ElementInvalid", "P-AREQ-09"]).await;
    assert_eq!(counted.unwrap(), 9.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_22_bad_date() {
    let door = Door::open().await;
    for version in VERSIONS {
        for date in ["20241301000000", "20240230000000", "20240101246000", "202401010000"] {
            let areq = door.changed(version, "purchaseDate", json!(date));
            let says = ["purchaseDate: expected YYYYMMDDHHMMSS"];
            door.refuses(&areq, &invalid("purchaseDate", &says)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_23_excluded_currency() {
    let door = Door::open().await;
    for version in VERSIONS {
        for currency in ["999", "955", "964", "000"] {
            let areq = door.changed(version, "purchaseCurrency", json!(currency));
            let says = ["purchaseCurrency", "ISO 4217"];
            door.refuses(&areq, &iso("purchaseCurrency", &says)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_24_unknown_country() {
    let door = Door::open().await;
    for version in VERSIONS {
        for country in ["902", "901", "999", "003"] {
            let areq = door.changed(version, "merchantCountryCode", json!(country));
            let says = ["merchantCountryCode", "ISO 3166-1"];
            door.refuses(&areq, &iso("merchantCountryCode", &says)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_25_currency_and_exponent() {
    let door = Door::open().await;
    for version in VERSIONS {
        let areq = door.changed(version, "purchaseExponent", json!("2"));
        let detail = "purchaseCurrency,purchaseExponent";
        door.refuses(&areq, &iso(detail, &["fit together"])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_26_foreign_range() {
    let door = Door::open().await;
    let expected = Expected {
        code: "305",
        detail: "acctNumber",
        rule: "P-AREQ-14",
        says: &["nothing that this ACS serves"],
    };
    for version in VERSIONS {
        let foreign = "9000000000001001";
        let erro = door.refuses(&door.ds.areq(version, foreign), &expected).await;
        assert!(!erro.to_string().contains(foreign), "{version}: {erro}");
    }
}

/// An extension of nobody.
fn stranger(number: usize, critical: bool) -> Value {
    json!({"name": "extra", "id": format!("A000000004-extra-{number}"),
        "criticalityIndicator": critical, "data": {"x": "y"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_27_unknown_critical_extension() {
    let door = Door::open().await;
    for version in VERSIONS {
        let extensions = json!([stranger(1, true), stranger(2, false), stranger(3, true)]);
        let areq = door.changed(version, "messageExtension", extensions);
        let detail = "A000000004-extra-1,A000000004-extra-3";
        door.refuses(&areq, &extension("202", detail, &["critical and not recognised"])).await;
    }
    let door = Door::configured(|config| {
        let ds = config["ds"][0].as_table_mut().unwrap();
        ds.insert("critical_extensions".to_owned(), vec!["A000000004-extra-1"].into());
    })
    .await;
    for version in VERSIONS {
        let known = json!([stranger(1, true)]);
        door.answers(&door.changed(version, "messageExtension", known), "Y").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_28_unknown_extension() {
    let door = Door::open().await;
    for version in VERSIONS {
        let areq = door.changed(version, "messageExtension", json!([stranger(1, false)]));
        let ares = door.answers(&areq, "Y").await;
        assert!(ares.get("messageExtension").is_none(), "dropped: {ares}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_29_too_many_extensions() {
    let door = Door::open().await;
    for version in VERSIONS {
        let most = if version == "2.3.1" { 15 } else { 10 };
        let many = |count| Value::Array((0..count).map(|at| stranger(at, false)).collect());
        door.answers(&door.changed(version, "messageExtension", many(most)), "Y").await;
        let areq = door.changed(version, "messageExtension", many(most + 1));
        door.refuses(&areq, &extension("203", "messageExtension", &["at most 10"])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_30_extension_shape() {
    let door = Door::open().await;
    for version in VERSIONS {
        for (name, code) in [("data", "201"), ("id", "201"), ("criticalityIndicator", "201")] {
            let mut lacking = stranger(1, false);
            lacking.as_object_mut().unwrap().remove(name);
            let areq = door.changed(version, "messageExtension", json!([lacking]));
            let detail = format!("messageExtension.{name}");
            door.refuses(&areq, &extension(code, &detail, &["absent, null or empty"])).await;
        }
        let mut wrong = stranger(1, false);
        wrong["criticalityIndicator"] = json!("false");
        let areq = door.changed(version, "messageExtension", json!([wrong]));
        let detail = "messageExtension.criticalityIndicator";
        door.refuses(&areq, &extension("203", detail, &["criticalityIndicator (a Boolean)"])).await;
        let areq = door.changed(version, "messageExtension", json!({"name": "no array"}));
        door.refuses(&areq, &extension("203", "messageExtension", &[])).await;
    }
}

/// 312 from 2.3.1 on, 301 before.
fn duplicate(version: &str) -> Expected<'static> {
    Expected {
        code: if version == "2.3.1" { "312" } else { "301" },
        detail: "dsTransID",
        rule: "P-AREQ-20",
        says: &["processed before"],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_32_repeated_ds_trans_id() {
    let door = Door::open().await;
    let sent = VERSIONS.map(|version| door.areq(version));
    for areq in &sent {
        let first = door.answers(areq, "Y").await;
        assert_eq!(door.answers(areq, "Y").await, first, "within a minute: the same ARes");
    }
    door.stage.acs.advance(Duration::from_secs(300)).await.unwrap();
    for (areq, version) in sent.iter().zip(VERSIONS) {
        door.refuses(areq, &duplicate(version)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_33_concurrent_repeat() {
    let Door { ds, .. } = &Door::open().await;
    for version in VERSIONS {
        for copies in [2, 2, 2, 32] {
            let areq = Bytes::from(ds.areq(version, &Issuer::Alpha.pan(Card::Sms)).to_string());
            let mut posts = JoinSet::new();
            for _ in 0..copies {
                let (ds, areq) = (ds.clone(), areq.clone());
                posts.spawn(async move { ds.exchange(areq).await.unwrap().body });
            }
            let answers = posts.join_all().await;
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{version} {copies}");
            let ares: Value = serde_json::from_slice(&answers[0]).unwrap();
            assert_eq!(ares["transStatus"], "C", "{ares}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_34_browser_conditionals() {
    let door = Door::open().await;
    for version in ["2.2.0", "2.3.1"] {
        let expected = Expected {
            code: "201",
            detail: "browserTZ",
            rule: "P-AREQ-08",
            says: &["because of others", "browserTZ is absent"],
        };
        door.refuses(&door.changed(version, "browserTZ", Value::Null), &expected).await;
        let mut scriptless = door.areq(version);
        scriptless["browserJavascriptEnabled"] = json!(false);
        for name in ["browserTZ", "browserColorDepth", "browserScreenHeight", "browserJavaEnabled"]
        {
            scriptless.as_object_mut().unwrap().remove(name);
        }
        scriptless.as_object_mut().unwrap().remove("browserScreenWidth");
        door.answers(&scriptless, "Y").await;
    }
    // 2.1.0 has no such switch.
    let expected = Expected {
        code: "201",
        detail: "browserTZ",
        rule: "P-AREQ-07",
        says: &["browserTZ is absent"],
    };
    door.refuses(&door.changed("2.1.0", "browserTZ", Value::Null), &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_36_erro_inbound() {
    let door = Door::open().await;
    for version in VERSIONS {
        let ares = door.answers(&door.areq(version), "Y").await;
        let erro = json!({"messageType": "Erro", "messageVersion": version, "errorCode": "203",
            "errorComponent": "D", "errorDescription": "made by a test", "errorDetail": "eci",
            "errorMessageType": "ARes", "acsTransID": ares["acsTransID"],
            "dsTransID": ares["dsTransID"]});
        let rubbish = json!({"messageType": "Erro", "errorCode": {"not": "text"}});
        for body in [erro, rubbish] {
            let answer = door.ds.exchange(body.to_string()).await.unwrap();
            assert_eq!((answer.status, answer.body.len()), (200, 0), "{version}");
        }
        let id = ares["acsTransID"].as_str().unwrap();
        super::wait_log(&door.stage, &["an Erro was received", "code=\"203\"", id]).await;
    }
    let counted = door.stage.acs.metric("acs_erro_received_total", &["ds=\"ds-a\""]).await;
    assert_eq!(counted.unwrap(), 6.0);
}
