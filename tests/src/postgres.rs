//! A PostgreSQL server of the tests' own: started when the first test asks, stopped when the test process ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where Debian's packages put each version's programs.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Users that may run a server when the tests run as root, which PostgreSQL refuses.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Waits at its standard input after the start. The test process holds the other end, so however that ends, the server
/// ends too. What a test wrote need not survive a power failure: fsync is off.
const SCRIPT: &str = r#"
set -e
"$1/initdb" -D "$2/data" -U gloveport --auth=trust --encoding=UTF8 --locale=C --no-sync >"$2/initdb.log" 2>&1
"$1/pg_ctl" -D "$2/data" -s -w -l "$2/server.log" -o "-c listen_addresses='' -c unix_socket_directories='$2' \
    -c fsync=off -c max_connections=400 -c shared_buffers=32MB" start </dev/null >/dev/null 2>&1
echo ready
read -r _ || true
"$1/pg_ctl" -D "$2/data" -s -m immediate stop >/dev/null 2>&1 || true
rm -rf "$2"
"#;

struct Server {
    programs: PathBuf,
    /// Holds the socket.
    folder: PathBuf,
    /// Its standard input is what keeps the server running.
    _keeper: Child,
}

/// The URL of a new, empty database; `None` where PostgreSQL is not installed, with the reason on standard error. In
/// CI that is a failure: no test is ever skipped there.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
pub fn new_database() -> Option<String> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    match SERVER.get_or_init(start) {
        Ok(server) => {
            let name = format!("test_{}", COUNT.fetch_add(1, Ordering::SeqCst));
            create_database(server, &name);
            Some(format!("postgres://gloveport@localhost/{name}?host={}", server.folder.display()))
        }
        Err(reason) if std::env::var_os("CI").is_some() => panic!("no PostgreSQL for the tests: {reason}"),
        Err(reason) => {
            eprintln!("skipped on PostgreSQL: {reason}");
            None
        }
    }
}

fn start() -> Result<Server, String> {
    let programs = programs()?;
    let folder = tempfile::Builder::new()
        .prefix("gloveport-pg-")
        .tempdir()
        .map_err(|error| format!("no temporary folder: {error}"))?
        .keep();
    let mut keeper = Command::new("sh");
    keeper.arg("-c").arg(SCRIPT).arg("sh").arg(&programs).arg(&folder);
    // A group of its own: an interrupt from the keyboard must not end the keeper before it ended the server.
    keeper.current_dir("/").process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        let (user, group) = unprivileged()?;
        chown(&folder, Some(user), Some(group)).map_err(|error| format!("cannot give the folder away: {error}"))?;
        keeper.uid(user).gid(group);
    }
    let mut keeper = keeper.spawn().map_err(|error| format!("cannot run sh: {error}"))?;
    let mut line = String::new();
    if let Some(output) = keeper.stdout.take() {
        let _ = BufReader::new(output).read_line(&mut line);
    }
    if line.trim() != "ready" {
        let log = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        return Err(format!("the server did not start: {}{}", log("initdb.log"), log("server.log")));
    }
    Ok(Server { programs, folder, _keeper: keeper })
}

/// The programs of the newest version that is installed.
fn programs() -> Result<PathBuf, String> {
    let versions = fs::read_dir(VERSIONS).map_err(|_| format!("{VERSIONS} does not exist: install postgresql-15"))?;
    versions
        .filter_map(Result::ok)
        .filter_map(|version| Some((version.file_name().to_str()?.parse::<u32>().ok()?, version.path().join("bin"))))
        .filter(|(_, programs)| programs.join("initdb").exists() && programs.join("createdb").exists())
        .max()
        .map(|(_, programs)| programs)
        .ok_or_else(|| format!("{VERSIONS} holds no initdb: install postgresql-15"))
}

fn unprivileged() -> Result<(u32, u32), String> {
    let users = fs::read_to_string("/etc/passwd").map_err(|error| format!("cannot read /etc/passwd: {error}"))?;
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    UNPRIVILEGED.into_iter().find_map(ids).ok_or_else(|| "there is no unprivileged user to run it".into())
}

fn create_database(server: &Server, name: &str) {
    let output = Command::new(server.programs.join("createdb"))
        .args(["--username=gloveport", "--template=template0", "--host"])
        .arg(Path::new(&server.folder))
        .arg(name)
        .output()
        .expect("createdb runs");
    assert!(output.status.success(), "createdb: {}", String::from_utf8_lossy(&output.stderr));
}
