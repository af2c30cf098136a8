//! What every answer says to browsers (`reliability.md`, rows B).

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::story;
use crate::support::people::{Answer, Person};

const PAGES: [&str; 19] = [
    "members/",
    "members/?token=x",
    "members/subscribe/",
    "members/signup/",
    "members/signin/",
    "members/signout/",
    "members/waiting/",
    "members/waiting/?code",
    "members/undo/",
    "members/undo/?change=x&key=y",
    "unsubscribe/?uuid=x&key=y",
    "members/account/",
    "members/account/newsletters/",
    "members/account/email/",
    "members/account/language/",
    "members/account/devices/",
    "members/account/data/",
    "members/account/delete/",
    "members/nothing/",
];

const PROGRAMS: [&str; 28] = [
    "members/api/member/",
    "members/api/member/newsletters/",
    "members/api/member/email/",
    "members/api/member/suppression/",
    "members/api/member/offers/",
    "members/api/session/",
    "members/api/entitlements/",
    "members/api/integrity-token/",
    "members/api/send-magic-link/",
    "members/api/verify-otc/",
    "members/api/site/",
    "members/api/announcement/",
    "members/api/recommendations/5f0000000000000000000000/clicked/",
    "members/api/create-stripe-checkout-session/",
    "members/api/create-stripe-update-session/",
    "members/api/create-stripe-billing-portal-session/",
    "members/api/subscriptions/sub_x/",
    "members/api/subscriptions/sub_x/apply-offer/",
    "members/api/nothing/",
    "members/.well-known/jwks.json",
    "ghost/api/content/settings/",
    "ghost/api/content/tiers/",
    "ghost/api/content/newsletters/",
    "ghost/api/content/recommendations/",
    "ghost/api/content/offers/x/",
    "ghost/api/nothing/",
    "healthz",
    "readyz",
];

fn everything() -> impl Iterator<Item = &'static str> {
    PAGES.into_iter().chain(PROGRAMS).chain(["members/footer.js", "unsubscribe/", "members/code/", "nothing"])
}

/// The directives of an answer's policy.
fn policy_of(answer: &Answer) -> BTreeSet<String> {
    answer.header("content-security-policy").split(';').map(|part| part.trim().to_owned()).collect()
}

fn nonce_of(answer: &Answer) -> String {
    let policy = answer.header("content-security-policy");
    policy.split_once("nonce-").unwrap_or_else(|| panic!("{policy}")).1.split('\'').next().unwrap().to_owned()
}

story! {
    async fn b1_every_page_has_a_policy_with_a_nonce_of_its_own(world: World) {
        let ada = world.member("ada@example.org").await;
        let mut nonces = BTreeSet::new();
        let mut pages = 0;
        for who in [&ada, &world.visitor()] {
            for path in PAGES {
                let page = who.get(path).await;
                if !page.header("content-type").starts_with("text/html") {
                    assert!(page.body.is_empty(), "{path}");
                    continue;
                }
                pages += 1;
                let policy = policy_of(&page);
                for part in ["default-src 'none'", "base-uri 'none'", "object-src 'none'", "frame-ancestors 'none'"] {
                    assert!(policy.contains(part), "{path}: {policy:?}");
                }
                assert!(policy.iter().any(|part| part.starts_with("form-action ")), "{path}");
                assert!(!page.header("content-security-policy").contains("unsafe"), "{path}");
                let nonce = nonce_of(&page);
                for tag in ["<style", "<script"] {
                    for part in page.body.split(tag).skip(1) {
                        assert!(part.starts_with(&format!(" nonce=\"{nonce}\"")), "{path}: {tag}{}", &part[..40]);
                    }
                }
                assert!(!page.body.contains(" style=") && !page.body.contains(" onclick=") && !page.body.contains("javascript:"), "{path}");
                assert_eq!(page.header("x-robots-tag"), "noindex", "{path}");
                assert!(nonces.insert(nonce), "{path}: a nonce came twice");
            }
        }
        assert!(pages > 25, "only {pages} pages");
    }
}

story! {
    async fn b2_only_over_https_browsers_are_told_to_stay_there(world: World, with |settings| settings.url = "https://members.test/".parse().unwrap()) {
        for path in everything() {
            assert_eq!(world.visitor().get(path).await.header("strict-transport-security"), "max-age=31536000", "{path}");
        }
    }
}

