//! The local inbox in a browser: every mail that was sent, and a clock that can be moved.

use std::time::Duration;

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::mailbox::{Mailbox, ReceivedMail};
use crate::clock::Clock;
use crate::texts::Language;

/// What the pages show and move.
#[derive(Clone)]
pub struct InboxPages {
    pub mailbox: Mailbox,
    pub clock: Clock,
    pub newsroom_url: String,
}

struct Shown {
    number: usize,
    to: String,
    subject: String,
}

#[derive(Template)]
#[template(path = "demo/inbox.html")]
struct ListPage<'a> {
    newsroom: &'a str,
    mails: Vec<Shown>,
    now: String,
}

#[derive(Template)]
#[template(path = "demo/mail.html")]
struct MailPage {
    number: usize,
    to: String,
    subject: String,
    html: String,
    text: String,
    link: Option<String>,
}

pub fn routes(pages: InboxPages) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(web::Data::new(pages))
            .route("/", web::get().to(list))
            .route("/mail/{number}", web::get().to(show))
            .route("/mail/{number}/source", web::get().to(source))
            .route("/clock", web::post().to(advance));
    }
}

/// The newest first, as many as one can look at.
async fn list(pages: web::Data<InboxPages>) -> HttpResponse {
    let mails = pages.mailbox.all();
    let mails = mails.iter().rev().take(200).map(|mail| Shown {
        number: mail.number,
        to: mail.to.join(", "),
        subject: mail.subject(),
    });
    html(&ListPage {
        newsroom: &pages.newsroom_url,
        mails: mails.collect(),
        now: Language::English.moment(pages.clock.now()),
    })
}

async fn show(pages: web::Data<InboxPages>, number: web::Path<usize>) -> HttpResponse {
    let Some(mail) = pages.mailbox.get(*number) else {
        return HttpResponse::NotFound().finish();
    };
    html(&MailPage {
        number: mail.number,
        to: mail.to.join(", "),
        subject: mail.subject(),
        html: mail.html(),
        text: mail.text(),
        link: mail.link(),
    })
}

async fn source(pages: web::Data<InboxPages>, number: web::Path<usize>) -> HttpResponse {
    match pages.mailbox.get(*number) {
        Some(ReceivedMail { raw, .. }) => {
            HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(raw.to_vec())
        }
        None => HttpResponse::NotFound().finish(),
    }
}

#[derive(serde::Deserialize)]
struct Advance {
    minutes: u64,
}

async fn advance(pages: web::Data<InboxPages>, form: web::Form<Advance>) -> HttpResponse {
    pages.clock.advance(Duration::from_secs(form.minutes.min(60 * 24 * 400) * 60));
    HttpResponse::SeeOther().insert_header((LOCATION, "/")).finish()
}

fn html(page: &impl Template) -> HttpResponse {
    match page.render() {
        Ok(html) => HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
