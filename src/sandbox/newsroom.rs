//! The demo newsroom "REX Wire": a static page with an article and a footer.

use actix_web::{HttpResponse, web};
use askama::Template;

/// What the page must know: where the members service is.
#[derive(Clone)]
pub struct Newsroom {
    pub members_url: String,
    pub inbox_url: String,
    /// Whether the optional script is on the page.
    pub with_script: bool,
}

#[derive(Template)]
#[template(path = "demo/newsroom.html")]
struct Page<'a> {
    members: &'a str,
    inbox: &'a str,
    script: bool,
    /// The page's own path: across origins browsers do not send it along.
    path: &'a str,
}

/// Routes of the newsroom: the same page at `/` and, without the script, at `/plain/`.
pub fn routes(newsroom: Newsroom) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(web::Data::new(newsroom))
            .route("/", web::get().to(async |room: web::Data<Newsroom>| page(&room, room.with_script, "/")))
            .route("/plain/", web::get().to(async |room: web::Data<Newsroom>| page(&room, false, "/plain/")));
    }
}

fn page(room: &Newsroom, script: bool, path: &str) -> HttpResponse {
    let page = Page { members: &room.members_url, inbox: &room.inbox_url, script, path };
    match page.render() {
        Ok(html) => HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
