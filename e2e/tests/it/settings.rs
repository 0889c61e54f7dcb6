//! Readings of the specification that a setting chooses, each through the real programs: the
//! default, and what the other value does.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ds_simulator::sdk::challenge::Act;
use ds_simulator::sdk::{Interface, Sdk};
use ds_simulator::{Faults, RreqFault};
use e2e::stage::{Setup, member};
use e2e::{Card, Issuer, Stage, VERSIONS};
use serde_json::{Value, json};

type Set = fn(&mut toml::Table);

async fn stage(set: Set) -> Stage {
    Stage::set_with(Setup { config: Some(Box::new(set)), ..Setup::default() }).await
}

pub(crate) fn protocol(config: &mut toml::Table, name: &str, value: impl Into<toml::Value>) {
    let protocol = config.entry("protocol").or_insert(toml::Table::new().into());
    protocol.as_table_mut().unwrap().insert(name.to_owned(), value.into());
}

/// Code and detail of what an AReq got; the status for an ARes.
async fn answer(stage: &Stage, areq: &Value) -> (String, String) {
    let answer = stage.raw_ds("ds-a").post(areq).await.unwrap();
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    if answer["messageType"] == "Erro" {
        (text("errorCode"), text("errorDetail"))
    } else {
        (text("messageType"), text("transStatus"))
    }
}

fn pair(code: &str, detail: &str) -> (String, String) {
    (code.to_owned(), detail.to_owned())
}

/// `protocol.areq_clock_check` [P-GEN-11, Req 417].
#[tokio::test(flavor = "multi_thread")]
async fn t_av_37_clock() {
    let pan = Issuer::Alpha.pan(Card::Frictionless);
    for set in [false, true] {
        let stage = if set {
            stage(|config| protocol(config, "areq_clock_check", true)).await
        } else {
            stage(|_| {}).await
        };
        let ds = stage.raw_ds("ds-a");
        // The ACS's clock runs ahead; AReqs carry the real time.
        for (minutes, apart) in [(28, false), (4, true)] {
            stage.acs.advance(Duration::from_secs(minutes * 60)).await.unwrap();
            for version in VERSIONS {
                let expected = if set && apart && version == "2.3.1" {
                    pair("203", "purchaseDate")
                } else {
                    pair("ARes", "Y")
                };
                let areq = ds.areq(version, &pan);
                assert_eq!(answer(&stage, &areq).await, expected, "{version} {set} {apart}");
            }
        }
    }
}

/// `protocol.areq_luhn` [P-AREQ-14].
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_check_digit_is_refused_where_set_so() {
    let right = Issuer::Alpha.pan(Card::Unknown);
    let last = right.chars().last().and_then(|c| c.to_digit(10)).unwrap();
    let wrong = format!("{}{}", &right[..right.len() - 1], (last + 1) % 10);
    for (set, expected) in [(false, pair("ARes", "N")), (true, pair("305", "acctNumber"))] {
        let stage = if set {
            stage(|config| protocol(config, "areq_luhn", true)).await
        } else {
            stage(|_| {}).await
        };
        let ds = stage.raw_ds("ds-a");
        assert_eq!(answer(&stage, &ds.areq("2.2.0", &right)).await, pair("ARes", "N"));
        assert_eq!(answer(&stage, &ds.areq("2.2.0", &wrong)).await, expected, "{set}");
    }
}

/// `protocol.areq_same_3dss_trans_id` [P-AREQ-20]: what came is remembered over a crash.
#[tokio::test(flavor = "multi_thread")]
async fn a_three_ds_server_trans_id_comes_once_where_set_so() {
    let pan = Issuer::Alpha.pan(Card::Frictionless);
    let stage = stage(|config| protocol(config, "areq_same_3dss_trans_id", "refuse")).await;
    for (version, code) in [("2.1.0", "301"), ("2.2.0", "301"), ("2.3.1", "312")] {
        let areq = stage.raw_ds("ds-a").areq(version, &pan);
        assert_eq!(answer(&stage, &areq).await, pair("ARes", "Y"));
        assert_eq!(answer(&stage, &areq).await, pair("ARes", "Y"), "an identical repeat");
        let mut again = areq.clone();
        again["dsTransID"] = json!(ds_simulator::message::new_id());
        assert_eq!(answer(&stage, &again).await, pair(code, "threeDSServerTransID"));
        stage.acs.kill_9();
        stage.acs.start().await.unwrap();
        assert_eq!(answer(&stage, &again).await, pair(code, "threeDSServerTransID"));
        assert_eq!(answer(&stage, &areq).await, pair("ARes", "Y"), "still an identical repeat");
    }
}

