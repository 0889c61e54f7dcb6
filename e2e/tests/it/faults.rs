//! Failing neighbours: a directory server that does not answer, a disk that is full, a database
//! that is locked, an outbox that cannot be written. Nothing of that ever becomes Y.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ds_simulator::{Faults, RreqFault};
use e2e::stage::{Setup, member};
use e2e::{Card, Issuer, Stage};
use serde_json::Value;

fn faulty(rreq: RreqFault) -> Faults {
    Faults { rreq, ..Faults::default() }
}

fn short_timers(config: &mut toml::Table) {
    let protocol = config.entry("protocol").or_insert(toml::Table::new().into());
    protocol.as_table_mut().unwrap().insert("rres_seconds".to_owned(), 1.into());
}

/// Plays a challenge to its last page with the right code.
async fn verified(stage: &Stage, version: &str) -> (ds_simulator::merchant::Payment, Value, Value) {
    let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), version).await;
    let tab = stage.tab();
    let page = tab.creq(&creq, None).await.unwrap();
    let code = stage.code(member(&creq, "acsTransID"), 1).await.unwrap();
    let mut page = tab.press(&page, &code, "submit").await.unwrap();
    for _ in 0..60 {
        if let Some(returned) = page.returned() {
            return (payment, creq, returned.message);
        }
        // The processing page asks again by itself.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let form = ds_simulator::html::forms(&page.html).into_iter().next().expect("a form");
        let button = form.buttons.first().map(|(name, value)| (name.as_str(), value.as_str()));
        let url = page.resolve(&form.action).unwrap();
        page = tab.post(&url, &form.filled(&[], button)).await.unwrap();
    }
    panic!("no last page within 30 s: {}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_by_http_alone_changes_no_result() {
    let stage =
        Stage::set_with(Setup { config: Some(Box::new(short_timers)), ..Setup::default() }).await;
    for fault in [RreqFault::Http(200), RreqFault::Http(500), RreqFault::CloseUnread] {
        stage.sim.set_faults(faulty(fault.clone()));
        let (_, creq, cres) = verified(&stage, "2.3.1").await;
        assert_eq!(cres["transStatus"], "Y", "{fault:?}: the decided status");
        let id = member(&creq, "acsTransID");
        let rreqs = stage.sim.network().directory.rreqs_received(id);
        assert!(rreqs.windows(2).all(|pair| pair[0] == pair[1]), "{fault:?}");
    }
}

/// The answers while the store does not work: never Y, never C.
async fn check_refusals(stage: &Stage, what: &str) {
    let ds = stage.raw_ds("ds-a");
    for (version, card) in
        [("2.1.0", Card::Frictionless), ("2.2.0", Card::Sms), ("2.3.1", Card::Frictionless)]
    {
        let areq = ds.areq(version, &Issuer::Alpha.pan(card));
        let answer = ds.exchange(areq.to_string()).await.unwrap();
        if answer.status == 503 {
            continue;
        }
        assert_eq!(answer.status, 200, "{what}");
        let ares: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(ares["transStatus"], "U", "{what} {version} {card:?}: {ares}");
        let reason = if version == "2.1.0" { "07" } else { "22" };
        assert_eq!(ares["transStatusReason"], reason, "{what} {version}: {ares}");
        assert!(ares.get("authenticationValue").is_none(), "{what}: {ares}");
        let repeated = ds.exchange(areq.to_string()).await.unwrap();
        assert_eq!(repeated.body, answer.body, "{what}: a repeat says the same");
    }
}

