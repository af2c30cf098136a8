//! Every page by keyboard, on a phone and on a desk, light and dark.

use fantoccini::key::Key;

use crate::chromium::{Script, keep};
use crate::keyboard::{enter, press, press_key, tab_to};
use crate::looks::is_fit;
use crate::newsroom::Reader;
use crate::visit;

visit! {
    /// From the address bar to signed in and out again, without a pointer.
    async fn everything_goes_by_keyboard(newsroom: Newsroom) {
        let here = Reader::at(&newsroom, Script::Off).await;
        tab_to(&here.browser, "#subscribe-email").await;
        press(&here.browser, "ada@reader.test").await;
        press_key(&here.browser, Key::Enter).await;
        here.sees("pending", "Success! Check your email for magic link to sign-in.").await;
        here.browser.close().await;

        // The link in another browser asks first.
        let there = Reader::at(&newsroom, Script::Off).await;
        there.opens_link("ada@reader.test", 1).await;
        enter(&there.browser, "main button").await;
        there.sees("subscribe-ok", "You've successfully subscribed to REX Wire.").await;

        there.browser.goto(&format!("{}members/account/", newsroom.members)).await;
        enter(&there.browser, "form[action*=signout] button").await;
        there.browser.until("back at the site", async |page| page.address().await.starts_with(&newsroom.site)).await;
        there.browser.goto(&format!("{}members/account/", newsroom.members)).await;
        there.browser.waits_for("#email").await;
        there.browser.close().await;
    }
}

visit! {
    async fn every_page_fits_a_phone_and_a_desk_light_and_dark(newsroom: Newsroom) {
        let reader = Reader::at(&newsroom, Script::On).await;
        let page = &reader.browser;
        let members = &newsroom.members;
        reader.asks("subscribe", "ada@reader.test").await;
        reader.sees("pending", "Success! Check your email for magic link to sign-in.").await;
        is_fit(page, "newsroom-pending").await;
        for form in ["subscribe", "signup", "signin"] {
            page.goto(&format!("{members}members/{form}/")).await;
            is_fit(page, form).await;
        }
        page.types("#email", "ada@localhost").await;
        page.clicks("main form button").await;
        page.waits_for("#email-error").await;
        is_fit(page, "signin-bad-address").await;

        page.goto(&format!("{members}members/?token=nothing&action=signin")).await;
        is_fit(page, "link-unknown").await;
        let link = newsroom.link("ada@reader.test", 1).await;
        page.client.delete_all_cookies().await.unwrap();
        page.goto(&link).await;
        is_fit(page, "link").await;
        page.clicks("main button").await;
        reader.sees("subscribe-ok", "You've successfully subscribed to REX Wire.").await;
        page.goto(&link).await;
        is_fit(page, "link-used").await;
        for (name, path) in ACCOUNT {
            page.goto(&format!("{members}members/account/{path}")).await;
            is_fit(page, name).await;
        }
        page.goto(&format!("{members}members/signout/")).await;
        is_fit(page, "signout").await;
        page.goto(&format!("{members}members/nothing-here/")).await;
        is_fit(page, "not-found").await;
        page.goto(&newsroom.inbox).await;
        is_fit(page, "inbox").await;
        page.clicks("main a[href*=mail]").await;
        is_fit(page, "inbox-mail").await;
        reader.browser.close().await;
    }
}

/// The pages of an account, by the names their pictures are kept under.
const ACCOUNT: [(&str, &str); 8] = [
    ("account", ""),
    ("account-done", "?done=name"),
    ("account-newsletters", "newsletters/"),
    ("account-email", "email/"),
    ("account-language", "language/"),
    ("account-devices", "devices/"),
    ("account-data", "data/"),
    ("account-delete", "delete/"),
];

visit! {
    async fn every_page_about_money_fits_too(newsroom: Newsroom) {
        let reader = Reader::at(&newsroom, Script::Off).await;
        let page = &reader.browser;
        let members = &newsroom.members;
        page.goto(&format!("{members}members/checkout/")).await;
        is_fit(page, "checkout-visitor").await;
        page.clicks("[value='supporter/month']").await;
        page.waits_for("#email-error").await;
        is_fit(page, "checkout-bad-address").await;
        reader.browser.goto(&newsroom.page(Script::Off)).await;
        reader.asks("signup", "ada@reader.test").await;
        reader.opens_link("ada@reader.test", 1).await;
        page.goto(&format!("{members}members/checkout/?offer=spring")).await;
        is_fit(page, "checkout-offer").await;
        page.goto(&format!("{members}members/account/plan/")).await;
        is_fit(page, "plan-none").await;
        page.goto(&format!("{members}members/checkout/?tier=patron")).await;
        is_fit(page, "checkout").await;
        page.clicks("[value='supporter/month']").await;
        page.waits_for("#card").await;
        is_fit(page, "stand-in-checkout").await;
        page.types("#card", "4000000000000341").await;
        page.clicks("button.main").await;
        page.until("bought", async |page| page.address().await.contains("members-signup-ok")).await;
        for (name, path) in MONEY {
            page.goto(&format!("{members}members/{path}")).await;
            is_fit(page, name).await;
            page.goto(&format!("{members}members/{path}?lang=ar")).await;
            is_fit(page, &format!("ar-{name}")).await;
        }
        page.goto(&format!("{members}members/account/plan/")).await;
        page.clicks("[name=plan]").await;
        page.until("the preview", async |page| page.address().await.contains("plan/change")).await;
        is_fit(page, "plan-change").await;
        page.goto(&newsroom.bank).await;
        is_fit(page, "stand-in").await;
        page.clicks("[name=days][value='31']").await;
        newsroom
            .mail("ada@reader.test", "the mail of the payment that failed", |mails| {
                mails.into_iter().find(|mail| mail.subject().contains("failed"))
            })
            .await;
        page.goto(&format!("{members}members/account/plan/")).await;
        is_fit(page, "plan-past-due").await;
        page.goto(&format!("{members}members/billing/")).await;
        is_fit(page, "billing-past-due").await;
        reader.browser.close().await;
    }
}

