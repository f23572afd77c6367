//! The catalogue: every service of the table has a file, and every file is a connector without a fault.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;
use crate::template;

/// The services that the catalogue has, by name.
const SERVICES: [&str; 84] = [
    "affinity",
    "airtable",
    "apifymcp",
    "apollo",
    "asana",
    "attention",
    "attio",
    "bigquery",
    "bigqueryserviceaccount",
    "bitbucket",
    "box",
    "brave",
    "calendly",
    "chorus",
    "clari_copilot",
    "clickup",
    "close",
    "confluence",
    "databricksworkspace",
    "datadog",
    "diarize",
    "discord",
    "dropbox",
    "dynamo",
    "evertrace",
    "exa",
    "fathom",
    "figma",
    "freshdesk",
    "github",
    "gitlab",
    "gmail",
    "gong",
    "google_ads",
    "googlecalendar",
    "googledocs",
    "googledrive",
    "googleforms",
    "googlemeet",
    "googlesheets",
    "googleslides",
    "granola",
    "granolamcp",
    "harvestapi",
    "heyreach",
    "hubspot",
    "intercom",
    "jiminny",
    "jira",
    "linear",
    "linkedin",
    "mailchimp",
    "microsoftexcel",
    "microsoftteams",
    "microsoftword",
    "miro",
    "monday",
    "notion",
    "onedrive",
    "onenote",
    "outlook",
    "outreach",
    "pagerduty",
    "parallelaitaskmcp",
    "phantombuster",
    "pipedrive",
    "posthogmcp",
    "quickbooks",
    "salesforce",
    "servicenow",
    "sharepoint",
    "slack",
    "snowflake",
    "snowflakekeyauth",
    "supadata",
    "tableau",
    "trello",
    "twitter",
    "vercel",
    "vimeo",
    "xero",
    "youtube",
    "zendesk",
    "zoom",
];

/// Services that have five tools or more, at least.
const WITH_TOOLS: usize = 60;

/// What each type of pattern must have, and may have, besides what all have.
const TYPES: [(&str, &[&str], &[&str]); 10] = [
    ("bearer", &["field"], &[]),
    ("api_key", &["field", "in", "parameter"], &["prefix"]),
    ("basic", &["username"], &["password", "filler"]),
    ("static_headers", &["headers"], &[]),
    ("oauth2", &["authorize_url", "token_url", "scopes"], &OAUTH),
    (
        "oauth2_client_credentials",
        &["token_url", "client_id", "client_secret"],
        &["scopes", "client_auth", "parameters"],
    ),
    ("oauth1a", &["request_url", "authorize_url", "access_url"], &["authorize_parameters", "signature"]),
    ("jwt_bearer", &["token_url", "jwt"], &["parameters"]),
    ("signed_jwt", &["jwt"], &["token"]),
    ("session", &["sign_in", "response"], &["sign_out", "token"]),
];

const OAUTH: [&str; 11] = [
    "refresh_url",
    "scope_separator",
    "scope_parameter",
    "client_auth",
    "body",
    "pkce",
    "authorize_parameters",
    "token_parameters",
    "response",
    "callback_fields",
    "token",
];

/// What all patterns may have.
const COMMON: [&str; 7] = ["name", "title", "type", "fields", "headers", "insertions", "lookups"];

fn files() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files.map(|path| (name(&path), std::fs::read_to_string(&path).unwrap())).collect()
}

/// CX-01 to CX-40
#[test]
fn every_service_is_a_connector_without_a_fault() {
    let files = files();
    let (mut faults, mut with_tools) = (Vec::new(), 0);
    let named: BTreeSet<&str> = SERVICES.into_iter().collect();
    faults.extend(
        files.keys().filter(|name| !named.contains(name.as_str())).map(|name| format!("{name}: not in the table")),
    );
    println!("{:<24} {:<44} {:>5}", "service", "auth", "tools");
    for service in SERVICES {
        let Some(text) = files.get(service) else {
            faults.push(format!("{service}: has no file"));
            continue;
        };
        match import_document(text, &json!({ "name": service }).to_string()) {
            Ok(imported) => {
                faults.extend(entry_faults(&imported).into_iter().map(|fault| format!("{service}: {fault}")));
                let auth: Vec<&str> = imported.auth.iter().filter_map(|pattern| pattern["type"].as_str()).collect();
                println!("{service:<24} {:<44} {:>5}", auth.join(", "), imported.tools.len());
                with_tools += usize::from(imported.tools.len() >= 5);
            }
            Err(refused) => faults.push(format!("{service}: {refused}")),
        }
    }
    println!("{with_tools} of {} services have five tools or more", SERVICES.len());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(with_tools >= WITH_TOOLS, "{with_tools}");
}

