//! The pages of staff: who may open and send what, what is sold and sent, and that nothing typed anywhere
//! does harm anywhere.

use std::time::Duration;

use readership::jobs::State;
use readership::staff::roles::{Right, Role};
use readership::web::admin::gate::Needs;
use readership::web::admin::routes;
use reqwest::Method;

use crate::support::people::{Answer, Person};
use crate::support::shop::{DECLINED_LATER, GOOD};
use crate::support::staff::{PASSWORD, hidden};
use crate::support::world::World;
use crate::{paying, story};

const MATRIX: &str = include_str!("../../docs/security.md");

/// A row of the published matrix: method, address, who may, whether a proof is asked for.
fn published() -> Vec<(String, String, Vec<String>, bool)> {
    let rows =
        MATRIX.lines().filter(|line| line.starts_with("| GET | `/admin") || line.starts_with("| POST | `/admin"));
    rows.map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let who = cells[3].split(", ").map(str::to_owned).collect();
        (cells[1].to_owned(), cells[2].trim_matches('`').to_owned(), who, cells[4] == "yes")
    })
    .collect()
}

/// The matrix as the code has it, to be published.
fn coded() -> Vec<(String, String, Vec<String>, bool)> {
    routes::all()
        .into_iter()
        .map(|address| {
            let roles = |right: Right| {
                Role::ALL.into_iter().filter(|role| role.may(right)).map(|role| role.to_string()).collect()
            };
            let (who, proof) = match address.needs {
                Needs::Nobody => (vec!["everybody".to_owned()], false),
                Needs::Session => (vec!["every account".to_owned()], false),
                Needs::Right(right) => (roles(right), false),
                Needs::Fresh(right) => (roles(right), true),
            };
            (address.verb.name().to_uppercase(), format!("{}/", address.path), who, proof)
        })
        .collect()
}

#[test]
fn the_matrix_is_published() {
    let as_text = |rows: Vec<(String, String, Vec<String>, bool)>| -> Vec<String> {
        rows.into_iter()
            .map(|(method, path, who, proof)| {
                format!("| {method} | `{path}` | {} | {} |", who.join(", "), if proof { "yes" } else { "" })
            })
            .collect()
    };
    let (coded, published) = (as_text(coded()), as_text(published()));
    assert!(coded == published, "docs/security.md must hold exactly these rows:\n{}", coded.join("\n"));
}

/// What the gate said.
#[derive(Debug, PartialEq, Eq)]
enum Door {
    Open,
    SignIn,
    NotAllowed,
    Proof,
}

fn door(answer: &Answer) -> Door {
    let told = |code: &str| answer.body.contains(&format!("data-error=\"{code}\""));
    if answer.location().contains("admin/signin/?to=") || told("signed_out") {
        Door::SignIn
    } else if told("not_allowed") {
        Door::NotAllowed
    } else if answer.location().contains("admin/prove/?to=") || told("reauth_required") {
        Door::Proof
    } else {
        Door::Open
    }
}

async fn knocks(who: &Person, method: &str, path: &str) -> Door {
    let path = path.replace("{id}", "0123456789abcdef01234567").replace("{group}", "nothing");
    let origin = who.base.origin().ascii_serialization();
    let answer = if method == "GET" {
        who.get(path.trim_start_matches('/')).await
    } else {
        who.posts_from(&origin, path.trim_start_matches('/'), &[]).await
    };
    assert!(answer.status.as_u16() < 500, "{method} {path}: {}", answer.body);
    door(&answer)
}

