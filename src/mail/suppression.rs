//! Addresses that mail does not go to (`reliability.md` §3.5).

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::config::seconds;
use crate::db::schema::suppressions;
use crate::db::{Conn, DbResult, on_either};
use crate::members::address::EmailAddress;

/// How long sign-in mail is held back after a hard bounce; then its owner may try again.
const SIGNIN_HELD_S: u64 = 7 * 86_400;

/// Notes that a mailbox does not exist. Newsletters stop at once and for good.
pub fn hard_bounce(conn: &mut Conn, email: &EmailAddress, detail: &str, now: Timestamp) -> DbResult<()> {
    diesel::delete(suppressions::table.find(email.key()).filter(suppressions::reason.eq("bounce"))).execute(conn)?;
    let known: i64 = suppressions::table.find(email.key()).count().get_result(conn)?;
    if known == 0 {
        diesel::insert_into(suppressions::table)
            .values((
                suppressions::email_key.eq(email.key()),
                suppressions::reason.eq("bounce"),
                suppressions::detail.eq(detail),
                suppressions::created_at.eq(now),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Whether a mail that its own reader asks for is held back too: for a week after a bounce.
pub fn holds_back_signin(conn: &mut Conn, email: &EmailAddress, now: Timestamp) -> DbResult<bool> {
    let since: Option<Timestamp> = suppressions::table
        .find(email.key())
        .filter(suppressions::reason.eq("bounce"))
        .select(suppressions::created_at)
        .get_result(conn)
        .optional()?;
    Ok(since.is_some_and(|since| now < since.plus(seconds(SIGNIN_HELD_S))))
}

/// Whether newsletters are held back: whatever the reason is, until it is over or lifted.
pub fn holds_back_newsletters(conn: &mut Conn, email: &EmailAddress, now: Timestamp) -> DbResult<bool> {
    let until: Option<Option<Timestamp>> =
        suppressions::table.find(email.key()).select(suppressions::until).get_result(conn).optional()?;
    Ok(until.is_some_and(|until| until.is_none_or(|until| now < until)))
}

/// A link that came back from a mailbox proves that the mailbox works.
pub fn lift_by_confirmation(conn: &mut Conn, email: &EmailAddress) -> DbResult<()> {
    diesel::delete(suppressions::table.find(email.key()).filter(suppressions::reason.eq("bounce"))).execute(conn)?;
    Ok(())
}

/// Its owner, signed in, says that mails may come again.
pub fn lift_by_owner(conn: &mut Conn, email: &EmailAddress) -> DbResult<()> {
    diesel::delete(suppressions::table.find(email.key())).execute(conn)?;
    Ok(())
}

/// An address that mail does not go to.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = suppressions)]
pub struct Held {
    pub email_key: String,
    pub reason: String,
    pub detail: Option<String>,
    pub created_at: Timestamp,
    pub until: Option<Timestamp>,
}

/// Addresses that begin so, after one of them.
pub fn page(conn: &mut Conn, prefix: &str, after: &str, most: i64) -> DbResult<Vec<Held>> {
    let mut query = suppressions::table
        .filter(suppressions::email_key.gt(after))
        .order(suppressions::email_key)
        .limit(most)
        .select(Held::as_select())
        .into_boxed();
    if !prefix.is_empty() {
        let last = format!("{prefix}\u{10FFFF}");
        query = query.filter(suppressions::email_key.ge(prefix)).filter(suppressions::email_key.lt(last));
    }
    Ok(query.load(conn)?)
}

/// Staff let mails go again; returns whether they may. A complaint is its reader's to take back.
pub fn lift_by_staff(conn: &mut Conn, email_key: &str) -> DbResult<bool> {
    let liftable = suppressions::table.find(email_key).filter(suppressions::reason.ne("complaint"));
    Ok(diesel::delete(liftable).execute(conn)? == 1)
}

/// Staff hold mails back, until they let them go again.
pub fn hold_by_staff(conn: &mut Conn, email: &EmailAddress, why: &str, now: Timestamp) -> DbResult<()> {
    let row = (
        suppressions::email_key.eq(email.key()),
        suppressions::reason.eq("staff"),
        suppressions::detail.eq(Some(why).filter(|why| !why.is_empty())),
        suppressions::created_at.eq(now),
    );
    on_either!(conn, conn => diesel::insert_into(suppressions::table).values(row).on_conflict_do_nothing().execute(conn)?);
    Ok(())
}

/// Whether a refusal means that the mailbox does not exist, rather than that the server does not
/// like us (policy, 5.7.x), by its enhanced code or else its code at the recipient (§3.5).
pub fn is_hard(code: u16, text: &str, at_recipient: bool) -> bool {
    match enhanced_code(text) {
        Some(enhanced) => ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"].contains(&enhanced),
        None => at_recipient && matches!(code, 550 | 551 | 553),
    }
}

/// RFC 3463: `5.1.1` at the start of a reply's text.
fn enhanced_code(text: &str) -> Option<&str> {
    let first = text.split_whitespace().next()?;
    let parts: Vec<&str> = first.split('.').collect();
    let numeric =
        parts.iter().all(|part| !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit()));
    (parts.len() == 3 && numeric).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_missing_mailbox_from_a_policy() {
        assert!(is_hard(550, "5.1.1 no such user", true));
        assert!(is_hard(550, "no such user", true));
        assert!(is_hard(554, "5.2.1 disabled", false));
        assert!(!is_hard(550, "5.7.1 blocked", true));
        assert!(!is_hard(554, "spam", false));
        assert!(!is_hard(552, "5.2.2 full", true));
        assert!(!is_hard(550, "we do not like you", false));
    }
}
