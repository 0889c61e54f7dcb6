//! The 3DS Server with the merchant behind it: PReq, choice of version, AReq, RReq endpoint, and
//! what it knows of each payment (the last of ARes and RReq is the result, P-STAT-16).

mod notices;
mod ranges;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use axum::{Extension, Router};
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Notify;

use crate::directory;
use crate::fault::Faults;
use crate::ids;
use crate::link::Link;
use crate::listener::Peer;
use crate::message::app::SdkFacts;
use crate::message::{
    self, BrowserFacts, Order, RequestorUrls, VERSIONS, erro, from_base64url, new_id,
};
use crate::trace::{Trace, masked_pan, text};

pub use notices::ReceivedNotice;
pub use ranges::{RangeCache, Refreshed};

/// A 3DS Server under one directory server.
#[derive(Debug)]
pub struct ThreeDsServer {
    pub(crate) network: String,
    ds_url: String,
    own_url: String,
    shop_url: String,
    to_ds: Link,
    trace: Arc<Trace>,
    faults: Arc<Mutex<Faults>>,
    payments: Mutex<Payments>,
    changed: Notify,
    notices: Mutex<notices::Notices>,
    /// By version asked in.
    ranges: tokio::sync::Mutex<HashMap<String, RangeCache>>,
}

/// Payments by `threeDSServerTransID`; the oldest go when there are many.
#[derive(Debug, Default)]
struct Payments {
    by_id: HashMap<String, Payment>,
    order: VecDeque<String>,
}

const PAYMENTS_KEPT: usize = 10_000;

impl Payments {
    fn insert(&mut self, payment: Payment) {
        if self.order.len() >= PAYMENTS_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        self.order.push_back(payment.id.clone());
        self.by_id.insert(payment.id.clone(), payment);
    }
}

/// What the merchant knows of one payment.
#[derive(Debug, Clone, Serialize)]
pub struct Payment {
    /// `threeDSServerTransID`.
    pub id: String,
    pub network: String,
    /// The card, masked.
    pub card: String,
    #[serde(skip)]
    pub order: Order,
    pub version: String,
    /// Where to run the 3DS Method first, when the card range has one.
    pub method_url: Option<String>,
    /// The 3DS Method's notification arrived.
    pub method_done: bool,
    pub comp_ind: Option<String>,
    /// The ARes, or the Erro in its place.
    pub ares: Option<Value>,
    /// The AReq got no answer at all: why.
    pub failed: Option<String>,
    pub rreq: Option<Value>,
    pub rreq_count: u32,
    /// The final CRes, or the Erro that came through the browser.
    pub cres: Option<Value>,
    /// `threeDSSessionData` as it came back.
    pub session_data: Option<String>,
}

impl Payment {
    /// `transStatus` of the ARes.
    #[must_use]
    pub fn ares_status(&self) -> Option<&str> {
        self.ares.as_ref().and_then(|ares| text(ares, "transStatus"))
    }

    /// The message that holds the result: the RReq, else the ARes.
    #[must_use]
    pub fn result(&self) -> Option<&Value> {
        self.rreq.as_ref().or(self.ares.as_ref())
    }

    /// The result's `transStatus`; `C` while the challenge goes on.
    #[must_use]
    pub fn status(&self) -> Option<&str> {
        self.result().and_then(|result| text(result, "transStatus"))
    }

    /// Whether a challenge was asked for.
    #[must_use]
    pub fn challenged(&self) -> bool {
        self.ares_status() == Some("C")
    }
}

/// What a 3DS Server is made of.
#[derive(Debug)]
pub(crate) struct MerchantSetup {
    pub(crate) network: String,
    pub(crate) ds_url: String,
    pub(crate) own_url: String,
    pub(crate) shop_url: String,
    pub(crate) to_ds: Link,
}

impl ThreeDsServer {
    pub(crate) fn new(
        setup: MerchantSetup,
        trace: Arc<Trace>,
        faults: Arc<Mutex<Faults>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            network: setup.network,
            ds_url: setup.ds_url,
            own_url: setup.own_url,
            shop_url: setup.shop_url,
            to_ds: setup.to_ds,
            trace,
            faults,
            payments: Mutex::default(),
            changed: Notify::new(),
            notices: Mutex::default(),
            ranges: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/3dss/rreq", post(rreq))
            .route("/3dss/oreq", post(notices::oreq))
            .layer(DefaultBodyLimit::max(1024 * 1024))
            .with_state(self)
    }

