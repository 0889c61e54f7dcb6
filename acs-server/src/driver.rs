//! Runs what the core asks for, boring on purpose: load, one core step, commit, perform. Nothing
//! leaves before its commit, and a commit that lost the race is decided anew on the new state.

mod clock_watch;
mod crowd;
mod deadlines;
mod desk;
mod finishing;
mod stuck;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use acs_core::crypto::key_agreement::EphemeralKey;
use acs_core::element::TransId;
use acs_core::erro::Rejection;
use acs_core::flow::challenge::{self, ChallengeContext, Entry, Form, Input, RReqNews, Step};
use acs_core::flow::confirmation::Verdict;
use acs_core::flow::present::View;
use acs_core::flow::{Output, Transaction};
use acs_core::profile::Contacts;
use acs_core::{Random, UtcMillis};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::config::Protocol;
use crate::http::forms::PageForm;
use crate::outgoing;
use crate::storage::{
    BadState, Committed, ConsentRow, Deadline, EventRow, OutgoingKind, OutgoingRow, OutgoingWrite,
    Secret, StoreError, StoredState, TransactionNumber, TransactionRow, TransactionWrite, Unit,
};
use crate::{crash, http};

pub(crate) use crowd::enter;
pub use deadlines::{fire_due, spawn};
pub use desk::Desk;
pub(crate) use desk::unpoisoned;
pub(crate) use finishing::{caught, to_the_end};

/// Something happened to a transaction; owned, so that a step can be decided again.
pub(crate) enum Arrived {
    CReq {
        creq: Vec<u8>,
        session_data: Option<String>,
    },
    SdkMessage(Vec<u8>),
    Form(PageForm),
    Deadline,
    RReq(RReqArrived),
    /// Word from the issuer's systems: decoupled.
    Confirmation(Verdict),
    /// Word from the issuer's systems: out-of-band.
    OobResult(Verdict),
}

/// How an RReq fared.
pub(crate) enum RReqArrived {
    Answered(Vec<u8>),
    NoAnswer,
    ConnectionFailedTwice,
    GivenUp,
}

impl Arrived {
    fn as_input(&self) -> Input<'_> {
        match self {
            Self::CReq { creq, session_data } => {
                Input::BrowserCReq { creq, session_data: session_data.as_deref() }
            }
            Self::SdkMessage(body) => Input::SdkMessage(body),
            Self::Form(fields) => Input::Form(Form {
                token: &fields.token,
                action: &fields.action,
                entry: Entry(&fields.entry),
                assertion: &fields.assertion,
                language: fields.language.as_deref(),
                choice: fields.choice.clone(),
            }),
            Self::Deadline => Input::DeadlineReached,
            Self::Confirmation(verdict) => Input::Confirmation(*verdict),
            Self::OobResult(verdict) => Input::OobResult(*verdict),
            Self::RReq(news) => Input::RReq(match news {
                RReqArrived::Answered(body) => RReqNews::Answered(body),
                RReqArrived::NoAnswer => RReqNews::NoAnswer,
                RReqArrived::ConnectionFailedTwice => RReqNews::ConnectionFailedTwice,
                RReqArrived::GivenUp => RReqNews::GivenUp,
            }),
        }
    }

    /// A row written because two connections failed waits for the next regular try.
    const fn sends_at_once(&self) -> bool {
        !matches!(self, Self::RReq(RReqArrived::ConnectionFailedTwice))
    }
}

/// Why a step could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error("no such transaction")]
    Unknown,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the transaction kept changing")]
    Contended,
    #[error("the stored state cannot be used: {0}")]
    State(#[from] BadState),
    #[error("the stored state cannot be used: {0} is gone")]
    Gone(String),
    #[error("the account data of this challenge cannot be read")]
    Secret,
}

/// A transaction after a step, with what a browser is to see.
#[derive(Debug)]
pub(crate) struct Stepped {
    pub(crate) transaction: Arc<Transaction>,
    pub(crate) view: Option<View>,
}

