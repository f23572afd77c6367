//! `gloveport issuer`: whose tokens are taken.

use clap::{Args as ClapArgs, Subcommand};
use http::Method;
use serde_json::{Map, Value};

use super::list::{self, MAX_ITEMS};
use super::remote::Remote;
use super::table::{Column, write_list};
use super::{CliError, Session};

/// Options of `gloveport issuer`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List issuers whose tokens are taken.
    List,
    /// Show an issuer.
    Show(One),
    /// Trust an issuer, or change how.
    #[command(after_help = "Example:\n  gloveport issuer put login --issuer https://login.example.com \\
      --audience https://gloveport.example.com --claim identifier=email")]
    Put(Put),
    /// Trust an issuer no more: its tokens open nothing from then on.
    Remove(One),
}

#[derive(ClapArgs, Debug)]
struct One {
    /// Its name.
    name: String,
}

#[derive(ClapArgs, Debug)]
struct Put {
    /// Its name here.
    name: String,
    /// As its tokens name it.
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// What its tokens for this project name as their audience.
    #[arg(long)]
    audience: String,
    /// Where its keys are; its OpenID metadata tells it otherwise.
    #[arg(long, value_name = "URL")]
    jwks_url: Option<String>,
    /// The ways in which it signs, with commas between; RS256 otherwise.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    algorithms: Option<Vec<String>>,
    /// Which claim is identifier, organization, scopes or role, such as identifier=email; empty for none.
    #[arg(long = "claim", value_name = "WHAT=CLAIM", value_parser = claim)]
    claims: Vec<(String, String)>,
    /// The most that its tokens may do, with commas between; what agents may otherwise.
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    scopes: Option<Vec<String>>,
    /// Name of the profile that says what they may use.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

const COLUMNS: &[Column] = &[
    ("NAME", "/name"),
    ("ISSUER", "/issuer"),
    ("AUDIENCE", "/audience"),
    ("ALGORITHMS", "/algorithms"),
    ("SCOPES", "/scopes"),
];

const LINES: &[Column] = &[
    ("Name", "/name"),
    ("Issuer", "/issuer"),
    ("Audience", "/audience"),
    ("Keys", "/jwks_url"),
    ("Algorithms", "/algorithms"),
    ("Identifier", "/claims/identifier"),
    ("Organization", "/claims/organization"),
    ("Scopes from", "/claims/scopes"),
    ("Role from", "/claims/role"),
    ("Scopes", "/scopes"),
    ("Profile", "/profile"),
    ("Made", "/created_at"),
    ("Changed", "/updated_at"),
];

/// Runs `gloveport issuer`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let Args { remote, action } = args;
    let client = remote.client(session)?;
    let answer = match action {
        Action::List => {
            let list = list::fetch(&client, &["v1", "issuers"], &[], MAX_ITEMS).await?;
            return list.show(session, remote.json, COLUMNS, "No tokens of others are taken: `gloveport issuer put`.");
        }
        Action::Remove(One { name }) => {
            client.delete(&["v1", "issuers", &name], &[]).await?;
            return Ok(writeln!(session.err, "Tokens of {name} are taken no more.")?);
        }
        Action::Show(One { name }) => client.get(&["v1", "issuers", &name], &[]).await?,
        Action::Put(put) => client.send(Method::PUT, &["v1", "issuers", &put.name], &[], &body(&put)).await?,
    };
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    Ok(write_list(session.out, LINES, &answer.value)?)
}

fn body(put: &Put) -> Value {
    let mut body = Map::new();
    body.insert("issuer".into(), put.issuer.clone().into());
    body.insert("audience".into(), put.audience.clone().into());
    let given = [
        ("jwks_url", put.jwks_url.clone().map(Value::from)),
        ("algorithms", put.algorithms.clone().map(Value::from)),
        ("scopes", put.scopes.clone().map(Value::from)),
        ("profile", put.profile.clone().map(Value::from)),
    ];
    body.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    if !put.claims.is_empty() {
        let claim = |(what, claim): &(String, String)| {
            (what.clone(), if claim.is_empty() { Value::Null } else { claim.clone().into() })
        };
        body.insert("claims".into(), put.claims.iter().map(claim).collect::<Map<_, _>>().into());
    }
    body.into()
}

fn claim(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((what @ ("identifier" | "organization" | "scopes" | "role"), claim)) => Ok((what.into(), claim.into())),
        _ => Err("write identifier=, organization=, scopes= or role=, and the claim".into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::testing::{Fake, run_at};

    #[tokio::test]
    async fn what_is_written_is_what_is_sent() {
        let least = json!({"issuer": "https://a.example", "audience": "me"});
        let most = json!({"issuer": "https://a.example", "audience": "me", "jwks_url": "https://a.example/k",
            "algorithms": ["ES256", "RS256"], "scopes": ["tools:read"], "profile": "p",
            "claims": {"identifier": "email", "organization": null}});
        for (args, sent) in [
            ("issuer put login --issuer https://a.example --audience me", least),
            (
                "issuer put login --issuer https://a.example --audience me --jwks-url https://a.example/k \
                 --algorithms ES256,RS256 --scopes tools:read --profile p --claim identifier=email --claim organization=",
                most,
            ),
        ] {
            let fake = Fake::answering(201, r#"{"name": "login"}"#).await;
            assert_eq!(run_at(&fake, args, "").await.code, 0, "{args}");
            assert_eq!((fake.request().line(), fake.request().json()), ("PUT /v1/issuers/login".into(), sent));
        }
        let fake = Fake::answering(201, "{}").await;
        let odd = "issuer put login --issuer https://a.example --audience me --claim name=x";
        assert_eq!(run_at(&fake, odd, "").await.code, 2);
    }

    #[tokio::test]
    async fn list_show_and_remove() {
        let fake = Fake::answering(200, r#"{"items": [{"name": "login", "issuer": "i"}], "next_cursor": null}"#).await;
        assert!(run_at(&fake, "issuer list", "").await.out.contains("login"));
        for (args, line) in
            [("issuer show a/b", "GET /v1/issuers/a%2Fb"), ("issuer remove login", "DELETE /v1/issuers/login")]
        {
            let fake = Fake::answering(200, "{}").await;
            assert_eq!((run_at(&fake, args, "").await.code, fake.request().line()), (0, line.to_owned()));
        }
    }
}
