//! Prompts and resources: how they are found, what a manifest says of them, and what getting one sends.

use gloveport_sdk::Failure;
use gloveport_sdk::fake_host::{FakeHost, Reply};
use serde_json::{Value, json};

use super::{body, error, header, result};
use crate::{Binding, Imported, call, import_document};

fn imported(found: &Value, options: &Value) -> Imported {
    let mut whole =
        json!({ "revision": "2026-07-28", "session": false, "instructions": "", "server": {}, "tools": [] });
    whole.as_object_mut().unwrap().extend(found.as_object().unwrap().clone());
    let document = json!({ "title": null, "description": null, "origin": "https://mcp.example.com",
        "host": "mcp.example.com", "path": "/mcp", "auth": [], "found": whole });
    import_document(&document.to_string(), &options.to_string()).unwrap()
}

/// Each list is asked for where the server says that it has it, page by page, in one order, without what nobody goes by.
#[test]
fn lists_are_read_where_there_are_any() {
    let began = json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "prompts": {}, "resources": {} } });
    let prompt = |name: &str| json!({ "name": name, "icons": [], "_meta": {} });
    let template = json!({ "uriTemplate": "x:{a}", "name": "X" });
    let replies = [
        result(1, began),
        result(2, json!({ "tools": [] })),
        result(3, json!({ "prompts": [prompt("b"), { "title": "no name" }], "nextCursor": "n" })),
        result(4, json!({ "prompts": [prompt("a")] })),
        result(
            5,
            json!({ "resources": (0..1_002).map(|n| json!({ "uri": format!("x:{n:04}") })).collect::<Vec<_>>() }),
        ),
        result(6, json!({ "resourceTemplates": [template] })),
    ];
    let host =
        replies.into_iter().fold(FakeHost::new(), |host, reply| host.on("POST", "/mcp", Reply::json(200, reply)));
    let found = host.run(|| call(Some(r#"{"kind":"discover","path":"/mcp"}"#), "{}")).unwrap();
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["prompts"], json!([{ "name": "a" }, { "name": "b" }]));
    assert_eq!((found["resources"].as_array().unwrap().len(), &found["more"]), (1_000, &json!(["resources"])));
    assert_eq!(found["resourceTemplates"], json!([template]));
    let methods: Vec<_> = host.requests().iter().map(|request| body(request)["method"].clone()).collect();
    assert_eq!(methods[2..], ["prompts/list", "prompts/list", "resources/list", "resources/templates/list"]);
}

/// The tools that get them, and what a manifest says: names of the connector's, and no more of a URI than URIs have.
#[test]
fn a_manifest_says_what_there_is() {
    let found = json!({ "prompts": [{ "name": "code-review", "description": "Reviews.\u{200b}",
            "arguments": [{ "name": "code", "required": true }] }],
        "resources": [{ "uri": "file:///a", "name": "A", "mimeType": "text/plain" }, { "uri": "x y", "name": "B" }],
        "resourceTemplates": [{ "uriTemplate": "file:///{id}/b{?q}", "name": "C" }], "more": ["resources"] });
    let imported = imported(&found, &json!({ "name": "api" }));
    assert_eq!(imported.operations, ["tools/list", "prompts/get", "resources/read"]);
    let offers = imported.offers.unwrap();
    let prompt = json!({ "name": "api_code_review", "input_name": "code-review", "description": "Reviews.",
        "arguments": [{ "name": "code", "required": true }] });
    assert_eq!(offers["prompts"], json!({ "tool": "api_prompts_get", "list": [prompt] }));
    let (one, many) = (&offers["resources"]["list"], &offers["resources"]["templates"]);
    assert_eq!(one, &json!([{ "uri": "file:///a", "name": "A", "mimeType": "text/plain" }]));
    assert_eq!(many[0]["uriTemplate"], "file:///{id}/b{?q}");
    assert_eq!(imported.skipped.len(), 1);
    assert!(imported.warnings[0].contains("more resources"));
    let [_, get, read] = &imported.tools[..] else { panic!() };
    assert!(get.deferred && read.deferred);
    let schema: Value = serde_json::from_str(&get.input_schema).unwrap();
    assert_eq!(schema["properties"]["name"]["enum"], json!(["code-review"]));
    let schema: Value = serde_json::from_str(&read.input_schema).unwrap();
    let pattern = r"^(file\x3a\x2f\x2f\x2f[^/?#]+\x2fb.*)$";
    assert_eq!(schema["properties"]["uri"]["anyOf"], json!([{ "enum": ["file:///a"] }, { "pattern": pattern }]));
    let binding: Binding = serde_json::from_str(read.binding.as_deref().unwrap()).unwrap();
    assert!(matches!(binding, Binding::Resource(server) if server.path == "/mcp" && server.revision == "2026-07-28"));
}

#[test]
fn what_is_left_out_is_not_in_the_manifest() {
    let found = json!({ "prompts": [{ "name": "a" }] });
    assert_eq!(imported(&json!({}), &json!({ "name": "api" })).offers, None);
    let skipped = imported(&found, &json!({ "name": "api", "operations": { "prompts/get": { "skip": true } } }));
    assert_eq!((skipped.offers, skipped.filtered, skipped.tools.len()), (None, 1, 1));
    // A tool of the server's keeps its own name, and so does this one.
    let tools =
        json!({ "prompts": [{ "name": "a" }], "tools": [{ "name": "prompts_get" }, { "name": "prompts/get" }] });
    let contested = imported(&tools, &json!({ "name": "api", "known_names": { "prompts_get": "api_prompts_get" } }));
    let names: Vec<&str> = contested.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names[..2], ["api_mcp_discover", "api_prompts_get"]);
    assert!(names[2].starts_with("api_prompts_get_") && contested.offers.unwrap()["prompts"]["tool"] == names[2]);
    assert_eq!(contested.skipped[0].0, "prompts/get");
}

