//! `gloveport serve`: run a host.

use std::path::PathBuf;

use tokio::net::TcpListener;

use super::telemetry::{self, LogFormat, LogLevel};
use super::{CliError, Session};
use crate::app::{App, Surroundings};
use crate::config::{Config, ConfigError, ConfigFile, Environment};
use crate::server;

/// Options of `gloveport serve`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  gloveport serve --data ./gloveport-data
  gloveport serve --listen 0.0.0.0:7070 --public-url https://tools.example.com --log-format json

Environment:
  GLOVEPORT_ADMIN_KEY   the first admin key; without it one is made and printed once
  GLOVEPORT_MASTER_KEY  the key that seals all secrets, base64 of 32 bytes; without it DIR/master.key is used")]
pub struct Args {
    /// Folder of the database, the master key and compiled connectors; made if it is not there. [default:
    /// ./gloveport-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address to listen on. [default: 127.0.0.1:7070]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Database to use instead of a file in the data folder, such as postgres://host/name.
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// TOML file with the same options; what is said here wins.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address at which others reach this host; request headers are never trusted for it.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Networks that are not public and may be reached all the same, for development and tests; never metadata
    /// addresses.
    #[arg(long, value_name = "CIDR", num_args = 1.., value_delimiter = ',')]
    pub allow_private_network: Vec<String>,
    /// PEM file of a certificate authority to trust besides the system's.
    #[arg(long, value_name = "FILE")]
    pub extra_ca: Option<PathBuf>,
    /// Component that runs the tools of imported documents. [default: plugins/openapi.wasm beside the program, or beside
    /// its folder]
    #[arg(long, value_name = "FILE")]
    pub generic: Option<PathBuf>,
    /// How many connectors may run at the same time. [default: 1000]
    #[arg(long, value_name = "N")]
    pub max_concurrent_calls: Option<u32>,
    /// How log lines look.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// How much is logged. Bodies and secrets are at no level.
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,
}

impl Args {
    fn written(self) -> ConfigFile {
        let networks = self.allow_private_network;
        ConfigFile {
            data: self.data,
            listen: self.listen,
            database: self.database,
            public_url: self.public_url,
            allow_private_network: if networks.is_empty() { None } else { Some(networks) },
            extra_ca: self.extra_ca,
            generic: self.generic,
            max_concurrent_calls: self.max_concurrent_calls,
            // Too much for a line: only in the file.
            limits: None,
            records: None,
            connect: None,
            mcp: None,
            secrets: None,
        }
    }
}

/// Runs `gloveport serve` until it is told to stop by an interrupt or a termination signal.
///
/// # Errors
///
/// [`CliError::Failed`] with what to do, where the host cannot start or does not end cleanly.
pub async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let (format, level) = (args.log_format, args.log_level);
    let file = match &args.config {
        Some(path) => ConfigFile::read(path).map_err(failed)?,
        None => ConfigFile::default(),
    };
    let config = Config::resolve(file.overlaid(args.written()), Environment::read()).map_err(refused)?;
    telemetry::start(format, level)?;
    let (listen, data) = (config.listen, config.data.clone());
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        CliError::Failed(format!("cannot listen on {listen}: {error}. Choose another with --listen"))
    })?;
    let app = App::open(config, Surroundings::system()).await.map_err(failed)?;
    if let Some(key) = &app.first_key {
        writeln!(session.out, "First admin key, shown this once: {key}")?;
    }
    let address = listener.local_addr()?;
    writeln!(session.out, "Listening on http://{address}, data in {}", data.display())?;
    session.out.flush()?;
    server::run(listener, app, stop_signal()?).await.map_err(failed)
}

/// Resolves at the first interrupt or termination signal.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static, CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// A value that makes no sense was typed wrong; a file that cannot be read is a failure.
fn refused(error: ConfigError) -> CliError {
    match error {
        ConfigError::Value { .. } => CliError::Usage(error.to_string()),
        ConfigError::Unreadable { .. } | ConfigError::Invalid { .. } => failed(error),
    }
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(error.to_string())
}
