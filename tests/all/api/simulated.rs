//! Demo mode: nothing leaves, and all else is as for every call (KO-23).

use gloveport_tests::host::{ADMIN_KEY, Answer, Client, Setup, TestHost};
use gloveport_tests::imitation::{Stripe, User};
use gloveport_tests::upstream::{Reply, Upstream};
use gloveport_tests::{postgres, programs};
use serde_json::{Map, Value, json};

use super::documented::Document;

/// Nobody is there: whatever went there would fail.
const NOWHERE: &str = "http://127.0.0.1:1";

/// A host with connectors connected in demo mode to nowhere, and a user on each who gave no credential.
async fn demo_on(setup: Setup, connectors: &[&str]) -> TestHost {
    let host = TestHost::with(setup).await;
    for connector in connectors {
        host.install(connector).await;
        let mut body = json!({ "name": connector, "connector": connector, "base_url": NOWHERE, "demo": true });
        if *connector == "probe" {
            body["auth_pattern"] = "bearer".into();
        }
        let made = host.client().post("/v1/connections", &body).await.expect(201);
        assert_eq!(made["demo"], true);
        let account = host.client().put(&format!("/v1/connections/{connector}/accounts/ada"), &json!({})).await;
        assert_eq!(account.expect(201)["status"], "pending");
    }
    host
}

async fn demo() -> TestHost {
    demo_on(Setup::usual(), &["stripe"]).await
}

fn refund() -> Value {
    json!({ "charge": "ch_1", "amount": 500 })
}

async fn ended(client: &Client, execution: &Value) -> Value {
    let path = format!("/v1/executions/{}?wait_ms=30000", execution.as_str().unwrap());
    client.get(&path).await.expect(200)
}

fn steps(execution: &Value) -> Vec<&str> {
    execution["timeline"].as_array().unwrap().iter().map(|event| event["step"].as_str().unwrap()).collect()
}

/// An input that satisfies a schema of the bundled connectors, with what must be there.
fn some_input(schema: &Value) -> Value {
    let required = schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap());
    let of = |name: &str| {
        let mut member = &schema["properties"][name];
        while let Some(reference) = member["$ref"].as_str() {
            member = schema.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        }
        match (&member["enum"][0], member["type"].as_str().unwrap_or_default()) {
            (Value::Null, "integer") => json!(7),
            (Value::Null, "boolean") => json!(true),
            (Value::Null, "array") => json!(["x"]),
            (Value::Null, "object") => json!({}),
            (Value::Null, _) => json!("x"),
            (first, _) => first.clone(),
        }
    };
    required.map(|name| (name.to_owned(), of(name))).collect::<Map<_, _>>().into()
}

/// Every tool of the bundled connectors answers what its output schema promises, and says that it is simulated.
#[tokio::test]
async fn every_bundled_tool_answers_within_its_schema() {
    let host = demo_on(Setup::usual(), &["github", "stripe"]).await;
    host.allow_all().await;
    let document = Document::of(host.client()).await;
    let tools = host.client().get("/v1/tools?identifier=ada&include=deferred&limit=200").await.expect(200);
    let tools = tools["items"].as_array().unwrap();
    assert!(tools.len() >= 15, "an account without a credential is enough to see them: {}", tools.len());
    for tool in tools {
        let (name, schema) = (tool["name"].as_str().unwrap(), &tool["output_schema"]);
        let input = some_input(&tool["input_schema"]);
        let first = host.execute(name, "ada", &input).await.expect(200);
        assert_eq!((&first["simulated"], &first["status"]), (&json!(true), &json!("succeeded")), "{name}");
        assert_eq!(first["timing"]["upstream_us"], 0);
        assert!(!schema.is_null(), "{name} promises something");
        let validator = jsonschema::options().should_validate_formats(true).build(schema).unwrap();
        assert!(validator.is_valid(&first["data"]), "{name}: {first}");
        assert_ne!(first["data"], json!({}), "{name}");
        let again = host.execute(name, "ada", &input).await.expect(200);
        assert_eq!(again["data"], first["data"], "{name}: the same input has the same answer");
    }
    document.check_all(&host.client().answers());
}

