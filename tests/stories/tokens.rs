//! Tokens: each good for one thing only, checked strictly, signed by keys that can be replaced.

use std::collections::BTreeMap;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use readership::signin::signing_keys::AHEAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::story;
use crate::support::people::{Person, token_of};
use crate::support::world::World;

async fn jwks(world: &World) -> Vec<Value> {
    let answer = world.visitor().get("members/.well-known/jwks.json").await;
    assert_eq!(answer.header("cache-control"), "public, max-age=600");
    answer.json()["keys"].as_array().unwrap().clone()
}

fn part(token: &str, number: usize) -> Value {
    serde_json::from_slice(&BASE64URL_NOPAD.decode(token.split('.').nth(number).unwrap().as_bytes()).unwrap()).unwrap()
}

story! {
    async fn entitlements_can_be_checked_by_anybody(world: World) {
        let ada = world.member("ada@example.org").await;
        assert_eq!(world.visitor().get("members/api/entitlements/").await.status, 204);
        let answer = ada.get("members/api/entitlements/").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/plain; charset=utf-8"));
        let key = &jwks(&world).await[0];
        let mut validation = Validation::new(Algorithm::RS512);
        let issuer = format!("{}members/api", world.url);
        validation.set_audience(&[&issuer]);
        validation.set_issuer(&[&issuer]);
        let decoding = DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap()).unwrap();
        let claims = jsonwebtoken::decode::<Value>(&answer.body, &decoding, &validation).unwrap().claims;
        assert_eq!(claims["sub"], "ada@example.org");
        assert_eq!(claims["scope"], "members:entitlements:read");
        assert_eq!((claims["paid"].clone(), claims["active_tier_ids"].clone()), (json!(false), json!([])));
        assert_eq!(claims["member_uuid"], ada.record().await.unwrap()["uuid"]);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
        assert_eq!(part(&answer.body, 0), json!({"typ": "JWT", "alg": "RS512", "kid": key["kid"]}));
    }
}

story! {
    /// A token is handed out again while it is young, and never across a change.
    async fn a_signed_token_follows_what_it_says(world: World) {
        let ada = world.member("ada@example.org").await;
        let first = ada.identity().await;
        if world.engine == crate::support::world::Engine::Sqlite {
            assert_eq!(ada.identity().await, first);
        }
        world.clock.advance(Duration::from_secs(301));
        let second = ada.identity().await;
        assert_ne!(second, first);
        let origin = world.url.origin().ascii_serialization();
        ada.posts_from(&origin, "members/account/email/", &[("email", "countess@example.org")]).await;
        ada.opens(&world.nth_link("countess@example.org", 1).await).await;
        assert_eq!(part(&ada.identity().await, 1)["sub"], "countess@example.org");
    }
}

/// What a program gets with a token as `identity`.
async fn status_of(person: &Person, token: &str) -> u16 {
    person.posts_json("members/api/member/offers/", &json!({"identity": token})).await.status.as_u16()
}

