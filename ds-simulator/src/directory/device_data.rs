//! Device data on its way through the directory server: decrypted, put into the AReq as
//! deviceInfo, and what was encrypted taken out [P-DEV-02..04].

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwe::{self, RSA_OAEP_256};
use josekit::jwk::alg::rsa::RsaKeyPair;
use serde_json::{Value, json};

use crate::sdk::device::{self, DsKeyKind, DsPublicKey};
use crate::sdk::jwe::Jwe;
use crate::sdk::keys::{Encryption, KeyPair};
use crate::trace::text;

/// The keys a directory server decrypts device data with; made when the simulator starts.
pub(super) struct DeviceKeys {
    directory_server_id: String,
    ec: KeyPair,
    ec_kid: String,
    rsa_kid: String,
    /// Made when first asked for: it takes a while.
    rsa: OnceLock<RsaKeyPair>,
}

/// Code and detail of the Erro for device data that cannot be used.
pub(super) type Refused = (&'static str, &'static str);

const UNDECIPHERABLE: Refused = ("302", "sdkEncData");
const NO_SUCH_KEY: Refused = ("311", "sdkEncData");

impl DeviceKeys {
    /// Keys of the directory server called `name`.
    pub(super) fn new(name: &str) -> Self {
        Self {
            directory_server_id: directory_server_id(name),
            ec: KeyPair::generate(),
            ec_kid: format!("{name}-device-ec-1"),
            rsa_kid: format!("{name}-device-rsa-1"),
            rsa: OnceLock::new(),
        }
    }

    fn rsa(&self) -> &RsaKeyPair {
        self.rsa.get_or_init(|| {
            RSA_OAEP_256.generate_key_pair(2048).expect("OpenSSL makes an RSA key of 2048 bits")
        })
    }

    /// What an SDK has to know.
    pub(super) fn public(&self, kind: DsKeyKind) -> DsPublicKey {
        let (kid, jwk) = match kind {
            DsKeyKind::Ec => (&self.ec_kid, self.ec.public_jwk()),
            DsKeyKind::Rsa => {
                let jwk = self.rsa().to_jwk_public_key().to_string();
                (&self.rsa_kid, serde_json::from_str(&jwk).unwrap_or(Value::Null))
            }
        };
        DsPublicKey {
            directory_server_id: self.directory_server_id.clone(),
            kid: Some(kid.clone()),
            jwk,
        }
    }

    /// Replaces sdkEncData of an app's AReq by deviceInfo.
    ///
    /// # Errors
    /// 302 when it cannot be decrypted; in 2.3.1, 311 when its key is not named or not known.
    pub(super) fn unwrap(&self, areq: &mut Value) -> Result<(), Refused> {
        if text(areq, "deviceChannel") != Some("01") {
            return Ok(());
        }
        let newest = text(areq, "messageVersion") == Some("2.3.1");
        // Whether it has to be there at all is for the check of the message.
        let Some(sealed) = text(areq, "sdkEncData") else { return Ok(()) };
        let plain = self.open(sealed, newest)?;
        if !serde_json::from_slice::<Value>(&plain).is_ok_and(|data| data.is_object()) {
            return Err(UNDECIPHERABLE);
        }
        areq["deviceInfo"] = json!(device::device_info(&plain));
        if let Some(members) = areq.as_object_mut() {
            members.remove("sdkEncData");
        }
        Ok(())
    }

