//! P3: whatever order news come in, however often, and whatever is lost on the way: in the end the same
//! stands here, and the same mails went out. Thirty stories of Stripe's, two hundred orders each, with
//! duplicates and losses.
//!
//! `PERMUTATIONS_SEED=… ./test permutations` tells one run again.

use std::fmt::Write as _;
use std::time::Duration;

use diesel::RunQueryDsl;
use readership::app::App;
use readership::billing::Billing;
use readership::billing::inbox;
use readership::billing::stripe::objects::Event;
use readership::db::{Conn, DbResult, execute};
use serde_json::Value;
use tokio::sync::watch;

use crate::support::people::Person;
use crate::support::shop::{DECLINED_LATER, GOOD, OTHER, Shop};
use crate::support::world::Engine;

/// Something that happens at Stripe.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Ada buys a plan with a card.
    Buys(&'static str, &'static str, &'static str),
    BuysOffer(&'static str),
    /// Somebody without an account does.
    Visitor(&'static str),
    Days(u64),
    Card(&'static str),
    /// The tier's slug, the cadence.
    Plan(&'static str, &'static str),
    Ends,
    GoesOn,
    EndsNow,
    Refund(Option<i64>),
    Dispute,
    DeletesCustomer,
    Coupon,
    PausesThenDays(u64),
}
use Step::*;

const MONTH: Step = Buys("gold", "month", GOOD);
const LATE: Step = Buys("gold", "month", DECLINED_LATER);
const TRIAL: Step = Buys("patron", "month", GOOD);

const STORIES: [&[Step]; 30] = [
    &[MONTH],
    &[Buys("gold", "year", GOOD)],
    &[TRIAL],
    &[TRIAL, Days(15)],
    &[Buys("patron", "month", DECLINED_LATER), Days(15)],
    &[MONTH, Days(32)],
    &[MONTH, Days(32), Days(31)],
    &[LATE, Days(32)],
    &[LATE, Days(32), Card(GOOD)],
    &[LATE, Days(32), Card(DECLINED_LATER)],
    &[LATE, Days(32), Days(4), Card(OTHER), Days(31)],
    &[LATE, Days(32), Days(20)],
    &[MONTH, Plan("patron", "month")],
    &[MONTH, Plan("patron", "year")],
    &[Buys("gold", "year", GOOD), Plan("gold", "month")],
    &[TRIAL, Plan("gold", "month")],
    &[MONTH, Ends],
    &[MONTH, Ends, GoesOn],
    &[MONTH, Ends, Days(32)],
    &[MONTH, Ends, GoesOn, Ends, Days(32)],
    &[MONTH, EndsNow],
    &[MONTH, EndsNow, MONTH],
    &[MONTH, Refund(Some(200))],
    &[MONTH, Refund(None), EndsNow],
    &[MONTH, Dispute],
    &[MONTH, DeletesCustomer],
    &[BuysOffer("spring"), Days(32)],
    &[MONTH, Coupon, Plan("patron", "month"), Ends],
    &[Visitor("new@reader.test"), Days(32)],
    &[TRIAL, EndsNow, TRIAL, PausesThenDays(32), Refund(Some(100))],
];

impl Shop {
    async fn newest_subscription(&self) -> Value {
        self.stripe.all("subscription").pop().expect("somebody has bought")
    }

    async fn happens(&self, ada: &Person, step: Step) {
        let subscription = || async { self.newest_subscription().await["id"].as_str().unwrap().to_owned() };
        let update = |form: String| async move {
            let id = self.newest_subscription().await["id"].as_str().unwrap().to_owned();
            let answer = self.stripe.call("POST", &format!("/v1/subscriptions/{id}"), &form);
            assert!(answer["error"].is_null(), "{answer}");
        };
        match step {
            Buys(tier, cadence, card) => {
                self.buys(ada, &[("tier", tier), ("cadence", cadence)], card).await;
            }
            BuysOffer(code) => {
                self.buys(ada, &[("offer", code)], GOOD).await;
            }
            Visitor(address) => {
                let form = [("tier", "gold"), ("cadence", "month"), ("email", address)];
                self.buys(&self.visitor(), &form, GOOD).await;
            }
            Days(days) => self.stripe.advance(Duration::from_secs(days * 86_400)),
            PausesThenDays(days) => {
                self.stripe.ends_unpaid(true);
                self.stripe.advance(Duration::from_secs(days * 86_400));
            }
            Card(card) => {
                let session = self.goes_to_stripe(ada, "members/billing/", &[]).await;
                self.stripe.pays(&session, "", card).unwrap();
                self.comes_back(ada, &session).await;
            }
            Plan(tier, cadence) => {
                let tier = if tier == "gold" { self.gold } else { self.patron };
                let plan = format!("{tier}/{cadence}");
                let answer = ada
                    .posts("members/account/plan/change/", &[("subscription", &subscription().await), ("plan", &plan)])
                    .await;
                assert_eq!(answer.status, 303, "{}", answer.body);
            }
            Ends => update("cancel_at_period_end=true".to_owned()).await,
            GoesOn => update("cancel_at_period_end=false".to_owned()).await,
            EndsNow => {
                self.stripe.call("DELETE", &format!("/v1/subscriptions/{}", subscription().await), "");
            }
            Refund(amount) => {
                let charge = self.stripe.all("charge").into_iter().rfind(|one| one["paid"] == true);
                let charge = charge.map(|one| one["id"].as_str().unwrap().to_owned()).unwrap_or_default();
                let amount = amount.map_or(String::new(), |amount| format!("&amount={amount}"));
                self.stripe.call("POST", "/v1/refunds", &format!("charge={charge}{amount}"));
            }
            Dispute => {
                let charge = self.stripe.all("charge").pop().unwrap()["id"].as_str().unwrap().to_owned();
                self.stripe.dispute(&charge);
            }
            DeletesCustomer => {
                let customer = self.stripe.all("customer").pop().unwrap()["id"].as_str().unwrap().to_owned();
                self.stripe.call("DELETE", &format!("/v1/customers/{customer}"), "");
            }
            Coupon => {
                self.stripe.call("POST", "/v1/coupons", "id=other&percent_off=10&duration=forever");
                update("discounts[0][coupon]=other".to_owned()).await;
            }
        }
    }
}

/// Xorshift: enough to shuffle with, and told again by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides.max(1) as u64).unwrap()
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.roll(at + 1));
        }
    }
}

