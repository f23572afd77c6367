//! `gloveport key rotate`: seal all that is sealed with a new master key, while hosts go on running.

use std::path::PathBuf;

use super::{CliError, Session};
use crate::config::{Config, ConfigFile, Environment};
use crate::model::{By, Clock, Random};
use crate::store::Store;
use crate::vault::{self, KeySource, Rotated, Vault};

/// Options of `gloveport key rotate`. It works on the data folder itself, not through a running host.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A host that runs goes on meanwhile: it reads the key file again when it meets a key that it does not know. All that is
sealed is sealed anew: credentials, secrets of webhooks and clients, what is kept of calls. If this is interrupted, nothing
is lost, and --resume goes on. Old keys stay in the file, so that backups can be read, until --drop-unused removes those
that no row needs.

With GLOVEPORT_MASTER_KEY the keys are yours to change: put a new one before the old one, with a comma between, restart all
hosts, and run this with --resume.")]
pub struct Args {
    /// Data folder of the host.
    #[arg(long, value_name = "DIR", default_value = "./gloveport-data")]
    pub data: PathBuf,
    /// Database of the host, if it is not in the data folder.
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Make no new key: seal with the current one what others sealed.
    #[arg(long)]
    pub resume: bool,
    /// Remove keys that nothing is sealed with any more, instead of making a new one.
    #[arg(long, conflicts_with = "resume")]
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
    if environment.master_key.is_some() && !args.resume {
        let advice = "the master key comes from GLOVEPORT_MASTER_KEY: give it the new key first and the old one after, \
                      separated by a comma, restart the hosts, and run this with --resume";
        return Err(CliError::Failed(advice.into()));
    }
    let written = ConfigFile { data: Some(args.data), database: args.database, ..ConfigFile::default() };
    let config = Config::resolve(written, environment).map_err(failed)?;
    let (store, vault) = open(config).await?;
    if args.drop_unused {
        let dropped = vault::drop_unused(&store, &vault).await.map_err(failed)?;
        writeln!(session.out, "Removed {} unused keys.", dropped.len())?;
        return Ok(());
    }
    let err = &mut *session.err;
    let progress = |done: &Rotated| {
        // A closed terminal is no reason to stop half-way.
        let _ = writeln!(err, "sealed {} accounts and {} other texts anew", done.resealed, done.bodies);
    };
    let by = By::cli(Clock::system().now());
    let mut done = match args.resume {
        true => vault::reseal(&store, &vault, &by, progress).await,
        false => vault::rotate(&store, &vault, &by, progress).await,
    }
    .map_err(failed)?;
    // A host that had sealed with the old key just before may have stored it just after: once more finds that.
    let again = vault::reseal(&store, &vault, &by, |_| {}).await.map_err(failed)?;
    done.resealed += again.resealed;
    done.webhooks += again.webhooks;
    done.secrets += again.secrets;
    done.clients += again.clients;
    done.bodies += again.bodies;
    let unused = vault::unused(&store, &vault).await.map_err(failed)?;
    let key = (vault.current_key_id(), args.resume);
    report(&done, key, &unused, session)
}

async fn open(config: Config) -> Result<(Store, Vault), CliError> {
    let source = match config.master_key {
        Some(text) => KeySource::Environment(text),
        None => {
            let file = config.data.join("master.key");
            if !file.exists() {
                let advice = format!("there is no {}: name the host's data folder with --data", file.display());
                return Err(CliError::Failed(advice));
            }
            KeySource::File(file)
        }
    };
    let store = Store::open(&config.database).await.map_err(failed)?;
    let vault = Vault::load(source, Random::system()).map_err(failed)?;
    Ok((store, vault))
}

fn report(
    done: &Rotated,
    (key, resumed): (String, bool),
    unused: &[String],
    session: &mut Session<'_>,
) -> Result<(), CliError> {
    let which = if resumed { "Key" } else { "New key" };
    let Rotated { resealed, kept, .. } = done;
    writeln!(session.out, "{which} {key}: {resealed} accounts sealed anew, {kept} were already, or have none.")?;
    let others = [
        (done.webhooks, "webhooks' secrets"),
        (done.secrets, "named secrets"),
        (done.clients, "OAuth clients' secrets"),
        (done.bodies, "texts"),
    ];
    for (count, what) in others.into_iter().filter(|(count, _)| *count > 0) {
        writeln!(session.out, "{count} {what} were sealed anew.")?;
    }
    for account in &done.unreadable {
        writeln!(session.out, "The credential of {account} does not open: connect it again.")?;
    }
    if done.unreadable_bodies > 0 {
        let count = done.unreadable_bodies;
        writeln!(session.out, "{count} texts of calls do not open: they were changed, or their key is not here.")?;
    }
    if !unused.is_empty() {
        let list = unused.join(", ");
        writeln!(session.out, "Nothing in the database needs {list} any more; backups of before do.")?;
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(error.to_string())
}
