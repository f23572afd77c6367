//! Requests of MCP clients for grants, each step of which is taken once, and clients that registered by themselves.

use super::error::or_conflict;
use super::mcp_grants::{GrantTokens, insert_grant, note_use};
use super::row::{Columns, stored, texts_json};
use super::{Act, Detail, Store, StoreError};
use crate::model::{
    Action, BoundProfile, By, KeyId, McpClientId, McpGrant, McpGrantId, McpRequest, McpRequestId, McpStep, ProfileId,
    ProjectId, Timestamp,
};

/// A client that registered by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpClientRow {
    /// Its identifier.
    pub id: McpClientId,
    /// What it calls itself.
    pub name: String,
    /// Where its answers may go.
    pub redirect_uris: Vec<String>,
    /// When it registered.
    pub created_at: Timestamp,
}

/// What changes with a step. What is `None` stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct McpMove<'a> {
    /// The step that it must be at.
    pub from: McpStep,
    /// The step that it comes to.
    pub to: McpStep,
    /// What the application said.
    pub vouched: Option<Vouched<'a>>,
    /// The hash of the code.
    pub code: Option<&'a str>,
    /// From when on it is too late for the next step.
    pub expires_at: Option<Timestamp>,
}

/// What an application said of a browser.
#[derive(Clone, Copy, Debug)]
pub struct Vouched<'a> {
    /// The user.
    pub identifier: &'a str,
    /// The user's organization.
    pub organization: Option<&'a str>,
    /// With what key it said so.
    pub by: &'a KeyId,
    /// The hash of what is in the URL of the consent page.
    pub page: &'a str,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, r.project, r.profile, p.name, r.client, r.client_name, r.redirect_uri, r.state, r.challenge, \
             r.browser, r.step, r.identifier, r.organization, r.vouched_by, r.made, r.created_at, r.expires_at \
             FROM mcp_requests r JOIN profiles p ON p.id = r.profile WHERE ",
            $rest
        )
    };
}

