//! Sealed credentials as the vault handles them: read one, or go over all of them to seal them anew.

use std::collections::BTreeMap;

use super::accounts::{account_columns, read_account};
use super::row::{Columns, text_map_json};
use super::{Act, Detail, Store, StoreError};
use crate::model::{Account, AccountId, Action, By, ProjectId};

/// An account with its sealed credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedCredential {
    /// The account.
    pub account: Account,
    /// Its secret fields, each sealed.
    pub sealed: BTreeMap<String, String>,
}

/// What the vault needs to seal an account's credential anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    /// Whose credential it is.
    pub account: AccountId,
    /// The tenant.
    pub project: ProjectId,
    /// The hosts that are authenticated with it.
    pub hosts: Vec<String>,
    /// Those of fields that go elsewhere.
    pub field_hosts: BTreeMap<String, Vec<String>>,
    /// The secret fields, each sealed.
    pub sealed: BTreeMap<String, String>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, project, hosts, field_hosts, sealed FROM accounts ", $rest)
    };
}

impl Store {
    /// An account with its sealed credential.
    pub async fn credential(
        &self,
        project: &ProjectId,
        id: &AccountId,
    ) -> Result<Option<SealedCredential>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            account_columns!(),
            ", a.sealed FROM accounts a WHERE a.project = $1 AND a.id = $2"
        ))
        .bind(project.as_str())
        .bind(id.as_str())
        .fetch_optional(self.read())
        .await?;
        row.map(|row| {
            let mut columns = Columns::of(&row);
            Ok(SealedCredential { account: read_account(&mut columns)?, sealed: columns.text_map()? })
        })
        .transpose()
    }

    /// Credentials of all projects in the order of the accounts' identifiers, after `after`, at most `limit`.
    pub async fn sealed_after(&self, after: Option<&AccountId>, limit: u32) -> Result<Vec<SealedRow>, StoreError> {
        let rows = sqlx::query(select!("WHERE id > $1 ORDER BY id LIMIT $2"))
            .bind(after.map_or("", AccountId::as_str))
            .bind(i64::from(limit))
            .fetch_all(self.read())
            .await?;
        rows.iter().map(|row| read_sealed(&mut Columns::of(row))).collect()
    }

    /// One credential, of any project.
    pub async fn sealed_row(&self, account: &AccountId) -> Result<Option<SealedRow>, StoreError> {
        let row = sqlx::query(select!("WHERE id = $1")).bind(account.as_str()).fetch_optional(self.read()).await?;
        row.map(|row| read_sealed(&mut Columns::of(&row))).transpose()
    }

    /// Puts `new` in place of the sealed fields of `old` if they, and the hosts, are still what `old` says.
    pub async fn replace_sealed(
        &self,
        by: &By,
        old: &SealedRow,
        new: &BTreeMap<String, String>,
    ) -> Result<bool, StoreError> {
        let _changing = self.inner.cache.changing();
        let mut transaction = self.begin().await?;
        let done = sqlx::query("UPDATE accounts SET sealed = $1 WHERE id = $2 AND sealed = $3 AND hosts = $4")
            .bind(text_map_json(new))
            .bind(old.account.as_str())
            .bind(text_map_json(&old.sealed))
            .bind(super::row::texts_json(&old.hosts))
            .execute(&mut *transaction)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let detail = Detail::default().digest("credential", &text_map_json(new));
        let act = Act::new(&old.project, by, Action::AccountResealed, old.account.as_str()).detail(detail);
        self.append(&mut transaction, act).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

fn read_sealed(columns: &mut Columns<'_>) -> Result<SealedRow, StoreError> {
    Ok(SealedRow {
        account: columns.parsed(AccountId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        hosts: columns.texts()?,
        field_hosts: columns.maybe_parsed(|text| serde_json::from_str(text).ok())?.unwrap_or_default(),
        sealed: columns.text_map()?,
    })
}
