//! PReq and PRes: the card ranges of the ACS, their changes by serial number, and how often a 3DS
//! Server may ask [P-PREQ-01..08, P-TMO-12].

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use anyhow::{Result, ensure};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{DirectoryServer, answer, read};
use crate::listener::Peer;
use crate::message::{VERSIONS, erro, new_id};
use crate::trace::{now_ms, text};

/// Card numbers of one ACS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardRange {
    /// First and last number, 13 to 19 digits, both inside.
    pub start: String,
    pub end: String,
    /// Versions of the ACS for these cards, oldest first.
    pub versions: Vec<String>,
    /// Whether the ACS has a 3DS Method for them.
    pub method: bool,
    /// `acsInfoInd` [P-PREQ-06].
    pub info: Vec<String>,
}

/// `actionInd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RangeAction {
    #[serde(rename = "A")]
    Add,
    #[serde(rename = "D")]
    Delete,
    /// Data only, never bounds.
    #[serde(rename = "M")]
    Modify,
}

impl RangeAction {
    const fn code(self) -> &'static str {
        match self {
            Self::Add => "A",
            Self::Delete => "D",
            Self::Modify => "M",
        }
    }
}

/// A change of the ranges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeChange {
    pub action: RangeAction,
    pub range: CardRange,
}

/// The ranges and how they came about.
#[derive(Debug)]
pub(super) struct Ranges {
    current: Vec<CardRange>,
    /// Serial number of the state that `changes` start from.
    oldest: u64,
    changes: Vec<RangeChange>,
    /// Milliseconds of the last PRes, by 3DS Server and version.
    answered: HashMap<(String, String), i64>,
}

impl Default for Ranges {
    fn default() -> Self {
        Self {
            current: vec![CardRange::default()],
            oldest: 1,
            changes: Vec::new(),
            answered: HashMap::new(),
        }
    }
}

impl Default for CardRange {
    /// Every card whose number begins with 2 to 6, in all versions.
    fn default() -> Self {
        Self {
            start: "2000000000000000".to_owned(),
            end: "6999999999999999".to_owned(),
            versions: VERSIONS.map(str::to_owned).to_vec(),
            method: true,
            info: vec!["01".to_owned(), "02".to_owned()],
        }
    }
}

impl Ranges {
    fn serial(&self) -> u64 {
        self.oldest + self.changes.len() as u64
    }

