//! `gloveport proxy`: a request of one's own, through a connection that allows it.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::{Map, Value, json};

use super::remote::Remote;
use super::table::{str_at, text_at};
use super::{CliError, Session, call};

/// Options of `gloveport proxy`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Example:
  gloveport connection proxy work on
  gloveport proxy work /repos/acme/app/issues --identifier ada@example.com --query state=open

The provider's body goes to standard output, its status to standard error.")]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    /// Name of the connection.
    connection: String,
    /// Path below the connection's base URL.
    path: String,
    /// HTTP method.
    #[arg(long, short = 'X', default_value = "GET")]
    method: String,
    /// The user to act for; a key that is bound to one needs none.
    #[arg(long)]
    identifier: Option<String>,
    /// With this account, where several fit.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// A query parameter; repeat for more.
    #[arg(long, short, value_name = "NAME=VALUE")]
    query: Vec<String>,
    /// A header; repeat for more.
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// A JSON body.
    #[arg(long, value_name = "JSON", conflicts_with = "body_file")]
    body: Option<String>,
    /// File that holds a JSON body, or - for standard input.
    #[arg(long, value_name = "FILE|-")]
    body_file: Option<PathBuf>,
    /// Sent only once, however often it is given with this key.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// Runs `gloveport proxy`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let client = args.remote.client(session)?;
    let body = body(&args, session)?;
    let answer = client.send_once(&["v1", "proxy"], args.idempotency_key.as_deref(), &body).await?;
    if args.remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    let id = text_at(&answer.value, "/execution_id");
    if str_at(&answer.value, "/status") == "waiting" {
        return Ok(writeln!(session.err, "{id} waits {}", call::waits_for(&id, &answer.value))?);
    }
    match answer.value.pointer("/body").unwrap_or(&Value::Null) {
        Value::Null => {}
        Value::String(text) => writeln!(session.out, "{text}")?,
        body => {
            let text = serde_json::to_string_pretty(body).map_err(|error| CliError::Failed(error.to_string()))?;
            writeln!(session.out, "{text}")?;
        }
    }
    let cut = if answer.value["truncated"] == true { ", cut" } else { "" };
    Ok(writeln!(session.err, "{id}: the provider answered {}{cut}", text_at(&answer.value, "/status"))?)
}

fn body(args: &Args, session: &mut Session<'_>) -> Result<Value, CliError> {
    let mut body = Map::new();
    body.insert("connection".into(), json!(args.connection));
    body.insert("method".into(), json!(args.method));
    body.insert("path".into(), json!(args.path));
    for (name, value) in [("identifier", &args.identifier), ("account", &args.account)] {
        if let Some(value) = value {
            body.insert(name.into(), json!(value));
        }
    }
    let query = pairs("--query", "NAME=VALUE", '=', &args.query)?;
    if !query.is_empty() {
        let mut all: Map<String, Value> = Map::new();
        for (name, value) in query {
            let several = all.entry(name).or_insert_with(|| json!([]));
            several.as_array_mut().into_iter().for_each(|several| several.push(value.clone().into()));
        }
        body.insert("query".into(), all.into());
    }
    let headers = pairs("--header", "NAME: VALUE", ':', &args.header)?;
    if !headers.is_empty() {
        let headers: Map<String, Value> = headers.into_iter().map(|(name, value)| (name, value.into())).collect();
        body.insert("headers".into(), headers.into());
    }
    if args.body.is_some() || args.body_file.is_some() {
        let given = call::json(args.body.as_deref(), args.body_file.as_deref(), session)?;
        let given = serde_json::from_str(given.get()).map_err(|error| CliError::Usage(error.to_string()))?;
        body.insert("body".into(), given);
    }
    Ok(body.into())
}

fn pairs(option: &str, shape: &str, between: char, texts: &[String]) -> Result<Vec<(String, String)>, CliError> {
    let pair = |text: &String| match text.split_once(between) {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err(CliError::Usage(format!("{option} takes {shape}, not {text:?}"))),
    };
    texts.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::cli::testing::{Fake, run_args_at, run_at};

    const REPLY: &str = r#"{"execution_id": "exec_1", "status": 404, "headers": {}, "body": {"message": "no"}}"#;

    #[tokio::test]
    async fn a_request_is_sent_as_it_is_written() {
        let fake = Fake::answering(200, REPLY).await;
        let args =
            ["proxy", "work", "/a", "-X", "POST", "--identifier", "ada", "-q", "a=1", "-q", "a=2", "-H", "X-A: b"];
        let ran = run_args_at(&fake, &[&args[..], &["--body", r#"{"n": 12345678901234567890123}"#]].concat(), "").await;
        assert_eq!((ran.code, ran.out.as_str()), (0, "{\n  \"message\": \"no\"\n}\n"));
        assert_eq!(ran.err, "exec_1: the provider answered 404\n");
        let request = fake.request();
        assert_eq!(request.line(), "POST /v1/proxy");
        assert_eq!(
            serde_json::from_slice::<Value>(&request.body).expect("JSON"),
            json!({ "connection": "work", "method": "POST", "path": "/a", "identifier": "ada", "query": { "a": ["1", "2"] },
                "headers": { "X-A": "b" }, "body": { "n": 12345678901234567890123_u128 } })
        );
    }

    #[tokio::test]
    async fn text_is_written_as_it_is() {
        let text = r#"{"execution_id": "exec_1", "status": 200, "headers": {}, "body": "--- a", "truncated": true}"#;
        let ran = run_at(&Fake::answering(200, text).await, "proxy work /a", "").await;
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("--- a\n", "exec_1: the provider answered 200, cut\n"));
        let waiting = r#"{"execution_id": "exec_1", "status": "waiting", "approval_id": "appr_1"}"#;
        let ran = run_at(&Fake::answering(202, waiting).await, "proxy work /a -X PUT", "").await;
        assert!(ran.err.starts_with("exec_1 waits for a person"), "{}", ran.err);
    }

    #[tokio::test]
    async fn what_is_no_pair_is_refused() {
        for args in ["proxy work /a --query a", "proxy work /a --header =", "proxy work /a --query =b"] {
            let ran = run_at(&Fake::answering(200, REPLY).await, args, "").await;
            assert_eq!(ran.code, 2, "{args}: {}", ran.err);
        }
    }
}
