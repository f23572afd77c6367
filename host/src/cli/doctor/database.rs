//! Whether the database can be used.

use std::io::{self, Read};
use std::path::Path;

use url::Url;

use super::{Check, Status};
use crate::config::Database;
use crate::store::{Store, StoreError};

/// Name of the SQLite file in the data folder.
pub(super) const FILE: &str = "gloveport.db";
/// What every SQLite database begins with (its file format, section 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Length of that header.
const HEADER: usize = 100;

const RESTORE: &str = "stop the host and restore the database from a backup";

/// Looks at the database of `data`, or at the one of `url`. The URL may hold a password and is never shown.
pub(super) async fn check(data: &Path, url: Option<&str>) -> Check {
    let Some(url) = url else {
        let path = data.join(FILE);
        let looks = check_file(&path);
        if looks.status != Status::Ok || !path.exists() {
            return looks;
        }
        return examine(&Database::Sqlite(path), &looks.detail).await;
    };
    match Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "postgres" | "postgresql") => {
            let host = parsed.host_str().unwrap_or("by its local socket").to_owned();
            examine(&Database::Postgres(url.to_owned()), &format!("PostgreSQL {host}")).await
        }
        _ => Check::fail("database", "--database is not a postgres:// URL", "give one, or leave it out for SQLite"),
    }
}

async fn examine(database: &Database, what: &str) -> Check {
    match Store::examine(database).await {
        Ok(()) => Check::ok("database", format!("{what}: opens and answers")),
        Err(StoreError::Corrupt(reason)) => Check::fail("database", format!("{what} is damaged: {reason}"), RESTORE),
        Err(error) => Check::fail("database", format!("{what}: {error}"), "start it, or correct --database"),
    }
}

fn check_file(path: &Path) -> Check {
    let shown = path.display();
    let mut header = [0; HEADER];
    let read = std::fs::OpenOptions::new().read(true).write(true).open(path).and_then(|mut file| {
        file.read_exact(&mut header)?;
        file.metadata().map(|metadata| metadata.len())
    });
    let length = match read {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Check::ok("database", format!("{shown} is not there yet; the first start makes it"));
        }
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Check::fail("database", format!("{shown} is cut short"), RESTORE);
        }
        Err(error) => {
            return Check::fail("database", format!("{shown}: {error}"), "give it to the user that the host runs as");
        }
    };
    if header[..16] != MAGIC[..] {
        return Check::fail("database", format!("{shown} is not a SQLite database"), RESTORE);
    }
    let page = page_size(&header);
    if length < page || !length.is_multiple_of(page) {
        return Check::fail(
            "database",
            format!("{shown} has {length} bytes, which is not whole pages of {page}"),
            RESTORE,
        );
    }
    Check::ok("database", format!("{shown}: SQLite, {length} bytes, {}", journal(&header)))
}

/// Bytes 16 and 17, big-endian, where 1 stands for 65536.
fn page_size(header: &[u8; HEADER]) -> u64 {
    match u16::from_be_bytes([header[16], header[17]]) {
        0 | 1 => 65_536,
        size => size.into(),
    }
}

/// Bytes 18 and 19 are 2 in write-ahead mode.
fn journal(header: &[u8; HEADER]) -> &'static str {
    if header[18] == 2 && header[19] == 2 { "write-ahead log" } else { "rollback journal" }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    fn database(page: u16, pages: usize) -> Vec<u8> {
        let mut bytes = vec![0; usize::from(page) * pages];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..18].copy_from_slice(&page.to_be_bytes());
        bytes[18..20].copy_from_slice(&[2, 2]);
        bytes
    }

    #[tokio::test]
    async fn a_file_that_is_no_whole_database_is_noticed() {
        // The first two have a good header and nothing behind it: only the database itself can tell.
        let whole = database(4096, 3);
        let cases: [(&[u8], Status); 6] = [
            (&whole, Status::Fail),
            (&whole[..8192], Status::Fail),
            (&whole[..8191], Status::Fail),
            (&whole[..99], Status::Fail),
            (b"", Status::Fail),
            (&[b'x'; 4096], Status::Fail),
        ];
        for (bytes, expected) in cases {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::write(folder.path().join(FILE), bytes).expect("written");
            let check = check(folder.path(), None).await;
            assert_eq!(check.status, expected, "{check:?}");
            assert_eq!(check.advice.is_empty(), expected == Status::Ok, "{check:?}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(check(folder.path(), None).await.status, Status::Ok);
        Store::open(&Database::Sqlite(folder.path().join(FILE))).await.expect("opened").close().await;
        let real = check(folder.path(), None).await;
        assert_eq!(real.status, Status::Ok, "{real:?}");
        std::fs::remove_file(folder.path().join(FILE)).expect("removed");
        std::fs::create_dir(folder.path().join(FILE)).expect("a folder");
        assert_eq!(check(folder.path(), None).await.status, Status::Fail);
    }

    #[tokio::test]
    async fn a_database_elsewhere_is_tried_and_its_password_is_not_shown() {
        let urls = ["postgres://ada:canary@127.0.0.1:1/db", "mysql://ada:canary@h/db", "canary", ""];
        for url in urls {
            let check = check(Path::new("/nonexistent"), Some(url)).await;
            assert_eq!(check.status, Status::Fail, "{check:?}");
            assert!(!format!("{check:?}").contains("canary"), "{check:?}");
        }
    }
}
