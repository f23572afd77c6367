//! A host with an MCP config, an application that its users sign in to, a client that registered, and their browser.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gloveport::config::{WrittenConnect, WrittenMcp};
use gloveport::model::{Clock, Role, Scopes, Timestamp};
use gloveport_tests::canary::{Canary, assert_absent};
use gloveport_tests::host::{Answer, Client, Setup};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use super::super::bed::Bed;
use super::super::mcp::Mcp;
use super::super::visitor::{Visitor, form_token, text};

/// When a scene begins by its clock: 2026-11-21T10:00:00Z.
const START: Timestamp = Timestamp(1_795_255_200_000);

pub(super) const APPLICATION: &str = "https://app.example.com";
pub(super) const REDIRECT: &str = "http://127.0.0.1:33418/callback?from=here";
pub(super) const VERIFIER: &str = "a-verifier-that-nobody-guesses-0123456789-abcdef";
pub(super) const STATE: &str = "s &/=?\u{e9}";
pub(super) const TOOLS: [&str; 2] = ["probe_whoami", "probe_echo"];

pub(super) struct Stage {
    pub(super) bed: Bed,
    pub(super) clock: Clock,
    /// Of the config `desk`.
    pub(super) resource: String,
    /// One that registered, with [`REDIRECT`].
    pub(super) client_id: String,
}

/// Where users sign in.
pub(super) fn connect() -> WrittenConnect {
    WrittenConnect {
        name: Some("Acme Assistant".into()),
        verify_origins: Some(vec![APPLICATION.into()]),
        ..WrittenConnect::default()
    }
}

impl Stage {
    pub(super) async fn start() -> Self {
        Self::with(connect()).await
    }

    /// On a host that knows the application so.
    pub(super) async fn with(connect: WrittenConnect) -> Self {
        Self::on(Setup { connect, ..Setup::usual() }).await
    }

    /// On a host that is set up so, but for its clock and for clients that register.
    pub(super) async fn on(setup: Setup) -> Self {
        let clock = Clock::manual(START);
        let mcp = WrittenMcp { client_registration: Some(true), ..setup.mcp.clone() };
        let bed = Bed::with(Setup { clock: clock.clone(), mcp, ..setup }).await;
        let resource = config(&bed, "desk", Some(&TOOLS)).await;
        let body = json!({ "redirect_uris": [REDIRECT, "https://client.example/cb"], "client_name": "Claude Test" });
        let made = bed.client().with_key("").post("/oauth/register", &body).await.expect(201);
        let client_id = made["client_id"].as_str().unwrap().to_owned();
        Self { bed, clock, resource, client_id }
    }

    pub(super) fn open(&self) -> Client {
        self.bed.client().with_key("")
    }

    /// What a client asks for, with these parameters in place of others; `None` leaves one out.
    pub(super) fn request(&self, changes: &[(&str, Option<&str>)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut pairs: Vec<(&str, &str)> = vec![
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", REDIRECT),
            ("resource", &self.resource),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("scope", "tools:read tools:execute"),
            ("state", STATE),
        ];
        for (name, value) in changes {
            pairs.retain(|(known, _)| known != name);
            pairs.extend(value.map(|value| (*name, value)));
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("/oauth/authorize?{query}")
    }

    /// A browser comes with a request: the identifier that the application gets.
    pub(super) async fn begin(&self, visitor: &Visitor, changes: &[(&str, Option<&str>)]) -> String {
        let answer = visitor.open(&self.request(changes)).await;
        assert_eq!(answer.status, 303, "{}", text(&answer));
        let location = answer.header("location").unwrap();
        assert!(location.starts_with(&format!("{APPLICATION}/mcp?tab=1&")), "{location}");
        parameter(location, "auth_request_id").unwrap()
    }

    /// The application says that it is this user.
    pub(super) async fn vouch(&self, client: &Client, id: &str, identifier: &str) -> Answer {
        let body = json!({ "auth_request_id": id, "identifier": identifier, "config": "desk" });
        client.post("/v1/mcp/authorize/verify", &body).await
    }

    /// From a request to the consent page.
    pub(super) async fn page(&self, visitor: &Visitor, changes: &[(&str, Option<&str>)]) -> String {
        let id = self.begin(visitor, changes).await;
        let vouched = self.vouch(self.bed.client(), &id, "ada").await.expect(200);
        vouched["redirect_url"].as_str().unwrap().to_owned()
    }

    /// From a request to the client, by a user who says yes: where the browser comes to.
    pub(super) async fn allowed(&self, visitor: &Visitor, changes: &[(&str, Option<&str>)]) -> String {
        let page = self.page(visitor, changes).await;
        self.answer(visitor, &page, "allow").await
    }

    /// The user's answer, as the form has it.
    pub(super) async fn answer(&self, visitor: &Visitor, page: &str, answer: &str) -> String {
        let shown = visitor.open(page).await;
        assert_eq!(shown.status, 200, "{}", text(&shown));
        let token = form_token(&shown);
        target(&visitor.send(page, &[("form", &token), ("answer", answer)]).await)
    }

    /// A code that nobody used.
    pub(super) async fn code(&self) -> String {
        let back = self.allowed(&Visitor::new(&self.bed), &[]).await;
        parameter(&back, "code").unwrap()
    }

    /// Sends a form to the endpoint of tokens.
    pub(super) async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        self.form("/oauth/token", fields).await
    }

    pub(super) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.open().send("POST", path, &headers, body).await
    }

