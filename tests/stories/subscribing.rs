//! A visitor subscribes in the footer of a site.

use diesel::prelude::*;
use readership::db::schema::{consent_texts, consents, members};
use readership::members::{address::EmailAddress, find_by_email, labels};

use crate::story;
use crate::support::world::SITE;

story! {
    async fn a_visitor_subscribes_and_confirms_elsewhere(world: World) {
        let ada = world.visitor();
        let page = format!("{SITE}news/?utm=1");
        ada.asks_with("subscribe", "Ada@Example.org", &[("return_to", &page)]).await.lands_on("members-pending");
        assert_eq!(world.count("members", "1 = 1").await, 0, "nobody is a member before the confirmation");

        let link = world.newest_link("Ada@example.org").await;
        let elsewhere = world.visitor();
        let answer = elsewhere.confirms(&link).await;
        assert_eq!(answer.status, 303);
        assert_eq!(answer.location(), format!("{SITE}news/?utm=1&action=subscribe&success=true#members-subscribe-ok"));

        let record = elsewhere.record().await.expect("the confirmation signs in");
        assert_eq!(record["email"], "Ada@example.org");
        assert_eq!(record["newsletters"][0]["name"], "REX Wire");
        assert_eq!(record["status"], "free");
        assert!(ada.record().await.is_none(), "the browser that only asked is not signed in");
    }
}

story! {
    async fn the_asking_browser_completes_at_once(world: World) {
        let ada = world.visitor();
        ada.asks("subscribe", "ada@example.org").await.lands_on("members-pending");
        let answer = ada.opens(&world.newest_link("ada@example.org").await).await;
        assert_eq!(answer.status, 302);
        answer.lands_on("members-subscribe-ok");
        assert!(ada.record().await.is_some());
    }
}

story! {
    async fn who_is_subscribed_already_is_told_so(world: World) {
        world.member("ada@example.org").await;
        let ada = world.visitor();
        ada.asks("subscribe", "ada@example.org").await.lands_on("members-pending");
        let consents = world.count("consents", "1 = 1").await;
        ada.opens(&world.nth_link("ada@example.org", 2).await).await.lands_on("members-already");
        assert_eq!(world.count("consents", "1 = 1").await, consents, "nothing was agreed to anew");
    }
}

