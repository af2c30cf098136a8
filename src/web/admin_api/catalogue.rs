//! What members can have: labels, newsletters, tiers and offers, and the site itself (protocol D.9, D.11).

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::change;
use super::program::{Reader, Writer};
use super::query::{Options, answer, cannot, created, failed, flag, gone, nullable, root, text, whole, with_change};
use crate::app::App;
use crate::billing::offers::{self, Offer};
use crate::billing::shown::offer_json;
use crate::billing::tiers::{self, Kind, NotATier, Tier, Wishes};
use crate::db::DbResult;
use crate::ids::{LabelId, NewsletterId, OfferId, TierId};
use crate::members::address::EmailAddress;
use crate::members::for_programs::label_json;
use crate::members::{labels, name};
use crate::newsletters;
use crate::newsletters::editing::{self, Edited};
use crate::staff::audit::Deed;
use crate::web::body;
use crate::web::content_api::tier_json;
use crate::web::error::{ApiError, ApiResult};
use crate::web::members_api::site::site_json;

/// `GET /ghost/api/admin/site/`: takes no key.
pub async fn site(app: web::Data<App>) -> HttpResponse {
    answer(StatusCode::OK, &site_json(&app))
}

fn not_found(what: &str, context: &str) -> ApiError {
    ApiError::not_found_as(format!("Resource not found error, cannot {what}."), context)
}

fn ok(name: &str, one: &Value) -> HttpResponse {
    answer(StatusCode::OK, &json!({name: [one]}))
}

/// A page of things of which there are few.
fn page(options: &Options, name: &str, all: Vec<Value>) -> HttpResponse {
    let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let skip = usize::try_from((options.page - 1) * options.limit).unwrap_or(usize::MAX);
    let some = all.into_iter().skip(skip).take(usize::try_from(options.limit).unwrap_or(0)).collect();
    answer(StatusCode::OK, &json!({name: options.chosen(some), "meta": options.meta(total)}))
}

async fn one_of(request: &HttpRequest, payload: Payload, app: &App, name: &str) -> ApiResult<Map<String, Value>> {
    root(body::json(request, payload, &app.settings.http).await?, name)
}

// --- Labels ---------------------------------------------------------------------------------------

/// `GET /ghost/api/admin/labels/`.
pub async fn labels(app: web::Data<App>, _: Reader, request: HttpRequest) -> ApiResult<HttpResponse> {
    let options = Options::of(&request)?;
    let counts = options.includes(&["count.members"]);
    let all = app.db.read(move |conn| {
        let counts = if counts { Some(labels::counts(conn)?) } else { None };
        let shown = |label: labels::Label| {
            let mut json = label_json(&label);
            if let Some(counts) = &counts {
                json["count"] = json!({"members": counts.get(&label.id).copied().unwrap_or(0)});
            }
            json
        };
        Ok(labels::all(conn)?.into_iter().map(shown).collect::<Vec<Value>>())
    });
    Ok(page(&options, "labels", all.await?))
}

/// `GET /ghost/api/admin/labels/{id}/`.
pub async fn label(app: web::Data<App>, _: Reader, path: Path<String>) -> ApiResult<HttpResponse> {
    let missing = || not_found("read label", "Label not found.");
    let id: LabelId = path.parse().map_err(|_| missing())?;
    let label = app.db.read(move |conn| labels::find(conn, id)).await?.ok_or_else(missing)?;
    Ok(ok("labels", &label_json(&label)))
}

/// The name of a label in a body: one line without commas.
fn label_name(body: &Map<String, Value>) -> ApiResult<String> {
    let given = text(body, "name", 191)?.ok_or_else(|| failed("name"))?;
    let name = name::parse(&given).ok().flatten().filter(|name| !name.contains([',', ';']));
    name.ok_or_else(|| failed("name"))
}

fn label_exists(verb: &str) -> ApiError {
    cannot(ApiError::invalid("Label already exists", "name"), &format!("{verb} label"))
}

