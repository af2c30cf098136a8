//! The list: searched, filtered and sorted through its address.

use std::collections::HashSet;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::billing::tiers::{self, Tier};
use crate::db::{Conn, DbResult};
use crate::members::labels::{self, Label};
use crate::members::listing::{self, Filter, Listed, Sort};
use crate::newsletters::{self, Newsletter};
use crate::staff::figures;
use crate::staff::roles::Right;
use crate::texts::Language;
use crate::web::admin::error::AdminResult;
use crate::web::admin::frame::{self, Frame};
use crate::web::admin::gate::Staff;
use crate::web::admin::query;

/// Members on a page.
const PAGE: usize = 50;

/// What one can choose among.
pub struct Choices {
    pub tiers: Vec<Tier>,
    pub newsletters: Vec<Newsletter>,
    pub labels: Vec<Label>,
}

impl Choices {
    pub fn read(conn: &mut Conn) -> DbResult<Self> {
        Ok(Self { tiers: tiers::all(conn)?, newsletters: newsletters::active(conn)?, labels: labels::all(conn)? })
    }
}

#[derive(Template)]
#[template(path = "admin/members/list.html")]
struct Page<'a> {
    frame: &'a Frame,
    filter: Filter,
    choices: Choices,
    members: Vec<Listed>,
    held_back: HashSet<String>,
    total: String,
    is_cut: bool,
    is_first: bool,
    next: Option<String>,
    may_change: bool,
    may_export: bool,
    may_import: bool,
    /// Nobody is a member yet.
    is_empty: bool,
}

impl Page<'_> {
    fn languages(&self) -> [Language; 5] {
        Language::ALL
    }

    fn sorts(&self) -> [(Sort, &'static str, &'static str); 5] {
        Sort::ALL
    }
}

/// `GET /admin/members/`.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let query = query(&request);
    let filter = Filter::read(|name| query.get(name));
    let after = query.get("after").map(|after| after.chars().take(600).collect::<String>());
    let (asked, from, now) = (filter.clone(), after.clone(), app.now());
    let (page, held_back, choices, all) = app
        .db
        .read(move |conn| {
            let page = listing::page(conn, &asked, from.as_deref(), PAGE, now)?;
            let keys: Vec<&str> = page.members.iter().map(|one| one.email_key.as_str()).collect();
            let held_back = listing::suppressed(conn, &keys)?;
            Ok((page, held_back, Choices::read(conn)?, figures::members(conn)?))
        })
        .await?;
    let frame = Frame::of(&app, &staff, &request);
    let next = page.next.map(|next| {
        let mut query = url::form_urlencoded::Serializer::new(filter.query());
        query.append_pair("after", &next);
        format!("{}?{}", frame.url("members/"), query.finish())
    });
    let is_first = after.is_none();
    let total = match page.total {
        Some(1) => "One member fits.".to_owned(),
        Some(total) => format!("{} members fit.", grouped(i64::try_from(total).unwrap_or(i64::MAX))),
        None if filter.is_all() => format!("{} members.", grouped(all)),
        None if is_first && next.is_none() => format!("{} members fit.", page.members.len()),
        None => "More than five thousand may fit.".to_owned(),
    };
    let is_empty = filter.is_all() && is_first && page.members.is_empty();
    let page = Page {
        members: page.members,
        held_back,
        choices,
        total,
        is_cut: page.is_cut,
        is_first,
        next,
        may_change: staff.may(Right::Bulk),
        may_export: staff.may(Right::Export),
        may_import: staff.may(Right::Import),
        is_empty,
        filter,
        frame: &frame,
    };
    frame::page(StatusCode::OK, &frame, &page)
}

/// `1000000` → `1,000,000`.
pub fn grouped(number: i64) -> String {
    let text = crate::texts::grouped(number.unsigned_abs(), ",");
    if number < 0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn figures_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
