//! A service without listeners, for tests of what goes on behind them.

use std::sync::Arc;
use std::time::Duration;

use acs_core::element::TransId;
use acs_core::flow::Transaction;
use axum::Extension;
use axum::extract::State;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::app::{App, DsPeer};
use crate::config::Config;
use crate::init::{self, Plan};
use crate::storage::TransactionNumber;
use crate::{boot, http as handlers, trans_id};

/// What `acs init --dev` makes, opened.
pub(crate) struct Bench {
    _folder: TempDir,
    pub(crate) app: Arc<App>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let plan = Plan {
            dir: dir.join("acs"),
            pki: dir.join("pki"),
            cards: dir.join("cards.json"),
            outbox: dir.join("outbox.jsonl"),
            base_port: None,
        };
        let file = init::development(&plan).unwrap();
        let app = Arc::new(boot::app(Config::load(&file).unwrap(), None).unwrap());
        Self { _folder: folder, app }
    }

    /// The same installation after a restart with another configuration.
    pub(crate) async fn restart(self, change: impl FnOnce(&mut Config)) -> Self {
        let Self { _folder, app } = self;
        let mut config = app.config.clone();
        change(&mut config);
        app.store.close().await.unwrap();
        drop(app);
        Self { _folder, app: Arc::new(boot::app(config, None).unwrap()) }
    }

    /// Asks for an authentication that becomes a challenge by text message.
    pub(crate) async fn challenge(&self) -> TransactionNumber {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
        let response = handlers::areq::handle(
            State(Arc::clone(&self.app)),
            Extension(DsPeer { ds: 0, name_ok: true }),
            headers,
            serde_json::to_vec(&areq()).unwrap().into(),
        );
        let body = axum::body::to_bytes(response.await.into_body(), 1 << 20).await.unwrap();
        let ares: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(ares["transStatus"], "C", "{ares}");
        let id = TransId::parse(ares["acsTransID"].as_str().unwrap()).unwrap();
        trans_id::decode(id, self.app.vault.trans_id_key()).unwrap()
    }

    /// The database, beside the service.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(&self.app.config.storage.path).unwrap()
    }

    /// Changes rows behind the service's back, and waits until it sees that.
    pub(crate) fn change(&self, sql: &str) -> usize {
        let changed = self.database().execute(sql, []).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        changed
    }

    pub(crate) async fn state(&self, number: TransactionNumber) -> Arc<Transaction> {
        self.app.store.state(number).await.unwrap().unwrap().state.transaction().unwrap()
    }

    /// Details of the first event of this kind.
    pub(crate) async fn event(&self, number: TransactionNumber, kind: &str) -> Option<Value> {
        let events = self.app.store.events(number).await.unwrap();
        let event = events.into_iter().find(|event| event.kind == kind)?;
        Some(serde_json::from_slice(&event.detail).unwrap())
    }

    /// Whether and how the RReq of a transaction was closed; there is one.
    pub(crate) fn rreq_closed(&self, number: TransactionNumber) -> Option<String> {
        let closed = "SELECT closed FROM outgoing WHERE transaction_number = ?1 AND kind = 1";
        self.database().query_row(closed, [number.0.cast_signed()], |row| row.get(0)).unwrap()
    }
}

/// Nobody listens at this dsURL: a connection is refused at once.
fn areq() -> Value {
    json!({
        "messageType": "AReq",
        "messageVersion": "2.2.0",
        "deviceChannel": "02",
        "messageCategory": "01",
        "threeDSServerTransID": "5f1c6e00-7a3d-4b52-9c01-200000000011",
        "dsTransID": "5f1c6e00-7a3d-4b52-9c01-200000000012",
        "threeDSServerRefNumber": "3DS_TEST_SERVER_0001",
        "threeDSServerURL": "https://3dss.example/results",
        "threeDSRequestorID": "requestor-0001",
        "threeDSRequestorName": "Sample Requestor",
        "threeDSRequestorURL": "https://requestor.example",
        "acctNumber": "4000000000001091",
        "cardExpiryDate": "3012",
        "dsReferenceNumber": "DS_TEST_0001",
        "dsURL": "https://127.0.0.1:1/rreq",
        "purchaseAmount": "1200",
        "purchaseCurrency": "392",
        "purchaseExponent": "0",
        "purchaseDate": "20260214093000",
        "acquirerBIN": "400551",
        "acquirerMerchantID": "merchant-0001",
        "mcc": "5499",
        "merchantCountryCode": "392",
        "merchantName": "Sample Merchant",
        "threeDSRequestorAuthenticationInd": "01",
        "threeDSCompInd": "Y",
        "notificationURL": "https://requestor.example/done",
        "browserAcceptHeader": "text/html,*/*;q=0.8",
        "browserUserAgent": "Mozilla/5.0 (sample)",
        "browserLanguage": "ja-JP",
        "browserJavaEnabled": false,
        "browserColorDepth": "24",
        "browserScreenHeight": "900",
        "browserScreenWidth": "1440",
        "browserTZ": "-540",
        "browserJavascriptEnabled": true,
    })
}
