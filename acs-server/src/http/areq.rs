//! `POST /3ds/areq`: an AReq (or an Erro about our ARes) from a directory server [P-AREQ-01..20].
//! Bytes are read by the core, decided by the core, committed, and only then answered.

mod code_guesses;
mod device;
mod in_flight;
mod prior;

use std::sync::Arc;

use acs_core::crypto::ContentSigner;
use acs_core::element::{MessageVersion, TransId, TransStatus};
use acs_core::erro::{ErroContext, Fault, Rejection, erro};
use acs_core::flow::consent::{ConsentLookup, DeviceId};
use acs_core::flow::transaction::Phase;
use acs_core::flow::{AuthenticateInput, Authenticated, authenticate};
use acs_core::message::{AReq, AtAreqEndpoint, ReceivedErro, objection, read_areq};
use acs_core::profile::{Account, CardLookup, Contacts, IssuerProfile};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::app::{App, DsPeer, DsRuntime, IssuerRuntime};
use crate::config::SameServerTransId;
use crate::driver::{self, Arrived, SystemRandom};
use crate::http::{ids, respond};
use crate::outgoing;
use crate::signing::KeySigner;
use crate::storage::{
    Committed, ReplayKey, Secret, StoreError, StoredReply, StoredState, TransactionNumber,
    TransactionRow, TransactionWrite,
};
use crate::{crash, signing, trans_id};

pub use code_guesses::CodeGuesses;
pub use in_flight::InFlight;
use in_flight::{Claim, Place};

/// The directory server that sends a JSON message, or what refuses the request.
pub(super) fn sender<'a>(
    app: &'a App,
    peer: &DsPeer,
    headers: &HeaderMap,
) -> Result<&'a DsRuntime, Box<Response>> {
    if !respond::is_media_type(headers, "application/json") {
        return Err(respond::refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE).into());
    }
    let Some(ds) = app.ds.get(peer.ds) else {
        return Err(empty(StatusCode::SERVICE_UNAVAILABLE).into());
    };
    if !peer.name_ok {
        let rejection = Rejection::new(Fault::AccessDenied, ErroContext::default());
        return Err(refuse(ds, &rejection).into());
    }
    Ok(ds)
}

/// Answers one message of a directory server [P-ARES-18, Req 34, Req 111, Req 294].
pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<DsPeer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let ds = match sender(&app, &peer, &headers) {
        Ok(ds) => ds,
        Err(response) => return *response,
    };
    let areq = match read_areq(&body, &ds.read_rules) {
        Ok(AtAreqEndpoint::AReq(areq)) => areq,
        Ok(AtAreqEndpoint::Erro(received)) => return take_erro(ds, &received),
        Ok(_) => return empty(StatusCode::OK),
        Err(rejection) => return refuse(ds, &rejection),
    };
    let version = areq.version;
    let ds_trans_id = areq.ds_trans_id;
    if version >= MessageVersion::V231 {
        ids::note_request(&headers, ds_trans_id, &ds.profile.id);
    }
    match answer(&app, peer.ds, &areq, &body).await {
        Answer::ARes(reply) => {
            crash::pass("before-reply");
            pass_after_reply();
            ares(reply, version, ds_trans_id)
        }
        Answer::Refused(rejection) => refuse(ds, &rejection),
        Answer::Unavailable => empty(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// What an AReq comes to.
enum Answer {
    ARes(Reply),
    Refused(Box<Rejection>),
    /// No ARes can be given truthfully.
    Unavailable,
}

/// An ARes and the id it made.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) ares: Bytes,
    pub(crate) acs_trans_id: TransId,
}

/// Without the message, which may hold an authentication value.
impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({})", self.acs_trans_id)
    }
}

/// Finds out whether this AReq is the first with its dsTransID [P-AREQ-20] and answers accordingly.
///
/// A directory server may hang up at any await: before the commit is asked for nothing has begun;
/// afterwards it takes place, its outgoing rows are found by the sweep, and a repeat finds its ARes.
async fn answer(app: &Arc<App>, ds: usize, areq: &AReq, body: &[u8]) -> Answer {
    let ds_id = &app.ds[ds].profile.id;
    let mut key = app.vault.replay_key(ds_id, areq.ds_trans_id.0.as_bytes(), body);
    if app.config.protocol.areq_same_3dss_trans_id == SameServerTransId::Refuse {
        let id = areq.three_ds_server_trans_id;
        key.server = Some(app.vault.server_id_key(ds_id, id.0.as_bytes()));
    }
    for _ in 0..MAX_CLAIMS {
        match app.desk.areqs.claim(&key, || app.store.replay(&key)) {
            Claim::First(place) => match first(app, ds, areq, key, place).await {
                Some(answer) => return answer,
                None => continue,
            },
            Claim::Same(answer) => {
                if let Ok(reply) = answer.await {
                    return Answer::ARes(reply);
                }
            }
            Claim::Unstored(reply) => return Answer::ARes(reply),
            Claim::Answered(number) => return repeat(app, areq, number).await,
            Claim::Different => return refused(areq, Fault::DuplicateMessage),
        }
    }
    Answer::Unavailable
}

