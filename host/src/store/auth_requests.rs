//! Attempts to authorize accounts: each step is taken once, however many browsers and hosts try.

use super::account_events;
use super::row::{Columns, stored, texts_json};
use super::{Act, Detail, Store, StoreError};
use crate::model::{
    AccountEventKind, AccountId, Action, AuthFailure, AuthRequest, AuthRequestId, AuthStep, By, ConnectionId, KeyId,
    ProjectId, Timestamp, Verify,
};

/// An attempt with what its next step needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthRequestRow {
    /// The attempt.
    pub request: AuthRequest,
    /// What the next step needs, sealed.
    pub kept: Option<String>,
}

/// What changes with a step. What is `None` stays as it is, `kept` apart, which is put in place of what was kept.
#[derive(Clone, Copy, Debug)]
pub struct AuthMove<'a> {
    /// The step that it must be at.
    pub from: AuthStep,
    /// The step that it comes to.
    pub to: AuthStep,
    /// The hash of the browser's cookie.
    pub browser: Option<&'a str>,
    /// The hash of the `state` that goes to the provider.
    pub state_hash: Option<&'a str>,
    /// What the next step needs, sealed.
    pub kept: Option<&'a str>,
    /// From when on it is too late for the next step.
    pub expires_at: Option<Timestamp>,
    /// Credentials were filled in that did not work.
    pub attempted: bool,
    /// Why it fails, and what the provider said.
    pub failure: Option<(AuthFailure, Option<&'a str>)>,
    /// What is told of the account.
    pub event: Option<AccountEventKind>,
}

impl AuthMove<'_> {
    /// From one step to another, and nothing else.
    pub fn between(from: AuthStep, to: AuthStep) -> Self {
        Self {
            from,
            to,
            browser: None,
            state_hash: None,
            kept: None,
            expires_at: None,
            attempted: false,
            failure: None,
            event: None,
        }
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, project, connection, account, api_key, step, browser, verify_url, verify_state, scopes, \
             attempts, failure, said, created_at, expires_at, kept FROM auth_requests WHERE ",
            $rest
        )
    };
}

