//! Connections of one database file and its numbered migrations.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior};

use super::error::OpenError;

/// Every migration, oldest first; its number is its place, counted from 1. `down` files are run by
/// hand.
const MIGRATIONS: [&str; 7] = [
    include_str!("../../../migrations/sqlite/0001_first.up.sql"),
    include_str!("../../../migrations/sqlite/0002_consents.up.sql"),
    include_str!("../../../migrations/sqlite/0003_notices.up.sql"),
    include_str!("../../../migrations/sqlite/0004_passkeys.up.sql"),
    include_str!("../../../migrations/sqlite/0005_security_codes.up.sql"),
    include_str!("../../../migrations/sqlite/0006_openings.up.sql"),
    include_str!("../../../migrations/sqlite/0007_reply_texts.up.sql"),
];

/// The schema version this binary writes. It opens older ones by migrating them, and refuses newer
/// ones.
pub const SCHEMA_VERSION: u32 = 7;

/// A connection that may write: write-ahead log, every commit synced.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    make_private(path)?;
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(OPEN_PATIENCE)?;
    // The page size of an existing file stays what it is.
    // Plans do not depend on bound values; otherwise a new value makes SQLite prepare again.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.pragma_update(None, "page_size", PAGE_SIZE)?;
    let mode: String = conn.pragma_update_and_check(None, "journal_mode", "wal", |r| r.get(0))?;
    if mode != "wal" {
        return Err(OpenError::Unsupported(format!("journal mode {mode}, expected wal")));
    }
    conn.pragma_update(None, "synchronous", "full")?;
    // Deleted card rows, keys and closed payloads are overwritten, not only unlinked.
    conn.pragma_update(None, "secure_delete", "on")?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "journal_size_limit", WAL_FILE_KEPT)?;
    conn.pragma_update(None, "cache_size", -32 * 1024)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

/// Makes the file, readable by its owner only; its log and index get the same mode. A file that
/// exists stays untouched: closing it here would drop the locks of this process's connections.
fn make_private(path: &Path) -> Result<(), OpenError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

/// A connection that cannot write.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.busy_timeout(READ_PATIENCE)?;
    conn.pragma_update(None, "query_only", true)?;
    // Each commit empties it.
    conn.pragma_update(None, "cache_size", -4 * 1024)?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

/// Brings the schema to [`SCHEMA_VERSION`].
pub(super) fn migrate(conn: &mut Connection) -> Result<(), OpenError> {
    migrate_with(conn, &MIGRATIONS)
}

/// The schema version of a database file, `None` when there is none yet. For `acs check`: changes
/// nothing.
///
/// # Errors
/// When the file exists but is no database of ours.
pub fn schema_version(path: &Path) -> Result<Option<u32>, OpenError> {
    if !path.exists() {
        return Ok(None);
    }
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    conn.busy_timeout(OPEN_PATIENCE)?;
    version(&conn).map(Some)
}

/// That a database exists and has the schema of this program; for commands that run beside a server.
pub(super) fn require_current(path: &Path) -> Result<(), OpenError> {
    match schema_version(path)? {
        Some(SCHEMA_VERSION) => Ok(()),
        Some(found) if found > SCHEMA_VERSION => {
            Err(OpenError::NewerSchema { found, newest: SCHEMA_VERSION })
        }
        None | Some(0) => {
            Err(OpenError::Unsupported(format!("there is none at {}", path.display())))
        }
        Some(found) => {
            let text = format!("schema version {found} is old; `acs serve` migrates it");
            Err(OpenError::Unsupported(text))
        }
    }
}

fn migrate_with(conn: &mut Connection, migrations: &[&str]) -> Result<(), OpenError> {
    let newest = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    // Looked at before any lock is taken: the common case needs none.
    if current(version(conn)?, newest)? {
        return Ok(());
    }
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&tx)?;
    if current(found, newest)? {
        return Ok(());
    }
    tx.execute_batch(
        "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value ANY NOT NULL) WITHOUT ROWID;",
    )?;
    for migration in &migrations[found as usize..] {
        tx.execute_batch(migration)?;
    }
    tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('schema_version', ?1)", [newest])?;
    tx.commit()?;
    Ok(())
}

