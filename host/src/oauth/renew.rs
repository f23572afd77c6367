//! Another token for an account, by what is sealed with it: a refresh token, a client, a password.

use std::collections::BTreeMap;

use super::answer;
use super::endpoints::{self, asked_scopes};
use super::exchange::{self, Client, TokenRequest, Value};
use super::grants::public;
use super::tokens::{REFRESH_TOKEN, Tokens};
use super::{OAuth, OAuthError};
use crate::egress::{Injection, Response, Text, Values, sign_jwt};
use crate::model::{
    Account, AuthKind, AuthPattern, ClientCredentials, JwtBearer, OAuth2, Session, TextTemplate, TokenBody,
};
use crate::store::CallContext;

/// The grant of RFC 7523 section 2.1.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Whether the host gets tokens for accounts of a pattern.
pub fn gets_tokens(kind: &AuthKind) -> bool {
    matches!(kind, AuthKind::OAuth2(_) | AuthKind::ClientCredentials(_) | AuthKind::JwtBearer(_) | AuthKind::Session(_))
}

/// Whether the host can get another token without the user.
pub fn can_renew(kind: &AuthKind, sealed: &BTreeMap<String, String>) -> bool {
    match kind {
        AuthKind::OAuth2(_) => sealed.contains_key(REFRESH_TOKEN),
        kind => gets_tokens(kind),
    }
}

/// Hosts that an account's refresh token may be sent to.
pub(super) fn endpoint_hosts_of(account: &Account) -> Vec<String> {
    account.token.field_hosts.get(REFRESH_TOKEN).cloned().unwrap_or_default()
}

impl OAuth {
    /// Asks for another token. Nothing is stored.
    ///
    /// # Errors
    /// Any [`OAuthError`]; [`OAuthError::Expired`] where only the user can bring another.
    pub(super) async fn another(&self, context: &CallContext, pattern: &AuthPattern) -> Result<Tokens, OAuthError> {
        let CallContext { connection, account, sealed } = context;
        match &pattern.kind {
            AuthKind::OAuth2(oauth2) => self.refresh(account, sealed, oauth2).await,
            AuthKind::ClientCredentials(grant) => {
                let scopes = asked_scopes(&pattern.kind, &connection.scopes);
                let mut tokens = self.client_credentials(account, sealed, grant, &scopes).await?;
                tokens.scopes = Some(tokens.scopes.unwrap_or(scopes));
                Ok(tokens.without_refresh())
            }
            AuthKind::JwtBearer(grant) => {
                let scopes = asked_scopes(&pattern.kind, &connection.scopes);
                let mut tokens = self.assertion(account, sealed, grant, &scopes).await?;
                tokens.scopes = Some(tokens.scopes.unwrap_or(scopes));
                Ok(tokens.without_refresh())
            }
            AuthKind::Session(session) => Ok(self.sign_in(account, sealed, session).await?.without_refresh()),
            kind => Err(OAuthError::configuration(format!("nothing gets tokens for `{}`", kind.as_str()))),
        }
    }

    async fn refresh(
        &self,
        account: &Account,
        sealed: &BTreeMap<String, String>,
        pattern: &OAuth2,
    ) -> Result<Tokens, OAuthError> {
        if !sealed.contains_key(REFRESH_TOKEN) {
            let reason = "the access token ran out, and there is no refresh token".to_owned();
            return Err(OAuthError::Expired { reason });
        }
        let client = match &account.token.client {
            Some(id) => self.0.store.oauth_client(&account.project, id).await?,
            None => None,
        };
        let client = client.ok_or_else(|| OAuthError::configuration("the OAuth client of this account is gone"))?;
        let mut parameters = vec![
            public("grant_type", "refresh_token"),
            (REFRESH_TOKEN.into(), Value::Secret(self.open(account, sealed, REFRESH_TOKEN)?)),
        ];
        parameters.extend(pattern.refresh_parameters.iter().map(|(name, value)| public(name, value)));
        let (shown, client_hosts) = self.opened(&client, pattern.client_auth, &account.fields).await?;
        let url = pattern.refresh_url.as_ref().unwrap_or(&pattern.token_url);
        let url = endpoints::url(url, &account.fields).map_err(OAuthError::configuration)?;
        let hosts = in_all([account.hosts_of(REFRESH_TOKEN), &client_hosts]);
        let hosts = endpoints::patterns(&hosts).map_err(OAuthError::configuration)?;
        let request = TokenRequest { url, hosts, client: Some(shown), body: pattern.body, parameters };
        let mut tokens = self.asked(request, &pattern.response, &pattern.scope_separator).await?;
        tokens.client = Some(client.id);
        // Where calls go was settled when the account was authorized.
        tokens.fields.clear();
        Ok(tokens)
    }

