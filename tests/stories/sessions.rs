//! Sessions: server-side, ended at once, with two lifetimes.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::story;

const DAY: Duration = Duration::from_secs(86_400);

story! {
    async fn the_cookie_is_kept_from_scripts_and_other_sites(world: World) {
        let ada = world.visitor();
        ada.asks("signup", "ada@example.org").await;
        let answer = ada.opens(&world.newest_link("ada@example.org").await).await;
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with("readership-session="), "{cookie}");
        for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age=15552000"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain") && !cookie.contains("Secure") && cookie.len() < 4_096);
    }
}

story! {
    async fn over_https_the_cookie_has_the_host_prefix(world: World, with |settings| settings.url = "https://members.test/".parse().unwrap()) {
        let ada = world.visitor();
        let answer = ada.asks("signup", "ada@example.org").await;
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with("__Host-readership-asked=") && cookie.contains("; Secure"), "{cookie}");
        assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
        assert!(world.newest_link("ada@example.org").await.starts_with("https://members.test/members/?token="));
    }
}

story! {
    async fn signing_out_ends_the_session_on_the_server(world: World) {
        let ada = world.member("ada@example.org").await;
        let stolen = ada.copy();
        assert!(stolen.record().await.is_some());
        let answer = ada.signs_out(None).await;
        assert_eq!(answer.status, 204);
        assert!(answer.header("set-cookie").contains("Max-Age=0"));
        assert!(stolen.record().await.is_none());
        assert_eq!(stolen.get("members/api/session/").await.status, 204);
        assert_eq!(ada.signs_out(None).await.status, 204, "signing out twice is no fault");
    }
}

story! {
    async fn signing_out_everywhere_ends_all_and_voids_links(world: World) {
        let ada = world.member("ada@example.org").await;
        let phone = world.visitor();
        phone.asks("signin", "ada@example.org").await;
        phone.opens(&world.nth_link("ada@example.org", 2).await).await;
        phone.asks("signin", "ada@example.org").await;
        let waiting = world.nth_link("ada@example.org", 3).await;
        let bob = world.member("bob@example.org").await;
        assert_eq!(ada.signs_out(Some(json!({"all": true}))).await.status, 204);
        assert!(phone.record().await.is_none() && ada.record().await.is_none());
        assert!(bob.record().await.is_some(), "others stay");
        world.visitor().opens(&waiting).await.is_page_with_button(410);
    }
}

story! {
    async fn one_can_sign_out_without_a_script(world: World) {
        let ada = world.member("ada@example.org").await;
        let account = ada.get("members/account/").await;
        assert!(account.body.contains("ada@example.org") && account.body.contains("REX Wire"), "{}", account.body);
        ada.get("members/signout/").await.is_page_with_button(200);
        let origin = world.url.origin().ascii_serialization();
        let answer = ada.posts_from(&origin, "members/signout/", &[("return_to", "/bye/")]).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "http://site.test/bye/"));
        assert!(ada.record().await.is_none());
        let account = ada.get("members/account/").await;
        assert_eq!(account.status, 303);
        assert!(account.location().contains("/members/signin/?return_to="));
    }
}

story! {
    async fn a_foreign_page_signs_nobody_out(world: World) {
        let ada = world.member("ada@example.org").await;
        for headers in [[("origin", "https://evil.example")], [("origin", "null")], [("sec-fetch-site", "cross-site")]] {
            let answer = ada.request(reqwest::Method::DELETE, "members/api/session/", &headers, None).await;
            assert_eq!(answer.status, 403);
            assert_eq!(answer.json()["errors"][0]["type"], "NoPermissionError");
        }
        let text = ada.request(reqwest::Method::DELETE, "members/api/session/", &[("content-type", "text/plain")], Some("{\"all\":true}".to_owned())).await;
        assert_eq!(text.status, 415);
        assert!(ada.record().await.is_some());
    }
}

story! {
    async fn a_planted_cookie_is_never_taken_over(world: World) {
        let planted = "A".repeat(43);
        let ada = world.visitor();
        ada.asks("signup", "ada@example.org").await;
        ada.take_cookie(&format!("readership-session={planted}"));
        let answer = ada.opens(&world.newest_link("ada@example.org").await).await;
        assert!(!answer.header("set-cookie").contains(&planted));
        let attacker = world.visitor();
        attacker.take_cookie(&format!("readership-session={planted}"));
        assert!(attacker.record().await.is_none());
        assert!(ada.record().await.is_some());
    }
}

