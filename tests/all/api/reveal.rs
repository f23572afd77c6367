//! X6: a token is told in clear only where the connection and the key were both made for it, and never without a trace.

use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::Client;
use serde_json::{Value, json};

use super::bed::Bed;
use super::imports::{ADA, bed};

/// A caller with these scopes, whose answers are not searched: one of them has to hold the token.
async fn caller(bed: &Bed, body: &Value) -> Client {
    let made = bed.client().post("/v1/keys", body).await.expect(201);
    Client::new(bed.client().base(), made["key"].as_str().unwrap())
}

/// AK-104, AK-105: only a key with the scope reads a token, and only of a connection that allows it.
#[tokio::test]
async fn a_token_is_told_to_whom_it_may_be_told() {
    let bed = bed(&Clock::manual(Timestamp(1_800_000_000_000))).await;
    let (access, refresh) = (bed.host.plant(), bed.host.plant());
    let put = json!({ "credentials": { "access_token": access.token(), "refresh_token": refresh.token(),
        "expires_at": "2027-01-15T09:00:00Z", "scopes": "read" } });
    let id = bed.client().put(ADA, &put).await.expect(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/accounts/{id}/token");
    let body = json!({ "role": "agent", "scopes": ["accounts:tokens"] });
    let reader = caller(&bed, &body).await;
    // An administrator's key is not enough, and neither is the other key alone.
    let ask = async |client: &Client| client.post(&path, &json!({})).await;
    assert_eq!(ask(bed.client()).await.problem(403), "forbidden");
    assert_eq!(ask(&reader).await.problem(403), "forbidden");
    assert_eq!(bed.client().get("/v1/connections/crm").await.expect(200)["reveals_tokens"], json!(false));
    bed.client().patch("/v1/connections/crm", &json!({ "reveals_tokens": true })).await.expect(200);
    assert_eq!(ask(bed.client()).await.problem(403), "forbidden");
    let bob = caller(&bed, &json!({ "role": "agent", "identifier": "bob", "scopes": ["accounts:tokens"] })).await;
    assert_eq!(ask(&bob).await.problem(403), "forbidden");
    let reads = async || {
        let events = bed.client().get(&format!("/v1/accounts/{id}/events")).await.expect(200);
        let kinds = events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "token_read").count();
        let audit = bed.client().get("/v1/audit?limit=200").await.expect(200);
        let rows =
            audit["items"].as_array().unwrap().iter().filter(|row| row["action"] == "account.token_read").count();
        (kinds, rows)
    };
    assert_eq!(reads().await, (0, 0));
    let told = ask(&reader).await;
    assert_eq!(told.header("cache-control"), Some("no-store"));
    let expected = json!({ "account_id": id, "access_token": access.token(), "expires_at": "2027-01-15T09:00:00.000Z",
        "scopes": ["read"] });
    assert_eq!(told.expect(200), expected);
    assert_eq!(reads().await, (1, 1));
    let ada = caller(&bed, &json!({ "role": "agent", "identifier": "ada", "scopes": ["accounts:tokens"] })).await;
    ask(&ada).await.expect(200);
    assert_eq!(reads().await, (2, 2));
    // What cannot be used cannot be read, and what no token was got for has none.
    bed.client().post(&format!("{ADA}/disable"), &json!({})).await.expect(200);
    assert_eq!(ask(&reader).await.problem(409), "account_disabled");
    bed.client().patch("/v1/connections/probe", &json!({ "reveals_tokens": true })).await.expect(200);
    bed.connect("ada").await;
    let bearer = bed.client().get("/v1/connections/probe/accounts/ada").await.expect(200)["id"].clone();
    let bearer = format!("/v1/accounts/{}/token", bearer.as_str().unwrap());
    assert_eq!(reader.post(&bearer, &json!({})).await.problem(409), "conflict");
    for id in ["acc_1", "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        let path = format!("/v1/accounts/{id}/token");
        assert_eq!(reader.post(&path, &json!({})).await.problem(404), "not_found");
    }
    assert_eq!(reads().await, (2, 2));
}

/// What no role has is given by who may do all else, and by nobody who may do less.
#[tokio::test]
async fn the_scope_is_given_by_administrators_only() {
    let bed = Bed::start().await;
    let scopes = bed.client().get("/v1/keys").await.expect(200)["items"][0]["scopes"].clone();
    assert!(!scopes.to_string().contains("accounts:tokens"), "{scopes}");
    let tokens = json!({ "role": "agent", "scopes": ["accounts:tokens"] });
    let less = caller(&bed, &json!({ "role": "agent", "scopes": ["callers:write", "accounts:write"] })).await;
    assert_eq!(less.post("/v1/keys", &tokens).await.problem(403), "forbidden");
    let made = bed.client().post("/v1/keys", &tokens).await.expect(201);
    assert_eq!(made["scopes"], json!(["accounts:tokens"]));
    // Who reads tokens does nothing else.
    let reader = bed.client().with_key(made["key"].as_str().unwrap());
    assert_eq!(reader.get("/v1/accounts").await.problem(403), "forbidden");
    assert_eq!(reader.post("/v1/keys", &tokens).await.problem(403), "forbidden");
}
