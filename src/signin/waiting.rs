//! The browser that asked for a link and waits for it to be used.
//!
//! The mail may be read on another device. There its link offers to sign in right there, or to let
//! in the browser that asked. The latter takes the two-digit number that only the asking browser
//! shows: whoever talks somebody else into pressing the button must also bring them a number, and
//! has three tries. `docs/security.md` tells against whom this holds.

use diesel::prelude::*;

use super::links::{self, LinkRow, LinkState, LinkView};
use super::redemption::{self, Browser, Redeemed};
use super::{Policy, present};
use crate::clock::Timestamp;
use crate::db::schema::magic_links;
use crate::db::{Conn, DbResult};
use crate::members;
use crate::secrets::{self, Sha256, Token};

/// The number that the asking browser shows. It depends on its cookie alone, so that it says
/// nothing about whether a mail went out.
pub fn number(policy: &Policy, asked_by: &Sha256) -> String {
    let mac = policy.key.hmac(secrets::Purpose::WaitingNumber, asked_by);
    let number = u32::from_be_bytes([mac[0], mac[1], mac[2], mac[3]]);
    (10 + number % 90).to_string()
}

/// Where the newest request of a browser stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing yet; also where no mail went out, which nobody is told.
    Waiting,
    /// Somebody with the link let this browser in.
    Granted,
    /// The link was used where it was opened.
    UsedElsewhere,
    /// The link ended.
    Over,
}

/// Looks at the newest request of a browser from a page that waits. Only reads, so it may be asked often.
pub fn look(conn: &mut Conn, asked_by: &Sha256, now: Timestamp) -> DbResult<Standing> {
    Ok(newest(conn, asked_by)?.map_or(Standing::Waiting, |link| standing(&link, now)))
}

fn standing(link: &LinkRow, now: Timestamp) -> Standing {
    match link.state(now) {
        LinkState::Used => Standing::UsedElsewhere,
        LinkState::Voided | LinkState::Expired => Standing::Over,
        LinkState::Live if link.granted_at.is_some() => Standing::Granted,
        LinkState::Live => Standing::Waiting,
    }
}

fn newest(conn: &mut Conn, asked_by: &Sha256) -> DbResult<Option<LinkRow>> {
    let newest = magic_links::table
        .filter(magic_links::asked_by.eq(&asked_by[..]).and(magic_links::code_ref.is_not_null()))
        .order((magic_links::created_at.desc(), magic_links::id.desc()))
        .select(LinkRow::as_select());
    Ok(newest.first(conn).optional()?)
}

/// What the waiting page does when it is shown. Lives for one answer only, so its size is no matter.
#[allow(clippy::large_enum_variant)]
pub enum Arrived {
    Standing(Standing),
    /// It was let in, and now is.
    Redeemed(Redeemed),
    /// The link was used in another tab of this very browser.
    SignedInAlready {
        return_to: Option<String>,
    },
}

/// The asking browser shows its page: notes that it waits, or completes what was granted.
pub fn arrive(
    conn: &mut Conn,
    policy: &Policy,
    asked_by: &Sha256,
    browser: &Browser,
    now: Timestamp,
) -> DbResult<Arrived> {
    let Some(link) = newest(conn, asked_by)? else {
        return Ok(Arrived::Standing(Standing::Waiting));
    };
    let standing = standing(&link, now);
    if standing == Standing::Granted {
        let token = links::token(policy, link.id);
        return redemption::redeem(conn, policy, &token, browser, now).map(Arrived::Redeemed);
    }
    if standing == Standing::UsedElsewhere && is_signed_in_by(conn, policy, browser, &link, now)? {
        return Ok(Arrived::SignedInAlready { return_to: link.return_to });
    }
    if standing == Standing::Waiting && link.waited_since.is_none() {
        diesel::update(magic_links::table.find(link.id)).set(magic_links::waited_since.eq(now)).execute(conn)?;
    }
    Ok(Arrived::Standing(standing))
}

/// Whether this browser has a session of the member the link was for.
fn is_signed_in_by(
    conn: &mut Conn,
    policy: &Policy,
    browser: &Browser,
    link: &LinkRow,
    now: Timestamp,
) -> DbResult<bool> {
    let Some(session) = &browser.session else {
        return Ok(false);
    };
    match present::who(conn, &policy.lifetimes, session, now)? {
        Some(who) => members::owns(conn, who.id, &link.email()?),
        None => Ok(false),
    }
}

/// What became of letting the asking browser in.
pub enum Granted {
    /// The asking browser completes with its next look.
    Done(LinkView),
    /// The number was another. The link still works.
    WrongNumber(LinkView),
    /// The asking browser does not wait, or there were too many wrong numbers.
    Refused(LinkView),
    Dead(LinkView),
    Unknown,
}

/// Lets in the browser that asked. Every try counts before it is looked at.
pub fn grant(conn: &mut Conn, policy: &Policy, token: &Token, given: &str, now: Timestamp) -> DbResult<Granted> {
    let Some(link) = links::find(conn, token)? else {
        return Ok(Granted::Unknown);
    };
    if link.state(now) != LinkState::Live {
        return link.view(policy, now).map(Granted::Dead);
    }
    let most = i32::try_from(policy.limits.number_tries).unwrap_or(i32::MAX);
    let counted = diesel::update(magic_links::table.find(link.id))
        .filter(magic_links::waited_since.is_not_null().and(magic_links::granted_at.is_null()))
        .filter(magic_links::used_at.is_null().and(magic_links::number_tries.lt(most)))
        .set(magic_links::number_tries.eq(magic_links::number_tries + 1))
        .execute(conn)?;
    let (Some(asked_by), 1) = (link.asked_by(), counted) else {
        return link.view(policy, now).map(Granted::Refused);
    };
    let Some(link) = links::row(conn, link.id)? else {
        return Ok(Granted::Unknown);
    };
    if !secrets::equal(given.trim().as_bytes(), number(policy, &asked_by).as_bytes()) {
        return link.view(policy, now).map(Granted::WrongNumber);
    }
    diesel::update(magic_links::table.find(link.id)).set(magic_links::granted_at.eq(now)).execute(conn)?;
    link.view(policy, now).map(Granted::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SecretKey;

    #[test]
    fn a_number_has_two_digits_and_is_the_browsers_own() {
        let policy = Policy::with_key(SecretKey::from_bytes([1; 32]));
        let numbers: std::collections::BTreeSet<String> =
            (0..=255_u8).map(|byte| number(&policy, &[byte; 32])).collect();
        assert!(numbers.len() > 60 && numbers.iter().all(|number| number.len() == 2));
    }
}
