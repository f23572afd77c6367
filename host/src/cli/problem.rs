//! The API's problem documents (RFC 9457), read and told to a person.

use std::io::{self, Write};

use serde::Deserialize;

use super::table::clean;

/// What a host answered instead of a result. Unknown members are left aside, missing ones are empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// What happened, in a few words.
    pub title: String,
    /// What happened, in a sentence.
    pub detail: String,
    /// What happened, for machines.
    pub code: String,
    /// Who has to act.
    pub culprit: String,
    /// Each thing wrong with the input.
    pub errors: Vec<FieldError>,
    /// The record of the attempt.
    pub execution_id: Option<String>,
    /// Where the user can connect the account.
    pub connect_link: Option<String>,
    /// Scopes that the account lacks.
    pub missing_scopes: Vec<String>,
    /// How long to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// One thing wrong with an input.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FieldError {
    /// A JSON Pointer; empty for the whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl Problem {
    /// Writes it for a person, with what to do next.
    pub(super) fn write(&self, err: &mut dyn Write) -> io::Result<()> {
        let title = if self.title.is_empty() { "the host refused" } else { &self.title };
        writeln!(err, "Error: {}", clean(title))?;
        if !self.detail.is_empty() && self.detail != self.title {
            writeln!(err, "  {}", clean(&self.detail))?;
        }
        line(err, "code", &format!("{} (HTTP {})", self.code, self.status))?;
        line(err, "culprit", &self.culprit)?;
        for error in &self.errors {
            let path = if error.path.is_empty() { "(whole)" } else { &error.path };
            line(err, "field", &format!("{path}: {}", error.message))?;
        }
        if !self.missing_scopes.is_empty() {
            line(err, "scopes", &format!("missing {}", self.missing_scopes.join(", ")))?;
        }
        line(err, "execution", self.execution_id.as_deref().unwrap_or_default())?;
        line(err, "connect", self.connect_link.as_deref().unwrap_or_default())?;
        if let Some(millis) = self.retry_after_ms {
            line(err, "retry", &format!("after {}.{:03} s", millis / 1000, millis % 1000))?;
        }
        line(err, "next", advice(&self.code))
    }
}

fn line(err: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    if value.is_empty() { Ok(()) } else { writeln!(err, "  {name:<10} {}", clean(value)) }
}

/// What the person at the command line can do about a code; empty where the detail says it all.
fn advice(code: &str) -> &'static str {
    match code {
        "unauthenticated" => "set GLOVEPORT_KEY, or name a file that holds the key with --key-file",
        "forbidden" => "use a key that may do this; `gloveport key list --json` shows the scopes of each",
        "not_found" => "check the name; the `list` command of the same group shows what there is",
        "ambiguous_account" => "choose with --connection or --account; `gloveport account list` shows them",
        "account_not_connected" => "connect it: `gloveport account connect CONNECTION IDENTIFIER --secret NAME`",
        "account_not_active" => "connect it again: `gloveport account connect CONNECTION IDENTIFIER --secret NAME`",
        "account_disabled" => "enable it: `gloveport account enable CONNECTION IDENTIFIER`",
        "missing_scopes" => "connect the account again with the missing scopes",
        "address_not_allowed" => "for development: start the host with --allow-private-network",
        "host_not_allowed" | "route_not_allowed" => {
            "`gloveport connector inspect NAME` shows what the connector may reach"
        }
        "proxy_disabled" => "an administrator allows it: `gloveport connection proxy NAME on`",
        "denied_by_policy" => "ask whoever runs the host; the execution's record names the rule",
        "approval_required" => "run the host with records: a call that waits has to be written down",
        "approval_rejected" => "a person said no, or nobody answered in time: do not repeat it unchanged",
        "input_required" => "call again, and answer with `gloveport execution continue ID --input FILE`",
        "diverged" => "something changed while the call waited: ask again",
        "not_dispatched" => "do it by other means now, or install a connector that has a tool for it",
        "rate_limited" => "wait, then try again",
        "upstream_error" | "upstream_timeout" => "the provider failed; `gloveport execution show ID` has the record",
        "modifier_failed" => "look at the modifier it names: `gloveport modifier show NAME`",
        "guest_error" | "guest_limit" => "tell the connector's author; `gloveport execution show ID` has the record",
        "cancelled" => "somebody stopped it; `gloveport execution show ID` tells how far it came",
        "unavailable" => "try again in a moment; `gloveport doctor` says what is wrong if it lasts",
        "internal" => "see the host's log, and run `gloveport doctor`",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Code;

    fn shown(json: &str) -> String {
        let problem: Problem = serde_json::from_str(json).expect("a problem");
        let mut err = Vec::new();
        problem.write(&mut err).expect("written");
        String::from_utf8(err).expect("text")
    }

    #[test]
    fn everything_a_problem_says_is_shown() {
        let json = r#"{"type": "about:blank", "title": "Invalid input", "status": 422, "detail": "2 fields are wrong.",
            "code": "invalid_input", "culprit": "caller", "errors": [{"path": "/limit", "message": "is not a number"},
            {"path": "", "message": "lacks repo"}], "execution_id": "exec_1", "connect_link": "https://h/connect/x",
            "missing_scopes": ["repo", "user"], "retry_after_ms": 3250, "later": 1}"#;
        let expected = "\
Error: Invalid input
  2 fields are wrong.
  code       invalid_input (HTTP 422)
  culprit    caller
  field      /limit: is not a number
  field      (whole): lacks repo
  scopes     missing repo, user
  execution  exec_1
  connect    https://h/connect/x
  retry      after 3.250 s
";
        assert_eq!(shown(json), expected);
    }

    #[test]
    fn little_said_is_little_shown_and_a_terminal_is_not_steered() {
        assert_eq!(shown(r#"{"status": 500, "code": "x"}"#), "Error: the host refused\n  code       x (HTTP 500)\n");
        let shown = shown(r#"{"title": "a\u001b[2Jb", "detail": "c\rd\u009b", "status": 400, "code": "e\nf"}"#);
        assert_eq!(shown, "Error: a�[2Jb\n  c�d�\n  code       e�f (HTTP 400)\n");
    }

    #[test]
    fn advice_is_given_for_known_codes_only() {
        // For these the detail and the fields say all there is to say.
        let bare = ["invalid_request", "invalid_input", "conflict", "payload_too_large"];
        for code in Code::ALL {
            assert_eq!(advice(code.as_str()).is_empty(), bare.contains(&code.as_str()), "{}", code.as_str());
        }
        assert_eq!(advice("teapot"), "");
    }
}
