//! The host of the demo: the real server on a fresh folder and a loopback port, with its first key.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::DemoError;
use crate::app::{App, Surroundings};
use crate::config::{Config, ConfigFile, Database, Environment};
use crate::server::{self, ServerError};

/// A running host. Its folder goes when this is dropped.
pub(super) struct DemoHost {
    address: SocketAddr,
    /// The first admin key, in clear: it is what the demo's curl lines carry.
    pub(super) key: String,
    data: TempDir,
    database: Database,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), ServerError>>,
}

impl DemoHost {
    /// As `gloveport serve` starts it, but that the loopback, where the imitated providers are, may be reached.
    pub(super) async fn start(generic: PathBuf) -> Result<Self, DemoError> {
        let data = tempfile::Builder::new().prefix("gloveport-demo-").tempdir()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let file = ConfigFile {
            data: Some(data.path().into()),
            listen: Some(address.to_string()),
            allow_private_network: Some(vec!["127.0.0.0/8".into()]),
            generic: Some(generic),
            ..ConfigFile::default()
        };
        let config = Config::resolve(file, Environment::default())?;
        let database = config.database.clone();
        let app = App::open(config, Surroundings::system()).await?;
        let key = app.first_key.clone().ok_or(DemoError::NoKey)?;
        let (stop, stopped) = oneshot::channel();
        // A dropped sender is a demo that failed: the host stops then too.
        let shutdown = async move { stopped.await.unwrap_or(()) };
        let server = tokio::spawn(server::run(listener, app, shutdown));
        Ok(Self { address, key, data, database, stop, server })
    }

    /// Its URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its data folder.
    pub(super) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Where its rows are.
    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// Every file of its folder, with its path: database, write-ahead log, master key, compiled connectors.
    pub(super) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        files(self.data.path(), &mut found);
        found
    }

    /// Stops it as an operator would.
    pub(super) async fn stop(self) -> Result<(), DemoError> {
        // A server that has ended by itself no longer listens to this; its result says why.
        let _ = self.stop.send(());
        match self.server.await {
            Ok(ended) => Ok(ended?),
            Err(error) => Err(std::io::Error::other(error).into()),
        }
    }
}

fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
            continue;
        }
        // A journal may be gone between listing and reading: what is not there holds nothing.
        let Ok(bytes) = fs::read(&path) else { continue };
        // Its name is searched too: it could hold a secret as well.
        let name = path.display().to_string();
        found.push((name.clone(), [name.as_bytes(), b"\n", &bytes].concat()));
    }
}
