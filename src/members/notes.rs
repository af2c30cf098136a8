//! What staff write down about a member.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::member_notes;
use crate::db::{Conn, DbResult};
use crate::ids::{MemberId, NoteId};

/// Characters of a note.
pub const LONGEST: usize = 5_000;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = member_notes)]
pub struct Note {
    pub id: NoteId,
    /// The name of whoever wrote it.
    pub author: String,
    pub text: String,
    pub created_at: Timestamp,
}

pub fn add(conn: &mut Conn, member: MemberId, author: &str, text: &str, now: Timestamp) -> DbResult<NoteId> {
    let id = NoteId::new(now);
    diesel::insert_into(member_notes::table)
        .values((
            member_notes::id.eq(id),
            member_notes::member_id.eq(member),
            member_notes::author.eq(author),
            member_notes::text.eq(text),
            member_notes::created_at.eq(now),
        ))
        .execute(conn)?;
    Ok(id)
}

/// The newest first.
pub fn of(conn: &mut Conn, member: MemberId) -> DbResult<Vec<Note>> {
    Ok(member_notes::table
        .filter(member_notes::member_id.eq(member))
        .order(member_notes::id.desc())
        .select(Note::as_select())
        .load(conn)?)
}

/// Takes a note away; returns whether it was there.
pub fn remove(conn: &mut Conn, member: MemberId, note: NoteId) -> DbResult<bool> {
    let found = member_notes::table.find(note).filter(member_notes::member_id.eq(member));
    Ok(diesel::delete(found).execute(conn)? == 1)
}
