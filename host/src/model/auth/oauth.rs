//! The patterns of OAuth: endpoints and the ways in which vendors differ.

use super::TokenPlacement;

/// The authorization code grant of one vendor. URLs are templates over the account's public fields (`{{domain}}`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2 {
    /// Where a browser is sent.
    pub authorize_url: String,
    /// Where codes and refresh tokens are exchanged.
    pub token_url: String,
    /// Where refresh tokens are, if elsewhere.
    pub refresh_url: Option<String>,
    /// Where tokens are revoked (RFC 7009), if the vendor offers it.
    pub revoke_url: Option<String>,
    /// What `iss` in the callback must be (RFC 9207). With it a callback without `iss` is refused if `iss_required`.
    pub issuer: Option<String>,
    /// Whether the vendor always sends `iss`.
    pub iss_required: bool,
    /// The scopes that the vendor offers, as far as the connector knows them.
    pub scopes: Vec<Scope>,
    /// Between scopes; a space in the standard.
    pub scope_separator: String,
    /// Name of the parameter that holds them; `scope` in the standard.
    pub scope_parameter: String,
    /// How the client authenticates at the token endpoint.
    pub client_auth: ClientAuth,
    /// How the token request is written.
    pub body: TokenBody,
    /// Off only where the vendor refuses it.
    pub pkce: bool,
    /// Further parameters of the authorization URL.
    pub authorize_parameters: Vec<(String, String)>,
    /// Further parameters of the exchange.
    pub token_parameters: Vec<(String, String)>,
    /// Further parameters of a refresh.
    pub refresh_parameters: Vec<(String, String)>,
    /// Where things are in the answer of the token endpoint.
    pub response: TokenResponse,
    /// Parameters of the callback that become public fields: name, field.
    pub callback_fields: Vec<(String, String)>,
    /// Where the access token goes.
    pub token: TokenPlacement,
    /// How the host gets a client by itself, where the vendor lets it.
    pub registration: Option<Registration>,
}

/// How a client comes to be that nobody registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Where clients register themselves (RFC 7591).
    pub endpoint: Option<String>,
    /// Whether the URL of a document that describes a client is taken for its identifier.
    pub metadata_document: bool,
}

/// A scope that a vendor offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// As the vendor writes it.
    pub name: String,
    /// For people.
    pub title: String,
    /// What it allows, for people.
    pub description: Option<String>,
    /// Asked for whatever the connection says.
    pub required: bool,
}

/// How a client authenticates at the token endpoint (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// `Authorization: Basic …`.
    Basic,
    /// In the body.
    Post,
    /// A public client: only its identifier, in the body.
    None,
}

/// How a token request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenBody {
    /// `application/x-www-form-urlencoded`, as the standard has it.
    Form,
    /// JSON.
    Json,
}

/// Where things are in the answer of a token endpoint: JSON Pointers (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenResponse {
    /// `/access_token` in the standard.
    pub access_token: String,
    /// `/refresh_token` in the standard.
    pub refresh_token: String,
    /// `/expires_in` in the standard: seconds from now.
    pub expires_in: String,
    /// `/scope` in the standard.
    pub scope: String,
    /// For how many seconds a token holds whose answer does not say so. Without it such a token is used until refused.
    pub lifetime: Option<u64>,
    /// Further values that become public fields: pointer, field.
    pub fields: Vec<(String, String)>,
}

impl TokenResponse {
    /// RFC 6749 section 5.1.
    pub fn standard() -> Self {
        Self {
            access_token: "/access_token".into(),
            refresh_token: "/refresh_token".into(),
            expires_in: "/expires_in".into(),
            scope: "/scope".into(),
            lifetime: None,
            fields: Vec::new(),
        }
    }
}

/// The client credentials grant of one vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCredentials {
    /// Where tokens are got: a template over the account's public fields.
    pub token_url: String,
    /// The field that holds the client's identifier.
    pub client_id: String,
    /// The field that holds the client's secret.
    pub client_secret: String,
    /// The scopes that are asked for.
    pub scopes: Vec<Scope>,
    /// Between scopes.
    pub scope_separator: String,
    /// How the client authenticates.
    pub client_auth: ClientAuth,
    /// How the request is written.
    pub body: TokenBody,
    /// Further parameters; values are templates over the account's public fields.
    pub parameters: Vec<(String, String)>,
    /// Where things are in the answer.
    pub response: TokenResponse,
    /// Where the token goes.
    pub token: TokenPlacement,
}

/// OAuth 1.0a of one vendor. Without `request_url` the token is one of the pattern's fields, as NetSuite has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth1a {
    /// How requests are signed.
    pub signature: OAuth1aSignature,
    /// Where temporary credentials are got (RFC 5849 section 2.1).
    pub request_url: Option<String>,
    /// Where a browser is sent (section 2.2).
    pub authorize_url: Option<String>,
    /// Where token credentials are got (section 2.3).
    pub access_url: Option<String>,
    /// Further parameters of the authorization URL.
    pub authorize_parameters: Vec<(String, String)>,
    /// Parameters of the callback that become public fields: parameter, field.
    pub callback_fields: Vec<(String, String)>,
    /// Members of the answer with the token credentials that become public fields: member, field.
    pub response_fields: Vec<(String, String)>,
    /// The `realm` of the header: a template over the account's public fields.
    pub realm: Option<String>,
    /// The field that holds the consumer key; without it the connection's client is the consumer.
    pub consumer_key: Option<String>,
    /// The field that holds the consumer's secret.
    pub consumer_secret: Option<String>,
    /// The field that holds the token, where a user fills it in.
    pub token: Option<String>,
    /// The field that holds the token's secret.
    pub token_secret: Option<String>,
}

/// How OAuth 1.0a requests are signed (RFC 5849 section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuth1aSignature {
    /// `HMAC-SHA1`.
    HmacSha1,
    /// `HMAC-SHA256`, which vendors added.
    HmacSha256,
    /// `PLAINTEXT`.
    Plaintext,
}
