//! Webhooks as operators manage them: what is refused, rotation, and switching off.

use std::time::Duration;

use gloveport::config::Database;
use gloveport::model::{By, Random};
use gloveport::store::Store;
use gloveport::vault::{self, KeySource, Vault};
use gloveport_tests::host::log;

use super::*;

/// What nothing may be sent to is refused when it is asked for, as far as that can be seen.
#[tokio::test]
async fn urls_that_cannot_be_sent_to_are_refused() {
    let bed = Bed::start().await;
    let (long, client) = (format!("https://hooks.example.com/{}", "x".repeat(2_048)), bed.client());
    for url in [
        "",
        "hooks.example.com",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "https://",
        "https://user:pass@hooks.example.com/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/../x",
        "https://hooks.example.com/%zz",
        "https://hooks.example.com.",
        "https://*.example.com/",
        "https://0x7f.1/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest",
        "https://metadata.google.internal/",
        "http://1.1.1.1/",
        &long,
    ] {
        assert_eq!(client.post("/v1/webhooks", &json!({ "url": url })).await.problem(400), "invalid_request", "{url}");
    }
    for body in [
        json!({}),
        json!({ "url": "https://hooks.example.com/", "events": ["approval"] }),
        json!({ "url": "https://hooks.example.com/", "events": ["webhook.test"] }),
        json!({ "url": "https://hooks.example.com/", "events": "approval.waiting" }),
        json!({ "url": "https://hooks.example.com/", "secret": "whsec_AAAA" }),
    ] {
        assert_eq!(client.post("/v1/webhooks", &body).await.problem(400), "invalid_request", "{body}");
    }
    assert_eq!(client.get("/v1/webhooks").await.expect(200)["total_size"], 0);
}

/// A name that turns out to be private is refused when something is sent, and that can be seen.
#[tokio::test]
async fn a_private_address_behind_a_name_gets_nothing() {
    let host = TestHost::with(Setup { private_networks: Vec::new(), ..Setup::usual() }).await;
    let receiver = receiver().await;
    let literal = json!({ "url": receiver.url("/") });
    assert_eq!(host.client().post("/v1/webhooks", &literal).await.problem(400), "invalid_request");
    let hook = Hook::of(&host, &format!("http://localhost:{}/", receiver.address().port()), &[]).await;
    hook.test().await;
    let tried = hook.tried(1).await;
    assert_eq!((&tried["state"], &tried["attempts"][0]["status"]), (&json!("pending"), &Value::Null));
    let error = tried["attempts"][0]["error"].as_str().unwrap();
    assert!(error.starts_with("address not allowed"), "{error}");
    assert_eq!((receiver.requests().len(), receiver.connections()), (0, 0));
}

#[tokio::test]
async fn webhooks_are_of_their_project_and_of_administrators() {
    let bed = Bed::start().await;
    let receiver = receiver().await;
    let hook = Hook::of(&bed.host, &receiver.url("/"), &["approval.waiting", "approval.waiting"]).await;
    let shown = bed.client().get(&hook.path("")).await.expect(200);
    assert_eq!((&shown["events"], shown.get("secret")), (&json!(["approval.waiting"]), None));
    let notice = hook.test().await;
    let retry = hook.path(&format!("/deliveries/{notice}/retry"));
    hook.until("delivered", 1).await;
    let agent = bed.host.caller("agent", "agent").await;
    let other =
        bed.client().with_key(&super::super::projects::other_project(&super::super::projects::file(&bed)).await);
    for (method, path) in [
        ("GET", hook.path("")),
        ("PATCH", hook.path("")),
        ("DELETE", hook.path("")),
        ("POST", hook.path("/rotate")),
        ("POST", hook.path("/test")),
        ("GET", hook.path("/deliveries")),
        ("POST", retry.clone()),
    ] {
        let headers = [("content-type", "application/json")];
        assert_eq!(agent.send(method, &path, &headers, "{}").await.problem(403), "forbidden", "{path}");
        assert_eq!(other.send(method, &path, &headers, "{}").await.problem(404), "not_found", "{path}");
        let unknown = path.replace(&hook.id, "hook_01ARZ3NDEKTSV4RRFFQ69G5FAV");
        assert_eq!(bed.client().send(method, &unknown, &headers, "{}").await.problem(404), "not_found", "{path}");
    }
    assert_eq!(other.get("/v1/webhooks").await.expect(200)["total_size"], 0);
    assert_eq!(bed.client().post(&retry, &json!({})).await.problem(409), "conflict", "it was delivered");
    let unknown = hook.path("/deliveries/msg_01ARZ3NDEKTSV4RRFFQ69G5FAV/retry");
    assert_eq!(bed.client().post(&unknown, &json!({})).await.problem(404), "not_found");
    assert_eq!(bed.client().get(&hook.path("/deliveries?state=odd")).await.problem(400), "invalid_request");
}

