//! HTML challenges inside apps over TLS [scenarios T-AH].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ds_simulator::sdk::challenge::Act;
use ds_simulator::sdk::{Interface, Sdk};
use e2e::stage::wrong;
use e2e::{Card, Stage};
use serde_json::{Value, json};

use super::app::{Cell, Opened, assert_ended_refused, each, facts, open_with, refused, rreqs};

async fn shown(stage: &Stage, cell: Cell) -> Opened {
    let set = |sdk: &mut Sdk| (sdk.interface, sdk.encryption) = (Interface::Html, cell.enc);
    let mut opened = open_with(stage, cell.version, Card::Sms, set).await;
    assert_eq!(opened.screen(&Act::Open).await.ui, "05");
    opened
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ah_01_a_code_typed_into_a_page_of_ours() {
    let stage = Stage::set("app-html").await;
    each(async |cell| {
        let mut opened = shown(&stage, cell).await;
        let code = stage.code(&opened.id(), 1).await.unwrap();
        opened.screen(&Act::Type(wrong(&code))).await;
        let cres = opened.last(&Act::Type(code)).await;
        assert_eq!(cres["transStatus"], "Y");
        let rreq = stage.result(&opened.payment).await;
        assert_eq!(facts(&rreq), [json!("Y"), Value::Null, Value::Null, json!("02")]);
        let rendering = &rreq["acsRenderingType"];
        assert_eq!(
            (&rendering["acsInterface"], &rendering["acsUiTemplate"]),
            (&json!("02"), &json!("05"))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ah_01_buttons_of_the_page() {
    let stage = Stage::set("app-html-buttons").await;
    each(async |cell| {
        for (form, status, cancel) in
            [("action=cancel", "N", "01"), ("?action=cancel&challengeDataEntry=1", "N", "01")]
        {
            let mut opened = shown(&stage, cell).await;
            let again = opened.screen(&Act::Resend).await;
            assert_eq!(again.ui, "05");
            let cres = opened.last(&Act::Html(form.to_owned())).await;
            assert_eq!(cres["transStatus"], status);
            let rreq = stage.result(&opened.payment).await;
            assert_eq!(
                (&rreq["challengeCancel"], &rreq["interactionCounter"]),
                (&json!(cancel), &json!("00"))
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ah_02_03_the_page_has_all_it_needs() {
    let stage = Stage::set("app-html-content").await;
    each(async |cell| {
        let mut opened = shown(&stage, cell).await;
        let screen = opened.challenge.screen.clone().unwrap();
        let mut pages = vec![screen.text("acsHTML").unwrap().to_owned()];
        assert_eq!(screen.text("acsHTMLRefresh").is_some(), !cell.newest());
        pages.extend(screen.text("acsHTMLRefresh").map(str::to_owned));
        for page in pages {
            let page = URL_SAFE_NO_PAD.decode(page).unwrap();
            let page = String::from_utf8(page).unwrap().to_lowercase();
            for outside in ["<script", "http://", "src=", "href=", "url(", "@import"] {
                assert!(!page.contains(outside), "{outside}");
            }
            let addresses: Vec<_> = page.match_indices("https://").map(|(at, _)| at).collect();
            assert!(!addresses.is_empty());
            let ours = |at: &usize| page[*at..].starts_with("https://emv3ds/challenge\"");
            assert!(addresses.iter().all(ours));
        }
        opened.last(&Act::Cancel).await;
    })
    .await;
}

/// A CReq without or with too much form data.
async fn refuses(stage: &Stage, cell: Cell, data: Option<String>, code: &str) {
    let mut opened = shown(stage, cell).await;
    let mut creq = opened.challenge.creq(&Act::Open);
    if let Some(data) = data {
        creq["challengeHTMLDataEntry"] = json!(data);
    }
    let received = opened.challenge.send(&creq, &[]).await.unwrap();
    let erro = refused(received, code);
    assert_eq!(erro["errorDetail"], "challengeHTMLDataEntry");
    assert_ended_refused(stage, &opened, &erro).await;
    opened.erro(&Act::Html("challengeDataEntry=1".to_owned()), "302").await;
    assert_eq!(rreqs(stage, &opened), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ah_04_missing_form_data() {
    let stage = Stage::set("bad-app-html-missing").await;
    each(async |cell| refuses(&stage, cell, None, "201").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ah_05_overlong_form_data() {
    let stage = Stage::set("bad-app-html-long").await;
    each(async |cell| {
        refuses(&stage, cell, Some("x".repeat(257)), "203").await;
        // The longest is a wrong entry and no defect.
        let mut opened = shown(&stage, cell).await;
        opened.screen(&Act::Html(format!("challengeDataEntry={}", "1".repeat(237)))).await;
        opened.last(&Act::Cancel).await;
        assert_eq!(stage.result(&opened.payment).await["interactionCounter"], "01");
    })
    .await;
}
