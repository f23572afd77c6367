//! What stands before and after tools: AK-601 to AK-605, at the surface.

use gloveport_tests::host::{Client, TestHost};
use gloveport_tests::upstream::{Reply, Upstream};
use gloveport_tests::{postgres, wat_guest};
use serde_json::{Value, json};

use super::bed::Bed;
use super::postgres::beside;

/// Makes a modifier with steps.
pub(super) async fn modifier(client: &Client, name: &str, when: &str, tools: &Value, steps: &Value) -> Value {
    let body = json!({ "name": name, "tools": tools, "when": when, "steps": steps });
    client.post("/v1/modifiers", &body).await.expect(201)
}

/// A connector that answers its input, connected for `ada`: what a tool was given is what it gives.
pub(super) async fn echo(host: &TestHost, name: &str) {
    let headers = [("content-type", "application/wasm")];
    let component = wat_guest::connector(name, "", wat_guest::ECHO);
    host.client().send("POST", "/v1/connectors", &headers, component).await.expect(201);
    host.connection(name, "https://api.invalid").await;
    host.account(name, "ada", &json!({})).await.expect(201);
}

async fn data(host: &TestHost, tool: &str, input: &Value) -> Value {
    host.execute(tool, "ada", input).await.expect(200)["data"].clone()
}

/// AK-601: upstream sees the changed input, the caller's record is of what was sent, and other tools are left alone.
#[tokio::test]
async fn upstream_sees_the_changed_input() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let steps = json!([
        { "set": { "path": "/query", "value": [["q", "is:unread"]] } },
        { "default": { "path": "/method", "value": "PUT" } },
        { "template": { "path": "/headers/-", "template": ["x-for", "{{ call.identifier }}"] } },
    ]);
    modifier(bed.client(), "unread", "before", &json!("probe_fetch"), &steps).await;
    let given = json!({ "target": "/mail", "query": [["q", "all"]], "headers": [] });
    bed.host.execute("probe_fetch", "ada", &given).await.expect(200);
    let sent = bed.upstream.requests().pop().unwrap();
    assert_eq!((sent.method.as_str(), sent.target.as_str()), ("PUT", "/mail?q=is%3Aunread"));
    assert_eq!(sent.header("x-for"), Some("ada"));
    // What the caller gives, a default leaves as it is.
    let given = json!({ "target": "/mail", "method": "POST", "headers": [] });
    bed.host.execute("probe_fetch", "ada", &given).await.expect(200);
    assert_eq!(bed.upstream.requests().pop().unwrap().method, "POST");
    bed.fetch("ada", "/mail?q=all").await.expect(200);
    assert_eq!(bed.upstream.requests().pop().unwrap().target, "/mail?q=all");
}

