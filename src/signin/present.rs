//! Who is here: the session of a cookie, with its member and the member's newsletters.
//!
//! The hottest path there is. On PostgreSQL it is two statements. On SQLite this process is the only
//! one that writes, so an answer may be kept until a commit touches what it was made of (`kept.rs`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::prelude::*;
use uuid::Uuid;

use super::kept::Kept;
use super::sessions;
use crate::billing::access::Access;
use crate::billing::shown::{self, Shown};
use crate::billing::standing::{self, Standing};
use crate::clock::Timestamp;
use crate::config::{Lifetimes, seconds};
use crate::db::schema::{members, sessions as session_rows, suppressions};
use crate::db::{Conn, Db, DbError, DbResult, on_either};
use crate::ids::MemberId;
use crate::members::record::{MemberRow, Suppressed};
use crate::newsletters::{Newsletter, subscriptions};
use crate::secrets::Sha256;
use crate::texts::Language;

/// A session, and whose it is. Whether it still counts is asked with the time: [`Present::is_live`].
#[derive(Debug)]
pub struct Present {
    pub id: MemberId,
    pub member: MemberRow,
    /// Active lists the member is on, in the site's order.
    pub newsletters: Arc<[Newsletter]>,
    /// What they pay, for those who ever did.
    pub billing: Option<Arc<Standing>>,
    /// When the session was opened.
    pub signed_in_at: Timestamp,
    last_used_at: Timestamp,
    /// Somebody of the staff opened it in the member's name.
    pub is_of_staff: bool,
    /// Member tokens that were signed for this session. They go with it when anything changes.
    pub tokens: SignedTokens,
}

/// Tokens that are handed out again while they are young: signing takes longer than all the rest.
#[derive(Debug, Default)]
pub struct SignedTokens {
    pub identity: SignedToken,
    pub entitlement: SignedToken,
}

#[derive(Debug, Default)]
pub struct SignedToken(Mutex<Option<Signed>>);

#[derive(Debug)]
struct Signed {
    token: Arc<str>,
    kid: String,
    /// Half of its life: until then it is handed out again.
    until: Timestamp,
}

impl SignedToken {
    /// The token that was signed before, or a new one from `sign`. A key that is not the signing one
    /// any more ends it too.
    pub fn get_or_sign<E>(
        &self,
        kid: &str,
        life: Duration,
        now: Timestamp,
        sign: impl FnOnce() -> Result<String, E>,
    ) -> Result<Arc<str>, E> {
        if let Some(signed) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner)
            && signed.kid == kid
            && now < signed.until
            && signed.until <= now.plus(life)
        {
            return Ok(Arc::clone(&signed.token));
        }
        // Signed outside the lock: it takes half a millisecond, and a second one does no harm.
        let token: Arc<str> = sign()?.into();
        let signed = Signed { token: Arc::clone(&token), kid: kid.to_owned(), until: now.plus(life / 2) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(signed);
        Ok(token)
    }
}

impl Present {
    /// What the record shows about money, for those who ever paid.
    pub fn shown(&self, grace: Duration, now: Timestamp) -> Option<Shown> {
        let billing = self.billing.as_ref()?;
        Some(shown::of(billing, self.member.name.as_deref(), &self.member.email, grace, now))
    }

    /// What they may read at `now`.
    pub fn access(&self, grace: Duration, now: Timestamp) -> Access {
        self.billing.as_ref().map(|billing| billing.access(grace, now)).unwrap_or_default()
    }

    fn is_live(&self, lifetimes: &Lifetimes, now: Timestamp) -> bool {
        is_live(lifetimes, self.signed_in_at, self.last_used_at, now)
    }

    /// Its last use should be written down again.
    fn needs_touch(&self, lifetimes: &Lifetimes, now: Timestamp) -> bool {
        now >= self.last_used_at.plus(seconds(lifetimes.session_touch_s))
    }
}

