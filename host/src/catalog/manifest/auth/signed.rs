//! The patterns in which the host signs or signs in, as manifests write them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::oauth::{ResponseText, parameters, response};
use super::scope::{ACCESS_TOKEN, Names, header_name, pointer};
use super::{token, typed};
use crate::model::{
    AwsSigV4, Encoding, Escaping, Hmac, HmacHash, JwtAlgorithm, JwtBearer, JwtClaims, KEY_FINGERPRINT, KeyEncoding,
    Session, SessionRequest, SignedJwt, TextSource, TextTemplate,
};

/// Seconds for which a token that the host signs holds, where nothing is said: five minutes, for clocks that differ.
const JWT_LIFETIME: u64 = 300;

/// The longest that one may hold: an hour is what Google and Snowflake take at most, and each call signs anew.
const JWT_LIFETIME_MAX: u64 = 3_600;

/// Claims that the host sets.
const HOST_CLAIMS: [&str; 3] = ["iat", "exp", "nbf"];

/// What the text of a code may name besides public fields.
const REQUEST_PARTS: [&str; 7] = ["method", "path", "query", "body", "body_sha256", "timestamp", "host"];

/// A token that the host signs.
#[derive(Deserialize)]
struct JwtText {
    algorithm: String,
    key: Value,
    key_encoding: Option<String>,
    key_id: Option<Value>,
    #[serde(default)]
    claims: BTreeMap<String, Value>,
    #[serde(default = "lifetime")]
    lifetime: u64,
}

fn lifetime() -> u64 {
    JWT_LIFETIME
}

/// Keys of `jwt_bearer`.
#[derive(Deserialize)]
pub(super) struct JwtBearerText {
    token_url: String,
    jwt: JwtText,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    response: Option<ResponseText>,
    token: Option<Value>,
}

/// Keys of `signed_jwt`.
#[derive(Deserialize)]
pub(super) struct SignedJwtText {
    jwt: JwtText,
    token: Option<Value>,
}

/// Keys of `session`.
#[derive(Deserialize)]
pub(super) struct SessionText {
    sign_in: RequestText,
    response: ResponseText,
    sign_out: Option<RequestText>,
    token: Option<Value>,
}