/// The provider sees nothing, though it is there; the record, the timeline and the audit say why.
#[tokio::test]
async fn nothing_leaves_and_the_record_says_so() {
    let host = demo().await;
    host.allow_all().await;
    let upstream = Upstream::start(|_| Reply::json(200, &json!({}))).await;
    let there = json!({ "base_url": upstream.url("") });
    let json = [("content-type", "application/json")];
    host.client().send("PATCH", "/v1/connections/stripe", &json, there.to_string()).await.expect(200);
    let answer = host.execute("refund.create", "ada", &refund()).await.expect(200);
    assert_eq!(answer["data"]["amount"], 500, "what the input says is what the answer has: {answer}");
    assert_eq!(host.client().post("/v1/connections/stripe/test", &json!({})).await.expect(200)["ok"], true);
    assert_eq!(upstream.requests().len(), 0);
    let record = ended(host.client(), &answer["execution_id"]).await;
    assert_eq!((&record["simulated"], &record["requests"]), (&json!(true), &json!(0)));
    assert_eq!(steps(&record), ["decided", "started", "simulated", "finished"]);
    let path = format!("/v1/audit?subject={}&action=execution.started", answer["execution_id"].as_str().unwrap());
    let audit = host.client().get(&path).await.expect(200);
    assert_eq!(audit["items"][0]["detail"]["simulated"], true, "{audit}");
}

/// What is not allowed, not valid or not connected is refused as always.
#[tokio::test]
async fn refusals_are_those_of_every_call() {
    let host = demo().await;
    let deny = json!({ "name": "no", "condition": "payload.amount > 500",
        "outcome": { "outcome": "deny", "reason": "too much" } });
    host.client().post("/v1/policies", &deny).await.expect(201);
    let large = json!({ "charge": "ch_1", "amount": 501 });
    let denied = host.execute("refund.create", "ada", &large).await;
    let record = ended(host.client(), &denied.json()["execution_id"]).await;
    assert_eq!(denied.problem(403), "denied_by_policy");
    assert_eq!((&record["status"], &record["simulated"]), (&json!("denied"), &json!(true)));
    assert_eq!(steps(&record), ["decided", "finished"]);
    let wrong = json!({ "charge": 7, "amount": 1 });
    assert_eq!(host.execute("refund.create", "ada", &wrong).await.problem(422), "invalid_input");
    assert_eq!(host.execute("refund.create", "eve", &refund()).await.problem(409), "account_not_connected");
    host.client().post("/v1/connections/stripe/accounts/ada/disable", &json!({})).await.expect(200);
    assert_eq!(host.execute("refund.create", "ada", &refund()).await.problem(409), "account_disabled");
}

/// No credential could be tried, so none is taken; where demo mode ends, one is needed again.
#[tokio::test]
async fn credentials_are_neither_needed_nor_taken() {
    let host = demo().await;
    let given = host.account("stripe", "eve", &json!({ "secret_key": host.plant().token() })).await;
    assert_eq!(given.problem(409), "conflict");
    assert_eq!(host.client().get("/v1/accounts?identifier=eve").await.expect(200)["total_size"], 0);
    let tested = host.client().post("/v1/connections/stripe/test", &json!({})).await.expect(200);
    assert!(tested["detail"].as_str().unwrap().contains("no credential was tried"), "{tested}");
    host.execute("stripe_customers_list", "ada", &json!({})).await.expect(200);
    switch(&host, "stripe", false).await;
    let refused = host.execute("stripe_customers_list", "ada", &json!({})).await;
    assert_eq!(refused.problem(409), "account_not_active");
    assert_eq!(host.client().get("/v1/tools?identifier=ada").await.expect(200)["total_size"], 0);
}

async fn switch(host: &TestHost, connection: &str, demo: bool) {
    let json = [("content-type", "application/json")];
    let path = format!("/v1/connections/{connection}");
    let changed = host.client().send("PATCH", &path, &json, json!({ "demo": demo }).to_string()).await.expect(200);
    assert_eq!(changed["demo"], demo);
}

async fn approve(host: &TestHost, waiting: &Value) -> Answer {
    let path = format!("/v1/approvals/{}/approve", waiting["approval_id"].as_str().unwrap());
    host.client().post(&path, &json!({})).await
}

/// A rule that asks at the first write asks before the answer: there is no write to stop at. On both databases.
#[tokio::test]
async fn an_approval_is_waited_for_and_then_simulated() {
    for database in [None, postgres::new_database()] {
        let host = demo_on(Setup { database, ..Setup::usual() }, &["stripe"]).await;
        let agent = host.caller("agent", "agent").await;
        for at in ["at_write", "before"] {
            let defaults = json!({ "destroy": { "outcome": "ask", "at": at } });
            host.client().put("/v1/policies/defaults", &defaults).await.expect(200);
            let body = json!({ "identifier": "ada", "input": refund() });
            let waiting = agent.post("/v1/tools/refund.create/execute", &body).await.expect(202);
            let path = format!("/v1/approvals/{}", waiting["approval_id"].as_str().unwrap());
            let shown = host.client().get(&path).await.expect(200);
            assert_eq!((&shown["at"], &shown["request"]), (&json!("before"), &Value::Null), "{shown}");
            assert_eq!((&shown["input"], &shown["simulated"]), (&refund(), &json!(true)));
            approve(&host, &waiting).await.expect(200);
            let record = ended(&agent, &waiting["execution_id"]).await;
            assert_eq!((&record["status"], &record["simulated"]), (&json!("succeeded"), &json!(true)), "{record}");
            assert_eq!(record["data"]["amount"], 500);
            assert_eq!(steps(&record), ["decided", "waiting", "approved", "started", "simulated", "finished"]);
        }
        host.execute("stripe_customers_list", "ada", &json!({})).await.expect(200);
    }
}

