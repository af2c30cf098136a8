//! `/members/subscribe/`, `/members/signup/`, `/members/signin/`: the forms, hosted here (GET) and
//! wherever the site puts them (POST). `docs/footer.md` tells how to write one.

use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::pages::{self, Frame};
use crate::app::App;
use crate::members::address::EmailAddress;
use crate::members::{labels, name};
use crate::newsletters::{self, Newsletter};
use crate::secrets::Token;
use crate::signin::asking::{self, Asked, LinkRequest};
use crate::signin::links::{Purpose, Via};
use crate::signin::return_to::{Note, ReturnTo, State};
use crate::texts::Language;
use crate::web::body::{self, Form};
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::origin;
use crate::web::page_error::{PageError, PageResult};

/// One of the three forms, and its words in the language of a frame.
struct Door {
    purpose: Purpose,
    title: String,
    intro: String,
    button: String,
    /// What somebody agrees to by pressing the button; kept with the consent.
    consent: String,
}

impl Door {
    fn of(purpose: Purpose, frame: &Frame) -> Self {
        let (title, intro, button, consent) = match purpose {
            Purpose::SignUp => (
                frame.t("form-signup"),
                frame.t("form-signup.intro"),
                frame.t("form-signup.button"),
                frame.t("form-signup.consent"),
            ),
            Purpose::Subscribe => (
                frame.t("form-subscribe"),
                frame.t("form-subscribe.intro"),
                frame.t("form-subscribe.button"),
                frame.t("form-subscribe.consent"),
            ),
            _ => (frame.t("form-signin"), frame.t("form-signin.intro"), frame.t("form-signin.button"), String::new()),
        };
        Self { purpose, title, intro, button, consent }
    }

    fn path(&self) -> String {
        format!("members/{}/", self.purpose.as_str())
    }

    fn asks_name(&self) -> bool {
        self.purpose == Purpose::SignUp
    }

