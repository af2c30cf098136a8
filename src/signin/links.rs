//! Magic links: asked for, looked at, redeemed.
//!
//! A link's token is derived from its row (`HMAC(key file, id)`), so neither the database nor the
//! outbox ever holds one, and a mail that is tried again carries the very same link. [`request`]
//! writes the row and its mail in one transaction; [`redeem`] consumes the token, makes the member
//! with its consent and opens the session in another.

use std::time::Duration;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::integrity::Nonce;
use super::{Policy, sessions};
use crate::clock::Timestamp;
use crate::config::seconds;
use crate::db::schema::magic_links;
use crate::db::{Conn, DbError, DbResult};
use crate::ids::{MagicLinkId, MemberId, NewsletterId};
use crate::limits::{self, ClientNetwork, Verdict, Window};
use crate::mail::{outbox, suppression};
use crate::members::address::EmailAddress;
use crate::members::events::Event;
use crate::members::{self, NewMember, events, labels};
use crate::newsletters::consents::{self, Consent};
use crate::newsletters::{self, subscriptions};
use crate::secrets::{self, Sha256, Token};

/// What a link is for. A link does nothing else (`reliability.md` T6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    SignIn,
    SignUp,
    Subscribe,
}

impl Purpose {
    /// As the protocol writes it: in `emailType`, in `action`, in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "signin",
            Self::SignUp => "signup",
            Self::Subscribe => "subscribe",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::SignIn, Self::SignUp, Self::Subscribe].into_iter().find(|purpose| purpose.as_str() == text)
    }

    fn lifetime(self, policy: &Policy) -> Duration {
        seconds(match self {
            Self::SignIn => policy.lifetimes.signin_link_s,
            Self::SignUp | Self::Subscribe => policy.lifetimes.signup_link_s,
        })
    }
}

/// Which door a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// A form, whose note travels in the fragment too.
    Form,
    /// A client of the members API, which reads the query only.
    Api,
}

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
    /// The words beside the form's button.
    pub consent_text: String,
    pub client: ClientNetwork,
    /// The hash of the cookie of the asking browser.
    pub asked_by: Option<Sha256>,
    /// The asking browser in words, such as `Firefox on Linux`.
    pub agent: Option<String>,
    /// The API's integrity token, to be used up.
    pub nonce: Option<Nonce>,
}

/// What became of a request. The answer to the asker says nothing about the address.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    Accepted,
    /// The client's own budget is spent; the address plays no part in it.
    ClientOverLimit {
        retry_after: Duration,
    },
    NonceUsed,
    UnknownNewsletters(Vec<String>),
}

/// What a request said, kept beside its link until it is confirmed or purged.
#[derive(Serialize, Deserialize)]
struct Wishes {
    name: Option<String>,
    newsletters: Option<Vec<String>>,
    labels: Vec<String>,
    via: Via,
    page: Option<String>,
    referrer: Option<String>,
    consent_text: String,
    client: String,
}

/// Takes a request: checks its budgets, writes the link and the mail in this transaction.
///
/// A sign-in for an address that nobody has confirmed leaves the same rows, with a mail that is
/// withheld, so that known and unknown cost the same (`reliability.md` V5).
pub fn request(conn: &mut Conn, policy: &Policy, asked: &LinkRequest, now: Timestamp) -> DbResult<Asked> {
    if let Some(nonce) = &asked.nonce
        && limits::admit(conn, &limits::bucket("nonce", nonce.as_str()), &once(policy), now)? != Verdict::Admitted
    {
        return Ok(Asked::NonceUsed);
    }
    let client = limits::bucket("client", &asked.client.to_string());
    if let Verdict::Refused { retry_after } = limits::admit(conn, &client, &client_windows(policy), now)? {
        return Ok(Asked::ClientOverLimit { retry_after });
    }
    if let Some(wanted) = asked.newsletters.as_ref().filter(|wanted| !wanted.is_empty())
        && let Err(unknown) = newsletters::choose(&newsletters::active(conn)?, wanted)
    {
        return Ok(Asked::UnknownNewsletters(unknown));
    }
    issue(conn, policy, asked, now)?;
    Ok(Asked::Accepted)
}

