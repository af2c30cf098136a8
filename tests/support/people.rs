//! People with browsers: cookies are kept, redirects are looked at rather than followed.

use std::sync::Arc;

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{HeaderMap, LOCATION, ORIGIN, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::world::SITE;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

pub struct Person {
    pub base: Url,
    pub client: Client,
    jar: Arc<Jar>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The browser is sent to the site, where this note shows.
    #[track_caller]
    pub fn lands_on(&self, fragment: &str) -> &Self {
        assert!(self.status.is_redirection(), "{} {}", self.status, self.body);
        assert!(self.location().starts_with(SITE), "{}", self.location());
        assert!(self.location().ends_with(&format!("#{fragment}")), "{}", self.location());
        self
    }

    /// The browser is sent to a page of this service, where this note shows.
    #[track_caller]
    pub fn lands_on_own(&self, fragment: &str) -> &Self {
        assert!(self.status.is_redirection(), "{} {}", self.status, self.body);
        assert!(self.location().contains("/members/account/"), "{}", self.location());
        assert!(self.location().ends_with(&format!("#{fragment}")), "{}", self.location());
        self
    }

    /// The page has one button, and this token in it.
    #[track_caller]
    pub fn is_page_with_button(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.body.matches("<button").count(), 1, "{}", self.body);
        self
    }
}

impl Person {
    pub fn new(base: Url) -> Self {
        let jar = Arc::new(Jar::default());
        let client = Self::client(&jar).build().unwrap();
        Self { base, client, jar }
    }

    fn client(jar: &Arc<Jar>) -> ClientBuilder {
        Client::builder().cookie_provider(Arc::clone(jar)).redirect(Policy::none()).no_proxy()
    }

    /// The same person, with a connection for each request: a program that starts anew closes those that
    /// rest, and where a browser asks once more by itself this client would not.
    pub fn without_kept_connections(mut self) -> Self {
        self.client = Self::client(&self.jar).pool_max_idle_per_host(0).build().unwrap();
        self
    }

    pub fn cookies(&self) -> String {
        self.jar.cookies(&self.base).map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    }

    pub fn take_cookie(&self, cookie: &str) {
        self.jar.add_cookie_str(&format!("{cookie}; Path=/"), &self.base);
    }

    /// Somebody else's browser with the very same cookies.
    pub fn copy(&self) -> Self {
        let copy = Self::new(self.base.clone());
        for cookie in self.cookies().split("; ").filter(|cookie| !cookie.is_empty()) {
            copy.take_cookie(cookie);
        }
        copy
    }

    pub async fn request(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Answer {
        let url = self.base.join(path).unwrap();
        let mut request = self.client.request(method, url).header(USER_AGENT, FIREFOX);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        Answer { status: response.status(), headers: response.headers().clone(), body: response.text().await.unwrap() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[], None).await
    }

    /// Posts a form as a page of the site does.
    pub async fn posts(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.posts_from(SITE.trim_end_matches('/'), path, fields).await
    }

    pub async fn posts_from(&self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = [("content-type", "application/x-www-form-urlencoded"), (ORIGIN.as_str(), origin)];
        self.request(Method::POST, path, &headers, Some(body)).await
    }

    /// Types an address into one of the three forms of the site's footer.
    pub async fn asks(&self, form: &str, address: &str) -> Answer {
        self.asks_with(form, address, &[]).await
    }

    pub async fn asks_with(&self, form: &str, address: &str, more: &[(&str, &str)]) -> Answer {
        let mut fields = vec![("email", address)];
        fields.extend_from_slice(more);
        self.posts(&format!("members/{form}/"), &fields).await
    }

    /// Opens a link from a mail.
    pub async fn opens(&self, link: &str) -> Answer {
        let url = Url::parse(link).unwrap();
        let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        self.get(&path).await
    }

    /// Opens a link from a mail and presses the button of its page.
    pub async fn confirms(&self, link: &str) -> Answer {
        self.opens(link).await.is_page_with_button(200);
        self.presses("members/", link).await
    }

    /// The same where the asking browser waits: the page has a second button then.
    pub async fn confirms_waited(&self, link: &str) -> Answer {
        let page = self.opens(link).await;
        assert_eq!((page.status.as_u16(), page.body.matches("<button").count()), (200, 2), "{}", page.body);
        self.presses("members/", link).await
    }

    /// Presses the button of a link's page.
    pub async fn presses(&self, path: &str, link: &str) -> Answer {
        let origin = self.base.origin().ascii_serialization();
        self.posts_from(&origin, path, &[("token", &token_of(link))]).await
    }

    /// `GET /members/api/member/`; nothing when signed out.
    pub async fn record(&self) -> Option<Value> {
        let answer = self.get("members/api/member/").await;
        match answer.status.as_u16() {
            200 => Some(answer.json()),
            204 => None,
            status => panic!("{status} {}", answer.body),
        }
    }

    /// `GET /members/api/session/`: the identity token.
    pub async fn identity(&self) -> String {
        let answer = self.get("members/api/session/").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    pub async fn integrity_token(&self) -> String {
        self.get("members/api/integrity-token/").await.body
    }

    pub async fn posts_json(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::POST, path, &[("content-type", "application/json")], Some(body.to_string())).await
    }

    /// Asks for a link as Ghost's widgets do.
    pub async fn asks_by_api(&self, body: Value) -> Answer {
        let mut body = body;
        body["integrityToken"] = json!(self.integrity_token().await);
        self.posts_json("members/api/send-magic-link/", &body).await
    }

    pub async fn signs_out(&self, body: Option<Value>) -> Answer {
        let headers: &[(&str, &str)] = if body.is_some() { &[("content-type", "application/json")] } else { &[] };
        self.request(Method::DELETE, "members/api/session/", headers, body.map(|body| body.to_string())).await
    }
}

pub fn token_of(link: &str) -> String {
    let url = Url::parse(link).unwrap();
    let token = url.query_pairs().find(|(name, _)| name == "token");
    token.expect("the link has a token").1.into_owned()
}
