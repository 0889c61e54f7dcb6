//! Challenges inside apps over TLS: an SDK that shares no code with the ACS plays them in every
//! version and both encryptions.

use std::time::Duration;

use ds_simulator::merchant::Payment;
use ds_simulator::sdk::challenge::{Act, AppChallenge, Received};
use ds_simulator::sdk::keys::Encryption;
use ds_simulator::sdk::screen::Screen;
use ds_simulator::sdk::{Interface, Sdk, play};
use e2e::stage::wrong;
use e2e::{Card, Issuer, Stage, VERSIONS};
use serde_json::{Value, json};

pub(crate) const ENCRYPTIONS: [Encryption; 2] = [Encryption::A128CbcHs256, Encryption::A128Gcm];

/// A challenge under way.
pub(crate) struct Opened {
    pub(crate) payment: Payment,
    pub(crate) challenge: AppChallenge,
}

impl Opened {
    pub(crate) async fn act(&mut self, act: &Act) -> Received {
        self.challenge.act(act).await.unwrap()
    }

    pub(crate) async fn screen(&mut self, act: &Act) -> Screen {
        let received = self.act(act).await;
        let Received::Screen(screen) = received else { panic!("no screen: {received:?}") };
        *screen
    }

    pub(crate) async fn last(&mut self, act: &Act) -> Value {
        let received = self.act(act).await;
        let Received::Final(cres) = received else { panic!("no final CRes: {received:?}") };
        cres
    }

    pub(crate) async fn erro(&mut self, act: &Act, code: &str) -> Value {
        let received = self.act(act).await;
        refused(received, code)
    }

    pub(crate) fn id(&self) -> String {
        self.challenge.acs_trans_id.clone()
    }
}

pub(crate) fn refused(received: Received, code: &str) -> Value {
    let Received::Erro(erro) = received else { panic!("no Erro: {received:?}") };
    assert_eq!(erro["errorCode"], code, "{erro}");
    assert_eq!(erro["errorComponent"], "A");
    erro
}

/// The challenge of a payment by `card`, before its first CReq.
pub(crate) async fn open_with(
    stage: &Stage,
    version: &str,
    card: Card,
    set: impl FnOnce(&mut Sdk),
) -> Opened {
    let mut sdk = stage.sim.sdk("ds-a").unwrap();
    set(&mut sdk);
    let mut options = stage.options(&Issuer::Alpha.pan(card));
    options.version = Some(version.to_owned());
    let transaction = sdk.begin();
    let merchant = &stage.sim.network().merchant;
    let payment = play::begin(merchant, &sdk, &transaction, &options).await.unwrap();
    assert!(payment.challenged(), "no challenge: {:?}", payment.ares);
    let challenge = sdk.open(&transaction, &payment).unwrap();
    Opened { payment, challenge }
}

pub(crate) async fn open(stage: &Stage, version: &str, enc: Encryption) -> Opened {
    open_with(stage, version, Card::Sms, |sdk| sdk.encryption = enc).await
}

/// With the first screen shown.
pub(crate) async fn shown(stage: &Stage, version: &str, enc: Encryption) -> Opened {
    let mut opened = open(stage, version, enc).await;
    opened.screen(&Act::Open).await;
    opened
}

/// Members of an RReq, absent ones as null.
pub(crate) fn facts(rreq: &Value) -> [Value; 4] {
    ["transStatus", "transStatusReason", "challengeCancel", "interactionCounter"]
        .map(|name| rreq[name].clone())
}

