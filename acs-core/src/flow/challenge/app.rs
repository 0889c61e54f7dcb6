//! Messages of an SDK: the encrypted channel, and what a CReq wants [P-APP-10..19, P-CRY-07..13].

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::json;

use super::intent::{self, Intent};
use super::oob::Links;
use super::page::{self, Note};
use super::shown::{Additional, Shown};
use super::{Entry, Machine, SDK_ANSWERED_WITH_ERRO, Step, TRANSACTION_ERROR};
use crate::crypto::jwe::{self, Encryption, Way};
use crate::element::{DeviceChannel, MessageVersion};
use crate::erro::{Fault, Rejection, erro};
use crate::flow::consent::Offer;
use crate::flow::cres;
use crate::flow::present::{SdkReply, View};
use crate::flow::reason::Reason;
use crate::flow::rreq::Outcome;
use crate::flow::transaction::{
    AcceptedCReq, Asked, Before, Ending, Exchange, ExpectEntry, Phase, Reply, Route, Template,
    Transaction, Via,
};
use crate::message::{AppCReq, SdkErro, is_erro, peek_ids, read_app_creq, read_sdk_erro};

/// The transaction that a body at the app endpoint is about, however defective it is.
pub(super) fn transaction_of(body: &[u8]) -> Option<crate::element::TransId> {
    if is_plain(body) {
        return peek_ids(body).acs_trans_id;
    }
    std::str::from_utf8(body).ok().and_then(jwe::kid)
}

