//! The imitated providers answer as the real ones do, as far as the connectors can tell.

use gloveport_tests::host::Client;
use gloveport_tests::imitation::{GitHub, Stripe, User};
use gloveport_tests::upstream::Reply;
use serde_json::{Value, json};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const AGENT: (&str, &str) = ("user-agent", "test");

async fn github() -> (GitHub, Client, Client) {
    let github = GitHub::start(vec![User::new("ada", "ghp_ada"), User::new("bob", "ghp_bob")]).await;
    let base = github.upstream().url("");
    let clients = ["ghp_ada", "ghp_bob"].map(|token| Client::new(&base, token));
    let [ada, bob] = clients;
    (github, ada, bob)
}

async fn stripe() -> (Stripe, Client, Client) {
    let stripe = Stripe::start(vec![User::new("ada", "sk_test_ada"), User::new("bob", "sk_test_bob")]).await;
    let base = stripe.upstream().url("");
    let [ada, bob] = ["sk_test_ada", "sk_test_bob"].map(|token| Client::new(&base, token));
    (stripe, ada, bob)
}

async fn ask(client: &Client, path: &str) -> (u16, Value) {
    let answer = client.send("GET", path, &[AGENT], "").await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn github_tells_its_users_apart() {
    let (github, ada, bob) = github().await;
    assert_eq!(ask(&ada, "/user").await.1["login"], "ada");
    assert_eq!(ask(&bob, "/user").await.1["login"], "bob");
    assert_eq!(ask(&ada, "/repos/ada/notes").await.0, 200);
    assert_eq!(ask(&bob, "/repos/ada/notes").await.0, 404);
    let own = ask(&bob, "/user/repos").await.1;
    let names: Vec<_> = own.as_array().unwrap().iter().map(|found| found["full_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bob/notes", "acme/widgets"]);
    assert_eq!(github.upstream().requests()[0].header("authorization"), Some("Bearer ghp_ada"));
}

#[tokio::test]
async fn github_refuses() {
    let (_github, ada, _) = github().await;
    let stranger = ada.with_key("ghp_eve");
    assert_eq!(
        ask(&stranger, "/user").await,
        (
            401,
            json!({
                "message": "Bad credentials", "documentation_url": "https://docs.github.com/rest", "status": "401"
            })
        )
    );
    assert_eq!(ada.get("/user").await.status, 403, "GitHub wants a User-Agent");
    for (method, path, body, status) in [
        ("GET", "/nowhere", "", 404),
        ("GET", "/repos/acme/nothing", "", 404),
        ("GET", "/repos/acme/widgets/issues/99", "", 404),
        ("GET", "/repos/acme/widgets/pulls/1", "", 404),
        ("GET", "/repos/acme/widgets/contents/nothing", "", 404),
        ("GET", "/repos/acme/widgets/issues?state=ajar", "", 422),
        ("POST", "/repos/acme/widgets/issues", "{\"title\": \" \"}", 422),
        ("POST", "/repos/acme/widgets/issues", "no json", 400),
        ("POST", "/repos/acme/widgets/issues/1/comments", "{}", 422),
        ("DELETE", "/repos/acme/widgets/issues/1", "", 404),
        ("GET", "/search/code?q=", "", 422),
    ] {
        let answer = ada.send(method, path, &[AGENT], body).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.json()["message"].is_string(), "{method} {path}");
    }
}

#[tokio::test]
async fn github_pages() {
    let (_github, ada, _) = github().await;
    let mut path = "/repos/acme/widgets/issues?state=all&per_page=3".to_owned();
    let mut numbers = Vec::new();
    loop {
        let answer = ada.send("GET", &path, &[AGENT], "").await;
        numbers.extend(answer.json().as_array().unwrap().iter().map(|issue| issue["number"].as_u64().unwrap()));
        let Some(link) = answer.header("link") else { break };
        let next = link.split_once('>').unwrap().0.trim_start_matches('<');
        path = next.strip_prefix(ada.base()).unwrap().to_owned();
        assert!(path.contains("state=all"), "{path}");
    }
    assert_eq!(numbers, [8, 7, 6, 5, 4, 3, 2, 1]);
    let open = ask(&ada, "/repos/acme/widgets/issues").await.1;
    assert_eq!(open.as_array().unwrap().len(), 6);
    assert_eq!(open[1]["id"], json!(9_007_199_254_741_000_u64));
}

#[tokio::test]
async fn github_keeps_what_is_written() {
    let (_github, ada, bob) = github().await;
    let body = json!({ "title": "Übersicht", "body": "x", "labels": ["bug"] }).to_string();
    let created = ada.send("POST", "/repos/acme/widgets/issues", &[AGENT], body).await.expect(201);
    assert_eq!((&created["number"], &created["user"]["login"]), (&json!(9), &json!("ada")));
    bob.send("POST", "/repos/acme/widgets/issues/9/comments", &[AGENT], "{\"body\":\"yes\"}").await.expect(201);
    let comments = ask(&ada, "/repos/acme/widgets/issues/9/comments").await.1;
    assert_eq!((&comments[0]["body"], &comments[0]["user"]["login"]), (&json!("yes"), &json!("bob")));
    let found = ask(&bob, "/search/issues?q=%C3%BCbersicht+repo:acme/widgets").await.1;
    assert_eq!((&found["total_count"], &found["items"][0]["number"]), (&json!(1), &json!(9)));
}

