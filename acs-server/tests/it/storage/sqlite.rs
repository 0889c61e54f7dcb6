//! The contract on SQLite, and what only SQLite promises.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use acs_server::storage::sqlite::{OpenError, SqliteOptions, SqliteStore};
use acs_server::storage::{OutgoingKind, Store, StoredReply, TransactionRow, Unit};
use acs_server::vault::Vault;
use tempfile::TempDir;

use super::contract::contract;
use super::{Engine, START, event, insert, outgoing, put, replace, row};

contract!(Sqlite);

struct Sqlite {
    dir: TempDir,
    vault: Arc<Vault>,
}

impl Sqlite {
    fn path(&self) -> PathBuf {
        self.dir.path().join("acs.db")
    }

    fn open_with(&self, options: SqliteOptions) -> SqliteStore {
        SqliteStore::open(&self.path(), Arc::clone(&self.vault), options).unwrap()
    }
}

impl Engine for Sqlite {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        Self { dir, vault: Arc::new(Vault::ephemeral().unwrap()) }
    }

    fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.open_with(SqliteOptions::default()))
    }

    fn import_cards(&self, issuer_id: &str, lines: &str) {
        crate::cards::import(&self.path(), &self.vault, issuer_id, lines).unwrap();
        // What a command commits is seen by a server that runs within 5 ms.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A vault key that is gone, or a disk that rots.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_cannot_be_read_are_found_and_do_not_open() {
    let mut engine = Sqlite::new();
    let store = engine.open();
    let number = store.next_number();
    super::contract::commit(&*store, put(outgoing(number, OutgoingKind::Otp))).await;
    store.close().await.unwrap();
    drop(store);
    engine.vault = Arc::new(Vault::ephemeral().unwrap());
    let store = engine.open();
    super::contract::commit(&*store, put(outgoing(number, OutgoingKind::RReq))).await;
    let due = store.outgoing_due(START, None, 5).await.unwrap();
    let opened = due.rows.iter().map(|found| {
        let opened = store.open_message(found);
        (found.row.kind, opened.map(|row| row.payload).ok())
    });
    let opened: Vec<_> = opened.collect();
    let readable = (OutgoingKind::RReq, Some(b"payload".to_vec()));
    assert_eq!(opened, [readable, (OutgoingKind::Otp, None)]);
}

/// The system's clock may be set back: what is stored then can be repeated as at any other time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_back_ends_no_reply_key() {
    let store = Sqlite::new().open();
    store.due(START.plus_seconds(3600), 1).await.unwrap();
    super::contract::commit(&*store, insert(row(store.next_number()))).await;
    store.due(START, 1).await.unwrap();
    let number = store.next_number();
    let answered =
        TransactionRow { reply: Some(StoredReply::new(b"ARes".to_vec())), ..row(number) };
    super::contract::commit(&*store, insert(answered)).await;
    // The writer looks for keys past their time after each group.
    super::contract::commit(&*store, insert(row(store.next_number()))).await;
    assert!(store.transaction(number).await.unwrap().unwrap().reply.is_some());
}

/// What an earlier program left, and what one leaves to an earlier program: both ways of the step from
/// schema 5 to 6.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openings_go_back_into_their_rows_and_are_found_there() {
    let engine = Sqlite::new();
    let store = engine.open();
    let numbers = [true, false].map(|open| {
        let number = store.next_number();
        let deadline = open.then(|| START.plus_seconds(600));
        (
            number,
            TransactionRow {
                deadline,
                reply: Some(StoredReply::new(b"ARes".to_vec())),
                ..row(number)
            },
        )
    });
    for (number, row) in numbers.clone() {
        let events = vec![event(number, "areq-answered"), event(number, "ds-notified")];
        super::contract::commit(&*store, Unit { events, ..insert(row.clone()) }).await;
        let step = replace(TransactionRow { revision: 1, ..row }, 0);
        let events = vec![event(number, "otp-sent")];
        super::contract::commit(&*store, Unit { events, ..step }).await;
    }
    drop(store);
    let database = rusqlite::Connection::open(engine.path()).unwrap();
    let rows = "SELECT count(*) FROM transactions WHERE reply NOTNULL AND opening NOTNULL";
    let within = || database.query_row(rows, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(within(), 1);
    let table = "SELECT count(*) FROM events";
    assert_eq!(database.query_row(table, [], |row| row.get::<_, i64>(0)), Ok(0));
    for down in [
        include_str!("../../../migrations/sqlite/0007_reply_texts.down.sql"),
        include_str!("../../../migrations/sqlite/0006_openings.down.sql"),
    ] {
        database.execute_batch(down).unwrap();
    }
    database.execute("UPDATE meta SET value = 5 WHERE key = 'schema_version'", []).unwrap();
    assert_eq!(within(), 2);
    drop(database);
    let store = engine.open();
    for (number, _) in numbers {
        let found = store.transaction(number).await.unwrap().unwrap();
        assert_eq!(found.reply, Some(StoredReply::new(b"ARes".to_vec())));
        let kinds: Vec<_> =
            store.events(number).await.unwrap().into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["areq-answered", "ds-notified", "otp-sent"]);
    }
}

/// The protected header of signed content is the same in every ARes to an app.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_replies_have_in_common_is_stored_once() {
    let engine = Sqlite::new();
    let store = engine.open();
    let header: Arc<str> = "header".repeat(300).into();
    let message = |n: usize| format!("{{\"acsSignedContent\":\"{header}.{n}\"}}").into_bytes();
    let mut numbers = Vec::new();
    for n in 0..3 {
        let number = store.next_number();
        let reply = StoredReply::around(&message(n), 21, Arc::clone(&header));
        // The last is over with its ARes.
        let deadline = (n < 2).then(|| START.plus_seconds(600));
        let row = TransactionRow { deadline, reply: Some(reply), ..row(number) };
        super::contract::commit(&*store, insert(row)).await;
        numbers.push(number);
    }
    drop(store);
    let store = engine.open();
    for (n, number) in numbers.iter().enumerate() {
        let found = store.transaction(*number).await.unwrap().unwrap();
        assert_eq!(found.reply.unwrap().into_message(), message(n));
    }
    drop(store);
    let database = rusqlite::Connection::open(engine.path()).unwrap();
    let count = |sql| database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM reply_texts"), 1);
    assert_eq!(count("SELECT count(*) FROM openings WHERE text = 1 AND length(reply) < 100"), 3);
    // An earlier program cannot put them together.
    let down = include_str!("../../../migrations/sqlite/0007_reply_texts.down.sql");
    database.execute_batch(down).unwrap();
    database.execute("UPDATE meta SET value = 6 WHERE key = 'schema_version'", []).unwrap();
    drop(database);
    let store = engine.open();
    assert_eq!(store.transaction(numbers[0]).await.unwrap().unwrap().reply, None);
}

#[tokio::test]
async fn one_server_at_a_time_has_the_file_by_whatever_name() {
    let engine = Sqlite::new();
    let store = engine.open();
    let alias = engine.dir.path().join("alias.db");
    std::os::unix::fs::symlink(engine.path(), &alias).unwrap();
    let open = || SqliteStore::open(&alias, Arc::clone(&engine.vault), SqliteOptions::default());
    assert!(matches!(open(), Err(OpenError::AlreadyOpen(_))));
    drop(store);
    assert!(open().is_ok());
}
