//! The file of the master keys: made once, readable by its owner only, changed as a whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::VaultError;
use super::keyring::{Key, Keyring};
use crate::model::Random;

/// A key file has a few lines; what is longer is another file.
const MAX_SIZE: u64 = 16 * 1024;

/// What tells a file from all that it was before: another file in its place, another content, other rights.
///
/// A change that is made as a whole ([`change`]) always brings another inode. One that is written in place moves the times,
/// as finely as the file system counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    #[cfg(unix)]
    file: (u64, u64),
    #[cfg(unix)]
    changed: [(i64, i64); 2],
    #[cfg(not(unix))]
    changed: Option<std::time::SystemTime>,
}

impl Stamp {
    #[cfg(unix)]
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self {
            length: metadata.len(),
            file: (metadata.dev(), metadata.ino()),
            changed: [(metadata.mtime(), metadata.mtime_nsec()), (metadata.ctime(), metadata.ctime_nsec())],
        }
    }

    #[cfg(not(unix))]
    fn of(metadata: &fs::Metadata) -> Self {
        Self { length: metadata.len(), changed: metadata.modified().ok() }
    }
}

/// What the file is now, without reading it.
pub(super) fn stamp(path: &Path) -> Result<Stamp, VaultError> {
    fs::metadata(path).map(|metadata| Stamp::of(&metadata)).map_err(|error| key_file(path, &error))
}

/// Reads the file, or makes it with a new key. Hosts that start together agree on one.
pub(super) fn read_or_make(path: &Path, random: &Random) -> Result<(Keyring, Stamp), VaultError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(path, random).map_err(|error| key_file(path, &error))?;
        }
        Err(error) => return Err(key_file(path, &error)),
        Ok(_) => {}
    }
    read(path)
}

/// Reads the file; refuses it if others than its owner may read it. The stamp is of the very file that was read.
pub(super) fn read(path: &Path) -> Result<(Keyring, Stamp), VaultError> {
    let failed = |error: io::Error| key_file(path, &error);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() || metadata.len() > MAX_SIZE {
        return Err(VaultError::KeyFile { path: path.into(), reason: "it is not a key file".into() });
    }
    check_mode(path, &metadata)?;
    // Sized so that it does not grow: growing would leave a copy behind that nobody wipes.
    let mut text = Zeroizing::new(String::with_capacity(MAX_SIZE as usize));
    file.take(MAX_SIZE).read_to_string(&mut text).map_err(failed)?;
    Ok((Keyring::parse(&text)?, Stamp::of(&metadata)))
}

/// Replaces the keys by what `change` makes of them, as one step; gives the new ones. One process at a time.
pub(super) fn change(
    path: &Path,
    random: &Random,
    change: impl FnOnce(Keyring) -> Result<Keyring, VaultError>,
) -> Result<Keyring, VaultError> {
    let failed = |error: io::Error| key_file(path, &error);
    // The lock is a file of its own, because the key file itself is replaced. It is let go when it is closed.
    let lock = private(OpenOptions::new().write(true).create(true)).open(beside(path, "lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Err(VaultError::Locked),
        Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
    }
    let ring = change(read(path)?.0)?;
    let temporary = write_temporary(path, &ring, random).map_err(failed)?;
    fs::rename(&temporary, path).and_then(|()| sync_folder(path)).map_err(failed)?;
    Ok(ring)
}

/// A link, unlike a rename, never replaces: whoever comes second finds the first one's keys, complete.
fn make(path: &Path, random: &Random) -> io::Result<()> {
    let temporary = write_temporary(path, &Keyring::of(Key::new(random)), random)?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(path),
    }
}

fn write_temporary(path: &Path, ring: &Keyring, random: &Random) -> io::Result<PathBuf> {
    let temporary = beside(path, &hex::encode(random.bytes::<8>()));
    let mut file = private(OpenOptions::new().write(true).create_new(true)).open(&temporary)?;
    file.write_all(ring.to_text().as_bytes())?;
    file.sync_all()?;
    Ok(temporary)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &fs::Metadata) -> Result<(), VaultError> {
    let mode = std::os::unix::fs::MetadataExt::mode(metadata) & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(VaultError::Exposed { path: path.into(), mode }) }
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &fs::Metadata) -> Result<(), VaultError> {
    Ok(())
}

fn key_file(path: &Path, error: &io::Error) -> VaultError {
    VaultError::KeyFile { path: path.into(), reason: error.to_string() }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_file_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let ids = read_or_make(&path, &Random::system()).unwrap().0.ids();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_or_make(&path, &Random::system()).unwrap().0.ids(), ids);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn those_who_start_together_agree_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let made: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| read_or_make(&path, &Random::system()).unwrap().0.ids())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(made.iter().all(|ids| ids == &made[0]), "{made:?}");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        read_or_make(&path, &Random::system()).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602, 0o777, 0o610] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read(&path).unwrap_err();
            assert_eq!(error, VaultError::Exposed { path: path.clone(), mode });
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn what_is_no_key_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert!(matches!(read(&path), Err(VaultError::KeyFile { .. })), "none");
        assert!(matches!(read(folder.path()), Err(VaultError::KeyFile { .. })), "a folder");
        let missing = folder.path().join("none/master.key");
        assert!(matches!(read_or_make(&missing, &Random::system()), Err(VaultError::KeyFile { .. })));
        private(OpenOptions::new().write(true).create_new(true)).open(&path).unwrap();
        assert!(matches!(read_or_make(&path, &Random::system()), Err(VaultError::BadKey { .. })), "empty");
        fs::write(&path, vec![b'#'; MAX_SIZE as usize + 1]).unwrap();
        assert!(matches!(read(&path), Err(VaultError::KeyFile { .. })), "too long");
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(read(&path), Err(VaultError::KeyFile { .. })), "not text");
    }

    #[test]
    fn every_change_of_the_file_shows_without_reading_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let random = Random::system();
        let first = read_or_make(&path, &random).unwrap().1;
        assert_eq!((stamp(&path).unwrap(), read(&path).unwrap().1), (first, first));
        change(&path, &random, Ok).unwrap();
        let replaced = stamp(&path).unwrap();
        assert_ne!(replaced, first, "the same keys in another file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_ne!(stamp(&path).unwrap(), replaced, "others may read it now");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let longer = format!("{}# kept\n", fs::read_to_string(&path).unwrap());
        let before = stamp(&path).unwrap();
        fs::write(&path, longer).unwrap();
        assert_ne!(stamp(&path).unwrap(), before, "written in place");
        fs::remove_file(&path).unwrap();
        assert!(matches!(stamp(&path), Err(VaultError::KeyFile { .. })), "gone");
    }

    #[test]
    fn a_change_keeps_the_mode_and_one_process_at_a_time_makes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let random = Random::system();
        read_or_make(&path, &random).unwrap();
        let ring = change(&path, &random, |ring| {
            let inner = change(&path, &random, Ok).unwrap_err();
            assert_eq!(inner, VaultError::Locked);
            ring.with_current(Key::new(&random))
        })
        .unwrap();
        assert_eq!(read(&path).unwrap().0.ids(), ring.ids());
        assert_eq!(ring.ids().len(), 2);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // A change that fails leaves everything as it was.
        assert_eq!(change(&path, &random, |_| Err(VaultError::NotAFile)).unwrap_err(), VaultError::NotAFile);
        assert_eq!(read(&path).unwrap().0.ids(), ring.ids());
    }
}
