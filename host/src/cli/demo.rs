//! `gloveport demo`: sealed calls against imitated providers.

use std::path::PathBuf;

use super::{CliError, Session};
use crate::demo::{self, DemoError};

/// Options of `gloveport demo`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Runs a host of its own on a loopback port and a temporary folder, which are gone afterwards; nothing else is touched.
Everything happens on this machine: the providers are imitated.")]
pub(super) struct Args {
    /// Folder that holds github.wasm and stripe.wasm. [default: `plugins` beside this program, or beside its folder]
    #[arg(long, value_name = "DIR")]
    pub connectors: Option<PathBuf>,
    /// Stay up afterwards, so that the printed URLs can be tried by hand.
    #[arg(long)]
    pub keep: bool,
}

/// Runs `gloveport demo`.
///
/// # Errors
///
/// Where something of it cannot run, and where a credential is found where it must not be.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    demo::run(args.connectors.as_deref(), args.keep, session.out).await.map_err(|error| match error {
        DemoError::Client(error) => error,
        error => CliError::Failed(error.to_string()),
    })
}
