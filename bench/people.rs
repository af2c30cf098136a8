//! A database full of members, made through the program's own functions and kept between runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use diesel::RunQueryDsl;
use readership::clock::Clock;
use readership::config::{Database, DatabaseUrl, Limits};
use readership::db::{self, Conn, Db};
use readership::ids::{MagicLinkId, MemberId};
use readership::limits::ClientNetwork;
use readership::members::address::EmailAddress;
use readership::newsletters::unsubscribing;
use readership::secrets::SecretKey;
use readership::signin::Policy;
use readership::signin::asking::{self, LinkRequest};
use readership::signin::links::{self, Purpose, Via};
use readership::signin::redemption::{self, Browser, Redeemed};
use readership::signin::signing_keys::{self, KeyRing};
use readership::signin::tokens::{self, Subject};
use readership::texts::Language;
use url::Url;
use uuid::Uuid;

pub const KEY: [u8; 32] = [9; 32];

pub struct People {
    pub folder: PathBuf,
    pub database: DatabaseUrl,
    /// One session of every member, as its cookie holds it.
    pub sessions: Vec<String>,
}

fn policy() -> Policy {
    let limits = Limits { client_per_minute: 0, client_per_hour: 0, site_unconfirmed_per_hour: 0, ..Limits::default() };
    Policy { limits, ..Policy::with_key(SecretKey::from_bytes(KEY)) }
}

impl People {
    /// Takes the database of an earlier run, or makes one.
    pub fn ready(folder: &Path, postgres: Option<&str>, members: usize) -> anyhow::Result<Self> {
        let (database, name) = match postgres {
            Some(server) => {
                let (base, _) = server.rsplit_once('/').context("postgres://…/postgres")?;
                (DatabaseUrl::Postgres(format!("{base}/bench")), "postgres")
            }
            None => (DatabaseUrl::Sqlite(folder.join("members.db")), "sqlite"),
        };
        let list = folder.join(format!("sessions-{name}.txt"));
        let mut people = Self { folder: folder.to_owned(), database, sessions: Vec::new() };
        if let Ok(text) = std::fs::read_to_string(&list)
            && text.lines().count() == members
            && people.count("members").is_ok_and(|count| usize::try_from(count).is_ok_and(|count| count >= members))
        {
            people.sessions = text.lines().map(str::to_owned).collect();
            return Ok(people);
        }
        people.make_database(postgres)?;
        eprintln!("making {members} members; this happens once");
        let started = Instant::now();
        people.sessions = people.sign_up_all(members)?;
        std::fs::write(&list, people.sessions.join("\n"))?;
        eprintln!("made in {:.1} s", started.elapsed().as_secs_f64());
        Ok(people)
    }

    pub fn make_database(&self, postgres: Option<&str>) -> anyhow::Result<()> {
        match (&self.database, postgres) {
            (DatabaseUrl::Sqlite(path), _) => {
                for ending in ["db", "db-wal", "db-shm"] {
                    let _ = std::fs::remove_file(path.with_extension(ending));
                }
            }
            (DatabaseUrl::Postgres(url), server) => {
                let (_, name) = url.rsplit_once('/').context("a name of a database")?;
                let mut conn = diesel::Connection::establish(server.context("a server")?)?;
                let run = |conn: &mut diesel::PgConnection, sql: String| diesel::sql_query(sql).execute(conn);
                run(&mut conn, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
                run(&mut conn, format!("CREATE DATABASE {name}"))?;
            }
        }
        db::migrate(&self.database)?;
        let mut conn = db::open_beside(&self.database)?;
        let key = signing_keys::generate(&SecretKey::from_bytes(KEY))?;
        signing_keys::store_first(&mut conn, &key, Clock::system().now())?;
        readership::newsletters::ensure_first(&mut conn, "Bench", Clock::system().now())?;
        Ok(())
    }

    /// Everybody asks and confirms, a thousand in one transaction.
    fn sign_up_all(&self, members: usize) -> anyhow::Result<Vec<String>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let db = Db::open(&self.database, &Database::default())?;
        let mut sessions = Vec::with_capacity(members);
        for first in (0..members).step_by(1_000) {
            let numbers = first..(first + 1_000).min(members);
            sessions.extend(runtime.block_on(db.write(move |conn| {
                let (policy, now) = (policy(), Clock::system().now());
                let mut sessions = Vec::new();
                for number in numbers {
                    asking::request(conn, &policy, &asked(number), now)?;
                    let id = newest_link(conn)?;
                    let browser = Browser { agent: Some("Firefox on Linux".to_owned()), session: None };
                    let redeemed = redemption::redeem(conn, &policy, &links::token(&policy, id), &browser, now)?;
                    if let Redeemed::Done(done) = redeemed {
                        sessions.push(done.session.reveal().to_owned());
                    }
                }
                db::execute(
                    conn,
                    "UPDATE outbox SET state = 'sent', finished_at = created_at WHERE state = 'waiting'",
                )?;
                Ok(sessions)
            }))?);
        }
        db.close();
        anyhow::ensure!(sessions.len() == members, "only {} of {members} signed up", sessions.len());
        Ok(sessions)
    }

