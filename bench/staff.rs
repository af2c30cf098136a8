//! The pages of staff with a million members: lists, filters, searches, one member, the first page, all of
//! them out as CSV, and many in while readers sign up.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use data_encoding::HEXLOWER;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use readership::clock::Clock;
use readership::config::{DatabaseUrl, Staff};
use readership::db::{self, Conn, DbError};
use readership::limits::ClientNetwork;
use readership::members::address::EmailAddress;
use readership::secrets::SecretKey;
use readership::staff::api_keys::{self, Kind};
use readership::staff::audit::Actor;
use readership::staff::links::{self, Given};
use readership::staff::roles::Role;
use readership::staff::signin::{Place, Rules};
use readership::staff::{accounts, figures, signin};

use crate::generator::{self, Plan};
use crate::people::{self, KEY, People};
use crate::program::Program;
use crate::table::Table;

const FORM: &str = "application/x-www-form-urlencoded";
/// Members in the file that is brought in.
const IMPORTED: usize = 60_000;

/// A database of so many members, made by the database itself and kept between runs.
fn ready(folder: &Path, postgres: Option<&str>, members: usize) -> anyhow::Result<People> {
    let database = match postgres {
        Some(server) => DatabaseUrl::Postgres(format!(
            "{}/bench_staff",
            server.rsplit_once('/').context("postgres://…/postgres")?.0
        )),
        None => DatabaseUrl::Sqlite(folder.join("staff.db")),
    };
    let mark = folder.join(if postgres.is_some() { "staff-postgres.txt" } else { "staff-sqlite.txt" });
    let people = People { folder: folder.to_owned(), database, sessions: Vec::new() };
    if std::fs::read_to_string(&mark).is_ok_and(|text| text == members.to_string())
        && db::open_beside(&people.database).is_ok()
    {
        return Ok(people);
    }
    let _ = std::fs::remove_file(&mark);
    eprintln!("making {members} members; this happens once");
    people.make_database(postgres)?;
    let mut conn = db::open_beside(&people.database)?;
    let now = Clock::system().now();
    let sell = readership::billing::tiers::Wishes {
        name: Some("Gold".to_owned()),
        currency: Some("usd".to_owned()),
        monthly_minor: Some(500),
        ..readership::billing::tiers::Wishes::default()
    };
    readership::billing::tiers::add(&mut conn, &sell, now)?;
    readership::members::labels::ensure(&mut conn, "press", now)?;
    let filling = filling(&conn, members, now.millis());
    db::execute(&mut conn, &filling)?;
    let (figures, past) = (figures::count(&mut conn, now)?, figures::past(&mut conn, now)?);
    figures::keep(&mut conn, &figures, &past, now)?;
    std::fs::write(&mark, members.to_string())?;
    Ok(people)
}

