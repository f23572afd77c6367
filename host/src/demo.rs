//! `gloveport demo`: sealed calls from end to end against imitated providers, and what each party held of the credential.

mod agent;
pub mod canary;
mod host;
pub mod imitation;
mod ledger;
mod log;
mod own;
mod places;
mod provider;
pub mod recorded;
mod show;
mod stage;

use std::io::{self, Write};
use std::path::Path;
use std::pin::pin;

use thiserror::Error;

use crate::app::AppError;
use crate::cli::CliError;
use crate::cli::serve::stop_signal;
use crate::config::ConfigError;
use crate::server::ServerError;
use log::Log;
use stage::Stage;

/// Why the demo did not come to its end.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The connectors that it shows are not there.
    #[error(
        "github.wasm and stripe.wasm are not in {0}. Build them with `cargo xtask plugins` in a clone of this project, \
         or name their folder with --connectors"
    )]
    NoConnectors(String),
    /// Its host was made with an impossible configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its host does not start.
    #[error("the host of the demo does not start: {0}")]
    Host(#[from] AppError),
    /// Its host made no key, although its folder is fresh.
    #[error("the host of the demo made no admin key")]
    NoKey,
    /// Its host did not end well.
    #[error("the host of the demo did not end well: {0}")]
    Server(#[from] ServerError),
    /// Its host refused something.
    #[error(transparent)]
    Client(#[from] CliError),
    /// Something did not go as the demo expects it.
    #[error("{0}")]
    Unexpected(String),
    /// What the demo is there to show is not true.
    #[error("the credential is where it must not be, or did not arrive: see the table above")]
    NotSealed,
    /// The audit chain is not as it was written.
    #[error("the audit chain does not verify: {0}")]
    Audit(String),
    /// Somebody stopped it.
    #[error("stopped before the end")]
    Stopped,
    /// A file, a port or a stream failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Runs the demo, and writes what a person is to see to `out`. With `keep`, the host stays up until an interrupt.
///
/// # Errors
///
/// When something of it cannot run, and [`DemoError::NotSealed`] when the credential was found where it must not be.
pub async fn run(connectors: Option<&Path>, keep: bool, out: &mut dyn Write) -> Result<(), DemoError> {
    let folder = places::connectors(connectors)?;
    let log = Log::capture().map_err(|error| DemoError::Unexpected(error.to_string()))?;
    let mut stop = pin!(stop_signal()?);
    let mut stage = Stage::open(folder, log, out).await?;
    tokio::select! {
        shown = stage.play() => shown?,
        () = &mut stop => return Err(DemoError::Stopped),
    }
    if keep {
        stage.invite().await?;
    }
    stage.hand_over(keep)?;
    if keep {
        stop.await;
    }
    stage.close().await
}
