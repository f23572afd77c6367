//! AK-008: every route that reads, generated from the document and asked with another project's key: nothing is visible.

use std::collections::{BTreeMap, BTreeSet};

use gloveport::config::{Database, KeepBodies, WrittenRetention};
use gloveport_tests::host::{Client, Setup};
use gloveport_tests::postgres;
use serde_json::{Value, json};

use super::super::bed::Bed;
use super::super::documented::Operation;
use super::super::postgres::beside;
use super::other_project;

/// The user, and what names of the filled project begin with: it must be in no answer to another project.
const MARK: &str = "only-of-a";

/// What cannot be taken from a list: parameters of paths and queries with the value of the filled project.
const GIVEN: &[(&str, &str)] = &[("identifier", MARK)];

/// Lists that `fill` leaves empty. What is in them is asked for by a name that nobody has.
const EMPTY: &[&str] = &["/v1/clients", "/v1/issuers", "/v1/mcp/configs", "/v1/mcp/instances"];

/// A project with one of everything that a route could show. Whoever adds a kind of row adds one here: the test says where
/// one is missing.
async fn fill(bed: &Bed) {
    let client = bed.client();
    let create = async |path: &str, body: Value| client.post(path, &body).await.expect(201);
    let name = |what: &str| format!("{MARK}-{what}");
    bed.connection(&name("connection"), &bed.upstream.url("")).await;
    let secret = bed.host.plant();
    let body = json!({ "value": secret.token(), "hosts": ["api.example.com"] });
    client.put(&format!("/v1/secrets/{}", name("secret")), &body).await.expect(201);
    let condition = "tool == 'probe_say_nothing'";
    let ask = json!({ "outcome": "ask", "at": "before" });
    create("/v1/policies", json!({ "name": name("rule"), "condition": condition, "outcome": ask })).await;
    create("/v1/profiles", json!({ "name": name("profile"), "connections": [] })).await;
    let steps = json!([{ "default": { "path": "/x", "value": 1 } }]);
    create("/v1/modifiers", json!({ "name": name("modifier"), "tools": "github_*", "when": "before", "steps": steps }))
        .await;
    let hook = Client::new(client.base(), gloveport_tests::host::ADMIN_KEY);
    let body = json!({ "url": format!("https://{MARK}.example.com/"), "events": ["account.recovered"] });
    hook.post("/v1/webhooks", &body).await.expect(201);
    bed.connect(MARK).await;
    bed.host.execute("probe_say_nothing", MARK, &json!({})).await.expect(202);
    // The newest one, and long enough that the rest of its result can be asked for.
    let long = json!({ "text": format!("{MARK} ").repeat(1_000) });
    bed.host.execute("probe_echo", MARK, &long).await.expect(200);
}

/// A route that reads, with the filled project's own values in it.
struct Target {
    operation: Operation,
    path: String,
    /// Whether the filled project has it.
    is_there: bool,
}

async fn targets(bed: &Bed) -> Vec<Target> {
    let all = bed.document().operations();
    let reads: Vec<Operation> =
        all.into_iter().filter(|operation| operation.method == "GET" && !operation.is_open()).collect();
    let paths: BTreeSet<String> = reads.iter().map(|operation| operation.path.clone()).collect();
    let mut lists: BTreeMap<String, Value> = BTreeMap::new();
    let mut found = Vec::new();
    for operation in reads {
        let (mut target, mut is_there) = (String::new(), true);
        let mut before = String::new();
        for segment in operation.path.split('/').skip(1) {
            let value = match segment.strip_prefix('{').map(|name| name.trim_end_matches('}')) {
                None => segment.to_owned(),
                Some(name) => match GIVEN.iter().find(|(given, _)| *given == name) {
                    Some((_, value)) => (*value).to_owned(),
                    None => {
                        assert!(paths.contains(&before), "{}: no list has a {name}: put it in GIVEN", operation.path);
                        if !lists.contains_key(&before) {
                            let list = bed.client().get(&target).await;
                            assert_eq!(list.status, 200, "{target}: {list:?}");
                            lists.insert(before.clone(), list.json());
                        }
                        let first = &lists[&before]["items"][0][name];
                        let value = first.as_str().map(str::to_owned).or_else(|| first.as_u64().map(|n| n.to_string()));
                        is_there &= value.is_some();
                        let made_up = || {
                            assert!(EMPTY.contains(&before.as_str()), "{before} has no {name}: let `fill` make one");
                            MARK.to_owned()
                        };
                        value.unwrap_or_else(made_up)
                    }
                },
            };
            target = format!("{target}/{value}");
            before = format!("{before}/{segment}");
        }
        let document = bed.document().value();
        let parameters = document["paths"][&operation.path]["get"]["parameters"].as_array().cloned();
        let required =
            parameters.unwrap_or_default().into_iter().filter(|one| one["in"] == "query" && one["required"] == true);
        let query: Vec<String> = required
            .map(|parameter| {
                let name = parameter["name"].as_str().unwrap().to_owned();
                let given = GIVEN.iter().find(|(given, _)| *given == name);
                format!("{name}={}", given.unwrap_or_else(|| panic!("{}: put {name} in GIVEN", operation.path)).1)
            })
            .collect();
        let path = if query.is_empty() { target } else { format!("{target}?{}", query.join("&")) };
        found.push(Target { operation, path, is_there });
    }
    found
}

