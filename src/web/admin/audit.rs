//! What was done, by whom.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::error::AdminResult;
use super::frame::{self, Frame};
use super::gate::Staff;
use super::query;
use crate::app::App;
use crate::staff::accounts::{self, Account};
use crate::staff::audit::{self, Entry, Verdict, Wanted};

const PAGE: i64 = 50;

#[derive(Template)]
#[template(path = "admin/audit.html")]
struct Page<'a> {
    frame: &'a Frame,
    entries: Vec<Entry>,
    actions: Vec<String>,
    accounts: Vec<Account>,
    wanted: Wanted,
    /// The address of the next page.
    older: Option<String>,
    verdict: Option<Verdict>,
}

/// `GET /admin/audit/`: filtered through its address; `?verify=1` looks through all of it.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let query = query(&request);
    let text = |name: &str| query.get(name).unwrap_or_default().chars().take(200).collect::<String>();
    let target = query.get("target").and_then(|target| target.split_once(':'));
    let wanted = Wanted {
        actor: text("actor"),
        action: text("action"),
        target: target.map(|(kind, id)| (kind.to_owned(), id.to_owned())),
        before: query.get("before").and_then(|number| number.parse().ok()),
    };
    let (asked, verifies, key) = (wanted.clone(), query.get("verify").is_some(), app.policy.key.clone());
    let (mut entries, actions, accounts, verdict) = app
        .db
        .read(move |conn| {
            let verdict = if verifies { Some(audit::verify(conn, &key)?) } else { None };
            Ok((audit::page(conn, &asked, PAGE + 1)?, audit::actions(conn)?, accounts::all(conn)?, verdict))
        })
        .await?;
    let frame = Frame::of(&app, &staff, &request);
    let has_more = entries.len() > usize::try_from(PAGE).unwrap_or(usize::MAX);
    entries.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
    let older = entries.last().filter(|_| has_more).map(|last| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("actor", &wanted.actor), ("action", &wanted.action)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if let Some((kind, id)) = &wanted.target {
            query.append_pair("target", &format!("{kind}:{id}"));
        }
        query.append_pair("before", &last.number.to_string());
        format!("{}?{}", frame.url("audit/"), query.finish())
    });
    frame::page(StatusCode::OK, &frame, &Page { frame: &frame, entries, actions, accounts, wanted, older, verdict })
}