/// Runs one step of transaction `number` to its commit and starts its outputs. `id`, when given,
/// must be the transaction's own. `close` ends the RReq's outgoing row in the same commit
/// [P-BRW-30].
pub(crate) async fn step(
    app: &Arc<App>,
    number: TransactionNumber,
    id: Option<TransId>,
    arrived: &Arrived,
    close: Option<&'static str>,
) -> Result<Stepped, StepError> {
    // Keeps this process from racing against itself; between processes the revision decides.
    let _turn = app.desk.turn(number).await;
    for _ in 0..MAX_DECISIONS {
        let (row, before) = load(app, number, id).await?;
        if !can_be_served(&row, &before, arrived) {
            return Err(StepError::Secret);
        }
        let now = app.clock.now();
        let decided = with_context(app, &before, row.secret.as_ref(), now, |context, random| {
            challenge::handle(Transaction::clone(&before), arrived.as_input(), context, random)
        })?;
        let Step { transaction, outputs, view, rejection, .. } = decided;
        let transaction = transaction.map(Arc::new);
        let Performed { mut unit, send } =
            perform(&row, &before.card_token, outputs, now, arrived, &app.config.protocol);
        if let Some(how) = close {
            let kind = OutgoingKind::RReq;
            unit.outgoing.push(OutgoingWrite::Closed { transaction: number, kind, how });
        }
        let expected = before.revision;
        unit.transaction = match &transaction {
            Some(after) => {
                let stored = row.deadline;
                let row = replacement(row, after)?;
                let deadline =
                    if row.deadline == stored { Deadline::Stays } else { Deadline::Moves };
                Some(TransactionWrite::Replace { row, expected, deadline })
            }
            None if matches!(arrived, Arrived::Deadline) && row.deadline != before.deadline() => {
                // It was looked at too early: now at the time of the state as it is.
                let state = StoredState::of(Arc::clone(&before))?;
                let row = TransactionRow { deadline: before.deadline(), state, ..row };
                Some(TransactionWrite::Replace { row, expected, deadline: Deadline::Moves })
            }
            None => None,
        };
        let cancelled = cancelled(&unit);
        if commit(app, unit).await? == Committed::Conflict {
            continue;
        }
        for key in cancelled {
            app.desk.deliveries.cancel(key);
        }
        if let Some(rejection) = rejection {
            report_refusal(app, &before, arrived, &rejection);
        }
        for row in send {
            outgoing::dispatch(app, row);
        }
        app.desk.rounds.signal(number);
        let transaction = transaction.unwrap_or(before);
        telemetry_of(&transaction, arrived);
        return Ok(Stepped { transaction, view });
    }
    Err(StepError::Contended)
}

/// What a browser is to see once no RReq is on its way: waits for the end of the round, but not
/// longer than the sender's two tries and its answer timer can take together [P-BRW-30].
pub(crate) async fn settled(
    app: &Arc<App>,
    number: TransactionNumber,
    stepped: Stepped,
) -> Result<Stepped, StepError> {
    let Stepped { mut transaction, mut view } = stepped;
    let patience = Instant::now() + round_patience(&app.config.protocol);
    while matches!(view, Some(View::Processing)) {
        let mut listening = app.desk.rounds.listen(number);
        let (row, state) = load(app, number, None).await?;
        let now = app.clock.now();
        view = Some(with_context(app, &state, row.secret.as_ref(), now, |context, random| {
            challenge::current_view(&state, context, random)
        })?);
        transaction = state;
        if matches!(view, Some(View::Processing))
            && timeout_at(patience, listening.step()).await.is_err()
        {
            break;
        }
    }
    Ok(Stepped { transaction, view })
}

/// Two connections, the RRes timer, and a little for our own work.
fn round_patience(timers: &Protocol) -> Duration {
    let connections = 2 * u64::from(timers.rreq_connect_seconds);
    Duration::from_secs(connections + u64::from(timers.rres_seconds) + 2)
}

