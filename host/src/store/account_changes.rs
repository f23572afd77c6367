//! Changes of a part of an account: what was read is compared, so that none is lost that came in between.

use std::collections::{BTreeMap, HashMap};

use super::accounts::{detail, stored_field_hosts, stored_settings};
use super::row::{text_map_json, texts_json};
use super::{Act, Detail, Store, StoreError, account_events, outbox};
use crate::model::{
    Account, AccountEventKind, AccountId, AccountState, Action, By, OAuthClientId, ProjectId, Timestamp,
};

impl Store {
    /// Writes fields, settings, hosts, state and credential of an account if its credential is still the one that was
    /// seen, and its state too. `false` if not, or if there is none such: a refresh may have come in between, or be under way.
    pub async fn change_account(
        &self,
        by: &By,
        account: &Account,
        (seen, sealed): (&BTreeMap<String, String>, &BTreeMap<String, String>),
        seen_state: AccountState,
    ) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "UPDATE accounts SET state = $1, fields = $2, settings = $3, hosts = $4, sealed = $5, updated_at = $6, \
             expires_at = $11, refreshed_at = $12, oauth_client = $13, error = $14, field_hosts = $15, scopes = $16 \
             WHERE project = $7 AND id = $8 AND sealed = $9 AND state = $10 \
             AND (refresh_until IS NULL OR refresh_until <= $6)",
        )
        .bind(account.state.as_str())
        .bind(text_map_json(&account.fields))
        .bind(stored_settings(account))
        .bind(texts_json(&account.hosts))
        .bind(text_map_json(sealed))
        .bind(by.at.0)
        .bind(account.project.as_str())
        .bind(account.id.as_str())
        .bind(text_map_json(seen))
        .bind(seen_state.as_str())
        .bind(account.token.expires_at.map(|at| at.0))
        .bind(account.token.refreshed_at.map(|at| at.0))
        .bind(account.token.client.as_ref().map(OAuthClientId::as_str))
        .bind(account.token.error.as_deref())
        .bind(stored_field_hosts(&account.token.field_hosts))
        .bind(texts_json(&account.scopes))
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let told = outbox::account_moved(&mut transaction, &account.id, (seen_state, account.state), by.at).await?;
        let whose = (&account.project, &account.id);
        account_events::add(&mut transaction, whose, AccountEventKind::Changed, None, by.at).await?;
        if account.state != seen_state {
            let moved = format!("{} to {}", seen_state.as_str(), account.state.as_str());
            let kind = AccountEventKind::StateChanged;
            account_events::add(&mut transaction, whose, kind, Some(&moved), by.at).await?;
        }
        let act = Act::new(&account.project, by, Action::AccountChanged, account.id.as_str());
        self.append(&mut transaction, act.detail(detail(account, sealed))).await?;
        self.commit_telling(transaction, told).await?;
        Ok(true)
    }

    /// Replaces an account's settings: JSON text of an object. `false` if there is none such.
    pub async fn set_account_settings(
        &self,
        by: &By,
        project: &ProjectId,
        id: &AccountId,
        settings: &str,
    ) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let done = sqlx::query("UPDATE accounts SET settings = $1, updated_at = $2 WHERE project = $3 AND id = $4")
            .bind(settings)
            .bind(by.at.0)
            .bind(project.as_str())
            .bind(id.as_str())
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        account_events::add(&mut transaction, (project, id), AccountEventKind::Changed, Some("settings"), by.at)
            .await?;
        let act = Act::new(project, by, Action::AccountChanged, id.as_str());
        self.append(&mut transaction, act.detail(Detail::default().digest("settings", settings))).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Tells the audit chain, and the account's events, that its token was read in clear.
    pub async fn note_token_read(&self, by: &By, account: &Account) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let whose = (&account.project, &account.id);
        account_events::add(&mut transaction, whose, AccountEventKind::TokenRead, None, by.at).await?;
        let act = Act::new(&account.project, by, Action::AccountTokenRead, account.id.as_str());
        self.append(&mut transaction, act).await?;
        Ok(transaction.commit().await?)
    }

    /// Writes down when accounts were last used, where that is later than what is there. Nobody changes anything by that,
    /// so it has no row in the audit chain.
    pub async fn note_used(&self, used: &HashMap<AccountId, Timestamp>) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        // In one order on all hosts: two that write at once must not wait for each other.
        let mut used: Vec<_> = used.iter().collect();
        used.sort();
        for (account, at) in used {
            sqlx::query(
                "UPDATE accounts SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $3)",
            )
            .bind(at.0)
            .bind(account.as_str())
            .bind(at.0)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }
}
