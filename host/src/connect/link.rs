//! Makes links: one account, one browser, once.

use url::Url;

use super::ConnectError;
use super::browser::{hash, unguessable};
use super::limits::{LINK_LIFETIME, MAX_SCOPE, MAX_SCOPES, MAX_VERIFY};
use crate::call::{self, ConnectRequest, Host};
use crate::model::{
    Account, AuthPattern, AuthRequest, AuthRequestId, AuthStep, Caller, Code, Connection, Culprit, Fault, Role,
    Timestamp, Verify, is_loopback,
};
use crate::oauth::{self, OAuthError};

/// Whose account is to be authorized, and how.
#[derive(Debug)]
pub struct LinkRequest {
    /// The user.
    pub identifier: String,
    /// The user's organization; empty for none.
    pub organization: String,
    /// Tells several accounts of one user apart; empty for the first.
    pub label: String,
    /// The application that has to confirm who it was. OAuth only: elsewhere the user gives a secret of their own.
    pub verify: Option<Verify>,
    /// Scopes besides those of the connection.
    pub scopes: Vec<String>,
}

/// A link for a user.
#[derive(Debug)]
pub struct Link {
    /// What it opens: to be given to the user, and kept nowhere.
    pub url: Url,
    /// The attempt that it begins.
    pub id: AuthRequestId,
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// The account, which may be new.
    pub account: Account,
}

/// Makes a link to authorize an account, and the account if there is none.
///
/// # Errors
///
/// [`ConnectError::Refused`] where the request makes no sense for the connection.
pub async fn offer(
    host: &Host,
    caller: &Caller,
    connection: &Connection,
    wanted: LinkRequest,
) -> Result<Link, ConnectError> {
    let pattern = pattern_of(host, connection).await?;
    check_verify(host, caller, &pattern, wanted.verify.as_ref())?;
    check_ready(host, connection, &pattern).await?;
    check_scopes(&wanted.scopes)?;
    let LinkRequest { identifier, organization, label, verify, scopes } = wanted;
    let request = ConnectRequest { identifier, organization, label, shared: None, settings: None, candidate: None };
    let account = call::connect(host, caller, connection, request).await?.account;
    let now = host.clock.now();
    let token = unguessable(&host.random);
    let request = AuthRequest {
        id: AuthRequestId::new(&host.clock, &host.random),
        project: connection.project.clone(),
        connection: connection.id.clone(),
        account: account.id.clone(),
        key: caller.key.clone(),
        step: AuthStep::Linked,
        browser: None,
        verify,
        scopes,
        attempts: 0,
        failure: None,
        said: None,
        created_at: now,
        expires_at: now.plus(LINK_LIFETIME),
    };
    host.store.insert_auth_request(&caller.by(now), &request, &hash("link", &token)).await?;
    let url = page(&host.public_url, &["connect", &token]);
    Ok(Link { url, id: request.id, expires_at: request.expires_at, account })
}