/// Writes link and mail, unless the budget of the address or of the site is spent.
fn issue(conn: &mut Conn, policy: &Policy, asked: &LinkRequest, now: Timestamp) -> DbResult<()> {
    let member = members::find_by_email(conn, &asked.email)?;
    let purpose = match (asked.purpose, member) {
        (Purpose::SignUp, Some(_)) => Purpose::SignIn,
        (purpose, _) => purpose,
    };
    let address = limits::bucket("address", &asked.email.budget_key());
    if limits::admit(conn, &address, &address_windows(policy), now)? != Verdict::Admitted {
        return Ok(());
    }
    if member.is_none() && purpose != Purpose::SignIn && !site_has_room(conn, policy, now)? {
        return Ok(());
    }
    let goes_out =
        (member.is_some() || purpose != Purpose::SignIn) && !suppression::holds_back_signin(conn, &asked.email, now)?;

    void_all_but_newest(conn, policy, &asked.email, now)?;
    let id = MagicLinkId::new(now);
    let expires_at = now.plus(purpose.lifetime(policy));
    diesel::insert_into(magic_links::table)
        .values((
            magic_links::id.eq(id),
            magic_links::token_hash.eq(&token(policy, id).hash()[..]),
            magic_links::purpose.eq(purpose.as_str()),
            magic_links::email.eq(asked.email.as_given()),
            magic_links::email_key.eq(asked.email.key()),
            magic_links::member_id.eq(member),
            magic_links::asked_by.eq(asked.asked_by.as_ref().map(|hash| &hash[..])),
            magic_links::agent.eq(asked.agent.as_deref()),
            magic_links::request.eq(wishes(asked)),
            magic_links::return_to.eq(asked.return_to.as_deref()),
            magic_links::created_at.eq(now),
            magic_links::expires_at.eq(expires_at),
        ))
        .execute(conn)?;
    // A member's mail goes to the address the account has, never to the one that was typed (I2).
    let recipient = match member {
        Some(member) => members::email_of(conn, member)?,
        None => asked.email.as_given(),
    };
    let state = if goes_out { outbox::State::Waiting } else { outbox::State::Withheld };
    outbox::enqueue_link(conn, id, &recipient, state, expires_at, now)
}

fn wishes(asked: &LinkRequest) -> String {
    let wishes = Wishes {
        name: asked.name.clone(),
        newsletters: asked.newsletters.clone(),
        labels: asked.labels.clone(),
        via: asked.via,
        page: asked.page.clone(),
        referrer: asked.referrer.clone(),
        consent_text: asked.consent_text.clone(),
        client: asked.client.truncated(),
    };
    // Plain values with string keys always serialise.
    serde_json::to_string(&wishes).unwrap_or_default()
}

fn once(policy: &Policy) -> [Window; 1] {
    [Window::new(policy.lifetimes.integrity_token_s, 1)]
}

fn client_windows(policy: &Policy) -> [Window; 2] {
    [Window::new(60, policy.limits.client_per_minute), Window::new(3_600, policy.limits.client_per_hour)]
}

fn address_windows(policy: &Policy) -> [Window; 4] {
    let limits = &policy.limits;
    [
        Window::new(limits.address_gap_s, u64::from(limits.address_gap_s > 0)),
        Window::new(900, limits.address_per_15m),
        Window::new(3_600, limits.address_per_hour),
        Window::new(86_400, limits.address_per_day),
    ]
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
    let kept = i64::try_from(policy.limits.live_links.saturating_sub(1)).unwrap_or(2);
    let live: Vec<MagicLinkId> = magic_links::table
        .filter(magic_links::email_key.eq(email.key()))
        .filter(magic_links::created_at.gt(now.minus(longest_life(policy))))
        .filter(magic_links::used_at.is_null().and(magic_links::voided_at.is_null()))
        .order((magic_links::created_at.desc(), magic_links::id.desc()))
        .select(magic_links::id)
        .load(conn)?;
    for id in live.into_iter().skip(usize::try_from(kept).unwrap_or(2)) {
        diesel::update(magic_links::table.find(id)).set(magic_links::voided_at.eq(now)).execute(conn)?;
    }
    Ok(())
}

fn longest_life(policy: &Policy) -> Duration {
    seconds(policy.lifetimes.signin_link_s.max(policy.lifetimes.signup_link_s))
}

/// The token of a link: 256 bits that only the holder of the key file can make.
pub fn token(policy: &Policy, id: MagicLinkId) -> Token {
    Token::from_bytes(&policy.key.hmac(secrets::Purpose::MagicLink, id.as_bytes()))
}

