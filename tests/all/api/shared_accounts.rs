//! KO-21: accounts that serve a whole project or an organization, as whoever calls; and organizations of accounts
//! (AK-011).

use gloveport_tests::canary::Canary;
use serde_json::{Value, json};

use super::bed::Bed;

/// Connects an account, and gives its token and its identifier.
async fn account(bed: &Bed, connection: &str, identifier: &str, more: Value) -> (Canary, String) {
    let canary = bed.host.plant();
    let mut body = json!({ "credentials": { "token": canary.token() } });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let path = format!("/v1/connections/{connection}/accounts/{identifier}");
    let made = bed.client().put(&path, &body).await.expect(201);
    (canary, made["id"].as_str().unwrap().to_owned())
}

async fn call(bed: &Bed, body: &Value) -> Result<String, String> {
    let answer = bed.client().post("/v1/tools/probe_whoami/execute", body).await;
    if answer.status != 200 {
        let status = answer.status;
        return Err(answer.problem(status));
    }
    let request = bed.upstream.requests().pop().unwrap();
    Ok(request.header("authorization").unwrap().trim_start_matches("Bearer ").to_owned())
}

#[tokio::test]
async fn a_shared_account_serves_who_has_none() {
    let bed = Bed::start().await;
    let bob = json!({ "identifier": "bob" });
    assert_eq!(call(&bed, &bob).await, Err("account_not_connected".into()));
    let (own, _) = account(&bed, "probe", "ada", json!({})).await;
    assert_eq!(
        call(&bed, &bob).await,
        Err("account_not_connected".into()),
        "an account of somebody else serves nobody"
    );
    let (shared, id) = account(&bed, "probe", "everyone", json!({ "shared": true })).await;
    assert_eq!(call(&bed, &bob).await, Ok(shared.token().into()));
    assert_eq!(call(&bed, &json!({ "identifier": "ada" })).await, Ok(own.token().into()), "their own comes first");
    let by_id = json!({ "identifier": "ada", "account": id });
    assert_eq!(call(&bed, &by_id).await, Ok(shared.token().into()), "unless they name the other");
    // What can be called is listed.
    let tools = bed.client().get("/v1/tools?identifier=bob").await.expect(200);
    assert_eq!(tools["items"][0]["connections"], json!(["probe"]));
    // A key of one user gets through it, as that user, and through nobody's own.
    let agent = bed.agent(Some("eve")).await;
    agent.post("/v1/tools/probe_whoami/execute", &json!({ "account": id })).await.expect(200);
    let records = agent.get("/v1/executions").await.expect(200);
    assert_eq!((&records["total_size"], &records["items"][0]["identifier"]), (&json!(1), &json!("eve")));
    // Switched off and on, removed and made again.
    let path = "/v1/connections/probe/accounts/everyone";
    bed.client().post(&format!("{path}/disable"), &json!({})).await.expect(200);
    assert_eq!(call(&bed, &bob).await, Err("account_disabled".into()));
    bed.client().post(&format!("{path}/enable"), &json!({})).await.expect(200);
    assert_eq!(bed.client().put(path, &json!({ "shared": false })).await.problem(409), "conflict");
    let own = json!({ "shared": true });
    assert_eq!(bed.client().put("/v1/connections/probe/accounts/ada", &own).await.problem(409), "conflict");
    bed.client().delete(path).await.expect(204);
    assert_eq!(call(&bed, &bob).await, Err("account_not_connected".into()));
    let (again, _) = account(&bed, "probe", "everyone", json!({ "shared": true })).await;
    assert_eq!(call(&bed, &bob).await, Ok(again.token().into()));
    // Two connections are a choice, as with two accounts of one's own.
    bed.connection("second", &bed.upstream.url("")).await;
    let (second, _) = account(&bed, "second", "all", json!({ "shared": true })).await;
    assert_eq!(call(&bed, &bob).await, Err("ambiguous_account".into()));
    let through = json!({ "identifier": "bob", "connection": "second" });
    assert_eq!(call(&bed, &through).await, Ok(second.token().into()));
}

