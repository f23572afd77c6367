//! `gloveport policy past`: what rules would say now of calls that were made.

use std::collections::HashSet;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use http::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::remote::Remote;
use super::super::secrets::read_text_from;
use super::super::table::{Column, array_at, write_items};
use super::super::{CliError, Session};

/// Calls asked about at once: the most that the API takes.
const PAGE: u32 = 200;

/// Pages at most: a hundred thousand calls, of which nobody reads more at once.
const MAX_PAGES: usize = 500;

/// Options of `gloveport policy past`.
#[derive(ClapArgs, Debug)]
pub(super) struct Past {
    /// Only begun at or after this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    since: String,
    /// Only begun before this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only of this tool.
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// Rules to try in place of the stored ones, as a JSON list of `name`, `condition` and `outcome`; `-` for standard
    /// input.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
}

const COLUMNS: &[Column] = &[
    ("EXECUTION", "/execution_id"),
    ("STARTED", "/started_at"),
    ("TOOL", "/tool"),
    ("THEN", "/then"),
    ("NOW", "/now"),
    ("WHY", "/why"),
];

/// Counts of all pages, each with its place in an answer.
const COUNTS: [(&str, &str); 7] = [
    ("allow", "/counts/allow"),
    ("ask_before", "/counts/ask_before"),
    ("ask_at_write", "/counts/ask_at_write"),
    ("deny", "/counts/deny"),
    ("input_not_kept", "/input_not_kept"),
    ("not_known", "/not_known"),
    ("exempt", "/exempt"),
];

/// Follows all pages, then shows what differs.
pub(super) async fn run(past: Past, remote: &Remote, session: &mut Session<'_>) -> Result<(), CliError> {
    let rules = past.rules.as_ref().map(|path| read_text_from(path, session)).transpose()?;
    let rules = rules.map(|text| RawValue::from_string(text.to_string())).transpose();
    let rules = rules.map_err(|error| CliError::Usage(format!("the rules are not JSON: {error}")))?;
    let client = remote.client(session)?;
    let (mut counts, mut differing) = ([0_u64; COUNTS.len()], Vec::new());
    let (mut cursor, mut seen) = (Value::Null, HashSet::new());
    for _ in 0..MAX_PAGES {
        let executions = json!({ "since": past.since, "until": past.until, "tool": past.tool, "limit": PAGE,
            "cursor": cursor });
        let body = json!({ "executions": executions, "rules": rules });
        let answer = client.send(Method::POST, &["v1", "policies", "evaluate"], &[], &body).await?;
        for (count, (_, place)) in counts.iter_mut().zip(COUNTS) {
            *count += answer.value.pointer(place).and_then(Value::as_u64).unwrap_or_default();
        }
        differing.extend(array_at(&answer.value, "/differing").iter().cloned());
        cursor = answer.value.get("next_cursor").cloned().unwrap_or_default();
        match cursor.as_str() {
            None => break,
            Some(next) if !seen.insert(next.to_owned()) => {
                let reason = "its pages lead in a circle".to_owned();
                return Err(CliError::Answer { server: client.server().to_string(), reason });
            }
            Some(_) => {}
        }
    }
    show(remote.json, session, &counts, &differing, &cursor)
}

fn show(
    as_json: bool,
    session: &mut Session<'_>,
    counts: &[u64; COUNTS.len()],
    differing: &[Value],
    cursor: &Value,
) -> Result<(), CliError> {
    if as_json {
        let counts: serde_json::Map<_, _> =
            COUNTS.iter().zip(counts).map(|((name, _), count)| ((*name).to_owned(), (*count).into())).collect();
        let all = json!({ "counts": counts, "differing": differing, "next_cursor": cursor });
        return Ok(writeln!(session.out, "{all}")?);
    }
    if !differing.is_empty() {
        write_items(session.out, COLUMNS, differing)?;
        writeln!(session.out)?;
    }
    let [allow, before, at_write, deny, not_kept, not_known, exempt] = counts;
    let judged = allow + before + at_write + deny;
    writeln!(
        session.out,
        "{} of {judged} calls would end otherwise: {allow} allowed, {before} asked about before, {at_write} at their \
         first write, {deny} denied.",
        differing.len()
    )?;
    for (count, why) in [
        (not_kept, "have no input that is still kept"),
        (not_known, "had a tool, account or key that is gone"),
        (exempt, "were test calls of administrators, which no rule is asked about"),
    ] {
        if *count > 0 {
            writeln!(session.out, "{count} more {why}.")?;
        }
    }
    if !cursor.is_null() {
        writeln!(session.err, "There are more calls: narrow them with --since, --until or --tool.")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_args_at, run_at, run_offline};

    fn page(next: Option<&str>) -> (u16, String) {
        let body = json!({
            "counts": { "allow": 3, "ask_before": 0, "ask_at_write": 1, "deny": 1 }, "input_not_kept": 2,
            "not_known": 0, "exempt": 0, "next_cursor": next,
            "differing": [{ "execution_id": "exec_1", "tool": "stripe_x", "started_at": "2026-01-31T00:00:00Z",
                "then": "allow", "now": "deny", "policy_id": null, "why": "rule \"large\"" }],
        });
        (200, body.to_string())
    }

    #[tokio::test]
    async fn all_pages_are_judged() {
        let fake = Fake::with([page(Some("c")), page(None)]).await;
        let rules = r#"[{"name": "n", "condition": "payload.amount > 5000.0000000000000000001", "outcome": {"outcome": "allow"}}]"#;
        let args = ["policy", "past", "--since", "2026-01-31T00:00:00Z", "--tool", "stripe_x", "--rules", "-"];
        let ran = run_args_at(&fake, &args, rules).await;
        assert_eq!(ran.code, 0, "{}", ran.err);
        let requests = fake.requests();
        assert_eq!((requests.len(), requests[0].line().as_str()), (2, "POST /v1/policies/evaluate"));
        let (first, second) = (requests[0].json(), requests[1].json());
        assert_eq!(first["executions"]["cursor"], json!(null));
        assert_eq!(
            second["executions"],
            json!({ "since": "2026-01-31T00:00:00Z", "until": null, "tool": "stripe_x",
            "limit": 200, "cursor": "c" })
        );
        assert!(String::from_utf8_lossy(&requests[1].body).contains("5000.0000000000000000001"));
        let lines: Vec<_> = ran.out.lines().collect();
        assert_eq!(lines[1], "exec_1     2026-01-31T00:00:00Z  stripe_x  allow  deny  rule \"large\"");
        assert_eq!(
            lines[4],
            "2 of 10 calls would end otherwise: 6 allowed, 0 asked about before, 2 at their first write, 2 denied."
        );
        assert_eq!(lines[5..], ["4 more have no input that is still kept."]);
    }

    #[tokio::test]
    async fn a_circle_ends_and_wrong_usage_is_said() {
        let fake = Fake::answering(200, &page(Some("c")).1).await;
        let ran = run_at(&fake, "policy past --since 2026-01-31T00:00:00Z", "").await;
        assert_eq!((ran.code, fake.requests().len()), (1, 2), "{}", ran.err);
        assert_eq!(run_offline("policy past", "").await.code, 2);
        assert_eq!(run_offline("policy past --since x --rules -", "[").await.code, 2);
    }
}
