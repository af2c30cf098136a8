//! What members do for themselves, on pages without a script.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::story;
use crate::support::people::{Answer, Person};
use crate::support::world::World;

const QUARTER: Duration = Duration::from_secs(900);

impl Person {
    /// Sends a form of one of the account's pages.
    async fn sends(&self, page: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = self.base.origin().ascii_serialization();
        self.posts_from(&origin, &format!("members/account/{page}"), fields).await
    }
}

#[track_caller]
fn is_done(answer: &Answer, page: &str, what: &str) {
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(answer.location(), format!("/members/account/{page}?done={what}#done"));
}

/// Signs somebody in with another browser.
async fn another_browser(world: &World, email: &str, mails: usize) -> Person {
    let person = world.visitor();
    person.asks("signin", email).await;
    person.opens(&world.nth_link(email, mails).await).await;
    assert!(person.record().await.is_some());
    person
}

story! {
    async fn who_is_signed_out_is_led_to_the_form_and_back(world: World) {
        let visitor = world.visitor();
        for page in ["", "newsletters/", "email/", "language/", "devices/", "data/", "data/readership.json", "delete/"] {
            let answer = visitor.get(&format!("members/account/{page}")).await;
            assert_eq!(answer.status, 303, "{page}");
            assert!(answer.location().contains("members/signin/?return_to=http%3A%2F%2F127.0.0.1"), "{}", answer.location());
        }
        for page in ["", "newsletters/", "email/", "language/", "devices/", "delete/"] {
            let answer = visitor.sends(page, &[("email", "a@example.org"), ("language", "de"), ("others", "yes")]).await;
            assert!([401, 404].contains(&answer.status.as_u16()), "{page}: {}", answer.status);
        }
    }
}

story! {
    async fn every_page_says_what_it_is_for(world: World) {
        let ada = world.member("ada@example.org").await;
        for (page, heading) in [
            ("", "Your account"), ("newsletters/", "Newsletters"), ("email/", "Change email address"), ("language/", "Language"),
            ("devices/", "Devices"), ("data/", "What is kept about you"), ("delete/", "Delete account"),
        ] {
            for slash in [page, page.trim_end_matches('/')] {
                let answer = ada.get(&format!("members/account/{slash}")).await;
                assert_eq!(answer.status, 200, "{slash}");
                assert!(answer.body.contains(&format!("<h1>{heading}</h1>")), "{}", answer.body);
            }
        }
        // The address chooses among known notes and brings no words of its own.
        assert!(ada.get("members/account/?done=name").await.body.contains("Your name has been saved."));
        assert!(!ada.get("members/account/?done=<b>hello</b>").await.body.contains("hello"));
    }
}

story! {
    async fn a_name_is_changed(world: World) {
        let ada = world.member("ada@example.org").await;
        is_done(&ada.sends("", &[("name", " Ada  Lovelace ")]).await, "", "name");
        assert_eq!(ada.record().await.unwrap()["name"], "Ada  Lovelace");
        let bad = ada.sends("", &[("name", &"x".repeat(192))]).await;
        assert_eq!(bad.status, 422);
        assert!(bad.body.contains("at most 191 characters") && bad.body.contains(&"x".repeat(192)), "{}", bad.body);
        is_done(&ada.sends("", &[("name", "")]).await, "", "name");
        assert_eq!(ada.record().await.unwrap()["name"], Value::Null);
        let foreign = ada.posts_from("https://evil.example", "members/account/", &[("name", "Eve")]).await;
        assert_eq!(foreign.status, 403);
    }
}