/// An AReq that passed the readers and is refused all the same.
fn refused(areq: &AReq, fault: Fault) -> Answer {
    let context = ErroContext {
        version: Some(areq.version),
        message_type: Some("AReq"),
        three_ds_server_trans_id: Some(areq.three_ds_server_trans_id),
        ds_trans_id: Some(areq.ds_trans_id),
        acs_trans_id: None,
        sdk_trans_id: areq.app.as_ref().map(|app| app.sdk_trans_id),
    };
    Answer::Refused(Box::new(Rejection::new(fault, context)))
}

/// An identical repeat gets the identical ARes while that is kept [P-AREQ-13, P-AREQ-20, Note 40].
async fn repeat(app: &App, areq: &AReq, number: TransactionNumber) -> Answer {
    match app.store.transaction(number).await {
        Ok(Some(row)) => {
            let age_ms = app.clock.now().0 - row.created.0;
            let acs_trans_id = row.state.transaction().map(|state| state.acs_trans_id);
            let repeat_window_ms = i64::from(app.config.protocol.areq_repeat_seconds) * 1000;
            match (row.reply, acs_trans_id) {
                (Some(ares), Ok(acs_trans_id)) if age_ms <= repeat_window_ms => {
                    tracing::info!(%acs_trans_id, "an AReq was repeated and is answered as before");
                    Answer::ARes(Reply { ares: ares.into_message().into(), acs_trans_id })
                }
                _ => refused(areq, Fault::DuplicateMessage),
            }
        }
        Ok(None) => Answer::Unavailable,
        Err(error) => {
            tracing::error!(%error, "a repeated AReq cannot be looked up");
            Answer::Unavailable
        }
    }
}

/// `None` when another bearer of the dsTransID was stored meanwhile: to be looked at again.
async fn first(
    app: &Arc<App>,
    ds: usize,
    areq: &AReq,
    key: ReplayKey,
    place: Place<'_>,
) -> Option<Answer> {
    let now = app.clock.now();
    if let Some(fault) = objection(areq, app.config.protocol.areq_readings(), now) {
        return Some(refused(areq, fault));
    }
    let Some(issuer) = app.issuer_of(ds, &areq.pan) else {
        return Some(refused(areq, Fault::NotServed("acctNumber")));
    };
    if app.store.server_id_is_taken(&key) {
        return Some(refused(areq, Fault::ServerTransIdRepeated));
    }
    let ds = &app.ds[ds];
    let ds_id = &ds.profile.id;
    let account = Account { pan: areq.pan.clone(), card_token: app.store.card_token(&areq.pan) };
    let (card, consents) =
        tokio::join!(look_up(app, issuer, &account), consents(app, issuer, &account.card_token));
    let card = code_guesses::judge(app, issuer, areq, &account.card_token, card);
    let prior = prior::look_up(app, ds_id, issuer, areq).await;
    let device = device::seen(areq, issuer, app);
    let mut decision = Decision { app, ds, issuer, areq, prior, key, account, consents, device };
    let mut decided = decision.decide(&card).await;
    for _ in 0..MAX_DECISIONS {
        if !matches!(decided, Err(Undecided::PriorMoved)) {
            break;
        }
        decision.prior = prior::look_up(app, ds_id, issuer, areq).await;
        decided = decision.decide(&card).await;
    }
    Some(match decided {
        Ok(reply) => {
            place.answer(&reply);
            Answer::ARes(reply)
        }
        Err(Undecided::Overtaken | Undecided::PriorMoved) => return None,
        Err(Undecided::Store(error)) => {
            tracing::error!(ds = ds_id, %error, "an AReq cannot be stored");
            metrics::counter!("acs_areq_unstored_total", "ds" => ds_id.clone()).increment(1);
            decision.without_store().map_or(Answer::Unavailable, |reply| {
                place.answer_unstored(&reply);
                Answer::ARes(reply)
            })
        }
        Err(Undecided::Refused(rejection)) => Answer::Refused(rejection),
        Err(Undecided::Impossible) => Answer::Unavailable,
    })
}

