//! The description of the interface (OpenAPI 3.1), made from the very list that is served.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};

use super::operations::{About, Audience, Body, Holds, Verb};
use super::{admin, admin_api, answer, content_api, members_api, routes, site};
use crate::app::App;

/// `GET /members/api/openapi.json`.
pub async fn read(app: web::Data<App>) -> HttpResponse {
    let text = app.description.get_or_init(|| document(app.settings.url.as_str()).to_string().into());
    answer::public_text("public, max-age=600", text.clone())
}

/// The whole description, for a program at this address.
pub fn document(base: &str) -> Value {
    let (mut paths, mut kinds) = (Map::new(), Map::new());
    let programs = [routes::probes, members_api::operations, content_api::operations, admin_api::operations];
    let all = programs.into_iter().flat_map(|some| some()).chain(site::addresses::operations());
    for one in all {
        add(&mut paths, &mut kinds, one.path, one.verb, &one.about);
    }
    for address in admin::routes::all() {
        add(&mut paths, &mut kinds, address.path, address.verb, &address.about());
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Readership",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every address also answers without its last slash, and HEAD wherever GET is. \
                            All may answer 405 for another method, and 400, 414 or 431 for what is no request of HTTP.",
        },
        "servers": [{"url": base.trim_end_matches('/')}],
        "paths": paths,
        "components": {
            "schemas": {"Errors": errors()},
            "responses": kinds,
            "securitySchemes": {
                "member": {"type": "apiKey", "in": "cookie", "name": "readership-session"},
                "staff": {"type": "apiKey", "in": "cookie", "name": "readership-staff"},
                "program": {"type": "apiKey", "in": "header", "name": "authorization", "description": "Ghost and a token"},
            },
        },
    })
}

fn add(paths: &mut Map<String, Value>, kinds: &mut Map<String, Value>, path: &str, verb: Verb, about: &About) {
    // A file or a probe is written without the last slash.
    let is_bare = path.ends_with('z') && path.matches('/').count() == 1
        || path.rsplit('/').next().is_some_and(|last| last.contains('.'));
    let entry = paths.entry(if is_bare { path.to_owned() } else { format!("{path}/") }).or_insert_with(|| json!({}));
    entry[verb.name()] = operation(path, about, kinds);
}

fn operation(path: &str, about: &About, kinds: &mut Map<String, Value>) -> Value {
    let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path =
        in_path.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let in_query = about.query.iter().map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}}));
    let mut operation = json!({
        "summary": about.summary,
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": responses(about, kinds),
    });
    if let Some(body) = body(about.body) {
        operation["requestBody"] = json!({"content": body});
    }
    let security = match about.audience {
        Audience::Staff => "staff",
        Audience::Programs if path.starts_with("/ghost/api/admin/") => "program",
        _ if path.starts_with("/members/") => "member",
        _ => return operation,
    };
    // Asking without is answered too, as the list of answers says.
    operation["security"] = json!([{}, {security: []}]);
    operation
}

/// The answers of an operation. Each kind stands once in the document, and is pointed at.
fn responses(about: &About, kinds: &mut Map<String, Value>) -> Value {
    let mut statuses: Vec<u16> = about.answers.iter().map(|(status, _)| *status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let mut responses = Map::new();
    for status in statuses {
        let holds: Vec<Holds> =
            about.answers.iter().filter(|(known, _)| *known == status).map(|(_, holds)| *holds).collect();
        let name = holds.iter().fold(status.to_string(), |name, holds| format!("{name}{holds:?}"));
        responses.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{name}")}));
        kinds.entry(name).or_insert_with(|| response(status, &holds));
    }
    Value::Object(responses)
}

fn response(status: u16, holds: &[Holds]) -> Value {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    let mut response = json!({"description": reason});
    // What may come without a body is described without one.
    if !holds.contains(&Holds::Nothing) {
        for (kind, schema) in holds.iter().filter_map(|holds| content(status, *holds)) {
            response["content"][kind] = json!({"schema": schema});
        }
    }
    response
}

/// Media type and schema of what an answer holds.
fn content(status: u16, holds: Holds) -> Option<(&'static str, Value)> {
    Some(match holds {
        Holds::Nothing => return None,
        Holds::Json if status >= 400 => ("application/json", json!({"$ref": "#/components/schemas/Errors"})),
        Holds::Json => ("application/json", json!({"type": "object"})),
        Holds::Text => ("text/plain", json!({"type": "string"})),
        Holds::Page => ("text/html", json!({"type": "string"})),
        Holds::Script => ("text/javascript", json!({"type": "string"})),
        Holds::Events => ("text/event-stream", json!({"type": "string"})),
        Holds::File => ("application/json", json!({"type": "object"})),
    })
}

fn body(body: Body) -> Option<Value> {
    let object = |names: &[&str], schema: Value| {
        let properties: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), schema.clone())).collect();
        json!({"schema": {"type": "object", "properties": properties}})
    };
    Some(match body {
        Body::Nothing => return None,
        Body::Json(names) => json!({"application/json": object(names, json!({}))}),
        Body::Form(names) => json!({"application/x-www-form-urlencoded": object(names, json!({"type": "string"}))}),
        Body::File => json!({"multipart/form-data": object(&["file"], json!({"type": "string"}))}),
        Body::Signed => json!({"application/json": {"schema": {"type": "object"}}}),
    })
}

/// The envelope of errors (protocol D.2).
fn errors() -> Value {
    let text = json!({"type": "string"});
    let maybe = json!({"type": ["string", "null"]});
    json!({
        "type": "object",
        "required": ["errors"],
        "properties": {"errors": {"type": "array", "minItems": 1, "items": {
            "type": "object",
            "required": ["message", "type", "id"],
            "properties": {
                "message": text, "type": text, "id": text, "context": maybe, "code": maybe, "property": maybe,
                "details": {}, "help": maybe, "ghostErrorCode": maybe,
            },
        }}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever changes the interface looks at `docs/openapi.json` too. `cargo test the_description -- --nocapture`
    /// with `READERSHIP_WRITE_DESCRIPTION=1` writes it anew.
    #[test]
    fn the_description_is_published() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
        let now = format!("{:#}\n", document("https://members.example.com/"));
        if std::env::var_os("READERSHIP_WRITE_DESCRIPTION").is_some() {
            std::fs::write(&file, &now).unwrap();
        }
        let published = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(published == now, "docs/openapi.json is not what is served");
    }
}
