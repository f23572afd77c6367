//! `gloveport connector server`, `discover` and `accept`: an MCP server becomes a connector, and what it changes is looked at.

use clap::{Args as ClapArgs, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use super::remote::Remote;
use super::table::{clean, str_at};
use super::{CliError, Session, import};

pub(super) const HELP: &str = "\
Examples:
  gloveport connector server desk https://mcp.example.com/mcp --auth oauth
  gloveport connection add desk --connector desk
  gloveport connector discover desk --identifier ada

The server is asked for its tools with the account of the user that `discover` names, and from then on now and then by the
host, with the same account. What it adds or changes is shown by `discover`, and waits for `gloveport connector accept`.";

/// How users authorize a server.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Auth {
    /// Not at all.
    None,
    /// By a token that each user brings.
    Bearer,
    /// Where the server says that they sign in.
    Oauth,
}

/// Whose list of tools a server has.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tools {
    /// The same for everybody.
    Connector,
    /// Each account's own.
    Account,
}

/// Options of `gloveport connector server`.
#[derive(ClapArgs, Debug)]
pub(super) struct Server {
    /// Name of the connector, with which the names of its tools begin.
    name: String,
    /// Address of the server.
    #[arg(value_name = "URL")]
    url: String,
    /// How users authorize it.
    #[arg(long, value_enum, default_value = "none")]
    auth: Auth,
    /// Take over what the server changes without asking.
    #[arg(long)]
    take_changes: bool,
    /// Whose list of tools the server has.
    #[arg(long, value_enum, default_value = "connector")]
    tools: Tools,
    /// Seconds after which the host asks again for the list of tools where the server does not say; 0 for never.
    #[arg(long, value_name = "SECONDS")]
    refresh: Option<u64>,
    /// Only show what would become of it.
    #[arg(long)]
    dry_run: bool,
}

/// Options of `gloveport connector discover`.
#[derive(ClapArgs, Debug)]
pub(super) struct Discover {
    /// Name of the connector.
    name: String,
    /// User whose account the server is asked with.
    #[arg(long, value_name = "ID")]
    identifier: Option<String>,
    /// Account, in place of a user.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Connection, where the user has accounts on several.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Only show what would become of it.
    #[arg(long)]
    dry_run: bool,
}

/// Runs `gloveport connector server`.
pub(super) async fn server(remote: &Remote, asked: Server, session: &mut Session<'_>) -> Result<(), CliError> {
    let Server { name, url, auth, take_changes, tools, refresh, dry_run } = asked;
    let auth = match auth {
        Auth::None => json!({ "name": "none", "title": "No account", "type": "none" }),
        Auth::Bearer => json!({ "name": "bearer", "title": "Access token", "type": "bearer", "field": "token",
            "fields": [{ "name": "token", "label": "Access token", "type": "password" }] }),
        Auth::Oauth => json!({ "name": "oauth", "title": "Sign in", "type": "mcp_oauth" }),
    };
    let changes = if take_changes { "take" } else { "hold" };
    let mut mcp = json!({ "url": url, "auth": [auth], "changes": changes });
    if matches!(tools, Tools::Account) {
        mcp["tools"] = "account".into();
    }
    if let Some(refresh) = refresh {
        mcp["refresh_seconds"] = refresh.into();
    }
    let body = json!({ "mcp": mcp, "dry_run": dry_run });
    send(remote, (Method::PUT, &["v1", "connectors", &name]), &body, session).await
}

/// Runs `gloveport connector discover`.
pub(super) async fn discover(remote: &Remote, asked: Discover, session: &mut Session<'_>) -> Result<(), CliError> {
    let Discover { name, identifier, account, connection, dry_run } = asked;
    let body = json!({ "identifier": identifier, "account": account, "connection": connection, "dry_run": dry_run });
    send(remote, (Method::POST, &["v1", "connectors", &name, "discover-tools"]), &body, session).await
}

