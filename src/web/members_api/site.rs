use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::app::App;
use crate::web::answer;

/// The version of the protocol that is spoken (protocol B.17).
pub const PROTOCOL_VERSION: &str = "6.65";

/// `GET /members/api/site/` (protocol B.17): the public face of the site, readable by any origin.
pub async fn read(app: web::Data<App>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header(("cross-origin-resource-policy", "cross-origin"));
    answer::json_in(&mut response, &site_json(&app))
}

/// What anybody may know of the site.
pub fn site_json(app: &App) -> Value {
    let settings = &app.settings;
    json!({"site": {
        "title": settings.site_title,
        "description": settings.site_description,
        "logo": null,
        "icon": null,
        "cover_image": null,
        "accent_color": settings.accent_color,
        "locale": settings.language,
        "timezone": "Etc/UTC",
        "url": settings.site_url.as_str(),
        "version": PROTOCOL_VERSION,
        "allow_external_signup": true,
        "site_uuid": &*app.site_uuid,
    }})
}
