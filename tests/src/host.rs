//! The real host for a test: in this process, or as a child that can be killed, searched for the credential at its end.

mod child;
mod client;
mod in_process;
pub mod log;

pub use client::{Answer, Client};
pub use in_process::Setup;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::canary::{Canary, assert_absent};
use crate::programs;
use child::Child;

/// The first admin key of each host that a test starts.
pub const ADMIN_KEY: &str = "gp_the-first-admin-key-of-a-test-host-0001";

/// A running host. When it is dropped, the planted credentials are searched in everything that it left behind.
pub struct TestHost {
    client: Client,
    data: TempDir,
    running: Running,
    canaries: Mutex<Vec<Canary>>,
    /// What else to search at the end, besides answers, log and data folder.
    held: Mutex<Vec<(String, Vec<u8>)>>,
    /// Where a child's database is, if it is not in its folder.
    database: Option<String>,
    /// What earlier children of this data folder said.
    output: Vec<u8>,
}

/// How the host runs.
enum Running {
    /// A task; it stops by the message.
    Task {
        stop: oneshot::Sender<()>,
        server: JoinHandle<Result<(), String>>,
        host: Box<gloveport::call::Host>,
        notices: gloveport::notices::Notices,
    },
    Child(Box<Child>),
    Stopped,
}

impl TestHost {
    /// A host in a process of its own, for tests that kill it.
    pub async fn spawn_child() -> Self {
        Self::spawn_child_with(&[]).await
    }

    /// The same on a database of the test's choice.
    pub async fn spawn_child_on(database: Option<String>) -> Self {
        Self::spawn(database, &[]).await
    }

    /// The same with more options of `gloveport serve`.
    pub async fn spawn_child_with(options: &[&str]) -> Self {
        Self::spawn(None, options).await
    }

    async fn spawn(database: Option<String>, options: &[&str]) -> Self {
        let data = TempDir::new().expect("there is room for a temporary folder");
        let child = Child::start(data.path(), &on(database.as_deref(), options), None).await;
        let mut host = Self::new(child.address, data, Running::Child(Box::new(child)));
        host.database = database;
        host
    }

    fn new(address: SocketAddr, data: TempDir, running: Running) -> Self {
        Self {
            client: Client::new(&format!("http://{address}"), ADMIN_KEY),
            data,
            running,
            canaries: Mutex::default(),
            held: Mutex::default(),
            database: None,
            output: Vec::new(),
        }
    }

    /// Its caller with the admin key. Others are made from it, so that their answers are searched too.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its inside, for what has no route of its own.
    ///
    /// # Panics
    ///
    /// When the host is not a task of this process.
    pub fn inside(&self) -> &gloveport::call::Host {
        match &self.running {
            Running::Task { host, .. } => host,
            Running::Child(_) | Running::Stopped => panic!("the host is not in this process"),
        }
    }

    /// Does now what the host does from time to time: the clock of a test does not make that time come.
    ///
    /// # Panics
    ///
    /// When the host is not a task of this process.
    pub async fn sweep(&self) {
        match &self.running {
            Running::Task { host, notices, .. } => {
                host.sweep_once().await;
                host.ask_servers().await;
                notices.sweep().await;
            }
            Running::Child(_) | Running::Stopped => panic!("the host is not in this process"),
        }
    }

    /// Sends the notices that are due by the test's clock. What the host has begun to send by itself may still be on its
    /// way afterwards.
    ///
    /// # Panics
    ///
    /// When the host is not a task of this process.
    pub async fn deliver(&self) {
        match &self.running {
            Running::Task { notices, .. } => notices.deliver_due().await,
            Running::Child(_) | Running::Stopped => panic!("the host is not in this process"),
        }
    }

    /// The folder of all that it keeps.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// A credential to give to it, which must be nowhere at the end but at the upstream.
    pub fn plant(&self) -> Canary {
        let canary = Canary::plain();
        self.search_for(canary.clone());
        canary
    }

    /// A credential that the test chose.
    pub fn search_for(&self, canary: Canary) {
        self.canaries.lock().unwrap_or_else(PoisonError::into_inner).push(canary);
    }

