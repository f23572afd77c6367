//! `cargo xtask plugins`: builds the guests for WebAssembly and turns them into components.

mod component;
mod toolchain;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use thiserror::Error;

pub(crate) use toolchain::{Choice, Toolchain};

/// What to build, and where it goes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Only these packages, with or without `gloveport-` (default: all in plugins/, and the guests of tests/)
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) package: Vec<String>,
    /// Folder for the components [default: <target directory>/plugins]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Which toolchain builds them
    #[arg(long, value_enum, default_value_t = Choice::Auto)]
    pub(crate) toolchain: Choice,
}

impl Options {
    /// All guests, where everything expects them.
    pub(crate) fn all() -> Self {
        Self { package: Vec::new(), out: None, toolchain: Choice::Auto }
    }
}

/// A component on disk.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// Name of the connector, from its manifest.
    pub(crate) name: String,
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// Its size.
    pub(crate) bytes: usize,
    /// The interfaces of the contract that it imports, for example `http`.
    pub(crate) imports: Vec<String>,
}

/// Why there are no components.
#[derive(Debug, Error)]
pub(crate) enum PluginsError {
    #[error("no toolchain can build for wasm32-unknown-unknown:\n{0}")]
    Toolchain(String),
    #[error("`{command}` cannot be run: {source}")]
    Spawn { command: String, source: io::Error },
    #[error("`{command}` failed")]
    Failed { command: String },
    #[error("`cargo metadata` answers something else than expected: {0}")]
    Metadata(serde_json::Error),
    #[error("no guest package is named `{name}`; there are: {known}")]
    Unknown { name: String, known: String },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{package} does not become a component: {reason}")]
    Component { package: String, reason: String },
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
}

/// Builds what `options` name. Cargo skips what is up to date; progress goes to standard error.
///
/// # Errors
///
/// When no toolchain can build guests, when a guest does not compile, or when it is no connector.
pub(crate) fn build(options: &Options) -> Result<Vec<Built>, PluginsError> {
    let metadata = metadata()?;
    let packages = select(&metadata, &options.package)?;
    let toolchain = toolchain::choose(options.toolchain)?;
    say(&format!("guests: {toolchain}"));
    // A folder of its own: another toolchain and profile would otherwise undo the host build's work.
    let target = metadata.target_directory.join("guests");
    compile(&toolchain, &metadata.workspace_root, &target, &packages)?;
    let out = options.out.clone().unwrap_or_else(|| metadata.target_directory.join("plugins"));
    std::fs::create_dir_all(&out).map_err(|source| PluginsError::File { path: out.clone(), source })?;
    let mut all = Vec::with_capacity(packages.len());
    for package in &packages {
        let built = componentise(package, &target, &out)?;
        let (name, size, imports) = (&built.name, built.bytes.div_ceil(1024), built.imports.join(" "));
        say(&format!("  {name:<12} {size:>5} KiB  imports: {imports}  {}", built.path.display()));
        all.push(built);
    }
    Ok(all)
}

fn metadata() -> Result<Metadata, PluginsError> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = command.output().map_err(|source| PluginsError::Spawn { command: "cargo metadata".into(), source })?;
    if !output.status.success() {
        // What cargo has to say is the culprit's name.
        say(&String::from_utf8_lossy(&output.stderr));
        return Err(PluginsError::Failed { command: "cargo metadata".into() });
    }
    serde_json::from_slice(&output.stdout).map_err(PluginsError::Metadata)
}

/// The packages of the guests, or those of them that were asked for.
fn select(metadata: &Metadata, wanted: &[String]) -> Result<Vec<String>, PluginsError> {
    let folders =
        ["plugins", "tests/fixed", "tests/probe", "tests/relay"].map(|folder| metadata.workspace_root.join(folder));
    let is_guest = |package: &&Package| folders.iter().any(|folder| package.manifest_path.starts_with(folder));
    let guests: Vec<String> = metadata.packages.iter().filter(is_guest).map(|package| package.name.clone()).collect();
    if wanted.is_empty() {
        return Ok(guests);
    }
    let find = |name: &String| {
        let full = format!("gloveport-{name}");
        let known = || guests.join(", ");
        let found = guests.iter().find(|guest| *guest == name || **guest == full).cloned();
        found.ok_or_else(|| PluginsError::Unknown { name: name.clone(), known: known() })
    };
    wanted.iter().map(find).collect()
}

fn compile(toolchain: &Toolchain, root: &Path, target: &Path, packages: &[String]) -> Result<(), PluginsError> {
    let mut command = toolchain.cargo();
    command.current_dir(root).args(["build", "--locked", "--lib", "--profile", "guest"]);
    command.args(["--target", toolchain::TARGET]).arg("--target-dir").arg(target);
    command.args(packages.iter().flat_map(|package| ["--package", package.as_str()]));
    let status = command.status().map_err(|source| PluginsError::Spawn { command: "cargo build".into(), source })?;
    if status.success() { Ok(()) } else { Err(PluginsError::Failed { command: "cargo build (guests)".into() }) }
}

fn componentise(package: &str, target: &Path, out: &Path) -> Result<Built, PluginsError> {
    let file = format!("{}.wasm", package.replace('-', "_"));
    let module = target.join(toolchain::TARGET).join("guest").join(file);
    let read = std::fs::read(&module).map_err(|source| PluginsError::File { path: module, source })?;
    let component =
        component::encode(&read).map_err(|reason| PluginsError::Component { package: package.to_owned(), reason })?;
    let path = out.join(format!("{}.wasm", component.name));
    // What has not changed keeps its time, for those who watch the folder.
    if std::fs::read(&path).ok().as_ref() != Some(&component.bytes) {
        std::fs::write(&path, &component.bytes).map_err(|source| PluginsError::File { path: path.clone(), source })?;
    }
    Ok(Built { name: component.name, path, bytes: component.bytes.len(), imports: component.imports })
}

/// Progress is lost where standard error is closed, and the build goes on.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
