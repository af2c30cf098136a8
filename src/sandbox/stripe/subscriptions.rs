//! Subscriptions: how they begin, change, renew, fall behind and end.

use serde_json::{Value, json};

use super::calendar::{self, DAY};
use super::customers;
use super::fault::{Answer, Fault};
use super::form::Params;
use super::invoices::{self, Line, number, text};
use super::state::State;

/// Not over yet.
pub fn is_live(subscription: &Value) -> bool {
    matches!(subscription["status"].as_str(), Some("trialing" | "active" | "past_due" | "unpaid" | "incomplete"))
}

pub fn live_of(state: &State, customer: &str) -> Vec<String> {
    let all = state.each("subscription");
    all.filter(|one| one["customer"] == customer && is_live(one)).map(|one| text(&one["id"])).collect()
}

/// What a subscription begins with.
pub struct Begin<'a> {
    pub customer: &'a str,
    pub price: &'a str,
    pub card: Option<&'a str>,
    pub trial_days: Option<i64>,
    pub coupon: Option<&'a str>,
    pub metadata: Value,
}

/// Begins a subscription; the first payment is taken at once. Refused when the card is declined.
pub fn begin(state: &mut State, begin: &Begin<'_>) -> Answer<Value> {
    let price = state.named("price", begin.price, "items[0][price]")?;
    if price["active"] != true {
        return Err(Fault::invalid("The price specified is inactive.", "items[0][price]"));
    }
    let interval = text(&price["recurring"]["interval"]);
    if interval.is_empty() {
        return Err(Fault::invalid("The price specified is set to `type=one_time`.", "items[0][price]"));
    }
    let (id, item, now) = (state.id("sub"), state.id("si"), state.now);
    let trial_end = begin.trial_days.map(|days| now + days * DAY);
    let end = trial_end.unwrap_or_else(|| calendar::after(now, &interval, 1));
    state.put(json!({
        "id": id, "object": "subscription", "customer": begin.customer, "status": "incomplete",
        "currency": price["currency"], "created": now, "start_date": now, "billing_cycle_anchor": end,
        "cancel_at_period_end": false, "cancel_at": null, "canceled_at": null, "ended_at": null,
        "cancellation_details": {"comment": null, "feedback": null, "reason": null},
        "trial_start": trial_end.map(|_| now), "trial_end": trial_end, "default_payment_method": begin.card,
        "latest_invoice": null, "discounts": [], "metadata": begin.metadata, "livemode": false,
        "collection_method": "charge_automatically", "pause_collection": null, "schedule": null,
        "items": {"object": "list", "has_more": false, "url": format!("/v1/subscription_items?subscription={id}"),
            "data": [{
                "id": item, "object": "subscription_item", "subscription": id, "quantity": 1, "created": now,
                "price": price, "current_period_start": now, "current_period_end": end, "metadata": {}, "discounts": [],
            }]},
    }));
    if let Some(coupon) = begin.coupon {
        discount(state, &id, coupon)?;
    }
    let amount = if trial_end.is_some() { 0 } else { number(&price["unit_amount"]) };
    let line = Line {
        description: if trial_end.is_some() { "Trial".to_owned() } else { "First period".to_owned() },
        amount,
        price: begin.price.to_owned(),
        start: now,
        end,
        is_proration: false,
    };
    if trial_end.is_some() {
        state.set(&id, json!({"status": "trialing"}));
    }
    let invoice = invoices::issue(state, &id, &[line], "subscription_create");
    if invoice["status"] != "paid" {
        state.set(&id, json!({"status": "incomplete_expired"}));
        return Err(Fault::declined());
    }
    let subscription = state.get("subscription", &id)?;
    state.tell("customer.subscription.created", &subscription);
    Ok(subscription)
}

