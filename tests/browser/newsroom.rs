//! The demo as `readership demo` starts it, and a reader in front of it.

use std::thread::JoinHandle;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use readership::app::App;
use readership::config::DatabaseUrl;
use readership::ids::MemberId;
use readership::mail::suppression;
use readership::members::address::EmailAddress;
use readership::members::{labels, notes};
use readership::sandbox::demo::{Demo, DemoOptions};
use readership::sandbox::mailbox::{Mailbox, ReceivedMail};
use readership::staff::links;
use readership::{jobs, members, newsletters};
use tokio::sync::oneshot;

use super::chromium::{Chromium, Script};
use crate::support::postgres::TestDatabase;
use crate::support::world::Engine;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Newsroom {
    pub site: String,
    pub members: String,
    pub inbox: String,
    /// The stand-in for Stripe.
    pub bank: String,
    pub mailbox: Mailbox,
    app: App,
    database: DatabaseUrl,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _own: (tempfile::TempDir, Option<TestDatabase>),
}

impl Newsroom {
    pub async fn open(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = (engine == Engine::Postgres).then(TestDatabase::empty);
        let database = match &own {
            Some(database) => DatabaseUrl::Postgres(database.url()),
            None => DatabaseUrl::Sqlite(folder.path().join("readership.db")),
        };
        let options = DemoOptions { port: 0, data_dir: folder.path().to_owned(), database: Some(database.clone()) };
        let (stop, stopped) = oneshot::channel::<()>();
        let (started, starting) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let demo = Demo::start(options).await.unwrap();
                let addresses = [&demo.newsroom, &demo.members, &demo.inbox, &demo.bank].map(ToString::to_string);
                started.send((addresses, demo.mailbox.clone(), demo.running.app.clone())).ok().unwrap();
                let _ = stopped.await;
                demo.stop().await;
            });
        });
        let ([site, members, inbox, bank], mailbox, app) = starting.await.expect("the demo starts");
        Self {
            site,
            members,
            inbox,
            bank,
            mailbox,
            app,
            database,
            stop: Some(stop),
            thread: Some(thread),
            _own: (folder, own),
        }
    }

    /// The page with the footer: with the optional script on it, or the one without.
    pub fn page(&self, script: Script) -> String {
        match script {
            Script::On => self.site.clone(),
            Script::Off => format!("{}plain/", self.site),
        }
    }

    /// The link in the `count`th mail to this address that has one to sign in or to confirm with.
    pub async fn link(&self, address: &str, count: usize) -> String {
        self.mail(address, &format!("link {count}"), |mails| mails.iter().filter_map(ReceivedMail::link).nth(count - 1))
            .await
    }

    /// The link that `serve` prints as long as there is nobody.
    pub async fn first_link(&self) -> String {
        let (rules, now) = (self.app.rules.clone(), self.app.now());
        let made = self.app.db.write(move |conn| links::first(conn, &rules.key, &rules.settings, now)).await.unwrap();
        made.expect("nobody runs it yet").reveal().to_owned()
    }

    pub async fn member_id(&self, address: &str) -> MemberId {
        let email = EmailAddress::parse(address).unwrap();
        self.app.db.read(move |conn| members::find_by_email(conn, &email)).await.unwrap().expect("a member")
    }

    /// Puts something on every page of staff, and a word that is much too long wherever one can be typed.
    pub async fn fills_up(&self, long: &'static str) {
        let now = self.app.now();
        self.app
            .db
            .write(move |conn| {
                let email = EmailAddress::parse("ada@reader.test").expect("an address");
                let ada = members::find_by_email(conn, &email)?.expect("a member");
                notes::add(conn, ada, long, long, now)?;
                labels::set(conn, ada, &[long.to_owned(), "press".to_owned()], now)?;
                newsletters::add(conn, &long[..100], Some(long), now)?;
                suppression::hold_by_staff(conn, &email, long, now)?;
                for number in 0..60 {
                    let email = EmailAddress::parse(&format!("{}{number}@reader.test", &long[..50].replace('ä', "a")));
                    let email = email.expect("an address");
                    let new = members::Imported { email: &email, name: Some(long), language: None, created_at: now };
                    members::bring_in(conn, &[new], now)?;
                }
                let request = serde_json::json!({"deed": {"label": "x"}, "whom": {"chosen": []}, "undo_s": 1800});
                jobs::add(conn, jobs::Kind::Bulk, &request, long, 0, now)?;
                Ok(())
            })
            .await
            .unwrap();
    }

    /// The address at the end of a newsletter-like mail.
    pub async fn unsubscribe_link(&self, address: &str) -> String {
        let in_mail = |mail: &ReceivedMail| address_with("/unsubscribe/?", &mail.text());
        self.mail(address, "a newsletter-like mail", |mails| mails.iter().find_map(in_mail)).await
    }

    /// What is looked for in the mails to this address, once it is there.
    pub async fn mail<T>(&self, address: &str, what: &str, find: impl Fn(Vec<ReceivedMail>) -> Option<T>) -> T {
        for count in 1.. {
            let Some(mails) = self.mailbox.wait_for(address, count, PATIENCE).await else { break };
            if let Some(found) = find(mails) {
                return found;
            }
        }
        panic!("{what} did not come to {address}")
    }

    /// Breaks the database in a way that every request notices, or mends it again.
    pub fn break_database(&self, broken: bool) {
        let (from, to) = if broken { ("magic_links", "gone") } else { ("gone", "magic_links") };
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        match &self.database {
            DatabaseUrl::Sqlite(path) => {
                let mut conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
                conn.batch_execute(&format!("PRAGMA busy_timeout = 5000; {sql}")).unwrap();
            }
            DatabaseUrl::Postgres(url) => PgConnection::establish(url).unwrap().batch_execute(&sql).unwrap(),
        }
    }
}

