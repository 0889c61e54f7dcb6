//! The loop that looks at transactions whose deadline came and at outgoing rows whose next try is
//! due.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::task::JoinHandle;

use super::{Arrived, StepError, step};
use crate::app::{App, Latch};
use crate::outgoing;
use crate::storage::TransactionNumber;

/// Starts the loop; abort the handle to stop it.
pub fn spawn(app: &Arc<App>) -> JoinHandle<()> {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        outgoing::recover(&app).await;
        loop {
            fire_due(&app).await;
            app.readiness.release(Latch::DeadlinesRecovered);
            outgoing::send_due(&app).await;
            tokio::time::sleep(TICK).await;
        }
    })
}

/// Fires every deadline at or before the clock's now; returns when all have committed.
pub async fn fire_due(app: &Arc<App>) {
    let mut fired: HashMap<TransactionNumber, u8> = HashMap::new();
    loop {
        let due = match app.store.due(app.clock.now(), BATCH + fired.len()).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(%error, "due transactions cannot be read");
                return;
            }
        };
        // A transaction may have several deadlines in the past, but one that never moves is not
        // asked for ever.
        let fresh: Vec<_> = due
            .into_iter()
            .filter(|number| {
                let times = fired.entry(*number).or_default();
                *times = times.saturating_add(1);
                *times <= MAX_FIRINGS
            })
            .collect();
        if fresh.is_empty() {
            return;
        }
        futures_util::stream::iter(fresh)
            .for_each_concurrent(CONCURRENT, |number| fire(app, number))
            .await;
    }
}

async fn fire(app: &Arc<App>, number: TransactionNumber) {
    match step(app, number, None, &Arrived::Deadline, None).await {
        Ok(_) | Err(StepError::Unknown) => {}
        Err(error) => tracing::error!(transaction = number.0, %error, "a deadline did not fire"),
    }
}

const TICK: Duration = Duration::from_millis(250);
const BATCH: usize = 256;
const CONCURRENT: usize = 16;
const MAX_FIRINGS: u8 = 4;
