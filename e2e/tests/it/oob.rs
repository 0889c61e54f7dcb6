//! Out-of-band authentication: the issuer's app asks the cardholder [scenarios T-OB, T-23-12].

use std::time::Duration;

use ds_simulator::issuer::{IssuerSystems, Word};
use ds_simulator::sdk::challenge::Act;
use ds_simulator::sdk::screen::Screen;
use ds_simulator::sdk::{Interface, Sdk};
use ds_simulator::{PayOptions, Receipt, Step};
use e2e::stage::member;
use e2e::{Card, Issuer, Page, Stage, Tab, VERSIONS};
use serde_json::{Value, json};

use crate::app::{ENCRYPTIONS, Opened, assert_ended_refused, facts, open_with};

pub(crate) fn issuer_of(stage: &Stage) -> IssuerSystems {
    IssuerSystems::for_endpoints(&stage.acs.endpoints()).unwrap()
}

/// A payment whose card is challenged in the issuer's app.
fn asking(stage: &Stage, version: &str, card: Card) -> PayOptions {
    let mut options = stage.options(&Issuer::Alpha.pan(card));
    options.version = Some(version.to_owned());
    options.skip_method = true;
    options.rreq_patience = Duration::from_secs(20);
    options
}

async fn paid(stage: &Stage, options: &PayOptions) -> Receipt {
    let receipt = stage.pay("ds-a", options).await;
    assert_eq!(receipt.problems, Vec::<String>::new(), "{receipt:#?}");
    receipt
}

/// The first page of a challenge.
async fn shown(tab: &Tab, creq: &Value) -> Page {
    tab.creq(creq, None).await.unwrap()
}

async fn press(tab: &Tab, page: &Page, action: &str) -> Page {
    tab.press(page, "", action).await.unwrap()
}

/// The final CRes of a page, if it is the last one.
fn cres(page: &Page) -> Option<Value> {
    page.returned().filter(|returned| returned.field == "cres").map(|returned| returned.message)
}

/// What a waiting page with this token is told.
async fn ask(tab: &Tab, url: &str, token: &str) -> (u16, Value) {
    let page = tab.post(url, &[("token".to_owned(), token.to_owned())]).await.unwrap();
    (page.status, serde_json::from_str(&page.html).unwrap_or_default())
}

