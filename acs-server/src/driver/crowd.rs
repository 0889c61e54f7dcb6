//! How many requests from outside wait for one transaction. Each is a task of its own that goes on when
//! its sender has gone: who opens streams and resets them would otherwise pile up as many as they like.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::unpoisoned;
use crate::app::App;
use crate::storage::TransactionNumber;

/// Requests under way by transaction.
#[derive(Debug, Default)]
pub(crate) struct Crowd(Mutex<HashMap<TransactionNumber, u32>>);

/// A place in the crowd, given up when dropped.
#[derive(Debug)]
pub(crate) struct Entered {
    app: Arc<App>,
    number: TransactionNumber,
}

/// A place among those who wait for `number`; `None` when there are too many already.
pub(crate) fn enter(app: &Arc<App>, number: TransactionNumber) -> Option<Entered> {
    app.desk.crowd.enter(number).then(|| Entered { app: Arc::clone(app), number })
}

impl Crowd {
    fn enter(&self, number: TransactionNumber) -> bool {
        let mut crowd = unpoisoned(&self.0);
        let there = crowd.entry(number).or_default();
        let room = *there < MOST;
        *there += u32::from(room);
        room
    }

    fn leave(&self, number: TransactionNumber) {
        let mut crowd = unpoisoned(&self.0);
        let Some(there) = crowd.get_mut(&number) else { return };
        *there = there.saturating_sub(1);
        if *there == 0 {
            crowd.remove(&number);
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.app.desk.crowd.leave(self.number);
    }
}

/// Far more than one browser or SDK sends at once.
const MOST: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_transaction_is_crowded_and_another_is_not() {
        let (crowd, one, other) = (Crowd::default(), TransactionNumber(1), TransactionNumber(2));
        assert!((0..MOST).all(|_| crowd.enter(one)));
        assert!(!crowd.enter(one) && crowd.enter(other));
        crowd.leave(one);
        assert!(crowd.enter(one) && !crowd.enter(one));
        (0..MOST).for_each(|_| crowd.leave(one));
        crowd.leave(other);
        assert!(unpoisoned(&crowd.0).is_empty());
    }
}
