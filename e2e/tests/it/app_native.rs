//! Native challenges inside apps over TLS [scenarios T-AN].

use std::time::Duration;

use ds_simulator::message::from_base64url;
use ds_simulator::sdk::challenge::Act;
use ds_simulator::sdk::{Interface, Sdk};
use e2e::stage::{member, wrong};
use e2e::{Card, Stage};
use serde_json::{Value, json};

use super::app::{
    Cell, Opened, app_setting, assert_ended_refused, each, facts, names, open, open_ordered,
    open_with, refused, rreqs, shown,
};
use super::settings::protocol;

const NOTHING: Value = Value::Null;

async fn in_cell(stage: &Stage, cell: Cell) -> Opened {
    shown(stage, cell.version, cell.enc).await
}

fn never() -> Act {
    Act::Type("000000".to_owned())
}

/// A CReq with `more` in it gets this Erro and ends the challenge.
async fn refuses(stage: &Stage, cell: Cell, more: Value, code: &str, detail: &[&str]) {
    let mut opened = in_cell(stage, cell).await;
    let mut creq = opened.challenge.creq(&Act::Open);
    creq.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let received = opened.challenge.send(&creq, &[]).await.unwrap();
    let erro = refused(received, code);
    assert_eq!(erro["errorMessageType"], "CReq", "{erro}");
    for name in detail {
        assert!(member(&erro, "errorDetail").contains(name), "{name}: {erro}");
    }
    assert_ended_refused(stage, &opened, &erro).await;
    // It is over, whatever comes.
    opened.erro(&never(), "302").await;
    assert_eq!(rreqs(stage, &opened), 1);
}

/// Header and content of acsSignedContent.
fn signed(opened: &Opened) -> (Value, Value) {
    let ares = opened.payment.ares.as_ref().unwrap();
    let parts: Vec<&str> = member(ares, "acsSignedContent").split('.').collect();
    assert_eq!(parts.len(), 3);
    (from_base64url(parts[0]).unwrap(), from_base64url(parts[1]).unwrap())
}

