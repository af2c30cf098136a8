//! Doing jobs, one at a time on each node.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::{Job, Kind, State, bulk, export, import, undo};
use crate::billing::Billing;
use crate::clock::Clock;
use crate::config::{Settings, seconds};
use crate::db::{Conn, Db, DbResult};
use crate::secrets;
use crate::signin::Policy;

/// What doing a job takes.
#[derive(Clone)]
pub struct Worker {
    pub db: Db,
    pub clock: Clock,
    pub settings: Arc<Settings>,
    pub policy: Policy,
    pub billing: Option<Billing>,
    pub bench: Bench,
}

/// Where jobs are put down: says that there is one.
#[derive(Clone, Default)]
pub struct Bench(Arc<Notify>);

impl Bench {
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// How often jobs are looked for without being told of one.
const LOOK: Duration = Duration::from_secs(2);
/// Between two steps, so that whoever signs in meanwhile does not wait behind all of them.
const BREATH: Duration = Duration::from_millis(2);

/// Works until it is told to stop.
pub async fn run(worker: Worker, mut stop: watch::Receiver<bool>) {
    let node = secrets::random::<16>();
    if let Err(error) = worker.db.write(super::take_over).await {
        tracing::warn!(%error, "jobs of a dead process could not be taken over");
    }
    while !*stop.borrow() {
        let now = worker.clock.now();
        match worker.db.write(move |conn| super::claim(conn, &node, now)).await {
            Ok(Some(job)) => worker.work(job, node, &stop).await,
            Ok(None) => {
                tokio::select! {
                    () = worker.bench.0.notified() => {}
                    () = sleep(LOOK) => {}
                    _ = stop.changed() => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "jobs could not be looked for");
                sleep(LOOK).await;
            }
        }
    }
    if let Err(error) = worker.db.write(move |conn| super::release(conn, &node)).await {
        tracing::warn!(%error, "a job is taken up again when its lease ends");
    }
}

/// What came of a step.
enum Stepped {
    More(Box<Job>),
    Over,
}

impl Worker {
    async fn work(&self, job: Job, node: [u8; 16], stop: &watch::Receiver<bool>) {
        let (id, kind) = (job.id, job.kind);
        tracing::info!(job = %id, kind = kind.as_str(), "a job goes on");
        if kind == Kind::Reconcile {
            return self.reconcile(job, node, stop.clone()).await;
        }
        if kind == Kind::Reprice {
            return self.reprice(job, node, stop.clone()).await;
        }
        let mut job = job;
        let mut failures = 0;
        while !*stop.borrow() {
            match self.step(job.clone(), node).await {
                Ok(Stepped::More(next)) => {
                    job = *next;
                    failures = 0;
                }
                Ok(Stepped::Over) => return,
                Err(error) if failures < 5 => {
                    failures += 1;
                    tracing::warn!(%error, job = %id, "a step of a job failed and is tried again");
                    sleep(Duration::from_secs(failures)).await;
                }
                Err(error) => {
                    tracing::error!(%error, job = %id, "a job failed");
                    let now = self.clock.now();
                    let failed = self.db.write(move |conn| super::finish(conn, &job, State::Failed, None, now)).await;
                    if let Err(error) = failed {
                        tracing::warn!(%error, job = %id, "the end of a job could not be written down");
                    }
                    return;
                }
            }
            sleep(BREATH).await;
        }
    }

    /// One step and the place it came to, in one transaction.
    async fn step(&self, job: Job, node: [u8; 16]) -> DbResult<Stepped> {
        let (policy, settings, now) = (self.policy.clone(), Arc::clone(&self.settings), self.clock.now());
        let found = if job.kind == Kind::Export {
            let job = job.clone();
            Some(self.db.read(move |conn| export::read(conn, &job, now)).await?)
        } else {
            None
        };
        self.db
            .write(move |conn| {
                let mut job = job;
                if !super::advance(conn, &job, &node, now)? {
                    return Ok(Stepped::Over);
                }
                let is_last = match job.kind {
                    Kind::Bulk => bulk::step(conn, &mut job, now)?,
                    Kind::Undo => undo::step(conn, &mut job, now)?,
                    Kind::Check => import::check(conn, &policy, &mut job)?,
                    Kind::Import => import::step(conn, &policy, &settings, &mut job, now)?,
                    Kind::Export => match &found {
                        Some(found) => export::keep(conn, &mut job, found)?,
                        None => true,
                    },
                    Kind::Reconcile | Kind::Reprice => true,
                };
                if is_last { end(conn, &job, now) } else { go_on(conn, job, &node, now) }
            })
            .await
    }