    /// Something else that must not hold a credential, such as a guest's memory.
    pub fn search_in(&self, label: &str, bytes: Vec<u8>) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push((label.into(), bytes));
    }

    /// Installs a connector that `cargo xtask plugins` built.
    pub async fn install(&self, name: &str) -> Value {
        let component = fs::read(programs::connector(name)).expect("a built connector can be read");
        let headers = [("content-type", "application/wasm")];
        self.client.send("POST", "/v1/connectors", &headers, component).await.expect(201)
    }

    /// Makes a connection to `base_url`, named as its connector.
    pub async fn connection(&self, connector: &str, base_url: &str) -> Value {
        let body = json!({ "name": connector, "connector": connector, "base_url": base_url });
        self.client.post("/v1/connections", &body).await.expect(201)
    }

    /// Connects a user with static credentials.
    pub async fn account(&self, connection: &str, identifier: &str, credentials: &Value) -> Answer {
        let path = format!("/v1/connections/{connection}/accounts/{identifier}");
        self.client.put(&path, &json!({ "credentials": credentials })).await
    }

    /// Lets tools that destroy run without asking anybody: for tests of what they do.
    pub async fn allow_all(&self) {
        let defaults = json!({ "destroy": { "outcome": "allow" } });
        self.client.put("/v1/policies/defaults", &defaults).await.expect(200);
    }

    /// A caller with a key of its own.
    pub async fn caller(&self, role: &str, name: &str) -> Client {
        let key = self.client.post("/v1/keys", &json!({ "role": role, "name": name })).await.expect(201);
        self.client.with_key(key["key"].as_str().expect("a new key is shown"))
    }

    /// Calls a tool for a user.
    pub async fn execute(&self, tool: &str, identifier: &str, input: &Value) -> Answer {
        let body = json!({ "identifier": identifier, "input": input });
        self.client.post(&format!("/v1/tools/{tool}/execute"), &body).await
    }

    /// The child's process id.
    pub fn child_id(&self) -> Option<u32> {
        match &self.running {
            Running::Child(child) => child.id(),
            Running::Task { .. } | Running::Stopped => None,
        }
    }

    /// Ends the child at once, as a power cut would.
    pub async fn kill(&mut self) {
        if let Running::Child(child) = &mut self.running {
            child.kill().await;
        }
    }

    /// Asks the child to stop, as an operator would, and does not wait for it.
    pub async fn terminate(&self) {
        if let Running::Child(child) = &self.running {
            child.terminate().await;
        }
    }

    /// The child's exit code, once it has ended.
    pub async fn exit_code(&mut self) -> Option<i32> {
        match &mut self.running {
            Running::Child(child) => child.exit_code().await,
            Running::Task { .. } | Running::Stopped => None,
        }
    }

    /// What the child wrote to both of its streams so far.
    pub fn output(&self) -> Vec<u8> {
        match &self.running {
            Running::Child(child) => child.output(),
            Running::Task { .. } | Running::Stopped => Vec::new(),
        }
    }

    /// Starts a child on the data of the one that ended. Callers made from the old client do not reach it.
    pub async fn restart_child(&mut self) {
        self.restart_child_with(&[]).await;
    }

    /// The same with more options of `gloveport serve`.
    pub async fn restart_child_with(&mut self, options: &[&str]) {
        self.restart_child_until(options, None).await;
    }

    /// The same with a point of a call at which the child is to end, as in
    /// [`gloveport::config::fault::VARIABLE`].
    pub async fn restart_child_until(&mut self, options: &[&str], fault: Option<&str>) {
        if let Running::Child(child) = &self.running {
            self.output.extend(child.output());
        }
        // The old answers are searched as well: the client that kept them goes.
        for (label, answer) in self.client.answers() {
            self.search_in(&label, [headers(&answer), answer.body.to_vec()].concat());
        }
        let options = on(self.database.as_deref(), options);
        let child = Child::start(self.data.path(), &options, fault).await;
        self.client = Client::new(&format!("http://{}", child.address), ADMIN_KEY);
        self.running = Running::Child(Box::new(child));
    }

    /// Stops it as an operator would, and waits until it has ended.
    ///
    /// # Panics
    ///
    /// When it ends with an error.
    pub async fn stop(&mut self) {
        match std::mem::replace(&mut self.running, Running::Stopped) {
            Running::Task { stop, server, .. } => {
                // A server that has ended by itself no longer listens to this; its result says why.
                let _ = stop.send(());
                server.await.expect("the server does not panic").expect("the server ends well");
            }
            Running::Child(mut child) => {
                child.kill().await;
                self.output.extend(child.output());
            }
            Running::Stopped => {}
        }
    }

    /// Everything that the host holds or gave away, with a label each.
    pub fn traces(&self) -> Vec<(String, Vec<u8>)> {
        let mut traces = self.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (label, answer) in self.client.answers() {
            traces.push((label, [headers(&answer), answer.body.to_vec()].concat()));
        }
        let mut log = [log::lines(), self.output.clone()].concat();
        if let Running::Child(child) = &self.running {
            log.extend(child.output());
        }
        traces.push(("the log".into(), log));
        files(self.data.path(), &mut traces);
        traces
    }

    /// Searches for every planted credential.
    ///
    /// # Panics
    ///
    /// When one is found, with its place.
    pub fn assert_sealed(&self) {
        let traces = self.traces();
        for canary in self.canaries.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            for (label, bytes) in &traces {
                assert_absent(canary, label, bytes);
            }
        }
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        // A second panic would end the process and hide the first.
        if !std::thread::panicking() {
            self.assert_sealed();
        }
    }
}

