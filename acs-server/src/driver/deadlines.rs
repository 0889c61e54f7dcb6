//! The loop that looks at transactions whose deadline came and at outgoing rows whose next try is
//! due. A defect costs the piece of work it is in: without the loop no challenge would end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::task::JoinHandle;

use super::clock_watch::ClockWatch;
use super::{Arrived, StepError, caught, step};
use crate::app::{App, Latch};
use crate::storage::{StoreError, TransactionNumber};
use crate::{outgoing, signing};

/// Starts the loop; abort the handle to stop it.
pub fn spawn(app: &Arc<App>) -> JoinHandle<()> {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        caught(outgoing::recover(&app)).await;
        let mut watch = ClockWatch::new(app.clock.now(), Instant::now());
        loop {
            let fired = caught(fire_due(&app)).await;
            if fired.is_some() {
                app.readiness.release(Latch::DeadlinesRecovered);
            }
            let looked = caught(look_at_clock(&app, &mut watch)).await;
            let sent = caught(outgoing::send_due(&app)).await;
            // A turn that breaks off each time is none.
            if fired.and(looked).and(sent).is_some() {
                app.readiness.note_turn(Instant::now());
            }
            tokio::time::sleep(TICK).await;
        }
    })
}

/// Tells of a clock that was set. Set back, the next tries of all open messages would lie far off, so
/// they are made now.
async fn look_at_clock(app: &Arc<App>, watch: &mut ClockWatch) {
    let jump = watch.look(app.clock.now(), Instant::now());
    let Some(jump_ms) = jump.filter(|_| !app.config.clock_is_movable()) else { return };
    metrics::counter!("acs_clock_jumps_total").increment(1);
    tracing::error!(jump_ms, alert = true, "the system's clock was set: deadlines follow it");
    let signing = Arc::clone(app);
    tokio::spawn(async move { signing::look_again(&signing).await });
    if jump_ms < 0 {
        outgoing::recover(app).await;
    }
}

/// Fires every deadline at or before the clock's now; returns when all have committed.
pub async fn fire_due(app: &Arc<App>) {
    let mut fired: HashMap<TransactionNumber, u8> = HashMap::new();
    let stuck = &app.desk.stuck;
    loop {
        let limit = BATCH + fired.len() + stuck.len();
        let due = match app.store.due(app.clock.now(), limit).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(%error, "due transactions cannot be read");
                return;
            }
        };
        let now = Instant::now();
        // A transaction may have several deadlines in the past, but one that never moves is not
        // asked for ever.
        let fresh: Vec<_> = due
            .into_iter()
            .filter(|number| !stuck.rests(*number, now))
            .filter(|number| {
                let times = fired.entry(*number).or_default();
                *times = times.saturating_add(1);
                *times <= MAX_FIRINGS
            })
            .collect();
        if fresh.is_empty() {
            return;
        }
        app.readiness.note_turn(now);
        futures_util::stream::iter(fresh)
            .for_each_concurrent(CONCURRENT, |number| fire(app, number))
            .await;
    }
}

pub(super) async fn fire(app: &Arc<App>, number: TransactionNumber) {
    let stuck = &app.desk.stuck;
    let error = match caught(step(app, number, None, &Arrived::Deadline, None)).await {
        Some(Ok(_) | Err(StepError::Unknown)) => return stuck.moved(number),
        Some(Err(error)) => error,
        None => {
            stuck.failed(number, Instant::now(), LONGEST_REST);
            return tracing::error!(transaction = number.0, alert = true, "a deadline broke off");
        }
    };
    stuck.failed(number, Instant::now(), longest_rest(&error));
    tracing::error!(transaction = number.0, %error, "a deadline did not fire");
}

/// A store that fails may work again soon; a row that cannot be read will hardly get better, and an
/// issuer that is no longer configured comes back with a restart only.
const fn longest_rest(error: &StepError) -> Duration {
    match error {
        StepError::State(_) | StepError::Gone(_) | StepError::Store(StoreError::Corrupt(_)) => {
            LONGEST_REST
        }
        _ => SHORT_REST,
    }
}

const TICK: Duration = Duration::from_millis(250);
const BATCH: usize = 256;
const CONCURRENT: usize = 16;
const MAX_FIRINGS: u8 = 4;
const LONGEST_REST: Duration = Duration::from_secs(600);
const SHORT_REST: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_restart_mends_is_tried_seldom() {
        let gone = StepError::Gone("issuer \"alpha\"".to_owned());
        let corrupt = StepError::Store(StoreError::Corrupt("a row".to_owned()));
        assert_eq!([gone, corrupt].map(|error| longest_rest(&error)), [LONGEST_REST; 2]);
        let busy = StepError::Store(StoreError::Busy("a queue".to_owned()));
        assert_eq!(longest_rest(&busy), SHORT_REST);
    }
}