/// Members over three years; four in five on the newsletter, one in twenty a payer, one in a hundred with a
/// label, three events each.
fn filling(conn: &Conn, members: usize, now: i64) -> String {
    let is_postgres = matches!(conn, Conn::Postgres(_));
    let patience = if is_postgres { "SET statement_timeout = 0;" } else { "" };
    let (numbers, id, uuid) = if is_postgres {
        (
            format!("SELECT n FROM generate_series(1::bigint, {members}) AS n"),
            "decode(lpad(to_hex(at / 1000), 8, '0') || lpad(to_hex(n), 16, '0'), 'hex')",
            "decode(md5(n::text), 'hex')",
        )
    } else {
        (
            format!(
                "WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < {members}) SELECT n FROM count"
            ),
            "unhex(printf('%08x%016x', at / 1000, n))",
            "randomblob(16)",
        )
    };
    let begin = now - 3 * 365 * 86_400_000;
    let step = (now - begin) / i64::try_from(members).unwrap_or(1);
    let event = if is_postgres {
        "substring(m.id from 1 for 4) || decode(lpad(to_hex(e.n), 2, '0'), 'hex') || substring(m.id from 6 for 7)"
    } else {
        "CAST(substr(m.id, 1, 4) || unhex(printf('%02x', e.n)) || substr(m.id, 6, 7) AS BLOB)"
    };
    format!(
        "{patience}
         INSERT INTO members (id, uuid, email, email_key, name, name_key, status, created_at, updated_at, last_seen_at, language, has_billing)
           SELECT {id}, {uuid}, 'reader' || n || '@example.org', 'reader' || n || '@example.org', 'Reader ' || n, 'reader ' || n,
             CASE WHEN n % 20 = 0 THEN 'paid' ELSE 'free' END, at, at, CASE WHEN n % 4 = 0 THEN NULL ELSE at + 1000 * (n % 90000000) END,
             CASE n % 3 WHEN 0 THEN 'en' WHEN 1 THEN 'de' ELSE NULL END, n % 20 = 0
           FROM (SELECT n, {begin} + n * {step} AS at FROM ({numbers}) AS numbers) AS rows;
         INSERT INTO newsletter_subscriptions (member_id, newsletter_id, created_at)
           SELECT m.id, l.id, m.created_at FROM members AS m, newsletters AS l WHERE m.created_at % 5 <> 0;
         INSERT INTO member_labels (member_id, label_id) SELECT m.id, l.id FROM members AS m, labels AS l WHERE m.created_at % 100 = 0;
         INSERT INTO stripe_customers (id, member_id, email_key, read_at, created_at)
           SELECT 'cus_' || m.email, m.id, m.email_key, {now}, m.created_at FROM members AS m WHERE m.status = 'paid';
         INSERT INTO paid_subscriptions (id, customer_id, item_id, tier_id, price_id, product_id, cadence, amount_minor, currency, status,
             cancel_at_period_end, started_at, period_start, period_end, created_at)
           SELECT 'sub_' || c.id, c.id, 'si', t.id, 'price', 'prod', 'month', 500, 'usd', 'active', FALSE, c.created_at, {now}, {now} + 2000000000, c.created_at
           FROM stripe_customers AS c, tiers AS t WHERE t.slug = 'gold';
         INSERT INTO payments (id, customer_id, kind, amount_minor, currency, refunded_minor, is_disputed, paid_at)
           SELECT 'ch_' || c.id, c.id, 'subscription', 500, 'usd', 0, FALSE, c.created_at FROM stripe_customers AS c;
         INSERT INTO member_events (id, member_id, kind, created_at)
           SELECT {event}, m.id, 'signed_in', m.created_at FROM members AS m, (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3) AS e;
         ANALYZE"
    )
}

/// An owner, signed in: their cookie.
fn signs_in(people: &People) -> anyhow::Result<String> {
    let mut conn = db::open_beside(&people.database)?;
    let now = Clock::system().now();
    let email = EmailAddress::parse("olga@rexwire.test")?;
    let rules = Rules { key: SecretKey::from_bytes(KEY), settings: Staff { second_factor: 0, ..Staff::default() } };
    let place = Place { network: ClientNetwork::of([127, 0, 0, 1].into()), agent: None, request_id: String::new() };
    let token = diesel::Connection::transaction::<_, DbError, _>(&mut conn, |conn| {
        if accounts::find_by_email(conn, &email)?.is_none() {
            let token = links::from_command(conn, &rules.key, &rules.settings, &email, Role::Owner, now)?;
            let given = Given { email: None, name: "Olga", password: "no password" };
            links::redeem(conn, &rules.key, &token, &given, &Actor::command(), now)?;
        }
        let account =
            accounts::find_by_email(conn, &email)?.ok_or_else(|| DbError::Corrupt("no account".to_owned()))?;
        signin::enter(conn, &rules, &account, &place, false, now)
    })?;
    Ok(token.reveal().to_owned())
}

struct Desk {
    port: u16,
    cookie: String,
}

impl Desk {
    fn get(&self, path: &str) -> Vec<u8> {
        format!("GET /admin/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: readership-staff={}\r\n\r\n", self.cookie)
            .into_bytes()
    }

    fn post(&self, path: &str, kind: &str, body: &[u8]) -> anyhow::Result<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let head = format!(
            "POST /admin/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: readership-staff={}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            self.cookie,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        Ok(stream)
    }

