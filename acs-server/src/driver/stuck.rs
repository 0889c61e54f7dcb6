//! Transactions whose deadline cannot be fired: their row cannot be read, or their issuer is no longer
//! configured. Nothing moves their deadline, so they are due for ever; they are tried ever less often.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::unpoisoned;
use crate::storage::TransactionNumber;

/// When each is tried again.
#[derive(Debug, Default)]
pub(crate) struct Stuck(Mutex<HashMap<TransactionNumber, Rest>>);

#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Instant,
    length: Duration,
}

impl Stuck {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        unpoisoned(&self.0).len()
    }

    /// Whether this one is left alone for now.
    pub(super) fn rests(&self, number: TransactionNumber, now: Instant) -> bool {
        unpoisoned(&self.0).get(&number).is_some_and(|rest| rest.until > now)
    }

    /// A try failed: the next one waits twice as long as the one before, at most `longest`.
    pub(super) fn failed(&self, number: TransactionNumber, now: Instant, longest: Duration) {
        let mut stuck = unpoisoned(&self.0);
        let before = stuck.get(&number).map(|rest| rest.length);
        let length = before.map_or(SHORTEST, |length| length * 2).min(longest);
        stuck.insert(number, Rest { until: now + length, length });
    }

    /// A try went well.
    pub(super) fn moved(&self, number: TransactionNumber) {
        unpoisoned(&self.0).remove(&number);
    }
}

const SHORTEST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_moves_is_tried_ever_less_often() {
        let (stuck, number, start) = (Stuck::default(), TransactionNumber(1), Instant::now());
        let longest = Duration::from_secs(5);
        let mut now = start;
        for seconds in [1, 2, 4, 5, 5] {
            assert!(!stuck.rests(number, now));
            stuck.failed(number, now, longest);
            let length = Duration::from_secs(seconds);
            assert!(stuck.rests(number, now + length - Duration::from_millis(1)));
            now += length;
        }
        assert_eq!((stuck.len(), stuck.rests(TransactionNumber(2), now)), (1, false));
        stuck.moved(number);
        assert!(!stuck.rests(number, start));
    }
}
