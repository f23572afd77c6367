//! Who asks: a request's `Authorization` header becomes a [`Caller`].
//!
//! It is an API key, a token that this host gave to one of its clients, or a token of an issuer that a project trusts.
//! Whatever cannot be checked is refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;
use url::Url;

use crate::egress::Egress;
use crate::model::{By, Caller, CallerScope, CallerToken, Clock, Execution, KeyId, ProjectId, Role, Scopes, Secret};
use crate::store::{PrincipalRow, Store, StoreError};

mod foreign;
mod instance;
mod jwks;
mod key;
mod limits;
mod own;
mod ring;
mod token;

pub use foreign::{Claimed, ClaimsError, algorithms};
pub use instance::{by_instance_token, hash_instance_token, new_instance_token};
pub use key::{hash_client_secret, hash_key, new_client_secret, new_key};
pub use limits::{FETCH_FLOOR, LEEWAY, TOKEN_LIFE};
pub use own::{Issued, NewSigningKey, given_signing_key, is_given, new_signing_key, public_jwk, sign};
pub use token::end_of;

use jwks::Jwks;
use token::Unchecked;

/// Tells who asks. One for the whole process: it remembers the keys of issuers.
#[derive(Debug)]
pub struct Identity {
    store: Store,
    egress: Arc<Egress>,
    clock: Clock,
    /// What this host's own tokens name as their issuer and their audience.
    issuer: String,
    jwks: Jwks,
    /// Callers by token that are written down as they are here.
    seen: Mutex<HashMap<KeyId, PrincipalRow>>,
}

/// Why a request is not answered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IdentityError {
    /// There is no `Authorization` header.
    #[error("send an API key or a token in the header `Authorization: Bearer …`")]
    Missing,
    /// The header does not hold an API key or a token.
    #[error("the header `Authorization` must be `Bearer` and an API key, which starts with `gp_`, or a signed token")]
    Malformed,
    /// The key is not known: never made, or removed.
    #[error("this API key is not valid, or was removed")]
    Unknown,
    /// The token is not taken.
    #[error("this token is not taken: {0}")]
    Token(#[from] TokenFault),
    /// The caller is known, but may not do this.
    #[error("this needs the scope `{}`, which this caller does not have", .0.as_str())]
    MissingScope(CallerScope),
    /// Who asks could not be found out.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a token is not taken. Nothing here repeats what is in it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TokenFault {
    /// It is no signed token in the compact form, or of another kind.
    #[error("it is not a signed token as this host reads them")]
    Malformed,
    /// Nobody trusts its issuer.
    #[error("its issuer is not trusted here")]
    Issuer,
    /// It is for somebody else.
    #[error("it is not for this host: its audience is another")]
    Audience,
    /// It is not signed as its issuer's tokens are to be.
    #[error("it is not signed in a way that is allowed for its issuer")]
    Algorithm,
    /// It does not name its key.
    #[error("it does not name the key that signed it")]
    NoKeyId,
    /// Its issuer publishes no such key.
    #[error("it was signed with a key that its issuer does not publish")]
    UnknownKey,
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("its time is over")]
    Expired,
    /// Its time has not come.
    #[error("its time has not come")]
    TooEarly,
    /// It lacks a claim that says who it is for.
    #[error("it lacks a claim that says who asks")]
    Claim,
    /// The client was removed.
    #[error("its client was removed")]
    Client,
    /// The issuer's keys cannot be read now.
    #[error("its issuer's keys cannot be read now")]
    NoKeys,
}

impl IdentityError {
    /// Whether the caller is known and may not (403), rather than not known (401).
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::MissingScope(_))
    }

    /// Whether nobody can tell now (503).
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Token(TokenFault::NoKeys))
    }
}

impl Identity {
    /// With a way to issuers. Own tokens name `public_url` as their issuer.
    pub fn new(store: Store, egress: Arc<Egress>, clock: Clock, public_url: &Url) -> Self {
        let issuer = public_url.as_str().trim_end_matches('/').to_owned();
        Self { store, egress, clock, issuer, jwks: Jwks::default(), seen: Mutex::default() }
    }

    /// What this host's own tokens name as their issuer and their audience.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Tells who sent a request with this `Authorization` header.
    ///
    /// # Errors
    ///
    /// Any [`IdentityError`] but a missing scope: [`require`] looks at those.
    pub async fn authenticate(&self, header: Option<&str>) -> Result<Caller, IdentityError> {
        self.authenticate_as(header, &[&self.issuer]).await
    }

    /// The same at the MCP endpoint, where tokens for this endpoint alone are taken as well.
    ///
    /// # Errors
    ///
    /// As for [`Identity::authenticate`].
    pub async fn authenticate_for_mcp(&self, header: Option<&str>) -> Result<Caller, IdentityError> {
        self.authenticate_as(header, &[&self.issuer, &mcp_resource(&self.issuer)]).await
    }

    /// `audiences` are those of this host's own tokens; issuers of others have one each.
    async fn authenticate_as(&self, header: Option<&str>, audiences: &[&str]) -> Result<Caller, IdentityError> {
        let sent = bearer(header.ok_or(IdentityError::Missing)?)?;
        if key::is_key(sent) {
            return key::by_key(&self.store, sent).await;
        }
        if !sent.contains('.') {
            return Err(IdentityError::Malformed);
        }
        let unchecked = Unchecked::of(sent)?;
        let own = unchecked.issuer == self.issuer;
        let (caller, principal) =
            if own { own::caller(self, unchecked, audiences).await? } else { foreign::caller(self, unchecked).await? };
        self.remember(principal).await?;
        // Whoever got one of our own could come here with it: those are never sent on.
        let token = (!own).then(|| CallerToken::new(Secret::new(sent.to_owned())));
        Ok(Caller { token, ..caller })
    }

