//! Comparing everything with Stripe, both ways, at a bounded rate (`reliability.md` P9): events that
//! never arrived, visits without an end, customers that are known here, subscriptions that are not.

use std::time::Duration;

use diesel::prelude::*;
use tokio::time::sleep;

use super::stripe::objects::{Event, Ref};
use super::sync::Synced;
use super::{Billing, BillingResult, SITE, checkout, customers, inbox};
use crate::clock::Timestamp;
use crate::db::schema::stripe_customers;
use crate::db::{Conn, DbResult};
use crate::ids::MemberId;
use crate::{members, site_facts};

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Customers that were read.
    pub customers: u64,
    /// Of whom something stood here that Stripe says otherwise.
    pub drift: u64,
    /// Who were not known here.
    pub adopted: u64,
    /// Visits to Stripe's pages that had ended without a word.
    pub visits: u64,
    /// Events that never arrived, and are in the inbox now.
    pub missed_events: u64,
    /// Customers that could not be read.
    pub failed: u64,
}

/// Where the result of the last comparison stands: moment, customers, drift.
const LAST: &str = "billing_last_comparison";
/// Where those stand who stood otherwise, the last ones.
const DRIFTED: &str = "billing_drifted";
/// How many of them are kept.
const MOST_DRIFTED: usize = 200;

/// When everything was last compared, how many customers, and how many stood otherwise.
pub fn last(conn: &mut Conn) -> DbResult<Option<(Timestamp, i64, i64)>> {
    let text = site_facts::read(conn, LAST)?.unwrap_or_default();
    let mut parts = text.split(' ').map(|part| part.parse::<i64>().ok());
    let mut next = || parts.next().flatten();
    Ok(next().zip(next()).zip(next()).map(|((at, customers), drift)| (Timestamp::from_millis(at), customers, drift)))
}

/// Somebody who stood otherwise here than at Stripe when everything was last compared.
#[derive(Clone, Debug)]
pub struct Drifted {
    pub customer: String,
    pub member: Option<(MemberId, String)>,
}

pub fn drifted(conn: &mut Conn) -> DbResult<Vec<Drifted>> {
    let text = site_facts::read(conn, DRIFTED)?.unwrap_or_default();
    let mut all = Vec::new();
    for customer in text.split_whitespace() {
        let member = customers::find(conn, customer)?.and_then(|found| found.member_id);
        let email = member.map(|id| members::email_of(conn, id)).transpose()?;
        all.push(Drifted { customer: customer.to_owned(), member: member.zip(email) });
    }
    Ok(all)
}

/// Customers read between two looks at the database.
const AT_ONCE: i64 = 200;

impl Billing {
    /// Compares everything; `progress` is told after each customer.
    pub async fn reconcile(&self, progress: impl Fn(&Report)) -> BillingResult<Report> {
        let mut report = Report::default();
        let now = self.now();
        for session in self.db.read(move |conn| checkout::overdue(conn, now)).await? {
            self.pace(1).await;
            if self.take_up(&session).await? {
                report.visits += 1;
            }
        }
        self.adopt_unknown(&mut report).await?;
        let (mut after, mut drifted) = (String::new(), Vec::new());
        loop {
            let from = after.clone();
            let some: Vec<String> = self
                .db
                .read(move |conn| {
                    Ok(stripe_customers::table
                        .filter(stripe_customers::id.gt(from).and(stripe_customers::is_deleted.eq(false)))
                        .order(stripe_customers::id)
                        .limit(AT_ONCE)
                        .select(stripe_customers::id)
                        .load(conn)?)
                })
                .await?;
            let Some(last) = some.last() else { break };
            after.clone_from(last);
            for customer in &some {
                // A reading is three calls.
                self.pace(3).await;
                report.customers += 1;
                match self.sync(customer).await {
                    Ok(Synced::Changed) => {
                        report.drift += 1;
                        if drifted.len() < MOST_DRIFTED {
                            drifted.push(customer.clone());
                        }
                    }
                    Ok(_) => {}
                    Err(error) if error.is_away() => return Err(error),
                    Err(error) => {
                        report.failed += 1;
                        tracing::error!(%error, customer, "a customer could not be compared with Stripe");
                    }
                }
                progress(&report);
            }
        }
        self.fetch_missed_events(&mut report).await?;
        metrics::gauge!("readership_stripe_drift").set(report.drift as f64);
        let found = format!("{} {} {}", now.millis(), report.customers, report.drift);
        self.db
            .write(move |conn| {
                site_facts::write(conn, LAST, &found)?;
                site_facts::write(conn, DRIFTED, &drifted.join(" "))
            })
            .await?;
        Ok(report)
    }

    /// Waits so long that no more calls are made in a second than the settings allow.
    async fn pace(&self, calls: u32) {
        let per_call = Duration::from_secs(1) / u32::try_from(self.settings.billing.calls_per_s).unwrap_or(20).max(1);
        sleep(per_call * calls).await;
    }

    /// Puts events that never arrived into the inbox. Stripe keeps them for thirty days.
    async fn fetch_missed_events(&self, report: &mut Report) -> BillingResult<()> {
        let since = self.now().minus(Duration::from_secs(3 * 86_400));
        for told in self.stripe.events_since(since).await? {
            let Ok(event) = serde_json::from_value::<Event>(told.clone()) else { continue };
            let (body, now) = (told.to_string(), self.now());
            if self.db.write(move |conn| inbox::keep(conn, &event, &body, now)).await? {
                report.missed_events += 1;
            }
        }
        if report.missed_events > 0 {
            self.wake();
        }
        Ok(())
    }

    /// Looks through the account's subscriptions for some of ours whose customer is not known here.
    async fn adopt_unknown(&self, report: &mut Report) -> BillingResult<()> {
        let mut after = None;
        loop {
            self.pace(1).await;
            let (page, has_more) = self.stripe.subscriptions_after(after.take()).await?;
            for one in &page {
                let is_ours = one.metadata.get(SITE).is_some_and(|site| **site == *self.site_uuid);
                let customer = Ref::id(&one.customer).to_owned();
                let id = customer.clone();
                let is_known = self.db.read(move |conn| Ok(customers::find(conn, &id)?.is_some())).await?;
                if is_ours && !is_known && self.sync(&customer).await? != Synced::NotOurs {
                    report.adopted += 1;
                }
            }
            match page.last() {
                Some(last) if has_more => after = Some(last.id.clone()),
                _ => return Ok(()),
            }
        }
    }
}
