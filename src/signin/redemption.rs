//! Redeeming a magic link: the token is consumed, the member made with its consent, a session
//! opened, all in one transaction.

use diesel::prelude::*;

use super::links::{self, LinkRow, LinkState, LinkView, Purpose, Via, Wishes};
use super::{Policy, sessions};
use crate::billing::customers;
use crate::clock::Timestamp;
use crate::db::schema::magic_links;
use crate::db::{Conn, DbResult};
use crate::ids::{MemberId, NewsletterId};
use crate::mail::outbox::{self, About, Kind};
use crate::mail::suppression;
use crate::members::address::EmailAddress;
use crate::members::events::Event;
use crate::members::{self, NewMember, email_change, events, labels, leaving};
use crate::newsletters::consents::{self, Consent};
use crate::newsletters::{self, subscriptions};
use crate::secrets::{Sha256, Token};

/// What a confirmed link did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    SignedUp,
    SignedIn,
    Subscribed,
    AlreadySubscribed,
    EmailChanged,
    /// The present address agreed; a mail to the new one is on its way.
    EmailApproved,
}

/// A link that was redeemed.
pub struct Done {
    pub outcome: Outcome,
    pub purpose: Purpose,
    pub session: Token,
    pub via: Via,
    pub return_to: Option<String>,
}

/// The browser in which a link ends.
pub struct Browser {
    /// In words, such as `Firefox on Linux`.
    pub agent: Option<String>,
    /// The session it had, whoever's it was: it ends with the new one (`reliability.md` S5).
    pub session: Option<Sha256>,
}

/// The end of a link.
pub enum Redeemed {
    Done(Done),
    Dead(LinkView),
    Unknown,
}

/// Confirms a link: consumes the token, makes or finds the member, opens a session. One of many
/// parallel tries succeeds: the others find the token used (`reliability.md` T2).
pub fn redeem(
    conn: &mut Conn,
    policy: &Policy,
    token: &Token,
    browser: &Browser,
    now: Timestamp,
) -> DbResult<Redeemed> {
    let Some(link) = links::find(conn, token)? else {
        return Ok(Redeemed::Unknown);
    };
    let consumed = diesel::update(magic_links::table.find(link.id))
        .filter(magic_links::used_at.is_null().and(magic_links::voided_at.is_null()))
        .filter(magic_links::expires_at.gt(now))
        .set(magic_links::used_at.eq(now))
        .execute(conn)?;
    if consumed != 1 {
        // Read again: a parallel try may have consumed it since.
        return Ok(links::look(conn, policy, token, now)?.map_or(Redeemed::Unknown, Redeemed::Dead));
    }
    let (purpose, email, wishes) = (link.purpose()?, link.email()?, link.wishes()?);
    if purpose == Purpose::UpdateEmail && !change_address(conn, policy, &link, &email, now)? {
        return dead(link, policy, now);
    }
    let Some((member, is_new)) = account_of(conn, &link, purpose, &email, &wishes, now)? else {
        return dead(link, policy, now);
    };
    let outcome = match purpose {
        Purpose::SignIn => Outcome::SignedIn,
        Purpose::SignUp if !is_new => Outcome::SignedIn,
        Purpose::SignUp => {
            join_lists(conn, policy, member, is_new, &link, &wishes, now)?;
            Outcome::SignedUp
        }
        Purpose::Subscribe => {
            let joined = join_lists(conn, policy, member, is_new, &link, &wishes, now)?;
            if is_new || !joined.is_empty() { Outcome::Subscribed } else { Outcome::AlreadySubscribed }
        }
        Purpose::UpdateEmail => Outcome::EmailChanged,
        Purpose::ApproveEmailUpdate => {
            let Some(new) = wishes.new_email.as_deref().and_then(|text| EmailAddress::parse(text).ok()) else {
                return dead(link, policy, now);
            };
            email_change::ask_new_address(conn, policy, member, &new, &link.origin(&wishes), now)?;
            Outcome::EmailApproved
        }
    };
    suppression::lift_by_confirmation(conn, &email)?;
    leaving::came_back(conn, policy, &email)?;
    // What was paid for under this address before it was proved.
    customers::claim(conn, policy, member, &email, now)?;
    if let Some(replaced) = &browser.session {
        sessions::close(conn, replaced, now)?;
    }
    let session = sessions::open(conn, member, browser.agent.as_deref(), now)?;
    events::record(conn, member, Event::SignedIn, now)?;
    members::seen(conn, member, now)?;
    Ok(Redeemed::Done(Done { outcome, purpose, session, via: wishes.via, return_to: link.return_to }))
}

