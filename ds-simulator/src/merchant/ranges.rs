//! What a 3DS Server knows of card ranges: PRes after PRes applied to its cache, and the version to
//! speak for a card [P-PREQ-04, P-PREQ-05, P-PREQ-07].

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use serde_json::Value;

use super::ThreeDsServer;
use crate::ids;
use crate::message::{self, VERSIONS, erro, new_id};
use crate::trace::{masked, text};

/// The ranges as of one serial number, asked for in one version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RangeCache {
    pub serial: Option<String>,
    /// Versions that the directory server speaks.
    pub ds_versions: Vec<String>,
    /// Entries of `cardRangeData`.
    pub entries: Vec<Value>,
}

/// What a PReq came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// The whole list was loaded.
    Whole,
    /// This many changes were applied.
    Changes(usize),
    /// The serial number was refused, or the changes did not fit: everything was loaded anew.
    Reloaded,
    /// Asked too often: what is known stays.
    TooEarly,
}

impl ThreeDsServer {
    /// Asks the directory server for what changed, or for everything the first time.
    ///
    /// # Errors
    /// When no PRes comes.
    pub async fn refresh_ranges(&self, version: &str) -> Result<Refreshed> {
        let mut known = self.ranges.lock().await;
        let cache = known.entry(version.to_owned()).or_default();
        let serial = cache.serial.clone();
        let first = self.preq(version, serial.as_deref()).await?;
        match (text(&first, "messageType"), text(&first, "errorCode")) {
            (Some("PRes"), _) if serial.is_none() => {
                *cache = RangeCache::whole(&first);
                return Ok(Refreshed::Whole);
            }
            (Some("PRes"), _) => match cache.apply(&first) {
                Ok(count) => return Ok(Refreshed::Changes(count)),
                Err(code) => self.complain(code, &first).await?,
            },
            (_, Some("103")) => return Ok(Refreshed::TooEarly),
            (_, Some("307")) if serial.is_some() => {}
            _ => bail!("no PRes but {}", masked(&first)),
        }
        let whole = self.preq(version, None).await?;
        if text(&whole, "messageType") != Some("PRes") {
            bail!("no PRes but {}", masked(&whole));
        }
        *cache = RangeCache::whole(&whole);
        Ok(Refreshed::Reloaded)
    }

    /// What is known of card ranges in `version`.
    pub async fn known_ranges(&self, version: &str) -> RangeCache {
        self.ranges.lock().await.get(version).cloned().unwrap_or_default()
    }

    /// The ranges, asked for once.
    pub(super) async fn card_ranges(&self, version: &str) -> Result<RangeCache> {
        if self.known_ranges(version).await == RangeCache::default() {
            self.refresh_ranges(version).await?;
        }
        Ok(self.known_ranges(version).await)
    }

    async fn preq(&self, version: &str, serial: Option<&str>) -> Result<Value> {
        let id = new_id();
        let preq = message::preq(version, &id, serial);
        let bytes = Bytes::from(preq.to_string());
        let request_id = (version == "2.3.1").then_some(id.as_str());
        let url = format!("{}/preq", self.ds_url);
        let patience = Duration::from_secs(10);
        let answer =
            self.to_ds.post_json(&url, bytes, request_id, patience).await.context("PReq")?;
        let pres = serde_json::from_slice(&answer.body).context("PRes is not JSON")?;
        ids::compare(&self.trace, &id, "DS-3DSS", &pres, &answer.headers);
        Ok(pres)
    }

    /// An Erro about a PRes is a new POST to the directory server.
    async fn complain(&self, code: &str, pres: &Value) -> Result<()> {
        let erro = erro('S', code, "card ranges do not fit", "cardRangeData", pres);
        let url = format!("{}/preq", self.ds_url);
        let patience = Duration::from_secs(10);
        self.to_ds.post_json(&url, erro.to_string().into(), None, patience).await?;
        Ok(())
    }
}

impl RangeCache {
    fn whole(pres: &Value) -> Self {
        let ds_versions = match pres["dsProtocolVersions"].as_array() {
            Some(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            None => {
                between(text(pres, "dsStartProtocolVersion"), text(pres, "dsEndProtocolVersion"))
            }
        };
        Self {
            serial: text(pres, "serialNum").map(str::to_owned),
            ds_versions,
            entries: pres["cardRangeData"].as_array().cloned().unwrap_or_default(),
        }
    }

    /// Applies changes in their order; the code of the Erro where one cannot be.
    fn apply(&mut self, pres: &Value) -> Result<usize, &'static str> {
        let mut changes = pres["cardRangeData"].as_array().cloned().unwrap_or_default();
        if text(pres, "readOrder") == Some("02") {
            changes.reverse();
        }
        let mut entries = self.entries.clone();
        let count = changes.len();
        let newest = text(pres, "messageVersion") == Some("2.3.1");
        for change in changes {
            let at = entries.iter().position(|own| bounds(own) == bounds(&change));
            let overlaps = entries.iter().any(|own| overlap(own, &change));
            match (text(&change, "actionInd").unwrap_or("A"), at) {
                ("A", _) if overlaps => return Err(if newest { "205" } else { "203" }),
                ("A", _) => entries.push(change),
                ("D", Some(at)) => drop(entries.remove(at)),
                ("M", Some(at)) => entries[at] = change,
                _ => return Err(if newest { "206" } else { "203" }),
            }
        }
        let Self { serial, ds_versions, .. } = Self::whole(pres);
        *self = Self { serial, ds_versions, entries };
        Ok(count)
    }

