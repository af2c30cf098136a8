//! Opening connections, and what each must be told first.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};

use super::{Conn, DbError, DbResult};
use crate::config::DatabaseUrl;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Read,
    Write,
}

/// `synchronous=FULL`: in WAL mode every commit is on disk before it is acknowledged; `NORMAL`
/// lost acknowledged rows in every simulated power cut (`reliability.md` D1).
const SQLITE_ALWAYS: &str = "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; \
     PRAGMA temp_store = MEMORY;";
/// The write-ahead log is cut back to 64 MiB after a checkpoint (D8). What is deleted is overwritten,
/// so that nothing of an erased member stays in the file (V4).
const SQLITE_WRITER: &str = "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 67108864; \
     PRAGMA secure_delete = ON;";
const SQLITE_READER: &str = "PRAGMA query_only = ON; PRAGMA cache_size = -4096;";

/// A statement may run five seconds, a lock be waited for as long (`reliability.md` §4, O9).
const POSTGRES_ALWAYS: &str = "SET statement_timeout = '5s'; SET lock_timeout = '5s'; SET synchronous_commit = on; \
     SET idle_in_transaction_session_timeout = '30s'; SET client_min_messages = warning;";

pub fn open(url: &DatabaseUrl, role: Role) -> DbResult<Conn> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite(path, role).map(Conn::Sqlite),
        DatabaseUrl::Postgres(url) => postgres(url).map(Conn::Postgres),
    }
}

pub fn sqlite(path: &Path, role: Role) -> DbResult<SqliteConnection> {
    let mut conn = SqliteConnection::establish(&path.to_string_lossy()).map_err(unavailable)?;
    conn.batch_execute(SQLITE_ALWAYS)?;
    conn.batch_execute(match role {
        Role::Read => SQLITE_READER,
        Role::Write => SQLITE_WRITER,
    })?;
    Ok(conn)
}

pub fn postgres(url: &str) -> DbResult<PgConnection> {
    let mut conn = PgConnection::establish(url).map_err(unavailable)?;
    conn.batch_execute(POSTGRES_ALWAYS)?;
    Ok(conn)
}

fn unavailable(error: diesel::ConnectionError) -> DbError {
    DbError::Unavailable(error.to_string())
}
