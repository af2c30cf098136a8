use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{Visit, act, done};
use crate::app::App;
use crate::clock::Timestamp;
use crate::signin::devices::{self, Device};
use crate::web::client::Client;
use crate::web::page_error::{PageError, PageResult};
use crate::web::site::forms::read_own;
use crate::web::site::pages::{self, Frame};

const PATH: &str = "members/account/devices/";

#[derive(Template)]
#[template(path = "site/account/devices.html")]
struct Page<'a> {
    frame: &'a Frame,
    visit: &'a Visit,
    devices: Vec<Device>,
}

impl Page<'_> {
    fn name(&self, device: &Device) -> String {
        match &device.browser {
            Some(browser) => self.frame.language.browser(browser),
            None => self.frame.t("account-devices.unknown"),
        }
    }

    fn moment(&self, at: &Timestamp) -> String {
        self.frame.language.moment(*at)
    }
}

/// `GET /members/account/devices/`: where this account is signed in, with the last use of each.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    let visit = match Visit::begin(&app, &client, &request, PATH).await? {
        Ok(visit) => visit,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let (policy, member, now) = (app.policy.clone(), visit.present.id, app.now());
    let this = client.session().ok_or(PageError::signed_out())?;
    let devices = app.db.read(move |conn| devices::of(conn, &policy, member, &this, now)).await?;
    let page = Page { frame: &visit.frame, visit: &visit, devices };
    pages::page(StatusCode::OK, page.frame, &page)
}

/// `POST /members/account/devices/`: signs out one device (`device`), or every other (`others`).
pub async fn sign_out(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let this = client.session().ok_or(PageError::signed_out())?;
    let now = app.now();
    if form.get("others").is_some() {
        act(&app, &client, move |conn, who| devices::sign_out_others(conn, who.id, &this, now)).await?;
        return done(&app, &client, PATH, "devices").await;
    }
    let device = form.get("device").and_then(|id| id.parse().ok()).ok_or(PageError::not_found())?;
    // One that is somebody else's is as unknown as one that never was.
    let ended = act(&app, &client, move |conn, who| devices::sign_out(conn, who.id, device, now)).await?;
    if !ended {
        return Err(PageError::not_found());
    }
    done(&app, &client, PATH, "device").await
}