    fn query<T>(&self, sql: &str) -> anyhow::Result<Vec<T>>
    where
        T: diesel::QueryableByName<diesel::sqlite::Sqlite> + diesel::QueryableByName<diesel::pg::Pg> + 'static,
    {
        let query = diesel::sql_query(sql);
        Ok(match db::open_beside(&self.database)? {
            Conn::Postgres(mut conn) => query.load(&mut conn)?,
            Conn::Sqlite(mut conn) => query.load(&mut conn)?,
        })
    }

    fn count(&self, what: &str) -> anyhow::Result<i64> {
        Ok(self.query::<Count>(&format!("SELECT count(*) AS count FROM {what}"))?.first().context("a count")?.count)
    }

    /// Gives everybody a paid tier free of charge, so that access has to be looked at.
    pub fn all_are_comped(&self) -> anyhow::Result<()> {
        use readership::billing::tiers::{self, Wishes};
        let mut conn = db::open_beside(&self.database)?;
        if tiers::find_named(&mut conn, "bench")?.is_some() {
            return Ok(());
        }
        let wishes = Wishes {
            name: Some("Bench".to_owned()),
            currency: Some("usd".to_owned()),
            monthly_minor: Some(500),
            ..Wishes::default()
        };
        tiers::add(&mut conn, &wishes, Clock::system().now())?;
        Ok(db::execute(
            &mut conn,
            "INSERT INTO comps (id, member_id, tier_id, created_at)
                 SELECT members.id, members.id, tiers.id, 0 FROM members, tiers WHERE tiers.slug = 'bench';
             UPDATE members SET has_billing = TRUE, status = 'comped'",
        )?)
    }

    /// The first number whose address never asked.
    pub fn next_address(&self) -> anyhow::Result<u64> {
        Ok(u64::try_from(self.count("magic_links")?)? + 1_000_000)
    }

    /// Tokens of links that nobody used yet; asks for as many as are missing.
    pub fn links(&self, wanted: usize) -> anyhow::Result<Vec<String>> {
        let unused = "magic_links WHERE used_at IS NULL AND voided_at IS NULL";
        let missing = wanted.saturating_sub(usize::try_from(self.count(unused)?)?);
        let (policy, now) = (policy(), Clock::system().now());
        let mut conn = db::open_beside(&self.database)?;
        let first = usize::try_from(self.next_address()?)? + 10_000_000;
        for chunk in (first..first + missing).collect::<Vec<_>>().chunks(1_000) {
            diesel::Connection::transaction::<_, db::DbError, _>(&mut conn, |conn| {
                chunk.iter().try_for_each(|number| asking::request(conn, &policy, &asked(*number), now).map(drop))
            })?;
        }
        let ids = self.query::<Id>(&format!("SELECT id FROM {unused} ORDER BY id LIMIT {wanted}"))?;
        Ok(ids.into_iter().map(|row| links::token(&policy, row.id).reveal().to_owned()).collect())
    }

