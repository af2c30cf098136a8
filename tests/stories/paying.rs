//! Buying a plan: whoever pays reads, whoever did not prove an address gets a mail and no session.

use serde_json::json;

use crate::paying;
use crate::support::shop::{GOOD, Shop, session_of};
use crate::support::world::SITE;

paying! {
    async fn a_member_buys_a_month(shop: Shop) {
        let ada = shop.member("ada@reader.test").await;
        assert_eq!(shop.access(&ada, "gold").await, 403);
        let answer = shop.buys(&ada, &[("tier", "gold"), ("cadence", "month"), ("return_to", "/news/")], GOOD).await;
        answer.lands_on("members-signup-ok");
        assert!(answer.location().starts_with("http://site.test/news/?action=signup&success=true"));
        // P5: no webhook was needed.
        let record = ada.record().await.unwrap();
        assert_eq!((&record["status"], &record["paid"]), (&json!("paid"), &json!(true)));
        let subscription = &record["subscriptions"][0];
        assert_eq!(subscription["status"], "active");
        assert_eq!(subscription["price"]["amount"], 500);
        assert_eq!(subscription["price"]["currency"], "USD");
        assert_eq!(subscription["default_payment_card_last4"], "4242");
        assert_eq!(subscription["tier"]["id"], shop.gold.to_string());
        assert_eq!(subscription["next_payment"]["amount"], 500);
        assert_eq!(shop.access(&ada, "gold").await, 204);
        assert_eq!(shop.access(&ada, "patron").await, 403);
        assert_eq!(shop.access(&ada, "").await, 204);
        shop.settles().await;
        assert_eq!(shop.mails_about("ada@reader.test", "Welcome to Gold"), 1);
        assert_eq!(shop.mails_about("ada@reader.test", "Your payment of $5.00"), 1);
    }
}

paying! {
    async fn a_year_costs_what_a_year_costs(shop: Shop) {
        let ada = shop.member("ada@reader.test").await;
        shop.buys(&ada, &[("tier", "gold"), ("cadence", "year")], GOOD).await;
        let subscription = shop.subscription(&ada).await;
        assert_eq!((&subscription["price"]["amount"], &subscription["price"]["interval"]), (&json!(5_000), &json!("year")));
        let charges = shop.stripe.all("charge");
        assert_eq!((charges.len(), &charges[0]["amount"]), (1, &json!(5_000)));
    }
}

paying! {
    async fn a_visitor_pays_and_proves_the_address_afterwards(shop: Shop) {
        let visitor = shop.visitor();
        let form = [("tier", "gold"), ("cadence", "month"), ("email", "new@reader.test")];
        let session = shop.goes_to_stripe(&visitor, "members/checkout/", &form).await;
        shop.stripe.pays(&session, "", GOOD).unwrap();
        let back = shop.comes_back(&visitor, &session).await;
        // "Success! Check your email for magic link to sign-in."
        assert!(back.location().contains("stripe=success") && back.location().ends_with("#members-pending"), "{}", back.location());
        // P14: no session that nobody proved.
        assert!(visitor.record().await.is_none());
        let link = shop.newest_link("new@reader.test").await;
        visitor.confirms(&link).await;
        assert_eq!(visitor.record().await.unwrap()["status"], "paid");
        assert_eq!(shop.access(&visitor, "gold").await, 204);
        shop.settles().await;
        assert_eq!(shop.mails_about("new@reader.test", "Confirm your sign-up"), 1);
        assert_eq!(shop.mails_about("new@reader.test", "Welcome to Gold"), 1);
        assert_eq!(shop.mails_about("new@reader.test", "Your payment of"), 1);
    }
}

paying! {
    /// P14: somebody else's address is of no use to whoever types it.
    async fn an_address_with_an_account_gets_a_mail_and_nothing_else(shop: Shop) {
        let victim = shop.member("victim@reader.test").await;
        let stranger = shop.visitor();
        let body = json!({
            "tierId": shop.gold.to_string(), "cadence": "month", "customerEmail": "victim@reader.test",
            "successUrl": SITE, "cancelUrl": SITE,
        });
        let answer = stranger.posts_json("members/api/create-stripe-checkout-session/", &body).await;
        assert_eq!(answer.status, 403, "{}", answer.body);
        assert_eq!(answer.json()["errors"][0]["code"], "CANNOT_CHECKOUT_WITH_EXISTING_SUBSCRIPTION");
        let form = [("tier", "gold"), ("cadence", "month"), ("email", "victim@reader.test")];
        let answer = stranger.posts("members/checkout/", &form).await;
        assert!(answer.location().ends_with("#members-pending"), "{}", answer.location());
        assert!(stranger.record().await.is_none());
        assert_eq!(shop.stripe.all("checkout.session").len(), 0);
        assert_eq!(victim.record().await.unwrap()["status"], "free");
        shop.outbox_settles().await;
        assert!(shop.mails_about("victim@reader.test", "Sign in to") >= 1);
    }
}

