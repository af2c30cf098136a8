//! An installation that sells, with a stand-in for Stripe that keeps its own time and tells by itself.

use std::net::TcpListener;
use std::ops::Deref;
use std::time::Duration;

use readership::billing::offers::{self, NewOffer};
use readership::billing::prices::Cadence;
use readership::billing::tiers::{self, Wishes};
use readership::config::{Settings, StripeSettings};
use readership::ids::{OfferId, TierId};
use readership::sandbox::stripe::{StandIn, server};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use url::Url;

use super::people::{Answer, Person};
use super::world::{Engine, SITE, World};

pub const SECRET: &str = "whsec_story";
pub const GOOD: &str = "4242424242424242";
pub const OTHER: &str = "5555555555554444";
pub const DECLINED_LATER: &str = "4000000000000341";
pub const DAY: u64 = 86_400;

pub struct Shop {
    pub world: World,
    pub stripe: StandIn,
    /// 5.00 USD a month, 50.00 a year.
    pub gold: TierId,
    /// 12.00 USD a month, 120.00 a year, with 14 days of trial.
    pub patron: TierId,
    pub serving: Serving,
}

/// A stand-in that answers and tells until this is dropped.
pub struct Serving {
    stop: Option<oneshot::Sender<()>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            let _ = stop.send(());
        }
    }
}

impl Deref for Shop {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Shop {
    pub async fn open(engine: Engine, change: impl FnOnce(&mut Settings)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let account = StripeSettings {
            secret_key: "sk_test_story".into(),
            publishable_key: "pk_test_story".to_owned(),
            webhook_secrets: vec![SECRET.into()],
            api_base: base.clone(),
        };
        let world = World::on(engine, |settings| {
            settings.stripe = Some(account);
            // Stories last longer than a session would.
            settings.lifetimes.session_idle_s = 10 * 366 * DAY;
            settings.lifetimes.session_absolute_s = 10 * 366 * DAY;
            settings.staff.session_idle_s = 10 * 366 * DAY;
            settings.staff.session_absolute_s = 10 * 366 * DAY;
            settings.limits.checkouts_per_hour = 0;
            settings.limits.checkouts_address_per_hour = 0;
            settings.billing.calls_per_s = 1_000;
            // What was told is counted for years.
            settings.billing.event_retention_s = 10 * 366 * DAY;
            // Stories compare when they say so.
            settings.billing.reconcile_every_s = 0;
            change(settings);
        })
        .await;
        let stripe = StandIn::new(world.clock.clone(), base.as_str());
        let serving = serve(listener, stripe.clone());
        stripe.tells(&format!("{}members/webhooks/stripe/", world.url), SECRET);
        let now = world.clock.now();
        let (gold, patron) = world
            .app()
            .db
            .write(move |conn| {
                let gold = tiers::add(conn, &tier("Gold", 500, 5_000, 0), now).unwrap();
                Ok((gold, tiers::add(conn, &tier("Patron", 1_200, 12_000, 14), now).unwrap()))
            })
            .await
            .unwrap();
        Self { world, stripe, gold, patron, serving }
    }

    /// Adds an offer: percent off, for new subscribers of Gold or to keep some.
    pub async fn offers(
        &self,
        code: &str,
        percent: i64,
        redemption: &str,
        duration: &str,
        months: Option<i32>,
    ) -> OfferId {
        let new = NewOffer {
            name: code.to_owned(),
            code: code.to_owned(),
            title: None,
            description: None,
            kind: "percent".to_owned(),
            redemption: redemption.to_owned(),
            tier: (redemption == "signup").then_some(self.gold),
            cadence: Cadence::Month,
            amount: percent,
            currency: None,
            duration: duration.to_owned(),
            months,
            expires_at: None,
            most_redemptions: None,
        };
        let now = self.clock.now();
        self.app().db.write(move |conn| Ok(offers::add(conn, &new, now).unwrap())).await.unwrap()
    }

    /// Sends the form of the site's footer; returns the session it leads to.
    pub async fn goes_to_stripe(&self, who: &Person, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = who.posts(path, fields).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        session_of(answer.location())
    }

