//! Card files into a database, alone and beside a committing store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use acs_core::element::Pan;
use acs_core::profile::{Card, CardState};
use acs_server::cards::{ImportError, Imported, import_into};
use acs_server::config::{Issuer, Profile};
use acs_server::storage::sqlite::cards::{CardBatch, CardsError};
use acs_server::storage::sqlite::{SqliteOptions, SqliteStore};
use acs_server::storage::{Committed, Store};
use acs_server::vault::Vault;
use tempfile::TempDir;

use crate::storage::{insert, row};

struct Bench {
    dir: TempDir,
    vault: Arc<Vault>,
}

impl Bench {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), vault: Arc::new(Vault::ephemeral().unwrap()) }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("acs.db")
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.path(), Arc::clone(&self.vault), SqliteOptions::default()).unwrap()
    }

    fn import(&self, lines: &str) -> Result<Imported, ImportError> {
        import(&self.path(), &self.vault, "bank-a", lines)
    }

    fn batch(&self) -> Result<CardBatch, CardsError> {
        CardBatch::open(&self.path(), Arc::clone(&self.vault), "bank-a")
    }

    fn count(&self, sql: &str) -> i64 {
        let conn = rusqlite::Connection::open(self.path()).unwrap();
        conn.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

pub(crate) fn import(
    path: &Path,
    vault: &Arc<Vault>,
    issuer_id: &str,
    lines: &str,
) -> Result<Imported, ImportError> {
    let profile = Profile::Development;
    import_into(path, Arc::clone(vault), profile, &issuer(issuer_id), lines.as_bytes(), &mut |_| {})
}

fn issuer(id: &str) -> Issuer {
    let mut issuer: Issuer = toml::from_str(
        r#"
        id = ""
        ds = ["ds-a"]
        ranges = [{ start = "4", end = "4" }]
        name = { ja = "A", en = "A" }
        [otp.gateway]
        kind = "outbox"
        file = "outbox.jsonl"
        "#,
    )
    .unwrap();
    issuer.id = id.to_owned();
    issuer
}

fn pan(n: u32) -> String {
    format!("4000000{n:09}")
}

fn line(n: u32, state: &str) -> String {
    let (pan, sms) = (pan(n), "+819012345678");
    format!("{{\"pan\":\"{pan}\",\"state\":\"{state}\",\"contacts\":{{\"sms\":\"{sms}\"}}}}\n")
}

fn token(store: &SqliteStore, n: u32) -> String {
    store.card_token(&Pan::parse(&pan(n)).unwrap())
}

async fn card(store: &SqliteStore, n: u32) -> Option<Card> {
    store.card("bank-a", &token(store, n)).await.unwrap()
}

async fn state(store: &SqliteStore, n: u32) -> Option<CardState> {
    card(store, n).await.map(|card| card.state)
}

#[tokio::test]
async fn a_repeated_number_updates_and_old_rows_go() {
    let bench = Bench::new();
    let store = bench.store();
    let first = [line(1, "active"), line(2, "active"), line(2, "lost")].concat();
    let imported = bench.import(&first).unwrap();
    assert_eq!((imported.lines, imported.cards, imported.replaced), (3, 2, 0));
    assert_eq!(state(&store, 1).await, Some(CardState::Active));
    assert_eq!(state(&store, 2).await, Some(CardState::Lost));
    assert_eq!(bench.import(&line(1, "stolen")).unwrap().replaced, 1);
    assert_eq!(state(&store, 1).await, Some(CardState::Stolen));
    assert_eq!(state(&store, 2).await, Some(CardState::Lost));
    assert_eq!(bench.count("SELECT count(*) FROM cards"), 2);
    assert!(store.card("bank-b", &token(&store, 1)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_bad_line_leaves_everything_as_it_was() {
    let bench = Bench::new();
    let store = bench.store();
    bench.import(&line(1, "active")).unwrap();
    // More than are kept in memory, so that rows were written before the bad ones come.
    let mut text: String = (0..33_000).map(|n| line(n, "lost")).collect();
    text.push_str(&"{}\n".repeat(1200));
    let Err(ImportError::BadLines(bad)) = bench.import(&text) else { panic!("accepted") };
    assert_eq!((bad.count, bad.listed.len(), bad.unlisted()), (1200, 1000, 200));
    assert_eq!(bad.listed[0].number, 33_001);
    assert_eq!(state(&store, 1).await, Some(CardState::Active));
    assert_eq!(bench.count("SELECT count(*) FROM cards"), 1);
}

#[tokio::test]
async fn an_unpublished_batch_is_unseen_and_cleaned_up() {
    let bench = Bench::new();
    let store = bench.store();
    let mut batch = bench.batch().unwrap();
    let lost = Card {
        expiry: None,
        state: CardState::Lost,
        contacts: acs_core::profile::Contacts::default(),
        outcome: None,
        passkeys: Vec::new(),
        security_code: None,
    };
    for n in 0..33_000 {
        batch.add(&Pan::parse(&pan(n)).unwrap(), &lost).unwrap();
    }
    assert!(matches!(bench.batch(), Err(CardsError::ImportRunning(_))));
    drop(batch);
    assert!(bench.count("SELECT count(*) FROM cards") > 0);
    assert_eq!(state(&store, 1).await, None);
    bench.import(&line(40_000, "active")).unwrap();
    assert_eq!(bench.count("SELECT count(*) FROM cards"), 1);
    assert_eq!(bench.count("SELECT count(*) FROM card_batches"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_import_lets_a_busy_store_commit() {
    let bench = Bench::new();
    let store = Arc::new(bench.store());
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..32)
        .map(|_| {
            let (store, over) = (Arc::clone(&store), Arc::clone(&over));
            tokio::spawn(async move {
                let mut commits = 0_u64;
                while !over.load(Ordering::Relaxed) {
                    let done = store.commit(insert(row(store.next_number()))).await;
                    assert_eq!(done, Ok(Committed::Durable));
                    assert!(card(&store, 7).await.is_none_or(|c| c.state == CardState::Active));
                    commits += 1;
                }
                commits
            })
        })
        .collect();
    let text: String = (0..100_000).map(|n| line(n, "active")).collect();
    let (path, vault) = (bench.path(), Arc::clone(&bench.vault));
    let imported = tokio::task::spawn_blocking(move || {
        let first = import(&path, &vault, "bank-a", &text).unwrap();
        (first, import(&path, &vault, "bank-a", &text).unwrap())
    });
    let (first, second) = imported.await.unwrap();
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 0, "every writer commits while the import runs");
    }
    assert_eq!((first.cards, first.replaced), (100_000, 0));
    assert_eq!((second.cards, second.replaced), (100_000, 100_000));
    assert_eq!(state(&store, 99_999).await, Some(CardState::Active));
}

#[test]
fn nothing_clear_is_on_disk() {
    let bench = Bench::new();
    // Held open so that the log is not folded into the database.
    let held = bench.store();
    let text: String = (0..500).map(|n| line(n, "active")).collect();
    bench.import(&text).unwrap();
    for file in std::fs::read_dir(bench.dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for clear in ["4000000000000", "819012345678"] {
            assert!(!bytes.windows(clear.len()).any(|part| part == clear.as_bytes()));
        }
    }
    drop(held);
}
