//! What a link does, and what it never does.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;

use crate::story;
use crate::support::people::token_of;
use crate::support::world::SITE;

story! {
    async fn scanners_use_nothing_up(world: World) {
        let ada = world.visitor();
        ada.asks("signup", "ada@example.org").await;
        let link = world.newest_link("ada@example.org").await;
        let path = link.strip_prefix(world.url.as_str()).unwrap();
        for _ in 0..20 {
            for method in [Method::GET, Method::HEAD] {
                let answer = world.visitor().request(method, path, &[("user-agent", "SafeLinks")], None).await;
                assert_eq!(answer.status, 200);
                assert_eq!(answer.header("set-cookie"), "");
                assert_eq!(answer.header("referrer-policy"), "no-referrer");
                assert!(answer.header("cache-control").contains("no-store"));
            }
        }
        assert_eq!(world.count("members", "1 = 1").await, 0);
        assert_eq!(world.count("sessions", "1 = 1").await, 0);
        let page = world.visitor().opens(&link).await;
        assert!(!page.body.contains("<script"), "no page of a link runs anything");
        assert!(page.body.contains("Firefox on Linux") && page.body.contains("a***@e***.org"), "{}", page.body);
        assert!(!page.body.contains("ada@example.org"));
        let answer = world.visitor().confirms(&link).await;
        answer.lands_on("members-signup-ok");
        assert!(!answer.location().contains(&token_of(&link)), "the token does not travel on");
    }
}

story! {
    async fn a_head_of_the_asking_browser_uses_nothing_up(world: World) {
        let ada = world.visitor();
        ada.asks("signup", "ada@example.org").await;
        let link = world.newest_link("ada@example.org").await;
        let path = link.strip_prefix(world.url.as_str()).unwrap();
        assert_eq!(ada.request(Method::HEAD, path, &[], None).await.status, 200);
        assert_eq!(world.count("members", "1 = 1").await, 0);
    }
}

story! {
    async fn a_link_works_once(world: World) {
        let ada = world.visitor();
        ada.asks("signup", "ada@example.org").await;
        let link = world.newest_link("ada@example.org").await;
        world.visitor().confirms(&link).await.lands_on("members-signup-ok");
        let again = world.visitor();
        again.opens(&link).await.is_page_with_button(410);
        again.presses("members/", &link).await.is_page_with_button(410);
        assert!(again.record().await.is_none());
    }
}

story! {
    async fn of_a_hundred_at_once_one_succeeds(world: World) {
        world.visitor().asks("signup", "ada@example.org").await;
        let link = world.newest_link("ada@example.org").await;
        let answers = join_all((0..100).map(|_| async { world.visitor().presses("members/", &link).await })).await;
        let done = answers.iter().filter(|answer| answer.status == 303).count();
        let dead = answers.iter().filter(|answer| answer.status == 410).count();
        assert_eq!((done, dead), (1, 99));
        assert_eq!(world.count("sessions", "1 = 1").await, 1);
        assert_eq!(world.count("members", "1 = 1").await, 1);
    }
}

story! {
    async fn an_expired_link_offers_a_new_one(world: World, with |settings| settings.lifetimes.signin_link_s = 3_600) {
        world.member("ada@example.org").await;
        let ada = world.visitor();
        ada.asks_with("signin", "ada@example.org", &[("return_to", "/page/")]).await;
        let link = world.nth_link("ada@example.org", 2).await;
        world.clock.advance(Duration::from_secs(3_590));
        let elsewhere = world.visitor();
        elsewhere.opens(&link).await.is_page_with_button(200);
        world.clock.advance(Duration::from_secs(15));

        // Even in the browser that asked.
        let page = ada.opens(&link).await;
        page.is_page_with_button(410);
        assert!(page.body.contains("expired") && !page.body.contains("ada@example.org"), "{}", page.body);
        let answer = elsewhere.presses("members/resend/", &link).await;
        assert_eq!(
            answer.location(),
            format!("{SITE}page/?action=signin&success=false&errorCode=TOKEN_EXPIRED#members-expired")
        );
        let fresh = world.nth_link("ada@example.org", 3).await;
        assert_ne!(fresh, link);
        elsewhere.opens(&fresh).await.lands_on("members-signin-ok");
    }
}

story! {
    async fn a_sign_up_link_lives_for_a_day(world: World) {
        world.visitor().asks("signup", "ada@example.org").await;
        let link = world.newest_link("ada@example.org").await;
        world.clock.advance(Duration::from_secs(86_400 - 5));
        world.visitor().opens(&link).await.is_page_with_button(200);
        world.clock.advance(Duration::from_secs(10));
        world.visitor().opens(&link).await.is_page_with_button(410);
    }
}

