//! `gloveport apply` and `gloveport export` against a running host: the plan, the deed, and nothing by halves (SI-16).

mod generated;
mod servers;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use gloveport::config::WrittenSources;
use gloveport_tests::host::{Setup, TestHost};
use gloveport_tests::{postgres, programs};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::cli::{Ran, run, run_as};
use super::postgres::beside;

/// One of everything.
const ALL_BUT_FOLDER: &str = r#"
secrets:
  - name: key
    source: file:FOLDER/key
    hosts: [api.example.com]
connectors:
  - name: notes
    baseUrl: https://api.example.com
    auth: {type: bearer}
    operations:
      - {name: list_notes, method: GET, path: /notes, parameters: {properties: {page: {type: integer}}}}
      - {name: add_note, method: POST, path: /notes, parameters: {properties: {text: {type: string}}, required: [text]}}
  - name: probe
    file: components/probe.wasm
---
connections:
  - name: ours
    connector: notes
    settings: {region: eu}
    presets: {notes_list_notes: {page: 1}}
    credentials: {token: {secret: key}}
profiles:
  - name: reader
    description: Reads.
    connections:
      - {connection: ours, tools: [notes.list_notes]}
policies:
  - {name: no notes, condition: "tool == 'notes_add_note'", outcome: {outcome: deny, reason: Not here}, position: 10}
policyDefaults: {read: {outcome: allow}, write: {outcome: allow}, destroy: {outcome: deny, reason: Never}}
modifiers:
  - {name: short, tools: notes_*, when: after, steps: [{remove: {path: /long}}]}
mcpConfigs:
  - {name: desk, tools: search, prompts: true, resources: true, connections: [{connection: ours}]}
webhooks:
  - {url: "https://hooks.example.com/gloveport", events: [approval.waiting]}
"#;

/// Where the projects of these tests may read secrets.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "a-key-that-is-elsewhere").unwrap();
    folder
});

fn all() -> String {
    placed(ALL_BUT_FOLDER)
}

fn placed(text: &str) -> String {
    text.replace("FOLDER", FOLDER.path().to_str().unwrap())
}

/// A host whose project may read secrets in files, with a folder of files to apply.
async fn host() -> TestHost {
    on(Setup::usual()).await
}

/// One on each kind of database.
async fn hosts() -> Vec<TestHost> {
    let mut hosts = vec![host().await];
    if let Some(database) = postgres::new_database() {
        hosts.push(on(beside(&database)).await);
    }
    hosts
}

async fn on(setup: Setup) -> TestHost {
    let folder = FOLDER.path().into();
    let secrets = BTreeMap::from([("default".to_owned(), WrittenSources { env: Vec::new(), files: vec![folder] })]);
    let host = TestHost::with(Setup { secrets, ..setup }).await;
    files_for(&host);
    host
}

fn files_for(host: &TestHost) {
    let files = host.data().join("files");
    std::fs::create_dir_all(files.join("components")).unwrap();
    std::fs::copy(programs::connector("probe"), files.join("components/probe.wasm")).unwrap();
}

async fn apply(host: &TestHost, text: &str, options: &[&str]) -> Ran {
    std::fs::write(host.data().join("files/all.yaml"), text).unwrap();
    run(host, &[&["apply", "files"], options].concat(), "").await
}

/// How many rows the audit chain has: each change has one.
async fn acts(host: &TestHost) -> u64 {
    host.client().get("/v1/audit?limit=1").await.expect(200)["total_size"].as_u64().unwrap()
}

const PLAN: &str = "\
+ secret          key
+ connector       notes
    2 tools
+ connector       probe
+ connection      ours
+ profile         reader
+ policy          no notes
+ policy_defaults 
+ modifier        short
+ mcp_config      desk
+ webhook         https://hooks.example.com/gloveport
10 to create, 0 to change, 0 to remove, 0 unchanged. Nothing was done.
";

#[tokio::test]
async fn a_plan_is_done_once_and_then_there_is_nothing_to_do() {
    for host in hosts().await {
        plan_is_done_once(&host).await;
    }
}

async fn plan_is_done_once(host: &TestHost) {
    let before = acts(host).await;
    assert_eq!(apply(host, &all(), &["--dry-run"]).await.done(), PLAN);
    assert_eq!(acts(host).await, before, "a dry run changes nothing");
    assert_eq!(host.client().get("/v1/connectors").await.expect(200)["total_size"], 0);
    let done = apply(host, &all(), &[]).await.done();
    assert!(done.contains("secret, shown once: whsec_"), "{done}");
    assert!(done.ends_with("10 created, 0 changed, 0 removed, 0 unchanged.\n"), "{done}");
    let applied = acts(host).await;
    for options in [&[][..], &["--dry-run"], &["--prune"]] {
        assert_eq!(apply(host, &all(), options).await.done(), "Nothing to do: 10 as the files say.\n", "{options:?}");
    }
    assert_eq!(acts(host).await, applied, "what is as it should be is not written again");
    // What was applied is what the routes would have made: a tool is found, and its preset is out of its schema.
    let tool = host.client().get("/v1/tools/notes_list_notes").await.expect(200);
    assert_eq!(tool["name"], "notes_list_notes", "{tool}");
    let config = host.client().get("/v1/mcp/configs/desk").await.expect(200);
    assert_eq!((&config["tools"], &config["missing"]), (&json!("search"), &json!([])));
}