/// `POST /ghost/api/admin/labels/`.
pub async fn add_label(
    app: web::Data<App>,
    writer: Writer,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let name = label_name(&one_of(&request, payload, &app, "labels").await?)?;
    let added = change(&app, &writer, move |conn, scribe, now| {
        let key = name.to_lowercase();
        if labels::all(conn)?.iter().any(|label| label.name.to_lowercase() == key) {
            return Ok(None);
        }
        let id = labels::ensure(conn, &name, now)?;
        scribe.record(conn, &Deed::to("label.add", "label", id).with(json!({"name": name})))?;
        labels::find(conn, id)
    })
    .await?
    .ok_or_else(|| label_exists("save"))?;
    Ok(created(&app, "labels", &added.id.to_string(), &json!({"labels": [label_json(&added)]})))
}

/// `PUT /ghost/api/admin/labels/{id}/`.
pub async fn rename_label(
    app: web::Data<App>,
    writer: Writer,
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let missing = || not_found("edit label", "Label not found.");
    let id: LabelId = path.parse().map_err(|_| missing())?;
    let name = label_name(&one_of(&request, payload, &app, "labels").await?)?;
    let renamed = change(&app, &writer, move |conn, scribe, _| {
        let Some(before) = labels::find(conn, id)? else { return Ok(None) };
        if !labels::rename(conn, id, &name)? {
            return Ok(Some(None));
        }
        scribe.record(
            conn,
            &Deed::to("label.edit", "label", id).from(json!({"name": before.name})).with(json!({"name": name})),
        )?;
        Ok(Some(labels::find(conn, id)?))
    })
    .await?;
    let label = renamed.ok_or_else(missing)?.ok_or_else(|| label_exists("edit"))?;
    Ok(with_change(ok("labels", &label_json(&label))))
}

/// `DELETE /ghost/api/admin/labels/{id}/`.
pub async fn remove_label(app: web::Data<App>, writer: Writer, path: Path<String>) -> ApiResult<HttpResponse> {
    let missing = || not_found("delete label", "Label not found.");
    let id: LabelId = path.parse().map_err(|_| missing())?;
    let removed = change(&app, &writer, move |conn, scribe, _| {
        let Some(label) = labels::find(conn, id)? else { return Ok(false) };
        labels::remove(conn, id)?;
        scribe.record(conn, &Deed::to("label.remove", "label", id).from(json!({"name": label.name})))?;
        Ok(true)
    })
    .await?;
    if removed { Ok(with_change(gone())) } else { Err(missing()) }
}

// --- Newsletters ----------------------------------------------------------------------------------

/// A newsletter with every field that clients know; those of its looks are as they come.
fn newsletter_json(list: &Edited) -> Value {
    let made = list.id.made_at().iso8601();
    json!({
        "id": list.id.to_string(), "uuid": list.uuid(), "name": list.name, "description": list.description,
        "feedback_enabled": false, "slug": list.slug, "sender_name": list.sender_name, "sender_email": null,
        "sender_reply_to": list.reply_to.as_deref().unwrap_or("newsletter"), "status": list.status,
        "visibility": "members", "subscribe_on_signup": list.subscribe_on_signup, "sort_order": list.sort_order,
        "header_image": null, "show_header_icon": true, "show_header_title": true, "show_excerpt": false,
        "title_font_category": "sans_serif", "title_alignment": "center", "show_feature_image": true,
        "body_font_category": "sans_serif", "footer_content": null, "show_badge": false, "show_header_name": true,
        "show_post_title_section": true, "show_comment_cta": false, "show_subscription_details": false,
        "show_latest_posts": false, "show_share_button": false, "background_color": "light", "created_at": made,
        "updated_at": made,
    })
}

/// `GET /ghost/api/admin/newsletters/`.
pub async fn newsletters(app: web::Data<App>, _: Reader, request: HttpRequest) -> ApiResult<HttpResponse> {
    let options = Options::of(&request)?;
    let all = app.db.read(editing::all).await?;
    let wanted = options.get("filter").and_then(|filter| filter.strip_prefix("status:"));
    let fits = all.iter().filter(|list| wanted.is_none_or(|status| list.status == status));
    Ok(page(&options, "newsletters", fits.map(newsletter_json).collect()))
}