story! {
    async fn newsletters_are_chosen_with_proof_and_paused(world: World) {
        let now = world.clock.now();
        world.app().db.write(move |conn| readership::newsletters::add(conn, "Sunday", None, now)).await.unwrap();
        let ada = world.visitor();
        ada.asks_with("signup", "ada@example.org", &[("newsletter", "REX Wire")]).await;
        ada.opens(&world.newest_link("ada@example.org").await).await;
        let page = ada.get("members/account/newsletters/").await.body;
        let id_of = |name: &str| {
            let (before, _) = page.split_once(&format!("<bdi>{name}</bdi>")).unwrap();
            before.rsplit_once("value=\"").unwrap().1[..24].to_owned()
        };
        let sunday = id_of("Sunday");
        is_done(&ada.sends("newsletters/", &[("newsletter", &sunday)]).await, "newsletters/", "newsletters");
        let lists = ada.record().await.unwrap()["newsletters"].clone();
        assert_eq!((lists.as_array().unwrap().len(), lists[0]["name"].as_str()), (1, Some("Sunday")));
        assert_eq!(world.count("consents", "method = 'account page, by the member'").await, 1);
        assert_eq!(world.count("member_events", "kind = 'unsubscribed'").await, 1);

        is_done(&ada.sends("newsletters/", &[("pause", "30")]).await, "newsletters/", "paused");
        assert!(ada.get("members/account/newsletters/").await.body.contains("No newsletters come until"));
        is_done(&ada.sends("newsletters/", &[("pause", "0")]).await, "newsletters/", "resumed");
        assert_eq!(world.count("members", "paused_until IS NOT NULL").await, 0);
        is_done(&ada.sends("newsletters/", &[]).await, "newsletters/", "newsletters");
        assert_eq!(ada.record().await.unwrap()["newsletters"], json!([]));
    }
}

story! {
    /// S8, with a sign-in of a moment ago: the new address proves itself, the old one can undo.
    async fn s8_an_address_is_changed_and_can_be_undone(world: World) {
        let ada = world.member("ada@example.org").await;
        let phone = another_browser(&world, "ada@example.org", 2).await;
        is_done(&ada.sends("email/", &[("email", "countess@example.org")]).await, "email/", "email");
        assert_eq!(ada.record().await.unwrap()["email"], "ada@example.org", "not before it is confirmed");
        let link = world.nth_link("countess@example.org", 1).await;
        assert!(link.contains("action=updateEmail"));
        // Elsewhere it asks; in the browser that asked it is done at once.
        let page = world.visitor().opens(&link).await;
        page.is_page_with_button(200);
        assert!(page.body.contains("c***@e***.org") && page.body.contains("Use this address"));
        let answer = ada.opens(&link).await;
        assert!(answer.location().ends_with("members/account/email/?action=updateEmail&success=true#members-email-ok"), "{}", answer.location());
        assert_eq!(ada.record().await.unwrap()["email"], "countess@example.org");
        assert!(phone.record().await.is_none(), "every other session ended");

        let notice = world.nth_mail("ada@example.org", 3).await;
        assert_eq!(notice.subject(), "Your address at REX Wire has changed");
        assert!(notice.text().contains("c***@e***.org") && !notice.text().contains("countess@"));
        let undo = notice.text().split_whitespace().find(|word| word.contains("/members/undo/")).unwrap().to_owned();
        let path = undo.strip_prefix(world.url.as_str()).unwrap().to_owned();
        // Looking undoes nothing.
        let scanner = world.visitor();
        for _ in 0..3 {
            let page = scanner.get(&path).await;
            page.is_page_with_button(200);
            assert_eq!(page.header("referrer-policy"), "no-referrer");
        }
        assert!(ada.record().await.is_some());
        let query = path.split_once('?').unwrap().1;
        let fields: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let forged = [fields[0], ("key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")];
        let origin = world.url.origin().ascii_serialization();
        assert_eq!(scanner.posts_from(&origin, "members/undo/", &forged).await.status, 404);
        assert_eq!(scanner.posts_from(&origin, "members/undo/", &fields).await.status, 200);
        assert!(ada.record().await.is_none(), "whoever changed it is signed out");
        assert_eq!(scanner.posts_from(&origin, "members/undo/", &fields).await.status, 410);
        assert!(another_browser(&world, "ada@example.org", 4).await.record().await.unwrap()["email"] == "ada@example.org");
    }
}

story! {
    async fn s8_the_undo_ends_after_three_days(world: World) {
        let ada = world.member("ada@example.org").await;
        ada.sends("email/", &[("email", "countess@example.org")]).await;
        ada.opens(&world.nth_link("countess@example.org", 1).await).await;
        let text = world.nth_mail("ada@example.org", 2).await.text();
        let undo = text.split_whitespace().find(|word| word.contains("/members/undo/")).unwrap().to_owned();
        world.clock.advance(Duration::from_secs(72 * 3_600));
        assert_eq!(world.visitor().get(undo.strip_prefix(world.url.as_str()).unwrap()).await.status, 410);
    }
}

