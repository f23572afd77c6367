//! Accounts: users' authorizations of connections. Credentials pass through here sealed, never in clear.

use std::collections::BTreeMap;

use super::account_events;
use super::connections::{connection_columns, read_connection};
use super::page::{Listing, Order};
use super::row::{Columns, text_map_json};
use super::{Act, Detail, Page, PageRequest, Revocation, Store, StoreError, outbox, revocations};
use crate::model::{
    Account, AccountEventKind, AccountId, AccountState, AccountToken, Action, By, Connection, ConnectionId,
    OAuthClientId, ProjectId, ShownTools, Timestamp,
};

mod put;

/// Which accounts to list. What is `None` does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// Only those of connections of this connector.
    pub connector: Option<String>,
    /// Only those of this connection.
    pub connection: Option<ConnectionId>,
    /// Only those of this user.
    pub identifier: Option<String>,
    /// Only those of this organization; `Some("")` is those of none.
    pub organization: Option<String>,
    /// Only those of this label; `Some("")` is those of none.
    pub label: Option<String>,
    /// Only those in this state.
    pub state: Option<AccountState>,
    /// Only those whose identifier, organization or label contains this, whatever the case.
    pub query: Option<String>,
}

/// The most accounts that one answer about a user holds: far more than a person has, far less than a scan.
pub(super) const MAX_OF_ONE_USER: i64 = 1_000;

/// What an account without settings of its own has.
const NO_SETTINGS: &str = "{}";

macro_rules! columns {
    () => {
        "a.id, a.project, a.connection, a.identifier, a.organization, a.label, a.shared, a.state, a.disabled, a.fields, \
         a.settings, a.scopes, a.hosts, a.expires_at, a.refreshed_at, a.oauth_client, a.error, a.field_hosts, \
         a.created_at, a.updated_at, a.last_used_at, a.shown_tools"
    };
}
pub(super) use columns as account_columns;

impl Store {
    /// A user's accounts on a connection, oldest first.
    pub async fn find_accounts(
        &self,
        project: &ProjectId,
        connection: &ConnectionId,
        identifier: &str,
        organization: Option<&str>,
        label: Option<&str>,
    ) -> Result<Vec<Account>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM accounts a WHERE a.project = $1 AND a.connection = $2 AND a.identifier = $3 \
             AND ($4 IS NULL OR a.organization = $4) AND ($5 IS NULL OR a.label = $5) ORDER BY a.id LIMIT $6"
        ))
        .bind(project.as_str())
        .bind(connection.as_str())
        .bind(identifier)
        .bind(organization)
        .bind(label)
        .bind(MAX_OF_ONE_USER)
        .fetch_all(self.read())
        .await?;
        rows.iter().map(|row| read_account(&mut Columns::of(row))).collect()
    }

    /// The account with this identifier.
    pub async fn find_account(&self, project: &ProjectId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM accounts a WHERE a.project = $1 AND a.id = $2"))
            .bind(project.as_str())
            .bind(id.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_account(&mut Columns::of(&row))).transpose()
    }

    /// The account with this identifier, and its connection.
    pub async fn account_with_connection(
        &self,
        project: &ProjectId,
        id: &AccountId,
    ) -> Result<Option<(Connection, Account)>, StoreError> {
        let listing = with_connections().only("a.project = ?", project.as_str()).only("a.id = ?", id.as_str());
        Ok(listing.all(self.read(), 1, read_both).await?.pop())
    }

    /// The project's accounts with their connections, oldest first.
    pub async fn list_accounts(
        &self,
        project: &ProjectId,
        filter: &AccountFilter,
        request: &PageRequest,
    ) -> Result<Page<(Connection, Account)>, StoreError> {
        narrowed(with_connections(), project, filter)
            .page(self.read(), request, |text| AccountId::parse(text).is_some(), read_both)
            .await
    }

    /// How many accounts a connection has.
    pub async fn count_accounts(&self, project: &ProjectId, connection: &ConnectionId) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) FROM accounts WHERE project = $1 AND connection = $2")
            .bind(project.as_str())
            .bind(connection.as_str())
            .fetch_one(self.read())
            .await?;
        Columns::of(&row).count()
    }

    /// Moves an account from one state to another if it is in the first. `false` if it is not, or there is none such.
    pub async fn set_account_state(
        &self,
        by: &By,
        project: &ProjectId,
        id: &AccountId,
        from: AccountState,
        to: AccountState,
    ) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "UPDATE accounts SET state = $1, updated_at = $2 WHERE project = $3 AND id = $4 AND state = $5",
        )
        .bind(to.as_str())
        .bind(by.at.0)
        .bind(project.as_str())
        .bind(id.as_str())
        .bind(from.as_str())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let detail = Detail::default().with("from", from.as_str()).with("to", to.as_str());
        let act = Act::new(project, by, Action::AccountState, id.as_str()).detail(detail);
        let moved = format!("{} to {}", from.as_str(), to.as_str());
        account_events::add(&mut transaction, (project, id), AccountEventKind::StateChanged, Some(&moved), by.at)
            .await?;
        let told = outbox::account_moved(&mut transaction, id, (from, to), by.at).await?;
        self.append(&mut transaction, act).await?;
        self.commit_telling(transaction, told).await?;
        Ok(true)
    }

    /// Switches an account off or on. `false` if there is none such.
    pub async fn set_account_disabled(
        &self,
        by: &By,
        project: &ProjectId,
        id: &AccountId,
        disabled: bool,
    ) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let done = sqlx::query("UPDATE accounts SET disabled = $1, updated_at = $2 WHERE project = $3 AND id = $4")
            .bind(i64::from(disabled))
            .bind(by.at.0)
            .bind(project.as_str())
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let (action, kind) = match disabled {
            true => (Action::AccountDisabled, AccountEventKind::Disabled),
            false => (Action::AccountEnabled, AccountEventKind::Enabled),
        };
        account_events::add(&mut transaction, (project, id), kind, None, by.at).await?;
        self.append(&mut transaction, Act::new(project, by, action, id.as_str())).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes an account with its credential. `false` if there is none such.
    pub async fn delete_account(&self, by: &By, project: &ProjectId, id: &AccountId) -> Result<bool, StoreError> {
        self.delete_account_revoking(by, project, id, None).await
    }

    /// The same, and remembers what its provider has to be told.
    pub async fn delete_account_revoking(
        &self,
        by: &By,
        project: &ProjectId,
        id: &AccountId,
        revocation: Option<&Revocation>,
    ) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let done = sqlx::query("DELETE FROM accounts WHERE project = $1 AND id = $2")
            .bind(project.as_str())
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        if let Some(revocation) = revocation {
            revocations::insert(&mut transaction, revocation).await?;
        }
        account_events::forget(&mut transaction, id).await?;
        self.append(&mut transaction, Act::new(project, by, Action::AccountDeleted, id.as_str())).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// The credential is there as a digest of its sealed text: it tells one from another, and nothing else.
