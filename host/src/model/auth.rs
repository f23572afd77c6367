//! Auth patterns: how a credential is got, and how it gets into a request, as data that the host executes.

mod after;
mod field;
mod oauth;
mod signed;

pub use after::{BodyInsertion, Choice, Escaping, HeaderTemplate, Lookup};
pub use field::{Field, FieldPattern, FieldPatternError};
pub use oauth::{
    ClientAuth, ClientCredentials, OAuth1a, OAuth1aSignature, OAuth2, Registration, Scope, TokenBody, TokenResponse,
};
pub use signed::{
    AwsSigV4, Encoding, Hmac, HmacHash, JwtAlgorithm, JwtBearer, JwtClaims, KEY_FINGERPRINT, KeyEncoding, Session,
    SessionRequest, SignedJwt, TextSource,
};

/// One way to authorize a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthPattern {
    /// Unique within the connector, for example `api_key`.
    pub name: String,
    /// For people.
    pub title: String,
    /// What the host does with the fields.
    pub kind: AuthKind,
    /// What a user fills in.
    pub fields: Vec<Field>,
    /// Headers that go along with the credential, such as a developer token or a tenant.
    pub headers: Vec<HeaderTemplate>,
    /// Places within bodies where the credential goes, for providers that take it there.
    pub insertions: Vec<BodyInsertion>,
    /// What is asked of the provider once the account is authorized, to fill its public fields.
    pub lookups: Vec<Lookup>,
}

impl AuthPattern {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The public fields that nobody fills in: the answers of the provider do.
    pub fn filled_fields(&self) -> Vec<&str> {
        let (response, callback): (&[_], &[_]) = match &self.kind {
            AuthKind::OAuth2(oauth) => (&oauth.response.fields, &oauth.callback_fields),
            AuthKind::OAuth1a(oauth) => (&oauth.response_fields, &oauth.callback_fields),
            AuthKind::ClientCredentials(grant) => (&grant.response.fields, &[]),
            AuthKind::JwtBearer(grant) => (&grant.response.fields, &[]),
            AuthKind::Session(session) => (&session.response.fields, &[]),
            _ => (&[], &[]),
        };
        let looked_up = self.lookups.iter().flat_map(|lookup| &lookup.fields);
        response.iter().chain(callback).chain(looked_up).map(|(_, field)| field.as_str()).collect()
    }

    /// Whether a connection that uses it needs a client of its own at the provider: an identifier and a secret.
    pub fn needs_client(&self) -> bool {
        match &self.kind {
            AuthKind::OAuth2(_) => true,
            AuthKind::OAuth1a(oauth) => oauth.consumer_key.is_none(),
            _ => false,
        }
    }
}

/// How the credential is got and applied to a request. Names of fields are those of the pattern's fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthKind {
    /// `Authorization: Bearer <field>` (RFC 6750 section 2.1).
    Bearer {
        /// The field that holds the token.
        field: String,
    },
    /// A key in a header, a query parameter or a cookie.
    ApiKey {
        /// The field that holds the key.
        field: String,
        /// Where it goes.
        placement: Placement,
        /// Name of the header, parameter or cookie.
        name: String,
        /// Put before the key, for example `Token `.
        prefix: String,
    },
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// The field that holds the user name.
        username: String,
        /// The field that holds the password; without it `filler` stands in.
        password: Option<String>,
        /// What goes where a password would, for providers that take a key as user name.
        filler: String,
    },
    /// Nothing but the pattern's `headers`, which hold the credential.
    StaticHeaders,
    /// The authorization code grant, with PKCE (RFC 6749 section 4.1, RFC 7636), and refresh.
    OAuth2(Box<OAuth2>),
    /// The client credentials grant (RFC 6749 section 4.4).
    ClientCredentials(Box<ClientCredentials>),
    /// OAuth 1.0a (RFC 5849): each request is signed.
    OAuth1a(Box<OAuth1a>),
    /// A signed assertion is exchanged for a token (RFC 7523), which is kept until it expires.
    JwtBearer(Box<JwtBearer>),
    /// A token that the host signs itself, anew for each call.
    SignedJwt(Box<SignedJwt>),
    /// Signing in gives a token; signing in again where it is refused.
    Session(Box<Session>),
    /// AWS Signature Version 4.
    AwsSigV4(Box<AwsSigV4>),
    /// A code over parts of the request, with a shared key.
    Hmac(Box<Hmac>),
    /// The token that the caller of the tool authenticated with, where it is a JWT.
    CallerToken {
        /// Where it goes.
        token: TokenPlacement,
    },
    /// No credential.
    None,
}

impl AuthKind {
    /// As it is written in the manifest and the API.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Bearer { .. } => "bearer",
            Self::ApiKey { .. } => "api_key",
            Self::Basic { .. } => "basic",
            Self::StaticHeaders => "static_headers",
            Self::OAuth2(_) => "oauth2",
            Self::ClientCredentials(_) => "oauth2_client_credentials",
            Self::OAuth1a(_) => "oauth1a",
            Self::JwtBearer(_) => "jwt_bearer",
            Self::SignedJwt(_) => "signed_jwt",
            Self::Session(_) => "session",
            Self::AwsSigV4(_) => "aws_sigv4",
            Self::Hmac(_) => "hmac",
            Self::CallerToken { .. } => "caller_token",
            Self::None => "none",
        }
    }
}

/// Where a key or token goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// A request header.
    Header,
    /// A query parameter.
    Query,
    /// A cookie.
    Cookie,
}

/// Where a token that the host got or signed goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPlacement {
    /// A header, a query parameter or a cookie.
    pub placement: Placement,
    /// Its name.
    pub name: String,
    /// Put before the token, for example `Bearer `.
    pub prefix: String,
}

impl TokenPlacement {
    /// `Authorization: Bearer …` (RFC 6750 section 2.1), where a pattern says nothing else.
    pub fn bearer() -> Self {
        Self { placement: Placement::Header, name: "authorization".into(), prefix: "Bearer ".into() }
    }
}
