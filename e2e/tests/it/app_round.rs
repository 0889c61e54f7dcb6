//! What an SDK hears when the result cannot be reported, and what is left of a challenge on disk.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ds_simulator::sdk::challenge::Act;
use ds_simulator::sdk::keys::{Encryption, Way};
use ds_simulator::{Faults, RreqFault};
use e2e::scan::files;
use e2e::stage::{Setup, wrong};
use e2e::{Stage, VERSIONS};
use serde_json::{Value, json};

use super::app::{ENCRYPTIONS, shown};

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_02_04_05_06_07_an_sdk_hears_of_a_round_that_failed() {
    let stage = Stage::set_with(Setup::default()).await;
    let refused = RreqFault::Erro("404".to_owned());
    let id = json!("11111111-2222-4333-8444-555555555555");
    let extension = json!([{"name": "x", "id": "A000000999-001", "criticalityIndicator": true,
        "data": {"a": "b"}}]);
    for (fault, changed, code) in [
        (RreqFault::CloseAfterForward, None, "402"),
        (refused, None, "403"),
        (RreqFault::None, Some(("acsTransID", id)), "301"),
        (RreqFault::None, Some(("resultsStatus", Value::Null)), "201"),
        (RreqFault::None, Some(("messageExtension", extension)), "202"),
    ] {
        let mut opened = shown(&stage, "2.2.0", Encryption::A128Gcm).await;
        let mut faults = Faults { rreq: fault, ..Faults::default() };
        if let Some((name, value)) = changed {
            faults.rres_overrides.insert(name.to_owned(), value);
        }
        stage.sim.set_faults(faults);
        let sent = stage.code(&opened.id(), 1).await.unwrap();
        opened.erro(&Act::Type(sent), code).await;
        stage.sim.set_faults(Faults::default());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_rr_08_an_app_challenge_survives_a_kill() {
    let stage = Stage::set("app-kill").await;
    for version in VERSIONS {
        for enc in ENCRYPTIONS {
            let mut opened = shown(&stage, version, enc).await;
            let code = stage.code(&opened.id(), 1).await.unwrap();
            opened.screen(&Act::Type(wrong(&code))).await;
            stage.acs.kill_9();
            stage.acs.start().await.unwrap();
            let cres = opened.last(&Act::Type(code)).await;
            assert_eq!(cres["transStatus"], "Y", "counters, key and code are where they were");
            assert_eq!(stage.result(&opened.payment).await["interactionCounter"], "02");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_content_key_is_readable_on_disk() {
    let stage = Stage::set_with(Setup::default()).await;
    let mut opened = shown(&stage, "2.3.1", Encryption::A128CbcHs256).await;
    let key = opened.challenge.content_key().clone();
    let key = key.part(Way::SdkToAcs, Encryption::A128CbcHs256);
    assert_eq!(key.len(), 32);
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let forms = [
        key.to_vec(),
        hex.clone().into_bytes(),
        hex.to_uppercase().into_bytes(),
        STANDARD_NO_PAD.encode(key).into_bytes(),
        URL_SAFE_NO_PAD.encode(key).into_bytes(),
    ];
    let assert_hidden = |moment: &str| {
        for file in files(&stage.acs.folder()).unwrap() {
            let bytes = fs::read(&file).unwrap();
            for form in &forms {
                let found = bytes.windows(form.len()).any(|part| part == form.as_slice());
                assert!(!found, "the key lies in {} {moment}", file.display());
            }
        }
    };
    assert_hidden("while the challenge is open");
    let code = stage.code(&opened.id(), 1).await.unwrap();
    opened.last(&Act::Type(code)).await;
    stage.acs.kill_9();
    assert_hidden("after its end");
}