    /// Buys as somebody does in a browser: form, card, back again.
    pub async fn buys(&self, who: &Person, fields: &[(&str, &str)], card: &str) -> Answer {
        let session = self.goes_to_stripe(who, "members/checkout/", fields).await;
        self.stripe.pays(&session, "", card).unwrap();
        self.comes_back(who, &session).await
    }

    /// Stripe sends the browser back.
    pub async fn comes_back(&self, who: &Person, session: &str) -> Answer {
        let url = Url::parse(&self.stripe.success_url(session)).unwrap();
        let path = url.path().trim_start_matches('/');
        who.get(&format!("{path}?{}", url.query().unwrap_or_default())).await
    }

    /// A member who pays for Gold by the month.
    pub async fn payer(&self, address: &str, card: &str) -> Person {
        let person = self.member(address).await;
        self.buys(&person, &[("tier", "gold"), ("cadence", "month")], card).await.lands_on_own("members-signup-ok");
        person
    }

    /// Waits until everything that Stripe told has arrived and was worked off, and every mail is out.
    pub async fn settles(&self) {
        let told = self.stripe.all("event").len();
        self.until("every event is worked off", async |world| {
            let kept = world.count("stripe_events", "1 = 1").await;
            let open = world.count("stripe_events", "state = 'waiting'").await;
            usize::try_from(kept).unwrap() >= told && open == 0
        })
        .await;
        self.outbox_settles().await;
    }

    pub async fn after_days(&self, days: u64) {
        self.stripe.advance(Duration::from_secs(days * DAY));
        self.settles().await;
    }

    /// What the record says of the newest subscription.
    pub async fn subscription(&self, who: &Person) -> Value {
        who.record().await.expect("signed in")["subscriptions"][0].clone()
    }

    /// Asks as a proxy does.
    pub async fn access(&self, who: &Person, tier: &str) -> u16 {
        let query = if tier.is_empty() { String::new() } else { format!("?tier={tier}") };
        who.get(&format!("members/api/access/{query}")).await.status.as_u16()
    }

    /// Subjects of the mails to an address, oldest first.
    pub fn subjects(&self, address: &str) -> Vec<String> {
        self.mailbox.to(address).iter().map(|mail| mail.subject()).collect()
    }

    pub fn mails_about(&self, address: &str, words: &str) -> usize {
        self.subjects(address).iter().filter(|subject| subject.contains(words)).count()
    }

    pub async fn puts(&self, who: &Person, subscription: &str, body: Value) -> Answer {
        let mut body = body;
        body["identity"] = json!(who.identity().await);
        let path = format!("members/api/subscriptions/{subscription}/");
        let headers = [("content-type", "application/json"), ("origin", SITE.trim_end_matches('/'))];
        who.request(reqwest::Method::PUT, &path, &headers, Some(body.to_string())).await
    }
}

fn tier(name: &str, month: i64, year: i64, trial_days: i32) -> Wishes {
    Wishes {
        name: Some(name.to_owned()),
        currency: Some("usd".to_owned()),
        monthly_minor: Some(month),
        yearly_minor: Some(year),
        trial_days: Some(trial_days),
        ..Wishes::default()
    }
}

pub fn session_of(url: &str) -> String {
    url.rsplit('/')
        .next()
        .filter(|id| id.starts_with("cs_"))
        .unwrap_or_else(|| panic!("no session in {url}"))
        .to_owned()
}

/// Serves the stand-in on a thread of its own.
pub fn serve(listener: TcpListener, stripe: StandIn) -> Serving {
    let (stop, stopped) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let telling = tokio::spawn(stripe.clone().tell_everybody());
            let server =
                actix_web::HttpServer::new(move || actix_web::App::new().configure(server::routes(stripe.clone())));
            let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
            let handle = server.handle();
            let running = tokio::spawn(server);
            // Whoever held it is gone, or has let go.
            let _ = stopped.await;
            telling.abort();
            handle.stop(false).await;
            running.await.unwrap().unwrap();
        });
    });
    Serving { stop: Some(stop) }
}
