//! What is no connector is refused with the reason, and leaves nothing behind.

use gloveport_tests::host::TestHost;
use serde_json::{Value, json};

use super::documented::Document;
use super::wasm::{in_version, probe, replaced, with_manifest, with_section, without_manifest};

/// A component with nothing in it.
const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A core module with nothing in it.
const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Bytes that are no connector, and a part of the reason.
fn refused() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let probe = probe();
    vec![
        ("nothing", Vec::new(), "not WebAssembly"),
        ("text", b"hello".to_vec(), "not WebAssembly"),
        ("zeros", vec![0; 10_000], "not WebAssembly"),
        ("the magic number alone", b"\0asm".to_vec(), "not"),
        ("half of it", probe[..probe.len() / 2].to_vec(), "not a valid component"),
        ("all but a byte", probe[..probe.len() - 1].to_vec(), "not a valid component"),
        ("bytes behind it", [&probe[..], b"\xff\xff\xff"].concat(), "not a valid component"),
        ("a core module", EMPTY_MODULE.to_vec(), "core module"),
        ("an empty component", EMPTY_COMPONENT.to_vec(), "world"),
        ("an empty component with a manifest", with_section(EMPTY_COMPONENT.to_vec(), b"{}"), "world"),
        ("another interface", replaced("gloveport:connector/http", "gloveport:connector/smtp"), "smtp"),
        ("another package", replaced("gloveport:connector/", "gloveport:konnector/"), "konnector"),
        ("another version", replaced("@0.1.0", "@0.9.0"), "0.9.0"),
        ("no manifest", without_manifest(), "no `gloveport:manifest`"),
        ("two manifests", with_section(probe, b"{}"), "more than one"),
        ("a manifest that is no JSON", with_section(without_manifest(), b"{"), "manifest"),
        ("a manifest that is a list", with_section(without_manifest(), b"[]"), "manifest"),
        ("a manifest that is not UTF-8", with_section(without_manifest(), b"\xff"), "UTF-8"),
        ("a manifest of a megabyte", with_section(without_manifest(), &vec![b' '; 1 << 20]), "longer than"),
    ]
}

/// Changes of a manifest that make it invalid, and a part of the reason.
fn manifests() -> Vec<(&'static str, Value, &'static str)> {
    let none = json!({ "name": "none", "title": "None", "type": "none" });
    let pattern = |change: Value| json!([merged(&none, &change)]);
    vec![
        ("/manifest", json!(2), "format 2"),
        ("/manifest", json!("1"), "manifest"),
        ("/name", json!("Probe"), "not a valid name"),
        ("/name", json!("../probe"), "not a valid name"),
        ("/name", json!("p".repeat(33)), "not a valid name"),
        ("/name", json!("other"), "must begin with `other_`"),
        ("/version", json!(""), "must not be empty"),
        ("/version", json!(1), "manifest"),
        ("/title", Value::Null, "manifest"),
        ("/description", json!(""), "must not be empty"),
        ("/imports", json!(["http", "filesystem"]), "`filesystem` is not offered"),
        ("/imports", json!([]), "import"),
        ("/hosts", json!(["https://api.probe.test"]), "is not a template"),
        ("/hosts", json!(["api.probe.test/x"]), "api.probe.test/x"),
        ("/hosts", json!(["*"]), "`*`"),
        ("/hosts", json!([]), "does not name"),
        ("/base_url", json!("ftp://api.probe.test"), "base_url"),
        ("/base_url", json!("https://user@api.probe.test"), "base_url"),
        ("/base_url", json!(""), "base_url"),
        ("/auth", json!([]), "at least one auth pattern"),
        ("/auth", json!([none, none]), "must differ"),
        ("/auth", pattern(json!({ "type": "telepathy" })), "`telepathy` is not known"),
        ("/auth", pattern(json!({ "type": "bearer" })), "`field` is missing"),
        ("/auth", pattern(json!({ "type": "bearer", "field": "x" })), "not among its fields"),
        ("/auth", pattern(json!({ "type": "api_key", "in": "body" })), "`field` is missing"),
        ("/auth", pattern(json!({ "fields": [{ "name": "x", "label": "X", "type": "date" }] })), "neither text nor"),
        ("/auth", pattern(json!({ "fields": [{ "name": "X", "label": "X", "type": "text" }] })), "not a valid name"),
        ("/test", json!({ "tool": "probe_nothing", "input": {} }), "no such tool"),
        ("/test", json!({ "tool": "probe_fetch", "input": { "target": "/" } }), "must only read"),
        ("/test", json!({ "tool": "probe_fetch_read", "input": {} }), "schema"),
    ]
}

