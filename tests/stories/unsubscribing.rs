//! Leaving newsletters by the link of a mail: one click, no sign-in, never by looking.

use reqwest::Method;
use serde_json::json;

use crate::story;
use crate::support::people::{Answer, Person};
use crate::support::world::World;

/// A member with a welcome mail; returns them and the addresses in its headers.
async fn subscriber(world: &World, email: &str) -> (Person, String) {
    let person = world.visitor();
    person.asks("subscribe", email).await;
    person.opens(&world.nth_link(email, 1).await).await.lands_on("members-subscribe-ok");
    let welcome = world.nth_mail(email, 2).await;
    let header = welcome.header("List-Unsubscribe").unwrap_or_else(|| panic!("{:?}", welcome));
    let link = header.trim_start_matches('<').trim_end_matches('>').to_owned();
    (person, link.strip_prefix(world.url.as_str()).expect("the link is on the public address").to_owned())
}

async fn one_click(person: &Person, path: &str) -> Answer {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    person.request(Method::POST, path, &form, Some("List-Unsubscribe=One-Click".to_owned())).await
}

async fn presses(person: &Person, path: &str, what: &str) -> Answer {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    person.request(Method::POST, path, &form, Some(format!("what={what}"))).await
}

story! {
    async fn every_newsletter_like_mail_can_be_ended_by_its_headers(world: World, with |settings| settings.welcome_mail = true) {
        let (_, link) = subscriber(&world, "ada@example.org").await;
        let welcome = world.nth_mail("ada@example.org", 2).await;
        assert_eq!(welcome.subject(), "Welcome to REX Wire");
        assert_eq!(welcome.header("List-Unsubscribe-Post").as_deref(), Some("List-Unsubscribe=One-Click"));
        assert_eq!(welcome.header("List-Id").as_deref(), Some("REX Wire <rex-wire.site.test>"));
        assert!(link.starts_with("unsubscribe/?uuid=") && link.contains("&newsletter="), "{link}");
        assert!(welcome.text().contains("Unsubscribe: ") && welcome.html().contains("/unsubscribe/?uuid="));
        // A mail about what its reader just did has none of this.
        let about_a_link = world.nth_mail("ada@example.org", 1).await;
        assert_eq!(world.mailbox.to("ada@example.org")[0].header("List-Unsubscribe"), None, "{about_a_link:?}");
    }
}

story! {
    async fn m10_one_click_ends_it_and_looking_does_not(world: World, with |settings| settings.welcome_mail = true) {
        let (ada, link) = subscriber(&world, "ada@example.org").await;
        for agent in ["Barracuda", "SafeLinks", "GoogleImageProxy"].into_iter().cycle().take(20) {
            for method in [Method::GET, Method::HEAD] {
                assert_eq!(world.visitor().request(method, &link, &[("user-agent", agent)], None).await.status, 200);
            }
        }
        assert_eq!(world.count("newsletter_subscriptions", "1 = 1").await, 1);
        // Somebody else is signed in where it is pressed, or nobody: it is the link that counts.
        let bob = world.member("bob@example.org").await;
        let answer = one_click(&bob, &link).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str(), answer.header("set-cookie")), (201, "", ""));
        assert_eq!(ada.record().await.unwrap()["newsletters"], json!([]));
        assert_eq!(bob.record().await.unwrap()["newsletters"].as_array().unwrap().len(), 1);
        assert_eq!(one_click(&world.visitor(), &link).await.status, 201, "twice is no fault");
        assert_eq!(world.count("member_events", "kind = 'unsubscribed'").await, 1);
        let multipart = [("content-type", "multipart/form-data; boundary=x")];
        let body = "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n".to_owned();
        assert_eq!(world.visitor().request(Method::POST, &link, &multipart, Some(body)).await.status, 201);
    }
}

story! {
    async fn the_link_never_expires(world: World, with |settings| settings.welcome_mail = true) {
        let (_, link) = subscriber(&world, "ada@example.org").await;
        world.clock.advance(std::time::Duration::from_secs(10 * 365 * 86_400));
        assert_eq!(world.visitor().get(&link).await.status, 200);
        assert_eq!(one_click(&world.visitor(), &link).await.status, 201);
        assert_eq!(world.count("newsletter_subscriptions", "1 = 1").await, 0);
    }
}

