//! Bringing members in from a CSV file (RFC 4180; commas or semicolons; UTF-8).
//!
//! The file is looked through first, and what would happen is said; then it is brought in. What people
//! said themselves counts for more than a file: nobody who left a list is put on it again, nobody mails
//! do not go to is subscribed, and nobody who had their account erased comes back
//! (`reliability.md` M12, O7, V4). Nobody is mailed unless staff ask for it.

mod newcomers;

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::bulk::{count, why_not};
use super::{Job, note_line};
use crate::clock::Timestamp;
use crate::config::Settings;
use crate::db::{Conn, DbError, DbResult};
use crate::ids::{MemberId, NewsletterId};
use crate::members::address::EmailAddress;
use crate::members::{self, csv_cells, labels, leaving, listing, name, notes};
use crate::newsletters::consents::{self, Consent};
use crate::newsletters::{self, Newsletter, subscriptions};
use crate::signin::Policy;
use crate::texts::Language;
use newcomers::Newcomer;

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

/// Lines of a file in one step.
const STEP: usize = 100;
/// Bytes that are read for a step; no line may be longer.
const READ: usize = 1024 * 1024;
/// Lines that are bad or held back, and are told one by one.
const MOST_BAD: i64 = 10_000;
/// Lines that are good, and are told one by one.
const MOST_GOOD: i64 = 200;

/// Where each thing stands in a line.
#[derive(Debug, PartialEq, Eq)]
struct Columns {
    email: usize,
    name: Option<usize>,
    labels: Option<usize>,
    newsletters: Option<usize>,
    subscribed: Option<usize>,
    created_at: Option<usize>,
    language: Option<usize>,
    note: Option<usize>,
    unknown: Vec<String>,
}

impl Columns {
    fn of(header: &[String]) -> Result<Self, String> {
        let names: Vec<String> =
            header.iter().map(|cell| cell.trim().trim_start_matches('\u{feff}').to_lowercase()).collect();
        let find = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        let known: [&[&str]; 8] = [
            &["email", "e-mail", "email address", "address"],
            &["name", "full name"],
            &["labels", "label", "tags"],
            &["newsletters", "newsletter", "lists"],
            &["subscribed", "subscribed_to_emails"],
            &["created_at", "created", "since"],
            &["language", "locale"],
            &["note", "notes"],
        ];
        let email =
            find(known[0]).ok_or("The first line must name the columns, and one of them must be called “email”.")?;
        let unknown = names
            .iter()
            .filter(|name| !name.is_empty() && !known.iter().any(|some| some.contains(&name.as_str())))
            .cloned();
        Ok(Self {
            email,
            name: find(known[1]),
            labels: find(known[2]),
            newsletters: find(known[3]),
            subscribed: find(known[4]),
            created_at: find(known[5]),
            language: find(known[6]),
            note: find(known[7]),
            unknown: unknown.take(20).collect(),
        })
    }
}

/// A line that can be read.
#[derive(Debug)]
struct Row {
    email: EmailAddress,
    name: Option<String>,
    labels: Vec<String>,
    /// `None`: the line names none.
    newsletters: Option<Vec<String>>,
    subscribed: bool,
    created_at: Option<Timestamp>,
    language: Option<Language>,
    note: Option<String>,
}

