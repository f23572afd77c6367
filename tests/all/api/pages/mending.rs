//! AK-405: a refused call has a link with which its user mends it, for those who may have one.

use gloveport_tests::host::{Answer, Client};
use gloveport_tests::upstream::Reply;
use serde_json::{Value, json};

use super::stage::{Stage, parameter};
use super::visitor::{Visitor, text};

/// A caller of the harness, with another key.
async fn caller(stage: &Stage, body: &Value) -> Client {
    let made = stage.bed.client().post("/v1/keys", body).await.expect(201);
    stage.bed.client().with_key(made["key"].as_str().unwrap())
}

/// A call of one user.
async fn call(client: &Client, identifier: &str) -> Answer {
    let body = json!({ "identifier": identifier, "connection": "crm", "input": {} });
    client.post("/v1/tools/probe_whoami/execute", &body).await
}

/// The link of a problem, if it has one.
fn link_of(answer: &Answer) -> Option<String> {
    answer.json()["connect_link"].as_str().map(str::to_owned)
}

/// An agent that is bound to a user has that user's links: for an account that is not there yet, and for one that ended.
#[tokio::test]
async fn an_agent_of_one_user_gets_links_for_that_user() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    let agent = caller(&stage, &json!({ "role": "agent", "identifier": "ada" })).await;
    let refused = call(&agent, "ada").await;
    let link = link_of(&refused).unwrap();
    assert_eq!(refused.problem(409), "account_not_connected");
    assert!(text(&ada.open(&link).await).contains("for <strong>ada</strong>"));
    // Until then the account waits, and each refusal has a link of its own.
    let refused = call(&agent, "ada").await;
    assert_ne!(link_of(&refused).unwrap(), link);
    assert_eq!(refused.problem(409), "account_not_active");
    let back = stage.consent(&stage.begin_at(&ada, &link, &[]).await);
    assert!(stage.end(&ada, &back).await.contains("is connected"));
    call(&agent, "ada").await.expect(200);
    let before = stage.ada().await;
    // The provider takes it back: the same account, by another link.
    stage.wait(std::time::Duration::from_secs(3_600));
    let answer = Reply::json(400, &json!({ "error": "invalid_grant" }));
    stage.server.set(|quirks| quirks.answers = [answer].into());
    let refused = call(&agent, "ada").await;
    let link = link_of(&refused).unwrap();
    assert_eq!(refused.problem(409), "account_not_active");
    assert_eq!(stage.ada().await["status"], "expired");
    let back = stage.consent(&stage.begin_at(&ada, &link, &[]).await);
    stage.end(&ada, &back).await;
    assert_eq!(stage.ada().await["id"], before["id"]);
    call(&agent, "ada").await.expect(200);
}

/// Scopes that the provider finds missing are asked for by the link, besides those that were there.
#[tokio::test]
async fn missing_scopes_are_asked_for_by_the_link() {
    let stage = Stage::start().await;
    let ada = Visitor::new(&stage.bed);
    stage.through(&ada).await;
    stage.server.set(|quirks| quirks.needs = Some("write".into()));
    let refused = call(stage.bed.client(), "ada").await;
    let problem = refused.json();
    assert_eq!(problem["missing_scopes"], json!(["write"]));
    assert_eq!(refused.problem(403), "missing_scopes");
    let url = stage.begin_at(&ada, problem["connect_link"].as_str().unwrap(), &[]).await;
    assert_eq!(parameter(&url, "scope").as_deref(), Some("base read write"));
    stage.end(&ada, &stage.consent(&url)).await;
    assert_eq!(stage.ada().await["scopes"], json!(["base", "read", "write"]));
    call(stage.bed.client(), "ada").await.expect(200);
}

/// In a batch, and in what a model is told.
#[tokio::test]
async fn links_are_in_batches_and_in_what_models_are_told() {
    let stage = Stage::start().await;
    let agent = caller(&stage, &json!({ "role": "agent", "identifier": "ada" })).await;
    let native = json!({ "type": "tool_use", "id": "toolu_1", "name": "probe_whoami", "input": {} });
    let calls = json!({ "calls": [{ "tool": "probe_whoami", "connection": "crm", "input": {} },
        { "tool_call": native, "connection": "crm" }] });
    let answer = agent.post("/v1/tools/execute-batch", &calls).await.expect(200);
    for outcome in answer["outcomes"].as_array().unwrap() {
        assert_eq!(outcome["http_status"], 409, "{answer}");
        assert!(outcome["problem"]["connect_link"].as_str().unwrap().contains("/connect/"), "{answer}");
    }
    assert!(answer["tool_results"][0].to_string().contains("connect_link"), "{answer}");
}

/// Nobody gets a link who could not make one, none is made where it would not help, and no name becomes an account by a
/// call that failed.
#[tokio::test]
async fn links_are_for_those_who_may_have_them() {
    let stage = Stage::start().await;
    let admin = stage.bed.client();
    let none = async |client: &Client, identifier: &str, code: &str, why: &str| {
        let refused = call(client, identifier).await;
        assert_eq!((refused.json()["code"].as_str(), link_of(&refused)), (Some(code), None), "{why}");
    };
    none(admin, "nobody", "account_not_connected", "a name that is no account").await;
    none(admin, "nobody", "account_not_connected", "the same again").await;
    assert_eq!(admin.get("/v1/connections/crm/accounts/nobody").await.problem(404), "not_found");
    let waiting = admin.put("/v1/connections/crm/accounts/ada", &json!({})).await;
    assert_eq!(waiting.expect(201)["status"], "pending");
    assert!(link_of(&call(admin, "ada").await).is_some(), "an account that waits, for who may make links");
    let free = caller(&stage, &json!({ "role": "agent" })).await;
    none(&free, "ada", "account_not_active", "an agent of everybody").await;
    let eve = caller(&stage, &json!({ "role": "agent", "identifier": "eve" })).await;
    none(&eve, "ada", "forbidden", "an agent of somebody else").await;
    admin.post("/v1/connections/crm/accounts/ada/disable", &json!({})).await.expect(200);
    none(admin, "ada", "account_disabled", "an account that was switched off").await;
    admin.post("/v1/connections/crm/accounts/ada/enable", &json!({})).await.expect(200);
    admin.patch("/v1/connections/crm", &json!({ "disabled": true })).await.expect(200);
    none(admin, "ada", "account_disabled", "a connection that was switched off").await;
    admin.patch("/v1/connections/crm", &json!({ "disabled": false })).await.expect(200);
    // Two accounts could be meant: there is no guess.
    let other = admin.put("/v1/connections/crm/accounts/ada", &json!({ "label": "work" })).await;
    assert!(other.status < 300, "{}", other.status);
    let refused = call(admin, "ada").await;
    assert_eq!(link_of(&refused), None, "{}", refused.json());
}
