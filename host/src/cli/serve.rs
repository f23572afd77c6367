//! `gloveport serve`: run a host.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use ipnet::IpNet;
use url::Url;

use super::CliError;
use super::remote::parse_server;

/// Options of `gloveport serve`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  gloveport serve --data ./gloveport-data
  gloveport serve --listen 0.0.0.0:7070 --public-url https://tools.example.com --log-format json

Environment:
  GLOVEPORT_ADMIN_KEY  the first admin key; without it one is made and printed once")]
pub struct Args {
    /// Folder of the database, the master key and compiled connectors; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "./gloveport-data")]
    pub data: PathBuf,
    /// Address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7070")]
    pub listen: SocketAddr,
    /// Database to use instead of a file in the data folder, such as postgres://host/name.
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// File with further configuration.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address at which others reach this host; request headers are never trusted for it.
    #[arg(long, value_name = "URL", value_parser = parse_server)]
    pub public_url: Option<Url>,
    /// Networks that are not public and may be reached all the same, for development and tests; never metadata addresses.
    #[arg(long, value_name = "CIDR", num_args = 1.., value_delimiter = ',')]
    pub allow_private_network: Vec<IpNet>,
    /// How log lines look.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Runs `gloveport serve`.
///
/// # Errors
///
/// Always: the command is not wired to the server yet.
pub async fn run(_args: Args) -> Result<(), CliError> {
    Err(CliError::Failed("serve is not wired to the server yet".into()))
}
