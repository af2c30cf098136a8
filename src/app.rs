//! The running program: what a handler may reach, and how it starts and stops.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use actix_server::ServerHandle;
use actix_web::web::Bytes;
use anyhow::{Context, bail};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Notify, watch};

use crate::billing::{Billing, tiers, worker};
use crate::clock::{Clock, Timestamp};
use crate::config::{DatabaseUrl, Settings, seconds};
use crate::db::{Conn, Db, DbResult};
use crate::jobs::worker::{Bench, Worker};
use crate::mail::sender::{Mailroom, Sender};
use crate::mail::{outbox, sender};
use crate::members::leaving;
use crate::secrets::SecretKey;
use crate::signin::kept::Kept;
use crate::signin::present::Presence;
use crate::signin::signing_keys::{self, KeyRing};
use crate::signin::{Policy, links, sessions};
use crate::staff::passwords::Hashers;
use crate::staff::signin::Rules;
use crate::staff::{
    api_keys, figures, links as staff_links, notices as staff_notices, sessions as staff_sessions, stored_settings,
};
use crate::web::streams::Streams;
use crate::{jobs, limits, newsletters, site_facts, web};

/// What a handler may reach.
#[derive(Clone)]
pub struct App {
    pub settings: Arc<Settings>,
    pub db: Db,
    pub clock: Clock,
    pub policy: Policy,
    /// What signing in of staff depends on.
    pub rules: Rules,
    pub hashers: Hashers,
    pub presence: Presence,
    pub keys: KeyRing,
    pub streams: Streams,
    pub mailroom: Mailroom,
    /// Where long work is put down.
    pub bench: Bench,
    /// Asks whoever runs the program to start it anew with other settings.
    pub renewal: Renewal,
    pub site_uuid: Arc<str>,
    /// `None`: Stripe is not set up, and the paid parts are off.
    pub billing: Option<Billing>,
    pub metrics: Option<PrometheusHandle>,
    /// What the interface says of itself, written when somebody first asks: it is long, and stays the same.
    pub description: Arc<OnceLock<Bytes>>,
    stopping: Arc<AtomicBool>,
}

impl App {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// From the first sign of the end on: `/readyz` says no, so that balancers look elsewhere.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Opens what the program stands on. Nothing answers or sends yet.
    pub async fn open(settings: Settings, clock: Clock, metrics: Option<PrometheusHandle>) -> anyhow::Result<Self> {
        let kept = match settings.database {
            DatabaseUrl::Sqlite(_) => Some(Kept::new(usize::try_from(settings.db.kept_sessions)?)),
            // Another node may change what this one keeps.
            DatabaseUrl::Postgres(_) => None,
        };
        let db = Db::open_watched(&settings.database, &settings.db, kept.as_ref().map(Kept::watch))?;
        let now = clock.now();
        let is_new = !db.read(signing_keys::exists).await?;
        let key = secret_key(&settings, is_new)?;
        if is_new {
            let new = signing_keys::generate(&key)?;
            db.write(move |conn| signing_keys::store_first(conn, &new, now)).await?;
        }
        let (title, secret, lifetimes) = (settings.site_title.clone(), key.clone(), settings.lifetimes.clone());
        let (keys, site_uuid) = db
            .write(move |conn| {
                newsletters::ensure_first(conn, &title, now)?;
                tiers::ensure_free(conn, now)?;
                api_keys::ensure(conn, &secret, now)?;
                outbox::take_over_abandoned(conn, now)?;
                Ok((KeyRing::load(conn, &secret, &lifetimes)?, site_facts::site_uuid(conn)?))
            })
            .await?;
        let policy = Policy {
            limits: settings.limits.clone(),
            lifetimes: settings.lifetimes.clone(),
            key,
            welcome_mail: settings.welcome_mail,
            grace: seconds(settings.billing.grace_days * 86_400),
        };
        let rules = Rules { key: policy.key.clone(), settings: settings.staff.clone() };
        let hashers = Hashers::start(&settings.staff)?;
        let (settings, site_uuid): (Arc<Settings>, Arc<str>) = (Arc::new(settings), site_uuid.into());
        let billing = match &settings.stripe {
            Some(account) => Some(Billing::new(
                account,
                db.clone(),
                clock.clone(),
                Arc::clone(&settings),
                policy.clone(),
                Arc::clone(&site_uuid),
            )?),
            None => None,
        };
        Ok(Self {
            settings,
            billing,
            clock,
            presence: Presence::new(db.clone(), policy.lifetimes.clone(), kept),
            db,
            keys,
            streams: Streams::new(policy.limits.waiting_streams),
            policy,
            rules,
            hashers,
            mailroom: Mailroom::default(),
            bench: Bench::default(),
            renewal: Renewal::default(),
            site_uuid,
            metrics,
            description: Arc::default(),
            stopping: Arc::default(),
        })
    }
}

