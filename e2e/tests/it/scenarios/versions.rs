//! T-VN and T-23: one version from AReq to CRes, and what 2.3.1 adds.

use ds_simulator::message::new_id;
use e2e::stage::member;
use e2e::{Card, Issuer, VERSIONS};
use serde_json::{Value, json};

use super::challenge::{Scene, check_refused};
use super::{Door, Expected};

#[tokio::test(flavor = "multi_thread")]
async fn t_vn_02_version_echo() {
    let scene = Scene::set("t-vn-02").await;
    for version in VERSIONS {
        let (case, page, code) = scene.shown(version).await;
        let last = scene.tab.press(&page, &code, "submit").await.unwrap();
        let returned = scene.carries_cres(&case, &last, "Y").await;
        let rreq = scene.rreq(&case).await;
        let rres = |event: &ds_simulator::trace::Event| event.what == "RRes";
        let rres = scene.stage.wait_event(&case.payment.id, rres).await.unwrap();
        let ares = case.payment.ares.clone().unwrap();
        for message in [ares, rreq, rres.body.unwrap(), returned.message] {
            assert_eq!(message["messageVersion"], version, "{message}");
        }
        // And an Erro.
        let case = scene.case(version).await;
        let mut creq = case.creq.clone();
        creq["challengeWindowSize"] = json!("06");
        let page = scene.tab.creq(&creq, None).await.unwrap();
        assert_eq!(page.returned().unwrap().message["messageVersion"], version);
        check_refused(&scene, &case, "00", "203").await;
    }
}