/// Changes `[issuer.oob]` of both issuers.
fn with_oob(change: impl Fn(&mut toml::Table) + 'static) -> impl FnOnce(&mut toml::Table) {
    move |config| {
        for issuer in config["issuer"].as_array_mut().unwrap() {
            change(issuer["oob"].as_table_mut().unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ob_08_the_page_moves_on_when_the_app_approves() {
    let stage = Stage::set("oob-browser").await;
    for version in VERSIONS {
        for category in ["01", "02"] {
            let mut options = asking(&stage, version, Card::App);
            options.order.category = category.to_owned();
            options.word = Some((issuer_of(&stage), "approved".to_owned()));
            let receipt = paid(&stage, &options).await;
            assert_eq!(
                (receipt.status.as_deref(), receipt.cres_status.as_deref()),
                (Some("Y"), Some("Y"))
            );
            assert_eq!(receipt.interaction_counter.as_deref(), Some("01"));
            let (ares, rreq) = (receipt.ares.unwrap(), receipt.rreq.unwrap());
            if version == "2.3.1" {
                assert_eq!(ares["authenticationMethod"], json!(["09"]));
                assert_eq!(rreq["authenticationMethod"], json!(["09"]));
            } else {
                assert_eq!(ares["authenticationType"], "03");
                // Its authenticationMethod is for the directory server alone.
                assert_eq!(rreq["authenticationType"], "03");
            }
            let id = receipt.acs_trans_id.unwrap();
            assert!(stage.codes(&id).is_empty(), "no code is sent");
            assert_eq!(issuer_of(&stage).asks(&id).len(), 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ob_08_without_scripts_a_button_leads_on() {
    let stage = Stage::set("oob-browser-button").await;
    for version in VERSIONS {
        let mut options = asking(&stage, version, Card::App);
        options.word = Some((issuer_of(&stage), "approved".to_owned()));
        // A reload puts no second question; who presses too early is told so.
        options.steps = vec![Step::Reload, Step::Confirm, Step::Wait];
        let receipt = paid(&stage, &options).await;
        assert_eq!(receipt.status.as_deref(), Some("Y"));
        let id = receipt.acs_trans_id.unwrap();
        assert_eq!(issuer_of(&stage).asks(&id).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ob_03_what_the_issuer_refuses_in_a_browser() {
    let stage = Stage::set("oob-browser-refused").await;
    for version in VERSIONS {
        let technical = if version == "2.1.0" { "07" } else { "22" };
        for (word, status, reason) in
            [("declined", "N", "01"), ("rejected", "R", "11"), ("unavailable", "U", technical)]
        {
            let mut options = asking(&stage, version, Card::App);
            options.word = Some((issuer_of(&stage), word.to_owned()));
            let receipt = paid(&stage, &options).await;
            assert_eq!(
                (receipt.status.as_deref(), receipt.reason.as_deref()),
                (Some(status), Some(reason))
            );
            assert_eq!(receipt.cres_status.as_deref(), Some("N"));
            assert!(!receipt.authentication_value);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_issuers_app_sees_what_is_confirmed_and_answers_once() {
    let stage = Stage::set("oob-words").await;
    let issuer = issuer_of(&stage);
    let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::App), "2.3.1").await;
    let id = member(&creq, "acsTransID").to_owned();
    let word = |result: &str| Word::out_of_band("alpha", &id, result);
    let (status, answer) = issuer.give(&word("approved")).await.unwrap();
    assert_eq!((status, &answer["error"]), (409, &json!("not-asked")), "no page is shown yet");

    let tab = stage.tab();
    let page = shown(&tab, &creq).await;
    let ask = issuer.asked(&id).await.unwrap();
    assert_eq!(
        (&ask["channel"], &ask["issuer"], &ask["card"]),
        (&json!("oob"), &json!("alpha"), &json!(&Issuer::Alpha.pan(Card::App)[12..]))
    );
    assert!(member(&ask, "text").contains("20,000"), "{ask}");
    let number = member(&ask, "number").to_owned();
    assert!(page.html.contains(&format!(">{number}</p>")), "{}", page.html);
    let (status, shown) = issuer.question("alpha", &id).await.unwrap();
    assert_eq!(status, 200, "{shown}");
    assert_eq!((&shown["status"], &shown["number"]), (&json!("waiting"), &json!(number)));
    assert_eq!(
        shown["amount"],
        json!({"value": "20000", "currency": "392", "exponent": 0}),
        "{shown}"
    );
    assert_eq!(shown["card"], ask["card"]);

    let now = word("approved").at_ms;
    let with = |change: fn(&mut Word)| {
        let mut word = word("approved");
        change(&mut word);
        word
    };
    let mut old = word("approved");
    old.at_ms = now - 310_000;
    for (what, word, status) in [
        ("another issuer", with(|word| word.issuer = "beta".into()), 404),
        ("another's key", with(|word| word.signed_by = Some("beta".to_owned())), 401),
        ("an old signature", old, 401),
        ("no word", with(|word| word.body = "{}".into()), 400),
        (
            "a number of another screen",
            with(|word| word.body = r#"{"result":"approved","number":"01"}"#.into()),
            409,
        ),
        ("the other kind of question", with(|word| word.about = "authentications"), 409),
    ] {
        assert_eq!(issuer.give(&word).await.unwrap().0, status, "{what}");
    }
    assert_eq!(issuer.question("beta", &id).await.unwrap().0, 404);
    assert_eq!(issuer.question("alpha", &id).await.unwrap().1["status"], "waiting");

    let right =
        Word { body: json!({"result": "approved", "number": number}).to_string(), ..word("") };
    let first = issuer.give(&right).await.unwrap();
    assert_eq!(first, (200, json!({"acsTransID": id.to_lowercase(), "result": "approved"})));
    assert_eq!(issuer.give(&word("approved")).await.unwrap(), first, "the same again");
    let (status, answer) = issuer.give(&word("declined")).await.unwrap();
    assert_eq!((status, &answer["result"]), (409, &json!("approved")));
    let (_, shown) = issuer.question("alpha", &id).await.unwrap();
    assert_eq!(shown["status"], "approved");
    assert!(shown.get("amount").is_none() && shown.get("number").is_none(), "{shown}");
    let last = press(&tab, &page, "arrived").await;
    assert_eq!(cres(&last).unwrap()["transStatus"], "Y");
    assert_eq!(stage.result(&payment).await["transStatus"], "Y");
    assert_eq!(issuer.give(&word("approved")).await.unwrap(), first, "also when it is over");
    assert_eq!(issuer.give(&word("declined")).await.unwrap().0, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_page_tells_nobody_else() {
    let stage = Stage::set("oob-wait").await;
    let (_, creq) = stage.challenged(&Issuer::Alpha.pan(Card::App), "2.3.1").await;
    let tab = stage.tab();
    let page = shown(&tab, &creq).await;
    let url = stage.acs.cardholder_url("/3ds/challenge/browser/wait");
    let token = page.token().unwrap();
    assert_eq!(ask(&tab, &url, &token).await, (200, json!({"wait": true})));
    assert_eq!(ask(&tab, &url, &token).await.0, 429, "more than once a second");
    let mut forged = token.clone();
    forged.replace_range(0..1, if token.starts_with('A') { "B" } else { "A" });
    for stranger in [forged.as_str(), "", member(&creq, "acsTransID")] {
        assert_eq!(ask(&tab, &url, stranger).await.0, 404, "{stranger}");
    }
    // The page's own token cannot approve anything.
    let early = press(&tab, &page, "submit").await;
    assert!(cres(&early).is_none());
    let over = press(&tab, &early, "cancel").await;
    assert_eq!(cres(&over).unwrap()["transStatus"], "N");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apps_time_ends_and_a_late_approval_is_refused() {
    let stage = Stage::set("oob-late").await;
    for version in VERSIONS {
        let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::App), version).await;
        let id = member(&creq, "acsTransID").to_owned();
        let tab = stage.tab();
        let page = shown(&tab, &creq).await;
        issuer_of(&stage).asked(&id).await.unwrap();
        stage.acs.advance(Duration::from_secs(301)).await.unwrap();
        let late = Word::out_of_band("alpha", &id, "approved");
        let (status, answer) = issuer_of(&stage).give(&late).await.unwrap();
        assert_eq!((status, &answer["error"]), (409, &json!("over")));
        let last = press(&tab, &page, "arrived").await;
        assert_eq!(cres(&last).unwrap()["transStatus"], "N");
        let rreq = stage.result(&payment).await;
        let reason = if version == "2.1.0" { "01" } else { "26" };
        assert_eq!(facts(&rreq), [json!("N"), json!(reason), Value::Null, json!("00")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_takes_over_when_the_app_is_silent() {
    let stage = Stage::set("oob-fallback").await;
    for version in VERSIONS {
        let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::AppAndSms), version).await;
        let id = member(&creq, "acsTransID").to_owned();
        let tab = stage.tab();
        let page = shown(&tab, &creq).await;
        stage.acs.advance(Duration::from_secs(301)).await.unwrap();
        let page = press(&tab, &page, "arrived").await;
        let code = stage.code(&id, 1).await.unwrap();
        let last = tab.press(&page, &code, "submit").await.unwrap();
        assert_eq!(cres(&last).unwrap()["transStatus"], "Y");
        let rreq = stage.result(&payment).await;
        if version == "2.3.1" {
            assert_eq!(rreq["authenticationMethod"], json!(["02"]));
        } else {
            assert_eq!(rreq["authenticationType"], "02");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_loses_no_word() {
    let stage = Stage::set("oob-restart").await;
    let issuer = issuer_of(&stage);
    for version in VERSIONS {
        let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::App), version).await;
        let id = member(&creq, "acsTransID").to_owned();
        let tab = stage.tab();
        let page = shown(&tab, &creq).await;
        stage.acs.kill_9();
        stage.acs.start().await.unwrap();
        issuer.answer(&id, "approved").await.unwrap();
        stage.acs.kill_9();
        stage.acs.start().await.unwrap();
        issuer.answer(&id, "approved").await.unwrap();
        let last = press(&tab, &page, "arrived").await;
        assert_eq!(cres(&last).unwrap()["transStatus"], "Y");
        assert_eq!(stage.result(&payment).await["transStatus"], "Y");
    }
}

/// A challenge in an app, with its first screen.
async fn waiting(
    stage: &Stage,
    version: &str,
    card: Card,
    set: impl FnOnce(&mut Sdk),
) -> (Opened, Screen) {
    let mut opened = open_with(stage, version, card, set).await;
    let screen = opened.screen(&Act::Open).await;
    (opened, screen)
}

async fn says(stage: &Stage, opened: &Opened, word: &str) {
    issuer_of(stage).answer(&opened.id(), word).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ob_01_t_ob_02_t_ob_04_a_native_screen_waits_for_the_app() {
    let stage = Stage::set("oob-native").await;
    for version in VERSIONS {
        for enc in ENCRYPTIONS {
            let native = |sdk: &mut Sdk| {
                sdk.encryption = enc;
                sdk.oob_app_url_ind = "03".to_owned();
            };
            let (mut opened, screen) = waiting(&stage, version, Card::App, native).await;
            assert_eq!(screen.ui, "04");
            // T-OB-04: before 2.3.1 there are no links; the SDK refuses a CRes that has one.
            assert!(screen.text("oobAppURL").is_none() && screen.text("oobAppLabel").is_none());
            assert!(screen.text("oobContinueLabel").is_some());
            let ask = issuer_of(&stage).asked(&opened.id()).await.unwrap();
            let text = screen.text("challengeInfoText").unwrap();
            assert!(text.contains(member(&ask, "number")), "{text}");
            // T-OB-02: pressed too early.
            let early = opened.screen(&Act::Continue).await;
            assert_eq!(
                (early.ui.as_str(), early.text("challengeInfoTextIndicator")),
                ("04", Some("Y"))
            );
            says(&stage, &opened, "approved").await;
            assert_eq!(opened.last(&Act::Continue).await["transStatus"], "Y");
            let rreq = stage.result(&opened.payment).await;
            assert_eq!(facts(&rreq), [json!("Y"), Value::Null, Value::Null, json!("02")]);
            assert_eq!(rreq["acsRenderingType"]["acsUiTemplate"], "04");
            assert!(rreq["authenticationValue"].is_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ob_02_an_early_continue_is_counted_or_not() {
    let stage = Stage::set_configured("oob-uncounted", |config| {
        let protocol = config.entry("protocol").or_insert_with(|| toml::Table::new().into());
        protocol.as_table_mut().unwrap().insert("oob_early_continue_counts".into(), false.into());
        with_oob(|oob| {
            oob.insert("max_continues".into(), 3.into());
        })(config);
    })
    .await;
    for version in VERSIONS {
        let (mut opened, _) = waiting(&stage, version, Card::App, |_| {}).await;
        opened.screen(&Act::Continue).await;
        opened.screen(&Act::Continue).await;
        says(&stage, &opened, "approved").await;
        opened.last(&Act::Continue).await;
        let rreq = stage.result(&opened.payment).await;
        assert_eq!(facts(&rreq), [json!("Y"), Value::Null, Value::Null, json!("01")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ob_02_continuing_in_vain_has_an_end() {
    let stage = Stage::set_configured(
        "oob-in-vain",
        with_oob(|oob| {
            oob.insert("max_continues".into(), 3.into());
        }),
    )
    .await;
    for version in VERSIONS {
        let (mut opened, _) = waiting(&stage, version, Card::App, |_| {}).await;
        opened.screen(&Act::Continue).await;
        opened.screen(&Act::Continue).await;
        assert_eq!(opened.last(&Act::Continue).await["transStatus"], "N");
        let rreq = stage.result(&opened.payment).await;
        assert_eq!(facts(&rreq), [json!("N"), json!("19"), Value::Null, json!("03")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ob_03_what_the_issuer_refuses_in_an_app() {
    let stage = Stage::set("oob-refused").await;
    for version in VERSIONS {
        let technical = if version == "2.1.0" { "07" } else { "22" };
        for enc in ENCRYPTIONS {
            for (word, status, reason) in
                [("declined", "N", "01"), ("rejected", "R", "11"), ("unavailable", "U", technical)]
            {
                let set = |sdk: &mut Sdk| sdk.encryption = enc;
                let (mut opened, _) = waiting(&stage, version, Card::App, set).await;
                says(&stage, &opened, word).await;
                assert_eq!(opened.last(&Act::Continue).await["transStatus"], "N");
                let rreq = stage.result(&opened.payment).await;
                assert_eq!(facts(&rreq), [json!(status), json!(reason), Value::Null, json!("01")]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_ob_05_06_07_09_links_both_ways() {
    let stage = Stage::set("oob-links").await;
    let back = "https://shop.example/back";
    for enc in ENCRYPTIONS {
        let linked = |sdk: &mut Sdk| {
            sdk.encryption = enc;
            sdk.requestor_app_url = Some(back.to_owned());
        };
        let (mut opened, screen) = waiting(&stage, "2.3.1", Card::App, linked).await;
        assert_eq!(opened.payment.ares.as_ref().unwrap()["threeDSRequestorAppURLInd"], "Y");
        assert!(screen.text("oobAppURL").is_some() && screen.text("oobAppLabel").is_some());
        // T-OB-09: the issuer's app is told where to go back to.
        let ask = issuer_of(&stage).asked(&opened.id()).await.unwrap();
        assert_eq!(ask["requestorAppURL"], back);
        let (_, shown) = issuer_of(&stage).question("alpha", &opened.id()).await.unwrap();
        assert_eq!(shown["requestorAppURL"], back);
        // T-OB-07: the link does not open; there is another way.
        let other = opened.screen(&Act::LinkFailed).await;
        assert_eq!(other.ui, "04");
        assert!(other.text("oobAppURL").is_none() && other.text("oobContinueLabel").is_some());
        // T-OB-06: back in the foreground is the same as pressed.
        opened.screen(&Act::CameBack).await;
        says(&stage, &opened, "approved").await;
        assert_eq!(opened.last(&Act::CameBack).await["transStatus"], "Y");
        assert_eq!(stage.result(&opened.payment).await["interactionCounter"], "02");

        for unable in ["02", "03"] {
            let set = |sdk: &mut Sdk| {
                sdk.encryption = enc;
                sdk.oob_app_url_ind = unable.to_owned();
            };
            let (mut opened, screen) = waiting(&stage, "2.3.1", Card::App, set).await;
            assert!(screen.text("oobAppURL").is_none() && screen.text("oobAppLabel").is_none());
            assert!(screen.text("oobContinueLabel").is_some());
            opened.last(&Act::Cancel).await;
        }
    }
    // 2.2.0: the way back alone.
    let set = |sdk: &mut Sdk| sdk.requestor_app_url = Some(back.to_owned());
    let (mut opened, screen) = waiting(&stage, "2.2.0", Card::App, set).await;
    assert!(screen.text("oobAppURL").is_none());
    assert_eq!(issuer_of(&stage).asked(&opened.id()).await.unwrap()["requestorAppURL"], back);
    opened.last(&Act::Cancel).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creqs_that_a_waiting_screen_does_not_ask_for() {
    let stage = Stage::set("bad-oob-creq").await;
    for (version, more, code) in [
        ("2.2.0", json!({}), "201"),
        ("2.3.1", json!({}), "201"),
        ("2.3.1", json!({"oobContinue": "01", "challengeAddCode": "Y"}), "203"),
        ("2.3.1", json!({"oobContinue": "07"}), "207"),
    ] {
        let (mut opened, _) = waiting(&stage, version, Card::App, |_| {}).await;
        let mut creq = opened.challenge.creq(&Act::Open);
        for (member, value) in more.as_object().unwrap() {
            creq[member] = value.clone();
        }
        let received = opened.challenge.send(&creq, &[]).await.unwrap();
        let erro = crate::app::refused(received, code);
        assert_ended_refused(&stage, &opened, &erro).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_12_a_page_needs_its_continue() {
    let stage = Stage::set_configured("bad-oob-html-creq", html_first).await;
    let html = |sdk: &mut Sdk| sdk.interface = Interface::Html;
    for (missing, more) in [
        ("oobContinue", json!({"challengeHTMLDataEntry": "action=submit"})),
        ("challengeHTMLDataEntry", json!({"oobContinue": "01"})),
    ] {
        let (mut opened, _) = waiting(&stage, "2.3.1", Card::App, html).await;
        let mut creq = opened.challenge.creq(&Act::Open);
        for (member, value) in more.as_object().unwrap() {
            creq[member] = value.clone();
        }
        let received = opened.challenge.send(&creq, &[]).await.unwrap();
        let erro = crate::app::refused(received, "201");
        assert_eq!(erro["errorDetail"], missing);
        assert_ended_refused(&stage, &opened, &erro).await;
    }
}

/// Pages in apps, for cards of the first issuer.
fn html_first(config: &mut toml::Table) {
    let issuers = config["issuer"].as_array_mut().unwrap();
    let app = issuers[0].as_table_mut().unwrap().get_mut("app").unwrap();
    app.as_table_mut().unwrap().insert("interface".to_owned(), "html".into());
}

#[tokio::test(flavor = "multi_thread")]
async fn t_23_12_a_page_in_the_app_waits_for_the_issuers_app() {
    let stage = Stage::set_configured("oob-html", html_first).await;
    for version in VERSIONS {
        for enc in ENCRYPTIONS {
            let html = |sdk: &mut Sdk| {
                sdk.encryption = enc;
                sdk.interface = Interface::Html;
            };
            let (mut opened, screen) = waiting(&stage, version, Card::App, html).await;
            let newest = version == "2.3.1";
            assert_eq!(screen.ui, if newest { "06" } else { "05" });
            assert_eq!(screen.text("oobAppURL").is_some(), newest);
            assert_eq!(screen.text("acsHTMLRefresh").is_some(), !newest);
            let page = screen.html().unwrap();
            let ask = issuer_of(&stage).asked(&opened.id()).await.unwrap();
            assert!(page.contains(&format!(">{}<", member(&ask, "number"))), "{page}");
            assert_eq!(page.contains("HTTPS://EMV3DS/openoobApp"), newest);
            opened.screen(&Act::Continue).await;
            says(&stage, &opened, "approved").await;
            let act = if newest { Act::CameBack } else { Act::Continue };
            assert_eq!(opened.last(&act).await["transStatus"], "Y");
            let rreq = stage.result(&opened.payment).await;
            assert_eq!(facts(&rreq), [json!("Y"), Value::Null, Value::Null, json!("02")]);
            assert_eq!(rreq["acsRenderingType"]["acsInterface"], "02");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_an_app_a_code_takes_over_too() {
    let stage = Stage::set_configured(
        "oob-app-fallback",
        with_oob(|oob| {
            oob.insert("fallback".into(), "choice".into());
        }),
    )
    .await;
    for version in VERSIONS {
        for enc in ENCRYPTIONS {
            let set = |sdk: &mut Sdk| sdk.encryption = enc;
            let (mut opened, _) = waiting(&stage, version, Card::AppAndSms, set).await;
            let newest = version == "2.3.1";
            let screen = if newest {
                opened.screen(&Act::Additional).await
            } else {
                says(&stage, &opened, "unavailable").await;
                opened.screen(&Act::Continue).await
            };
            assert_eq!(screen.ui, "01");
            let code = stage.code(&opened.id(), 1).await.unwrap();
            assert_eq!(opened.last(&Act::Type(code)).await["transStatus"], "Y");
            let rreq = stage.result(&opened.payment).await;
            assert_eq!(rreq["acsRenderingType"]["acsUiTemplate"], "04", "what came first");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_to_04_t_to_05_nobody_comes_back_from_the_issuers_app() {
    let stage = Stage::set("oob-timeouts").await;
    for version in VERSIONS {
        let (mut opened, _) = waiting(&stage, version, Card::App, |_| {}).await;
        says(&stage, &opened, "approved").await;
        stage.acs.advance(Duration::from_secs(601)).await.unwrap();
        let rreq = stage.result(&opened.payment).await;
        assert_eq!(facts(&rreq), [json!("N"), json!("14"), json!("04"), json!("00")]);
        assert!(rreq.get("authenticationValue").is_none());
        opened.erro(&Act::Continue, "402").await;

        let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::App), version).await;
        let page = shown(&stage.tab(), &creq).await;
        stage.acs.advance(Duration::from_secs(601)).await.unwrap();
        let rreq = stage.result(&payment).await;
        assert_eq!(facts(&rreq), [json!("N"), json!("14"), json!("04"), json!("00")]);
        assert!(cres(&press(&stage.tab(), &page, "arrived").await).is_none());
    }
}
