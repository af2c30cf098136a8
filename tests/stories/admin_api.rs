//! Programs of the site: Ghost's own client, keys and what they may do, and tokens that are not to be
//! believed (`reliability.md` A7, A8, A12).

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use readership::db::schema::api_keys as rows;
use readership::staff::roles::Role;
use serde_json::{Value, json};

use crate::support::keys::{first_key, signed, token};
use crate::support::people::{Answer, Person};
use crate::support::shop::GOOD;
use crate::support::world::World;
use crate::{paying, story};

/// Who did what: kind, name, action.
async fn actions(world: &World) -> Vec<(String, String, String)> {
    world
        .look(|conn| {
            use diesel::prelude::*;
            use readership::db::schema::audit_log as log;
            Ok(log::table.select((log::actor_kind, log::actor_name, log::action)).load(conn)?)
        })
        .await
}

async fn calls(who: &Person, method: reqwest::Method, path: &str, header: &str, body: Option<Value>) -> Answer {
    let headers = [("authorization", header), ("content-type", "application/json")];
    let body = body.map(|body| body.to_string());
    who.request(method, &format!("ghost/api/admin/{path}"), &headers, body).await
}

async fn gets(who: &Person, path: &str, token: &str) -> Answer {
    calls(who, reqwest::Method::GET, path, &format!("Ghost {token}"), None).await
}

fn error(answer: &Answer) -> Value {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["errors"].as_array().map(Vec::len), Some(1), "{body}");
    assert_eq!(body["errors"][0].as_object().unwrap().len(), 9, "{body}");
    body["errors"][0].clone()
}

story! {
    /// Ghost's client, as it comes from the registry, does what programs do all day.
    async fn ghosts_client_manages_members(world: World) {
        let (id, secret) = first_key(&world).await;
        let (url, key) = (world.url.to_string(), format!("{id}:{}", HEXLOWER.encode(&secret)));
        let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/npm");
        let script = packages.join(format!("admin-{}-{:?}.mjs", std::process::id(), world.engine));
        std::fs::write(&script, include_str!("../npm/admin-api.mjs")).expect("`./test` installs the packages");
        let run = tokio::task::spawn_blocking(move || {
            let output = Command::new("node").arg(&script).arg(url).arg(key).current_dir(packages).output().unwrap();
            std::fs::remove_file(script).unwrap();
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        });
        let said = run.await.unwrap();
        assert!(said.contains("managed"), "{said}");
        assert_eq!(world.count("outbox", "kind = 'link'").await, 0, "nobody was mailed a link");
        assert_eq!(world.count("consents", "method = 'by program: first'").await, 1, "who was erased left none");
        let done = actions(&world).await;
        for action in ["member.add", "member.edit", "member.erase", "newsletter.add", "newsletter.edit"] {
            assert!(done.contains(&("program".to_owned(), "first".to_owned(), action.to_owned())), "{action}");
        }
        assert_eq!(world.count("api_keys", "last_used_at IS NOT NULL").await, 1);
    }
}

