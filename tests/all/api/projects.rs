//! Who may act for whom: bound keys, roles, removed keys, and another project's rows (lesson 6).

use gloveport::config::Database;
use gloveport::identity;
use gloveport::model::{By, Clock, KeyId, Random, Role};
use gloveport::store::{ApiKey, Store};
use serde_json::json;

use super::bed::Bed;

mod command;
mod unseen;

/// A key that is bound to one user acts for that user, whatever it says.
#[tokio::test]
async fn a_bound_key_acts_for_its_own_user_only() {
    let bed = Bed::start().await;
    let (ada, _) = (bed.connect("ada").await, bed.connect("bob").await);
    let bob_account = bed.client().get("/v1/connections/probe/accounts/bob").await.expect(200)["id"].clone();
    let agent = bed.agent(Some("ada")).await;
    let call = async |body| agent.post("/v1/tools/probe_whoami/execute", &body).await;
    for body in [json!({ "input": {} }), json!({ "identifier": "ada", "input": {} })] {
        call(body).await.expect(200);
        let sent = bed.upstream.requests().pop().unwrap();
        assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", ada.token()).as_str()));
    }
    let sent = bed.upstream.requests().len();
    assert_eq!(call(json!({ "identifier": "bob" })).await.problem(403), "forbidden");
    assert_eq!(call(json!({ "identifier": "" })).await.problem(403), "forbidden");
    assert_eq!(call(json!({ "account": bob_account })).await.problem(404), "not_found");
    assert_eq!(call(json!({ "account": bob_account, "identifier": "ada" })).await.problem(404), "not_found");
    assert_eq!(call(json!({ "account": bob_account, "identifier": "bob" })).await.problem(403), "forbidden");
    assert_eq!(agent.get("/v1/tools?identifier=bob").await.problem(403), "forbidden");
    assert_eq!(bed.upstream.requests().len(), sent);
    // An agent sees its own executions, and no others.
    bed.host.execute("probe_say_nothing", "bob", &json!({})).await.expect(200);
    let own = agent.get("/v1/executions").await.expect(200);
    assert_eq!(own["total_size"], 2, "{own}");
    let others = bed.client().get("/v1/executions?identifier=bob").await.expect(200);
    let path = format!("/v1/executions/{}", others["items"][0]["id"].as_str().unwrap());
    assert_eq!(agent.get(&path).await.problem(404), "not_found");
}

/// Keys: shown once, listed without their value, refused once removed; the one in use cannot remove itself.
#[tokio::test]
async fn a_removed_key_opens_nothing() {
    let bed = Bed::start().await;
    let made = bed.client().post("/v1/keys", &json!({ "role": "admin", "name": "second" })).await.expect(201);
    let second = bed.client().with_key(made["key"].as_str().unwrap());
    let list = second.get("/v1/keys").await.expect(200);
    assert_eq!(list["total_size"], 2);
    assert!(!list.to_string().contains("gp_"), "{list}");
    let own = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(second.delete(&own).await.problem(409), "conflict");
    assert_eq!(bed.client().delete(&own).await.status, 204);
    assert_eq!(second.get("/v1/keys").await.problem(401), "unauthenticated");
    assert_eq!(bed.client().delete(&own).await.problem(404), "not_found");
    for body in [
        json!({ "role": "root" }),
        json!({ "role": "Admin" }),
        json!({ "role": "admin", "identifier": "ada" }),
        json!({ "role": "agent", "key": "gp_mine" }),
        json!({ "identifier": "ada" }),
    ] {
        assert_eq!(bed.client().post("/v1/keys", &body).await.problem(400), "invalid_request", "{body}");
    }
}

/// Rows of one project do not exist for another: not in lists, not by name, not by id, not as a tool.
#[tokio::test]
async fn another_project_sees_nothing() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let execution = bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200)["execution_id"].clone();
    let account = bed.client().get("/v1/connections/probe/accounts/ada").await.expect(200)["id"].clone();
    let first_key = bed.client().get("/v1/keys").await.expect(200)["items"][0]["id"].clone();
    let other = bed.client().with_key(&other_project(&file(&bed)).await);
    assert_eq!(other.get("/v1/keys").await.expect(200)["total_size"], 1);
    let (execution, key) = (execution.as_str().unwrap(), first_key.as_str().unwrap());
    for (method, path) in [
        ("GET", "/v1/connectors/probe".to_owned()),
        ("DELETE", "/v1/connectors/probe".to_owned()),
        ("GET", "/v1/connections/probe".to_owned()),
        ("DELETE", "/v1/connections/probe".to_owned()),
        ("GET", "/v1/connections/probe/accounts/ada".to_owned()),
        ("DELETE", "/v1/connections/probe/accounts/ada".to_owned()),
        ("POST", "/v1/connections/probe/accounts/ada/disable".to_owned()),
        ("POST", "/v1/connections/probe/test".to_owned()),
        ("GET", "/v1/tools/probe_whoami".to_owned()),
        ("GET", format!("/v1/executions/{execution}")),
        ("DELETE", format!("/v1/keys/{key}")),
    ] {
        assert_eq!(other.send(method, &path, &[], "").await.problem(404), "not_found", "{method} {path}");
    }
    // Even with a connector of its own, the account of another project is none.
    let component = std::fs::read(gloveport_tests::programs::connector("probe")).unwrap();
    other.send("POST", "/v1/connectors", &[("content-type", "application/wasm")], component).await.expect(201);
    let body =
        json!({ "name": "probe", "connector": "probe", "auth_pattern": "bearer", "base_url": bed.upstream.url("") });
    other.post("/v1/connections", &body).await.expect(201);
    let sent = bed.upstream.requests().len();
    for (body, status) in [
        (json!({ "account": account, "input": {} }), 404),
        (json!({ "identifier": "ada", "input": {} }), 409),
        (json!({ "identifier": "ada", "connection": "probe", "input": {} }), 409),
    ] {
        other.post("/v1/tools/probe_whoami/execute", &body).await.problem(status);
    }
    assert_eq!(bed.upstream.requests().len(), sent);
    let body = json!({ "account": account });
    assert_eq!(other.post("/v1/connections/probe/test", &body).await.problem(404), "not_found");
    bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
}

/// Where the rows of a bed on SQLite are.
pub(super) fn file(bed: &Bed) -> Database {
    Database::Sqlite(bed.host.data().join("gloveport.db"))
}

/// An admin key of a second project, made beside the running host.
pub(super) async fn other_project(database: &Database) -> String {
    let (clock, random) = (Clock::system(), Random::system());
    let store = Store::open(database).await.unwrap();
    let project = store.ensure_project("other", &clock, &random).await.unwrap();
    let (clear, hash) = identity::new_key(&random);
    let key = ApiKey {
        id: KeyId::new(&clock, &random),
        project,
        role: Role::Admin,
        identifier: None,
        profile: None,
        scopes: None,
        name: "other".into(),
        created_at: clock.now(),
    };
    store.insert_key(&By::host(key.created_at), &key, &hash).await.unwrap();
    store.close().await;
    clear
}
