//! How much memory the requests of a listener hold together. Without a common bound, streams times
//! connections times the largest body would be tens of gigabytes for whoever opens them all.

use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::{HeaderName, HeaderValue, Request};

/// Bytes that are left.
#[derive(Debug)]
pub(super) struct Budget(AtomicUsize);

impl Budget {
    pub(super) const fn new(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }
}

/// What one request holds; given back when it ends.
#[derive(Debug)]
pub(super) struct Held {
    budget: Arc<Budget>,
    bytes: AtomicUsize,
    refused: AtomicBool,
}

impl Held {
    pub(super) const fn new(budget: Arc<Budget>) -> Self {
        Self { budget, bytes: AtomicUsize::new(0), refused: AtomicBool::new(false) }
    }

    /// Takes so many bytes more; `false` when there are not so many left.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let left = |left: usize| left.checked_sub(bytes);
        let taken = self.budget.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, left).is_ok();
        if taken {
            self.bytes.fetch_add(bytes, Ordering::AcqRel);
        } else {
            self.refused.store(true, Ordering::Release);
        }
        taken
    }

    /// Whether something was not granted.
    pub(super) fn was_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.0.fetch_add(*self.bytes.get_mut(), Ordering::AcqRel);
    }
}

/// About what a request's head takes; a few bytes on the wire can make a large one.
pub(super) fn head<T>(request: &Request<T>) -> usize {
    let fields = request.headers().iter().map(|(name, value)| {
        size_of::<(HeaderName, HeaderValue)>() + name.as_str().len() + value.len()
    });
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    size_of::<Request<T>>() + target + fields.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_is_given_back_and_what_was_refused_was_never_taken() {
        let budget = Arc::new(Budget::new(10));
        let one = Held::new(Arc::clone(&budget));
        assert!(one.take(4) && one.take(4) && !one.was_refused());
        let other = Held::new(Arc::clone(&budget));
        assert!(!other.take(3) && other.was_refused());
        assert!(other.take(2), "a smaller piece still fits");
        drop(one);
        assert!(other.take(8));
        drop(other);
        assert_eq!(budget.0.load(Ordering::Acquire), 10);
    }

    #[test]
    fn many_small_fields_cost_more_than_their_letters() {
        let mut request = Request::new(());
        let empty = head(&request);
        for _ in 0..100 {
            request.headers_mut().append("a", HeaderValue::from_static("b"));
        }
        assert!(head(&request) > empty + 100 * 32);
    }
}