/// Who approved a call that sends nothing did not approve one that sends, and the other way round.
#[tokio::test]
async fn an_approval_is_for_the_mode_that_it_was_shown_in() {
    let host = TestHost::start().await;
    let canary = host.plant();
    let stripe = Stripe::start(vec![User::new("acme", canary.token())]).await;
    host.install("stripe").await;
    host.connection("stripe", &stripe.upstream().url("")).await;
    host.account("stripe", "ada", &json!({ "secret_key": canary.token() })).await.expect(201);
    let agent = host.caller("agent", "agent").await;
    for demo in [false, true] {
        switch(&host, "stripe", demo).await;
        let body = json!({ "identifier": "ada", "input": refund() });
        let waiting = agent.post("/v1/tools/refund.create/execute", &body).await.expect(202);
        switch(&host, "stripe", !demo).await;
        approve(&host, &waiting).await.expect(200);
        let record = ended(&agent, &waiting["execution_id"]).await;
        assert_eq!((&record["status"], &record["code"]), (&json!("failed"), &json!("diverged")), "{record}");
        assert_eq!(stripe.refunds(canary.token()), 0);
    }
}

/// Presets are put in, a key stands for one call, and a call that nobody waits for keeps its answer.
#[tokio::test]
async fn presets_keys_and_calls_in_the_background_work_the_same() {
    let host = demo().await;
    host.allow_all().await;
    let presets = json!({ "presets": { "stripe_refund_create": { "amount": 1_234 } } });
    let json = [("content-type", "application/json")];
    host.client().send("PATCH", "/v1/connections/stripe", &json, presets.to_string()).await.expect(200);
    let body = json!({ "identifier": "ada", "input": { "charge": "ch_1" } }).to_string();
    let send = async |header: (&str, &str), body: &str| {
        let headers = [("content-type", "application/json"), header];
        host.client().send("POST", "/v1/tools/refund.create/execute", &headers, body.to_owned()).await
    };
    let first = send(("idempotency-key", "k-1"), &body).await.expect(200);
    assert_eq!((&first["data"]["amount"], &first["simulated"]), (&json!(1_234), &json!(true)), "{first}");
    assert_eq!(send(("idempotency-key", "k-1"), &body).await.expect(200), first);
    let other = json!({ "identifier": "ada", "input": { "charge": "ch_2" } }).to_string();
    assert_eq!(send(("idempotency-key", "k-1"), &other).await.problem(409), "conflict");
    assert_eq!(
        send(("x", "y"), &json!({ "identifier": "ada", "input": refund() }).to_string()).await.problem(422),
        "invalid_input"
    );
    let started = send(("prefer", "respond-async"), &body).await.expect(202);
    let record = ended(host.client(), &started["execution_id"]).await;
    assert_eq!((&record["data"]["amount"], &record["simulated"]), (&json!(1_234), &json!(true)), "{record}");
}

/// The command line makes such a connection, lists it as one, and calls through it.
#[tokio::test]
async fn the_command_line_makes_and_shows_it() {
    let host = demo().await;
    let run = async |args: &[&str]| {
        let mut command = tokio::process::Command::new(programs::gloveport());
        command.args(args).env("GLOVEPORT_SERVER", host.client().base()).env("GLOVEPORT_KEY", ADMIN_KEY);
        let ran = command.output().await.unwrap();
        assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
        (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap())
    };
    run(&["connection", "add", "trial", "--connector", "stripe", "--demo"]).await;
    let (list, _) = run(&["connection", "list"]).await;
    let row = list.lines().find(|line| line.starts_with("trial")).unwrap();
    assert!(list.lines().next().unwrap().contains("DEMO") && row.contains(" yes "), "{list}");
    let (_, told) = run(&["call", "stripe_customers_list", "--identifier", "ada"]).await;
    assert!(told.contains("was simulated"), "{told}");
}