/// The key from the settings, or from its file, or, for an installation that never started, a new
/// one. A database without its key is refused rather than given another: its links and sealed keys
/// would be lost.
fn secret_key(settings: &Settings, is_new: bool) -> anyhow::Result<SecretKey> {
    if let Some(key) = settings.existing_key()? {
        return Ok(key);
    }
    let path = settings.key_file();
    if !is_new {
        bail!(
            "{} is missing, but {} was made with it; put the key file back, or set READERSHIP_SECRET_KEY",
            path.display(),
            settings.database.masked()
        );
    }
    std::fs::create_dir_all(&settings.data_dir)
        .with_context(|| format!("cannot make {}", settings.data_dir.display()))?;
    Ok(SecretKey::create(&path)?)
}

/// A program that answers and sends.
pub struct Running {
    pub app: App,
    pub address: SocketAddr,
    server: ServerHandle,
    workers: Workers,
}

impl Running {
    /// Binds, starts the workers and the HTTP side. Must be called inside an actix system.
    pub async fn start(settings: Settings, clock: Clock, metrics: Option<PrometheusHandle>) -> anyhow::Result<Self> {
        let listener = bind(settings.listen)?;
        Self::start_on(listener, settings, clock, metrics).await
    }

    /// The same on a listener that is bound already.
    pub async fn start_on(
        listener: TcpListener,
        settings: Settings,
        clock: Clock,
        metrics: Option<PrometheusHandle>,
    ) -> anyhow::Result<Self> {
        listener.set_nonblocking(true)?;
        let metrics_listener = settings.metrics_listen.map(bind).transpose()?;
        let address = listener.local_addr()?;
        let app = App::open(settings, clock, metrics).await?;
        let workers = Workers::start(&app)?;
        let server = web::server::run(app.clone(), listener, metrics_listener)?;
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { app, address, server: handle, workers })
    }

    /// Stops in order (`reliability.md` Q1): no new connections, running requests end, mails in
    /// the air end, everything is on disk.
    pub async fn stop(self) {
        self.app.stopping.store(true, Ordering::Relaxed);
        self.workers.ask_to_stop();
        // Whoever was let in a moment ago is on the way to a worker, or about to speak; a worker that stops
        // at once would hang up on them. Whoever knocks meanwhile waits at the door.
        self.server.pause().await;
        tokio::time::sleep(LAST_WORDS).await;
        self.server.stop(true).await;
        // The sender needs the rest of its time at most; joining blocks this thread only.
        self.workers.join();
        self.app.db.close();
    }
}

/// How long those who were just let in get to say what they want.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_millis(50);

/// Listens, or says what to do about an address that is taken.
pub fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| {
        format!(
            "cannot listen on {address}; is something else running there? Choose another port with READERSHIP_LISTEN"
        )
    })
}

