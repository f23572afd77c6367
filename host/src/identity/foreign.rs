//! Tokens of issuers that a project trusts: whose they are, and what of them counts.

use std::str::FromStr as _;

use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::jwks::Source;
use super::token::{Claims, Expected, Unchecked};
use super::{Identity, IdentityError, TokenFault, role_of};
use crate::model::{Caller, CallerScope, KeyId, Role, Scopes};
use crate::store::{IssuerRow, PrincipalRow};

/// Which claim is what: a claim's name, or a JSON Pointer if it begins with `/`.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Claimed {
    /// The only user that the caller may act for. With none it may act for any.
    #[serde(default = "subject")]
    pub identifier: Option<String>,
    /// The organization that it belongs to.
    #[serde(default)]
    pub organization: Option<String>,
    /// A list of scopes, or a text with spaces between them. With none it may do all that its issuer's tokens may.
    #[serde(default)]
    pub scopes: Option<String>,
    /// `admin` or `agent`, or a list that has one of these: it may do what its role may, and nothing without one.
    #[serde(default)]
    pub role: Option<String>,
}

/// Why an issuer cannot be trusted so.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ClaimsError {
    /// No such way of signing.
    #[error(
        "`algorithms` may have RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA: ways to sign with a \
         key that only the issuer has"
    )]
    Algorithm,
    /// Not the name of a claim.
    #[error("`claims` has names of claims, or JSON Pointers that begin with `/`, of at most 256 characters")]
    Place,
}

fn subject() -> Option<String> {
    Some("sub".into())
}

impl Claimed {
    /// The usual: the subject is the user.
    pub fn usual() -> Self {
        Self { identifier: subject(), organization: None, scopes: None, role: None }
    }

    /// Refuses what no token could have.
    ///
    /// # Errors
    ///
    /// [`ClaimsError::Place`].
    pub fn check(&self) -> Result<(), ClaimsError> {
        let places = [&self.identifier, &self.organization, &self.scopes, &self.role];
        let bad =
            |place: &String| place.is_empty() || place == "/" || place.chars().count() > super::limits::NAME_CHARS;
        if places.into_iter().flatten().any(bad) { Err(ClaimsError::Place) } else { Ok(()) }
    }
}

/// Reads the ways in which an issuer signs. Those with a shared secret are none: whoever can check such a token can make
/// one.
///
/// # Errors
///
/// [`ClaimsError::Algorithm`].
pub fn algorithms(names: &[String]) -> Result<Vec<Algorithm>, ClaimsError> {
    let read = |name: &String| {
        let found = Algorithm::from_str(name).map_err(|_| ClaimsError::Algorithm)?;
        let symmetric = matches!(found, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512);
        if symmetric { Err(ClaimsError::Algorithm) } else { Ok(found) }
    };
    let all = names.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if all.is_empty() { Err(ClaimsError::Algorithm) } else { Ok(all) }
}

/// Who comes with a token of another issuer.
pub(super) async fn caller(identity: &Identity, token: Unchecked<'_>) -> Result<(Caller, PrincipalRow), IdentityError> {
    let trusted = identity.store.issuers_named(&token.issuer).await?;
    if trusted.is_empty() {
        return Err(TokenFault::Issuer.into());
    }
    let mut meant = trusted.into_iter().filter(|row| token.audiences.contains(&row.audience));
    // A token for two projects at once would be taken for one of them by chance.
    let (Some(row), None) = (meant.next(), meant.next()) else { return Err(TokenFault::Audience.into()) };
    let allowed = algorithms(&row.algorithms).map_err(|_| TokenFault::Algorithm)?;
    let wanted = (token.key_id()?, token.algorithm(&allowed)?);
    let source = Source { issuer: row.issuer.clone(), jwks_url: row.jwks_url.clone() };
    let key = identity.jwks.key(&identity.egress, &identity.clock, &source, wanted).await?;
    let expected = Expected { issuer: &row.issuer, audiences: &[&row.audience], algorithms: &allowed, kind: None };
    let claims = token.check(&key, &expected, identity.clock.now())?;
    mapped(row, &claims).map_err(Into::into)
}

fn mapped(row: IssuerRow, claims: &Claims) -> Result<(Caller, PrincipalRow), TokenFault> {
    let places: Claimed = serde_json::from_str(&row.claims).map_err(|_| TokenFault::Claim)?;
    let subject = claims.subject()?;
    let named =
        |place: &Option<String>| place.as_deref().map(|place| claims.name(place).map(str::to_owned)).transpose();
    let (identifier, organization) = (named(&places.identifier)?, named(&places.organization)?);
    let mut most = row.scopes;
    if let Some(place) = &places.role {
        let roles = claims.list(place);
        let role = [Role::Admin, Role::Agent].into_iter().find(|role| roles.contains(&role.as_str()));
        most = most.both(role.map_or(Scopes::NONE, Scopes::of_role));
    }
    let scopes = match &places.scopes {
        None => most,
        // Others' scopes stand in the same claim; they say nothing here.
        Some(place) => most.both(claims.list(place).into_iter().filter_map(CallerScope::parse).collect()),
    };
    let principal = PrincipalRow {
        id: KeyId::of(&["issuer", row.project.as_str(), &row.issuer, subject]),
        // Never the name of a key: rules name approvers by it.
        name: format!("{}:{subject}", row.name),
        project: row.project,
        source: row.name,
        issuer: row.issuer,
        subject: subject.to_owned(),
        identifier,
        organization,
        role: role_of(most),
    };
    let caller = Caller {
        project: principal.project.clone(),
        key: principal.id.clone(),
        name: principal.name.clone(),
        role: role_of(scopes),
        identifier: principal.identifier.clone(),
        profile: row.profile,
        scopes,
        organization: principal.organization.clone(),
        token: None,
    };
    Ok((caller, principal))
}