story! {
    async fn b3_b4_b6_every_answer_is_marked_safe(world: World) {
        let ada = world.member("ada@example.org").await;
        for path in everything() {
            let answer = ada.get(path).await;
            if !answer.body.is_empty() {
                // JSON needs no charset (RFC 8259), and where the protocol names none we do neither.
                let kind = answer.header("content-type");
                assert!(kind == "application/json" || kind.ends_with("charset=utf-8"), "{path}: {kind}");
            }
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert!(["no-referrer", "strict-origin-when-cross-origin"].contains(&answer.header("referrer-policy")), "{path}");
            assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
            assert!(["same-origin", "cross-origin"].contains(&answer.header("cross-origin-resource-policy")), "{path}");
            assert!(answer.header("permissions-policy").contains("camera=()"), "{path}");
            assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
            assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
            assert_eq!(answer.header("strict-transport-security"), "", "{path}: not over http");
            assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
            assert_eq!(answer.header("server"), world.banner(), "{path}");
            let is_public = path.ends_with("jwks.json") || path.ends_with("footer.js") || path.starts_with("ghost/api/content/");
            if !is_public {
                assert!(answer.header("cache-control").contains("no-store"), "{path}: {}", answer.header("cache-control"));
                assert_eq!(answer.header("etag"), "", "{path}");
            }
        }
    }
}

story! {
    /// B5: of all the origins there are, those of the site.
    async fn b5_only_the_sites_origins_may_read_answers(world: World) {
        let read = async |origin: &str| world.visitor().request(Method::GET, "members/api/member/", &[("origin", origin)], None).await;
        let own = world.url.origin().ascii_serialization();
        for origin in ["http://site.test", own.as_str()] {
            let answer = read(origin).await;
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert_eq!(answer.header("access-control-allow-credentials"), "true");
            assert_eq!(answer.header("vary"), "Origin");
        }
        for origin in [
            "null", "https://site.test", "http://www.site.test", "http://site.test.evil.example", "http://site.test:1", "http://localhost:1",
            "http://127.0.0.1", "https://evil.example", "http://xn--ste-tma.test", "http://site.test/", "http://SITE.test", "file://", "x",
        ] {
            let answer = read(origin).await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
            assert_eq!(answer.header("vary"), "Origin");
        }
        let preflight = world.visitor().request(Method::OPTIONS, "members/api/send-magic-link/", &[
            ("origin", "http://site.test"), ("access-control-request-method", "POST"), ("access-control-request-headers", "content-type"),
        ], None).await;
        assert_eq!(preflight.status, 204);
        assert_eq!(preflight.header("access-control-allow-methods"), "GET,HEAD,PUT,PATCH,POST,DELETE");
        assert_eq!(preflight.header("access-control-allow-headers"), "content-type");
        assert_eq!(preflight.header("access-control-allow-origin"), "http://site.test");
        assert_eq!(preflight.header("access-control-max-age"), "600");
    }
}

const MARKUP: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "</style><script>alert(1)</script>",
    "</title><b id=x>",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "&lt;b&gt;<!--",
    "javascript:alert(1)//\u{2028}",
];

/// None of it became a tag.
fn is_inert(html: &str, place: &str) {
    for sign in ["<script>alert", "<img src=x", "<svg/onload", "<b id=x", "<!--"] {
        assert!(!html.contains(sign), "{place}: {sign}\n{html}");
    }
}

