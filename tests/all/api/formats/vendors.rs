//! The forms of model APIs, held against the types that those who made the APIs publish: AK-118, AK-502, CB-11.

use std::collections::BTreeMap;
use std::path::Path;

use gloveport_tests::host::{Client, Setup, TestHost};
use gloveport_tests::vendors::{Case, Kind, judged};
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use crate::api::bed::Bed;
use crate::api::corpus::real_documents;

/// A form, whether strictness is asked for, and how many tools go in one request: Anthropic takes few strict ones in each.
const WAYS: [(&str, bool, usize); 7] = [
    ("openai", false, 200),
    ("openai", true, 200),
    ("openai-responses", false, 200),
    ("openai-responses", true, 200),
    ("anthropic", false, 200),
    ("anthropic", true, 4),
    ("gemini", false, 200),
];

/// Inputs that are called with, each in four forms.
const INPUTS: usize = 24;

/// All tools of a connector in one form, and why which are not strict.
async fn listed(client: &Client, connector: &str, way: (&str, bool, usize)) -> (Vec<Value>, Vec<String>) {
    let (format, strict, limit) = way;
    let (mut tools, mut loose, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let query = format!("connector={connector}&include=deferred&limit={limit}&format={format}&strict={strict}");
        let page = client.get(&format!("/v1/tools?{query}{cursor}")).await.expect(200);
        tools.extend(page["tools"].as_array().unwrap().iter().cloned());
        let messages = page["warnings"].as_array().unwrap().iter().map(|warning| warning["message"].as_str().unwrap());
        loose.extend(messages.filter_map(|message| message.strip_prefix("not strict: ")).map(str::to_owned));
        let Some(next) = page["next_cursor"].as_str() else { return (tools, loose) };
        cursor = format!("&cursor={next}");
    }
}

async fn imported(host: &TestHost, file: &Path, connector: &str) -> usize {
    let options = json!({ "document_url": "https://docs.example/openapi.json", "base_url": "https://api.example" });
    let body = json!({ "document": std::fs::read_to_string(file).unwrap(), "options": options });
    let done = host.client().put(&format!("/v1/connectors/{connector}"), &body).await.expect(201);
    done["tools"].as_array().unwrap().len()
}

/// Every tool of every real document is a tool by the vendor's types, and what is said to be strict is what the vendor's
/// own helper makes strict. What is not strict says why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vendor_takes_every_tool() {
    let Some(folder) = real_documents() else {
        println!("skipped: there is no folder shared/specs");
        return;
    };
    let host = TestHost::with(Setup { captures_log: false, ..Setup::usual() }).await;
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    let (mut cases, mut reasons, mut all) = (Vec::new(), BTreeMap::<(&str, String), usize>::new(), 0);
    for (row, n) in manifest.lines().skip(1).zip(0..) {
        let connector = format!("d{n}");
        let count = imported(&host, &folder.join(row.split('\t').next().unwrap()), &connector).await;
        all += count;
        for way in WAYS {
            let (tools, loose) = listed(host.client(), &connector, way).await;
            let is_strict = |tool: &&Value| tool["strict"] == true || tool["function"]["strict"] == true;
            let strict = tools.iter().filter(is_strict).count();
            let declared: usize = match way.0 {
                "gemini" => tools.iter().map(|tool| tool["functionDeclarations"].as_array().unwrap().len()).sum(),
                _ => tools.len(),
            };
            assert_eq!(declared, count, "{row} {way:?}");
            assert_eq!(strict + loose.len(), if way.1 { count } else { 0 }, "{row} {way:?}");
            loose.into_iter().for_each(|reason| *reasons.entry((way.0, reason)).or_default() += 1);
            cases.extend(tools.into_iter().map(|value| Case { kind: Kind::Tool, format: way.0, value }));
        }
    }
    println!("{all} tools");
    for ((format, reason), count) in &reasons {
        println!("{format}: {count} not strict: {reason}");
    }
    let Some(verdicts) = judged(&cases).await else { return };
    let refused = cases.iter().zip(&verdicts).filter_map(|(case, wrong)| Some((case, wrong.as_ref()?)));
    let refused: Vec<String> =
        refused.map(|(case, wrong)| format!("{} {wrong}\n    {}", case.format, case.value)).collect();
    println!("{} requests' tools judged, {} refused", cases.len(), refused.len());
    assert!(
        refused.is_empty(),
        "{} are refused, such as:\n{}",
        refused.len(),
        refused[..refused.len().min(12)].join("\n")
    );
}

