//! The way to the endpoints that most messages come to, past the table of paths: they are on it too, and
//! answer the same there, with some boxes and copies more for each message.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::{BoxError, Extension};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body;

use super::{areq, creq_app, respond};
use crate::app::{App, DsPeer, PeerAddress};

/// The busiest endpoint of a listener.
#[derive(Debug, Clone)]
pub struct Shortcut {
    app: Arc<App>,
    to: Busiest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Busiest {
    AReq,
    AppCReq,
}

impl Shortcut {
    /// To AReqs.
    #[must_use]
    pub const fn areq(app: Arc<App>) -> Self {
        Self { app, to: Busiest::AReq }
    }

    /// To the CReqs of apps.
    #[must_use]
    pub const fn app_creq(app: Arc<App>) -> Self {
        Self { app, to: Busiest::AppCReq }
    }

    /// Whether a request goes there.
    pub(crate) fn takes<B>(&self, request: &Request<B>) -> bool {
        let path = match self.to {
            Busiest::AReq => AREQ,
            Busiest::AppCReq => APP_CREQ,
        };
        request.method() == Method::POST && request.uri().path() == path
    }

    /// Answers a request that it [takes](Self::takes).
    pub(crate) async fn answer<B>(
        self,
        request: Request<B>,
        address: PeerAddress,
        ds_peer: Option<DsPeer>,
    ) -> Response
    where
        B: Body<Data = Bytes, Error = BoxError>,
    {
        let Self { app, to } = self;
        let (head, body) = request.into_parts();
        let limits = &app.config.limits;
        let most = match to {
            Busiest::AReq => limits.areq_bytes,
            Busiest::AppCReq => limits.creq_bytes,
        };
        let body = match whole(body, most).await {
            Ok(body) => body,
            Err(status) => return respond::refuse(status),
        };
        match (to, ds_peer) {
            (Busiest::AReq, Some(peer)) => {
                areq::handle(State(app), Extension(peer), head.headers, body).await
            }
            (Busiest::AReq, None) => respond::refuse(StatusCode::INTERNAL_SERVER_ERROR),
            (Busiest::AppCReq, _) => {
                creq_app::handle(State(app), Extension(address), head.headers, body).await
            }
        }
    }
}

/// A body of at most so many bytes [P-TRN-10].
async fn whole<B>(body: B, most: usize) -> Result<Bytes, StatusCode>
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let read = std::pin::pin!(Limited::new(body, most)).collect().await;
    read.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            StatusCode::PAYLOAD_TOO_LARGE
        } else {
            StatusCode::BAD_REQUEST
        }
    })
}

/// `POST`.
pub(super) const AREQ: &str = "/3ds/areq";
/// `POST`.
pub(super) const APP_CREQ: &str = "/3ds/challenge/app";
