//! `gloveport account change`: a part of an account, while the rest stays.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use http::Method;
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::remote::Remote;
use super::super::secrets::Credentials;
use super::super::{CliError, Session};
use super::{Which, named, show};

pub(super) const HELP: &str = "\
Examples:
  gloveport account change jira ada@example.com --field site=two --remove-field team
  gloveport account change github ada@example.com --secret token < new-token.txt
  gloveport account change salesforce ada@example.com --settings '{\"version\": \"v61.0\", \"sandbox\": null}'";

/// What to change.
#[derive(ClapArgs, Debug)]
pub(super) struct Change {
    #[command(flatten)]
    which: Which,
    /// A public field; repeat for more.
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<String>,
    /// Name of a public field to remove; repeat for more.
    #[arg(long = "remove-field", value_name = "NAME")]
    removed: Vec<String>,
    /// Name of a secret field whose value is on standard input; repeat for more.
    #[arg(long = "secret", value_name = "NAME")]
    secrets: Vec<String>,
    /// JSON object with the secret fields, or - for standard input.
    #[arg(long, value_name = "FILE|-", conflicts_with = "secrets")]
    secrets_file: Option<PathBuf>,
    /// A JSON object of settings; null removes one.
    #[arg(long, value_name = "JSON")]
    settings: Option<String>,
}

#[derive(Serialize)]
struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<Credentials>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    settings: Map<String, Value>,
}

pub(super) async fn run(remote: &Remote, change: &Change, session: &mut Session<'_>) -> Result<(), CliError> {
    let mut fields = Map::new();
    for field in &change.fields {
        let (name, value) = named(field)?;
        fields.insert(name.to_owned(), value.into());
    }
    fields.extend(change.removed.iter().map(|name| (name.clone(), Value::Null)));
    if fields.len() != change.fields.len() + change.removed.len() {
        return Err(CliError::Usage("a field is given twice".into()));
    }
    let settings = match &change.settings {
        None => Map::new(),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| CliError::Usage(format!("--settings is not a JSON object: {error}")))?,
    };
    let client = remote.client(session)?;
    let credentials = match &change.secrets_file {
        Some(path) => Some(Credentials::read(path, session)?),
        None if change.secrets.is_empty() => None,
        None => Some(Credentials::ask(&change.secrets, session)?),
    };
    if credentials.is_none() && fields.is_empty() && settings.is_empty() {
        return Err(CliError::Usage("say what to change: a field, a secret or settings".into()));
    }
    let body = Body { credentials, fields, settings };
    let answer = client.send(Method::PATCH, &change.which.path(), &change.which.query(), &body).await?;
    show(remote, session, &answer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_args_at, run_at};

    #[tokio::test]
    async fn only_what_is_given_is_sent() {
        for (args, input, body) in [
            ("--field a=b=c --remove-field d", "", json!({ "fields": { "a": "b=c", "d": null } })),
            ("--secret token", "canary\n", json!({ "credentials": { "token": "canary" } })),
            ("--secrets-file -", r#"{"u": "1"}"#, json!({ "credentials": { "u": "1" } })),
            (r#"--settings {"v":null,"n":1}"#, "", json!({ "settings": { "v": null, "n": 1 } })),
        ] {
            let fake = Fake::answering(200, r#"{"id": "acc_1", "status": "active"}"#).await;
            let ran = run_at(&fake, &format!("account change w ada --label l {args}"), input).await;
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args}");
            assert!(!ran.out.contains("canary"), "{}", ran.out);
            assert_eq!(fake.request().line(), "PATCH /v1/connections/w/accounts/ada?label=l");
            assert_eq!(fake.request().json(), body, "{args}");
        }
    }

    #[tokio::test]
    async fn nothing_and_nonsense_are_wrong_usage() {
        let cases: [&[&str]; 6] = [
            &[],
            &["--field", "canary"],
            &["--field", "a=1", "--remove-field", "a"],
            &["--settings", "[]"],
            &["--secret", "token=canary"],
            &["--secret", "token"],
        ];
        for more in cases {
            let fake = Fake::answering(200, "{}").await;
            let ran = run_args_at(&fake, &[&["account", "change", "w", "ada"], more].concat(), "").await;
            assert_eq!((ran.code, fake.requests().len()), (2, 0), "{more:?}");
            assert!(!ran.err.is_empty() && !ran.err.contains("canary"), "{}", ran.err);
        }
    }
}
