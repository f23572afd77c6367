//! Clients that nobody had to register: where an authorization server takes them, this host says itself who it is.

use serde_json::{Value, json};

use super::client::ClientChange;
use super::endpoints::host_templates;
use super::limits::TIMEOUT;
use super::{OAuth, OAuthError};
use crate::egress::{Body, Grant, Request};
use crate::model::{AuthKind, AuthPattern, By, ClientAuth, Connection, Effect, OAuth2, Registration, Secret};
use crate::store::OAuthClient;

/// Bytes of the answer to a registration.
const MAX_ANSWER: usize = 64 * 1024;

/// Bytes of a client's identifier.
const MAX_CLIENT_ID: usize = 4_096;

/// What this host is to an authorization server.
#[derive(Debug)]
pub struct OwnClient {
    /// Where browsers are sent back to.
    pub redirect_uri: String,
    /// Where the document is that describes this client, if everybody can read it: its identifier, then.
    pub document: Option<String>,
}

/// How a client comes to be.
#[derive(Debug, PartialEq, Eq)]
enum Way<'a> {
    /// The URL of its document is its identifier.
    Document(&'a str),
    /// The server gives it one (RFC 7591).
    Dynamic(&'a str),
}

impl OAuth {
    /// The client that new authorizations through a connection use: the one that an operator gave it, or else one by this
    /// host's own document, or one that the server gives. A client that is known to one server is not shown to another.
    ///
    /// # Errors
    /// Those of [`OAuth::client`]; [`OAuthError::Configuration`] if the server registers nobody, or refuses.
    pub async fn client_or_registered(
        &self,
        connection: &Connection,
        pattern: &AuthPattern,
        own: &OwnClient,
    ) -> Result<OAuthClient, OAuthError> {
        let AuthKind::OAuth2(oauth) = &pattern.kind else { return self.client(connection).await };
        let Some(registration) = &oauth.registration else { return self.client(connection).await };
        let hosts = host_templates(&pattern.kind).map_err(OAuthError::configuration)?;
        let known = self.0.store.newest_oauth_client(&connection.project, &connection.id).await?;
        if known.is_some_and(|known| known.hosts == hosts) {
            return self.client(connection).await;
        }
        let change = match way(registration, own) {
            Some(Way::Document(url)) => ClientChange::Given { client_id: url.to_owned(), secret: None },
            Some(Way::Dynamic(endpoint)) => self.registered(endpoint, oauth, own).await?,
            None => {
                let reason =
                    "the authorization server registers no clients by itself: give the connection one with `oauth`";
                return Err(OAuthError::configuration(reason));
            }
        };
        let by = By::host(self.0.clock.now());
        self.set_client(&by, connection, pattern, change).await
    }

    /// Asks a server to know this host (RFC 7591 section 3.1).
    async fn registered(&self, endpoint: &str, oauth: &OAuth2, own: &OwnClient) -> Result<ClientChange, OAuthError> {
        let method = match oauth.client_auth {
            ClientAuth::Basic => "client_secret_basic",
            ClientAuth::Post => "client_secret_post",
            ClientAuth::None => "none",
        };
        let scope = oauth.scopes.iter().map(|scope| scope.name.as_str()).collect::<Vec<_>>().join(" ");
        let mut asked = described(&own.redirect_uri, method);
        if !scope.is_empty() {
            asked["scope"] = scope.into();
        }
        let headers = vec![("accept".to_owned(), "application/json".to_owned())];
        let body = Body::Json(asked.to_string());
        let request =
            Request { method: "POST".into(), target: endpoint.to_owned(), headers, body, ..Request::default() };
        let grant = Grant::to(endpoint, "POST", Effect::Write, TIMEOUT)?;
        let answer = self.0.egress.send(&grant, request).await?;
        let refused = |what: &str| {
            OAuthError::configuration(format!("the authorization server did not register this host: {what}"))
        };
        if !matches!(answer.status, 200 | 201) || answer.truncated || answer.body.len() > MAX_ANSWER {
            return Err(refused(&format!("it answers {}", answer.status)));
        }
        // What cannot be read is not repeated: a secret may be in it.
        let given: Value = serde_json::from_slice(&answer.body).map_err(|_| refused("its answer is no JSON"))?;
        let usable = |id: &&str| !id.is_empty() && id.len() <= MAX_CLIENT_ID && !id.chars().any(char::is_control);
        let client_id = given["client_id"].as_str().filter(usable).ok_or_else(|| refused("it gave no `client_id`"))?;
        let secret = given["client_secret"].as_str().filter(|secret| !secret.is_empty());
        let secret = secret.map(|secret| Secret::new(secret.to_owned()));
        Ok(ClientChange::Given { client_id: client_id.to_owned(), secret })
    }
}

/// What this host says of itself, as a document and as a request.
pub fn described(redirect_uri: &str, method: &str) -> Value {
    json!({
        "client_name": "Gloveport", "redirect_uris": [redirect_uri], "application_type": "web",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": method,
    })
}

/// A document of one's own is taken everywhere alike, and leaves nothing at the server.
fn way<'a>(registration: &'a Registration, own: &'a OwnClient) -> Option<Way<'a>> {
    let document = own.document.as_deref().filter(|_| registration.metadata_document).map(Way::Document);
    document.or_else(|| registration.endpoint.as_deref().map(Way::Dynamic))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AK-809: a document before a registration, and neither where there is neither.
    #[test]
    fn the_protocols_order_is_kept() {
        let own = |document: Option<&str>| OwnClient {
            redirect_uri: "https://g.example.com/cb".into(),
            document: document.map(str::to_owned),
        };
        for (takes_documents, endpoint, document, expected) in [
            (true, Some("https://as/r"), Some("https://g/c"), Some(Way::Document("https://g/c"))),
            (true, None, Some("https://g/c"), Some(Way::Document("https://g/c"))),
            (true, Some("https://as/r"), None, Some(Way::Dynamic("https://as/r"))),
            (false, Some("https://as/r"), Some("https://g/c"), Some(Way::Dynamic("https://as/r"))),
            (false, None, Some("https://g/c"), None),
            (true, None, None, None),
        ] {
            let registration =
                Registration { endpoint: endpoint.map(str::to_owned), metadata_document: takes_documents };
            assert_eq!(way(&registration, &own(document)), expected);
        }
        let said = described("https://g.example.com/cb", "none");
        assert_eq!(
            (&said["redirect_uris"][0], &said["application_type"]),
            (&json!("https://g.example.com/cb"), &json!("web"))
        );
    }
}
