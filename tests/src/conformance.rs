//! The official conformance suite of MCP, from npm, and a host that serves what it asks for.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use crate::host::TestHost;
use crate::installing;
use crate::upstream::{Reply, Upstream};

/// What npm installs, once for each user of a machine.
const PACKAGE: &str = "@modelcontextprotocol/conformance";

/// Its version: another one knows other scenarios.
const VERSION: &str = "0.2.0-alpha.12";

/// The Node that it needs, from npm too where the machine's own is older.
const NODE: (u32, &str) = (22, "node@22.21.1");

/// How long npm may take: half a minute with a network, and less than anybody waits without one.
const INSTALL_PATIENCE: Duration = Duration::from_secs(120);

/// Milliseconds that one scenario may take: none takes ten seconds on an idle machine.
const SCENARIO_MS: &str = "60000";

/// A revision that is judged, and the scenarios that it is expected to fail with a reason for each.
pub struct Revision {
    /// Its date.
    pub date: &'static str,
    expected_failures: &'static str,
}

/// One of each era.
pub const REVISIONS: [Revision; 2] = [
    Revision { date: "2025-11-25", expected_failures: include_str!("../conformance/2025-11-25.yaml") },
    Revision { date: "2026-07-28", expected_failures: include_str!("../conformance/2026-07-28.yaml") },
];

/// The suite, ready to run.
pub struct Suite {
    node: PathBuf,
    program: PathBuf,
}

/// What it says of a server.
pub struct Verdict {
    /// Whether nothing failed but what is expected to, and that did.
    pub passed: bool,
    /// All that it said.
    pub said: String,
}

impl Suite {
    /// Installs it.
    ///
    /// # Errors
    ///
    /// Why it cannot be had here.
    pub async fn install() -> Result<Self, String> {
        let folder = folder()?;
        let own_node = own_node().await;
        let turn = installing::turn().await;
        if !is_there(&folder) {
            // Other programs may install it at the same time: the first one that is complete stays.
            let beside = folder.with_extension(format!("{}.partial", std::process::id()));
            install(&beside, own_node).await?;
            if std::fs::rename(&beside, &folder).is_err() {
                // What is left of the second one is of no use.
                drop(std::fs::remove_dir_all(&beside));
            }
        }
        drop(turn);
        let node = if own_node { "node".into() } else { folder.join("node_modules/node/bin/node") };
        let program = program(&folder);
        if own_node || node.is_file() { Ok(Self { node, program }) } else { Err("npm gave no Node".into()) }
    }

    /// A Node that is new enough for programs of its year.
    pub fn node(&self) -> &Path {
        &self.node
    }

    /// Runs the scenarios of a revision against a server.
    ///
    /// # Panics
    ///
    /// When the suite does not start.
    pub async fn judge(&self, url: &str, revision: &Revision) -> Verdict {
        self.run(&["server", "--url", url], revision).await
    }

    /// Runs the scenarios of a revision against the client that this program is when it is given a URL.
    ///
    /// # Panics
    ///
    /// When the suite does not start.
    pub async fn judge_client(&self, program: &Path, revision: &Revision) -> Verdict {
        let program = program.to_str().expect("folders of builds have plain names");
        self.run(&["client", "--command", program], revision).await
    }

    async fn run(&self, about: &[&str], revision: &Revision) -> Verdict {
        let scratch = tempfile::tempdir().expect("there is room for a temporary folder");
        let expected = scratch.path().join("expected.yaml");
        std::fs::write(&expected, revision.expected_failures).expect("a temporary folder can be written to");
        let output = Command::new(&self.node)
            .arg(&self.program)
            .args(about)
            .args(["--suite", "all", "--spec-version", revision.date, "--timeout", SCENARIO_MS, "--output-dir"])
            .arg(scratch.path().join("out"))
            .arg("--expected-failures")
            .arg(&expected)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .expect("Node starts");
        let said = [output.stdout, output.stderr].concat();
        Verdict { passed: output.status.success(), said: String::from_utf8_lossy(&said).into_owned() }
    }
}

/// A host that serves the fixed tools at a user's URL.
pub struct Stage {
    /// Where.
    pub url: String,
    _host: TestHost,
    _upstream: Upstream,
}

impl Stage {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When the host refuses something.
    pub async fn start() -> Self {
        let upstream = Upstream::start(|_| Reply::json(200, &json!({}))).await;
        let host = TestHost::start().await;
        for connector in ["test", "json"] {
            host.install(connector).await;
            host.connection(connector, &upstream.url("")).await;
            host.account(connector, "suite", &json!({})).await.expect(201);
        }
        let config = json!({ "name": "conformance", "connections": [{ "connection": "test" }, { "connection": "json" }],
                "prompts": true, "resources": true });
        host.client().post("/v1/mcp/configs", &config).await.expect(201);
        let made = host.client().put("/v1/mcp/configs/conformance/instances/suite", &json!({})).await.expect(201);
        let url = made["url"].as_str().expect("an instance has a URL");
        let path = &url[url.find("/mcp/").expect("of an endpoint")..];
        Self { url: format!("{}{path}", host.client().base()), _host: host, _upstream: upstream }
    }
}

fn folder() -> Result<PathBuf, String> {
    let home = std::env::home_dir().ok_or("this user has no home folder")?;
    Ok(home.join(".cache/gloveport").join(format!("conformance-{VERSION}")))
}

fn program(folder: &Path) -> PathBuf {
    folder.join("node_modules").join(PACKAGE).join("dist/index.js")
}

fn is_there(folder: &Path) -> bool {
    program(folder).is_file()
}

/// Whether the machine's own Node is new enough.
async fn own_node() -> bool {
    let output = Command::new("node").arg("--version").stdin(Stdio::null()).output().await;
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let major = said.trim().strip_prefix('v').and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    major.is_some_and(|major| major >= NODE.0)
}

async fn install(folder: &Path, own_node: bool) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]).arg(folder);
    npm.arg(format!("{PACKAGE}@{VERSION}"));
    if own_node {
        npm.arg("--ignore-scripts");
    } else {
        // Its script fetches the program for this machine, from npm as well.
        npm.arg(NODE.1);
    }
    let ended = tokio::time::timeout(INSTALL_PATIENCE, npm.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let ended = ended.map_err(|_| "npm takes too long".to_owned())?.map_err(|error| format!("npm: {error}"))?;
    match ended.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&ended.stderr).lines().last().unwrap_or("npm failed").to_owned()),
    }
}
