//! A stand-in for Stripe: HTTP as Stripe speaks it, for the calls this program makes and those that
//! its tests drive; pages on which somebody types a card; a clock that moves; signed webhooks.
//!
//! It is reached through the same setting as Stripe itself (`READERSHIP_STRIPE_API_BASE`) and shares
//! no code with `billing/`. Where it and Stripe's own description differ, Stripe's is right.
//! `server.rs` has every address; `subscriptions.rs` has what time does.

mod calendar;
mod catalogue;
mod customers;
mod delivery;
mod fault;
mod form;
mod invoices;
mod orders;
mod pages;
pub mod server;
mod sessions;
mod state;
mod subscriptions;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use crate::clock::Clock;
pub use delivery::Delivery;
pub use orders::Orders;
pub use state::Call;
use state::State;

/// The version of the interface that is spoken here.
pub const VERSION: &str = "2026-09-30.endive";

/// The stand-in. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct StandIn {
    state: Arc<Mutex<State>>,
    clock: Clock,
    pub orders: Orders,
}

impl StandIn {
    /// An empty account that tells the time of `clock`, reached at `base` (with a slash at the end).
    pub fn new(clock: Clock, base: &str) -> Self {
        let state = State::new(base, clock.now().seconds());
        Self { state: Arc::new(Mutex::new(state)), clock, orders: Orders::default() }
    }

    /// Goes on where an earlier one ended; its clock is moved at least as far.
    pub fn load(self, file: &Path) -> anyhow::Result<Self> {
        let Ok(text) = std::fs::read(file) else { return Ok(self) };
        let kept: State =
            serde_json::from_slice(&text).with_context(|| format!("{} cannot be read", file.display()))?;
        let ahead = u64::try_from(kept.now - self.clock.now().seconds()).unwrap_or(0);
        self.clock.advance(Duration::from_secs(ahead));
        {
            let mut state = self.lock();
            let base = std::mem::take(&mut state.base);
            *state = kept;
            state.base = base;
        }
        Ok(self)
    }

    pub fn save(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_vec(&*self.lock())?;
        let draft = file.with_extension("draft");
        std::fs::write(&draft, text)?;
        Ok(std::fs::rename(draft, file)?)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does whatever is due by now.
    pub fn catch_up(&self) {
        let mut state = self.lock();
        subscriptions::pass_time(&mut state, self.clock.now().seconds());
        sessions::expire_old(&mut state);
    }

    /// Moves the clock, and does what is due until then.
    pub fn advance(&self, by: Duration) {
        self.catch_up();
        self.clock.advance(by);
        self.catch_up();
    }

    /// Every call that came in, in its order.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// Forgets what was written down of calls.
    pub fn forget_calls(&self) {
        self.lock().calls.clear();
    }

    /// All objects of a kind, such as `customer`, oldest first.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        self.lock().all(kind)
    }

    pub fn find(&self, id: &str) -> Option<Value> {
        self.lock().find(id).cloned()
    }

    /// What becomes of those who never pay: `unpaid`, or `canceled` as it is at first.
    pub fn ends_unpaid(&self, unpaid: bool) {
        self.lock().ends_unpaid = unpaid;
    }

    /// Calls the interface from within, as somebody in Stripe's dashboard would.
    pub fn call(&self, method: &str, path: &str, form: &str) -> Value {
        self.catch_up();
        let mut state = self.lock();
        match form::Params::parse(form).and_then(|params| server::answer(&mut state, method, path, &params)) {
            Ok(answer) => answer,
            Err(fault) => fault.to_json(),
        }
    }

    /// The payer's bank takes a payment back.
    pub fn dispute(&self, charge: &str) -> Value {
        let mut state = self.lock();
        customers::dispute(&mut state, charge).unwrap_or_else(|fault| fault.to_json())
    }

    /// Somebody types this card on the page of a visit and presses the button.
    pub fn pays(&self, session: &str, email: &str, card: &str) -> Result<Value, String> {
        self.pays_amount(session, email, card, None)
    }

    /// The same, with an amount of their own.
    pub fn pays_amount(&self, session: &str, email: &str, card: &str, amount: Option<i64>) -> Result<Value, String> {
        self.catch_up();
        let typed = sessions::Typed { email, name: "", card, amount, message: "", confirmed: None };
        match sessions::finish(&mut self.lock(), session, &typed) {
            Ok(session) => Ok(session),
            Err(sessions::Unfinished::Wrong(why)) => Err(why),
            Err(sessions::Unfinished::Asks) => Err("the bank asks".to_owned()),
        }
    }

    /// The address the browser is sent to after a finished visit.
    pub fn success_url(&self, session: &str) -> String {
        self.find(session).map(|session| sessions::success_url(&session)).unwrap_or_default()
    }

    /// Makes an endpoint for webhooks with this secret.
    pub fn tells(&self, url: &str, secret: &str) {
        let state = &mut *self.lock();
        let same = state.each("webhook_endpoint").find(|endpoint| endpoint["url"] == url);
        let id = match same.map(|endpoint| invoices::text(&endpoint["id"])) {
            Some(id) => id,
            None => state.id("we"),
        };
        state.put(json!({
            "id": id, "object": "webhook_endpoint", "url": url, "status": "enabled", "enabled_events": ["*"],
            "api_version": VERSION, "created": state.now, "livemode": false, "secret": secret, "metadata": {},
        }));
    }
}