story! {
    /// V9 and M11: the page shows a masked address, signs nobody in, and stays out of search engines.
    async fn m11_the_link_gives_away_nothing(world: World, with |settings| settings.welcome_mail = true) {
        let (ada, link) = subscriber(&world, "ada@example.org").await;
        let request = [("content-type", "application/json")];
        ada.request(Method::PUT, "members/api/member/", &request, Some(r#"{"name":"Adalbertine"}"#.to_owned())).await;
        let thief = world.visitor();
        let page = thief.get(&link).await;
        assert!(page.body.contains("a***@e***.org") && page.body.contains("Stop REX Wire"), "{}", page.body);
        assert!(page.body.contains("Too many mails?"));
        for secret in ["ada@example.org", "Adalbertine"] {
            assert!(!page.body.contains(secret));
        }
        assert_eq!((page.header("x-robots-tag"), page.header("referrer-policy")), ("noindex", "no-referrer"));
        assert!(page.header("cache-control").contains("no-store") && page.header("set-cookie").is_empty());
        assert!(thief.record().await.is_none());
        // The key of one list opens neither the others nor the interface of the widget.
        let of_list = link.split_once("&newsletter=").unwrap().0;
        assert_eq!(thief.get(of_list).await.status, 400);
        let query = of_list.split_once('?').unwrap().1;
        assert_eq!(thief.get(&format!("members/api/member/newsletters/?{query}")).await.status, 401);
        let of_all = ada.record().await.unwrap()["unsubscribe_url"].as_str().unwrap().to_owned();
        let query = of_all.split_once('?').unwrap().1;
        let seen = thief.get(&format!("members/api/member/newsletters/?{query}")).await.json();
        assert_eq!((seen["email"].as_str(), seen["name"].is_null()), (Some("a***@e***.org"), true));
        assert_eq!(thief.get("members/api/session/").await.status, 204);
    }
}

story! {
    async fn the_page_stops_one_all_or_pauses(world: World, with |settings| settings.welcome_mail = true) {
        let now = world.clock.now();
        let (ada, link) = subscriber(&world, "ada@example.org").await;
        world.app().db.write(move |conn| readership::newsletters::add(conn, "Sunday", None, now)).await.unwrap();
        ada.asks_with("subscribe", "ada@example.org", &[("newsletter", "Sunday")]).await;
        ada.opens(&world.nth_link("ada@example.org", 3).await).await.lands_on("members-subscribe-ok");
        // The welcome mail now is about both, and its link ends both.
        let both = world.nth_mail("ada@example.org", 4).await.header("List-Unsubscribe").unwrap();
        assert!(!both.contains("newsletter="), "{both}");

        let rests = presses(&world.visitor(), &link, "fewer").await;
        assert!(rests.body.contains("All newsletters pause for 30 days"), "{}", rests.body);
        assert_eq!(world.count("members", "paused_until IS NOT NULL").await, 1);
        let stopped = presses(&world.visitor(), &link, "list").await;
        assert!(stopped.body.contains("do not come any more: REX Wire") && stopped.body.contains("Stop all newsletters"), "{}", stopped.body);
        let lists = ada.record().await.unwrap()["newsletters"].clone();
        assert_eq!((lists.as_array().unwrap().len(), lists[0]["name"].as_str()), (1, Some("Sunday")));
        let all = presses(&world.visitor(), &link, "all").await;
        assert!(all.body.contains("do not come any more: Sunday") && all.body.contains("No newsletters go to this address"));
        let again = presses(&world.visitor(), &link, "all").await;
        assert!(again.body.contains("nothing left to stop"));
    }
}

story! {
    /// M12: who left stays out, whatever a program says later; only their own confirmation counts.
    async fn m12_only_the_readers_own_word_brings_them_back(world: World, with |settings| settings.welcome_mail = true) {
        let (ada, link) = subscriber(&world, "ada@example.org").await;
        one_click(&world.visitor(), &link).await;
        // Signing in is no consent, nor is a sign-up with an address that is a member's already.
        ada.asks("signin", "ada@example.org").await;
        ada.opens(&world.nth_link("ada@example.org", 3).await).await.lands_on("members-signin-ok");
        ada.asks("signup", "ada@example.org").await;
        ada.opens(&world.nth_link("ada@example.org", 4).await).await.lands_on("members-signin-ok");
        assert_eq!(ada.record().await.unwrap()["newsletters"], json!([]));
        ada.asks("subscribe", "ada@example.org").await;
        assert_eq!(ada.record().await.unwrap()["newsletters"], json!([]), "asking is not confirming");
        ada.opens(&world.nth_link("ada@example.org", 5).await).await.lands_on("members-subscribe-ok");
        assert_eq!(ada.record().await.unwrap()["newsletters"].as_array().unwrap().len(), 1);
    }
}

story! {
    async fn who_left_before_it_went_out_gets_no_welcome(world: World, with |settings| settings.welcome_mail = true) {
        let ada = world.visitor();
        ada.asks("subscribe", "ada@example.org").await;
        let link = world.nth_link("ada@example.org", 1).await;
        world.app().db.write(|conn| readership::site_facts::pause_sending(conn, true)).await.unwrap();
        ada.opens(&link).await.lands_on("members-subscribe-ok");
        let put = [("content-type", "application/json")];
        ada.request(Method::PUT, "members/api/member/", &put, Some(r#"{"newsletters":[]}"#.to_owned())).await;
        world.app().db.write(|conn| readership::site_facts::pause_sending(conn, false)).await.unwrap();
        world.outbox_settles().await;
        assert_eq!(world.mailbox.to("ada@example.org").len(), 1);
        assert_eq!(world.count("outbox", "kind = 'welcome' AND state = 'expired'").await, 1);
    }
}

story! {
    async fn broken_links_say_so_and_change_nothing(world: World, with |settings| settings.welcome_mail = true) {
        let (_, link) = subscriber(&world, "ada@example.org").await;
        let visitor = world.visitor();
        let none = visitor.get("unsubscribe/").await;
        assert_eq!((none.status.as_u16(), none.body.as_str()), (400, "Email address not found."));
        let wrong = link.replace("key=", "key=0");
        let unknown = "unsubscribe/?uuid=00000000-0000-4000-8000-000000000000&key=00".to_owned();
        for path in [wrong, unknown, "unsubscribe/?uuid=x&key=y".to_owned(), "unsubscribe/?preview=1".to_owned()] {
            let page = visitor.get(&path).await;
            assert_eq!(page.status, 400, "{path}");
            let posted = one_click(&visitor, &path).await;
            assert_eq!((posted.status.as_u16(), posted.body.as_str()), (400, ""), "{path}");
        }
        assert_eq!(world.count("newsletter_subscriptions", "1 = 1").await, 1);
    }
}

story! {
    async fn a_site_with_ghosts_widget_is_led_there(world: World, with |settings| {
        settings.welcome_mail = true;
        settings.unsubscribe_page = readership::config::UnsubscribePage::Site;
    }) {
        let (_, link) = subscriber(&world, "ada@example.org").await;
        // What the mail shows its reader opens every list for the widget; its header ends one list.
        let text = world.nth_mail("ada@example.org", 2).await.text();
        let shown = text.split_whitespace().find(|word| word.contains("/unsubscribe/?")).unwrap().to_owned();
        let shown = shown.strip_prefix(world.url.as_str()).unwrap().to_owned();
        assert_ne!(shown, link);
        let answer = world.visitor().get(&shown).await;
        assert_eq!(answer.status, 302);
        let query = shown.split_once('?').unwrap().1;
        assert!(answer.location().starts_with("http://site.test/?uuid=") && answer.location().ends_with("&action=unsubscribe"));
        let (before, list) = query.split_once("&newsletter=").unwrap();
        assert!(answer.location().contains(&format!("newsletter={list}")) && answer.location().contains(&before[5..41]));
        assert_eq!(world.visitor().get(&format!("members/api/member/newsletters/?{before}")).await.status, 200);
        assert_eq!(one_click(&world.visitor(), &link).await.status, 201);
    }
}