story! {
    /// A7: twelve tokens that are not to be believed, each refused in the one form that errors have.
    async fn a7_only_tokens_of_a_key_are_believed(world: World) {
        let (id, secret) = first_key(&world).await;
        let (who, now) = (world.visitor(), world.clock.now().seconds());
        let head = json!({"alg": "HS256", "typ": "JWT", "kid": id});
        let claims = json!({"iat": now, "exp": now + 300, "aud": "/admin/"});
        let with = |name: &str, value: Value| {
            let mut claims = claims.clone();
            claims[name] = value;
            signed(&head, &claims, &secret)
        };
        let content: String = world.look(|conn| {
            use diesel::prelude::*;
            let id: readership::ids::ApiKeyId = rows::table.filter(rows::kind.eq("content")).select(rows::id).first(conn)?;
            Ok(id.to_string())
        }).await;
        let good = token(&world, &id, &secret);
        assert_eq!(gets(&who, "members/", &good).await.status, 200);
        let unsigned = format!("{}.", signed(&json!({"alg": "none", "kid": id}), &claims, &secret).rsplit_once('.').unwrap().0);
        let tampered = good.replacen(good.split('.').nth(1).unwrap(), &BASE64URL_NOPAD.encode(json!({"iat": now, "exp": now + 299, "aud": "/admin/"}).to_string().as_bytes()), 1);
        let forged = [
            ("unsigned", unsigned),
            ("another algorithm", signed(&json!({"alg": "HS512", "kid": id}), &claims, &secret)),
            ("another secret", signed(&head, &claims, b"0123456789abcdef0123456789abcdef")),
            ("the secret's hex", signed(&head, &claims, HEXLOWER.encode(&secret).as_bytes())),
            ("tampered with", tampered),
            ("over", with("exp", json!(now - 1))),
            ("too long", with("exp", json!(now + 3_600))),
            ("too old", signed(&head, &json!({"iat": now - 400, "exp": now + 100, "aud": "/admin/"}), &secret)),
            ("of the future", signed(&head, &json!({"iat": now + 120, "exp": now + 300, "aud": "/admin/"}), &secret)),
            ("for somebody else", with("aud", json!("/content/"))),
            ("for nobody", signed(&head, &json!({"iat": now, "exp": now + 300}), &secret)),
            ("never made", signed(&head, &json!({"exp": now + 300, "aud": "/admin/"}), &secret)),
            ("endless", signed(&head, &json!({"iat": now, "aud": "/admin/"}), &secret)),
            ("of no key", signed(&json!({"alg": "HS256", "kid": "6b04fc795a0b181b37bb99a0"}), &claims, &secret)),
            ("of what is no id", signed(&json!({"alg": "HS256", "kid": "../../etc"}), &claims, &secret)),
            ("of a content key", signed(&json!({"alg": "HS256", "kid": content}), &claims, &secret)),
        ];
        for (what, token) in &forged {
            let answer = gets(&who, "members/", token).await;
            assert_eq!(answer.status, 401, "{what}: {}", answer.body);
            assert_eq!(error(&answer)["type"], "UnauthorizedError", "{what}");
        }
        for (what, header, status) in [
            ("nothing", String::new(), 401),
            ("another scheme", format!("Bearer {good}"), 401),
            ("rubbish", "Ghost rubbish".to_owned(), 400),
            ("no kid", format!("Ghost {}", signed(&json!({"alg": "HS256"}), &claims, &secret)), 400),
        ] {
            let answer = calls(&who, reqwest::Method::GET, "members/", &header, None).await;
            assert_eq!(answer.status, status, "{what}: {}", answer.body);
            error(&answer);
        }
        let bare = who.get("ghost/api/admin/members/").await;
        assert_eq!((bare.status.as_u16(), error(&bare)["type"].as_str()), (403, Some("NoPermissionError")));
        assert_eq!(who.get("ghost/api/admin/site/").await.status, 200, "what anybody may know");
        // A member's token is none of a program's.
        let ada = world.member("ada@reader.test").await;
        let identity = ada.identity().await;
        assert!([400, 401].contains(&gets(&who, "members/", &identity).await.status.as_u16()));
        world.clock.advance(Duration::from_secs(301));
        assert_eq!(gets(&who, "members/", &good).await.status, 401, "five minutes are over");
    }
}

story! {
    /// A8: a key is shown once, may do what it may, ends when it is to, and is refused as soon as it is taken
    /// back. Its secret is nowhere in clear.
    async fn a8_keys_are_made_limited_and_taken_back(world: World) {
        let olga = world.staff(Role::Owner).await;
        let until = world.clock.now().plus(Duration::from_secs(3 * 86_400)).iso8601();
        let wish = [("name", "Reports"), ("scope", "read"), ("until", &until[..10])];
        let wrong = olga.does("settings/keys/make/", &[("name", ""), ("scope", "everything"), ("until", "yesterday")]).await;
        assert_eq!(wrong.status, 422);
        for field in ["name", "scope", "until"] {
            assert!(wrong.body.contains(&format!("{field}-error")), "{field}");
        }
        let made = olga.does("settings/keys/make/", &wish).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let key = made.body.split("<pre>").nth(1).unwrap().split("</pre>").next().unwrap().to_owned();
        let (id, hex) = key.split_once(':').unwrap();
        let secret = HEXLOWER.decode(hex.as_bytes()).unwrap();
        assert!(!olga.looks_at("settings/keys/").await.contains(hex), "once");
        assert!(!String::from_utf8_lossy(&world.dump().await).contains(hex), "never in clear");

        let who = world.visitor();
        assert_eq!(gets(&who, "members/", &token(&world, id, &secret)).await.status, 200);
        let body = json!({"members": [{"email": "x@reader.test"}]});
        let header = format!("Ghost {}", token(&world, id, &secret));
        for (method, path) in [
            (reqwest::Method::POST, "members/"),
            (reqwest::Method::PUT, "members/6b04fc795a0b181b37bb99a0/"),
            (reqwest::Method::DELETE, "members/6b04fc795a0b181b37bb99a0/"),
            (reqwest::Method::GET, "members/6b04fc795a0b181b37bb99a0/signin_urls/"),
            (reqwest::Method::DELETE, "members/6b04fc795a0b181b37bb99a0/sessions/"),
            (reqwest::Method::POST, "labels/"),
            (reqwest::Method::POST, "newsletters/"),
            (reqwest::Method::POST, "tiers/"),
        ] {
            let answer = calls(&who, method.clone(), path, &header, Some(body.clone())).await;
            assert_eq!((answer.status.as_u16(), error(&answer)["type"].as_str()), (403, Some("NoPermissionError")), "{method} {path}");
        }
        assert!(olga.looks_at("settings/keys/").await.contains("Reports"));
        world.clock.advance(Duration::from_secs(3 * 86_400));
        assert_eq!(gets(&who, "members/", &token(&world, id, &secret)).await.status, 401, "it has ended");

        let olga = world.staff_named("olaf@rexwire.test", Role::Owner).await;
        let made = olga.does("settings/keys/make/", &[("name", "CRM"), ("scope", "all"), ("until", "")]).await;
        let key = made.body.split("<pre>").nth(1).unwrap().split("</pre>").next().unwrap().to_owned();
        let (id, hex) = key.split_once(':').unwrap();
        let secret = HEXLOWER.decode(hex.as_bytes()).unwrap();
        assert_eq!(gets(&who, "members/", &token(&world, id, &secret)).await.status, 200);
        olga.did(&format!("settings/keys/{id}/revoke/"), &[]).await;
        assert_eq!(gets(&who, "members/", &token(&world, id, &secret)).await.status, 401, "at once");
        let done = actions(&world).await;
        assert!(["keys.make", "keys.revoke"].iter().all(|action| done.iter().any(|(.., done)| done == action)), "{done:?}");
    }
}

