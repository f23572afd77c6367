//! What can go wrong with the database, told apart where a caller can act on the difference.
//!
//! Not found is no error: it is `Ok(None)` or `Ok(false)`. A constraint that the caller can run into is mapped at the
//! call site to [`StoreError::Conflict`]. No variant ever holds a stored value or the database's URL.

use sqlx::error::ErrorKind;
use thiserror::Error;

/// A statement that was not carried out. Nothing of its transaction was kept.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// It exists already, or is in use.
    #[error("{0}")]
    Conflict(String),
    /// The database cannot be reached or did not answer in time. Trying again may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// What was read is not what was written. Restore from a backup.
    #[error("the database holds something that was not written by this program: {0}")]
    Corrupt(String),
    /// No room is left. Make room.
    #[error("the database's disk is full")]
    Full,
    /// The database refuses the value, for example a NUL character in a text.
    #[error("the database refuses the value: {0}")]
    Refused(String),
    /// A cursor that was not given out for this list.
    #[error("the cursor is not one that this list gave out")]
    BadCursor,
    /// The database was made by a later version of the program, or its history was changed.
    #[error("the database's migrations do not fit this program: {0}")]
    Migration(String),
}

impl StoreError {
    /// Whether it exists already, or is in use.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }

    /// Whether the same statement may succeed by itself a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                let code = database.code();
                of_code(code.as_deref().unwrap_or_default(), database.message())
            }
            sqlx::Error::ColumnDecode { index, .. } => Self::Corrupt(format!("column {index} has another type")),
            sqlx::Error::Configuration(_) => Self::Unavailable("its URL or options are not valid".into()),
            sqlx::Error::PoolTimedOut => Self::Unavailable("no connection became free in time".into()),
            sqlx::Error::Io(io) => Self::Unavailable(io.kind().to_string()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(error) => error.into(),
            sqlx::migrate::MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::Migration(other.to_string()),
        }
    }
}

/// Maps a violated unique constraint, or a missing or used reference, to a conflict; anything else as usual.
pub(super) fn or_conflict(error: sqlx::Error, what: impl FnOnce() -> String) -> StoreError {
    let kind = error.as_database_error().map(|database| database.kind());
    match kind {
        Some(ErrorKind::UniqueViolation | ErrorKind::ForeignKeyViolation) => StoreError::Conflict(what()),
        _ => error.into(),
    }
}

/// Whether a unique constraint was violated. (By which one, only PostgreSQL says by name.)
pub(super) fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|database| database.kind() == ErrorKind::UniqueViolation)
}

/// SQLite's codes are numbers whose low byte is the primary one; PostgreSQL's are five characters, by class.
fn of_code(code: &str, message: &str) -> StoreError {
    if code.len() == 5 && !code.starts_with("SQLITE") {
        return match code {
            "53100" => StoreError::Full,
            _ if code.starts_with("22") || code.starts_with("23") => StoreError::Refused(message.into()),
            _ if code.starts_with("XX") => StoreError::Corrupt(message.into()),
            _ => StoreError::Unavailable(message.into()),
        };
    }
    const FULL: u32 = 13;
    const TOO_BIG: u32 = 18;
    const CORRUPT: u32 = 11;
    const NOT_A_DATABASE: u32 = 26;
    const CONSTRAINT: u32 = 19;
    match code.parse::<u32>().unwrap_or_default() & 0xff {
        FULL => StoreError::Full,
        CORRUPT | NOT_A_DATABASE => StoreError::Corrupt(message.into()),
        CONSTRAINT | TOO_BIG => StoreError::Refused(message.into()),
        _ => StoreError::Unavailable(message.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_are_told_apart() {
        let table = [
            ("13", StoreError::Full),
            ("53100", StoreError::Full),
            ("11", StoreError::Corrupt("m".into())),
            ("267", StoreError::Corrupt("m".into())),
            ("26", StoreError::Corrupt("m".into())),
            ("XX001", StoreError::Corrupt("m".into())),
            ("5", StoreError::Unavailable("m".into())),
            ("517", StoreError::Unavailable("m".into())),
            ("57P01", StoreError::Unavailable("m".into())),
            ("40001", StoreError::Unavailable("m".into())),
            ("", StoreError::Unavailable("m".into())),
            ("22021", StoreError::Refused("m".into())),
            ("23502", StoreError::Refused("m".into())),
            ("1299", StoreError::Refused("m".into())),
        ];
        for (code, expected) in table {
            assert_eq!(of_code(code, "m"), expected, "{code}");
        }
    }
}