fn entry_faults(imported: &Imported) -> Vec<String> {
    let mut faults: Vec<String> = imported.warnings.clone();
    faults.extend(imported.skipped.iter().map(|(operation, reason)| format!("{operation}: {reason}")));
    let said = [&imported.title, &imported.description];
    if said.iter().any(|text| text.is_empty()) || imported.categories.is_empty() {
        faults.push("it needs a title, a description and categories".into());
    }
    if !imported.base_url.starts_with("https://") {
        faults.push(format!("`{}` is not https", imported.base_url));
    }
    let reached = imported.tools.iter().flat_map(|tool| &tool.routes).filter_map(|route| route.host.as_ref());
    faults.extend(
        reached.filter(|host| !imported.hosts.contains(*host)).map(|host| format!("`{host}` is not among its hosts")),
    );
    if imported.test.is_none() && imported.tools.len() >= 5 {
        faults.push("it has tools, but no test call".into());
    }
    if imported.auth.is_empty() {
        faults.push("it has no auth pattern".into());
    }
    for pattern in &imported.auth {
        let name = pattern["name"].as_str().unwrap_or_default();
        faults.extend(pattern_faults(pattern, imported).into_iter().map(|fault| format!("pattern `{name}`: {fault}")));
    }
    for tool in &imported.tools {
        faults.extend(tool_faults(tool, imported).into_iter().map(|fault| format!("tool `{}`: {fault}", tool.name)));
    }
    faults
}

fn tool_faults(
    tool: &gloveport_sdk::__private::bindings::gloveport::connector::types::Tool,
    imported: &Imported,
) -> Vec<String> {
    let mut faults = Vec::new();
    let schema: Value = serde_json::from_str(&tool.input_schema).unwrap();
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    faults.extend(
        required
            .filter(|name| schema["properties"].get(name).is_none())
            .map(|name| format!("`{name}` is required, but not there")),
    );
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let legal = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        if !legal || !property.is_object() {
            faults.push(format!("`{name}` is not a property that models take"));
        }
    }
    if tool.name.len() > 64 || !tool.description.ends_with(['.', ')', '`']) {
        faults.push("its name is too long, or its description is no sentence".into());
    }
    // A scope that no pattern can ask for would never be granted.
    let asked: BTreeSet<&str> = imported.auth.iter().flat_map(scopes).collect();
    faults.extend(
        tool.scopes
            .iter()
            .filter(|scope| !asked.contains(scope.as_str()))
            .map(|scope| format!("no pattern has the scope `{scope}`")),
    );
    faults
}

fn scopes(pattern: &Value) -> impl Iterator<Item = &str> {
    let scopes = pattern["scopes"].as_array().into_iter().flatten();
    scopes.filter_map(|scope| scope.as_str().or_else(|| scope["name"].as_str()))
}

