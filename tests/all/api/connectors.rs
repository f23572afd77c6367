//! The catalogue: install, list, inspect, replace, remove, restart (SI-01 to SI-05, AK-001, AK-004, AK-852).

use gloveport::config::Database;
use gloveport::model::{By, Clock, Random, Timestamp};
use gloveport::store::{ConnectorRow, Store};
use gloveport_tests::host::TestHost;
use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::{Value, json};

use super::bed::{Bed, redacted};
use super::wasm::{in_version, probe};

/// What a body must have, as text or as a list.
#[track_caller]
fn has(body: &Value, texts: &[&str], lists: &[&str]) {
    for name in texts {
        assert!(body[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {body}");
    }
    for name in lists {
        assert!(body[name].is_array(), "{name}: {body}");
    }
}

/// SI-02, SI-03, AK-001: the list and the item say the same, with everything that a catalogue shows.
#[tokio::test]
async fn a_connector_is_listed_and_shown() {
    let bed = Bed::start().await;
    bed.host.install("stripe").await;
    bed.host.install("github").await;
    let list = bed.client().get("/v1/connectors").await.expect(200);
    let names: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| item["name"].clone()).collect();
    assert_eq!(names, ["github", "probe", "stripe"]);
    for item in list["items"].as_array().unwrap() {
        let shown = bed.client().get(&format!("/v1/connectors/{}", item["name"].as_str().unwrap())).await.expect(200);
        has(&shown, &["name", "title", "description", "publisher", "version", "digest", "wit", "base_url"], &[]);
        has(&shown, &["installed_at", "sdk"], &["categories", "auth", "hosts", "imports", "tools", "versions"]);
        assert_eq!((&shown["tools"], &shown["auth"]), (&item["tools"], &item["auth"]));
        assert!(shown["status"] == "ready" || shown["status"] == "not_loaded", "{shown}");
    }
    let stripe = &list["items"][2];
    let cut = json!({ "auth": stripe["auth"], "hosts": stripe["hosts"], "tool": stripe["tools"][1]["name"],
        "routes": stripe["tools"][1]["routes"], "aliases": stripe["tools"][1]["aliases"], "digest": stripe["digest"] });
    insta::assert_snapshot!(redacted(cut, &["digest"]), @r#"
    {
      "aliases": [
        "charge.retrieve"
      ],
      "auth": [
        {
          "endpoints": null,
          "fields": [
            {
              "default": null,
              "hint": "Developers → API keys: sk_… or rk_…",
              "label": "Secret key",
              "name": "secret_key",
              "pattern": null,
              "required": true,
              "type": "password"
            }
          ],
          "filled_fields": [],
          "headers": [],
          "in": null,
          "name": "secret_key",
          "needs_client": false,
          "parameter": null,
          "scopes": [],
          "title": "Secret key",
          "type": "bearer"
        }
      ],
      "digest": "<digest>",
      "hosts": [
        "api.stripe.com"
      ],
      "routes": [
        "GET /v1/charges/{charge}"
      ],
      "tool": "stripe_charge_retrieve"
    }
    "#);
    for name in ["nothing", "Probe", "probe%20", "pro"] {
        assert_eq!(bed.client().get(&format!("/v1/connectors/{name}")).await.problem(404), "not_found", "{name}");
        assert_eq!(bed.client().delete(&format!("/v1/connectors/{name}")).await.problem(404), "not_found", "{name}");
    }
}

/// Lists come in pages that hold everything once.
#[tokio::test]
async fn lists_come_in_pages() {
    let bed = Bed::start().await;
    bed.host.install("stripe").await;
    for n in 0..5 {
        bed.connection(&format!("probe-{n}"), &bed.upstream.url("")).await;
        bed.connect(&format!("user-{n}")).await;
        bed.agent(None).await;
    }
    for path in ["/v1/connectors", "/v1/connections", "/v1/accounts", "/v1/keys", "/v1/executions", "/v1/tools"] {
        let whole = bed.client().get(&format!("{path}?limit=200")).await.expect(200);
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = bed.client().get(&format!("{path}?limit=2{cursor}")).await.expect(200);
            assert_eq!(page["total_size"], whole["total_size"], "{path}");
            let found = page["items"].as_array().unwrap();
            assert!(!found.is_empty() && found.len() <= 2, "{path}: {page}");
            items.extend(found.clone());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(Value::from(items), whole["items"], "{path}");
    }
}

/// AK-004, AK-852: a tool has its name, title, description, connector, categories and both schemas.
#[tokio::test]
async fn a_tool_is_shown_with_all_of_its_facts() {
    let bed = Bed::start().await;
    bed.host.install("stripe").await;
    let list = bed.client().get("/v1/tools?include=deferred&limit=200").await.expect(200);
    for tool in list["items"].as_array().unwrap() {
        has(tool, &["name", "title", "description", "connector", "connector_title", "effect"], &["categories", "tags"]);
        has(tool, &[], &["routes", "scopes", "aliases", "connections"]);
        assert_eq!(tool["input_schema"]["type"], "object", "{tool}");
        assert!(tool["output_schema"].is_object(), "{tool}");
        let shown = bed.client().get(&format!("/v1/tools/{}", tool["name"].as_str().unwrap())).await.expect(200);
        assert_eq!(shown, *tool);
    }
    let by_alias = bed.client().get("/v1/tools/refund.create").await.expect(200);
    assert_eq!(by_alias["name"], "stripe_refund_create");
    for (query, count) in
        [("query=stripe_refund", 1), ("query=CUSTOMERS%20list", 1), ("connector=stripe", 5), ("query=xyzzy", 0)]
    {
        let found = bed.client().get(&format!("/v1/tools?{query}")).await.expect(200);
        assert_eq!(found["total_size"], count, "{query}: {found}");
    }
    for name in ["nothing", "refund", "PROBE_ECHO", "probe_"] {
        assert_eq!(bed.client().get(&format!("/v1/tools/{name}")).await.problem(404), "not_found", "{name}");
    }
}

/// SI-04: a new version is live at the next call, and the record names the component that ran.
#[tokio::test]
async fn a_new_version_is_live_at_the_next_call() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let ran = async || {
        let answer = bed.host.execute("probe_say_nothing", "ada", &json!({})).await.expect(200);
        let path = format!("/v1/executions/{}", answer["execution_id"].as_str().unwrap());
        bed.client().get(&path).await.expect(200)["component"].clone()
    };
    let first = bed.client().get("/v1/connectors/probe").await.expect(200)["digest"].clone();
    assert_eq!(ran().await, first);
    let headers = [("content-type", "application/wasm")];
    let second = bed.client().send("POST", "/v1/connectors", &headers, in_version("0.2.0")).await.expect(201);
    assert_ne!(second["digest"], first);
    assert_eq!(ran().await, second["digest"]);
}

/// SI-05: a connector in use stays; one that is not goes with its tools.
#[tokio::test]
async fn a_connector_goes_with_its_tools_when_nothing_uses_it() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    assert_eq!(bed.client().delete("/v1/connectors/probe").await.problem(409), "conflict");
    assert_eq!(bed.client().delete("/v1/connections/probe").await.problem(409), "conflict");
    assert_eq!(bed.host.execute("probe_say_nothing", "ada", &json!({})).await.status, 200);
    assert_eq!(bed.client().delete("/v1/connections/probe/accounts/ada").await.status, 204);
    assert_eq!(bed.client().delete("/v1/connections/probe/accounts/ada").await.problem(404), "not_found");
    assert_eq!(bed.client().delete("/v1/connectors/probe").await.problem(409), "conflict");
    assert_eq!(bed.client().delete("/v1/connections/probe").await.status, 204);
    assert_eq!(bed.client().delete("/v1/connectors/probe").await.status, 204);
    assert_eq!(bed.client().delete("/v1/connectors/probe").await.problem(404), "not_found");
    assert_eq!(bed.client().get("/v1/tools").await.expect(200)["total_size"], 0);
    assert_eq!(bed.host.execute("probe_say_nothing", "ada", &json!({})).await.problem(404), "not_found");
    // What was done with it stays on record, and it can come back.
    assert_eq!(bed.client().get("/v1/executions").await.expect(200)["total_size"], 2);
    assert_eq!(bed.host.install("probe").await["name"], "probe");
}

