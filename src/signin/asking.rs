//! Asking for a mail with a link: its budgets, its row, its mail.

use std::time::Duration;

use diesel::prelude::*;
use uuid::Uuid;

use super::Policy;
use super::integrity::Nonce;
use super::links::{self, LinkView, NewLink, Purpose, Via, Wishes};
use crate::clock::Timestamp;
use crate::config::seconds;
use crate::db::schema::magic_links;
use crate::db::{Conn, DbResult};
use crate::ids::{self, MagicLinkId, MemberId};
use crate::limits::{self, ClientNetwork, Verdict, Window};
use crate::mail::{outbox, suppression};
use crate::members::address::EmailAddress;
use crate::members::attribution::Attribution;
use crate::members::{self, Contact};
use crate::newsletters;
use crate::secrets::{Sha256, Token};
use crate::texts::Language;

/// Somebody asks for a mail with a link.
pub struct LinkRequest {
    pub purpose: Purpose,
    pub email: EmailAddress,
    pub name: Option<String>,
    /// Lists by name, slug, id or UUID. `None`: those that one joins by signing up.
    pub newsletters: Option<Vec<String>>,
    pub labels: Vec<String>,
    /// Where the browser goes afterwards; checked before it comes here.
    pub return_to: Option<String>,
    pub via: Via,
    /// The page of the form, and where the visitor had come from.
    pub page: Option<String>,
    pub referrer: Option<String>,
    pub attribution: Option<Attribution>,
    /// The words beside the form's button.
    pub consent_text: String,
    pub language: Language,
    pub client: ClientNetwork,
    /// The hash of the cookie of the asking browser.
    pub asked_by: Option<Sha256>,
    /// The asking browser in words, such as `Firefox on Linux`.
    pub agent: Option<String>,
    /// The API's integrity token, to be used up.
    pub nonce: Option<Nonce>,
    /// Whether the mail may be answered with a code in place of the link.
    pub with_code: bool,
}

/// What became of a request. The answer to the asker says nothing about the address.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// With the reference of the code, if one was asked for.
    Accepted(Option<Uuid>),
    /// The client's own budget is spent; the address plays no part in it.
    ClientOverLimit {
        retry_after: Duration,
    },
    NonceUsed,
    UnknownNewsletters(Vec<String>),
}

/// Takes a request: checks its budgets, writes the link and the mail in this transaction.
///
/// A sign-in for an address that nobody has confirmed leaves the same rows, with a mail that is
/// withheld, so that known and unknown cost the same (`reliability.md` V5).
pub fn request(conn: &mut Conn, policy: &Policy, asked: &LinkRequest, now: Timestamp) -> DbResult<Asked> {
    if let Some(nonce) = &asked.nonce
        && !nonce.use_up(conn, policy, now)?
    {
        return Ok(Asked::NonceUsed);
    }
    if let Verdict::Refused { retry_after } = admit_client(conn, policy, asked.client, now)? {
        return Ok(Asked::ClientOverLimit { retry_after });
    }
    if let Some(wanted) = asked.newsletters.as_ref().filter(|wanted| !wanted.is_empty())
        && let Err(unknown) = newsletters::choose(&newsletters::active(conn)?, wanted)
    {
        return Ok(Asked::UnknownNewsletters(unknown));
    }
    Ok(Asked::Accepted(issue(conn, policy, asked, now)?))
}

/// Writes link and mail, unless the budget of the address or of the site is spent. Returns the
/// reference of the code; one that leads nowhere looks like any other.
fn issue(conn: &mut Conn, policy: &Policy, asked: &LinkRequest, now: Timestamp) -> DbResult<Option<Uuid>> {
    let code_ref = asked.with_code.then(ids::uuid);
    let member = members::contact_by_email(conn, &asked.email)?;
    let purpose = match (asked.purpose, &member) {
        (Purpose::SignUp, Some(_)) => Purpose::SignIn,
        (purpose, _) => purpose,
    };
    if !admit_address(conn, policy, &asked.email, now)? {
        return Ok(code_ref);
    }
    if member.is_none() && purpose != Purpose::SignIn && !site_has_room(conn, policy, now)? {
        return Ok(code_ref);
    }
    let goes_out =
        (member.is_some() || purpose != Purpose::SignIn) && !suppression::holds_back_signin(conn, &asked.email, now)?;

    void_all_but_newest(conn, policy, &asked.email, now)?;
    let language = member.as_ref().and_then(Contact::language).unwrap_or(asked.language);
    let new = NewLink {
        purpose,
        email: &asked.email,
        member: member.as_ref().map(|member| member.id),
        asked_by: asked.asked_by,
        agent: asked.agent.as_deref(),
        wishes: &wishes(asked, language),
        return_to: asked.return_to.as_deref(),
        code_ref,
    };
    let (id, expires_at) = links::insert(conn, policy, &new, now)?;
    // A member's mail goes to the address the account has, never to the one that was typed (I2).
    let recipient = member.map_or_else(|| asked.email.as_given(), |member| member.email);
    let state = if goes_out { outbox::State::Waiting } else { outbox::State::Withheld };
    outbox::enqueue_link(conn, id, &recipient, state, expires_at, now)?;
    Ok(code_ref)
}