/// U after a refused CReq: 06, or 10 with a copy of the Erro since 2.3.1.
pub(crate) async fn assert_ended_refused(stage: &Stage, opened: &Opened, erro: &Value) {
    let rreq = stage.result(&opened.payment).await;
    assert_eq!(rreq["transStatus"], "U");
    if opened.challenge.version == "2.3.1" {
        assert_eq!(rreq["challengeCancel"], "10");
        assert_eq!(&rreq["challengeErrorReporting"], erro);
    } else {
        assert_eq!(rreq["challengeCancel"], "06");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_01_02_12_text_challenge_ends_with_y() {
    let stage = Stage::set("app-text").await;
    for version in VERSIONS {
        for enc in ENCRYPTIONS {
            // The SDK verified acsSignedContent up to the root of the directory server (T-AN-01).
            let mut opened = open(&stage, version, enc).await;
            let screen = opened.screen(&Act::Open).await;
            assert_eq!(screen.ui, "01");
            let id = opened.id();
            let code = stage.code(&id, 1).await.unwrap();
            let hint = opened.screen(&Act::Type(wrong(&code))).await;
            assert_eq!(hint.text("challengeInfoTextIndicator"), Some("Y"));
            let cres = opened.last(&Act::Type(code)).await;
            assert_eq!(cres["transStatus"], "Y");
            assert_eq!(cres["acsCounterAtoS"], "002");
            let rreq = stage.result(&opened.payment).await;
            assert_eq!(facts(&rreq), [json!("Y"), Value::Null, Value::Null, json!("02")]);
            let ares = opened.payment.ares.clone().unwrap();
            assert_eq!(rreq["acsRenderingType"], ares["acsRenderingType"]);
            assert!(rreq["authenticationValue"].is_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_03_18_the_cardholder_chooses_where_the_code_goes() {
    let stage = Stage::set_configured("app-choice", |config| {
        let issuers = config["issuer"].as_array_mut().unwrap();
        let app = issuers[0].as_table_mut().unwrap().get_mut("app").unwrap();
        app.as_table_mut().unwrap().insert("choose_contact".to_owned(), true.into());
    })
    .await;
    for version in VERSIONS {
        let mut opened = open_with(&stage, version, Card::TwoContacts, |_| {}).await;
        let screen = opened.screen(&Act::Open).await;
        let rendering = opened.payment.ares.clone().unwrap()["acsRenderingType"].clone();
        if version == "2.3.1" {
            // This SDK says that it knows no codes by e-mail: nothing is left to choose.
            assert_eq!(screen.ui, "01");
        } else {
            assert_eq!((screen.ui.as_str(), &rendering["acsUiTemplate"]), ("02", &json!("02")));
            assert_eq!(screen.choices().len(), 2);
            let text = opened.screen(&Act::Choose(vec!["mail".to_owned()])).await;
            assert_eq!(text.ui, "01");
        }
        let code = stage.code(&opened.id(), 1).await.unwrap();
        opened.last(&Act::Type(code)).await;
        let rreq = stage.result(&opened.payment).await;
        assert_eq!(rreq["acsRenderingType"], rendering);
        assert_eq!(rreq["interactionCounter"], "01");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_05_06_07_08_17_wrong_codes_cancels_nothing_and_resends() {
    let stage = Stage::set("app-ends").await;
    for version in VERSIONS {
        for enc in ENCRYPTIONS {
            let never = Act::Type("000000".to_owned());
            let mut opened = shown(&stage, version, enc).await;
            opened.screen(&never).await;
            opened.screen(&never).await;
            assert_eq!(opened.last(&never).await["transStatus"], "N");
            let rreq = stage.result(&opened.payment).await;
            assert_eq!(facts(&rreq), [json!("N"), json!("19"), Value::Null, json!("03")]);

            for (act, value) in [(Act::Cancel, "01"), (Act::TimedOut, "08")] {
                let mut opened = shown(&stage, version, enc).await;
                let cres = opened.last(&act).await;
                assert_eq!(
                    (&cres["transStatus"], &cres["challengeCompletionInd"]),
                    (&json!("N"), &json!("Y"))
                );
                let reason = if version == "2.1.0" { "01" } else { "26" };
                let rreq = stage.result(&opened.payment).await;
                assert_eq!(facts(&rreq), [json!("N"), json!(reason), json!(value), json!("00")]);
            }

            let mut opened = shown(&stage, version, enc).await;
            opened.screen(&Act::Nothing).await;
            let code = stage.code(&opened.id(), 1).await.unwrap();
            opened.last(&Act::Type(code)).await;
            assert_eq!(stage.result(&opened.payment).await["interactionCounter"], "02");

            let mut opened = shown(&stage, version, enc).await;
            opened.screen(&Act::Resend).await;
            assert_eq!(stage.codes(&opened.id()).len(), 1, "not within half a minute");
            stage.acs.advance(Duration::from_secs(31)).await.unwrap();
            opened.screen(&Act::Resend).await;
            let code = stage.code(&opened.id(), 2).await.unwrap();
            opened.last(&Act::Type(code)).await;
            assert_eq!(stage.result(&opened.payment).await["interactionCounter"], "01");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_09_10_11_14_creqs_that_no_screen_asks_for() {
    let stage = Stage::set("bad-app-creq").await;
    for version in VERSIONS {
        for (name, more, code) in [
            ("two wishes", json!({"challengeCancel": "01", "resendChallenge": "Y"}), "203"),
            ("none", json!({}), "203"),
            ("too long", json!({"challengeDataEntry": "1".repeat(46)}), "203"),
            (
                "foreign id",
                json!({
                    "challengeDataEntry": "1",
                    "sdkTransID": "11111111-2222-4333-8444-555555555555",
                }),
                "301",
            ),
        ] {
            let oldest = version == "2.1.0";
            if oldest && matches!(name, "two wishes" | "none") {
                continue;
            }
            let mut opened = shown(&stage, version, Encryption::A128Gcm).await;
            let mut creq = opened.challenge.creq(&Act::Open);
            for (member, value) in more.as_object().unwrap() {
                creq[member] = value.clone();
            }
            let received = opened.challenge.send(&creq, &[]).await.unwrap();
            let erro = refused(received, code);
            assert_ended_refused(&stage, &opened, &erro).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_15_an_erro_of_the_sdk_is_taken_in_silence() {
    let stage = Stage::set("app-sdk-erro").await;
    for version in VERSIONS {
        let opened = shown(&stage, version, Encryption::A128Gcm).await;
        let answer =
            opened.challenge.complain("203", "acsUiType", "not for this SDK").await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        let rreq = stage.result(&opened.payment).await;
        assert_eq!(rreq["transStatus"], "U");
        let cancel = if version == "2.3.1" { "09" } else { "06" };
        assert_eq!(rreq["challengeCancel"], cancel);
        if version == "2.3.1" {
            assert_eq!(rreq["challengeErrorReporting"]["errorCode"], "203");
            assert_eq!(rreq["challengeErrorReporting"]["errorComponent"], "C");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_an_16_a_native_sdk_is_never_shown_html() {
    let stage = Stage::set_configured("app-native-only", |config| {
        let issuers = config["issuer"].as_array_mut().unwrap();
        let app = issuers[0].as_table_mut().unwrap().get_mut("app").unwrap();
        app.as_table_mut().unwrap().insert("interface".to_owned(), "html".into());
    })
    .await;
    for version in VERSIONS {
        let native = |sdk: &mut Sdk| sdk.interface = Interface::Native;
        let mut opened = open_with(&stage, version, Card::Sms, native).await;
        assert_eq!(opened.screen(&Act::Open).await.ui, "01");
        opened.last(&Act::Cancel).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_to_02_03_04_an_app_that_goes_away() {
    let stage = Stage::set("app-timeouts").await;
    for version in VERSIONS {
        let mut opened = open(&stage, version, Encryption::A128Gcm).await;
        stage.acs.advance(Duration::from_secs(31)).await.unwrap();
        let rreq = stage.result(&opened.payment).await;
        assert_eq!(facts(&rreq), [json!("N"), json!("14"), json!("05"), json!("00")]);
        opened.erro(&Act::Open, "402").await;

        let mut opened = shown(&stage, version, Encryption::A128Gcm).await;
        stage.acs.advance(Duration::from_secs(601)).await.unwrap();
        let rreq = stage.result(&opened.payment).await;
        assert_eq!(facts(&rreq), [json!("N"), json!("14"), json!("04"), json!("00")]);
        opened.erro(&Act::Type("123456".to_owned()), "402").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_20_without_challenge_there_is_no_signed_content() {
    let stage = Stage::set("app-frictionless").await;
    for version in VERSIONS {
        let sdk = stage.sim.sdk("ds-a").unwrap();
        let mut options = stage.options(&Issuer::Alpha.pan(Card::Frictionless));
        options.version = Some(version.to_owned());
        let transaction = sdk.begin();
        let merchant = &stage.sim.network().merchant;
        let payment = play::begin(merchant, &sdk, &transaction, &options).await.unwrap();
        let ares = payment.ares.unwrap();
        assert_eq!(ares["transStatus"], "Y", "{ares}");
        assert!(ares["authenticationValue"].is_string());
        assert!(ares.get("acsSignedContent").is_none() && ares.get("acsRenderingType").is_none());
        assert_eq!(ares["sdkTransID"], transaction.trans_id);
        let newest = version == "2.3.1";
        assert_eq!(ares.get("deviceInfoRecognisedVersion").is_some(), newest);
        assert_eq!(ares.get("threeDSRequestorAppURLInd").is_some(), newest);
    }
}
