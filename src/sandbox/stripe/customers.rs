//! Customers and their cards.

use serde_json::{Value, json};

use super::fault::{Answer, Fault};
use super::form::Params;
use super::state::{Card, State};
use super::subscriptions;

pub fn create(state: &mut State, params: &Params) -> Answer<Value> {
    params.only(&[
        "email",
        "name",
        "metadata",
        "description",
        "payment_method",
        "invoice_settings",
        "preferred_locales",
    ])?;
    let id = state.id("cus");
    let customer = state.put(json!({
        "id": id, "object": "customer", "email": params.get("email"), "name": params.get("name"),
        "description": params.get("description"), "metadata": params.metadata(), "balance": 0, "created": state.now,
        "livemode": false, "currency": null, "default_source": null, "delinquent": false, "discount": null,
        "invoice_prefix": format!("RW{:06}", state.each("customer").count() + 1), "next_invoice_sequence": 1,
        "invoice_settings": {"default_payment_method": null, "custom_fields": null, "footer": null},
        "preferred_locales": [], "shipping": null, "tax_exempt": "none",
    }));
    state.tell("customer.created", &customer);
    if let Some(method) = params.text("payment_method") {
        attach(state, method, &id)?;
    }
    default_card(state, &id, params)?;
    state.get("customer", &id)
}

fn default_card(state: &mut State, id: &str, params: &Params) -> Answer<()> {
    let Some(method) = params.at(&["invoice_settings", "default_payment_method"]).and_then(Value::as_str) else {
        return Ok(());
    };
    let card = state.named("payment_method", method, "invoice_settings[default_payment_method]")?;
    if card["customer"] != id {
        return Err(Fault::invalid(
            "The customer does not have a payment method with that ID.",
            "invoice_settings[default_payment_method]",
        ));
    }
    set_default(state, id, method);
    Ok(())
}

pub fn set_default(state: &mut State, id: &str, method: &str) {
    let mut settings = state.find(id).map_or(Value::Null, |customer| customer["invoice_settings"].clone());
    settings["default_payment_method"] = json!(method);
    state.set(id, json!({"invoice_settings": settings}));
}

pub fn retrieve(state: &State, id: &str) -> Answer<Value> {
    let customer = state.get("customer", id)?;
    if customer["deleted"] == true {
        return Ok(json!({"id": id, "object": "customer", "deleted": true}));
    }
    Ok(customer)
}

pub fn update(state: &mut State, id: &str, params: &Params) -> Answer<Value> {
    params.only(&["email", "name", "metadata", "description", "invoice_settings"])?;
    if retrieve(state, id)?["deleted"] == true {
        return Err(Fault::no_such("customer", id));
    }
    for field in ["email", "name", "description"] {
        if let Some(value) = params.get(field) {
            state.set(id, json!({field: value}));
        }
    }
    merge_metadata(state, id, params);
    default_card(state, id, params)?;
    let customer = state.get("customer", id)?;
    state.tell("customer.updated", &customer);
    Ok(customer)
}

/// Given keys are set, empty ones unset, the others stay.
pub fn merge_metadata(state: &mut State, id: &str, params: &Params) {
    let Some(given) = params.get("metadata").and_then(Value::as_object) else { return };
    let mut metadata = state.find(id).map_or(json!({}), |object| object["metadata"].clone());
    for (name, value) in given {
        match (value.as_str(), metadata.as_object_mut()) {
            (Some(""), Some(map)) => drop(map.remove(name)),
            (_, Some(map)) => drop(map.insert(name.clone(), value.clone())),
            _ => {}
        }
    }
    state.set(id, json!({"metadata": metadata}));
}

/// Deletes a customer; what they subscribed to ends at once.
pub fn delete(state: &mut State, id: &str) -> Answer<Value> {
    let customer = state.get("customer", id)?;
    for subscription in subscriptions::live_of(state, id) {
        subscriptions::end(state, &subscription, state.now, None);
    }
    state.set(id, json!({"deleted": true}));
    state.tell("customer.deleted", &customer);
    Ok(json!({"id": id, "object": "customer", "deleted": true}))
}

/// A card that was typed on a page, or one of Stripe's test cards by name.
pub fn new_card(state: &mut State, last4: &str, brand: &str, behaves: Card) -> String {
    let id = state.id("pm");
    state.cards.insert(id.clone(), behaves);
    // The same number has the same fingerprint, whoever types it.
    let fingerprint = format!("fp_{brand}_{last4}");
    state.put(json!({
        "id": id, "object": "payment_method", "type": "card", "customer": null, "created": state.now, "livemode": false,
        "billing_details": {"email": null, "name": null, "phone": null, "address": null}, "metadata": {},
        "card": {
            "brand": brand, "last4": last4, "exp_month": 12, "exp_year": expiry_year(state.now),
            "fingerprint": fingerprint, "funding": "credit", "country": "US",
        },
    }));
    id
}

fn expiry_year(now: i64) -> i32 {
    time::OffsetDateTime::from_unix_timestamp(now).map_or(2040, |at| at.year() + 3)
}

