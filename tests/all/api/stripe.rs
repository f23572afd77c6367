//! The Stripe connector against the imitated Stripe, through the whole host (KO-10 to KO-12, KO-20).

use gloveport_tests::canary::Canary;
use gloveport_tests::host::TestHost;
use gloveport_tests::imitation::{Stripe, User};
use serde_json::{Value, json};

use super::documented::Document;

async fn connected() -> (TestHost, Stripe, Canary) {
    let host = TestHost::start().await;
    host.allow_all().await;
    let canary = host.plant();
    let stripe = Stripe::start(vec![User::new("acme", canary.token())]).await;
    host.install("stripe").await;
    host.connection("stripe", &stripe.upstream().url("")).await;
    host.account("stripe", "ada", &json!({ "secret_key": canary.token() })).await.expect(201);
    (host, stripe, canary)
}

/// KO-20: connecting and testing read one customer and write nothing.
#[tokio::test]
async fn connecting_writes_nothing() {
    let (host, stripe, canary) = connected().await;
    assert_eq!(host.client().post("/v1/connections/stripe/test", &json!({})).await.expect(200)["ok"], true);
    assert!(stripe.upstream().requests().iter().all(|request| request.method == "GET"));
    assert_eq!(stripe.refunds(canary.token()), 0);
    let junk = host.account("stripe", "eve", &json!({ "secret_key": "sk_live_not_a_key_of_anybody" })).await;
    assert_eq!(junk.problem(422), "invalid_input");
}

/// KO-10: a refund goes out as a form with the right keys, once, under a key that the host makes for each call.
#[tokio::test]
async fn a_refund_is_a_form_under_an_idempotency_key() {
    let (host, stripe, canary) = connected().await;
    let document = Document::of(host.client()).await;
    let mut keys = Vec::new();
    let inputs = [
        (json!({ "charge": "ch_1", "amount": 500, "reason": "requested_by_customer" }), "500"),
        (json!({ "payment_intent": "pi_1", "amount": 1 }), "1"),
        (json!({ "charge": "ch_2", "amount": 9_007_199_254_740_993_i64 }), "9007199254740993"),
    ];
    for (input, amount) in &inputs {
        // KO's own name of the action is an alias.
        let answer = host.execute("refund.create", "ada", input).await.expect(200);
        assert_eq!(answer["data"]["amount"].to_string(), *amount, "{answer}");
        let sent = stripe.upstream().requests().pop().unwrap();
        assert_eq!((sent.method.as_str(), sent.path()), ("POST", "/v1/refunds"));
        assert_eq!(sent.header("content-type"), Some("application/x-www-form-urlencoded"));
        let mut expected: Vec<(String, String)> = Vec::new();
        for (name, value) in input.as_object().unwrap() {
            expected.push((name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
        let mut form = sent.form();
        form.sort();
        expected.sort();
        assert_eq!(form, expected);
        let key = sent.header("idempotency-key").unwrap().to_owned();
        assert!(key.starts_with(answer["execution_id"].as_str().unwrap()), "{key}");
        keys.push(key);
    }
    keys.dedup();
    assert_eq!((keys.len(), stripe.refunds(canary.token())), (3, 3));
    document.check_all(&host.client().answers());
}

/// KO-10: neither, both, and what Stripe would not take are errors that say so, and nothing is refunded.
#[tokio::test]
async fn a_refund_that_makes_no_sense_is_not_made() {
    let (host, stripe, canary) = connected().await;
    let before = stripe.upstream().requests().len();
    let invalid = [
        json!({}),
        json!({ "charge": "ch_1", "payment_intent": "pi_1" }),
        json!({ "amount": 5 }),
        json!({ "charge": "" }),
        json!({ "charge": 1 }),
        json!({ "charge": "ch_1", "amount": 0 }),
        json!({ "charge": "ch_1", "amount": -5 }),
        json!({ "charge": "ch_1", "amount": 1.5 }),
        json!({ "charge": "ch_1", "amount": "5" }),
        json!({ "charge": "ch_1", "reason": "because" }),
        json!({ "charge": "ch_1", "metadata": {} }),
        json!(["ch_1"]),
        Value::Null,
    ];
    for input in &invalid {
        let problem = host.execute("stripe_refund_create", "ada", input).await.expect(422);
        assert_eq!(problem["code"], "invalid_input", "{input}");
        assert!(!problem["errors"].as_array().unwrap().is_empty(), "{input}: {problem}");
    }
    assert_eq!(stripe.upstream().requests().len(), before, "Stripe was not asked");
    for (input, status, code) in [
        (json!({ "charge": "ch_nothing" }), 404, "not_found"),
        (json!({ "charge": "ch_1", "amount": 2_001 }), 422, "invalid_input"),
        (json!({ "charge": "ch_refunded" }), 502, "upstream_error"),
        (json!({ "charge": "ch_declined" }), 502, "upstream_error"),
    ] {
        let answer = host.execute("stripe_refund_create", "ada", &input).await;
        assert_eq!(answer.problem(status), code, "{input}");
    }
    assert_eq!(stripe.refunds(canary.token()), 0);
}

/// KO-11, KO-12: one charge and one customer by id; the id is required and stays within its segment.
#[tokio::test]
async fn charges_and_customers_are_fetched_by_id() {
    let (host, stripe, _) = connected().await;
    for (tool, field, id, path) in [
        ("charge.retrieve", "chargeId", "ch_2", "/v1/charges/ch_2"),
        ("customer.retrieve", "customerId", "cus_7", "/v1/customers/cus_7"),
    ] {
        let answer = host.execute(tool, "ada", &json!({ field: id })).await.expect(200);
        assert_eq!(answer["data"]["id"], id);
        let sent = stripe.upstream().requests().pop().unwrap();
        assert_eq!((sent.method.as_str(), sent.path()), ("GET", path));
        assert_eq!(sent.header("idempotency-key"), None, "a read needs none");
        let before = stripe.upstream().requests().len();
        for input in [json!({}), json!({ field: 7 }), json!({ field: "" }), json!({ field: "a/b" })] {
            assert_eq!(host.execute(tool, "ada", &input).await.problem(422), "invalid_input", "{tool} {input}");
        }
        assert_eq!(stripe.upstream().requests().len(), before);
        assert_eq!(host.execute(tool, "ada", &json!({ field: "nothing" })).await.problem(404), "not_found");
        for climbing in ["..", "%2e%2e", "a%2fb", "?x", "#"] {
            let answer = host.execute(tool, "ada", &json!({ field: climbing })).await;
            assert!(answer.status >= 400, "{climbing}: {answer:?}");
        }
        for request in stripe.upstream().requests().iter().skip(before) {
            assert!(request.path().starts_with(path.rsplit_once('/').unwrap().0), "{}", request.target);
            assert_eq!(request.query().len(), 0, "{}", request.target);
        }
    }
    let charge = host.execute("charge.retrieve", "ada", &json!({ "chargeId": "ch_2" })).await;
    let text = String::from_utf8(charge.body.to_vec()).unwrap();
    assert!(text.contains("9007199254740993"), "beyond 2^53, to the last digit: {text}");
}
