//! Where a member stands: everything that is known about what they pay, and what follows from it.

use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;

use super::access::{self, Access, Status};
use super::comps::{self, Comp};
use super::offers::{self, Offer};
use super::subscriptions::{self, PaidSubscription};
use super::tiers::{self, Tier};
use crate::clock::Timestamp;
use crate::db::schema::members;
use crate::db::{Conn, DbResult};
use crate::ids::{MemberId, TierId};
use crate::members::events::{self, Event};
use crate::signin::Policy;
use crate::staff::figures;

/// What is known.
#[derive(Debug, Default)]
pub struct Standing {
    /// The live ones first, then the newest.
    pub subscriptions: Vec<PaidSubscription>,
    pub comps: Vec<Comp>,
    /// All tiers, to call them by their names; everybody who is kept shares one list.
    pub tiers: Arc<[Tier]>,
    /// The offers that the subscriptions have.
    pub offers: Vec<Offer>,
}

impl Standing {
    pub fn access(&self, grace: Duration, now: Timestamp) -> Access {
        let subscriptions: Vec<_> = self.subscriptions.iter().map(PaidSubscription::facts).collect();
        let comps: Vec<_> = self.comps.iter().map(Comp::facts).collect();
        access::access(&subscriptions, &comps, grace, now)
    }

    pub fn tier(&self, id: TierId) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.id == id)
    }

    /// The subscription that the account page and Ghost's widgets are about.
    pub fn current(&self) -> Option<&PaidSubscription> {
        self.subscriptions.iter().find(|one| one.is_live())
    }

    pub fn subscription(&self, id: &str) -> Option<&PaidSubscription> {
        self.subscriptions.iter().find(|one| one.id == id)
    }
}

pub fn of_member(conn: &mut Conn, member: MemberId) -> DbResult<Standing> {
    let subscriptions = subscriptions::of_member(conn, member)?;
    let wanted: Vec<_> = subscriptions.iter().filter_map(|one| one.offer_id).collect();
    Ok(Standing {
        offers: offers::all(conn)?.into_iter().filter(|offer| wanted.contains(&offer.id)).collect(),
        comps: comps::of_member(conn, member)?,
        tiers: tiers::all(conn)?.into(),
        subscriptions,
    })
}

/// Writes down what a member counts as, after anything that it depends on has changed. Must be called
/// in the transaction of that change: it is also what tells kept answers that they are out of date.
pub fn refresh(conn: &mut Conn, policy: &Policy, member: MemberId, now: Timestamp) -> DbResult<()> {
    let standing = of_member(conn, member)?;
    let status = standing.access(policy.grace, now).status();
    let before: Option<String> = members::table.find(member).select(members::status).get_result(conn).optional()?;
    let Some(before) = before else { return Ok(()) };
    let has_billing = !standing.subscriptions.is_empty() || !standing.comps.is_empty();
    diesel::update(members::table.find(member))
        .set((members::status.eq(status.as_str()), members::has_billing.eq(has_billing), members::updated_at.eq(now)))
        .execute(conn)?;
    if before == status.as_str() {
        return Ok(());
    }
    let event = match status {
        Status::Free => Event::BecameFree,
        Status::Paid => Event::BecamePaid,
        Status::Comped => Event::BecameComped,
    };
    if status == Status::Paid {
        figures::bump(conn, figures::PAID_NEW, now)?;
    } else if before == Status::Paid.as_str() {
        figures::bump(conn, figures::PAID_LOST, now)?;
    }
    events::record(conn, member, event, now)
}

/// Members looked at in one transaction of the sweep.
const AT_ONCE: i64 = 500;

/// Looks again at members whose standing time alone may have changed: those after `after`. Returns the
/// last one looked at, if there may be more.
pub fn sweep(conn: &mut Conn, policy: &Policy, after: Option<MemberId>, now: Timestamp) -> DbResult<Option<MemberId>> {
    let mut some = members::table
        .filter(members::has_billing.eq(true))
        .order(members::id)
        .limit(AT_ONCE)
        .select((members::id, members::status))
        .into_boxed();
    if let Some(after) = after {
        some = some.filter(members::id.gt(after));
    }
    let some: Vec<(MemberId, String)> = some.load(conn)?;
    for (member, status) in &some {
        if of_member(conn, *member)?.access(policy.grace, now).status().as_str() != status {
            refresh(conn, policy, *member, now)?;
        }
    }
    let is_full = i64::try_from(some.len()).is_ok_and(|count| count == AT_ONCE);
    Ok(some.last().map(|(member, _)| *member).filter(|_| is_full))
}
