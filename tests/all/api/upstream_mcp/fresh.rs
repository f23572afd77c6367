//! A server's list stays fresh: asked for again when it is old or the server hints, as what an operator asks for is.

use std::time::Duration;

use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::{ADMIN_KEY, Client, Setup, TestHost};
use gloveport_tests::postgres;
use gloveport_tests::upstream::{Reply, Upstream};
use serde_json::{Value, json};

use super::server::{Era, Server};
use super::{connect, connected, declare, discover, tools};
use crate::api::policies::deny;
use crate::api::postgres::beside;

const MINUTE: Duration = Duration::from_secs(60);

/// 2027-01-15T08:00:00Z.
const START: i64 = 1_800_000_000_000;

fn clock() -> Clock {
    Clock::manual(Timestamp(START))
}

async fn at(clock: &Clock) -> TestHost {
    TestHost::with(Setup { clock: clock.clone(), ..Setup::usual() }).await
}

/// Time passes, and the host does what it does in that time.
async fn later(host: &TestHost, clock: &Clock, by: Duration) {
    clock.advance(by);
    host.sweep().await;
}

fn pay(description: &str) -> Value {
    json!([{ "name": "pay", "description": description }])
}

/// How the host asks.
async fn asks(host: &TestHost) -> Value {
    host.client().get("/v1/connectors/desk").await.expect(200)["discovery"].clone()
}

