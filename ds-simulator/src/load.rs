//! AReq load over mutual TLS: keep-alive connections, each transaction with ids of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::endpoints::Endpoints;
use crate::message::{self, BrowserFacts, Order, RequestorUrls, new_id};
use crate::pki::{self, Identity};

/// What to send.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Where to send it; the ACS of the endpoints when absent.
    pub url: Option<String>,
    pub connections: usize,
    /// Ends after this many requests or this time, whichever comes first.
    pub requests: Option<u64>,
    pub time: Option<Duration>,
    pub version: String,
    pub order: Order,
    /// `dsURL` of the AReqs; nobody is asked there unless a challenge is answered.
    pub ds_url: String,
}

/// How it went; latencies are those of answered requests.
#[derive(Debug, Clone, Serialize)]
pub struct LoadReport {
    pub connections: usize,
    pub requests: u64,
    pub errors: u64,
    pub seconds: f64,
    pub requests_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    pub request_bytes: usize,
    pub answer_bytes: usize,
    /// Answers by `transStatus`, `Erro` or HTTP status.
    pub answers: BTreeMap<String, u64>,
    /// The first thing that went wrong.
    pub first_error: Option<String>,
}

/// About the size of an AReq that a large merchant sends.
const AREQ_BYTES: usize = 3_300;

/// Runs the load.
///
/// # Errors
/// When the PKI is not usable or the first connection fails.
pub async fn load(ends: &Endpoints, options: &LoadOptions) -> Result<LoadReport> {
    let url = Url::parse(options.url.as_deref().unwrap_or(&ends.acs.areq))?;
    let files = ends.pki.clone();
    let identity = Identity { cert: files.ds_client_cert, key: files.ds_client_key };
    let mut tls = pki::client_config(&files.ca, Some(&identity))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let target = Arc::new(Target { url, tls: TlsConnector::from(Arc::new(tls)) });
    let template = Arc::new(template(options)?);
    let left = Arc::new(AtomicU64::new(options.requests.unwrap_or(u64::MAX)));
    let mut connections = Vec::with_capacity(options.connections);
    for _ in 0..options.connections {
        connections.push(target.connect().await.context("connecting")?);
    }
    let start = Instant::now();
    let end = options.time.map(|time| start + time);
    let mut workers = JoinSet::new();
    for connection in connections {
        let (target, template) = (Arc::clone(&target), Arc::clone(&template));
        workers.spawn(work(target, connection, template, Arc::clone(&left), end));
    }
    let mut tally = Tally::default();
    while let Some(done) = workers.join_next().await {
        tally.merge(done?);
    }
    Ok(tally.report(options.connections, start.elapsed(), template.text.len()))
}

struct Target {
    url: Url,
    tls: TlsConnector,
}

impl Target {
    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
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

    fn request(&self, body: Bytes, id: Option<&str>) -> Result<http::Request<Full<Bytes>>> {
        let mut request = http::Request::post(self.url.path())
            .header("host", self.url.authority())
            .header("content-type", "application/json; charset=utf-8");
        if let Some(id) = id {
            request = request.header("x-request-id", id);
        }
        Ok(request.body(Full::new(body))?)
    }
}

/// An AReq with the places of its ids.
struct Template {
    text: String,
    ids: [usize; 2],
    request_id: bool,
}

const PLACEHOLDERS: [&str; 2] =
    ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];

fn template(options: &LoadOptions) -> Result<Template> {
    let urls = RequestorUrls {
        three_ds_server: "https://localhost:7446/3dss/rreq".to_owned(),
        requestor: "https://localhost:7444".to_owned(),
        notification: "https://localhost:7444/3ds/notify/load".to_owned(),
    };
    let facts = BrowserFacts::default();
    let [own, ds] = PLACEHOLDERS;
    let mut areq = message::areq(&options.order, &options.version, own, "U", &urls, &facts);
    areq["dsTransID"] = json!(ds);
    areq["dsReferenceNumber"] = json!("DS-A-REF-0001");
    areq["dsURL"] = json!(options.ds_url);
    let padding = AREQ_BYTES.saturating_sub(areq.to_string().len() + 130);
    areq["messageExtension"] = json!([{
        "name": "ds-sim load", "id": "A000000802-900", "criticalityIndicator": false,
        "data": {"filler": "x".repeat(padding)},
    }]);
    let text = areq.to_string();
    let [Some(own), Some(ds)] = PLACEHOLDERS.map(|id| text.find(id)) else {
        bail!("the AReq lost its ids");
    };
    Ok(Template { ids: [own, ds], request_id: options.version == "2.3.1", text })
}

