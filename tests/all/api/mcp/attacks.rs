//! What others do to an endpoint: names and pages that are not its own, headers that say otherwise, bodies without end.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::client::{LEGACY, Mcp, config};
use crate::api::bed::Bed;

async fn desk(bed: &Bed, user: &str) -> Mcp {
    config(bed, "desk", None, "listed").await;
    Mcp::of(bed.client(), "desk", user).await
}

/// DNS rebinding: a page of another site, by its own name or by one that points here.
#[tokio::test]
async fn other_sites_stay_outside() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let mcp = desk(&bed, "ada").await;
    let sent = bed.upstream.requests().len();
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost.evil.example"),
        ("host", "evil.example"),
        ("host", "127.0.0.1.evil.example"),
        ("host", "localhost.evil.example:80"),
    ] {
        for method in ["POST", "GET", "OPTIONS"] {
            let (headers, body) = mcp.written("tools/call", &json!({ "name": "probe_whoami" }));
            let mut all = vec![("content-type", "application/json"), (name, value)];
            all.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let answer = mcp.raw(method, &all, body.to_string()).await;
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, None), "{name} {value}");
        }
    }
    assert_eq!(bed.upstream.requests().len(), sent);
}

/// A header that says otherwise than the body: whoever in between goes by it would let another call pass.
#[tokio::test]
async fn headers_cannot_say_otherwise() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let mcp = desk(&bed, "ada").await;
    let sent = bed.upstream.requests().len();
    for (at, value) in [(0, LEGACY), (1, "tools/list"), (2, "probe_echo"), (2, "=?base64?cHJvYmVfZWNobw==?=")] {
        let (mut headers, body) = mcp.written("tools/call", &json!({ "name": "probe_whoami" }));
        headers[at].1 = value.into();
        let answer = mcp.send(&headers, &body).await;
        assert_eq!((answer.status, Mcp::code(&answer)), (400, -32020), "{:?}", headers[at]);
        headers.remove(at);
        let answer = mcp.send(&headers, &body).await;
        assert_eq!((answer.status, Mcp::code(&answer)), (400, -32020), "without {at}");
    }
    assert_eq!(bed.upstream.requests().len(), sent);
    let (mut headers, body) = mcp.written("tools/call", &json!({ "name": "probe_whoami" }));
    headers[2].1 = "=?base64?cHJvYmVfd2hvYW1p?=".into();
    assert_eq!(mcp.send(&headers, &body).await.expect(200)["result"]["isError"], false);
}

/// Another user's URL is another user: nothing in a request makes it a different one.
#[tokio::test]
async fn a_url_is_of_one_user() {
    let bed = Bed::start().await;
    let (ada, eve) = (bed.connect("ada").await, bed.connect("eve").await);
    let before = bed.upstream.requests().len();
    let mcp = desk(&bed, "eve").await;
    for extra in [json!({ "identifier": "ada" }), json!({ "_meta": { "identifier": "ada" } })] {
        let mut params = json!({ "name": "probe_whoami", "arguments": {} });
        params.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        mcp.modern("tools/call", params).await.expect(200);
    }
    let with_query = Mcp::at(bed.client().with_key(""), &format!("{}?identifier=ada&profile=x", mcp.path()));
    with_query.call("probe_whoami", &json!({})).await;
    for request in &bed.upstream.requests()[before..] {
        let sent = request.header("authorization").unwrap_or_default();
        assert!(sent.contains(eve.token()) && !sent.contains(ada.token()), "{sent}");
    }
    let records = bed.client().get("/v1/executions?tool=probe_whoami").await.expect(200);
    let by_mcp = records["items"].as_array().unwrap().iter().filter(|record| record["surface"] == "mcp");
    let users: Vec<&str> = by_mcp.map(|record| record["identifier"].as_str().unwrap()).collect();
    assert_eq!(users, ["eve"; 3]);
    // No key, no token of another kind, and no part of one opens it.
    let token = mcp.path().rsplit('/').next().unwrap();
    for path in [
        format!("/mcp/{}", gloveport_tests::host::ADMIN_KEY),
        format!("/mcp/{}", &token[..token.len() - 1]),
        format!("/mcp/{token}x"),
        format!("/mcp/{}", token.to_uppercase()),
        "/mcp/gpm_".to_owned(),
        format!("/mcp/gpm_{}", "A".repeat(43)),
        "/mcp/%00".to_owned(),
    ] {
        let answer = Mcp::at(bed.client().with_key(""), &path).modern("tools/list", json!({})).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let bearer = Mcp::at(bed.client().with_key(token), "/mcp").modern("tools/list", json!({})).await;
    assert_eq!(bearer.status, 401);
}

/// What is no request is refused, and costs no more than it has.
#[tokio::test]
async fn bodies_have_an_end() {
    let bed = Bed::start().await;
    let mcp = desk(&bed, "ada").await;
    let json_type = ("content-type", "application/json");
    let big = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":"{}"}}}}"#, "x".repeat(6 << 20));
    assert_eq!(mcp.raw("POST", &[json_type], big).await.status, 413);
    for (body, status) in [
        ("", 400),
        ("{", 400),
        ("[]", 400),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, 400),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, 400),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, 202),
        (r#"{"jsonrpc":"2.0","method":"nonsense"}"#, 202),
        (r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}"#, 202),
    ] {
        assert_eq!(mcp.raw("POST", &[json_type], body).await.status, status, "{body}");
    }
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (headers, status) in [
        (vec![], 415),
        (vec![("content-type", "text/plain")], 415),
        (vec![json_type, ("accept", "text/html")], 406),
        (vec![json_type, ("accept", "*/*")], 200),
        (vec![json_type, ("mcp-session-id", "of-somebody-else")], 200),
        (vec![json_type, ("last-event-id", "7")], 200),
    ] {
        let answer = mcp.raw("POST", &headers, ping).await;
        assert_eq!((answer.status, answer.header("mcp-session-id")), (status, None), "{headers:?}");
    }
}

/// A sender that never ends its body does not keep others from being served, and gets nothing done.
#[tokio::test]
async fn a_slow_sender_holds_nobody_up() {
    let bed = Bed::start().await;
    let mcp = desk(&bed, "ada").await;
    let address = mcp.url().trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{{",
            mcp.path()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    assert!(!mcp.listed().await.is_empty());
    for stream in &mut slow {
        let mut byte = [0];
        let nothing = tokio::select! {
            biased;
            read = stream.read(&mut byte) => panic!("an answer to half a request: {read:?}"),
            () = std::future::ready(()) => true,
        };
        assert!(nothing);
    }
}
