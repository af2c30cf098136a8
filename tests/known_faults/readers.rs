//! Readers: links, addresses, sessions, redirects.

use std::net::TcpListener;

use reqwest::Method;
use serde_json::json;

use crate::story;
use crate::support::world::SITE;

story! {
    /// Ghost: whoever signs in could name an `oldEmail` in the body, and move somebody else's account to
    /// an address of their own.
    async fn an_address_does_not_change_through_a_sign_in(world: World) {
        world.member("ada@example.org").await;
        let eve = world.visitor();
        let answer = eve.asks_by_api(json!({"email": "eve@evil.example", "emailType": "signup", "oldEmail": "ada@example.org"})).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        eve.opens(&world.newest_link("eve@evil.example").await).await;
        assert_eq!(eve.record().await.unwrap()["email"], "eve@evil.example");
        assert_eq!(world.count("members", "email = 'ada@example.org'").await, 1);
    }
}

story! {
    /// Ghost (CVE-2022-41654): a member's own record, sent with settings of its newsletters inside, changed those
    /// newsletters for everybody.
    async fn a_record_carries_no_settings_of_newsletters(world: World) {
        let ada = world.member("ada@example.org").await;
        let list = ada.record().await.unwrap()["newsletters"][0].clone();
        let mut mine = list.clone();
        mine["name"] = json!("Taken over");
        mine["sender_email"] = json!("eve@evil.example");
        mine["footer_content"] = json!("<script>alert(1)</script>");
        mine["status"] = json!("archived");
        let headers = [("content-type", "application/json")];
        let body = json!({"newsletters": [mine], "name": "Ada"}).to_string();
        let answer = ada.request(Method::PUT, "members/api/member/", &headers, Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(ada.record().await.unwrap()["newsletters"][0], list);
        assert_eq!(world.count("newsletters", "name = 'Taken over' OR status <> 'active'").await, 0);
    }
}

story! {
    /// Auth.js (CVE-2022-35924): several addresses in one field got a link each, and the account was named
    /// after all of them.
    async fn one_field_is_one_address(world: World) {
        for several in [
            "eve@evil.example,ada@example.org", "ada@example.org, eve@evil.example", "eve@evil.example;ada@example.org",
            "eve@evil.example ada@example.org", "\"ada@example.org\"@evil.example", "<ada@example.org>",
            "ada@example.org\r\nBcc: eve@evil.example", "Ada <ada@example.org>",
        ] {
            let answer = world.visitor().asks_by_api(json!({"email": several, "emailType": "signup"})).await;
            assert_eq!(answer.status, 400, "{several}: {}", answer.body);
            assert_eq!(world.visitor().asks("subscribe", several).await.status, 422, "{several}");
        }
        assert_eq!(world.count("outbox", "1 = 1").await, 0);
    }
}

story! {
    /// Outline #9227, Supabase auth #1214, better-auth #9690: scanners of mail open the link, and its reader
    /// finds it used.
    async fn a_scanner_leaves_the_link_to_its_reader(world: World) {
        world.visitor().asks("subscribe", "ada@example.org").await;
        let link = world.newest_link("ada@example.org").await;
        for agent in ["Mozilla/5.0 (Windows NT 10.0) SafeLinks", "BarracudaCentral", "Mozilla/5.0 HeadlessChrome/149"] {
            let path = link.strip_prefix(world.url.as_str()).unwrap();
            for method in [Method::HEAD, Method::GET, Method::GET] {
                let answer = world.visitor().request(method, path, &[("user-agent", agent)], None).await;
                assert_eq!(answer.status, 200);
                assert!(!answer.headers.contains_key("set-cookie"), "a scanner gets no session");
                assert!(!answer.body.contains("http-equiv=\"refresh\"") && !answer.body.contains(".submit("), "nothing goes on by itself");
            }
        }
        assert_eq!(world.count("members", "1 = 1").await, 0);
        let ada = world.visitor();
        ada.confirms(&link).await;
        assert!(ada.record().await.is_some());
    }
}

story! {
    /// better-auth #4285 and a long line of others: the address to go back to leads to somebody else's site.
    async fn nobody_is_led_to_another_site(world: World) {
        for (number, target) in [
            "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "https:evil.example",
            "http://site.test@evil.example/", "http://site.test.evil.example/", "http://evil.example#site.test",
            "javascript:alert(1)", "data:text/html,x", "%2f%2fevil.example", "http://site.test:8080/", "\thttps://evil.example",
            "http://[::1]/", "http://site.test%00.evil.example/", "https://xn--ste-8ka.test/",
        ].into_iter().enumerate() {
            let address = format!("reader{number}@example.org");
            let person = world.visitor();
            person.asks_with("subscribe", &address, &[("return_to", target)]).await;
            let link = world.newest_link(&address).await;
            assert!(link.starts_with(world.settings.url.as_str()), "{target}: {link}");
            assert!(!link.contains("evil"), "{target}: {link}");
            let answer = person.opens(&link).await;
            let to = answer.location();
            assert!(to.starts_with(SITE) || to.starts_with(world.settings.url.as_str()), "{target}: {to}");
            // The same address in the link itself, put there by whoever forwards it.
            let forwarded = world.visitor().get(&format!("members/?token=x&action=signin&r={}",
                url::form_urlencoded::byte_serialize(target.as_bytes()).collect::<String>())).await;
            assert!(!forwarded.location().contains("evil") && !forwarded.body.contains("href=\"https://evil"), "{target}");
        }
    }
}

story! {
    /// Frameworks that build links from the request: `Host` and `X-Forwarded-Host` poisoned the link in a mail.
    async fn a_mail_links_to_the_public_address_only(world: World) {
        let body = "email=ada%40example.org".to_owned();
        let origin = SITE.trim_end_matches('/');
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"), ("origin", origin), ("x-forwarded-host", "evil.example"),
            ("forwarded", "host=evil.example;proto=https"), ("x-original-url", "/evil"), ("x-forwarded-proto", "https"),
        ];
        world.visitor().request(Method::POST, "members/subscribe/", &headers, Some(body)).await;
        let mail = world.nth_mail("ada@example.org", 1).await;
        assert!(mail.link().unwrap().starts_with(world.settings.url.as_str()));
        assert!(!mail.text().contains("evil") && !mail.html().contains("evil"));
    }
}