/// A page of this host, as browsers know it.
pub fn page(public_url: &Url, path: &[&str]) -> Url {
    let mut url = public_url.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

async fn pattern_of(host: &Host, connection: &Connection) -> Result<AuthPattern, ConnectError> {
    let found = host.catalog.find_connector(&host.store, &connection.project, &connection.connector).await?;
    let pattern = found.and_then(|installed| installed.connector.auth_pattern(&connection.auth_pattern).cloned());
    pattern.ok_or_else(|| {
        let detail = format!(
            "connector `{}` is not installed, or no longer has the auth pattern `{}`",
            connection.connector, connection.auth_pattern
        );
        Fault::new(Code::Conflict, Culprit::Caller, detail).into()
    })
}

/// A link that cannot lead to an active account is not made.
async fn check_ready(host: &Host, connection: &Connection, pattern: &AuthPattern) -> Result<(), ConnectError> {
    let refuse = |detail: String| Fault::new(Code::Conflict, Culprit::Caller, detail);
    if !oauth::is_consented(&pattern.kind) || !pattern.needs_client() {
        return Ok(());
    }
    let Some(own) = super::own_client::own_client(host, &connection.connector) else { return Ok(()) };
    match host.oauth.client_or_registered(connection, pattern, &own).await {
        Ok(_) => Ok(()),
        Err(OAuthError::Configuration { reason }) => Err(refuse(reason).into()),
        Err(error) => Err(call::oauth_fault(error).into()),
    }
}

/// A browser is sent to applications only that the operator named: a link must not become a way to anywhere. An administrator
/// may confirm on the very machine on which the browser runs: an address of that machine is no way out of it, and of whoever
/// else opens the link the browser finds nothing there.
fn check_verify(host: &Host, caller: &Caller, pattern: &AuthPattern, verify: Option<&Verify>) -> Result<(), Fault> {
    let refuse = |detail: String| Err(Fault::new(Code::InvalidInput, Culprit::Caller, detail));
    let Some(verify) = verify else {
        if host.connect.require_verification && oauth::is_consented(&pattern.kind) {
            return refuse("this host wants every authorization confirmed: give `user_verify_url`".into());
        }
        return Ok(());
    };
    if verify.state.as_ref().is_some_and(|state| state.len() > MAX_VERIFY) {
        return refuse(format!("`state` has at most {MAX_VERIFY} bytes"));
    }
    let url = read_verify_url(&verify.url)?;
    match caller.role == Role::Admin && is_this_machine(&url) {
        true => Ok(()),
        false => check_named(host, &url),
    }
}

/// Whether a browser that is sent there stays on its machine (RFC 8252 section 7.3): by address, since a name may lead
/// elsewhere.
fn is_this_machine(url: &Url) -> bool {
    url.scheme() == "http" && url.domain().is_none() && is_loopback(url)
}

/// Reads the URL of an application that confirms users: one that the operator named.
///
/// # Errors
///
/// What is wrong with it, for whoever gave it.
pub fn check_verify_url(host: &Host, text: &str) -> Result<Url, Fault> {
    let url = read_verify_url(text)?;
    check_named(host, &url)?;
    Ok(url)
}

fn read_verify_url(text: &str) -> Result<Url, Fault> {
    let refuse = |detail: String| Err(Fault::new(Code::InvalidInput, Culprit::Caller, detail));
    if text.len() > MAX_VERIFY {
        return refuse(format!("`user_verify_url` has at most {MAX_VERIFY} bytes"));
    }
    let Ok(url) = Url::parse(text) else { return refuse("`user_verify_url` is not a URL".into()) };
    let nobody = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if !nobody {
        return refuse("`user_verify_url` must have neither a user name nor a fragment".into());
    }
    if url.query_pairs().any(|(name, _)| matches!(&*name, "auth_request_id" | "state")) {
        return refuse("`user_verify_url` must not have the parameters `auth_request_id` and `state`".into());
    }
    Ok(url)
}

fn check_named(host: &Host, url: &Url) -> Result<(), Fault> {
    if host.connect.verify_origins.contains(&url.origin().ascii_serialization()) {
        return Ok(());
    }
    let detail = "`user_verify_url` is not of an application that this host knows: the operator names these in \
                  `connect.verify_origins` of its configuration";
    Err(Fault::new(Code::InvalidInput, Culprit::Caller, detail))
}

/// RFC 6749 section 3.3.
fn check_scopes(scopes: &[String]) -> Result<(), Fault> {
    let is_scope = |text: &String| {
        !text.is_empty()
            && text.len() <= MAX_SCOPE
            && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    };
    if scopes.len() <= MAX_SCOPES && scopes.iter().all(is_scope) {
        return Ok(());
    }
    let detail = format!("`scopes` are at most {MAX_SCOPES} names of at most {MAX_SCOPE} printable characters");
    Err(Fault::new(Code::InvalidInput, Culprit::Caller, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_below_the_public_url() {
        for (public, expected) in [
            ("https://a.example", "https://a.example/connect/x"),
            ("https://a.example/", "https://a.example/connect/x"),
            ("https://a.example/tools", "https://a.example/tools/connect/x"),
            ("https://a.example/tools/", "https://a.example/tools/connect/x"),
        ] {
            assert_eq!(page(&Url::parse(public).unwrap(), &["connect", "x"]).as_str(), expected);
        }
    }

    #[test]
    fn scopes_are_those_of_the_standard() {
        let long = "x".repeat(MAX_SCOPE + 1);
        for scope in ["", "a b", "a\"b", "a\\b", "é", "a\n", &long] {
            assert!(check_scopes(&[scope.into()]).is_err(), "{scope}");
        }
        assert!(check_scopes(&vec!["a".into(); MAX_SCOPES + 1]).is_err());
        for scope in ["repo", "https://www.googleapis.com/auth/gmail.send", "User.Read", "read:jira-work", "!#[]~"] {
            assert!(check_scopes(&[scope.into()]).is_ok(), "{scope}");
        }
    }
}