pub fn create(state: &mut State, params: &Params) -> Answer<Value> {
    params.only(&["customer", "items", "metadata", "default_payment_method", "trial_period_days", "discounts"])?;
    let customer = params.need("customer")?.to_owned();
    state.named("customer", &customer, "customer")?;
    let price = params.list("items").first().and_then(|item| item["price"].as_str()).map(str::to_owned);
    let price = price.ok_or_else(|| Fault::missing("items"))?;
    let card = params.text("default_payment_method").map(str::to_owned);
    let coupon = params.list("discounts").first().and_then(|one| one["coupon"].as_str()).map(str::to_owned);
    begin(
        state,
        &Begin {
            customer: &customer,
            price: &price,
            card: card.as_deref(),
            trial_days: params.number("trial_period_days")?,
            coupon: coupon.as_deref(),
            metadata: params.metadata(),
        },
    )
}

/// Puts a coupon in the place of whatever discount there was.
fn discount(state: &mut State, id: &str, coupon: &str) -> Answer<()> {
    let found = state.named("coupon", coupon, "discounts[0][coupon]")?;
    let end = found["duration_in_months"].as_i64().map(|months| calendar::after(state.now, "month", months));
    let discount = state.id("di");
    let (customer, now) = (state.find(id).map_or(Value::Null, |owner| owner["customer"].clone()), state.now);
    state.put(json!({
        "id": discount, "object": "discount", "start": now, "end": end, "customer": customer, "subscription": id,
        "source": {"type": "coupon", "coupon": coupon},
    }));
    state.set(id, json!({"discounts": [discount]}));
    Ok(())
}

pub fn update(state: &mut State, id: &str, params: &Params) -> Answer<Value> {
    params.only(&[
        "items",
        "cancel_at_period_end",
        "cancellation_details",
        "default_payment_method",
        "discounts",
        "metadata",
        "payment_behavior",
        "proration_behavior",
        "proration_date",
        "trial_end",
    ])?;
    let before = state.get("subscription", id)?;
    if !is_live(&before) {
        return Err(Fault::invalid(
            "A canceled subscription can only update its cancellation_details and metadata.",
            "id",
        ));
    }
    if let Some(card) = params.text("default_payment_method") {
        let method = state.named("payment_method", card, "default_payment_method")?;
        if method["customer"] != before["customer"] {
            return Err(Fault::invalid("The payment method belongs to another customer.", "default_payment_method"));
        }
        state.set(id, json!({"default_payment_method": card}));
    }
    if params.get("items").is_some() {
        change_price(state, id, params)?;
    }
    if let Some(ends) = params.flag("cancel_at_period_end")? {
        let canceled_at = if ends { json!(state.now) } else { Value::Null };
        let reason = if ends { json!("cancellation_requested") } else { Value::Null };
        let comment = params.at(&["cancellation_details", "comment"]).cloned().filter(|_| ends);
        if before["cancel_at_period_end"] != ends {
            state.set(
                id,
                json!({"cancel_at_period_end": ends, "canceled_at": canceled_at,
                "cancellation_details": {"comment": comment, "feedback": null, "reason": reason}}),
            );
        }
    }
    if let Some(coupon) = params.list("discounts").first().and_then(|one| one["coupon"].as_str()) {
        discount(state, id, coupon)?;
    }
    customers::merge_metadata(state, id, params);
    let after = state.get("subscription", id)?;
    state.tell("customer.subscription.updated", &after);
    Ok(after)
}

fn change_price(state: &mut State, id: &str, params: &Params) -> Answer<()> {
    let subscription = state.get("subscription", id)?;
    let line = params.list("items").first().map(|item| (*item).clone()).unwrap_or(Value::Null);
    let item = text(&subscription["items"]["data"][0]["id"]);
    if line["id"].as_str() != Some(&item) {
        return Err(Fault::no_such_param("subscription_item", &text(&line["id"]), "items[0][id]"));
    }
    let price = state.named("price", line["price"].as_str().unwrap_or_default(), "items[0][price]")?;
    if price["active"] != true {
        return Err(Fault::invalid("The price specified is inactive.", "items[0][price]"));
    }
    let same_interval =
        subscription["items"]["data"][0]["price"]["recurring"]["interval"] == price["recurring"]["interval"];
    if params.text("proration_behavior") == Some("none") && same_interval {
        // From the next invoice on; period and trial stay.
        let mut items = subscription["items"].clone();
        items["data"][0]["price"] = price;
        state.set(id, json!({"items": items}));
        return Ok(());
    }
    let restarts = params.text("trial_end") == Some("now") && subscription["status"] == "trialing";
    let at = params.number("proration_date")?.unwrap_or(state.now);
    let (lines, start, end) = invoices::change_lines(&subscription, &price, at, restarts);
    if params.text("payment_behavior") == Some("error_if_incomplete") {
        let due = invoices::draft(state, &subscription, &lines, "subscription_update")["amount_due"].as_i64();
        let card = customers::card_of(state, &subscription);
        let pays = card.and_then(|card| state.cards.get(&card)) == Some(&super::state::Card::Pays);
        if due > Some(0) && !pays {
            return Err(Fault::declined());
        }
    }
    let mut items = subscription["items"].clone();
    items["data"][0]["price"] = price.clone();
    items["data"][0]["current_period_start"] = json!(start);
    items["data"][0]["current_period_end"] = json!(end);
    state.set(id, json!({"items": items, "billing_cycle_anchor": end}));
    if subscription["status"] == "trialing" {
        state.set(id, json!({"status": "active", "trial_end": state.now}));
    }
    invoices::issue(state, id, &lines, "subscription_update");
    Ok(())
}

