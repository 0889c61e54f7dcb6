//! The SDK against the stand-in ACS: whole payments, and everything a strict SDK must refuse.

use std::time::Duration;

use serde_json::{Value, json};

use super::stub::{CODE, Stage};
use crate::CodeSource;
use crate::message::{VERSIONS, to_base64url};
use crate::pay::PayOptions;
use crate::sdk::device::DsKeyKind;
use crate::sdk::keys::Encryption;
use crate::sdk::play::{Step, begin};
use crate::sdk::{Act, AppEnd, AppOptions, Received, Script, Sdk, pay_in_app};

fn options(version: &str) -> AppOptions {
    let codes = CodeSource::Fixed(CODE.to_owned());
    let mut pay = PayOptions::new(super::PAN, "20000", codes.clone());
    pay.version = Some(version.to_owned());
    let script = Script { codes, steps: Vec::new(), consents: false, prompt: None };
    AppOptions { pay, script }
}

fn sdk(stage: &Stage) -> Sdk {
    stage.simulator.sdk("ds-a").unwrap()
}

/// A good screen of this UI type.
fn screen(ui: &str, version: &str) -> Value {
    let newest = version == "2.3.1";
    let mut screen = json!({"acsUiType": ui});
    let mut put = |members: Value| {
        screen.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    };
    if matches!(ui, "05" | "06") {
        let page = "<!doctype html><form action=\"HTTPS://EMV3DS/challenge\"><p>Code</p>\
            <input name=challengeDataEntry><button name=action value=submit>OK</button></form>";
        put(json!({"acsHTML": base64(page)}));
        return screen;
    }
    put(json!({"challengeInfoHeader": "Header", "challengeInfoText": "Line 1\nLine 2"}));
    match ui {
        "01" if newest => put(json!({"submitAuthenticationLabel": "OK",
            "challengeEntryBox": {"challengeDataEntryLabel": "Code"}})),
        "01" => put(json!({"submitAuthenticationLabel": "OK", "challengeInfoLabel": "Code"})),
        "04" => put(json!({"oobContinueLabel": "Continue"})),
        "07" => put(json!({"infoContinueLabel": "Continue"})),
        _ => put(json!({"submitAuthenticationLabel": "OK", "challengeInfoLabel": "Where to?",
            "challengeSelectInfo": [{"a": "Phone **1234"}, {"b": "Mail"}]})),
    }
    screen
}

fn base64(page: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(page)
}

#[tokio::test]
async fn a_payment_in_an_app_in_every_version_and_encryption() {
    let stage = Stage::set().await;
    for version in VERSIONS {
        for (enc, ds_key) in
            [(Encryption::A128Gcm, DsKeyKind::Ec), (Encryption::A128CbcHs256, DsKeyKind::Rsa)]
        {
            stage.acs.app.lock().unwrap().screens =
                ["02", "01"].map(|ui| screen(ui, version)).to_vec();
            let mut sdk = sdk(&stage);
            (sdk.encryption, sdk.ds_key) = (enc, ds_key);
            let merchant = stage.merchant();
            let receipt = pay_in_app(merchant, &sdk, &options(version)).await.unwrap();
            assert_eq!(receipt.problems, Vec::<String>::new());
            assert_eq!(receipt.status.as_deref(), Some("Y"));
            assert_eq!(receipt.cres_status.as_deref(), Some("Y"));
            let creqs = stage.acs.app.lock().unwrap().creqs.clone();
            assert_eq!(creqs[1]["challengeDataEntry"], "a");
            assert_eq!(creqs[2]["challengeDataEntry"], CODE);
            let areq = stage.last_areq();
            assert_eq!(areq.get("sdkEncData"), None, "taken out by the directory server");
            assert_eq!(areq["deviceInfo"], to_base64url(&sdk.device_data));
            let trace = stage.simulator.trace().get(&receipt.id).unwrap();
            let whole = serde_json::to_string(&trace).unwrap();
            assert!(!whole.contains(CODE), "{whole}");
        }
    }
}

