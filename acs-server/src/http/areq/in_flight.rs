//! AReqs being answered right now, so that two identical ones at the same time get one answer; and
//! for the repeat window those few whose answer could not be stored.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Reply;
use crate::driver::unpoisoned;
use crate::storage::{ReplayKey, TransactionNumber};

/// AReqs under way by the digest of DS profile and dsTransID.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    underway: HashMap<[u8; 16], Entry>,
    /// Entries kept because the store does not know them, oldest first.
    unstored: VecDeque<([u8; 16], Instant)>,
}

#[derive(Debug)]
struct Entry {
    body: [u8; 16],
    reply: watch::Receiver<Option<Reply>>,
}

/// What an arriving AReq is.
pub(super) enum Claim<'a> {
    First(Place<'a>),
    /// The same bytes are being answered: wait for their answer.
    Same(watch::Receiver<Option<Reply>>),
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
        if let Some(entry) = entries.underway.get(&key.ds_trans) {
            let same = entry.body == key.body;
            return if same { Claim::Same(entry.reply.clone()) } else { Claim::Different };
        }
        if let Some((number, body)) = stored() {
            return if body == key.body { Claim::Answered(number) } else { Claim::Different };
        }
        let (sender, reply) = watch::channel(None);
        entries.underway.insert(key.ds_trans, Entry { body: key.body, reply });
        Claim::First(Place { desk: self, key: key.ds_trans, sender, unstored: false })
    }
}

impl Entries {
    fn forget_old(&mut self) {
        while let Some((key, since)) = self.unstored.front() {
            if since.elapsed() < UNSTORED_LIFE && self.unstored.len() <= MAX_UNSTORED {
                return;
            }
            self.underway.remove(key);
            self.unstored.pop_front();
        }
    }
}

/// The place of an AReq under way; gives it up when dropped.
pub(super) struct Place<'a> {
    desk: &'a InFlight,
    key: [u8; 16],
    sender: watch::Sender<Option<Reply>>,
    unstored: bool,
}

impl Place<'_> {
    /// Hands the answer to everybody who waits for it.
    pub(super) fn answer(self, reply: Reply) {
        self.sender.send_replace(Some(reply));
    }

    /// The same for an answer that the store does not know: it is remembered here instead.
    pub(super) fn answer_unstored(mut self, reply: Reply) {
        self.sender.send_replace(Some(reply));
        self.unstored = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut entries = unpoisoned(&self.desk.0);
        if self.unstored {
            entries.unstored.push_back((self.key, Instant::now()));
        } else {
            entries.underway.remove(&self.key);
        }
    }
}

const UNSTORED_LIFE: Duration = Duration::from_secs(60);
const MAX_UNSTORED: usize = 4096;