/// A connection of a connector that is not there, or under a name that is taken or odd, is refused.
#[tokio::test]
async fn connections_are_checked() {
    let bed = Bed::start().await;
    let body = |change: Value| {
        let mut body = json!({ "name": "other", "connector": "probe", "auth_pattern": "bearer" });
        change.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        body
    };
    let long = "n".repeat(65);
    for (change, status, code) in [
        (json!({ "connector": "nothing" }), 404, "not_found"),
        (json!({ "name": "probe" }), 409, "conflict"),
        (json!({ "name": "" }), 400, "invalid_request"),
        (json!({ "name": ".." }), 400, "invalid_request"),
        (json!({ "name": "a/b" }), 400, "invalid_request"),
        (json!({ "name": "é" }), 400, "invalid_request"),
        (json!({ "name": long }), 400, "invalid_request"),
        (json!({ "auth_pattern": "oauth2" }), 400, "invalid_request"),
        (json!({ "auth_pattern": null }), 400, "invalid_request"),
        (json!({ "base_url": "ftp://127.0.0.1" }), 400, "invalid_request"),
        (json!({ "base_url": "https://user:secret@127.0.0.1" }), 400, "invalid_request"),
        (json!({ "base_url": "/api" }), 400, "invalid_request"),
        (json!({ "base_url": "https://a.example/?x=1" }), 400, "invalid_request"),
        (json!({ "base_url": "https://{{a.example" }), 400, "invalid_request"),
        (json!({ "settings": [] }), 400, "invalid_request"),
        (json!({ "status": "active" }), 400, "invalid_request"),
    ] {
        assert_eq!(bed.client().post("/v1/connections", &body(change.clone())).await.problem(status), code, "{change}");
    }
    assert_eq!(bed.client().get("/v1/connections").await.expect(200)["total_size"], 1);
}

