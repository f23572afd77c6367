//! What becomes of a server's tools: names, effects, schemas and bindings.

use gloveport_sdk::__private::bindings::gloveport::connector::types::Effect;
use serde_json::{Value, json};

use crate::{Binding, Imported, import_document};

fn document(tools: Value) -> Value {
    json!({ "title": null, "description": null, "origin": "https://mcp.example.com", "host": "mcp.example.com",
        "path": "/v1/mcp?profile=a", "auth": [{ "name": "none", "title": "None", "type": "none" }],
        "found": { "revision": "2026-07-28", "session": false, "instructions": "",
            "server": { "name": "weather", "title": "Weather", "version": "3.1" }, "tools": tools } })
}

fn imported(tools: Value, more: Value) -> Imported {
    let mut options = json!({ "name": "api" });
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    import_document(&document(tools).to_string(), &options.to_string()).unwrap()
}

/// AK-808, CX-36: the connector's name before, the server's name in the binding, and one tool that asks anew.
#[test]
fn a_server_becomes_a_connector() {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string", "x-mcp-header": "City" } } });
    let tools = json!([{ "name": "get-forecast", "description": "Tells.", "inputSchema": schema,
        "outputSchema": { "type": "array" }, "annotations": { "readOnlyHint": true, "title": "Forecast" } }]);
    let imported = imported(tools, json!({}));
    assert_eq!((imported.title.as_str(), imported.version.as_str()), ("Weather", "3.1"));
    assert_eq!(imported.operations, ["tools/list", "get-forecast"]);
    assert_eq!(imported.test, Some(json!({ "tool": "api_mcp_discover", "input": {} })));
    let [discovery, tool] = &imported.tools[..] else { panic!() };
    assert!(discovery.deferred && discovery.effect == Effect::Read);
    assert_eq!((tool.name.as_str(), tool.title.as_str()), ("api_get_forecast", "Forecast"));
    // What a server says of itself does not make a tool harmless.
    assert_eq!((tool.effect, &tool.tags[..]), (Effect::Write, &["mcp".to_owned(), "hint:read-only".to_owned()][..]));
    let routes: Vec<_> = tool.routes.iter().map(|route| (route.method.as_str(), route.path.as_str())).collect();
    assert_eq!(routes, [("POST", "/v1/mcp"), ("DELETE", "/v1/mcp")]);
    let binding: Binding = serde_json::from_str(tool.binding.as_deref().unwrap()).unwrap();
    let Binding::Call(call) = binding else { panic!() };
    assert_eq!((call.tool.as_str(), call.structured), ("get-forecast", true));
    // What is behind the `?` is sent, and no part of a route.
    assert_eq!(call.path, "/v1/mcp?profile=a");
    assert_eq!(call.headers, [("/city".to_owned(), "mcp-param-city".to_owned())]);
}

#[test]
fn what_the_operator_says_counts() {
    let tools = json!([{ "name": "a" }, { "name": "b" }, { "name": "c", "annotations": { "destructiveHint": true } }]);
    let said = json!({ "requires_approval": true, "deferred": true, "operations": {
        "a": { "effect": "read", "name": "look", "title": "Look", "description": "Looks.", "deferred": false },
        "b": { "skip": true }, "gone": { "effect": "read" } } });
    let imported = imported(tools, said);
    let [_, a, c] = &imported.tools[..] else { panic!() };
    assert_eq!((a.name.as_str(), a.description.as_str(), a.effect), ("api_look", "Looks.", Effect::Read));
    assert!(!a.deferred && c.deferred && c.effect == Effect::Write);
    assert_eq!(imported.approvals, ["api_c"]);
    assert_eq!(imported.filtered, 1);
    assert!(imported.warnings[0].contains("gone"));
    let wrong = import_document(&document(json!([])).to_string(), r#"{"name":"api","effects":{}}"#);
    assert!(wrong.unwrap_err().contains("effects"));
}

/// A tool that cannot be used is left out with a reason, and the others are there.
#[test]
fn odd_tools_are_left_out() {
    let deep = (0..80).fold(json!({}), |inner, _| json!({ "not": inner }));
    for (tool, said) in [
        (json!({ "name": "" }), "name"),
        (json!({}), "name"),
        (json!({ "name": "x".repeat(129) }), "name"),
        (json!({ "name": "tools/list" }), "name"),
        (json!({ "name": "a\nb" }), "name"),
        (json!({ "name": "a\u{202e}b" }), "name"),
        (json!({ "name": "a", "inputSchema": true }), "input schema"),
        (json!({ "name": "a", "inputSchema": { "description": "x".repeat(10), "not": deep } }), "nested"),
        (json!({ "name": "a", "inputSchema": { "enum": ["x".repeat(300 << 10)] } }), "bytes"),
        (json!({ "name": "a", "outputSchema": 7 }), "output schema"),
        (json!({ "name": "a", "inputSchema": { "properties": { "p": { "x-mcp-header": "" } } } }), "header"),
    ] {
        let imported = imported(json!([tool, { "name": "good" }]), json!({}));
        assert_eq!(imported.tools.len(), 2, "{said}");
        assert!(imported.skipped[0].1.contains(said), "{:?}", imported.skipped);
    }
}

/// What no reader sees is not told to a model: neither in a description nor in a schema's.
#[test]
fn hidden_words_do_not_come_along() {
    let hidden = "Adds.\u{e0049}\u{e0067}\u{200b}";
    let schema = json!({ "properties": { "a": { "type": "string", "description": hidden, "enum": ["\u{200b}"] } } });
    let imported = imported(json!([{ "name": "a", "description": hidden, "inputSchema": schema }]), json!({}));
    assert_eq!(imported.tools[1].description, "Adds.");
    let schema: Value = serde_json::from_str(&imported.tools[1].input_schema).unwrap();
    assert_eq!(schema["properties"]["a"], json!({ "type": "string", "description": "Adds.", "enum": ["\u{200b}"] }));
    assert_eq!(schema["type"], "object");
}

#[test]
fn a_server_that_was_not_asked_yet_has_one_tool() {
    let mut document = document(json!([]));
    document["found"] = Value::Null;
    let imported = import_document(&document.to_string(), r#"{"name":"api"}"#).unwrap();
    assert_eq!(imported.tools.len(), 1);
    assert_eq!(imported.description, "The MCP server at mcp.example.com.");
}
