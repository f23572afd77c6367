//! What the texts of a pattern may name, and where a credential may go.

use serde_json::Value;
use url::Url;

use crate::egress::is_for_credentials;
use crate::model::{AuthKind, Field, Placement, TextTemplate, TokenPlacement, UrlTemplate, is_loopback};

/// By which name the token that the host got is kept.
pub(super) const ACCESS_TOKEN: &str = "access_token";

/// By which names a token of OAuth 1.0a and its secret are kept, which are also those that they come by.
pub(super) const TOKEN_PAIR: [&str; 2] = ["oauth_token", "oauth_token_secret"];

/// By which names the host keeps what it gets from the provider, for a type that gets something.
pub(super) fn tokens(kind: &str, value: &Value) -> &'static [&'static str] {
    match kind {
        "oauth2" | "oauth2_client_credentials" | "jwt_bearer" | "session" | "signed_jwt" => {
            &[ACCESS_TOKEN, "refresh_token"]
        }
        "oauth1a" if value.get("consumer_key").is_none() => {
            &["oauth_consumer_key", "oauth_consumer_secret", "oauth_token", "oauth_token_secret"]
        }
        "oauth1a" if value.get("request_url").is_some() => &TOKEN_PAIR,
        _ => &[],
    }
}

/// The names of one pattern.
pub(super) struct Names<'a> {
    /// What a user fills in.
    pub(super) fields: &'a [Field],
    /// Public fields that the provider's answers fill.
    pub(super) filled: Vec<String>,
    /// Whether there is a token that the host gets or signs.
    pub(super) token: bool,
}

impl Names<'_> {
    /// No answer of a provider takes the place of a secret.
    pub(super) fn check_filled(&self) -> Result<(), String> {
        let clash = |name: &&String| self.fields.iter().any(|field| field.secret && field.name == **name);
        match self.filled.iter().find(clash) {
            Some(name) => Err(format!("`{name}` is a password: no answer of the provider can fill it")),
            None => Ok(()),
        }
    }

    /// The name of a field, which must be there.
    pub(super) fn field(&self, key: &str, name: Option<&str>) -> Result<String, String> {
        match name {
            Some(name) if self.fields.iter().any(|field| field.name == name) => Ok(name.to_owned()),
            Some(name) => Err(format!("`{key}` names `{name}`, which is not among its fields")),
            None => Err(format!("`{key}` is missing")),
        }
    }

    /// The name of a field, if one is named.
    pub(super) fn optional(&self, key: &str, name: Option<&str>) -> Result<Option<String>, String> {
        name.map(|name| self.field(key, Some(name))).transpose()
    }

    /// The name of a password field: a key in a public field would be shown to whoever reads accounts.
    pub(super) fn secret(&self, key: &str, name: Option<&str>) -> Result<String, String> {
        let name = self.field(key, name)?;
        if self.fields.iter().any(|field| field.name == name && field.secret) {
            return Ok(name);
        }
        Err(format!("`{key}` names `{name}`, which must be a password"))
    }

    /// A URL of the provider: https, or http to this machine itself, with public fields in its gaps; `later` for one that
    /// is asked once answers have filled theirs.
    pub(super) fn endpoint(&self, key: &str, text: &str, later: bool) -> Result<(), String> {
        let template = UrlTemplate::parse(text).map_err(|error| format!("`{key}`: {error}"))?;
        if !text.starts_with("https://") && !stays_here(text) {
            return Err(format!("`{key}`: `{text}` is not an https URL"));
        }
        template.fields().try_for_each(|name| self.public(key, name, later))
    }

    /// A text with names in its gaps: public fields, those in `more`, and with `all` passwords and the token too.
    pub(super) fn text(&self, key: &str, text: &str, more: &[&str], all: bool) -> Result<(), String> {
        let template = TextTemplate::parse(text).map_err(|error| format!("`{key}`: {error}"))?;
        for name in template.names() {
            let secret = self.fields.iter().any(|field| field.secret && field.name == name);
            let token = self.token && name == ACCESS_TOKEN;
            if !more.contains(&name) && !(all && (secret || token)) {
                self.public(key, name, true)?;
            }
        }
        Ok(())
    }

    fn public(&self, key: &str, name: &str, later: bool) -> Result<(), String> {
        if later && self.filled.iter().any(|filled| filled == name) {
            return Ok(());
        }
        match self.fields.iter().find(|field| field.name == name) {
            Some(field) if !field.secret => Ok(()),
            Some(_) => Err(format!("`{key}` names `{name}`, which is a password and cannot stand there")),
            None => Err(format!("`{key}` names `{name}`, which is not among its fields")),
        }
    }
}