#[tokio::test]
async fn html_screens_are_filled_in_and_intercepted() {
    let stage = Stage::set().await;
    for version in VERSIONS {
        stage.acs.app.lock().unwrap().screens = vec![screen("05", version)];
        let receipt = pay_in_app(stage.merchant(), &sdk(&stage), &options(version)).await.unwrap();
        assert_eq!(receipt.problems, Vec::<String>::new());
        let creqs = stage.acs.app.lock().unwrap().creqs.clone();
        let entered = format!("challengeDataEntry={CODE}&action=submit");
        assert_eq!(creqs[1]["challengeHTMLDataEntry"], entered);
    }
}

#[tokio::test]
async fn choices_and_consents_of_html_screens() {
    let stage = Stage::set().await;
    let page = "<form action=https://emv3ds/challenge><input type=radio name=way value=sms>\
        <input type=radio name=way value=mail><input type=checkbox name=trust value=yes>\
        <button name=action value=go>Go</button></form>";
    let mut shown = screen("05", "2.2.0");
    shown["acsHTML"] = json!(base64(page));
    stage.acs.app.lock().unwrap().screens = vec![shown];
    for (steps, consents, expected) in [
        (vec![], false, "way=sms&action=go"),
        (vec![Step::Do(Act::Choose(vec!["mail".to_owned()]))], false, "way=mail&action=go"),
        (vec![Step::Do(Act::Continue)], true, "trust=yes&action=go"),
    ] {
        let mut options = options("2.2.0");
        (options.script.steps, options.script.consents) = (steps, consents);
        let receipt = pay_in_app(stage.merchant(), &sdk(&stage), &options).await.unwrap();
        assert_eq!(receipt.problems, Vec::<String>::new());
        let creqs = stage.acs.app.lock().unwrap().creqs.clone();
        assert_eq!(creqs[1]["challengeHTMLDataEntry"], expected);
    }
}

