//! One whole payment without a real browser, and the verdict on how it went.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use crate::browser::{Browser, Challenge, ChallengeEnd, CodeSource, Step};
use crate::issuer::IssuerSystems;
use crate::merchant::{Payment, ThreeDsServer};
use crate::message::{BrowserFacts, Order};
use crate::spc::{self, SpcOptions};
use crate::trace::{masked, text};

/// A payment to make.
#[derive(Debug, Clone)]
pub struct PayOptions {
    pub order: Order,
    /// The version to use; the highest common one when absent.
    pub version: Option<String>,
    pub codes: CodeSource,
    /// What the cardholder does; the code is typed where this ends.
    pub steps: Vec<Step>,
    /// Boxes the cardholder ticks on challenge pages: `trust`, `bind`.
    pub ticks: Vec<String>,
    pub browser: BrowserFacts,
    /// Confirm with a passkey where the ACS offers it.
    pub spc: Option<SpcOptions>,
    /// Leave the 3DS Method out although the range has one.
    pub skip_method: bool,
    /// How long to wait for the RReq after the browser is done.
    pub rreq_patience: Duration,
    /// What the issuer says when it is asked, decoupled or out-of-band, at once; nothing when absent.
    pub word: Option<(IssuerSystems, String)>,
    /// Let it be where a challenge gives way to a decoupled authentication.
    pub no_fallback: bool,
}

impl PayOptions {
    /// A payment of `amount` minor units with `pan`, typing codes from `codes`.
    #[must_use]
    pub fn new(pan: &str, amount: &str, codes: CodeSource) -> Self {
        Self {
            order: Order { pan: pan.to_owned(), amount: amount.to_owned(), ..Order::default() },
            version: None,
            codes,
            steps: Vec::new(),
            ticks: Vec::new(),
            browser: BrowserFacts::default(),
            spc: None,
            skip_method: false,
            rreq_patience: Duration::from_secs(10),
            word: None,
            no_fallback: false,
        }
    }
}

/// How a payment ended.
#[derive(Debug, Clone, Serialize)]
pub struct Receipt {
    /// `threeDSServerTransID`.
    pub id: String,
    pub acs_trans_id: Option<String>,
    pub version: String,
    pub card: String,
    /// `transStatus` of the ARes.
    pub ares_status: Option<String>,
    /// The final `transStatus`, when there is one.
    pub status: Option<String>,
    pub eci: Option<String>,
    pub reason: Option<String>,
    pub authentication_value: bool,
    pub interaction_counter: Option<String>,
    /// `transStatus` of the final CRes.
    pub cres_status: Option<String>,
    /// What does not fit together; empty when all is well.
    pub problems: Vec<String>,
    /// The messages that decided, masked.
    pub ares: Option<Value>,
    pub rreq: Option<Value>,
    pub cres: Option<Value>,
    /// The decoupled authentication that the challenge gave way to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<Box<Self>>,
}

impl Receipt {
    /// A final result that all messages agree on.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let follows = self.follow_up.as_ref();
        self.problems.is_empty() && follows.is_none_or(|next| Self::is_consistent(next))
    }
}