story! {
    async fn a_member_joins_a_further_list(world: World) {
        let now = world.clock.now();
        world.app().db.write(move |conn| readership::newsletters::add(conn, "Sunday", None, now)).await.unwrap();
        let ada = world.visitor();
        ada.asks_with("subscribe", "ada@example.org", &[("newsletter", "REX Wire")]).await;
        ada.opens(&world.newest_link("ada@example.org").await).await.lands_on("members-subscribe-ok");
        ada.asks_with("subscribe", "ada@example.org", &[("newsletter", "sunday")]).await;
        ada.opens(&world.nth_link("ada@example.org", 2).await).await.lands_on("members-subscribe-ok");
        let names: Vec<String> = ada.record().await.unwrap()["newsletters"].as_array().unwrap().iter()
            .map(|list| list["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names, ["REX Wire", "Sunday"]);
        assert_eq!(world.count("consents", "1 = 1").await, 2, "one for each");
    }
}

story! {
    async fn a_bad_address_is_said_beside_the_field(world: World) {
        let answer = world.visitor().asks_with("signup", "not <an> address", &[("name", "Ada \"L\"")]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains("value=\"not &#60;an&#62; address\""), "{}", answer.body);
        assert!(answer.body.contains("value=\"Ada &#34;L&#34;\""), "{}", answer.body);
        assert!(answer.body.contains("aria-invalid=\"true\"") && answer.body.contains("id=\"email-error\""));
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
    }
}

story! {
    async fn a_newsletter_that_does_not_exist_is_said_with_those_that_do(world: World) {
        let answer = world.visitor().asks_with("subscribe", "ada@example.org", &[("newsletter", "Nothing")]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains("no newsletter called Nothing") && answer.body.contains("REX Wire"), "{}", answer.body);
        assert_eq!(world.count("outbox", "1 = 1").await, 0);
    }
}

story! {
    async fn a_filled_trap_looks_like_success(world: World) {
        let bot = world.visitor();
        let answer = bot.asks_with("subscribe", "bot@example.org", &[("website", "http://spam.example")]).await;
        answer.lands_on("members-pending");
        assert!(answer.header("set-cookie").starts_with("readership-asked="));
        assert_eq!(world.count("magic_links", "1 = 1").await, 0);
        assert_eq!(world.count("outbox", "1 = 1").await, 0);
    }
}

story! {
    async fn the_browser_only_ever_goes_back_to_the_site(world: World) {
        let ada = world.visitor();
        let asks = async |to: &str| ada.asks_with("subscribe", "ada@example.org", &[("return_to", to)]).await;
        assert_eq!(asks("https://evil.example/").await.location(), format!("{SITE}#members-pending"));
        assert_eq!(asks("//evil.example/").await.location(), format!("{SITE}#members-pending"));
        assert_eq!(asks("/a?b=c").await.location(), format!("{SITE}a?b=c#members-pending"));

        // Another address: the links of one void each other from the fourth on (T8).
        let own = ada.asks_with("subscribe", "bob@example.org", &[("return_to", "/a?b=c#mine")]).await;
        assert_eq!(own.location(), format!("{SITE}a?b=c#mine"), "a fragment that is there stays");
        let link = world.newest_link("bob@example.org").await;
        assert_eq!(ada.opens(&link).await.location(), format!("{SITE}a?b=c&action=subscribe&success=true#mine"));
    }
}

story! {
    async fn a_form_on_a_foreign_site_is_refused(world: World) {
        let fields = [("email", "ada@example.org")];
        for origin in ["https://evil.example", "null", "http://site.test.evil.example", "http://site.test:81"] {
            let answer = world.visitor().posts_from(origin, "members/subscribe/", &fields).await;
            assert_eq!(answer.status, 403, "{origin}");
            assert!(answer.body.contains("READERSHIP_SITE_ORIGINS"));
        }
        let json = world.visitor().request(
            reqwest::Method::POST, "members/subscribe/", &[("content-type", "text/plain")], Some("email=ada@example.org".to_owned()),
        ).await;
        assert_eq!(json.status, 415);
        assert_eq!(world.count("magic_links", "1 = 1").await, 0);
    }
}

story! {
    async fn the_proof_of_consent_is_kept(world: World) {
        let ada = world.visitor();
        let page = format!("{SITE}about/");
        ada.asks_with("signup", "ada@example.org", &[("name", "Ada"), ("label", "Footer"), ("label", "footer"), ("return_to", &page)]).await;
        world.clock.advance(std::time::Duration::from_secs(90));
        ada.opens(&world.newest_link("ada@example.org").await).await.lands_on("members-signup-ok");

        let (name, source, given) = world.look(|conn| {
            let email = EmailAddress::parse("ada@example.org").unwrap();
            let id = find_by_email(conn, &email)?.unwrap();
            let (name, source): (Option<String>, Option<String>) =
                members::table.find(id).select((members::name, members::source_page)).first(conn)?;
            Ok((name, source, labels::of(conn, id)?))
        }).await;
        assert_eq!(name.as_deref(), Some("Ada"));
        assert_eq!(source.as_deref(), Some(page.as_str()));
        assert_eq!(given, ["Footer"]);

        type Proof = (String, Option<String>, Option<String>, String, i64, i64);
        let proof: Proof = world.look(|conn| {
            Ok(consents::table.inner_join(consent_texts::table)
                .select((consent_texts::text, consents::form_url, consents::client, consents::method, consents::asked_at, consents::confirmed_at))
                .first(conn)?)
        }).await;
        assert!(proof.0.contains("By signing up you agree"), "{}", proof.0);
        assert_eq!(proof.1.as_deref(), Some(page.as_str()));
        assert_eq!(proof.2.as_deref(), Some("127.0.0.0/24"));
        assert_eq!(proof.3, "form, confirmed by link");
        assert!(proof.5 - proof.4 >= 90_000, "asked and confirmed have their own times");
    }
}

story! {
    async fn hosted_pages_have_the_same_forms(world: World) {
        let visitor = world.visitor();
        for (path, button) in [("subscribe", "Subscribe"), ("signup", "Sign up"), ("signin", "Send me a link")] {
            for slash in ["", "/"] {
                let page = visitor.get(&format!("members/{path}{slash}")).await;
                page.is_page_with_button(200);
                assert!(page.body.contains(button) && page.body.contains(&format!("action=\"/members/{path}/\"")));
            }
        }
        let page = visitor.get("members/signin/?return_to=https://evil.example/").await;
        assert!(!page.body.contains("evil.example"));
    }
}

story! {
    async fn the_footers_script_gets_its_answer_in_place(world: World) {
        let ada = world.visitor();
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "http://site.test"), ("accept", "application/json")];
        let post = async |body: &str| ada.request(reqwest::Method::POST, "members/subscribe/", &headers, Some(body.to_owned())).await;
        let good = post("email=ada%40example.org").await;
        assert_eq!((good.status.as_u16(), good.json()), (200, serde_json::json!({"state": "members-pending"})));
        let bad = post("email=ada").await;
        assert_eq!(bad.status, 422);
        assert_eq!(bad.json()["field"], "email");
        let script = ada.get("members/footer.js").await;
        assert!(script.body.len() <= 2_048 && script.header("content-type").starts_with("text/javascript"));
    }
}