async fn check_recovered(stage: &Stage, what: &str) {
    for _ in 0..100 {
        let ds = stage.raw_ds("ds-a");
        let ares = ds.post(&ds.areq("2.2.0", &Issuer::Alpha.pan(Card::Frictionless))).await;
        if ares.is_ok_and(|ares| ares["transStatus"] == "Y") {
            let mut options = stage.options(&Issuer::Alpha.pan(Card::Sms));
            options.skip_method = true;
            let receipt = stage.pay("ds-a", &options).await;
            assert_eq!(receipt.problems, Vec::<String>::new(), "{what}");
            assert_eq!(receipt.status.as_deref(), Some("Y"), "{what}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{what}: no recovery within 20 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn t_fr_05_back_end_down_is_u_and_recovers() {
    let stage = Stage::set_with(Setup::default()).await;
    check_recovered(&stage, "before").await;
    let lock = rusqlite::Connection::open(stage.acs.database()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    check_refusals(&stage, "locked").await;
    assert!(!stage.acs.has_exited());
    lock.execute_batch("ROLLBACK").unwrap();
    drop(lock);
    check_recovered(&stage, "unlocked").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_never_becomes_y_and_recovers() {
    let stage = Stage::set_with(Setup::default()).await;
    // A file size limit stands for a full disk: writes at the end of the write-ahead log fail.
    stage.acs.kill_9();
    let shell = ["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""];
    stage.acs.start_with(&shell, &[]).await.unwrap();
    check_recovered(&stage, "before").await;
    let pid = stage.acs.pid().unwrap().to_string();
    let limit = |fsize: &str| {
        let done =
            Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={fsize}")]).status();
        assert!(done.expect("prlimit of util-linux").success());
    };
    limit("1024:unlimited");
    check_refusals(&stage, "full").await;
    assert!(!stage.acs.has_exited(), "a full disk ends no service");
    limit("unlimited:unlimited");
    check_recovered(&stage, "room again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_survives_a_store_that_fails_in_the_middle() {
    let stage = Stage::set_with(Setup::default()).await;
    let tab = stage.tab();
    let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.2.0").await;
    let page = tab.creq(&creq, None).await.unwrap();
    let code = stage.code(member(&creq, "acsTransID"), 1).await.unwrap();
    let lock = rusqlite::Connection::open(stage.acs.database()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let busy = tab.press(&page, &code, "submit").await.unwrap();
    assert!(busy.returned().is_none(), "nothing is final before its commit");
    lock.execute_batch("ROLLBACK").unwrap();
    drop(lock);
    let mut last = tab.press(&page, &code, "submit").await.unwrap();
    for _ in 0..20 {
        if last.returned().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        last = tab.press(&page, &code, "submit").await.unwrap();
    }
    assert_eq!(last.returned().unwrap().message["transStatus"], "Y", "{}", last.text());
    assert_eq!(stage.result(&payment).await["transStatus"], "Y");
    assert_eq!(stage.result(&payment).await["interactionCounter"], "01");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_cannot_be_delivered_are_tried_again() {
    let stage = Stage::set("outbox-fails").await;
    std::fs::create_dir(stage.acs.outbox()).unwrap();
    let tab = stage.tab();
    let (payment, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.3.1").await;
    let page = tab.creq(&creq, None).await.unwrap();
    assert!(page.code_form().is_some(), "{}", page.text());
    stage.acs.wait_metric("acs_otp_total", &["failed"], 1.0).await.unwrap();
    std::fs::remove_dir(stage.acs.outbox()).unwrap();
    let code = stage.code(member(&creq, "acsTransID"), 1).await.unwrap();
    let last = tab.press(&page, &code, "submit").await.unwrap();
    assert_eq!(last.returned().unwrap().message["transStatus"], "Y");
    assert_eq!(stage.result(&payment).await["transStatus"], "Y");
    assert!(!stage.acs.log().contains(&code));
}

/// A gateway that takes codes and counts them. It answers the first only when it is let.
struct Gateway {
    port: u16,
    taken: Arc<AtomicUsize>,
    let_go: mpsc::Sender<()>,
}

impl Gateway {
    fn open() -> Self {
        let socket = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&taken);
        let (let_go, wait) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                read_request(&stream);
                if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                    let _ = wait.recv();
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = (&stream).write_all(answer);
            }
        });
        Self { port, taken, let_go }
    }

    fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

fn read_request(stream: &TcpStream) {
    let mut lines = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).unwrap_or(0) <= 2 {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let _ = lines.read_exact(&mut vec![0; length]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_handed_over_is_not_sent_again_while_the_store_fails() {
    let gateway = Gateway::open();
    let url = format!("http://127.0.0.1:{}/", gateway.port);
    let config = move |config: &mut toml::Table| {
        for issuer in config["issuer"].as_array_mut().unwrap() {
            let key = issuer["api"]["key_file"].as_str().unwrap().to_owned();
            issuer["otp"]["gateway"] = toml::Table::from_iter([
                ("kind".to_owned(), "webhook".into()),
                ("url".to_owned(), url.clone().into()),
                ("key_file".to_owned(), key.into()),
            ])
            .into();
        }
    };
    let stage = Stage::set_with(Setup { config: Some(Box::new(config)), ..Setup::default() }).await;
    let (_, creq) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.2.0").await;
    let page = stage.tab().creq(&creq, None).await.unwrap();
    assert!(page.code_form().is_some(), "{}", page.text());
    let arrived = async {
        while gateway.taken() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), arrived).await.unwrap();
    let lock = rusqlite::Connection::open(stage.acs.database()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    gateway.let_go.send(()).unwrap();
    // Its next try would be due two seconds after the page.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(gateway.taken(), 1, "the cardholder gets one code, not four a second");
    lock.execute_batch("ROLLBACK").unwrap();
    let closed = async {
        loop {
            let found: Option<String> = lock
                .query_row("SELECT closed FROM outgoing WHERE kind = 2", [], |row| row.get(0))
                .unwrap();
            if let Some(how) = found {
                return how;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let how = tokio::time::timeout(Duration::from_secs(20), closed).await.unwrap();
    assert_eq!((how.as_str(), gateway.taken()), ("delivered", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_rots_floods_no_log_and_holds_up_no_deadline() {
    let stage = Stage::set_with(Setup::default()).await;
    stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.2.0").await;
    let database = rusqlite::Connection::open(stage.acs.database()).unwrap();
    database.execute("UPDATE transactions SET state = x'7b'", []).unwrap();
    let (payment, _) = stage.challenged(&Issuer::Alpha.pan(Card::Sms), "2.2.0").await;
    stage.acs.advance(Duration::from_secs(60)).await.unwrap();
    let result = stage.result(&payment).await;
    assert_eq!((&result["transStatus"], &result["challengeCancel"]), (&"N".into(), &"05".into()));
    tokio::time::sleep(Duration::from_secs(6)).await;
    let told = stage.acs.log().matches("a deadline did not fire").count();
    assert!((1..=5).contains(&told), "{told} lines in six seconds");
}
