//! `gloveport key rotate`: seal every credential with a new master key, while hosts go on running.

use std::path::PathBuf;

use super::{CliError, Session};
use crate::config::{Config, ConfigFile, Environment};
use crate::model::{By, Clock, Random};
use crate::store::Store;
use crate::vault::{self, KeySource, Vault};

/// Options of `gloveport key rotate`. It works on the data folder itself, not through a running host.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A host that runs goes on meanwhile: it reads the key file again when it meets a key that it does not know. Old keys stay
in the file, so that backups can be read, until --drop-unused removes those that no row needs.")]
pub struct Args {
    /// Data folder of the host.
    #[arg(long, value_name = "DIR", default_value = "./gloveport-data")]
    pub data: PathBuf,
    /// Database of the host, if it is not in the data folder.
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Remove keys that nothing is sealed with any more, instead of making a new one.
    #[arg(long)]
    pub drop_unused: bool,
}

/// Runs `gloveport key rotate`.
///
/// # Errors
///
/// [`CliError::Failed`] if the key is not in the data folder, or the key file or the database cannot be used. What was
/// sealed anew stays so; running it again goes on.
pub async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    let environment = Environment::read();
    if environment.master_key.is_some() {
        let advice = "the master key comes from GLOVEPORT_MASTER_KEY: give it the new key first and the old one after, \
                      separated by a comma, restart the hosts, and run this without the variable only for key files";
        return Err(CliError::Failed(advice.into()));
    }
    let written = ConfigFile { data: Some(args.data), database: args.database, ..ConfigFile::default() };
    let config = Config::resolve(written, environment).map_err(failed)?;
    let key_file = config.data.join("master.key");
    if !key_file.exists() {
        let advice = format!("there is no {}: name the host's data folder with --data", key_file.display());
        return Err(CliError::Failed(advice));
    }
    let store = Store::open(&config.database).await.map_err(failed)?;
    let vault = Vault::load(KeySource::File(key_file), Random::system()).map_err(failed)?;
    if args.drop_unused {
        let dropped = vault::drop_unused(&store, &vault).await.map_err(failed)?;
        writeln!(session.out, "Removed {} unused keys.", dropped.len())?;
        return Ok(());
    }
    let err = &mut *session.err;
    let progress = |done: &vault::Rotated| {
        // A closed terminal is no reason to stop half-way.
        let _ = writeln!(err, "sealed {} accounts anew", done.resealed);
    };
    let by = By::cli(Clock::system().now());
    let mut done = vault::rotate(&store, &vault, &by, progress).await.map_err(failed)?;
    // A host that had sealed with the old key just before may have stored it just after: once more finds that.
    let again = vault::reseal(&store, &vault, &by, |_| {}).await.map_err(failed)?;
    done.resealed += again.resealed;
    done.webhooks += again.webhooks;
    done.secrets += again.secrets;
    writeln!(
        session.out,
        "New key {}: {} accounts sealed anew, {} were already, or have none.",
        vault.current_key_id(),
        done.resealed,
        done.kept
    )?;
    if done.webhooks > 0 {
        writeln!(session.out, "The secrets of {} webhooks were sealed anew.", done.webhooks)?;
    }
    if done.secrets > 0 {
        writeln!(session.out, "{} named secrets were sealed anew.", done.secrets)?;
    }
    for account in &done.unreadable {
        writeln!(session.out, "The credential of {account} does not open: connect it again.")?;
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(error.to_string())
}
