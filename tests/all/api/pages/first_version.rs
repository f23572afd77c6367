//! AU-03: the three legs of OAuth 1.0a, at a provider that checks each signature by itself.

use std::time::Duration;

use gloveport::model::{Clock, Timestamp};
use gloveport_tests::canary::Canary;
use gloveport_tests::host::{Setup, TestHost};
use gloveport_tests::oauth1::{CONSUMER, OAuth1Server};
use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::{Value, json};

use super::super::bed::Bed;
use super::super::wasm::with_manifest;
use super::stage::{parameter, target, with_parameters};
use super::visitor::{Visitor, account, link, text};

/// A host with the probe and a connection `crm` of it, whose users authorize it in the old way.
struct Scene {
    bed: Bed,
    server: OAuth1Server,
    clock: Clock,
}

impl Scene {
    async fn start() -> Self {
        Self::changed(|_, _| {}).await
    }

    async fn changed(change: impl FnOnce(&mut Value, &OAuth1Server)) -> Self {
        let clock = Clock::manual(Timestamp(1_795_255_200_000));
        let server = OAuth1Server::start(&clock).await;
        let host = TestHost::with(Setup { clock: clock.clone(), ..Setup::usual() }).await;
        let bed = Bed::on(host, |_| Reply::json(200, &json!({}))).await;
        let mut pattern = json!({
            "name": "first", "title": "Sign in", "type": "oauth1a", "request_url": server.url("/request"),
            "authorize_url": server.url("/authorize"), "access_url": server.url("/access"),
            "authorize_parameters": { "name": "Glove & port", "expiration": "never" },
        });
        change(&mut pattern, &server);
        let takes_client = pattern.get("consumer_key").is_none();
        let component = with_manifest(|manifest| {
            manifest["version"] = "7.0.0".into();
            manifest["auth"].as_array_mut().unwrap().push(pattern);
        });
        let headers = [("content-type", "application/wasm")];
        bed.client().send("POST", "/v1/connectors", &headers, component).await.expect(201);
        let mut body =
            json!({ "name": "crm", "connector": "probe", "auth_pattern": "first", "base_url": server.url("/api") });
        if takes_client {
            body["oauth"] = json!({ "client_id": CONSUMER[0], "client_secret": CONSUMER[1] });
        }
        let made = bed.client().post("/v1/connections", &body).await.expect(201);
        let callback = made["redirect_uri"].as_str().unwrap().to_owned();
        server.set(|quirks| quirks.callbacks = vec![callback]);
        Self { bed, server, clock }
    }

    /// Opens a new link for Ada, and says yes on its page: where the browser is then sent.
    async fn begin(&self, visitor: &Visitor) -> String {
        target(&visitor.fill(&link(&self.bed, "crm", "ada").await, &[]).await)
    }

    /// What a user sees at the end who comes back by this URL.
    async fn end(&self, visitor: &Visitor, back: &str) -> String {
        let answer = visitor.open(back).await;
        assert_eq!(answer.status, 303, "{}", text(&answer));
        let location = answer.header("location").unwrap().to_owned();
        assert!(!location.contains("oauth_"), "nothing of the answer stays in sight: {location}");
        text(&visitor.open(&location).await)
    }

    async fn through(&self, visitor: &Visitor) -> String {
        let back = self.server.consent(&self.begin(visitor).await).unwrap();
        self.end(visitor, &back).await
    }

    async fn ada(&self) -> Value {
        account(&self.bed, "crm", "ada").await
    }

    /// A call as Ada: what the API behind the provider says.
    async fn works(&self) -> Value {
        let body = json!({ "identifier": "ada", "connection": "crm", "input": { "target": "/me?b=2&a=1%20x" } });
        let answer = self.bed.client().post("/v1/tools/probe_fetch_read/execute", &body).await.expect(200);
        assert_eq!(answer["data"]["status"], 200, "{answer}");
        serde_json::from_str(answer["data"]["body"].as_str().unwrap()).unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.server.secrets().into_iter().for_each(|secret| self.bed.host.search_for(Canary::of(secret)));
    }
}

#[tokio::test]
async fn a_user_authorizes_an_account_by_three_legs() {
    for method in ["HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"] {
        let scene = Scene::changed(|pattern, _| pattern["signature"] = method.to_lowercase().into()).await;
        scene.server.set(|quirks| quirks.method = Some(method));
        let ada = Visitor::new(&scene.bed);
        let page = text(&ada.open(&link(&scene.bed, "crm", "ada").await).await);
        assert!(page.contains("for <strong>ada</strong>") && page.contains("<strong>127.0.0.1</strong>"), "{page}");
        let url = scene.begin(&ada).await;
        assert_eq!(parameter(&url, "name").as_deref(), Some("Glove & port"));
        assert_eq!(parameter(&url, "expiration").as_deref(), Some("never"));
        assert_eq!(scene.ada().await["status"], "pending");
        let end = scene.end(&ada, &scene.server.consent(&url).unwrap()).await;
        assert!(end.contains("Your account is connected"), "{end}");
        assert_eq!(scene.ada().await["status"], "active");
        // The provider knows this consumer only; what it repeats of it is scrubbed.
        assert_eq!(scene.works().await["consumer"], "[redacted]");
        assert_eq!(scene.server.refusals(), [""; 0], "{method}");
    }
}

