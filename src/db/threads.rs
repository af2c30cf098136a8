//! The threads that hold connections, and the queues in front of them.
//!
//! Why one writer commits many changes: a commit that is really on disk costs a sync, 487 to
//! 2,000 a second on two cores, and costs the same for one change as for 256 (`design.md` §6).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use diesel::Connection;
use diesel::connection::TransactionManager;

use super::connect::{self, Role};
use super::watch::{Changed, Watch, foreign_changes, take_touched};
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

/// What stands in a queue.
enum Order {
    Do(Job),
    /// One thread ends for each of these.
    End,
}

/// The sending side of a bounded queue.
#[derive(Clone)]
pub struct Queue(Sender<Order>);

impl Queue {
    pub fn push(&self, job: Job) -> DbResult<()> {
        self.0.try_send(Order::Do(job)).map_err(|_| DbError::Busy)
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.is_full()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// The threads of a database, and the queues in front of them.
pub struct Threads {
    pub reads: Queue,
    pub writes: Queue,
    running: Mutex<Vec<(Queue, JoinHandle<()>)>>,
}

impl Threads {
    /// Lets what waits be done, then ends every thread; the last thing SQLite's writer does is to
    /// fold its log into the file.
    pub fn end(&self) {
        let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for (queue, _) in &running {
            // The threads are gone only if they panicked; then there is nothing to end.
            let _ = queue.0.send(Order::End);
        }
        for (_, thread) in running {
            if thread.join().is_err() {
                tracing::error!("a database thread ended by a panic");
            }
        }
    }
}

/// Starts the threads. The connections are opened here, so that a wrong address is known at once.
pub fn start(url: &DatabaseUrl, bounds: &Database, watch: Option<Watch>) -> DbResult<Threads> {
    let mut running = Vec::new();
    let capacity = usize::try_from(bounds.queue).unwrap_or(usize::MAX);
    let (reads, writes) = match url {
        DatabaseUrl::Sqlite(_) => {
            let (writes, incoming) = bounded(capacity);
            let writes = Queue(writes);
            let batch = usize::try_from(bounds.batch).unwrap_or(256);
            let keeper = Keeper::open(url, Role::Write, watch)?;
            let writer = spawn("db-writer", keeper, move |keeper| write_in_groups(keeper, &incoming, batch))?;
            running.push((writes.clone(), writer));
            (start_pool(url, Role::Read, bounds.readers, capacity, &mut running)?, writes)
        }
        DatabaseUrl::Postgres(_) => {
            let queue = start_pool(url, Role::Write, bounds.connections, capacity, &mut running)?;
            (queue.clone(), queue)
        }
    };
    Ok(Threads { reads, writes, running: Mutex::new(running) })
}

fn start_pool(
    url: &DatabaseUrl,
    role: Role,
    threads: u64,
    capacity: usize,
    running: &mut Vec<(Queue, JoinHandle<()>)>,
) -> DbResult<Queue> {
    let (queue, incoming) = bounded(capacity);
    let queue = Queue(queue);
    for number in 0..threads {
        let incoming = incoming.clone();
        let keeper = Keeper::open(url, role, None)?;
        let thread = spawn(&format!("db-{number}"), keeper, move |keeper| one_by_one(keeper, &incoming))?;
        running.push((queue.clone(), thread));
    }
    Ok(queue)
}

fn spawn(name: &str, mut keeper: Keeper, work: impl FnOnce(&mut Keeper) + Send + 'static) -> DbResult<JoinHandle<()>> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || work(&mut keeper))
        .map_err(|error| DbError::Unavailable(error.to_string()))
}

/// A connection that is opened anew after it broke.
struct Keeper {
    url: DatabaseUrl,
    role: Role,
    watch: Option<Watch>,
    conn: Option<Conn>,
}

impl Keeper {
    fn open(url: &DatabaseUrl, role: Role, watch: Option<Watch>) -> DbResult<Self> {
        let mut keeper = Self { url: url.clone(), role, watch, conn: None };
        keeper.connection()?;
        Ok(keeper)
    }

    fn connection(&mut self) -> DbResult<&mut Conn> {
        if self.conn.is_none() {
            let mut conn = connect::open(&self.url, self.role)?;
            if let Some(watch) = &self.watch {
                watch.begin(&mut conn)?;
            }
            self.conn = Some(conn);
        }
        self.conn.as_mut().ok_or(DbError::Busy)
    }

    fn tell(&self, changed: Changed<'_>) {
        if let Some(watch) = &self.watch {
            (watch.tell)(changed);
        }
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

fn one_by_one(keeper: &mut Keeper, incoming: &Receiver<Order>) {
    while let Ok(Order::Do(job)) = incoming.recv() {
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

/// How often the writer looks whether a command beside the service has written.
const LOOK_ASIDE: Duration = Duration::from_millis(250);

/// The writer of SQLite: everything that waits, up to `batch` jobs, becomes one commit. Each job
/// has a savepoint of its own (`Db::write`), so that one that fails undoes only itself.
fn write_in_groups(keeper: &mut Keeper, incoming: &Receiver<Order>, batch: usize) {
    let (mut seen, mut looked) = (0, Instant::now());
    let mut ended = false;
    while !ended {
        if keeper.watch.is_some() && looked.elapsed() >= LOOK_ASIDE {
            look_aside(keeper, &mut seen);
            looked = Instant::now();
        }
        let first = match incoming.recv_timeout(LOOK_ASIDE) {
            Ok(Order::Do(job)) => job,
            Err(RecvTimeoutError::Timeout) => continue,
            Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => break,
        };
        let mut jobs = vec![first];
        while jobs.len() < batch && !ended {
            match incoming.try_recv() {
                Ok(Order::Do(job)) => jobs.push(job),
                Ok(Order::End) => ended = true,
                Err(_) => break,
            }
        }
        commit_together(keeper, jobs);
    }
    checkpoint(keeper);
}

/// Runs jobs in one transaction and answers their askers once it is known what became of it.
fn commit_together(keeper: &mut Keeper, jobs: Vec<Job>) {
    let started = Instant::now();
    let asked = jobs.len();
    metrics::histogram!("readership_db_batch_size").record(asked as f64);
    let watched = keeper.watch.is_some();
    let (done, committed): (Vec<Done>, _) = match begin(keeper) {
        Ok(conn) => {
            let done: Vec<Done> = jobs.into_iter().filter_map(|job| run(job, Ok(&mut *conn))).collect();
            let committed = if done.len() == asked { commit(conn, watched) } else { Err(DbError::Panicked) };
            (done, committed)
        }
        Err(error) => {
            let done = jobs.into_iter().filter_map(|job| run(job, Err(error.clone()))).collect();
            (done, Err(error))
        }
    };
    match &committed {
        Ok(Some(touched)) => keeper.tell(Changed::Keys(touched)),
        Ok(None) => keeper.tell(Changed::Everything),
        Err(error) => {
            // After a failed sync the file may hold either state: close, reopen, read again (D4).
            tracing::error!(%error, "a commit failed; its changes were not acknowledged");
            metrics::counter!("readership_db_commit_failures_total").increment(1);
            keeper.conn = None;
            keeper.tell(Changed::Everything);
        }
    }
    let committed = committed.map(drop);
    for done in done {
        (done.finish)(committed.clone());
    }
    metrics::histogram!("readership_db_commit_seconds").record(started.elapsed().as_secs_f64());
}

/// A command beside the service does not tell what it changed.
fn look_aside(keeper: &mut Keeper, seen: &mut i64) {
    let now = match keeper.connection().and_then(foreign_changes) {
        Ok(now) => now,
        Err(error) => {
            tracing::warn!(%error, "the database cannot be looked at");
            return;
        }
    };
    if now != *seen {
        *seen = now;
        keeper.tell(Changed::Everything);
    }
}

fn begin(keeper: &mut Keeper) -> DbResult<&mut Conn> {
    let conn = keeper.connection()?;
    <Conn as Connection>::TransactionManager::begin_transaction(conn)?;
    Ok(conn)
}

/// Commits, and tells which keys the changes concern; `None`: all.
fn commit(conn: &mut Conn, watched: bool) -> DbResult<Option<Vec<Vec<u8>>>> {
    let touched = if watched { take_touched(conn)? } else { Some(Vec::new()) };
    <Conn as Connection>::TransactionManager::commit_transaction(conn)?;
    Ok(touched)
}

/// At the end the write-ahead log is folded into the file, so that a copy of it is whole (Q1).
fn checkpoint(keeper: &mut Keeper) {
    if let Ok(conn) = keeper.connection()
        && let Err(error) = super::execute(conn, "PRAGMA wal_checkpoint(TRUNCATE)")
    {
        tracing::warn!(%error, "the last checkpoint failed");
    }
}
