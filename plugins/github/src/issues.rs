//! Issues and their comments.

use gloveport_sdk::http::Request;
use gloveport_sdk::{Failure, path};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::errors::Fields;
use crate::filters::{Direction, State};
use crate::paging::{self, Page};
use crate::rest;
use crate::users::Author;

/// Which issues.
#[derive(Deserialize, JsonSchema)]
pub struct IssuesList {
    /// The user or organization that owns the repository.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    owner: String,
    /// Name of the repository, without its owner.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    repo: String,
    /// Only issues in this state.
    #[serde(default)]
    state: State,
    /// Only issues that have all of these labels.
    #[serde(default)]
    labels: Vec<String>,
    /// Only issues assigned to this user; `none` for those assigned to nobody, `*` for those assigned to anybody.
    assignee: Option<String>,
    /// Only issues updated since this time, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    since: Option<String>,
    /// By what they are sorted.
    #[serde(default)]
    sort: IssueSort,
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
enum IssueSort {
    #[default]
    Created,
    Updated,
    Comments,
}

impl IssueSort {
    fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Comments => "comments",
        }
    }
}

/// Which issue.
#[derive(Deserialize, JsonSchema)]
pub struct IssuesGet {
    /// The user or organization that owns the repository.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    owner: String,
    /// Name of the repository, without its owner.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    repo: String,
    /// Number of the issue, as in its URL.
    #[schemars(range(min = 1))]
    number: u64,
}

/// The issue to create.
#[derive(Deserialize, JsonSchema)]
pub struct IssuesCreate {
    /// The user or organization that owns the repository.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    owner: String,
    /// Name of the repository, without its owner.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    repo: String,
    /// One line.
    #[schemars(length(min = 1))]
    title: String,
    /// The text, in GitHub's Markdown.
    body: Option<String>,
    /// Names of labels. GitHub drops them silently if the user may not push to the repository.
    #[serde(default)]
    labels: Vec<String>,
    /// Logins of those who should work on it; dropped like labels.
    #[serde(default)]
    assignees: Vec<String>,
}

/// The comment to write.
#[derive(Deserialize, JsonSchema)]
pub struct IssuesComment {
    /// The user or organization that owns the repository.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    owner: String,
    /// Name of the repository, without its owner.
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+$"))]
    repo: String,
    /// Number of the issue or pull request, as in its URL.
    #[schemars(range(min = 1))]
    number: u64,
    /// The text, in GitHub's Markdown.
    #[schemars(length(min = 1))]
    body: String,
}

/// An issue.
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Issue {
    /// Number within the repository.
    pub number: u64,
    /// One line.
    pub title: String,
    /// `open` or `closed`.
    pub state: String,
    /// The text, in GitHub's Markdown; null if there is none.
    pub body: Option<String>,
    /// Login of who wrote it; null if the user was deleted.
    #[serde(rename(deserialize = "user"), deserialize_with = "login")]
    pub author: Option<String>,
    /// Names of its labels.
    #[serde(deserialize_with = "label_names")]
    pub labels: Vec<String>,
    /// Logins of those who work on it.
    #[serde(default, deserialize_with = "logins")]
    pub assignees: Vec<String>,
    /// The number of comments.
    pub comments: u64,
    /// Whether it is a pull request: GitHub lists those among issues.
    #[serde(rename(deserialize = "pull_request"), default, deserialize_with = "is_there")]
    pub is_pull_request: bool,
    /// The page for people to read.
    #[serde(rename(deserialize = "html_url"))]
    pub url: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
}

/// A comment.
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Comment {
    /// GitHub's identifier.
    pub id: u64,
    /// Login of who wrote it; null if the user was deleted.
    #[serde(rename(deserialize = "user"), deserialize_with = "login")]
    pub author: Option<String>,
    /// The text, in GitHub's Markdown.
    pub body: String,
    /// The page for people to read.
    #[serde(rename(deserialize = "html_url"))]
    pub url: String,
    /// RFC 3339.
    pub created_at: String,
}

