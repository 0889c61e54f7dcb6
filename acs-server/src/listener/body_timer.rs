//! A request body that must arrive in time, and what is left of it when nobody wants it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::budget::Held;

/// Whether the body came too late; shared with whoever writes the answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Late(Arc<AtomicBool>);

impl Late {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A body with a deadline. The timer exists only while something is waited for.
pub(super) struct TimedBody {
    inner: Option<Incoming>,
    deadline: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
    late: Late,
    held: Arc<Held>,
    lingers: bool,
}

/// Gives a request's body a deadline, and a share of the listener's memory.
pub(super) fn timed(
    request: Request<Incoming>,
    deadline: Instant,
    late: Late,
    held: Arc<Held>,
) -> Request<TimedBody> {
    // HTTP/2 ends one stream without harm to the answer on it.
    let lingers = request.version() <= Version::HTTP_11;
    request.map(|inner| TimedBody {
        inner: Some(inner),
        deadline,
        sleep: None,
        late,
        held,
        lingers,
    })
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(context) {
            let arrived = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            if !this.held.take(arrived.map_or(0, Bytes::len)) {
                return Poll::Ready(Some(Err("too much is being read at once".into())));
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let deadline = this.deadline;
        let sleep = this.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        ready!(sleep.as_mut().poll(context));
        this.late.0.store(true, Ordering::Release);
        this.inner = None;
        Poll::Ready(Some(Err("the body did not arrive in time".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(Incoming::size_hint).unwrap_or_default()
    }
}

impl Drop for TimedBody {
    /// Reads on after a refusal: a socket closed on unread bytes resets the connection, and the
    /// peer would never see the answer.
    fn drop(&mut self) {
        let unread = self.inner.take().filter(|inner| self.lingers && !inner.is_end_stream());
        if let (Some(inner), Ok(runtime)) = (unread, tokio::runtime::Handle::try_current()) {
            runtime.spawn(timeout_at(self.deadline, discard(inner)));
        }
    }
}

async fn discard(mut body: Incoming) {
    let mut left = MOST_DISCARDED;
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(bytes) {
            Some(still) => left = still,
            None => return,
        }
    }
}

/// Bytes read for nobody at most.
const MOST_DISCARDED: usize = 4 * 1024 * 1024;
