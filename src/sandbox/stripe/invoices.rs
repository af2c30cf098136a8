//! Invoices: made when a period begins or a plan changes, paid at once where the card lets them.

use serde_json::{Value, json};

use super::calendar::{self, DAY};
use super::customers::{self, card_of};
use super::fault::{Answer, Fault};
use super::form::Params;
use super::state::State;
use super::subscriptions;

/// A line about to be put on an invoice.
pub struct Line {
    pub description: String,
    pub amount: i64,
    pub price: String,
    pub start: i64,
    pub end: i64,
    pub is_proration: bool,
}

/// Days from one try at a payment to the next; after the last one Stripe gives up.
const RETRY_DAYS: [i64; 3] = [3, 5, 7];

/// What a subscription's discount takes off.
pub fn discount_of(state: &State, subscription: &Value, amount: i64) -> i64 {
    let ids = subscription["discounts"].as_array().into_iter().flatten().filter_map(Value::as_str);
    ids.filter_map(|id| state.find(id))
        .filter(|discount| discount["end"].as_i64().is_none_or(|end| end > state.now))
        .filter_map(|discount| state.find(discount["source"]["coupon"].as_str()?))
        .map(|coupon| match (coupon["percent_off"].as_f64(), coupon["amount_off"].as_i64()) {
            (Some(percent), _) => (amount as f64 * percent / 100.0).round() as i64,
            (_, Some(off)) => off.min(amount),
            _ => 0,
        })
        .sum::<i64>()
        .clamp(0, amount.max(0))
}

/// An invoice in words, not kept yet.
pub fn draft(state: &State, subscription: &Value, lines: &[Line], reason: &str) -> Value {
    let subtotal: i64 = lines.iter().map(|line| line.amount).sum();
    let full: i64 = lines.iter().filter(|line| !line.is_proration).map(|line| line.amount).sum();
    let total = subtotal - discount_of(state, subscription, full);
    let customer = subscription["customer"].as_str().and_then(|id| state.find(id)).cloned().unwrap_or(Value::Null);
    let due = (total + customer["balance"].as_i64().unwrap_or(0)).max(0);
    let data: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "object": "line_item", "amount": line.amount, "currency": subscription["currency"],
                "description": line.description, "period": {"start": line.start, "end": line.end},
                "pricing": {"type": "price_details", "price_details": {"price": line.price}, "unit_amount_decimal": null},
                "parent": {"type": "subscription_item_details", "subscription_item_details": {
                    "subscription": subscription["id"], "proration": line.is_proration}},
            })
        })
        .collect();
    json!({
        "object": "invoice", "customer": subscription["customer"], "currency": subscription["currency"],
        "created": state.now, "status": "draft", "billing_reason": reason, "collection_method": "charge_automatically",
        "subtotal": subtotal, "total": total, "amount_due": due, "amount_paid": 0, "amount_remaining": due,
        "attempt_count": 0, "attempted": false, "next_payment_attempt": null, "livemode": false, "metadata": {},
        "hosted_invoice_url": null, "invoice_pdf": null, "number": null,
        "period_start": state.now, "period_end": state.now,
        "parent": {"type": "subscription_details", "subscription_details": {
            "subscription": subscription["id"], "metadata": subscription["metadata"]}},
        "lines": {"object": "list", "has_more": false, "data": data, "url": "/v1/invoices/lines"},
    })
}

/// Makes the invoice of a subscription and tries to take the money. Returns it as it stands then.
pub fn issue(state: &mut State, subscription: &str, lines: &[Line], reason: &str) -> Value {
    let Some(owner) = state.find(subscription).cloned() else { return Value::Null };
    let mut invoice = draft(state, &owner, lines, reason);
    let customer = owner["customer"].as_str().unwrap_or_default().to_owned();
    customers::use_balance(state, &customer, invoice["total"].as_i64().unwrap_or(0));
    let id = state.id("in");
    let number = format!("SANDBOX-{:04}", state.each("invoice").count() + 1);
    invoice["id"] = json!(id);
    invoice["status"] = json!("open");
    invoice["number"] = json!(number);
    invoice["hosted_invoice_url"] = json!(format!("{}invoices/{id}", state.base));
    invoice["invoice_pdf"] = json!(format!("{}invoices/{id}/pdf", state.base));
    let invoice = state.put(invoice);
    state.set(subscription, json!({"latest_invoice": id}));
    state.tell("invoice.created", &invoice);
    state.tell("invoice.finalized", &invoice);
    end_discounts_used_once(state, subscription);
    let card = card_of(state, &owner);
    // Whether it was paid stands in the invoice.
    let _ = pay(state, &id, card.as_deref());
    state.find(&id).cloned().unwrap_or(Value::Null)
}

/// A coupon that counts once is over with the first invoice that it was on.
fn end_discounts_used_once(state: &mut State, subscription: &str) {
    let Some(owner) = state.find(subscription).cloned() else { return };
    let left: Vec<Value> = owner["discounts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|id| {
            let coupon = id.as_str().and_then(|id| state.find(id)).and_then(|one| one["source"]["coupon"].as_str());
            coupon.and_then(|id| state.find(id)).is_some_and(|coupon| coupon["duration"] != "once")
        })
        .cloned()
        .collect();
    state.set(subscription, json!({"discounts": left}));
}

