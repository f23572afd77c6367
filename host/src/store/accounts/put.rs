//! Accounts are put in whole: added, or replaced with their credential.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::{account_columns, detail, read_account, stored_field_hosts, stored_settings};
use crate::model::{Account, AccountEventKind, AccountState, Action, By, OAuthClientId};
use crate::store::error::or_conflict;
use crate::store::row::{Columns, text_map_json, texts_json};
use crate::store::{Act, Store, StoreError, account_events, outbox};

impl Store {
    /// Adds an account, or replaces it if it is there under the same identifier, with its credential. Gives the row as
    /// it now is, and whether it is new. The `disabled` flag of an existing row stays, as does the time of its making.
    ///
    /// There is one account per connection, user, organization and label. If it is there under another identifier, which
    /// happens when two requests make it at once, it is given back unchanged, unless there is a credential to store:
    /// the identifier is sealed into a credential, so that is a conflict. Look the account up and seal again.
    pub async fn put_account(
        &self,
        by: &By,
        account: &Account,
        sealed: &BTreeMap<String, String>,
    ) -> Result<(Account, bool), StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let created = insert(&mut transaction, account, sealed).await?;
        let before = if created { None } else { replace(&mut transaction, account, sealed).await? };
        let replaced = before.is_some();
        if !created && !replaced && !sealed.is_empty() {
            let detail = format!("an account of `{}` was made at the same time: try again", account.identifier);
            return Err(StoreError::Conflict(detail));
        }
        let row = sqlx::query(concat!(
            "SELECT ",
            account_columns!(),
            " FROM accounts a WHERE a.project = $1 AND a.connection = $2 AND a.identifier = $3 \
             AND a.organization = $4 AND a.label = $5"
        ))
        .bind(account.project.as_str())
        .bind(account.connection.as_str())
        .bind(account.identifier.as_str())
        .bind(account.organization.as_str())
        .bind(account.label.as_str())
        .fetch_one(&mut *transaction)
        .await?;
        let stored = read_account(&mut Columns::of(&row))?;
        let told = match before {
            Some(before) => outbox::account_moved(&mut transaction, &stored.id, (before, stored.state), by.at).await?,
            None => false,
        };
        if created || replaced {
            account_events::add(&mut transaction, (&stored.project, &stored.id), put_kind(&stored), None, by.at)
                .await?;
            let action = if created { Action::AccountCreated } else { Action::AccountChanged };
            let act = Act::new(&stored.project, by, action, stored.id.as_str()).detail(detail(&stored, sealed));
            self.append(&mut transaction, act).await?;
        }
        self.commit_telling(transaction, told).await?;
        Ok((stored, created))
    }
}

/// Adds the row unless there is one of the same connection, user, organization and label.
async fn insert(
    connection: &mut AnyConnection,
    account: &Account,
    sealed: &BTreeMap<String, String>,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO accounts (id, project, connection, identifier, organization, label, shared, state, disabled, \
         fields, settings, scopes, hosts, sealed, created_at, updated_at, expires_at, refreshed_at, oauth_client, \
         error, field_hosts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
         $18, $19, $20, $21) \
         ON CONFLICT (connection, identifier, organization, label) DO NOTHING",
    )
    .bind(account.id.as_str())
    .bind(account.project.as_str())
    .bind(account.connection.as_str())
    .bind(account.identifier.as_str())
    .bind(account.organization.as_str())
    .bind(account.label.as_str())
    .bind(account.shared.then_some(1))
    .bind(account.state.as_str())
    .bind(i64::from(account.disabled))
    .bind(text_map_json(&account.fields))
    .bind(stored_settings(account))
    .bind(texts_json(&account.scopes))
    .bind(texts_json(&account.hosts))
    .bind(text_map_json(sealed))
    .bind(account.created_at.0)
    .bind(account.updated_at.0)
    .bind(account.token.expires_at.map(|at| at.0))
    .bind(account.token.refreshed_at.map(|at| at.0))
    .bind(account.token.client.as_ref().map(OAuthClientId::as_str))
    .bind(account.token.error.as_deref())
    .bind(stored_field_hosts(&account.token.field_hosts))
    .execute(connection)
    .await
    .map_err(|error| or_conflict(error, || "the account's connection does not exist, or its id is taken".into()))?;
    Ok(inserted.rows_affected() > 0)
}

/// Replaces the credential, and what goes with it, of the row that has the account's own identifier. Its state before,
/// if there is such a row.
async fn replace(
    connection: &mut AnyConnection,
    account: &Account,
    sealed: &BTreeMap<String, String>,
) -> Result<Option<AccountState>, StoreError> {
    let before = sqlx::query("SELECT state FROM accounts WHERE id = $1")
        .bind(account.id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(before) = before else { return Ok(None) };
    let before = Columns::of(&before).parsed(AccountState::parse)?;
    let done = sqlx::query(
        "UPDATE accounts SET state = $1, fields = $2, scopes = $3, hosts = $4, sealed = $5, updated_at = $6, \
         settings = $7, expires_at = $14, refreshed_at = $15, oauth_client = $16, error = $17, field_hosts = $18, \
         refresh_until = NULL WHERE id = $8 AND project = $9 AND connection = $10 AND identifier = $11 \
         AND organization = $12 AND label = $13",
    )
    .bind(account.state.as_str())
    .bind(text_map_json(&account.fields))
    .bind(texts_json(&account.scopes))
    .bind(texts_json(&account.hosts))
    .bind(text_map_json(sealed))
    .bind(account.updated_at.0)
    .bind(stored_settings(account))
    .bind(account.id.as_str())
    .bind(account.project.as_str())
    .bind(account.connection.as_str())
    .bind(account.identifier.as_str())
    .bind(account.organization.as_str())
    .bind(account.label.as_str())
    .bind(account.token.expires_at.map(|at| at.0))
    .bind(account.token.refreshed_at.map(|at| at.0))
    .bind(account.token.client.as_ref().map(OAuthClientId::as_str))
    .bind(account.token.error.as_deref())
    .bind(stored_field_hosts(&account.token.field_hosts))
    .execute(connection)
    .await?;
    Ok((done.rows_affected() > 0).then_some(before))
}

/// What is told of an account that was stored.
fn put_kind(account: &Account) -> AccountEventKind {
    match account.state {
        AccountState::Active => AccountEventKind::Connected,
        _ => AccountEventKind::Created,
    }
}
