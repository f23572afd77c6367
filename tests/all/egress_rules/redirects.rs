//! Lesson 2: redirects are followed by hand: at most five, each checked, and the credential stays where it was sent.

use gloveport_probe::Probe;
use gloveport_tests::canary::assert_absent;
use gloveport_tests::host::TestHost;
use gloveport_tests::programs;
use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::json;

use crate::probes::Case;

/// The last of the probe's hosts, which a test writes the address of its second upstream over.
const PLACE: &str = "127.0.0.1:59999";

/// A case whose connector may reach a second upstream too.
async fn with_second(second: &Upstream) -> Case {
    let address = second.address().to_string();
    assert_eq!(address.len(), PLACE.len(), "ports that the system chooses have five digits");
    let mut component = std::fs::read(programs::connector("probe")).unwrap();
    // It is in the manifest, and again in the data of the code that could answer it.
    for at in 0..component.len() {
        if component[at..].starts_with(PLACE.as_bytes()) {
            component[at..at + PLACE.len()].copy_from_slice(address.as_bytes());
        }
    }
    let host = TestHost::start().await;
    let wasm = [("content-type", "application/wasm")];
    let installed = host.client().send("POST", "/v1/connectors", &wasm, component).await.expect(201);
    assert!(installed["hosts"].as_array().unwrap().contains(&json!(address)), "{installed}");
    let canary = host.plant();
    Case::connected(Probe::FetchOrFail, host, canary, "bearer", |token| json!({ "token": token })).await
}

fn bearer(case: &Case) -> String {
    format!("Bearer {}", case.canary.token())
}

#[tokio::test]
async fn within_the_origin_the_credential_goes_along() {
    let case = Case::of(Probe::FetchOrFail).await;
    for (status, location) in
        [(301, "/new?a=1"), (302, "new?a=1"), (303, "./new?a=1"), (307, "../new?a=1"), (308, "/new?a=1#part")]
    {
        let before = case.arrived().len();
        case.answer(move |request| match request.path() {
            "/old" => Reply::redirect(status, location),
            _ => Reply::text(200, "moved"),
        });
        let outcome = case.call(&json!({ "target": "/old", "headers": [["x-one", "1"]] })).await;
        assert_eq!(outcome.requests(2).data()["body"], "moved", "{status} {location}");
        let hops = case.arrived().split_off(before);
        let told: Vec<_> = hops.iter().map(|hop| (hop.target.as_str(), hop.header("x-one"))).collect();
        assert_eq!(told, [("/old", Some("1")), ("/new?a=1", Some("1"))], "{status} {location}");
        assert!(hops.iter().all(|hop| hop.header("authorization") == Some(&bearer(&case))));
    }
}

/// The second origin is one of the connector's own hosts, and still no business of the credential's.
#[tokio::test]
async fn another_origin_gets_the_request_without_the_credential() {
    let second = Upstream::start(|request| Reply::text(200, &request.wire())).await;
    let case = with_second(&second).await;
    for status in [301, 302, 303, 307, 308] {
        let away = second.url("/away");
        case.answer(move |_| Reply::redirect(status, &away));
        let headers = json!([["x-private", "1"], ["accept", "text/plain"]]);
        let outcome = case.call(&json!({ "target": "/x", "headers": headers })).await;
        let data = outcome.requests(2).data();
        assert_eq!((&data["status"], outcome.scrubbed()), (&json!(200), 0), "{status}");
    }
    assert_eq!((case.arrived().len(), second.requests().len()), (5, 5));
    for request in second.requests() {
        assert_absent(&case.canary, "the second origin", request.wire().as_bytes());
        assert_eq!((request.header("authorization"), request.header("x-private")), (None, None));
        assert_eq!(request.header("accept"), Some("text/plain"));
    }
}

/// What a foreign origin points to is the foreign origin's request, also when that is home.
#[tokio::test]
async fn there_and_back_is_without_the_credential() {
    let second = Upstream::start(|request| {
        let home = request.parameter("home").unwrap_or_default();
        Reply::redirect(302, &home)
    })
    .await;
    let case = with_second(&second).await;
    let away = second.url(&format!("/away?home={}", case.upstream.url("/back")));
    case.answer(move |request| match request.path() {
        "/back" => Reply::text(200, "back"),
        _ => Reply::redirect(302, &away),
    });
    assert_eq!(case.call(&json!({ "target": "/x" })).await.requests(3).data()["body"], "back");
    let [first, last] = <[_; 2]>::try_from(case.arrived()).unwrap();
    assert_eq!(first.header("authorization"), Some(&*bearer(&case)));
    assert_eq!((last.path(), last.header("authorization")), ("/back", None));
}

