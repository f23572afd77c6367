//! Tokens end at their provider when their account is removed here: told at once, and again later where that fails (RFC
//! 7009). The removal itself waits for nobody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::endpoints;
use super::exchange::{self, Client, TokenRequest, Value, ask};
use super::grants::public;
use super::limits::{LEASE, REVOKE_AGAIN, REVOKED_AT_ONCE};
use super::tokens::{ACCESS_TOKEN, REFRESH_TOKEN, placed};
use super::{OAuth, OAuthError};
use crate::egress::Response;
use crate::model::{
    Account, AccountId, AuthKind, AuthPattern, By, ClientAuth, ClientSecretFrom, OAuth2, Placement, RevocationId,
    Secret, Session, SessionRequest, TokenBody, TokenPlacement,
};
use crate::store::{CallContext, OAuthClient, Revocation, Told};
use crate::vault::Binding;

/// The sealed field of a revocation that holds the client's secret.
const CLIENT_SECRET: &str = "client_secret";

/// Everything that telling a provider takes and that is not secret: the account, and perhaps the connection and the
/// connector, are gone by then.
#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    fields: BTreeMap<String, String>,
    hosts: Vec<String>,
    field_hosts: BTreeMap<String, Vec<String>>,
    how: How,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    Revoke { url: String, client: Known, basic: bool, json: bool },
    SignOut { request: Written, token: Place },
}

/// An OAuth client, without its secret.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    id: String,
    client_id: String,
    hosts: Vec<String>,
    /// Where its secret is, if it is a named one.
    #[serde(default)]
    secret_from: Option<String>,
}

/// A declared request.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    method: String,
    url: String,
    content_type: String,
    body: String,
    headers: Vec<(String, String)>,
}

/// Where a token goes.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    header: bool,
    query: bool,
    name: String,
    prefix: String,
}

/// What became of an account's tokens when it was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// There were none, or the provider offers no way to end them.
    Nothing,
    /// The provider has ended them.
    Revoked,
    /// The provider could not be told yet, and will be.
    Queued,
    /// The provider does not take what it is told, and nobody tells it again.
    Failed,
}

