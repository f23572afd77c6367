//! Which revision is agreed on, and how a list is read that a stranger wrote.

use gloveport_sdk::Failure;
use gloveport_sdk::fake_host::{FakeHost, Reply};
use serde_json::{Value, json};

use super::{body, error, header, result};
use crate::call;

const DISCOVER: &str = r#"{"kind":"discover","path":"/mcp"}"#;

fn discovered(host: &FakeHost) -> Result<Value, Failure> {
    host.run(|| call(Some(DISCOVER), "{}")).map(|output| serde_json::from_str(&output).unwrap())
}

fn modern(versions: Value) -> Reply {
    Reply::json(
        200,
        result(
            1,
            json!({ "supportedVersions": versions, "capabilities": {}, "instructions": "Be kind.",
        "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "s", "version": "1.2" } } }),
        ),
    )
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object" }, "icons": [{ "src": "x" }], "_meta": { "n": 1 } })
}

/// AK-808: in the order of names, page by page, and without what makes no difference.
#[test]
fn a_modern_server_is_asked_for_all_of_its_pages() {
    let host = FakeHost::new()
        .on("POST", "/mcp", modern(json!(["2026-07-28", "2025-11-25"])))
        .on("POST", "/mcp", Reply::json(200, result(2, json!({ "tools": [tool("b"), 7], "nextCursor": "2" }))))
        .on("POST", "/mcp", Reply::json(200, result(3, json!({ "tools": [tool("a")] }))));
    let found = discovered(&host).unwrap();
    let expected = json!({ "revision": "2026-07-28", "session": false, "instructions": "Be kind.",
        "server": { "name": "s", "title": "", "version": "1.2" },
        "tools": [{ "name": "a", "inputSchema": { "type": "object" } }, { "name": "b", "inputSchema": { "type": "object" } }] });
    assert_eq!(found, expected);
    let requests = host.requests();
    assert_eq!(body(&requests[2])["params"]["cursor"], "2");
    assert_eq!(header(&requests[2], "mcp-method"), Some("tools/list"));
}

/// SEP-2549: how long a list stays as it is, by the page that changes first; what is no such number says nothing.
#[test]
fn a_server_says_how_long_its_list_stays() {
    for (first, second, expected) in [
        (json!(60_000), json!(9_000), json!(9_000)),
        (json!(7), Value::Null, json!(7)),
        (Value::Null, json!(0), json!(0)),
        (json!(-1), json!("60000"), Value::Null),
    ] {
        let host = FakeHost::new()
            .on("POST", "/mcp", modern(json!(["2026-07-28"])))
            .on("POST", "/mcp", Reply::json(200, result(2, json!({ "tools": [], "nextCursor": "2", "ttlMs": first }))))
            .on("POST", "/mcp", Reply::json(200, result(3, json!({ "tools": [], "ttlMs": second }))));
        assert_eq!(discovered(&host).unwrap()["ttl_ms"], expected);
    }
}

/// What is no answer of the current revision is asked as the older era has it.
#[test]
fn an_older_server_is_found_out() {
    let began = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": { "name": "old" } });
    let mut refused = error(json!(1), -32022, "unsupported");
    refused["error"]["data"] = json!({ "supported": ["2025-06-18"] });
    for first in [
        Reply::json(400, refused),
        Reply::json(200, error(json!(1), -32601, "no such method")),
        Reply::json(400, error(Value::Null, -32000, "Bad Request: no valid session ID provided")),
        Reply::text(404, "not found"),
        Reply::text(405, "x"),
        modern(json!(["2025-11-25"])),
    ] {
        let host = FakeHost::new()
            .on("POST", "/mcp", first)
            .on("POST", "/mcp", Reply::json(200, result(1, began.clone())).header("mcp-session-id", "s"))
            .on("POST", "/mcp", Reply::bytes(202, ""))
            .on("POST", "/mcp", Reply::json(200, result(2, json!({ "tools": [tool("a")] }))))
            .on("DELETE", "/mcp", Reply::bytes(200, ""));
        let found = discovered(&host).unwrap();
        assert_eq!((&found["revision"], &found["session"]), (&json!("2025-06-18"), &json!(true)));
        assert_eq!(found["server"]["name"], "old");
        assert_eq!(host.requests().len(), 5);
    }
}

/// A server that is out of order is not taken for an older one, and a list has an end.
#[test]
fn what_cannot_be_agreed_on_is_said() {
    let list = |page: Value| {
        FakeHost::new().on("POST", "/mcp", modern(json!(["2026-07-28"]))).on(
            "POST",
            "/mcp",
            Reply::json(200, result(2, page)),
        )
    };
    let began = |version: &str| Reply::json(200, result(1, json!({ "protocolVersion": version })));
    let first = |reply: Reply| FakeHost::new().on("POST", "/mcp", reply);
    let long = "x".repeat(7 << 20);
    for (host, said) in [
        (first(Reply::text(401, "")), "AuthRequired"),
        (first(Reply::text(403, "")), "Denied"),
        (first(Reply::text(500, "")), "500"),
        (first(modern(json!(["2031-01-01"]))), "no revision"),
        (first(Reply::json(400, error(json!(1), -32022, "x"))), "another revision"),
        (first(Reply::text(404, "")).on("POST", "/mcp", began("1999-01-01")), "1999-01-01"),
        (first(Reply::text(404, "")).on("POST", "/mcp", began("2026-07-28")), "2026-07-28"),
        (
            list(json!({ "tools": [], "nextCursor": "x" })).on(
                "POST",
                "/mcp",
                Reply::json(200, result(3, json!({ "nextCursor": "x" }))),
            ),
            "does not end",
        ),
        (list(json!({ "tools": [{ "name": "a", "description": long }] })), "more than"),
        (list(json!({ "tools": [tool("pay"), tool("look"), tool("pay")] })), "two tools of one name"),
        (list(json!({ "tools": vec![json!({ "name": "a" }); 2_000] })), "more than"),
    ] {
        let failure = format!("{:?}", discovered(&host).unwrap_err());
        assert!(failure.contains(said), "{said}: {failure}");
    }
    let none = first(modern(json!(["2026-07-28"]))).on("POST", "/mcp", Reply::json(404, error(json!(2), -32601, "x")));
    assert_eq!(discovered(&none).unwrap()["tools"], json!([]));
}
