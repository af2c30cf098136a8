//! The page that waits, while the link is opened in another browser.

use fantoccini::Locator;
use fantoccini::key::Key;

use crate::chromium::Script;
use crate::keyboard::{enter, press, press_key, tab_to};
use crate::newsroom::{Newsroom, Reader};
use crate::visit;

/// Asks on the hosted form, and waits there.
async fn waits(reader: &Reader<'_>, form: &str, address: &str) {
    let page = &reader.browser;
    page.goto(&format!("{}members/{form}/", reader.newsroom.members)).await;
    tab_to(page, "#email").await;
    press(page, address).await;
    press_key(page, Key::Enter).await;
    page.waits_for(".number").await;
}

async fn is_at_the_account(reader: &Reader<'_>) {
    reader.browser.until("it goes on by itself", async |page| page.address().await.contains("/members/account/")).await;
    reader.browser.waits_for("dl").await;
}

/// The link is opened in another browser, which lets in the one that waits.
async fn lets_in_from_elsewhere(newsroom: &Newsroom, desk: &Reader<'_>, link: &str) {
    let number = desk.browser.text(".number").await;
    let phone = Reader::at(newsroom, Script::Off).await;
    phone.browser.goto(link).await;
    tab_to(&phone.browser, "#number").await;
    press(&phone.browser, &number).await;
    enter(&phone.browser, "section button").await;
    phone.browser.is_headed("Done. Look at the other screen").await;
    is_at_the_account(desk).await;
    phone.browser.goto(&format!("{}members/account/", newsroom.members)).await;
    assert!(phone.browser.address().await.contains("/members/signin/"), "the other browser is not signed in");
    phone.browser.close().await;
}

visit! {
    async fn without_a_script_the_page_looks_again_by_itself(newsroom: Newsroom) {
        let desk = Reader::at(&newsroom, Script::Off).await;
        waits(&desk, "subscribe", "ada@reader.test").await;
        lets_in_from_elsewhere(&newsroom, &desk, &newsroom.link("ada@reader.test", 1).await).await;
        desk.browser.close().await;
    }
}

visit! {
    async fn with_a_script_it_is_told_at_once(newsroom: Newsroom) {
        let desk = Reader::at(&newsroom, Script::On).await;
        waits(&desk, "subscribe", "ada@reader.test").await;
        // Nothing reloads it but what happens.
        assert!(desk.browser.client.find(Locator::Css("meta[http-equiv=refresh]")).await.is_err());
        lets_in_from_elsewhere(&newsroom, &desk, &newsroom.link("ada@reader.test", 1).await).await;
        desk.browser.close().await;
    }
}

visit! {
    async fn the_code_of_the_mail_is_typed_where_it_was_asked_for(newsroom: Newsroom) {
        for script in [Script::Off, Script::On] {
            let reader = Reader::at(&newsroom, script).await;
            let address = format!("{script:?}@reader.test").to_lowercase();
            waits(&reader, "subscribe", &address).await;
            let text = newsroom.mail(&address, "a code", |mails| mails.first().map(|mail| mail.text())).await;
            let code = text.split_whitespace().find(|word| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit()));
            if script == Script::Off {
                enter(&reader.browser, "main a[href*=code]").await;
            }
            reader.browser.waits_for("#code").await;
            tab_to(&reader.browser, "#code").await;
            press(&reader.browser, code.expect("the mail has a code")).await;
            press_key(&reader.browser, Key::Enter).await;
            is_at_the_account(&reader).await;
            reader.browser.close().await;
        }
    }
}
