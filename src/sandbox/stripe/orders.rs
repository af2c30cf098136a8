//! What a hostile Stripe is told to do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::secrets;

/// Shared by the server and whoever gives the orders.
#[derive(Clone, Default)]
pub struct Orders(Arc<Mutex<Wishes>>);

/// Shares are in percent. What is not named is as it is with a friendly Stripe.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wishes {
    pub too_many: u64,
    pub own_fault: u64,
    /// The work is done, and the answer is lost.
    pub lost_answers: u64,
    pub slow: u64,
    #[serde(rename = "slowness_ms", with = "millis")]
    pub slowness: Duration,
    /// Nothing is answered at all.
    pub away: bool,
    /// Events wait until somebody takes them with [`super::StandIn::take_events`].
    pub hold_events: bool,
    pub lost_events: u64,
    pub doubled_events: u64,
    pub shuffled_events: bool,
}

mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        u64::try_from(value.as_millis()).unwrap_or(u64::MAX).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Ok(Duration::from_millis(u64::deserialize(from)?.min(60_000)))
    }
}

/// What is to become of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Answered,
    TooMany,
    OwnFault,
    /// Done, but the answer never arrives.
    Lost,
    Silence,
}

impl Orders {
    pub fn give(&self, change: impl FnOnce(&mut Wishes)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub fn wishes(&self) -> Wishes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Draws the fate of a call, and how long it takes.
    pub fn draw(&self) -> (Fate, Duration) {
        let wishes = self.wishes();
        let hits = |share: u64| secrets::random_below(100) < share;
        let wait = if hits(wishes.slow) { wishes.slowness } else { Duration::ZERO };
        let fate = if wishes.away {
            Fate::Silence
        } else if hits(wishes.too_many) {
            Fate::TooMany
        } else if hits(wishes.own_fault) {
            Fate::OwnFault
        } else if hits(wishes.lost_answers) {
            Fate::Lost
        } else {
            Fate::Answered
        };
        (fate, wait)
    }
}
