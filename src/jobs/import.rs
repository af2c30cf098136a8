//! Bringing members in from a CSV file (RFC 4180; commas or semicolons; UTF-8).
//!
//! The file is looked through first, and what would happen is said; then it is brought in. What people
//! said themselves counts for more than a file: nobody who left a list is put on it again, nobody mails
//! do not go to is subscribed, and nobody who had their account erased comes back
//! (`reliability.md` M12, O7, V4). Nobody is mailed unless staff ask for it.

mod newcomers;
pub mod rows;

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::bulk::{count, why_not};
use super::{Job, note_line};
use crate::clock::Timestamp;
use crate::config::Settings;
use crate::db::{Conn, DbError, DbResult};
use crate::ids::{MemberId, NewsletterId};
use crate::members::address::EmailAddress;
use crate::members::{self, labels, leaving, listing};
use crate::newsletters::consents::{self, Consent};
use crate::newsletters::{self, Newsletter, subscriptions};
use crate::signin::Policy;
use newcomers::Newcomer;
use rows::{Batch, Header, Place, Row, short};

/// What staff said about a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The file's own name, for whoever looks at the job.
    pub file: String,
    /// How these people agreed: stands as the words of their consent.
    pub consent: String,
    /// Lists of those whose line names none, by id.
    pub newsletters: Vec<String>,
    /// A label for all of them.
    pub label: String,
    /// Mails a welcome to those who are new and on a list.
    pub welcome: bool,
}

impl Request {
    pub fn of(job: &Job) -> DbResult<Self> {
        serde_json::from_value(job.request.clone()).map_err(|error| DbError::Corrupt(error.to_string()))
    }
}

/// Lines that are bad or held back, and are told one by one.
const MOST_BAD: i64 = 10_000;
/// Lines that are good, and are told one by one.
const MOST_GOOD: i64 = 200;

/// Bytes that are read for a step; no line may be longer.
const READ: usize = 1024 * 1024;

/// Reads lines from a job's place on. The inner error is one that ends the whole.
fn batch(conn: &mut Conn, job: &Job) -> DbResult<Result<Batch, String>> {
    let size = u64::try_from(job.total).unwrap_or(0);
    let header = match Header::read(&super::bytes_from(conn, job.id, 0, 64 * 1024)?) {
        Ok(header) => header,
        Err(why) => return Ok(Err(why)),
    };
    let place = job.place.as_deref().and_then(|place| place.split_once(' '));
    let place = place.and_then(|(at, line)| Some(Place { at: at.parse().ok()?, line: line.parse().ok()? }));
    let place = place.unwrap_or(header.ends);
    let bytes = super::bytes_from(conn, job.id, place.at, READ)?;
    Ok(rows::batch(header, &bytes, place, size))
}

/// What becomes of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    New,
    Known(MemberId),
    /// A member, but no newsletters: mails to the address are held back.
    Silent,
    Held(&'static str),
}

/// What is known of the addresses of a step.
struct Known {
    members: HashMap<String, MemberId>,
    erased: HashSet<String>,
    held: HashSet<String>,
}

impl Known {
    fn of<'a>(conn: &mut Conn, policy: &Policy, emails: impl Iterator<Item = &'a EmailAddress>) -> DbResult<Self> {
        let emails: Vec<&EmailAddress> = emails.collect();
        let keys: Vec<String> = emails.iter().map(|email| email.key()).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        Ok(Self {
            members: members::find_by_keys(conn, &keys)?,
            erased: leaving::erased_among(conn, policy, &emails)?,
            held: listing::suppressed(conn, &keys)?,
        })
    }

    fn judge(&self, email: &EmailAddress) -> Verdict {
        let key = email.key();
        if let Some(member) = self.members.get(&key) {
            Verdict::Known(*member)
        } else if self.erased.contains(&key) {
            Verdict::Held("The account of this address was erased at its owner's wish. Only they can come back.")
        } else if self.held.contains(&key) {
            Verdict::Silent
        } else {
            Verdict::New
        }
    }
}

