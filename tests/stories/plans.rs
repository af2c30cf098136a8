//! Having a plan: another card, another plan, an end, no end after all; and what time brings.

use serde_json::json;

use crate::paying;
use crate::support::shop::{DECLINED_LATER, GOOD, OTHER};

paying! {
    /// "Success! Your billing info has been updated."
    async fn another_card(shop: Shop) {
        let ada = shop.payer("ada@reader.test", GOOD).await;
        let session = shop.goes_to_stripe(&ada, "members/billing/", &[("return_to", "/")]).await;
        shop.stripe.pays(&session, "", OTHER).unwrap();
        let back = shop.comes_back(&ada, &session).await;
        back.lands_on("members-billing-ok");
        assert!(back.location().contains("stripe=billing-update-success"), "{}", back.location());
        assert_eq!(shop.subscription(&ada).await["default_payment_card_last4"], "4444");
        let customer = &shop.stripe.all("customer")[0];
        let card = customer["invoice_settings"]["default_payment_method"].as_str().unwrap();
        assert_eq!(shop.stripe.find(card).unwrap()["card"]["last4"], "4444");
    }
}

paying! {
    /// "Your billing was not updated."
    async fn a_card_page_that_was_left(shop: Shop) {
        let ada = shop.payer("ada@reader.test", GOOD).await;
        let session = shop.goes_to_stripe(&ada, "members/billing/", &[("return_to", "/")]).await;
        let cancel = shop.stripe.find(&session).unwrap()["cancel_url"].as_str().unwrap().to_owned();
        assert_eq!(cancel, "http://site.test/?stripe=billing-update-cancel#members-billing-failed");
        assert_eq!(shop.subscription(&ada).await["default_payment_card_last4"], "4242");
        // Expired: whoever comes back late is told the same.
        shop.after_days(1).await;
        shop.comes_back(&ada, &session).await.lands_on("members-failed");
    }
}

paying! {
    async fn a_renewal_fails_and_another_card_mends_it(shop: Shop) {
        let ada = shop.payer("ada@reader.test", DECLINED_LATER).await;
        shop.settles().await;
        shop.after_days(32).await;
        let subscription = shop.subscription(&ada).await;
        assert_eq!(subscription["status"], "past_due");
        // The days of grace: access lasts while Stripe tries again.
        assert_eq!(shop.access(&ada, "gold").await, 204);
        assert_eq!(shop.mails_about("ada@reader.test", "Your payment to REX Wire failed"), 1);
        let mail = shop.mailbox.to("ada@reader.test").into_iter().rfind(|mail| mail.subject().contains("failed")).unwrap();
        assert!(mail.text().contains("$5.00") && mail.text().contains("0341"), "{}", mail.text());
        // One click, without signing in: the card page of this member and nothing else.
        let text = mail.text();
        let link = text.split_whitespace().find(|word| word.contains("members/billing/?notice=")).expect(&text).to_owned();
        let reader = shop.visitor();
        let page = reader.opens(&link).await;
        assert!(page.status == 200 && page.body.contains("$5.00 could not be charged"), "{}", page.body);
        let url = url::Url::parse(&link).unwrap();
        let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        // A card that the bank refuses for what is owed changes nothing.
        let session = shop.goes_to_stripe(&reader, "members/billing/", &fields).await;
        shop.stripe.pays(&session, "", DECLINED_LATER).unwrap();
        shop.comes_back(&reader, &session).await.lands_on("members-billing-failed");
        assert_eq!(shop.subscription(&ada).await["status"], "past_due");
        let session = shop.goes_to_stripe(&reader, "members/billing/", &fields).await;
        shop.stripe.pays(&session, "", GOOD).unwrap();
        shop.comes_back(&reader, &session).await.lands_on("members-billing-ok");
        assert!(reader.record().await.is_none());
        let subscription = shop.subscription(&ada).await;
        assert_eq!((&subscription["status"], &subscription["default_payment_card_last4"]), (&json!("active"), &json!("4242")));
        shop.settles().await;
        assert_eq!(shop.mails_about("ada@reader.test", "Your payment to REX Wire failed"), 1);
        assert_eq!(shop.mails_about("ada@reader.test", "Your payment of $5.00"), 2);
        // And it renews.
        shop.after_days(31).await;
        assert_eq!(shop.subscription(&ada).await["status"], "active");
        // Forged links lead to the sign-in page.
        for forged in ["members/billing/?notice=000000000000000000000000&key=x", "members/billing/?notice=x&key=y"] {
            assert!(shop.visitor().get(forged).await.location().contains("members/signin/"));
        }
    }
}