impl Drop for Newsroom {
    fn drop(&mut self) {
        if let (Some(stop), Some(thread), false) = (self.stop.take(), self.thread.take(), std::thread::panicking()) {
            let _ = stop.send(());
            thread.join().unwrap();
        }
    }
}

/// The first address in a text that has this part.
pub fn address_with(part: &str, text: &str) -> Option<String> {
    text.split_whitespace().find(|word| word.contains(part)).map(str::to_owned)
}

/// Somebody at the footer.
pub struct Reader<'a> {
    pub newsroom: &'a Newsroom,
    pub browser: Chromium,
    pub script: Script,
}

impl<'a> Reader<'a> {
    pub async fn at(newsroom: &'a Newsroom, script: Script) -> Self {
        let browser = Chromium::open(script).await;
        let reader = Self { newsroom, browser, script };
        reader.browser.looks_like(1280, "light").await;
        reader.browser.goto(&newsroom.page(script)).await;
        reader
    }

    /// Fills one of the footer's forms and presses its button.
    pub async fn asks(&self, form: &str, address: &str) {
        self.browser.types(&format!("#{form}-email"), address).await;
        self.browser.clicks(&format!("#{form} button")).await;
    }

    /// The footer shows this note and no other, and the focus is on it.
    pub async fn sees(&self, note: &str, words: &str) {
        let id = format!("members-{note}");
        self.browser
            .until(&format!("{id} is shown and has the focus"), async |page| {
                shown(page).await == [id.clone()] && page.focus().await == id
            })
            .await;
        assert_eq!(self.browser.text(&format!("#{id}")).await, words);
    }

    pub async fn opens_link(&self, address: &str, count: usize) {
        let link = self.newsroom.link(address, count).await;
        self.browser.goto(&link).await;
    }

    pub async fn signs_out(&self) {
        self.browser.goto(&format!("{}members/signout/", self.newsroom.members)).await;
        self.browser.clicks("main button").await;
        self.browser.until("signed out", async |page| page.address().await.starts_with(&self.newsroom.site)).await;
        self.browser.goto(&self.newsroom.page(self.script)).await;
    }
}

/// The ids of all notes that can be seen.
async fn shown(page: &Chromium) -> Vec<String> {
    let mut shown = Vec::new();
    let Ok(notes) = page.client.find_all(fantoccini::Locator::Css(".members-note")).await else { return shown };
    for note in notes {
        if note.is_displayed().await.unwrap_or(false) {
            shown.push(note.attr("id").await.ok().flatten().unwrap_or_default());
        }
    }
    shown
}
