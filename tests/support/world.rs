//! One installation: program, database, mail server, clock.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use readership::app::{App, Running};
use readership::clock::Clock;
use readership::config::{DatabaseUrl, Settings};
use readership::db::{self, Conn, DbResult};
use readership::mail::smtp::SmtpServer;
use readership::sandbox::mailbox::{Mailbox, ReceivedMail};
use readership::sandbox::smtp::{self, Offer, Orders};
use readership::secrets::SecretKey;
use readership::signin::signing_keys;
use tokio::sync::oneshot;
use url::Url;

use super::nginx::Nginx;
use super::people::Person;
use super::postgres::TestDatabase;
use super::program::free_port;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// How long anything may take before a story fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const SITE: &str = "http://site.test/";

const KEY: [u8; 32] = [7; 32];

/// How many programs share a PostgreSQL in each story: `TEST_NODES`, else one.
pub fn nodes() -> usize {
    std::env::var("TEST_NODES").ok().map_or(1, |text| text.parse().expect("TEST_NODES is a number"))
}

pub struct World {
    pub engine: Engine,
    pub url: Url,
    pub mailbox: Mailbox,
    pub orders: Orders,
    pub clock: Clock,
    pub settings: Settings,
    /// What runs: the program, or several that share a database, behind a balancer.
    processes: Vec<Process>,
    /// Where each of them listens.
    listens: Vec<SocketAddr>,
    balancer: Option<Nginx>,
    database: Option<TestDatabase>,
    folder: tempfile::TempDir,
}

struct Process {
    app: App,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl World {
    pub async fn on(engine: Engine, change: impl FnOnce(&mut Settings)) -> Self {
        Self::with_mail_server(engine, Offer::default(), change).await
    }

    pub async fn with_mail_server(engine: Engine, offer: Offer, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = quick_folder();
        let (database, url) = match engine {
            Engine::Sqlite => {
                let path = folder.path().join("readership.db");
                std::fs::copy(sqlite_template(), &path).unwrap();
                (None, DatabaseUrl::Sqlite(path))
            }
            Engine::Postgres => {
                let database = TestDatabase::prepared(|url| prepare(&DatabaseUrl::Postgres(url.to_owned())));
                let url = DatabaseUrl::Postgres(database.url());
                (Some(database), url)
            }
        };
        let mail = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mailbox, orders) = (Mailbox::default(), Orders::default());
        let mut settings = settings(url, folder.path().to_owned(), &mail);
        change(&mut settings);
        serve_mail(mail, mailbox.clone(), orders.clone(), offer);

        let mut world = Self {
            engine,
            url: settings.url.clone(),
            mailbox,
            orders,
            clock: Clock::system(),
            settings,
            processes: Vec::new(),
            listens: Vec::new(),
            balancer: None,
            database,
            folder,
        };
        world.listens = vec![world.settings.listen; if engine == Engine::Postgres { nodes() } else { 1 }];
        world.start().await;
        world
    }

    /// Starts the program; the first time on a port of its own, later on the same one.
    pub async fn start(&mut self) {
        let listeners: Vec<TcpListener> =
            self.listens.iter().map(|address| TcpListener::bind(address).unwrap()).collect();
        if self.settings.listen.port() == 0 {
            self.listens = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
            let mut port = self.listens[0].port();
            if self.listens.len() > 1 {
                port = free_port();
                let nodes: Vec<u16> = self.listens.iter().map(SocketAddr::port).collect();
                self.balancer = Some(Nginx::balance(port, &nodes));
            }
            self.settings.listen = self.listens[0];
            self.url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
            if self.settings.url.host_str() == Some("127.0.0.1") {
                self.settings.url = self.url.clone();
            }
        }
        // A file belongs to one process.
        let most = if matches!(self.settings.database, DatabaseUrl::Sqlite(_)) { 1 } else { listeners.len() };
        for listener in listeners.into_iter().take(most) {
            self.start_on(listener).await;
        }
    }