    fn open(&self, sealed: &str, newest: bool) -> Result<Vec<u8>, Refused> {
        let jwe = Jwe::parse(sealed).map_err(|_| UNDECIPHERABLE)?;
        let header = jwe.members().map_err(|_| UNDECIPHERABLE)?;
        let member = |name: &str| header.get(name).and_then(Value::as_str);
        let kid = member("kid");
        if newest && ![&self.ec_kid, &self.rsa_kid].into_iter().any(|own| kid == Some(own)) {
            return Err(NO_SUCH_KEY);
        }
        let enc = member("enc").and_then(Encryption::named).ok_or(UNDECIPHERABLE)?;
        match member("alg") {
            // One SDK in the field calls the agreement "dir".
            Some("ECDH-ES" | "dir") => {
                let epk = header.get("epk").ok_or(UNDECIPHERABLE)?;
                let agreed = self.ec.agree(epk, &self.directory_server_id);
                let key = agreed.map_err(|_| UNDECIPHERABLE)?;
                jwe.open(enc, key.device_part(enc)).map_err(|_| UNDECIPHERABLE)
            }
            Some("RSA-OAEP-256") => self.open_rsa(sealed),
            _ => Err(UNDECIPHERABLE),
        }
    }

    fn open_rsa(&self, sealed: &str) -> Result<Vec<u8>, Refused> {
        let key = self.rsa().to_jwk_private_key();
        let decrypter = RSA_OAEP_256.decrypter_from_jwk(&key).map_err(|_| UNDECIPHERABLE)?;
        let opened = jwe::deserialize_compact(sealed, &decrypter);
        opened.map(|(plain, _)| plain).map_err(|_| UNDECIPHERABLE)
    }
}

impl std::fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceKeys").field("ec_kid", &self.ec_kid).finish_non_exhaustive()
    }
}

/// A made-up RID for each name, ten characters as real ones.
fn directory_server_id(name: &str) -> String {
    let sum = name.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("A{:09}", 999_000_000 + sum % 1_000_000)
}

/// The deviceInfo of an app whose AReq came without any, as older test drivers send it.
pub(super) fn stand_in() -> Value {
    json!(URL_SAFE_NO_PAD.encode(device::device_data().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn areq(version: &str, sealed: String) -> Value {
        json!({"messageVersion": version, "deviceChannel": "01", "sdkEncData": sealed})
    }

    #[test]
    fn both_kinds_of_key_and_both_encryptions_open() {
        let keys = DeviceKeys::new("ds-a");
        for kind in [DsKeyKind::Ec, DsKeyKind::Rsa] {
            for enc in Encryption::ALL {
                let sealed = device::encrypt(&device::device_data(), &keys.public(kind), enc);
                let mut areq = areq("2.3.1", sealed.unwrap());
                keys.unwrap(&mut areq).unwrap();
                assert_eq!(areq.get("sdkEncData"), None);
                let info = URL_SAFE_NO_PAD.decode(areq["deviceInfo"].as_str().unwrap()).unwrap();
                assert_eq!(serde_json::from_slice::<Value>(&info).unwrap(), device::device_data());
            }
        }
    }

    #[test]
    fn foreign_keys_are_302_and_unknown_names_311_in_2_3_1() {
        let (own, other) = (DeviceKeys::new("ds-a"), DeviceKeys::new("ds-b"));
        let data = device::device_data();
        for kind in [DsKeyKind::Ec, DsKeyKind::Rsa] {
            let mut key = other.public(kind);
            key.kid = own.public(kind).kid;
            let sealed = device::encrypt(&data, &key, Encryption::A128Gcm).unwrap();
            assert_eq!(own.unwrap(&mut areq("2.3.1", sealed.clone())), Err(UNDECIPHERABLE));
            assert_eq!(own.unwrap(&mut areq("2.2.0", sealed)), Err(UNDECIPHERABLE));
            for kid in [None, Some("who".to_owned())] {
                let key = DsPublicKey { kid, ..own.public(kind) };
                let sealed = device::encrypt(&data, &key, Encryption::A128Gcm).unwrap();
                assert_eq!(own.unwrap(&mut areq("2.3.1", sealed.clone())), Err(NO_SUCH_KEY));
                own.unwrap(&mut areq("2.1.0", sealed)).unwrap();
            }
        }
        for sealed in ["", "a.b.c", "e30..AA.AA.AA"] {
            let mut areq = areq("2.2.0", sealed.to_owned());
            assert_eq!(own.unwrap(&mut areq), Err(UNDECIPHERABLE));
        }
    }
}
