//! Tiers: what one can be a member of. There is always one that is free.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::tiers;
use crate::db::{Conn, DbError, DbResult, on_either};
use crate::ids::TierId;

/// Whether a tier costs something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Free,
    Paid,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Paid => "paid",
        }
    }
}

/// A tier. Amounts are in the currency's minor unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    pub id: TierId,
    pub name: String,
    pub slug: String,
    pub description: Option<String>,
    pub kind: Kind,
    pub benefits: Vec<String>,
    pub welcome_page_url: Option<String>,
    pub is_public: bool,
    pub is_active: bool,
    pub currency: Option<String>,
    pub monthly_minor: Option<i64>,
    pub yearly_minor: Option<i64>,
    pub trial_days: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = tiers)]
struct Row {
    id: TierId,
    name: String,
    slug: String,
    description: Option<String>,
    kind: String,
    benefits: String,
    welcome_page_url: Option<String>,
    is_public: bool,
    is_active: bool,
    currency: Option<String>,
    monthly_minor: Option<i64>,
    yearly_minor: Option<i64>,
    trial_days: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<Row> for Tier {
    type Error = DbError;

    fn try_from(row: Row) -> DbResult<Self> {
        let kind = match row.kind.as_str() {
            "free" => Kind::Free,
            "paid" => Kind::Paid,
            other => return Err(DbError::Corrupt(format!("tier kind {other}"))),
        };
        let benefits =
            serde_json::from_str(&row.benefits).map_err(|error| DbError::Corrupt(format!("benefits: {error}")))?;
        Ok(Self {
            id: row.id,
            name: row.name,
            slug: row.slug,
            description: row.description,
            kind,
            benefits,
            welcome_page_url: row.welcome_page_url,
            is_public: row.is_public,
            is_active: row.is_active,
            currency: row.currency,
            monthly_minor: row.monthly_minor,
            yearly_minor: row.yearly_minor,
            trial_days: row.trial_days,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Makes the free tier on a database that has none. Of several nodes that start at once, one wins.
pub fn ensure_free(conn: &mut Conn, now: Timestamp) -> DbResult<()> {
    let existing: i64 = tiers::table.filter(tiers::kind.eq("free")).count().get_result(conn)?;
    if existing > 0 {
        return Ok(());
    }
    let row = (
        tiers::id.eq(TierId::new(now)),
        tiers::name.eq("Free"),
        tiers::slug.eq("free"),
        tiers::kind.eq(Kind::Free.as_str()),
        tiers::created_at.eq(now),
        tiers::updated_at.eq(now),
    );
    on_either!(conn, conn => diesel::insert_into(tiers::table).values(row).on_conflict_do_nothing().execute(conn)?);
    Ok(())
}

/// The tiers that are offered now, the free one first, then in the site's order.
pub fn active(conn: &mut Conn) -> DbResult<Vec<Tier>> {
    tiers::table
        .filter(tiers::is_active.eq(true))
        .order((tiers::kind, tiers::sort_order, tiers::id))
        .select(Row::as_select())
        .load(conn)?
        .into_iter()
        .map(Tier::try_from)
        .collect()
}
