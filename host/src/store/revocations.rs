//! Tokens of accounts that are gone, until their provider was told to end them.
//!
//! A host that tells a provider leases the row: it is due again when the answer should be there. A row that is done, or
//! given up, is removed; the audit chain keeps what came of it.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::row::{Columns, text_map_json};
use super::{Act, Detail, Store, StoreError};
use crate::model::{AccountId, Action, By, ProjectId, RevocationId, Timestamp};

/// Tokens that are to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Its identifier.
    pub id: RevocationId,
    /// The tenant.
    pub project: ProjectId,
    /// The account that they were of.
    pub account: AccountId,
    /// Where to tell it, and how: JSON text without anything secret.
    pub request: String,
    /// The account's secret fields, each sealed, and its client's secret.
    pub sealed: BTreeMap<String, String>,
    /// When the provider is told next.
    pub due_at: Timestamp,
    /// How often it was told in vain.
    pub failures: u32,
}

/// What came of telling a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The tokens have ended.
    Revoked,
    /// It is to be told again at this time.
    Again(Timestamp),
    /// Nobody tells it any more, and why.
    GivenUp(String),
}

macro_rules! columns {
    () => {
        "id, project, account, request, sealed, due_at, failures"
    };
}

impl Store {
    /// Leases at most `most` of those that are due until a time; those of one account alone if it is given.
    pub async fn lease_revocations(
        &self,
        account: Option<&AccountId>,
        (now, until): (Timestamp, Timestamp),
        most: u32,
    ) -> Result<Vec<Revocation>, StoreError> {
        let rows = sqlx::query(concat!(
            "UPDATE revocations SET due_at = $1, leases = leases + 1 WHERE id IN (SELECT r.id FROM revocations r \
             WHERE r.due_at <= $2 AND ($3 IS NULL OR r.account = $3) ORDER BY r.due_at, r.id LIMIT $4) \
             AND due_at <= $2 RETURNING ",
            columns!()
        ))
        .bind(until.0)
        .bind(now.0)
        .bind(account.map(AccountId::as_str))
        .bind(i64::from(most))
        .fetch_all(self.write())
        .await?;
        rows.iter().map(|row| read_revocation(&mut Columns::of(row))).collect()
    }

    /// What is sealed in all of them, of all projects.
    pub async fn sealed_revocations(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("SELECT sealed FROM revocations").fetch_all(self.read()).await?;
        let mut all = Vec::new();
        for row in &rows {
            all.extend(Columns::of(row).text_map()?.into_values());
        }
        Ok(all)
    }

    /// Writes down what came of one, if the lease is still the last: its `due_at` says which that was.
    pub async fn settle_revocation(&self, by: &By, leased: &Revocation, told: &Told) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let done = match told {
            Told::Again(at) => {
                sqlx::query("UPDATE revocations SET due_at = $3, failures = failures + 1 WHERE id = $1 AND due_at = $2")
                    .bind(leased.id.as_str())
                    .bind(leased.due_at.0)
                    .bind(at.0)
            }
            Told::Revoked | Told::GivenUp(_) => sqlx::query("DELETE FROM revocations WHERE id = $1 AND due_at = $2")
                .bind(leased.id.as_str())
                .bind(leased.due_at.0),
        };
        if done.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let detail = match told {
            Told::Again(_) => None,
            Told::Revoked => Some(Detail::default().with("outcome", "revoked")),
            Told::GivenUp(reason) => Some(Detail::default().with("outcome", "given_up").with("reason", reason)),
        };
        if let Some(detail) = detail {
            let act = Act::new(&leased.project, by, Action::TokensRevoked, leased.account.as_str()).detail(detail);
            self.append(&mut transaction, act).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

/// Adds one, in the transaction that removes its account.
pub(super) async fn insert(connection: &mut AnyConnection, revocation: &Revocation) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO revocations (id, project, account, request, sealed, due_at, failures, leases) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
    )
    .bind(revocation.id.as_str())
    .bind(revocation.project.as_str())
    .bind(revocation.account.as_str())
    .bind(revocation.request.as_str())
    .bind(text_map_json(&revocation.sealed))
    .bind(revocation.due_at.0)
    .bind(i64::from(revocation.failures))
    .execute(connection)
    .await?;
    Ok(())
}

fn read_revocation(columns: &mut Columns<'_>) -> Result<Revocation, StoreError> {
    Ok(Revocation {
        id: columns.parsed(RevocationId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        account: columns.parsed(AccountId::parse)?,
        request: columns.text()?,
        sealed: columns.text_map()?,
        due_at: columns.time()?,
        failures: u32::try_from(columns.number()?).unwrap_or(u32::MAX),
    })
}