/// The judge says what is wrong, so that its silence means something.
#[tokio::test]
async fn the_vendors_refuse_what_is_wrong() {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "string", "minLength": 2 } } });
    let tool = |format, value| (Kind::Tool, format, value);
    let rows = [
        tool(
            "openai",
            json!({ "type": "function", "function": { "name": "a", "parameters": schema, "strict": true } }),
        ),
        tool("openai", json!({ "type": "function", "function": { "parameters": schema } })),
        tool("openai", json!({ "type": "function", "function": { "name": "a", "input_schema": schema } })),
        tool("openai", json!({ "type": "function", "name": "a", "parameters": schema, "strict": false })),
        tool("openai-responses", json!({ "type": "function", "name": "a", "parameters": schema })),
        tool("openai-responses", json!({ "type": "function", "name": "a", "parameters": schema, "strict": true })),
        tool("anthropic", json!({ "name": "a", "input_schema": schema, "strict": true })),
        tool("anthropic", json!({ "name": "a", "input_schema": { "properties": {} } })),
        tool("anthropic", json!({ "name": "a", "parameters": schema })),
        tool(
            "gemini",
            json!({ "functionDeclarations": [{ "name": "a", "parametersJsonSchema": schema, "strict": true }] }),
        ),
        tool("gemini", json!({ "functionDeclarations": [{ "name": "a", "parametersJsonSchema": { "not": {} } }] })),
        (Kind::Result, "openai", json!({ "role": "tool", "content": "x" })),
        (Kind::Result, "openai", json!({ "role": "tool", "tool_call_id": "c", "content": 7 })),
        (Kind::Result, "openai-responses", json!({ "type": "function_call_output", "call_id": "c", "output": 7 })),
        (Kind::Result, "anthropic", json!({ "type": "tool_result", "id": "c", "content": "x" })),
        (Kind::Result, "gemini", json!({ "functionResponse": { "name": "a", "output": {} } })),
        (Kind::Call, "anthropic", json!({ "type": "tool_use", "id": "c", "name": "a", "input": "{}" })),
    ];
    let cases = rows.map(|(kind, format, value)| Case { kind, format, value });
    let Some(verdicts) = judged(&cases).await else { return };
    for (case, verdict) in cases.iter().zip(verdicts) {
        assert!(verdict.is_some(), "{case:?}");
    }
}

/// Any JSON object.
fn inputs() -> impl Strategy<Value = Value> {
    let leaf = proptest::prop_oneof![
        proptest::strategy::Just(Value::Null),
        proptest::prelude::any::<bool>().prop_map(Value::from),
        proptest::prelude::any::<i64>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        r#"[a-z"\\/ éß漢\u{1F600}\u{0}\u{7f}\n]{0,12}"#.prop_map(Value::from),
    ];
    let any = leaf.prop_recursive(3, 24, 4, |inner| {
        let members = proptest::collection::vec(("[a-zA-Z_$ é]{1,8}", inner.clone()), 0..4);
        proptest::prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    });
    let members = proptest::collection::vec(("[a-zA-Z_]{1,8}", any), 0..5);
    members.prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// Whatever a model writes in its API's form arrives at the tool, and what the tool answers is in that API's form what
/// the model is told: through JSON text in JSON text, and back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_model_writes_comes_back_to_it() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let mut runner = TestRunner::deterministic();
    let (mut cases, strategy) = (Vec::new(), inputs());
    for n in 0..INPUTS {
        let input = strategy.new_tree(&mut runner).unwrap().current();
        let id = format!("call_{n}");
        let calls = super::calls(&input).map(|call| renamed(call, &id));
        let body = json!({ "identifier": "ada", "calls": calls.iter().map(|call| json!({ "tool_call": call })).collect::<Vec<_>>() });
        let answer = bed.client().post("/v1/tools/execute-batch", &body).await.expect(200);
        for (index, (call, format)) in calls.into_iter().zip(super::FORMATS).enumerate() {
            let outcome = answer["outcomes"][index].as_object().unwrap();
            let done = outcome.values().find(|value| value.is_object()).unwrap_or_else(|| panic!("{answer}"));
            assert_eq!(done["data"], input, "{format} {call}");
            let result = answer["tool_results"][index].clone();
            assert_eq!(told(format, &result, &id), input, "{format} {result}");
            if format != "mcp" {
                cases.push(Case { kind: Kind::Call, format, value: call });
                cases.push(Case { kind: Kind::Result, format, value: result });
            }
        }
    }
    let Some(verdicts) = judged(&cases).await else { return };
    for (case, verdict) in cases.iter().zip(verdicts) {
        assert_eq!(verdict, None, "{case:?}");
    }
}

/// The call with another id.
fn renamed(call: Value, id: &str) -> Value {
    let Value::Object(mut members) = call else { return call };
    for key in ["id", "call_id"] {
        if members.contains_key(key) {
            members.insert(key.into(), id.into());
        }
    }
    if let Some(inner) = members.get_mut("functionCall") {
        inner["id"] = id.into();
    }
    Value::Object(members)
}

/// What a result tells the model of this call.
fn told(format: &str, result: &Value, id: &str) -> Value {
    let read = |text: &Value| serde_json::from_str(text.as_str().unwrap()).unwrap();
    let (told, of): (Value, &Value) = match format {
        "openai" => (read(&result["content"]), &result["tool_call_id"]),
        "openai-responses" => (read(&result["output"]), &result["call_id"]),
        "anthropic" => (read(&result["content"]), &result["tool_use_id"]),
        "gemini" => (result["functionResponse"]["response"]["output"].clone(), &result["functionResponse"]["id"]),
        _ => return result["structuredContent"].clone(),
    };
    assert_eq!(of, id, "{result}");
    told
}