/// Runs one payment from PReq to result.
///
/// # Errors
/// When a party cannot be reached at all; results that contradict each other are told in the
/// [`Receipt`].
pub async fn pay(
    merchant: &ThreeDsServer,
    browser: &Browser,
    options: &PayOptions,
) -> Result<Receipt> {
    let order = match &options.spc {
        Some(_) => spc::able(&options.order, merchant.shop_url()),
        None => options.order.clone(),
    };
    let payment = merchant.start(order, options.version.as_deref()).await?;
    let with_browser = options.order.channel == "02";
    let comp_ind = match payment.method_url.as_ref().filter(|_| with_browser) {
        None => "U",
        Some(_) if options.skip_method => "N",
        Some(url) => {
            let limit = Duration::from_secs(if payment.version == "2.3.1" { 5 } else { 10 });
            let data = merchant.method_data(&payment.id);
            let run = browser.run_method(&payment.id, url, &data);
            let _ = tokio::time::timeout(limit, run).await;
            let done = merchant.payment(&payment.id).is_some_and(|payment| payment.method_done);
            if done { "Y" } else { "N" }
        }
    };
    let mut payment = merchant.authenticate(&payment.id, comp_ind, &options.browser).await?;
    if let Some(chosen) = options.spc.as_ref().filter(|_| payment.ares_status() == Some("S")) {
        match spc::go_on(merchant, &payment, chosen, &options.browser).await? {
            Some(second) => payment = second,
            None => return Ok(receipt(&payment, None)),
        }
    }
    if payment.ares_status() == Some("D") {
        return decoupled(merchant, payment, options).await;
    }
    if !payment.challenged() {
        return Ok(receipt(&payment, None));
    }
    let creq = merchant.creq(&payment).context("ARes without acsTransID")?;
    let ares = payment.ares.as_ref();
    let challenge = Challenge {
        txn: payment.id.clone(),
        acs_trans_id: text(&creq, "acsTransID").unwrap_or_default().to_owned(),
        acs_url: ares.and_then(|a| text(a, "acsURL")).context("ARes without acsURL")?.to_owned(),
        creq,
        session_data: payment.order.session_data.clone(),
        codes: options.codes.clone(),
        steps: options.steps.clone(),
        ticks: options.ticks.clone(),
    };
    let app = options.word.clone().map(|(issuer, word)| {
        let id = challenge.acs_trans_id.clone();
        let patience = browser.retry_for;
        tokio::spawn(async move { issuer.answer_patiently(&id, &word, patience).await })
    });
    let end = browser.run_challenge(&challenge).await;
    // It waits in vain where no question was put.
    app.inspect(tokio::task::JoinHandle::abort);
    let end = end?;
    let patience = match end {
        ChallengeEnd::Left => Duration::ZERO,
        _ => options.rreq_patience,
    };
    let payment = merchant
        .wait_until(&payment.id, patience, |payment| payment.rreq.is_some())
        .await
        .or_else(|| merchant.payment(&payment.id))
        .context("payment forgotten")?;
    let mut receipt = receipt(&payment, Some(&end));
    if payment.status() == Some("D") && !options.no_fallback {
        receipt.follow_up = Some(Box::new(fall_back(merchant, &payment, options).await?));
    }
    Ok(receipt)
}

/// The decoupled authentication that a challenge gave way to: a new 3RI AReq
/// [P-DEC-07, Req 467].
pub(crate) async fn fall_back(
    merchant: &ThreeDsServer,
    first: &Payment,
    options: &PayOptions,
) -> Result<Receipt> {
    let order = Order {
        channel: "03".to_owned(),
        three_ri_ind: Some("19".to_owned()),
        decoupled: Some("Y".to_owned()),
        prior_ref: first.ares.as_ref().and_then(|a| text(a, "acsTransID")).map(str::to_owned),
        ..first.order.clone()
    };
    let payment = merchant.start(order, Some(&first.version)).await?;
    let payment = merchant.authenticate(&payment.id, "U", &options.browser).await?;
    match payment.ares_status() {
        Some("D") => decoupled(merchant, payment, options).await,
        _ => Ok(receipt(&payment, None)),
    }
}

/// Lets the issuer give its word, if it is to give one, and waits for the result.
async fn decoupled(
    merchant: &ThreeDsServer,
    payment: Payment,
    options: &PayOptions,
) -> Result<Receipt> {
    let ares = payment.ares.as_ref();
    let acs_trans_id =
        ares.and_then(|a| text(a, "acsTransID")).context("ARes without acsTransID")?;
    if let Some((issuer, word)) = &options.word {
        issuer.answer(acs_trans_id, word).await?;
    }
    let result = merchant.wait_until(&payment.id, options.rreq_patience, |p| p.rreq.is_some());
    Ok(receipt(&result.await.unwrap_or(payment), None))
}