/// AK-011: the same user of two organizations has two accounts; what is shared in one serves nobody of the other.
#[tokio::test]
async fn organizations_are_apart() {
    let bed = Bed::start().await;
    let of = |organization: &str| json!({ "organization": organization });
    let (one, _) = account(&bed, "probe", "ada", of("one")).await;
    let (two, id) = account(&bed, "probe", "ada", of("two")).await;
    let ada = |organization: &str| json!({ "identifier": "ada", "organization": organization });
    assert_eq!(call(&bed, &ada("one")).await, Ok(one.token().into()));
    assert_eq!(call(&bed, &ada("two")).await, Ok(two.token().into()));
    assert_eq!(call(&bed, &ada("three")).await, Err("account_not_connected".into()));
    assert_eq!(call(&bed, &json!({ "identifier": "ada" })).await, Err("ambiguous_account".into()));
    let wrong = json!({ "identifier": "ada", "organization": "one", "account": id });
    assert_eq!(call(&bed, &wrong).await, Err("not_found".into()));
    for (query, expected) in [("organization=one", 1), ("organization=", 0), ("identifier=ada", 2), ("query=tw", 1)] {
        let list = bed.client().get(&format!("/v1/accounts?{query}")).await.expect(200);
        assert_eq!(list["total_size"], expected, "{query}");
    }
    let listed = async |query: &str| {
        let list = bed.client().get(&format!("/v1/tools?{query}")).await.expect(200);
        list["total_size"] != 0
    };
    assert!(listed("identifier=ada&organization=one").await);
    assert!(!listed("identifier=ada&organization=three").await);

    let (shared, shared_id) = account(&bed, "probe", "all", json!({ "organization": "three", "shared": true })).await;
    assert!(listed("identifier=bob&organization=three").await && !listed("identifier=bob").await);
    assert_eq!(call(&bed, &ada("three")).await, Ok(shared.token().into()));
    let bob = |organization: &str| json!({ "identifier": "bob", "organization": organization });
    assert_eq!(call(&bed, &bob("three")).await, Ok(shared.token().into()));
    assert_eq!(call(&bed, &bob("one")).await, Err("account_not_connected".into()));
    assert_eq!(call(&bed, &json!({ "identifier": "bob" })).await, Err("account_not_connected".into()));
    let named = json!({ "identifier": "bob", "account": shared_id });
    assert_eq!(
        call(&bed, &named).await,
        Err("not_found".into()),
        "without the organization its identifier opens nothing"
    );
    let (project, _) = account(&bed, "probe", "all", json!({ "shared": true })).await;
    assert_eq!(call(&bed, &bob("three")).await, Ok(shared.token().into()), "the organization's comes first");
    assert_eq!(call(&bed, &bob("one")).await, Ok(project.token().into()));
}

/// Policies decide about who calls, not about the account; a call that waits goes on as the same user.
#[tokio::test]
async fn policies_see_who_calls() {
    let bed = Bed::start().await;
    let (shared, _) = account(&bed, "probe", "all", json!({ "shared": true })).await;
    let deny = json!({ "name": "not eve", "condition": "identifier == 'eve' || organization == 'bad'",
        "outcome": { "outcome": "deny", "reason": "no" } });
    bed.client().post("/v1/policies", &deny).await.expect(201);
    let ask = json!({ "name": "look", "condition": "effect == 'write'", "outcome": { "outcome": "ask" } });
    bed.client().post("/v1/policies", &ask).await.expect(201);
    assert_eq!(call(&bed, &json!({ "identifier": "eve" })).await, Err("denied_by_policy".into()));
    let bad = json!({ "identifier": "bob", "organization": "bad" });
    assert_eq!(call(&bed, &bad).await, Err("denied_by_policy".into()));
    assert_eq!(call(&bed, &json!({ "identifier": "bob" })).await, Ok(shared.token().into()));

    let agent = bed.agent(None).await;
    let input = json!({ "method": "POST", "target": "/write" });
    let body = json!({ "identifier": "bob", "organization": "good", "input": input });
    let waiting = agent.post("/v1/tools/probe_fetch/execute", &body).await.expect(202);
    let path = format!("/v1/approvals/{}/approve", waiting["approval_id"].as_str().unwrap());
    bed.client().post(&path, &json!({})).await.expect(200);
    let path = format!("/v1/executions/{}?wait_ms=30000", waiting["execution_id"].as_str().unwrap());
    let ended = agent.get(&path).await.expect(200);
    assert_eq!((&ended["status"], &ended["identifier"]), (&json!("succeeded"), &json!("bob")), "{ended}");
}
