//! The encrypted channel over TLS [scenarios T-CR]; `app_bad_input.rs` has what is wrong with
//! messages.

use ds_simulator::sdk::challenge::{Act, Received};
use ds_simulator::sdk::keys::Encryption;
use ds_simulator::sdk::tamper::{Part, Tamper};
use e2e::stage::Setup;
use e2e::{Card, Stage};

use super::app::{
    Cell, Opened, assert_ended_refused, each, each_at_once, open_with, refused, rreqs, shown,
};
use super::settings::protocol;

fn entry() -> Act {
    Act::Type("000000".to_owned())
}

/// A CReq made wrong is told 302 in clear, and the challenge is over.
async fn ends_with_302(stage: &Stage, cell: Cell, tamper: Tamper) {
    let mut opened = shown(stage, cell.version, cell.enc).await;
    // Two exchanges, so that there is an old counter.
    opened.screen(&Act::Resend).await;
    let creq = opened.challenge.creq(&entry());
    let received = opened.challenge.send(&creq, &[tamper]).await.unwrap();
    let erro = refused(received, "302");
    assert_ended_refused(stage, &opened, &erro).await;
    // What would have been good comes too late.
    opened.challenge.counter_out -= 1;
    opened.erro(&entry(), "302").await;
    assert_eq!(rreqs(stage, &opened), 1);
}

