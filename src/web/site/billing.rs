//! `/members/billing/`: another card. The page is hosted here (GET); the form may stand wherever the
//! site puts it (POST).

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::checkout::return_to;
use super::forms::read_own;
use super::pages::{self, Frame};
use crate::app::App;
use crate::billing::checkout::Back;
use crate::billing::{notices, standing};
use crate::ids::{BillingNoticeId, MemberId};
use crate::members;
use crate::signin::links::Via;
use crate::signin::return_to::{Note, ReturnTo, State};
use crate::web::body::Form;
use crate::web::client::Client;
use crate::web::page_error::{PageError, PageResult};
use crate::web::site::account::{in_person, to_sign_in};

const PATH: &str = "members/billing/";

#[derive(Template)]
#[template(path = "site/billing.html")]
struct BillingPage {
    frame: Frame,
    card: Option<String>,
    /// What is owed, if anything is.
    owed: Option<String>,
    return_to: Option<String>,
    link: Option<(String, String)>,
}

/// `GET /members/billing/`: what a mail about a payment that failed leads to.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    if app.billing.is_none() {
        return Err(PageError::billing_off());
    }
    let query = Form::parse(request.query_string().as_bytes());
    let Some((frame, member)) = payer(&app, &client, &query).await? else { return Ok(to_sign_in(&app, PATH)) };
    let standing = app.db.read(move |conn| standing::of_member(conn, member)).await?;
    let current = standing.current().cloned();
    let owed = current.as_ref().filter(|one| one.owed_invoice().is_some()).and_then(|one| {
        let money = crate::billing::money::Money::new(one.invoice_due_minor?, &one.currency);
        Some(frame.language.money(&money))
    });
    let page = BillingPage {
        card: current.and_then(|one| one.card_last4),
        owed,
        return_to: query
            .get("return_to")
            .and_then(|text| ReturnTo::parse(text, &app.settings))
            .map(|to| to.as_str().to_owned()),
        link: link_of(&query).map(|(notice, key)| (notice.to_string(), key.to_owned())),
        frame,
    };
    Ok(pages::about_a_token(pages::page(StatusCode::OK, &page.frame, &page)?))
}

/// The link of a mail about a card: it stands for signing in, for this page alone.
fn link_of(form: &Form) -> Option<(BillingNoticeId, &str)> {
    Some((form.get("notice")?.parse().ok()?, form.get("key")?))
}

/// Whose card it is about: whoever is signed in, or whom a link was mailed to.
async fn payer(app: &App, client: &Client, form: &Form) -> PageResult<Option<(Frame, MemberId)>> {
    let (frame, present) = Frame::of(app, client).await?;
    if present.is_some() {
        return Ok(Some((frame, in_person(present)?.id)));
    }
    let Some((notice, key)) = link_of(form) else { return Ok(None) };
    let (policy, key, now) = (app.policy.clone(), key.to_owned(), app.now());
    let found = app.db.read(move |conn| {
        let Some(member) = notices::of_card_link(conn, &policy, notice, &key, now)? else { return Ok(None) };
        Ok(Some((member, members::language_of(conn, member)?)))
    });
    Ok(found.await?.map(|(member, language)| (frame.in_language(language), member)))
}

/// `POST /members/billing/`: answered 303 to Stripe, and from there to the page with its note.
pub async fn change_card(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let Some(billing) = &app.billing else { return Err(PageError::billing_off()) };
    let Some((frame, member)) = payer(&app, &client, &form).await? else { return Ok(to_sign_in(&app, PATH)) };
    // Whoever came by a link and is not signed in has no account page to go back to.
    let return_to = match (link_of(&form), form.get("return_to")) {
        (Some(_), None) => ReturnTo::home(&app.settings),
        _ => return_to(&app, &form, &client, "members/account/plan/"),
    };
    let subscription = form.get("subscription").filter(|id| !id.is_empty());
    let left = Note::of_stripe(State::BillingNotUpdated, "billing-update-cancel");
    let back = Back { via: Via::Form, success: return_to.as_str().to_owned(), cancel: return_to.with_note(&left) };
    match billing.change_card(member, subscription, back, frame.language).await? {
        Some(opened) => Ok(pages::see_other(&opened.url)),
        None => Err(PageError::not_found()),
    }
}