/// AK-602: the response lacks what was not picked; the tool's own schema holds for what the connector gave, and not for
/// what is left of it. Numbers keep every digit.
#[tokio::test]
async fn the_response_lacks_what_was_removed() {
    let bed = Bed::answering(|_| {
        let body = r#"{"items":[{"id":9007199254740993123,"body":"long"},{"id":1.10,"body":"long"}],"total":2}"#;
        Reply::text(200, body).header("content-type", "application/json")
    })
    .await;
    bed.connect("ada").await;
    modifier(
        bed.client(),
        "short",
        "after",
        &json!(["probe_whoami", "probe_fetch_*"]),
        &json!([
            { "pick": { "paths": ["/items/*/id", "/status"] } },
            { "rename": { "from": "/items", "to": "/rows" } },
        ]),
    )
    .await;
    let answer = bed.host.execute("probe_whoami", "ada", &json!({})).await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.contains(r#"{"rows":[{"id":9007199254740993123},{"id":1.10}]}"#), "{text}");
    assert!(!text.contains("long"));
    // Without a body its own output schema would not hold.
    let left = bed.fetch("ada", "/x").await.expect(200)["data"].clone();
    assert_eq!(left, json!({ "status": 200 }));
    // The schema that callers see is the connector's, and says so of its own output.
    let tool = bed.client().get("/v1/tools/probe_fetch_read").await.expect(200);
    assert!(tool["output_schema"]["properties"]["body"].is_object(), "{tool}");
}

/// AK-603: several run in the order of their positions, then of their registration, each on what the one before made.
#[tokio::test]
async fn modifiers_run_in_order() {
    let host = TestHost::start().await;
    echo(&host, "by_hand").await;
    let append = |value: &str| json!([{ "set": { "path": "/trace/-", "value": value } }]);
    for (name, tools, when, position) in [
        ("c", json!("by_hand_run"), "before", None),
        ("a", json!("by_*"), "before", None),
        ("z", json!("*"), "before", Some(1)),
        ("b", json!(["nothing_here", "*_run"]), "before", Some(1_000)),
        ("y", json!("by_hand_run"), "after", Some(2)),
        ("x", json!("by_hand_run"), "after", Some(1)),
        ("other", json!("by_hand"), "before", None),
    ] {
        let body = json!({ "name": name, "tools": tools, "when": when, "position": position, "steps": append(name) });
        let made = host.client().post("/v1/modifiers", &body).await.expect(201);
        assert_eq!(made["position"], position.unwrap_or(1_000));
    }
    let trace = json!({ "trace": ["z", "c", "a", "b", "x", "y"] });
    assert_eq!(data(&host, "by_hand_run", &json!({ "trace": [] })).await, trace);
    let list = host.client().get("/v1/modifiers").await.expect(200);
    let names: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["z", "x", "y", "c", "a", "b", "other"]);
    let mut paged = Vec::new();
    let mut path = "/v1/modifiers?limit=3".to_owned();
    loop {
        let page = host.client().get(&path).await.expect(200);
        paged.extend(page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/modifiers?limit=3&cursor={cursor}");
    }
    assert_eq!(paged, names);
    assert_eq!(host.client().get("/v1/modifiers?cursor=mod_nothing").await.problem(400), "invalid_request");
}

/// One connection's calls are changed, and those through another are not.
#[tokio::test]
async fn a_modifier_may_be_of_some_connections() {
    let host = TestHost::start().await;
    echo(&host, "by_hand").await;
    let body = json!({ "name": "second", "connector": "by_hand" });
    host.client().post("/v1/connections", &body).await.expect(201);
    host.account("second", "ada", &json!({})).await.expect(201);
    let steps = json!([{ "template": { "path": "/through", "template": "{{ call.connection }}" } }]);
    let body = json!({ "name": "m", "tools": "*", "connections": ["second"], "when": "before", "steps": steps });
    let made = host.client().post("/v1/modifiers", &body).await.expect(201);
    assert_eq!((&made["connections"], &made["steps"]), (&json!(["second"]), &steps));
    for (connection, expected) in [("by_hand", json!({})), ("second", json!({ "through": "second" }))] {
        let body = json!({ "identifier": "ada", "connection": connection, "input": {} });
        let answer = host.client().post("/v1/tools/by_hand_run/execute", &body).await.expect(200);
        assert_eq!(answer["data"], expected, "{connection}");
    }
}

/// X24: policies see the changed input, and no modifier gets around them.
#[tokio::test]
async fn policies_see_what_modifiers_made_of_it() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let rule = json!({ "name": "no secrets", "condition": "payload.target.startsWith('/secret')",
        "outcome": { "outcome": "deny", "reason": "not there" } });
    bed.client().post("/v1/policies", &rule).await.expect(201);
    let before = bed.upstream.requests().len();
    assert_eq!(bed.fetch("ada", "/secret").await.problem(403), "denied_by_policy");
    let lead = |to: &str| json!([{ "set": { "path": "/target", "value": to } }]);
    modifier(bed.client(), "lead", "before", &json!("probe_fetch_read"), &lead("/secret/plans")).await;
    assert_eq!(bed.fetch("ada", "/open").await.problem(403), "denied_by_policy");
    assert_eq!(bed.upstream.requests().len(), before);
    let content = json!({ "tools": "probe_fetch_read", "when": "before", "steps": lead("/open") });
    bed.client().put("/v1/modifiers/lead", &content).await.expect(200);
    bed.fetch("ada", "/secret").await.expect(200);
    assert_eq!(bed.upstream.requests().pop().unwrap().path(), "/open");
}

