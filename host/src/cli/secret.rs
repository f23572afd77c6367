//! `gloveport secret`: named values that connections refer to.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use http::Method;
use serde::Serialize;

use super::list::{self, MAX_ITEMS};
use super::remote::Remote;
use super::secrets::{Credentials, read_text_from, without_newline};
use super::table::{Column, write_list};
use super::{CliError, Session};

/// Options of `gloveport secret`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Store a secret; its value comes from standard input or a file, or stays where the host reads it.
    #[command(after_help = PUT_HELP)]
    Put(Put),
    /// List secrets; their values cannot be shown.
    List(Whose),
    /// Show a secret without its value.
    Show(Named),
    /// Remove a secret.
    Remove(Named),
}

const PUT_HELP: &str = "\
Examples:
  gloveport secret put billing_key --host api.stripe.com < key.txt
  gloveport secret put billing_key --host api.stripe.com --identifier ada@example.com < adas-key.txt
  gloveport secret put billing_key --host api.stripe.com --source file:/run/secrets/stripe

A connection names it: `gloveport connection add billing --connector stripe --from-secret token=billing_key`. A user's
secret is used before the one of their organization, and that before the project's.";

#[derive(ClapArgs, Debug)]
struct Put {
    #[command(flatten)]
    named: Named,
    /// A host that it may be sent to, such as api.example.com or *.example.com; repeat for more.
    #[arg(long = "host", value_name = "HOST", required = true)]
    hosts: Vec<String>,
    /// Where the host reads its value at each call: env:NAME or file:/path, as its configuration allows.
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// File with the value instead of standard input.
    #[arg(long, value_name = "FILE|-", conflicts_with = "source")]
    file: Option<PathBuf>,
}

#[derive(ClapArgs, Debug)]
struct Named {
    /// Its name.
    name: String,
    #[command(flatten)]
    whose: Whose,
}

#[derive(ClapArgs, Debug)]
struct Whose {
    /// The user whose it is.
    #[arg(long)]
    identifier: Option<String>,
    /// The organization whose it is.
    #[arg(long)]
    organization: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    value: Option<Credentials>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    hosts: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
}

const COLUMNS: &[Column] = &[
    ("NAME", "/name"),
    ("OWNER", "/owner"),
    ("IDENTIFIER", "/identifier"),
    ("ORGANIZATION", "/organization"),
    ("SOURCE", "/source"),
    ("HOSTS", "/hosts"),
    ("CHANGED", "/updated_at"),
];

const LINES: &[Column] = &[
    ("Id", "/id"),
    ("Name", "/name"),
    ("Owner", "/owner"),
    ("Identifier", "/identifier"),
    ("Organization", "/organization"),
    ("Source", "/source"),
    ("Hosts", "/hosts"),
    ("Made", "/created_at"),
    ("Changed", "/updated_at"),
];

/// Runs `gloveport secret`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    let client = remote.client(session)?;
    let answer = match action {
        Action::List(whose) => {
            let list = list::fetch(&client, &["v1", "secrets"], &whose.query(), MAX_ITEMS).await?;
            return list.show(
                session,
                remote.json,
                COLUMNS,
                "No such secret: `gloveport secret put NAME --host HOST`.",
            );
        }
        Action::Remove(named) => {
            client.delete(&named.path(), &named.whose.query()).await?;
            return Ok(writeln!(session.err, "Removed the secret {}.", named.name)?);
        }
        Action::Show(named) => client.get(&named.path(), &named.whose.query()).await?,
        Action::Put(put) => {
            let value = value_of(&put, session)?;
            let Put { named, hosts, source, .. } = &put;
            let (identifier, organization) = (named.whose.identifier.as_deref(), named.whose.organization.as_deref());
            let body = Body { value, source: source.as_deref(), hosts, identifier, organization };
            client.send(Method::PUT, &named.path(), &[], &body).await?
        }
    };
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    Ok(write_list(session.out, LINES, &answer.value)?)
}

/// The value on its way to the host, under the name that the body has for it.
fn value_of(put: &Put, session: &mut Session<'_>) -> Result<Option<Credentials>, CliError> {
    const NAME: &str = "value";
    match (&put.source, &put.file) {
        (Some(_), _) => Ok(None),
        (None, Some(path)) => {
            let text = without_newline(read_text_from(path, session)?);
            Ok(Some(Credentials::one(NAME, text)?))
        }
        (None, None) => Credentials::ask(&[NAME.to_owned()], session).map(Some),
    }
}

impl Named {
    fn path(&self) -> [&str; 3] {
        ["v1", "secrets", &self.name]
    }
}

impl Whose {
    fn query(&self) -> [(&'static str, Option<&str>); 2] {
        [("identifier", self.identifier.as_deref()), ("organization", self.organization.as_deref())]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_args_at, run_at, run_offline};

    const KEY: &str = r#"{"id": "sec_1", "name": "key", "owner": "user", "identifier": "ada", "organization": null,
        "source": null, "hosts": ["api.x.y"]}"#;

    #[tokio::test]
    async fn put_sends_the_value_from_standard_input_and_echoes_none() {
        let fake = Fake::answering(201, KEY).await;
        let ran = run_at(&fake, "secret put key --host api.x.y --identifier ada", "canary-1\n").await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert_eq!(
            ran.out,
            "Id            sec_1\nName          key\nOwner         user\nIdentifier    ada\nHosts         api.x.y\n"
        );
        assert_eq!(fake.request().line(), "PUT /v1/secrets/key");
        let expected = json!({ "value": "canary-1", "hosts": ["api.x.y"], "identifier": "ada" });
        assert_eq!(fake.request().json(), expected);
        for (args, expected) in [
            ("--host a.b --host c.d --file -", json!({ "value": "x", "hosts": ["a.b", "c.d"] })),
            (
                "--host a.b --source env:STRIPE --organization o",
                json!({ "source": "env:STRIPE", "hosts": ["a.b"], "organization": "o" }),
            ),
        ] {
            let fake = Fake::answering(201, KEY).await;
            let ran = run_at(&fake, &format!("secret put key {args}"), "x\r\n").await;
            assert_eq!((ran.code, fake.request().json()), (0, expected));
        }
    }

    #[tokio::test]
    async fn what_is_missing_or_in_the_wrong_place_is_wrong_usage() {
        for (args, input) in [
            ("secret put key", "canary"),
            ("secret put key canary --host a.b", ""),
            ("secret put key --host a.b", ""),
            ("secret put key --host a.b", "\n"),
            ("secret put key --host a.b --file -", "\n"),
            ("secret put key --host a.b --source env:A --file -", "canary"),
            ("secret put key --host a.b --value x", ""),
        ] {
            let fake = Fake::answering(201, KEY).await;
            let ran = run_args_at(&fake, &args.split(' ').collect::<Vec<_>>(), input).await;
            assert_eq!((ran.code, fake.requests().len()), (2, 0), "{args}: {}", ran.err);
        }
        assert_eq!(run_offline("secret", "").await.code, 2);
    }

    #[tokio::test]
    async fn the_others_ask_for_the_right_thing() {
        for (args, line) in [
            ("secret show key", "GET /v1/secrets/key"),
            ("secret remove key --identifier a&b", "DELETE /v1/secrets/key?identifier=a%26b"),
            ("secret list --organization o", "GET /v1/secrets?organization=o&limit=200"),
        ] {
            let fake = Fake::answering(200, &format!(r#"{{"items": [{KEY}], "next_cursor": null}}"#)).await;
            let ran = run_at(&fake, args, "").await;
            assert_eq!((ran.code, fake.request().line().as_str()), (0, line), "{}", ran.err);
        }
    }
}
