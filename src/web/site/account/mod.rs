//! `/members/account/`: what members do for themselves, without a script.
//!
//! One page a subject, each with an address of its own. A form is answered with a redirect back to
//! its page, whose note says what happened. What a thief would do first (another address, taking the
//! data out, leaving) takes a sign-in of a moment ago.

pub mod data;
pub mod devices;
pub mod email;
pub mod language;
pub mod leaving;
pub mod newsletters;
pub mod overview;
pub mod plan;
pub mod plan_cancel;
pub mod plan_change;

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse};

use super::pages::{self, Frame};
use crate::app::App;
use crate::clock::Timestamp;
use crate::db::{Conn, DbResult};
use crate::members::email_change::is_fresh;
use crate::members::preferences::{self, Changes, Place, Standing};
use crate::signin::present::{self, Present};
use crate::web::body::Form;
use crate::web::client::Client;
use crate::web::current;
use crate::web::page_error::{PageError, PageResult};

/// A member at one of these pages.
pub struct Visit {
    pub frame: Frame,
    pub present: Arc<Present>,
    /// When the account is erased, if its owner asked for that.
    pub erase_at: Option<Timestamp>,
    pub paused_until: Option<Timestamp>,
    /// The key of what has just happened.
    pub done: Option<&'static str>,
    /// They signed in a moment ago.
    pub is_fresh: bool,
    /// Something is sold here, or was.
    pub has_plans: bool,
    /// The whole address of this page, for coming back after signing in once more.
    pub here: String,
}

/// What a page may say that has happened; the address chooses among these and nothing else.
const DONE: [&str; 15] = [
    "done-name",
    "done-newsletters",
    "done-paused",
    "done-resumed",
    "done-language",
    "done-email",
    "done-email-approve",
    "done-device",
    "done-devices",
    "done-leaving",
    "done-stayed",
    "done-plan",
    "done-cancelled",
    "done-plan-resumed",
    "done-offer",
];

impl Visit {
    /// Who visits; whoever is signed out is led to the sign-in form, and back afterwards.
    async fn begin(
        app: &App,
        client: &Client,
        request: &HttpRequest,
        path: &'static str,
    ) -> PageResult<Result<Self, HttpResponse>> {
        let (frame, present) = Frame::of(app, client).await?;
        let Some(present) = present else {
            return Ok(Err(to_sign_in(app, path)));
        };
        let member = present.id;
        let Some(standing) = app.db.read(move |conn| preferences::standing(conn, member)).await? else {
            return Ok(Err(to_sign_in(app, path)));
        };
        let Standing { paused_until, erase_at } = standing;
        let query = Form::parse(request.query_string().as_bytes());
        let done = query.get("done").and_then(|wanted| DONE.into_iter().find(|done| done[5..] == *wanted));
        let now = app.now();
        Ok(Ok(Self {
            is_fresh: is_fresh(&app.policy, present.signed_in_at, now),
            has_plans: app.billing.is_some() || present.billing.is_some(),
            paused_until: paused_until.filter(|until| *until > now),
            erase_at,
            frame,
            present,
            done,
            here: app.settings.link(path).into(),
        }))
    }

    pub fn erased_on(&self) -> Option<String> {
        self.erase_at.map(|at| self.frame.language.moment(at))
    }
}

pub fn to_sign_in(app: &App, path: &str) -> HttpResponse {
    let back = app.settings.link(path);
    let mut sign_in = app.settings.link("members/signin/");
    sign_in.query_pairs_mut().append_pair("return_to", back.as_str());
    if let Some(language) = current::chosen_language() {
        sign_in.query_pairs_mut().append_pair("lang", language.tag());
    }
    pages::see_other(sign_in.as_str())
}

/// Back to a page, with what has happened.
async fn done(app: &App, client: &Client, path: &str, what: &str) -> PageResult<HttpResponse> {
    let (frame, _) = Frame::of(app, client).await?;
    Ok(pages::see_other(&format!("{}#done", frame.url(&format!("{path}?done={what}")))))
}

/// Runs `f` for the member whose session a form came with, in one transaction.
async fn act<T: Send + 'static>(
    app: &App,
    client: &Client,
    f: impl FnOnce(&mut Conn, &Present) -> DbResult<T> + Send + 'static,
) -> PageResult<T> {
    let session = client.session().ok_or(PageError::signed_out())?;
    let (lifetimes, now) = (app.policy.lifetimes.clone(), app.now());
    app.db
        .write(move |conn| match present::who(conn, &lifetimes, &session, now)? {
            Some(who) if who.is_of_staff => Ok(Err(PageError::of_staff())),
            Some(who) => f(conn, &who).map(Ok),
            None => Ok(Err(PageError::signed_out())),
        })
        .await?
}

/// Whoever is signed in, if it is the member in person: what staff opened in a member's name only looks.
pub fn in_person(present: Option<Arc<Present>>) -> PageResult<Arc<Present>> {
    match present {
        Some(present) if present.is_of_staff => Err(PageError::of_staff()),
        Some(present) => Ok(present),
        None => Err(PageError::signed_out()),
    }
}

/// Changes what members set for themselves.
async fn change(app: &App, client: &Client, changes: Changes, consent_text: String) -> PageResult<()> {
    let (page, network, now) = (client.referer.clone(), client.network.truncated(), app.now());
    act(app, client, move |conn, who| {
        let place = Place {
            method: "account page, by the member",
            page: page.as_deref(),
            client: &network,
            consent_text: &consent_text,
        };
        preferences::apply(conn, who.id, &changes, &place, now)
    })
    .await
}