impl Store {
    /// Adds an attempt whose link has a token with this hash.
    pub async fn insert_auth_request(
        &self,
        by: &By,
        request: &AuthRequest,
        token_hash: &str,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO auth_requests (id, project, connection, account, api_key, token_hash, step, verify_url, \
             verify_state, scopes, attempts, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(request.id.as_str())
        .bind(request.project.as_str())
        .bind(request.connection.as_str())
        .bind(request.account.as_str())
        .bind(request.key.as_str())
        .bind(token_hash)
        .bind(request.step.as_str())
        .bind(request.verify.as_ref().map(|verify| verify.url.as_str()))
        .bind(request.verify.as_ref().and_then(|verify| verify.state.as_deref()))
        .bind(texts_json(&request.scopes))
        .bind(stored(u64::from(request.attempts)))
        .bind(request.created_at.0)
        .bind(request.expires_at.0)
        .execute(&mut *transaction)
        .await?;
        let whose = (&request.project, &request.account);
        account_events::add(&mut transaction, whose, AccountEventKind::LinkMade, None, by.at).await?;
        let detail = Detail::default()
            .with("account", request.account.as_str())
            .with_some("verify_url", request.verify.as_ref().map(|verify| verify.url.as_str()))
            .with("scopes", &request.scopes.join(" "));
        let act = Act::new(&request.project, by, Action::AuthorizationCreated, request.id.as_str()).detail(detail);
        self.append(&mut transaction, act).await?;
        Ok(transaction.commit().await?)
    }

    /// The attempt whose link has a token with this hash.
    pub async fn auth_request_of_token(&self, hash: &str) -> Result<Option<AuthRequestRow>, StoreError> {
        let row = sqlx::query(select!("token_hash = $1")).bind(hash).fetch_optional(self.write()).await?;
        row.map(|row| read_row(&mut Columns::of(&row))).transpose()
    }

    /// The attempt whose `state` has this hash.
    pub async fn auth_request_of_state(&self, hash: &str) -> Result<Option<AuthRequestRow>, StoreError> {
        let row = sqlx::query(select!("state_hash = $1")).bind(hash).fetch_optional(self.write()).await?;
        row.map(|row| read_row(&mut Columns::of(&row))).transpose()
    }

    /// The attempt with this identifier, of any project: who asks has to show that it is theirs.
    pub async fn auth_request(&self, id: &AuthRequestId) -> Result<Option<AuthRequestRow>, StoreError> {
        let row = sqlx::query(select!("id = $1")).bind(id.as_str()).fetch_optional(self.write()).await?;
        row.map(|row| read_row(&mut Columns::of(&row))).transpose()
    }

    /// Takes a step, once. `false` if the attempt is at another, or it is too late.
    pub async fn move_auth_request(
        &self,
        by: &By,
        request: &AuthRequest,
        change: &AuthMove<'_>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let (failure, said) = change.failure.unzip();
        let said = said.flatten();
        // A failure is told of however late it is.
        let done = sqlx::query(
            "UPDATE auth_requests SET step = $1, browser = COALESCE($2, browser), \
             state_hash = COALESCE($3, state_hash), kept = $4, expires_at = COALESCE($5, expires_at), \
             attempts = attempts + $6, failure = $7, said = $8 \
             WHERE id = $9 AND step = $10 AND (expires_at > $11 OR $12 = 1)",
        )
        .bind(change.to.as_str())
        .bind(change.browser)
        .bind(change.state_hash)
        .bind(change.kept)
        .bind(change.expires_at.map(|at| at.0))
        .bind(i64::from(change.attempted))
        .bind(failure.map(AuthFailure::as_str))
        .bind(said)
        .bind(request.id.as_str())
        .bind(change.from.as_str())
        .bind(by.at.0)
        .bind(i64::from(change.failure.is_some()))
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        if let Some(kind) = change.event {
            let text = failure.map(|failure| match said {
                Some(said) => format!("{}: {said}", failure.as_str()),
                None => failure.as_str().to_owned(),
            });
            let whose = (&request.project, &request.account);
            account_events::add(&mut transaction, whose, kind, text.as_deref(), by.at).await?;
        }
        let detail = Detail::default()
            .with("account", request.account.as_str())
            .with("from", change.from.as_str())
            .with("to", change.to.as_str())
            .with_some("failure", failure.map(AuthFailure::as_str));
        let act = Act::new(&request.project, by, Action::AuthorizationMoved, request.id.as_str()).detail(detail);
        self.append(&mut transaction, act).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes attempts that ended, or were too late, before this; gives how many those are.
    pub async fn forget_auth_requests(&self, before: Timestamp) -> Result<u64, StoreError> {
        let done =
            sqlx::query("DELETE FROM auth_requests WHERE expires_at < $1").bind(before.0).execute(self.write()).await?;
        Ok(done.rows_affected())
    }
}

fn read_row(columns: &mut Columns<'_>) -> Result<AuthRequestRow, StoreError> {
    let id = columns.parsed(AuthRequestId::parse)?;
    let project = columns.parsed(ProjectId::parse)?;
    let connection = columns.parsed(ConnectionId::parse)?;
    let account = columns.parsed(AccountId::parse)?;
    let key = columns.parsed(KeyId::parse)?;
    let step = columns.parsed(AuthStep::parse)?;
    let browser = columns.maybe_text()?;
    let (url, state) = (columns.maybe_text()?, columns.maybe_text()?);
    let request = AuthRequest {
        id,
        project,
        connection,
        account,
        key,
        step,
        browser,
        verify: url.map(|url| Verify { url, state }),
        scopes: columns.texts()?,
        attempts: columns.count()?,
        failure: columns.maybe_parsed(AuthFailure::parse)?,
        said: columns.maybe_text()?,
        created_at: columns.time()?,
        expires_at: columns.time()?,
    };
    Ok(AuthRequestRow { request, kept: columns.maybe_text()? })
}