/// What is asked for is in the headers too, and what comes is what the protocol's result has.
#[test]
fn getting_one_is_one_request() {
    let binding = |kind: &str| json!({ "kind": kind, "path": "/mcp", "revision": "2026-07-28" }).to_string();
    let said = json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": "Hi" } }], "ttlMs": 5 });
    let host = FakeHost::new().on("POST", "/mcp", Reply::json(200, result(1, said.clone())));
    let output = host.run(|| call(Some(&binding("prompt")), r#"{"name":"wörld","arguments":{"a":"b"}}"#)).unwrap();
    let output: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(output, json!({ "description": null, "messages": said["messages"] }));
    let [request] = &host.requests()[..] else { panic!() };
    assert_eq!(
        (header(request, "mcp-method"), header(request, "mcp-name")),
        (Some("prompts/get"), Some("=?base64?d8O2cmxk?="))
    );
    assert_eq!(body(request)["params"]["arguments"], json!({ "a": "b" }));
    let host = FakeHost::new().on("POST", "/mcp", Reply::json(200, result(1, json!({ "contents": [] }))));
    let output = host.run(|| call(Some(&binding("resource")), r#"{"uri":"file:///a"}"#)).unwrap();
    assert_eq!(output, r#"{"contents":[]}"#);
    assert_eq!(header(&host.requests()[0], "mcp-name"), Some("file:///a"));
    for (reply, expected) in [
        (error(json!(1), -32002, "gone"), "NotFound"),
        (error(json!(1), -32602, "no"), "InvalidInput"),
        (result(1, json!({ "messages": [] })), "no resource"),
        (result(1, json!({ "resultType": "input_required" })), "asks its user"),
    ] {
        let host = FakeHost::new().on("POST", "/mcp", Reply::json(200, reply));
        let failure: Failure = host.run(|| call(Some(&binding("resource")), r#"{"uri":"file:///a"}"#)).unwrap_err();
        assert!(format!("{failure:?}").contains(expected), "{expected}: {failure:?}");
    }
}
