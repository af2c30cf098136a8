//! The members API as clients know it: statuses, shapes, headers.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Method;
use serde_json::{Value, json};

use crate::story;
use crate::support::people::Answer;

const NO_STORE: &str = "no-cache, private, no-store, must-revalidate, max-stale=0, post-check=0, pre-check=0";

#[track_caller]
fn is_error(answer: &Answer, status: u16, kind: &str, message: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("cache-control"), NO_STORE);
    let body = answer.json();
    let errors = body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1);
    let error = errors[0].as_object().unwrap();
    let mut keys: Vec<&str> = error.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["code", "context", "details", "ghostErrorCode", "help", "id", "message", "property", "type"]);
    assert_eq!(error["type"], kind);
    assert_eq!(error["message"], message);
}

story! {
    async fn the_record_has_the_protocols_shape(world: World) {
        let ada = world.visitor();
        ada.asks_by_api(json!({"email": "ada@example.org", "emailType": "signup", "name": "Ada Lovelace"})).await;
        ada.opens(&world.newest_link("ada@example.org").await).await;
        for path in ["members/api/member", "members/api/member/"] {
            let answer = ada.get(path).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
            assert_eq!(answer.header("cache-control"), NO_STORE);
            let record = answer.json();
            let mut keys: Vec<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
            keys.sort_unstable();
            assert_eq!(keys, [
                "avatar_image", "can_comment", "commenting", "created_at", "email", "email_suppression", "enable_comment_notifications",
                "enable_updates_and_announcements", "expertise", "firstname", "name", "newsletters", "paid", "status", "subscribed",
                "subscriptions", "unsubscribe_url", "uuid",
            ]);
            assert_eq!(record["firstname"], "Ada");
            assert_eq!(record["paid"], false);
            assert_eq!(record["subscriptions"], json!([]));
            assert_eq!(record["commenting"], json!({"disabled": false, "disabled_reason": null, "disabled_until": null}));
            assert_eq!(record["email_suppression"], json!({"suppressed": false, "info": null}));
            assert!(record["created_at"].as_str().unwrap().ends_with(".000Z"));
            let list = record["newsletters"][0].as_object().unwrap();
            let mut keys: Vec<&str> = list.keys().map(String::as_str).collect();
            keys.sort_unstable();
            assert_eq!(keys, ["description", "id", "name", "sort_order", "uuid"]);
            assert_eq!(list["id"].as_str().unwrap().len(), 24);
        }
    }
}

story! {
    async fn nobody_signed_in_is_204(world: World) {
        for path in ["members/api/member", "members/api/member/", "members/api/session", "members/api/session/"] {
            let answer = world.visitor().get(path).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
            assert_eq!(answer.header("cache-control"), NO_STORE);
        }
        for rubbish in ["readership-session=x", "readership-session=", "readership-session=../../etc/passwd", "; ; =; readership-session"] {
            let odd = world.visitor();
            odd.take_cookie(rubbish);
            assert_eq!(odd.get("members/api/member/").await.status, 204);
        }
        let dead = world.visitor();
        dead.take_cookie(&format!("readership-session={}", "A".repeat(43)));
        assert!(dead.get("members/api/member/").await.header("set-cookie").contains("Max-Age=0"));
    }
}

story! {
    async fn integrity_tokens_are_needed_and_good_once(world: World) {
        let ada = world.visitor();
        let token = ada.integrity_token().await;
        let parts: Vec<&str> = token.split(':').collect();
        assert!(parts[0].parse::<i64>().is_ok() && parts[1].len() == 32 && parts[2].len() == 64, "{token}");
        let not_understood = "The request could not be understood.";
        let body = |token: &str| json!({"email": "ada@example.org", "emailType": "signup", "integrityToken": token});
        let ask = async |token: &str| ada.posts_json("members/api/send-magic-link/", &body(token)).await;
        is_error(&ada.posts_json("members/api/send-magic-link/", &json!({"email": "ada@example.org"})).await, 400, "BadRequestError", not_understood);
        is_error(&ask("rubbish").await, 400, "BadRequestError", not_understood);
        is_error(&ask(&token.replace(parts[1], &"0".repeat(32))).await, 400, "BadRequestError", not_understood);
        assert_eq!(ask(&token).await.status, 201);
        is_error(&ask(&token).await, 400, "BadRequestError", not_understood);
        let late = ada.integrity_token().await;
        world.clock.advance(std::time::Duration::from_secs(601));
        is_error(&ask(&late).await, 400, "BadRequestError", not_understood);
    }
}