fn current(found: u32, newest: u32) -> Result<bool, OpenError> {
    if found > newest {
        return Err(OpenError::NewerSchema { found, newest });
    }
    Ok(found == newest)
}

fn version(conn: &Connection) -> Result<u32, OpenError> {
    let has_meta: Option<i64> = conn
        .query_row("SELECT 1 FROM sqlite_schema WHERE name = 'meta'", [], |row| row.get(0))
        .optional()?;
    if has_meta.is_none() {
        return Ok(0);
    }
    let found = conn
        .query_row("SELECT value FROM meta WHERE key = 'schema_version'", [], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(0))
}

/// A step of an app challenge writes about 3 KiB into a row somewhere, and with it a page; new rows
/// fill pages of any size alike.
const PAGE_SIZE: u32 = 4 * 1024;
const OPEN_PATIENCE: Duration = Duration::from_secs(10);
const READ_PATIENCE: Duration = Duration::from_millis(1500);
/// What is left of the log's file after a restart of the log.
const WAL_FILE_KEPT: i64 = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_run_once_each_and_newer_schemas_are_refused() {
        assert_eq!(MIGRATIONS.len(), SCHEMA_VERSION as usize);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("acs.db");
        assert_eq!(schema_version(&path).unwrap(), None);
        let mut conn = open_writer(&path).unwrap();
        migrate_with(&mut conn, &["CREATE TABLE a (x);"]).unwrap();
        migrate_with(&mut conn, &["CREATE TABLE a (x);"]).unwrap();
        migrate_with(&mut conn, &["CREATE TABLE a (x);", "CREATE TABLE b (x);"]).unwrap();
        assert_eq!(schema_version(&path).unwrap(), Some(2));
        let refused = migrate_with(&mut conn, &["CREATE TABLE a (x);"]).unwrap_err();
        assert!(matches!(refused, OpenError::NewerSchema { found: 2, newest: 1 }));
    }

    #[test]
    fn a_failing_migration_leaves_the_old_version() {
        let dir = tempfile::tempdir().unwrap();
        let mut conn = open_writer(&dir.path().join("acs.db")).unwrap();
        migrate_with(&mut conn, &["CREATE TABLE a (x);"]).unwrap();
        migrate_with(&mut conn, &["", "CREATE TABLE b (x); CREATE TABLE a (x);"]).unwrap_err();
        assert_eq!(version(&conn).unwrap(), 1);
        let tables: i64 = conn
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'b'", [], |r| r.get(0))
            .unwrap();
        assert_eq!(tables, 0);
    }

    #[test]
    fn down_files_undo_up_files() {
        let dir = tempfile::tempdir().unwrap();
        let mut conn = open_writer(&dir.path().join("acs.db")).unwrap();
        migrate(&mut conn).unwrap();
        for down in [
            include_str!("../../../migrations/sqlite/0007_reply_texts.down.sql"),
            include_str!("../../../migrations/sqlite/0006_openings.down.sql"),
            include_str!("../../../migrations/sqlite/0005_security_codes.down.sql"),
            include_str!("../../../migrations/sqlite/0004_passkeys.down.sql"),
            include_str!("../../../migrations/sqlite/0003_notices.down.sql"),
            include_str!("../../../migrations/sqlite/0002_consents.down.sql"),
            include_str!("../../../migrations/sqlite/0001_first.down.sql"),
        ] {
            conn.execute_batch(down).unwrap();
        }
        let left: i64 = conn
            .query_row(
                "SELECT count(*) FROM sqlite_schema
                 WHERE name NOT LIKE 'sqlite_%' AND name <> 'meta'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(left, 0);
    }
}
