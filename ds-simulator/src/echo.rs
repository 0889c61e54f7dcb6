//! The bare reference for benchmarks: hyper and rustls with mutual TLS, no protocol work.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::pki::{self, Identity};

/// The size of a frictionless ARes.
const ANSWER_BYTES: usize = 401;

/// Reads each request whole and answers `ANSWER_BYTES`, until the socket fails. `bound` is told
/// the address first.
///
/// # Errors
/// When the PKI is not usable or the address is taken.
pub async fn echo(
    address: SocketAddr,
    identity: &Identity,
    client_ca: &Path,
    bound: impl FnOnce(SocketAddr),
) -> Result<()> {
    let acceptor = TlsAcceptor::from(Arc::new(pki::server_config(identity, Some(client_ca))?));
    let socket = TcpListener::bind(address).await.with_context(|| address.to_string())?;
    bound(socket.local_addr()?);
    let answer = answer();
    loop {
        let (stream, _) = socket.accept().await?;
        let _ = stream.set_nodelay(true);
        let (acceptor, answer) = (acceptor.clone(), answer.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(move |request| respond(request, answer.clone()));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn respond(
    request: http::Request<Incoming>,
    answer: Bytes,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let _ = request.into_body().collect().await;
    let mut response = http::Response::new(Full::new(answer));
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json; charset=utf-8"),
    );
    Ok(response)
}

fn answer() -> Bytes {
    let frame = r#"{"messageType":"ARes","transStatus":"Y","filler":""}"#;
    let filler = "x".repeat(ANSWER_BYTES - frame.len());
    format!("{}{filler}\"}}", &frame[..frame.len() - 2]).into()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_answer_is_json_of_the_size() {
        let answer = super::answer();
        assert_eq!(answer.len(), super::ANSWER_BYTES);
        serde_json::from_slice::<serde_json::Value>(&answer).unwrap();
    }
}
