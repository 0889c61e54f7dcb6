//! Messages of the durable `outgoing` table on their way: RReqs to the directory server with
//! identical bytes until delivered [P-RREQ-05, P-RREQ-06], one-time passwords to the issuer's
//! gateway, requests to ask a cardholder likewise (`asks`); and Erros to dsURL, once.

pub(crate) mod asks;
mod deliveries;
mod link;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use acs_core::UtcMillis;
use acs_core::flow::transaction::OtpMessage;
use url::Url;

use crate::app::{App, DsRuntime};
use crate::config::Protocol;
use crate::crash;
use crate::driver::{self, Arrived, RReqArrived, StepError};
use crate::gateway::{Delivery, OtpText};
use crate::storage::{
    Due, EventRow, OutgoingKind, OutgoingRow, OutgoingWrite, SealedMessage, StoreError,
    TransactionNumber, TransactionRow, Unit,
};

pub use deliveries::Deliveries;

/// The row of an RReq. Its first try starts with the commit; the loop looks at it only later.
pub(crate) fn rreq_row(
    row: &TransactionRow,
    ds_url: String,
    body: Vec<u8>,
    now: UtcMillis,
    timers: &Protocol,
) -> OutgoingRow {
    OutgoingRow {
        issuer_id: row.issuer_id.clone(),
        ds_id: row.ds_id.clone(),
        transaction: row.number,
        kind: OutgoingKind::RReq,
        destination: ds_url,
        payload: body,
        attempts: 0,
        next_attempt: now.plus_seconds(timers.rreq_retry_seconds),
        maybe_sent: false,
        expires: now.plus_seconds(timers.rreq_life_seconds),
    }
}

/// The row of an Erro about a defective or missing RRes.
pub(crate) fn erro_row(
    row: &TransactionRow,
    ds_url: String,
    body: Vec<u8>,
    now: UtcMillis,
    timers: &Protocol,
) -> OutgoingRow {
    OutgoingRow { kind: OutgoingKind::Erro, ..rreq_row(row, ds_url, body, now, timers) }
}

/// The row of a one-time password.
pub(crate) fn otp_row(row: &TransactionRow, otp: &OtpMessage, now: UtcMillis) -> OutgoingRow {
    let acs_trans_id = row.state.transaction().map(|state| state.acs_trans_id.to_string());
    let text = OtpText {
        acs_trans_id: acs_trans_id.unwrap_or_default(),
        channel: otp.channel.clone(),
        to: otp.to.clone(),
        text: otp.text.clone(),
        code: otp.code.clone(),
    };
    OutgoingRow {
        issuer_id: row.issuer_id.clone(),
        ds_id: row.ds_id.clone(),
        transaction: row.number,
        kind: if otp.second { OutgoingKind::SecondOtp } else { OutgoingKind::Otp },
        destination: otp.channel.clone(),
        payload: text.to_json(),
        attempts: 0,
        next_attempt: now.plus_seconds(OTP_RETRY_SECONDS),
        maybe_sent: false,
        expires: otp.expires,
    }
}

/// A row to deliver.
enum Found {
    /// As it was committed a moment ago.
    Open(OutgoingRow),
    /// As a look into the store found it: it is opened when it is its turn.
    Sealed(SealedMessage),
}

impl Found {
    const fn head(&self) -> &OutgoingRow {
        match self {
            Self::Open(row) => row,
            Self::Sealed(message) => &message.row,
        }
    }
}

/// Starts the delivery of a row that was just committed. The caller holds the transaction's turn. Where
/// too many wait for its party already, it is one for a later look.
pub(crate) fn dispatch(app: &Arc<App>, row: OutgoingRow) {
    if let Some(row) = app.desk.deliveries.start_or_queue(row) {
        tokio::spawn(deliver_all(Arc::clone(app), Found::Open(row)));
    }
}

/// Sends again what a former process left behind, or what waits for a time that a clock set back has
/// put far off: whether it arrived is unknown, so the same bytes go out once more.
pub(crate) async fn recover(app: &Arc<App>) {
    if let Err(error) = app.store.outgoing_anew(app.clock.now()).await {
        tracing::error!(%error, "open outgoing rows wait for their next regular try");
    }
    send_due(app).await;
}

/// Starts open rows whose next try is due and whose party has room, as many as one look sees. The next
/// look goes on behind it: where one party takes nothing and its rows pile up, those of others are found
/// all the same, and no look costs more than another.
pub(crate) async fn send_due(app: &Arc<App>) {
    let deliveries = &app.desk.deliveries;
    let read = deliveries.reading();
    let due = app.store.outgoing_due(app.clock.now(), read.after, LOOK).await;
    let due = due.unwrap_or_else(|error| {
        tracing::error!(%error, "outgoing rows cannot be read");
        Due::default()
    });
    deliveries.goes_on(due.rest);
    for message in due.rows {
        if deliveries.start_read(&message.row, &read) {
            tokio::spawn(deliver_all(Arc::clone(app), Found::Sealed(message)));
        }
    }
}

