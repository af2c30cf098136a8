//! Another card: typed at Stripe, then it pays what is owed, and from then on everything. One that the
//! bank refuses changes nothing.

use super::checkout::{Back, Ended, Opened, Request, Visit, reserve};
use super::stripe::objects::{Ref, Session};
use super::stripe::{NewSession, Wanted};
use super::subscriptions::{self, PaidSubscription};
use super::{Billing, BillingResult, customers, standing, tiers};
use crate::ids::MemberId;
use crate::texts::Language;

impl Billing {
    /// Opens a visit that changes the card of a subscription, or of the member at all. `None`: that
    /// subscription is not theirs.
    pub async fn change_card(
        &self,
        member: MemberId,
        subscription: Option<&str>,
        back: Back,
        language: Language,
    ) -> BillingResult<Option<Opened>> {
        let Some((customer, subscription, currency)) = self.payer(member, subscription).await? else {
            return Ok(None);
        };
        let wish = format!("{} {} {}", subscription.as_deref().unwrap_or_default(), back.success, back.cancel);
        let request = Request::for_card(back, language, subscription.clone());
        let now = self.now();
        let (visit, replaced) =
            self.db.write(move |conn| reserve(conn, "setup", Some(member), None, &wish, &request, now)).await?;
        for session in replaced {
            // It may have ended by itself.
            let _ = self.stripe.expire_session(&session).await;
        }
        let request = visit.request()?;
        let success_url = self.return_url("billing");
        let new = NewSession {
            wanted: Wanted::Card { subscription: subscription.as_deref(), currency: &currency },
            customer: Some(&customer),
            email: None,
            success_url: &success_url,
            cancel_url: &request.back.cancel,
            reference: &visit.id.to_string(),
            metadata: [(super::SITE.to_owned(), self.site_uuid.to_string())].into(),
            language: request.language.tag(),
            expires_at: visit.expires_at,
        };
        let session = self.stripe.open_session(new, &format!("checkout-{}", visit.id)).await?;
        self.opened(visit.id, &session).await?;
        Ok(Some(Opened { session_id: session.id, url: session.url.unwrap_or_default(), welcome_page_url: None }))
    }

    /// Opens the billing portal. `None`: that subscription is not theirs.
    pub async fn open_portal(
        &self,
        member: MemberId,
        subscription: Option<&str>,
        return_url: &str,
    ) -> BillingResult<Option<String>> {
        let Some((customer, ..)) = self.payer(member, subscription).await? else { return Ok(None) };
        let key = format!("portal-{}", crate::ids::uuid());
        Ok(Some(self.stripe.open_portal(&customer, return_url, &key).await?.url))
    }

    /// The customer that pays: of the subscription that is named, of the live one, or of the member.
    async fn payer(
        &self,
        member: MemberId,
        named: Option<&str>,
    ) -> BillingResult<Option<(String, Option<String>, String)>> {
        let wanted = named.map(str::to_owned);
        let found = self
            .db
            .read(move |conn| {
                let standing = standing::of_member(conn, member)?;
                let subscription = match &wanted {
                    Some(id) => standing.subscription(id).cloned().map(Some),
                    None => Some(standing.current().cloned()),
                };
                let customer = customers::of_member(conn, member)?.into_iter().next();
                let currency = tiers::active(conn)?.into_iter().find_map(|tier| tier.currency);
                Ok(subscription.map(|subscription| (subscription, customer, currency)))
            })
            .await?;
        let Some((subscription, customer, currency)) = found else { return Ok(None) };
        Ok(Some(match (subscription, customer) {
            (Some(one), _) => (one.customer_id, Some(one.id), one.currency),
            (None, Some(customer)) => (customer.id, None, currency.unwrap_or_else(|| "usd".to_owned())),
            (None, None) => (self.customer_of(member).await?, None, currency.unwrap_or_else(|| "usd".to_owned())),
        }))
    }

    /// A card was typed: it pays what is owed, and becomes the one that pays.
    pub(super) async fn take_card(&self, visit: &Visit, session: &Session) -> BillingResult<Ended> {
        match visit.state.as_str() {
            "complete" => return Ok(Ended::CardChanged),
            "refused" => return Ok(Ended::CardRefused),
            _ => {}
        }
        let intent = session.setup_intent.as_ref().and_then(Ref::object);
        let (Some(intent), Some(customer)) = (intent, session.customer.as_ref().map(Ref::id)) else {
            return Ok(Ended::Open);
        };
        let Some(method) = intent.payment_method.as_ref().map(Ref::id).filter(|_| intent.status == "succeeded") else {
            return Ok(Ended::Open);
        };
        // What is owed now, not when they left.
        self.sync(customer).await?;
        let id = customer.to_owned();
        let live: Vec<PaidSubscription> = self
            .db
            .read(move |conn| {
                Ok(subscriptions::of_customer(conn, &id)?.into_iter().filter(PaidSubscription::is_live).collect())
            })
            .await?;
        let only = visit.request()?.subscription;
        let theirs = live.iter().filter(|one| only.as_ref().is_none_or(|id| *id == one.id));
        for one in theirs.clone() {
            if let Some(invoice) = one.owed_invoice() {
                let key = format!("pay-{invoice}-{}", intent.id);
                match self.stripe.pay_invoice(invoice, method, &key).await {
                    Ok(_) => {}
                    Err(error) if error.is_card_declined() => {
                        self.end_visit(visit.id, "refused").await?;
                        self.sync(customer).await?;
                        return Ok(Ended::CardRefused);
                    }
                    // Paid meanwhile, or not to be paid any more.
                    Err(error) if !error.is_away() => tracing::info!(%error, invoice, "an invoice was not to be paid"),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.stripe.set_default_card(customer, method, &format!("default-{}", intent.id)).await?;
        for one in theirs {
            self.stripe.set_subscription_card(&one.id, method, &format!("card-{}-{}", one.id, intent.id)).await?;
        }
        self.end_visit(visit.id, "complete").await?;
        self.sync(customer).await?;
        Ok(Ended::CardChanged)
    }
}