fn padded(creq: &Value) -> String {
    let text = ds_simulator::message::to_base64url(creq);
    let missing = (4 - text.len() % 4) % 4;
    format!("{text}{}", "=".repeat(missing))
}

/// `base64url` [P-TRN-08]: padding is counted and accepted, or refused.
#[tokio::test(flavor = "multi_thread")]
async fn padded_creqs_are_accepted_and_counted_or_refused() {
    for strict in [false, true] {
        let stage = if strict {
            stage(|config| protocol(config, "base64url", "strict")).await
        } else {
            stage(|_| {}).await
        };
        // Of four layouts at least one needs padding.
        let (_, mut creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.2.0").await;
        while padded(&creq).ends_with(|c| c != '=') {
            let filler = creq["filler"].as_str().unwrap_or_default();
            creq["filler"] = json!(format!("{filler}x"));
        }
        let page = stage.tab().creq_field(&padded(&creq), None).await.unwrap();
        assert_eq!(page.code_form().is_some(), !strict, "{}", page.text());
        assert!(page.returned().is_none());
        let answer = if strict { "answer=\"refused\"" } else { "answer=\"accepted\"" };
        let counted = stage.acs.metric("acs_tolerance_total", &["what=\"creq\"", answer]).await;
        assert_eq!(counted.unwrap(), 1.0);
        if strict {
            let page = stage.tab().creq(&creq, None).await.unwrap();
            assert!(page.code_form().is_some(), "without padding it is good: {}", page.text());
        }
    }
}

/// `protocol.brw_cres_without_rres` [P-BRW-33].
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_rres_makes_the_cres_n_where_set_so() {
    let stage = stage(|config| {
        protocol(config, "rres_seconds", 1);
        protocol(config, "brw_cres_without_rres", "N");
    })
    .await;
    stage.sim.set_faults(Faults { rreq: RreqFault::NeverAnswer, ..Faults::default() });
    let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.3.1").await;
    let tab = stage.tab();
    let page = tab.creq(&creq, None).await.unwrap();
    let code = stage.code(member(&creq, "acsTransID"), 1).await.unwrap();
    let page = tab.press(&page, &code, "submit").await.unwrap();
    assert_eq!(page.returned().expect("the final CRes").message["transStatus"], "N");
    assert_eq!(stage.result(&payment).await["transStatus"], "Y", "what was reported stays");
}

/// `protocol.brw_cres_on_idle` [P-BRW-34].
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_page_posts_a_cres_n_where_set_so() {
    let stage = stage(|config| protocol(config, "brw_cres_on_idle", true)).await;
    let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.3.1").await;
    let tab = stage.tab();
    let page = tab.creq(&creq, None).await.unwrap();
    assert!(page.html.contains("data-idle=\"600\""), "the page's own timer: {}", page.html);
    stage.acs.advance(Duration::from_secs(601)).await.unwrap();
    let rreq = stage.result(&payment).await;
    assert_eq!((&rreq["transStatus"], &rreq["challengeCancel"]), (&json!("N"), &json!("04")));
    let page = tab.press(&page, "", "show").await.unwrap();
    let returned = page.returned().expect("a final CRes");
    assert_eq!(returned.message["messageType"], "CRes");
    assert_eq!(returned.message["transStatus"], "N");
}

/// `protocol.brw_reoffer_final_cres` [P-BRW-18].
#[tokio::test(flavor = "multi_thread")]
async fn the_final_page_comes_again_where_set_so() {
    let stage = stage(|config| protocol(config, "brw_reoffer_final_cres", true)).await;
    let (_, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.3.1").await;
    let tab = stage.tab();
    let page = tab.creq(&creq, Some("c2Vzc2lvbg")).await.unwrap();
    let code = stage.code(member(&creq, "acsTransID"), 1).await.unwrap();
    let last = tab.press(&page, &code, "submit").await.unwrap();
    let again = tab.creq(&creq, Some("c2Vzc2lvbg")).await.unwrap();
    let (last, again) = (last.returned().unwrap(), again.returned().unwrap());
    assert_eq!(last.message, again.message);
    assert_eq!(again.session_data.as_deref(), Some("c2Vzc2lvbg"));
    let id = member(&creq, "acsTransID");
    assert_eq!(stage.sim.network().directory.rreqs_received(id).len(), 1);
}

/// `first_creq_seconds`, `idle_seconds` [P-TMO-03, P-TMO-05].
#[tokio::test(flavor = "multi_thread")]
async fn timers_are_those_of_the_configuration() {
    let stage = stage(|config| {
        protocol(config, "first_creq_seconds", 7);
        protocol(config, "idle_seconds", 400);
    })
    .await;
    let tab = stage.tab();
    let (payment, _) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.2.0").await;
    stage.acs.advance(Duration::from_secs(8)).await.unwrap();
    assert_eq!(stage.result(&payment).await["challengeCancel"], "05");
    let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.2.0").await;
    assert!(tab.creq(&creq, None).await.unwrap().code_form().is_some());
    stage.acs.advance(Duration::from_secs(401)).await.unwrap();
    assert_eq!(stage.result(&payment).await["challengeCancel"], "04");
}

/// `protocol.brw_repeat_creq` [P-BRW-17], `protocol.brw_erro_field` [P-BRW-19],
/// `protocol.brw_cancel_reason_210` and `_220` [P-BRW-23].
#[tokio::test(flavor = "multi_thread")]
async fn the_erro_of_a_creq_has_the_field_that_is_set() {
    let stage = stage(|config| {
        protocol(config, "brw_erro_field", "erro");
        protocol(config, "brw_repeat_creq", "refuse");
        protocol(config, "brw_cancel_reason_210", "19");
        protocol(config, "brw_cancel_reason_220", "24");
    })
    .await;
    let tab = stage.tab();
    for (version, code) in [("2.1.0", "305"), ("2.2.0", "305"), ("2.3.1", "314")] {
        let (_, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), version).await;
        assert!(tab.creq(&creq, None).await.unwrap().code_form().is_some());
        let page = tab.creq(&creq, None).await.unwrap();
        let returned = page.returned().expect("an Erro for the requestor");
        assert_eq!(
            (returned.field.as_str(), &returned.message["errorCode"]),
            ("erro", &json!(code))
        );
    }
    for (version, reason) in [("2.1.0", "19"), ("2.2.0", "24"), ("2.3.1", "19")] {
        let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), version).await;
        let page = tab.creq(&creq, None).await.unwrap();
        tab.press(&page, "", "cancel").await.unwrap();
        assert_eq!(stage.result(&payment).await["transStatusReason"], reason, "{version}");
    }
}

