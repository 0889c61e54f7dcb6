//! Out-of-band authentication inside a challenge [P-APP-42, P-BRW-25, Note 127]: the issuer's app
//! asks, the issuer's word is kept, and the cardholder's side fetches it. What browser and SDK send
//! proves nothing.

use serde_json::json;

use super::page::Note;
use super::{ChallengeContext, Machine, Step, token};
use crate::UtcMillis;
use crate::crypto::ChallengeKeys;
use crate::flow::confirmation::{ConfirmationRequest, Prompt, Verdict};
use crate::flow::consent::Offer;
use crate::flow::oob::{Oob, Standing, Word, standing, waits};
use crate::flow::reason::Reason;
use crate::flow::rreq::Outcome;
use crate::flow::transaction::{
    AcceptedCReq, Asked, Ending, ExpectEntry, Output, Phase, Transaction, Via,
};
use crate::flow::words::{Language, Occasion};
use crate::profile::OobFallback;

/// How the cardholder's side comes to ask for the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// The cardholder says to be done, or an SDK is back in the foreground.
    Says,
    /// A page moved on by itself.
    ByItself,
    /// The link to the issuer's app did not open.
    LinkFailed,
}

/// What a message of an SDK says about links.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) opens: bool,
    pub(super) back: Option<String>,
}

/// Whether the page of this token still has to wait: false when there is something new to see. For
/// everybody without a genuine token it is `None`.
pub(super) fn still_waits(
    transaction: &Transaction,
    form_token: &str,
    keys: &ChallengeKeys,
    now: UtcMillis,
) -> Option<bool> {
    let opened = token::open(form_token, keys)
        .filter(|token| token.acs_trans_id == transaction.acs_trans_id)?;
    let same = opened.revision == transaction.revision;
    Some(same && standing(transaction, now) == Standing::Waiting)
}