/// `GET /ghost/api/admin/newsletters/{id}/`.
pub async fn newsletter(app: web::Data<App>, _: Reader, path: Path<String>) -> ApiResult<HttpResponse> {
    let missing = || not_found("read newsletter", "Newsletter not found.");
    let id: NewsletterId = path.parse().map_err(|_| missing())?;
    let list = app.db.read(move |conn| editing::find(conn, id)).await?.ok_or_else(missing)?;
    Ok(ok("newsletters", &newsletter_json(&list)))
}

/// What a body says of a newsletter, over how it is.
fn list_wishes(body: &Map<String, Value>, before: Option<&Edited>) -> ApiResult<editing::Wishes> {
    let name = match text(body, "name", 191)? {
        Some(given) => name::parse(&given).ok().flatten().ok_or_else(|| failed("name"))?,
        None => before.map(|list| list.name.clone()).ok_or_else(|| failed("name"))?,
    };
    let kept = |field: fn(&Edited) -> Option<String>| before.and_then(field);
    let reply_to = match nullable(body, "sender_reply_to", 191)? {
        Some(Some(text)) if text != "newsletter" && text != "support" => Some(text),
        Some(_) => None,
        None => kept(|list| list.reply_to.clone()),
    };
    let reply_to = reply_to.map(|text| EmailAddress::parse(&text)).transpose();
    Ok(editing::Wishes {
        name,
        description: nullable(body, "description", 2_000)?.unwrap_or_else(|| kept(|list| list.description.clone())),
        subscribe_on_signup: flag(body, "subscribe_on_signup")?
            .unwrap_or_else(|| before.is_none_or(|list| list.subscribe_on_signup)),
        sender_name: nullable(body, "sender_name", 191)?.unwrap_or_else(|| kept(|list| list.sender_name.clone())),
        reply_to: reply_to.map_err(|_| failed("sender_reply_to"))?,
    })
}

fn list_exists(verb: &str) -> ApiError {
    let error = ApiError::invalid("A newsletter with the same name already exists", "name");
    cannot(error, &format!("{verb} newsletter"))
}

/// `POST /ghost/api/admin/newsletters/`: nobody who is a member already joins it by that.
pub async fn add_newsletter(
    app: web::Data<App>,
    writer: Writer,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let body = one_of(&request, payload, &app, "newsletters").await?;
    let wishes = list_wishes(&body, None)?;
    let added = change(&app, &writer, move |conn, scribe, now| {
        if !newsletters::add(conn, &wishes.name, wishes.description.as_deref(), now)? {
            return Ok(None);
        }
        let Some(list) = editing::all(conn)?.into_iter().find(|list| list.name == wishes.name) else {
            return Ok(None);
        };
        editing::edit(conn, list.id, &wishes)?;
        scribe.record(conn, &Deed::to("newsletter.add", "newsletter", list.id).with(json!({"name": wishes.name})))?;
        editing::find(conn, list.id)
    })
    .await?
    .ok_or_else(|| list_exists("save"))?;
    let body = json!({"newsletters": [newsletter_json(&added)]});
    Ok(with_change(created(&app, "newsletters", &added.id.to_string(), &body)))
}

/// `PUT /ghost/api/admin/newsletters/{id}/`.
pub async fn edit_newsletter(
    app: web::Data<App>,
    writer: Writer,
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let missing = || not_found("edit newsletter", "Newsletter not found.");
    let id: NewsletterId = path.parse().map_err(|_| missing())?;
    let body = one_of(&request, payload, &app, "newsletters").await?;
    let status = text(&body, "status", 50)?;
    if status.as_deref().is_some_and(|status| !matches!(status, "active" | "archived")) {
        return Err(failed("status"));
    }
    let edited = change(&app, &writer, move |conn, scribe, _| {
        let Some(before) = editing::find(conn, id)? else { return Ok(Err(missing())) };
        let wishes = match list_wishes(&body, Some(&before)) {
            Ok(wishes) => wishes,
            Err(error) => return Ok(Err(error)),
        };
        if editing::is_taken(conn, Some(id), &wishes.name)? {
            return Ok(Err(list_exists("edit")));
        }
        editing::edit(conn, id, &wishes)?;
        if let Some(status) = &status {
            editing::set_active(conn, id, status == "active")?;
        }
        let Some(after) = editing::find(conn, id)? else { return Ok(Err(missing())) };
        scribe.record(
            conn,
            &Deed::to("newsletter.edit", "newsletter", id)
                .from(json!({"name": before.name, "status": before.status}))
                .with(json!({"name": after.name, "status": after.status})),
        )?;
        Ok(Ok(after))
    })
    .await??;
    Ok(with_change(ok("newsletters", &newsletter_json(&edited))))
}