story! {
    /// S8: a session of yesterday cannot move the account; its mailbox is asked first.
    async fn s8_a_session_that_is_not_fresh_asks_the_present_address(world: World) {
        let ada = world.member("ada@example.org").await;
        world.clock.advance(QUARTER);
        is_done(&ada.sends("email/", &[("email", "thief@example.org")]).await, "email/", "email-approve");
        assert!(world.mailbox.to("thief@example.org").is_empty());
        let approve = world.nth_link("ada@example.org", 2).await;
        let mail = world.nth_mail("ada@example.org", 2).await;
        assert!(mail.text().contains("t***@e***.org") && !mail.text().contains("thief@"));
        let phone = world.visitor();
        phone.opens(&approve).await.is_page_with_button(200);
        assert_eq!(world.count("email_changes", "1 = 1").await, 0);
        let answer = phone.presses("members/", &approve).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let link = world.nth_link("thief@example.org", 1).await;
        assert_eq!(ada.record().await.unwrap()["email"], "ada@example.org");
        phone.opens(&link).await.is_page_with_button(200);
        phone.presses("members/", &link).await;
        assert_eq!(phone.record().await.unwrap()["email"], "thief@example.org");
    }
}

story! {
    async fn s8_an_address_that_is_taken_gets_a_note_and_nobody_learns_it(world: World) {
        let ada = world.member("ada@example.org").await;
        let bob = world.member("bob@example.org").await;
        let taken = ada.sends("email/", &[("email", "BOB@example.org")]).await;
        let free = ada.sends("email/", &[("email", "free@example.org")]).await;
        assert_eq!((taken.status, taken.location()), (free.status, free.location()));
        let note = world.nth_mail("bob@example.org", 2).await;
        assert_eq!(note.subject(), "Your address at REX Wire");
        assert!(note.link().is_none() && !note.text().contains("ada@"));
        assert!(bob.record().await.is_some());
    }
}

story! {
    async fn s8_five_wishes_an_hour_are_enough(world: World) {
        let ada = world.member("ada@example.org").await;
        for number in 0..5 {
            is_done(&ada.sends("email/", &[("email", &format!("n{number}@example.org"))]).await, "email/", "email");
        }
        assert_eq!(ada.sends("email/", &[("email", "n6@example.org")]).await.status, 429);
        let identity = ada.identity().await;
        let by_api = ada.posts_json("members/api/member/email/", &json!({"identity": identity, "email": "n7@example.org"})).await;
        assert_eq!(by_api.status, 429);
        let bad = ada.sends("email/", &[("email", "nowhere")]).await;
        assert_eq!(bad.status, 422);
        assert!(bad.body.contains("id=\"email-error\"") && bad.body.contains("value=\"nowhere\""));
    }
}

story! {
    /// S9: one sees and ends one's own sessions, and nobody else's.
    async fn s9_devices_are_listed_and_signed_out(world: World) {
        let ada = world.member("ada@example.org").await;
        let phone = another_browser(&world, "ada@example.org", 2).await;
        let desk = another_browser(&world, "ada@example.org", 3).await;
        let bob = world.member("bob@example.org").await;
        let device_of = |page: &Answer| page.body.split_once("name=\"device\" value=\"").map(|(_, rest)| rest[..24].to_owned());
        let page = ada.get("members/account/devices/").await;
        assert_eq!(page.body.matches("Firefox on Linux</strong>").count(), 3, "{}", page.body);
        assert_eq!(page.body.matches("(this device)").count(), 1);
        assert!(page.body.contains("Last used on"));
        let device = device_of(&page).unwrap();

        assert_eq!(bob.sends("devices/", &[("device", &device)]).await.status, 404);
        assert_eq!(ada.sends("devices/", &[("device", "../../etc/passwd")]).await.status, 404);
        is_done(&ada.sends("devices/", &[("device", &device)]).await, "devices/", "device");
        let left = [phone.record().await.is_some(), desk.record().await.is_some()];
        assert_eq!(left.iter().filter(|here| **here).count(), 1);
        assert_eq!(ada.sends("devices/", &[("device", &device)]).await.status, 404);
        for _ in 0..2 {
            is_done(&ada.sends("devices/", &[("others", "yes")]).await, "devices/", "devices");
            assert_eq!(world.count("member_events", "kind = 'signed_out_elsewhere'").await, 1, "the second time there were none");
        }
        assert_eq!(world.count("member_events", "kind = 'signed_out'").await, 1);
        assert!(phone.record().await.is_none() && desk.record().await.is_none());
        assert!(ada.record().await.is_some() && bob.record().await.is_some());
        assert_eq!(device_of(&ada.get("members/account/devices/").await), None);
    }
}

