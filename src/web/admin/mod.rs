//! `/admin/`: the pages of whoever runs the site, complete without a script.
//!
//! [`routes`] lists every address with the right that it takes, and [`gate`] is the only door: it knows
//! who comes, what their role may, and when to ask for a password again. A page is a template in
//! `templates/admin/`; a form is answered with a redirect to its page, whose note says what happened.
//! These pages are in English.

pub mod account;
pub mod audit;
pub mod billing;
pub mod charts;
pub mod error;
pub mod footer;
pub mod frame;
pub mod gate;
pub mod home;
pub mod jobs;
pub mod join;
pub mod keys;
pub mod mail;
pub mod members;
pub mod newsletters;
pub mod offers;
pub mod problems;
pub mod routes;
pub mod sender;
pub mod settings;
pub mod signin;
pub mod staff;
pub mod tiers;

use std::pin::Pin;
use std::str::FromStr;

use actix_web::{FromRequest, HttpRequest, dev, web};

use self::error::{AdminError, AdminResult};
use self::gate::Staff;
use super::body::{self, Form};
use crate::app::App;
use crate::clock::Timestamp;
use crate::db::{Conn, DbResult};
use crate::staff::audit as log;
use crate::staff::audit::Scribe;

/// The form of a page of staff. Where it comes from was seen to at the gate.
pub struct Posted(pub Form);

impl FromRequest for Posted {
    type Error = AdminError;
    type Future = Pin<Box<dyn Future<Output = AdminResult<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, payload) = (request.clone(), web::Payload::from_request(request, payload).into_inner());
        Box::pin(async move {
            if !body::is_type(&request, "application/x-www-form-urlencoded") {
                return Err(AdminError::NotAForm);
            }
            let Some(app) = request.app_data::<web::Data<App>>() else { unreachable!("every route has the app") };
            let bytes = body::read_up_to(
                &request,
                payload.map_err(|_| AdminError::NotAForm)?,
                &app.settings.http,
                LARGEST_FORM,
            )
            .await?;
            Ok(Self(Form::parse(&bytes)))
        })
    }
}

/// Bytes of a form of staff.
const LARGEST_FORM: u64 = 256 * 1024;

/// The id in an address; a text that is none names nothing.
fn id_of<T: FromStr>(path: &str) -> AdminResult<T> {
    path.parse().map_err(|_| AdminError::NotFound)
}

/// The query of an address, as a form.
fn query(request: &HttpRequest) -> Form {
    Form::parse(request.query_string().as_bytes())
}

/// Changes something and writes down who did, in one transaction.
async fn change<T: Send + 'static>(
    app: &App,
    staff: &Staff,
    f: impl FnOnce(&mut Conn, &mut Scribe<'_>, Timestamp) -> DbResult<T> + Send + 'static,
) -> AdminResult<T> {
    Ok(log::change(&app.db, app.policy.key.clone(), staff.actor(), app.now(), f).await?)
}
