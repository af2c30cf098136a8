//! The first page: how it stands, what needs seeing to, and on an empty installation what to do first.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::charts;
use super::error::AdminResult;
use super::frame::{self, Frame};
use super::gate::Staff;
use super::members::list::grouped;
use super::problems::{self, Problem};
use super::query;
use crate::app::App;
use crate::billing::money::Money;
use crate::billing::tiers::{self, Kind};
use crate::staff::figures::{self, Told};

/// Something to do first.
struct Step {
    text: &'static str,
    page: &'static str,
    is_done: bool,
}

#[derive(Template)]
#[template(path = "admin/home.html")]
struct Page<'a> {
    frame: &'a Frame,
    told: &'a Told,
    mrr: Vec<Money>,
    problems: Vec<Problem>,
    steps: Vec<Step>,
    days: usize,
    has_stripe: bool,
}

impl Page<'_> {
    fn figure(&self, name: &str) -> String {
        grouped(self.told.of_today(name))
    }

    /// What came together this month, so far.
    fn this_month(&self, name: &str) -> String {
        let (.., day, _, _) = crate::clock::Timestamp::from_millis(
            self.told.days.last().map_or(0, |(day, _)| i64::from(*day) * 86_400_000),
        )
        .calendar_parts();
        grouped(self.told.sum(name, usize::from(day)))
    }

    fn members_chart(&self) -> String {
        charts::line("Members", &self.told.line(figures::MEMBERS, self.days, true))
    }

    fn payers_chart(&self) -> String {
        charts::line("Payers", &self.told.line(figures::PAYERS, self.days, true))
    }

    fn movement_chart(&self) -> String {
        let line = |name| self.told.line(name, self.days, false);
        charts::bars("Members", &line(figures::NEW), &line(figures::LOST))
    }

    fn paid_movement_chart(&self) -> String {
        let line = |name| self.told.line(name, self.days, false);
        charts::bars("Payers", &line(figures::PAID_NEW), &line(figures::PAID_LOST))
    }

    fn is_set_up(&self) -> bool {
        self.steps.iter().all(|step| step.is_done)
    }
}

/// `GET /admin/`, with `?days=30|90|365`.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let days = match query(&request).get("days") {
        Some("90") => 90,
        Some("365") => 365,
        _ => 30,
    };
    let now = app.now();
    let (told, sells) = app
        .db
        .read(move |conn| {
            let sells = tiers::all(conn)?.iter().any(|tier| tier.kind == Kind::Paid && tier.is_active);
            Ok((figures::told(conn, now)?, sells))
        })
        .await?;
    let problems = problems::find(&app).await?;
    let steps = vec![
        Step {
            text: "Set the mail server, so that mails go out",
            page: "settings/",
            is_done: app.settings.smtp.is_some(),
        },
        Step {
            text: "Put the sign-up form on your site",
            page: "footer/",
            is_done: told.of_today(figures::MEMBERS) > 0,
        },
        Step { text: "Connect Stripe, if you want to be paid", page: "billing/", is_done: app.billing.is_some() },
        Step { text: "Make a tier that readers can pay for", page: "tiers/", is_done: sells },
    ];
    let frame = Frame::of(&app, &staff, &request);
    let page = Page {
        frame: &frame,
        mrr: told.mrr().into_iter().map(|(currency, minor)| Money::new(minor, &currency)).collect(),
        told: &told,
        problems,
        steps,
        days,
        has_stripe: app.billing.is_some(),
    };
    frame::page(StatusCode::OK, &frame, &page)
}