    /// Stripe is asked outside any transaction; the place is written down after each subscription, and one
    /// that was moved already is passed over.
    async fn reprice(&self, mut job: Job, node: [u8; 16], stop: watch::Receiver<bool>) {
        let (Some(billing), Ok(tier)) = (self.billing.clone(), job.text("tier").parse()) else {
            return self.fail(job, "Stripe is not set up.").await;
        };
        while !*stop.borrow() {
            let after = job.place.clone().unwrap_or_default();
            match billing.reprice_next(tier, &after).await {
                Ok(Some((subscription, moved))) => {
                    bulk::count(&mut job, if moved { "changed" } else { "unread" });
                    job.done += 1;
                    job.place = Some(subscription);
                    let (copy, now) = (job.clone(), self.clock.now());
                    match self.db.write(move |conn| super::advance(conn, &copy, &node, now)).await {
                        Ok(true) => {}
                        _ => return,
                    }
                }
                Ok(None) => {
                    let now = self.clock.now();
                    return log(self.db.write(move |conn| super::finish(conn, &job, State::Done, None, now)).await);
                }
                Err(error) => return self.fail(job, &error.to_string()).await,
            }
        }
    }

    async fn fail(&self, mut job: Job, why: &str) {
        job.report["why"] = why.into();
        let now = self.clock.now();
        log(self.db.write(move |conn| super::finish(conn, &job, State::Failed, None, now)).await);
    }

    /// Comparing with Stripe begins anew after a restart: every reading stands for itself.
    async fn reconcile(&self, mut job: Job, node: [u8; 16], mut stop: watch::Receiver<bool>) {
        let Some(billing) = self.billing.clone() else {
            return self.fail(job, "Stripe is not set up.").await;
        };
        let (told, mut tells) = watch::channel(crate::billing::reconcile::Report::default());
        let comparing = billing.reconcile(move |report| drop(told.send(report.clone())));
        tokio::pin!(comparing);
        let compared = loop {
            tokio::select! {
                compared = &mut comparing => break compared,
                Ok(()) = tells.changed() => {
                    let report = tells.borrow_and_update().clone();
                    job.done = i64::try_from(report.customers).unwrap_or(0);
                    job.report = in_words(&report);
                    let (copy, now) = (job.clone(), self.clock.now());
                    match self.db.write(move |conn| super::advance(conn, &copy, &node, now)).await {
                        Ok(true) => {}
                        _ => return,
                    }
                    sleep(Duration::from_millis(200)).await;
                }
                _ = stop.changed() => return,
            }
        };
        let state = match compared {
            Ok(report) => {
                job.done = i64::try_from(report.customers).unwrap_or(0);
                job.report = in_words(&report);
                State::Done
            }
            Err(error) => {
                job.report["why"] = error.to_string().into();
                State::Failed
            }
        };
        let now = self.clock.now();
        log(self.db.write(move |conn| super::finish(conn, &job, state, None, now)).await);
    }
}

fn log(ended: DbResult<()>) {
    if let Err(error) = ended {
        tracing::warn!(%error, "the end of a job could not be written down");
    }
}

fn in_words(report: &crate::billing::reconcile::Report) -> serde_json::Value {
    serde_json::json!({
        "customers": report.customers, "drift": report.drift, "adopted": report.adopted,
        "visits": report.visits, "missed": report.missed_events, "unread": report.failed,
    })
}

fn go_on(conn: &mut Conn, job: Job, node: &[u8; 16], now: crate::clock::Timestamp) -> DbResult<Stepped> {
    super::advance(conn, &job, node, now)?;
    Ok(Stepped::More(Box::new(job)))
}

fn end(conn: &mut Conn, job: &Job, now: crate::clock::Timestamp) -> DbResult<Stepped> {
    let (state, undo_until) = match job.kind {
        Kind::Check if job.report.get("why").is_some() => (State::Failed, None),
        Kind::Check => (State::Checked, None),
        Kind::Bulk => (State::Done, Some(now.plus(seconds(bulk::Request::of(job)?.undo_s)))),
        _ => (State::Done, None),
    };
    if job.kind == Kind::Import {
        super::drop_file(conn, job.id)?;
    }
    super::finish(conn, job, state, undo_until, now)?;
    Ok(Stepped::Over)
}