impl Machine<'_> {
    /// The issuer's app is asked; without the app, a code where that is allowed.
    pub(super) fn begin_oob(
        &mut self,
        creq: AcceptedCReq,
        consents: Offer,
        fallback: Option<Via>,
        links: Links,
    ) {
        let enrolled = self.context.contacts.app.as_deref().is_some_and(|app| !app.is_empty());
        if !enrolled {
            let why = "the holder has the issuer's app no longer";
            return match fallback {
                Some(via) => self.code_instead(via, creq, consents, 0, why),
                None => self.fail(why, creq),
            };
        }
        let now = self.context.now;
        let until = now.plus_seconds(self.context.issuer.oob.life_seconds);
        let oob =
            Oob { fallback, opens: links.opens, back: links.back, ..Oob::new(until, self.random) };
        self.ask_issuer(&oob);
        let entry = self.no_code_yet(Via::App, consents, Asked::App);
        self.moves_on();
        self.transaction.phase =
            Phase::ExpectEntry(Box::new(ExpectEntry { creq, oob: Some(Box::new(oob)), ..*entry }));
    }

    /// Each CReq says anew whether links work [Note 125].
    pub(super) fn links_anew(&mut self, opens: bool) {
        if let Some(oob) = self.oob_mut() {
            oob.opens = opens;
        }
    }

    fn ask_issuer(&mut self, oob: &Oob) {
        let transaction = &self.transaction;
        let occasion = Occasion {
            issuer: self.context.issuer,
            language: Language::of(&transaction.language).unwrap_or(Language::English),
            merchant: &transaction.merchant,
            purchase: transaction.purchase.as_ref(),
            card_last4: &transaction.card_last4,
            life_minutes: 0,
        };
        let request = ConfirmationRequest {
            contacts: self.context.contacts.clone(),
            card_last4: transaction.card_last4.clone(),
            text: occasion.question(),
            language: transaction.language.clone(),
            expires: oob.until,
            prompt: Some(Prompt { number: oob.number(), back: oob.back.clone() }),
        };
        self.outputs.push(Output::AskIssuer(request));
        self.audit("oob-asked", json!({ "until": oob.until }));
    }

    /// The issuer's word: kept until the cardholder's side asks for it. A second one, or one that
    /// comes too late, changes nothing.
    pub(super) fn oob_result(mut self, verdict: Verdict) -> Step {
        if self.is_overdue() {
            self.time_out();
            return self.step(None);
        }
        match standing(&self.transaction, self.context.now) {
            Standing::Waiting => {}
            Standing::Over if self.code_took_over() => return self.word_after_code(verdict),
            _ => return self.step(None),
        }
        self.keep_word(verdict);
        self.outputs.push(Output::CancelAsk);
        self.moves_on();
        self.step(None)
    }

    fn keep_word(&mut self, verdict: Verdict) {
        let shown = self.transaction.revision;
        if let Phase::ExpectEntry(entry) = &mut self.transaction.phase
            && let Some(oob) = entry.oob.as_deref_mut()
        {
            oob.word = Some(Word { verdict, shown });
        }
        self.audit("oob-result", json!({ "verdict": verdict.as_str() }));
    }

    /// Whether a code is asked for since the issuer's app was.
    fn code_took_over(&self) -> bool {
        let Phase::ExpectEntry(entry) = &self.transaction.phase else { return false };
        entry.oob.is_some() && entry.asked == Asked::Code
    }

    /// A refusal counts although a code took the app's place: who reports a fraud cannot know what the
    /// screen shows by now. Everything else comes too late.
    fn word_after_code(mut self, verdict: Verdict) -> Step {
        if matches!(verdict, Verdict::Declined | Verdict::Rejected) {
            self.keep_word(verdict);
            let outcome = verdict.outcome(&self.transaction, self.context.issuer);
            self.end(outcome, Ending::Failed, "the issuer refuses, though a code was asked for");
        }
        self.step(None)
    }

    /// Whether a token is older than the state only because the issuer's word came after its page.
    pub(super) fn word_overtook(&self, revision: u32) -> bool {
        let Phase::ExpectEntry(entry) = &self.transaction.phase else { return false };
        let word = entry.oob.as_ref().and_then(|oob| oob.word);
        waits(entry)
            && word.is_some_and(|word| {
                word.shown == revision && self.transaction.revision == revision + 1
            })
    }

    /// Whether the shown page waits for the issuer's app.
    pub(super) fn waits_for_app(&self) -> bool {
        matches!(&self.transaction.phase, Phase::ExpectEntry(entry) if waits(entry))
    }

    /// The cardholder's side wants the result [P-APP-16, P-APP-42, Req 399, Req 400, Req 407].
    pub(super) fn continue_oob(mut self, came: Came) -> Step {
        let now = self.context.now;
        let Some(oob) = self.oob_mut() else { return self.invalid() };
        if let Some(word) = oob.word {
            return self.end_by_word(word.verdict);
        }
        if now >= oob.until {
            self.lapse("the app's time is over");
            return self.shows_current(Note::Status("oob.lapsed"));
        }
        match came {
            Came::ByItself => self.shows_current(Note::None),
            Came::LinkFailed => {
                oob.broken = true;
                self.audit("oob-link-failed", json!({}));
                self.moves_on();
                self.renew();
                self.shows_current(Note::Error("oob.link"))
            }
            Came::Says => self.too_early(),
        }
    }

    /// An acknowledgement before the issuer's word is an uncompleted evaluation
    /// [P-APP-42, Req 61, Note 128].
    fn too_early(mut self) -> Step {
        let issuer = self.context.issuer;
        let Phase::ExpectEntry(entry) = &mut self.transaction.phase else { return self.invalid() };
        let Some(oob) = &mut entry.oob else { return self.invalid() };
        oob.continues = oob.continues.saturating_add(1);
        let spent = oob.continues >= issuer.oob.max_continues;
        entry.counter = entry.counter.saturating_add(u8::from(issuer.early_continue_counts));
        let counter = entry.counter;
        self.audit("oob-early", json!({ "counter": counter }));
        self.moves_on();
        if spent {
            let outcome = Outcome::Denied { reason: Reason::TOO_MANY_CHALLENGES, cancel: None };
            self.end(outcome, Ending::Failed, "the last permitted question for the result");
            return self.shows_current(Note::None);
        }
        self.renew();
        self.shows_current(Note::Error("oob.early"))
    }

    /// The issuer's word becomes the result; only approval proves anything [Note 127].
    pub(super) fn end_by_word(mut self, verdict: Verdict) -> Step {
        if verdict == Verdict::Unavailable && self.falls_to_code() {
            self.lapse("the issuer could not ask");
            return self.shows_current(Note::Status("oob.lapsed"));
        }
        if let Phase::ExpectEntry(entry) = &mut self.transaction.phase {
            entry.counter = entry.counter.saturating_add(1);
        }
        let outcome = verdict.outcome(&self.transaction, self.context.issuer);
        let ending = match verdict {
            Verdict::Approved => Ending::Verified,
            _ => Ending::Failed,
        };
        self.end(outcome, ending, "the issuer's systems gave their word");
        self.shows_current(Note::None)
    }

    /// The cardholder would rather have a code.
    pub(super) fn prefers_code(mut self) -> Step {
        let given = self.oob_mut().and_then(|oob| oob.word).map(|word| word.verdict);
        match given {
            // What was said in the app stands.
            Some(verdict) => self.end_by_word(verdict),
            None if offers_code(&self.transaction, self.context) => {
                self.lapse("the cardholder prefers a code");
                self.shows_current(Note::None)
            }
            None => self.shows_current(Note::None),
        }
    }

    /// The app is of no use: a code takes its place where that is allowed, else the time is over.
    fn lapse(&mut self, why: &'static str) {
        let fallback = self.oob_mut().and_then(|oob| oob.fallback);
        match fallback.filter(|_| self.falls_to_code()) {
            Some(via) => {
                let Phase::ExpectEntry(entry) = &mut self.transaction.phase else { return };
                let creq = std::mem::take(&mut entry.creq);
                let (consents, counter) = (entry.consents.clone(), entry.counter);
                self.outputs.push(Output::CancelAsk);
                self.code_instead(via, creq, consents, counter, why);
            }
            None => {
                // Somebody is there and gets a CRes: the challenge itself has not timed out.
                let version = self.transaction.version;
                let reason = Reason::configured(NOT_PERFORMED, version, &Reason::NOT_AUTHENTICATED);
                self.end(Outcome::Denied { reason, cancel: None }, Ending::Failed, why);
            }
        }
    }

    fn code_instead(
        &mut self,
        via: Via,
        creq: AcceptedCReq,
        consents: Offer,
        counter: u8,
        why: &'static str,
    ) {
        let (creqs, oob) = match &self.transaction.phase {
            Phase::ExpectEntry(entry) => (entry.creqs, entry.oob.clone()),
            _ => (1, None),
        };
        // The issuer was asked and may still speak; there is no other way left.
        let oob = oob.map(|oob| Box::new(Oob { fallback: None, ..*oob }));
        self.audit("oob-fell-back", json!({ "why": why, "via": via.as_str() }));
        let route = self.code_route(via);
        match self.first_code(route, creq, consents) {
            Ok(entry) => {
                self.moves_on();
                let entry = Box::new(ExpectEntry { counter, creqs, oob, ..*entry });
                self.transaction.phase = Phase::ExpectEntry(entry);
            }
            Err(creq) => self.fail("no contact to send a code to", creq),
        }
    }

    fn falls_to_code(&self) -> bool {
        let Phase::ExpectEntry(entry) = &self.transaction.phase else { return false };
        self.context.issuer.oob.fallback != OobFallback::Never
            && entry.oob.as_ref().is_some_and(|oob| oob.fallback.is_some())
    }

    fn oob_mut(&mut self) -> Option<&mut Oob> {
        match &mut self.transaction.phase {
            Phase::ExpectEntry(entry) if waits(entry) => entry.oob.as_deref_mut(),
            _ => None,
        }
    }

    /// What the issuer said, if it was asked.
    pub(super) fn word(&self) -> Option<Verdict> {
        let Phase::ExpectEntry(entry) = &self.transaction.phase else { return None };
        entry.oob.as_ref().and_then(|oob| oob.word).map(|word| word.verdict)
    }

    /// What the issuer refused stands although nobody asked for it; an approval that nobody fetched is
    /// none.
    pub(super) fn unfetched_refusal(&self) -> Option<Outcome> {
        let Phase::ExpectEntry(entry) = &self.transaction.phase else { return None };
        let word = entry.oob.as_ref().and_then(|oob| oob.word)?;
        matches!(word.verdict, Verdict::Declined | Verdict::Rejected)
            .then(|| word.verdict.outcome(&self.transaction, self.context.issuer))
    }
}

/// `transStatusReason`, since 2.2.0: the cardholder did not do what was asked.
const NOT_PERFORMED: &str = "26";

/// Whether the waiting page offers a code.
pub(super) fn offers_code(transaction: &Transaction, context: &ChallengeContext<'_>) -> bool {
    let Phase::ExpectEntry(entry) = &transaction.phase else { return false };
    context.issuer.oob.fallback == OobFallback::Choice
        && entry.oob.as_ref().is_some_and(|oob| oob.fallback.is_some())
}
