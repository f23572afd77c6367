//! AK-009, AK-123, X16, M2M-01, M2M-03: clients fetch short-lived tokens, which are what they say and no more.

use gloveport_tests::canary::Canary;
use gloveport_tests::host::Setup;
use gloveport_tests::issuer::{parts, rsa_pem, verifies};
use gloveport_tests::postgres;
use serde_json::{Value, json};

use super::super::bed::Bed;
use super::{NOW, ask, client, pass, timed, token, tools, with};

/// The published key that a token names.
async fn published(bed: &Bed, token: &str) -> Option<Value> {
    let keys = bed.client().with_key("").get("/keys").await.expect(200);
    let named = parts(token).0["kid"].clone();
    keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == named).cloned()
}

/// A token verifies with the published key and says who, for whom, what and how long.
#[tokio::test]
async fn a_token_verifies_with_the_published_key() {
    let (bed, _) = timed().await;
    let own = client(&bed, &["tools:read", "tools:execute"], None).await;
    let form = [("grant_type", "client_credentials"), ("client_id", &own.0), ("client_secret", &own.1)];
    let answer = ask(&bed, &form).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.expect(200);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    let token = body["access_token"].as_str().unwrap();
    let key = published(&bed, token).await.unwrap();
    assert!(verifies(&key, token) && !verifies(&key, &token.replace("eyJ", "eyK")));
    assert_eq!(key["alg"], "ES256");
    assert!(key.get("d").is_none(), "{key}");
    let (header, claims) = parts(token);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("at+jwt")));
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(own.0), &json!(own.0)));
    assert_eq!(claims["iss"], claims["aud"]);
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW), &json!(NOW + 900)));
    assert_eq!((&claims["scopes"], &claims["scope"]), (&json!(["tools:read", "tools:execute"]), &body["scope"]));
    // With the secret in the header the same comes of it.
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{}:{}", own.0, own.1));
    let headers =
        [("authorization", format!("Basic {basic}")), ("content-type", "application/x-www-form-urlencoded".into())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let nobody = bed.client().with_key("");
    nobody.send("POST", "/oauth/token", &headers, "grant_type=client_credentials").await.expect(200);
    let both = format!("grant_type=client_credentials&client_secret={}", own.1);
    let answer = nobody.send("POST", "/oauth/token", &headers, both).await.expect(400);
    assert_eq!(answer["error"], "invalid_request");
    tools(&bed, token).await.expect(200);
}

/// A form, and the status and the error that come of it.
type Case<'a> = (Vec<(&'a str, &'a str)>, u16, &'a str);

#[tokio::test]
async fn a_client_without_its_secret_gets_nothing() {
    let (bed, _) = timed().await;
    let (id, secret) = client(&bed, &["tools:read"], Some("ada")).await;
    let (other, _) = client(&bed, &["tools:read"], None).await;
    let (id, secret) = (id.as_str(), secret.as_str());
    let grant = ("grant_type", "client_credentials");
    let (who, proof) = (("client_id", id), ("client_secret", secret));
    let wrong = format!("{secret}x");
    let hash = gloveport::identity::hash_client_secret(secret).unwrap();
    let hashed = format!("gps_{hash}");
    let cases: Vec<Case<'_>> = vec![
        (vec![], 400, "invalid_request"),
        (vec![who, proof], 400, "invalid_request"),
        (vec![("grant_type", "password"), who, proof], 400, "unsupported_grant_type"),
        (vec![("grant_type", "authorization_code"), who, proof], 400, "invalid_request"),
        (vec![grant], 401, "invalid_client"),
        (vec![grant, who], 401, "invalid_client"),
        (vec![grant, proof], 401, "invalid_client"),
        (vec![grant, who, ("client_secret", &wrong)], 401, "invalid_client"),
        (vec![grant, who, ("client_secret", &hashed)], 401, "invalid_client"),
        (vec![grant, who, ("client_secret", gloveport_tests::host::ADMIN_KEY)], 401, "invalid_client"),
        (vec![grant, ("client_id", &other), proof], 401, "invalid_client"),
        (vec![grant, ("client_id", "client_1"), proof], 401, "invalid_client"),
        (vec![grant, ("client_id", "' OR 1=1 --"), proof], 401, "invalid_client"),
        (vec![grant, who, proof, proof], 400, "invalid_request"),
        (vec![grant, grant, who, proof], 400, "invalid_request"),
        (vec![grant, who, proof, ("scope", "tools:execute")], 400, "invalid_scope"),
        (vec![grant, who, proof, ("scope", "tools:read admin")], 400, "invalid_scope"),
        (vec![grant, who, proof, ("scope", " ")], 400, "invalid_scope"),
        (vec![grant, who, proof, ("identifier", "bob")], 400, "invalid_request"),
    ];
    for (form, status, error) in cases {
        let answer = ask(&bed, &form).await;
        if status == 401 {
            assert_eq!(answer.header("www-authenticate"), Some("Basic"), "{form:?}");
        }
        assert_eq!(answer.expect(status)["error"], error, "{form:?}");
    }
    let nobody = bed.client().with_key("");
    let json = nobody.post("/oauth/token", &json!({ "grant_type": "client_credentials" })).await.expect(400);
    assert_eq!(json["error"], "invalid_request");
    token(&bed, &(id.into(), secret.into()), &[("identifier", "ada"), ("unknown", "x")]).await;
}

