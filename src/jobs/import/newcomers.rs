//! Those of a step who are new. They are written together: a statement for each thing, not for each of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Request, Row, agreement, method};
use crate::clock::Timestamp;
use crate::config::Settings;
use crate::db::{Conn, DbResult};
use crate::ids::{LabelId, MemberId, NewsletterId};
use crate::jobs::{Job, note_members};
use crate::mail::outbox;
use crate::members::{self, Imported, labels, notes};
use crate::newsletters::{consents, subscriptions};

/// A line of somebody who is no member, and the lists they come on.
pub struct Newcomer<'a> {
    pub row: &'a Row,
    pub lists: &'a [NewsletterId],
}

/// Makes members of all of them; returns their ids in the same order.
pub fn create(
    conn: &mut Conn,
    request: &Request,
    settings: &Settings,
    job: &Job,
    new: &[Newcomer<'_>],
    now: Timestamp,
) -> DbResult<Vec<MemberId>> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let imported: Vec<Imported<'_>> = new
        .iter()
        .map(|Newcomer { row, .. }| Imported {
            email: &row.email,
            name: row.name.as_deref(),
            language: row.language,
            created_at: row.created_at.filter(|at| *at < now).unwrap_or(now),
        })
        .collect();
    let ids = members::bring_in(conn, &imported, now)?;
    note_members(conn, job.id, &ids)?;

    let mut of_list: BTreeMap<NewsletterId, Vec<MemberId>> = BTreeMap::new();
    for (id, newcomer) in ids.iter().zip(new) {
        for list in newcomer.lists.iter().collect::<BTreeSet<_>>() {
            of_list.entry(*list).or_default().push(*id);
        }
    }
    let method = method(request, job);
    for (list, members) in of_list {
        subscriptions::begin(conn, &members, list, now)?;
        consents::record_all(conn, &members, list, &agreement(request, job, &method), now)?;
    }
    for (label, members) in labelled(conn, request, &ids, new, now)? {
        labels::put_first(conn, &members.into_iter().collect::<Vec<_>>(), label)?;
    }
    let welcomes = request.welcome && settings.smtp.is_some();
    for (id, Newcomer { row, lists }) in ids.iter().zip(new) {
        if let Some(note) = &row.note {
            notes::add(conn, *id, &job.made_by, note, now)?;
        }
        if welcomes && !lists.is_empty() {
            let about = outbox::About { member: Some(*id), ..outbox::About::default() };
            outbox::enqueue_notice(conn, outbox::Kind::Welcome, &row.email.as_given(), about, now)?;
        }
    }
    Ok(ids)
}

/// Who gets which label: those of the line, and the one for all.
fn labelled(
    conn: &mut Conn,
    request: &Request,
    ids: &[MemberId],
    new: &[Newcomer<'_>],
    now: Timestamp,
) -> DbResult<BTreeMap<LabelId, BTreeSet<MemberId>>> {
    let mut known: HashMap<&str, LabelId> = HashMap::new();
    let mut labelled: BTreeMap<LabelId, BTreeSet<MemberId>> = BTreeMap::new();
    for (id, Newcomer { row, .. }) in ids.iter().zip(new) {
        let for_all = Some(&request.label).filter(|label| !label.is_empty());
        for name in row.labels.iter().chain(for_all) {
            let label = match known.get(name.as_str()) {
                Some(label) => *label,
                None => *known.entry(name).or_insert(labels::ensure(conn, name, now)?),
            };
            labelled.entry(label).or_default().insert(*id);
        }
    }
    Ok(labelled)
}