pub(super) fn detail(account: &Account, sealed: &BTreeMap<String, String>) -> Detail {
    let detail = Detail::default()
        .with("connection", account.connection.as_str())
        .with("identifier", &account.identifier)
        .with("organization", &account.organization)
        .with("label", &account.label)
        .with("state", account.state.as_str())
        .with("hosts", &account.hosts.join(" "))
        .with("scopes", &account.scopes.join(" "))
        .with_some("shared", account.shared.then_some("yes"));
    if sealed.is_empty() { detail } else { detail.digest("credential", &text_map_json(sealed)) }
}

/// NULL where an account has no settings, as in rows from before there were any.
pub(super) fn stored_settings(account: &Account) -> Option<&str> {
    Some(account.settings.as_str()).filter(|settings| *settings != NO_SETTINGS)
}

/// NULL where all fields go where the account's hosts are, as in rows from before there were others.
pub(super) fn stored_field_hosts(hosts: &BTreeMap<String, Vec<String>>) -> Option<String> {
    let object: serde_json::Map<_, _> =
        hosts.iter().map(|(field, hosts)| (field.clone(), serde_json::Value::from(hosts.as_slice()))).collect();
    (!object.is_empty()).then(|| serde_json::Value::Object(object).to_string())
}

fn with_connections() -> Listing {
    const COLUMNS: &str = concat!(columns!(), ", ", connection_columns!());
    const FROM: &str = "accounts a JOIN connections c ON c.project = a.project AND c.id = a.connection";
    Listing::of(COLUMNS, FROM, "a.id", Order::OldestFirst)
}

fn read_both(columns: &mut Columns<'_>) -> Result<(Connection, Account), StoreError> {
    let account = read_account(columns)?;
    Ok((read_connection(columns)?, account))
}

fn narrowed(listing: Listing, project: &ProjectId, filter: &AccountFilter) -> Listing {
    listing
        .only("a.project = ?", project.as_str())
        .only_if("a.connection = ?", filter.connection.as_ref().map(ConnectionId::as_str))
        .only_if("a.identifier = ?", filter.identifier.as_deref())
        .only_if("a.organization = ?", filter.organization.as_deref())
        .only_if("c.connector = ?", filter.connector.as_deref())
        .only_if("a.label = ?", filter.label.as_deref())
        .only_if("a.state = ?", filter.state.map(AccountState::as_str))
        .containing_if(
            "(LOWER(a.identifier) LIKE LOWER(?) ESCAPE '!' OR LOWER(a.organization) LIKE LOWER(?) ESCAPE '!' \
             OR LOWER(a.label) LIKE LOWER(?) ESCAPE '!')",
            filter.query.as_deref(),
        )
}

pub(super) fn read_account(columns: &mut Columns<'_>) -> Result<Account, StoreError> {
    Ok(Account {
        id: columns.parsed(AccountId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        connection: columns.parsed(ConnectionId::parse)?,
        identifier: columns.text()?,
        organization: columns.text()?,
        label: columns.text()?,
        shared: columns.newer_flag()?,
        state: columns.parsed(AccountState::parse)?,
        disabled: columns.flag()?,
        fields: columns.text_map()?,
        settings: columns.maybe_text()?.unwrap_or_else(|| NO_SETTINGS.to_owned()),
        scopes: columns.texts()?,
        hosts: columns.texts()?,
        token: AccountToken {
            expires_at: columns.maybe_number()?.map(Timestamp),
            refreshed_at: columns.maybe_number()?.map(Timestamp),
            client: columns.maybe_parsed(OAuthClientId::parse)?,
            error: columns.maybe_text()?,
            field_hosts: columns.maybe_parsed(|text| serde_json::from_str(text).ok())?.unwrap_or_default(),
        },
        created_at: columns.time()?,
        updated_at: columns.time()?,
        last_used_at: columns.maybe_number()?.map(Timestamp),
        shown: columns.maybe_text()?.as_deref().map(ShownTools::read),
    })
}
