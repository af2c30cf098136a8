//! The demo as `readership demo` starts it, and a reader in front of it.

use std::thread::JoinHandle;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use readership::config::DatabaseUrl;
use readership::sandbox::demo::{Demo, DemoOptions};
use readership::sandbox::mailbox::{Mailbox, ReceivedMail};
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
                started.send((addresses, demo.mailbox.clone())).ok().unwrap();
                let _ = stopped.await;
                demo.stop().await;
            });
        });
        let ([site, members, inbox, bank], mailbox) = starting.await.expect("the demo starts");
        Self {
            site,
            members,
            inbox,
            bank,
            mailbox,
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