// --- Tiers and offers -----------------------------------------------------------------------------

fn tier_of(tier: &Tier) -> Value {
    tier_json(tier, &["benefits", "monthly_price", "yearly_price"])
}

/// `GET /ghost/api/admin/tiers/`: all on one page.
pub async fn tiers(app: web::Data<App>, _: Reader, request: HttpRequest) -> ApiResult<HttpResponse> {
    let mut options = Options::of(&request)?;
    let all = app.db.read(tiers::all).await?;
    let filter = options.get("filter").unwrap_or_default().to_owned();
    let fits = |tier: &&Tier| {
        filter.split('+').filter(|part| !part.is_empty()).all(|part| match part.split_once(':') {
            Some(("type", kind)) => tier.kind.as_str() == kind,
            Some(("active", is)) => tier.is_active == (is == "true"),
            Some(("visibility", seen)) => tier.is_public == (seen == "public"),
            Some(("slug", slug)) => tier.slug == slug.trim_matches('\''),
            _ => false,
        })
    };
    let shown: Vec<Value> = all.iter().filter(fits).map(tier_of).collect();
    (options.page, options.limit) = (1, i64::try_from(shown.len().max(1)).unwrap_or(1));
    Ok(page(&options, "tiers", shown))
}

/// `GET /ghost/api/admin/tiers/{id}/`.
pub async fn tier(app: web::Data<App>, _: Reader, path: Path<String>) -> ApiResult<HttpResponse> {
    let missing = || not_found("read tier", "Tier not found.");
    let id: TierId = path.parse().map_err(|_| missing())?;
    let tier = app.db.read(move |conn| tiers::find(conn, id)).await?.ok_or_else(missing)?;
    Ok(ok("tiers", &tier_of(&tier)))
}

/// What a body says of a tier. Prices of nothing are none.
fn tier_wishes(body: &Map<String, Value>) -> ApiResult<Wishes> {
    let benefits = match body.get("benefits") {
        None | Some(Value::Null) => None,
        Some(Value::Array(list)) => {
            let texts = list.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>();
            Some(texts.ok_or_else(|| failed("benefits"))?)
        }
        Some(_) => return Err(failed("benefits")),
    };
    let visibility = text(body, "visibility", 50)?;
    if visibility.as_deref().is_some_and(|seen| !matches!(seen, "public" | "none")) {
        return Err(failed("visibility"));
    }
    let days = whole(body, "trial_days")?.map(i32::try_from).transpose();
    Ok(Wishes {
        name: text(body, "name", 191)?,
        description: nullable(body, "description", 191)?.map(Option::unwrap_or_default),
        benefits,
        currency: text(body, "currency", 3)?.map(|code| code.to_lowercase()),
        monthly_minor: whole(body, "monthly_price")?.filter(|price| *price != 0),
        yearly_minor: whole(body, "yearly_price")?.filter(|price| *price != 0),
        trial_days: days.map_err(|_| failed("trial_days"))?,
        welcome_page_url: nullable(body, "welcome_page_url", 2_000)?.map(Option::unwrap_or_default),
        is_public: visibility.map(|seen| seen == "public"),
        sort_order: None,
    })
}

/// What is wrong with a tier, unless the database is.
fn wrong_tier<T>(result: Result<T, NotATier>, verb: &str) -> DbResult<ApiResult<T>> {
    let property = match &result {
        Err(NotATier::Db(_)) | Ok(_) => "",
        Err(NotATier::Name | NotATier::NameTaken(_)) => "name",
        Err(NotATier::Currency(_)) => "currency",
        Err(NotATier::Trial) => "trial_days",
        Err(NotATier::Unknown) => "id",
        Err(_) => "monthly_price",
    };
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(NotATier::Db(error)) => Err(error),
        Err(why) => Ok(Err(cannot(ApiError::invalid(why.to_string(), property), &format!("{verb} tier")))),
    }
}

