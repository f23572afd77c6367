//! Whether the master key at hand opens what the database holds.

use std::path::Path;

use super::Check;
use crate::config::{Database, Environment};
use crate::model::{Random, Secret};
use crate::store::Store;
use crate::vault::{self, KeySource, Vault};

const BRING: &str = "put the file `master.key` of the host that sealed them into the data folder, or give its keys in \
                     GLOVEPORT_MASTER_KEY";

/// Tries the key of the environment, or the one in `data`, on the database; `None` where either is not there yet.
pub(super) async fn check(data: &Path, url: Option<&str>) -> Option<Check> {
    let database = match url {
        Some(url) => Database::Postgres(url.to_owned()),
        None => Database::Sqlite(data.join(super::database::FILE)),
    };
    if matches!(&database, Database::Sqlite(path) if !path.exists()) {
        return None;
    }
    let source = source(data, Environment::read().master_key)?;
    Some(match examine(&database, source).await {
        Ok(check) => check,
        Err(reason) => Check::warn(
            "credentials",
            format!("not tried: {reason}"),
            "look again when a host of this version has run on the database",
        ),
    })
}

fn source(data: &Path, environment: Option<Secret>) -> Option<KeySource> {
    let file = data.join("master.key");
    // Loading would make one that is not there.
    environment.map(KeySource::Environment).or_else(|| file.exists().then_some(KeySource::File(file)))
}

async fn examine(database: &Database, source: KeySource) -> Result<Check, String> {
    let vault = match Vault::load(source, Random::system()) {
        Ok(vault) => vault,
        Err(error) => return Ok(Check::fail("credentials", error.to_string(), "restore the key")),
    };
    let store = Store::open_as_it_is(database).await.map_err(|error| error.to_string())?;
    let examined = vault::examine(&store, &vault).await;
    store.close().await;
    let examined = examined.map_err(|error| error.to_string())?;
    if !examined.missing.is_empty() {
        let (missing, own) = (examined.missing.join(", "), vault.key_ids().join(", "));
        let detail = format!("something is sealed with master key {missing}, and the one at hand is {own}");
        return Ok(Check::fail("credentials", detail, BRING));
    }
    let count = examined.unreadable.len();
    if count > 0 {
        let detail = format!("{} open, and {count} do not: their rows were changed", examined.opened);
        return Ok(Check::warn("credentials", detail, "connect those accounts again; calls through them say which"));
    }
    Ok(Check::ok("credentials", format!("{} open with the master key at hand", examined.opened)))
}
