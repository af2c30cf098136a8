//! Buying: somebody is sent to Stripe's page and comes back, or does not. What is bought, for how much,
//! with which trial and discount, is decided here (`reliability.md` P7, P13, P14); whether it was paid,
//! Stripe tells (P5).

use std::collections::HashMap;
use std::time::Duration;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::offers::{self, Offer};
use super::prices::{self, Cadence, TierPrice};
use super::stripe::objects::{Ref, Session};
use super::stripe::{NewSession, Wanted};
use super::tiers::{self, Kind, Tier};
use super::{Billing, BillingError, BillingResult, SITE, customers, standing, trials};
use crate::clock::Timestamp;
use crate::db::schema::checkouts;
use crate::db::{Conn, DbError, DbResult};
use crate::ids::{CheckoutId, MemberId, OfferId, TierId};
use crate::limits::{self, ClientNetwork, Verdict, Window};
use crate::members::{self, address::EmailAddress};
use crate::signin::Policy;
use crate::signin::asking::{self, AfterPayment};
use crate::signin::links::Via;
use crate::texts::Language;

/// Who wants to buy.
#[derive(Clone)]
pub enum Buyer {
    /// They are signed in.
    Member(MemberId),
    /// They typed an address that they have not proved.
    Address(EmailAddress),
    /// They will type one at Stripe.
    Unknown,
}

/// What somebody wants.
#[derive(Clone, Debug)]
pub enum Wish {
    Tier { tier: TierId, cadence: Cadence },
    Offer(OfferId),
    Donation,
}

/// Where a browser goes afterwards; checked before it comes here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Back {
    pub via: Via,
    pub success: String,
    pub cancel: String,
}

/// An order.
pub struct Order {
    pub buyer: Buyer,
    pub wish: Wish,
    pub back: Back,
    pub language: Language,
    pub client: ClientNetwork,
    /// For somebody who is no member yet.
    pub name: Option<String>,
    pub newsletters: Option<Vec<String>>,
    /// The words beside the button.
    pub consent_text: String,
    /// The words above the field for a message, with a donation.
    pub note: String,
}

/// The way to Stripe's page.
pub struct Opened {
    pub session_id: String,
    pub url: String,
    /// The page of the tier that greets its new members.
    pub welcome_page_url: Option<String>,
}

/// Why there is no way there.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    #[error("there is no such tier")]
    NoSuchTier,
    #[error("the tier is archived")]
    TierArchived,
    #[error("the tier has no such price")]
    NoPrice,
    #[error("there is no such offer")]
    NoSuchOffer,
    #[error("the offer is over")]
    OfferOver,
    /// They pay already, or an account has the address and nobody is signed in.
    #[error("a subscription exists")]
    AlreadyThere,
    #[error("too often")]
    TooOften { retry_after: Duration },
    #[error("donations are off")]
    DonationsOff,
    #[error(transparent)]
    Failed(#[from] BillingError),
}

impl From<DbError> for CheckoutError {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

/// What was decided about an order; kept with the visit, so that it is the same for every try at it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub back: Back,
    pub language: Language,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newsletters: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    consent_text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trial_days: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offer: Option<String>,
    /// The page of the tier that greets its new members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    welcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
}

impl Request {
    /// Of a visit that changes a card.
    pub(super) fn for_card(back: Back, language: Language, subscription: Option<String>) -> Self {
        Self {
            back,
            language,
            email: None,
            name: None,
            newsletters: None,
            consent_text: String::new(),
            trial_days: None,
            offer: None,
            welcome: None,
            subscription,
        }
    }
}

/// A visit to Stripe's pages.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = checkouts)]
pub(super) struct Visit {
    pub id: CheckoutId,
    pub mode: String,
    pub member_id: Option<MemberId>,
    request: String,
    pub session_id: Option<String>,
    url: Option<String>,
    pub state: String,
    pub expires_at: Timestamp,
}

impl Visit {
    pub(super) fn request(&self) -> DbResult<Request> {
        serde_json::from_str(&self.request).map_err(|error| DbError::Corrupt(error.to_string()))
    }
}

