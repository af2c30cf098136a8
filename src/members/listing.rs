//! Looking members up: what is searched for, filtered and sorted, a page at a time.
//!
//! A page costs the same however many members there are. Where one of the filters fits only
//! [`FEW`] members, those are read and the other filters look at them. Otherwise members are looked at in
//! the order that is asked for, in chunks, until the page is full or [`AT_MOST`] were looked at; the page
//! then says how far it came.

mod filter;
mod sources;

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::{
    comps, member_labels, members, newsletter_subscriptions, paid_subscriptions, stripe_customers, suppressions,
};
use crate::db::{Conn, DbResult};
use crate::ids::MemberId;
pub use filter::{Day, Filter, Mail, Seen, Sort};
use sources::Source;

/// Members that are few enough to be read all at once.
const FEW: i64 = 5_000;
/// Members looked at for one page.
const AT_MOST: usize = 5_000;
/// Members looked at in one query, at most: the first query of a page asks for no more than fit on it.
const CHUNK: i64 = 1_000;

/// A member in a list.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = members)]
pub struct Listed {
    pub id: MemberId,
    pub email: String,
    pub email_key: String,
    pub name: Option<String>,
    pub status: String,
    pub language: Option<String>,
    pub created_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
    pub paused_until: Option<Timestamp>,
    pub erase_at: Option<Timestamp>,
}

/// A page of a list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub members: Vec<Listed>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// The page is not full because enough members were looked at.
    pub is_cut: bool,
    /// How many fit, where that is known.
    pub total: Option<usize>,
}

/// The members that fit, from after `after` (a former page's `next`) on.
pub fn page(conn: &mut Conn, filter: &Filter, after: Option<&str>, most: usize, now: Timestamp) -> DbResult<Page> {
    if let Some(ids) = sources::named(conn, &filter.search)? {
        return few(conn, filter, ids, after, most, now);
    }
    if !filter.search.is_empty() {
        return searched(conn, filter, after, most, now);
    }
    match smallest(conn, filter, now)? {
        Some(ids) => few(conn, filter, ids, after, most, now),
        None => {
            let source = Source::in_order(filter);
            scan(conn, filter, after, most, now, |conn, after, most| source.after(conn, filter, after, most))
        }
    }
}

/// The ids of a filter that fits few members, if there is such a filter.
fn smallest(conn: &mut Conn, filter: &Filter, now: Timestamp) -> DbResult<Option<Vec<MemberId>>> {
    for source in Source::of(filter) {
        let ids = source.some(conn, FEW + 1, now)?;
        if i64::try_from(ids.len()).is_ok_and(|count| count <= FEW) {
            return Ok(Some(ids));
        }
    }
    Ok(None)
}

/// A page of members that are few.
fn few(
    conn: &mut Conn,
    filter: &Filter,
    mut ids: Vec<MemberId>,
    after: Option<&str>,
    most: usize,
    now: Timestamp,
) -> DbResult<Page> {
    ids.sort_unstable();
    ids.dedup();
    let mut all = Vec::new();
    for chunk in ids.chunks(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
        all.extend(fitting(conn, filter, chunk, now)?);
    }
    let mut keyed: Vec<(String, Listed)> = all.into_iter().map(|one| (filter.sort.key(&one), one)).collect();
    keyed.sort_by(|(one, _), (other, _)| if filter.sort.is_downwards() { other.cmp(one) } else { one.cmp(other) });
    let total = keyed.len();
    let is_after =
        |key: &str| after.is_none_or(|after| if filter.sort.is_downwards() { key < after } else { key > after });
    let mut rest = keyed.into_iter().filter(|(key, _)| is_after(key));
    let page: Vec<(String, Listed)> = rest.by_ref().take(most).collect();
    let next = page.last().map(|(key, _)| key.clone()).filter(|_| rest.next().is_some());
    Ok(Page { members: page.into_iter().map(|(_, one)| one).collect(), next, is_cut: false, total: Some(total) })
}

/// Looks at members in the order of `next`, which gives ids with the place of each.
fn scan(
    conn: &mut Conn,
    filter: &Filter,
    after: Option<&str>,
    most: usize,
    now: Timestamp,
    mut next: impl FnMut(&mut Conn, Option<&str>, i64) -> DbResult<Vec<(MemberId, String)>>,
) -> DbResult<Page> {
    let (mut page, mut at, mut looked_at) = (Page::default(), after.map(str::to_owned), 0);
    let mut places: Vec<String> = Vec::new();
    let mut chunk = i64::try_from(most + 1).unwrap_or(CHUNK);
    loop {
        let some = next(conn, at.as_deref(), chunk)?;
        let ids: Vec<MemberId> = some.iter().map(|(id, _)| *id).filter(|id| filter.may_be(*id)).collect();
        let fits = fitting(conn, filter, &ids, now)?;
        let mut fits: HashMap<MemberId, Listed> = fits.into_iter().map(|one| (one.id, one)).collect();
        for (id, place) in &some {
            if let Some(one) = fits.remove(id) {
                if page.members.len() == most {
                    page.next = places.pop();
                    return Ok(page);
                }
                page.members.push(one);
                places.push(place.clone());
            }
            at = Some(place.clone());
        }
        looked_at += some.len();
        if i64::try_from(some.len()).is_ok_and(|count| count < chunk) {
            return Ok(page);
        }
        if looked_at >= AT_MOST {
            return Ok(Page { next: at, is_cut: true, ..page });
        }
        chunk = (chunk * 4).min(CHUNK);
    }
}

