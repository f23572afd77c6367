//! `gloveport webhook`: where notices of what happens go, and what became of them.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::list::{self, MAX_ITEMS};
use super::remote::Remote;
use super::table::{Column, array_at, clean, str_at, text_at, write_list, write_rows};
use super::{CliError, Session};

/// Options of `gloveport webhook`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List webhooks.
    List,
    /// Show a webhook.
    Show(One),
    /// Make a webhook; its secret is shown this once.
    #[command(after_help = "Example:\n  gloveport webhook add https://ops.example.com/gloveport \\
      --event approval.waiting --event account.needs_attention > webhook.secret")]
    Add {
        /// Where notices are posted to.
        url: String,
        /// Of what it hears; give it again for more. Of everything if absent.
        #[arg(long = "event", value_name = "EVENT")]
        events: Vec<String>,
    },
    /// Remove a webhook, and what was to be sent to it.
    Remove(One),
    /// Send nothing to a webhook until it is enabled.
    Disable(One),
    /// Send to a webhook again.
    Enable(One),
    /// Give a webhook another secret, shown this once; for a day both sign.
    Rotate(One),
    /// Send a notice that tells of nothing.
    Test(One),
    /// List what was sent to a webhook, newest first.
    Deliveries {
        /// Its id, such as hook_….
        id: String,
        /// Only those that stand so.
        #[arg(long)]
        state: Option<State>,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Send a notice again that was given up, or now instead of later.
    Retry {
        /// Id of the webhook, such as hook_….
        id: String,
        /// Id of the notice, such as msg_….
        delivery: String,
    },
}

#[derive(ClapArgs, Debug)]
struct One {
    /// Its id, such as hook_….
    id: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    /// To be sent, or to be sent again.
    Pending,
    /// The receiver took it.
    Delivered,
    /// Given up.
    Dead,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

const COLUMNS: &[Column] =
    &[("ID", "/id"), ("URL", "/url"), ("EVENTS", "/events"), ("DISABLED", "/disabled"), ("MADE", "/created_at")];

const LINES: &[Column] = &[
    ("Id", "/id"),
    ("URL", "/url"),
    ("Events", "/events"),
    ("Disabled", "/disabled"),
    ("Both sign until", "/overlap_until"),
    ("Made", "/created_at"),
    ("Changed", "/updated_at"),
];

/// Runs `gloveport webhook`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    let client = remote.client(session)?;
    let answer = match action {
        Action::List => {
            let list = list::fetch(&client, &["v1", "webhooks"], &[], MAX_ITEMS).await?;
            return list.show(session, remote.json, COLUMNS, "There is no webhook: `gloveport webhook add URL`.");
        }
        Action::Add { url, events } => {
            let body = json!({ "url": url, "events": events });
            let answer = client.send(Method::POST, &["v1", "webhooks"], &[], &body).await?;
            return show_secret(&remote, session, &answer);
        }
        Action::Rotate(One { id }) => {
            let answer = client.send(Method::POST, &["v1", "webhooks", &id, "rotate"], &[], &json!({})).await?;
            return show_secret(&remote, session, &answer);
        }
        Action::Remove(One { id }) => {
            client.delete(&["v1", "webhooks", &id], &[]).await?;
            return Ok(writeln!(session.err, "Removed the webhook {id}.")?);
        }
        Action::Test(One { id }) => {
            let answer = client.send(Method::POST, &["v1", "webhooks", &id, "test"], &[], &json!({})).await?;
            let told = clean(str_at(&answer.value, "/id"));
            writeln!(session.err, "`gloveport webhook deliveries {id}` tells what comes of it.")?;
            return Ok(writeln!(session.out, "{told}")?);
        }
        Action::Retry { id, delivery } => {
            let path = ["v1", "webhooks", &id, "deliveries", &delivery, "retry"];
            client.send(Method::POST, &path, &[], &json!({})).await?;
            return Ok(writeln!(session.err, "The notice {delivery} is sent again.")?);
        }
        Action::Deliveries { id, state, limit } => {
            let query = [("state", state.map(State::as_str))];
            let list = list::fetch(&client, &["v1", "webhooks", &id, "deliveries"], &query, limit.max(1)).await?;
            return show_deliveries(&remote, session, &list);
        }
        Action::Show(One { id }) => client.get(&["v1", "webhooks", &id], &[]).await?,
        Action::Disable(One { id }) => switch(&client, &id, true).await?,
        Action::Enable(One { id }) => switch(&client, &id, false).await?,
    };
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    Ok(write_list(session.out, LINES, &answer.value)?)
}

async fn switch(client: &Client, id: &str, disabled: bool) -> Result<Answer, CliError> {
    client.send(Method::PATCH, &["v1", "webhooks", id], &[], &json!({ "disabled": disabled })).await
}