/// A body is sent on only where a route of the tool goes.
#[tokio::test]
async fn a_write_does_not_follow_where_no_route_goes() {
    let second = Upstream::start(|_| Reply::text(200, "stored")).await;
    let case = with_second(&second).await;
    let write = json!({ "method": "POST", "target": "/x", "body": { "kind": "bytes", "text": "secret plans" } });
    for status in [307, 308] {
        let away = second.url("/away");
        case.answer(move |_| Reply::redirect(status, &away));
        case.call(&write).await.requests(1).failed(403, "route_not_allowed", "guest");
    }
    assert!(second.requests().is_empty());
    // The others make it a GET, without body and idempotency key.
    let away = second.url("/away");
    case.answer(move |_| Reply::redirect(303, &away));
    case.call(&write).await.requests(2).data();
    let request = second.only_request();
    assert_eq!((request.method.as_str(), request.body.len()), ("GET", 0));
    assert_eq!((request.header("idempotency-key"), request.header("content-type")), (None, None));
}

/// Refused where they lead; the first hop has left, and nothing else has.
#[tokio::test]
async fn a_redirect_is_checked_like_a_request() {
    let case = Case::of(Probe::FetchOrFail).await;
    let second = Upstream::start(|_| Reply::text(200, "reached")).await;
    let other = second.url("/x");
    let own = case.upstream.address().port();
    for (location, status, code, culprit) in [
        (other.as_str(), 403, "host_not_allowed", "guest"),
        ("https://evil.test/x", 403, "host_not_allowed", "guest"),
        ("//evil.test/x", 403, "host_not_allowed", "guest"),
        ("http://169.254.169.254/latest/meta-data/", 403, "host_not_allowed", "guest"),
        ("http://metadata.google.internal/", 403, "address_not_allowed", "policy"),
        (&format!("http://localhost:{own}/x"), 403, "host_not_allowed", "guest"),
        (&format!("http://2130706433:{own}/x"), 502, "guest_error", "guest"),
        (&format!("http://0x7f.1:{own}/x"), 502, "guest_error", "guest"),
        (&format!("http://ada@127.0.0.1:{own}/x"), 502, "guest_error", "guest"),
        (&format!("http://127.0.0.1:{own}\\@evil.test/x"), 502, "guest_error", "guest"),
        ("file:///etc/passwd", 502, "guest_error", "guest"),
        ("javascript:alert(1)", 502, "guest_error", "guest"),
        ("https:evil.test", 502, "guest_error", "guest"),
        ("", 502, "guest_error", "guest"),
    ] {
        let location = location.to_owned();
        let told = location.clone();
        case.answer(move |_| Reply::redirect(302, &location));
        let outcome = case.call(&json!({ "target": "/x" })).await;
        assert_eq!(outcome.answer.json()["code"], code, "{told}");
        outcome.requests(1).failed(status, code, culprit);
    }
    assert_eq!((case.arrived().len(), second.connections()), (14, 0));
}

/// A provider that writes the credential into a redirect to elsewhere does not get it there.
#[tokio::test]
async fn a_redirect_cannot_carry_the_credential_away() {
    let second = Upstream::start(|_| Reply::text(200, "reached")).await;
    let case = with_second(&second).await;
    for dress in [|token: &str| token.to_owned(), |token: &str| hex::encode(token)] {
        let away = second.url(&format!("/away?token={}", dress(case.canary.token())));
        case.answer(move |_| Reply::redirect(302, &away));
        let detail = case.call(&json!({ "target": "/x" })).await.requests(1).failed(502, "guest_error", "guest");
        assert!(detail.contains("would carry the credential"), "{detail}");
    }
    assert_eq!(second.connections(), 0);
}

#[tokio::test]
async fn a_loop_ends_after_five_redirects() {
    let case = Case::of(Probe::FetchOrFail).await;
    case.answer(|request| {
        let n: u32 = request.path().trim_start_matches('/').parse().unwrap_or_default();
        Reply::redirect(302, &format!("/{}", n + 1))
    });
    let detail = case.call(&json!({ "target": "/1" })).await.requests(6).failed(502, "guest_limit", "limit");
    assert!(detail.contains("5 redirects"), "{detail}");
    assert_eq!(case.arrived().len(), 6);
    case.answer(|request: &Recorded| match request.path() {
        "/6" => Reply::text(200, "the end"),
        path => Reply::redirect(307, &format!("/{}", path.trim_start_matches('/').parse::<u32>().unwrap() + 1)),
    });
    assert_eq!(case.call(&json!({ "target": "/1" })).await.requests(6).data()["body"], "the end");
}

/// Without a location it is an answer like another.
#[tokio::test]
async fn what_only_looks_like_a_redirect_is_an_answer() {
    let case = Case::of(Probe::FetchOrFail).await;
    case.answer(|_| Reply::text(302, "no location"));
    assert_eq!(case.call(&json!({ "target": "/x" })).await.requests(1).data()["status"], 302);
    for status in [200, 201, 300, 304, 305, 306, 404] {
        case.answer(move |_| Reply::redirect(status, "/elsewhere"));
        assert_eq!(case.call(&json!({ "target": "/x" })).await.requests(1).data()["status"], status);
    }
}
