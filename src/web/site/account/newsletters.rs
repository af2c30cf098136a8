use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{Visit, change, done};
use crate::app::App;
use crate::members::preferences::Changes;
use crate::newsletters::{self, Newsletter};
use crate::web::client::Client;
use crate::web::page_error::PageResult;
use crate::web::site::forms::read_own;
use crate::web::site::pages::{self, Frame};

const PATH: &str = "members/account/newsletters/";

#[derive(Template)]
#[template(path = "site/account/newsletters.html")]
struct Page<'a> {
    frame: &'a Frame,
    visit: &'a Visit,
    newsletters: Vec<Newsletter>,
}

impl Page<'_> {
    fn receives(&self, list: &Newsletter) -> bool {
        self.visit.present.newsletters.iter().any(|own| own.id == list.id)
    }

    fn paused_until(&self) -> Option<String> {
        self.visit.paused_until.map(|until| self.frame.language.day(until))
    }
}

/// `GET /members/account/newsletters/`: which ones come, and a rest from all of them.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    let visit = match Visit::begin(&app, &client, &request, PATH).await? {
        Ok(visit) => visit,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let newsletters = app.db.read(newsletters::active).await?;
    let page = Page { frame: &visit.frame, visit: &visit, newsletters };
    pages::page(StatusCode::OK, page.frame, &page)
}

/// The rests that are offered, in days.
pub const PAUSES: [u64; 3] = [7, 30, 90];

/// `POST /members/account/newsletters/`: the whole choice, or with `pause` a rest of so many days
/// (`0` ends it).
pub async fn choose(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    if let Some(days) = form.get("pause").and_then(|days| days.parse::<u64>().ok()) {
        let until = PAUSES.contains(&days).then(|| app.now().plus(Duration::from_secs(days * 86_400)));
        change(&app, &client, Changes { paused_until: Some(until), ..Changes::default() }, String::new()).await?;
        return done(&app, &client, PATH, if until.is_some() { "paused" } else { "resumed" }).await;
    }
    let (frame, _) = Frame::of(&app, &client).await?;
    let chosen = form.all("newsletter").filter_map(|id| id.parse().ok()).collect();
    let changes = Changes { newsletters: Some(chosen), ..Changes::default() };
    change(&app, &client, changes, frame.t("account-newsletters.consent")).await?;
    done(&app, &client, PATH, "newsletters").await
}
