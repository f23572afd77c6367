//! Pull requests.

use gloveport_sdk::http::Request;
use gloveport_sdk::{Failure, path};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::filters::{Direction, State};
use crate::issues::{label_names, login};
use crate::paging::{self, Page};
use crate::rest;

/// A pull request as text.
const DIFF: &str = "application/vnd.github.diff";

/// Which pull requests.
#[derive(Deserialize, JsonSchema)]
pub struct PullRequestsList {
    /// The user or organization that owns the repository.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    owner: String,
    /// Name of the repository, without its owner.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    repo: String,
    /// Only pull requests in this state.
    #[serde(default)]
    state: State,
    /// Only pull requests from this branch, as in `octocat:fix-leak`: user or organization, colon, branch.
    head: Option<String>,
    /// Only pull requests into this branch.
    base: Option<String>,
    /// By what they are sorted.
    #[serde(default)]
    sort: PullRequestSort,
    /// In which direction they are sorted.
    #[serde(default)]
    direction: Direction,
    /// Number of the page.
    #[serde(default = "paging::first_page")]
    #[schemars(range(min = 1))]
    page: u32,
    /// How many on a page.
    #[serde(default = "paging::default_per_page")]
    #[schemars(range(min = 1, max = 100))]
    per_page: u32,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PullRequestSort {
    #[default]
    Created,
    Updated,
    Popularity,
}

impl PullRequestSort {
    fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Popularity => "popularity",
        }
    }
}

/// Which pull request.
#[derive(Deserialize, JsonSchema)]
pub struct PullRequestsGet {
    /// The user or organization that owns the repository.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    owner: String,
    /// Name of the repository, without its owner.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    repo: String,
    /// Number of the pull request, as in its URL.
    #[schemars(range(min = 1))]
    number: u64,
}

/// A pull request.
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct PullRequest {
    /// Number within the repository.
    pub number: u64,
    /// One line.
    pub title: String,
    /// `open` or `closed`.
    pub state: String,
    /// Whether it is not yet meant to be merged.
    #[serde(default)]
    pub draft: bool,
    /// The text, in GitHub's Markdown; null if there is none.
    pub body: Option<String>,
    /// Login of who opened it; null if the user was deleted.
    #[serde(rename(deserialize = "user"), deserialize_with = "login")]
    pub author: Option<String>,
    /// Names of its labels.
    #[serde(deserialize_with = "label_names")]
    pub labels: Vec<String>,
    /// The branch with the changes.
    #[serde(deserialize_with = "branch")]
    pub head: String,
    /// The branch that they should go into.
    #[serde(deserialize_with = "branch")]
    pub base: String,
    /// The page for people to read.
    #[serde(rename(deserialize = "html_url"))]
    pub url: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
    /// When it was merged, RFC 3339; null if it was not.
    pub merged_at: Option<String>,
}

/// What GitHub tells only of a single pull request.
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Size {
    /// Whether it can be merged without conflicts; null while GitHub finds out.
    pub mergeable: Option<bool>,
    /// The number of comments on the pull request as a whole.
    pub comments: u64,
    /// The number of comments on lines.
    pub review_comments: u64,
    /// The number of commits.
    pub commits: u64,
    /// The number of added lines.
    pub additions: u64,
    /// The number of removed lines.
    pub deletions: u64,
    /// The number of changed files.
    pub changed_files: u64,
}

/// A pull request in full.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct PullRequestDetails {
    /// As in lists.
    #[serde(flatten)]
    pub pull_request: PullRequest,
    /// Beside it.
    #[serde(flatten)]
    pub size: Size,
}

/// The changes of a pull request.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Diff {
    /// Unified diff, as `git diff` writes it.
    pub diff: String,
    /// Whether it was longer than the host lets through and ends too early.
    pub truncated: bool,
}

/// Lists the pull requests of a repository.
#[gloveport_sdk::tool(
    title = "List pull requests",
    effect = read,
    routes = ["GET /repos/{owner}/{repo}/pulls"],
    scopes = ["repo"],
    tags = ["pull requests"]
)]
pub fn pull_requests_list(input: PullRequestsList) -> Result<Page<PullRequest>, Failure> {
    let request = Request::get(path!("/repos/{input.owner}/{input.repo}/pulls"))
        .query("state", input.state.as_str())
        .query_opt("head", input.head)
        .query_opt("base", input.base)
        .query("sort", input.sort.as_str())
        .query("direction", input.direction.as_str())
        .query("page", input.page)
        .query("per_page", input.per_page);
    Page::read(&rest::send(request, &[("head", "/head"), ("base", "/base")])?)
}

/// Reads one pull request with its text, its size and whether it can be merged.
#[gloveport_sdk::tool(
    title = "Get a pull request",
    effect = read,
    routes = ["GET /repos/{owner}/{repo}/pulls/{number}"],
    scopes = ["repo"],
    tags = ["pull requests"]
)]
pub fn pull_requests_get(input: PullRequestsGet) -> Result<PullRequestDetails, Failure> {
    let response = rest::send(Request::get(path!("/repos/{input.owner}/{input.repo}/pulls/{input.number}")), &[])?;
    // GitHub answers both in one object.
    Ok(PullRequestDetails { pull_request: response.json()?, size: response.json()? })
}

/// Reads the changes of a pull request as a unified diff.
#[gloveport_sdk::tool(
    title = "Get the diff of a pull request",
    effect = read,
    routes = ["GET /repos/{owner}/{repo}/pulls/{number}"],
    scopes = ["repo"],
    tags = ["pull requests"]
)]
pub fn pull_requests_diff(input: PullRequestsGet) -> Result<Diff, Failure> {
    let request = Request::get(path!("/repos/{input.owner}/{input.repo}/pulls/{input.number}"));
    let response = rest::send_accepting(DIFF, request, &[])?;
    Ok(Diff { diff: response.text(), truncated: response.truncated })
}