async fn signs_with(stage: &Stage, algorithm: &str) {
    each(async |cell| {
        // The SDK verifies chain, signature and keys before it says anything.
        let mut opened = open(stage, cell.version, cell.enc).await;
        let (header, content) = signed(&opened);
        assert_eq!((&header["alg"], names(&header)), (&json!(algorithm), vec!["alg", "x5c"]));
        assert_eq!(names(&content), ["acsEphemPubKey", "acsURL", "sdkEphemPubKey"]);
        assert_eq!(names(&content["acsEphemPubKey"]), ["crv", "kty", "x", "y"]);
        assert_eq!(content["acsURL"], stage.acs.cardholder_url("/3ds/challenge/app"));
        opened.screen(&Act::Open).await;
        opened.last(&Act::Cancel).await;
        let mut other = in_cell(stage, cell).await;
        let key = signed(&other).1["acsEphemPubKey"].clone();
        assert_ne!(key, content["acsEphemPubKey"], "a fresh key each time");
        other.last(&Act::Cancel).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_01_signed_content_with_es256() {
    signs_with(&Stage::set("app-signed-es256").await, "ES256").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_01_signed_content_with_ps256() {
    let stage = Stage::set_configured("app-signed-ps256", |config| {
        let signing = config["ds"][0]["signing"].as_table_mut().unwrap();
        for (_, path) in signing.iter_mut() {
            // An RSA key whose certificate has the same root.
            *path = path.as_str().unwrap().replace("acs-signing", "acs-server-rsa").into();
        }
    })
    .await;
    signs_with(&stage, "PS256").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_02_text_happy_path() {
    let stage = Stage::set("app-text").await;
    each(async |cell| {
        let mut opened = open(&stage, cell.version, cell.enc).await;
        assert_eq!(opened.screen(&Act::Open).await.ui, "01");
        let code = stage.code(&opened.id(), 1).await.unwrap();
        let cres = opened.last(&Act::Type(code)).await;
        assert_eq!((&cres["transStatus"], &cres["acsCounterAtoS"]), (&json!("Y"), &json!("001")));
        let only = [
            "acsCounterAtoS",
            "acsTransID",
            "challengeCompletionInd",
            "messageType",
            "messageVersion",
            "sdkTransID",
            "threeDSServerTransID",
            "transStatus",
        ];
        assert_eq!(names(&cres), only, "nothing else [P-APP-44]");
        let rreq = stage.result(&opened.payment).await;
        assert_eq!(facts(&rreq), [json!("Y"), NOTHING, NOTHING, json!("01")]);
        assert!(rreq["authenticationValue"].is_string(), "{rreq}");
        assert_eq!(rreq["sdkTransID"], opened.challenge.sdk_trans_id);
        assert_eq!(rreqs(&stage, &opened), 1);
    })
    .await;
}

/// A payment whose cardholder is asked where the code goes.
async fn choice(stage: &Stage, cell: Cell) -> (Opened, Value) {
    let mut opened = open_with(stage, cell.version, Card::TwoContacts, |sdk| {
        sdk.encryption = cell.enc;
    })
    .await;
    let rendering = opened.payment.ares.as_ref().unwrap()["acsRenderingType"].clone();
    assert_eq!(rendering["acsUiTemplate"], "02");
    let screen = opened.screen(&Act::Open).await;
    assert_eq!((screen.ui.as_str(), screen.choices().len()), ("02", 2));
    assert!(stage.codes(&opened.id()).is_empty(), "no code before the choice");
    (opened, rendering)
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_03_18_the_cardholder_chooses_where_the_code_goes() {
    let stage = Stage::set_configured("app-choice", app_setting("choose_contact", true)).await;
    each(async |cell| {
        let (mut opened, rendering) = choice(&stage, cell).await;
        let text = opened.screen(&Act::Choose(vec!["mail".to_owned()])).await;
        assert_eq!(text.ui, "01", "the interface stays, the template may change");
        let code = stage.code(&opened.id(), 1).await.unwrap();
        assert_eq!(opened.last(&Act::Type(code)).await["transStatus"], "Y");
        let rreq = stage.result(&opened.payment).await;
        // The first one, as in the ARes [P-APP-30].
        assert_eq!(rreq["acsRenderingType"], rendering);
        assert_eq!(rreq["interactionCounter"], "01");
    })
    .await;
    // What this SDK cannot do is not offered.
    let mut opened = open_ordered(&stage, "2.3.1", Card::TwoContacts, |_, options| {
        let ui = json!(["01", "02", "03", "04", "05"]);
        let knows = json!({"sdkInterface": "03", "sdkUiType": ui, "sdkAuthenticationType": ["02"]});
        options.order.overrides.insert("deviceRenderOptions".to_owned(), knows);
    })
    .await;
    assert_eq!(opened.screen(&Act::Open).await.ui, "01");
    opened.last(&Act::Cancel).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_05_three_wrong_codes() {
    let stage = Stage::set("app-wrong").await;
    each(async |cell| {
        let mut opened = in_cell(&stage, cell).await;
        let code = stage.code(&opened.id(), 1).await.unwrap();
        for _ in 0..2 {
            let hint = opened.screen(&Act::Type(wrong(&code))).await;
            assert_eq!(hint.text("challengeInfoTextIndicator"), Some("Y"));
        }
        let cres = opened.last(&Act::Type(wrong(&code))).await;
        assert_eq!(cres["transStatus"], "N");
        let rreq = stage.result(&opened.payment).await;
        assert_eq!(facts(&rreq), [json!("N"), json!("19"), NOTHING, json!("03")]);
        assert!(rreq.get("authenticationValue").is_none(), "{rreq}");
        opened.erro(&Act::Type(code), "302").await;
        assert_eq!(rreqs(&stage, &opened), 1);
    })
    .await;
}

/// The end by a CReq with a `challengeCancel` of this value.
async fn cancels(stage: &Stage, cell: Cell, act: &Act, value: &str) {
    let mut opened = in_cell(stage, cell).await;
    opened.screen(&never()).await;
    let cres = opened.last(act).await;
    assert_eq!((&cres["transStatus"], &cres["challengeCompletionInd"]), (&json!("N"), &json!("Y")));
    let reason = if cell.oldest() { "01" } else { "26" };
    let rreq = stage.result(&opened.payment).await;
    // The counter is that of the wrong code before.
    assert_eq!(facts(&rreq), [json!("N"), json!(reason), json!(value), json!("01")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_06_cancel() {
    let stage = Stage::set("app-cancel").await;
    each(async |cell| cancels(&stage, cell, &Act::Cancel, "01").await).await;
}

/// `protocol.app_cancel_reason_210`, `_220` and `_231` [P-APP-19].
#[tokio::test(flavor = "multi_thread")]
async fn t_an_06_a_cancelled_challenge_has_the_reason_that_is_set() {
    let stage = Stage::set_configured("app-cancel-reason", |config| {
        for (version, reason) in [("210", "19"), ("220", "24"), ("231", "19")] {
            protocol(config, &format!("app_cancel_reason_{version}"), reason);
        }
    })
    .await;
    each(async |cell| {
        let mut opened = in_cell(&stage, cell).await;
        opened.last(&Act::Cancel).await;
        let rreq = stage.result(&opened.payment).await;
        let reason = if cell.version == "2.2.0" { "24" } else { "19" };
        assert_eq!(facts(&rreq)[..3], [json!("N"), json!(reason), json!("01")], "{rreq}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_17_the_sdks_timer_told_by_a_creq() {
    let stage = Stage::set("app-cancel-timer").await;
    each(async |cell| cancels(&stage, cell, &Act::TimedOut, "08").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_07_no_entry() {
    let stage = Stage::set("app-no-entry").await;
    // 2.1.0 has no word for it: a CReq without anything (T-AN-10).
    each(async |cell| {
        let mut opened = in_cell(&stage, cell).await;
        let screen = opened.screen(&Act::Nothing).await;
        assert_eq!((screen.ui.as_str(), screen.text("acsCounterAtoS")), ("01", Some("001")));
        let code = stage.code(&opened.id(), 1).await.unwrap();
        opened.last(&Act::Type(code)).await;
        assert_eq!(stage.result(&opened.payment).await["interactionCounter"], "02");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_08_resend() {
    let stage = Stage::set("app-resend").await;
    each(async |cell| {
        let mut opened = in_cell(&stage, cell).await;
        let old = stage.code(&opened.id(), 1).await.unwrap();
        opened.screen(&Act::Resend).await;
        assert_eq!(stage.codes(&opened.id()).len(), 1, "not within half a minute");
        stage.acs.advance(Duration::from_secs(31)).await.unwrap();
        opened.screen(&Act::Resend).await;
        let code = stage.code(&opened.id(), 2).await.unwrap();
        opened.screen(&Act::Type(if old == code { wrong(&code) } else { old })).await;
        opened.last(&Act::Type(code)).await;
        // The old code was a wrong one; resends do not count.
        assert_eq!(stage.result(&opened.payment).await["interactionCounter"], "02");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_09_two_intents() {
    let stage = Stage::set("bad-app-two-intents").await;
    each(async |cell| {
        let pairs = [
            json!({"challengeCancel": "01", "resendChallenge": "Y"}),
            json!({"challengeCancel": "01", "challengeDataEntry": "123456"}),
        ];
        for pair in pairs {
            if cell.oldest() {
                // No such rule yet: what ends comes first.
                let mut opened = in_cell(&stage, cell).await;
                let mut creq = opened.challenge.creq(&Act::Open);
                creq.as_object_mut().unwrap().extend(pair.as_object().unwrap().clone());
                let received = opened.challenge.send(&creq, &[]).await.unwrap();
                assert_eq!(opened.ended(received)["transStatus"], "N");
                assert_eq!(stage.result(&opened.payment).await["challengeCancel"], "01");
            } else {
                refuses(&stage, cell, pair, "203", &["challengeCancel"]).await;
            }
        }
        if !cell.oldest() {
            let both = json!({"challengeNoEntry": "Y", "challengeDataEntry": "123456"});
            refuses(&stage, cell, both, "203", &["challengeDataEntry"]).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_10_no_intent_at_all() {
    let stage = Stage::set("bad-app-no-intent").await;
    each(async |cell| {
        if !cell.oldest() {
            refuses(&stage, cell, json!({}), "203", &["challengeDataEntry"]).await;
            return;
        }
        let mut opened = in_cell(&stage, cell).await;
        let screen = opened.screen(&Act::Open).await;
        assert_eq!(screen.text("challengeInfoTextIndicator"), Some("Y"));
        opened.last(&Act::Cancel).await;
        assert_eq!(stage.result(&opened.payment).await["interactionCounter"], "01");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_11_an_entry_too_long() {
    let stage = Stage::set("bad-app-too-long").await;
    each(async |cell| {
        let long = json!({"challengeDataEntry": "1".repeat(46)});
        refuses(&stage, cell, long, "203", &["challengeDataEntry"]).await;
        // The longest is only wrong.
        let mut opened = in_cell(&stage, cell).await;
        opened.screen(&Act::Type("1".repeat(45))).await;
        opened.last(&Act::Cancel).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_12_counters_go_up_on_both_sides() {
    let stage = Stage::set("app-counters").await;
    each(async |cell| {
        let mut opened = in_cell(&stage, cell).await;
        for number in ["001", "002", "003"] {
            assert_eq!(opened.challenge.creq(&Act::Resend)["sdkCounterStoA"], number);
            let screen = opened.screen(&Act::Resend).await;
            assert_eq!(screen.text("acsCounterAtoS"), Some(number));
        }
        let code = stage.code(&opened.id(), 1).await.unwrap();
        assert_eq!(opened.challenge.creq(&Act::Open)["sdkCounterStoA"], "004");
        assert_eq!(opened.last(&Act::Type(code)).await["acsCounterAtoS"], "004");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_14_ids_of_another_transaction() {
    let stage = Stage::set("bad-app-ids").await;
    let other = "11111111-2222-4333-8444-555555555555";
    each(async |cell| {
        for name in ["sdkTransID", "threeDSServerTransID", "acsTransID"] {
            let foreign = json!({"challengeDataEntry": "1", name: other});
            refuses(&stage, cell, foreign, "301", &[name]).await;
        }
        let version = if cell.version == "2.2.0" { "2.1.0" } else { "2.2.0" };
        let changed = json!({"challengeDataEntry": "1", "messageVersion": version});
        refuses(&stage, cell, changed, "203", &["messageVersion"]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_15_an_erro_of_the_sdk_is_taken_in_silence() {
    let stage = Stage::set("app-sdk-erro").await;
    each(async |cell| {
        let mut opened = in_cell(&stage, cell).await;
        let told = opened.challenge.complain("203", "acsUiType", "not for this SDK").await;
        let answer = told.unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        let rreq = stage.result(&opened.payment).await;
        assert_eq!(rreq["transStatus"], "U");
        assert_eq!(rreq["challengeCancel"], if cell.newest() { "09" } else { "06" });
        if cell.newest() {
            assert_eq!(rreq["challengeErrorReporting"]["errorCode"], "203");
            assert_eq!(rreq["challengeErrorReporting"]["errorComponent"], "C");
        }
        opened.erro(&never(), "302").await;
        // One more is noted and changes nothing [P-APP-51].
        let again = opened.challenge.complain("402", "CRes", "too late").await.unwrap();
        assert_eq!((again.status, again.body.len()), (200, 0));
        assert_eq!(rreqs(&stage, &opened), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_16_an_sdk_is_shown_what_it_can_show() {
    for (preferred, able, interface, ui) in
        [("html", Interface::Native, "01", "01"), ("native", Interface::Html, "02", "05")]
    {
        let name = if preferred == "html" { "app-native-only" } else { "app-html-only" };
        let stage = Stage::set_configured(name, app_setting("interface", preferred)).await;
        each(async |cell| {
            let set = |sdk: &mut Sdk| (sdk.interface, sdk.encryption) = (able, cell.enc);
            let mut opened = open_with(&stage, cell.version, Card::Sms, set).await;
            let ares = opened.payment.ares.clone().unwrap();
            assert_eq!(ares["acsRenderingType"]["acsInterface"], interface);
            assert_eq!(opened.screen(&Act::Open).await.ui, ui);
            opened.last(&Act::Cancel).await;
        })
        .await;
    }
}
