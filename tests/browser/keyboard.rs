//! Going through pages without a pointer.

use fantoccini::key::Key;

use crate::chromium::Chromium;

pub async fn press(page: &Chromium, keys: &str) {
    page.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
}

pub async fn press_key(page: &Chromium, key: Key) {
    press(page, &char::from(key).to_string()).await;
}

/// Presses Tab until the focus is there; what has the focus can always be seen.
pub async fn tab_to(page: &Chromium, css: &str) {
    let wanted = page.find(css).await.element_id();
    for _ in 0..40 {
        press_key(page, Key::Tab).await;
        let active = page.client.active_element().await.unwrap();
        assert!(active.is_displayed().await.unwrap(), "the focus is where nobody sees it, on the way to {css}");
        if active.element_id() == wanted {
            return;
        }
    }
    panic!("{css} is not reached by Tab at {}", page.address().await);
}

/// Follows a link, or presses a button.
pub async fn enter(page: &Chromium, css: &str) {
    tab_to(page, css).await;
    press_key(page, Key::Enter).await;
}