pub fn cancel(state: &mut State, id: &str) -> Answer<Value> {
    let subscription = state.get("subscription", id)?;
    if !is_live(&subscription) {
        return Err(Fault::no_such("subscription", id));
    }
    end(state, id, state.now, Some("cancellation_requested"));
    state.get("subscription", id)
}

/// A subscription is over.
pub fn end(state: &mut State, id: &str, at: i64, reason: Option<&str>) {
    let before = state.find(id).cloned().unwrap_or(Value::Null);
    let canceled_at = if before["canceled_at"].is_null() { json!(at) } else { before["canceled_at"].clone() };
    state.set(id, json!({"status": "canceled", "ended_at": at, "canceled_at": canceled_at}));
    if let Some(reason) = reason {
        let mut details = before["cancellation_details"].clone();
        details["reason"] = json!(reason);
        state.set(id, json!({"cancellation_details": details}));
    }
    let after = state.find(id).cloned().unwrap_or(Value::Null);
    state.tell("customer.subscription.deleted", &after);
}

pub fn drop_discount(state: &mut State, id: &str) -> Answer<Value> {
    state.get("subscription", id)?;
    let after = state.set(id, json!({"discounts": []}));
    state.tell("customer.subscription.updated", &after);
    Ok(json!({"object": "discount", "deleted": true, "subscription": id}))
}

pub fn list(state: &State, params: &Params) -> Answer<Value> {
    let status = params.text("status").unwrap_or("");
    state.page("subscription", "/v1/subscriptions", params, |one| {
        let fits = match status {
            "all" => true,
            "" => one["status"] != "canceled" && one["status"] != "incomplete_expired",
            wanted => one["status"] == wanted,
        };
        fits && params.text("customer").is_none_or(|id| one["customer"] == id)
    })
}

/// An invoice was paid: whoever was behind is not any more.
pub fn invoice_was_paid(state: &mut State, id: &str, invoice: &str) {
    let Some(subscription) = state.find(id).cloned() else { return };
    let is_latest = subscription["latest_invoice"] == invoice;
    let behind = matches!(subscription["status"].as_str(), Some("past_due" | "unpaid" | "incomplete"));
    if behind && is_latest {
        let was_first = subscription["status"] == "incomplete";
        let after = state.set(id, json!({"status": "active"}));
        if !was_first {
            state.tell("customer.subscription.updated", &after);
        }
    }
}

/// An invoice was not paid. `for_good`: there will be no further try.
pub fn invoice_failed(state: &mut State, id: &str, for_good: bool) {
    let Some(subscription) = state.find(id).cloned() else { return };
    match subscription["status"].as_str() {
        Some("active" | "trialing") => {
            let after = state.set(id, json!({"status": "past_due"}));
            state.tell("customer.subscription.updated", &after);
        }
        Some("past_due") if for_good && state.ends_unpaid => {
            let after = state.set(id, json!({"status": "unpaid"}));
            state.tell("customer.subscription.updated", &after);
        }
        Some("past_due") if for_good => end(state, id, state.now, Some("payment_failed")),
        _ => {}
    }
}

