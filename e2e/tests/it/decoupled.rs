//! Decoupled authentication: the issuer asks the cardholder in its own time [scenarios T-DC,
//! T-3R-06].

use std::time::Duration;

use ds_simulator::issuer::{IssuerSystems, Word};
use ds_simulator::{Faults, PayOptions, Receipt, RreqFault};
use e2e::stage::{Setup, member};
use e2e::{Card, Issuer, Stage};
use serde_json::{Value, json};

const NEW: [&str; 2] = ["2.2.0", "2.3.1"];

fn issuer_of(stage: &Stage) -> IssuerSystems {
    IssuerSystems::for_endpoints(&stage.acs.endpoints()).unwrap()
}

/// A payment that is challenged, decoupled if the requestor may have it so.
fn asking(stage: &Stage, version: &str, indicator: &str, minutes: u32) -> PayOptions {
    let mut options = stage.options(&Issuer::Alpha.pan(Card::Sms));
    options.version = Some(version.to_owned());
    options.skip_method = true;
    options.order.decoupled = Some(indicator.to_owned());
    options.order.decoupled_minutes = Some(minutes);
    options.rreq_patience = Duration::ZERO;
    options
}

async fn paid(stage: &Stage, options: &PayOptions) -> Receipt {
    let receipt = stage.pay("ds-a", options).await;
    assert_eq!(receipt.problems, Vec::<String>::new(), "{receipt:#?}");
    receipt
}

/// A payment answered D: its receipt and acsTransID.
async fn promised(stage: &Stage, options: &PayOptions) -> (Receipt, String) {
    let receipt = paid(stage, options).await;
    assert_eq!(receipt.ares_status.as_deref(), Some("D"), "{receipt:#?}");
    assert!(receipt.rreq.is_none(), "no result yet: {receipt:#?}");
    let id = receipt.acs_trans_id.clone().unwrap();
    (receipt, id)
}

/// The RReq of a payment, and that there is only one.
async fn result(stage: &Stage, receipt: &Receipt) -> Value {
    let payment = stage.sim.network().merchant.payment(&receipt.id).unwrap();
    let rreq = stage.result(&payment).await;
    let received = received(stage, receipt);
    assert_eq!(received, 1, "{received} RReqs");
    for foreign in ["interactionCounter", "acsRenderingType"] {
        assert!(rreq.get(foreign).is_none(), "{rreq}");
    }
    rreq
}

fn received(stage: &Stage, receipt: &Receipt) -> usize {
    let id = receipt.acs_trans_id.as_deref().unwrap();
    stage.sim.network().directory.rreqs_received(id).len()
}

/// How many different RReqs came for a payment.
fn contents(stage: &Stage, receipt: &Receipt) -> usize {
    let id = receipt.acs_trans_id.as_deref().unwrap();
    let rreqs = stage.sim.network().directory.rreqs_received(id);
    rreqs.into_iter().collect::<std::collections::HashSet<_>>().len()
}

