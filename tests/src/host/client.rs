//! Calls a host's API, and keeps every answer for the canary's search.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value;

/// One answer of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; `null` when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The first header of that name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The JSON body, given that the status is the expected one.
    ///
    /// # Panics
    ///
    /// When it is another, with the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The `code` of the problem, given that the status is the expected one.
    #[track_caller]
    pub fn problem(self, status: u16) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        self.expect(status)["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A caller of the host, with its key.
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
    /// Shared by all callers that were made from each other.
    answers: Arc<Mutex<Vec<(String, Answer)>>>,
}

impl Client {
    /// A caller of the host at `base` (no slash at the end) with an API key; an empty key is sent as no header.
    pub fn new(base: &str, key: &str) -> Self {
        // The first of a process sets the provider; the later ones find it set.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        Self {
            http: http.expect("a client without certificates to read is always built"),
            base: base.into(),
            key: key.into(),
            answers: Arc::default(),
        }
    }

    /// Another caller of the same host, whose answers are kept with this one's.
    pub fn with_key(&self, key: &str) -> Self {
        Self { http: self.http.clone(), base: self.base.clone(), key: key.into(), answers: Arc::clone(&self.answers) }
    }

    /// What it comes with; empty if it comes with nothing.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The host's URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Bytes::new()).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], Bytes::new()).await
    }

    /// `POST` with JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// `PATCH` with JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// `PUT` with JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Any request.
    ///
    /// # Panics
    ///
    /// When there is no answer; [`Client::try_send`] is for tests that take the host away.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let answer = self.try_send(method, path, headers, body).await;
        answer.unwrap_or_else(|error| panic!("{method} {path}: no answer: {error:?}"))
    }

    /// Any request, of which the answer may not come.
    ///
    /// # Errors
    ///
    /// When there is no complete answer.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> reqwest::Result<Answer> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("tests use valid methods");
        let label = format!("the answer to {method} {path}");
        let mut request = self.http.request(method, format!("{}{path}", self.base)).body(body.into());
        if !self.key.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.key));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let answer = Answer {
            status: response.status().as_u16(),
            headers: response.headers().iter().map(header).collect(),
            body: response.bytes().await?,
        };
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push((label, answer.clone()));
        Ok(answer)
    }

    /// Every answer so far, to this caller and those made from it, with what it answered.
    pub fn answers(&self) -> Vec<(String, Answer)> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
