//! `/members/subscribe/`, `/members/signup/`, `/members/signin/`: the forms, hosted here (GET) and
//! wherever the site puts them (POST). `docs/footer.md` tells how to write one.

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, SET_COOKIE};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::pages::{self, Frame};
use crate::app::App;
use crate::config::seconds;
use crate::members::address::EmailAddress;
use crate::members::{labels, name};
use crate::newsletters::{self, Newsletter};
use crate::secrets::Token;
use crate::signin::links::{self, Asked, LinkRequest, Purpose, Via};
use crate::signin::return_to::{Note, ReturnTo, State};
use crate::web::body::{self, BodyError, Form};
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::error::{PageError, PageResult};
use crate::web::origin;

/// The words of one of the three forms.
struct Words {
    path: &'static str,
    title: String,
    intro: String,
    button: &'static str,
    consent: String,
    asks_name: bool,
    asks_newsletters: bool,
}

impl Words {
    fn of(purpose: Purpose, site: &str) -> Self {
        match purpose {
            Purpose::SignIn => Self {
                path: purpose.as_str(),
                title: "Sign in".to_owned(),
                intro: "We will mail you a link. There is no password.".to_owned(),
                button: "Send me a link",
                consent: String::new(),
                asks_name: false,
                asks_newsletters: false,
            },
            Purpose::SignUp => Self {
                path: purpose.as_str(),
                title: format!("Join {site}"),
                intro: "We will mail you a link to confirm your address. There is no password.".to_owned(),
                button: "Sign up",
                consent: format!(
                    "By signing up you agree to receive the mails of {site} you choose. Every one of them has a link to end it."
                ),
                asks_name: true,
                asks_newsletters: true,
            },
            Purpose::Subscribe => Self {
                path: purpose.as_str(),
                title: format!("Subscribe to {site}"),
                intro: "We will mail you a link to confirm your address.".to_owned(),
                button: "Subscribe",
                consent: format!(
                    "By subscribing you agree to receive the mails of {site}. Every one of them has a link to end it."
                ),
                asks_name: false,
                asks_newsletters: true,
            },
        }
    }
}

/// What somebody typed, and what is wrong with it.
#[derive(Default)]
struct Typed {
    email: String,
    name: String,
    /// `None`: nothing was chosen yet, the lists one joins by signing up are preselected.
    newsletters: Option<Vec<String>>,
    labels: Vec<String>,
    return_to: Option<String>,
    email_error: Option<String>,
    name_error: Option<String>,
    newsletter_error: Option<String>,
}

impl Typed {
    fn chooses(&self, list: &Newsletter) -> bool {
        match &self.newsletters {
            None => list.subscribe_on_signup,
            Some(chosen) => {
                newsletters::choose(std::slice::from_ref(list), chosen).is_ok_and(|ids| !ids.is_empty())
                    || chosen.contains(&list.slug)
            }
        }
    }

    fn first_error(&self) -> Option<(&'static str, &str)> {
        [("email", &self.email_error), ("name", &self.name_error), ("newsletter", &self.newsletter_error)]
            .into_iter()
            .find_map(|(field, error)| Some((field, error.as_deref()?)))
    }
}

#[derive(Template)]
#[template(path = "site/form.html")]
struct FormPage {
    frame: Frame,
    words: Words,
    typed: Typed,
    newsletters: Vec<Newsletter>,
}

macro_rules! doors {
    ($($get:ident $post:ident $purpose:ident),*) => {$(
        pub async fn $get(app: web::Data<App>, request: HttpRequest) -> PageResult<HttpResponse> {
            show(&app, Purpose::$purpose, &request).await
        }

        pub async fn $post(app: web::Data<App>, client: Client, request: HttpRequest, payload: Payload) -> PageResult<HttpResponse> {
            submit(&app, Purpose::$purpose, client, &request, payload).await
        }
    )*};
}
doors!(subscribe post_subscribe Subscribe, signup post_signup SignUp, signin post_signin SignIn);

