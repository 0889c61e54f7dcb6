//! What the handlers of one process share in memory. All of it may be lost at any time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::crowd::Crowd;
use super::stuck::Stuck;
use crate::config::Limits;
use crate::http::areq::{CodeGuesses, InFlight};
use crate::http::creq_browser::{Strangers, Waits};
use crate::http::method_url::MethodRuns;
use crate::outgoing::Deliveries;
use crate::storage::TransactionNumber;

/// Shared memory of the handlers.
#[derive(Debug)]
pub struct Desk {
    pub(crate) areqs: InFlight,
    pub(crate) code_guesses: CodeGuesses,
    pub(super) crowd: Crowd,
    pub(crate) deliveries: Deliveries,
    pub(crate) methods: MethodRuns,
    pub(crate) rounds: Rounds,
    pub(crate) strangers: Strangers,
    pub(super) stuck: Stuck,
    pub(crate) waits: Waits,
    turns: Vec<tokio::sync::Mutex<()>>,
}

impl Desk {
    /// An empty desk.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            areqs: InFlight::default(),
            code_guesses: CodeGuesses::default(),
            crowd: Crowd::default(),
            deliveries: Deliveries::default(),
            methods: MethodRuns::new(limits),
            rounds: Rounds::default(),
            strangers: Strangers::default(),
            stuck: Stuck::default(),
            waits: Waits::default(),
            turns: (0..TURNS).map(|_| tokio::sync::Mutex::new(())).collect(),
        }
    }

    /// Waits until no other step of this transaction runs in this process.
    pub(crate) async fn turn(&self, number: TransactionNumber) -> tokio::sync::MutexGuard<'_, ()> {
        self.turns[usize::try_from(number.0 % TURNS).unwrap_or_default()].lock().await
    }
}

/// Browsers that wait for the end of an RReq round.
#[derive(Debug, Default)]
pub(crate) struct Rounds(Mutex<HashMap<TransactionNumber, watch::Sender<()>>>);

impl Rounds {
    /// Hears of every step of `number` from now on.
    pub(crate) fn listen(&self, number: TransactionNumber) -> watch::Receiver<()> {
        unpoisoned(&self.0).entry(number).or_insert_with(|| watch::channel(()).0).subscribe()
    }

    /// A step of `number` was committed.
    pub(crate) fn signal(&self, number: TransactionNumber) {
        if let Some(sender) = unpoisoned(&self.0).remove(&number) {
            sender.send_replace(());
        }
    }

    /// Drops the entry of a listener that went away.
    pub(crate) fn forget(&self, number: TransactionNumber) {
        let mut waiting = unpoisoned(&self.0);
        if waiting.get(&number).is_some_and(|sender| sender.receiver_count() == 0) {
            waiting.remove(&number);
        }
    }
}

/// The guard of a lock whose data stays sound when a holder panics.
pub(crate) fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const TURNS: u64 = 256;