    /// Opens a payment: asks the directory server for the card's range and chooses the version,
    /// the highest that all know unless `version` names one.
    ///
    /// # Errors
    /// When the directory server gives no card ranges.
    pub async fn start(&self, order: Order, version: Option<&str>) -> Result<Payment> {
        let ranges = self.card_ranges(version.unwrap_or(VERSIONS[2])).await?;
        let range = ranges.entry(&order.pan);
        let version = version
            .map(str::to_owned)
            .or_else(|| range.and_then(|entry| ranges.highest_version(entry)))
            .unwrap_or_else(|| VERSIONS[2].to_owned());
        let payment = Payment {
            id: new_id(),
            network: self.network.clone(),
            card: masked_pan(&order.pan),
            method_url: range.and_then(|entry| ranges::method_url(entry, &version)),
            order,
            version,
            method_done: false,
            comp_ind: None,
            ares: None,
            failed: None,
            rreq: None,
            rreq_count: 0,
            cres: None,
            session_data: None,
        };
        self.lock().insert(payment.clone());
        Ok(payment)
    }

    /// `threeDSMethodData` for the form of the hidden iframe.
    #[must_use]
    pub fn method_data(&self, id: &str) -> String {
        message::to_base64url(&serde_json::json!({
            "threeDSServerTransID": id,
            "threeDSMethodNotificationURL": self.method_notification_url(id),
        }))
    }

    /// Where the ACS lets the browser tell that the 3DS Method is done.
    #[must_use]
    pub fn method_notification_url(&self, id: &str) -> String {
        format!("{}/3ds/method-done/{id}", self.shop_url)
    }

    /// Origin of the merchant's pages.
    #[must_use]
    pub fn shop_url(&self) -> &str {
        &self.shop_url
    }

    /// `notificationURL` of a payment.
    #[must_use]
    pub fn notification_url(&self, id: &str) -> String {
        format!("{}/3ds/notify/{id}", self.shop_url)
    }

    /// Sends the AReq and keeps the answer; `comp_ind` is `threeDSCompInd`.
    ///
    /// # Errors
    /// When the payment is unknown here.
    pub async fn authenticate(
        &self,
        id: &str,
        comp_ind: &str,
        browser: &BrowserFacts,
    ) -> Result<Payment> {
        let payment = self.payment(id).context("unknown payment")?;
        let urls = self.urls(id);
        let areq = message::areq(&payment.order, &payment.version, id, comp_ind, &urls, browser);
        self.change(id, |payment| payment.comp_ind = Some(comp_ind.to_owned()));
        self.send_areq(&payment, &areq).await
    }

    /// Sends the AReq of a payment in an app and keeps the answer.
    ///
    /// # Errors
    /// When the payment is unknown here.
    pub async fn authenticate_app(&self, id: &str, sdk: &SdkFacts) -> Result<Payment> {
        let payment = self.payment(id).context("unknown payment")?;
        let areq = message::app::areq(&payment.order, &payment.version, id, &self.urls(id), sdk);
        self.send_areq(&payment, &areq).await
    }

    fn urls(&self, id: &str) -> RequestorUrls {
        RequestorUrls {
            three_ds_server: format!("{}/3dss/rreq", self.own_url),
            requestor: self.shop_url.clone(),
            notification: self.notification_url(id),
        }
    }

    async fn send_areq(&self, payment: &Payment, areq: &Value) -> Result<Payment> {
        let id = payment.id.as_str();
        let request_id = (payment.version == "2.3.1").then_some(id);
        let url = format!("{}/areq", self.ds_url);
        let bytes = Bytes::from(areq.to_string());
        let patience = Duration::from_secs(75);
        let answer = self.to_ds.post_json(&url, bytes, request_id, patience).await;
        self.change(id, |payment| match answer {
            Ok(answer) => match serde_json::from_slice::<Value>(&answer.body) {
                Ok(ares) => {
                    ids::compare(&self.trace, id, "DS-3DSS", &ares, &answer.headers);
                    payment.ares = Some(ares);
                }
                Err(_) => payment.failed = Some(format!("HTTP {}", answer.status)),
            },
            Err(failed) => payment.failed = Some(failed.to_string()),
        });
        self.payment(id).context("payment forgotten")
    }

    /// What the SDK told the app at the end of a challenge: a final CRes, or an Erro.
    pub fn told_by_app(&self, id: &str, message: &Value) -> bool {
        self.change(id, |payment| payment.cres = Some(message.clone()))
    }

    /// The CReq of a challenged payment.
    #[must_use]
    pub fn creq(&self, payment: &Payment) -> Option<Value> {
        let acs_trans_id = payment.ares.as_ref().and_then(|ares| text(ares, "acsTransID"))?;
        let window = &payment.order.window_size;
        Some(message::creq(&payment.version, &payment.id, acs_trans_id, window))
    }

    /// What is known of a payment now.
    #[must_use]
    pub fn payment(&self, id: &str) -> Option<Payment> {
        self.lock().by_id.get(&id.to_lowercase()).cloned()
    }