    async fn start_on(&mut self, listener: TcpListener) {
        // `TEST_LOG=warn` shows what the program says while a story runs.
        if let Ok(filter) = std::env::var("TEST_LOG") {
            let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        }
        let mut settings = self.settings.clone();
        settings.listen = listener.local_addr().unwrap();
        let clock = self.clock.clone();
        let (started, is_started) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let running = Running::start_on(listener, settings, clock, None).await.unwrap();
                started.send(running.app.clone()).ok().unwrap();
                let _ = stopped.await;
                running.stop().await;
            });
        });
        let app = is_started.await.expect("the program starts");
        self.processes.push(Process { app, stop, thread });
    }

    /// Several programs stand behind a balancer.
    pub fn is_balanced(&self) -> bool {
        self.balancer.is_some()
    }

    /// What `Server` says: nothing, where no balancer says its own.
    pub fn banner(&self) -> &'static str {
        if self.is_balanced() { "nginx" } else { "" }
    }

    /// The program itself, where it stands behind a balancer: for what is about connections.
    pub fn node(&self) -> Url {
        Url::parse(&format!("http://{}/", self.settings.listen)).unwrap()
    }

    /// Stops the program as SIGTERM does.
    pub fn stop(&mut self) {
        for Process { app, stop, thread } in std::mem::take(&mut self.processes) {
            drop(app);
            let _ = stop.send(());
            thread.join().unwrap();
        }
    }

    pub async fn restart(&mut self) {
        self.stop();
        self.start().await;
    }

    pub fn app(&self) -> &App {
        &self.processes.first().expect("the program runs").app
    }

    /// Looks into the database.
    pub async fn look<T: Send + 'static>(&self, f: impl FnOnce(&mut Conn) -> DbResult<T> + Send + 'static) -> T {
        self.app().db.read(f).await.unwrap()
    }

    /// Counts rows, by a condition in SQL that both databases understand.
    pub async fn count(&self, table: &str, condition: &str) -> i64 {
        use diesel::RunQueryDsl;
        #[derive(diesel::QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            count: i64,
        }
        let sql = format!("SELECT count(*) AS count FROM {table} WHERE {condition}");
        self.look(move |conn| {
            let query = diesel::sql_query(sql);
            let count: Count = match conn {
                Conn::Postgres(conn) => query.get_result(conn)?,
                Conn::Sqlite(conn) => query.get_result(conn)?,
            };
            Ok(count.count)
        })
        .await
    }

    /// Somebody with a fresh browser.
    pub fn visitor(&self) -> Person {
        Person::new(self.url.clone())
    }

    /// Somebody who has confirmed an address, in the browser that they used.
    pub async fn member(&self, address: &str) -> Person {
        let person = self.visitor();
        person.asks("signup", address).await;
        let link = self.newest_link(address).await;
        person.opens(&link).await;
        assert!(person.record().await.is_some(), "{address} is signed in");
        person
    }

    /// Waits for as many mails as that and returns the newest.
    pub async fn nth_mail(&self, address: &str, count: usize) -> ReceivedMail {
        let mails = self.mailbox.wait_for(address, count, PATIENCE).await;
        mails.unwrap_or_else(|| panic!("no {count} mails to {address} came")).pop().unwrap()
    }

    pub async fn newest_link(&self, address: &str) -> String {
        let count = self.mailbox.to(address).len().max(1);
        self.nth_mail(address, count).await.link().expect("the mail has a link")
    }

    pub async fn nth_link(&self, address: &str, count: usize) -> String {
        self.nth_mail(address, count).await.link().expect("the mail has a link")
    }

    /// Waits until the outbox has nothing left to do.
    pub async fn outbox_settles(&self) {
        self.until("the outbox settles", async |world| {
            world.count("outbox", "state IN ('waiting', 'sending')").await == 0
        })
        .await;
    }

    /// Waits until something is true; the story fails when it takes too long.
    pub async fn until(&self, what: &str, mut is_true: impl AsyncFnMut(&Self) -> bool) {
        let waiting = async {
            while !is_true(self).await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.stop();
    }
}

