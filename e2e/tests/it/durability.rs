//! The disk has what a reply rests on before the reply leaves, seen in the system calls.

use std::fs;
use std::time::Duration;

use e2e::durability::{CALLS, check, steps};
use e2e::stage::Setup;
use e2e::{Card, Issuer, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn every_areq_is_on_disk_before_its_ares_leaves() {
    let installed = std::process::Command::new("strace").arg("-V").output();
    assert!(installed.is_ok(), "strace is missing: apt-get install -y strace");
    let stage = Stage::set_with(Setup::default()).await;
    stage.acs.stop().await.unwrap();
    let trace = stage.acs.dir().join("strace.txt");
    let options = format!("trace={CALLS}");
    let wrapper =
        ["strace", "-f", "-yy", "-s", "0", "-qq", "-e", &options, "-o", trace.to_str().unwrap()];
    stage.acs.start_with(&wrapper, &[]).await.unwrap();
    let ds = stage.raw_ds("ds-a");
    let requests = 12;
    for number in 0..requests {
        let card = if number % 2 == 0 { Card::Frictionless } else { Card::Sms };
        let ares = ds.post(&ds.areq("2.2.0", &Issuer::Alpha.pan(card))).await.unwrap();
        assert_eq!(ares["messageType"], "ARes", "{ares}");
    }
    // The tracer ends with the service, having written everything.
    tokio::time::sleep(Duration::from_millis(300)).await;
    stage.acs.stop().await.unwrap();
    let text = fs::read_to_string(&trace).unwrap();
    let database = stage.acs.database();
    let steps = steps(&text, database.to_str().unwrap(), stage.acs.ports().acs_ds_a);
    let sends = steps.iter().filter(|step| **step == e2e::durability::Step::Sent).count();
    // The handshake sends too; the replies are the last ones before the connection's end.
    assert!(sends >= requests, "{sends} sends, {} steps", steps.len());
    let handshake = sends.saturating_sub(requests + 1);
    check(&steps, handshake.max(1)).unwrap();
}

#[test]
fn the_writer_keeps_a_synced_write_ahead_log() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = runtime.block_on(Stage::set_with(Setup::default()));
    let database = rusqlite::Connection::open(stage.acs.database()).unwrap();
    let mode: String = database.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}
