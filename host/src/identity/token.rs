//! A token read strictly: signature first, then for whom, from whom and when.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::limits::{LEEWAY, TOKEN_BYTES};
use super::{TokenFault, ring};
use crate::model::Timestamp;

/// A token that nobody has checked: whose it says that it is, and nothing else.
pub(super) struct Unchecked<'a> {
    text: &'a str,
    header: Header,
    /// The issuer that it names.
    pub(super) issuer: String,
    /// The audiences that it names.
    pub(super) audiences: Vec<String>,
}

/// What a token must be.
pub(super) struct Expected<'a> {
    /// Exactly this issuer.
    pub(super) issuer: &'a str,
    /// One of these audiences among those that it names.
    pub(super) audiences: &'a [&'a str],
    /// Signed in one of these ways.
    pub(super) algorithms: &'a [Algorithm],
    /// Of this type, where its issuer signs tokens of several.
    pub(super) kind: Option<&'a str>,
}

/// The claims of a token that was checked.
#[derive(Debug)]
pub(super) struct Claims(pub(super) Map<String, Value>);

#[derive(Deserialize)]
struct Peek {
    iss: String,
    #[serde(default)]
    aud: Audience,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Audience {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl<'a> Unchecked<'a> {
    /// Takes a token apart. What is not a signed token in the compact form is refused.
    pub(super) fn of(text: &'a str) -> Result<Self, TokenFault> {
        ring::install();
        if text.len() > TOKEN_BYTES {
            return Err(TokenFault::Malformed);
        }
        let header = jsonwebtoken::decode_header(text).map_err(|_| TokenFault::Malformed)?;
        // Nothing is understood that a header could call critical (RFC 7515 section 4.1.11).
        if header.crit.is_some() || header.extras.inner().contains_key("b64") {
            return Err(TokenFault::Malformed);
        }
        let peek: Peek = jsonwebtoken::dangerous::insecure_decode_claims(text).map_err(|_| TokenFault::Malformed)?;
        let audiences = match peek.aud {
            Audience::None => Vec::new(),
            Audience::One(one) => vec![one],
            Audience::Many(many) => many,
        };
        Ok(Self { text, header, issuer: peek.iss, audiences })
    }

    /// The name of the key that it says it was signed with.
    pub(super) fn key_id(&self) -> Result<&str, TokenFault> {
        self.header.kid.as_deref().filter(|kid| !kid.is_empty()).ok_or(TokenFault::NoKeyId)
    }

    /// The way in which it says it was signed, if that is one of those.
    pub(super) fn algorithm(&self, allowed: &[Algorithm]) -> Result<Algorithm, TokenFault> {
        Some(self.header.alg).filter(|named| allowed.contains(named)).ok_or(TokenFault::Algorithm)
    }

    /// Checks the signature, and then what it says. The way of signing is the operator's choice, never the token's.
    pub(super) fn check(
        self,
        key: &DecodingKey,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<Claims, TokenFault> {
        let mut validation = Validation::new(self.algorithm(expected.algorithms)?);
        validation.set_issuer(&[expected.issuer]);
        validation.set_audience(expected.audiences);
        validation.set_required_spec_claims(&["iss", "aud"]);
        // The library would ask the machine's clock; times are looked at below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = jsonwebtoken::decode::<Map<String, Value>>(self.text, key, &validation).map_err(|error| {
            use jsonwebtoken::errors::ErrorKind;
            match error.kind() {
                ErrorKind::InvalidIssuer | ErrorKind::MissingRequiredClaim(_) => TokenFault::Issuer,
                ErrorKind::InvalidAudience => TokenFault::Audience,
                _ => TokenFault::Signature,
            }
        })?;
        if claims.claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) {
            return Err(TokenFault::Issuer);
        }
        if expected.kind.is_some_and(|kind| !self.header.typ.as_deref().unwrap_or_default().eq_ignore_ascii_case(kind))
        {
            return Err(TokenFault::Malformed);
        }
        in_time(&claims.claims, now)?;
        Ok(Claims(claims.claims))
    }
}

/// A token without an end is refused; one without a beginning has begun.
fn in_time(claims: &Map<String, Value>, now: Timestamp) -> Result<(), TokenFault> {
    let end = moment(claims, "exp")?.ok_or(TokenFault::Expired)?;
    if now >= end.plus(LEEWAY) {
        return Err(TokenFault::Expired);
    }
    let begins = |name| Ok::<_, TokenFault>(moment(claims, name)?.is_some_and(|begin| now.plus(LEEWAY) < begin));
    if begins("nbf")? || begins("iat")? {
        return Err(TokenFault::TooEarly);
    }
    Ok(())
}

/// When the time of a token is over that was taken a moment ago; `None` if it does not say so in a way that is read here.
pub fn end_of(token: &str) -> Option<Timestamp> {
    let claims: Map<String, Value> = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    Some(moment(&claims, "exp").ok()??.plus(LEEWAY))
}

/// Seconds since 1970, which may have a fraction (RFC 7519 section 2).
fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, TokenFault> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds =
        value.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0).ok_or(TokenFault::Malformed)?;
    Ok(Some(match Duration::try_from_secs_f64(seconds) {
        Ok(since) => Timestamp(0).plus(since),
        Err(_) => Timestamp(i64::MAX),
    }))
}

impl Claims {
    /// What a claim says, by its name, or by a JSON Pointer if it begins with `/`.
    pub(super) fn get(&self, place: &str) -> Option<&Value> {
        match place.strip_prefix('/') {
            None => self.0.get(place),
            Some(rest) => {
                let (first, deeper) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
                let first = first.replace("~1", "/").replace("~0", "~");
                self.0.get(&first)?.pointer(deeper)
            }
        }
    }

    /// The subject, without which nobody can be told apart.
    pub(super) fn subject(&self) -> Result<&str, TokenFault> {
        self.name("sub")
    }

    /// A claim that must be a name of some kind.
    pub(super) fn name(&self, place: &str) -> Result<&str, TokenFault> {
        let fits = |text: &&str| {
            let chars = text.chars().count();
            (1..=super::limits::NAME_CHARS).contains(&chars) && !text.chars().any(char::is_control)
        };
        self.get(place).and_then(Value::as_str).filter(fits).ok_or(TokenFault::Claim)
    }

    /// A claim that is a list: of texts, or one text with spaces between them (RFC 8693 section 4.2).
    pub(super) fn list(&self, place: &str) -> Vec<&str> {
        match self.get(place) {
            Some(Value::String(text)) => text.split(' ').filter(|word| !word.is_empty()).collect(),
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}