/// Whether a session still counts. Pure.
fn is_live(lifetimes: &Lifetimes, opened_at: Timestamp, last_used_at: Timestamp, now: Timestamp) -> bool {
    now < opened_at.plus(seconds(lifetimes.session_absolute_s))
        && now < last_used_at.plus(seconds(lifetimes.session_idle_s))
}

/// Tells who is here, for handlers.
#[derive(Clone)]
pub struct Presence {
    db: Db,
    lifetimes: Lifetimes,
    kept: Option<Kept>,
}

impl Presence {
    /// `kept` only where the database tells it of every change: [`Kept::watch`].
    pub fn new(db: Db, lifetimes: Lifetimes, kept: Option<Kept>) -> Self {
        Self { db, lifetimes, kept }
    }

    /// The member behind a session that is live now. Its use is written down, every ten minutes.
    pub async fn of(&self, session: Sha256, now: Timestamp) -> DbResult<Option<Arc<Present>>> {
        let present = match self.kept.as_ref().and_then(|kept| kept.get(&session)) {
            Some(present) => Some(present),
            None => self.read(session).await?,
        };
        let Some(present) = present.filter(|present| present.is_live(&self.lifetimes, now)) else {
            return Ok(None);
        };
        if present.needs_touch(&self.lifetimes, now) {
            let id = present.id;
            self.db.write(move |conn| sessions::touch(conn, &session, id, now)).await?;
        }
        Ok(Some(present))
    }

    async fn read(&self, session: Sha256) -> DbResult<Option<Arc<Present>>> {
        let ticket = self.kept.as_ref().map(Kept::ticket);
        let Some(present) = self.db.read(move |conn| find(conn, &session)).await? else {
            return Ok(None);
        };
        Ok(Some(match (&self.kept, ticket) {
            (Some(kept), Some(ticket)) => kept.put(session, present, ticket),
            _ => Arc::new(present),
        }))
    }
}

/// The member behind a session that is live now, inside a transaction of somebody else.
pub fn who(conn: &mut Conn, lifetimes: &Lifetimes, session: &Sha256, now: Timestamp) -> DbResult<Option<Present>> {
    Ok(find(conn, session)?.filter(|present| present.is_live(lifetimes, now)))
}

type Row = (
    MemberId,
    Timestamp,
    Timestamp,
    Vec<u8>,
    String,
    Option<String>,
    Option<String>,
    bool,
    Option<bool>,
    Timestamp,
    Option<String>,
    bool,
    Option<String>,
    Option<Timestamp>,
    Option<Timestamp>,
    Option<Vec<u8>>,
);

