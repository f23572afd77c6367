//! Accounts by name and by id: changed in part, with settings of their own, filtered and paged.

use std::time::Duration;

use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::Setup;
use gloveport_tests::upstream::Reply;
use serde_json::json;

use super::bed::{Bed, JUNK};

const ADA: &str = "/v1/connections/probe/accounts/ada";

/// AK-103, AK-206: an account is made where there is none, and got where there is one: waiting at first, in the one word that
/// all answers have for it.
#[tokio::test]
async fn an_account_is_got_or_made() {
    let bed = Bed::start().await;
    let client = bed.client();
    let made = client.put(ADA, &json!({})).await.expect(201);
    assert_eq!(
        (&made["status"], &made["identifier"], &made["connection"]),
        (&json!("pending"), &json!("ada"), &json!("probe"))
    );
    assert_eq!(client.put(ADA, &json!({})).await.expect(200), made);
    assert_eq!(client.get(ADA).await.expect(200), made);
    let status = async |status: &str| {
        let list = client.get(&format!("/v1/accounts?status={status}")).await;
        if list.status == 200 { list.json()["items"].as_array().unwrap().len() } else { usize::from(list.status) }
    };
    for (named, found) in
        [("pending", 1), ("active", 0), ("expired", 0), ("revoked", 0), ("error", 0), ("ACTIVE", 400), ("1", 400)]
    {
        assert_eq!(status(named).await, found, "{named}");
    }
    let canary = bed.host.plant();
    let connected = client.put(ADA, &json!({ "credentials": { "token": canary.token() } })).await.expect(200);
    assert_eq!((&connected["id"], &connected["status"]), (&made["id"], &json!("active")));
    // Whoever makes sure of an account that works leaves it as it is.
    assert_eq!(client.put(ADA, &json!({})).await.expect(200)["status"], "active");
    assert_eq!((status("pending").await, status("active").await), (0, 1));
}

/// AK-108: what a change does not name stays, by name as well as by id.
#[tokio::test]
async fn an_account_changes_in_part() {
    let bed = Bed::start().await;
    let client = bed.client();
    assert_eq!(client.patch(ADA, &json!({})).await.problem(404), "not_found");
    let canary = bed.host.plant();
    let put = json!({ "credentials": { "token": canary.token() }, "fields": { "site": "one", "team": "red" },
        "settings": { "version": "v1", "deep": { "a": 1 } } });
    let made = client.put(ADA, &put).await.expect(201);
    let by_id = format!("/v1/accounts/{}", made["id"].as_str().unwrap());
    assert_eq!(client.get(&by_id).await.expect(200), made);
    let changed = client
        .patch(&by_id, &json!({ "fields": { "team": null, "new": "x" }, "settings": { "version": null, "b": [1.50] } }))
        .await
        .expect(200);
    assert_eq!(changed["fields"], json!({ "site": "one", "new": "x" }));
    assert_eq!(changed["settings"], json!({ "deep": { "a": 1 }, "b": [1.5] }));
    assert_eq!((&changed["id"], &changed["created_at"]), (&made["id"], &made["created_at"]));
    let sent = async || {
        bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
        bed.upstream.requests().pop().unwrap().header("authorization").unwrap().to_owned()
    };
    assert_eq!(sent().await, format!("Bearer {}", canary.token()));
    let other = bed.host.plant();
    let changed = client.patch(ADA, &json!({ "credentials": { "token": other.token() } })).await.expect(200);
    assert_eq!(changed["fields"], json!({ "site": "one", "new": "x" }));
    assert_eq!(sent().await, format!("Bearer {}", other.token()));
    // Public fields may be in `credentials` too, as when it was connected.
    let changed = client.patch(ADA, &json!({ "credentials": { "domain": "d" } })).await.expect(200);
    assert_eq!(changed["fields"]["domain"], "d");
    for (body, status) in [
        (json!({ "credentials": { "token": JUNK } }), 422),
        (json!({ "credentials": { "token": null } }), 422),
        (json!({ "credentials": { "token": "" } }), 422),
        (json!({ "credentials": { "nothing": "x" } }), 422),
        (json!({ "fields": { "token": "x" } }), 422),
        (json!({ "settings": [] }), 400),
        (json!({ "label": "x" }), 400),
        (json!({ "shared": true }), 400),
    ] {
        client.patch(&by_id, &body).await.problem(status);
        assert_eq!(sent().await, format!("Bearer {}", other.token()), "{body}");
    }
    let agent = bed.agent(Some("ada")).await;
    assert_eq!(agent.patch(&by_id, &json!({})).await.problem(403), "forbidden");
    assert_eq!(agent.get(&by_id).await.problem(403), "forbidden");
    for id in ["acc_1", "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV", "conn_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        assert_eq!(client.get(&format!("/v1/accounts/{id}")).await.problem(404), "not_found");
        assert_eq!(client.delete(&format!("/v1/accounts/{id}")).await.problem(404), "not_found");
    }
    client.delete(&by_id).await.expect(204);
    assert_eq!(client.get(ADA).await.problem(404), "not_found");
}

