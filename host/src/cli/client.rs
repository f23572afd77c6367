//! A client of a host's public API, for commands: the one user of reqwest outside `egress`.
//
// It connects to the operator's own host, from a process that holds no vault, so the rules for what connectors send do
// not apply to it.

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::RequestBuilder;
use reqwest::redirect::Policy;

use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::CliError;
use super::problem::Problem;
use crate::model::is_loopback;

/// A request's body, for whoever streams one.
pub(crate) use reqwest::Body;

/// Longest wait for a connection: a host that is there answers a handshake at once, even across the world.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for an answer: the host compiles an uploaded component within one request, and has its own, shorter
/// limits for everything else.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Longest time that a stream may stay open: the host ends its own after an hour.
const STREAM_TIMEOUT: Duration = Duration::from_secs(2 * 60 * 60);
/// Longest answer taken, in bytes: the host cuts a tool's result long before.
const MAX_ANSWER: usize = 256 * 1024 * 1024;

/// Names and values of query parameters; those without a value are left out.
pub(crate) type Query<'a> = &'a [(&'a str, Option<&'a str>)];

/// A connection to one host, as one caller.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    key: Option<HeaderValue>,
}

/// A page, as a browser gets it.
pub(crate) struct Page {
    /// HTTP status.
    pub status: u16,
    /// Where it sends the browser on to.
    pub location: Option<String>,
    /// The cookie that it sets, without its attributes.
    pub cookie: Option<String>,
    /// All of it, with its headers.
    pub text: String,
}

/// What the host answered to a request that it did.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its headers, one a line.
    pub head: String,
    /// The body as it came.
    pub text: String,
    /// The body read; null for none.
    pub value: Value,
}

/// An answer that is read bit by bit, whatever its status.
pub(crate) struct Incoming {
    response: reqwest::Response,
    /// Where it comes from, without what may be a credential.
    origin: Url,
}

impl Incoming {
    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// One of its headers.
    pub(crate) fn header(&self, name: &header::HeaderName) -> Option<HeaderValue> {
        self.response.headers().get(name).cloned()
    }

    /// The next piece of its body; `None` at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<bytes::Bytes>, CliError> {
        self.response.chunk().await.map_err(|error| unreachable(&self.origin, &error))
    }

    /// All of its body.
    pub(crate) async fn text(&mut self) -> Result<String, CliError> {
        let bytes = whole(&mut self.response, &self.origin).await?.ok_or_else(|| CliError::Answer {
            server: self.origin.to_string(),
            reason: format!("it is longer than {MAX_ANSWER} bytes"),
        })?;
        String::from_utf8(bytes).map_err(|_| {
            let reason = "it is not text".to_owned();
            CliError::Answer { server: self.origin.to_string(), reason }
        })
    }
}

impl Client {
    /// A client of `server` that presents `key`.
    ///
    /// # Errors
    ///
    /// When the key cannot stand in a header, or TLS has nothing to trust.
    pub(crate) fn new(server: Url, key: Option<&str>) -> Result<Self, CliError> {
        let http = transport(&server).map_err(|error| unreachable(&server, &error))?;
        Ok(Self { http, server, key: key.map(bearer).transpose()? })
    }

    /// Reads something.
    pub(crate) async fn get(&self, path: &[&str], query: Query<'_>) -> Result<Answer, CliError> {
        self.answer(self.request(Method::GET, path, query)?).await
    }

    /// Opens a page like a browser without a key; with a form, sends that.
    pub(crate) async fn open(
        &self,
        url: &str,
        cookie: Option<&str>,
        form: Option<&[(&str, &str)]>,
    ) -> Result<Page, CliError> {
        let url = Url::parse(url).map_err(|_| CliError::Usage(format!("{url:?} is no URL")))?;
        let mut request = match form {
            None => self.http.get(url),
            Some(pairs) => {
                let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                let request = self.http.post(url).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
                request.body(body)
            }
        };
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let mut response = request.send().await.map_err(|error| unreachable(&self.server, &error))?;
        let (status, head) = (response.status(), head(response.headers()));
        let named = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (location, cookie) = (named(header::LOCATION), named(header::SET_COOKIE));
        let cookie = cookie.and_then(|cookie| cookie.split(';').next().map(str::to_owned));
        let bytes = self.whole(&mut response).await?;
        let text = head + &String::from_utf8_lossy(&bytes);
        Ok(Page { status: status.as_u16(), location, cookie, text })
    }

