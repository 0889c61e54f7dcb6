//! From a challenge to a decoupled authentication [P-DEC-07]: an information page with one button,
//! then D [Req 461, Req 462, Req 470]. The decoupled authentication itself is another transaction, which the 3DS Server opens.

use serde_json::json;

use super::page::Note;
use super::{Machine, Step};
use crate::flow::confirmation::Verdict;
use crate::flow::reason::Reason;
use crate::flow::rreq::Outcome;
use crate::flow::transaction::{Ending, Output, Phase, Via};
use crate::profile::Fallback;

impl Machine<'_> {
    /// Whether the information page is shown.
    pub(super) fn is_informed(&self) -> bool {
        matches!(&self.transaction.phase, Phase::ExpectEntry(entry) if entry.informed)
    }

    /// Whether the last failed attempt leads to a decoupled authentication instead of N.
    pub(super) fn falls_back_exhausted(&self) -> bool {
        let setting = self.context.issuer.decoupled.fallback;
        self.transaction.falls_back && setting == Fallback::Exhausted
    }

    /// The cardholder wants to confirm later, in another way; what was said in the issuer's app
    /// stands.
    pub(super) fn chooses_later(mut self) -> Step {
        if let Some(verdict) = self.word().filter(|word| *word != Verdict::Unavailable) {
            return self.end_by_word(verdict);
        }
        self.inform("the cardholder chose to confirm later");
        self.shows_current(Note::None)
    }

    /// The information page: no code is taken from here on, the one in force is stopped [Req 464].
    pub(super) fn inform(&mut self, why: &str) {
        let Phase::ExpectEntry(entry) = &mut self.transaction.phase else { return };
        entry.informed = true;
        self.outputs.push(match entry.via {
            Via::App => Output::CancelAsk,
            Via::Sms | Via::Email => Output::CancelOtp,
        });
        self.audit("fallback-shown", json!({ "why": why }));
        self.moves_on();
        self.renew();
    }

    /// The button of the information page [Req 465].
    pub(super) fn on_information(mut self, action: &str) -> Step {
        if action == "continue" {
            let outcome = Outcome::FallsBack { reason: Reason::FALLS_BACK };
            self.end(outcome, Ending::FellBack, "a decoupled authentication is to follow");
        }
        self.shows_current(Note::None)
    }
}
