//! Stopping: a signal ends accepting, running work gets a grace period.

use std::future::Future;
use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Tells every part of the service when to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    sender: watch::Sender<bool>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { sender: watch::Sender::new(false) }
    }
}

impl Shutdown {
    /// Starts the shutdown.
    pub fn begin(&self) {
        self.sender.send_replace(true);
    }

    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.sender.borrow()
    }

    /// Waits until the shutdown begins.
    pub fn begun(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut receiver = self.sender.subscribe();
        async move {
            // The sender lives in `self` or a clone of it; gone means the service is gone too.
            let _ = receiver.wait_for(|begun| *begun).await;
        }
    }
}

/// Waits for SIGINT or SIGTERM and says which came.
///
/// # Errors
/// When the handlers cannot be installed.
pub async fn signalled() -> io::Result<&'static str> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    })
}
