//! A client comes with its token: whose calls these are.

use crate::call::Host;
use crate::connect;
use crate::identity::{self, IdentityError, TokenFault};
use crate::model::{Caller, McpGrantId, ProfileId};

/// What every access token starts with: so that scanners for leaked credentials know it, and none is taken for an API key.
pub(super) const ACCESS_PREFIX: &str = "gpa_";

/// Who comes to the URL of a config with this `Authorization` header: the user who let a client do so, with that config; and
/// the grant by which the client does.
///
/// # Errors
///
/// [`IdentityError::Unknown`] for a token whose time is over or whose grant was ended; [`TokenFault::Audience`] for one of
/// another config.
pub async fn open(
    host: &Host,
    config: &ProfileId,
    header: Option<&str>,
) -> Result<(Caller, McpGrantId), IdentityError> {
    let sent = identity::bearer(header.ok_or(IdentityError::Missing)?)?;
    let hash = hash_access(sent).ok_or(IdentityError::Malformed)?;
    let found = host.store.mcp_grant_of_access(&hash, host.clock.now()).await?;
    let row = found.ok_or(TokenFault::Expired)?;
    if row.grant.config.id != *config {
        return Err(TokenFault::Audience.into());
    }
    // Also where whoever vouched was removed while the code was redeemed.
    if !identity::stands(&host.store, &row.grant.project, &row.grant.vouched_by).await? {
        return Err(IdentityError::Unknown);
    }
    let key = host.store.key(&row.grant.project, &row.key).await?.ok_or(IdentityError::Unknown)?;
    Ok((Caller { organization: row.grant.organization, ..identity::of_key(key) }, row.grant.id))
}

/// The hash that an access token is stored by; `None` if it is not in the form of one.
pub(super) fn hash_access(token: &str) -> Option<String> {
    let body = token.strip_prefix(ACCESS_PREFIX)?;
    connect::is_unguessable(body).then(|| connect::hash("mcp-access", token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_access_token_is_hashed() {
        let body = "a".repeat(43);
        assert!(hash_access(&format!("gpa_{body}")).is_some());
        for token in [&body, "", "gpa_", &format!("gpa_{body}a"), &format!("gpr_{body}"), &format!("GPA_{body}")] {
            assert_eq!(hash_access(token), None, "{token}");
        }
    }
}
