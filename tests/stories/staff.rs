//! Whoever runs the site: the first account, signing in, second factors, roles, and what is written down
//! (`reliability.md` A1 to A14).

use std::time::Duration;

use futures_util::future::join_all;
use readership::staff::audit::{self, Verdict};
use readership::staff::roles::Role;

use crate::story;
use crate::support::people::Person;
use crate::support::staff::{PASSWORD, hidden};

async fn signs_in(person: &Person, address: &str, password: &str) -> u16 {
    person.does("signin/", &[("email", address), ("password", password)]).await.status.as_u16()
}

story! {
    /// A11: fifty who open the first link at once make one owner; afterwards it is good for nothing.
    async fn a11_the_first_link_makes_one_owner(world: World) {
        assert_eq!(world.visitor().get("admin/").await.status, 303, "led to the sign-in page");
        assert_eq!(world.visitor().does("join/", &[("name", "Eve"), ("password", PASSWORD), ("again", PASSWORD)]).await.status, 410);
        let token = world.first_link().await.unwrap();
        let page = world.visitor().get(&format!("admin/join/?token={token}")).await;
        assert_eq!((page.status.as_u16(), page.headers.contains_key("set-cookie")), (200, false), "looking changes nothing");
        let tries = (0..50).map(|number| {
            let (visitor, token, address) = (world.visitor(), token.clone(), format!("olga{number}@rexwire.test"));
            async move {
                let fields = [("token", token.as_str()), ("email", address.as_str()), ("name", "Olga"), ("password", PASSWORD), ("again", PASSWORD)];
                visitor.does("join/", &fields).await.status.as_u16()
            }
        });
        let statuses = join_all(tries).await;
        assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
        assert_eq!(world.count("staff", "role = 'owner'").await, 1);
        assert_eq!(world.first_link().await, None);
    }
}

story! {
    /// A1: what is a password, and that every character of it counts.
    async fn a1_passwords_are_long_and_not_easily_guessed(world: World) {
        let token = world.first_link().await.unwrap();
        let letters = (0..250_u32).map(|n| char::from_u32(0x430 + (n * n * 7 + n * 3) % 32).unwrap());
        let long: String = letters.chain("é☂end.".chars()).collect();
        for (password, is_good) in [
            ("", false), ("short", false), ("passwordpassword", false), ("111111111111111", false), ("qwertyuiopasdfgh", false),
            ("olga@rexwire.test1", false), ("rex wire rex wire", false), (&"x".repeat(300), false), (PASSWORD, true), (&long, true),
            // Of breaches: no rule of thumb would know the third and fourth.
            ("1qaz2wsx3edc4rfv", false), ("12345678987654321", false), ("Hd764nW5d7E1vb1", false), ("hD764Nw5D7e1VB1", false),
            ("Ключ под ковриком у двери", true), ("🦊🐻🦁🐯 in a little boat", true), ("ferry lantern oat plum", true), ("ferrylanternoa", false),
            ("               ", false), ("ferry	lantern	oat plum", true),
        ] {
            let fields = [("token", token.as_str()), ("email", "olga@rexwire.test"), ("name", "Olga"), ("password", password), ("again", "never the same")];
            let answer = world.visitor().does("join/", &fields).await;
            assert_eq!(answer.status, 422);
            assert_eq!(answer.body.contains("password-error"), !is_good, "{password:?}: {}", answer.body);
            assert!(is_good != answer.body.contains("password-error") && answer.body.contains("value=\"Olga\""), "what was typed stays");
        }
        let fields = [("token", token.as_str()), ("email", "olga@rexwire.test"), ("name", "Olga"), ("password", long.as_str()), ("again", long.as_str())];
        assert_eq!(world.visitor().does("join/", &fields).await.status, 303);
        assert_eq!(signs_in(&world.visitor(), "olga@rexwire.test", &long).await, 303);
        assert_eq!(signs_in(&world.visitor(), "olga@rexwire.test", &long[..long.len() - 1]).await, 422, "the last character counts");
    }
}

