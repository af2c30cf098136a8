//! A site with Ghost's widget on it, unmodified, from its npm package; and somebody who uses it.

use std::path::Path;

use fantoccini::Locator;
use fantoccini::elements::Element;
use readership::config::Settings;
use readership::sandbox::mailbox::ReceivedMail;
use readership::sandbox::stripe::StandIn;
use readership::staff::api_keys::{self, Kind};
use url::Url;

use super::chromium::{Chromium, Script};
use crate::support::nginx::Nginx;
use crate::support::program::free_port;
use crate::support::shop::{Serving, Shop};
use crate::support::world::{Engine, World};

/// The site: nginx with a page of its own, and the program under the same address.
pub struct PortalSite {
    pub world: World,
    pub url: String,
    /// The stand-in for Stripe, where something is sold.
    pub stripe: Option<StandIn>,
    nginx: Nginx,
    _serving: Option<Serving>,
}

impl PortalSite {
    pub async fn open(engine: Engine) -> Self {
        Self::with(engine, 0, false).await
    }

    /// One that sells: Gold for 5.00 and Patron for 12.00 USD a month.
    pub async fn selling(engine: Engine) -> Self {
        Self::with(engine, 0, true).await
    }

    /// One where a client may ask for one mail a minute.
    pub async fn limited(engine: Engine) -> Self {
        Self::with(engine, 1, false).await
    }

    async fn with(engine: Engine, asks_per_minute: u64, sells: bool) -> Self {
        let port = free_port();
        let nginx = Nginx::start(port, "");
        let url = format!("http://127.0.0.1:{}/", nginx.port);
        let own: Url = url.parse().unwrap();
        let change = |settings: &mut Settings| {
            settings.listen = ([127, 0, 0, 1], port).into();
            settings.url = own.clone();
            settings.site_url = own.clone();
            settings.unsubscribe_page = readership::config::UnsubscribePage::Site;
            settings.welcome_mail = true;
            settings.limits.client_per_minute = asks_per_minute;
        };
        let (world, stripe, serving) = if sells {
            let Shop { world, stripe, serving, .. } = Shop::open(engine, change).await;
            (world, Some(stripe), Some(serving))
        } else {
            (World::on(engine, change).await, None, None)
        };
        let app = world.app().clone();
        let key = world.look(move |conn| Ok(api_keys::show(conn, &app.policy.key, Kind::Content)?.shown)).await;
        let script = world
            .settings
            .stripe
            .as_ref()
            .map_or(String::new(), |account| format!("<script src=\"{}v3/\"></script>", account.api_base));
        let page = include_str!("portal_page.html").replace("{site}", &url).replace("{key}", &key);
        let page = page.replace("{stripe}", &script);
        std::fs::write(nginx.site().join("index.html"), page).unwrap();
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/npm/node_modules/@tryghost/portal");
        std::fs::copy(package.join("umd/portal.min.js"), nginx.site().join("portal.min.js"))
            .expect("the widget is installed; `./test` sees to it");
        Self { world, url, stripe, nginx, _serving: serving }
    }

    /// Puts the id of a subscription into the page, as a theme does.
    pub fn knows_subscription(&self, id: &str) {
        let path = self.nginx.site().join("index.html");
        let page = std::fs::read_to_string(&path).unwrap().replace("{subscription}", id);
        std::fs::write(path, page).unwrap();
    }

    pub async fn reader(&self) -> PortalReader<'_> {
        let browser = Chromium::open(Script::On).await;
        browser.looks_like(1280, "light").await;
        let reader = PortalReader { site: self, browser };
        reader.goes("").await;
        reader
    }

    pub async fn mail(&self, address: &str, count: usize) -> ReceivedMail {
        self.world.nth_mail(address, count).await
    }
}

/// Somebody before the site, with the widget's frames.
pub struct PortalReader<'a> {
    pub site: &'a PortalSite,
    pub browser: Chromium,
}

const POPUP: &str = "iframe[title='portal-popup']";
const TOAST: &str = "iframe[data-testid='portal-notification-frame']";

