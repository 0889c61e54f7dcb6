//! Decoupled authentication: one RReq, at once when the issuer has given its word, else when the
//! requestor's time is over [P-DEC-03..05, Req 351, Req 352]. No browser and no app waits for it
//! [P-DEC-06].

use serde_json::json;

use super::{Machine, Step};
use crate::flow::confirmation::Verdict;
use crate::flow::reason::Reason;
use crate::flow::rreq::Outcome;
use crate::flow::transaction::{Ending, Phase};

impl Machine<'_> {
    /// The issuer's word. A second one, or one that comes too late, changes nothing
    /// [P-DEC-03, Req 345, Req 347, Req 353].
    pub(super) fn confirmation(mut self, verdict: Verdict) -> Step {
        if !matches!(self.transaction.phase, Phase::Decoupled(_)) {
            return self.step(None);
        }
        if self.is_overdue() {
            self.time_out();
            return self.step(None);
        }
        self.audit("issuer-confirmation", json!({ "verdict": verdict.as_str() }));
        let outcome = verdict.outcome(&self.transaction, self.context.issuer);
        self.end(outcome, Ending::Confirmed, "the issuer's systems gave their word");
        self.step(None)
    }

    /// What comes when the requestor's time is over without a word [P-DEC-04, P-TMO-11].
    pub(super) const fn decoupled_time_over() -> Outcome {
        let cancel = Some(DECOUPLED_TIMED_OUT);
        Outcome::Unavailable { reason: Reason::TIME_OVER, cancel, erro: None }
    }
}

/// `challengeCancel` [chapter 4.5].
const DECOUPLED_TIMED_OUT: &str = "03";
