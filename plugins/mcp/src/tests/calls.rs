//! Calls of tools in both eras, and what becomes of each kind of answer.

use gloveport_sdk::Failure;
use gloveport_sdk::fake_host::{FakeHost, Reply};
use gloveport_sdk::http::Error;
use serde_json::{Value, json};

use super::{body, error, header, result};
use crate::call;

fn binding(revision: &str, more: Value) -> String {
    let mut binding = json!({ "kind": "call", "tool": "get-wörld", "path": "/mcp", "revision": revision });
    binding.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    binding.to_string()
}

fn called(reply: Reply) -> Result<Value, Failure> {
    let host = FakeHost::new().on("POST", "/mcp", reply);
    let output = host.run(|| call(Some(&binding("2026-07-28", json!({}))), r#"{"a":1}"#))?;
    Ok(serde_json::from_str(&output).unwrap())
}

/// AK-808: each request stands by itself, and says in headers what it is about.
#[test]
fn a_modern_call_is_one_request() {
    let content = json!({ "resultType": "complete", "content": [{ "type": "text", "text": "hello" }] });
    let host = FakeHost::new().on("POST", "/mcp", Reply::json(200, result(1, content)));
    let binding = binding("2026-07-28", json!({ "headers": [["/region", "mcp-param-region"]] }));
    let output = host.run(|| call(Some(&binding), r#"{"region":"eu","big":12345678901234567890123}"#)).unwrap();
    assert_eq!(output, r#"{"content":[{"text":"hello","type":"text"}]}"#);
    let [request] = &host.requests()[..] else { panic!() };
    assert_eq!(header(request, "mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!(header(request, "mcp-method"), Some("tools/call"));
    assert_eq!(header(request, "mcp-name"), Some("=?base64?Z2V0LXfDtnJsZA==?="));
    assert_eq!(header(request, "mcp-param-region"), Some("eu"));
    assert_eq!(header(request, "accept"), Some("application/json, text/event-stream"));
    assert_eq!(header(request, "mcp-session-id"), None);
    let sent = body(request);
    assert_eq!((&sent["method"], &sent["params"]["name"]), (&json!("tools/call"), &json!("get-wörld")));
    assert_eq!(sent["params"]["arguments"].to_string(), r#"{"big":12345678901234567890123,"region":"eu"}"#);
    let meta = &sent["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({}));
}

/// A server that keeps sessions gets one for each call, which ends with it.
#[test]
fn a_call_of_the_older_era_has_a_session() {
    let began = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": { "name": "s" } });
    let host = FakeHost::new()
        .on("POST", "/mcp", Reply::json(200, result(1, began)).header("Mcp-Session-Id", "s-7"))
        .on("POST", "/mcp", Reply::bytes(202, ""))
        .on("POST", "/mcp", Reply::json(200, result(2, json!({ "content": [] }))))
        .on("DELETE", "/mcp", Reply::bytes(405, ""));
    let output = host.run(|| call(Some(&binding("2025-06-18", json!({ "session": true }))), "{}")).unwrap();
    assert_eq!(output, r#"{"content":[]}"#);
    let requests = host.requests();
    let methods: Vec<_> = requests.iter().take(3).map(|request| body(request)["method"].clone()).collect();
    assert_eq!(methods, ["initialize", "notifications/initialized", "tools/call"]);
    assert_eq!(body(&requests[1]).get("id"), None);
    assert_eq!(body(&requests[2])["params"].get("_meta"), None);
    assert_eq!((header(&requests[0], "mcp-session-id"), header(&requests[0], "mcp-protocol-version")), (None, None));
    for request in &requests[1..] {
        assert_eq!(header(request, "mcp-session-id"), Some("s-7"));
        assert_eq!(header(request, "mcp-protocol-version"), Some("2025-06-18"));
        assert_eq!(header(request, "mcp-method"), None);
    }
    assert_eq!(requests.len(), 4);
}

/// A server that keeps none takes the call alone, until it keeps them.
#[test]
fn a_session_is_begun_where_one_is_wanted_now() {
    let began = json!({ "protocolVersion": "2025-11-25", "capabilities": {} });
    for (refusal, status) in [(error(Value::Null, -32000, "no session"), 400), (json!("no session"), 404)] {
        let host = FakeHost::new()
            .on("POST", "/mcp", Reply::json(status, refusal))
            .on("POST", "/mcp", Reply::json(200, result(1, began.clone())).header("mcp-session-id", "s"))
            .on("POST", "/mcp", Reply::bytes(202, ""))
            .on("POST", "/mcp", Reply::json(200, result(2, json!({ "content": [] }))))
            .on("DELETE", "/mcp", Reply::bytes(200, ""));
        assert!(host.run(|| call(Some(&binding("2025-11-25", json!({}))), "{}")).is_ok(), "{status}");
        assert_eq!(host.requests().len(), 5);
    }
    let host = FakeHost::new().on("POST", "/mcp", Reply::json(200, result(1, json!({ "content": [] }))));
    assert!(host.run(|| call(Some(&binding("2025-11-25", json!({}))), "{}")).is_ok());
    assert_eq!(host.requests().len(), 1);
}

#[test]
fn answers_come_in_streams_too() {
    let stream = |text: &str| Reply::bytes(200, text).header("content-type", "text/event-stream; charset=utf-8");
    let answer = result(1, json!({ "content": [] })).to_string();
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}"#;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let whole = format!("id: 0\ndata:\n\ndata: {progress}\n\ndata: {ping}\n\nevent: message\ndata: {answer}\n\n");
    assert_eq!(called(stream(&whole)).unwrap(), json!({ "content": [] }));
    // What came before the cut is whole.
    assert_eq!(called(stream(&format!("{whole}data: {{\"x")).truncated()).unwrap(), json!({ "content": [] }));
    for (broken, said) in [
        (stream(&whole[..whole.len() - 4]), "no answer of the protocol"),
        (stream(&whole[..whole.len() - 4]).truncated(), "longer than the host lets through"),
        (stream("data: {}\n\n"), "no answer of the protocol"),
        (stream(&format!("data: {}\n\n", result(2, json!({})))), "no answer of the protocol"),
        (stream(""), "no answer of the protocol"),
    ] {
        let Err(Failure::Upstream(error)) = called(broken) else { panic!("{said}") };
        assert!(error.message.contains(said), "{}", error.message);
    }
}

/// A server that said no, and then began no session, meant the call: it is not made a second time.
#[test]
fn a_refused_call_is_made_once() {
    let began = || Reply::json(200, result(1, json!({ "protocolVersion": "2025-06-18", "capabilities": {} })));
    for refusal in [
        Reply::text(404, "no such page"),
        Reply::text(400, "bad request"),
        Reply::json(400, error(json!(1), -32602, "`a` must be a text")),
    ] {
        let host = FakeHost::new().on("POST", "/mcp", refusal.clone()).on("POST", "/mcp", began()).on(
            "POST",
            "/mcp",
            Reply::bytes(202, ""),
        );
        assert!(host.run(|| call(Some(&binding("2025-06-18", json!({}))), "{}")).is_err());
        let methods: Vec<_> = host.requests().iter().map(|request| body(request)["method"].clone()).collect();
        assert_eq!(methods, ["tools/call", "initialize", "notifications/initialized"]);
        // One that does begin a session refused before it looked at the call.
        let host = FakeHost::new()
            .on("POST", "/mcp", refusal)
            .on("POST", "/mcp", began().header("mcp-session-id", "s"))
            .on("POST", "/mcp", Reply::bytes(202, ""))
            .on("POST", "/mcp", Reply::json(200, result(2, json!({ "content": [] }))))
            .on("DELETE", "/mcp", Reply::bytes(200, ""));
        assert!(host.run(|| call(Some(&binding("2025-06-18", json!({}))), "{}")).is_ok());
    }
}

/// A model can mend its call by what the server says; a user, an operator or time mends the rest.
#[test]
fn each_failure_says_who_has_to_act() {
    let rpc = |status, code, message: &str| Reply::json(status, error(json!(1), code, message));
    let failed = json!({ "isError": true, "content": [{ "type": "text", "text": "no such\u{200b} city" }] });
    let asks = json!({ "resultType": "input_required",
        "inputRequests": { "a": { "method": "elicitation/create", "params": { "message": "Sign in" } } } });
    let kind = |failure: Failure| match failure {
        Failure::InvalidInput(errors) => ("input", errors[0].message.clone()),
        Failure::AuthRequired(message) => ("auth", message),
        Failure::Denied(message) => ("denied", message),
        Failure::RateLimited(limit) => ("rate", limit.message),
        Failure::NotFound(message) => ("not found", message),
        Failure::Upstream(error) => ("upstream", error.message),
        Failure::Unsupported(message) => ("unsupported", message),
        Failure::Internal(message) => ("internal", message),
    };
    for (reply, who, said) in [
        (Reply::json(200, result(1, failed)), "upstream", "no such city"),
        (Reply::json(200, result(1, json!({ "isError": true }))), "upstream", "does not say why"),
        (Reply::json(200, result(1, asks)), "unsupported", "Sign in"),
        (Reply::json(200, result(1, json!({ "resultType": "task" }))), "unsupported", "task"),
        (rpc(200, -32602, "`a` must be a text"), "input", "`a` must be a text"),
        (rpc(200, -32603, "broken"), "upstream", "broken"),
        (rpc(200, -32042, "sign in"), "upstream", "sign in"),
        (rpc(400, -32022, "x"), "upstream", "discover its tools again"),
        (rpc(404, -32601, "no such method"), "upstream", "no such method"),
        (Reply::json(401, json!({ "error": "invalid_token" })), "auth", "401"),
        (Reply::json(403, error(Value::Null, -32000, "not yours")), "denied", "not yours"),
        (Reply::json(429, json!({})).header("retry-after", "3"), "rate", "429"),
        (Reply::text(502, "<html>"), "upstream", "502"),
        (Reply::text(404, "no such page"), "not found", "404"),
        (Reply::text(200, "<html>"), "upstream", "no answer of the protocol"),
        (Reply::json(200, result(7, json!({}))), "upstream", "no answer of the protocol"),
        (Reply::json(200, json!([])), "upstream", "no answer of the protocol"),
        (Reply::error(Error::Timeout("10 s".into())), "upstream", "in time"),
        (Reply::error(Error::Refused("not a route".into())), "denied", "not a route"),
    ] {
        let (found, message) = kind(called(reply).unwrap_err());
        assert_eq!(found, who, "{message}");
        assert!(message.contains(said), "{message}");
    }
    let long = called(rpc(200, -32603, &"x".repeat(9_000))).unwrap_err();
    assert!(matches!(long, Failure::Upstream(error) if error.message.len() == 1_500));
}

#[test]
fn what_a_tool_declares_is_all_of_its_output() {
    let of = |content: Value, structured: bool| {
        let host = FakeHost::new().on("POST", "/mcp", Reply::json(200, result(1, content)));
        host.run(|| call(Some(&binding("2026-07-28", json!({ "structured": structured }))), "{}"))
    };
    let both = json!({ "content": [{ "type": "text", "text": "7" }], "structuredContent": { "n": 7 } });
    assert_eq!(of(both.clone(), true).unwrap(), r#"{"n":7}"#);
    assert_eq!(of(both, false).unwrap(), r#"{"content":[{"text":"7","type":"text"}],"structured":{"n":7}}"#);
    assert_eq!(of(json!({ "structuredContent": [1, 2] }), true).unwrap(), "[1,2]");
    assert!(of(json!({ "content": [] }), true).is_err());
    assert_eq!(of(json!({}), false).unwrap(), r#"{"content":[]}"#);
}

#[test]
fn nothing_is_sent_without_a_binding() {
    let host = FakeHost::new();
    for binding in [None, Some("{}"), Some("proxy"), Some(r#"{"kind":"other"}"#)] {
        assert!(host.run(|| call(binding, "{}")).is_err());
    }
    assert!(host.run(|| call(Some(&binding("2026-07-28", json!({}))), "[]")).is_err());
}
