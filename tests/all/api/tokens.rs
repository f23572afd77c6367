//! Tokens of accounts, got and kept alive by the host, at an authorization server that refuses what it may.

mod attacks;
mod direct;
mod hosts;
mod leaving;
mod life;
mod reveal;
mod scopes;
mod setup;
mod shared_client;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gloveport::call;
use gloveport::model::{
    Account, AccountId, AccountState, AccountToken, AuthKind, By, Clock, Random, Secret, Timestamp,
};
use gloveport::oauth::{CodeExchange, OAuthError, Tokens};
use gloveport_tests::authorization::AuthorizationServer;
use gloveport_tests::canary::Canary;
use gloveport_tests::host::{Answer, Setup, TestHost};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use super::bed::Bed;
use super::wasm::with_manifest;

/// When a scene begins by its clock.
const START: Timestamp = Timestamp(1_700_000_000_000);

/// The only PKCE verifier of these tests: like every other secret it must be nowhere at the end.
const VERIFIER: &str = "cnry_a-verifier-of-more-than-forty-three-characters-it-is";

/// A host with the probe, which has one more auth pattern, and a connection `crm` by it to an authorization server and the
/// API behind it.
struct Scene {
    bed: Bed,
    server: AuthorizationServer,
    clock: Clock,
}

impl Scene {
    async fn start() -> Self {
        Self::changed(|_| {}).await
    }

    /// With a pattern that differs from what the server usually takes.
    async fn changed(change: impl FnOnce(&mut Value)) -> Self {
        Self::on(Setup { clock: Clock::manual(START), ..Setup::usual() }, change).await
    }

    /// On a host of the test's choice.
    async fn on(setup: Setup, change: impl FnOnce(&mut Value)) -> Self {
        let clock = setup.clock.clone();
        let server = AuthorizationServer::start(&clock).await;
        let bed = Bed::with(setup).await;
        bed.host.search_for(Canary::of(VERIFIER));
        let scene = Self { bed, server, clock };
        let mut pattern = scene.oauth2();
        change(&mut pattern);
        scene.install(pattern.clone()).await;
        let takes_client = pattern["type"] == "oauth2";
        scene.connect("crm", pattern["name"].as_str().unwrap(), takes_client).await;
        scene
    }

    /// What the server is, as a manifest says it.
    fn oauth2(&self) -> Value {
        json!({
            "name": "oauth", "title": "Sign in", "type": "oauth2", "client_auth": "basic",
            "authorize_url": self.server.url("/authorize"), "token_url": self.server.url("/token"),
            "revoke_url": self.server.url("/revoke"),
            "scopes": ["read", { "name": "base", "title": "Base", "required": true }],
        })
    }

    /// Installs the probe anew, with this pattern besides its own.
    async fn install(&self, pattern: Value) {
        let component = with_manifest(|manifest| {
            manifest["version"] = "7.0.0".into();
            manifest["auth"].as_array_mut().unwrap().push(pattern);
        });
        let headers = [("content-type", "application/wasm")];
        self.bed.client().send("POST", "/v1/connectors", &headers, component).await.expect(201);
    }

    /// A connection to the API; with the server's first client if it takes one.
    async fn connect(&self, name: &str, pattern: &str, takes_client: bool) -> Value {
        let mut body =
            json!({ "name": name, "connector": "probe", "auth_pattern": pattern, "base_url": self.server.url("/api") });
        if takes_client {
            let client = self.server.client();
            body["oauth"] = json!({ "client_id": client.id, "client_secret": client.secret, "scopes": ["read"] });
        }
        self.bed.client().post("/v1/connections", &body).await.expect(201)
    }

    /// What the hosted pages do for a user who consents.
    async fn authorize(&self, identifier: &str) -> Account {
        let tokens = self.exchanged(|_| {}).await.unwrap();
        self.activate(identifier, tokens).await
    }

