//! The server of Split-SDKs that is registered with a directory server, and the check of what it
//! signed (2.3.1) [P-DEV-06].

use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use josekit::jwk::alg::ec::EcKeyPair;
use josekit::jws::{self, ES256, JwsHeader};
use serde_json::Value;

use super::device_data::Refused;
use crate::trace::text;

/// Its key, made when first asked for.
#[derive(Default)]
pub(super) struct SplitSdkServer(OnceLock<EcKeyPair>);

const NOT_SIGNED: Refused = ("308", "sdkServerSignedContent");
/// `splitSdkServerID`.
const ID: &str = "ds-sim-split-sdk";

impl SplitSdkServer {
    fn key(&self) -> &EcKeyPair {
        self.0.get_or_init(|| ES256.generate_key_pair().expect("OpenSSL makes a P-256 key"))
    }

    /// `sdkServerSignedContent` of this content, to which the server adds its id.
    pub(super) fn sign(&self, mut content: Value) -> Result<String> {
        content["splitSdkServerID"] = ID.into();
        let key = self.key().to_der_private_key();
        let signer = ES256.signer_from_der(key).ok().context("signer")?;
        jws::serialize_compact(content.to_string().as_bytes(), &JwsHeader::new(), &signer)
            .ok()
            .context("sdkServerSignedContent")
    }

    /// Verifies what a Split-SDK's AReq says to be signed; its absence is for the check of the
    /// message.
    ///
    /// # Errors
    /// 308 when the signature is not that server's, or is about another transaction or SDK.
    pub(super) fn check(&self, areq: &Value) -> Result<(), Refused> {
        let newest = text(areq, "messageVersion") == Some("2.3.1");
        let split = text(areq, "sdkType") == Some("02");
        let Some(signed) = text(areq, "sdkServerSignedContent").filter(|_| newest && split) else {
            return Ok(());
        };
        let content = self.content(signed).ok_or(NOT_SIGNED)?;
        let same = ["sdkTransID", "sdkReferenceNumber"]
            .into_iter()
            .all(|name| content[name].is_string() && content[name] == areq[name]);
        let whole = same
            && content["splitSdkServerID"] == ID
            && text(&content, "sdkSignatureTimestamp").is_some_and(|time| time.len() == 14);
        if whole { Ok(()) } else { Err(NOT_SIGNED) }
    }

    fn content(&self, signed: &str) -> Option<Value> {
        let verifier = ES256.verifier_from_der(self.key().to_der_public_key()).ok()?;
        let (payload, _) = jws::deserialize_compact(signed, &verifier).ok()?;
        serde_json::from_slice(&payload).ok()
    }
}

impl std::fmt::Debug for SplitSdkServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SplitSdkServer")
    }
}