const MONEY: [(&str, &str); 3] =
    [("plan", "account/plan/"), ("plan-cancel", "account/plan/cancel/"), ("billing", "billing/")];

visit! {
    async fn what_leads_through_mails_fits_too(newsroom: Newsroom) {
        let reader = Reader::at(&newsroom, Script::On).await;
        let page = &reader.browser;
        let members = &newsroom.members;
        page.goto(&format!("{members}members/waiting/")).await;
        is_fit(page, "waiting-nothing").await;
        page.goto(&format!("{members}members/subscribe/")).await;
        page.types("#email", "ada@reader.test").await;
        page.clicks("main form button").await;
        page.waits_for("#code").await;
        is_fit(page, "waiting").await;
        page.types("#code", "000000").await;
        page.clicks("#code-form button").await;
        page.waits_for("#code-error").await;
        is_fit(page, "waiting-code-wrong").await;

        let phone = Reader::at(&newsroom, Script::Off).await;
        phone.opens_link("ada@reader.test", 1).await;
        is_fit(&phone.browser, "link-with-number").await;
        phone.browser.types("#number", "00").await;
        phone.browser.clicks("section button").await;
        phone.browser.waits_for("#number-error").await;
        is_fit(&phone.browser, "link-wrong-number").await;
        phone.browser.clicks("main button").await;
        phone.browser.until("signed in", async |page| page.address().await.contains("subscribe-ok")).await;

        page.is_headed("The link was used in another browser").await;
        is_fit(page, "waiting-used-elsewhere").await;

        let unsubscribe = newsroom.unsubscribe_link("ada@reader.test").await;
        page.goto(&unsubscribe).await;
        is_fit(page, "unsubscribe").await;
        page.clicks("main button").await;
        page.waits_for("#done").await;
        is_fit(page, "unsubscribe-done").await;
        page.goto(&format!("{unsubscribe}x")).await;
        is_fit(page, "unsubscribe-bad-link").await;
        phone.browser.close().await;
        reader.browser.close().await;
    }
}

visit! {
    /// Arabic is read from the right: the same pages, mirrored.
    async fn every_page_fits_from_right_to_left(newsroom: Newsroom) {
        let reader = Reader::at(&newsroom, Script::On).await;
        let page = &reader.browser;
        let members = &newsroom.members;
        for form in ["subscribe", "signup", "signin"] {
            page.goto(&format!("{members}members/{form}/?lang=ar")).await;
            assert_eq!(page.find("html").await.attr("dir").await.unwrap().as_deref(), Some("rtl"));
            is_fit(page, &format!("ar-{form}")).await;
        }
        page.goto(&format!("{members}members/subscribe/?lang=ar")).await;
        page.types("#email", "ada@reader.test").await;
        page.clicks("main form button").await;
        page.waits_for("#code").await;
        is_fit(page, "ar-waiting").await;
        let link = newsroom.link("ada@reader.test", 1).await;
        let phone = Reader::at(&newsroom, Script::Off).await;
        phone.browser.goto(&link).await;
        is_fit(&phone.browser, "ar-link").await;
        phone.browser.close().await;
        page.goto(&link).await;
        for (name, path) in ACCOUNT {
            page.goto(&format!("{members}members/account/{path}")).await;
            assert_eq!(page.find("html").await.attr("dir").await.unwrap().as_deref(), Some("rtl"), "{path}");
            is_fit(page, &format!("ar-{name}")).await;
        }
        page.goto(&newsroom.unsubscribe_link("ada@reader.test").await).await;
        is_fit(page, "ar-unsubscribe").await;
        reader.browser.close().await;
    }
}

visit! {
    /// The picture of the README: the footer in its states, side by side.
    async fn the_states_of_the_footer_make_a_picture(newsroom: Newsroom) {
        let reader = Reader::at(&newsroom, Script::Off).await;
        let page = &reader.browser;
        let mut pictures = Vec::new();
        for (scheme, state) in [
            ("light", "pending"), ("light", "subscribe-ok"), ("light", "signup-ok"),
            ("dark", "signin-ok"), ("dark", "billing-ok"), ("dark", "billing-failed"),
        ] {
            page.looks_like(460, scheme).await;
            // Away first: a change of the fragment alone loads nothing.
            page.goto("about:blank").await;
            page.goto(&format!("{}#members-{state}", newsroom.page(Script::Off))).await;
            assert!(page.find(&format!("#members-{state}")).await.is_displayed().await.unwrap());
            pictures.push(page.find(".footer").await.screenshot().await.unwrap());
        }
        let images: String = pictures
            .iter()
            .map(|png| format!("<img src='data:image/png;base64,{}'>", data_encoding::BASE64.encode(png)))
            .collect();
        let sheet = format!("<body style='margin:0;width:1324px;height:648px;box-sizing:border-box;display:grid;align-content:start;grid-template-columns:repeat(3,420px);gap:16px;padding:16px;background:%23808080'><style>img{{width:420px;height:300px;object-fit:cover;object-position:top}}</style>{images}");
        page.looks_like(1324, "light").await;
        // The window is higher than the sheet; the sheet's own box is what is kept.
        page.goto(&format!("data:text/html,{}", sheet.replace('+', "%2B"))).await;
        let picture = page.find("body").await.screenshot().await.unwrap();
        assert!(picture.len() > 20_000, "the picture is empty");
        keep("footer-states", &picture);
        reader.browser.close().await;
    }
}
