//! The catalogue through the host: each file is taken as it is, each way to authorize is gone, and each tool is called, against
//! one upstream that stands in for all services under their own names.

mod connect;
mod entry;
mod stand_in;

use std::fmt::Write as _;

use gloveport_tests::upstream::Recorded;
use serde_json::{Value, json};

use super::bed::Bed;
use super::inputs::{Fill, input};
use connect::{Connected, connect};
use entry::Entry;
use stand_in::StandIn;

/// HC-01, AK-001, AK-812: what comes with a host is found by word, category and way to authorize.
#[tokio::test]
async fn services_are_found_and_installed_by_name() {
    let bed = Bed::start().await;
    let found = async |query: &str| {
        let list = bed.client().get(&format!("/v1/catalog?limit=200{query}")).await.expect(200);
        let names = list["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let all: Vec<_> = entry::all().into_iter().map(|entry| entry.name).collect();
    assert_eq!(found("").await, all);
    assert_eq!(found("&search=Workbooks%20sites").await, Vec::<String>::new());
    assert_eq!(found("&search=workbooks%20site&auth=session").await, ["tableau"]);
    assert_eq!(
        found("&category=communication&search=channels").await,
        ["discord", "microsoftteams", "slack", "vimeo", "youtube"]
    );
    for query in ["?limit=0", "?limit=201", "?words=x", "?search=a&search=b"] {
        assert_eq!(bed.client().get(&format!("/v1/catalog{query}")).await.problem(400), "invalid_request", "{query}");
    }
    let first = bed.client().get("/v1/catalog?limit=1").await.expect(200);
    assert_eq!((&first["items"][0]["name"], &first["total_size"]), (&json!(all[0]), &json!(all.len())));
    let slack =
        async || bed.client().get("/v1/catalog?search=slack").await.expect(200)["items"][0]["installed"].clone();
    assert_eq!(slack().await, false);
    bed.client().put("/v1/connectors/slack", &json!({ "catalog": "slack" })).await.expect(201);
    assert_eq!(slack().await, true);
    let parsed = bed.client().post("/v1/connectors/parse-openapi", &json!({ "catalog": "jira" })).await.expect(200);
    assert_eq!(parsed["title"], "Jira");
    for body in [
        json!({ "catalog": "nothing" }),
        json!({ "catalog": "../slack" }),
        json!({ "catalog": "slack", "document": "x" }),
        json!({ "catalog": "slack", "url": "https://x.example" }),
    ] {
        let answer = bed.client().put("/v1/connectors/x", &body).await;
        assert_eq!(answer.problem(400), "invalid_request", "{body}");
    }
}

/// What became of one file.
#[derive(Default)]
struct Row {
    patterns: Vec<String>,
    tools: usize,
    faults: Vec<String>,
}

/// AK-801 to AK-809, CX-01 to CX-40: prints a row for each service.
#[tokio::test]
async fn each_service_is_connected_in_each_of_its_ways_and_each_of_its_tools_is_called() {
    let stand_in = StandIn::start().await;
    let (mut table, mut faults, mut tools) = (String::new(), Vec::new(), 0);
    let entries = entry::all();
    for entry in &entries {
        let row = try_out(&stand_in, entry).await;
        writeln!(table, "{:24} {:5} {}", entry.name, row.tools, row.patterns.join(", ")).unwrap();
        faults.extend(row.faults.iter().map(|fault| format!("{}: {fault}", entry.name)));
        tools += row.tools;
    }
    println!("{:24} {:>5} {}\n{table}", "service", "tools", "connected by");
    println!("{} services, {tools} tools", entries.len());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(entries.len() >= 84 && tools >= 743, "{} services, {tools} tools", entries.len());
}

/// Imports a file, connects a user in each way, and calls each tool by the first one that has the scopes for it.
async fn try_out(stand_in: &StandIn, entry: &Entry) -> Row {
    let mut row = Row::default();
    let path = format!("/v1/connectors/{}", entry.name);
    let answer = stand_in.bed.client().put(&path, &json!({ "catalog": entry.name })).await;
    let made = answer.json();
    if answer.status != 201 {
        row.faults.push(format!("not taken: {made}"));
        return row;
    }
    for key in ["skipped", "warnings"] {
        row.faults.extend(made[key].as_array().unwrap().iter().map(|fault| format!("{key}: {fault}")));
    }
    let mut accounts = Vec::new();
    for pattern in entry.patterns() {
        let name = pattern["name"].as_str().unwrap();
        match connect(stand_in, entry, pattern).await {
            Ok(connected) => {
                row.patterns.push(format!("{name} ({})", pattern["type"].as_str().unwrap()));
                accounts.push(connected);
            }
            Err(fault) => row.faults.push(format!("{name}: {fault}")),
        }
    }
    for operation in entry.operations() {
        let Some(account) = accounts.iter().find(|account| account.may(operation)) else { continue };
        match call(stand_in, entry, account, operation).await {
            Ok(()) => row.tools += 1,
            Err(fault) => row.faults.push(format!("{}: {fault}", operation["name"])),
        }
    }
    row
}

/// Calls a tool once, with all that it takes, and looks at what the service got.
async fn call(stand_in: &StandIn, entry: &Entry, by: &Connected, operation: &Value) -> Result<(), String> {
    let client = &stand_in.agent;
    let name = format!("{}_{}", entry.name, operation["name"].as_str().unwrap());
    let tool = client.get(&format!("/v1/tools/{name}")).await.expect(200);
    let input = input(&tool["input_schema"], Fill::Everything, 1)?;
    let expected = stand_in.answer_by(operation);
    let before = stand_in.upstream.requests().len();
    let body = json!({ "identifier": "ada", "connection": by.connection, "input": input });
    let answer = client.post(&format!("/v1/tools/{name}/execute"), &body).await;
    let answer = if answer.status == 202 { stand_in.approved(&answer.json()).await } else { answer };
    let shown = answer.json();
    if answer.status != 200 {
        return Err(format!("{input} was answered with {} {shown}", answer.status));
    }
    if expected.as_ref().is_some_and(|expected| *expected != shown["data"]) {
        return Err(format!("`pick` gave {}", shown["data"]));
    }
    let sent = stand_in.upstream.requests().split_off(before);
    let [sent] = sent.as_slice() else { return Err(format!("{} requests were sent", sent.len())) };
    arrived(entry, by, operation, sent)
}

/// The request is the one that the file declares, at the host that it declares, with the credential in its place.
fn arrived(entry: &Entry, by: &Connected, operation: &Value, sent: &Recorded) -> Result<(), String> {
    let (host, path) = entry.place_of(operation, &by.fields);
    if (sent.method.as_str(), sent.header("host")) != (operation["method"].as_str().unwrap(), Some(host.as_str())) {
        return Err(format!("not for {host}: {}", sent.wire()));
    }
    if !entry::fits(&path, sent.path()) {
        return Err(format!("not {path}: {}", sent.path()));
    }
    by.credential.iter().try_for_each(|place| place.holds(sent))
}
