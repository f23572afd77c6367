//! SI-10, AU-04..06, AK-806: each auth pattern puts the credential where the provider wants it, and nowhere else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gloveport_tests::canary::{Canary, assert_absent};
use gloveport_tests::upstream::Recorded;
use serde_json::{Value, json};

use crate::probes::{Case, USER};

/// A credential with signs that each place must escape or pass, as far as the place can hold them.
fn token(n: u32, signs: &str) -> Canary {
    Canary::of(format!("{}{n}{signs}", Canary::plain().token()))
}

/// Calls with one pattern and gives what arrived: the request of the call, and that of the test call before it.
async fn arrivals(pattern: &str, canary: Canary, credentials: impl Fn(&str) -> Value) -> Vec<Recorded> {
    let case = Case::sealed(pattern, canary, credentials).await;
    let outcome = case.call(&json!({ "target": "/x", "query": [["page", "1"]], "headers": [["x-one", "1"]] })).await;
    assert_eq!(outcome.requests(1).data()["body"], "reached");
    assert_eq!(outcome.scrubbed(), 0);
    let mut arrived = case.upstream.requests();
    assert_eq!(arrived.len(), 2);
    let request = arrived.pop().unwrap();
    assert!(request.target.starts_with("/x?page=1"), "{}", request.target);
    vec![request, arrived.remove(0)]
}

#[tokio::test]
async fn a_bearer_token_is_in_the_authorization_header() {
    let canary = token(1, "/+=\"\\&~.");
    for request in arrivals("bearer", canary.clone(), |token| json!({ "token": token })).await {
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {}", canary.token())));
        assert_absent(&canary, "the target", request.target.as_bytes());
    }
}

#[tokio::test]
async fn an_api_key_is_in_its_header_with_its_prefix() {
    let canary = token(2, "/+=\"\\&~.");
    for request in arrivals("header", canary.clone(), |key| json!({ "key": key })).await {
        assert_eq!(request.header("x-api-key"), Some(&*format!("Token {}", canary.token())));
        assert_eq!(request.header("authorization"), None);
        assert_absent(&canary, "the target", request.target.as_bytes());
    }
}

#[tokio::test]
async fn an_api_key_is_in_the_query_escaped() {
    let canary = token(3, "/+=\"\\&?#%41");
    for request in arrivals("query", canary.clone(), |key| json!({ "key": key })).await {
        assert_eq!(request.parameter("api_key").as_deref(), Some(canary.token()));
        assert_eq!(request.query().iter().filter(|(name, _)| name == "api_key").count(), 1);
        assert_eq!(request.header("authorization"), None);
        let headers = format!("{:?}", request.headers);
        assert_absent(&canary, "the headers", headers.as_bytes());
    }
}

#[tokio::test]
async fn an_api_key_is_in_a_cookie() {
    let canary = token(4, "/+=&~.");
    for request in arrivals("cookie", canary.clone(), |key| json!({ "key": key })).await {
        assert_eq!(request.header("cookie"), Some(&*format!("session={}", canary.token())));
        assert_eq!(request.header("authorization"), None);
        assert_absent(&canary, "the target", request.target.as_bytes());
    }
}

#[tokio::test]
async fn user_and_password_are_basic() {
    let canary = token(5, "/+=:é");
    for request in arrivals("basic", canary.clone(), |password| json!({ "user": "ada", "password": password })).await {
        let expected = STANDARD.encode(format!("ada:{}", canary.token()));
        assert_eq!(request.header("authorization"), Some(&*format!("Basic {expected}")));
    }
}

#[tokio::test]
async fn a_key_as_user_name_has_its_filler() {
    let canary = token(6, "/+=");
    for request in arrivals("filler", canary.clone(), |key| json!({ "key": key })).await {
        let expected = STANDARD.encode(format!("{}:X", canary.token()));
        assert_eq!(request.header("authorization"), Some(&*format!("Basic {expected}")));
    }
}

#[tokio::test]
async fn without_an_account_there_is_no_credential() {
    for request in arrivals("none", Canary::plain(), |_| json!({})).await {
        for name in ["authorization", "cookie", "x-api-key"] {
            assert_eq!(request.header(name), None, "{name}");
        }
        assert_eq!(request.parameter("api_key"), None);
    }
}

/// AU-05: a credential that its place cannot hold is never sent, never stored, and never told.
#[tokio::test]
async fn a_credential_that_does_not_fit_its_place_is_not_stored() {
    let case = Case::sealed("cookie", Canary::plain(), |key| json!({ "key": key })).await;
    for (n, signs) in ["; path=/", " x", "\"", "é", "\r\nx: y"].into_iter().enumerate() {
        let canary = token(10 + u32::try_from(n).unwrap(), signs);
        case.host.search_for(canary.clone());
        let answer = case.host.account("probe", "eve", &json!({ "key": canary.token() })).await;
        assert!((400..500).contains(&answer.status), "{signs:?}: {answer:?}");
        let shown = case.host.client().get("/v1/connections/probe/accounts/eve").await;
        assert_eq!(shown.status, 404, "{signs:?}");
    }
    assert!(case.arrived().is_empty());
}

/// AU-06: each user's call carries that user's credential (lesson 6), and an unknown user has none.
#[tokio::test]
async fn each_user_has_an_own_credential() {
    let case = Case::sealed("bearer", Canary::plain(), |token| json!({ "token": token })).await;
    let bobs = case.host.plant();
    case.host.account("probe", "bob", &json!({ "token": bobs.token() })).await.expect(201);
    let input = json!({ "target": "/x" });
    for (user, canary) in [(USER, &case.canary), ("bob", &bobs), (USER, &case.canary)] {
        case.host.execute("probe_fetch", user, &input).await.expect(200);
        let request = case.upstream.requests().pop().unwrap();
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {}", canary.token())), "{user}");
    }
    let before = case.upstream.requests().len();
    for user in ["eve", "Ada", "ada ", ""] {
        assert_eq!(
            case.host.execute("probe_fetch", user, &input).await.problem(409),
            "account_not_connected",
            "{user:?}"
        );
    }
    assert_eq!(case.upstream.requests().len(), before);
}
