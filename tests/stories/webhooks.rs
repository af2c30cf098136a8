//! What Stripe tells: kept before it is answered, worked off once, in whatever order it comes.

use std::time::{Duration, Instant};

use readership::billing::stripe::api_version;
use readership::members;
use readership::members::address::EmailAddress;
use serde_json::{Value, json};

use crate::paying;
use crate::support::people::{Answer, Person};
use crate::support::shop::{GOOD, SECRET};
use crate::support::world::PATIENCE;

fn sign(body: &str, secret: &str, at: i64) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, format!("{at}.{body}").as_bytes());
    format!("t={at},v1={}", data_encoding::HEXLOWER.encode(tag.as_ref()))
}

async fn delivers(who: &Person, body: &str, signature: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("stripe-signature", signature)];
    who.request(reqwest::Method::POST, "members/webhooks/stripe/", &headers, Some(body.to_owned())).await
}

fn event(id: &str, kind: &str, object: Value) -> String {
    json!({
        "id": id, "object": "event", "type": kind, "created": 1, "livemode": false, "api_version": api_version(),
        "data": {"object": object},
    })
    .to_string()
}

paying! {
    /// P1: twelve deliveries, of which the signed ones count.
    async fn p1_only_stripe_is_believed(shop: Shop, with |settings| {
        settings.stripe.as_mut().unwrap().webhook_secrets.push("whsec_next".into());
    }) {
        let (stripe, now) = (shop.visitor(), shop.clock.now().seconds());
        let body = event("evt_p1", "customer.updated", json!({"id": "cus_none", "object": "customer"}));
        let good = sign(&body, SECRET, now);
        let digits = good.split("v1=").nth(1).unwrap();
        let spaced = body.replace(':', ": ");
        let cases: Vec<(&str, String, String)> = vec![
            ("no signature", body.clone(), String::new()),
            ("not a signature", body.clone(), "hello".to_owned()),
            ("another secret", body.clone(), sign(&body, "whsec_wrong", now)),
            ("301 seconds old", body.clone(), sign(&body, SECRET, now - 310)),
            ("301 seconds ahead", body.clone(), sign(&body, SECRET, now + 310)),
            ("v0 only", body.clone(), good.replace("v1=", "v0=")),
            ("re-encoded", spaced, good.clone()),
            ("empty", String::new(), sign("", SECRET, now)),
            ("no event", "{}".to_owned(), sign("{}", SECRET, now)),
        ];
        for (what, body, signature) in &cases {
            assert_eq!(delivers(&stripe, body, signature).await.status, 400, "{what}");
        }
        let large = " ".repeat(2 * 1024 * 1024);
        let signature = sign(&large, SECRET, now);
        assert_eq!(delivers(&stripe, &large, &signature).await.status, 413);
        assert_eq!(stripe.get("members/webhooks/stripe/").await.status, 405);
        assert_eq!(shop.count("stripe_events", "1 = 1").await, 0);
        for (number, signature) in [
            good.clone(),
            format!("t={now},v1=00,v1={digits},v0=x"),
            sign(&body, "whsec_next", now),
        ]
        .iter()
        .enumerate()
        {
            assert_eq!(delivers(&stripe, &body, signature).await.status, 200, "good {number}");
        }
        assert_eq!(shop.count("stripe_events", "1 = 1").await, 1);
    }
}

paying! {
    /// P2: answered at once though Stripe is silent, and not lost by a restart.
    async fn p2_kept_before_it_is_answered(shop: Shop, with |settings| {
        settings.billing.call_ms = 300;
        settings.billing.total_ms = 500;
        settings.billing.breaker_s = 1;
    }) {
        let ada = shop.member("ada@reader.test").await;
        let session = shop.goes_to_stripe(&ada, "members/checkout/", &[("tier", "gold"), ("cadence", "month")]).await;
        // A reading for an event of before may still be under way, and would see the payment.
        shop.settles().await;
        shop.stripe.orders.give(|wishes| {
            wishes.hold_events = true;
            wishes.away = true;
        });
        shop.stripe.pays(&session, "", GOOD).unwrap();
        let asked = Instant::now();
        for delivery in shop.stripe.take_events() {
            assert_eq!(delivers(&ada, &delivery.body, &delivery.signature).await.status, 200);
        }
        // Six of them, not fifty milliseconds each on a noisy machine, but nowhere near Stripe's silence.
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        assert_eq!(ada.record().await.unwrap()["status"], "free");
        shop.world.restart().await;
        shop.stripe.orders.give(|wishes| wishes.away = false);
        shop.until("the payment is known", async |_| ada.record().await.unwrap()["status"] == "paid").await;
    }
}

