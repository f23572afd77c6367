//! Declared operations.

use gloveport_sdk::fake_host::Body as Sent;
use serde_json::{Value, json};

use super::*;

fn slack() -> Value {
    json!({ "name": "api", "baseUrl": "https://slack.example/api", "auth": { "type": "bearer" },
        "response": { "error": { "when": "/ok", "equals": false, "code": "/error", "authCodes": ["invalid_auth"],
            "notFoundCodes": ["channel_not_found"], "rateLimitCodes": ["ratelimited"] } },
        "operations": [
            { "name": "listMessages", "method": "get", "path": "/conversations.history", "effect": "read",
                "parameters": { "properties": { "channel": { "type": "string" }, "cursor": { "type": "string" } }, "required": ["channel"] },
                "query": { "limit": "20" },
                "response": { "pick": "/messages", "paging": { "next": "/response_metadata/next_cursor", "input": "cursor" } } },
            { "name": "post", "method": "POST", "path": "/chat.postMessage", "requiresApproval": true,
                "parameters": { "properties": { "channel": { "type": "string" }, "text": { "type": "string" } } },
                "body": { "channel": "{{channel}}", "blocks": [{ "type": "section", "text": "<{{text}}>" }] } },
        ] })
}

/// SI-09, SI-14, SI-16
#[test]
fn declared_operations_are_tools_like_any_other() {
    let imported = imported(&slack());
    let told: Vec<_> = imported.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(told, ["api_list_messages", "api_post"]);
    assert_eq!(imported.auth[0]["type"], "bearer");
    assert_eq!(imported.approvals, ["api_post"]);
    let schema: Value = serde_json::from_str(&imported.tools[0].input_schema).unwrap();
    assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)));
    let page = json!({ "ok": true, "messages": [1], "response_metadata": { "next_cursor": "c" } });
    let found = answered(
        &imported,
        "/conversations.history?limit=20&channel=C1",
        &json!({ "channel": "C1" }),
        Reply::json(200, page),
    );
    assert_eq!(found, Ok(json!({ "items": [1], "next": "c" })));
    let last = json!({ "ok": true, "messages": [], "response_metadata": { "next_cursor": "" } });
    let found = answered(
        &imported,
        "/conversations.history?limit=20&channel=C1&cursor=c",
        &json!({ "channel": "C1", "cursor": "c" }),
        Reply::json(200, last),
    );
    assert_eq!(found, Ok(json!({ "items": [], "next": null })));
    let only_post = super::imported(&{
        let mut slack = slack();
        slack["operations"].as_array_mut().unwrap().remove(0);
        slack
    });
    let request = sent(&only_post, &json!({ "channel": "C1", "text": "hi" })).unwrap();
    assert_eq!(request.body, Sent::Json(r#"{"blocks":[{"text":"<hi>","type":"section"}],"channel":"C1"}"#.into()));
}

/// CX-25, AK-851
#[test]
fn a_good_status_can_be_an_error() {
    let imported = imported(&slack());
    for (code, expected) in [
        ("invalid_auth", Failure::auth_required("invalid_auth")),
        ("channel_not_found", Failure::not_found("channel_not_found")),
        ("ratelimited", Failure::rate_limited(None, "ratelimited")),
        ("odd", Failure::upstream(200, Some("odd".into()), "odd")),
    ] {
        let mut only = slack();
        only["operations"][0]["response"] = Value::Null;
        let imported_only = super::imported(&only);
        let target = "/conversations.history?limit=20&channel=C1";
        let reply = Reply::json(200, json!({ "ok": false, "error": code }));
        assert_eq!(answered(&imported_only, target, &json!({ "channel": "C1" }), reply), Err(expected));
    }
    drop(imported);
}

/// CX-33
#[test]
fn a_declaration_may_say_what_a_catalogue_asks() {
    let mut declaration = slack();
    declaration["categories"] = json!(["Communication"]);
    declaration["documentUrl"] = json!("https://slack.example/openapi.json");
    declaration["test"] = json!({ "operation": "listMessages", "input": { "channelId": "C1" } });
    let found = imported(&declaration);
    assert_eq!(found.categories, ["Communication"]);
    assert_eq!(found.document_url.as_deref(), Some("https://slack.example/openapi.json"));
    // What somebody else named stays as it is.
    assert_eq!(found.test, Some(json!({ "tool": "api_list_messages", "input": { "channelId": "C1" } })));
    assert_eq!(imported(&slack()).test, None);
    for (test, reason) in [
        (json!({ "operation": "nothing" }), "`nothing` is none of its operations"),
        (json!({ "operation": "post" }), "`post` does not only read"),
        (json!({ "operation": "post", "imput": {} }), "unknown field `imput`"),
        (json!({ "input": {} }), "missing field `operation`"),
    ] {
        declaration["test"] = test;
        let refused = import_document(&declaration.to_string(), r#"{"name":"api"}"#).err().unwrap_or_default();
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
}

#[test]
fn what_is_wrong_with_a_declaration_is_told() {
    for (change, reason) in [
        (json!({ "method": "TRACE" }), "TRACE"),
        (json!({ "path": "/a/{b}" }), "`b` is used, but is not among"),
        (json!({ "body": "{{nothing}}" }), "`nothing` is used"),
        (json!({ "body": {} }), "is used nowhere"),
        (json!({ "form": {}, "body": {} }), "both a body and a form"),
        (json!({ "query": { "q": "x{{channel}}" } }), "mixes text"),
        (json!({ "parameters": [] }), "not a JSON Schema"),
        (json!({ "parameters": { "type": "array" } }), "of an object"),
        (json!({ "effect": "none" }), "effect `none`"),
        (json!({ "pathh": "x" }), "unknown field `pathh`"),
        (json!({ "path": "https://{x}.example/a" }), "host of its URL"),
        (json!({ "name": "list_messages" }), "another one"),
    ] {
        let mut declaration = slack();
        for (key, value) in change.as_object().unwrap() {
            declaration["operations"][1][key] = value.clone();
        }
        let refused = import_document(&declaration.to_string(), r#"{"name":"api"}"#).err().unwrap_or_default();
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
}
