//! Taking members out as a CSV file. It is written in pieces as it is read, and waits in the database
//! until it was fetched or its time is over, so that any node can hand it out.

use std::time::Duration;

use diesel::dsl::exists;
use diesel::prelude::*;
use serde_json::{Value, json};

use super::{Job, Kind, State, add_piece};
use crate::clock::Timestamp;
use crate::db::schema::{job_pieces, jobs};
use crate::db::{Conn, DbResult};
use crate::ids::{JobId, MemberId};
use crate::members::csv_export;
use crate::members::listing::{self, Filter};

/// What is asked for: everybody who fits a filter, as it stands in an address.
pub fn request(filter: &Filter) -> Value {
    json!({"filter": filter.query()})
}

/// The filter of a job.
pub fn filter(job: &Job) -> Filter {
    Filter::of_query(job.text("filter"))
}

/// What the file is called.
pub fn file_name(job: &Job) -> String {
    let (year, month, day, ..) = job.created_at.calendar_parts();
    format!("members-{year:04}-{month:02}-{day:02}.csv")
}

/// Members looked at in one step: one piece of the file holds those of them who fit.
const STEP: i64 = 5_000;

/// What a step found.
pub struct Found {
    /// How many fit at all, if that was not known yet.
    total: i64,
    text: Vec<u8>,
    lines: i64,
    last: Option<MemberId>,
}

/// Reads what comes next. Not in the transaction that keeps it: whoever signs in meanwhile does not wait.
pub fn read(conn: &mut Conn, job: &Job, now: Timestamp) -> DbResult<Found> {
    let filter = filter(job);
    let after: Option<MemberId> = job.place.as_deref().and_then(|place| place.parse().ok());
    let total = if after.is_none() { listing::count(conn, &filter, now)? } else { job.total };
    let piece = csv_export::piece(conn, &filter, after, STEP, now)?;
    let text = if after.is_none() { [csv_export::head(), piece.text].concat() } else { piece.text };
    Ok(Found { total, text, lines: piece.lines, last: piece.last })
}

/// Keeps what was read; `true` when it was the last of it.
pub fn keep(conn: &mut Conn, job: &mut Job, found: &Found) -> DbResult<bool> {
    if !found.text.is_empty() {
        let pieces = job.number("pieces");
        add_piece(conn, job.id, i32::try_from(pieces).unwrap_or(i32::MAX), &found.text)?;
        job.report["pieces"] = (pieces + 1).into();
        job.report["bytes"] = (job.number("bytes") + i64::try_from(found.text.len()).unwrap_or(0)).into();
    }
    job.done += found.lines;
    job.total = found.total.max(job.done);
    job.report["lines"] = job.done.into();
    job.place = found.last.map(|last| last.to_string());
    Ok(found.last.is_none())
}

/// Whether the file of a job is there to be fetched.
pub fn has_file(conn: &mut Conn, job: &Job) -> DbResult<bool> {
    if job.kind != Kind::Export || job.state != State::Done {
        return Ok(false);
    }
    Ok(diesel::select(exists(job_pieces::table.filter(job_pieces::job_id.eq(job.id)))).get_result(conn)?)
}

/// A piece of the file. `None`: there are no more.
pub fn piece(conn: &mut Conn, job: JobId, number: i32) -> DbResult<Option<Vec<u8>>> {
    Ok(job_pieces::table.find((job, number)).select(job_pieces::bytes).get_result(conn).optional()?)
}

/// Drops files that waited long enough.
pub(super) fn purge(conn: &mut Conn, kept: Duration, now: Timestamp) -> DbResult<usize> {
    let over: Vec<JobId> = jobs::table
        .filter(jobs::kind.eq(Kind::Export.as_str()).and(jobs::finished_at.lt(now.minus(kept))))
        .select(jobs::id)
        .load(conn)?;
    Ok(diesel::delete(job_pieces::table.filter(job_pieces::job_id.eq_any(over))).execute(conn)?)
}
