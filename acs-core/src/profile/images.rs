//! Pictures that SDKs load and show on native screens.

use serde::{Deserialize, Serialize};

use crate::element::MessageVersion;

/// `issuerImage` or `psImage`: https URLs of png or jpeg files [Note 151, Req 429].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Images {
    /// By density, 2.1.0 and 2.2.0.
    pub medium: Option<String>,
    pub high: Option<String>,
    pub extra_high: Option<String>,
    /// 2.3.1; without it an SDK of that version gets none.
    pub default: Option<String>,
    /// For dark screens, 2.3.1.
    pub dark: Option<String>,
    /// 2.3.1.
    pub monochrome: Option<String>,
}

/// The members that one version knows.
#[derive(Debug, Serialize)]
pub(crate) struct ImageSet<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    medium: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<&'a str>,
    #[serde(rename = "extraHigh", skip_serializing_if = "Option::is_none")]
    extra_high: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dark: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    monochrome: Option<&'a str>,
}

impl Images {
    /// What a version's SDK is sent, if there is anything.
    pub(crate) fn of(&self, version: MessageVersion) -> Option<ImageSet<'_>> {
        let newest = version >= MessageVersion::V231;
        let in_version = |url: &Option<String>, known: bool| known && url.is_some();
        let any = in_version(&self.default, newest)
            || [&self.medium, &self.high, &self.extra_high]
                .into_iter()
                .any(|url| in_version(url, !newest));
        any.then(|| ImageSet {
            medium: self.medium.as_deref().filter(|_| !newest),
            high: self.high.as_deref().filter(|_| !newest),
            extra_high: self.extra_high.as_deref().filter(|_| !newest),
            default: self.default.as_deref().filter(|_| newest),
            dark: self.dark.as_deref().filter(|_| newest),
            monochrome: self.monochrome.as_deref().filter(|_| newest),
        })
    }

    /// What is wrong with them, each finding with the key it is about; `name` is what they are of.
    #[must_use]
    pub fn findings(&self, name: &str) -> Vec<String> {
        let all = [
            ("medium", &self.medium),
            ("high", &self.high),
            ("extra_high", &self.extra_high),
            ("default", &self.default),
            ("dark", &self.dark),
            ("monochrome", &self.monochrome),
        ];
        let mut findings = Vec::new();
        for (key, url) in all {
            let Some(url) = url else { continue };
            let parsed = url::Url::parse(url).ok().filter(|url| {
                url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
            });
            let path = parsed.as_ref().map(|url| url.path().to_ascii_lowercase());
            let kind = |path: &String| TYPES.iter().any(|kind| path.ends_with(kind));
            if url.len() > MAX_URL || !path.as_ref().is_some_and(kind) {
                findings.push(format!(
                    "{name}.{key} must be an https URL of at most {MAX_URL} characters whose path \
                     ends in .png, .jpg or .jpeg: SDKs show nothing else"
                ));
            }
        }
        if self.default.is_none() && (self.dark.is_some() || self.monochrome.is_some()) {
            findings.push(format!("{name} needs a default beside dark and monochrome"));
        }
        for version in MessageVersion::ALL {
            let length = self.of(version).and_then(|set| serde_json::to_string(&set).ok());
            if length.is_some_and(|text| text.chars().count() > MAX_ALL) {
                findings.push(format!(
                    "{name} has more than {MAX_ALL} characters for {version}: use shorter URLs"
                ));
            }
        }
        findings
    }
}

const TYPES: [&str; 3] = [".png", ".jpg", ".jpeg"];
const MAX_URL: usize = 2048;
/// Characters of the whole element.
const MAX_ALL: usize = 6144;

#[cfg(test)]
mod tests {
    use super::*;

    fn some(url: &str) -> Option<String> {
        Some(url.to_owned())
    }

    #[test]
    fn note_151_each_version_gets_what_it_knows() {
        let images = Images {
            medium: some("https://img.example/m.png"),
            default: some("https://img.example/d.png"),
            dark: some("https://img.example/n.jpeg"),
            ..Images::default()
        };
        assert_eq!(images.findings("x"), Vec::<String>::new());
        let text = |version| serde_json::to_string(&images.of(version)).unwrap();
        assert_eq!(text(MessageVersion::V210), r#"{"medium":"https://img.example/m.png"}"#);
        assert_eq!(
            text(MessageVersion::V231),
            r#"{"default":"https://img.example/d.png","dark":"https://img.example/n.jpeg"}"#
        );
        assert!(Images::default().of(MessageVersion::V220).is_none());
    }

    #[test]
    fn req_429_only_png_and_jpeg_over_https() {
        for bad in [
            "http://img.example/a.png",
            "https://img.example/a.svg",
            "https://user@img.example/a.png",
            "data:image/png;base64,AAAA",
            "a.png",
        ] {
            let images = Images { high: some(bad), ..Images::default() };
            assert_eq!(images.findings("x").len(), 1, "{bad}");
        }
        let long = format!("https://img.example/{}.png", "a".repeat(2048));
        assert_eq!(Images { high: Some(long), ..Images::default() }.findings("x").len(), 1);
        let dark = Images { dark: some("https://img.example/d.png"), ..Images::default() };
        assert!(dark.findings("x")[0].contains("default"));
        assert!(dark.of(MessageVersion::V231).is_none(), "never without its default");
        let long = Some(format!("https://img.example/{}.png", "a".repeat(2020)));
        let all = Images {
            medium: long.clone(),
            high: long.clone(),
            extra_high: long,
            ..Images::default()
        };
        assert_eq!(all.findings("x").len(), 2, "for both versions that know densities");
    }
}