/// `issuer.logo` and `ds.logo` [Req 162, Req 180]: inside the page, under a policy that lets nothing else in; a
/// file that is no image keeps the service from starting.
#[tokio::test(flavor = "multi_thread")]
async fn logos_are_on_the_page_where_set_so() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("logo.png");
    std::fs::write(&image, b"\x89PNG\r\n\x1a\n and so on").unwrap();
    let file = image.to_str().unwrap().to_owned();
    let set = move |config: &mut toml::Table| {
        let mut system = toml::Table::new();
        system.insert("file".to_owned(), file.clone().into());
        system.insert("name".to_owned(), "Sample Pay".into());
        config["ds"][0].as_table_mut().unwrap().insert("logo".to_owned(), system.into());
        let issuer = config["issuer"][0].as_table_mut().unwrap();
        issuer.insert("logo".to_owned(), file.clone().into());
    };
    let stage = Stage::set_with(Setup { config: Some(Box::new(set)), ..Setup::default() }).await;
    let (_, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.2.0").await;
    let page = stage.tab().creq(&creq, None).await.unwrap();
    let html = &page.html;
    assert_eq!(html.matches("<img src=\"data:image/png;base64,iVBORw0KGgo").count(), 2, "{html}");
    assert!(html.contains("alt=\"Sample Pay\""), "{html}");

    // And on those inside apps [Req 161, Req 162].
    let set = |sdk: &mut Sdk| sdk.interface = Interface::Html;
    let mut opened = super::app::open_with(&stage, "2.3.1", Card::Sms, set).await;
    let screen = opened.screen(&Act::Open).await;
    let html = URL_SAFE_NO_PAD.decode(screen.text("acsHTML").unwrap()).unwrap();
    let html = String::from_utf8(html).unwrap();
    assert_eq!(html.matches("<img src=\"data:image/png;base64,iVBORw0KGgo").count(), 2, "{html}");
    assert!(html.contains("alt=\"Sample Pay\""), "{html}");

    stage.acs.kill_9();
    std::fs::write(&image, "<svg onload=\"x()\"/>").unwrap();
    let refused = stage.acs.start().await.unwrap_err().to_string();
    assert!(refused.contains("neither PNG nor JPEG"), "{refused}");
}
