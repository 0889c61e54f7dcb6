//! One request: marked with its peer, timed, routed, and kept from taking the connection down.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt as _;
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use tokio::time::Instant;
use tower::Service as _;

use super::activity::Activity;
use super::body_timer::{Late, timed};
use super::budget::{self, Budget, Held};
use crate::app::{DsPeer, PeerAddress};
use crate::config::Limits;
use crate::http::respond;

/// Answers the requests of one connection.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    router: Router,
    address: PeerAddress,
    /// Set on the sockets of directory servers.
    pub(super) ds_peer: Option<DsPeer>,
    body_time: Duration,
    budget: Arc<Budget>,
    activity: Arc<Activity>,
}

impl Requests {
    pub(super) fn new(
        router: Router,
        address: PeerAddress,
        limits: &Limits,
        budget: Arc<Budget>,
    ) -> Self {
        let activity = Arc::new(Activity::new());
        Self { router, address, ds_peer: None, body_time: limits.body(), budget, activity }
    }

    pub(super) fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.activity)
    }

    pub(super) async fn answer(
        mut self,
        request: Request<Incoming>,
    ) -> Result<Response, Infallible> {
        let activity = self.activity();
        let _running = activity.start();
        let late = Late::default();
        let deadline = Instant::now() + self.body_time;
        let held = Arc::new(Held::new(Arc::clone(&self.budget)));
        if !held.take(budget::head(&request)) {
            return Ok(too_much());
        }
        let timed = timed(request, deadline, late.clone(), Arc::clone(&held));
        let mut request = timed.map(Body::new);
        request.extensions_mut().insert(self.address);
        if let Some(peer) = self.ds_peer.take() {
            request.extensions_mut().insert(peer);
        }
        let answer = AssertUnwindSafe(self.router.call(request)).catch_unwind().await;
        let Ok(Ok(response)) = answer else {
            return Ok(respond::refuse(StatusCode::INTERNAL_SERVER_ERROR));
        };
        Ok(match (late.is_set(), held.was_refused()) {
            (true, _) => too_late(),
            (_, true) => too_much(),
            _ => response,
        })
    }
}

fn too_late() -> Response {
    last(StatusCode::REQUEST_TIMEOUT)
}

/// The requests of this listener hold as much memory as they may.
fn too_much() -> Response {
    metrics::counter!("acs_refused_total", "listener" => "any", "cause" => "memory").increment(1);
    last(StatusCode::SERVICE_UNAVAILABLE)
}

/// The last answer of its connection.
fn last(status: StatusCode) -> Response {
    let mut response = respond::refuse(status);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
