//! The disk has what a reply rests on before the reply leaves, seen in the system calls.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use e2e::durability::{CALLS, Step, check, peers, steps};
use e2e::raw_ds::client;
use e2e::stage::Setup;
use e2e::{Card, Issuer, Stage, binaries};
use serde_json::Value;

/// Traces a service while it answers AReqs: what was sent before them, how many there were, and
/// every step. Once more when the client opened a second connection, whose handshake is no reply.
async fn traced(binary: PathBuf) -> (usize, usize, Vec<Step>) {
    for _ in 0..TRIES {
        if let Some(traced) = traced_once(binary.clone()).await {
            return traced;
        }
    }
    panic!("the client opened more than one connection, {TRIES} times");
}

async fn traced_once(binary: PathBuf) -> Option<(usize, usize, Vec<Step>)> {
    let installed = std::process::Command::new("strace").arg("-V").output();
    assert!(installed.is_ok(), "strace is missing: apt-get install -y strace");
    let stage = Stage::set_with(Setup { binary: Some(binary), ..Setup::default() }).await;
    stage.acs.stop().await.unwrap();
    let trace = stage.acs.dir().join("strace.txt");
    let options = format!("trace={CALLS}");
    let wrapper =
        ["strace", "-f", "-yy", "-s", "0", "-qq", "-e", &options, "-o", trace.to_str().unwrap()];
    stage.acs.start_with(&wrapper, &[]).await.unwrap();
    let database = stage.acs.database();
    let seen = async || {
        // What was traced is in the file a moment later.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let text = fs::read_to_string(&trace).unwrap();
        steps(&text, database.to_str().unwrap(), stage.acs.ports().acs_ds_a)
    };
    let sends = |steps: &[Step]| steps.iter().filter(|step| **step == Step::Sent).count();

    let ds = stage.raw_ds("ds-a");
    let client = client(&stage.acs, "ds-a", |_| {}).unwrap();
    assert_eq!(client.get(ds.url()).send().await.unwrap().status(), 405, "opens the connection");
    let opening = sends(&seen().await);
    assert!(opening >= 2, "{opening} sends for a handshake and an answer");
    let requests = 12;
    for number in 0..requests {
        let card = if number % 2 == 0 { Card::Frictionless } else { Card::Sms };
        let areq = ds.areq("2.2.0", &Issuer::Alpha.pan(card));
        let answer = client.post(ds.url()).json(&areq).send().await.unwrap();
        assert_eq!(answer.json::<Value>().await.unwrap()["messageType"], "ARes");
        // The client gives its connection back a moment after the answer, and would open another.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let steps = seen().await;
    let peers = peers(&fs::read_to_string(&trace).unwrap(), stage.acs.ports().acs_ds_a);
    stage.acs.stop().await.unwrap();
    if peers > 1 {
        return None;
    }
    assert_eq!(sends(&steps), opening + requests, "one send for each reply");
    Some((opening, requests, steps))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_areq_is_on_disk_before_its_ares_leaves() {
    let (opening, requests, steps) = traced(binaries::acs()).await;
    assert_eq!(check(&steps, opening), Ok(opening + requests));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_answers_before_its_commit_is_seen_in_the_trace() {
    let (opening, _, steps) = traced(binaries::acs_mutant()).await;
    check(&steps, opening).unwrap_err();
}

#[test]
fn the_writer_keeps_a_synced_write_ahead_log() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = runtime.block_on(Stage::set_with(Setup::default()));
    let database = rusqlite::Connection::open(stage.acs.database()).unwrap();
    let mode: String = database.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

const TRIES: usize = 5;