impl OAuth {
    /// What is to be told to the provider once an account is gone; `None` where there is nothing to tell.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn parting(
        &self,
        context: &CallContext,
        pattern: &AuthPattern,
    ) -> Result<Option<Revocation>, OAuthError> {
        let CallContext { account, sealed, .. } = context;
        if !sealed.contains_key(ACCESS_TOKEN) && !sealed.contains_key(REFRESH_TOKEN) {
            return Ok(None);
        }
        let mut sealed = sealed.clone();
        let how = match &pattern.kind {
            AuthKind::OAuth2(oauth2) => self.how_to_revoke(account, oauth2, &mut sealed).await?,
            AuthKind::Session(session) => how_to_sign_out(session),
            _ => None,
        };
        let Some(how) = how else { return Ok(None) };
        let plan = Plan {
            fields: account.fields.clone(),
            hosts: account.hosts.clone(),
            field_hosts: account.token.field_hosts.clone(),
            how,
        };
        let request = serde_json::to_string(&plan).map_err(|error| OAuthError::configuration(error.to_string()))?;
        Ok(Some(Revocation {
            id: RevocationId::new(&self.0.clock, &self.0.random),
            project: account.project.clone(),
            account: account.id.clone(),
            request,
            sealed,
            due_at: self.0.clock.now(),
            failures: 0,
        }))
    }

    /// Tells the provider of an account that was just removed.
    pub async fn part(&self, account: &AccountId) -> Parting {
        // In a task of its own: whoever asked may go away, and the answer is wanted all the same.
        let (oauth, account) = (self.clone(), account.clone());
        let work = self.0.running.spawn(async move { oauth.revoke(Some(&account)).await });
        match tokio::time::timeout(REVOKED_AT_ONCE, work).await {
            Ok(Ok(told)) => told,
            _ => Parting::Queued,
        }
    }

    /// Tells providers what is due.
    pub async fn revoke_due(&self) {
        self.revoke(None).await;
    }

    /// What came of those that were due, or of the account's.
    async fn revoke(&self, account: Option<&AccountId>) -> Parting {
        let now = self.0.clock.now();
        let leased = match self.0.store.lease_revocations(account, (now, now.plus(LEASE)), MOST).await {
            Ok(leased) => leased,
            Err(error) => {
                tracing::warn!(%error, "what tokens are to be revoked could not be read");
                return Parting::Queued;
            }
        };
        let told = leased.iter().map(|revocation| async move {
            let told = self.tell(revocation).await;
            let by = By::host(self.0.clock.now());
            let settled = self.0.store.settle_revocation(&by, revocation, &told).await;
            if let Err(error) = &settled {
                tracing::warn!(account = %revocation.account, %error, "what came of a revocation could not be stored");
            }
            match told {
                Told::Revoked if settled.is_ok() => Parting::Revoked,
                Told::GivenUp(_) if settled.is_ok() => Parting::Failed,
                _ => Parting::Queued,
            }
        });
        // Another host that swept meanwhile has the account's.
        futures_util::future::join_all(told).await.pop().unwrap_or(Parting::Queued)
    }

    async fn tell(&self, revocation: &Revocation) -> Told {
        let outcome = match serde_json::from_str(&revocation.request) {
            Ok(plan) => self.carry_out(revocation, plan).await,
            Err(_) => Err(OAuthError::configuration("how to revoke them cannot be read")),
        };
        let account = &revocation.account;
        match outcome {
            Ok(()) => {
                tracing::info!(%account, "the tokens of a removed account are revoked");
                Told::Revoked
            }
            // Gone already, one way or another.
            Err(OAuthError::Expired { .. } | OAuthError::Revoked { .. }) => Told::Revoked,
            Err(error) => {
                let failures = usize::try_from(revocation.failures).unwrap_or(usize::MAX);
                let again = match &error {
                    OAuthError::Configuration { .. } => None,
                    _ => REVOKE_AGAIN.get(failures),
                };
                tracing::warn!(%account, %error, again = again.is_some(), "tokens could not be revoked");
                match again {
                    Some(wait) => Told::Again(self.0.clock.now().plus(*wait)),
                    None => Told::GivenUp(error.to_string()),
                }
            }
        }
    }

    async fn carry_out(&self, revocation: &Revocation, plan: Plan) -> Result<(), OAuthError> {
        let open = |field: &str| match revocation.sealed.get(field) {
            Some(sealed) => {
                let hosts = plan.field_hosts.get(field).unwrap_or(&plan.hosts);
                let (project, owner) = (&revocation.project, revocation.account.as_str());
                Ok(self.0.vault.open(&Binding { project, owner, field, hosts }, sealed)?)
            }
            None => Ok(Secret::new(plan.fields.get(field).cloned().unwrap_or_default())),
        };
        match &plan.how {
            How::Revoke { url, client, basic, json } => {
                // First what others could be got with.
                for field in [REFRESH_TOKEN, ACCESS_TOKEN] {
                    if revocation.sealed.contains_key(field) {
                        let how = (url.as_str(), client, (*basic, *json));
                        self.revoke_one(revocation, &plan.fields, how, (field, open(field)?)).await?;
                    }
                }
                Ok(())
            }
            How::SignOut { request, token } => {
                let url = endpoints::url(&request.url, &plan.fields).map_err(OAuthError::configuration)?;
                let hosts = endpoints::patterns(&plan.hosts).map_err(OAuthError::configuration)?;
                let token = placed(&token.read(), open(ACCESS_TOKEN)?);
                let declared = request.read();
                exchange::session(&self.0.egress, (url, hosts), (&declared, token), open, ended).await
            }
        }
    }

    async fn revoke_one(
        &self,
        revocation: &Revocation,
        fields: &BTreeMap<String, String>,
        (url, client, (basic, json)): (&str, &Known, (bool, bool)),
        (kind, token): (&str, Secret),
    ) -> Result<(), OAuthError> {
        // Where the client may show its secret: the tokens came from there.
        let hosts = endpoints::hosts(&client.hosts, fields).map_err(OAuthError::configuration)?;
        let named = client.secret_from.as_deref().and_then(ClientSecretFrom::parse);
        let secret = match (revocation.sealed.get(CLIENT_SECRET), named) {
            (_, Some(from)) => Some(self.named_secret(&revocation.project, &from, &hosts).await?),
            (Some(sealed), None) => {
                let binding = Binding {
                    project: &revocation.project,
                    owner: &client.id,
                    field: CLIENT_SECRET,
                    hosts: &client.hosts,
                };
                Some(self.0.vault.open(&binding, sealed)?)
            }
            (None, None) => None,
        };
        let auth = match (basic, &secret) {
            (true, _) => ClientAuth::Basic,
            (false, Some(_)) => ClientAuth::Post,
            (false, None) => ClientAuth::None,
        };
        let url = endpoints::url(url, fields).map_err(OAuthError::configuration)?;
        let hosts = endpoints::patterns(&hosts).map_err(OAuthError::configuration)?;
        let parameters = vec![("token".to_owned(), Value::Secret(token)), public("token_type_hint", kind)];
        let client = Some(Client { id: client.client_id.clone(), secret, auth });
        let body = if json { TokenBody::Json } else { TokenBody::Form };
        ask(&self.0.egress, TokenRequest { url, hosts, client, body, parameters }, ended).await
    }

    async fn how_to_revoke(
        &self,
        account: &Account,
        pattern: &OAuth2,
        sealed: &mut BTreeMap<String, String>,
    ) -> Result<Option<How>, OAuthError> {
        let (Some(url), Some(id)) = (&pattern.revoke_url, &account.token.client) else { return Ok(None) };
        let Some(client) = self.0.store.oauth_client(&account.project, id).await? else { return Ok(None) };
        let OAuthClient { id, client_id, secret, secret_from, hosts, .. } = client;
        let secret_from = secret_from.map(|from| from.text());
        sealed.extend(secret.map(|secret| (CLIENT_SECRET.to_owned(), secret)));
        Ok(Some(How::Revoke {
            url: url.clone(),
            client: Known { id: id.to_string(), client_id, hosts, secret_from },
            basic: pattern.client_auth == ClientAuth::Basic,
            json: pattern.body == TokenBody::Json,
        }))
    }
}

