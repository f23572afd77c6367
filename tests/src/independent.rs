//! Programs from npm that nobody of this project wrote, among them an authorization server and a judge of requests.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::installing;
use crate::programs::target_folder;

/// What npm installs for the authorization server, once for each target folder.
const SERVER: [&str; 1] = ["oidc-provider@9.13.3"];

/// What npm installs for the judge of requests.
const JUDGE: [&str; 3] = ["express-openapi-validator@5.6.2", "express@4.22.3", "js-yaml@4.3.2"];

/// How long npm may take: seconds where it has the package, and less than anybody waits where it has no network.
const PATIENCE: Duration = Duration::from_secs(90);

/// The secret of its only client, `gloveport`.
pub const CLIENT_SECRET: &str = "cnry_the-secret-of-an-independent-server";

/// A running server. It ends when this is dropped.
pub struct IndependentServer {
    _process: Child,
    /// Its URL and its name as an issuer, which are the same.
    pub url: String,
}

impl IndependentServer {
    /// Starts one that sends browsers back to `redirect_uri` only; `None` where Node or its package cannot be had, which
    /// is said on standard error.
    pub async fn start(redirect_uri: &str) -> Option<Self> {
        let program = program("server.mjs", include_str!("../independent/server.mjs"), &SERVER).await?;
        let mut process = Command::new("node")
            .arg(program)
            .arg(redirect_uri)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("npm does not work without node");
        let mut lines = BufReader::new(process.stdout.take().expect("it was piped")).lines();
        let port = loop {
            let line =
                lines.next_line().await.expect("its output can be read").expect("it says its port before it ends");
            if let Some(port) = line.strip_prefix("port ") {
                break port.to_owned();
            }
        };
        // Whatever else it says must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Some(Self { _process: process, url: format!("http://127.0.0.1:{port}") })
    }
}

/// Holds requests against OpenAPI documents with npm's `express-openapi-validator`: one answer per request, in order, with
/// what is wrong with it. `None` where that cannot be had, which is said on standard error. `cases` are the lines that
/// `documents.mjs` describes.
///
/// # Panics
///
/// When the program ends with an error.
pub async fn judged(cases: &[Value]) -> Option<Vec<Option<String>>> {
    let program = program("documents.mjs", include_str!("../independent/documents.mjs"), &JUDGE).await?;
    let mut node = Command::new("node");
    node.arg(program);
    Some(verdicts(node, cases).await)
}

/// Runs a program that is given a file with a line of JSON for each case, and gives what it says line by line.
///
/// # Panics
///
/// When the program ends with an error.
pub(crate) async fn verdicts(mut program: Command, cases: &[Value]) -> Vec<Option<String>> {
    let mut file = tempfile::NamedTempFile::new().expect("there is room for a temporary file");
    let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
    file.write_all(lines.join("\n").as_bytes()).expect("there is room for a temporary file");
    let ended = program.arg(file.path()).stdin(Stdio::null()).kill_on_drop(true).output().await;
    let ended = ended.expect("what was installed can be run");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    said.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// Where a program lies that Node can run, with its packages; `None` where those cannot be had.
pub(crate) async fn program(name: &str, text: &str, packages: &[&str]) -> Option<PathBuf> {
    // Node looks for packages beside the program; two programs do not wait for each other.
    let folder = target_folder("independent").join(name.trim_end_matches(".mjs"));
    std::fs::create_dir_all(&folder).expect("the target folder can be written to");
    if let Err(why) = install(&folder, packages).await {
        // Nobody reads a closed standard error.
        let _ = writeln!(std::io::stderr(), "skipped: {} cannot be had here: {why}", packages.join(", "));
        return None;
    }
    let program = folder.join(name);
    std::fs::write(&program, text).expect("the target folder can be written to");
    Some(program)
}

/// Installs what is not there: the list of packages beside them says that they are, once they all are.
async fn install(folder: &Path, packages: &[&str]) -> Result<(), String> {
    let _turn = installing::turn().await;
    let (list, wanted) = (folder.join("packages.txt"), packages.join("\n"));
    if std::fs::read_to_string(&list).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let npm = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"])
        .args(packages)
        .arg("--prefix")
        .arg(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let ended = tokio::time::timeout(PATIENCE, npm).await.map_err(|_| "npm takes too long".to_owned())?;
    let ended = ended.map_err(|error| format!("npm: {error}"))?;
    match ended.status.success() {
        true => std::fs::write(list, wanted).map_err(|error| error.to_string()),
        false => Err(String::from_utf8_lossy(&ended.stderr).lines().last().unwrap_or("npm failed").to_owned()),
    }
}
