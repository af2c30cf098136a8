//! The one door to every page of staff (`reliability.md` A6).

use std::future::{Ready, ready};

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError, web};

use super::error::{AdminError, AdminResult};
use crate::app::App;
use crate::staff::audit::Actor;
use crate::staff::roles::Right;
use crate::staff::sessions::{self, Visitor};
use crate::staff::signin::Place;
use crate::web::client::Client;
use crate::web::site::pages::see_other;
use crate::web::{current, origin};

/// What an address takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nobody need be signed in: this is where one signs in.
    Nobody,
    /// A session, whether or not a second factor was set up: this is where one sets it up.
    Session,
    /// A right.
    Right(Right),
    /// A right, and a password or code of a moment ago.
    Fresh(Right),
}

/// Whoever came through.
#[derive(Clone, Debug)]
pub struct Staff {
    pub visitor: Visitor,
    place: Place,
    pub is_fresh: bool,
}

impl Staff {
    pub fn actor(&self) -> Actor {
        let (visitor, place) = (&self.visitor, &self.place);
        Actor::staff(visitor.id, &visitor.name, place.network.truncated(), place.request_id.clone())
    }

    pub fn place(&self) -> Place {
        self.place.clone()
    }

    pub const fn may(&self, right: Right) -> bool {
        self.visitor.role.may(right)
    }
}

impl FromRequest for Staff {
    type Error = AdminError;
    type Future = Ready<Result<Self, AdminError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // Only the gate puts it there: a handler behind an address that needs nobody has none.
        ready(
            request
                .extensions()
                .get::<Self>()
                .cloned()
                .ok_or_else(|| AdminError::SignedOut("/admin/signin/".to_owned())),
        )
    }
}

/// Where a request comes from, for signing in and for the log.
pub fn place(client: &Client) -> Place {
    Place { network: client.network, agent: client.agent.clone(), request_id: current::id().to_string() }
}

/// Lets a request through, or answers in its place.
pub async fn gate(
    request: ServiceRequest,
    next: Next<BoxBody>,
    needs: Needs,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match pass(&request, needs).await {
        Ok(Ok(staff)) => {
            if let Some(staff) = staff {
                request.extensions_mut().insert(staff);
            }
            next.call(request).await
        }
        Ok(Err(elsewhere)) => Ok(request.into_response(elsewhere)),
        Err(error) => Ok(request.into_response(error.error_response())),
    }
}

async fn pass(request: &ServiceRequest, needs: Needs) -> AdminResult<Result<Option<Staff>, HttpResponse>> {
    let Some(app) = request.app_data::<web::Data<App>>() else { unreachable!("every route has the app") };
    if !request.method().is_safe() && !origin::is_own(request.headers(), &app.settings) {
        return Err(AdminError::ForeignForm);
    }
    if needs == Needs::Nobody {
        return Ok(Ok(None));
    }
    let Ok(client) = Client::from_request(request.request(), &mut Payload::None).await;
    let looks = request.method().is_safe();
    let way = |path: &str| with_return(app, request.request(), path);
    let away = |path: &str| Ok(Err(see_other(&way(path))));
    let Some(visitor) = of_session(app, &client).await? else {
        return if looks { away(SIGN_IN) } else { Err(AdminError::SignedOut(way(SIGN_IN))) };
    };
    let settings = &app.settings.staff;
    let staff = Staff { is_fresh: visitor.is_fresh(settings, app.now()), place: place(&client), visitor };
    let (right, takes_proof) = match needs {
        Needs::Nobody | Needs::Session => return Ok(Ok(Some(staff))),
        Needs::Right(right) => (right, false),
        Needs::Fresh(right) => (right, true),
    };
    if staff.visitor.lacks_second_factor(settings) {
        return if looks { away(FACTOR) } else { Err(AdminError::NoSecondFactor(way(FACTOR))) };
    }
    if !staff.may(right) {
        return Err(AdminError::NotAllowed(right.as_str()));
    }
    if takes_proof && !staff.is_fresh {
        return if looks { away(PROVE) } else { Err(AdminError::NotFresh(way(PROVE))) };
    }
    Ok(Ok(Some(staff)))
}

/// Who comes with the cookie; the use of the session is written down each minute.
async fn of_session(app: &App, client: &Client) -> AdminResult<Option<Visitor>> {
    let Some(session) = client.staff_session() else { return Ok(None) };
    let (settings, now) = (app.settings.staff.clone(), app.now());
    let found = app.db.read(move |conn| sessions::who(conn, &settings, &session, now)).await?;
    if let Some(visitor) = found.as_ref().filter(|visitor| visitor.needs_touch(now)) {
        let visitor = visitor.clone();
        app.db.write(move |conn| sessions::touch(conn, &visitor, now)).await?;
    }
    Ok(found)
}

const SIGN_IN: &str = "admin/signin/";
const FACTOR: &str = "admin/account/second-factor/";
const PROVE: &str = "admin/prove/";

/// Asks for a proof, from within a handler.
pub fn not_fresh(app: &App, request: &HttpRequest) -> AdminError {
    AdminError::NotFresh(with_return(app, request, PROVE))
}

/// An address of ours that leads back to where one wanted to go; of a form, to the page it stands on.
fn with_return(app: &App, request: &HttpRequest, path: &str) -> String {
    let from = request.headers().get(header::REFERER).and_then(|value| value.to_str().ok());
    let page =
        from.and_then(|from| url::Url::parse(from).ok()).filter(|from| from.origin() == app.settings.url.origin());
    let page = page.map(|page| page[url::Position::BeforePath..url::Position::AfterQuery].to_owned());
    let here = request.uri().path_and_query().map(|here| here.as_str().to_owned());
    let here = if request.method().is_safe() { here } else { page };
    let here = here.unwrap_or_default();
    let mut to = app.settings.link(path);
    to.query_pairs_mut().append_pair("to", &here);
    let query = to.query().map_or(String::new(), |query| format!("?{query}"));
    format!("{}{query}", to.path())
}

/// Where one wanted to go, if it is one of these pages.
pub fn wanted(app: &App, to: Option<&str>) -> String {
    let home = format!("{}admin/", app.settings.url.path());
    let is_ours = |to: &&str| {
        to.starts_with(&home)
            && to.len() <= 2_000
            && !to.contains("//")
            && !to.chars().any(|c| c.is_control() || c == '\\')
    };
    to.filter(is_ours).map_or(home.clone(), str::to_owned)
}
