//! Device data of an SDK, as the directory server decrypted it: read in every data version by what it
//! has, never refused for what it holds [P-DEV-01, P-DEV-05, Req 386, Req 397, Note 94].

use serde::Serialize;

use super::decode_base64url;
use crate::json::{self, Document, Node, Object, Value};

/// What decides or may be told of a device; what names a person or a place is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceData {
    /// `DV`, the device data version; at most 16 characters.
    pub version: Option<String>,
    pub platform: Option<Platform>,
    /// `C004`, version of the operating system; at most 16 characters.
    pub os_version: Option<String>,
    /// `C005`, e.g. `ja-JP`; at most 16 characters.
    pub locale: Option<String>,
    /// Parameters under `DD`, known or not.
    pub collected: usize,
    /// Parameters under `DPNA`.
    pub unavailable: usize,
    /// Those among them that the cardholder did not permit (RE03).
    pub not_permitted: usize,
    /// Warnings of `SW`.
    pub warnings: Warnings,
}

/// `C001`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Platform {
    Android,
    Ios,
    Other,
}

impl Platform {
    /// Its name in rules and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Android => "android",
            Self::Ios => "ios",
            Self::Other => "other",
        }
    }

    fn of(text: &str) -> Self {
        let is = |name: &str| text.trim().eq_ignore_ascii_case(name);
        if is("android") {
            Self::Android
        } else if ["ios", "ipados", "iphone os"].into_iter().any(is) {
            Self::Ios
        } else {
            Self::Other
        }
    }
}

/// Security warnings of an SDK about its device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Warnings {
    /// By place in [`WARNINGS`].
    seen: [bool; WARNINGS.len()],
}

impl Warnings {
    /// The codes of those that were raised: `SW01` rooted, `SW02` tampered with, `SW03` an emulator,
    /// `SW04` a debugger, `SW05` an operating system that is not supported.
    pub fn codes(self) -> impl Iterator<Item = &'static str> {
        WARNINGS.into_iter().zip(self.seen).filter(|(_, seen)| *seen).map(|(code, _)| code)
    }

    fn of(list: Option<Node<'_>>) -> Self {
        let mut warnings = Self::default();
        let items = list.into_iter().flat_map(Node::items).take(MOST_WARNINGS);
        // Some SDKs send one warning as text.
        for code in items.chain(list).filter_map(Node::as_text) {
            if let Some(at) = WARNINGS.iter().position(|known| *known == code.trim()) {
                warnings.seen[at] = true;
            }
        }
        warnings
    }
}

impl DeviceData {
    /// Reads `deviceInfo`; `None` when it is no JSON object in base64url. What is not known is
    /// passed over, what has another shape than expected counts as absent.
    pub(crate) fn read(device_info: &str) -> Option<Self> {
        let decoded = decode_base64url(device_info)?;
        let device = json::parse(&decoded)?;
        Some(Self::of(&device))
    }

    fn of(device: &Document<'_>) -> Self {
        let data = device.get("DD").and_then(Node::as_object);
        let absent = device.get("DPNA").and_then(Node::as_object);
        let text = |code: &str| data.and_then(|data| data.text(code));
        let denied = |members: Object<'_>| {
            let reasons = members.members().filter_map(Node::as_text);
            reasons.filter(|reason| *reason == NOT_PERMITTED).count()
        };
        Self {
            version: device.text("DV").map(cut),
            platform: text("C001").map(Platform::of),
            os_version: text("C004").map(cut),
            locale: text("C005").map(cut),
            collected: data.map_or(0, |members| members.members().count()),
            unavailable: absent.map_or(0, |members| members.members().count()),
            not_permitted: absent.map_or(0, denied),
            warnings: Warnings::of(device.get("SW").filter(|node| is_list_or_text(*node))),
        }
    }
}

fn is_list_or_text(node: Node<'_>) -> bool {
    matches!(node.value(), Value::Array | Value::Text(_))
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_FACT).collect()
}

/// `deviceInfoRecognisedVersion`: the newest version of device data that is known here. Older ones have
/// fewer parameters, newer ones more; all are read alike [P-DEV-05].
pub(crate) const NEWEST_DEVICE_DATA: &str = "1.6";
const WARNINGS: [&str; 5] = ["SW01", "SW02", "SW03", "SW04", "SW05"];
/// `DPNA`: the cardholder did not permit it.
const NOT_PERMITTED: &str = "RE03";
/// Characters of a device fact that are kept.
const LONGEST_FACT: usize = 16;
/// Entries of a list of warnings that are looked at.
const MOST_WARNINGS: usize = 64;

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value as Json, json};

    use super::*;

    fn read(data: &Json) -> DeviceData {
        DeviceData::read(&URL_SAFE_NO_PAD.encode(data.to_string())).unwrap()
    }

    /// [Req 397, P-DEV-05, Note 94]
    #[test]
    fn every_version_is_read_by_what_it_has() {
        for version in ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "9.9"] {
            let device = read(&json!({
                "DV": version,
                "DD": {"C001": "Android", "C004": "14", "C005": "ja-JP", "A999": "new", "X1": "1"},
                "DPNA": {"C011": "RE03", "C012": "RE03", "A001": "RE02", "Z1": "RE99"},
                "SW": ["SW01", "SW04", "SW77"],
                "NEW": {"a": [1]},
            }));
            assert_eq!(device.version.as_deref(), Some(version));
            assert_eq!(device.platform, Some(Platform::Android));
            let facts = (device.collected, device.unavailable, device.not_permitted);
            assert_eq!(facts, (5, 4, 2));
            assert_eq!(device.warnings.codes().collect::<Vec<_>>(), ["SW01", "SW04"]);
        }
    }

    #[test]
    fn other_shapes_count_as_absent() {
        for odd in [
            json!({}),
            json!({"DV": 1, "DD": [], "DPNA": "x", "SW": {"a": 1}}),
            json!({"DV": null, "DD": {"C001": 4, "C005": ["ja"]}, "SW": [1, {}, null]}),
        ] {
            let device = read(&odd);
            assert_eq!((&device.version, device.platform, &device.locale), (&None, None, &None));
            assert_eq!(device.warnings, Warnings::default());
        }
        let single = read(&json!({"SW": "SW02", "DD": {"C001": "iPadOS"}}));
        assert_eq!(single.warnings.codes().collect::<Vec<_>>(), ["SW02"]);
        assert_eq!(single.platform, Some(Platform::Ios));
        let long = read(&json!({"DV": "1.".repeat(500), "DD": {"C004": "14\u{7}.1"}}));
        assert_eq!(long.version.unwrap().len(), LONGEST_FACT);
        assert_eq!(long.os_version.as_deref(), Some("14.1"));
        for bad in ["", "e30x", "W10", "bm90IGpzb24", "****"] {
            assert_eq!(DeviceData::read(bad), None, "{bad}");
        }
    }
}