const CHANGES: &str = "\
~ connector       notes
    document: ";

#[tokio::test]
async fn changes_are_told_field_by_field() {
    let host = host().await;
    apply(&host, &all(), &[]).await.done();
    let changed = all()
        .replace("region: eu", "region: us, tier: 1")
        .replace("position: 10", "position: 20")
        .replace("      - {name: add_note, method: POST, path: /notes, parameters: {properties: {text: {type: string}}, required: [text]}}\n", "")
        .replace("events: [approval.waiting]", "events: []")
        .replace("description: Reads.", "");
    let told = apply(&host, &changed, &["--dry-run"]).await.done();
    assert!(told.starts_with(CHANGES), "{told}");
    assert!(told.contains("    removes the tool notes_add_note\n"), "{told}");
    let rest = "\
~ connection      ours
    settings.region: \"eu\" → \"us\"
    settings.tier: (none) → 1
~ profile         reader
    description: \"Reads.\" → (none)
~ policy          no notes
    position: 10 → 20
~ webhook         https://hooks.example.com/gloveport
    events: [\"approval.waiting\"] → (none)
0 to create, 5 to change, 0 to remove, 5 unchanged. Nothing was done.
";
    assert!(told.ends_with(rest), "{told}");
    let done = apply(&host, &changed, &[]).await.done();
    assert!(done.ends_with("0 created, 5 changed, 0 removed, 5 unchanged.\n"), "{done}");
    assert_eq!(
        host.client().get("/v1/connections/ours").await.expect(200)["settings"],
        json!({ "region": "us", "tier": 1 })
    );
    host.client().get("/v1/tools/notes_add_note").await.expect(404);
}

#[tokio::test]
async fn pruning_removes_what_was_applied_and_nothing_else() {
    let host = host().await;
    let by_hand = json!({ "name": "by-hand", "condition": "true", "outcome": { "outcome": "allow" } });
    host.client().post("/v1/policies", &by_hand).await.expect(201);
    let with =
        format!("{}---\npolicies:\n  - {{name: by-hand, condition: 'false', outcome: {{outcome: allow}}}}\n", all());
    apply(&host, &with, &[]).await.done();
    let other = "webhooks: [{url: 'https://other.example.com/'}]\n";
    std::fs::write(host.data().join("other.yaml"), other).unwrap();
    run(&host, &["apply", "other.yaml", "--set", "other"], "").await.done();
    let few = &placed("policies: []\nsecrets:\n  - {name: key, source: file:FOLDER/key, hosts: [api.example.com]}\n");
    assert_eq!(apply(&host, few, &[]).await.done(), "Nothing to do: 1 as the files say.\n");
    let plan = apply(&host, few, &["--prune", "--dry-run"]).await.done();
    let expected = "\
- webhook         https://hooks.example.com/gloveport
- mcp_config      desk
- modifier        short
- policy          no notes
- profile         desk
- profile         reader
- connection      ours
- connector       notes
- connector       probe
0 to create, 0 to change, 9 to remove, 1 unchanged. Nothing was done.
";
    assert_eq!(plan, expected);
    // Somebody else uses what would go: then all of it stays.
    host.account("ours", "ada", &json!({ "token": host.plant().token() })).await.expect(201);
    let refused = apply(&host, few, &["--prune"]).await;
    assert!(
        refused.code == Some(1) && refused.err.contains("connection `ours` is no longer named: accounts"),
        "{}",
        refused.err
    );
    host.client().get("/v1/profiles/reader").await.expect(200);
    host.client().delete("/v1/connections/ours/accounts/ada").await.expect(204);
    // Removed and made anew by hand, it is not ours any more.
    host.client().delete("/v1/modifiers/short").await.expect(204);
    let steps = json!([{ "remove": { "path": "/x" } }]);
    let modifier = json!({ "name": "short", "tools": "*", "when": "after", "steps": steps });
    host.client().post("/v1/modifiers", &modifier).await.expect(201);
    let done = apply(&host, few, &["--prune"]).await.done();
    assert!(done.ends_with("0 created, 0 changed, 8 removed, 1 unchanged.\n"), "{done}");
    host.client().get("/v1/modifiers/short").await.expect(200);
    let left = host.client().get("/v1/policies").await.expect(200);
    assert_eq!((&left["total_size"], &left["items"][0]["name"]), (&json!(1), &json!("by-hand")));
    assert_eq!(host.client().get("/v1/webhooks").await.expect(200)["total_size"], 1);
    assert_eq!(host.client().get("/v1/connectors").await.expect(200)["total_size"], 0);
}

/// A config that serves a profile which somebody made by hand, or which the files name by itself, goes without it.
#[tokio::test]
async fn pruning_a_config_leaves_a_profile_of_its_own() {
    let host = host().await;
    host.client().post("/v1/profiles", &json!({ "name": "mine", "connections": [] })).await.expect(201);
    let profiles = "profiles:\n  - {name: named, connections: []}\n";
    let configs = "mcpConfigs:\n  - {name: mine}\n  - {name: named}\n";
    apply(&host, &format!("{profiles}{configs}"), &[]).await.done();
    let pruned = apply(&host, profiles, &["--prune"]).await.done();
    assert!(pruned.ends_with("0 created, 0 changed, 2 removed, 1 unchanged.\n"), "{pruned}");
    for profile in ["mine", "named"] {
        host.client().get(&format!("/v1/profiles/{profile}")).await.expect(200);
    }
}

#[tokio::test]
async fn one_bad_thing_leaves_everything_as_it_was() {
    for host in hosts().await {
        bad_things_are_refused(&host).await;
    }
}

async fn bad_things_are_refused(host: &TestHost) {
    let before = acts(host).await;
    for (from, to, place, said) in [
        ("connector: notes\n", "conector: notes\n", "all.yaml:18:5: ", "did you mean `connector`?"),
        ("connector: notes\n", "connector: nothing\n", "all.yaml:17:5: ", "no such connector"),
        ("tools: [notes.list_notes]", "tools: [notes.nothing]", "all.yaml:26:36: ", "nothing"),
        ("tool == 'notes_add_note'", "tool = 'x'", "all.yaml:28:22: condition: ", ""),
        ("when: after", "when: later", "all.yaml:31:", "`before` or `after`"),
        ("method: GET, path: /notes", "method: FETCH, path: /notes", "all.yaml:7:5: ", "list_notes"),
        ("hosts: [api.example.com]\n", "hosts: []\n", "all.yaml:5:5: ", "hosts"),
        ("approval.waiting", "approval.nothing", "all.yaml:35:50: ", "approval.decided"),
        ("mcpConfigs:\n  - {name: desk", "mcpConfigs:\n  - {name: reader", "all.yaml:33:67: ", "on its own"),
        ("  - name: probe\n", "  - name: sonde\n", "all.yaml:13:5: ", "calls itself `probe`"),
    ] {
        assert!(all().contains(from), "{from}");
        let text = all().replacen(from, to, 1);
        for options in [&["--dry-run"][..], &[]] {
            let ran = apply(host, &text, options).await;
            assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{to}");
            assert!(ran.err.contains(place) && ran.err.contains(said), "{to}: {}", ran.err);
        }
    }
    assert_eq!(acts(host).await, before);
    for list in ["connectors", "connections", "secrets", "profiles", "policies", "modifiers", "mcp/configs", "webhooks"]
    {
        assert_eq!(host.client().get(&format!("/v1/{list}")).await.expect(200)["total_size"], 0, "{list}");
    }
}

/// All of it or nothing, also for a host that ends in the middle: before it is one, and after, when nobody was told.
#[tokio::test]
async fn a_host_that_ends_while_files_are_applied_has_all_or_nothing() {
    let mut host = TestHost::spawn_child().await;
    files_for(&host);
    // What the operator of this child lets nobody read is not applied here.
    let (_, files) = all().split_once("connectors:").map(|(_, rest)| ((), format!("connectors:{rest}"))).unwrap();
    let files = files.replace("    credentials: {token: {secret: key}}\n", "");
    let lists = ["connectors", "connections", "profiles", "policies", "modifiers", "mcp/configs", "webhooks"];
    for (point, kept) in [("Joining:1", false), ("Joined:1", true)] {
        host.stop().await;
        host.restart_child_until(&[], Some(point)).await;
        assert_eq!(apply(&host, &files, &[]).await.code, Some(1), "{point}");
        assert_eq!(host.exit_code().await, None, "{point}: it was ended by a signal");
        host.restart_child().await;
        for list in lists {
            let there = host.client().get(&format!("/v1/{list}")).await.expect(200)["total_size"].as_u64().unwrap();
            assert_eq!(there > 0, kept, "{point}: {list}");
        }
    }
    assert_eq!(apply(&host, &files, &[]).await.done(), "Nothing to do: 9 as the files say.\n");
    let data = host.data().to_str().unwrap().to_owned();
    run(&host, &["audit", "verify", "--data", &data], "").await.done();
}

/// Everything that a host has is printed so that it can be applied: there, where it changes nothing, and elsewhere.
#[tokio::test]
async fn what_is_exported_is_what_is_applied() {
    let host = host().await;
    apply(&host, &all(), &[]).await.done();
    let canary = host.plant();
    let sealed = json!({ "value": canary.token(), "hosts": ["api.example.com"] });
    host.client().put("/v1/secrets/sealed", &sealed).await.expect(201);
    let exported = run(&host, &["export"], "").await.done();
    assert!(exported.starts_with("# left out of secrets sealed: its value is sealed here\n"), "{exported}");
    let again = run(&host, &["apply", "-"], &exported).await.done();
    assert_eq!(again, "Nothing to do: 10 as the files say.\n", "{exported}");
    assert_eq!(run(&host, &["export"], "").await.done(), exported);
    let some = run(&host, &["export", "--kinds", "policies,webhooks", "--json"], "").await.json();
    assert_eq!(some["resources"].as_object().unwrap().keys().collect::<Vec<_>>(), ["policies", "webhooks"]);
    let other = self::host().await;
    other.install("probe").await;
    let done = run(&other, &["apply", "-"], &exported).await.done();
    assert!(done.ends_with("9 created, 0 changed, 0 removed, 1 unchanged.\n"), "{done}");
    assert_eq!(run(&other, &["export"], "").await.done(), exported.split_once('\n').unwrap().1);
}

/// A key applies what it could have made one by one, and nothing of what it could not.
#[tokio::test]
async fn a_key_without_the_scope_of_one_thing_applies_nothing() {
    let host = host().await;
    let make = async |scopes: Value| {
        let made = host.client().post("/v1/keys", &json!({ "role": "agent", "scopes": scopes })).await.expect(201);
        made["key"].as_str().unwrap().to_owned()
    };
    let rules = make(json!(["connections:read", "policies:read", "policies:write"])).await;
    let rule = "policies: [{name: a, condition: 'true', outcome: {outcome: allow}}]\n";
    let both = format!("{rule}profiles: [{{name: p, connections: []}}]\n");
    let refused = run_as(&host, &rules, &["apply", "-"], &both).await;
    assert!(refused.code == Some(1) && refused.err.contains("profiles:write"), "{}", refused.err);
    assert_eq!(host.client().get("/v1/policies").await.expect(200)["total_size"], 0);
    run_as(&host, &rules, &["apply", "-"], rule).await.done();
    // Neither does it remove what it could not.
    run(&host, &["apply", "-"], "profiles: [{name: p, connections: []}]").await.done();
    let refused = run_as(&host, &rules, &["apply", "-", "--prune"], rule).await;
    assert!(refused.code == Some(1) && refused.err.contains("profiles:"), "{}", refused.err);
    host.client().get("/v1/profiles/p").await.expect(200);
    let told = run_as(&host, &rules, &["export"], "").await.done();
    assert!(told.contains("# left out of profiles : the key has no scope profiles:read"), "{told}");
    let nobody = make(json!(["policies:write"])).await;
    assert_eq!(run_as(&host, &nobody, &["apply", "-"], rule).await.code, Some(1));
}

/// The secret of an OAuth client goes in by reference, is kept where it is the same, and never comes out.
#[tokio::test]
async fn a_clients_secret_is_a_reference() {
    let host = host().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client");
    let file = |secret: &str| std::fs::write(&path, secret).unwrap();
    let text = "\
connectors:
  - name: crm
    document:
      base_url: https://api.example.com
      auth:
        - {name: oauth, title: Sign in, type: oauth2, authorize_url: 'https://login.example.com/a', token_url: 'https://login.example.com/t'}
      operations: [{name: me, method: GET, path: /me}]
connections:
  - {name: crm, connector: crm, oauth: {clientId: us, clientSecret: 'file:PATH', scopes: [read]}}
";
    let text = &text.replace("PATH", path.to_str().unwrap());
    let (first, second) = (host.plant(), host.plant());
    file(first.token());
    apply(&host, text, &[]).await.done();
    assert_eq!(apply(&host, text, &[]).await.done(), "Nothing to do: 2 as the files say.\n");
    file(second.token());
    let changed = apply(&host, text, &[]).await.done();
    assert!(changed.contains("~ connection      crm\n    oauth.client_secret: \"***\" → \"***\"\n"), "{changed}");
    let exported = run(&host, &["export"], "").await.done();
    assert!(exported.contains("crm: the secret of its OAuth client is sealed here"), "{exported}");
    assert_eq!(run(&host, &["apply", "-"], &exported).await.done(), "Nothing to do: 2 as the files say.\n");
    let plain = text.replace("file:", "canary:");
    assert_eq!(apply(&host, &plain, &[]).await.code, Some(1));
}
