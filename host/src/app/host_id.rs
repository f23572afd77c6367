//! The id of this host: tells its executions from those of other hosts on the same database, across restarts.

use std::fs;
use std::io;
use std::path::Path;

use super::AppError;
use crate::model::Random;

/// The id in the data folder; made the first time.
pub(super) fn read_or_make(data: &Path, random: &Random) -> Result<String, AppError> {
    let path = data.join("host-id");
    let fail = |source| AppError::Data { path: path.clone(), source };
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail(error)),
    }
    let id = hex::encode(random.bytes::<8>());
    fs::write(&path, &id).map_err(fail)?;
    Ok(id)
}
