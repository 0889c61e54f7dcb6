//! The chain that signs acsSignedContent: alarms before it ends, and what a broken one stops.

use std::fs;
use std::time::Duration;

use ds_simulator::sdk::play;
use e2e::stage::Setup;
use e2e::{Card, Issuer, Stage};
use serde_json::json;

use super::scenarios::wait_log;

const DAY: u64 = 24 * 3600;

/// `transStatus` that an app gets for this card through `ds`.
async fn in_app(stage: &Stage, ds: &str, version: &str, card: Card) -> String {
    let sdk = stage.sim.sdk(ds).unwrap();
    let mut options = stage.options(&Issuer::Alpha.pan(card));
    options.version = Some(version.to_owned());
    let transaction = sdk.begin();
    let merchant = &stage.sim.network_named(ds).unwrap().merchant;
    let payment = play::begin(merchant, &sdk, &transaction, &options).await.unwrap();
    let ares = payment.ares.clone().unwrap();
    assert_eq!(ares["messageType"], "ARes", "{ares}");
    if ares["transStatus"] == "C" {
        sdk.open(&transaction, &payment).unwrap();
    } else {
        assert!(ares.get("acsSignedContent").is_none(), "{ares}");
    }
    ares["transStatus"].as_str().unwrap().to_owned()
}

/// Only app challenges are touched.
async fn others_go_on(stage: &Stage, version: &str) {
    assert_eq!(in_app(stage, "ds-a", version, Card::Frictionless).await, "Y");
    stage.challenged(&Issuer::Alpha.pan(Card::Sms), version).await;
}

async fn ready(stage: &Stage) -> String {
    let answer = reqwest::get(stage.acs.ops_url("/readyz")).await.unwrap();
    assert!(answer.status().is_success());
    answer.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_ends_is_told_60_30_and_7_days_before_and_then_stops_app_challenges() {
    let stage = Stage::set_with(Setup::default()).await;
    assert_eq!(in_app(&stage, "ds-a", "2.2.0", Card::Sms).await, "C");
    assert!(!ready(&stage).await.contains("signing"));
    let left = stage.acs.metric("acs_signing_days_left", &["ds=\"ds-a\""]).await.unwrap();
    let mut left: u64 = left.to_string().parse().unwrap();
    for (threshold, days) in [(60, 59), (30, 29), (7, 6)] {
        stage.acs.advance(Duration::from_secs((left - days) * DAY)).await.unwrap();
        left = days;
        let told = format!("threshold={threshold}");
        wait_log(&stage, &["ends soon", "ds-a", &told, "alert=true"]).await;
        let note = format!("ds ds-a: the signing chain ends in {days} days");
        let said = ready(&stage).await;
        assert!(said.contains(&note), "{said}");
        assert_eq!(in_app(&stage, "ds-a", "2.2.0", Card::Sms).await, "C");
    }
    stage.acs.advance(Duration::from_secs(7 * DAY)).await.unwrap();
    wait_log(&stage, &["app challenges of this DS are answered U", "ds-a", "alert=true"]).await;
    let said = ready(&stage).await;
    assert!(said.contains("ds ds-a: app challenges are answered U"), "{said}");
    assert_eq!(stage.acs.metric("acs_signing_days_left", &["ds=\"ds-a\""]).await.unwrap(), 0.0);
    assert_eq!(in_app(&stage, "ds-a", "2.2.0", Card::Sms).await, "U");
    others_go_on(&stage, "2.2.0").await;
    assert_eq!(stage.acs.log().matches("ends soon").count(), 2 * 3, "each threshold once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_without_its_intermediate_stops_app_challenges_of_its_directory_server_only() {
    let stage = Stage::set_with(Setup::default()).await;
    stage.acs.stop().await.unwrap();
    let cert = stage.acs.pki().join("ds-a/acs-signing.pem");
    let whole = fs::read_to_string(&cert).unwrap();
    let end = "-----END CERTIFICATE-----\n";
    fs::write(&cert, &whole[..whole.find(end).unwrap() + end.len()]).unwrap();
    let config = stage.acs.config();
    let check = ["check", "--config", config.to_str().unwrap()];
    let said = stage.acs.run(&check).unwrap_err().to_string();
    assert!(said.contains("ds \"ds-a\" signing") && said.contains("root"), "{said}");
    stage.acs.start().await.unwrap();
    let said = ready(&stage).await;
    assert!(said.contains("ds ds-a: app challenges are answered U"), "{said}");
    for version in e2e::VERSIONS {
        assert_eq!(in_app(&stage, "ds-a", version, Card::Sms).await, "U", "{version}");
        assert_eq!(in_app(&stage, "ds-b", version, Card::Sms).await, "C", "{version}");
        others_go_on(&stage, version).await;
    }
    // Mended files are taken at the next hourly look, without a restart.
    fs::write(&cert, whole).unwrap();
    stage.acs.advance(Duration::from_secs(3601)).await.unwrap();
    assert!(!ready(&stage).await.contains("ds-a"), "mended");
    assert_eq!(in_app(&stage, "ds-a", "2.2.0", Card::Sms).await, "C");
    stage.acs.run(&check).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_sdks_server_that_nobody_knows_is_told_308_by_the_directory_server() {
    let stage = Stage::set("app-split-signature").await;
    let mut sdk = stage.sim.sdk("ds-a").unwrap();
    sdk.split = true;
    let pay = async |changes: serde_json::Value| {
        let mut options = stage.options(&Issuer::Alpha.pan(Card::Frictionless));
        options.version = Some("2.3.1".to_owned());
        options.order.overrides.extend(changes.as_object().unwrap().clone());
        let merchant = &stage.sim.network().merchant;
        play::begin(merchant, &sdk, &sdk.begin(), &options).await.unwrap().ares.unwrap()
    };
    assert_eq!(pay(json!({})).await["transStatus"], "Y");
    // Signed for another transaction, by another network's server, by nobody.
    let other = sdk.facts(&sdk.begin()).unwrap().split.unwrap();
    let mut foreign = stage.sim.sdk("ds-b").unwrap();
    foreign.split = true;
    let foreign = foreign.facts(&foreign.begin()).unwrap().split.unwrap();
    for bad in [other, foreign, "e30.e30.AA".to_owned()] {
        let erro = pay(json!({"sdkServerSignedContent": bad})).await;
        assert_eq!(erro["errorCode"], "308", "{erro}");
        assert_eq!(erro["errorComponent"], "D");
        assert_eq!(erro["errorDetail"], "sdkServerSignedContent");
    }
}
