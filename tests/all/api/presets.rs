//! Preset parameters and the approval flag: out of the caller's reach, and seen by whoever decides.

use gloveport_tests::host::{Client, Setup, TestHost};
use gloveport_tests::postgres;
use serde_json::{Value, json};

use super::bed::Bed;
use super::profiles::{bound, call, profile};

/// Connects `ada` with the public field `domain`.
async fn with_domain(bed: &Bed, connection: &str, domain: &str) {
    let canary = bed.host.plant();
    let body = json!({ "credentials": { "token": canary.token(), "domain": domain } });
    let path = format!("/v1/connections/{connection}/accounts/ada");
    let answer = bed.client().put(&path, &body).await;
    assert!([200, 201].contains(&answer.status), "{answer:?}");
}

async fn schema(client: &Client, tool: &str, query: &str) -> Value {
    let list = client.get(&format!("/v1/tools?limit=200&include=deferred&{query}")).await.expect(200);
    let tools = list["items"].as_array().unwrap();
    tools.iter().find(|one| one["name"] == tool).unwrap()["input_schema"].clone()
}

fn options(tool: &str, options: &Value) -> Value {
    json!([{ "connection": "probe", "options": { tool: options } }])
}

/// SI-15: presets are templates over the account and the call; the caller's own values stay as they were written.
#[tokio::test]
async fn presets_are_filled_in_for_each_call() {
    let bed = Bed::start().await;
    with_domain(&bed, "probe", "acme.example").await;
    let presets = json!({
        "channel": "#{{ account.domain }}",
        "who": { "id": "{{ call.identifier }}", "n": 12345678901234567890_u64, "list": ["{{ call.tool }}", true, null] },
        "chat": "{{ call.chat_id }}/{{ call.connection }}",
        "run": "{{ call.execution_id }}",
    });
    profile(&bed, "p", &options("probe_echo", &json!({ "presets": presets }))).await;
    let agent = bound(&bed, "p", None).await;
    let mut body = json!({ "identifier": "ada", "chat_id": "{{ call.tool }}", "input": { "own": 1, "a": ["x"] } });
    let ran = agent.post("/v1/tools/probe_echo/execute", &body).await.expect(200);
    let expected = json!({
        "a": ["x"], "own": 1,
        "channel": "#acme.example",
        "who": { "id": "ada", "n": 12345678901234567890_u64, "list": ["probe_echo", true, null] },
        "chat": "{{ call.tool }}/probe",
        "run": ran["execution_id"],
    });
    assert_eq!(ran["data"], expected);
    // Numbers keep every digit.
    let headers = [("content-type", "application/json")];
    let text = r#"{"identifier":"ada","chat_id":"c","input":{"n":1.10000000000000000000001}}"#;
    let answer = agent.send("POST", "/v1/tools/probe_echo/execute", &headers, text).await;
    assert!(String::from_utf8_lossy(&answer.body).contains("1.10000000000000000000001"), "{answer:?}");
    // What cannot be overridden cannot be overridden, under no spelling of JSON.
    for input in
        [r#"{"channel":"x"}"#, r#"{"channel":null}"#, r#"{"\u0063hannel":1}"#, r#"{"a":1,"channel":1,"channel":2}"#]
    {
        let text = format!(r#"{{"identifier":"ada","chat_id":"c","input":{input}}}"#);
        let problem = agent.send("POST", "/v1/tools/probe_echo/execute", &headers, text).await.expect(422);
        assert_eq!((&problem["code"], &problem["culprit"]), (&json!("invalid_input"), &json!("caller")), "{input}");
        assert_eq!(problem["errors"][0]["path"], "/channel", "{input}");
    }
    // A value that the caller owes, and one that the account does not have.
    body["chat_id"] = Value::Null;
    let problem = agent.post("/v1/tools/probe_echo/execute", &body).await.expect(422);
    assert_eq!((&problem["errors"][0]["path"], &problem["culprit"]), (&json!("/chat"), &json!("caller")));
    assert!(problem["detail"].as_str().unwrap().contains("`call.chat_id` has no value"), "{problem}");
    bed.connect("eve").await;
    let body = json!({ "identifier": "eve", "chat_id": "c", "input": {} });
    let problem = agent.post("/v1/tools/probe_echo/execute", &body).await.expect(422);
    assert_eq!((&problem["errors"][0]["path"], &problem["culprit"]), (&json!("/channel"), &json!("policy")));
    assert!(problem["detail"].as_str().unwrap().contains("`account.domain`"), "{problem}");
}

/// SI-15: a preset leaves the schema; a template that does not fit it is the operator's mistake, and told as such.
#[tokio::test]
async fn presets_leave_the_schema_and_are_held_to_it() {
    let bed = Bed::start().await;
    with_domain(&bed, "probe", "acme.example").await;
    let own = schema(bed.client(), "probe_fetch_read", "").await;
    assert!(own["properties"]["target"].is_object() && own["required"] == json!(["target"]), "{own}");
    let presets = json!({ "target": "/of/{{ account.domain }}", "method": "GET" });
    profile(&bed, "p", &options("probe_fetch_read", &json!({ "presets": presets }))).await;
    let agent = bound(&bed, "p", Some("ada")).await;
    for (client, query) in [(&agent, ""), (bed.client(), "profile=p"), (bed.client(), "profile=p&identifier=ada")] {
        let seen = schema(client, "probe_fetch_read", query).await;
        assert!(seen["properties"].get("target").is_none() && seen.get("required").is_none(), "{seen}");
        assert!(seen["properties"]["query"].is_object(), "{seen}");
        jsonschema::draft202012::new(&seen).unwrap();
    }
    assert_eq!(schema(bed.client(), "probe_fetch_read", "").await, own);
    let shown = agent.get("/v1/tools/probe_fetch_read").await.expect(200);
    assert!(shown["input_schema"]["properties"].get("target").is_none(), "{shown}");
    call(&agent, "probe_fetch_read", &json!({ "query": [["a", "b"]] })).await.expect(200);
    assert_eq!(bed.upstream.requests().pop().unwrap().target, "/of/acme.example?a=b");
    let problem = call(&agent, "probe_fetch_read", &json!({ "query": 7 })).await.expect(422);
    assert_eq!((&problem["errors"][0]["path"], &problem["culprit"]), (&json!("/query"), &json!("caller")));
    // A number from a template is a text, which this parameter does not take.
    let presets = json!({ "bytes": "{{ account.domain }}" });
    let body = json!({ "connections": options("probe_gigantic_output", &json!({ "presets": presets })) });
    bed.client().put("/v1/profiles/p", &body).await.expect(200);
    let problem = call(&agent, "probe_gigantic_output", &json!({})).await.expect(422);
    assert_eq!((&problem["errors"][0]["path"], &problem["culprit"]), (&json!("/bytes"), &json!("policy")));
}

/// The connection's presets hold for everybody: administrators, unbound keys, every profile.
#[tokio::test]
async fn a_connections_presets_hold_for_everybody() {
    let bed = Bed::start().await;
    bed.connection("plain", &bed.upstream.url("")).await;
    let presets = json!({ "probe_fetch_read": { "target": "/fixed" } });
    let change = async |presets: &Value| {
        let body = json!({ "presets": presets }).to_string();
        bed.client().send("PATCH", "/v1/connections/probe", &[("content-type", "application/json")], body).await
    };
    assert_eq!(change(&presets).await.expect(200)["presets"], presets);
    // Nobody is connected yet: that is the reason, and not the parameter that nobody may give.
    let none = bed.host.execute("probe_fetch_read", "ada", &json!({})).await;
    assert_eq!(none.problem(409), "account_not_connected");
    bed.connect("ada").await;
    profile(&bed, "p", &json!([{ "connection": "probe" }])).await;
    let (unbound, in_profile) = (bed.agent(None).await, bound(&bed, "p", None).await);
    for client in [bed.client(), &unbound, &in_profile] {
        call(client, "probe_fetch_read", &json!({})).await.expect(200);
        assert_eq!(bed.upstream.requests().pop().unwrap().target, "/fixed");
        let given = call(client, "probe_fetch_read", &json!({ "target": "/x" })).await.expect(422);
        assert_eq!(given["errors"][0]["path"], "/target");
        assert!(schema(client, "probe_fetch_read", "identifier=ada").await["properties"].get("target").is_none());
    }
    // Through two connections, of which one presets it, the parameter need not be given.
    let canary = bed.host.plant();
    bed.host.account("plain", "ada", &json!({ "token": canary.token() })).await.expect(201);
    let seen = schema(bed.client(), "probe_fetch_read", "identifier=ada").await;
    assert!(seen["properties"]["target"].is_object() && seen.get("required").is_none(), "{seen}");
    // What does not fit is refused: in the connection, and in a profile that would set the same.
    for (wrong, path) in [
        (json!({ "probe_nothing": {} }), "/presets/probe_nothing"),
        (json!({ "probe_fetch_read": { "target": 7 } }), "/presets/probe_fetch_read/target"),
        (json!({ "probe_fetch_read": { "target": "{{ x }}" } }), "/presets/probe_fetch_read/target"),
        (json!({ "probe_fetch_read": 7 }), "/presets"),
    ] {
        assert_eq!(change(&wrong).await.expect(422)["errors"][0]["path"], path, "{wrong}");
    }
    let body = json!({ "connections": options("probe_fetch_read", &json!({ "presets": { "target": "/y" } })) });
    let problem = bed.client().put("/v1/profiles/p", &body).await.expect(422);
    assert!(problem["errors"][0]["message"].as_str().unwrap().contains("the connection presets it"), "{problem}");
    assert_eq!(change(&json!({})).await.expect(200)["presets"], json!({}));
    assert_eq!(bed.fetch("ada", "/free").await.problem(409), "ambiguous_account");
    bed.client().delete("/v1/connections/plain/accounts/ada").await.expect(204);
    bed.fetch("ada", "/free").await.expect(200);
}

/// Approves or rejects whatever waits, and waits for the end of the execution.
async fn approve(bed: &Bed, waiting: &Value) -> Value {
    let id = waiting["approval_id"].as_str().unwrap();
    bed.client().post(&format!("/v1/approvals/{id}/approve"), &json!({})).await.expect(200);
    loop {
        let path = format!("/v1/executions/{}", waiting["execution_id"].as_str().unwrap());
        let execution = bed.client().get(&path).await.expect(200);
        if !["waiting", "started"].contains(&execution["status"].as_str().unwrap()) {
            return execution;
        }
        tokio::task::yield_now().await;
    }
}

/// HA-12: a flagged tool waits for an administrator although policies allow it, reads among them; what was approved is
/// what goes out, also if the preset is another by then.
#[tokio::test]
async fn a_flagged_tool_waits_for_an_administrator() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let allow = json!({ "name": "all", "condition": "true", "outcome": { "outcome": "allow" } });
    let policy = bed.client().post("/v1/policies", &allow).await.expect(201);
    let flagged = |target: &str| {
        let one = json!({ "presets": { "target": target }, "approval": true });
        let connections =
            json!([{ "connection": "probe", "options": { "probe_fetch_read": one, "probe_read_then_write": one } }]);
        json!({ "connections": connections })
    };
    bed.client().put("/v1/profiles/p", &flagged("/seen")).await.expect(201);
    let agent = bound(&bed, "p", None).await;
    let sent = bed.upstream.requests().len();
    let read = call(&agent, "probe_fetch_read", &json!({})).await.expect(202);
    assert_eq!(bed.upstream.requests().len(), sent, "a read waits before it runs");
    let write = call(&agent, "probe_read_then_write", &json!({})).await.expect(202);
    assert_eq!(bed.upstream.requests().len(), sent + 1, "a write waits at the write");
    call(&agent, "probe_whoami", &json!({})).await.expect(200);
    call(bed.client(), "probe_fetch_read", &json!({ "target": "/x" })).await.expect(200);
    for (waiting, at) in [(&read, "before"), (&write, "at_write")] {
        let path = format!("/v1/approvals/{}", waiting["approval_id"].as_str().unwrap());
        let shown = bed.client().get(&path).await.expect(200);
        assert_eq!((&shown["at"], &shown["policy_id"]), (&json!(at), &Value::Null));
        assert_eq!(shown["input"]["target"], "/seen", "whoever decides sees the preset");
        assert!(shown["why"].as_str().unwrap().contains("profile `p`"), "{shown}");
        assert_eq!(agent.post(&format!("{path}/approve"), &json!({})).await.problem(403), "forbidden");
    }
    bed.client().put("/v1/profiles/p", &flagged("/changed")).await.expect(200);
    for waiting in [&read, &write] {
        let before = bed.upstream.requests().len();
        assert_eq!(approve(&bed, waiting).await["status"], "succeeded");
        let last = bed.upstream.requests()[before..].iter().map(|one| one.target.clone()).collect::<Vec<_>>();
        assert_eq!(last, ["/seen"]);
    }
    // What the profile no longer has does not run, approved or not.
    let waiting = call(&agent, "probe_fetch_read", &json!({})).await.expect(202);
    let body = json!({ "connections": [{ "connection": "probe", "tools": ["probe_whoami"] }] });
    bed.client().put("/v1/profiles/p", &body).await.expect(200);
    let before = bed.upstream.requests().len();
    let ended = approve(&bed, &waiting).await;
    assert_eq!((&ended["status"], &ended["code"]), (&json!("failed"), &json!("not_found")));
    assert_eq!(bed.upstream.requests().len(), before);
    // A policy that says no outranks the flag, and sees the merged input.
    bed.client().put("/v1/profiles/p", &flagged("/forbidden")).await.expect(200);
    let deny = json!({ "name": "no", "condition": "payload.target == '/forbidden'",
        "outcome": { "outcome": "deny", "reason": "not there" } });
    bed.client().put(&format!("/v1/policies/{}", policy["id"].as_str().unwrap()), &deny).await.expect(200);
    assert_eq!(call(&agent, "probe_fetch_read", &json!({})).await.problem(403), "denied_by_policy");
}

/// Two hosts on one database: what one changes, the next call on the other goes by.
#[tokio::test]
async fn no_host_goes_by_an_old_profile() {
    let Some(database) = postgres::new_database() else { return };
    let setup = || Setup {
        database: Some(database.clone()),
        master_key: Some("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".into()),
        ..Setup::usual()
    };
    let bed = Bed::with(setup()).await;
    let canary = bed.connect("ada").await;
    let second = TestHost::with(setup()).await;
    second.search_for(canary);
    let put = async |host: &Client, target: &str, tools: &Value| {
        let options = json!({ "probe_echo": { "presets": { "target": target } } });
        let body = json!({ "connections": [{ "connection": "probe", "tools": tools, "options": options }] });
        assert!(host.put("/v1/profiles/p", &body).await.status < 300);
    };
    put(bed.client(), "0", &json!(["probe_echo"])).await;
    let made = bed.client().post("/v1/keys", &json!({ "role": "agent", "profile": "p" })).await.expect(201);
    let there = second.client().with_key(made["key"].as_str().unwrap());
    let here = bed.client().with_key(made["key"].as_str().unwrap());
    for round in 1..=5 {
        let target = round.to_string();
        let (changing, other) = if round % 2 == 0 { (second.client(), &here) } else { (bed.client(), &there) };
        put(changing, &target, &json!(["probe_echo", "probe_list"])).await;
        assert_eq!(call(other, "probe_echo", &json!({})).await.expect(200)["data"]["target"], target.as_str());
        call(other, "probe_list", &json!({})).await.expect(200);
        put(changing, &target, &json!(["probe_echo"])).await;
        assert_eq!(call(other, "probe_list", &json!({})).await.problem(404), "not_found");
        assert_eq!(other.get("/v1/tools?include=deferred").await.expect(200)["total_size"], 1);
        let headers = [("content-type", "application/json")];
        let body = json!({ "presets": { "probe_echo": { "also": target } } }).to_string();
        changing.send("PATCH", "/v1/connections/probe", &headers, body).await.expect(200);
        assert_eq!(call(other, "probe_echo", &json!({})).await.expect(200)["data"]["also"], target.as_str());
    }
    assert_eq!(second.client().delete("/v1/profiles/p").await.problem(409), "conflict");
}