#[derive(Deserialize)]
struct RequestText {
    #[serde(default = "post")]
    method: String,
    url: String,
    #[serde(default = "json")]
    content_type: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

fn post() -> String {
    "POST".into()
}

fn json() -> String {
    "application/json".into()
}

/// Keys of `aws_sigv4`.
#[derive(Deserialize)]
pub(super) struct AwsSigV4Text {
    access_key: Option<String>,
    secret_key: Option<String>,
    session_token: Option<String>,
    region: String,
    service: String,
}

/// Keys of `hmac`.
#[derive(Deserialize)]
pub(super) struct HmacText {
    key: Option<String>,
    key_encoding: Option<String>,
    hash: Option<String>,
    text: String,
    encoding: Option<String>,
    header: String,
    #[serde(default)]
    prefix: String,
    timestamp_header: Option<String>,
}

pub(super) fn jwt_bearer(text: JwtBearerText, names: &Names<'_>) -> Result<JwtBearer, String> {
    names.endpoint("token_url", &text.token_url, false)?;
    Ok(JwtBearer {
        token_url: text.token_url,
        assertion: jwt(text.jwt, names)?,
        scopes: text.scopes,
        parameters: parameters("parameters", text.parameters, &["grant_type", "assertion"], names)?,
        response: response(text.response)?,
        token: token(text.token.as_ref())?,
    })
}

pub(super) fn signed_jwt(text: SignedJwtText, names: &Names<'_>) -> Result<SignedJwt, String> {
    Ok(SignedJwt { claims: jwt(text.jwt, names)?, token: token(text.token.as_ref())? })
}

pub(super) fn session(text: SessionText, names: &Names<'_>) -> Result<Session, String> {
    Ok(Session {
        request: request("sign_in", text.sign_in, names, false)?,
        response: response(Some(text.response))?,
        sign_out: text.sign_out.map(|text| request("sign_out", text, names, true)).transpose()?,
        token: token(text.token.as_ref())?,
    })
}

pub(super) fn aws_sigv4(text: &AwsSigV4Text, names: &Names<'_>) -> Result<AwsSigV4, String> {
    for (key, template) in [("region", &text.region), ("service", &text.service)] {
        if template.is_empty() {
            return Err(format!("`{key}` is empty"));
        }
        names.text(key, template, &[], false)?;
    }
    let session = text.session_token.as_deref();
    Ok(AwsSigV4 {
        access_key: names.field("access_key", text.access_key.as_deref())?,
        secret_key: names.secret("secret_key", text.secret_key.as_deref())?,
        session_token: session.map(|name| names.secret("session_token", Some(name))).transpose()?,
        region: text.region.clone(),
        service: text.service.clone(),
    })
}

pub(super) fn hmac(text: HmacText, names: &Names<'_>) -> Result<Hmac, String> {
    names.text("text", &text.text, &REQUEST_PARTS, false)?;
    names.text("prefix", &text.prefix, &REQUEST_PARTS, false)?;
    if text.prefix.contains("{{body}}") || text.prefix.chars().any(char::is_control) {
        return Err("`prefix` has the body in it, or a control character".into());
    }
    Ok(Hmac {
        key: names.secret("key", text.key.as_deref())?,
        key_encoding: key_encoding(text.key_encoding.as_deref())?,
        hash: match text.hash.as_deref() {
            Some("sha1") => HmacHash::Sha1,
            None | Some("sha256") => HmacHash::Sha256,
            Some("sha512") => HmacHash::Sha512,
            Some(_) => return Err("`hash` must be sha1, sha256 or sha512".into()),
        },
        text: text.text,
        encoding: match text.encoding.as_deref() {
            None | Some("hex") => Encoding::Hex,
            Some("base64") => Encoding::Base64,
            Some(_) => return Err("`encoding` must be hex or base64".into()),
        },
        header: text.header,
        prefix: text.prefix,
        timestamp_header: text.timestamp_header,
    })
}

fn jwt(text: JwtText, names: &Names<'_>) -> Result<JwtClaims, String> {
    let algorithm = match text.algorithm.as_str() {
        "HS256" => JwtAlgorithm::Hs256,
        "RS256" => JwtAlgorithm::Rs256,
        "ES256" => JwtAlgorithm::Es256,
        _ => return Err("`jwt.algorithm` must be HS256, RS256 or ES256".into()),
    };
    if text.lifetime == 0 || text.lifetime > JWT_LIFETIME_MAX {
        return Err(format!("`jwt.lifetime` is a number of seconds from 1 to {JWT_LIFETIME_MAX}"));
    }
    let key = match &text.key {
        Value::String(name) => TextSource::Field { name: name.clone(), pointer: None },
        value => source("jwt.key", value, &[], names)?,
    };
    let TextSource::Field { name, .. } = &key else { return Err("`jwt.key` names a field".into()) };
    names.secret("jwt.key", Some(name))?;
    let more: &[&str] = if algorithm == JwtAlgorithm::Hs256 { &[] } else { &[KEY_FINGERPRINT] };
    let claims = text.claims.iter().map(|(name, value)| {
        if HOST_CLAIMS.contains(&name.as_str()) {
            return Err(format!("`jwt.claims`: `{name}` is set by the host"));
        }
        Ok((name.clone(), source(&format!("jwt.claims.{name}"), value, more, names)?))
    });
    Ok(JwtClaims {
        algorithm,
        key_encoding: key_encoding(text.key_encoding.as_deref())?,
        key_id: text.key_id.map(|value| source("jwt.key_id", &value, more, names)).transpose()?,
        claims: claims.collect::<Result<_, _>>()?,
        key,
        lifetime: text.lifetime,
    })
}

/// A template in a text, or `{"field": …, "pointer": …}`.
fn source(key: &str, value: &Value, more: &[&str], names: &Names<'_>) -> Result<TextSource, String> {
    #[derive(Deserialize)]
    struct FieldText {
        field: String,
        pointer: Option<String>,
    }
    if let Value::String(template) = value {
        names.text(key, template, more, false)?;
        return Ok(TextSource::Template(template.clone()));
    }
    let FieldText { field, pointer: at } = typed(value).map_err(|reason| format!("`{key}`: {reason}"))?;
    Ok(TextSource::Field { name: names.field(key, Some(&field))?, pointer: at.map(|at| pointer(key, at)).transpose()? })
}

/// A declared request: templates over all fields, and over the token once there is one.
fn request(key: &str, text: RequestText, names: &Names<'_>, later: bool) -> Result<SessionRequest, String> {
    if !matches!(text.method.as_str(), "GET" | "POST" | "PUT" | "DELETE") {
        return Err(format!("`{key}.method` must be GET, POST, PUT or DELETE"));
    }
    names.endpoint(&format!("{key}.url"), &text.url, later)?;
    if Escaping::of(&text.content_type).is_none() {
        return Err(format!("`{key}.content_type`: nothing can be put into a body of type `{}`", text.content_type));
    }
    let names_token = |text: &str| TextTemplate::parse(text).is_ok_and(|text| text.names().any(|n| n == ACCESS_TOKEN));
    if !later && text.headers.values().chain([&text.body]).any(|text| names_token(text)) {
        return Err(format!("`{key}`: there is no token before signing in"));
    }
    names.text(&format!("{key}.body"), &text.body, &[], true)?;
    for (name, value) in &text.headers {
        header_name(&format!("{key}.headers"), name)?;
        names.text(&format!("{key}.headers.{name}"), value, &[], true)?;
    }
    Ok(SessionRequest {
        method: text.method,
        url: text.url,
        content_type: text.content_type,
        body: text.body,
        headers: text.headers.into_iter().collect(),
    })
}

fn key_encoding(text: Option<&str>) -> Result<KeyEncoding, String> {
    match text {
        None | Some("text") => Ok(KeyEncoding::Text),
        Some("hex") => Ok(KeyEncoding::Hex),
        Some("base64") => Ok(KeyEncoding::Base64),
        Some(_) => Err("`key_encoding` must be text, hex or base64".into()),
    }
}