story! {
    /// T14: fourteen forgeries, all refused.
    async fn t14_forged_tokens_are_refused(world: World) {
        let ada = world.member("ada@example.org").await;
        let good = ada.identity().await;
        assert_eq!(status_of(&ada, &good).await, 200);
        let (header, claims) = (part(&good, 0), part(&good, 1));
        let signing = world.app().keys.signing(world.clock.now());
        let sign = |claims: &Value| {
            let header = Header { kid: Some(signing.kid.clone()), ..Header::new(Algorithm::RS512) };
            jsonwebtoken::encode(&header, claims, &signing.encoding).unwrap()
        };
        let changed = |name: &str, value: Value| {
            let mut claims = claims.clone();
            if value.is_null() { claims.as_object_mut().unwrap().remove(name); } else { claims[name] = value; }
            sign(&claims)
        };
        assert_eq!(status_of(&ada, &sign(&claims)).await, 200, "the forger's tools work");
        // A header of the forger's choice with a signature that fits what it says.
        let with_header = |header: Value| {
            let head = BASE64URL_NOPAD.encode(header.to_string().as_bytes());
            let body = good.split('.').nth(1).unwrap();
            let signature = jsonwebtoken::crypto::sign(format!("{head}.{body}").as_bytes(), &signing.encoding, Algorithm::RS512).unwrap();
            format!("{head}.{body}.{signature}")
        };
        assert_eq!(status_of(&ada, &with_header(header.clone())).await, 200);
        let added = |name: &str, value: Value| {
            let mut header = header.clone();
            header[name] = value;
            with_header(header)
        };
        let hs256 = {
            let public = jwks(&world).await[0]["n"].as_str().unwrap().to_owned();
            let header = Header { kid: Some(signing.kid.clone()), ..Header::new(Algorithm::HS256) };
            jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(public.as_bytes())).unwrap()
        };
        let none = format!("{}.{}.", BASE64URL_NOPAD.encode(br#"{"alg":"none","typ":"JWT"}"#), good.split('.').nth(1).unwrap());
        let doubled = {
            let text = claims.to_string().replacen('{', "{\"sub\":\"bob@example.org\",", 1);
            let head = good.split('.').next().unwrap();
            let body = BASE64URL_NOPAD.encode(text.as_bytes());
            let signature = jsonwebtoken::crypto::sign(format!("{head}.{body}").as_bytes(), &signing.encoding, Algorithm::RS512).unwrap();
            format!("{head}.{body}.{signature}")
        };
        let now = claims["iat"].as_i64().unwrap();
        let entitlement = ada.get("members/api/entitlements/").await.body;
        for (what, token) in [
            ("none", none),
            ("HS256 with the public key", hs256),
            ("a kid that is a path", added("kid", json!("../../etc/passwd"))),
            ("another issuer", changed("iss", json!("https://evil.example/members/api"))),
            ("another audience", changed("aud", json!("https://evil.example/members/api"))),
            ("expired", changed("exp", json!(now - 1))),
            ("from the future", changed("iat", json!(now + 3_600))),
            ("an entitlement", entitlement),
            ("no scope", changed("scope", Value::Null)),
            ("no end", changed("exp", Value::Null)),
            ("one claim twice", doubled),
            ("a megabyte", format!("{good}{}", "A".repeat(1 << 20))),
            ("a critical header", added("crit", json!(["x"]))),
            ("a key of its own", added("jku", json!("https://evil.example/jwks.json"))),
            ("an embedded key", added("jwk", json!({"kty": "RSA"}))),
            ("a certificate", added("x5u", json!("https://evil.example/x"))),
            ("another member", changed("sub", json!("bob@example.org"))),
            ("no member", changed("member_id", json!("000000000000000000000000"))),
            ("a bent signature", format!("{}AAAA", &good[..good.len() - 4])),
            ("nothing", String::new()),
            ("dots", "..".to_owned()),
            ("rubbish", "\u{0}%00'\"".to_owned()),
        ] {
            let status = status_of(&ada, &token).await;
            // A body of a megabyte is not even read.
            assert_eq!(status, if what == "a megabyte" { 413 } else { 401 }, "{what}");
            let change = ada.posts_json("members/api/member/email/", &json!({"identity": token, "email": "x@example.org"})).await;
            assert!([401, 403, 413].contains(&change.status.as_u16()), "{what}: {}", change.status);
        }
        assert_eq!(world.count("magic_links", "purpose = 'updateEmail'").await, 0);
    }
}

story! {
    /// T15: whoever gets a freed address inherits nothing, and neither does the old token.
    async fn t15_a_token_goes_with_its_account(world: World) {
        let ada = world.member("a@example.org").await;
        let old = ada.identity().await;
        let origin = world.url.origin().ascii_serialization();
        ada.posts_from(&origin, "members/account/email/", &[("email", "b@example.org")]).await;
        ada.opens(&world.nth_link("b@example.org", 1).await).await;
        let newcomer = world.visitor();
        newcomer.asks("signup", "a@example.org").await;
        newcomer.opens(&world.nth_link("a@example.org", 3).await).await.lands_on("members-signup-ok");
        let body = json!({"identity": old, "email": "x@example.org"});
        for person in [&ada, &newcomer] {
            assert_eq!(person.posts_json("members/api/member/email/", &body).await.status, 401);
        }
        // One's own token with somebody else's session proves nothing either.
        let body = json!({"identity": ada.identity().await, "email": "x@example.org"});
        assert_eq!(newcomer.posts_json("members/api/member/email/", &body).await.status, 401);
        assert_eq!(world.visitor().posts_json("members/api/member/email/", &body).await.status, 401);
        assert_eq!(ada.posts_json("members/api/member/email/", &body).await.status, 201);
    }
}

story! {
    /// T7: a change of address voids what was on its way to the old one.
    async fn t7_links_of_the_old_address_die_with_it(world: World) {
        let ada = world.member("a@example.org").await;
        world.visitor().asks("signin", "a@example.org").await;
        let old = world.nth_link("a@example.org", 2).await;
        let origin = world.url.origin().ascii_serialization();
        ada.posts_from(&origin, "members/account/email/", &[("email", "b@example.org")]).await;
        ada.opens(&world.nth_link("b@example.org", 1).await).await;
        let thief = world.visitor();
        thief.opens(&old).await.is_page_with_button(410);
        thief.presses("members/", &old).await.is_page_with_button(410);
        assert!(thief.record().await.is_none());
        assert_eq!(world.count("members", "1 = 1").await, 1);
    }
}

story! {
    /// T16: another key takes over without a restart; what the old one signed stays good.
    async fn t16_signing_keys_are_replaced_with_an_overlap(world: World) {
        let ada = world.member("ada@example.org").await;
        let old = ada.identity().await;
        let (new, now) = (readership::signin::signing_keys::generate(&world.app().policy.key).unwrap(), world.clock.now());
        let kid = new.kid.clone();
        world.app().db.write(move |conn| readership::signin::signing_keys::rotate(conn, &new, now)).await.unwrap();
        let kids = |keys: Vec<Value>| keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        // Several in a row, so that each node is asked.
        world.until("it is published", async |_| {
            for _ in 0..20 {
                if kids(jwks(&world).await).len() < 2 { return false; }
            }
            true
        }).await;
        assert_ne!(part(&ada.identity().await, 0)["kid"], kid, "it does not sign before everybody can know it");
        world.clock.advance(AHEAD);
        world.until("the new key signs", async |_| part(&ada.identity().await, 0)["kid"] == kid).await;
        assert_eq!(status_of(&ada, &old).await, 200);
        assert_eq!(status_of(&ada, &ada.identity().await).await, 200);
        world.clock.advance(Duration::from_secs(901));
        assert_eq!(kids(jwks(&world).await), [kid]);
        assert_eq!(status_of(&ada, &old).await, 401);
        world.tidies().await;
        assert_eq!(world.count("signing_keys", "1 = 1").await, 1);
    }
}

/// A place where some kind of secret is taken, and whether it took one.
async fn takes(world: &World, place: &str, secret: &str, uuid: &str, change: &str) -> bool {
    let person = world.visitor();
    let origin = world.url.origin().ascii_serialization();
    let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", origin.as_str())];
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    match place {
        "link" => {
            person.posts_from(&origin, "members/", &[("token", secret)]).await;
            person.record().await.is_some()
        }
        "code" => {
            let body = json!({"otc": "000000", "otcRef": secret, "integrityToken": person.integrity_token().await});
            person.posts_json("members/api/verify-otc/", &body).await.status == 200
        }
        "integrity token" => {
            let body = json!({"email": "new@example.org", "emailType": "signup", "integrityToken": secret});
            person.posts_json("members/api/send-magic-link/", &body).await.status == 201
        }
        "identity" => status_of(&person, secret).await == 200,
        "session" => {
            person.take_cookie(&format!("readership-session={encoded}"));
            person.record().await.is_some()
        }
        "asking browser" => {
            person.take_cookie(&format!("readership-asked={encoded}"));
            // Only the cookie of the browser that asked says that its link was used.
            person.get("members/waiting/").await.body.contains("used in another browser")
        }
        "undo" => {
            person
                .request(Method::POST, "members/undo/", &form, Some(format!("change={change}&key={encoded}")))
                .await
                .status
                == 200
        }
        "unsubscribe" => {
            let path = format!("unsubscribe/?uuid={uuid}&key={encoded}");
            person.request(Method::POST, &path, &form, Some("List-Unsubscribe=One-Click".to_owned())).await.status
                == 201
        }
        "newsletters" => {
            person.get(&format!("members/api/member/newsletters/?uuid={uuid}&key={encoded}")).await.status == 200
        }
        "content" => person.get(&format!("ghost/api/content/tiers/?key={encoded}")).await.status == 200,
        _ => unreachable!("{place}"),
    }
}

story! {
    /// T6: every kind of secret at every place that takes one; each opens only its own.
    async fn t6_every_secret_opens_its_own_door_and_no_other(world: World) {
        let ada = world.member("ada@example.org").await;
        let origin = world.url.origin().ascii_serialization();
        // One of each kind, of the same member.
        ada.posts_from(&origin, "members/account/email/", &[("email", "b@example.org")]).await;
        ada.opens(&world.nth_link("b@example.org", 1).await).await;
        let undo = world.nth_mail("ada@example.org", 2).await.text();
        let undo = undo.split_whitespace().find(|word| word.contains("/undo/")).unwrap().to_owned();
        let undo: BTreeMap<String, String> = url::Url::parse(&undo).unwrap().query_pairs().into_owned().collect();
        let unsubscribe = ada.record().await.unwrap()["unsubscribe_url"].as_str().unwrap().to_owned();
        let unsubscribe: BTreeMap<String, String> = url::Url::parse(&unsubscribe).unwrap().query_pairs().into_owned().collect();
        let cookie = |person: &Person, name: &str| {
            person.cookies().split("; ").find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned)).unwrap()
        };
        let asker = world.visitor();
        asker.asks_with("signin", "b@example.org", &[("then", "wait")]).await;
        world.visitor().presses("members/", &world.nth_link("b@example.org", 2).await).await;
        let links = world.visitor();
        links.asks("signin", "b@example.org").await;
        let signin = token_of(&world.nth_link("b@example.org", 3).await);
        links.asks("signup", "c@example.org").await;
        let signup = token_of(&world.nth_link("c@example.org", 1).await);
        let reference = world.visitor().asks_by_api(json!({"email": "b@example.org", "emailType": "signin", "includeOTC": true})).await;
        let reference = reference.json()["otc_ref"].as_str().unwrap().to_owned();
        let keys = {
            let app = world.app().clone();
            world.look(move |conn| {
                let show = |conn: &mut _, kind| readership::staff::api_keys::show(conn, &app.policy.key, kind);
                Ok((show(conn, readership::staff::api_keys::Kind::Content)?.shown, show(conn, readership::staff::api_keys::Kind::Admin)?.shown))
            }).await
        };

        let places = [
            "integrity token", "identity", "session", "asking browser", "code", "newsletters", "unsubscribe", "content",
            "link", "undo",
        ];
        let secrets = [
            ("a link to sign in", signin, vec!["link"]),
            ("a link to sign up", signup, vec!["link"]),
            ("a key to undo", undo["key"].clone(), vec!["undo"]),
            ("a key to unsubscribe", unsubscribe["key"].clone(), vec!["unsubscribe", "newsletters"]),
            ("an integrity token", world.visitor().integrity_token().await, vec!["integrity token"]),
            ("a reference of a code", reference, vec![]),
            ("an identity token", ada.identity().await, vec!["identity"]),
            ("an entitlement token", ada.get("members/api/entitlements/").await.body, vec![]),
            ("a session", cookie(&ada, "readership-session"), vec!["session"]),
            ("an asking browser", cookie(&asker, "readership-asked"), vec!["asking browser"]),
            ("a content key", keys.0, vec!["content"]),
            ("an administration key", keys.1, vec![]),
        ];
        for (kind, secret, own) in &secrets {
            for place in places.iter().filter(|place| !own.contains(place)) {
                assert!(!takes(&world, place, secret, &unsubscribe["uuid"], &undo["change"]).await, "{kind} was taken as {place}");
            }
        }
        // And each really opens its own: what uses a thing up or ends others comes last.
        for place in places {
            for (kind, secret, _) in secrets.iter().filter(|(_, _, own)| own.contains(&place)) {
                assert!(takes(&world, place, secret, &unsubscribe["uuid"], &undo["change"]).await, "{kind} was not taken as {place}");
            }
        }
    }
}