/// Tries to take the money of an open invoice.
pub fn pay(state: &mut State, id: &str, card: Option<&str>) -> Answer<Value> {
    let invoice = state.get("invoice", id)?;
    if invoice["status"] == "paid" {
        return Err(Fault::invalid("Invoice is already paid", "invoice"));
    }
    if invoice["status"] != "open" {
        return Err(Fault::invalid("This invoice can no longer be paid.", "invoice"));
    }
    let (due, currency) = (invoice["amount_remaining"].as_i64().unwrap_or(0), text(&invoice["currency"]));
    let (customer, attempts) = (text(&invoice["customer"]), invoice["attempt_count"].as_i64().unwrap_or(0) + 1);
    let paid = if due == 0 {
        Ok(Value::Null)
    } else {
        customers::charge(state, &customer, card, due, &currency, &json!({"invoice": id}))
    };
    let subscription = text(&invoice["parent"]["subscription_details"]["subscription"]);
    match paid {
        Ok(_) => {
            let invoice = state.set(
                id,
                json!({"status": "paid", "amount_paid": due, "amount_remaining": 0, "attempted": true,
                    "attempt_count": attempts, "next_payment_attempt": null,
                    "status_transitions": {"paid_at": state.now}}),
            );
            state.tell("invoice.paid", &invoice);
            state.tell("invoice.payment_succeeded", &invoice);
            subscriptions::invoice_was_paid(state, &subscription, id);
            Ok(state.get("invoice", id)?)
        }
        Err(fault) => {
            let wait = usize::try_from(attempts - 1).ok().and_then(|at| RETRY_DAYS.get(at));
            let next = wait.map(|days| state.now + days * DAY);
            let invoice =
                state.set(id, json!({"attempted": true, "attempt_count": attempts, "next_payment_attempt": next}));
            state.tell("invoice.payment_failed", &invoice);
            subscriptions::invoice_failed(state, &subscription, next.is_none());
            Err(fault)
        }
    }
}

pub fn pay_by_call(state: &mut State, id: &str, params: &Params) -> Answer<Value> {
    params.only(&["payment_method", "forgive", "off_session", "paid_out_of_band"])?;
    let invoice = state.get("invoice", id)?;
    let card = match params.text("payment_method") {
        Some(card) => {
            let method = state.named("payment_method", card, "payment_method")?;
            if method["customer"] != invoice["customer"] {
                return Err(Fault::invalid("The payment method belongs to another customer.", "payment_method"));
            }
            Some(card.to_owned())
        }
        None => {
            let owner = invoice["parent"]["subscription_details"]["subscription"].as_str();
            owner.and_then(|id| state.find(id)).and_then(|owner| card_of(state, owner))
        }
    };
    pay(state, id, card.as_deref())
}

pub fn list(state: &State, params: &Params) -> Answer<Value> {
    state.page("invoice", "/v1/invoices", params, |invoice| {
        params.text("customer").is_none_or(|id| invoice["customer"] == id)
            && params.text("status").is_none_or(|status| invoice["status"] == status)
            && params
                .text("subscription")
                .is_none_or(|id| invoice["parent"]["subscription_details"]["subscription"] == id)
    })
}

/// The lines of a change from one price to another, now.
pub fn change_lines(subscription: &Value, price: &Value, now: i64, restarts: bool) -> (Vec<Line>, i64, i64) {
    let item = &subscription["items"]["data"][0];
    let old = &item["price"];
    let (start, end) = (number(&item["current_period_start"]), number(&item["current_period_end"]));
    let interval = text(&price["recurring"]["interval"]);
    let part = |amount: i64| {
        if end <= start { 0 } else { (amount as f64 * (end - now) as f64 / (end - start) as f64).round() as i64 }
    };
    let same = old["recurring"]["interval"] == price["recurring"]["interval"] && !restarts;
    let paid_now = subscription["status"] != "trialing";
    let mut lines = Vec::new();
    let line = |description: &str, amount: i64, price: &Value, start: i64, end: i64, is_proration: bool| Line {
        description: description.to_owned(),
        amount,
        price: text(&price["id"]),
        start,
        end,
        is_proration,
    };
    if paid_now {
        lines.push(line("Unused time", -part(number(&old["unit_amount"])), old, now, end, true));
    }
    if same {
        lines.push(line("Remaining time", part(number(&price["unit_amount"])), price, now, end, true));
        (lines, start, end)
    } else {
        let until = calendar::after(now, &interval, 1);
        lines.push(line("New period", number(&price["unit_amount"]), price, now, until, false));
        (lines, now, until)
    }
}

/// What a change would cost, without doing it.
pub fn preview(state: &mut State, params: &Params) -> Answer<Value> {
    params.only(&["subscription", "subscription_details", "customer"])?;
    let id = params.need("subscription")?;
    let subscription = state.named("subscription", id, "subscription")?;
    let items = params.at(&["subscription_details", "items"]).and_then(|items| items.get(0)).cloned();
    let wanted = items.as_ref().and_then(|item| item["price"].as_str()).unwrap_or_default();
    let price = state.named("price", wanted, "subscription_details[items][0][price]")?;
    let restarts = params.at(&["subscription_details", "trial_end"]).and_then(Value::as_str) == Some("now");
    let at = super::form::number(params.at(&["subscription_details", "proration_date"]), "proration_date")?;
    let (lines, ..) = change_lines(&subscription, &price, at.unwrap_or(state.now), restarts);
    let mut invoice = draft(state, &subscription, &lines, "upcoming");
    invoice["id"] = json!(format!("upcoming_{id}"));
    Ok(invoice)
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}
