//! Budgets: exact, shared, and silent about addresses.

use std::time::Duration;

use futures_util::future::join_all;
use readership::members::{self, NewMember, address::EmailAddress};
use serde_json::json;

use crate::story;

story! {
    async fn a_client_is_told_when_it_asks_too_often(world: World, with |settings| settings.limits.client_per_minute = 5) {
        let ada = world.visitor();
        for number in 0..5 {
            assert_eq!(ada.asks_by_api(json!({"email": format!("a{number}@example.org")})).await.status, 201);
        }
        let refused = ada.asks_by_api(json!({"email": "more@example.org"})).await;
        assert_eq!(refused.status, 429);
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait));
        assert_eq!(refused.json()["errors"][0]["type"], "TooManyRequestsError");
        assert_eq!(refused.json()["errors"][0]["message"], "Too many different sign-in attempts, try again in 1 minutes");
        // The form says nothing, and sends nothing.
        ada.asks("subscribe", "more@example.org").await.lands_on("members-pending");
        world.outbox_settles().await;
        assert_eq!(world.mailbox.count(), 5);
        world.restart().await;
        assert_eq!(ada.asks_by_api(json!({"email": "more@example.org"})).await.status, 429, "a restart forgets nothing");
        world.clock.advance(Duration::from_secs(61));
        assert_eq!(ada.asks_by_api(json!({"email": "more@example.org"})).await.status, 201);
    }
}

story! {
    async fn forwarding_headers_of_strangers_count_for_nothing(world: World, with |settings| settings.limits.client_per_minute = 3) {
        let ada = world.visitor();
        let mut statuses = Vec::new();
        for number in 0..6 {
            let token = ada.integrity_token().await;
            let address = format!("198.51.100.{number}");
            let headers = [
                ("content-type", "application/json"), ("x-forwarded-for", address.as_str()), ("forwarded", "for=198.51.100.7"),
                ("cf-connecting-ip", address.as_str()), ("x-real-ip", address.as_str()),
            ];
            let body = json!({"email": format!("a{number}@example.org"), "integrityToken": token});
            statuses.push(ada.request(reqwest::Method::POST, "members/api/send-magic-link/", &headers, Some(body.to_string())).await.status.as_u16());
        }
        assert_eq!(statuses, [201, 201, 201, 429, 429, 429]);
    }
}

story! {
    async fn behind_a_trusted_proxy_the_clients_are_told_apart(world: World, with |settings| {
        settings.limits.client_per_minute = 1;
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    }) {
        let ask = async |client: &str, email: &str| {
            let form = format!("email={email}");
            let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-forwarded-for", client)];
            world.visitor().request(reqwest::Method::POST, "members/subscribe/", &headers, Some(form)).await
        };
        ask("198.51.100.1", "a@example.org").await.lands_on("members-pending");
        ask("198.51.100.1", "b@example.org").await.lands_on("members-pending");
        ask("6.6.6.6, 198.51.100.1", "c@example.org").await.lands_on("members-pending");
        ask("2001:db8::1", "d@example.org").await.lands_on("members-pending");
        ask("2001:db8::2", "e@example.org").await.lands_on("members-pending");
        world.outbox_settles().await;
        let mut reached: Vec<String> = world.mailbox.all().iter().map(|mail| mail.to[0].clone()).collect();
        reached.sort();
        assert_eq!(reached, ["a@example.org", "d@example.org"]);
    }
}

story! {
    async fn nobody_is_flooded_with_mail(world: World, with |settings| {
        settings.limits.address_gap_s = 60;
        settings.limits.address_per_15m = 3;
        settings.limits.address_per_hour = 5;
        settings.limits.address_per_day = 10;
    }) {
        let variants = ["victim@gmail.com", "VICTIM@gmail.com", "v.ictim@gmail.com", "victim+a@gmail.com", "v.i.c.t.i.m+b@googlemail.com"];
        // An hour, a request every ten seconds.
        for number in 0..360 {
            let answer = world.visitor().asks("subscribe", variants[number % variants.len()]).await;
            answer.lands_on("members-pending");
            world.clock.advance(Duration::from_secs(10));
        }
        assert_eq!(world.count("outbox", "1 = 1").await, 5);
        for _ in 0..48 {
            world.visitor().asks("subscribe", "victim@gmail.com").await.lands_on("members-pending");
            world.clock.advance(Duration::from_secs(1_700));
        }
        let day = world.count("outbox", "1 = 1").await;
        assert!((10..=11).contains(&day), "{day} in a day and an hour");
    }
}