    /// The status and the `Date` header of whatever the host answers, for looking at its health.
    pub(crate) async fn ping(&self, path: &[&str]) -> Result<(u16, Option<String>), CliError> {
        let response = self.request(Method::GET, path, &[])?.timeout(CONNECT_TIMEOUT).send().await;
        let response = response.map_err(|error| unreachable(&self.server, &error))?;
        let date = response.headers().get(header::DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
        Ok((response.status().as_u16(), date))
    }

    /// Removes something.
    pub(crate) async fn delete(&self, path: &[&str], query: Query<'_>) -> Result<Answer, CliError> {
        self.answer(self.request(Method::DELETE, path, query)?).await
    }

    /// Sends JSON.
    pub(crate) async fn send<T: Serialize>(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: &T,
    ) -> Result<Answer, CliError> {
        self.answer(json(self.request(method, path, query)?, body)?).await
    }

    /// Sends JSON of which the host does the same only once.
    pub(crate) async fn send_once<T: Serialize>(
        &self,
        path: &[&str],
        idempotency_key: Option<&str>,
        body: &T,
    ) -> Result<Answer, CliError> {
        let mut request = json(self.request(Method::POST, path, &[])?, body)?;
        if let Some(key) = idempotency_key {
            let value = HeaderValue::from_str(key)
                .map_err(|_| CliError::Usage("--idempotency-key has characters that no header takes".into()))?;
            request = request.header("idempotency-key", value);
        }
        self.answer(request).await
    }

    /// Uploads a component of `length` bytes.
    pub(crate) async fn upload(
        &self,
        path: &[&str],
        query: Query<'_>,
        body: Body,
        length: usize,
    ) -> Result<Answer, CliError> {
        let request = self.request(Method::POST, path, query)?;
        let request = request.header(header::CONTENT_TYPE, "application/wasm").header(header::CONTENT_LENGTH, length);
        self.answer(request.body(body)).await
    }

    /// Sends a text to the server's URL itself, for an answer that is read as it comes. `long` is of a stream that stays open.
    pub(crate) async fn stream(
        &self,
        method: Method,
        headers: HeaderMap,
        body: String,
        long: bool,
    ) -> Result<Incoming, CliError> {
        let mut origin = self.server.clone();
        origin.set_path("/");
        origin.set_query(None);
        let timeout = if long { STREAM_TIMEOUT } else { ANSWER_TIMEOUT };
        let mut request = self.http.request(method, self.server.clone()).headers(headers).timeout(timeout);
        if let Some(key) = &self.key {
            request = request.header(header::AUTHORIZATION, key.clone());
        }
        let sent = if body.is_empty() { request.send().await } else { request.body(body).send().await };
        let response = sent.map_err(|error| unreachable(&origin, &error))?;
        Ok(Incoming { response, origin })
    }

    /// The host's address, for messages.
    pub(crate) fn server(&self) -> &Url {
        &self.server
    }

    fn request(&self, method: Method, path: &[&str], query: Query<'_>) -> Result<RequestBuilder, CliError> {
        let mut request = self.http.request(method, self.url(path, query)?);
        if let Some(key) = &self.key {
            request = request.header(header::AUTHORIZATION, key.clone());
        }
        Ok(request)
    }

    /// The server's URL with each of `path` as one segment, whatever characters it has.
    fn url(&self, path: &[&str], query: Query<'_>) -> Result<Url, CliError> {
        let mut url = self.server.clone();
        let mut segments = url.path_segments_mut().map_err(|()| CliError::Usage("--server has no path".into()))?;
        segments.pop_if_empty();
        for segment in path {
            // URLs cannot carry these as segments: clients and proxies drop them and name something else.
            if matches!(*segment, "" | "." | "..") {
                return Err(CliError::Usage(format!("{segment:?} cannot be a name")));
            }
            segments.push(segment);
        }
        drop(segments);
        let given: Vec<_> = query.iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect();
        if !given.is_empty() {
            url.query_pairs_mut().extend_pairs(given);
        }
        Ok(url)
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Answer, CliError> {
        let mut response = request.send().await.map_err(|error| unreachable(&self.server, &error))?;
        let (status, head) = (response.status(), head(response.headers()));
        let bytes = self.whole(&mut response).await?;
        let text = String::from_utf8(bytes).map_err(|_| self.strange(status, "it is not text"))?;
        if !status.is_success() {
            return Err(self.refusal(status, &text));
        }
        let value = match text.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text).map_err(|_| self.strange(status, "it is not JSON"))?,
        };
        Ok(Answer { head, text, value })
    }

    async fn whole(&self, response: &mut reqwest::Response) -> Result<Vec<u8>, CliError> {
        let bytes = whole(response, &self.server).await?;
        bytes.ok_or_else(|| self.strange(response.status(), &format!("it is longer than {MAX_ANSWER} bytes")))
    }

    fn refusal(&self, status: StatusCode, text: &str) -> CliError {
        match serde_json::from_str::<Problem>(text) {
            Ok(problem) if !problem.code.is_empty() => {
                CliError::Problem(Box::new(Problem { status: status.as_u16(), ..problem }))
            }
            _ => self.strange(status, "it is an error without a problem document"),
        }
    }

    fn strange(&self, status: StatusCode, reason: &str) -> CliError {
        CliError::Answer { server: self.server.to_string(), reason: format!("HTTP {}, {reason}", status.as_u16()) }
    }
}

/// A whole body; `None` if it has more than [`MAX_ANSWER`] bytes, which are not read to the end.
async fn whole(response: &mut reqwest::Response, origin: &Url) -> Result<Option<Vec<u8>>, CliError> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| unreachable(origin, &error))? {
        if bytes.len() + piece.len() > MAX_ANSWER {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(bytes))
}