    /// Writes down who came, once: records name callers by an identifier that says nothing by itself.
    async fn remember(&self, row: PrincipalRow) -> Result<(), StoreError> {
        let seen = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen().get(&row.id) == Some(&row) {
            return Ok(());
        }
        let by = By { actor: crate::model::Actor::Key(row.id.clone()), at: self.clock.now() };
        self.store.put_principal(&by, &row).await?;
        let mut seen = seen();
        if seen.len() >= limits::PRINCIPALS {
            seen.clear();
        }
        seen.insert(row.id.clone(), row);
        Ok(())
    }
}

/// Tells whose API key is in this header.
///
/// # Errors
///
/// Those of [`Identity::authenticate`] that are not about tokens.
pub async fn by_key(store: &Store, header: Option<&str>) -> Result<Caller, IdentityError> {
    key::by_key(store, bearer(header.ok_or(IdentityError::Missing)?)?).await
}

/// What tokens name as their audience that are for the MCP endpoint alone (RFC 8707): its URL.
pub fn mcp_resource(issuer: &str) -> String {
    format!("{issuer}/mcp")
}

/// Lets only callers pass that may do this.
pub fn require(caller: &Caller, scope: CallerScope) -> Result<(), IdentityError> {
    if caller.may(scope) { Ok(()) } else { Err(IdentityError::MissingScope(scope)) }
}

/// The caller that comes with a key, however it was found.
pub fn of_key(key: crate::store::ApiKey) -> Caller {
    key::caller(key)
}

/// Whether the caller that records call so is still one: its key, its client or the trust in its issuer is there.
pub async fn stands(store: &Store, project: &ProjectId, key: &KeyId) -> Result<bool, StoreError> {
    if store.key(project, key).await?.is_some() {
        return Ok(true);
    }
    let Some(row) = store.principal(project, key).await? else { return Ok(false) };
    Ok(standing(store, project, &row).await?.is_some())
}

/// The caller that asked for an execution, as it stands now; `None` once its key, its client or the trust in its issuer is
/// gone. One that came with a token is bound to the user that it acted for: the token said so, and is no longer there.
pub async fn asker(store: &Store, execution: &Execution) -> Result<Option<Caller>, StoreError> {
    caller(store, &execution.project, &execution.key, execution.identifier.clone()).await
}

/// The caller that is recorded so, as it stands now, likewise; one that came with a token is bound to `identifier`.
pub async fn caller(
    store: &Store,
    project: &ProjectId,
    key: &KeyId,
    identifier: Option<String>,
) -> Result<Option<Caller>, StoreError> {
    if let Some(key) = store.key(project, key).await? {
        return Ok(Some(key::caller(key)));
    }
    let Some(row) = store.principal(project, key).await? else { return Ok(None) };
    let Some((profile, scopes)) = standing(store, project, &row).await? else { return Ok(None) };
    let identifier = identifier.or(row.identifier);
    let PrincipalRow { id: key, project, name, organization, role, .. } = row;
    Ok(Some(Caller { project, key, name, role, identifier, profile, scopes, organization, token: None }))
}

type Standing = (Option<crate::model::BoundProfile>, Scopes);

/// What a caller by token may use now; `None` if nobody vouches for it any more.
async fn standing(store: &Store, project: &ProjectId, row: &PrincipalRow) -> Result<Option<Standing>, StoreError> {
    if let Some(client) = crate::model::ClientId::parse(&row.source) {
        let found = store.client(project, &client).await?;
        return Ok(found.map(|client| (client.profile, client.scopes)));
    }
    let found = store.find_issuer(project, &row.source).await?;
    Ok(found.filter(|issuer| issuer.issuer == row.issuer).map(|issuer| (issuer.profile, issuer.scopes)))
}

/// The role that policies see of a caller with these scopes: an administrator may do everything.
fn role_of(scopes: Scopes) -> Role {
    if scopes.cover(Scopes::of_role(Role::Admin)) { Role::Admin } else { Role::Agent }
}

/// The token of a bearer header (RFC 6750 section 2.1); the scheme's case does not matter (RFC 9110 section 11.1).
///
/// # Errors
///
/// [`IdentityError::Malformed`] for every other header.
pub fn bearer(header: &str) -> Result<&str, IdentityError> {
    let (scheme, token) = header.trim().split_once(' ').ok_or(IdentityError::Malformed)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim_start()) } else { Err(IdentityError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_header_has_a_token() {
        for header in ["Bearer x", "bearer x", "BEARER   x", " Bearer x "] {
            assert_eq!(bearer(header), Ok("x"), "{header:?}");
        }
        for header in ["", "x", "Bearer", "Basic x", "Bearer\tx", "Token x", "Bearerx"] {
            assert_eq!(bearer(header), Err(IdentityError::Malformed), "{header:?}");
        }
    }

    #[test]
    fn an_error_is_of_one_kind() {
        let missing = IdentityError::MissingScope(CallerScope::AuditRead);
        let (expired, down) = (TokenFault::Expired.into(), TokenFault::NoKeys.into());
        for error in [IdentityError::Missing, IdentityError::Malformed, IdentityError::Unknown, missing, expired, down]
        {
            assert_eq!(error.is_forbidden(), matches!(error, IdentityError::MissingScope(_)));
            assert_eq!(error.is_unavailable(), error == TokenFault::NoKeys.into());
            assert!(!error.to_string().is_empty());
        }
    }
}