story! {
    async fn a_wrong_link_says_so(world: World) {
        world.visitor().asks("signup", "ada@example.org").await;
        let link = world.newest_link("ada@example.org").await;
        let wrong = format!("{}{}", &token_of(&link)[..42], if link.contains("A&") { "E" } else { "A" });
        for token in [wrong.as_str(), "", "short", "../../etc/passwd", "%00", &"A".repeat(5_000)] {
            let answer = world.visitor().get(&format!("members/?token={token}&action=signin")).await;
            assert_eq!(answer.status, 410, "{token}");
            assert!(answer.body.contains("Ask for a new link"), "{}", answer.body);
        }
        assert_eq!(world.visitor().get("members/").await.status, 404);
        let posted = world.visitor().posts_from(&world.url.origin().ascii_serialization(), "members/resend/", &[("token", &wrong)]).await;
        assert_eq!(posted.status, 410);
    }
}

story! {
    async fn the_fourth_link_voids_the_first(world: World) {
        world.member("ada@example.org").await;
        let mut links = Vec::new();
        // One after the other: mails of one moment may arrive in another order than they were asked for.
        for count in 2..6 {
            world.visitor().asks("signin", "ada@example.org").await;
            links.push(world.nth_link("ada@example.org", count).await);
        }
        let [first, newest @ ..] = links.as_slice() else { unreachable!() };
        world.visitor().opens(first).await.is_page_with_button(410);
        for link in newest {
            world.visitor().confirms(link).await.lands_on("members-signin-ok");
        }
    }
}

story! {
    async fn links_stand_on_the_public_address_whatever_the_request_says(world: World) {
        let ada = world.visitor();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"), ("origin", "http://site.test"), ("host", "evil.example"),
            ("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example;proto=https"), ("x-forwarded-proto", "https"),
        ];
        let answer = ada.request(Method::POST, "members/signup/", &headers, Some("email=ada%40example.org".to_owned())).await;
        assert_eq!(answer.status, 303);
        let link = world.newest_link("ada@example.org").await;
        assert!(link.starts_with(&format!("{}members/?token=", world.url)), "{link}");
    }
}

story! {
    async fn tokens_look_like_nothing(world: World) {
        for _ in 0..40 {
            world.visitor().asks("subscribe", "ada@example.org").await;
            world.outbox_settles().await;
        }
        let mut tokens: Vec<String> = world.mailbox.to("ada@example.org").iter().map(|mail| token_of(&mail.link().unwrap())).collect();
        assert!(tokens.iter().all(|token| token.len() == 43));
        let count = tokens.len();
        assert!(count >= 40);
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), count);
    }
}

story! {
    async fn no_secret_stands_in_the_database(world: World) {
        let ada = world.member("ada@example.org").await;
        ada.asks("signin", "ada@example.org").await;
        world.nth_mail("ada@example.org", 2).await;
        let mut secrets: Vec<String> = world.mailbox.all().iter().map(|mail| token_of(&mail.link().unwrap())).collect();
        secrets.extend(ada.cookies().split("; ").map(|cookie| cookie.split_once('=').unwrap().1.to_owned()));
        assert!(secrets.len() >= 4);
        let file = world.dump().await;
        for secret in secrets {
            assert!(!file.windows(secret.len()).any(|window| window == secret.as_bytes()), "a secret stands in the database");
        }
    }
}

story! {
    async fn what_nobody_confirmed_is_forgotten(world: World) {
        world.visitor().asks_with("signup", "ada@example.org", &[("name", "Ada")]).await;
        world.outbox_settles().await;
        world.clock.advance(Duration::from_secs(86_400 * 8));
        world.restart().await;
        world.until("the janitor came", async |world| world.count("magic_links", "1 = 1").await == 0).await;
        world.until("no budget holds anything", async |world| world.count("rate_limits", "1 = 1").await == 0).await;
        world.until("the outbox is tidy", async |world| world.count("outbox", "1 = 1").await == 0).await;
    }
}

story! {
    async fn a_link_does_not_follow_an_account_to_another_address(world: World) {
        use diesel::prelude::*;
        use readership::db::schema::members;
        world.member("ada@example.org").await;
        world.visitor().asks("signin", "ada@example.org").await;
        let link = world.nth_link("ada@example.org", 2).await;
        world.app().db.write(|conn| {
            diesel::update(members::table).set((members::email.eq("new@example.org"), members::email_key.eq("new@example.org"))).execute(conn)?;
            Ok(())
        }).await.unwrap();
        let old = world.visitor();
        old.presses("members/", &link).await.is_page_with_button(410);
        assert!(old.record().await.is_none());
        assert_eq!(world.count("members", "1 = 1").await, 1);
    }
}

story! {
    async fn a_confirmation_from_a_foreign_page_is_refused(world: World) {
        world.visitor().asks("signup", "mallory@example.org").await;
        let link = world.newest_link("mallory@example.org").await;
        let victim = world.visitor();
        let token = token_of(&link);
        assert_eq!(victim.posts_from("https://evil.example", "members/", &[("token", &token)]).await.status, 403);
        let fetched = victim.request(Method::POST, "members/", &[("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "cross-site")], Some(format!("token={token}"))).await;
        assert_eq!(fetched.status, 403);
        assert!(victim.record().await.is_none());
        victim.confirms(&link).await.lands_on("members-signup-ok");
    }
}
