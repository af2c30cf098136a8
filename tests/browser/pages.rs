//! Every page by keyboard, on a phone and on a desk, light and dark.

use fantoccini::key::Key;
use serde_json::Value;

use crate::chromium::{Chromium, Script, keep};
use crate::newsroom::Reader;
use crate::visit;

visit! {
    /// From the address bar to signed in and out again, without a pointer.
    async fn everything_goes_by_keyboard(newsroom: Newsroom) {
        let here = Reader::at(&newsroom, Script::Off).await;
        tab_to(&here.browser, "#subscribe-email").await;
        press(&here.browser, "ada@reader.test").await;
        press(&here.browser, &char::from(Key::Enter).to_string()).await;
        here.sees("pending", "Success! Check your email for magic link to sign-in.").await;
        here.browser.close().await;

        // The link in another browser asks first.
        let there = Reader::at(&newsroom, Script::Off).await;
        there.opens_link("ada@reader.test", 1).await;
        tab_to(&there.browser, "main button").await;
        press(&there.browser, &char::from(Key::Enter).to_string()).await;
        there.sees("subscribe-ok", "You've successfully subscribed to REX Wire.").await;

        there.browser.goto(&format!("{}members/account/", newsroom.members)).await;
        tab_to(&there.browser, "form[action*=signout] button").await;
        press(&there.browser, &char::from(Key::Enter).to_string()).await;
        there.browser.until("back at the site", async |page| page.address().await.starts_with(&newsroom.site)).await;
        there.browser.goto(&format!("{}members/account/", newsroom.members)).await;
        there.browser.waits_for("#email").await;
        there.browser.close().await;
    }
}

async fn press(page: &Chromium, keys: &str) {
    page.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
}

/// Presses Tab until the focus is there; what has the focus can always be seen.
async fn tab_to(page: &Chromium, css: &str) {
    let wanted = page.find(css).await.element_id();
    for _ in 0..30 {
        press(page, &char::from(Key::Tab).to_string()).await;
        let active = page.client.active_element().await.unwrap();
        assert!(active.is_displayed().await.unwrap(), "the focus is where nobody sees it, on the way to {css}");
        if active.element_id() == wanted {
            return;
        }
    }
    panic!("{css} is not reached by Tab");
}

/// What a page does wrong at its present size: things beyond its edge, small targets, faint text.
const FAULTS: &str = r"
const faults = [];
if (document.documentElement.scrollWidth > innerWidth) faults.push('wider than the window: ' + document.documentElement.scrollWidth);
const rgb = c => c.match(/[\d.]+/g).map(Number);
const light = c => { const [r, g, b] = rgb(c).slice(0, 3).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b };
const paper = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if ((rgb(c)[3] ?? 1) === 1) return c } return matchMedia('(prefers-color-scheme: dark)').matches ? 'rgb(18,18,18)' : 'rgb(255,255,255)' };
for (const e of document.querySelectorAll('p, a, h1, h2, label, button, dt, dd, legend, summary, input')) {
  const box = e.getBoundingClientRect();
  if (!box.width || box.right < 0) continue;
  const pair = [light(getComputedStyle(e).color), light(paper(e))].sort((a, b) => b - a);
  const contrast = (pair[0] + .05) / (pair[1] + .05);
  if (contrast < 4.5) faults.push(`${e.tagName} ${e.textContent.trim().slice(0, 20)}: contrast ${contrast.toFixed(2)}`);
  const inText = e.tagName === 'A' && e.closest('p');
  if (e.matches('button, a, summary, input:not([type=hidden]):not([type=checkbox])') && !inText && box.height < 43.5)
    faults.push(`${e.tagName} ${e.textContent.trim().slice(0, 20)}: only ${box.height} high`);
}
if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
for (const i of document.querySelectorAll('input:not([type=hidden]):not([aria-hidden])')) if (!i.labels.length) faults.push('no label: ' + i.name);
return faults;
";

async fn is_fit(page: &Chromium, name: &str) {
    for (width, scheme) in [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")] {
        page.looks_like(width, scheme).await;
        page.pictures(&format!("{name}-{width}-{scheme}")).await;
        let faults = page.asks_page(FAULTS).await;
        assert_eq!(faults, Value::Array(vec![]), "{name} at {width} pixels, {scheme}");
    }
    page.looks_like(1280, "light").await;
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
        page.goto(&format!("{members}members/account/")).await;
        is_fit(page, "account").await;
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