pub fn attach(state: &mut State, method: &str, customer: &str) -> Answer<Value> {
    state.named("customer", customer, "customer")?;
    let method = match method {
        "pm_card_visa" => new_card(state, "4242", "visa", Card::Pays),
        "pm_card_mastercard" => new_card(state, "4444", "mastercard", Card::Pays),
        "pm_card_chargeCustomerFail" => new_card(state, "0341", "visa", Card::DeclinesLater),
        other => other.to_owned(),
    };
    state.get("payment_method", &method)?;
    let card = state.set(&method, json!({"customer": customer}));
    state.tell("payment_method.attached", &card);
    Ok(card)
}

/// The card that pays for a subscription.
pub fn card_of(state: &State, subscription: &Value) -> Option<String> {
    let own = subscription["default_payment_method"].as_str();
    let customer = subscription["customer"].as_str().and_then(|id| state.find(id));
    let default = customer.and_then(|customer| customer["invoice_settings"]["default_payment_method"].as_str());
    own.or(default).map(str::to_owned)
}

/// Takes money from a card. Every try leaves a charge.
pub fn charge(
    state: &mut State,
    customer: &str,
    card: Option<&str>,
    amount: i64,
    currency: &str,
    about: &Value,
) -> Answer<Value> {
    let pays = card.and_then(|card| state.cards.get(card)) == Some(&Card::Pays);
    let (id, intent) = (state.id("ch"), state.id("pi"));
    let charge = state.put(json!({
        "id": id, "object": "charge", "amount": amount, "amount_captured": if pays { amount } else { 0 },
        "amount_refunded": 0, "currency": currency, "customer": customer, "created": state.now, "paid": pays,
        "captured": pays, "refunded": false, "disputed": false, "status": if pays { "succeeded" } else { "failed" },
        "payment_intent": intent, "payment_method": card, "livemode": false, "metadata": about,
        "failure_code": if pays { Value::Null } else { json!("card_declined") },
        "receipt_url": if pays { json!(format!("{}receipts/{id}", state.base)) } else { Value::Null },
    }));
    state.put(json!({
        "id": intent, "object": "payment_intent", "amount": amount, "currency": currency, "customer": customer,
        "status": if pays { "succeeded" } else { "requires_payment_method" }, "latest_charge": id, "created": state.now,
        "payment_method": card, "livemode": false, "metadata": about,
    }));
    if !pays {
        state.tell("charge.failed", &charge);
        return Err(Fault::declined());
    }
    state.tell("charge.succeeded", &charge);
    Ok(charge)
}

/// Gives money back, whole or in part. Without an amount: all that is left.
pub fn refund(state: &mut State, charge: &str, amount: Option<i64>) -> Answer<Value> {
    let paid = state.named("charge", charge, "charge")?;
    let (whole, before) = (paid["amount"].as_i64().unwrap_or(0), paid["amount_refunded"].as_i64().unwrap_or(0));
    let amount = amount.unwrap_or(whole - before);
    if amount <= 0 || before + amount > whole {
        return Err(Fault::invalid("Refund amount is greater than unrefunded amount on charge", "amount"));
    }
    let after = state.set(charge, json!({"amount_refunded": before + amount, "refunded": before + amount == whole}));
    state.tell("charge.refunded", &after);
    let id = state.id("re");
    Ok(state.put(json!({
        "id": id, "object": "refund", "amount": amount, "charge": charge, "currency": paid["currency"],
        "created": state.now, "status": "succeeded", "payment_intent": paid["payment_intent"], "metadata": {},
    })))
}

/// The payer's bank takes money back, against the will of whoever was paid.
pub fn dispute(state: &mut State, charge: &str) -> Answer<Value> {
    let paid = state.named("charge", charge, "charge")?;
    state.set(charge, json!({"disputed": true}));
    let id = state.id("dp");
    let dispute = state.put(json!({
        "id": id, "object": "dispute", "amount": paid["amount"], "charge": charge, "currency": paid["currency"],
        "created": state.now, "status": "needs_response", "reason": "fraudulent", "livemode": false,
    }));
    state.tell("charge.dispute.created", &dispute);
    Ok(dispute)
}

pub fn list_charges(state: &State, params: &Params) -> Answer<Value> {
    state.page("charge", "/v1/charges", params, |charge| {
        params.text("customer").is_none_or(|id| charge["customer"] == id)
            && params.text("payment_intent").is_none_or(|id| charge["payment_intent"] == id)
    })
}

pub fn list_cards(state: &State, params: &Params) -> Answer<Value> {
    state.page("payment_method", "/v1/payment_methods", params, |card| {
        params.text("customer").is_none_or(|id| card["customer"] == id)
    })
}

/// What is left of a balance after an invoice, and what the invoice still costs.
pub fn use_balance(state: &mut State, customer: &str, total: i64) -> i64 {
    let balance = state.find(customer).and_then(|customer| customer["balance"].as_i64()).unwrap_or(0);
    let due = total + balance;
    state.set(customer, json!({"balance": due.min(0)}));
    due.max(0)
}