    fn change(&mut self, change: RangeChange) -> Result<u64> {
        let RangeChange { action, range } = &change;
        let digits = |text: &str| {
            (13..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        ensure!(digits(&range.start) && digits(&range.end), "bounds have 13 to 19 digits");
        ensure!(range.start <= range.end, "a range ends behind its start");
        let known = range.versions.iter().all(|version| VERSIONS.contains(&version.as_str()));
        ensure!(known && !range.versions.is_empty(), "versions: some of {VERSIONS:?}");
        let same = |own: &CardRange| (&own.start, &own.end) == (&range.start, &range.end);
        match action {
            RangeAction::Add => self.current.push(range.clone()),
            RangeAction::Delete => self.current.retain(|own| !same(own)),
            RangeAction::Modify => {
                self.current
                    .iter_mut()
                    .filter(|own| same(own))
                    .for_each(|own| *own = range.clone());
            }
        }
        self.changes.push(change);
        Ok(self.serial())
    }

    /// What a PRes carries to whoever knows the state `serial`; `None` for a state that is not
    /// known here any more, or never was.
    fn since(&self, serial: Option<&str>) -> Option<Vec<RangeChange>> {
        let Some(serial) = serial else {
            let all = self.current.iter().cloned();
            return Some(
                all.map(|range| RangeChange { action: RangeAction::Add, range }).collect(),
            );
        };
        let known: u64 = serial.parse().ok()?;
        let skip = usize::try_from(known.checked_sub(self.oldest)?).ok()?;
        self.changes.get(skip..).map(<[_]>::to_vec)
    }
}

/// `POST /ds/preq`, from the 3DS Server.
pub(super) async fn preq(
    State(ds): State<Arc<DirectoryServer>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let message = match read(&body, "PReq") {
        Ok(message) => message,
        Err(erro) => return answer(&erro, None, None),
    };
    ds.trace.message("3DSS-DS", "request", &message, body.len());
    ds.compare_ids("3DSS-DS", &message, &headers);
    if !peer.has_role("3dss") {
        let erro = erro('D', "303", "access denied", "client certificate", &message);
        return ds.answer_3dss(&erro, None);
    }
    if text(&message, "messageType") == Some("Erro") {
        // What it had does not fit together: it may ask for everything at once [P-PREQ-05].
        ds.lock_ranges().answered.retain(|(who, _), _| *who != peer.names.join(","));
        return Response::new(Body::empty());
    }
    let reply = match ds.admit_preq(&message, &peer.names.join(",")) {
        Ok(changes) => ds.pres(&message, &changes),
        Err((code, detail)) => erro('D', code, "PReq refused", &detail, &message),
    };
    let id = text(&reply, "dsTransID").map(str::to_owned);
    ds.answer_3dss(&reply, id.as_deref().filter(|_| message["messageVersion"] == "2.3.1"))
}

impl DirectoryServer {
    /// Changes the card ranges; gives the new serial number.
    ///
    /// # Errors
    /// When the range makes no sense.
    pub fn change_range(&self, change: RangeChange) -> Result<u64> {
        self.lock_ranges().change(change)
    }

    /// Forgets how the ranges came about: serial numbers from before are refused with 307.
    pub fn forget_range_history(&self) {
        let mut ranges = self.lock_ranges();
        ranges.oldest = ranges.serial() + 1;
        ranges.changes.clear();
    }

    fn lock_ranges(&self) -> std::sync::MutexGuard<'_, Ranges> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The changes that a PReq asks for, or the defect of the PReq.
    fn admit_preq(
        &self,
        preq: &Value,
        who: &str,
    ) -> Result<Vec<RangeChange>, (&'static str, String)> {
        let version = text(preq, "messageVersion").unwrap_or_default();
        if !VERSIONS.contains(&version) {
            return Err(("102", VERSIONS.join(",")));
        }
        let missing: Vec<_> = ["threeDSServerRefNumber", "threeDSServerTransID"]
            .into_iter()
            .filter(|name| text(preq, name).is_none_or(str::is_empty))
            .collect();
        if !missing.is_empty() {
            return Err(("201", missing.join(",")));
        }
        let invalid: Vec<_> = [
            (
                "serialNum",
                preq.get("serialNum").is_some_and(|value| {
                    value.as_str().is_none_or(|serial| !(1..=20).contains(&serial.chars().count()))
                }),
            ),
            (
                "threeDSServerTransID",
                text(preq, "threeDSServerTransID")
                    .is_none_or(|id| uuid::Uuid::try_parse(id).is_err()),
            ),
            (
                "cardRangeDataDownloadInd",
                version == "2.3.1"
                    && preq.get("cardRangeDataDownloadInd").is_some_and(|value| value != "Y"),
            ),
        ]
        .into_iter()
        .filter_map(|(name, wrong)| wrong.then_some(name))
        .collect();
        if !invalid.is_empty() {
            return Err(("203", invalid.join(",")));
        }
        let interval = match self.faults().preq_interval_ms {
            0 => HOUR_MS,
            millis => i64::try_from(millis).unwrap_or(i64::MAX),
        };
        let (now, key) = (now_ms(), (who.to_owned(), version.to_owned()));
        let mut ranges = self.lock_ranges();
        let changes =
            ranges.since(text(preq, "serialNum")).ok_or_else(|| ("307", "serialNum".to_owned()))?;
        if ranges.answered.get(&key).is_some_and(|last| now - last < interval) {
            return Err(("103", "PReq within the hour".to_owned()));
        }
        ranges.answered.insert(key, now);
        Ok(changes)
    }

    /// The PRes; without `cardRangeData` when nothing changed [P-PREQ-04].
    fn pres(&self, preq: &Value, changes: &[RangeChange]) -> Value {
        let newest = preq["messageVersion"] == "2.3.1";
        let mut pres = json!({
            "messageType": "PRes",
            "messageVersion": preq["messageVersion"],
            "threeDSServerTransID": preq["threeDSServerTransID"],
            "dsTransID": new_id(),
            "serialNum": self.lock_ranges().serial().to_string(),
        });
        if newest {
            pres["dsProtocolVersions"] = json!(VERSIONS);
            pres["readOrder"] = json!("01");
        } else {
            pres["dsStartProtocolVersion"] = json!(VERSIONS[0]);
            pres["dsEndProtocolVersion"] = json!(VERSIONS[2]);
        }
        let entries: Vec<_> = changes
            .iter()
            .map(|change| if newest { self.entry_231(change) } else { self.entry(change, preq) })
            .collect();
        if !entries.is_empty() {
            pres["cardRangeData"] = json!(entries);
        }
        pres
    }

    fn entry(&self, change: &RangeChange, preq: &Value) -> Value {
        let range = &change.range;
        let mut entry = json!({
            "startRange": range.start, "endRange": range.end, "actionInd": change.action.code(),
            "acsStartProtocolVersion": range.versions.first(),
            "acsEndProtocolVersion": range.versions.last(),
        });
        if let Some(url) = self.method_url.as_ref().filter(|_| range.method) {
            entry["threeDSMethodURL"] = json!(url);
        }
        if preq["messageVersion"] == "2.2.0" && !range.info.is_empty() {
            entry["acsInfoInd"] = json!(range.info);
        }
        entry
    }

    fn entry_231(&self, change: &RangeChange) -> Value {
        let range = &change.range;
        let versions: Vec<_> = range
            .versions
            .iter()
            .map(|version| {
                let mut entry = json!({"version": version});
                if !range.info.is_empty() {
                    entry["acsInfoInd"] = json!(range.info);
                }
                if let Some(url) = self.method_url.as_ref().filter(|_| range.method) {
                    entry["threeDSMethodURL"] = json!(url);
                }
                entry
            })
            .collect();
        json!({
            "ranges": [{"start": range.start, "end": range.end}],
            "actionInd": change.action.code(),
            "acsProtocolVersions": versions,
        })
    }
}

const HOUR_MS: i64 = 3_600_000;
