//! The public content interface, as far as Ghost's widgets ask for it (protocol A.3, D.1, D.2): what
//! the site is called, what one can subscribe to, what it costs. Its key stands in web pages; it
//! keeps nothing secret.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::answer::public_json;
use super::body::Form;
use super::error::{ApiError, ApiResult};
use super::members_api::site::PROTOCOL_VERSION;
use super::operations::{About, Holds, Operation, Verb, operation};
use crate::app::App;
use crate::billing::offers;
use crate::billing::shown::offer_json;
use crate::billing::tiers::{self, Kind, Tier};
use crate::config::Sender;
use crate::ids::OfferId;
use crate::members::address::EmailAddress;
use crate::newsletters::{self, Newsletter};
use crate::staff::api_keys::{self, Known};

/// What the widgets want to know of the site.
pub fn operations() -> Vec<Operation> {
    let api = |summary, query| About::api(summary).asks(query).gives(200, Holds::Json).refuses(&[400, 401, 403]);
    vec![
        operation(
            Verb::Get,
            "/ghost/api/content/settings",
            settings,
            api("Title, address, language, colours", &["key"]),
        ),
        operation(
            Verb::Get,
            "/ghost/api/content/tiers",
            tiers,
            api("What one can be, with what it costs", &["key", "include", "limit"]),
        ),
        operation(
            Verb::Get,
            "/ghost/api/content/newsletters",
            newsletters,
            api("Active newsletters", &["key", "limit"]),
        ),
        operation(Verb::Get, "/ghost/api/content/recommendations", recommendations, api("None", &["key", "limit"])),
        operation(Verb::Get, "/ghost/api/content/offers/{id}", offer, api("One offer", &["key"]).refuses(&[404])),
    ]
}

/// Checks `?key=` (C.6).
async fn admit(app: &App, request: &HttpRequest) -> ApiResult<()> {
    let query = Form::parse(request.query_string().as_bytes());
    let mut keys = query.all("key");
    let missing = || {
        ApiError::forbidden("Authorization failed").with_context(
            "Unable to determine the authenticated member or integration. Check the supplied Content API Key and \
             ensure cookies are being passed through if member auth is failing.",
        )
    };
    let key = keys.next().filter(|key| !key.is_empty()).ok_or_else(missing)?.to_owned();
    if keys.next().is_some() {
        return Err(ApiError::bad_request("Invalid Request").with_code("INVALID_REQUEST"));
    }
    if key.len() > 200 {
        return Err(ApiError::unauthorized("Unknown Content API Key").with_code("UNKNOWN_CONTENT_API_KEY"));
    }
    match app.db.read(move |conn| api_keys::look_up(conn, &key)).await? {
        Known::Content => Ok(()),
        Known::Admin => Err(ApiError::unauthorized("Invalid API Key type").with_code("INVALID_API_KEY_TYPE")),
        Known::Unknown => Err(ApiError::unauthorized("Unknown Content API Key").with_code("UNKNOWN_CONTENT_API_KEY")),
    }
}

const CHECKED_EACH_TIME: &str = "public, max-age=0";

/// `GET /ghost/api/content/settings/`.
pub async fn settings(app: web::Data<App>, request: HttpRequest) -> ApiResult<HttpResponse> {
    admit(&app, &request).await?;
    Ok(public_json(CHECKED_EACH_TIME, &json!({"settings": settings_of(&app), "meta": {}})))
}

/// Every key that the protocol's public settings have; what a site without pages of ours cannot
/// have is `null` or off.
fn settings_of(app: &App) -> Value {
    let settings = &app.settings;
    let sender = settings.mail_from.as_ref().map(|Sender { address, .. }| address.as_given());
    let support = settings.support_email.as_ref().map(EmailAddress::as_given).or_else(|| sender.clone());
    let mut all = json!({
        "title": settings.site_title,
        "description": settings.site_description,
        "accent_color": settings.accent_color,
        "locale": settings.language,
        "lang": settings.language,
        "timezone": "Etc/UTC",
        "url": settings.site_url.as_str(),
        "site_uuid": &*app.site_uuid,
        "version": PROTOCOL_VERSION,
        "navigation": [],
        "secondary_navigation": [],
        "members_support_address": support,
        "support_email_address": support,
        "default_email_address": sender,
        "members_signup_access": "all",
        "portal_plans": if app.billing.is_some() { json!(["free", "monthly", "yearly"]) } else { json!(["free"]) },
        "portal_default_plan": "yearly",
        "portal_button_style": "icon-and-text",
        "portal_button_signup_text": "Subscribe",
        "comments_enabled": "off",
        "editor_default_email_recipients": "visibility",
        "labs": {"members": true},
        "transistor_portal_heading": "Podcasts",
        "transistor_portal_description": "",
        "transistor_portal_button_text": "View",
        "transistor_portal_url_template": "",
    });
    for name in ["members_enabled", "allow_self_signup", "portal_name"] {
        all[name] = json!(true);
    }
    for name in OFF {
        all[name] = json!(false);
    }
    all["paid_members_enabled"] = json!(app.billing.is_some());
    all["donations_enabled"] = json!(app.billing.is_some() && settings.donations.is_some());
    for name in UNKNOWN {
        all[name] = Value::Null;
    }
    all
}

/// What this program does not do.
const OFF: [&str; 8] = [
    "members_invite_only",
    "portal_signup_checkbox_required",
    "portal_signup_gift_promotion",
    "portal_account_gift_promotion",
    "portal_button",
    "recommendations_enabled",
    "outbound_link_tagging",
    "transistor_portal_enabled",
];

