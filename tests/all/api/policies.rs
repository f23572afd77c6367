//! Ordered rules decide on every call: KO-02 to KO-07, CX-34.

use gloveport_tests::host::TestHost;
use gloveport_tests::imitation::{Stripe, User};
use serde_json::{Value, json};

pub(super) async fn connected() -> (TestHost, Stripe, String) {
    let host = TestHost::start().await;
    let canary = host.plant();
    let stripe = Stripe::start(vec![User::new("acme", canary.token())]).await;
    host.install("stripe").await;
    host.connection("stripe", &stripe.upstream().url("")).await;
    host.account("stripe", "ada", &json!({ "secret_key": canary.token() })).await.expect(201);
    (host, stripe, canary.token().to_owned())
}

pub(super) async fn policy(host: &TestHost, name: &str, condition: &str, outcome: Value) -> String {
    let body = json!({ "name": name, "condition": condition, "outcome": outcome });
    let made = host.client().post("/v1/policies", &body).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

pub(super) fn deny(reason: &str) -> Value {
    json!({ "outcome": "deny", "reason": reason })
}

/// KO-07: 5,000 passes and 5,001 does not, also where numbers of other systems would be the same.
#[tokio::test]
async fn amounts_compare_exactly() {
    let (host, stripe, token) = connected().await;
    host.allow_all().await;
    policy(&host, "small refunds", "action_type == 'refund.create' && payload.amount > 5000", deny("too much")).await;
    let huge = "tool == 'stripe_refund_create' && payload.amount == 9007199254740993";
    policy(&host, "that one", huge, deny("not this")).await;
    for (tool, amount, denied) in [
        ("refund.create", 5_000_i64, false),
        ("refund.create", 5_001, true),
        ("refund.create", 9_223_372_036_854_775_807, true),
        ("stripe_refund_create", 5_001, false),
        ("stripe_refund_create", 9_007_199_254_740_992, false),
        ("stripe_refund_create", 9_007_199_254_740_993, true),
    ] {
        let sent = stripe.upstream().requests().len();
        let answer = host.execute(tool, "ada", &json!({ "charge": "ch_2", "amount": amount })).await;
        assert_eq!(answer.status == 403, denied, "{tool} {amount}: {answer:?}");
        assert_eq!(stripe.upstream().requests().len() - sent, usize::from(!denied), "{tool} {amount}");
    }
    // The third that policy let pass was more than what was left of the charge.
    assert_eq!(stripe.refunds(&token), 2);
}

/// A denied call is recorded as denied, with the rule's reason for the agent, and nothing leaves.
#[tokio::test]
async fn a_denied_call_has_a_record_and_a_reason() {
    let (host, stripe, _) = connected().await;
    let rule = policy(&host, "no refunds", "effect == 'destroy'", deny("refunds are made by people")).await;
    let before = stripe.upstream().requests().len();
    let answer = host.execute("refund.create", "ada", &json!({ "charge": "ch_1" })).await;
    let problem = answer.json();
    assert_eq!(answer.problem(403), "denied_by_policy");
    assert_eq!(problem["culprit"], "policy");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("refunds are made by people") && detail.contains(&rule), "{detail}");
    let path = format!("/v1/executions/{}", problem["execution_id"].as_str().unwrap());
    let record = host.client().get(&path).await.expect(200);
    assert_eq!((&record["status"], &record["code"]), (&json!("denied"), &json!("denied_by_policy")));
    assert!(record["finished_at"].is_string());
    assert_eq!(host.client().get("/v1/executions?status=denied").await.expect(200)["total_size"], 1);
    assert_eq!(stripe.upstream().requests().len(), before);
    host.execute("stripe_customers_list", "ada", &json!({})).await.expect(200);
}

/// CX-34: without rules, reading and writing is allowed, and what destroys waits; both can be set.
#[tokio::test]
async fn the_effect_decides_where_no_rule_does() {
    let (host, _stripe, _) = connected().await;
    host.execute("stripe_customers_list", "ada", &json!({})).await.expect(200);
    host.execute("refund.create", "ada", &json!({ "charge": "ch_1" })).await.expect(202);
    let defaults = host.client().get("/v1/policies/defaults").await.expect(200);
    assert_eq!((&defaults["read"]["outcome"], &defaults["destroy"]["outcome"]), (&json!("allow"), &json!("ask")));
    let set = json!({ "read": deny("closed"), "destroy": { "outcome": "allow" } });
    host.client().put("/v1/policies/defaults", &set).await.expect(200);
    assert_eq!(host.execute("stripe_customers_list", "ada", &json!({})).await.problem(403), "denied_by_policy");
    host.execute("refund.create", "ada", &json!({ "charge": "ch_1" })).await.expect(200);
}

