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
        diesel::insert_into(consents::table)
            .values((
                consents::id.eq(ConsentId::new(now)),
                consents::member_id.eq(member),
                consents::newsletter_id.eq(list),
                consents::text_id.eq(text_id),
                consents::form_url.eq(consent.form_url),
                consents::client.eq(consent.client),
                consents::method.eq(consent.method),
                consents::asked_at.eq(consent.asked_at),
                consents::confirmed_at.eq(now),
            ))
            .execute(conn)?;
    }
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
