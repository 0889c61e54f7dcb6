//! What mutation starts from: the message vectors, and by hand what they do not have.

mod heavy;

use std::sync::LazyLock;

use acs_core::crypto::ContentKey;
use acs_core::crypto::jwe::{Encryption, Way, seal};
use acs_core::element::TransId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use test_vectors::Vector;

use crate::random::Random;

/// The key of the encrypted seeds.
pub const KEY: [u8; 32] = [7; 32];

/// AReqs, good and bad, and some that ask for much work.
#[must_use]
pub fn areqs() -> Vec<Vec<u8>> {
    let mut seeds = vectors("AReq");
    seeds.extend(heavy::areqs());
    seeds
}

/// Browser CReqs.
#[must_use]
pub fn creqs() -> Vec<Vec<u8>> {
    vectors("CReq")
}

/// RReses.
#[must_use]
pub fn rreses() -> Vec<Vec<u8>> {
    vectors("RRes")
}

/// Erros from directory servers.
#[must_use]
pub fn erros() -> Vec<Vec<u8>> {
    vectors("Erro")
}

/// OReqs, with and without what is optional.
#[must_use]
pub fn oreqs() -> Vec<Vec<u8>> {
    let full = json!({
        "messageType": "OReq", "messageVersion": "2.3.1", "dsTransID": ID, "opCategory": "02",
        "dsReferenceNumber": "DS_TEST_0001", "opSeverity": "01", "opExpDate": "20270101",
        "opDescription": "Maintenance on Sunday", "opSeq": {"seqId": ID, "seqNum": "1", "seqTotal": "2"},
        "opPriorTransRef": {"transIdType": "03", "transId": ID},
        "messageExtension": [{"name": "n", "id": "A000000999_known", "criticalityIndicator": true,
            "data": {"a": [1, 2.5, null]}}],
    });
    let mut least = full.clone();
    for name in ["opPriorTransRef", "messageExtension"] {
        least.as_object_mut().map(|members| members.remove(name));
    }
    let mut seeds = vectors("OReq");
    seeds.extend([bytes(&full), bytes(&least)]);
    seeds
}

/// Forms of 3DS Method runs.
#[must_use]
pub fn method_forms() -> Vec<Vec<u8>> {
    let start = URL_SAFE_NO_PAD.encode(
        json!({"threeDSServerTransID": ID, "threeDSMethodNotificationURL": "https://shop.example/m"})
            .to_string(),
    );
    let found = r#"{"screen":[390,844],"zone":-540}"#;
    vec![
        form(&[("threeDSMethodData", &start)]),
        form(&[("threeDSMethodData", &start), ("browserData", found)]),
    ]
}

/// The requestor's forms with all the CReqs.
#[must_use]
pub fn creq_forms() -> Vec<Vec<u8>> {
    let forms = creqs().into_iter().map(|creq| {
        let creq = URL_SAFE_NO_PAD.encode(creq);
        form(&[("creq", &creq), ("threeDSSessionData", "c2Vzc2lvbg")])
    });
    forms.collect()
}

/// Forms of our own pages.
#[must_use]
pub fn page_forms() -> Vec<Vec<u8>> {
    let token = URL_SAFE_NO_PAD.encode([3; 52]);
    vec![
        form(&[("token", &token), ("action", "submit"), ("challengeDataEntry", "123456")]),
        form(&[("token", &token), ("action", "resend"), ("language", "ja")]),
    ]
}

/// Lines of card files.
#[must_use]
pub fn card_lines() -> Vec<Vec<u8>> {
    let lines = [
        json!({"pan": "4000000000001091"}),
        json!({"pan": "4000000000001000", "expiry": "3012", "state": "lost",
            "contacts": {"sms": "+819012345678", "email": "a@example.com"},
            "outcome": {"status": "N", "reason": "05"}}),
        json!({"pan": "5100000000001234567", "contacts": null, "unknown": "5100000000001234567"}),
    ];
    lines.iter().map(bytes).collect()
}

/// Encrypted messages, both ways and both encryptions.
#[must_use]
pub fn jwes() -> Vec<Vec<u8>> {
    let key = ContentKey::from_bytes(KEY);
    let mut random = Random::new(1);
    let id = TransId::parse(ID).expect("it is an id");
    let mut seeds = Vec::new();
    for way in [Way::SdkToAcs, Way::AcsToSdk] {
        for encryption in [Encryption::A128CbcHs256, Encryption::A128Gcm] {
            for plain in ["{}", r#"{"messageType":"CReq","challengeDataEntry":"1234"}"#] {
                let jwe = seal(plain.as_bytes(), way, encryption, id, 0, &key, &mut random);
                seeds.push(jwe.into_bytes());
            }
        }
    }
    seeds
}

/// All message vectors.
static VECTORS: LazyLock<Vec<Vector>> = LazyLock::new(test_vectors::messages);

fn vectors(message: &str) -> Vec<Vec<u8>> {
    let all = VECTORS.iter().filter(|vector| vector.message == message);
    all.map(|vector| vector.body.clone()).collect()
}

fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
}

fn bytes(message: &Value) -> Vec<u8> {
    message.to_string().into_bytes()
}

const ID: &str = "5f1c6e00-7a3d-4b52-9c01-200000000013";
