//! Members as programs ask for them: by a filter in NQL, in an order, a page at a time (protocol D.5).
//!
//! Only what stands in [`tables`](self) can be asked for: nothing that is secret has a name here
//! (`reliability.md` A12). Conditions on subscriptions are looked at one by one: two of them may hold for
//! two subscriptions of the same member.

use data_encoding::HEXLOWER_PERMISSIVE;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use time::format_description::well_known::Iso8601;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use super::address::EmailAddress;
use super::labels;
use super::nql::{Expr, Op, Place, Value};
use crate::billing::tiers;
use crate::clock::Timestamp;
use crate::db::{Conn, DbResult};
use crate::ids::MemberId;
use crate::newsletters::editing as newsletters;
use crate::staff::figures;

/// What is asked for.
pub struct Query {
    pub filter: Option<Expr>,
    /// A part of an address or a name; empty for everybody.
    pub search: String,
    /// Columns with a direction; empty for the newest first.
    pub order: Vec<(Column, bool)>,
    pub limit: i64,
    pub offset: i64,
}

/// A page of ids, and how many fit in all.
pub struct Page {
    pub ids: Vec<MemberId>,
    pub total: i64,
}

/// A filter names what there is not, or compares what cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the filter names something that members do not have")]
pub struct NotUnderstood;

/// What members can be put in order by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column(&'static str);

impl Column {
    /// By the protocol's name. Members' ids are of the time they joined, so that the two orders are one.
    pub fn of_order(name: &str) -> Option<Self> {
        Some(Self(match name {
            "id" | "created_at" => "members.id",
            "updated_at" => "members.updated_at",
            "last_seen_at" => "members.last_seen_at",
            "email" => "members.email_key",
            "name" => "members.name_key",
            "status" => "members.status",
            _ => return None,
        }))
    }
}

#[derive(Clone, Debug)]
enum Bind {
    Text(String),
    Int(i64),
    Bytes(Vec<u8>),
}

/// A piece of SQL; each `?` stands for the next value.
#[derive(Default)]
struct Sql {
    text: String,
    binds: Vec<Bind>,
}

impl Sql {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn bind(&mut self, bind: Bind) {
        self.text.push('?');
        self.binds.push(bind);
    }

    /// PostgreSQL counts its values.
    fn numbered(&self) -> String {
        let mut parts = self.text.split('?');
        let mut text = parts.next().unwrap_or_default().to_owned();
        for (number, part) in parts.enumerate() {
            text.push_str(&format!("${}{part}", number + 1));
        }
        text
    }
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Binary)]
    id: MemberId,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

macro_rules! run {
    ($conn:expr, $sql:expr, $row:ty) => {{
        macro_rules! bound {
            ($text:expr) => {{
                let mut query = diesel::sql_query($text).into_boxed();
                for bind in &$sql.binds {
                    query = match bind {
                        Bind::Text(text) => query.bind::<Text, _>(text.clone()),
                        Bind::Int(number) => query.bind::<BigInt, _>(*number),
                        Bind::Bytes(bytes) => query.bind::<Binary, _>(bytes.clone()),
                    };
                }
                query
            }};
        }
        let rows: Vec<$row> = match $conn {
            Conn::Postgres(conn) => bound!($sql.numbered()).load(conn)?,
            Conn::Sqlite(conn) => bound!($sql.text.clone()).load(conn)?,
        };
        rows
    }};
}

/// The page of a query, and how many fit it.
pub fn page(conn: &mut Conn, query: &Query) -> DbResult<Result<Page, NotUnderstood>> {
    let mut sql = Sql::default();
    sql.push(" FROM members WHERE 1 = 1");
    if let Some(filter) = &query.filter {
        sql.push(" AND ");
        if write(conn, &mut sql, filter)?.is_err() {
            return Ok(Err(NotUnderstood));
        }
    }
    if !query.search.is_empty() {
        let text = Bind::Text(format!("%{}%", escaped(&query.search.to_lowercase())));
        sql.push(" AND (members.email_key LIKE ");
        sql.bind(text.clone());
        sql.push(" ESCAPE '*' OR members.name_key LIKE ");
        sql.bind(text);
        sql.push(" ESCAPE '*')");
    }
    let total = if query.filter.is_none() && query.search.is_empty() {
        // Where there are many it is kept, to the minute; to count them costs more than the page.
        figures::members(conn)?
    } else {
        let count = Sql { text: format!("SELECT COUNT(*) AS count{}", sql.text), binds: sql.binds.clone() };
        run!(conn, count, CountRow).first().map_or(0, |row| row.count)
    };

    let mut order: Vec<String> = query
        .order
        .iter()
        .map(|(Column(name), is_down)| format!("{name} {} NULLS LAST", if *is_down { "DESC" } else { "ASC" }))
        .collect();
    order.push("members.id DESC".to_owned());
    sql.text = format!("SELECT members.id AS id{} ORDER BY {} LIMIT ", sql.text, order.join(", "));
    sql.bind(Bind::Int(query.limit));
    sql.push(" OFFSET ");
    sql.bind(Bind::Int(query.offset));
    let ids = run!(conn, sql, IdRow).into_iter().map(|row| row.id).collect();
    Ok(Ok(Page { ids, total }))
}

