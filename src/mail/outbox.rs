//! Mails that are to be sent, and what became of each.
//!
//! A row is claimed by lease, tried, and then accepted, tried again later, or ended. What follows
//! a try is decided by [`after_try`], which is pure.

use std::time::Duration;

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::clock::Timestamp;
use crate::config::{Lifetimes, Sending, seconds};
use crate::db::schema::outbox;
use crate::db::{Conn, DbError, DbResult};
use crate::ids::{BillingNoticeId, EmailChangeId, MagicLinkId, MemberId, OutboxId, StaffLinkId, StaffNoticeId};

/// Where a mail stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    Sending,
    Accepted,
    /// The recipient's server said no for good.
    Refused,
    /// Given up after the last try.
    Parked,
    /// What it was about is over.
    Expired,
    /// Never to be sent: the address is unknown or suppressed.
    Withheld,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Parked => "parked",
            Self::Expired => "expired",
            Self::Withheld => "withheld",
        }
    }
}

/// Sign-in mail has its own lane and never waits behind anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    SignIn,
    Other,
}

impl Lane {
    const fn number(self) -> i32 {
        match self {
            Self::SignIn => 0,
            Self::Other => 1,
        }
    }
}

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A link that somebody asked for.
    Link,
    /// To the old address of a member who moved to another one.
    AddressChanged,
    /// To a member whose address somebody else wanted to move to.
    AddressTaken,
    /// To somebody who joined newsletters just now.
    Welcome,
    /// To a member, about what they pay.
    Billing,
    /// A link for somebody of the staff.
    StaffLink,
    /// To somebody of the staff, about their account.
    StaffNotice,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Link,
        Self::AddressChanged,
        Self::AddressTaken,
        Self::Welcome,
        Self::Billing,
        Self::StaffLink,
        Self::StaffNotice,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::AddressChanged => "address_changed",
            Self::AddressTaken => "address_taken",
            Self::Welcome => "welcome",
            Self::Billing => "billing",
            Self::StaffLink => "staff_link",
            Self::StaffNotice => "staff_notice",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Queues the mail of a link. The row holds no token; the mail derives it when it is written.
pub fn enqueue_link(
    conn: &mut Conn,
    link: MagicLinkId,
    recipient: &str,
    state: State,
    expires_at: Timestamp,
    now: Timestamp,
) -> DbResult<()> {
    let about = About { link: Some(link), ..About::default() };
    insert(conn, &New { kind: Kind::Link, lane: Lane::SignIn, recipient, about, state, expires_at }, now)
}

/// How long a notice is worth sending.
const NOTICE_LIFE_S: u64 = 72 * 3_600;

/// Queues a mail that tells something, in the transaction of what it tells.
pub fn enqueue_notice(conn: &mut Conn, kind: Kind, recipient: &str, about: About, now: Timestamp) -> DbResult<()> {
    let lane = if matches!(kind, Kind::Welcome | Kind::Billing) { Lane::Other } else { Lane::SignIn };
    let expires_at = now.plus(seconds(NOTICE_LIFE_S));
    insert(conn, &New { kind, lane, recipient, about, state: State::Waiting, expires_at }, now)
}

/// Queues the mail of a link for staff. As with members, the row holds no token.
pub fn enqueue_staff_link(
    conn: &mut Conn,
    link: StaffLinkId,
    recipient: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> DbResult<()> {
    let about = About { staff_link: Some(link), ..About::default() };
    let new = New { kind: Kind::StaffLink, lane: Lane::SignIn, recipient, about, state: State::Waiting, expires_at };
    insert(conn, &new, now)
}

/// Queues a mail to somebody of the staff about their account.
pub fn enqueue_staff_notice(conn: &mut Conn, notice: StaffNoticeId, recipient: &str, now: Timestamp) -> DbResult<()> {
    enqueue_notice(conn, Kind::StaffNotice, recipient, About { staff_notice: Some(notice), ..About::default() }, now)
}

/// What stands behind a mail.
#[derive(Clone, Copy, Debug, Default)]
pub struct About {
    pub link: Option<MagicLinkId>,
    pub change: Option<EmailChangeId>,
    pub member: Option<MemberId>,
    pub notice: Option<BillingNoticeId>,
    pub staff_link: Option<StaffLinkId>,
    pub staff_notice: Option<StaffNoticeId>,
}

struct New<'a> {
    kind: Kind,
    lane: Lane,
    recipient: &'a str,
    about: About,
    state: State,
    expires_at: Timestamp,
}