story! {
    /// A6: every address with every credential there is answers as published.
    async fn a6_every_address_opens_for_those_who_may(world: World) {
        let member = world.member("ada@example.org").await;
        let key = world.app().policy.key.clone();
        let content = world.look(move |conn| Ok(readership::staff::api_keys::show(conn, &key, readership::staff::api_keys::Kind::Content)?.shown)).await;
        for (method, path, who, _) in published() {
            let everybody = who == ["everybody"];
            for nobody in [&world.visitor(), &member] {
                let wanted = if everybody { Door::Open } else { Door::SignIn };
                assert_eq!(knocks(nobody, &method, &path).await, wanted, "{method} {path} for nobody");
            }
            let with_key = format!("{path}?key={content}");
            assert_eq!(knocks(&world.visitor(), &method, &with_key).await, if everybody { Door::Open } else { Door::SignIn });
        }
        for role in Role::ALL {
            for (number, (method, path, who, _)) in published().into_iter().enumerate() {
                if who == ["everybody"] { continue; }
                // A fresh account each time: some of these forms sign out.
                let person = world.staff_named(&format!("{role}{number}@rexwire.test"), role).await;
                let may = who == ["every account"] || who.contains(&role.to_string());
                let wanted = if may { Door::Open } else { Door::NotAllowed };
                assert_eq!(knocks(&person, &method, &path).await, wanted, "{method} {path} as {role}");
            }
        }
        let stale = world.staff_named("stale@rexwire.test", Role::Owner).await;
        world.clock.advance(Duration::from_secs(16 * 60));
        for (method, path, who, takes_proof) in published() {
            if who == ["everybody"] || path.contains("signout") || path.contains("devices") { continue; }
            let wanted = if takes_proof { Door::Proof } else { Door::Open };
            assert_eq!(knocks(&stale, &method, &path).await, wanted, "{method} {path} a while after signing in");
        }
        let staff = world.staff_named("methods@rexwire.test", Role::Owner).await;
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
            let answer = staff.request(method.clone(), "admin/members/", &[], None).await;
            assert!(matches!(answer.status.as_u16(), 405 | 501 | 400), "{method}: {}", answer.status);
        }
    }
}

/// Every page that staff can open, for looking through all of them.
async fn every_page(world: &World, member: &str) -> Vec<String> {
    let (tiers, lists, jobs) = world
        .look(|conn| {
            Ok((
                readership::billing::tiers::all(conn)?,
                readership::newsletters::editing::all(conn)?,
                readership::jobs::newest(conn, 10)?,
            ))
        })
        .await;
    let mut pages: Vec<String> = [
        "",
        "?days=365",
        "members/",
        "tiers/",
        "offers/add/",
        "newsletters/",
        "billing/",
        "billing/payments/",
        "billing/events/",
        "mail/",
        "mail/suppression/",
        "mail/sender/",
        "jobs/",
        "jobs/import/",
        "footer/",
        "footer/preview/?state=members-failed",
        "settings/",
        "settings/keys/",
        "staff/",
        "audit/",
        "account/",
        "account/password/",
        "account/second-factor/",
        "prove/",
    ]
    .map(str::to_owned)
    .into();
    pages.push(format!("members/{member}/"));
    pages.extend(tiers.iter().map(|tier| format!("tiers/{}/", tier.id)));
    pages.extend(lists.iter().map(|list| format!("newsletters/{}/", list.id)));
    pages.extend(jobs.iter().map(|job| format!("jobs/{}/", job.id)));
    pages
}

/// The tags of a page, each with its attributes.
fn tags(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let (mut tags, mut rest) = (Vec::new(), page);
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        rest = &rest[name.len()..];
        let mut attributes = Vec::new();
        while !name.is_empty() && !rest.is_empty() && !rest.starts_with('>') {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            let attribute: String = rest.chars().take_while(|c| !c.is_whitespace() && !"=>/".contains(*c)).collect();
            rest = &rest[attribute.len()..];
            let mut value = String::new();
            if let Some(quoted) = rest.strip_prefix("=\"") {
                value = quoted.split('"').next().unwrap().to_owned();
                rest = &quoted[value.len() + 1..];
            } else if let Some(plain) = rest.strip_prefix('=') {
                value = plain.chars().take_while(|c| !c.is_whitespace() && *c != '>').collect();
                rest = &plain[value.len()..];
            } else if attribute.is_empty() {
                break;
            }
            attributes.push((attribute.to_lowercase(), value));
        }
        if !name.is_empty() {
            tags.push((name.to_lowercase(), attributes));
        }
        // What stands in a style is ours, and no HTML.
        if name == "style" {
            rest = rest.split_once("</style").map_or("", |(_, behind)| behind);
        }
    }
    tags
}