impl Store {
    /// Adds a client that registers by itself. Where there are `most` of them, the oldest that no user ever let do anything,
    /// and none is asked about now, makes room. A conflict if there is none such.
    pub async fn insert_mcp_client(&self, client: &McpClientRow, most: u32) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM mcp_clients WHERE (SELECT COUNT(*) FROM mcp_clients) >= $1 AND id IN (SELECT c.id FROM mcp_clients c \
             WHERE c.used_at IS NULL AND NOT EXISTS (SELECT 1 FROM mcp_requests r WHERE r.client = c.id) \
             ORDER BY c.created_at, c.id LIMIT 1)",
        )
        .bind(stored(u64::from(most)))
        .execute(self.write())
        .await?;
        let done = sqlx::query(
            "INSERT INTO mcp_clients (id, name, redirect_uris, created_at) \
             SELECT $1, $2, $3, $4 WHERE (SELECT COUNT(*) FROM mcp_clients) < $5",
        )
        .bind(client.id.as_str())
        .bind(client.name.as_str())
        .bind(texts_json(&client.redirect_uris))
        .bind(client.created_at.0)
        .bind(stored(u64::from(most)))
        .execute(self.write())
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Conflict("too many clients are registered".into()));
        }
        Ok(())
    }

    /// A client that registered by itself.
    pub async fn mcp_client(&self, id: &McpClientId) -> Result<Option<McpClientRow>, StoreError> {
        let row = sqlx::query("SELECT id, name, redirect_uris, created_at FROM mcp_clients WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| {
            let mut columns = Columns::of(&row);
            Ok(McpClientRow {
                id: columns.parsed(McpClientId::parse)?,
                name: columns.text()?,
                redirect_uris: columns.texts()?,
                created_at: columns.time()?,
            })
        })
        .transpose()
    }

    /// Adds a request. A conflict if `most` wait for their users at this time, or its config is gone.
    pub async fn insert_mcp_request(&self, request: &McpRequest, most: u32) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO mcp_requests (id, project, profile, client, client_name, redirect_uri, state, challenge, browser, \
             step, created_at, expires_at) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 \
             WHERE (SELECT COUNT(*) FROM mcp_requests WHERE expires_at > $11) < $13",
        )
        .bind(request.id.as_str())
        .bind(request.project.as_str())
        .bind(request.config.id.as_str())
        .bind(request.client.as_str())
        .bind(request.client_name.as_str())
        .bind(request.redirect_uri.as_str())
        .bind(request.state.as_deref())
        .bind(request.challenge.as_str())
        .bind(request.browser.as_str())
        .bind(request.step.as_str())
        .bind(request.created_at.0)
        .bind(request.expires_at.0)
        .bind(stored(u64::from(most)))
        .execute(self.write())
        .await
        .map_err(|error| or_conflict(error, || "the config is gone".into()))?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Conflict("too many requests of MCP clients wait for their users".into()));
        }
        Ok(())
    }

    /// The request with this identifier, of any project: who asks has to show that it is theirs.
    pub async fn mcp_request(&self, id: &McpRequestId) -> Result<Option<McpRequest>, StoreError> {
        let row = sqlx::query(select!("r.id = $1")).bind(id.as_str()).fetch_optional(self.write()).await?;
        row.map(|row| read_request(&mut Columns::of(&row))).transpose()
    }

    /// The request whose consent page has this hash.
    pub async fn mcp_request_of_page(&self, hash: &str) -> Result<Option<McpRequest>, StoreError> {
        let row = sqlx::query(select!("r.page = $1")).bind(hash).fetch_optional(self.write()).await?;
        row.map(|row| read_request(&mut Columns::of(&row))).transpose()
    }

    /// The request whose code has this hash.
    pub async fn mcp_request_of_code(&self, hash: &str) -> Result<Option<McpRequest>, StoreError> {
        let row = sqlx::query(select!("r.code = $1")).bind(hash).fetch_optional(self.write()).await?;
        row.map(|row| read_request(&mut Columns::of(&row))).transpose()
    }

    /// Takes a step, once. `false` if the request is at another, or it is too late.
    pub async fn move_mcp_request(
        &self,
        by: &By,
        request: &McpRequest,
        change: &McpMove<'_>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let done = sqlx::query(
            "UPDATE mcp_requests SET step = $1, identifier = COALESCE($2, identifier), \
             organization = COALESCE($3, organization), vouched_by = COALESCE($4, vouched_by), \
             page = COALESCE($5, page), code = COALESCE($6, code), expires_at = COALESCE($7, expires_at) \
             WHERE id = $8 AND step = $9 AND expires_at > $10",
        )
        .bind(change.to.as_str())
        .bind(change.vouched.map(|vouched| vouched.identifier))
        .bind(change.vouched.and_then(|vouched| vouched.organization))
        .bind(change.vouched.map(|vouched| vouched.by.as_str()))
        .bind(change.vouched.map(|vouched| vouched.page))
        .bind(change.code)
        .bind(change.expires_at.map(|at| at.0))
        .bind(request.id.as_str())
        .bind(change.from.as_str())
        .bind(by.at.0)
        .execute(&mut *transaction)
        .await?;
        let act = moved(by, request, (change.from, change.to), change.vouched.map(|vouched| vouched.identifier));
        self.commit_change(transaction, &done, act).await
    }

    /// Exchanges the code of a request for a grant, once. `false` if that was done, or it is too late. A conflict if the
    /// instance is gone.
    pub async fn redeem_mcp_request(
        &self,
        by: &By,
        request: &McpRequest,
        grant: &McpGrant,
        tokens: &GrantTokens,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let done =
            sqlx::query("UPDATE mcp_requests SET step = $1, made = $2 WHERE id = $3 AND step = $4 AND expires_at > $5")
                .bind(McpStep::Redeemed.as_str())
                .bind(grant.id.as_str())
                .bind(request.id.as_str())
                .bind(McpStep::Allowed.as_str())
                .bind(by.at.0)
                .execute(&mut *transaction)
                .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        insert_grant(&mut transaction, grant, tokens).await?;
        note_use(&mut *transaction, &grant.client, by.at).await?;
        let detail = Detail::default()
            .with("request", request.id.as_str())
            .with("config", &grant.config.name)
            .with("instance", grant.instance.as_str())
            .with("identifier", &grant.identifier)
            .with_some("organization", grant.organization.as_deref())
            .with("client", &grant.client)
            .with("vouched_by", grant.vouched_by.as_str());
        let act = Act::new(&grant.project, by, Action::McpGrantCreated, grant.id.as_str()).detail(detail);
        self.append(&mut transaction, act).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes requests that ended, or were too late, before this, and those for which no application ever spoke, as soon as
    /// they are too late: anybody can make those. Gives how many they are.
    pub async fn forget_mcp_requests(&self, now: Timestamp, before: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM mcp_requests WHERE expires_at < $1 OR (step = $2 AND expires_at <= $3)")
            .bind(before.0)
            .bind(McpStep::Begun.as_str())
            .bind(now.0)
            .execute(self.write())
            .await?;
        Ok(done.rows_affected())
    }

    /// Removes clients that were used, or registered, before this and that no user lets do anything; gives how many those are.
    pub async fn forget_mcp_clients(&self, before: Timestamp) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM mcp_clients WHERE COALESCE(used_at, created_at) < $1 \
             AND NOT EXISTS (SELECT 1 FROM mcp_grants g WHERE g.client = mcp_clients.id) \
             AND NOT EXISTS (SELECT 1 FROM mcp_requests r WHERE r.client = mcp_clients.id)",
        )
        .bind(before.0)
        .execute(self.write())
        .await?;
        Ok(done.rows_affected())
    }
}

fn moved(by: &By, request: &McpRequest, (from, to): (McpStep, McpStep), identifier: Option<&str>) -> Act {
    let detail = Detail::default()
        .with("config", &request.config.name)
        .with("client", &request.client)
        .with("from", from.as_str())
        .with("to", to.as_str())
        .with_some("identifier", identifier.or(request.identifier.as_deref()));
    Act::new(&request.project, by, Action::McpRequestMoved, request.id.as_str()).detail(detail)
}

fn read_request(columns: &mut Columns<'_>) -> Result<McpRequest, StoreError> {
    Ok(McpRequest {
        id: columns.parsed(McpRequestId::parse)?,
        project: columns.parsed(ProjectId::parse)?,
        config: BoundProfile { id: columns.parsed(ProfileId::parse)?, name: columns.text()? },
        client: columns.text()?,
        client_name: columns.text()?,
        redirect_uri: columns.text()?,
        state: columns.maybe_text()?,
        challenge: columns.text()?,
        browser: columns.text()?,
        step: columns.parsed(McpStep::parse)?,
        identifier: columns.maybe_text()?,
        organization: columns.maybe_text()?,
        vouched_by: columns.maybe_parsed(KeyId::parse)?,
        made: columns.maybe_parsed(McpGrantId::parse)?,
        created_at: columns.time()?,
        expires_at: columns.time()?,
    })
}
