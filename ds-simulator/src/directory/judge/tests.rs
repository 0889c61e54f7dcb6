use serde_json::json;
use time::macros::datetime;

use super::*;
use crate::message::new_id;

fn request(version: &str, channel: &str) -> Value {
    json!({"messageVersion": version, "deviceChannel": channel, "messageCategory": "01",
        "threeDSServerTransID": "6afa6072-9412-446b-9673-2f98b3ee98a2",
        "dsTransID": "f25084f0-5b16-4c0a-ae5d-b24808a95e4b", "dsReferenceNumber": "DS_1",
        "deviceRenderOptions": {"sdkInterface": "03", "sdkUiType": ["01", "04", "05"]}})
}

fn answer(areq: &Value, status: &str, more: Value) -> Value {
    let mut ares = json!({
        "messageType": "ARes", "messageVersion": areq["messageVersion"],
        "threeDSServerTransID": areq["threeDSServerTransID"], "dsTransID": areq["dsTransID"],
        "dsReferenceNumber": areq["dsReferenceNumber"], "acsTransID": new_id(),
        "acsReferenceNumber": "ACS_1", "transStatus": status});
    ares.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ares
}

fn judged(areq: &Value, status: &str, more: Value) -> String {
    match ares(areq, &answer(areq, status, more)) {
        Ok(()) => "good".to_owned(),
        Err((code, detail)) => format!("{code} {detail}"),
    }
}

const VALUE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[test]
fn statuses_are_those_of_version_channel_and_wish() {
    let value = || json!({"authenticationValue": VALUE});
    for version in ["2.1.0", "2.2.0", "2.3.1"] {
        assert_eq!(judged(&request(version, "02"), "Y", value()), "good", "{version}");
        assert_eq!(judged(&request(version, "02"), "Y", json!({})), "201 authenticationValue");
        assert_eq!(judged(&request(version, "02"), "N", json!({})), "201 transStatusReason");
        let both = json!({"authenticationValue": VALUE, "transStatusReason": "01"});
        assert_eq!(judged(&request(version, "02"), "N", both), "203 authenticationValue");
        for status in ["Z", "YN"] {
            assert!(judged(&request(version, "02"), status, json!({})).starts_with("203"));
        }
    }
    // Required elements of a challenge come after its legality.
    let challenge = || {
        json!({"acsChallengeMandated": "N", "acsURL": "https://acs.example/c",
        "authenticationType": "02"})
    };
    assert_eq!(judged(&request("2.2.0", "02"), "C", challenge()), "good");
    let mut forbidden = request("2.2.0", "02");
    forbidden["threeDSRequestorChallengeInd"] = json!("06");
    assert_eq!(judged(&forbidden, "C", challenge()), "203 transStatus");
    let three_ri = judged(&request("2.2.0", "03"), "C", json!({}));
    assert_eq!(three_ri, "203 transStatus", "no cardholder is there");
    assert_eq!(judged(&request("2.2.0", "02"), "I", json!({})), "203 transStatus");
    assert_eq!(
        judged(&request("2.2.0", "02"), "C", json!({"acsURL": "https://a.example"})),
        "201 acsChallengeMandated,authenticationType"
    );
}

#[test]
fn ids_and_versions_are_those_of_the_areq() {
    let areq = request("2.2.0", "02");
    let more = |change: Value| {
        let mut more = json!({"authenticationValue": VALUE});
        more.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        more
    };
    let judged = |change: Value| judged(&areq, "Y", more(change));
    assert_eq!(judged(json!({"dsTransID": new_id()})), "301 dsTransID");
    assert_eq!(judged(json!({"messageVersion": "2.1.0"})), "203 messageVersion");
    assert_eq!(judged(json!({"dsReferenceNumber": "X"})), "203 dsReferenceNumber");
    assert_eq!(judged(json!({"acsTransID": "x"})), "203 acsTransID");
    assert_eq!(judged(json!({"acsReferenceNumber": ""})), "201 acsReferenceNumber");
    assert_eq!(judged(json!({"debug": "on"})), "203 debug");
}

#[test]
fn templates_fit_the_interface_and_the_app() {
    let app = request("2.2.0", "01");
    let shown = |interface: &str, template: &str| {
        let asked = Asked::of(&app);
        let ares = json!({"acsRenderingType":
            {"acsInterface": interface, "acsUiTemplate": template}});
        rendering(&asked, &app, &ares).is_ok()
    };
    assert!(shown("01", "01") && shown("01", "04") && shown("02", "05"));
    assert!(!shown("01", "05"), "HTML in a native interface");
    assert!(!shown("01", "02"), "not among the app's templates");
    assert!(!shown("03", "01"));
}

#[test]
fn a_status_is_one_letter() {
    let asked = Asked::of(&request("2.2.0", "02"));
    let rreq = |status: &str| {
        json!({"messageType": "RReq", "messageVersion": "2.2.0", "messageCategory": "01",
            "threeDSServerTransID": new_id(), "dsTransID": new_id(), "acsTransID": new_id(),
            "interactionCounter": "01", "authenticationType": "02", "authenticationMethod": "02",
            "transStatus": status, "transStatusReason": "01"})
    };
    assert_eq!(result(&rreq("N"), &asked), Ok(()));
    for status in ["NU", "D", "C", "n", "YN"] {
        let (code, detail) = result(&rreq(status), &asked).unwrap_err();
        assert_eq!((code.as_str(), detail.as_str()), ("203", "transStatus"), "{status}");
    }
}

#[test]
fn a_purchase_is_of_this_half_hour() {
    let now = datetime!(2026-11-25 12:00 UTC);
    for (date, off) in [
        ("20261125120000", false),
        ("20261125113000", false),
        ("20261125112900", true),
        ("20261125123100", true),
        ("nonsense", false),
    ] {
        assert_eq!(is_off(date, now), off, "{date}");
    }
}