    /// Tokens for a code that came back, exchanged with something changed.
    async fn exchanged(&self, change: impl FnOnce(&mut CodeExchange<'_>)) -> Result<Tokens, OAuthError> {
        let (host, connection) = (self.bed.host.inside(), self.connection("crm").await);
        let client = host.oauth.client(&connection).await.unwrap();
        let project = &connection.project;
        let installed = host.catalog.find_connector(&host.store, project, "probe").await.unwrap().unwrap();
        let kind = installed.connector.auth_pattern(&connection.auth_pattern).unwrap().kind.clone();
        let AuthKind::OAuth2(pattern) = &kind else { panic!("a code is for another pattern") };
        let redirect_uri = "https://host.example/oauth/callback/probe";
        let scopes = gloveport::oauth::asked_scopes(&kind, &connection.scopes);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("response_type", "code"), ("client_id", &client.client_id), ("redirect_uri", redirect_uri)])
            .extend_pairs([("code_challenge_method", "S256"), ("code_challenge", &challenge), ("state", "xyz")])
            .extend_pairs([("scope", &scopes.join(" "))])
            .finish();
        let back = self.server.consent(&self.server.url(&format!("/authorize?{query}"))).unwrap();
        let back = Url::parse(&back).unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let mut asked = CodeExchange {
            client: &client,
            fields: &Default::default(),
            code: Secret::new(code),
            verifier: Some(Secret::new(VERIFIER.into())),
            redirect_uri,
        };
        change(&mut asked);
        host.oauth.exchange_code(pattern, asked).await
    }

    /// Stores tokens on an account of `crm`, new or not.
    async fn activate(&self, identifier: &str, tokens: Tokens) -> Account {
        let (host, connection) = (self.bed.host.inside(), self.connection("crm").await);
        let (project, now) = (&connection.project, self.clock.now());
        let found = host.store.find_accounts(project, &connection.id, identifier, Some(""), Some("")).await.unwrap();
        let new = || Account {
            id: AccountId::new(&self.clock, &Random::system()),
            project: project.clone(),
            connection: connection.id.clone(),
            identifier: identifier.into(),
            organization: String::new(),
            label: String::new(),
            shared: false,
            settings: "{}".into(),
            state: AccountState::Pending,
            disabled: false,
            fields: Default::default(),
            scopes: Vec::new(),
            hosts: Vec::new(),
            token: AccountToken::none(),
            last_used_at: None,
            shown: None,
            created_at: now,
            updated_at: now,
        };
        let account = found.into_iter().next().unwrap_or_else(new);
        call::activate(host, &By::host(now), &connection, account, tokens, BTreeMap::new()).await.unwrap()
    }

    async fn connection(&self, name: &str) -> gloveport::model::Connection {
        let host = self.bed.host.inside();
        let project = host.store.default_project(&self.clock, &Random::system()).await.unwrap();
        host.store.find_connection(&project, name).await.unwrap().unwrap()
    }

    /// Lets time pass.
    fn pass(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
    }

    /// A call as this user.
    async fn call(&self, identifier: &str) -> Answer {
        call_at(&self.bed.host, identifier).await
    }

    /// A call as Ada that has to succeed at the provider: what the API says of her token.
    async fn works(&self) -> Value {
        let answer = self.call("ada").await.expect(200);
        assert_eq!(answer["data"]["status"], 200, "{answer}");
        serde_json::from_str(answer["data"]["body"].as_str().unwrap()).unwrap()
    }

    /// Ada's account as the API shows it.
    async fn shown(&self) -> Value {
        self.bed.client().get("/v1/connections/crm/accounts/ada").await.expect(200)
    }

    /// `POST …/refresh` for Ada.
    async fn refresh(&self) -> Answer {
        self.bed.client().post("/v1/connections/crm/accounts/ada/refresh", &json!({})).await
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.server.secrets().into_iter().for_each(|secret| self.bed.host.search_for(Canary::of(secret)));
    }
}

/// A call through `crm` on this host.
async fn call_at(host: &TestHost, identifier: &str) -> Answer {
    let body = json!({ "identifier": identifier, "connection": "crm", "input": { "target": "/who" } });
    host.client().post("/v1/tools/probe_fetch_read/execute", &body).await
}