/// Delivers a row and whatever replaced it meanwhile.
async fn deliver_all(app: Arc<App>, found: Found) {
    let key = (found.head().transaction, found.head().kind);
    let deliveries = &app.desk.deliveries;
    let under_way = deliveries.under_way(key);
    let mut next = Some(found);
    while let Some(found) = next {
        let _permit = deliveries.permit(found.head()).await;
        if driver::caught(deliver(&app, found)).await.is_none() {
            tracing::error!(
                transaction = key.0.0,
                kind = ?key.1,
                alert = true,
                "a delivery broke off"
            );
            deliveries.hold(key);
        }
        next = deliveries.finish(key).map(Found::Open);
    }
    under_way.ended();
}

async fn deliver(app: &Arc<App>, found: Found) {
    let row = match found {
        Found::Open(row) => row,
        Found::Sealed(message) => match app.store.open_message(&message) {
            Ok(row) => row,
            Err(error) => return unreadable(app, &message.row, &error).await,
        },
    };
    let deliveries = &app.desk.deliveries;
    let to_cardholder =
        matches!(row.kind, OutgoingKind::Otp | OutgoingKind::SecondOtp | OutgoingKind::Ask);
    if let Some(how) = deliveries.handed_over(&row) {
        close(app, &row, how).await;
    } else if !(to_cardholder && deliveries.is_unwanted((row.transaction, row.kind))) {
        match row.kind {
            OutgoingKind::RReq => send_rreq(app, row).await,
            OutgoingKind::Erro => send_erro(app, row).await,
            OutgoingKind::Otp | OutgoingKind::SecondOtp => send_otp(app, row).await,
            OutgoingKind::Ask => asks::send(app, row).await,
        }
    }
}

/// A row whose key is gone, or whose bytes are damaged. It is never made anew (invariant 5): it rests,
/// for a key comes back with a restart only, and is closed when its time is over.
async fn unreadable(app: &Arc<App>, row: &OutgoingRow, error: &StoreError) {
    if row.expires > app.clock.now() {
        tracing::error!(
            ds = row.ds_id,
            transaction = row.transaction.0,
            kind = ?row.kind,
            %error,
            alert = true,
            "an outgoing row cannot be read and stays"
        );
        note_attempt(app, row, row.attempts, row.expires, row.maybe_sent).await;
    } else if row.kind == OutgoingKind::RReq {
        give_up(app, row, "given-up").await;
    } else {
        close(app, row, "expired").await;
    }
}

/// [P-RREQ-05, P-TMO-09, Req 240]
async fn send_rreq(app: &Arc<App>, row: OutgoingRow) {
    let is_over = || row.expires <= app.clock.now();
    let Some((ds, url)) = target(app, &row) else {
        return give_up(app, &row, if is_over() { "given-up" } else { "refused" }).await;
    };
    // An immediate second try the first time, then one try per period.
    let tries = if row.attempts == 0 { 2 } else { 1 };
    for attempt in 1..=tries {
        match link::connect(&ds.rreq_client, &url, connect_timer(app)).await {
            Ok(link) => return exchange(app, &row, link, row.attempts + attempt).await,
            Err(error) => {
                tracing::warn!(ds = row.ds_id, transaction = row.transaction.0, %error, "no connection for an RReq");
            }
        }
    }
    metrics::counter!("acs_rreq_total", "result" => "no-connection").increment(1);
    // Only now: while this process was down, or as the clock was set, nobody tried.
    if is_over() {
        return give_up(app, &row, "given-up").await;
    }
    let attempts = row.attempts + tries;
    if !attempted(app, &row, attempts, row.maybe_sent).await {
        return;
    }
    if row.maybe_sent {
        // Delivery is unknown: whoever waits for the round is told what was decided.
        settle(app, &row, RReqArrived::NoAnswer, None).await;
    } else if row.attempts == 0 {
        settle(app, &row, RReqArrived::ConnectionFailedTwice, None).await;
    }
}

