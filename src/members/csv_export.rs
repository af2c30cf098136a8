//! Members as a CSV file (RFC 4180, UTF-8, CRLF), a piece at a time.

use std::collections::HashMap;

use diesel::prelude::*;

use super::csv_cells::guarded;
use super::listing::{self, Filter};
use crate::clock::Timestamp;
use crate::db::schema::{labels, member_labels, newsletter_subscriptions, newsletters};
use crate::db::{Conn, DbError, DbResult};
use crate::ids::{LabelId, MemberId, NewsletterId};

/// Column names. `import` reads those that say something to it.
const COLUMNS: [&str; 9] =
    ["id", "email", "name", "status", "newsletters", "labels", "language", "created_at", "last_seen_at"];

fn line(cells: &[&str]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(cells)?;
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// The first line.
pub fn head() -> Vec<u8> {
    // Constant words always fit into a line.
    line(&COLUMNS).unwrap_or_default()
}

/// A part of the file.
pub struct Piece {
    pub text: Vec<u8>,
    pub lines: i64,
    /// The last member that was looked at, if there may be more.
    pub last: Option<MemberId>,
}

/// Lines of those who fit, among `most` members after one.
pub fn piece(conn: &mut Conn, filter: &Filter, after: Option<MemberId>, most: i64, now: Timestamp) -> DbResult<Piece> {
    let (members, last) = listing::walk(conn, filter, after, most, now)?;
    let ids: Vec<MemberId> = members.iter().map(|one| one.id).collect();
    let list_names: HashMap<NewsletterId, String> =
        newsletters::table.select((newsletters::id, newsletters::slug)).load(conn)?.into_iter().collect();
    let label_names: HashMap<LabelId, String> =
        labels::table.select((labels::id, labels::name)).load(conn)?.into_iter().collect();
    let on: Vec<(MemberId, NewsletterId)> = newsletter_subscriptions::table
        .filter(newsletter_subscriptions::member_id.eq_any(&ids))
        .select((newsletter_subscriptions::member_id, newsletter_subscriptions::newsletter_id))
        .load(conn)?;
    let with: Vec<(MemberId, LabelId)> = member_labels::table
        .filter(member_labels::member_id.eq_any(&ids))
        .select((member_labels::member_id, member_labels::label_id))
        .load(conn)?;
    let lists = named(on, &list_names);
    let labels = named(with, &label_names);
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for one in &members {
        let none = String::new();
        let seen = one.last_seen_at.map_or_else(String::new, Timestamp::iso8601);
        let written = writer.write_record([
            one.id.to_string().as_str(),
            &guarded(&one.email),
            &guarded(one.name.as_deref().unwrap_or_default()),
            &one.status,
            &guarded(lists.get(&one.id).unwrap_or(&none)),
            &guarded(labels.get(&one.id).unwrap_or(&none)),
            one.language.as_deref().unwrap_or_default(),
            &one.created_at.iso8601(),
            &seen,
        ]);
        written.map_err(|error| DbError::Corrupt(error.to_string()))?;
    }
    let text = writer.into_inner().map_err(|error| DbError::Corrupt(error.to_string()))?;
    Ok(Piece { text, lines: i64::try_from(members.len()).unwrap_or(i64::MAX), last })
}

/// What each member has, in one text.
fn named<T: Eq + std::hash::Hash>(pairs: Vec<(MemberId, T)>, names: &HashMap<T, String>) -> HashMap<MemberId, String> {
    let mut all: HashMap<MemberId, Vec<&str>> = HashMap::new();
    for (member, id) in &pairs {
        if let Some(name) = names.get(id) {
            all.entry(*member).or_default().push(name);
        }
    }
    all.into_iter()
        .map(|(member, mut names)| {
            names.sort_unstable();
            (member, names.join(";"))
        })
        .collect()
}