/// A link as it stands in the database.
#[derive(Queryable, Selectable)]
#[diesel(table_name = magic_links)]
struct LinkRow {
    id: MagicLinkId,
    purpose: String,
    email: String,
    member_id: Option<MemberId>,
    asked_by: Option<Vec<u8>>,
    agent: Option<String>,
    request: String,
    return_to: Option<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
    voided_at: Option<Timestamp>,
}

/// Whether a link still works, and if not, why. Pure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    Live,
    Used,
    Voided,
    Expired,
}

impl LinkState {
    fn of(used_at: Option<Timestamp>, voided_at: Option<Timestamp>, expires_at: Timestamp, now: Timestamp) -> Self {
        if used_at.is_some() {
            Self::Used
        } else if voided_at.is_some() {
            Self::Voided
        } else if now >= expires_at {
            Self::Expired
        } else {
            Self::Live
        }
    }

    /// The protocol's code of a failed exchange (C.1).
    pub const fn error_code(self) -> &'static str {
        match self {
            Self::Expired => "TOKEN_EXPIRED",
            _ => "INVALID_TOKEN",
        }
    }
}

/// A link as its page shows it. Nothing here says more than its owner may see over a shoulder.
pub struct LinkView {
    pub state: LinkState,
    pub purpose: Purpose,
    pub email: EmailAddress,
    pub via: Via,
    pub agent: Option<String>,
    pub asked_at: Timestamp,
    pub expires_at: Timestamp,
    pub return_to: Option<String>,
    asked_by: Option<Vec<u8>>,
}

impl LinkView {
    /// Whether the browser with this cookie is the one that asked.
    pub fn was_asked_by(&self, cookie: Option<&Token>) -> bool {
        match (&self.asked_by, cookie) {
            (Some(asked_by), Some(cookie)) => secrets::equal(asked_by, &cookie.hash()),
            _ => false,
        }
    }
}

fn find(conn: &mut Conn, token: &Token) -> DbResult<Option<LinkRow>> {
    Ok(magic_links::table
        .filter(magic_links::token_hash.eq(&token.hash()[..]))
        .select(LinkRow::as_select())
        .get_result(conn)
        .optional()?)
}

impl LinkRow {
    fn purpose(&self) -> DbResult<Purpose> {
        Purpose::parse(&self.purpose).ok_or_else(|| DbError::Corrupt(format!("link purpose {}", self.purpose)))
    }

    fn email(&self) -> DbResult<EmailAddress> {
        EmailAddress::parse(&self.email).map_err(|error| DbError::Corrupt(error.to_string()))
    }

    fn wishes(&self) -> DbResult<Wishes> {
        serde_json::from_str(&self.request).map_err(|error| DbError::Corrupt(error.to_string()))
    }

    fn state(&self, now: Timestamp) -> LinkState {
        LinkState::of(self.used_at, self.voided_at, self.expires_at, now)
    }

    fn view(self, now: Timestamp) -> DbResult<LinkView> {
        Ok(LinkView {
            state: self.state(now),
            purpose: self.purpose()?,
            email: self.email()?,
            via: self.wishes()?.via,
            agent: self.agent,
            asked_at: self.created_at,
            expires_at: self.expires_at,
            return_to: self.return_to,
            asked_by: self.asked_by,
        })
    }
}

/// Looks at a link and changes nothing. `None`: it was never one of ours, or is long gone.
pub fn look(conn: &mut Conn, token: &Token, now: Timestamp) -> DbResult<Option<LinkView>> {
    find(conn, token)?.map(|row| row.view(now)).transpose()
}

/// The link that a mail is about.
pub fn by_id(conn: &mut Conn, id: MagicLinkId, now: Timestamp) -> DbResult<Option<LinkView>> {
    let row: Option<LinkRow> = magic_links::table.find(id).select(LinkRow::as_select()).get_result(conn).optional()?;
    row.map(|row| row.view(now)).transpose()
}

/// What a confirmed link did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    SignedUp,
    SignedIn,
    Subscribed,
    AlreadySubscribed,
}

/// The end of a link.
pub enum Redeemed {
    Done { outcome: Outcome, purpose: Purpose, session: Token, via: Via, return_to: Option<String> },
    Dead(LinkView),
    Unknown,
}