/// A consumer of the user's own, and a lookup that is signed with the new token.
#[tokio::test]
async fn a_user_may_have_a_consumer_of_their_own() {
    let scene = Scene::changed(|pattern, server| {
        pattern["consumer_key"] = "key".into();
        pattern["consumer_secret"] = "secret".into();
        pattern["fields"] = json!([
            { "name": "key", "label": "Key", "type": "text", "required": true },
            { "name": "secret", "label": "Secret", "type": "password", "required": true },
        ]);
        pattern["lookups"] = json!([{ "url": server.url("/api/me"), "fields": { "site": "/site" } }]);
    })
    .await;
    let ada = Visitor::new(&scene.bed);
    let fields = [("key", CONSUMER[0]), ("secret", CONSUMER[1])];
    let link = link(&scene.bed, "crm", "ada").await;
    let url = target(&ada.fill(&link, &fields).await);
    let end = scene.end(&ada, &scene.server.consent(&url).unwrap()).await;
    assert!(end.contains("is connected"), "{end}");
    assert_eq!(scene.ada().await["fields"], json!({ "key": CONSUMER[0], "site": "s-1" }));
    assert_eq!(scene.works().await["name"], "Ada");
}

/// AU-03: whose account it is stands in the answers themselves, of the browser and of the last leg. A name in any script is
/// no reason to refuse the token beside it.
#[tokio::test]
async fn answers_fill_fields_of_the_account() {
    let scene = Scene::changed(|pattern, _| {
        pattern["callback_fields"] = json!({ "site": "site" });
        pattern["response"] = json!({ "fields": { "user": "/user_id", "name": "/name", "absent": "/nothing" } });
    })
    .await;
    let ada = Visitor::new(&scene.bed);
    let back = scene.server.consent(&scene.begin(&ada).await).unwrap();
    let end = scene.end(&ada, &format!("{back}&site=s%2d7&other=1")).await;
    assert!(end.contains("is connected"), "{end}");
    assert_eq!(scene.ada().await["fields"], json!({ "site": "s-7", "user": "7", "name": "Zo\u{eb}" }));
    assert_eq!(scene.works().await["name"], "Ada");
}

/// AK-210: an account signs with the client that it was authorized with, whatever the connection has later.
#[tokio::test]
async fn an_account_stays_with_its_consumer() {
    let scene = Scene::start().await;
    scene.through(&Visitor::new(&scene.bed)).await;
    let oauth = json!({ "oauth": { "client_id": "another", "client_secret": "cnry_of_another_consumer" } });
    scene.bed.client().patch("/v1/connections/crm", &oauth).await.expect(200);
    // The provider does not know the other one.
    assert_eq!(scene.works().await["consumer"], "[redacted]");
}

/// What a user or the provider refuses, each on a page of its own; and nothing was connected.
#[tokio::test]
async fn refusals_have_pages() {
    let scene = Scene::start().await;
    let ada = Visitor::new(&scene.bed);
    for (changes, expected) in [
        (vec![("denied", Some("token"))], "said no"),
        (vec![("oauth_token", Some("token")), ("oauth_problem", Some("user_refused"))], "said no"),
        (vec![("oauth_token", Some("token")), ("oauth_problem", Some("<b>else</b>"))], "an administrator"),
        (vec![("oauth_token", Some("token"))], "not connected"),
        (vec![("oauth_token", Some("token")), ("oauth_verifier", Some(""))], "not connected"),
        (vec![("oauth_token", Some("token")), ("oauth_verifier", Some("made-up"))], "took its answer back"),
    ] {
        let back = scene.server.consent(&scene.begin(&ada).await).unwrap();
        let token = parameter(&back, "oauth_token").unwrap();
        let mut all = vec![("oauth_token", None), ("oauth_verifier", None)];
        all.extend(
            changes.iter().map(|(name, value)| (*name, value.map(|v| if v == "token" { token.as_str() } else { v }))),
        );
        let page = scene.end(&ada, &with_parameters(&back, &all)).await;
        assert!(page.contains("not connected") && page.contains(expected), "{changes:?}: {page}");
        assert!(!page.contains("<b>else"), "{page}");
        assert_eq!(ada.open(&back).await.status, 400, "the answer is used up: {changes:?}");
    }
    assert_eq!(scene.ada().await["status"], "pending");
    assert!(scene.through(&ada).await.contains("is connected"), "a new link mends it");
}

