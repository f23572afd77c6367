//! Profiles: which tools an agent has, the same in lists and in calls.

use gloveport_tests::host::{Answer, Client};
use gloveport_tests::upstream::Reply;
use serde_json::{Value, json};

use super::bed::Bed;

/// Makes a profile.
pub(super) async fn profile(bed: &Bed, name: &str, connections: &Value) -> Value {
    bed.client().post("/v1/profiles", &json!({ "name": name, "connections": connections })).await.expect(201)
}

/// An agent's key that is bound to a profile.
pub(super) async fn bound(bed: &Bed, profile: &str, identifier: Option<&str>) -> Client {
    let body = json!({ "role": "agent", "profile": profile, "identifier": identifier });
    let made = bed.client().post("/v1/keys", &body).await.expect(201);
    assert_eq!(made["profile"], profile);
    bed.client().with_key(made["key"].as_str().unwrap())
}

/// Calls a tool with an agent's key.
pub(super) async fn call(agent: &Client, tool: &str, input: &Value) -> Answer {
    agent.post(&format!("/v1/tools/{tool}/execute"), &json!({ "identifier": "ada", "input": input })).await
}

async fn listed(client: &Client, query: &str) -> Vec<String> {
    let list = client.get(&format!("/v1/tools?limit=200&{query}")).await.expect(200);
    assert!(list["next_cursor"].is_null());
    list["items"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

/// A bed with two connections of the probe and one of Stripe, and `ada` connected to all.
async fn bed() -> Bed {
    let list = json!({ "object": "list", "data": [], "has_more": false });
    let bed = Bed::answering(move |_| Reply::json(200, &list)).await;
    bed.connection("second", &bed.upstream.url("")).await;
    bed.host.install("stripe").await;
    bed.host.connection("stripe", &bed.upstream.url("")).await;
    bed.connect("ada").await;
    for (connection, field) in [("second", "token"), ("stripe", "secret_key")] {
        let canary = bed.host.plant();
        bed.host.account(connection, "ada", &json!({ field: canary.token() })).await.expect(201);
    }
    bed
}

/// HC-15, HA-11, lesson 14: each installed tool is listed, shown and called, or none of these, for keys bound to a user
/// or not.
#[tokio::test]
async fn a_bound_key_lists_and_calls_the_same_tools() {
    let bed = bed().await;
    let all = listed(bed.client(), "include=deferred").await;
    let chosen = ["probe_say_nothing", "probe_whoami"];
    let connections = json!([{ "connection": "second", "tools": chosen }, { "connection": "stripe" }]);
    profile(&bed, "support", &connections).await;
    let stripe = all.iter().filter(|name| name.starts_with("stripe_")).cloned();
    let mut expected: Vec<String> = chosen.iter().map(|name| (*name).to_owned()).chain(stripe).collect();
    expected.sort();
    for identifier in [None, Some("ada")] {
        let agent = bound(&bed, "support", identifier).await;
        assert_eq!(listed(&agent, "include=deferred&identifier=ada").await, expected);
        assert_eq!(listed(&agent, "include=deferred").await, expected);
        assert_eq!(listed(&agent, "include=deferred&profile=support").await, expected, "its own");
        for tool in &all {
            let in_it = expected.contains(tool);
            assert_eq!(agent.get(&format!("/v1/tools/{tool}")).await.status == 200, in_it, "{tool}");
            let answer = call(&agent, tool, &json!({})).await;
            let refused = answer.status == 404 && answer.json()["execution_id"].is_null();
            assert_eq!(refused, !in_it, "{tool}: {answer:?}");
            if refused {
                assert!(answer.json()["detail"].as_str().unwrap().contains("profile `support`"), "{answer:?}");
            }
        }
    }
    // The administrator sees the same, with and without a user; nobody has an account that is not there.
    for query in ["profile=support", "profile=support&identifier=ada"] {
        assert_eq!(listed(bed.client(), &format!("include=deferred&{query}")).await, expected, "{query}");
    }
    assert_eq!(listed(bed.client(), "profile=support&identifier=eve").await, [""; 0]);
    let agent = bound(&bed, "support", None).await;
    let body = json!({ "identifier": "eve", "input": {} });
    assert_eq!(agent.post("/v1/tools/probe_whoami/execute", &body).await.problem(409), "account_not_connected");
}

/// HC-15: what is left out is refused by name, whichever way it is named: connection, account, alias.
#[tokio::test]
async fn no_way_of_naming_leads_out_of_a_profile() {
    let bed = bed().await;
    profile(&bed, "second-only", &json!([{ "connection": "second", "tools": ["probe_whoami"] }])).await;
    let agent = bound(&bed, "second-only", None).await;
    let accounts = bed.client().get("/v1/accounts?connection=probe").await.expect(200);
    let outside = accounts["items"][0]["id"].clone();
    let sent = bed.upstream.requests().len();
    for body in [
        json!({ "identifier": "ada", "connection": "probe", "input": {} }),
        json!({ "identifier": "ada", "connection": "nothing", "input": {} }),
        json!({ "account": outside, "input": {} }),
        json!({ "account": outside, "connection": "probe", "input": {} }),
        json!({ "account": outside, "connection": "second", "input": {} }),
    ] {
        assert_eq!(agent.post("/v1/tools/probe_whoami/execute", &body).await.problem(404), "not_found", "{body}");
    }
    assert_eq!(call(&agent, "refund.create", &json!({})).await.problem(404), "not_found");
    assert_eq!(bed.upstream.requests().len(), sent);
    // Two accounts of the user fit the tool; one of them is in the profile, so nothing is ambiguous.
    call(&agent, "probe_whoami", &json!({})).await.expect(200);
    assert_eq!(call(bed.client(), "probe_whoami", &json!({})).await.problem(409), "ambiguous_account");
    let list = agent.get("/v1/tools?identifier=ada").await.expect(200);
    assert_eq!(list["items"][0]["connections"], json!(["second"]));
    // A disabled connection is neither listed nor called.
    let headers = [("content-type", "application/json")];
    bed.client().send("PATCH", "/v1/connections/second", &headers, "{\"disabled\":true}").await.expect(200);
    for query in ["", "identifier=ada"] {
        assert_eq!(listed(&agent, query).await, [""; 0], "{query}");
    }
    assert_eq!(call(&agent, "probe_whoami", &json!({})).await.problem(409), "account_disabled");
}

/// AK-910, AK-503: two configurations for one user, at the same time; a profile without tools has none.
#[tokio::test]
async fn two_profiles_of_one_user_have_different_tools() {
    let bed = bed().await;
    profile(&bed, "reader", &json!([{ "connection": "stripe", "tools": ["charge.retrieve"] }])).await;
    profile(&bed, "probing", &json!([{ "connection": "probe", "tools": ["probe_echo"] }])).await;
    profile(&bed, "nothing", &json!([])).await;
    profile(&bed, "no-tools", &json!([{ "connection": "probe", "tools": [] }])).await;
    for (name, tools) in [
        ("reader", vec!["stripe_charge_retrieve"]),
        ("probing", vec!["probe_echo"]),
        ("nothing", vec![]),
        ("no-tools", vec![]),
    ] {
        let agent = bound(&bed, name, Some("ada")).await;
        assert_eq!(listed(&agent, "include=deferred").await, tools, "{name}");
        assert_eq!(call(&agent, "probe_echo", &json!({})).await.status == 200, name == "probing");
        // Another agent's profile is not its business.
        if name != "reader" {
            assert_eq!(agent.get("/v1/tools?profile=reader").await.problem(403), "forbidden");
        }
    }
    let unbound = bed.agent(Some("ada")).await;
    assert_eq!(unbound.get("/v1/tools?profile=reader").await.problem(403), "forbidden");
    assert_eq!(bed.client().get("/v1/tools?profile=unknown").await.problem(404), "not_found");
}

/// A profile may show what is deferred, and defer what is not.
#[tokio::test]
async fn a_profile_says_what_is_deferred() {
    let bed = bed().await;
    let tools = ["probe_echo", "probe_list"];
    let connections = |deferred: Value| json!([{ "connection": "probe", "tools": tools, "options": { "probe_echo": { "deferred": deferred } } }]);
    profile(&bed, "p", &connections(json!(true))).await;
    let agent = bound(&bed, "p", Some("ada")).await;
    assert_eq!(listed(&agent, "").await, ["probe_list"]);
    assert_eq!(listed(&agent, "include=deferred").await, tools);
    assert_eq!(agent.get("/v1/tools/probe_echo").await.expect(200)["deferred"], true);
    call(&agent, "probe_echo", &json!({})).await.expect(200);
    let body = json!({ "connections": connections(json!(false)) });
    bed.client().put("/v1/profiles/p", &body).await.expect(200);
    assert_eq!(listed(&agent, "").await, tools);
}

/// What a profile names must be there, and what cannot work is refused, each with its place.
#[tokio::test]
async fn a_profile_that_cannot_work_is_refused() {
    let bed = bed().await;
    let refund = |options: Value| json!([{ "connection": "stripe", "options": { "refund.create": options } }]);
    let presets = |presets: Value| refund(json!({ "presets": presets }));
    let at = "/connections/0/options/refund.create/presets";
    for (connections, path, message) in [
        (json!([{ "connection": "nothing" }]), "/connections/0/connection".into(), "no connection `nothing`"),
        (json!([{ "connection": "stripe" }, { "connection": "stripe" }]), "/connections/1/connection".into(), "twice"),
        (
            json!([{ "connection": "stripe", "tools": ["probe_echo"] }]),
            "/connections/0/tools/0".into(),
            "has no tool `probe_echo`",
        ),
        (
            json!([{ "connection": "stripe", "tools": ["refund.create", "stripe_refund_create"] }]),
            "/connections/0/tools/1".into(),
            "twice",
        ),
        (
            json!([{ "connection": "stripe", "options": { "stripe_nothing": {} } }]),
            "/connections/0/options/stripe_nothing".into(),
            "has no tool",
        ),
        (
            json!([{ "connection": "stripe", "tools": ["charge.retrieve"], "options": { "refund.create": {} } }]),
            "/connections/0/options/refund.create".into(),
            "`tools` does not have `stripe_refund_create`",
        ),
        (presets(json!({ "currency": "eur" })), format!("{at}/currency"), "no such parameter"),
        (presets(json!({ "amount": 0 })), format!("{at}/amount"), "less than the minimum"),
        (presets(json!({ "charge": "{{ default_charge }}" })), format!("{at}/charge"), "no `default_charge`"),
        (presets(json!({ "charge": "{{ account.token" })), format!("{at}/charge"), "has no `}}`"),
    ] {
        let body = json!({ "name": "p", "connections": connections });
        let problem = bed.client().post("/v1/profiles", &body).await.expect(422);
        let error = &problem["errors"][0];
        assert_eq!((problem["code"].as_str(), error["path"].as_str()), (Some("invalid_input"), Some(path.as_str())));
        assert!(error["message"].as_str().unwrap().contains(message), "{problem}");
        let put = bed.client().put("/v1/profiles/p", &json!({ "connections": connections })).await;
        assert_eq!(put.problem(422), "invalid_input");
    }
    for name in ["", "a b", "a/b", ".hidden", &"a".repeat(65), "é"] {
        let body = json!({ "name": name, "connections": [] });
        assert_eq!(bed.client().post("/v1/profiles", &body).await.problem(400), "invalid_request", "{name}");
    }
    let many: Vec<Value> = (0..101).map(|n| json!({ "connection": n.to_string() })).collect();
    let body = json!({ "name": "p", "connections": many });
    assert_eq!(bed.client().post("/v1/profiles", &body).await.problem(422), "invalid_input");
    assert_eq!(bed.client().get("/v1/profiles").await.expect(200)["total_size"], 0);
}

/// What disappears later is listed as missing, and the rest goes on.
#[tokio::test]
async fn what_disappears_is_listed_as_missing() {
    let bed = bed().await;
    bed.connection("third", &bed.upstream.url("")).await;
    let connections = json!([
        { "connection": "third", "tools": ["probe_echo"], "options": { "probe_echo": { "deferred": false } } },
        { "connection": "second", "tools": ["probe_list"] },
    ]);
    let made = profile(&bed, "p", &connections).await;
    assert_eq!((&made["connections"], &made["missing"]), (&connections, &json!([])));
    let agent = bound(&bed, "p", None).await;
    bed.client().delete("/v1/connections/third").await.expect(204);
    let gone = bed.client().get("/v1/profiles/p").await.expect(200)["missing"].clone();
    let reason = "there is no connection `third`";
    assert_eq!(gone, json!([{ "connection": "third", "tool": null, "reason": reason }]));
    assert_eq!(listed(&agent, "").await, ["probe_list"]);
    // A connection of this name that has other tools.
    bed.client().post("/v1/connections", &json!({ "name": "third", "connector": "stripe" })).await.expect(201);
    let list = bed.client().get("/v1/profiles").await.expect(200);
    let reason = "connector `stripe` has no tool `probe_echo`";
    let gone = json!([{ "connection": "third", "tool": "probe_echo", "reason": reason }]);
    assert_eq!(list["items"][0]["missing"], gone);
    assert_eq!(call(&agent, "probe_echo", &json!({})).await.problem(404), "not_found");
    call(&agent, "probe_list", &json!({})).await.expect(200);
}

/// A profile stays while a key is bound to it; keys of administrators are bound to none.
#[tokio::test]
async fn a_profile_stays_while_keys_are_bound_to_it() {
    let bed = bed().await;
    profile(&bed, "p", &json!([{ "connection": "probe" }])).await;
    let taken = bed.client().post("/v1/profiles", &json!({ "name": "p", "connections": [] })).await;
    assert_eq!(taken.problem(409), "conflict");
    let made = bed.client().post("/v1/keys", &json!({ "role": "agent", "profile": "p" })).await.expect(201);
    let agent = bed.client().with_key(made["key"].as_str().unwrap());
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(agent.send(method, "/v1/profiles/p", &[], "").await.problem(403), "forbidden", "{method}");
    }
    let keys = bed.client().get("/v1/keys").await.expect(200);
    let profiles: Vec<&Value> = keys["items"].as_array().unwrap().iter().map(|key| &key["profile"]).collect();
    assert_eq!(profiles, [&Value::Null, &json!("p")]);
    for (body, status) in
        [(json!({ "role": "agent", "profile": "q" }), 404), (json!({ "role": "admin", "profile": "p" }), 400)]
    {
        bed.client().post("/v1/keys", &body).await.expect(status);
    }
    assert_eq!(bed.client().delete("/v1/profiles/p").await.problem(409), "conflict");
    call(&agent, "probe_list", &json!({})).await.expect(200);
    bed.client().delete(&format!("/v1/keys/{}", made["id"].as_str().unwrap())).await.expect(204);
    bed.client().delete("/v1/profiles/p").await.expect(204);
    assert_eq!(bed.client().delete("/v1/profiles/p").await.problem(404), "not_found");
    assert_eq!(bed.client().get("/v1/profiles/p").await.problem(404), "not_found");
    bed.client().put("/v1/profiles/p", &json!({ "connections": [] })).await.expect(201);
}
