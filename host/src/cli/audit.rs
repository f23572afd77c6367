//! `gloveport audit`: verifies the chain of audit rows, in a database or in a file, and exports it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use serde::Serialize;

use super::table::clean;
use super::{CliError, Session};
use crate::config::{Config, ConfigFile, Database, Environment};
use crate::model::{Broken, Chain, Entry};
use crate::store::{AuditWalkError, Store};

mod file;

/// Rows between two signs of progress: some seconds.
const PROGRESS: u64 = 100_000;

/// Options of `gloveport audit`. It works on the database itself, not through a running host: whoever verifies need not
/// trust the host.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check that no audit row was changed, removed, moved or added; names the first that was.
    #[command(after_help = "\
Whoever can write to the database can replace a whole chain, and its head with it. So note a head now and then, where
the host cannot reach it, and give it here: every chain that has a row with this hash is, up to there, the one you saw.
Of a file, it must be the last row.")]
    Verify(Verify),
    /// Write all audit rows to a new file, as JSON Lines that `verify --file` checks without a database.
    Export(Export),
}

#[derive(ClapArgs, Debug)]
struct Verify {
    #[command(flatten)]
    place: Place,
    /// An exported file to check instead of a database.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "database"])]
    file: Option<PathBuf>,
    /// Hash of a row that was a head once, and must still be there. May be repeated.
    #[arg(long, value_name = "DIGEST", value_parser = parse_digest)]
    head: Vec<String>,
    /// Answer with JSON.
    #[arg(long)]
    json: bool,
}

#[derive(ClapArgs, Debug)]
struct Export {
    /// The file to make.
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Answer with JSON.
    #[arg(long)]
    json: bool,
}

#[derive(ClapArgs, Debug)]
struct Place {
    /// Data folder of the host.
    #[arg(long, value_name = "DIR", default_value = "./gloveport-data")]
    data: PathBuf,
    /// Database of the host, if it is not in the data folder.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    chains: Vec<ChainReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<Finding>,
}

#[derive(Debug, Serialize)]
struct ChainReport {
    project: String,
    rows: i64,
    head: String,
}

/// The first thing that is not as it was written.
#[derive(Debug, Serialize)]
struct Finding {
    project: Option<String>,
    row: Option<i64>,
    reason: String,
}

/// Why the end was not reached.
enum Stop {
    Found(Finding),
    Failed(CliError),
}

impl From<CliError> for Stop {
    fn from(error: CliError) -> Self {
        Self::Failed(error)
    }
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        let reason = broken.to_string();
        Self::Found(Finding { project: Some(broken.project), row: Some(broken.seq), reason })
    }
}

/// Runs `gloveport audit`.
pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Result<(), CliError> {
    match args.action {
        Action::Verify(Verify { file: Some(file), head, json, .. }) => {
            let result = file::verify(&file, &head, &mut progress(session));
            report(result, json, session)
        }
        Action::Verify(Verify { place, head, json, .. }) => {
            let store = open(place).await?;
            let result = verify(&store, head, session).await;
            report(result, json, session)
        }
        Action::Export(Export { file, place, json }) => {
            let store = open(place).await?;
            let result = export(&store, file, session).await;
            let done = report(result, json, session);
            if done.is_ok() && !json {
                writeln!(session.err, "Note the heads where the host cannot reach them: they vouch for the file.")?;
            }
            done
        }
    }
}

async fn open(place: Place) -> Result<Store, CliError> {
    let written = ConfigFile { data: Some(place.data), database: place.database, ..ConfigFile::default() };
    let config = Config::resolve(written, Environment::read()).map_err(failed)?;
    if let Database::Sqlite(path) = &config.database
        && !path.exists()
    {
        let advice = format!("there is no {}: name the host's data folder with --data", path.display());
        return Err(CliError::Failed(advice));
    }
    Store::open(&config.database).await.map_err(failed)
}

