//! Long work: what is under way, what came of it, taking it back, and bringing members in.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Bytes, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::time::timeout;

use super::error::{AdminError, AdminResult};
use super::frame::{self, Frame, Typed, done};
use super::gate::Staff;
use super::{change, id_of, query};
use crate::app::App;
use crate::clock::Timestamp;
use crate::config::{millis, seconds};
use crate::ids::JobId;
use crate::jobs::bulk::{Deed as Change, Request as Bulk, Whom};
use crate::jobs::export;
use crate::jobs::import::Request;
use crate::jobs::{self, Job, Kind, Line, State};
use crate::members::name;
use crate::newsletters::{self, Newsletter};
use crate::staff::audit::Deed;
use crate::staff::roles::Right;
use crate::web::body::is_type;

/// What a job is, in words.
fn title(job: &Job) -> String {
    match job.kind {
        Kind::Bulk => match Bulk::of(job).map(|request| request.deed) {
            Ok(Change::Label(_)) => "Put a label on members".to_owned(),
            Ok(Change::Unlabel(_)) => "Take a label off members".to_owned(),
            Ok(Change::Subscribe(_)) => "Subscribe members".to_owned(),
            Ok(Change::Unsubscribe(_)) => "Unsubscribe members".to_owned(),
            Ok(Change::Erase) => "Erase members".to_owned(),
            Err(_) => "Change members".to_owned(),
        },
        Kind::Undo => "Take a change back".to_owned(),
        Kind::Check | Kind::Import => format!("Bring in {}", job.text("file")),
        Kind::Export => "Take members out".to_owned(),
        Kind::Reconcile => "Compare everything with Stripe".to_owned(),
        Kind::Reprice => "Move payers to another price".to_owned(),
    }
}

/// How it stands, in words.
fn standing(job: &Job) -> &'static str {
    match (job.state, job.kind) {
        (State::Receiving, _) => "is on its way",
        (State::Waiting, _) => "waits",
        (State::Running, Kind::Check) => "is being looked through",
        (State::Running, _) => "under way",
        (State::Checked, _) => "looked through: waits for your word",
        (State::Done, _) => "done",
        (State::Failed, _) => "failed",
        (State::Stopped, _) => "stopped",
        (State::Undone, _) => "taken back",
    }
}

#[derive(Template)]
#[template(path = "admin/jobs.html")]
struct ListPage<'a> {
    frame: &'a Frame,
    jobs: Vec<Job>,
    may_import: bool,
    may_reconcile: bool,
}

impl ListPage<'_> {
    fn title(&self, job: &Job) -> String {
        title(job)
    }

    fn standing(&self, job: &Job) -> &'static str {
        standing(job)
    }
}

/// `GET /admin/jobs/`.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let jobs = app.db.read(|conn| jobs::newest(conn, 50)).await?;
    let frame = Frame::of(&app, &staff, &request);
    let page = ListPage {
        frame: &frame,
        jobs,
        may_import: staff.may(Right::Import),
        may_reconcile: staff.may(Right::Help) && app.billing.is_some(),
    };
    frame::page(StatusCode::OK, &frame, &page)
}

#[derive(Template)]
#[template(path = "admin/job.html")]
struct OnePage<'a> {
    frame: &'a Frame,
    title: String,
    standing: &'static str,
    /// What came of it: figures with their names.
    figures: Vec<(&'static str, i64)>,
    lines: Vec<Line>,
    only: &'a str,
    more: Option<i64>,
    may_undo: bool,
    may_stop: bool,
    may_start: bool,
    refreshes: bool,
    request: Option<Request>,
    whom: Option<String>,
    /// The name of the file that can be fetched, and how large it is.
    file: Option<(String, String)>,
    file_until: Option<Timestamp>,
    may_fetch: bool,
    job: Job,
}

const LINES: i64 = 100;

