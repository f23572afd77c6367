//! The command line: `serve` runs a host, `doctor` looks at one, and the rest are clients of its public API.

mod account;
mod apply;
mod approval;
mod audit;
mod backup;
mod call;
pub(crate) mod client;
mod clients;
mod connection;
mod connector;
mod demo;
mod doctor;
mod error;
mod execution;
mod export;
mod import;
mod issuer;
mod key;
mod list;
pub(crate) mod mcp;
mod modifier;
mod policy;
mod problem;
mod profile;
mod project;
mod proxy;
mod remote;
pub mod rotate;
mod secret;
mod secrets;
pub mod serve;
mod session;
mod table;
pub mod telemetry;
#[cfg(test)]
mod testing;
mod upload;
mod upstream;
mod webhook;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use zeroize::Zeroizing;

pub use error::CliError;
pub use session::Session;

const AFTER_HELP: &str = "\
Examples:
  gloveport demo
  gloveport serve --data ./gloveport-data
  gloveport connector add github.wasm
  gloveport connection add github --connector github
  gloveport account connect github ada@example.com --secret token < token.txt
  gloveport call github_user_get --identifier ada@example.com --input '{}'

Environment:
  GLOVEPORT_SERVER     address of the running host (default http://127.0.0.1:7070)
  GLOVEPORT_KEY        API key for it; never an argument, since arguments are visible to others
  GLOVEPORT_ADMIN_KEY  for `serve`: the first admin key
  SSL_CERT_FILE        for https: certificates to trust instead of the system's

Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Connectors for agents, sealed: the agent and the connector never hold a credential.
#[derive(Debug, Parser)]
#[command(name = "gloveport", version, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a host.
    Serve(serve::Args),
    /// Show sealed calls against imitated providers, and what each party held of the credential.
    Demo(demo::Args),
    /// Make a host as files say: connectors, connections, profiles, policies and so on.
    Apply(apply::Args),
    /// Print what a host has, as `apply` takes it.
    Export(export::Args),
    /// Install and look at connectors.
    Connector(connector::Args),
    /// Configure connectors.
    Connection(connection::Args),
    /// Connect users' accounts.
    Account(account::Args),
    /// Store named values that connections refer to.
    Secret(secret::Args),
    /// Execute a tool.
    Call(call::Args),
    /// Send a request of your own through a connection that allows it.
    Proxy(proxy::Args),
    /// Look at what was executed.
    Execution(execution::Args),
    /// Look at what waits for a person, and decide.
    Approval(approval::Args),
    /// The rules that decide on calls.
    Policy(policy::Args),
    /// Say what an agent may use.
    Profile(profile::Args),
    /// Serve tools to MCP clients: what they are offered, and the URLs of users.
    Mcp(mcp::Args),
    /// Change inputs and outputs of tools.
    Modifier(modifier::Args),
    /// Let programs hear of what happens.
    Webhook(webhook::Args),
    /// Manage API keys and the master key.
    Key(key::Args),
    /// Let programs fetch short-lived tokens.
    Client(clients::Args),
    /// Take tokens of others.
    Issuer(issuer::Args),
    /// Copy the database into one file, while a host runs.
    Backup(backup::BackUp),
    /// Make a backup the database of a new host.
    Restore(backup::Restore),
    /// Verify the chain of audit rows, and keep copies of it.
    Audit(audit::Args),
    /// Keep tenants of one host apart.
    Project(project::Args),
    /// Check that a host can run here, and say what to do where it cannot.
    Doctor(doctor::Args),
}

/// Reads the process's arguments, runs the command on its standard streams and gives the exit code.
#[expect(clippy::disallowed_methods, reason = "the API key of a client, which has no configuration of its own")]
pub fn main() -> ExitCode {
    let key = std::env::var("GLOVEPORT_KEY").ok().map(Zeroizing::new);
    let (mut stdin, mut stdout, mut stderr) = (io::stdin(), io::stdout(), io::stderr());
    let interactive = stdin.is_terminal();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Nothing is left to tell if standard error is closed as well.
            let _ = writeln!(stderr, "Error: the async runtime does not start: {error}");
            return ExitCode::from(error::FAILED);
        }
    };
    let mut session = Session { out: &mut stdout, err: &mut stderr, input: &mut stdin, interactive, key };
    ExitCode::from(runtime.block_on(start(std::env::args_os(), &mut session)))
}