    /// What a client sends with its code, with these fields in place of others.
    pub(super) fn redemption<'a>(&'a self, code: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", &self.client_id),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("resource", &self.resource),
        ];
        for (name, value) in changes {
            fields.retain(|(known, _)| known != name);
            if !value.is_empty() {
                fields.push((name, value));
            }
        }
        fields
    }

    /// Tokens for a new code.
    pub(super) async fn tokens(&self) -> Value {
        let code = self.code().await;
        self.token(&self.redemption(&code, &[])).await.expect(200)
    }

    /// New tokens for a refresh token.
    pub(super) async fn renew(&self, token: &str) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", &self.client_id)];
        self.token(&fields).await
    }

    /// The endpoint that a token is for.
    pub(super) fn endpoint(&self, token: &str) -> Mcp {
        self.endpoint_at(&self.resource, token)
    }

    pub(super) fn endpoint_at(&self, url: &str, token: &str) -> Mcp {
        Mcp::at(self.bed.client().with_key(token), url.strip_prefix(self.bed.client().base()).unwrap())
    }

    /// The status that a token gets at the endpoint.
    pub(super) async fn status(&self, token: &str) -> u16 {
        self.endpoint(token).modern("tools/list", json!({})).await.status
    }

    /// What the audit chain has of this kind, oldest first.
    pub(super) async fn told(&self, action: &str) -> Vec<Value> {
        let list = self.bed.client().get(&format!("/v1/audit?action={action}&limit=200")).await.expect(200);
        let mut items = list["items"].as_array().unwrap().clone();
        items.sort_by_key(|item| item["seq"].as_i64());
        items
    }

    pub(super) async fn grants(&self) -> Vec<Value> {
        let list = self.bed.client().get("/v1/mcp/grants").await.expect(200);
        list["items"].as_array().unwrap().clone()
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// None of these is in a file or in the log of the host: clients have them, and nobody else.
    pub(super) fn search(&self, secrets: &[&str]) {
        let traces = self.bed.host.traces();
        for secret in secrets {
            let canary = Canary::of((*secret).to_owned());
            for (label, bytes) in traces.iter().filter(|(label, _)| !label.starts_with("the answer to ")) {
                assert_absent(&canary, label, bytes);
            }
        }
    }
}

/// A key of an application that may do what agents may and vouch for users, or for one: its identifier and the key.
pub(super) async fn application(stage: &Stage, identifier: Option<&str>) -> (String, String) {
    let scopes = [Scopes::of_role(Role::Agent).names(), vec!["mcp:write".to_owned()]].concat();
    let body = json!({ "role": "agent", "identifier": identifier, "scopes": scopes });
    let made = stage.bed.client().post("/v1/keys", &body).await.expect(201);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

/// A config of the bed's probe for the application's users: its URL.
pub(super) async fn config(bed: &Bed, name: &str, tools: Option<&[&str]>) -> String {
    let mut connection = json!({ "connection": "probe" });
    if let Some(tools) = tools {
        connection["tools"] = json!(tools);
    }
    let url = format!("{APPLICATION}/mcp?tab=1");
    let body = json!({ "connections": [connection], "user_verify_url": url });
    let put = bed.client().put(&format!("/v1/mcp/configs/{name}"), &body).await.expect(201);
    assert_eq!(put["user_verify_url"], url);
    put["url"].as_str().unwrap().to_owned()
}

/// Where a page sends its browser on to.
pub(super) fn target(page: &Answer) -> String {
    let text = text(page);
    assert_eq!(page.status, 200, "{text}");
    let (_, rest) =
        text.split_once(r#"<meta http-equiv="refresh" content="0;url="#).unwrap_or_else(|| panic!("{text}"));
    rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
}

/// A parameter of a URL.
pub(super) fn parameter(url: &str, name: &str) -> Option<String> {
    Url::parse(url).unwrap().query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}
