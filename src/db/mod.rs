//! The database: one file of SQLite, or PostgreSQL when several nodes share the work.
//!
//! Domains write plain synchronous Diesel. [`Db::read`] and [`Db::write`] run their closures on
//! threads of their own: for SQLite all writes go to one writer that commits many of them at once
//! and answers each only after the commit is on disk; for PostgreSQL a write is a transaction on
//! one of a few connections. Start reading in `threads.rs`.

pub mod backup;
mod connect;
mod migrate;
pub mod schema;
mod threads;
mod watch;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::SimpleConnection;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::{PgConnection, SqliteConnection};
use tokio::sync::oneshot;

use crate::config::{Database, DatabaseUrl};
use crate::ids::NotAnId;
pub use migrate::{SchemaState, schema_state};
use threads::{Done, Job, Queue, Threads};
pub use watch::{Changed, Watch};

/// A connection to either database. Most queries do not care which.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Why the database did not do it. Its text is for the log, never for a client.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DbError {
    #[error("too many operations are waiting for the database")]
    Busy,
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    #[error("{0}")]
    Query(String),
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
    #[error("an operation panicked; it was undone")]
    Panicked,
}

pub type DbResult<T> = Result<T, DbError>;

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                info,
            ) => Self::Unavailable(info.message().to_owned()),
            DieselError::BrokenTransactionManager => Self::Unavailable("connection broken".to_owned()),
            DieselError::DeserializationError(error) => Self::Corrupt(error.to_string()),
            other => Self::Query(other.to_string()),
        }
    }
}

impl From<NotAnId> for DbError {
    fn from(error: NotAnId) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// The handle that everything shares.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    threads: Threads,
    url: DatabaseUrl,
    /// Held until the end: two processes on one SQLite file are refused.
    lock: Mutex<Option<File>>,
}

impl Db {
    /// Opens the database, brings its schema up to date, and starts its threads.
    ///
    /// Fails with one clear line when another process holds the file, when the schema is newer
    /// than this program, or when the server cannot be reached.
    pub fn open(url: &DatabaseUrl, bounds: &Database) -> anyhow::Result<Self> {
        Self::open_watched(url, bounds, None)
    }

    /// Opens a database that another process may own, for one command that runs beside it. Only little
    /// is written, under the database's own lock.
    pub fn open_shared(url: &DatabaseUrl, bounds: &Database) -> anyhow::Result<Self> {
        let state = schema_state(url)?;
        anyhow::ensure!(
            state.pending.is_empty() && state.unknown.is_empty(),
            "the schema of the database and this program differ; run `readership migrate` with the newer one"
        );
        Ok(Self {
            inner: Arc::new(Inner {
                threads: threads::start(url, bounds, None)?,
                url: url.clone(),
                lock: Mutex::default(),
            }),
        })
    }

    /// The same, with somebody who is told of changes. Only SQLite has one writer that can tell.
    pub fn open_watched(url: &DatabaseUrl, bounds: &Database, watch: Option<Watch>) -> anyhow::Result<Self> {
        let lock = match url {
            DatabaseUrl::Sqlite(path) => Some(lock_file(path)?),
            DatabaseUrl::Postgres(_) => None,
        };
        migrate::run(url)?;
        Ok(Self {
            inner: Arc::new(Inner {
                threads: threads::start(url, bounds, watch)?,
                url: url.clone(),
                lock: Mutex::new(lock),
            }),
        })
    }

    pub fn url(&self) -> &DatabaseUrl {
        &self.inner.url
    }

    /// Runs `f` on a connection that reads.
    pub async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Conn) -> DbResult<T> + Send + 'static,
    ) -> DbResult<T> {
        submit(&self.inner.threads.reads, f).await
    }

    /// Runs `f` in a transaction and returns when it is durable. An error undoes all of `f`.
    pub async fn write<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Conn) -> DbResult<T> + Send + 'static,
    ) -> DbResult<T> {
        use diesel::Connection;
        submit(&self.inner.threads.writes, move |conn| conn.transaction(f)).await
    }

    /// Ends the threads when everything that waits is done, and lets the file go, whoever still holds a
    /// handle. Whoever asks afterwards gets an error.
    pub fn close(&self) {
        self.inner.threads.end();
        self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// How many writes wait, for metrics and `/readyz`.
    pub fn waiting_writes(&self) -> usize {
        self.inner.threads.writes.len()
    }

    /// No more writes are taken at the moment: whoever would write is refused before any work is done for them.
    pub fn is_full(&self) -> bool {
        self.inner.threads.writes.is_full()
    }
}

/// Hands a job to a queue and waits for its answer. A full queue answers [`DbError::Busy`] at
/// once: waiting longer than a reader would wait serves nobody.
async fn submit<T: Send + 'static>(
    queue: &Queue,
    f: impl FnOnce(&mut Conn) -> DbResult<T> + Send + 'static,
) -> DbResult<T> {
    let (answer, answered) = oneshot::channel();
    let job: Job = Box::new(move |conn| {
        let result = conn.and_then(f);
        Done {
            failed: result.is_err(),
            finish: Box::new(move |committed| {
                // The asker may be gone; the change stands all the same.
                let _ = answer.send(committed.and(result));
            }),
        }
    });
    queue.push(job)?;
    answered.await.unwrap_or(Err(DbError::Panicked))
}

/// Runs the migrations and nothing else.
pub fn migrate(url: &DatabaseUrl) -> anyhow::Result<Vec<String>> {
    let _lock = match url {
        DatabaseUrl::Sqlite(path) => Some(lock_file(path)?),
        DatabaseUrl::Postgres(_) => None,
    };
    migrate::run(url)
}

/// A connection for a command that looks or changes one small thing while the service may run.
pub fn open_beside(url: &DatabaseUrl) -> anyhow::Result<Conn> {
    let state = schema_state(url)?;
    anyhow::ensure!(
        state.pending.is_empty() && state.unknown.is_empty(),
        "the schema of the database and this program differ; run `readership migrate` with the newer one"
    );
    Ok(connect::open(url, connect::Role::Write)?)
}

/// The file beside the database whose lock says that a process is using it.
fn lock_path(database: &Path) -> PathBuf {
    database.with_extension("lock")
}

fn lock_file(database: &Path) -> anyhow::Result<File> {
    use anyhow::Context;
    if let Some(folder) = database.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let path = lock_path(database);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    file.try_lock().map_err(|_| {
        anyhow::anyhow!(
            "another process is using {}; stop it first, or use PostgreSQL to run several",
            database.display()
        )
    })?;
    Ok(file)
}

/// Runs one expression on whichever database it is, for the few statements that
/// `MultiConnection` cannot express (`ON CONFLICT`, `RETURNING`, row locks).
macro_rules! on_either {
    ($conn:expr, $inner:ident => $body:expr) => {
        match $conn {
            $crate::db::Conn::Postgres($inner) => $body,
            $crate::db::Conn::Sqlite($inner) => $body,
        }
    };
}
pub(crate) use on_either;

/// Runs statements that have no parameters.
pub fn execute(conn: &mut Conn, sql: &str) -> DbResult<()> {
    Ok(conn.batch_execute(sql)?)
}