/// So much after now, as the host writes it; within the first fortnight.
fn time(clock: &Clock, more: Duration) -> Value {
    let millis = clock.now().plus(more).0 - START + 8 * 3_600_000;
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let (day, hour, minute) = (15 + seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    json!(format!("2027-01-{day:02}T{hour:02}:{minute:02}:{:02}.{millis:03}Z", seconds % 60))
}

/// Waits until the host asks next at this time: what it began has come to its end then.
async fn until(host: &TestHost, next_at: &Value) -> Value {
    loop {
        let asks = asks(host).await;
        if asks["next_at"] == *next_at {
            return asks;
        }
        tokio::task::yield_now().await;
    }
}

/// An old list is asked for with the same account, as a call on record; what is new waits for an operator, who is told.
#[tokio::test]
async fn an_old_list_is_asked_for_again() {
    let (clock, server) = (clock(), Server::start(Era::Modern, pay("Pays.")).await);
    let host = at(&clock).await;
    connected(&host, &server, json!({})).await;
    assert_eq!(asks(&host).await, Value::Null);
    discover(&host).await;
    assert_eq!(
        asks(&host).await,
        json!({ "asked_at": time(&clock, Duration::ZERO), "next_at": time(&clock, 5 * MINUTE) })
    );
    let receiver = Upstream::start(|_| Reply::status(204)).await;
    let hook = json!({ "url": receiver.url("/"), "events": ["connector.tools_held"] });
    // Its answers are not searched for the secret, which is in one of them.
    Client::new(host.client().base(), ADMIN_KEY).post("/v1/webhooks", &hook).await.expect(201);
    server.has(json!([{ "name": "pay", "description": "Pays twice." }, { "name": "steal" }]));
    let sent = server.requests().len();
    later(&host, &clock, 5 * MINUTE - Duration::from_millis(1)).await;
    assert_eq!(server.requests().len(), sent);
    later(&host, &clock, Duration::from_millis(1)).await;
    let asked = until(&host, &time(&clock, 5 * MINUTE)).await;
    assert_eq!((&asked["asked_at"], asked.get("error")), (&time(&clock, Duration::ZERO), None));
    assert_eq!(tools(&host).await.len(), 1);
    assert_eq!(tools(&host).await[0]["description"], "Pays.");
    let told: Value = serde_json::from_slice(&receiver.wait_for(1).await.remove(0).body).unwrap();
    assert_eq!(told["type"], "connector.tools_held");
    let data = &told["data"];
    assert_eq!(
        (&data["connector"], &data["added"], &data["changed"]),
        (&json!("desk"), &json!(1), &json!(1)),
        "{told}"
    );
    assert_eq!(data["links"]["connector"], format!("{}/v1/connectors/desk", host.client().base()));
    let calls = host.client().get("/v1/executions?trigger_type=tools_refresh").await.expect(200);
    let call = &calls["items"][0];
    assert_eq!((&calls["total_size"], &call["tool"]), (&json!(1), &json!("desk_mcp_discover")));
    assert_eq!((&call["identifier"], &call["status"]), (&json!("ada"), &json!("succeeded")));
    let audit = host.client().get("/v1/audit?action=connector.installed&limit=1").await.expect(200);
    assert_eq!(audit["items"][0]["actor"], "host", "{audit}");
    // What waits already is not told again, and what is as it was is not stored again.
    later(&host, &clock, 5 * MINUTE).await;
    until(&host, &time(&clock, 5 * MINUTE)).await;
    let again = host.client().get("/v1/audit?action=connector.installed&limit=1").await.expect(200);
    assert_eq!(again["total_size"], audit["total_size"]);
    assert_eq!(receiver.requests().len(), 1);
    let accept = json!({ "digest": data["digest"] });
    host.client().post("/v1/connectors/desk/accept-tools", &accept).await.expect(200);
    assert_eq!(tools(&host).await.len(), 2);
}

/// How long a list is fresh is the server's to say, within bounds, else the operator's; who wants none of it says 0.
#[tokio::test]
async fn servers_and_operators_say_how_long() {
    let (clock, server) = (clock(), Server::start(Era::Modern, pay("Pays.")).await);
    let host = at(&clock).await;
    connected(&host, &server, json!({ "refresh_seconds": 3_600 })).await;
    for (page, minutes) in [
        (json!({}), 60),
        (json!({ "ttlMs": 120_000, "cacheScope": "private" }), 2),
        (json!({ "ttlMs": 0 }), 1),
        (json!({ "ttlMs": 1_000_000_000_000_u64 }), 24 * 60),
        (json!({ "ttlMs": "soon" }), 60),
    ] {
        server.says(page.clone());
        discover(&host).await;
        assert_eq!(asks(&host).await["next_at"], time(&clock, minutes * MINUTE), "{page}");
    }
    server.says(json!({}));
    declare(&host, &server, json!({ "refresh_seconds": 60 })).await.expect(200);
    assert_eq!(asks(&host).await["next_at"], time(&clock, MINUTE));
    declare(&host, &server, json!({ "refresh_seconds": 0 })).await.expect(200);
    assert_eq!(asks(&host).await["next_at"], Value::Null);
    discover(&host).await;
    let sent = server.requests().len();
    later(&host, &clock, 25 * 60 * MINUTE).await;
    host.execute("desk_pay", "ada", &json!({ "changed": true })).await.expect(200);
    host.sweep().await;
    assert_eq!(server.methods(sent), ["tools/call"]);
    declare(&host, &server, json!({ "refresh_seconds": 60 })).await.expect(200);
    host.sweep().await;
    until(&host, &time(&clock, MINUTE)).await;
    assert!(server.requests().len() > sent + 1);
    for seconds in [1, 59, 86_401] {
        let refused = declare(&host, &server, json!({ "refresh_seconds": seconds })).await;
        assert!(refused.json()["detail"].as_str().unwrap().contains("from 60 to 86400"), "{refused:?}");
    }
}

/// A server that says so in the stream of an answer is asked at once, by itself, and not more often than every ten seconds;
/// what it says in its list makes nobody ask again.
#[tokio::test]
async fn a_hint_in_an_answer_is_followed() {
    let (clock, server) = (clock(), Server::start(Era::Modern, pay("Pays.")).await);
    let host = at(&clock).await;
    connected(&host, &server, json!({ "changes": "take" })).await;
    discover(&host).await;
    server.streams_lists();
    server.has(json!([{ "name": "pay" }, { "name": "other" }]));
    clock.advance(MINUTE);
    let call = async || host.execute("desk_pay", "ada", &json!({ "changed": true })).await.expect(200);
    call().await;
    until(&host, &time(&clock, 5 * MINUTE)).await;
    assert_eq!(tools(&host).await.len(), 2);
    let listed = server.listed();
    call().await;
    call().await;
    // The host by itself, or this turn of it, writes down when it asks.
    host.sweep().await;
    until(&host, &time(&clock, Duration::from_secs(10))).await;
    assert_eq!(server.listed(), listed);
    server.has(json!([{ "name": "pay" }]));
    later(&host, &clock, Duration::from_secs(10)).await;
    until(&host, &time(&clock, 5 * MINUTE)).await;
    assert_eq!(tools(&host).await.len(), 1);
    // The list said again that it is another one: nobody asks before its time.
    let listed = server.listed();
    host.sweep().await;
    assert_eq!((asks(&host).await["next_at"].clone(), server.listed()), (time(&clock, 5 * MINUTE), listed));
}

/// What fails is shown and asked for less and less often, up to once a day, until it works.
#[tokio::test]
async fn failures_are_shown_and_wait_longer_each_time() {
    let (clock, server) = (clock(), Server::start(Era::Modern, pay("Pays.")).await);
    let host = at(&clock).await;
    connected(&host, &server, json!({ "refresh_seconds": 21_600 })).await;
    discover(&host).await;
    server.is_down(Some(500));
    let hours = |hours: u32| hours * 60 * MINUTE;
    let mut wait = 6;
    for next in [6, 12, 24, 24] {
        later(&host, &clock, hours(wait)).await;
        let shown = until(&host, &time(&clock, hours(next))).await;
        assert!(shown["error"].as_str().unwrap().contains("500"), "{shown}");
        wait = next;
    }
    assert_eq!(tools(&host).await.len(), 1);
    server.is_down(None);
    later(&host, &clock, hours(24)).await;
    assert_eq!(until(&host, &time(&clock, hours(6))).await.get("error"), None);
}

/// Nothing is sent, and nobody asks any more.
async fn ends(host: &TestHost, clock: &Clock, server: &Server, said: &str) {
    let sent = server.requests().len();
    later(host, clock, 5 * MINUTE).await;
    let shown = until(host, &Value::Null).await;
    assert!(shown["error"].as_str().unwrap().contains(said), "{shown}");
    later(host, clock, 25 * 60 * MINUTE).await;
    assert_eq!(server.requests().len(), sent, "{said}");
}

/// Without the account, the key or a rule's consent nobody asks any more, until an operator does again.
#[tokio::test]
async fn nobody_asks_in_the_name_of_what_is_gone() {
    let (clock, server) = (clock(), Server::start(Era::Modern, pay("Pays.")).await);
    let host = at(&clock).await;
    connected(&host, &server, json!({})).await;
    let key = host.client().post("/v1/keys", &json!({ "role": "admin", "name": "other" })).await.expect(201);
    let other = host.client().with_key(key["key"].as_str().unwrap());
    other.post("/v1/connectors/desk/discover-tools", &json!({ "identifier": "ada" })).await.expect(200);
    host.client().delete(&format!("/v1/keys/{}", key["id"].as_str().unwrap())).await;
    ends(&host, &clock, &server, "no caller any more").await;
    discover(&host).await;
    assert_eq!(asks(&host).await.get("error"), None);
    let outcome = json!({ "outcome": "ask", "at": "before" });
    let rule = json!({ "name": "ask", "condition": "trigger_type == 'tools_refresh'", "outcome": outcome });
    host.client().post("/v1/policies", &rule).await.expect(201);
    ends(&host, &clock, &server, "a person").await;
    assert_eq!(host.client().get("/v1/approvals?status=pending").await.expect(200)["total_size"], 0);
    discover(&host).await;
    host.client().delete("/v1/connections/desk/accounts/ada").await;
    ends(&host, &clock, &server, "no account").await;
}

/// A policy that says no to the call holds for the host as well, and an address that changed is not asked before somebody
/// looked.
#[tokio::test]
async fn the_host_asks_no_more_than_an_operator_may() {
    let (clock, server) = (clock(), Server::start(Era::Modern, pay("Pays.")).await);
    let host = at(&clock).await;
    connected(&host, &server, json!({ "changes": "take" })).await;
    discover(&host).await;
    let rule = json!({ "name": "no", "condition": "tool == 'desk_mcp_discover'", "outcome": deny("no") });
    let rule = host.client().post("/v1/policies", &rule).await.expect(201);
    let sent = server.requests().len();
    later(&host, &clock, 5 * MINUTE).await;
    let shown = until(&host, &time(&clock, 5 * MINUTE)).await;
    assert!(shown["error"].as_str().unwrap().contains("says no"), "{shown}");
    assert_eq!(server.requests().len(), sent);
    host.client().delete(&format!("/v1/policies/{}", rule["id"].as_str().unwrap())).await;
    let moved = json!({ "changes": "take", "url": server.url("/other") });
    declare(&host, &server, moved).await.expect(200);
    assert_eq!(asks(&host).await, Value::Null);
    later(&host, &clock, 25 * 60 * MINUTE).await;
    assert_eq!((server.requests().len(), tools(&host).await.len()), (sent, 0));
    discover(&host).await;
    assert!(asks(&host).await["next_at"].is_string());
    // What is removed is asked nothing, and comes back without what was.
    host.client().delete("/v1/connections/desk/accounts/ada").await;
    host.client().delete("/v1/connections/desk").await;
    host.client().delete("/v1/connectors/desk").await;
    declare(&host, &server, json!({})).await.expect(201);
    connect(&host).await;
    assert_eq!(asks(&host).await, Value::Null);
}

/// Of several hosts on a database one asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_several_hosts_asks() {
    let Some(database) = postgres::new_database() else { return };
    let (clock, server) = (clock(), Server::start(Era::Modern, pay("Pays.")).await);
    let host = TestHost::with(Setup { clock: clock.clone(), ..beside(&database) }).await;
    let second = TestHost::with(Setup { clock: clock.clone(), ..beside(&database) }).await;
    let token = connected(&host, &server, json!({})).await;
    second.search_for(token);
    discover(&host).await;
    for n in 1..4 {
        let listed = server.listed();
        clock.advance(5 * MINUTE);
        tokio::join!(host.inside().ask_servers(), second.inside().ask_servers());
        until(&second, &time(&clock, 5 * MINUTE)).await;
        assert_eq!(server.listed(), listed + 1, "{n}");
    }
}
