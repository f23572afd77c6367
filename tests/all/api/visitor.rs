//! A browser without a screen: it keeps its cookie and sends forms as they stand in the page.

use std::sync::Mutex;

use gloveport_tests::host::{Answer, Client};
use serde_json::{Value, json};
use url::Url;

use super::bed::Bed;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// One person's browser.
pub(in crate::api) struct Visitor {
    client: Client,
    cookie: Mutex<Option<String>>,
}

impl Visitor {
    /// Somebody who was never here.
    pub(in crate::api) fn new(bed: &Bed) -> Self {
        Self { client: bed.client().with_key(""), cookie: Mutex::default() }
    }

    pub(in crate::api) fn cookie(&self) -> Option<String> {
        self.cookie.lock().unwrap().clone()
    }

    pub(in crate::api) fn take_cookie(&self, cookie: Option<String>) {
        *self.cookie.lock().unwrap() = cookie;
    }

    /// Opens a page of the host.
    pub(in crate::api) async fn open(&self, url: &str) -> Answer {
        let cookie = self.cookie();
        let headers: Vec<_> = cookie.iter().map(|cookie| ("cookie", cookie.as_str())).collect();
        let answer = self.client.send("GET", self.path(url), &headers, "").await;
        self.keep(&answer);
        answer
    }

    /// Sends a form as it is.
    pub(in crate::api) async fn send(&self, url: &str, pairs: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let cookie = self.cookie();
        let mut headers: Vec<_> = cookie.iter().map(|cookie| ("cookie", cookie.as_str())).collect();
        headers.push(FORM);
        let answer = self.client.send("POST", self.path(url), &headers, body).await;
        self.keep(&answer);
        answer
    }

    /// Opens a page and sends its form with these fields.
    pub(in crate::api) async fn fill(&self, url: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.open(url).await;
        assert_eq!(page.status, 200, "{}", text(&page));
        self.send_from(&page, url, fields).await
    }

    /// Sends the form of a page.
    pub(in crate::api) async fn send_from(&self, page: &Answer, url: &str, fields: &[(&str, &str)]) -> Answer {
        let token = form_token(page);
        let names: Vec<_> = fields.iter().map(|(name, value)| (format!("field.{name}"), *value)).collect();
        let mut pairs = vec![("form", token.as_str())];
        pairs.extend(names.iter().map(|(name, value)| (name.as_str(), *value)));
        self.send(url, &pairs).await
    }

    fn path<'a>(&self, url: &'a str) -> &'a str {
        url.strip_prefix(self.client.base()).unwrap_or(url)
    }

    fn keep(&self, answer: &Answer) {
        if let Some(set) = answer.header("set-cookie") {
            self.take_cookie(set.split(';').next().map(str::to_owned));
        }
    }
}

/// A page as text.
pub(in crate::api) fn text(page: &Answer) -> String {
    String::from_utf8(page.body.to_vec()).unwrap()
}

/// What the page's form carries so that nobody else can send it.
pub(in crate::api) fn form_token(page: &Answer) -> String {
    let text = text(page);
    let (_, rest) = text.split_once(r#"name="form" value=""#).unwrap_or_else(|| panic!("no form: {text}"));
    rest.split('"').next().unwrap().to_owned()
}

/// Where a page sends its browser on to.
pub(super) fn target(page: &Answer) -> String {
    let text = text(page);
    assert_eq!(page.status, 200, "{text}");
    let (_, rest) =
        text.split_once(r#"<meta http-equiv="refresh" content="0;url="#).unwrap_or_else(|| panic!("{text}"));
    let url = rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let host = Url::parse(&url).unwrap().host_str().unwrap().to_owned();
    assert!(text.contains(&format!("Go on to {host}")), "there is a link too: {text}");
    url
}

/// A parameter of a URL.
pub(super) fn parameter(url: &str, name: &str) -> Option<String> {
    Url::parse(url).unwrap().query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// A link for this user.
pub(in crate::api) async fn link(bed: &Bed, connection: &str, identifier: &str) -> String {
    let path = format!("/v1/connections/{connection}/accounts/{identifier}/authorize");
    let made = bed.client().post(&path, &json!({})).await.expect(201);
    made["link"].as_str().unwrap().to_owned()
}

/// The state of an account.
pub(in crate::api) async fn account(bed: &Bed, connection: &str, identifier: &str) -> Value {
    bed.client().get(&format!("/v1/connections/{connection}/accounts/{identifier}")).await.expect(200)
}
