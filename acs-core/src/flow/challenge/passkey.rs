//! A challenge that begins with the cardholder's passkey: Secure Payment Confirmation called by our
//! own page. Whatever does not come to a good assertion leads to the code [P-SPC-06, Note 165].

use serde_json::json;

use super::page::Note;
use super::{Form, Machine, Step};
use crate::flow::consent::Offer;
use crate::flow::proof::Proof;
use crate::flow::reason::Reason;
use crate::flow::rreq::Outcome;
use crate::flow::spc::in_page::InPage;
use crate::flow::transaction::{AcceptedCReq, Asked, Ending, ExpectEntry, Phase, Route, Via};

impl Machine<'_> {
    /// Whether the page for the passkey is shown.
    pub(super) fn asks_for_passkey(&self) -> bool {
        matches!(&self.transaction.phase, Phase::ExpectEntry(entry) if entry.spc.is_some())
    }

    /// The first page: no code is sent while the passkey may do.
    pub(super) fn begin_with_passkey(
        mut self,
        spc: Box<InPage>,
        via: Via,
        consents: Offer,
        creq: AcceptedCReq,
    ) -> Step {
        let entry =
            ExpectEntry { creq, spc: Some(spc), ..*self.no_code_yet(via, consents, Asked::Code) };
        self.transaction.phase = Phase::ExpectEntry(Box::new(entry));
        self.audit("passkey-asked", json!({}));
        self.moves_on();
        self.shows_current(Note::None)
    }

    /// The form of that page.
    pub(super) fn on_passkey(self, form: &Form<'_>) -> Step {
        match form.action {
            "passkey" => self.signed(form.assertion),
            why @ ("code" | "unsupported" | "declined") => self.sends_code_instead(why, Note::None),
            "later" if self.transaction.falls_back => self.chooses_later(),
            "cancel" => self.cancel(),
            _ => self.shows_current(Note::None),
        }
    }

    /// An assertion counts as an attempt, right or wrong; there is one.
    fn signed(mut self, said: &str) -> Step {
        let issuer = self.context.issuer;
        let Phase::ExpectEntry(entry) = &mut self.transaction.phase else { return self.invalid() };
        let Some(spc) = &entry.spc else { return self.invalid() };
        let judged = spc.judge(said, issuer);
        entry.counter = entry.counter.saturating_add(1);
        let counter = entry.counter;
        match judged {
            Ok(asserted) => {
                self.audit("passkey-right", json!({ "counter": counter }));
                let outcome = Outcome::Proven(Proof::Asserted(asserted));
                self.end(outcome, Ending::Verified, "the passkey signed the payment");
                self.shows_current(Note::None)
            }
            Err(why) => {
                self.audit("passkey-wrong", json!({ "counter": counter, "why": why }));
                if counter >= issuer.otp.max_attempts {
                    let reason = Reason::TOO_MANY_CHALLENGES;
                    let outcome = Outcome::Denied { reason, cancel: None };
                    self.end(outcome, Ending::Failed, "the last permitted attempt failed");
                    return self.shows_current(Note::None);
                }
                self.sends_code_instead("wrong", Note::Status("passkey.instead"))
            }
        }
    }

    /// Goes on with a code, as if the challenge had begun with it.
    fn sends_code_instead(mut self, why: &str, note: Note) -> Step {
        let Phase::ExpectEntry(entry) = &self.transaction.phase else { return self.invalid() };
        let before = entry.clone();
        self.audit("passkey-left", json!({ "why": why }));
        match self.first_code(Route::One(before.via), before.creq, before.consents) {
            Ok(entry) => {
                let (counter, creqs) = (before.counter, before.creqs);
                let entry = ExpectEntry { counter, creqs, ..*entry };
                self.transaction.phase = Phase::ExpectEntry(Box::new(entry));
                self.moves_on();
            }
            Err(_) if self.transaction.falls_back => {
                if let Phase::ExpectEntry(entry) = &mut self.transaction.phase {
                    entry.spc = None;
                }
                self.inform("no contact to send a code to");
            }
            Err(creq) => self.fail("no contact to send a code to", creq),
        }
        self.shows_current(note)
    }
}