impl PortalReader<'_> {
    /// Opens an address of the site, and waits for the widget to be there.
    pub async fn goes(&self, path: &str) {
        // A change of the hash alone would load nothing.
        self.browser.goto("about:blank").await;
        self.browser.goto(&format!("{}{path}", self.site.url)).await;
        self.is_ready().await;
    }

    pub async fn opens(&self, link: &str) {
        self.browser.goto("about:blank").await;
        self.browser.goto(link).await;
    }

    pub async fn is_ready(&self) {
        self.browser.waits_for("#ghost-portal-root").await;
    }

    /// The forms of the page are the widget's from now on.
    pub async fn is_bound(&self) {
        // It binds after it has read member, settings, tiers and newsletters, and shows nothing then.
        let read = "return performance.getEntriesByType('resource').filter(e => /content\\/(settings|tiers|newsletters)/.test(e.name) && e.responseEnd > 0).length";
        self.browser.until("the widget has read everything", async |page| page.asks_page(read).await == 3).await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }

    async fn in_frame<T>(&self, frame: &str, f: impl AsyncFnOnce(&Chromium) -> Option<T>) -> Option<T> {
        let client = &self.browser.client;
        let frame = client.find(Locator::Css(frame)).await.ok()?;
        if frame.enter_frame().await.is_err() {
            return None;
        }
        let result = f(&self.browser).await;
        client.clone().enter_parent_frame().await.unwrap();
        result
    }

    async fn text_of(&self, frame: &str) -> String {
        let text = self
            .in_frame(frame, async |page| page.client.find(Locator::Css("body")).await.ok()?.text().await.ok())
            .await;
        text.unwrap_or_default()
    }

    pub async fn popup(&self) -> String {
        self.text_of(POPUP).await
    }

    /// The popup says this.
    pub async fn sees(&self, words: &str) {
        self.frame_says(POPUP, words).await;
    }

    /// A notification says this.
    pub async fn is_told(&self, words: &str) {
        self.frame_says(TOAST, words).await;
    }

    async fn frame_says(&self, frame: &str, words: &str) {
        let saying = async {
            while !self.text_of(frame).await.contains(words) {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(std::time::Duration::from_secs(15), saying).await.is_err() {
            self.browser.pictures("portal-trouble").await;
            panic!(
                "{frame} does not say {words:?} at {} but: {}",
                self.browser.address().await,
                self.text_of(frame).await
            );
        }
    }

    /// Does something with an element of the popup, once it is there.
    async fn with(&self, xpath: &str, act: impl AsyncFn(Element) -> bool) {
        let acting = async {
            loop {
                let done = self
                    .in_frame(POPUP, async |page| {
                        let element = page.client.find(Locator::XPath(xpath)).await.ok()?;
                        act(element).await.then_some(())
                    })
                    .await;
                if done.is_some() {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(std::time::Duration::from_secs(15), acting).await.is_err() {
            self.browser.pictures("portal-trouble").await;
            panic!("{xpath} cannot be used; the popup says: {}", self.text_of(POPUP).await);
        }
    }

    /// Presses a button or link of the popup with these words.
    pub async fn presses(&self, words: &str) {
        let xpath = format!("//*[self::button or self::a][normalize-space(.)='{words}']");
        self.with(&xpath, async |element| element.click().await.is_ok()).await;
    }

    /// Presses whatever stands first for this XPath in the popup.
    pub async fn presses_at(&self, xpath: &str) {
        self.with(xpath, async |element| element.click().await.is_ok()).await;
    }

    /// Types into a field of the popup.
    pub async fn types(&self, name: &str, words: &str) {
        let xpath = format!("//input[@name='{name}']");
        self.with(&xpath, async |element| {
            // The widget keeps its own idea of a field: keys are what it listens to.
            let old = element.prop("value").await.ok().flatten().unwrap_or_default();
            let erase = char::from(fantoccini::key::Key::Backspace).to_string().repeat(old.chars().count());
            element.send_keys(&format!("{erase}{words}")).await.is_ok()
        })
        .await;
    }

    pub async fn close(self) {
        self.browser.close().await;
    }
}
