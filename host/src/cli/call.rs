//! `gloveport call`: execute a tool.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::remote::Remote;
use super::secrets::read_text_from;
use super::table::{str_at, text_at};
use super::{CliError, Session};

/// Options of `gloveport call`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  gloveport call github_user_get --identifier ada@example.com
  echo '{\"repo\": \"acme/app\"}' | gloveport call github_issues_list --identifier ada@example.com --input-file -

The result goes to standard output as JSON; the execution's id and timing go to standard error.")]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    /// Name of the tool.
    tool: String,
    /// The user to act for; a key that is bound to one needs none.
    #[arg(long)]
    identifier: Option<String>,
    /// Through this connection, where several fit.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// With this account, where several fit.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// The tool's input; an empty object if left out.
    #[arg(long, value_name = "JSON", conflicts_with = "input_file")]
    input: Option<String>,
    /// File that holds the tool's input, or - for standard input.
    #[arg(long, value_name = "FILE|-")]
    input_file: Option<PathBuf>,
    /// Give up after this many milliseconds.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    timeout_ms: Option<u64>,
    /// Executed only once, however often it is sent with this key.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    input: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
}

/// Runs `gloveport call`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let client = args.remote.client(session)?;
    let input = json(args.input.as_deref(), args.input_file.as_deref(), session)?;
    let body = Body {
        identifier: args.identifier.as_deref(),
        connection: args.connection.as_deref(),
        account: args.account.as_deref(),
        input: &input,
        timeout_ms: args.timeout_ms,
    };
    let path = ["v1", "tools", &args.tool, "execute"];
    let answer = client.send_once(&path, args.idempotency_key.as_deref(), &body).await?;
    if args.remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    let id = text_at(&answer.value, "/execution_id");
    if str_at(&answer.value, "/status") == "waiting" {
        return Ok(writeln!(session.err, "{id} waits {}", waits_for(&id, &answer.value))?);
    }
    if answer.value.pointer("/cut").is_some() {
        let bytes = text_at(&answer.value, "/cut/bytes");
        return Ok(writeln!(
            session.err,
            "{id} succeeded with {bytes} bytes: fetch them with `gloveport execution result {id}`."
        )?);
    }
    let data = answer.value.pointer("/data").unwrap_or(&Value::Null);
    let text = serde_json::to_string_pretty(data).map_err(|error| CliError::Failed(error.to_string()))?;
    writeln!(session.out, "{text}")?;
    let [total, guest, upstream] = ["total", "guest", "upstream"].map(|phase| millis(&answer.value, phase));
    if answer.value["simulated"] == true {
        return Ok(writeln!(session.err, "{id} was simulated in {total}: nothing was sent, and the data is made up")?);
    }
    Ok(writeln!(session.err, "{id} succeeded in {total} (connector {guest}, provider {upstream})")?)
}

/// What a call waits for, and what to do about it.
pub(super) fn waits_for(id: &str, answer: &Value) -> String {
    if answer.pointer("/approval_id").is_some() {
        let approval = text_at(answer, "/approval_id");
        return format!("for a person: `gloveport approval show {approval}` shows what would leave.");
    }
    if answer.pointer("/input_request").is_some() {
        let question = text_at(answer, "/input_request/question");
        return format!("for an answer: {question}\nGive it with `gloveport execution continue {id} --input JSON`.");
    }
    format!("for calls that it made: `gloveport execution show {id}` names them.")
}

/// The input as it was written: numbers keep every digit.
pub(super) fn json(
    text: Option<&str>,
    file: Option<&Path>,
    session: &mut Session<'_>,
) -> Result<Box<RawValue>, CliError> {
    let text = match (text, file) {
        (Some(text), _) => text.to_owned(),
        (None, Some(path)) => read_text_from(path, session)?.to_string(),
        (None, None) => "{}".into(),
    };
    serde_json::from_str(&text).map_err(|error| CliError::Usage(format!("the input is not JSON: {error}")))
}