/// Every element name of a message, nested ones too.
fn names(message: &Value, into: &mut Vec<String>) {
    match message {
        Value::Object(members) => {
            for (name, value) in members {
                into.push(name.clone());
                names(value, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, into)),
        _ => {}
    }
}

/// Elements, statuses and reasons that a version does not know [P-231-10].
fn check_no_leakage(version: &str, message: &Value) {
    let about = format!("{version}: {message}");
    let since_220 = ["acsDecConInd", "whiteListStatus", "whiteListStatusSource"];
    let since_231 = [
        "authenticationMethod",
        "trustListStatus",
        "trustListStatusSource",
        "deviceBindingStatus",
        "deviceBindingStatusSource",
        "transStatusReasonInfo",
        "transChallengeExemption",
        "cardSecurityCodeStatus",
        "spcTransData",
        "webAuthnCredList",
        "challengeErrorReporting",
        "deviceInfoRecognisedVersion",
        "threeDSRequestorAppURLInd",
    ];
    let mut found = Vec::new();
    names(message, &mut found);
    // An RReq has the method in every version.
    let of_rreq = message["messageType"] == "RReq";
    for name in &found {
        let newer =
            since_231.contains(&name.as_str()) && !(of_rreq && name == "authenticationMethod");
        assert!(!(version != "2.3.1" && newer), "{name} {about}");
        assert!(!(version == "2.1.0" && since_220.contains(&name.as_str())), "{name} {about}");
    }
    let (statuses, last_reason) = match version {
        "2.1.0" => ("YNUACR", 21),
        "2.2.0" => ("YNUACRDI", 26),
        _ => ("YNUACRDIS", 30),
    };
    if let Some(status) = message["transStatus"].as_str() {
        assert!(statuses.contains(status), "{about}");
    }
    if let Some(reason) = message["transStatusReason"].as_str() {
        assert!((1..=last_reason).contains(&reason.parse::<u32>().unwrap()), "{about}");
    }
    if version == "2.1.0"
        && let Some(cancel) = message["challengeCancel"].as_str()
    {
        assert!(["01", "04", "05", "06", "07", "08"].contains(&cancel), "{about}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_vn_03_no_leakage() {
    let scene = Scene::set("t-vn-03").await;
    for version in VERSIONS {
        for card in Card::ALL {
            let mut options = scene.stage.options_approved(&Issuer::Alpha.pan(card));
            options.version = Some(version.to_owned());
            options.skip_method = true;
            let receipt = scene.stage.pay("ds-a", &options).await;
            assert_eq!(receipt.problems, Vec::<String>::new(), "{version} {card:?}");
            for message in [receipt.ares, receipt.rreq, receipt.cres].into_iter().flatten() {
                check_no_leakage(version, &message);
            }
        }
        // The ends that have reasons and cancel codes of their own.
        let case = scene.case(version).await;
        scene.advance(31).await;
        check_no_leakage(version, &scene.rreq(&case).await);
        let (case, page, _) = scene.shown(version).await;
        scene.tab.press(&page, "", "cancel").await.unwrap();
        check_no_leakage(version, &scene.rreq(&case).await);
        let (case, ..) = scene.shown(version).await;
        let mut creq = case.creq.clone();
        creq["messageType"] = json!("XReq");
        scene.tab.creq(&creq, None).await.unwrap();
        check_no_leakage(version, &scene.rreq(&case).await);
    }
    let ds = scene.stage.raw_ds("ds-a");
    for version in VERSIONS {
        for areq in [ds.app_areq(version, &super::pan()), ds.three_ri_areq(version, &super::pan())]
        {
            check_no_leakage(version, &ds.post(&areq).await.unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_01_arrays() {
    let door = Door::open().await;
    let name = "threeDSRequestorChallengeInd";
    let expected = Expected {
        code: "203",
        detail: name,
        rule: "P-AREQ-09",
        says: &["expected an array of 1 to 2 items", "came"],
    };
    door.refuses(&door.changed("2.3.1", name, json!("02")), &expected).await;
    door.refuses(&door.changed("2.3.1", name, json!(["02", "05", "08"])), &expected).await;
    door.answers(&door.changed("2.3.1", name, json!(["02", "05"])), "Y").await;
    for version in ["2.1.0", "2.2.0"] {
        let expected = Expected { says: &["expected one of", "came an array"], ..expected };
        door.refuses(&door.changed(version, name, json!(["02"])), &expected).await;
        door.answers(&door.changed(version, name, json!("02")), "Y").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_02_duplicate_array_element() {
    let door = Door::open().await;
    for (name, value) in [
        ("threeDSRequestorChallengeInd", json!(["02", "02"])),
        ("acceptLanguage", json!(["ja", "en", "ja"])),
    ] {
        let expected =
            Expected { code: "204", detail: name, rule: "P-AREQ-06", says: &["may occur once"] };
        door.refuses(&door.changed("2.3.1", name, value), &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_03_reserved_value() {
    let door = Door::open().await;
    let three_ri = |version: &str| {
        let mut areq = door.ds.three_ri_areq(version, &super::pan());
        areq["threeRIInd"] = json!("20");
        areq
    };
    let expected = Expected {
        code: "207",
        detail: "threeRIInd",
        rule: "P-GEN-08",
        says: &["reserved range", "came \"20\""],
    };
    door.refuses(&three_ri("2.3.1"), &expected).await;
    for version in ["2.1.0", "2.2.0"] {
        let expected =
            Expected { code: "203", rule: "P-AREQ-09", says: &["came \"20\""], ..expected };
        door.refuses(&three_ri(version), &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_16_error_reporting() {
    let scene = Scene::set("t-23-16").await;
    let wrong = [
        ("challengeWindowSize", json!("06"), "203"),
        ("challengeWindowSize", Value::Null, "201"),
        ("threeDSServerTransID", json!(new_id()), "301"),
        ("messageVersion", json!("2.2.0"), "203"),
        ("messageType", json!("XReq"), "101"),
    ];
    for (name, value, code) in wrong {
        let case = scene.case("2.3.1").await;
        let mut creq = case.creq.clone();
        creq[name] = value;
        let page = scene.tab.creq(&creq, None).await.unwrap();
        check_refused(&scene, &case, "00", code).await;
        let copy = scene.rreq(&case).await["challengeErrorReporting"].clone();
        match page.returned() {
            Some(returned) => assert_eq!(copy, returned.message, "the Erro itself"),
            None => assert_eq!(code, "101", "{copy}"),
        }
        assert!(!member(&copy, "errorDetail").is_empty(), "{copy}");
        assert!(!member(&copy, "errorDescription").is_empty(), "{copy}");
    }
}
