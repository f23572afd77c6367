//! Search over issues, code and repositories.

use gloveport_sdk::Failure;
use gloveport_sdk::http::{Request, Response};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::errors::Fields;
use crate::issues::Issue;
use crate::paging;
use crate::repos::Repository;
use crate::rest;

/// GitHub calls the query `q`.
const FIELDS: Fields = &[("q", "/query")];

/// What to search for.
#[derive(Deserialize, JsonSchema)]
pub struct Search {
    /// Words and GitHub's qualifiers, as in `leak repo:octo/cabinet is:issue is:open`.
    #[schemars(length(min = 1))]
    query: String,
    /// Number of the page; GitHub gives at most 1,000 results altogether.
    #[serde(default = "paging::first_page")]
    #[schemars(range(min = 1))]
    page: u32,
    /// How many on a page.
    #[serde(default = "paging::default_per_page")]
    #[schemars(range(min = 1, max = 100))]
    per_page: u32,
}

/// One page of results, best first.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Results<T> {
    /// How many there are altogether.
    pub total_count: u64,
    /// Whether GitHub gave up early, so that some may be missing.
    pub incomplete_results: bool,
    /// What is on this page.
    pub items: Vec<T>,
    /// Give this as `page` to get what follows; null on the last page.
    pub next_page: Option<u32>,
}

/// A file in which something was found.
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct CodeMatch {
    /// Owner and name of the repository, as in `octocat/hello-world`.
    #[serde(deserialize_with = "full_name")]
    pub repository: String,
    /// Path within the repository.
    pub path: String,
    /// Git's hash.
    pub sha: String,
    /// The page for people to read.
    #[serde(rename(deserialize = "html_url"))]
    pub url: String,
}

/// What GitHub answers to a search.
#[derive(Deserialize)]
struct Found<T> {
    total_count: u64,
    incomplete_results: bool,
    items: Vec<T>,
}

/// Searches issues and pull requests. Say `is:issue` or `is:pull-request` in the query: some tokens need one of them.
#[gloveport_sdk::tool(title = "Search issues", effect = read, routes = ["GET /search/issues"], tags = ["search", "issues"])]
pub fn search_issues(input: Search) -> Result<Results<Issue>, Failure> {
    read(&rest::send(request("/search/issues", input), FIELDS)?)
}

/// Searches code on the default branches. The query needs at least one word beside its qualifiers.
#[gloveport_sdk::tool(title = "Search code", effect = read, routes = ["GET /search/code"], tags = ["search", "files"])]
pub fn search_code(input: Search) -> Result<Results<CodeMatch>, Failure> {
    read(&rest::send(request("/search/code", input), FIELDS)?)
}

/// Searches repositories by name, description, topic and more.
#[gloveport_sdk::tool(
    title = "Search repositories",
    effect = read,
    routes = ["GET /search/repositories"],
    tags = ["search", "repositories"]
)]
pub fn search_repositories(input: Search) -> Result<Results<Repository>, Failure> {
    read(&rest::send(request("/search/repositories", input), FIELDS)?)
}

fn request(path: &'static str, input: Search) -> Request {
    Request::get(path).query("q", input.query).query("page", input.page).query("per_page", input.per_page)
}

fn read<T: DeserializeOwned>(response: &Response) -> Result<Results<T>, Failure> {
    let found: Found<T> = response.json()?;
    Ok(Results {
        total_count: found.total_count,
        incomplete_results: found.incomplete_results,
        items: found.items,
        next_page: paging::next_page(response),
    })
}

/// Reads a repository's name out of GitHub's object.
fn full_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    struct Named {
        full_name: String,
    }
    Ok(Named::deserialize(deserializer)?.full_name)
}

#[cfg(test)]
mod tests {
    use gloveport_sdk::fake_host::{FakeHost, Reply};
    use gloveport_sdk::{Failure, FieldError};
    use serde_json::{Value, json};

    use crate::Github;

