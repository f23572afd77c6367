//! What is installed now: an immutable picture that calls read without a lock, replaced as a whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use super::{CatalogError, Installed};
use crate::model::ProjectId;
use crate::store::Store;

/// The installed connectors of all projects.
#[derive(Debug, Default)]
pub struct Catalog {
    snapshot: ArcSwap<Snapshot>,
    /// The revision that was read last; held while it is read anew, so that many who miss something read it once.
    pub(super) revision: Mutex<i64>,
}

pub(super) type Snapshot = HashMap<ProjectId, Arc<ProjectCatalog>>;

/// The installed connectors of one project.
#[derive(Clone, Debug, Default)]
pub(super) struct ProjectCatalog {
    connectors: BTreeMap<String, Arc<Installed>>,
    /// Stored connectors that this host cannot read, with the reason: listed, never skipped silently (lesson 12).
    broken: BTreeMap<String, String>,
    /// Tool names and aliases.
    names: HashMap<String, (Arc<Installed>, usize)>,
}

impl Catalog {
    /// Reads what is installed. A row that this host cannot read is kept with its reason.
    pub async fn load(store: &Store) -> Result<Self, CatalogError> {
        // The revision first: what is installed between the two is read again, never missed.
        let revision = store.connectors_revision().await?;
        let catalog = Self { snapshot: ArcSwap::default(), revision: Mutex::new(revision) };
        catalog.read(store).await?;
        Ok(catalog)
    }

    /// The same picture, to be changed apart from this one.
    pub async fn copy(&self) -> Self {
        let revision = *self.revision.lock().await;
        Self { snapshot: ArcSwap::new(self.snapshot.load_full()), revision: Mutex::new(revision) }
    }

    /// Takes over what a copy has of some of a project's connectors.
    pub fn take_over(&self, copy: &Self, project: &ProjectId, names: &[String]) {
        for name in names {
            match copy.connector(project, name) {
                Some(installed) => self.put(project, installed),
                None => self.take_out(project, name),
            }
        }
    }

    /// Takes over all rows. What is as it was stays, with its code.
    pub(super) async fn read(&self, store: &Store) -> Result<(), CatalogError> {
        let before = self.snapshot.load_full();
        let mut projects: HashMap<ProjectId, ProjectCatalog> = HashMap::new();
        for row in store.all_connectors().await? {
            let project = projects.entry(row.project.clone()).or_default();
            let same = before.get(&row.project).and_then(|before| before.connectors.get(&row.name));
            if let Some(same) = same.filter(|same| same.is_of(&row)) {
                project.insert(Arc::clone(same));
                continue;
            }
            match Installed::from_row(&row) {
                Ok(installed) => project.insert(Arc::new(installed)),
                Err(error) => {
                    tracing::error!(connector = row.name, version = row.version, %error, "connector cannot be used");
                    project.broken.insert(row.name, error.to_string());
                }
            }
        }
        let projects = projects.into_iter().map(|(id, project)| (id, Arc::new(project))).collect();
        self.snapshot.store(Arc::new(projects));
        Ok(())
    }

    /// The connector of this name.
    pub fn connector(&self, project: &ProjectId, name: &str) -> Option<Arc<Installed>> {
        self.snapshot.load().get(project)?.connectors.get(name).cloned()
    }

    /// Why the connector of this name, though stored, cannot be used.
    pub fn broken(&self, project: &ProjectId, name: &str) -> Option<String> {
        self.snapshot.load().get(project)?.broken.get(name).cloned()
    }

    /// All connectors of a project, by name.
    pub fn connectors(&self, project: &ProjectId) -> Vec<Arc<Installed>> {
        match self.snapshot.load().get(project) {
            Some(project) => project.connectors.values().cloned().collect(),
            None => Vec::new(),
        }
    }

