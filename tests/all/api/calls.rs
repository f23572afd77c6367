//! One call after the other: whose account, what input, what comes back.

use gloveport_tests::upstream::{Recorded, Reply};
use serde_json::{Value, json};

use super::bed::{Bed, redacted};

fn bearer(request: &Recorded) -> String {
    request.header("authorization").unwrap_or_default().trim_start_matches("Bearer ").to_owned()
}

/// HC-04, HC-17, lesson 6: two users, two tokens at the upstream; nobody is answered with a token.
#[tokio::test]
async fn each_user_calls_with_their_own_credential() {
    let bed = Bed::start().await;
    let (ada, bob) = (bed.connect("ada").await, bed.connect("bob").await);
    for (identifier, canary) in [("ada", &ada), ("bob", &bob), ("ada", &ada)] {
        bed.host.execute("probe_whoami", identifier, &json!({})).await.expect(200);
        assert_eq!(bearer(&bed.upstream.requests().pop().unwrap()), canary.token());
    }
    let sent = bed.upstream.requests().len();
    let nobody = bed.client().post("/v1/tools/probe_whoami/execute", &json!({ "input": {} })).await;
    assert_eq!(nobody.problem(400), "invalid_request");
    assert_eq!(bed.host.execute("probe_whoami", "eve", &json!({})).await.problem(409), "account_not_connected");
    assert_eq!(bed.upstream.requests().len(), sent, "nothing left for a call that was refused");
}

/// AK-111: an account is named by its user or by its id; each call has an execution of its own.
#[tokio::test]
async fn an_account_is_named_either_way() {
    let bed = Bed::start().await;
    let canary = bed.connect("ada").await;
    let account = bed.client().get("/v1/connections/probe/accounts/ada").await.expect(200)["id"].clone();
    let mut executions = Vec::new();
    for body in [
        json!({ "identifier": "ada", "input": {} }),
        json!({ "account": account, "input": {} }),
        json!({ "account": account, "identifier": "ada", "connection": "probe", "input": {} }),
        json!({ "identifier": "ada", "connection": "probe", "input": {}, "tool_call_id": "call-1", "chat_id": "chat-1",
            "trigger_type": "agent", "timeout_ms": 120_000 }),
    ] {
        let answer = bed.client().post("/v1/tools/probe_whoami/execute", &body).await.expect(200);
        assert_eq!(bearer(&bed.upstream.requests().pop().unwrap()), canary.token());
        executions.push(answer["execution_id"].as_str().unwrap().to_owned());
    }
    let last = bed.client().get(&format!("/v1/executions/{}", executions[3])).await.expect(200);
    let fields =
        ["id", "component", "connection_id", "account_id", "key_id", "started_at", "finished_at", "timing", "timeline"];
    insta::assert_snapshot!(redacted(last, &fields), @r#"
    {
      "account_id": "<account_id>",
      "chat_id": "chat-1",
      "code": null,
      "component": "<component>",
      "connection_id": "<connection_id>",
      "culprit": null,
      "detail": null,
      "finished_at": "<finished_at>",
      "id": "<id>",
      "identifier": "ada",
      "input": {},
      "input_digest": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
      "key_id": "<key_id>",
      "output": {
        "ok": true
      },
      "parent": null,
      "received_bytes": 11,
      "requests": 1,
      "rule": null,
      "scrubbed": 0,
      "sent_bytes": 0,
      "simulated": false,
      "started_at": "<started_at>",
      "status": "succeeded",
      "surface": "execute",
      "timeline": "<timeline>",
      "timing": "<timing>",
      "tool": "probe_whoami",
      "tool_call_id": "call-1",
      "trigger_type": "agent"
    }
    "#);
    for (query, count) in [("chat_id=chat-1", 1), ("trigger_type=agent", 1), ("identifier=ada", 5), ("chat_id=x", 0)] {
        let found = bed.client().get(&format!("/v1/executions?{query}")).await.expect(200);
        assert_eq!(found["total_size"], count, "{query}");
    }
    executions.dedup();
    assert_eq!(executions.len(), 4);
}

/// AK-125, AK-124: an unknown user, connection, account or tool is an error with a code, never an empty success.
#[tokio::test]
async fn what_is_not_there_is_an_error() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    bed.host.install("stripe").await;
    let stripe = json!({ "name": "stripe", "connector": "stripe", "base_url": bed.upstream.url("") });
    bed.client().post("/v1/connections", &stripe).await.expect(201);
    bed.client().put("/v1/connections/probe/accounts/pending", &json!({})).await.expect(201);
    let unknown = "acc_01M7Y4BXKGE79YBN45ZGHBB4CZ";
    for (change, status, code) in [
        (json!({ "identifier": "eve" }), 409, "account_not_connected"),
        (json!({ "identifier": "" }), 409, "account_not_connected"),
        (json!({ "identifier": "ADA" }), 409, "account_not_connected"),
        (json!({ "identifier": "pending" }), 409, "account_not_active"),
        (json!({ "connection": "nothing" }), 404, "not_found"),
        (json!({ "connection": "stripe" }), 400, "invalid_request"),
        (json!({ "account": unknown }), 404, "not_found"),
        (json!({ "account": "ada" }), 400, "invalid_request"),
        (json!({ "parent": "nothing" }), 400, "invalid_request"),
        (json!({ "timeout_ms": 0 }), 400, "invalid_request"),
        (json!({ "timeout_ms": 120_001 }), 400, "invalid_request"),
        (json!({ "chat_id": "c".repeat(257) }), 400, "invalid_request"),
        (json!({ "timeout": 1 }), 400, "invalid_request"),
        (json!({ "input": [] }), 422, "invalid_input"),
        (json!({ "input": "{}" }), 422, "invalid_input"),
        (json!({ "input": { "unknown": 1 } }), 422, "invalid_input"),
    ] {
        let mut body = json!({ "identifier": "ada", "input": {} });
        change.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        let before = bed.upstream.requests().len();
        let answer = bed.client().post("/v1/tools/probe_whoami/execute", &body).await;
        assert_eq!(answer.problem(status), code, "{change}");
        assert_eq!(bed.upstream.requests().len(), before, "{change}");
    }
    assert_eq!(bed.host.execute("probe_nothing", "ada", &json!({})).await.problem(404), "not_found");
    assert_eq!(bed.client().get("/v1/executions/exec_nothing").await.problem(404), "not_found");
}