type Written = DbResult<Result<(), NotUnderstood>>;

fn write(conn: &mut Conn, sql: &mut Sql, expr: &Expr) -> Written {
    let (parts, between) = match expr {
        Expr::Test { key, op } => return test(conn, sql, key, op),
        Expr::All(parts) => (parts, " AND "),
        Expr::Any(parts) => (parts, " OR "),
    };
    sql.push("(");
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            sql.push(between);
        }
        if write(conn, sql, part)?.is_err() {
            return Ok(Err(NotUnderstood));
        }
    }
    sql.push(")");
    Ok(Ok(()))
}

/// What the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Email,
    Id,
    Uuid,
    Time,
    Number,
    Bool,
}

/// Subscriptions that give access, or would if they were paid.
const LIVE: &str = "'active', 'trialing', 'past_due', 'unpaid'";
const OF_SUBSCRIPTIONS: &str = "SELECT c.member_id FROM stripe_customers c \
     JOIN paid_subscriptions s ON s.customer_id = c.id WHERE c.member_id IS NOT NULL";
const OF_LISTS: &str = "SELECT ns.member_id FROM newsletter_subscriptions ns \
     JOIN newsletters n ON n.id = ns.newsletter_id WHERE 1 = 1";

fn test(conn: &mut Conn, sql: &mut Sql, key: &str, op: &Op) -> Written {
    let column = match key {
        "id" => ("members.id", Type::Id),
        "uuid" => ("members.uuid", Type::Uuid),
        "email" => ("members.email_key", Type::Email),
        "name" => ("members.name", Type::Text),
        "status" => ("members.status", Type::Text),
        "created_at" => ("members.created_at", Type::Time),
        "updated_at" => ("members.updated_at", Type::Time),
        "last_seen_at" => ("members.last_seen_at", Type::Time),
        "note" => {
            return related(sql, "SELECT m.member_id FROM member_notes m WHERE 1 = 1", "m.text", Type::Text, op);
        }
        "label" | "labels" | "labels.slug" | "label.slug" => {
            let labels = labels::all(conn)?;
            let slugs = labels.into_iter().map(|label| (label.slug(), label.id.as_bytes().to_vec()));
            return by_slug(sql, "SELECT m.member_id FROM member_labels m WHERE 1 = 1", "m.label_id", op, slugs);
        }
        "newsletters" | "newsletters.slug" | "newsletter" => {
            let slugs = newsletters::all(conn)?.into_iter().map(|list| (list.slug, list.id.as_bytes().to_vec()));
            return by_slug(sql, OF_LISTS, "n.id", op, slugs);
        }
        "newsletters.id" => return related(sql, OF_LISTS, "n.id", Type::Id, op),
        "newsletters.status" => return related(sql, OF_LISTS, "n.status", Type::Text, op),
        "subscribed" => {
            let Op::Among { values, not } = op else { return Ok(Err(NotUnderstood)) };
            let [Value::Bool(is_on)] = values[..] else { return Ok(Err(NotUnderstood)) };
            sql.push(if is_on == *not { "members.id NOT IN (" } else { "members.id IN (" });
            sql.push(OF_LISTS);
            sql.push(" AND n.status = 'active')");
            return Ok(Ok(()));
        }
        "tier" | "tiers" | "product" | "products" | "tiers.slug" | "products.slug" | "tier_id" => {
            let is_id = key == "tier_id";
            let tiers = tiers::all(conn)?.into_iter();
            let names =
                tiers.map(|tier| (if is_id { tier.id.to_string() } else { tier.slug }, tier.id.as_bytes().to_vec()));
            let having = format!(
                "SELECT t.member_id FROM (SELECT c.member_id AS member_id, s.tier_id AS tier_id FROM stripe_customers c \
                 JOIN paid_subscriptions s ON s.customer_id = c.id WHERE c.member_id IS NOT NULL \
                 AND s.status IN ({LIVE}) UNION SELECT m.member_id, m.tier_id FROM comps m WHERE m.ended_at IS NULL) t \
                 WHERE 1 = 1"
            );
            return by_slug(sql, &having, "t.tier_id", op, names);
        }
        "offer_redemptions" | "subscriptions.offer_id" => {
            return related(sql, OF_SUBSCRIPTIONS, "s.offer_id", Type::Id, op);
        }
        "subscriptions.status" => return related(sql, OF_SUBSCRIPTIONS, "s.status", Type::Text, op),
        "subscriptions.plan_interval" => return related(sql, OF_SUBSCRIPTIONS, "s.cadence", Type::Text, op),
        "subscriptions.plan_amount" => return related(sql, OF_SUBSCRIPTIONS, "s.amount_minor", Type::Number, op),
        "subscriptions.stripe_price_id" => return related(sql, OF_SUBSCRIPTIONS, "s.price_id", Type::Text, op),
        "subscriptions.start_date" => return related(sql, OF_SUBSCRIPTIONS, "s.started_at", Type::Time, op),
        "subscriptions.current_period_end" => return related(sql, OF_SUBSCRIPTIONS, "s.period_end", Type::Time, op),
        "subscriptions.trial_end_at" => return related(sql, OF_SUBSCRIPTIONS, "s.trial_end", Type::Time, op),
        "subscriptions.cancel_at_period_end" => {
            return related(sql, OF_SUBSCRIPTIONS, "s.cancel_at_period_end", Type::Bool, op);
        }
        _ => return Ok(Err(NotUnderstood)),
    };
    Ok(compare(sql, column.0, column.1, op))
}