story! {
    async fn send_magic_link_answers_as_the_protocol_says(world: World) {
        let ada = world.visitor();
        for path in ["members/api/send-magic-link", "members/api/send-magic-link/"] {
            let mut body = json!({"email": "ada@example.org", "emailType": "signup", "phonenumber": "123"});
            body["integrityToken"] = json!(ada.integrity_token().await);
            let answer = ada.posts_json(path, &body).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (201, "{}"));
            assert_eq!(answer.header("content-type"), "application/json");
        }
        is_error(&ada.asks_by_api(json!({"emailType": "signup"})).await, 400, "BadRequestError", "Email is required.");
        for email in [json!("nobody"), json!(7), json!(["a@example.org"]), json!("a@b"), json!("a@example.org\r\nBcc: b@example.org")] {
            is_error(&ada.asks_by_api(json!({"email": email})).await, 400, "BadRequestError", "Email is not valid");
        }
        let bad_type = ada.asks_by_api(json!({"email": "ada@example.org", "emailType": "bogus"})).await;
        assert_eq!((bad_type.status.as_u16(), bad_type.body.as_str()), (400, "Bad Request."));
        let lists = ada.asks_by_api(json!({"email": "ada@example.org", "emailType": "signup", "newsletters": [{"name": "No"}, {"name": "Nope"}]})).await;
        is_error(&lists, 400, "BadRequestError", "Cannot subscribe to invalid newsletters No, Nope");
        let name = ada.asks_by_api(json!({"email": "ada@example.org", "name": "Ada\r\nBcc: x@example.org"})).await;
        assert_eq!(name.status, 422);
        assert_eq!(name.json()["errors"][0]["property"], "name");
        assert_eq!(ada.asks_by_api(json!({"email": "bot@example.org", "honeypot": "555"})).await.status, 201);
        world.outbox_settles().await;
        assert!(world.mailbox.to("bot@example.org").is_empty());
    }
}

story! {
    async fn chosen_lists_labels_and_the_way_back_are_kept(world: World) {
        let now = world.clock.now();
        world.app().db.write(move |conn| readership::newsletters::add(conn, "Sunday", None, now)).await.unwrap();
        let asks = async |email: &str, lists: Value| {
            let person = world.visitor();
            person.asks_by_api(json!({
                "email": email, "emailType": "signup", "newsletters": lists, "labels": ["portal", {"name": "vip"}],
                "redirect": "http://site.test/post/?a=b#here", "urlHistory": [{"path": "/post/", "time": now.millis(), "referrerSource": "example.net", "utmSource": "mail"}],
            })).await;
            let answer = person.opens(&world.newest_link(email).await).await;
            assert_eq!(answer.location(), "http://site.test/post/?a=b&action=signup&success=true#here");
            person.record().await.unwrap()["newsletters"].as_array().unwrap().len()
        };
        assert_eq!(asks("one@example.org", json!([{"name": "Sunday"}])).await, 1);
        assert_eq!(asks("none@example.org", json!([])).await, 0);
        assert_eq!(asks("default@example.org", json!("rubbish")).await, 2);
        assert_eq!(asks("nameless@example.org", json!([{"id": "x"}])).await, 2);
        assert_eq!(world.count("labels", "1 = 1").await, 2);
        assert_eq!(world.count("member_labels", "1 = 1").await, 8);
        assert_eq!(world.count("members", "referrer = 'example.net'").await, 4);
        let came = "resource_url = '/post/' AND referrer_source = 'example.net' AND utm_source = 'mail'";
        assert_eq!(world.count("member_attributions", came).await, 4);
        // Clients of the API read the query; no fragment is added for them.
        let plain = world.visitor();
        plain.asks_by_api(json!({"email": "plain@example.org", "emailType": "signup"})).await;
        let answer = plain.opens(&world.newest_link("plain@example.org").await).await;
        assert_eq!(answer.location(), "http://site.test/?action=signup&success=true");
    }
}

