//! Grants: what is asked of a token endpoint.

use std::collections::BTreeMap;

use super::answer;
use super::endpoints;
use super::exchange::{TokenRequest, Value, ask};
use super::tokens::Tokens;
use super::{OAuth, OAuthError};
use crate::model::{OAuth2, Secret, TokenResponse};
use crate::store::OAuthClient;

/// A code that came back from an authorization server.
#[derive(Debug)]
pub struct CodeExchange<'a> {
    /// The client that asked for it.
    pub client: &'a OAuthClient,
    /// Public fields of the account: URLs may have them.
    pub fields: &'a BTreeMap<String, String>,
    /// The code.
    pub code: Secret,
    /// The PKCE verifier; `None` only where the pattern has PKCE off.
    pub verifier: Option<Secret>,
    /// Byte for byte what the authorization was asked with.
    pub redirect_uri: &'a str,
}

impl OAuth {
    /// Exchanges a code for tokens (RFC 6749 section 4.1.3).
    ///
    /// # Errors
    /// Any [`OAuthError`].
    pub async fn exchange_code(&self, pattern: &OAuth2, asked: CodeExchange<'_>) -> Result<Tokens, OAuthError> {
        let CodeExchange { client, fields, code, verifier, redirect_uri } = asked;
        if pattern.pkce && verifier.is_none() {
            return Err(OAuthError::configuration("the pattern has PKCE on, and there is no verifier"));
        }
        let mut parameters = vec![
            public("grant_type", "authorization_code"),
            ("code".into(), Value::Secret(code)),
            public("redirect_uri", redirect_uri),
        ];
        parameters.extend(verifier.map(|verifier| ("code_verifier".into(), Value::Secret(verifier))));
        parameters.extend(pattern.token_parameters.iter().map(|(name, value)| public(name, value)));
        let (shown, hosts) = self.opened(client, pattern.client_auth, fields).await?;
        let url = endpoints::url(&pattern.token_url, fields).map_err(OAuthError::configuration)?;
        let hosts = endpoints::patterns(&hosts).map_err(OAuthError::configuration)?;
        let request = TokenRequest { url, hosts, client: Some(shown), body: pattern.body, parameters };
        let mut tokens = self.asked(request, &pattern.response, &pattern.scope_separator).await?;
        tokens.client = Some(client.id.clone());
        Ok(tokens)
    }

    /// Asks a token endpoint for tokens.
    pub(super) async fn asked(
        &self,
        request: TokenRequest,
        response: &TokenResponse,
        separator: &str,
    ) -> Result<Tokens, OAuthError> {
        // Before it is asked: a token does not hold longer because its answer was slow.
        let asked_at = self.0.clock.now();
        ask(&self.0.egress, request, |answer| answer::tokens(answer, response, separator, asked_at)).await
    }
}

/// A parameter that anybody may see.
pub(super) fn public(name: &str, value: &str) -> (String, Value) {
    (name.to_owned(), Value::Public(value.to_owned()))
}
