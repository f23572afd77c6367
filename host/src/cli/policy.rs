//! `gloveport policy`: the ordered rules that decide on calls.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use http::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::list::{self, MAX_ITEMS};
use super::remote::Remote;
use super::table::{Column, array_at, clean, str_at, text_at, write_list, write_rows};
use super::{CliError, Session};

mod past;

/// Options of `gloveport policy`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the rules in the order in which they are tried.
    List,
    /// Show a rule.
    Show {
        /// Its id, such as pol_….
        id: String,
    },
    /// Add a rule; its condition is checked now.
    #[command(after_help = ADD_HELP)]
    Add(Add),
    /// Remove a rule.
    Remove {
        /// Its id, such as pol_….
        id: String,
    },
    /// Say what the rules would decide on a call; nothing runs.
    #[command(after_help = "Example:\n  gloveport policy try refund.create --input '{\"amount\": 5001}'")]
    Try(Try),
    /// Say which calls that were made would end otherwise now; nothing runs.
    #[command(
        after_help = "Example:\n  gloveport policy past --since 2026-01-24T00:00:00Z --tool stripe_refund_create"
    )]
    Past(past::Past),
    /// Show what holds where no rule does.
    Defaults,
}

const ADD_HELP: &str = "\
Examples:
  gloveport policy add 'small refunds' --when 'tool == \"stripe_refund_create\" && payload.amount > 5000' \\
      --deny 'refunds above 50.00 are made by people'
  gloveport policy add 'people look at writes' --when 'effect != \"read\"' --ask at-write

A condition is CEL over tool, action_type, connector, connection, effect, caller, identifier, organization, payload,
chat_id, trigger_type and time. The first rule whose condition holds decides.";

#[derive(ClapArgs, Debug)]
struct Add {
    /// For people.
    name: String,
    /// Of which calls it speaks: a condition in CEL.
    #[arg(long, value_name = "CEL")]
    when: String,
    #[command(flatten)]
    outcome: OutcomeArgs,
    /// Where in the order; after all others if absent.
    #[arg(long, value_name = "N")]
    position: Option<i64>,
}

#[derive(ClapArgs, Debug)]
#[group(required = true, multiple = false)]
struct OutcomeArgs {
    /// The call runs.
    #[arg(long)]
    allow: bool,
    /// The call does not run, and the agent reads why.
    #[arg(long, value_name = "REASON")]
    deny: Option<String>,
    /// The call waits for an administrator.
    #[arg(long, value_name = "WHEN")]
    ask: Option<At>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum At {
    /// Before anything of it runs.
    Before,
    /// At its first request that writes.
    AtWrite,
}

#[derive(ClapArgs, Debug)]
struct Try {
    /// Name or alias of the tool.
    tool: String,
    /// As which user.
    #[arg(long)]
    identifier: Option<String>,
    /// Through which connection.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// The tool's input.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    input: String,
}

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("POSITION", "/position"),
    ("NAME", "/name"),
    ("WHEN", "/condition"),
    ("OUTCOME", "/outcome/outcome"),
];

const LINES: &[Column] = &[
    ("Id", "/id"),
    ("Position", "/position"),
    ("Name", "/name"),
    ("When", "/condition"),
    ("Outcome", "/outcome"),
    ("Made", "/created_at"),
    ("Changed", "/updated_at"),
];

/// Runs `gloveport policy`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    let client = remote.client(session)?;
    let answer = match action {
        Action::List => {
            let list = list::fetch(&client, &["v1", "policies"], &[], MAX_ITEMS).await?;
            let none = "There are no rules: the effect of a tool decides. `gloveport policy defaults` shows how.";
            return list.show(session, remote.json, COLUMNS, none);
        }
        Action::Remove { id } => {
            client.delete(&["v1", "policies", &id], &[]).await?;
            return Ok(writeln!(session.err, "Removed the rule {id}.")?);
        }
        Action::Try(supposed) => return try_call(&remote, session, supposed).await,
        Action::Past(past) => return past::run(past, &remote, session).await,
        Action::Show { id } => client.get(&["v1", "policies", &id], &[]).await?,
        Action::Add(add) => client.send(Method::POST, &["v1", "policies"], &[], &body(&add)).await?,
        Action::Defaults => client.get(&["v1", "policies", "defaults"], &[]).await?,
    };
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    const DEFAULTS: &[Column] = &[("Read", "/read"), ("Write", "/write"), ("Destroy", "/destroy")];
    let lines = if answer.value.get("id").is_some() { LINES } else { DEFAULTS };
    Ok(write_list(session.out, lines, &answer.value)?)
}