/// Options of a child on this database.
fn on<'a>(database: Option<&'a str>, options: &[&'a str]) -> Vec<&'a str> {
    database.into_iter().flat_map(|url| ["--database", url]).chain(options.iter().copied()).collect()
}

fn headers(answer: &Answer) -> Vec<u8> {
    answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>().into_bytes()
}

/// Every file below a folder. Its path is searched too, as a file's name can hold a secret.
fn files(folder: &Path, traces: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, traces);
            continue;
        }
        // A journal may be gone between listing and reading: what is not there holds nothing.
        let Ok(bytes) = fs::read(&path) else { continue };
        let label = path.display().to_string();
        traces.push((format!("the name of {label}"), label.clone().into_bytes()));
        traces.push((label, bytes));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::{Running, TestHost, log};
    use crate::upstream::{Reply, Upstream};

    /// What stands in for a host: an answer, and a folder.
    async fn host() -> (Upstream, TestHost) {
        log::capture();
        let upstream = Upstream::start(|request| Reply::text(200, &request.text())).await;
        let host = TestHost::new(upstream.address(), TempDir::new().unwrap(), Running::Stopped);
        (upstream, host)
    }

    #[tokio::test]
    async fn what_holds_no_credential_passes() {
        let (_upstream, host) = host().await;
        host.plant();
        fs::write(host.data().join("gloveport.db"), b"sealed").unwrap();
        host.client().send("POST", "/", &[], "hello").await;
        tracing::info!("hello");
        assert_eq!(host.traces().len(), 4);
    }

    #[tokio::test]
    #[should_panic(expected = "in the answer to POST /, in clear")]
    async fn an_answer_that_holds_it_is_found() {
        let (_upstream, host) = host().await;
        let canary = host.plant();
        host.client().with_key("").send("POST", "/", &[], canary.token().to_owned()).await;
    }

    #[tokio::test]
    #[should_panic(expected = "gloveport.db-wal, in hex")]
    async fn a_file_that_holds_it_is_found() {
        let (_upstream, host) = host().await;
        let folder = host.data().join("deep/er");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("gloveport.db-wal"), hex::encode(host.plant().token())).unwrap();
    }

    #[tokio::test]
    #[should_panic(expected = "in the log")]
    async fn a_log_line_that_holds_it_is_found() {
        let (_upstream, host) = host().await;
        tracing::debug!(target: "gloveport", "oh: {}", host.plant().token());
    }

    #[tokio::test]
    #[should_panic(expected = "in the memory of a guest")]
    async fn what_the_test_hands_over_is_searched() {
        let (_upstream, host) = host().await;
        host.search_in("the memory of a guest", host.plant().token().into());
    }
}