/// A condition on rows of another table: `not` means that no such row is there.
fn related(sql: &mut Sql, rows: &str, column: &str, kind: Type, op: &Op) -> Written {
    let (not, positive) = match op {
        // To have nothing is to have no row at all.
        Op::Among { values, not } if values[..] == [Value::Null] => (!not, None),
        Op::Among { values, not } => (*not, Some(Op::Among { values: values.clone(), not: false })),
        Op::Like { text, place, not } => (*not, Some(Op::Like { text: text.clone(), place: *place, not: false })),
        other => (false, Some(other.clone())),
    };
    sql.push(if not { "members.id NOT IN (" } else { "members.id IN (" });
    sql.push(rows);
    if let Some(op) = positive {
        sql.push(" AND ");
        if compare(sql, column, kind, &op).is_err() {
            return Ok(Err(NotUnderstood));
        }
    }
    sql.push(")");
    Ok(Ok(()))
}

/// The same for things with a slug of which there are few: they are found before the database is asked.
fn by_slug(
    sql: &mut Sql,
    rows: &str,
    column: &str,
    op: &Op,
    slugs: impl Iterator<Item = (String, Vec<u8>)>,
) -> Written {
    let not = match op {
        Op::Among { values, not } if values[..] == [Value::Null] => {
            return related(sql, rows, column, Type::Id, &Op::Among { values: vec![Value::Null], not: *not });
        }
        Op::Among { not, .. } | Op::Like { not, .. } => *not,
        Op::Above { .. } | Op::Below { .. } => return Ok(Err(NotUnderstood)),
    };
    let ids: Vec<Vec<u8>> = slugs.filter(|(slug, _)| is_named(slug, op)).map(|(_, id)| id).collect();
    sql.push(if not { "members.id NOT IN (" } else { "members.id IN (" });
    sql.push(rows);
    sql.push(&format!(" AND {column} IN ("));
    list(sql, ids.into_iter().map(Bind::Bytes));
    sql.push("))");
    Ok(Ok(()))
}

/// Whether a slug is one of those that are named, or holds what is looked for.
fn is_named(slug: &str, op: &Op) -> bool {
    match op {
        Op::Among { values, .. } => values.iter().filter_map(as_text).any(|one| one == slug),
        Op::Like { text, place, .. } => {
            let text = text.to_lowercase();
            match place {
                Place::Anywhere => slug.contains(&text),
                Place::Beginning => slug.starts_with(&text),
                Place::End => slug.ends_with(&text),
            }
        }
        Op::Above { .. } | Op::Below { .. } => false,
    }
}

/// Values between commas; an empty list is one that nothing is in.
fn list(sql: &mut Sql, binds: impl Iterator<Item = Bind>) {
    let mut is_empty = true;
    for bind in binds {
        if !is_empty {
            sql.push(", ");
        }
        sql.bind(bind);
        is_empty = false;
    }
    if is_empty {
        sql.push("NULL");
    }
}

