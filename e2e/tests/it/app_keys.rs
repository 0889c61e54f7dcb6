//! What the ACS holds of an open app challenge: no private key anywhere in the memory of the real
//! program, and the content key nowhere in its files.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ds_simulator::sdk::challenge::Act;
use e2e::memory::{PublicKey, private_keys, public_half};
use e2e::scan::{Needle, scan};
use e2e::stage::member;
use e2e::{Stage, VERSIONS};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;

use super::app::{ENCRYPTIONS, Opened, shown};

/// acsEphemPubKey of an ARes.
fn ephemeral(opened: &Opened) -> PublicKey {
    let jws = member(opened.payment.ares.as_ref().unwrap(), "acsSignedContent");
    let payload = URL_SAFE_NO_PAD.decode(jws.split('.').nth(1).unwrap()).unwrap();
    let content: Value = serde_json::from_slice(&payload).unwrap();
    let mut point = [4; 65];
    for (name, at) in [("x", 1), ("y", 33)] {
        let text = member(&content["acsEphemPubKey"], name);
        point[at..at + 32].copy_from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap());
    }
    point
}

/// The key that signs acsSignedContent, which the ACS has to hold.
fn signing(stage: &Stage) -> PublicKey {
    let file = stage.acs.pki().join("ds-a/acs-signing.key");
    let PrivateKeyDer::Pkcs8(der) = PrivateKeyDer::from_pem_file(file).unwrap() else {
        panic!("the development PKI writes PKCS#8")
    };
    let der = der.secret_pkcs8_der();
    let at = der.windows(2).position(|mark| mark == [0x04, 0x20]).unwrap() + 2;
    public_half(der[at..at + 32].try_into().unwrap()).unwrap()
}

/// [P-APP-04, Note 76] The search does not know the private keys: it tries whatever stands in memory
/// as one, at every address that eight divides, and compares the public halves. That it can find one
/// as the library keeps it is shown by the signing key, which has to be there.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_app_challenge_holds_no_private_key_and_its_content_key_is_sealed() {
    let stage = Stage::set("app-keys").await;
    let mut opened = Vec::new();
    for version in VERSIONS {
        for enc in ENCRYPTIONS {
            let mut further = shown(&stage, version, enc).await;
            further.screen(&Act::Type("000000".to_owned())).await;
            opened.push(further);
        }
    }
    let ephemeral: HashSet<_> = opened.iter().map(ephemeral).collect();
    assert_eq!(ephemeral.len(), opened.len(), "a key pair for each transaction");
    let held = signing(&stage);
    let wanted = ephemeral.iter().copied().chain([held]).collect();
    let pid = stage.acs.pid().unwrap();
    let search = private_keys(pid, &wanted).unwrap();
    assert!(search.found.contains(&held), "the search is blind: {} places", search.tried);
    assert!(search.found.is_disjoint(&ephemeral), "a private key is in memory");

    // The challenges go on: what they need was not thrown away either.
    for challenge in &mut opened {
        challenge.screen(&Act::Resend).await;
    }
    let keys = opened.iter().map(|opened| opened.challenge.content_key().expose_bytes());
    let needles: Vec<_> = keys.map(|key| Needle::of_bytes("content key", key)).collect();
    stage.acs.kill_9();
    assert_eq!(scan(&stage.acs.folder(), &needles).unwrap(), [], "content keys at rest");
}