/// 401 is for those who are not known, 403 for those who may not; what is taken from a client is taken at once.
#[tokio::test]
async fn what_a_token_may_do_is_what_its_client_may_do_now() {
    let (bed, clock) = timed().await;
    bed.connect("ada").await;
    let own = client(&bed, &["tools:read", "tools:execute", "executions:own"], None).await;
    let (wide, narrow) = (token(&bed, &own, &[]).await, token(&bed, &own, &[("scope", "tools:read")]).await);
    let call = json!({ "identifier": "ada", "input": {} });
    let ran = with(&bed, &wide).post("/v1/tools/probe_whoami/execute", &call).await.expect(200);
    let record = format!("/v1/executions/{}", ran["execution_id"].as_str().unwrap());
    with(&bed, &wide).get(&record).await.expect(200);
    tools(&bed, &narrow).await.expect(200);
    assert_eq!(with(&bed, &narrow).post("/v1/tools/probe_whoami/execute", &call).await.problem(403), "forbidden");
    assert_eq!(with(&bed, &wide).get("/v1/keys").await.problem(403), "forbidden");
    let path = format!("/v1/clients/{}", own.0);
    let less = json!({ "scopes": ["tools:read"] }).to_string();
    bed.client().send("PATCH", &path, &[("content-type", "application/json")], less).await.expect(200);
    assert_eq!(with(&bed, &wide).post("/v1/tools/probe_whoami/execute", &call).await.problem(403), "forbidden");
    // A new secret leaves tokens as they are; the old one gets no more.
    let rotated = bed.client().post(&format!("{path}/rotate"), &json!({})).await.expect(200);
    let form = [("grant_type", "client_credentials"), ("client_id", own.0.as_str()), ("client_secret", &own.1)];
    assert_eq!(ask(&bed, &form).await.expect(401)["error"], "invalid_client");
    token(&bed, &(own.0.clone(), rotated["client_secret"].as_str().unwrap().into()), &[]).await;
    tools(&bed, &wide).await.expect(200);
    assert_eq!(bed.client().delete(&path).await.status, 204);
    assert_eq!(tools(&bed, &wide).await.problem(401), "unauthenticated");
    pass(&clock, 1);
    let list = bed.client().get("/v1/clients").await.expect(200);
    assert_eq!(list["total_size"], 0);
}

/// AK-010: a token for one user acts for no other, whether its client or whoever fetched it said so.
#[tokio::test]
async fn a_token_for_one_user_acts_for_no_other() {
    let (bed, _) = timed().await;
    let (ada, _) = (bed.connect("ada").await, bed.connect("bob").await);
    let scopes = ["tools:read", "tools:execute"];
    let (free, bound) = (client(&bed, &scopes, None).await, client(&bed, &scopes, Some("ada")).await);
    let narrowed = token(&bed, &free, &[("identifier", "ada")]).await;
    for token in [narrowed, token(&bed, &bound, &[]).await] {
        let call = async |body: Value| with(&bed, &token).post("/v1/tools/probe_whoami/execute", &body).await;
        call(json!({ "input": {} })).await.expect(200);
        let sent = bed.upstream.requests().pop().unwrap();
        assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", ada.token()).as_str()));
        assert_eq!(call(json!({ "identifier": "bob", "input": {} })).await.problem(403), "forbidden");
        assert_eq!(with(&bed, &token).get("/v1/tools?identifier=bob").await.problem(403), "forbidden");
    }
    let free = token(&bed, &free, &[]).await;
    let call = json!({ "identifier": "bob", "input": {} });
    with(&bed, &free).post("/v1/tools/probe_whoami/execute", &call).await.expect(200);
}

/// The clock's skew is forgiven up to a named leeway, and not a second longer.
#[tokio::test]
async fn a_token_ends_to_the_second() {
    let (bed, clock) = timed().await;
    let own = client(&bed, &["tools:read"], None).await;
    let token = token(&bed, &own, &[]).await;
    pass(&clock, 900 + 29);
    tools(&bed, &token).await.expect(200);
    pass(&clock, 1);
    assert_eq!(tools(&bed, &token).await.problem(401), "unauthenticated");
}

