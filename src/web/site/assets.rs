//! Files that pages of the site load from here.

use actix_web::HttpResponse;

/// The optional script of the footer. `docs/footer.md` tells what it does.
const FOOTER_SCRIPT: &str = include_str!("footer.js");

/// `GET /members/footer.js`.
pub async fn footer_script() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("content-type", "text/javascript; charset=utf-8"))
        .insert_header(("cache-control", "public, max-age=3600"))
        .insert_header(("cross-origin-resource-policy", "cross-origin"))
        .body(FOOTER_SCRIPT)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_script_stays_small() {
        assert!(super::FOOTER_SCRIPT.len() <= 2_048, "{} bytes", super::FOOTER_SCRIPT.len());
    }
}