fn wishes(asked: &LinkRequest, language: Language) -> Wishes {
    Wishes {
        name: asked.name.clone(),
        newsletters: asked.newsletters.clone(),
        labels: asked.labels.clone(),
        via: asked.via,
        page: asked.page.clone(),
        referrer: asked.referrer.clone(),
        consent_text: asked.consent_text.clone(),
        client: asked.client.truncated(),
        language,
        attribution: asked.attribution.clone(),
        new_email: None,
    }
}

/// Somebody paid, or wanted to, with an address that they have not proved.
pub struct AfterPayment {
    pub email: EmailAddress,
    pub name: Option<String>,
    pub newsletters: Option<Vec<String>>,
    pub consent_text: String,
    pub language: Language,
    pub return_to: Option<String>,
    pub via: Via,
}

/// Mails a link to the address that was given with a payment: whoever owns it signs in, or becomes a
/// member, and has what was paid for. Whoever merely paid gets no session (`reliability.md` P14).
pub fn after_payment(conn: &mut Conn, policy: &Policy, paid: &AfterPayment, now: Timestamp) -> DbResult<()> {
    let member = members::contact_by_email(conn, &paid.email)?;
    let wishes = Wishes {
        name: paid.name.clone(),
        newsletters: paid.newsletters.clone(),
        labels: Vec::new(),
        via: paid.via,
        page: None,
        referrer: None,
        consent_text: paid.consent_text.clone(),
        client: String::new(),
        language: member.as_ref().and_then(Contact::language).unwrap_or(paid.language),
        attribution: None,
        new_email: None,
    };
    let new = NewLink {
        purpose: if member.is_some() { Purpose::SignIn } else { Purpose::SignUp },
        email: &paid.email,
        member: member.as_ref().map(|member| member.id),
        asked_by: None,
        agent: None,
        wishes: &wishes,
        return_to: paid.return_to.as_deref(),
        code_ref: None,
    };
    let (id, expires_at) = links::insert(conn, policy, &new, now)?;
    let recipient = member.map_or_else(|| paid.email.as_given(), |member| member.email);
    let held_back = suppression::holds_back_signin(conn, &paid.email, now)?;
    let state = if held_back { outbox::State::Withheld } else { outbox::State::Waiting };
    outbox::enqueue_link(conn, id, &recipient, state, expires_at, now)
}

/// Mails a link to sign in to a member whom staff help. `false`: mails to them are held back.
pub fn by_staff(
    conn: &mut Conn,
    policy: &Policy,
    member: MemberId,
    language: Language,
    now: Timestamp,
) -> DbResult<bool> {
    let (email, _) = members::email_and_name_of(conn, member)?;
    let email = members::stored_address(&email)?;
    if suppression::holds_back_signin(conn, &email, now)? {
        return Ok(false);
    }
    void_all_but_newest(conn, policy, &email, now)?;
    let (id, expires_at) = link_of(conn, policy, member, language, now)?;
    outbox::enqueue_link(conn, id, &email.as_given(), outbox::State::Waiting, expires_at, now)?;
    Ok(true)
}

/// Makes a link to sign in for a member, and mails nothing. Returns its id and when it ends.
pub fn link_of(
    conn: &mut Conn,
    policy: &Policy,
    member: MemberId,
    language: Language,
    now: Timestamp,
) -> DbResult<(MagicLinkId, Timestamp)> {
    let email = members::stored_address(&members::email_of(conn, member)?)?;
    let language = members::language_of(conn, member)?.unwrap_or(language);
    let wishes = Wishes {
        name: None,
        newsletters: None,
        labels: Vec::new(),
        via: Via::Form,
        page: None,
        referrer: None,
        consent_text: String::new(),
        client: String::new(),
        language,
        attribution: None,
        new_email: None,
    };
    let new = NewLink {
        purpose: Purpose::SignIn,
        email: &email,
        member: Some(member),
        asked_by: None,
        agent: None,
        wishes: &wishes,
        return_to: None,
        code_ref: None,
    };
    links::insert(conn, policy, &new, now)
}

