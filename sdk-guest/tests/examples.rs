//! The connectors of the documentation, tested as their authors would.

#[expect(unreachable_pub, reason = "public where it is a crate of its own")]
#[path = "../examples/freshdesk.rs"]
mod freshdesk;
#[expect(unreachable_pub, reason = "public where it is a crate of its own")]
#[path = "../examples/weather.rs"]
mod weather;

use freshdesk::Freshdesk;
use gloveport_sdk::fake_host::{Body, FakeHost, Reply};
use gloveport_sdk::http::Error;
use gloveport_sdk::{__private as glue, Connector, Failure, UpstreamError};
use serde_json::{Value, json};
use weather::Weather;

#[expect(clippy::unwrap_used, reason = "a helper of tests, where a panic is the finding")]
fn tool(name: &str) -> Value {
    let offered = glue::describe::<Freshdesk>();
    let tool = offered.tools.into_iter().find(|tool| tool.name == name).unwrap();
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    json!({
        "title": tool.title, "description": tool.description, "tags": tool.tags, "aliases": tool.aliases,
        "routes": tool.routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect::<Vec<_>>(),
        "input": read(&tool.input_schema), "output": read(&tool.output_schema.unwrap()),
    })
}

#[test]
fn the_manifest_is_the_one_that_the_contract_describes() {
    let manifest: Value = serde_json::from_str(Freshdesk::MANIFEST).unwrap();
    assert_eq!(
        manifest,
        json!({
            "manifest": 1, "name": "freshdesk", "version": env!("CARGO_PKG_VERSION"), "title": "Freshdesk",
            "description": "Tickets and contacts of a support desk.", "publisher": "Example Ltd",
            "categories": ["support"], "wit": "0.1.0",
            "sdk": concat!("gloveport-sdk/", env!("CARGO_PKG_VERSION")),
            "imports": ["http"], "hosts": ["{{domain}}"], "base_url": "https://{{domain}}/api/v2",
            "auth": [{
                "name": "api_key", "title": "API key", "type": "basic", "username": "api_key", "filler": "X",
                "fields": [
                    { "name": "domain", "label": "Domain", "hint": "acme.freshdesk.com", "type": "text", "required": true },
                    { "name": "api_key", "label": "API key", "type": "password", "required": true },
                ],
            }],
            "test": { "tool": "freshdesk_agent_get", "input": {} },
        })
    );
}

#[test]
fn the_manifest_names_the_version_of_the_contract() {
    let wit = include_str!("../../wit/connector.wit");
    let manifest: Value = serde_json::from_str(Weather::MANIFEST).unwrap();
    let version = manifest["wit"].as_str().unwrap();
    assert!(wit.starts_with(&format!("package gloveport:connector@{version};")), "{version}");
}

/// AK-508: a list is always wrapped the same way, in the schema as in the value.
#[test]
fn lists_are_wrapped_in_schema_and_value() {
    let tool = tool("freshdesk_tickets_list");
    assert_eq!(tool["output"]["required"], json!(["items"]));
    assert_eq!(tool["output"]["properties"]["items"]["type"], "array");
    let host = FakeHost::new().on("GET", "/tickets?page=2", Reply::json(200, json!([])));
    assert_eq!(host.call::<Freshdesk>("freshdesk_tickets_list", json!({ "page": 2 })), Ok(json!({ "items": [] })));
}

#[test]
fn a_tool_is_described_from_its_function() {
    let tool = tool("freshdesk_ticket_create");
    assert_eq!(tool["title"], "Create ticket");
    assert_eq!(tool["description"], "Opens a ticket for a person.");
    assert_eq!(tool["routes"], json!(["POST /tickets"]));
    assert_eq!(tool["aliases"], json!(["ticket.create"]));
    assert_eq!(tool["input"]["required"], json!(["subject", "email", "description"]));
    assert_eq!(tool["input"]["additionalProperties"], false);
}

