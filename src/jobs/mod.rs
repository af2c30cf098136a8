//! Work that takes long: it goes on by itself, shows how far it is, and goes on where it was after a
//! restart (`reliability.md` D6).
//!
//! A job is a row. [`worker`] takes one under a lease and does it in steps; a step and the place it came to
//! are written in one transaction, so that nothing is done twice. [`bulk`] changes many members,
//! [`import`] brings members in, [`export`] takes them out, [`undo`] takes a change of many back, and
//! comparing with Stripe is `billing`'s own.

pub mod bulk;
pub mod export;
pub mod import;
pub mod undo;
pub mod worker;

use std::time::Duration;

use diesel::prelude::*;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::db::schema::{job_lines, job_members, job_pieces, jobs};
use crate::db::{Conn, DbError, DbResult, on_either};
use crate::ids::{JobId, MemberId};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bulk,
    Undo,
    /// Looks through a file of members, and says what would happen.
    Check,
    Import,
    /// Writes members to a file that waits to be fetched.
    Export,
    Reconcile,
    /// Moves payers of a tier to its price of today.
    Reprice,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Bulk, Self::Undo, Self::Check, Self::Import, Self::Export, Self::Reconcile, Self::Reprice];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::Undo => "undo",
            Self::Check => "check",
            Self::Import => "import",
            Self::Export => "export",
            Self::Reconcile => "reconcile",
            Self::Reprice => "reprice",
        }
    }

    fn parse(text: &str) -> DbResult<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| DbError::Corrupt(format!("job kind {text}")))
    }
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its file is on the way.
    Receiving,
    Waiting,
    Running,
    /// Looked through; somebody must say that it is to be done.
    Checked,
    Done,
    Failed,
    /// Ended by staff before it was done. What was done until then stays.
    Stopped,
    Undone,
}

impl State {
    const ALL: [Self; 8] = [
        Self::Receiving,
        Self::Waiting,
        Self::Running,
        Self::Checked,
        Self::Done,
        Self::Failed,
        Self::Stopped,
        Self::Undone,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Checked => "checked",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Undone => "undone",
        }
    }

    fn parse(text: &str) -> DbResult<Self> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| DbError::Corrupt(format!("job state {text}")))
    }

    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
}

/// A job.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: JobId,
    pub kind: Kind,
    pub state: State,
    /// What is to be done, as its kind reads it.
    pub request: Value,
    pub made_by: String,
    /// Members, or bytes of a file; zero where it is not known.
    pub total: i64,
    pub done: i64,
    /// Where the next step begins.
    pub place: Option<String>,
    /// What came of it so far.
    pub report: Value,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub undo_until: Option<Timestamp>,
}

impl Job {
    /// How far it is, of a hundred.
    pub fn percent(&self) -> i64 {
        if self.total <= 0 { 0 } else { (self.done.saturating_mul(100) / self.total).clamp(0, 100) }
    }

    /// A number of the report.
    pub fn number(&self, name: &str) -> i64 {
        self.report[name].as_i64().unwrap_or(0)
    }

    /// A text of the request.
    pub fn text(&self, name: &str) -> &str {
        self.request[name].as_str().unwrap_or_default()
    }

    pub fn may_undo(&self, now: Timestamp) -> bool {
        matches!(self.state, State::Done | State::Stopped) && self.undo_until.is_some_and(|until| now < until)
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = jobs)]
struct Row {
    id: JobId,
    kind: String,
    state: String,
    request: String,
    made_by: String,
    total: i64,
    done: i64,
    place: Option<String>,
    report: String,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    undo_until: Option<Timestamp>,
}

impl TryFrom<Row> for Job {
    type Error = DbError;