fn head(headers: &HeaderMap) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()))).collect()
}

fn json<T: Serialize>(request: RequestBuilder, body: &T) -> Result<RequestBuilder, CliError> {
    let bytes = serde_json::to_vec(body).map_err(|error| CliError::Usage(error.to_string()))?;
    Ok(request.header(header::CONTENT_TYPE, "application/json").body(bytes))
}

/// Redirects are not followed: they would carry the key elsewhere. Loopback is reached without a proxy and without
/// certificates, so that a first try does not hang on how the machine is set up.
fn transport(server: &Url) -> reqwest::Result<reqwest::Client> {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    // Refused only if the process has a provider already, and then that one is meant.
    PROVIDER.get_or_init(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let mut builder = reqwest::Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .user_agent(concat!("gloveport/", env!("CARGO_PKG_VERSION")));
    if is_loopback(server) {
        builder = builder.no_proxy();
    }
    if server.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

fn bearer(key: &str) -> Result<HeaderValue, CliError> {
    let wrong = || CliError::Usage("the API key is empty or has characters that no key has".into());
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong());
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The whole chain of causes: "error sending request" alone helps nobody.
fn unreachable(server: &Url, error: &reqwest::Error) -> CliError {
    let mut reason = if error.is_timeout() { "timed out".to_owned() } else { "the request failed".to_owned() };
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(reason, ": {error}");
        cause = error.source();
    }
    CliError::Unreachable { server: server.to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::{Fake, run_at, run_offline};

    fn client(server: &str) -> Client {
        Client::new(Url::parse(server).expect("a URL"), None).expect("a client")
    }

    #[test]
    fn names_are_one_segment_whatever_they_hold() {
        let cases = [
            ("http://h", "a", "http://h/v1/a"),
            ("http://h/", "a b", "http://h/v1/a%20b"),
            ("http://h/base", "a/b", "http://h/base/v1/a%2Fb"),
            ("http://h/base/", "../x", "http://h/base/v1/..%2Fx"),
            ("http://h", "%2e%2e", "http://h/v1/%252e%252e"),
            ("http://h", "a?b#c;d", "http://h/v1/a%3Fb%23c;d"),
            ("http://h", "ä@x.y", "http://h/v1/%C3%A4@x.y"),
            ("http://h", "\\..\\", "http://h/v1/%5C..%5C"),
        ];
        for (server, name, expected) in cases {
            // Backslashes separate segments too, in the eyes of some parsers.
            let url = client(server).url(&["v1", name], &[]).expect("a URL").to_string();
            assert_eq!(url.replace("/v1/\\..\\", "/v1/%5C..%5C"), expected, "{name}");
        }
        for name in ["", ".", ".."] {
            assert!(matches!(client("http://h").url(&["v1", name], &[]), Err(CliError::Usage(_))), "{name}");
        }
    }

    #[test]
    fn absent_parameters_are_left_out_and_present_ones_encoded() {
        let url = |query: Query<'_>| client("http://h").url(&["v1"], query).expect("a URL").to_string();
        assert_eq!(url(&[("a", None)]), "http://h/v1");
        assert_eq!(url(&[("a", Some("&x=1 +ä")), ("b", None), ("c", Some(""))]), "http://h/v1?a=%26x%3D1+%2B%C3%A4&c=");
    }

    #[test]
    fn keys_that_no_header_takes_are_refused_without_repeating_them() {
        for key in ["", "gp canary", "gp_canary\n", "gp_canä", "\0"] {
            let message = bearer(key).expect_err("taken").to_string();
            assert!(!message.contains("can"), "{message}");
        }
        assert_eq!(format!("{:?}", bearer("gp_x").expect("a header")), "Sensitive");
    }

    #[tokio::test]
    async fn a_host_that_is_not_there_is_named_with_the_cause() {
        let ran = run_offline("connector list --server http://127.0.0.1:1", "").await;
        assert_eq!((ran.code, ran.out.as_str()), (1, ""));
        assert!(ran.err.starts_with("Error: no answer from http://127.0.0.1:1/: "), "{}", ran.err);
        assert!(ran.err.contains("refused") && ran.err.contains("gloveport serve"), "{}", ran.err);
    }

    #[tokio::test]
    async fn answers_outside_of_the_contract_are_failures() {
        let cases = [
            (200, "<html>", "HTTP 200, it is not JSON"),
            (200, "{\"items\": 7}", "it is not a list"),
            (502, "<html>Bad Gateway", "HTTP 502, it is an error without a problem document"),
            (404, "{}", "HTTP 404, it is an error without a problem document"),
            (302, "", "HTTP 302, it is an error without a problem document"),
        ];
        for (status, body, expected) in cases {
            let fake = Fake::answering(status, body).await;
            let ran = run_at(&fake, "connector list", "").await;
            assert_eq!(ran.code, 1, "{body}");
            assert!(ran.err.contains(expected), "{}", ran.err);
        }
    }

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let fake = Fake::answering(307, "").await;
        let ran = run_at(&fake, "connector list", "").await;
        assert_eq!((ran.code, fake.requests().len()), (1, 1));
    }
}