    fn search(tool: &str, target: &str, items: Value) -> Value {
        let reply = json!({ "total_count": 1, "incomplete_results": false, "items": items });
        let next = r#"<https://api.github.com/search?q=x&page=2>; rel="next""#;
        let host = FakeHost::new().on("GET", target, Reply::json(200, reply).header("link", next));
        host.call::<Github>(tool, json!({ "query": "leak repo:octo/cabinet" })).unwrap()
    }

    /// AK-501, AK-508.
    #[test]
    fn code_is_searched() {
        let target = "/search/code?q=leak%20repo%3Aocto%2Fcabinet&page=1&per_page=30";
        let items = json!([{
            "name": "valve.rs", "path": "src/valve.rs", "sha": "d7212f9", "score": 1.0,
            "html_url": "https://github.com/octo/cabinet/blob/main/src/valve.rs",
            "repository": { "id": 167_174, "full_name": "octo/cabinet", "owner": { "login": "octo" } },
        }]);
        assert_eq!(
            search("github_search_code", target, items),
            json!({
                "total_count": 1, "incomplete_results": false, "next_page": 2,
                "items": [{
                    "repository": "octo/cabinet", "path": "src/valve.rs", "sha": "d7212f9",
                    "url": "https://github.com/octo/cabinet/blob/main/src/valve.rs",
                }],
            })
        );
    }

    #[test]
    fn issues_are_searched() {
        let target = "/search/issues?q=leak%20repo%3Aocto%2Fcabinet&page=1&per_page=30";
        let items = json!([{
            "number": 132, "title": "Leak", "state": "open", "body": null, "user": { "login": "octocat" },
            "labels": [], "assignees": [], "comments": 0, "html_url": "https://github.com/octo/cabinet/issues/132",
            "created_at": "2009-07-12T20:10:41Z", "updated_at": "2009-07-19T09:23:43Z", "score": 1.0,
        }]);
        let results = search("github_search_issues", target, items);
        assert_eq!((&results["items"][0]["number"], &results["items"][0]["author"]), (&json!(132), &json!("octocat")));
        assert_eq!(results["next_page"], 2);
    }

    #[test]
    fn repositories_are_searched() {
        let target = "/search/repositories?q=leak%20repo%3Aocto%2Fcabinet&page=1&per_page=30";
        let items = json!([{
            "full_name": "octo/cabinet", "description": "Sealed", "private": false, "fork": false, "archived": true,
            "default_branch": "main", "language": null, "stargazers_count": 1, "open_issues_count": 0,
            "html_url": "https://github.com/octo/cabinet", "pushed_at": null, "score": 1.0,
        }]);
        let results = search("github_search_repositories", target, items);
        assert_eq!(results["items"][0]["full_name"], "octo/cabinet");
        assert_eq!(results["items"][0]["score"], Value::Null);
    }

    #[test]
    fn pages_are_asked_for() {
        let reply = json!({ "total_count": 0, "incomplete_results": true, "items": [] });
        let host = FakeHost::new().on("GET", "/search/code?q=x&page=10&per_page=100", Reply::json(200, reply));
        let result = host.call::<Github>("github_search_code", json!({ "query": "x", "page": 10, "per_page": 100 }));
        let expected = json!({ "total_count": 0, "incomplete_results": true, "items": [], "next_page": null });
        assert_eq!(result, Ok(expected));
    }

    #[test]
    fn a_malformed_query_is_the_callers_mistake() {
        let reply = json!({
            "message": "Validation Failed",
            "errors": [{ "resource": "Search", "field": "q", "code": "invalid", "message": "Only one is: qualifier" }],
        });
        for tool in ["issues", "code", "repositories"] {
            let host = FakeHost::new().on("GET", &format!("/search/{tool}"), Reply::json(422, reply.clone()));
            let result = host.call::<Github>(&format!("github_search_{tool}"), json!({ "query": "is:a is:b" }));
            let error = FieldError { path: "/query".into(), message: "Only one is: qualifier".into() };
            assert_eq!(result, Err(Failure::InvalidInput(vec![error])));
        }
    }
}
