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

/// Hears of the next step of a transaction. Its place goes with it, however the wait ends.
#[derive(Debug)]
pub(crate) struct Listening<'a> {
    rounds: &'a Rounds,
    number: TransactionNumber,
    /// Until dropped.
    heard: Option<watch::Receiver<()>>,
}

impl Rounds {
    /// Hears of the next step of `number` from now on.
    pub(crate) fn listen(&self, number: TransactionNumber) -> Listening<'_> {
        let mut waiting = unpoisoned(&self.0);
        let sender = waiting.entry(number).or_insert_with(|| watch::channel(()).0);
        Listening { rounds: self, number, heard: Some(sender.subscribe()) }
    }

    /// A step of `number` was committed.
    pub(crate) fn signal(&self, number: TransactionNumber) {
        if let Some(sender) = unpoisoned(&self.0).remove(&number) {
            sender.send_replace(());
        }
    }

    /// Drops the entry that nobody listens to any more.
    fn forget(&self, number: TransactionNumber) {
        let mut waiting = unpoisoned(&self.0);
        if waiting.get(&number).is_some_and(|sender| sender.receiver_count() == 0) {
            waiting.remove(&number);
        }
    }
}

impl Listening<'_> {
    /// Waits until a step was committed.
    pub(crate) async fn step(&mut self) {
        if let Some(heard) = &mut self.heard {
            // A sender that is gone has signalled before.
            let _ = heard.changed().await;
        }
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        drop(self.heard.take());
        self.rounds.forget(self.number);
    }
}

/// The guard of a lock whose data stays sound when a holder panics.
pub(crate) fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const TURNS: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_goes_with_its_last_listener() {
        let (rounds, number) = (Rounds::default(), TransactionNumber(1));
        let places = |rounds: &Rounds| unpoisoned(&rounds.0).len();
        let (one, other) = (rounds.listen(number), rounds.listen(number));
        drop(one);
        assert_eq!(places(&rounds), 1);
        drop(other);
        assert_eq!(places(&rounds), 0, "nobody heard anything");
        let early = rounds.listen(number);
        rounds.signal(number);
        let late = rounds.listen(number);
        drop(early);
        assert_eq!(places(&rounds), 1, "another one listens since");
        drop(late);
        assert_eq!(places(&rounds), 0);
    }

    #[tokio::test]
    async fn a_step_is_heard_though_its_place_is_gone() {
        let (rounds, number) = (Rounds::default(), TransactionNumber(1));
        let mut listening = rounds.listen(number);
        rounds.signal(number);
        listening.step().await;
    }
}
