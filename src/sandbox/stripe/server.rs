//! Every address of the interface, and the rules that all calls share: the key, idempotency,
//! expansion, and what hostile orders make of an answer.

use std::io;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde_json::{Value, json};

use super::fault::{Answer, Fault};
use super::form::Params;
use super::orders::Fate;
use super::state::{Call, Kept, State};
use super::{StandIn, catalogue, customers, invoices, pages, sessions, subscriptions};

/// The interface under `/v1/`, and the pages.
pub fn routes(stand_in: StandIn) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config.app_data(web::Data::new(stand_in)).configure(pages::routes).default_service(web::route().to(handle));
    }
}

async fn handle(stand_in: web::Data<StandIn>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let (fate, wait) = stand_in.orders.draw();
    tokio::time::sleep(wait).await;
    match fate {
        Fate::Silence => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            return broken_off();
        }
        Fate::TooMany => return refuse(&Fault::too_many()),
        Fate::OwnFault => return refuse(&Fault::own()),
        Fate::Answered | Fate::Lost => {}
    }
    stand_in.catch_up();
    let (status, answer, repeated) = take(&stand_in, &request, &body);
    if fate == Fate::Lost {
        return broken_off();
    }
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or_default());
    response.insert_header(("request-id", "req_sandbox")).insert_header(("stripe-version", super::VERSION));
    if repeated {
        response.insert_header(("idempotent-replayed", "true"));
    }
    response.json(answer)
}

/// A connection that ends in the middle of an answer.
fn broken_off() -> HttpResponse {
    let lost = stream::once(async { Err::<Bytes, io::Error>(io::ErrorKind::ConnectionReset.into()) });
    HttpResponse::Ok().streaming(lost)
}

fn refuse(fault: &Fault) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(fault.status).unwrap_or_default()).json(fault.to_json())
}

/// Does a call once for each idempotency key.
fn take(stand_in: &StandIn, request: &HttpRequest, body: &[u8]) -> (u16, Value, bool) {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let authorized = header("authorization").is_some_and(|value| {
        value.starts_with("Bearer sk_test_") || value.starts_with("Bearer rk_test_") || value.starts_with("Basic ")
    });
    if !authorized {
        return (401, Fault::no_key().to_json(), false);
    }
    let is_post = request.method() == "POST";
    let text = if is_post { String::from_utf8_lossy(body).into_owned() } else { request.query_string().to_owned() };
    let params = match Params::parse(&text) {
        Ok(params) => params,
        Err(fault) => return (fault.status, fault.to_json(), false),
    };
    let key = header("idempotency-key").filter(|_| is_post);
    let mut state = stand_in.lock();
    state.calls.push(Call {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        params: params.0.clone(),
        key: key.clone(),
        version: header("stripe-version"),
    });
    let said = format!("{} {} {text}", request.method(), request.path());
    if let Some(kept) = key.as_ref().and_then(|key| state.kept.get(key)) {
        if kept.request != said {
            return (400, Fault::other_request().to_json(), false);
        }
        return (kept.status, kept.body.clone(), true);
    }
    let (status, answer) = match answer(&mut state, request.method().as_str(), request.path(), &params) {
        Ok(answer) => (200, answer),
        Err(fault) => (fault.status, fault.to_json()),
    };
    // What failed before any work was done is not kept.
    if let Some(key) = key.filter(|_| !matches!(status, 400 | 401 | 404)) {
        state.kept.insert(key, Kept { request: said, status, body: answer.clone() });
    }
    (status, answer, false)
}

/// One call.
pub fn answer(state: &mut State, method: &str, path: &str, params: &Params) -> Answer<Value> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let mut found = route(state, method, &parts, params)?;
    state.expand(&mut found, params)?;
    hide(&mut found);
    Ok(found)
}

