//! The pages of staff, clicked through as they would be: with scripts off, as owner and as support.

use crate::chromium::{Chromium, Script};
use crate::looks::faults_at_work;
use crate::newsroom::{Newsroom, Reader};
use crate::support::staff::PASSWORD;
use crate::support::world::Engine;
use crate::visit;

const LONG: &str = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft-und-noch-sehr-viel-mehr-ohne-jede-Lücke";

/// Somebody of the staff in front of the pages.
struct Desk<'a> {
    newsroom: &'a Newsroom,
    browser: Chromium,
}

impl<'a> Desk<'a> {
    /// The owner, by the link that is printed at the start.
    async fn of_owner(newsroom: &'a Newsroom, script: Script) -> Self {
        let desk = Self { newsroom, browser: Chromium::open(script).await };
        desk.browser.looks_like(1280, "light").await;
        let token = newsroom.first_link().await;
        desk.opens(&format!("join/?token={token}")).await;
        desk.browser.types("#email", "olga@rexwire.test").await;
        desk.browser.types("#name", "Olga").await;
        desk.gives_password("#password").await;
        desk.browser.types("#again", PASSWORD).await;
        desk.browser.clicks("main button").await;
        desk.browser.is_headed("Home").await;
        desk
    }

    async fn opens(&self, path: &str) {
        self.browser.goto(&format!("{}admin/{path}", self.newsroom.members)).await;
    }

    async fn gives_password(&self, field: &str) {
        self.browser.types(field, PASSWORD).await;
    }

    /// What the page says has happened.
    async fn is_told(&self, words: &str) {
        self.browser
            .until(words, async |page| match page.client.find(fantoccini::Locator::Css("#done")).await {
                Ok(note) => note.text().await.is_ok_and(|text| text.contains(words)),
                Err(_) => false,
            })
            .await;
    }

    async fn sees(&self, words: &str) {
        let words = words.to_owned();
        self.browser
            .until(&words, async |page| page.client.source().await.is_ok_and(|source| source.contains(&words)))
            .await;
    }

    async fn chooses(&self, css: &str) {
        self.browser.clicks(css).await;
    }
}

async fn signs_up(newsroom: &Newsroom, address: &str) {
    let reader = Reader::at(newsroom, Script::Off).await;
    reader.asks("signup", address).await;
    reader.opens_link(address, 1).await;
    reader.browser.close().await;
}

visit! {
    /// A day at the desk, without any script.
    async fn an_owner_does_everything_without_a_script(newsroom: Newsroom) {
        let desk = Desk::of_owner(&newsroom, Script::Off).await;
        let page = &desk.browser;
        desk.sees("What to do first").await;
        desk.opens("members/").await;
        desk.sees("Nobody is a member yet").await;
        signs_up(&newsroom, "ada@reader.test").await;
        signs_up(&newsroom, "bea@reader.test").await;

        desk.opens("members/").await;
        page.types("#q", "ada").await;
        page.clicks("[role=search] button").await;
        page.until("found", async |page| page.address().await.contains("q=ada")).await;
        page.clicks("tbody a").await;
        page.is_headed("ada@reader.test").await;
        page.types("#text", "Called about her delivery.").await;
        page.clicks("form[action$='/note/'] button").await;
        desk.is_told("The note is kept.").await;
        page.clicks("form[action$='/comp/'] button").await;
        desk.is_told("Access is given.").await;
        page.types("#labels", "vip, press").await;
        page.clicks("form[action$='/edit/'] button").await;
        desk.is_told("Saved.").await;
        desk.sees("staff gave it free of charge").await;
        page.clicks("form[action$='/signin-as/'] button").await;
        desk.sees("as staff").await;
        page.client.back().await.unwrap();
        page.is_headed("ada@reader.test").await;

        desk.opens("members/?sort=address").await;
        page.clicks("tbody input[type=checkbox]").await;
        page.types("#bulk-label", "chosen").await;
        page.clicks("fieldset.card button").await;
        page.is_headed("1 member").await;
        page.clicks("form[action$='/run/'] button").await;
        page.is_headed("Put a label on members").await;
        page.until("it is done", async |page| page.client.source().await.is_ok_and(|source| source.contains("Take it back"))).await;
        page.clicks("form[action$='/undo/'] button").await;
        page.is_headed("Take a change back").await;

        desk.opens("tiers/").await;
        page.types("#new-name", "Friend").await;
        page.types("#new-month", "not much").await;
        page.clicks("form[action$='tiers/add/'] button").await;
        page.waits_for("#month-error").await;
        assert_eq!(page.find("#new-name").await.prop("value").await.unwrap().unwrap(), "Friend", "what was typed stays");
        page.types("#new-month", "3").await;
        page.clicks("form[action$='tiers/add/'] button").await;
        desk.is_told("Added.").await;
        desk.opens("newsletters/").await;
        page.types("#name", "Sunday").await;
        page.clicks("form[action$='newsletters/add/'] button").await;
        desk.is_told("Added.").await;
        desk.opens("mail/").await;
        page.clicks("form[action$='mail/test/'] button").await;
        desk.is_told("A test mail is on its way").await;
        newsroom.mail("olga@rexwire.test", "the test", |mails| mails.into_iter().next()).await;
        desk.opens("billing/").await;
        page.clicks("form[action$='billing/test/'] button").await;
        desk.sees("Stripe answers, and knows the key").await;
        desk.opens("jobs/").await;
        page.clicks("form[action$='reconcile/'] button").await;
        page.is_headed("Compare everything with Stripe").await;
        desk.opens("footer/?language=fr").await;
        desk.sees("Restons en contact").await;
        desk.opens("settings/keys/").await;
        page.is_headed("Keys of programs").await;

        desk.opens("staff/").await;
        page.types("#email", "sam@rexwire.test").await;
        page.clicks("[value=support]").await;
        page.clicks("form[action$='invite/'] button").await;
        desk.is_told("The invitation is on its way.").await;
        let link = newsroom.link("sam@rexwire.test", 1).await;
        page.clicks("form[action$='signout/'] button").await;
        page.waits_for("#password").await;
        page.client.back().await.unwrap();
        page.until("nothing is shown after signing out", async |page| {
            page.client.source().await.is_ok_and(|source| !source.contains("sam@rexwire.test") || source.contains("id=\"password\""))
        }).await;

        page.goto(&link).await;
        page.types("#name", "Sam").await;
        desk.gives_password("#password").await;
        page.types("#again", PASSWORD).await;
        page.clicks("main button").await;
        page.is_headed("Home").await;
        desk.sees("support").await;
        assert!(!page.client.source().await.unwrap().contains("admin/settings/\""), "no way to what this role may not");
        desk.opens("settings/").await;
        page.is_headed("Your role may not do this").await;
        desk.opens("members/?q=bea").await;
        page.clicks("tbody a").await;
        page.clicks("form[action$='/link/'] button").await;
        desk.is_told("A mail with a link to sign in is on its way.").await;
        desk.opens("audit/").await;
        page.is_headed("Your role may not do this").await;
        desk.browser.close().await;
    }
}

