//! Proof of consent: which words, on which page, when asked, when confirmed, how
//! (`reliability.md` V1). Rows are only ever added.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::{consent_texts, consents};
use crate::db::{Conn, DbResult, on_either};
use crate::ids::{ConsentId, ConsentTextId, MemberId, NewsletterId};
use crate::secrets;

/// What somebody agreed to, and how.
pub struct Consent<'a> {
    pub text: &'a str,
    pub form_url: Option<&'a str>,
    /// The truncated network it came from.
    pub client: Option<&'a str>,
    pub method: &'a str,
    pub asked_at: Timestamp,
}

#[derive(Insertable)]
#[diesel(table_name = consents, treat_none_as_default_value = false)]
struct Row<'a> {
    id: ConsentId,
    member_id: MemberId,
    newsletter_id: Option<NewsletterId>,
    text_id: ConsentTextId,
    form_url: Option<&'a str>,
    client: Option<&'a str>,
    method: &'a str,
    asked_at: Timestamp,
    confirmed_at: Timestamp,
}

impl<'a> Row<'a> {
    fn new(
        member_id: MemberId,
        newsletter_id: Option<NewsletterId>,
        text_id: ConsentTextId,
        consent: &Consent<'a>,
        now: Timestamp,
    ) -> Self {
        let Consent { form_url, client, method, asked_at, .. } = *consent;
        let (id, confirmed_at) = (ConsentId::new(now), now);
        Self { id, member_id, newsletter_id, text_id, form_url, client, method, asked_at, confirmed_at }
    }
}

/// Writes one row a list, or one without a list for a membership that joins none.
pub fn record(
    conn: &mut Conn,
    member: MemberId,
    lists: &[NewsletterId],
    consent: &Consent<'_>,
    now: Timestamp,
) -> DbResult<()> {
    let text_id = text_id(conn, consent.text, now)?;
    let lists: Vec<Option<NewsletterId>> =
        if lists.is_empty() { vec![None] } else { lists.iter().copied().map(Some).collect() };
    for list in lists {
        let row = Row::new(member, list, text_id, consent, now);
        diesel::insert_into(consents::table).values(row).execute(conn)?;
    }
    Ok(())
}

/// The same agreement of many, to one list.
pub fn record_all(
    conn: &mut Conn,
    members: &[MemberId],
    list: NewsletterId,
    consent: &Consent<'_>,
    now: Timestamp,
) -> DbResult<()> {
    let text_id = text_id(conn, consent.text, now)?;
    let rows: Vec<Row<'_>> =
        members.iter().map(|member| Row::new(*member, Some(list), text_id, consent, now)).collect();
    on_either!(conn, conn => diesel::insert_into(consents::table).values(&rows).execute(conn)?);
    Ok(())
}

/// The same words stand once, however many people agreed to them.
fn text_id(conn: &mut Conn, text: &str, now: Timestamp) -> DbResult<ConsentTextId> {
    let sha256 = secrets::sha256(text.as_bytes());
    let known = consent_texts::table.filter(consent_texts::sha256.eq(&sha256[..])).select(consent_texts::id);
    if let Some(id) = known.get_result(conn).optional()? {
        return Ok(id);
    }
    let new = (
        consent_texts::id.eq(ConsentTextId::new(now)),
        consent_texts::sha256.eq(&sha256[..]),
        consent_texts::text.eq(text),
    );
    on_either!(conn, conn => diesel::insert_into(consent_texts::table).values(new).on_conflict_do_nothing().execute(conn)?);
    Ok(known.get_result(conn)?)
}