/// How long a visit may take.
const VISIT: Duration = Duration::from_secs(3_600);
/// A visit with less time left than this is not begun again.
const LEFT: Duration = Duration::from_secs(900);

/// A plan that is to be bought.
struct Plan {
    tier: Tier,
    price: TierPrice,
    offer: Option<Offer>,
}

/// What is to be bought, as it stands now.
enum Bought {
    Plan(Box<Plan>),
    Donation,
}

impl Bought {
    fn welcome_page(&self) -> Option<&str> {
        match self {
            Self::Plan(plan) => plan.tier.welcome_page_url.as_deref(),
            Self::Donation => None,
        }
    }
}

impl Billing {
    /// Opens a visit to Checkout, or finds the one that is open for the same wish.
    pub async fn check_out(&self, order: Order) -> Result<Opened, CheckoutError> {
        let (policy, now) = (self.policy.clone(), self.now());
        let donations = self.settings.donations.clone();
        if matches!(order.wish, Wish::Donation) && donations.is_none() {
            return Err(CheckoutError::DonationsOff);
        }
        let (wish, buyer, client) = (order.wish.clone(), order.buyer.clone(), order.client);
        let decided = self
            .db
            .write(move |conn| match admit(conn, &policy, &buyer, client, now)? {
                Verdict::Admitted => decide(conn, &wish, &buyer, now),
                Verdict::Refused { retry_after } => Ok(Err(CheckoutError::TooOften { retry_after })),
            })
            .await?;
        let bought = decided?;
        if let (Buyer::Address(email), Bought::Plan(_)) = (&order.buyer, &bought)
            && self.is_known(email).await?
        {
            self.mail_link_to_known(email, &order).await?;
            return Err(CheckoutError::AlreadyThere);
        }
        let (visit, replaced) = self.reserve(&order, &bought).await?;
        for session in replaced {
            match self.stripe.expire_session(&session).await {
                Err(error) if error.is_away() => return Err(BillingError::from(error).into()),
                // It has ended by itself, or was paid a moment ago: then nothing else is to be bought.
                Err(_) => {
                    self.take_up(&session).await?;
                    let (wish, buyer, now) = (order.wish.clone(), order.buyer.clone(), self.now());
                    self.db.read(move |conn| decide(conn, &wish, &buyer, now)).await??;
                }
                Ok(()) => {}
            }
        }
        let welcome_page_url = bought.welcome_page().map(str::to_owned);
        if let (Some(session_id), Some(url)) = (visit.session_id.clone(), visit.url.clone()) {
            return Ok(Opened { session_id, url, welcome_page_url });
        }
        let session = self.open(&visit, &bought, &order).await?;
        let url = session.url.clone().unwrap_or_default();
        Ok(Opened { session_id: session.id, url, welcome_page_url })
    }

    /// Whether an account has the address, or somebody pays under it who has not proved it yet.
    async fn is_known(&self, email: &EmailAddress) -> BillingResult<bool> {
        let email = email.clone();
        let known = self.db.read(move |conn| {
            Ok(members::find_by_email(conn, &email)?.is_some() || customers::is_paid_unproved(conn, &email)?)
        });
        Ok(known.await?)
    }

    /// Whoever has the account gets a link to sign in and buy there; whoever typed the address learns
    /// nothing else and changes nothing.
    async fn mail_link_to_known(&self, email: &EmailAddress, order: &Order) -> BillingResult<()> {
        let mail = AfterPayment {
            email: email.clone(),
            name: None,
            newsletters: None,
            consent_text: String::new(),
            language: order.language,
            return_to: Some(order.back.cancel.clone()),
            via: order.back.via,
        };
        let (policy, now) = (self.policy.clone(), self.now());
        self.db
            .write(move |conn| {
                if asking::admit_address(conn, &policy, &mail.email, now)? {
                    asking::after_payment(conn, &policy, &mail, now)?;
                }
                Ok(())
            })
            .await?;
        Ok(())
    }

