//! AK-113, AK-701 to AK-708: requests that callers write themselves, under every rule of a call.

use gloveport_tests::host::{Answer, Client};
use gloveport_tests::upstream::{Recorded, Reply};
use serde_json::{Value, json};

use super::bed::Bed;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// A host whose connection `probe` takes such requests below `/base`; with Ada's account.
async fn proxying(answer: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Bed {
    let whoami = |request: &Recorded| request.target.ends_with("/whoami").then(|| Reply::json(200, &json!({})));
    let bed = Bed::answering(move |request| whoami(request).unwrap_or_else(|| answer(request))).await;
    let change = json!({ "proxy_enabled": true, "base_url": bed.upstream.url("/base") }).to_string();
    let changed = bed.client().send("PATCH", "/v1/connections/probe", JSON, change).await.expect(200);
    assert_eq!(changed["proxy_enabled"], true);
    bed.connect("ada").await;
    bed
}

/// What arrived besides the test call of connecting.
fn arrived(bed: &Bed) -> Vec<Recorded> {
    bed.upstream.requests().into_iter().filter(|request| !request.target.ends_with("/whoami")).collect()
}

async fn send(client: &Client, more: Value) -> Answer {
    let mut body = json!({ "connection": "probe", "identifier": "ada", "path": "/x" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.post("/v1/proxy", &body).await
}

/// AK-113, AK-701, AK-703: each parameter is in the request, with the credential that only the host has.
#[tokio::test]
async fn each_parameter_is_in_the_request() {
    let bed = proxying(|_| Reply::json(200, &json!({ "ok": true }))).await;
    let client = bed.client();
    let done = send(client, json!({})).await.expect(200);
    assert_eq!((&done["status"], &done["body"]), (&json!(200), &json!({ "ok": true })));
    assert!(done["execution_id"].as_str().unwrap().starts_with("exec_"), "{done}");
    let sent = arrived(&bed).pop().unwrap();
    assert_eq!((sent.method.as_str(), sent.target.as_str()), ("GET", "/base/x"));
    assert!(sent.header("authorization").unwrap().starts_with("Bearer "));

    let query = json!({ "q": "a b&c", "n": 1, "on": true, "many": ["x", "y"], "none": null });
    send(client, json!({ "path": "/a%2Fb/c", "query": query, "headers": { "X-One": "1" } })).await.expect(200);
    let sent = arrived(&bed).pop().unwrap();
    assert_eq!(sent.target, "/base/a%2Fb/c?many=x&many=y&n=1&on=true&q=a%20b%26c");
    assert_eq!(sent.header("x-one"), Some("1"));

    for (more, content_type, body) in [
        (json!({ "body": { "a": 1 } }), "application/json", "{\"a\":1}"),
        (json!({ "body": [1, "x"] }), "application/json", "[1,\"x\"]"),
        (json!({ "form": { "a": "b c", "n": 2 } }), "application/x-www-form-urlencoded", "a=b+c&n=2"),
        (json!({ "raw_body": "<a> \n</a>", "headers": { "content-type": "text/xml" } }), "text/xml", "<a> \n</a>"),
    ] {
        for method in ["POST", "PUT", "PATCH"] {
            let mut more = more.clone();
            more["method"] = method.into();
            send(client, more.clone()).await.expect(200);
            let sent = arrived(&bed).pop().unwrap();
            assert_eq!((sent.method.as_str(), sent.header("content-type")), (method, Some(content_type)), "{more}");
            assert_eq!(sent.text(), body, "{more}");
        }
    }
    let file = json!({ "file_name": "a.txt", "content_type": "text/plain", "base64": "aGVsbG8=" });
    send(client, json!({ "method": "POST", "multipart": { "note": "hi", "file": file } })).await.expect(200);
    let text = arrived(&bed).pop().unwrap().text();
    assert!(text.contains("name=\"note\"\r\n\r\nhi\r\n") && text.contains("filename=\"a.txt\""), "{text}");
    assert!(
        text.contains("content-type: text/plain\r\n\r\nhello\r\n")
            || text.contains("Content-Type: text/plain\r\n\r\nhello\r\n"),
        "{text}"
    );
}

/// AK-113, AK-705: what the provider answers is passed on, whatever it is; the credential in it is not.
#[tokio::test]
async fn what_the_provider_answers_is_passed_on() {
    let bed = proxying(|request| match request.target.as_str() {
        "/base/diff" => Reply::text(200, "--- a\n+++ b").header("x-page", "2"),
        "/base/bytes" => Reply::bytes(200, "image/png", vec![0, 255]),
        "/base/empty" => Reply::status(204),
        "/base/echo" => Reply::text(200, request.header("authorization").unwrap_or_default()),
        _ => Reply::json(422, &json!({ "message": "not like this" })),
    })
    .await;
    let answered = async |path: &str| send(bed.client(), json!({ "path": path })).await.expect(200);
    let diff = answered("/diff").await;
    assert_eq!((&diff["body"], &diff["headers"]["x-page"]), (&json!("--- a\n+++ b"), &json!("2")));
    assert_eq!(answered("/bytes").await["body"], json!({ "content_type": "image/png", "base64": "AP8=" }));
    let empty = answered("/empty").await;
    assert_eq!((&empty["status"], &empty["body"]), (&json!(204), &Value::Null));
    let refused = answered("/else").await;
    assert_eq!((&refused["status"], &refused["body"]["message"]), (&json!(422), &json!("not like this")));
    // The bed's own search would find the token, here and in the record.
    assert!(answered("/echo").await["body"].as_str().unwrap().starts_with("Bearer "));
}

/// AK-702: neither host nor credential is the caller's to choose, whatever it writes.
#[tokio::test]
async fn callers_choose_neither_host_nor_credential() {
    let bed = proxying(|_| Reply::json(200, &json!({}))).await;
    for path in [
        "//evil.example/x",
        "https://evil.example/x",
        "@evil.example/x",
        "/../admin",
        "/a/../../admin",
        "/%2e%2e/admin",
        "/a/%2E%2E/%2e%2e/admin",
        "/..%2fadmin",
        "/a\\..\\admin",
        "/a?b=c",
        "/a#b",
        "x",
        "",
        "/a\r\nhost: evil.example",
        "/%00",
    ] {
        let answer = send(bed.client(), json!({ "path": path })).await;
        assert!(answer.status >= 400 && answer.status < 500, "{path:?}: {answer:?}");
    }
    for name in [
        "Authorization",
        "authorization",
        "Host",
        "host",
        "Proxy-Authorization",
        "Cookie",
        "X-Forwarded-Host",
        "Content-Length",
    ] {
        let answer = send(bed.client(), json!({ "headers": { (name): "evil.example" } })).await;
        if answer.status == 200 {
            let sent = arrived(&bed).pop().unwrap();
            let text = format!("{sent:?}");
            assert!(!text.contains("evil.example"), "{name}: {text}");
            assert!(sent.header("authorization").unwrap().starts_with("Bearer "), "{name}");
        } else {
            assert!((400..500).contains(&answer.status), "{name}: {answer:?}");
        }
    }
    for more in [
        json!({ "method": "TRACE" }),
        json!({ "method": "get" }),
        json!({ "method": "GET\r\nx: y" }),
        json!({ "url": "https://evil.example" }),
        json!({ "base_url": "https://evil.example" }),
        json!({ "body": 1, "form": {} }),
        json!({ "connection": "nope" }),
        json!({ "timeout_ms": 0 }),
    ] {
        let answer = send(bed.client(), more.clone()).await;
        assert!((400..500).contains(&answer.status), "{more}: {answer:?}");
    }
    assert!(arrived(&bed).iter().all(|request| request.target == "/base/x"), "nothing else left");
}

/// AK-704, AK-707: off unless an administrator turned it on, for accounts that work only, and gone when it is turned off.
#[tokio::test]
async fn it_is_off_unless_turned_on() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let answer = send(bed.client(), json!({})).await;
    assert!(answer.json()["detail"].as_str().unwrap().contains("proxy not enabled for provider"), "{answer:?}");
    assert_eq!(answer.problem(403), "proxy_disabled");
    let tool = "/v1/tools/probe_proxy_read/execute";
    let call = json!({ "identifier": "ada", "input": { "method": "GET", "path": "/x" } });
    assert_eq!(bed.client().post(tool, &call).await.problem(403), "proxy_disabled");
    assert_eq!(arrived(&bed).len(), 0);
    let listed = async || {
        let tools = bed.client().get("/v1/tools?identifier=ada&limit=200").await.expect(200);
        let names = tools["items"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned());
        names.filter(|name| name.contains("proxy")).collect::<Vec<_>>()
    };
    assert!(listed().await.is_empty());
    let set = async |on: bool| {
        let change = json!({ "proxy_enabled": on }).to_string();
        bed.client().send("PATCH", "/v1/connections/probe", JSON, change).await.expect(200);
    };
    set(true).await;
    // AK-706
    assert_eq!(listed().await, ["probe_proxy_delete", "probe_proxy_read", "probe_proxy_write"]);
    assert_eq!(bed.client().post(tool, &call).await.expect(200)["data"]["status"], 200);
    // The tool of one effect has no other methods.
    for (tool, method) in
        [("read", "POST"), ("read", "DELETE"), ("write", "GET"), ("write", "DELETE"), ("delete", "PUT")]
    {
        let call = json!({ "identifier": "ada", "input": { "method": method, "path": "/x" } });
        let answer = bed.client().post(&format!("/v1/tools/probe_proxy_{tool}/execute"), &call).await;
        assert_eq!(answer.problem(422), "invalid_input", "{tool} {method}");
    }
    bed.client().post("/v1/connections/probe/accounts/ada/disable", &json!({})).await.expect(200);
    assert_eq!(send(bed.client(), json!({})).await.problem(409), "account_disabled");
    assert_eq!(send(bed.client(), json!({ "identifier": "eve" })).await.problem(409), "account_not_connected");
    bed.client().post("/v1/connections/probe/accounts/ada/enable", &json!({})).await.expect(200);
    set(false).await;
    assert_eq!(send(bed.client(), json!({})).await.problem(403), "proxy_disabled");
    assert_eq!(arrived(&bed).len(), 1);
}

/// Lesson 1: the same rules, approvals and records. What is written waits where a rule says so; what destroys always does.
#[tokio::test]
async fn the_rules_of_calls_hold() {
    let bed = proxying(|_| Reply::json(201, &json!({ "id": 7 }))).await;
    let admin = bed.client();
    let asks = bed.agent(Some("ada")).await;
    let waits = send(&asks, json!({ "method": "DELETE", "path": "/things/7" })).await.expect(202);
    assert_eq!((&waits["status"], arrived(&bed).len()), (&json!("waiting"), 0));
    let approval = waits["approval_id"].as_str().unwrap();
    let shown = admin.get(&format!("/v1/approvals/{approval}")).await.expect(200);
    assert_eq!(shown["request"]["method"], "DELETE", "{shown}");
    assert!(shown["request"]["url"].as_str().unwrap().ends_with("/base/things/7"), "{shown}");
    admin.post(&format!("/v1/approvals/{approval}/approve"), &json!({})).await.expect(200);
    let path = format!("/v1/executions/{}?wait_ms=30000", waits["execution_id"].as_str().unwrap());
    let ended = admin.get(&path).await.expect(200);
    assert_eq!((&ended["status"], &ended["tool"]), (&json!("succeeded"), &json!("probe_proxy_delete")));
    let sent = arrived(&bed).pop().unwrap();
    assert_eq!((sent.method.as_str(), sent.target.as_str()), ("DELETE", "/base/things/7"));

    let rule = json!({ "name": "hands off", "condition": "payload.path.startsWith('/admin')",
        "outcome": { "outcome": "deny", "reason": "not there" } });
    admin.post("/v1/policies", &rule).await.expect(201);
    assert_eq!(send(admin, json!({ "path": "/admin/keys" })).await.problem(403), "denied_by_policy");
    let agent = bed.agent(Some("eve")).await;
    assert_eq!(send(&agent, json!({})).await.problem(403), "forbidden");
    assert_eq!(arrived(&bed).len(), 1);

    // Once, however often it is sent with a key.
    let body = json!({ "connection": "probe", "identifier": "ada", "method": "POST", "path": "/once", "body": {} });
    let headers = [("content-type", "application/json"), ("idempotency-key", "k1")];
    let (first, second) = (
        admin.send("POST", "/v1/proxy", &headers, body.to_string()).await.expect(200),
        admin.send("POST", "/v1/proxy", &headers, body.to_string()).await.expect(200),
    );
    assert_eq!((first["execution_id"].clone(), arrived(&bed).len()), (second["execution_id"].clone(), 2));
}