/// In memory where there is such a folder: what a disk promises is the crash tests' to show.
fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn settings(database: DatabaseUrl, data_dir: PathBuf, mail: &TcpListener) -> Settings {
    let mut settings = Settings::new(Url::parse("http://127.0.0.1/").unwrap(), database, data_dir);
    settings.listen = "127.0.0.1:0".parse().unwrap();
    settings.site_url = Url::parse(SITE).unwrap();
    settings.site_title = "REX Wire".to_owned();
    settings.secret_key = Some(SecretKey::from_bytes(KEY));
    settings.smtp = Some(SmtpServer::parse(&format!("smtp://{}", mail.local_addr().unwrap()), None).unwrap());
    settings.mail_from = Some("REX Wire <wire@rexwire.test>".parse().unwrap());
    settings.http.workers = 1;
    settings.db.readers = 2;
    settings.db.connections = 4;
    // Hashing with care takes a tenth of a second; stories about that set their own.
    settings.staff.password_kib = 64;
    settings.staff.password_passes = 1;
    settings.staff.second_factor = 0;
    // Stories about limits set their own.
    settings.limits.client_per_minute = 0;
    settings.limits.client_per_hour = 0;
    settings.limits.address_gap_s = 0;
    settings.limits.address_per_15m = 0;
    settings.limits.address_per_hour = 0;
    settings.limits.address_per_day = 0;
    settings
}

/// A mail server outlives the program's restarts, so it has a thread of its own.
pub fn serve_mail(listener: TcpListener, mailbox: Mailbox, orders: Orders, offer: Offer) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            listener.set_nonblocking(true).unwrap();
            smtp::serve(tokio::net::TcpListener::from_std(listener).unwrap(), mailbox, orders, offer).await;
        });
    });
}

/// Brings a database up to date and gives it a signing key, which takes a while to make.
fn prepare(url: &DatabaseUrl) {
    db::migrate(url).unwrap();
    let mut conn = db::open_beside(url).unwrap();
    let key = signing_keys::generate(&SecretKey::from_bytes(KEY)).unwrap();
    signing_keys::store_first(&mut conn, &key, Clock::system().now()).unwrap();
    if let DatabaseUrl::Sqlite(_) = url {
        db::execute(&mut conn, "PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    }
}

fn sqlite_template() -> &'static PathBuf {
    static TEMPLATE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = TEMPLATE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("template.db");
        prepare(&DatabaseUrl::Sqlite(path.clone()));
        (folder, path)
    });
    path
}

impl World {
    /// Every byte of the database: for SQLite the file and its log, for PostgreSQL every table as
    /// text, with bytes shown as text where they are text.
    pub async fn dump(&self) -> Vec<u8> {
        let DatabaseUrl::Sqlite(path) = &self.settings.database else {
            let backup = self.folder.path().join("dump.db");
            db::backup::write(&self.settings.database, &backup).unwrap();
            return std::fs::read(backup).unwrap();
        };
        let mut bytes = std::fs::read(path).unwrap();
        bytes.extend(std::fs::read(path.with_extension("db-wal")).unwrap_or_default());
        bytes
    }

    /// Does now what the janitor does every few minutes.
    pub async fn tidies(&self) {
        let app = self.app();
        let (policy, rules, now) = (app.policy.clone(), app.rules.clone(), app.now());
        app.db.write(move |conn| readership::app::tidy_once(conn, &policy, &rules, now)).await.unwrap();
    }

    /// Folds the log into the file, as the program does from time to time; on PostgreSQL, what
    /// autovacuum does.
    pub async fn checkpoint(&self) {
        match &self.settings.database {
            DatabaseUrl::Sqlite(path) => {
                let mut conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
                conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
            }
            DatabaseUrl::Postgres(url) => PgConnection::establish(url).unwrap().batch_execute("VACUUM").unwrap(),
        }
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}
