//! From a row of the outbox to the letter: what a mail is about is read when it is sent, so that it
//! says what is true then, and so that the row itself holds no secret.

use super::billing_letters;
use super::letters::{self, Letter};
use super::outbox::{Claimed, Kind};
use super::staff_letters;
use super::suppression;
use crate::billing::notices;
use crate::clock::Timestamp;
use crate::config::Settings;
use crate::db::{Conn, DbResult};
use crate::members::address::EmailAddress;
use crate::members::{self, email_change};
use crate::newsletters::{editing, unsubscribing};
use crate::signin::links::{self, LinkState};
use crate::signin::{Policy, codes};
use crate::staff;

/// Reads what a mail says. `None`: what it is about is over, and it is not to be sent.
pub fn read(
    conn: &mut Conn,
    settings: &Settings,
    policy: &Policy,
    mail: &Claimed,
    now: Timestamp,
) -> DbResult<Option<Letter>> {
    match Kind::parse(&mail.kind) {
        Some(Kind::Link) => link(conn, settings, policy, mail, now),
        Some(Kind::AddressChanged) => address_changed(conn, settings, policy, mail, now),
        Some(Kind::AddressTaken) => address_taken(conn, settings, mail),
        Some(Kind::Welcome) => welcome(conn, settings, policy, mail, now),
        Some(Kind::Billing) => billing(conn, settings, policy, mail),
        Some(Kind::StaffLink) => staff_link(conn, settings, policy, mail, now),
        Some(Kind::StaffNotice) => staff_notice(conn, settings, mail),
        None => Ok(None),
    }
}

fn link(
    conn: &mut Conn,
    settings: &Settings,
    policy: &Policy,
    mail: &Claimed,
    now: Timestamp,
) -> DbResult<Option<Letter>> {
    let Some(id) = mail.link_id else { return Ok(None) };
    let link = links::by_id(conn, policy, id, now)?.filter(|link| link.state == LinkState::Live);
    Ok(link.map(|link| {
        let code = link.has_code.then(|| codes::code(policy, id));
        letters::link(settings, &link, &links::token(policy, id), code)
    }))
}

fn address_changed(
    conn: &mut Conn,
    settings: &Settings,
    policy: &Policy,
    mail: &Claimed,
    now: Timestamp,
) -> DbResult<Option<Letter>> {
    let Some(id) = mail.change_id else { return Ok(None) };
    let Some(change) = email_change::find(conn, id)?.filter(|change| change.undone_at.is_none()) else {
        return Ok(None);
    };
    if now >= change.undo_until {
        return Ok(None);
    }
    let language = members::language_of(conn, change.member_id)?.unwrap_or(settings.language);
    let undo = email_change::undo_token(policy, id);
    Ok(Some(letters::address_changed(settings, language, &change, &undo)))
}

fn address_taken(conn: &mut Conn, settings: &Settings, mail: &Claimed) -> DbResult<Option<Letter>> {
    let Ok(address) = EmailAddress::parse(&mail.recipient) else { return Ok(None) };
    let Some(owner) = members::contact_by_email(conn, &address)? else { return Ok(None) };
    let language = owner.language().unwrap_or(settings.language);
    Ok(Some(letters::address_taken(settings, language)))
}

/// What a member is told about what they pay. It goes to the address that the account has now.
fn billing(conn: &mut Conn, settings: &Settings, policy: &Policy, mail: &Claimed) -> DbResult<Option<Letter>> {
    let Some(id) = mail.notice_id else { return Ok(None) };
    let Some(notice) = notices::find(conn, id)? else { return Ok(None) };
    let language = members::language_of(conn, notice.member)?.unwrap_or(settings.language);
    Ok(Some(billing_letters::letter(settings, policy, language, &notice)))
}

fn staff_link(
    conn: &mut Conn,
    settings: &Settings,
    policy: &Policy,
    mail: &Claimed,
    now: Timestamp,
) -> DbResult<Option<Letter>> {
    let Some(id) = mail.staff_link_id else { return Ok(None) };
    let found = staff::links::find(conn, id, now)?;
    Ok(found.map(|link| staff_letters::link(settings, &link, &staff::links::token(&policy.key, id))))
}

fn staff_notice(conn: &mut Conn, settings: &Settings, mail: &Claimed) -> DbResult<Option<Letter>> {
    let Some(id) = mail.staff_notice_id else { return Ok(None) };
    let found = staff::notices::find(conn, id)?;
    Ok(found.map(|(notice, at, name)| staff_letters::notice(settings, &notice, at, &name)))
}

/// Nothing is said any more to somebody who has left every list, or whose mailbox does not exist.
fn welcome(
    conn: &mut Conn,
    settings: &Settings,
    policy: &Policy,
    mail: &Claimed,
    now: Timestamp,
) -> DbResult<Option<Letter>> {
    let Some(member) = mail.member_id else { return Ok(None) };
    let Some(uuid) = members::uuid_of(conn, member)? else { return Ok(None) };
    let Some(reader) = unsubscribing::holder(conn, uuid)?.filter(|reader| !reader.newsletters.is_empty()) else {
        return Ok(None);
    };
    let Ok(address) = EmailAddress::parse(&reader.email) else { return Ok(None) };
    if suppression::holds_back_newsletters(conn, &address, now)? {
        return Ok(None);
    }
    let language = reader.language.unwrap_or(settings.language);
    let mut letter = letters::welcome(settings, language, &policy.key, uuid, &reader.newsletters);
    if let ([only], Some(list)) = (reader.newsletters.as_slice(), &mut letter.list)
        && let Some(own) = editing::find(conn, only.id)?
    {
        (list.sender_name, list.reply_to) = (own.sender_name, own.reply_to);
    }
    Ok(Some(letter))
}