story! {
    async fn every_sign_in_has_its_own_id(world: World) {
        let ada = world.member("ada@example.org").await;
        let first = ada.cookies();
        ada.asks("signin", "ada@example.org").await;
        ada.opens(&world.nth_link("ada@example.org", 2).await).await.lands_on("members-signin-ok");
        assert_ne!(first, ada.cookies());
        assert_eq!(world.count("sessions", "1 = 1").await, 1, "the one it took the place of is gone");
    }
}

story! {
    async fn a_session_rests_thirty_days_at_most(world: World) {
        let ada = world.member("ada@example.org").await;
        world.clock.advance(29 * DAY);
        assert!(ada.record().await.is_some());
        world.clock.advance(29 * DAY);
        world.tidies().await;
        assert!(ada.record().await.is_some(), "use keeps it alive");
        world.clock.advance(31 * DAY);
        assert!(ada.record().await.is_none());
        world.tidies().await;
        assert_eq!(world.count("sessions", "1 = 1").await, 0);
    }
}

story! {
    async fn a_session_lives_half_a_year_at_most(world: World) {
        let ada = world.member("ada@example.org").await;
        for _ in 0..8 {
            world.clock.advance(20 * DAY);
            assert!(ada.record().await.is_some());
        }
        world.tidies().await;
        assert_eq!(world.count("sessions", "1 = 1").await, 1);
        world.clock.advance(21 * DAY);
        assert!(ada.record().await.is_none());
        world.tidies().await;
        assert_eq!(world.count("sessions", "1 = 1").await, 0);
    }
}

story! {
    /// An upgrade is a restart; a backup that is restored is told in `tests/programs/commands.rs`.
    async fn s12_sessions_survive_restarts(world: World) {
        let ada = world.member("ada@example.org").await;
        for _ in 0..10 {
            world.restart().await;
            assert_eq!(ada.record().await.unwrap()["email"], "ada@example.org");
        }
        assert_eq!(world.count("signing_keys", "1 = 1").await, 1, "tokens stay good too");
    }
}

story! {
    async fn s10_many_tabs_never_sign_out(world: World) {
        let ada = world.member("ada@example.org").await;
        for _ in 0..10 {
            // Long enough for the last use to be noted again.
            world.clock.advance(Duration::from_secs(601));
            let (records, identities, asked) = tokio::join!(
                join_all((0..25).map(|_| ada.record())),
                join_all((0..25).map(|_| ada.identity())),
                ada.asks("signin", "ada@example.org"),
            );
            assert!(records.iter().all(Option::is_some) && identities.iter().all(|token| token.len() > 100));
            asked.lands_on("members-pending");
        }
    }
}

story! {
    /// Answers about who is here may be kept, but never beyond a change that was acknowledged.
    async fn what_changed_is_seen_at_once_however_many_read(world: World) {
        let weekend = "INSERT INTO newsletters (id, uuid, name, slug, status, subscribe_on_signup, sort_order, created_at) \
            SELECT ID, UUID, 'Weekend', 'weekend', 'active', FALSE, 1, 0";
        let (id, uuid) = match world.engine {
            Engine::Sqlite => ("x'0102030405060708090a0b0c'", "x'0102030405060708090a0b0c0d0e0f10'"),
            Engine::Postgres => ("'\\x0102030405060708090a0b0c'::bytea", "'\\x0102030405060708090a0b0c0d0e0f10'::bytea"),
        };
        let weekend = weekend.replace("UUID", uuid).replace("ID", id);
        world.app().db.write(move |conn| readership::db::execute(conn, &weekend)).await.unwrap();

        for round in 0..15 {
            let address = format!("ada{round}@example.org");
            let ada = world.member(&address).await;
            let tabs: Vec<_> = (0..6).map(|_| ada.copy()).collect();
            let ended = std::sync::atomic::AtomicBool::new(false);
            let read_on = join_all(tabs.iter().map(async |tab| {
                while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                    tab.record().await;
                }
            }));
            let change = async {
                assert_eq!(ada.record().await.unwrap()["newsletters"].as_array().unwrap().len(), 1);
                ada.asks_with("subscribe", &address, &[("newsletter", "weekend")]).await;
                let link = world.nth_link(&address, 2).await;
                let phone = world.visitor();
                phone.confirms(&link).await.lands_on("members-subscribe-ok");
                assert_eq!(ada.record().await.unwrap()["newsletters"].as_array().unwrap().len(), 2);
                assert_eq!(phone.signs_out(Some(json!({"all": true}))).await.status, 204);
                assert_eq!(ada.record().await, None, "signed out everywhere means everywhere");
                ended.store(true, std::sync::atomic::Ordering::Relaxed);
            };
            futures_util::future::join(read_on, change).await;
            assert_eq!(tabs[0].record().await, None);
        }
    }
}