/// A line that can be read, and the lists it names; or what is wrong with it.
type Judged = Result<(Row, Vec<NewsletterId>), String>;

/// Reads lines; none is changed by what stands in another.
fn judged(batch: Batch, request: &Request, active: &[Newsletter]) -> Vec<(i64, Judged)> {
    let Batch { header, lines, .. } = batch;
    let judge = |cells: Result<Vec<String>, String>| {
        let row = rows::read(&cells?, &header.columns)?;
        let lists = lists(&row, request, active)?;
        Ok((row, lists))
    };
    lines.into_iter().map(|(line, cells)| (line, judge(cells))).collect()
}

fn emails(lines: &[(i64, Judged)]) -> impl Iterator<Item = &EmailAddress> {
    lines.iter().filter_map(|(_, row)| row.as_ref().ok()).map(|(row, _)| &row.email)
}

/// Lists of a line, or what is wrong with them.
fn lists(row: &Row, request: &Request, active: &[Newsletter]) -> Result<Vec<NewsletterId>, String> {
    if !row.subscribed {
        return Ok(Vec::new());
    }
    match &row.newsletters {
        None => Ok(request.newsletters.iter().filter_map(|id| id.parse().ok()).collect()),
        Some(names) => newsletters::choose(active, names)
            .map_err(|unknown| format!("There is no newsletter called {}.", short(&unknown.join(", ")))),
    }
}

/// Tells of a line, as long as there are not too many.
fn tell(conn: &mut Conn, job: &mut Job, line: i64, kind: &str, text: &str) -> DbResult<()> {
    count(job, kind);
    let most = if matches!(kind, "bad" | "held") { MOST_BAD } else { MOST_GOOD };
    if job.number(kind) <= most { note_line(conn, job.id, line, kind, text) } else { Ok(()) }
}

/// The next lines, or the end of the job with the reason.
fn next(conn: &mut Conn, job: &mut Job) -> DbResult<Option<Batch>> {
    match batch(conn, job)? {
        Ok(batch) => {
            job.place = Some(format!("{} {}", batch.next.at, batch.next.line));
            job.done = i64::try_from(batch.next.at).unwrap_or(i64::MAX);
            if !batch.header.columns.unknown.is_empty() {
                job.report["unknown"] = batch.header.columns.unknown.join(", ").into();
            }
            Ok(Some(batch))
        }
        Err(why) => {
            job.report["why"] = why.into();
            Ok(None)
        }
    }
}

/// Looks through some lines, and changes nothing; `true` at the end of the file.
pub fn check(conn: &mut Conn, policy: &Policy, job: &mut Job) -> DbResult<bool> {
    let request = Request::of(job)?;
    let active = newsletters::active(conn)?;
    let Some(batch) = next(conn, job)? else { return Ok(true) };
    let is_last = batch.is_last;
    let lines = judged(batch, &request, &active);
    let known = Known::of(conn, policy, emails(&lines))?;
    for (line, row) in lines {
        let (kind, text) = match row {
            Err(why) => ("bad", why),
            Ok((row, _)) => match known.judge(&row.email) {
                Verdict::New => ("new", format!("{} becomes a member.", row.email.as_given())),
                Verdict::Known(_) => {
                    ("known", format!("{} is a member; what is missing is added.", row.email.as_given()))
                }
                Verdict::Silent => (
                    "silent",
                    format!(
                        "{} becomes a member without newsletters: mails there are held back.",
                        row.email.as_given()
                    ),
                ),
                Verdict::Held(why) => ("held", why.to_owned()),
            },
        };
        tell(conn, job, line, kind, &text)?;
    }
    Ok(is_last)
}

