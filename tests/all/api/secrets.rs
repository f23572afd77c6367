//! Named secrets: write-only, looked up for whoever calls, and sent nowhere but where they were stored for.

use std::collections::BTreeMap;

use gloveport::config::WrittenSources;
use gloveport_tests::canary::Canary;
use gloveport_tests::host::{Client, Setup, TestHost};
use gloveport_tests::postgres;
use serde_json::{Value, json};

use super::bed::{Bed, redacted};
use super::postgres::beside;

/// Hosts of the upstream, as a pattern.
fn host_of(bed: &Bed) -> String {
    bed.upstream.url("").trim_start_matches("http://").trim_end_matches('/').to_owned()
}

/// A connection whose token is the secret `key`, and an account that serves everybody.
async fn filled(bed: &Bed) {
    let body = json!({ "name": "filled", "connector": "probe", "auth_pattern": "bearer",
        "base_url": bed.upstream.url(""), "credentials": { "token": { "secret": "key" } } });
    let made = bed.client().post("/v1/connections", &body).await.expect(201);
    assert_eq!(made["credentials"], json!({ "token": { "secret": "key" } }));
}

async fn store(bed: &Bed, whose: &Value) -> Canary {
    let canary = bed.host.plant();
    let mut body = json!({ "value": canary.token(), "hosts": [host_of(bed)] });
    body.as_object_mut().unwrap().extend(whose.as_object().unwrap().clone());
    let answer = bed.client().put("/v1/secrets/key", &body).await;
    assert!([200, 201].contains(&answer.status), "{answer:?}");
    canary
}

/// Calls as a user, and gives the token that reached the upstream.
async fn sent(bed: &Bed, body: &Value) -> String {
    let mut body = body.clone();
    body["connection"] = "filled".into();
    bed.client().post("/v1/tools/probe_whoami/execute", &body).await.expect(200);
    let request = bed.upstream.requests().pop().unwrap();
    request.header("authorization").unwrap().trim_start_matches("Bearer ").to_owned()
}

/// SI-12, SI-13: the user's own secret, else the organization's, else the project's; changed between two calls, the second
/// uses the new value. On both databases, on PostgreSQL with the change made through another host.
#[tokio::test]
async fn each_call_uses_the_nearest_secret_of_now() {
    let mut beds = vec![(Bed::start().await, None)];
    if let Some(database) = postgres::new_database() {
        let other = TestHost::with(beside(&database)).await;
        beds.push((Bed::with(beside(&database)).await, Some(other)));
    }
    for (bed, other) in beds {
        filled(&bed).await;
        let project = store(&bed, &json!({})).await;
        let put = json!({ "shared": true });
        let shared = bed.client().put("/v1/connections/filled/accounts/everyone", &put).await.expect(201);
        assert_eq!((&shared["status"], &shared["shared"]), (&json!("active"), &json!(true)));
        let ada = json!({ "identifier": "ada", "organization": "acme" });
        assert_eq!(sent(&bed, &ada).await, project.token());
        let acme = store(&bed, &json!({ "organization": "acme" })).await;
        let own = store(&bed, &json!({ "identifier": "ada" })).await;
        let within = store(&bed, &json!({ "identifier": "ada", "organization": "acme" })).await;
        assert_eq!(sent(&bed, &ada).await, within.token());
        assert_eq!(sent(&bed, &json!({ "identifier": "ada" })).await, own.token());
        assert_eq!(sent(&bed, &json!({ "identifier": "bob", "organization": "acme" })).await, acme.token());
        assert_eq!(sent(&bed, &json!({ "identifier": "bob", "organization": "other" })).await, project.token());
        assert_eq!(sent(&bed, &json!({ "identifier": "bob" })).await, project.token());
        bed.client().delete("/v1/secrets/key?identifier=ada&organization=acme").await.expect(204);
        assert_eq!(sent(&bed, &ada).await, own.token());
        let changed = store(&bed, &json!({ "identifier": "ada" })).await;
        assert_eq!(sent(&bed, &ada).await, changed.token());
        if let Some(other) = other {
            // The operator's key of the first host is on both.
            let client = other.client().with_key(gloveport_tests::host::ADMIN_KEY);
            client.delete("/v1/secrets/key?identifier=ada").await.expect(204);
            assert_eq!(sent(&bed, &ada).await, acme.token());
        }
        let executions = bed.client().get("/v1/executions?identifier=bob").await.expect(200);
        assert_eq!(executions["total_size"], 3, "a call through a shared account is its user's: {executions}");
    }
}