    async fn client_credentials(
        &self,
        account: &Account,
        sealed: &BTreeMap<String, String>,
        pattern: &ClientCredentials,
        scopes: &[String],
    ) -> Result<Tokens, OAuthError> {
        let mut parameters = vec![public("grant_type", "client_credentials")];
        if !scopes.is_empty() {
            parameters.push(public("scope", &scopes.join(&pattern.scope_separator)));
        }
        for (name, template) in &pattern.parameters {
            parameters.push((name.clone(), Value::Public(filled(template, &account.fields)?)));
        }
        let id = self.open(account, sealed, &pattern.client_id)?.into_public();
        let secret = self.open(account, sealed, &pattern.client_secret)?;
        let client = Client { id, secret: Some(secret), auth: pattern.client_auth };
        let url = endpoints::url(&pattern.token_url, &account.fields).map_err(OAuthError::configuration)?;
        let hosts = account.hosts_of(&pattern.client_secret);
        let hosts = endpoints::patterns(hosts).map_err(OAuthError::configuration)?;
        let request = TokenRequest { url, hosts, client: Some(client), body: pattern.body, parameters };
        self.asked(request, &pattern.response, &pattern.scope_separator).await
    }

    /// Shows a signed assertion (RFC 7523 section 2.1).
    async fn assertion(
        &self,
        account: &Account,
        sealed: &BTreeMap<String, String>,
        pattern: &JwtBearer,
        scopes: &[String],
    ) -> Result<Tokens, OAuthError> {
        let mut values = Values::new();
        let mut hosts: Vec<&[String]> = Vec::new();
        for name in pattern.assertion.names() {
            let value = self.open(account, sealed, &name)?;
            let text = if sealed.contains_key(&name) {
                hosts.push(account.hosts_of(&name));
                Text::Secret(value)
            } else {
                Text::Public(value.into_public())
            };
            values.insert(name, text);
        }
        let scope = scopes.join(" ");
        let more: &[(&str, &str)] = if scope.is_empty() { &[] } else { &[("scope", &scope)] };
        let assertion = sign_jwt(&pattern.assertion, more, &values, self.0.clock.now())?;
        let mut parameters = vec![public("grant_type", JWT_BEARER), ("assertion".into(), Value::Secret(assertion))];
        for (name, template) in &pattern.parameters {
            parameters.push((name.clone(), Value::Public(filled(template, &account.fields)?)));
        }
        let url = endpoints::url(&pattern.token_url, &account.fields).map_err(OAuthError::configuration)?;
        let hosts = endpoints::patterns(&in_all(hosts)).map_err(OAuthError::configuration)?;
        let request = TokenRequest { url, hosts, client: None, body: TokenBody::Form, parameters };
        self.asked(request, &pattern.response, " ").await
    }

    async fn sign_in(
        &self,
        account: &Account,
        sealed: &BTreeMap<String, String>,
        pattern: &Session,
    ) -> Result<Tokens, OAuthError> {
        let url = endpoints::url(&pattern.request.url, &account.fields).map_err(OAuthError::configuration)?;
        // Every secret of the request has to be one that may be sent there.
        let hosts = in_all(account.token.field_hosts.values().map(Vec::as_slice));
        let hosts = endpoints::patterns(&hosts).map_err(OAuthError::configuration)?;
        let asked_at = self.0.clock.now();
        let read = |answer: &Response| answer::tokens(answer, &pattern.response, " ", asked_at);
        let value = |name: &str| self.open(account, sealed, name);
        let declared = (&pattern.request, Injection::None);
        exchange::session(&self.0.egress, (url, hosts), declared, value, read).await
    }
}

/// Hosts that are in each list: where several secrets may go together.
fn in_all<'a>(lists: impl IntoIterator<Item = &'a [String]>) -> Vec<String> {
    let mut lists = lists.into_iter();
    let mut hosts = lists.next().map(<[String]>::to_vec).unwrap_or_default();
    for list in lists {
        hosts.retain(|host| list.contains(host));
    }
    hosts
}

fn filled(template: &str, fields: &BTreeMap<String, String>) -> Result<String, OAuthError> {
    let template = TextTemplate::parse(template).map_err(|error| OAuthError::configuration(error.to_string()))?;
    let text = template.render(|name, into| match fields.get(name) {
        Some(value) => {
            into.push_str(value);
            Ok(())
        }
        None => Err(OAuthError::configuration(format!("field `{name}` is missing"))),
    })?;
    Ok(text.to_string())
}