story! {
    /// A2: Argon2id as a PHC string, renewed at the next sign-in when it is to cost more.
    async fn a2_hashes_are_renewed_when_they_are_to_cost_more(world: World) {
        world.staff_named("olga@rexwire.test", Role::Owner).await;
        let dump = String::from_utf8_lossy(&world.dump().await).into_owned();
        assert!(dump.contains("$argon2id$v=19$m=64,t=1"), "a PHC string");
        assert!(!dump.contains(PASSWORD));
        world.settings.staff.password_kib = 128;
        world.restart().await;
        assert_eq!(signs_in(&world.visitor(), "olga@rexwire.test", PASSWORD).await, 303);
        assert_eq!(world.count("staff", "password LIKE '$argon2id$v=19$m=128,%'").await, 1);
    }
}

story! {
    /// A3: hashing has a bounded queue; whoever does not fit is asked to come again, and an address without
    /// an account is answered like any other.
    async fn a3_hashing_cannot_exhaust_the_machine(world: World, with |settings| {
        settings.staff.password_kib = 32_768;
        settings.staff.hashing_queue = 4;
        settings.staff.client_tries = 1_000;
        settings.staff.account_tries = 1_000;
    }) {
        world.staff_named("olga@rexwire.test", Role::Owner).await;
        let many = join_all((0..60).map(|_| {
            let visitor = world.visitor();
            async move { visitor.does("signin/", &[("email", "olga@rexwire.test"), ("password", "not the password at all")]).await }
        })).await;
        let busy: Vec<_> = many.iter().filter(|answer| answer.status == 503).collect();
        assert!(!busy.is_empty() && many.iter().all(|answer| matches!(answer.status.as_u16(), 422 | 503)));
        assert!(busy.iter().all(|answer| !answer.header("retry-after").is_empty()));
        let known = world.visitor().does("signin/", &[("email", "olga@rexwire.test"), ("password", "wrong wrong wrong wrong")]).await;
        let unknown = world.visitor().does("signin/", &[("email", "nobody@rexwire.test"), ("password", "wrong wrong wrong wrong")]).await;
        let plain = |body: &str| body.replace("olga@", "x@").replace("nobody@", "x@").split("nonce=\"").map(|part| part.split_once('"').map_or(part, |(_, rest)| rest).to_owned()).collect::<Vec<_>>();
        assert_eq!((known.status, plain(&known.body)), (unknown.status, plain(&unknown.body)));
    }
}

story! {
    /// A4: of a hundred who try at once five are looked at; whoever comes from elsewhere gets in, and a
    /// session that is open stays open.
    async fn a4_wrong_passwords_lock_nobody_out(world: World, with |settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    }) {
        let olga = world.staff_named("olga@rexwire.test", Role::Owner).await;
        let from = async |client: &str, password: &str| {
            let visitor = world.visitor();
            let body = format!("email=olga%40rexwire.test&password={}", password.replace(' ', "+"));
            let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-forwarded-for", client)];
            visitor.request(reqwest::Method::POST, "admin/signin/", &headers, Some(body)).await.status.as_u16()
        };
        let statuses = join_all((0..100).map(|_| from("198.51.100.7", "wrong wrong wrong"))).await;
        assert!(statuses.iter().filter(|status| **status == 422).count() <= 5, "{statuses:?}");
        assert_eq!(from("198.51.100.7", PASSWORD).await, 429);
        assert_eq!(from("203.0.113.9", PASSWORD).await, 303);
        olga.looks_at("").await;
    }
}

story! {
    /// A4: after so many wrong ones in a row a link by mail opens the account.
    async fn a4_many_wrong_passwords_take_a_link_by_mail(world: World, with |settings| {
        settings.staff.failures = 3;
        settings.staff.account_tries = 100;
    }) {
        world.staff_named("olga@rexwire.test", Role::Owner).await;
        for _ in 0..3 {
            assert_eq!(signs_in(&world.visitor(), "olga@rexwire.test", "wrong wrong wrong wrong").await, 422);
        }
        assert_eq!(signs_in(&world.visitor(), "olga@rexwire.test", PASSWORD).await, 403);
        world.outbox_settles().await;
        let mails = world.mailbox.to("olga@rexwire.test");
        let link = mails.iter().rev().find_map(|mail| mail.link().filter(|link| link.contains("admin/reset"))).unwrap();
        let token = crate::support::people::token_of(&link);
        let new = "another ferry at dawn, and no fog";
        assert_eq!(world.visitor().does("reset/", &[("token", &token), ("password", new), ("again", new)]).await.status, 303);
        assert_eq!(signs_in(&world.visitor(), "olga@rexwire.test", new).await, 303);
        assert_eq!(world.visitor().does("reset/", &[("token", &token), ("password", new), ("again", new)]).await.status, 410, "once");
    }
}