#[tokio::test]
async fn github_gives_text() {
    let (_github, ada, _) = github().await;
    let accept = [AGENT, ("accept", "application/vnd.github.diff")];
    let diff = ada.send("GET", "/repos/acme/widgets/pulls/8", &accept, "").await;
    assert!(diff.body.starts_with(b"diff --git"), "{diff:?}");
    let file = ask(&ada, "/repos/acme/widgets/contents/README.md").await.1;
    assert_eq!(file["encoding"], "base64");
    assert!(file["content"].as_str().unwrap().lines().count() > 1);
}

#[tokio::test]
async fn limits_come_once() {
    let (github, ada, _) = github().await;
    github.exhaust(1_800_000_000);
    github.slow_down(429, 30);
    let first = ada.get("/user").await;
    let limits = ["x-ratelimit-remaining", "x-ratelimit-reset"].map(|name| first.header(name).unwrap().to_owned());
    assert_eq!((first.status, limits), (403, ["0".into(), "1800000000".into()]));
    let second = ada.get("/user").await;
    assert_eq!((second.status, second.header("retry-after")), (429, Some("30")));
    assert_eq!(ask(&ada, "/user").await.0, 200);
    let (stripe, ada, _) = stripe().await;
    stripe.slow_down();
    stripe.interrupt(Reply::status(503));
    let statuses = [ada.get("/v1/balance").await, ada.get("/v1/balance").await, ada.get("/v1/balance").await];
    assert_eq!(statuses.map(|answer| answer.status), [429, 503, 200]);
}

#[tokio::test]
async fn stripe_refunds_once_for_each_key() {
    let (stripe, ada, bob) = stripe().await;
    let refund = async |client: &Client, key: &str, body: &str| {
        client.send("POST", "/v1/refunds", &[FORM, ("idempotency-key", key)], body.to_owned()).await
    };
    let first = refund(&ada, "k1", "charge=ch_1&amount=500").await;
    let again = refund(&ada, "k1", "charge=ch_1&amount=500").await;
    assert_eq!((first.status, first.json()), (200, again.json()));
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), (None, Some("true")));
    assert_eq!(stripe.refunds("sk_test_ada"), 1);
    assert_eq!(refund(&ada, "k1", "charge=ch_1&amount=501").await.status, 400);
    assert_eq!(refund(&ada, "k2", "charge=ch_1").await.json()["amount"], 1_500);
    assert_eq!(refund(&bob, "k1", "charge=ch_1").await.json()["amount"], 2_000, "another account's books");
    let large = refund(&ada, "k3", "payment_intent=pi_2&amount=9007199254740993").await;
    assert_eq!(large.json()["amount"], json!(9_007_199_254_740_993_u64));
    assert_eq!((stripe.refunds("sk_test_ada"), stripe.refunds("sk_test_bob")), (3, 1));
}

#[tokio::test]
async fn stripe_refuses() {
    let (_stripe, ada, _) = stripe().await;
    assert_eq!(ada.with_key("sk_test_eve").get("/v1/balance").await.status, 401);
    for (method, path, body, status, code) in [
        ("GET", "/v1/charges/ch_none", "", 404, "resource_missing"),
        ("GET", "/v1/customers/cus_26", "", 404, "resource_missing"),
        ("GET", "/v1/customers?starting_after=cus_x", "", 404, "resource_missing"),
        ("GET", "/v1/customers?limit=101", "", 400, "parameter_invalid_integer"),
        ("GET", "/v1/nowhere", "", 404, "url_invalid"),
        ("POST", "/v1/refunds", "", 400, "parameter_missing"),
        ("POST", "/v1/refunds", "charge=ch_none", 404, "resource_missing"),
        ("POST", "/v1/refunds", "charge=ch_1&amount=-1", 400, "parameter_invalid_integer"),
        ("POST", "/v1/refunds", "charge=ch_1&amount=1.5", 400, "parameter_invalid_integer"),
        ("POST", "/v1/refunds", "charge=ch_1&amount=2001", 400, "amount_too_large"),
        ("POST", "/v1/refunds", "charge=ch_refunded", 400, "charge_already_refunded"),
        ("POST", "/v1/refunds", "charge=ch_declined", 402, "card_declined"),
    ] {
        let answer = ada.send(method, path, &[FORM], body).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (status, Some(code)),
            "{method} {path} {body}"
        );
    }
    let json = ada.post("/v1/refunds", &json!({ "charge": "ch_1" })).await;
    assert_eq!(json.status, 400, "Stripe takes forms");
}

#[tokio::test]
async fn stripe_pages() {
    let (_stripe, ada, bob) = stripe().await;
    let mut path = "/v1/customers?limit=10".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = ada.get(&path).await.expect(200);
        let customers = page["data"].as_array().unwrap();
        pages.push(customers.len());
        if page["has_more"] != true {
            break;
        }
        path = format!("/v1/customers?limit=10&starting_after={}", customers.last().unwrap()["id"].as_str().unwrap());
    }
    assert_eq!(pages, [10, 10, 5]);
    let name = async |client: &Client| client.get("/v1/customers/cus_1").await.expect(200)["name"].clone();
    assert_eq!((name(&ada).await, name(&bob).await), (json!("Customer 1 of ada"), json!("Customer 1 of bob")));
    assert_eq!(ada.get("/v1/payment_intents").await.expect(200)["data"].as_array().unwrap().len(), 4);
}
