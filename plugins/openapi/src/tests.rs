//! Documents in, tools out, and the requests of those tools: natively, on a host that a test plays.

mod catalogue;
mod corpus;
mod declarations;
mod documents;
mod fuzz;
mod proxies;
mod replies;
mod schemas;
mod styles;

use gloveport_sdk::Failure;
use gloveport_sdk::fake_host::{FakeHost, Recorded, Reply};
use serde_json::{Value, json};

use crate::{Imported, call, import_document};

/// An import of a document under the name `api`.
fn imported(document: &Value) -> Imported {
    import_document(&document.to_string(), &json!({ "name": "api" }).to_string()).expect("imported")
}

/// A document with one operation, at `https://api.example.com`.
fn with_operation(method: &str, path: &str, operation: &Value) -> Value {
    json!({ "openapi": "3.1.0", "info": { "title": "T", "version": "1" }, "servers": [{ "url": "https://api.example.com" }],
        "paths": { (path): { (method): operation } } })
}

/// The input schema of the only tool.
fn schema(imported: &Imported) -> Value {
    assert_eq!(imported.tools.len(), 1, "{:?} {:?}", imported.skipped, imported.warnings);
    serde_json::from_str(&imported.tools[0].input_schema).unwrap()
}

/// What the only tool sends for an input.
fn sent(imported: &Imported, input: &Value) -> Result<Recorded, Failure> {
    let host = FakeHost::new();
    let binding: crate::Binding = serde_json::from_str(imported.tools[0].binding.as_deref().unwrap()).unwrap();
    let request = crate::request::request(&binding, input.as_object().unwrap())?;
    drop(host);
    Ok(recorded(request))
}

fn recorded(request: gloveport_sdk::http::Request) -> Recorded {
    // Any reply will do: what counts is what was asked.
    let text = format!("{request:?}");
    let target = text.split("target: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned();
    let method = text.split("method: \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned();
    let host = FakeHost::new().on(&method, &target, Reply::json(200, json!({})));
    host.run(|| request.send()).expect("sent");
    host.requests().remove(0)
}

/// What a tool answers where the provider answers this.
fn answered(imported: &Imported, target: &str, input: &Value, reply: Reply) -> Result<Value, Failure> {
    let tool = &imported.tools[0];
    let host = FakeHost::new().on(&tool.routes[0].method, target, reply);
    let output = host.run(|| call(tool.binding.as_deref(), &input.to_string()))?;
    Ok(serde_json::from_str(&output).unwrap())
}
