//! The user that the account belongs to.

use gloveport_sdk::Failure;
use gloveport_sdk::http::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rest;

/// A GitHub user.
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct User {
    /// The name in URLs and mentions.
    pub login: String,
    /// The name that the user shows, if any.
    pub name: Option<String>,
    /// The public e-mail address, if any.
    pub email: Option<String>,
    /// Where the user works, if told.
    pub company: Option<String>,
    /// What the user says of himself or herself, if anything.
    pub bio: Option<String>,
    /// How many public repositories the user owns.
    pub public_repos: u64,
    /// The profile for people to read.
    #[serde(rename(deserialize = "html_url"))]
    pub url: String,
    /// When the user joined, RFC 3339.
    pub created_at: String,
}

/// Whoever wrote or owns something; GitHub's reply holds more, which nobody needs here.
#[derive(Deserialize)]
pub(crate) struct Author {
    pub(crate) login: String,
}

// GitHub asks for no scope here, and this tool is the test call: it must work for every token.
/// Tells which GitHub user the connected account belongs to: login, name, e-mail address and profile.
#[gloveport_sdk::tool(title = "Get the user", effect = read, routes = ["GET /user"], tags = ["users"])]
pub fn user_get() -> Result<User, Failure> {
    rest::send(Request::get("/user"), &[])?.json()
}

#[cfg(test)]
mod tests {
    use gloveport_sdk::Failure;
    use gloveport_sdk::fake_host::{Body, FakeHost, Reply};
    use serde_json::json;

    use crate::Github;

    /// AK-501, AK-505: `{}` is enough, and what comes back has few and stable keys.
    #[test]
    fn the_user_is_read_with_githubs_headers() {
        let reply = json!({
            "login": "octocat", "id": 1, "node_id": "MDQ6VXNlcjE=", "html_url": "https://github.com/octocat",
            "name": "monalisa octocat", "company": null, "email": "octocat@github.com", "bio": null,
            "public_repos": 2, "followers": 20, "created_at": "2008-01-14T04:33:35Z", "two_factor_authentication": true,
        });
        let host = FakeHost::new().on("GET", "/user", Reply::json(200, reply));
        assert_eq!(
            host.call::<Github>("github_user_get", json!({})),
            Ok(json!({
                "login": "octocat", "name": "monalisa octocat", "email": "octocat@github.com", "company": null,
                "bio": null, "public_repos": 2, "url": "https://github.com/octocat",
                "created_at": "2008-01-14T04:33:35Z",
            }))
        );
        let requests = host.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!((requests[0].method.as_str(), requests[0].target.as_str()), ("GET", "/user"));
        assert_eq!(requests[0].query, []);
        assert_eq!(requests[0].body, Body::None);
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            requests[0].headers,
            [
                header("accept", "application/vnd.github+json"),
                header("x-github-api-version", "2022-11-28"),
                header("user-agent", "gloveport-github"),
            ]
        );
    }

    #[test]
    fn a_reply_of_another_shape_is_githubs_mistake() {
        for body in ["", "[]", "{}", "<html>"] {
            let host = FakeHost::new().on("GET", "/user", Reply::bytes(200, body));
            let result = host.call::<Github>("github_user_get", json!({}));
            assert!(matches!(result, Err(Failure::Upstream(_))), "{body}: {result:?}");
        }
    }
}
