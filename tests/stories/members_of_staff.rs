//! Members, as staff see and help them: lists, one member, many at once, in and out.

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::prelude::*;
use readership::db::schema::members as rows;
use readership::jobs::State;
use readership::members::address::EmailAddress;
use readership::members::listing::{self, Filter};
use readership::members::{self, NewMember};
use readership::staff::roles::Role;

use crate::story;
use crate::support::people::Person;
use crate::support::staff::hidden;
use crate::support::world::World;

/// Brings members in by a file and waits until they are there.
async fn brings_in(world: &World, owner: &Person, csv: &str, more: &[(&str, &str)]) -> readership::jobs::Job {
    let mut fields = vec![("consent", "They ticked the box in our shop.")];
    fields.extend_from_slice(more);
    let sent = owner.sends_in(csv, &fields).await;
    assert_eq!(sent.status, 303, "{}", sent.body);
    let page = sent.location().to_owned();
    assert_eq!(world.job_rests(&page).await.state, State::Checked);
    let id = page.split("jobs/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    owner.did(&format!("jobs/{id}/start/"), &[]).await;
    let job = world.job_rests(&page).await;
    assert_eq!(job.state, State::Done, "{}", job.report);
    job
}

/// The addresses on a page of the list, in their order.
fn listed(page: &str) -> Vec<String> {
    page.split("aria-label=\"Choose ").skip(1).map(|part| part.split('"').next().unwrap().to_owned()).collect()
}

async fn newsletter(world: &World) -> String {
    world.look(|conn| Ok(readership::newsletters::active(conn)?[0].id.to_string())).await
}

story! {
    /// Filters, searches, sorting, and pages by key: every member once, in order, whatever the filter.
    async fn lists_show_everybody_once_in_order(world: World) {
        let olga = world.staff(Role::Owner).await;
        let mut csv = "email,name,labels,language,created_at\n".to_owned();
        for number in 0..240 {
            let label = if number % 3 == 0 { "third" } else { "" };
            let language = ["en", "de", ""][number % 3];
            csv += &format!("reader{number:03}@example.org,Äda {number:03},{label},{language},2024-{:02}-{:02}\n", 1 + number % 12, 1 + number % 28);
        }
        brings_in(&world, &olga, &csv, &[("label", "old")]).await;
        let all = async |query: &str| {
            let (mut path, mut found) = (format!("members/?{query}"), Vec::new());
            loop {
                let page = olga.looks_at(&path).await;
                found.extend(listed(&page));
                let Some(next) = page.split("Next page").next().filter(|_| page.contains(">Next page<")) else { return found };
                path = next.rsplit("href=\"").next().unwrap().split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&").trim_start_matches("/admin/").to_owned();
            }
        };
        for sort in ["newest", "oldest", "address", "seen", "unseen"] {
            let found = all(&format!("sort={sort}")).await;
            assert_eq!((found.len(), found.iter().collect::<BTreeSet<_>>().len()), (240, 240), "{sort}");
        }
        let by_address = all("sort=address").await;
        assert!(by_address.is_sorted(), "{by_address:?}");
        assert_eq!(all("q=reader07").await.len(), 10);
        assert_eq!(all("q=%C3%84da+11").await.len(), 10, "by name, whatever its case");
        assert_eq!(all("q=%C3%A4DA+0").await.len(), 100);
        assert_eq!(all("language=de").await.len(), 80);
        assert_eq!(all("language=de&sort=address").await.len(), 80);
        assert_eq!(all("from=2024-03-01&to=2024-03-31").await.len(), 20);
        assert_eq!(all("from=2024-03-01&to=2024-03-31&sort=address").await.len(), 20);
        assert_eq!(all("status=paid").await.len(), 0);
        assert_eq!(all("seen=-30").await.len(), 240);
        assert_eq!(all("seen=30").await.len(), 0);
        let third = world.look(|conn| Ok(readership::members::labels::all(conn)?.into_iter().find(|one| one.name == "third").unwrap().id.to_string())).await;
        assert_eq!(all(&format!("label={third}")).await.len(), 80);
        assert_eq!(all(&format!("label={third}&language=de")).await.len(), 0);
        let list = newsletter(&world).await;
        assert_eq!(all(&format!("newsletter={list}")).await.len(), 0, "no newsletter was chosen");
        for wild in ["sort=password", "q=%00%27%22%3B--", "status=%27+OR+1=1", "after=zzz", "after=%27&sort=seen", "label=1&tier=2&newsletter=3", "from=9999-99-99"] {
            olga.looks_at(&format!("members/?{wild}")).await;
        }
    }
}

story! {
    /// The same members, whichever way a filter is answered: through few candidates or by looking at all.
    async fn few_and_many_are_found_alike(world: World) {
        let olga = world.staff(Role::Owner).await;
        let list = newsletter(&world).await;
        let csv: String = std::iter::once("email,language\n".to_owned()).chain((0..300).map(|n| format!("r{n:03}@example.org,{}\n", if n % 7 == 0 { "fr" } else { "" }))).collect();
        brings_in(&world, &olga, &csv, &[("newsletter", &list)]).await;
        let now = world.clock.now();
        let filter = Filter::of_query(&format!("newsletter={list}&language=fr"));
        let (counted, walked) = world.look(move |conn| {
            let (mut walked, mut after) = (Vec::new(), None);
            loop {
                let (some, last) = listing::walk(conn, &filter, after, 17, now)?;
                walked.extend(some.into_iter().map(|one| one.email));
                after = last;
                if after.is_none() { break; }
            }
            Ok((listing::count(conn, &filter, now)?, walked))
        }).await;
        assert_eq!((counted, walked.len()), (43, 43));
    }
}

story! {
    /// What staff do for one member: each is done, is written down, and shows.
    async fn one_member_is_seen_and_helped(world: World) {
        let sam = world.staff(Role::Support).await;
        let ada = world.member("ada@example.org").await;
        let id = world.id_of("ada@example.org").await;
        let here = format!("members/{id}/");
        let page = sam.looks_at(&here).await;
        for part in ["ada@example.org", "Became a member", "Firefox on Linux", "link to sign in or confirm", "was taken by the mail server", "may read", "REX Wire"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let list = newsletter(&world).await;
        let edit = [("version", hidden(&page, "version")), ("name", "Ada Lovelace".to_owned()), ("labels", "vip, Press".to_owned()), ("newsletter", list)];
        let edit: Vec<(&str, &str)> = edit.iter().map(|(name, value)| (*name, value.as_str())).collect();
        sam.did(&format!("{here}edit/"), &edit).await;
        let second = sam.does(&format!("{here}edit/"), &edit).await;
        assert_eq!(second.status, 409, "the page is of before");
        assert!(second.body.contains("Somebody") && second.body.contains("Ada Lovelace"), "{}", second.body);
        assert_eq!(ada.record().await.unwrap()["name"], "Ada Lovelace");
        assert_eq!(world.count("member_labels", "1 = 1").await, 2);

        for _ in 0..2 {
            sam.did(&format!("{here}note/"), &[("text", "Called; <script>alert(1)</script>"), ("once", "the same")]).await;
        }
        assert_eq!(world.count("member_notes", "1 = 1").await, 1, "sent twice, kept once");
        let page = sam.looks_at(&here).await;
        assert!(!page.contains("<script") && page.contains("script"), "inert");

        let before = world.mailbox.to("ada@example.org").len();
        sam.did(&format!("{here}link/"), &[]).await;
        let link = world.nth_link("ada@example.org", before + 1).await;
        world.visitor().confirms(&link).await;
        sam.did(&format!("{here}signout/"), &[]).await;
        assert!(ada.record().await.is_none(), "signed out everywhere");

        assert_eq!(sam.does(&format!("{here}signin-as/"), &[]).await.status, 403, "not for this role");
        assert_eq!(sam.does(&format!("{here}erase/"), &[]).await.status, 403);
        assert_eq!(sam.does(&format!("{here}export/"), &[]).await.status, 403);
        for action in ["member.edit", "member.note", "member.send-link", "member.signout"] {
            assert!(world.look(move |conn| { Ok(readership::staff::audit::actions(conn)?.contains(&action.to_owned())) }).await, "{action}");
        }
    }
}

story! {
    /// Seeing an account in its owner's name: said on the page, written down, and nothing can be changed.
    async fn signing_in_as_a_member_changes_nothing(world: World) {
        let olga = world.staff(Role::Owner).await;
        let ada = world.member("ada@example.org").await;
        let id = world.id_of("ada@example.org").await;
        olga.did(&format!("members/{id}/signin-as/"), &[]).await;
        let page = olga.get("members/account/").await;
        assert!(page.body.contains("as staff") && page.body.contains("ada@example.org"), "{}", page.body);
        let own = olga.base.origin().ascii_serialization();
        for (path, fields) in [
            ("members/account/", vec![("name", "Eve")]),
            ("members/account/email/", vec![("email", "eve@evil.example")]),
            ("members/account/newsletters/", vec![]),
            ("members/account/delete/", vec![]),
        ] {
            assert_eq!(olga.posts_from(&own, path, &fields).await.status, 403, "{path}");
        }
        assert_eq!(olga.get("members/api/session/").await.status, 403, "no token that could change something");
        assert_eq!(olga.get("members/account/data/readership.json").await.status, 403);
        let put = olga.request(reqwest::Method::PUT, "members/api/member/", &[("content-type", "application/json"), ("origin", own.as_str())], Some("{\"name\":\"Eve\"}".to_owned())).await;
        assert_eq!(put.status, 401);
        assert!(ada.record().await.unwrap()["name"].is_null(), "the member's own session goes on, and nothing changed");
        assert_eq!(world.count("audit_log", "action = 'member.signin-as'").await, 1);
        assert!(olga.looks_at(&format!("members/{id}/")).await.contains("opened by staff"));
    }
}

story! {
    /// An account that staff erase can be kept for half an hour, and is gone afterwards.
    async fn erasing_waits_and_can_be_taken_back(world: World) {
        let olga = world.staff(Role::Owner).await;
        world.member("ada@example.org").await;
        let id = world.id_of("ada@example.org").await;
        olga.did(&format!("members/{id}/erase/"), &[]).await;
        olga.did(&format!("members/{id}/stay/"), &[]).await;
        world.clock.advance(Duration::from_secs(1_900));
        world.tidies().await;
        assert_eq!(world.count("members", "1 = 1").await, 1);
        let olga = world.visitor();
        olga.did("signin/", &[("email", "owner@rexwire.test"), ("password", crate::support::staff::PASSWORD)]).await;
        olga.did(&format!("members/{id}/erase/"), &[]).await;
        world.clock.advance(Duration::from_secs(1_900));
        world.tidies().await;
        assert_eq!(world.count("members", "1 = 1").await, 0);
        assert_eq!(olga.get(&format!("admin/members/{id}/")).await.status, 404);
    }
}

story! {
    /// Many at once: the number first, then done, then taken back.
    async fn a_change_of_many_is_counted_done_and_taken_back(world: World) {
        let olga = world.staff(Role::Administrator).await;
        let list = newsletter(&world).await;
        let csv: String = std::iter::once("email,labels\n".to_owned()).chain((0..450).map(|n| format!("r{n:03}@example.org,{}\n", if n % 2 == 0 { "even" } else { "odd" }))).collect();
        brings_in(&world, &olga, &csv, &[("newsletter", &list)]).await;
        let even = world.look(|conn| Ok(readership::members::labels::all(conn)?.into_iter().find(|one| one.name == "even").unwrap().id.to_string())).await;
        let filter = format!("label={even}");
        let does = async |deed: &str, more: &[(&str, &str)]| {
            let mut fields = vec![("filter", filter.as_str()), ("whom", "all"), ("deed", deed)];
            fields.extend_from_slice(more);
            let asked = olga.does("members/bulk/", &fields).await;
            assert_eq!(asked.status, 200, "{}", asked.body);
            assert!(asked.body.contains("<strong>225</strong>"), "{}", asked.body);
            let (request, once) = (hidden(&asked.body, "request"), hidden(&asked.body, "once"));
            let run = olga.did("members/bulk/run/", &[("request", &request), ("once", &once)]).await;
            let again = olga.does("members/bulk/run/", &[("request", &request), ("once", &once)]).await;
            assert_eq!(again.status, 303, "sent twice, done once");
            let job = world.job_rests(run.location()).await;
            assert_eq!((job.state, job.number("changed")), (State::Done, 225), "{}", job.report);
            job.id
        };
        let on_list = "1 = 1";
        let labelled = does("label", &[("label", "Spring")]).await;
        assert_eq!(world.count("member_labels", "label_id IN (SELECT id FROM labels WHERE name = 'Spring')").await, 225);
        let left = does("unsubscribe", &[("newsletter", &list)]).await;
        assert_eq!(world.count("newsletter_subscriptions", on_list).await, 225);
        let erased = does("erase", &[]).await;
        assert_eq!(world.count("members", "erase_at IS NOT NULL").await, 225);
        assert_eq!(world.count("jobs", "kind = 'bulk'").await, 3);
        for job in [erased, left, labelled] {
            let undone = olga.did(&format!("jobs/{job}/undo/"), &[]).await;
            assert_eq!(world.job_rests(undone.location()).await.state, State::Done);
            assert_eq!(olga.does(&format!("jobs/{job}/undo/"), &[]).await.status, 409, "once");
        }
        assert_eq!(world.count("newsletter_subscriptions", on_list).await, 450);
        assert_eq!(world.count("members", "erase_at IS NOT NULL").await, 0);
        assert_eq!(world.count("member_labels", "label_id IN (SELECT id FROM labels WHERE name = 'Spring')").await, 0);
        let late = does("label", &[("label", "Spring")]).await;
        world.clock.advance(Duration::from_secs(1_801));
        assert_eq!(olga.does(&format!("jobs/{late}/undo/"), &[]).await.status, 409, "half an hour");
        assert_eq!(olga.does("members/bulk/", &[("filter", ""), ("whom", "chosen"), ("deed", "erase")]).await.status, 409, "nobody is chosen");
    }
}

story! {
    /// M12: what members said counts for more than what staff choose or a file says.
    async fn m12_nobody_is_put_on_a_list_against_their_word(world: World) {
        let olga = world.staff(Role::Owner).await;
        let list = newsletter(&world).await;
        let left = world.member("left@example.org").await;
        left.posts_from(&left.base.origin().ascii_serialization(), "members/account/newsletters/", &[]).await;
        world.member("never@example.org").await;
        let csv = "email,subscribed\nleft@example.org,true\nbounced@example.org,true\ngone@example.org,true\nnew@example.org,true\n";
        let gone = world.member("gone@example.org").await;
        gone.posts_from(&gone.base.origin().ascii_serialization(), "members/account/delete/", &[]).await;
        world.clock.advance(Duration::from_secs(8 * 86_400));
        world.tidies().await;
        let olga_again = world.visitor();
        olga_again.did("signin/", &[("email", "owner@rexwire.test"), ("password", crate::support::staff::PASSWORD)]).await;
        let olga = { drop(olga); olga_again };
        olga.did("mail/suppression/add/", &[("address", "bounced@example.org"), ("why", "asked by telephone")]).await;
        let mails = world.mailbox.count();
        let job = brings_in(&world, &olga, csv, &[("newsletter", &list)]).await;
        assert_eq!((job.number("new"), job.number("known"), job.number("silent"), job.number("held")), (1, 1, 1, 1), "{}", job.report);
        assert_eq!(world.count("newsletter_subscriptions", "member_id IN (SELECT id FROM members WHERE email = 'left@example.org')").await, 0);
        assert_eq!(world.count("newsletter_subscriptions", "member_id IN (SELECT id FROM members WHERE email = 'bounced@example.org')").await, 0);
        assert_eq!(world.count("newsletter_subscriptions", "member_id IN (SELECT id FROM members WHERE email = 'new@example.org')").await, 1);
        assert_eq!(world.count("members", "email = 'gone@example.org'").await, 0, "erased at their wish");
        assert_eq!(world.mailbox.count(), mails, "nobody is mailed unasked");
        let page = olga.looks_at(&format!("jobs/{}/?only=held", job.id)).await;
        assert!(page.contains("at its owner"), "{page}");
        let asked = olga.does("members/bulk/", &[("filter", ""), ("whom", "all"), ("deed", "subscribe"), ("newsletter", &list)]).await;
        let run = olga.did("members/bulk/run/", &[("request", &hidden(&asked.body, "request")), ("once", "x")]).await;
        let job = world.job_rests(run.location()).await;
        assert_eq!((job.number("left"), job.number("held")), (1, 1), "{}", job.report);
    }
}

story! {
    /// Somebody who stands twice in a file comes in once, and a label in other letters is the same label.
    async fn a_file_that_says_things_twice_does_them_once(world: World) {
        let olga = world.staff(Role::Owner).await;
        let list = newsletter(&world).await;
        let csv = "email,labels\nada@example.org,\"spring, Press\"\nbea@example.org,\nADA@example.org,late\n";
        let job = brings_in(&world, &olga, csv, &[("label", "Spring"), ("newsletter", &list)]).await;
        assert_eq!((job.number("new"), job.number("known")), (2, 1), "{}", job.report);
        let of_ada = "member_id IN (SELECT id FROM members WHERE email = 'ada@example.org')";
        for (table, of_her, of_all) in [
            ("member_labels", 3, 4),
            ("newsletter_subscriptions", 1, 2),
            ("consents", 1, 2),
            ("job_members", 1, 2),
            ("member_events", 2, 4),
        ] {
            assert_eq!((world.count(table, of_ada).await, world.count(table, "1 = 1").await), (of_her, of_all), "{table}");
        }
        assert_eq!(world.count("labels", "1 = 1").await, 3);
    }
}

story! {
    /// I7 and O7: cells that spreadsheets would take for formulas, bad lines with their numbers, and a file
    /// that comes back as it went out.
    async fn i7_what_goes_out_comes_back_as_it_was(world: World) {
        let olga = world.staff(Role::Owner).await;
        let names = ["=1+1", "+49 30 1", "-2", "@SUM(A1)", "'quoted", "O'Neill", "a \"b\", c", "=cmd|' /C calc'!A0", "Zoë ☂"];
        let mut csv = "\u{feff}email;name;labels;created_at\r\n".to_owned();
        for (number, name) in names.iter().enumerate() {
            csv += &format!("r{number}@example.org;\"{}\";;2024-05-0{}\r\n", readership::members::csv_cells::guarded(name).replace('"', "\"\""), number + 1);
        }
        csv += "no address;x;;\r\n;;;\r\n\r\nlast@example.org;\"two\r\nlines\";;\r\nr0@example.org;again;;\r\nq@example.org;q;;31.12.2024";
        let job = brings_in(&world, &olga, &csv, &[("label", "")]).await;
        assert_eq!((job.number("new"), job.number("known"), job.number("bad")), (9, 1, 3), "{}", job.report);
        let lines = world.look(move |conn| readership::jobs::lines(conn, job.id, Some("bad"), 0, 10)).await;
        assert_eq!(lines.iter().map(|line| line.line).collect::<Vec<_>>(), [11, 14, 17], "as an editor numbers them: {lines:?}");
        let kept: Vec<Option<String>> = world.look(|conn| Ok(rows::table.order(rows::email).select(rows::name).load(conn)?)).await;
        assert_eq!(kept.into_iter().map(Option::unwrap).collect::<Vec<_>>(), names);

        let first = world.takes_out(&olga, "sort=oldest").await;
        assert_eq!(first.status, 200);
        assert_eq!(first.header("content-length"), first.body.len().to_string());
        assert!(first.header("content-disposition").starts_with("attachment") && first.header("content-type").contains("charset=utf-8"));
        for line in first.body.lines().skip(1) {
            assert!(!line.split(',').any(|cell| cell.trim_matches('"').starts_with(['=', '+', '-', '@'])), "{line}");
        }
        let other = World::on(world.engine, |_| {}).await;
        let olga = other.staff(Role::Owner).await;
        brings_in(&other, &olga, &first.body, &[("label", "")]).await;
        let second = other.takes_out(&olga, "sort=oldest").await;
        let without_ids = |text: &str| text.lines().map(|line| line.split_once(',').unwrap().1.to_owned()).collect::<Vec<_>>();
        assert_eq!(without_ids(&first.body), without_ids(&second.body));
    }
}

story! {
    /// D6: an import that is broken off goes on where it was, and nobody comes in twice.
    async fn d6_an_import_survives_a_restart(world: World) {
        let olga = world.staff(Role::Owner).await;
        let csv: String = std::iter::once("email\n".to_owned()).chain((0..6_000).map(|n| format!("r{n}@example.org\n"))).collect();
        let sent = olga.sends_in(&csv, &[("consent", "They ticked the box in our shop.")]).await;
        let page = sent.location().to_owned();
        assert_eq!(world.job_rests(&page).await.state, State::Checked);
        let id = page.split("jobs/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        olga.did(&format!("jobs/{id}/start/"), &[]).await;
        world.until("some are in", async |world| world.count("members", "1 = 1").await > 300).await;
        world.restart().await;
        let there = world.count("members", "1 = 1").await;
        assert!(there < 6_000, "it was broken off: {there}");
        let job = world.job_rests(&page).await;
        assert_eq!((job.state, job.number("new"), job.number("known")), (State::Done, 6_000, 0), "{}", job.report);
        assert_eq!(world.count("members", "1 = 1").await, 6_000);
        assert_eq!(world.count("job_pieces", "1 = 1").await, 0, "the file is gone");
        assert_eq!(world.count("outbox", "1 = 1").await, 0);
    }
}

story! {
    /// D6: a file of members goes on where it was after a restart: each of them is in it once. It can be
    /// fetched by whoever may, and waits for a day.
    async fn d6_an_export_survives_a_restart(world: World) {
        let olga = world.staff(Role::Owner).await;
        let now = world.clock.now();
        world.app().db.write(move |conn| {
            for number in 0..20_000 {
                let email = EmailAddress::parse(&format!("r{number}@example.org")).unwrap();
                let new = NewMember { email: &email, name: None, source_page: None, referrer: None, language: None, attribution: None };
                members::create(conn, &new, now)?;
            }
            Ok(())
        }).await.unwrap();
        let sent = olga.does("members/export/", &[("filter", "q=r")]).await;
        let page = sent.location().to_owned();
        let id = page.split("jobs/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        assert_eq!(olga.does(&format!("jobs/{id}/file/"), &[]).await.status, 409, "it is not done yet");
        world.until("some are in the file", async |world| world.count("job_pieces", "1 = 1").await > 0).await;
        world.restart().await;
        let pieces = world.count("job_pieces", "1 = 1").await;
        assert!(pieces < 4, "it was broken off: {pieces}");
        let job = world.job_rests(&page).await;
        assert_eq!((job.state, job.number("lines"), job.total), (State::Done, 20_000, 20_000), "{}", job.report);
        let shown = olga.looks_at(&format!("jobs/{id}/")).await;
        assert!(shown.contains("members in the file") && shown.contains("Download members-"), "{shown}");
        let sam = world.staff(Role::Support).await;
        assert_eq!(sam.does(&format!("jobs/{id}/file/"), &[]).await.status, 403);
        assert!(!sam.looks_at(&format!("jobs/{id}/")).await.contains("Download members-"));
        let file = olga.does(&format!("jobs/{id}/file/"), &[]).await;
        let mut addresses: Vec<&str> = file.body.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!((addresses.len(), file.body.lines().count()), (20_000, 20_001));
        let fetched = world.count("audit_log", "action = 'members.export-fetched'").await;
        assert_eq!(fetched, 1, "who fetches it stands in the log");

        world.clock.advance(Duration::from_secs(86_401));
        world.tidies().await;
        assert_eq!(world.count("job_pieces", "1 = 1").await, 0, "the file is gone");
        let olga = world.staff_named("olaf@rexwire.test", Role::Owner).await;
        assert_eq!(olga.does(&format!("jobs/{id}/file/"), &[]).await.status, 409);
        assert!(olga.looks_at(&format!("jobs/{id}/")).await.contains("The file is gone"));
    }
}

story! {
    /// One that is stopped leaves no file; one that is sent twice is made once; one that is forgotten is gone.
    async fn an_export_leaves_no_more_than_it_must(world: World) {
        let olga = world.staff(Role::Owner).await;
        world.member("ada@reader.test").await;
        let once = [("filter", ""), ("once", "a-text-of-its-own")];
        let page = olga.does("members/export/", &once).await.location().to_owned();
        olga.does("members/export/", &once).await;
        assert_eq!(world.count("jobs", "kind = 'export'").await, 1);
        let job = world.job_rests(&page).await;
        assert_eq!(world.count("job_pieces", "1 = 1").await, 1);
        olga.did(&format!("jobs/{}/forget/", job.id), &[]).await;
        assert_eq!(world.count("job_pieces", "1 = 1").await, 0);
        let now = world.clock.now();
        let id = world.app().db.write(move |conn| {
            let id = readership::ids::JobId::new(now);
            diesel::insert_into(readership::db::schema::jobs::table).values((
                readership::db::schema::jobs::id.eq(id),
                readership::db::schema::jobs::kind.eq("export"),
                readership::db::schema::jobs::state.eq("running"),
                readership::db::schema::jobs::request.eq("{\"filter\":\"\"}"),
                readership::db::schema::jobs::made_by.eq("Olga"),
                readership::db::schema::jobs::total.eq(0),
                readership::db::schema::jobs::created_at.eq(now),
                readership::db::schema::jobs::lease_until.eq(now.plus(Duration::from_secs(60))),
            )).execute(conn)?;
            readership::jobs::add_piece(conn, id, 0, b"id,email")?;
            Ok(id)
        }).await.unwrap();
        olga.did(&format!("jobs/{id}/stop/"), &[]).await;
        assert_eq!(world.count("job_pieces", "1 = 1").await, 0);
        assert_eq!(olga.does(&format!("jobs/{id}/file/"), &[]).await.status, 409);
    }
}

story! {
    /// What is typed into an import form stays, and says what is wrong beside it; files that are none do no
    /// harm.
    async fn a_bad_upload_is_told_and_leaves_nothing(world: World, with |settings| settings.staff.upload_bytes = 4_096) {
        let olga = world.staff(Role::Owner).await;
        let answer = olga.sends_in("email\na@example.org\n", &[("consent", "no"), ("label", "My label")]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains("consent-error") && answer.body.contains("My label"), "{}", answer.body);
        assert_eq!(olga.sends_in(&"x".repeat(5_000), &[("consent", "They ticked the box.")]).await.status, 413);
        for rubbish in ["\0\0\0\0", "\u{feff}", "name\nAda\n", "\"unclosed,email\nx"] {
            let sent = olga.sends_in(rubbish, &[("consent", "They ticked the box.")]).await;
            assert_eq!(sent.status, 303);
            assert_eq!(world.job_rests(sent.location()).await.state, State::Failed, "{rubbish:?}");
        }
        assert_eq!(world.count("members", "1 = 1").await, 0);
        assert_eq!(olga.posts_from(&olga.base.origin().ascii_serialization(), "admin/jobs/import/", &[("file", "x")]).await.status, 415);
    }
}