/// The threads beside the HTTP side: the sender, and the janitor that drops what is over.
struct Workers {
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    fn start(app: &App) -> anyhow::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let mut threads = Vec::new();
        if let Some(server) = app.settings.smtp.clone() {
            let worker = Sender {
                db: app.db.clone(),
                clock: app.clock.clone(),
                settings: Arc::clone(&app.settings),
                policy: app.policy.clone(),
                mailroom: app.mailroom.clone(),
                server,
            };
            threads.push(spawn("mail", sender::run(worker, stopped.clone()))?);
        }
        if let Some(billing) = app.billing.clone() {
            threads.push(spawn("billing", worker::run(billing, stopped.clone()))?);
        }
        let worker = Worker {
            db: app.db.clone(),
            clock: app.clock.clone(),
            settings: Arc::clone(&app.settings),
            policy: app.policy.clone(),
            billing: app.billing.clone(),
            bench: app.bench.clone(),
        };
        threads.push(spawn("jobs", jobs::worker::run(worker, stopped.clone()))?);
        let (tidying, watching) = (tidy(app.clone(), stopped.clone()), watch_keys(app.clone(), stopped.clone()));
        let counting = keep_figures(app.clone(), stopped);
        threads.push(spawn("janitor", async {
            tokio::join!(tidying, watching, counting);
        })?);
        Ok(Self { stop, threads })
    }

    fn ask_to_stop(&self) {
        // Nobody listens only when the workers have ended already.
        let _ = self.stop.send(true);
    }

    fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker ended by a panic");
            }
        }
    }
}

fn spawn(name: &str, work: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(std::thread::Builder::new().name(name.to_owned()).spawn(move || runtime.block_on(work))?)
}

/// Settings were changed: the program is to be started anew with them.
#[derive(Clone, Default)]
pub struct Renewal(Arc<Notify>);

impl Renewal {
    pub fn ask(&self) {
        self.0.notify_one();
    }

    pub async fn asked(&self) {
        self.0.notified().await;
    }
}

/// How often signing keys and settings are looked for that another node or a command made.
const KEY_WATCH: std::time::Duration = std::time::Duration::from_secs(5);

async fn watch_keys(app: App, mut stop: watch::Receiver<bool>) {
    let mut stored: Option<String> = None;
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(KEY_WATCH) => {}
            _ = stop.changed() => return,
        }
        let keys = app.keys.clone();
        let looked = app.db.read(move |conn| {
            keys.refresh(conn)?;
            stored_settings::version(conn)
        });
        match looked.await {
            // Another node, or a page on this one.
            Ok(found) if stored.get_or_insert_with(|| found.clone()) != &found => {
                stored = Some(found);
                app.renewal.ask();
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "keys and settings could not be looked for"),
        }
    }
}

/// How often members and payers are counted.
const COUNTING: std::time::Duration = std::time::Duration::from_secs(60);

/// Counts for the home page of staff. Reading takes its time and holds nobody up.
async fn keep_figures(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let now = app.now();
        let counted = app.db.read(move |conn| {
            let past = if figures::is_new(conn)? { figures::past(conn, now)? } else { Vec::new() };
            Ok((figures::count(conn, now)?, past))
        });
        let kept = match counted.await {
            Ok((figures, past)) => app.db.write(move |conn| figures::keep(conn, &figures, &past, now)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::warn!(%error, "figures could not be kept");
        }
        tokio::select! {
            () = tokio::time::sleep(COUNTING) => {}
            _ = stop.changed() => {}
        }
    }
}

/// How often what is over is dropped.
const TIDYING: std::time::Duration = std::time::Duration::from_secs(600);

/// Drops what is over; returns how many rows.
pub fn tidy_once(conn: &mut Conn, policy: &Policy, rules: &Rules, now: Timestamp) -> DbResult<usize> {
    Ok(links::purge(conn, policy, now)?
        + sessions::purge(conn, policy, now)?
        + leaving::erase_due(conn, policy, now)?
        + signing_keys::purge(conn, &policy.lifetimes, now)?
        + outbox::purge(conn, &policy.lifetimes, now)?
        + staff_sessions::purge(conn, &rules.settings, now)?
        + staff_links::purge(conn, now)?
        + staff_notices::purge(conn, seconds(policy.lifetimes.retention_outbox_s), now)?
        + jobs::purge(conn, seconds(rules.settings.export_kept_s), now)?
        + limits::purge(conn, now)?)
}

async fn tidy(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let (policy, rules, now) = (app.policy.clone(), app.rules.clone(), app.now());
        let dropped = app.db.write(move |conn| tidy_once(conn, &policy, &rules, now)).await;
        match dropped {
            Ok(rows) => tracing::debug!(rows, "dropped what is over"),
            Err(error) => tracing::warn!(%error, "what is over could not be dropped"),
        }
        tokio::select! {
            () = tokio::time::sleep(TIDYING) => {}
            _ = stop.changed() => {}
        }
    }
}