story! {
    async fn of_many_at_once_exactly_the_budget_passes(world: World, with |settings| settings.limits.client_per_minute = 7) {
        let answers = join_all((0..60).map(async |number: usize| {
            let person = world.visitor();
            person.asks_by_api(json!({"email": format!("a{number}@example.org")})).await.status.as_u16()
        })).await;
        assert_eq!(answers.iter().filter(|status| **status == 201).count(), 7);
        assert_eq!(answers.iter().filter(|status| **status == 429).count(), 53);
        assert_eq!(world.count("magic_links", "1 = 1").await, 7);
    }
}

story! {
    async fn the_site_has_a_budget_for_strangers(world: World, with |settings| settings.limits.site_unconfirmed_per_hour = 4) {
        for number in 0..10 {
            world.visitor().asks("subscribe", &format!("a{number}@example.org")).await.lands_on("members-pending");
        }
        assert_eq!(world.count("outbox", "1 = 1").await, 4);
        // Members still sign in.
        let ada = world.visitor();
        ada.opens(&world.newest_link("a0@example.org").await).await;
        ada.presses("members/", &world.newest_link("a0@example.org").await).await.lands_on("members-subscribe-ok");
        ada.asks("signin", "a0@example.org").await;
        world.nth_mail("a0@example.org", 2).await;
        // And join further lists.
        ada.asks("subscribe", "a0@example.org").await;
        world.nth_mail("a0@example.org", 3).await;
        world.clock.advance(Duration::from_secs(3_601));
        world.visitor().asks("subscribe", "b@example.org").await;
        world.nth_mail("b@example.org", 1).await;
    }
}

story! {
    /// A hundredth of the members an hour, where that is more than the fixed budget.
    async fn a_large_site_has_a_larger_budget(world: World, with |settings| settings.limits.site_unconfirmed_per_hour = 1) {
        let now = world.clock.now();
        world.app().db.write(move |conn| (0..300).try_for_each(|number| {
            let email = EmailAddress::parse(&format!("member{number}@example.org")).unwrap();
            let new = NewMember { email: &email, name: None, source_page: None, referrer: None, attribution: None, language: None };
            members::create(conn, &new, now).map(drop)
        })).await.unwrap();
        for number in 0..8 {
            world.visitor().asks("subscribe", &format!("a{number}@example.org")).await.lands_on("members-pending");
        }
        assert_eq!(world.count("outbox", "1 = 1").await, 3);
    }
}

story! {
    async fn mails_to_one_address_keep_their_distance(world: World, with |settings| settings.limits.address_gap_s = 60) {
        for _ in 0..3 {
            world.visitor().asks("subscribe", "ada@example.org").await.lands_on("members-pending");
        }
        assert_eq!(world.count("outbox", "1 = 1").await, 1);
        world.clock.advance(Duration::from_secs(61));
        world.visitor().asks("subscribe", "ada@example.org").await;
        assert_eq!(world.count("outbox", "1 = 1").await, 2);
    }
}

story! {
    async fn known_and_unknown_leave_the_same_traces(world: World) {
        world.member("ada@example.org").await;
        let rows = async || (world.count("magic_links", "1 = 1").await, world.count("outbox", "1 = 1").await, world.count("rate_limits", "1 = 1").await);
        let before = rows().await;
        world.visitor().asks("signin", "ada@example.org").await;
        let known = rows().await;
        world.visitor().asks("signin", "nobody@example.org").await;
        let unknown = rows().await;
        assert_eq!((known.0 - before.0, known.1 - before.1), (1, 1));
        assert_eq!((unknown.0 - known.0, unknown.1 - known.1), (1, 1));
    }
}
