//! The challenge state machine: CReq, entries, deadlines and RReq delivery in; new state, outputs
//! and a [`View`] out. The same machine serves every channel; see [`super::present`].

mod app;
mod creq;
mod decoupled;
mod entry;
mod fallback;
mod intent;
mod oob;
pub(super) mod otp;
pub(super) mod page;
mod passkey;
mod round;
pub(super) mod shown;
mod token;

use serde_json::{Value, json};

use crate::crypto::{AuthenticationValueGenerator, ChallengeKeys, ContentKey};
use crate::element::{MessageVersion, Pan, TransId};
use crate::erro::{ErroContext, Fault, Rejection};
use crate::flow::confirmation::Verdict;
use crate::flow::consent::{self, Choice, Statuses};
use crate::flow::present::View;
use crate::flow::proof::Proof;
use crate::flow::reason::Reason;
use crate::flow::rreq::{self, Outcome};
use crate::flow::transaction::{
    AcceptedCReq, AuditEvent, Decided, Ending, ExpectRRes, Output, Phase, SendRReq, Transaction,
    Via, Way,
};
use crate::flow::words;
use crate::message::{ReadRules, is_erro, peek_ids};
use crate::profile::{Contacts, DsProfile, IssuerProfile};
use crate::{Random, UtcMillis};

/// What a step may read besides the state.
pub struct ChallengeContext<'a> {
    pub issuer: &'a IssuerProfile,
    pub ds: &'a DsProfile,
    /// `None` when it is no longer kept or cannot be read: then no authentication value can be made.
    pub pan: Option<&'a Pan>,
    pub contacts: &'a Contacts,
    pub generator: &'a dyn AuthenticationValueGenerator,
    /// Keyed hash for one-time passwords and MAC for form tokens.
    pub keys: &'a ChallengeKeys,
    /// For CReq and RRes; its versions are those a 102 Erro names.
    pub read_rules: &'a ReadRules,
    /// Key of an app challenge's channel, while it is kept.
    pub content_key: Option<&'a ContentKey>,
    pub now: UtcMillis,
}

impl std::fmt::Debug for ChallengeContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChallengeContext(..)")
    }
}

/// What arrived.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// A browser CReq for this transaction: the decoded JSON bytes and the form's session data.
    BrowserCReq { creq: &'a [u8], session_data: Option<&'a str> },
    /// What an SDK posted: a JWE, or an Erro in clear.
    SdkMessage(&'a [u8]),
    /// A submitted page form.
    Form(Form<'a>),
    /// `deadline()` is at or before `now`.
    DeadlineReached,
    /// News of the RReq.
    RReq(RReqNews<'a>),
    /// Word from the issuer's own systems about a decoupled authentication.
    Confirmation(Verdict),
    /// Word from the issuer's own systems about an out-of-band authentication.
    OobResult(Verdict),
}

/// Fields of the challenge page's form.
#[derive(Debug)]
pub struct Form<'a> {
    pub token: &'a str,
    /// `submit`, `resend`, `later`, `continue`, `arrived`, `code` or `cancel`, of the passkey's page
    /// also `passkey`, `unsupported` or `declined`; anything else shows the current page.
    pub action: &'a str,
    /// `challengeDataEntry`; its Debug must never print it.
    pub entry: Entry<'a>,
    /// What a passkey signed: JSON.
    pub assertion: &'a str,
    /// Language asked for by the page's language form, `ja` or `en`.
    pub language: Option<&'a str>,
    /// Ticked boxes, and the device whose cookie came with the form.
    pub choice: Choice,
}

/// A cardholder's entry, never printed.
#[derive(Clone, Copy)]
pub struct Entry<'a>(pub &'a str);

impl std::fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entry(..)")
    }
}

/// News of an RReq from the sender.
#[derive(Debug)]
#[non_exhaustive]
pub enum RReqNews<'a> {
    /// An HTTP answer with this body came in time (RRes or Erro, or rubbish).
    Answered(&'a [u8]),
    /// Bytes were sent, nothing usable came back within the RRes timer (or the connection broke, or
    /// a non-200 status came): 402 to the DS.
    NoAnswer,
    /// Two connections failed and not one byte of any RReq of this transaction was ever sent.
    ConnectionFailedTwice,
    /// The retry period is over (24 h).
    GivenUp,
}

