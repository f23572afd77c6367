//! `gloveport client`: programs that fetch short-lived tokens, and the keys that sign these.

use clap::{Args as ClapArgs, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::client::Answer;
use super::list::{self, MAX_ITEMS};
use super::remote::Remote;
use super::table::{Column, clean, str_at, write_list};
use super::{CliError, Session};

/// Options of `gloveport client`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List clients; their secrets cannot be shown.
    List,
    /// Show a client.
    Show(One),
    /// Make a client; its secret is shown this once.
    #[command(
        after_help = "Example:\n  gloveport client add crm --scopes tools:read,tools:execute > client.secret\n  \
      curl -u client_…:$(cat client.secret) -d grant_type=client_credentials https://gloveport.example.com/oauth/token"
    )]
    Add {
        /// For people, and for rules that name approvers.
        name: String,
        /// What its tokens may do at most, with commas between.
        #[arg(long, value_name = "SCOPE", value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// The only user it may act for.
        #[arg(long)]
        identifier: Option<String>,
        /// Name of the profile that says what it may use.
        #[arg(long, value_name = "NAME")]
        profile: Option<String>,
    },
    /// Say anew what a client's tokens may do; those that it has lose what is taken away.
    Change {
        /// Its id, such as client_….
        id: String,
        /// What its tokens may do at most, with commas between.
        #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
        scopes: Option<Vec<String>>,
        /// For people, and for rules that name approvers.
        #[arg(long)]
        name: Option<String>,
    },
    /// Give a client another secret, shown this once; the old one opens nothing from then on.
    Rotate(One),
    /// Remove a client: neither its secret nor its tokens open anything from then on.
    Remove(One),
    /// Sign tokens with a new key; the old one stays published until its last token has run out.
    RotateSigningKey,
    /// List the callers that came with tokens: what their ids in records stand for.
    Seen,
}

#[derive(ClapArgs, Debug)]
struct One {
    /// Its id, such as client_….
    id: String,
}

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("NAME", "/name"),
    ("SCOPES", "/scopes"),
    ("IDENTIFIER", "/identifier"),
    ("PROFILE", "/profile"),
    ("MADE", "/created_at"),
];

const LINES: &[Column] = &[
    ("Id", "/id"),
    ("Name", "/name"),
    ("Scopes", "/scopes"),
    ("Identifier", "/identifier"),
    ("Profile", "/profile"),
    ("Made", "/created_at"),
];

const SEEN: &[Column] =
    &[("ID", "/id"), ("NAME", "/name"), ("ISSUER", "/issuer"), ("IDENTIFIER", "/identifier"), ("ROLE", "/role")];

/// Runs `gloveport client`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    let client = remote.client(session)?;
    let answer = match action {
        Action::List => {
            let list = list::fetch(&client, &["v1", "clients"], &[], MAX_ITEMS).await?;
            return list.show(session, remote.json, COLUMNS, "There is no client: `gloveport client add NAME`.");
        }
        Action::Seen => {
            let list = list::fetch(&client, &["v1", "callers"], &[], MAX_ITEMS).await?;
            return list.show(session, remote.json, SEEN, "Nobody came with a token yet.");
        }
        Action::Add { name, scopes, identifier, profile } => {
            let body = json!({ "name": name, "scopes": scopes, "identifier": identifier, "profile": profile });
            let answer = client.send(Method::POST, &["v1", "clients"], &[], &body).await?;
            return show_secret(&remote, session, &answer);
        }
        Action::Rotate(One { id }) => {
            let answer = client.send(Method::POST, &["v1", "clients", &id, "rotate"], &[], &json!({})).await?;
            return show_secret(&remote, session, &answer);
        }
        Action::Remove(One { id }) => {
            client.delete(&["v1", "clients", &id], &[]).await?;
            return Ok(writeln!(session.err, "Removed the client {id}.")?);
        }
        Action::RotateSigningKey => {
            let answer = client.send(Method::POST, &["v1", "signing-keys", "rotate"], &[], &json!({})).await?;
            return Ok(writeln!(session.out, "{}", clean(str_at(&answer.value, "/kid")))?);
        }
        Action::Change { id, scopes, name } => {
            let mut body = json!({});
            let given = [("scopes", scopes.map(Value::from)), ("name", name.map(Value::from))];
            given.into_iter().for_each(|(field, value)| {
                if let Some(value) = value {
                    body[field] = value;
                }
            });
            client.send(Method::PATCH, &["v1", "clients", &id], &[], &body).await?
        }
        Action::Show(One { id }) => client.get(&["v1", "clients", &id], &[]).await?,
    };
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    Ok(write_list(session.out, LINES, &answer.value)?)
}

/// The secret is all of standard output, so that it can go into a file.
fn show_secret(remote: &Remote, session: &mut Session<'_>, answer: &Answer) -> Result<(), CliError> {
    if remote.json {
        writeln!(session.out, "{}", answer.text.trim_end())?;
    } else {
        writeln!(session.out, "{}", clean(str_at(&answer.value, "/client_secret")))?;
    }
    let id = clean(str_at(&answer.value, "/id"));
    Ok(writeln!(
        session.err,
        "This is the only time that the secret of {id} is shown: keep it now, and keep it secret."
    )?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_at};

    #[tokio::test]
    async fn a_secret_is_all_of_standard_output() {
        let body = r#"{"id": "client_1", "client_secret": "gps_x"}"#;
        for (args, line, sent) in [
            (
                "client add crm --scopes tools:read,tools:execute --identifier ada",
                "POST /v1/clients",
                json!({"name": "crm", "scopes": ["tools:read", "tools:execute"], "identifier": "ada", "profile": null}),
            ),
            ("client rotate client_1", "POST /v1/clients/client_1/rotate", json!({})),
        ] {
            let fake = Fake::answering(201, body).await;
            let ran = run_at(&fake, args, "").await;
            assert_eq!((ran.code, ran.out.as_str()), (0, "gps_x\n"), "{args}");
            assert!(ran.err.contains("client_1") && !ran.err.contains("gps_x"), "{}", ran.err);
            assert_eq!((fake.request().line(), fake.request().json()), (line.to_owned(), sent));
        }
    }

    #[tokio::test]
    async fn each_action_asks_for_the_right_thing() {
        for (args, line, body) in [
            ("client show a/b", "GET /v1/clients/a%2Fb", None),
            ("client remove client_1", "DELETE /v1/clients/client_1", None),
            ("client rotate-signing-key", "POST /v1/signing-keys/rotate", Some(json!({}))),
            (
                "client change client_1 --scopes tools:read",
                "PATCH /v1/clients/client_1",
                Some(json!({"scopes": ["tools:read"]})),
            ),
            ("client change client_1 --name crm", "PATCH /v1/clients/client_1", Some(json!({"name": "crm"}))),
        ] {
            let fake = Fake::answering(200, r#"{"id": "client_1", "kid": "k"}"#).await;
            assert_eq!(run_at(&fake, args, "").await.code, 0, "{args}");
            assert_eq!(fake.request().line(), line);
            if let Some(body) = body {
                assert_eq!(fake.request().json(), body, "{args}");
            }
        }
    }
}