paying! {
    /// P4: what an event says is never believed, only what Stripe says when it is asked.
    async fn p4_an_old_event_changes_nothing(shop: Shop) {
        let ada = shop.payer("ada@reader.test", GOOD).await;
        shop.settles().await;
        let id = shop.subscription(&ada).await["id"].as_str().unwrap().to_owned();
        let old = shop.stripe.find(&id).unwrap();
        shop.stripe.call("DELETE", &format!("/v1/subscriptions/{id}"), "");
        shop.settles().await;
        assert_eq!(shop.access(&ada, "gold").await, 403);
        let body = event("evt_old", "customer.subscription.updated", old);
        delivers(&ada, &body, &sign(&body, SECRET, shop.clock.now().seconds())).await;
        shop.until("it is worked off", async |world| world.count("stripe_events", "id = 'evt_old' AND state = 'done'").await == 1).await;
        assert_eq!(shop.access(&ada, "gold").await, 403);
        assert_eq!(shop.subscription(&ada).await["status"], "canceled");
    }
}

paying! {
    /// P12, P16: other shapes, other versions, the other mode.
    async fn p12_what_is_not_understood_breaks_nothing(shop: Shop) {
        let ada = shop.payer("ada@reader.test", GOOD).await;
        shop.settles().await;
        let customer = shop.stripe.all("customer")[0]["id"].clone();
        let strange = [
            event("evt_a", "a.kind.of.tomorrow", json!({"object": "thing", "customer": customer})),
            event("evt_b", "invoice.paid", json!({"id": "in_x", "object": "invoice", "customer": {"id": customer, "new": [1]}})),
            event("evt_c", "customer.updated", json!({"id": "cus_of_somebody_else", "object": "customer"})),
            event("evt_d", "checkout.session.completed", json!({"id": "cs_none", "object": "checkout.session"})),
            event("evt_e", "nothing", json!({})),
            event("evt_f", "customer.updated", json!({"id": customer, "object": "customer"})).replace(api_version(), "2020-08-27"),
            event("evt_g", "customer.updated", json!({"id": customer, "object": "customer"})).replace("\"livemode\":false", "\"livemode\":true"),
        ];
        let now = shop.clock.now().seconds();
        for body in &strange {
            assert_eq!(delivers(&ada, body, &sign(body, SECRET, now)).await.status, 200, "{body}");
        }
        shop.until("all is worked off", async |world| world.count("stripe_events", "state = 'waiting'").await == 0).await;
        assert_eq!(shop.count("stripe_events", "id = 'evt_g' AND outcome = 'of the other mode'").await, 1);
        assert_eq!(shop.count("stripe_events", "state = 'parked'").await, 0);
        assert_eq!(shop.access(&ada, "gold").await, 204);
    }
}

paying! {
    /// P16: refund, dispute, deleted subscription, deleted customer.
    async fn p16_refund_dispute_and_deletions(shop: Shop) {
        let ada = shop.payer("ada@reader.test", GOOD).await;
        shop.settles().await;
        let charge = shop.stripe.all("charge")[0]["id"].as_str().unwrap().to_owned();
        shop.stripe.call("POST", "/v1/refunds", &format!("charge={charge}&amount=200"));
        shop.settles().await;
        assert_eq!(shop.count("payments", "refunded_minor = 200 AND amount_minor = 500").await, 1);
        // A refund alone takes nothing away: staff decide that.
        assert_eq!(shop.access(&ada, "gold").await, 204);
        shop.stripe.dispute(&charge);
        shop.settles().await;
        assert_eq!(shop.count("payments", "is_disputed").await, 1);
        let customer = shop.stripe.all("customer")[0]["id"].as_str().unwrap().to_owned();
        shop.stripe.call("DELETE", &format!("/v1/customers/{customer}"), "");
        shop.settles().await;
        assert_eq!(shop.access(&ada, "gold").await, 403);
        assert_eq!(shop.mails_about("ada@reader.test", "Gold has ended"), 1);
        // A new customer is made when they buy again.
        shop.buys(&ada, &[("tier", "gold"), ("cadence", "month")], GOOD).await.lands_on_own("members-signup-ok");
        assert_eq!(shop.stripe.all("customer").len(), 2);
    }
}