/// What is stored is told without its value, listed with filters, and gone when it is removed.
#[tokio::test]
async fn a_secret_is_told_without_its_value() {
    let bed = Bed::start().await;
    store(&bed, &json!({ "identifier": "ada" })).await;
    let shown = bed.client().get("/v1/secrets/key?identifier=ada").await.expect(200);
    insta::assert_snapshot!(redacted(shown, &["id", "hosts", "created_at", "updated_at"]), @r#"
    {
      "created_at": "<created_at>",
      "hosts": "<hosts>",
      "id": "<id>",
      "identifier": "ada",
      "name": "key",
      "organization": null,
      "owner": "user",
      "source": null,
      "updated_at": "<updated_at>"
    }
    "#);
    store(&bed, &json!({})).await;
    store(&bed, &json!({ "organization": "acme" })).await;
    for (query, expected) in [
        ("", 3),
        ("?name=key", 3),
        ("?name=other", 0),
        ("?identifier=ada", 1),
        ("?identifier=", 2),
        ("?organization=acme", 1),
        ("?identifier=&organization=", 1),
        ("?query=KE", 3),
        ("?query=%25", 0),
    ] {
        let list = bed.client().get(&format!("/v1/secrets{query}")).await.expect(200);
        assert_eq!(list["total_size"], expected, "{query}");
    }
    for path in ["/v1/secrets/other", "/v1/secrets/key?identifier=bob", "/v1/secrets/key?organization=x"] {
        assert_eq!(bed.client().get(path).await.problem(404), "not_found", "{path}");
        assert_eq!(bed.client().delete(path).await.problem(404), "not_found", "{path}");
    }
    let agent = bed.agent(None).await;
    assert_eq!(agent.get("/v1/secrets").await.problem(403), "forbidden");
    assert_eq!(agent.get("/v1/secrets/key").await.problem(403), "forbidden");
    bed.client().delete("/v1/secrets/key").await.expect(204);
    assert_eq!(bed.client().delete("/v1/secrets/key").await.problem(404), "not_found");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_not_repeated() {
    let bed = Bed::start().await;
    let long = "x".repeat(16 * 1024 + 1);
    let hosts = json!(["api.example.com"]);
    let many: Vec<String> = (0..33).map(|n| format!("h{n}.example.com")).collect();
    for body in [
        json!({}),
        json!({ "value": "canary-1" }),
        json!({ "value": "canary-1", "hosts": [] }),
        json!({ "value": "canary-1", "hosts": many }),
        json!({ "value": "canary-1", "hosts": ["https://api.example.com"] }),
        json!({ "value": "canary-1", "hosts": ["*"] }),
        json!({ "value": "canary-1", "hosts": "api.example.com" }),
        json!({ "value": "", "hosts": hosts }),
        json!({ "value": long, "hosts": hosts }),
        json!({ "value": ["canary-1"], "hosts": hosts }),
        json!({ "value": "canary-1", "source": "env:STRIPE_KEY", "hosts": hosts }),
        json!({ "hosts": hosts }),
        json!({ "source": "", "hosts": hosts }),
        json!({ "source": "env:", "hosts": hosts }),
        json!({ "source": "file:relative", "hosts": hosts }),
        json!({ "source": "file:/run/../etc/shadow", "hosts": hosts }),
        json!({ "source": "env:PATH", "hosts": hosts }),
        json!({ "source": "file:/etc/passwd", "hosts": hosts }),
        json!({ "value": "canary-1", "hosts": hosts, "identifier": "a\nb" }),
        json!({ "value": "canary-1", "hosts": hosts, "identifier": "x".repeat(257) }),
        json!({ "value": "canary-1", "hosts": hosts, "owner": "ada" }),
    ] {
        let answer = bed.client().put("/v1/secrets/key", &body).await;
        assert!(!String::from_utf8_lossy(&answer.body).contains("canary-1"), "{answer:?}");
        assert_eq!(answer.problem(400), "invalid_request", "{}", &body.to_string()[..body.to_string().len().min(99)]);
    }
    let sound = json!({ "value": "canary-1", "hosts": hosts });
    assert_eq!(bed.client().put("/v1/secrets/a%20b", &sound).await.problem(400), "invalid_request");
    let agent = bed.agent(None).await;
    assert_eq!(agent.put("/v1/secrets/key", &sound).await.problem(403), "forbidden");
    assert_eq!(bed.client().get("/v1/secrets").await.expect(200)["total_size"], 0);
    for credentials in [
        json!({ "nothing": { "secret": "key" } }),
        json!({ "token": { "secret": "" } }),
        json!({ "token": { "secret": "a b" } }),
        json!({ "token": "key" }),
        json!({ "token": { "name": "key" } }),
    ] {
        let body = json!({ "name": "filled", "connector": "probe", "auth_pattern": "bearer",
            "credentials": credentials });
        assert_eq!(bed.client().post("/v1/connections", &body).await.problem(400), "invalid_request", "{body}");
    }
}

/// Lesson 5: a secret goes where it was stored for, whatever its connection says; and without one a call says which.
#[tokio::test]
async fn a_secret_goes_nowhere_else() {
    let bed = Bed::start().await;
    filled(&bed).await;
    let client = bed.client();
    let connect = async || client.put("/v1/connections/filled/accounts/all", &json!({ "shared": true })).await;
    let missing = connect().await;
    assert!(missing.json()["detail"].as_str().unwrap().contains("PUT /v1/secrets/key"), "{missing:?}");
    assert_eq!(missing.problem(409), "account_not_active");
    let value = bed.host.plant();
    for hosts in [json!(["api.elsewhere.test"]), json!(["127.0.0.1"]), json!(["127.0.0.1:1", "localhost"])] {
        let body = json!({ "value": value.token(), "hosts": hosts });
        client.put("/v1/secrets/key", &body).await;
        assert_eq!(connect().await.problem(403), "host_not_allowed", "{hosts}");
    }
    store(&bed, &json!({})).await;
    connect().await.expect(201);
    let sent = bed.upstream.requests().len();
    // Stored anew for one of the connector's other hosts, it no longer goes to the base URL.
    let body = json!({ "value": value.token(), "hosts": ["*.probe.test"] });
    client.put("/v1/secrets/key", &body).await.expect(200);
    let call = json!({ "identifier": "ada", "connection": "filled", "input": {} });
    let refused = client.post("/v1/tools/probe_whoami/execute", &call).await;
    assert_eq!(refused.problem(403), "host_not_allowed");
    client.delete("/v1/secrets/key").await.expect(204);
    assert_eq!(client.post("/v1/tools/probe_whoami/execute", &call).await.problem(409), "account_not_active");
    assert_eq!(bed.upstream.requests().len(), sent);
    // Lesson 14: what a call would refuse is not in the list.
    assert_eq!(client.get("/v1/tools?identifier=ada").await.expect(200)["total_size"], 0);
    store(&bed, &json!({})).await;
    assert_ne!(client.get("/v1/tools?identifier=ada").await.expect(200)["total_size"], 0);
    client.post("/v1/tools/probe_whoami/execute", &call).await.expect(200);
}

/// An account that holds the field itself uses its own, and gets the connection's again when it gives that up.
#[tokio::test]
async fn an_accounts_own_value_comes_first() {
    let bed = Bed::start().await;
    filled(&bed).await;
    let project = store(&bed, &json!({})).await;
    let path = "/v1/connections/filled/accounts/ada";
    bed.client().put(path, &json!({})).await.expect(201);
    assert_eq!(sent(&bed, &json!({ "identifier": "ada" })).await, project.token());
    let own = bed.host.plant();
    bed.host.account("filled", "ada", &json!({ "token": own.token() })).await.expect(200);
    assert_eq!(sent(&bed, &json!({ "identifier": "ada" })).await, own.token());
    let change = json!({ "credentials": { "token": null } });
    bed.client().patch(path, &change).await.expect(200);
    assert_eq!(sent(&bed, &json!({ "identifier": "ada" })).await, project.token());
    // A connection that no longer names a secret lacks it.
    bed.client().patch("/v1/connections/filled", &json!({ "credentials": {} })).await.expect(200);
    let call = json!({ "identifier": "ada", "connection": "filled", "input": {} });
    let refused = bed.client().post("/v1/tools/probe_whoami/execute", &call).await;
    assert!(refused.status >= 400, "{refused:?}");
}

/// What an echo brings back of a named secret is taken out, as of any credential, and neither records nor the audit chain
/// have it: the bed searches for it everywhere when it ends.
#[tokio::test]
async fn an_echoed_secret_is_scrubbed() {
    let bed = Bed::answering(|request| {
        gloveport_tests::upstream::Reply::json(200, &json!({ "echo": request.header("authorization") }))
    })
    .await;
    filled(&bed).await;
    let secret = store(&bed, &json!({})).await;
    bed.client().put("/v1/connections/filled/accounts/all", &json!({ "shared": true })).await.expect(201);
    let call = json!({ "identifier": "ada", "connection": "filled", "input": { "target": "/echo" } });
    let answer = bed.client().post("/v1/tools/probe_fetch_read/execute", &call).await.expect(200);
    assert!(!answer.to_string().contains(secret.token()));
}

fn allowing(folder: &std::path::Path) -> BTreeMap<String, WrittenSources> {
    BTreeMap::from([("default".to_owned(), WrittenSources { env: Vec::new(), files: vec![folder.into()] })])
}

/// SI-12 with Docker's, systemd's and Kubernetes' files: read at each call, so a rotation there needs nothing here.
#[tokio::test]
async fn a_file_that_changes_is_the_next_calls_secret() {
    let folder = tempfile::tempdir().unwrap();
    let bed = Bed::with(Setup { secrets: allowing(folder.path()), ..Setup::usual() }).await;
    filled(&bed).await;
    let file = folder.path().join("key");
    let write = |text: &str| std::fs::write(&file, format!("{text}\n")).unwrap();
    let body = json!({ "source": format!("file:{}", file.display()), "hosts": [host_of(&bed)] });
    assert_eq!(bed.client().put("/v1/secrets/key", &body).await.problem(400), "invalid_request", "not there yet");
    let first = bed.host.plant();
    write(first.token());
    let made = bed.client().put("/v1/secrets/key", &body).await.expect(201);
    assert_eq!(made["source"], body["source"]);
    bed.client().put("/v1/connections/filled/accounts/all", &json!({ "shared": true })).await.expect(201);
    assert_eq!(sent(&bed, &json!({ "identifier": "ada" })).await, first.token());
    let second = bed.host.plant();
    write(second.token());
    assert_eq!(sent(&bed, &json!({ "identifier": "ada" })).await, second.token());
    std::fs::remove_file(&file).unwrap();
    let call = json!({ "identifier": "ada", "connection": "filled", "input": {} });
    assert_eq!(bed.client().post("/v1/tools/probe_whoami/execute", &call).await.problem(503), "unavailable");
    // Another project may not read what the operator lets this one read.
    write(second.token());
    let other: Client = bed.client().with_key(&super::projects::other_project(&super::projects::file(&bed)).await);
    assert_eq!(other.put("/v1/secrets/key", &body).await.problem(400), "invalid_request");
}
