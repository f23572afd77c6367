//! A tool asks its user, and goes on with the answer: SI-19.

use std::time::Duration;

use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::{Answer, Client, Setup, TestHost};
use gloveport_tests::postgres;
use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::{Value, json};

use super::postgres::beside;

struct Asking {
    host: TestHost,
    agent: Client,
}

impl Asking {
    async fn on(host: TestHost) -> Self {
        host.install("relay").await;
        let body = json!({ "name": "relay", "connector": "relay", "auth_pattern": "none" });
        host.client().post("/v1/connections", &body).await.expect(201);
        host.account("relay", "ada", &json!({})).await.expect(201);
        let agent = host.caller("agent", "agent").await;
        Self { host, agent }
    }

    async fn execute(&self, tool: &str, input: &Value) -> Value {
        let body = json!({ "identifier": "ada", "input": input });
        self.agent.post(&format!("/v1/tools/{tool}/execute"), &body).await.expect(202)
    }

    async fn answer(&self, by: &Client, execution: &Value, input: &Value) -> Answer {
        let path = format!("/v1/executions/{}/continue", execution.as_str().unwrap());
        by.post(&path, &json!({ "input": input })).await
    }

    async fn show(&self, execution: &Value) -> Value {
        self.agent.get(&format!("/v1/executions/{}", execution.as_str().unwrap())).await.expect(200)
    }

    /// The next question, once the call has come to it.
    async fn asked(&self, execution: &Value) -> Value {
        loop {
            let shown = self.show(execution).await;
            match shown["status"].as_str().unwrap() {
                "waiting" => return shown["input_request"].clone(),
                "started" => tokio::task::yield_now().await,
                status => panic!("{status}: {shown}"),
            }
        }
    }

    async fn ended(&self, execution: &Value) -> Value {
        let path = format!("/v1/executions/{}?wait_ms=30000", execution.as_str().unwrap());
        self.agent.get(&path).await.expect(200)
    }
}

#[tokio::test]
async fn a_call_goes_on_with_what_its_user_says() {
    let asking = Asking::on(TestHost::start().await).await;
    let waiting = asking.execute("relay_ask", &json!({ "question": "Which code?" })).await;
    let (id, asked) = (&waiting["execution_id"], &waiting["input_request"]);
    assert_eq!((&waiting["status"], &asked["question"]), (&json!("waiting"), &json!("Which code?")));
    assert_eq!(asked["schema"]["properties"]["code"]["minLength"], 4, "{asked}");
    assert_eq!(&asking.show(id).await["input_request"], asked);

    for (bad, status, code) in [
        (json!({ "code": "123" }), 422, "invalid_input"),
        (json!({ "code": 1234 }), 422, "invalid_input"),
        (json!({}), 422, "invalid_input"),
        (json!("1234"), 422, "invalid_input"),
    ] {
        assert_eq!(asking.answer(&asking.agent, id, &bad).await.problem(status), code, "{bad}");
    }
    let stranger = asking.host.caller("agent", "stranger").await;
    assert_eq!(asking.answer(&stranger, id, &json!({ "code": "1234" })).await.problem(404), "not_found");
    let path = format!("/v1/executions/{}/continue", id.as_str().unwrap());
    for body in [json!({}), json!({ "input": 1, "decision": "approve" }), json!({ "decision": "perhaps" })] {
        assert_eq!(asking.agent.post(&path, &body).await.problem(400), "invalid_request");
    }
    let decided = asking.agent.post(&path, &json!({ "decision": "approve" })).await;
    assert_eq!(decided.problem(409), "conflict", "it waits for an answer and not for an approval");

    asking.answer(&asking.agent, id, &json!({ "code": "first" })).await.expect(202);
    let again = asking.asked(id).await;
    assert_eq!(again["question"], "Which code? Once more, after first", "{again}");
    asking.answer(asking.host.client(), id, &json!({ "code": "second" })).await.expect(202);
    let ended = asking.ended(id).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_eq!(ended["data"]["items"], json!([{ "code": "first" }, { "code": "second" }]));
    assert_eq!(asking.answer(&asking.agent, id, &json!({ "code": "third" })).await.problem(409), "conflict");
}

/// What was asked survives the process; what is answered twice at once counts once.
#[tokio::test]
async fn a_question_survives_a_restart() {
    let mut asking = Asking::on(TestHost::spawn_child().await).await;
    let waiting = asking.execute("relay_ask", &json!({ "question": "Which code?" })).await;
    let id = &waiting["execution_id"];
    asking.host.kill().await;
    asking.host.restart_child().await;
    let agent = asking.host.caller("agent", "other").await;
    assert_eq!(asking.answer(&agent, id, &json!({ "code": "none" })).await.problem(404), "not_found");
    let admin = asking.host.client();
    let first = json!({ "code": "first" });
    let (one, two) = tokio::join!(asking.answer(admin, id, &first), asking.answer(admin, id, &first));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409], "{one:?} {two:?}");
}

/// Between two questions comes a call of another tool, which is made once.
#[tokio::test]
async fn what_was_called_before_a_question_is_not_called_again() {
    let asking = Asking::on(TestHost::start().await).await;
    let call = json!({ "tool": "relay_nest", "input": { "below": 1 } });
    let waiting = asking.execute("relay_ask_then_call", &call).await;
    let id = &waiting["execution_id"];
    asking.answer(&asking.agent, id, &json!({ "code": "1234" })).await.expect(202);
    let ended = asking.ended(id).await;
    assert_eq!(ended["data"]["output"]["below"], 1, "{ended}");
    let path = format!("/v1/executions?parent={}", id.as_str().unwrap());
    assert_eq!(asking.agent.get(&path).await.expect(200)["total_size"], 3, "before, between and after");
}

