use acs_core::UtcMillis;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::*;
use crate::config::Config;
use crate::gateway::{Ask, GatewayError, OtpGateway};
use crate::storage::Committed;
use crate::testing::Bench;

/// An RReq that waits to leave, of a challenge that is open or was; to a port where nobody listens.
async fn waiting(bench: &Bench) -> OutgoingRow {
    let transaction = bench.challenge().await;
    let now = bench.app.clock.now();
    let row = OutgoingRow {
        issuer_id: "alpha".to_owned(),
        ds_id: "ds-a".to_owned(),
        transaction,
        kind: OutgoingKind::RReq,
        destination: "https://127.0.0.1:1/rreq".to_owned(),
        payload: b"{}".to_vec(),
        attempts: 0,
        next_attempt: now,
        maybe_sent: false,
        expires: now.plus_seconds(DAY),
    };
    let unit = Unit { outgoing: vec![OutgoingWrite::Put(row.clone())], ..Unit::default() };
    let committed = driver::commit(&bench.app, unit).await.unwrap();
    assert_eq!(committed, Committed::Durable);
    row
}

const DAY: u32 = 24 * 3600;

fn without_issuers(config: &mut Config) {
    config.issuer.clear();
}

/// When it is tried next.
fn next(bench: &Bench) -> UtcMillis {
    let next = "SELECT next_attempt FROM outgoing WHERE kind = 1";
    UtcMillis(bench.database().query_row(next, [], |row| row.get(0)).unwrap())
}

#[tokio::test]
async fn an_answer_that_nobody_can_take_closes_its_row() {
    let bench = Bench::new();
    let row = waiting(&bench).await;
    let bench = bench.restart(without_issuers).await;
    let app = &bench.app;
    assert!(!settle(app, &row, RReqArrived::NoAnswer, Some("no-answer")).await);
    assert_eq!(bench.rreq_closed(row.transaction), None, "nobody has it yet");
    assert!(settle(app, &row, RReqArrived::Answered(b"{}".to_vec()), Some("answered")).await);
    assert_eq!(bench.rreq_closed(row.transaction).as_deref(), Some("answered"));
    let event = bench.event(row.transaction, "rreq-closed-alone").await.unwrap();
    assert_eq!(event["how"], "answered");
    assert!(event["cause"].as_str().unwrap().contains("issuer"), "{event}");
}

#[tokio::test]
async fn a_state_that_cannot_be_read_keeps_no_rreq_open() {
    let bench = Bench::new();
    let row = waiting(&bench).await;
    assert_eq!(bench.change("UPDATE transactions SET state = x'7b'"), 1);
    let news = RReqArrived::Answered(b"{}".to_vec());
    assert!(settle(&bench.app, &row, news, Some("answered")).await);
    assert_eq!(bench.rreq_closed(row.transaction).as_deref(), Some("answered"));
}

#[tokio::test]
async fn an_rreq_whose_directory_server_is_gone_rests_until_its_time_is_over() {
    let bench = Bench::new();
    let row = waiting(&bench).await;
    let bench = bench.restart(|config| config.ds.retain(|ds| ds.id != "ds-a")).await;
    let app = &bench.app;
    send_rreq(app, row.clone()).await;
    assert_eq!(bench.rreq_closed(row.transaction), None, "it may be configured again");
    let soon = app.clock.now().plus_seconds(REST_SECONDS / 2);
    assert!(next(&bench) > soon, "it is not due again at once");
    app.clock.advance(u64::from(DAY) * 1000).unwrap();
    send_rreq(app, row.clone()).await;
    assert_eq!(bench.rreq_closed(row.transaction).as_deref(), Some("given-up"));
    assert!(bench.event(row.transaction, "rreq-closed-alone").await.is_some());
}

/// After a day without power, or when the clock is set forward.
#[tokio::test]
async fn an_rreq_whose_time_is_over_is_tried_once_more() {
    let bench = Bench::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let destination = format!("https://{}/rreq", listener.local_addr().unwrap());
    let row = OutgoingRow { destination, ..waiting(&bench).await };
    bench.app.clock.advance(u64::from(DAY) * 1000).unwrap();
    let patience = Duration::from_secs(20);
    let hang_up =
        async { drop(tokio::time::timeout(patience, listener.accept()).await.expect("a try")) };
    let tried = OutgoingRow { attempts: 1, ..row.clone() };
    tokio::join!(send_rreq(&bench.app, tried), hang_up);
    assert_eq!(bench.rreq_closed(row.transaction).as_deref(), Some("given-up"));
}