/// What GitHub takes for a new issue.
#[derive(Serialize)]
struct NewIssue {
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assignees: Vec<String>,
}

/// What GitHub takes for a new comment.
#[derive(Serialize)]
struct NewComment {
    body: String,
}

/// Lists the issues of a repository, pull requests among them (`is_pull_request`).
#[gloveport_sdk::tool(
    title = "List issues",
    effect = read,
    routes = ["GET /repos/{owner}/{repo}/issues"],
    scopes = ["repo"],
    tags = ["issues"]
)]
pub fn issues_list(input: IssuesList) -> Result<Page<Issue>, Failure> {
    const FIELDS: Fields = &[("labels", "/labels"), ("assignee", "/assignee"), ("since", "/since")];
    let labels = (!input.labels.is_empty()).then(|| input.labels.join(","));
    let request = Request::get(path!("/repos/{input.owner}/{input.repo}/issues"))
        .query("state", input.state.as_str())
        .query_opt("labels", labels)
        .query_opt("assignee", input.assignee)
        .query_opt("since", input.since)
        .query("sort", input.sort.as_str())
        .query("direction", input.direction.as_str())
        .query("page", input.page)
        .query("per_page", input.per_page);
    Page::read(&rest::send(request, FIELDS)?)
}

/// Reads one issue with its text, labels and assignees. Pull requests have issues' numbers too.
#[gloveport_sdk::tool(
    title = "Get an issue",
    effect = read,
    routes = ["GET /repos/{owner}/{repo}/issues/{number}"],
    scopes = ["repo"],
    tags = ["issues"]
)]
pub fn issues_get(input: IssuesGet) -> Result<Issue, Failure> {
    rest::send(Request::get(path!("/repos/{input.owner}/{input.repo}/issues/{input.number}")), &[])?.json()
}

/// Creates an issue in a repository. People who watch the repository are notified.
#[gloveport_sdk::tool(
    title = "Create an issue",
    effect = write,
    routes = ["POST /repos/{owner}/{repo}/issues"],
    scopes = ["repo"],
    tags = ["issues"]
)]
pub fn issues_create(input: IssuesCreate) -> Result<Issue, Failure> {
    const FIELDS: Fields =
        &[("title", "/title"), ("body", "/body"), ("labels", "/labels"), ("assignees", "/assignees")];
    let path = path!("/repos/{input.owner}/{input.repo}/issues");
    let issue = NewIssue { title: input.title, body: input.body, labels: input.labels, assignees: input.assignees };
    rest::send(Request::post(path).json(&issue), FIELDS)?.json()
}

/// Writes a comment under an issue or a pull request. People who take part in it are notified.
#[gloveport_sdk::tool(
    title = "Comment on an issue",
    effect = write,
    routes = ["POST /repos/{owner}/{repo}/issues/{number}/comments"],
    scopes = ["repo"],
    tags = ["issues"]
)]
pub fn issues_comment(input: IssuesComment) -> Result<Comment, Failure> {
    let path = path!("/repos/{input.owner}/{input.repo}/issues/{input.number}/comments");
    rest::send(Request::post(path).json(&NewComment { body: input.body }), &[("body", "/body")])?.json()
}

/// Reads an author's login out of GitHub's user object.
pub(crate) fn login<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Author>::deserialize(deserializer)?.map(|author| author.login))
}

/// Reads logins out of GitHub's user objects.
pub(crate) fn logins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Vec::<Author>::deserialize(deserializer)?.into_iter().map(|author| author.login).collect())
}

/// Reads the names out of GitHub's label objects.
pub(crate) fn label_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Label {
        name: String,
    }
    Ok(Vec::<Label>::deserialize(deserializer)?.into_iter().map(|label| label.name).collect())
}

/// Whether there is anything but null.
fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<serde::de::IgnoredAny>::deserialize(deserializer)?.is_some())
}

#[cfg(test)]
mod tests {
    use gloveport_sdk::Failure;
    use gloveport_sdk::fake_host::{Body, FakeHost, Reply};
    use serde_json::{Value, json};

