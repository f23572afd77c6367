//! A host, and an authorization server that refuses what it may: users go from one to the other and back.

use std::time::Duration;

use gloveport::config::WrittenConnect;
use gloveport::model::{Clock, Timestamp};
use gloveport_tests::authorization::AuthorizationServer;
use gloveport_tests::canary::Canary;
use gloveport_tests::host::{Setup, TestHost};
use gloveport_tests::upstream::Reply;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::super::bed::Bed;
use super::super::wasm::with_manifest;
use super::visitor::{Visitor, link, text};
pub(super) use super::visitor::{parameter, target};

/// When a scene begins by its clock: 2026-11-21T10:00:00Z.
const START: Timestamp = Timestamp(1_795_255_200_000);

/// A host with the probe and a connection `crm` of it, whose users authorize it at a server.
pub(super) struct Stage {
    pub(super) bed: Bed,
    pub(super) server: AuthorizationServer,
    pub(super) clock: Clock,
}

impl Stage {
    pub(super) async fn start() -> Self {
        Self::changed(|_| {}).await
    }

    /// With an auth pattern that differs from what the server usually takes.
    pub(super) async fn changed(change: impl FnOnce(&mut Value)) -> Self {
        Self::with(WrittenConnect::default(), change).await
    }

    /// The same with a connector whose calls may go to these hosts too.
    pub(super) async fn changed_with_hosts(hosts: &[&str], change: impl FnOnce(&mut Value)) -> Self {
        Self::made(WrittenConnect::default(), hosts, change).await
    }

    /// On a host that is set up so.
    pub(super) async fn with(connect: WrittenConnect, change: impl FnOnce(&mut Value)) -> Self {
        Self::made(connect, &[], change).await
    }

    async fn made(connect: WrittenConnect, hosts: &[&str], change: impl FnOnce(&mut Value)) -> Self {
        let clock = Clock::manual(START);
        let server = AuthorizationServer::start(&clock).await;
        let host = TestHost::with(Setup { clock: clock.clone(), connect, ..Setup::usual() }).await;
        let bed = Bed::on(host, |_| Reply::json(200, &json!({}))).await;
        let stage = Self { bed, server, clock };
        let mut pattern = stage.pattern();
        change(&mut pattern);
        stage.install(hosts, &pattern).await;
        let redirect_uri = stage.redirect_uri().await;
        stage.server.change_client(|client| client.redirect_uris = vec![redirect_uri]);
        stage.connect("crm").await;
        stage
    }

    /// What the server is, as a manifest says it.
    fn pattern(&self) -> Value {
        json!({
            "name": "oauth", "title": "Sign in", "type": "oauth2", "client_auth": "basic",
            "authorize_url": self.server.url("/authorize"), "token_url": self.server.url("/token"),
            "scopes": [
                { "name": "read", "title": "Read your contacts", "description": "Names and <b>addresses</b>." },
                { "name": "base", "title": "Know who you are", "required": true },
            ],
        })
    }

    /// Installs the probe in another version, with this pattern and these hosts besides its own.
    async fn install(&self, hosts: &[&str], pattern: &Value) {
        let component = with_manifest(|manifest| {
            manifest["version"] = "7.0.0".into();
            manifest["hosts"].as_array_mut().unwrap().extend(hosts.iter().map(|host| Value::from(*host)));
            manifest["auth"].as_array_mut().unwrap().push(pattern.clone());
        });
        let headers = [("content-type", "application/wasm")];
        self.bed.client().send("POST", "/v1/connectors", &headers, component).await.expect(201);
    }

    /// A connection to the server's API.
    async fn connect(&self, name: &str) -> Value {
        let client = self.server.client();
        let body = json!({
            "name": name, "connector": "probe", "auth_pattern": "oauth", "base_url": self.server.url("/api"),
            "oauth": { "client_id": client.id, "client_secret": client.secret, "scopes": ["read"] },
        });
        self.bed.client().post("/v1/connections", &body).await.expect(201)
    }

    /// HC-05, AK-306: shown before there is a connection.
    pub(super) async fn redirect_uri(&self) -> String {
        let shown = self.bed.client().get("/v1/connectors/probe").await.expect(200);
        shown["redirect_uri"].as_str().unwrap().to_owned()
    }

    /// Opens a new link for Ada, and says yes on its page: where the browser is then sent.
    pub(super) async fn begin(&self, visitor: &Visitor) -> String {
        let link = link(&self.bed, "crm", "ada").await;
        self.begin_at(visitor, &link, &[]).await
    }

    /// The same with a link that is there, and with fields.
    pub(super) async fn begin_at(&self, visitor: &Visitor, link: &str, fields: &[(&str, &str)]) -> String {
        target(&visitor.fill(link, fields).await)
    }

    /// What a user does at the server who consents: where the browser is sent back to.
    pub(super) fn consent(&self, url: &str) -> String {
        self.server.consent(url).unwrap()
    }

    /// From a new link to its end: the page that the user sees there.
    pub(super) async fn through(&self, visitor: &Visitor) -> String {
        let back = self.consent(&self.begin(visitor).await);
        self.end(visitor, &back).await
    }

    /// What a user sees at the end who comes back by this URL.
    pub(super) async fn end(&self, visitor: &Visitor, back: &str) -> String {
        let answer = visitor.open(back).await;
        assert_eq!(answer.status, 303, "{}", text(&answer));
        let end = answer.header("location").unwrap().to_owned();
        assert!(end.contains("/connect/result/req_"), "{end}");
        text(&visitor.open(&end).await)
    }

    /// Ada's account.
    pub(super) async fn ada(&self) -> Value {
        super::visitor::account(&self.bed, "crm", "ada").await
    }

    /// Lets time pass.
    pub(super) fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }
}

impl Drop for Stage {
    /// No secret of an authorization is in anything that the host leaves behind.
    fn drop(&mut self) {
        let sent = self.server.requests("/token").into_iter().filter_map(|request| {
            let form = request.form();
            form.into_iter().find(|(name, _)| name == "code_verifier").map(|(_, value)| value)
        });
        for secret in self.server.secrets().into_iter().chain(sent) {
            self.bed.host.search_for(Canary::of(secret));
        }
    }
}

/// The URL with other parameters: those that are `None` are left out.
pub(super) fn with_parameters(url: &str, changes: &[(&str, Option<&str>)]) -> String {
    let mut url = Url::parse(url).unwrap();
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    for (name, value) in changes {
        pairs.retain(|(known, _)| known != name);
        pairs.extend(value.map(|value| ((*name).to_owned(), value.to_owned())));
    }
    url.set_query(Some(&form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()));
    url.into()
}