story! {
    /// A5: owners need a second factor before anything else; a code counts once and for a step to either
    /// side; recovery codes count once.
    async fn a5_the_second_factor(world: World, with |settings| {
        settings.staff.second_factor = 1;
        settings.staff.account_tries = 100;
    }) {
        let olga = world.staff_named("olga@rexwire.test", Role::Owner).await;
        for path in ["", "members/", "staff/", "audit/", "settings/"] {
            let answer = olga.get(&format!("admin/{path}")).await;
            assert!(answer.location().contains("admin/account/second-factor/"), "{path}: {} {}", answer.status, answer.location());
        }
        assert_eq!(olga.does("jobs/reconcile/", &[]).await.status, 403);
        let (totp, codes) = world.sets_up_second_factor(&olga).await;
        assert_eq!(codes.len(), 10);
        olga.looks_at("").await;

        let half_way = async || {
            let visitor = world.visitor();
            let page = visitor.does("signin/", &[("email", "olga@rexwire.test"), ("password", PASSWORD)]).await;
            assert_eq!((page.status.as_u16(), page.headers.contains_key("set-cookie")), (200, false), "no session yet");
            let half_way = hidden(&page.body, "half_way");
            (visitor, half_way)
        };
        let gives = async |code: &str| {
            let (visitor, half_way) = half_way().await;
            visitor.does("signin/code/", &[("half_way", &half_way), ("code", code)]).await.status.as_u16()
        };
        assert_eq!(gives(&world.code_at(&totp, 0)).await, 422, "it was used to set it up");
        world.clock.advance(Duration::from_secs(90));
        assert_eq!(gives(&world.code_at(&totp, 2)).await, 422);
        assert_eq!(gives(&world.code_at(&totp, -2)).await, 422);
        let code = world.code_at(&totp, 1);
        assert_eq!(gives(&code).await, 303);
        assert_eq!(gives(&code).await, 422, "each code once");
        assert_eq!(gives(&codes[0]).await, 303);
        assert_eq!(gives(&codes[0]).await, 422, "each recovery code once");
        let dump = String::from_utf8_lossy(&world.dump().await).into_owned();
        assert!(codes.iter().all(|code| !dump.contains(code.as_str())), "no code is stored in clear");

        let (visitor, half_way) = half_way().await;
        world.clock.advance(Duration::from_secs(301));
        assert_eq!(visitor.does("signin/code/", &[("half_way", &half_way), ("code", &world.code_at(&totp, 0))]).await.status, 422, "the password was too long ago");
    }
}

story! {
    /// A9: the cookie, the ends of a session, and a proof before something dangerous.
    async fn a9_sessions_end_and_danger_takes_a_proof(world: World) {
        let olga = world.staff_named("olga@rexwire.test", Role::Owner).await;
        let signed_in = world.visitor().does("signin/", &[("email", "olga@rexwire.test"), ("password", PASSWORD)]).await;
        let cookie = signed_in.header("set-cookie");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"), "{cookie}");
        assert_eq!(olga.does("members/export/", &[("filter", "")]).await.status, 303);
        world.clock.advance(Duration::from_secs(16 * 60));
        olga.looks_at("members/").await;
        let refused = olga.does("members/export/", &[("filter", "")]).await;
        assert_eq!(refused.status, 403);
        assert!(refused.body.contains("data-error=\"reauth_required\"") && refused.body.contains("admin/prove/"), "{}", refused.body);
        assert_eq!(olga.does("prove/", &[("proof", "not it"), ("to", "/admin/members/")]).await.status, 422);
        assert_eq!(olga.does("prove/", &[("proof", PASSWORD), ("to", "/admin/members/")]).await.location(), "/admin/members/");
        assert_eq!(olga.does("prove/", &[("proof", PASSWORD), ("to", "//evil.example/")]).await.location(), "/admin/");
        assert_eq!(olga.does("members/export/", &[("filter", "")]).await.status, 303);

        world.clock.advance(Duration::from_secs(8 * 3_600 + 1));
        assert!(olga.get("admin/members/?q=ada").await.location().contains("admin/signin/?to="), "eight hours of rest");
        let busy = world.visitor();
        assert_eq!(signs_in(&busy, "olga@rexwire.test", PASSWORD).await, 303);
        for _ in 0..24 {
            world.clock.advance(Duration::from_secs(7 * 3_600));
            if busy.get("admin/").await.status != 200 { break; }
        }
        assert_eq!(busy.get("admin/").await.status, 303, "a week at most");
    }
}

