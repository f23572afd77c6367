//! What policies would say now of calls that were made: issue 4, point 2.

use gloveport::config::{KeepBodies, WrittenRetention};
use gloveport_tests::host::{Answer, Client, Setup, TestHost};
use gloveport_tests::imitation::{Stripe, User};
use serde_json::{Value, json};

use super::policies::{connected, deny, policy};

const SINCE: &str = "2000-01-01T00:00:00Z";

/// A host with three refunds that an agent asked for: a small one, a large one, and one that a rule denied.
struct Refunds {
    host: TestHost,
    stripe: Stripe,
    small: Value,
    large: Value,
    denied: Value,
    rule: String,
}

impl Refunds {
    async fn made() -> Self {
        let (host, stripe, _) = connected().await;
        host.allow_all().await;
        let agent = host.caller("agent", "agent").await;
        let (small, large) = (refund(&agent, 10).await, refund(&agent, 6_000).await);
        let rule = policy(&host, "never", "payload.amount == 7000", deny("no")).await;
        let denied = refund(&agent, 7_000).await;
        Self { host, stripe, small, large, denied, rule }
    }

    async fn judge(&self, body: &Value) -> Answer {
        self.host.client().post("/v1/policies/evaluate", body).await
    }

    /// Judges all calls, by what is stored but for what is given.
    async fn past(&self, mut body: Value) -> Value {
        body["executions"] = json!({ "since": SINCE });
        self.judge(&body).await.expect(200)
    }

    async fn audited(&self) -> usize {
        self.host.client().get("/v1/audit?limit=200").await.expect(200)["items"].as_array().unwrap().len()
    }
}

async fn refund(agent: &Client, amount: i64) -> Value {
    let body = json!({ "identifier": "ada", "input": { "charge": "ch_2", "amount": amount } });
    agent.post("/v1/tools/refund.create/execute", &body).await.json()["execution_id"].clone()
}

fn told<'a>(answer: &'a Value, names: [&str; 4]) -> Vec<[&'a Value; 4]> {
    answer["differing"].as_array().unwrap().iter().map(|one| names.map(|name| &one[name])).collect()
}

const FIELDS: [&str; 4] = ["execution_id", "then", "now", "policy_id"];

/// Which calls of before would these rules have stopped, that are only thought of? Nothing runs and nothing is recorded.
#[tokio::test]
async fn past_calls_are_judged_by_rules_that_are_only_thought_of() {
    let refunds = Refunds::made().await;
    let Refunds { large, denied, .. } = &refunds;
    let sent = refunds.stripe.upstream().requests().len();
    let before = refunds.audited().await;

    let same = refunds.past(json!({})).await;
    assert_eq!((&same["differing"], &same["exempt"]), (&json!([]), &json!(1)), "{same}");
    assert_eq!(same["counts"], json!({ "allow": 2, "ask_before": 0, "ask_at_write": 0, "deny": 1 }));

    let condition = "action_type == 'refund.create' && caller.name == 'agent' && payload.amount > 5000";
    let ask = json!([{ "name": "large", "condition": condition, "outcome": { "outcome": "ask", "at": "before" } }]);
    let drafted = refunds.past(json!({ "rules": ask })).await;
    let (none, allow, asked, no) = (Value::Null, json!("allow"), json!("ask_before"), json!("deny"));
    assert_eq!(told(&drafted, FIELDS), [[denied, &no, &asked, &none], [large, &allow, &asked, &none]]);
    assert!(drafted["differing"][0]["why"].as_str().unwrap().contains("large"), "{drafted}");

    let destroy = json!({ "rules": [], "defaults": { "destroy": { "outcome": "ask" } } });
    assert_eq!(refunds.past(destroy).await["counts"]["ask_at_write"], 3);

    // Of a call that is only thought of, asked by who judges.
    let rules = json!([{ "name": "large", "condition": "payload.amount > 5000", "outcome": deny("no") }]);
    let one = json!({ "tool": "refund.create", "input": { "amount": 6000 }, "rules": rules });
    let one = refunds.judge(&one).await.expect(200);
    assert_eq!((&one["outcome"]["outcome"], &one["policy_id"]), (&no, &none));
    assert_eq!(one["tried"][0]["policy_id"], none, "{one}");

    assert_eq!(refunds.stripe.upstream().requests().len(), sent);
    assert_eq!(refunds.audited().await, before);
}

