//! MCP configs and instances: which profiles are served, and whose URLs there are.

use super::error::or_conflict;
use super::mcp_grants::Ground;
use super::page::{Listing, Order};
use super::profiles::read_profile;
use super::revisions::{Subject, touch};
use super::row::Columns;
use super::{Act, Detail, Page, PageRequest, ProfileRow, Store, StoreError};
use crate::model::{
    Action, BoundProfile, By, KeyId, McpInstance, McpInstanceId, ProfileId, ProjectId, Role, Shows, Timestamp,
    ToolsShown,
};

/// A profile that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpConfigRow {
    /// What it offers.
    pub profile: ProfileRow,
    /// What it shows of that.
    pub shows: Shows,
    /// Where the application says who is signed in, before a client gets a token for it; without it none does.
    pub verify_url: Option<String>,
}

/// Which configs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct McpConfigFilter {
    /// The one of this name.
    pub name: Option<String>,
    /// Only those whose name or description contains this, whatever the case.
    pub query: Option<String>,
}

/// Which instances to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct McpInstanceFilter {
    /// Only those of the config of this name.
    pub config: Option<String>,
    /// Only those of this user.
    pub identifier: Option<String>,
    /// Only those of this name.
    pub name: Option<String>,
}

/// An instance, and when a call was last made with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedInstance {
    /// The instance.
    pub instance: McpInstance,
    /// The beginning of its last call that is on record.
    pub last_used_at: Option<Timestamp>,
}

/// What configs offer besides tools.
const PROMPTS: &str = "prompts";
const RESOURCES: &str = "resources";
const BOTH: &str = "both";

const CONFIG_COLUMNS: &str = "p.id, p.project, p.name, p.description, p.connections, p.created_at, p.updated_at, c.shows, c.offers, c.verify_url";
const CONFIGS: &str = "mcp_configs c JOIN profiles p ON p.id = c.profile";

macro_rules! instance_columns {
    () => {
        "i.id, i.project, i.profile, p.name, i.identifier, i.name, i.api_key, i.created_at, i.updated_at, \
         (SELECT e.started_at FROM executions e WHERE e.project = i.project AND e.api_key = i.api_key \
          ORDER BY e.id DESC LIMIT 1)"
    };
}
const INSTANCES: &str = "mcp_instances i JOIN profiles p ON p.id = i.profile";

impl Store {
    /// The project's MCP configs, oldest first.
    pub async fn list_mcp_configs(
        &self,
        project: &ProjectId,
        filter: &McpConfigFilter,
        request: &PageRequest,
    ) -> Result<Page<McpConfigRow>, StoreError> {
        Listing::of(CONFIG_COLUMNS, CONFIGS, "p.id", Order::OldestFirst)
            .only("p.project = ?", project.as_str())
            .only_if("p.name = ?", filter.name.as_deref())
            .containing_if(
                "(LOWER(p.name) LIKE LOWER(?) ESCAPE '!' OR LOWER(p.description) LIKE LOWER(?) ESCAPE '!')",
                filter.query.as_deref(),
            )
            .page(self.read(), request, |text| ProfileId::parse(text).is_some(), read_config)
            .await
    }

    /// The MCP config of this name.
    pub async fn find_mcp_config(&self, project: &ProjectId, name: &str) -> Result<Option<McpConfigRow>, StoreError> {
        let filter = McpConfigFilter { name: Some(name.to_owned()), ..McpConfigFilter::default() };
        let found = self.list_mcp_configs(project, &filter, &PageRequest { limit: 1, cursor: None }).await?;
        Ok(found.items.into_iter().next())
    }

    /// The MCP config with this identifier, of any project: it is what tells the project.
    pub async fn mcp_config(&self, id: &ProfileId) -> Result<Option<McpConfigRow>, StoreError> {
        let request = PageRequest { limit: 1, cursor: None };
        let found = Listing::of(CONFIG_COLUMNS, CONFIGS, "p.id", Order::OldestFirst)
            .only("p.id = ?", id.as_str())
            .page(self.read(), &request, |text| ProfileId::parse(text).is_some(), read_config)
            .await?;
        Ok(found.items.into_iter().next())
    }

    /// What is shown of a profile; `None` if it is not served.
    pub async fn config_shows(&self, project: &ProjectId, profile: &ProfileId) -> Result<Option<Shows>, StoreError> {
        let row = sqlx::query("SELECT shows, offers FROM mcp_configs WHERE project = $1 AND profile = $2")
            .bind(project.as_str())
            .bind(profile.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_shows(&mut Columns::of(&row))).transpose()
    }