/// AK-862: constraints of the schema are enforced by the host, with the path of every error.
#[tokio::test]
async fn every_error_in_the_input_is_named() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let input = json!({ "method": 1, "query": [["a"], ["b", "c"]], "body": { "kind": "smoke", "fields": 7 } });
    let problem = bed.host.execute("probe_fetch", "ada", &input).await.expect(422);
    let mut paths: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["path"].clone()).collect();
    paths.sort_by_key(ToString::to_string);
    assert_eq!(paths, ["", "/body/fields", "/body/kind", "/method", "/query/0"], "{problem}");
    assert_eq!(problem["culprit"], "caller");
    assert!(problem.get("execution_id").is_none(), "nothing ran: {problem}");
    assert_eq!(bed.upstream.requests().len(), 1, "only the test call of the connection");
}

/// AK-505, AK-508: `{}` and no input are the same; a list arrives under `items`, and nothing as null.
#[tokio::test]
async fn outputs_have_one_form() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    for body in [json!({ "identifier": "ada" }), json!({ "identifier": "ada", "input": {} })] {
        let answer = bed.client().post("/v1/tools/probe_list/execute", &body).await.expect(200);
        insta::allow_duplicates! {
            insta::assert_snapshot!(redacted(answer, &["execution_id", "timing"]), @r#"
            {
              "data": {
                "items": [
                  1,
                  18446744073709551615
                ]
              },
              "execution_id": "<execution_id>",
              "status": "succeeded",
              "timing": "<timing>"
            }
            "#);
        }
    }
    assert_eq!(bed.host.execute("probe_say_nothing", "ada", &json!({})).await.expect(200)["data"], Value::Null);
}

