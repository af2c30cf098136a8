//! Tiers: what one can be a member of. There is always one that is free.

use diesel::prelude::*;

use super::money::{self, NotAPrice};
use super::prices::{self, Cadence};
use super::stripe;
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
    pub sort_order: i32,
    /// Lower case.
    pub currency: Option<String>,
    pub monthly_minor: Option<i64>,
    pub yearly_minor: Option<i64>,
    pub trial_days: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Tier {
    /// What it costs today.
    pub fn amount(&self, cadence: Cadence) -> Option<i64> {
        match cadence {
            Cadence::Month => self.monthly_minor,
            Cadence::Year => self.yearly_minor,
        }
    }
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
    sort_order: i32,
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
            sort_order: row.sort_order,
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

/// Every tier there ever was: the free one first, then in the site's order.
pub fn all(conn: &mut Conn) -> DbResult<Vec<Tier>> {
    tiers::table
        .order((tiers::kind, tiers::sort_order, tiers::id))
        .select(Row::as_select())
        .load(conn)?
        .into_iter()
        .map(Tier::try_from)
        .collect()
}

/// The tiers that are offered now.
pub fn active(conn: &mut Conn) -> DbResult<Vec<Tier>> {
    Ok(all(conn)?.into_iter().filter(|tier| tier.is_active).collect())
}

pub fn find(conn: &mut Conn, id: TierId) -> DbResult<Option<Tier>> {
    tiers::table.find(id).select(Row::as_select()).get_result(conn).optional()?.map(Tier::try_from).transpose()
}

/// By its id or its slug.
pub fn find_named(conn: &mut Conn, name: &str) -> DbResult<Option<Tier>> {
    Ok(all(conn)?.into_iter().find(|tier| tier.slug == name || tier.id.to_string() == name))
}

/// Which of the tiers is sold as this product of Stripe's.
pub fn of_product(conn: &mut Conn, product: &str) -> DbResult<Option<TierId>> {
    let found = tiers::table.filter(tiers::stripe_product_id.eq(product)).select(tiers::id);
    Ok(found.get_result(conn).optional()?)
}

/// The product's id at Stripe: ours, so that it is never made twice.
pub fn product_id(id: TierId) -> String {
    format!("readership_{id}")
}

/// What staff say about a tier. `None` leaves a thing as it is.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    pub name: Option<String>,
    pub description: Option<String>,
    pub benefits: Option<Vec<String>>,
    pub currency: Option<String>,
    pub monthly_minor: Option<i64>,
    pub yearly_minor: Option<i64>,
    pub trial_days: Option<i32>,
    pub welcome_page_url: Option<String>,
    pub is_public: Option<bool>,
    pub sort_order: Option<i32>,
}

