use acs_core::flow::confirmation::Verdict;
use serde_json::json;

use super::*;
use crate::testing::Bench;

/// What happened to the account data of the only transaction.
fn damage(bench: &Bench, to: &str) {
    let changed = bench.change(&format!("UPDATE transactions SET secret = {to}"));
    assert_eq!(changed, 1);
}

/// A key that is gone, a byte that rotted, a column that is empty.
const DAMAGES: [&str; 3] = [
    "CAST(x'0102616263' || randomblob(60) AS BLOB)",
    "CAST(substr(secret, 1, 40) || x'00' AS BLOB)",
    "NULL",
];

#[tokio::test]
async fn a_challenge_without_its_account_data_ends_at_its_time() {
    for damaged in DAMAGES {
        let bench = Bench::new();
        let number = bench.challenge().await;
        damage(&bench, damaged);
        bench.app.clock.advance(700_000).unwrap();
        fire_due(&bench.app).await;
        // The result as it was decided: what is sent becomes U, for nobody listens there.
        let ended = bench.event(number, "challenge-ended").await.unwrap();
        assert_eq!((&ended["status"], &ended["reason"]), (&json!("N"), &json!("14")), "{damaged}");
        assert_eq!(bench.app.store.due(bench.app.clock.now(), 5).await.unwrap(), []);
        assert_eq!(bench.rreq_closed(number), None, "{damaged}: it is on its way");
    }
}

#[tokio::test]
async fn a_challenge_without_its_account_data_takes_nothing_else() {
    for damaged in DAMAGES {
        let bench = Bench::new();
        let number = bench.challenge().await;
        damage(&bench, damaged);
        let form = PageForm::default();
        let creq = Arrived::CReq { creq: b"{}".to_vec(), session_data: None };
        for arrived in [creq, Arrived::Form(form), Arrived::OobResult(Verdict::Approved)] {
            let refused = step(&bench.app, number, None, &arrived, None).await.unwrap_err();
            assert!(matches!(refused, StepError::Secret), "{damaged}: {refused}");
        }
        assert!(bench.state(number).await.decided().is_none(), "{damaged}");
    }
}

#[tokio::test]
async fn an_unreadable_secret_is_written_back_as_it_was() {
    let bench = Bench::new();
    let number = bench.challenge().await;
    damage(&bench, DAMAGES[0]);
    let stored = || {
        let secret = "SELECT secret FROM transactions";
        bench.database().query_row(secret, [], |row| row.get::<_, Vec<u8>>(0)).unwrap()
    };
    let before = stored();
    let mut row = bench.app.store.state(number).await.unwrap().unwrap();
    let expected = row.revision;
    row.revision += 1;
    let write = TransactionWrite::Replace { row, expected, deadline: Deadline::Moves };
    let unit = Unit { transaction: Some(write), ..Unit::default() };
    assert_eq!(bench.app.store.commit(unit).await.unwrap(), Committed::Durable);
    assert_eq!(stored(), before, "its key may come back");
}

/// A clock that nobody can read.
#[derive(Debug)]
struct Broken;

impl crate::clock::Clock for Broken {
    fn now(&self) -> UtcMillis {
        panic!("a defect")
    }

    fn advance(&self, _: u64) -> Result<UtcMillis, crate::clock::NotMovable> {
        Err(crate::clock::NotMovable)
    }
}

#[tokio::test]
async fn a_deadline_that_panics_rests_and_the_loop_goes_on() {
    let mut bench = Bench::new();
    let number = bench.challenge().await;
    let app = Arc::get_mut(&mut bench.app).unwrap();
    let clock = std::mem::replace(&mut app.clock, Arc::new(Broken));
    deadlines::fire(&bench.app, number).await;
    assert!(bench.app.desk.stuck.rests(number, std::time::Instant::now()));
    Arc::get_mut(&mut bench.app).unwrap().clock = clock;
    bench.app.desk.stuck.moved(number);
    bench.app.clock.advance(700_000).unwrap();
    fire_due(&bench.app).await;
    assert!(bench.event(number, "challenge-ended").await.is_some());
}