/// CX-12: numbers keep every digit, through the input, the guest, the upstream's JSON and the output.
#[tokio::test]
async fn numbers_keep_every_digit() {
    const NUMBERS: &str = r#"{"id":1234567890123456789,"u":18446744073709551615,"big":123456789012345678901234567890,"f":1.10,"e":1E400}"#;
    let bed = Bed::answering(|_| Reply::bytes(200, "application/json", NUMBERS)).await;
    bed.connect("ada").await;
    let headers = [("content-type", "application/json")];
    let body = format!(r#"{{"identifier":"ada","input":{NUMBERS}}}"#);
    let echoed = bed.client().send("POST", "/v1/tools/probe_echo/execute", &headers, body).await;
    let fetched = bed.host.execute("probe_whoami", "ada", &json!({})).await;
    for answer in [echoed, fetched] {
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(text.contains(&format!(r#""data":{NUMBERS}"#)), "{text}");
    }
}

/// AK-501: an error of the provider comes as a code and a short message; its body is not handed on.
#[tokio::test]
async fn error_bodies_of_the_provider_are_not_echoed() {
    let body = "<html>stack trace at /srv/app/secret_place.rb:42, customer 4711</html>";
    let bed = Bed::answering(move |request| match request.segments().last().map(String::as_str) {
        Some("whoami") => Reply::json(200, &json!({})),
        Some("429") => Reply::bytes(429, "text/html", body).header("retry-after", "77"),
        Some("503") => Reply::bytes(503, "text/html", body).header("retry-after", "0"),
        Some(status) => Reply::bytes(status.parse().unwrap(), "text/html", body),
        None => Reply::text(200, ""),
    })
    .await;
    bed.connect("ada").await;
    for (status, code, culprit) in [
        (400, "upstream_error", "upstream"),
        (401, "account_not_active", "upstream"),
        (403, "forbidden", "upstream"),
        (404, "not_found", "upstream"),
        (418, "upstream_error", "upstream"),
        (429, "rate_limited", "upstream"),
        (500, "upstream_error", "upstream"),
        (503, "upstream_error", "upstream"),
    ] {
        let answer = bed.host.execute("probe_read_then_write", "ada", &json!({ "target": format!("/{status}") })).await;
        let problem = answer.json();
        assert!((400..600).contains(&answer.status), "{answer:?}");
        assert_eq!((problem["code"].as_str(), problem["culprit"].as_str()), (Some(code), Some(culprit)), "{status}");
        for part in ["stack trace", "secret_place", "4711", "html"] {
            assert!(!problem.to_string().contains(part), "{status}: {problem}");
        }
        let path = format!("/v1/executions/{}", problem["execution_id"].as_str().unwrap());
        let record = bed.client().get(&path).await.expect(200);
        assert_eq!((&record["code"], &record["status"]), (&problem["code"], &json!("failed")), "{status}");
        assert!(!record.to_string().contains("4711"), "{record}");
        if status == 429 {
            assert_eq!(problem["retry_after_ms"], 77_000);
            assert_eq!(answer.header("retry-after"), Some("77"));
        }
    }
}

/// Lesson 16: a response over the limit is cut, and the connector is told so.
#[tokio::test]
async fn a_response_over_the_limit_is_cut_and_says_so() {
    let bed = Bed::answering(|request| match request.path() {
        "/whoami" => Reply::json(200, &json!({})),
        "/small" => Reply::text(200, "small"),
        _ => Reply::repeated("text/plain", "x".repeat(64 * 1024), 1_000),
    })
    .await;
    bed.connect("ada").await;
    for (target, bytes, truncated) in [("/small", 5, false), ("/large", 4 << 20, true)] {
        let answer = bed.host.execute("probe_sized_response", "ada", &json!({ "target": target })).await.expect(200);
        assert_eq!(answer["data"], json!({ "bytes": bytes, "truncated": truncated }), "{target}");
    }
}

/// AK-507: a provider that does not answer costs the caller no more than the timeout.
#[tokio::test]
async fn a_provider_that_does_not_answer_ends_the_call_in_time() {
    let bed = Bed::answering(|request| match request.path() {
        "/never" => Reply::never(),
        _ => Reply::json(200, &json!({})),
    })
    .await;
    bed.connect("ada").await;
    let body = json!({ "identifier": "ada", "input": { "target": "/never" }, "timeout_ms": 500 });
    let problem = bed.client().post("/v1/tools/probe_sized_response/execute", &body).await.expect(504);
    assert_eq!((&problem["code"], &problem["culprit"]), (&json!("upstream_timeout"), &json!("upstream")));
    bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
}
