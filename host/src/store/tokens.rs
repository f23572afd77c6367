//! Tokens of accounts: who gets a new one at this moment, and what came of it.
//!
//! A host that is about to get a token leases the account: until a time by which it must have the answer. A host that
//! ends before leaves the lease to run out. Each lease has a number, and only the last one says what came of it.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::account_events;
use super::accounts::{account_columns, read_account, stored_field_hosts};
use super::row::{Columns, text_map_json, texts_json};
use super::{Act, Detail, SealedCredential, Store, StoreError, outbox};
use crate::model::{
    Account, AccountEventKind, AccountId, AccountState, Action, By, OAuthClientId, ProjectId, Timestamp,
};

/// An account, and who gets a token for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The account with its sealed credential.
    pub credential: SealedCredential,
    /// The host that gets a token for it, or did not say what came of that, and until when it may.
    pub lease: Option<(String, Timestamp)>,
}

/// The right to say what came of getting a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenLease {
    project: ProjectId,
    account: AccountId,
    number: i64,
}

impl Store {
    /// An account with its sealed credential, as it is now on the database itself.
    pub async fn held(&self, project: &ProjectId, id: &AccountId) -> Result<Option<Held>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            account_columns!(),
            ", a.sealed, a.refresh_host, a.refresh_until FROM accounts a WHERE a.project = $1 AND a.id = $2"
        ))
        .bind(project.as_str())
        .bind(id.as_str())
        .fetch_optional(self.read())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let mut columns = Columns::of(&row);
        let credential = SealedCredential { account: read_account(&mut columns)?, sealed: columns.text_map()? };
        let lease = columns.maybe_text()?.zip(columns.maybe_number()?.map(Timestamp));
        Ok(Some(Held { credential, lease }))
    }

    /// Leases an account to `host`, if it is as it was read and nobody else has it. A host's own lease is of its past:
    /// within a process nobody asks twice.
    pub async fn lease_token(
        &self,
        read: &SealedCredential,
        host: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<TokenLease>, StoreError> {
        let row = sqlx::query(
            "UPDATE accounts SET refresh_host = $1, refresh_until = $2, \
             refresh_lease = COALESCE(refresh_lease, 0) + 1 \
             WHERE project = $3 AND id = $4 AND sealed = $5 AND state = $6 \
             AND (refresh_until IS NULL OR refresh_until <= $7 OR refresh_host = $1) RETURNING refresh_lease",
        )
        .bind(host)
        .bind(until.0)
        .bind(read.account.project.as_str())
        .bind(read.account.id.as_str())
        .bind(text_map_json(&read.sealed))
        .bind(read.account.state.as_str())
        .bind(now.0)
        .fetch_optional(self.write())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let number = Columns::of(&row).number()?;
        Ok(Some(TokenLease { project: read.account.project.clone(), account: read.account.id.clone(), number }))
    }

    /// Gives a lease back: nothing came of it.
    pub async fn release_token(&self, lease: &TokenLease) -> Result<(), StoreError> {
        sqlx::query("UPDATE accounts SET refresh_until = NULL WHERE project = $1 AND id = $2 AND refresh_lease = $3")
            .bind(lease.project.as_str())
            .bind(lease.account.as_str())
            .bind(lease.number)
            .execute(self.write())
            .await?;
        Ok(())
    }

    /// Stores an account's new tokens and gives the lease back. `before` is the state that it was leased in. `false` if
    /// the lease is no longer the last one: somebody else has stored others since.
    pub async fn store_tokens(
        &self,
        by: &By,
        lease: &TokenLease,
        before: AccountState,
        account: &Account,
        sealed: &BTreeMap<String, String>,
    ) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "UPDATE accounts SET state = $1, fields = $2, scopes = $3, sealed = $4, expires_at = $5, refreshed_at = $6, \
             oauth_client = $7, field_hosts = $8, error = NULL, updated_at = $6, refresh_until = NULL \
             WHERE project = $9 AND id = $10 AND refresh_lease = $11 AND state = $12 AND refresh_until IS NOT NULL",
        )
        .bind(account.state.as_str())
        .bind(text_map_json(&account.fields))
        .bind(texts_json(&account.scopes))
        .bind(text_map_json(sealed))
        .bind(account.token.expires_at.map(|at| at.0))
        .bind(by.at.0)
        .bind(account.token.client.as_ref().map(OAuthClientId::as_str))
        .bind(stored_field_hosts(&account.token.field_hosts))
        .bind(lease.project.as_str())
        .bind(lease.account.as_str())
        .bind(lease.number)
        .bind(before.as_str())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let moved = (before, account.state);
        let told = tell(&mut transaction, (&account.project, &account.id), moved, None, by.at).await?;
        let detail = Detail::default()
            .with("state", account.state.as_str())
            .with("scopes", &account.scopes.join(" "))
            .digest("credential", &text_map_json(sealed));
        let act = Act::new(&account.project, by, Action::AccountRefreshed, account.id.as_str()).detail(detail);
        self.append(&mut transaction, act).await?;
        self.commit_telling(transaction, told).await?;
        Ok(true)
    }

    /// Moves a leased account to a state in which nobody calls with it, with the reason, and gives the lease back. `false`
    /// if the lease is no longer the last one.
    pub async fn end_tokens(
        &self,
        by: &By,
        lease: &TokenLease,
        (from, to): (AccountState, AccountState),
        reason: &str,
    ) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "UPDATE accounts SET state = $1, error = $2, updated_at = $3, refresh_until = NULL \
             WHERE project = $4 AND id = $5 AND refresh_lease = $6 AND state = $7 AND refresh_until IS NOT NULL",
        )
        .bind(to.as_str())
        .bind(reason)
        .bind(by.at.0)
        .bind(lease.project.as_str())
        .bind(lease.account.as_str())
        .bind(lease.number)
        .bind(from.as_str())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let whose = (&lease.project, &lease.account);
        let told = tell(&mut transaction, whose, (from, to), Some(reason), by.at).await?;
        let detail = Detail::default().with("from", from.as_str()).with("to", to.as_str()).with("reason", reason);
        let act = Act::new(&lease.project, by, Action::AccountState, lease.account.as_str()).detail(detail);
        self.append(&mut transaction, act).await?;
        self.commit_telling(transaction, told).await?;
        Ok(true)
    }
}

/// Tells that an account went from one state to another, if it did. Whether anybody is to hear of it.
async fn tell(
    connection: &mut AnyConnection,
    whose: (&ProjectId, &AccountId),
    (from, to): (AccountState, AccountState),
    reason: Option<&str>,
    at: Timestamp,
) -> Result<bool, StoreError> {
    if from != to {
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let moved = format!("{} to {}{reason}", from.as_str(), to.as_str());
        account_events::add(connection, whose, AccountEventKind::StateChanged, Some(&moved), at).await?;
    }
    outbox::account_moved(connection, whose.1, (from, to), at).await
}
