//! What goes on by itself: the inbox is worked off, members are told what time brings, prices of
//! yesterday are taken out of sale, everything is compared with Stripe at night.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::inbox::{self, Outcome, Waiting};
use super::stripe::objects::{Event, Ref};
use super::sync::Synced;
use super::{Billing, BillingResult, checkout, notices, standing};
use crate::config::seconds;
use crate::site_facts;

/// Events worked off at once.
const AT_ONCE: i64 = 64;
/// How often the inbox is looked into without being told to.
const LOOK: Duration = Duration::from_secs(1);
/// How often the program's own clock is asked what time has brought.
const ROUND: Duration = Duration::from_secs(5);
/// How long after the last round the next one is due, by that clock.
const ROUND_EVERY: Duration = Duration::from_secs(3_600);

/// Customers that were read for events of one batch.
type Readings = HashMap<String, Outcome>;

/// Works until it is told to stop. Comparing everything takes long where many pay; the inbox does not
/// wait for it.
pub async fn run(billing: Billing, stop: watch::Receiver<bool>) {
    tokio::select! {
        () = work(&billing, stop) => {}
        // Dropped where it stands: whatever it had begun is begun again at the next start.
        () = make_rounds(&billing) => {}
    }
}

/// Makes the rounds that are due, for ever.
async fn make_rounds(billing: &Billing) {
    loop {
        if let Err(error) = billing.make_round(false).await {
            tracing::warn!(%error, "a round of billing was not finished");
        }
        sleep(ROUND).await;
    }
}

async fn work(billing: &Billing, mut stop: watch::Receiver<bool>) {
    let taken_over = billing.now();
    if let Err(error) = billing.db.write(move |conn| inbox::take_over(conn, taken_over)).await {
        tracing::warn!(%error, "what a dead process held could not be taken over");
    }
    while !*stop.borrow() {
        if billing.work_off(AT_ONCE, &stop).await > 0 {
            continue;
        }
        tokio::select! {
            () = billing.woken.notified() => {}
            () = sleep(LOOK) => {}
            _ = stop.changed() => {}
        }
    }
}

impl Billing {
    /// Works off up to `most` events that are due; returns how many there were.
    pub async fn work_off(&self, most: i64, stop: &watch::Receiver<bool>) -> usize {
        let now = self.now();
        let claimed = match self.db.write(move |conn| inbox::claim(conn, most, now)).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(%error, "the inbox could not be looked into");
                return 0;
            }
        };
        // One reading tells all that several events are about: they were claimed before it began.
        let mut readings = Readings::default();
        let mut ended = Vec::new();
        for event in &claimed {
            if *stop.borrow() {
                break;
            }
            let outcome = self.apply(event, &mut readings).await;
            if let Outcome::Failed(why) = &outcome {
                tracing::error!(event = event.id, kind = event.kind, why, "an event could not be worked off");
            }
            ended.push((event.clone(), outcome));
        }
        let (count, now) = (claimed.len(), self.now());
        let written = self
            .db
            .write(move |conn| ended.iter().try_for_each(|(event, outcome)| inbox::finish(conn, event, outcome, now)));
        if let Err(error) = written.await {
            // Their leases end, and they are worked off again: nothing is done twice.
            tracing::warn!(%error, "the fate of events could not be written down");
        }
        count
    }

    /// Works off one event: it says what to look at.
    async fn apply(&self, waiting: &Waiting, readings: &mut Readings) -> Outcome {
        if waiting.is_live != self.stripe.is_live() {
            metrics::counter!("readership_stripe_events_of_other_mode_total").increment(1);
            tracing::warn!(event = waiting.id, "an event of the other mode (live, test) was passed over");
            return Outcome::Passed("of the other mode");
        }
        let Ok(event) = serde_json::from_str::<Event>(&waiting.body) else {
            return Outcome::Failed("its body cannot be read".to_owned());
        };
        match self.look_at(&event, readings).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_away() => Outcome::Later(error.to_string()),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    async fn look_at(&self, event: &Event, readings: &mut Readings) -> BillingResult<Outcome> {
        let object = &event.data.object;
        let id = object.id.as_deref().unwrap_or_default();
        if object.object == "checkout.session" {
            return Ok(if self.take_up(id).await? {
                Outcome::Done("a visit was taken up")
            } else {
                Outcome::Passed("no visit of ours")
            });
        }
        let customer = match (object.object.as_str(), &object.customer, &object.charge) {
            ("customer", ..) => Some(id.to_owned()),
            (_, Some(customer), _) => Some(customer.id().to_owned()),
            (_, None, Some(charge)) => self.stripe.customer_of_charge(Ref::id(charge)).await?,
            _ => None,
        };
        let Some(customer) = customer else { return Ok(Outcome::Passed("about no customer")) };
        if let Some(outcome) = readings.get(&customer) {
            return Ok(outcome.clone());
        }
        let outcome = match self.sync(&customer).await? {
            Synced::NotOurs => Outcome::Passed("about no customer of ours"),
            Synced::Same => Outcome::Done("nothing new"),
            Synced::Changed => Outcome::Done("changed"),
        };
        readings.insert(customer, outcome.clone());
        Ok(outcome)
    }

    /// What time brings, at most once an hour for all nodes together; `now_at_all` does it at once.
    pub async fn make_round(&self, now_at_all: bool) -> BillingResult<()> {
        let now = self.now();
        let every = if now_at_all { Duration::ZERO } else { ROUND_EVERY };
        let is_ours = self.db.write(move |conn| site_facts::take_turn(conn, "billing_round", every, now)).await?;
        if !is_ours {
            return Ok(());
        }
        let numbers = self.settings.billing.clone();
        let kept = seconds(numbers.event_retention_s);
        self.db
            .write(move |conn| {
                notices::of_ending_trials(conn, seconds(numbers.trial_ending_days * 86_400), now)?;
                notices::of_expiring_cards(conn, seconds(numbers.card_expiring_days * 86_400), now)?;
                inbox::purge(conn, kept, now)?;
                checkout::purge(conn, kept, now)
            })
            .await?;
        let mut after = None;
        loop {
            let policy = self.policy.clone();
            after = self.db.write(move |conn| standing::sweep(conn, &policy, after, now)).await?;
            if after.is_none() {
                break;
            }
        }
        self.archive_old_prices().await?;
        let every = seconds(self.settings.billing.reconcile_every_s);
        if !every.is_zero()
            && self.db.write(move |conn| site_facts::take_turn(conn, "billing_reconciled", every, now)).await?
        {
            let report = self.reconcile(|_| {}).await?;
            tracing::info!(
                customers = report.customers,
                drift = report.drift,
                adopted = report.adopted,
                visits = report.visits,
                "everything was compared with Stripe"
            );
        }
        Ok(())
    }
}
