//! Secure Payment Confirmation with a passkey in software.

use std::time::Duration;

use ds_simulator::html::{self, Form};
use ds_simulator::merchant::Payment;
use ds_simulator::message::BrowserFacts;
use ds_simulator::spc::{self, Deed, Passkey, SpcOptions};
use ds_simulator::{PayOptions, Receipt};
use e2e::cards::EXPIRY;
use e2e::stage::member;
use e2e::{Card, Issuer, Page, Stage, Tab};
use serde_json::{Value, json};

use super::settings::protocol;

const ICON: &str = "data:image/png;base64,iVBORw0KGgo=";

fn passkey() -> Passkey {
    Passkey::of("hanako", "localhost").unwrap()
}

/// A stage whose issuer alpha confirms by passkey, and a card with one.
async fn stage(name: &'static str) -> (Stage, String) {
    stage_with(name, false).await
}

/// The same, where challenge pages may begin with the passkey.
async fn stage_with(name: &'static str, in_challenge: bool) -> (Stage, String) {
    stage_set(name, move |config| {
        let issuer = config["issuer"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
        issuer["spc"]["in_challenge"] = in_challenge.into();
    })
    .await
}

/// The same with a further change.
async fn stage_set(
    name: &'static str,
    set: impl FnOnce(&mut toml::Table) + 'static,
) -> (Stage, String) {
    let stage = Stage::set_configured(name, move |config| {
        let issuer = config["issuer"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
        let mut spc = toml::Table::new();
        spc.insert("icon".to_owned(), ICON.into());
        spc.insert("in_challenge".to_owned(), false.into());
        issuer.insert("spc".to_owned(), spc.into());
        set(config);
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

/// `protocol.spc_seconds` [P-TMO-14].
#[tokio::test(flavor = "multi_thread")]
async fn t_23_21_the_wait_for_the_second_areq_is_that_of_the_configuration() {
    let (stage, pan) = stage_set("spc-seconds", |config| {
        protocol(config, "spc_seconds", 30);
    })
    .await;
    let payment = offered(&stage, &pan).await;
    stage.acs.advance(Duration::from_secs(29)).await.unwrap();
    assert!(stage.sim.network().merchant.payment(&payment.id).unwrap().rreq.is_none());
    stage.acs.advance(Duration::from_secs(2)).await.unwrap();
    let rreq = stage.result(&payment).await;
    assert_eq!(
        (&rreq["transStatusReason"], &rreq["challengeCancel"]),
        (&json!("14"), &json!("04"))
    );
}

/// The form of the page that asks for the passkey, if it is one.
fn passkey_form(page: &Page) -> Option<(Form, Value)> {
    let form = html::forms(&page.html).into_iter().find(|form| form.action.ends_with("/page"))?;
    let start = page.html.split_once("data-spc=\"")?.1;
    let options = html::unescape(start.split_once('"')?.0);
    Some((form, serde_json::from_str(&options).unwrap()))
}

/// Posts the form as the page's script or a button does.
async fn post(tab: &Tab, page: &Page, action: &str, assertion: Option<&Value>) -> Page {
    let (form, _) = passkey_form(page).expect("the page for the passkey");
    let mut pairs = form.filled(&[], Some(("action", action)));
    pairs.extend(assertion.map(|said| ("assertion".to_owned(), said.to_string())));
    tab.post(&page.resolve(&form.action).unwrap(), &pairs).await.unwrap()
}

/// What a browser makes of the page's options, on a page at `origin`.
fn signed_in_page(page: &Page, origin: &str, changes: &Value) -> Value {
    let (_, options) = passkey_form(page).unwrap();
    let mut payment = json!({
        "rpId": options["rpId"],
        "topOrigin": "https://shop.example",
        "total": options["total"],
        "instrument": options["instrument"],
        "payeeName": options["payeeName"],
    });
    for (name, value) in changes.as_object().unwrap() {
        payment[name] = value.clone();
    }
    passkey().sign(&json!({
        "type": "payment.get",
        "challenge": options["challenge"],
        "origin": origin,
        "crossOrigin": true,
        "payment": payment,
    }))
}

fn origin_of(url: &str) -> String {
    url::Url::parse(url).unwrap().origin().ascii_serialization()
}

/// [P-SPC-06, Note 165]: a good assertion that our own page asked for ends the challenge with Y.
#[tokio::test(flavor = "multi_thread")]
async fn p_spc_06_the_challenge_page_takes_a_passkey() {
    let (stage, pan) = stage_with("spc-in-challenge", true).await;
    let (payment, creq) = stage.challenged(&pan, "2.3.1").await;
    let tab = stage.tab();
    let page = tab.creq(&creq, Some("c2Vzc2lvbg")).await.unwrap();
    let (_, options) = passkey_form(&page).unwrap_or_else(|| panic!("{}", page.text()));
    assert_eq!(options["total"], json!({"currency": "JPY", "value": "20000"}), "{options}");
    assert_eq!(options["rpId"], "localhost");
    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'sha256-"));
    assert!(!policy.contains("unsafe"), "{policy}");
    let id = member(&creq, "acsTransID");
    assert!(stage.codes(id).is_empty(), "no code while the passkey may do");
    // A reload shows the same challenge.
    let page = tab.creq(&creq, Some("c2Vzc2lvbg")).await.unwrap();
    assert_eq!(passkey_form(&page).unwrap().1["challenge"], options["challenge"]);
    let assertion = signed_in_page(&page, &origin_of(&page.url), &json!({}));
    let last = post(&tab, &page, "passkey", Some(&assertion)).await;
    let returned = last.returned().unwrap_or_else(|| panic!("{}", last.text()));
    assert_eq!(returned.message["transStatus"], "Y");
    assert_eq!(returned.session_data.as_deref(), Some("c2Vzc2lvbg"));
    let rreq = stage.result(&payment).await;
    assert_eq!((&rreq["transStatus"], &rreq["eci"]), (&json!("Y"), &json!("05")), "{rreq}");
    assert_eq!(rreq["authenticationMethod"], json!(["14"]));
    assert_eq!(rreq["interactionCounter"], "01");
    assert!(rreq.get("authenticationValue").is_some());
}

/// [P-SPC-06, Note 165]: declined, wrong, for another trade: the code page comes, never a Y.
#[tokio::test(flavor = "multi_thread")]
async fn p_spc_06_what_is_no_good_assertion_leads_to_a_code() {
    let (stage, pan) = stage_with("spc-in-challenge-code", true).await;
    let cheap = json!({"total": {"currency": "JPY", "value": "2"}});
    let own: Option<&str> = None;
    for (action, origin, changes, counter) in [
        ("unsupported", own, json!({}), "01"),
        ("declined", own, json!({}), "01"),
        ("code", own, json!({}), "01"),
        ("passkey", own, cheap, "02"),
        ("passkey", Some("https://elsewhere.example"), json!({}), "02"),
        ("passkey", own, json!({"payeeName": "Another Shop"}), "02"),
    ] {
        let (payment, creq) = stage.challenged(&pan, "2.3.1").await;
        let tab = stage.tab();
        let page = tab.creq(&creq, None).await.unwrap();
        let own = origin_of(&page.url);
        let said = signed_in_page(&page, origin.unwrap_or(&own), &changes);
        let said = Some(&said).filter(|_| action == "passkey");
        let code_page = post(&tab, &page, action, said).await;
        assert!(code_page.code_form().is_some(), "{action}: {}", code_page.text());
        // The passkey is no way any more, also with what would have been right.
        let good = signed_in_page(&page, &own, &json!({}));
        let form = code_page.code_form().unwrap();
        let mut pairs = form.filled(&[], Some(("action", "passkey")));
        pairs.push(("assertion".to_owned(), good.to_string()));
        let url = code_page.resolve(&form.action).unwrap();
        let page = tab.post(&url, &pairs).await.unwrap();
        let code = stage.code(member(&creq, "acsTransID"), 1).await.unwrap();
        let last = tab.press(&page, &code, "submit").await.unwrap();
        assert_eq!(last.returned().unwrap().message["transStatus"], "Y", "{action}");
        let rreq = stage.result(&payment).await;
        assert_eq!(rreq["authenticationMethod"], json!(["02"]), "{rreq}");
        assert_eq!(rreq["interactionCounter"], counter, "{action}: {rreq}");
    }
}

/// [P-SPC-06, Note 165]: 2.3.1, a card with a passkey, and the setting; a code otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn p_spc_06_only_where_it_can_be_and_the_issuer_wants_it() {
    let (stage, pan) = stage_with("spc-in-challenge-not", true).await;
    let first_page = async |stage: &Stage, pan: &str, version: &str, scripts: bool| {
        let mut options = stage.options(pan);
        options.version = Some(version.to_owned());
        let merchant = &stage.sim.network().merchant;
        let opened = merchant.start(options.order.clone(), Some(version)).await.unwrap();
        let facts = BrowserFacts { javascript_enabled: scripts, ..BrowserFacts::default() };
        let payment = merchant.authenticate(&opened.id, "N", &facts).await.unwrap();
        let creq = merchant.creq(&payment).unwrap();
        stage.tab().creq(&creq, None).await.unwrap()
    };
    assert!(passkey_form(&first_page(&stage, &pan, "2.3.1", true).await).is_some());
    assert!(first_page(&stage, &pan, "2.3.1", false).await.code_form().is_some(), "no scripts");
    assert!(first_page(&stage, &pan, "2.2.0", true).await.code_form().is_some());
    let without = Issuer::Alpha.pan(Card::Sms);
    assert!(first_page(&stage, &without, "2.3.1", true).await.code_form().is_some(), "no passkey");

    // The simulator's browser runs no scripts: it asks for the code.
    let mut plain = options(&stage, &pan, Deed::Sign);
    plain.spc = None;
    let receipt = stage.pay("ds-a", &plain).await;
    assert_eq!(receipt.problems, Vec::<String>::new(), "{receipt:#?}");
    assert_eq!(receipt.status.as_deref(), Some("Y"), "{receipt:#?}");
    // Cancelled and timed out with the passkey's method.
    for cancelled in [true, false] {
        let (payment, creq) = stage.challenged(&pan, "2.3.1").await;
        let tab = stage.tab();
        let page = tab.creq(&creq, None).await.unwrap();
        if cancelled {
            post(&tab, &page, "cancel", None).await;
        } else {
            stage.acs.advance(Duration::from_secs(601)).await.unwrap();
        }
        let rreq = stage.result(&payment).await;
        assert_eq!(rreq["challengeCancel"], if cancelled { "01" } else { "04" }, "{rreq}");
        assert_eq!(rreq["authenticationMethod"], json!(["14"]));
        assert!(rreq.get("authenticationValue").is_none());
    }
    drop(stage);

    let (stage, pan) = stage_with("spc-in-challenge-off", false).await;
    assert!(first_page(&stage, &pan, "2.3.1", true).await.code_form().is_some(), "not wanted");
}