    /// Writes the visit down, or finds the one that is open for the very same wish. A member's other
    /// open visits end; their sessions are returned.
    async fn reserve(&self, order: &Order, bought: &Bought) -> BillingResult<(Visit, Vec<String>)> {
        let (mode, wish, offer, trial_days) = match bought {
            Bought::Donation => ("payment", "donation".to_owned(), None, None),
            Bought::Plan(plan) => {
                let Plan { tier, price, offer } = &**plan;
                let wish =
                    format!("{} {}", price.id, offer.as_ref().map(|offer| offer.id.to_string()).unwrap_or_default());
                let days = match offer {
                    Some(offer) if offer.is_trial() => u32::try_from(offer.amount).ok(),
                    // A discount takes the place of a trial.
                    Some(_) => None,
                    None => u32::try_from(tier.trial_days).ok(),
                };
                ("subscription", wish, offer.as_ref().map(|offer| offer.id.to_string()), days.filter(|days| *days > 0))
            }
        };
        let wish = format!("{wish} {} {}", order.back.success, order.back.cancel);
        let request = Request {
            back: order.back.clone(),
            language: order.language,
            email: match &order.buyer {
                Buyer::Address(email) => Some(email.as_given()),
                _ => None,
            },
            name: order.name.clone(),
            newsletters: order.newsletters.clone(),
            consent_text: order.consent_text.clone(),
            trial_days,
            offer,
            welcome: bought.welcome_page().map(str::to_owned),
            subscription: None,
        };
        let (buyer, policy, now) = (order.buyer.clone(), self.policy.clone(), self.now());
        let reserved = self.db.write(move |conn| {
            let mut request = request;
            let (member, email) = match &buyer {
                Buyer::Member(id) => (Some(*id), Some(members::stored_address(&members::email_of(conn, *id)?)?)),
                Buyer::Address(email) => (None, Some(email.clone())),
                Buyer::Unknown => (None, None),
            };
            if request.trial_days.is_some()
                && let Some(email) = &email
                && !trials::may_have(conn, &policy, email)?
            {
                request.trial_days = None;
            }
            reserve(conn, mode, member, email.as_ref(), &wish, &request, now)
        });
        Ok(reserved.await?)
    }

    /// Opens the session at Stripe. Whoever tries again, or at the same time, gets the same one.
    async fn open(&self, visit: &Visit, bought: &Bought, order: &Order) -> BillingResult<Session> {
        let request = visit.request()?;
        let customer = match visit.member_id {
            Some(member) => Some(self.customer_of(member).await?),
            None => None,
        };
        let (price, coupon);
        let wanted = match bought {
            Bought::Donation => {
                price = self.ensure_donation_price().await?;
                Wanted::Donation { price: &price, note: &order.note }
            }
            Bought::Plan(plan) => {
                let Plan { tier, price: row, offer } = &**plan;
                price = self.ensure_price(row, &tier.name).await?;
                coupon = match offer {
                    Some(offer) => self.ensure_coupon(offer).await?,
                    None => None,
                };
                Wanted::Subscription { price: &price, trial_days: request.trial_days, coupon: coupon.as_deref() }
            }
        };
        let mut metadata = HashMap::from([
            (SITE.to_owned(), self.site_uuid.to_string()),
            ("readership_checkout".to_owned(), visit.id.to_string()),
        ]);
        if let Some(offer) = &request.offer {
            metadata.insert("readership_offer".to_owned(), offer.clone());
        }
        if matches!(bought, Bought::Donation) {
            metadata.insert("readership_donation".to_owned(), "yes".to_owned());
        }
        let success_url = self.return_url("checkout");
        let new = NewSession {
            wanted,
            customer: customer.as_deref(),
            email: request.email.as_deref(),
            success_url: &success_url,
            cancel_url: &request.back.cancel,
            reference: &visit.id.to_string(),
            metadata,
            language: request.language.tag(),
            expires_at: visit.expires_at,
        };
        let session = self.stripe.open_session(new, &format!("checkout-{}", visit.id)).await?;
        self.opened(visit.id, &session).await?;
        Ok(session)
    }

    pub(super) async fn opened(&self, visit: CheckoutId, session: &Session) -> BillingResult<()> {
        let (session_id, url) = (session.id.clone(), session.url.clone());
        Ok(self
            .db
            .write(move |conn| {
                diesel::update(checkouts::table.find(visit))
                    .set((checkouts::session_id.eq(session_id), checkouts::url.eq(url)))
                    .execute(conn)?;
                Ok(())
            })
            .await?)
    }