paying! {
    /// P9: every event lost for a month of changes; one comparison, and all agrees.
    async fn p9_everything_is_compared(shop: Shop) {
        shop.stripe.orders.give(|wishes| wishes.lost_events = 100);
        let ada = shop.payer("ada@reader.test", GOOD).await;
        let bob = shop.payer("bob@reader.test", GOOD).await;
        let eve = shop.member("eve@reader.test").await;
        let session = shop.goes_to_stripe(&eve, "members/checkout/", &[("tier", "gold"), ("cadence", "year")]).await;
        shop.stripe.pays(&session, "", GOOD).unwrap();
        let id = shop.subscription(&ada).await["id"].as_str().unwrap().to_owned();
        shop.stripe.call("DELETE", &format!("/v1/subscriptions/{id}"), "");
        let id = shop.subscription(&bob).await["id"].as_str().unwrap().to_owned();
        shop.stripe.call("POST", &format!("/v1/subscriptions/{id}"), "cancel_at_period_end=true");
        shop.stripe.advance(Duration::from_secs(120));
        assert_eq!((shop.access(&ada, "gold").await, shop.access(&eve, "gold").await), (204, 403));
        let billing = shop.app().billing.clone().unwrap();
        let report = billing.reconcile(|_| {}).await.unwrap();
        assert!(report.drift >= 2 && report.missed_events > 0, "{report:?}");
        shop.until("the inbox is empty", async |world| world.count("stripe_events", "state = 'waiting'").await == 0).await;
        assert_eq!((shop.access(&ada, "gold").await, shop.access(&eve, "gold").await), (403, 204));
        assert_eq!(shop.subscription(&bob).await["cancel_at_period_end"], true);
        let again = billing.reconcile(|_| {}).await.unwrap();
        assert_eq!((again.drift, again.missed_events, again.adopted, again.failed), (0, 0, 0, 0), "{again:?}");
        // P10: a month told once more changes nothing.
        shop.outbox_settles().await;
        let (mails, dump) = (shop.mailbox.count(), shop.count("billing_notices", "1 = 1").await);
        shop.app().db.write(|conn| readership::db::execute(conn, "DELETE FROM stripe_events")).await.unwrap();
        billing.reconcile(|_| {}).await.unwrap();
        shop.until("the inbox is empty", async |world| world.count("stripe_events", "state = 'waiting'").await == 0).await;
        shop.outbox_settles().await;
        assert_eq!((shop.mailbox.count(), shop.count("billing_notices", "1 = 1").await), (mails, dump));
    }
}

paying! {
    /// One account may serve several sites. Whoever was given a plan in Stripe's dashboard with our mark on it is
    /// taken in; the readers of other sites are not.
    async fn customers_made_elsewhere_are_taken_in_when_they_carry_our_mark(shop: Shop, with |settings| {
        settings.billing.retries = 0;
        settings.billing.breaker_s = 1;
    }) {
        let ada = shop.payer("ada@reader.test", GOOD).await;
        let bob = shop.member("bob@reader.test").await;
        shop.settles().await;
        let (made, price) = (shop.stripe.all("customer")[0].clone(), shop.stripe.all("price")[0]["id"].clone());
        let ours = format!("metadata[readership_site]={}", made["metadata"]["readership_site"].as_str().unwrap());
        let theirs = "metadata[readership_site]=of-another-site";
        let address = EmailAddress::parse("bob@reader.test").unwrap();
        let id = shop.app().db.write(move |conn| members::find_by_email(conn, &address)).await.unwrap().unwrap();
        let member = format!("metadata[readership_member]={id}");
        let subscribes = |mark: &str, whose: &str| {
            let customer = shop.stripe.call("POST", "/v1/customers", &format!("email=x%40reader.test&{mark}"));
            let customer = customer["id"].as_str().unwrap().to_owned();
            let card = shop.stripe.call("POST", "/v1/payment_methods/pm_card_visa/attach", &format!("customer={customer}"));
            let form = format!(
                "customer={customer}&items[0][price]={}&default_payment_method={}&{whose}",
                price.as_str().unwrap(), card["id"].as_str().unwrap(),
            );
            let begun = shop.stripe.call("POST", "/v1/subscriptions", &form);
            assert_eq!(begun["status"], "active", "{begun}");
            customer
        };
        let known = async |customer: &str| shop.count("stripe_customers", &format!("id = '{customer}'")).await;

        let of_bob = subscribes(&format!("{ours}&{member}"), "");
        let by_its_plan = subscribes("", &ours);
        let strangers = [subscribes("", ""), subscribes(theirs, theirs)];
        shop.settles().await;
        assert_eq!((known(&of_bob).await, known(&by_its_plan).await), (1, 1));
        assert_eq!((known(&strangers[0]).await, known(&strangers[1]).await), (0, 0));
        assert_eq!((shop.access(&bob, "gold").await, shop.access(&ada, "gold").await), (204, 204));

        // Stripe does not answer when it is asked whose somebody is: it is asked again, later.
        shop.stripe.orders.give(|wishes| wishes.own_fault = 100);
        let late = subscribes(&ours, "");
        let told = i64::try_from(shop.stripe.all("event").len()).unwrap();
        shop.until("each event was tried in vain", async |world| {
            world.count("stripe_events", "1 = 1").await == told
                && world.count("stripe_events", "state = 'waiting' AND outcome IS NULL").await == 0
                && world.count("stripe_events", "state = 'waiting'").await > 0
        })
        .await;
        assert_eq!(known(&late).await, 0);
        shop.stripe.orders.give(|wishes| wishes.own_fault = 0);
        shop.until("it is taken in", async |world| {
            world.clock.advance(Duration::from_secs(600));
            known(&late).await == 1
        })
        .await;
    }
}

