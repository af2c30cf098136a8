//! What they pay. Stripe is the truth: what stands here was read from it, and what a reader may do
//! follows from that by one pure function, [`access::access`].
//!
//! The ways in: [`checkout`] sends somebody to Stripe and takes them back, [`inbox`] keeps what Stripe
//! tells, and both end in [`sync`], the only place that writes what Stripe says. [`changes`] asks Stripe
//! for something else and reads it back. Nothing here takes a price, a trial or a discount from a
//! browser, and no card number ever comes this way.

pub mod access;
pub mod beside;
pub mod card;
pub mod changes;
pub mod check;
pub mod checkout;
pub mod comps;
pub mod customers;
pub mod explain;
pub mod inbox;
pub mod money;
pub mod notices;
pub mod offers;
pub mod owing;
pub mod payments;
pub mod prices;
pub mod reconcile;
pub mod repricing;
pub mod shown;
pub mod standing;
pub mod stripe;
pub mod subscriptions;
pub mod sync;
pub mod tiers;
mod trials;
pub mod webhook_secrets;
pub mod worker;

use std::sync::Arc;

use tokio::sync::Notify;

use crate::clock::{Clock, Timestamp};
use crate::config::{Settings, StripeSettings};
use crate::db::{Db, DbError};
use crate::signin::Policy;
use stripe::{Stripe, StripeError};

/// What the paid parts stand on, where Stripe is set up. Cheap to clone.
#[derive(Clone)]
pub struct Billing {
    pub db: Db,
    pub stripe: Stripe,
    pub clock: Clock,
    pub settings: Arc<Settings>,
    pub policy: Policy,
    pub site_uuid: Arc<str>,
    /// Says that something waits in the inbox.
    woken: Arc<Notify>,
}

impl Billing {
    pub fn new(
        account: &StripeSettings,
        db: Db,
        clock: Clock,
        settings: Arc<Settings>,
        policy: Policy,
        site_uuid: Arc<str>,
    ) -> anyhow::Result<Self> {
        let stripe = Stripe::new(account, &settings.billing)?;
        Ok(Self { db, stripe, clock, settings, policy, site_uuid, woken: Arc::default() })
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets the worker look into the inbox at once.
    pub fn wake(&self) {
        self.woken.notify_one();
    }
}

/// Why something about money was not done.
#[derive(Debug, thiserror::Error)]
pub enum BillingError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Stripe(#[from] StripeError),
}

pub type BillingResult<T> = Result<T, BillingError>;

impl BillingError {
    /// Stripe cannot be reached: trying again later may help.
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Stripe(error) if error.is_away())
    }
}

/// What we put on objects at Stripe, to know our own again: an account may serve other sites too.
const SITE: &str = "readership_site";