/// The hosted page. `?return_to=` and `?newsletter=` in its address prefill it.
async fn show(app: &App, purpose: Purpose, request: &HttpRequest) -> PageResult<HttpResponse> {
    let query = Form::parse(request.query_string().as_bytes());
    let chosen: Vec<String> = query.all("newsletter").map(str::to_owned).collect();
    let typed = Typed {
        newsletters: (!chosen.is_empty()).then_some(chosen),
        labels: labels::parse(query.all("label")),
        return_to: query
            .get("return_to")
            .and_then(|text| ReturnTo::parse(text, &app.settings))
            .map(|to| to.as_str().to_owned()),
        ..Typed::default()
    };
    form_page(app, purpose, StatusCode::OK, typed).await
}

async fn form_page(app: &App, purpose: Purpose, status: StatusCode, typed: Typed) -> PageResult<HttpResponse> {
    let newsletters = app.db.read(newsletters::active).await?;
    let page = FormPage {
        frame: Frame::new(&app.settings),
        words: Words::of(purpose, &app.settings.site_title),
        typed,
        newsletters,
    };
    pages::page(status, &page.frame, &page)
}

/// What a form sent that can be acted upon.
struct Submission {
    email: EmailAddress,
    name: Option<String>,
}

async fn submit(
    app: &App,
    purpose: Purpose,
    client: Client,
    request: &HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_form(app, request, payload).await?;
    let in_place = wants_json(request);
    let return_to = return_to(app, &form, &client);
    let asked = client.asked.clone().unwrap_or_else(Token::random);
    if form.get("website").is_some_and(|trap| !trap.is_empty()) {
        metrics::counter!("readership_honeypot_total").increment(1);
        return Ok(pending(app, &return_to, &asked, in_place));
    }
    let mut typed = typed(&form);
    let Some(submission) = check(&mut typed) else {
        return refuse(app, purpose, typed, in_place).await;
    };

    let link_request = LinkRequest {
        purpose,
        email: submission.email,
        name: submission.name,
        newsletters: typed.newsletters.clone(),
        labels: labels::parse(typed.labels.iter().map(String::as_str)),
        return_to: Some(return_to.as_str().to_owned()),
        via: Via::Form,
        page: client.referer.clone().or_else(|| form.get("return_to").map(str::to_owned)),
        referrer: None,
        consent_text: Words::of(purpose, &app.settings.site_title).consent,
        client: client.network,
        asked_by: Some(asked.hash()),
        agent: client.agent.clone(),
        nonce: None,
    };
    let (policy, now) = (app.policy.clone(), app.now());
    let answer = match app.db.write(move |conn| links::request(conn, &policy, &link_request, now)).await {
        Ok(answer) => answer,
        Err(error) => return Ok(failed(PageError::from(error), &return_to, in_place)),
    };
    match answer {
        Asked::UnknownNewsletters(unknown) => {
            typed.newsletter_error =
                Some(format!("There is no newsletter called {}. These exist:", unknown.join(", ")));
            refuse(app, purpose, typed, in_place).await
        }
        // Over the limit looks like accepted: no mail goes out, and nobody learns anything.
        Asked::Accepted | Asked::ClientOverLimit { .. } | Asked::NonceUsed => {
            app.mailroom.wake();
            Ok(pending(app, &return_to, &asked, in_place))
        }
    }
}

async fn read_form(app: &App, request: &HttpRequest, payload: Payload) -> PageResult<Form> {
    if !origin::is_trusted(request.headers(), &app.settings) {
        return Err(PageError::foreign_form());
    }
    read_urlencoded(app, request, payload).await
}

