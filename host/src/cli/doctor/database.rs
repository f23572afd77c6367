//! Whether the database can be used.

use std::io::{self, Read};
use std::path::Path;

use url::Url;

use super::Check;

/// Name of the SQLite file in the data folder.
const FILE: &str = "gloveport.db";
/// What every SQLite database begins with (its file format, section 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Length of that header.
const HEADER: usize = 100;

const RESTORE: &str = "stop the host and restore the database from a backup";

/// Looks at the database of `data`, or at the one of `url`. The URL may hold a password and is never shown.
pub(super) async fn check(data: &Path, url: Option<&str>) -> Check {
    let Some(url) = url else {
        return check_file(&data.join(FILE));
    };
    match Url::parse(url) {
        Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => check_reach(&url).await,
        Ok(url) if url.scheme() == "sqlite" => check_file(Path::new(url.path())),
        _ => Check::fail("database", "--database is neither postgres:// nor sqlite://", "give a URL of one of these"),
    }
}

async fn check_reach(url: &Url) -> Check {
    /// Where PostgreSQL listens unless told otherwise.
    const PORT: u16 = 5432;
    let Some(host) = url.host_str() else {
        return Check::warn("database", "PostgreSQL by its local socket: not tried", "start the host to see");
    };
    let port = url.port().unwrap_or(PORT);
    match tokio::net::TcpStream::connect((host.trim_matches(['[', ']']), port)).await {
        Ok(_) => Check::ok("database", format!("something listens on {host} port {port}; not signed in")),
        Err(error) => {
            Check::fail("database", format!("{host} port {port}: {error}"), "start PostgreSQL, or correct --database")
        }
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
        let whole = database(4096, 3);
        let cases: [(&[u8], Status); 6] = [
            (&whole, Status::Ok),
            (&whole[..8192], Status::Ok),
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
        std::fs::create_dir(folder.path().join(FILE)).expect("a folder");
        assert_eq!(check(folder.path(), None).await.status, Status::Fail);
    }

    #[tokio::test]
    async fn a_database_elsewhere_is_reached_and_its_password_is_not_shown() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let folder = Path::new("/nonexistent");
        let at = |port: u16| format!("postgres://ada:canary@127.0.0.1:{port}/db");
        let cases = [
            (at(port), Status::Ok),
            (at(1), Status::Fail),
            ("mysql://ada:canary@h/db".into(), Status::Fail),
            ("canary".into(), Status::Fail),
            (String::new(), Status::Fail),
        ];
        for (url, expected) in cases {
            let check = check(folder, Some(&url)).await;
            assert_eq!(check.status, expected, "{check:?}");
            assert!(!format!("{check:?}").contains("canary"), "{check:?}");
        }
    }
}
