//! Signing in to the pages of staff: address and password, then the second factor
//! (`reliability.md` A3 to A5).
//!
//! Budgets are taken before a password is looked at, so that of a hundred who try at once five are
//! looked at. They stand on the account together with the network it is tried from: whoever tries from
//! elsewhere locks nobody out, and a session that is open stays open.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use diesel::prelude::*;
use serde_json::json;

use super::accounts::{self, Account};
use super::audit::{self, Actor, Deed};
use super::links;
use super::notices::{self, Notice};
use super::passwords::{Fit, Hashers, TooBusy};
use super::second_factor::{self, Taken};
use super::sessions::{self, Visitor};
use crate::clock::Timestamp;
use crate::config::Staff as Settings;
use crate::db::schema::{rate_limits, staff, staff_places};
use crate::db::{Conn, Db, DbError, DbResult, on_either};
use crate::ids::StaffId;
use crate::limits::{self, ClientNetwork, Verdict, Window};
use crate::members::address::EmailAddress;
use crate::secrets::{Purpose, SecretKey, Sha256, Token};

/// Where somebody comes from.
#[derive(Clone, Debug)]
pub struct Place {
    pub network: ClientNetwork,
    /// The browser in words.
    pub agent: Option<String>,
    pub request_id: String,
}

impl Place {
    fn actor(&self, account: Option<&Account>) -> Actor {
        let client = self.network.truncated();
        match account {
            Some(account) => Actor::staff(account.id, &account.name, client, self.request_id.clone()),
            None => Actor::nobody(client, self.request_id.clone()),
        }
    }
}

/// What the rules depend on.
#[derive(Clone)]
pub struct Rules {
    pub key: SecretKey,
    pub settings: Settings,
}

/// What became of a try.
#[derive(Clone)]
pub enum Tried {
    /// A session is open.
    In(Token),
    /// The password is right, and a code is to come. The text carries that for five minutes.
    NeedsCode(String),
    Wrong,
    /// Too many tries; again after this time.
    TooMany(Duration),
    /// A link by mail opens the account; it has been sent.
    Closed,
}

