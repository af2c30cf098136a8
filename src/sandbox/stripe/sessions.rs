//! Visits to the hosted pages: Checkout in its three modes, and the billing portal.

use serde_json::{Value, json};

use super::customers;
use super::fault::{Answer, Fault};
use super::form::{Params, number};
use super::invoices::{self, text};
use super::state::{Card, State};
use super::subscriptions::{self, Begin};

const KNOWN: [&str; 23] = [
    "mode",
    "success_url",
    "cancel_url",
    "customer",
    "customer_email",
    "client_reference_id",
    "line_items",
    "metadata",
    "subscription_data",
    "setup_intent_data",
    "payment_intent_data",
    "discounts",
    "locale",
    "expires_at",
    "currency",
    "submit_type",
    "custom_fields",
    "customer_creation",
    "allow_promotion_codes",
    "payment_method_types",
    "automatic_tax",
    "ui_mode",
    "billing_address_collection",
];

pub fn create(state: &mut State, params: &Params) -> Answer<Value> {
    params.only(&KNOWN)?;
    let mode = params.need("mode")?.to_owned();
    params.need("success_url")?;
    if let Some(customer) = params.text("customer") {
        if customers::retrieve(state, customer).map_err(|_| Fault::no_such_param("customer", customer, "customer"))?["deleted"]
            == true
        {
            return Err(Fault::no_such_param("customer", customer, "customer"));
        }
        if params.get("customer_email").is_some() {
            return Err(Fault::invalid(
                "You may only specify one of these parameters: customer, customer_email.",
                "customer",
            ));
        }
    }
    let expires = params.number("expires_at")?.unwrap_or(state.now + 86_400);
    if !(state.now + 1_700..=state.now + 86_500).contains(&expires) {
        return Err(Fault::invalid(
            "The `expires_at` timestamp must be from 30 minutes to 24 hours from now.",
            "expires_at",
        ));
    }
    let item = params.list("line_items").first().map(|item| (*item).clone()).unwrap_or(Value::Null);
    let price = item["price"].as_str().map(str::to_owned);
    let (mut total, mut currency) = (0, params.text("currency").map(str::to_owned));
    match mode.as_str() {
        "setup" => {
            if price.is_some() {
                return Err(Fault::invalid("You can not pass `line_items` in `setup` mode.", "line_items"));
            }
            if currency.is_none() && params.get("payment_method_types").is_none() {
                return Err(Fault::missing("currency"));
            }
        }
        "subscription" | "payment" => {
            let id = price.clone().ok_or_else(|| Fault::missing("line_items"))?;
            let price = state.named("price", &id, "line_items[0][price]")?;
            if price["active"] != true {
                return Err(Fault::invalid("The price specified is inactive.", "line_items[0][price]"));
            }
            let recurs = !price["recurring"].is_null();
            if recurs != (mode == "subscription") {
                return Err(Fault::invalid("The price does not fit the mode.", "line_items[0][price]"));
            }
            total = price["unit_amount"].as_i64().unwrap_or(0);
            currency = Some(text(&price["currency"]));
        }
        other => return Err(Fault::invalid(format!("Invalid mode: {other}"), "mode")),
    }
    if mode != "subscription" && params.get("subscription_data").is_some() {
        return Err(Fault::invalid("`subscription_data` is only for `subscription` mode.", "subscription_data"));
    }
    if mode == "subscription" && params.get("submit_type").is_some() {
        return Err(Fault::invalid("`submit_type` is not for `subscription` mode.", "submit_type"));
    }
    let trial = number(params.at(&["subscription_data", "trial_period_days"]), "subscription_data[trial_period_days]")?;
    if trial.is_some_and(|days| !(1..=730).contains(&days)) {
        return Err(Fault::invalid("Invalid trial_period_days", "subscription_data[trial_period_days]"));
    }
    let coupon = params.list("discounts").first().and_then(|one| one["coupon"].as_str()).map(str::to_owned);
    if let Some(coupon) = &coupon {
        state.named("coupon", coupon, "discounts[0][coupon]")?;
    }
    let id = state.id("cs_test");
    let url = format!("{}c/pay/{id}", state.base);
    Ok(state.put(json!({
            "id": id, "object": "checkout.session", "mode": mode, "status": "open", "url": url,
            "payment_status": if mode == "setup" { "no_payment_required" } else { "unpaid" },
            "success_url": params.get("success_url"), "cancel_url": params.get("cancel_url"),
            "customer": params.get("customer"), "customer_email": params.get("customer_email"), "customer_details": null,
            "client_reference_id": params.get("client_reference_id"), "metadata": params.metadata(),
            "subscription": null, "setup_intent": null, "payment_intent": null, "amount_total": total, "currency": currency,
            "created": state.now, "expires_at": expires, "livemode": false, "locale": params.get("locale"),
            "custom_fields": params.get("custom_fields"), "submit_type": params.get("submit_type"),
            // What Stripe keeps to itself until the visit is finished.
            "sandbox": {
                "price": price, "trial_days": trial, "coupon": coupon,
                "subscription_metadata": params.at(&["subscription_data", "metadata"]),
                "setup_metadata": params.at(&["setup_intent_data", "metadata"]),
                "payment_metadata": params.at(&["payment_intent_data", "metadata"]),
            },
    })))
}