/// Reads a line. Pure.
fn read(cells: &[String], columns: &Columns) -> Result<Row, String> {
    let cell = |at: Option<usize>| {
        at.and_then(|at| cells.get(at)).map(|cell| csv_cells::unguarded(cell).trim()).filter(|cell| !cell.is_empty())
    };
    let email = cell(Some(columns.email)).ok_or("There is no address in it.")?;
    let email = EmailAddress::parse(email).map_err(|error| format!("“{}”: {error}", short(email)))?;
    let name = match cell(columns.name) {
        Some(text) => name::parse(text).map_err(|error| format!("The name: {error}."))?,
        None => None,
    };
    let many = |text: &str| {
        text.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let subscribed = match cell(columns.subscribed).map(str::to_lowercase).as_deref() {
        None | Some("true" | "yes" | "1") => true,
        Some("false" | "no" | "0") => false,
        Some(other) => return Err(format!("“{}” is neither true nor false.", short(other))),
    };
    let created_at = match cell(columns.created_at) {
        Some(text) => {
            let day = text.get(..10).unwrap_or(text);
            Some(Timestamp::of_day(day).ok_or_else(|| format!("“{}” is no day such as 2026-11-27.", short(text)))?)
        }
        None => None,
    };
    Ok(Row {
        email,
        name,
        labels: cell(columns.labels).map(|text| labels::parse(text.split([',', ';']))).unwrap_or_default(),
        newsletters: cell(columns.newsletters).map(many),
        subscribed,
        created_at,
        language: cell(columns.language).and_then(Language::of_tag),
        note: cell(columns.note).map(|text| text.chars().take(notes::LONGEST).collect()),
    })
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Some lines of a file.
struct Batch {
    columns: Columns,
    /// The number of each line, as an editor shows it, and its cells.
    lines: Vec<(i64, Result<Vec<String>, String>)>,
    /// Where the next ones begin.
    next: (u64, i64),
    is_last: bool,
}

/// Reads lines from a job's place on. The inner error is one that ends the whole.
fn batch(conn: &mut Conn, job: &Job) -> DbResult<Result<Batch, String>> {
    let size = u64::try_from(job.total).unwrap_or(0);
    let head = super::bytes_from(conn, job.id, 0, 64 * 1024)?;
    let first_line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let semicolons = first_line.iter().filter(|byte| **byte == b';').count();
    let delimiter = if semicolons > first_line.iter().filter(|byte| **byte == b',').count() { b';' } else { b',' };
    let reader = |bytes| {
        csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(std::io::Cursor::new(bytes))
    };
    let mut record = csv::ByteRecord::new();
    let mut in_head = reader(head);
    if !in_head.read_byte_record(&mut record).unwrap_or(false) {
        return Ok(Err("The file is empty.".to_owned()));
    }
    let columns = match texts(&record).and_then(|cells| Columns::of(&cells)) {
        Ok(columns) => columns,
        Err(why) => return Ok(Err(why)),
    };
    let place = job.place.as_deref().and_then(|place| place.split_once(' '));
    let place = place.and_then(|(from, line)| Some((from.parse().ok()?, line.parse().ok()?)));
    // Before the first step: behind the line that names the columns.
    let (from, line) = place.unwrap_or_else(|| {
        let head_ends = in_head.position().byte();
        (head_ends, 1 + newlines(&in_head.get_ref().get_ref()[..usize::try_from(head_ends).unwrap_or(0)]))
    });

    let bytes = super::bytes_from(conn, job.id, from, READ)?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let reaches_end = from + length >= size;
    let mut rows = reader(bytes);
    let mut lines = Vec::new();
    // Where the next line begins, and its number as editors count.
    let mut at = (0, line);
    let is_last = loop {
        let (begins, number) = skip_breaks(rows.get_ref().get_ref(), at);
        // Bytes of a slice are always there to be read.
        if !rows.read_byte_record(&mut record).unwrap_or(false) {
            break true;
        }
        let ends = rows.position().byte();
        if ends >= length && !reaches_end {
            // The line may go on behind what was read.
            if lines.is_empty() {
                return Ok(Err(format!("Line {number} is longer than a megabyte.")));
            }
            break false;
        }
        let passed = begins..usize::try_from(ends).unwrap_or(usize::MAX).max(begins);
        at = (passed.end, number + newlines(&rows.get_ref().get_ref()[passed]));
        if record.iter().any(|cell| !cell.is_empty()) {
            lines.push((number, texts(&record)));
        }
        if lines.len() >= STEP {
            break from + ends >= size;
        }
    };
    let next = (from + u64::try_from(at.0).unwrap_or(u64::MAX), at.1);
    Ok(Ok(Batch { columns, lines, next, is_last: is_last && reaches_end }))
}

fn newlines(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(i64::MAX)
}

/// Passes over line breaks, as the reader does before a line: the second half of a CRLF among them.
fn skip_breaks(bytes: &[u8], (mut at, mut line): (usize, i64)) -> (usize, i64) {
    while let Some(b'\r' | b'\n') = bytes.get(at) {
        line += i64::from(bytes[at] == b'\n');
        at += 1;
    }
    (at, line)
}

fn texts(record: &csv::ByteRecord) -> Result<Vec<String>, String> {
    record
        .iter()
        .map(|cell| String::from_utf8(cell.to_vec()).map_err(|_| "It is not written in UTF-8.".to_owned()))
        .collect()
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
    let Batch { columns, lines, .. } = batch;
    let judge = |cells: Result<Vec<String>, String>| {
        let row = read(&cells?, &columns)?;
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
            job.place = Some(format!("{} {}", batch.next.0, batch.next.1));
            job.done = i64::try_from(batch.next.0).unwrap_or(i64::MAX);
            if !batch.columns.unknown.is_empty() {
                job.report["unknown"] = batch.columns.unknown.join(", ").into();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let columns =
            Columns::of(&cells(&["\u{feff}Email", "Full name", "Shoe size", "subscribed_to_emails"])).unwrap();
        assert_eq!((columns.email, columns.name, columns.subscribed), (0, Some(1), Some(3)));
        assert_eq!(columns.unknown, ["shoe size"]);
        assert!(Columns::of(&cells(&["ada@example.org", "Ada"])).is_err());
    }

    #[test]
    fn a_line_is_read_or_says_what_is_wrong() {
        let header = ["email", "name", "labels", "newsletters", "subscribed", "created_at", "language", "note"];
        let columns = Columns::of(&cells(&header)).unwrap();
        let line = ["ada@example.org", "'=Ada", "one, Two;one", "REX Wire", "no", "2020-02-29 10:00", "de-AT", "hello"];
        let row = read(&cells(&line), &columns).unwrap();
        assert_eq!(row.name.as_deref(), Some("=Ada"));
        assert_eq!(row.labels, ["one", "Two"]);
        assert!(!row.subscribed && row.language == Some(Language::German));
        assert_eq!(row.created_at.unwrap().iso8601(), "2020-02-29T00:00:00.000Z");
        for (wrong, says) in [
            (["", "", "", "", "", "", "", ""], "no address"),
            (["nobody", "", "", "", "", "", "", ""], "nobody"),
            (["a@b.test", "x\u{202e}y", "", "", "", "", "", ""], "name"),
            (["a@b.test", "", "", "", "maybe", "", "", ""], "maybe"),
            (["a@b.test", "", "", "", "", "29.02.2020", "", ""], "no day"),
        ] {
            let said = read(&cells(&wrong), &columns).unwrap_err();
            assert!(said.contains(says), "{said}");
        }
    }
}