async fn each_ends_with_302(name: &'static str, tamper: impl Fn(Cell) -> Tamper) {
    let stage = Stage::set(name).await;
    each(async |cell| ends_with_302(&stage, cell, tamper(cell)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_01_a_bit_of_the_tag() {
    each_ends_with_302("bad-app-tag", |_| Tamper::FlipBit(Part::Tag)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_02_a_counter_seen_before() {
    for (name, old) in [("bad-app-old-first", 0), ("bad-app-old-last", 1)] {
        each_ends_with_302(name, |_| Tamper::Counter(old)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_03_a_counter_left_out() {
    each_ends_with_302("bad-app-skip", |_| Tamper::Counter(3)).await;
}

/// 255 CReqs are answered, the next one ends the challenge.
async fn wraps(stage: &Stage, cell: Cell) {
    let mut opened = shown(stage, cell.version, cell.enc).await;
    for _ in 1..255 {
        opened.screen(&Act::Resend).await;
    }
    let erro = opened.erro(&Act::Resend, "302").await;
    assert_ended_refused(stage, &opened, &erro).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_04_the_last_counter_ends_the_challenge() {
    let stage = Stage::set("bad-app-wrap").await;
    each_at_once(async |cell| wraps(&stage, cell).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_05_an_unknown_kid_touches_nothing() {
    // Not recorded: an answer to nobody's message cannot have the version and ids of a transaction.
    let stage = Stage::set_with(Setup::default()).await;
    each(async |cell| {
        let unknown = "11111111-2222-4333-8444-555555555555";
        for kid in [Some(unknown.to_owned()), Some("x".to_owned()), Some(String::new()), None] {
            let mut opened = shown(&stage, cell.version, cell.enc).await;
            let creq = opened.challenge.creq(&entry());
            let tampers = [Tamper::Kid(kid)];
            let received = opened.challenge.send(&creq, &tampers).await.unwrap();
            refused(received, "302");
            assert_eq!(rreqs(&stage, &opened), 0);
            // The counter of the message that never arrived is still the next one.
            opened.challenge.counter_out -= 1;
            let code = stage.code(&opened.id(), 1).await.unwrap();
            assert_eq!(opened.last(&Act::Type(code)).await["transStatus"], "Y");
        }
    })
    .await;
}

/// `protocol.app_unknown_kid_error` [P-CRY-09].
#[tokio::test(flavor = "multi_thread")]
async fn t_cr_05_an_unknown_kid_is_an_unknown_id_where_set_so() {
    let stage = Stage::set_with(Setup {
        config: Some(Box::new(|config| protocol(config, "app_unknown_kid_error", "301"))),
        ..Setup::default()
    })
    .await;
    each(async |cell| {
        let mut opened = shown(&stage, cell.version, cell.enc).await;
        let creq = opened.challenge.creq(&entry());
        let unknown = "11111111-2222-4333-8444-555555555555".to_owned();
        let tampers = [Tamper::Kid(Some(unknown))];
        refused(opened.challenge.send(&creq, &tampers).await.unwrap(), "301");
        assert_eq!(rreqs(&stage, &opened), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_06_another_algorithm() {
    for (name, alg) in [("bad-app-alg-ecdh", "ECDH-ES"), ("bad-app-alg-case", "DIR")] {
        each_ends_with_302(name, |_| Tamper::Alg(alg.to_owned())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_07_both_encryptions_and_a_lost_answer_asked_for_again() {
    let stage = Stage::set("app-retry").await;
    each(async |cell| {
        let mut opened = shown(&stage, cell.version, cell.enc).await;
        let first = opened.challenge.send_raw_again().await.unwrap();
        let again = opened.challenge.send_raw_again().await.unwrap();
        assert_eq!(first.body, again.body, "the same answer, byte for byte [P-CRY-13]");
        let code = stage.code(&opened.id(), 1).await.unwrap();
        opened.last(&Act::Type(code)).await;
        let again = opened.challenge.send_again().await.unwrap();
        assert_eq!(opened.ended(again)["transStatus"], "Y");
        assert_eq!(stage.codes(&opened.id()).len(), 1);
        assert_eq!(rreqs(&stage, &opened), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_09_a_creq_in_clear() {
    each_ends_with_302("bad-app-plain", |_| Tamper::Plain).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_10_a_padded_part() {
    let stage = Stage::set("bad-app-padded").await;
    each(async |cell| {
        for part in [Part::EncryptedKey, Part::Iv, Part::Text, Part::Tag] {
            ends_with_302(&stage, cell, Tamper::Padded(part)).await;
        }
    })
    .await;
}

/// The challenge of a Split-SDK.
async fn split(stage: &Stage, enc: Encryption) -> Opened {
    open_with(stage, "2.3.1", Card::Sms, |sdk| {
        sdk.split = true;
        sdk.encryption = enc;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn t_cr_13_a_split_sdk_uses_gcm_only() {
    let stage = Stage::set("bad-app-split").await;
    let mut opened = split(&stage, Encryption::A128CbcHs256).await;
    let erro = opened.erro(&Act::Open, "310").await;
    assert_ended_refused(&stage, &opened, &erro).await;
    // Told only to who could encrypt: anybody else learns nothing about the SDK.
    let mut opened = split(&stage, Encryption::A128CbcHs256).await;
    let creq = opened.challenge.creq(&Act::Open);
    let received = opened.challenge.send(&creq, &[Tamper::FlipBit(Part::Tag)]).await.unwrap();
    let erro = refused(received, "302");
    assert_ended_refused(&stage, &opened, &erro).await;
    let mut opened = split(&stage, Encryption::A128Gcm).await;
    opened.screen(&Act::Open).await;
    let code = stage.code(&opened.id(), 1).await.unwrap();
    assert_eq!(opened.last(&Act::Type(code)).await["transStatus"], "Y");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_repeat_gets_no_second_meaning() {
    let stage = Stage::set("bad-app-late-repeat").await;
    each(async |cell| {
        let mut opened = shown(&stage, cell.version, cell.enc).await;
        let (old, media) = opened.challenge.sent().unwrap();
        opened.screen(&Act::Resend).await;
        // The first CReq, byte for byte, after the second one was answered.
        let answer = opened.challenge.post_raw(old, &media).await.unwrap();
        let erro = refused(opened.challenge.receive(&answer), "302");
        assert_ended_refused(&stage, &opened, &erro).await;
        assert!(matches!(opened.challenge.send_again().await.unwrap(), Received::Erro(_)));
    })
    .await;
}
