//! Forms of the code page [P-BRW-21..27].

use serde_json::json;
use zeroize::Zeroizing;

use super::oob::Came;
use super::otp::{self, Judged, Typed};
use super::page::Note;
use super::{CANCELLED, Entry, Form, Machine, Step, token};
use crate::element::MessageVersion;
use crate::flow::consent::Offer;
use crate::flow::proof::Proof;
use crate::flow::reason::Reason;
use crate::flow::rreq::Outcome;
use crate::flow::transaction::{
    AcceptedCReq, Also, Asked, Ending, ExpectEntry, OtpMessage, Output, Phase, Route, Via,
};
use crate::flow::words::{Language, Occasion};

impl Machine<'_> {
    /// [P-BRW-27]
    pub(super) fn form(mut self, form: &Form<'_>) -> Step {
        let Some(token) = token::open(form.token, self.context.keys)
            .filter(|token| token.acs_trans_id == self.transaction.acs_trans_id)
        else {
            return self.invalid();
        };
        if self.is_overdue() {
            self.time_out();
        }
        if !matches!(self.transaction.phase, Phase::ExpectEntry(_)) {
            return self.shows_current(Note::None);
        }
        if token.revision != self.transaction.revision && !self.word_overtook(token.revision) {
            return self.shows_current(Note::Error("stale"));
        }
        if let Some(language) = form.language.and_then(Language::of) {
            return self.speak(language);
        }
        self.choice.clone_from(&form.choice);
        self.mark = Some(token.mark());
        if self.is_informed() {
            return self.on_information(form.action);
        }
        if self.waits_for_app() {
            return self.on_waiting(form.action);
        }
        if self.asks_for_passkey() {
            return self.on_passkey(form);
        }
        match form.action {
            "later" if self.transaction.falls_back => self.chooses_later(),
            "submit" => self.submit(form.entry, None),
            "resend" => self.resend(),
            "cancel" => self.cancel(),
            _ => self.shows_current(Note::None),
        }
    }

    /// The page that waits for the issuer's app [P-BRW-25].
    fn on_waiting(self, action: &str) -> Step {
        match action {
            "submit" => self.continue_oob(Came::Says),
            "arrived" => self.continue_oob(Came::ByItself),
            "code" => self.prefers_code(),
            "later" if self.transaction.falls_back => self.chooses_later(),
            "cancel" => self.cancel(),
            _ => self.shows_current(Note::None),
        }
    }

    fn speak(mut self, language: Language) -> Step {
        let spoken = self.context.issuer.locales.iter().any(|locale| locale.tag == language.tag());
        let different = self.transaction.language != language.tag();
        if spoken && different && self.transaction.revision <= MAX_STEPS {
            language.tag().clone_into(&mut self.transaction.language);
            self.moves_on();
            self.renew();
        }
        self.shows_current(Note::None)
    }

    /// [P-BRW-21, P-BRW-22, Req 123, Note 128]
    pub(super) fn submit(mut self, typed: Entry<'_>, second: Option<Entry<'_>>) -> Step {
        let settings = &self.context.issuer.otp;
        let id = self.transaction.acs_trans_id;
        let empty_counts = self.context.issuer.empty_counts;
        let Phase::ExpectEntry(entry) = &mut self.transaction.phase else { return self.invalid() };
        let typed = Typed { one: typed.0, two: second.map(|second| second.0) };
        let judged = otp::judge(typed, entry, id, settings, self.context.keys, self.context.now);
        if matches!(judged, Judged::Empty) && !empty_counts {
            return self.uncounted();
        }
        entry.counter = entry.counter.saturating_add(1);
        let counter = entry.counter;
        let (kind, error) = match judged {
            Judged::Right(verified) => {
                self.audit("otp-right", json!({ "counter": counter }));
                let outcome = Outcome::Proven(Proof::Verified(verified));
                self.end(outcome, Ending::Verified, "the right code was entered");
                return self.shows_current(Note::None);
            }
            Judged::Wrong => ("otp-wrong", "err.wrong"),
            Judged::Old => ("otp-old", "err.old"),
            Judged::Expired => ("otp-expired", "err.expired"),
            Judged::Malformed | Judged::Empty => ("otp-malformed", "err.form"),
        };
        self.failed(kind, error, counter)
    }

    /// An entry that is no answer at all costs an attempt like a wrong one.
    pub(super) fn attempt_failed(mut self, kind: &'static str, error: &'static str) -> Step {
        let Phase::ExpectEntry(entry) = &mut self.transaction.phase else { return self.invalid() };
        entry.counter = entry.counter.saturating_add(1);
        let counter = entry.counter;
        self.failed(kind, error, counter)
    }

    fn failed(mut self, kind: &'static str, error: &'static str, counter: u8) -> Step {
        let settings = &self.context.issuer.otp;
        self.audit(kind, json!({ "counter": counter }));
        self.moves_on();
        if counter >= settings.max_attempts && self.falls_back_exhausted() {
            self.inform("the last permitted attempt failed");
            return self.shows_current(Note::None);
        }
        if counter >= settings.max_attempts {
            let outcome = Outcome::Denied { reason: Reason::TOO_MANY_CHALLENGES, cancel: None };
            self.end(outcome, Ending::Failed, "the last permitted attempt failed");
            return self.shows_current(Note::None);
        }
        self.renew();
        let last = error == "err.wrong" && counter + 1 >= settings.max_attempts;
        self.shows_current(Note::Error(if last { "err.last" } else { error }))
    }

    /// An empty entry where those are free: the page again, a bounded number of times anew.
    fn uncounted(mut self) -> Step {
        if self.transaction.revision <= MAX_STEPS {
            self.moves_on();
            self.renew();
        }
        self.shows_current(Note::Error("err.form"))
    }

    /// [P-BRW-23, Req 123, Req 126]
    pub(super) fn cancel(mut self) -> Step {
        let version = self.transaction.version;
        let issuer = self.context.issuer;
        let instead = Reason::NOT_AUTHENTICATED;
        let reason = match version {
            MessageVersion::V210 => {
                Reason::configured(&issuer.cancel_reason_210, version, &instead)
            }
            MessageVersion::V220 => {
                Reason::configured(&issuer.cancel_reason_220, version, &instead)
            }
            MessageVersion::V231 => {
                if let Phase::ExpectEntry(entry) = &mut self.transaction.phase {
                    entry.counter = entry.counter.saturating_add(1);
                }
                Reason::TOO_MANY_CHALLENGES
            }
        };
        let outcome = Outcome::Denied { reason, cancel: Some(CANCELLED) };
        self.end(outcome, Ending::Cancelled, "the cardholder cancelled");
        self.shows_current(Note::None)
    }

    /// [P-BRW-21]
    pub(super) fn resend(self) -> Step {
        let route = match &self.transaction.phase {
            Phase::ExpectEntry(entry) => entry.route(),
            _ => return self.invalid(),
        };
        self.resend_by(route)
    }

    /// New codes by a route of the cardholder's choice; the limits are the same.
    pub(super) fn resend_by(mut self, route: Route) -> Step {
        let Phase::ExpectEntry(entry) = &self.transaction.phase else { return self.invalid() };
        if !self.offers_resend(entry) {
            return self.shows_current(Note::Status("resend.limit"));
        }
        let settings = &self.context.issuer.otp;
        if self.context.now < entry.sent.plus_seconds(settings.resend_interval_seconds) {
            return self.shows_current(Note::Status("resend.wait"));
        }
        let mut entry = entry.clone();
        let generation = entry.generation + 1;
        let Some(Sent { via, code, also }) = self.send_codes(route, generation, true) else {
            return self.shows_current(Note::Error("resend.fail"));
        };
        (entry.via, entry.also) = (via, also);
        entry.old_codes.push(std::mem::replace(&mut entry.code, code));
        let surplus = entry.old_codes.len().saturating_sub(MAX_OLD_CODES);
        entry.old_codes.drain(..surplus);
        entry.generation = generation;
        entry.resends += 1;
        entry.sent = self.context.now;
        entry.code_expires = self.context.now.plus_seconds(settings.life_seconds);
        entry.counter += u8::from(self.context.issuer.resend_counts);
        self.transaction.phase = Phase::ExpectEntry(entry);
        self.moves_on();
        self.renew();
        self.shows_current(Note::Status("resend.done"))
    }

    /// Whether a further code may be sent. Where re-sends cost attempts, the last attempt is kept
    /// for an entry.
    fn offers_resend(&self, entry: &ExpectEntry) -> bool {
        offers_resend(entry, self.context.issuer)
    }

    /// The first code and the state that waits for it; the CReq back without a contact.
    pub(super) fn first_code(
        &mut self,
        route: Route,
        creq: AcceptedCReq,
        consents: Offer,
    ) -> Result<Box<ExpectEntry>, AcceptedCReq> {
        let Some(Sent { via, code, also }) = self.send_codes(route, 0, false) else {
            return Err(creq);
        };
        let now = self.context.now;
        let issuer = self.context.issuer;
        Ok(Box::new(ExpectEntry {
            until: now.plus_seconds(issuer.idle_seconds),
            via,
            creq,
            code,
            generation: 0,
            old_codes: Vec::new(),
            code_expires: now.plus_seconds(issuer.otp.life_seconds),
            sent: now,
            counter: 0,
            resends: 0,
            creqs: 1,
            consents,
            also,
            asked: Asked::Code,
            informed: false,
            oob: None,
            spc: None,
        }))
    }

    /// The state that waits for something before a code goes out.
    pub(super) fn no_code_yet(&self, via: Via, consents: Offer, asked: Asked) -> Box<ExpectEntry> {
        let now = self.context.now;
        Box::new(ExpectEntry {
            until: now.plus_seconds(self.context.issuer.idle_seconds),
            via,
            creq: AcceptedCReq::default(),
            // No entry has this hash.
            code: String::new(),
            generation: 0,
            old_codes: Vec::new(),
            code_expires: now,
            sent: now,
            counter: 0,
            resends: 0,
            creqs: 1,
            consents,
            also: None,
            asked,
            informed: false,
            oob: None,
            spc: None,
        })
    }

    /// Makes codes and asks for their delivery; nothing goes out where a contact of the route lacks.
    fn send_codes(&mut self, route: Route, generation: u8, replaces: bool) -> Option<Sent> {
        let reaches = |via| self.contact(via).is_some();
        let reached = match route {
            Route::One(via) => reaches(via),
            Route::Both | Route::Two => reaches(Via::Sms) && reaches(Via::Email),
        };
        if !reached {
            return None;
        }
        if replaces {
            self.outputs.push(Output::CancelOtp);
        }
        let (settings, keys) = (&self.context.issuer.otp, self.context.keys);
        let id = self.transaction.acs_trans_id;
        let code = otp::generate(settings, self.random);
        let hash = otp::hash(&code, id, generation, keys);
        let (via, also) = match route {
            Route::One(via) => {
                self.deliver(via, &code, generation, false);
                (via, None)
            }
            // Who reads the mail alone has the code: it proves no more than that.
            Route::Both => {
                self.deliver(Via::Email, &code, generation, false);
                self.deliver(Via::Sms, &code, generation, true);
                (Via::Email, Some(Also::Same))
            }
            Route::Two => {
                let second = otp::generate(settings, self.random);
                self.deliver(Via::Sms, &code, generation, false);
                self.deliver(Via::Email, &second, generation, true);
                let code = otp::hash_second(&second, id, generation, keys);
                (Via::Sms, Some(Also::Own { via: Via::Email, code }))
            }
        };
        Some(Sent { via, code: hash, also })
    }

    fn contact(&self, via: Via) -> Option<&str> {
        let contact = match via {
            Via::Sms => self.context.contacts.sms.as_deref(),
            Via::Email => self.context.contacts.email.as_deref(),
            // Its app gets no code.
            Via::App => None,
        };
        contact.filter(|contact| !contact.is_empty())
    }

    /// Asks for the delivery of a code.
    fn deliver(&mut self, via: Via, code: &str, generation: u8, second: bool) {
        let to = self.contact(via).unwrap_or_default().to_owned();
        let text = self.text(via, code);
        let life = self.context.issuer.otp.life_seconds;
        self.outputs.push(Output::DeliverOtp(OtpMessage {
            channel: via.as_str().to_owned(),
            to,
            text: text.to_string(),
            code: code.to_owned(),
            expires: self.context.now.plus_seconds(life),
            second,
        }));
        self.audit("otp-sent", json!({ "via": via.as_str(), "number": generation + 1 }));
    }

    fn text(&self, via: Via, code: &str) -> Zeroizing<String> {
        let transaction = &self.transaction;
        let occasion = Occasion {
            issuer: self.context.issuer,
            language: Language::of(&transaction.language).unwrap_or(Language::English),
            merchant: &transaction.merchant,
            purchase: transaction.purchase.as_ref(),
            card_last4: &transaction.card_last4,
            life_minutes: self.context.issuer.otp.life_seconds.div_ceil(60),
        };
        Zeroizing::new(match via {
            Via::Sms => occasion.sms(code),
            Via::Email | Via::App => occasion.email(code),
        })
    }
}

/// What went out.
struct Sent {
    via: Via,
    /// Keyed hash of the code to `via`.
    code: String,
    also: Option<Also>,
}

/// See [`Machine::offers_resend`].
pub(super) fn offers_resend(entry: &ExpectEntry, issuer: &crate::profile::IssuerProfile) -> bool {
    let affordable = !issuer.resend_counts || entry.counter + 1 < issuer.otp.max_attempts;
    entry.resends < issuer.otp.max_resends && entry.generation < u8::MAX && affordable
}

/// Steps after which free ones (language, empty entries) change nothing any more.
const MAX_STEPS: u32 = 64;
/// Codes that are recognised as replaced ones.
const MAX_OLD_CODES: usize = 3;
