//! A browser challenge on its way: what the scenarios of the browser, of results and of timeouts
//! have in common.

use std::collections::BTreeSet;
use std::time::Duration;

use ds_simulator::merchant::Payment;
use e2e::stage::{Setup, member, wrong};
use e2e::tab::Returned;
use e2e::{Card, Issuer, Page, Stage, Tab};
use serde_json::{Value, json};

use super::{Expected, check_erro};

/// A stage, a browser and one challenged payment after the other.
pub(super) struct Scene {
    pub(super) stage: Stage,
    pub(super) tab: Tab,
}

/// One challenged payment.
pub(super) struct Case {
    pub(super) payment: Payment,
    pub(super) creq: Value,
    pub(super) version: &'static str,
    /// `acsTransID`.
    pub(super) id: String,
}

/// What an RReq must say beside its ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Result<'a> {
    pub(super) status: &'a str,
    pub(super) reason: Option<&'a str>,
    pub(super) cancel: Option<&'a str>,
    pub(super) counter: &'a str,
}

impl Scene {
    pub(super) async fn set(name: &'static str) -> Self {
        Self::with(Setup { record: Some(name), ..Setup::default() }).await
    }

    pub(super) async fn configured(
        name: &'static str,
        edit: impl FnOnce(&mut toml::Table) + 'static,
    ) -> Self {
        let config: e2e::stage::ConfigEdit = Box::new(edit);
        Self::with(Setup { record: Some(name), config: Some(config), ..Setup::default() }).await
    }

    /// A scene of which nothing is recorded, for ends that the checker of traffic cannot know.
    pub(super) async fn unrecorded() -> Self {
        Self::with(Setup::default()).await
    }

    async fn with(setup: Setup) -> Self {
        let stage = Stage::set_with(setup).await;
        let tab = stage.tab();
        Self { stage, tab }
    }

    /// A payment that was answered with C.
    pub(super) async fn case(&self, version: &'static str) -> Case {
        let (payment, creq) = self.stage.challenged(&Issuer::Alpha.pan(Card::Sms), version).await;
        let id = member(&creq, "acsTransID").to_owned();
        Case { payment, creq, version, id }
    }

    /// [`Self::case`] whose page is shown.
    pub(super) async fn shown(&self, version: &'static str) -> (Case, Page, String) {
        let case = self.case(version).await;
        let page = self.tab.creq(&case.creq, None).await.unwrap();
        assert!(page.code_form().is_some(), "{version}: {}", page.text());
        let code = self.stage.code(&case.id, 1).await.unwrap();
        (case, page, code)
    }

    pub(super) async fn advance(&self, seconds: u64) {
        self.stage.acs.advance(Duration::from_secs(seconds)).await.unwrap();
    }

    /// The RReq of a case, of which there is exactly one, as the ACS sent it.
    pub(super) async fn rreq(&self, case: &Case) -> Value {
        self.stage.result(&case.payment).await;
        let sent = self.sent_rreqs(case);
        assert_eq!(sent.len(), 1, "{}: one RReq", case.version);
        serde_json::from_slice(&sent[0]).unwrap()
    }

    pub(super) fn sent_rreqs(&self, case: &Case) -> Vec<bytes::Bytes> {
        self.stage.sim.network().directory.rreqs_received(&case.id)
    }

    /// The one RReq of a case says `expected`, and nothing else.
    pub(super) async fn reports(&self, case: &Case, expected: Result<'_>) -> Value {
        let rreq = self.rreq(case).await;
        check_rreq(&rreq, case, expected);
        rreq
    }

    /// `page` carries the final CRes of a case to its notificationURL, after the RRes.
    pub(super) async fn carries_cres(&self, case: &Case, page: &Page, status: &str) -> Returned {
        let returned = page.returned().unwrap_or_else(|| panic!("no CRes: {}", page.text()));
        let cres = json!({"messageType": "CRes", "messageVersion": case.version,
            "threeDSServerTransID": case.payment.id, "acsTransID": case.id,
            "transStatus": status});
        assert_eq!(returned.message, cres, "{}", case.version);
        assert_eq!(returned.field, "cres");
        let merchant = &self.stage.sim.network().merchant;
        assert_eq!(returned.notification_url, merchant.notification_url(&case.payment.id));
        returned
    }

