//! The repositories that the user can reach.

use gloveport_sdk::Failure;
use gloveport_sdk::http::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::paging::{self, Page};
use crate::rest;

/// Which of the user's repositories.
#[derive(Deserialize, JsonSchema)]
pub struct UserReposList {
    /// Which ones by who can see them.
    #[serde(default)]
    visibility: Visibility,
    /// By what they are sorted.
    #[serde(default)]
    sort: RepositorySort,
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
enum Visibility {
    #[default]
    All,
    Public,
    Private,
}

impl Visibility {
    fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RepositorySort {
    Created,
    Updated,
    Pushed,
    #[default]
    FullName,
}

impl RepositorySort {
    fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Pushed => "pushed",
            Self::FullName => "full_name",
        }
    }
}

/// A repository.
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Repository {
    /// Owner and name, as in `octocat/hello-world`.
    pub full_name: String,
    /// What it is, if told.
    pub description: Option<String>,
    /// Whether only invited people see it.
    pub private: bool,
    /// Whether it was forked from another one.
    pub fork: bool,
    /// Whether it is read-only.
    pub archived: bool,
    /// The branch that is shown first.
    pub default_branch: String,
    /// The main programming language, if known.
    pub language: Option<String>,
    /// How many people marked it with a star.
    #[serde(rename(deserialize = "stargazers_count"))]
    pub stars: u64,
    /// The number of open issues and pull requests.
    #[serde(rename(deserialize = "open_issues_count"))]
    pub open_issues: u64,
    /// The page for people to read.
    #[serde(rename(deserialize = "html_url"))]
    pub url: String,
    /// When something was pushed last, RFC 3339; null if nothing was.
    pub pushed_at: Option<String>,
}

/// Lists the repositories that the user owns, works on or sees through an organization.
#[gloveport_sdk::tool(
    title = "List the user's repositories",
    effect = read,
    routes = ["GET /user/repos"],
    scopes = ["repo"],
    tags = ["repositories"]
)]
pub fn user_repos_list(input: UserReposList) -> Result<Page<Repository>, Failure> {
    let request = Request::get("/user/repos")
        .query("visibility", input.visibility.as_str())
        .query("sort", input.sort.as_str())
        .query("page", input.page)
        .query("per_page", input.per_page);
    Page::read(&rest::send(request, &[])?)
}

#[cfg(test)]
mod tests {
    use gloveport_sdk::fake_host::{FakeHost, Reply};
    use serde_json::{Value, json};

    use crate::Github;

    fn reply() -> Value {
        json!([{
            "id": 1_296_269, "name": "cabinet", "full_name": "octo/cabinet", "owner": { "login": "octo" },
            "description": null, "private": true, "fork": false, "archived": false, "default_branch": "main",
            "language": "Rust", "stargazers_count": 80, "open_issues_count": 3, "forks_url": "https://…",
            "html_url": "https://github.com/octo/cabinet", "pushed_at": "2026-01-26T19:06:43Z",
        }])
    }

    /// AK-505, AK-508: `{}` gives the first page, as `items`.
    #[test]
    fn repositories_are_listed_without_any_input() {
        let next = r#"<https://api.github.com/user/repos?visibility=all&page=2>; rel="next""#;
        let target = "/user/repos?visibility=all&sort=full_name&page=1&per_page=30";
        let host = FakeHost::new().on("GET", target, Reply::json(200, reply()).header("link", next));
        assert_eq!(
            host.call::<Github>("github_user_repos_list", json!({})),
            Ok(json!({
                "items": [{
                    "full_name": "octo/cabinet", "description": null, "private": true, "fork": false,
                    "archived": false, "default_branch": "main", "language": "Rust", "stars": 80, "open_issues": 3,
                    "url": "https://github.com/octo/cabinet", "pushed_at": "2026-01-26T19:06:43Z",
                }],
                "next_page": 2,
            }))
        );
    }

    #[test]
    fn the_last_page_says_so() {
        let target = "/user/repos?visibility=private&sort=pushed&page=2&per_page=100";
        let host = FakeHost::new().on("GET", target, Reply::json(200, json!([])));
        let input = json!({ "visibility": "private", "sort": "pushed", "page": 2, "per_page": 100 });
        let expected = json!({ "items": [], "next_page": null });
        assert_eq!(host.call::<Github>("github_user_repos_list", input), Ok(expected));
    }
}
