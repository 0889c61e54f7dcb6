//! Strange things a browser may bring to the cardholder listener.

use std::time::Duration;

use ds_simulator::link::Link;
use ds_simulator::message::{new_id, to_base64url};
use e2e::raw_ds::roots;
use e2e::stage::{Setup, member, wrong};
use e2e::{Card, Issuer, Stage};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn creqs_that_cannot_be_read_or_belong_to_nobody_get_a_page_without_a_way_on() {
    let stage = Stage::set_with(Setup::default()).await;
    let tab = stage.tab();
    let unknown = ds_simulator::message::creq("2.2.0", &new_id(), &new_id(), "02");
    let cases = [
        ("no base64", "***".to_owned()),
        ("empty", String::new()),
        ("no JSON", "aGVsbG8".to_owned()),
        ("no object", to_base64url(&json!([1]))),
        ("no id", to_base64url(&json!({"messageType": "CReq", "messageVersion": "2.2.0"}))),
        ("unknown acsTransID", to_base64url(&unknown)),
    ];
    for (what, field) in cases {
        let page = tab.creq_field(&field, None).await.unwrap();
        assert!(page.returned().is_none() && page.code_form().is_none(), "{what}: {}", page.text());
        assert!(!page.text().is_empty(), "{what}: people read something");
        assert!(page.status < 500, "{what}: HTTP {}", page.status);
    }
    let refused = stage.acs.metric("acs_refused_total", &["cardholder", "unknown-id"]).await;
    assert!(refused.unwrap() >= 6.0);
    for _ in 0..80 {
        tab.creq(&unknown, None).await.unwrap();
    }
    assert_eq!(tab.creq(&unknown, None).await.unwrap().status, 429, "guessing is slowed down");
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_and_forged_tokens_count_no_attempt() {
    let stage = Stage::set("tokens").await;
    let tab = stage.tab();
    let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.3.1").await;
    let first = tab.creq(&creq, None).await.unwrap();
    let code = stage.code(member(&creq, "acsTransID"), 1).await.unwrap();
    let second = tab.press(&first, &wrong(&code), "submit").await.unwrap();
    assert!(second.code_form().is_some());
    let stale = tab.press(&first, &wrong(&code), "submit").await.unwrap();
    assert!(stale.code_form().is_some(), "the current page again: {}", stale.text());
    let stale = tab.press(&first, &code, "submit").await.unwrap();
    assert!(stale.code_form().is_some(), "a stale form's right code is not evaluated");
    let stale = tab.press(&first, "", "cancel").await.unwrap();
    assert!(stale.code_form().is_some(), "nor its cancel button");

    let token = stale.token().unwrap();
    let url = stage.acs.cardholder_url("/3ds/challenge/browser/page");
    let middle = token.len() / 2;
    let letter = if &token[middle..=middle] == "A" { "B" } else { "A" };
    let tampered = format!("{}{letter}{}", &token[..middle], &token[middle + 1..]);
    for forged in [tampered, token[..token.len() - 4].to_owned(), String::new(), "A".repeat(80)] {
        let pairs = [("token", &*forged), ("challengeDataEntry", &*code), ("action", "submit")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let page = tab.post(&url, &pairs).await.unwrap();
        assert!(page.code_form().is_none() && page.returned().is_none(), "{}", page.text());
    }
    // A token of one transaction opens no other.
    let (_, other) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.3.1").await;
    let other_page = tab.creq(&other, None).await.unwrap();
    tab.press(&other_page, &code, "submit").await.unwrap();

    let last = tab.press(&stale, &code, "submit").await.unwrap();
    assert_eq!(last.returned().unwrap().message["transStatus"], "Y", "{}", last.text());
    assert_eq!(stage.result(&payment).await["interactionCounter"], "02");
    let after = tab.press(&stale, &code, "submit").await.unwrap();
    assert_eq!(after.returned().unwrap().message["transStatus"], "Y", "the end is shown again");
    assert!(!stage.acs.log().contains(&code));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_speaks_both_languages_and_switching_costs_nothing() {
    let stage = Stage::set("languages").await;
    let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.3.1").await;
    let tab = stage.tab();
    let page = tab.creq(&creq, None).await.unwrap();
    let url = stage.acs.cardholder_url("/3ds/challenge/browser/page");
    let mut seen = vec![page.html.clone()];
    let mut current = page;
    for language in ["en", "ja"] {
        let token = current.token().unwrap();
        let pairs = [("token", &*token), ("action", "language"), ("language", language)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        current = tab.post(&url, &pairs).await.unwrap();
        assert!(current.html.contains(&format!("<html lang=\"{language}\"")), "{}", current.html);
        seen.push(current.html.clone());
    }
    let code = stage.code(member(&creq, "acsTransID"), 1).await.unwrap();
    let last = tab.press(&current, &code, "submit").await.unwrap();
    assert_eq!(last.returned().unwrap().message["transStatus"], "Y");
    assert_eq!(stage.result(&payment).await["interactionCounter"], "01");
    assert_eq!(stage.codes(member(&creq, "acsTransID")).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_3ds_method_takes_anything_and_gives_nothing_away() {
    let stage = Stage::set_with(Setup::default()).await;
    let link = Link::new(&roots(&stage.acs), None).unwrap();
    let url = stage.acs.cardholder_url("/3ds/method");
    let post = async |data: String| {
        let pairs = [("threeDSMethodData".to_owned(), data)];
        link.post_form(&url, &pairs, "en", Duration::from_secs(10)).await.unwrap()
    };
    let good = json!({"threeDSServerTransID": new_id(),
        "threeDSMethodNotificationURL": "https://shop.example/done?a=\"><script>"});
    let page = post(to_base64url(&good)).await;
    let html = String::from_utf8_lossy(&page.body).into_owned();
    assert_eq!(page.status, 200);
    assert!(html.contains("https://shop.example/done") && !html.contains("\"><script>"), "{html}");
    for bad in [String::new(), "***".to_owned(), to_base64url(&json!({"x": 1}))] {
        let page = post(bad).await;
        assert_eq!(page.status, 200);
        assert!(!String::from_utf8_lossy(&page.body).contains("<form"));
    }
    for scheme in ["javascript:alert(1)", "http://shop.example/done"] {
        let page = post(to_base64url(&json!({"threeDSServerTransID": new_id(),
            "threeDSMethodNotificationURL": scheme})))
        .await;
        assert!(!String::from_utf8_lossy(&page.body).contains(scheme), "{scheme}");
    }
    assert_eq!(post("A".repeat(70_000)).await.status, 413);
}
