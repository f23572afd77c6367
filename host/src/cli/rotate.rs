//! `gloveport key rotate`: seal every credential with a new master key.

use std::path::PathBuf;

use super::CliError;

/// Options of `gloveport key rotate`. It works on the data folder itself, not through a running host.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Data folder of the host.
    #[arg(long, value_name = "DIR", default_value = "./gloveport-data")]
    pub data: PathBuf,
    /// Database of the host, if it is not in the data folder.
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
}

/// Runs `gloveport key rotate`.
///
/// # Errors
///
/// Always: the rotation is not wired to the vault yet.
pub async fn run(_args: Args) -> Result<(), CliError> {
    Err(CliError::Failed("key rotation is not wired to the vault yet".into()))
}