/// The caller must satisfy the schema that they see, and what is made of it must satisfy it too: whose mistake it is, is
/// told apart. Nothing is sent.
#[tokio::test]
async fn the_schema_holds_before_and_after() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let sent = bed.upstream.requests().len();
    let set = |value: Value| json!([{ "set": { "path": "/target", "value": value } }]);
    modifier(bed.client(), "first", "before", &json!("probe_fetch_read"), &set(json!("/x"))).await;
    let answer = bed.host.execute("probe_fetch_read", "ada", &json!({ "target": 7 })).await;
    assert_eq!((answer.json()["culprit"].clone(), answer.problem(422)), (json!("caller"), "invalid_input".into()));
    let answer = bed.host.execute("probe_fetch_read", "ada", &json!({})).await;
    assert_eq!(answer.problem(422), "invalid_input", "a modifier does not give what the schema demands");
    modifier(bed.client(), "second", "before", &json!("*_read"), &set(json!(7))).await;
    let answer = bed.fetch("ada", "/open").await;
    let problem = answer.json();
    assert_eq!((problem["culprit"].as_str(), answer.problem(502)), (Some("policy"), "modifier_failed".into()));
    assert_eq!(problem["errors"][0]["path"], "/target", "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("`first`, `second`") && detail.contains("Nothing was sent"), "{detail}");
    modifier(bed.client(), "third", "before", &json!("*_read"), &json!([{ "set": { "path": "", "value": [] } }])).await;
    assert_eq!(bed.fetch("ada", "/open").await.problem(502), "modifier_failed");
    assert_eq!(bed.upstream.requests().len(), sent);
}

/// A step that cannot be done names its modifier. Before the tool nothing was sent; after it the call has run, and is
/// recorded so.
#[tokio::test]
async fn a_modifier_that_fails_is_named() {
    let upstream = Upstream::start(|_| Reply::json(200, &json!({ "ok": true }))).await;
    let host = TestHost::start().await;
    host.install("probe").await;
    let body = json!({ "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": upstream.url("") });
    host.client().post("/v1/connections", &body).await.expect(201);
    host.account("probe", "ada", &json!({ "token": host.plant().token() })).await.expect(201);
    let sent = upstream.requests().len();
    let through = json!([{ "remove": { "path": "/x" } }, { "set": { "path": "/target/deep", "value": 1 } }]);
    modifier(host.client(), "wrong", "before", &json!("probe_fetch_read"), &through).await;
    let unfilled = json!([{ "template": { "path": "/x", "template": "{{ call.chat_id }}" } }]);
    modifier(host.client(), "chatty", "before", &json!("probe_fetch"), &unfilled).await;
    let hidden = json!([{ "set": { "path": "/ok/deep", "value": 1 } }]);
    modifier(host.client(), "late", "after", &json!("probe_whoami"), &hidden).await;

    let input = json!({ "target": "/open" });
    let answer = host.execute("probe_fetch_read", "ada", &input).await;
    let problem = answer.json();
    assert_eq!((problem["culprit"].as_str(), answer.problem(502)), (Some("policy"), "modifier_failed".into()));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("modifier `wrong` failed: step 1 (`set`)") && !detail.contains("has run"), "{detail}");
    assert!(problem["execution_id"].is_null(), "nothing of it began");
    let answer = host.execute("probe_fetch", "ada", &input).await;
    assert_eq!((answer.json()["culprit"].clone(), answer.problem(422)), (json!("caller"), "invalid_input".into()));
    assert_eq!(upstream.requests().len(), sent);

    let problem = host.execute("probe_whoami", "ada", &json!({})).await.expect(502);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("modifier `late` failed: step 0") && detail.contains("has run"), "{detail}");
    assert_eq!(upstream.requests().len(), sent + 1);
    let path = format!("/v1/executions/{}", problem["execution_id"].as_str().unwrap());
    let record = host.client().get(&path).await.expect(200);
    assert_eq!((&record["status"], &record["code"]), (&json!("failed"), &json!("modifier_failed")));
    assert_eq!((&record["culprit"], &record["requests"]), (&json!("policy"), &json!(1)));
}