/// Ends an RReq that was not delivered in its life, or may go nowhere. While nobody can take the news of
/// that, it rests: as after a try once its time is over, else for long, for what is no longer configured
/// comes back with a restart only.
async fn give_up(app: &Arc<App>, row: &OutgoingRow, how: &'static str) {
    if settle(app, row, RReqArrived::GivenUp, Some(how)).await {
        metrics::counter!("acs_rreq_total", "result" => "given-up").increment(1);
        tracing::error!(
            ds = row.ds_id,
            transaction = row.transaction.0,
            how,
            "an RReq is given up"
        );
    } else if row.expires > app.clock.now() {
        let later = app.clock.now().plus_seconds(REST_SECONDS).min(row.expires);
        note_attempt(app, row, row.attempts, later, row.maybe_sent).await;
    } else {
        attempted(app, row, row.attempts, row.maybe_sent).await;
    }
}

/// Sends over a fresh connection. That bytes may leave is on disk before the first one does.
async fn exchange(app: &Arc<App>, row: &OutgoingRow, link: link::Link, attempts: u32) {
    if !attempted(app, row, attempts, true).await {
        return;
    }
    crash::pass("before-rreq");
    let (news, result) = match link.post(&row.payload, rres_timer(app)).await {
        Ok(answer) => {
            link::note_ids(&row.payload, &answer.headers, &row.ds_id);
            (RReqArrived::Answered(answer.body), "answered")
        }
        Err(error) => {
            tracing::warn!(ds = row.ds_id, transaction = row.transaction.0, %error, "no answer to an RReq");
            (RReqArrived::NoAnswer, "no-answer")
        }
    };
    crash::pass("after-rres");
    metrics::counter!("acs_rreq_total", "result" => result).increment(1);
    settle(app, row, news, Some(result)).await;
}

/// Notes an attempt; `false` when that failed and nothing may be sent.
async fn attempted(app: &Arc<App>, row: &OutgoingRow, attempts: u32, maybe_sent: bool) -> bool {
    let wait = match row.kind {
        OutgoingKind::RReq | OutgoingKind::Erro => app.config.protocol.rreq_retry_seconds,
        OutgoingKind::Otp | OutgoingKind::SecondOtp | OutgoingKind::Ask => {
            (OTP_RETRY_SECONDS << attempts.min(4)).min(OTP_RETRY_MAX_SECONDS)
        }
    };
    note_attempt(app, row, attempts, app.clock.now().plus_seconds(wait), maybe_sent).await
}

async fn note_attempt(
    app: &Arc<App>,
    row: &OutgoingRow,
    attempts: u32,
    next_attempt: UtcMillis,
    maybe_sent: bool,
) -> bool {
    let OutgoingRow { transaction, kind, .. } = *row;
    let written = write(app, row, |_| OutgoingWrite::Attempted {
        transaction,
        kind,
        attempts,
        next_attempt,
        maybe_sent,
    });
    written.await == Written::Yes
}

/// What became of a write about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Yes,
    /// A newer row has taken its place.
    Replaced,
    /// The store failed; the row is left alone for a while.
    No,
}

/// Writes about `row` unless a newer row has taken its place.
async fn write(
    app: &Arc<App>,
    row: &OutgoingRow,
    change: impl FnOnce(&OutgoingRow) -> OutgoingWrite,
) -> Written {
    write_all(app, row, Unit { outgoing: vec![change(row)], ..Unit::default() }).await
}

/// The same for a whole unit about `row`.
async fn write_all(app: &Arc<App>, row: &OutgoingRow, unit: Unit) -> Written {
    let key = (row.transaction, row.kind);
    let _turn = app.desk.turn(row.transaction).await;
    if app.desk.deliveries.is_replaced(key) {
        return Written::Replaced;
    }
    match driver::commit(app, unit).await {
        Ok(_) => Written::Yes,
        Err(error) => {
            tracing::error!(transaction = row.transaction.0, %error, "an attempt cannot be noted");
            app.desk.deliveries.hold(key);
            Written::No
        }
    }
}

/// Tells the core how the RReq fared, closing the row in the same commit when it is over; `false` when
/// the row is as it was. Where nobody will ever take the news, for the state cannot be used, the row is
/// closed alone once an answer came or its time is over: it would be sent for ever.
async fn settle(
    app: &Arc<App>,
    row: &OutgoingRow,
    news: RReqArrived,
    close: Option<&'static str>,
) -> bool {
    let over = matches!(news, RReqArrived::Answered(_)) || row.expires <= app.clock.now();
    let arrived = Arrived::RReq(news);
    let Err(error) = driver::step(app, row.transaction, None, &arrived, close).await else {
        return true;
    };
    tracing::error!(transaction = row.transaction.0, %error, "news of an RReq are lost");
    match close.filter(|_| over && nobody_takes(&error)) {
        Some(how) => close_alone(app, row, how, &error).await,
        None => false,
    }
}

/// Whether telling the same news again would change nothing.
const fn nobody_takes(error: &StepError) -> bool {
    matches!(
        error,
        StepError::Unknown
            | StepError::State(_)
            | StepError::Gone(_)
            | StepError::Store(StoreError::Corrupt(_))
    )
}

