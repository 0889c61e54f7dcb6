//! The RReq round: what comes of sending the result [P-RREQ-05..09, P-BRW-33].

use serde_json::json;

use super::{Machine, RReqNews, Step};
use crate::dictionary::{Cell, Message};
use crate::element::TransStatus;
use crate::erro::{Fault, Rejection, erro};
use crate::flow::consent::Statuses;
use crate::flow::rreq::{self, Outcome};
use crate::flow::transaction::{Decided, Ending, ExpectRRes, Output, Phase, SendRReq, Way};
use crate::message::{RRes, RResOrErro, read_rres};
use crate::outgoing;

impl Machine<'_> {
    pub(super) fn rreq_news(mut self, news: &RReqNews<'_>) -> Step {
        // News of a round that is over change nothing: a repeat after a crash is answered twice.
        let Phase::ExpectRRes(wait) = &self.transaction.phase else { return self.step(None) };
        let wait = wait.clone();
        match news {
            RReqNews::Answered(body) => {
                let failure = self.answered(body);
                self.over(wait.decided, failure);
            }
            RReqNews::NoAnswer => {
                self.audit("rreq-unanswered", json!({}));
                let words = "no RRes came in time, or the connection broke".to_owned();
                let refusal = self.refusal(Fault::TimedOut, None).explained(Some(words));
                self.complain(Box::new(refusal));
                let to_sdk = if self.context.issuer.app.without_rres_is_403 {
                    Fault::TransientFailure
                } else {
                    Fault::TimedOut
                };
                self.over(Decided { unanswered: true, ..wait.decided }, Some(to_sdk));
            }
            RReqNews::ConnectionFailedTwice if wait.released => {}
            RReqNews::ConnectionFailedTwice => self.release(wait.decided),
            RReqNews::GivenUp => {
                self.audit("rreq-given-up", json!({ "status": wait.decided.status.code() }));
                self.over(Decided { unanswered: true, ..wait.decided }, None);
            }
        }
        self.step(None)
    }

    /// The round is over; `failure` is what an SDK is told in place of the result [P-APP-52].
    fn over(&mut self, decided: Decided, failure: Option<Fault>) {
        self.moves_on();
        self.transaction.phase = Phase::Ended(decided);
        self.last_word(failure);
    }

    /// RRes, Erro or rubbish: none of them changes the result
    /// [P-RREQ-08, P-BRW-33, Note 27, Note 28, Note 29, Note 132]. Gives what an SDK is told instead
    /// [P-APP-52, Note 25, Note 26].
    fn answered(&mut self, body: &[u8]) -> Option<Fault> {
        match self.readable_answer(body) {
            Ok(RResOrErro::RRes(rres)) => {
                self.audit("rreq-answered", json!({ "results_status": rres.results_status }));
                None
            }
            Ok(RResOrErro::Erro(received)) => {
                self.audit(
                    "rreq-refused",
                    json!({ "code": received.error_code, "component": received.error_component }),
                );
                Some(Fault::TransientFailure)
            }
            Err(rejection) => {
                self.audit("rres-defective", json!({}));
                let fault = rejection.fault.clone();
                self.complain(rejection);
                Some(fault)
            }
        }
    }

    /// [Req 137]
    fn readable_answer(&self, body: &[u8]) -> Result<RResOrErro, Box<Rejection>> {
        let (channel, category) = (self.transaction.channel, self.transaction.category);
        let cell = Cell { channel, category };
        let read = read_rres(body, self.context.read_rules, cell).map_err(|found| {
            let mut rejection = self.rejection_of(*found);
            if rejection.fault == Fault::VersionUnsupported {
                // Any other version than the transaction's is a change [P-RREQ-09].
                rejection.fault = Fault::VersionChanged;
                rejection.context.message_type = RRES;
            }
            Box::new(rejection.under("P-RREQ-09"))
        })?;
        if let RResOrErro::RRes(rres) = &read {
            self.belongs(rres)?;
        }
        Ok(read)
    }

    /// [P-GEN-10, P-RREQ-09, Req 212]
    fn belongs(&self, rres: &RRes) -> Result<(), Box<Rejection>> {
        let ours = &self.transaction;
        if rres.version != ours.version {
            return Err(self.version_changed(rres.version, RRES));
        }
        let ids = [
            ("threeDSServerTransID", rres.three_ds_server_trans_id, ours.three_ds_server_trans_id),
            ("dsTransID", rres.ds_trans_id, ours.ds_trans_id),
            ("acsTransID", rres.acs_trans_id, ours.acs_trans_id),
        ];
        let sdk = ours.app.as_deref().map(|app| app.sdk_trans_id);
        let sdk = sdk.zip(rres.sdk_trans_id).map(|(ours, got)| ("sdkTransID", got, ours));
        let ids = ids.iter().chain(&sdk);
        let foreign: Vec<_> =
            ids.filter(|(_, got, ours)| got != ours).map(|(name, ..)| *name).collect();
        if foreign.is_empty() {
            Ok(())
        } else {
            Err(self.rejection(Fault::TransactionIdUnknown(foreign), RRES))
        }
    }

    /// Tells the DS what is wrong with its RRes, once [P-ERRO-04, Note 27].
    fn complain(&mut self, rejection: Box<Rejection>) {
        let erro = erro(&rejection, &self.context.read_rules.versions);
        let transaction = &self.transaction;
        let legal = outgoing::check(
            &erro.body,
            Message::Erro,
            transaction.version,
            Some(transaction.channel),
            Some(transaction.category),
        );
        if let (Some(ds_url), Ok(())) = (transaction.ds_url.clone(), legal) {
            self.outputs.push(Output::SendErro { ds_url, body: erro.body });
        }
        self.rejection = Some(rejection);
    }

    /// Nothing was sent and the browser waits no longer. By default the result becomes U from here
    /// on, before any byte of another one can have left [P-RREQ-05, Req 240, Note 2].
    fn release(&mut self, decided: Decided) {
        self.moves_on();
        // Nobody waits for a decoupled result: it stays true however late it arrives.
        let late = self.context.issuer.late_status_u
            && decided.status != TransStatus::Unavailable
            && decided.via != Way::Decoupled;
        let replaced = if late { self.late(&decided) } else { None };
        let decided = Decided { unanswered: true, ..replaced.unwrap_or(decided) };
        self.transaction.phase = Phase::ExpectRRes(ExpectRRes { decided, released: true });
        self.last_word(None);
    }

    fn late(&mut self, decided: &Decided) -> Option<Decided> {
        let ds_url = self.transaction.ds_url.clone()?;
        let reason = self.technical();
        let outcome = Outcome::Unavailable { reason, cancel: None, erro: None };
        let (counter, via) = (decided.counter, decided.via);
        // What the cardholder agreed to is kept; a U says nothing of it.
        let silent = Statuses::default();
        let body =
            rreq::build(&self.transaction, &outcome, counter, (via, None), &silent, self.context)
                .ok()?;
        let ending = match decided.ending {
            Ending::Verified | Ending::FellBack => Ending::Failed,
            other => other,
        };
        let late = Decided {
            status: outcome.status(),
            reason: outcome.reason().map(|reason| reason.as_str().to_owned()),
            cancel: None,
            ending,
            fell_back: None,
            ..decided.clone()
        };
        self.outputs.push(Output::SendRReq(SendRReq { ds_url, body }));
        let mut detail = json!({ "was": decided.status.code(), "status": late.status.code() });
        detail["why"] = "two connections failed before any byte of the result was sent".into();
        self.audit("late-status", detail);
        Some(late)
    }
}

const RRES: Option<&str> = Some("RRes");