/// Those whose address begins so, and then those whose name does.
fn searched(conn: &mut Conn, filter: &Filter, after: Option<&str>, most: usize, now: Timestamp) -> DbResult<Page> {
    let text = filter.search.to_lowercase();
    let mut page = Page::default();
    let in_names = after.and_then(|after| after.strip_prefix("name:"));
    if in_names.is_none() {
        page = scan(conn, filter, after, most, now, |conn, after, most| sources::addresses(conn, &text, after, most))?;
        if page.next.is_some() {
            return Ok(page);
        }
    }
    let left = most - page.members.len();
    if left == 0 {
        return Ok(Page { next: Some("name:".to_owned()), ..page });
    }
    let from = in_names.filter(|place| !place.is_empty());
    let names = scan(conn, filter, from, left, now, |conn, after, most| sources::names(conn, &text, after, most))?;
    page.members.extend(names.members);
    Ok(Page { next: names.next.map(|place| format!("name:{place}")), is_cut: names.is_cut, ..page })
}

/// Which of some members fit, in whatever order.
fn fitting(conn: &mut Conn, filter: &Filter, ids: &[MemberId], now: Timestamp) -> DbResult<Vec<Listed>> {
    let mut some: Vec<Listed> =
        members::table.filter(members::id.eq_any(ids)).select(Listed::as_select()).load(conn)?;
    some.retain(|one| filter.fits(one, now));
    if some.is_empty() {
        return Ok(some);
    }
    let ids: Vec<MemberId> = some.iter().map(|one| one.id).collect();
    let mut keep = |kept: Vec<MemberId>| {
        let kept: HashSet<MemberId> = kept.into_iter().collect();
        some.retain(|one| kept.contains(&one.id));
    };
    if let Some(list) = filter.newsletter {
        keep(
            newsletter_subscriptions::table
                .filter(newsletter_subscriptions::newsletter_id.eq(list))
                .filter(newsletter_subscriptions::member_id.eq_any(&ids))
                .select(newsletter_subscriptions::member_id)
                .load(conn)?,
        );
    }
    if let Some(label) = filter.label {
        keep(
            member_labels::table
                .filter(member_labels::label_id.eq(label))
                .filter(member_labels::member_id.eq_any(&ids))
                .select(member_labels::member_id)
                .load(conn)?,
        );
    }
    if let Some(tier) = filter.tier {
        let payers: Vec<Option<MemberId>> = stripe_customers::table
            .inner_join(paid_subscriptions::table)
            .filter(stripe_customers::member_id.eq_any(ids.iter().copied().map(Some)))
            .filter(paid_subscriptions::tier_id.eq(tier))
            .filter(paid_subscriptions::status.eq_any(["active", "trialing", "past_due", "unpaid"]))
            .select(stripe_customers::member_id)
            .load(conn)?;
        let given: Vec<MemberId> = comps::table
            .filter(comps::member_id.eq_any(&ids))
            .filter(comps::tier_id.eq(tier).and(comps::ended_at.is_null()))
            .filter(comps::until.is_null().or(comps::until.gt(now)))
            .select(comps::member_id)
            .load(conn)?;
        keep(payers.into_iter().flatten().chain(given).collect());
    }
    if filter.mail == Some(Mail::HeldBack) {
        let keys: Vec<&str> = some.iter().map(|one| one.email_key.as_str()).collect();
        let held: HashSet<String> = suppressed(conn, &keys)?;
        some.retain(|one| held.contains(&one.email_key));
    }
    Ok(some)
}

/// Which of some addresses no mail goes to.
pub fn suppressed(conn: &mut Conn, email_keys: &[&str]) -> DbResult<HashSet<String>> {
    let held: Vec<String> = suppressions::table
        .filter(suppressions::email_key.eq_any(email_keys))
        .select(suppressions::email_key)
        .load(conn)?;
    Ok(held.into_iter().collect())
}

/// Members that fit, in the order of their ids, for whatever goes through all of them: up to `most` that
/// were looked at after `after`. Returns those that fit and the last one looked at, if there may be more.
pub fn walk(
    conn: &mut Conn,
    filter: &Filter,
    after: Option<MemberId>,
    most: i64,
    now: Timestamp,
) -> DbResult<(Vec<Listed>, Option<MemberId>)> {
    let source = Source::for_walking(filter);
    let ids = source.walk(conn, after, most)?;
    let last = ids.last().copied().filter(|_| i64::try_from(ids.len()).is_ok_and(|count| count == most));
    let mut fits = fitting(conn, filter, &ids, now)?;
    fits.sort_unstable_by_key(|one| one.id);
    Ok((fits, last))
}

/// How many fit: exact, and as slow as there are members to be looked at.
pub fn count(conn: &mut Conn, filter: &Filter, now: Timestamp) -> DbResult<i64> {
    if filter.is_all() {
        return Ok(members::table.count().get_result(conn)?);
    }
    if let Some(list) = filter.newsletter_alone() {
        let on_it = newsletter_subscriptions::table.filter(newsletter_subscriptions::newsletter_id.eq(list));
        return Ok(on_it.count().get_result(conn)?);
    }
    let (mut total, mut after) = (0, None);
    loop {
        let (some, last) = walk(conn, filter, after, 5_000, now)?;
        total += i64::try_from(some.len()).unwrap_or(0);
        after = last;
        if after.is_none() {
            return Ok(total);
        }
    }
}
