//! A real Chromium, driven through Debian's chromedriver.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::{ParseError, Url};

/// How long a page may take to become what a test expects.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    On,
    Off,
}

/// One browser with a profile of its own. Ended with its driver.
pub struct Chromium {
    pub client: Client,
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Chromium {
    pub async fn open(script: Script) -> Self {
        let (driver, port) = start_driver();
        let profile = tempfile::tempdir().unwrap();
        let mut capabilities = serde_json::Map::new();
        let mut options = json!({"args": [
            "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
            "--lang=en", "--no-proxy-server", "--disable-background-networking", "--disable-component-update",
            format!("--user-data-dir={}", profile.path().display()),
        ]});
        if script == Script::Off {
            options["prefs"] = json!({"profile.managed_default_content_settings.javascript": 2});
        }
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("Chromium starts");
        Self { client, driver, _profile: profile }
    }

    pub async fn close(mut self) {
        let _ = self.client.clone().close().await;
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }

    pub async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Waits for it: the page that has it may be on its way.
    pub async fn find(&self, css: &str) -> Element {
        self.waits_for(css).await;
        match self.client.find(Locator::Css(css)).await {
            Ok(element) => element,
            Err(error) => panic!("{css} at {}: {error}", self.address().await),
        }
    }

    pub async fn address(&self) -> String {
        self.client.current_url().await.unwrap().to_string()
    }

    /// Types into a field, over what it holds.
    pub async fn types(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub async fn clicks(&self, css: &str) {
        self.find(css).await.click().await.unwrap();
    }

    pub async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.unwrap()
    }

    /// Waits until something is true of the page.
    pub async fn until(&self, what: &str, mut is_true: impl AsyncFnMut(&Self) -> bool) {
        let waiting = async {
            while !is_true(self).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            let source = self.client.source().await.unwrap_or_default();
            panic!("{what}: not within {PATIENCE:?} at {}\n{source}", self.address().await);
        }
    }

    pub async fn waits_for(&self, css: &str) {
        self.until(css, async |page| page.client.find(Locator::Css(css)).await.is_ok()).await;
    }

    /// Waits until an element says this; while a page gives way to another it may not be there.
    pub async fn says(&self, css: &str, words: &str) {
        self.until(words, async |page| match page.client.find(Locator::Css(css)).await {
            Ok(element) => element.text().await.is_ok_and(|text| text == words),
            Err(_) => false,
        })
        .await;
    }

    pub async fn is_headed(&self, words: &str) {
        self.says("h1", words).await;
    }

    /// The id of the element that has the focus.
    pub async fn focus(&self) -> String {
        match self.client.active_element().await {
            Ok(element) => element.attr("id").await.ok().flatten().unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Runs in the page. With scripts off only what the driver itself may run.
    pub async fn asks_page(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// What axe-core finds against WCAG 2.2 AA: the rule, and where.
    pub async fn looked_at_by_axe(&self) -> Value {
        let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/npm/node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(axe).expect("axe-core is installed; `./test` sees to it");
        let script = format!(
            "{axe};const tell = arguments[arguments.length - 1];
             const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
             axe.run(document, {{ runOnly: tags, iframes: false }})
               .then(found => tell(found.violations.map(one => one.id + ': ' + one.nodes.map(node => node.html).slice(0, 3).join(' '))))
               .catch(error => tell([String(error)]));"
        );
        self.client.execute_async(&script, vec![]).await.unwrap_or_else(|error| panic!("axe: {error}"))
    }

    async fn devtools(&self, command: &str, params: Value) {
        let command = DevTools { command: command.to_owned(), params };
        self.client.issue_cmd(command).await.unwrap_or_else(|error: CmdError| panic!("{error}"));
    }

    /// A window of this width, in this colour scheme.
    pub async fn looks_like(&self, width: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Keeps a picture of the window under `target/screenshots/`.
    pub async fn pictures(&self, name: &str) {
        keep(name, &self.client.screenshot().await.unwrap());
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Where pictures are kept.
pub fn screenshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots")
}

pub fn keep(name: &str, png: &[u8]) {
    let folder = screenshots();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.png")), png).unwrap();
}

/// Starts a driver on a port that it draws itself. The port it draws for IPv4 may be taken on IPv6,
/// and then it ends at once: it draws again.
fn start_driver() -> (Child, u16) {
    let mut said = String::new();
    for _ in 0..5 {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed; `./test` sees to it");
        match port_of(&mut driver) {
            Ok(port) => return (driver, port),
            Err(words) => said = words,
        }
        let _ = driver.wait();
    }
    panic!("chromedriver names no port: {said}");
}

/// It says on its first lines where it listens; or else what it said.
fn port_of(driver: &mut Child) -> Result<u16, String> {
    let mut said = String::new();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    for line in lines.by_ref().map_while(Result::ok) {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            // What it says later must not fill the pipe.
            std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
            return port.trim_end_matches('.').parse().map_err(|_| line);
        }
        said.push_str(&line);
        said.push('\n');
    }
    Err(said)
}

/// `POST /session/{id}/goog/cdp/execute`: a command of Chromium's developer tools.
#[derive(Debug)]
struct DevTools {
    command: String,
    params: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"cmd": self.command, "params": self.params}).to_string()))
    }
}