paying! {
    /// Paid once, not proved yet: the same address does not pay again by accident.
    async fn an_unproved_payer_does_not_pay_twice(shop: Shop) {
        let visitor = shop.visitor();
        let form = [("tier", "gold"), ("cadence", "month"), ("email", "new@reader.test")];
        shop.buys(&visitor, &form, GOOD).await;
        let again = shop.visitor().posts("members/checkout/", &form).await;
        assert!(again.location().ends_with("#members-pending"), "{}", again.location());
        assert_eq!(shop.stripe.all("checkout.session").len(), 1);
    }
}

paying! {
    async fn webhook_before_return_return_before_webhook_browser_never(shop: Shop) {
        // The webhook alone: the browser never comes back.
        let ada = shop.member("ada@reader.test").await;
        let session = shop.goes_to_stripe(&ada, "members/checkout/", &[("tier", "gold"), ("cadence", "month")]).await;
        shop.stripe.pays(&session, "", GOOD).unwrap();
        shop.settles().await;
        assert_eq!(ada.record().await.unwrap()["status"], "paid");
        // The browser after the webhook, twice: nothing happens twice.
        shop.comes_back(&ada, &session).await;
        shop.comes_back(&ada, &session).await.lands_on_own("members-signup-ok");
        // The browser before any webhook.
        shop.stripe.orders.give(|wishes| wishes.hold_events = true);
        let bob = shop.payer("bob@reader.test", GOOD).await;
        assert_eq!(bob.record().await.unwrap()["status"], "paid");
        shop.stripe.orders.give(|wishes| wishes.hold_events = false);
        shop.settles().await;
        for address in ["ada@reader.test", "bob@reader.test"] {
            assert_eq!(shop.mails_about(address, "Welcome to Gold"), 1);
            assert_eq!(shop.mails_about(address, "Your payment of"), 1);
        }
        assert_eq!(shop.count("payments", "1 = 1").await, 2);
    }
}

paying! {
    async fn forged_returns_prove_nothing(shop: Shop) {
        let ada = shop.member("ada@reader.test").await;
        let session = shop.goes_to_stripe(&ada, "members/checkout/", &[("tier", "gold"), ("cadence", "month")]).await;
        // Not paid: the session is ours and open.
        let back = shop.comes_back(&ada, &session).await;
        back.lands_on_own("members-failed");
        for forged in ["cs_test_forged", "", "../../etc/passwd", "cs_test_forged?success=true&stripe=success"] {
            let answer = ada.get(&format!("members/checkout/return/?session_id={forged}")).await;
            assert_eq!(answer.status, 404, "{forged}");
        }
        assert_eq!(ada.get("members/checkout/return/").await.status, 404);
        assert_eq!(ada.record().await.unwrap()["status"], "free");
    }
}

paying! {
    /// P7: twenty clicks, one open session; and none for whoever pays already.
    async fn a_double_click_opens_one_session(shop: Shop) {
        let ada = shop.member("ada@reader.test").await;
        let identity = ada.identity().await;
        let body = json!({"identity": identity, "tierId": shop.gold.to_string(), "cadence": "month"});
        let clicks = (0..20).map(|_| ada.posts_json("members/api/create-stripe-checkout-session/", &body));
        let answers = futures_util::future::join_all(clicks).await;
        let urls: std::collections::BTreeSet<String> =
            answers.iter().map(|answer| answer.json()["url"].as_str().expect(&answer.body).to_owned()).collect();
        assert_eq!(urls.len(), 1, "{urls:?}");
        let open = |shop: &Shop| shop.stripe.all("checkout.session").iter().filter(|one| one["status"] == "open").count();
        assert_eq!((shop.stripe.all("checkout.session").len(), shop.stripe.all("customer").len()), (1, 1));
        // Another wish ends the first one.
        let other = json!({"identity": identity, "tierId": shop.patron.to_string(), "cadence": "year"});
        let answer = ada.posts_json("members/api/create-stripe-checkout-session/", &other).await;
        assert_eq!((answer.status.as_u16(), open(&shop)), (200, 1));
        let session = session_of(answer.json()["url"].as_str().unwrap());
        shop.stripe.pays(&session, "", GOOD).unwrap();
        shop.comes_back(&ada, &session).await;
        let answer = ada.posts_json("members/api/create-stripe-checkout-session/", &body).await;
        assert_eq!(answer.status, 403, "{}", answer.body);
        assert_eq!(answer.json()["errors"][0]["message"], "A subscription exists for this Member.");
        assert_eq!(open(&shop), 0);
    }
}

