//! Amounts in currencies of every kind (P17), and what is sold while nothing is.

use readership::billing::tiers::{self, Wishes};
use serde_json::json;

use crate::support::shop::GOOD;
use crate::{paying, story};

paying! {
    async fn p17_currencies_without_and_with_three_decimals(shop: Shop) {
        let now = shop.clock.now();
        for (name, currency, month, shown) in [("Yen", "jpy", 500, "¥500"), ("Dinar", "kwd", 1_500, "KWD\u{a0}1.500")] {
            let wishes = Wishes {
                name: Some(name.to_owned()),
                currency: Some(currency.to_owned()),
                monthly_minor: Some(month),
                ..Wishes::default()
            };
            shop.app().db.write(move |conn| Ok(tiers::add(conn, &wishes, now).unwrap())).await.unwrap();
            let address = format!("{currency}@reader.test");
            let reader = shop.member(&address).await;
            let slug = name.to_lowercase();
            shop.buys(&reader, &[("tier", &slug), ("cadence", "month")], GOOD).await;
            let charge = shop.stripe.all("charge").pop().unwrap();
            assert_eq!((&charge["amount"], &charge["currency"]), (&json!(month), &json!(currency)));
            assert!(reader.get("members/account/plan/").await.body.contains(shown), "{currency}");
            shop.settles().await;
            assert_eq!(shop.mails_about(&address, &format!("Your payment of {shown}")), 1, "{:?}", shop.subjects(&address));
        }
    }
}

paying! {
    async fn a_price_that_changes_is_another_price(shop: Shop) {
        let ada = shop.payer("ada@reader.test", GOOD).await;
        let (gold, now) = (shop.gold, shop.clock.now());
        shop.app()
            .db
            .write(move |conn| {
                let wishes = Wishes { monthly_minor: Some(700), ..Wishes::default() };
                tiers::edit(conn, gold, &wishes, now).unwrap();
                Ok(())
            })
            .await
            .unwrap();
        let bob = shop.payer("bob@reader.test", GOOD).await;
        assert_eq!(shop.subscription(&ada).await["price"]["amount"], 500);
        assert_eq!(shop.subscription(&bob).await["price"]["amount"], 700);
        let billing = shop.app().billing.clone().unwrap();
        assert_eq!(billing.archive_old_prices().await.unwrap(), 1);
        assert_eq!(billing.archive_old_prices().await.unwrap(), 0);
        let prices = shop.stripe.all("price");
        assert_eq!(prices.len(), 2);
        assert_eq!((&prices[0]["active"], &prices[1]["active"]), (&json!(false), &json!(true)));
        // Whoever pays the old price goes on paying it.
        shop.settles().await;
        shop.after_days(32).await;
        assert_eq!(shop.subscription(&ada).await["status"], "active");
    }
}

paying! {
    /// P15, P18: neither a card number nor a key stands in the database.
    async fn p15_nothing_secret_is_kept(shop: Shop) {
        shop.payer("ada@reader.test", GOOD).await;
        shop.settles().await;
        shop.app().billing.clone().unwrap().register_webhook().await.unwrap();
        shop.checkpoint().await;
        let dump = shop.dump().await;
        let contains = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
        assert!(!contains(GOOD.as_bytes()) && !contains(b"sk_test_story") && !contains(b"whsec_"));
        assert!(contains(b"cus_sandbox"), "the dump shows what is there");
    }
}

story! {
    async fn without_stripe_nothing_is_sold_and_everything_else_works(world: World) {
        let ada = world.member("ada@reader.test").await;
        for path in ["members/checkout/", "members/billing/", "members/account/plan/", "members/checkout/return/?session_id=cs_x"] {
            let answer = ada.get(path).await;
            assert_eq!(answer.status, 404, "{path}");
            assert!(answer.body.contains("Nothing is sold here"), "{path}: {}", answer.body);
        }
        assert_eq!(ada.posts("members/checkout/", &[]).await.status, 404);
        assert!(!ada.get("members/account/").await.body.contains("account/plan"));
        assert_eq!(ada.posts("members/webhooks/stripe/", &[]).await.status, 404);
        assert_eq!(ada.get("members/api/access/?tier=free").await.status, 204);
        assert_eq!(ada.get("members/api/access/").await.status, 403);
        assert_eq!(world.visitor().get("members/api/access/").await.status, 401);
    }
}

paying! {
    /// V3, V4: whoever pays takes that out too; leaving takes an end of the plan, and nothing names them then.
    async fn v4_a_payer_leaves(shop: Shop) {
        let ada = shop.payer("ada@reader.test", GOOD).await;
        shop.settles().await;
        let data = ada.get("members/account/data/readership.json").await.json();
        assert_eq!(data["billing"]["payments"][0]["amount_minor"], 500);
        assert_eq!(data["billing"]["subscriptions"][0]["tier"], "Gold");
        let page = ada.get("members/account/delete/").await;
        assert!(page.body.contains("You still have a paid plan"), "{}", page.body);
        ada.posts("members/account/delete/", &[]).await;
        assert_eq!(shop.count("members", "erase_at IS NOT NULL").await, 0);
        let id = shop.subscription(&ada).await["id"].as_str().unwrap().to_owned();
        ada.posts("members/account/plan/cancel/", &[("subscription", &id), ("reason", "A very special reason")]).await;
        ada.posts("members/account/delete/", &[]).await;
        assert_eq!(shop.count("members", "erase_at IS NOT NULL").await, 1);
        shop.settles().await;
        shop.stripe.advance(std::time::Duration::from_secs(8 * 86_400));
        shop.tidies().await;
        assert_eq!(shop.count("members", "1 = 1").await, 0);
        // What was paid stays, and names nobody; news of it change that not.
        assert_eq!(shop.count("payments", "amount_minor = 500").await, 1);
        shop.stripe.call("POST", &format!("/v1/subscriptions/{id}"), "metadata[x]=y");
        let billing = shop.app().billing.clone().unwrap();
        billing.sync(shop.stripe.all("customer")[0]["id"].as_str().unwrap()).await.unwrap();
        assert_eq!(shop.count("stripe_customers", "member_id IS NULL AND email_key = '' AND card_last4 IS NULL").await, 1);
        assert_eq!(shop.count("paid_subscriptions", "card_last4 IS NULL AND cancellation_reason IS NULL").await, 1);
    }
}