/// The result of a step: store `transaction` and `outputs` in one commit (compare-and-swap on the
/// revision read), perform the outputs, then show `view`.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct Step {
    /// `None`: nothing changed, nothing to store.
    pub transaction: Option<Transaction>,
    pub outputs: Vec<Output>,
    /// For inputs from a browser; `None` for deadlines and RReq news.
    pub view: Option<View>,
    /// A protocol fault to log and count (its Erro, if any goes out, is in `view`).
    pub rejection: Option<Box<Rejection>>,
}

/// Runs one step.
pub fn handle(
    transaction: Transaction,
    input: Input<'_>,
    context: &ChallengeContext<'_>,
    random: &mut dyn Random,
) -> Step {
    let machine = Machine {
        transaction,
        context,
        random,
        outputs: Vec::new(),
        moved: false,
        rejection: None,
        choice: Choice::default(),
        mark: None,
    };
    match input {
        Input::BrowserCReq { creq, session_data } => machine.creq(creq, session_data),
        Input::SdkMessage(body) => machine.app_message(body),
        Input::Form(form) => machine.form(&form),
        Input::DeadlineReached => machine.deadline(),
        Input::RReq(news) => machine.rreq_news(&news),
        Input::Confirmation(verdict) => machine.confirmation(verdict),
        Input::OobResult(verdict) => machine.oob_result(verdict),
    }
}

/// The view of a transaction as it stands, e.g. after the RReq round ended or for a stale token.
/// [`View::Processing`] while the RReq round is still on.
pub fn current_view(
    transaction: &Transaction,
    context: &ChallengeContext<'_>,
    random: &mut dyn Random,
) -> View {
    page::current(transaction, context, random, page::Note::None)
}

/// The acsTransID inside a CReq that may be defective, to find its transaction; `None` when it
/// cannot be found [P-BRW-10, P-BRW-11].
#[must_use]
pub fn creq_transaction(creq: &[u8]) -> Option<TransId> {
    peek_ids(creq).acs_trans_id
}

/// The acsTransID of a message at the app endpoint that may be defective, to find its transaction:
/// `kid` of a JWE, or the id in an Erro.
#[must_use]
pub fn sdk_transaction(body: &[u8]) -> Option<TransId> {
    app::transaction_of(body)
}

/// Whether a message at the app endpoint is an Erro: whatever becomes of it, no Erro answers it
/// [P-ERRO-04].
#[must_use]
pub fn is_sdk_erro(body: &[u8]) -> bool {
    is_erro(body)
}

/// Whether the waiting page that holds this token has nothing new to see yet; `None` for a token that
/// is not this transaction's. Says no more than that, and changes nothing [P-BRW-25].
#[must_use]
pub fn still_waits(
    transaction: &Transaction,
    token: &str,
    keys: &ChallengeKeys,
    now: UtcMillis,
) -> Option<bool> {
    oob::still_waits(transaction, token, keys, now)
}

/// The acsTransID a form token was made for, after its MAC was checked; `None` for a forged one.
#[must_use]
pub fn token_transaction(token: &str, keys: &ChallengeKeys) -> Option<TransId> {
    token::open(token, keys).map(|opened| opened.acs_trans_id)
}

/// What marks a genuine form token; the device cookie goes to who posts the token whose form bound
/// the device, and to nobody else who can ask for the last page.
#[must_use]
pub fn token_mark(token: &str, keys: &ChallengeKeys) -> Option<String> {
    token::open(token, keys).map(|opened| opened.mark())
}

/// One step on its way.
struct Machine<'a> {
    transaction: Transaction,
    context: &'a ChallengeContext<'a>,
    random: &'a mut dyn Random,
    outputs: Vec<Output>,
    /// Whether the state changed and must be stored.
    moved: bool,
    rejection: Option<Box<Rejection>>,
    /// What the form at hand agrees to.
    choice: Choice,
    /// What marks the token of the form at hand.
    mark: Option<String>,
}