/// Revocations at one time: enough to empty a project's accounts in a few rounds.
const MOST: u32 = 20;

/// Whether the provider has ended a token; one that it does not know is as good (RFC 7009 section 2.2).
fn ended(answer: &Response) -> Result<(), OAuthError> {
    match answer.status {
        200..=299 => Ok(()),
        _ => super::answer::read(answer).map(drop),
    }
}

fn how_to_sign_out(pattern: &Session) -> Option<How> {
    let SessionRequest { method, url, content_type, body, headers } = pattern.sign_out.clone()?;
    let TokenPlacement { placement, name, prefix } = pattern.token.clone();
    let (header, query) = (placement == Placement::Header, placement == Placement::Query);
    let request = Written { method, url, content_type, body, headers };
    Some(How::SignOut { request, token: Place { header, query, name, prefix } })
}

impl Place {
    fn read(&self) -> TokenPlacement {
        let placement = match (self.header, self.query) {
            (true, _) => Placement::Header,
            (false, true) => Placement::Query,
            (false, false) => Placement::Cookie,
        };
        TokenPlacement { placement, name: self.name.clone(), prefix: self.prefix.clone() }
    }
}

impl Written {
    fn read(&self) -> SessionRequest {
        SessionRequest {
            method: self.method.clone(),
            url: self.url.clone(),
            content_type: self.content_type.clone(),
            body: self.body.clone(),
            headers: self.headers.clone(),
        }
    }
}

impl Parting {
    /// As it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Revoked => "revoked",
            Self::Queued => "queued",
            Self::Failed => "failed",
        }
    }
}
