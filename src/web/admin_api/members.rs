//! Members, as programs find and change them (protocol D.5).

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::change;
use super::program::{Reader, Writer};
use super::query::{Options, answer, cannot, created, failed, flag, gone, nullable, root, text};
use crate::app::App;
use crate::billing::tiers::{self, Kind};
use crate::clock::Timestamp;
use crate::db::{Conn, DbResult};
use crate::ids::{MemberId, TierId};
use crate::mail::letters::link_url;
use crate::mail::suppression;
use crate::members::address::EmailAddress;
use crate::members::browsing::{self, Column, Query};
use crate::members::by_programs::{self, NotChanged, Wishes};
use crate::members::for_programs::{self, Wanted};
use crate::members::{labels, name, nql};
use crate::newsletters;
use crate::signin::{asking, links, sessions};
use crate::staff::audit::Deed;
use crate::staff::figures;
use crate::texts::Language;
use crate::web::body;
use crate::web::error::{ApiError, ApiResult};

/// Characters of a note.
const NOTE: usize = 2_000;
/// Characters of what is searched for.
const SEARCH: usize = 254;

const TIERS: &[&str] = &["tiers", "products"];

/// `GET /ghost/api/admin/members/`.
pub async fn browse(app: web::Data<App>, _: Reader, request: HttpRequest) -> ApiResult<HttpResponse> {
    let list = |error| cannot(error, "list members");
    let options = Options::of(&request).map_err(list)?;
    let query = query_of(&options, app.now()).map_err(list)?;
    let wanted = Wanted { tiers: options.includes(TIERS), attribution: false };
    let (policy, base, now) = (app.policy.clone(), app.settings.url.clone(), app.now());
    let found = app
        .db
        .read(move |conn| {
            let Ok(page) = browsing::page(conn, &query)? else { return Ok(None) };
            Ok(Some((for_programs::records(conn, &page.ids, wanted, &policy, &base, now)?, page.total)))
        })
        .await?;
    let Some((records, total)) = found else {
        return Err(list(ApiError::bad_request("Could not understand request.")));
    };
    let body = json!({"members": options.chosen(records), "meta": options.meta(total)});
    Ok(answer(StatusCode::OK, &body))
}

fn query_of(options: &Options, now: Timestamp) -> ApiResult<Query> {
    let unread = |_| ApiError::bad_request("Error parsing filter");
    let filter = options.get("filter").map(|text| nql::parse(text, now)).transpose().map_err(unread)?;
    let search: String = options.get("search").unwrap_or_default().trim().chars().take(SEARCH).collect();
    let mut order = Vec::new();
    for part in options.get("order").into_iter().flat_map(|order| order.split(',')) {
        let mut words = part.split_whitespace();
        let column = words.next().map(str::to_lowercase).unwrap_or_default();
        if ["password", "token", "secret", "gift_link_token"].iter().any(|secret| column.contains(secret)) {
            return Err(ApiError::bad_request("Restricted fields cannot be used in order."));
        }
        let is_down = match words.next().map(str::to_lowercase).as_deref() {
            Some("desc") => true,
            None | Some("asc") => false,
            Some(_) => return Err(failed("order")),
        };
        let unknown = || ApiError::bad_request("Could not understand request.");
        order.push((Column::of_order(&column).ok_or_else(unknown)?, is_down));
        if order.len() > 6 {
            return Err(failed("order"));
        }
    }
    Ok(Query { filter, search, order, limit: options.limit, offset: (options.page - 1) * options.limit })
}

/// `GET /ghost/api/admin/members/{id}/`.
pub async fn read(app: web::Data<App>, _: Reader, path: Path<String>) -> ApiResult<HttpResponse> {
    let id = id_of(&path, "read")?;
    one(&app, id, StatusCode::OK).await?.ok_or_else(|| not_found("read"))
}

fn not_found(verb: &str) -> ApiError {
    ApiError::not_found_as(format!("Resource not found error, cannot {verb} member."), "Member not found.")
}

fn id_of(path: &str, verb: &str) -> ApiResult<MemberId> {
    let what = format!("{verb} member");
    path.to_lowercase()
        .parse()
        .map_err(|_| cannot(ApiError::invalid("Validation (matches) failed for id", "id"), &what))
}

