//! Lessons 1 and 4: whatever a guest writes for a target, it reaches the granted origin on a declared route, or nothing.

use gloveport_probe::Probe;
use gloveport_tests::canary::Canary;
use serde_json::json;

use crate::probes::Case;

/// Refused as malformed: (what, target). `PORT` is that of the upstream, which must hear nothing.
const MALFORMED: &[(&str, &str)] = &[
    ("empty", ""),
    ("no slash", "items"),
    ("two slashes name a host", "//127.0.0.1:PORT/x"),
    ("a dot segment", "/a/./b"),
    ("climbing", "/a/../b"),
    ("climbing out", "/../x"),
    ("climbing at the end", "/a/.."),
    ("climbing, encoded", "/a/%2e%2e/b"),
    ("climbing, encoded in capitals", "/a/%2E%2E/b"),
    ("climbing, half encoded", "/a/.%2e/b"),
    ("climbing behind an encoded slash", "/a%2f..%2fb"),
    ("climbing behind an encoded backslash", "/a%5c..%5cb"),
    ("climbing before a semicolon", "/a/..;x=1/b"),
    ("a backslash", "/a\\b"),
    ("a tab in a climb", "/a/.\t./b"),
    ("a line break", "/a\r\nx-evil: 1"),
    ("a line break, encoded", "/a%0d%0ax-evil:%201"),
    ("NUL, encoded", "/a%00"),
    ("half an escape", "/a%2"),
    ("no escape", "/a%zz"),
    ("a space", "/a b"),
    ("a fragment", "/a#b"),
    ("user information", "http://ada@127.0.0.1:PORT/x"),
    ("user and password", "http://ada:secret@127.0.0.1:PORT/x"),
    ("empty user information", "http://@127.0.0.1:PORT/x"),
    ("a host in the user information", "http://127.0.0.1:PORT@evil.test/x"),
    ("a backslash before an at sign", "http://127.0.0.1:PORT\\@evil.test/x"),
    ("a 0-prefixed address", "http://127.0.0.01:PORT/x"),
    ("an octal address", "http://0177.0.0.1:PORT/x"),
    ("a hexadecimal part", "http://0x7f.0.0.1:PORT/x"),
    ("a hexadecimal address", "http://0x7f000001:PORT/x"),
    ("a decimal address", "http://2130706433:PORT/x"),
    ("a short address", "http://127.1:PORT/x"),
    ("an address in other digits", "http://１２７.0.0.1:PORT/x"),
    ("an address with other dots", "http://127。0。0。1:PORT/x"),
    ("a percent-encoded address", "http://%31%32%37.0.0.1:PORT/x"),
    ("a trailing dot", "http://127.0.0.1.:PORT/x"),
    ("a zone identifier", "http://[fe80::1%25eth0]:PORT/x"),
    ("a bare zone identifier", "http://[::1%lo]:PORT/x"),
    ("a zone by its number", "http://[fe80::1%251]:PORT/x"),
    ("a wildcard", "https://*.wild.probe.test/x"),
    ("a 0-prefixed port", "http://127.0.0.1:0PORT/x"),
    ("no port that exists", "http://127.0.0.1:99999/x"),
    ("no host", "https:///x"),
    ("a scheme and a path", "https:/x"),
    ("a file", "file:///etc/passwd"),
    ("another scheme", "ftp://127.0.0.1:PORT/x"),
    ("data", "data:text/plain,x"),
    ("a script", "javascript:alert(1)"),
    ("a socket", "unix:/run/docker.sock"),
    ("IPv4 within IPv6", "http://[::ffff:127.0.0.1]:PORT/x"),
    ("IPv4 within IPv6 in hex", "http://[::ffff:7f00:1]:PORT/x"),
];

/// Refused for their host, whatever way it is written.
const FOREIGN: &[(&str, &str)] = &[
    ("another host", "https://evil.test/x"),
    ("the granted one as a prefix", "https://api.probe.test.evil.test/x"),
    ("the granted one as a suffix", "https://xapi.probe.test/x"),
    ("the apex of a wildcard", "https://wild.probe.test/x"),
    ("beside the wildcard", "https://notwild.probe.test/x"),
    ("another port", "https://api.probe.test:8443/x"),
    ("an IDN that looks the same", "https://аpi.probe.test/x"),
    ("the same in punycode", "https://xn--pi-7kc.probe.test/x"),
    ("localhost", "http://localhost:PORT/x"),
    ("another loopback address", "http://127.0.0.2:PORT/x"),
    ("another port of the loopback", "http://127.0.0.1:1/x"),
    ("IPv6 loopback", "http://[::1]:PORT/x"),
    ("unspecified", "http://0.0.0.0:PORT/x"),
    ("AWS metadata", "http://169.254.169.254/latest/meta-data/"),
    ("AWS metadata over IPv6", "http://[fd00:ec2::254]/latest/"),
    ("Alibaba metadata", "http://100.100.100.200/latest/"),
    ("Oracle metadata", "http://192.0.0.192/opc/v2/"),
    ("Azure's wire server", "http://168.63.129.16/"),
];