#[test]
fn numbers_above_what_a_double_holds_survive() {
    let id = u64::MAX;
    let reply = Reply::json(200, json!({ "id": id, "subject": "x", "status": 2 }));
    let host = FakeHost::new().on("GET", &format!("/tickets/{id}"), reply);
    let ticket = host.call::<Freshdesk>("freshdesk_ticket_get", json!({ "id": id })).unwrap();
    assert_eq!(ticket["id"].as_u64(), Some(id));
}

#[test]
fn values_are_encoded_into_the_path() {
    let report = json!({ "celsius": 7.5, "sky": "fog" });
    let host = FakeHost::new().on("GET", "/v1/cities/Z%C3%BCrich%2F../current", Reply::json(200, &report));
    assert_eq!(host.call::<Weather>("weather_current", json!({ "city": "Zürich/.." })), Ok(report));
    assert_eq!(host.requests()[0].query, [("units".to_owned(), "metric".to_owned())]);
}

#[test]
fn a_body_is_what_the_provider_wants() {
    let host =
        FakeHost::new().on("POST", "/tickets", Reply::json(201, json!({ "id": 1, "subject": "s", "status": 2 })));
    let input = json!({ "subject": "s", "email": "a@b.example", "description": "d" });
    host.call::<Freshdesk>("freshdesk_ticket_create", input.clone()).unwrap();
    let Body::Json(body) = &host.requests()[0].body else { panic!() };
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), input);
}

#[test]
fn failures_say_who_has_to_act() {
    let call = |reply: Reply| {
        let host = FakeHost::new().on("GET", "/tickets/1", reply);
        host.call::<Freshdesk>("freshdesk_ticket_get", json!({ "id": 1 })).unwrap_err()
    };
    let upstream = |status, code: Option<&str>, message: &str, retryable| {
        Failure::Upstream(UpstreamError { status, code: code.map(Into::into), message: message.into(), retryable })
    };
    let body = json!({ "code": "invalid_field", "message": "No." });
    for (reply, expected) in [
        (Reply::json(401, &body), Failure::auth_required("No.")),
        (Reply::json(403, &body), Failure::denied("No.")),
        (Reply::json(404, &body), Failure::not_found("No.")),
        (Reply::json(429, &body).header("Retry-After", "3"), Failure::rate_limited(Some(3000), "No.")),
        (Reply::json(400, &body), upstream(400, Some("invalid_field"), "No.", false)),
        (Reply::text(502, "<html>"), upstream(502, None, "the provider answered with status 502", true)),
        (Reply::error(Error::Timeout("10 s".into())), upstream(0, None, "no complete answer in time: 10 s", true)),
    ] {
        assert_eq!(call(reply), expected);
    }
}

#[test]
fn wrong_input_points_at_its_field() {
    for (input, pointer) in
        [(json!({ "id": "x" }), "/id"), (json!({ "id": -1 }), "/id"), (json!({}), ""), (json!([]), "")]
    {
        let Err(Failure::InvalidInput(errors)) =
            FakeHost::new().call::<Freshdesk>("freshdesk_ticket_get", input.clone())
        else {
            panic!("{input}")
        };
        assert_eq!(errors[0].path, pointer, "{input}");
    }
    let Err(Failure::InvalidInput(errors)) =
        FakeHost::new().call::<Weather>("weather_current", json!({ "city": ".." }))
    else {
        panic!()
    };
    assert_eq!(errors[0].path, "/city");
}

#[test]
fn unknown_tools_are_unsupported() {
    for name in ["", "freshdesk", "freshdesk_", "freshdesk_x", "ticket_get", "weather_current", "Freshdesk_ticket_get"]
    {
        assert!(matches!(glue::call::<Freshdesk>(name, "{}"), Err(Failure::Unsupported(_))), "{name}");
    }
}

#[test]
#[should_panic(expected = "unexpected request: GET /agents/me; expected: GET /tickets/1")]
fn an_unexpected_request_says_what_was_expected() {
    let host = FakeHost::new().on("GET", "/tickets/1", Reply::text(200, ""));
    let _ = host.call::<Freshdesk>("freshdesk_agent_get", json!({}));
}

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let readme = include_str!("../README.md");
    assert!(readme.contains(include_str!("../examples/weather.rs")), "copy examples/weather.rs into README.md");
}
