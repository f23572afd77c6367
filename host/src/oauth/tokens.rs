//! Tokens as they came, and as they are sealed into an account.

use std::collections::BTreeMap;

use super::{OAuth, OAuthError};
use crate::egress::Injection;
use crate::model::{Account, AccountState, AccountToken, OAuthClientId, Secret, Timestamp, TokenPlacement};
use crate::vault::Binding;

/// The sealed field that holds the access token.
pub const ACCESS_TOKEN: &str = "access_token";

/// The sealed field that holds the refresh token.
pub const REFRESH_TOKEN: &str = "refresh_token";

/// The sealed fields of an OAuth 1.0a account that was authorized with its connection's client: that client stays its
/// consumer whatever the connection has later (AK-210).
pub const CONSUMER: [&str; 2] = ["oauth_consumer_key", "oauth_consumer_secret"];

/// The sealed fields of a token of OAuth 1.0a, and of its secret.
pub const TOKEN_PAIR: [&str; 2] = ["oauth_token", "oauth_token_secret"];

/// Tokens as a provider gave them, and what it said of them.
#[derive(Debug)]
pub struct Tokens {
    /// By the name of the sealed field: `access_token`, `refresh_token`; `oauth_token` and `oauth_token_secret` for
    /// OAuth 1.0a.
    pub secrets: BTreeMap<&'static str, Secret>,
    /// From when on the access token is no longer taken, as far as that is known.
    pub expires_at: Option<Timestamp>,
    /// What was granted; `None` where the answer does not say so, which means: what was asked for.
    pub scopes: Option<Vec<String>>,
    /// Public fields that came along.
    pub fields: BTreeMap<String, String>,
    /// The client that they were given to.
    pub client: Option<OAuthClientId>,
}

impl Tokens {
    /// Without a refresh token, for patterns that get another token by what they got this one by.
    pub(super) fn without_refresh(mut self) -> Self {
        self.secrets.remove(REFRESH_TOKEN);
        self
    }

    /// The access token where a pattern wants it in requests, for what is asked before an account is stored.
    pub fn into_injection(mut self, placement: &TokenPlacement) -> Injection {
        match self.secrets.remove(ACCESS_TOKEN) {
            Some(key) => placed(placement, key),
            None => Injection::None,
        }
    }
}

/// A token where a pattern wants it in requests.
pub fn placed(placement: &TokenPlacement, token: Secret) -> Injection {
    Injection::ApiKey {
        placement: placement.placement,
        name: placement.name.clone(),
        prefix: placement.prefix.clone(),
        key: token,
    }
}

impl OAuth {
    /// Makes `account` an active one with these tokens in place of those that it has; nothing is stored. The other sealed
    /// fields stay, and so does an old refresh token where none came. `hosts` are those that the account's credential may
    /// be sent to from now on, `endpoint_hosts` those of the token endpoint.
    ///
    /// # Errors
    /// [`OAuthError::Vault`] if what was sealed before cannot be opened.
    pub fn seal(
        &self,
        account: &mut Account,
        sealed: &mut BTreeMap<String, String>,
        tokens: Tokens,
        (hosts, endpoint_hosts): (Vec<String>, &[String]),
    ) -> Result<(), OAuthError> {
        let vault = &self.0.vault;
        let before = account.clone();
        account.hosts = hosts;
        for (field, text) in sealed.iter_mut() {
            if before.hosts_of(field) != account.hosts_of(field) {
                let secret = vault.open(&binding(&before, field), text)?;
                *text = vault.seal(&binding(account, field), &secret)?;
            }
        }
        for (field, secret) in &tokens.secrets {
            if *field == REFRESH_TOKEN {
                account.token.field_hosts.insert((*field).to_owned(), endpoint_hosts.to_vec());
            }
            sealed.insert((*field).to_owned(), vault.seal(&binding(account, field), secret)?);
        }
        if let Some(scopes) = tokens.scopes {
            account.scopes = scopes;
        }
        account.fields.extend(tokens.fields);
        account.state = AccountState::connected(account.state);
        account.updated_at = self.0.clock.now();
        account.token = AccountToken {
            expires_at: tokens.expires_at,
            refreshed_at: Some(account.updated_at),
            client: tokens.client,
            error: None,
            field_hosts: std::mem::take(&mut account.token.field_hosts),
        };
        Ok(())
    }

    /// A sealed field of an account, or an empty one where it has none.
    pub(super) fn open(
        &self,
        account: &Account,
        sealed: &BTreeMap<String, String>,
        field: &str,
    ) -> Result<Secret, OAuthError> {
        match sealed.get(field) {
            Some(text) => Ok(self.0.vault.open(&binding(account, field), text)?),
            None => Ok(Secret::new(account.fields.get(field).cloned().unwrap_or_default())),
        }
    }
}

fn binding<'a>(account: &'a Account, field: &'a str) -> Binding<'a> {
    Binding { project: &account.project, owner: account.id.as_str(), field, hosts: account.hosts_of(field) }
}