story! {
    async fn unreadable_bodies_get_a_clear_answer(world: World) {
        let ada = world.visitor();
        let post = async |media: &str, body: String| {
            ada.request(Method::POST, "members/api/send-magic-link/", &[("content-type", media)], Some(body)).await
        };
        is_error(&post("application/json", "{".to_owned()).await, 400, "InternalServerError", "An unexpected error occurred, please try again.");
        is_error(&post("application/json", "[".repeat(5_000)).await, 400, "InternalServerError", "An unexpected error occurred, please try again.");
        is_error(&post("application/json", r#"{"email":"a@example.org","email":"b@example.org"}"#.to_owned()).await, 400, "InternalServerError", "An unexpected error occurred, please try again.");
        is_error(&post("text/plain", "{}".to_owned()).await, 415, "UnsupportedMediaTypeError", "Send the body as application/json.");
        is_error(&post("application/json", format!("{{\"email\":\"{}\"}}", "a".repeat(20_000))).await, 413, "RequestEntityTooLargeError", "The request is larger than this server takes.");
        is_error(&post("application/json", "\u{fffd}\"\\ud800".to_owned()).await, 400, "InternalServerError", "An unexpected error occurred, please try again.");
    }
}

story! {
    async fn what_is_not_there_is_said_in_the_envelope(world: World) {
        let ada = world.visitor();
        let nothing = ada.get("members/api/nope/").await;
        is_error(&nothing, 404, "NotFoundError", "Resource not found");
        assert_eq!(nothing.json()["errors"][0]["id"], nothing.header("x-request-id"), "one id tells all about a request");
        is_error(&ada.request(Method::PATCH, "members/api/session/", &[], None).await, 405, "MethodNotAllowedError", "This address does not take this method.");
        let page = ada.get("nowhere/").await;
        assert_eq!(page.status, 404);
        assert!(page.header("content-type").starts_with("text/html"));
        assert_eq!(page.header("server"), world.banner());
        assert_eq!(ada.request(Method::TRACE, "members/signin/", &[], None).await.status, 405);
    }
}

story! {
    async fn the_identity_token_can_be_checked_by_anybody(world: World) {
        let ada = world.member("ada@example.org").await;
        let token = ada.get("members/api/session/").await.body;
        let keys = world.visitor().get("members/.well-known/jwks.json").await;
        assert_eq!(keys.header("cache-control"), "public, max-age=600");
        assert_eq!(keys.header("access-control-allow-origin"), "*");
        let key = keys.json()["keys"][0].clone();
        let mut names: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["e", "kid", "kty", "n"]);
        let decoding = DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap()).unwrap();
        let issuer = format!("{}members/api", world.settings.url);
        let mut rules = Validation::new(Algorithm::RS512);
        rules.set_audience(&[&issuer]);
        rules.set_issuer(&[&issuer]);
        let decoded = jsonwebtoken::decode::<Value>(&token, &decoding, &rules).unwrap();
        assert_eq!(decoded.header.kid.as_deref(), key["kid"].as_str());
        let claims = decoded.claims;
        assert_eq!(claims["sub"], "ada@example.org");
        assert_eq!(claims["scope"], "members:identity");
        assert_eq!(claims["kid"], key["kid"]);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        assert_eq!(claims["member_id"].as_str().unwrap().len(), 24);
        world.restart().await;
        assert_eq!(world.visitor().get("members/.well-known/jwks.json").await.json()["keys"][0], key, "the key is kept");
    }
}

story! {
    async fn the_site_is_public(world: World) {
        let answer = world.visitor().request(Method::GET, "members/api/site/", &[("origin", "https://anybody.example")], None).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        let site = answer.json()["site"].clone();
        let mut keys: Vec<&str> = site.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, [
            "accent_color", "allow_external_signup", "cover_image", "description", "icon", "locale", "logo", "site_uuid", "timezone", "title",
            "url", "version",
        ]);
        assert_eq!(site["title"], "REX Wire");
        assert_eq!(site["site_uuid"], world.visitor().get("members/api/site").await.json()["site"]["site_uuid"]);
    }
}

story! {
    /// The description of the interface is served, at the address that it is served at.
    async fn the_description_is_served(world: World) {
        let answer = world.visitor().get("members/api/openapi.json").await;
        let described = answer.json();
        assert_eq!(described["openapi"], "3.1.0");
        assert_eq!(format!("{}/", described["servers"][0]["url"].as_str().unwrap()), world.settings.url.as_str());
        assert!(described["paths"]["/members/api/member/"]["put"].is_object());
        assert!(described["paths"].as_object().unwrap().len() > 140);
    }
}