/// Rows of one party fill more than a look; the one of another party stands behind them all.
#[tokio::test]
async fn a_party_that_takes_nothing_keeps_nobody_elses_row_from_being_found() {
    let bench = Bench::new();
    let (app, deliveries) = (&bench.app, &bench.app.desk.deliveries);
    let mut last = waiting(&bench).await;
    last.next_attempt = app.clock.now();
    last.ds_id = "ds-b".to_owned();
    let mut unit = Unit { outgoing: vec![OutgoingWrite::Put(last.clone())], ..Unit::default() };
    for number in 0..2 * LOOK as u64 {
        let row = OutgoingRow {
            transaction: TransactionNumber(1_000 + number),
            ds_id: "ds-a".to_owned(),
            next_attempt: UtcMillis(0),
            ..last.clone()
        };
        // As if all its room were taken.
        deliveries.start_or_queue(row.clone());
        unit.outgoing.push(OutgoingWrite::Put(row));
    }
    assert_eq!(driver::commit(app, unit).await.unwrap(), Committed::Durable);
    let key = (last.transaction, last.kind);
    for found in [false, false, true] {
        send_due(app).await;
        assert_eq!(deliveries.is_under_way(key), found);
    }
}

fn make_unreadable(bench: &Bench) {
    let damaged = "UPDATE outgoing SET sealed = x'0102616263' WHERE kind = 1";
    assert_eq!(bench.change(damaged), 1);
}

async fn deliver_what_is_due(bench: &Bench) {
    let (app, now) = (&bench.app, bench.app.clock.now());
    for message in app.store.outgoing_due(now, None, 10).await.unwrap().rows {
        if message.row.kind == OutgoingKind::RReq {
            deliver(app, Found::Sealed(message)).await;
        }
    }
}

#[tokio::test]
async fn an_rreq_that_cannot_be_read_is_given_up_at_its_time() {
    let bench = Bench::new();
    let row = waiting(&bench).await;
    make_unreadable(&bench);
    deliver_what_is_due(&bench).await;
    assert_eq!(bench.rreq_closed(row.transaction), None, "its key may come back");
    assert_eq!(next(&bench), row.expires, "with a restart only");
    bench.app.clock.advance(u64::from(DAY) * 1000).unwrap();
    deliver_what_is_due(&bench).await;
    assert_eq!(bench.rreq_closed(row.transaction).as_deref(), Some("given-up"));
}

#[derive(Debug)]
struct Defective;

impl OtpGateway for Defective {
    fn deliver<'a>(&'a self, _: &'a Delivery<'a>) -> BoxFuture<'a, Result<(), GatewayError>> {
        panic!("a defect")
    }

    fn ask<'a>(&'a self, _: &'a Ask<'a>) -> BoxFuture<'a, Result<(), GatewayError>> {
        panic!("a defect")
    }
}

#[tokio::test]
async fn a_delivery_that_panics_gives_its_row_back_after_a_while() {
    let mut bench = Bench::new();
    let app = Arc::get_mut(&mut bench.app).unwrap();
    app.issuers.iter_mut().for_each(|issuer| issuer.gateway = Arc::new(Defective));
    let text = OtpText {
        acs_trans_id: String::new(),
        channel: "sms".to_owned(),
        to: "+81".to_owned(),
        text: "a code".to_owned(),
        code: "123456".to_owned(),
    };
    let row = waiting(&bench).await;
    let row = OutgoingRow { kind: OutgoingKind::Otp, payload: text.to_json(), ..row };
    let key = (row.transaction, row.kind);
    let (app, deliveries) = (&bench.app, &bench.app.desk.deliveries);
    let row = deliveries.start_or_queue(row).unwrap();
    let task = tokio::spawn(deliver_all(Arc::clone(app), Found::Open(row.clone())));
    task.await.expect("the task goes on");
    assert!(!deliveries.is_under_way(key));
    assert!(!deliveries.start_read(&row, &deliveries.reading()), "not at once");
}

#[tokio::test]
async fn a_task_that_is_lost_gives_its_row_back() {
    let bench = Bench::new();
    let row = waiting(&bench).await;
    let deliveries = &bench.app.desk.deliveries;
    let key = (row.transaction, row.kind);
    let row = deliveries.start_or_queue(row).unwrap();
    let lost = deliver_all(Arc::clone(&bench.app), Found::Open(row));
    let mut lost = Box::pin(lost);
    assert!((&mut lost).now_or_never().is_none(), "it has begun");
    drop(lost);
    assert!(!deliveries.is_under_way(key));
}