    fn text(&self, path: &str) -> anyhow::Result<String> {
        let body = generator::body_of(self.port, &String::from_utf8(self.get(path))?)?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

pub fn measure(folder: &Path, postgres: Option<&str>, members: usize, seconds: u64) -> anyhow::Result<()> {
    let people = ready(folder, postgres, members)?;
    let cookie = signs_in(&people)?;
    let program = Program::start(&people, None, None)?;
    let desk = Desk { port: program.port, cookie };
    let mut table = Table::default();
    let kind = if postgres.is_some() { "PostgreSQL" } else { "SQLite" };
    table.say(&format!("{kind} with {members} members, one connection, {seconds} s each"));

    let page = desk.text("members/?q=reader777")?;
    let id = page
        .split("/admin/members/")
        .find_map(|part| part.get(..24).filter(|id| id.bytes().all(|b| b.is_ascii_hexdigit())));
    let member = format!("members/{}/", id.context("somebody is found")?);
    let newest = desk.text("members/")?;
    let option = |name: &str| {
        let list = newest.split(&format!("name=\"{name}\"")).nth(1).unwrap_or_default();
        list.split("value=\"").nth(2).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
    };
    let (newsletter, label) = (option("newsletter"), option("label"));
    let tier = newest
        .split("name=\"tier\"")
        .nth(1)
        .and_then(|list| list.split("value=\"").nth(3))
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_default();
    let plan = Plan::new(1, Duration::from_secs(seconds));
    let pages = [
        ("home", String::new()),
        ("members, newest", "members/".to_owned()),
        ("members, by address", "members/?sort=address".to_owned()),
        ("members, by last seen", "members/?sort=seen".to_owned()),
        ("members, not seen for longest", "members/?sort=unseen".to_owned()),
        ("payers", "members/?status=paid".to_owned()),
        ("payers, by address", "members/?status=paid&sort=address".to_owned()),
        ("of a tier", format!("members/?tier={tier}")),
        ("on a newsletter", format!("members/?newsletter={newsletter}")),
        ("with a label", format!("members/?label={label}")),
        ("payers of German with a label", format!("members/?status=paid&language=de&label={label}")),
        (
            "on a newsletter, German, not seen for a year",
            format!("members/?newsletter={newsletter}&language=de&seen=-365"),
        ),
        ("one month, by address", "members/?from=2025-03-01&to=2025-03-31&sort=address".to_owned()),
        ("nobody fits: free and to be erased", "members/?status=free&mail=leaving".to_owned()),
        ("search by address", "members/?q=reader77".to_owned()),
        ("search by name", "members/?q=Reader+77".to_owned()),
        ("search, nobody", "members/?q=zzz".to_owned()),
        (
            "a page deep in the list",
            format!("members/?after={}", member.trim_start_matches("members/").trim_end_matches('/')),
        ),
        ("one member", member),
        ("newsletters", "newsletters/".to_owned()),
        ("tiers and offers", "tiers/".to_owned()),
        ("billing", "billing/".to_owned()),
        ("mail", "mail/".to_owned()),
        ("audit log", "audit/".to_owned()),
    ];
    for (name, path) in pages {
        let load = generator::run(program.port, plan, || Some(desk.get(&path)), 200)?;
        table.load(name, &load, None);
    }

    by_program(&program, &people, plan, &mut table)?;
    export(&desk, &program, &people, &mut table)?;
    import(&desk, &program, &people, &mut table)?;
    table.fact("memory at the end", program.memory()?);
    table.print();
    Ok(())
}

/// Pages of members as programs ask for them.
fn by_program(program: &Program, people: &People, plan: Plan, table: &mut Table) -> anyhow::Result<()> {
    let mut conn = db::open_beside(&people.database)?;
    let shown = api_keys::show(&mut conn, &SecretKey::from_bytes(KEY), Kind::Admin)?.shown;
    let (id, secret) = shown.split_once(':').context("a key of administration")?;
    let now = Clock::system().now().seconds();
    let mut head = Header::new(Algorithm::HS256);
    head.kid = Some(id.to_owned());
    let claims = serde_json::json!({"iat": now, "exp": now + 300, "aud": "/admin/"});
    let key = EncodingKey::from_secret(&HEXLOWER.decode(secret.as_bytes())?);
    let token = jsonwebtoken::encode(&head, &claims, &key)?;
    for (name, query) in [
        ("by API, the newest 15", ""),
        ("by API, 100 with tiers", "?limit=100&include=tiers"),
        ("by API, one address", "?filter=email:'reader777@example.org'"),
        ("by API, a label", "?filter=label:press"),
        ("by API, payers", "?filter=status:paid&limit=100"),
        ("by API, page 1,000", "?limit=100&page=1000"),
    ] {
        let request = format!(
            "GET /ghost/api/admin/members/{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Ghost {token}\r\n\r\n"
        );
        let load = generator::run(program.port, plan, || Some(request.clone().into_bytes()), 200)?;
        table.load(name, &load, None);
    }
    Ok(())
}

/// Has all of them taken out while readers ask for links, and fetches the file.
fn export(desk: &Desk, program: &Program, people: &People, table: &mut Table) -> anyhow::Result<()> {
    let before = program.memory()?;
    let begun = Instant::now();
    let mut answer = String::new();
    desk.post("members/export/", FORM, b"filter=")?.read_to_string(&mut answer)?;
    let page = answer.split("/admin/").nth(1).and_then(|rest| rest.split('?').next()).context("it is made")?.to_owned();
    let mut number = people.next_address()?;
    let plan = Plan::new(4, Duration::from_secs(4));
    let next = || {
        number += 1;
        Some(people::sign_up(number))
    };
    let load = generator::run(program.port, plan, next, 303)?;
    table.load("asking for a link, durable, during the export", &load, None);
    while !desk.text(&page)?.contains("<strong>done</strong>") {
        anyhow::ensure!(begun.elapsed() < Duration::from_secs(300), "it takes too long");
        std::thread::sleep(Duration::from_millis(50));
    }
    let made = begun.elapsed();
    let (mut rows, mut bytes) = (0_usize, 0_usize);
    let begun = Instant::now();
    let mut answer = BufReader::with_capacity(1 << 18, desk.post(&format!("{page}file/"), FORM, b"")?);
    loop {
        let some = answer.fill_buf()?;
        if some.is_empty() {
            break;
        }
        rows += some.iter().filter(|byte| **byte == b'@').count();
        let length = some.len();
        bytes += length;
        answer.consume(length);
    }
    let rate = |time: Duration| rows as f64 / time.as_secs_f64();
    table.fact(
        "export as CSV",
        format!(
            "{rows} members, {} MiB: made at {:.0} rows/s beside that, fetched at {:.0} rows/s; memory before: {before}; after: {}",
            bytes >> 20,
            rate(made),
            rate(begun.elapsed()),
            program.memory()?
        ),
    );
    Ok(())
}

/// Brings a file in while readers ask for links.
fn import(desk: &Desk, program: &Program, people: &People, table: &mut Table) -> anyhow::Result<()> {
    let boundary = "benchboundary";
    let run = Clock::system().now().millis();
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"consent\"\r\n\r\nThey ticked the box in our shop.\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"many.csv\"\r\nContent-Type: text/csv\r\n\r\nemail,name,labels\n"
    );
    for number in 0..IMPORTED {
        body += &format!("new{run}-{number}@example.org,New Reader {number},new\n");
    }
    body += &format!("\r\n--{boundary}--\r\n");
    let mut answer = String::new();
    desk.post("jobs/import/", &format!("multipart/form-data; boundary={boundary}"), body.as_bytes())?
        .read_to_string(&mut answer)?;
    let page =
        answer.split("/admin/").nth(1).and_then(|rest| rest.split('?').next()).context("the file is taken")?.to_owned();
    let done = |words: &str| -> anyhow::Result<Duration> {
        let begun = Instant::now();
        while !desk.text(&page)?.contains(words) {
            anyhow::ensure!(begun.elapsed() < Duration::from_secs(300), "it takes too long");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(begun.elapsed())
    };
    let checked = done("Bring them in")?;
    table.fact("looking a file through", format!("{:.0} rows/s", IMPORTED as f64 / checked.as_secs_f64()));
    desk.post(&format!("{page}start/"), FORM, b"")?.read_to_string(&mut answer)?;
    let begun = Instant::now();
    let mut number = people.next_address()?;
    let load = generator::run(
        program.port,
        Plan::new(4, Duration::from_secs(4)),
        || {
            number += 1;
            Some(people::sign_up(number))
        },
        303,
    )?;
    table.load("asking for a link, durable, during the import", &load, None);
    done("<strong>done</strong>")?;
    table.fact("import", format!("{:.0} rows/s, beside that", IMPORTED as f64 / begun.elapsed().as_secs_f64()));
    Ok(())
}