story! {
    async fn b7_markup_from_outside_stays_text(world: World, with |settings| settings.welcome_mail = true) {
        let now = world.clock.now();
        for (n, markup) in MARKUP.into_iter().enumerate() {
            let title = format!("{n} {}", markup.replace('\u{2028}', " "));
            world.app().db.write(move |conn| readership::newsletters::add(conn, &title, None, now)).await.unwrap();
        }
        for (n, markup) in MARKUP.into_iter().enumerate() {
            let email = format!("reader{n}@example.org");
            let ada = world.visitor();
            let tells = [("user-agent", markup), ("referer", "http://site.test/?<script>alert(1)</script>")]
                .map(|(name, value)| (name, value.replace('\u{2028}', " ")));
            let mut headers: Vec<(&str, &str)> = tells.iter().map(|(name, value)| (*name, value.as_str())).collect();
            headers.extend([("content-type", "application/x-www-form-urlencoded"), ("origin", "http://site.test")]);
            let name = markup.replace('\u{2028}', " ");
            let fields = [("email", email.as_str()), ("name", &name), ("label", markup), ("return_to", "http://site.test/?<b id=x>")];
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            let asked = ada.request(Method::POST, "members/signup/", &headers, Some(body.clone())).await;
            assert_eq!(asked.status, 303, "{markup}: {}", asked.body);
            assert!(!asked.location().contains(['<', '>', '"']), "{}", asked.location());
            let bad = body.replace("example.org", "nowhere");
            let refused = ada.request(Method::POST, "members/signup/", &headers, Some(bad)).await;
            assert_eq!(refused.status, 422);
            is_inert(&refused.body, "the form");
            let link = world.nth_link(&email, 1).await;
            is_inert(&world.visitor().opens(&link).await.body, "the link's page");
            ada.opens(&link).await;
            for page in PAGES {
                is_inert(&ada.get(page).await.body, page);
            }
            assert_eq!(ada.record().await.unwrap()["name"], name.trim(), "kept as it was typed");
            for mail in [world.nth_mail(&email, 1).await, world.nth_mail(&email, 2).await] {
                is_inert(&mail.html(), "the mail");
                assert!(!mail.subject().contains(['\n', '\r']));
            }
        }
        for query in MARKUP {
            let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
            for page in PAGES {
                let joint = if page.contains('?') { '&' } else { '?' };
                is_inert(&world.visitor().get(&format!("{page}{joint}token={query}&done={query}&lang={query}&return_to={query}&newsletter={query}")).await.body, page);
            }
        }
    }
}

story! {
    /// Nothing the program made answers with a failure, whatever the method and whoever asks.
    async fn b11_unknown_methods_and_paths_are_refused(world: World) {
        let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"];
        let ada = world.member("ada@example.org").await;
        for path in everything() {
            // A session that DELETE ended would hide what the next one finds.
            let who: Person = ada.copy();
            for method in methods {
                if method == "CONNECT" || path == "members/api/session/" && method == "DELETE" {
                    continue;
                }
                let answer = who.request(method.parse().unwrap(), path, &[], None).await;
                let status = answer.status.as_u16();
                assert!(status < 500, "{method} {path}: {status} {}", answer.body);
                if ["TRACE", "BREW"].contains(&method) {
                    assert!([404, 405].contains(&status), "{method} {path}: {status}");
                }
                assert!(!answer.body.contains("src/") && !answer.body.contains("panicked"), "{method} {path}");
            }
        }
        assert_eq!(ada.record().await.unwrap()["email"], "ada@example.org");
    }
}

story! {
    /// V9, beside the pages above: what leads through mails is for nobody's index or cache.
    async fn v9_pages_of_links_show_a_masked_address_only(world: World) {
        world.member("ada@example.org").await;
        world.visitor().asks("signin", "ada@example.org").await;
        let page = world.visitor().opens(&world.nth_link("ada@example.org", 2).await).await;
        assert!(page.body.contains("a***@e***.org") && !page.body.contains("ada@example.org"));
        assert_eq!(page.header("x-robots-tag"), "noindex");
        assert!(page.header("cache-control").contains("no-store"));
        assert_eq!(page.header("referrer-policy"), "no-referrer");
    }
}

story! {
    /// V1: what was agreed to, where, when, and how it was confirmed.
    async fn v1_consent_is_proved_by_what_can_be_exported(world: World) {
        let ada = world.visitor();
        ada.asks_with("signup", "ada@example.org", &[("return_to", "http://site.test/news/")]).await;
        world.clock.advance(std::time::Duration::from_secs(61));
        ada.opens(&world.nth_link("ada@example.org", 1).await).await;
        let by_api = world.visitor();
        by_api.asks_by_api(json!({"email": "bob@example.org", "emailType": "signup", "name": "Bob"})).await;
        by_api.opens(&world.nth_link("bob@example.org", 1).await).await;
        for (who, method) in [(&ada, "form, confirmed by link"), (&by_api, "api, confirmed by link")] {
            let file = who.get("members/account/data/readership.json").await.json();
            let consents = file["consents"].as_array().unwrap();
            assert_eq!(consents.len(), 1, "{file}");
            let consent = &consents[0];
            assert_eq!(consent["method"], method, "{consent}");
            for key in ["newsletter", "words_shown", "client_network", "asked_at", "confirmed_at"] {
                assert!(consent[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {consent}");
            }
        }
        let file = ada.get("members/account/data/readership.json").await.json();
        let consent = &file["consents"][0];
        assert_eq!(consent["form"], "http://site.test/news/");
        assert!(consent["asked_at"].as_str() < consent["confirmed_at"].as_str());
        assert_eq!(consent["client_network"], "127.0.0.0/24", "the network, not the reader's own address");
    }
}