/// As if nothing had been heard of Stripe yet.
fn forget(conn: &mut Conn) -> DbResult<()> {
    execute(
        conn,
        "DELETE FROM billing_notices; DELETE FROM outbox; DELETE FROM stripe_events; DELETE FROM offer_redemptions;
         DELETE FROM trials; DELETE FROM payments; DELETE FROM paid_subscriptions; DELETE FROM stripe_customers;
         UPDATE members SET status = 'free', has_billing = FALSE;
         UPDATE checkouts SET state = 'open', finished_at = NULL WHERE session_id IS NOT NULL;",
    )
}

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

/// Everything that must be the same. `mails` too, or only the state.
fn everything(conn: &mut Conn, mails: bool) -> DbResult<String> {
    let mut queries = vec![
        "SELECT 'member ' || email || ' ' || status AS line FROM members ORDER BY 1",
        "SELECT 'customer ' || id || ' ' || CASE WHEN member_id IS NULL THEN 'nobody' ELSE 'somebody' END || ' '
            || CASE WHEN is_deleted THEN 'deleted' ELSE 'there' END || ' ' || coalesce(card_last4, '-') AS line
            FROM stripe_customers ORDER BY 1",
        "SELECT 'subscription ' || id || ' ' || status || ' ' || price_id || ' ' || amount_minor || ' ' || period_end || ' '
            || CASE WHEN cancel_at_period_end THEN 'ends ' ELSE 'goes on ' END || coalesce(ended_at, 0) || ' '
            || coalesce(past_due_since, 0) || ' ' || coalesce(invoice_status, '-') || ' ' || coalesce(card_last4, '-') || ' '
            || coalesce(discount_percent, 0) || ' ' || coalesce(cancellation_reason, '-') AS line
            FROM paid_subscriptions ORDER BY 1",
        "SELECT 'payment ' || id || ' ' || amount_minor || ' ' || refunded_minor || ' '
            || CASE WHEN is_disputed THEN 'disputed' ELSE 'good' END AS line FROM payments ORDER BY 1",
    ];
    if mails {
        queries.push("SELECT 'visit ' || session_id || ' ' || state AS line FROM checkouts WHERE session_id IS NOT NULL ORDER BY 1");
        queries
            .push("SELECT 'notice ' || kind || ' ' || about || ' ' || facts AS line FROM billing_notices ORDER BY 1");
        queries.push("SELECT 'mails ' || kind || ' ' || recipient || ' ' || count(*) AS line FROM outbox GROUP BY kind, recipient ORDER BY 1");
    }
    let mut text = String::new();
    for query in queries {
        let query = diesel::sql_query(query);
        let lines: Vec<Line> = match conn {
            Conn::Postgres(conn) => query.load(conn)?,
            Conn::Sqlite(conn) => query.load(conn)?,
        };
        for Line { line } in lines {
            writeln!(text, "{line}").unwrap();
        }
    }
    Ok(text)
}

