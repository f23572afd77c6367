//! RFC 9700 in manifests: what no connector may declare, whoever wrote it.

use serde_json::{Value, json};

use super::bed::Bed;
use super::wasm::with_manifest;

/// Installs the probe with one more pattern of OAuth 2.0; gives the status and the words.
async fn declared(bed: &Bed, change: impl FnOnce(&mut Value)) -> (u16, String) {
    let mut pattern = json!({
        "name": "oauth", "title": "Sign in", "type": "oauth2", "authorize_url": "https://login.example.com/authorize",
        "token_url": "https://login.example.com/token",
    });
    change(&mut pattern);
    let component = with_manifest(|manifest| {
        manifest["version"] = "7.0.0".into();
        manifest["auth"].as_array_mut().unwrap().push(pattern);
    });
    let headers = [("content-type", "application/wasm")];
    let answer = bed.client().send("POST", "/v1/connectors", &headers, component).await;
    (answer.status, answer.json().to_string())
}

/// Section 2.1.2 and 2.4: nothing but codes, and what the host sets is the host's.
#[tokio::test]
async fn grants_of_others_are_not_declared() {
    let bed = Bed::start().await;
    for (key, name, value) in [
        ("authorize_parameters", "response_type", "token"),
        ("authorize_parameters", "state", "fixed"),
        ("authorize_parameters", "redirect_uri", "https://evil.example"),
        ("authorize_parameters", "code_challenge_method", "plain"),
        ("authorize_parameters", "code_challenge", "x"),
        ("token_parameters", "grant_type", "password"),
        ("token_parameters", "code_verifier", "x"),
        ("token_parameters", "redirect_uri", "https://evil.example"),
        ("token_parameters", "client_secret", "x"),
        ("refresh_parameters", "grant_type", "password"),
        ("refresh_parameters", "refresh_token", "x"),
    ] {
        let (status, words) = declared(&bed, |pattern| pattern[key] = json!({ name: value })).await;
        assert_eq!(status, 422, "{key} {name}: {words}");
        assert!(words.contains(name), "{key} {name}: {words}");
    }
    let (status, words) = declared(&bed, |pattern| pattern["type"] = "oauth2_password".into()).await;
    assert_eq!(status, 422, "{words}");
    assert_eq!(declared(&bed, |_| {}).await.0, 201);
}

/// Tokens, codes and browsers go by TLS; the loopback of a test is what its operator allowed.
#[tokio::test]
async fn endpoints_without_tls_are_not_declared() {
    let bed = Bed::start().await;
    for url in [
        "http://login.example.com/token",
        "ftp://login.example.com/token",
        "https://user:pass@login.example.com/token",
        "https://login.example.com/token#x",
        "login.example.com/token",
        "javascript:alert(1)",
        "",
    ] {
        for key in ["authorize_url", "token_url", "revoke_url", "refresh_url"] {
            let (status, words) = declared(&bed, |pattern| pattern[key] = url.into()).await;
            assert_eq!(status, 422, "{key} {url}: {words}");
        }
    }
}