/// `POST /ghost/api/admin/tiers/`.
pub async fn add_tier(
    app: web::Data<App>,
    writer: Writer,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let wishes = tier_wishes(&one_of(&request, payload, &app, "tiers").await?)?;
    let added = change(&app, &writer, move |conn, scribe, now| {
        let id = match wrong_tier(tiers::add(conn, &wishes, now), "save")? {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        scribe.record(conn, &Deed::to("tier.add", "tier", id).with(json!({"name": wishes.name})))?;
        Ok(tiers::find(conn, id)?.ok_or_else(|| not_found("save tier", "Tier not found.")))
    })
    .await??;
    let body = json!({"tiers": [tier_of(&added)]});
    Ok(with_change(created(&app, "tiers", &added.id.to_string(), &body)))
}

/// `PUT /ghost/api/admin/tiers/{id}/`: another price is for new payers.
pub async fn edit_tier(
    app: web::Data<App>,
    writer: Writer,
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let missing = || not_found("edit tier", "Tier not found.");
    let id: TierId = path.parse().map_err(|_| missing())?;
    let body = one_of(&request, payload, &app, "tiers").await?;
    let (wishes, active) = (tier_wishes(&body)?, flag(&body, "active")?);
    let edited = change(&app, &writer, move |conn, scribe, now| {
        let Some(before) = tiers::find(conn, id)? else { return Ok(Err(missing())) };
        // Refused before anything is written.
        if before.kind == Kind::Free && active == Some(false) {
            return wrong_tier(Err(NotATier::IsFree), "edit");
        }
        if let Err(error) = wrong_tier(tiers::edit(conn, id, &wishes, now), "edit")? {
            return Ok(Err(error));
        }
        if let Some(active) = active.filter(|active| *active != before.is_active)
            && let Err(error) = wrong_tier(tiers::set_active(conn, id, active, now), "edit")?
        {
            return Ok(Err(error));
        }
        let Some(after) = tiers::find(conn, id)? else { return Ok(Err(missing())) };
        scribe.record(conn, &Deed::to("tier.edit", "tier", id).from(tier_of(&before)).with(tier_of(&after)))?;
        Ok(Ok(after))
    })
    .await??;
    Ok(with_change(ok("tiers", &tier_of(&edited))))
}

fn shown_offer(offer: &Offer, redemptions: i64) -> Value {
    let mut json = offer_json(offer);
    json["redemption_count"] = redemptions.into();
    json["created_at"] = offer.id.made_at().iso8601().into();
    json["last_redeemed"] = Value::Null;
    json
}

/// `GET /ghost/api/admin/offers/`.
pub async fn offers(app: web::Data<App>, _: Reader, request: HttpRequest) -> ApiResult<HttpResponse> {
    let options = Options::of(&request)?;
    let all = app.db.read(|conn| {
        let all = offers::all(conn)?;
        all.into_iter().map(|offer| Ok((offers::redemptions(conn, offer.id)?, offer))).collect::<DbResult<Vec<_>>>()
    });
    let all = all.await?;
    let filter = options.get("filter").unwrap_or_default();
    let fits = |offer: &Offer| {
        filter.split('+').filter(|part| !part.is_empty()).all(|part| match part.split_once(':') {
            Some(("status", status)) => offer.is_active == (status == "active"),
            Some(("redemption_type", kind)) => offer.redemption == kind,
            _ => false,
        })
    };
    let shown = all.iter().filter(|(_, offer)| fits(offer)).map(|(count, offer)| shown_offer(offer, *count));
    Ok(page(&options, "offers", shown.collect()))
}

/// `GET /ghost/api/admin/offers/{id}/`.
pub async fn offer(app: web::Data<App>, _: Reader, path: Path<String>) -> ApiResult<HttpResponse> {
    let missing = || not_found("read offer", "Offer not found.");
    let id: OfferId = path.parse().map_err(|_| missing())?;
    let found =
        app.db.read(move |conn| Ok(offers::find(conn, id)?.map(|offer| (offers::redemptions(conn, id), offer))));
    let (count, offer) = found.await?.ok_or_else(missing)?;
    Ok(ok("offers", &shown_offer(&offer, count?)))
}