/// Lesson 5: who may change an account's fields cannot send the credential that it has to another host.
#[tokio::test]
async fn a_change_does_not_move_a_credential() {
    let bed = Bed::start().await;
    let port = bed.upstream.url("").rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    bed.connection("moved", &format!("http://{{{{domain}}}}:{port}")).await;
    let path = "/v1/connections/moved/accounts/ada";
    let first = bed.host.plant();
    let put = json!({ "credentials": { "token": first.token(), "domain": "127.0.0.1" } });
    let made = bed.client().put(path, &put).await.expect(201);
    let change = json!({ "fields": { "domain": "127.0.0.2" } });
    let refused = bed.client().patch(path, &change).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("token"), "{refused:?}");
    assert_eq!(refused.problem(422), "invalid_input");
    assert_eq!(bed.client().get(path).await.expect(200), made);
    assert!(bed.upstream.requests().iter().all(|request| request.header("host").unwrap().starts_with("127.0.0.1:")));
    let change = json!({ "fields": { "team": "red" } });
    bed.client().patch(path, &change).await.expect(200);
}

/// AK-012: a connector reads the account's settings in place of the connection's of the same name.
#[tokio::test]
async fn an_accounts_settings_are_laid_over_the_connections() {
    let bed = Bed::answering(|_| Reply::json(200, &json!({}))).await;
    let settings = json!({ "settings": { "region": "eu", "version": 1 } });
    bed.client().patch("/v1/connections/probe", &settings).await.expect(200);
    bed.connect("ada").await;
    bed.connect("bob").await;
    bed.client().put(ADA, &json!({ "settings": { "version": 2.50, "own": "x" } })).await.expect(200);
    for (user, name, expected) in [
        ("ada", "region", json!("eu")),
        ("ada", "version", json!(2.5)),
        ("ada", "own", json!("x")),
        ("bob", "region", json!("eu")),
        ("bob", "version", json!(1)),
        ("bob", "own", json!(null)),
    ] {
        let answer = bed.host.execute("probe_setting", user, &json!({ "name": name })).await.expect(200);
        assert_eq!(answer["data"], expected, "{user} {name}");
    }
}

/// AK-106: each filter.
#[tokio::test]
async fn accounts_are_filtered() {
    let bed = Bed::start().await;
    bed.connection_by("other", "none", &bed.upstream.url("")).await;
    bed.connect("ada").await;
    let put = async |path: &str, body| bed.client().put(&format!("/v1/connections/{path}"), &body).await.expect(201);
    put("other/accounts/ada", json!({ "label": "work" })).await;
    put("other/accounts/bob", json!({ "shared": true })).await;
    for (query, expected) in [
        ("", 3),
        ("connection=other", 2),
        ("connector=probe", 3),
        ("connector=github", 0),
        ("identifier=ada", 2),
        ("identifier=ada&connection=probe", 1),
        ("label=work", 1),
        ("label=", 2),
        ("status=pending", 2),
        ("status=active", 1),
        ("query=WOR", 1),
    ] {
        let list = bed.client().get(&format!("/v1/accounts?{query}")).await.expect(200);
        assert_eq!(list["total_size"], expected, "{query}");
    }
    for query in ["status=ACTIVE", "status=", "provider=x", "limit=0", "cursor=x"] {
        assert_eq!(bed.client().get(&format!("/v1/accounts?{query}")).await.problem(400), "invalid_request", "{query}");
    }
}