/// Each version that has it, with each indicator that asks for it, of each category.
fn ways() -> Vec<(&'static str, &'static str, &'static str)> {
    let asked = [("2.2.0", "Y"), ("2.3.1", "Y"), ("2.3.1", "B")];
    let both = |(version, indicator)| ["01", "02"].map(|category| (version, indicator, category));
    asked.into_iter().flat_map(both).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn t_dc_01_the_promise_says_what_will_happen() {
    let stage = Stage::set("decoupled-promised").await;
    for (version, indicator, category) in ways() {
        let mut options = asking(&stage, version, indicator, 60);
        options.order.category = category.to_owned();
        let (receipt, id) = promised(&stage, &options).await;
        let ares = receipt.ares.unwrap();
        let newest = version == "2.3.1";
        assert_eq!(ares["acsDecConInd"], "Y", "{ares}");
        assert_eq!(ares["acsChallengeMandated"], "N", "{ares}");
        assert_eq!(ares["cardholderInfo"].is_object(), newest, "{ares}");
        assert_eq!(ares["cardholderInfo"].is_string(), !newest, "{ares}");
        let (name, method) = match newest {
            true => ("authenticationMethod", json!(["12"])),
            false => ("authenticationType", json!("04")),
        };
        assert_eq!(ares[name], method, "{ares}");
        for foreign in ["acsURL", "acsSignedContent", "acsRenderingType", "authenticationValue"] {
            assert!(ares.get(foreign).is_none(), "{ares}");
        }
        let ask = issuer_of(&stage).asked(&id).await.unwrap();
        let last_four = &Issuer::Alpha.pan(Card::Sms)[12..];
        assert_eq!((&ask["issuer"], &ask["card"]), (&json!("alpha"), &json!(last_four)));
        assert_eq!(member(&ask, "text").contains("20,000"), category == "01", "{ask}");
        assert!(stage.codes(&id).is_empty(), "no code is sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_dc_02_the_cardholder_approves_at_the_issuer() {
    let stage = Stage::set("decoupled-approved").await;
    for (version, indicator, category) in ways() {
        let mut options = asking(&stage, version, indicator, 60);
        options.order.category = category.to_owned();
        let (receipt, id) = promised(&stage, &options).await;
        stage.acs.advance(Duration::from_secs(3000)).await.unwrap();
        let answer = issuer_of(&stage).answer(&id, "approved").await.unwrap();
        assert_eq!(answer["transStatus"], "Y");
        let rreq = result(&stage, &receipt).await;
        assert_eq!(
            (&rreq["transStatus"], &rreq["messageCategory"]),
            (&json!("Y"), &json!(category))
        );
        assert!(rreq["authenticationValue"].is_string() && rreq["eci"].is_string(), "{rreq}");
        for foreign in ["transStatusReason", "challengeCancel", "challengeErrorReporting"] {
            assert!(rreq.get(foreign).is_none(), "{rreq}");
        }
        if version == "2.3.1" {
            assert_eq!(rreq["authenticationMethod"], json!(["12"]));
        } else {
            assert_eq!(rreq["authenticationType"], "04");
        }
        stage.acs.advance(Duration::from_secs(3600)).await.unwrap();
        assert_eq!(received(&stage, &receipt), 1, "nothing follows at the end of the time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_dc_03_the_cardholder_declines_or_the_issuer_does() {
    let stage = Stage::set("decoupled-declined").await;
    for version in NEW {
        for (word, status, reason) in
            [("declined", "N", "01"), ("rejected", "R", "11"), ("unavailable", "U", "22")]
        {
            let mut options = asking(&stage, version, "Y", 60);
            options.rreq_patience = Duration::from_secs(20);
            options.word = Some((issuer_of(&stage), word.to_owned()));
            let receipt = paid(&stage, &options).await;
            assert_eq!(receipt.ares_status.as_deref(), Some("D"));
            let rreq = result(&stage, &receipt).await;
            assert_eq!(
                (member(&rreq, "transStatus"), member(&rreq, "transStatusReason")),
                (status, reason)
            );
            assert!(
                rreq.get("authenticationValue").is_none() && rreq.get("challengeCancel").is_none()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_dc_04_the_time_passes_without_a_word() {
    let stage = Stage::set("decoupled-time-over").await;
    for version in NEW {
        for minutes in [1, 10_080] {
            let (receipt, id) = promised(&stage, &asking(&stage, version, "Y", minutes)).await;
            let time = Duration::from_secs(u64::from(minutes) * 60);
            stage.acs.advance(time - Duration::from_secs(20)).await.unwrap();
            assert_eq!(received(&stage, &receipt), 0, "too early");
            stage.acs.advance(Duration::from_secs(20)).await.unwrap();
            let rreq = result(&stage, &receipt).await;
            assert_eq!(rreq["transStatus"], "U", "{rreq}");
            assert_eq!(
                (&rreq["transStatusReason"], &rreq["challengeCancel"]),
                (&json!("24"), &json!("03"))
            );
            let (status, answer) =
                issuer_of(&stage).give(&Word::new("alpha", &id, "approved")).await.unwrap();
            assert_eq!((status, &answer["transStatus"]), (409, &json!("U")), "too late");
            assert_eq!(received(&stage, &receipt), 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_dc_05_nobody_gets_d_who_did_not_ask_for_it() {
    let stage = Stage::set_configured("decoupled-only", |config| {
        let issuer = config["issuer"].as_array_mut().unwrap()[0].as_table_mut().unwrap();
        let only: toml::Table = "default = { decoupled = { mandated = true } }".parse().unwrap();
        issuer.extend(only);
    })
    .await;
    for version in NEW {
        let mut options = asking(&stage, version, "N", 60);
        for decoupled in [Some("N".to_owned()), None] {
            options.order.decoupled = decoupled;
            options.order.decoupled_minutes = None;
            let receipt = paid(&stage, &options).await;
            assert_eq!(
                (receipt.ares_status.as_deref(), receipt.reason.as_deref()),
                (Some("N"), Some("23"))
            );
        }
        let (receipt, _) = promised(&stage, &asking(&stage, version, "Y", 5)).await;
        assert_eq!(receipt.ares.as_ref().unwrap()["acsChallengeMandated"], "Y");
        stage.acs.advance(Duration::from_secs(301)).await.unwrap();
        result(&stage, &receipt).await;
    }
    let mut fallback_only = asking(&stage, "2.3.1", "F", 60);
    let receipt = paid(&stage, &fallback_only).await;
    assert_eq!(
        (receipt.ares_status.as_deref(), receipt.reason.as_deref()),
        (Some("N"), Some("23"))
    );
    fallback_only.order.pan = Issuer::Beta.pan(Card::Sms);
    fallback_only.rreq_patience = Duration::from_secs(20);
    assert_eq!(paid(&stage, &fallback_only).await.ares_status.as_deref(), Some("C"));
}

#[tokio::test(flavor = "multi_thread")]
async fn t_dc_06_too_little_time_is_not_tried() {
    let stage = Stage::set_configured("decoupled-too-short", |config| {
        for issuer in config["issuer"].as_array_mut().unwrap() {
            issuer["decoupled"].as_table_mut().unwrap().insert("min_minutes".into(), 5.into());
        }
    })
    .await;
    for version in NEW {
        for (minutes, status) in [(1, "N"), (4, "N"), (5, "D")] {
            let receipt = paid(&stage, &asking(&stage, version, "Y", minutes)).await;
            assert_eq!(receipt.ares_status.as_deref(), Some(status), "{minutes} minutes");
            assert_eq!(receipt.reason.as_deref(), (status == "N").then_some("25"));
            if status == "D" {
                stage.acs.advance(Duration::from_secs(301)).await.unwrap();
                result(&stage, &receipt).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_dc_07_a_time_out_of_bounds_is_a_defect() {
    let stage = Stage::set_with(Setup::default()).await;
    let ds = stage.raw_ds("ds-a");
    for version in NEW {
        for (time, code) in [
            (json!("10081"), "203"),
            (json!("00000"), "203"),
            (json!("1.5"), "203"),
            (Value::Null, "201"),
        ] {
            let mut areq = ds.areq(version, &Issuer::Alpha.pan(Card::Sms));
            areq["threeDSRequestorDecReqInd"] = json!("Y");
            areq["threeDSRequestorDecMaxTime"] = time.clone();
            let erro = ds.post(&areq).await.unwrap();
            assert_eq!(
                (&erro["errorCode"], &erro["errorDetail"]),
                (&json!(code), &json!("threeDSRequestorDecMaxTime")),
                "{time}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_dc_08_an_erro_for_the_result_is_only_logged() {
    let faults = Faults { rreq: RreqFault::Erro("403".to_owned()), ..Faults::default() };
    let stage =
        Stage::set_with(Setup { record: Some("decoupled-erro"), faults, ..Setup::default() }).await;
    for (version, count) in [("2.2.0", 1.0), ("2.3.1", 2.0)] {
        let (receipt, id) = promised(&stage, &asking(&stage, version, "Y", 60)).await;
        issuer_of(&stage).answer(&id, "approved").await.unwrap();
        stage.acs.wait_metric("acs_rreq_total", &["result=\"answered\""], count).await.unwrap();
        stage.acs.advance(Duration::from_secs(7200)).await.unwrap();
        assert_eq!(received(&stage, &receipt), 1, "no second one because of an Erro");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_dc_09_a_restart_loses_nothing() {
    for (recorded, version) in [("decoupled-restart-22", "2.2.0"), ("decoupled-restart", "2.3.1")] {
        // A clock of its own: a restart takes back how far it was moved.
        let stage = Stage::set(recorded).await;
        let (approved, approved_id) = promised(&stage, &asking(&stage, version, "Y", 60)).await;
        let (silent, silent_id) = promised(&stage, &asking(&stage, version, "Y", 1)).await;
        let issuer = issuer_of(&stage);
        issuer.asked(&approved_id).await.unwrap();
        issuer.asked(&silent_id).await.unwrap();
        stage.acs.kill_9();
        stage.acs.start().await.unwrap();
        issuer.answer(&approved_id, "approved").await.unwrap();
        assert_eq!(result(&stage, &approved).await["transStatus"], "Y");
        stage.acs.advance(Duration::from_secs(61)).await.unwrap();
        assert_eq!(result(&stage, &silent).await["transStatusReason"], "24");
        stage.acs.kill_9();
        stage.acs.start().await.unwrap();
        stage.acs.advance(Duration::from_secs(7200)).await.unwrap();
        // Identical bytes may come twice where a crash hid their answer [P-RREQ-05].
        assert_eq!((contents(&stage, &approved), contents(&stage, &silent)), (1, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_3r_06_a_requestor_alone_gets_d_and_its_result() {
    let stage = Stage::set("decoupled-3ri").await;
    for version in NEW {
        for category in ["01", "02"] {
            let mut options = asking(&stage, version, "Y", 60);
            options.order.channel = "03".to_owned();
            options.order.three_ri_ind = Some("11".to_owned());
            options.order.category = category.to_owned();
            let (receipt, id) = promised(&stage, &options).await;
            issuer_of(&stage).answer(&id, "approved").await.unwrap();
            let rreq = result(&stage, &receipt).await;
            assert_eq!(rreq["transStatus"], "Y", "{rreq}");

            options.order.decoupled = Some("N".to_owned());
            options.order.decoupled_minutes = None;
            let receipt = paid(&stage, &options).await;
            assert_eq!(
                (receipt.ares_status.as_deref(), receipt.reason.as_deref()),
                (Some("N"), Some("23"))
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_cards_issuer_gives_a_word_and_only_once() {
    let stage = Stage::set("decoupled-words").await;
    let issuer = issuer_of(&stage);
    let (receipt, id) = promised(&stage, &asking(&stage, "2.2.0", "Y", 60)).await;
    let good = Word::new("alpha", &id, "approved");
    let now = good.at_ms;
    let body = |body: &str| Word { body: body.to_owned(), ..good.clone() };
    let elsewhere = "6e1c0f7a-6a3c-4d0e-9a57-0c6e4b1f2a33";
    for (what, word, status) in [
        ("another issuer", Word::new("beta", &id, "approved"), 404),
        ("another's key", Word { signed_by: Some("beta".to_owned()), ..good.clone() }, 401),
        (
            "no issuer",
            Word { issuer: "gamma".into(), signed_by: Some("alpha".into()), ..good.clone() },
            401,
        ),
        ("an old signature", Word { at_ms: now - 310_000, ..good.clone() }, 401),
        ("one of tomorrow", Word { at_ms: now + 310_000, ..good.clone() }, 401),
        ("no such authentication", Word::new("alpha", elsewhere, "approved"), 404),
        ("no id", Word::new("alpha", "x", "approved"), 404),
        ("no word", body("{}"), 400),
        ("an unknown word", body(r#"{"result":"yes"}"#), 400),
        ("more than a word", body(r#"{"result":"approved","x":1}"#), 400),
        ("no JSON", body("approved"), 400),
    ] {
        assert_eq!(issuer.give(&word).await.unwrap().0, status, "{what}");
    }
    assert_eq!(received(&stage, &receipt), 0);
    let (challenged, _) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.2.0").await;
    let not_asked = member(challenged.ares.as_ref().unwrap(), "acsTransID").to_owned();
    let (status, answer) = issuer.give(&Word::new("alpha", &not_asked, "approved")).await.unwrap();
    assert_eq!((status, &answer["error"]), (409, &json!("not-asked")));

    let first = issuer.give(&good).await.unwrap();
    assert_eq!((first.0, &first.1["transStatus"]), (200, &json!("Y")));
    assert_eq!(issuer.give(&Word::new("alpha", &id, "approved")).await.unwrap(), first);
    let (status, answer) = issuer.give(&Word::new("alpha", &id, "declined")).await.unwrap();
    assert_eq!((status, &answer["transStatus"]), (409, &json!("Y")));
    assert_eq!(result(&stage, &receipt).await["transStatus"], "Y");
    assert!(stage.acs.metric("acs_refused_total", &["listener=\"issuer\""]).await.unwrap() >= 4.0);
    stage.acs.advance(Duration::from_secs(31)).await.unwrap();
    stage.result(&challenged).await;
}