/// Why nothing became of it.
#[derive(Debug, thiserror::Error)]
pub enum NotTried {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Busy(#[from] TooBusy),
}

const TEN_MINUTES: u64 = 600;

fn account_bucket(email: &EmailAddress, place: &Place) -> Sha256 {
    limits::bucket("staff account", &format!("{} {}", email.key(), place.network))
}

fn admit(conn: &mut Conn, rules: &Rules, email: &EmailAddress, place: &Place, now: Timestamp) -> DbResult<Verdict> {
    let client = limits::bucket("staff client", &place.network.to_string());
    let verdict = limits::admit(conn, &client, &[Window::new(TEN_MINUTES, rules.settings.client_tries)], now)?;
    if verdict != Verdict::Admitted {
        return Ok(verdict);
    }
    // The second window grows the wait of whoever goes on.
    let tries = rules.settings.account_tries;
    let windows = [Window::new(TEN_MINUTES, tries), Window::new(3_600, tries.saturating_mul(3))];
    limits::admit(conn, &account_bucket(email, place), &windows, now)
}

/// Tries an address with a password.
pub async fn try_password(
    db: &Db,
    hashers: &Hashers,
    rules: &Rules,
    email: EmailAddress,
    password: String,
    place: Place,
    now: Timestamp,
) -> Result<Tried, NotTried> {
    let (asked, from, with) = (email.clone(), place.clone(), rules.clone());
    let looked = db
        .write(move |conn| {
            if let Verdict::Refused { retry_after } = admit(conn, &with, &asked, &from, now)? {
                return Ok(Err(retry_after));
            }
            let account = accounts::find_by_email(conn, &asked)?;
            let kept = account.as_ref().map(|account| accounts::password_of(conn, account.id)).transpose()?;
            Ok(Ok((account, kept)))
        })
        .await?;
    let (account, kept) = match looked {
        Ok(found) => found,
        Err(retry_after) => return Ok(Tried::TooMany(retry_after)),
    };
    let fit = hashers.compare(password, kept).await?;
    let rules = rules.clone();
    Ok(db.write(move |conn| after_password(conn, &rules, &email, account.as_ref(), fit, &place, now)).await?)
}

fn after_password(
    conn: &mut Conn,
    rules: &Rules,
    email: &EmailAddress,
    account: Option<&Account>,
    fit: Fit,
    place: &Place,
    now: Timestamp,
) -> DbResult<Tried> {
    let actor = place.actor(account);
    let id = account.map(|account| account.id.to_string()).unwrap_or_default();
    let most = i32::try_from(rules.settings.failures).unwrap_or(i32::MAX);
    let Some(account) = account.filter(|_| fit != Fit::Wrong) else {
        audit::record(conn, &rules.key, &actor, &Deed::to("staff.signin-failed", "staff", &id), now)?;
        if let Some(account) = account {
            diesel::update(staff::table.find(account.id)).set(staff::failures.eq(staff::failures + 1)).execute(conn)?;
            let failures: i32 = staff::table.find(account.id).select(staff::failures).get_result(conn)?;
            if failures == most {
                notices::tell(conn, account, &Notice::Closed, now)?;
                links::send_reset(conn, &rules.key, &rules.settings, account, now)?;
            }
        }
        return Ok(Tried::Wrong);
    };
    if account.failures >= most {
        // Right after a hundred wrong ones may be luck: a link by mail says that it is not.
        audit::record(conn, &rules.key, &actor, &Deed::to("staff.signin-closed", "staff", &id), now)?;
        links::ask_reset(conn, &rules.key, &rules.settings, email, now)?;
        return Ok(Tried::Closed);
    }
    if let Fit::RightAndRenewed(kept) = fit {
        diesel::update(staff::table.find(account.id)).set(staff::password.eq(kept)).execute(conn)?;
    }
    if account.has_second_factor {
        return Ok(Tried::NeedsCode(half_way(&rules.key, account.id, now)));
    }
    enter(conn, rules, account, place, false, now).map(Tried::In)
}

/// How long a code may take after the password.
const HALF_WAY: Duration = Duration::from_secs(300);
const HALF_WAY_CONTEXT: &str = "staff half way";

/// "This account gave its password at this time", sealed.
fn half_way(key: &SecretKey, id: StaffId, now: Timestamp) -> String {
    BASE64URL_NOPAD.encode(&key.seal(HALF_WAY_CONTEXT, format!("{id} {}", now.millis()).as_bytes()))
}

fn is_half_way(key: &SecretKey, text: &str, now: Timestamp) -> Option<StaffId> {
    let plain = key.open(HALF_WAY_CONTEXT, &BASE64URL_NOPAD.decode(text.as_bytes()).ok()?)?;
    let plain = String::from_utf8(plain).ok()?;
    let (id, at) = plain.split_once(' ')?;
    let at = Timestamp::from_millis(at.parse().ok()?);
    (at <= now && now < at.plus(HALF_WAY)).then(|| id.parse().ok()).flatten()
}

/// Tries the code that follows a password. `Wrong` also when the password was too long ago.
pub fn try_code(
    conn: &mut Conn,
    rules: &Rules,
    half_way: &str,
    code: &str,
    place: &Place,
    now: Timestamp,
) -> DbResult<Tried> {
    let Some(id) = is_half_way(&rules.key, half_way, now) else { return Ok(Tried::Wrong) };
    let Some(account) = accounts::find(conn, id)? else { return Ok(Tried::Wrong) };
    if let Verdict::Refused { retry_after } = admit_code(conn, rules, id, now)? {
        return Ok(Tried::TooMany(retry_after));
    }
    let Some(taken) = second_factor::take(conn, &rules.key, id, code, now)? else {
        let deed = Deed::to("staff.code-failed", "staff", "");
        audit::record(conn, &rules.key, &place.actor(Some(&account)), &deed, now)?;
        return Ok(Tried::Wrong);
    };
    if taken == Taken::Recovery {
        let deed = Deed::to("staff.recovery-code", "staff", "");
        audit::record(conn, &rules.key, &place.actor(Some(&account)), &deed, now)?;
    }
    enter(conn, rules, &account, place, true, now).map(Tried::In)
}

/// Six digits must not be found by trying: whoever has the password is the one to be kept out here.
fn admit_code(conn: &mut Conn, rules: &Rules, id: StaffId, now: Timestamp) -> DbResult<Verdict> {
    let tries = rules.settings.account_tries;
    let windows = [Window::new(TEN_MINUTES, tries), Window::new(86_400, tries.saturating_mul(10))];
    limits::admit(conn, &code_bucket(id), &windows, now)
}

fn code_bucket(id: StaffId) -> Sha256 {
    limits::bucket("staff code", &id.to_string())
}

/// Opens a session, and tells of a browser or network that was not seen before.
pub fn enter(
    conn: &mut Conn,
    rules: &Rules,
    account: &Account,
    place: &Place,
    has_second_factor: bool,
    now: Timestamp,
) -> DbResult<Token> {
    let email = crate::members::stored_address(&account.email)?;
    for bucket in [account_bucket(&email, place), code_bucket(account.id)] {
        diesel::delete(rate_limits::table.find(&bucket[..])).execute(conn)?;
    }
    diesel::update(staff::table.find(account.id))
        .set((staff::failures.eq(0), staff::last_seen_at.eq(now)))
        .execute(conn)?;
    let client = place.network.truncated();
    let seen: i64 = staff_places::table.filter(staff_places::staff_id.eq(account.id)).count().get_result(conn)?;
    let agent = place.agent.as_deref().unwrap_or("unknown");
    let hash = rules.key.hmac(Purpose::StaffPlace, format!("{} {agent} {client}", account.id).as_bytes());
    let row = (staff_places::staff_id.eq(account.id), staff_places::place.eq(&hash[..]), staff_places::seen_at.eq(now));
    let is_new = on_either!(conn, conn => diesel::insert_into(staff_places::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(conn)?)
        == 1;
    if is_new && seen > 0 {
        notices::tell(conn, account, &Notice::NewDevice { browser: place.agent.clone(), client: client.clone() }, now)?;
    }
    let deed = Deed::to("staff.signin", "staff", "").with(json!({"second_factor": has_second_factor}));
    audit::record(conn, &rules.key, &place.actor(Some(account)), &deed, now)?;
    sessions::open(conn, account.id, place.agent.as_deref(), &client, has_second_factor, now)
}

/// What somebody proves again, before something dangerous.
pub enum Proof {
    /// For accounts without a second factor.
    Password(String),
    Code(String),
}

/// Takes a proof for a session that is open. A live session is never ended by wrong ones.
pub async fn prove_again(
    db: &Db,
    hashers: &Hashers,
    rules: &Rules,
    visitor: Visitor,
    proof: Proof,
    place: Place,
    now: Timestamp,
) -> Result<Tried, NotTried> {
    let (id, with) = (visitor.id, rules.clone());
    let admitted = db
        .write(move |conn| match admit_code(conn, &with, id, now)? {
            Verdict::Admitted => accounts::password_of(conn, id).map(Ok),
            Verdict::Refused { retry_after } => Ok(Err(retry_after)),
        })
        .await?;
    let kept = match admitted {
        Ok(kept) => kept,
        Err(retry_after) => return Ok(Tried::TooMany(retry_after)),
    };
    let fits = match &proof {
        Proof::Password(password) if !visitor.has_second_factor => {
            hashers.compare(password.clone(), Some(kept)).await? != Fit::Wrong
        }
        Proof::Password(_) => false,
        Proof::Code(_) => true,
    };
    let rules = rules.clone();
    Ok(db
        .write(move |conn| {
            let proved = match &proof {
                Proof::Code(code) => second_factor::take(conn, &rules.key, visitor.id, code, now)?.is_some(),
                Proof::Password(_) => fits,
            };
            let actor = Actor::staff(visitor.id, &visitor.name, place.network.truncated(), place.request_id.clone());
            if !proved {
                audit::record(conn, &rules.key, &actor, &Deed::to("staff.proof-failed", "staff", ""), now)?;
                return Ok(Tried::Wrong);
            }
            diesel::delete(rate_limits::table.find(&code_bucket(visitor.id)[..])).execute(conn)?;
            sessions::prove(conn, &visitor.session, matches!(proof, Proof::Code(_)), now)?;
            Ok(Tried::In(Token::random()))
        })
        .await?)
}

/// Another password for whoever is signed in; their other sessions end.
/// The session goes on under another name, which is returned: whoever may have copied its cookie is out.
pub fn change_password(
    conn: &mut Conn,
    rules: &Rules,
    visitor: &Visitor,
    hashed: &str,
    actor: &Actor,
    now: Timestamp,
) -> DbResult<Token> {
    accounts::set_password(conn, visitor.id, hashed, Some(&visitor.session))?;
    let renamed = Token::random();
    sessions::rename(conn, &visitor.session, &renamed.hash())?;
    if let Some(account) = accounts::find(conn, visitor.id)? {
        notices::tell(conn, &account, &Notice::PasswordChanged { client: actor.client.clone() }, now)?;
    }
    audit::record(conn, &rules.key, actor, &Deed::to("staff.password", "staff", visitor.id), now)?;
    Ok(renamed)
}

/// Turns the second factor on with a first code; returns the recovery codes. `None`: the code is wrong.
pub fn turn_on_second_factor(
    conn: &mut Conn,
    rules: &Rules,
    visitor: &Visitor,
    secret: &second_factor::Secret,
    code: &str,
    actor: &Actor,
    now: Timestamp,
) -> DbResult<Option<Vec<String>>> {
    let Some(step) = secret.step_of(code, now) else { return Ok(None) };
    let codes = second_factor::turn_on(conn, &rules.key, visitor.id, secret, step)?;
    // Sessions without it end with the next request; this one has just proved it.
    sessions::prove(conn, &visitor.session, true, now)?;
    audit::record(conn, &rules.key, actor, &Deed::to("staff.second-factor-on", "staff", visitor.id), now)?;
    Ok(Some(codes))
}

pub fn turn_off_second_factor(
    conn: &mut Conn,
    rules: &Rules,
    visitor: &Visitor,
    actor: &Actor,
    now: Timestamp,
) -> DbResult<()> {
    second_factor::turn_off(conn, visitor.id)?;
    if let Some(account) = accounts::find(conn, visitor.id)? {
        notices::tell(conn, &account, &Notice::SecondFactorOff { client: actor.client.clone() }, now)?;
    }
    audit::record(conn, &rules.key, actor, &Deed::to("staff.second-factor-off", "staff", visitor.id), now)
}
