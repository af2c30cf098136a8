//! Magic links: what stands of them, and whether they still work.
//!
//! A link's token is derived from its row (`HMAC(key file, id)`), so neither the database nor the
//! outbox ever holds one, and a mail that is tried again carries the very same link. `asking.rs`
//! writes the row and its mail in one transaction; `redemption.rs` consumes the token in another.

use std::time::Duration;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Policy;
use crate::clock::Timestamp;
use crate::config::seconds;
use crate::db::schema::magic_links;
use crate::db::{Conn, DbError, DbResult};
use crate::ids::{MagicLinkId, MemberId};
use crate::members;
use crate::members::address::EmailAddress;
use crate::members::attribution::Attribution;
use crate::members::email_change::Origin;
use crate::secrets::{self, Sha256, Token};
use crate::texts::Language;

/// What a link is for. A link does nothing else (`reliability.md` T6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    SignIn,
    SignUp,
    Subscribe,
    /// To a member's new address: proves that it is theirs.
    UpdateEmail,
    /// To a member's present address: proves that it is they who want another.
    ApproveEmailUpdate,
}

impl Purpose {
    const ALL: [Self; 5] = [Self::SignIn, Self::SignUp, Self::Subscribe, Self::UpdateEmail, Self::ApproveEmailUpdate];