paying! {
    /// P13: whatever a browser says about money plays no part.
    async fn prices_trials_and_coupons_are_decided_here(shop: Shop) {
        let ada = shop.member("ada@reader.test").await;
        let body = json!({
            "identity": ada.identity().await, "tierId": shop.gold.to_string(), "cadence": "month",
            "amount": 1, "price": "price_free", "priceId": "price_free", "trial_days": 365, "trialDays": 365,
            "coupon": "free", "discounts": [{"coupon": "free"}],
            "successUrl": "https://evil.example/", "cancelUrl": "//evil.example",
            "metadata": {"ghost_donation": "true", "readership_site": "x", "tier_id": "x", "readership_offer": "x"},
        });
        let answer = ada.posts_json("members/api/create-stripe-checkout-session/", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let call = shop.stripe.calls().into_iter().rfind(|call| call.path == "/v1/checkout/sessions").unwrap();
        assert!(call.params["subscription_data"].get("trial_period_days").is_none(), "{}", call.params);
        let said = call.params.to_string();
        for word in ["evil", "price_free", "\"free\"", "ghost", "\"x\""] {
            assert!(!said.contains(word), "{word} in {said}");
        }
        assert_eq!(call.params["cancel_url"], "http://site.test/?stripe=cancel");
        for (tier, cadence, status) in [("x", "month", 400), (&*shop.gold.to_string(), "week", 400)] {
            let body = json!({"identity": ada.identity().await, "tierId": tier, "cadence": cadence});
            let answer = ada.posts_json("members/api/create-stripe-checkout-session/", &body).await;
            assert_eq!(answer.status, status, "{}", answer.body);
        }
        let (patron, now) = (shop.patron, shop.clock.now());
        shop.app()
            .db
            .write(move |conn| {
                readership::billing::tiers::set_active(conn, patron, false, now).unwrap();
                Ok(())
            })
            .await
            .unwrap();
        let body = json!({"identity": ada.identity().await, "tierId": patron.to_string(), "cadence": "month"});
        let answer = ada.posts_json("members/api/create-stripe-checkout-session/", &body).await;
        assert_eq!((answer.status.as_u16(), answer.json()["errors"][0]["message"].clone()), (403, json!("This tier is archived.")));
    }
}

paying! {
    async fn an_offer_takes_off_what_it_says(shop: Shop) {
        let spring = shop.offers("spring", 20, "signup", "repeating", Some(3)).await;
        let ada = shop.member("ada@reader.test").await;
        shop.buys(&ada, &[("offer", "spring")], GOOD).await.lands_on_own("members-signup-ok");
        let subscription = shop.subscription(&ada).await;
        assert_eq!(subscription["offer"]["id"], spring.to_string());
        assert_eq!(subscription["next_payment"]["amount"], 400);
        assert_eq!(subscription["next_payment"]["discount"]["amount"], 20);
        assert_eq!(shop.stripe.all("charge")[0]["amount"], 400);
        assert_eq!(shop.count("offer_redemptions", "1 = 1").await, 1);
        // Over: taken up so often as it may be.
        let now = shop.clock.now();
        shop.app()
            .db
            .write(move |conn| readership::billing::offers::set_active(conn, spring, false, now))
            .await
            .unwrap();
        let bob = shop.member("bob@reader.test").await;
        let answer = bob.posts("members/checkout/", &[("offer", "spring")]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains("This offer is over"), "{}", answer.body);
        let body = json!({"identity": bob.identity().await, "offerId": spring.to_string()});
        let answer = bob.posts_json("members/api/create-stripe-checkout-session/", &body).await;
        assert_eq!(answer.json()["errors"][0]["message"], "This offer is archived.");
    }
}

paying! {
    async fn one_trial_a_person(shop: Shop) {
        let ada = shop.member("ada@reader.test").await;
        let plan = [("tier", "patron"), ("cadence", "month")];
        shop.buys(&ada, &plan, GOOD).await;
        let subscription = shop.subscription(&ada).await;
        assert_eq!(subscription["status"], "trialing");
        assert_eq!(shop.access(&ada, "patron").await, 204);
        assert_eq!(shop.stripe.all("charge").len(), 0);
        // Ended, and tried again with the same address: no trial any more.
        let id = subscription["id"].as_str().unwrap().to_owned();
        shop.stripe.call("DELETE", &format!("/v1/subscriptions/{id}"), "");
        shop.settles().await;
        assert_eq!(shop.access(&ada, "patron").await, 403);
        shop.buys(&ada, &plan, GOOD).await;
        assert_eq!(shop.subscription(&ada).await["status"], "active");
        assert_eq!(shop.stripe.all("charge").len(), 1);
        // Another address with the same card: the trial ends before it has begun, and nothing is charged.
        let bob = shop.member("bob@reader.test").await;
        shop.buys(&bob, &plan, GOOD).await;
        assert_eq!(shop.subscription(&bob).await["status"], "canceled");
        assert_eq!(shop.access(&bob, "patron").await, 403);
        assert_eq!(shop.stripe.all("charge").len(), 1);
        shop.settles().await;
        assert_eq!(shop.mails_about("bob@reader.test", "has not begun"), 1);
        assert_eq!(shop.mails_about("bob@reader.test", "Patron has ended"), 0);
    }
}

paying! {
    async fn a_card_that_is_declined_buys_nothing(shop: Shop) {
        let ada = shop.member("ada@reader.test").await;
        let session = shop.goes_to_stripe(&ada, "members/checkout/", &[("tier", "gold"), ("cadence", "month")]).await;
        assert_eq!(shop.stripe.pays(&session, "", "4000000000000002").unwrap_err(), "Your card was declined.");
        assert!(shop.stripe.pays(&session, "", "1").is_err());
        assert_eq!(ada.record().await.unwrap()["status"], "free");
        shop.stripe.pays(&session, "", GOOD).unwrap();
        shop.comes_back(&ada, &session).await.lands_on_own("members-signup-ok");
    }
}

paying! {
    async fn support_with_an_amount_of_ones_own(shop: Shop, with |settings| {
        settings.donations = Some("usd:500".parse().unwrap());
    }) {
        let visitor = shop.visitor();
        let body = json!({"type": "donation", "personalNote": "For <b>the</b> ferry", "successUrl": "http://site.test/thanks/"});
        let answer = visitor.posts_json("members/api/create-stripe-checkout-session/", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let session = session_of(answer.json()["url"].as_str().unwrap());
        shop.stripe.pays_amount(&session, "giver@reader.test", GOOD, Some(1_234)).unwrap();
        assert_eq!(shop.comes_back(&visitor, &session).await.location(), "http://site.test/thanks/");
        shop.settles().await;
        assert_eq!(shop.count("payments", "kind = 'donation' AND amount_minor = 1234").await, 1);
        // Nobody becomes a member by giving.
        assert_eq!(shop.count("members", "1 = 1").await, 0);
        assert_eq!(shop.mailbox.count(), 0);
    }
}

paying! {
    async fn the_pages_of_a_plan_in_every_language(shop: Shop) {
        let visitor = shop.visitor();
        for (language, price) in [("en", "$5.00 a month"), ("de", "5,00\u{a0}$ im Monat"), ("fr", "5,00\u{a0}$ par mois")] {
            let page = visitor.get(&format!("members/checkout/?lang={language}")).await;
            assert!(page.body.contains(price), "{language}: {}", page.body);
        }
        let answer = visitor.posts("members/checkout/", &[("tier", "gold"), ("cadence", "month"), ("email", "x")]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains("email-error") && answer.body.contains("value=\"x\""), "{}", answer.body);
        let answer = visitor.posts("members/checkout/", &[("email", "a@reader.test")]).await;
        assert!(answer.body.contains("Please choose a plan"), "{}", answer.body);
        assert_eq!(visitor.posts_from("https://evil.example", "members/checkout/", &[]).await.status, 403);
    }
}

paying! {
    /// A tier's own page greets its new members; its mails are in the language they read.
    async fn a_welcome_page_and_mails_in_german(shop: Shop) {
        let (gold, now) = (shop.gold, shop.clock.now());
        shop.app()
            .db
            .write(move |conn| {
                let wishes =
                    readership::billing::tiers::Wishes { welcome_page_url: Some("/welcome-gold/".to_owned()), ..Default::default() };
                readership::billing::tiers::edit(conn, gold, &wishes, now).unwrap();
                Ok(())
            })
            .await
            .unwrap();
        let ada = shop.member("ada@reader.test").await;
        ada.posts("members/account/language/", &[("language", "de")]).await;
        let back = shop.buys(&ada, &[("tier", "gold"), ("cadence", "year")], GOOD).await;
        assert_eq!(back.location(), "http://site.test/welcome-gold/?action=signup&success=true#members-signup-ok");
        shop.settles().await;
        assert_eq!(shop.mails_about("ada@reader.test", "Willkommen bei Gold"), 1);
        assert_eq!(shop.mails_about("ada@reader.test", "Ihre Zahlung von 50,00\u{a0}$ an REX Wire"), 1, "{:?}", shop.subjects("ada@reader.test"));
        let id = shop.subscription(&ada).await["id"].as_str().unwrap().to_owned();
        ada.posts("members/account/plan/cancel/", &[("subscription", &id)]).await;
        shop.settles().await;
        let (year, ..) = now.calendar_parts();
        let mail = shop.mailbox.to("ada@reader.test").into_iter().rfind(|mail| mail.subject().contains("endet am")).unwrap();
        assert!(mail.text().contains(&format!("{}", year + 1)), "{}", mail.text());
    }
}

paying! {
    /// Offers of every kind: an amount off for ever, days of trial, and their ends by day and by number.
    async fn offers_of_every_kind(shop: Shop) {
        use readership::billing::offers::{self, NewOffer};
        use readership::billing::prices::Cadence;
        let (gold, now) = (shop.gold, shop.clock.now());
        let new = |code: &str, kind: &str, amount: i64, duration: &str| NewOffer {
            name: code.to_owned(),
            code: code.to_owned(),
            title: None,
            description: None,
            kind: kind.to_owned(),
            redemption: "signup".to_owned(),
            tier: Some(gold),
            cadence: Cadence::Month,
            amount,
            currency: Some("usd".to_owned()),
            duration: duration.to_owned(),
            months: None,
            expires_at: None,
            most_redemptions: None,
        };
        let day = std::time::Duration::from_secs(86_400);
        let wanted = [
            new("two-off", "fixed", 200, "forever"),
            new("a-month", "trial", 30, "trial"),
            NewOffer { expires_at: Some(now.plus(day)), ..new("a-day", "percent", 10, "once") },
            NewOffer { most_redemptions: Some(1), ..new("one-only", "percent", 100, "once") },
        ];
        shop.app()
            .db
            .write(move |conn| {
                for new in &wanted {
                    offers::add(conn, new, now).unwrap();
                }
                Ok(())
            })
            .await
            .unwrap();
        let buys = async |address: &str, code: &str| {
            let person = shop.member(address).await;
            shop.buys(&person, &[("offer", code)], GOOD).await;
            shop.subscription(&person).await
        };
        let two_off = buys("two@reader.test", "two-off").await;
        assert_eq!((&two_off["next_payment"]["amount"], &two_off["next_payment"]["discount"]["type"]), (&json!(300), &json!("fixed")));
        let trial = buys("month@reader.test", "a-month").await;
        assert_eq!((&trial["status"], &trial["offer"]["type"]), (&json!("trialing"), &json!("trial")));
        let free = buys("one@reader.test", "one-only").await;
        assert_eq!((&free["status"], &free["next_payment"]["amount"]), (&json!("active"), &json!(500)));
        assert_eq!(shop.stripe.all("charge").len(), 1);
        let late = shop.member("late@reader.test").await;
        assert!(late.posts("members/checkout/", &[("offer", "one-only")]).await.body.contains("This offer is over"));
        assert_eq!(late.posts("members/checkout/", &[("offer", "a-day")]).await.status, 303);
        shop.stripe.advance(2 * day);
        assert!(late.posts("members/checkout/", &[("offer", "a-day")]).await.body.contains("This offer is over"));
        // An offer's own address leads to where the widget shows it.
        let offer = shop.look(|conn| offers::find_named(conn, "two-off")).await.unwrap().id;
        let answer = late.get("two-off?utm=x").await;
        assert_eq!((answer.status.as_u16(), answer.location()), (302, &*format!("http://site.test/?utm=x#/portal/offers/{offer}")));
        assert_eq!(late.get("no-such-code").await.status, 404);
    }
}