/// Pages with nothing on them, with something, with much too long words, and with what is wrong; on a phone
/// and on a desk, light and dark, looked at by axe.
#[tokio::test]
async fn every_page_of_staff_is_fit_for_work() {
    let newsroom = Newsroom::open(Engine::Sqlite).await;
    let desk = Desk::of_owner(&newsroom, Script::On).await;
    let page = &desk.browser;
    let mut faults = Vec::new();
    for (name, path) in
        [("home-empty", ""), ("members-empty", "members/"), ("jobs-empty", "jobs/"), ("mail-empty", "mail/")]
    {
        desk.opens(path).await;
        faults.extend(faults_at_work(page, &format!("staff-{name}")).await);
    }
    signs_up(&newsroom, "ada@reader.test").await;
    newsroom.fills_up(LONG).await;
    let member = newsroom.member_id("ada@reader.test").await;
    let one = format!("members/{member}/");
    for (name, path) in [
        ("home", ""),
        ("home-year", "?days=365"),
        ("members", "members/"),
        ("members-filtered", "members/?status=free&seen=30&sort=address"),
        ("members-none", "members/?q=nobody"),
        ("member", one.as_str()),
        ("member-done", &format!("{one}?done=saved#done")),
        ("tiers", "tiers/"),
        ("offer", "offers/add/"),
        ("newsletters", "newsletters/"),
        ("billing", "billing/"),
        ("payments", "billing/payments/"),
        ("events", "billing/events/"),
        ("mail", "mail/"),
        ("suppression", "mail/suppression/"),
        ("sender", "mail/sender/"),
        ("jobs", "jobs/"),
        ("import", "jobs/import/"),
        ("footer", "footer/"),
        ("settings", "settings/"),
        ("keys", "settings/keys/"),
        ("staff", "staff/"),
        ("audit", "audit/?verify=1"),
        ("account", "account/"),
        ("password", "account/password/"),
        ("second-factor", "account/second-factor/"),
        ("prove", "prove/"),
        ("not-found", "members/000000000000000000000000/"),
    ] {
        desk.opens(path).await;
        faults.extend(faults_at_work(page, &format!("staff-{name}")).await);
    }
    for (name, path, link) in [
        ("job", "jobs/", "tbody a"),
        ("tier", "tiers/", "tbody tr:last-child th a"),
        ("newsletter", "newsletters/", "tbody a"),
        ("staff-one", "staff/", "tbody a"),
    ] {
        desk.opens(path).await;
        desk.chooses(link).await;
        page.waits_for("h1").await;
        faults.extend(faults_at_work(page, &format!("staff-{name}")).await);
    }
    desk.opens("tiers/").await;
    page.types("#new-name", LONG).await;
    page.types("#new-month", "no amount").await;
    page.clicks("form[action$='tiers/add/'] button").await;
    page.waits_for("#month-error").await;
    faults.extend(faults_at_work(page, "staff-tiers-wrong").await);
    desk.opens("members/").await;
    page.clicks("[name=whom][value=all]").await;
    page.types("#bulk-label", "everybody").await;
    page.clicks("fieldset.card button").await;
    page.waits_for("[name=request]").await;
    faults.extend(faults_at_work(page, "staff-bulk").await);
    page.client.delete_all_cookies().await.unwrap();
    for (name, path) in [("signin", "signin/"), ("forgotten", "forgotten/"), ("dead-link", "join/?token=nothing")] {
        desk.opens(path).await;
        faults.extend(faults_at_work(page, &format!("staff-{name}")).await);
    }
    desk.browser.close().await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