/// Why a tier cannot be as it was wished.
#[derive(Debug, thiserror::Error)]
pub enum NotATier {
    #[error("a name has 1 to 191 visible characters")]
    Name,
    #[error("there is a tier called {0} already")]
    NameTaken(String),
    #[error("{0:?} is not a currency of Stripe's; it is three letters such as usd")]
    Currency(String),
    #[error("a paid tier costs something a month, a year or both")]
    Free,
    #[error(transparent)]
    Price(#[from] NotAPrice),
    #[error("a trial has 0 to 730 days")]
    Trial,
    #[error("the free tier costs nothing and cannot be archived")]
    IsFree,
    #[error("there is no such tier")]
    Unknown,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<diesel::result::Error> for NotATier {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}

/// Adds a paid tier.
pub fn add(conn: &mut Conn, wishes: &Wishes, now: Timestamp) -> Result<TierId, NotATier> {
    let tier = Tier {
        id: TierId::new(now),
        name: String::new(),
        slug: String::new(),
        description: None,
        kind: Kind::Paid,
        benefits: Vec::new(),
        welcome_page_url: None,
        is_public: true,
        is_active: true,
        sort_order: i32::try_from(all(conn)?.len()).unwrap_or(i32::MAX),
        currency: None,
        monthly_minor: None,
        yearly_minor: None,
        trial_days: 0,
        created_at: now,
        updated_at: now,
    };
    let tier = wish(tier, wishes)?;
    has_own_name(conn, &tier)?;
    let slug = free_slug(conn, &tier)?;
    diesel::insert_into(tiers::table)
        .values((
            tiers::id.eq(tier.id),
            tiers::name.eq(&tier.name),
            tiers::slug.eq(slug),
            tiers::kind.eq(tier.kind.as_str()),
            tiers::created_at.eq(now),
            tiers::updated_at.eq(now),
            tiers::stripe_product_id.eq(product_id(tier.id)),
        ))
        .execute(conn)
        .map_err(DbError::from)?;
    store(conn, &tier, now)?;
    Ok(tier.id)
}

/// Changes a tier. Another amount makes another price; those who pay go on paying the old one.
pub fn edit(conn: &mut Conn, id: TierId, wishes: &Wishes, now: Timestamp) -> Result<(), NotATier> {
    let tier = find(conn, id)?.ok_or(NotATier::Unknown)?;
    let tier = wish(tier, wishes)?;
    has_own_name(conn, &tier)?;
    store(conn, &tier, now)
}

/// Takes a tier out of sale, or offers it again. Those who have it keep it.
pub fn set_active(conn: &mut Conn, id: TierId, is_active: bool, now: Timestamp) -> Result<(), NotATier> {
    let tier = find(conn, id)?.ok_or(NotATier::Unknown)?;
    if tier.kind == Kind::Free {
        return Err(NotATier::IsFree);
    }
    diesel::update(tiers::table.find(id))
        .set((tiers::is_active.eq(is_active), tiers::updated_at.eq(now)))
        .execute(conn)
        .map_err(DbError::from)?;
    Ok(())
}

/// Moves a paid tier one place up or down among the others; returns whether it moved.
pub fn reorder(conn: &mut Conn, id: TierId, is_up: bool, now: Timestamp) -> DbResult<bool> {
    let mut order: Vec<TierId> =
        all(conn)?.into_iter().filter(|tier| tier.kind == Kind::Paid).map(|tier| tier.id).collect();
    let Some(at) = order.iter().position(|one| *one == id) else { return Ok(false) };
    let to = if is_up { at.checked_sub(1) } else { Some(at + 1) };
    let Some(to) = to.filter(|to| *to < order.len()) else { return Ok(false) };
    order.swap(at, to);
    for (place, id) in order.into_iter().enumerate() {
        let place = i32::try_from(place + 1).unwrap_or(i32::MAX);
        diesel::update(tiers::table.find(id))
            .set((tiers::sort_order.eq(place), tiers::updated_at.eq(now)))
            .execute(conn)?;
    }
    Ok(true)
}

/// Nothing is written for a tier that another one is called like.
fn has_own_name(conn: &mut Conn, tier: &Tier) -> Result<(), NotATier> {
    let taken = all(conn)?.into_iter().any(|other| other.id != tier.id && other.name == tier.name && other.is_active);
    if taken { Err(NotATier::NameTaken(tier.name.clone())) } else { Ok(()) }
}

fn store(conn: &mut Conn, tier: &Tier, now: Timestamp) -> Result<(), NotATier> {
    diesel::update(tiers::table.find(tier.id))
        .set((
            tiers::name.eq(&tier.name),
            tiers::description.eq(&tier.description),
            // Texts always serialise.
            tiers::benefits.eq(serde_json::to_string(&tier.benefits).unwrap_or_default()),
            tiers::welcome_page_url.eq(&tier.welcome_page_url),
            tiers::is_public.eq(tier.is_public),
            tiers::sort_order.eq(tier.sort_order),
            tiers::currency.eq(&tier.currency),
            tiers::monthly_minor.eq(tier.monthly_minor),
            tiers::yearly_minor.eq(tier.yearly_minor),
            tiers::trial_days.eq(tier.trial_days),
            tiers::updated_at.eq(now),
        ))
        .execute(conn)
        .map_err(DbError::from)?;
    if let Some(currency) = &tier.currency {
        for cadence in Cadence::ALL {
            prices::set_today(
                conn,
                tier.id,
                cadence,
                tier.amount(cadence).map(|amount| (amount, currency.as_str())),
                now,
            )?;
        }
    }
    Ok(())
}

/// A tier as it was wished, if it can be so. Pure.
fn wish(tier: Tier, wishes: &Wishes) -> Result<Tier, NotATier> {
    let mut tier = tier;
    if let Some(name) = &wishes.name {
        name.trim().clone_into(&mut tier.name);
    }
    if tier.name.is_empty() || tier.name.chars().count() > 191 || tier.name.chars().any(char::is_control) {
        return Err(NotATier::Name);
    }
    let some = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    if let Some(text) = &wishes.description {
        tier.description = some(text);
    }
    if let Some(url) = &wishes.welcome_page_url {
        tier.welcome_page_url = some(url);
    }
    if let Some(benefits) = &wishes.benefits {
        tier.benefits = benefits.iter().filter_map(some).collect();
    }
    tier.is_public = wishes.is_public.unwrap_or(tier.is_public);
    tier.sort_order = wishes.sort_order.unwrap_or(tier.sort_order);
    let says_price = wishes.currency.is_some() || wishes.monthly_minor.is_some() || wishes.yearly_minor.is_some();
    if tier.kind == Kind::Free {
        return if says_price || wishes.trial_days.is_some() { Err(NotATier::IsFree) } else { Ok(tier) };
    }
    if let Some(days) = wishes.trial_days {
        tier.trial_days = days;
    }
    if !(0..=730).contains(&tier.trial_days) {
        return Err(NotATier::Trial);
    }
    if let Some(currency) = &wishes.currency {
        tier.currency = Some(currency.to_ascii_lowercase());
    }
    let currency = tier.currency.clone().unwrap_or_default();
    if currency.len() != 3 || !stripe::is_currency(&currency) {
        return Err(NotATier::Currency(currency));
    }
    // Zero takes a price away.
    let amount =
        |wish: Option<i64>, was: Option<i64>| wish.map_or(was, |minor| Some(minor).filter(|minor| *minor != 0));
    tier.monthly_minor = amount(wishes.monthly_minor, tier.monthly_minor);
    tier.yearly_minor = amount(wishes.yearly_minor, tier.yearly_minor);
    let amounts = [tier.monthly_minor, tier.yearly_minor];
    if amounts.iter().all(Option::is_none) {
        return Err(NotATier::Free);
    }
    amounts.into_iter().flatten().try_for_each(|minor| money::check(minor, &currency))?;
    Ok(tier)
}

/// `gold`, or `gold-2` where there is one.
fn free_slug(conn: &mut Conn, tier: &Tier) -> DbResult<String> {
    let words: String =
        tier.name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let base = words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    let base = if base.is_empty() { "tier".to_owned() } else { base };
    let taken: Vec<String> = tiers::table.select(tiers::slug).load(conn)?;
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    Ok(std::iter::once(base.clone()).chain(numbered).find(|slug| !taken.contains(slug)).unwrap_or(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gold() -> Tier {
        let now = Timestamp::from_millis(0);
        let tier = Tier {
            id: TierId::new(now),
            name: "Gold".to_owned(),
            slug: "gold".to_owned(),
            description: None,
            kind: Kind::Paid,
            benefits: Vec::new(),
            welcome_page_url: None,
            is_public: true,
            is_active: true,
            sort_order: 1,
            currency: Some("usd".to_owned()),
            monthly_minor: Some(500),
            yearly_minor: Some(5_000),
            trial_days: 0,
            created_at: now,
            updated_at: now,
        };
        wish(tier, &Wishes::default()).unwrap()
    }

    #[test]
    fn a_tier_is_what_it_can_be() {
        let changed = |wishes: Wishes| wish(gold(), &wishes);
        assert_eq!(changed(Wishes { monthly_minor: Some(700), ..Wishes::default() }).unwrap().monthly_minor, Some(700));
        assert_eq!(changed(Wishes { monthly_minor: Some(0), ..Wishes::default() }).unwrap().monthly_minor, None);
        for wrong in [
            Wishes { name: Some(" ".to_owned()), ..Wishes::default() },
            Wishes { currency: Some("dollars".to_owned()), ..Wishes::default() },
            Wishes { currency: Some("zzz".to_owned()), ..Wishes::default() },
            Wishes { monthly_minor: Some(0), yearly_minor: Some(0), ..Wishes::default() },
            Wishes { monthly_minor: Some(-5), ..Wishes::default() },
            Wishes { trial_days: Some(731), ..Wishes::default() },
            Wishes { currency: Some("kwd".to_owned()), monthly_minor: Some(5_005), ..Wishes::default() },
        ] {
            assert!(changed(wrong.clone()).is_err(), "{wrong:?}");
        }
    }
}
