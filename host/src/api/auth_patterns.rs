//! Auth patterns as the API shows them: what whoever sets up a connection or connects an account has to know.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{AuthKind, AuthPattern, ClientAuth, Field, Placement, Scope, TokenPlacement};

/// One way to authorize a connector.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuthBody {
    name: String,
    title: String,
    /// For example `api_key` or `oauth2`.
    r#type: &'static str,
    /// Where the key or token goes: `header`, `query` or `cookie`.
    r#in: Option<&'static str>,
    /// Name of the header, query parameter or cookie.
    parameter: Option<String>,
    /// Whether a connection needs a client registered with the provider: an identifier and a secret.
    needs_client: bool,
    /// What the provider offers, as far as the connector knows it.
    scopes: Vec<ScopeBody>,
    /// Where people and this host turn to; `null` for types that ask nothing of the provider.
    endpoints: Option<Endpoints>,
    /// Names of headers that go along.
    headers: Vec<String>,
    fields: Vec<FieldBody>,
    /// Public fields that the provider's answers fill.
    filled_fields: Vec<String>,
}

/// URLs of a provider, with `{{field}}` for public fields of the account.
#[derive(Debug, Serialize, ToSchema)]
struct Endpoints {
    /// Where a person says yes.
    authorize: Option<String>,
    /// Where tokens are got.
    token: Option<String>,
    /// Where they are withdrawn.
    revoke: Option<String>,
    /// How the client authenticates there: `basic`, `post` or `none`.
    client_auth: Option<&'static str>,
    /// Whether the authorization is bound to this host by PKCE.
    pkce: Option<bool>,
}

/// A scope that the provider offers.
#[derive(Debug, Serialize, ToSchema)]
struct ScopeBody {
    name: String,
    title: String,
    description: Option<String>,
    /// Asked for whatever the connection says.
    required: bool,
}

/// Something a user fills in.
#[derive(Debug, Serialize, ToSchema)]
struct FieldBody {
    name: String,
    label: String,
    hint: Option<String>,
    /// `text`, or `password` for what is sealed and never shown.
    r#type: &'static str,
    required: bool,
    /// A regular expression that the whole value must match.
    pattern: Option<String>,
    /// What the value is where nothing is said.
    default: Option<String>,
}

/// The pattern, without anything that is secret: it holds nothing of the kind.
pub(super) fn body(pattern: &AuthPattern) -> AuthBody {
    let (place, parameter) = match place(&pattern.kind) {
        Some((place, name)) => (Some(place_name(place)), Some(name.to_owned())),
        None => (None, None),
    };
    AuthBody {
        name: pattern.name.clone(),
        title: pattern.title.clone(),
        r#type: pattern.kind.as_str(),
        r#in: place,
        parameter,
        needs_client: pattern.needs_client(),
        scopes: scopes(&pattern.kind),
        endpoints: endpoints(&pattern.kind),
        headers: pattern.headers.iter().map(|header| header.name.clone()).collect(),
        fields: pattern.fields.iter().map(field).collect(),
        filled_fields: pattern.filled_fields().into_iter().map(str::to_owned).collect(),
    }
}

fn place_name(place: Placement) -> &'static str {
    match place {
        Placement::Header => "header",
        Placement::Query => "query",
        Placement::Cookie => "cookie",
    }
}

/// Where one key or token goes; the types that set several headers have none.
fn place(kind: &AuthKind) -> Option<(Placement, &str)> {
    let of = |token: &'_ TokenPlacement| token.placement;
    Some(match kind {
        AuthKind::ApiKey { placement, name, .. } => (*placement, name),
        AuthKind::OAuth2(oauth) => (of(&oauth.token), &oauth.token.name),
        AuthKind::ClientCredentials(grant) => (of(&grant.token), &grant.token.name),
        AuthKind::JwtBearer(grant) => (of(&grant.token), &grant.token.name),
        AuthKind::SignedJwt(signed) => (of(&signed.token), &signed.token.name),
        AuthKind::Session(session) => (of(&session.token), &session.token.name),
        AuthKind::CallerToken { token } => (of(token), &token.name),
        AuthKind::Hmac(hmac) => (Placement::Header, &hmac.header),
        AuthKind::Bearer { .. }
        | AuthKind::Basic { .. }
        | AuthKind::StaticHeaders
        | AuthKind::OAuth1a(_)
        | AuthKind::AwsSigV4(_)
        | AuthKind::None => return None,
    })
}

fn scopes(kind: &AuthKind) -> Vec<ScopeBody> {
    let offered: &[Scope] = match kind {
        AuthKind::OAuth2(oauth) => &oauth.scopes,
        AuthKind::ClientCredentials(grant) => &grant.scopes,
        _ => &[],
    };
    let body = |scope: &Scope| ScopeBody {
        name: scope.name.clone(),
        title: scope.title.clone(),
        description: scope.description.clone(),
        required: scope.required,
    };
    offered.iter().map(body).collect()
}

fn endpoints(kind: &AuthKind) -> Option<Endpoints> {
    let token = |url: &str| Endpoints {
        authorize: None,
        token: Some(url.to_owned()),
        revoke: None,
        client_auth: None,
        pkce: None,
    };
    Some(match kind {
        AuthKind::OAuth2(oauth) => Endpoints {
            authorize: Some(oauth.authorize_url.clone()),
            revoke: oauth.revoke_url.clone(),
            client_auth: Some(client_auth(oauth.client_auth)),
            pkce: Some(oauth.pkce),
            ..token(&oauth.token_url)
        },
        AuthKind::ClientCredentials(grant) => {
            Endpoints { client_auth: Some(client_auth(grant.client_auth)), ..token(&grant.token_url) }
        }
        AuthKind::JwtBearer(grant) => token(&grant.token_url),
        AuthKind::Session(session) => token(&session.request.url),
        AuthKind::OAuth1a(oauth) => {
            Endpoints { authorize: oauth.authorize_url.clone(), ..token(oauth.access_url.as_deref()?) }
        }
        _ => return None,
    })
}

fn client_auth(auth: ClientAuth) -> &'static str {
    match auth {
        ClientAuth::Basic => "basic",
        ClientAuth::Post => "post",
        ClientAuth::None => "none",
    }
}

fn field(field: &Field) -> FieldBody {
    FieldBody {
        name: field.name.clone(),
        label: field.label.clone(),
        hint: field.hint.clone(),
        r#type: if field.secret { "password" } else { "text" },
        required: field.required,
        pattern: field.pattern.clone(),
        default: field.default.clone(),
    }
}