fn figures(job: &Job) -> Vec<(&'static str, i64)> {
    let names: &[(&str, &'static str)] = match job.kind {
        Kind::Bulk | Kind::Undo => &[
            ("changed", "changed"),
            ("same", "as they were"),
            ("left", "left it themselves, and stay out"),
            ("held", "get no mail, and stay out"),
            ("leaving", "are leaving"),
            ("paying", "still pay: end their subscriptions first"),
        ],
        Kind::Check | Kind::Import => &[
            ("new", "new"),
            ("known", "members already"),
            ("silent", "new, without newsletters: mail is held back"),
            ("held", "held back"),
            ("bad", "lines that are wrong"),
        ],
        Kind::Export => &[("lines", "members in the file")],
        Kind::Reprice => &[("changed", "moved"), ("unread", "refused by Stripe")],
        Kind::Reconcile => &[
            ("customers", "customers compared"),
            ("drift", "stood otherwise here"),
            ("adopted", "were not known here"),
            ("visits", "visits had ended without a word"),
            ("missed", "events had never arrived"),
            ("unread", "could not be read"),
        ],
    };
    let always = ["changed", "new", "bad", "lines", "customers", "drift"];
    let figures = names.iter().map(|(key, words)| (*key, *words, job.number(key)));
    figures
        .filter(|(key, _, count)| *count > 0 || always.contains(key))
        .map(|(_, words, count)| (words, count))
        .collect()
}

/// `GET /admin/jobs/{id}/`: looks again by itself while it is under way, unless `?still` asks it not to.
pub async fn show_one(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    path: Path<String>,
) -> AdminResult<HttpResponse> {
    let id: JobId = id_of(&path)?;
    let query = query(&request);
    let only = ["new", "known", "silent", "held", "bad"]
        .into_iter()
        .find(|kind| query.get("only") == Some(kind))
        .unwrap_or("");
    let after = query.get("after").and_then(|line| line.parse().ok()).unwrap_or(0);
    let found = app
        .db
        .read(move |conn| {
            let kind = Some(only).filter(|kind| !kind.is_empty());
            let job = jobs::find(conn, id)?;
            let has_file = job.as_ref().map_or(Ok(false), |job| export::has_file(conn, job))?;
            Ok((job, jobs::lines(conn, id, kind, after, LINES + 1)?, has_file))
        })
        .await?;
    let (Some(job), mut lines, has_file) = found else { return Err(AdminError::NotFound) };
    let is_full = i64::try_from(lines.len()).is_ok_and(|count| count > LINES);
    lines.truncate(usize::try_from(LINES).unwrap_or(usize::MAX));
    let more = lines.last().map(|line| line.line).filter(|_| is_full);
    let frame = Frame::of(&app, &staff, &request);
    let refreshes = job.state.is_open() && query.get("still").is_none();
    let right = right(&job);
    let page = OnePage {
        title: title(&job),
        standing: standing(&job),
        figures: figures(&job),
        lines,
        only,
        more,
        may_undo: job.kind == Kind::Bulk && job.may_undo(app.now()) && staff.may(Right::Bulk),
        may_stop: job.state.is_open() && job.kind != Kind::Undo && staff.may(right),
        may_start: job.state == State::Checked && staff.may(Right::Import),
        refreshes,
        request: matches!(job.kind, Kind::Check | Kind::Import).then(|| Request::of(&job).unwrap_or_default()),
        whom: whom(&job),
        file: has_file.then(|| (export::file_name(&job), size(job.number("bytes")))),
        file_until: job.finished_at.map(|at| at.plus(seconds(app.settings.staff.export_kept_s))),
        may_fetch: staff.may(Right::Export),
        job,
        frame: &frame,
    };
    let mut response = frame::page(StatusCode::OK, &frame, &page)?;
    if refreshes {
        // Named without a fragment: to one that stands in the address, browsers jump without asking again.
        if let Ok(again) = HeaderValue::from_str(&format!("3; url=?only={only}&after={after}")) {
            response.headers_mut().insert(header::REFRESH, again);
        }
    }
    Ok(response)
}

/// The right that a job takes.
const fn right(job: &Job) -> Right {
    match job.kind {
        Kind::Check | Kind::Import => Right::Import,
        Kind::Export => Right::Export,
        _ => Right::Bulk,
    }
}

/// Bytes, in the unit that says most.
fn size(bytes: i64) -> String {
    match bytes {
        ..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

/// The list of those whom it is about, as an address.
fn whom(job: &Job) -> Option<String> {
    match job.kind {
        Kind::Export => return Some(export::filter(job).query()),
        Kind::Bulk => {}
        _ => return None,
    }
    match Bulk::of(job).ok()?.whom {
        Whom::Fitting(filter) => Some(filter),
        Whom::Chosen(_) => None,
    }
}

/// `POST /admin/jobs/{id}/stop/`: what was done until then stays.
pub async fn stop(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    let undo = seconds(app.settings.staff.undo_s);
    change(&app, &staff, move |conn, scribe, now| {
        if let Some(job) = jobs::find(conn, id)?.filter(|job| job.state.is_open()) {
            let until = (job.kind == Kind::Bulk).then(|| now.plus(undo));
            jobs::finish(conn, &job, State::Stopped, until, now)?;
            if job.kind == Kind::Export {
                jobs::drop_file(conn, id)?;
            }
            scribe.record(conn, &Deed::to("job.stop", "job", id))?;
        }
        Ok(())
    })
    .await?;
    Ok(done(&app, &format!("jobs/{id}/"), "saved"))
}

/// `POST /admin/jobs/{id}/undo/`.
pub async fn undo(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    let who = staff.visitor.name.clone();
    let undoing = change(&app, &staff, move |conn, scribe, now| {
        let Some(job) = jobs::find(conn, id)?.filter(|job| job.kind == Kind::Bulk && job.may_undo(now)) else {
            return Ok(None);
        };
        if !jobs::turn(conn, id, &[State::Done, State::Stopped], State::Undone)? {
            return Ok(None);
        }
        let undoing = jobs::add(conn, Kind::Undo, &json!({"job": id.to_string()}), &who, job.number("changed"), now)?;
        scribe.record(conn, &Deed::to("job.undo", "job", id))?;
        Ok(Some(undoing))
    })
    .await?;
    app.bench.wake();
    match undoing {
        Some(undoing) => Ok(done(&app, &format!("jobs/{undoing}/"), "undone")),
        None => Err(AdminError::refused(
            "It cannot be taken back: the time for that is over, or it was taken back already.",
        )),
    }
}

/// `POST /admin/jobs/reconcile/`.
pub async fn reconcile(app: web::Data<App>, staff: Staff) -> AdminResult<HttpResponse> {
    if app.billing.is_none() {
        return Err(AdminError::refused("Stripe is not set up; see Settings."));
    }
    let who = staff.visitor.name.clone();
    let job = change(&app, &staff, move |conn, scribe, now| {
        let open = jobs::newest(conn, 50)?.into_iter().find(|job| job.kind == Kind::Reconcile && job.state.is_open());
        if let Some(open) = open {
            return Ok(open.id);
        }
        let total = crate::billing::customers::count(conn)?;
        let job = jobs::add(conn, Kind::Reconcile, &json!({}), &who, total, now)?;
        scribe.record(conn, &Deed::to("billing.reconcile", "job", job))?;
        Ok(job)
    })
    .await?;
    app.bench.wake();
    Ok(done(&app, &format!("jobs/{job}/"), "started"))
}

#[derive(Template)]
#[template(path = "admin/import.html")]
struct ImportPage<'a> {
    frame: &'a Frame,
    lists: Vec<Newsletter>,
    typed: &'a Typed,
    chosen: Vec<String>,
    welcome: bool,
    most: u64,
}

/// `GET /admin/jobs/import/`.
pub async fn show_import(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let today = crate::members::listing::Day(app.now());
    let typed = Typed::from(&[("label", format!("Import {today}"))]);
    import_page(&app, &staff, &request, StatusCode::OK, &typed, None, false).await
}

async fn import_page(
    app: &App,
    staff: &Staff,
    request: &HttpRequest,
    status: StatusCode,
    typed: &Typed,
    chosen: Option<Vec<String>>,
    welcome: bool,
) -> AdminResult<HttpResponse> {
    let lists = app.db.read(newsletters::active).await?;
    let chosen = chosen.unwrap_or_else(|| newsletters::defaults(&lists).iter().map(ToString::to_string).collect());
    let frame = Frame::of(app, staff, request);
    let most = app.settings.staff.upload_bytes / (1024 * 1024);
    frame::page(status, &frame, &ImportPage { frame: &frame, lists, typed, chosen, welcome, most })
}

/// A file as it comes in, with the fields beside it.
struct Upload {
    job: JobId,
    bytes: u64,
    file: String,
    fields: Vec<(String, String)>,
}

impl Upload {
    fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// `POST /admin/jobs/import/`: takes a file in, a piece at a time, and has it looked through.
pub async fn upload(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    payload: Payload,
) -> AdminResult<HttpResponse> {
    let now = app.now();
    let upload = receive(&app, &request, payload, now).await?;
    let consent = upload.get("consent").unwrap_or_default().trim().to_owned();
    let mut typed =
        Typed::from(&[("consent", consent.clone()), ("label", upload.get("label").unwrap_or_default().to_owned())]);
    if consent.chars().count() < 10 {
        typed
            .complain("consent", "Say in a sentence how these people agreed: it stands as the proof of their consent.");
    }
    if upload.bytes == 0 {
        typed.complain("file", "Choose a file; it has a line that names the columns, and a line for each member.");
    }
    let label = name::parse(upload.get("label").unwrap_or_default());
    if label.is_err() {
        typed.complain("label", "A label is one line of visible characters.");
    }
    let chosen: Vec<String> =
        upload.fields.iter().filter(|(name, _)| name == "newsletter").map(|(_, id)| id.clone()).collect();
    let welcome = upload.get("welcome").is_some();
    if typed.is_wrong() {
        drop_file(&app, upload.job).await?;
        return import_page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed, Some(chosen), welcome)
            .await;
    }
    let wished = Request {
        file: upload.file.clone(),
        consent,
        newsletters: chosen,
        label: label.unwrap_or_default().unwrap_or_default(),
        welcome,
    };
    let (job, bytes, who) = (upload.job, upload.bytes, staff.visitor.name.clone());
    change(&app, &staff, move |conn, scribe, _| {
        let json = serde_json::to_value(&wished).unwrap_or_default();
        jobs::take_in(conn, job, &json, &who, i64::try_from(bytes).unwrap_or(i64::MAX))?;
        scribe.record(conn, &Deed::to("members.upload", "job", job).with(json!({"bytes": bytes})))
    })
    .await?;
    app.bench.wake();
    Ok(done(&app, &format!("jobs/{job}/"), "started"))
}

async fn drop_file(app: &App, job: JobId) -> AdminResult<()> {
    Ok(app.db.write(move |conn| jobs::drop(conn, job)).await?)
}

/// Reads a `multipart/form-data` body (RFC 7578); its file goes to the database in pieces, so that it is
/// never in memory as a whole.
async fn receive(app: &App, request: &HttpRequest, payload: Payload, now: Timestamp) -> AdminResult<Upload> {
    if !is_type(request, "multipart/form-data") {
        return Err(AdminError::NotAForm);
    }
    let (most, idle) = (app.settings.staff.upload_bytes, millis(app.settings.http.body_idle_ms));
    let mut parts = Multipart::new(request.headers(), payload);
    let mut upload = Upload { job: JobId::new(now), bytes: 0, file: String::new(), fields: Vec::new() };
    let job = upload.job;
    app.db.write(move |conn| jobs::expect_file(conn, job, now)).await?;
    while let Some(part) = timeout(idle, parts.next()).await.map_err(|_| AdminError::Late)? {
        let mut part = part.map_err(|_| AdminError::NotAForm)?;
        let name = part.name().unwrap_or_default().to_owned();
        if name == "file" {
            let given = part.content_disposition().and_then(|about| about.get_filename()).unwrap_or_default();
            upload.file = given.chars().filter(|c| !c.is_control()).take(120).collect();
            let (mut buffer, mut number) = (Vec::with_capacity(jobs::PIECE), 0);
            while let Some(bytes) = timeout(idle, part.next()).await.map_err(|_| AdminError::Late)? {
                let bytes = bytes.map_err(|_| AdminError::Late)?;
                upload.bytes += u64::try_from(bytes.len()).unwrap_or(0);
                if upload.bytes > most {
                    drop_file(app, job).await?;
                    return Err(AdminError::TooLarge);
                }
                buffer.extend_from_slice(&bytes);
                while buffer.len() >= jobs::PIECE {
                    let piece: Vec<u8> = buffer.drain(..jobs::PIECE).collect();
                    app.db.write(move |conn| jobs::add_piece(conn, job, number, &piece)).await?;
                    number += 1;
                }
            }
            if !buffer.is_empty() {
                app.db.write(move |conn| jobs::add_piece(conn, job, number, &buffer)).await?;
            }
        } else {
            let mut text = Vec::new();
            while let Some(bytes) = timeout(idle, part.next()).await.map_err(|_| AdminError::Late)? {
                text.extend_from_slice(&bytes.map_err(|_| AdminError::Late)?);
                if text.len() > 20_000 || upload.fields.len() > 200 {
                    return Err(AdminError::TooLarge);
                }
            }
            upload.fields.push((name, String::from_utf8_lossy(&text).into_owned()));
        }
    }
    Ok(upload)
}

/// `POST /admin/jobs/{id}/start/`: brings in a file that was looked through.
pub async fn start(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    let started = change(&app, &staff, move |conn, scribe, _| {
        let started = jobs::confirm(conn, id)?;
        if started {
            scribe.record(conn, &Deed::to("members.import", "job", id))?;
        }
        Ok(started)
    })
    .await?;
    app.bench.wake();
    if started {
        Ok(done(&app, &format!("jobs/{id}/"), "started"))
    } else {
        Ok(done(&app, &format!("jobs/{id}/"), "saved"))
    }
}

/// `POST /admin/jobs/{id}/forget/`: drops a file that is not to be brought in, or was fetched.
pub async fn forget(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    change(&app, &staff, move |conn, scribe, now| {
        if let Some(job) = jobs::find(conn, id)?
            && export::has_file(conn, &job)?
        {
            jobs::drop_file(conn, id)?;
            scribe.record(conn, &Deed::to("members.export-dropped", "job", id))?;
        }
        if let Some(job) = jobs::find(conn, id)?.filter(|job| job.state == State::Checked) {
            jobs::drop_file(conn, id)?;
            jobs::finish(conn, &job, State::Stopped, None, now)?;
            scribe.record(conn, &Deed::to("members.import-dropped", "job", id))?;
        }
        Ok(())
    })
    .await?;
    Ok(done(&app, "jobs/", "saved"))
}

/// `POST /admin/jobs/{id}/file/`: hands out a file of members, one piece of it in memory at a time.
pub async fn fetch(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id: JobId = id_of(&path)?;
    let found = change(&app, &staff, move |conn, scribe, _| {
        let Some(job) = jobs::find(conn, id)? else { return Ok(None) };
        let has_file = export::has_file(conn, &job)?;
        if has_file {
            scribe.record(conn, &Deed::to("members.export-fetched", "job", id))?;
        }
        Ok(Some((job, has_file)))
    })
    .await?;
    let Some((job, has_file)) = found else { return Err(AdminError::NotFound) };
    if !has_file {
        return Err(AdminError::refused("The file is not there, or not any more. Take the members out anew."));
    }
    let db = app.db.clone();
    let pieces = stream::try_unfold(0, move |number| {
        let db = db.clone();
        async move {
            let piece = db.read(move |conn| export::piece(conn, id, number)).await.map_err(|error| {
                tracing::error!(%error, "a file broke off");
                std::io::Error::other("the database failed")
            })?;
            Ok::<_, std::io::Error>(piece.map(|piece| (Bytes::from(piece), number + 1)))
        }
    });
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", export::file_name(&job))))
        // So that whoever fetches it sees how far it is, and knows a file that broke off from a whole one.
        .no_chunking(u64::try_from(job.number("bytes")).unwrap_or(0))
        .streaming(pieces))
}