/// Reads the result off a payment and checks that its messages agree.
#[must_use]
pub fn receipt(payment: &Payment, end: Option<&ChallengeEnd>) -> Receipt {
    let shown =
        |name: &str| payment.result().and_then(|result| text(result, name)).map(str::to_owned);
    let status = payment.status().filter(|status| !matches!(*status, "C" | "S")).map(str::to_owned);
    Receipt {
        id: payment.id.clone(),
        acs_trans_id: payment
            .ares
            .as_ref()
            .and_then(|ares| text(ares, "acsTransID"))
            .map(str::to_owned),
        version: payment.version.clone(),
        card: payment.card.clone(),
        ares_status: payment.ares_status().map(str::to_owned),
        eci: shown("eci"),
        reason: shown("transStatusReason"),
        authentication_value: shown("authenticationValue").is_some(),
        interaction_counter: shown("interactionCounter"),
        cres_status: payment.cres.as_ref().and_then(|c| text(c, "transStatus")).map(str::to_owned),
        problems: problems(payment, status.as_deref(), end),
        status,
        ares: payment.ares.as_ref().map(masked),
        rreq: payment.rreq.as_ref().map(masked),
        cres: payment.cres.as_ref().map(masked),
        follow_up: None,
    }
}

fn problems(payment: &Payment, status: Option<&str>, end: Option<&ChallengeEnd>) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(failed) = &payment.failed {
        problems.push(format!("the AReq was not answered: {failed}"));
    }
    if let Some(erro) = payment.ares.as_ref().filter(|ares| ares["messageType"] == "Erro") {
        problems.push(format!("Erro instead of an ARes: {}", erro_words(erro)));
    }
    if status.is_none() && problems.is_empty() {
        problems.push("no final result".to_owned());
    }
    if let Some(ChallengeEnd::Stuck { status, text }) = end {
        problems
            .push(format!("the browser stands at a page without a way on (HTTP {status}: {text})"));
    }
    if payment.rreq_count > 1 {
        problems.push(format!("{} RReqs", payment.rreq_count));
    }
    let has_value =
        payment.result().is_some_and(|result| text(result, "authenticationValue").is_some());
    let wants_value = matches!(status, Some("Y" | "A"));
    if has_value && !wants_value {
        problems.push("an authenticationValue without Y or A".to_owned());
    }
    if wants_value && !has_value && payment.order.category == "01" {
        problems.push("Y or A without an authenticationValue".to_owned());
    }
    if let Some(cres) = &payment.cres {
        problems.extend(cres_problems(cres, payment, status));
    }
    problems
}

fn cres_problems(cres: &Value, payment: &Payment, status: Option<&str>) -> Vec<String> {
    let mut problems = Vec::new();
    if cres["messageType"] == "Erro" {
        problems.push(format!("Erro at the end of the challenge: {}", erro_words(cres)));
        return problems;
    }
    let expected = match status {
        Some("Y") => "Y",
        Some("D") => "D",
        _ => "N",
    };
    if payment.rreq.is_some() && text(cres, "transStatus") != Some(expected) {
        problems.push(format!(
            "the CRes says {}, the RReq {}",
            cres["transStatus"],
            status.unwrap_or("nothing")
        ));
    }
    if payment.rreq.is_none() {
        problems.push("a CRes without an RReq".to_owned());
    }
    let same =
        |name: &str| match (text(cres, name), payment.ares.as_ref().and_then(|a| text(a, name))) {
            (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(theirs),
            _ => false,
        };
    for name in ["threeDSServerTransID", "acsTransID", "messageVersion"] {
        if !same(name) {
            problems.push(format!("{name} of the CRes differs from the ARes"));
        }
    }
    if payment.session_data != payment.order.session_data {
        problems.push("threeDSSessionData came back changed".to_owned());
    }
    problems
}

fn erro_words(erro: &Value) -> String {
    let word = |name| text(erro, name).unwrap_or("?");
    format!(
        "{} from {}: {} ({})",
        word("errorCode"),
        word("errorComponent"),
        word("errorDescription"),
        word("errorDetail")
    )
}
