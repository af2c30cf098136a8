//! Every address of the pages of staff, with what it takes. `docs/security.md` shows it as a table.

use actix_web::middleware::from_fn;
use actix_web::{FromRequest, Handler, Resource, Responder, Route, web};

use super::error::AdminError;
use super::gate::{Needs, gate};
use super::{
    account, audit, billing, footer, home, jobs, join, keys, mail, members, newsletters, offers, sender, settings,
    signin, staff, tiers,
};
use crate::staff::roles::Right;
use crate::web::operations::{self, About, Body, Holds, Verb};

/// An address with one verb.
pub struct Address {
    pub path: &'static str,
    pub verb: Verb,
    pub needs: Needs,
    route: Route,
}

fn at<F, Args>(verb: Verb, path: &'static str, needs: Needs, handler: F) -> Address
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let route = verb.route().to(handler).wrap(from_fn(move |request, next| gate(request, next, needs)));
    Address { path, verb, needs, route }
}

macro_rules! addresses {
    ($($verb:ident $path:literal $needs:expr, $handler:path;)*) => {
        vec![$(at(Verb::$verb, $path, $needs, $handler),)*]
    };
}

/// Every address there is.
pub fn all() -> Vec<Address> {
    use Needs::{Fresh, Nobody, Right as May, Session};
    addresses! {
        Get "/admin/signin" Nobody, signin::show;
        Post "/admin/signin" Nobody, signin::password;
        Post "/admin/signin/code" Nobody, signin::code;
        Get "/admin/forgotten" Nobody, join::forgotten;
        Post "/admin/forgotten" Nobody, join::ask_reset;
        Get "/admin/reset" Nobody, join::show_reset;
        Post "/admin/reset" Nobody, join::reset;
        Get "/admin/join" Nobody, join::show;
        Post "/admin/join" Nobody, join::join;
        Post "/admin/signout" Session, signin::sign_out;
        Get "/admin/prove" Session, signin::show_proof;
        Post "/admin/prove" Session, signin::prove;
        Get "/admin/account" Session, account::show;
        Post "/admin/account/name" Session, account::rename;
        Post "/admin/account/devices" Session, account::end_devices;
        Get "/admin/account/password" Session, account::show_password;
        Post "/admin/account/password" Session, account::change_password;
        Get "/admin/account/second-factor" Session, account::show_second_factor;
        Post "/admin/account/second-factor" Session, account::turn_on;
        Post "/admin/account/second-factor/off" Fresh(Right::Own), account::turn_off;
        Post "/admin/account/second-factor/codes" Fresh(Right::Own), account::new_codes;
        Get "/admin/staff" May(Right::Staff), staff::show;
        Post "/admin/staff/invite" Fresh(Right::Staff), staff::invite;
        Post "/admin/staff/withdraw" Fresh(Right::Staff), staff::withdraw;
        Get "/admin/staff/{id}" May(Right::Staff), staff::show_one;
        Post "/admin/staff/{id}/role" Fresh(Right::Staff), staff::set_role;
        Post "/admin/staff/{id}/reset" Fresh(Right::Staff), staff::send_reset;
        Post "/admin/staff/{id}/signout" Fresh(Right::Staff), staff::sign_out;
        Post "/admin/staff/{id}/remove" Fresh(Right::Staff), staff::remove;
        Get "/admin" May(Right::Look), home::show;
        Get "/admin/members" May(Right::Look), members::list::show;
        Post "/admin/members/bulk" May(Right::Bulk), members::bulk::ask;
        Post "/admin/members/bulk/run" May(Right::Bulk), members::bulk::run;
        Post "/admin/members/export" Fresh(Right::Export), members::bulk::export;
        Get "/admin/members/{id}" May(Right::Look), members::one::show;
        Post "/admin/members/{id}/edit" May(Right::Help), members::one::edit;
        Post "/admin/members/{id}/note" May(Right::Help), members::one::add_note;
        Post "/admin/members/{id}/note/remove" May(Right::Help), members::one::remove_note;
        Post "/admin/members/{id}/link" May(Right::Help), members::one::send_link;
        Post "/admin/members/{id}/signout" May(Right::Help), members::one::sign_out;
        Post "/admin/members/{id}/signin-as" Fresh(Right::SignInAs), members::one::sign_in_as;
        Post "/admin/members/{id}/export" Fresh(Right::Export), members::one::take_out;
        Post "/admin/members/{id}/erase" Fresh(Right::Bulk), members::one::erase;
        Post "/admin/members/{id}/stay" May(Right::Bulk), members::one::stay;
        Post "/admin/members/{id}/comp" May(Right::Help), members::billing::comp;
        Get "/admin/members/{id}/plan" May(Right::Help), members::billing::preview;
        Post "/admin/members/{id}/plan" May(Right::Help), members::billing::change_plan;
        Post "/admin/members/{id}/cancel" May(Right::Help), members::billing::cancel;
        Post "/admin/members/{id}/refund" May(Right::Refund), members::billing::refund;
        Get "/admin/members/{id}/stripe" May(Right::Look), members::billing::compare;
        Post "/admin/members/{id}/resync" May(Right::Help), members::billing::resync;
        Get "/admin/tiers" May(Right::Look), tiers::show;
        Post "/admin/tiers/add" May(Right::Edit), tiers::add;
        Get "/admin/tiers/{id}" May(Right::Edit), tiers::show_one;
        Post "/admin/tiers/{id}" May(Right::Edit), tiers::edit;
        Post "/admin/tiers/{id}/archive" May(Right::Edit), tiers::archive;
        Post "/admin/tiers/{id}/move" May(Right::Edit), tiers::reorder;
        Get "/admin/offers/add" May(Right::Edit), offers::show;
        Post "/admin/offers/add" May(Right::Edit), offers::add;
        Post "/admin/offers/{id}/archive" May(Right::Edit), offers::archive;
        Get "/admin/newsletters" May(Right::Look), newsletters::show;
        Post "/admin/newsletters/add" May(Right::Edit), newsletters::add;
        Get "/admin/newsletters/{id}" May(Right::Edit), newsletters::show_one;
        Post "/admin/newsletters/{id}" May(Right::Edit), newsletters::edit;
        Post "/admin/newsletters/{id}/archive" May(Right::Edit), newsletters::archive;
        Post "/admin/newsletters/{id}/move" May(Right::Edit), newsletters::reorder;
        Get "/admin/billing" May(Right::Look), billing::show;
        Get "/admin/billing/payments" May(Right::Look), billing::show_payments;
        Get "/admin/billing/events" May(Right::Look), billing::show_events;
        Post "/admin/billing/events/retry" May(Right::Help), billing::retry;
        Post "/admin/billing/events/{id}/replay" May(Right::Help), billing::replay;
        Post "/admin/billing/webhook" Fresh(Right::Settings), billing::set_up_webhook;
        Post "/admin/billing/test" May(Right::Settings), billing::test;
        Get "/admin/mail" May(Right::Look), mail::show;
        Post "/admin/mail/test" May(Right::Help), mail::test;
        Post "/admin/mail/pause" May(Right::Settings), mail::pause;
        Post "/admin/mail/{id}/retry" May(Right::Help), mail::retry;
        Get "/admin/mail/suppression" May(Right::Look), mail::show_held;
        Post "/admin/mail/suppression/lift" May(Right::Help), mail::lift;
        Post "/admin/mail/suppression/add" May(Right::Help), mail::hold;
        Get "/admin/mail/sender" May(Right::Settings), sender::show;
        Post "/admin/mail/sender/keys" Fresh(Right::Settings), sender::make_key;
        Post "/admin/mail/sender/keys/{id}/use" Fresh(Right::Settings), sender::use_key;
        Post "/admin/mail/sender/keys/{id}/remove" Fresh(Right::Settings), sender::remove_key;
        Get "/admin/footer" May(Right::Look), footer::show;
        Get "/admin/footer/preview" May(Right::Look), footer::preview;
        Get "/admin/settings" May(Right::Settings), settings::show;
        Get "/admin/settings/keys" Fresh(Right::Keys), keys::show;
        Post "/admin/settings/keys" Fresh(Right::Keys), keys::rotate;
        Post "/admin/settings/keys/make" Fresh(Right::Keys), keys::make;
        Post "/admin/settings/keys/{id}/revoke" Fresh(Right::Keys), keys::revoke;
        Post "/admin/settings/{group}" Fresh(Right::Settings), settings::save;
        Get "/admin/jobs" May(Right::Look), jobs::show;
        Post "/admin/jobs/reconcile" May(Right::Help), jobs::reconcile;
        Get "/admin/jobs/import" Fresh(Right::Import), jobs::show_import;
        Post "/admin/jobs/import" Fresh(Right::Import), jobs::upload;
        Get "/admin/jobs/{id}" May(Right::Look), jobs::show_one;
        Post "/admin/jobs/{id}/start" May(Right::Import), jobs::start;
        Post "/admin/jobs/{id}/forget" May(Right::Import), jobs::forget;
        Post "/admin/jobs/{id}/file" Fresh(Right::Export), jobs::fetch;
        Post "/admin/jobs/{id}/stop" May(Right::Bulk), jobs::stop;
        Post "/admin/jobs/{id}/undo" May(Right::Bulk), jobs::undo;
        Get "/admin/audit" May(Right::Audit), audit::show;
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
        let about = if self.verb == Verb::Get {
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