#[tokio::test]
async fn acts_become_the_creqs_they_stand_for() {
    let stage = Stage::set().await;
    let cases: [(&str, &str, Act, Value); 9] = [
        ("2.2.0", "01", Act::Nothing, json!({"challengeNoEntry": "Y"})),
        ("2.1.0", "01", Act::Nothing, json!({})),
        ("2.2.0", "01", Act::Resend, json!({"resendChallenge": "Y"})),
        ("2.2.0", "01", Act::Cancel, json!({"challengeCancel": "01"})),
        ("2.1.0", "04", Act::Continue, json!({"oobContinue": true})),
        ("2.3.1", "04", Act::Continue, json!({"oobContinue": "01"})),
        ("2.3.1", "07", Act::Continue, json!({"infoContinueIndicator": true})),
        (
            "2.3.1",
            "03",
            Act::Choose(vec!["a".to_owned(), "b".to_owned()]),
            json!({"challengeDataEntry": "a,b"}),
        ),
        ("2.3.1", "01", Act::TimedOut, json!({"challengeCancel": "08"})),
    ];
    for (version, ui, act, expected) in cases {
        let mut shown = screen(ui, version);
        if version == "2.2.0" {
            shown["whitelistingInfoText"] = json!("Trust this shop?");
        }
        stage.acs.app.lock().unwrap().screens = vec![shown];
        let mut options = options(version);
        options.script.steps = vec![Step::Do(act.clone())];
        options.script.consents = true;
        let receipt = pay_in_app(stage.merchant(), &sdk(&stage), &options).await.unwrap();
        assert_eq!(receipt.problems, Vec::<String>::new(), "{act:?}");
        let mut creq = stage.acs.app.lock().unwrap().creqs[1].clone();
        let asked = creq.get("whitelistingDataEntry").is_some();
        assert_eq!(asked, version == "2.2.0" && act != Act::Cancel);
        for name in [
            "messageType",
            "messageVersion",
            "threeDSServerTransID",
            "acsTransID",
            "sdkTransID",
            "sdkCounterStoA",
            "oobAppURLInd",
            "threeDSRequestorAppURL",
            "whitelistingDataEntry",
        ] {
            creq.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(creq, expected, "{version} {ui} {act:?}");
    }
}

/// What an SDK says about a first screen spoilt like this.
async fn refused(stage: &Stage, version: &str, ui: &str, spoil: Value) -> (String, String) {
    {
        let mut app = stage.acs.app.lock().unwrap();
        app.screens = if ui.is_empty() { Vec::new() } else { vec![screen(ui, version)] };
        app.spoil = spoil;
    }
    let mut options = options(version);
    // The stand-in sends no RReq then.
    options.pay.rreq_patience = Duration::ZERO;
    let receipt = pay_in_app(stage.merchant(), &sdk(stage), &options).await.unwrap();
    let erros = stage.acs.app.lock().unwrap().erros.clone();
    assert!(receipt.problems.iter().any(|why| why.contains("refused")), "{receipt:?}");
    assert_eq!(erros.len(), 1, "{receipt:?}");
    assert_eq!(
        (&erros[0]["errorComponent"], &erros[0]["errorMessageType"]),
        (&json!("C"), &json!("CRes"))
    );
    let member = |name: &str| erros[0][name].as_str().unwrap_or_default().to_owned();
    (member("errorCode"), member("errorDetail"))
}

#[tokio::test]
async fn a_bad_cres_is_refused_with_its_code_and_element() {
    let stage = Stage::set().await;
    let bad_id = json!("00000000-0000-4000-8000-000000000000");
    let external = base64("<form action=https://EMV3DS/challenge><img src=\"https://a.example/\">");
    let cases: [(&str, &str, Value, &str, &str); 33] = [
        ("2.2.0", "01", json!({"messageType": "ARes"}), "101", "messageType"),
        ("2.2.0", "01", json!({"messageVersion": "2.1.0"}), "203", "messageVersion"),
        ("2.2.0", "01", json!({"acsTransID": bad_id}), "301", "acsTransID"),
        ("2.2.0", "01", json!({"sdkTransID": null}), "201", "sdkTransID"),
        ("2.2.0", "01", json!({"acsCounterAtoS": "001"}), "302", "acsCounterAtoS"),
        ("2.2.0", "01", json!({"acsCounterAtoS": "0"}), "203", "acsCounterAtoS"),
        (
            "2.2.0",
            "01",
            json!({"submitAuthenticationLabel": null}),
            "201",
            "submitAuthenticationLabel",
        ),
        (
            "2.2.0",
            "01",
            json!({"submitAuthenticationLabel": ""}),
            "201",
            "submitAuthenticationLabel",
        ),
        ("2.2.0", "01", json!({"resendInformationLabel": ""}), "203", "resendInformationLabel"),
        ("2.2.0", "01", json!({"oobContinueLabel": "x"}), "203", "oobContinueLabel"),
        ("2.2.0", "01", json!({"trustListInfoText": "x"}), "203", "trustListInfoText"),
        (
            "2.2.0",
            "01",
            json!({"challengeInfoHeader": "x".repeat(46)}),
            "203",
            "challengeInfoHeader",
        ),
        ("2.2.0", "01", json!({"surprise": "x"}), "203", "surprise"),
        ("2.2.0", "01", json!({"acsUiType": "07"}), "203", "acsUiType"),
        ("2.2.0", "01", json!({"whyInfoLabel": "Why?"}), "201", "whyInfoText"),
        ("2.3.1", "01", json!({"challengeEntryBox": null}), "201", "challengeEntryBox"),
        ("2.3.1", "01", json!({"challengeInfoLabel": "x"}), "203", "challengeInfoLabel"),
        ("2.3.1", "04", json!({"oobContinueLabel": null}), "201", "oobContinueLabel"),
        (
            "2.3.1",
            "02",
            json!({"challengeSelectInfo": [{"abcde": "x"}]}),
            "203",
            "challengeSelectInfo",
        ),
        ("2.3.1", "05", json!({"acsHTML": external}), "203", "acsHTML"),
        ("2.3.1", "05", json!({"acsHTMLRefresh": "PGI-"}), "203", "acsHTMLRefresh"),
        ("2.2.0", "", json!({"acsUiType": "01"}), "101", "acsUiType"),
        ("2.2.0", "", json!({"surprise": "x"}), "101", "surprise"),
        ("2.2.0", "", json!({"transStatus": "U"}), "203", "transStatus"),
        ("2.2.0", "", json!({"transStatus": ""}), "201", "transStatus"),
        ("2.2.0", "", json!({"transStatus": null}), "201", "transStatus"),
        ("2.2.0", "", json!({"challengeInfoHeader": ""}), "101", "challengeInfoHeader"),
        ("2.3.1", "", json!({"acsHTML": "PGI-"}), "101", "acsHTML"),
        ("2.1.0", "", json!({"acsCounterAtoS": "001"}), "302", "acsCounterAtoS"),
        ("2.1.0", "", json!({"acsCounterAtoS": "255"}), "302", "acsCounterAtoS"),
        ("2.1.0", "", json!({"acsCounterAtoS": 1}), "203", "acsCounterAtoS"),
        ("2.1.0", "", json!({"challengeCompletionInd": ""}), "201", "challengeCompletionInd"),
        ("2.1.0", "", json!({"messageExtension": []}), "203", "messageExtension"),
    ];
    for (version, ui, spoil, code, element) in cases {
        let found = refused(&stage, version, ui, spoil.clone()).await;
        assert_eq!((found.0.as_str(), found.1.as_str()), (code, element), "{version} {spoil}");
    }
}

#[tokio::test]
async fn a_label_that_is_missing_or_empty_is_refused_on_every_screen() {
    let stage = Stage::set().await;
    for version in VERSIONS {
        let newest = version == "2.3.1";
        let mut required = vec![
            ("01", "submitAuthenticationLabel"),
            ("02", "submitAuthenticationLabel"),
            ("02", "challengeSelectInfo"),
            ("03", "submitAuthenticationLabel"),
            ("03", "challengeSelectInfo"),
            ("05", "acsHTML"),
        ];
        if newest {
            required.extend([
                ("01", "challengeInfoHeader"),
                ("01", "challengeInfoText"),
                ("02", "challengeInfoLabel"),
                ("06", "acsHTML"),
                ("07", "infoContinueLabel"),
            ]);
        } else {
            required.push(("04", "oobContinueLabel"));
        }
        for (ui, element) in required {
            for empty in [Value::Null, json!("")] {
                let found = refused(&stage, version, ui, json!({ element: empty })).await;
                assert_eq!((&*found.0, &*found.1), ("201", element), "{version} {ui}");
            }
        }
    }
}

#[tokio::test]
async fn an_entry_box_without_its_label_is_refused() {
    let stage = Stage::set().await;
    for (members, code) in [
        (json!({"challengeDataEntryKeyboardType": "01"}), "201"),
        (json!({"challengeDataEntryLabel": ""}), "203"),
    ] {
        let found = refused(&stage, "2.3.1", "01", json!({"challengeEntryBox": members})).await;
        assert_eq!((&*found.0, &*found.1), (code, "challengeEntryBox.challengeDataEntryLabel"));
    }
}

#[tokio::test]
async fn a_cres_of_another_content_type_is_refused() {
    let stage = Stage::set().await;
    let clear = "application/json; charset=utf-8";
    for (ui, content_type, element) in [
        ("01", clear, "messageType"),
        ("", clear, "messageType"),
        ("01", "application/jose", "Content-Type"),
        ("", "application/jose", "Content-Type"),
        ("01", "application/jose; charset=iso-8859-1", "Content-Type"),
        ("01", "application/jose+json; charset=utf-8", "Content-Type"),
        ("01", "text/plain; charset=utf-8", "Content-Type"),
        ("01", "text/html; charset=utf-8", "Content-Type"),
    ] {
        stage.acs.app.lock().unwrap().content_type = content_type.to_owned();
        let found = refused(&stage, "2.2.0", ui, json!({})).await;
        assert_eq!((found.0.as_str(), found.1.as_str()), ("101", element), "{content_type}");
    }
}

#[tokio::test]
async fn the_sdk_gives_up_in_time_and_says_so() {
    let stage = Stage::set().await;
    stage.acs.app.lock().unwrap().screens = vec![screen("01", "2.2.0")];
    let merchant = stage.merchant();
    let options = options("2.2.0");
    for slow in [true, false] {
        stage.acs.app.lock().unwrap().delay = Duration::from_millis(if slow { 5_000 } else { 0 });
        let mut sdk = sdk(&stage);
        let transaction = sdk.begin();
        sdk.read_timer = Duration::from_millis(if slow { 200 } else { 10_000 });
        let payment = begin(merchant, &sdk, &transaction, &options.pay).await.unwrap();
        let mut challenge = sdk.open(&transaction, &payment).unwrap();
        challenge.time_limit = if slow { challenge.time_limit } else { Duration::ZERO };
        let end = challenge.play(&options.script).await.unwrap();
        assert!(matches!(end, AppEnd::TimedOut), "{end:?}");
        let erros = stage.acs.app.lock().unwrap().erros.clone();
        assert_eq!((erros.len(), &erros[0]["errorCode"]), (1, &json!("402")));
    }
}

#[tokio::test]
async fn t_cr_11_altered_signed_content_is_refused_before_anything_is_sent() {
    let stage = Stage::set().await;
    let other = crate::sdk::keys::KeyPair::generate().public_jwk();
    for (spoil, why) in [
        (json!({"acsURL": null}), "lacks acsURL"),
        (json!({"acsURL": "http://localhost/"}), "not https"),
        (json!({"sdkEphemPubKey": other}), "not the key of this SDK"),
        (json!({"acsEphemPubKey": {"kty": "EC"}}), "acsEphemPubKey"),
        (json!({"more": 1}), "beside its three"),
    ] {
        stage.acs.app.lock().unwrap().spoil_signed = spoil;
        let receipt = pay_in_app(stage.merchant(), &sdk(&stage), &options("2.2.0")).await.unwrap();
        let said = receipt.problems.join("; ");
        assert!(said.contains("the SDK does not begin") && said.contains(why), "{said}");
        assert!(stage.acs.app.lock().unwrap().creqs.is_empty());
    }
    stage.acs.app.lock().unwrap().spoil_signed = json!({});
    // Altered after it was signed.
    let merchant = stage.merchant();
    let sdk = sdk(&stage);
    let transaction = sdk.begin();
    let pay = options("2.2.0").pay;
    let mut payment = begin(merchant, &sdk, &transaction, &pay).await.unwrap();
    let mut challenge = sdk.open(&transaction, &payment).unwrap();
    stage.acs.app.lock().unwrap().screens = vec![screen("01", "2.2.0")];
    assert!(matches!(challenge.act(&Act::Open).await.unwrap(), Received::Screen(_)));
    let ares = payment.ares.as_mut().unwrap();
    let jws = ares["acsSignedContent"].as_str().unwrap().to_owned();
    let parts: Vec<&str> = jws.split('.').collect();
    let mut content = crate::message::from_base64url(parts[1]).unwrap();
    content["acsURL"] = json!("https://elsewhere.example/");
    ares["acsSignedContent"] =
        json!(format!("{}.{}.{}", parts[0], to_base64url(&content), parts[2]));
    let why = format!("{:#}", sdk.open(&transaction, &payment).unwrap_err());
    assert!(why.contains("the signature does not fit"), "{why}");
}

#[tokio::test]
async fn t_cr_12_device_data_for_another_directory_server_gets_an_erro_of_the_ds() {
    let stage = Stage::set().await;
    for (version, kid, code) in [
        ("2.1.0", None, "302"),
        ("2.2.0", None, "302"),
        ("2.3.1", None, "302"),
        ("2.3.1", Some("who"), "311"),
    ] {
        let mut options = options(version);
        let sdk = sdk(&stage);
        let mut key = sdk.directory_key();
        if let Some(kid) = kid {
            key.kid = Some(kid.to_owned());
        } else {
            key.jwk = crate::sdk::keys::KeyPair::generate().public_jwk();
        }
        let sealed =
            crate::sdk::device::encrypt(&sdk.device_data, &key, Encryption::A128Gcm).unwrap();
        options.pay.order.overrides.insert("sdkEncData".to_owned(), json!(sealed));
        let transaction = sdk.begin();
        let payment = begin(stage.merchant(), &sdk, &transaction, &options.pay).await;
        let ares = payment.unwrap().ares.unwrap();
        assert_eq!(
            (&ares["errorCode"], &ares["errorComponent"]),
            (&json!(code), &json!("D")),
            "{ares}"
        );
    }
    assert!(stage.areq_bytes().is_empty(), "nothing reached the ACS");
}