    /// Lets a profile be served, or changes how. A conflict if the profile is gone.
    pub async fn put_mcp_config(&self, by: &By, config: &McpConfigRow) -> Result<(), StoreError> {
        let McpConfigRow { profile, shows, verify_url } = config;
        let offers = offers_text(*shows);
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO mcp_configs (profile, project, shows, verify_url, offers) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (profile) DO UPDATE SET shows = excluded.shows, verify_url = excluded.verify_url, \
             offers = excluded.offers",
        )
        .bind(profile.id.as_str())
        .bind(profile.project.as_str())
        .bind(shows.tools.as_str())
        .bind(verify_url.as_deref())
        .bind(offers)
        .execute(&mut *transaction)
        .await
        .map_err(|error| or_conflict(error, || format!("profile `{}` is gone", profile.name)))?;
        let detail = Detail::default()
            .with("profile", profile.id.as_str())
            .with("shows", shows.tools.as_str())
            .with_some("offers", offers)
            .with_some("verify_url", verify_url.as_deref());
        let act = Act::new(&profile.project, by, Action::McpConfigChanged, &profile.name).detail(detail);
        self.append(&mut transaction, act).await?;
        Ok(transaction.commit().await?)
    }

    /// Removes a config with its instances; `with_profile` its profile too, unless keys are bound to that. `false` if it is
    /// gone.
    pub async fn delete_mcp_config(
        &self,
        by: &By,
        config: &McpConfigRow,
        with_profile: bool,
    ) -> Result<bool, StoreError> {
        let ProfileRow { id, project, name, .. } = &config.profile;
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let mut acts = self.end_grants_on(&mut transaction, by, Ground::Config(project, id)).await?;
        sqlx::query("DELETE FROM mcp_requests WHERE profile = $1").bind(id.as_str()).execute(&mut *transaction).await?;
        let keys = sqlx::query("SELECT api_key FROM mcp_instances WHERE profile = $1")
            .bind(id.as_str())
            .fetch_all(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM mcp_instances WHERE profile = $1")
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        for key in &keys {
            let key = Columns::of(key).text()?;
            sqlx::query("DELETE FROM api_keys WHERE id = $1").bind(key).execute(&mut *transaction).await?;
        }
        let done = sqlx::query("DELETE FROM mcp_configs WHERE project = $1 AND profile = $2")
            .bind(project.as_str())
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        acts.push(Act::new(project, by, Action::McpConfigDeleted, name));
        if !with_profile {
            return self.commit_changes(transaction, &done, &acts).await;
        }
        let unbound = sqlx::query(
            "DELETE FROM profiles WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM api_keys k WHERE k.profile = $1) \
             AND NOT EXISTS (SELECT 1 FROM clients c WHERE c.profile = $1) \
             AND NOT EXISTS (SELECT 1 FROM issuers i WHERE i.profile = $1)",
        )
        .bind(id.as_str())
        .execute(&mut *transaction)
        .await?;
        if unbound.rows_affected() > 0 {
            touch(&mut transaction, Subject::Profiles, project).await?;
            acts.push(Act::new(project, by, Action::ProfileDeleted, name));
        }
        self.commit_changes(transaction, &done, &acts).await
    }

    /// The project's MCP instances, oldest first.
    pub async fn list_mcp_instances(
        &self,
        project: &ProjectId,
        filter: &McpInstanceFilter,
        request: &PageRequest,
    ) -> Result<Page<UsedInstance>, StoreError> {
        Listing::of(instance_columns!(), INSTANCES, "i.id", Order::OldestFirst)
            .only("i.project = ?", project.as_str())
            .only_if("p.name = ?", filter.config.as_deref())
            .only_if("i.identifier = ?", filter.identifier.as_deref())
            .only_if("i.name = ?", filter.name.as_deref())
            .page(self.read(), request, |text| McpInstanceId::parse(text).is_some(), read_instance)
            .await
    }

    /// The MCP instance with this identifier.
    pub async fn find_mcp_instance(
        &self,
        project: &ProjectId,
        id: &McpInstanceId,
    ) -> Result<Option<UsedInstance>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            instance_columns!(),
            " FROM mcp_instances i JOIN profiles p ON p.id = i.profile WHERE i.project = $1 AND i.id = $2"
        ))
        .bind(project.as_str())
        .bind(id.as_str())
        .fetch_optional(self.read())
        .await?;
        row.map(|row| read_instance(&mut Columns::of(&row))).transpose()
    }

    /// A user's instance of a config, with its sealed token.
    pub async fn mcp_instance_of(
        &self,
        project: &ProjectId,
        profile: &ProfileId,
        identifier: &str,
    ) -> Result<Option<(McpInstance, String)>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            instance_columns!(),
            ", i.sealed FROM mcp_instances i JOIN profiles p ON p.id = i.profile \
             WHERE i.project = $1 AND i.profile = $2 AND i.identifier = $3"
        ))
        .bind(project.as_str())
        .bind(profile.as_str())
        .bind(identifier)
        .fetch_optional(self.read())
        .await?;
        row.map(|row| {
            let mut columns = Columns::of(&row);
            Ok((read_instance(&mut columns)?.instance, columns.text()?))
        })
        .transpose()
    }

    /// Adds an instance, and the key that its calls are made with. A conflict if the user has one, or the config is gone.
    pub async fn insert_mcp_instance(
        &self,
        by: &By,
        instance: &McpInstance,
        hash: &str,
        sealed: &str,
    ) -> Result<(), StoreError> {
        let taken = || "the user has an instance of this config, or the config is gone".to_owned();
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO api_keys (id, project, hash, role, identifier, name, created_at, profile, scopes) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL)",
        )
        .bind(instance.key.as_str())
        .bind(instance.project.as_str())
        .bind(hash)
        .bind(Role::Agent.as_str())
        .bind(instance.identifier.as_str())
        .bind(format!("mcp:{}", instance.profile.name))
        .bind(instance.created_at.0)
        .bind(instance.profile.id.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(|error| or_conflict(error, taken))?;
        sqlx::query(
            "INSERT INTO mcp_instances (id, project, profile, identifier, name, api_key, sealed, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        )
        .bind(instance.id.as_str())
        .bind(instance.project.as_str())
        .bind(instance.profile.id.as_str())
        .bind(instance.identifier.as_str())
        .bind(instance.name.as_str())
        .bind(instance.key.as_str())
        .bind(sealed)
        .bind(instance.created_at.0)
        .execute(&mut *transaction)
        .await
        .map_err(|error| or_conflict(error, taken))?;
        let detail = Detail::default()
            .with("config", &instance.profile.name)
            .with("identifier", &instance.identifier)
            .with("key", instance.key.as_str())
            .with("name", &instance.name);
        let act = Act::new(&instance.project, by, Action::McpInstanceCreated, instance.id.as_str()).detail(detail);
        self.append(&mut transaction, act).await?;
        Ok(transaction.commit().await?)
    }

    /// Gives an instance another URL: the one before opens nothing from then on. `false` if it is gone.
    pub async fn rotate_mcp_instance(
        &self,
        by: &By,
        instance: &McpInstance,
        hash: &str,
        sealed: &str,
    ) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let done = sqlx::query("UPDATE mcp_instances SET sealed = $3, updated_at = $4 WHERE project = $1 AND id = $2")
            .bind(instance.project.as_str())
            .bind(instance.id.as_str())
            .bind(sealed)
            .bind(by.at.0)
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("UPDATE api_keys SET hash = $2 WHERE id = $1")
            .bind(instance.key.as_str())
            .bind(hash)
            .execute(&mut *transaction)
            .await?;
        let act = Act::new(&instance.project, by, Action::McpInstanceRotated, instance.id.as_str());
        self.append(&mut transaction, act).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes an instance: its URL opens nothing from then on. `false` if it is gone.
    pub async fn delete_mcp_instance(&self, by: &By, instance: &McpInstance) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let mut acts = self.end_grants_on(&mut transaction, by, Ground::Instance(instance)).await?;
        let done = sqlx::query("DELETE FROM mcp_instances WHERE project = $1 AND id = $2")
            .bind(instance.project.as_str())
            .bind(instance.id.as_str())
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM api_keys WHERE id = $1")
            .bind(instance.key.as_str())
            .execute(&mut *transaction)
            .await?;
        acts.push(Act::new(&instance.project, by, Action::McpInstanceDeleted, instance.id.as_str()));
        self.commit_changes(transaction, &done, &acts).await
    }
}

