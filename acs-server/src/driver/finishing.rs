//! Work that was begun is done to its end, whoever waits for it.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::CatchUnwind;
use tokio::runtime::Handle;

/// Runs `work` in the caller's task; should the caller be dropped, in a task of its own. `None` when
/// it panicked: its text would repeat what the panic said.
pub(crate) fn to_the_end<F>(work: F) -> impl Future<Output = Option<F::Output>> + Send
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Finishing(Some(Box::pin(AssertUnwindSafe(work).catch_unwind())))
}

/// Runs one piece of work of a loop that has to go on; `None` when it panicked.
pub(crate) async fn caught<F: Future>(work: F) -> Option<F::Output> {
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

/// The work, until it is done.
struct Finishing<F>(Option<Pin<Box<CatchUnwind<AssertUnwindSafe<F>>>>>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static;

impl<F> Future for Finishing<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.0 else { return Poll::Ready(None) };
        let done = std::task::ready!(work.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(done.ok())
    }
}

impl<F> Drop for Finishing<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn drop(&mut self) {
        // Without a runtime the process is going down, and the next start goes on from the store.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn it_ends_with_its_caller_and_without() {
        assert_eq!(to_the_end(async { 7 }).await, Some(7));
        for begun in [true, false] {
            let (go, done, told) = (
                Arc::new(Notify::new()),
                Arc::new(Notify::new()),
                Arc::new(AtomicBool::new(false)),
            );
            let work = {
                let (go, done, told) = (Arc::clone(&go), Arc::clone(&done), Arc::clone(&told));
                async move {
                    go.notified().await;
                    told.store(true, Ordering::Relaxed);
                    done.notify_one();
                }
            };
            let mut work = Box::pin(to_the_end(work));
            if begun {
                assert!((&mut work).now_or_never().is_none());
            }
            drop(work);
            assert!(!told.load(Ordering::Relaxed));
            go.notify_one();
            done.notified().await;
            assert!(told.load(Ordering::Relaxed));
        }
    }

    #[tokio::test]
    async fn a_panic_is_told_without_its_text() {
        let broken = to_the_end(async { panic!("a defect") });
        let done: Option<()> = broken.await;
        assert_eq!(done, None);
    }
}
