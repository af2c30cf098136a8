//! Payments.

use serde_json::json;

use crate::paying;
use crate::support::shop::GOOD;

paying! {
    /// Ghost (no store of events): a payment that Stripe told twice stood there twice, and its mail came twice.
    async fn a_payment_that_is_told_twice_is_one(shop: Shop) {
        shop.stripe.orders.give(|wishes| wishes.doubled_events = 100);
        shop.payer("ada@reader.test", GOOD).await;
        shop.settles().await;
        let (payments, mails) = (shop.count("payments", "1 = 1").await, shop.mailbox.to("ada@reader.test").len());
        assert_eq!(payments, 1);
        // All of it once more, from the first to the last.
        let secret = crate::support::shop::SECRET;
        for event in shop.stripe.all("event") {
            let body = event.to_string();
            let at = shop.clock.now().seconds();
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
            let tag = aws_lc_rs::hmac::sign(&key, format!("{at}.{body}").as_bytes());
            let signature = format!("t={at},v1={}", data_encoding::HEXLOWER.encode(tag.as_ref()));
            let headers = [("content-type", "application/json"), ("stripe-signature", signature.as_str())];
            let answer = shop.visitor().request(reqwest::Method::POST, "members/webhooks/stripe/", &headers, Some(body)).await;
            assert_eq!(answer.status, 200);
        }
        shop.settles().await;
        assert_eq!(shop.count("payments", "1 = 1").await, payments);
        assert_eq!(shop.mailbox.to("ada@reader.test").len(), mails);
    }
}

paying! {
    /// Shops of all kinds: the price, the length of a trial or the word "paid" came from the browser.
    async fn a_browser_sets_no_price(shop: Shop) {
        let ada = shop.member("ada@reader.test").await;
        let body = json!({"identity": ada.identity().await, "tierId": shop.gold.to_string(), "cadence": "month",
            "amount": 1, "unit_amount": 1, "currency": "jpy", "trial_period_days": 999, "status": "paid"});
        let answer = ada.posts_json("members/api/create-stripe-checkout-session/", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let price = shop.stripe.all("price").pop().unwrap();
        assert_eq!((price["unit_amount"].as_i64(), price["currency"].as_str()), (Some(500), Some("usd")));
        for said in ["?stripe=success", "members/checkout/return/?session_id=cs_test_1&status=paid", "members/account/plan/?paid=true"] {
            ada.get(said).await;
        }
        assert_eq!(ada.record().await.unwrap()["status"], "free");
    }
}
