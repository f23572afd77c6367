//! `gloveport account authorize`: a link with which a user authorizes an account.

use http::Method;
use serde::Serialize;

use super::super::client::Client;
use super::super::connector::asks_at_a_provider;
use super::super::remote::Remote;
use super::super::table::{Column, array_at, clean, str_at, write_list};
use super::super::{CliError, Session};
use super::Which;
use super::here::Here;

/// What `--help` shows besides the options.
pub(super) const HELP: &str = "\
Examples:
  gloveport account authorize github ada@example.com
  gloveport account authorize jira ada@example.com --scope write:jira-work
  gloveport account authorize jira ada@example.com --here

The link works once, for 15 minutes. Give it to the user, and to nobody else; or open it yourself, with --here: the browser
of this machine then comes back to this command, which confirms with your key that it was you.";

/// Options of `gloveport account authorize`.
#[derive(clap::Args, Debug)]
pub(super) struct Authorize {
    #[command(flatten)]
    which: Which,
    /// A scope to ask for besides those of the connection; repeat for more.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Where your application confirms who it was before the account becomes active.
    #[arg(long, value_name = "URL")]
    user_verify_url: Option<String>,
    /// Handed to that URL as it is.
    #[arg(long, requires = "user_verify_url")]
    state: Option<String>,
    /// Wait for the browser of this machine, and confirm with an administrator's key that it was this user.
    #[arg(long, conflicts_with = "user_verify_url")]
    here: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scopes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    user_verify_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
}

const LINES: &[Column] = &[("Works until", "/expires_at"), ("Request", "/auth_request_id")];

/// Runs `gloveport account authorize`. The link is the only line on standard output, so that it can be passed on.
pub(super) async fn run(remote: &Remote, args: &Authorize, session: &mut Session<'_>) -> Result<(), CliError> {
    let client = remote.client(session)?;
    let here = match args.here {
        true => {
            check_consents(&client, &args.which.connection).await?;
            Some(Here::open().await?)
        }
        false => None,
    };
    let user_verify_url = here.as_ref().map(|here| here.url.as_str()).or(args.user_verify_url.as_deref());
    let state = here.as_ref().map(|here| here.state.as_str()).or(args.state.as_deref());
    let body = Body { scopes: &args.scopes, user_verify_url, state };
    let path = [&args.which.path()[..], &["authorize"]].concat();
    let answer = client.send(Method::POST, &path, &args.which.query(), &body).await?;
    if remote.json {
        writeln!(session.out, "{}", answer.text.trim_end())?;
    } else {
        writeln!(session.out, "{}", clean(str_at(&answer.value, "/link")))?;
        write_list(session.err, LINES, &answer.value)?;
    }
    let Some(here) = here else { return Ok(()) };
    session.out.flush()?;
    writeln!(session.err, "Open the link in a browser on this machine; waiting for it to come back.")?;
    here.confirm(client, &args.which.identifier, str_at(&answer.value, "/auth_request_id")).await?;
    Ok(writeln!(session.err, "Connected.")?)
}

/// Only who is sent to a provider comes back from one.
async fn check_consents(client: &Client, connection: &str) -> Result<(), CliError> {
    let connection = client.get(&["v1", "connections", connection], &[]).await?.value;
    let connector = client.get(&["v1", "connectors", str_at(&connection, "/connector")], &[]).await?.value;
    let name = str_at(&connection, "/auth_pattern");
    let pattern = array_at(&connector, "/auth").iter().find(|pattern| str_at(pattern, "/name") == name);
    if pattern.is_some_and(asks_at_a_provider) {
        return Ok(());
    }
    let reason = "users of this connection fill in a form: there is nobody to be confirmed, so leave out --here";
    Err(CliError::Usage(reason.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_at};

    const LINK: &str = r#"{"link": "https://h/connect/x", "expires_at": "t", "auth_request_id": "req_1"}"#;

    #[tokio::test]
    async fn the_link_alone_is_on_standard_output() {
        let fake = Fake::answering(201, LINK).await;
        let args = "account authorize work a/b --label l --scope a --scope b --user-verify-url https://app/v --state s";
        let ran = run_at(&fake, args, "").await;
        assert_eq!((ran.code, ran.out.as_str()), (0, "https://h/connect/x\n"), "{}", ran.err);
        assert_eq!(ran.err, "Works until  t\nRequest      req_1\n");
        assert_eq!(fake.request().line(), "POST /v1/connections/work/accounts/a%2Fb/authorize?label=l");
        let expected = json!({"scopes": ["a", "b"], "user_verify_url": "https://app/v", "state": "s"});
        assert_eq!(fake.request().json(), expected);
    }

    #[tokio::test]
    async fn what_is_not_said_is_not_sent_and_a_refusal_is_a_failure() {
        let fake = Fake::answering(201, LINK).await;
        let ran = run_at(&fake, "account authorize work ada --json", "").await;
        assert_eq!((ran.code, ran.out.trim_end()), (0, LINK));
        assert_eq!(fake.request().json(), json!({}));

        let fake = Fake::answering(404, r#"{"code": "not_found", "detail": "there is no connection `work`"}"#).await;
        let ran = run_at(&fake, "account authorize work ada", "").await;
        assert_eq!((ran.code, ran.out.as_str()), (1, ""));
        let ran = run_at(&fake, "account authorize work ada --state s", "").await;
        assert_eq!(ran.code, 2, "a state goes nowhere without a URL");
    }
}