story! {
    /// V3 and V1: everything that is kept, in one file, after a fresh sign-in.
    async fn v3_everything_kept_comes_as_one_file(world: World) {
        let ada = world.visitor();
        ada.asks_with("signup", "ada@example.org", &[("name", "Ada"), ("label", "vip"), ("return_to", "http://site.test/about/")]).await;
        ada.opens(&world.newest_link("ada@example.org").await).await;
        let answer = ada.get("members/account/data/readership.json").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-disposition"), "attachment; filename=\"readership.json\"");
        let data = answer.json();
        for (pointer, value) in [
            ("/email", json!("ada@example.org")), ("/name", json!("Ada")), ("/labels", json!(["vip"])),
            ("/signed_up_on", json!("http://site.test/about/")), ("/language", json!("en")),
            ("/newsletters/0/name", json!("REX Wire")), ("/sessions/0/browser", json!("Firefox on Linux")),
            ("/consents/0/method", json!("form, confirmed by link")), ("/consents/0/form", json!("http://site.test/about/")),
            ("/consents/0/client_network", json!("127.0.0.0/24")), ("/consents/0/newsletter", json!("REX Wire")),
            ("/mails/0/kind", json!("link")), ("/events/0/what", json!("signed_up")),
        ] {
            assert_eq!(data.pointer(pointer), Some(&value), "{pointer} in {data:#}");
        }
        let consent = &data["consents"][0];
        assert!(consent["words_shown"].as_str().unwrap().contains("By signing up you agree"));
        assert!(consent["asked_at"].is_string() && consent["confirmed_at"].is_string());
        let text = answer.body;
        for secret in ada.cookies().split("; ") {
            assert!(!text.contains(secret.split_once('=').unwrap().1));
        }

        world.clock.advance(QUARTER);
        let late = ada.get("members/account/data/readership.json").await;
        assert_eq!(late.status, 403);
        let page = ada.get("members/account/data/").await;
        assert!(page.body.contains("value=\"ada@example.org\"") && page.body.contains("Mail me a link"));
        // Signing in once more leads back to where one was.
        let back = format!("{}members/account/data/", world.url);
        ada.sends("../signin/", &[("email", "ada@example.org"), ("return_to", &back), ("then", "wait")]).await;
        let answer = ada.opens(&world.nth_link("ada@example.org", 2).await).await;
        assert!(answer.location().starts_with(&back), "{}", answer.location());
        assert_eq!(ada.get("members/account/data/readership.json").await.status, 200);
    }
}

