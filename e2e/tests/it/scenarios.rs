//! The scenarios of the conformance catalogue over TLS: `t_av_01_not_json` is T-AV-01. A scenario
//! without a test stands in `e2e/scenarios-open.toml` with the reason.

mod areq_shape;
mod areq_values;
mod browser;
mod browser_creq;
mod challenge;
mod frictionless;
mod results;
mod timeouts;
mod versions;

use std::time::Duration;

use bytes::Bytes;
use e2e::stage::{Setup, member};
use e2e::{Card, Issuer, RawDs, Stage};
use serde_json::Value;

/// The card of every AReq that is wrong in another way.
pub(crate) fn pan() -> String {
    Issuer::Alpha.pan(Card::Frictionless)
}

/// A stage with a directory server at its door that sends what it likes.
pub(crate) struct Door {
    pub(crate) stage: Stage,
    pub(crate) ds: RawDs,
}

/// What an Erro must say.
pub(crate) struct Expected<'a> {
    pub(crate) code: &'a str,
    /// `errorDetail`, whole.
    pub(crate) detail: &'a str,
    /// Of the log line.
    pub(crate) rule: &'a str,
    /// Parts of `errorDescription`.
    pub(crate) says: &'a [&'a str],
}

impl Door {
    pub(crate) async fn open() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn configured(edit: impl FnOnce(&mut toml::Table) + 'static) -> Self {
        Self::with(Setup { config: Some(Box::new(edit)), ..Setup::default() }).await
    }

    async fn with(setup: Setup) -> Self {
        let stage = Stage::set_with(setup).await;
        let ds = stage.raw_ds("ds-a");
        Self { stage, ds }
    }

    /// A good AReq that is answered with Y.
    pub(crate) fn areq(&self, version: &str) -> Value {
        self.ds.areq(version, &pan())
    }

    /// [`Self::areq`] with one element changed, or taken away by null.
    pub(crate) fn changed(&self, version: &str, name: &str, value: Value) -> Value {
        let mut areq = self.areq(version);
        if value.is_null() {
            areq.as_object_mut().unwrap().remove(name);
        } else {
            areq[name] = value;
        }
        areq
    }

    /// Posts `areq`, which must be refused as `expected`.
    pub(crate) async fn refuses(&self, areq: &Value, expected: &Expected<'_>) -> Value {
        let erro = self.refuses_text(areq.to_string(), expected).await;
        for name in ["threeDSServerTransID", "dsTransID"] {
            assert_eq!(erro[name], areq[name], "{name}: {erro}");
        }
        assert_eq!(erro["errorMessageType"], areq["messageType"], "{erro}");
        let version = member(areq, "messageVersion");
        let spoken = if e2e::VERSIONS.contains(&version) { version } else { "2.3.1" };
        assert_eq!(erro["messageVersion"], spoken, "{erro}");
        erro
    }

    /// Posts any bytes, which must be refused as `expected`.
    pub(crate) async fn refuses_text(
        &self,
        body: impl Into<Bytes>,
        expected: &Expected<'_>,
    ) -> Value {
        let erro = self.ds.post_text(body).await.unwrap();
        check_erro(&erro, expected);
        self.logged(expected.rule, &erro).await;
        erro
    }

    /// Posts `areq`, which must be answered with an ARes of this status.
    pub(crate) async fn answers(&self, areq: &Value, status: &str) -> Value {
        let ares = self.ds.post(areq).await.unwrap();
        let version = member(areq, "messageVersion");
        assert_eq!(ares["messageType"], "ARes", "{version}: {ares}");
        assert_eq!(ares["transStatus"], status, "{version}: {ares}");
        for name in ["threeDSServerTransID", "dsTransID", "messageVersion", "dsReferenceNumber"] {
            assert_eq!(ares[name], areq[name], "{name}: {ares}");
        }
        ares
    }

    /// Waits for the log line about `erro`, which names `rule`.
    async fn logged(&self, rule: &str, erro: &Value) {
        wait_log(&self.stage, &["message refused", &format!("rule=\"{rule}\""), id_of(erro)]).await;
    }
}

/// What every Erro has, and what this one must say.
pub(crate) fn check_erro(erro: &Value, expected: &Expected<'_>) {
    assert_eq!(erro["messageType"], "Erro", "{erro}");
    assert_eq!(erro["errorCode"], expected.code, "{erro}");
    assert_eq!(erro["errorComponent"], "A", "{erro}");
    assert_eq!(erro["errorDetail"], expected.detail, "{erro}");
    let description = member(erro, "errorDescription");
    assert!((10..=2048).contains(&description.chars().count()), "{erro}");
    for part in expected.says {
        assert!(description.contains(part), "{part:?} is not in {erro}");
    }
    assert!(erro.get("messageExtension").is_none(), "{erro}");
    assert!(!erro.to_string().contains(&pan()), "a card number in an Erro");
}

/// The most telling id of a message, or nothing.
fn id_of(message: &Value) -> &str {
    ["acsTransID", "dsTransID"]
        .into_iter()
        .map(|name| member(message, name))
        .find(|id| !id.is_empty())
        .unwrap_or("")
}

/// Waits for a line of the service's log that holds each of `parts`.
pub(crate) async fn wait_log(stage: &Stage, parts: &[&str]) {
    for _ in 0..100 {
        if stage.acs.log().lines().any(|line| parts.iter().all(|part| line.contains(part))) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no log line with {parts:?} within 2 s:\n{}", stage.acs.log());
}

/// `[protocol]` of a configuration.
pub(crate) fn protocol(config: &mut toml::Table) -> &mut toml::Table {
    let table = config.entry("protocol").or_insert(toml::Table::new().into());
    table.as_table_mut().unwrap()
}

/// Waits for `count` audit events of `kind` whose detail holds `part`.
pub(crate) async fn wait_audit(stage: &Stage, kind: &str, part: &str, count: usize) {
    // Those of a step stand in its transaction's row, others in a table of their own.
    let query = "SELECT at || ' ' || kind || ' ' || CAST(detail AS TEXT) FROM events UNION ALL
                 SELECT CAST(opening AS TEXT) FROM transactions WHERE opening NOTNULL";
    let told = |line: &str| line.split(' ').nth(1) == Some(kind) && line.contains(part);
    let mut found = 0;
    for _ in 0..100 {
        let database = rusqlite::Connection::open(stage.acs.database()).unwrap();
        let mut statement = database.prepare(query).unwrap();
        let texts = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        found = texts.map(|text| text.unwrap().lines().filter(|line| told(line)).count()).sum();
        if found >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{found} events {kind} with {part:?}, not {count}, within 2 s");
}