/// RFC 5849 section 4, and what held for OAuth 2.0: an answer counts once, in its browser, at its address and in time.
#[tokio::test]
async fn answers_of_others_are_not_taken() {
    let scene = Scene::start().await;
    let (ada, eve) = (Visitor::new(&scene.bed), Visitor::new(&scene.bed));
    let begun = async || scene.server.consent(&scene.begin(&ada).await).unwrap();
    let untouched = async |what: &str| {
        assert_eq!(scene.server.requests("/access").len(), 0, "{what}");
        assert_eq!(scene.ada().await["status"], "pending", "{what}");
    };
    let back = begun().await;
    for (what, changes) in [
        ("a made-up token", [("oauth_token", Some("made-up"))]),
        ("an empty one", [("oauth_token", Some(""))]),
        ("none", [("oauth_token", None)]),
        ("with a state", [("state", Some("xyz"))]),
    ] {
        assert_eq!(ada.open(&with_parameters(&back, &changes)).await.status, 400, "{what}");
        untouched(what).await;
    }
    assert_eq!(ada.open(&format!("{back}&oauth_token=x")).await.status, 400);
    assert_eq!(ada.open(&back.replace("/callback/probe", "/callback/other")).await.status, 400);
    assert_eq!(ada.open(&with_parameters(&back, &[("oauth_token", Some(&"x".repeat(2_000)))])).await.status, 400);
    untouched("another address").await;
    // Section 4.6 of RFC 9700's kind: Eve brings what Ada's browser was given.
    assert_eq!(eve.open(&back).await.status, 403);
    assert_eq!(ada.open(&back).await.status, 400, "somebody else knows it now");
    untouched("another browser").await;
    // The answers of two attempts, swapped.
    let (one, other) = (begun().await, begun().await);
    let verifier = parameter(&other, "oauth_verifier").unwrap();
    let page = scene.end(&ada, &with_parameters(&one, &[("oauth_verifier", Some(&verifier))])).await;
    assert!(page.contains("took its answer back"), "{page}");
    assert_eq!(scene.ada().await["status"], "pending");
    // In time, at the second; and once.
    let late = begun().await;
    scene.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(ada.open(&late).await.status, 410);
    let back = begun().await;
    scene.clock.advance(Duration::from_secs(15 * 60 - 1));
    assert!(scene.end(&ada, &back).await.contains("is connected"));
    assert_eq!(ada.open(&back).await.status, 400);
}

/// A provider that gives nothing before the browser leaves: the link is used up, and its user is told why.
#[tokio::test]
async fn a_provider_may_refuse_before_the_browser_leaves() {
    let elsewhere = Upstream::start(|_: &Recorded| Reply::status(200)).await;
    let form = |body: &str| Reply::bytes(200, "text/plain", body.to_owned());
    for (reply, expected) in [
        (Reply::bytes(401, "text/plain", "oauth_problem=consumer_key_unknown"), "setup is not right"),
        (Reply::status(403), "setup is not right"),
        (Reply::status(503), "could not answer just now"),
        (Reply::redirect(302, &elsewhere.url("/request")), "could not answer just now"),
        (Reply::redirect(308, &elsewhere.url("/request")), "setup is not right"),
        (form("oauth_token=a&oauth_token_secret=b"), "setup is not right"),
        (form("oauth_token=a&oauth_token_secret=b&oauth_callback_confirmed=no"), "setup is not right"),
        (form("oauth_token=a&oauth_callback_confirmed=true"), "could not answer just now"),
        (form("<html><i>hello"), "setup is not right"),
        (form(&format!("oauth_token=a&oauth_callback_confirmed=true&x={}", "x".repeat(200_000))), "could not answer"),
    ] {
        let scene = Scene::start().await;
        let ada = Visitor::new(&scene.bed);
        scene.server.set(|quirks| quirks.answers = vec![reply]);
        let link = link(&scene.bed, "crm", "ada").await;
        let answer = ada.fill(&link, &[]).await;
        assert_eq!(answer.status, 303, "{expected}: {}", text(&answer));
        let page = text(&ada.open(answer.header("location").unwrap()).await);
        assert!(page.contains("not connected") && page.contains(expected), "{expected}: {page}");
        assert!(!page.contains("<i>"), "{page}");
        assert_eq!(ada.open(&link).await.status, 410);
        assert_eq!(scene.ada().await["status"], "pending");
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

/// A consumer that the provider does not know, a clock that is wrong, and a connection without a client.
#[tokio::test]
async fn a_setup_that_is_wrong_is_told() {
    let scene = Scene::start().await;
    let ada = Visitor::new(&scene.bed);
    let oauth = json!({ "oauth": { "client_id": CONSUMER[0], "client_secret": "cnry_a_wrong_one" } });
    scene.bed.host.search_for(Canary::of("cnry_a_wrong_one"));
    scene.bed.client().patch("/v1/connections/crm", &oauth).await.expect(200);
    let answer = ada.fill(&link(&scene.bed, "crm", "ada").await, &[]).await;
    let page = text(&ada.open(answer.header("location").unwrap()).await);
    assert!(page.contains("setup is not right") && page.contains("signature_invalid"), "{page}");
    assert_eq!(scene.server.refusals(), ["signature_invalid"]);
    let body = json!({ "name": "bare", "connector": "probe", "auth_pattern": "first" });
    scene.bed.client().post("/v1/connections", &body).await.expect(201);
    let answer = scene.bed.client().post("/v1/connections/bare/accounts/ada/authorize", &json!({})).await;
    assert_eq!(answer.problem(409), "conflict");
}
