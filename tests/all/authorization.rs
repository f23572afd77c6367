//! The authorization server of the tests: what it must refuse, or tests that pass against it would say nothing.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gloveport::model::{Clock, Timestamp};
use gloveport_tests::authorization::{AuthMethod, AuthorizationServer, PASSWORD, RegisteredClient};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

const REDIRECT: &str = "https://host.example/oauth/callback/demo";
const VERIFIER: &str = "a-verifier-of-more-than-forty-three-characters-it-is";

struct Browser {
    server: AuthorizationServer,
    http: reqwest::Client,
    clock: Clock,
}

impl Browser {
    async fn start() -> Self {
        let clock = Clock::manual(Timestamp(1_700_000_000_000));
        let server = AuthorizationServer::start(&clock).await;
        server.change_client(|client| client.redirect_uris = vec![REDIRECT.into()]);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        Self { server, http, clock }
    }

    fn authorize_url(&self, changes: &[(&str, Option<&str>)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut all = vec![
            ("response_type", "code"),
            ("client_id", "gloveport"),
            ("redirect_uri", REDIRECT),
            ("code_challenge_method", "S256"),
            ("code_challenge", challenge.as_str()),
            ("state", "xyz"),
            ("scope", "read write"),
        ];
        for (name, value) in changes {
            all.retain(|(known, _)| known != name);
            all.extend(value.map(|value| (*name, value)));
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        self.server.url(&format!("/authorize?{query}"))
    }

    fn code(&self) -> String {
        let back = Url::parse(&self.server.consent(&self.authorize_url(&[])).unwrap()).unwrap();
        let found: Vec<_> = back.query_pairs().into_owned().collect();
        assert_eq!(found[1], ("state".to_owned(), "xyz".to_owned()));
        found[0].1.clone()
    }

    async fn post(&self, path: &str, basic: Option<(&str, &str)>, form: &[(&str, &str)]) -> (u16, Value) {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = self.http.post(self.server.url(path)).body(body);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        if let Some((id, secret)) = basic {
            let escaped = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = STANDARD.encode(format!("{}:{}", escaped(id), escaped(secret)));
            request = request.header("authorization", format!("Basic {pair}"));
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// As the first client.
    async fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let client = self.server.client();
        self.post("/token", Some((&client.id, &client.secret.unwrap())), form).await
    }

    async fn exchange(&self, code: &str, verifier: &str, redirect_uri: &str) -> (u16, Value) {
        let grant = ("grant_type", "authorization_code");
        let form = [grant, ("code", code), ("code_verifier", verifier), ("redirect_uri", redirect_uri)];
        self.token(&form).await
    }

    async fn refresh(&self, token: &str) -> (u16, Value) {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    async fn api(&self, token: &str) -> (u16, Value) {
        let answer = self.http.get(self.server.url("/api/me")).bearer_auth(token).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }
}

#[tokio::test]
async fn a_wrong_authorization_request_is_not_sent_back() {
    let browser = Browser::start().await;
    for change in [
        ("client_id", Some("other")),
        ("client_id", None),
        ("redirect_uri", Some("https://host.example/oauth/callback/demo/")),
        ("redirect_uri", Some("https://evil.example/")),
        ("redirect_uri", None),
        ("response_type", Some("token")),
        ("code_challenge_method", Some("plain")),
        ("code_challenge_method", None),
        ("code_challenge", Some("short")),
        ("code_challenge", None),
        ("state", None),
    ] {
        let url = browser.authorize_url(&[change]);
        assert!(browser.server.consent(&url).is_err(), "{change:?}");
    }
    let denied = format!("{}&x=", browser.authorize_url(&[]));
    let answer = browser.http.post(denied).body("answer=deny").send().await.unwrap();
    let back = answer.headers()["location"].to_str().unwrap();
    assert_eq!(back, format!("{REDIRECT}?error=access_denied&state=xyz"));
}

#[tokio::test]
async fn a_code_is_exchanged_once_and_by_whom_it_was_made_for() {
    let browser = Browser::start().await;
    for (verifier, redirect_uri) in [
        ("another-verifier-of-more-than-forty-three-characters", REDIRECT),
        ("short", REDIRECT),
        ("", REDIRECT),
        (VERIFIER, "https://host.example/oauth/callback/demo/"),
    ] {
        let (status, body) = browser.exchange(&browser.code(), verifier, redirect_uri).await;
        assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")), "{verifier} {redirect_uri}");
    }
    assert_eq!(browser.exchange("unknown", VERIFIER, REDIRECT).await.0, 400);
    let code = browser.code();
    let (status, tokens) = browser.exchange(&code, VERIFIER, REDIRECT).await;
    assert_eq!((status, &tokens["expires_in"], &tokens["scope"]), (200, &json!(3_600), &json!("read write")));
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(browser.api(access).await.0, 200);
    // A second exchange ends what came of the first.
    assert_eq!(browser.exchange(&code, VERIFIER, REDIRECT).await.1["error"], "invalid_grant");
    assert_eq!(browser.api(access).await.0, 401);
}

#[tokio::test]
async fn refresh_tokens_rotate_and_an_old_one_ends_the_family() {
    let browser = Browser::start().await;
    let first = browser.server.grant("gloveport", "read");
    let old = first.refresh_token.unwrap();
    let (status, second) = browser.refresh(&old).await;
    assert_eq!(status, 200);
    let (access, refresh) = (second["access_token"].as_str().unwrap(), second["refresh_token"].as_str().unwrap());
    assert_eq!((browser.api(access).await.0, browser.server.can_refresh(refresh)), (200, true));
    assert_eq!(browser.refresh(&old).await.1["error"], "invalid_grant");
    assert_eq!((browser.api(access).await.0, browser.server.can_refresh(refresh)), (401, false));
    let counts = browser.server.counts();
    assert_eq!((counts.refreshes, counts.reuses), (1, 1));
    assert_eq!(browser.refresh("unknown").await.0, 400);
    // Without rotation the old one stays.
    browser.server.set(|quirks| quirks.rotates = false);
    let kept = browser.server.grant("gloveport", "").refresh_token.unwrap();
    for _ in 0..3 {
        let (status, body) = browser.refresh(&kept).await;
        assert_eq!((status, &body["refresh_token"]), (200, &Value::Null));
    }
}

#[tokio::test]
async fn access_tokens_end_by_the_clock() {
    let browser = Browser::start().await;
    let token = browser.server.grant("gloveport", "").access_token;
    browser.clock.advance(Duration::from_millis(3_599_999));
    assert_eq!(browser.api(&token).await.0, 200);
    browser.clock.advance(Duration::from_millis(1));
    assert_eq!(browser.api(&token).await.0, 401);
    assert_eq!(browser.api("unknown").await.0, 401);
}

#[tokio::test]
async fn a_client_authenticates_in_its_own_way_only() {
    let browser = Browser::start().await;
    browser.server.register(RegisteredClient::confidential("post", AuthMethod::Post));
    browser.server.register(RegisteredClient::public("public"));
    let secret = browser.server.client().secret.unwrap();
    let post = RegisteredClient::confidential("post", AuthMethod::Post).secret.unwrap();
    let grant = ("grant_type", "client_credentials");
    type Case<'a> = (Option<(&'a str, &'a str)>, Vec<(&'a str, &'a str)>, u16);
    let cases: Vec<Case<'_>> = vec![
        (Some(("gloveport", &secret)), vec![grant], 200),
        (Some(("gloveport", "wrong")), vec![grant], 401),
        (Some(("gloveport", &secret)), vec![grant, ("client_secret", &secret)], 401),
        (None, vec![grant, ("client_id", "gloveport"), ("client_secret", &secret)], 401),
        (None, vec![grant], 401),
        (None, vec![grant, ("client_id", "post"), ("client_secret", &post)], 200),
        (None, vec![grant, ("client_id", "post")], 401),
        (Some(("post", &post)), vec![grant], 401),
        (None, vec![grant, ("client_id", "public")], 200),
        (None, vec![grant, ("client_id", "public"), ("client_secret", "x")], 401),
        (Some(("nobody", "x")), vec![grant], 401),
        (Some(("gloveport", &secret)), vec![("grant_type", "password")], 400),
        (Some(("gloveport", &secret)), vec![], 400),
    ];
    for (basic, form, expected) in cases {
        let (status, body) = browser.post("/token", basic, &form).await;
        assert_eq!(status, expected, "{basic:?} {form:?}: {body}");
    }
    let answer = browser.http.post(browser.server.url("/token")).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn revoking_ends_the_family_and_signing_in_takes_the_password() {
    let browser = Browser::start().await;
    let granted = browser.server.grant("gloveport", "");
    let secret = browser.server.client().secret.unwrap();
    let form = [("token", granted.refresh_token.as_deref().unwrap())];
    assert_eq!(browser.post("/revoke", None, &form).await.0, 401);
    assert_eq!(browser.api(&granted.access_token).await.0, 200);
    assert_eq!(browser.post("/revoke", Some(("gloveport", &secret)), &form).await.0, 200);
    assert_eq!(browser.api(&granted.access_token).await.0, 401);
    assert_eq!(browser.post("/revoke", Some(("gloveport", &secret)), &[("token", "unknown")]).await.0, 200);
    assert_eq!(browser.server.counts().revocations, 1);
    for (password, expected) in [("wrong", 401), (PASSWORD, 200)] {
        let body = json!({ "user": "ada", "password": password });
        let answer = browser.http.post(browser.server.url("/sign_in")).json(&body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), expected);
        if let Some(token) = answer.json::<Value>().await.unwrap()["credentials"]["token"].as_str() {
            assert_eq!(browser.api(token).await.0, 200);
            let out = browser.http.post(browser.server.url("/sign_out")).bearer_auth(token).send().await.unwrap();
            assert_eq!((out.status().as_u16(), browser.api(token).await.0), (204, 401));
        }
    }
    for known in [PASSWORD, secret.as_str(), granted.access_token.as_str()] {
        assert!(browser.server.secrets().iter().any(|secret| secret == known));
    }
}