    /// The address at which Stripe hands a browser back; it puts the session's id in.
    pub(super) fn return_url(&self, what: &str) -> String {
        format!("{}members/{what}/return/?session_id={{CHECKOUT_SESSION_ID}}", self.settings.url)
    }

    pub(super) async fn customer_of(&self, member: MemberId) -> BillingResult<String> {
        let (email, name) = self.db.read(move |conn| members::email_and_name_of(conn, member)).await?;
        self.ensure_customer(member, &members::stored_address(&email)?, name.as_deref()).await
    }

    async fn ensure_donation_price(&self) -> BillingResult<String> {
        let Some(donations) = &self.settings.donations else {
            return Err(DbError::Query("donations are off".to_owned()).into());
        };
        let product = format!("readership_support_{}", self.site_uuid);
        let lookup_key = format!("{product}_{}_{}", donations.currency, donations.suggested_minor);
        let cached = format!("stripe_price:{lookup_key}");
        let (key, known) = (cached.clone(), cached);
        if let Some(id) = self.db.read(move |conn| crate::site_facts::read(conn, &key)).await? {
            return Ok(id);
        }
        let name: String = format!("Support {}", self.settings.site_title).chars().take(250).collect();
        self.stripe.ensure_product(&product, &name).await?;
        let price = self
            .stripe
            .ensure_chosen_price(&lookup_key, &product, &donations.currency, donations.suggested_minor)
            .await?;
        let value = price.clone();
        self.db.write(move |conn| crate::site_facts::write(conn, &known, &value)).await?;
        Ok(price)
    }
}

/// How often one client may go to Stripe, and how often for one address that nobody has proved.
fn admit(conn: &mut Conn, policy: &Policy, buyer: &Buyer, client: ClientNetwork, now: Timestamp) -> DbResult<Verdict> {
    let windows = [Window::new(3_600, policy.limits.checkouts_per_hour)];
    let bucket = limits::bucket("checkout client", &client.to_string());
    let verdict = limits::admit(conn, &bucket, &windows, now)?;
    match (&verdict, buyer) {
        (Verdict::Admitted, Buyer::Address(email)) => {
            let windows = [Window::new(3_600, policy.limits.checkouts_address_per_hour)];
            limits::admit(conn, &limits::bucket("checkout address", &email.budget_key()), &windows, now)
        }
        _ => Ok(verdict),
    }
}

/// What is bought. Everything about it is looked up; nothing is taken from the browser but the wish.
fn decide(conn: &mut Conn, wish: &Wish, buyer: &Buyer, now: Timestamp) -> DbResult<Result<Bought, CheckoutError>> {
    let (tier, cadence, offer) = match wish {
        Wish::Donation => return Ok(Ok(Bought::Donation)),
        Wish::Tier { tier, cadence } => (*tier, *cadence, None),
        Wish::Offer(id) => {
            let Some(offer) = offers::find(conn, *id)?.filter(Offer::is_for_signup) else {
                return Ok(Err(CheckoutError::NoSuchOffer));
            };
            if !offer.is_open(offers::redemptions(conn, *id)?, now) {
                return Ok(Err(CheckoutError::OfferOver));
            }
            let Some(tier) = offer.tier_id else { return Ok(Err(CheckoutError::NoSuchOffer)) };
            (tier, offer.cadence(), Some(offer))
        }
    };
    let Some(tier) = tiers::find(conn, tier)? else { return Ok(Err(CheckoutError::NoSuchTier)) };
    if !tier.is_active {
        return Ok(Err(CheckoutError::TierArchived));
    }
    let Some(price) = prices::today(conn, tier.id, cadence)?.filter(|_| tier.kind == Kind::Paid) else {
        return Ok(Err(CheckoutError::NoPrice));
    };
    if let Buyer::Member(member) = buyer {
        let standing = standing::of_member(conn, *member)?;
        // Also one whose payment failed: they need another card, not another subscription.
        let pays =
            standing.subscriptions.iter().any(|one| one.is_live() && one.amount_minor > 0 && one.tier_id.is_some());
        if pays {
            return Ok(Err(CheckoutError::AlreadyThere));
        }
    }
    Ok(Ok(Bought::Plan(Box::new(Plan { tier, price, offer }))))
}

