//! What an authorization takes: clients of connections, scopes that are asked for, codes that are exchanged.

use gloveport::model::Secret;
use gloveport::oauth::OAuthError;
use gloveport_tests::authorization::{AuthMethod, RegisteredClient};
use gloveport_tests::canary::Canary;
use serde_json::{Value, json};

use super::Scene;

/// AK-309: a connection's client is shown, its secret never; what does not fit is refused without being repeated.
#[tokio::test]
async fn clients_go_in_and_secrets_stay_in() {
    let scene = Scene::start().await;
    let client = scene.bed.client();
    scene.bed.host.search_for(Canary::of("cnry-never-repeated"));
    let shown = client.get("/v1/connections/crm").await.expect(200);
    assert_eq!(shown["oauth"], json!({ "client_id": "gloveport", "scopes": ["read"] }));
    let expected = format!("{}/oauth/callback/probe", client.base());
    assert_eq!(shown["redirect_uri"], expected.as_str());
    // A person registers a client before there is a connection.
    assert_eq!(client.get("/v1/connectors/probe").await.expect(200)["redirect_uri"], expected.as_str());
    let secret = "cnry-never-repeated";
    for oauth in [
        json!({ "client_secret": secret }),
        json!({ "client_id": "", "client_secret": secret }),
        json!({ "client_id": 7, "client_secret": secret }),
        json!({ "client_id": "a\nb", "client_secret": secret }),
        json!({ "client_id": "a", "client_secret": "" }),
        json!({ "client_id": "a", "client_secret": [secret] }),
        json!({ "client_id": "a", "client_secret": secret, "more": 1 }),
        json!({ "client_id": "a", "client_secret": format!("{secret}{}", "x".repeat(4_096)) }),
        json!({ "scopes": "read" }),
        json!({ "scopes": ["a b"] }),
        json!({ "scopes": [""] }),
        json!({ "scopes": ["a\"b"] }),
        json!({ "scopes": vec!["a"; 513] }),
        json!(secret),
        json!([secret]),
    ] {
        let answer = client.send("PATCH", "/v1/connections/crm", JSON, json!({ "oauth": oauth }).to_string()).await;
        assert!(matches!(answer.status, 400 | 422), "{oauth}");
    }
    // The probe's own connection has a bearer token, and no client.
    let oauth = json!({ "oauth": { "client_id": "a", "client_secret": secret } });
    let answer = client.send("PATCH", "/v1/connections/probe", JSON, oauth.to_string()).await;
    assert_eq!(answer.problem(400), "invalid_request");
    assert_eq!(client.get("/v1/connections/crm").await.expect(200)["oauth"], shown["oauth"]);
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// AK-210: another client is for new authorizations; accounts stay with the one that they were authorized with.
#[tokio::test]
async fn accounts_stay_with_their_client() {
    let scene = Scene::start().await;
    let old = scene.authorize("ada").await;
    let second = RegisteredClient::confidential("second", AuthMethod::Basic);
    scene.server.register(second.clone());
    let oauth = json!({ "oauth": { "client_id": second.id, "client_secret": second.secret } });
    let answer = scene.bed.client().send("PATCH", "/v1/connections/crm", JSON, oauth.to_string()).await;
    assert_eq!(answer.expect(200)["oauth"], json!({ "client_id": "second", "scopes": ["read"] }));
    assert_eq!(scene.refresh().await.expect(200)["id"], old.id.as_str());
    assert_eq!(scene.works().await["client"], "gloveport");
    let new = scene.authorize("ada").await;
    assert_eq!((new.id, scene.works().await["client"].clone()), (old.id, json!("second")));
    scene.refresh().await.expect(200);
    assert_eq!(scene.works().await["client"], "second");
}

/// Each way of a client to authenticate, as the server has registered it and in no other.
#[tokio::test]
async fn clients_authenticate_as_the_pattern_says() {
    let all = [AuthMethod::Basic, AuthMethod::Post, AuthMethod::Json, AuthMethod::None];
    for declared in all {
        let (auth, body) = declared.written();
        let scene = Scene::changed(|pattern| {
            pattern["client_auth"] = auth.into();
            pattern["body"] = body.into();
        })
        .await;
        let secret = scene.server.client().secret;
        for registered in all {
            scene.server.change_client(|client| {
                client.method = registered;
                client.secret = secret.clone().filter(|_| registered != AuthMethod::None);
            });
            let exchanged = scene.exchanged(|_| {}).await;
            match declared == registered {
                true => drop(exchanged.unwrap()),
                false => {
                    assert!(matches!(exchanged, Err(OAuthError::Configuration { .. })), "{declared:?} {registered:?}")
                }
            }
        }
    }
}

/// AK-401, AK-403: what is asked for is the connection's and what the connector requires; what is recorded is what came.
#[tokio::test]
async fn scopes_are_asked_for_and_recorded_as_granted() {
    let scene = Scene::start().await;
    scene.authorize("ada").await;
    assert_eq!(scene.shown().await["scopes"], json!(["base", "read"]));
    let asked: Vec<Value> = scene.works().await["scopes"].as_array().unwrap().clone();
    assert_eq!(asked.len(), 2, "{asked:?}");
    scene.server.set(|quirks| quirks.grants = Some(vec!["read".into()]));
    scene.authorize("ada").await;
    assert_eq!(scene.shown().await["scopes"], json!(["read"]));
    // A server that says nothing granted what was asked for (RFC 6749 section 5.1).
    scene.server.set(|quirks| (quirks.grants, quirks.says_scope) = (None, false));
    scene.authorize("ada").await;
    assert_eq!(scene.shown().await["scopes"], json!(["base", "read"]));
}

/// What the server refuses gives no tokens, and says why in words that hold neither code nor verifier.
#[tokio::test]
async fn codes_that_do_not_fit_are_not_exchanged() {
    let scene = Scene::start().await;
    let other = "cnry-another-verifier-of-more-than-forty-three-characters";
    scene.bed.host.search_for(Canary::of(other));
    let wrong = Secret::new(other.into());
    let refused = scene.exchanged(|asked| asked.verifier = Some(wrong)).await;
    assert!(matches!(refused, Err(OAuthError::Expired { ref reason }) if reason.contains("verifier")), "{refused:?}");
    let refused = scene.exchanged(|asked| asked.redirect_uri = "https://host.example/oauth/callback/probe/").await;
    assert!(matches!(refused, Err(OAuthError::Expired { .. })), "{refused:?}");
    let refused = scene.exchanged(|asked| asked.code = Secret::new("cnry-made-up".into())).await;
    assert!(matches!(refused, Err(OAuthError::Expired { .. })), "{refused:?}");
    // Without a verifier nothing is asked at all, since the pattern has PKCE on.
    let before = scene.server.counts().token_requests;
    let refused = scene.exchanged(|asked| asked.verifier = None).await;
    assert!(matches!(refused, Err(OAuthError::Configuration { .. })), "{refused:?}");
    assert_eq!((scene.server.counts().token_requests, scene.server.counts().exchanges), (before, 0));
}

/// An account of such a connection is authorized by its user: nobody fills in a token.
#[tokio::test]
async fn accounts_of_oauth_take_no_credentials() {
    let scene = Scene::start().await;
    let answer = scene.bed.host.account("crm", "ada", &json!({})).await;
    assert_eq!(answer.problem(409), "conflict");
    assert_eq!(scene.bed.client().get("/v1/connections/crm/accounts/ada").await.problem(404), "not_found");
}
