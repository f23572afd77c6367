//! `gloveport backup` and `gloveport restore`: the whole database in one file, with what is sealed in it still sealed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use super::table::clean;
use super::{CliError, Session, audit};
use crate::config::{Config, ConfigFile, Database, Environment};
use crate::model::{By, Chain, Clock, Random};
use crate::store::{Store, Unfinished};
use crate::vault::{self, Examined, KeySource, Vault};

const POSTGRES: &str = "PostgreSQL is backed up with its own tools, while hosts run: `pg_dump --format=custom`, and \
                        `pg_restore` into a new database. Keep the master key apart from it. Before a host starts on what \
                        was restored, `gloveport doctor --database` tells whether its key is at hand, and `gloveport audit \
                        verify --database` whether the rows are those that were written.";

/// A key file has a few lines.
const MAX_KEY_FILE: u64 = 16 * 1024;

/// Options of `gloveport backup`. It works on the data folder itself, not through a running host.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A host that runs goes on meanwhile. The file has all rows as they were at one moment; what is sealed stays sealed, and the
master key is not in it: keep a copy of that in another place, since whoever has both has every credential.

PostgreSQL is backed up with pg_dump.")]
pub(super) struct BackUp {
    /// The file to make.
    file: PathBuf,
    /// Data folder of the host.
    #[arg(long, value_name = "DIR", default_value = "./gloveport-data")]
    data: PathBuf,
    /// Database of the host, if it is not in the data folder.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Answer with JSON.
    #[arg(long)]
    json: bool,
}

/// Options of `gloveport restore`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The folder must have no database yet. The master key that the backup is sealed with is taken from --key-file, from
master.key in the folder, or from GLOVEPORT_MASTER_KEY, and is tried on every credential before anything is kept.

What happened after the backup is not in it: a write that was done since can be asked for again, and tokens that a provider
has replaced since have to be connected again. Calls that ran when the backup was made have an outcome that nobody knows.")]
pub(super) struct Restore {
    /// The backup.
    file: PathBuf,
    /// Data folder of the new host; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "./gloveport-data")]
    data: PathBuf,
    /// The master key of the host that the backup is of; copied into the folder.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Answer with JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Head<'a> {
    project: &'a str,
    rows: i64,
    head: &'a str,
}

/// Runs `gloveport backup`.
pub(super) async fn back_up(args: BackUp, session: &mut Session<'_>) -> Result<(), CliError> {
    let written = ConfigFile { data: Some(args.data), database: args.database, ..ConfigFile::default() };
    let config = Config::resolve(written, Environment::default()).map_err(failed)?;
    let Database::Sqlite(database) = config.database else { return Err(CliError::Failed(POSTGRES.into())) };
    if !database.exists() {
        let advice = format!("there is no {}: name the host's data folder with --data", database.display());
        return Err(CliError::Failed(advice));
    }
    let copy = Unfinished::beside(&args.file).map_err(failed)?;
    Store::copy_sqlite(&database, copy.path()).await.map_err(failed)?;
    let made = Database::Sqlite(copy.path().into());
    Store::examine(&made).await.map_err(failed)?;
    let store = Store::open_as_it_is(&made).await.map_err(failed)?;
    let chains = audit::chains(&store, session).await?;
    let keys = vault::keys_needed(&store).await.map_err(failed)?;
    store.close().await;
    copy.finish(&args.file).map_err(failed)?;
    let bytes = fs::metadata(&args.file).map_err(|source| file_error(&args.file, source))?.len();
    if args.json {
        let report = json!({ "file": args.file, "bytes": bytes, "keys": keys, "chains": heads(&chains) });
        writeln!(session.out, "{report}")?;
        return Ok(());
    }
    writeln!(session.out, "{}: {bytes} bytes, whole and verified.", clean(&args.file.display().to_string()))?;
    tell_heads(&chains, session)?;
    if !keys.is_empty() {
        let keys = keys.join(", ");
        writeln!(session.out, "Sealed with master key {keys}, which is not in it: keep that in another place.")?;
    }
    Ok(())
}