impl Machine<'_> {
    /// The state changes: one more revision, and tokens of earlier ones go stale.
    fn moves_on(&mut self) {
        if !self.moved {
            self.moved = true;
            self.transaction.revision += 1;
        }
    }

    fn audit(&mut self, kind: &'static str, detail: Value) {
        self.outputs.push(AuditEvent::output(kind, &detail));
    }

    /// Ends the step with what a browser sees, or nothing for other inputs.
    fn step(self, view: Option<View>) -> Step {
        Step {
            transaction: self.moved.then_some(self.transaction),
            outputs: self.outputs,
            view,
            rejection: self.rejection,
        }
    }

    /// Ends the step with the page as it stands now.
    fn shows_current(self, note: page::Note) -> Step {
        if self.transaction.app.is_some() {
            return self.shows_app(note);
        }
        let mut view = page::current(&self.transaction, self.context, self.random, note);
        if let View::Code(page) = &mut view {
            // Ticks stay where they were after a wrong code.
            page.trust = page.trust.map(|_| self.choice.trust);
            page.bind = page.bind.map(|_| self.choice.bind);
        }
        if let View::OutOfBand(page) = &mut view {
            page.trust = page.trust.map(|_| self.choice.trust);
            page.bind = page.bind.map(|_| self.choice.bind);
        }
        self.step(Some(view))
    }

    fn invalid(self) -> Step {
        let view = page::invalid(&self.transaction);
        self.step(Some(view))
    }

    fn is_overdue(&self) -> bool {
        self.transaction.deadline().is_some_and(|until| until <= self.context.now)
    }

    fn deadline(mut self) -> Step {
        if self.is_overdue() {
            self.time_out();
        }
        self.step(None)
    }

    /// The wait of the phase is over [P-BRW-34, P-BRW-35, P-DEC-03]
    /// [P-TMO-03, P-TMO-05, P-BRW-24, Req 221, Req 227, Note 4, Note 5]
    /// [P-TMO-04, Req 223, Req 224].
    fn time_out(&mut self) {
        let (cancel, ending, why) = match &self.transaction.phase {
            Phase::ExpectCReq(_) => (NEVER_BEGUN, Ending::NeverBegun, "no CReq in time"),
            Phase::ExpectEntry(_) => (IDLE, Ending::Idle, "nothing happened on the page"),
            Phase::Decoupled(_) => {
                let outcome = Self::decoupled_time_over();
                return self.end(outcome, Ending::TimeOver, "no word from the issuer in time");
            }
            Phase::ExpectSpc(_) => (IDLE, Ending::NeverBegun, "no second AReq in time"),
            _ => return,
        };
        let reason = Reason::TIMED_OUT;
        self.end(Outcome::Denied { reason, cancel: Some(cancel) }, ending, why);
    }

    /// The technical end of a challenge that cannot begin.
    fn fail(&mut self, why: &str, creq: AcceptedCReq) {
        let reason = self.technical();
        let cancel = Some(TRANSACTION_ERROR);
        let outcome = Outcome::Unavailable { reason, cancel, erro: None };
        self.end_with(outcome, Ending::Failed, why, creq);
    }

    fn technical(&self) -> Reason {
        Reason::technical(self.transaction.version, self.context.issuer)
    }

    /// Ends an open challenge: the state keeps the result, the RReq alone its value. In every other
    /// phase nothing happens, so that each challenge has one result. What was refused in the issuer's
    /// app stays refused, however the challenge ends: else a button or a bad message would undo it
    /// [P-APP-42, Note 127].
    fn end(&mut self, outcome: Outcome, ending: Ending, why: &str) {
        let (outcome, ending) = match (self.unfetched_refusal(), ending) {
            (None, _) => (outcome, ending),
            (Some(refused), Ending::Verified | Ending::FellBack) => (refused, Ending::Failed),
            (Some(refused), _) => (refused, ending),
        };
        let creq = match &mut self.transaction.phase {
            Phase::ExpectEntry(entry) => std::mem::take(&mut entry.creq),
            _ => AcceptedCReq::default(),
        };
        self.end_with(outcome, ending, why, creq);
    }

    /// [P-RREQ-01, Req 128, Note 114, Req 66, Req 352]
    fn end_with(&mut self, outcome: Outcome, ending: Ending, why: &str, creq: AcceptedCReq) {
        let (via, counter, waiting) = match &self.transaction.phase {
            Phase::ExpectCReq(wait) => (Way::from(wait.via), 0, None),
            Phase::ExpectEntry(entry) => {
                let waiting = match entry.via {
                    Via::App => Output::CancelAsk,
                    Via::Sms | Via::Email => Output::CancelOtp,
                };
                (entry.way(), entry.counter, Some(waiting))
            }
            Phase::Decoupled(_) => (Way::Decoupled, 0, Some(Output::CancelAsk)),
            Phase::ExpectSpc(_) => (Way::Spc, 0, None),
            _ => return,
        };
        let (also, asked_app) = match &self.transaction.phase {
            Phase::ExpectEntry(entry) => {
                (entry.second().or_else(|| self.announced_second()), entry.oob.is_some())
            }
            _ => (self.announced_second(), false),
        };
        let agreed = self.agreed(&outcome);
        let ways = (via, also);
        let (outcome, ending, body) = self.report(outcome, ending, counter, ways, &agreed.statuses);
        let agreed = if ending == Ending::Verified { agreed } else { consent::Decision::default() };
        let decided = Decided {
            status: outcome.status(),
            reason: outcome.reason().map(|reason| reason.as_str().to_owned()),
            cancel: outcome.cancel().map(str::to_owned),
            counter,
            via,
            ending,
            creq,
            cookie_for: self.mark.clone().filter(|_| agreed.new_cookie),
            fell_back: (ending == Ending::FellBack).then_some(self.context.now),
            word: self.word(),
            asked_app,
            unanswered: false,
        };
        self.moves_on();
        self.keep(agreed);
        self.outputs.extend(waiting);
        self.audit_end(&decided, &outcome, why);
        self.transaction.phase = match self.transaction.ds_url.clone().zip(body) {
            Some((ds_url, body)) => {
                self.outputs.push(Output::SendRReq(SendRReq { ds_url, body }));
                Phase::ExpectRRes(ExpectRRes { decided, released: false })
            }
            None => {
                self.audit("rreq-impossible", json!({ "counter": counter }));
                Phase::Ended(decided)
            }
        };
        if matches!(self.transaction.phase, Phase::Ended(_)) {
            self.last_word(None);
        }
    }

    /// The way of the second code that the ARes named, which the RReq names too whether or not codes
    /// were sent [P-RREQ-03].
    fn announced_second(&self) -> Option<Via> {
        self.before().two.then_some(Via::Email)
    }

    /// What the cardholder agreed to: counts only once verified, and an answer to nothing that was
    /// asked is none [P-RREQ-04, Note 116, Note 118].
    fn agreed(&self, outcome: &Outcome) -> consent::Decision {
        let Phase::ExpectEntry(entry) = &self.transaction.phase else {
            return consent::Decision::default();
        };
        if !matches!(outcome, Outcome::Proven(Proof::Verified(_) | Proof::Confirmed(_))) {
            return consent::Decision::default();
        }
        let merchant = self.transaction.merchant.name.as_deref().map(words::one_line);
        let about = consent::About {
            settings: &self.context.issuer.consents,
            version: self.transaction.version,
            merchant: merchant.as_deref(),
            now: self.context.now,
        };
        let fresh = consent::new_device(self.transaction.acs_trans_id, self.context.keys);
        let asked = match self.transaction.app {
            Some(_) => entry.consents_shown(self.transaction.version),
            None => entry.consents.clone(),
        };
        consent::Decision::of(&asked, &self.choice, fresh, &about)
    }

    fn keep(&mut self, agreed: consent::Decision) {
        for consent in agreed.consents {
            self.audit("consent", json!({ "kind": consent.kind, "given": consent.given }));
            self.outputs.push(Output::Consent(consent));
        }
    }

    /// The RReq of an outcome; where that cannot be built, of a technical failure instead: a
    /// message that breaks the dictionary never leaves [P-RREQ-01].
    fn report(
        &mut self,
        outcome: Outcome,
        ending: Ending,
        counter: u8,
        ways: (Way, Option<Via>),
        statuses: &Statuses,
    ) -> (Outcome, Ending, Option<Vec<u8>>) {
        let build = |machine: &Self, outcome: &Outcome, statuses: &Statuses| {
            let Self { transaction, context, .. } = machine;
            rreq::build(transaction, outcome, counter, ways, statuses, context)
        };
        let defects = match build(self, &outcome, statuses) {
            Ok(body) => return (outcome, ending, Some(body)),
            Err(defects) => defects,
        };
        self.audit("rreq-unbuildable", json!({ "elements": defects }));
        let reason = self.technical();
        let plain = Outcome::Unavailable { reason, cancel: Some(TRANSACTION_ERROR), erro: None };
        let ending = if ending == Ending::Verified { Ending::Failed } else { ending };
        let body = build(self, &plain, &Statuses::default()).ok();
        (plain, ending, body)
    }

    fn audit_end(&mut self, decided: &Decided, outcome: &Outcome, why: &str) {
        let mut detail = json!({
            "acs_trans_id": self.transaction.acs_trans_id,
            "card": self.transaction.card_token,
            "status": decided.status.code(),
            "counter": decided.counter,
            "why": why,
            "via": decided.via.as_str(),
        });
        if let Some(reason) = outcome.reason() {
            detail["reason"] = reason.as_str().into();
        }
        if let Some(cancel) = outcome.cancel() {
            detail["cancel"] = cancel.into();
        }
        self.audit("challenge-ended", detail);
    }

    /// Refuses a message of this transaction. The transaction's version rules whatever the message
    /// said, and its own ids fill the gaps.
    fn rejection(&self, fault: Fault, message_type: Option<&'static str>) -> Box<Rejection> {
        Box::new(self.refusal(fault, message_type))
    }

    /// What a reader found wrong, with this transaction's version and ids. What the tables of another
    /// version say counts for nothing: that version is the defect [P-APP-11, P-BRW-12, P-RREQ-09].
    fn rejection_of(&self, found: Rejection) -> Rejection {
        let another = found.context.version.filter(|came| *came != self.transaction.version);
        if let Some(came) = another.filter(|_| !is_seen_before_version(&found.fault)) {
            return *self.version_changed(came, found.context.message_type);
        }
        self.refusal(found.fault, found.context.message_type).explained(found.explanation)
    }

    fn version_changed(
        &self,
        came: MessageVersion,
        message_type: Option<&'static str>,
    ) -> Box<Rejection> {
        let words = format!("expected {}, came {came}", self.transaction.version);
        let refusal = self.refusal(Fault::VersionChanged, message_type);
        Box::new(refusal.explained(Some(words)))
    }

    fn refusal(&self, fault: Fault, message_type: Option<&'static str>) -> Rejection {
        let transaction = &self.transaction;
        let context = ErroContext {
            version: Some(transaction.version),
            message_type,
            three_ds_server_trans_id: Some(transaction.three_ds_server_trans_id),
            ds_trans_id: Some(transaction.ds_trans_id),
            acs_trans_id: Some(transaction.acs_trans_id),
            sdk_trans_id: transaction.app.as_deref().map(|app| app.sdk_trans_id),
        };
        Rejection::new(fault, context)
    }
}

/// Whether a defect was found before any table of a version was looked at.
const fn is_seen_before_version(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::MessageTypeMissing
            | Fault::MessageTypeUnknown
            | Fault::MessageTypeMisplaced
            | Fault::Undecipherable
    )
}

/// `challengeCancel` [chapter 4.5].
const CANCELLED: &str = "01";
const IDLE: &str = "04";
const NEVER_BEGUN: &str = "05";
const TRANSACTION_ERROR: &str = "06";
const SDK_ANSWERED_WITH_ERRO: &str = "09";
const CREQ_ANSWERED_WITH_ERRO: &str = "10";
