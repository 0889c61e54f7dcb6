//! `test-vectors/crypto/transcripts.json`: whole app challenges with fixed keys. The SDK's code and
//! the ACS's both make these bytes; `tools/check_transcripts.py` reads them with jwcrypto.
//!
//! `MAKE_TRANSCRIPTS=1` makes the file anew: signatures and certificates differ each time.

use std::path::PathBuf;

use acs_core::Random;
use acs_core::crypto::jwe as core_jwe;
use acs_core::crypto::key_agreement::{ContentKey as CoreKey, EphemeralKey};
use acs_core::crypto::signed_content::{
    ContentSigner, SignatureAlgorithm, SigningFailed, protected_header, signed_content,
};
use acs_core::element::TransId;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use josekit::jws::{ES256, JwsSigner, PS256};
use openssl::pkey::PKey;
use openssl::x509::X509;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::crypto::{core_encryption, core_key as peer_key};
use crate::sdk::jwe::Jwe;
use crate::sdk::keys::{Encryption, KeyPair, Way, counter_iv};
use crate::sdk::signed_content::verify;

const REFERENCE: &str = "3DS_SIM_SDK_00001";
const ACS_URL: &str = "https://acs.example/3ds/challenge/app";

/// 32 bytes that depend on what they are for and nothing else.
fn fixed(name: &str, what: &str) -> [u8; 32] {
    Sha256::digest(format!("{name}/{what}")).into()
}

fn id(name: &str, what: &str) -> String {
    let bytes: [u8; 16] = fixed(name, what)[..16].try_into().unwrap();
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

struct Given<'a>(&'a [u8]);

impl Random for Given<'_> {
    fn fill(&mut self, buffer: &mut [u8]) {
        buffer.copy_from_slice(self.0);
    }
}

#[derive(Debug)]
struct Signer {
    header: String,
    signer: Box<dyn JwsSigner>,
}

impl ContentSigner for Signer {
    fn protected_header(&self) -> &str {
        &self.header
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        self.signer.sign(input).map_err(|_| SigningFailed)
    }
}

/// A signer two steps below a root, and the root's certificate.
fn signer(alg: &str) -> (Signer, Vec<u8>) {
    let key = |rsa: bool| {
        if rsa {
            rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)
        } else {
            rcgen::KeyPair::generate()
        }
        .unwrap()
    };
    let params = |name: &str, ca: bool| {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        if ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    };
    let (root_key, middle_key, own_key) = (key(false), key(false), key(alg == "PS256"));
    let root = params("Transcript root", true).self_signed(&root_key).unwrap();
    let root_issuer = Issuer::new(params("Transcript root", true), root_key);
    let middle = params("Transcript CA", true).signed_by(&middle_key, &root_issuer).unwrap();
    let middle_issuer = Issuer::new(params("Transcript CA", true), middle_key);
    let own = params("Transcript ACS", false).signed_by(&own_key, &middle_issuer).unwrap();
    let pem = own_key.serialize_pem();
    let (algorithm, signer): (_, Box<dyn JwsSigner>) = if alg == "PS256" {
        let rsa = PKey::private_key_from_pem(pem.as_bytes()).unwrap().rsa().unwrap();
        let signer = PS256.signer_from_der(rsa.private_key_to_der().unwrap()).unwrap();
        (SignatureAlgorithm::Ps256, Box::new(signer))
    } else {
        (SignatureAlgorithm::Es256, Box::new(ES256.signer_from_pem(pem).unwrap()))
    };
    let header = protected_header(algorithm, &[own.der(), middle.der()]);
    (Signer { header, signer }, root.der().to_vec())
}

/// The CReqs and CRes of a challenge with one text screen.
fn messages(name: &str, version: &str) -> Vec<(&'static str, u8, Value)> {
    let ids = json!({"messageVersion": version, "threeDSServerTransID": id(name, "3dss"),
        "acsTransID": id(name, "acs"), "sdkTransID": id(name, "sdk")});
    let with = |members: Value| {
        let mut message = ids.clone();
        crate::message::apply_overrides(&mut message, members.as_object().unwrap());
        if version == "2.3.1" && message["messageType"] == "CReq" {
            message["oobAppURLInd"] = json!("01");
        }
        message
    };
    let mut screen = with(json!({"messageType": "CRes", "acsCounterAtoS": "000",
        "acsUiType": "01", "challengeCompletionInd": "N", "challengeInfoHeader": "認証コード",
        "challengeInfoText": "Enter the code.", "submitAuthenticationLabel": "OK"}));
    if version == "2.3.1" {
        screen["challengeEntryBox"] = json!({"challengeDataEntryLabel": "Code"});
    }
    vec![
        ("SDK-ACS", 0, with(json!({"messageType": "CReq", "sdkCounterStoA": "000"}))),
        ("ACS-SDK", 0, screen),
        (
            "SDK-ACS",
            1,
            with(json!({"messageType": "CReq", "sdkCounterStoA": "001",
                "challengeDataEntry": "123456"})),
        ),
        (
            "ACS-SDK",
            1,
            with(json!({"messageType": "CRes", "acsCounterAtoS": "001",
                "challengeCompletionInd": "Y", "transStatus": "Y"})),
        ),
    ]
}

fn private_jwk(pair: &KeyPair, scalar: &[u8]) -> Value {
    let mut jwk = pair.public_jwk();
    jwk["d"] = json!(URL_SAFE_NO_PAD.encode(scalar));
    jwk
}

