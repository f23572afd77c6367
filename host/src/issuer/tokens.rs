//! Tokens for a code, new ones for old ones, and their end. Nothing of them is stored but hashes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::limits::{ACCESS_LIFE, GRANT_LIFE};
use super::open::{ACCESS_PREFIX, hash_access};
use super::vouch::between;
use super::{IssuerError, SCOPES, config_url, refuse};
use crate::call::Host;
use crate::connect::{self, is_unguessable, unguessable};
use crate::endpoints;
use crate::identity;
use crate::model::{By, Caller, KeyId, McpGrant, McpGrantId, McpInstance, McpRequest, McpStep, Role, Scopes};
use crate::store::{GrantRow, GrantTokens};

/// What every refresh token starts with: so that scanners for leaked credentials know it.
const REFRESH_PREFIX: &str = "gpr_";

/// Characters of each half of a refresh token: 256 bits as base64url.
const HALF: usize = 43;

/// A client's code, and what proves that it is its own (RFC 6749 section 4.1.3).
#[derive(Clone, Copy, Debug, Default)]
pub struct Redemption<'a> {
    /// The code.
    pub code: &'a str,
    /// Who asks.
    pub client_id: &'a str,
    /// Where the code went.
    pub redirect_uri: Option<&'a str>,
    /// What the challenge is the hash of.
    pub verifier: Option<&'a str>,
    /// What the token is to be for, if it is said again.
    pub resource: Option<&'a str>,
}

/// A client's refresh token (RFC 6749 section 6).
#[derive(Clone, Copy, Debug, Default)]
pub struct Renewal<'a> {
    /// The token.
    pub token: &'a str,
    /// Who asks.
    pub client_id: &'a str,
    /// What the new one is to be for, if it is said again.
    pub resource: Option<&'a str>,
}

/// Tokens for a client.
pub struct Given {
    /// For calls.
    pub access: String,
    /// For new tokens, once.
    pub refresh: String,
    /// What the first one opens.
    pub scopes: Scopes,
}

/// Gives a client tokens for its code.
///
/// # Errors
///
/// [`IssuerError::Refused`], and the code is used up. One that was used before ends what came of it: somebody has it who
/// should not.
pub async fn redeem(host: &Host, asked: &Redemption<'_>) -> Result<Given, IssuerError> {
    let hash = connect::hash("mcp-code", asked.code);
    let Some(request) = host.store.mcp_request_of_code(&hash).await? else { return spent() };
    let now = host.clock.now();
    if request.step != McpStep::Allowed || request.expires_at <= now {
        return used_again(host, &request).await;
    }
    if let Err(error) = is_own(host, &request, asked) {
        let failed = between(McpStep::Allowed, McpStep::Failed);
        host.store.move_mcp_request(&By::host(now), &request, &failed).await?;
        return Err(error);
    }
    let Some(vouched_by) = request.vouched_by.clone() else { return spent() };
    if !identity::stands(&host.store, &request.project, &vouched_by).await? {
        return refuse("invalid_grant", "whoever said who the user is may not do so any more");
    }
    let Some(config) = host.store.mcp_config(&request.config.id).await? else { return spent() };
    let identifier = request.identifier.clone().unwrap_or_default();
    let speaker = speaker(&request, &vouched_by);
    let opened = endpoints::ensure(host, &speaker, &config, &identifier, None).await?;
    let grant = granted(host, &request, opened.instance, vouched_by);
    let family = unguessable(&host.random);
    let (given, tokens) = made(host, &family);
    if host.store.redeem_mcp_request(&By::host(now), &request, &grant, &tokens).await? {
        return Ok(given);
    }
    match host.store.mcp_request_of_code(&hash).await? {
        Some(request) => used_again(host, &request).await,
        None => spent(),
    }
}

/// Gives a client new tokens for its refresh token.
///
/// # Errors
///
/// [`IssuerError::Refused`]. An old one that comes again ends the grant: one of the two who have it stole it.
pub async fn renew(host: &Host, asked: &Renewal<'_>) -> Result<Given, IssuerError> {
    let Some((row, family, half)) = refreshable(host, asked.token).await? else { return spent() };
    if row.grant.client != asked.client_id {
        return spent();
    }
    check_resource(host, &row.grant.config.id, asked.resource)?;
    let now = host.clock.now();
    if row.refresh != half {
        return reused(host, &row, "refresh_token").await;
    }
    if row.grant.expires_at <= now {
        return spent();
    }
    if !identity::stands(&host.store, &row.grant.project, &row.grant.vouched_by).await? {
        host.store.end_mcp_grant(&By::host(now), &row.grant, "key").await?;
        return spent();
    }
    let (given, tokens) = made(host, &family);
    if host.store.refresh_mcp_grant(&row, &tokens, (now, now.plus(GRANT_LIFE))).await? {
        return Ok(given);
    }
    // Somebody came with the same one a moment ago.
    reused(host, &row, "refresh_token").await
}