story! {
    /// A9: forms of other sites change nothing.
    async fn a9_forms_of_other_sites_change_nothing(world: World) {
        let olga = world.staff_named("olga@rexwire.test", Role::Owner).await;
        for origin in ["http://site.test", "https://evil.example", "null"] {
            let answer = olga.posts_from(origin, "admin/staff/invite/", &[("email", "eve@evil.example"), ("role", "owner")]).await;
            assert_eq!(answer.status, 403, "{origin}");
        }
        assert_eq!(world.count("staff_links", "used_at IS NULL").await, 0);
    }
}

story! {
    /// A10: asking for another password says nothing of the address; the link works once, for half an hour,
    /// and ends every session.
    async fn a10_another_password(world: World) {
        let olga = world.staff_named("olga@rexwire.test", Role::Owner).await;
        let ask = async |address: &str| world.visitor().does("forgotten/", &[("email", address)]).await;
        let (known, unknown) = (ask("olga@rexwire.test").await, ask("nobody@rexwire.test").await);
        assert_eq!(known.status, unknown.status);
        assert_eq!(known.body.len(), unknown.body.len());
        world.outbox_settles().await;
        assert_eq!(world.mailbox.to("nobody@rexwire.test").len(), 0);
        let link = world.newest_link("olga@rexwire.test").await;
        let token = crate::support::people::token_of(&link);
        for _ in 0..3 {
            assert_eq!(world.visitor().get(&format!("admin/reset/?token={token}")).await.status, 200, "looking uses nothing up");
        }
        let new = "another ferry at dawn, and no fog";
        assert_eq!(world.visitor().does("reset/", &[("token", &token), ("password", new), ("again", new)]).await.status, 303);
        assert_eq!(olga.get("admin/").await.status, 303, "signed out everywhere");
        world.outbox_settles().await;
        assert!(world.mailbox.to("olga@rexwire.test").len() >= 2, "a mail says that the password changed");

        ask("olga@rexwire.test").await;
        world.outbox_settles().await;
        let late = crate::support::people::token_of(&world.newest_link("olga@rexwire.test").await);
        world.clock.advance(Duration::from_secs(1_801));
        assert_eq!(world.visitor().get(&format!("admin/reset/?token={late}")).await.status, 410);
    }
}

story! {
    /// A13: everything that staff do is written down, and no row can be changed unseen.
    async fn a13_the_log_is_whole_or_names_the_row(world: World) {
        let olga = world.staff_named("olga@rexwire.test", Role::Owner).await;
        world.member("ada@example.org").await;
        let ada = world.id_of("ada@example.org").await;
        olga.did(&format!("members/{ada}/note/"), &[("text", "Called about her card."), ("once", "a")]).await;
        olga.did(&format!("members/{ada}/signout/"), &[]).await;
        olga.did("staff/invite/", &[("email", "sam@rexwire.test"), ("role", "support")]).await;
        signs_in(&world.visitor(), "olga@rexwire.test", "wrong wrong wrong wrong").await;
        let page = olga.looks_at("audit/?verify=1").await;
        for action in ["staff.join", "staff.signin", "staff.invite", "member.note", "member.signout", "staff.signin-failed"] {
            assert!(page.contains(action), "{action}");
        }
        assert!(page.contains("as they were written") && !page.contains("ada@example.org"), "no address stands in the log");
        let only = olga.looks_at(&format!("audit/?target=member:{ada}")).await;
        assert!(only.contains("member.note") && !only.contains("<td data-label=\"What\">staff.invite"));

        let key = world.app().policy.key.clone();
        let whole = world.look({ let key = key.clone(); move |conn| audit::verify(conn, &key) }).await;
        let Verdict::Whole { rows, .. } = whole else { panic!("{whole:?}") };
        assert!(rows >= 6);
        let changed = world.app().db.write(|conn| readership::db::execute(conn, "UPDATE audit_log SET actor_name = 'Eve' WHERE number = 3")).await;
        assert!(changed.is_err(), "the database itself refuses");
        world.app().db.write(|conn| {
            let drop = if matches!(conn, readership::db::Conn::Postgres(_)) { "ALTER TABLE audit_log DISABLE TRIGGER ALL" } else { "DROP TRIGGER audit_log_stays" };
            readership::db::execute(conn, drop)?;
            readership::db::execute(conn, "UPDATE audit_log SET actor_name = 'Eve' WHERE number = 3")
        }).await.unwrap();
        assert_eq!(world.look(move |conn| audit::verify(conn, &key)).await, Verdict::Broken { number: 3 });
        assert!(olga.looks_at("audit/?verify=1").await.contains("Row 3"));
    }
}