/// Nothing on the page runs, and nothing of it comes from elsewhere.
fn is_inert(page: &str, path: &str) {
    for (tag, attributes) in tags(page) {
        assert!(!["script", "img", "object", "embed", "b", "base", "link"].contains(&tag.as_str()), "{path}: <{tag}>");
        for (name, value) in attributes {
            assert!(!name.starts_with("on"), "{path}: <{tag} {name}>");
            let leads = ["href", "src", "action", "formaction"].contains(&name.as_str());
            assert!(
                !leads || !value.trim().to_lowercase().starts_with("javascript:"),
                "{path}: <{tag} {name}={value}>"
            );
        }
    }
}

#[test]
fn what_would_run_is_noticed() {
    for bad in ["<script>", "<p onclick=\"x\">", "<a href=\"javascript:x\">", "<svg onload=x>", "\"><img src=x>"] {
        assert!(std::panic::catch_unwind(|| is_inert(bad, "a page")).is_err(), "{bad}");
    }
    is_inert("<p aria-label=\"&#60;script onerror=x\">javascript: &#60;img&#62;</p>", "a page");
}

const WILD: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'-alert(1)-'",
    "</textarea><svg onload=alert(1)>",
    "{{7*7}}${7*7}<b>bold",
    "javascript:alert(1)//",
];

paying! {
    /// B7: what is typed into any field is shown everywhere as text.
    async fn b7_whatever_is_typed_is_shown_as_text(shop: Shop) {
        let olga = shop.staff(Role::Owner).await;
        for (number, wild) in WILD.into_iter().enumerate() {
            olga.did("newsletters/add/", &[("name", wild), ("description", wild)]).await;
            olga.did("tiers/add/", &[("name", &format!("{wild}{number}")), ("description", wild), ("benefits", wild), ("currency", "usd"), ("month", "5")]).await;
            olga.did("account/name/", &[("name", wild)]).await;
        }
        let visitor = shop.visitor();
        visitor.asks_with("signup", "wild@example.org", &[("name", WILD[1]), ("label", WILD[0]), ("labels", WILD[3])]).await;
        visitor.opens(&shop.newest_link("wild@example.org").await).await;
        let id = shop.id_of("wild@example.org").await;
        for wild in WILD {
            olga.did(&format!("members/{id}/note/"), &[("text", wild)]).await;
        }
        let page = olga.looks_at(&format!("members/{id}/")).await;
        olga.did(&format!("members/{id}/edit/"), &[("version", &hidden(&page, "version")), ("name", WILD[3]), ("labels", WILD[0])]).await;
        olga.did("mail/suppression/add/", &[("address", "held@example.org"), ("why", WILD[1])]).await;
        let csv = format!("email,name,{}\nx@example.org,\"{}\",1\n{},2,3\n", "a<script>", WILD[1].replace('"', "\"\""), "<script>alert(2)</script>");
        let sent = olga.sends_in(&csv, &[("consent", WILD[0]), ("label", WILD[5])]).await;
        shop.job_rests(sent.location()).await;
        for path in every_page(&shop, &id.to_string()).await {
            let answer = olga.get(&format!("admin/{path}")).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            is_inert(&answer.body, &path);
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
            assert!(policy.contains("frame-ancestors") && policy.contains("base-uri 'none'"));
            assert!(answer.header("cache-control").contains("no-store"), "{path}");
        }
        for wild in WILD {
            let query = url::form_urlencoded::byte_serialize(wild.as_bytes()).collect::<String>();
            for path in ["members/?q=", "mail/suppression/?q=", "footer/?heading=", "footer/preview/?heading=", "audit/?actor=", "prove/?to=", "?done="] {
                is_inert(&olga.looks_at(&format!("{path}{query}")).await, path);
            }
        }
    }
}

