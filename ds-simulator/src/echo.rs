//! The bare references for benchmarks: hyper and rustls, and on request the operations that an
//! answer takes, with nothing of the protocol around them.

mod bare;
mod rows;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::pki::{self, Identity};
use bare::Bare;

/// What a request is answered with, and after what.
#[derive(Debug, Clone)]
pub enum Work {
    /// Nothing is done, and this many bytes are the answer.
    Nothing { answer_bytes: usize },
    /// A row of this many bytes is made durable.
    Row { answer_bytes: usize, row_bytes: usize, database: PathBuf },
    /// The body is parsed as an app's AReq, a key pair is made, a secret agreed with the SDK's key,
    /// the content signed with this P-256 key, and the row is made durable.
    AppAReq { row_bytes: usize, database: PathBuf, signing: Identity },
}

/// The size of a frictionless ARes.
pub const ARES_BYTES: usize = 401;

/// Reads each request whole, does the work and answers, until the socket fails. `bound` is told the
/// address first. With `client_ca` every client needs a certificate.
///
/// # Errors
/// When the PKI or the database is not usable or the address is taken.
pub async fn echo(
    address: SocketAddr,
    identity: &Identity,
    client_ca: Option<&Path>,
    work: &Work,
    bound: impl FnOnce(SocketAddr),
) -> Result<()> {
    let acceptor = TlsAcceptor::from(Arc::new(pki::server_config(identity, client_ca)?));
    let bare = Arc::new(Bare::new(work)?);
    let socket = TcpListener::bind(address).await.with_context(|| address.to_string())?;
    bound(socket.local_addr()?);
    loop {
        let (stream, _) = socket.accept().await?;
        let _ = stream.set_nodelay(true);
        let (acceptor, bare) = (acceptor.clone(), Arc::clone(&bare));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(move |request| respond(request, Arc::clone(&bare)));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn respond(
    request: http::Request<Incoming>,
    bare: Arc<Bare>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    let answer = match bare.answer(&body).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!("the bare server did not do its work: {error:#}");
            let mut response = http::Response::new(Full::default());
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            return Ok(response);
        }
    };
    let mut response = http::Response::new(Full::new(answer));
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json; charset=utf-8"),
    );
    Ok(response)
}
