//! T-FR: answers without a challenge.

use std::time::Duration;

use ds_simulator::link::Link;
use ds_simulator::message::{new_id, to_base64url};
use e2e::raw_ds::roots;
use e2e::stage::member;
use e2e::{Card, Issuer, VERSIONS};
use serde_json::{Value, json};

use super::{Door, pan};

/// What no answer without a challenge has.
fn check_quiet(ares: &Value) {
    for name in [
        "acsURL",
        "acsSignedContent",
        "acsRenderingType",
        "acsChallengeMandated",
        "authenticationType",
        "authenticationMethod",
    ] {
        assert!(ares.get(name).is_none(), "{name}: {ares}");
    }
}

/// Reason and eci of a negative answer, and no value.
fn check_negative(ares: &Value, reason: &str) {
    check_quiet(ares);
    assert_eq!(ares["transStatusReason"], reason, "{ares}");
    assert_eq!(ares["eci"], "07", "{ares}");
    assert!(ares.get("authenticationValue").is_none(), "{ares}");
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_01_y_in_the_browser() {
    let door = Door::open().await;
    for version in VERSIONS {
        let first = door.answers(&door.areq(version), "Y").await;
        let second = door.answers(&door.areq(version), "Y").await;
        for ares in [&first, &second] {
            check_quiet(ares);
            assert_eq!(member(ares, "authenticationValue").len(), 28, "{version}: {ares}");
            assert_eq!(ares["eci"], "05", "{version}: {ares}");
            assert!(ares.get("transStatusReason").is_none(), "{version}: {ares}");
            assert!(ares.get("sdkTransID").is_none(), "{version}: {ares}");
        }
        assert_ne!(first["authenticationValue"], second["authenticationValue"], "{version}");
        assert_ne!(first["acsTransID"], second["acsTransID"], "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_03_attempts() {
    let door = Door::configured(|config| {
        config["issuer"][0]["default"] = "attempt".into();
    })
    .await;
    for version in VERSIONS {
        let areq = door.ds.areq(version, &Issuer::Alpha.pan(Card::Sms));
        let ares = door.answers(&areq, "A").await;
        check_quiet(&ares);
        assert_eq!(member(&ares, "authenticationValue").len(), 28, "{version}: {ares}");
        assert_eq!(ares["eci"], "06", "{version}: {ares}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_04_n() {
    let door = Door::open().await;
    for version in VERSIONS {
        // Must be challenged and cannot be.
        let areq = door.ds.areq(version, &Issuer::Alpha.pan(Card::Unreachable));
        check_negative(&door.answers(&areq, "N").await, "13");
        let areq = door.ds.areq(version, &Issuer::Alpha.pan(Card::ScriptedDenied));
        check_negative(&door.answers(&areq, "N").await, "01");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_06_r() {
    let door = Door::open().await;
    for version in VERSIONS {
        for card in [Card::Stolen, Card::Lost] {
            let areq = door.ds.areq(version, &Issuer::Alpha.pan(card));
            check_negative(&door.answers(&areq, "R").await, "10");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_07_unknown_pan_in_range() {
    let door = Door::open().await;
    for version in VERSIONS {
        let areq = door.ds.areq(version, &Issuer::Alpha.pan(Card::Unknown));
        check_negative(&door.answers(&areq, "N").await, "08");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_13_cardholder_info() {
    let door = Door::open().await;
    for version in VERSIONS {
        let areq = door.ds.areq(version, &Issuer::Alpha.pan(Card::Suspended));
        let ares = door.answers(&areq, "N").await;
        check_negative(&ares, "12");
        let told = &ares["cardholderInfo"];
        let text = if version == "2.3.1" { &told["text"] } else { told };
        let length = text.as_str().unwrap_or_default().chars().count();
        assert!((1..=128).contains(&length), "{version}: {ares}");
        let areq = door.ds.areq(version, &Issuer::Alpha.pan(Card::Sms));
        let ares = door.answers(&areq, "C").await;
        assert!(ares.get("cardholderInfo").is_none(), "a challenge has its own words: {ares}");
    }
}

/// Runs the 3DS Method of a transaction as a hidden frame does.
async fn run_method(door: &Door, three_ds_server_trans_id: &str) {
    let link = Link::new(&roots(&door.stage.acs), None).unwrap();
    let url = door.stage.acs.cardholder_url("/3ds/method");
    let data = to_base64url(&json!({"threeDSServerTransID": three_ds_server_trans_id,
        "threeDSMethodNotificationURL": "https://shop.example/done"}));
    let pairs = [("threeDSMethodData".to_owned(), data)];
    let page = link.post_form(&url, &pairs, "en", Duration::from_secs(10)).await.unwrap();
    assert_eq!(page.status, 200);
    assert!(String::from_utf8_lossy(&page.body).contains("https://shop.example/done"));
}

/// Whether the why record of an answer says that method data was found.
fn method_data_of(door: &Door, ares: &Value) -> bool {
    let database = rusqlite::Connection::open(door.stage.acs.database()).unwrap();
    let opening: String = database
        .query_row(
            "SELECT CAST(opening AS TEXT) FROM transactions WHERE instr(CAST(opening AS TEXT), ?1)",
            [member(ares, "acsTransID")],
            |row| row.get(0),
        )
        .unwrap();
    opening.contains("\"method_data\":true")
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_14_method_data_used() {
    let door = Door::open().await;
    for version in VERSIONS {
        let areq = door.changed(version, "threeDSCompInd", json!("Y"));
        run_method(&door, member(&areq, "threeDSServerTransID")).await;
        let ares = door.answers(&areq, "Y").await;
        assert!(method_data_of(&door, &ares), "{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_15_no_method_data() {
    let door = Door::open().await;
    for version in VERSIONS {
        // Y without a run is no error either [P-MTH-07].
        for comp_ind in ["U", "N", "Y"] {
            let areq = door.changed(version, "threeDSCompInd", json!(comp_ind));
            let ares = door.answers(&areq, "Y").await;
            assert!(!method_data_of(&door, &ares), "{version} {comp_ind}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_19_method_id_reuse() {
    let door = Door::open().await;
    let run = new_id();
    run_method(&door, &run).await;
    let named = async || {
        let mut areq = door.changed("2.3.1", "threeDSCompInd", json!("Y"));
        areq["threeDSMethodId"] = json!(run);
        let ares = door.answers(&areq, "Y").await;
        method_data_of(&door, &ares)
    };
    assert!(named().await);
    door.stage.acs.advance(Duration::from_secs(599)).await.unwrap();
    assert!(named().await, "ten minutes long");
    door.stage.acs.advance(Duration::from_secs(2)).await.unwrap();
    assert!(!named().await, "and no longer");
    // The run of the transaction itself has no such limit.
    let mut areq = door.ds.areq("2.3.1", &pan());
    areq["threeDSServerTransID"] = json!(run);
    let ares = door.answers(&areq, "Y").await;
    assert!(method_data_of(&door, &ares));
}
