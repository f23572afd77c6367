//! Whether the data folder can be used and keeps its secrets.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Check;

/// Name of the master key's file in the data folder.
const KEY_FILE: &str = "master.key";
/// Bits of a mode that let others than the owner in.
const OTHERS: u32 = 0o077;
/// Free kilobytes below which a host fails soon: compiled connectors and a day of records fit into this.
const LEAST_FREE_KB: u64 = 100 * 1024;
/// Free kilobytes below which the operator should know.
const LOW_FREE_KB: u64 = 1024 * 1024;

/// Looks at the folder, the master key in it, and the space it has.
pub(super) fn checks(data: &Path) -> Vec<Check> {
    let mut checks = vec![check_folder(data)];
    if data.is_dir() {
        checks.push(check_writable(data));
        checks.push(check_key(&data.join(KEY_FILE)));
    }
    checks.push(check_space(&free_kilobytes(&existing(data))));
    checks
}

fn check_folder(data: &Path) -> Check {
    let shown = data.display();
    match fs::metadata(data) {
        Ok(metadata) if !metadata.is_dir() => {
            Check::fail("data folder", format!("{shown} is not a folder"), "give another with --data")
        }
        Ok(metadata) if metadata.permissions().mode() & OTHERS != 0 => Check::warn(
            "data folder",
            format!("{shown} has mode {:04o}, so others can look in", metadata.permissions().mode() & 0o7777),
            format!("chmod 0700 {shown}"),
        ),
        Ok(_) => Check::ok("data folder", shown.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Check::ok("data folder", format!("{shown} is not there yet; the first start makes it"))
        }
        Err(error) => {
            Check::fail("data folder", format!("{shown}: {error}"), "run this as the user that the host runs as")
        }
    }
}