async fn look_up(app: &App, issuer: &IssuerRuntime, account: &Account) -> CardLookup {
    match app.store.card(&issuer.profile.id, &account.card_token).await {
        Ok(Some(card)) => CardLookup::Found(card),
        Ok(None) => CardLookup::Unknown,
        Err(error) => {
            tracing::error!(issuer = issuer.profile.id, %error, "a card cannot be looked up");
            CardLookup::Failed
        }
    }
}

/// What the cardholder agreed to, where the issuer keeps such things. Without an answer nothing
/// counts as agreed.
async fn consents(app: &App, issuer: &IssuerRuntime, card_token: &str) -> ConsentLookup {
    let IssuerProfile { id, consents, .. } = &issuer.profile;
    if !consents.are_kept() {
        return ConsentLookup::Unread;
    }
    match app.store.consents(id, card_token).await {
        Ok(found) => ConsentLookup::Known(found),
        Err(error) => {
            tracing::error!(issuer = id, %error, "consents cannot be looked up");
            ConsentLookup::Unread
        }
    }
}

/// Why there is no stored ARes.
enum Undecided {
    Refused(Box<Rejection>),
    Store(StoreError),
    /// This dsTransID was stored meanwhile: by another node, or for a bearer that hung up.
    Overtaken,
    Impossible,
    /// The earlier transaction that this one ends has changed meanwhile.
    PriorMoved,
}

/// All that one decision reads.
struct Decision<'a> {
    app: &'a Arc<App>,
    ds: &'a DsRuntime,
    issuer: &'a IssuerRuntime,
    areq: &'a AReq,
    prior: prior::Found,
    key: ReplayKey,
    account: Account,
    consents: ConsentLookup,
    device: Option<DeviceId>,
}

impl Decision<'_> {
    /// Decides, commits, and starts what follows.
    async fn decide(&self, card: &CardLookup) -> Result<Reply, Undecided> {
        let number = self.app.store.next_number();
        let (decided, header) = self.authenticate(number, card)?;
        let Authenticated { transaction, ares, outputs, content_key, closes_prior, .. } = decided;
        let reply = match decided.signed_content_at.zip(header) {
            Some((at, header)) => StoredReply::around(&ares, at, header),
            None => StoredReply::new(ares.clone()),
        };
        let transaction = Arc::new(transaction);
        let acs_trans_id = transaction.acs_trans_id;
        let now = transaction.created;
        let deadline = transaction.deadline();
        let contacts = match card {
            CardLookup::Found(card) => card.contacts.clone(),
            _ => Contacts::default(),
        };
        let row = TransactionRow {
            number,
            issuer_id: transaction.issuer_id.clone(),
            ds_id: transaction.ds_id.clone(),
            created: now,
            revision: transaction.revision,
            deadline,
            state: StoredState::of(Arc::clone(&transaction)).map_err(|_| Undecided::Impossible)?,
            secret: deadline.map(|_| Secret::new(self.areq.pan.clone(), contacts, content_key)),
            replay: Some(self.key),
            reply: Some(reply),
        };
        let timers = &self.app.config.protocol;
        let mut performed = driver::perform(
            &row,
            &transaction.card_token,
            outputs,
            now,
            &Arrived::Deadline,
            timers,
        );
        performed.unit.transaction = Some(TransactionWrite::Insert(row));
        if closes_prior {
            performed.unit.closes = Some(self.prior.closing().ok_or(Undecided::Impossible)?);
        }
        match driver::commit(self.app, performed.unit).await {
            Ok(Committed::Durable) => {}
            Ok(Committed::Conflict) if closes_prior => return Err(Undecided::PriorMoved),
            Ok(Committed::Conflict) => return Err(Undecided::Overtaken),
            Err(error) => return Err(Undecided::Store(error)),
        }
        for row in performed.send {
            outgoing::dispatch(self.app, row);
        }
        count(&self.ds.profile.id, &transaction.phase);
        tracing::debug!(%acs_trans_id, ds = transaction.ds_id, issuer = transaction.issuer_id,
            version = %transaction.version, result = result_of(&transaction.phase), "AReq answered");
        Ok(Reply { ares: ares.into(), acs_trans_id })
    }

    /// The answer when nothing can be stored: a U, from which nothing further can follow, or none
    /// [P-AREQ-31, P-TRN-13, Req 215].
    fn without_store(&self) -> Result<Reply, Undecided> {
        let number = self.app.store.next_number();
        let (decided, _) = self.authenticate(number, &CardLookup::Failed)?;
        let Phase::Answered(answered) = &decided.transaction.phase else {
            return Err(Undecided::Impossible);
        };
        if answered.status != TransStatus::Unavailable {
            return Err(Undecided::Impossible);
        }
        count(&self.ds.profile.id, &decided.transaction.phase);
        let acs_trans_id = decided.transaction.acs_trans_id;
        Ok(Reply { ares: decided.ares.into(), acs_trans_id })
    }

    /// The decision, and the protected header of whatever content it signed.
    fn authenticate(
        &self,
        number: TransactionNumber,
        card: &CardLookup,
    ) -> Result<(Authenticated, Option<Arc<str>>), Undecided> {
        let Self { app, ds, issuer, areq, account, .. } = self;
        let ds_url_allowed = ds_url_allowed(areq, ds);
        if !ds_url_allowed {
            tracing::error!(ds = ds.profile.id, ds_trans_id = %areq.ds_trans_id, alert = true,
                "dsURL is outside the allowed targets of this DS: no challenge is possible");
            metrics::counter!("acs_foreign_ds_url_total", "ds" => ds.profile.id.clone())
                .increment(1);
        }
        let now = signing::now(app.clock.as_ref());
        let signer = ds.signing.as_ref().and_then(|signing| signing.usable(now));
        let input = AuthenticateInput {
            areq,
            account,
            card,
            issuer: &issuer.profile,
            ds: &ds.profile,
            acs_trans_id: trans_id::encode(number, app.vault.trans_id_key()),
            ds_url_allowed,
            notification_url_allowed: notification_url_allowed(areq, !app.config.is_production()),
            signer: signer.as_deref().map(|signer| signer as &dyn ContentSigner),
            method_data_found: device::method_data_found(areq, app),
            attempts_range: issuer.config.attempts(&areq.pan),
            prior: &self.prior.prior,
            consents: &self.consents,
            device: self.device.as_ref(),
            now: app.clock.now(),
        };
        let decided = authenticate(&input, &mut SystemRandom, ds.generator.as_ref())
            .map_err(Undecided::Refused)?;
        Ok((decided, signer.as_deref().map(KeySigner::shared_header)))
    }
}