/// Ends the grant that a token is of, whichever of its tokens it is. One that is not known is as good as ended (RFC 7009
/// section 2.2).
///
/// # Errors
///
/// [`IssuerError::Refused`] for a client that it is not of.
pub async fn revoke(host: &Host, token: &str, client_id: &str) -> Result<(), IssuerError> {
    let found = match refreshable(host, token).await? {
        Some((row, ..)) => Some(row),
        None => match hash_access(token) {
            Some(hash) => host.store.mcp_grant_of_any_access(&hash).await?,
            None => None,
        },
    };
    let Some(row) = found else { return Ok(()) };
    if row.grant.client != client_id {
        return refuse("invalid_client", "the token is not of this client");
    }
    host.store.end_mcp_grant(&By::host(host.clock.now()), &row.grant, "revoked").await?;
    Ok(())
}

/// The grant of a refresh token, the half of that which stays, and the hash of the other one.
async fn refreshable(host: &Host, token: &str) -> Result<Option<(GrantRow, String, String)>, IssuerError> {
    let halves = token.strip_prefix(REFRESH_PREFIX).and_then(|body| body.split_at_checked(HALF));
    let Some((family, half)) = halves.filter(|(one, other)| is_unguessable(one) && is_unguessable(other)) else {
        return Ok(None);
    };
    let found = host.store.mcp_grant_of_family(&connect::hash("mcp-family", family)).await?;
    Ok(found.map(|row| (row, family.to_owned(), connect::hash("mcp-refresh", half))))
}

/// Whether a code is of whoever comes with it.
fn is_own(host: &Host, request: &McpRequest, asked: &Redemption<'_>) -> Result<(), IssuerError> {
    if request.client != asked.client_id {
        return refuse("invalid_grant", "the code is of another client");
    }
    if asked.redirect_uri != Some(request.redirect_uri.as_str()) {
        return refuse("invalid_grant", "the code went to another `redirect_uri`");
    }
    let length = asked.verifier.map(str::len).unwrap_or_default();
    let challenge = asked.verifier.map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    if !(43..=128).contains(&length) || challenge.as_ref() != Some(&request.challenge) {
        return refuse("invalid_grant", "`code_verifier` is not what the challenge was made of");
    }
    check_resource(host, &request.config.id, asked.resource)
}

fn check_resource(host: &Host, config: &crate::model::ProfileId, resource: Option<&str>) -> Result<(), IssuerError> {
    match resource {
        Some(asked) if asked != config_url(host, config) => {
            refuse("invalid_target", "`resource` is not what the user was asked for")
        }
        _ => Ok(()),
    }
}

/// A code that cannot be used (any more).
async fn used_again(host: &Host, request: &McpRequest) -> Result<Given, IssuerError> {
    let made = request.made.as_ref().filter(|_| request.step == McpStep::Redeemed);
    if let Some(id) = made
        && let Some(row) = host.store.mcp_grant(&request.project, id).await?
    {
        return reused(host, &row, "code").await;
    }
    spent()
}

async fn reused(host: &Host, row: &GrantRow, what: &str) -> Result<Given, IssuerError> {
    tracing::warn!(grant = %row.grant.id, what, "it came a second time: the grant is ended");
    host.store.end_reused_mcp_grant(&By::host(host.clock.now()), &row.grant, what).await?;
    spent()
}

/// One answer for whatever is not, not yet or no longer good: which it is helps nobody who may know.
fn spent<T>() -> Result<T, IssuerError> {
    refuse("invalid_grant", "it is not known, was used, or its time is over: ask the user again")
}

/// Whoever vouched: what follows from it is done for them.
fn speaker(request: &McpRequest, key: &KeyId) -> Caller {
    Caller {
        project: request.project.clone(),
        key: key.clone(),
        name: String::new(),
        role: Role::Admin,
        identifier: None,
        profile: None,
        scopes: Scopes::of_role(Role::Admin),
        organization: None,
        token: None,
    }
}

fn granted(host: &Host, request: &McpRequest, instance: McpInstance, vouched_by: KeyId) -> McpGrant {
    let now = host.clock.now();
    McpGrant {
        id: McpGrantId::new(&host.clock, &host.random),
        project: request.project.clone(),
        instance: instance.id,
        config: request.config.clone(),
        identifier: instance.identifier,
        organization: request.organization.clone(),
        client: request.client.clone(),
        client_name: request.client_name.clone(),
        vouched_by,
        created_at: now,
        refreshed_at: now,
        expires_at: now.plus(GRANT_LIFE),
    }
}

/// New tokens of a family, and what is stored of them.
fn made(host: &Host, family: &str) -> (Given, GrantTokens) {
    let (half, body) = (unguessable(&host.random), unguessable(&host.random));
    let access = format!("{ACCESS_PREFIX}{body}");
    let tokens = GrantTokens {
        family: connect::hash("mcp-family", family),
        refresh: connect::hash("mcp-refresh", &half),
        access: connect::hash("mcp-access", &access),
        access_until: host.clock.now().plus(ACCESS_LIFE),
    };
    let refresh = format!("{REFRESH_PREFIX}{family}{half}");
    (Given { access, refresh, scopes: SCOPES.into_iter().collect() }, tokens)
}
