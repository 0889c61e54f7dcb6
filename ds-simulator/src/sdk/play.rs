//! A whole payment in an app: AReq, challenge, and the verdict on how it went.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::challenge::{Act, AppChallenge, Received};
use super::cres::Refusal;
use super::screen::Screen;
use super::{Sdk, SdkTransaction};
use crate::browser::{CodeSource, code, codes_in, sent_in};
use crate::merchant::{Payment, ThreeDsServer};
use crate::pay::{self, PayOptions, Receipt, receipt};

/// Asked what to do with a screen; `None` leaves it to the script.
pub type Prompt = Arc<dyn Fn(&Screen) -> Option<Step> + Send + Sync>;

/// What happens at a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Types the code that was sent.
    Code,
    Do(Act),
    /// Closes the app.
    Leave,
}

/// Who acts, and how.
#[derive(Clone)]
pub struct Script {
    pub codes: CodeSource,
    /// Done one by one; then what leads on at each screen.
    pub steps: Vec<Step>,
    /// Agrees to what screens ask for (trust list, device binding).
    pub consents: bool,
    pub prompt: Option<Prompt>,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").field("steps", &self.steps).finish_non_exhaustive()
    }
}

/// How a challenge in an app ended.
#[derive(Debug, Clone)]
pub enum AppEnd {
    /// The final CRes.
    Final(Value),
    /// The ACS sent an Erro.
    Erro(Value),
    /// The SDK refused what came, and told the ACS.
    Refused(Refusal),
    /// The ACS did not answer in time, or the SDK's time was over; the ACS was told.
    TimedOut,
    /// The app was closed.
    Left,
}

/// A payment to make in an app.
#[derive(Debug, Clone)]
pub struct AppOptions {
    /// Order, version, patience; what concerns browsers has no effect.
    pub pay: PayOptions,
    pub script: Script,
}

const MAX_SCREENS: usize = 260;
/// How long the issuer's app tries to give its answer.
const READY: Duration = Duration::from_secs(30);
/// Between the first two looks at an out-of-band screen; each later pause is longer by this.
const PAUSE: Duration = Duration::from_millis(300);

impl Step {
    /// The step a word of the command line means: `code`, `resend`, `cancel`, `leave`,
    /// `continue`, `back`, `nothing`, `more`, `timeout`, `choose:KEY[,KEY]`, `both:ONE,TWO`;
    /// anything else is typed.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        let act = match word {
            "code" => return Self::Code,
            "leave" => return Self::Leave,
            "resend" => Act::Resend,
            "cancel" => Act::Cancel,
            "continue" => Act::Continue,
            "back" => Act::CameBack,
            "nothing" => Act::Nothing,
            "more" => Act::Additional,
            "timeout" => Act::TimedOut,
            other => match other.split_once(':') {
                Some(("choose", keys)) => Act::Choose(keys.split(',').map(str::to_owned).collect()),
                Some(("both", texts)) => {
                    let (one, two) = texts.split_once(',').unwrap_or((texts, ""));
                    Act::TypeBoth(one.to_owned(), two.to_owned())
                }
                _ => Act::Type(other.to_owned()),
            },
        };
        Self::Do(act)
    }
}

impl AppChallenge {
    /// Plays the challenge from the first CReq to its end.
    ///
    /// # Errors
    /// When the ACS cannot be reached, or no code arrives.
    pub async fn play(&mut self, script: &Script) -> Result<AppEnd> {
        self.consents = script.consents;
        let mut steps = script.steps.iter().cloned();
        let (mut seen, mut looks) = (0, 0);
        let mut received = self.act(&Act::Open).await?;
        for _ in 0..MAX_SCREENS {
            let screen = match received {
                Received::Screen(screen) => screen,
                Received::Final(message) => return Ok(AppEnd::Final(message)),
                Received::Erro(erro) => return Ok(AppEnd::Erro(erro)),
                Received::Refused(refusal) => {
                    self.complain(refusal.code, &refusal.element, &refusal.why).await?;
                    return Ok(AppEnd::Refused(refusal));
                }
                Received::Late => return self.give_up().await,
            };
            if self.is_over_time() {
                return self.give_up().await;
            }
            let step = match ask(script, &screen).await? {
                Some(step) => step,
                None => steps.next().unwrap_or_else(|| usual(&screen)),
            };
            let act = match step {
                Step::Leave => return Ok(AppEnd::Left),
                Step::Code if screen.asks_two() => both(&script.codes, &self.acs_trans_id).await?,
                Step::Code => Act::Type(code(&script.codes, &self.acs_trans_id, &mut seen).await?),
                Step::Do(act) => act,
            };
            if act == Act::Resend
                && let CodeSource::Outbox(path) = &script.codes
            {
                seen = codes_in(path, &self.acs_trans_id).len();
            }
            if matches!(screen.ui.as_str(), "04" | "06") {
                looks += 1;
                tokio::time::sleep(PAUSE * looks).await;
            }
            received = self.act(&act).await?;
        }
        bail!("no end after {MAX_SCREENS} screens")
    }

