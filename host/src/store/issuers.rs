//! Issuers whose tokens a project takes.

use super::clients::bound;
use super::error::or_conflict;
use super::keys::{read_scopes, scopes_text};
use super::mcp_grants::Ground;
use super::page::{Listing, Order};
use super::row::{Columns, texts_json};
use super::{Act, Detail, Page, PageRequest, Store, StoreError};
use crate::model::{Action, BoundProfile, By, ProjectId, Scopes, Timestamp};

/// An issuer that a project trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRow {
    /// Unique in the project; never changes.
    pub name: String,
    /// The tenant.
    pub project: ProjectId,
    /// As its tokens name it.
    pub issuer: String,
    /// What its tokens for this project name as their audience.
    pub audience: String,
    /// Where its keys are; its metadata tells it if `None`.
    pub jwks_url: Option<String>,
    /// The ways in which it signs.
    pub algorithms: Vec<String>,
    /// JSON text: which claim is what, which `identity` reads.
    pub claims: String,
    /// The most that its tokens may do.
    pub scopes: Scopes,
    /// All that they may use; everything of the project if `None`.
    pub profile: Option<BoundProfile>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

macro_rules! columns {
    () => {
        "name, project, issuer, audience, jwks_url, algorithms, claims, scopes, created_at, updated_at, profile, \
         (SELECT p.name FROM profiles p WHERE p.id = issuers.profile) AS profile_name"
    };
}

/// Projects that trust one issuer: more than this are not looked at, and a token for one of those is refused.
const MAX_TRUSTING: i64 = 64;

impl Store {
    /// Makes or changes an issuer. A conflict if another one has the same issuer and audience.
    pub async fn put_issuer(&self, by: &By, row: &IssuerRow) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO issuers (project, name, issuer, audience, jwks_url, algorithms, claims, scopes, profile, \
             created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (project, name) DO UPDATE SET issuer = excluded.issuer, audience = excluded.audience, \
             jwks_url = excluded.jwks_url, algorithms = excluded.algorithms, claims = excluded.claims, \
             scopes = excluded.scopes, profile = excluded.profile, updated_at = excluded.updated_at",
        )
        .bind(row.project.as_str())
        .bind(row.name.as_str())
        .bind(row.issuer.as_str())
        .bind(row.audience.as_str())
        .bind(row.jwks_url.as_deref())
        .bind(texts_json(&row.algorithms))
        .bind(row.claims.as_str())
        .bind(scopes_text(row.scopes))
        .bind(row.profile.as_ref().map(|profile| profile.id.as_str()))
        .bind(row.created_at.0)
        .bind(row.updated_at.0)
        .execute(&mut *transaction)
        .await
        .map_err(|error| {
            or_conflict(error, || {
                "tokens of this issuer for this audience are taken already under another name, or the profile is gone"
                    .into()
            })
        })?;
        let detail = Detail::default()
            .with("issuer", &row.issuer)
            .with("audience", &row.audience)
            .with_some("jwks_url", row.jwks_url.as_deref())
            .with("algorithms", &row.algorithms.join(" "))
            .with("claims", &row.claims)
            .with("scopes", &scopes_text(row.scopes))
            .with_some("profile", row.profile.as_ref().map(|profile| profile.name.as_str()));
        // Another issuer under the name is nobody that vouched before.
        let ground = Ground::Issuer { project: &row.project, name: &row.name, stays: &row.issuer };
        let ended = self.end_grants_on(&mut transaction, by, ground).await?;
        let act = Act::new(&row.project, by, Action::IssuerChanged, &row.name).detail(detail);
        for act in ended.into_iter().chain([act]) {
            self.append(&mut transaction, act).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Trusts an issuer no more: its tokens open nothing from then on, and what it said of users holds no longer. `false` if
    /// the project has none such.
    pub async fn delete_issuer(&self, by: &By, project: &ProjectId, name: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let ground = Ground::Issuer { project, name, stays: "" };
        let mut acts = self.end_grants_on(&mut transaction, by, ground).await?;
        let done = sqlx::query("DELETE FROM issuers WHERE project = $1 AND name = $2")
            .bind(project.as_str())
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        acts.push(Act::new(project, by, Action::IssuerDeleted, name));
        self.commit_changes(transaction, &done, &acts).await
    }

    /// The issuer of this name.
    pub async fn find_issuer(&self, project: &ProjectId, name: &str) -> Result<Option<IssuerRow>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM issuers WHERE project = $1 AND name = $2"))
            .bind(project.as_str())
            .bind(name)
            .fetch_optional(self.read())
            .await?;
        row.map(|row| read_issuer(&mut Columns::of(&row))).transpose()
    }

    /// Who trusts this issuer, of all projects: with the audience it is what tells the project.
    pub async fn issuers_named(&self, issuer: &str) -> Result<Vec<IssuerRow>, StoreError> {
        let rows = sqlx::query(concat!("SELECT ", columns!(), " FROM issuers WHERE issuer = $1 LIMIT $2"))
            .bind(issuer)
            .bind(MAX_TRUSTING)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(|row| read_issuer(&mut Columns::of(row))).collect()
    }

    /// The project's issuers, by name.
    pub async fn list_issuers(
        &self,
        project: &ProjectId,
        request: &PageRequest,
    ) -> Result<Page<IssuerRow>, StoreError> {
        Listing::of(columns!(), "issuers", "name", Order::OldestFirst)
            .only("project = ?", project.as_str())
            .page(self.read(), request, |text| !text.is_empty(), read_issuer)
            .await
    }
}

fn read_issuer(columns: &mut Columns<'_>) -> Result<IssuerRow, StoreError> {
    let (name, project) = (columns.text()?, columns.parsed(ProjectId::parse)?);
    let (issuer, audience, jwks_url) = (columns.text()?, columns.text()?, columns.maybe_text()?);
    let (algorithms, claims, scopes) = (columns.texts()?, columns.text()?, columns.parsed(read_scopes)?);
    let (created_at, updated_at, profile) = (columns.time()?, columns.time()?, bound(columns)?);
    Ok(IssuerRow {
        name,
        project,
        issuer,
        audience,
        jwks_url,
        algorithms,
        claims,
        scopes,
        profile,
        created_at,
        updated_at,
    })
}
