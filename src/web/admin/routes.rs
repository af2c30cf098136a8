//! Every address of the pages of staff, with what it takes. `docs/security.md` shows it as a table.

use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{FromRequest, Handler, Resource, Responder, Route, guard, web};

use super::error::AdminError;
use super::gate::{Needs, gate};
use super::{
    account, audit, billing, footer, home, jobs, join, keys, mail, members, newsletters, offers, sender, settings,
    signin, staff, tiers,
};
use crate::staff::roles::Right;
use crate::web::operations::{self, About, Body, Holds};

/// An address with one method.
pub struct Address {
    pub path: &'static str,
    pub method: Method,
    pub needs: Needs,
    route: Route,
}

fn at<F, Args>(method: Method, path: &'static str, needs: Needs, handler: F) -> Address
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let route = if method == Method::GET {
        web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
    } else {
        web::route().guard(guard::Post())
    };
    let route = route.to(handler).wrap(from_fn(move |request, next| gate(request, next, needs)));
    Address { path, method, needs, route }
}

macro_rules! addresses {
    ($($method:ident $path:literal $needs:expr, $handler:path;)*) => {
        vec![$(at(Method::$method, $path, $needs, $handler),)*]
    };
}

/// Every address there is.
pub fn all() -> Vec<Address> {
    use Needs::{Fresh, Nobody, Right as May, Session};
    addresses! {
        GET "/admin/signin" Nobody, signin::show;
        POST "/admin/signin" Nobody, signin::password;
        POST "/admin/signin/code" Nobody, signin::code;
        GET "/admin/forgotten" Nobody, join::forgotten;
        POST "/admin/forgotten" Nobody, join::ask_reset;
        GET "/admin/reset" Nobody, join::show_reset;
        POST "/admin/reset" Nobody, join::reset;
        GET "/admin/join" Nobody, join::show;
        POST "/admin/join" Nobody, join::join;
        POST "/admin/signout" Session, signin::sign_out;
        GET "/admin/prove" Session, signin::show_proof;
        POST "/admin/prove" Session, signin::prove;
        GET "/admin/account" Session, account::show;
        POST "/admin/account/name" Session, account::rename;
        POST "/admin/account/devices" Session, account::end_devices;
        GET "/admin/account/password" Session, account::show_password;
        POST "/admin/account/password" Session, account::change_password;
        GET "/admin/account/second-factor" Session, account::show_second_factor;
        POST "/admin/account/second-factor" Session, account::turn_on;
        POST "/admin/account/second-factor/off" Fresh(Right::Own), account::turn_off;
        POST "/admin/account/second-factor/codes" Fresh(Right::Own), account::new_codes;
        GET "/admin/staff" May(Right::Staff), staff::show;
        POST "/admin/staff/invite" Fresh(Right::Staff), staff::invite;
        POST "/admin/staff/withdraw" Fresh(Right::Staff), staff::withdraw;
        GET "/admin/staff/{id}" May(Right::Staff), staff::show_one;
        POST "/admin/staff/{id}/role" Fresh(Right::Staff), staff::set_role;
        POST "/admin/staff/{id}/reset" Fresh(Right::Staff), staff::send_reset;
        POST "/admin/staff/{id}/signout" Fresh(Right::Staff), staff::sign_out;
        POST "/admin/staff/{id}/remove" Fresh(Right::Staff), staff::remove;
        GET "/admin" May(Right::Look), home::show;
        GET "/admin/members" May(Right::Look), members::list::show;
        POST "/admin/members/bulk" May(Right::Bulk), members::bulk::ask;
        POST "/admin/members/bulk/run" May(Right::Bulk), members::bulk::run;
        POST "/admin/members/export" Fresh(Right::Export), members::bulk::export;
        GET "/admin/members/{id}" May(Right::Look), members::one::show;
        POST "/admin/members/{id}/edit" May(Right::Help), members::one::edit;
        POST "/admin/members/{id}/note" May(Right::Help), members::one::add_note;
        POST "/admin/members/{id}/note/remove" May(Right::Help), members::one::remove_note;
        POST "/admin/members/{id}/link" May(Right::Help), members::one::send_link;
        POST "/admin/members/{id}/signout" May(Right::Help), members::one::sign_out;
        POST "/admin/members/{id}/signin-as" Fresh(Right::SignInAs), members::one::sign_in_as;
        POST "/admin/members/{id}/export" Fresh(Right::Export), members::one::take_out;
        POST "/admin/members/{id}/erase" Fresh(Right::Bulk), members::one::erase;
        POST "/admin/members/{id}/stay" May(Right::Bulk), members::one::stay;
        POST "/admin/members/{id}/comp" May(Right::Help), members::billing::comp;
        GET "/admin/members/{id}/plan" May(Right::Help), members::billing::preview;
        POST "/admin/members/{id}/plan" May(Right::Help), members::billing::change_plan;
        POST "/admin/members/{id}/cancel" May(Right::Help), members::billing::cancel;
        POST "/admin/members/{id}/refund" May(Right::Refund), members::billing::refund;
        GET "/admin/members/{id}/stripe" May(Right::Look), members::billing::compare;
        POST "/admin/members/{id}/resync" May(Right::Help), members::billing::resync;
        GET "/admin/tiers" May(Right::Look), tiers::show;
        POST "/admin/tiers/add" May(Right::Edit), tiers::add;
        GET "/admin/tiers/{id}" May(Right::Edit), tiers::show_one;
        POST "/admin/tiers/{id}" May(Right::Edit), tiers::edit;
        POST "/admin/tiers/{id}/archive" May(Right::Edit), tiers::archive;
        POST "/admin/tiers/{id}/move" May(Right::Edit), tiers::reorder;
        GET "/admin/offers/add" May(Right::Edit), offers::show;
        POST "/admin/offers/add" May(Right::Edit), offers::add;
        POST "/admin/offers/{id}/archive" May(Right::Edit), offers::archive;
        GET "/admin/newsletters" May(Right::Look), newsletters::show;
        POST "/admin/newsletters/add" May(Right::Edit), newsletters::add;
        GET "/admin/newsletters/{id}" May(Right::Edit), newsletters::show_one;
        POST "/admin/newsletters/{id}" May(Right::Edit), newsletters::edit;
        POST "/admin/newsletters/{id}/archive" May(Right::Edit), newsletters::archive;
        POST "/admin/newsletters/{id}/move" May(Right::Edit), newsletters::reorder;
        GET "/admin/billing" May(Right::Look), billing::show;
        GET "/admin/billing/payments" May(Right::Look), billing::show_payments;
        GET "/admin/billing/events" May(Right::Look), billing::show_events;
        POST "/admin/billing/events/retry" May(Right::Help), billing::retry;
        POST "/admin/billing/events/{id}/replay" May(Right::Help), billing::replay;
        POST "/admin/billing/webhook" Fresh(Right::Settings), billing::set_up_webhook;
        POST "/admin/billing/test" May(Right::Settings), billing::test;
        GET "/admin/mail" May(Right::Look), mail::show;
        POST "/admin/mail/test" May(Right::Help), mail::test;
        POST "/admin/mail/pause" May(Right::Settings), mail::pause;
        POST "/admin/mail/{id}/retry" May(Right::Help), mail::retry;
        GET "/admin/mail/suppression" May(Right::Look), mail::show_held;
        POST "/admin/mail/suppression/lift" May(Right::Help), mail::lift;
        POST "/admin/mail/suppression/add" May(Right::Help), mail::hold;
        GET "/admin/mail/sender" May(Right::Settings), sender::show;
        POST "/admin/mail/sender/keys" Fresh(Right::Settings), sender::make_key;
        POST "/admin/mail/sender/keys/{id}/use" Fresh(Right::Settings), sender::use_key;
        POST "/admin/mail/sender/keys/{id}/remove" Fresh(Right::Settings), sender::remove_key;
        GET "/admin/footer" May(Right::Look), footer::show;
        GET "/admin/footer/preview" May(Right::Look), footer::preview;
        GET "/admin/settings" May(Right::Settings), settings::show;
        GET "/admin/settings/keys" Fresh(Right::Keys), keys::show;
        POST "/admin/settings/keys" Fresh(Right::Keys), keys::rotate;
        POST "/admin/settings/keys/make" Fresh(Right::Keys), keys::make;
        POST "/admin/settings/keys/{id}/revoke" Fresh(Right::Keys), keys::revoke;
        POST "/admin/settings/{group}" Fresh(Right::Settings), settings::save;
        GET "/admin/jobs" May(Right::Look), jobs::show;
        POST "/admin/jobs/reconcile" May(Right::Help), jobs::reconcile;
        GET "/admin/jobs/import" Fresh(Right::Import), jobs::show_import;
        POST "/admin/jobs/import" Fresh(Right::Import), jobs::upload;
        GET "/admin/jobs/{id}" May(Right::Look), jobs::show_one;
        POST "/admin/jobs/{id}/start" May(Right::Import), jobs::start;
        POST "/admin/jobs/{id}/forget" May(Right::Import), jobs::forget;
        POST "/admin/jobs/{id}/file" Fresh(Right::Export), jobs::fetch;
        POST "/admin/jobs/{id}/stop" May(Right::Bulk), jobs::stop;
        POST "/admin/jobs/{id}/undo" May(Right::Bulk), jobs::undo;
        GET "/admin/audit" May(Right::Audit), audit::show;
    }
}

