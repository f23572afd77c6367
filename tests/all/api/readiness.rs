//! AK-212: one call tells of all connections of a user which of them work, why not, and whether the user can mend it.

use serde_json::{Value, json};

use super::bed::Bed;

async fn of(bed: &Bed, query: &str) -> Value {
    bed.client().get(&format!("/v1/accounts/readiness?{query}")).await.expect(200)
}

/// Connection, status, whether it is ready and can be connected again, and why it is not.
fn told(answer: &Value) -> Vec<(String, String, bool, bool, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let connections = answer["connections"].as_array().unwrap().iter();
    connections
        .map(|one| {
            let flag = |name: &str| one[name].as_bool().unwrap();
            (text(&one["connection"]), text(&one["status"]), flag("ready"), flag("can_reconnect"), text(&one["code"]))
        })
        .collect()
}

fn row(
    connection: &str,
    status: &str,
    ready: bool,
    can_reconnect: bool,
    code: &str,
) -> (String, String, bool, bool, String) {
    (connection.into(), status.into(), ready, can_reconnect, code.into())
}

#[tokio::test]
async fn each_connection_tells_how_it_stands() {
    let bed = Bed::start().await;
    for name in ["waits", "off", "filled", "shared"] {
        bed.connection(name, &bed.upstream.url("")).await;
    }
    assert_eq!(of(&bed, "identifier=ada").await["ready"], json!(false));
    bed.connect("ada").await;
    bed.client().put("/v1/connections/waits/accounts/ada", &json!({})).await.expect(201);
    bed.client().patch("/v1/connections/off", &json!({ "disabled": true })).await.expect(200);
    let canary = bed.host.plant();
    let put = json!({ "credentials": { "token": canary.token() }, "shared": true });
    bed.client().put("/v1/connections/shared/accounts/all", &put).await.expect(201);
    let credentials = json!({ "credentials": { "token": { "secret": "missing" } } });
    bed.client().patch("/v1/connections/filled", &credentials).await.expect(200);
    let ada = of(&bed, "identifier=ada").await;
    assert_eq!(
        told(&ada),
        [
            row("probe", "active", true, false, ""),
            row("waits", "pending", false, true, "account_not_active"),
            row("off", "not_connected", false, false, "account_not_connected"),
            row("filled", "not_connected", false, true, "account_not_connected"),
            row("shared", "active", true, false, ""),
        ]
    );
    assert_eq!(ada["ready"], json!(false));
    let probe = &ada["connections"][0];
    assert!(probe["last_used_at"].is_null() && probe["updated_at"].is_string(), "{probe}");
    assert_eq!(ada["connections"][4]["shared"], json!(true));
    // What is told ready is what a call finds, and the reverse.
    for one in ada["connections"].as_array().unwrap() {
        let body = json!({ "identifier": "ada", "connection": one["connection"], "input": {} });
        let called = bed.client().post("/v1/tools/probe_whoami/execute", &body).await;
        match &one["code"] {
            Value::String(code) => assert_eq!(&called.json()["code"], code, "{one}"),
            _ => assert_eq!(called.status, 200, "{one}"),
        }
    }
    bed.client().post("/v1/connections/probe/accounts/ada/disable", &json!({})).await.expect(200);
    let ada = of(&bed, "identifier=ada").await;
    assert_eq!(told(&ada)[0], row("probe", "active", false, false, "account_disabled"));
    assert_eq!(ada["connections"][0]["disabled"], json!(true));
}

/// With a link for each connection that the user can mend, and for no other; who may not make links gets none.
#[tokio::test]
async fn links_are_made_where_they_help() {
    let bed = Bed::start().await;
    for name in ["waits", "off"] {
        bed.connection(name, &bed.upstream.url("")).await;
    }
    bed.connect("ada").await;
    bed.client().patch("/v1/connections/off", &json!({ "disabled": true })).await.expect(200);
    let links = |answer: &Value| -> Vec<bool> {
        answer["connections"].as_array().unwrap().iter().map(|one| one["link"].is_string()).collect()
    };
    let found = of(&bed, "identifier=ada&organization=&include_links=true").await;
    assert_eq!(links(&found), [false, true, false]);
    assert_eq!(links(&of(&bed, "identifier=ada&include_links=false").await), [false, false, false]);
    // The account waits for who opens the link.
    let waiting = bed.client().get("/v1/connections/waits/accounts/ada").await.expect(200);
    assert_eq!(waiting["status"], "pending");
    let made =
        bed.client().post("/v1/keys", &json!({ "role": "agent", "scopes": ["accounts:read"] })).await.expect(201);
    let reader = bed.client().with_key(made["key"].as_str().unwrap());
    let path = "/v1/accounts/readiness?identifier=ada";
    assert_eq!(reader.get(&format!("{path}&include_links=true")).await.problem(403), "forbidden");
    reader.get(path).await.expect(200);
}

/// AK-011: accounts of another organization do not make a user ready, and each account of a user has its line.
#[tokio::test]
async fn organizations_and_labels_have_their_own_lines() {
    let bed = Bed::start().await;
    for (organization, label) in [("acme", "first"), ("acme", "second"), ("other", "")] {
        let canary = bed.host.plant();
        let put = json!({ "credentials": { "token": canary.token() }, "organization": organization, "label": label });
        bed.client().put("/v1/connections/probe/accounts/ada", &put).await.expect(201);
    }
    let labels = async |query: &str| {
        let found = of(&bed, query).await;
        let labels: Vec<Value> =
            found["connections"].as_array().unwrap().iter().map(|one| one["label"].clone()).collect();
        json!(labels)
    };
    assert_eq!(labels("identifier=ada&organization=acme").await, json!(["first", "second"]));
    assert_eq!(labels("identifier=ada&organization=other").await, json!([null]));
    assert_eq!(labels("identifier=ada").await, json!(["first", "second", null]));
    let none = of(&bed, "identifier=ada&organization=none").await;
    assert_eq!(told(&none), [row("probe", "not_connected", false, true, "account_not_connected")]);
}

#[tokio::test]
async fn it_is_not_told_to_anybody() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let path = "/v1/accounts/readiness";
    for query in ["", "?identifier=ada&nonsense=1", &format!("?identifier={}", "x".repeat(300)), "?identifier=%0A"] {
        assert_eq!(bed.client().get(&format!("{path}{query}")).await.problem(400), "invalid_request", "{query}");
    }
    let agent = bed.agent(Some("ada")).await;
    assert_eq!(agent.get(&format!("{path}?identifier=ada")).await.problem(403), "forbidden");
    let body = json!({ "role": "agent", "identifier": "bob", "scopes": ["accounts:read"] });
    let made = bed.client().post("/v1/keys", &body).await.expect(201);
    let bob = bed.client().with_key(made["key"].as_str().unwrap());
    assert_eq!(bob.get(&format!("{path}?identifier=ada")).await.problem(403), "forbidden");
    assert_eq!(bob.get(&format!("{path}?identifier=bob")).await.expect(200)["ready"], json!(false));
}
