//! Apps beside the native and HTML challenges: HTTP ids, reports about errors, answers without a
//! challenge, decoupled authentication [the app's part of T-23 and T-DC].

use std::time::Duration;

use ds_simulator::ids::REMARK;
use ds_simulator::issuer::IssuerSystems;
use ds_simulator::merchant::Payment;
use ds_simulator::sdk::challenge::Act;
use ds_simulator::sdk::play;
use e2e::stage::{Setup, member};
use e2e::{Card, Issuer, Stage};
use serde_json::{Value, json};

use super::app::{assert_ended_refused, each, open, refused, shown};

/// A payment in an app up to its ARes.
async fn begun(stage: &Stage, version: &str, card: Card, changes: Value) -> Payment {
    let sdk = stage.sim.sdk("ds-a").unwrap();
    let mut options = stage.options(&Issuer::Alpha.pan(card));
    options.version = Some(version.to_owned());
    options.order.overrides.extend(changes.as_object().unwrap().clone());
    let transaction = sdk.begin();
    let merchant = &stage.sim.network().merchant;
    let payment = play::begin(merchant, &sdk, &transaction, &options).await.unwrap();
    let ares = payment.ares.as_ref().unwrap();
    assert_eq!(ares["sdkTransID"], transaction.trans_id, "{ares}");
    payment
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_20_what_the_ares_has_without_a_challenge() {
    let stage = Stage::set("app-frictionless").await;
    let mut challenged = Vec::new();
    each(async |cell| {
        for (card, status) in [(Card::Frictionless, "Y"), (Card::Sms, "C")] {
            let payment = begun(&stage, cell.version, card, json!({})).await;
            let ares = payment.ares.clone().unwrap();
            assert_eq!(ares["transStatus"], status, "{ares}");
            assert_eq!(ares["authenticationValue"].is_string(), status == "Y");
            assert!(ares.get("acsURL").is_none(), "{ares}");
            for name in ["acsSignedContent", "acsRenderingType"] {
                assert_eq!(ares.get(name).is_some(), status == "C", "{name}");
            }
            for name in ["deviceInfoRecognisedVersion", "threeDSRequestorAppURLInd"] {
                assert_eq!(ares.get(name).is_some(), cell.newest(), "{name}");
            }
            challenged.extend(Some(payment).filter(|_| status == "C"));
        }
    })
    .await;
    stage.acs.advance(Duration::from_secs(31)).await.unwrap();
    for payment in challenged {
        stage.result(&payment).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_16_error_reporting_of_an_app() {
    let stage = Stage::set("bad-app-reported").await;
    each(async |cell| {
        // A first CReq that is wrong, and a later one.
        for first in [true, false] {
            let mut opened = if first {
                open(&stage, cell.version, cell.enc).await
            } else {
                shown(&stage, cell.version, cell.enc).await
            };
            let mut creq = opened.challenge.creq(&Act::Open);
            creq["messageVersion"] = json!(if cell.oldest() { "2.2.0" } else { "2.1.0" });
            let received = opened.challenge.send(&creq, &[]).await.unwrap();
            let erro = refused(received, "203");
            assert_ended_refused(&stage, &opened, &erro).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_18_http_ids_of_an_app() {
    let stage = Stage::set("app-http-ids").await;
    each(async |cell| {
        let mut opened = shown(&stage, cell.version, cell.enc).await;
        let answer = opened.challenge.send_raw_again().await.unwrap();
        let id = |name: &str| answer.headers.get(name).map(|id| id.to_str().unwrap().to_owned());
        let ids = (id("x-request-id"), id("x-response-id"));
        if cell.newest() {
            let sdk = opened.challenge.sdk_trans_id.clone();
            assert_eq!(ids, (Some(sdk), Some(opened.id())));
        } else {
            assert_eq!(ids, (None, None));
        }
        let code = stage.code(&opened.id(), 1).await.unwrap();
        opened.last(&Act::Type(code)).await;
        stage.result(&opened.payment).await;
        let events = stage.events(&opened.payment.id).into_iter();
        let remarks: Vec<_> = events.filter(|event| event.what == REMARK).collect();
        assert!(remarks.is_empty(), "{remarks:?}");
    })
    .await;
}

const NEW: [&str; 2] = ["2.2.0", "2.3.1"];

/// A payment in an app whose requestor lets the issuer take its time.
async fn asking(stage: &Stage, version: &str, indicator: &str, minutes: &str) -> Payment {
    let wish = json!({
        "threeDSRequestorDecReqInd": indicator,
        "threeDSRequestorDecMaxTime": minutes,
    });
    begun(stage, version, Card::Sms, wish).await
}

fn id_of(payment: &Payment) -> String {
    member(payment.ares.as_ref().unwrap(), "acsTransID").to_owned()
}

async fn promised(stage: &Stage, version: &str, minutes: &str) -> Payment {
    let payment = asking(stage, version, "Y", minutes).await;
    let ares = payment.ares.as_ref().unwrap();
    assert_eq!((&ares["transStatus"], &ares["acsDecConInd"]), (&json!("D"), &json!("Y")));
    for foreign in ["acsSignedContent", "acsRenderingType", "acsURL", "authenticationValue"] {
        assert!(ares.get(foreign).is_none(), "{ares}");
    }
    payment
}

/// The only RReq.
async fn result(stage: &Stage, payment: &Payment) -> Value {
    let rreq = stage.result(payment).await;
    assert_eq!(received(stage, payment), 1);
    for foreign in ["interactionCounter", "acsRenderingType"] {
        assert!(rreq.get(foreign).is_none(), "{rreq}");
    }
    assert_eq!(rreq["sdkTransID"], payment.ares.as_ref().unwrap()["sdkTransID"]);
    rreq
}

fn received(stage: &Stage, payment: &Payment) -> usize {
    stage.sim.network().directory.rreqs_received(&id_of(payment)).len()
}

fn issuer_of(stage: &Stage) -> IssuerSystems {
    IssuerSystems::for_endpoints(&stage.acs.endpoints()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn t_dc_01_02_03_an_apps_cardholder_is_asked_by_the_issuer() {
    let stage = Stage::set("app-decoupled").await;
    let issuer = issuer_of(&stage);
    for version in NEW {
        for (word, status) in [("approved", "Y"), ("declined", "N")] {
            let payment = promised(&stage, version, "00060").await;
            issuer.asked(&id_of(&payment)).await.unwrap();
            stage.acs.advance(Duration::from_secs(3000)).await.unwrap();
            issuer.answer(&id_of(&payment), word).await.unwrap();
            let rreq = result(&stage, &payment).await;
            assert_eq!(rreq["transStatus"], status, "{rreq}");
            assert_eq!(rreq.get("authenticationValue").is_some(), status == "Y");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_dc_04_05_06_no_word_no_wish_or_no_time() {
    let stage = Stage::set_configured("app-decoupled-no", |config| {
        for issuer in config["issuer"].as_array_mut().unwrap() {
            issuer["decoupled"].as_table_mut().unwrap().insert("min_minutes".into(), 5.into());
        }
        let issuer = config["issuer"][0].as_table_mut().unwrap();
        let only: toml::Table = "default = { decoupled = { mandated = true } }".parse().unwrap();
        issuer.extend(only);
    })
    .await;
    for version in NEW {
        let payment = promised(&stage, version, "00005").await;
        stage.acs.advance(Duration::from_secs(301)).await.unwrap();
        let rreq = result(&stage, &payment).await;
        assert_eq!(
            [&rreq["transStatus"], &rreq["transStatusReason"], &rreq["challengeCancel"]],
            ["U", "24", "03"]
        );
        for (indicator, minutes, reason) in [("N", None, "23"), ("Y", Some("00001"), "25")] {
            let wish = json!({
                "threeDSRequestorDecReqInd": indicator,
                "threeDSRequestorDecMaxTime": minutes,
            });
            let ares = begun(&stage, version, Card::Sms, wish).await.ares.unwrap();
            assert_eq!([&ares["transStatus"], &ares["transStatusReason"]], ["N", reason], "{ares}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_dc_09_a_restart_loses_nothing_of_an_app() {
    let stage = Stage::set_with(Setup::default()).await;
    let issuer = issuer_of(&stage);
    for version in NEW {
        let payment = promised(&stage, version, "00060").await;
        issuer.asked(&id_of(&payment)).await.unwrap();
        stage.acs.kill_9();
        stage.acs.start().await.unwrap();
        issuer.answer(&id_of(&payment), "approved").await.unwrap();
        assert_eq!(result(&stage, &payment).await["transStatus"], "Y");
    }
}