/// Runs `gloveport connector accept`.
pub(super) async fn accept(
    remote: &Remote,
    name: &str,
    digest: &str,
    session: &mut Session<'_>,
) -> Result<(), CliError> {
    let body = json!({ "digest": digest });
    send(remote, (Method::POST, &["v1", "connectors", name, "accept-tools"]), &body, session).await
}

async fn send(
    remote: &Remote,
    (method, path): (Method, &[&str]),
    body: &Value,
    session: &mut Session<'_>,
) -> Result<(), CliError> {
    let answer = remote.client(session)?.send(method, path, &[], body).await?;
    if remote.json {
        return Ok(writeln!(session.out, "{}", answer.text.trim_end())?);
    }
    import::show(session, &answer.value)?;
    let held = &answer.value["held"];
    if held.is_null() {
        return Ok(());
    }
    writeln!(session.out, "The server has changed, and its tools are as they were:")?;
    import::differences(session, &held["difference"])?;
    let [name, digest] = [str_at(&answer.value, "/name"), str_at(held, "/digest")].map(clean);
    writeln!(session.err, "Accept it with: gloveport connector accept {name} {digest}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::cli::testing::{Fake, run_args_at, run_offline};

    const DONE: &str = r#"{"name": "desk", "version": "3+ab", "auth": [{"name": "oauth"}], "tools": [],
        "skipped": [], "warnings": [], "created": false, "dry_run": false,
        "difference": {"breaking": false, "added": [], "removed": [], "changed": []},
        "held": {"digest": "abc", "difference": {"breaking": false, "added": [], "removed": [],
            "changed": [{"operation": "pay", "tool": "desk_pay", "what": ["it is described otherwise"], "breaking": false}]}}}"#;

    async fn sent(line: &[&str]) -> (String, Value, String, String) {
        let fake = Fake::answering(200, DONE).await;
        let ran = run_args_at(&fake, line, "").await;
        assert_eq!(ran.code, 0, "{}", ran.err);
        let request = fake.request();
        (request.line(), serde_json::from_slice(&request.body).unwrap(), ran.out, ran.err)
    }

    #[tokio::test]
    async fn a_server_is_named_asked_and_accepted() {
        let url = "https://mcp.example.com/mcp";
        let (line, body, ..) = sent(&["connector", "server", "desk", url, "--auth", "oauth"]).await;
        assert_eq!(line, "PUT /v1/connectors/desk");
        assert_eq!((&body["mcp"]["url"], &body["mcp"]["auth"][0]["type"]), (&json!(url), &json!("mcp_oauth")));
        assert_eq!((&body["mcp"]["changes"], body["mcp"].get("refresh_seconds")), (&json!("hold"), None));
        let line = ["connector", "server", "desk", url, "--refresh", "0", "--tools", "account"];
        let (_, body, ..) = sent(&line).await;
        assert_eq!((&body["mcp"]["refresh_seconds"], &body["mcp"]["tools"]), (&json!(0), &json!("account")));
        let (line, body, out, err) = sent(&["connector", "discover", "desk", "--identifier", "ada"]).await;
        assert_eq!((line.as_str(), &body["identifier"]), ("POST /v1/connectors/desk/discover-tools", &json!("ada")));
        assert!(out.contains("~ pay  desk_pay: it is described otherwise\n"), "{out}");
        assert!(err.contains("gloveport connector accept desk abc"), "{err}");
        let (line, body, ..) = sent(&["connector", "accept", "desk", "abc"]).await;
        assert_eq!((line.as_str(), body), ("POST /v1/connectors/desk/accept-tools", json!({ "digest": "abc" })));
    }

    #[tokio::test]
    async fn what_is_missing_is_told() {
        for line in ["connector server desk", "connector accept desk", "connector server desk https://x --auth magic"] {
            let ran = run_offline(line, "").await;
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{line}");
        }
    }
}