/// Two indexed reads, whatever the time is; a few more for those who pay.
fn find(conn: &mut Conn, session: &Sha256) -> DbResult<Option<Present>> {
    let query = session_rows::table
        .inner_join(members::table)
        .left_join(suppressions::table.on(suppressions::email_key.eq(members::email_key)))
        .filter(session_rows::token_hash.eq(&session[..]))
        .select((
            members::id,
            session_rows::created_at,
            session_rows::last_used_at,
            members::uuid,
            members::email,
            members::name,
            members::expertise,
            members::enable_comment_notifications,
            members::enable_updates,
            members::created_at,
            members::language,
            members::has_billing,
            suppressions::reason.nullable(),
            suppressions::created_at.nullable(),
            suppressions::until.nullable(),
            session_rows::staff_id,
        ));
    let row: Option<Row> = on_either!(conn, conn => query.get_result(conn).optional()?);
    let Some((
        id,
        signed_in_at,
        last_used_at,
        uuid,
        email,
        name,
        expertise,
        enable_comment_notifications,
        enable_updates,
        created_at,
        language,
        has_billing,
        suppression_reason,
        suppressed_since,
        suppressed_until,
        staff,
    )) = row
    else {
        return Ok(None);
    };
    let suppressed = suppression_reason.zip(suppressed_since).map(|(reason, since)| Suppressed {
        reason,
        since,
        until: suppressed_until,
    });
    let uuid = Uuid::from_slice(&uuid).map_err(|error| DbError::Corrupt(error.to_string()))?;
    let member = MemberRow {
        uuid,
        email,
        name,
        expertise,
        enable_comment_notifications,
        enable_updates,
        created_at,
        language: language.and_then(|tag| Language::of_tag(&tag)),
        suppressed: suppressed.map(Box::new),
    };
    let newsletters = subscriptions::of(conn, id)?.into();
    let billing = if has_billing { Some(Arc::new(standing::of_member(conn, id)?)) } else { None };
    Ok(Some(Present {
        id,
        member,
        newsletters,
        billing,
        signed_in_at,
        last_used_at,
        is_of_staff: staff.is_some(),
        tokens: SignedTokens::default(),
    }))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Somebody whose session was last used at a moment.
    pub fn somebody(last_used_at: Timestamp) -> Present {
        let member = MemberRow {
            uuid: Uuid::nil(),
            email: "ada@reader.test".to_owned(),
            name: None,
            expertise: None,
            enable_comment_notifications: true,
            enable_updates: None,
            created_at: last_used_at,
            language: None,
            suppressed: None,
        };
        Present {
            id: MemberId::new(last_used_at),
            member,
            newsletters: Arc::default(),
            billing: None,
            signed_in_at: last_used_at,
            last_used_at,
            is_of_staff: false,
            tokens: SignedTokens::default(),
        }
    }

    #[test]
    fn a_use_is_written_down_when_the_last_one_is_old() {
        let (lifetimes, now) = (Lifetimes::default(), Timestamp::from_millis(0));
        let touch = seconds(lifetimes.session_touch_s);
        assert!(!somebody(now).needs_touch(&lifetimes, now.plus(touch).minus(Duration::from_millis(1))));
        assert!(somebody(now).needs_touch(&lifetimes, now.plus(touch)));
    }

    #[test]
    fn a_token_is_handed_out_again_for_half_its_life() {
        let (signed, life, now) = (SignedToken::default(), Duration::from_secs(600), Timestamp::from_millis(0));
        let get = |kid: &str, life, after: u64, token: &str| {
            let at = now.plus(Duration::from_secs(after));
            signed.get_or_sign(kid, life, at, || Ok::<_, ()>(token.to_owned())).unwrap().to_string()
        };
        assert_eq!(get("one", life, 0, "first"), "first");
        assert_eq!(get("one", life, 299, "second"), "first");
        assert_eq!(get("one", life, 300, "third"), "third");
        assert_eq!(get("two", life, 301, "of another key"), "of another key");
        assert_eq!(get("two", life, 302, "not signed"), "of another key");
        // The life of tokens was made shorter than what is left of this one.
        assert_eq!(get("two", Duration::from_secs(60), 303, "short"), "short");
        assert_eq!(get("two", Duration::from_secs(60), 303, "not signed"), "short");
    }

    #[test]
    fn a_token_is_kept_while_as_much_is_left_as_tokens_live() {
        let (signed, now) = (SignedToken::default(), Timestamp::from_millis(0));
        let get = |life: u64, token: &str| {
            signed.get_or_sign("one", Duration::from_secs(life), now, || Ok::<_, ()>(token.to_owned())).unwrap()
        };
        assert_eq!(&*get(600, "first"), "first");
        assert_eq!(&*get(300, "not signed"), "first");
        assert_eq!(&*get(299, "second"), "second");
    }

    #[test]
    fn a_session_ends_by_rest_and_by_age() {
        let lifetimes = Lifetimes { session_idle_s: 30, session_absolute_s: 180, ..Lifetimes::default() };
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        assert!(is_live(&lifetimes, at(0), at(0), at(29)));
        assert!(!is_live(&lifetimes, at(0), at(0), at(30)));
        assert!(is_live(&lifetimes, at(0), at(170), at(179)));
        assert!(!is_live(&lifetimes, at(0), at(179), at(180)));
    }
}