    fn try_from(row: Row) -> DbResult<Self> {
        let json = |text: &str| serde_json::from_str(text).map_err(|error| DbError::Corrupt(error.to_string()));
        Ok(Self {
            id: row.id,
            kind: Kind::parse(&row.kind)?,
            state: State::parse(&row.state)?,
            request: json(&row.request)?,
            made_by: row.made_by,
            total: row.total,
            done: row.done,
            place: row.place,
            report: json(&row.report)?,
            created_at: row.created_at,
            finished_at: row.finished_at,
            undo_until: row.undo_until,
        })
    }
}

/// Asks for something to be done. Wake the worker after the transaction.
pub fn add(conn: &mut Conn, kind: Kind, request: &Value, made_by: &str, total: i64, now: Timestamp) -> DbResult<JobId> {
    let id = JobId::new(now);
    diesel::insert_into(jobs::table)
        .values((
            jobs::id.eq(id),
            jobs::kind.eq(kind.as_str()),
            jobs::state.eq(State::Waiting.as_str()),
            jobs::request.eq(request.to_string()),
            jobs::made_by.eq(made_by),
            jobs::total.eq(total),
            jobs::created_at.eq(now),
        ))
        .execute(conn)?;
    Ok(id)
}

pub fn find(conn: &mut Conn, id: JobId) -> DbResult<Option<Job>> {
    let row: Option<Row> = jobs::table.find(id).select(Row::as_select()).get_result(conn).optional()?;
    row.map(Job::try_from).transpose()
}

/// The newest jobs.
pub fn newest(conn: &mut Conn, most: i64) -> DbResult<Vec<Job>> {
    let rows: Vec<Row> = jobs::table
        .filter(jobs::state.ne("receiving"))
        .order(jobs::id.desc())
        .limit(most)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Job::try_from).collect()
}

/// How long a job is held by whoever does it.
const LEASE: Duration = Duration::from_secs(60);

/// Takes the oldest job that nobody does.
pub fn claim(conn: &mut Conn, node: &[u8; 16], now: Timestamp) -> DbResult<Option<Job>> {
    macro_rules! free {
        () => {
            jobs::table
                .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("state IN ('waiting', 'running')"))
                .filter(jobs::lease_until.is_null().or(jobs::lease_until.lt(now)))
                .order(jobs::created_at)
                .select(Row::as_select())
        };
    }
    let row: Option<Row> = match conn {
        Conn::Postgres(conn) => free!().for_update().skip_locked().first(conn).optional()?,
        Conn::Sqlite(conn) => free!().first(conn).optional()?,
    };
    let Some(row) = row else { return Ok(None) };
    diesel::update(jobs::table.find(row.id))
        .set((
            jobs::state.eq(State::Running.as_str()),
            jobs::lease_until.eq(now.plus(LEASE)),
            jobs::leased_by.eq(&node[..]),
        ))
        .execute(conn)?;
    Job::try_from(row).map(|job| Some(Job { state: State::Running, ..job }))
}

/// Gives back what a node holds, at its end.
pub fn release(conn: &mut Conn, node: &[u8; 16]) -> DbResult<()> {
    diesel::update(jobs::table.filter(jobs::leased_by.eq(&node[..])))
        .set((jobs::lease_until.eq(None::<Timestamp>), jobs::leased_by.eq(None::<Vec<u8>>)))
        .execute(conn)?;
    Ok(())
}

/// On SQLite one process owns the file: whatever was being done when it starts was done by a dead one.
pub fn take_over(conn: &mut Conn) -> DbResult<()> {
    if matches!(conn, Conn::Sqlite(_)) {
        diesel::update(jobs::table.filter(jobs::state.eq("running")))
            .set(jobs::lease_until.eq(None::<Timestamp>))
            .execute(conn)?;
    }
    Ok(())
}

/// Writes down how far a job came; the lease begins anew. `false`: staff stopped it, or another node has
/// it.
pub fn advance(conn: &mut Conn, job: &Job, node: &[u8; 16], now: Timestamp) -> DbResult<bool> {
    let mine = jobs::table.find(job.id).filter(jobs::leased_by.eq(&node[..])).filter(jobs::state.eq("running"));
    let updated = diesel::update(mine)
        .set((
            jobs::done.eq(job.done),
            jobs::total.eq(job.total),
            jobs::place.eq(job.place.as_deref()),
            jobs::report.eq(job.report.to_string()),
            jobs::lease_until.eq(now.plus(LEASE)),
        ))
        .execute(conn)?;
    Ok(updated == 1)
}