/// Lesson 15: what the provider sends people back to comes from the configuration, not from what a request says.
#[tokio::test]
async fn links_do_not_follow_request_headers() {
    let bed = Bed::start().await;
    let expected = format!("{}/oauth/callback/probe", bed.client().base());
    let lies = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-original-url", "https://evil.example/"),
    ];
    for lie in lies {
        let answer = bed.client().send("GET", "/v1/connections/probe", &[lie], "").await.expect(200);
        assert_eq!(answer["redirect_uri"], expected.as_str(), "{lie:?}");
    }
    let made = bed.client().send("GET", "/v1/connections", &lies, "").await.expect(200);
    assert_eq!(made["items"][0]["redirect_uri"], expected.as_str());
}

/// Everything that was installed and connected is there after a restart; a row that this host cannot read is listed
/// with the reason, and so is each call of its tools (lesson 12).
#[tokio::test]
async fn a_restart_keeps_all_and_hides_nothing() {
    let mut host = TestHost::spawn_child().await;
    let upstream = Upstream::start(|_| Reply::json(200, &json!({ "ok": true }))).await;
    let canary = host.plant();
    host.install("probe").await;
    let body = json!({ "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": upstream.url("") });
    host.client().post("/v1/connections", &body).await.expect(201);
    host.account("probe", "ada", &json!({ "token": canary.token() })).await.expect(201);
    let paths = ["/v1/connections", "/v1/accounts", "/v1/tools?identifier=ada", "/v1/keys", "/v1/executions"];
    let mut before = Vec::new();
    for path in paths {
        before.push(without(host.client().get(path).await.expect(200), "redirect_uri"));
    }
    host.kill().await;
    let store = Store::open(&Database::Sqlite(host.data().join("gloveport.db"))).await.unwrap();
    let project = store.default_project(&Clock::system(), &Random::system()).await.unwrap();
    let row = |name: &str, manifest: &str| ConnectorRow {
        project: project.clone(),
        name: name.into(),
        version: "1.0.0".into(),
        digest: format!("{name:0>64}"),
        manifest: manifest.into(),
        tools: "[]".into(),
        imports: Vec::new(),
        installed_at: Timestamp(0),
    };
    let by = By::host(Timestamp(0));
    store.install_connector(&by, &row("broken", "{\"manifest\": 99}"), b"\0asm").await.unwrap();
    store.close().await;
    host.restart_child().await;
    for (path, before) in paths.iter().zip(before) {
        assert_eq!(without(host.client().get(path).await.expect(200), "redirect_uri"), before, "{path}");
    }
    host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    let sent = upstream.requests().pop().unwrap();
    assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", canary.token()).as_str()));
    let list = host.client().get("/v1/connectors").await.expect(200);
    assert_eq!((&list["items"][0]["name"], &list["items"][0]["status"]), (&json!("broken"), &json!("error")));
    for broken in [&list["items"][0], &host.client().get("/v1/connectors/broken").await.expect(200)] {
        assert!(broken["detail"].as_str().is_some_and(|detail| detail.contains("manifest")), "{broken}");
    }
    let called = host.execute("broken_tool", "ada", &json!({})).await;
    let called = called.expect(502);
    assert_eq!((&called["code"], &called["culprit"]), (&json!("guest_error"), &json!("guest")));
    assert!(called["detail"].as_str().unwrap().contains("cannot be used"), "{called}");
    // Installing it again mends it, and a broken one can be removed.
    assert_eq!(host.client().delete("/v1/connectors/broken").await.status, 204);
    assert_eq!(host.client().get("/v1/connectors").await.expect(200)["total_size"], 1);
    let headers = [("content-type", "application/wasm")];
    assert_eq!(host.client().send("POST", "/v1/connectors", &headers, probe()).await.status, 200);
}

/// The list, each item without a member: the child listens elsewhere after a restart.
fn without(mut list: Value, member: &str) -> Value {
    for item in list["items"].as_array_mut().unwrap() {
        item.as_object_mut().unwrap().remove(member);
    }
    list
}
