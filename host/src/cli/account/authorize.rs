//! `gloveport account authorize`: a link with which a user authorizes an account.

use http::Method;
use serde::Serialize;

use super::super::remote::Remote;
use super::super::table::{Column, clean, str_at, write_list};
use super::super::{CliError, Session};
use super::Which;

/// What `--help` shows besides the options.
pub(super) const HELP: &str = "\
Examples:
  gloveport account authorize github ada@example.com
  gloveport account authorize jira ada@example.com --scope write:jira-work

The link works once, for 15 minutes. Give it to the user, and to nobody else.";

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
    let body =
        Body { scopes: &args.scopes, user_verify_url: args.user_verify_url.as_deref(), state: args.state.as_deref() };
    let path = [&args.which.path()[..], &["authorize"]].concat();
    let answer = remote.client(session)?.send(Method::POST, &path, &args.which.query(), &body).await?;
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    writeln!(session.out, "{}", clean(str_at(&answer.value, "/link")))?;
    Ok(write_list(session.err, LINES, &answer.value)?)
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