/// AK-106: a list is read page by page, forth and back, and each account is met once.
#[tokio::test]
async fn pages_of_accounts_go_forth_and_back() {
    let bed = Bed::start().await;
    for number in 0..7 {
        let path = format!("/v1/connections/probe/accounts/user-{number}");
        bed.client().put(&path, &json!({})).await.expect(201);
    }
    let page = async |cursor: &str| {
        let path = format!("/v1/accounts?connection=probe&limit=3{cursor}");
        let page = bed.client().get(&path).await.expect(200);
        assert_eq!(page["total_size"], 7);
        let who: Vec<String> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["identifier"].as_str().unwrap().trim_start_matches("user-").to_owned())
            .collect();
        let cursor = |name: &str| page[name].as_str().map(|cursor| format!("&cursor={cursor}"));
        (who.join(" "), cursor("prev_cursor"), cursor("next_cursor"))
    };
    let (who, prev, next) = page("").await;
    assert_eq!((who.as_str(), prev), ("0 1 2", None));
    let (who, first, next) = page(&next.unwrap()).await;
    assert_eq!(who, "3 4 5");
    let (who, prev, end) = page(&next.unwrap()).await;
    assert_eq!((who.as_str(), end), ("6", None));
    let (who, again, next) = page(&prev.unwrap()).await;
    assert_eq!((who.as_str(), &again), ("3 4 5", &first));
    assert_eq!(page(&next.unwrap()).await.0, "6");
    let (who, prev, next) = page(&again.unwrap()).await;
    assert_eq!((who.as_str(), prev), ("0 1 2", None));
    // What went in between shifts nothing.
    assert_eq!(bed.client().delete("/v1/connections/probe/accounts/user-3").await.status, 204);
    let path = format!("/v1/accounts?limit=2{}", next.unwrap());
    let page = bed.client().get(&path).await.expect(200);
    let who: Vec<&str> =
        page["items"].as_array().unwrap().iter().map(|item| item["identifier"].as_str().unwrap()).collect();
    assert_eq!(who, ["user-4", "user-5"]);
    for cursor in ["MA", "MGNvbm5fMQ", "Mg"] {
        let path = format!("/v1/accounts?cursor={cursor}");
        assert_eq!(bed.client().get(&path).await.problem(400), "invalid_request", "{cursor}");
    }
}

/// The last use of an account is told at once by the host that made it, and by others once it is written down.
#[tokio::test]
async fn the_last_use_of_an_account_is_told() {
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let bed = Bed::with(Setup { clock: clock.clone(), ..Setup::usual() }).await;
    let pending = bed.client().put("/v1/connections/probe/accounts/bob", &json!({})).await.expect(201);
    assert_eq!(pending["last_used_at"], json!(null));
    bed.connect("ada").await;
    let used = async || {
        let account = bed.client().get(ADA).await.expect(200);
        let listed = bed.client().get("/v1/accounts?identifier=ada").await.expect(200);
        assert_eq!(listed["items"][0]["last_used_at"], account["last_used_at"]);
        assert_eq!(bed.client().get("/v1/connections/probe/accounts/bob").await.expect(200), pending);
        (account["last_used_at"].as_str().unwrap().to_owned(), account["updated_at"].clone())
    };
    bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    let (connected, changed) = used().await;
    clock.advance(Duration::from_secs(5));
    bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    let (called, unchanged) = used().await;
    assert!(called > connected, "{called} {connected}");
    assert_eq!(changed, unchanged);
    // A refused call does not go out.
    clock.advance(Duration::from_secs(5));
    bed.client().post(&format!("{ADA}/disable"), &json!({})).await.expect(200);
    bed.host.execute("probe_whoami", "ada", &json!({})).await.problem(409);
    assert_eq!(used().await.0, called);
    bed.host.sweep().await;
    assert_eq!(used().await.0, called);
}

/// AK-015: what happened to an account is told in order, without secrets, and goes with it.
#[tokio::test]
async fn an_accounts_events_are_told() {
    let bed = Bed::start().await;
    let client = bed.client();
    let made = client.put(ADA, &json!({})).await.expect(201);
    let path = format!("/v1/accounts/{}/events", made["id"].as_str().unwrap());
    let first = bed.host.plant();
    bed.host.account("probe", "ada", &json!({ "token": first.token() })).await.expect(200);
    client.patch(ADA, &json!({ "settings": { "v": 1 } })).await.expect(200);
    let other = bed.host.plant();
    client.patch(ADA, &json!({ "credentials": { "token": other.token() } })).await.expect(200);
    client.patch(ADA, &json!({ "credentials": { "token": JUNK } })).await.problem(422);
    client.post(&format!("{ADA}/disable"), &json!({})).await.expect(200);
    client.post(&format!("{ADA}/enable"), &json!({})).await.expect(200);
    let found = client.get(&path).await.expect(200);
    let kinds: Vec<&str> =
        found["items"].as_array().unwrap().iter().rev().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["created", "connected", "changed", "changed", "disabled", "enabled"]);
    let page = client.get(&format!("{path}?limit=2")).await.expect(200);
    assert_eq!(page["items"].as_array().unwrap()[..], found["items"].as_array().unwrap()[..2]);
    let next = format!("{path}?limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    let next = client.get(&next).await.expect(200);
    assert_eq!(next["items"].as_array().unwrap()[..], found["items"].as_array().unwrap()[2..4]);
    assert_eq!(client.get(&format!("{path}?cursor=x")).await.problem(400), "invalid_request");
    assert_eq!(bed.agent(Some("ada")).await.get(&path).await.problem(403), "forbidden");
    assert_eq!(client.delete(ADA).await.status, 204);
    assert_eq!(client.get(&path).await.problem(404), "not_found");
}