    use crate::Github;

    fn reply() -> Value {
        json!({
            "id": 1, "node_id": "MDU6SXNzdWUx", "number": 1347, "state": "open", "title": "Found a bug",
            "body": "I'm having a problem with this.", "user": { "login": "octocat", "id": 1 },
            "labels": [{ "id": 208_045_946, "name": "bug", "color": "f29513" }],
            "assignee": { "login": "hubot" }, "assignees": [{ "login": "hubot", "id": 2 }], "comments": 4,
            "pull_request": { "url": "https://…" }, "html_url": "https://github.com/octo/cabinet/issues/1347",
            "url": "https://api.github.com/repos/octo/cabinet/issues/1347", "closed_at": null,
            "created_at": "2011-04-22T13:33:48Z", "updated_at": "2011-04-23T13:33:48Z",
        })
    }

    fn issue() -> Value {
        json!({
            "number": 1347, "title": "Found a bug", "state": "open", "body": "I'm having a problem with this.",
            "author": "octocat", "labels": ["bug"], "assignees": ["hubot"], "comments": 4, "is_pull_request": true,
            "url": "https://github.com/octo/cabinet/issues/1347", "created_at": "2011-04-22T13:33:48Z",
            "updated_at": "2011-04-23T13:33:48Z",
        })
    }

    /// AK-501, AK-508.
    #[test]
    fn issues_are_listed_by_page() {
        let target = "/repos/octo/cabinet/issues?state=open&sort=created&direction=desc&page=1&per_page=30";
        let next = r#"<https://api.github.com/repositories/1/issues?page=2>; rel="next""#;
        let host = FakeHost::new().on("GET", target, Reply::json(200, json!([reply()])).header("Link", next));
        let result = host.call::<Github>("github_issues_list", json!({ "owner": "octo", "repo": "cabinet" }));
        assert_eq!(result, Ok(json!({ "items": [issue()], "next_page": 2 })));
    }

    #[test]
    fn every_filter_reaches_github() {
        let target = "/repos/octo/cabinet/issues?state=all&labels=bug%2Cgood%20first%20issue&assignee=%2A\
                      &since=2026-01-01T00%3A00%3A00Z&sort=updated&direction=asc&page=3&per_page=100";
        let host = FakeHost::new().on("GET", target, Reply::json(200, json!([])));
        let input = json!({
            "owner": "octo", "repo": "cabinet", "state": "all", "labels": ["bug", "good first issue"], "assignee": "*",
            "since": "2026-01-01T00:00:00Z", "sort": "updated", "direction": "asc", "page": 3, "per_page": 100,
        });
        let expected = json!({ "items": [], "next_page": null });
        assert_eq!(host.call::<Github>("github_issues_list", input), Ok(expected));
    }

    #[test]
    fn an_issue_is_read() {
        let host = FakeHost::new().on("GET", "/repos/octo/cabinet/issues/1347", Reply::json(200, reply()));
        let input = json!({ "owner": "octo", "repo": "cabinet", "number": 1347 });
        assert_eq!(host.call::<Github>("github_issues_get", input), Ok(issue()));
    }

    #[test]
    fn what_github_leaves_out_is_null_or_empty() {
        let mut reply = reply();
        reply["user"] = Value::Null;
        reply["body"] = Value::Null;
        reply["labels"] = json!([]);
        for key in ["pull_request", "assignees"] {
            reply.as_object_mut().unwrap().remove(key);
        }
        let host = FakeHost::new().on("GET", "/repos/octo/cabinet/issues/1347", Reply::json(200, reply));
        let input = json!({ "owner": "octo", "repo": "cabinet", "number": 1347 });
        let issue = host.call::<Github>("github_issues_get", input).unwrap();
        assert_eq!((&issue["author"], &issue["body"]), (&Value::Null, &Value::Null));
        assert_eq!((&issue["labels"], &issue["assignees"]), (&json!([]), &json!([])));
        assert_eq!(issue["is_pull_request"], false);
    }

