//! MCP servers whose users sign in elsewhere: found out, registered with, and believed no further than they say it right.

use std::sync::Arc;

use gloveport::model::Clock;
use gloveport_tests::authorization::{AuthorizationServer, RegisteredClient};
use gloveport_tests::host::{Answer, Setup};
use serde_json::{Value, json};
use url::Url;

use super::server::{Era, Server};
use super::{discover, tools};
use crate::api::bed::Bed;
use crate::api::visitor::{Visitor, link, text};

const RESOURCE: &str = "/.well-known/oauth-protected-resource/mcp";
const ISSUER: &str = "/.well-known/oauth-authorization-server/as";

/// A server, and who gives its tokens.
pub(super) struct Scene {
    pub(super) bed: Bed,
    pub(super) server: Server,
    pub(super) authority: Arc<AuthorizationServer>,
}

impl Scene {
    pub(super) async fn start() -> Self {
        Self::on(Bed::start().await).await
    }

    async fn on(bed: Bed) -> Self {
        let server = Server::start(Era::Modern, json!([{ "name": "tell" }])).await;
        let authority = Arc::new(AuthorizationServer::start(&Clock::system()).await);
        let scene = Self { bed, server, authority };
        let known = Arc::clone(&scene.authority);
        scene.server.wants_those(move |token| known.is_valid(token));
        scene.server.serves(RESOURCE, 200, scene.resource());
        scene.server.serves(ISSUER, 200, scene.metadata());
        let RegisteredClient { id, secret, .. } = scene.authority.client();
        scene.server.serves("/register", 201, json!({ "client_id": id, "client_secret": secret }));
        let issuer = scene.issuer();
        scene.authority.set(|quirks| quirks.issuer = Some(issuer));
        scene
    }

    fn issuer(&self) -> String {
        self.server.url("/as")
    }

    fn resource(&self) -> Value {
        json!({ "resource": self.server.url("/mcp"), "authorization_servers": [self.issuer()], "scopes_supported": ["read"] })
    }

