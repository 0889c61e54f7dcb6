//! The SDK of the simulator against the service: what stands before a challenge (device data for the
//! directory server, keys, signed content), and whole payments as `ds-sim pay` makes them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ds_simulator::message::{from_base64url, to_base64url};
use ds_simulator::sdk::device::{self, DsKeyKind};
use ds_simulator::sdk::keys::{Encryption, KeyPair};
use ds_simulator::sdk::{Sdk, play};
use e2e::stage::Setup;
use e2e::{Card, Issuer, Stage, VERSIONS, binaries};
use serde_json::{Value, json};

/// The ARes (or Erro) of an app's payment whose AReq has these members changed.
async fn answer(stage: &Stage, version: &str, sdk: &Sdk, changes: Value) -> Value {
    let mut options = stage.options(&Issuer::Alpha.pan(Card::Frictionless));
    options.version = Some(version.to_owned());
    let changes = changes.as_object().expect("an object").clone();
    options.order.overrides.extend(changes);
    let merchant = &stage.sim.network().merchant;
    let payment = play::begin(merchant, sdk, &sdk.begin(), &options).await;
    payment.expect("every party answers").ares.expect("an answer")
}

/// What makes a key bad, what is changed in a good one for that, and the element named.
fn bad_keys(good: &Value) -> Vec<(&'static str, Value, &'static str)> {
    let coordinate = |bytes: &[u8]| json!(URL_SAFE_NO_PAD.encode(bytes));
    let own = |name: &str| URL_SAFE_NO_PAD.decode(good[name].as_str().unwrap()).unwrap();
    let (x, y) = (own("x"), own("y"));
    let long = |bytes: &[u8]| coordinate(&[&[0][..], bytes].concat());
    let mut off = y.clone();
    off[31] ^= 1;
    let zero = [0_u8; 32];
    let key = "sdkEphemPubKey";
    vec![
        ("y is not on the curve", json!({"y": coordinate(&off)}), key),
        ("x in place of y", json!({"y": good["x"]}), key),
        (
            "zeros, as infinity is often written",
            json!({"x": coordinate(&zero), "y": coordinate(&zero)}),
            key,
        ),
        // The point is good to who reduces x.
        ("x beyond p", json!({"x": coordinate(&BEYOND_P), "y": coordinate(&Y_OF_REST)}), key),
        ("x is p", json!({"x": coordinate(&P)}), key),
        ("y is p", json!({"y": coordinate(&P)}), key),
        ("all ones", json!({"x": coordinate(&[0xff; 32]), "y": coordinate(&[0xff; 32])}), key),
        ("x of 31 bytes", json!({"x": coordinate(&x[1..])}), "sdkEphemPubKey.x"),
        ("x of 33 bytes", json!({"x": long(&x)}), "sdkEphemPubKey.x"),
        ("y of 31 bytes", json!({"y": coordinate(&y[1..])}), "sdkEphemPubKey.y"),
        ("y of 33 bytes", json!({"y": long(&y)}), "sdkEphemPubKey.y"),
        ("x is empty", json!({"x": ""}), "sdkEphemPubKey.x"),
        ("y is empty", json!({"y": ""}), "sdkEphemPubKey.y"),
        (
            "x with padding",
            json!({"x": format!("{}=", good["x"].as_str().unwrap())}),
            "sdkEphemPubKey.x",
        ),
        ("x is a number", json!({"x": 7}), "sdkEphemPubKey.x"),
        ("a private member", json!({"d": coordinate(&zero)}), key),
        ("an empty private member", json!({"d": ""}), key),
        ("another curve", json!({"crv": "P-384"}), "sdkEphemPubKey.crv"),
        ("the same curve by another name", json!({"crv": "secp256r1"}), "sdkEphemPubKey.crv"),
        ("another kind of key", json!({"kty": "OKP"}), "sdkEphemPubKey.kty"),
        ("an RSA key", json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}), "sdkEphemPubKey.kty"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_08_keys_that_are_no_points_of_the_curve_are_refused() {
    let stage = Stage::set_with(Setup::default()).await;
    // A strict directory server would keep such an AReq to itself.
    stage.sim.set_faults(ds_simulator::Faults {
        areq_unchecked: true,
        ..ds_simulator::Faults::default()
    });
    let sdk = stage.sim.sdk("ds-a").unwrap();
    let good = KeyPair::generate().public_jwk();
    for version in VERSIONS {
        for (what, change, element) in bad_keys(&good) {
            let mut bad = good.clone();
            for (name, value) in change.as_object().unwrap() {
                bad[name] = value.clone();
            }
            let erro = answer(&stage, version, &sdk, json!({"sdkEphemPubKey": bad})).await;
            // What is required and empty is missing [Req 204].
            let code = if what.ends_with("is empty") { "201" } else { "203" };
            let found = [&erro["errorCode"], &erro["errorComponent"], &erro["errorDetail"]];
            assert_eq!(found, [code, "A", element], "{version} {what}: {erro}");
            assert_eq!(erro["errorMessageType"], "AReq");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_12_device_data_is_decrypted_by_the_directory_server_or_refused() {
    let stage = Stage::set("app-device-data").await;
    for version in VERSIONS {
        for kind in [DsKeyKind::Ec, DsKeyKind::Rsa] {
            for enc in Encryption::ALL {
                let mut sdk = stage.sim.sdk("ds-a").unwrap();
                (sdk.ds_key, sdk.encryption) = (kind, enc);
                let ares = answer(&stage, version, &sdk, json!({})).await;
                assert_eq!(ares["transStatus"], "Y", "{version} {kind:?} {enc:?}: {ares}");
            }
            let sdk = stage.sim.sdk("ds-a").unwrap();
            let own = stage.sim.network().directory.device_key(kind);
            let mut foreign = stage.sim.network_named("ds-b").unwrap().directory.device_key(kind);
            foreign.kid.clone_from(&own.kid);
            let mut unnamed = own.clone();
            unnamed.kid = None;
            let newest = version == "2.3.1";
            for (key, code) in [(foreign, Some("302")), (unnamed, newest.then_some("311"))] {
                let sealed = device::encrypt(&sdk.device_data, &key, Encryption::A128Gcm).unwrap();
                let reply = answer(&stage, version, &sdk, json!({"sdkEncData": sealed})).await;
                match code {
                    Some(code) => {
                        assert_eq!(reply["errorCode"], code, "{version} {kind:?}: {reply}");
                        assert_eq!(reply["errorComponent"], "D");
                    }
                    None => assert_eq!(reply["transStatus"], "Y", "{reply}"),
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_11_altered_signed_content_ends_the_challenge_inside_the_sdk() {
    let stage = Stage::set("app-altered-content").await;
    for version in VERSIONS {
        let sdk = stage.sim.sdk("ds-a").unwrap();
        let mut options = stage.options(&Issuer::Alpha.pan(Card::Sms));
        options.version = Some(version.to_owned());
        let transaction = sdk.begin();
        let merchant = &stage.sim.network().merchant;
        let payment = play::begin(merchant, &sdk, &transaction, &options).await.unwrap();
        sdk.open(&transaction, &payment).unwrap();
        let jws = payment.ares.as_ref().unwrap()["acsSignedContent"].as_str().unwrap();
        let parts: Vec<&str> = jws.split('.').collect();
        let mut content = from_base64url(parts[1]).unwrap();
        content["acsURL"] = json!("https://localhost:1/elsewhere");
        let altered = format!("{}.{}.{}", parts[0], to_base64url(&content), parts[2]);
        let foreign = stage.sim.sdk("ds-b").unwrap();
        for (who, jws, why) in [
            (&sdk, altered, "the signature does not fit"),
            (&foreign, jws.to_owned(), "does not reach the directory server's root"),
        ] {
            let mut payment = payment.clone();
            payment.ares.as_mut().unwrap()["acsSignedContent"] = json!(jws);
            let said = format!("{:#}", who.open(&transaction, &payment).unwrap_err());
            assert!(said.contains(why), "{said}");
        }
        // Nothing was sent, so the ACS sees an app that never came.
        stage.acs.advance(Duration::from_secs(31)).await.unwrap();
        let rreq = stage.result(&payment).await;
        assert_eq!(
            (&rreq["transStatusReason"], &rreq["challengeCancel"]),
            (&json!("14"), &json!("05"))
        );
    }
}

/// What `ds-sim pay` with these words answers: its code and all it says.
fn ds_sim_pay(endpoints: &Path, words: &[&str]) -> (bool, String) {
    let mut command = Command::new(binaries::ds_sim());
    command.args(["pay", "--channel", "app", "--amount", "20000", "--pan", "4000000000001091"]);
    let run = command.args(words).arg("--endpoints").arg(endpoints).output().expect("ds-sim runs");
    let said = [&run.stdout[..], &run.stderr[..]].concat();
    (run.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn ds_sim_pays_in_an_app_and_shows_its_screens() {
    let stage = Stage::set_with(Setup::default()).await;
    let endpoints = stage.acs.dir().join("endpoints.json");
    stage.acs.endpoints().write(&endpoints).unwrap();
    let record = e2e::stage::traffic_file("ds-sim-pay-app").unwrap();
    let record = record.to_str().unwrap();
    for version in VERSIONS {
        let common = ["--version", version, "--record", record];
        for (ui, enc, key) in [("native", "gcm", "ec"), ("html", "cbc", "rsa")] {
            let words = ["--ui", ui, "--enc", enc, "--ds-key", key, "--expect", "Y"];
            let (good, said) = ds_sim_pay(&endpoints, &[&common[..], &words].concat());
            assert!(good && said.contains("result Y"), "{version} {ui}: {said}");
            assert!(said.contains("the app shows"), "{said}");
            for leg in [" SDK -> ACS ", " ACS -> SDK "] {
                assert!(said.contains(leg), "{leg}: {said}");
            }
        }
        let words = ["--do", "000000", "--sdk-cancel", "--expect", "N"];
        let (good, said) = ds_sim_pay(&endpoints, &[&common[..], &words].concat());
        assert!(good && said.contains("result N"), "{version}: {said}");
    }
    assert!(!stage.acs.log().contains("4000000000001091"));
}

/// The prime of P-256.
const P: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
];
/// A number beyond the prime, and the y that belongs to what is left of it (5).
const BEYOND_P: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04,
];
const Y_OF_REST: [u8; 32] = [
    0x45, 0x92, 0x43, 0xb9, 0xaa, 0x58, 0x18, 0x06, 0xfe, 0x91, 0x3b, 0xce, 0x99, 0x81, 0x7a, 0xde,
    0x11, 0xca, 0x50, 0x3c, 0x64, 0xd9, 0xa3, 0xc5, 0x33, 0x41, 0x5c, 0x08, 0x32, 0x48, 0xfb, 0xcc,
];