paying! {
    /// P6: a fifth of the answers is lost after the work was done, a tenth is refused; nothing is there
    /// twice.
    async fn p6_nothing_is_done_twice(shop: Shop, with |settings| settings.billing.breaker_s = 1) {
        shop.stripe.orders.give(|wishes| {
            wishes.lost_answers = 20;
            wishes.too_many = 10;
            wishes.own_fault = 10;
        });
        for number in 0..6 {
            let address = format!("reader{number}@reader.test");
            let person = shop.member(&address).await;
            // Three tries at a call may all be lost, and after some in a row Stripe is left alone for a
            // while; the reader tries again, as readers do.
            let mut answer = person.posts("members/checkout/", &[("tier", "gold"), ("cadence", "month")]).await;
            let begun = Instant::now();
            while answer.status == 503 && begun.elapsed() < PATIENCE {
                tokio::time::sleep(Duration::from_millis(100)).await;
                answer = person.posts("members/checkout/", &[("tier", "gold"), ("cadence", "month")]).await;
            }
            assert_eq!(answer.status, 303, "{}", answer.body);
            let session = crate::support::shop::session_of(answer.location());
            shop.stripe.pays(&session, "", GOOD).unwrap();
        }
        shop.stripe.orders.give(|wishes| *wishes = Default::default());
        shop.settles().await;
        for (kind, count) in [("customer", 6), ("subscription", 6), ("checkout.session", 6), ("product", 1), ("price", 1)] {
            assert_eq!(shop.stripe.all(kind).len(), count, "{kind}");
        }
        assert_eq!(shop.count("members", "status = 'paid'").await, 6);
    }
}

paying! {
    /// P8: Stripe is silent; everything but billing goes on, and billing says so.
    async fn p8_stripe_is_away(shop: Shop, with |settings| {
        settings.billing.call_ms = 200;
        settings.billing.total_ms = 400;
        settings.billing.retries = 1;
    }) {
        let ada = shop.payer("ada@reader.test", GOOD).await;
        shop.settles().await;
        shop.stripe.orders.give(|wishes| wishes.away = true);
        for _ in 0..3 {
            let answer = ada.posts("members/billing/", &[]).await;
            assert_eq!(answer.status, 503);
            assert!(answer.body.contains("Payments cannot be reached") && !answer.header("retry-after").is_empty());
        }
        let identity = ada.identity().await;
        let body = json!({"identity": identity});
        let answer = ada.posts_json("members/api/create-stripe-update-session/", &body).await;
        assert_eq!(answer.status, 503, "{}", answer.body);
        let bob = shop.member("bob@reader.test").await;
        let body = json!({"identity": bob.identity().await, "tierId": shop.gold.to_string(), "cadence": "month"});
        let answer = bob.posts_json("members/api/create-stripe-checkout-session/", &body).await;
        assert_eq!(answer.json()["errors"][0]["message"], "Unable to initiate checkout session");
        for path in ["members/api/member/", "members/api/access/?tier=gold", "members/account/", "members/account/plan/", "readyz"] {
            let answer = ada.get(path).await;
            assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.body);
        }
        assert!(ada.get("members/account/plan/").await.body.contains("They cannot be shown at the moment"));
    }
}
