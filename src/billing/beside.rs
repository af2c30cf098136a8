//! What Stripe says of a member's subscriptions now, beside what stands here.

use super::stripe::objects::Subscription;
use super::subscriptions::PaidSubscription;
use super::{Billing, BillingResult, customers, standing};
use crate::clock::Timestamp;
use crate::ids::MemberId;

/// One thing about a subscription, here and there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub what: &'static str,
    pub held: String,
    pub said: String,
}

/// A subscription that stands here, at Stripe, or both.
#[derive(Clone, Debug)]
pub struct Compared {
    pub id: String,
    pub rows: Vec<Row>,
}

impl Compared {
    pub fn agrees(&self) -> bool {
        self.rows.iter().all(|row| row.held == row.said)
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Beside {
    pub subscriptions: Vec<Compared>,
    /// When what stands here was read; of several customers the oldest.
    pub read_at: Option<Timestamp>,
    pub has_customer: bool,
}

const NOTHING: &str = "not there";

fn rows(held: Option<&PaidSubscription>, said: Option<&Subscription>) -> Vec<Row> {
    let item = said.and_then(|one| one.items.data.first());
    let row = |what, held: Option<String>, said: Option<String>| Row {
        what,
        held: held.unwrap_or_else(|| NOTHING.to_owned()),
        said: said.unwrap_or_else(|| NOTHING.to_owned()),
    };
    let ended = |at: Option<Timestamp>| at.map_or_else(|| "no".to_owned(), Timestamp::iso8601);
    vec![
        row("Status", held.map(|one| one.status.clone()), said.map(|one| one.status.clone())),
        row("Price", held.map(|one| one.price_id.clone()), item.map(|item| item.price.id.clone())),
        row(
            "Period ends",
            held.map(|one| one.period_end.iso8601()),
            item.map(|item| Timestamp::from(item.current_period_end).iso8601()),
        ),
        row(
            "Ends with its period",
            held.map(|one| one.cancel_at_period_end.to_string()),
            said.map(|one| one.cancel_at_period_end.to_string()),
        ),
        row("Ended", held.map(|one| ended(one.ended_at)), said.map(|one| ended(one.ended_at.map(Timestamp::from)))),
    ]
}

impl Billing {
    /// Asks Stripe. Changes nothing.
    pub async fn beside(&self, member: MemberId) -> BillingResult<Beside> {
        let (standing, customers) = self
            .db
            .read(move |conn| Ok((standing::of_member(conn, member)?, customers::of_member(conn, member)?)))
            .await?;
        let mut said = Vec::new();
        for customer in &customers {
            said.extend(self.stripe.subscriptions_of(&customer.id).await?);
        }
        let held = standing.subscriptions;
        let mut subscriptions: Vec<Compared> = held
            .iter()
            .map(|one| Compared {
                id: one.id.clone(),
                rows: rows(Some(one), said.iter().find(|there| there.id == one.id)),
            })
            .collect();
        let is_new = |there: &&Subscription| !held.iter().any(|one| one.id == there.id);
        subscriptions.extend(
            said.iter().filter(is_new).map(|there| Compared { id: there.id.clone(), rows: rows(None, Some(there)) }),
        );
        Ok(Beside {
            subscriptions,
            read_at: customers.iter().filter_map(|customer| customer.read_at).min(),
            has_customer: !customers.is_empty(),
        })
    }

    /// Reads all of a member's customers from Stripe again; returns whether anything was otherwise.
    pub async fn resync(&self, member: MemberId) -> BillingResult<bool> {
        let customers = self.db.read(move |conn| customers::of_member(conn, member)).await?;
        let mut changed = false;
        for customer in &customers {
            changed |= self.sync(&customer.id).await? == super::sync::Synced::Changed;
        }
        Ok(changed)
    }
}