story! {
    /// A link that a program asks for signs in once; sessions that it ends are over.
    async fn programs_help_members_in_and_out(world: World) {
        let (id, secret) = first_key(&world).await;
        let (who, ada) = (world.visitor(), world.member("ada@reader.test").await);
        let member = world.id_of("ada@reader.test").await;
        let call = async |method, path: String, body| calls(&who, method, &path, &format!("Ghost {}", token(&world, &id, &secret)), body).await;
        let answer = call(reqwest::Method::GET, format!("members/{member}/signin_urls/"), None).await;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let other = world.visitor();
        other.confirms(body["member_signin_urls"][0]["url"].as_str().unwrap()).await;
        assert_eq!(other.record().await.unwrap()["email"], "ada@reader.test");
        assert_eq!(call(reqwest::Method::DELETE, format!("members/{member}/sessions/"), None).await.status, 204);
        assert!(other.record().await.is_none() && ada.record().await.is_none());
        let nobody = "6b04fc795a0b181b37bb99a0";
        for (method, path) in [
            (reqwest::Method::GET, format!("members/{nobody}/")),
            (reqwest::Method::GET, format!("members/{nobody}/signin_urls/")),
            (reqwest::Method::DELETE, format!("members/{nobody}/sessions/")),
            (reqwest::Method::DELETE, format!("members/{nobody}/suppression/")),
            (reqwest::Method::GET, "labels/nope/".to_owned()),
            (reqwest::Method::GET, "tiers/nope/".to_owned()),
            (reqwest::Method::GET, "offers/nope/".to_owned()),
            (reqwest::Method::GET, "nope/".to_owned()),
        ] {
            let answer = call(method, path.clone(), None).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.body);
            error(&answer);
        }
        assert_eq!(call(reqwest::Method::GET, "members/nope/".to_owned(), None).await.status, 422);
        let rootless = call(reqwest::Method::POST, "members/".to_owned(), Some(json!({"email": "x@y.test"}))).await;
        assert_eq!(error(&rootless)["message"], "No root key ('members') provided.");
        // Labels, from nothing to nothing.
        let label = call(reqwest::Method::POST, "labels/".to_owned(), Some(json!({"labels": [{"name": "Press"}]}))).await;
        assert_eq!(label.status, 201, "{}", label.body);
        let label: Value = serde_json::from_str(&label.body).unwrap();
        let path = format!("labels/{}/", label["labels"][0]["id"].as_str().unwrap());
        assert_eq!(call(reqwest::Method::POST, "labels/".to_owned(), Some(json!({"labels": [{"name": "PRESS"}]}))).await.status, 422);
        assert_eq!(call(reqwest::Method::PUT, path.clone(), Some(json!({"labels": [{"name": "Radio"}]}))).await.status, 200);
        let counted = call(reqwest::Method::GET, "labels/?include=count.members".to_owned(), None).await;
        assert!(counted.body.contains("\"slug\":\"radio\"") && counted.body.contains("\"count\":{\"members\":0}"), "{}", counted.body);
        assert_eq!(call(reqwest::Method::DELETE, path.clone(), None).await.status, 204);
        assert_eq!(call(reqwest::Method::DELETE, path, None).await.status, 404);
        let count = call(reqwest::Method::GET, "members/stats/count/".to_owned(), None).await;
        assert_eq!(serde_json::from_str::<Value>(&count.body).unwrap()["total"], 1, "{}", count.body);
    }
}

