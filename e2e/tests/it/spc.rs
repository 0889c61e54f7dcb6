//! Secure Payment Confirmation with a passkey in software.

use std::time::Duration;

use ds_simulator::merchant::Payment;
use ds_simulator::message::BrowserFacts;
use ds_simulator::spc::{self, Deed, Passkey, SpcOptions};
use ds_simulator::{PayOptions, Receipt};
use e2e::cards::EXPIRY;
use e2e::stage::member;
use e2e::{Card, Issuer, Stage};
use serde_json::{Value, json};

const ICON: &str = "data:image/png;base64,iVBORw0KGgo=";

fn passkey() -> Passkey {
    Passkey::of("hanako", "localhost").unwrap()
}

/// A stage whose issuer alpha confirms by passkey, and a card with one.
async fn stage(name: &'static str) -> (Stage, String) {
    let stage = Stage::set_configured(name, |config| {
        let issuer = config["issuer"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
        let mut spc = toml::Table::new();
        spc.insert("icon".to_owned(), ICON.into());
        issuer.insert("spc".to_owned(), spc.into());
    })
    .await;
    let pan = Issuer::Alpha.numbered(7001);
    let line = json!({
        "pan": pan, "expiry": EXPIRY, "contacts": {"sms": "+819012345678"},
        "passkeys": [passkey().public().unwrap()],
    });
    stage.acs.import_cards("alpha", &format!("{line}\n")).unwrap();
    (stage, pan)
}

fn options(stage: &Stage, pan: &str, deed: Deed) -> PayOptions {
    let mut options = stage.options(pan);
    options.version = Some("2.3.1".to_owned());
    options.skip_method = true;
    options.spc = Some(SpcOptions { passkey: passkey(), deed });
    options
}

async fn confirmed(stage: &Stage, pan: &str, deed: Deed) -> Receipt {
    let receipt = stage.pay("ds-a", &options(stage, pan, deed)).await;
    assert_eq!(receipt.problems, Vec::<String>::new(), "{receipt:#?}");
    receipt
}

/// The first half: a payment that got an ARes S.
async fn offered(stage: &Stage, pan: &str) -> Payment {
    let mut options = options(stage, pan, Deed::Leave);
    options.order = spc::able(&options.order, stage.sim.network().merchant.shop_url());
    let payment = stage.begin(&options).await;
    assert_eq!(payment.ares_status(), Some("S"), "{:?}", payment.ares);
    payment
}

/// A second AReq for a first payment.
async fn second(stage: &Stage, first: &Payment, assertion: &Value) -> Value {
    let merchant = &stage.sim.network().merchant;
    let order = spc::second(first, Some(assertion.clone()), None);
    let opened = merchant.start(order, Some("2.3.1")).await.unwrap();
    let done = merchant.authenticate(&opened.id, "N", &BrowserFacts::default()).await.unwrap();
    done.ares.unwrap()
}

fn signed(stage: &Stage, first: &Payment) -> Value {
    let origin = stage.sim.network().merchant.shop_url();
    passkey().sign(&spc::client_data(first.ares.as_ref().unwrap(), origin))
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_04_spc_is_offered_with_a_challenge_of_its_own() {
    let (stage, pan) = stage("spc-offered").await;
    let mut challenges = std::collections::HashSet::new();
    for _ in 0..5 {
        let ares = offered(&stage, &pan).await.ares.unwrap();
        let data = &ares["spcTransData"];
        assert!(challenges.insert(member(data, "challenge").to_owned()), "{ares}");
        assert_eq!((member(data, "value"), member(data, "currency")), ("20000", "JPY"), "{ares}");
        assert_eq!(member(data, "icon"), ICON);
        assert_eq!(ares["webAuthnCredList"][0]["rpID"], "localhost");
        assert!(ares.get("acsURL").is_none() && ares.get("authenticationValue").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_05_spc_not_asked_for_is_never_given() {
    let (stage, pan) = stage("spc-not-asked").await;
    let mut plain = options(&stage, &pan, Deed::Sign);
    plain.spc = None;
    let receipt = stage.pay("ds-a", &plain).await;
    assert_eq!(receipt.ares_status.as_deref(), Some("C"), "{receipt:#?}");
    // A card without a passkey, and an older version.
    let without = Issuer::Alpha.pan(Card::Sms);
    let receipt = confirmed(&stage, &without, Deed::Sign).await;
    assert_eq!(receipt.ares_status.as_deref(), Some("C"));
    let mut older = plain;
    older.version = Some("2.2.0".to_owned());
    older.order.overrides.insert("threeDSRequestorSpcSupport".to_owned(), json!("Y"));
    let receipt = stage.pay("ds-a", &older).await;
    assert_eq!(receipt.ares_status.as_deref(), Some("C"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_06_a_good_assertion_is_y_with_a_value() {
    let (stage, pan) = stage("spc-good").await;
    let receipt = confirmed(&stage, &pan, Deed::Sign).await;
    assert_eq!(receipt.status.as_deref(), Some("Y"), "{receipt:#?}");
    assert!(receipt.authentication_value);
    assert_eq!(receipt.ares_status.as_deref(), Some("Y"));
    assert!(receipt.rreq.is_none(), "the ARes is the result");
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_07_a_wrong_amount_or_a_replay_is_n() {
    let (stage, pan) = stage("spc-wrong").await;
    let cheap = json!({"total": {"currency": "JPY", "value": "2000"}});
    let deed = Deed::SignOther(cheap.as_object().unwrap().clone());
    let receipt = confirmed(&stage, &pan, deed).await;
    assert_eq!(receipt.status.as_deref(), Some("N"), "{receipt:#?}");
    assert!(!receipt.authentication_value);

    let first = offered(&stage, &pan).await;
    let assertion = signed(&stage, &first);
    assert_eq!(second(&stage, &first, &assertion).await["transStatus"], "Y");
    assert_eq!(second(&stage, &first, &assertion).await["transStatus"], "N", "used up");
    // The same assertion for another payment.
    let other = offered(&stage, &pan).await;
    assert_eq!(second(&stage, &other, &assertion).await["transStatus"], "N");
    // A wrong assertion costs the challenge.
    let third = offered(&stage, &pan).await;
    let stranger = Passkey::of("stranger", "localhost").unwrap();
    let origin = stage.sim.network().merchant.shop_url();
    let forged = stranger.sign(&spc::client_data(third.ares.as_ref().unwrap(), origin));
    assert_eq!(second(&stage, &third, &forged).await["transStatus"], "N");
    assert_eq!(second(&stage, &third, &signed(&stage, &third)).await["transStatus"], "N");
    // Simultaneous second AReqs: one of them counts.
    let fourth = offered(&stage, &pan).await;
    let assertion = signed(&stage, &fourth);
    let all = futures(&stage, &fourth, &assertion).await;
    let good = all.iter().filter(|ares| ares["transStatus"] == "Y").count();
    assert_eq!(good, 1, "{all:?}");
}

async fn futures(stage: &Stage, first: &Payment, assertion: &Value) -> [Value; 4] {
    let one = || second(stage, first, assertion);
    let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
    [a, b, c, d]
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_08_an_unfinished_spc_is_challenged_and_not_s() {
    let (stage, pan) = stage("spc-incomplete").await;
    for code in ["01", "02", "03"] {
        let receipt = confirmed(&stage, &pan, Deed::Incomplete(code.to_owned())).await;
        assert_eq!(receipt.ares_status.as_deref(), Some("C"), "{receipt:#?}");
        assert_eq!(receipt.status.as_deref(), Some("Y"), "the code was typed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_21_spc_abandoned_is_reported_after_ten_minutes() {
    let (stage, pan) = stage("spc-abandoned").await;
    let merchant = &stage.sim.network().merchant;
    let answered = offered(&stage, &pan).await;
    assert_eq!(second(&stage, &answered, &signed(&stage, &answered)).await["transStatus"], "Y");
    let payment = offered(&stage, &pan).await;
    stage.acs.advance(Duration::from_secs(599)).await.unwrap();
    assert!(merchant.payment(&payment.id).unwrap().rreq.is_none());
    // The wait is in the database: a restart does not forget it.
    stage.acs.kill_9();
    stage.acs.start().await.unwrap();
    stage.acs.advance(Duration::from_secs(601)).await.unwrap();
    let rreq = stage.result(&payment).await;
    let facts = ["transStatus", "transStatusReason", "challengeCancel", "interactionCounter"]
        .map(|name| rreq[name].clone());
    assert_eq!(facts, [json!("N"), json!("14"), json!("04"), json!("00")], "{rreq}");
    assert!(rreq.get("authenticationValue").is_none());
    assert_eq!(second(&stage, &payment, &signed(&stage, &payment)).await["transStatus"], "N");
    // What was answered in time has no RReq.
    assert!(merchant.payment(&answered.id).unwrap().rreq.is_none());
}