    fn asks_newsletters(&self) -> bool {
        self.purpose != Purpose::SignIn
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
    /// Afterwards the reader waits on a page of this service, rather than on theirs.
    waits_here: bool,
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
    door: Door,
    typed: Typed,
    newsletters: Vec<Newsletter>,
}

macro_rules! doors {
    ($($get:ident $post:ident $purpose:ident),*) => {$(
        pub async fn $get(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
            show(&app, Purpose::$purpose, &client, &request).await
        }

        pub async fn $post(app: web::Data<App>, client: Client, request: HttpRequest, payload: Payload) -> PageResult<HttpResponse> {
            submit(&app, Purpose::$purpose, client, &request, payload).await
        }
    )*};
}
doors!(subscribe post_subscribe Subscribe, signup post_signup SignUp, signin post_signin SignIn);

/// The hosted page. `?return_to=` and `?newsletter=` in its address prefill it.
async fn show(app: &App, purpose: Purpose, client: &Client, request: &HttpRequest) -> PageResult<HttpResponse> {
    let query = Form::parse(request.query_string().as_bytes());
    let chosen: Vec<String> = query.all("newsletter").map(str::to_owned).collect();
    let typed = Typed {
        newsletters: (!chosen.is_empty()).then_some(chosen),
        labels: labels::parse(query.all("label")),
        return_to: query
            .get("return_to")
            .and_then(|text| ReturnTo::parse(text, &app.settings))
            .map(|to| to.as_str().to_owned()),
        waits_here: true,
        ..Typed::default()
    };
    let (frame, _) = Frame::of(app, client).await?;
    form_page(app, frame, purpose, StatusCode::OK, typed).await
}

async fn form_page(
    app: &App,
    frame: Frame,
    purpose: Purpose,
    status: StatusCode,
    typed: Typed,
) -> PageResult<HttpResponse> {
    let newsletters = app.db.read(newsletters::active).await?;
    let page = FormPage { door: Door::of(purpose, &frame), frame, typed, newsletters };
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
    let form = read_own(app, request, payload).await?;
    let frame = Frame::new(&app.settings).in_chosen(form.get("lang").and_then(Language::of_tag));
    let waits_here = waits_here(&form);
    let answering = Answering {
        app,
        return_to: return_to(app, &form, &client, waits_here),
        asked: client.asked.clone().unwrap_or_else(Token::random),
        in_place: wants_json(request),
        waits_here,
    };
    if form.get("website").is_some_and(|trap| !trap.is_empty()) {
        metrics::counter!("readership_honeypot_total").increment(1);
        return Ok(answering.pending(&frame));
    }
    let mut typed = typed(&form);
    let Some(submission) = check(&mut typed, &frame) else {
        return answering.refuse(frame, purpose, typed).await;
    };

    let link_request = LinkRequest {
        purpose,
        email: submission.email,
        name: submission.name,
        newsletters: typed.newsletters.clone(),
        labels: labels::parse(typed.labels.iter().map(String::as_str)),
        return_to: Some(answering.return_to.as_str().to_owned()),
        via: Via::Form,
        page: client.referer.clone().or_else(|| form.get("return_to").map(str::to_owned)),
        referrer: None,
        attribution: None,
        consent_text: Door::of(purpose, &frame).consent,
        language: frame.language,
        client: client.network,
        asked_by: Some(answering.asked.hash()),
        agent: client.agent.clone(),
        nonce: None,
        // A code is of use only to those who wait on a page that takes it.
        with_code: waits_here,
    };
    let (policy, now) = (app.policy.clone(), app.now());
    let answer = match app.db.write(move |conn| asking::request(conn, &policy, &link_request, now)).await {
        Ok(answer) => answer,
        Err(error) => return Ok(answering.failed(PageError::from(error))),
    };
    match answer {
        Asked::UnknownNewsletters(unknown) => {
            let names = unknown.join(", ");
            typed.newsletter_error = Some(frame.with("form-newsletter-unknown", "names", &names));
            answering.refuse(frame, purpose, typed).await
        }
        // Over the limit looks like accepted: no mail goes out, and nobody learns anything.
        Asked::Accepted(_) | Asked::ClientOverLimit { .. } | Asked::NonceUsed => {
            app.mailroom.wake();
            Ok(answering.pending(&frame))
        }
    }
}

/// Reads the form of a page of the site's own; one that stands elsewhere is refused.
pub async fn read_own(app: &App, request: &HttpRequest, payload: Payload) -> PageResult<Form> {
    if !origin::is_trusted(request.headers(), &app.settings) {
        return Err(PageError::foreign_form());
    }
    read_urlencoded(app, request, payload).await
}

/// Reads a form, wherever it stands.
pub async fn read_urlencoded(app: &App, request: &HttpRequest, payload: Payload) -> PageResult<Form> {
    if !body::is_type(request, "application/x-www-form-urlencoded") {
        return Err(PageError::not_a_form());
    }
    let bytes = body::read(request, payload, &app.settings.http).await?;
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

/// The field, else the page the form was on, else the site's home. Whoever came to a page of this
/// service from nowhere ends at their account.
fn return_to(app: &App, form: &Form, client: &Client, waits_here: bool) -> ReturnTo {
    let field = form.get("return_to").filter(|text| !text.is_empty());
    let account = app.settings.link("members/account/");
    let page = if waits_here { Some(account.as_str()) } else { client.referer.as_deref() };
    let wanted = field.or(page);
    wanted.and_then(|text| ReturnTo::parse(text, &app.settings)).unwrap_or_else(|| ReturnTo::home(&app.settings))
}

/// `then=wait`: the form wants its reader on the page that waits for the link.
fn waits_here(form: &Form) -> bool {
    form.get("then") == Some("wait")
}

fn typed(form: &Form) -> Typed {
    let chosen: Vec<String> = form.all("newsletter").filter(|text| !text.is_empty()).map(str::to_owned).collect();
    Typed {
        email: form.get("email").unwrap_or_default().chars().take(320).collect(),
        name: form.get("name").unwrap_or_default().chars().take(name::LONGEST * 2).collect(),
        newsletters: (!chosen.is_empty()).then_some(chosen),
        labels: labels::parse(form.all("label")),
        return_to: form.get("return_to").map(str::to_owned),
        waits_here: waits_here(form),
        ..Typed::default()
    }
}

fn check(typed: &mut Typed, frame: &Frame) -> Option<Submission> {
    let email = EmailAddress::parse(&typed.email);
    let name = name::parse(&typed.name);
    if email.is_err() {
        typed.email_error = Some(email_error(frame, &typed.email));
    }
    if let Err(error) = name {
        typed.name_error = Some(name_error(frame, error));
    }
    Some(Submission { email: email.ok()?, name: name.ok()? })
}

/// What is wrong with an address, beside its field.
pub fn email_error(frame: &Frame, typed: &str) -> String {
    frame.t(if typed.trim().is_empty() { "form-email-missing" } else { "form-email-invalid" })
}

/// What is wrong with a name, beside its field.
pub fn name_error(frame: &Frame, error: name::NotAName) -> String {
    let longest = i64::try_from(name::LONGEST).unwrap_or(i64::MAX);
    match error {
        name::NotAName::TooLong => frame.with("form-name-too-long", "longest", longest),
        name::NotAName::NotVisible => frame.t("form-name-invisible"),
    }
}

/// How the one who sent a form is answered.
struct Answering<'a> {
    app: &'a App,
    return_to: ReturnTo,
    asked: Token,
    /// By the footer's script.
    in_place: bool,
    /// On the page of this service that waits for the link to be used.
    waits_here: bool,
}

impl Answering<'_> {
    /// Says what is wrong beside the field, with everything that was typed still there.
    async fn refuse(&self, frame: Frame, purpose: Purpose, typed: Typed) -> PageResult<HttpResponse> {
        if self.in_place {
            let (field, message) = typed.first_error().unwrap_or_default();
            let answer = json!({"state": State::Failed.fragment(), "field": field, "message": message});
            return Ok(HttpResponse::UnprocessableEntity().json(answer));
        }
        form_page(self.app, frame, purpose, StatusCode::UNPROCESSABLE_ENTITY, typed).await
    }

    /// Nothing was taken. The reader stays on the page, whose footer says so.
    fn failed(&self, error: PageError) -> HttpResponse {
        if self.in_place {
            return HttpResponse::build(error.status).json(json!({"state": State::Failed.fragment()}));
        }
        pages::see_other(&self.return_to.with_note(&Note::of_state(State::Failed)))
    }

    /// The one answer to every form that could be read.
    fn pending(&self, frame: &Frame) -> HttpResponse {
        let response = if self.in_place {
            HttpResponse::Ok().json(json!({"state": State::Pending.fragment()}))
        } else if self.waits_here {
            pages::see_other(&frame.url("members/waiting/"))
        } else {
            pages::see_other(&self.return_to.with_note(&Note::of_state(State::Pending)))
        };
        pages::with_cookie(response, &CookieKind::Asked.give(&self.app.settings, &self.asked))
    }
}