/// Runs `gloveport restore`.
pub(super) async fn restore(args: Restore, session: &mut Session<'_>) -> Result<(), CliError> {
    let place = args.data.join("gloveport.db");
    let copy = Unfinished::beside(&place).map_err(failed)?;
    make_private_folder(&args.data)?;
    let key = key_at_hand(&args)?;
    copy_file(&args.file, copy.path(), None)?;
    let made = Database::Sqlite(copy.path().into());
    let damaged = |error| CliError::Failed(format!("{} cannot be restored: {error}", args.file.display()));
    Store::examine(&made).await.map_err(damaged)?;
    let store = Store::open(&made).await.map_err(damaged)?;
    let chains = audit::chains(&store, session).await?;
    let examined = examine(&store, key).await?;
    store.note_restored(&By::cli(Clock::system().now()), &chains).await.map_err(failed)?;
    store.close_sqlite().await.map_err(failed)?;
    let own_key = args.data.join("master.key");
    if let Some(file) = &args.key_file
        && !same(file, &own_key)
    {
        copy_file(file, &own_key, Some(MAX_KEY_FILE))?;
    }
    copy.finish(&place).map_err(failed)?;
    let Examined { opened, unreadable, .. } = examined;
    if args.json {
        let unreadable: Vec<_> = unreadable.iter().map(ToString::to_string).collect();
        let report = json!({ "database": place, "opened": opened, "unreadable": unreadable, "chains": heads(&chains) });
        writeln!(session.out, "{report}")?;
        return Ok(());
    }
    tell_heads(&chains, session)?;
    writeln!(session.out, "{opened} accounts' credentials open.")?;
    for account in unreadable {
        writeln!(session.out, "The credential of {account} does not open: connect it again.")?;
    }
    writeln!(session.out, "Start the host with: gloveport serve --data {}", clean(&args.data.display().to_string()))?;
    Ok(())
}

/// Where the master key is. It is never made here: a new one opens nothing.
fn key_at_hand(args: &Restore) -> Result<KeySource, CliError> {
    let own = args.data.join("master.key");
    if let Some(file) = &args.key_file {
        if own.exists() && !same(file, &own) {
            let advice = format!("{} is there already: leave --key-file out, or remove it", own.display());
            return Err(CliError::Failed(advice));
        }
        // Loading would make one that is not there.
        fs::metadata(file).map_err(|source| file_error(file, source))?;
        return Ok(KeySource::File(file.clone()));
    }
    if let Some(text) = Environment::read().master_key {
        return Ok(KeySource::Environment(text));
    }
    if own.exists() {
        return Ok(KeySource::File(own));
    }
    let advice = "the master key of the host that this is a backup of is not at hand: give its `master.key` with \
                  --key-file, or set GLOVEPORT_MASTER_KEY. Without it no credential in the backup can be opened";
    Err(CliError::Failed(advice.into()))
}

async fn examine(store: &Store, key: KeySource) -> Result<Examined, CliError> {
    let vault = Vault::load(key, Random::system()).map_err(failed)?;
    let examined = vault::examine(store, &vault).await.map_err(failed)?;
    if examined.missing.is_empty() {
        return Ok(examined);
    }
    let (missing, own) = (examined.missing.join(", "), vault.key_ids().join(", "));
    let advice = format!(
        "the backup is sealed with master key {missing}, and the one at hand is {own}: bring the `master.key` of the time \
         of the backup. Nothing was restored"
    );
    Err(CliError::Failed(advice))
}

/// For its owner only, as a host makes it.
fn make_private_folder(data: &Path) -> Result<(), CliError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.map_err(|source| file_error(data, source))
}

/// Copies a file to a new one that only its owner can read; refuses one that has more than so many bytes.
fn copy_file(from: &Path, to: &Path, most: Option<u64>) -> Result<(), CliError> {
    let mut source = fs::File::open(from).map_err(|source| file_error(from, source))?;
    let metadata = source.metadata().map_err(|source| file_error(from, source))?;
    if !metadata.is_file() || most.is_some_and(|most| metadata.len() > most) {
        return Err(file_error(from, io::ErrorKind::InvalidData.into()));
    }
    let copied = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).and_then(|mut file| {
        io::copy(&mut source, &mut file)?;
        file.flush()?;
        file.sync_all()
    });
    copied.map_err(|source| file_error(to, source))
}

fn same(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

fn heads(chains: &[Chain]) -> Vec<Head<'_>> {
    let head = |chain| Chain::head(chain);
    chains
        .iter()
        .map(|chain| Head { project: chain.project(), rows: head(chain).seq, head: &head(chain).hash })
        .collect()
}

fn tell_heads(chains: &[Chain], session: &mut Session<'_>) -> Result<(), CliError> {
    for Head { project, rows, head } in heads(chains) {
        writeln!(session.out, "{}: {rows} audit rows, unbroken; head {head}", clean(project))?;
    }
    Ok(())
}

fn file_error(path: &Path, source: io::Error) -> CliError {
    CliError::File { path: path.into(), source }
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(error.to_string())
}
