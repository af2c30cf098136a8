//! What programs of the site change about members (protocol D.5). They act for whoever runs the site: the
//! proof of consent names the program, and nobody whose account was erased comes in again.

use super::address::EmailAddress;
use super::preferences::{self, Changes, Place};
use super::{Imported, email_change, exists, find_by_email, labels, leaving, notes};
use crate::billing::comps;
use crate::billing::subscriptions as paid;
use crate::clock::Timestamp;
use crate::db::{Conn, DbResult};
use crate::ids::{MemberId, NewsletterId, TierId};
use crate::signin::Policy;

/// What is to be so; `None` leaves a thing as it is.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    pub email: Option<EmailAddress>,
    /// `Some(None)` takes the name away.
    pub name: Option<Option<String>>,
    pub note: Option<String>,
    pub labels: Option<Vec<String>>,
    pub newsletters: Option<Vec<NewsletterId>>,
    pub subscribed: Option<bool>,
    /// Free access to a tier, with its end if it has one; `Some(None)` takes it away.
    pub comp: Option<Option<(TierId, Option<Timestamp>)>>,
}

/// Why a change is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotChanged {
    Unknown,
    /// The address is another member's.
    Taken,
    /// Whoever had the address had the account erased.
    Erased,
    /// They pay: nothing can be given to them free of charge, and they are not erased.
    Pays,
}

type Changed<T> = DbResult<Result<T, NotChanged>>;

/// Makes a member of an address.
pub fn add(
    conn: &mut Conn,
    policy: &Policy,
    email: &EmailAddress,
    wishes: &Wishes,
    program: &str,
    now: Timestamp,
) -> Changed<MemberId> {
    if find_by_email(conn, email)?.is_some() {
        return Ok(Err(NotChanged::Taken));
    }
    if !leaving::erased_among(conn, policy, &[email])?.is_empty() {
        return Ok(Err(NotChanged::Erased));
    }
    let name = wishes.name.clone().flatten();
    let new = Imported { email, name: name.as_deref(), language: None, created_at: now };
    let Some(id) = super::bring_in(conn, &[new], now)?.into_iter().next() else {
        return Ok(Err(NotChanged::Unknown));
    };
    let subscribed = Some(wishes.subscribed.unwrap_or(true));
    let wishes = Wishes { email: None, subscribed, ..wishes.clone() };
    Ok(edit(conn, policy, id, &wishes, program, now)?.map(|()| id))
}

/// Changes a member.
pub fn edit(
    conn: &mut Conn,
    policy: &Policy,
    id: MemberId,
    wishes: &Wishes,
    program: &str,
    now: Timestamp,
) -> Changed<()> {
    if !exists(conn, id)? {
        return Ok(Err(NotChanged::Unknown));
    }
    if wishes.comp.is_some_and(|comp| comp.is_some()) && paid::is_charged(conn, id)? {
        return Ok(Err(NotChanged::Pays));
    }
    if let Some(email) = &wishes.email {
        match find_by_email(conn, email)? {
            Some(other) if other != id => return Ok(Err(NotChanged::Taken)),
            Some(_) => {}
            // The former address is told, and every session ends.
            None => {
                email_change::apply(conn, policy, id, email, now)?;
            }
        }
    }
    let method = format!("by program: {program}");
    let place = Place { method: &method, page: None, client: "", consent_text: "Subscribed by a program of the site." };
    let changes = Changes {
        name: wishes.name.clone(),
        newsletters: wishes.newsletters.clone(),
        subscribed: wishes.subscribed,
        ..Changes::default()
    };
    preferences::apply(conn, id, &changes, &place, now)?;
    if let Some(names) = &wishes.labels {
        labels::set(conn, id, names, now)?;
    }
    if let Some(note) = &wishes.note {
        let is_new = notes::of(conn, id)?.first().is_none_or(|newest| newest.text != *note);
        if is_new && !note.is_empty() {
            notes::add(conn, id, program, note, now)?;
        }
    }
    match wishes.comp {
        Some(Some((tier, until))) => comps::give(conn, policy, id, tier, until, Some(&method), now)?,
        Some(None) => comps::take_back(conn, policy, id, now)?,
        None => {}
    }
    Ok(Ok(()))
}

/// Erases a member, with everything that names them.
pub fn remove(conn: &mut Conn, policy: &Policy, id: MemberId, now: Timestamp) -> Changed<()> {
    if !exists(conn, id)? {
        return Ok(Err(NotChanged::Unknown));
    }
    if paid::is_charged(conn, id)? {
        return Ok(Err(NotChanged::Pays));
    }
    leaving::erase_now(conn, policy, id, now)?;
    Ok(Ok(()))
}