fn make_one(version: &str, enc: Encryption, alg: &str) -> Value {
    let name = format!("{version} {} {alg}", enc.name());
    let scalars = ["sdk key", "acs key"].map(|what| fixed(&name, what));
    let [sdk, acs] = scalars.map(|scalar| KeyPair::from_scalar(&scalar).unwrap());
    let (signer, root) = signer(alg);
    let [own, peer] = [&acs, &sdk].map(|pair| peer_key(&pair.public_jwk()));
    let signed = signed_content(&signer, ACS_URL, own.jwk(), peer.jwk()).unwrap();
    let agreed = sdk.agree(&acs.public_jwk(), REFERENCE).unwrap();
    let header = json!({"alg": "dir", "enc": enc.name(), "kid": id(&name, "acs")});
    let messages: Vec<_> = messages(&name, version)
        .into_iter()
        .map(|(leg, counter, message)| {
            let way = if leg == "SDK-ACS" { Way::SdkToAcs } else { Way::AcsToSdk };
            let iv = match enc {
                Encryption::A128Gcm => counter_iv(way, counter).to_vec(),
                Encryption::A128CbcHs256 => fixed(&name, &format!("{leg} {counter}"))[..16].into(),
            };
            let plain = message.to_string();
            let part = agreed.part(way, enc);
            let jwe = Jwe::seal(&header, Vec::new(), enc, part, iv, plain.as_bytes()).unwrap();
            json!({"leg": leg, "counter": counter, "plain": plain, "jwe": jwe.to_string()})
        })
        .collect();
    let whole = agreed.part(Way::SdkToAcs, Encryption::A128CbcHs256);
    json!({"name": name, "version": version, "enc": enc.name(), "alg": alg,
        "sdkReferenceNumber": REFERENCE, "sdkKey": private_jwk(&sdk, &scalars[0]),
        "acsKey": private_jwk(&acs, &scalars[1]), "root": STANDARD.encode(root),
        "acsSignedContent": signed, "contentKey": URL_SAFE_NO_PAD.encode(whole),
        "messages": messages})
}

fn make() -> Value {
    let transcripts = vec![
        make_one("2.1.0", Encryption::A128CbcHs256, "PS256"),
        make_one("2.2.0", Encryption::A128Gcm, "ES256"),
        make_one("2.3.1", Encryption::A128CbcHs256, "ES256"),
        make_one("2.3.1", Encryption::A128Gcm, "PS256"),
    ];
    json!({"about": "App challenges with fixed keys, made by ds-simulator's tests (transcripts.rs) \
        and checked by tools/check_transcripts.py", "transcripts": transcripts})
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn check(transcript: &Value) {
    let name = text(transcript, "name");
    let scalar = |key: &str| -> [u8; 32] {
        URL_SAFE_NO_PAD.decode(text(&transcript[key], "d")).unwrap().try_into().unwrap()
    };
    let sdk = KeyPair::from_scalar(&scalar("sdkKey")).unwrap();
    let acs = EphemeralKey::generate(&mut Given(&scalar("acsKey")));
    let core_key = acs.agree(&peer_key(&transcript["sdkKey"]), REFERENCE).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(core_key.expose_bytes()), text(transcript, "contentKey"));

    let root = X509::from_der(&STANDARD.decode(text(transcript, "root")).unwrap()).unwrap();
    let jws = text(transcript, "acsSignedContent");
    let content = verify(jws, &[root], &sdk.public_jwk()).unwrap();
    assert_eq!(content.acs_url, ACS_URL, "{name}");
    let key = sdk.agree(&content.acs_ephem_pub_key, REFERENCE).unwrap();

    let enc = Encryption::named(text(transcript, "enc")).unwrap();
    for message in transcript["messages"].as_array().unwrap() {
        let (jwe, plain) = (text(message, "jwe"), text(message, "plain"));
        let counter = u8::try_from(message["counter"].as_u64().unwrap()).unwrap();
        if text(message, "leg") == "SDK-ACS" {
            let (opened, _) = core_jwe::open(jwe, core_jwe::Way::SdkToAcs, &core_key).unwrap();
            assert_eq!(&opened[..], plain.as_bytes(), "{name}");
        } else {
            let read = Jwe::parse(jwe).unwrap();
            assert_eq!(read.open(enc, key.part(Way::AcsToSdk, enc)).unwrap(), plain.as_bytes());
            assert_eq!(by_the_core(transcript, &read, plain, counter, &core_key), jwe, "{name}");
        }
    }
}

fn by_the_core(of: &Value, like: &Jwe, plain: &str, counter: u8, key: &CoreKey) -> String {
    let members = like.members().unwrap();
    let kid = TransId::parse(members["kid"].as_str().unwrap()).unwrap();
    let enc = core_encryption(Encryption::named(text(of, "enc")).unwrap());
    let way = core_jwe::Way::AcsToSdk;
    core_jwe::seal(plain.as_bytes(), way, enc, kid, counter, key, &mut Given(&like.iv))
}

#[test]
fn both_sides_make_the_recorded_transcripts() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../test-vectors/crypto/transcripts.json");
    if std::env::var_os("MAKE_TRANSCRIPTS").is_some() {
        let pretty = serde_json::to_string_pretty(&make()).unwrap();
        std::fs::write(&path, format!("{pretty}\n")).unwrap();
    }
    let recorded: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let transcripts = recorded["transcripts"].as_array().unwrap();
    assert_eq!(transcripts.len(), 4);
    for transcript in transcripts {
        check(transcript);
    }
    check(&make_one("2.2.0", Encryption::A128CbcHs256, "ES256"));
}