/// Ends a job.
pub fn finish(conn: &mut Conn, job: &Job, state: State, undo_until: Option<Timestamp>, now: Timestamp) -> DbResult<()> {
    diesel::update(jobs::table.find(job.id))
        .set((
            jobs::state.eq(state.as_str()),
            jobs::done.eq(job.done),
            jobs::total.eq(job.total),
            jobs::report.eq(job.report.to_string()),
            jobs::finished_at.eq(now),
            jobs::undo_until.eq(undo_until),
            jobs::lease_until.eq(None::<Timestamp>),
            jobs::leased_by.eq(None::<Vec<u8>>),
        ))
        .execute(conn)?;
    Ok(())
}

/// Changes how a job stands, if it stands as `from`. Returns whether it did.
pub fn turn(conn: &mut Conn, id: JobId, from: &[State], to: State) -> DbResult<bool> {
    let from: Vec<&str> = from.iter().map(|state| state.as_str()).collect();
    let found = jobs::table.find(id).filter(jobs::state.eq_any(from));
    Ok(diesel::update(found).set(jobs::state.eq(to.as_str())).execute(conn)? == 1)
}

/// A job whose file is on its way. Nobody does it before [`take_in`].
pub fn expect_file(conn: &mut Conn, id: JobId, now: Timestamp) -> DbResult<()> {
    diesel::insert_into(jobs::table)
        .values((
            jobs::id.eq(id),
            jobs::kind.eq(Kind::Check.as_str()),
            jobs::state.eq(State::Receiving.as_str()),
            jobs::request.eq("{}"),
            jobs::made_by.eq(""),
            jobs::total.eq(0),
            jobs::created_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// The file is here: it is to be looked through.
pub fn take_in(conn: &mut Conn, id: JobId, request: &Value, made_by: &str, bytes: i64) -> DbResult<()> {
    diesel::update(jobs::table.find(id))
        .set((
            jobs::state.eq(State::Waiting.as_str()),
            jobs::request.eq(request.to_string()),
            jobs::made_by.eq(made_by),
            jobs::total.eq(bytes),
        ))
        .execute(conn)?;
    Ok(())
}

/// Forgets a job with its file.
pub fn drop(conn: &mut Conn, id: JobId) -> DbResult<()> {
    diesel::delete(jobs::table.find(id)).execute(conn)?;
    Ok(())
}

/// Lets a file that was looked through be brought in.
pub fn confirm(conn: &mut Conn, id: JobId) -> DbResult<bool> {
    let found = jobs::table.find(id).filter(jobs::state.eq(State::Checked.as_str()));
    let updated = diesel::update(found)
        .set((
            jobs::kind.eq(Kind::Import.as_str()),
            jobs::state.eq(State::Waiting.as_str()),
            jobs::done.eq(0),
            jobs::place.eq(None::<String>),
            jobs::report.eq("{}"),
            jobs::finished_at.eq(None::<Timestamp>),
        ))
        .execute(conn)?;
    if updated == 1 {
        diesel::delete(job_lines::table.filter(job_lines::job_id.eq(id))).execute(conn)?;
    }
    Ok(updated == 1)
}

/// Notes that a job changed a member; returns whether that is new.
pub fn note_member(conn: &mut Conn, job: JobId, member: MemberId) -> DbResult<bool> {
    let row = (job_members::job_id.eq(job), job_members::member_id.eq(member));
    let new = on_either!(conn, conn => diesel::insert_into(job_members::table).values(row).on_conflict_do_nothing().execute(conn)?);
    Ok(new == 1)
}

/// Writes down that a job made these members.
pub fn note_members(conn: &mut Conn, job: JobId, members: &[MemberId]) -> DbResult<()> {
    let rows: Vec<_> =
        members.iter().map(|member| (job_members::job_id.eq(job), job_members::member_id.eq(*member))).collect();
    on_either!(conn, conn => diesel::insert_into(job_members::table).values(&rows).execute(conn)?);
    Ok(())
}

/// Something to say about a line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = job_lines)]
pub struct Line {
    pub line: i64,
    /// `new`, `known`, `held`, `bad`.
    pub kind: String,
    pub text: String,
}

pub fn note_line(conn: &mut Conn, job: JobId, line: i64, kind: &str, text: &str) -> DbResult<()> {
    let row = (job_lines::job_id.eq(job), job_lines::line.eq(line), job_lines::kind.eq(kind), job_lines::text.eq(text));
    on_either!(conn, conn => diesel::insert_into(job_lines::table).values(row).on_conflict_do_nothing().execute(conn)?);
    Ok(())
}

/// Lines after one, of one kind or of all.
pub fn lines(conn: &mut Conn, job: JobId, kind: Option<&str>, after: i64, most: i64) -> DbResult<Vec<Line>> {
    let mut query = job_lines::table
        .filter(job_lines::job_id.eq(job).and(job_lines::line.gt(after)))
        .order(job_lines::line)
        .limit(most)
        .select(Line::as_select())
        .into_boxed();
    if let Some(kind) = kind {
        query = query.filter(job_lines::kind.eq(kind));
    }
    Ok(query.load(conn)?)
}

/// Bytes of a piece of a file that comes in; those of one that goes out are as long as they are.
pub const PIECE: usize = 256 * 1024;

pub fn add_piece(conn: &mut Conn, job: JobId, number: i32, bytes: &[u8]) -> DbResult<()> {
    diesel::insert_into(job_pieces::table)
        .values((job_pieces::job_id.eq(job), job_pieces::number.eq(number), job_pieces::bytes.eq(bytes)))
        .execute(conn)?;
    Ok(())
}

/// Up to about `most` bytes of a file from a place on. Every piece but the last is [`PIECE`] long.
pub fn bytes_from(conn: &mut Conn, job: JobId, from: u64, most: usize) -> DbResult<Vec<u8>> {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    let first = i32::try_from(from / PIECE).unwrap_or(i32::MAX);
    let pieces: Vec<Vec<u8>> = job_pieces::table
        .filter(job_pieces::job_id.eq(job).and(job_pieces::number.ge(first)))
        .order(job_pieces::number)
        .limit(i64::try_from(most.div_ceil(PIECE) + 1).unwrap_or(1))
        .select(job_pieces::bytes)
        .load(conn)?;
    let mut bytes = pieces.concat();
    bytes.drain(..(from % PIECE).min(bytes.len()));
    Ok(bytes)
}

/// Forgets the file of a job.
pub fn drop_file(conn: &mut Conn, job: JobId) -> DbResult<()> {
    diesel::delete(job_pieces::table.filter(job_pieces::job_id.eq(job))).execute(conn)?;
    Ok(())
}

/// How long what a job said is kept; a file that came in goes with its end.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long a file is kept that was looked through and never brought in.
const FILE_KEPT: Duration = Duration::from_secs(7 * 86_400);

/// Drops jobs that ended long ago, and files that are of no more use; one that was taken out after
/// `export_kept`.
pub fn purge(conn: &mut Conn, export_kept: Duration, now: Timestamp) -> DbResult<usize> {
    let old =
        jobs::table.filter(jobs::created_at.lt(now.minus(FILE_KEPT)).and(jobs::state.eq_any(["checked", "receiving"])));
    let left = diesel::delete(old).execute(conn)? + export::purge(conn, export_kept, now)?;
    let over = jobs::table.filter(jobs::finished_at.lt(now.minus(KEPT)));
    Ok(left + diesel::delete(over).execute(conn)?)
}
