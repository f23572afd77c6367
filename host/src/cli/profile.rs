//! `gloveport profile`: what an agent may use.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};
use http::Method;
use serde_json::{Map, Value};

use super::list::{self, MAX_ITEMS};
use super::remote::Remote;
use super::secrets::read_text_from;
use super::table::{Column, write_list};
use super::{CliError, Session};

/// Options of `gloveport profile`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List profiles.
    List,
    /// Show a profile.
    Show {
        /// Name of the profile.
        name: String,
    },
    /// Make a profile, or put it in place of the one of its name.
    #[command(after_help = "Example of a file:
  {\"name\": \"support\", \"connections\": [
    {\"connection\": \"github\"},
    {\"connection\": \"stripe\", \"tools\": [\"stripe_refund_create\"], \"options\": {\"stripe_refund_create\":
      {\"presets\": {\"reason\": \"requested_by_customer\"}, \"approval\": true}}}]}")]
    Put {
        /// File with the profile as JSON: `name`, `connections` and, if wanted, `description`; `-` for standard input.
        file: PathBuf,
    },
    /// Remove a profile that no key is bound to.
    Remove {
        /// Name of the profile.
        name: String,
    },
}

const COLUMNS: &[Column] = &[
    ("NAME", "/name"),
    ("CONNECTIONS", "/connections/*/connection"),
    ("MISSING", "/missing/*/reason"),
    ("DESCRIPTION", "/description"),
    ("CHANGED", "/updated_at"),
];

const LINES: &[Column] = &[
    ("Name", "/name"),
    ("Id", "/id"),
    ("Description", "/description"),
    ("Connections", "/connections/*/connection"),
    ("Missing", "/missing/*/reason"),
    ("Made", "/created_at"),
    ("Changed", "/updated_at"),
];

/// Runs `gloveport profile`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    let client = remote.client(session)?;
    let answer = match action {
        Action::List => {
            let list = list::fetch(&client, &["v1", "profiles"], &[], MAX_ITEMS).await?;
            return list.show(session, remote.json, COLUMNS, "There is no profile: `gloveport profile put FILE`.");
        }
        Action::Show { name } => client.get(&["v1", "profiles", &name], &[]).await?,
        Action::Put { file } => {
            let (name, content) = read_named(&file, "profile", session)?;
            client.send(Method::PUT, &["v1", "profiles", &name], &[], &content).await?
        }
        Action::Remove { name } => {
            client.delete(&["v1", "profiles", &name], &[]).await?;
            return Ok(writeln!(session.err, "Removed the profile {name}.")?);
        }
    };
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    Ok(write_list(session.out, LINES, &answer.value)?)
}

/// The name of something in a file, and the rest of it as it was written. What `show --json` adds of its own may stay there.
pub(super) fn read_named(
    file: &Path,
    what: &str,
    session: &mut Session<'_>,
) -> Result<(String, Map<String, Value>), CliError> {
    let text = read_text_from(file, session)?;
    let mut content: Map<String, Value> = serde_json::from_str(&text)
        .map_err(|error| CliError::Usage(format!("{} is not a JSON object: {error}", file.display())))?;
    let Some(Value::String(name)) = content.remove("name") else {
        return Err(CliError::Usage(format!("{} does not say the {what}'s `name`", file.display())));
    };
    for shown in ["id", "missing", "created_at", "updated_at"] {
        content.remove(shown);
    }
    Ok((name, content))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_at};

    const SUPPORT: &str = r#"{"id": "prof_1", "name": "support", "description": "", "connections": [
        {"connection": "github"}], "missing": [{"connection": "crm", "tool": null, "reason": "there is no connection `crm`"}]}"#;

    #[tokio::test]
    async fn put_sends_the_file_to_its_name() {
        let fake = Fake::answering(200, SUPPORT).await;
        let ran = run_at(&fake, "profile put -", SUPPORT).await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert_eq!(fake.request().line(), "PUT /v1/profiles/support");
        assert_eq!(fake.request().json(), json!({"description": "", "connections": [{"connection": "github"}]}));
        let shown = "\
Name         support
Id           prof_1
Connections  github
Missing      there is no connection `crm`
";
        assert_eq!(ran.out, shown);
    }

    #[tokio::test]
    async fn a_file_that_is_no_profile_is_wrong_usage() {
        let fake = Fake::answering(200, SUPPORT).await;
        for text in ["", "{", "[]", "7", "null", "{}", r#"{"name": 7}"#, r#"{"connections": []}"#, "{} {}"] {
            assert_eq!((run_at(&fake, "profile put -", text).await.code, fake.requests().len()), (2, 0), "{text}");
        }
        assert_eq!(run_at(&fake, "profile put /nowhere/at/all", "").await.code, 1);
    }

    #[tokio::test]
    async fn list_show_and_remove_ask_for_the_right_thing() {
        let fake = Fake::answering(200, &format!(r#"{{"items": [{SUPPORT}], "next_cursor": null}}"#)).await;
        let ran = run_at(&fake, "profile list", "").await;
        assert!(ran.out.contains("support") && ran.out.contains("github") && ran.out.contains("`crm`"), "{}", ran.out);
        for (args, line) in
            [("profile show a/b", "GET /v1/profiles/a%2Fb"), ("profile remove support", "DELETE /v1/profiles/support")]
        {
            let fake = Fake::answering(200, SUPPORT).await;
            assert_eq!(run_at(&fake, args, "").await.code, 0);
            assert_eq!(fake.request().line(), line);
        }
    }
}
