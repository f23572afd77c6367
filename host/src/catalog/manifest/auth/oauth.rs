//! The patterns of OAuth as manifests write them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::scope::{Names, TOKEN_PAIR, pointer};
use super::{token, typed};
use crate::model::{
    ClientAuth, ClientCredentials, OAuth1a, OAuth1aSignature, OAuth2, Registration, Scope, TokenBody, TokenResponse,
};

/// The longest that a token may be said to hold: a year. What holds longer needs no number.
const LIFETIME_MAX: u64 = 365 * 24 * 60 * 60;

/// Keys of `oauth2`.
#[derive(Deserialize)]
pub(super) struct OAuth2Text {
    authorize_url: String,
    token_url: String,
    refresh_url: Option<String>,
    revoke_url: Option<String>,
    issuer: Option<String>,
    #[serde(default)]
    iss_required: bool,
    #[serde(default)]
    scopes: Vec<Value>,
    #[serde(default = "space")]
    scope_separator: String,
    #[serde(default = "scope")]
    scope_parameter: String,
    client_auth: Option<String>,
    body: Option<String>,
    #[serde(default = "yes")]
    pkce: bool,
    #[serde(default)]
    authorize_parameters: BTreeMap<String, String>,
    #[serde(default)]
    token_parameters: BTreeMap<String, String>,
    #[serde(default)]
    refresh_parameters: BTreeMap<String, String>,
    response: Option<ResponseText>,
    #[serde(default)]
    callback_fields: BTreeMap<String, String>,
    token: Option<Value>,
    registration: Option<RegistrationText>,
}

/// How a client comes to be that nobody registered.
#[derive(Deserialize)]
struct RegistrationText {
    endpoint: Option<String>,
    #[serde(default)]
    metadata_document: bool,
}

/// Keys of `oauth2_client_credentials`.
#[derive(Deserialize)]
pub(super) struct ClientCredentialsText {
    token_url: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    #[serde(default)]
    scopes: Vec<Value>,
    #[serde(default = "space")]
    scope_separator: String,
    client_auth: Option<String>,
    body: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    response: Option<ResponseText>,
    token: Option<Value>,
}

/// Keys of `oauth1a`.
#[derive(Deserialize)]
pub(super) struct OAuth1aText {
    signature: Option<String>,
    request_url: Option<String>,
    authorize_url: Option<String>,
    access_url: Option<String>,
    #[serde(default)]
    authorize_parameters: BTreeMap<String, String>,
    #[serde(default)]
    callback_fields: BTreeMap<String, String>,
    #[serde(default)]
    response: AccessText,
    realm: Option<String>,
    consumer_key: Option<String>,
    consumer_secret: Option<String>,
    token: Option<String>,
    token_secret: Option<String>,
}

/// What OAuth 1.0a's answer says besides the token, which is always in the same place.
#[derive(Default, Deserialize)]
pub(super) struct AccessText {
    #[serde(default)]
    fields: BTreeMap<String, String>,
}