pub fn expire(state: &mut State, id: &str) -> Answer<Value> {
    let session = state.get("checkout.session", id)?;
    if session["status"] != "open" {
        return Err(Fault::invalid("Only Checkout Sessions with a status in [\"open\"] can be expired.", "id"));
    }
    let session = state.set(id, json!({"status": "expired", "url": null}));
    state.tell("checkout.session.expired", &session);
    Ok(session)
}

/// Ends the visits whose time is over.
pub fn expire_old(state: &mut State) {
    let is_old = |one: &&Value| one["status"] == "open" && one["expires_at"].as_i64() <= Some(state.now);
    let old: Vec<String> = state.each("checkout.session").filter(is_old).map(|one| text(&one["id"])).collect();
    for id in old {
        // It is open, so it can be expired.
        let _ = expire(state, &id);
    }
}

/// What somebody typed on a page.
pub struct Typed<'a> {
    pub email: &'a str,
    pub name: &'a str,
    pub card: &'a str,
    /// Minor units, for a donation.
    pub amount: Option<i64>,
    pub message: &'a str,
    /// The bank's own question was answered.
    pub confirmed: Option<bool>,
}

/// How a card number behaves, as Stripe's test cards do.
pub enum Number {
    Good(&'static str, Card),
    Declined,
    /// The bank asks its customer first.
    Asks,
    NotACard,
}

pub fn look_up(number: &str) -> Number {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    match digits.as_str() {
        "4242424242424242" => Number::Good("visa", Card::Pays),
        "5555555555554444" => Number::Good("mastercard", Card::Pays),
        "378282246310005" => Number::Good("amex", Card::Pays),
        "4000000000000341" => Number::Good("visa", Card::DeclinesLater),
        "4000000000000002" | "4000000000009995" => Number::Declined,
        "4000002500003155" | "4000002760003184" => Number::Asks,
        _ => Number::NotACard,
    }
}

/// Why a visit is not finished.
pub enum Unfinished {
    /// Said beside the card's field.
    Wrong(String),
    /// The bank's question is to be shown.
    Asks,
}

/// Somebody presses the button of Checkout.
pub fn finish(state: &mut State, id: &str, typed: &Typed<'_>) -> Result<Value, Unfinished> {
    let wrong = |fault: Fault| Unfinished::Wrong(fault.message);
    let session = state.get("checkout.session", id).map_err(wrong)?;
    if session["status"] != "open" {
        return Err(Unfinished::Wrong("This page has ended.".to_owned()));
    }
    let last4: String = typed
        .card
        .chars()
        .filter(char::is_ascii_digit)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .take(4)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    let (brand, behaves) = match (look_up(typed.card), typed.confirmed) {
        (Number::Good(brand, behaves), _) => (brand, behaves),
        (Number::Asks, None) => return Err(Unfinished::Asks),
        (Number::Asks, Some(true)) => ("visa", Card::Pays),
        (Number::Asks, Some(false)) => {
            return Err(Unfinished::Wrong("We could not verify your card. Please use another one.".to_owned()));
        }
        (Number::Declined, _) => return Err(Unfinished::Wrong("Your card was declined.".to_owned())),
        (Number::NotACard, _) => return Err(Unfinished::Wrong("Your card number is invalid.".to_owned())),
    };
    let email = session["customer_email"].as_str().unwrap_or(typed.email).to_owned();
    let mode = text(&session["mode"]);
    let customer = match session["customer"].as_str() {
        Some(customer) => customer.to_owned(),
        None => {
            if !email.contains('@') {
                return Err(Unfinished::Wrong("Please type your email address.".to_owned()));
            }
            let params = Params(json!({"email": email, "name": typed.name, "metadata": {}}));
            text(&customers::create(state, &params).map_err(wrong)?["id"])
        }
    };
    let card = customers::new_card(state, &last4, brand, behaves);
    customers::attach(state, &card, &customer).map_err(wrong)?;
    let hidden = session["sandbox"].clone();
    let metadata = |name: &str| hidden[name].as_object().map_or_else(|| json!({}), |map| Value::Object(map.clone()));
    let mut fields = json!({"customer": customer});
    match mode.as_str() {
        "subscription" => {
            if behaves == Card::DeclinesLater && hidden["trial_days"].is_null() {
                // The first payment goes through; it is the next ones that do not.
                state.cards.insert(card.clone(), Card::Pays);
            }
            let begun = subscriptions::begin(
                state,
                &Begin {
                    customer: &customer,
                    price: hidden["price"].as_str().unwrap_or_default(),
                    card: Some(&card),
                    trial_days: hidden["trial_days"].as_i64(),
                    coupon: hidden["coupon"].as_str(),
                    metadata: metadata("subscription_metadata"),
                },
            );
            state.cards.insert(card.clone(), behaves);
            let subscription = begun.map_err(wrong)?;
            fields["subscription"] = subscription["id"].clone();
            fields["payment_status"] =
                json!(if hidden["trial_days"].is_null() { "paid" } else { "no_payment_required" });
        }
        "payment" => {
            let price = hidden["price"].as_str().and_then(|id| state.find(id)).cloned().unwrap_or(Value::Null);
            let amount = match price["unit_amount"].as_i64() {
                Some(amount) => amount,
                None => typed
                    .amount
                    .filter(|amount| *amount > 0)
                    .ok_or_else(|| Unfinished::Wrong("Please type an amount.".to_owned()))?,
            };
            let about = metadata("payment_metadata");
            let paid = customers::charge(state, &customer, Some(&card), amount, &text(&price["currency"]), &about)
                .map_err(wrong)?;
            fields["payment_intent"] = paid["payment_intent"].clone();
            fields["payment_status"] = json!("paid");
            fields["amount_total"] = json!(amount);
            let mut custom = session["custom_fields"].clone();
            if custom[0].is_object() {
                custom[0]["text"] = json!({"value": typed.message});
                fields["custom_fields"] = custom;
            }
        }
        _ => {
            let intent = state.id("seti");
            state.put(json!({
                "id": intent, "object": "setup_intent", "status": "succeeded", "customer": customer,
                "payment_method": card, "metadata": metadata("setup_metadata"), "created": state.now, "livemode": false,
                "usage": "off_session",
            }));
            fields["setup_intent"] = json!(intent);
        }
    }
    let name = if typed.name.is_empty() { Value::Null } else { json!(typed.name) };
    let known = state.find(&customer).map_or(Value::Null, |customer| customer["email"].clone());
    fields["customer_details"] = json!({"email": if email.is_empty() { known } else { json!(email) }, "name": name});
    fields["status"] = json!("complete");
    fields["url"] = Value::Null;
    let session = state.set(id, fields);
    state.tell("checkout.session.completed", &session);
    Ok(session)
}

/// The address that the browser goes to after a finished visit.
pub fn success_url(session: &Value) -> String {
    text(&session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"].as_str().unwrap_or_default())
}

pub fn create_portal(state: &mut State, params: &Params) -> Answer<Value> {
    params.only(&["customer", "return_url", "configuration", "flow_data", "locale"])?;
    let customer = params.need("customer")?.to_owned();
    state.named("customer", &customer, "customer")?;
    let id = state.id("bps");
    let url = format!("{}p/session/{id}", state.base);
    Ok(state.put(json!({
        "id": id, "object": "billing_portal.session", "customer": customer, "return_url": params.get("return_url"),
        "url": url, "created": state.now, "livemode": false, "configuration": "bpc_sandbox",
    })))
}

/// Somebody types another card in the portal.
pub fn portal_card(state: &mut State, customer: &str, number: &str) -> Answer<()> {
    let Number::Good(brand, behaves) = look_up(number) else { return Err(Fault::declined()) };
    let last4 = &number[number.len().saturating_sub(4)..];
    let card = customers::new_card(state, last4, brand, behaves);
    customers::attach(state, &card, customer)?;
    customers::set_default(state, customer, &card);
    let changed = state.get("customer", customer)?;
    state.tell("customer.updated", &changed);
    for id in subscriptions::live_of(state, customer) {
        let after = state.set(&id, json!({"default_payment_method": card}));
        state.tell("customer.subscription.updated", &after);
        let open = after["latest_invoice"].as_str().map(str::to_owned);
        if let Some(invoice) = open.filter(|_| after["status"] == "past_due") {
            // A card that does not pay leaves the invoice open.
            let _ = invoices::pay(state, &invoice, Some(&card));
        }
    }
    Ok(())
}
