//! Modifiers that are components: AK-601 to AK-605 in WebAssembly, with no imports and under every limit.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gloveport_tests::host::{Answer, TestHost};
use gloveport_tests::wat_guest::{SAME, modifier};
use gloveport_tests::{postgres, wat_guest};
use serde_json::{Value, json};

use super::modifiers::echo;
use super::postgres::beside;

/// Puts a component in the place of this name.
async fn put(host: &TestHost, name: &str, when: &str, wasm: &[u8]) -> Answer {
    let content = json!({ "tools": "by_hand_*", "when": when, "component": STANDARD.encode(wasm) });
    host.client().put(&format!("/v1/modifiers/{name}"), &content).await
}

async fn run(host: &TestHost, input: &Value) -> Answer {
    host.execute("by_hand_run", "ada", input).await
}

/// Answers the text that lies in the data.
fn answer(text: &str) -> String {
    format!("(call $ok (i32.const 2048) (i32.const {}))", text.len())
}

/// AK-601, AK-602: both sides, in order with declarative ones, each on its own side only.
#[tokio::test]
async fn components_change_input_and_output() {
    let host = TestHost::start().await;
    echo(&host, "by_hand").await;
    let (text, other) = (r#"{"by":"before","n":9007199254740993123}"#, r#"{"by":"after"}"#);
    let made = put(&host, "one", "before", &modifier(text, &answer(text), "unreachable")).await.expect(201);
    assert_eq!((&made["steps"], made["component_digest"].as_str().map(str::len)), (&Value::Null, Some(64)));
    let answered = run(&host, &json!({ "by": "caller" })).await;
    assert!(String::from_utf8_lossy(&answered.body).contains(text), "{answered:?}");
    let steps = json!([{ "rename": { "from": "/by", "to": "/was" } }]);
    let body = json!({ "name": "two", "tools": "*", "when": "before", "steps": steps });
    host.client().post("/v1/modifiers", &body).await.expect(201);
    assert_eq!(run(&host, &json!({})).await.expect(200)["data"]["was"], "before");
    put(&host, "three", "after", &modifier(other, "unreachable", &answer(other))).await.expect(201);
    assert_eq!(run(&host, &json!({})).await.expect(200)["data"], json!({ "by": "after" }));
    put(&host, "three", "after", &modifier("", "unreachable", SAME)).await.expect(200);
    assert_eq!(run(&host, &json!({})).await.expect(200)["data"]["was"], "before");
}

/// A component that imports anything is refused with the reason, and so is what is none of this world.
#[tokio::test]
async fn components_with_imports_are_refused() {
    let host = TestHost::start().await;
    let importing = |name: &str| wat::parse_str(format!(r#"(component (import "{name}" (instance)))"#)).unwrap();
    for (wasm, reason) in [
        (importing("wasi:cli/environment@0.2.0"), "imports `wasi:cli/environment@0.2.0`: a modifier imports nothing"),
        (importing("gloveport:connector/http@0.1.0"), "a modifier imports nothing"),
        (wat::parse_str(r#"(component (import "f" (func)))"#).unwrap(), "imports `f`: a modifier imports nothing"),
        (wat_guest::connector("by_hand", "", wat_guest::ECHO), "does not export the function `before`"),
        (wat::parse_str("(module)").unwrap(), "core module"),
        (b"not at all".to_vec(), "not WebAssembly"),
        (Vec::new(), "not WebAssembly"),
    ] {
        let problem = put(&host, "m", "before", &wasm).await.expect(422);
        assert_eq!((&problem["code"], &problem["errors"][0]["path"]), (&json!("invalid_input"), &json!("/component")));
        assert!(problem["errors"][0]["message"].as_str().unwrap().contains(reason), "{reason}: {problem}");
    }
    let body = json!({ "tools": "*", "when": "before", "component": "not base64!" });
    let problem = host.client().put("/v1/modifiers/m", &body).await.expect(422);
    assert_eq!(problem["errors"][0]["message"], "it is not base64");
    let large = json!({ "tools": "*", "when": "before", "component": STANDARD.encode(vec![0; 20 * 1024 * 1024 + 1]) });
    assert_eq!(host.client().put("/v1/modifiers/m", &large).await.problem(422), "invalid_input");
    assert_eq!(host.client().get("/v1/modifiers").await.expect(200)["total_size"], 0);
}

/// A component that traps, loops, takes too much or answers nonsense fails its own call, by its name; its neighbours and
/// the next call do not notice.
#[tokio::test]
async fn a_component_that_misbehaves_fails_its_call_only() {
    let host = TestHost::start().await;
    echo(&host, "by_hand").await;
    let grow = "(loop $again (br_if $again (i32.ne (i32.const -1) (memory.grow (i32.const 16))))) unreachable";
    let long = format!(
        "(drop (memory.grow (i32.const 100))) (memory.fill (i32.const 65536) (i32.const 48) (i32.const {0}))
         (i32.store8 (i32.const 65536) (i32.const 49)) (call $ok (i32.const 65536) (i32.const {0}))",
        4 * 1024 * 1024 + 1
    );
    let fail = |variant: u32| format!("(call $fail (i32.const {variant}) (i32.const 2048) (i32.const 4))");
    for (body, status, code, culprit, detail) in [
        ("unreachable".to_owned(), 502, "modifier_failed", "policy", "it trapped: wasm trap: wasm `unreachable`"),
        ("(loop $again (br $again)) unreachable".into(), 502, "modifier_failed", "limit", "guest_cpu_ms (1000)"),
        (grow.into(), 502, "modifier_failed", "limit", "guest_memory_bytes"),
        (long, 502, "modifier_failed", "limit", "it made 4194305 bytes, of at most 4194304"),
        ("(call $ok (i32.const 2048) (i32.const 4))".into(), 502, "modifier_failed", "policy", "is not JSON"),
        ("(call $ok (i32.const 2052) (i32.const 2))".into(), 502, "modifier_failed", "policy", "does not satisfy"),
        (fail(7), 502, "modifier_failed", "policy", "internal: text"),
        (fail(2), 403, "denied_by_policy", "policy", "says no: text"),
        (
            "(call $fail (i32.const 0) (i32.const 2048) (i32.const 0))".into(),
            422,
            "invalid_input",
            "caller",
            "does not accept",
        ),
    ] {
        put(&host, "odd", "before", &modifier("text[]", &body, SAME)).await;
        let answer = run(&host, &json!({})).await;
        let problem = answer.json();
        assert_eq!((answer.problem(status).as_str(), problem["culprit"].as_str()), (code, Some(culprit)), "{body}");
        let text = problem["detail"].as_str().unwrap();
        assert!(text.contains("`odd`") && text.contains(detail) && !text.contains("connector"), "{body}: {text}");
        assert!(problem["execution_id"].is_null());
    }
    put(&host, "odd", "after", &modifier("text", "unreachable", &fail(2))).await.expect(200);
    let problem = run(&host, &json!({})).await.expect(502);
    let text = problem["detail"].as_str().unwrap();
    assert!(text.contains("denied: text") && text.contains("The call has run"), "{text}");
    assert!(problem["execution_id"].is_string());
    host.client().delete("/v1/modifiers/odd").await.expect(204);
    run(&host, &json!({})).await.expect(200);
}

/// Nothing of a run is left for the next, whoever asks.
#[tokio::test]
async fn each_run_has_a_fresh_instance() {
    let host = TestHost::start().await;
    echo(&host, "by_hand").await;
    // Counts up in its memory: a second run in the same instance would answer 2.
    let count = "(i32.store8 (i32.const 2056) (i32.add (i32.load8_u (i32.const 2056)) (i32.const 1)))
        (call $ok (i32.const 2048) (i32.const 10))";
    put(&host, "count", "after", &modifier(r#"{"runs":0}"#, SAME, count)).await.expect(201);
    for _ in 0..5 {
        assert_eq!(run(&host, &json!({})).await.expect(200)["data"], json!({ "runs": 1 }));
    }
}

/// The bytes are in the database: another host, and one that starts again, run the same component; removed, it is gone
/// from both at once.
#[tokio::test]
async fn a_component_is_on_every_host_and_after_a_restart() {
    let text = r#"{"by":"component"}"#;
    let wasm = modifier(text, &answer(text), SAME);
    let mut host = TestHost::spawn_child().await;
    echo(&host, "by_hand").await;
    put(&host, "m", "before", &wasm).await.expect(201);
    host.kill().await;
    for compiled in [true, false] {
        if !compiled {
            host.kill().await;
            std::fs::remove_dir_all(host.data().join("compiled")).unwrap();
        }
        host.restart_child().await;
        assert_eq!(run(&host, &json!({})).await.expect(200)["data"], json!({ "by": "component" }), "{compiled}");
    }
    let Some(database) = postgres::new_database() else { return };
    let first = TestHost::with(beside(&database)).await;
    echo(&first, "by_hand").await;
    let second = TestHost::with(beside(&database)).await;
    put(&first, "m", "before", &wasm).await.expect(201);
    assert_eq!(run(&second, &json!({})).await.expect(200)["data"], json!({ "by": "component" }));
    second.client().delete("/v1/modifiers/m").await.expect(204);
    assert_eq!(run(&first, &json!({})).await.expect(200)["data"], json!({}));
}
