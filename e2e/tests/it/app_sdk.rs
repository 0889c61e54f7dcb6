//! What stands before a challenge in an app: device data for the directory server, the SDK's key.

use ds_simulator::sdk::device::{self, DsKeyKind};
use ds_simulator::sdk::keys::{Encryption, KeyPair};
use ds_simulator::sdk::{Sdk, play};
use e2e::stage::Setup;
use e2e::{Card, Issuer, Stage, VERSIONS};
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
