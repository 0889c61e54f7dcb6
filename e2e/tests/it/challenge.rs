//! What can happen between a CReq and the final CRes.

use std::time::Duration;

use e2e::stage::{member, wrong};
use e2e::{Card, Issuer, Stage};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Members of an RReq, absent ones as null.
fn facts(rreq: &Value) -> [Value; 4] {
    ["transStatus", "transStatusReason", "challengeCancel", "interactionCounter"]
        .map(|name| rreq[name].clone())
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
async fn t_bc_18_framing() {
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
