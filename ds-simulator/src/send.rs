//! Posts any message file, byte for byte, with the certificate of a role.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::Value;

use crate::endpoints::Endpoints;
use crate::link::{Answer, Link};
use crate::message::new_id;
use crate::pki::Identity;
use crate::trace::text;

/// Whose client certificate to present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    DirectoryServer,
    ThreeDsServer,
}

/// Ids that `--fresh` replaces.
const FRESH_IDS: [&str; 3] = ["threeDSServerTransID", "dsTransID", "sdkTransID"];

/// The role and URL a message goes to unless told otherwise: a CReq goes to the challenge page,
/// without a certificate.
#[must_use]
pub fn default_target(
    message: &Value,
    role: Option<Role>,
    ends: &Endpoints,
) -> (Role, Option<String>) {
    let kind = text(message, "messageType").unwrap_or("AReq");
    let role = role.unwrap_or_else(|| match kind {
        "PReq" => Role::ThreeDsServer,
        "AReq" if message.get("dsTransID").is_none() && !message.is_null() => Role::ThreeDsServer,
        _ => Role::DirectoryServer,
    });
    let url = match (kind, role) {
        ("PReq", _) => ends.ds.preq.clone(),
        ("RReq", _) => ends.ds.rreq.clone(),
        ("CReq", _) => ends.acs.challenge_browser.clone(),
        (_, Role::ThreeDsServer) => ends.ds.areq.clone(),
        ("OReq", Role::DirectoryServer) => ends.acs.oreq.clone(),
        (_, Role::DirectoryServer) => Some(ends.acs.areq.clone()),
    };
    (role, url)
}

/// Posts `bytes` to `url` as `role`.
///
/// # Errors
/// When the PKI cannot be read or no answer comes within 15 seconds.
pub async fn send(bytes: Bytes, url: &str, role: Role, ends: &Endpoints) -> Result<Answer> {
    let files = ends.pki.clone();
    let identity = match role {
        Role::DirectoryServer => Identity { cert: files.ds_client_cert, key: files.ds_client_key },
        Role::ThreeDsServer => {
            Identity { cert: files.threeds_server_cert, key: files.threeds_server_key }
        }
    };
    let patience = Duration::from_secs(15);
    let parsed: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if text(&parsed, "messageType") == Some("CReq") {
        let pairs = vec![("creq".to_owned(), crate::message::to_base64url(&parsed))];
        let link = Link::new(&files.ca, None)?;
        return link.post_form(url, &pairs, "en", patience).await.context("no answer");
    }
    let request_id = (text(&parsed, "messageVersion") == Some("2.3.1"))
        .then(|| text(&parsed, "dsTransID").or_else(|| text(&parsed, "threeDSServerTransID")))
        .flatten();
    let link = Link::new(&files.ca, Some(&identity))?;
    link.post_json(url, bytes.clone(), request_id, patience).await.context("no answer")
}

/// Reads a message file; with `fresh`, its transaction ids are replaced and nothing else changes.
///
/// # Errors
/// When the file cannot be read.
pub fn read(path: &Path, fresh: bool) -> Result<Bytes> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    if !fresh {
        return Ok(bytes.into());
    }
    let mut message = String::from_utf8(bytes).context("--fresh wants a text file")?;
    for name in FRESH_IDS {
        message = with_fresh_id(&message, name);
    }
    Ok(message.into())
}

/// Replaces the text value of every member `name`, also in JSON that does not parse.
fn with_fresh_id(message: &str, name: &str) -> String {
    let (key, id) = (format!("\"{name}\""), new_id());
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find(&key) {
        let (before, after) = rest.split_at(at + key.len());
        out.push_str(before);
        rest = after;
        let value = after.trim_start().strip_prefix(':').map(str::trim_start);
        if let Some(value) = value.and_then(|value| value.strip_prefix('"'))
            && let Some(end) = value.find('"')
        {
            out.push_str(&after[..after.len() - value.len()]);
            out.push_str(&id);
            rest = &value[end..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_id_changes() {
        let message = "{\"dsTransID\" : \"old\", \"x\": [1,,], \"dsURL\":\"old\"";
        let fresh = with_fresh_id(message, "dsTransID");
        assert!(fresh.starts_with("{\"dsTransID\" : \""), "{fresh}");
        assert!(fresh.ends_with("\", \"x\": [1,,], \"dsURL\":\"old\""), "{fresh}");
        assert_eq!(fresh.len(), message.len() - 3 + 36);
        assert_eq!(with_fresh_id("{\"dsTransID\":5}", "dsTransID"), "{\"dsTransID\":5}");
    }
}