    #[test]
    fn an_issue_is_created_with_what_was_given() {
        for (more, expected) in [
            (json!({}), r#"{"title":"Leak"}"#.to_owned()),
            (
                json!({ "body": "It\ndrips", "labels": ["bug"], "assignees": ["hubot", "octocat"] }),
                r#"{"title":"Leak","body":"It\ndrips","labels":["bug"],"assignees":["hubot","octocat"]}"#.to_owned(),
            ),
        ] {
            let mut input = json!({ "owner": "octo", "repo": "cabinet", "title": "Leak" });
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let host = FakeHost::new().on("POST", "/repos/octo/cabinet/issues", Reply::json(201, reply()));
            assert_eq!(host.call::<Github>("github_issues_create", input), Ok(issue()));
            assert_eq!(host.requests()[0].body, Body::Json(expected));
        }
    }

    #[test]
    fn a_comment_is_written() {
        let reply = json!({
            "id": 9_007_199_254_740_993_u64, "user": { "login": "octocat" }, "body": "Me too",
            "html_url": "https://github.com/octo/cabinet/issues/7#issuecomment-1", "author_association": "OWNER",
            "created_at": "2011-04-14T16:00:49Z", "updated_at": "2011-04-14T16:00:49Z",
        });
        let host = FakeHost::new().on("POST", "/repos/octo/cabinet/issues/7/comments", Reply::json(201, reply));
        let input = json!({ "owner": "octo", "repo": "cabinet", "number": 7, "body": "Me too" });
        assert_eq!(
            host.call::<Github>("github_issues_comment", input),
            Ok(json!({
                "id": 9_007_199_254_740_993_u64, "author": "octocat", "body": "Me too",
                "url": "https://github.com/octo/cabinet/issues/7#issuecomment-1",
                "created_at": "2011-04-14T16:00:49Z",
            }))
        );
        assert_eq!(host.requests()[0].body, Body::Json(r#"{"body":"Me too"}"#.into()));
    }

    /// The schema keeps these out already (AK-862); the path does even without it.
    #[test]
    fn names_cannot_leave_their_place_in_the_path() {
        for (owner, target) in [
            ("a/../b", "/repos/a%2F..%2Fb/cabinet/issues/7"),
            ("octo?x=1#", "/repos/octo%3Fx%3D1%23/cabinet/issues/7"),
            ("%2e%2e", "/repos/%252e%252e/cabinet/issues/7"),
        ] {
            let host = FakeHost::new().on("GET", target, Reply::json(200, reply()));
            let input = json!({ "owner": owner, "repo": "cabinet", "number": 7 });
            assert!(host.call::<Github>("github_issues_get", input).is_ok(), "{owner}");
        }
        for owner in ["", ".", ".."] {
            let host = FakeHost::new();
            let input = json!({ "owner": owner, "repo": "cabinet", "number": 7 });
            let result = host.call::<Github>("github_issues_get", input);
            let Err(Failure::InvalidInput(errors)) = result else { panic!("{owner}: {result:?}") };
            assert_eq!(errors[0].path, "/owner");
            assert!(host.requests().is_empty());
        }
    }

    #[test]
    fn inputs_of_another_shape_send_nothing() {
        for (input, path) in [
            (json!({ "repo": "cabinet", "number": 1 }), ""),
            (json!({ "owner": "octo", "repo": "cabinet", "number": "7" }), "/number"),
            (json!({ "owner": "octo", "repo": "cabinet", "number": -1 }), "/number"),
            (json!({ "owner": ["octo"], "repo": "cabinet", "number": 1 }), "/owner"),
        ] {
            let host = FakeHost::new();
            let result = host.call::<Github>("github_issues_get", input.clone());
            let Err(Failure::InvalidInput(errors)) = result else { panic!("{input}: {result:?}") };
            assert_eq!(errors[0].path, path, "{input}");
            assert!(host.requests().is_empty());
        }
    }
}
