//! A member's record as programs of the site see it (protocol D.5). Those of a page are read together: a
//! statement for each thing, not for each of them.

use std::collections::HashMap;

use diesel::prelude::*;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::attribution::{self, Attribution};
use super::labels::Label;
use crate::billing::shown;
use crate::billing::standing::{self, Standing};
use crate::clock::Timestamp;
use crate::db::schema::{
    labels, member_labels, member_notes, members, newsletter_subscriptions, newsletters, suppressions,
};
use crate::db::{Conn, DbError, DbResult};
use crate::ids::{LabelId, MemberId};
use crate::newsletters::unsubscribing;
use crate::signin::Policy;

#[derive(Queryable, Selectable)]
#[diesel(table_name = members)]
struct Row {
    id: MemberId,
    uuid: Vec<u8>,
    email: String,
    email_key: String,
    name: Option<String>,
    status: String,
    enable_comment_notifications: bool,
    enable_updates: Option<bool>,
    created_at: Timestamp,
    updated_at: Timestamp,
    last_seen_at: Option<Timestamp>,
    has_billing: bool,
}

/// What a record is to hold beside the plain things.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    pub tiers: bool,
    pub attribution: bool,
}

/// The records of members, in the order of their ids here; who is gone is left out.
pub fn records(
    conn: &mut Conn,
    ids: &[MemberId],
    wanted: Wanted,
    policy: &Policy,
    base: &Url,
    now: Timestamp,
) -> DbResult<Vec<Value>> {
    let rows: Vec<Row> = members::table.filter(members::id.eq_any(ids)).select(Row::as_select()).load(conn)?;
    let mut rows: HashMap<MemberId, Row> = rows.into_iter().map(|row| (row.id, row)).collect();
    let mut labels = labels_of(conn, ids)?;
    let mut lists = lists_of(conn, ids)?;
    let mut notes = notes_of(conn, ids)?;
    let held = held_among(conn, rows.values(), now)?;
    let mut records = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(row) = rows.remove(id) else { continue };
        let standing = if row.has_billing { standing::of_member(conn, *id)? } else { Standing::default() };
        let source = if wanted.attribution { attribution::of(conn, *id)? } else { None };
        let uuid = Uuid::from_slice(&row.uuid).map_err(|error| DbError::Corrupt(error.to_string()))?;
        let paid = shown::of(&standing, row.name.as_deref(), &row.email, policy.grace, now);
        let subscriptions: Vec<Value> = paid.subscriptions.into_iter().map(for_admin).collect();
        let lists = lists.remove(id).unwrap_or_default();
        let mut record = json!({
            "id": id.to_string(),
            "uuid": uuid,
            "email": row.email,
            "name": row.name,
            "note": notes.remove(id),
            "geolocation": null,
            "subscribed": !lists.is_empty(),
            "created_at": row.created_at.iso8601(),
            "updated_at": row.updated_at.iso8601(),
            "labels": labels.remove(id).unwrap_or_default(),
            "avatar_image": null,
            "comped": row.status == "comped",
            "email_count": 0,
            "email_opened_count": 0,
            "email_open_rate": null,
            "status": row.status,
            "last_seen_at": row.last_seen_at.map(Timestamp::iso8601),
            "enable_comment_notifications": row.enable_comment_notifications,
            "enable_updates_and_announcements": row.enable_updates,
            "unsubscribe_url": unsubscribing::url(base, &policy.key, uuid, None),
            "can_comment": true,
            "commenting": {"disabled": false, "disabled_reason": null, "disabled_until": null},
            "current_subscription": subscriptions.iter().find(|one| one["id"] != "" && is_live(one)),
            "email_suppression": held.get(&row.email_key).cloned().unwrap_or(json!({"suppressed": false, "info": null})),
            "newsletters": lists,
        });
        if wanted.tiers {
            let live = subscriptions.iter().filter(|one| is_live(one));
            record["tiers"] = live.map(|one| one["tier"].clone()).filter(|tier| !tier.is_null()).collect();
        }
        if wanted.attribution {
            record["attribution"] = source.as_ref().map_or(Value::Null, where_from);
        }
        record["subscriptions"] = subscriptions.into();
        records.push(record);
    }
    Ok(records)
}