paying! {
    /// Tiers, prices and offers without the command line; two who edit the same one; what was typed stays.
    async fn tiers_and_offers_are_made_and_changed(shop: Shop) {
        let olga = shop.staff(Role::Administrator).await;
        let bad = olga.does("tiers/add/", &[("name", "Silver"), ("currency", "usd"), ("month", "three"), ("benefits", "One\nTwo")]).await;
        assert_eq!(bad.status, 422);
        assert!(bad.body.contains("month-error") && bad.body.contains("One\nTwo") && bad.body.contains("value=\"Silver\""), "{}", bad.body);
        for _ in 0..2 {
            olga.did("tiers/add/", &[("name", "Silver"), ("currency", "usd"), ("month", "3"), ("year", "30.50"), ("is_public", "yes"), ("once", "same")]).await;
        }
        assert_eq!(shop.count("tiers", "name = 'Silver' AND monthly_minor = 300 AND yearly_minor = 3050").await, 1, "sent twice, made once");
        let gold = format!("tiers/{}/", shop.gold);
        let page = olga.looks_at(&gold).await;
        let version = hidden(&page, "version");
        let ada = shop.payer("ada@example.org", GOOD).await;
        let fields = |month: &'static str, payers: &'static str, version: &str| -> Vec<(&'static str, String)> {
            vec![("version", version.to_owned()), ("name", "Gold".to_owned()), ("currency", "usd".to_owned()), ("month", month.to_owned()), ("year", "50".to_owned()), ("trial_days", "0".to_owned()), ("is_public", "yes".to_owned()), ("payers", payers.to_owned())]
        };
        let send = async |fields: Vec<(&'static str, String)>| {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            olga.does(&gold, &fields).await
        };
        assert_eq!(send(fields("6", "keep", &version)).await.status, 303);
        let late = send(fields("9", "keep", &version)).await;
        assert_eq!(late.status, 409);
        assert!(late.body.contains("Somebody else changed this") && late.body.contains("value=\"9\""));
        assert_eq!(shop.subscription(&ada).await["plan"]["amount"], 500, "who pays goes on paying it");
        let version = hidden(&olga.looks_at(&gold).await, "version");
        let moving = send(fields("7", "move", &version)).await;
        let job = shop.job_rests(moving.location()).await;
        assert_eq!((job.state, job.number("changed")), (State::Done, 1), "{}", job.report);
        assert_eq!(shop.subscription(&ada).await["plan"]["amount"], 700);
        let paid = shop.count("payments", "1 = 1").await;
        assert_eq!(paid, 1, "nothing is charged before the next payment");
        shop.after_days(32).await;
        assert_eq!(shop.count("payments", "amount_minor = 700").await, 1);

        let offer = [("name", "Spring"), ("code", "spring"), ("kind", "percent"), ("redemption", "signup"), ("tier", &shop.gold.to_string()), ("cadence", "month"), ("amount", "25"), ("duration", "repeating"), ("months", "3")];
        olga.did("offers/add/", &offer).await;
        let taken = olga.does("offers/add/", &offer).await;
        assert_eq!(taken.status, 422);
        assert!(taken.body.contains("name-error"));
        let bea = shop.member("bea@example.org").await;
        shop.buys(&bea, &[("offer", "spring")], GOOD).await;
        let page = olga.looks_at("tiers/").await;
        assert!(page.contains("25 % off, for 3 months") && page.contains("7.00 USD"), "{page}");
        let id = shop.look(|conn| Ok(readership::billing::offers::all(conn)?[0].id)).await;
        olga.did(&format!("offers/{id}/archive/"), &[]).await;
        assert!(olga.looks_at("tiers/").await.contains(">closed<"));
        olga.did(&format!("tiers/{}/move/", shop.patron), &[("to", "up")]).await;
        let order = shop.look(|conn| Ok(readership::billing::tiers::all(conn)?.into_iter().map(|tier| tier.name).collect::<Vec<_>>())).await;
        assert_eq!(order, ["Free", "Patron", "Gold", "Silver"]);
        olga.did(&format!("tiers/{}/archive/", shop.patron), &[]).await;
        assert_eq!(shop.count("tiers", "name = 'Patron' AND NOT is_active").await, 1);
    }
}

