//! What happened, transaction by transaction: every message with its time, masked, and remarks.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::recorder::{Record, Recorder};

/// One line of a trace.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// UTC milliseconds.
    pub at: i64,
    /// Milliseconds since the transaction's first event.
    pub offset_ms: i64,
    /// `threeDSServerTransID`.
    pub txn: String,
    /// Sender and receiver, e.g. `DS-ACS`.
    pub leg: String,
    /// `request`, `response` or `note`.
    pub direction: String,
    /// `messageType`, or a word for what is not a message (`method`, `form`, `page`, `remark`).
    pub what: String,
    /// Bytes on the wire, without headers.
    pub size: usize,
    /// One line for people.
    pub summary: String,
    /// The message, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// One transaction with its events, oldest first.
#[derive(Debug, Clone, Serialize)]
pub struct TransactionTrace {
    pub id: String,
    pub started: i64,
    pub version: Option<String>,
    pub channel: Option<String>,
    pub category: Option<String>,
    pub events: Vec<Event>,
}

/// Called with each event as it happens.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// The journal of a simulator; the oldest transactions go when it is full.
#[derive(Default)]
pub struct Trace {
    inner: Mutex<Inner>,
    recorder: Option<Recorder>,
    observer: Option<Observer>,
}

#[derive(Default)]
struct Inner {
    transactions: HashMap<String, TransactionTrace>,
    order: VecDeque<String>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace(..)")
    }
}

const KEPT: usize = 500;
/// A transaction with more events than any payment has loses the later ones.
const EVENTS_KEPT: usize = 500;

impl Trace {
    /// A journal that also feeds `recorder` and tells `observer` each event as it happens.
    #[must_use]
    pub fn new(recorder: Option<Recorder>, observer: Option<Observer>) -> Self {
        Self { inner: Mutex::default(), recorder, observer }
    }

    /// A message on a leg. `size` is that of the bytes sent.
    pub fn message(&self, leg: &str, direction: &str, message: &Value, size: usize) {
        let txn = text(message, "threeDSServerTransID").unwrap_or("unknown").to_lowercase();
        self.message_of(&txn, leg, direction, message, size);
    }

    /// A message on a leg that belongs to transaction `txn`.
    pub fn message_of(&self, txn: &str, leg: &str, direction: &str, message: &Value, size: usize) {
        let what = text(message, "messageType").unwrap_or("?").to_owned();
        let at = now_ms();
        let mut inner = self.lock();
        let transaction = inner.transaction(txn, at);
        if what == "AReq" {
            transaction.version = text(message, "messageVersion").map(str::to_owned);
            transaction.channel = text(message, "deviceChannel").map(str::to_owned);
            transaction.category = text(message, "messageCategory").map(str::to_owned);
        }
        if let Some(recorder) = &self.recorder {
            let version =
                transaction.version.as_deref().or_else(|| text(message, "messageVersion"));
            recorder.write(&Record {
                at,
                leg,
                direction,
                version,
                channel: transaction.channel.as_deref(),
                category: transaction.category.as_deref(),
                message,
                txn,
            });
        }
        let event = Event {
            at,
            offset_ms: at - transaction.started,
            txn: txn.to_owned(),
            leg: leg.to_owned(),
            direction: direction.to_owned(),
            summary: summary(message),
            what,
            size,
            body: Some(masked(message)),
        };
        self.push(transaction, event);
    }

    /// Something that is not a protocol message: a page, a form, a remark.
    pub(crate) fn note(&self, txn: &str, leg: &str, what: &str, size: usize, summary: String) {
        let at = now_ms();
        let mut inner = self.lock();
        let transaction = inner.transaction(txn, at);
        let event = Event {
            at,
            offset_ms: at - transaction.started,
            txn: txn.to_owned(),
            leg: leg.to_owned(),
            direction: "note".to_owned(),
            what: what.to_owned(),
            size,
            summary,
            body: None,
        };
        self.push(transaction, event);
    }

    /// The trace of one transaction, by `threeDSServerTransID`.
    #[must_use]
    pub fn get(&self, txn: &str) -> Option<TransactionTrace> {
        self.lock().transactions.get(&txn.to_lowercase()).cloned()
    }

