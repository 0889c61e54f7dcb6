//! The shop's pages as a browser meets them.

use std::time::Duration;

use serde_json::{Value, json};

use super::stub::{CODE, Stage, rreq};
use crate::html::{self, Form};
use crate::link::{Answer, Link};

const PATIENCE: Duration = Duration::from_secs(5);
const PAN: &str = "4000000000001091";

/// A browser at the shop; it shows one page at a time and follows no redirects by itself.
struct Visitor<'a> {
    stage: &'a Stage,
    link: Link,
    language: &'static str,
}

impl<'a> Visitor<'a> {
    fn new(stage: &'a Stage, language: &'static str) -> Self {
        let link = Link::new(&stage.endpoints.pki.ca, None).unwrap();
        Self { stage, link, language }
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.stage.simulator.shop_url())
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.link.get(&self.url(path), self.language, PATIENCE).await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.get(path).await.body).unwrap()
    }

    async fn post(&self, path: &str, pairs: &[(String, String)]) -> Answer {
        self.link.post_form(&self.url(path), pairs, self.language, PATIENCE).await.unwrap()
    }

    /// Fills the checkout and gives the address of the payment's page back.
    async fn check_out(&self, entries: &[(&str, &str)]) -> String {
        let answer = self.post("/checkout", &pairs(entries)).await;
        assert_eq!(answer.status, 303, "{}", page(&answer));
        answer.headers["location"].to_str().unwrap().to_owned()
    }

    /// Does what the hidden frame does.
    async fn run_method(&self, page: &str) {
        let form = form(page, "threeDSMethodData");
        let back = self.post(&form.action, &form.filled(&[], None)).await;
        let form = html::forms(&String::from_utf8_lossy(&back.body)).remove(0);
        let done = self.post(&form.action, &form.filled(&[], None)).await;
        assert_eq!(done.status, 200);
        assert!(String::from_utf8_lossy(&done.body).contains("data-step=\"method\""));
    }

    /// Does what the page's script does after it.
    async fn authenticate(&self, path: &str) -> String {
        let facts = json!({"language": "ja-JP", "color_depth": 24, "screen_height": 844,
            "screen_width": 390, "tz": -540, "java": false});
        let url = self.url(&format!("{path}/authenticate"));
        let body = facts.to_string().into();
        let answer = self.link.post_json(&url, body, None, PATIENCE).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer["next"].as_str().unwrap().to_owned()
    }

    async fn to_challenge(&self, version: &str) -> (String, String) {
        let path = self
            .check_out(&[
                ("card", "1"),
                ("amount", "12,800"),
                ("currency", "392"),
                ("version", version),
                ("window", "03"),
                ("category", "01"),
            ])
            .await;
        self.run_method(&page(&self.get(&path).await)).await;
        let next = self.authenticate(&path).await;
        let shown = page(&self.get(&next).await);
        (path.trim_start_matches("/pay/").to_owned(), shown)
    }
}