fn insert(conn: &mut Conn, new: &New<'_>, now: Timestamp) -> DbResult<()> {
    diesel::insert_into(outbox::table)
        .values((
            outbox::id.eq(OutboxId::new(now)),
            outbox::kind.eq(new.kind.as_str()),
            outbox::lane.eq(new.lane.number()),
            outbox::recipient.eq(new.recipient),
            outbox::link_id.eq(new.about.link),
            outbox::change_id.eq(new.about.change),
            outbox::member_id.eq(new.about.member),
            outbox::notice_id.eq(new.about.notice),
            outbox::staff_link_id.eq(new.about.staff_link),
            outbox::staff_notice_id.eq(new.about.staff_notice),
            outbox::state.eq(new.state.as_str()),
            outbox::next_attempt_at.eq(now),
            outbox::expires_at.eq(new.expires_at),
            outbox::created_at.eq(now),
            outbox::finished_at.eq((new.state == State::Withheld).then_some(now)),
        ))
        .execute(conn)?;
    Ok(())
}

/// A mail that this process is to send now.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = outbox)]
pub struct Claimed {
    pub id: OutboxId,
    pub kind: String,
    pub recipient: String,
    pub link_id: Option<MagicLinkId>,
    pub change_id: Option<EmailChangeId>,
    pub member_id: Option<MemberId>,
    pub notice_id: Option<BillingNoticeId>,
    pub staff_link_id: Option<StaffLinkId>,
    pub staff_notice_id: Option<StaffNoticeId>,
    pub attempts: i32,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
}

/// What is not over yet. In words that stand in the index's own condition: with bound values SQLite
/// would not use it, or would plan the statement anew each time.
fn is_open() -> SqlLiteral<Bool> {
    sql("state IN ('waiting', 'sending')")
}

/// What ended badly; as above.
fn is_trouble() -> SqlLiteral<Bool> {
    sql("state IN ('parked', 'refused')")
}

/// A process that sends. Its leases are told from another's by it.
pub type Node = [u8; 16];

/// Takes up to `most` mails that are due, or whose sender died, under a lease. Those that are `held` are in
/// the air here, whatever a clock that jumped says of their lease.
pub fn claim(
    conn: &mut Conn,
    node: &Node,
    held: &[OutboxId],
    lane: Lane,
    most: i64,
    lease: Duration,
    now: Timestamp,
) -> DbResult<Vec<Claimed>> {
    let waiting = outbox::state.eq("waiting").and(outbox::next_attempt_at.le(now));
    let abandoned = outbox::state.eq("sending").and(outbox::lease_until.lt(now));
    macro_rules! due {
        () => {
            outbox::table
                .filter(is_open())
                .filter(outbox::lane.eq(lane.number()))
                .filter(waiting.or(abandoned))
                .filter(outbox::id.ne_all(held))
                .order((outbox::next_attempt_at, outbox::id))
                .limit(most)
                .select(Claimed::as_select())
        };
    }
    // Nodes on one PostgreSQL skip what another is just taking; SQLite has one writer.
    let mut claimed: Vec<Claimed> = match conn {
        Conn::Postgres(conn) => due!().for_update().skip_locked().load(conn)?,
        Conn::Sqlite(conn) => due!().load(conn)?,
    };
    if claimed.is_empty() {
        return Ok(claimed);
    }
    diesel::update(outbox::table.filter(outbox::id.eq_any(claimed.iter().map(|mail| mail.id))))
        .set((
            outbox::state.eq("sending"),
            outbox::attempts.eq(outbox::attempts + 1),
            outbox::lease_until.eq(now.plus(lease)),
            outbox::leased_by.eq(&node[..]),
        ))
        .execute(conn)?;
    for mail in &mut claimed {
        mail.attempts += 1;
    }
    Ok(claimed)
}

/// Lengthens the leases of everything `node` is sending.
pub fn renew(conn: &mut Conn, node: &Node, lease: Duration, now: Timestamp) -> DbResult<usize> {
    Ok(diesel::update(outbox::table)
        .filter(is_open())
        .filter(outbox::state.eq("sending").and(outbox::leased_by.eq(&node[..])))
        .set(outbox::lease_until.eq(now.plus(lease)))
        .execute(conn)?)
}

/// Gives back what `node` claimed but did not begin: at the end of the process.
pub fn release(conn: &mut Conn, node: &Node, now: Timestamp) -> DbResult<usize> {
    Ok(diesel::update(outbox::table)
        .filter(is_open())
        .filter(outbox::state.eq("sending").and(outbox::leased_by.eq(&node[..])))
        .set((
            outbox::state.eq("waiting"),
            outbox::attempts.eq(outbox::attempts - 1),
            outbox::next_attempt_at.eq(now),
            outbox::lease_until.eq(None::<Timestamp>),
            outbox::leased_by.eq(None::<Vec<u8>>),
        ))
        .execute(conn)?)
}

