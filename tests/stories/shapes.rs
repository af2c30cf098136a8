//! The protocol's shapes, one file each in `tests/shapes/`: status, headers, keys and types.
//!
//! In a body `"string"`, `"number"`, `"boolean"`, `"null"` stand for a value of that type,
//! `"null|string"` for either, `"=text"` for that very text, `"text"` for any text that is no JSON.
//! An array has one shape for all its elements, or none when it must be empty; an object has exactly
//! these keys.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::story;
use crate::support::people::{Answer, Person};
use crate::support::world::World;

#[derive(Deserialize)]
struct Shape {
    request: Request,
    answer: Expected,
}

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "as")]
    who: String,
    method: String,
    path: String,
    json: Option<Value>,
}

#[derive(Deserialize)]
struct Expected {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Option<Value>,
}

/// What differs between `value` and its shape.
fn differs(value: &Value, shape: &Value, at: &str) -> Option<String> {
    let is = |kind: &str| match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        text => text.strip_prefix('=').is_some_and(|text| value == text),
    };
    match (shape, value) {
        (Value::String(kinds), _) if kinds.starts_with('=') => {
            (!is(kinds)).then(|| format!("{at} is {value}, not {kinds}"))
        }
        (Value::String(kinds), _) => (!kinds.split('|').any(is)).then(|| format!("{at} is {value}, not {kinds}")),
        (Value::Array(shapes), Value::Array(values)) => match shapes.first() {
            None => (!values.is_empty()).then(|| format!("{at} is not empty")),
            Some(_) if values.is_empty() => Some(format!("{at} is empty")),
            Some(shape) => values.iter().enumerate().find_map(|(n, value)| differs(value, shape, &format!("{at}/{n}"))),
        },
        (Value::Object(shapes), Value::Object(values)) => {
            let keys =
                |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<std::collections::BTreeSet<_>>();
            if keys(shapes) != keys(values) {
                let (wanted, given) = (keys(shapes), keys(values));
                let missing: Vec<_> = wanted.difference(&given).collect();
                let extra: Vec<_> = given.difference(&wanted).collect();
                return Some(format!("{at} lacks {missing:?} and has {extra:?} besides"));
            }
            shapes.iter().find_map(|(key, shape)| differs(&values[key], shape, &format!("{at}/{key}")))
        }
        _ => Some(format!("{at} is {value}, not {shape}")),
    }
}

/// Puts what a world made into the places of a request.
fn filled(text: &str, values: &BTreeMap<&'static str, String>) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

async fn send(person: &Person, request: &Request, values: &BTreeMap<&'static str, String>) -> Answer {
    let method: Method = request.method.parse().unwrap();
    let path = filled(request.path.trim_start_matches('/'), values);
    match &request.json {
        Some(Value::String(text)) if text == "{malformed}" => {
            person.request(method, &path, &[("content-type", "application/json")], Some("{".to_owned())).await
        }
        Some(json) => {
            let body = filled(&json.to_string(), values);
            person.request(method, &path, &[("content-type", "application/json")], Some(body)).await
        }
        None => person.request(method, &path, &[], None).await,
    }
}

async fn values(world: &World, email: &str, member: &Person, visitor: &Person) -> BTreeMap<&'static str, String> {
    let record = member.record().await.unwrap();
    let link: url::Url = record["unsubscribe_url"].as_str().unwrap().parse().unwrap();
    let query: BTreeMap<String, String> = link.query_pairs().into_owned().collect();
    let app = world.app().clone();
    let (content, admin) = world
        .look(move |conn| {
            use readership::staff::api_keys::{Kind, show};
            Ok((show(conn, &app.policy.key, Kind::Content)?.shown, show(conn, &app.policy.key, Kind::Admin)?.shown))
        })
        .await;
    let asked = visitor.asks_by_api(json!({"email": email, "emailType": "signin", "includeOTC": true})).await;
    let mail = world.nth_mail(email, 2).await.text();
    let code =
        mail.lines().map(str::trim).find(|line| line.len() == 6 && line.bytes().all(|b| b.is_ascii_digit())).unwrap();
    BTreeMap::from([
        ("email", email.to_owned()),
        ("uuid", query["uuid"].clone()),
        ("key", query["key"].clone()),
        ("newsletter", record["newsletters"][0]["id"].as_str().unwrap().to_owned()),
        ("content_key", content),
        ("admin_key", admin),
        ("identity", member.identity().await),
        ("integrity", visitor.integrity_token().await),
        ("reference", asked.json()["otc_ref"].as_str().unwrap().to_owned()),
        ("code", code.to_owned()),
    ])
}

story! {
    async fn every_answer_has_the_protocols_shape(world: World) {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shapes");
        let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        assert!(names.len() > 70);
        let (mut wrong, mut number) = (Vec::new(), 0);
        for path in names {
            let shape: Shape = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            // With and without the last slash; each time with a member who has just signed up.
            for slash in [true, false] {
                // Somebody new each time; mails of the one before may still be on their way.
                number += 1;
                let email = format!("ada{number}@example.org");
                let (member, visitor) = (world.member(&email).await, world.visitor());
                let values = values(&world, &email, &member, &visitor).await;
                let person = if shape.request.who == "member" { &member } else { &visitor };
                let mut request = Request { path: shape.request.path.clone(), who: String::new(), method: shape.request.method.clone(), json: shape.request.json.clone() };
                if !slash {
                    let (path, query) = request.path.split_once('?').map_or((request.path.as_str(), String::new()), |(path, query)| (path, format!("?{query}")));
                    request.path = format!("{}{query}", path.trim_end_matches('/'));
                }
                let answer = send(person, &request, &values).await;
                if answer.status.as_u16() != shape.answer.status {
                    wrong.push(format!("{name}: {} instead of {}: {}", answer.status, shape.answer.status, answer.body));
                    continue;
                }
                for (header, value) in &shape.answer.headers {
                    if answer.header(header) != value {
                        wrong.push(format!("{name}: {header} is {:?}", answer.header(header)));
                    }
                }
                match &shape.answer.body {
                    None if answer.body.is_empty() => {}
                    None => wrong.push(format!("{name}: a body, {}", answer.body)),
                    Some(Value::String(text)) if text == "text" => {
                        if answer.body.is_empty() { wrong.push(format!("{name}: no body")); }
                    }
                    Some(Value::String(text)) => {
                        if format!("={}", answer.body) != *text { wrong.push(format!("{name}: {:?} instead of {text}", answer.body)); }
                    }
                    Some(shape) => wrong.extend(differs(&answer.json(), shape, "").map(|how| format!("{name}: {how}"))),
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