fn route(state: &mut State, method: &str, parts: &[&str], params: &Params) -> Answer<Value> {
    match (method, parts) {
        ("POST", ["v1", "products"]) => catalogue::create_product(state, params),
        ("GET", ["v1", "products", id]) => state.get("product", id),
        ("POST", ["v1", "products", id]) => catalogue::update_product(state, id, params),
        ("GET", ["v1", "products"]) => state.page("product", "/v1/products", params, |_| true),
        ("POST", ["v1", "prices"]) => catalogue::create_price(state, params),
        ("GET", ["v1", "prices"]) => catalogue::list_prices(state, params),
        ("GET", ["v1", "prices", id]) => state.get("price", id),
        ("POST", ["v1", "prices", id]) => catalogue::update_price(state, id, params),
        ("POST", ["v1", "coupons"]) => catalogue::create_coupon(state, params),
        ("GET", ["v1", "coupons", id]) => state.get("coupon", id),
        ("POST", ["v1", "customers"]) => customers::create(state, params),
        ("GET", ["v1", "customers"]) => state.page("customer", "/v1/customers", params, |customer| {
            customer["deleted"] != true && params.text("email").is_none_or(|email| customer["email"] == email)
        }),
        ("GET", ["v1", "customers", id]) => customers::retrieve(state, id),
        ("POST", ["v1", "customers", id]) => customers::update(state, id, params),
        ("DELETE", ["v1", "customers", id]) => customers::delete(state, id),
        ("GET", ["v1", "payment_methods"]) => customers::list_cards(state, params),
        ("GET", ["v1", "payment_methods", id]) => state.get("payment_method", id),
        ("POST", ["v1", "payment_methods", id, "attach"]) => {
            let customer = params.need("customer")?.to_owned();
            customers::attach(state, id, &customer)
        }
        ("GET", ["v1", "setup_intents", id]) => state.get("setup_intent", id),
        ("GET", ["v1", "payment_intents", id]) => state.get("payment_intent", id),
        ("GET", ["v1", "charges"]) => customers::list_charges(state, params),
        ("GET", ["v1", "charges", id]) => state.get("charge", id),
        ("POST", ["v1", "refunds"]) => {
            params.only(&["charge", "amount", "reason", "metadata", "payment_intent"])?;
            let charge = params.need("charge")?.to_owned();
            customers::refund(state, &charge, params.number("amount")?)
        }
        ("POST", ["v1", "checkout", "sessions"]) => sessions::create(state, params),
        ("GET", ["v1", "checkout", "sessions"]) => {
            state.page("checkout.session", "/v1/checkout/sessions", params, |_| true)
        }
        ("GET", ["v1", "checkout", "sessions", id]) => state.get("checkout.session", id),
        ("POST", ["v1", "checkout", "sessions", id, "expire"]) => sessions::expire(state, id),
        ("POST", ["v1", "billing_portal", "sessions"]) => sessions::create_portal(state, params),
        ("POST", ["v1", "subscriptions"]) => subscriptions::create(state, params),
        ("GET", ["v1", "subscriptions"]) => subscriptions::list(state, params),
        ("GET", ["v1", "subscriptions", id]) => state.get("subscription", id),
        ("POST", ["v1", "subscriptions", id]) => subscriptions::update(state, id, params),
        ("DELETE", ["v1", "subscriptions", id]) => subscriptions::cancel(state, id),
        ("DELETE", ["v1", "subscriptions", id, "discount"]) => subscriptions::drop_discount(state, id),
        ("POST", ["v1", "invoices", "create_preview"]) => invoices::preview(state, params),
        ("GET", ["v1", "invoices"]) => invoices::list(state, params),
        ("GET", ["v1", "invoices", id]) => state.get("invoice", id),
        ("POST", ["v1", "invoices", id, "pay"]) => invoices::pay_by_call(state, id, params),
        ("GET", ["v1", "events"]) => events(state, params),
        ("GET", ["v1", "events", id]) => state.get("event", id),
        ("GET", ["v1", "balance"]) => {
            Ok(json!({"object": "balance", "available": [], "pending": [], "livemode": false}))
        }
        ("POST", ["v1", "webhook_endpoints"]) => create_endpoint(state, params),
        ("GET", ["v1", "webhook_endpoints"]) => endpoints(state, params),
        ("POST", ["v1", "webhook_endpoints", id]) => update_endpoint(state, id, params),
        ("DELETE", ["v1", "webhook_endpoints", id]) => {
            state.get("webhook_endpoint", id)?;
            state.remove(id);
            Ok(json!({"id": id, "object": "webhook_endpoint", "deleted": true}))
        }
        _ => Err(Fault::no_address(method, &parts.join("/"))),
    }
}

/// What only the stand-in knows of an object does not leave it.
fn hide(answer: &mut Value) {
    match answer {
        Value::Object(map) => {
            map.remove("sandbox");
            map.values_mut().for_each(hide);
        }
        Value::Array(list) => list.iter_mut().for_each(hide),
        _ => {}
    }
}

fn events(state: &State, params: &Params) -> Answer<Value> {
    let types = params.texts("types");
    let from = super::form::number(params.at(&["created", "gte"]), "created[gte]")?;
    state.page("event", "/v1/events", params, |event| {
        let kind = event["type"].as_str().unwrap_or_default();
        (types.is_empty() || types.iter().any(|wanted| wanted == kind))
            && params.text("type").is_none_or(|wanted| wanted == kind)
            && from.is_none_or(|from| event["created"].as_i64() >= Some(from))
    })
}

fn create_endpoint(state: &mut State, params: &Params) -> Answer<Value> {
    params.only(&["url", "enabled_events", "api_version", "description", "metadata", "connect"])?;
    let url = params.need("url")?.to_owned();
    let events = params.texts("enabled_events");
    if events.is_empty() {
        return Err(Fault::missing("enabled_events"));
    }
    let id = state.id("we");
    let secret = format!("whsec_{}", data_encoding::HEXLOWER.encode(&crate::secrets::random::<16>()));
    let version = params.text("api_version").unwrap_or(super::VERSION);
    Ok(state.put(json!({
        "id": id, "object": "webhook_endpoint", "url": url, "status": "enabled", "enabled_events": events,
        "api_version": version, "description": params.get("description"), "created": state.now, "livemode": false,
        "metadata": params.metadata(), "secret": secret,
    })))
}

/// Endpoints without their secrets: those are told once.
fn endpoints(state: &State, params: &Params) -> Answer<Value> {
    let mut page = state.page("webhook_endpoint", "/v1/webhook_endpoints", params, |_| true)?;
    for endpoint in page["data"].as_array_mut().into_iter().flatten() {
        if let Some(map) = endpoint.as_object_mut() {
            map.remove("secret");
        }
    }
    Ok(page)
}

fn update_endpoint(state: &mut State, id: &str, params: &Params) -> Answer<Value> {
    params.only(&["url", "enabled_events", "disabled", "description", "metadata"])?;
    state.get("webhook_endpoint", id)?;
    let events = params.texts("enabled_events");
    if !events.is_empty() {
        state.set(id, json!({"enabled_events": events}));
    }
    if let Some(url) = params.text("url") {
        state.set(id, json!({"url": url}));
    }
    if let Some(disabled) = params.flag("disabled")? {
        state.set(id, json!({"status": if disabled { "disabled" } else { "enabled" }}));
    }
    let mut endpoint = state.get("webhook_endpoint", id)?;
    if let Some(map) = endpoint.as_object_mut() {
        map.remove("secret");
    }
    Ok(endpoint)
}