/// Writes a file and removes it: permissions alone do not tell of read-only mounts and quotas.
fn check_writable(data: &Path) -> Check {
    let probe = data.join(format!(".doctor-{}", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).open(&probe).and_then(|_| fs::remove_file(&probe));
    match written {
        Ok(()) => Check::ok("writable", "a file could be made and removed"),
        Err(error) => Check::fail(
            "writable",
            format!("no file can be made in {}: {error}", data.display()),
            "give the folder to the user that the host runs as, and look at mount options and quotas",
        ),
    }
}

fn check_key(key: &Path) -> Check {
    let shown = key.display();
    match fs::symlink_metadata(key) {
        Ok(metadata) if !metadata.is_file() => {
            Check::fail("master key", format!("{shown} is not a plain file"), "put the key itself there")
        }
        Ok(metadata) if metadata.permissions().mode() & OTHERS != 0 => Check::fail(
            "master key",
            format!("{shown} has mode {:04o}: others can read it", metadata.permissions().mode() & 0o7777),
            format!("chmod 0600 {shown}, then `gloveport key rotate` if others have accounts on this machine"),
        ),
        Ok(metadata) if metadata.len() == 0 => {
            Check::fail("master key", format!("{shown} is empty"), "restore it from a backup")
        }
        Ok(_) => Check::ok("master key", format!("{shown}, readable by its owner only")),
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_fresh(key) => {
            Check::ok("master key", "not there yet; the first start makes it")
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Check::warn(
            "master key",
            format!("{shown} is not there though the folder is in use"),
            "fine if the host takes the key from its environment; else restore it, or no credential can be opened",
        ),
        Err(error) => {
            Check::fail("master key", format!("{shown}: {error}"), "run this as the user that the host runs as")
        }
    }
}

/// Whether nothing is in the folder of `key` yet.
fn is_fresh(key: &Path) -> bool {
    let entries = key.parent().and_then(|folder| fs::read_dir(folder).ok());
    entries.is_some_and(|mut entries| entries.next().is_none())
}

fn check_space(free_kb: &Result<u64, String>) -> Check {
    let shown = |kb: &u64| format!("{} MB free", kb / 1024);
    match free_kb {
        Ok(kb) if *kb < LEAST_FREE_KB => {
            Check::fail("disk", shown(kb), "make room: calls that cannot be recorded are refused")
        }
        Ok(kb) if *kb < LOW_FREE_KB => Check::warn("disk", shown(kb), "make room before records fill it"),
        Ok(kb) => Check::ok("disk", shown(kb)),
        Err(reason) => Check::warn("disk", format!("free space is not known: {reason}"), "look at it yourself"),
    }
}

/// The folder, or the nearest one above it that exists.
fn existing(data: &Path) -> PathBuf {
    let path = std::path::absolute(data).unwrap_or_else(|_| data.into());
    path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/")).into()
}

/// Asks the POSIX tool: the standard library does not know, and a crate for one number is too much.
fn free_kilobytes(folder: &Path) -> Result<u64, String> {
    let output =
        Command::new("df").arg("-Pk").arg("--").arg(folder).output().map_err(|error| format!("df: {error}"))?;
    parse_df(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| "df gave no number".into())
}

/// The fourth column of the second line (POSIX, `df -P`).
fn parse_df(text: &str) -> Option<u64> {
    text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    fn statuses(data: &Path) -> Vec<(&'static str, Status)> {
        checks(data).iter().map(|check| (check.name, check.status)).filter(|(name, _)| *name != "disk").collect()
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_fine_and_a_file_is_not() {
        let parent = tempfile::tempdir().expect("a folder");
        assert_eq!(statuses(&parent.path().join("a/b")), [("data folder", Status::Ok)]);
        let file = parent.path().join("file");
        fs::write(&file, "").expect("written");
        assert_eq!(statuses(&file), [("data folder", Status::Fail)]);
        assert_eq!(statuses(&file.join("below")), [("data folder", Status::Fail)]);
    }

    #[test]
    fn modes_that_let_others_in_are_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join(KEY_FILE);
        set_mode(folder.path(), 0o700);
        assert_eq!(
            statuses(folder.path()),
            [("data folder", Status::Ok), ("writable", Status::Ok), ("master key", Status::Ok)]
        );
        fs::write(folder.path().join("other"), "").expect("written");
        assert_eq!(statuses(folder.path())[2].1, Status::Warn, "the key is gone");
        fs::write(&key, "").expect("written");
        set_mode(&key, 0o600);
        assert_eq!(statuses(folder.path())[2].1, Status::Fail, "the key is empty");
        fs::write(&key, "k").expect("written");
        for (mode, expected) in [
            (0o600, Status::Ok),
            (0o400, Status::Ok),
            (0o640, Status::Fail),
            (0o604, Status::Fail),
            (0o601, Status::Fail),
            (0o777, Status::Fail),
        ] {
            set_mode(&key, mode);
            assert_eq!(statuses(folder.path())[2].1, expected, "{mode:o}");
        }
        for mode in [0o750, 0o705, 0o755, 0o777] {
            set_mode(folder.path(), mode);
            assert_eq!(statuses(folder.path())[0].1, Status::Warn, "{mode:o}");
        }
    }

    #[test]
    fn a_key_that_is_a_link_or_a_folder_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join(KEY_FILE);
        std::os::unix::fs::symlink("/dev/null", &key).expect("a link");
        assert_eq!(check_key(&key).status, Status::Fail);
        fs::remove_file(&key).expect("removed");
        fs::create_dir(&key).expect("a folder");
        assert_eq!(check_key(&key).status, Status::Fail);
    }

    #[test]
    fn space_is_read_from_df_and_judged() {
        let text = "Filesystem     1024-blocks    Used Available Capacity Mounted on\n/dev/sda1  100 20 80 20% /a b\n";
        assert_eq!(parse_df(text), Some(80));
        for text in ["", "\n", "a\nb", "a\nb c d e", "a\nb 1 2 -3 4%"] {
            assert_eq!(parse_df(text), None, "{text:?}");
        }
        let cases = [
            (Ok(0), Status::Fail),
            (Ok(LEAST_FREE_KB - 1), Status::Fail),
            (Ok(LEAST_FREE_KB), Status::Warn),
            (Ok(LOW_FREE_KB - 1), Status::Warn),
            (Ok(LOW_FREE_KB), Status::Ok),
            (Err("no df".to_owned()), Status::Warn),
        ];
        for (free, expected) in cases {
            assert_eq!(check_space(&free).status, expected, "{free:?}");
        }
        assert!(free_kilobytes(Path::new("/")).is_ok());
    }
}