/// Closes the row of an RReq whose transaction stays as it is, and says so.
async fn close_alone(
    app: &Arc<App>,
    row: &OutgoingRow,
    how: &'static str,
    cause: &StepError,
) -> bool {
    let OutgoingRow { transaction, kind, .. } = *row;
    let detail = serde_json::json!({ "how": how, "cause": cause.to_string() });
    let event = EventRow {
        issuer_id: row.issuer_id.clone(),
        transaction: Some(transaction),
        at: app.clock.now(),
        kind: "rreq-closed-alone".to_owned(),
        detail: detail.to_string().into_bytes(),
    };
    let unit = Unit {
        events: vec![event],
        outgoing: vec![OutgoingWrite::Closed { transaction, kind, how }],
        ..Unit::default()
    };
    write_all(app, row, unit).await != Written::No
}

async fn send_otp(app: &Arc<App>, row: OutgoingRow) {
    if row.expires <= app.clock.now() {
        metrics::counter!("acs_otp_total", "result" => "expired").increment(1);
        close(app, &row, "expired").await;
        return;
    }
    let delivered = match (app.issuer(&row.issuer_id), OtpText::from_json(&row.payload)) {
        (Some(issuer), Some(text)) => {
            let delivery = Delivery {
                issuer_id: &row.issuer_id,
                text,
                at: app.clock.now(),
                expires: row.expires,
            };
            issuer.gateway.deliver(&delivery).await.map_err(|e| e.to_string())
        }
        _ => Err("its issuer or its text cannot be read".to_owned()),
    };
    match delivered {
        Ok(()) => {
            metrics::counter!("acs_otp_total", "result" => "delivered").increment(1);
            close(app, &row, "delivered").await;
        }
        Err(error) => {
            metrics::counter!("acs_otp_total", "result" => "failed").increment(1);
            tracing::warn!(issuer = row.issuer_id, transaction = row.transaction.0, %error, "a one-time password is not delivered");
            attempted(app, &row, row.attempts + 1, true).await;
        }
    }
}

/// Ends a row. While the store cannot be told, memory is: a message that was handed over is not sent
/// again a moment later, and then again, for as long as a disk is full.
async fn close(app: &Arc<App>, row: &OutgoingRow, how: &'static str) {
    let written = write(app, row, |row| OutgoingWrite::Closed {
        transaction: row.transaction,
        kind: row.kind,
        how,
    });
    match written.await {
        Written::No => app.desk.deliveries.note_handed_over(row, how),
        _ => app.desk.deliveries.forget_handed_over((row.transaction, row.kind)),
    }
}

/// Posts an Erro about a bad or missing RRes to dsURL: once, whatever comes back [P-ERRO-04].
async fn send_erro(app: &Arc<App>, row: OutgoingRow) {
    let closed = write(app, &row, |row| OutgoingWrite::Closed {
        transaction: row.transaction,
        kind: row.kind,
        how: "posted",
    });
    if closed.await != Written::Yes {
        return;
    }
    let Some((ds, url)) = target(app, &row) else { return };
    let posted = match link::connect(&ds.rreq_client, &url, connect_timer(app)).await {
        Ok(link) => link.post(&row.payload, ERRO_TIMER).await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = posted {
        tracing::warn!(ds = row.ds_id, %error, "an Erro did not reach dsURL");
    }
}

/// The DS of a row and its URL, if messages may go there [P-RREQ-01, Req 127, Note 90, Req 65]
/// [Req 351].
fn target<'a>(app: &'a App, row: &OutgoingRow) -> Option<(&'a DsRuntime, Url)> {
    let url = Url::parse(&row.destination).ok()?;
    app.ds(&row.ds_id).filter(|ds| ds.rreq_targets.allows(&url)).map(|ds| (ds, url))
}

fn connect_timer(app: &App) -> Duration {
    Duration::from_secs(app.config.protocol.rreq_connect_seconds.into())
}

/// [P-TMO-08, P-RREQ-06, Req 241, Req 242]
fn rres_timer(app: &App) -> Duration {
    Duration::from_secs(app.config.protocol.rres_seconds.into())
}

/// Number of rows one look sees.
const LOOK: usize = 512;
/// Between looks at an RReq that may go nowhere.
const REST_SECONDS: u32 = 600;
const OTP_RETRY_SECONDS: u32 = 2;
const OTP_RETRY_MAX_SECONDS: u32 = 30;
const ERRO_TIMER: Duration = Duration::from_secs(5);

/// Key of a delivery: one row per transaction and kind.
pub(crate) type Key = (TransactionNumber, OutgoingKind);