/// Finds the open visit for the same wish, or writes a new one down and ends the member's others.
pub(super) fn reserve(
    conn: &mut Conn,
    mode: &str,
    member: Option<MemberId>,
    email: Option<&EmailAddress>,
    wish: &str,
    request: &Request,
    now: Timestamp,
) -> DbResult<(Visit, Vec<String>)> {
    let mut replaced = Vec::new();
    if let Some(member) = member {
        // Of those who click at once on several nodes, one opens a visit and the others find it.
        members::lock(conn, member)?;
        let open: Vec<(Visit, String)> = checkouts::table
            .filter(checkouts::member_id.eq(member).and(checkouts::mode.eq(mode)).and(checkouts::state.eq("open")))
            .order(checkouts::id)
            .select((Visit::as_select(), checkouts::wish))
            .load(conn)?;
        for (visit, its_wish) in open {
            if its_wish == wish && now.plus(LEFT) < visit.expires_at {
                return Ok((visit, replaced));
            }
            diesel::update(checkouts::table.find(visit.id))
                .set((checkouts::state.eq("replaced"), checkouts::finished_at.eq(now)))
                .execute(conn)?;
            replaced.extend(visit.session_id);
        }
    }
    let id = CheckoutId::new(now);
    diesel::insert_into(checkouts::table)
        .values((
            checkouts::id.eq(id),
            checkouts::mode.eq(mode),
            checkouts::member_id.eq(member),
            checkouts::email_key.eq(email.map(EmailAddress::key)),
            checkouts::wish.eq(wish),
            // Plain values with string keys always serialise.
            checkouts::request.eq(serde_json::to_string(request).unwrap_or_default()),
            checkouts::state.eq("open"),
            checkouts::created_at.eq(now),
            checkouts::expires_at.eq(now.plus(VISIT)),
        ))
        .execute(conn)?;
    let visit = checkouts::table.find(id).select(Visit::as_select()).get_result(conn)?;
    Ok((visit, replaced))
}

/// How a visit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Paid by a member who was signed in when they left.
    Paid,
    /// Paid by somebody who has to prove their address yet: a mail is on its way.
    PaidUnproved,
    Donated,
    CardChanged,
    /// The bank refused the card for what was owed.
    CardRefused,
    /// Not finished: left, or still going on.
    Open,
    Expired,
}

/// A visit that a browser came back from.
pub struct CameBack {
    pub ended: Ended,
    pub back: Back,
    /// The page of the tier that greets its new members, as it was when they left.
    pub welcome: Option<String>,
}

impl Billing {
    /// Somebody comes back from Stripe with a session's id. What happened there, Stripe says. `None`:
    /// that is no session of ours.
    pub async fn come_back(&self, session_id: &str) -> BillingResult<Option<CameBack>> {
        let id = session_id.to_owned();
        let visit = self.db.read(move |conn| {
            let found = checkouts::table.filter(checkouts::session_id.eq(id)).select(Visit::as_select());
            Ok(found.get_result(conn).optional()?)
        });
        let Some(visit) = visit.await? else { return Ok(None) };
        let session = self.stripe.session(session_id).await?;
        let Request { back, welcome, .. } = visit.request()?;
        Ok(Some(CameBack { ended: self.finish(&visit, &session).await?, back, welcome }))
    }

    /// Takes up a session that Stripe told of. Returns whether it is one of ours.
    pub async fn take_up(&self, session_id: &str) -> BillingResult<bool> {
        let session = match self.stripe.session(session_id).await {
            Err(error) if error.is_missing() => return Ok(false),
            session => session?,
        };
        // By our own operation: the answer that told us the session's id may have been lost.
        let Some(id) = session.client_reference_id.as_deref().and_then(|id| id.parse::<CheckoutId>().ok()) else {
            return Ok(false);
        };
        let visit = self
            .db
            .read(move |conn| Ok(checkouts::table.find(id).select(Visit::as_select()).get_result(conn).optional()?));
        let Some(visit) = visit.await? else { return Ok(false) };
        if visit.session_id.is_none() {
            self.opened(visit.id, &session).await?;
        }
        self.finish(&visit, &session).await?;
        Ok(true)
    }