/// On SQLite one process owns the file: whatever stands as being sent when it starts was being
/// sent by one that is dead, and need not wait for its lease.
pub fn take_over_abandoned(conn: &mut Conn, now: Timestamp) -> DbResult<usize> {
    if matches!(conn, Conn::Postgres(_)) {
        return Ok(0);
    }
    Ok(diesel::update(outbox::table.filter(is_open()).filter(outbox::state.eq("sending")))
        .set((outbox::state.eq("waiting"), outbox::next_attempt_at.eq(now), outbox::lease_until.eq(None::<Timestamp>)))
        .execute(conn)?)
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    Accepted,
    /// Not taken, for now: by the recipient's server, or because ours cannot be reached.
    Deferred(String),
    /// Refused for good, for a reason that is about this mail or its recipient.
    Refused(String),
    /// The connection was lost after the whole mail was handed over: it may have been taken.
    Unknown(String),
    /// What the mail was about is over.
    Obsolete,
}

/// What follows a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    pub state: State,
    pub next_attempt_at: Option<Timestamp>,
    pub reason: Option<String>,
}

/// Waits between tries, in seconds (`reliability.md` M2); the last one repeats.
const WAITS_S: [u64; 8] = [10, 30, 120, 300, 900, 3_600, 7_200, 14_400];

/// Decides what follows the `attempts`-th try. `jitter` is in `0..1000` and spreads a wait by up
/// to a fifth, so that mails that failed together do not come back together.
pub fn after_try(
    tried: Tried,
    attempts: i32,
    expires_at: Timestamp,
    sending: &Sending,
    jitter: u64,
    now: Timestamp,
) -> Next {
    let end = |state, reason| Next { state, next_attempt_at: None, reason };
    let reason = match tried {
        Tried::Accepted => return end(State::Accepted, None),
        Tried::Refused(reason) => return end(State::Refused, Some(reason)),
        Tried::Obsolete => {
            return end(State::Expired, Some("the link ended before the mail went out".to_owned()));
        }
        Tried::Deferred(reason) => reason,
        Tried::Unknown(reason) => format!("perhaps taken: {reason}"),
    };
    let attempts = usize::try_from(attempts).unwrap_or(1).max(1);
    if attempts >= usize::try_from(sending.attempts).unwrap_or(usize::MAX) {
        return end(State::Parked, Some(reason));
    }
    let wait = seconds(WAITS_S[(attempts - 1).min(WAITS_S.len() - 1)]);
    let spread = wait.mul_f64(jitter.min(1_000) as f64 / 5_000.0);
    let next_attempt_at = now.plus(wait + spread);
    if next_attempt_at >= expires_at {
        return end(State::Expired, Some(reason));
    }
    Next { state: State::Waiting, next_attempt_at: Some(next_attempt_at), reason: Some(reason) }
}

/// Writes down what follows a try, unless the lease was lost to another node meanwhile.
pub fn finish(conn: &mut Conn, id: OutboxId, node: &Node, next: &Next, now: Timestamp) -> DbResult<()> {
    let finished_at = (next.state != State::Waiting).then_some(now);
    diesel::update(outbox::table.find(id))
        .filter(outbox::leased_by.eq(&node[..]))
        .set((
            outbox::state.eq(next.state.as_str()),
            outbox::next_attempt_at.eq(next.next_attempt_at.unwrap_or(now)),
            outbox::lease_until.eq(None::<Timestamp>),
            outbox::leased_by.eq(None::<Vec<u8>>),
            outbox::last_error.eq(next.reason.as_deref()),
            outbox::finished_at.eq(finished_at),
        ))
        .execute(conn)?;
    Ok(())
}

/// Whether any mail is to be tried now: asked often, so it only reads.
pub fn is_due(conn: &mut Conn, now: Timestamp) -> DbResult<bool> {
    let waiting = outbox::state.eq("waiting").and(outbox::next_attempt_at.le(now));
    let abandoned = outbox::state.eq("sending").and(outbox::lease_until.lt(now));
    let due: Option<OutboxId> =
        outbox::table.filter(is_open()).filter(waiting.or(abandoned)).select(outbox::id).first(conn).optional()?;
    Ok(due.is_some())
}

/// How many mails stand where, for `doctor`, `/readyz` and metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub open: u64,
    pub oldest: Option<Timestamp>,
    pub parked: u64,
    pub refused: u64,
}

