//! The GitHub connector: the user, repositories, issues, pull requests, file contents and search.

pub mod contents;
mod errors;
mod filters;
pub mod issues;
pub mod paging;
pub mod pulls;
pub mod repos;
mod rest;
pub mod search;
pub mod users;

/// Repositories, issues, pull requests, file contents and search on github.com, as one GitHub user.
#[gloveport_sdk::connector(
    name = "github",
    title = "GitHub",
    publisher = "Gloveport",
    categories = ["developer tools"],
    base_url = "https://api.github.com",
    hosts = ["api.github.com"],
    imports = ["http", "clock"],
    auth = [bearer(
        name = "token",
        title = "Personal access token",
        fields = [password(
            name = "token",
            label = "Personal access token",
            hint = "Settings → Developer settings → Personal access tokens"
        )],
    )],
    test = users::user_get({}),
    tools = [
        users::user_get,
        repos::user_repos_list,
        issues::issues_list,
        issues::issues_get,
        issues::issues_create,
        issues::issues_comment,
        pulls::pull_requests_list,
        pulls::pull_requests_get,
        pulls::pull_requests_diff,
        contents::contents_get,
        search::search_issues,
        search::search_code,
        search::search_repositories,
    ],
)]
pub struct Github;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gloveport_sdk::__private::describe;
    use gloveport_sdk::Connector as _;
    use serde_json::{Value, json};

    use super::*;

    fn schemas() -> BTreeMap<String, Value> {
        let tools = describe::<Github>().tools.into_iter();
        tools.map(|tool| (tool.name, serde_json::from_str(&tool.input_schema).unwrap())).collect()
    }

    #[test]
    fn the_manifest_asks_for_no_more_than_it_needs() {
        let manifest: Value = serde_json::from_str(Github::MANIFEST).unwrap();
        assert_eq!(manifest["hosts"], json!(["api.github.com"]));
        assert_eq!(manifest["imports"], json!(["http", "clock"]));
        assert_eq!(manifest["auth"][0]["type"], "bearer");
        assert_eq!(manifest["auth"][0]["field"], "token");
        assert_eq!(manifest["test"], json!({ "tool": "github_user_get", "input": {} }));
    }

    #[test]
    fn every_tool_says_what_it_does() {
        use gloveport_sdk::__private::Effect;
        let tools = describe::<Github>().tools;
        assert_eq!(tools.len(), 13);
        for tool in tools {
            let writes = ["github_issues_create", "github_issues_comment"].contains(&tool.name.as_str());
            assert_eq!(tool.effect, if writes { Effect::Write } else { Effect::Read }, "{}", tool.name);
            assert!(!tool.routes.is_empty(), "{}", tool.name);
            assert!(tool.description.len() > 30, "{}", tool.name);
            let output: Value = serde_json::from_str(&tool.output_schema.unwrap()).unwrap();
            assert_eq!(output["type"], "object", "{}", tool.name);
        }
    }

    /// AK-862: the host enforces these, so they stand in the schema.
    #[test]
    fn limits_and_defaults_stand_in_the_schema() {
        let schemas = schemas();
        for (tool, pointer, expected) in [
            ("github_user_repos_list", "/properties/per_page/minimum", json!(1)),
            ("github_user_repos_list", "/properties/per_page/maximum", json!(100)),
            ("github_user_repos_list", "/properties/per_page/default", json!(30)),
            ("github_user_repos_list", "/properties/page/minimum", json!(1)),
            ("github_user_repos_list", "/properties/page/default", json!(1)),
            ("github_issues_list", "/properties/state/default", json!("open")),
            ("github_issues_list", "/properties/state/enum", json!(["open", "closed", "all"])),
            ("github_issues_list", "/required", json!(["owner", "repo"])),
            ("github_issues_get", "/properties/number/minimum", json!(1)),
            ("github_issues_get", "/properties/owner/pattern", json!("^[A-Za-z0-9._-]+$")),
            ("github_issues_create", "/properties/title/minLength", json!(1)),
            ("github_issues_create", "/additionalProperties", json!(false)),
            ("github_contents_get", "/required", json!(["owner", "repo"])),
            ("github_search_code", "/properties/query/minLength", json!(1)),
            ("github_search_issues", "/properties/per_page/maximum", json!(100)),
        ] {
            assert_eq!(schemas[tool].pointer(pointer), Some(&expected), "{tool} {pointer}: {}", schemas[tool]);
        }
        // AK-505
        assert_eq!(schemas["github_user_repos_list"].get("required"), None);
    }
}
