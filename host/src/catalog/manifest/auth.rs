//! Auth patterns as manifests write them, read strictly: what a host could not execute is refused when it is installed.

mod fields;
mod oauth;
mod scope;
mod signed;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::is_name;
use crate::model::{
    AuthKind, AuthPattern, BodyInsertion, Choice, Escaping, HeaderTemplate, Lookup, Placement, TokenPlacement,
};
use scope::{Names, header_name, pointer};

/// Characters of a marker, at least: a shorter one stands in bodies by chance.
const MARKER_MIN: usize = 8;

/// All types, as errors list them.
const TYPES: &str = "bearer, api_key, basic, static_headers, oauth2, oauth2_client_credentials, oauth1a, jwt_bearer, \
                     signed_jwt, session, aws_sigv4, hmac, caller_token, none";

#[derive(Deserialize)]
struct PatternText {
    name: String,
    title: String,
    r#type: String,
    #[serde(default)]
    fields: Vec<fields::FieldText>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    insertions: Vec<InsertionText>,
    #[serde(default)]
    lookups: Vec<LookupText>,
}

#[derive(Deserialize)]
struct InsertionText {
    content_type: String,
    marker: String,
    field: String,
}

#[derive(Deserialize)]
struct LookupText {
    url: String,
    fields: BTreeMap<String, String>,
    choice: Option<ChoiceText>,
}

#[derive(Deserialize)]
struct ChoiceText {
    items: String,
    label: String,
    title: String,
}

/// Where a token goes.
#[derive(Deserialize)]
struct TokenText {
    r#in: String,
    name: String,
    #[serde(default)]
    prefix: String,
}

/// Reads one pattern.
///
/// # Errors
/// What is wrong with it, with its name.
pub(super) fn read(value: &Value) -> Result<AuthPattern, String> {
    let text: PatternText = typed(value).map_err(|reason| format!("auth pattern: {reason}"))?;
    let name = text.name.clone();
    pattern(value, text).map_err(|reason| format!("auth pattern `{name}`: {reason}"))
}