/// A JSON Pointer (RFC 6901).
pub(super) fn pointer(key: &str, text: String) -> Result<String, String> {
    let escapes = |text: &str| text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if (text.is_empty() || text.starts_with('/')) && escapes(&text) {
        return Ok(text);
    }
    Err(format!("`{key}`: `{text}` is not a JSON Pointer"))
}

/// The name of a header that may carry a part of a credential.
pub(super) fn header_name(key: &str, name: &str) -> Result<(), String> {
    if is_for_credentials(name) {
        return Ok(());
    }
    Err(format!("`{key}`: `{name}` is not a header that a credential may go into"))
}

/// The headers, in lower case, that a type sets itself.
pub(super) fn own_headers(kind: &AuthKind) -> Vec<String> {
    let lower = |name: &str| vec![name.to_ascii_lowercase()];
    match kind {
        AuthKind::ApiKey { placement: Placement::Header, name, .. } => lower(name),
        AuthKind::Bearer { .. } | AuthKind::Basic { .. } | AuthKind::OAuth1a(_) => lower("authorization"),
        AuthKind::AwsSigV4(_) => {
            ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"].map(String::from).to_vec()
        }
        AuthKind::Hmac(hmac) => {
            let time = hmac.timestamp_header.as_deref().map(lower).unwrap_or_default();
            [lower(&hmac.header), time].concat()
        }
        _ => match token_of(kind) {
            Some(token) if token.placement == Placement::Header => lower(&token.name),
            _ => Vec::new(),
        },
    }
}

/// Refuses a place that nothing can go into.
pub(super) fn check_place(kind: &AuthKind) -> Result<(), String> {
    if let AuthKind::Hmac(hmac) = kind {
        let time = hmac.timestamp_header.iter();
        return std::iter::once(&hmac.header).chain(time).try_for_each(|name| header_name("header", name));
    }
    let (key, placement, name, prefix) = match kind {
        AuthKind::ApiKey { placement, name, prefix, .. } => ("parameter", *placement, name, prefix),
        _ => match token_of(kind) {
            Some(token) => ("token.name", token.placement, &token.name, &token.prefix),
            None => return Ok(()),
        },
    };
    if !prefix.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err("`prefix` has a character that is not visible ASCII".into());
    }
    match placement {
        Placement::Header => header_name(key, name),
        Placement::Query if name.is_empty() => Err(format!("`{key}` is empty")),
        // A cookie's name has the characters of a header's (RFC 6265 section 4.1.1).
        Placement::Cookie if name.parse::<http::HeaderName>().is_err() => {
            Err(format!("`{key}`: `{name}` is not the name of a cookie"))
        }
        Placement::Query | Placement::Cookie => Ok(()),
    }
}

fn token_of(kind: &AuthKind) -> Option<&TokenPlacement> {
    Some(match kind {
        AuthKind::OAuth2(oauth) => &oauth.token,
        AuthKind::ClientCredentials(grant) => &grant.token,
        AuthKind::JwtBearer(grant) => &grant.token,
        AuthKind::SignedJwt(signed) => &signed.token,
        AuthKind::Session(session) => &session.token,
        AuthKind::CallerToken { token } => token,
        _ => return None,
    })
}

/// Whether a URL leads to this machine itself, whatever its path is filled with.
fn stays_here(text: &str) -> bool {
    let authority = text.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    Url::parse(&format!("http://{authority}/")).is_ok_and(|url| is_loopback(&url))
}
