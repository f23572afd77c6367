//! Where the programs and connectors are that `cargo xtask test` built before the tests run.

use std::path::{Path, PathBuf};

/// The target directory's folder of this profile, found from the running program.
///
/// # Panics
///
/// When this program was moved out of a target directory.
pub fn profile_folder() -> PathBuf {
    let running = std::env::current_exe().expect("a program knows its path");
    let folder = running.parent().expect("a program lies in a folder");
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    folder.to_path_buf()
}

/// A folder of the target directory for what tests leave there, and find again: packages, pictures.
///
/// # Panics
///
/// When this program was moved out of a target directory.
pub fn target_folder(name: &str) -> PathBuf {
    target().join(name)
}

/// The host's program.
pub fn gloveport() -> PathBuf {
    built(profile_folder().join(format!("gloveport{}", std::env::consts::EXE_SUFFIX)))
}

/// The program that the conformance suite starts as a client.
pub fn conformance() -> PathBuf {
    built(profile_folder().join(format!("conformance{}", std::env::consts::EXE_SUFFIX)))
}

/// A client of MCP's SDK in Rust.
pub(crate) fn rmcp_client() -> PathBuf {
    built(profile_folder().join(format!("rmcp_client{}", std::env::consts::EXE_SUFFIX)))
}

/// A connector as a component.
pub fn connector(name: &str) -> PathBuf {
    built(target().join("plugins").join(format!("{name}.wasm")))
}

fn target() -> PathBuf {
    let profile = profile_folder();
    profile.parent().map_or_else(|| profile.clone(), Path::to_path_buf)
}

fn built(path: PathBuf) -> PathBuf {
    assert!(path.is_file(), "{} is not there: run `cargo xtask test`, which builds it", path.display());
    path
}