/// How often one client may ask for mails, whatever for.
fn admit_client(conn: &mut Conn, policy: &Policy, client: ClientNetwork, now: Timestamp) -> DbResult<Verdict> {
    let windows = [Window::new(60, policy.limits.client_per_minute), Window::new(3_600, policy.limits.client_per_hour)];
    limits::admit(conn, &limits::bucket("client", &client.to_string()), &windows, now)
}

/// How often mails to one address may be asked for, by whomever.
pub fn admit_address(conn: &mut Conn, policy: &Policy, email: &EmailAddress, now: Timestamp) -> DbResult<bool> {
    let limits = &policy.limits;
    let windows = [
        Window::new(limits.address_gap_s, u64::from(limits.address_gap_s > 0)),
        Window::new(900, limits.address_per_15m),
        Window::new(3_600, limits.address_per_hour),
        Window::new(86_400, limits.address_per_day),
    ];
    let bucket = limits::bucket("address", &email.budget_key());
    Ok(limits::admit(conn, &bucket, &windows, now)? == Verdict::Admitted)
}

/// The budget of mails to people who are no members: `max(300, 1 % of the members)` an hour (X5).
fn site_has_room(conn: &mut Conn, policy: &Policy, now: Timestamp) -> DbResult<bool> {
    let fixed = policy.limits.site_unconfirmed_per_hour;
    if fixed == 0 {
        return Ok(true);
    }
    let site = limits::bucket("site", "unconfirmed");
    if limits::admit(conn, &site, &[Window::new(3_600, fixed)], now)? == Verdict::Admitted {
        return Ok(true);
    }
    // Counting the members is worth its cost only once the fixed part is spent.
    let share = members::count(conn)? / 100;
    let more = limits::bucket("site", "unconfirmed beyond the fixed part");
    let room =
        share > fixed && limits::admit(conn, &more, &[Window::new(3_600, share - fixed)], now)? == Verdict::Admitted;
    if !room {
        tracing::warn!(
            "the site's budget for mails to unconfirmed addresses is spent; no mail goes out for new sign-ups"
        );
    }
    Ok(room)
}

/// At most three links of an address live: a new one voids the oldest (`reliability.md` T8).
fn void_all_but_newest(conn: &mut Conn, policy: &Policy, email: &EmailAddress, now: Timestamp) -> DbResult<()> {
    let kept = policy.limits.live_links.saturating_sub(1);
    let longest = seconds(policy.lifetimes.signin_link_s.max(policy.lifetimes.signup_link_s));
    let live: Vec<MagicLinkId> = magic_links::table
        .filter(magic_links::email_key.eq(email.key()))
        .filter(magic_links::created_at.gt(now.minus(longest)))
        .filter(magic_links::used_at.is_null().and(magic_links::voided_at.is_null()))
        .order((magic_links::created_at.desc(), magic_links::id.desc()))
        .select(magic_links::id)
        .load(conn)?;
    live.into_iter().skip(usize::try_from(kept).unwrap_or(2)).try_for_each(|id| links::void(conn, id, now))
}

/// Who presses the button for a new mail.
pub struct Resender {
    pub client: ClientNetwork,
    pub asked_by: Option<Sha256>,
    pub agent: Option<String>,
}

/// Asks for a new link of the same kind to the same address, from the page of a dead one.
///
/// Returns the dead link; `None` when it is not known.
pub fn resend(
    conn: &mut Conn,
    policy: &Policy,
    token: &Token,
    by: &Resender,
    now: Timestamp,
) -> DbResult<Option<LinkView>> {
    let Some(link) = links::find(conn, token)? else {
        return Ok(None);
    };
    let (purpose, email, wishes) = (link.purpose()?, link.email()?, link.wishes()?);
    let asked = LinkRequest {
        purpose,
        email,
        name: wishes.name,
        newsletters: wishes.newsletters,
        labels: wishes.labels,
        return_to: link.return_to.clone(),
        via: wishes.via,
        page: wishes.page,
        referrer: wishes.referrer,
        attribution: wishes.attribution,
        consent_text: wishes.consent_text,
        language: wishes.language,
        client: by.client,
        asked_by: by.asked_by,
        agent: by.agent.clone(),
        nonce: None,
        with_code: link.code_ref.is_some(),
    };
    // What a member asked for while signed in is asked for there again, not from a dead link.
    if purpose.is_for_anybody() && admit_client(conn, policy, by.client, now)? == Verdict::Admitted {
        issue(conn, policy, &asked, now)?;
    }
    link.view(policy, now).map(Some)
}