    /// Milliseconds that one member token takes to sign: RSA on one core, and nothing else.
    pub fn signature_ms(&self) -> anyhow::Result<f64> {
        let (policy, now) = (policy(), Clock::system().now());
        let mut conn = db::open_beside(&self.database)?;
        let key = KeyRing::load(&mut conn, &policy.key, &policy.lifetimes)?.signing(now);
        let base = Url::parse("http://127.0.0.1/")?;
        let who = Subject { id: MemberId::new(now), uuid: Uuid::nil(), email: "reader@example.org" };
        let (started, mut signed) = (Instant::now(), 0_u32);
        while started.elapsed() < Duration::from_secs(2) {
            std::hint::black_box(tokens::identity(&key, &policy, &base, &who, now)?);
            signed += 1;
        }
        Ok(started.elapsed().as_secs_f64() * 1_000.0 / f64::from(signed))
    }

    /// Addresses of one-click unsubscribing, of members who are on the list; puts everybody back on
    /// it when too few are.
    pub fn unsubscribe_links(&self, wanted: usize) -> anyhow::Result<Vec<String>> {
        if usize::try_from(self.count("newsletter_subscriptions")?)? < wanted {
            let mut conn = db::open_beside(&self.database)?;
            db::execute(
                &mut conn,
                "INSERT INTO newsletter_subscriptions (member_id, newsletter_id, created_at) \
                 SELECT members.id, newsletters.id, newsletters.created_at FROM members CROSS JOIN newsletters \
                 WHERE members.id NOT IN (SELECT member_id FROM newsletter_subscriptions)",
            )?;
        }
        let lists = self.query::<Bytes>("SELECT uuid AS bytes FROM newsletters")?;
        let list = Uuid::from_slice(&lists.first().context("a newsletter")?.bytes)?;
        let members = self.query::<Bytes>(&format!(
            "SELECT members.uuid AS bytes FROM members \
             JOIN newsletter_subscriptions ON newsletter_subscriptions.member_id = members.id \
             ORDER BY members.uuid LIMIT {wanted}"
        ))?;
        let (key, base) = (SecretKey::from_bytes(KEY), Url::parse("http://127.0.0.1/")?);
        members
            .iter()
            .map(|row| {
                let url = Url::parse(&unsubscribing::url(&base, &key, Uuid::from_slice(&row.bytes)?, Some(list)))?;
                Ok(format!("{}?{}", url.path(), url.query().context("a query")?))
            })
            .collect()
    }

    /// Sees to it that so many mails wait.
    pub fn waiting_mails(&self, wanted: usize) -> anyhow::Result<usize> {
        let mut conn = db::open_beside(&self.database)?;
        db::execute(&mut conn, "DELETE FROM outbox WHERE state <> 'sent'")?;
        let (policy, now) = (policy(), Clock::system().now());
        let first = usize::try_from(self.next_address()?)? + 50_000_000;
        for chunk in (first..first + wanted).collect::<Vec<_>>().chunks(1_000) {
            diesel::Connection::transaction::<_, db::DbError, _>(&mut conn, |conn| {
                chunk.iter().try_for_each(|number| asking::request(conn, &policy, &asked(*number), now).map(drop))
            })?;
        }
        Ok(wanted)
    }