/// Identifiers of rows in an answer: a word, `_` and the 26 characters of a ULID.
fn identifiers(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.rsplit_once('_').is_some_and(|(_, ulid)| ulid.len() == 26)).collect()
}

#[tokio::test]
async fn no_route_that_reads_shows_another_project() {
    let retention =
        || WrittenRetention { bodies: Some(KeepBodies::All), answer_bytes: Some(1_024), ..WrittenRetention::default() };
    let mut beds = Vec::new();
    let bed = Bed::with(Setup { retention: retention(), ..Setup::usual() }).await;
    let file = Database::Sqlite(bed.host.data().join("gloveport.db"));
    beds.push((bed, file));
    if let Some(url) = postgres::new_database() {
        let setup = Setup { retention: retention(), ..beside(&url) };
        beds.push((Bed::with(setup).await, Database::Postgres(url)));
    }
    for (bed, database) in beds {
        fill(&bed).await;
        let other = bed.client().with_key(&other_project(&database).await);
        let targets = targets(&bed).await;
        assert!(targets.len() > 25, "{}", targets.len());
        let text = |answer: gloveport_tests::host::Answer| String::from_utf8_lossy(&answer.body).into_owned();
        let mut own = Vec::new();
        let mut of_a = BTreeSet::from([MARK.to_owned(), "probe".to_owned()]);
        for Target { path: target, is_there, .. } in &targets {
            let answer = bed.client().get(target).await;
            assert!(matches!(answer.status, 200 | 206) == *is_there, "{target}: {answer:?}");
            let answer = text(answer);
            of_a.extend(identifiers(&answer).into_iter().map(str::to_owned));
            own.push(answer);
        }
        for Target { operation, path: target, .. } in &targets {
            let answer = other.get(target).await;
            if operation.parameters("path").is_empty() {
                assert_eq!(answer.status, 200, "{target}: {answer:?}");
            } else {
                assert_eq!(answer.clone().problem(404), "not_found", "{target}");
            }
            let answer = text(answer);
            let told = |word: &&String| answer.contains(word.as_str()) && !target.contains(word.as_str());
            let seen: Vec<_> = of_a.iter().filter(told).collect();
            assert!(seen.is_empty(), "{target}: {seen:?} in {answer}");
        }
        changes_nothing(&bed, &other, &targets).await;
        for (Target { path: target, .. }, before) in targets.iter().zip(own).filter(|(target, _)| target.is_there) {
            assert_eq!(text(bed.client().get(target).await), before, "{target}");
        }
    }
}

/// What another project removes or changes by the filled project's names is not there.
async fn changes_nothing(bed: &Bed, other: &Client, targets: &[Target]) {
    for operation in bed.document().operations() {
        let Some(read) = targets.iter().find(|read| read.operation.path == operation.path) else { continue };
        let target = &read.path;
        match operation.method.as_str() {
            "DELETE" => assert_eq!(other.delete(target).await.problem(404), "not_found", "DELETE {target}"),
            "PATCH" => assert_eq!(other.patch(target, &json!({})).await.problem(404), "not_found", "PATCH {target}"),
            _ => {}
        }
    }
}