async fn refused(rows: &[(&str, &str)], status: u16, code: &str) {
    let case = Case::of(Probe::FetchOrFail).await;
    let port = case.upstream.address().port().to_string();
    for (what, target) in rows {
        let outcome = case.call(&json!({ "target": target.replace("PORT", &port) })).await;
        let told = outcome.answer.json();
        assert_eq!(told["code"], code, "{what}: {told}");
        let detail = outcome.requests(0).failed(status, code, "guest");
        assert!(!detail.contains("secret") && !detail.contains(case.canary.token()), "{what}: {detail}");
        assert_eq!(outcome.scrubbed(), 0, "{what}");
    }
    assert_eq!((case.arrived().len(), case.upstream.connections()), (0, 1), "nobody connected");
}

#[tokio::test]
async fn a_malformed_target_reaches_nothing() {
    refused(MALFORMED, 502, "guest_error").await;
}

#[tokio::test]
async fn a_foreign_host_is_not_reached() {
    refused(FOREIGN, 403, "host_not_allowed").await;
}

/// Their names are refused before anyone is asked for their addresses.
#[tokio::test]
async fn a_metadata_name_is_the_operators_no() {
    let case = Case::of(Probe::FetchOrFail).await;
    for host in ["metadata.google.internal", "METADATA.google.internal", "metadata.goog", "instance-data", "metadata"] {
        let outcome = case.call(&json!({ "target": format!("http://{host}/x") })).await;
        let detail = outcome.requests(0).failed(403, "address_not_allowed", "policy");
        assert!(detail.contains("never allowed"), "{detail}");
    }
    assert!(case.arrived().is_empty());
}

/// What is odd and still allowed arrives as it was written.
#[tokio::test]
async fn odd_targets_arrive_unbent() {
    let case = Case::of(Probe::FetchOrFail).await;
    let own = case.upstream.url("/x?y=1");
    let targets = [
        ("/...", "/..."),
        ("/.git/..config", "/.git/..config"),
        ("/a%2Fb", "/a%2Fb"),
        ("/a;v=1", "/a;v=1"),
        ("/%E2%82%AC", "/%E2%82%AC"),
        ("/x?next=../../y&url=http://evil.test/", "/x?next=../../y&url=http://evil.test/"),
        (own.as_str(), "/x?y=1"),
        // Not UTF-8, and none of our business: bytes in another encoding are the provider's to read.
        ("/x?a=%ff&b=%C3%28&%fe=1", "/x?a=%ff&b=%C3%28&%fe=1"),
    ];
    for (target, _) in targets {
        case.call(&json!({ "target": target })).await.requests(1).data();
    }
    let arrived: Vec<_> = case.arrived().into_iter().map(|request| request.target).collect();
    assert_eq!(arrived, targets.map(|(_, arrives)| arrives));
}

/// The same where the credential goes into the query: the guest's part of it is not decoded and written anew.
#[tokio::test]
async fn an_odd_query_arrives_unbent_beside_the_credential() {
    let case = Case::sealed("query", Canary::plain(), |key| json!({ "key": key })).await;
    let key = case.canary.token().to_owned();
    for query in ["a=%ff", "%ff=%FE&a=+%2B%20&b", "a=%ed%a0%80"] {
        case.call(&json!({ "target": format!("/x?{query}") })).await.requests(1).data();
        let arrived = case.arrived().pop().unwrap().target;
        assert_eq!(arrived, format!("/x?{query}&api_key={key}"));
    }
    // Written as escapes, the parameter's name is still the host's.
    let outcome = case.call(&json!({ "target": "/x?%61pi_key=mine&a=%ff" })).await;
    outcome.requests(0);
    assert_eq!(case.arrived().len(), 3);
}

/// Methods that make a tunnel, echo the credential, or are none.
#[tokio::test]
async fn odd_methods_reach_nothing() {
    let case = Case::of(Probe::FetchOrFail).await;
    for method in ["", "get", "CONNECT", "TRACE", "GET /x HTTP/1.1\r\nx", "GÉT", "G ET"] {
        let outcome = case.call(&json!({ "method": method, "target": "/x" })).await;
        outcome.requests(0).failed(502, "guest_error", "guest");
    }
    let outcome = case.call(&json!({ "method": "PROPFIND", "target": "/x" })).await;
    outcome.requests(0).failed(403, "route_not_allowed", "guest");
    assert!(case.arrived().is_empty());
}
