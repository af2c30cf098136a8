//! Products, prices, coupons.

use serde_json::{Value, json};

use super::fault::{Answer, Fault};
use super::form::{Params, number};
use super::state::State;

pub fn create_product(state: &mut State, params: &Params) -> Answer<Value> {
    params.only(&["name", "id", "active", "description", "metadata", "url", "images", "unit_label"])?;
    let name = params.need("name")?.to_owned();
    let id = match params.text("id") {
        Some(id) if state.find(id).is_some() => return Err(Fault::exists(format!("Product already exists: {id}"))),
        Some(id) => id.to_owned(),
        None => state.id("prod"),
    };
    let product = state.put(json!({
        "id": id, "object": "product", "active": true, "name": name, "created": state.now, "updated": state.now,
        "description": params.get("description"), "metadata": params.metadata(), "livemode": false, "images": [],
        "default_price": null,
    }));
    state.tell("product.created", &product);
    Ok(product)
}

pub fn update_product(state: &mut State, id: &str, params: &Params) -> Answer<Value> {
    params.only(&["name", "active", "description", "metadata", "default_price"])?;
    state.get("product", id)?;
    if let Some(name) = params.text("name") {
        state.set(id, json!({"name": name}));
    }
    if let Some(active) = params.flag("active")? {
        state.set(id, json!({"active": active}));
    }
    let product = state.set(id, json!({"updated": state.now}));
    state.tell("product.updated", &product);
    Ok(product)
}

/// What anything can cost at least and at most, in its minor unit.
const MOST: i64 = 99_999_999;

pub fn create_price(state: &mut State, params: &Params) -> Answer<Value> {
    params.only(&[
        "currency",
        "product",
        "unit_amount",
        "active",
        "nickname",
        "recurring",
        "lookup_key",
        "custom_unit_amount",
        "metadata",
        "tax_behavior",
    ])?;
    let currency = params.need("currency")?.to_ascii_lowercase();
    if currency.len() != 3 {
        return Err(Fault::invalid(format!("Invalid currency: {currency}"), "currency"));
    }
    let product = params.need("product")?.to_owned();
    state.named("product", &product, "product")?;
    let amount = params.number("unit_amount")?;
    let chosen = params.at(&["custom_unit_amount", "enabled"]).and_then(Value::as_str) == Some("true");
    if amount.is_none() && !chosen {
        return Err(Fault::missing("unit_amount"));
    }
    if amount.is_some_and(|amount| !(0..=MOST).contains(&amount)) {
        return Err(Fault::invalid("Invalid unit_amount", "unit_amount"));
    }
    let lookup_key = params.text("lookup_key");
    let taken = |price: &Value| lookup_key.is_some_and(|key| price["lookup_key"] == key);
    if state.each("price").any(taken) {
        return Err(Fault::invalid("A price already uses that lookup key.", "lookup_key"));
    }
    let recurring = match params.at(&["recurring", "interval"]).and_then(Value::as_str) {
        Some(interval) if ["day", "week", "month", "year"].contains(&interval) => {
            json!({"interval": interval, "interval_count": 1, "usage_type": "licensed"})
        }
        Some(other) => return Err(Fault::invalid(format!("Invalid interval: {other}"), "recurring[interval]")),
        None => Value::Null,
    };
    let preset = number(params.at(&["custom_unit_amount", "preset"]), "custom_unit_amount[preset]")?;
    let id = state.id("price");
    let price = state.put(json!({
            "id": id, "object": "price", "active": true, "currency": currency, "product": product,
            "unit_amount": amount, "nickname": params.get("nickname"), "lookup_key": lookup_key,
            "type": if recurring.is_null() { "one_time" } else { "recurring" }, "recurring": recurring,
            "custom_unit_amount": if chosen { json!({"preset": preset, "minimum": null, "maximum": null}) } else { Value::Null },
            "billing_scheme": "per_unit", "created": state.now, "livemode": false, "metadata": params.metadata(),
        }));
    state.tell("price.created", &price);
    Ok(price)
}

pub fn update_price(state: &mut State, id: &str, params: &Params) -> Answer<Value> {
    params.only(&["active", "nickname", "metadata", "lookup_key"])?;
    state.get("price", id)?;
    if let Some(active) = params.flag("active")? {
        state.set(id, json!({"active": active}));
    }
    let price = state.get("price", id)?;
    state.tell("price.updated", &price);
    Ok(price)
}

pub fn list_prices(state: &State, params: &Params) -> Answer<Value> {
    let keys = params.texts("lookup_keys");
    let active = params.flag("active")?;
    state.page("price", "/v1/prices", params, |price| {
        let fits_key = keys.is_empty() || keys.iter().any(|key| price["lookup_key"] == *key);
        fits_key
            && active.is_none_or(|active| price["active"] == active)
            && params.text("product").is_none_or(|product| price["product"] == product)
    })
}

pub fn create_coupon(state: &mut State, params: &Params) -> Answer<Value> {
    params.only(&[
        "id",
        "name",
        "duration",
        "duration_in_months",
        "percent_off",
        "amount_off",
        "currency",
        "metadata",
        "max_redemptions",
        "redeem_by",
    ])?;
    let percent: Option<f64> = match params.text("percent_off") {
        Some(text) => Some(text.parse().map_err(|_| Fault::invalid("Invalid percent_off", "percent_off"))?),
        None => None,
    };
    let amount = params.number("amount_off")?;
    if percent.is_some() == amount.is_some() {
        return Err(Fault::invalid("You must pass one of percent_off and amount_off.", "percent_off"));
    }
    if percent.is_some_and(|percent| percent <= 0.0 || percent > 100.0) {
        return Err(Fault::invalid("percent_off is more than 0 and at most 100.", "percent_off"));
    }
    if amount.is_some() {
        params.need("currency")?;
    }
    let duration = params.text("duration").unwrap_or("once");
    let months = params.number("duration_in_months")?;
    if !["once", "repeating", "forever"].contains(&duration) || (duration == "repeating") != months.is_some() {
        return Err(Fault::invalid("duration and duration_in_months do not fit.", "duration"));
    }
    if params.text("name").is_some_and(|name| name.chars().count() > 40) {
        return Err(Fault::invalid("Invalid string: name is at most 40 characters.", "name"));
    }
    let id = match params.text("id") {
        Some(id) if state.find(id).is_some() => return Err(Fault::exists("Coupon already exists.")),
        Some(id) => id.to_owned(),
        None => state.id("coupon"),
    };
    Ok(state.put(json!({
        "id": id, "object": "coupon", "name": params.get("name"), "percent_off": percent, "amount_off": amount,
        "currency": params.get("currency"), "duration": duration, "duration_in_months": months, "valid": true,
        "times_redeemed": 0, "created": state.now, "livemode": false, "metadata": params.metadata(),
    })))
}
