//! The GitHub connector against the imitated GitHub, through the whole host: every tool keeps its output schema.

use gloveport_tests::host::TestHost;
use gloveport_tests::imitation::{GitHub, User};
use serde_json::{Value, json};

use super::documented::Document;

async fn connected() -> (TestHost, GitHub) {
    let host = TestHost::start().await;
    let canary = host.plant();
    let github = GitHub::start(vec![User::new("ada", canary.token())]).await;
    host.install("github").await;
    host.connection("github", &github.upstream().url("")).await;
    host.account("github", "ada", &json!({ "token": canary.token() })).await.expect(201);
    (host, github)
}

/// What a call of each tool takes; all of a repository's belong to the shared one.
fn inputs() -> Vec<(&'static str, Value)> {
    let of = |more: Value| {
        let mut input = json!({ "owner": "acme", "repo": "widgets" });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    vec![
        ("github_user_get", json!({})),
        ("github_user_repos_list", json!({})),
        ("github_issues_list", of(json!({ "state": "all", "per_page": 3 }))),
        ("github_issues_get", of(json!({ "number": 1 }))),
        ("github_issues_create", of(json!({ "title": "Übersicht", "labels": ["bug"] }))),
        ("github_issues_comment", of(json!({ "number": 1, "body": "yes" }))),
        ("github_pull_requests_list", of(json!({ "state": "all" }))),
        ("github_pull_requests_get", of(json!({ "number": 8 }))),
        ("github_pull_requests_diff", of(json!({ "number": 8 }))),
        ("github_contents_get", of(json!({ "path": "README.md" }))),
        ("github_search_repositories", json!({ "query": "widgets" })),
        ("github_search_issues", json!({ "query": "repo:acme/widgets" })),
        ("github_search_code", json!({ "query": "Widgets" })),
    ]
}

#[tokio::test]
async fn every_tool_answers_as_its_schema_says() {
    let (host, _github) = connected().await;
    let document = Document::of(host.client()).await;
    let listed = host.client().get("/v1/tools?identifier=ada&include=deferred").await.expect(200);
    let mut tools: Vec<_> = listed["items"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
    for (tool, input) in inputs() {
        let answer = host.execute(tool, "ada", &input).await;
        assert_eq!(answer.status, 200, "{tool}: {}", String::from_utf8_lossy(&answer.body));
        tools.retain(|name| name != tool);
    }
    let none: [Value; 0] = [];
    assert_eq!(tools, none, "tools that were not called");
    // A folder has another shape than a file.
    let folder = json!({ "owner": "acme", "repo": "widgets", "path": "" });
    assert!(host.execute("github_contents_get", "ada", &folder).await.expect(200)["data"]["items"].is_array());
    document.check_all(&host.client().answers());
}

/// Its errors are told apart, and none is taken for an output.
#[tokio::test]
async fn refusals_and_limits_are_failures() {
    let (host, github) = connected().await;
    let missing = json!({ "owner": "acme", "repo": "nothing", "number": 1 });
    assert_eq!(host.execute("github_issues_get", "ada", &missing).await.problem(404), "not_found");
    github.exhaust(1_800_000_000);
    assert_eq!(host.execute("github_user_get", "ada", &json!({})).await.problem(429), "rate_limited");
    github.slow_down(429, 30);
    let limited = host.execute("github_user_get", "ada", &json!({})).await;
    assert_eq!((limited.header("retry-after"), limited.status), (Some("30"), 429));
    assert_eq!(
        host.execute("github_issues_get", "ada", &json!({ "number": "one" })).await.problem(422),
        "invalid_input"
    );
}
