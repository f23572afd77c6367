//! Patterns that get a token without a browser: client credentials, assertions, and signing in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use gloveport_tests::authorization::{PASSWORD, RegisteredClient};
use gloveport_tests::canary::Canary;
use gloveport_tests::upstream::Reply;
use serde_json::{Value, json};

use super::{START, Scene};

fn by_client(scene_url: &str) -> impl FnOnce(&mut Value) + use<> {
    let token_url = format!("{scene_url}/token");
    move |pattern| {
        *pattern = json!({
            "name": "machine", "title": "Machine", "type": "oauth2_client_credentials", "token_url": token_url,
            "client_id": "id", "client_secret": "secret", "client_auth": "basic",
            "parameters": { "audience": "https://{{site}}.example" },
            "scopes": [{ "name": "base", "title": "Base", "required": true }],
            "fields": [
                { "name": "id", "label": "Id", "type": "text" },
                { "name": "secret", "label": "Secret", "type": "password" },
                { "name": "site", "label": "Site", "type": "text" },
            ],
        });
    }
}

/// With the pattern's own shape, at the scene's server.
async fn scene(make: impl FnOnce(&str, &mut Value)) -> Scene {
    Scene::changed(|pattern| {
        let base = pattern["token_url"].as_str().unwrap().trim_end_matches("/token").to_owned();
        make(&base, pattern);
    })
    .await
}

async fn machine() -> Scene {
    scene(|base, pattern| by_client(base)(pattern)).await
}

fn session(base: &str, pattern: &mut Value) {
    *pattern = json!({
        "name": "session", "title": "Sign in", "type": "session",
        "sign_in": {
            "url": format!("{base}/sign_in"), "body": "{\"user\":\"{{user}}\",\"password\":\"{{password}}\"}",
        },
        "sign_out": {
            "url": format!("{base}/sign_out"), "body": "", "headers": {},
        },
        "response": { "access_token": "/credentials/token", "fields": { "site": "/credentials/site/id" } },
        "fields": [
            { "name": "user", "label": "User", "type": "text" },
            { "name": "password", "label": "Password", "type": "password" },
        ],
    });
}

/// AU-08: the token is got with the account, kept with it, and got again where it ends or is refused.
#[tokio::test]
async fn clients_get_a_token_of_their_own() {
    let scene = machine().await;
    let client = scene.server.client();
    let secret = client.secret.unwrap();
    let put = async |secret: &str| {
        let credentials = json!({ "id": client.id, "secret": secret, "site": "acme" });
        scene.bed.host.account("crm", "ada", &credentials).await
    };
    // A mistake is found when the account is made, and nothing of it is stored.
    let refused = put("wrong").await;
    assert_eq!(refused.problem(422), "invalid_input");
    assert_eq!(scene.bed.client().get("/v1/connections/crm/accounts/ada").await.problem(404), "not_found");
    let made = put(&secret).await.expect(201);
    assert_eq!((&made["status"], &made["scopes"]), (&json!("active"), &json!(["base"])));
    assert_eq!(made["fields"], json!({ "id": "gloveport", "site": "acme" }));
    let asked = scene.server.requests("/token").pop().unwrap().form();
    for (name, value) in [("grant_type", "client_credentials"), ("audience", "https://acme.example"), ("scope", "base")]
    {
        assert!(asked.contains(&(name.into(), value.into())), "{asked:?}");
    }
    let before = scene.server.counts().direct;
    for _ in 0..3 {
        scene.works().await;
    }
    assert_eq!(scene.server.counts().direct, before);
    scene.pass(3_600);
    for answer in join_all((0..20).map(|_| scene.call("ada"))).await {
        assert_eq!(answer.expect(200)["data"]["status"], 200);
    }
    assert_eq!(scene.server.counts().direct, before + 1);
    scene.pass(60);
    scene.server.forget_access_tokens();
    scene.works().await;
    assert_eq!(scene.server.counts().direct, before + 2);
    // The client's secret was changed there: an operator's matter, until it is right here again.
    scene.pass(3_600);
    scene.server.change_client(|client| client.secret = Some("cnry_changed_there".into()));
    assert_eq!(scene.call("ada").await.problem(409), "account_not_active");
    assert_eq!(scene.shown().await["status"], "error");
    put("cnry_changed_there").await.expect(200);
    scene.works().await;
}

