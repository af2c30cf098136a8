//! Who is on the other end of a request.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, REFERER, USER_AGENT};
use actix_web::{FromRequest, HttpRequest, web};

use super::agent;
use super::cookies::CookieKind;
use crate::app::App;
use crate::limits::ClientNetwork;
use crate::secrets::{Sha256, Token};
use crate::signin::redemption::Browser;

/// What a handler may know of the asker.
#[derive(Clone)]
pub struct Client {
    pub network: ClientNetwork,
    /// The browser in words.
    pub agent: Option<String>,
    pub referer: Option<String>,
    /// The cookie of the browser that asked for links.
    pub asked: Option<Token>,
    session: Option<Token>,
    staff: Option<Token>,
}

impl Client {
    /// The hash under which the browser's session stands, if it brought a cookie.
    pub fn session(&self) -> Option<Sha256> {
        self.session.as_ref().map(Token::hash)
    }

    /// The hash under which a session of staff stands, if the browser brought its cookie.
    pub fn staff_session(&self) -> Option<Sha256> {
        self.staff.as_ref().map(Token::hash)
    }

    /// The hash under which the requests of this browser stand, if it brought the cookie.
    pub fn asked_by(&self) -> Option<Sha256> {
        self.asked.as_ref().map(Token::hash)
    }

    /// The browser, for a link that ends in it.
    pub fn browser(&self) -> Browser {
        Browser { agent: self.agent.clone(), session: self.session() }
    }
}

impl FromRequest for Client {
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers();
        let Some(app) = request.app_data::<web::Data<App>>() else { unreachable!("every route has the app") };
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.ip());
        let forwarded: Vec<&str> = headers.get_all("x-forwarded-for").filter_map(|field| field.to_str().ok()).collect();
        ready(Ok(Self {
            network: ClientNetwork::behind(peer, &forwarded, &app.settings.trusted_proxies),
            agent: text(headers, USER_AGENT.as_str()).and_then(|text| agent::describe(&text)),
            referer: text(headers, REFERER.as_str()),
            asked: CookieKind::Asked.read(&app.settings, headers),
            session: CookieKind::Session.read(&app.settings, headers),
            staff: CookieKind::Staff.read(&app.settings, headers),
        }))
    }
}

/// The hash under which the browser's session stands, and nothing else of the asker: all that the hottest
/// addresses want to know.
pub struct SessionOf(pub Option<Sha256>);

impl FromRequest for SessionOf {
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(app) = request.app_data::<web::Data<App>>() else { unreachable!("every route has the app") };
        let cookie = CookieKind::Session.read(&app.settings, request.headers());
        ready(Ok(Self(cookie.as_ref().map(Token::hash))))
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| text.len() <= 2_048).map(str::to_owned)
}