    /// `page` carries an Erro about a CReq of `case`.
    pub(super) fn carries_erro(
        &self,
        case: &Case,
        page: &Page,
        expected: &Expected<'_>,
    ) -> Returned {
        let returned = page.returned().unwrap_or_else(|| panic!("no Erro: {}", page.text()));
        let erro = &returned.message;
        check_erro(erro, expected);
        assert_eq!(erro["messageVersion"], case.version, "{erro}");
        assert_eq!(erro["errorMessageType"], "CReq", "{erro}");
        assert_eq!(erro["threeDSServerTransID"], json!(case.payment.id), "{erro}");
        assert_eq!(erro["acsTransID"], json!(case.id), "{erro}");
        assert_eq!(returned.field, "cres");
        let merchant = &self.stage.sim.network().merchant;
        assert_eq!(returned.notification_url, merchant.notification_url(&case.payment.id));
        returned
    }

    /// The log line of a refusal names its rule and its transaction.
    pub(super) async fn logged(&self, case: &Case, rule: &str) {
        let rule = format!("rule=\"{rule}\"");
        super::wait_log(&self.stage, &["message refused", &rule, &case.id]).await;
    }

    /// No RReq leaves for this case.
    pub(super) fn reported_nothing(&self, case: &Case) {
        assert!(self.sent_rreqs(case).is_empty(), "{}: an RReq left", case.version);
    }

    /// Enters wrong codes, so many, one after the other.
    pub(super) async fn guesses(&self, mut page: Page, code: &str, count: usize) -> Page {
        for _ in 0..count {
            page = self.tab.press(&page, &wrong(code), "submit").await.unwrap();
        }
        page
    }
}

/// Ids, presence and values of an RReq of a payment by SMS code [P-RREQ-02..04].
pub(super) fn check_rreq(rreq: &Value, case: &Case, expected: Result<'_>) {
    let about = format!("{}: {rreq}", case.version);
    let newest = case.version == "2.3.1";
    let ares = case.payment.ares.as_ref().unwrap();
    let positive = expected.status == "Y";
    let completed = matches!(expected.status, "Y" | "N");
    let mut wanted = json!({
        "messageType": "RReq", "messageVersion": case.version, "messageCategory": "01",
        "threeDSServerTransID": case.payment.id, "acsTransID": case.id,
        "dsTransID": ares["dsTransID"], "transStatus": expected.status,
        "interactionCounter": expected.counter, "eci": if positive { "05" } else { "07" },
    });
    if let Some(reason) = expected.reason {
        wanted["transStatusReason"] = json!(reason);
    }
    if let Some(cancel) = expected.cancel {
        wanted["challengeCancel"] = json!(cancel);
    }
    if completed {
        wanted["authenticationMethod"] = if newest { json!(["02"]) } else { json!("02") };
        if !newest {
            wanted["authenticationType"] = json!("02");
        }
    }
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&rreq[name], value, "{name} {about}");
    }
    let mut names: BTreeSet<&str> =
        wanted.as_object().unwrap().keys().map(String::as_str).collect();
    if positive {
        names.insert("authenticationValue");
        assert_eq!(member(rreq, "authenticationValue").len(), 28, "{about}");
    }
    if matches!(expected.cancel, Some("09" | "10")) {
        names.insert("challengeErrorReporting");
    }
    let found: BTreeSet<&str> = rreq.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(found, names, "{about}");
}

/// The RReq after a refused CReq: U, 06 before 2.3.1, 10 with a copy of the Erro since [Note 14].
pub(super) async fn check_refused(scene: &Scene, case: &Case, counter: &str, code: &str) {
    let newest = case.version == "2.3.1";
    let reason = if case.version == "2.1.0" { "07" } else { "22" };
    let cancel = if newest { "10" } else { "06" };
    let expected = Result { status: "U", reason: Some(reason), cancel: Some(cancel), counter };
    let rreq = scene.reports(case, expected).await;
    if newest {
        let copy = &rreq["challengeErrorReporting"];
        assert_eq!(copy["messageType"], "Erro", "{rreq}");
        assert_eq!(copy["errorCode"], code, "{rreq}");
        assert_eq!(copy["errorComponent"], "A", "{rreq}");
        assert_eq!(copy["acsTransID"], json!(case.id), "{rreq}");
    }
}