paying! {
    async fn whoever_never_pays_loses_access_after_the_days_of_grace(shop: Shop) {
        let ada = shop.payer("ada@reader.test", DECLINED_LATER).await;
        shop.settles().await;
        shop.after_days(32).await;
        assert_eq!(shop.access(&ada, "gold").await, 204);
        shop.after_days(8).await;
        assert_eq!(shop.access(&ada, "gold").await, 403);
        assert_eq!(ada.record().await.unwrap()["status"], "free");
        for _ in 0..5 {
            shop.after_days(4).await;
        }
        assert_eq!(shop.subscription(&ada).await["status"], "canceled");
        assert_eq!(shop.subscription(&ada).await["cancellation_reason"], "Payment failed");
        assert_eq!(shop.mails_about("ada@reader.test", "Gold has ended"), 1);
        // Whoever comes back buys again.
        shop.buys(&ada, &[("tier", "gold"), ("cadence", "month")], GOOD).await.lands_on_own("members-signup-ok");
        assert_eq!(shop.access(&ada, "gold").await, 204);
    }
}

paying! {
    async fn plans_go_up_and_down_with_a_preview(shop: Shop) {
        let ada = shop.payer("ada@reader.test", GOOD).await;
        let id = shop.subscription(&ada).await["id"].as_str().unwrap().to_owned();
        let path = format!("members/account/plan/change/?subscription={id}&plan={}/month", shop.patron);
        let page = ada.get(&path).await;
        assert!(page.status == 200 && page.body.contains("$7.00") && page.body.contains("$12.00 a month"), "{}", page.body);
        let plan = format!("{}/month", shop.patron);
        let answer = ada.posts("members/account/plan/change/", &[("subscription", &id), ("plan", &plan)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let subscription = shop.subscription(&ada).await;
        assert_eq!((&subscription["tier"]["name"], &subscription["id"]), (&json!("Patron"), &json!(id)));
        assert_eq!((shop.access(&ada, "gold").await, shop.access(&ada, "patron").await), (403, 204));
        assert_eq!(shop.stripe.all("charge").last().unwrap()["amount"], 700);
        // Down again, by the API and by the year: what is left is credited.
        let body = json!({"tierId": shop.gold.to_string(), "cadence": "year", "cancel_at_period_end": false});
        assert_eq!(shop.puts(&ada, &id, body).await.status, 204);
        let subscription = shop.subscription(&ada).await;
        assert_eq!((&subscription["tier"]["name"], &subscription["price"]["amount"]), (&json!("Gold"), &json!(5_000)));
        // Somebody else's subscription is none.
        let bob = shop.member("bob@reader.test").await;
        let answer = shop.puts(&bob, &id, json!({"cancel_at_period_end": true})).await;
        assert_eq!((answer.status.as_u16(), answer.body), (404, format!("Could not find Subscription {id}")));
    }
}

paying! {
    async fn a_plan_that_the_card_does_not_pay_stays_as_it_was(shop: Shop) {
        let ada = shop.payer("ada@reader.test", DECLINED_LATER).await;
        let id = shop.subscription(&ada).await["id"].as_str().unwrap().to_owned();
        let plan = format!("{}/year", shop.patron);
        let answer = ada.posts("members/account/plan/change/", &[("subscription", &id), ("plan", &plan)]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains("Your card was declined"), "{}", answer.body);
        assert_eq!(shop.subscription(&ada).await["tier"]["name"], "Gold");
    }
}

paying! {
    async fn an_end_with_a_reason_and_no_end_after_all(shop: Shop) {
        let ada = shop.payer("ada@reader.test", GOOD).await;
        let id = shop.subscription(&ada).await["id"].as_str().unwrap().to_owned();
        let answer = ada.posts("members/account/plan/cancel/", &[("subscription", &id), ("reason", "Too dear")]).await;
        assert!(answer.location().contains("done=cancelled"), "{}", answer.location());
        let subscription = shop.subscription(&ada).await;
        assert_eq!((&subscription["cancel_at_period_end"], &subscription["cancellation_reason"]), (&json!(true), &json!("Too dear")));
        assert_eq!(shop.access(&ada, "gold").await, 204);
        ada.posts("members/account/plan/resume/", &[("subscription", &id)]).await;
        assert_eq!(shop.subscription(&ada).await["cancel_at_period_end"], false);
        shop.settles().await;
        assert_eq!(shop.mails_about("ada@reader.test", "Gold ends on"), 1);
        assert_eq!(shop.mails_about("ada@reader.test", "Gold goes on"), 1);
        // By the API, and to the end.
        shop.stripe.advance(std::time::Duration::from_secs(60));
        assert_eq!(shop.puts(&ada, &id, json!({"smart_cancel": true, "cancellation_reason": "Moving"})).await.status, 204);
        shop.settles().await;
        assert_eq!(shop.mails_about("ada@reader.test", "Gold ends on"), 2);
        shop.after_days(32).await;
        assert_eq!(shop.access(&ada, "gold").await, 403);
        let record = ada.record().await.unwrap();
        assert_eq!((&record["status"], &record["subscriptions"][0]["status"]), (&json!("free"), &json!("canceled")));
        // What one wanted is not told as a surprise.
        assert_eq!(shop.mails_about("ada@reader.test", "has ended"), 0);
    }
}

paying! {
    async fn an_offer_that_keeps_them(shop: Shop) {
        let stay = shop.offers("stay", 50, "retention", "repeating", Some(2)).await;
        let ada = shop.payer("ada@reader.test", GOOD).await;
        let id = shop.subscription(&ada).await["id"].as_str().unwrap().to_owned();
        let body = json!({"identity": ada.identity().await});
        let offers = ada.posts_json("members/api/member/offers/", &body).await.json();
        assert_eq!(offers["offers"][0]["id"], stay.to_string());
        let page = ada.get("members/account/plan/cancel/").await;
        assert!(page.body.contains("50 % off for 2 months"), "{}", page.body);
        let offer = stay.to_string();
        let answer = ada.posts("members/account/plan/cancel/", &[("subscription", &id), ("offer", &offer)]).await;
        assert!(answer.location().contains("done=offer"), "{}", answer.location());
        let subscription = shop.subscription(&ada).await;
        assert_eq!((&subscription["cancel_at_period_end"], &subscription["next_payment"]["amount"]), (&json!(false), &json!(250)));
        // Once.
        let body = json!({"identity": ada.identity().await, "offer_id": offer});
        let again = ada.posts_json(&format!("members/api/subscriptions/{id}/apply-offer/"), &body).await;
        assert_eq!((again.status.as_u16(), again.body.as_str()), (400, "Subscription already has an offer applied"));
        shop.settles().await;
        shop.after_days(32).await;
        assert_eq!(shop.stripe.all("charge").last().unwrap()["amount"], 250);
    }
}

paying! {
    async fn time_brings_mails(shop: Shop) {
        let ada = shop.member("ada@reader.test").await;
        shop.buys(&ada, &[("tier", "patron"), ("cadence", "month")], GOOD).await;
        shop.settles().await;
        shop.after_days(12).await;
        shop.app().billing.clone().unwrap().make_round(true).await.unwrap();
        shop.outbox_settles().await;
        assert_eq!(shop.mails_about("ada@reader.test", "Your trial of Patron ends on"), 1);
        shop.after_days(3).await;
        assert_eq!(shop.subscription(&ada).await["status"], "active");
        assert_eq!(shop.stripe.all("charge")[0]["amount"], 1_200);
        // The card of the stand-in is good to the end of the third year.
        shop.after_days(1_080).await;
        shop.app().billing.clone().unwrap().make_round(true).await.unwrap();
        shop.after_days(30).await;
        shop.app().billing.clone().unwrap().make_round(true).await.unwrap();
        shop.outbox_settles().await;
        assert_eq!(shop.mails_about("ada@reader.test", "Your card at REX Wire expires soon"), 1);
        assert_eq!(shop.mails_about("ada@reader.test", "Your trial of Patron ends on"), 1);
    }
}

paying! {
    async fn free_of_charge_until_a_day(shop: Shop) {
        let ada = shop.member("ada@reader.test").await;
        let (policy, gold, now) = (shop.app().policy.clone(), shop.gold, shop.clock.now());
        let until = now.plus(std::time::Duration::from_secs(10 * 86_400));
        shop.app()
            .db
            .write(move |conn| {
                let email = readership::members::address::EmailAddress::parse("ada@reader.test").unwrap();
                let member = readership::members::find_by_email(conn, &email)?.unwrap();
                readership::billing::comps::give(conn, &policy, member, gold, Some(until), None, now)
            })
            .await
            .unwrap();
        let record = ada.record().await.unwrap();
        assert_eq!((&record["status"], &record["paid"]), (&json!("comped"), &json!(true)));
        assert_eq!((&record["subscriptions"][0]["id"], &record["subscriptions"][0]["price"]["amount"]), (&json!(""), &json!(0)));
        assert_eq!(shop.access(&ada, "gold").await, 204);
        assert!(ada.get("members/account/plan/").await.body.contains("You read Gold free of charge until"));
        shop.after_days(11).await;
        assert_eq!(shop.access(&ada, "gold").await, 403);
        assert_eq!(ada.record().await.unwrap()["status"], "free");
    }
}

paying! {
    async fn the_portal_and_the_answers_of_the_api(shop: Shop) {
        let ada = shop.payer("ada@reader.test", GOOD).await;
        let identity = ada.identity().await;
        let body = json!({"identity": identity, "returnUrl": "http://site.test/?stripe=billing-portal-closed"});
        let portal = ada.posts_json("members/api/create-stripe-billing-portal-session/", &body).await;
        assert!(portal.json()["url"].as_str().unwrap().contains("/p/session/"), "{}", portal.body);
        let body = json!({"identity": identity});
        let update = ada.posts_json("members/api/create-stripe-update-session/", &body).await.json();
        assert_eq!(update["publicKey"], "pk_test_story");
        assert!(update["sessionId"].as_str().unwrap().starts_with("cs_") && update["url"].is_string());
        let body = json!({"identity": identity, "subscription_id": "sub_other"});
        let answer = ada.posts_json("members/api/create-stripe-update-session/", &body).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (404, "Could not find subscription sub_other"));
        let answer = ada.posts("members/account/plan/portal/", &[]).await;
        assert!(answer.location().contains("/p/session/"), "{}", answer.location());
    }
}