/// After a rotation new tokens have a new key, and old ones stay good; the old key is gone when its last token is.
#[tokio::test]
async fn signing_keys_rotate_without_losing_a_token() {
    let (bed, clock) = timed().await;
    let own = client(&bed, &["tools:read"], None).await;
    let old = token(&bed, &own, &[]).await;
    let kid = bed.client().post("/v1/signing-keys/rotate", &json!({})).await.expect(200)["kid"].clone();
    let new = token(&bed, &own, &[]).await;
    assert_eq!(parts(&new).0["kid"], kid);
    assert_ne!(parts(&old).0["kid"], kid);
    for token in [&old, &new] {
        assert!(verifies(&published(&bed, token).await.unwrap(), token));
        tools(&bed, token).await.expect(200);
    }
    pass(&clock, 900 + 30);
    assert!(published(&bed, &old).await.is_none());
    assert!(published(&bed, &new).await.is_some());
    // By itself after three months, at the next token.
    pass(&clock, 90 * 24 * 3600);
    let latest = token(&bed, &own, &[]).await;
    assert_ne!(parts(&latest).0["kid"], kid);
    assert!(published(&bed, &latest).await.is_some());
}

/// AK-123: an operator's RSA key signs with RS256 from then on, and is nobody's to replace but theirs. No key that was stored
/// for something else signs tokens.
#[tokio::test]
async fn tokens_may_be_signed_with_a_given_rsa_key() {
    let (bed, clock) = timed().await;
    let own = client(&bed, &["tools:read"], None).await;
    let before = token(&bed, &own, &[]).await;
    let pem = rsa_pem();
    bed.host.search_for(Canary::of(pem.lines().nth(1).unwrap()));
    let here = bed.client().base().trim_start_matches("http://").to_owned();
    let put = async |name: &str, value: &str, host: &str| {
        let body = json!({ "value": value, "hosts": [host] });
        bed.client().put(&format!("/v1/secrets/{name}"), &body).await.expect(201);
    };
    put("signing", &pem, &here).await;
    put("vendor", &pem, "api.example.com").await;
    put("other", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", &here).await;
    put("words", "cnry-no-key-at-all", &here).await;
    let rotate = async |body: Value| bed.client().post("/v1/signing-keys/rotate", &body).await;
    for name in ["vendor", "other", "words", "nothing"] {
        assert_eq!(rotate(json!({ "secret": name })).await.problem(409), "conflict", "{name}");
    }
    assert_eq!(rotate(json!({ "pem": "x" })).await.problem(400), "invalid_request");
    assert_eq!(parts(&token(&bed, &own, &[]).await).0["alg"], "ES256");
    let kid = rotate(json!({ "secret": "signing" })).await.expect(200)["kid"].clone();
    let signed = token(&bed, &own, &[]).await;
    let header = parts(&signed).0;
    assert_eq!((&header["alg"], &header["kid"], &header["typ"]), (&json!("RS256"), &kid, &json!("at+jwt")));
    let key = published(&bed, &signed).await.unwrap();
    assert_eq!((&key["kty"], &key["use"], &key["alg"]), (&json!("RSA"), &json!("sig"), &json!("RS256")));
    assert!(key.get("d").is_none() && verifies(&key, &signed) && !verifies(&key, &before));
    for token in [&before, &signed] {
        tools(&bed, token).await.expect(200);
    }
    // Three months later it still signs; then one that is made again.
    pass(&clock, 91 * 24 * 3600);
    assert_eq!(parts(&token(&bed, &own, &[]).await).0["kid"], kid);
    rotate(json!({})).await.expect(200);
    assert_eq!(parts(&token(&bed, &own, &[]).await).0["alg"], "ES256");
    tools(&bed, &signed).await.problem(401);
}

/// Two hosts on one database take each other's tokens; with PostgreSQL the rows are shared as they are in one file.
#[tokio::test]
async fn tokens_are_given_on_postgresql() {
    let Some(database) = postgres::new_database() else { return };
    let bed = Bed::with(Setup { database: Some(database), ..Setup::usual() }).await;
    let own = client(&bed, &["tools:read", "callers:read"], None).await;
    let asked = (0..8).map(|_| token(&bed, &own, &[]));
    let tokens = futures_util::future::join_all(asked).await;
    let kids: std::collections::BTreeSet<String> =
        tokens.iter().map(|token| parts(token).0["kid"].to_string()).collect();
    assert_eq!(kids.len(), 1, "the first key was made once");
    for token in &tokens {
        let seen = with(&bed, token).get("/v1/callers").await.expect(200);
        assert_eq!((&seen["total_size"], &seen["items"][0]["subject"]), (&json!(1), &json!(own.0)));
    }
}
