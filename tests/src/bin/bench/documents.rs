//! Tools that were made of documents: importing them, calling one beside a hand-written one, and finding one among thousands.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use gloveport_tests::host::{ADMIN_KEY, Client, TestHost, log};
use serde_json::{Value, json};

use crate::load::Shot;
use crate::protocol;
use crate::report::Single;

/// Tools of each of the connectors that make up the long list, and how many there are.
const TOOLS: usize = 1_000;
const CONNECTORS: usize = 5;

/// Makes the same call as the hand-written connector a declared operation, with Ada's account.
///
/// # Errors
///
/// When something of it is refused.
pub(crate) async fn declare(host: &TestHost, upstream: &str, credential: &str) -> Result<(), String> {
    let operations = [json!({ "name": "get_user", "method": "GET", "path": "/user" })];
    put(host.client(), "declared", &operations).await?;
    let connection = json!({ "name": "declared", "connector": "declared", "base_url": upstream });
    done(host.client().post("/v1/connections", &connection).await)?;
    let account = host.account("declared", "ada", &json!({ "token": credential })).await;
    done(account).map(drop)
}

/// The call of it.
pub(crate) fn call(host: &TestHost) -> Shot {
    Shot {
        url: format!("{}/v1/tools/declared_get_user/execute", host.client().base()),
        headers: vec![("authorization", format!("Bearer {ADMIN_KEY}"))],
        body: Some(Bytes::from_static(b"{\"identifier\":\"ada\",\"input\":{}}")),
    }
}

/// Fills a host with thousands of tools.
///
/// # Errors
///
/// When a connector is refused.
pub(crate) async fn fill(host: &TestHost) -> Result<(), String> {
    for connector in 0..CONNECTORS {
        let operation = |number: usize| {
            json!({ "name": format!("get_thing_{number}"), "method": "GET", "path": format!("/things/{number}"),
                "title": format!("Thing {number}"), "description": "Fetches a thing with its parts, owner and history." })
        };
        let operations: Vec<Value> = (0..TOOLS).map(operation).collect();
        put(host.client(), &format!("things{connector}"), &operations).await?;
    }
    Ok(())
}

/// A page of the list, a page of what a search finds, and all tools of one connector as an MCP client gets them.
///
/// # Errors
///
/// When its tools cannot be offered.
pub(crate) async fn lists(host: &TestHost) -> Result<Vec<(&'static str, Shot)>, String> {
    let get = |query: &str| Shot {
        url: format!("{}/v1/tools?{query}", host.client().base()),
        headers: vec![("authorization", format!("Bearer {ADMIN_KEY}"))],
        body: None,
    };
    let connection = json!({ "name": "things0", "connector": "things0" });
    done(host.client().post("/v1/connections", &connection).await)?;
    done(host.account("things0", "ada", &json!({ "token": "of nobody" })).await)?;
    Ok(vec![
        ("list of 5,000 tools", get("limit=50")),
        ("search in 5,000 tools", get("limit=50&query=thing%20history%20999")),
        ("list of 1,000 tools by MCP", protocol::list(host, "things0", TOOLS).await?),
    ])
}

/// How long each of the documents beside the project takes to import, and how much memory it needs in the sandbox.
///
/// # Errors
///
/// When one of them is refused.
pub(crate) async fn import(host: &TestHost) -> Result<Vec<Single>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder =
        ["../shared/specs", "../../shared/specs"].iter().map(|path| root.join(path)).find(|path| path.is_dir());
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let files = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    let mut paths: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    paths.sort();
    let mut figures = Vec::new();
    // From here on nothing is measured that a log would slow down.
    log::capture();
    for (number, path) in paths.iter().enumerate() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Ok(document) = std::fs::read_to_string(path) else { continue };
        if !name.ends_with(".json") && !name.ends_with(".yaml") {
            continue;
        }
        // Some of them name no server, or one that is relative to where they came from.
        let body = json!({ "document": document, "options": { "document_url": "https://docs.example/openapi.json" } });
        let started = Instant::now();
        let answer = host.client().put(&format!("/v1/connectors/doc{number}"), &body).await;
        let took = started.elapsed().as_secs_f64() * 1e3;
        let made = done(answer)?;
        let tools = made["tools"].as_array().map_or(0, Vec::len);
        figures.push(Single { name: format!("import of {name}, {tools} tools"), value: took, unit: "ms" });
        let needed = memory(document.len());
        figures.extend(needed.map(|value| Single { name: format!("memory for {name}"), value, unit: "MiB" }));
    }
    Ok(figures)
}

/// What the host's log says of the last document of this length.
fn memory(bytes: usize) -> Option<f64> {
    let log = String::from_utf8_lossy(&log::lines()).into_owned();
    let lines = log.lines().rev().filter(|line| line.contains("read in the sandbox"));
    let mut fields = lines.filter_map(|line| Some(serde_json::from_str::<Value>(line).ok()?["fields"].take()));
    let own = fields.find(|fields| fields["document_bytes"] == json!(bytes))?;
    Some(own["memory_bytes"].as_f64()? / f64::from(1 << 20))
}

async fn put(client: &Client, name: &str, operations: &[Value]) -> Result<(), String> {
    let document = json!({ "name": name, "title": name, "base_url": "https://api.example.com",
        "auth": { "type": "bearer" }, "operations": operations });
    done(client.put(&format!("/v1/connectors/{name}"), &json!({ "document": document.to_string() })).await).map(drop)
}

fn done(answer: gloveport_tests::host::Answer) -> Result<Value, String> {
    match answer.status {
        200..=299 => Ok(answer.json()),
        _ => Err(String::from_utf8_lossy(&answer.body).into_owned()),
    }
}