/// The token is consumed, and led nowhere.
fn dead(link: LinkRow, policy: &Policy, now: Timestamp) -> DbResult<Redeemed> {
    link.view(policy, now).map(|view| Redeemed::Dead(LinkView { state: LinkState::Voided, ..view }))
}

fn change_address(
    conn: &mut Conn,
    policy: &Policy,
    link: &LinkRow,
    new: &EmailAddress,
    now: Timestamp,
) -> DbResult<bool> {
    match link.member_id {
        Some(member) => email_change::apply(conn, policy, member, new, now),
        None => Ok(false),
    }
}

/// The member behind a link, made now if the link is for somebody new. `None`: the account that
/// the link was sent for has another address by now, or is gone (`reliability.md` T7).
fn account_of(
    conn: &mut Conn,
    link: &LinkRow,
    purpose: Purpose,
    email: &EmailAddress,
    wishes: &Wishes,
    now: Timestamp,
) -> DbResult<Option<(MemberId, bool)>> {
    if let Some(member) = link.member_id {
        return Ok(members::owns(conn, member, email)?.then_some((member, false)));
    }
    if !matches!(purpose, Purpose::SignUp | Purpose::Subscribe) {
        return Ok(None);
    }
    let new = NewMember {
        email,
        name: wishes.name.as_deref(),
        source_page: wishes.page.as_deref(),
        referrer: wishes.referrer.as_deref(),
        attribution: wishes.attribution.as_ref(),
        language: Some(wishes.language),
    };
    let (member, is_new) = members::create(conn, &new, now)?;
    if is_new {
        events::record(conn, member, Event::SignedUp, now)?;
        labels::attach(conn, member, &wishes.labels, now)?;
    }
    Ok(Some((member, is_new)))
}

/// Puts the member on the lists that were chosen, with proof of consent; returns the new ones.
fn join_lists(
    conn: &mut Conn,
    policy: &Policy,
    member: MemberId,
    is_new: bool,
    link: &LinkRow,
    wishes: &Wishes,
    now: Timestamp,
) -> DbResult<Vec<NewsletterId>> {
    let active = newsletters::active(conn)?;
    let chosen = match &wishes.newsletters {
        None => newsletters::defaults(&active),
        // A list may have been archived since: join those that are left.
        Some(wanted) => wanted
            .iter()
            .filter_map(|name| newsletters::choose(&active, std::slice::from_ref(name)).ok())
            .flatten()
            .collect(),
    };
    let joined = subscriptions::subscribe(conn, member, &chosen, now)?;
    if policy.welcome_mail && !joined.is_empty() {
        let recipient = members::email_of(conn, member)?;
        let about = About { member: Some(member), ..About::default() };
        outbox::enqueue_notice(conn, Kind::Welcome, &recipient, about, now)?;
    }
    if is_new || !joined.is_empty() {
        let consent = Consent {
            text: &wishes.consent_text,
            form_url: wishes.page.as_deref(),
            client: Some(&wishes.client),
            method: match wishes.via {
                Via::Form => "form, confirmed by link",
                Via::Api => "api, confirmed by link",
            },
            asked_at: link.created_at,
        };
        consents::record(conn, member, &joined, &consent, now)?;
    }
    Ok(joined)
}