/// Commits a unit; with the mutant feature it only promises to.
pub(crate) fn commit(
    app: &Arc<App>,
    unit: Unit,
) -> impl Future<Output = Result<Committed, StoreError>> + Send {
    let Unit { transaction, events, outgoing, consents, closes } = &unit;
    let rows = events.len() + outgoing.len() + consents.len();
    let empty = rows == 0 && transaction.is_none() && closes.is_none();
    // Asked for here, so that no future carries the unit about.
    let asked = (!empty).then(|| {
        crash::pass("before-commit");
        store(app, unit)
    });
    async move {
        let Some(asked) = asked else { return Ok(Committed::Durable) };
        let committed = asked.await?;
        crash::pass("after-commit");
        Ok(committed)
    }
}

#[cfg(not(feature = "danger-reply-before-commit"))]
fn store(app: &App, unit: Unit) -> BoxFuture<'_, Result<Committed, StoreError>> {
    app.store.commit(unit)
}

#[cfg(feature = "danger-reply-before-commit")]
fn store(app: &Arc<App>, unit: Unit) -> BoxFuture<'static, Result<Committed, StoreError>> {
    let app = Arc::clone(app);
    tokio::spawn(async move { app.store.commit(unit).await });
    Box::pin(std::future::ready(Ok(Committed::Durable)))
}

/// The core's random source, from the crypto library.
#[derive(Debug)]
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    fn key_pair(&mut self) -> Option<EphemeralKey> {
        PrivateKey::generate(&ECDH_P256).ok()?.try_into().ok()
    }

    fn fill(&mut self, buffer: &mut [u8]) {
        // Going on with guessable tokens and codes would be worse than stopping.
        aws_lc_rs::rand::fill(buffer).expect("the operating system gives randomness");
    }
}

/// What outputs become: rows of the commit, and what starts after it.
pub(crate) struct Performed {
    pub(crate) unit: Unit,
    pub(crate) send: Vec<OutgoingRow>,
}

/// Sorts the outputs of the step that led to `row`, about the card of token `card`.
pub(crate) fn perform(
    row: &TransactionRow,
    card: &str,
    outputs: Vec<Output>,
    now: UtcMillis,
    arrived: &Arrived,
    timers: &Protocol,
) -> Performed {
    let mut unit = Unit::default();
    let mut send = Vec::new();
    for output in outputs {
        match output {
            Output::Audit(event) => unit.events.push(EventRow {
                issuer_id: row.issuer_id.clone(),
                transaction: Some(row.number),
                at: now,
                kind: event.kind.to_owned(),
                detail: event.detail,
            }),
            Output::DeliverOtp(message) => send.push(outgoing::otp_row(row, &message, now)),
            Output::SendRReq(rreq) => {
                send.push(outgoing::rreq_row(row, rreq.ds_url, rreq.body, now, timers));
            }
            Output::SendErro { ds_url, body } => {
                send.push(outgoing::erro_row(row, ds_url, body, now, timers));
            }
            Output::CancelOtp => {
                unit.outgoing.extend([OutgoingKind::Otp, OutgoingKind::SecondOtp].map(|kind| {
                    OutgoingWrite::Closed { transaction: row.number, kind, how: "cancelled" }
                }));
            }
            Output::AskIssuer(request) => send.push(outgoing::asks::row(row, &request, now)),
            Output::CancelAsk => unit.outgoing.push(OutgoingWrite::Closed {
                transaction: row.number,
                kind: OutgoingKind::Ask,
                how: "cancelled",
            }),
            Output::Consent(consent) => unit.consents.push(ConsentRow {
                issuer_id: row.issuer_id.clone(),
                card: card.to_owned(),
                transaction: row.number,
                consent,
            }),
            // The core and this crate are built together; a new output needs an arm above.
            other => tracing::error!(output = ?other, "an output of the core is not performed"),
        }
    }
    unit.outgoing.extend(send.iter().cloned().map(OutgoingWrite::Put));
    if !arrived.sends_at_once() {
        send.clear();
    }
    Performed { unit, send }
}

/// Messages to cardholders that a unit takes back.
fn cancelled(unit: &Unit) -> Vec<outgoing::Key> {
    let taken_back = |write: &OutgoingWrite| match write {
        OutgoingWrite::Closed { transaction, kind, .. } if *kind != OutgoingKind::RReq => {
            Some((*transaction, *kind))
        }
        _ => None,
    };
    unit.outgoing.iter().filter_map(taken_back).collect()
}