fn pattern(value: &Value, text: PatternText) -> Result<AuthPattern, String> {
    if text.name.is_empty() || text.title.is_empty() {
        return Err("its name and its title must not be empty".into());
    }
    let fields = text.fields.into_iter().map(fields::read).collect::<Result<Vec<_>, _>>()?;
    let different: BTreeSet<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    if different.len() != fields.len() {
        return Err("two of its fields have the same name".into());
    }
    let tokens = scope::tokens(&text.r#type, value);
    if let Some(taken) = fields.iter().find(|field| tokens.contains(&field.name.as_str())) {
        return Err(format!("field `{}`: the host keeps what it gets from the provider by this name", taken.name));
    }
    let names = Names { fields: &fields, filled: filled(value)?, token: !tokens.is_empty() };
    names.check_filled()?;
    let kind = kind(&text.r#type, value, &names)?;
    let headers = headers(text.headers, &kind, &names)?;
    let insertions = text.insertions.into_iter().map(|text| insertion(text, &names)).collect::<Result<_, _>>()?;
    let lookups = text.lookups.into_iter().map(|text| lookup(text, &names)).collect::<Result<_, _>>()?;
    if kind == AuthKind::StaticHeaders && headers.is_empty() {
        return Err("`headers` is missing: they are all that this type has".into());
    }
    Ok(AuthPattern { name: text.name, title: text.title, kind, fields, headers, insertions, lookups })
}

fn kind(name: &str, value: &Value, names: &Names<'_>) -> Result<AuthKind, String> {
    let kind = match name {
        "bearer" => AuthKind::Bearer { field: names.field("field", text(value, "field"))? },
        "api_key" => AuthKind::ApiKey {
            field: names.field("field", text(value, "field"))?,
            placement: place("in", text(value, "in"))?,
            name: text(value, "parameter").ok_or("`parameter` is missing")?.to_owned(),
            prefix: text(value, "prefix").unwrap_or_default().to_owned(),
        },
        "basic" => AuthKind::Basic {
            username: names.field("username", text(value, "username"))?,
            password: names.optional("password", text(value, "password"))?,
            filler: text(value, "filler").unwrap_or_default().to_owned(),
        },
        "static_headers" => AuthKind::StaticHeaders,
        "oauth2" => AuthKind::OAuth2(Box::new(oauth::oauth2(typed(value)?, names)?)),
        "oauth2_client_credentials" => {
            AuthKind::ClientCredentials(Box::new(oauth::client_credentials(typed(value)?, names)?))
        }
        "oauth1a" => AuthKind::OAuth1a(Box::new(oauth::oauth1a(typed(value)?, names)?)),
        "jwt_bearer" => AuthKind::JwtBearer(Box::new(signed::jwt_bearer(typed(value)?, names)?)),
        "signed_jwt" => AuthKind::SignedJwt(Box::new(signed::signed_jwt(typed(value)?, names)?)),
        "session" => AuthKind::Session(Box::new(signed::session(typed(value)?, names)?)),
        "aws_sigv4" => AuthKind::AwsSigV4(Box::new(signed::aws_sigv4(&typed(value)?, names)?)),
        "hmac" => AuthKind::Hmac(Box::new(signed::hmac(typed(value)?, names)?)),
        "caller_token" => AuthKind::CallerToken { token: token(value.get("token"))? },
        "none" => AuthKind::None,
        other => return Err(format!("type `{other}` is not known; the types are {TYPES}")),
    };
    scope::check_place(&kind)?;
    Ok(kind)
}

/// The keys of a type, or what is wrong with them.
fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// Where a token goes; RFC 6750's place where nothing is said.
fn token(value: Option<&Value>) -> Result<TokenPlacement, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(TokenPlacement::bearer()) };
    let TokenText { r#in, name, prefix } = typed(value).map_err(|reason| format!("`token`: {reason}"))?;
    Ok(TokenPlacement { placement: place("token.in", Some(&r#in))?, name, prefix })
}

fn place(key: &str, text: Option<&str>) -> Result<Placement, String> {
    match text {
        Some("header") => Ok(Placement::Header),
        Some("query") => Ok(Placement::Query),
        Some("cookie") => Ok(Placement::Cookie),
        _ => Err(format!("`{key}` must be header, query or cookie")),
    }
}

/// The names of the public fields that answers fill, wherever a pattern can say so.
fn filled(value: &Value) -> Result<Vec<String>, String> {
    let lookups = value.get("lookups").and_then(Value::as_array).into_iter().flatten();
    let maps = lookups
        .map(|lookup| lookup.get("fields"))
        .chain([value.get("callback_fields"), value.pointer("/response/fields")]);
    let names: Vec<String> = maps.flatten().filter_map(Value::as_object).flat_map(|map| map.keys().cloned()).collect();
    match names.iter().find(|name| !is_name(name)) {
        Some(bad) => Err(format!("`{bad}` is not a valid name of a field")),
        None => Ok(names),
    }
}

fn headers(texts: BTreeMap<String, String>, kind: &AuthKind, names: &Names<'_>) -> Result<Vec<HeaderTemplate>, String> {
    let own = scope::own_headers(kind);
    let mut seen = BTreeSet::new();
    texts
        .into_iter()
        .map(|(name, value)| {
            header_name("headers", &name)?;
            let lower = name.to_ascii_lowercase();
            if own.contains(&lower) || !seen.insert(lower) {
                return Err(format!("`headers`: `{name}` is set twice"));
            }
            names.text(&format!("headers.{name}"), &value, &[], true)?;
            if value.chars().any(char::is_control) {
                return Err(format!("`headers.{name}` has a control character"));
            }
            Ok(HeaderTemplate { name, value })
        })
        .collect()
}

fn insertion(text: InsertionText, names: &Names<'_>) -> Result<BodyInsertion, String> {
    let InsertionText { content_type, marker, field } = text;
    if Escaping::of(&content_type).is_none() || content_type.contains(';') {
        return Err(format!("`insertions`: nothing can be put into a body of type `{content_type}`"));
    }
    if marker.chars().count() < MARKER_MIN || marker.chars().any(char::is_control) {
        return Err(format!("`insertions`: a marker has at least {MARKER_MIN} characters, and no control character"));
    }
    if !(names.token && field == scope::ACCESS_TOKEN) {
        names.field("insertions.field", Some(&field))?;
    }
    Ok(BodyInsertion { content_type, marker, field })
}

fn lookup(text: LookupText, names: &Names<'_>) -> Result<Lookup, String> {
    names.endpoint("lookups.url", &text.url, true)?;
    let fields = text
        .fields
        .into_iter()
        .map(|(field, at)| Ok((pointer("lookups.fields", at)?, field)))
        .collect::<Result<Vec<_>, String>>()?;
    if fields.is_empty() {
        return Err("`lookups.fields` is empty: there is nothing to look up".into());
    }
    let choice = text.choice.map(|choice| {
        Ok::<_, String>(Choice {
            items: pointer("lookups.choice.items", choice.items)?,
            label: pointer("lookups.choice.label", choice.label)?,
            title: choice.title,
        })
    });
    Ok(Lookup { url: text.url, fields, choice: choice.transpose()? })
}

#[cfg(test)]
mod tests;