/// By the stored rules, in pages, narrowed; what is no longer known is counted, and nothing of it guessed.
#[tokio::test]
async fn past_calls_are_judged_by_the_rules_of_now() {
    let refunds = Refunds::made().await;
    let Refunds { host, small, large, .. } = &refunds;
    host.client().delete(&format!("/v1/policies/{}", refunds.rule)).await.expect(204);
    let rule = json!(policy(host, "none at all", "tool == 'stripe_refund_create'", deny("no")).await);
    let now = refunds.past(json!({})).await;
    let (allow, no) = (json!("allow"), json!("deny"));
    assert_eq!(told(&now, FIELDS), [[large, &allow, &no, &rule], [small, &allow, &no, &rule]]);

    let page = |cursor: &Value| json!({ "executions": { "since": SINCE, "tool": "stripe_refund_create", "limit": 1, "cursor": cursor } });
    let first = refunds.judge(&page(&Value::Null)).await.expect(200);
    assert_eq!((&first["counts"]["deny"], &first["differing"]), (&json!(1), &json!([])));
    let next = refunds.judge(&page(&first["next_cursor"])).await.expect(200);
    assert_eq!(next["differing"][0]["execution_id"], *large);
    let until = json!({ "executions": { "since": SINCE, "until": SINCE } });
    assert_eq!(refunds.judge(&until).await.expect(200)["counts"]["deny"], 0);

    let keys = host.client().get("/v1/keys").await.expect(200);
    let key = keys["items"].as_array().unwrap().iter().find(|key| key["name"] == "agent").unwrap();
    host.client().delete(&format!("/v1/keys/{}", key["id"].as_str().unwrap())).await.expect(204);
    let gone = refunds.past(json!({})).await;
    assert_eq!((&gone["not_known"], &gone["differing"]), (&json!(3), &json!([])), "{gone}");
}

/// What cannot be judged is said, with its place; agents do not ask.
#[tokio::test]
async fn a_wrong_question_is_refused() {
    let host = TestHost::start().await;
    let rule = |condition: &str, outcome: Value| json!([{ "name": "n", "condition": condition, "outcome": outcome }]);
    let allow = json!({ "outcome": "allow" });
    for body in [
        json!({}),
        json!({ "tool": "t", "executions": { "since": SINCE } }),
        json!({ "input": {}, "executions": { "since": SINCE } }),
        json!({ "executions": { "since": "last week" } }),
        json!({ "executions": { "since": SINCE, "until": "now" } }),
        json!({ "executions": { "since": SINCE, "limit": 201 } }),
        json!({ "executions": { "since": SINCE, "cursor": "x" } }),
        json!({ "executions": {} }),
        json!({ "executions": { "since": SINCE, "status": "failed" } }),
        json!({ "executions": { "since": SINCE }, "rules": [{ "name": "n" }] }),
    ] {
        let answer = host.client().post("/v1/policies/evaluate", &body).await;
        assert_eq!(answer.problem(400), "invalid_request", "{body}");
    }
    for (body, path) in [
        (json!({ "executions": { "since": SINCE }, "rules": rule("1 +", allow.clone()) }), "/rules/0/condition"),
        (json!({ "tool": "t", "rules": rule("nobody == 1", allow.clone()) }), "/rules/0/condition"),
        (
            json!({ "executions": { "since": SINCE }, "rules": rule("true", json!({ "outcome": "maybe" })) }),
            "/rules/0/outcome",
        ),
        (json!({ "executions": { "since": SINCE }, "defaults": { "read": { "outcome": "x" } } }), "/defaults"),
    ] {
        let problem = host.client().post("/v1/policies/evaluate", &body).await.expect(422);
        assert_eq!(problem["errors"][0]["path"], path, "{problem}");
    }
    let agent = host.caller("agent", "agent").await;
    let body = json!({ "executions": { "since": SINCE } });
    assert_eq!(agent.post("/v1/policies/evaluate", &body).await.problem(403), "forbidden");
}

/// Calls whose input is not kept are counted, and nothing is said of them.
#[tokio::test]
async fn calls_without_an_input_are_not_judged() {
    let retention = WrittenRetention { bodies: Some(KeepBodies::Waiting), ..WrittenRetention::default() };
    let host = TestHost::with(Setup { retention, ..Setup::usual() }).await;
    let canary = host.plant();
    let stripe = Stripe::start(vec![User::new("acme", canary.token())]).await;
    host.install("stripe").await;
    host.connection("stripe", &stripe.upstream().url("")).await;
    host.account("stripe", "ada", &json!({ "secret_key": canary.token() })).await.expect(201);
    host.allow_all().await;
    host.execute("refund.create", "ada", &json!({ "charge": "ch_2", "amount": 1 })).await.expect(200);
    policy(&host, "none", "true", deny("no")).await;
    let body = json!({ "executions": { "since": SINCE } });
    let said = host.client().post("/v1/policies/evaluate", &body).await.expect(200);
    assert_eq!(
        (&said["input_not_kept"], &said["counts"]["deny"], &said["differing"]),
        (&json!(1), &json!(0), &json!([]))
    );
}