fn body(add: &Add) -> Value {
    let outcome = match (&add.outcome.deny, add.outcome.ask) {
        (Some(reason), _) => json!({ "outcome": "deny", "reason": reason }),
        (None, Some(At::Before)) => json!({ "outcome": "ask", "at": "before" }),
        (None, Some(At::AtWrite)) => json!({ "outcome": "ask", "at": "at_write" }),
        (None, None) => json!({ "outcome": "allow" }),
    };
    let mut body = json!({ "name": add.name, "condition": add.when, "outcome": outcome });
    if let Some(position) = add.position {
        body["position"] = position.into();
    }
    body
}

async fn try_call(remote: &Remote, session: &mut Session<'_>, supposed: Try) -> Result<(), CliError> {
    /// The input goes as it was written: numbers keep every digit.
    #[derive(serde::Serialize)]
    struct Body<'a> {
        tool: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        identifier: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        connection: Option<&'a str>,
        input: Box<RawValue>,
    }
    let input = RawValue::from_string(supposed.input)
        .map_err(|error| CliError::Usage(format!("the input is not JSON: {error}")))?;
    let body = Body {
        tool: &supposed.tool,
        identifier: supposed.identifier.as_deref(),
        connection: supposed.connection.as_deref(),
        input,
    };
    let answer = remote.client(session)?.send(Method::POST, &["v1", "policies", "evaluate"], &[], &body).await?;
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    let outcome = clean(str_at(&answer.value, "/outcome/outcome"));
    writeln!(session.out, "{outcome}: {}", text_at(&answer.value, "/why"))?;
    let tried = array_at(&answer.value, "/tried");
    if tried.is_empty() {
        return Ok(());
    }
    let row = |tried: &Value| vec![text_at(tried, "/policy_id"), text_at(tried, "/held"), text_at(tried, "/error")];
    writeln!(session.out)?;
    Ok(write_rows(session.out, &["RULE", "HOLDS", "ERROR"], tried.iter().map(row).collect())?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_args_at, run_at, run_offline};

    #[tokio::test]
    async fn a_rule_is_added_with_one_outcome() {
        for (outcome, expected) in [
            (vec!["--allow"], json!({ "outcome": "allow" })),
            (vec!["--deny", "too much"], json!({ "outcome": "deny", "reason": "too much" })),
            (vec!["--ask", "before"], json!({ "outcome": "ask", "at": "before" })),
            (vec!["--ask", "at-write"], json!({ "outcome": "ask", "at": "at_write" })),
        ] {
            let fake = Fake::answering(201, r#"{"id": "pol_1", "name": "n", "position": 7}"#).await;
            let args = [&["policy", "add", "n", "--when", "payload.amount > 1", "--position", "7"], &outcome[..]];
            let ran = run_args_at(&fake, &args.concat(), "").await;
            assert_eq!((ran.code, fake.request().line().as_str()), (0, "POST /v1/policies"), "{}", ran.err);
            let body = json!({ "name": "n", "condition": "payload.amount > 1", "outcome": expected, "position": 7 });
            assert_eq!(fake.request().json(), body);
            assert!(ran.out.contains("pol_1"), "{}", ran.out);
        }
        for wrong in ["", " --allow --deny no", " --ask later", " --deny"] {
            assert_eq!(run_offline(&format!("policy add n --when true{wrong}"), "").await.code, 2, "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_trial_tells_the_outcome_and_each_rule() {
        let answer = json!({ "outcome": { "outcome": "deny" }, "why": "rule \"large\"",
            "tried": [{ "policy_id": "pol_1", "held": true, "error": null, "cost": 3 }] });
        let fake = Fake::answering(200, &answer.to_string()).await;
        let args = ["policy", "try", "refund.create", "--input", r#"{"amount": 5000.0000000000000000001}"#];
        let ran = run_args_at(&fake, &args, "").await;
        assert_eq!(fake.request().line(), "POST /v1/policies/evaluate");
        let sent = String::from_utf8(fake.request().body).expect("text");
        assert_eq!(sent, r#"{"tool":"refund.create","input":{"amount": 5000.0000000000000000001}}"#);
        assert_eq!(ran.out, "deny: rule \"large\"\n\nRULE   HOLDS  ERROR\npol_1  yes    -\n");
        assert_eq!(run_at(&fake, "policy try t --input {", "").await.code, 2);
    }
}
