//! One HTTP exchange over one fresh mutual-TLS connection, in two moves, so that "no connection"
//! and "bytes may have left" are told apart.

use std::sync::Arc;
use std::time::Duration;

use acs_core::element::{MessageVersion, TransId};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::crash;
use crate::http::ids::{self as http_ids, X_REQUEST_ID};

/// An open connection on which nothing was sent yet.
#[derive(Debug)]
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    connection: tokio::task::JoinHandle<()>,
    host: String,
    path: String,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
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

/// Connects to `url` with the DS's client identity, within `timer`.
pub(super) async fn connect(
    tls: &Arc<rustls::ClientConfig>,
    url: &Url,
    timer: Duration,
) -> Result<Link, LinkError> {
    timeout(timer, open(tls, url)).await.map_err(|_| LinkError::ConnectTimer)?
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
    /// Posts a JSON message and reads the answer; redirects are not followed [P-TRN-10].
    pub(super) async fn post(mut self, body: &[u8], timer: Duration) -> Result<Answer, LinkError> {
        let request = self.request(body)?;
        let answer = timeout(timer, self.exchange(request)).await;
        self.connection.abort();
        answer.map_err(|_| LinkError::AnswerTimer)?
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, LinkError> {
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
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|_| LinkError::Body)?.to_bytes().to_vec();
        Ok(Answer { headers: head.headers, body })
    }

    /// [P-TRN-06, Req 184, Req 190]
    fn request(&self, body: &[u8]) -> Result<Request<Full<Bytes>>, LinkError> {
        let mut request = Request::post(&self.path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .header(header::ACCEPT, "application/json");
        if let Some(Ids { own, .. }) = ids(body) {
            request = request.header(X_REQUEST_ID, own.to_string());
        }
        request.body(Full::new(Bytes::copy_from_slice(body))).map_err(LinkError::Request)
    }
}

/// Notes where the answer to our message `body` does not carry the ids that it should [P-TRN-12].
pub(super) fn note_ids(body: &[u8], headers: &HeaderMap, ds_id: &str) {
    if let Some(Ids { own, responder: Some(responder) }) = ids(body) {
        http_ids::note_response(headers, own, responder, ds_id);
    }
}

/// What a message of 2.3.1 and the answer to it carry as HTTP ids.
struct Ids {
    own: TransId,
    responder: Option<TransId>,
}

fn ids(body: &[u8]) -> Option<Ids> {
    let message: serde_json::Value = serde_json::from_slice(body).ok()?;
    let id = |name: &str| message.get(name)?.as_str().and_then(TransId::parse);
    let newest = message.get("messageVersion")?.as_str()? == MessageVersion::V231.as_str();
    newest.then(|| Some(Ids { own: id("acsTransID")?, responder: id("dsTransID") }))?
}

const MAX_ANSWER_BYTES: usize = 256 * 1024;
