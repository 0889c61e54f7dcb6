//! What can happen between a CReq and the final CRes.

use std::time::Duration;

use ds_simulator::{Receipt, Step};
use e2e::stage::{member, wrong};
use e2e::{Card, Issuer, Stage, VERSIONS};
use serde_json::{Value, json};
use tokio::task::JoinSet;

async fn pay(stage: &Stage, version: &str, steps: Vec<Step>) -> Receipt {
    let mut options = stage.options(&Issuer::Alpha.pan(Card::Sms));
    options.version = Some(version.to_owned());
    options.steps = steps;
    options.skip_method = true;
    let receipt = stage.pay("ds-a", &options).await;
    assert_eq!(receipt.problems, Vec::<String>::new(), "{receipt:#?}");
    receipt
}

/// Members of an RReq, absent ones as null.
fn facts(rreq: &Value) -> [Value; 4] {
    ["transStatus", "transStatusReason", "challengeCancel", "interactionCounter"]
        .map(|name| rreq[name].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_resends_and_cancels_end_as_each_version_says() {
    let stage = Stage::set("challenge-ends").await;
    let never = || Step::Type("000000".to_owned());
    for version in VERSIONS {
        let receipt = pay(&stage, version, vec![never(), never(), never()]).await;
        let rreq = receipt.rreq.unwrap();
        assert_eq!(facts(&rreq), [json!("N"), json!("19"), Value::Null, json!("03")], "{rreq}");
        assert_eq!(receipt.cres_status.as_deref(), Some("N"));
        assert!(rreq.get("authenticationValue").is_none());

        let receipt = pay(&stage, version, vec![never(), Step::Code]).await;
        let rreq = receipt.rreq.unwrap();
        assert_eq!(facts(&rreq), [json!("Y"), Value::Null, Value::Null, json!("02")], "{rreq}");

        let receipt = pay(&stage, version, vec![Step::Cancel]).await;
        let rreq = receipt.rreq.unwrap();
        let (reason, counter) = match version {
            "2.1.0" => ("01", "00"),
            "2.2.0" => ("26", "00"),
            _ => ("19", "01"),
        };
        assert_eq!(
            facts(&rreq),
            [json!("N"), json!(reason), json!("01"), json!(counter)],
            "{rreq}"
        );
        assert_eq!(receipt.cres_status.as_deref(), Some("N"));

        let receipt = pay(&stage, version, vec![Step::Reload, Step::Code]).await;
        assert_eq!(receipt.status.as_deref(), Some("Y"), "a reload changes nothing");
        assert_eq!(stage.codes(&receipt.acs_trans_id.unwrap()).len(), 1, "nor sends a code");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resent_code_replaces_the_first_and_resends_are_rationed() {
    let stage = Stage::set("resend").await;
    let tab = stage.tab();
    let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.2.0").await;
    let id = member(&creq, "acsTransID").to_owned();
    let page = tab.creq(&creq, None).await.unwrap();
    let first = stage.code(&id, 1).await.unwrap();
    let page = tab.press(&page, "", "resend").await.unwrap();
    assert_eq!(stage.codes(&id).len(), 1, "not within half a minute");
    stage.acs.advance(Duration::from_secs(31)).await.unwrap();
    let page = tab.press(&page, "", "resend").await.unwrap();
    let second = stage.code(&id, 2).await.unwrap();
    assert_ne!(first, second);
    stage.acs.advance(Duration::from_secs(31)).await.unwrap();
    let page = tab.press(&page, "", "resend").await.unwrap();
    let third = stage.code(&id, 3).await.unwrap();
    stage.acs.advance(Duration::from_secs(31)).await.unwrap();
    let page = tab.press(&page, "", "resend").await.unwrap();
    assert_eq!(stage.codes(&id).len(), 3, "two resends at most");
    let page = tab.press(&page, &first, "submit").await.unwrap();
    assert!(page.code_form().is_some(), "the first code is dead: {}", page.text());
    let page = tab.press(&page, &third, "submit").await.unwrap();
    assert_eq!(page.returned().unwrap().message["transStatus"], "Y");
    assert_eq!(stage.result(&payment).await["interactionCounter"], "02", "resends do not count");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_die_after_five_minutes() {
    let stage = Stage::set("code-life").await;
    let tab = stage.tab();
    let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.3.1").await;
    let id = member(&creq, "acsTransID").to_owned();
    let page = tab.creq(&creq, None).await.unwrap();
    let code = stage.code(&id, 1).await.unwrap();
    stage.acs.advance(Duration::from_secs(301)).await.unwrap();
    let page = tab.press(&page, &code, "submit").await.unwrap();
    assert!(page.code_form().is_some(), "an expired code is not right: {}", page.text());
    let page = tab.press(&page, "", "resend").await.unwrap();
    let code = stage.code(&id, 2).await.unwrap();
    let page = tab.press(&page, &code, "submit").await.unwrap();
    assert_eq!(page.returned().unwrap().message["transStatus"], "Y", "{}", page.text());
    assert_eq!(stage.result(&payment).await["transStatus"], "Y");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_is_never_begun_ends_after_thirty_seconds() {
    let stage = Stage::set("first-creq-timeout").await;
    let tab = stage.tab();
    for version in VERSIONS {
        let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), version).await;
        stage.acs.advance(Duration::from_secs(31)).await.unwrap();
        let rreq = stage.result(&payment).await;
        assert_eq!(facts(&rreq), [json!("N"), json!("14"), json!("05"), json!("00")], "{rreq}");
        assert!(rreq.get("authenticationValue").is_none());
        // Too late: the requestor hears of it through the browser, and no second RReq is sent.
        let page = tab.creq(&creq, Some("c2Vzc2lvbg")).await.unwrap();
        let returned = page.returned().expect("an Erro for the requestor");
        assert_eq!(returned.message["messageType"], "Erro");
        assert_eq!(returned.message["errorCode"], "402", "{}", returned.message);
        assert_eq!(returned.field, "cres");
        assert_eq!(returned.session_data.as_deref(), Some("c2Vzc2lvbg"));
        let id = member(&creq, "acsTransID");
        assert_eq!(stage.sim.network().directory.rreqs_received(id).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_challenge_ends_after_ten_minutes_without_a_cres() {
    let stage = Stage::set("idle-timeout").await;
    let tab = stage.tab();
    for version in VERSIONS {
        let (payment, creq) = stage.challenged(&Issuer::Beta.pan(Card::Sms), version).await;
        let page = tab.creq(&creq, None).await.unwrap();
        let code = stage.code(member(&creq, "acsTransID"), 1).await.unwrap();
        stage.acs.advance(Duration::from_secs(290)).await.unwrap();
        let page = tab.press(&page, &wrong(&code), "submit").await.unwrap();
        stage.acs.advance(Duration::from_secs(595)).await.unwrap();
        let merchant = &stage.sim.network().merchant;
        assert!(merchant.payment(&payment.id).unwrap().rreq.is_none(), "an entry starts it anew");
        stage.acs.advance(Duration::from_secs(6)).await.unwrap();
        let rreq = stage.result(&payment).await;
        assert_eq!(facts(&rreq), [json!("N"), json!("14"), json!("04"), json!("01")], "{rreq}");
        let page = tab.press(&page, &code, "submit").await.unwrap();
        assert!(page.returned().is_none() && page.code_form().is_none(), "{}", page.text());
        assert!(merchant.payment(&payment.id).unwrap().cres.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_creq_shows_the_page_again_and_a_differing_one_ends_the_challenge() {
    let stage = Stage::set("creq-again").await;
    let tab = stage.tab();
    for version in VERSIONS {
        let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), version).await;
        let id = member(&creq, "acsTransID").to_owned();
        let data = Some("c2Vzc2lvbg");
        tab.creq(&creq, data).await.unwrap();
        stage.code(&id, 1).await.unwrap();
        let page = tab.creq(&creq, data).await.unwrap();
        assert!(page.code_form().is_some(), "{}", page.text());
        assert_eq!(stage.codes(&id).len(), 1, "no further code");
        let mut other = creq.clone();
        other["challengeWindowSize"] = json!("05");
        let page = tab.creq(&other, data).await.unwrap();
        let returned = page.returned().expect("an Erro for the requestor");
        assert_eq!(returned.message["errorCode"], "305", "{}", returned.message);
        assert_eq!(returned.session_data.as_deref(), data);
        let rreq = stage.result(&payment).await;
        assert_eq!(rreq["transStatus"], "U", "{rreq}");
        let cancel = if version == "2.3.1" { "10" } else { "06" };
        assert_eq!(rreq["challengeCancel"], cancel, "{rreq}");
        assert_eq!(rreq.get("challengeErrorReporting").is_some(), version == "2.3.1", "{rreq}");
        assert!(rreq.get("authenticationValue").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creq_after_the_end_is_refused_without_a_second_rreq() {
    let stage = Stage::set("creq-late").await;
    let tab = stage.tab();
    for version in VERSIONS {
        let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), version).await;
        let id = member(&creq, "acsTransID").to_owned();
        let page = tab.creq(&creq, None).await.unwrap();
        let code = stage.code(&id, 1).await.unwrap();
        let page = tab.press(&page, &code, "submit").await.unwrap();
        let returned = page.returned().expect("the final CRes");
        assert_eq!(returned.message["transStatus"], "Y");
        assert_eq!(returned.session_data, None, "none was sent");
        assert_eq!(stage.result(&payment).await["transStatus"], "Y");
        let page = tab.creq(&creq, None).await.unwrap();
        let expected = if version == "2.3.1" { "315" } else { "305" };
        let returned = page.returned().expect("an Erro for the requestor");
        assert_eq!(returned.message["errorCode"], expected, "{}", returned.message);
        assert_eq!(stage.sim.network().directory.rreqs_received(&id).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn session_data_comes_back_byte_for_byte() {
    let stage = Stage::set("session-data").await;
    let tab = stage.tab();
    let long: String = "abcdefghij-_0123".chars().cycle().take(1024).collect();
    for data in ["", "eyJvcmRlciI6NDcxMX0", "\"><script>&amp;'日本語 +%2B", &long] {
        let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.2.0").await;
        let page = tab.creq(&creq, Some(data)).await.unwrap();
        let code = stage.code(member(&creq, "acsTransID"), 1).await.unwrap();
        let page = tab.press(&page, &code, "submit").await.unwrap();
        let returned = page.returned().expect("the final CRes");
        assert_eq!(returned.session_data.as_deref(), Some(data));
        assert!(!page.html.contains("<script>&"), "escaped");
        assert_eq!(stage.result(&payment).await["transStatus"], "Y");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_simultaneous_wrong_codes_cost_exactly_three_attempts() {
    let stage = Stage::set("simultaneous-codes").await;
    let tab = stage.tab();
    let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.3.1").await;
    let id = member(&creq, "acsTransID").to_owned();
    let first = tab.creq(&creq, None).await.unwrap();
    let bad = wrong(&stage.code(&id, 1).await.unwrap());
    let mut guessers = JoinSet::new();
    for _ in 0..64 {
        let (tab, bad, mut page) = (tab.clone(), bad.clone(), first.clone());
        guessers.spawn(async move {
            let mut posts = 0;
            while page.code_form().is_some() && posts < 20 {
                page = tab.press(&page, &bad, "submit").await.unwrap();
                posts += 1;
            }
            page
        });
    }
    let ends = guessers.join_all().await;
    assert!(ends.iter().all(|page| page.code_form().is_none()), "the challenge is over for all");
    let rreq = stage.result(&payment).await;
    assert_eq!(facts(&rreq), [json!("N"), json!("19"), Value::Null, json!("03")], "{rreq}");
    assert_eq!(stage.sim.network().directory.rreqs_received(&id).len(), 1);
    assert_eq!(stage.codes(&id).len(), 1);
    for page in ends {
        if let Some(returned) = page.returned() {
            assert_eq!(returned.message["transStatus"], "N");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_carry_the_headers_that_framing_needs() {
    let stage = Stage::set("page-headers").await;
    let tab = stage.tab();
    let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.3.1").await;
    let code_page = tab.creq(&creq, None).await.unwrap();
    let code = stage.code(member(&creq, "acsTransID"), 1).await.unwrap();
    let last = tab.press(&code_page, &code, "submit").await.unwrap();
    assert_eq!(stage.result(&payment).await["transStatus"], "Y");
    for page in [&code_page, &last] {
        assert_eq!(page.status, 200);
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(page.header(name), Some(value));
        }
        assert!(page.header("strict-transport-security").is_some());
        assert_eq!((page.header("x-frame-options"), page.header("set-cookie")), (None, None));
        let policy = page.header("content-security-policy").unwrap();
        assert!(!policy.contains("frame-ancestors") && !policy.contains("unsafe-inline"));
        assert_eq!(policy.contains("form-action 'self'"), page.code_form().is_some(), "{policy}");
        assert!(!page.html.contains(&Issuer::Alpha.pan(Card::Sms)));
        assert!(!page.html.contains("http://"), "nothing from elsewhere");
    }
}
