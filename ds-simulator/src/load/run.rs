//! The running of a load: workers with a connection each, and what they saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use url::Url;

use super::watched::Watched;
use super::{LoadOptions, LoadReport};

/// One request to come.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) body: Bytes,
    /// `X-Request-ID` of 2.3.1.
    pub(super) id: Option<String>,
}

/// Where requests go, and what they are.
pub(super) struct Target {
    url: Url,
    tls: TlsConnector,
    content_type: &'static str,
}

pub(super) type Connection = SendRequest<Full<Bytes>>;

impl Target {
    pub(super) fn new(
        url: &str,
        mut tls: ClientConfig,
        content_type: &'static str,
    ) -> Result<Self> {
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let url = Url::parse(url).with_context(|| format!("the URL {url:?}"))?;
        Ok(Self { url, tls: TlsConnector::from(Arc::new(tls)), content_type })
    }

    pub(super) async fn connect(&self) -> Result<Connection> {
        let host = self.url.host_str().context("URL without host")?.to_owned();
        let port = self.url.port_or_known_default().context("URL without port")?;
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::try_from(host)?, stream).await?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Sends a request; what kind of answer came, and its body.
    pub(super) async fn exchange(
        &self,
        connection: &mut Connection,
        request: Request,
    ) -> Result<(String, Bytes)> {
        connection.ready().await?;
        let answer = connection.send_request(self.http(request)?).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        let jose = head
            .headers
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/jose"));
        Ok((kind(head.status, jose, &body), body))
    }

    fn http(&self, Request { body, id }: Request) -> Result<http::Request<Full<Bytes>>> {
        let mut request = http::Request::post(self.url.path())
            .header("host", self.url.authority())
            .header("content-type", self.content_type);
        if let Some(id) = id {
            request = request.header("x-request-id", id);
        }
        Ok(request.body(Full::new(body))?)
    }
}

/// How long to go on, and with how many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    connections: usize,
    requests: u64,
    time: Option<Duration>,
    watch: Option<u32>,
}

impl Run {
    pub(super) fn of(options: &LoadOptions) -> Self {
        Self {
            connections: options.connections,
            requests: options.requests.unwrap_or(u64::MAX),
            time: options.time,
            watch: options.watch,
        }
    }

    /// Connects, then sends what the sources give; `source` makes that of each worker.
    pub(super) async fn go<S>(
        self,
        target: &Arc<Target>,
        source: impl Fn(usize) -> S,
    ) -> Result<LoadReport>
    where
        S: FnMut() -> Option<Request> + Send + 'static,
    {
        let left = Arc::new(AtomicU64::new(self.requests));
        let mut connections = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            connections.push(target.connect().await.context("connecting")?);
        }
        let before = self.watch.map(Watched::look).transpose()?;
        let start = Instant::now();
        let end = self.time.map(|time| start + time);
        let mut workers = JoinSet::new();
        for (number, connection) in connections.into_iter().enumerate() {
            let (target, left) = (Arc::clone(target), Arc::clone(&left));
            workers.spawn(work(target, connection, source(number), left, end));
        }
        let mut tally = Tally::default();
        while let Some(done) = workers.join_next().await {
            tally.merge(done?);
        }
        let took = start.elapsed();
        let spent = match (before, self.watch.map(Watched::look).transpose()?) {
            (Some(before), Some(after)) => Some(after.since(before)),
            _ => None,
        };
        Ok(tally.report(self.connections, took, spent))
    }
}

async fn work(
    target: Arc<Target>,
    mut connection: Connection,
    mut source: impl FnMut() -> Option<Request> + Send,
    left: Arc<AtomicU64>,
    end: Option<Instant>,
) -> Tally {
    let mut tally = Tally::default();
    while end.is_none_or(|end| Instant::now() < end)
        && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
    {
        let Some(request) = source() else { break };
        tally.request_bytes = request.body.len();
        let began = Instant::now();
        match target.exchange(&mut connection, request).await {
            Ok((kind, body)) => {
                let micros = began.elapsed().as_micros();
                tally.micros.push(u32::try_from(micros).unwrap_or(u32::MAX));
                *tally.answers.entry(kind).or_default() += 1;
                tally.answer_bytes = body.len();
            }
            Err(error) => {
                tally.errors += 1;
                tally.first_error.get_or_insert_with(|| format!("{error:#}"));
                match target.connect().await {
                    Ok(fresh) => connection = fresh,
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        }
    }
    tally
}

/// The answer's kind, found without parsing: the load generator shares the machine.
fn kind(status: http::StatusCode, jose: bool, body: &[u8]) -> String {
    if !status.is_success() {
        return format!("HTTP {}", status.as_u16());
    }
    if jose {
        return "CRes".to_owned();
    }
    let text = String::from_utf8_lossy(body);
    if text.contains("\"Erro\"") {
        return "Erro".to_owned();
    }
    let status = text
        .find("\"transStatus\"")
        .and_then(|at| text[at + 13..].trim_start_matches([':', ' ', '"']).chars().next());
    status.map_or_else(|| "other".to_owned(), |status| status.to_string())
}

#[derive(Default)]
struct Tally {
    micros: Vec<u32>,
    answers: std::collections::BTreeMap<String, u64>,
    errors: u64,
    first_error: Option<String>,
    request_bytes: usize,
    answer_bytes: usize,
}

impl Tally {
    fn merge(&mut self, other: Self) {
        self.micros.extend(other.micros);
        for (kind, count) in other.answers {
            *self.answers.entry(kind).or_default() += count;
        }
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.request_bytes = self.request_bytes.max(other.request_bytes);
        self.answer_bytes = self.answer_bytes.max(other.answer_bytes);
    }

    fn report(mut self, connections: usize, took: Duration, cpu: Option<Duration>) -> LoadReport {
        self.micros.sort_unstable();
        let requests = self.micros.len() as u64;
        let seconds = took.as_secs_f64();
        let at = |share: usize| {
            let index = self.micros.len().saturating_sub(1) * share / 1000;
            self.micros.get(index).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        };
        LoadReport {
            connections,
            requests,
            errors: self.errors,
            seconds,
            requests_per_second: self.micros.len() as f64 / seconds,
            p50_ms: at(500),
            p99_ms: at(990),
            max_ms: at(1000),
            request_bytes: self.request_bytes,
            answer_bytes: self.answer_bytes,
            cpu_micros: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / self.micros.len() as f64),
            answers: self.answers,
            first_error: self.first_error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let ok = http::StatusCode::OK;
        assert_eq!(kind(ok, false, br#"{"transStatus":"Y"}"#), "Y");
        assert_eq!(kind(ok, false, br#"{"messageType":"Erro"}"#), "Erro");
        assert_eq!(kind(http::StatusCode::SERVICE_UNAVAILABLE, false, b""), "HTTP 503");
        assert_eq!(kind(ok, true, b"ey..a.b.c"), "CRes");
    }
}