/// Reads a form's body; also for the other pages.
pub async fn read_urlencoded(app: &App, request: &HttpRequest, payload: Payload) -> PageResult<Form> {
    if !body::is_type(request, "application/x-www-form-urlencoded") {
        return Err(PageError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "That does not work here",
            "Send the form as application/x-www-form-urlencoded.",
        ));
    }
    let bytes = body::read(request, payload, &app.settings.http).await.map_err(|error| match error {
        BodyError::TooLarge => PageError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "That was too much",
            "The form is larger than this server takes.",
        ),
        BodyError::Late => {
            PageError::new(StatusCode::REQUEST_TIMEOUT, "That took too long", "The form did not arrive in time.")
        }
        BodyError::Broken => PageError::new(
            StatusCode::BAD_REQUEST,
            "That broke off",
            "The form did not arrive whole. Please send it again.",
        ),
    })?;
    Ok(Form::parse(&bytes))
}

/// The footer's script asks for JSON and shows the page's own words in place.
fn wants_json(request: &HttpRequest) -> bool {
    request
        .headers()
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.starts_with("application/json"))
}

/// The field, else the page the form was on, else the site's home.
fn return_to(app: &App, form: &Form, client: &Client) -> ReturnTo {
    let wanted = form.get("return_to").filter(|text| !text.is_empty()).or(client.referer.as_deref());
    wanted.and_then(|text| ReturnTo::parse(text, &app.settings)).unwrap_or_else(|| ReturnTo::home(&app.settings))
}

fn typed(form: &Form) -> Typed {
    let chosen: Vec<String> = form.all("newsletter").filter(|text| !text.is_empty()).map(str::to_owned).collect();
    Typed {
        email: form.get("email").unwrap_or_default().chars().take(320).collect(),
        name: form.get("name").unwrap_or_default().chars().take(name::LONGEST * 2).collect(),
        newsletters: (!chosen.is_empty()).then_some(chosen),
        labels: labels::parse(form.all("label")),
        return_to: form.get("return_to").map(str::to_owned),
        ..Typed::default()
    }
}

fn check(typed: &mut Typed) -> Option<Submission> {
    let email = EmailAddress::parse(&typed.email);
    let name = name::parse(&typed.name);
    if email.is_err() {
        typed.email_error = Some(match typed.email.trim() {
            "" => "Please type your email address.".to_owned(),
            _ => "This does not look like an email address. It should read like name@example.org.".to_owned(),
        });
    }
    if let Err(error) = &name {
        typed.name_error = Some(format!("Please change this: {error}."));
    }
    Some(Submission { email: email.ok()?, name: name.ok()? })
}

/// Says what is wrong beside the field, with everything that was typed still there.
async fn refuse(app: &App, purpose: Purpose, typed: Typed, in_place: bool) -> PageResult<HttpResponse> {
    if in_place {
        let (field, message) = typed.first_error().unwrap_or_default();
        let answer = json!({"state": State::Failed.fragment(), "field": field, "message": message});
        return Ok(HttpResponse::UnprocessableEntity().json(answer));
    }
    form_page(app, purpose, StatusCode::UNPROCESSABLE_ENTITY, typed).await
}

/// Nothing was taken. The reader stays on the page, whose footer says so.
fn failed(error: PageError, return_to: &ReturnTo, in_place: bool) -> HttpResponse {
    let note = Note { state: State::Failed, action: None, error_code: None, in_fragment: true };
    if in_place {
        return HttpResponse::build(error.status).json(json!({"state": note.state.fragment()}));
    }
    pages::see_other(&return_to.with_note(&note))
}

/// The one answer to every form that could be read.
fn pending(app: &App, return_to: &ReturnTo, asked: &Token, in_place: bool) -> HttpResponse {
    let note = Note { state: State::Pending, action: None, error_code: None, in_fragment: true };
    let mut response = if in_place {
        HttpResponse::Ok().json(json!({"state": note.state.fragment()}))
    } else {
        pages::see_other(&return_to.with_note(&note))
    };
    let cookie = CookieKind::Asked.give(&app.settings, asked, seconds(app.policy.lifetimes.signup_link_s));
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