/// A new credential that the provider refuses does not live on the old one's token.
#[tokio::test]
async fn a_refused_credential_is_not_saved_by_the_old_one() {
    let scene = machine().await;
    let client = scene.server.client();
    let credentials = json!({ "id": client.id, "secret": client.secret, "site": "acme" });
    let put = async || scene.bed.host.account("crm", "ada", &credentials).await;
    put().await.expect(201);
    let junk = "cnry_nobody_knows_this_one";
    scene.bed.host.search_for(Canary::of(junk));
    let answer = Reply::json(200, &json!({ "access_token": junk, "expires_in": 3_600 }));
    scene.server.set(|quirks| quirks.answers = [answer].into());
    scene.pass(60);
    assert_eq!(put().await.problem(422), "invalid_input");
    scene.works().await;
}

/// AU-10: Tableau's way: signing in gives a token, signing in again where it is refused, signing out when the account goes.
#[tokio::test]
async fn sessions_begin_again_and_end() {
    let scene = scene(session).await;
    let put = async |password: &str| {
        scene.bed.host.account("crm", "ada", &json!({ "user": "ada", "password": password })).await
    };
    assert_eq!(put("a \"wrong\" {{user}}").await.problem(422), "invalid_input");
    let sent = scene.server.requests("/sign_in").pop().unwrap();
    assert_eq!(sent.json(), json!({ "user": "ada", "password": "a \"wrong\" {{user}}" }));
    let made = put(PASSWORD).await.expect(201);
    assert_eq!((&made["expires_at"], &made["fields"]["site"]), (&Value::Null, &json!("site-1")));
    let before = scene.server.counts().direct;
    scene.works().await;
    assert_eq!(scene.server.counts().direct, before);
    scene.pass(60);
    scene.server.forget_access_tokens();
    for answer in join_all((0..20).map(|_| scene.call("ada"))).await {
        assert_eq!(answer.expect(200)["data"]["status"], 200);
    }
    assert_eq!(scene.server.counts().direct, before + 1);
    let answer = scene.bed.client().delete("/v1/connections/crm/accounts/ada").await;
    assert_eq!(answer.expect(200), json!({ "revocation": "revoked" }));
    assert_eq!(scene.server.counts().revocations, 1);
}

fn assertion(base: &str, pattern: &mut Value) {
    *pattern = json!({
        "name": "service", "title": "Service account", "type": "jwt_bearer", "token_url": format!("{base}/token"),
        "scopes": ["base"], "parameters": { "client_id": "service" },
        "jwt": {
            "algorithm": "HS256", "key": "key", "lifetime": 600,
            "claims": { "iss": "{{issuer}}", "aud": format!("{base}/token") },
        },
        "fields": [
            { "name": "issuer", "label": "Issuer", "type": "text" },
            { "name": "key", "label": "Key", "type": "password" },
        ],
    });
}

/// AU-11: RFC 7523: a signed assertion of now is shown for a token, which is kept until it ends; the key goes nowhere.
#[tokio::test]
async fn assertions_are_signed_anew_for_each_token() {
    let scene = scene(assertion).await;
    scene.server.register(RegisteredClient::public("service"));
    let key = "cnry_a_key_of_a_service_account";
    scene.bed.host.search_for(Canary::of(key));
    let credentials = json!({ "issuer": "robot@acme.example", "key": key });
    let made = scene.bed.host.account("crm", "ada", &credentials).await.expect(201);
    assert_eq!(made["scopes"], json!(["base"]));
    scene.works().await;
    scene.pass(3_600);
    scene.works().await;
    assert_eq!(scene.server.counts().direct, 2);
    let asked = scene.server.requests("/token");
    let begins: Vec<i64> = asked.iter().map(|request| claims(&request.form())["iat"].as_i64().unwrap()).collect();
    // A provider whose clock is half a minute behind takes them, too.
    let first = START.0 / 1_000 - 30;
    assert_eq!(begins, [first, first + 3_600]);
    let said = claims(&asked[0].form());
    assert_eq!((&said["iss"], &said["scope"]), (&json!("robot@acme.example"), &json!("base")));
    assert_eq!(said["exp"].as_i64(), Some(begins[0] + 600));
    assert!(asked.iter().all(|request| !request.text().contains(key)));
}

/// What the assertion of a token request says.
fn claims(form: &[(String, String)]) -> Value {
    let assertion = &form.iter().find(|(name, _)| name == "assertion").unwrap().1;
    let claims = assertion.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}
