//! `/unsubscribe/`: leaving newsletters by the link of a mail.
//!
//! Looking never unsubscribes, so that scanners do not (`reliability.md` M10). The button does, and
//! so does the POST that mail programs send by themselves (RFC 8058). The page shows the address
//! masked, signs nobody in, and never expires (M11, V9).

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use uuid::Uuid;

use super::forms::read_urlencoded;
use super::pages::{self, Frame, about_a_token};
use crate::app::App;
use crate::config::UnsubscribePage;
use crate::members::address;
use crate::members::preferences::{self, Changes, Place};
use crate::newsletters::unsubscribing::{self, Holder, What};
use crate::web::answer::plain;
use crate::web::body::{Form, is_type};
use crate::web::client::Client;
use crate::web::page_error::{PageError, PageResult};

/// What a link says, its key checked.
struct Link {
    uuid: Uuid,
    key: String,
    list: Option<Uuid>,
    what: What,
}

impl Link {
    fn read(app: &App, query: &Form) -> Option<Self> {
        let uuid: Uuid = query.get("uuid")?.parse().ok()?;
        let key = query.get("key")?;
        let list: Option<Uuid> = query.get("newsletter").and_then(|text| text.parse().ok());
        unsubscribing::check(&app.policy.key, uuid, key, list)?;
        let what = if query.get("comments").is_some() {
            What::CommentNotifications
        } else if query.get("updatesandannouncements").is_some() {
            What::Updates
        } else {
            list.map_or(What::AllLists, What::List)
        };
        Some(Self { uuid, key: key.to_owned(), list, what })
    }

    fn address(&self, frame: &Frame) -> String {
        let list = self.list.map(|list| format!("&newsletter={list}")).unwrap_or_default();
        frame.url(&format!("unsubscribe/?uuid={}&key={}{list}", self.uuid, self.key))
    }
}

#[derive(Template)]
#[template(path = "site/unsubscribe.html")]
struct UnsubscribePageShown {
    frame: Frame,
    action: String,
    address: String,
    /// The list of the link, while its reader is on it.
    list: Option<String>,
    /// Every list they are on.
    lists: Vec<String>,
    paused_until: Option<String>,
    /// The key of what has just happened, and what it is about.
    done: Option<(&'static str, String)>,
}

/// `GET /unsubscribe/?uuid=&key=[&newsletter=]` (protocol B.18, C.4).
pub async fn show(app: web::Data<App>, request: HttpRequest) -> PageResult<HttpResponse> {
    let query = Form::parse(request.query_string().as_bytes());
    if query.get("uuid").is_none_or(str::is_empty) {
        return Ok(plain(StatusCode::BAD_REQUEST, "Email address not found."));
    }
    if app.settings.unsubscribe_page == UnsubscribePage::Site {
        return Ok(to_widget(&app, &query));
    }
    let Some(link) = Link::read(&app, &query) else {
        return Err(PageError::bad_unsubscribe_link());
    };
    page(&app, &link, None).await
}

/// The site's home, where Ghost's widget does the rest.
fn to_widget(app: &App, query: &Form) -> HttpResponse {
    let mut home = app.settings.site_url.clone();
    {
        let mut pairs = home.query_pairs_mut();
        for name in ["uuid", "newsletter", "comments", "updatesandannouncements", "key"] {
            if let Some(value) = query.get(name) {
                pairs.append_pair(name, value);
            }
        }
        pairs.append_pair("action", "unsubscribe");
    }
    about_a_token(pages::redirect(StatusCode::FOUND, home.as_str()))
}

async fn page(app: &App, link: &Link, done: Option<(&'static str, String)>) -> PageResult<HttpResponse> {
    let uuid = link.uuid;
    let holder = app.db.read(move |conn| unsubscribing::holder(conn, uuid)).await?;
    let Some(holder) = holder else {
        return Err(PageError::bad_unsubscribe_link());
    };
    let frame = Frame::new(&app.settings).in_language(holder.language);
    let Holder { email, newsletters, paused_until, .. } = holder;
    let name_of = |uuid: Uuid| newsletters.iter().find(|list| list.uuid == uuid).map(|list| list.name.clone());
    let page = UnsubscribePageShown {
        action: link.address(&frame),
        address: address::masked(&email),
        list: link.list.and_then(name_of),
        lists: newsletters.iter().map(|list| list.name.clone()).collect(),
        paused_until: paused_until.filter(|until| *until > app.now()).map(|until| frame.language.day(until)),
        frame,
        done,
    };
    pages::page(StatusCode::OK, &page.frame, &page).map(about_a_token)
}

/// How long "fewer" is: the lists rest and come back.
const REST: Duration = Duration::from_secs(30 * 86_400);

/// `POST /unsubscribe/?uuid=&key=[&newsletter=]`: the button of the page (`what`), or a mail program
/// (RFC 8058), which gets 201 and nothing else, whatever was so before.
pub async fn leave(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let query = Form::parse(request.query_string().as_bytes());
    let Some(link) = Link::read(&app, &query) else {
        return Ok(HttpResponse::BadRequest().finish());
    };
    let form = if is_type(&request, "application/x-www-form-urlencoded") {
        Some(read_urlencoded(&app, &request, payload).await?)
    } else {
        // Mail programs may send their one field as multipart; what it says is known anyway.
        None
    };
    let choice = form.as_ref().and_then(|form| form.get("what")).map(str::to_owned);
    let what = if choice.as_deref() == Some("all") { What::AllLists } else { link.what };
    let (uuid, now) = (link.uuid, app.now());
    if choice.as_deref() == Some("fewer") {
        rest(&app, &client, uuid).await?;
        return page(&app, &link, Some(("unsubscribe-rests", String::new()))).await;
    }
    let left = app
        .db
        .write(move |conn| match unsubscribing::member(conn, uuid)? {
            Some(member) => unsubscribing::leave(conn, member, what, now),
            None => Ok(Vec::new()),
        })
        .await?;
    if choice.is_none() {
        return Ok(HttpResponse::Created().finish());
    }
    let names: Vec<String> = left.into_iter().map(|list| list.name).collect();
    let done = if names.is_empty() { "unsubscribe-was-done" } else { "unsubscribe-done" };
    page(&app, &link, Some((done, names.join(", ")))).await
}

async fn rest(app: &App, client: &Client, uuid: Uuid) -> PageResult<()> {
    let (network, now) = (client.network.truncated(), app.now());
    app.db
        .write(move |conn| {
            let Some(member) = unsubscribing::member(conn, uuid)? else { return Ok(()) };
            let changes = Changes { paused_until: Some(Some(now.plus(REST))), ..Changes::default() };
            let place = Place { method: "link of a mail", page: None, client: &network, consent_text: "" };
            preferences::apply(conn, member, &changes, &place, now)
        })
        .await?;
    Ok(())
}
