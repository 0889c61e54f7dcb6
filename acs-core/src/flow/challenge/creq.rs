//! CReqs at the browser endpoint [P-BRW-10..19].

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::oob::Links;
use super::{CREQ_ANSWERED_WITH_ERRO, Machine, Step, TRANSACTION_ERROR, page};
use crate::element::{DeviceChannel, MessageVersion};
use crate::erro::{ErroMessage, Fault, Rejection, erro};
use crate::flow::consent::Offer;
use crate::flow::rreq::Outcome;
use crate::flow::transaction::{AcceptedCReq, Asked, Ending, ExpectEntry, Phase, Route, Via};
use crate::message::{CReq, read_creq};

impl Machine<'_> {
    /// [P-BRW-16, P-BRW-17, Req 442, Note 138]
    pub(super) fn creq(mut self, bytes: &[u8], session_data: Option<&str>) -> Step {
        if self.transaction.channel != DeviceChannel::Browser {
            // Another endpoint's transaction: nothing of it changes [P-BRW-15].
            self.rejection = Some(self.rejection(Fault::CReqNotExpected, CREQ));
            return self.invalid();
        }
        if self.is_overdue() {
            self.time_out();
        }
        let creq = match self.readable(bytes) {
            Ok(creq) => creq,
            Err(rejection) => return self.refuse(rejection, session_data),
        };
        let accepted = AcceptedCReq {
            window: creq.challenge_window_size,
            digest: digest_of(bytes),
            session_data: session_data.map(str::to_owned),
        };
        match &self.transaction.phase {
            Phase::ExpectCReq(_) => self.begin(accepted),
            Phase::ExpectEntry(_) => self.repeat(accepted),
            _ if self.reoffers(&accepted) => self.shows_current(page::Note::None),
            _ => {
                let seconds = self.context.issuer.first_creq_seconds;
                let fault = self.too_late();
                let words = (fault == Fault::TimedOut)
                    .then(|| format!("expected the CReq within {seconds} seconds of the ARes"));
                let refusal = self.refusal(fault, CREQ).explained(words);
                self.refuse(Box::new(refusal), session_data)
            }
        }
    }

    /// A CReq of this transaction that its version and channel allow
    /// [P-BRW-12, P-BRW-13, P-BRW-14, Req 119, Req 320].
    fn readable(&self, bytes: &[u8]) -> Result<CReq, Box<Rejection>> {
        let transaction = &self.transaction;
        let creq = read_creq(bytes, self.context.read_rules).map_err(|found| {
            let rejection = self.rejection_of(*found);
            Box::new(if is_unrecognised(&rejection.fault) {
                rejection.under(UNRECOGNISED)
            } else {
                rejection
            })
        })?;
        if creq.version != transaction.version {
            return Err(self.version_changed(creq.version, CREQ));
        }
        let ids = [
            (
                "threeDSServerTransID",
                creq.three_ds_server_trans_id,
                transaction.three_ds_server_trans_id,
            ),
            ("acsTransID", creq.acs_trans_id, transaction.acs_trans_id),
        ];
        let foreign: Vec<_> =
            ids.iter().filter(|(_, got, ours)| got != ours).map(|(name, ..)| *name).collect();
        if foreign.is_empty() {
            Ok(creq)
        } else {
            Err(self.rejection(Fault::TransactionIdUnknown(foreign), CREQ))
        }
    }

    /// The first good CReq: a code goes out, a page is shown [P-BRW-20, Req 121, Req 269].
    fn begin(mut self, creq: AcceptedCReq) -> Step {
        let Phase::ExpectCReq(wait) = &self.transaction.phase else { return self.invalid() };
        let via = wait.via;
        let consents = wait.consents.clone();
        if via == Via::App {
            let fallback = wait.fallback;
            self.begin_oob(creq, consents, fallback, Links::default());
            return self.shows_current(page::Note::None);
        }
        if let Some(spc) = wait.spc.clone() {
            return self.begin_with_passkey(spc, via, consents, creq);
        }
        match self.first_code(Route::One(via), creq, consents) {
            Ok(entry) => {
                self.moves_on();
                self.transaction.phase = Phase::ExpectEntry(entry);
            }
            Err(creq) if self.transaction.falls_back => {
                let entry = self.no_code_yet(via, Offer::default(), Asked::Code);
                let entry = ExpectEntry { creq, ..*entry };
                self.moves_on();
                self.transaction.phase = Phase::ExpectEntry(Box::new(entry));
                self.inform("no contact to send a code to");
            }
            Err(creq) => self.fail("no contact to send a code to", creq),
        }
        self.shows_current(page::Note::None)
    }

    /// A CReq while a page is shown, as a reload makes [P-BRW-17]: no code, no attempt
    /// [Note 17, Note 18].
    fn repeat(mut self, creq: AcceptedCReq) -> Step {
        let refuses = self.context.issuer.refuse_repeated_creq;
        let Phase::ExpectEntry(entry) = &mut self.transaction.phase else { return self.invalid() };
        let fault = if entry.creq.digest != creq.digest {
            Some(Fault::CReqDiffers)
        } else if refuses || entry.creqs >= MAX_CREQS {
            Some(Fault::RepeatedCReqRefused)
        } else {
            None
        };
        if let Some(fault) = fault {
            let rejection = self.rejection(fault, CREQ);
            return self.refuse(rejection, creq.session_data.as_deref());
        }
        entry.creqs += 1;
        if creq.session_data.is_some() {
            entry.creq.session_data = creq.session_data;
        }
        self.moves_on();
        self.renew();
        self.shows_current(page::Note::None)
    }

    /// Whether an identical CReq gets the final page again, by
    /// `protocol.brw_reoffer_final_cres` [P-BRW-18].
    fn reoffers(&self, creq: &AcceptedCReq) -> bool {
        let on = self.context.issuer.browser.reoffer_final_cres;
        let decided = self.transaction.decided().filter(|_| on);
        decided.is_some_and(|decided| {
            let has_cres = match decided.ending {
                Ending::Verified | Ending::Failed | Ending::Cancelled | Ending::FellBack => true,
                Ending::Idle => self.context.issuer.browser.cres_on_idle,
                Ending::NeverBegun | Ending::Refused | Ending::Confirmed | Ending::TimeOver => {
                    false
                }
            };
            has_cres && decided.creq.digest == creq.digest
        })
    }

    /// What a CReq is told when the challenge is not open
    /// [P-BRW-15, P-BRW-16, P-BRW-18, Req 222, Note 19, Note 38].
    fn too_late(&self) -> Fault {
        match self.transaction.decided() {
            None => Fault::CReqNotExpected,
            Some(decided) if decided.is_of_decoupled() => Fault::CReqNotExpected,
            Some(decided) if decided.ending == Ending::NeverBegun => Fault::TimedOut,
            Some(_) => Fault::CReqAfterRReq,
        }
    }

    /// Refuses a CReq: an Erro through the browser where that is foreseen, and U where a challenge
    /// was open [P-BRW-11, P-BRW-19, P-ERRO-05, Note 15, Note 16].
    fn refuse(mut self, rejection: Box<Rejection>, session_data: Option<&str>) -> Step {
        let erro = erro(&rejection, &self.context.read_rules.versions);
        let unrecognised = is_unrecognised(&rejection.fault);
        let window = match &self.transaction.phase {
            Phase::ExpectEntry(entry) => entry.creq.window.clone(),
            _ => FULL_SCREEN.to_owned(),
        };
        self.end_refused(&erro);
        self.rejection = Some(rejection);
        if unrecognised {
            return self.invalid();
        }
        let view = page::erro(
            &self.transaction,
            self.context,
            &erro,
            window,
            session_data.map(str::to_owned),
        );
        self.step(Some(view))
    }

    /// [P-ERRO-05, Note 14, Note 130]
    pub(super) fn end_refused(&mut self, erro: &ErroMessage) {
        if !matches!(self.transaction.phase, Phase::ExpectCReq(_) | Phase::ExpectEntry(_)) {
            return;
        }
        self.audit(
            "creq-refused",
            json!({ "code": erro.code.as_str(), "detail": erro.detail, "rule": erro.rule }),
        );
        let newest = self.transaction.version >= MessageVersion::V231;
        let copy = newest.then(|| serde_json::from_slice::<Value>(&erro.body).ok()).flatten();
        let cancel = if copy.is_some() { CREQ_ANSWERED_WITH_ERRO } else { TRANSACTION_ERROR };
        let reason = self.technical();
        let outcome = Outcome::Unavailable { reason, cancel: Some(cancel), erro: copy };
        self.end(outcome, Ending::Refused, "a CReq was refused");
    }

    /// Starts the wait on the page again. Every caller counts something that has a limit
    /// [P-TMO-05, Req 226].
    pub(super) fn renew(&mut self) {
        let until = self.context.now.plus_seconds(self.context.issuer.idle_seconds);
        if let Phase::ExpectEntry(entry) = &mut self.transaction.phase {
            entry.until = until;
        }
    }
}

/// Whether what came is no CReq at all [P-BRW-11].
const fn is_unrecognised(fault: &Fault) -> bool {
    matches!(fault, Fault::NotJson | Fault::MessageTypeUnknown | Fault::MessageTypeMisplaced)
}

/// Digest of a message whatever its layout.
fn digest_of(bytes: &[u8]) -> String {
    let canonical = serde_json::from_slice::<Value>(bytes)
        .and_then(|value| serde_json::to_vec(&value))
        .unwrap_or_else(|_| bytes.to_vec());
    STANDARD_NO_PAD.encode(&digest::digest(&digest::SHA256, &canonical).as_ref()[..16])
}

const CREQ: Option<&str> = Some("CReq");
const UNRECOGNISED: &str = "P-BRW-11";
/// CReqs of one challenge, the first included.
const MAX_CREQS: u8 = 20;
/// Window size for an Erro before any CReq was good.
const FULL_SCREEN: &str = "05";