story! {
    /// V4: seven days to think again, then nothing is left but a hash that keeps mails away.
    async fn v4_a_deleted_account_is_erased_everywhere(world: World) {
        let ada = world.visitor();
        ada.asks_with("signup", "ada.to.erase@example.org", &[("name", "Adalbertine")]).await;
        ada.opens(&world.newest_link("ada.to.erase@example.org").await).await;
        ada.sends("email/", &[("email", "moved.to.erase@example.org")]).await;
        ada.opens(&world.nth_link("moved.to.erase@example.org", 1).await).await;
        let page = ada.get("members/account/delete/").await;
        assert!(page.body.contains("7 days to think again"), "{}", page.body);
        is_done(&ada.sends("delete/", &[]).await, "delete/", "leaving");
        assert_eq!(ada.record().await.unwrap()["newsletters"], json!([]), "newsletters end at once");
        assert!(ada.get("members/account/").await.body.contains("Your account will be erased on"));
        is_done(&ada.sends("delete/", &[("stay", "yes")]).await, "delete/", "stayed");
        assert!(!ada.get("members/account/").await.body.contains("will be erased"));
        is_done(&ada.sends("delete/", &[]).await, "delete/", "leaving");
        let identity = ada.identity().await;

        world.clock.advance(Duration::from_secs(7 * 86_400 - 60));
        world.tidies().await;
        assert_eq!(world.count("members", "1 = 1").await, 1);
        world.clock.advance(Duration::from_secs(60));
        world.tidies().await;
        assert_eq!(world.count("members", "1 = 1").await, 0);
        // S11: the session and the token are nobody's at once.
        assert!(ada.record().await.is_none());
        let answer = ada.posts_json("members/api/member/offers/", &json!({"identity": identity})).await;
        assert_eq!(answer.status, 401);

        world.checkpoint().await;
        let dump = String::from_utf8_lossy(&world.dump().await).to_lowercase();
        for trace in ["to.erase", "adalbertine"] {
            assert!(!dump.contains(trace), "{trace} is still in the database");
        }
        let is_held = |text: &'static str| {
            let policy = world.app().policy.clone();
            world.look(move |conn| {
                let email = readership::members::address::EmailAddress::parse(text).unwrap();
                let erased = readership::members::leaving::erased_among(conn, &policy, &[&email])?;
                Ok(erased.contains(&email.key()))
            })
        };
        assert!(is_held("moved.to.erase@example.org").await && !is_held("other@example.org").await);
        // Its owner may come back, by their own confirmation.
        let again = world.visitor();
        again.asks("signup", "moved.to.erase@example.org").await;
        again.opens(&world.nth_link("moved.to.erase@example.org", 2).await).await.lands_on("members-signup-ok");
        assert!(!is_held("moved.to.erase@example.org").await);
    }
}

story! {
    async fn deleting_takes_a_fresh_sign_in(world: World) {
        let ada = world.member("ada@example.org").await;
        world.clock.advance(QUARTER);
        assert_eq!(ada.sends("delete/", &[]).await.status, 403);
        assert_eq!(world.count("members", "erase_at IS NOT NULL").await, 0);
        assert!(!ada.get("members/account/delete/").await.body.contains("class=\"danger\""));
    }
}

story! {
    /// S11: an account that is deleted by its row ends everywhere at once.
    async fn s11_a_deleted_member_is_signed_out_at_once(world: World) {
        let ada = world.member("ada@example.org").await;
        let identity = ada.identity().await;
        world.app().db.write(|conn| readership::db::execute(conn, "DELETE FROM members")).await.unwrap();
        assert!(ada.record().await.is_none());
        assert_eq!(ada.get("members/api/session/").await.status, 204);
        let edit = ada.request(Method::PUT, "members/api/member/", &[("content-type", "application/json")], Some("{}".to_owned())).await;
        assert_eq!(edit.status, 401);
        let change = ada.posts_json("members/api/member/email/", &json!({"identity": identity, "email": "x@example.org"})).await;
        assert_eq!(change.status, 401);
    }
}

story! {
    async fn languages_are_chosen_and_kept(world: World) {
        let ada = world.member("ada@example.org").await;
        is_done(&ada.sends("language/", &[("language", "de")]).await, "language/", "language");
        let page = ada.get("members/account/").await;
        assert!(page.body.contains("<html lang=\"de\" dir=\"ltr\">") && page.body.contains("<h1>Ihr Konto</h1>"), "{}", page.body);
        assert_eq!(page.header("content-language"), "de");
        // Mails too, whatever the asking browser prefers.
        world.visitor().asks("signin", "ada@example.org").await;
        let mail = world.nth_mail("ada@example.org", 2).await;
        assert_eq!(mail.subject(), "Bei REX Wire anmelden");
        assert_eq!(mail.header("Content-Language").as_deref(), Some("de"));
        assert_eq!(ada.sends("language/", &[("language", "tlh")]).await.status, 415);
    }
}