#[tokio::test]
async fn a_question_that_nobody_answers_ends_its_call() {
    for database in [None, postgres::new_database()] {
        let clock = Clock::manual(Timestamp(1_800_000_000_000));
        let setup = match &database {
            Some(database) => beside(database),
            None => Setup::usual(),
        };
        let asking = Asking::on(TestHost::with(Setup { clock: clock.clone(), ..setup }).await).await;
        let waiting = asking.execute("relay_ask", &json!({ "question": "Which code?" })).await;
        let id = &waiting["execution_id"];
        clock.advance(Duration::from_secs(5 * 24 * 60 * 60 - 1));
        asking.host.sweep().await;
        assert_eq!(asking.show(id).await["status"], "waiting");
        clock.advance(Duration::from_secs(1));
        assert_eq!(asking.answer(&asking.agent, id, &json!({ "code": "late" })).await.problem(409), "conflict");
        asking.host.sweep().await;
        let ended = asking.show(id).await;
        assert_eq!((&ended["status"], &ended["code"]), (&json!("expired"), &json!("input_required")), "{ended}");
    }
}

/// Without records nobody could come back with an answer.
#[tokio::test]
async fn a_host_without_records_asks_nobody() {
    let setup = Setup { records: gloveport::config::Records::Off, ..Setup::usual() };
    let asking = Asking::on(TestHost::with(setup).await).await;
    let body = json!({ "identifier": "ada", "input": { "question": "Which code?" } });
    let refused = asking.agent.post("/v1/tools/relay_ask/execute", &body).await;
    assert_eq!(refused.problem(403), "approval_required");
}

/// A rule that is made, changed or removed while a question waits holds for what the call does with the answer.
#[tokio::test]
async fn rules_are_asked_again_when_a_question_is_answered() {
    for database in [None, postgres::new_database()] {
        let setup = database.as_deref().map_or_else(Setup::usual, beside);
        let asking = Asking::on(TestHost::with(setup).await).await;
        let upstream = Upstream::start(|request| Reply::text(200, request.path())).await;
        let headers = [("content-type", "application/json")];
        let body = json!({ "base_url": upstream.url("") }).to_string();
        asking.host.client().send("PATCH", "/v1/connections/relay", &headers, body).await.expect(200);
        // An account may be used at the hosts that its connection had when it was put in.
        asking.host.account("relay", "ada", &json!({})).await;
        let admin = asking.host.client();
        let outcomes = [
            None,
            Some(json!({ "outcome": "ask" })),
            Some(json!({ "outcome": "ask", "at": "before" })),
            Some(json!({ "outcome": "deny", "reason": "not any more" })),
        ];
        for (before, after) in outcomes.iter().flat_map(|before| outcomes.iter().map(move |after| (before, after))) {
            // What is denied or asked about before it runs does not come to a question.
            if before.as_ref().is_some_and(|before| before["outcome"] == "deny" || before["at"] == "before") {
                continue;
            }
            let made = put(admin, before.as_ref(), None).await;
            let sent = writes(&upstream);
            let waiting = asking.execute("relay_ask_then_send", &json!({ "path": "/x" })).await;
            assert!(waiting["input_request"].is_object(), "{before:?}: {waiting}");
            let made = put(admin, after.as_ref(), made).await;
            let id = &waiting["execution_id"];
            asking.answer(&asking.agent, id, &json!({ "code": "1234" })).await.expect(202);
            let told = loop {
                let shown = asking.show(id).await;
                if shown["status"] != "started" {
                    break shown;
                }
                tokio::task::yield_now().await;
            };
            let what = format!("{before:?} then {after:?}: {told}");
            match after.as_ref().map(|after| after["outcome"].as_str().unwrap()) {
                None => assert_eq!((&told["status"], writes(&upstream) - sent), (&json!("succeeded"), 1), "{what}"),
                Some("deny") => {
                    assert_eq!((&told["code"], writes(&upstream) - sent), (&json!("denied_by_policy"), 0), "{what}");
                }
                Some(_) => {
                    // It has begun: what it is asked about is its write.
                    assert_eq!((&told["status"], writes(&upstream) - sent), (&json!("waiting"), 0), "{what}");
                    let path = format!("/v1/approvals/{}/approve", told["approval_id"].as_str().unwrap());
                    admin.post(&path, &json!({})).await.expect(200);
                    let ended = asking.ended(id).await;
                    assert_eq!((&ended["status"], writes(&upstream) - sent), (&json!("succeeded"), 1), "{what}");
                }
            }
            put(admin, None, made).await;
        }
        let read = upstream.requests().iter().filter(|request| request.method == "GET").count();
        assert_eq!(read, 8, "each call read once, however often it went on");
    }
}

fn writes(upstream: &Upstream) -> usize {
    upstream.requests().iter().filter(|request| request.method == "POST").count()
}

/// Makes the rule on the tool that asks and sends, changes it, or removes it; gives its id.
async fn put(admin: &Client, outcome: Option<&Value>, made: Option<String>) -> Option<String> {
    let condition = "tool == 'relay_ask_then_send'";
    let body = |outcome: &Value| json!({ "name": "rule", "condition": condition, "outcome": outcome });
    match (outcome, made) {
        (None, None) => None,
        (None, Some(id)) => {
            admin.delete(&format!("/v1/policies/{id}")).await.expect(204);
            None
        }
        (Some(outcome), None) => {
            let made = admin.post("/v1/policies", &body(outcome)).await.expect(201);
            made["id"].as_str().map(str::to_owned)
        }
        (Some(outcome), Some(id)) => {
            admin.put(&format!("/v1/policies/{id}"), &body(outcome)).await.expect(200);
            Some(id)
        }
    }
}