    /// Waits until `ready` holds of the payment; `None` when it does not within `patience`.
    pub async fn wait_until(
        &self,
        id: &str,
        patience: Duration,
        ready: impl Fn(&Payment) -> bool,
    ) -> Option<Payment> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let change = self.changed.notified();
            tokio::pin!(change);
            change.as_mut().enable();
            if let Some(payment) = self.payment(id).filter(&ready) {
                return Some(payment);
            }
            tokio::time::timeout_at(deadline, change).await.ok()?;
        }
    }

    /// The 3DS Method's notification came.
    pub(crate) fn method_done(&self, id: &str) -> bool {
        self.change(id, |payment| payment.method_done = true)
    }

    /// A final CRes or Erro came through the browser to the notificationURL.
    pub(crate) fn notified(&self, id: &str, field: &str, session_data: Option<String>) -> bool {
        let Some(cres) = from_base64url(field) else {
            self.trace.note(id, "BRW-3DSS", "remark", field.len(), "unreadable cres".to_owned());
            return false;
        };
        self.change(id, |payment| {
            payment.cres = Some(cres);
            payment.session_data = session_data;
        })
    }

    /// `resultsStatus` for a payment's RReq: taken, taken although no ARes came, or a decoupled
    /// authentication will follow [P-RREQ-08, Req 466].
    fn results_status(&self, payment: &Payment, rreq: &Value) -> String {
        match self.faults().results_status.as_str() {
            "" if payment.ares_status().is_none() => "03".to_owned(),
            "" if falls_back(payment, rreq) => "04".to_owned(),
            "" => "01".to_owned(),
            told => told.to_owned(),
        }
    }

    fn faults(&self) -> Faults {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, id: &str, edit: impl FnOnce(&mut Payment)) -> bool {
        let found = self.lock().by_id.get_mut(&id.to_lowercase()).map(edit).is_some();
        self.changed.notify_waiters();
        found
    }

    fn lock(&self) -> MutexGuard<'_, Payments> {
        self.payments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message of this type from the directory server, or what its sender gets instead.
fn received(
    server: &ThreeDsServer,
    peer: &Peer,
    body: &[u8],
    message_type: &str,
) -> Result<Value, Box<Response<Body>>> {
    let refused = |code, words, detail, message: &Value| {
        Err(Box::new(reply(&erro('S', code, words, detail, message))))
    };
    let Ok(message) = serde_json::from_slice::<Value>(body) else {
        return refused("101", "message invalid", "not JSON", &Value::Null);
    };
    if !peer.has_role(&server.network) {
        return refused("303", "access denied", "client certificate", &message);
    }
    match text(&message, "messageType") {
        Some(found) if found == message_type => Ok(message),
        Some("Erro") => Err(Box::new(Response::new(Body::empty()))),
        _ => refused("101", "message type invalid here", "messageType", &message),
    }
}

/// `POST /3dss/rreq`, from the directory server.
async fn rreq(
    State(server): State<Arc<ThreeDsServer>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let message = match received(&server, &peer, &body, "RReq") {
        Ok(message) => message,
        Err(response) => return *response,
    };
    let id = text(&message, "threeDSServerTransID").unwrap_or_default().to_lowercase();
    let Some(known) = server.payment(&id) else {
        return reply(&erro('S', "301", "RReq refused", "threeDSServerTransID", &message));
    };
    if known.rreq.as_ref().is_some_and(|first| *first != message) {
        let code = if known.version == "2.3.1" { "312" } else { "301" };
        return reply(&erro('S', code, "RReq refused", "threeDSServerTransID", &message));
    }
    let delay = server.faults().three_ds_server_delay_ms;
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    ids::compare(&server.trace, &id, "DS-3DSS", &message, &headers);
    let rres = message::rres(&message, &server.results_status(&known, &message));
    server.change(&id, |payment| {
        if payment.rreq.is_none() {
            payment.rreq_count += 1;
            payment.rreq = Some(message);
        }
    });
    reply(&rres)
}

/// Whether the challenge ended for the sake of a decoupled authentication that the order allows.
fn falls_back(payment: &Payment, rreq: &Value) -> bool {
    let allowed = matches!(payment.order.decoupled.as_deref(), Some("F" | "B"));
    allowed && payment.challenged() && text(rreq, "transStatus") == Some("D")
}

fn reply(message: &Value) -> Response<Body> {
    let newest = text(message, "messageVersion") == Some("2.3.1");
    let request_id = newest.then(|| text(message, "dsTransID")).flatten();
    directory::answer(
        message,
        request_id,
        newest.then(|| text(message, "threeDSServerTransID")).flatten(),
    )
}
