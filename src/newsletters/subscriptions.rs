//! Who is on which list.

use diesel::prelude::*;

use super::{COLUMNS, Newsletter, NewsletterRow};
use crate::clock::Timestamp;
use crate::db::schema::{member_events, newsletter_subscriptions, newsletters};
use crate::db::{Conn, DbResult, on_either};
use crate::ids::{MemberEventId, MemberId, NewsletterId};
use crate::members::events::{self, Event};

/// The active lists a member is on, in the site's order.
pub fn of(conn: &mut Conn, member: MemberId) -> DbResult<Vec<Newsletter>> {
    let query = newsletter_subscriptions::table
        .inner_join(newsletters::table)
        .filter(newsletter_subscriptions::member_id.eq(member))
        .filter(newsletters::status.eq("active"))
        .order((newsletters::sort_order, newsletters::id))
        .select(COLUMNS);
    // The hottest path there is: the plain connection spares the cost of either.
    let rows: Vec<NewsletterRow> = on_either!(conn, conn => query.load(conn)?);
    rows.into_iter().map(Newsletter::try_from).collect()
}

/// Puts a member on lists, with an event each; returns those that are new to the member.
pub fn subscribe(
    conn: &mut Conn,
    member: MemberId,
    lists: &[NewsletterId],
    now: Timestamp,
) -> DbResult<Vec<NewsletterId>> {
    let mut joined = Vec::new();
    for list in lists {
        let row = (
            newsletter_subscriptions::member_id.eq(member),
            newsletter_subscriptions::newsletter_id.eq(list),
            newsletter_subscriptions::created_at.eq(now),
        );
        let inserted = on_either!(conn, conn => diesel::insert_into(newsletter_subscriptions::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(conn)?);
        if inserted == 1 {
            events::record(conn, member, Event::Subscribed(*list), now)?;
            joined.push(*list);
        }
    }
    Ok(joined)
}

/// Puts members on a list that none of them was ever on, with an event each.
pub fn begin(conn: &mut Conn, members: &[MemberId], list: NewsletterId, now: Timestamp) -> DbResult<()> {
    let rows: Vec<_> = members
        .iter()
        .map(|member| {
            (
                newsletter_subscriptions::member_id.eq(*member),
                newsletter_subscriptions::newsletter_id.eq(list),
                newsletter_subscriptions::created_at.eq(now),
            )
        })
        .collect();
    on_either!(conn, conn => diesel::insert_into(newsletter_subscriptions::table).values(&rows).execute(conn)?);
    events::record_all(conn, members, Event::Subscribed(list), now)
}

/// Takes a member off a list, with an event; nothing happens when they are not on it.
pub fn unsubscribe(conn: &mut Conn, member: MemberId, list: NewsletterId, now: Timestamp) -> DbResult<bool> {
    let left = diesel::delete(newsletter_subscriptions::table.find((member, list))).execute(conn)?;
    if left == 1 {
        events::record(conn, member, Event::Unsubscribed(list), now)?;
    }
    Ok(left == 1)
}

/// Whether somebody was on a list and left it: the last thing that happened with it.
pub fn left(conn: &mut Conn, member: MemberId, list: NewsletterId) -> DbResult<bool> {
    let last: Option<String> = member_events::table
        .filter(member_events::member_id.eq(member).and(member_events::newsletter_id.eq(list)))
        .order(member_events::id.desc())
        .select(member_events::kind)
        .first(conn)
        .optional()?;
    Ok(last.as_deref() == Some("unsubscribed"))
}

/// Takes back that staff put somebody on a list. It is no wish of the member's, so no event says that
/// they left.
pub fn take_back(conn: &mut Conn, member: MemberId, list: NewsletterId) -> DbResult<bool> {
    let left = diesel::delete(newsletter_subscriptions::table.find((member, list))).execute(conn)?;
    if left == 1 {
        let last: Option<MemberEventId> = member_events::table
            .filter(member_events::member_id.eq(member).and(member_events::newsletter_id.eq(list)))
            .order(member_events::id.desc())
            .select(member_events::id)
            .first(conn)
            .optional()?;
        if let Some(last) = last {
            diesel::delete(member_events::table.find(last)).execute(conn)?;
        }
    }
    Ok(left == 1)
}
