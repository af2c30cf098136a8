//! Reading a file of members: where each column stands, and what a line says. Pure, and all of it is
//! a stranger's file.

use std::io::Read;

use crate::clock::Timestamp;
use crate::members::address::EmailAddress;
use crate::members::{csv_cells, labels, name, notes};
use crate::texts::Language;

/// Lines of a file in one step.
const STEP: usize = 100;

/// Where each thing stands in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    email: usize,
    name: Option<usize>,
    labels: Option<usize>,
    newsletters: Option<usize>,
    subscribed: Option<usize>,
    created_at: Option<usize>,
    language: Option<usize>,
    note: Option<usize>,
    pub unknown: Vec<String>,
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
pub struct Row {
    pub email: EmailAddress,
    pub name: Option<String>,
    pub labels: Vec<String>,
    /// `None`: the line names none.
    pub newsletters: Option<Vec<String>>,
    pub subscribed: bool,
    pub created_at: Option<Timestamp>,
    pub language: Option<Language>,
    pub note: Option<String>,
}

/// Reads a line.
pub fn read(cells: &[String], columns: &Columns) -> Result<Row, String> {
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

pub(super) fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A place in a file: behind so many bytes, where the line of this number begins, as an editor counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub at: u64,
    pub line: i64,
}

/// The line that names the columns.
#[derive(Clone, Debug)]
pub struct Header {
    pub columns: Columns,
    delimiter: u8,
    /// Where the first line of members begins.
    pub ends: Place,
}

impl Header {
    /// Reads it from the beginning of a file, or says what is wrong with it.
    pub fn read(head: &[u8]) -> Result<Self, String> {
        let first_line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = |wanted: u8| first_line.iter().filter(|byte| **byte == wanted).count();
        let delimiter = if count(b';') > count(b',') { b';' } else { b',' };
        let mut reader = reader(head, delimiter);
        let mut record = csv::ByteRecord::new();
        if !reader.read_byte_record(&mut record).unwrap_or(false) {
            return Err("The file is empty.".to_owned());
        }
        let columns = Columns::of(&texts(&record)?)?;
        let at = reader.position().byte();
        let line = 1 + newlines(&head[..usize::try_from(at).unwrap_or(0)]);
        Ok(Self { columns, delimiter, ends: Place { at, line } })
    }
}

/// Some lines of a file.
#[derive(Debug)]
pub struct Batch {
    pub header: Header,
    /// The number of each line, as an editor shows it, and its cells.
    pub lines: Vec<(i64, Result<Vec<String>, String>)>,
    /// Where the next ones begin.
    pub next: Place,
    pub is_last: bool,
}

/// Reads the lines that stand in `bytes`, which begin at `from` in a file of `size` bytes: a step of them
/// at most. The error is one that ends the whole.
pub fn batch(header: Header, bytes: &[u8], from: Place, size: u64) -> Result<Batch, String> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let reaches_end = from.at + length >= size;
    // Behind a line break of ours: what begins a step is no beginning of a file, whose mark the reader would drop.
    let mut rows = reader((&b"\n"[..]).chain(bytes), header.delimiter);
    let mut record = csv::ByteRecord::new();
    let mut lines = Vec::new();
    // Where the next line begins, and its number.
    let mut at = (0, from.line);
    let is_last = loop {
        // Empty lines are passed even where nothing else stands in `bytes`: else they would be read for ever.
        at = skip_breaks(bytes, at);
        let (begins, number) = at;
        // Bytes of a slice are always there to be read.
        if !rows.read_byte_record(&mut record).unwrap_or(false) {
            break true;
        }
        let ends = rows.position().byte() - 1;
        if ends >= length && !reaches_end {
            // The line may go on behind what was read.
            if lines.is_empty() && begins == 0 {
                return Err(format!("Line {number} is longer than a megabyte."));
            }
            break false;
        }
        let passed = begins..usize::try_from(ends).unwrap_or(usize::MAX).max(begins);
        at = (passed.end, number + newlines(&bytes[passed]));
        if record.iter().any(|cell| !cell.is_empty()) {
            lines.push((number, texts(&record)));
        }
        if lines.len() >= STEP {
            break from.at + ends >= size;
        }
    };
    let next = Place { at: from.at + u64::try_from(at.0).unwrap_or(u64::MAX), line: at.1 };
    Ok(Batch { header, lines, next, is_last: is_last && reaches_end })
}

fn reader<R: Read>(source: R, delimiter: u8) -> csv::Reader<R> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(source)
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

/// The cells of a line, without the mark of a file's beginning, which stands in the middle of one that was put
/// together from several.
fn texts(record: &csv::ByteRecord) -> Result<Vec<String>, String> {
    let mut cells: Vec<String> = record
        .iter()
        .map(|cell| String::from_utf8(cell.to_vec()).map_err(|_| "It is not written in UTF-8.".to_owned()))
        .collect::<Result<_, _>>()?;
    if let Some(first) = cells.first_mut().filter(|first| first.starts_with('\u{feff}')) {
        *first = first.trim_start_matches('\u{feff}').to_owned();
    }
    Ok(cells)
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

    /// Found by fuzzing: a step that saw nothing but empty lines stayed where it was.
    #[test]
    fn many_empty_lines_are_passed() {
        let file = b"email\na@b.test\n\n\n\n\n\n\n\n\n\nc@d.test\n";
        let header = Header::read(file).unwrap();
        let (mut place, mut found) = (header.ends, Vec::new());
        for _ in 0..file.len() {
            let from = usize::try_from(place.at).unwrap();
            // Windows that hold a line, and less than all the empty ones.
            let bytes = &file[from..(from + 10).min(file.len())];
            let batch = batch(header.clone(), bytes, place, file.len() as u64).unwrap();
            found.extend(batch.lines.into_iter().map(|(line, cells)| (line, cells.unwrap().remove(0))));
            place = batch.next;
            if batch.is_last {
                break;
            }
        }
        assert_eq!(found, [(2, "a@b.test".to_owned()), (12, "c@d.test".to_owned())]);
    }

    /// Found by fuzzing: the mark was dropped where a step began, and nowhere else.
    #[test]
    fn the_mark_of_a_file_in_its_middle_is_dropped_wherever_it_stands() {
        let file = "email\na@b.test\n\u{feff}c@d.test\n".as_bytes();
        let header = Header::read(file).unwrap();
        let cells = |from: usize| {
            let place = Place { at: from as u64, line: 2 };
            let batch = batch(header.clone(), &file[from..], place, file.len() as u64).unwrap();
            batch.lines.into_iter().last().unwrap().1.unwrap()
        };
        assert_eq!((cells(6), cells(15)), (vec!["c@d.test".to_owned()], vec!["c@d.test".to_owned()]));
    }
}
