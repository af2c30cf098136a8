//! The account's pages with script off, without a pointer.

use fantoccini::key::Key;

use crate::chromium::{Chromium, Script};
use crate::keyboard::{enter, press, press_key, tab_to};
use crate::newsroom::{Newsroom, Reader, address_with};
use crate::visit;

/// A member in a browser without scripts, on the first page of the account.
async fn member<'a>(newsroom: &'a Newsroom, address: &str) -> Reader<'a> {
    let reader = Reader::at(newsroom, Script::Off).await;
    reader.asks("signup", address).await;
    reader.opens_link(address, 1).await;
    reader.sees("signup-ok", "Great! You've successfully signed up.").await;
    goes(&reader, "").await;
    reader
}

async fn goes(reader: &Reader<'_>, page: &str) {
    reader.browser.goto(&format!("{}members/account/{page}", reader.newsroom.members)).await;
}

/// The page says what has happened.
async fn is_told(page: &Chromium, words: &str) {
    page.until(words, async |page| page.address().await.ends_with("#done")).await;
    page.says("#done", words).await;
}

/// Follows a link of the account's first page.
async fn opens(reader: &Reader<'_>, page: &str) {
    goes(reader, "").await;
    enter(&reader.browser, &format!("nav a[href$='account/{page}']")).await;
    reader.browser.until(page, async |there| there.address().await.ends_with(page)).await;
}

visit! {
    async fn name_newsletters_and_language_by_keyboard(newsroom: Newsroom) {
        let ada = member(&newsroom, "ada@reader.test").await;
        let page = &ada.browser;
        tab_to(page, "#name").await;
        press(page, "Ada Lovelace").await;
        press_key(page, Key::Enter).await;
        is_told(page, "Your name has been saved.").await;
        assert_eq!(page.find("#name").await.attr("value").await.unwrap().as_deref(), Some("Ada Lovelace"));

        opens(&ada, "newsletters/").await;
        tab_to(page, "[name=newsletter]").await;
        assert!(page.find("[name=newsletter]").await.is_selected().await.unwrap());
        press(page, " ").await;
        enter(page, "form button").await;
        is_told(page, "Your newsletters have been saved.").await;
        assert!(!page.find("[name=newsletter]").await.is_selected().await.unwrap());
        enter(page, "[name=pause][value='30']").await;
        is_told(page, "Newsletters are taking a break.").await;
        enter(page, "[name=pause][value='0']").await;
        is_told(page, "The break is over. Newsletters come again.").await;

        opens(&ada, "language/").await;
        tab_to(page, "[value=en]").await;
        press_key(page, Key::Down).await;
        enter(page, "form button").await;
        is_told(page, "Ihre Sprache wurde gespeichert.").await;
        goes(&ada, "").await;
        page.says("h1", "Ihr Konto").await;
        ada.browser.close().await;
    }
}

visit! {
    async fn the_address_is_changed_and_the_change_undone(newsroom: Newsroom) {
        let ada = member(&newsroom, "ada@reader.test").await;
        let page = &ada.browser;
        opens(&ada, "email/").await;
        tab_to(page, "#email").await;
        press(page, "countess@localhost").await;
        press_key(page, Key::Enter).await;
        page.waits_for("#email-error").await;
        assert_eq!(page.focus().await, "email", "the field that is wrong has the focus");
        page.types("#email", "countess@reader.test").await;
        enter(page, "form button").await;
        is_told(page, "Check the mailbox of your new address: a link is on its way there.").await;
        ada.opens_link("countess@reader.test", 1).await;
        page.until("changed", async |page| page.address().await.ends_with("#members-email-ok")).await;
        goes(&ada, "").await;
        page.says("dd", "countess@reader.test").await;

        let undo = newsroom.mail("ada@reader.test", "the notice", |mails| mails.iter().find_map(|mail| address_with("/members/undo/", &mail.text()))).await;
        let owner = Reader::at(&newsroom, Script::Off).await;
        owner.browser.goto(&undo).await;
        enter(&owner.browser, "main button").await;
        owner.browser.is_headed("The change is undone").await;
        goes(&ada, "").await;
        assert!(page.address().await.contains("/members/signin/"), "every device is signed out");
        owner.browser.close().await;
        ada.browser.close().await;
    }
}

visit! {
    async fn other_devices_are_signed_out_and_leaving_is_thought_over(newsroom: Newsroom) {
        let ada = member(&newsroom, "ada@reader.test").await;
        let page = &ada.browser;
        let phone = Reader::at(&newsroom, Script::Off).await;
        phone.asks("signin", "ada@reader.test").await;
        phone.opens_link("ada@reader.test", 2).await;
        phone.sees("signin-ok", "Welcome back! You've successfully signed in.").await;

        opens(&ada, "devices/").await;
        assert_eq!(page.client.find_all(fantoccini::Locator::Css(".cards li")).await.unwrap().len(), 2);
        enter(page, "[name=others]").await;
        is_told(page, "All other devices have been signed out.").await;
        goes(&phone, "").await;
        assert!(phone.browser.address().await.contains("/members/signin/"));
        phone.browser.close().await;

        opens(&ada, "data/").await;
        tab_to(page, "main a.button").await;

        opens(&ada, "delete/").await;
        enter(page, "main form button").await;
        is_told(page, "Your account will be erased. Until then you can change your mind here.").await;
        goes(&ada, "newsletters/").await;
        enter(page, "[name=stay]").await;
        is_told(page, "Your account stays. Newsletters have ended; you can choose them again.").await;
        ada.browser.close().await;
    }
}