/// Parses `arguments` (the first is the program's name), runs the command, and gives the exit code.
pub async fn start(arguments: impl IntoIterator<Item = OsString>, session: &mut Session<'_>) -> u8 {
    let result = match Cli::try_parse_from(arguments) {
        Ok(cli) => run(cli, session).await,
        Err(refusal) => return show_refusal(&refusal, session),
    };
    let result = result.and_then(|()| Ok(session.out.flush()?));
    match result {
        Ok(()) => error::DONE,
        Err(error) => error.report(session.err),
    }
}

async fn run(cli: Cli, session: &mut Session<'_>) -> Result<(), CliError> {
    match cli.command {
        Command::Serve(args) => serve::run(args, session).await,
        Command::Demo(args) => demo::run(args, session).await,
        Command::Apply(args) => apply::run(args, session).await,
        Command::Export(args) => export::run(args, session).await,
        Command::Connector(args) => connector::run(args, session).await,
        Command::Connection(args) => connection::run(args, session).await,
        Command::Account(args) => account::run(args, session).await,
        Command::Secret(args) => secret::run(args, session).await,
        Command::Call(args) => call::run(args, session).await,
        Command::Proxy(args) => proxy::run(args, session).await,
        Command::Execution(args) => execution::run(args, session).await,
        Command::Approval(args) => approval::run(args, session).await,
        Command::Policy(args) => policy::run(args, session).await,
        Command::Profile(args) => profile::run(args, session).await,
        Command::Mcp(args) => mcp::run(args, session).await,
        Command::Modifier(args) => modifier::run(args, session).await,
        Command::Webhook(args) => webhook::run(args, session).await,
        Command::Key(args) => key::run(args, session).await,
        Command::Client(args) => clients::run(args, session).await,
        Command::Issuer(args) => issuer::run(args, session).await,
        Command::Backup(args) => backup::back_up(args, session).await,
        Command::Restore(args) => backup::restore(args, session).await,
        Command::Audit(args) => audit::run(args, session).await,
        Command::Project(args) => project::run(args, session).await,
        Command::Doctor(args) => doctor::run(args, session).await,
    }
}

/// Help and version go to standard output and are no failure; anything else is wrong usage.
fn show_refusal(refusal: &clap::Error, session: &mut Session<'_>) -> u8 {
    let text = refusal.render();
    let written = if refusal.use_stderr() { write!(session.err, "{text}") } else { write!(session.out, "{text}") };
    match written {
        Ok(()) if refusal.use_stderr() => error::USAGE,
        Ok(()) => error::DONE,
        Err(error) => CliError::from(error).report(session.err),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;
    use super::testing::run_offline;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[tokio::test]
    async fn help_is_no_failure_and_wrong_usage_is() {
        for args in ["--help", "--version", "connector --help", "account connect --help", "help call", "doctor -h"] {
            let ran = run_offline(args, "").await;
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args}");
            assert!(!ran.out.is_empty(), "{args}");
        }
        for args in [
            "",
            "nonsense",
            "connector",
            "connector add",
            "connector inspect",
            "connection add x",
            "account connect x",
            "call",
            "profile",
            "profile put",
            "mcp",
            "mcp --url nowhere",
            "mcp --url http://ada:secret@example.com/mcp/x",
            "mcp --url http://localhost/mcp/x --config support",
            "mcp --identifier ada",
            "mcp --snippets",
            "mcp url support",
            "mcp url support ada --client odd",
            "mcp config",
            "webhook",
            "secret",
            "secret put",
            "project",
            "project add",
            "project add a/b",
            "webhook add",
            "webhook deliveries hook_1 --state odd",
            "key add",
            "key add --role root",
            "key rotate now",
            "client add crm",
            "issuer put login",
            "doctor --nonsense",
            "demo --nonsense",
            "audit",
            "audit export",
            "audit verify --head nonsense",
            "audit verify --file a --data b",
            "serve --listen nowhere",
            "serve --allow-private-network 10.0.0.0/99",
            "serve --log-format xml",
            "connector list --key gp_x",
            "connector list --server not-a-url",
            "connector list --server file:///etc/passwd",
            "connector list --server http://ada:secret@example.com",
        ] {
            let ran = run_offline(args, "").await;
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args}: {}", ran.err);
            assert!(!ran.err.is_empty(), "{args}");
        }
    }

    #[tokio::test]
    async fn every_command_has_a_line_of_help_and_names_the_environment() {
        fn walk(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} says nothing", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {} says nothing", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
        let help = run_offline("--help", "").await.out;
        for name in ["GLOVEPORT_SERVER", "GLOVEPORT_KEY", "GLOVEPORT_ADMIN_KEY", "Exit codes"] {
            assert!(help.contains(name), "{name} is not in the help");
        }
    }
}