/// The record of one; `None` where there is no such member.
async fn one(app: &App, id: MemberId, status: StatusCode) -> ApiResult<Option<HttpResponse>> {
    let (policy, base, now) = (app.policy.clone(), app.settings.url.clone(), app.now());
    let wanted = Wanted { tiers: true, attribution: true };
    let records = app.db.read(move |conn| for_programs::records(conn, &[id], wanted, &policy, &base, now)).await?;
    let Some(mut record) = records.into_iter().next() else { return Ok(None) };
    record["email_recipients"] = json!([]);
    let body = json!({"members": [record]});
    Ok(Some(match status {
        StatusCode::CREATED => created(app, "members", &id.to_string(), &body),
        status => answer(status, &body),
    }))
}

/// What a body wishes. Lists and tiers are looked up, as they may be named by name, slug or id.
fn wishes(conn: &mut Conn, body: &Map<String, Value>) -> DbResult<ApiResult<Wishes>> {
    let (lists, tiers) = (newsletters::active(conn)?, tiers::all(conn)?);
    Ok(read_wishes(body, &lists, &tiers))
}

fn read_wishes(
    body: &Map<String, Value>,
    lists: &[newsletters::Newsletter],
    tiers: &[tiers::Tier],
) -> ApiResult<Wishes> {
    let mut wishes = Wishes {
        note: nullable(body, "note", NOTE)?.map(Option::unwrap_or_default),
        subscribed: flag(body, "subscribed")?,
        ..Wishes::default()
    };
    if let Some(given) = nullable(body, "name", name::LONGEST)? {
        let given = given.unwrap_or_default();
        if given.starts_with(',') {
            return Err(failed("name"));
        }
        wishes.name = Some(name::parse(&given).map_err(|_| failed("name"))?);
    }
    if let Some(email) = text(body, "email", 254)? {
        let email = EmailAddress::parse(email.trim());
        wishes.email = Some(email.map_err(|_| ApiError::invalid("Invalid Email", "email"))?);
    }
    if let Some(given) = several(body, "labels", &["name"])? {
        wishes.labels = Some(labels::parse(given.iter().map(String::as_str)));
    }
    if let Some(given) = several(body, "newsletters", &["id", "name", "slug"])? {
        // Those that do not exist or are archived are passed over.
        let known = given.into_iter().filter_map(|one| newsletters::choose(lists, &[one]).ok());
        wishes.newsletters = Some(known.flatten().collect());
    }
    let given = match several(body, "tiers", &["id", "slug", "name"])? {
        Some(given) => Some(given),
        None => several(body, "products", &["id", "slug", "name"])?,
    };
    let until = body.get("tiers").or_else(|| body.get("products")).and_then(|list| list[0]["expiry_at"].as_str());
    let until = until.map(|text| Timestamp::of_day(text.get(..10).unwrap_or_default()).ok_or_else(|| failed("tiers")));
    let until = until.transpose()?;
    match given.as_deref() {
        Some([]) => wishes.comp = Some(None),
        Some([one]) => wishes.comp = Some(Some((paid_tier(tiers, one)?, until))),
        Some(_) => return Err(ApiError::bad_request("A member cannot have more than one Product")),
        None => match flag(body, "comped")? {
            Some(true) => {
                let first = tiers.iter().find(|tier| tier.kind == Kind::Paid && tier.is_active);
                let none = || ApiError::invalid("There is no paid tier to give.", "comped");
                wishes.comp = Some(Some((first.ok_or_else(none)?.id, None)));
            }
            Some(false) => wishes.comp = Some(None),
            None => {}
        },
    }
    Ok(wishes)
}

fn paid_tier(tiers: &[tiers::Tier], named: &str) -> ApiResult<TierId> {
    let fits = |tier: &&tiers::Tier| tier.id.to_string() == named || tier.slug == named || tier.name == named;
    match tiers.iter().find(fits) {
        Some(tier) if tier.kind == Kind::Free || !tier.is_active => {
            Err(ApiError::bad_request("Cannot use archived Tiers"))
        }
        Some(tier) => Ok(tier.id),
        None => Err(ApiError::not_found_as(format!("Cannot find Product {named}"), "There is no such tier.")),
    }
}

/// More labels or lists than anybody has.
const MOST: usize = 200;

