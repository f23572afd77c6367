//! Real documents, whole: each operation is called through the host, and what arrives is held against its document by a
//! validator that nobody of this project wrote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream::{self, StreamExt as _};
use gloveport_tests::host::{Setup, TestHost};
use gloveport_tests::independent;
use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::{Value, json};

use super::inputs::{Fill, input};

/// Calls under way at the same time.
const AT_ONCE: usize = 6;

/// What is known not to be valid: `document | operation | reason`, one a line.
const EXCEPTIONS: &str = include_str!("corpus/exceptions.txt");

/// One operation of a document, as the host imported it.
struct Tool {
    operation: String,
    name: String,
    schema: Value,
}

/// A request that arrived, and whose it is.
struct Arrived {
    operation: String,
    fill: Fill,
    input: Value,
    request: Recorded,
}

/// An operation and what is wrong with it.
type Fault = (String, String);

/// Where real documents lie: beside the project, or a folder further up.
pub(super) fn real_documents() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    ["../shared/specs", "../../shared/specs"].iter().map(|path| root.join(path)).find(|path| path.is_dir())
}

/// HA-01, HA-04, HA-08, HA-09: for every operation of every document a request is made of its input schema, with what is
/// required and with everything, sent through the whole host, and valid by the document. What is not is listed by name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_valid_by_its_document() {
    let Some(folder) = real_documents() else {
        println!("skipped: there is no folder shared/specs");
        return;
    };
    let host = TestHost::with(Setup { captures_log: false, ..Setup::usual() }).await;
    host.allow_all().await;
    let arrived: Arc<Mutex<Vec<Recorded>>> = Arc::default();
    let recording = Arc::clone(&arrived);
    let upstream = Upstream::start(move |request| {
        let mut all = recording.lock().unwrap();
        all.push(request.clone());
        Reply::json(200, &json!({ "number": all.len() - 1 }))
    })
    .await;
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    let mut documents = Vec::new();
    for (row, n) in manifest.lines().skip(1).zip(0..) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (file, operations) = (columns[0], columns[4].parse::<usize>().unwrap());
        let started = Instant::now();
        let base = format!("/d{n}");
        let tools = imported(&host, &folder.join(file), n, &upstream.url(&base)).await;
        assert_eq!(tools.len(), operations, "{file}");
        let (requests, faults) = called(&host, n, tools, &arrived).await;
        println!("{file}: {operations} operations, {} requests, {:?}", requests.len(), started.elapsed());
        documents.push((file.to_owned(), base, requests, faults));
    }
    let cases: Vec<Value> =
        documents.iter().map(|(file, base, requests, _)| case(&folder.join(file), base, requests)).collect();
    let started = Instant::now();
    let Some(judged) = independent::judged(&cases).await else { return };
    println!("judged in {:?}", started.elapsed());
    let mut verdicts = judged.into_iter();
    let mut found = BTreeMap::new();
    for (file, _, requests, mut faults) in documents {
        for (arrived, verdict) in requests.iter().zip(verdicts.by_ref()) {
            faults.extend(verdict.map(|wrong| (arrived.operation.clone(), told(arrived, &wrong))));
        }
        println!("{file}: {} faults", faults.len());
        for (operation, wrong) in faults {
            found.entry((file.clone(), operation)).or_insert(wrong);
        }
    }
    assert_eq!(verdicts.count(), 0, "one verdict per request");
    compare(&found);
}

