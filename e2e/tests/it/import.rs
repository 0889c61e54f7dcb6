//! `acs card import` beside traffic.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::cards::EXPIRY;
use e2e::stage::Setup;
use e2e::{Card, Issuer, Stage};
use tokio::task::JoinSet;

const CARDS: u64 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_cards_go_in_under_load_without_one_u() {
    let stage = Arc::new(Stage::set_with(Setup::default()).await);
    let mut lines = String::new();
    for serial in 0..CARDS {
        let pan = Issuer::Alpha.numbered(1_000 + serial);
        let _ = writeln!(
            lines,
            "{{\"pan\":\"{pan}\",\"expiry\":\"{EXPIRY}\",\"state\":\"active\",\
             \"contacts\":{{\"sms\":\"+819012345678\"}}}}"
        );
    }
    let ds = stage.raw_ds("ds-a");
    let newcomer = Issuer::Alpha.numbered(1_000 + CARDS / 2);
    let before = ds.post(&ds.areq("2.2.0", &newcomer)).await.unwrap();
    assert_eq!(before["transStatusReason"], "08", "unknown before: {before}");

    let done = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for lane in 0..3 {
        let (ds, done) = (ds.clone(), Arc::clone(&done));
        load.spawn(async move {
            let (card, expected) =
                if lane == 0 { (Card::Sms, "C") } else { (Card::Frictionless, "Y") };
            let mut answers = 0;
            while !done.load(Ordering::SeqCst) {
                let ares = ds.post(&ds.areq("2.3.1", &Issuer::Alpha.pan(card))).await.unwrap();
                assert_eq!(ares["transStatus"], expected, "{ares}");
                answers += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            answers
        });
    }
    let importer = Arc::clone(&stage);
    let imported =
        tokio::task::spawn_blocking(move || importer.acs.import_cards("alpha", &lines)).await;
    done.store(true, Ordering::SeqCst);
    let answers: usize = load.join_all().await.into_iter().sum();
    imported.unwrap().unwrap();
    assert!(answers > 50, "only {answers} AReqs beside the import");
    for serial in [0, CARDS / 2, CARDS - 1] {
        let pan = Issuer::Alpha.numbered(1_000 + serial);
        let ares = ds.post(&ds.areq("2.2.0", &pan)).await.unwrap();
        assert_eq!(ares["transStatus"], "C", "known at once after the import: {ares}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_card_file_imports_nothing_and_names_each_bad_line() {
    let stage = Stage::set_with(Setup::default()).await;
    let good = Issuer::Alpha.numbered(5_000);
    let record = |pan: &str, state: &str| {
        format!(
            "{{\"pan\":\"{pan}\",\"expiry\":\"{EXPIRY}\",\"state\":\"{state}\",\"contacts\":{{}}}}\n"
        )
    };
    let lines =
        record(&good, "active") + &record(&good, "sleeping") + "{\n" + &record("12", "active");
    let refused = stage.acs.import_cards("alpha", &lines).unwrap_err().to_string();
    for line in ["2", "3", "4"] {
        assert!(refused.contains(line), "{refused}");
    }
    assert!(refused.contains("exit status: 1"), "{refused}");
    assert!(!refused.contains(&good), "a card number in an error");
    let ds = stage.raw_ds("ds-a");
    let ares = ds.post(&ds.areq("2.2.0", &good)).await.unwrap();
    assert_eq!(ares["transStatusReason"], "08", "nothing was imported: {ares}");
    stage.acs.import_cards("alpha", &record(&good, "suspended")).unwrap();
    let ares = ds.post(&ds.areq("2.2.0", &good)).await.unwrap();
    assert_eq!(ares["transStatusReason"], "12", "{ares}");
    stage.acs.import_cards("alpha", &record(&good, "stolen")).unwrap();
    let ares = ds.post(&ds.areq("2.2.0", &good)).await.unwrap();
    assert_eq!(ares["transStatus"], "R", "a repeated number updates: {ares}");
    let config = stage.acs.config();
    let config = config.to_str().unwrap();
    let listed = stage.acs.run(&["card", "list", "--config", config, "--limit", "5"]).unwrap();
    let shown = stage.acs.run(&["card", "show", "--config", config, &good]).unwrap();
    assert!(!listed.contains(&good) && !shown.contains(&good), "shown masked only");
    assert!(shown.contains(&good[12..]), "{shown}");
}
