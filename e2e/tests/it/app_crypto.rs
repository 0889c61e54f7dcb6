//! The encrypted channel under attack: one answer for every cryptographic cause.

use bytes::Bytes;
use ds_simulator::sdk::challenge::{Act, Received};
use ds_simulator::sdk::keys::Encryption;
use ds_simulator::sdk::tamper::{Part, Tamper};
use e2e::stage::Setup;
use e2e::{Card, Stage, VERSIONS};
use serde_json::Value;

use super::app::{ENCRYPTIONS, assert_ended_refused, open_with, refused, shown};

/// The Erro without what differs by transaction.
fn shape(erro: &Value) -> Vec<(String, String)> {
    let members = erro.as_object().unwrap().iter();
    let mut shape: Vec<_> = members
        .map(|(name, value)| {
            let id = name.ends_with("TransID");
            (name.clone(), if id { String::new() } else { value.to_string() })
        })
        .collect();
    shape.sort();
    shape
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_01_02_03_06_10_every_cryptographic_cause_has_the_same_answer() {
    let stage = Stage::set("bad-app-crypto").await;
    for version in VERSIONS {
        let mut shapes = Vec::new();
        for enc in ENCRYPTIONS {
            let mut tampers: Vec<_> = Part::ALL
                .into_iter()
                // A header with a bit turned may name no transaction any more: T-CR-05.
                .filter(|part| *part != Part::Header)
                .map(Tamper::FlipBit)
                .collect();
            tampers.extend(Part::ALL.map(Tamper::Padded).into_iter().skip(1));
            tampers.extend([
                Tamper::Alg("ECDH-ES".to_owned()),
                Tamper::EncName("A256GCM".to_owned()),
                Tamper::HeaderMember("zip".to_owned(), "DEF".into()),
                Tamper::Counter(0),
                Tamper::Counter(3),
            ]);
            for tamper in tampers {
                let mut opened = shown(&stage, version, enc).await;
                let creq = opened.challenge.creq(&Act::Type("000000".to_owned()));
                let tampered = [tamper];
                let received = opened.challenge.send(&creq, &tampered).await.unwrap();
                let Received::Erro(erro) = received else {
                    panic!("{version} {enc:?} {tampered:?}: {received:?}")
                };
                assert_eq!(erro["errorCode"], "302", "{tampered:?}");
                assert_ended_refused(&stage, &opened, &erro).await;
                shapes.push(shape(&erro));
            }
        }
        shapes.dedup();
        assert_eq!(shapes.len(), 1, "one text for all causes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_05_an_unknown_kid_touches_nothing() {
    // Not recorded: an answer to nobody's message cannot have the version and ids of a transaction.
    let stage = Stage::set_with(Setup::default()).await;
    for kid in [Some("11111111-2222-4333-8444-555555555555".to_owned()), Some("x".to_owned()), None]
    {
        let mut opened = shown(&stage, "2.2.0", Encryption::A128Gcm).await;
        let creq = opened.challenge.creq(&Act::Type("000000".to_owned()));
        let tampers = [Tamper::Kid(kid)];
        let received = opened.challenge.send(&creq, &tampers).await.unwrap();
        refused(received, "302");
        let merchant = &stage.sim.network().merchant;
        assert!(merchant.payment(&opened.payment.id).unwrap().rreq.is_none(), "no RReq");
        // The counter of the message that never arrived is still the next one.
        opened.challenge.counter_out -= 1;
        let code = stage.code(&opened.id(), 1).await.unwrap();
        assert_eq!(opened.last(&Act::Type(code)).await["transStatus"], "Y");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_04_the_last_counter_ends_the_challenge() {
    let stage = Stage::set("bad-app-wrap").await;
    let mut opened = shown(&stage, "2.3.1", Encryption::A128Gcm).await;
    for _ in 1..255 {
        opened.screen(&Act::Resend).await;
    }
    let erro = opened.erro(&Act::Resend, "302").await;
    assert_ended_refused(&stage, &opened, &erro).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_07_a_lost_answer_can_be_asked_for_again() {
    let stage = Stage::set("app-retry").await;
    for version in VERSIONS {
        for enc in ENCRYPTIONS {
            let mut opened = shown(&stage, version, enc).await;
            let again = opened.challenge.send_again().await.unwrap();
            assert!(matches!(again, Received::Screen(_)), "{again:?}");
            let code = stage.code(&opened.id(), 1).await.unwrap();
            opened.last(&Act::Type(code)).await;
            let again = opened.challenge.send_again().await.unwrap();
            let Received::Final(cres) = again else { panic!("{again:?}") };
            assert_eq!(cres["transStatus"], "Y");
            assert_eq!(stage.codes(&opened.id()).len(), 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_09_a_creq_in_clear_is_refused() {
    let stage = Stage::set("bad-app-plain").await;
    for version in VERSIONS {
        let mut opened = shown(&stage, version, Encryption::A128Gcm).await;
        let creq = opened.challenge.creq(&Act::Type("000000".to_owned()));
        let received = opened.challenge.send(&creq, &[Tamper::Plain]).await.unwrap();
        let erro = refused(received, "302");
        assert_ended_refused(&stage, &opened, &erro).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_13_a_split_sdk_uses_gcm_only() {
    let stage = Stage::set("bad-app-split").await;
    let split = |enc| {
        move |sdk: &mut ds_simulator::sdk::Sdk| {
            sdk.split = true;
            sdk.encryption = enc;
        }
    };
    let mut opened = open_with(&stage, "2.3.1", Card::Sms, split(Encryption::A128CbcHs256)).await;
    let erro = opened.erro(&Act::Open, "310").await;
    assert_ended_refused(&stage, &opened, &erro).await;
    let mut opened = open_with(&stage, "2.3.1", Card::Sms, split(Encryption::A128Gcm)).await;
    opened.screen(&Act::Open).await;
    opened.last(&Act::Cancel).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_of_an_sdk_is_not_read() {
    let stage = Stage::set_with(Setup::default()).await;
    let opened = shown(&stage, "2.2.0", Encryption::A128Gcm).await;
    let post = |body: Vec<u8>, media: &'static str| {
        let challenge = &opened.challenge;
        async move { challenge.post_raw(Bytes::from(body), media).await.unwrap().status }
    };
    assert_eq!(post(b"creq=x".to_vec(), "application/x-www-form-urlencoded").await, 415);
    assert_eq!(post(vec![b'a'; 80_000], "application/jose; charset=utf-8").await, 413);
    assert_eq!(post(b"rubbish".to_vec(), "application/jose; charset=utf-8").await, 200);
    assert_eq!(post(Vec::new(), "application/jose; charset=utf-8").await, 200);
}