/// What the host's reader of manifests refuses, and keys that it does not know.
fn pattern_faults(pattern: &Value, imported: &Imported) -> Vec<String> {
    let mut faults = Vec::new();
    let kind = pattern["type"].as_str().unwrap_or_default();
    let Some((_, needed, may)) = TYPES.into_iter().find(|(name, ..)| *name == kind) else {
        return vec![format!("type `{kind}` is none that the catalogue has")];
    };
    let members = pattern.as_object().unwrap();
    faults.extend(needed.iter().filter(|key| !members.contains_key(**key)).map(|key| format!("`{key}` is missing")));
    let known = |key: &str| COMMON.contains(&key) || needed.contains(&key) || may.contains(&key);
    faults.extend(members.keys().filter(|key| !known(key)).map(|key| format!("`{key}` is not known")));
    let fields: BTreeMap<&str, &Value> = pattern["fields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|field| (field["name"].as_str().unwrap_or_default(), field))
        .collect();
    for (name, field) in &fields {
        let keys = ["name", "label", "hint", "type", "required", "pattern", "default"];
        let odd = field.as_object().unwrap().keys().any(|key| !keys.contains(&key.as_str()));
        if odd
            || name.is_empty()
            || field["label"].as_str().is_none_or(str::is_empty)
            || !["text", "password"].contains(&field["type"].as_str().unwrap_or_default())
        {
            faults.push(format!("field `{name}` is not one"));
        }
    }
    for key in ["field", "username", "password", "client_id", "client_secret"] {
        let named = pattern[key].as_str();
        faults.extend(
            named
                .filter(|name| !fields.contains_key(name))
                .map(|name| format!("`{key}` names `{name}`, which is not among its fields")),
        );
    }
    for scope in scopes(pattern) {
        let separator = pattern["scope_separator"].as_str().unwrap_or(" ");
        if scope.contains(separator) || scopes(pattern).filter(|other| *other == scope).count() > 1 {
            faults.push(format!("`{scope}` is not the name of a scope, or is there twice"));
        }
    }
    let public = |name: &str| fields.get(name).is_some_and(|field| field["type"] == "text");
    let filled = filled(pattern);
    // Endpoints that are asked before there is an answer take only what a user filled in.
    for key in ["authorize_url", "token_url", "refresh_url", "request_url", "access_url"] {
        let Some(url) = pattern[key].as_str() else { continue };
        let gaps = template::fields(url);
        if !url.starts_with("https://") || url.contains(['#', '?']) || gaps.iter().any(|name| !public(name)) {
            faults.push(format!("`{key}`: `{url}` cannot be asked"));
        }
    }
    let urls = std::iter::once(imported.base_url.as_str()).chain(imported.hosts.iter().map(String::as_str));
    let lookups =
        pattern["lookups"].as_array().into_iter().flatten().map(|lookup| lookup["url"].as_str().unwrap_or_default());
    for name in urls.chain(lookups).flat_map(template::fields) {
        if !public(&name) && !filled.contains(name.as_str()) {
            faults.push(format!("nothing fills `{name}`"));
        }
    }
    faults
}

/// The public fields that answers fill.
fn filled(pattern: &Value) -> BTreeSet<&str> {
    let lookups = pattern["lookups"].as_array().into_iter().flatten().map(|lookup| &lookup["fields"]);
    let maps = lookups.chain([&pattern["callback_fields"], &pattern["response"]["fields"]]);
    maps.filter_map(Value::as_object).flat_map(|map| map.keys().map(String::as_str)).collect()
}

/// With the least that it asks for, each tool sends a request in which no gap is left.
#[test]
fn every_tool_sends_a_request() {
    let (mut sent, mut faults) = (0, Vec::new());
    for (service, text) in files() {
        let Ok(imported) = import_document(&text, &json!({ "name": service }).to_string()) else { continue };
        for tool in &imported.tools {
            let input = sample(&serde_json::from_str(&tool.input_schema).unwrap());
            let binding: crate::Binding = serde_json::from_str(tool.binding.as_deref().unwrap()).unwrap();
            match crate::request::request(&binding, input.as_object().unwrap()) {
                Ok(request) if format!("{request:?}").contains("{{") => {
                    faults.push(format!("{}: {request:?}", tool.name))
                }
                Ok(_) => sent += 1,
                Err(failure) => faults.push(format!("{}: {failure:?}", tool.name)),
            }
        }
    }
    println!("{sent} tools");
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The least that satisfies a schema of the catalogue, patterns aside.
fn sample(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("string") => match schema["format"].as_str() {
            Some("date") => json!("2026-01-31"),
            Some("date-time") => json!("2026-01-31T09:00:00Z"),
            Some("email") => json!("ann@example.com"),
            Some("uri") => json!("https://example.com/a"),
            _ => json!("a b/c"),
        },
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(true),
        Some("array") => json!([sample(&schema["items"])]),
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            required
                .map(|name| (name.to_owned(), sample(&schema["properties"][name])))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        _ => json!("a"),
    }
}
