//! Compiled components on disk. Loading one runs native code, so only bytes that carry this host's own mark are loaded.

use std::fs::{self, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::RuntimeError;
use crate::model::Random;

/// Name of the file that holds the key.
const KEY_FILE: &str = "cache.key";

/// Bytes of the key, and of a mark.
const MARK_BYTES: usize = 32;

/// Longest compiled component that is read: four times what the largest component compiles to.
const ARTIFACT_BYTES: u64 = 1 << 30;

/// The directory, the key, and what an artifact must have been made for.
pub(super) struct Cache {
    dir: PathBuf,
    /// Random, made at first use, and readable by this user only. Whoever can read it can run code as this user
    /// anyway.
    key: [u8; MARK_BYTES],
    /// Engine version, compiler flags and target.
    engine: [u8; 32],
    random: Random,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Cache {
    /// Opens the directory, making it and its key where missing.
    pub(super) fn open(dir: &Path, engine: &Engine, random: &Random) -> Result<Self, RuntimeError> {
        let failed = |error: io::Error| RuntimeError::Cache { reason: format!("{}: {error}", dir.display()) };
        fs::create_dir_all(dir).map_err(failed)?;
        let key = open_key(&dir.join(KEY_FILE), random).map_err(failed)?;
        Ok(Self { dir: dir.into(), key, engine: engine_digest(engine), random: *random })
    }

    /// The compiled component, unless there is none or anything about it is not as this host wrote it.
    pub(super) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let mut bytes = Vec::new();
        let file = File::open(self.path(digest)).ok()?;
        file.take(ARTIFACT_BYTES).read_to_end(&mut bytes).ok()?;
        let (mark, artifact) = bytes.split_first_chunk::<MARK_BYTES>()?;
        // The comparison takes the same time wherever the marks differ.
        self.mac(digest, artifact)?.verify_slice(mark).ok()?;
        deserialize(engine, artifact)
    }

    /// Writes a compiled component, in place of any other for the same digest.
    pub(super) fn store(&self, component: &Component, digest: &str) -> Result<(), RuntimeError> {
        let path = self.path(digest);
        let failed = |reason: String| RuntimeError::Cache { reason: format!("{}: {reason}", path.display()) };
        let artifact = component.serialize().map_err(|error| failed(error.to_string()))?;
        let mac = self.mac(digest, &artifact).ok_or_else(|| failed("no mark".into()))?;
        let mark = mac.finalize().into_bytes();
        // Under another name first: a reader sees the whole file or none.
        let draft = path.with_extension(hex::encode(self.random.bytes::<8>()));
        let written = write_private(&draft, &[&mark, &artifact]).and_then(|()| fs::rename(&draft, &path));
        written.map_err(|error| {
            let _ = fs::remove_file(&draft);
            failed(error.to_string())
        })
    }

    /// One file per component and engine, so that two versions of the host can share a directory.
    fn path(&self, digest: &str) -> PathBuf {
        let engine = hex::encode(self.engine.split_at(8).0);
        self.dir.join(format!("{}.{engine}.aot", digest.to_ascii_lowercase()))
    }

    /// The mark of an artifact: over what it was made from and for, and all of its bytes.
    fn mac(&self, digest: &str, artifact: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(b"gloveport aot 1\n");
        mac.update(&self.engine);
        mac.update(digest.to_ascii_lowercase().as_bytes());
        mac.update(artifact);
        Some(mac)
    }
}

/// Everything that must be the same for an artifact to run: wasmtime's version, its flags, the processor's features.
fn engine_digest(engine: &Engine) -> [u8; 32] {
    struct Sink(Sha256);
    impl Hasher for Sink {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut sink = Sink(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sink);
    std::env::consts::ARCH.hash(&mut sink);
    std::env::consts::OS.hash(&mut sink);
    sink.0.finalize().into()
}

#[expect(unsafe_code, reason = "an artifact is native code; its mark says that this host compiled it")]
fn deserialize(engine: &Engine, artifact: &[u8]) -> Option<Component> {
    // SAFETY: `load` has just checked these very bytes, in memory, against the mark that only `store` can make: they
    // are what `Component::serialize` gave for an engine of the same version and flags.
    unsafe { Component::deserialize(engine, artifact) }.ok()
}

/// Reads the key, or makes it. A key that others can read or write is refused: they could have marked anything.
fn open_key(path: &Path, random: &Random) -> io::Result<[u8; MARK_BYTES]> {
    if !path.exists() {
        // Under another name first, then linked: of two hosts that start together, one makes the key for both.
        let draft = path.with_extension(hex::encode(random.bytes::<8>()));
        write_private(&draft, &[&random.bytes::<MARK_BYTES>()])?;
        let linked = fs::hard_link(&draft, path);
        fs::remove_file(&draft)?;
        if let Err(error) = linked
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
    }
    let mut file = File::open(path)?;
    check_private(&file)?;
    let mut key = [0; MARK_BYTES];
    file.read_exact(&mut key)?;
    Ok(key)
}

fn write_private(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

#[cfg(unix)]
fn check_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let mode = file.metadata()?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(io::Error::other(format!("{KEY_FILE} has mode {mode:o}: `chmod 600` it, or remove it")));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::test_guests::{ECHO, digest, guest};
    use super::super::{Runtime, RuntimeConfig};
    use super::*;

    fn open(dir: &Path) -> Result<Runtime, RuntimeError> {
        let config = RuntimeConfig { cache_dir: Some(dir.into()), random: Random::system(), max_concurrent_calls: 1 };
        Runtime::new(config)
    }

    fn load(runtime: &Runtime, digest: &str) -> Option<Component> {
        runtime.0.cache.as_ref().and_then(|cache| cache.load(&runtime.0.engine, digest))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).map_or(0, |file| file.permissions().mode() & 0o777)
    }

    #[test]
    fn a_component_compiled_once_is_loaded_by_the_next_start() {
        let dir = tempfile::tempdir().expect("a directory");
        let wasm = guest("", ECHO);
        let digest = digest(&wasm);
        let first = open(dir.path()).expect("a runtime");
        assert!(load(&first, &digest).is_none());
        first.compile(&wasm, &digest).expect("accepted");
        drop(first);
        let second = open(dir.path()).expect("a runtime");
        assert!(load(&second, &digest).is_some());
        assert!(second.compile(&wasm, &digest.to_uppercase()).is_ok());
        let mut files = 0;
        for entry in fs::read_dir(dir.path()).expect("a directory") {
            assert_eq!(mode(&entry.expect("an entry").path()), 0o600);
            files += 1;
        }
        assert_eq!(files, 2, "the key and one artifact, no drafts");
    }

    /// Lesson: an artifact is native code, so nothing that this host did not write may be loaded.
    #[test]
    fn what_this_host_did_not_write_is_compiled_anew() {
        let dir = tempfile::tempdir().expect("a directory");
        let runtime = open(dir.path()).expect("a runtime");
        let wasm = guest("", ECHO);
        let digest = digest(&wasm);
        runtime.compile(&wasm, &digest).expect("accepted");
        let path = runtime.0.cache.as_ref().expect("a cache").path(&digest);
        let good = fs::read(&path).expect("the artifact");
        let flip = |position: usize| {
            let mut bytes = good.clone();
            bytes[position] ^= 1;
            bytes
        };
        for (what, bytes) in [
            ("empty", Vec::new()),
            ("the mark alone", good[..MARK_BYTES].to_vec()),
            ("cut", good[..good.len() - 1].to_vec()),
            ("longer", [good.as_slice(), &[0]].concat()),
            ("another mark", flip(0)),
            ("another first byte", flip(MARK_BYTES)),
            ("another byte in the middle", flip(good.len() / 2)),
            ("another last byte", flip(good.len() - 1)),
            ("no mark", good[MARK_BYTES..].to_vec()),
        ] {
            fs::write(&path, bytes).expect("written");
            assert!(load(&runtime, &digest).is_none(), "{what}");
            runtime.compile(&wasm, &digest).expect("compiled anew");
            assert!(load(&runtime, &digest).is_some(), "{what}: must have been replaced");
        }
    }

    #[test]
    fn an_artifact_is_of_one_component_and_one_key() {
        let dir = tempfile::tempdir().expect("a directory");
        let runtime = open(dir.path()).expect("a runtime");
        let wasm = guest("", ECHO);
        let (digest, other) = (digest(&wasm), "0".repeat(64));
        runtime.compile(&wasm, &digest).expect("accepted");
        let cache = runtime.0.cache.as_ref().expect("a cache");
        fs::copy(cache.path(&digest), cache.path(&other)).expect("copied");
        assert!(load(&runtime, &other).is_none(), "another component's artifact under this name");

        let elsewhere = tempfile::tempdir().expect("a directory");
        let stranger = open(elsewhere.path()).expect("a runtime");
        let planted = stranger.0.cache.as_ref().expect("a cache").path(&digest);
        fs::copy(cache.path(&digest), planted).expect("copied");
        assert!(load(&stranger, &digest).is_none(), "marked with another key");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        drop(open(dir.path()).expect("a runtime"));
        let key = dir.path().join(KEY_FILE);
        for bits in [0o640, 0o604, 0o620, 0o666] {
            fs::set_permissions(&key, fs::Permissions::from_mode(bits)).expect("set");
            let refused = open(dir.path()).expect_err("not private").to_string();
            assert!(refused.contains("chmod 600"), "{bits:o}: {refused}");
        }
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("set");
        fs::write(&key, [0; MARK_BYTES - 1]).expect("written");
        assert!(open(dir.path()).is_err(), "a key that is too short");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        fs::write(&file, "").expect("written");
        let refused = open(&file.join("cache")).expect_err("not a directory").to_string();
        assert!(refused.contains("file/cache"), "{refused}");
    }

    #[test]
    fn a_component_that_cannot_be_kept_is_served_all_the_same() {
        let dir = tempfile::tempdir().expect("a directory");
        let runtime = open(dir.path()).expect("a runtime");
        let wasm = guest("", ECHO);
        let digest = digest(&wasm);
        // A directory in the artifact's place: it cannot be read, and a file cannot be renamed onto it.
        fs::create_dir(runtime.0.cache.as_ref().expect("a cache").path(&digest)).expect("made");
        assert!(runtime.compile(&wasm, &digest).is_ok());
        assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 2, "the draft is gone");
    }
}