/// The first rule that holds decides; a rule that fails denies; order and rules change under a running host.
#[tokio::test]
async fn the_first_rule_that_holds_decides() {
    let (host, _stripe, _) = connected().await;
    let call = async || host.execute("stripe_customers_list", "ada", &json!({ "limit": 2 })).await.status;
    let denies = policy(&host, "all", "true", deny("no")).await;
    assert_eq!(call().await, 403);
    let first = json!({ "name": "ada reads", "condition": "identifier == 'ada'", "position": 1,
        "outcome": { "outcome": "allow" } });
    let allows = host.client().post("/v1/policies", &first).await.expect(201);
    assert_eq!(call().await, 200);
    let allows = format!("/v1/policies/{}", allows["id"].as_str().unwrap());
    let broken = json!({ "name": "x", "condition": "payload.nothing.there > 1", "outcome": { "outcome": "allow" } });
    host.client().put(&allows, &broken).await.expect(200);
    assert_eq!(call().await, 403, "a rule that cannot be evaluated denies");
    let listed = host.client().get("/v1/policies?limit=1").await.expect(200);
    assert_eq!((&listed["items"][0]["name"], &listed["total_size"]), (&json!("x"), &json!(2)));
    let next = listed["next_cursor"].as_str().unwrap();
    let rest = host.client().get(&format!("/v1/policies?cursor={next}")).await.expect(200);
    assert_eq!((&rest["items"][0]["id"], &rest["next_cursor"]), (&json!(denies), &Value::Null));
    assert_eq!(host.client().delete(&allows).await.status, 204);
    assert_eq!(host.client().delete(&allows).await.problem(404), "not_found");
    assert_eq!(call().await, 403);
    assert_eq!(host.client().delete(&format!("/v1/policies/{denies}")).await.status, 204);
    assert_eq!(call().await, 200);
}

/// Rules are compiled and checked when they are stored; an error names the place.
#[tokio::test]
async fn a_rule_that_makes_no_sense_is_not_stored() {
    let host = TestHost::start().await;
    let allow = json!({ "outcome": "allow" });
    for (condition, outcome, path) in [
        ("tool ==", &allow, "/condition"),
        ("tool + 1 == 2", &allow, "/condition"),
        ("nothing == 1", &allow, "/condition"),
        ("tool", &allow, "/condition"),
        ("true", &json!({ "outcome": "perhaps" }), "/outcome"),
        ("true", &json!({ "outcome": "deny" }), "/outcome"),
        ("true", &json!({ "outcome": "deny", "reason": "" }), "/outcome"),
        ("true", &json!({ "outcome": "ask", "approvers": [] }), "/outcome"),
        ("true", &json!({ "outcome": "ask", "expires_after_ms": 1 }), "/outcome"),
    ] {
        let body = json!({ "name": "a", "condition": condition, "outcome": outcome });
        let answer = host.client().post("/v1/policies", &body).await;
        let problem = answer.json();
        assert_eq!(answer.problem(422), "invalid_input", "{condition} {outcome}");
        assert_eq!(problem["errors"][0]["path"], path, "{problem}");
    }
    let body = json!({ "name": "a", "condition": "true &&\n  1", "outcome": allow });
    let problem = host.client().post("/v1/policies", &body).await.json();
    assert!(problem["errors"][0]["message"].as_str().unwrap().contains("line 2"), "{problem}");
    assert_eq!(host.client().get("/v1/policies").await.expect(200)["total_size"], 0);
    let agent = host.caller("agent", "a").await;
    assert_eq!(agent.get("/v1/policies").await.problem(403), "forbidden");
}

/// A dry run says what would happen and what each rule said, and leaves nothing behind.
#[tokio::test]
async fn a_trial_runs_nothing() {
    let (host, stripe, _) = connected().await;
    let large = policy(&host, "large", "payload.amount > 5000", deny("too much")).await;
    let sent = stripe.upstream().requests().len();
    let executions = host.client().get("/v1/executions").await.expect(200)["total_size"].clone();
    let ask = async |input: Value| {
        let body = json!({ "tool": "refund.create", "identifier": "ada", "input": input });
        host.client().post("/v1/policies/evaluate", &body).await.expect(200)
    };
    let denied = ask(json!({ "amount": 5001 })).await;
    assert_eq!((&denied["outcome"]["outcome"], &denied["policy_id"]), (&json!("deny"), &json!(large)));
    let asked = ask(json!({ "amount": 5000 })).await;
    assert_eq!((&asked["outcome"]["outcome"], &asked["policy_id"]), (&json!("ask"), &Value::Null));
    assert_eq!((&asked["tried"][0]["policy_id"], &asked["tried"][0]["held"]), (&json!(large), &json!(false)));
    let failed = ask(json!({})).await;
    assert_eq!((&failed["outcome"]["outcome"], &failed["tried"][0]["held"]), (&json!("deny"), &Value::Null));
    assert!(failed["tried"][0]["error"].is_string());
    assert_eq!(stripe.upstream().requests().len(), sent);
    assert_eq!(host.client().get("/v1/executions").await.expect(200)["total_size"], executions);
}
