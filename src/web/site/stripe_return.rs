//! Back from Stripe. What happened there is asked of Stripe; the address proves nothing
//! (`reliability.md` P5).

use actix_web::{HttpRequest, HttpResponse, web};

use super::pages;
use crate::app::App;
use crate::billing::checkout::{CameBack, Ended};
use crate::signin::links::Via;
use crate::signin::return_to::{Note, ReturnTo, State};
use crate::web::body::Form;
use crate::web::page_error::{PageError, PageResult};

/// `GET /members/checkout/return/` and `/members/billing/return/`, with `?session_id=`.
pub async fn come_back(app: web::Data<App>, request: HttpRequest) -> PageResult<HttpResponse> {
    let Some(billing) = &app.billing else { return Err(PageError::billing_off()) };
    let query = Form::parse(request.query_string().as_bytes());
    let session = query.get("session_id").filter(|id| is_session_id(id)).ok_or(PageError::not_found())?;
    let came_back = billing.come_back(session).await?;
    app.mailroom.wake();
    match came_back {
        Some(came_back) => Ok(pages::see_other(&location(&app, &came_back))),
        None => Err(PageError::not_found()),
    }
}

fn is_session_id(id: &str) -> bool {
    id.len() <= 255 && id.starts_with("cs_") && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn location(app: &App, came_back: &CameBack) -> String {
    let CameBack { ended, back, welcome } = came_back;
    // A tier's own page greets its new members (protocol B.12, 4).
    let greets =
        welcome.as_deref().filter(|_| *ended == Ended::Paid).and_then(|page| ReturnTo::parse(page, &app.settings));
    if let Some(page) = greets {
        let in_fragment = back.via == Via::Form;
        return page.with_note(&Note { action: Some("signup"), in_fragment, ..Note::of_state(State::SignedUp) });
    }
    let has_succeeded = matches!(ended, Ended::Paid | Ended::PaidUnproved | Ended::Donated | Ended::CardChanged);
    // Clients of the API said themselves where to go, with what in the query.
    if back.via == Via::Api {
        return if has_succeeded { back.success.clone() } else { back.cancel.clone() };
    }
    let note = match ended {
        Ended::Paid => Note { action: Some("signup"), ..Note::of_state(State::SignedUp) },
        // The widely used mapping: "Check your email for magic link to sign-in."
        Ended::PaidUnproved => Note::of_stripe(State::Pending, "success"),
        Ended::Donated => Note::of_stripe(State::SignedUp, "success"),
        Ended::CardChanged => Note::of_stripe(State::BillingUpdated, "billing-update-success"),
        Ended::CardRefused => Note::of_stripe(State::BillingNotUpdated, "billing-update-cancel"),
        Ended::Open | Ended::Expired => Note::of_state(State::Failed),
    };
    let to = ReturnTo::parse(&back.success, &app.settings).unwrap_or_else(|| ReturnTo::home(&app.settings));
    to.with_note(&note)
}
