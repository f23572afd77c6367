//! Auth patterns as data: what a manifest declares is shown, held to, and put into requests.

use serde_json::{Value, json};

use super::bed::{Bed, redacted};
use super::wasm::with_manifest;

/// Installs the probe once more, with these auth patterns.
pub(super) async fn install(bed: &Bed, patterns: &Value) {
    let component = with_manifest(|manifest| {
        manifest["version"] = "7.0.0".into();
        manifest["auth"] = patterns.clone();
    });
    bed.client().send("POST", "/v1/connectors", &[("content-type", "application/wasm")], component).await.expect(201);
}

/// AK-801 to AK-804: a person who sets up a connection sees what the connector declares.
#[tokio::test]
async fn patterns_are_shown_with_what_a_person_needs() {
    let bed = Bed::start().await;
    let declared = json!([{
        "name": "oauth", "title": "Sign in", "type": "oauth2",
        "authorize_url": "https://{{site}}.example.com/authorize", "token_url": "https://login.example.com/token",
        "revoke_url": "https://login.example.com/revoke", "client_auth": "basic",
        "scopes": ["read", { "name": "write", "title": "Write", "description": "Changes things.", "required": true }],
        "response": { "fields": { "instance": "/instance_url" } },
        "headers": { "X-Tenant": "{{tenant}}" },
        "lookups": [{ "url": "https://api.example.com/tenants", "fields": { "tenant": "/id" } }],
        "fields": [{ "name": "site", "label": "Site", "hint": "acme of acme.example.com", "type": "text",
            "pattern": "[a-z]+", "default": "acme" }],
    }]);
    install(&bed, &declared).await;
    let shown = bed.client().get("/v1/connectors/probe").await.expect(200);
    insta::assert_snapshot!(redacted(shown["auth"].clone(), &[]), @r#"
    [
      {
        "endpoints": {
          "authorize": "https://{{site}}.example.com/authorize",
          "client_auth": "basic",
          "pkce": true,
          "revoke": "https://login.example.com/revoke",
          "token": "https://login.example.com/token"
        },
        "fields": [
          {
            "default": "acme",
            "hint": "acme of acme.example.com",
            "label": "Site",
            "name": "site",
            "pattern": "[a-z]+",
            "required": true,
            "type": "text"
          }
        ],
        "filled_fields": [
          "instance",
          "tenant"
        ],
        "headers": [
          "X-Tenant"
        ],
        "in": "header",
        "name": "oauth",
        "needs_client": true,
        "parameter": "authorization",
        "scopes": [
          {
            "description": null,
            "name": "read",
            "required": false,
            "title": "read"
          },
          {
            "description": "Changes things.",
            "name": "write",
            "required": true,
            "title": "Write"
          }
        ],
        "title": "Sign in",
        "type": "oauth2"
      }
    ]
    "#);
}

/// AK-803: what a field has to look like, and what it is where nothing is said. No answer repeats a value.
#[tokio::test]
async fn fields_have_patterns_and_defaults() {
    let bed = Bed::start().await;
    let field = |name: &str, more: Value| {
        let mut field = json!({ "name": name, "label": format!("The {name}"), "type": "text", "required": false });
        field.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        field
    };
    let key = json!({ "type": "password", "required": true, "pattern": "key-[0-9a-f]{8}", "hint": "Settings, API" });
    let declared = json!([{
        "name": "key", "title": "Key", "type": "api_key", "field": "key", "in": "header", "parameter": "X-Key",
        "fields": [
            field("key", key),
            field("region", json!({ "pattern": "eu|us", "default": "eu" })),
            field("note", json!({ "pattern": "[a-z]*" })),
        ],
    }]);
    install(&bed, &declared).await;
    bed.connection_by("keyed", "key", &bed.upstream.url("")).await;
    let put = async |credentials: Value| bed.host.account("keyed", "ada", &credentials).await;
    for (credentials, path) in [
        (json!({ "key": "key-0123456" }), "/credentials/key"),
        (json!({ "key": "key-01234567\n" }), "/credentials/key"),
        (json!({ "key": "a key-01234567" }), "/credentials/key"),
        (json!({ "key": "key-01234567", "region": "mars" }), "/credentials/region"),
        (json!({ "key": "key-01234567", "note": "A" }), "/credentials/note"),
    ] {
        let problem = put(credentials.clone()).await.expect(422);
        assert_eq!(problem["errors"][0]["path"], path, "{problem}");
        let text = problem.to_string();
        assert!(!text.contains("0123456") && !text.contains("mars"), "{text}");
    }
    let problem = put(json!({ "key": "x" })).await.expect(422);
    assert!(problem.to_string().contains("`The key`: Settings, API"), "{problem}");
    let made = put(json!({ "key": "key-01234567" })).await.expect(201);
    assert_eq!(made["fields"], json!({ "region": "eu" }));
    let made = put(json!({ "key": "key-01234567", "region": "us", "note": "" })).await.expect(200);
    assert_eq!(made["fields"], json!({ "note": "", "region": "us" }));
    bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    assert_eq!(bed.upstream.requests().pop().unwrap().header("x-key"), Some("key-01234567"));
}
