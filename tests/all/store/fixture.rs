//! A store on each database, and rows to put into it.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use gloveport::config::Database;
use gloveport::model::{
    Account, AccountId, AccountState, AccountToken, AuthRequest, AuthRequestId, AuthStep, By, Clock, Connection,
    ConnectionId, Execution, ExecutionId, ExecutionStatus, KeyId, Latency, ProjectId, Random, Role, Surface, Through,
    Timestamp, Verify,
};
use gloveport::store::{ApiKey, ConnectorRow, Outcome, Store};
use gloveport_tests::postgres;
use tempfile::TempDir;

pub(super) const CONNECTOR: &str = "acme";

pub(super) struct Fixture {
    pub(super) store: Store,
    pub(super) database: Database,
    pub(super) folder: TempDir,
    pub(super) clock: Clock,
    pub(super) random: Random,
    /// The tenant that tests act for.
    pub(super) project: ProjectId,
    /// Another one, which must not see anything of it.
    pub(super) stranger: ProjectId,
}

/// Runs a test on SQLite, and on PostgreSQL where it is installed.
pub(super) async fn on_both<F: Future<Output = ()>>(test: impl Fn(Fixture) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let file = Database::Sqlite(folder.path().join("a folder/with? #odd %20 names").join("gloveport.db"));
    std::fs::create_dir(folder.path().join("a folder")).unwrap();
    std::fs::create_dir(folder.path().join("a folder/with? #odd %20 names")).unwrap();
    test(Fixture::open(file, folder).await).await;
    if let Some(url) = postgres::new_database() {
        test(Fixture::open(Database::Postgres(url), tempfile::tempdir().unwrap()).await).await;
    }
}

impl Fixture {
    async fn open(database: Database, folder: TempDir) -> Self {
        let store = Store::open(&database).await.unwrap();
        let (clock, random) = (Clock::manual(Timestamp(1_760_000_000_000)), Random::system());
        let project = store.default_project(&clock, &random).await.unwrap();
        let stranger = store.ensure_project("stranger", &clock, &random).await.unwrap();
        Self { store, database, folder, clock, random, project, stranger }
    }

    /// The host by itself, now.
    pub(super) fn by(&self) -> By {
        By::host(self.clock.now())
    }

    pub(super) fn key(&self, role: Role) -> ApiKey {
        ApiKey {
            id: KeyId::new(&self.clock, &self.random),
            project: self.project.clone(),
            role,
            identifier: None,
            profile: None,
            scopes: None,
            name: "test".into(),
            created_at: self.clock.now(),
        }
    }

    pub(super) fn connector(&self, version: &str, digest: &str) -> ConnectorRow {
        ConnectorRow {
            project: self.project.clone(),
            name: CONNECTOR.into(),
            version: version.into(),
            digest: digest.into(),
            manifest: "{}".into(),
            tools: "[]".into(),
            imports: vec!["http".into(), "log".into()],
            installed_at: self.clock.now(),
        }
    }

    pub(super) fn new_connection(&self, name: &str) -> Connection {
        Connection {
            id: ConnectionId::new(&self.clock, &self.random),
            project: self.project.clone(),
            name: name.into(),
            connector: CONNECTOR.into(),
            auth_pattern: "bearer".into(),
            base_url: None,
            settings: "{}".into(),
            presets: "{}".into(),
            credentials: BTreeMap::new(),
            scopes: Vec::new(),
            disabled: false,
            demo: false,
            proxy_enabled: false,
            reveals_tokens: false,
            created_at: self.clock.now(),
            updated_at: self.clock.now(),
        }
    }

    /// A connection that is there, with its connector.
    pub(super) async fn connection(&self, name: &str) -> Connection {
        self.store.install_connector(&self.by(), &self.connector("1.0.0", "d1"), b"wasm").await.unwrap();
        let connection = self.new_connection(name);
        self.store.insert_connection(&self.by(), &connection).await.unwrap();
        connection
    }

    pub(super) fn account(&self, connection: &Connection, identifier: &str) -> Account {
        Account {
            id: AccountId::new(&self.clock, &self.random),
            project: connection.project.clone(),
            connection: connection.id.clone(),
            identifier: identifier.into(),
            organization: String::new(),
            label: String::new(),
            shared: false,
            state: AccountState::Active,
            disabled: false,
            fields: BTreeMap::from([("domain".into(), "acme.example.com".into())]),
            settings: "{}".into(),
            scopes: vec!["read".into()],
            hosts: vec!["api.example.com".into()],
            token: AccountToken::none(),
            created_at: self.clock.now(),
            updated_at: self.clock.now(),
            last_used_at: None,
            shown: None,
        }
    }

    /// A link that was just made, with everything in it that it may have.
    pub(super) fn auth_request(&self, account: &Account) -> AuthRequest {
        AuthRequest {
            id: AuthRequestId::new(&self.clock, &self.random),
            project: account.project.clone(),
            connection: account.connection.clone(),
            account: account.id.clone(),
            key: KeyId::new(&self.clock, &self.random),
            step: AuthStep::Linked,
            browser: None,
            verify: Some(Verify { url: "https://app.example/v".into(), state: Some("opaque".into()) }),
            scopes: vec!["a".into(), "b".into()],
            attempts: 0,
            failure: None,
            said: None,
            created_at: self.clock.now(),
            expires_at: self.clock.now().plus(Duration::from_secs(900)),
        }
    }

    pub(super) fn execution(&self) -> Execution {
        Execution {
            id: ExecutionId::new(&self.clock, &self.random),
            project: self.project.clone(),
            key: KeyId::new(&self.clock, &self.random),
            tool: "acme_things_list".into(),
            through: Some(Through {
                component: "d1".into(),
                connection: ConnectionId::new(&self.clock, &self.random),
                account: AccountId::new(&self.clock, &self.random),
            }),
            identifier: Some("ann".into()),
            tool_call_id: None,
            parent: None,
            chat_id: None,
            trigger_type: None,
            input_digest: "00".into(),
            simulated: false,
            surface: Some(Surface::Execute),
            rule: None,
            status: ExecutionStatus::Started,
            code: None,
            culprit: None,
            detail: None,
            started_at: self.clock.now(),
            finished_at: None,
            latency: Latency::default(),
            requests: 0,
            bytes: (0, 0),
            scrubbed: 0,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        Outcome {
            status: ExecutionStatus::Succeeded,
            code: None,
            culprit: None,
            detail: None,
            rule: None,
            finished_at: self.clock.now(),
            latency: Latency { total_us: 900, guest_us: 100, upstream_us: 700 },
            requests: 2,
            bytes: (10, u64::MAX),
            scrubbed: 1,
            timeline: None,
            answer: None,
            kept: None,
        }
    }
}

pub(super) fn sealed(value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("token".into(), value.into())])
}