    /// All kept transactions, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<TransactionTrace> {
        let inner = self.lock();
        inner.order.iter().rev().filter_map(|id| inner.transactions.get(id).cloned()).collect()
    }

    fn push(&self, transaction: &mut TransactionTrace, event: Event) {
        if let Some(observer) = &self.observer {
            observer(&event);
        }
        if transaction.events.len() < EVENTS_KEPT {
            transaction.events.push(event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn transaction(&mut self, txn: &str, now: i64) -> &mut TransactionTrace {
        if !self.transactions.contains_key(txn) {
            if self.order.len() == KEPT
                && let Some(oldest) = self.order.pop_front()
            {
                self.transactions.remove(&oldest);
            }
            self.order.push_back(txn.to_owned());
        }
        self.transactions.entry(txn.to_owned()).or_insert_with(|| TransactionTrace {
            id: txn.to_owned(),
            started: now,
            version: None,
            channel: None,
            category: None,
            events: Vec::new(),
        })
    }
}

/// UTC milliseconds now.
#[must_use]
pub fn now_ms() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// First six and last four digits of an account number.
#[must_use]
pub fn masked_pan(pan: &str) -> String {
    let digits = pan.chars().count();
    if digits < 11 {
        return "*".repeat(digits);
    }
    let head: String = pan.chars().take(6).collect();
    let tail: String = pan.chars().skip(digits - 4).collect();
    format!("{head}{}{tail}", "*".repeat(digits - 10))
}

/// A copy in which card data and entered codes cannot be read.
#[must_use]
pub fn masked(message: &Value) -> Value {
    match message {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), masked_member(name, value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        other => other.clone(),
    }
}

fn masked_member(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("acctNumber", Value::String(pan)) => Value::String(masked_pan(pan)),
        (
            "authenticationValue"
            | "cardExpiryDate"
            | "cardSecurityCode"
            | "challengeDataEntry"
            | "challengeDataEntryTwo"
            | "challengeHTMLDataEntry",
            Value::String(secret),
        ) => Value::String("*".repeat(secret.chars().count())),
        _ => masked(value),
    }
}

/// The elements that tell most about a message, in one line.
fn summary(message: &Value) -> String {
    const SHOWN: [(&str, &str); 25] = [
        ("messageVersion", ""),
        ("acctNumber", "card "),
        ("purchaseAmount", "amount "),
        ("purchaseCurrency", "currency "),
        ("threeDSCompInd", "method "),
        ("transStatus", "transStatus "),
        ("transStatusReason", "reason "),
        ("eci", "eci "),
        ("acsChallengeMandated", "mandated "),
        ("authenticationType", "type "),
        ("interactionCounter", "attempts "),
        ("challengeCancel", "challengeCancel "),
        ("resultsStatus", "resultsStatus "),
        ("challengeWindowSize", "window "),
        ("sdkCounterStoA", "counter "),
        ("acsCounterAtoS", "counter "),
        ("acsUiType", "UI "),
        ("challengeDataEntry", "entry "),
        ("challengeHTMLDataEntry", "form "),
        ("challengeNoEntry", "no entry "),
        ("resendChallenge", "resend "),
        ("oobContinue", "continue "),
        ("errorCode", "errorCode "),
        ("errorDescription", ""),
        ("errorDetail", "detail "),
    ];
    let mut parts = Vec::new();
    for (name, label) in SHOWN {
        let Some(value) = message.get(name) else { continue };
        let value = masked_member(name, value);
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        parts.push(format!("{label}{shown}"));
        if name == "eci" && message.get("authenticationValue").is_some() {
            parts.push("with authenticationValue".to_owned());
        }
    }
    parts.join(", ")
}

pub(crate) fn text<'a>(message: &'a Value, name: &str) -> Option<&'a str> {
    message.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_numbers_are_masked_wherever_they_are() {
        let message = serde_json::json!({"a": [{"acctNumber": "4000000000001000"}]});
        let shown = masked(&message).to_string();
        assert!(shown.contains("400000******1000"), "{shown}");
        assert_eq!(masked_pan("123"), "***");
    }
}
