//! HTML challenges inside apps over TLS.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ds_simulator::sdk::challenge::{Act, Received};
use ds_simulator::sdk::keys::Encryption;
use ds_simulator::sdk::{Interface, Sdk};
use e2e::stage::wrong;
use e2e::{Card, Stage, VERSIONS};
use serde_json::Value;

use super::app::{ENCRYPTIONS, Opened, assert_ended_refused, open_with, refused};

async fn shown(stage: &Stage, version: &str, enc: Encryption) -> Opened {
    let html = |sdk: &mut Sdk| {
        sdk.interface = Interface::Html;
        sdk.encryption = enc;
    };
    let mut opened = open_with(stage, version, Card::Sms, html).await;
    let screen = opened.screen(&Act::Open).await;
    assert_eq!(screen.ui, "05");
    opened
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ah_01_02_03_a_code_typed_into_a_page_of_ours() {
    let stage = Stage::set("app-html").await;
    for version in VERSIONS {
        for enc in ENCRYPTIONS {
            let mut opened = shown(&stage, version, enc).await;
            let screen = opened.challenge.screen.clone().unwrap();
            let page = URL_SAFE_NO_PAD.decode(screen.text("acsHTML").unwrap()).unwrap();
            let page = String::from_utf8(page).unwrap().to_lowercase();
            for outside in ["<script", "http://", "src=", "href=", "url(", "@import"] {
                assert!(!page.contains(outside), "{outside}");
            }
            let addresses: Vec<_> = page.match_indices("https://").map(|(at, _)| at).collect();
            assert!(!addresses.is_empty());
            assert!(
                addresses.iter().all(|at| page[*at..].starts_with("https://emv3ds/challenge\""))
            );
            assert_eq!(screen.text("acsHTMLRefresh").is_some(), version != "2.3.1");
            let code = stage.code(&opened.id(), 1).await.unwrap();
            opened.screen(&Act::Type(wrong(&code))).await;
            let cres = opened.last(&Act::Type(code)).await;
            assert_eq!(cres["transStatus"], "Y");
            let rreq = stage.result(&opened.payment).await;
            assert_eq!(rreq["interactionCounter"], "02");
            assert_eq!(rreq["acsRenderingType"]["acsInterface"], "02");
            assert_eq!(rreq["acsRenderingType"]["acsUiTemplate"], "05");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ah_04_05_missing_and_overlong_form_data() {
    let stage = Stage::set("bad-app-html").await;
    for version in VERSIONS {
        for (data, code) in [(None, "201"), (Some("x".repeat(257)), "203")] {
            let mut opened = shown(&stage, version, Encryption::A128Gcm).await;
            let mut creq = opened.challenge.creq(&Act::Html(data.clone().unwrap_or_default()));
            if data.is_none() {
                creq.as_object_mut().unwrap().remove("challengeHTMLDataEntry");
            }
            let received: Received = opened.challenge.send(&creq, &[]).await.unwrap();
            let erro: Value = refused(received, code);
            assert_eq!(erro["errorDetail"], "challengeHTMLDataEntry");
            assert_ended_refused(&stage, &opened, &erro).await;
        }
    }
}
