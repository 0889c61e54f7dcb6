//! AReqs being answered right now, so that two identical ones at the same time get one answer; and
//! for the repeat window those few whose answer could not be stored.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Reply;
use crate::driver::unpoisoned;
use crate::storage::{ReplayKey, TransactionNumber};

/// AReqs under way by the digest of DS profile and dsTransID.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    known: HashMap<[u8; 16], Entry>,
    /// Entries kept because the store does not know them, oldest first.
    unstored: VecDeque<([u8; 16], Instant)>,
}

#[derive(Debug)]
struct Entry {
    body: [u8; 16],
    state: State,
}

#[derive(Debug)]
enum State {
    /// Being answered; with those who wait for the same answer.
    Underway(Vec<oneshot::Sender<Reply>>),
    /// Answered, without the store knowing.
    Unstored(Reply),
}

/// What an arriving AReq is.
pub(super) enum Claim<'a> {
    First(Place<'a>),
    /// The same bytes are being answered: wait for their answer. It does not come when their bearer
    /// gives up: then this AReq claims again.
    Same(oneshot::Receiver<Reply>),
    /// The same bytes were answered, and only this process knows.
    Unstored(Reply),
    /// The same bytes were answered by this transaction.
    Answered(TransactionNumber),
    /// Other bytes hold this dsTransID.
    Different,
}

impl InFlight {
    /// Claims the key for its first bearer; `stored` asks the store's window.
    pub(super) fn claim(
        &self,
        key: &ReplayKey,
        stored: impl FnOnce() -> Option<(TransactionNumber, [u8; 16])>,
    ) -> Claim<'_> {
        let mut entries = unpoisoned(&self.0);
        entries.forget_old();
        if let Some(entry) = entries.known.get_mut(&key.ds_trans) {
            return entry.claim(&key.body);
        }
        if let Some((number, body)) = stored() {
            return if body == key.body { Claim::Answered(number) } else { Claim::Different };
        }
        let entry = Entry { body: key.body, state: State::Underway(Vec::new()) };
        entries.known.insert(key.ds_trans, entry);
        Claim::First(Place { desk: self, key: key.ds_trans, outcome: None })
    }
}

impl Entry {
    fn claim<'a>(&mut self, body: &[u8; 16]) -> Claim<'a> {
        if self.body != *body {
            return Claim::Different;
        }
        match &mut self.state {
            State::Underway(waiting) => {
                let (sender, receiver) = oneshot::channel();
                waiting.push(sender);
                Claim::Same(receiver)
            }
            State::Unstored(reply) => Claim::Unstored(reply.clone()),
        }
    }
}

impl Entries {
    fn forget_old(&mut self) {
        while let Some((key, since)) = self.unstored.front() {
            if since.elapsed() < UNSTORED_LIFE && self.unstored.len() <= MAX_UNSTORED {
                return;
            }
            self.known.remove(key);
            self.unstored.pop_front();
        }
    }
}

/// The place of an AReq under way; gives it up when dropped.
pub(super) struct Place<'a> {
    desk: &'a InFlight,
    key: [u8; 16],
    outcome: Option<(Reply, Stored)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stored {
    Yes,
    No,
}

impl Place<'_> {
    /// Hands the answer to everybody who waits for it.
    pub(super) fn answer(mut self, reply: &Reply) {
        self.outcome = Some((reply.clone(), Stored::Yes));
    }

    /// The same for an answer that the store does not know: it is remembered here instead.
    pub(super) fn answer_unstored(mut self, reply: &Reply) {
        self.outcome = Some((reply.clone(), Stored::No));
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut entries = unpoisoned(&self.desk.0);
        let Some(entry) = entries.known.remove(&self.key) else { return };
        let Some((reply, stored)) = self.outcome.take() else { return };
        if let State::Underway(waiting) = entry.state {
            for waits in waiting {
                // One that went away needs no answer.
                let _ = waits.send(reply.clone());
            }
        }
        if stored == Stored::No {
            let entry = Entry { body: entry.body, state: State::Unstored(reply) };
            entries.known.insert(self.key, entry);
            entries.unstored.push_back((self.key, Instant::now()));
        }
    }
}

const UNSTORED_LIFE: Duration = Duration::from_secs(60);
const MAX_UNSTORED: usize = 4096;

#[cfg(test)]
mod tests {
    use acs_core::element::TransId;

    use super::*;

    const KEY: ReplayKey = ReplayKey { ds_trans: [1; 16], body: [2; 16], server: None };

    fn reply() -> Reply {
        let acs_trans_id = TransId::parse("6f0d2a3c-55aa-4c1e-9b57-0123456789ab").unwrap();
        Reply { ares: "ARes".into(), acs_trans_id }
    }

    fn first<'a>(desk: &'a InFlight) -> Place<'a> {
        match desk.claim(&KEY, || None) {
            Claim::First(place) => place,
            _ => panic!("the place is taken"),
        }
    }

    fn same(desk: &InFlight) -> oneshot::Receiver<Reply> {
        match desk.claim(&KEY, || None) {
            Claim::Same(receiver) => receiver,
            _ => panic!("nobody is under way with these bytes"),
        }
    }

    #[test]
    fn everybody_with_the_same_bytes_gets_the_one_answer() {
        let desk = InFlight::default();
        let place = first(&desk);
        let waiting = [same(&desk), same(&desk)];
        let other = ReplayKey { body: [3; 16], ..KEY };
        assert!(matches!(desk.claim(&other, || None), Claim::Different));
        place.answer(&reply());
        for waits in waiting {
            assert_eq!(waits.blocking_recv().unwrap().acs_trans_id, reply().acs_trans_id);
        }
        assert!(matches!(
            desk.claim(&KEY, || Some((TransactionNumber(7), KEY.body))),
            Claim::Answered(TransactionNumber(7))
        ));
    }

    #[test]
    fn a_bearer_that_goes_away_leaves_its_place_to_the_next() {
        let desk = InFlight::default();
        let place = first(&desk);
        let waits = same(&desk);
        drop(place);
        assert!(waits.blocking_recv().is_err());
        drop(first(&desk));
    }

    #[test]
    fn an_answer_that_could_not_be_stored_is_given_again() {
        let desk = InFlight::default();
        first(&desk).answer_unstored(&reply());
        match desk.claim(&KEY, || None) {
            Claim::Unstored(again) => assert_eq!(again.ares, reply().ares),
            _ => panic!("the answer is forgotten"),
        }
        let other = ReplayKey { body: [3; 16], ..KEY };
        assert!(matches!(desk.claim(&other, || None), Claim::Different));
    }
}