/// Reads a branch's name out of GitHub's object.
fn branch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    struct Branch {
        r#ref: String,
    }
    Ok(Branch::deserialize(deserializer)?.r#ref)
}

#[cfg(test)]
mod tests {
    use gloveport_sdk::Failure;
    use gloveport_sdk::fake_host::{FakeHost, Reply};
    use serde_json::{Value, json};

    use crate::Github;

    fn reply() -> Value {
        json!({
            "id": 1, "number": 1347, "state": "open", "locked": true, "title": "Amazing new feature",
            "user": { "login": "octocat" }, "body": null, "labels": [{ "id": 1, "name": "bug" }], "draft": true,
            "head": { "label": "octocat:new-topic", "ref": "new-topic", "sha": "6dcb09b" },
            "base": { "label": "octocat:main", "ref": "main", "repo": { "id": 1 } },
            "html_url": "https://github.com/octo/cabinet/pull/1347", "created_at": "2011-01-26T19:01:12Z",
            "updated_at": "2011-01-26T19:01:12Z", "merged_at": null, "auto_merge": null,
        })
    }

    fn pull_request() -> Value {
        json!({
            "number": 1347, "title": "Amazing new feature", "state": "open", "draft": true, "body": null,
            "author": "octocat", "labels": ["bug"], "head": "new-topic", "base": "main",
            "url": "https://github.com/octo/cabinet/pull/1347", "created_at": "2011-01-26T19:01:12Z",
            "updated_at": "2011-01-26T19:01:12Z", "merged_at": null,
        })
    }

    fn input() -> Value {
        json!({ "owner": "octo", "repo": "cabinet", "number": 1347 })
    }

    /// AK-501, AK-508.
    #[test]
    fn pull_requests_are_listed_by_page() {
        let target = "/repos/octo/cabinet/pulls?state=closed&head=octocat%3Anew-topic&base=main&sort=updated\
                      &direction=asc&page=2&per_page=1";
        let next = r#"<https://x.example/?page=1>; rel="prev", <https://x.example/?page=3>; rel="next""#;
        let host = FakeHost::new().on("GET", target, Reply::json(200, json!([reply()])).header("link", next));
        let input = json!({
            "owner": "octo", "repo": "cabinet", "state": "closed", "head": "octocat:new-topic", "base": "main",
            "sort": "updated", "direction": "asc", "page": 2, "per_page": 1,
        });
        let expected = json!({ "items": [pull_request()], "next_page": 3 });
        assert_eq!(host.call::<Github>("github_pull_requests_list", input), Ok(expected));
    }

    #[test]
    fn only_owner_and_repo_are_needed_for_a_list() {
        let target = "/repos/octo/cabinet/pulls?state=open&sort=created&direction=desc&page=1&per_page=30";
        let host = FakeHost::new().on("GET", target, Reply::json(200, json!([])));
        let result = host.call::<Github>("github_pull_requests_list", json!({ "owner": "octo", "repo": "cabinet" }));
        assert_eq!(result, Ok(json!({ "items": [], "next_page": null })));
    }

    #[test]
    fn a_pull_request_is_read_with_its_size() {
        let size = json!({
            "mergeable": null, "comments": 10, "review_comments": 0, "commits": 3, "additions": 100, "deletions": 3,
            "changed_files": 5,
        });
        let (mut reply, mut expected) = (reply(), pull_request());
        reply.as_object_mut().unwrap().extend(size.as_object().unwrap().clone());
        expected.as_object_mut().unwrap().extend(size.as_object().unwrap().clone());
        let host = FakeHost::new().on("GET", "/repos/octo/cabinet/pulls/1347", Reply::json(200, reply));
        assert_eq!(host.call::<Github>("github_pull_requests_get", input()), Ok(expected));
    }

    #[test]
    fn a_diff_is_text_and_asked_for_by_its_media_type() {
        let diff = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-ä\n+ö\n";
        for (reply, truncated) in [(Reply::text(200, diff), false), (Reply::text(200, diff).truncated(), true)] {
            let host = FakeHost::new().on("GET", "/repos/octo/cabinet/pulls/1347", reply);
            let expected = json!({ "diff": diff, "truncated": truncated });
            assert_eq!(host.call::<Github>("github_pull_requests_diff", input()), Ok(expected));
            let accept = ("accept".to_owned(), "application/vnd.github.diff".to_owned());
            assert!(host.requests()[0].headers.contains(&accept));
        }
    }

    #[test]
    fn a_diff_that_github_finds_too_long_is_told() {
        let reply = json!({
            "message": "Sorry, the diff exceeded the maximum number of lines (20000)",
            "errors": [{ "resource": "PullRequest", "field": "diff", "code": "too_large" }],
        });
        let host = FakeHost::new().on("GET", "/repos/octo/cabinet/pulls/1347", Reply::json(406, reply));
        let message = "Sorry, the diff exceeded the maximum number of lines (20000)";
        let expected = Failure::upstream(406, Some("too_large".into()), message);
        assert_eq!(host.call::<Github>("github_pull_requests_diff", input()), Err(expected));
    }

    #[test]
    fn names_cannot_leave_their_place_in_the_path() {
        for tool in ["github_pull_requests_get", "github_pull_requests_diff"] {
            let host = FakeHost::new();
            let result = host.call::<Github>(tool, json!({ "owner": "octo", "repo": "..", "number": 1 }));
            let Err(Failure::InvalidInput(errors)) = result else { panic!("{tool}: {result:?}") };
            assert_eq!(errors[0].path, "/repo");
        }
    }
}
