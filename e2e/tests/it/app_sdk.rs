//! The SDK of the simulator against the service: what stands before a challenge (device data for the
//! directory server, keys, signed content), and whole payments as `ds-sim pay` makes them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

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
    let zero = "A".repeat(43);
    let mut off = good.clone();
    off["y"] = off["x"].clone();
    for version in VERSIONS {
        for bad in [
            off.clone(),
            json!({"kty": "EC", "crv": "P-256", "x": zero, "y": zero}),
            json!({"kty": "EC", "crv": "P-384", "x": good["x"], "y": good["y"]}),
            json!({"kty": "EC", "crv": "P-256", "x": good["x"], "y": good["y"], "d": zero}),
        ] {
            let erro = answer(&stage, version, &sdk, json!({"sdkEphemPubKey": bad})).await;
            assert_eq!(erro["errorCode"], "203", "{version} {bad}: {erro}");
            assert_eq!(erro["errorComponent"], "A");
            let detail = erro["errorDetail"].as_str().unwrap();
            assert!(detail.starts_with("sdkEphemPubKey"), "{detail}");
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