/// A list of texts, or of objects that are named by the first of some fields they have; an object with none
/// of them is passed over.
fn several(body: &Map<String, Value>, name: &'static str, fields: &[&str]) -> ApiResult<Option<Vec<String>>> {
    let list = match body.get(name) {
        None => return Ok(None),
        Some(Value::Array(list)) if list.len() <= MOST => list,
        Some(_) => return Err(failed(name)),
    };
    let mut texts = Vec::with_capacity(list.len());
    for one in list {
        match one {
            Value::String(text) if text.chars().count() <= 191 => texts.push(text.clone()),
            Value::Object(one) => {
                texts.extend(fields.iter().find_map(|field| one.get(*field)?.as_str()).map(str::to_owned));
            }
            _ => return Err(failed(name)),
        }
    }
    Ok(Some(texts))
}

fn refused(why: NotChanged, verb: &str, attempt: &str) -> ApiError {
    let what = format!("{verb} member");
    match why {
        NotChanged::Unknown => not_found(verb),
        NotChanged::Taken => cannot(
            ApiError::invalid(
                format!("Member already exists. Attempting to {attempt} with existing email address"),
                "email",
            ),
            &what,
        ),
        NotChanged::Erased => cannot(
            ApiError::invalid("Whoever has this address had their account erased; only they can come back.", "email"),
            &what,
        ),
        NotChanged::Pays if verb == "delete" => cannot(
            ApiError::invalid("The member pays. Send cancel=true to end their subscriptions first.", "cancel"),
            &what,
        ),
        NotChanged::Pays => {
            cannot(ApiError::bad_request("Cannot add comped Products to a Member with active Subscriptions"), &what)
        }
    }
}

/// `POST /ghost/api/admin/members/`: nobody is mailed, unless `send_email=true` asks for a link to sign in.
pub async fn add(
    app: web::Data<App>,
    writer: Writer,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let save = |error| cannot(error, "save member");
    let options = Options::of(&request).map_err(save)?;
    let body = root(body::json(&request, payload, &app.settings.http).await?, "members")?;
    if !body.contains_key("email") {
        return Err(save(failed("email")));
    }
    let (policy, program, mails) = (app.policy.clone(), writer.name(), options.is("send_email"));
    let language = app.settings.language;
    let added = change(&app, &writer, move |conn, scribe, now| {
        let wishes = match wishes(conn, &body)? {
            Ok(wishes) => wishes,
            Err(error) => return Ok(Err(save(error))),
        };
        let Some(email) = wishes.email.clone() else { return Ok(Err(save(failed("email")))) };
        let id = match by_programs::add(conn, &policy, &email, &wishes, &program, now)? {
            Ok(id) => id,
            Err(why) => return Ok(Err(refused(why, "save", "add member"))),
        };
        if mails {
            asking::by_staff(conn, &policy, id, language, now)?;
        }
        scribe.record(conn, &Deed::to("member.add", "member", id))?;
        Ok(Ok(id))
    })
    .await??;
    one(&app, added, StatusCode::CREATED).await?.ok_or_else(|| not_found("save"))
}

/// `PUT /ghost/api/admin/members/{id}/`: what is not sent stays as it is.
pub async fn edit(
    app: web::Data<App>,
    writer: Writer,
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let id = id_of(&path, "edit")?;
    let body = root(body::json(&request, payload, &app.settings.http).await?, "members")?;
    if body.get("id").and_then(Value::as_str).is_some_and(|other| other != id.to_string()) {
        return Err(ApiError::bad_request("Invalid id provided."));
    }
    let (policy, program) = (app.policy.clone(), writer.name());
    change(&app, &writer, move |conn, scribe, now| {
        let wishes = match wishes(conn, &body)? {
            Ok(wishes) => wishes,
            Err(error) => return Ok(Err(cannot(error, "edit member"))),
        };
        if let Err(why) = by_programs::edit(conn, &policy, id, &wishes, &program, now)? {
            return Ok(Err(refused(why, "edit", "edit member")));
        }
        let fields: Vec<&String> = body.keys().collect();
        scribe.record(conn, &Deed::to("member.edit", "member", id).with(json!({"fields": fields})))?;
        Ok(Ok(()))
    })
    .await??;
    one(&app, id, StatusCode::OK).await?.ok_or_else(|| not_found("edit"))
}

