//! Whatever files say, as long as it can be: it is done, done again there is nothing to do, and what is printed says the same.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use super::super::cli::run;

/// Configurations, applied one after the other to one host: each has to make it forget the one before.
const CASES: usize = 6;

/// Things of a project whose connector is `notes`. Names are few, so that things come, change and go.
fn resources() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[ -~]{0,20}", "\\PC{0,10}", "[a-z\n :#]{0,30}"];
    let settings = prop::collection::hash_map("[a-zA-Z_]{1,8}", text.clone(), 0..4);
    let connection = (settings, any::<bool>(), prop::option::of(0..3u8));
    let connections = prop::collection::btree_map("c[0-3]", connection, 1..4);
    let policy = (0..50i64, prop::sample::select(vec!["true", "effect == 'read'", "identifier == 'a\"b'"]));
    let policies = prop::collection::btree_map("[a-z][a-zA-Z #:'é-]{0,10}[a-z]", policy, 0..4);
    let profiles = prop::collection::btree_map("p[0-3]", (text.clone(), any::<bool>()), 0..3);
    let steps = prop::collection::vec(("[a-z]{1,4}", text), 1..3);
    let modifiers = prop::collection::btree_map("m[0-3]", (steps, any::<bool>(), 0..9i64), 0..3);
    (connections, policies, profiles, modifiers).prop_map(|(connections, policies, profiles, modifiers)| {
        let first = connections.keys().next().cloned().unwrap_or_default();
        let connections = connections.into_iter().map(|(name, (settings, demo, page))| {
            let mut one = json!({ "name": name, "connector": "notes", "settings": settings, "demo": demo });
            if let Some(page) = page {
                one["presets"] = json!({ "notes_list_notes": { "page": page } });
            }
            one
        });
        let policies = policies.into_iter().map(|(name, (position, condition))| {
            json!({ "name": name, "position": position, "condition": condition, "outcome": { "outcome": "allow" } })
        });
        let profiles = profiles.into_iter().map(|(name, (description, all))| {
            let mut connection = json!({ "connection": first });
            if !all {
                connection["tools"] = json!(["notes.add_note"]);
            }
            json!({ "name": name, "description": description, "connections": [connection] })
        });
        let modifiers = modifiers.into_iter().map(|(name, (steps, before, position))| {
            let set = steps.iter().map(|(member, value)| json!({ "set": { "path": format!("/{member}"), "value": value } }));
            let when = if before { "before" } else { "after" };
            json!({ "name": name, "tools": "notes_*", "when": when, "position": position, "steps": set.collect::<Vec<_>>() })
        });
        let mut all = Map::new();
        all.insert("connections".into(), connections.collect());
        all.insert("policies".into(), policies.collect());
        all.insert("profiles".into(), profiles.collect());
        all.insert("modifiers".into(), modifiers.collect());
        Value::Object(all)
    })
}

#[tokio::test]
async fn whatever_is_applied_is_what_is_exported() {
    let host = super::host().await;
    let connector = json!({ "name": "notes", "document": { "base_url": "https://api.example.com", "operations": [
        { "name": "list_notes", "method": "GET", "path": "/notes", "parameters": { "properties": { "page": { "type": "integer" } } } },
        { "name": "add_note", "method": "POST", "path": "/notes", "parameters": { "properties": { "text": { "type": "string" } } } } ] } });
    let (mut runner, strategy) = (TestRunner::deterministic(), resources());
    for case in 0..CASES {
        let mut wanted = strategy.new_tree(&mut runner).unwrap().current();
        wanted["connectors"] = json!([connector]);
        // JSON is YAML.
        let files = wanted.to_string();
        let done = run(&host, &["apply", "-", "--prune"], &files).await;
        assert_eq!(done.code, Some(0), "{case}: {}\n{files}", done.err);
        let again = run(&host, &["apply", "-", "--prune"], &files).await.done();
        assert!(again.starts_with("Nothing to do: "), "{case}: {again}\n{files}");
        let exported = run(&host, &["export"], "").await.done();
        let same = run(&host, &["apply", "-", "--prune"], &exported).await.done();
        assert!(same.starts_with("Nothing to do: "), "{case}: {same}\n{exported}");
        let counts = |value: &Value| {
            ["connections", "policies", "profiles", "modifiers"].map(|kind| value[kind].as_array().map_or(0, Vec::len))
        };
        let told = run(&host, &["export", "--json"], "").await.json();
        assert_eq!(counts(&told["resources"]), counts(&wanted), "{case}: {told}");
    }
}