/// The same, ready to be mounted: with and without the last slash.
pub fn resources() -> Vec<Resource> {
    operations::resources(
        || all().into_iter().map(|address| (address.path, address.route)).collect(),
        |resource| resource.default_service(web::route().to(async || AdminError::MethodNotAllowed)),
    )
}

impl Address {
    /// What is said about it in the description of the interface.
    pub fn about(&self) -> About {
        let what = match self.needs {
            Needs::Nobody => "Signing in of staff",
            Needs::Session => "For staff who are signed in",
            Needs::Right(_) => "For staff with a right",
            Needs::Fresh(_) => "For staff with a right who proved themselves a moment ago",
        };
        let about = About::staff(what).gives(303, Holds::Nothing).refuses(&[403]);
        let about = if self.method == Method::GET {
            about.asks(&[]).gives(200, Holds::Page)
        } else {
            let is_file = self.path == "/admin/jobs/import";
            let body = if is_file { Body::File } else { Body::Form(&[]) };
            about.takes(body).gives(200, Holds::Page).refuses(&[409, 422, 429])
        };
        let about = if self.needs == Needs::Nobody { about } else { about.refuses(&[401]) };
        // Links of mails, which end.
        let about = if matches!(self.path, "/admin/join" | "/admin/reset") { about.refuses(&[410]) } else { about };
        // A bulk change is about a label or a list, which may be gone.
        if self.path.contains('{') || self.path == "/admin/members/bulk/run" { about.refuses(&[404]) } else { about }
    }
}
