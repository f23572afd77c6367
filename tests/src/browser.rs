//! A real browser without a screen: Debian's Chromium, driven by the WebDriver protocol (W3C), which is a few JSON requests.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::programs::target_folder;

/// How long a page may take to come. It is waited for by the browser, so a fast one costs nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// By what an element is known in the protocol.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// Whether the person prefers dark pages.
    pub dark: bool,
}

impl Screen {
    /// A laptop by day.
    pub const LIGHT: Self = Self { width: 1_000, height: 900, dark: false };
    /// A laptop by night.
    pub const DARK: Self = Self { dark: true, ..Self::LIGHT };
    /// A small phone.
    pub const PHONE: Self = Self { width: 360, height: 740, dark: false };
}

/// A browser with a profile of its own. It ends when this is dropped.
pub struct Browser {
    driver: Child,
    http: reqwest::Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts one; `None` where there is no Chromium, which is said on standard error.
    pub async fn start() -> Option<Self> {
        let profile = TempDir::new().expect("there is room for a profile");
        let driver = Command::new("chromedriver")
            .arg("--port=0")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(mut driver) = driver else {
            assert!(std::env::var_os("CI").is_none(), "CI installs chromium-driver, and it is not there");
            let why = "skipped: there is no `chromedriver` here (Debian: apt install chromium chromium-driver)";
            // Nobody reads a closed standard error.
            let _ = writeln!(std::io::stderr(), "{why}");
            return None;
        };
        let mut lines = BufReader::new(driver.stdout.take().expect("it was piped")).lines();
        let port = loop {
            let line =
                lines.next_line().await.expect("its output can be read").expect("it says its port before it ends");
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        // Whatever else it says must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().expect("a client without options can be made");
        let driver_url = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { driver, http, session: driver_url, _profile: profile };
        let made = browser.post("", &capabilities(browser._profile.path())).await;
        let id = made["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {made}"));
        browser.session = format!("{}/{id}", browser.session);
        browser.post("/timeouts", &json!({ "implicit": millis(), "pageLoad": millis() })).await;
        Some(browser)
    }

    /// Changes how pages are looked at.
    pub async fn look(&self, screen: Screen) {
        let Screen { width, height, dark } = screen;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
        let value = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.command("Emulation.setEmulatedMedia", media).await;
    }

    /// Opens a page, as by its address.
    pub async fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url })).await;
    }

    /// Where it is.
    pub async fn url(&self) -> String {
        text(self.get("/url").await)
    }

    /// Waits for an element that this selects, and gives its text as a person reads it.
    pub async fn read(&self, css: &str) -> String {
        let element = self.element(css).await;
        text(self.get(&format!("/element/{element}/text")).await)
    }

    /// What an element has as this property.
    pub async fn property(&self, css: &str, name: &str) -> Value {
        let element = self.element(css).await;
        self.get(&format!("/element/{element}/property/{name}")).await
    }

    /// What programs that read pages aloud call an element.
    pub async fn spoken(&self, css: &str) -> String {
        let element = self.element(css).await;
        text(self.get(&format!("/element/{element}/computedlabel")).await)
    }

    /// Clicks on an element.
    pub async fn click(&self, css: &str) {
        let element = self.element(css).await;
        self.post(&format!("/element/{element}/click"), &json!({})).await;
    }

    /// Types where the focus is: `\u{e004}` is Tab, `\u{e007}` Enter, `\u{e00d}` the space bar.
    pub async fn type_keys(&self, keys: &str) {
        let active = self.get("/element/active").await;
        let element = active[ELEMENT].as_str().expect("some element is active").to_owned();
        self.post(&format!("/element/{element}/value"), &json!({ "text": keys })).await;
    }

    /// The `id` of the element that has the focus.
    pub async fn focused(&self) -> String {
        let active = self.get("/element/active").await;
        let element = active[ELEMENT].as_str().expect("some element is active").to_owned();
        text(self.get(&format!("/element/{element}/property/id")).await)
    }

    /// What the page's own rules or its network complained about.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "browser" })).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        // What it only recommends is below that, and a page that is not a success says so itself.
        let serious = entries.iter().filter(|entry| entry["level"] != "DEBUG");
        let messages = serious.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned());
        messages.filter(|message| !message.contains("Failed to load resource")).collect()
    }

    /// Whether the page is wider than what it is shown on.
    pub async fn scrolls_sideways(&self) -> bool {
        let width = |value: Value| value.as_f64().expect("a width is a number");
        let (page, shown) = (self.property("html", "scrollWidth").await, self.property("html", "clientWidth").await);
        width(page) > width(shown)
    }

    /// Keeps a picture of the page below the target folder, for people to look at.
    pub async fn picture(&self, name: &str) {
        let picture = text(self.get("/screenshot").await);
        let bytes = STANDARD.decode(picture).expect("pictures are base64");
        let folder = target_folder("screenshots");
        std::fs::create_dir_all(&folder).expect("the target folder can be written to");
        std::fs::write(folder.join(format!("{name}.png")), bytes).expect("a picture can be written");
    }

    async fn element(&self, css: &str) -> String {
        let found = self.post("/element", &json!({ "using": "css selector", "value": css })).await;
        match found[ELEMENT].as_str() {
            Some(element) => element.to_owned(),
            None => panic!("no `{css}` on {}: {}", self.url().await, text(self.get("/source").await)),
        }
    }

    async fn command(&self, name: &str, parameters: Value) {
        self.post("/goog/cdp/execute", &json!({ "cmd": name, "params": parameters })).await;
    }

    async fn get(&self, path: &str) -> Value {
        value(self.http.get(format!("{}{path}", self.session))).await
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        value(self.http.post(format!("{}{path}", self.session)).json(body)).await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver's death would leave the browser behind: both are in a group of their own.
        if let Some(id) = self.driver.id() {
            let _ = std::process::Command::new("sh").args(["-c", &format!("kill -KILL -{id}")]).status();
        }
    }
}

fn capabilities(profile: &std::path::Path) -> Value {
    let arguments = [
        "--headless=new".to_owned(),
        // Tests run as root in containers, where the browser's own sandbox cannot be made.
        "--no-sandbox".into(),
        "--disable-gpu".into(),
        "--disable-dev-shm-usage".into(),
        "--no-proxy-server".into(),
        // Whatever a page names, nothing but the loopback is reached.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1".into(),
        "--disable-background-networking".into(),
        "--hide-scrollbars".into(),
        format!("--user-data-dir={}", profile.display()),
    ];
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": { "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
    } } })
}

fn millis() -> u64 {
    u64::try_from(PATIENCE.as_millis()).expect("it is half a minute")
}

/// The answer's `value`, or what the browser says is wrong.
async fn value(request: reqwest::RequestBuilder) -> Value {
    let answer = request.send().await.expect("the driver answers");
    let mut body: Value = answer.json().await.expect("the driver answers with JSON");
    body["value"].take()
}

fn text(value: Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
