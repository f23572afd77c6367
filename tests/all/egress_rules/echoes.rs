//! Lesson 10, AK-806: an upstream that gives the credential back, in any dress, gives the caller a mark.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gloveport_tests::canary::{Canary, assert_absent};
use gloveport_tests::upstream::{Encoding, Reply};
use serde_json::json;

use crate::probes::Case;

/// What stands where the credential stood.
const MARK: &str = "[redacted]";

async fn case() -> Case {
    let canary = Canary::of(format!("{}/+=\"\\&~", Canary::plain().token()));
    Case::sealed("bearer", canary, |token| json!({ "token": token })).await
}

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn percent_lower(text: &str) -> String {
    // The plain token is lower case, so only the digits of the escapes change.
    percent(text).to_lowercase()
}

fn escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

fn to_ascii(text: &str) -> String {
    text.bytes().map(|byte| format!("\\u{byte:04x}")).collect()
}

/// Every dress that the credential may come back in.
fn dresses(token: &str) -> Vec<(&'static str, String)> {
    vec![
        ("in clear", token.to_owned()),
        ("twice", format!("{token}{token}")),
        ("percent-encoded", percent(token)),
        ("percent-encoded in lower case", percent_lower(token)),
        ("percent-encoded twice", percent(&percent(token))),
        ("in hex", hex::encode(token)),
        ("in hex in capitals", hex::encode_upper(token)),
        ("in base64", STANDARD.encode(token)),
        ("in base64 after one byte", STANDARD.encode(format!("a{token}b"))),
        ("in base64 after two bytes", STANDARD.encode(format!("ab{token}c"))),
        ("in base64url", URL_SAFE_NO_PAD.encode(format!("abc{token}"))),
        ("JSON-escaped", escaped(token)),
        ("JSON-escaped to ASCII", to_ascii(token)),
        ("JSON within JSON", escaped(&escaped(token))),
        ("percent-encoded within JSON", escaped(&percent(token))),
    ]
}

#[tokio::test]
async fn a_body_that_echoes_the_credential_is_scrubbed() {
    let case = case().await;
    for (dress, text) in dresses(case.canary.token()) {
        case.answer(move |_| Reply::text(200, &format!("before {text} after")));
        let outcome = case.call(&json!({ "target": "/x" })).await;
        let data = outcome.requests(1).data();
        let body = data["body"].as_str().unwrap();
        assert!(body.starts_with("before ") && body.ends_with(" after"), "{dress}: {body}");
        assert!(body.contains(MARK), "{dress}: {body}");
        assert!(outcome.scrubbed() > 0, "{dress}");
    }
}

#[tokio::test]
async fn a_header_that_echoes_the_credential_is_scrubbed() {
    let case = case().await;
    for (dress, text) in dresses(case.canary.token()) {
        case.answer(move |_| Reply::text(200, "reached").header("x-echo", format!("a {text} b")));
        let outcome = case.call(&json!({ "target": "/x" })).await;
        let data = outcome.requests(1).data();
        let headers = data["headers"].as_array().unwrap();
        let echo = headers.iter().find(|pair| pair[0] == "x-echo").unwrap()[1].as_str().unwrap();
        assert!(echo.contains(MARK), "{dress}: {echo}");
        assert_eq!((outcome.scrubbed() > 0, &data["body"]), (true, &json!("reached")), "{dress}");
    }
}

/// The header's name itself: it goes as a whole, as a mark is no name.
#[tokio::test]
async fn a_header_named_after_the_credential_is_dropped() {
    let case = Case::sealed("bearer", Canary::plain(), |token| json!({ "token": token })).await;
    let name = case.canary.token().to_owned();
    case.answer(move |_| Reply::text(200, "reached").header(&format!("x-{name}"), "1"));
    let outcome = case.call(&json!({ "target": "/x" })).await;
    assert_eq!(outcome.scrubbed(), 1);
    assert!(!outcome.data()["headers"].to_string().contains("cnry"));
}

#[tokio::test]
async fn a_compressed_echo_is_scrubbed() {
    let case = case().await;
    for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Brotli] {
        let text = format!("{{\"token\":\"{}\"}}", escaped(case.canary.token()));
        case.answer(move |_| Reply::encoded(encoding, "application/json", text.as_bytes()));
        let outcome = case.call(&json!({ "target": "/x" })).await;
        assert_eq!(outcome.requests(1).data()["body"], format!("{{\"token\":\"{MARK}\"}}"), "{encoding:?}");
        assert_eq!(outcome.scrubbed(), 1, "{encoding:?}");
    }
}

/// Cut within the credential at every byte of it.
#[tokio::test]
async fn an_echo_in_pieces_is_scrubbed() {
    let case = case().await;
    let text = format!("<{}>", case.canary.token());
    for at in 1..text.len() {
        let text = text.clone();
        case.answer(move |_| Reply::split("text/plain", text.as_bytes(), &[at]));
        let outcome = case.call(&json!({ "target": "/x" })).await;
        assert_eq!((outcome.scrubbed(), outcome.data()["body"].as_str()), (1, Some("<[redacted]>")), "{at}");
    }
    let every: Vec<_> = (1..text.len()).collect();
    case.answer(move |_| Reply::split("text/plain", text.as_bytes(), &every));
    assert_eq!(case.call(&json!({ "target": "/x" })).await.data()["body"], "<[redacted]>");
}