    /// All stored connectors of a project that cannot be used, with the reason.
    pub fn all_broken(&self, project: &ProjectId) -> Vec<(String, String)> {
        match self.snapshot.load().get(project) {
            Some(project) => project.broken.iter().map(|(name, reason)| (name.clone(), reason.clone())).collect(),
            None => Vec::new(),
        }
    }

    /// The tool of this name or alias, and its position in the connector's list.
    pub fn tool(&self, project: &ProjectId, name: &str) -> Option<(Arc<Installed>, usize)> {
        self.snapshot.load().get(project)?.names.get(name).cloned()
    }

    /// Loads every connector's code, so that no call waits for it. Failures are logged: the call will say them too.
    pub async fn warm_up(&self, runtime: &crate::runtime::Runtime, store: &Store) {
        let all: Vec<Arc<Installed>> =
            self.snapshot.load().values().flat_map(|project| project.connectors.values().cloned()).collect();
        for installed in all {
            if let Err(error) = installed.plugin(runtime, store).await {
                tracing::error!(connector = installed.connector.name, %error, "connector cannot be loaded");
            }
        }
    }

    /// Whether another connector of the project already has one of the names of this one's tools or prompts.
    pub(super) fn taken(&self, project: &ProjectId, installed: &Installed) -> Option<String> {
        let snapshot = self.snapshot.load();
        let (own, names) = (&installed.connector.name, &snapshot.get(project)?.names);
        let mut wanted =
            installed.tools.iter().flat_map(|tool| std::iter::once(&tool.tool.name).chain(&tool.tool.aliases));
        let found = wanted.find_map(|name| {
            let (name, (owner, _)) = names.get_key_value(name)?;
            (owner.connector.name != *own).then(|| ("tool", name, &owner.connector.name))
        });
        let prompts = || {
            let own_prompts = prompts_of(installed);
            let others = snapshot.get(project)?.connectors.values().filter(|other| other.connector.name != *own);
            let mut theirs = others.flat_map(|other| prompts_of(other).map(move |name| (name, &other.connector.name)));
            let own_prompts: BTreeSet<&String> = own_prompts.collect();
            theirs.find(|(name, _)| own_prompts.contains(name)).map(|(name, owner)| ("prompt", name, owner))
        };
        let (what, name, owner) = found.or_else(prompts)?;
        Some(format!("{what} name `{name}` is taken by connector `{owner}`"))
    }

    pub(super) fn put(&self, project: &ProjectId, installed: Arc<Installed>) {
        self.update(project, |catalog| catalog.insert(Arc::clone(&installed)));
    }

    pub(super) fn take_out(&self, project: &ProjectId, name: &str) {
        self.update(project, |catalog| catalog.remove(name));
    }

    fn update(&self, project: &ProjectId, change: impl Fn(&mut ProjectCatalog)) {
        self.snapshot.rcu(|current| {
            let mut projects = HashMap::clone(current);
            let mut catalog = projects.get(project).map(|catalog| ProjectCatalog::clone(catalog)).unwrap_or_default();
            change(&mut catalog);
            projects.insert(project.clone(), Arc::new(catalog));
            projects
        });
    }
}

impl ProjectCatalog {
    fn insert(&mut self, installed: Arc<Installed>) {
        self.remove(&installed.connector.name);
        for (index, tool) in installed.tools.iter().enumerate() {
            for name in std::iter::once(&tool.tool.name).chain(&tool.tool.aliases) {
                self.names.insert(name.clone(), (Arc::clone(&installed), index));
            }
        }
        self.connectors.insert(installed.connector.name.clone(), installed);
    }

    fn remove(&mut self, name: &str) {
        self.broken.remove(name);
        if self.connectors.remove(name).is_some() {
            self.names.retain(|_, (owner, _)| owner.connector.name != name);
        }
    }
}

fn prompts_of(installed: &Installed) -> impl Iterator<Item = &String> {
    installed.connector.prompts.iter().flat_map(|prompts| &prompts.list).map(|prompt| &prompt.name)
}
