//! T-AV-01 to T-AV-18, T-AV-31: bodies, types, versions, presence, lengths.

use e2e::VERSIONS;
use serde_json::{Value, json};

use super::{Door, Expected};

const NOT_JSON: Expected<'static> = Expected {
    code: "101",
    detail: "invalid formatted message",
    rule: "P-AREQ-02",
    says: &["one JSON object in UTF-8"],
};

fn missing<'a>(detail: &'a str, says: &'a [&'a str]) -> Expected<'a> {
    Expected { code: "201", detail, rule: "P-AREQ-07", says }
}

fn invalid<'a>(detail: &'a str, says: &'a [&'a str]) -> Expected<'a> {
    Expected { code: "203", detail, rule: "P-AREQ-09", says }
}

fn check_no_ids(erro: &Value) {
    for name in ["threeDSServerTransID", "dsTransID", "acsTransID", "errorMessageType"] {
        assert!(erro.get(name).is_none(), "{name}: {erro}");
    }
    assert_eq!(erro["messageVersion"], "2.3.1", "the highest of its own: {erro}");
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_01_not_json() {
    let door = Door::open().await;
    check_no_ids(&door.refuses_text("hello", &NOT_JSON).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_02_json_array() {
    let door = Door::open().await;
    check_no_ids(&door.refuses_text("[]", &NOT_JSON).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_03_type_missing() {
    let door = Door::open().await;
    let expected = Expected {
        code: "201",
        detail: "messageType",
        rule: "P-AREQ-03",
        says: &["Expected messageType", "absent"],
    };
    for version in VERSIONS {
        door.refuses(&door.changed(version, "messageType", Value::Null), &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_04_unknown_type() {
    let door = Door::open().await;
    let expected = Expected {
        code: "101",
        detail: "invalid message type",
        rule: "P-AREQ-04",
        says: &["messageType", "unknown"],
    };
    for version in VERSIONS {
        let areq = door.changed(version, "messageType", json!("XReq"));
        let erro = door.refuses_text(areq.to_string(), &expected).await;
        assert!(erro.get("errorMessageType").is_none(), "not one of the protocol's: {erro}");
        assert_eq!(erro["dsTransID"], areq["dsTransID"], "{version}: {erro}");
        assert_eq!(erro["messageVersion"], version, "{erro}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_05_misplaced_type() {
    let door = Door::open().await;
    for version in VERSIONS {
        for kind in ["CReq", "ARes", "PReq", "RRes"] {
            let expected = Expected {
                code: "101",
                detail: "invalid message type for the receiving component",
                rule: "P-AREQ-04",
                says: &["expected AReq", &format!("came {kind}")],
            };
            door.refuses(&door.changed(version, "messageType", json!(kind)), &expected).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_06_version_missing() {
    let door = Door::open().await;
    let expected = Expected {
        code: "201",
        detail: "messageVersion",
        rule: "P-AREQ-05",
        says: &["Expected messageVersion", "absent"],
    };
    for version in VERSIONS {
        door.refuses(&door.changed(version, "messageVersion", Value::Null), &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_07_version_unsupported() {
    let expected = |detail| Expected {
        code: "102",
        detail,
        rule: "P-AREQ-05",
        says: &["not supported", "came 2.9.9"],
    };
    let door = Door::open().await;
    let areq = door.changed("2.3.1", "messageVersion", json!("2.9.9"));
    door.refuses(&areq, &expected("2.1.0,2.2.0,2.3.1")).await;
    // A version of the protocol that this directory server does not use is unsupported too.
    let door = Door::configured(|config| {
        config["ds"][0]["versions"] = vec!["2.1.0", "2.2.0"].into();
    })
    .await;
    let areq = door.areq("2.3.1");
    let expected = Expected { says: &["not supported", "came 2.3.1"], ..expected("2.1.0,2.2.0") };
    let erro = door.refuses_text(areq.to_string(), &expected).await;
    assert_eq!(erro["messageVersion"], "2.2.0", "the highest that is supported: {erro}");
    assert_eq!(erro["dsTransID"], areq["dsTransID"], "{erro}");
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_08_version_malformed() {
    let door = Door::open().await;
    let expected = Expected {
        code: "203",
        detail: "messageVersion",
        rule: "P-AREQ-05",
        says: &["major.minor.patch", "5 to 8 characters"],
    };
    for version in VERSIONS {
        for malformed in [json!("2"), json!("2.2"), json!("2.2.0.0.0"), json!(2.2), json!("v2.2.0")]
        {
            door.refuses(&door.changed(version, "messageVersion", malformed), &expected).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_09_duplicate_member() {
    let door = Door::open().await;
    let expected = Expected {
        code: "204",
        detail: "purchaseAmount",
        rule: "P-AREQ-06",
        says: &["may occur once"],
    };
    for version in VERSIONS {
        let twice = door.areq(version).to_string().replacen('{', "{\"purchaseAmount\":\"1\",", 1);
        door.refuses_text(twice, &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_10_nested_duplicate() {
    let door = Door::open().await;
    let expected = Expected {
        code: "204",
        detail: "acctInfo.chAccAgeInd",
        rule: "P-AREQ-06",
        says: &["may occur once"],
    };
    for version in VERSIONS {
        let once = "\"chAccAgeInd\":\"05\"";
        let areq = door.areq(version).to_string();
        assert!(areq.contains(once));
        door.refuses_text(areq.replacen(once, &format!("{once},{once}"), 1), &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_11_required_missing() {
    let door = Door::open().await;
    for version in VERSIONS {
        let areq = door.changed(version, "threeDSRequestorURL", Value::Null);
        let says = ["threeDSRequestorURL is absent"];
        door.refuses(&areq, &missing("threeDSRequestorURL", &says)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_12_several_missing() {
    let door = Door::open().await;
    for version in VERSIONS {
        let mut areq = door.changed(version, "mcc", Value::Null);
        areq.as_object_mut().unwrap().remove("merchantName");
        let says = ["mcc is absent; merchantName is absent"];
        door.refuses(&areq, &missing("mcc,merchantName", &says)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_13_required_null_or_empty() {
    let door = Door::open().await;
    for version in VERSIONS {
        for (value, says) in
            [(Value::Null, "acctNumber is null"), (json!(""), "acctNumber is empty")]
        {
            let mut areq = door.areq(version);
            areq["acctNumber"] = value;
            door.refuses(&areq, &missing("acctNumber", &[says])).await;
        }
        // An element inside an object that is there.
        let areq = door.changed(version, "mobilePhone", json!({"cc": "81"}));
        let says = ["mobilePhone.subscriber is absent"];
        door.refuses(&areq, &missing("mobilePhone.subscriber", &says)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_14_optional_empty() {
    let door = Door::open().await;
    for version in VERSIONS {
        for (name, value) in [("addrMatch", json!("")), ("acctInfo", json!({}))] {
            let mut areq = door.areq(version);
            areq[name] = value;
            door.refuses(&areq, &invalid(name, &[name])).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_15_ds_field_missing() {
    let door = Door::open().await;
    for version in VERSIONS {
        for name in ["dsURL", "dsReferenceNumber"] {
            let says = [&*format!("{name} is absent")];
            door.refuses(&door.changed(version, name, Value::Null), &missing(name, &says)).await;
        }
        let areq = door.changed(version, "dsTransID", Value::Null);
        let says = ["dsTransID is absent"];
        let erro = door.refuses_text(areq.to_string(), &missing("dsTransID", &says)).await;
        assert!(erro.get("dsTransID").is_none(), "{erro}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_16_too_long() {
    let door = Door::open().await;
    for version in VERSIONS {
        let areq = door.changed(version, "merchantName", json!("x".repeat(41)));
        let says = ["merchantName: expected text of at most 40 characters, came text of 41"];
        door.refuses(&areq, &invalid("merchantName", &says)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_17_length_in_characters() {
    let door = Door::open().await;
    for version in VERSIONS {
        for name in ["茶".repeat(40), "é".repeat(40), "𠮷".repeat(40)] {
            door.answers(&door.changed(version, "merchantName", json!(name)), "Y").await;
        }
        let areq = door.changed(version, "merchantName", json!("茶".repeat(41)));
        door.refuses(&areq, &invalid("merchantName", &["came text of 41 characters"])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_18_wrong_json_type() {
    let door = Door::open().await;
    for version in VERSIONS {
        for (name, value, says) in [
            ("browserJavaEnabled", json!("true"), "expected a Boolean, came text"),
            ("purchaseAmount", json!(20_000), "came a number"),
            ("mobilePhone", json!("819012345678"), "expected an object, came text"),
        ] {
            let areq = door.changed(version, name, value);
            door.refuses(&areq, &invalid(name, &[name, says])).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_av_31_unknown_element() {
    let door = Door::open().await;
    for version in VERSIONS {
        let mut areq = door.areq(version);
        areq["foo"] = json!({"bar": ["of", "nobody"]});
        areq["acctInfo"]["foo"] = json!("bar");
        // Of another channel: dropped as well.
        areq["sdkAppID"] = json!("not even a UUID");
        let ares = door.answers(&areq, "Y").await;
        assert!(!ares.to_string().contains("foo"), "{ares}");
    }
}