fn pairs(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn page(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

fn form(page: &str, field: &str) -> Form {
    html::forms(page).into_iter().find(|form| form.field(field).is_some()).expect(field)
}

#[tokio::test]
async fn the_checkout_speaks_the_readers_language_and_escapes() {
    let stage = Stage::set().await;
    let japanese = Visitor::new(&stage, "ja-JP,en;q=0.5");
    let answer = japanese.get("/").await;
    let shown = page(&answer);
    assert!(shown.contains("<html lang=\"ja\">") && shown.contains("ご購入手続き"));
    assert!(shown.contains("code &#60;by SMS&#62;") && !shown.contains("<by SMS>"), "{shown}");
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(page(&japanese.get("/?lang=en").await).contains("Checkout"));
    for name in ["shop.css", "shop.js", "frame.js"] {
        assert_eq!(japanese.get(&format!("/assets/{name}")).await.status, 200);
    }
    assert_eq!(japanese.get("/assets/..%2fshop.rs").await.status, 404);
    assert_eq!(japanese.get("/receipt/unknown").await.status, 404);
}

#[tokio::test]
async fn mistakes_are_told_and_what_was_typed_stays() {
    let stage = Stage::set().await;
    let visitor = Visitor::new(&stage, "en");
    let entries = [
        ("card", "own"),
        ("number", "4000\"><script>"),
        ("amount", "1.5"),
        ("currency", "392"),
        ("window", "02"),
        ("category", "01"),
    ];
    let answer = visitor.post("/checkout", &pairs(&entries)).await;
    let shown = page(&answer);
    assert_eq!(answer.status, 422);
    assert!(shown.contains("<title>Error: ") && shown.contains("href=\"#amount\""), "{shown}");
    assert_eq!(form(&shown, "number").field("number"), Some("4000\"><script>"));
    assert!(!shown.contains("<script>"));
}

#[tokio::test]
async fn a_frictionless_payment_ends_at_the_receipt() {
    let stage = Stage::set().await;
    let visitor = Visitor::new(&stage, "en");
    let entries = [
        ("card", "0"),
        ("amount", "100"),
        ("currency", "392"),
        ("window", "02"),
        ("indicator", "02"),
        ("category", "01"),
    ];
    let path = visitor.check_out(&entries).await;
    let first = visitor.get(&path).await;
    let policy = first.headers["content-security-policy"].to_str().unwrap().to_owned();
    let method = stage.endpoints.acs.method.as_deref().unwrap();
    let origin = method.trim_end_matches("/3ds/method");
    assert!(policy.contains(&format!("form-action 'self' {origin};")), "{policy}");
    visitor.run_method(&page(&first)).await;
    assert_eq!(visitor.json(&format!("{path}/state")).await["method_done"], true);
    assert_eq!(visitor.authenticate(&path).await, path);
    let on = visitor.get(&path).await;
    assert_eq!(on.status, 303);
    let receipt = page(&visitor.get(on.headers["location"].to_str().unwrap()).await);
    let says = html::visible_text(&receipt);
    assert!(says.contains("Thank you for your order") && says.contains("400000******1000"));
    assert!(!receipt.contains("4000000000001000") && !receipt.contains("AAAAAAAAAAAA"));
    let areq = stage.last_areq();
    assert_eq!(areq["threeDSCompInd"], "Y");
    assert_eq!(areq["browserScreenWidth"], "390");
    assert_eq!(areq["threeDSRequestorChallengeInd"], json!(["02"]));
}

#[tokio::test]
async fn the_challenge_runs_in_a_frame_of_the_wanted_size() {
    let stage = Stage::set().await;
    let visitor = Visitor::new(&stage, "ja");
    let (id, shown) = visitor.to_challenge("2.3.1").await;
    assert!(shown.contains("width=\"500\" height=\"600\""), "{shown}");
    let sandbox = "sandbox=\"allow-forms allow-scripts allow-same-origin allow-pointer-lock\"";
    assert!(shown.contains(sandbox));
    assert!(shown.contains("allow=\"payment *; publickey-credentials-get *\""));
    let creq = form(&shown, "creq");
    assert!(creq.field("threeDSSessionData").is_some());
    let code = visitor.post(&creq.action, &creq.filled(&[], None)).await;
    let base = visitor.url(&creq.action);
    let entry = form(&page(&code), "token");
    let target = url::Url::parse(&base).unwrap().join(&entry.action).unwrap();
    let typed = entry.filled(&[("challengeDataEntry", CODE)], Some(("action", "submit")));
    let last = form(&page(&visitor.post(target.as_str(), &typed).await), "cres");
    let back = visitor.post(&last.action, &last.filled(&[], None)).await;
    let policy = back.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-ancestors 'self'"), "{policy}");
    assert!(page(&back).contains("data-step=\"challenge\""));
    let receipt = html::visible_text(&page(&visitor.get(&format!("/receipt/{id}")).await));
    assert!(receipt.contains("ご注文を受け付けました"), "{receipt}");
    assert!(!receipt.contains("つじつま"), "{receipt}");
    let trace = visitor.json(&format!("/receipt/{id}/messages.json")).await.to_string();
    assert!(!trace.contains(PAN) && trace.contains("\"CRes\""), "{trace}");
}

#[tokio::test]
async fn older_versions_have_no_sandbox() {
    let stage = Stage::set().await;
    let visitor = Visitor::new(&stage, "en");
    let (_, shown) = visitor.to_challenge("2.2.0").await;
    assert!(shown.contains("<iframe id=\"challenge\"") && !shown.contains("sandbox"));
}

#[tokio::test]
async fn a_result_without_a_cres_reaches_the_receipt() {
    let stage = Stage::set().await;
    let visitor = Visitor::new(&stage, "en");
    let (id, _) = visitor.to_challenge("2.3.1").await;
    let state = visitor.json(&format!("/pay/{id}/state")).await;
    assert_eq!((&state["rreq"], &state["cres"]), (&json!(false), &json!(false)));
    let ares = stage.merchant().payment(&id).unwrap().ares.unwrap();
    let mut timed_out = rreq(&stage.last_areq(), &ares);
    timed_out["transStatus"] = json!("N");
    timed_out["transStatusReason"] = json!("14");
    timed_out["challengeCancel"] = json!("05");
    timed_out.as_object_mut().unwrap().remove("authenticationValue");
    assert_eq!(stage.send_rreq(&timed_out).await["messageType"], "RRes");
    assert_eq!(visitor.json(&format!("/pay/{id}/state")).await["rreq"], true);
    let on = visitor.get(&format!("/pay/{id}")).await;
    assert_eq!(on.headers["location"], format!("/receipt/{id}"));
    let receipt = html::visible_text(&page(&visitor.get(&format!("/receipt/{id}")).await));
    assert!(receipt.contains("The payment was not completed"), "{receipt}");
    assert!(receipt.contains("14 timed out at the ACS"), "{receipt}");
}

#[tokio::test]
async fn without_scripts_the_method_is_left_out() {
    let stage = Stage::set().await;
    let visitor = Visitor::new(&stage, "en");
    let entries = [
        ("card", "0"),
        ("amount", "100"),
        ("currency", "392"),
        ("window", "02"),
        ("version", "2.2.0"),
        ("category", "01"),
    ];
    let path = visitor.check_out(&entries).await;
    let on = visitor.post(&format!("{path}/plain"), &[]).await;
    assert_eq!(on.headers["location"], path.as_str());
    let areq = stage.last_areq();
    assert_eq!(areq["threeDSCompInd"], "N");
    assert_eq!(areq["browserJavascriptEnabled"], false);
    // A second press asks nobody twice.
    visitor.post(&format!("{path}/plain"), &[]).await;
    assert_eq!(stage.areq_bytes().len(), 1);
}

#[tokio::test]
async fn unusable_forms_are_refused() {
    let stage = Stage::set().await;
    let visitor = Visitor::new(&stage, "en");
    let entries = [
        ("card", "0"),
        ("amount", "100"),
        ("currency", "392"),
        ("window", "02"),
        ("version", "9.9.9"),
        ("category", "01"),
    ];
    assert_eq!(visitor.post("/checkout", &pairs(&entries)).await.status, 422);
    let huge = "1".repeat(70_000);
    assert_eq!(visitor.post("/checkout", &pairs(&[("amount", huge.as_str())])).await.status, 413);
}

#[tokio::test]
async fn the_control_page_lists_payments_and_faults() {
    let stage = Stage::set().await;
    let visitor = Visitor::new(&stage, "en");
    let entries = [
        ("card", "0"),
        ("amount", "100"),
        ("currency", "392"),
        ("window", "02"),
        ("category", "01"),
    ];
    let path = visitor.check_out(&entries).await;
    visitor.authenticate(&path).await;
    let control = stage.simulator.control_url().unwrap();
    let list = page(&visitor.get(&format!("{control}/")).await);
    let id = path.trim_start_matches("/pay/");
    assert!(list.contains(&format!("/payment/{id}")) && list.contains("400000******1000"));
    assert!(list.contains("Y authenticated") && list.contains("results_status"), "{list}");
    let one = page(&visitor.get(&format!("{control}/payment/{id}")).await);
    assert!(one.contains("ARes") && !one.contains("4000000000001000"));
    let json = visitor.json(&format!("{control}/trace/{id}")).await;
    assert_eq!(json["id"], id);
}