/// Confirms a link: consumes the token, makes or finds the member, opens a session. One of many
/// parallel tries succeeds: the others find the token used (`reliability.md` T2).
pub fn redeem(conn: &mut Conn, token: &Token, agent: Option<&str>, now: Timestamp) -> DbResult<Redeemed> {
    let Some(link) = find(conn, token)? else {
        return Ok(Redeemed::Unknown);
    };
    let consumed = diesel::update(magic_links::table.find(link.id))
        .filter(magic_links::used_at.is_null().and(magic_links::voided_at.is_null()))
        .filter(magic_links::expires_at.gt(now))
        .set(magic_links::used_at.eq(now))
        .execute(conn)?;
    if consumed != 1 {
        // Read again: a parallel try may have consumed it since.
        return Ok(look(conn, token, now)?.map_or(Redeemed::Unknown, Redeemed::Dead));
    }
    let (purpose, email, wishes) = (link.purpose()?, link.email()?, link.wishes()?);
    let Some((member, is_new)) = account_of(conn, &link, purpose, &email, &wishes, now)? else {
        return link.view(now).map(|view| Redeemed::Dead(LinkView { state: LinkState::Voided, ..view }));
    };
    let joined = match purpose {
        Purpose::SignIn => Vec::new(),
        Purpose::SignUp if !is_new => Vec::new(),
        Purpose::SignUp | Purpose::Subscribe => join_lists(conn, member, is_new, &link, &wishes, now)?,
    };
    let outcome = match purpose {
        Purpose::SignUp if is_new => Outcome::SignedUp,
        Purpose::SignIn | Purpose::SignUp => Outcome::SignedIn,
        Purpose::Subscribe if is_new || !joined.is_empty() => Outcome::Subscribed,
        Purpose::Subscribe => Outcome::AlreadySubscribed,
    };
    suppression::lift_by_confirmation(conn, &email)?;
    let session = sessions::open(conn, member, agent, now)?;
    events::record(conn, member, Event::SignedIn, now)?;
    members::seen(conn, member, now)?;
    Ok(Redeemed::Done { outcome, purpose, session, via: wishes.via, return_to: link.return_to })
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
    if purpose == Purpose::SignIn {
        return Ok(None);
    }
    let new = NewMember {
        email,
        name: wishes.name.as_deref(),
        source_page: wishes.page.as_deref(),
        referrer: wishes.referrer.as_deref(),
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

/// Asks for a new link of the same kind to the same address, from the page of a dead one.
///
/// Returns where the browser goes; `None` when the dead link is not known.
pub fn resend(
    conn: &mut Conn,
    policy: &Policy,
    token: &Token,
    by: &Resender,
    now: Timestamp,
) -> DbResult<Option<LinkView>> {
    let Some(link) = find(conn, token)? else {
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
        consent_text: wishes.consent_text,
        client: by.client,
        asked_by: by.asked_by,
        agent: by.agent.clone(),
        nonce: None,
    };
    let client = limits::bucket("client", &by.client.to_string());
    if limits::admit(conn, &client, &client_windows(policy), now)? == Verdict::Admitted {
        issue(conn, policy, &asked, now)?;
    }
    link.view(now).map(Some)
}

/// Who presses the button for a new mail.
pub struct Resender {
    pub client: ClientNetwork,
    pub asked_by: Option<Sha256>,
    pub agent: Option<String>,
}

/// Voids every link of an address: after signing out everywhere (T8).
pub fn void_all(conn: &mut Conn, member: MemberId, now: Timestamp) -> DbResult<()> {
    diesel::update(magic_links::table)
        .filter(magic_links::member_id.eq(member))
        .filter(magic_links::used_at.is_null().and(magic_links::voided_at.is_null()))
        .set(magic_links::voided_at.eq(now))
        .execute(conn)?;
    Ok(())
}

/// Drops links that ended long enough ago; what unconfirmed people said goes with them.
pub fn purge(conn: &mut Conn, policy: &Policy, now: Timestamp) -> DbResult<usize> {
    let kept = seconds(policy.lifetimes.retention_links_s.min(policy.lifetimes.retention_unconfirmed_s));
    Ok(diesel::delete(magic_links::table.filter(magic_links::expires_at.lt(now.minus(kept)))).execute(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lives_until_it_is_used_voided_or_over() {
        let at = Timestamp::from_millis;
        assert_eq!(LinkState::of(None, None, at(10), at(9)), LinkState::Live);
        assert_eq!(LinkState::of(None, None, at(10), at(10)), LinkState::Expired);
        assert_eq!(LinkState::of(Some(at(1)), None, at(10), at(20)), LinkState::Used);
        assert_eq!(LinkState::of(None, Some(at(1)), at(10), at(5)), LinkState::Voided);
    }
}