/// `DELETE /ghost/api/admin/members/{id}/`: erased at once. Whoever pays is not, unless `cancel=true` ends
/// their subscriptions first.
pub async fn remove(
    app: web::Data<App>,
    writer: Writer,
    request: HttpRequest,
    path: Path<String>,
) -> ApiResult<HttpResponse> {
    let id = id_of(&path, "delete")?;
    if Options::of(&request)?.is("cancel")
        && let Some(billing) = &app.billing
    {
        let paid = app.db.read(move |conn| crate::billing::subscriptions::of_member(conn, id)).await?;
        for one in paid.iter().filter(|one| one.is_live()) {
            billing.cancel_now(id, &one.id).await.map_err(|_| ApiError::billing_away())?;
        }
    }
    let policy = app.policy.clone();
    change(&app, &writer, move |conn, scribe, now| {
        if let Err(why) = by_programs::remove(conn, &policy, id, now)? {
            return Ok(Err(refused(why, "delete", "delete member")));
        }
        scribe.record(conn, &Deed::to("member.erase", "member", id))?;
        Ok(Ok(()))
    })
    .await??;
    Ok(gone())
}

/// `GET /ghost/api/admin/members/{id}/signin_urls/`: a link as one that is mailed. It lets whoever has it
/// in, so that it takes a key that may change things.
pub async fn signin_url(app: web::Data<App>, writer: Writer, path: Path<String>) -> ApiResult<HttpResponse> {
    let id = id_of(&path, "read")?;
    let policy = app.policy.clone();
    let token = change(&app, &writer, move |conn, scribe, now| {
        if !crate::members::exists(conn, id)? {
            return Ok(None);
        }
        let (link, _) = asking::link_of(conn, &policy, id, Language::English, now)?;
        scribe.record(conn, &Deed::to("member.signin-link", "member", id))?;
        Ok(Some(links::token(&policy, link)))
    })
    .await?;
    let token = token.ok_or_else(|| not_found("read"))?;
    let url = link_url(&app.settings, &token, links::Purpose::SignIn, None);
    let body = json!({"member_signin_urls": [{"member_id": id.to_string(), "url": url.as_str()}]});
    Ok(answer(StatusCode::OK, &body))
}

/// `DELETE /ghost/api/admin/members/{id}/sessions/`: signed out everywhere.
pub async fn sign_out(app: web::Data<App>, writer: Writer, path: Path<String>) -> ApiResult<HttpResponse> {
    let id = id_of(&path, "edit")?;
    let is_there = change(&app, &writer, move |conn, scribe, now| {
        if !crate::members::exists(conn, id)? {
            return Ok(false);
        }
        sessions::close_all_of(conn, id, now)?;
        scribe.record(conn, &Deed::to("member.signout", "member", id))?;
        Ok(true)
    })
    .await?;
    if is_there { Ok(gone()) } else { Err(ApiError::not_found_as(format!("Could not find Member {id}"), "")) }
}

/// `DELETE /ghost/api/admin/members/{id}/suppression/`: mails may go to them again, unless they complained.
pub async fn lift(app: web::Data<App>, writer: Writer, path: Path<String>) -> ApiResult<HttpResponse> {
    let id = id_of(&path, "edit")?;
    let is_there = change(&app, &writer, move |conn, scribe, _| {
        if !crate::members::exists(conn, id)? {
            return Ok(false);
        }
        let email = crate::members::stored_address(&crate::members::email_of(conn, id)?)?;
        suppression::lift_by_staff(conn, &email.key())?;
        scribe.record(conn, &Deed::to("suppression.lift", "member", id))?;
        Ok(true)
    })
    .await?;
    if is_there { Ok(gone()) } else { Err(not_found("edit")) }
}

/// `GET /ghost/api/admin/members/stats/count/`: how many there were on each day (D.8).
pub async fn count(app: web::Data<App>, _: Reader) -> ApiResult<HttpResponse> {
    let now = app.now();
    let told = app.db.read(move |conn| figures::told(conn, now)).await?;
    let days = usize::try_from(figures::DAYS).unwrap_or(365);
    let line = |figure| told.line(figure, days, true).into_iter();
    let lines = line(figures::MEMBERS).zip(line(figures::PAYERS)).zip(line(figures::COMPED));
    let data: Vec<Value> = lines
        .filter(|(((_, all), _), _)| *all > 0)
        .map(|(((day, all), (_, paid)), (_, comped))| {
            let date = Timestamp::from_millis(i64::from(day) * 86_400_000).iso8601();
            json!({"date": date.get(..10), "paid": paid, "free": all - paid - comped, "comped": comped, "gift": 0})
        })
        .collect();
    let body = json!({"resource": "members", "total": told.of_today(figures::MEMBERS), "data": data});
    Ok(answer(StatusCode::OK, &body))
}
