//! What could never work is refused when it is written down, and not at its first use.

use serde_json::json;

use super::bed::Bed;

/// A base URL whose host no grant could hold (lesson 4): the same reason at creation and at a change.
#[tokio::test]
async fn a_base_url_that_no_grant_could_hold_is_refused_at_once() {
    let bed = Bed::start().await;
    bed.connection("kept", &bed.upstream.url("")).await;
    for (base_url, reason) in [
        ("http://[::ffff:127.0.0.1]", "IPv4 address"),
        ("http://[::ffff:127.0.0.1]:8080/api", "IPv4 address"),
        ("https://[::FFFF:7f00:1]", "IPv4 address"),
        ("https://[::ffff:203.0.113.9]/{{site}}", "IPv4 address"),
        ("http://0x7f.1", "IPv4 address"),
        ("http://2130706433", "IPv4 address"),
        ("http://127.0.0.1.", "IPv4 address"),
        ("http://api.example.com.", "dot"),
        ("http://ada@127.0.0.1", "user information"),
        ("ftp://127.0.0.1", "https://"),
    ] {
        let body = json!({ "name": "new", "connector": "probe", "auth_pattern": "bearer", "base_url": base_url });
        let problem = bed.client().post("/v1/connections", &body).await.expect(400);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("`base_url`") && detail.contains(reason), "{base_url}: {detail}");
        assert_eq!(problem["code"], "invalid_request", "{base_url}");
        let headers = [("content-type", "application/json")];
        let change = json!({ "base_url": base_url }).to_string();
        let changed = bed.client().send("PATCH", "/v1/connections/kept", &headers, change).await;
        assert_eq!(changed.problem(400), "invalid_request", "{base_url}");
    }
    assert_eq!(bed.client().get("/v1/connections/new").await.status, 404);
    assert_eq!(bed.client().get("/v1/connections/kept").await.expect(200)["base_url"], bed.upstream.url(""));
    // IPv6 as such is as good as any address.
    bed.connection("six", "https://[2001:db8::1]/api").await;
}

/// A user named `..` could be written, and never be named in a URL again.
#[tokio::test]
async fn a_user_that_no_url_can_name_is_refused() {
    let bed = Bed::start().await;
    let body = json!({ "credentials": { "token": "a-token-of-nobody" } });
    for identifier in ["%2e", "%2E%2e", ".%2e"] {
        let path = format!("/v1/connections/probe/accounts/{identifier}");
        // A client of URLs drops these segments by itself; the bytes of others arrive.
        let answer = raw_put(bed.client().base(), &path, &body.to_string()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{identifier}: {answer}");
        assert!(answer.contains("invalid_request") && answer.contains("`identifier`"), "{identifier}: {answer}");
    }
    assert_eq!(bed.client().get("/v1/accounts").await.expect(200)["total_size"], 0);
    // Names that only resemble them are names.
    for identifier in ["...", "..a", ".ada", "a%2F..%2Fb"] {
        bed.host.account("probe", identifier, &json!({ "token": "a-token-of-somebody" })).await.expect(201);
        let path = format!("/v1/connections/probe/accounts/{identifier}");
        bed.client().get(&path).await.expect(200);
    }
}

/// Escapes that are not text would be read as another text than the one that was sent.
#[tokio::test]
async fn a_query_that_is_not_text_is_refused() {
    let bed = Bed::start().await;
    for query in ["identifier=%ff", "identifier=ada&query=%c3%28", "identifier=%ed%a0%80", "%ff=1"] {
        for path in ["/v1/tools", "/v1/accounts", "/v1/executions"] {
            let answer = bed.client().get(&format!("{path}?{query}")).await;
            assert_eq!(answer.problem(400), "invalid_request", "{path}?{query}");
        }
    }
    bed.client().get("/v1/accounts?identifier=zo%c3%ab").await.expect(200);
}

/// Sends a request whose path is not touched on its way.
async fn raw_put(base: &str, path: &str, body: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let host = base.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let key = gloveport_tests::host::ADMIN_KEY;
    let length = body.len();
    let request = format!(
        "PUT {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