/// The secret is all of standard output, so that it can go into a file.
fn show_secret(remote: &Remote, session: &mut Session<'_>, answer: &Answer) -> Result<(), CliError> {
    if remote.json {
        writeln!(session.out, "{}", answer.text.trim_end())?;
    } else {
        writeln!(session.out, "{}", clean(str_at(&answer.value, "/secret")))?;
    }
    let id = clean(str_at(&answer.value, "/id"));
    Ok(writeln!(session.err, "This is the only time that the secret of {id} is shown: its receiver verifies with it.")?)
}

fn show_deliveries(remote: &Remote, session: &mut Session<'_>, list: &list::List) -> Result<(), CliError> {
    if remote.json {
        return list.show(session, true, &[], "");
    }
    let values = list.values();
    if values.is_empty() {
        return Ok(writeln!(session.err, "Nothing was sent, and nothing is to be.")?);
    }
    let row = |delivery: &Value| {
        let attempts = array_at(delivery, "/attempts");
        let last = attempts.last().map_or_else(
            || "-".to_owned(),
            |last| match last.pointer("/status").filter(|status| !status.is_null()) {
                Some(_) => text_at(last, "/status"),
                None => text_at(last, "/error"),
            },
        );
        let text = |pointer| text_at(delivery, pointer);
        vec![
            text("/id"),
            text("/event"),
            text("/at"),
            text("/state"),
            attempts.len().to_string(),
            last,
            text("/due_at"),
        ]
    };
    let titles = ["ID", "EVENT", "AT", "STATE", "ATTEMPTS", "LAST", "NEXT"];
    Ok(write_rows(session.out, &titles, values.iter().map(row).collect())?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_at};

    #[tokio::test]
    async fn a_secret_is_all_of_standard_output() {
        let body = r#"{"id": "hook_1", "secret": "whsec_x", "url": "https://a.example"}"#;
        for (args, line, sent) in [
            ("webhook add https://a.example", "POST /v1/webhooks", json!({"url": "https://a.example", "events": []})),
            (
                "webhook add https://a.example --event approval.waiting --event execution.finished",
                "POST /v1/webhooks",
                json!({"url": "https://a.example", "events": ["approval.waiting", "execution.finished"]}),
            ),
            ("webhook rotate hook_1", "POST /v1/webhooks/hook_1/rotate", json!({})),
        ] {
            let fake = Fake::answering(201, body).await;
            let ran = run_at(&fake, args, "").await;
            assert_eq!((ran.code, ran.out.as_str()), (0, "whsec_x\n"), "{args}");
            assert!(ran.err.contains("hook_1") && !ran.err.contains("whsec_x"), "{}", ran.err);
            assert_eq!((fake.request().line(), fake.request().json()), (line.to_owned(), sent));
        }
    }

    #[tokio::test]
    async fn each_action_asks_for_the_right_thing() {
        for (args, line, body) in [
            ("webhook show a/b", "GET /v1/webhooks/a%2Fb", None),
            ("webhook remove hook_1", "DELETE /v1/webhooks/hook_1", None),
            ("webhook disable hook_1", "PATCH /v1/webhooks/hook_1", Some(json!({"disabled": true}))),
            ("webhook enable hook_1", "PATCH /v1/webhooks/hook_1", Some(json!({"disabled": false}))),
            ("webhook test hook_1", "POST /v1/webhooks/hook_1/test", Some(json!({}))),
            ("webhook retry hook_1 msg_1", "POST /v1/webhooks/hook_1/deliveries/msg_1/retry", Some(json!({}))),
        ] {
            let fake = Fake::answering(200, r#"{"id": "hook_1"}"#).await;
            assert_eq!(run_at(&fake, args, "").await.code, 0, "{args}");
            assert_eq!(fake.request().line(), line);
            if let Some(body) = body {
                assert_eq!(fake.request().json(), body, "{args}");
            }
        }
    }

    #[tokio::test]
    async fn deliveries_tell_the_last_answer_or_why_there_was_none() {
        let body = r#"{"items": [
            {"id": "msg_2", "event": "webhook.test", "at": "T2", "state": "pending", "due_at": "T3",
             "attempts": [{"status": 500, "error": null}, {"status": null, "error": "timed out"}]},
            {"id": "msg_1", "event": "webhook.test", "at": "T1", "state": "delivered", "due_at": null,
             "attempts": [{"status": 204, "error": null}]}], "next_cursor": null}"#;
        let fake = Fake::answering(200, body).await;
        let ran = run_at(&fake, "webhook deliveries hook_1 --state dead", "").await;
        let table = "\
ID     EVENT         AT  STATE      ATTEMPTS  LAST       NEXT
msg_2  webhook.test  T2  pending    2         timed out  T3
msg_1  webhook.test  T1  delivered  1         204        -
";
        assert_eq!((ran.code, ran.out.as_str()), (0, table));
        assert_eq!(fake.requests()[0].target, "/v1/webhooks/hook_1/deliveries?state=dead&limit=50");
        let fake = Fake::answering(200, r#"{"items": [], "next_cursor": null}"#).await;
        assert_eq!(run_at(&fake, "webhook deliveries hook_1", "").await.out, "");
        assert_eq!(run_at(&fake, "webhook deliveries hook_1 --state odd", "").await.code, 2);
    }
}