story! {
    /// Session fixation (CWE-384): the session that an attacker gave a browser is the reader's after they signed in.
    async fn a_planted_session_is_nobodys(world: World) {
        let (eve, ada) = (world.member("eve@evil.example").await, world.visitor());
        let planted = eve.cookies().split("; ").find(|one| one.starts_with("readership-session=")).unwrap().to_owned();
        let made_up = format!("readership-session={}", "A".repeat(43));
        for (number, cookie) in [planted.as_str(), made_up.as_str()].into_iter().enumerate() {
            ada.take_cookie(cookie);
            ada.asks("signup", "ada@example.org").await;
            let link = world.nth_link("ada@example.org", number + 1).await;
            // The browser that asked goes through at once, unless it seems to be somebody else's.
            if ada.opens(&link).await.status == 200 {
                ada.presses("members/", &link).await;
            }
            let given = ada.cookies();
            assert!(!given.contains(cookie), "another session is given");
            assert_eq!(ada.record().await.unwrap()["email"], "ada@example.org");
            assert!(eve.record().await.is_none_or(|record| record["email"] != "ada@example.org"));
        }
    }
}

story! {
    /// Tokens of one kind taken for another (CWE-1270): a token that says what one may read, or a link, or a key of
    /// unsubscribing, opens nothing else.
    async fn a_token_is_good_for_one_thing(world: World) {
        let ada = world.member("ada@example.org").await;
        let reads = ada.get("members/api/entitlements/").await.body;
        world.visitor().asks("signin", "ada@example.org").await;
        let link = crate::support::people::token_of(&world.nth_link("ada@example.org", 2).await);
        let integrity = world.visitor().integrity_token().await;
        for token in [&reads, &link, &integrity] {
            let body = json!({"identity": token, "email": "eve@evil.example"});
            let answer = ada.posts_json("members/api/member/email/", &body).await;
            assert!([401, 403].contains(&answer.status.as_u16()), "{} {}", answer.status, answer.body);
        }
        for token in [&reads, &integrity] {
            let page = world.visitor().presses("members/", &format!("http://x.test/?token={token}")).await;
            assert!(!page.headers.contains_key("set-cookie"), "{token}");
        }
        assert_eq!(world.mailbox.to("eve@evil.example").len(), 0);
    }
}