fn compare(sql: &mut Sql, column: &str, kind: Type, op: &Op) -> Result<(), NotUnderstood> {
    if kind == Type::Bool {
        let Op::Among { values, not } = op else { return Err(NotUnderstood) };
        let [Value::Bool(is)] = values[..] else { return Err(NotUnderstood) };
        sql.push(&if is == *not { format!("NOT {column}") } else { column.to_owned() });
        return Ok(());
    }
    match op {
        Op::Among { values, not } => {
            let (nulls, others): (Vec<&Value>, Vec<&Value>) = values.iter().partition(|value| **value == Value::Null);
            let is_null = if nulls.is_empty() { "" } else { " OR " };
            let binds = others.iter().map(|value| bind(kind, value)).collect::<Result<Vec<Bind>, _>>()?;
            if *not {
                sql.push(&format!("({column} IS NOT NULL"));
                if !binds.is_empty() {
                    sql.push(&format!(" AND {column} NOT IN ("));
                    list(sql, binds.into_iter());
                    sql.push(")");
                }
                // What is nothing is not one of these either, unless nothing was named.
                sql.push(&if nulls.is_empty() { format!(" OR {column} IS NULL)") } else { ")".to_owned() });
                return Ok(());
            }
            sql.push("(");
            if !binds.is_empty() {
                sql.push(&format!("{column} IN ("));
                list(sql, binds.into_iter());
                sql.push(")");
                sql.push(is_null);
            }
            if !nulls.is_empty() {
                sql.push(&format!("{column} IS NULL"));
            }
            sql.push(")");
            Ok(())
        }
        Op::Above { value, or_equal } => range(sql, column, kind, if *or_equal { ">=" } else { ">" }, value),
        Op::Below { value, or_equal } => range(sql, column, kind, if *or_equal { "<=" } else { "<" }, value),
        Op::Like { text, place, not } => {
            if !matches!(kind, Type::Text | Type::Email) {
                return Err(NotUnderstood);
            }
            let text = escaped(&text.to_lowercase());
            let pattern = match place {
                Place::Anywhere => format!("%{text}%"),
                Place::Beginning => format!("{text}%"),
                Place::End => format!("%{text}"),
            };
            sql.push(&format!("(COALESCE(LOWER({column}), '') {}LIKE ", if *not { "NOT " } else { "" }));
            sql.bind(Bind::Text(pattern));
            sql.push(" ESCAPE '*')");
            Ok(())
        }
    }
}

fn range(sql: &mut Sql, column: &str, kind: Type, sign: &str, value: &Value) -> Result<(), NotUnderstood> {
    if matches!(kind, Type::Bool | Type::Id | Type::Uuid) {
        return Err(NotUnderstood);
    }
    sql.push(&format!("{column} {sign} "));
    sql.bind(bind(kind, value)?);
    Ok(())
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Null | Value::Moment(_) => None,
    }
}

/// A value as its column has it. An id or address that is none is one that nobody has.
fn bind(kind: Type, value: &Value) -> Result<Bind, NotUnderstood> {
    let text = || as_text(value).ok_or(NotUnderstood);
    Ok(match (kind, value) {
        (Type::Text, _) => Bind::Text(text()?),
        (Type::Email, _) => {
            let text = text()?;
            Bind::Text(EmailAddress::parse(&text).map_or_else(|_| text.to_lowercase(), |email| email.key()))
        }
        (Type::Id, _) => Bind::Bytes(HEXLOWER_PERMISSIVE.decode(text()?.as_bytes()).unwrap_or_default()),
        (Type::Uuid, _) => {
            Bind::Bytes(Uuid::parse_str(&text()?).map_or_else(|_| Vec::new(), |id| id.into_bytes().into()))
        }
        (Type::Time, Value::Moment(at)) => Bind::Int(at.millis()),
        (Type::Time, Value::Text(text)) => Bind::Int(time_of(text).ok_or(NotUnderstood)?),
        (Type::Number, Value::Number(number)) => Bind::Int(*number),
        _ => return Err(NotUnderstood),
    })
}

/// Milliseconds of `2024-05-31`, `2024-05-31 10:00:00` or ISO 8601, in UTC where no offset is named.
fn time_of(text: &str) -> Option<i64> {
    if let Some(day) = Timestamp::of_day(text) {
        return Some(day.millis());
    }
    let plain = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let at = PrimitiveDateTime::parse(text, plain)
        .map(PrimitiveDateTime::assume_utc)
        .or_else(|_| OffsetDateTime::parse(text, &Iso8601::DEFAULT))
        .ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

/// `%`, `_` and the sign that makes them plain, made plain.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '%' | '_' | '*').then_some('*').into_iter().chain([c])).collect()
}
