//! Both eras on one endpoint: what each is told, and what it is refused.

use serde_json::{Value, json};

use super::client::{LEGACY, MODERN, Mcp, config};
use crate::api::bed::Bed;

async fn desk(bed: &Bed) -> Mcp {
    config(bed, "desk", None, "listed").await;
    Mcp::of(bed.client(), "desk", "ada").await
}

/// AK-907: a client that begins with `initialize` gets what it asked for, or the newest of its era.
#[tokio::test]
async fn the_earlier_revisions_begin_with_initialize() {
    let bed = Bed::start().await;
    let mcp = desk(&bed).await;
    for (asked, told) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        (LEGACY, LEGACY),
        (MODERN, LEGACY),
        ("1999-01-01", LEGACY),
    ] {
        let params =
            json!({ "protocolVersion": asked, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        let body = json!({ "jsonrpc": "2.0", "id": "a", "method": "initialize", "params": params });
        let answer = mcp.send(&[], &body).await;
        assert!(answer.header("mcp-session-id").unwrap().ends_with("-n"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let answer = answer.expect(200);
        let result = &answer["result"];
        assert_eq!((&answer["id"], &result["protocolVersion"]), (&json!("a"), &json!(told)), "{asked}");
        assert_eq!(result["capabilities"]["tools"]["listChanged"], true);
        assert_eq!(
            (&result["serverInfo"]["name"], &result["instructions"]),
            (&json!("gloveport"), &json!("For the desk."))
        );
        assert!(result["resultType"].is_null() && result["_meta"].is_null(), "{result}");
    }
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let answer = mcp.send(&[("mcp-protocol-version".into(), LEGACY.into())], &notification).await;
    assert_eq!((answer.status, answer.body.len()), (202, 0));
    assert_eq!(mcp.legacy(LEGACY, "ping", json!({})).await.expect(200)["result"], json!({}));
    // A client that says no revision speaks the one before that was said.
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let tools = mcp.send(&[], &body).await.expect(200)["result"]["tools"].clone();
    assert!(tools[0]["annotations"].is_object() && tools[0]["title"].is_null(), "{}", tools[0]);
    for method in ["server/discover", "subscriptions/listen", "prompts/list", "nonsense"] {
        let answer = mcp.legacy(LEGACY, method, json!({})).await;
        assert_eq!((answer.status, Mcp::code(&answer)), (200, -32601), "{method}");
    }
}

/// The current revision: each request says all of itself, and each result that it is whole.
#[tokio::test]
async fn the_current_revision_needs_no_beginning() {
    let bed = Bed::start().await;
    let mcp = desk(&bed).await;
    let discovered = mcp.result("server/discover", json!({})).await;
    assert_eq!((&discovered["supportedVersions"][0], &discovered["resultType"]), (&json!(MODERN), &json!("complete")));
    assert_eq!(discovered["supportedVersions"].as_array().unwrap().len(), 5);
    assert_eq!(discovered["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "gloveport");
    let list = mcp.result("tools/list", json!({})).await;
    assert_eq!((&list["cacheScope"], list["ttlMs"].as_u64().is_some()), (&json!("private"), true));
    let echo = list["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == "probe_echo").unwrap();
    assert_eq!((&echo["annotations"]["readOnlyHint"], &echo["inputSchema"]["type"]), (&json!(true), &json!("object")));
    assert!(echo["title"].is_string(), "{echo}");
    assert_eq!(mcp.result("resources/list", json!({})).await["resources"], json!([]));
    for method in ["initialize", "ping", "prompts/list", "logging/setLevel", "nonsense"] {
        let answer = mcp.modern(method, json!({ "protocolVersion": LEGACY })).await;
        assert_eq!((answer.status, Mcp::code(&answer)), (404, -32601), "{method}");
    }
    let version = |version: &str| {
        let (mut headers, mut body) = mcp.written("tools/list", &json!({}));
        headers[0].1 = version.into();
        body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = version.into();
        (headers, body)
    };
    let (headers, body) = version("2031-01-01");
    let answer = mcp.send(&headers, &body).await;
    assert_eq!((answer.status, Mcp::code(&answer)), (400, -32022));
    assert_eq!(answer.json()["error"]["data"]["requested"], "2031-01-01");
    let (headers, body) = version(LEGACY);
    assert_eq!(Mcp::code(&mcp.send(&headers, &body).await), -32022, "the earlier ones have no such `_meta`");
}

/// AK-901, AK-909: what is listed is what is in the config, in one order, page by page.
#[tokio::test]
async fn a_list_is_the_config() {
    let bed = Bed::start().await;
    let chosen = ["probe_whoami", "probe_echo", "probe_say_nothing"];
    config(&bed, "desk", Some(&chosen), "listed").await;
    let mcp = Mcp::of(bed.client(), "desk", "ada").await;
    assert_eq!(mcp.listed().await, ["probe_echo", "probe_say_nothing", "probe_whoami"]);
    for cursor in ["", "!", "cHJvYmVfZWNobw==", "/w"] {
        let answer = mcp.modern("tools/list", json!({ "cursor": cursor })).await;
        assert_eq!(Mcp::code(&answer), -32602, "{cursor}");
    }
    // A name that is between two of them.
    let rest = mcp.result("tools/list", json!({ "cursor": "cHJvYmVfZmV0Y2g" })).await;
    assert_eq!(rest["tools"].as_array().unwrap().len(), 2);
    config(&bed, "desk", Some(&["probe_echo"]), "listed").await;
    assert_eq!(mcp.listed().await, ["probe_echo"]);
    // AK-910: another config of the same user.
    config(&bed, "other", Some(&["probe_whoami"]), "listed").await;
    assert_eq!(Mcp::of(bed.client(), "other", "ada").await.listed().await, ["probe_whoami"]);
}

/// By a key, which may ask for less than it may do, and for nothing else.
#[tokio::test]
async fn a_key_has_an_endpoint_too() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    config(&bed, "desk", Some(&["probe_echo"]), "listed").await;
    let narrowed = Mcp::at(bed.client().with_key(gloveport_tests::host::ADMIN_KEY), "/mcp?profile=desk&identifier=ada");
    assert_eq!(narrowed.listed().await, ["probe_echo"]);
    let answer = narrowed.modern("tools/call", json!({ "name": "probe_whoami" })).await;
    assert_eq!(Mcp::code(&answer), -32602);
    assert_eq!(narrowed.call("probe_echo", &json!({ "a": 1 })).await["isError"], false);
    let body = json!({ "role": "agent", "profile": "desk", "identifier": "ada" });
    let key = bed.client().post("/v1/keys", &body).await.expect(201)["key"].as_str().unwrap().to_owned();
    let own = |path: &str| Mcp::at(bed.client().with_key(&key), path);
    assert_eq!(own("/mcp").listed().await, ["probe_echo"]);
    for (path, status) in [
        ("/mcp?profile=other", 403),
        ("/mcp?identifier=eve", 403),
        ("/mcp?profile=desk&identifier=ada", 200),
        ("/mcp?nonsense=1", 400),
    ] {
        assert_eq!(own(path).modern("tools/list", json!({})).await.status, status, "{path}");
    }
    let nobody = Mcp::at(bed.client().with_key(""), "/mcp").modern("tools/list", json!({})).await;
    assert_eq!(nobody.status, 401);
    let junk = Mcp::at(bed.client().with_key("gp_0123456789012345678901234567890123456789"), "/mcp");
    assert_eq!(junk.modern("tools/list", json!({})).await.status, 401);
    let made = bed.client().post("/v1/keys", &json!({ "role": "agent", "scopes": ["tools:read"] })).await.expect(201);
    let reader = Mcp::at(bed.client().with_key(made["key"].as_str().unwrap()), "/mcp");
    assert_eq!(reader.modern("tools/list", json!({})).await.status, 403);
    let unknown: Value = json!({ "profile": "none" });
    let path = format!("/mcp?profile={}", unknown["profile"].as_str().unwrap());
    let answer =
        Mcp::at(bed.client().with_key(gloveport_tests::host::ADMIN_KEY), &path).modern("tools/list", json!({})).await;
    assert_eq!(answer.status, 404);
}