/// The next thing that time does to a subscription, and when.
fn due(state: &State, subscription: &Value) -> Option<(i64, What)> {
    let end = number(&subscription["items"]["data"][0]["current_period_end"]);
    let renews = (end, What::PeriodEnds);
    let retry = subscription["latest_invoice"]
        .as_str()
        .and_then(|id| state.find(id))
        .filter(|invoice| invoice["status"] == "open")
        .and_then(|invoice| Some((invoice["next_payment_attempt"].as_i64()?, What::Retry(text(&invoice["id"])))));
    match subscription["status"].as_str() {
        Some("trialing") => {
            let warned = subscription["sandbox"]["trial_warned"] == true;
            if warned { Some(renews) } else { Some((end - 3 * DAY, What::TrialWarning)).filter(|(at, _)| *at < end) }
        }
        Some("active") => Some(renews),
        Some("past_due") => [retry, Some(renews)].into_iter().flatten().min_by_key(|(at, _)| *at),
        Some("unpaid") => Some(renews).filter(|_| subscription["cancel_at_period_end"] == true),
        _ => None,
    }
}

#[derive(Clone)]
enum What {
    TrialWarning,
    PeriodEnds,
    Retry(String),
}

/// Does everything that is due up to `until`, in its order, each at its own time.
pub fn pass_time(state: &mut State, until: i64) {
    // Bounded: a subscription that renews daily for a lifetime stays below.
    for _ in 0..100_000 {
        let next = state
            .each("subscription")
            .filter_map(|one| due(state, one).map(|(at, what)| (at, text(&one["id"]), what)))
            .filter(|(at, ..)| *at <= until)
            .min_by_key(|(at, ..)| *at);
        let Some((at, id, what)) = next else { break };
        state.now = state.now.max(at);
        happen(state, &id, what, at);
    }
    state.now = state.now.max(until);
}

fn happen(state: &mut State, id: &str, what: What, at: i64) {
    let Some(subscription) = state.find(id).cloned() else { return };
    match what {
        What::TrialWarning => {
            let after = state.set(id, json!({"sandbox": {"trial_warned": true}}));
            state.tell("customer.subscription.trial_will_end", &after);
        }
        What::Retry(invoice) => {
            let card = customers::card_of(state, &subscription);
            // What follows from it stands in the invoice and the subscription.
            let _ = invoices::pay(state, &invoice, card.as_deref());
        }
        What::PeriodEnds if subscription["cancel_at_period_end"] == true => end(state, id, at, None),
        What::PeriodEnds => renew(state, id, &subscription, at),
    }
}

fn renew(state: &mut State, id: &str, subscription: &Value, at: i64) {
    let item = &subscription["items"]["data"][0];
    let interval = text(&item["price"]["recurring"]["interval"]);
    let end = calendar::next(number(&subscription["billing_cycle_anchor"]), &interval, at);
    let mut items = subscription["items"].clone();
    items["data"][0]["current_period_start"] = json!(at);
    items["data"][0]["current_period_end"] = json!(end);
    state.set(id, json!({"items": items}));
    if subscription["status"] == "trialing" {
        state.set(id, json!({"status": "active"}));
    }
    drop_ended_discounts(state, id);
    let line = Line {
        description: "Next period".to_owned(),
        amount: number(&item["price"]["unit_amount"]),
        price: text(&item["price"]["id"]),
        start: at,
        end,
        is_proration: false,
    };
    invoices::issue(state, id, &[line], "subscription_cycle");
    let after = state.find(id).cloned().unwrap_or(Value::Null);
    state.tell("customer.subscription.updated", &after);
}

fn drop_ended_discounts(state: &mut State, id: &str) {
    let Some(subscription) = state.find(id) else { return };
    let ids = subscription["discounts"].as_array().cloned().unwrap_or_default();
    let left: Vec<Value> = ids
        .into_iter()
        .filter(|id| {
            let discount = id.as_str().and_then(|id| state.find(id));
            discount.is_some_and(|one| one["end"].as_i64().is_none_or(|end| end > state.now))
        })
        .collect();
    state.set(id, json!({"discounts": left}));
}
