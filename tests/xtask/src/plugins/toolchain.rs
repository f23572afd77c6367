//! Which Rust builds guests: the one in use, with a target fetched if need be, or that of Debian's packages.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::PluginsError;

/// The target of all guests: no WASI, so they import what the contract has and nothing else.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// Long enough for 20 MB on a slow line; where the server is out of reach rustup gives up earlier by itself.
const RUSTUP_LIMIT: Duration = Duration::from_secs(90);

/// Debian's packages with a compiler, its cargo and the matching sources of `std`.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Choice {
    /// The first that works of the following
    Auto,
    /// The toolchain in use, if it has the target
    Installed,
    /// The toolchain in use, after `rustup target add`
    Rustup,
    /// Debian's packages rustc-web, cargo-web and rust-web-src
    Debian,
}

/// A toolchain that can build guests.
#[derive(Clone, Debug)]
pub(crate) enum Toolchain {
    /// The one in use.
    Current {
        /// Whether the target was fetched just now.
        fetched: bool,
    },
    /// Debian's compiler, which builds `std` from its sources and borrows the linker of the one in use.
    Debian {
        /// `rust-lld` of the toolchain in use.
        linker: PathBuf,
    },
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current { fetched: false } => write!(f, "built with the toolchain in use, which has {TARGET}"),
            Self::Current { fetched: true } => write!(f, "built with the toolchain in use; rustup fetched {TARGET}"),
            Self::Debian { .. } => write!(f, "built with Debian's rustc-web, std from rust-web-src"),
        }
    }
}

impl Toolchain {
    /// Its cargo, ready for arguments.
    pub(super) fn cargo(&self) -> Command {
        match self {
            Self::Current { .. } => {
                let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                command.env_remove("RUSTFLAGS");
                command
            }
            Self::Debian { linker } => {
                let mut path = std::ffi::OsString::from("/usr/bin:");
                path.push(std::env::var_os("PATH").unwrap_or_default());
                let mut command = Command::new("/usr/bin/cargo");
                command.env("PATH", path).env("RUSTC", "/usr/bin/rustc").env_remove("RUSTDOC");
                command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTFLAGS");
                // `-Zbuild-std` is not stable; the compiler and the sources are of one version here.
                command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort");
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                command
            }
        }
    }
}

/// The first toolchain that works, or the one that is wanted.
pub(super) fn choose(choice: Choice) -> Result<Toolchain, PluginsError> {
    let mut reasons = Vec::new();
    let mut attempt = |name: Choice, found: fn() -> Result<Toolchain, String>| {
        if choice != Choice::Auto && choice != name {
            return None;
        }
        found().map_err(|reason| reasons.push(format!("  - {reason}"))).ok()
    };
    attempt(Choice::Installed, installed)
        .or_else(|| attempt(Choice::Rustup, rustup))
        .or_else(|| attempt(Choice::Debian, debian))
        .ok_or_else(|| PluginsError::Toolchain(reasons.join("\n")))
}

fn installed() -> Result<Toolchain, String> {
    let folder = rustc(&["--print", "target-libdir", "--target", TARGET])?;
    let has_std = std::fs::read_dir(&folder)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")));
    if has_std {
        Ok(Toolchain::Current { fetched: false })
    } else {
        Err(format!("the toolchain in use has no {TARGET}"))
    }
}

fn rustup() -> Result<Toolchain, String> {
    let mut command = Command::new("rustup");
    command.args(["--quiet", "target", "add", TARGET]).env("RUSTUP_MAX_RETRIES", "0");
    run_within(&mut command, RUSTUP_LIMIT).map_err(|reason| format!("`rustup target add {TARGET}`: {reason}"))?;
    installed().map(|_| Toolchain::Current { fetched: true })
}

fn debian() -> Result<Toolchain, String> {
    let linker = PathBuf::from(rustc(&["--print", "sysroot"])?).join("lib/rustlib").join(host()?).join("bin/rust-lld");
    if !linker.exists() {
        return Err(format!(
            "Debian's packages need the linker of a rustup toolchain; {} is not there",
            linker.display()
        ));
    }
    if !debian_is_complete() {
        install_debian()?;
    }
    Ok(Toolchain::Debian { linker })
}

fn debian_is_complete() -> bool {
    ["/usr/bin/cargo", "/usr/bin/rustc", "/usr/lib/rustlib/src/rust/library/Cargo.toml"]
        .iter()
        .all(|file| Path::new(file).exists())
}

fn install_debian() -> Result<(), String> {
    let packages = DEBIAN_PACKAGES.join(" ");
    let advice = format!("install Debian's packages with `apt-get install --no-install-recommends {packages}`");
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(format!("no apt-get here; fetch {TARGET} with rustup on a line that reaches its server"));
    }
    if output("id", &["-u"])? != "0" {
        return Err(format!("{advice} (only root can)"));
    }
    let status = Command::new("apt-get")
        .args(["install", "--yes", "--quiet=2", "--no-install-recommends"])
        .args(DEBIAN_PACKAGES)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("apt-get: {error}"))?;
    if status.success() && debian_is_complete() { Ok(()) } else { Err(format!("{advice}: it failed here")) }
}

fn host() -> Result<String, String> {
    let version = rustc(&["--version", "--verbose"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not tell its host".into())
}

fn rustc(arguments: &[&str]) -> Result<String, String> {
    output("rustc", arguments)
}

fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a command quietly and ends it when it takes longer than `limit`.
fn run_within(command: &mut Command, limit: Duration) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot be run: {error}"))?;
    let (sender, receiver) = mpsc::channel();
    if let Some(mut errors) = child.stderr.take() {
        // The pipe closes when the child ends: reading to its end is waiting for it.
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            let _ = sender.send(text);
        });
    }
    let Ok(text) = receiver.recv_timeout(limit) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("no end after {} seconds", limit.as_secs()));
    };
    let status = child.wait().map_err(|error| error.to_string())?;
    let last = || text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("failed").trim().to_owned();
    if status.success() { Ok(()) } else { Err(last()) }
}