paying! {
    /// Who pays is shown with their plan, gets nothing free beside it, and is not erased while Stripe charges
    /// them; tiers are made and changed.
    async fn programs_see_who_pays(shop: Shop) {
        let (id, secret) = first_key(&shop.world).await;
        let (who, _ada) = (shop.visitor(), shop.payer("ada@reader.test", GOOD).await);
        shop.settles().await;
        let member = shop.id_of("ada@reader.test").await;
        let call = async |method, path: &str, body| {
            let answer = calls(&who, method, path, &format!("Ghost {}", token(&shop.world, &id, &secret)), body).await;
            (answer.status.as_u16(), serde_json::from_str::<Value>(&answer.body).unwrap_or_default())
        };
        for filter in ["status:paid", "tier:gold", "subscriptions.plan_interval:month", "subscriptions.cancel_at_period_end:false", "tiers:[gold]%2Bsubscriptions.current_period_end:%3Enow"] {
            let (status, body) = call(reqwest::Method::GET, &format!("members/?include=tiers&filter={filter}"), None).await;
            assert_eq!((status, body["meta"]["pagination"]["total"].as_i64()), (200, Some(1)), "{filter}: {body}");
            assert_eq!(body["members"][0]["tiers"][0]["slug"], "gold");
        }
        let path = format!("members/{member}/");
        let (_, body) = call(reqwest::Method::GET, &path, None).await;
        let subscription = &body["members"][0]["subscriptions"][0];
        assert_eq!((subscription["status"].as_str(), subscription["price"]["tier"]["tier_id"].as_str()), (Some("active"), Some(&*shop.gold.to_string())), "{body}");
        assert!(subscription["price"].get("product").is_none());
        assert_eq!(body["members"][0]["current_subscription"]["id"], subscription["id"]);
        let free = json!({"members": [{"email": "other@reader.test", "tiers": [{"slug": "patron"}]}]});
        assert_eq!(call(reqwest::Method::PUT, &path, Some(free)).await.0, 400);
        let (_, body) = call(reqwest::Method::GET, &path, None).await;
        assert_eq!(body["members"][0]["email"], "ada@reader.test", "nothing half saved");
        let (_, body) = call(reqwest::Method::GET, "tiers/?filter=type:free", None).await;
        let of_free = format!("tiers/{}/", body["tiers"][0]["id"].as_str().unwrap());
        let wish = json!({"tiers": [{"description": "changed", "active": false}]});
        assert_eq!(call(reqwest::Method::PUT, &of_free, Some(wish)).await.0, 422);
        let (_, after) = call(reqwest::Method::GET, &of_free, None).await;
        assert_eq!(after["tiers"][0]["description"], body["tiers"][0]["description"], "nothing half saved");
        assert_eq!(call(reqwest::Method::DELETE, &path, None).await.0, 422, "they pay");
        assert_eq!(call(reqwest::Method::DELETE, &format!("{path}?cancel=true"), None).await.0, 204);
        assert_eq!(shop.stripe.all("subscription")[0]["status"], "canceled");
        let (status, body) = call(reqwest::Method::POST, "members/", Some(json!({"members": [{"email": "eve@reader.test", "tiers": [{"id": shop.gold.to_string(), "expiry_at": "2099-01-01T00:00:00.000Z"}]}]}))).await;
        assert_eq!((status, body["members"][0]["status"].as_str(), body["members"][0]["comped"].as_bool()), (201, Some("comped"), Some(true)), "{body}");
        assert_eq!(body["members"][0]["tiers"][0]["expiry_at"], "2099-01-01T00:00:00.000Z");

        let silver = json!({"tiers": [{"name": "Silver", "currency": "usd", "monthly_price": 300, "yearly_price": 3000, "benefits": ["Ad free"], "trial_days": 7}]});
        let (status, body) = call(reqwest::Method::POST, "tiers/", Some(silver.clone())).await;
        assert_eq!((status, body["tiers"][0]["currency"].as_str(), body["tiers"][0]["monthly_price"].as_i64()), (201, Some("USD"), Some(300)), "{body}");
        assert_eq!(call(reqwest::Method::POST, "tiers/", Some(silver)).await.0, 422, "a name once");
        let path = format!("tiers/{}/", body["tiers"][0]["id"].as_str().unwrap());
        let (status, body) = call(reqwest::Method::PUT, &path, Some(json!({"tiers": [{"monthly_price": 400, "active": false}]}))).await;
        assert_eq!((status, body["tiers"][0]["monthly_price"].as_i64(), body["tiers"][0]["active"].as_bool()), (200, Some(400), Some(false)), "{body}");
        let (_, body) = call(reqwest::Method::GET, "tiers/?filter=type:paid%2Bactive:true", None).await;
        assert_eq!(body["tiers"].as_array().unwrap().len(), 2, "{body}");
        assert_eq!(call(reqwest::Method::GET, "offers/", None).await.0, 200);
    }
}