    async fn give_up(&self) -> Result<AppEnd> {
        self.complain("402", "CRes", "the SDK's time is over").await?;
        Ok(AppEnd::TimedOut)
    }
}

async fn ask(script: &Script, screen: &Screen) -> Result<Option<Step>> {
    let Some(prompt) = script.prompt.clone() else { return Ok(None) };
    let screen = screen.clone();
    Ok(tokio::task::spawn_blocking(move || prompt(&screen)).await?)
}

/// The newest codes by text message and by mail, once both are there.
async fn both(codes: &CodeSource, acs_trans_id: &str) -> Result<Act> {
    let CodeSource::Outbox(path) = codes else {
        bail!("two codes are asked for: give --otp-from FILE, or both:ONE,TWO as a step")
    };
    for _ in 0..200 {
        let sent = sent_in(path, acs_trans_id);
        let newest =
            |way: &str| sent.iter().rev().find(|(by, _)| by == way).map(|(_, c)| c.clone());
        if let Some((one, two)) = newest("sms").zip(newest("email")) {
            return Ok(Act::TypeBoth(one, two));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("not both codes for {acs_trans_id} in {} after 10 s", path.display())
}

/// What leads on at a screen.
fn usual(screen: &Screen) -> Step {
    let keys = screen.choices().into_iter().map(|(key, _)| key);
    match screen.ui.as_str() {
        "02" => Step::Do(Act::Choose(keys.take(1).collect())),
        "03" => Step::Do(Act::Choose(keys.collect())),
        "04" | "06" | "07" => Step::Do(Act::Continue),
        "05" if !screen.choices().is_empty() => Step::Do(Act::Choose(keys.take(1).collect())),
        "05" if screen
            .form()
            .is_some_and(|form| form.fields.iter().all(|(_, v)| !v.is_empty())) =>
        {
            Step::Do(Act::Continue)
        }
        _ => Step::Code,
    }
}

/// Runs one payment of an app from PReq to result.
///
/// # Errors
/// When a party cannot be reached at all; what contradicts itself is told in the [`Receipt`].
pub async fn pay_in_app(
    merchant: &ThreeDsServer,
    sdk: &Sdk,
    options: &AppOptions,
) -> Result<Receipt> {
    let pay = &options.pay;
    let transaction = sdk.begin();
    let payment = begin(merchant, sdk, &transaction, pay).await?;
    if !payment.challenged() {
        return Ok(receipt(&payment, None));
    }
    let mut challenge = match sdk.open(&transaction, &payment) {
        Ok(challenge) => challenge,
        Err(why) => {
            let mut receipt = receipt(&payment, None);
            receipt.problems.push(format!("the SDK does not begin: {why:#}"));
            return Ok(receipt);
        }
    };
    let app = pay.word.clone().map(|(issuer, word)| {
        let id = challenge.acs_trans_id.clone();
        tokio::spawn(async move { issuer.answer_patiently(&id, &word, READY).await })
    });
    let end = challenge.play(&options.script).await;
    // It waits in vain where no question was put.
    app.inspect(tokio::task::JoinHandle::abort);
    let end = end?;
    let mut problem = None;
    let patience = match &end {
        AppEnd::Final(message) | AppEnd::Erro(message) => {
            merchant.told_by_app(&payment.id, message);
            pay.rreq_patience
        }
        AppEnd::Refused(refusal) => {
            problem = Some(format!("the SDK refused the CRes: {refusal}"));
            pay.rreq_patience
        }
        AppEnd::TimedOut => {
            problem = Some("the ACS did not answer the SDK in time".to_owned());
            pay.rreq_patience
        }
        AppEnd::Left => Duration::ZERO,
    };
    let payment = merchant
        .wait_until(&payment.id, patience, |payment| payment.rreq.is_some())
        .await
        .or_else(|| merchant.payment(&payment.id))
        .context("payment forgotten")?;
    let mut receipt = receipt(&payment, None);
    receipt.problems.extend(problem);
    if payment.status() == Some("D") && !pay.no_fallback {
        receipt.follow_up = Some(Box::new(pay::fall_back(merchant, &payment, pay).await?));
    }
    Ok(receipt)
}

/// PReq and AReq of a payment in an app.
///
/// # Errors
/// When a party cannot be reached.
pub async fn begin(
    merchant: &ThreeDsServer,
    sdk: &Sdk,
    transaction: &SdkTransaction,
    pay: &PayOptions,
) -> Result<Payment> {
    let opened = merchant.start(pay.order.clone(), pay.version.as_deref()).await?;
    let facts = sdk.facts(transaction)?;
    merchant.authenticate_app(&opened.id, &facts).await
}
