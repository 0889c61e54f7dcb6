//! The SDK's cryptography and the ACS's, each made by other libraries, check each other; and the
//! recorded transcripts of `test-vectors/crypto` are what both make of their keys.

use acs_core::Random;
use acs_core::crypto::jwe as core_jwe;
use acs_core::crypto::key_agreement::{ContentKey as CoreKey, EphemeralKey, PeerKey};
use acs_core::element::TransId;
use acs_core::message::P256PublicJwk;
use serde_json::{Value, json};

use crate::message::new_id;
use crate::sdk::jwe::Jwe;
use crate::sdk::keys::{ContentKey, Encryption, KeyPair, Way, counter_iv};

/// Randomness of the system, as the core takes it.
pub(super) struct System;

impl Random for System {
    fn fill(&mut self, buffer: &mut [u8]) {
        openssl::rand::rand_bytes(buffer).unwrap();
    }
}

pub(super) fn core_key(jwk: &Value) -> PeerKey {
    let text = |name: &str| jwk[name].as_str().unwrap().to_owned();
    PeerKey::parse(P256PublicJwk { x: text("x"), y: text("y") }).unwrap()
}

fn sdk_jwk(jwk: &P256PublicJwk) -> Value {
    json!({"kty": "EC", "crv": "P-256", "x": jwk.x, "y": jwk.y})
}

pub(super) const fn core_encryption(enc: Encryption) -> core_jwe::Encryption {
    match enc {
        Encryption::A128CbcHs256 => core_jwe::Encryption::A128CbcHs256,
        Encryption::A128Gcm => core_jwe::Encryption::A128Gcm,
    }
}

#[test]
fn both_sides_agree_on_the_same_key() {
    for reference in ["3DS_SIM_SDK_00001", "a", "exactly thirty-two characters!!!"] {
        for _ in 0..40 {
            let (sdk, acs) = (KeyPair::generate(), EphemeralKey::generate(&mut System));
            let ours = sdk.agree(&sdk_jwk(&acs.public_jwk()), reference).unwrap();
            let theirs = acs.agree(&core_key(&sdk.public_jwk()), reference).unwrap();
            assert_eq!(ours.part(Way::SdkToAcs, Encryption::A128CbcHs256), theirs.expose_bytes());
        }
    }
}

#[test]
fn what_one_side_encrypts_the_other_decrypts() {
    let id = new_id();
    let kid = TransId::parse(&id).unwrap();
    for enc in Encryption::ALL {
        for (counter, length) in [(0_u8, 0_usize), (1, 1), (2, 15), (3, 16), (4, 17), (255, 5000)] {
            let mut bytes = [0; 32];
            System.fill(&mut bytes);
            let (ours, theirs) = (ContentKey::from_bytes(bytes), CoreKey::from_bytes(bytes));
            let plain: Vec<u8> = (0..=250).cycle().take(length).collect();

            let way = core_jwe::Way::AcsToSdk;
            let their_enc = core_encryption(enc);
            let sealed = core_jwe::seal(&plain, way, their_enc, kid, counter, &theirs, &mut System);
            let jwe = Jwe::parse(&sealed).unwrap();
            assert_eq!(jwe.open(enc, ours.part(Way::AcsToSdk, enc)).unwrap(), plain);
            let header = Value::Object(jwe.members().unwrap());
            assert_eq!(header, json!({"alg": "dir", "enc": enc.name(), "kid": id}));
            if enc == Encryption::A128Gcm {
                assert_eq!(jwe.iv, counter_iv(Way::AcsToSdk, counter));
            }

            let iv = match enc {
                Encryption::A128Gcm => counter_iv(Way::SdkToAcs, counter).to_vec(),
                Encryption::A128CbcHs256 => enc.random_iv(),
            };
            let part = ours.part(Way::SdkToAcs, enc);
            let jwe = Jwe::seal(&header, Vec::new(), enc, part, iv, &plain).unwrap().to_string();
            let (opened, used) = core_jwe::open(&jwe, core_jwe::Way::SdkToAcs, &theirs).unwrap();
            assert_eq!((&opened[..], used), (&plain[..], their_enc));
            assert_eq!(core_jwe::kid(&jwe), Some(kid));
        }
    }
}