/// An installation without workers: news are worked off when the test says so.
struct Quiet {
    app: App,
    billing: Billing,
    stop: watch::Receiver<bool>,
    _stop: watch::Sender<bool>,
}

impl Quiet {
    /// Hears `events` in their order, `at_once` between two readings; then everything is compared, if
    /// something was lost.
    async fn hears(&self, events: &[Value], at_once: i64, something_is_lost: bool) -> String {
        self.app.db.write(forget).await.unwrap();
        let now = self.app.now();
        // Each a moment after the one before: that is the order they are worked off in.
        let told: Vec<(Event, String)> =
            events.iter().map(|event| (serde_json::from_value(event.clone()).unwrap(), event.to_string())).collect();
        self.app
            .db
            .write(move |conn| {
                for (number, (event, body)) in told.iter().enumerate() {
                    let at = now.minus(Duration::from_millis((told.len() - number) as u64));
                    inbox::keep(conn, event, body, at)?;
                }
                Ok(())
            })
            .await
            .unwrap();
        while self.billing.work_off(at_once, &self.stop).await > 0 {}
        if something_is_lost {
            let report = self.billing.reconcile(|_| {}).await.unwrap();
            assert_eq!(report.failed, 0);
            while self.billing.work_off(64, &self.stop).await > 0 {}
        }
        let open = self.app.db.read(inbox::depth).await.unwrap();
        assert_eq!((open.waiting, open.parked), (0, 0));
        self.app.db.read(|conn| everything(conn, true)).await.unwrap()
    }
}

async fn tells(engine: Engine, stories: std::ops::Range<usize>, orders: usize) {
    let seed = std::env::var("PERMUTATIONS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| readership::secrets::random_below(u64::MAX - 1) + 1);
    let mut dice = Dice(seed);
    for number in stories {
        let story = STORIES[number];
        let mut shop = Shop::open(engine, |settings| settings.billing.calls_per_s = 1_000).await;
        shop.offers("spring", 20, "signup", "repeating", Some(3)).await;
        let ada = shop.member("ada@reader.test").await;
        for step in story {
            shop.happens(&ada, *step).await;
            shop.settles().await;
        }
        let begun = std::time::Instant::now();
        let lived = shop.look(|conn| everything(conn, false)).await;
        let events: Vec<Value> = shop.stripe.all("event");
        shop.stripe.orders.give(|wishes| wishes.hold_events = true);
        shop.world.stop();
        let app = App::open(shop.settings.clone(), shop.clock.clone(), None).await.unwrap();
        let billing = app.billing.clone().unwrap();
        let (stop, stopped) = watch::channel(false);
        let quiet = Quiet { app, billing, stop: stopped, _stop: stop };
        let orderly = quiet.hears(&events, 1, false).await;
        let state: String = orderly
            .lines()
            .filter(|line| !["visit", "notice", "mails"].iter().any(|word| line.starts_with(word)))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(state, lived, "story {number} {story:?}: heard afterwards it ends otherwise than lived through");
        for order in 0..orders {
            let mut shuffled = events.clone();
            dice.shuffle(&mut shuffled);
            let lost = if dice.roll(4) == 0 { dice.roll(shuffled.len()) } else { 0 };
            shuffled.truncate(events.len() - lost);
            let doubled: Vec<Value> = shuffled.iter().filter(|_| dice.roll(4) == 0).cloned().collect();
            shuffled.extend(doubled);
            // Mostly many at once: readings are what takes time.
            let at_once = [1, 3, 7, 64, 64, 64, 64, 64, 64, 64, 64, 64][dice.roll(12)];
            let heard = quiet.hears(&shuffled, at_once, lost > 0).await;
            assert_eq!(
                heard, orderly,
                "PERMUTATIONS_SEED={seed}: story {number} {story:?}, order {order}, {lost} lost, {at_once} at once"
            );
        }
        println!("story {number}: {} events, {orders} orders in {:?}", events.len(), begun.elapsed());
        quiet.app.db.close();
    }
}

macro_rules! streams {
    ($($name:ident $range:expr, $orders:expr, $engine:ident;)*) => {$(
        #[tokio::test]
        async fn $name() {
            tells(Engine::$engine, $range, $orders).await;
        }
    )*};
}
// On PostgreSQL fewer orders: what differs there is the statements, not their order.
streams! {
    p3_streams_0_to_7_on_sqlite 0..8, 200, Sqlite;
    p3_streams_8_to_14_on_sqlite 8..15, 200, Sqlite;
    p3_streams_15_to_22_on_sqlite 15..23, 200, Sqlite;
    p3_streams_23_to_29_on_sqlite 23..30, 200, Sqlite;
    p3_streams_0_to_14_on_postgres 0..15, 10, Postgres;
    p3_streams_15_to_29_on_postgres 15..30, 10, Postgres;
}