fn millis(answer: &Value, phase: &str) -> String {
    let micros = answer.pointer(&format!("/timing/{phase}_us")).and_then(Value::as_u64);
    micros.map_or_else(|| "-".into(), |micros| format!("{}.{} ms", micros / 1000, micros % 1000 / 100))
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{Fake, run_args_at, run_at};

    const DONE: &str = r#"{"execution_id": "exec_1", "status": "succeeded", "data": {"id": 12345678901234567890123},
        "timing": {"total_us": 12345, "guest_us": 99, "upstream_us": 12000}}"#;

    #[tokio::test]
    async fn the_result_goes_out_and_the_timing_to_standard_error() {
        let fake = Fake::answering(200, DONE).await;
        let args = ["call", "github_x", "--identifier", "ada", "--connection", "w", "--account", "acc_1", "--input"];
        let more = [r#"{"big": 98765432109876543210.10}"#, "--timeout-ms", "5000", "--idempotency-key", "k-1"];
        let ran = run_args_at(&fake, &[&args[..], &more].concat(), "").await;
        assert_eq!((ran.code, ran.out.as_str()), (0, "{\n  \"id\": 12345678901234567890123\n}\n"));
        assert_eq!(ran.err, "exec_1 succeeded in 12.3 ms (connector 0.0 ms, provider 12.0 ms)\n");
        let request = fake.request();
        assert_eq!(request.line(), "POST /v1/tools/github_x/execute");
        assert_eq!(request.idempotency_key, "k-1");
        assert_eq!(
            String::from_utf8(request.body).expect("text"),
            r#"{"identifier":"ada","connection":"w","account":"acc_1","input":{"big": 98765432109876543210.10},"timeout_ms":5000}"#
        );
    }

    #[tokio::test]
    async fn a_result_that_was_cut_says_where_the_rest_is() {
        let body = r#"{"execution_id": "exec_1", "status": "succeeded", "data": null, "cut": {"bytes": 2000000}}"#;
        let ran = run_at(&Fake::answering(200, body).await, "call t", "").await;
        assert_eq!((ran.code, ran.out.as_str()), (0, ""));
        assert!(ran.err.contains("2000000 bytes") && ran.err.contains("execution result exec_1"), "{}", ran.err);
    }

    #[tokio::test]
    async fn input_comes_from_a_file_or_is_an_empty_object() {
        for (args, input, expected) in [
            ("call t --input-file -", " {\"a\": 1}\n", r#"{"input":{"a": 1}}"#),
            ("call t", "ignored", r#"{"input":{}}"#),
        ] {
            let fake = Fake::answering(200, DONE).await;
            let ran = run_at(&fake, args, input).await;
            assert_eq!(ran.code, 0, "{}", ran.err);
            assert_eq!(String::from_utf8(fake.request().body).expect("text"), expected);
        }
    }

    #[tokio::test]
    async fn wrong_inputs_send_nothing() {
        let fake = Fake::answering(200, DONE).await;
        let cases: [(&[&str], u8); 8] = [
            (&["--input", "{"], 2),
            (&["--input", ""], 2),
            (&["--input", "{} {}"], 2),
            (&["--input", "{}", "--input-file", "-"], 2),
            (&["--timeout-ms", "0"], 2),
            (&["--timeout-ms", "-1"], 2),
            (&["--idempotency-key", "a\nb"], 2),
            (&["--input-file", "/nonexistent/x"], 1),
        ];
        for (more, code) in cases {
            let ran = run_args_at(&fake, &[&["call", "t"], more].concat(), "").await;
            assert_eq!((ran.code, ran.out.as_str(), fake.requests().len()), (code, "", 0), "{more:?}");
        }
    }

    #[tokio::test]
    async fn a_waiting_call_and_a_refused_one_are_told_apart() {
        for (on, told) in [
            (r#""input_request": {"question": "Which code?"}"#, "for an answer: Which code?\n"),
            (r#""awaited": ["exec_2"]"#, "for calls that it made: `gloveport execution show exec_1`"),
        ] {
            let body = format!(r#"{{"execution_id": "exec_1", "status": "waiting", {on}}}"#);
            let ran = run_at(&Fake::answering(202, &body).await, "call t", "").await;
            assert!(ran.code == 0 && ran.err.contains(told), "{}", ran.err);
        }
        let body = r#"{"execution_id": "exec_1", "status": "waiting", "approval_id": "appr_1"}"#;
        let fake = Fake::answering(202, body).await;
        let ran = run_at(&fake, "call t", "").await;
        let waits = "exec_1 waits for a person: `gloveport approval show appr_1` shows what would leave.\n";
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", waits));

        let body = r#"{"execution_id": "exec_3", "status": "succeeded", "simulated": true, "data": 1,
            "timing": {"total_us": 200, "guest_us": 0, "upstream_us": 0}}"#;
        let fake = Fake::answering(200, body).await;
        let ran = run_at(&fake, "call t", "").await;
        let simulated = "exec_3 was simulated in 0.2 ms: nothing was sent, and the data is made up\n";
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "1\n", simulated));

        let body = r#"{"title": "Invalid input", "status": 422, "code": "invalid_input", "culprit": "caller",
            "errors": [{"path": "/repo", "message": "is missing"}], "execution_id": "exec_2"}"#;
        for option in ["", " --json"] {
            let fake = Fake::answering(422, body).await;
            let ran = run_at(&fake, &format!("call t{option}"), "").await;
            let expected = "\
Error: Invalid input
  code       invalid_input (HTTP 422)
  culprit    caller
  field      /repo: is missing
  execution  exec_2
";
            assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (1, "", expected));
        }
    }
}
