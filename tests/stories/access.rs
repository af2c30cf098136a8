//! A folder of a static site for payers only: a real nginx asks before it hands out a file.

use crate::paying;
use crate::support::nginx::Nginx;
use crate::support::people::Person;
use crate::support::shop::GOOD;

/// The recipe of `docs/running.md`, word for word.
const RECIPE: &str = "
    location /paid/ {
        auth_request /readership-access;
        error_page 401 = @sign-in;
        error_page 403 = @plans;
    }
    location = /readership-access {
        internal;
        proxy_pass http://127.0.0.1:UPSTREAM/members/api/access/?tier=gold;
        proxy_pass_request_body off;
        proxy_set_header Content-Length \"\";
        proxy_set_header Host $host;
    }
    location @sign-in { return 302 /members/signin/?return_to=$scheme://$http_host$request_uri; }
    location @plans { return 302 /members/checkout/?tier=gold&return_to=$scheme://$http_host$request_uri; }
";

#[test]
fn the_recipe_stands_in_the_documentation() {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = flat(include_str!("../../docs/running.md"));
    assert!(page.contains(&flat(&RECIPE.replace("UPSTREAM", "8080"))), "docs/running.md has another recipe");
}

paying! {
    async fn nginx_hands_out_a_folder_to_payers_only(shop: Shop) {
        let upstream = shop.settings.listen.port();
        let nginx = Nginx::start(upstream, &RECIPE.replace("UPSTREAM", &upstream.to_string()));
        std::fs::create_dir(nginx.site().join("paid")).unwrap();
        std::fs::write(nginx.site().join("paid/story.html"), "the whole story").unwrap();
        let site: url::Url = format!("http://127.0.0.1:{}/", nginx.port).parse().unwrap();
        let reads = |who: &Person| {
            let there = Person::new(site.clone());
            for cookie in who.cookies().split("; ").filter(|cookie| !cookie.is_empty()) {
                there.take_cookie(cookie);
            }
            async move { there.get("paid/story.html").await }
        };
        let nobody = reads(&shop.visitor()).await;
        assert_eq!(nobody.status, 302);
        assert!(nobody.location().contains("/members/signin/?return_to="), "{}", nobody.location());
        let ada = shop.member("ada@reader.test").await;
        let free = reads(&ada).await;
        assert!(free.status == 302 && free.location().contains("/members/checkout/?tier=gold"), "{}", free.location());
        shop.buys(&ada, &[("tier", "gold"), ("cadence", "month")], GOOD).await;
        let paid = reads(&ada).await;
        assert_eq!((paid.status.as_u16(), paid.body.as_str()), (200, "the whole story"));
        // Signed out, and at once nothing more.
        ada.signs_out(None).await;
        assert_eq!(reads(&ada).await.status, 302);
    }
}

paying! {
    async fn tiers_are_named_by_slug_or_id_and_any_will_do(shop: Shop) {
        let ada = shop.payer("ada@reader.test", GOOD).await;
        for (query, status) in [
            ("", 204),
            ("?tier=gold", 204),
            (&*format!("?tier={}", shop.gold), 204),
            ("?tier=patron&tier=gold", 204),
            ("?tier=patron", 403),
            ("?tier=nothing", 403),
            ("?tier=free", 204),
            ("?tier=", 204),
            ("?tier=%00%ff../", 403),
        ] {
            let answer = ada.get(&format!("members/api/access/{query}")).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, ""), "{query}");
            assert!(answer.header("cache-control").contains("no-store"));
        }
    }
}
