//! `gloveport approval`: look at what waits for a person, and decide.

use clap::{Args as ClapArgs, Subcommand};
use http::Method;
use serde::Serialize;
use serde_json::Value;

use super::list::{self, MAX_ITEMS};
use super::remote::Remote;
use super::table::{Column, array_at, clean, str_at, text_at, write_list};
use super::{CliError, Session};

/// Options of `gloveport approval`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List approvals, the latest first.
    List {
        /// Only with this status: pending, approved, rejected or expired.
        #[arg(long)]
        status: Option<String>,
    },
    /// Show a call that waits, with the exact request that would leave.
    Show {
        /// Its id, such as appr_….
        id: String,
    },
    /// Let the call go on; the request that was shown leaves once.
    Approve {
        /// Its id, such as appr_….
        id: String,
    },
    /// End the call.
    Reject {
        /// Its id, such as appr_….
        id: String,
        /// Why; the agent reads it.
        #[arg(long)]
        reason: Option<String>,
    },
}

/// What goes with a decision.
#[derive(Serialize)]
struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("STATUS", "/status"),
    ("TOOL", "/tool"),
    ("AT", "/at"),
    ("WHY", "/why"),
    ("ASKED BY", "/asked_by"),
    ("UNTIL", "/expires_at"),
];

const LINES: &[Column] = &[
    ("Id", "/id"),
    ("Status", "/status"),
    ("Tool", "/tool"),
    ("Why", "/why"),
    ("Policy", "/policy_id"),
    ("Asked by", "/asked_by"),
    ("Execution", "/execution_id"),
    ("Asked", "/created_at"),
    ("Until", "/expires_at"),
    ("Decided", "/decided_at"),
    ("Decided by", "/decided_by"),
    ("Reason", "/reason"),
    ("Input", "/input"),
];

/// Runs `gloveport approval`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    let client = remote.client(session)?;
    match action {
        Action::List { status } => {
            let list = list::fetch(&client, &["v1", "approvals"], &[("status", status.as_deref())], MAX_ITEMS).await?;
            list.show(session, remote.json, COLUMNS, "Nothing waits for a person.")
        }
        Action::Show { id } => {
            let answer = client.get(&["v1", "approvals", &id], &[]).await?;
            if remote.json {
                return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
            }
            write_list(session.out, LINES, &answer.value)?;
            show_requests(session, &answer.value)
        }
        Action::Approve { id } => decide(&remote, session, &id, "approve", Body { reason: None }).await,
        Action::Reject { id, reason } => decide(&remote, session, &id, "reject", Body { reason }).await,
    }
}

async fn decide(
    remote: &Remote,
    session: &mut Session<'_>,
    id: &str,
    decision: &str,
    body: Body,
) -> Result<(), CliError> {
    let path = ["v1", "approvals", id, decision];
    let answer = remote.client(session)?.send(Method::POST, &path, &[], &body).await?;
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    let [status, execution] = ["/status", "/execution_id"].map(|at| clean(str_at(&answer.value, at)));
    Ok(writeln!(session.err, "{status}: `gloveport execution show {execution}` tells how the call ends")?)
}

/// What was sent, and what would be: each header and each field on a line of its own.
fn show_requests(session: &mut Session<'_>, approval: &Value) -> Result<(), CliError> {
    for line in array_at(approval, "/before") {
        let [method, url, status] = ["/method", "/url", "/status"].map(|at| text_at(line, at));
        writeln!(session.out, "\nSent before: {method} {url} -> {status}")?;
    }
    let Some(request) = approval.get("request").filter(|request| !request.is_null()) else {
        let simulated = approval["simulated"] == true;
        let more = if simulated { " Its connection is in demo mode: nothing will leave." } else { "" };
        return Ok(writeln!(session.out, "\nNothing of it has run.{more}")?);
    };
    let [method, url] = ["/method", "/url"].map(|at| text_at(request, at));
    writeln!(session.out, "\nWould leave, with the credential added:\n\n  {method} {url}")?;
    for header in array_at(request, "/headers") {
        let [name, value] = ["/0", "/1"].map(|at| text_at(header, at));
        writeln!(session.out, "  {name}: {value}")?;
    }
    let Some((kind, body)) = request["body"].as_object().and_then(|body| body.iter().next()) else { return Ok(()) };
    writeln!(session.out)?;
    match (kind.as_str(), body) {
        ("form", fields) => {
            for field in fields.as_array().into_iter().flatten() {
                let [name, value] = ["/0", "/1"].map(|at| text_at(field, at));
                writeln!(session.out, "  {name} = {value}")?;
            }
        }
        (_, Value::String(text)) => writeln!(session.out, "  {}", clean(text))?,
        (_, json) => {
            // Lines of our own making; what is in the texts is escaped.
            for line in format!("{json:#}").lines() {
                writeln!(session.out, "  {}", clean(line))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_args_at, run_at};

    #[tokio::test]
    async fn what_waits_is_listed_and_shown_as_it_would_leave() {
        let fake = Fake::answering(200, r#"{"items": [], "next_cursor": null}"#).await;
        let ran = run_at(&fake, "approval list --status pending", "").await;
        assert_eq!((ran.code, ran.err.as_str()), (0, "Nothing waits for a person.\n"));
        assert_eq!(fake.request().target, "/v1/approvals?status=pending&limit=200");

        let shown = json!({ "id": "appr_1", "status": "pending", "tool": "stripe_refund_create",
            "before": [{ "method": "GET", "url": "https://a/x", "status": 200 }],
            "request": { "method": "POST", "url": "https://a/v1/refunds", "headers": [["content-type", "x"]],
                "body": { "form": [["amount", "500"], ["reason", "a\u{1b}[2Jb"]] } } });
        let fake = Fake::answering(200, &shown.to_string()).await;
        let expected = "\
Id      appr_1
Status  pending
Tool    stripe_refund_create
";
        let expected = expected.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let ran = run_at(&fake, "approval show appr_1", "").await;
        let lines: Vec<Vec<_>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(expected.eq(lines[..3].iter().cloned()), "{}", ran.out);
        let rest = "
Sent before: GET https://a/x -> 200

Would leave, with the credential added:

  POST https://a/v1/refunds
  content-type: x

  amount = 500
  reason = a\u{fffd}[2Jb
";
        assert!(ran.out.ends_with(rest), "{}", ran.out);
    }

    #[tokio::test]
    async fn a_decision_is_sent_with_its_reason() {
        let answer = r#"{"status": "rejected", "execution_id": "exec_1"}"#;
        let fake = Fake::answering(200, answer).await;
        let ran = run_args_at(&fake, &["approval", "reject", "appr_1", "--reason", "not now"], "").await;
        assert_eq!((ran.code, fake.request().line().as_str()), (0, "POST /v1/approvals/appr_1/reject"));
        assert_eq!(fake.request().json(), json!({ "reason": "not now" }));
        assert_eq!(ran.err, "rejected: `gloveport execution show exec_1` tells how the call ends\n");
        let fake = Fake::answering(200, answer).await;
        run_at(&fake, "approval approve appr_1", "").await;
        assert_eq!(
            (fake.request().line().as_str(), fake.request().json()),
            ("POST /v1/approvals/appr_1/approve", json!({}))
        );
    }
}