story! {
    /// Ghost (CVE-2026-53943): a header of a request changed an answer that caches gave to others.
    async fn no_header_of_a_stranger_changes_what_others_get(world: World) {
        let plain = world.visitor().get("members/signin/").await;
        for (name, value) in [("x-ghost-preview", "<script>alert(1)</script>"), ("x-forwarded-host", "evil.example"),
            ("x-original-url", "/admin/"), ("x-rewrite-url", "/admin/"), ("x-http-method-override", "DELETE"), ("x-forwarded-prefix", "/evil")] {
            for path in ["members/signin/", "members/footer.js", "members/api/site/", "ghost/api/admin/site/"] {
                let answer = world.visitor().request(Method::GET, path, &[(name, value)], None).await;
                assert_eq!(answer.status, 200, "{path} {name}");
                assert!(!answer.body.contains("evil") && !answer.body.contains("alert("), "{path} {name}");
            }
            let page = world.visitor().request(Method::GET, "members/signin/", &[(name, value)], None).await;
            assert_eq!(page.body.len(), plain.body.len(), "{name}");
            assert!(page.header("cache-control").contains("no-store"));
        }
    }
}

story! {
    /// Ghost (CVE-2025-9862, CVE-2026-22597) and many more: an address that somebody wrote down is fetched from
    /// inside. Here none is: a listener on this machine hears nothing.
    async fn no_address_of_a_stranger_is_fetched(world: World) {
        let canary = TcpListener::bind("127.0.0.1:0").unwrap();
        canary.set_nonblocking(true).unwrap();
        let url = format!("http://{}/latest/meta-data/", canary.local_addr().unwrap());
        let ada = world.visitor();
        let history = json!([{"path": "/", "time": 1_764_000_000_000_i64, "referrerUrl": url, "referrerSource": url}]);
        let body = json!({"email": "ada@example.org", "emailType": "signup", "name": "Ada", "labels": [url.clone()],
            "redirect": url, "urlHistory": history, "image": url, "avatar_image": url, "webhook": url});
        assert_eq!(ada.asks_by_api(body).await.status, 201);
        ada.opens(&world.newest_link("ada@example.org").await).await;
        let headers = [("content-type", "application/json")];
        for (method, path, body) in [
            (Method::PUT, "members/api/member/", json!({"name": "Ada", "avatar_image": url, "expertise": "x"})),
            (Method::POST, "members/api/create-stripe-checkout-session/", json!({"successUrl": url, "cancelUrl": url, "tierId": "x"})),
        ] {
            ada.request(method, path, &headers, Some(body.to_string())).await;
        }
        ada.get(&format!("members/signin/?return_to={url}&url={url}&image={url}")).await;
        world.outbox_settles().await;
        assert!(canary.accept().is_err(), "somebody asked for it");
    }
}

story! {
    /// listmonk (CVE-2025-49136): what looks like a template in somebody's words was run.
    async fn words_are_no_templates(world: World, with |settings| settings.welcome_mail = true) {
        let name = "{{ env \"HOME\" }} ${7*7} {% include x %} %recipient.x%";
        let ada = world.visitor();
        let answer = ada.asks_by_api(json!({"email": "ada@example.org", "emailType": "signup", "name": name})).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        ada.opens(&world.newest_link("ada@example.org").await).await;
        assert_eq!(ada.record().await.unwrap()["name"], name);
        world.outbox_settles().await;
        let page = ada.get("members/account/").await.body;
        for text in world.mailbox.to("ada@example.org").iter().map(|mail| mail.text()).chain([page]) {
            assert!(!text.contains("/root") && !text.contains("49 ") && !text.contains("/home"), "{text}");
        }
    }
}

story! {
    /// Ghost (CVE-2022-41697) and most others: the answer says whether an address has an account.
    async fn an_answer_does_not_say_who_is_a_member(world: World) {
        world.member("ada@example.org").await;
        let asks = async |kind: &str, email: &str| {
            let answer = world.visitor().asks_by_api(json!({"email": email, "emailType": kind})).await;
            (answer.status, answer.body, answer.headers.len())
        };
        for kind in ["signin", "signup", "subscribe"] {
            assert_eq!(asks(kind, "ada@example.org").await, asks(kind, "nobody@example.org").await, "{kind}");
        }
    }
}