/// JSON in place of a JWE.
fn is_plain(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

impl Machine<'_> {
    /// [Req 47, Req 60, Note 11, P-ERRO-04]
    pub(super) fn app_message(mut self, body: &[u8]) -> Step {
        let Some(app) = self.transaction.app.as_deref() else {
            if is_erro(body) {
                return self.step(Some(View::Sdk(SdkReply::Nothing)));
            }
            let rejection = self.rejection(Fault::CReqNotExpected, CREQ);
            return self.refuse_unchanged(rejection);
        };
        let digest = digest_of(body);
        if app.last.as_ref().is_some_and(|last| last.digest == digest) {
            // A connection was lost: the same message gets the same answer [P-CRY-13].
            let view = current(&self.transaction);
            return self.step(Some(view));
        }
        if self.is_overdue() {
            self.time_out();
        }
        if is_plain(body) {
            return match read_sdk_erro(body, self.context.read_rules) {
                Some(received) => self.sdk_erro(&received),
                None => {
                    let fault = if self.context.issuer.app.plain_creq_is_101 {
                        Fault::MessageTypeMisplaced
                    } else {
                        Fault::Undecipherable
                    };
                    let rejection = self.rejection(fault, CREQ);
                    self.refuse_app(rejection, digest)
                }
            };
        }
        match self.readable_app(body) {
            Ok(creq) => self.accept(&creq, digest),
            Err(rejection) => self.refuse_app(rejection, digest),
        }
    }

    /// Decrypts and reads a CReq of this transaction; the counter moves on with it
    /// [P-CRY-11, P-APP-10, Note 87].
    fn readable_app(&mut self, body: &[u8]) -> Result<AppCReq, Box<Rejection>> {
        if let Some(fault) = closed(&self.transaction) {
            return Err(self.rejection(fault, CREQ));
        }
        let key = self.context.content_key;
        let key = key.ok_or_else(|| self.rejection(Fault::PermanentFailure, CREQ))?;
        let undecipherable = |machine: &Self| machine.rejection(Fault::Undecipherable, CREQ);
        let jwe = std::str::from_utf8(body).map_err(|_| undecipherable(self))?;
        let (plain, enc) = jwe::open(jwe, Way::SdkToAcs, key).map_err(|_| undecipherable(self))?;
        let Some(app) = self.transaction.app.as_deref_mut() else {
            return Err(undecipherable(self));
        };
        app.encryption = Some(enc);
        let split_sdk = app.split_sdk;
        // The 256th message has the last counter there is: its receiver stops [P-CRY-12].
        let counter = u8::try_from(app.received).ok().filter(|counter| *counter < u8::MAX);
        if split_sdk && enc != Encryption::A128Gcm {
            return Err(self.rejection(Fault::EncryptionNotAllowed, CREQ));
        }
        let Some(counter) = counter else { return Err(undecipherable(self)) };
        let creq = read_app_creq(&plain, self.context.read_rules, counter)
            .map_err(|found| Box::new(self.rejection_of(*found)))?;
        self.belongs_to_app(&creq)?;
        if let Some(app) = self.transaction.app.as_deref_mut() {
            app.received += 1;
        }
        Ok(creq)
    }

    /// Version and ids are those of the transaction [P-APP-11].
    fn belongs_to_app(&self, creq: &AppCReq) -> Result<(), Box<Rejection>> {
        let ours = &self.transaction;
        if creq.version != ours.version {
            return Err(self.version_changed(creq.version, CREQ));
        }
        let sdk = ours.app.as_deref().map_or(creq.sdk_trans_id, |app| app.sdk_trans_id);
        let ids = [
            ("threeDSServerTransID", creq.three_ds_server_trans_id, ours.three_ds_server_trans_id),
            ("acsTransID", creq.acs_trans_id, ours.acs_trans_id),
            ("sdkTransID", creq.sdk_trans_id, sdk),
        ];
        let foreign: Vec<_> =
            ids.iter().filter(|(_, got, ours)| got != ours).map(|(name, ..)| *name).collect();
        if foreign.is_empty() {
            Ok(())
        } else {
            Err(self.rejection(Fault::TransactionIdUnknown(foreign), CREQ))
        }
    }

    /// Does what a good CReq wants [Req 61].
    fn accept(mut self, creq: &AppCReq, digest: String) -> Step {
        let additional = self.additional();
        let intent = match Intent::of(creq, &self.transaction, additional.is_some()) {
            Ok(intent) => intent,
            Err(fault) => {
                let rejection = self.rejection(fault, CREQ);
                return self.refuse_app(rejection, digest);
            }
        };
        match intent::consents(creq, &self.transaction) {
            Ok(choice) => self.choice = choice,
            Err(fault) if !matches!(intent, Intent::Cancel(_)) => {
                let rejection = self.rejection(fault, CREQ);
                return self.refuse_app(rejection, digest);
            }
            Err(_) => {}
        }
        self.moves_on();
        if let Some(app) = self.transaction.app.as_deref_mut() {
            app.last = Some(Exchange { digest, reply: None });
        }
        self.links_anew(creq.oob_app_url_supported);
        let links =
            Links { opens: creq.oob_app_url_supported, back: creq.requestor_app_url.clone() };
        match intent {
            Intent::Begin => self.begin_app(links),
            Intent::Again => self.shows_current(Note::None),
            Intent::Fetch(came) => self.continue_oob(came),
            Intent::Cancel(value) => self.cancel_app(value),
            Intent::Resend if self.asked() == Some(Asked::Way) => self.shows_current(Note::None),
            Intent::Resend => self.resend(),
            Intent::Submit(typed, _) if self.asked() == Some(Asked::Way) => self.choose(&typed),
            Intent::Submit(one, two) => {
                self.submit(Entry(&one), two.as_ref().map(|two| Entry(two)))
            }
            Intent::Continue if self.is_informed() => self.on_information("continue"),
            Intent::Continue => self.after_notice(),
            Intent::Additional => match additional {
                Some(Additional::Later) => self.chooses_later(),
                Some(Additional::Code) => self.prefers_code(),
                Some(Additional::Other(via)) => self.resend_by(Route::One(via)),
                None => self.shows_current(Note::None),
            },
        }
    }

    /// What more the screen offers.
    fn additional(&self) -> Option<Additional> {
        let Phase::ExpectEntry(entry) = &self.transaction.phase else { return None };
        Shown::of(&self.transaction, entry, self.context).additional()
    }

    fn asked(&self) -> Option<Asked> {
        match &self.transaction.phase {
            Phase::ExpectEntry(entry) => Some(entry.asked),
            _ => None,
        }
    }

    /// The first good CReq: what was announced, or a code goes out [P-APP-40, Req 48].
    fn begin_app(mut self, links: Links) -> Step {
        let Phase::ExpectCReq(wait) = &self.transaction.phase else {
            return self.shows_current(Note::None);
        };
        let (via, fallback) = (wait.via, wait.fallback);
        let app = self.transaction.app.as_deref();
        let known = app.is_some_and(|app| app.device.is_some());
        let consents = Offer { bind: wait.consents.bind && known, ..wait.consents.clone() };
        if via == Via::App {
            self.begin_oob(AcceptedCReq::default(), consents, fallback, links);
            return self.shows_current(Note::None);
        }
        if self.before().notice {
            let entry = self.no_code_yet(via, consents, Asked::Notice);
            self.transaction.phase = Phase::ExpectEntry(entry);
            return self.shows_current(Note::None);
        }
        self.begin_code(via, consents)
    }

    /// The cardholder read what is going to happen.
    fn after_notice(self) -> Step {
        let Phase::ExpectEntry(entry) = &self.transaction.phase else {
            return self.shows_current(Note::None);
        };
        let (via, consents) = (entry.via, entry.consents.clone());
        self.begin_code(via, consents)
    }

    /// Where codes go where `via` is the first way: two where two are asked for.
    pub(super) fn code_route(&self, via: Via) -> Route {
        if self.before().two { Route::Two } else { Route::One(via) }
    }

    pub(super) fn before(&self) -> Before {
        self.transaction.app.as_deref().map(|app| app.before).unwrap_or_default()
    }

    /// A choice, or a code; where none can be sent, the way to a decoupled authentication.
    fn begin_code(mut self, via: Via, consents: Offer) -> Step {
        if self.before().choice.is_some() {
            let entry = self.no_code_yet(via, consents, Asked::Way);
            self.transaction.phase = Phase::ExpectEntry(entry);
            return self.shows_current(Note::None);
        }
        let route = self.code_route(via);
        match self.first_code(route, AcceptedCReq::default(), consents) {
            Ok(entry) => self.transaction.phase = Phase::ExpectEntry(entry),
            Err(_) if self.transaction.falls_back => {
                let entry = self.no_code_yet(via, Offer::default(), Asked::Code);
                self.transaction.phase = Phase::ExpectEntry(entry);
                self.inform("no contact to send a code to");
            }
            Err(creq) => self.fail("no contact to send a code to", creq),
        }
        self.shows_current(Note::None)
    }

    /// Where the code goes was chosen: no evaluation, so no attempt; anything that is no choice
    /// costs one [P-APP-14].
    fn choose(mut self, answer: &str) -> Step {
        let ways = crate::flow::app_channel::ways(self.context.contacts);
        let several = self.before().choice == Some(Template::MultiSelect);
        let route = match cres::chosen(answer, &ways).as_deref() {
            Some([via]) => Route::One(*via),
            Some([_, _]) if several => Route::Both,
            _ => return self.attempt_failed("choice-unknown", "err.form"),
        };
        let (counter, consents) = match &self.transaction.phase {
            Phase::ExpectEntry(entry) => (entry.counter, entry.consents.clone()),
            _ => (0, Offer::default()),
        };
        match self.first_code(route, AcceptedCReq::default(), consents) {
            Ok(entry) => {
                let entry = Box::new(ExpectEntry { counter, ..*entry });
                self.transaction.phase = Phase::ExpectEntry(entry);
            }
            Err(creq) => self.fail("no contact to send a code to", creq),
        }
        self.shows_current(Note::None)
    }

    /// No evaluation: the counter stays [P-APP-19, Req 64, Req 310].
    fn cancel_app(mut self, value: &'static str) -> Step {
        let version = self.transaction.version;
        let settings = &self.context.issuer.app;
        let configured = match version {
            MessageVersion::V210 => &settings.cancel_reason_210,
            MessageVersion::V220 => &settings.cancel_reason_220,
            MessageVersion::V231 => &settings.cancel_reason_231,
        };
        let reason = Reason::configured(configured, version, &Reason::NOT_AUTHENTICATED);
        let outcome = Outcome::Denied { reason, cancel: Some(value) };
        self.end(outcome, Ending::Cancelled, "the SDK cancelled");
        self.shows_current(Note::None)
    }

    /// An Erro of the SDK about a CRes, its timeout included: no answer, U where a challenge is open
    /// [P-APP-51, Note 13].
    fn sdk_erro(mut self, received: &SdkErro) -> Step {
        let foreign = |id: Option<_>, ours| id.is_some_and(|id| id != ours);
        let sdk = self.transaction.app.as_deref().map(|app| app.sdk_trans_id);
        let open = matches!(self.transaction.phase, Phase::ExpectCReq(_) | Phase::ExpectEntry(_));
        let stranger = sdk.is_some_and(|ours| foreign(received.sdk_trans_id, ours))
            || foreign(
                received.three_ds_server_trans_id,
                self.transaction.three_ds_server_trans_id,
            );
        if open && !stranger {
            self.audit("sdk-erro", json!({ "code": received.code }));
            let newest = self.transaction.version >= MessageVersion::V231;
            let copy = received.copy.clone().filter(|_| newest);
            let cancel = if copy.is_some() { SDK_ANSWERED_WITH_ERRO } else { TRANSACTION_ERROR };
            let reason = self.technical();
            let outcome = Outcome::Unavailable { reason, cancel: Some(cancel), erro: copy };
            self.end(outcome, Ending::Refused, "the SDK answered with an Erro");
        }
        self.step(Some(View::Sdk(SdkReply::Nothing)))
    }

    /// Refuses what an open challenge got: Erro in clear, U to the DS [P-APP-50, Note 11, Note 12].
    fn refuse_app(mut self, rejection: Box<Rejection>, digest: String) -> Step {
        let erro = erro(&rejection, &self.context.read_rules.versions);
        self.end_refused(&erro);
        self.rejection = Some(rejection);
        let body = String::from_utf8_lossy(&erro.body).into_owned();
        if self.moved
            && let Some(app) = self.transaction.app.as_deref_mut()
        {
            app.last = Some(Exchange { digest, reply: Some(Reply::Erro(body.clone())) });
        }
        self.step(Some(View::Sdk(SdkReply::Erro(body))))
    }

    fn refuse_unchanged(mut self, rejection: Box<Rejection>) -> Step {
        let erro = erro(&rejection, &self.context.read_rules.versions);
        self.rejection = Some(rejection);
        let body = String::from_utf8_lossy(&erro.body).into_owned();
        self.step(Some(View::Sdk(SdkReply::Erro(body))))
    }

    /// Ends a step of the app channel with the screen as it stands now.
    pub(super) fn shows_app(mut self, note: Note) -> Step {
        if let Phase::ExpectEntry(entry) = &self.transaction.phase {
            match cres::screen(&self.transaction, entry, self.context, note) {
                Ok(plain) if self.replies(&plain) => self.renew_bounded(),
                unsent => {
                    self.audit_unsent(unsent);
                    let rejection = self.rejection(Fault::PermanentFailure, CREQ);
                    let digest = self.take_digest();
                    return self.refuse_app(rejection, digest);
                }
            }
        }
        let view = current(&self.transaction);
        self.step(Some(view))
    }

    /// Each CRes starts the wait anew [P-TMO-04], as often as a real cardholder needs.
    fn renew_bounded(&mut self) {
        let exchanges = self.transaction.app.as_deref().map_or(0, |app| app.received);
        if exchanges <= MAX_RENEWALS {
            self.renew();
        }
    }

    fn take_digest(&mut self) -> String {
        let last = self.transaction.app.as_deref_mut().and_then(|app| app.last.take());
        last.map(|last| last.digest).unwrap_or_default()
    }

    /// Encrypts a CRes with the counter it holds and keeps it as the answer; false without a key:
    /// nothing is kept, and the SDK is to be told of a failure [Req 52, Note 85].
    fn replies(&mut self, plain: &[u8]) -> bool {
        let kid = self.transaction.acs_trans_id;
        let key = self.context.content_key;
        let Some(app) = self.transaction.app.as_deref_mut() else { return false };
        let counter = u8::try_from(app.sent);
        let (Some(key), Some(enc), Ok(counter)) = (key, app.encryption, counter) else {
            return false;
        };
        let jwe = jwe::seal(plain, Way::AcsToSdk, enc, kid, counter, key, self.random);
        app.sent += 1;
        if let Some(last) = &mut app.last {
            last.reply = Some(Reply::CRes(jwe));
        }
        true
    }

    /// A CRes that broke the dictionary, or could not be encrypted.
    fn audit_unsent(&mut self, unsent: Result<Vec<u8>, String>) {
        let elements = unsent.err().unwrap_or_else(|| "content key".to_owned());
        self.audit("cres-unbuildable", json!({ "elements": elements }));
    }

    /// The last word to the SDK that waits for the end of the RReq round: the final CRes, or an
    /// Erro where the round failed or no CRes can be made: an answer in any case, as account data and
    /// key are kept until there is one [P-APP-44, P-APP-52, Req 76, Req 77].
    pub(super) fn last_word(&mut self, failure: Option<Fault>) {
        if !self.transaction.owes_last_cres() {
            return;
        }
        let Some(status) = self.transaction.decided().map(|decided| decided.status) else { return };
        let fault = match failure {
            Some(fault) => Some(fault),
            None => match cres::last(&self.transaction, status) {
                Ok(plain) if self.replies(&plain) => None,
                unsent => {
                    self.audit_unsent(unsent);
                    Some(Fault::PermanentFailure)
                }
            },
        };
        if let Some(fault) = fault {
            let rejection = self.rejection(fault, None);
            let erro = erro(&rejection, &self.context.read_rules.versions);
            let body = String::from_utf8_lossy(&erro.body).into_owned();
            let last = self.transaction.app.as_deref_mut().and_then(|app| app.last.as_mut());
            if let Some(last) = last {
                last.reply = Some(Reply::Erro(body));
            }
        }
    }
}

