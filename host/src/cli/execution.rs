//! `gloveport execution`: look at what was executed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use http::Method;
use serde::Serialize;
use serde_json::value::RawValue;

use super::list::{self, MAX_ITEMS};
use super::remote::Remote;
use super::table::{Column, write_list};
use super::{CliError, Session, call};

/// Options of `gloveport execution`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List executions, the latest first.
    #[command(after_help = "Example:\n  gloveport execution list --status failed --since 2026-01-31T00:00:00Z")]
    List(Filter),
    /// Show the record of an execution.
    Show {
        /// Its id, such as exec_….
        id: String,
    },
    /// Fetch what an execution answered, whole: if it was too long for its answer, or nobody waited for it.
    Result {
        /// Its id, such as exec_….
        id: String,
    },
    /// Answer the question that an execution waits with.
    #[command(after_help = "Example:\n  gloveport execution continue exec_01K… --input '{\"code\": \"123456\"}'")]
    Continue {
        /// Its id, such as exec_….
        id: String,
        /// The answer.
        #[arg(long, value_name = "JSON", required_unless_present = "input_file", conflicts_with = "input_file")]
        input: Option<String>,
        /// File that holds the answer, or - for standard input.
        #[arg(long, value_name = "FILE|-")]
        input_file: Option<PathBuf>,
    },
}

#[derive(ClapArgs, Debug)]
struct Filter {
    /// Only with this status.
    #[arg(long)]
    status: Option<String>,
    /// Only of this tool.
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// Only for this user.
    #[arg(long)]
    identifier: Option<String>,
    /// Only of this conversation.
    #[arg(long, value_name = "ID")]
    chat_id: Option<String>,
    /// Only set off by this.
    #[arg(long, value_name = "TYPE")]
    trigger_type: Option<String>,
    /// Only begun at or after this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=MAX_ITEMS as i64))]
    limit: u32,
}

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("STARTED", "/started_at"),
    ("TOOL", "/tool"),
    ("IDENTIFIER", "/identifier"),
    ("STATUS", "/status"),
    ("CODE", "/code"),
    ("CULPRIT", "/culprit"),
    ("MICROSECONDS", "/timing/total_us"),
];

const LINES: &[Column] = &[
    ("Id", "/id"),
    ("Tool", "/tool"),
    ("Connection", "/connection_id"),
    ("Account", "/account_id"),
    ("Identifier", "/identifier"),
    ("Status", "/status"),
    ("Simulated", "/simulated"),
    ("Code", "/code"),
    ("Culprit", "/culprit"),
    ("Detail", "/detail"),
    ("Approval", "/approval_id"),
    ("Question", "/input_request/question"),
    ("Answer as", "/input_request/schema"),
    ("Waits for", "/awaited"),
    ("Input", "/input"),
    ("Output", "/output"),
    ("Answer", "/data"),
    ("Cut", "/cut/bytes"),
    ("Started", "/started_at"),
    ("Finished", "/finished_at"),
    ("Timing", "/timing"),
    ("Requests", "/requests"),
    ("Bytes out", "/sent_bytes"),
    ("Bytes in", "/received_bytes"),
    ("Scrubbed", "/scrubbed"),
    ("Key", "/key_id"),
    ("Tool call", "/tool_call_id"),
    ("Parent", "/parent"),
    ("Chat", "/chat_id"),
    ("Trigger", "/trigger_type"),
    ("Component", "/component"),
    ("Input digest", "/input_digest"),
];

/// Runs `gloveport execution`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    let client = remote.client(session)?;
    match action {
        Action::List(filter) => {
            let most = usize::try_from(filter.limit).unwrap_or(MAX_ITEMS);
            let list = list::fetch(&client, &["v1", "executions"], &filter.query(), most).await?;
            list.show(session, remote.json, COLUMNS, "No such execution.")
        }
        Action::Show { id } => {
            let answer = client.get(&["v1", "executions", &id], &[]).await?;
            if remote.json {
                return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
            }
            Ok(write_list(session.out, LINES, &answer.value)?)
        }
        Action::Result { id } => {
            let answer = client.get(&["v1", "executions", &id, "result"], &[]).await?;
            Ok(writeln!(session.out, "{}", answer.text)?)
        }
        Action::Continue { id, input, input_file } => {
            let input = call::json(input.as_deref(), input_file.as_deref(), session)?;
            let path = ["v1", "executions", &id, "continue"];
            let answer = client.send(Method::POST, &path, &[], &Answered { input: &input }).await?;
            if remote.json {
                return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
            }
            Ok(writeln!(session.out, "{id} goes on: `gloveport execution show {id}` tells how it ends.")?)
        }
    }
}

