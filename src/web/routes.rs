//! Every address there is.

use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, Error, Resource, Route, Scope, guard, web};

use super::{admin, admin_api, content_api, error, frame, health, members_api, site, stripe_webhook};
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
    let for_programs = admin_api::addresses().into_iter().map(|(path, routes)| api(path, routes));
    let pairs = members_api().into_iter().chain(content_api()).chain(for_programs).chain(pages());
    pairs.flatten().chain(admin::routes::resources()).collect()
}

/// What Ghost's widgets and clients ask for; the hottest path first.
fn members_api() -> Vec<[Resource; 2]> {
    vec![
        api("/members/api/member", |at| at.route(get(members_api::member::read)).route(put(members_api::member::edit))),
        api("/members/api/session", |at| {
            at.route(get(members_api::session::identity)).route(delete(members_api::session::sign_out))
        }),
        api("/members/api/entitlements", |at| at.route(get(members_api::session::entitlements))),
        api("/members/api/access", |at| at.route(get(members_api::access::ask))),
        api("/members/api/member/newsletters", |at| {
            at.route(get(members_api::member_newsletters::read)).route(put(members_api::member_newsletters::edit))
        }),
        api("/members/api/member/email", |at| at.route(post(members_api::member_email::change))),
        api("/members/api/member/suppression", |at| at.route(delete(members_api::member::lift_suppression))),
        api("/members/api/member/offers", |at| at.route(post(members_api::subscriptions::offers))),
        api("/members/api/integrity-token", |at| at.route(get(members_api::integrity_token::issue))),
        api("/members/api/send-magic-link", |at| at.route(post(members_api::send_magic_link::send))),
        api("/members/api/verify-otc", |at| at.route(post(members_api::verify_otc::verify))),
        api("/members/api/site", |at| at.route(get(members_api::site::read))),
        api("/members/api/announcement", |at| at.route(get(members_api::small::announcement))),
        api("/members/api/recommendations/{id}/clicked", |at| at.route(post(members_api::small::recommendation))),
        api("/members/api/recommendations/{id}/subscribed", |at| at.route(post(members_api::small::recommendation))),
        api("/members/api/create-stripe-checkout-session", |at| at.route(post(members_api::checkout::create))),
        api("/members/api/create-stripe-update-session", |at| at.route(post(members_api::checkout::update_card))),
        api("/members/api/create-stripe-billing-portal-session", |at| at.route(post(members_api::checkout::portal))),
        api("/members/api/subscriptions/{id}", |at| at.route(put(members_api::subscriptions::edit))),
        api("/members/api/subscriptions/{id}/apply-offer", |at| {
            at.route(post(members_api::subscriptions::apply_offer))
        }),
        api("/members/.well-known/jwks.json", |at| at.route(get(members_api::jwks::read))),
    ]
}

/// What the widgets want to know of the site.
fn content_api() -> Vec<[Resource; 2]> {
    vec![
        api("/ghost/api/content/settings", |at| at.route(get(content_api::settings))),
        api("/ghost/api/content/tiers", |at| at.route(get(content_api::tiers))),
        api("/ghost/api/content/newsletters", |at| at.route(get(content_api::newsletters))),
        api("/ghost/api/content/recommendations", |at| at.route(get(content_api::recommendations))),
        api("/ghost/api/content/offers/{id}", |at| at.route(get(content_api::offer))),
    ]
}

/// Forms and pages for people.
fn pages() -> Vec<[Resource; 2]> {
    use site::account;
    vec![
        page("/members", |at| {
            at.route(head(site::link_page::peek))
                .route(get(site::link_page::show))
                .route(post(site::link_page::confirm))
        }),
        page("/members/resend", |at| at.route(post(site::link_page::resend))),
        page("/members/subscribe", |at| at.route(get(site::forms::subscribe)).route(post(site::forms::post_subscribe))),
        page("/members/signup", |at| at.route(get(site::forms::signup)).route(post(site::forms::post_signup))),
        page("/members/signin", |at| at.route(get(site::forms::signin)).route(post(site::forms::post_signin))),
        page("/members/signout", |at| at.route(get(site::signout::show)).route(post(site::signout::sign_out))),
        page("/members/waiting", |at| at.route(get(site::waiting_page::show))),
        page("/members/waiting/events", |at| at.route(get(site::waiting_page::events))),
        page("/members/code", |at| at.route(post(site::waiting_page::code))),
        page("/members/undo", |at| at.route(get(site::undo_page::show)).route(post(site::undo_page::undo))),
        page("/unsubscribe", |at| {
            at.route(get(site::unsubscribe_page::show)).route(post(site::unsubscribe_page::leave))
        }),
        page("/members/account", |at| at.route(get(account::overview::show)).route(post(account::overview::rename))),
        page("/members/account/newsletters", |at| {
            at.route(get(account::newsletters::show)).route(post(account::newsletters::choose))
        }),
        page("/members/account/language", |at| {
            at.route(get(account::language::show)).route(post(account::language::choose))
        }),
        page("/members/account/email", |at| at.route(get(account::email::show)).route(post(account::email::change))),
        page("/members/account/devices", |at| {
            at.route(get(account::devices::show)).route(post(account::devices::sign_out))
        }),
        page("/members/account/data", |at| at.route(get(account::data::show))),
        page("/members/account/data/readership.json", |at| at.route(get(account::data::download))),
        page("/members/account/delete", |at| {
            at.route(get(account::leaving::show)).route(post(account::leaving::leave))
        }),
        page("/members/account/plan", |at| at.route(get(account::plan::show))),
        page("/members/account/plan/change", |at| {
            at.route(get(account::plan_change::show)).route(post(account::plan_change::change))
        }),
        page("/members/account/plan/cancel", |at| {
            at.route(get(account::plan_cancel::show)).route(post(account::plan_cancel::cancel))
        }),
        page("/members/account/plan/resume", |at| at.route(post(account::plan_cancel::resume))),
        page("/members/account/plan/portal", |at| at.route(post(account::plan::portal))),
        page("/members/checkout", |at| at.route(get(site::checkout::show)).route(post(site::checkout::buy))),
        page("/members/checkout/return", |at| at.route(get(site::stripe_return::come_back))),
        page("/members/billing", |at| at.route(get(site::billing::show)).route(post(site::billing::change_card))),
        page("/members/billing/return", |at| at.route(get(site::stripe_return::come_back))),
        page("/members/webhooks/stripe", |at| at.route(post(stripe_webhook::receive))),
        page("/members/footer.js", |at| at.route(get(site::assets::footer_script))),
    ]
}

/// A page, with and without its last slash. HEAD is answered wherever GET is.
fn page(path: &str, routes: impl Fn(Resource) -> Resource) -> [Resource; 2] {
    both(path, |at| routes(at).default_service(web::route().to(error::method_not_allowed_page)))
}

/// An address of the members API, with and without its last slash (protocol B.0).
fn api(path: &'static str, routes: fn(Resource) -> Resource) -> [Resource; 2] {
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
    put guard::Put(),
    delete guard::Delete()
);