async fn load(
    app: &App,
    number: TransactionNumber,
    id: Option<TransId>,
) -> Result<(TransactionRow, Arc<Transaction>), StepError> {
    let row = app.store.state(number).await?.ok_or(StepError::Unknown)?;
    let state = row.state.transaction()?;
    match id {
        Some(id) if id != state.acs_trans_id => Err(StepError::Unknown),
        _ => Ok((row, state)),
    }
}

/// A challenge that lacks its account data can but end at its time, and hear how its RReq fared: both
/// do without. Everything else may need them, and nobody may be authenticated for a made-up account
/// (invariant 3).
fn can_be_served(row: &TransactionRow, before: &Transaction, arrived: &Arrived) -> bool {
    let readable = row.secret.as_ref().is_some_and(Secret::is_readable);
    readable || !before.needs_secret() || matches!(arrived, Arrived::Deadline | Arrived::RReq(_))
}

fn with_context<T>(
    app: &App,
    transaction: &Transaction,
    secret: Option<&Secret>,
    now: UtcMillis,
    run: impl FnOnce(&ChallengeContext<'_>, &mut dyn Random) -> T,
) -> Result<T, StepError> {
    let missing = |what: &str, id: &str| StepError::Gone(format!("{what} {id:?}"));
    let ds = app.ds(&transaction.ds_id).ok_or_else(|| missing("DS", &transaction.ds_id))?;
    let issuer = app
        .issuer(&transaction.issuer_id)
        .ok_or_else(|| missing("issuer", &transaction.issuer_id))?;
    let nobody = Contacts::default();
    let context = ChallengeContext {
        issuer: &issuer.profile,
        ds: &ds.profile,
        pan: secret.and_then(Secret::pan),
        contacts: secret.map_or(&nobody, Secret::contacts),
        generator: ds.generator.as_ref(),
        keys: app.vault.challenge_keys(),
        read_rules: &ds.read_rules,
        content_key: secret.and_then(Secret::content_key),
        now,
    };
    Ok(run(&context, &mut SystemRandom))
}

/// The row after a step: account and content key go when nothing needs them any more. A deadline that
/// moves to a later time stays where it is stored until it comes: then it is looked at once more, and
/// every step before costs no move among all deadlines.
fn replacement(row: TransactionRow, after: &Arc<Transaction>) -> Result<TransactionRow, BadState> {
    Ok(TransactionRow {
        revision: after.revision,
        deadline: match (row.deadline, after.deadline()) {
            (Some(stored), Some(until)) if stored <= until => Some(stored),
            (_, until) => until,
        },
        state: StoredState::of(Arc::clone(after))?,
        secret: row.secret.filter(|_| after.needs_secret()),
        ..row
    })
}

fn report_refusal(app: &App, before: &Transaction, arrived: &Arrived, rejection: &Rejection) {
    let supported = app.ds(&before.ds_id).map_or(&[][..], |ds| &ds.profile.versions);
    let erro = acs_core::erro::erro(rejection, supported);
    let listener = match arrived {
        Arrived::CReq { .. } | Arrived::Form(_) | Arrived::SdkMessage(_) => "cardholder",
        Arrived::Deadline | Arrived::RReq(_) | Arrived::Confirmation(_) | Arrived::OobResult(_) => {
            "rreq"
        }
    };
    http::report_refused(listener, &before.ds_id, &erro);
}

fn telemetry_of(transaction: &Transaction, arrived: &Arrived) {
    let what = match arrived {
        Arrived::CReq { .. } => "creq",
        Arrived::SdkMessage(_) => "sdk",
        Arrived::Form(_) => "form",
        Arrived::Deadline => "deadline",
        Arrived::RReq(_) => "rreq",
        Arrived::Confirmation(_) => "confirmation",
        Arrived::OobResult(_) => "oob-result",
    };
    tracing::debug!(acs_trans_id = %transaction.acs_trans_id, revision = transaction.revision, what, "challenge step");
}

/// Decisions on ever newer states before a step gives up.
const MAX_DECISIONS: usize = 32;