    /// The entry that holds `pan`; bounds are compared at 19 digits.
    pub(super) fn entry(&self, pan: &str) -> Option<&Value> {
        let inside = |(start, end): &(String, String)| {
            *start <= padded(pan, '0') && padded(pan, '9') <= *end
        };
        self.entries.iter().find(|entry| bounds(entry).iter().any(inside))
    }

    /// The highest version that card range, directory server and 3DS Server have in common.
    pub(super) fn highest_version(&self, entry: &Value) -> Option<String> {
        let offered: Vec<String> = match entry["acsProtocolVersions"].as_array() {
            Some(entries) => {
                entries.iter().filter_map(|e| text(e, "version")).map(str::to_owned).collect()
            }
            None => between(
                text(entry, "acsStartProtocolVersion"),
                text(entry, "acsEndProtocolVersion"),
            ),
        };
        let common = |version: &&&str| {
            let among = |list: &[String]| list.iter().any(|own| own == **version);
            among(&offered) && among(&self.ds_versions)
        };
        VERSIONS.iter().rev().find(common).map(|version| (*version).to_owned())
    }
}

/// `threeDSMethodURL` of an entry for a version.
pub(super) fn method_url(entry: &Value, version: &str) -> Option<String> {
    let entry = match entry["acsProtocolVersions"].as_array() {
        Some(entries) => entries.iter().find(|entry| text(entry, "version") == Some(version))?,
        None => entry,
    };
    text(entry, "threeDSMethodURL").map(str::to_owned)
}

/// Versions from `start` to `end`, both included.
fn between(start: Option<&str>, end: Option<&str>) -> Vec<String> {
    let (start, end) = (start.unwrap_or(VERSIONS[0]), end.unwrap_or(VERSIONS[0]));
    let inside = VERSIONS.iter().filter(|version| (start..=end).contains(*version));
    inside.map(|version| (*version).to_owned()).collect()
}

/// Bounds of an entry at 19 digits.
fn bounds(entry: &Value) -> Vec<(String, String)> {
    let pair =
        |start: Option<&str>, end: Option<&str>| Some((padded(start?, '0'), padded(end?, '9')));
    match entry["ranges"].as_array() {
        Some(ranges) => {
            ranges.iter().filter_map(|r| pair(text(r, "start"), text(r, "end"))).collect()
        }
        None => pair(text(entry, "startRange"), text(entry, "endRange")).into_iter().collect(),
    }
}

fn overlap(left: &Value, right: &Value) -> bool {
    let (left, right) = (bounds(left), bounds(right));
    left.iter().any(|l| right.iter().any(|r| l.0 <= r.1 && r.0 <= l.1))
}

fn padded(digits: &str, fill: char) -> String {
    digits.chars().chain(std::iter::repeat(fill)).take(19).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(start: &str, end: &str, action: &str, acs_end: &str) -> Value {
        json!({"startRange": start, "endRange": end, "actionInd": action,
            "acsStartProtocolVersion": "2.1.0", "acsEndProtocolVersion": acs_end,
            "threeDSMethodURL": "https://a/"})
    }

    fn pres(serial: &str, entries: &[Value]) -> Value {
        json!({"messageType": "PRes", "messageVersion": "2.2.0", "serialNum": serial,
            "dsStartProtocolVersion": "2.1.0", "dsEndProtocolVersion": "2.3.1",
            "cardRangeData": entries})
    }

    #[test]
    fn ranges_are_compared_at_full_length() {
        let entries = [entry("4000000000000", "4999999999999", "A", "2.2.0")];
        let cache = RangeCache::whole(&pres("1", &entries));
        let found = cache.entry("4999999999999999999").unwrap();
        assert_eq!(cache.highest_version(found).unwrap(), "2.2.0");
        assert_eq!(method_url(found, "2.2.0").unwrap(), "https://a/");
        assert_eq!(cache.entry("5000000000000000"), None);
    }

    #[test]
    fn changes_are_applied_in_order_or_not_at_all() {
        let (four, five) = (("4000000000000", "4999999999999"), ("5000000000000", "5999999999999"));
        let mut cache = RangeCache::whole(&pres("1", &[entry(four.0, four.1, "A", "2.2.0")]));
        let changes = [
            entry(five.0, five.1, "A", "2.1.0"),
            entry(five.0, five.1, "M", "2.3.1"),
            entry(four.0, four.1, "D", "2.2.0"),
        ];
        assert_eq!(cache.apply(&pres("4", &changes)), Ok(3));
        assert_eq!((cache.serial.as_deref(), cache.entries.len()), (Some("4"), 1));
        let five_entry = cache.entry("5100000000000000").unwrap();
        assert_eq!(cache.highest_version(five_entry).unwrap(), "2.3.1");
        let before = cache.clone();
        let overlapping = pres("5", &[entry("5900000000000", "6000000000000", "A", "2.2.0")]);
        assert_eq!(cache.apply(&overlapping), Err("203"));
        let unknown = pres("5", &[entry(four.0, four.1, "M", "2.2.0")]);
        assert_eq!(cache.apply(&unknown), Err("203"));
        assert_eq!(cache, before);
        let nothing = pres("4", &[]);
        assert_eq!(cache.apply(&nothing), Ok(0));
    }
}