async fn verify(store: &Store, heads: Vec<String>, session: &mut Session<'_>) -> Result<Vec<Chain>, Stop> {
    let mut unseen: BTreeSet<String> = heads.into_iter().collect();
    let mut progress = progress(session);
    let visit = |entry: &Entry| {
        unseen.remove(&entry.hash);
        progress();
        Ok(())
    };
    let chains = walk(store, visit).await?;
    match unseen.first() {
        None => Ok(chains),
        Some(head) => Err(Stop::Found(Finding {
            project: None,
            row: None,
            reason: format!("no row has the hash {head}: the rows that you saw were removed or replaced"),
        })),
    }
}

async fn export(store: &Store, path: PathBuf, session: &mut Session<'_>) -> Result<Vec<Chain>, Stop> {
    let mut copy = file::Copy::make(path)?;
    let mut progress = progress(session);
    let walked = walk(store, |entry| {
        progress();
        copy.write(entry)
    });
    match walked.await {
        Ok(chains) => {
            copy.keep()?;
            Ok(chains)
        }
        Err(stop) => {
            copy.discard();
            Err(stop)
        }
    }
}

/// Verifies the chains of all projects.
///
/// # Errors
///
/// [`CliError::Failed`] if one is broken, or cannot be read.
pub(super) async fn chains(store: &Store, session: &mut Session<'_>) -> Result<Vec<Chain>, CliError> {
    let mut progress = progress(session);
    let walked = walk(store, |_| {
        progress();
        Ok(())
    });
    walked.await.map_err(|stop| match stop {
        Stop::Found(finding) => broken(&finding),
        Stop::Failed(error) => error,
    })
}

/// Walks the chains of all projects.
async fn walk(store: &Store, mut visit: impl FnMut(&Entry) -> Result<(), CliError>) -> Result<Vec<Chain>, Stop> {
    let mut chains = Vec::new();
    for project in store.audit_projects().await.map_err(failed)? {
        match store.walk_audit(&project, &mut visit).await {
            Ok(chain) => chains.push(chain),
            Err(AuditWalkError::Broken(broken)) => return Err(broken.into()),
            Err(AuditWalkError::Visitor(error)) => return Err(Stop::Failed(error)),
            Err(error @ AuditWalkError::Store { .. }) => return Err(Stop::Failed(failed(error))),
        }
    }
    Ok(chains)
}

/// Counts rows, and says so now and then.
fn progress(session: &mut Session<'_>) -> impl FnMut() {
    let mut rows = 0_u64;
    let err = &mut *session.err;
    move || {
        rows += 1;
        if rows.is_multiple_of(PROGRESS) {
            // A closed terminal is no reason to stop half-way.
            let _ = writeln!(err, "checked {rows} rows");
        }
    }
}

fn report(result: Result<Vec<Chain>, Stop>, json: bool, session: &mut Session<'_>) -> Result<(), CliError> {
    let report = match result {
        Ok(chains) => Report { ok: true, chains: chains.iter().map(chain_report).collect(), broken: None },
        Err(Stop::Found(finding)) => Report { ok: false, chains: Vec::new(), broken: Some(finding) },
        Err(Stop::Failed(error)) => return Err(error),
    };
    if json {
        let text = serde_json::to_string(&report).map_err(failed)?;
        writeln!(session.out, "{text}")?;
    }
    if let Some(finding) = report.broken {
        return Err(broken(&finding));
    }
    if !json {
        for chain in &report.chains {
            writeln!(session.out, "{}: {} rows, unbroken; head {}", clean(&chain.project), chain.rows, chain.head)?;
        }
        if report.chains.is_empty() {
            writeln!(session.out, "There are no audit rows.")?;
        }
    }
    Ok(())
}

fn broken(finding: &Finding) -> CliError {
    CliError::Failed(format!("the audit chain is broken: {}", clean(&finding.reason)))
}

fn chain_report(chain: &Chain) -> ChainReport {
    let head = chain.head();
    ChainReport { project: chain.project().to_owned(), rows: head.seq, head: head.hash.clone() }
}

fn parse_digest(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    if lower.len() == 64 && lower.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(lower);
    }
    Err("a digest has 64 hexadecimal digits".into())
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(error.to_string())
}