    /// As the protocol writes it: in `emailType`, in `action`, in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "signin",
            Self::SignUp => "signup",
            Self::Subscribe => "subscribe",
            Self::UpdateEmail => "updateEmail",
            Self::ApproveEmailUpdate => "approveEmailUpdate",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }

    /// What anybody may ask for.
    pub fn asked_for(text: &str) -> Option<Self> {
        Self::parse(text).filter(|purpose| purpose.is_for_anybody())
    }

    pub const fn is_for_anybody(self) -> bool {
        matches!(self, Self::SignIn | Self::SignUp | Self::Subscribe)
    }

    pub(super) fn lifetime(self, policy: &Policy) -> Duration {
        seconds(match self {
            Self::SignIn => policy.lifetimes.signin_link_s,
            Self::SignUp | Self::Subscribe => policy.lifetimes.signup_link_s,
            Self::UpdateEmail | Self::ApproveEmailUpdate => policy.lifetimes.email_link_s,
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

/// What a request said, kept beside its link until it is confirmed or purged.
#[derive(Serialize, Deserialize)]
pub struct Wishes {
    pub name: Option<String>,
    pub newsletters: Option<Vec<String>>,
    pub labels: Vec<String>,
    pub via: Via,
    pub page: Option<String>,
    pub referrer: Option<String>,
    pub consent_text: String,
    pub client: String,
    /// What the mail and the link's page are written in.
    #[serde(default)]
    pub language: Language,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Attribution>,
    /// The new address, in the mail that asks the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_email: Option<String>,
}

impl Wishes {
    /// Of a member who wants another address.
    pub fn of_new_email(new: &EmailAddress, via: Via, language: Language) -> Self {
        Self {
            name: None,
            newsletters: None,
            labels: Vec::new(),
            via,
            page: None,
            referrer: None,
            consent_text: String::new(),
            client: String::new(),
            language,
            attribution: None,
            new_email: Some(new.as_given()),
        }
    }
}

/// A link about to be written.
pub struct NewLink<'a> {
    pub purpose: Purpose,
    pub email: &'a EmailAddress,
    pub member: Option<MemberId>,
    /// The hash of the cookie of the asking browser.
    pub asked_by: Option<Sha256>,
    pub agent: Option<&'a str>,
    pub wishes: &'a Wishes,
    pub return_to: Option<&'a str>,
    pub code_ref: Option<Uuid>,
}

/// Writes a link's row; returns its id and when it ends.
pub fn insert(
    conn: &mut Conn,
    policy: &Policy,
    new: &NewLink<'_>,
    now: Timestamp,
) -> DbResult<(MagicLinkId, Timestamp)> {
    let id = MagicLinkId::new(now);
    let expires_at = now.plus(new.purpose.lifetime(policy));
    diesel::insert_into(magic_links::table)
        .values((
            magic_links::id.eq(id),
            magic_links::token_hash.eq(&token(policy, id).hash()[..]),
            magic_links::purpose.eq(new.purpose.as_str()),
            magic_links::email.eq(new.email.as_given()),
            magic_links::email_key.eq(new.email.key()),
            magic_links::member_id.eq(new.member),
            magic_links::asked_by.eq(new.asked_by.as_ref().map(|hash| &hash[..])),
            magic_links::agent.eq(new.agent),
            // Plain values with string keys always serialise.
            magic_links::request.eq(serde_json::to_string(new.wishes).unwrap_or_default()),
            magic_links::return_to.eq(new.return_to),
            magic_links::created_at.eq(now),
            magic_links::expires_at.eq(expires_at),
            magic_links::code_ref.eq(new.code_ref.map(|code_ref| code_ref.as_bytes().to_vec())),
        ))
        .execute(conn)?;
    Ok((id, expires_at))
}

/// The token of a link: 256 bits that only the holder of the key file can make.
pub fn token(policy: &Policy, id: MagicLinkId) -> Token {
    Token::from_bytes(&policy.key.hmac(secrets::Purpose::MagicLink, id.as_bytes()))
}

/// A link as it stands in the database.
#[derive(Queryable, Selectable)]
#[diesel(table_name = magic_links)]
pub(super) struct LinkRow {
    pub id: MagicLinkId,
    purpose: String,
    email: String,
    pub member_id: Option<MemberId>,
    asked_by: Option<Vec<u8>>,
    pub agent: Option<String>,
    request: String,
    pub return_to: Option<String>,
    pub created_at: Timestamp,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
    voided_at: Option<Timestamp>,
    pub code_ref: Option<Vec<u8>>,
    pub code_tries: i32,
    pub waited_since: Option<Timestamp>,
    pub number_tries: i32,
    pub granted_at: Option<Timestamp>,
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

/// A link as its page and its mail show it.
pub struct LinkView {
    pub id: MagicLinkId,
    pub state: LinkState,
    pub purpose: Purpose,
    pub email: EmailAddress,
    pub via: Via,
    pub language: Language,
    pub agent: Option<String>,
    pub asked_at: Timestamp,
    pub expires_at: Timestamp,
    pub return_to: Option<String>,
    /// Whether the asking browser may answer with a code.
    pub has_code: bool,
    /// The asking browser waits, and may still be let in from here (`waiting.rs`).
    pub may_be_granted: bool,
    /// The address that the member would have then.
    pub new_email: Option<EmailAddress>,
    pub(super) asked_by: Option<Vec<u8>>,
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

pub(super) fn find(conn: &mut Conn, token: &Token) -> DbResult<Option<LinkRow>> {
    Ok(magic_links::table
        .filter(magic_links::token_hash.eq(&token.hash()[..]))
        .select(LinkRow::as_select())
        .get_result(conn)
        .optional()?)
}

pub(super) fn row(conn: &mut Conn, id: MagicLinkId) -> DbResult<Option<LinkRow>> {
    Ok(magic_links::table.find(id).select(LinkRow::as_select()).get_result(conn).optional()?)
}

impl LinkRow {
    pub(super) fn purpose(&self) -> DbResult<Purpose> {
        Purpose::parse(&self.purpose).ok_or_else(|| DbError::Corrupt(format!("link purpose {}", self.purpose)))
    }

    pub(super) fn email(&self) -> DbResult<EmailAddress> {
        members::stored_address(&self.email)
    }

    pub(super) fn wishes(&self) -> DbResult<Wishes> {
        serde_json::from_str(&self.request).map_err(|error| DbError::Corrupt(error.to_string()))
    }

    pub(super) fn state(&self, now: Timestamp) -> LinkState {
        LinkState::of(self.used_at, self.voided_at, self.expires_at, now)
    }

    /// The hash of the cookie of the browser that asked.
    pub(super) fn asked_by(&self) -> Option<Sha256> {
        self.asked_by.as_deref().and_then(|hash| hash.try_into().ok())
    }

    /// A sign-in that nobody has an account for was answered like any other, and leads nowhere.
    pub(super) fn leads_somewhere(&self) -> DbResult<bool> {
        Ok(self.member_id.is_some() || self.purpose()? != Purpose::SignIn)
    }

    /// Where the wish for another address came from.
    pub(super) fn origin(&self, wishes: &Wishes) -> Origin<'_> {
        Origin {
            via: wishes.via,
            language: wishes.language,
            return_to: self.return_to.as_deref(),
            asked_by: self.asked_by(),
            agent: self.agent.as_deref(),
        }
    }

    pub(super) fn view(self, policy: &Policy, now: Timestamp) -> DbResult<LinkView> {
        let wishes = self.wishes()?;
        let tries = i64::from(self.number_tries);
        let has_tries = tries < i64::try_from(policy.limits.number_tries).unwrap_or(i64::MAX);
        Ok(LinkView {
            id: self.id,
            state: self.state(now),
            purpose: self.purpose()?,
            email: self.email()?,
            via: wishes.via,
            language: wishes.language,
            has_code: self.code_ref.is_some(),
            may_be_granted: self.waited_since.is_some() && self.granted_at.is_none() && has_tries,
            new_email: wishes.new_email.and_then(|text| EmailAddress::parse(&text).ok()),
            agent: self.agent,
            asked_at: self.created_at,
            expires_at: self.expires_at,
            return_to: self.return_to,
            asked_by: self.asked_by,
        })
    }
}

/// Looks at a link and changes nothing. `None`: it was never one of ours, or is long gone.
pub fn look(conn: &mut Conn, policy: &Policy, token: &Token, now: Timestamp) -> DbResult<Option<LinkView>> {
    find(conn, token)?.map(|row| row.view(policy, now)).transpose()
}

/// The link that a mail is about.
pub fn by_id(conn: &mut Conn, policy: &Policy, id: MagicLinkId, now: Timestamp) -> DbResult<Option<LinkView>> {
    row(conn, id)?.map(|row| row.view(policy, now)).transpose()
}

/// Voids a link that is still live.
pub(super) fn void(conn: &mut Conn, id: MagicLinkId, now: Timestamp) -> DbResult<()> {
    diesel::update(magic_links::table.find(id))
        .filter(magic_links::used_at.is_null().and(magic_links::voided_at.is_null()))
        .set(magic_links::voided_at.eq(now))
        .execute(conn)?;
    Ok(())
}

/// Voids every link of a member: after signing out everywhere, or a change of address (T8).
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