story! {
    /// Newsletters: made, changed, ordered, archived.
    async fn newsletters_are_made_and_changed(world: World, with |settings| settings.welcome_mail = true) {
        let olga = world.staff(Role::Administrator).await;
        olga.did("newsletters/add/", &[("name", "Sunday"), ("description", "Long reads")]).await;
        assert_eq!(olga.does("newsletters/add/", &[("name", "Sunday")]).await.status, 422);
        let lists = world.look(readership::newsletters::editing::all).await;
        let sunday = lists.iter().find(|list| list.name == "Sunday").unwrap().id;
        let page = olga.looks_at(&format!("newsletters/{sunday}/")).await;
        let version = hidden(&page, "version");
        let bad = olga.does(&format!("newsletters/{sunday}/"), &[("version", &version), ("name", "Sunday"), ("reply_to", "nobody"), ("sender_name", "The desk")]).await;
        assert_eq!(bad.status, 422);
        assert!(bad.body.contains("reply_to-error") && bad.body.contains("The desk"));
        olga.did(&format!("newsletters/{sunday}/"), &[("version", &version), ("name", "Sunday Long Read"), ("reply_to", "desk@rexwire.test"), ("sender_name", "The desk")]).await;
        assert_eq!(olga.does(&format!("newsletters/{sunday}/"), &[("version", &version), ("name", "x")]).await.status, 409);
        olga.did(&format!("newsletters/{sunday}/move/"), &[("to", "up")]).await;
        let names = world.look(|conn| Ok(readership::newsletters::active(conn)?.into_iter().map(|list| list.name).collect::<Vec<_>>())).await;
        assert_eq!(names, ["Sunday Long Read", "REX Wire"]);
        world.visitor().asks_with("subscribe", "ada@example.org", &[("newsletter", "sunday")]).await;
        world.visitor().confirms(&world.newest_link("ada@example.org").await).await;
        let welcome = world.nth_mail("ada@example.org", 2).await;
        assert!(welcome.header("From").unwrap().contains("The desk") && welcome.header("Reply-To").unwrap().contains("desk@rexwire.test"));
        assert!(olga.looks_at("newsletters/").await.contains(&format!("newsletter={sunday}")));
        olga.did(&format!("newsletters/{sunday}/archive/"), &[]).await;
        assert_eq!(world.count("newsletters", "status = 'archived'").await, 1);
        olga.did(&format!("newsletters/{sunday}/archive/"), &[("undo", "yes")]).await;
        assert_eq!(world.count("newsletters", "status = 'active'").await, 2);
    }
}

