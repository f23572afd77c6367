//! `gloveport connector list --available`: the services that come with the host, and how one is installed.

use std::path::Path;

use clap::Args as ClapArgs;
use http::Method;
use serde_json::json;

use crate::cli::client::{Answer, Client};
use crate::cli::list::{self, MAX_ITEMS};
use crate::cli::remote::Remote;
use crate::cli::table::Column;
use crate::cli::{CliError, Session};

/// Which services.
#[derive(ClapArgs, Debug)]
pub(super) struct Wanted {
    /// List what comes with the host and can be installed by name.
    #[arg(long)]
    available: bool,
    /// Only those with these words in their name, title, description or categories.
    #[arg(long, value_name = "WORDS", requires = "available")]
    search: Option<String>,
    /// Only those of this category.
    #[arg(long, requires = "available")]
    category: Option<String>,
    /// Only those with such an auth pattern, such as oauth2 or api_key.
    #[arg(long, value_name = "TYPE", requires = "available")]
    auth: Option<String>,
    /// Of what is installed: only components, or only custom ones, which were made of documents.
    #[arg(long = "type", value_name = "TYPE", value_parser = ["component", "custom"], conflicts_with = "available")]
    pub(super) kind: Option<String>,
}

const COLUMNS: &[Column] = &[
    ("NAME", "/name"),
    ("TITLE", "/title"),
    ("CATEGORIES", "/categories"),
    ("AUTH", "/auth/*/type"),
    ("TOOLS", "/tools"),
    ("INSTALLED", "/installed"),
];

impl Wanted {
    /// Shows what is available, if that is what was asked for.
    pub(super) async fn show(&self, remote: &Remote, session: &mut Session<'_>) -> Result<bool, CliError> {
        if !self.available {
            return Ok(false);
        }
        let [search, category, auth] = [&self.search, &self.category, &self.auth].map(Option::as_deref);
        let query = [("search", search), ("category", category), ("auth", auth)];
        let list = list::fetch(&remote.client(session)?, &["v1", "catalog"], &query, MAX_ITEMS).await?;
        list.show(session, remote.json, COLUMNS, "Nothing fits: `gloveport connector list --available` shows all.")?;
        Ok(true)
    }
}

/// What is to be installed by its name: no file, and named as services are.
pub(super) fn service(given: &Path) -> Option<&str> {
    let name = given.to_str()?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    (is_name && !given.exists()).then_some(name)
}

/// Installs a service.
pub(super) async fn install(client: &Client, name: &str) -> Result<Answer, CliError> {
    client.send(Method::PUT, &["v1", "connectors", name], &[], &json!({ "catalog": name })).await
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::cli::testing::{Fake, run_at};

    #[tokio::test]
    async fn what_is_available_is_a_table() {
        let slack = r#"{"name": "slack", "title": "Slack", "categories": ["Communication"],
            "auth": [{"type": "oauth2"}, {"type": "bearer"}], "tools": 12, "installed": false}"#;
        let list = format!(r#"{{"items": [{slack}], "next_cursor": null, "total_size": 1}}"#);
        let fake = Fake::answering(200, &list).await;
        let ran =
            run_at(&fake, "connector list --available --search chat --category Communication --auth oauth2", "").await;
        let expected = "\
NAME   TITLE  CATEGORIES     AUTH            TOOLS  INSTALLED
slack  Slack  Communication  oauth2, bearer  12     no
";
        assert_eq!((ran.code, ran.out.as_str()), (0, expected), "{}", ran.err);
        assert!(
            fake.request().line().starts_with("GET /v1/catalog?search=chat&category=Communication&auth=oauth2&limit=")
        );
        for line in ["connector list --search x", "connector list --available --type custom", "connector list --type x"]
        {
            assert_eq!(run_at(&fake, line, "").await.code, 2, "{line}");
        }
    }

    #[tokio::test]
    async fn a_service_is_installed_by_its_name() {
        let answer =
            r#"{"name": "slack", "version": "1+0", "auth": [{"name": "bot", "type": "oauth2"}], "tools": [1, 2]}"#;
        let fake = Fake::answering(201, answer).await;
        let ran = run_at(&fake, "connector add slack", "").await;
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (0, "Installed slack 1+0: 2 tools; auth patterns: bot.\n"),
            "{}",
            ran.err
        );
        let request = fake.request();
        assert_eq!(request.line(), "PUT /v1/connectors/slack");
        assert_eq!(
            serde_json::from_slice::<Value>(&request.body).expect("JSON"),
            serde_json::json!({ "catalog": "slack" })
        );
        let ran = run_at(&fake, "connector add slack --imports http", "").await;
        assert!(ran.code == 2 && ran.err.contains("--imports"), "{}", ran.err);
    }
}
