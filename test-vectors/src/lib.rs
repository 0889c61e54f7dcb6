//! Versioned EMV 3-D Secure test data and a small loader. It depends on none of the other crates,
//! and the data comes from none of them: see `README.md` for origins and tools.

mod lines;

use std::collections::BTreeSet;

/// What the receiver of a message has to make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// The message is accepted.
    Accepted,
    /// The message is answered with an `Erro`.
    Erro {
        /// `errorCode`.
        code: String,
        /// The parts of `errorDetail` (element names, extension ids, versions) in any order;
        /// `None` where the text is free.
        detail: Option<BTreeSet<String>>,
    },
}

/// One message as it goes over the wire, and the answer that is due.
#[derive(Debug, Clone)]
pub struct Vector {
    /// Version, message, base and change, separated by slashes.
    pub id: String,
    /// `messageVersion` of the file that holds the vector.
    pub version: String,
    /// Device channel of the transaction: `APP`, `BRW` or `3RI`.
    pub channel: String,
    /// Message category of the transaction: `PA` or `NPA`.
    pub category: String,
    /// The message that the receiver waits for: `AReq`, `CReq`, `RRes`, `OReq` or `Erro`.
    pub message: String,
    /// Sender and receiver: `DS-ACS` or `BRW-ACS`.
    pub leg: String,
    /// The bytes of the message; not always JSON.
    pub body: Vec<u8>,
    pub expect: Expect,
    /// Why the expectation is open to discussion, when it is.
    pub doubt: Option<String>,
}

const FILES: [&str; 3] = [
    include_str!("../messages/2.1.0.jsonl"),
    include_str!("../messages/2.2.0.jsonl"),
    include_str!("../messages/2.3.1.jsonl"),
];

/// All message vectors of all versions, in the order of the files.
///
/// # Panics
/// When a file of this crate is not as `README.md` describes it.
#[must_use]
pub fn messages() -> Vec<Vector> {
    FILES.iter().flat_map(|file| lines::expand(file)).collect()
}

/// The published worked examples of the app channel's cryptography: `ecdh`, `kdf`, `jws`.
///
/// # Panics
/// When the file of this crate is not JSON.
#[must_use]
pub fn worked_examples() -> serde_json::Value {
    serde_json::from_str(include_str!("../crypto/worked-examples.json"))
        .expect("the file of this crate is JSON")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_file_loads_and_ids_are_unique() {
        let vectors = messages();
        let ids: HashSet<_> = vectors.iter().map(|vector| vector.id.as_str()).collect();
        assert_eq!(ids.len(), vectors.len());
        for version in ["2.1.0", "2.2.0", "2.3.1"] {
            let of_version: Vec<_> = vectors.iter().filter(|v| v.version == version).collect();
            assert!(of_version.len() > 1000, "{version}: {}", of_version.len());
            assert!(of_version.iter().any(|v| v.expect == Expect::Accepted));
        }
    }

    #[test]
    fn changes_are_applied_to_the_base() {
        let vectors = messages();
        let find = |id: &str| vectors.iter().find(|vector| vector.id == id).unwrap();
        let json =
            |id: &str| -> serde_json::Value { serde_json::from_slice(&find(id).body).unwrap() };
        assert_eq!(json("2.2.0/areq/brw-pa/least")["mcc"], "5499");
        assert_eq!(json("2.2.0/areq/brw-pa/least/mcc/missing").get("mcc"), None);
        assert!(json("2.2.0/areq/brw-pa/least/mcc/null")["mcc"].is_null());
        let long = json("2.2.0/areq/brw-pa/full/merchantName/too-long");
        assert_eq!(long["merchantName"].as_str().unwrap().len(), 41);
        let nested = json("2.3.1/areq/brw-pa/full/sellerInfo.sellerPhone.cc/missing");
        assert_eq!(nested["sellerInfo"][0]["sellerPhone"].get("cc"), None);
        let detail = Some(BTreeSet::from(["sellerInfo.sellerPhone.cc".to_owned()]));
        let expect = Expect::Erro { code: "201".to_owned(), detail };
        assert_eq!(find("2.3.1/areq/brw-pa/full/sellerInfo.sellerPhone.cc/missing").expect, expect);
        assert_eq!(find("2.1.0/areq/body/word").body, b"hello");
        assert!(std::str::from_utf8(&find("2.1.0/areq/body/not-utf8").body).is_err());
    }
}
