//! One HTTP exchange over one fresh mutual-TLS connection, in two moves, so that "no connection"
//! and "bytes may have left" are told apart.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::crash;

/// An open connection on which nothing was sent yet.
#[derive(Debug)]
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    connection: tokio::task::JoinHandle<()>,
    host: String,
    path: String,
}

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("the URL has no host")]
    NoHost,
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    #[error("no connection in time")]
    ConnectTimer,
    #[error("no HTTP connection: {0}")]
    Handshake(hyper::Error),
    #[error("the request cannot be built: {0}")]
    Request(http::Error),
    #[error("the connection broke: {0}")]
    Broken(hyper::Error),
    #[error("the answer is too long or broke off")]
    Body,
    #[error("HTTP status {0}")]
    Status(StatusCode),
    #[error("no answer in time")]
    AnswerTimer,
}

/// Connects to `url` with the DS's client identity.
pub(super) async fn connect(tls: &Arc<rustls::ClientConfig>, url: &Url) -> Result<Link, LinkError> {
    timeout(CONNECT_TIMER, open(tls, url)).await.map_err(|_| LinkError::ConnectTimer)?
}

async fn open(tls: &Arc<rustls::ClientConfig>, url: &Url) -> Result<Link, LinkError> {
    let host = url.host_str().ok_or(LinkError::NoHost)?;
    let port = url.port_or_known_default().unwrap_or(443);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| LinkError::NoHost)?;
    let socket = TcpStream::connect((bare, port)).await.map_err(LinkError::Connect)?;
    let _ = socket.set_nodelay(true);
    let stream = TlsConnector::from(Arc::clone(tls))
        .connect(name, socket)
        .await
        .map_err(LinkError::Connect)?;
    let (sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(LinkError::Handshake)?;
    let connection = tokio::spawn(async move {
        // Whatever ends the connection is seen by the exchange on it.
        let _ = connection.await;
    });
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    Ok(Link { sender, connection, host: format!("{host}:{port}"), path })
}

impl Link {
    /// Posts a JSON message and reads the answer's body; redirects are not followed.
    pub(super) async fn post(mut self, body: &[u8], timer: Duration) -> Result<Vec<u8>, LinkError> {
        let request = self.request(body)?;
        let answer = timeout(timer, self.exchange(request)).await;
        self.connection.abort();
        answer.map_err(|_| LinkError::AnswerTimer)?
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Vec<u8>, LinkError> {
        let sent = self.sender.send_request(request);
        if crash::armed("after-rreq-sent") {
            // The connection's own task writes; give it the time to.
            tokio::spawn(async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                crash::pass("after-rreq-sent");
            });
        }
        let response = sent.await.map_err(LinkError::Broken)?;
        if response.status() != StatusCode::OK {
            return Err(LinkError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        Ok(body.map_err(|_| LinkError::Body)?.to_bytes().to_vec())
    }

    fn request(&self, body: &[u8]) -> Result<Request<Full<Bytes>>, LinkError> {
        let mut request = Request::post(&self.path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .header(header::ACCEPT, "application/json");
        if let Some(id) = request_id(body) {
            request = request.header(X_REQUEST_ID, id);
        }
        request.body(Full::new(Bytes::copy_from_slice(body))).map_err(LinkError::Request)
    }
}

/// acsTransID of our own 2.3.1 messages [P-TRN-12].
fn request_id(body: &[u8]) -> Option<HeaderValue> {
    let message: serde_json::Value = serde_json::from_slice(body).ok()?;
    let version = message.get("messageVersion")?.as_str()?;
    let id = message.get("acsTransID")?.as_str()?;
    (version == "2.3.1").then(|| HeaderValue::from_str(id).ok())?
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CONNECT_TIMER: Duration = Duration::from_secs(5);
const MAX_ANSWER_BYTES: usize = 256 * 1024;
