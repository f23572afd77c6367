//! AK-009, M2M-03: each route needs a scope, and refuses whoever comes without it: 401 without a key, 403 with another one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::bed::Bed;

/// Every scope that some route needs, from the document.
fn scope(security: &Value) -> Option<String> {
    Some(security.pointer("/0/key/0")?.as_str()?.to_owned())
}

/// Routes with the scope that the document says they need.
fn routes(bed: &Bed) -> Vec<(String, String, String)> {
    let closed = bed.document().operations().into_iter().filter(|operation| !operation.is_open());
    let named = closed.map(|operation| {
        let security = &bed.document().value()["paths"][&operation.path][operation.method.to_lowercase()]["security"];
        let Some(scope) = scope(security) else {
            panic!("{} {} names no scope: add it to api/scopes.rs", operation.method, operation.path)
        };
        let target = operation.target(|before, _| if before == "results" { "0".into() } else { "x".into() });
        (operation.method, target, scope)
    });
    named.collect()
}

async fn with_scopes(bed: &Bed, scopes: &[&str]) -> gloveport_tests::host::Client {
    let made = bed.client().post("/v1/keys", &json!({ "role": "agent", "scopes": scopes })).await.expect(201);
    assert_eq!(made["scopes"], json!(scopes));
    bed.client().with_key(made["key"].as_str().unwrap())
}

/// Generated from the document: nobody gets past a route without its scope, and its scope alone is enough.
#[tokio::test]
async fn each_route_needs_its_scope_and_no_other() {
    let bed = Bed::start().await;
    let routes = routes(&bed);
    assert!(routes.len() > 50, "{}", routes.len());
    let scopes: BTreeSet<&str> = routes.iter().map(|(_, _, scope)| scope.as_str()).collect();
    let (nobody, all) = (bed.client().with_key(""), bed.client().get("/v1/keys").await.expect(200));
    let all: Vec<String> = serde_json::from_value(all["items"][0]["scopes"].clone()).unwrap();
    for scope in scopes {
        // To read all records is to read one's own.
        let wider = if scope == "executions:own" { "executions:read" } else { scope };
        let others: Vec<&str> =
            all.iter().map(String::as_str).filter(|other| *other != scope && *other != wider).collect();
        let (with, without) = (with_scopes(&bed, &[scope]).await, with_scopes(&bed, &others).await);
        for (method, target, _) in routes.iter().filter(|(_, _, needed)| needed == scope) {
            let label = format!("{method} {target}");
            assert_eq!(nobody.send(method, target, &[], "").await.problem(401), "unauthenticated", "{label}");
            let refused = without.send(method, target, &[], "").await;
            assert_eq!(refused.status, 403, "{label} without {scope}");
            let problem = refused.expect(403);
            assert_eq!(problem["code"], "forbidden", "{label}");
            assert!(problem["detail"].as_str().unwrap().contains(scope), "{label}: {problem}");
            let let_in = with.send(method, target, &[], "").await;
            assert!(!matches!(let_in.status, 401 | 403), "{label} with {scope}: {}", let_in.status);
        }
    }
}

/// A key may not make one that may do more, whatever it says of itself.
#[tokio::test]
async fn nobody_gives_what_they_do_not_have() {
    let bed = Bed::start().await;
    let maker = with_scopes(&bed, &["tools:execute", "callers:read", "callers:write"]).await;
    for body in [
        json!({ "role": "admin" }),
        json!({ "role": "agent" }),
        json!({ "role": "agent", "scopes": ["approvals:decide"] }),
        json!({ "role": "agent", "scopes": ["tools:execute", "audit:read"] }),
    ] {
        assert_eq!(maker.post("/v1/keys", &body).await.problem(403), "forbidden", "{body}");
    }
    let made = maker.post("/v1/keys", &json!({ "role": "agent", "scopes": ["tools:execute"] })).await.expect(201);
    assert_eq!(made["scopes"], json!(["tools:execute"]));
    for scopes in [json!(["tools"]), json!(["*"]), json!(["tools:execute "]), json!("tools:execute")] {
        let body = json!({ "role": "agent", "scopes": scopes });
        assert_eq!(bed.client().post("/v1/keys", &body).await.problem(400), "invalid_request", "{body}");
    }
}

/// An approver's key decides and does nothing else; a reader's key sees all records and cannot stop one.
#[tokio::test]
async fn keys_for_one_task() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    bed.client()
        .put("/v1/policies/defaults", &json!({ "read": { "outcome": "ask", "at": "before" } }))
        .await
        .expect(200);
    let waiting = bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(202);
    let approver = with_scopes(&bed, &["approvals:read", "approvals:decide"]).await;
    let reader = with_scopes(&bed, &["executions:read"]).await;
    let execution = waiting["execution_id"].as_str().unwrap();
    let record = format!("/v1/executions/{execution}");
    assert_eq!(approver.get(&record).await.problem(403), "forbidden");
    assert_eq!(reader.get(&record).await.expect(200)["status"], "waiting");
    let cancel = format!("{record}/cancel");
    assert_eq!(reader.post(&cancel, &json!({})).await.problem(403), "forbidden");
    let caller = with_scopes(&bed, &["tools:execute", "executions:read"]).await;
    assert_eq!(caller.post(&cancel, &json!({})).await.problem(404), "not_found");
    let approval = waiting["approval_id"].as_str().unwrap();
    let approve = format!("/v1/approvals/{approval}/approve");
    assert_eq!(reader.post(&approve, &json!({})).await.problem(403), "forbidden");
    approver.post(&approve, &json!({})).await.expect(200);
    let done = reader.get(&format!("{record}?wait=10s")).await.expect(200);
    assert_eq!(done["status"], "succeeded", "{done}");
}