/// Another secret signs at once; the one before signs too for a day, and no longer.
#[tokio::test]
async fn a_rotated_secret_overlaps_for_a_day() {
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let host = TestHost::with(Setup { clock: clock.clone(), ..Setup::usual() }).await;
    let receiver = receiver().await;
    let hook = Hook::of(&host, &receiver.url("/"), &[]).await;
    let rotate = async || {
        let rotated = hook.client.post(&hook.path("/rotate"), &json!({})).await.expect(200);
        let secret = rotated["secret"].as_str().unwrap().to_owned();
        host.search_for(canary(&secret));
        (secret, rotated["overlap_until"].clone())
    };
    let (second, until) = rotate().await;
    assert_ne!(second, hook.secret);
    assert_eq!(until, "2027-01-16T08:00:00.000Z");
    let mut n = 0;
    let mut sent = async || {
        hook.test().await;
        n += 1;
        receiver.wait_for(n).await.pop().unwrap()
    };
    check_signed(&sent().await, &[&second, &hook.secret]);
    clock.advance(Duration::from_millis(24 * 60 * 60 * 1_000 - 1));
    check_signed(&sent().await, &[&second, &hook.secret]);
    clock.advance(Duration::from_millis(1));
    check_signed(&sent().await, &[&second]);
    let (third, _) = rotate().await;
    let (fourth, _) = rotate().await;
    check_signed(&sent().await, &[&fourth, &third]);
}

/// Nothing is sent to a webhook that is off, and nothing is written for it; what waited goes when it is on again. One that
/// is removed takes with it what waited.
#[tokio::test]
async fn a_webhook_that_is_off_hears_nothing() {
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let bed = Bed::with(Setup { clock: clock.clone(), ..Setup::usual() }).await;
    bed.connect("ada").await;
    let (fails, receiver) = (Upstream::start(|_| Reply::status(500)).await, receiver().await);
    let hook = Hook::of(&bed.host, &fails.url("/"), &[]).await;
    let patch = async |body: Value| {
        let headers = [("content-type", "application/json")];
        bed.client().send("PATCH", &hook.path(""), &headers, body.to_string()).await
    };
    hook.test().await;
    let waiting = hook.tried(1).await;
    assert_eq!(patch(json!({ "disabled": true })).await.expect(200)["disabled"], true);
    bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    assert_eq!(bed.client().post(&hook.path("/test"), &json!({})).await.problem(409), "conflict");
    let retry = hook.path(&format!("/deliveries/{}/retry", waiting["id"].as_str().unwrap()));
    assert_eq!(bed.client().post(&retry, &json!({})).await.problem(409), "conflict");
    clock.advance(Duration::from_secs(3_600));
    bed.host.deliver().await;
    assert_eq!(fails.requests().len(), 1);
    for url in ["http://10.0.0.1/", "nowhere"] {
        assert_eq!(patch(json!({ "url": url })).await.problem(400), "invalid_request");
    }
    patch(json!({ "disabled": false, "url": receiver.url("/new"), "events": ["approval.decided"] })).await.expect(200);
    bed.host.deliver().await;
    let sent = receiver.wait_for(1).await;
    assert_eq!((sent[0].path(), sent[0].header("webhook-id")), ("/new", waiting["id"].as_str()));
    bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    assert_eq!(hook.client.get(&hook.path("/deliveries")).await.expect(200)["total_size"], 1, "it hears of decisions");
    patch(json!({ "url": fails.url("/") })).await.expect(200);
    hook.test().await;
    fails.wait_for(2).await;
    assert_eq!(bed.client().delete(&hook.path("")).await.status, 204);
    assert_eq!(bed.client().delete(&hook.path("")).await.problem(404), "not_found");
    clock.advance(Duration::from_secs(24 * 3_600));
    bed.host.deliver().await;
    assert_eq!((fails.requests().len(), receiver.requests().len()), (2, 1));
}