/// The answer to the newest message of an SDK.
pub(super) fn current(transaction: &Transaction) -> View {
    let last = transaction.app.as_deref().and_then(|app| app.last.as_ref());
    match last.and_then(|last| last.reply.as_ref()) {
        Some(Reply::CRes(jwe)) => View::Sdk(SdkReply::CRes(jwe.clone())),
        Some(Reply::Erro(body)) => View::Sdk(SdkReply::Erro(body.clone())),
        None if transaction.owes_last_cres() => View::Processing,
        None => page::invalid(transaction),
    }
}

/// Why no further CReq is taken, if none is; where the ARes called for none, none was awaited
/// [P-APP-53, Req 222, Req 225, Note 38].
fn closed(transaction: &Transaction) -> Option<Fault> {
    match (&transaction.phase, transaction.decided()) {
        (Phase::ExpectCReq(_) | Phase::ExpectEntry(_), _)
            if transaction.channel == DeviceChannel::App =>
        {
            None
        }
        (_, Some(decided)) if !decided.is_of_decoupled() => Some(match decided.ending {
            Ending::Idle | Ending::NeverBegun => Fault::TimedOut,
            // The key is gone with the challenge.
            _ => Fault::Undecipherable,
        }),
        _ => Some(Fault::CReqNotExpected),
    }
}

fn digest_of(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(&digest::digest(&digest::SHA256, bytes).as_ref()[..16])
}

const CREQ: Option<&str> = Some("CReq");
/// Exchanges after which the wait is not started anew.
const MAX_RENEWALS: u16 = 64;