paying! {
    /// Somebody calls: they paid and cannot read. Everything that can be done about it, by support.
    async fn support_sees_and_mends_what_a_payer_calls_about(shop: Shop) {
        let sam = shop.staff(Role::Support).await;
        let ada = shop.payer("ada@example.org", GOOD).await;
        shop.settles().await;
        let id = shop.id_of("ada@example.org").await;
        let here = format!("members/{id}/");
        let page = sam.looks_at(&here).await;
        for part in ["it is paid", "Gold, 5.00 USD a month", "sub_", "Paid 5.00 USD", "Pays"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let subscription = shop.subscription(&ada).await["id"].as_str().unwrap().to_owned();
        let beside = sam.looks_at(&format!("{here}stripe/")).await;
        assert!(beside.contains("as here") && !beside.contains(">otherwise<"), "{beside}");

        let plan = format!("{}/year", shop.gold);
        let preview = sam.looks_at(&format!("{here}plan/?subscription={subscription}&plan={plan}")).await;
        assert!(preview.contains("50.00 USD a year") && preview.contains("Charged now"), "{preview}");
        sam.did(&format!("{here}plan/"), &[("subscription", &subscription), ("plan", &plan), ("at", &hidden(&preview, "at"))]).await;
        assert_eq!(shop.subscription(&ada).await["plan"]["interval"], "year");
        sam.did(&format!("{here}cancel/"), &[("subscription", &subscription), ("when", "period")]).await;
        assert_eq!(shop.subscription(&ada).await["cancel_at_period_end"], true);
        sam.did(&format!("{here}cancel/"), &[("subscription", &subscription), ("when", "resume")]).await;
        assert_eq!(shop.subscription(&ada).await["cancel_at_period_end"], false);

        let page = sam.looks_at(&here).await;
        let charge = hidden(&page, "payment");
        let refused = sam.does(&format!("{here}refund/"), &[("payment", &charge), ("amount", "5000"), ("once", "r0")]).await;
        assert_eq!(refused.status, 409, "{}", refused.body);
        assert_eq!(sam.does(&format!("{here}refund/"), &[("payment", &charge), ("amount", "1,000.00"), ("once", "r0")]).await.status, 409);
        for _ in 0..3 {
            sam.did(&format!("{here}refund/"), &[("payment", &charge), ("amount", "2.50"), ("once", "r1")]).await;
        }
        assert_eq!(shop.count("payments", "refunded_minor = 250").await, 1, "sent three times, given back once");
        assert_eq!(shop.count("audit_log", "action = 'member.refund'").await, 1);
        let olga = shop.staff(Role::Owner).await;
        let refused = olga.does(&format!("{here}erase/"), &[]).await;
        assert!(refused.status == 409 && refused.body.contains("goes on charging"), "{}", refused.body);
        let asked = olga.does("members/bulk/", &[("filter", ""), ("whom", "all"), ("deed", "erase")]).await;
        let run = olga.did("members/bulk/run/", &[("request", &hidden(&asked.body, "request")), ("once", "e")]).await;
        assert_eq!(shop.job_rests(run.location()).await.number("paying"), 1);
        let other = shop.payer("bea@example.org", GOOD).await;
        drop(other);
        let bea = shop.id_of("bea@example.org").await;
        assert_eq!(sam.does(&format!("members/{bea}/refund/"), &[("payment", &charge), ("once", "r2")]).await.status, 404, "somebody else's payment");

        sam.did(&format!("{here}cancel/"), &[("subscription", &subscription), ("when", "now")]).await;
        assert_eq!(ada.record().await.unwrap()["status"], "free");
        sam.did(&format!("{here}comp/"), &[("tier", &shop.patron.to_string()), ("until", "2031-01-01"), ("once", "c")]).await;
        assert_eq!(ada.record().await.unwrap()["status"], "comped");
        assert_eq!(sam.does(&format!("{here}comp/"), &[("tier", &shop.patron.to_string()), ("until", "2001-01-01")]).await.status, 409);
        assert!(sam.looks_at(&here).await.contains("staff gave it free of charge"));
        sam.did(&format!("{here}comp/"), &[("end", "yes")]).await;
        assert_eq!(ada.record().await.unwrap()["status"], "free");
        sam.did(&format!("{here}resync/"), &[]).await;
        assert!(sam.looks_at("members/?q=sub_nothing").await.contains("Nobody here fits"));
        assert!(sam.looks_at(&format!("members/?q={subscription}")).await.contains("ada@example.org"));
    }
}

paying! {
    /// Who owes and where it stands; what Stripe told, worked off again; everything compared, with what
    /// drifted; figures.
    async fn billing_is_seen_whole(shop: Shop) {
        let olga = shop.staff(Role::Owner).await;
        shop.payer("bob@example.org", DECLINED_LATER).await;
        shop.payer("ada@example.org", GOOD).await;
        shop.after_days(32).await;
        let olga = { drop(olga); let again = shop.visitor(); again.did("signin/", &[("email", "owner@rexwire.test"), ("password", PASSWORD)]).await; again };
        let page = olga.looks_at("billing/").await;
        assert!(page.contains("bob@example.org") && page.contains("Stripe is trying again") && page.contains("5.00 USD"), "{page}");
        assert!(page.contains("test: no money moves"));
        let events = olga.looks_at("billing/events/").await;
        assert!(events.contains("checkout.session.completed") && events.contains("invoice.payment_failed"), "{events}");
        let event = shop.look(|conn| Ok(readership::billing::inbox::told(conn, "done", None, 1)?[0].id.clone())).await;
        let before = shop.count("payments", "1 = 1").await;
        olga.did(&format!("billing/events/{event}/replay/"), &[]).await;
        shop.settles().await;
        assert_eq!(shop.count("payments", "1 = 1").await, before, "again, and nothing twice");
        assert_eq!(shop.count("stripe_events", "state = 'done'").await, shop.count("stripe_events", "state <> 'passed'").await);
        shop.app().db.write(|conn| readership::db::execute(conn, "UPDATE paid_subscriptions SET status = 'canceled'")).await.unwrap();
        let run = olga.did("jobs/reconcile/", &[]).await;
        let job = shop.job_rests(run.location()).await;
        assert_eq!((job.state, job.number("customers"), job.number("drift")), (State::Done, 2, 2), "{}", job.report);
        let page = olga.looks_at("billing/").await;
        assert!(page.contains("stood otherwise") && page.contains("Read ada@example.org again"), "{page}");
        let home = olga.looks_at("").await;
        assert!(home.contains("<strong>10.00 USD</strong>a month") && home.contains("<strong>2</strong>") && home.contains("2 customers stood otherwise"), "{home}");
        let tested = olga.does("billing/test/", &[]).await;
        assert!(tested.body.contains("Stripe answers, and knows the key"), "{}", tested.body);
        olga.did("billing/webhook/", &[]).await;
    }
}

story! {
    /// Mails that wait or failed, with their reasons; a test to oneself; pausing; addresses held back.
    async fn mails_are_seen_tried_and_held_back(world: World) {
        let sam = world.staff(Role::Support).await;
        let olga = world.staff(Role::Owner).await;
        sam.did("mail/test/", &[]).await;
        world.nth_mail("support@rexwire.test", 1).await;
        assert_eq!(sam.does("mail/pause/", &[]).await.status, 403);
        olga.did("mail/pause/", &[]).await;
        world.visitor().asks("signup", "ada@example.org").await;
        let page = sam.looks_at("mail/?state=waiting").await;
        assert!(page.contains("ada@example.org") && page.contains("paused"), "{page}");
        assert!(olga.looks_at("").await.contains("The sending of mail is paused"));
        olga.did("mail/pause/", &[("resume", "yes")]).await;
        world.nth_mail("ada@example.org", 1).await;
        sam.did("mail/suppression/add/", &[("address", "Bob@Example.org"), ("why", "asked by telephone")]).await;
        assert_eq!(sam.does("mail/suppression/add/", &[("address", "nobody")]).await.status, 422);
        assert!(sam.looks_at("mail/suppression/?q=bob").await.contains("asked by telephone"));
        sam.did("mail/suppression/lift/", &[("address", "bob@example.org")]).await;
        assert_eq!(world.count("suppressions", "1 = 1").await, 0);
        world.app().db.write(|conn| readership::db::execute(conn, "INSERT INTO suppressions (email_key, reason, created_at) VALUES ('c@example.org', 'complaint', 1)")).await.unwrap();
        assert_eq!(sam.does("mail/suppression/lift/", &[("address", "c@example.org")]).await.status, 409, "a complaint is its reader's to take back");
        world.app().db.write(|conn| readership::db::execute(conn, "UPDATE outbox SET state = 'parked', last_error = 'broken' WHERE recipient = 'ada@example.org'")).await.unwrap();
        let id = world.look(|conn| Ok(readership::mail::outbox::shown(conn, "parked", None, 1)?[0].id)).await;
        sam.did(&format!("mail/{id}/retry/"), &[]).await;
        world.nth_mail("ada@example.org", 2).await;
    }
}

story! {
    /// The form that the pages make works on the site as it stands there.
    async fn the_form_that_is_made_works(world: World) {
        let olga = world.staff(Role::ReadOnly).await;
        let page = olga.looks_at("footer/?language=de&name=1&signin=1&place=hugo&heading=Hallo").await;
        let html = page.split("<textarea").nth(1).unwrap().split('>').nth(1).unwrap();
        assert!(html.contains("Abonnieren") && html.contains("Hallo") && html.contains("RelPermalink"), "{html}");
        assert!(html.contains(&format!("{}members/subscribe/", world.url)) && html.contains("rex-wire"));
        for state in ["members-pending", "members-billing-failed", ""] {
            for scheme in ["light", "dark"] {
                let preview = olga.get(&format!("admin/footer/preview/?language=ar&state={state}&scheme={scheme}")).await;
                assert_eq!(preview.status, 200);
                assert!(preview.body.contains("dir=\"rtl\"") && preview.header("content-security-policy").contains("form-action 'none'"));
                assert_eq!(preview.body.matches("members-shown\"").count(), usize::from(!state.is_empty()), "{}", preview.body);
            }
        }
        world.visitor().posts("members/subscribe/", &[("email", "ada@example.org"), ("newsletter", "rex-wire"), ("return_to", "")]).await.lands_on("members-pending");
    }
}