/// Half of it before the limit, half behind: neither half comes through.
#[tokio::test]
async fn an_echo_at_the_cut_is_scrubbed() {
    let case = Case::of(gloveport_probe::Probe::Fetch).await;
    let token = case.canary.token().to_owned();
    let body = format!("{}{token}{}", "x".repeat((4 << 20) - token.len() / 2), "y".repeat(1000));
    case.answer(move |_| Reply::text(200, &body));
    let outcome = case.call(&json!({ "target": "/x" })).await;
    let data = outcome.data();
    let body = data["body"].as_str().unwrap();
    assert_eq!((data["truncated"].as_bool(), outcome.scrubbed()), (Some(true), 1));
    assert!(body.ends_with("xxx[redacted]"), "{}", &body[body.len() - 40..]);
}

/// Each pattern's own way: the header as it was sent, and the credential alone.
#[tokio::test]
async fn an_echo_of_the_whole_request_is_scrubbed_in_each_pattern() {
    let user = Canary::plain().token().to_owned();
    let basic = move |password: &str| json!({ "user": user, "password": password });
    let key = |key: &str| json!({ "key": key });
    let cases = [
        Case::sealed("header", Canary::plain(), key).await,
        Case::sealed("query", Canary::plain(), key).await,
        Case::sealed("cookie", Canary::plain(), key).await,
        Case::sealed("filler", Canary::plain(), key).await,
        Case::sealed("basic", Canary::plain(), basic).await,
    ];
    for case in cases {
        let token = case.canary.token().to_owned();
        case.answer(move |request| Reply::text(200, &format!("{}{token}", request.wire())));
        let outcome = case.call(&json!({ "target": "/x" })).await;
        let data = outcome.requests(1).data();
        assert!(data["body"].as_str().unwrap().contains(MARK), "{data}");
        assert!(outcome.scrubbed() >= 2, "{data}");
        assert_absent(&case.canary, "the answer", data.to_string().as_bytes());
    }
}

/// A user name is no secret: data is full of names. With the password beside it, in any encoding, it is the credential.
#[tokio::test]
async fn a_public_user_name_comes_back() {
    let credentials = |password: &str| json!({ "user": "grace.hopper", "password": password });
    let case = Case::sealed("basic", Canary::plain(), credentials).await;
    let token = case.canary.token().to_owned();
    let pair = STANDARD.encode(format!("grace.hopper:{token}"));
    case.answer(|_| Reply::text(200, "by grace.hopper, Z3JhY2UuaG9wcGVy"));
    let outcome = case.call(&json!({ "target": "/x" })).await;
    let sent = case.only_arrival();
    assert_eq!(sent.header("authorization"), Some(format!("Basic {pair}").as_str()));
    assert_eq!((outcome.data()["body"].as_str(), outcome.scrubbed()), (Some("by grace.hopper, Z3JhY2UuaG9wcGVy"), 0));
    for echo in [pair, format!("grace.hopper:{token}"), token.clone(), STANDARD.encode(&token)] {
        let body = echo.clone();
        case.answer(move |_| Reply::text(200, &body));
        let outcome = case.call(&json!({ "target": "/x" })).await;
        assert!(outcome.scrubbed() > 0 && !outcome.data()["body"].as_str().unwrap().contains(&echo), "{echo}");
    }
}

/// What only resembles it is the provider's data: nothing is touched, nothing noted.
#[tokio::test]
async fn what_is_not_the_credential_passes_unchanged() {
    let case = case().await;
    let token = case.canary.token();
    for text in
        [token[..token.len() - 1].to_owned(), token.to_uppercase(), token.chars().rev().collect(), "[redacted]".into()]
    {
        let body = text.clone();
        case.answer(move |_| Reply::text(200, &body));
        let outcome = case.call(&json!({ "target": "/x" })).await;
        assert_eq!((outcome.scrubbed(), outcome.data()["body"].as_str()), (0, Some(text.as_str())));
    }
}

/// A failure's text is the provider's own words: without the credential too.
#[tokio::test]
async fn an_echo_in_a_refused_credential_does_not_come_back() {
    let case = case().await;
    let refusing = gloveport_tests::upstream::Upstream::start(|request| {
        let secret = request.header("authorization").unwrap_or_default();
        Reply::text(401, &format!("bad token {secret}")).header("www-authenticate", format!("Bearer realm={secret}"))
    })
    .await;
    let connection = json!({
        "name": "refusing", "connector": "probe", "auth_pattern": "bearer", "base_url": refusing.url(""),
    });
    case.host.client().post("/v1/connections", &connection).await.expect(201);
    let canary = case.host.plant();
    let answer = case.host.account("refusing", "eve", &json!({ "token": canary.token() })).await;
    assert_eq!(answer.problem(422), "invalid_input");
    assert_eq!(refusing.only_request().header("authorization"), Some(&*format!("Bearer {}", canary.token())));
    assert_eq!(case.host.client().get("/v1/connections/refusing/accounts/eve").await.status, 404);
}
