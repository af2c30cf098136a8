//! Taking a change of many members back.

use diesel::prelude::*;

use super::{Job, State, bulk};
use crate::clock::Timestamp;
use crate::db::schema::{job_members, jobs};
use crate::db::{Conn, DbError, DbResult};
use crate::ids::{JobId, MemberId};

/// Members in one step.
const STEP: i64 = 200;

/// The job that is taken back.
pub fn target(job: &Job) -> DbResult<JobId> {
    job.text("job").parse().map_err(|_| DbError::Corrupt("an undoing without its job".to_owned()))
}

/// Does a step; `true` when it was the last one. Whoever was taken back is dropped from the list of those
/// who were changed.
pub fn step(conn: &mut Conn, job: &mut Job, now: Timestamp) -> DbResult<bool> {
    let of = target(job)?;
    let Some(done) = super::find(conn, of)? else { return Ok(true) };
    let request = bulk::Request::of(&done)?;
    let some: Vec<MemberId> = job_members::table
        .filter(job_members::job_id.eq(of))
        .order(job_members::member_id)
        .limit(STEP)
        .select(job_members::member_id)
        .load(conn)?;
    for member in &some {
        if crate::members::exists(conn, *member)? {
            bulk::undo(conn, &request, *member, now)?;
            bulk::count(job, "changed");
        }
    }
    let undone = job_members::table.filter(job_members::job_id.eq(of)).filter(job_members::member_id.eq_any(&some));
    diesel::delete(undone).execute(conn)?;
    job.done += i64::try_from(some.len()).unwrap_or(0);
    let is_last = i64::try_from(some.len()).is_ok_and(|count| count < STEP);
    if is_last {
        diesel::update(jobs::table.find(of)).set(jobs::state.eq(State::Undone.as_str())).execute(conn)?;
    }
    Ok(is_last)
}
