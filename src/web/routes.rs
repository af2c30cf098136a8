//! Every address there is.

use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, Error, Resource, Scope, web};

use super::operations::{self, About, Holds, Operation, Verb, operation};
use super::{admin, admin_api, content_api, error, frame, health, members_api, site};
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
    // Probes are at the root, whatever the public address is.
    for probe in operations::mounted(probes, for_programs) {
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
    let programs = [members_api::operations, content_api::operations, admin_api::operations];
    let mut resources: Vec<Resource> =
        programs.into_iter().flat_map(|some| operations::mounted(some, for_programs)).collect();
    resources.extend(operations::mounted(site::addresses::operations, for_readers));
    resources.extend(admin::routes::resources());
    resources
}

/// Whether it lives, and whether it should be asked.
pub fn probes() -> Vec<Operation> {
    vec![
        operation(Verb::Get, "/healthz", health::liveness, About::api("The process answers").gives(200, Holds::Text)),
        operation(
            Verb::Get,
            "/readyz",
            health::readiness,
            About::api("A commit works; what is degraded").gives(200, Holds::Json),
        ),
    ]
}

/// Another method than an address has, as programs understand it.
fn for_programs(resource: Resource) -> Resource {
    resource.default_service(web::route().to(error::method_not_allowed))
}

/// The same as a page.
fn for_readers(resource: Resource) -> Resource {
    resource.default_service(web::route().to(error::method_not_allowed_page))
}