fn read_config(columns: &mut Columns<'_>) -> Result<McpConfigRow, StoreError> {
    Ok(McpConfigRow { profile: read_profile(columns)?, shows: read_shows(columns)?, verify_url: columns.maybe_text()? })
}

fn read_shows(columns: &mut Columns<'_>) -> Result<Shows, StoreError> {
    let tools = columns.parsed(ToolsShown::parse)?;
    let offers = columns.maybe_text()?;
    let has = |one: &str| offers.as_deref().is_some_and(|offers| offers == one || offers == BOTH);
    Ok(Shows { tools, prompts: has(PROMPTS), resources: has(RESOURCES) })
}

/// What is offered besides tools, as it is stored.
fn offers_text(shows: Shows) -> Option<&'static str> {
    match (shows.prompts, shows.resources) {
        (false, false) => None,
        (true, false) => Some(PROMPTS),
        (false, true) => Some(RESOURCES),
        (true, true) => Some(BOTH),
    }
}

fn read_instance(columns: &mut Columns<'_>) -> Result<UsedInstance, StoreError> {
    let instance = McpInstance {
        id: columns.parsed(McpInstanceId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        profile: BoundProfile { id: columns.parsed(ProfileId::parse)?, name: columns.text()? },
        identifier: columns.text()?,
        name: columns.text()?,
        key: columns.parsed(KeyId::parse)?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
    };
    Ok(UsedInstance { instance, last_used_at: columns.maybe_number()?.map(Timestamp) })
}
