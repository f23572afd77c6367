//! RFC 9700: what a token endpoint, or somebody in its place, may try.

use gloveport::oauth::OAuthError;
use gloveport_tests::canary::Canary;
use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::json;

use super::Scene;

/// A redirect is never followed: neither a code nor a refresh token nor the client's secret goes anywhere else.
#[tokio::test]
async fn redirects_of_the_token_endpoint_are_not_followed() {
    let elsewhere =
        Upstream::start(|_: &Recorded| Reply::json(200, &json!({ "access_token": "cnry_of_a_thief" }))).await;
    let scene = Scene::start().await;
    let here = scene.server.url("/token");
    for status in [301, 302, 303, 307, 308] {
        for target in [elsewhere.url("/token"), here.clone(), "/token".into()] {
            let before = scene.server.counts().token_requests;
            scene.server.set(|quirks| quirks.answers = [Reply::redirect(status, &target)].into());
            let refused = scene.exchanged(|_| {}).await;
            let expected = match refused {
                Err(OAuthError::Configuration { ref reason }) => {
                    matches!(status, 301 | 308) && reason.contains("redirect")
                }
                Err(OAuthError::Transient { ref reason, .. }) => {
                    !matches!(status, 301 | 308) && reason.contains("redirect")
                }
                _ => false,
            };
            assert!(expected, "{status} {target}: {refused:?}");
            assert_eq!(scene.server.counts().token_requests, before + 1);
        }
    }
    scene.authorize("ada").await;
    scene.pass(3_600);
    scene.server.set(|quirks| quirks.answers = [Reply::redirect(307, &elsewhere.url("/token"))].into());
    assert_eq!(scene.call("ada").await.problem(502), "upstream_error");
    assert_eq!(elsewhere.requests().len(), 0);
    scene.works().await;
}

/// Answers that are no token answers: nothing of them is stored or used.
#[tokio::test]
async fn answers_that_are_none_give_no_token() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    scene.pass(3_600);
    let token = "cnry_nobody_gave_this";
    scene.bed.host.search_for(Canary::of(token));
    let good = json!({ "access_token": token }).to_string();
    let long = json!({ "access_token": token, "more": "x".repeat(200_000) });
    for (n, reply) in [
        Reply::json(200, &long),
        Reply::json(200, &json!({ "access_token": token.repeat(1_000) })),
        Reply::bytes(200, "text/html", good.clone()),
        Reply::bytes(200, "application/x-www-form-urlencoded", format!("access_token={token}")),
        Reply::bytes(200, "application/json", format!("{good}{good}")),
        Reply::bytes(200, "application/json", good[..good.len() - 1].to_owned()),
        Reply::json(200, &json!({ "access_token": format!("{token}\r\nx-evil: 1") })),
        Reply::json(200, &json!({ "access_token": "" })),
        Reply::json(200, &json!({ "access_token": [token] })),
        Reply::json(200, &json!([{ "access_token": token }])),
        Reply::json(200, &json!({ "error": "server_error", "access_token": token })),
        Reply::json(500, &json!({ "access_token": token })),
        Reply::repeated("application/json", " ".repeat(1_000), 10_000),
    ]
    .into_iter()
    .enumerate()
    {
        scene.server.set(|quirks| quirks.answers = [reply].into());
        assert_eq!(scene.call("ada").await.problem(502), "upstream_error", "{n}");
        assert_eq!(scene.shown().await["status"], "active", "{n}");
    }
    // With 200 as well as with 400: an error is what it says.
    scene.server.set(|quirks| quirks.answers = [Reply::json(200, &json!({ "error": "invalid_grant" }))].into());
    assert_eq!(scene.call("ada").await.problem(409), "account_not_active");
    assert_eq!(scene.shown().await["status"], "expired");
    assert_eq!(scene.server.requests("/api/who").len(), 0);
}

/// Endpoints at addresses that are not public are asked nothing, whatever the manifest says.
#[tokio::test]
async fn endpoints_inside_of_a_network_are_not_reached() {
    for url in [
        "https://169.254.169.254/token",
        "https://10.0.0.1/token",
        "https://192.168.1.1:8443/token",
        "https://[::1]/token",
        "https://[fd00:ec2::254]/token",
    ] {
        let scene = Scene::changed(|pattern| pattern["token_url"] = url.into()).await;
        let refused = scene.exchanged(|_| {}).await;
        assert!(
            matches!(refused, Err(OAuthError::Transient { ref reason, .. }) if reason.contains("address")),
            "{url}: {refused:?}"
        );
    }
}

/// A token goes to the hosts that it was given for: a connection that is led elsewhere afterwards does not take it along.
#[tokio::test]
async fn tokens_stay_with_their_hosts() {
    let thief = Upstream::start(|_: &Recorded| Reply::json(200, &json!({}))).await;
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    let headers = [("content-type", "application/json")];
    let body = json!({ "base_url": thief.url("/api") }).to_string();
    scene.bed.client().send("PATCH", "/v1/connections/crm", &headers, body).await.expect(200);
    let refused = async || scene.call("ada").await.expect(200)["data"]["error"]["kind"].clone();
    assert_eq!(refused().await, "refused");
    scene.pass(3_600);
    assert_eq!(refused().await, "refused");
    // A connector in another version has another token endpoint: refresh token and secret do not follow.
    let mut moved = scene.oauth2();
    moved["token_url"] = thief.url("/token").into();
    let component = super::with_manifest(|manifest| {
        manifest["version"] = "7.1.0".into();
        manifest["auth"].as_array_mut().unwrap().push(moved);
    });
    let headers = [("content-type", "application/wasm")];
    scene.bed.client().send("POST", "/v1/connectors", &headers, component).await.expect(201);
    scene.pass(3_600);
    assert!(scene.call("ada").await.status >= 400);
    assert_eq!(thief.requests().len(), 0);
}