/// Lesson 12, and "bad input at every route": 422 that names the author, with the reason; nothing is listed after.
#[tokio::test]
async fn what_is_no_connector_is_refused_with_the_reason() {
    let host = TestHost::start().await;
    let document = Document::of(host.client()).await;
    let mut cases = refused();
    for (pointer, value, reason) in manifests() {
        let component = with_manifest(|manifest| *manifest.pointer_mut(pointer).unwrap() = value);
        cases.push((pointer, component, reason));
    }
    for (what, component, reason) in cases {
        let headers = [("content-type", "application/wasm")];
        let answer = host.client().send("POST", "/v1/connectors", &headers, component).await;
        assert_eq!(answer.status, 422, "{what}: {answer:?}");
        let problem = answer.json();
        assert_eq!((&problem["code"], &problem["culprit"]), (&json!("invalid_input"), &json!("guest")), "{what}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(reason), "{what}: {detail}");
    }
    assert_eq!(host.client().get("/v1/connectors").await.expect(200)["total_size"], 0);
    assert_eq!(host.client().get("/v1/tools").await.expect(200)["total_size"], 0);
    document.check_all(&host.client().answers());
}

/// The imports that the operator grants bound what the component may have; names that are none are errors.
#[tokio::test]
async fn imports_are_granted_or_the_component_is_refused() {
    let host = TestHost::start().await;
    let install = async |query: &str| {
        let headers = [("content-type", "application/wasm")];
        host.client().send("POST", &format!("/v1/connectors{query}"), &headers, probe()).await
    };
    for (query, status) in [
        ("?imports=http", 422),
        ("?imports=", 422),
        ("?imports=http,account,log,clock,random,progress,tools", 422),
        ("?imports=http,account,log,clock,random,progress,dreams", 400),
        ("?imports=filesystem", 400),
        ("?imports=http&imports=log", 400),
        ("?import=http", 400),
    ] {
        install(query).await.problem(status);
    }
    let made = install("?imports=http,account,log,clock,random,progress").await.expect(201);
    assert_eq!(made["imports"], json!(["http", "account", "log", "clock", "random", "progress"]));
}

/// SI-01: the same version with other bytes is a conflict; a new version is not.
#[tokio::test]
async fn a_version_stands_for_its_bytes() {
    let host = TestHost::start().await;
    let install = async |component: Vec<u8>| {
        host.client().send("POST", "/v1/connectors", &[("content-type", "application/wasm")], component).await
    };
    let first = install(probe()).await.expect(201);
    assert_eq!(install(probe()).await.expect(200)["digest"], first["digest"]);
    let other = with_manifest(|manifest| manifest["title"] = "Another".into());
    assert_eq!(install(other).await.problem(409), "conflict");
    assert_eq!(host.client().get("/v1/connectors/probe").await.expect(200)["title"], "Probe");
    let second = install(in_version("0.2.0")).await.expect(201);
    assert_ne!(second["digest"], first["digest"]);
    let shown = host.client().get("/v1/connectors/probe").await.expect(200);
    assert_eq!(shown["version"], "0.2.0");
    assert_eq!(shown["versions"].as_array().unwrap().len(), 2, "{shown}");
    // Going back to an earlier version is an installation of the same bytes.
    assert_eq!(install(probe()).await.expect(200)["version"], "0.1.0");
    assert_eq!(host.client().get("/v1/connectors/probe").await.expect(200)["version"], "0.1.0");
}

/// The second object's members over the first's.
fn merged(base: &Value, over: &Value) -> Value {
    let mut merged = base.clone();
    for (name, value) in over.as_object().unwrap() {
        merged[name] = value.clone();
    }
    merged
}
