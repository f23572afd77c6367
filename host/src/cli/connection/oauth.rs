//! The OAuth client of a connection. Its secret comes from a file or from standard input, never from arguments.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::secrets::{read_text_from, without_newline};
use crate::cli::{CliError, Session};

/// Options that say what a connection is known as.
#[derive(ClapArgs, Debug)]
pub(super) struct OAuthArgs {
    /// Identifier of the OAuth client at the provider.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A file that holds the client's secret, or `-` for standard input.
    #[arg(long, value_name = "FILE", requires = "client_id")]
    client_secret: Option<PathBuf>,
    /// A scope that accounts are asked for; may be given again.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
}

/// The same as it is sent.
#[derive(Serialize)]
pub(super) struct OAuth {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "clear")]
    client_secret: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
}

impl OAuthArgs {
    /// Reads the secret; `None` if nothing is given.
    pub(super) fn read(&self, session: &mut Session<'_>) -> Result<Option<OAuth>, CliError> {
        if self.client_id.is_none() && self.scopes.is_empty() {
            return Ok(None);
        }
        let read = |path: &PathBuf| read_text_from(path, session).map(without_newline);
        let client_secret = self.client_secret.as_ref().map(read).transpose()?;
        if client_secret.as_ref().is_some_and(|secret| secret.is_empty()) {
            return Err(CliError::Usage("the client's secret is empty".into()));
        }
        let scopes = (!self.scopes.is_empty()).then(|| self.scopes.clone());
        Ok(Some(OAuth { client_id: self.client_id.clone(), client_secret, scopes }))
    }
}

fn clear<S: serde::Serializer>(secret: &Option<Zeroizing<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&secret.as_ref().map(|secret| secret.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_args_at};

    const SHOWN: &str = r#"{"id": "conn_1", "name": "w", "oauth": {"client_id": "4711", "scopes": ["a", "b"]}}"#;

    #[tokio::test]
    async fn the_secret_comes_from_standard_input_and_is_not_shown() {
        for (args, line, expected) in [
            (
                vec!["connection", "add", "w", "--connector", "crm", "--client-id", "4711", "--client-secret", "-"],
                "POST /v1/connections",
                json!({"name": "w", "connector": "crm", "oauth": {"client_id": "4711", "client_secret": "s3"}}),
            ),
            (
                vec!["connection", "oauth", "w", "--client-id", "4711", "--client-secret", "-", "--scope", "a"],
                "PATCH /v1/connections/w",
                json!({"oauth": {"client_id": "4711", "client_secret": "s3", "scopes": ["a"]}}),
            ),
            (
                vec!["connection", "oauth", "w", "--scope", "a", "--scope", "b"],
                "PATCH /v1/connections/w",
                json!({"oauth": {"scopes": ["a", "b"]}}),
            ),
        ] {
            let fake = Fake::answering(200, SHOWN).await;
            let ran = run_args_at(&fake, &args, "s3\n").await;
            assert_eq!((ran.code, ran.err.as_str()), (0, ""));
            assert!(ran.out.contains("4711") && !ran.out.contains("s3"), "{}", ran.out);
            let request = fake.request();
            assert_eq!((request.line().as_str(), request.json()), (line, expected));
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_wrong_usage() {
        for (more, input) in [
            (vec![], ""),
            (vec!["--client-secret", "-"], "s3"),
            (vec!["--client-id", "4711", "--client-secret", "-"], ""),
            (vec!["--client-id", "4711", "--client-secret", "/nowhere/at/all"], ""),
        ] {
            let fake = Fake::answering(200, SHOWN).await;
            let args = [&["connection", "oauth", "w"][..], &more].concat();
            let ran = run_args_at(&fake, &args, input).await;
            assert!(ran.code != 0 && fake.requests().is_empty(), "{more:?}");
        }
    }
}