#[derive(Serialize)]
struct Answered<'a> {
    input: &'a RawValue,
}

impl Filter {
    fn query(&self) -> [(&'static str, Option<&str>); 6] {
        [
            ("status", self.status.as_deref()),
            ("tool", self.tool.as_deref()),
            ("identifier", self.identifier.as_deref()),
            ("chat_id", self.chat_id.as_deref()),
            ("trigger_type", self.trigger_type.as_deref()),
            ("since", self.since.as_deref()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{Fake, run_at, run_offline};

    const FAILED: &str = r#"{"id": "exec_1", "started_at": "2026-01-31T00:00:00Z", "tool": "github_x", "identifier": "ada",
        "status": "failed", "code": "upstream_error", "culprit": "upstream", "timing": {"total_us": 12345}}"#;

    #[tokio::test]
    async fn list_filters_and_shows_a_table() {
        let fake = Fake::answering(200, &format!(r#"{{"items": [{FAILED}], "next_cursor": null}}"#)).await;
        let ran = run_at(&fake, "execution list --status failed --since 2026-01-31T00:00:00Z", "").await;
        let table = "\
ID      STARTED               TOOL      IDENTIFIER  STATUS  CODE            CULPRIT   MICROSECONDS
exec_1  2026-01-31T00:00:00Z  github_x  ada         failed  upstream_error  upstream  12345
";
        assert_eq!((ran.code, ran.out.as_str()), (0, table));
        assert_eq!(fake.request().target, "/v1/executions?status=failed&since=2026-01-31T00%3A00%3A00Z&limit=50");
    }

    #[tokio::test]
    async fn show_asks_for_one() {
        let fake = Fake::answering(200, FAILED).await;
        let ran = run_at(&fake, "execution show exec_1", "").await;
        assert_eq!((ran.code, fake.request().line().as_str()), (0, "GET /v1/executions/exec_1"));
        assert!(ran.out.contains("Culprit       upstream\n"), "{}", ran.out);
        let kept = r#"{"id": "exec_1", "input": {"amount": 5000.0000000000000000001}, "output": "[redacted]"}"#;
        let ran = run_at(&Fake::answering(200, kept).await, "execution show exec_1", "").await;
        assert!(ran.out.contains("Input         amount=5000.0000000000000000001\n"), "{}", ran.out);
        assert!(ran.out.contains("Output        [redacted]\n"), "{}", ran.out);
    }

    #[tokio::test]
    async fn result_prints_what_there_is_and_nothing_else() {
        let fake = Fake::answering(200, r#"{"n": 1.10}"#).await;
        let ran = run_at(&fake, "execution result exec_1", "").await;
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "{\"n\": 1.10}\n", ""));
        assert_eq!(fake.request().line(), "GET /v1/executions/exec_1/result");
    }

    #[tokio::test]
    async fn continue_sends_the_answer_as_it_was_written() {
        let fake = Fake::answering(202, r#"{"id": "exec_1", "status": "started"}"#).await;
        let ran = run_at(&fake, "execution continue exec_1 --input-file -", r#"{"n": 1.10}"#).await;
        assert_eq!((ran.code, fake.request().line().as_str()), (0, "POST /v1/executions/exec_1/continue"));
        assert_eq!(fake.request().body, br#"{"input":{"n": 1.10}}"#);
        assert!(ran.out.starts_with("exec_1 goes on"), "{}", ran.out);
        for wrong in ["execution continue exec_1", "execution continue exec_1 --input {", "execution continue"] {
            assert_eq!(run_offline(wrong, "").await.code, 2, "{wrong}");
        }
    }

    #[tokio::test]
    async fn limits_out_of_range_are_wrong_usage() {
        for limit in ["0", "10001", "-1", "x"] {
            assert_eq!(run_offline(&format!("execution list --limit {limit}"), "").await.code, 2, "{limit}");
        }
    }
}