pub fn depth(conn: &mut Conn) -> DbResult<Depth> {
    let (count, oldest): (i64, Option<Timestamp>) = outbox::table
        .filter(is_open())
        .select((diesel::dsl::count_star(), diesel::dsl::min(outbox::created_at)))
        .get_result(conn)?;
    let ended = |conn: &mut Conn, state: State| -> DbResult<u64> {
        let count: i64 =
            outbox::table.filter(is_trouble()).filter(outbox::state.eq(state.as_str())).count().get_result(conn)?;
        u64::try_from(count).map_err(|error| DbError::Corrupt(error.to_string()))
    };
    Ok(Depth {
        open: u64::try_from(count).unwrap_or(0),
        oldest,
        parked: ended(conn, State::Parked)?,
        refused: ended(conn, State::Refused)?,
    })
}

/// A mail, as staff see it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = outbox)]
pub struct Shown {
    pub id: OutboxId,
    pub kind: String,
    pub recipient: String,
    pub state: String,
    pub attempts: i32,
    pub next_attempt_at: Timestamp,
    pub last_error: Option<String>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

impl Shown {
    /// Whether it may be tried again at once.
    pub fn may_retry(&self) -> bool {
        self.state == State::Parked.as_str() || (self.state == State::Waiting.as_str() && self.attempts > 0)
    }
}

/// Mails in a state, or in any, made before one of them; the newest first.
pub fn shown(conn: &mut Conn, state: &str, before: Option<OutboxId>, most: i64) -> DbResult<Vec<Shown>> {
    let mut query = outbox::table.order(outbox::id.desc()).limit(most).select(Shown::as_select()).into_boxed();
    query = match state {
        "" => query,
        // In the words of the indexes' own conditions.
        "waiting" | "sending" => query.filter(is_open()).filter(outbox::state.eq(state)),
        "parked" | "refused" => query.filter(is_trouble()).filter(outbox::state.eq(state)),
        other => query.filter(outbox::state.eq(other)),
    };
    if let Some(before) = before {
        query = query.filter(outbox::id.lt(before));
    }
    Ok(query.load(conn)?)
}

/// Lets a mail that was given up, or waits for its next try, be tried at once, if what it is about is not
/// over. Returns whether it will be.
pub fn retry(conn: &mut Conn, id: OutboxId, now: Timestamp) -> DbResult<bool> {
    let open = outbox::state.eq_any(["waiting", "parked"]);
    let tried = diesel::update(outbox::table.find(id).filter(open).filter(outbox::expires_at.gt(now)))
        .set((
            outbox::state.eq(State::Waiting.as_str()),
            outbox::attempts.eq(0),
            outbox::next_attempt_at.eq(now),
            outbox::finished_at.eq(None::<Timestamp>),
        ))
        .execute(conn)?;
    Ok(tried == 1)
}

/// Drops mails that ended long enough ago.
pub fn purge(conn: &mut Conn, lifetimes: &Lifetimes, now: Timestamp) -> DbResult<usize> {
    let before = now.minus(seconds(lifetimes.retention_outbox_s));
    Ok(diesel::delete(outbox::table.filter(outbox::finished_at.lt(before))).execute(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(tried: Tried, attempts: i32, expires_in_s: i64, jitter: u64) -> Next {
        let expires_at = Timestamp::from_millis(expires_in_s * 1000);
        after_try(tried, attempts, expires_at, &Sending::default(), jitter, Timestamp::from_millis(0))
    }

    #[test]
    fn a_deferred_mail_waits_longer_each_time() {
        let waits: Vec<i64> = (1..12)
            .map(|attempts| next(Tried::Deferred("450".to_owned()), attempts, 1_000_000, 0))
            .map(|next| next.next_attempt_at.unwrap().seconds())
            .collect();
        assert_eq!(waits, [10, 30, 120, 300, 900, 3_600, 7_200, 14_400, 14_400, 14_400, 14_400]);
        assert_eq!(next(Tried::Deferred("450".to_owned()), 1, 1_000, 1_000).next_attempt_at.unwrap().millis(), 12_000);
    }

    #[test]
    fn every_mail_ends() {
        assert_eq!(next(Tried::Accepted, 1, 100, 0).state, State::Accepted);
        assert_eq!(next(Tried::Refused("550".to_owned()), 1, 100, 0).state, State::Refused);
        assert_eq!(next(Tried::Deferred("450".to_owned()), 12, 1_000_000, 0).state, State::Parked);
        assert_eq!(next(Tried::Deferred("450".to_owned()), 3, 60, 0).state, State::Expired);
        assert_eq!(next(Tried::Obsolete, 1, 100, 0).state, State::Expired);
        assert_eq!(next(Tried::Unknown("lost".to_owned()), 1, 100, 0).state, State::Waiting);
    }
}