    fn metadata(&self) -> Value {
        json!({ "issuer": self.issuer(), "authorization_endpoint": self.authority.url("/authorize"),
            "token_endpoint": self.authority.url("/token"), "revocation_endpoint": self.authority.url("/revoke"),
            "registration_endpoint": self.server.url("/register"), "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true })
    }

    pub(super) async fn declare(&self, more: Value) -> Answer {
        let mut pattern = json!({ "name": "oauth", "title": "Sign in", "type": "mcp_oauth" });
        pattern.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mcp = json!({ "url": self.server.url("/mcp"), "auth": [pattern] });
        self.bed.client().put("/v1/connectors/desk", &json!({ "mcp": mcp })).await
    }

    pub(super) async fn connection(&self) {
        let body = json!({ "name": "desk", "connector": "desk", "auth_pattern": "oauth" });
        self.bed.client().post("/v1/connections", &body).await.expect(201);
    }

    /// Where Ada's browser is sent.
    pub(super) async fn left(&self, visitor: &Visitor) -> String {
        let link = link(&self.bed, "desk", "ada").await;
        let page = visitor.fill(&link, &[]).await;
        assert!(matches!(page.status, 200 | 303), "{}", text(&page));
        page.header("location").map_or_else(|| target(&page), str::to_owned)
    }
}

/// The only link of a page that leaves.
pub(super) fn target(page: &Answer) -> String {
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    let at = html.find("url=").map(|at| &html[at + 4..]).unwrap_or_else(|| panic!("{html}"));
    at[..at.find('"').unwrap()].replace("&amp;", "&").replace("&#38;", "&")
}

pub(super) fn parameter(url: &str, name: &str) -> Option<String> {
    let found = Url::parse(url).unwrap();
    found.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

/// AK-809, AU-12: from a server's address alone to a user's tokens: discovered, registered, PKCE, and each token asked for
/// this server and no other.
#[tokio::test]
async fn users_sign_in_where_the_server_says() {
    let scene = Scene::start().await;
    let made = scene.declare(json!({})).await.expect(201);
    assert_eq!(made["auth"][0]["type"], "oauth2", "{made}");
    scene.connection().await;
    let ada = Visitor::new(&scene.bed);
    let url = scene.left(&ada).await;
    let registered = scene.server.requests().into_iter().find(|request| request.path() == "/register").unwrap().json();
    let redirect_uri = format!("{}/oauth/callback/desk", scene.bed.client().base());
    assert_eq!(registered["redirect_uris"], json!([redirect_uri]), "{registered}");
    assert_eq!((&registered["application_type"], &registered["scope"]), (&json!("web"), &json!("read")));
    let resource = scene.server.url("/mcp");
    assert_eq!(parameter(&url, "resource"), Some(resource.clone()));
    assert_eq!(parameter(&url, "code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(parameter(&url, "scope").as_deref(), Some("read"));
    let back = scene.authority.consent(&url).unwrap();
    let answer = ada.open(&back).await;
    let end = ada.open(answer.header("location").unwrap()).await;
    assert!(text(&end).contains("is connected"), "{}", text(&end));
    let form = scene.authority.requests("/token").pop().unwrap().form();
    assert!(form.contains(&("resource".to_owned(), resource)), "{form:?}");
    assert!(form.iter().any(|(name, _)| name == "code_verifier"));
    discover(&scene.bed.host).await;
    assert_eq!(tools(&scene.bed.host).await[0]["name"], "desk_tell");
    scene.bed.host.execute("desk_tell", "ada", &json!({})).await.expect(200);
    let sent = scene.server.requests().pop().unwrap();
    assert!(scene.authority.is_valid(sent.header("authorization").unwrap().trim_start_matches("Bearer ")));
    // Another user of the connection is the same client.
    let bob = Visitor::new(&scene.bed);
    scene.left(&bob).await;
    assert_eq!(scene.server.requests().iter().filter(|request| request.path() == "/register").count(), 1);
}

/// AK-809: where a server takes documents, this host's own is the client: published where it says, about itself, and nothing is
/// registered. The server here is strict: it takes what the document says and nothing else.
#[tokio::test]
async fn a_document_of_this_host_is_a_client() {
    const PUBLIC: &str = "https://gp.example";
    let local = |url: &str| url.strip_prefix(PUBLIC).unwrap_or(url).to_owned();
    let scene = Scene::on(Bed::with(Setup { public_url: Some(PUBLIC.into()), ..Setup::usual() }).await).await;
    let mut metadata = scene.metadata();
    metadata["client_id_metadata_document_supported"] = true.into();
    scene.server.serves(ISSUER, 200, metadata);
    scene.declare(json!({})).await.expect(201);
    scene.connection().await;
    let ada = Visitor::new(&scene.bed);
    let page = ada.fill(&local(&link(&scene.bed, "desk", "ada").await), &[]).await;
    let url = page.header("location").map_or_else(|| target(&page), str::to_owned);
    let id = parameter(&url, "client_id").unwrap();
    assert_eq!(id, format!("{PUBLIC}/oauth/client/desk"));
    let answer = Visitor::new(&scene.bed).open(&local(&id)).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = answer.expect(200);
    assert_eq!((&document["client_id"], &document["token_endpoint_auth_method"]), (&json!(id), &json!("none")));
    assert!(document["client_secret"].is_null() && !document["client_name"].as_str().unwrap().is_empty(), "{document}");
    let redirects: Vec<String> = serde_json::from_value(document["redirect_uris"].clone()).unwrap();
    assert_eq!(redirects, [parameter(&url, "redirect_uri").unwrap()]);
    scene.authority.register(RegisteredClient { redirect_uris: redirects, ..RegisteredClient::public(&id) });
    let back = scene.authority.consent(&url).unwrap();
    let answer = ada.open(&local(&back)).await;
    let end = ada.open(&local(answer.header("location").unwrap())).await;
    assert!(text(&end).contains("is connected"), "{}", text(&end));
    let form = scene.authority.requests("/token").pop().unwrap().form();
    assert!(
        form.contains(&("client_id".to_owned(), id)) && form.iter().all(|(name, _)| name != "client_secret"),
        "{form:?}"
    );
    assert!(scene.server.requests().iter().all(|request| request.path() != "/register"), "nothing is registered");
}

/// What the challenge names comes first, and what an operator says of scopes.
#[tokio::test]
async fn the_challenge_says_where_to_look() {
    let scene = Scene::start().await;
    scene.server.serves(RESOURCE, 404, json!({}));
    scene.server.serves("/elsewhere", 200, scene.resource());
    let place = scene.server.url("/elsewhere");
    scene.server.challenges(&format!("Bearer resource_metadata=\"{place}\", scope=\"one two\""));
    let made = scene.declare(json!({})).await.expect(201);
    let of = |made: &Value| {
        let scopes = made["auth"][0]["scopes"].as_array().unwrap();
        scopes.iter().map(|scope| scope["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of(&made), ["one", "two"], "{made}");
    let made = scene.declare(json!({ "scopes": [{ "name": "three", "title": "Three" }] })).await.expect(200);
    assert_eq!(of(&made), ["three"]);
}

/// What does not say itself as what it was asked as is not believed, and nothing is stored.
#[tokio::test]
async fn metadata_of_somebody_else_is_refused() {
    let scene = Scene::start().await;
    let with = |mut whole: Value, name: &str, value: Value| {
        whole[name] = value;
        whole
    };
    let (resource, metadata) = (scene.resource(), scene.metadata());
    let other = "https://other.example.com/mcp";
    for (path, status, document, said) in [
        (RESOURCE, 404, json!({}), "no metadata"),
        (RESOURCE, 200, json!([]), "no JSON object"),
        (RESOURCE, 200, with(resource.clone(), "resource", json!(other)), "another server"),
        (RESOURCE, 200, with(resource.clone(), "resource", Value::Null), "another server"),
        (RESOURCE, 200, with(resource.clone(), "authorization_servers", json!([])), "names no authorization server"),
        (RESOURCE, 200, with(resource.clone(), "authorization_servers", json!(["http://as.example.com"])), "https"),
        (
            RESOURCE,
            200,
            with(resource.clone(), "authorization_servers", json!(["https://169.254.169.254/x"])),
            "cannot be asked",
        ),
        (
            RESOURCE,
            200,
            with(resource.clone(), "authorization_servers", json!(["https://10.0.0.1"])),
            "cannot be asked",
        ),
        (
            RESOURCE,
            200,
            with(resource.clone(), "authorization_servers", json!(["https://[::ffff:10.0.0.1]"])),
            "cannot be asked",
        ),
        (RESOURCE, 200, with(resource.clone(), "padding", json!("x".repeat(300 << 10))), "longer"),
        (ISSUER, 404, json!({}), "no metadata of an authorization server"),
        (ISSUER, 200, with(metadata.clone(), "issuer", json!("https://evil.example.com")), "another issuer"),
        (ISSUER, 200, with(metadata.clone(), "issuer", json!(format!("{}/", scene.issuer()))), "another issuer"),
        (ISSUER, 200, with(metadata.clone(), "code_challenge_methods_supported", Value::Null), "S256"),
        (ISSUER, 200, with(metadata.clone(), "token_endpoint", json!("http://as.example.com/token")), "https"),
        (ISSUER, 200, with(metadata.clone(), "authorization_endpoint", json!("javascript:x")), "https"),
    ] {
        scene.server.serves(RESOURCE, 200, resource.clone());
        scene.server.serves(ISSUER, 200, metadata.clone());
        scene.server.serves(path, status, document);
        let refused = scene.declare(json!({})).await;
        assert_eq!(refused.status, 422, "{said} {refused:?}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(said), "{said}: {detail}");
        scene.bed.client().get("/v1/connectors/desk").await.problem(404);
    }
    scene.server.challenges("Bearer resource_metadata=\"https://192.168.1.1/metadata\"");
    assert!(scene.declare(json!({})).await.json()["detail"].as_str().unwrap().contains("cannot be asked"));
}

/// RFC 9207: an answer that names another issuer, or none where one is promised, ends the attempt before a code is shown.
#[tokio::test]
async fn an_answer_of_another_issuer_is_not_taken() {
    let scene = Scene::start().await;
    scene.declare(json!({})).await.expect(201);
    scene.connection().await;
    for issuer in [Some("https://evil.example.com".to_owned()), Some(format!("{}/", scene.issuer())), None] {
        let ada = Visitor::new(&scene.bed);
        let url = scene.left(&ada).await;
        scene.authority.set(|quirks| quirks.issuer.clone_from(&issuer));
        let back = scene.authority.consent(&url).unwrap();
        let answer = ada.open(&back).await;
        let end = ada.open(answer.header("location").unwrap()).await;
        assert!(!text(&end).contains("is connected"), "{issuer:?} {}", text(&end));
        assert_eq!(scene.authority.counts().token_requests, 0, "{issuer:?}");
    }
}

/// Whoever takes a server over cannot send its users elsewhere: an operator has to say so, and a client that one server
/// knows is not shown to the next.
#[tokio::test]
async fn another_authorization_server_waits_for_an_operator() {
    let scene = Scene::start().await;
    scene.declare(json!({})).await.expect(201);
    scene.connection().await;
    scene.left(&Visitor::new(&scene.bed)).await;
    let next = AuthorizationServer::start(&Clock::system()).await;
    let mut metadata = scene.metadata();
    let issuer = scene.server.url("/next");
    metadata["issuer"] = json!(issuer);
    metadata["authorization_endpoint"] = json!(next.url("/authorize"));
    metadata["token_endpoint"] = json!(next.url("/token"));
    metadata["revocation_endpoint"] = Value::Null;
    scene.server.serves("/.well-known/oauth-authorization-server/next", 200, metadata);
    let mut resource = scene.resource();
    resource["authorization_servers"] = json!([issuer]);
    scene.server.serves(RESOURCE, 200, resource);
    assert_eq!(scene.declare(json!({})).await.problem(409), "conflict");
    assert!(scene.left(&Visitor::new(&scene.bed)).await.starts_with(&scene.authority.url("/authorize")));
    scene.declare(json!({ "issuer": issuer })).await.expect(200);
    assert!(scene.left(&Visitor::new(&scene.bed)).await.starts_with(&next.url("/authorize")));
    assert_eq!(scene.server.requests().iter().filter(|request| request.path() == "/register").count(), 2);
    // A server that cannot be found out any more goes on as it was.
    scene.server.serves(RESOURCE, 404, json!({}));
    scene.declare(json!({ "issuer": issuer })).await.expect(200);
}

/// A server that registers nobody wants a client of the operator's, and one that refuses says so.
#[tokio::test]
async fn a_client_is_given_or_registered() {
    let scene = Scene::start().await;
    scene.server.serves("/register", 400, json!({ "error": "invalid_client_metadata" }));
    scene.declare(json!({})).await.expect(201);
    scene.connection().await;
    let path = "/v1/connections/desk/accounts/ada/authorize";
    let refused = scene.bed.client().post(path, &json!({})).await.json();
    assert_eq!((&refused["status"], &refused["code"]), (&json!(409), &json!("conflict")), "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("did not register this host"), "{refused}");
    let RegisteredClient { id, secret, .. } = scene.authority.client();
    let oauth = json!({ "oauth": { "client_id": id, "client_secret": secret } });
    scene.bed.client().patch("/v1/connections/desk", &oauth).await.expect(200);
    let ada = Visitor::new(&scene.bed);
    assert!(scene.authority.consent(&scene.left(&ada).await).is_ok());
    assert_eq!(scene.server.requests().iter().filter(|request| request.path() == "/register").count(), 1);
    // By http nobody could read a document of this host's: there is none to name, and it is there all the same.
    let document = ada.open("/oauth/client/desk").await.expect(200);
    assert_eq!((&document["client_id"], &document["token_endpoint_auth_method"]), (&Value::Null, &json!("none")));
    assert_eq!(ada.open("/oauth/client/De-sk").await.status, 404);
}