/// What only a site that keeps its pages here would know.
const UNKNOWN: [&str; 25] = [
    "logo",
    "icon",
    "cover_image",
    "facebook",
    "twitter",
    "threads",
    "bluesky",
    "mastodon",
    "tiktok",
    "youtube",
    "instagram",
    "linkedin",
    "codeinjection_head",
    "codeinjection_foot",
    "meta_title",
    "meta_description",
    "og_image",
    "og_title",
    "og_description",
    "twitter_image",
    "twitter_title",
    "twitter_description",
    "firstpromoter_account",
    "portal_button_icon",
    "portal_signup_terms_html",
];

/// One page that holds everything, whatever was asked for: there are never many.
fn pagination(total: usize, pages: usize, limit: Option<u64>) -> Value {
    let limit = limit.map_or(json!(total), |limit| json!(limit));
    json!({"pagination": {"page": 1, "limit": limit, "pages": pages, "total": total, "next": null, "prev": null}})
}

/// `limit=`, within the protocol's bounds.
fn limit(request: &HttpRequest) -> u64 {
    let query = Form::parse(request.query_string().as_bytes());
    match query.get("limit").map(str::parse::<u64>) {
        Some(Ok(limit @ 1..=100)) => limit,
        Some(_) => 100,
        None => 15,
    }
}

/// `GET /ghost/api/content/tiers/`.
pub async fn tiers(app: web::Data<App>, request: HttpRequest) -> ApiResult<HttpResponse> {
    admit(&app, &request).await?;
    let mut tiers = app.db.read(tiers::active).await?;
    if app.billing.is_none() {
        tiers.retain(|tier| tier.kind == Kind::Free);
    }
    let query = Form::parse(request.query_string().as_bytes());
    let include: Vec<&str> = query.get("include").map(|list| list.split(',').collect()).unwrap_or_default();
    let shown: Vec<Value> = tiers.iter().map(|tier| tier_json(tier, &include)).collect();
    Ok(public_json(CHECKED_EACH_TIME, &json!({"tiers": shown, "meta": pagination(tiers.len(), 1, None)})))
}

/// A tier, with those of its fields that are asked for.
pub fn tier_json(tier: &Tier, include: &[&str]) -> Value {
    let mut json = json!({
        "id": tier.id.to_string(),
        "name": tier.name,
        "description": tier.description,
        "slug": tier.slug,
        "active": tier.is_active,
        "type": tier.kind.as_str(),
        "welcome_page_url": tier.welcome_page_url,
        "created_at": tier.created_at.iso8601(),
        "updated_at": tier.updated_at.iso8601(),
        "visibility": if tier.is_public { "public" } else { "none" },
        "trial_days": tier.trial_days,
    });
    if include.contains(&"benefits") {
        json["benefits"] = json!(tier.benefits);
    }
    if tier.kind == Kind::Paid {
        json["currency"] = json!(tier.currency.as_ref().map(|code| code.to_uppercase()));
        if include.contains(&"monthly_price") {
            json["monthly_price"] = json!(tier.monthly_minor);
        }
        if include.contains(&"yearly_price") {
            json["yearly_price"] = json!(tier.yearly_minor);
        }
    }
    json
}

/// `GET /ghost/api/content/newsletters/`.
pub async fn newsletters(app: web::Data<App>, request: HttpRequest) -> ApiResult<HttpResponse> {
    admit(&app, &request).await?;
    let sender = app.settings.mail_from.as_ref().map(|sender| sender.address.as_given());
    let lists = app.db.read(newsletters::active).await?;
    let shown: Vec<Value> = lists.iter().map(|list| newsletter_json(list, sender.as_deref())).collect();
    Ok(public_json(
        CHECKED_EACH_TIME,
        &json!({"newsletters": shown, "meta": pagination(lists.len(), 1, Some(limit(&request)))}),
    ))
}

fn newsletter_json(list: &Newsletter, sender: Option<&str>) -> Value {
    json!({
        "id": list.id.to_string(),
        "uuid": list.uuid,
        "name": list.name,
        "description": list.description,
        "slug": list.slug,
        "sender_email": sender,
        "subscribe_on_signup": list.subscribe_on_signup,
        "sort_order": list.sort_order,
    })
}

/// `GET /ghost/api/content/offers/{id}/`: what an offer gives, for the page that shows it.
pub async fn offer(app: web::Data<App>, path: web::Path<String>, request: HttpRequest) -> ApiResult<HttpResponse> {
    admit(&app, &request).await?;
    let missing = || ApiError::not_found_as("Resource not found error, cannot read offer.", "Offer not found.");
    let id: OfferId = path.parse().map_err(|_| missing())?;
    let found = app.db.read(move |conn| {
        let Some(offer) = offers::find(conn, id)? else { return Ok(None) };
        let tier = offer.tier_id.map(|tier| tiers::find(conn, tier)).transpose()?.flatten();
        Ok(Some((offer, tier)))
    });
    let (offer, tier) = found.await?.filter(|_| app.billing.is_some()).ok_or_else(missing)?;
    let mut shown = offer_json(&offer);
    if let Some(tier) = tier {
        shown["tier"] = json!({"id": tier.id.to_string(), "name": tier.name});
    }
    Ok(public_json(CHECKED_EACH_TIME, &json!({"offers": [shown]})))
}

/// `GET /ghost/api/content/recommendations/`: no site is recommended.
pub async fn recommendations(app: web::Data<App>, request: HttpRequest) -> ApiResult<HttpResponse> {
    admit(&app, &request).await?;
    Ok(public_json(CHECKED_EACH_TIME, &json!({"recommendations": [], "meta": pagination(0, 0, Some(limit(&request)))})))
}