/// Brings some lines in; `true` at the end of the file.
pub fn step(conn: &mut Conn, policy: &Policy, settings: &Settings, job: &mut Job, now: Timestamp) -> DbResult<bool> {
    let request = Request::of(job)?;
    let active = newsletters::active(conn)?;
    let Some(batch) = next(conn, job)? else { return Ok(true) };
    let is_last = batch.is_last;
    let lines = judged(batch, &request, &active);
    let mut known = Known::of(conn, policy, emails(&lines))?;

    // The line at which each newcomer first stands; at a later one they are a member already.
    let mut first: HashMap<String, i64> = HashMap::new();
    let mut new = Vec::new();
    for (line, (row, lists)) in lines.iter().filter_map(|(line, row)| Some((*line, row.as_ref().ok()?))) {
        let verdict = known.judge(&row.email);
        if matches!(verdict, Verdict::New | Verdict::Silent) && !first.contains_key(&row.email.key()) {
            first.insert(row.email.key(), line);
            new.push(Newcomer { row, lists: if verdict == Verdict::New { lists } else { &[] } });
        }
    }
    let ids = newcomers::create(conn, &request, settings, job, &new, now)?;
    known.members.extend(new.iter().map(|newcomer| newcomer.row.email.key()).zip(ids));

    for (line, row) in &lines {
        let (row, lists) = match row {
            Ok(row) => row,
            Err(why) => {
                tell(conn, job, *line, "bad", why)?;
                continue;
            }
        };
        let email = row.email.as_given();
        match known.judge(&row.email) {
            Verdict::Known(_) if first.get(&row.email.key()) == Some(line) => {
                let kind = if known.held.contains(&row.email.key()) { "silent" } else { "new" };
                tell(conn, job, *line, kind, &email)?;
            }
            Verdict::Known(member) => {
                let told = add_to(conn, &request, job, member, row, lists, now)?;
                tell(conn, job, *line, "known", &told)?;
            }
            Verdict::Held(why) => tell(conn, job, *line, "held", why)?,
            Verdict::New | Verdict::Silent => unreachable!("all of them are members by now"),
        }
    }
    Ok(is_last)
}

/// Adds what is missing to a member, and takes nothing away.
fn add_to(
    conn: &mut Conn,
    request: &Request,
    job: &Job,
    member: MemberId,
    row: &Row,
    lists: &[NewsletterId],
    now: Timestamp,
) -> DbResult<String> {
    let email = row.email.as_given();
    if let Some(name) = &row.name {
        members::name_if_none(conn, member, name, now)?;
    }
    put_labels(conn, request, row, member, now)?;
    let (mut open, mut told) = (Vec::new(), format!("{email} was a member already."));
    for list in lists {
        match why_not(conn, member, *list)? {
            None => open.push(*list),
            Some("left") => told = format!("{email} left a newsletter and stays out of it."),
            Some(_) => {
                told = format!("{email} gets no newsletters: mails there are held back, or the account is leaving.")
            }
        }
    }
    put_on(conn, request, job, member, &open, now)?;
    Ok(told)
}

fn put_on(
    conn: &mut Conn,
    request: &Request,
    job: &Job,
    member: MemberId,
    lists: &[NewsletterId],
    now: Timestamp,
) -> DbResult<()> {
    let joined = subscriptions::subscribe(conn, member, lists, now)?;
    if joined.is_empty() {
        return Ok(());
    }
    consents::record(conn, member, &joined, &agreement(request, job, &method(request, job)), now)
}

fn method(request: &Request, job: &Job) -> String {
    format!("import of {} by {}", request.file, job.made_by)
}

/// How everybody in the file agreed, in the words of whoever brings it in.
fn agreement<'a>(request: &'a Request, job: &Job, method: &'a str) -> Consent<'a> {
    Consent { text: &request.consent, form_url: None, client: None, method, asked_at: job.created_at }
}

fn put_labels(conn: &mut Conn, request: &Request, row: &Row, member: MemberId, now: Timestamp) -> DbResult<()> {
    labels::attach(conn, member, &row.labels, now)?;
    if request.label.is_empty() {
        Ok(())
    } else {
        labels::attach(conn, member, std::slice::from_ref(&request.label), now)
    }
}