story! {
    /// A14: a browser that was not seen before is told of, once.
    async fn a14_a_new_device_is_told_of(world: World) {
        world.staff_named("olga@rexwire.test", Role::Owner).await;
        signs_in(&world.visitor(), "olga@rexwire.test", PASSWORD).await;
        world.outbox_settles().await;
        assert_eq!(world.mailbox.to("olga@rexwire.test").len(), 0, "the same browser");
        for _ in 0..2 {
            let headers = [
                ("content-type", "application/x-www-form-urlencoded"),
                ("user-agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"),
            ];
            let body = format!("email=olga%40rexwire.test&password={}", PASSWORD.replace(' ', "+"));
            let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
            let mut request = client.post(world.url.join("admin/signin/").unwrap());
            for (name, value) in headers { request = request.header(name, value); }
            assert_eq!(request.body(body).send().await.unwrap().status(), 303);
        }
        world.outbox_settles().await;
        assert_eq!(world.mailbox.to("olga@rexwire.test").len(), 1);
    }
}

/// The id of an account that a page lists.
fn account_of(page: &str, name: &str) -> String {
    let link = format!("/\"><bdi>{name}<");
    let found = page.split("/admin/staff/").find(|part| part.get(24..).is_some_and(|rest| rest.starts_with(&link)));
    found.unwrap_or_else(|| panic!("no {name} in {page}"))[..24].to_owned()
}

story! {
    /// Invitations, roles and their ends.
    async fn accounts_are_given_changed_and_taken_away(world: World) {
        let olga = world.staff_named("olga@rexwire.test", Role::Owner).await;
        olga.did("staff/invite/", &[("email", "sam@rexwire.test"), ("role", "support")]).await;
        let link = world.newest_link("sam@rexwire.test").await;
        let token = crate::support::people::token_of(&link);
        let sam = world.visitor();
        let fields = [("token", token.as_str()), ("name", "Sam"), ("email", "eve@evil.example"), ("password", PASSWORD), ("again", PASSWORD)];
        assert_eq!(sam.does("join/", &fields).await.status, 303);
        assert_eq!(world.count("staff", "email = 'sam@rexwire.test' AND role = 'support'").await, 1, "the invited address, whatever was typed");
        assert_eq!(sam.get("admin/staff/").await.status, 403);
        let page = olga.looks_at("staff/").await;
        let id = account_of(&page, "Sam");
        olga.did(&format!("staff/{id}/role/"), &[("was", "support"), ("role", "administrator")]).await;
        sam.looks_at("staff/").await;
        assert_eq!(olga.does(&format!("staff/{id}/role/"), &[("was", "support"), ("role", "owner")]).await.status, 409, "it is another one by now");
        let own = account_of(&page, "owner");
        assert_eq!(sam.does(&format!("staff/{own}/role/"), &[("was", "owner"), ("role", "read-only")]).await.status, 409, "administrators manage no owners");
        assert_eq!(olga.does(&format!("staff/{own}/role/"), &[("was", "owner"), ("role", "support")]).await.status, 409, "one owner must stay");
        assert_eq!(olga.does(&format!("staff/{own}/remove/"), &[]).await.status, 409);
        olga.did(&format!("staff/{id}/remove/"), &[]).await;
        assert_eq!(sam.get("admin/").await.status, 303, "at once");
        assert_eq!(olga.get("admin/staff/../staff/000000000000000000000000/").await.status, 404);
    }
}
