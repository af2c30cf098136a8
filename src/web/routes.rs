//! Every address there is.

use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, Error, Resource, Route, Scope, guard, web};

use super::{error, frame, health, members_api, site};
use crate::app::App;

/// A worker's copy of the whole HTTP side.
pub fn app(
    app: App,
) -> ActixApp<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl actix_web::body::MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let prefix = app.settings.url.path().trim_end_matches('/').to_owned();
    let mut actix = ActixApp::new().app_data(web::Data::new(app));
    actix = if prefix.is_empty() { mount(actix) } else { actix.service(mount_scope(web::scope(&prefix))) };
    for probe in
        [api("/healthz", |at| at.route(get(health::liveness))), api("/readyz", |at| at.route(get(health::readiness)))]
            .into_iter()
            .flatten()
    {
        actix = actix.service(probe);
    }
    actix.default_service(web::route().to(error::not_found)).wrap(from_fn(frame::frame))
}

fn mount<T>(actix: ActixApp<T>) -> ActixApp<T>
where
    T: ServiceFactory<ServiceRequest, Config = (), Error = Error, InitError = ()>,
{
    resources().into_iter().fold(actix, ActixApp::service)
}

fn mount_scope(scope: Scope) -> Scope {
    resources().into_iter().fold(scope, Scope::service)
}

fn resources() -> Vec<Resource> {
    [
        // Members API; the hottest path first
        api("/members/api/member", |at| at.route(get(members_api::member::read))),
        api("/members/api/session", |at| {
            at.route(get(members_api::session::identity)).route(delete(members_api::session::sign_out))
        }),
        api("/members/api/integrity-token", |at| at.route(get(members_api::integrity_token::issue))),
        api("/members/api/send-magic-link", |at| at.route(post(members_api::send_magic_link::send))),
        api("/members/api/site", |at| at.route(get(members_api::site::read))),
        api("/members/.well-known/jwks.json", |at| at.route(get(members_api::jwks::read))),
        // Forms and pages
        page("/members", |at| {
            at.route(head(site::link_page::peek))
                .route(get(site::link_page::show))
                .route(post(site::link_page::confirm))
        }),
        page("/members/resend", |at| at.route(post(site::link_page::resend))),
        page("/members/subscribe", |at| at.route(get(site::forms::subscribe)).route(post(site::forms::post_subscribe))),
        page("/members/signup", |at| at.route(get(site::forms::signup)).route(post(site::forms::post_signup))),
        page("/members/signin", |at| at.route(get(site::forms::signin)).route(post(site::forms::post_signin))),
        page("/members/signout", |at| at.route(get(site::account::signout_page)).route(post(site::account::signout))),
        page("/members/account", |at| at.route(get(site::account::show))),
        page("/members/footer.js", |at| at.route(get(site::assets::footer_script))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A page, with and without its last slash. HEAD is answered wherever GET is.
fn page(path: &str, routes: impl Fn(Resource) -> Resource) -> [Resource; 2] {
    both(path, |at| routes(at).default_service(web::route().to(error::method_not_allowed_page)))
}

/// An address of the members API, with and without its last slash (protocol B.0).
fn api(path: &str, routes: impl Fn(Resource) -> Resource) -> [Resource; 2] {
    both(path, |at| routes(at).default_service(web::route().to(error::method_not_allowed)))
}

/// Two resources: one with two patterns would be matched by a regular expression each time.
fn both(path: &str, routes: impl Fn(Resource) -> Resource) -> [Resource; 2] {
    [format!("{path}/"), path.to_owned()].map(|path| routes(web::resource(path)))
}

macro_rules! methods {
    ($($name:ident $guard:expr),*) => {$(
        fn $name<F, Args>(handler: F) -> Route
        where
            F: actix_web::Handler<Args>,
            Args: actix_web::FromRequest + 'static,
            F::Output: actix_web::Responder + 'static,
        {
            web::route().guard($guard).to(handler)
        }
    )*};
}
methods!(
    get guard::Any(guard::Get()).or(guard::Head()),
    head guard::Head(),
    post guard::Post(),
    delete guard::Delete()
);
