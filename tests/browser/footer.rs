//! The seven notes that need no billing.

use crate::chromium::Script;
use crate::newsroom::Reader;
use crate::visit;

const PENDING: &str = "Success! Check your email for magic link to sign-in.";
const SIGNED_UP: &str = "Great! You've successfully signed up.";
const SIGNED_IN: &str = "Welcome back! You've successfully signed in.";
const SUBSCRIBED: &str = "You've successfully subscribed to REX Wire.";
const ALREADY: &str = "You are subscribed to REX Wire already.";
const EXPIRED: &str = "That link had ended. A new one is on its way.";
const FAILED: &str = "That did not work. Please try again.";

visit! {
    async fn all_seven_notes_without_a_script(newsroom: Newsroom) {
        let reader = Reader::at(&newsroom, Script::Off).await;
        assert_eq!(reader.browser.find("html").await.attr("data-script").await.unwrap(), None);
        sees_all_seven(&reader).await;
        reader.browser.close().await;
    }
}

visit! {
    async fn all_seven_notes_with_the_script(newsroom: Newsroom) {
        let reader = Reader::at(&newsroom, Script::On).await;
        sees_all_seven(&reader).await;
        reader.browser.close().await;
    }
}

async fn sees_all_seven(reader: &Reader<'_>) {
    // A visitor subscribes.
    reader.asks("subscribe", "ada@reader.test").await;
    reader.sees("pending", PENDING).await;
    reader.opens_link("ada@reader.test", 1).await;
    reader.sees("subscribe-ok", SUBSCRIBED).await;

    // The same again.
    reader.asks("subscribe", "ada@reader.test").await;
    reader.sees("pending", PENDING).await;
    reader.opens_link("ada@reader.test", 2).await;
    reader.sees("already", ALREADY).await;
    reader.signs_out().await;

    // Another one becomes a member.
    reader.browser.types("#signup-name", "Grace").await;
    reader.asks("signup", "grace@reader.test").await;
    reader.sees("pending", PENDING).await;
    reader.opens_link("grace@reader.test", 1).await;
    reader.sees("signup-ok", SIGNED_UP).await;
    reader.signs_out().await;

    // And comes back.
    reader.asks("signin", "grace@reader.test").await;
    reader.sees("pending", PENDING).await;
    reader.opens_link("grace@reader.test", 2).await;
    reader.sees("signin-ok", SIGNED_IN).await;

    // The link once more: used. Its page mails a new one.
    reader.opens_link("grace@reader.test", 2).await;
    reader.browser.clicks("main button").await;
    reader.sees("expired", EXPIRED).await;
    reader.opens_link("grace@reader.test", 3).await;
    reader.sees("signin-ok", SIGNED_IN).await;

    // Nothing can be stored: the page says so, and works again once it can.
    reader.newsroom.break_database(true);
    reader.asks("signin", "grace@reader.test").await;
    reader.sees("failed", FAILED).await;
    reader.newsroom.break_database(false);
    reader.asks("signin", "grace@reader.test").await;
    reader.sees("pending", PENDING).await;
}

visit! {
    /// Without the script the fragment shows the note, and the query tells scripts; both stay.
    async fn a_bad_address_is_said_beside_the_field_without_a_script(newsroom: Newsroom) {
        let reader = Reader::at(&newsroom, Script::Off).await;
        // What the browser itself lets through and no mail server would.
        reader.asks("subscribe", "ada@localhost").await;
        reader.browser.waits_for("#email-error").await;
        assert_eq!(reader.browser.find("#email").await.prop("value").await.unwrap().unwrap(), "ada@localhost");
        assert_eq!(reader.browser.focus().await, "email");
        // Put right, it leads back to the page the form was on.
        reader.browser.types("#email", "ada@reader.test").await;
        reader.browser.clicks("main form button").await;
        reader.sees("pending", PENDING).await;
        assert_eq!(reader.browser.address().await, format!("{}#members-pending", newsroom.page(Script::Off)));
        reader.browser.close().await;
    }
}

visit! {
    async fn the_script_answers_in_place(newsroom: Newsroom) {
        let reader = Reader::at(&newsroom, Script::On).await;
        let page = &reader.browser;
        page.goto(&format!("{}?utm_source=letter&action=look", newsroom.site)).await;
        page.asks_page(
            "window.kept = []; document.addEventListener('members:state', e => window.kept.push(e.detail.state))",
        )
        .await;

        // A bad address: the field says so, the note too, the page stays.
        reader.asks("subscribe", "ada@localhost").await;
        page.until("the field is marked", async |page| {
            page.find("#subscribe-email").await.attr("aria-invalid").await.unwrap().as_deref() == Some("true")
        })
        .await;
        assert_eq!(page.focus().await, "subscribe-email");
        // Typing makes it good again.
        reader.asks("subscribe", "ada@reader.test").await;
        reader.sees("pending", PENDING).await;
        assert_eq!(page.find("#subscribe-email").await.attr("aria-invalid").await.unwrap(), None);
        assert_eq!(page.find("#subscribe").await.attr("aria-busy").await.unwrap(), None);
        assert_eq!(page.find("#members-pending").await.attr("aria-live").await.unwrap().unwrap(), "polite");
        assert_eq!(page.asks_page("return window.kept").await, serde_json::json!(["members-failed", "members-pending"]));
        assert!(page.address().await.ends_with("?utm_source=letter&action=look"), "{}", page.address().await);
        reader.browser.close().await;
    }
}

visit! {
    /// What the link left in the address is removed, everything else stays; and the page knows who is here.
    async fn the_script_cleans_the_address_and_knows_who_is_here(newsroom: Newsroom) {
        let reader = Reader::at(&newsroom, Script::On).await;
        let page = &reader.browser;
        page.waits_for("[data-members-out]:not([hidden])").await;
        let from = format!("{}?page=2", newsroom.site);
        page.goto(&from).await;
        page.asks_page("for (const f of document.querySelectorAll('[name=return_to]')) f.value = ''").await;
        reader.asks("subscribe", "ada@reader.test").await;
        reader.sees("pending", PENDING).await;
        reader.opens_link("ada@reader.test", 1).await;
        reader.sees("subscribe-ok", SUBSCRIBED).await;
        assert_eq!(page.address().await, format!("{from}#members-subscribe-ok"));

        page.waits_for("[data-members-in]:not([hidden])").await;
        page.says("nav", "Account · Sign out").await;
        page.clicks("[data-members-in] a").await;
        page.waits_for("dl").await;
        assert!(page.text("main").await.contains("ada@reader.test"));
        reader.signs_out().await;
        page.waits_for("[data-members-out]:not([hidden])").await;
        page.says("nav", "Sign in").await;
        reader.browser.close().await;
    }
}

visit! {
    /// The members service is down when the form is sent: the script hands over to the plain form.
    async fn the_script_gives_way_to_the_plain_form(newsroom: Newsroom) {
        let reader = Reader::at(&newsroom, Script::On).await;
        reader.browser.asks_page("window.fetch = () => Promise.reject(new Error('blocked')); window.same = 1").await;
        reader.asks("subscribe", "ada@reader.test").await;
        reader.sees("pending", PENDING).await;
        assert!(reader.browser.asks_page("return window.same === undefined").await.as_bool().unwrap());
        newsroom.link("ada@reader.test", 1).await;
        reader.browser.close().await;
    }
}