/// Where things are in an answer that gives a token.
#[derive(Deserialize)]
pub(super) struct ResponseText {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<String>,
    scope: Option<String>,
    lifetime: Option<u64>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct ScopeText {
    name: String,
    title: Option<String>,
    description: Option<String>,
    #[serde(default)]
    required: bool,
}

fn space() -> String {
    " ".into()
}

fn scope() -> String {
    "scope".into()
}

fn yes() -> bool {
    true
}

pub(super) fn oauth2(text: OAuth2Text, names: &Names<'_>) -> Result<OAuth2, String> {
    names.endpoint("authorize_url", &text.authorize_url, false)?;
    names.endpoint("token_url", &text.token_url, false)?;
    for (key, url) in [("refresh_url", &text.refresh_url), ("revoke_url", &text.revoke_url)] {
        url.iter().try_for_each(|url| names.endpoint(key, url, true))?;
    }
    text.issuer.iter().try_for_each(|issuer| names.endpoint("issuer", issuer, false))?;
    if text.iss_required && text.issuer.is_none() {
        return Err("`iss_required` needs an `issuer` to compare with".into());
    }
    let scopes = scopes(text.scopes, &text.scope_separator)?;
    if text.scope_parameter.is_empty() {
        return Err("`scope_parameter` is empty".into());
    }
    let reserved = ["response_type", "client_id", "redirect_uri", "state", "code_challenge", "code_challenge_method"];
    let own = [&reserved[..], &[text.scope_parameter.as_str()]].concat();
    let grant = ["grant_type", "code", "refresh_token", "code_verifier", "redirect_uri", "client_secret"];
    Ok(OAuth2 {
        authorize_parameters: parameters("authorize_parameters", text.authorize_parameters, &own, names)?,
        token_parameters: parameters("token_parameters", text.token_parameters, &grant, names)?,
        refresh_parameters: parameters("refresh_parameters", text.refresh_parameters, &grant, names)?,
        authorize_url: text.authorize_url,
        token_url: text.token_url,
        refresh_url: text.refresh_url,
        revoke_url: text.revoke_url,
        issuer: text.issuer,
        iss_required: text.iss_required,
        scopes,
        scope_separator: text.scope_separator,
        scope_parameter: text.scope_parameter,
        client_auth: client_auth(text.client_auth.as_deref())?,
        body: body(text.body.as_deref())?,
        pkce: text.pkce,
        response: response(text.response)?,
        callback_fields: swapped(text.callback_fields),
        token: token(text.token.as_ref())?,
        registration: text.registration.map(|text| registration(text, names)).transpose()?,
    })
}

fn registration(text: RegistrationText, names: &Names<'_>) -> Result<Registration, String> {
    let RegistrationText { endpoint, metadata_document } = text;
    endpoint.iter().try_for_each(|url| names.endpoint("registration.endpoint", url, false))?;
    Ok(Registration { endpoint, metadata_document })
}

pub(super) fn client_credentials(text: ClientCredentialsText, names: &Names<'_>) -> Result<ClientCredentials, String> {
    names.endpoint("token_url", &text.token_url, false)?;
    Ok(ClientCredentials {
        token_url: text.token_url,
        client_id: names.field("client_id", text.client_id.as_deref())?,
        client_secret: names.secret("client_secret", text.client_secret.as_deref())?,
        scopes: scopes(text.scopes, &text.scope_separator)?,
        scope_separator: text.scope_separator,
        client_auth: client_auth(text.client_auth.as_deref())?,
        body: body(text.body.as_deref())?,
        parameters: parameters("parameters", text.parameters, &["grant_type", "client_secret"], names)?,
        response: response(text.response)?,
        token: token(text.token.as_ref())?,
    })
}

pub(super) fn oauth1a(text: OAuth1aText, names: &Names<'_>) -> Result<OAuth1a, String> {
    let urls =
        [("request_url", &text.request_url), ("authorize_url", &text.authorize_url), ("access_url", &text.access_url)];
    for (key, url) in urls {
        url.iter().try_for_each(|url| names.endpoint(key, url, false))?;
    }
    let asks = urls.iter().filter(|(_, url)| url.is_some()).count();
    let filled = [&text.token, &text.token_secret].into_iter().flatten().count();
    match (asks, filled) {
        (3, 0) | (0, 2) => {}
        (0 | 3, _) => return Err("a user either fills in `token` and `token_secret`, or authorizes by the URLs".into()),
        _ => return Err("`request_url`, `authorize_url` and `access_url` go together".into()),
    }
    if text.consumer_key.is_some() != text.consumer_secret.is_some() {
        return Err("`consumer_key` and `consumer_secret` go together".into());
    }
    text.realm.iter().try_for_each(|realm| names.text("realm", realm, &[], false))?;
    let secret =
        |key: &str, name: &Option<String>| name.as_deref().map(|name| names.secret(key, Some(name))).transpose();
    Ok(OAuth1a {
        signature: match text.signature.as_deref() {
            None | Some("hmac-sha1") => OAuth1aSignature::HmacSha1,
            Some("hmac-sha256") => OAuth1aSignature::HmacSha256,
            Some("plaintext") => OAuth1aSignature::Plaintext,
            Some(_) => return Err("`signature` must be hmac-sha1, hmac-sha256 or plaintext".into()),
        },
        consumer_key: names.optional("consumer_key", text.consumer_key.as_deref())?,
        consumer_secret: secret("consumer_secret", &text.consumer_secret)?,
        token: names.optional("token", text.token.as_deref())?,
        token_secret: secret("token_secret", &text.token_secret)?,
        authorize_parameters: parameters("authorize_parameters", text.authorize_parameters, &["oauth_token"], names)?,
        callback_fields: swapped(text.callback_fields),
        response_fields: text.response.fields.into_iter().map(member).collect::<Result<_, _>>()?,
        request_url: text.request_url,
        authorize_url: text.authorize_url,
        access_url: text.access_url,
        realm: text.realm,
    })
}

/// Which parameter fills which field.
fn swapped(fields: BTreeMap<String, String>) -> Vec<(String, String)> {
    fields.into_iter().map(|(field, parameter)| (parameter, field)).collect()
}

/// Which member of a form fills a field. It is named by a pointer, as in answers that are JSON.
fn member((field, at): (String, String)) -> Result<(String, String), String> {
    match at.strip_prefix('/') {
        Some(name) if !name.is_empty() && !name.contains(['/', '~']) && !TOKEN_PAIR.contains(&name) => {
            Ok((name.to_owned(), field))
        }
        _ => Err(format!("`response.fields`: the answer is a form, so `{at}` should be like `/user_id`, and no token")),
    }
}

/// Where things are; where the standard has them, if nothing is said.
pub(super) fn response(text: Option<ResponseText>) -> Result<TokenResponse, String> {
    let standard = TokenResponse::standard();
    let Some(text) = text else { return Ok(standard) };
    if text.lifetime.is_some_and(|seconds| seconds == 0 || seconds > LIFETIME_MAX) {
        return Err(format!("`response.lifetime` is a number of seconds from 1 to {LIFETIME_MAX}"));
    }
    let at = |key: &str, text: Option<String>, standard: String| match text {
        Some(text) => pointer(&format!("response.{key}"), text),
        None => Ok(standard),
    };
    let fields = text.fields.into_iter().map(|(field, at)| Ok((pointer("response.fields", at)?, field)));
    Ok(TokenResponse {
        access_token: at("access_token", text.access_token, standard.access_token)?,
        refresh_token: at("refresh_token", text.refresh_token, standard.refresh_token)?,
        expires_in: at("expires_in", text.expires_in, standard.expires_in)?,
        scope: at("scope", text.scope, standard.scope)?,
        lifetime: text.lifetime,
        fields: fields.collect::<Result<_, String>>()?,
    })
}

/// Further parameters of a request, whose values are templates: none that the grant itself sets.
pub(super) fn parameters(
    key: &str,
    map: BTreeMap<String, String>,
    own: &[&str],
    names: &Names<'_>,
) -> Result<Vec<(String, String)>, String> {
    for (name, value) in &map {
        if own.contains(&name.as_str()) || name.is_empty() {
            return Err(format!("`{key}`: `{name}` is set by the host"));
        }
        names.text(&format!("{key}.{name}"), value, &[], false)?;
    }
    Ok(map.into_iter().collect())
}

/// Scopes: by name alone, or with what people should know.
fn scopes(values: Vec<Value>, separator: &str) -> Result<Vec<Scope>, String> {
    if separator.is_empty() {
        return Err("`scope_separator` is empty".into());
    }
    let mut scopes: Vec<Scope> = Vec::with_capacity(values.len());
    for value in values {
        let scope = match value {
            Value::String(name) => Scope { title: name.clone(), name, description: None, required: false },
            value => {
                let ScopeText { name, title, description, required } =
                    typed(&value).map_err(|reason| format!("`scopes`: {reason}"))?;
                Scope { title: title.unwrap_or_else(|| name.clone()), name, description, required }
            }
        };
        // Where the separator is not a space, a vendor may well have spaces in the names.
        if scope.name.is_empty() || scope.name.contains(separator) || scope.name.chars().any(char::is_control) {
            return Err(format!("`scopes`: `{}` is not the name of a scope", scope.name));
        }
        if scopes.iter().any(|other| other.name == scope.name) {
            return Err(format!("`scopes`: `{}` is there twice", scope.name));
        }
        scopes.push(scope);
    }
    Ok(scopes)
}

/// In the body, where nothing is said: so most vendors have it in their examples.
fn client_auth(text: Option<&str>) -> Result<ClientAuth, String> {
    match text {
        None | Some("post") => Ok(ClientAuth::Post),
        Some("basic") => Ok(ClientAuth::Basic),
        Some("none") => Ok(ClientAuth::None),
        Some(_) => Err("`client_auth` must be post, basic or none".into()),
    }
}

fn body(text: Option<&str>) -> Result<TokenBody, String> {
    match text {
        None | Some("form") => Ok(TokenBody::Form),
        Some("json") => Ok(TokenBody::Json),
        Some(_) => Err("`body` must be form or json".into()),
    }
}