/// Without dsURL (2.1.0 3RI) there is nothing foreign [P-RREQ-01, Note 90].
fn ds_url_allowed(areq: &AReq, ds: &DsRuntime) -> bool {
    let Some(url) = areq.ds_url.as_deref() else { return true };
    if ds.known_ds_url.load().as_deref().is_some_and(|known| known == url) {
        return true;
    }
    let allowed = ds.rreq_targets.allows_text(url);
    if allowed {
        ds.known_ds_url.store(Some(Arc::new(url.to_owned())));
    }
    allowed
}

fn notification_url_allowed(areq: &AReq, development: bool) -> bool {
    areq.browser.as_ref().is_some_and(|browser| {
        // That it is a URL was looked at with all other elements.
        let url = &browser.notification_url;
        url.starts_with("https://") || super::may_post_back(url, development)
    })
}

/// Whoever posts an Erro gets an empty answer [P-ERRO-04].
pub(super) fn take_erro(ds: &DsRuntime, received: &ReceivedErro) -> Response {
    tracing::warn!(
        ds = ds.profile.id,
        code = received.error_code,
        component = received.error_component,
        acs_trans_id = received.acs_trans_id.map(tracing::field::display),
        "an Erro was received"
    );
    metrics::counter!("acs_erro_received_total", "ds" => ds.profile.id.clone()).increment(1);
    empty(StatusCode::OK)
}

pub(super) fn refuse(ds: &DsRuntime, rejection: &Rejection) -> Response {
    let erro = erro(rejection, &ds.profile.versions);
    super::report_refused("ds", &ds.profile.id, &erro);
    respond::message(erro.body)
}

fn count(ds_id: &str, phase: &Phase) {
    metrics::counter!("acs_areq_total", "ds" => ds_id.to_owned(), "result" => result_of(phase))
        .increment(1);
}

fn result_of(phase: &Phase) -> &'static str {
    match phase {
        Phase::Answered(answered) => answered.status.code(),
        Phase::Decoupled(_) => TransStatus::Decoupled.code(),
        Phase::ExpectSpc(_) => TransStatus::SpcRequired.code(),
        _ => TransStatus::ChallengeRequired.code(),
    }
}

/// [P-TRN-12, Req 469, Note 64]
fn ares(reply: Reply, version: MessageVersion, ds_trans_id: TransId) -> Response {
    let response = respond::message(reply.ares.into());
    if version < MessageVersion::V231 {
        return response;
    }
    ids::stamp(response, ds_trans_id, reply.acs_trans_id)
}

pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// The moment after a reply left is seen by nobody here; a little later is after it.
fn pass_after_reply() {
    if crash::armed("after-reply") {
        tokio::spawn(async {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            crash::pass("after-reply");
        });
    }
}

/// Decisions on ever newer states of an earlier transaction.
const MAX_DECISIONS: usize = 4;
/// How often an AReq may lose its place to a bearer that then goes away.
const MAX_CLAIMS: usize = 8;