    /// Does what follows from how a session stands. However often, it is done once.
    async fn finish(&self, visit: &Visit, session: &Session) -> BillingResult<Ended> {
        match session.status.as_deref() {
            Some("complete") => {}
            Some("expired") => {
                self.end_visit(visit.id, "expired").await?;
                return Ok(Ended::Expired);
            }
            _ => return Ok(Ended::Open),
        }
        if visit.mode == "setup" {
            return self.take_card(visit, session).await;
        }
        let Some(customer) = session.customer.as_ref().map(Ref::id).map(str::to_owned) else {
            return Ok(Ended::Open);
        };
        let request = visit.request()?;
        let typed = session.customer_details.as_ref().and_then(|details| details.email.as_deref());
        let email = request.email.as_deref().or(typed).and_then(|email| EmailAddress::parse(email).ok());
        let name = request.name.clone().or_else(|| session.customer_details.as_ref()?.name.clone());
        let is_plan = visit.mode == "subscription";
        let (id, member, policy, now) = (visit.id, visit.member_id, self.policy.clone(), self.now());
        let (adopted, key) = (customer.clone(), email.as_ref().map(EmailAddress::key).unwrap_or_default());
        self.db
            .write(move |conn| {
                customers::adopt(conn, &adopted, member, &key, now)?;
                if end(conn, id, "complete", now)?
                    && member.is_none()
                    && is_plan
                    && let Some(email) = email
                {
                    let mail = AfterPayment {
                        email,
                        name,
                        newsletters: request.newsletters,
                        consent_text: request.consent_text,
                        language: request.language,
                        return_to: Some(request.welcome.unwrap_or(request.back.success)),
                        via: request.back.via,
                    };
                    asking::after_payment(conn, &policy, &mail, now)?;
                }
                Ok(())
            })
            .await?;
        self.sync(&customer).await?;
        Ok(match (is_plan, member) {
            (false, _) => Ended::Donated,
            (true, Some(_)) => Ended::Paid,
            (true, None) => Ended::PaidUnproved,
        })
    }

    pub(super) async fn end_visit(&self, id: CheckoutId, state: &'static str) -> BillingResult<bool> {
        let now = self.now();
        Ok(self.db.write(move |conn| end(conn, id, state, now)).await?)
    }
}

/// Ends a visit; returns whether it had not ended before. One that was replaced and paid all the same
/// counts as paid.
fn end(conn: &mut Conn, id: CheckoutId, state: &str, now: Timestamp) -> DbResult<bool> {
    let ended = diesel::update(checkouts::table.find(id))
        .filter(checkouts::state.eq_any(["open", "replaced"]))
        .set((checkouts::state.eq(state), checkouts::finished_at.eq(now)))
        .execute(conn)?;
    Ok(ended == 1)
}

/// Visits that should have ended by now, with no word from Stripe.
pub(super) fn overdue(conn: &mut Conn, now: Timestamp) -> DbResult<Vec<String>> {
    let ids: Vec<Option<String>> = checkouts::table
        .filter(checkouts::state.eq("open").and(checkouts::session_id.is_not_null()))
        .order(checkouts::id)
        .filter(checkouts::created_at.lt(now.minus(Duration::from_secs(60))))
        .limit(1_000)
        .select(checkouts::session_id)
        .load(conn)?;
    Ok(ids.into_iter().flatten().collect())
}

/// Drops visits that ended long ago, and those that never got a page.
pub fn purge(conn: &mut Conn, kept: Duration, now: Timestamp) -> DbResult<usize> {
    let old = now.minus(kept);
    let never_opened = checkouts::session_id.is_null().and(checkouts::expires_at.lt(old));
    Ok(diesel::delete(checkouts::table.filter(checkouts::finished_at.lt(old).or(never_opened.nullable())))
        .execute(conn)?)
}