/// What cannot work is refused with its place, and nothing of it is stored; agents have no business here.
#[tokio::test]
async fn a_modifier_that_cannot_work_is_refused() {
    let host = TestHost::start().await;
    let steps = json!([{ "remove": { "path": "/a" } }]);
    let good = json!({ "name": "m", "tools": "t", "when": "before", "steps": steps });
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let bad_steps = json!([{ "remove": { "path": "/a" } }, { "pick": { "paths": ["/a", "b"] } }, { "run": {} }]);
    for (body, places) in [
        (with("steps", bad_steps), &["/steps/1/pick/paths/1", "/steps/2"][..]),
        (with("steps", json!([])), &["/steps"]),
        (with("steps", json!({})), &["/steps"]),
        (with("tools", json!([])), &["/tools"]),
        (with("tools", json!(["a b", "ok", "é"])), &["/tools/0", "/tools/2"]),
        (with("connections", json!(["nowhere"])), &["/connections/0"]),
        (with("connections", json!([])), &["/connections"]),
        (with("when", json!("later")), &["/when"]),
        (with("position", json!(-1)), &["/position"]),
        (with("position", json!(1_000_000_001)), &["/position"]),
    ] {
        let problem = host.client().post("/v1/modifiers", &body).await.expect(422);
        assert_eq!((&problem["code"], &problem["culprit"]), (&json!("invalid_input"), &json!("caller")));
        let found: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["path"].as_str()).collect();
        assert_eq!(found, places.iter().map(|place| Some(*place)).collect::<Vec<_>>(), "{body} {problem}");
    }
    for body in [
        with("steps", Value::Null),
        with("component", json!("AA==")),
        with("name", json!("a b")),
        with("tools", json!(7)),
        with("position", json!("first")),
        with("surprise", json!(1)),
    ] {
        assert_eq!(host.client().post("/v1/modifiers", &body).await.problem(400), "invalid_request", "{body}");
    }
    assert_eq!(host.client().get("/v1/modifiers").await.expect(200)["total_size"], 0);
    host.client().post("/v1/modifiers", &good).await.expect(201);
    assert_eq!(host.client().post("/v1/modifiers", &good).await.problem(409), "conflict");
    let agent = host.caller("agent", "agent").await;
    for (method, path) in [("GET", ""), ("POST", ""), ("GET", "/m"), ("PUT", "/m"), ("DELETE", "/m")] {
        let answer = agent.send(method, &format!("/v1/modifiers{path}"), &[], "").await;
        assert_eq!(answer.problem(403), "forbidden", "{method}");
    }
    for method in ["GET", "DELETE"] {
        assert_eq!(host.client().send(method, "/v1/modifiers/n", &[], "").await.problem(404), "not_found");
    }
}

/// A removed modifier is in no call that begins after, on another host of the database too; so is a changed one.
#[tokio::test]
async fn what_is_removed_or_changed_applies_at_once_on_every_host() {
    let alone = TestHost::start().await;
    echo(&alone, "by_hand").await;
    comes_and_goes(&alone, &alone).await;
    let Some(database) = postgres::new_database() else { return };
    let first = TestHost::with(beside(&database)).await;
    echo(&first, "by_hand").await;
    let second = TestHost::with(beside(&database)).await;
    comes_and_goes(&first, &second).await;
    comes_and_goes(&second, &first).await;
}

async fn comes_and_goes(operator: &TestHost, agent: &TestHost) {
    let content =
        |n: u64| json!({ "tools": "by_hand_run", "when": "after", "steps": [{ "set": { "path": "/n", "value": n } }] });
    let empty = json!({});
    for round in 0..3 {
        assert_eq!(data(agent, "by_hand_run", &empty).await, empty);
        operator.client().put("/v1/modifiers/m", &content(round)).await.expect(201);
        assert_eq!(data(agent, "by_hand_run", &empty).await, json!({ "n": round }));
        operator.client().put("/v1/modifiers/m", &content(round + 10)).await.expect(200);
        assert_eq!(data(agent, "by_hand_run", &empty).await, json!({ "n": round + 10 }));
        operator.client().delete("/v1/modifiers/m").await.expect(204);
    }
    assert_eq!(data(agent, "by_hand_run", &empty).await, empty);
}
