//! From a free reader to a payer, to another card, to an end: with a script and without.

use readership::sandbox::mailbox::ReceivedMail;

use crate::chromium::{Chromium, Script};
use crate::newsroom::{Newsroom, Reader, address_with};
use crate::visit;

/// Types a card on the page of the stand-in and presses its button.
async fn types_card(page: &Chromium, number: &str) {
    page.waits_for("#card").await;
    page.types("#card", number).await;
    page.clicks("button.main").await;
}

async fn months_later(newsroom: &Newsroom, page: &Chromium) {
    page.goto(&newsroom.bank).await;
    page.clicks("[name=days][value='31']").await;
    page.waits_for("[name=days]").await;
}

async fn is_told(page: &Chromium, words: &str) {
    page.until(words, async |page| page.address().await.ends_with("#done")).await;
    page.says("#done", words).await;
}

async fn from_free_to_the_end(newsroom: &Newsroom, script: Script) {
    let reader = Reader::at(newsroom, script).await;
    let page = &reader.browser;
    reader.asks("signup", "ada@reader.test").await;
    reader.sees("pending", "Success! Check your email for magic link to sign-in.").await;
    reader.opens_link("ada@reader.test", 1).await;
    reader.sees("signup-ok", "Great! You've successfully signed up.").await;

    // Left, then paid.
    page.clicks("#checkout button[value=month]").await;
    page.waits_for("#card").await;
    page.clicks("a.back").await;
    page.waits_for("#checkout").await;
    page.clicks("#checkout button[value=month]").await;
    types_card(page, "4000000000000002").await;
    page.waits_for("#card-error").await;
    page.find("#card").await.clear().await.unwrap();
    types_card(page, "4000000000000341").await;
    reader.sees("signup-ok", "Great! You've successfully signed up.").await;

    // The card page, left: "Your billing was not updated."
    page.clicks("#billing button").await;
    page.waits_for("#card").await;
    page.clicks("a.back").await;
    reader.sees("billing-failed", "Your billing was not updated.").await;

    // A month later the payment fails; the mail leads to another card.
    months_later(newsroom, page).await;
    let link = newsroom
        .mail("ada@reader.test", "the mail of the payment that failed", |mails| {
            mails.iter().find_map(|mail: &ReceivedMail| address_with("members/billing/?notice=", &mail.text()))
        })
        .await;
    page.goto(&link).await;
    page.clicks("main form button").await;
    // The bank asks, and its customer says yes.
    types_card(page, "4000002500003155").await;
    page.clicks("[name=bank][value=yes]").await;
    reader.sees("billing-ok", "Success! Your billing info has been updated.").await;

    // Another plan, an end, and no end after all.
    let plan = format!("{}members/account/plan/", newsroom.members);
    page.goto(&plan).await;
    page.clicks("[name=plan]").await;
    page.until("the preview", async |page| page.address().await.contains("plan/change")).await;
    page.clicks("main form button").await;
    is_told(page, "Your plan has been changed.").await;
    page.goto(&plan).await;
    page.clicks("a[href$='plan/cancel/']").await;
    page.waits_for("#reason").await;
    page.types("#reason", "I am moving").await;
    page.clicks("#reason ~ button").await;
    is_told(page, "Your plan ends with the time you have paid for.").await;
    page.clicks("form[action$='plan/resume/'] button").await;
    is_told(page, "Your plan goes on.").await;
    reader.browser.close().await;
}

visit! {
    async fn without_a_script(newsroom: Newsroom) {
        from_free_to_the_end(&newsroom, Script::Off).await;
    }
}

visit! {
    async fn with_the_script(newsroom: Newsroom) {
        from_free_to_the_end(&newsroom, Script::On).await;
    }
}

visit! {
    /// Somebody without an account: pays first, proves the address afterwards.
    async fn a_visitor_pays(newsroom: Newsroom) {
        let reader = Reader::at(&newsroom, Script::Off).await;
        let page = &reader.browser;
        page.types("#checkout-email", "new@reader.test").await;
        page.clicks("#checkout button[value=year]").await;
        types_card(page, "4242424242424242").await;
        reader.sees("pending", "Success! Check your email for magic link to sign-in.").await;
        reader.opens_link("new@reader.test", 1).await;
        page.clicks("main button").await;
        reader.sees("signup-ok", "Great! You've successfully signed up.").await;
        page.goto(&format!("{}members/account/plan/", newsroom.members)).await;
        assert!(page.text("main").await.contains("$50.00 a year"));
        reader.browser.close().await;
    }
}