/// The judge says what is wrong, so that its silence means something.
#[tokio::test]
async fn the_judge_refuses_what_is_wrong() {
    let number = json!({ "name": "n", "in": "query", "required": true, "schema": { "type": "integer", "maximum": 9 } });
    let body = json!({ "required": true, "content": { "application/json": { "schema": { "type": "object", "required": ["a"],
        "properties": { "a": { "$ref": "#/components/schemas/A" }, "made": { "readOnly": true } }, "additionalProperties": false } } } });
    let document = json!({ "openapi": "3.0.3", "info": { "title": "x", "version": "1" },
        "components": { "schemas": { "A": { "type": "string", "minLength": 2, "default": "xy" } } },
        "paths": { "/a-b/{an-id}": { "get": { "parameters": [number,
            { "name": "an-id", "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" } },
            { "name": "X-Level", "in": "header", "schema": { "enum": ["low", "high"] } }] } },
            "/things": { "post": { "requestBody": body } } } });
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("document.json");
    std::fs::write(&file, document.to_string()).unwrap();
    let id = "/d0/a-b/28f2c3b9-0000-4000-8000-00000000000a";
    let (get, post) = ("GET /a-b/{an-id}", "POST /things");
    let rows = [
        (get, format!("{id}?n=9"), json!([["x-level", "low"]]), "", true),
        (get, format!("{id}?n=10"), json!([]), "", false),
        (get, format!("{id}?n=x"), json!([]), "", false),
        (get, id.to_owned(), json!([]), "", false),
        (get, format!("{id}?n=1&m=1"), json!([]), "", false),
        (get, format!("{id}?n=1"), json!([["x-level", "middle"]]), "", false),
        (get, "/d0/a-b/x?n=1".into(), json!([]), "", false),
        (get, format!("{id}/more?n=1"), json!([]), "", false),
        (get, id.replace("/d0", "/d1"), json!([]), "", false),
        (post, "/d0/things".into(), json!([["content-type", "application/json"]]), r#"{"a":"xy"}"#, true),
        (post, "/d0/things".into(), json!([["content-type", "text/plain"]]), r#"{"a":"xy"}"#, false),
        (post, "/d0/things".into(), json!([["content-type", "application/json"]]), r#"{"a":"x"}"#, false),
        (post, "/d0/things".into(), json!([["content-type", "application/json"]]), "{}", false),
        (post, "/d0/things".into(), json!([["content-type", "application/json"]]), r#"{"a":"xy","b":1}"#, false),
        (post, "/d0/things".into(), json!([["content-type", "application/json"]]), r#"{"a":"xy","made":1}"#, false),
        (post, "/d0/things".into(), json!([]), "", false),
    ];
    let requests = rows.iter().map(|(operation, target, headers, body, _)| {
        let mut headers = headers.as_array().unwrap().clone();
        headers.extend([json!(["host", "api.example"]), json!(["content-length", body.len().to_string()])]);
        let method = operation.split(' ').next();
        json!({ "operation": operation, "method": method, "target": target, "headers": headers, "body": STANDARD.encode(body) })
    });
    let case = json!({ "document": file, "base": "/d0", "requests": requests.collect::<Vec<_>>() });
    let Some(verdicts) = independent::judged(&[case]).await else { return };
    assert_eq!(verdicts.len(), rows.len());
    for ((operation, target, headers, body, valid), verdict) in rows.iter().zip(verdicts) {
        assert_eq!(verdict.is_none(), *valid, "{operation} {target} {headers} {body}: {verdict:?}");
    }
}

/// A fault, with what one needs to see why.
fn told(arrived: &Arrived, wrong: &str) -> String {
    let Arrived { fill, input, request, .. } = arrived;
    let cut = |text: String| text.chars().take(600).collect::<String>();
    format!(
        "{fill:?}: {}\n    {} {}\n    input {}\n    body {}",
        cut(wrong.to_owned()),
        request.method,
        cut(request.target.clone()),
        cut(input.to_string()),
        cut(String::from_utf8_lossy(&request.body).into_owned())
    )
}

/// What was found is what is listed, and the other way round.
fn compare(found: &BTreeMap<(String, String), String>) {
    let mut known: BTreeMap<(String, String), &str> = BTreeMap::new();
    for line in EXCEPTIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let parts: Vec<&str> = line.split(" | ").collect();
        assert_eq!(parts.len(), 3, "{line}");
        known.insert((parts[0].to_owned(), parts[1].to_owned()), parts[2]);
    }
    let new = found.iter().filter(|(fault, _)| !known.contains_key(*fault));
    let new: Vec<String> = new.map(|((file, operation), wrong)| format!("{file} | {operation} | {wrong}")).collect();
    let gone: Vec<_> = known.keys().filter(|fault| !found.contains_key(*fault)).collect();
    assert!(gone.is_empty(), "these are valid now, and to be taken off the list: {gone:#?}");
    assert!(new.is_empty(), "{} operations are not valid:\n{}", new.len(), new.join("\n"));
}

/// Imports a document with the upstream as its base, and connects somebody; answers its tools.
async fn imported(host: &TestHost, file: &Path, n: usize, base: &str) -> Vec<Tool> {
    let (connector, client) = (format!("d{n}"), host.client());
    let options = json!({ "document_url": "https://docs.example/openapi.json", "base_url": base });
    let body = json!({ "document": std::fs::read_to_string(file).unwrap(), "options": options });
    let done = client.put(&format!("/v1/connectors/{connector}"), &body).await.expect(201);
    assert_eq!(done["hosts"], json!([base.split('/').nth(2).unwrap()]), "no host but the one that was said");
    assert_eq!(done["skipped"], json!([]), "each operation is a tool, or it is said here why not");
    // One that an account can be given by hand.
    let patterns = done["auth"].as_array().unwrap();
    let known = ["oauth2", "api_key", "bearer", "basic", "none"];
    let pattern =
        patterns.iter().min_by_key(|one| known.iter().position(|kind| one["type"] == *kind).unwrap_or(9)).unwrap();
    let (kind, name) = (pattern["type"].as_str().unwrap(), pattern["name"].as_str().unwrap());
    let credentials = match kind {
        "api_key" => json!({ "api_key": "key-for-the-corpus" }),
        "basic" => json!({ "username": "ada", "password": "password-for-the-corpus" }),
        "bearer" => json!({ "token": "token-for-the-corpus" }),
        "none" => json!({}),
        _ => json!({ "access_token": "token-for-the-corpus" }),
    };
    let mut connection = json!({ "name": connector, "connector": connector, "auth_pattern": name, "base_url": base });
    if kind == "oauth2" {
        connection["oauth"] = json!({ "client_id": "corpus", "client_secret": "secret-of-the-corpus" });
    }
    client.post("/v1/connections", &connection).await.expect(201);
    host.account(&connector, "ada", &credentials).await.expect(201);
    let mut schemas = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/tools?connector={connector}&include=deferred&limit=200{cursor}");
        let page = client.get(&path).await.expect(200);
        for tool in page["items"].as_array().unwrap() {
            schemas.insert(tool["name"].as_str().unwrap().to_owned(), tool["input_schema"].clone());
        }
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tools = done["tools"].as_array().unwrap().iter();
    tools
        .map(|tool| {
            let name = text(&tool["name"]);
            let schema = schemas.remove(&name).unwrap();
            Tool { operation: text(&tool["operation"]), name, schema }
        })
        .collect()
}

/// Calls each tool twice; answers what arrived, and which calls came to nothing.
async fn called(
    host: &TestHost,
    n: usize,
    tools: Vec<Tool>,
    arrived: &Mutex<Vec<Recorded>>,
) -> (Vec<Arrived>, Vec<Fault>) {
    let ways = |tool: Tool| {
        let tool = Arc::new(tool);
        [Fill::Required, Fill::Everything].map(|fill| (Arc::clone(&tool), fill))
    };
    let calls = tools.into_iter().flat_map(ways).zip(1_u64..).map(|((tool, fill), seed)| async move {
        let fault = |wrong: String| Err((tool.operation.clone(), format!("{fill:?}: {wrong}")));
        let input = match input(&tool.schema, fill, seed) {
            Ok(input) => input,
            Err(wrong) => return fault(format!("no input was found: {wrong}")),
        };
        let body = json!({ "identifier": "ada", "connection": format!("d{n}"), "input": input });
        let answer = host.client().post(&format!("/v1/tools/{}/execute", tool.name), &body).await;
        let Some(number) = answer.json()["data"]["number"].as_u64() else {
            return fault(format!("{} {} for {input}", answer.status, String::from_utf8_lossy(&answer.body)));
        };
        let request = arrived.lock().unwrap()[number as usize].clone();
        Ok(Arrived { operation: tool.operation.clone(), fill, input, request })
    });
    let outcomes: Vec<Result<Arrived, Fault>> = stream::iter(calls).buffered(AT_ONCE).collect().await;
    let (mut requests, mut faults) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Ok(arrived) => requests.push(arrived),
            Err(fault) => faults.push(fault),
        }
    }
    (requests, faults)
}

/// A document and its requests, as the judge reads them.
fn case(file: &Path, base: &str, requests: &[Arrived]) -> Value {
    let requests = requests.iter().map(|arrived| {
        let Recorded { method, target, headers, body } = &arrived.request;
        // The judge's own server is on a connection that is kept.
        let headers: Vec<_> = headers.iter().filter(|(name, _)| name != "connection").collect();
        let operation = &arrived.operation;
        json!({ "operation": operation, "method": method, "target": target, "headers": headers, "body": STANDARD.encode(body) })
    });
    json!({ "document": file, "base": base, "requests": requests.collect::<Vec<_>>() })
}
