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
use super::body_timer::{Late, TimedBody, timed};
use super::budget::{self, Budget, Held};
use crate::app::{DsPeer, PeerAddress};
use crate::config::Limits;
use crate::http::{Shortcut, respond};

/// Answers the requests of one connection.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    router: Router,
    address: PeerAddress,
    pub(super) shortcut: Option<Shortcut>,
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
        let (body_time, ds_peer, shortcut) = (limits.body(), None, None);
        Self { router, address, shortcut, ds_peer, body_time, budget, activity }
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
        // In a box: hyper moves what answers a request about before it begins.
        let answer = AssertUnwindSafe(Box::pin(self.routed(timed))).catch_unwind().await;
        let Ok(response) = answer else {
            return Ok(respond::refuse(StatusCode::INTERNAL_SERVER_ERROR));
        };
        Ok(match (late.is_set(), held.was_refused()) {
            (true, _) => too_late(),
            (_, true) => too_much(),
            _ => response,
        })
    }
}

impl Requests {
    async fn routed(&mut self, request: Request<TimedBody>) -> Response {
        let peer = self.ds_peer.take();
        if let Some(shortcut) = self.shortcut.take_if(|shortcut| shortcut.takes(&request)) {
            return shortcut.answer(request, self.address, peer).await;
        }
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.address);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let Ok(response) = self.router.call(request).await;
        response
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
