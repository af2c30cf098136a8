//! Where candidates of a list come from: every source is read through an index of its own.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::{Filter, Mail, Sort};
use crate::clock::Timestamp;
use crate::db::schema::{
    member_labels, members, newsletter_subscriptions, paid_subscriptions, stripe_customers, suppressions,
};
use crate::db::{Conn, DbResult};
use crate::ids::{LabelId, MemberId, NewsletterId};

/// A set of members that an index gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    All,
    Status(&'static str),
    Newsletter(NewsletterId),
    Label(LabelId),
    Language(&'static str),
    /// Who pays, paid or was given something.
    Billing,
    HeldBack,
    Paused,
    Leaving,
    /// Everybody, by address.
    ByAddress,
    /// Everybody, by when they were seen.
    BySeen,
}

impl Source {
    /// Those that hold everybody who fits, the ones that are likely to be small first.
    pub fn of(filter: &Filter) -> Vec<Self> {
        let mail = match filter.mail {
            Some(Mail::HeldBack) => Some(Self::HeldBack),
            Some(Mail::Paused) => Some(Self::Paused),
            Some(Mail::Leaving) => Some(Self::Leaving),
            None => None,
        };
        let status = filter.status.filter(|status| *status != "free").map(Self::Status);
        [
            mail,
            filter.label.map(Self::Label),
            status,
            filter.tier.map(|_| Self::Billing),
            filter.newsletter.map(Self::Newsletter),
            filter.language.map(Self::Language),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The one that gives candidates in the order that is asked for.
    pub fn in_order(filter: &Filter) -> Self {
        match filter.sort {
            Sort::Address => Self::ByAddress,
            Sort::SeenLast | Sort::SeenFirst => Self::BySeen,
            Sort::Newest | Sort::Oldest => Self::for_walking(filter),
        }
    }

    /// The smallest that can be gone through by id.
    pub fn for_walking(filter: &Filter) -> Self {
        let unordered = [Self::HeldBack, Self::Paused, Self::Leaving];
        Self::of(filter).into_iter().find(|source| !unordered.contains(source)).unwrap_or(Self::All)
    }

    /// Up to `most` of its members, in whatever order.
    pub fn some(self, conn: &mut Conn, most: i64, now: Timestamp) -> DbResult<Vec<MemberId>> {
        Ok(match self {
            Self::HeldBack => suppressions::table
                .inner_join(members::table.on(members::email_key.eq(suppressions::email_key)))
                .select(members::id)
                .limit(most)
                .load(conn)?,
            Self::Paused => {
                members::table.filter(members::paused_until.gt(now)).select(members::id).limit(most).load(conn)?
            }
            Self::Leaving => {
                members::table.filter(members::erase_at.is_not_null()).select(members::id).limit(most).load(conn)?
            }
            _ => self.walk(conn, None, most)?,
        })
    }

    /// Up to `most` members after `after`, by id.
    pub fn walk(self, conn: &mut Conn, after: Option<MemberId>, most: i64) -> DbResult<Vec<MemberId>> {
        self.by_id(conn, after, None, false, most)
    }

    /// Members by id, upwards or downwards, between two ids that are not among them.
    fn by_id(
        self,
        conn: &mut Conn,
        low: Option<MemberId>,
        high: Option<MemberId>,
        is_down: bool,
        most: i64,
    ) -> DbResult<Vec<MemberId>> {
        macro_rules! ids {
            ($query:expr, $id:expr) => {{
                let mut query = $query.select($id).limit(most).into_boxed();
                if let Some(low) = low {
                    query = query.filter($id.gt(low));
                }
                if let Some(high) = high {
                    query = query.filter($id.lt(high));
                }
                query = if is_down { query.order($id.desc()) } else { query.order($id.asc()) };
                query.load(conn)?
            }};
        }
        Ok(match self {
            // The words of the index's own condition, without which it would not be used.
            Self::Status(status) => ids!(
                members::table.filter(members::status.eq(status)).filter(sql::<Bool>("status <> 'free'")),
                members::id
            ),
            Self::Language(tag) => ids!(members::table.filter(members::language.eq(tag)), members::id),
            Self::Billing => ids!(members::table.filter(sql::<Bool>("has_billing")), members::id),
            Self::Newsletter(list) => ids!(
                newsletter_subscriptions::table.filter(newsletter_subscriptions::newsletter_id.eq(list)),
                newsletter_subscriptions::member_id
            ),
            Self::Label(label) => {
                ids!(member_labels::table.filter(member_labels::label_id.eq(label)), member_labels::member_id)
            }
            _ => ids!(members::table, members::id),
        })
    }

    /// Up to `most` candidates after a place, each with its own.
    pub fn after(
        self,
        conn: &mut Conn,
        filter: &Filter,
        after: Option<&str>,
        most: i64,
    ) -> DbResult<Vec<(MemberId, String)>> {
        match self {
            Self::ByAddress => addresses(conn, "", after, most),
            Self::BySeen => by_seen(conn, filter.sort == Sort::SeenLast, after, most),
            _ => {
                let is_down = filter.sort == Sort::Newest;
                let (from, to) = filter.made_between();
                // An id made a second before the first day, or in the second after the last, is none of
                // that time.
                let edge = |at: Timestamp| MemberId::edge(at);
                let place: Option<MemberId> = after.and_then(|text| text.parse().ok());
                let (mut low, mut high) = (from.map(edge), to.map(edge));
                if is_down {
                    high = place.or(high);
                } else {
                    low = place.or(low);
                }
                let ids = self.by_id(conn, low, high, is_down, most)?;
                Ok(ids.into_iter().map(|id| (id, id.to_string())).collect())
            }
        }
    }
}

/// How texts are compared: PostgreSQL's own order depends on how the database was made, the index on
/// nothing.
fn bytewise(conn: &Conn, column: &str) -> String {
    match conn {
        Conn::Postgres(_) => format!("{column} COLLATE \"C\""),
        Conn::Sqlite(_) => column.to_owned(),
    }
}

/// The last text that begins so.
fn last_with(prefix: &str) -> String {
    format!("{prefix}\u{10FFFF}")
}

/// Members whose address begins with `prefix`, by address.
pub fn addresses(conn: &mut Conn, prefix: &str, after: Option<&str>, most: i64) -> DbResult<Vec<(MemberId, String)>> {
    let column = bytewise(conn, "email_key");
    let key = || sql::<Text>(&column);
    let mut query =
        members::table.order(key().asc()).limit(most).select((members::id, members::email_key)).into_boxed();
    if !prefix.is_empty() {
        query = query.filter(key().lt(last_with(prefix)));
    }
    // One lower bound, never two: SQLite would begin at either.
    query = match after {
        Some(after) => query.filter(key().gt(after.to_owned())),
        None => query.filter(key().ge(prefix.to_owned())),
    };
    Ok(query.load(conn)?)
}

/// Members whose name begins with `prefix` and whose address does not, by name.
pub fn names(conn: &mut Conn, prefix: &str, after: Option<&str>, most: i64) -> DbResult<Vec<(MemberId, String)>> {
    let (name, email) = (bytewise(conn, "name_key"), bytewise(conn, "email_key"));
    let key = || sql::<Text>(&name);
    let is_not_shown = sql::<Bool>(&format!("NOT ({email} >= "))
        .bind::<Text, _>(prefix.to_owned())
        .sql(&format!(" AND {email} < "))
        .bind::<Text, _>(last_with(prefix))
        .sql(")");
    // Places of names are `name` and `id`: many have the same name.
    let (from, id) = match after.and_then(|after| after.rsplit_once(' ')) {
        Some((name, id)) => (name.to_owned(), id.parse::<MemberId>().ok()),
        None => (prefix.to_owned(), None),
    };
    let mut query = members::table
        .filter(members::name_key.is_not_null())
        .filter(key().ge(from.clone()))
        .filter(key().lt(last_with(prefix)))
        .filter(is_not_shown)
        .order((key().asc(), members::id.asc()))
        .limit(most)
        .select((members::id, members::name_key))
        .into_boxed();
    if let Some(id) = id {
        query = query.filter(key().gt(from).or(members::id.gt(id)));
    }
    let rows: Vec<(MemberId, Option<String>)> = query.load(conn)?;
    Ok(rows.into_iter().map(|(id, name)| (id, format!("{} {id}", name.unwrap_or_default()))).collect())
}

/// Everybody by when they were last seen; whoever never was is the oldest.
fn by_seen(conn: &mut Conn, is_down: bool, after: Option<&str>, most: i64) -> DbResult<Vec<(MemberId, String)>> {
    const SEEN: &str = "coalesce(last_seen_at, 0)";
    let seen = || sql::<BigInt>(SEEN);
    let mut query = members::table.limit(most).select((members::id, members::last_seen_at)).into_boxed();
    let place = after.and_then(|after| after.split_once(':'));
    if let Some((at, id)) = place.and_then(|(at, id)| Some((at.parse::<i64>().ok()?, id.parse::<MemberId>().ok()?))) {
        query = if is_down {
            query.filter(seen().le(at)).filter(seen().lt(at).or(members::id.lt(id)))
        } else {
            query.filter(seen().ge(at)).filter(seen().gt(at).or(members::id.gt(id)))
        };
    }
    query = if is_down {
        query.order((seen().desc(), members::id.desc()))
    } else {
        query.order((seen().asc(), members::id.asc()))
    };
    let rows: Vec<(MemberId, Option<Timestamp>)> = query.load(conn)?;
    let place = |at: Option<Timestamp>, id| super::filter::seen_key(at.map_or(0, Timestamp::millis), id);
    Ok(rows.into_iter().map(|(id, at)| (id, place(at, id))).collect())
}

/// The member that a whole id names, ours or Stripe's; `None` when the text is no id.
pub fn named(conn: &mut Conn, text: &str) -> DbResult<Option<Vec<MemberId>>> {
    if let Ok(id) = text.parse::<MemberId>() {
        return Ok(Some(vec![id]));
    }
    let owner: Option<Option<MemberId>> = if text.starts_with("cus_") {
        stripe_customers::table.find(text).select(stripe_customers::member_id).get_result(conn).optional()?
    } else if text.starts_with("sub_") {
        paid_subscriptions::table
            .inner_join(stripe_customers::table)
            .filter(paid_subscriptions::id.eq(text))
            .select(stripe_customers::member_id)
            .get_result(conn)
            .optional()?
    } else {
        return Ok(None);
    };
    Ok(Some(owner.flatten().into_iter().collect()))
}
