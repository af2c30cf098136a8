//! The threads that hold connections, and the queues in front of them.
//!
//! Why one writer commits many changes: a commit that is really on disk costs a sync, 487 to
//! 2,000 a second on two cores, and costs the same for one change as for 256 (`design.md` §6).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};
use diesel::Connection;
use diesel::connection::TransactionManager;

use super::connect::{self, Role};
use super::{Conn, DbError, DbResult};
use crate::config::{Database, DatabaseUrl};

/// An operation. It is given a connection, or why there is none.
pub type Job = Box<dyn FnOnce(DbResult<&mut Conn>) -> Done + Send>;

/// An operation that ran.
pub struct Done {
    pub failed: bool,
    /// Answers the asker, once it is known whether the changes were committed.
    pub finish: Box<dyn FnOnce(DbResult<()>) + Send>,
}

/// The sending side of a bounded queue.
#[derive(Clone)]
pub struct Queue(Sender<Job>);

impl Queue {
    pub fn push(&self, job: Job) -> DbResult<()> {
        self.0.try_send(job).map_err(|_| DbError::Busy)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Starts the threads and returns the queues for reads and for writes.
///
/// The first connection of each kind is opened here, so that a wrong address is known at once.
pub fn start(url: &DatabaseUrl, bounds: &Database) -> DbResult<(Queue, Queue)> {
    let capacity = usize::try_from(bounds.queue).unwrap_or(usize::MAX);
    match url {
        DatabaseUrl::Sqlite(_) => {
            let (writes, incoming) = bounded(capacity);
            let writer = connect::open(url, Role::Write)?;
            let batch = usize::try_from(bounds.batch).unwrap_or(256);
            spawn("db-writer", Keeper::new(url, Role::Write, writer), move |keeper| {
                write_in_groups(keeper, &incoming, batch);
            })?;
            let reads = start_pool(url, Role::Read, "db-reader", bounds.readers, capacity)?;
            Ok((reads, Queue(writes)))
        }
        DatabaseUrl::Postgres(_) => {
            let queue = start_pool(url, Role::Write, "db", bounds.connections, capacity)?;
            Ok((queue.clone(), queue))
        }
    }
}

fn start_pool(url: &DatabaseUrl, role: Role, name: &str, threads: u64, capacity: usize) -> DbResult<Queue> {
    let (queue, incoming) = bounded(capacity);
    for number in 0..threads {
        let keeper = Keeper::new(url, role, connect::open(url, role)?);
        let incoming = incoming.clone();
        spawn(&format!("{name}-{number}"), keeper, move |keeper| one_by_one(keeper, &incoming))?;
    }
    Ok(Queue(queue))
}

fn spawn(name: &str, mut keeper: Keeper, work: impl FnOnce(&mut Keeper) + Send + 'static) -> DbResult<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || work(&mut keeper))
        .map(drop)
        .map_err(|error| DbError::Unavailable(error.to_string()))
}

/// A connection that is opened anew after it broke.
struct Keeper {
    url: DatabaseUrl,
    role: Role,
    conn: Option<Conn>,
}

impl Keeper {
    fn new(url: &DatabaseUrl, role: Role, conn: Conn) -> Self {
        Self { url: url.clone(), role, conn: Some(conn) }
    }

    fn connection(&mut self) -> DbResult<&mut Conn> {
        if self.conn.is_none() {
            self.conn = Some(connect::open(&self.url, self.role)?);
        }
        self.conn.as_mut().ok_or(DbError::Busy)
    }

    /// Called after an operation failed: a connection that no longer answers is dropped, and the
    /// next operation opens a new one.
    fn drop_if_broken(&mut self) {
        let broken = self.conn.as_mut().is_some_and(|conn| {
            <Conn as Connection>::TransactionManager::is_broken_transaction_manager(conn)
                || matches!(conn, Conn::Postgres(_)) && super::execute(conn, "SELECT 1").is_err()
        });
        if broken {
            tracing::warn!("a database connection broke; it will be opened anew");
            self.conn = None;
        }
    }
}

/// Runs one job; a panic in it is caught, and the job's asker is told by the dropped channel.
fn run(job: Job, conn: DbResult<&mut Conn>) -> Option<Done> {
    let outcome = catch_unwind(AssertUnwindSafe(|| job(conn)));
    if outcome.is_err() {
        metrics::counter!("readership_panics_total").increment(1);
        tracing::error!("a database operation panicked");
    }
    outcome.ok()
}

fn one_by_one(keeper: &mut Keeper, incoming: &Receiver<Job>) {
    while let Ok(job) = incoming.recv() {
        match run(job, keeper.connection()) {
            Some(done) => {
                (done.finish)(Ok(()));
                if done.failed {
                    keeper.drop_if_broken();
                }
            }
            // A transaction may have been left open in the middle.
            None => keeper.conn = None,
        }
    }
}

/// The writer of SQLite: everything that waits, up to `batch` jobs, becomes one commit. Each job
/// has a savepoint of its own (`Db::write`), so that one that fails undoes only itself.
fn write_in_groups(keeper: &mut Keeper, incoming: &Receiver<Job>, batch: usize) {
    while let Ok(first) = incoming.recv() {
        let started = Instant::now();
        let jobs: Vec<Job> = std::iter::once(first).chain(incoming.try_iter().take(batch - 1)).collect();
        metrics::histogram!("readership_db_batch_size").record(jobs.len() as f64);

        let asked = jobs.len();
        let (done, committed): (Vec<Done>, _) = match begin(keeper) {
            Ok(conn) => {
                let done: Vec<Done> = jobs.into_iter().filter_map(|job| run(job, Ok(&mut *conn))).collect();
                let committed = if done.len() == asked { commit(conn) } else { Err(DbError::Panicked) };
                (done, committed)
            }
            Err(error) => {
                let done = jobs.into_iter().filter_map(|job| run(job, Err(error.clone()))).collect();
                (done, Err(error))
            }
        };
        if let Err(error) = &committed {
            // After a failed sync the file may hold either state: close, reopen, read again (D4).
            tracing::error!(%error, "a commit failed; its changes were not acknowledged");
            metrics::counter!("readership_db_commit_failures_total").increment(1);
            keeper.conn = None;
        }
        for done in done {
            (done.finish)(committed.clone());
        }
        metrics::histogram!("readership_db_commit_seconds").record(started.elapsed().as_secs_f64());
    }
    checkpoint(keeper);
}

fn begin(keeper: &mut Keeper) -> DbResult<&mut Conn> {
    let conn = keeper.connection()?;
    <Conn as Connection>::TransactionManager::begin_transaction(conn)?;
    Ok(conn)
}

fn commit(conn: &mut Conn) -> DbResult<()> {
    Ok(<Conn as Connection>::TransactionManager::commit_transaction(conn)?)
}

/// At the end the write-ahead log is folded into the file, so that a copy of it is whole (Q1).
fn checkpoint(keeper: &mut Keeper) {
    if let Ok(conn) = keeper.connection()
        && let Err(error) = super::execute(conn, "PRAGMA wal_checkpoint(TRUNCATE)")
    {
        tracing::warn!(%error, "the last checkpoint failed");
    }
}
