//! Staff and programs: second factors, tokens where sessions are meant, filters, files.

use readership::staff::roles::Role;
use reqwest::Method;

use crate::story;
use crate::support::keys::{first_key, token};
use crate::support::staff::{PASSWORD, hidden};

story! {
    /// Ghost (CVE-2026-22594): a field of the request said that the second factor may be skipped.
    async fn no_field_skips_the_second_factor(world: World, with |settings| {
        settings.staff.second_factor = 1;
        settings.staff.account_tries = 100;
    }) {
        let olga = world.staff_named("olga@rexwire.test", Role::Owner).await;
        assert!(olga.get("admin/").await.location().contains("second-factor"), "one must be set up");
        let (_, codes) = world.sets_up_second_factor(&olga).await;
        // Whoever has the password alone gets as far as the page for the code, whatever else they send.
        for more in [
            ("skipEmailVerification", "true"), ("skip_second_factor", "1"), ("token", "x"), ("second_factor", "0"),
            ("code", ""), ("half_way", ""), ("verified", "true"),
        ] {
            let visitor = world.visitor();
            let answer = visitor.does("signin/", &[("email", "olga@rexwire.test"), ("password", PASSWORD), more]).await;
            let _ = visitor.does("signin/code/", &[more]).await;
            for path in ["", "members/", "staff/", "settings/keys/"] {
                let shown = visitor.get(&format!("admin/{path}")).await;
                assert_ne!(shown.status, 200, "{more:?} opened {path} after {}", answer.status);
            }
        }
        let visitor = world.visitor();
        let page = visitor.does("signin/", &[("email", "olga@rexwire.test"), ("password", PASSWORD)]).await;
        let half_way = hidden(&page.body, "half_way");
        visitor.did("signin/code/", &[("half_way", &half_way), ("code", &codes[0])]).await;
        visitor.looks_at("").await;
    }
}

story! {
    /// Ghost (CVE-2026-22595): a path without its last slash let tokens of programs in where only sessions of staff
    /// may go.
    async fn a_program_opens_no_page_of_staff_with_or_without_a_slash(world: World) {
        world.staff(Role::Owner).await;
        let (id, secret) = first_key(&world).await;
        let header = format!("Ghost {}", token(&world, &id, &secret));
        for path in ["admin", "admin/members", "admin/staff", "admin/settings/keys", "admin/audit", "admin/jobs/import"] {
            for slash in ["", "/"] {
                let headers = [("authorization", header.as_str())];
                let answer = world.visitor().request(Method::GET, &format!("{path}{slash}"), &headers, None).await;
                assert_ne!(answer.status, 200, "{path}{slash}");
            }
        }
        for path in ["ghost/api/admin/db", "ghost/api/admin/users/owner", "ghost/api/admin/users", "ghost/api/admin/settings", "ghost/api/admin/integrations"] {
            for slash in ["", "/"] {
                let headers = [("authorization", header.as_str())];
                for method in [Method::GET, Method::DELETE, Method::PUT] {
                    let answer = world.visitor().request(method, &format!("{path}{slash}"), &headers, None).await;
                    assert!([404, 405].contains(&answer.status.as_u16()), "{path}{slash}: {}", answer.status);
                }
            }
        }
    }
}

story! {
    /// Ghost (CVE-2023-31133): filters over fields that are never shown told secrets letter by letter.
    async fn no_filter_reaches_a_secret(world: World) {
        world.member("ada@example.org").await;
        let (id, secret) = first_key(&world).await;
        let header = format!("Ghost {}", token(&world, &id, &secret));
        let asks = async |query: String| {
            let headers = [("authorization", header.as_str())];
            world.visitor().request(Method::GET, &format!("ghost/api/admin/members/?{query}"), &headers, None).await
        };
        for field in [
            "password", "secret", "token", "token_hash", "email_key", "sessions.id", "sessions.hash", "staff.password",
            "created_by", "unsubscribe_key", "magic_links.token_hash", "newsletters.secret", "outbox.recipient", "1=1) OR (1",
        ] {
            let field: String = url::form_urlencoded::byte_serialize(field.as_bytes()).collect();
            for filter in [format!("filter={field}:~^'a'"), format!("filter={field}:>'a'"), format!("order={field}%20asc")] {
                let answer = asks(filter.clone()).await;
                assert!([400, 422].contains(&answer.status.as_u16()), "{filter}: {} {}", answer.status, answer.body);
                assert!(!answer.body.to_lowercase().contains("sql"), "{}", answer.body);
            }
        }
        // Neither in what the public may ask.
        let content = world.visitor().get("ghost/api/content/tiers/?key=x&filter=secret:~^'a'").await;
        assert_eq!(content.status, 401);
        assert_eq!(asks("filter=status:free".to_owned()).await.status, 200, "the tool itself works");
    }
}

story! {
    /// Ghost (CVE-2024-34448): a name that is a formula ran in the spreadsheet of whoever opened the export.
    async fn a_cell_of_an_export_is_no_formula(world: World) {
        let olga = world.staff(Role::Owner).await;
        for (number, name) in ["=HYPERLINK(\"http://evil.example\")", "+1+1", "-2+3", "@SUM(A1)"].into_iter().enumerate() {
            let ada = world.member(&format!("reader{number}@example.org")).await;
            let headers = [("content-type", "application/json")];
            let body = serde_json::json!({"name": name}).to_string();
            let answer = ada.request(Method::PUT, "members/api/member/", &headers, Some(body)).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        }
        let file = world.takes_out(&olga, "").await;
        let mut rows = csv::ReaderBuilder::new().has_headers(true).from_reader(file.body.trim_start_matches('\u{feff}').as_bytes());
        let mut seen = 0;
        for row in rows.records().map(Result::unwrap) {
            for cell in &row {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
            }
            seen += 1;
        }
        assert_eq!(seen, 4);
    }
}

story! {
    /// listmonk (CVE-2026-34828): sessions went on after the password was changed or reset.
    async fn another_password_ends_the_sessions_of_the_old_one(world: World) {
        let olga = world.staff_named("olga@rexwire.test", Role::Owner).await;
        let stolen = olga.copy();
        assert_eq!(stolen.get("admin/").await.status, 200);
        let new = "another ferry at dawn, and no fog";
        let changed = olga.does("account/password/", &[("present", PASSWORD), ("password", new), ("again", new)]).await;
        assert_eq!(changed.status, 303, "{}", changed.body);
        assert_eq!(stolen.get("admin/").await.status, 303, "the stolen one is over");
    }
}

story! {
    /// Ghost (CVE-2023-32235): `..` in the path of an asset read files of the machine.
    async fn no_path_leads_out(world: World) {
        for path in [
            "members/footer.js/../../etc/passwd", "members/..%2f..%2fetc/passwd", "members/%2e%2e/%2e%2e/etc/passwd",
            "members/....//....//etc/passwd", "members/footer.js%00.html", "admin/..%5c..%5cwindows/win.ini", "ghost/api/content/offers/..%2f..%2f/",
        ] {
            let answer = world.visitor().get(path).await;
            assert!([400, 401, 403, 404].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
            assert!(!answer.body.contains("root:"), "{path}");
        }
    }
}