    /// Waits until all of `waiting` mails went out; mails a second over the middle of that.
    pub fn outbox_rate(&self, waiting: usize) -> anyhow::Result<f64> {
        let open = || self.count("outbox WHERE state IN ('waiting', 'sending')").map(|count| count as f64);
        let started = Instant::now();
        let mut first: Option<(Instant, f64)> = None;
        loop {
            let left = open()?;
            if first.is_none() && left < waiting as f64 * 0.95 {
                first = Some((Instant::now(), left));
            }
            if let Some((at, from)) = first
                && left < waiting as f64 * 0.05
            {
                return Ok((from - left) / at.elapsed().as_secs_f64());
            }
            anyhow::ensure!(started.elapsed() < Duration::from_secs(120), "{left} mails are still waiting");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn database_url(&self) -> String {
        match &self.database {
            DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            DatabaseUrl::Postgres(url) => url.clone(),
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

#[derive(diesel::QueryableByName)]
struct Id {
    #[diesel(sql_type = diesel::sql_types::Binary)]
    id: MagicLinkId,
}

#[derive(diesel::QueryableByName)]
struct Bytes {
    #[diesel(sql_type = diesel::sql_types::Binary)]
    bytes: Vec<u8>,
}

fn newest_link(conn: &mut Conn) -> db::DbResult<MagicLinkId> {
    let query = diesel::sql_query("SELECT id FROM magic_links ORDER BY id DESC LIMIT 1");
    let row: Id = match conn {
        Conn::Postgres(conn) => query.get_result(conn)?,
        Conn::Sqlite(conn) => query.get_result(conn)?,
    };
    Ok(row.id)
}

fn address(number: u64) -> String {
    format!("reader{number}@reader{}.example", number % 997)
}

fn asked(number: usize) -> LinkRequest {
    let email = EmailAddress::parse(&address(number as u64)).expect("a made-up address is well-formed");
    LinkRequest {
        purpose: Purpose::SignUp,
        email,
        name: Some(format!("Reader {number}")),
        newsletters: None,
        labels: Vec::new(),
        return_to: Some("http://site.test/".to_owned()),
        via: Via::Form,
        page: Some("http://site.test/".to_owned()),
        referrer: None,
        attribution: None,
        language: Language::English,
        with_code: false,
        consent_text: "By signing up you agree to receive the mails of Bench you choose.".to_owned(),
        client: ClientNetwork::of(std::net::Ipv4Addr::LOCALHOST.into()),
        asked_by: None,
        agent: Some("Firefox on Linux".to_owned()),
        nonce: None,
    }
}

/// A sign-up as the footer's form sends it.
pub fn sign_up(number: u64) -> Vec<u8> {
    form("/members/subscribe/", &format!("email={}", address(number).replace('@', "%40")), "http://site.test")
}

/// Somebody who has proved no address wants to pay.
pub fn checkout(number: u64) -> Vec<u8> {
    form("/members/checkout/", &format!("plan=bench/month&email=buyer{number}%40buyer.example"), "http://site.test")
}

/// The button of a link's page.
pub fn redemption(token: &str) -> Vec<u8> {
    // The page is the program's own; browsers say so in Sec-Fetch-Site.
    form("/members/", &format!("token={token}"), "http://site.test")
}

/// Signs what the bench tells in Stripe's name.
pub const WEBHOOK_SECRET: &str = "whsec_bench";

/// An event of Stripe's, signed, about nothing that must be looked at.
pub fn event(number: u64) -> Vec<u8> {
    let padding = "x".repeat(2_000);
    let body = format!(
        "{{\"id\":\"evt_{number}\",\"object\":\"event\",\"type\":\"bench\",\"created\":1,\"livemode\":false,\
         \"api_version\":\"{}\",\"data\":{{\"object\":{{\"object\":\"bench\",\"padding\":\"{padding}\"}}}}}}",
        readership::billing::stripe::api_version()
    );
    let at = Clock::system().now().seconds();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, WEBHOOK_SECRET.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, format!("{at}.{body}").as_bytes());
    let tag = data_encoding::HEXLOWER.encode(tag.as_ref());
    format!(
        "POST /members/webhooks/stripe/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Stripe-Signature: t={at},v1={tag}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What a mail program sends when its reader presses "unsubscribe" (RFC 8058).
pub fn one_click(path: &str) -> Vec<u8> {
    form(path, "List-Unsubscribe=One-Click", "null")
}

fn form(path: &str, body: &str, origin: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {origin}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Numbers that are random enough to defeat a cache (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        usize::try_from(number % bound as u64).unwrap_or(0)
    }
}