impl Template {
    /// A new transaction: its bytes and its `dsTransID`.
    fn fresh(&self) -> (Bytes, String) {
        let mut bytes = self.text.clone().into_bytes();
        let ids = [new_id(), new_id()];
        for (at, id) in self.ids.iter().zip(&ids) {
            bytes[*at..*at + id.len()].copy_from_slice(id.as_bytes());
        }
        let [_, ds] = ids;
        (bytes.into(), ds)
    }
}

#[derive(Default)]
struct Tally {
    micros: Vec<u32>,
    answers: BTreeMap<String, u64>,
    errors: u64,
    first_error: Option<String>,
    answer_bytes: usize,
}

async fn work(
    target: Arc<Target>,
    mut sender: SendRequest<Full<Bytes>>,
    template: Arc<Template>,
    left: Arc<AtomicU64>,
    end: Option<Instant>,
) -> Tally {
    let mut tally = Tally::default();
    while end.is_none_or(|end| Instant::now() < end)
        && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
    {
        let (bytes, id) = template.fresh();
        let began = Instant::now();
        match exchange(&target, &mut sender, bytes, template.request_id.then_some(&id)).await {
            Ok((kind, size)) => {
                let micros = began.elapsed().as_micros();
                tally.micros.push(u32::try_from(micros).unwrap_or(u32::MAX));
                *tally.answers.entry(kind).or_default() += 1;
                tally.answer_bytes = size;
            }
            Err(error) => {
                tally.errors += 1;
                tally.first_error.get_or_insert_with(|| format!("{error:#}"));
                match target.connect().await {
                    Ok(fresh) => sender = fresh,
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        }
    }
    tally
}

async fn exchange(
    target: &Target,
    sender: &mut SendRequest<Full<Bytes>>,
    bytes: Bytes,
    id: Option<&String>,
) -> Result<(String, usize)> {
    sender.ready().await?;
    let answer = sender.send_request(target.request(bytes, id.map(String::as_str))?).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    Ok((kind(status, &body), body.len()))
}

/// The answer's kind, found without parsing: the load generator shares the machine.
fn kind(status: http::StatusCode, body: &[u8]) -> String {
    if !status.is_success() {
        return format!("HTTP {}", status.as_u16());
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

impl Tally {
    fn merge(&mut self, other: Self) {
        self.micros.extend(other.micros);
        for (kind, count) in other.answers {
            *self.answers.entry(kind).or_default() += count;
        }
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.answer_bytes = self.answer_bytes.max(other.answer_bytes);
    }

    fn report(mut self, connections: usize, took: Duration, request_bytes: usize) -> LoadReport {
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
            request_bytes,
            answer_bytes: self.answer_bytes,
            answers: self.answers,
            first_error: self.first_error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_differ_in_their_ids_only() {
        let options = LoadOptions {
            url: None,
            connections: 1,
            requests: Some(1),
            time: None,
            version: "2.2.0".to_owned(),
            order: Order { pan: "4000000000001000".to_owned(), ..Order::default() },
            ds_url: "https://localhost:7443/ds/rreq".to_owned(),
        };
        let template = template(&options).unwrap();
        let ((one, first), (two, second)) = (template.fresh(), template.fresh());
        assert_ne!(first, second);
        assert_eq!(one.len(), two.len());
        assert!((3_200..3_400).contains(&one.len()), "{} bytes", one.len());
        let one: serde_json::Value = serde_json::from_slice(&one).unwrap();
        assert_eq!(one["dsTransID"], first.as_str());
    }

    #[test]
    fn answers_are_told_apart() {
        let ok = http::StatusCode::OK;
        assert_eq!(kind(ok, br#"{"transStatus":"Y"}"#), "Y");
        assert_eq!(kind(ok, br#"{"messageType":"Erro"}"#), "Erro");
        assert_eq!(kind(http::StatusCode::SERVICE_UNAVAILABLE, b""), "HTTP 503");
    }
}