/// A receiver that answers 410 is not asked again: its webhook is off, which the audit chain tells.
#[tokio::test]
async fn a_receiver_that_is_gone_is_switched_off() {
    let host = TestHost::start().await;
    let gone = Upstream::start(|_| Reply::status(410)).await;
    let hook = Hook::of(&host, &gone.url("/"), &[]).await;
    let notice = hook.test().await;
    let dead = hook.until("dead", 1).await.remove(0);
    assert_eq!((&dead["id"], &dead["attempts"][0]["status"]), (&json!(notice), &json!(410)));
    assert_eq!(host.client().get(&hook.path("")).await.expect(200)["disabled"], true);
    let told = host.client().get("/v1/audit?action=webhook.changed").await.expect(200);
    assert_eq!((&told["items"][0]["actor"], &told["items"][0]["subject"]), (&json!("host"), &json!(hook.id)));
    assert_eq!(gone.requests().len(), 1);
    let log = String::from_utf8(log::lines()).unwrap();
    assert!(log.lines().any(|line| line.contains("the webhook is off now") && line.contains(&hook.id)));
}

#[tokio::test]
async fn a_project_has_so_many_webhooks_and_no_more() {
    let host = TestHost::start().await;
    let quiet = Client::new(host.client().base(), ADMIN_KEY);
    let body = json!({ "url": "https://hooks.example.com/" });
    for _ in 0..gloveport::notices::MAX_WEBHOOKS {
        quiet.post("/v1/webhooks", &body).await.expect(201);
    }
    assert_eq!(quiet.post("/v1/webhooks", &body).await.problem(409), "conflict");
}

/// A webhook's secrets survive a rotation of the master key, and the old key can go.
#[tokio::test]
async fn secrets_are_sealed_with_a_new_master_key() {
    let host = TestHost::start().await;
    let receiver = receiver().await;
    let hook = Hook::of(&host, &receiver.url("/"), &[]).await;
    let second = hook.client.post(&hook.path("/rotate"), &json!({})).await.expect(200)["secret"].clone();
    let second = second.as_str().unwrap();
    host.search_for(canary(second));
    let store = Store::open(&Database::Sqlite(host.data().join("gloveport.db"))).await.unwrap();
    let vault = Vault::load(KeySource::File(host.data().join("master.key")), Random::system()).unwrap();
    let by = By::cli(Clock::system().now());
    for expected in [1, 1] {
        assert_eq!(vault::rotate(&store, &vault, &by, |_| {}).await.unwrap().webhooks, expected);
        assert_eq!(vault::reseal(&store, &vault, &by, |_| {}).await.unwrap().webhooks, 0, "they are");
    }
    assert_eq!(vault::drop_unused(&store, &vault).await.unwrap().len(), 2);
    hook.test().await;
    check_signed(&receiver.wait_for(1).await[0], &[second, &hook.secret]);
}
