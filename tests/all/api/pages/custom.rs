//! AK-120, AK-121, AK-801 to AK-807, AK-810, AK-812: connectors that an operator wrote down, from their definition to their end.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gloveport::model::Clock;
use gloveport_tests::authorization::AuthorizationServer;
use gloveport_tests::upstream::Recorded;
use serde_json::{Value, json};

use super::super::bed::Bed;
use super::stage::target;
use super::visitor::{Visitor, account, link, text};

/// A definition, as somebody writes it down.
struct Definition {
    name: &'static str,
    /// Its auth patterns.
    auth: Value,
    /// Where its API is, if not at the upstream: a template over the account's fields.
    base_url: Option<&'static str>,
    /// What a user fills in besides the credential, and the name of the credential's field.
    filled: &'static [(&'static str, &'static str)],
    secret: &'static str,
    /// Labels and kinds of inputs of the form.
    form: &'static [&'static str],
    /// What has to be in a request of an account with this credential: a header, and its value.
    sent: fn(&str) -> (&'static str, String),
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Five of the six; the sixth goes through a browser.
fn definitions() -> [Definition; 5] {
    let field = |name: &str, label: &str, kind: &str| json!({ "name": name, "label": label, "type": kind });
    [
        Definition {
            name: "by_bearer",
            auth: json!([{ "name": "token", "title": "Token", "type": "bearer", "field": "token",
                "fields": [{ "name": "token", "label": "Access token", "type": "password", "hint": "Under Settings" }] }]),
            base_url: None,
            filled: &[],
            secret: "token",
            form: &["Access token", "Under Settings", r#"type="password""#],
            sent: |secret| ("authorization", format!("Bearer {secret}")),
        },
        Definition {
            name: "by_basic",
            auth: json!([{ "name": "login", "title": "Login", "type": "basic", "username": "user", "password": "word",
                "fields": [field("user", "User name", "text"), field("word", "Password", "password")] }]),
            base_url: None,
            filled: &[("user", "ada")],
            secret: "word",
            form: &["User name", r#"type="text""#, "Password", r#"type="password""#],
            sent: |secret| ("authorization", basic("ada", secret)),
        },
        Definition {
            name: "by_key",
            auth: json!({ "type": "apiKey", "header": "X-Api-Key" }),
            base_url: None,
            filled: &[],
            secret: "api_key",
            form: &["API key", r#"type="password""#],
            sent: |secret| ("x-api-key", secret.to_owned()),
        },
        Definition {
            name: "by_domain",
            auth: json!([{ "name": "token", "title": "Token", "type": "bearer", "field": "token",
                "fields": [field("domain", "Domain", "text"), field("token", "Token", "password")] }]),
            base_url: Some("http://{{domain}}/api"),
            filled: &[("domain", "UPSTREAM")],
            secret: "token",
            form: &["Domain", r#"type="text""#, "Token"],
            sent: |secret| ("authorization", format!("Bearer {secret}")),
        },
        // AK-806: Freshdesk's key stands where a user name does, and there is no password field.
        Definition {
            name: "by_user_name",
            auth: json!([{ "name": "key", "title": "Key", "type": "basic", "username": "username", "filler": "X",
                "fields": [field("username", "API Key", "password")] }]),
            base_url: None,
            filled: &[],
            secret: "username",
            form: &["API Key", r#"type="password""#],
            sent: |secret| ("authorization", basic(secret, "X")),
        },
    ]
}

fn document(definition: &Definition, base_url: &str, operations: &[&str]) -> Value {
    let operation = |name: &&str| json!({ "name": name, "description": "Fetches it.", "method": "GET", "path": format!("/{name}") });
    json!({
        "title": format!("Made up {}", definition.name), "description": "An API of our own.", "baseUrl": base_url,
        "auth": definition.auth, "operations": operations.iter().map(operation).collect::<Vec<_>>(),
    })
}

async fn names(bed: &Bed, query: &str) -> Vec<String> {
    let list = bed.client().get(&format!("/v1/connectors?limit=200{query}")).await.expect(200);
    list["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

/// Created, listed by its type, shown as a form, connected, called, updated, kept while used, and deleted.
#[tokio::test]
async fn a_definition_lives_from_its_form_to_its_end() {
    let bed = Bed::start().await;
    for definition in definitions() {
        let name = definition.name;
        let path = format!("/v1/connectors/{name}");
        let own = bed.upstream.url("/api");
        let base_url = definition.base_url.unwrap_or(&own);
        let made = bed.client().put(&path, &json!({ "document": document(&definition, base_url, &["me"]) })).await;
        let made = made.expect(201);
        // AK-121: what is registered has an identifier at once.
        assert_eq!(
            (&made["tools"][0]["name"], &made["warnings"]),
            (&json!(format!("{name}_me")), &json!([])),
            "{name}"
        );
        assert_eq!(names(&bed, "&type=custom").await, [name]);
        assert_eq!(names(&bed, "&type=component").await, ["probe"]);
        let shown = bed.client().get(&path).await.expect(200);
        assert_eq!((&shown["type"], &shown["title"]), (&json!("custom"), &json!(format!("Made up {name}"))));

        bed.client().post("/v1/connections", &json!({ "name": name, "connector": name })).await.expect(201);
        let (secret, ada) = (bed.host.plant(), Visitor::new(&bed));
        let to = link(&bed, name, "ada").await;
        let form = text(&ada.open(&to).await);
        for part in definition.form {
            assert!(form.contains(part), "{name}: no {part} in {form}");
        }
        let address = bed.upstream.address().to_string();
        let filled = definition
            .filled
            .iter()
            .map(|(field, value)| (*field, if *value == "UPSTREAM" { address.as_str() } else { *value }));
        let fields: Vec<(&str, &str)> = filled.chain([(definition.secret, secret.token())]).collect();
        let sent = ada.fill(&to, &fields).await;
        assert_eq!(sent.status, 303, "{name}: {}", text(&sent));
        assert_eq!(account(&bed, name, "ada").await["status"], "active");

        called(&bed, &definition, "me", secret.token()).await;
        let changed = document(&definition, base_url, &["me", "others"]);
        let changed = bed.client().put(&path, &json!({ "document": changed })).await.expect(200);
        assert_eq!(changed["difference"]["added"][0]["tool"], format!("{name}_others"));
        called(&bed, &definition, "others", secret.token()).await;

        // AK-810: first what uses it goes.
        assert_eq!(bed.client().delete(&path).await.problem(409), "conflict");
        called(&bed, &definition, "me", secret.token()).await;
        bed.client().delete(&format!("/v1/connections/{name}/accounts/ada")).await.expect(204);
        assert_eq!(bed.client().delete(&path).await.problem(409), "conflict");
        bed.client().delete(&format!("/v1/connections/{name}")).await.expect(204);
        bed.client().delete(&path).await.expect(204);
        assert_eq!(bed.client().get(&path).await.problem(404), "not_found");
        assert_eq!(bed.client().get(&format!("/v1/tools/{name}_me")).await.problem(404), "not_found");
        assert_eq!(names(&bed, "&type=custom").await, Vec::<String>::new());
    }
}

/// Calls a tool, and looks at what arrived.
async fn called(bed: &Bed, definition: &Definition, operation: &str, secret: &str) {
    bed.host.execute(&format!("{}_{operation}", definition.name), "ada", &json!({})).await.expect(200);
    let sent: Recorded = bed.upstream.requests().pop().unwrap();
    assert_eq!(sent.path(), format!("/api/{operation}"), "{}", definition.name);
    let (header, value) = (definition.sent)(secret);
    assert_eq!(sent.header(header), Some(value.as_str()), "{}", definition.name);
}

/// AK-804: the sixth. The user consents elsewhere, who that is is asked with the new token, and kept as a public field.
#[tokio::test]
async fn a_definition_with_oauth_asks_who_consented() {
    let bed = Bed::start().await;
    let server = AuthorizationServer::start(&Clock::system()).await;
    let document = json!({
        "title": "Made up", "base_url": server.url("/api"), "operations": [{ "name": "me", "method": "GET", "path": "/me" }],
        "auth": [{ "name": "oauth", "title": "Sign in", "type": "oauth2", "client_auth": "basic",
            "authorize_url": server.url("/authorize"), "token_url": server.url("/token"), "scopes": ["read", "write"],
            "lookups": [{ "url": server.url("/api/whoami"), "fields": { "who": "/client" } }] }],
    });
    let made = bed.client().put("/v1/connectors/by_oauth", &json!({ "document": document })).await.expect(201);
    assert_eq!(made["warnings"], json!([]), "{made}");
    let shown = bed.client().get("/v1/connectors/by_oauth").await.expect(200);
    assert_eq!((&shown["type"], &shown["auth"][0]["endpoints"]["pkce"]), (&json!("custom"), &json!(true)));
    let redirect = shown["redirect_uri"].as_str().unwrap().to_owned();
    server.change_client(|client| client.redirect_uris = vec![redirect]);
    let client = server.client();
    let oauth = json!({ "client_id": client.id, "client_secret": client.secret, "scopes": ["read"] });
    bed.client()
        .post("/v1/connections", &json!({ "name": "o", "connector": "by_oauth", "oauth": oauth }))
        .await
        .expect(201);
    let ada = Visitor::new(&bed);
    let away = target(&ada.fill(&link(&bed, "o", "ada").await, &[]).await);
    let back = server.consent(&away).unwrap();
    assert_eq!(ada.open(&back).await.status, 303);
    let connected = account(&bed, "o", "ada").await;
    assert_eq!((&connected["status"], &connected["scopes"]), (&json!("active"), &json!(["read"])), "{connected}");
    assert!(connected["fields"]["who"].is_string(), "{connected}");
    bed.host.execute("by_oauth_me", "ada", &json!({})).await.expect(200);
    let sent = server.requests("/api/me").pop().unwrap();
    assert!(sent.header("authorization").unwrap().starts_with("Bearer "), "{sent:?}");
    assert_eq!(bed.client().delete("/v1/connectors/by_oauth").await.problem(409), "conflict");
    for secret in server.secrets() {
        bed.host.search_for(gloveport_tests::canary::Canary::of(secret));
    }
}

/// AK-802, AK-805, AK-807, AK-810: what is no definition, and what a user may not fill in.
#[tokio::test]
async fn what_is_no_definition_is_refused() {
    let bed = Bed::start().await;
    let of = |auth: Value| {
        json!({ "document": { "base_url": "https://api.example.com", "auth": auth,
        "operations": [{ "name": "me", "method": "GET", "path": "/me" }] } })
    };
    let odd = [
        json!([{ "name": "x", "title": "X", "type": "password_of_a_friend", "fields": [] }]),
        json!({ "type": "password_of_a_friend" }),
        json!([{ "name": "x", "title": "X", "type": "bearer", "field": "token", "fields": [] }]),
        json!([{ "name": "x", "title": "X", "type": "bearer", "field": "token", "feilds": [] }]),
    ];
    for auth in odd {
        let answer = bed.client().put("/v1/connectors/odd", &of(auth.clone())).await;
        // A pattern that cannot be used is left out, and said; a connector is never made of it in silence.
        match answer.status {
            201 => {
                let warnings = answer.json()["warnings"].as_array().unwrap().len();
                assert!(warnings > 0, "{auth}: {}", answer.json());
                bed.client().delete("/v1/connectors/odd").await.expect(204);
            }
            _ => assert_eq!(answer.problem(422), "invalid_input", "{auth}"),
        }
    }
    assert_eq!(bed.client().get("/v1/connectors?type=odd").await.problem(400), "invalid_request");
    let two = json!([
        { "name": "token", "title": "Token", "type": "bearer", "field": "token",
            "fields": [{ "name": "token", "label": "Token", "type": "password" }] },
        { "name": "key", "title": "Key", "type": "api_key", "field": "key", "in": "query", "parameter": "k",
            "fields": [{ "name": "key", "label": "Key", "type": "password" }] },
    ]);
    bed.client().put("/v1/connectors/two", &of(two)).await.expect(201);
    let new = json!({ "name": "two", "connector": "two" });
    assert_eq!(
        bed.client().post("/v1/connections", &new).await.problem(400),
        "invalid_request",
        "one has to be chosen"
    );
    for pattern in ["token", "key"] {
        let new = json!({ "name": pattern, "connector": "two", "auth_pattern": pattern });
        bed.client().post("/v1/connections", &new).await.expect(201);
    }
    let [.., domain, _] = definitions();
    let definition = json!({ "document": document(&domain, "http://{{domain}}/api", &["me"]) });
    bed.client().put("/v1/connectors/by_domain", &definition).await.expect(201);
    bed.client().post("/v1/connections", &json!({ "name": "d", "connector": "by_domain" })).await.expect(201);
    for domain in ["", "a/b", "a@b.example", "a.example#", "a.example?x", "..", "a b"] {
        let filled = json!({ "token": bed.host.plant().token(), "domain": domain });
        assert_eq!(bed.host.account("d", "eve", &filled).await.problem(422), "invalid_input", "{domain:?}");
    }
    assert_eq!(bed.host.account("d", "eve", &json!({ "token": "a-token-of-eve" })).await.problem(422), "invalid_input");
}