fn is_live(subscription: &Value) -> bool {
    matches!(subscription["status"].as_str(), Some("active" | "trialing" | "past_due" | "unpaid"))
}

/// To programs a price belongs to a tier, where the widgets say product.
fn for_admin(mut subscription: Value) -> Value {
    if let Some(price) = subscription["price"].as_object_mut()
        && let Some(product) = price.remove("product")
    {
        price.insert(
            "tier".to_owned(),
            json!({"id": product["id"], "name": product["name"], "tier_id": product["product_id"]}),
        );
    }
    subscription
}

fn where_from(source: &Attribution) -> Value {
    json!({
        "id": source.resource_id, "type": source.resource_type, "url": source.resource_url, "title": null,
        "referrer_source": source.referrer_source, "referrer_medium": source.referrer_medium,
        "referrer_url": source.referrer_url,
    })
}

/// A label as programs see it. It is as old as its id.
pub fn label_json(label: &Label) -> Value {
    let made = label.id.made_at().iso8601();
    json!({
        "id": label.id.to_string(), "name": label.name, "slug": label.slug(), "created_at": made, "updated_at": made,
    })
}

fn labels_of(conn: &mut Conn, ids: &[MemberId]) -> DbResult<HashMap<MemberId, Vec<Value>>> {
    let rows: Vec<(MemberId, LabelId, String)> = member_labels::table
        .inner_join(labels::table)
        .filter(member_labels::member_id.eq_any(ids))
        .order(labels::name_key)
        .select((member_labels::member_id, labels::id, labels::name))
        .load(conn)?;
    let mut of: HashMap<MemberId, Vec<Value>> = HashMap::new();
    for (member, id, name) in rows {
        of.entry(member).or_default().push(label_json(&Label { id, name }));
    }
    Ok(of)
}

fn lists_of(conn: &mut Conn, ids: &[MemberId]) -> DbResult<HashMap<MemberId, Vec<Value>>> {
    let rows: Vec<(MemberId, crate::ids::NewsletterId, String, Option<String>)> = newsletter_subscriptions::table
        .inner_join(newsletters::table)
        .filter(newsletter_subscriptions::member_id.eq_any(ids))
        .filter(newsletters::status.eq("active"))
        .order((newsletters::sort_order, newsletters::id))
        .select((newsletter_subscriptions::member_id, newsletters::id, newsletters::name, newsletters::description))
        .load(conn)?;
    let mut of: HashMap<MemberId, Vec<Value>> = HashMap::new();
    for (member, id, name, description) in rows {
        let list = json!({"id": id.to_string(), "name": name, "description": description, "status": "active"});
        of.entry(member).or_default().push(list);
    }
    Ok(of)
}

/// The newest note of each.
fn notes_of(conn: &mut Conn, ids: &[MemberId]) -> DbResult<HashMap<MemberId, String>> {
    let rows: Vec<(MemberId, String)> = member_notes::table
        .filter(member_notes::member_id.eq_any(ids))
        .order(member_notes::id)
        .select((member_notes::member_id, member_notes::text))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

fn held_among<'a>(
    conn: &mut Conn,
    rows: impl Iterator<Item = &'a Row>,
    now: Timestamp,
) -> DbResult<HashMap<String, Value>> {
    let keys: Vec<&str> = rows.map(|row| row.email_key.as_str()).collect();
    let held: Vec<(String, String, Timestamp, Option<Timestamp>)> = suppressions::table
        .filter(suppressions::email_key.eq_any(keys))
        .select((suppressions::email_key, suppressions::reason, suppressions::created_at, suppressions::until))
        .load(conn)?;
    let held = held.into_iter().filter(|(.., until)| until.is_none_or(|until| now < until));
    Ok(held
        .map(|(key, reason, since, _)| {
            let reason = if reason == "complaint" { "spam" } else { "fail" };
            (key, json!({"suppressed": true, "info": {"reason": reason, "timestamp": since.iso8601()}}))
        })
        .collect())
}
