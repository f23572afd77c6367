//! Documents of OpenAPI: inputs, requests, names, security.

use gloveport_sdk::__private::Effect;
use gloveport_sdk::fake_host::Body as Sent;
use serde_json::{Value, json};

use super::*;

#[test]
fn an_operation_becomes_a_tool() {
    let operation = json!({ "operationId": "invoices/create", "summary": "Create an invoice", "tags": ["billing"],
        "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } },
            { "name": "dry-run", "in": "query", "schema": { "type": "boolean" }, "description": "Only try." },
            { "name": "X-Trace", "in": "header", "schema": { "type": "string" } },
            { "name": "Authorization", "in": "header", "required": true, "schema": { "type": "string" } }],
        "requestBody": { "required": true, "content": { "application/json": { "schema": { "type": "object",
            "properties": { "id": { "type": "integer" }, "amount": { "type": "number" }, "made": { "readOnly": true } },
            "required": ["id", "made"] } } } } });
    let imported = imported(&with_operation("post", "/customers/{id}/invoices", &operation));
    let tool = &imported.tools[0];
    assert_eq!((tool.name.as_str(), tool.title.as_str()), ("api_invoices_create", "Create an invoice"));
    assert_eq!((tool.effect, tool.aliases.as_slice()), (Effect::Write, &["api.invoices_create".to_owned()][..]));
    assert_eq!(tool.tags, ["billing"]);
    assert_eq!((imported.base_url.as_str(), imported.hosts.len()), ("https://api.example.com", 1));
    let schema = schema(&imported);
    assert_eq!(schema["required"], json!(["id", "body_id"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    let names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["X_Trace", "amount", "body_id", "dry_run", "id"]);
    let input =
        json!({ "id": "a/b", "dry_run": true, "X_Trace": "t", "body_id": 90071992547409931_u64, "amount": 1.50 });
    let request = sent(&imported, &input).unwrap();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/customers/a%2Fb/invoices?dry-run=true"));
    assert_eq!(request.headers, [("X-Trace".to_owned(), "t".to_owned())]);
    assert_eq!(request.body, Sent::Json(r#"{"amount":1.5,"id":90071992547409931}"#.into()));
}

/// Values stay in their place, and what cannot be sent is told with its pointer.
#[test]
fn paths_are_not_climbed() {
    let imported = imported(&with_operation("get", "/files/{name}.{kind}", &json!({})));
    for (input, expected) in [
        (json!({ "name": "a", "kind": "b" }), Ok("/files/a.b")),
        (json!({ "name": "a/../b?c#d", "kind": "é" }), Ok("/files/a%2F..%2Fb%3Fc%23d.%C3%A9")),
        (json!({ "name": "", "kind": "b" }), Err("/name")),
        (json!({ "name": "a", "kind": null }), Err("/kind")),
        (json!({ "kind": "b" }), Err("/name")),
    ] {
        match (sent(&imported, &input), expected) {
            (Ok(request), Ok(target)) => assert_eq!(request.target, target),
            (Err(Failure::InvalidInput(errors)), Err(pointer)) => assert_eq!(errors[0].path, pointer),
            (found, _) => panic!("{input}: {found:?}"),
        }
    }
    let dots = super::imported(&with_operation("get", "/a/{x}", &json!({})));
    for text in [".", ".."] {
        assert!(matches!(sent(&dots, &json!({ "x": text })), Err(Failure::InvalidInput(_))), "{text}");
    }
}

#[test]
fn bodies_are_written_as_their_content_says() {
    let object = json!({ "type": "object", "properties": { "a": { "type": "string" }, "list": { "type": "array", "items": { "type": "integer" } },
        "o": { "type": "object" }, "f": { "type": "string", "format": "binary" } }, "required": ["a"] });
    let form = |pairs: &[(&str, &str)]| Sent::Form(pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect());
    for (media_type, schema, input, expected) in [
        ("application/json", json!({ "type": "array", "items": {} }), json!({ "body": [1] }), Sent::Json("[1]".into())),
        ("application/json", json!({ "oneOf": [{}, {}] }), json!({ "body": "x" }), Sent::Json("\"x\"".into())),
        ("application/json", object.clone(), json!({}), Sent::None),
        (
            "application/merge-patch+json; charset=utf-8",
            object.clone(),
            json!({ "a": null }),
            Sent::Json("{\"a\":null}".into()),
        ),
        (
            "application/x-www-form-urlencoded",
            object.clone(),
            json!({ "a": "x y", "list": [1, 2], "o": { "k": 1 } }),
            form(&[("a", "x y"), ("list", "1"), ("list", "2"), ("o", "{\"k\":1}")]),
        ),
        ("text/plain", json!({ "type": "string" }), json!({ "body": "x" }), Sent::Bytes(b"x".to_vec())),
        ("application/xml", json!({ "type": "object" }), json!({ "body": "<a/>" }), Sent::Bytes(b"<a/>".to_vec())),
        ("image/png", json!({ "type": "string" }), json!({ "body": "AP8=" }), Sent::Bytes(vec![0, 255])),
    ] {
        let operation = json!({ "requestBody": { "content": { (media_type): { "schema": schema } } } });
        let imported = imported(&with_operation("post", "/x", &operation));
        assert_eq!(sent(&imported, &input).unwrap().body, expected, "{media_type}");
    }
    let operation = json!({ "requestBody": { "required": true, "content": { "multipart/form-data": { "schema": object,
        "encoding": { "f": { "contentType": "image/png, image/jpeg" } } } } } });
    let imported = imported(&with_operation("post", "/x", &operation));
    let input = json!({ "a": "x", "f": "AP8", "f_filename": "p.png", "o": { "k": 1 }, "list": [1, 2] });
    let Sent::Multipart(parts) = sent(&imported, &input).unwrap().body else { panic!() };
    let told: Vec<_> = parts
        .iter()
        .map(|part| {
            (part.name.as_str(), part.file_name.as_deref(), part.content_type.as_deref(), part.content.as_slice())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("a", None, None, &b"x"[..]),
            ("f", Some("p.png"), Some("image/png"), &[0, 255]),
            ("list", None, None, b"1"),
            ("list", None, None, b"2"),
            ("o", None, Some("application/json"), b"{\"k\":1}"),
        ]
    );
    assert!(matches!(sent(&imported, &json!({ "a": "x", "f": "not base64!" })), Err(Failure::InvalidInput(_))));
}

/// What an optional body needs, it needs only where one of its members is given.
#[test]
fn optional_bodies_ask_for_nothing_on_their_own() {
    let object = json!({ "properties": { "a": {}, "b": {} }, "required": ["a"] });
    for (required, at) in [(true, "/required"), (false, "/dependentRequired/b")] {
        let operation =
            json!({ "requestBody": { "required": required, "content": { "application/json": { "schema": object } } } });
        let schema = schema(&imported(&with_operation("post", "/x", &operation)));
        assert_eq!(schema.pointer(at), Some(&json!(["a"])), "{schema}");
    }
}

/// Where nothing is given of an optional body, none is sent; of a required one, an empty one is.
#[test]
fn an_optional_body_that_is_not_given_is_not_sent() {
    let object = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    for (media_type, empty) in [
        ("application/json", Sent::Json("{}".into())),
        ("application/x-www-form-urlencoded", Sent::Form(Vec::new())),
        ("multipart/form-data", Sent::Multipart(Vec::new())),
    ] {
        for (required, expected) in [(Some(true), empty), (Some(false), Sent::None), (None, Sent::None)] {
            let mut body = json!({ "content": { (media_type): { "schema": object } } });
            if let Some(required) = required {
                body["required"] = json!(required);
            }
            let imported = imported(&with_operation("post", "/x", &json!({ "requestBody": body })));
            assert_eq!(sent(&imported, &json!({})).unwrap().body, expected, "{media_type} {required:?}");
        }
    }
}

/// What is required and described nowhere can be anything, but is asked for: as Figma has it.
#[test]
fn what_is_required_without_a_schema_is_an_input() {
    let with = |schema: &Value| {
        let body = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        schema_of(&json!({ "requestBody": body }))
    };
    let object = json!({ "type": "object", "properties": { "a": { "type": "string" }, "made": { "readOnly": true } },
        "required": ["a", "team", "made"] });
    let open = with(&object);
    assert_eq!((&open["required"], &open["properties"]["team"]), (&json!(["a", "team"]), &json!({})));
    let mut closed = object;
    closed["additionalProperties"] = json!(false);
    assert_eq!(with(&closed)["required"], json!(["a"]));
    // An object of which nothing is described stays one input.
    assert_eq!(with(&json!({ "type": "object", "required": ["a"] }))["required"], json!(["body"]));
}

fn schema_of(operation: &Value) -> Value {
    schema(&imported(&with_operation("post", "/x", operation)))
}

#[test]
fn operations_that_cannot_be_sent_are_listed_with_the_reason() {
    for (method, path, operation, reason) in [
        ("trace", "/x", json!({}), "TRACE"),
        ("get", "x", json!({}), "does not start"),
        ("get", "/{a", json!({}), "without `}`"),
        ("get", "/x", json!({ "parameters": [{ "$ref": "other.yaml#/p" }] }), "another document"),
        ("get", "/x", json!({ "parameters": [{ "name": "s", "in": "cookie", "required": true }] }), "cookie"),
        (
            "get",
            "/x",
            json!({ "parameters": [{ "name": "s", "in": "query", "schema": { "$ref": "#/x" } }] }),
            "not there",
        ),
        ("post", "/x", json!({ "requestBody": { "$ref": "#/paths" , "x": 1 } }), ""),
        ("post", "/x", json!({ "requestBody": { "content": { "multipart/form-data": {} } } }), "multipart"),
        ("get", "/x", json!({ "x-gloveport-effect": "none" }), "effect `none`"),
        (
            "get",
            "/x",
            json!({ "servers": [{ "url": "https://{v}", "variables": { "v": { "default": "{{f}}.example" } } }] }),
            "field of the account",
        ),
    ] {
        let imported = imported(&with_operation(method, path, &operation));
        let told: Vec<&String> = imported.skipped.iter().map(|(_, reason)| reason).collect();
        assert!(reason.is_empty() || told.iter().any(|told| told.contains(reason)), "{reason}: {told:?}");
        assert_eq!(imported.tools.len() + imported.skipped.len(), 1, "{path}");
    }
}

/// HA-11 to HA-13, HA-04, and hints of the document.
#[test]
fn options_and_hints_are_honoured() {
    let document = json!({ "openapi": "3.0.0", "servers": [{ "url": "https://a.example" }], "paths": { "/a": {
        "get": { "operationId": "listA", "tags": ["x"] },
        "post": { "operationId": "findA", "x-gloveport-effect": "read", "x-gloveport-deferred": true },
        "delete": { "operationId": "dropA", "servers": [{ "url": "https://b.example/v2" }] } } } });
    let import = |options: Value| import_document(&document.to_string(), &options.to_string()).unwrap();
    let all = import(json!({ "name": "api", "requires_approval": true,
        "operations": { "listA": { "deferred": true, "name": "all", "effect": "write" }, "POST /a": { "requires_approval": true } } }));
    let told: Vec<_> = all.tools.iter().map(|tool| (tool.name.as_str(), tool.effect, tool.deferred)).collect();
    assert_eq!(
        told,
        [("api_all", Effect::Write, true), ("api_find_a", Effect::Read, true), ("api_drop_a", Effect::Destroy, false)]
    );
    assert_eq!(all.approvals, ["api_all", "api_find_a", "api_drop_a"]);
    assert_eq!(all.tools[2].routes[0].host.as_deref(), Some("b.example"));
    assert_eq!(all.tools[2].routes[0].path, "/v2/a");
    assert!(all.hosts.contains("b.example"));
    let some = import(
        json!({ "name": "api", "include": { "tags": ["x"] }, "base_url": "https://c.example/base", "headers": { "X-Tenant": "t" } }),
    );
    assert_eq!((some.tools.len(), some.filtered, some.base_url.as_str()), (1, 2, "https://c.example/base"));
    assert_eq!(sent(&some, &json!({})).unwrap().headers, [("x-tenant".to_owned(), "t".to_owned())]);
    let moved = import(json!({ "name": "api", "base_url": "https://c.example" }));
    assert!(moved.hosts.iter().all(|host| host == "c.example"), "{:?}", moved.hosts);
}

#[test]
fn security_schemes_become_auth_patterns() {
    let schemes = json!({
        "Key": { "type": "apiKey", "in": "query", "name": "key" },
        "basic": { "type": "http", "scheme": "Basic" },
        "bearer": { "type": "http", "scheme": "bearer" },
        "digest": { "type": "http", "scheme": "digest" },
        "mtls": { "type": "mutualTLS" },
        "oidc": { "type": "openIdConnect", "openIdConnectUrl": "https://e.example" },
        "oauth": { "type": "oauth2", "flows": { "authorizationCode": { "authorizationUrl": "https://e.example/a",
            "tokenUrl": "https://e.example/t", "scopes": { "read": "", "write": "" } },
            "clientCredentials": { "tokenUrl": "https://e.example/t", "scopes": {} } } },
        "implicit": { "type": "oauth2", "flows": { "implicit": { "authorizationUrl": "https://e.example/a", "scopes": {} } } },
    });
    let mut document = with_operation(
        "get",
        "/x",
        &json!({ "security": [{ "oauth": ["read"] }, { "oauth": ["read", "write"] }, { "Key": [] }],
        "parameters": [{ "name": "KEY", "in": "query", "required": true, "schema": {} }] }),
    );
    document["components"] = json!({ "securitySchemes": schemes });
    let imported = imported(&document);
    let told: Vec<String> = imported
        .auth
        .iter()
        .map(|one| format!("{}:{}", one["name"].as_str().unwrap(), one["type"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            "key:api_key",
            "basic:basic",
            "bearer:bearer",
            "implicit:bearer",
            "oauth:oauth2",
            "oauth_client:oauth2_client_credentials",
            "oidc:bearer"
        ]
    );
    assert_eq!(imported.tools[0].scopes, ["read"]);
    assert_eq!(schema(&imported)["properties"], json!({}));
    for reason in ["mutual TLS", "`digest` is not offered", "none of its flows", "OpenID Connect"] {
        assert!(imported.warnings.iter().any(|warning| warning.contains(reason)), "{reason}: {:?}", imported.warnings);
    }
}

/// HA-03: the same tools from JSON and YAML; webhooks and callbacks are no tools.
#[test]
fn json_and_yaml_are_the_same_document() {
    let yaml = "openapi: 3.1.0\ninfo: {title: T, version: 1.0.0}\nservers: [{url: 'https://api.example.com'}]\n\
        webhooks: {w: {post: {operationId: w}}}\npaths:\n  /a:\n    get:\n      operationId: a\n      responses:\n        200: {description: ok}\n      \
        callbacks: {c: {'{$request.body}': {post: {}}}}\n";
    let options = json!({ "name": "api" }).to_string();
    let of_yaml = import_document(yaml, &options).unwrap();
    let json = crate::reader::read(yaml).unwrap().to_string();
    assert_eq!(of_yaml.tools, import_document(&json, &options).unwrap().tools);
    assert_eq!(of_yaml.tools.len(), 1);
    for (document, options, reason) in [
        ("swagger: '2.0'\npaths: {}", "{\"name\":\"api\"}", "Swagger 2.0"),
        (yaml, "{\"nam\":\"api\"}", "unknown field `nam`"),
        ("hello", "{}", "not an OpenAPI document"),
    ] {
        assert!(import_document(document, options).err().unwrap().contains(reason), "{reason}");
    }
}
