//! The patterns in which the host signs: what it signs with, out of the account's fields.

use super::fields::{Fields, stale};
use crate::egress::{AwsKeys, HmacKey, Injection, OAuth1aKeys, Text, sign_jwt};
use crate::model::{AwsSigV4, Fault, Hmac, OAuth1a, Secret, SignedJwt, TextSource, TextTemplate};
use crate::oauth::{CONSUMER, TOKEN_PAIR, placed};

pub(super) fn oauth1a(fields: &Fields<'_>, oauth: &OAuth1a) -> Result<Injection, Fault> {
    let open = |declared: &Option<String>, kept: &str| fields.open(declared.as_deref().unwrap_or(kept));
    Ok(Injection::OAuth1a(Box::new(OAuth1aKeys {
        signature: oauth.signature,
        consumer_key: fields.text(oauth.consumer_key.as_deref().unwrap_or(CONSUMER[0]))?,
        consumer_secret: open(&oauth.consumer_secret, CONSUMER[1])?,
        token: open(&oauth.token, TOKEN_PAIR[0])?,
        token_secret: open(&oauth.token_secret, TOKEN_PAIR[1])?,
        realm: oauth.realm.as_deref().map(|realm| fields.rendered(realm)).transpose()?,
        parameters: Vec::new(),
    })))
}

pub(super) fn aws(fields: &Fields<'_>, aws: &AwsSigV4) -> Result<Injection, Fault> {
    Ok(Injection::AwsSigV4(Box::new(AwsKeys {
        access_key: fields.text(&aws.access_key)?,
        secret_key: fields.open(&aws.secret_key)?,
        session_token: aws.session_token.as_deref().map(|field| fields.open(field)).transpose()?,
        region: fields.rendered(&aws.region)?,
        service: fields.rendered(&aws.service)?,
    })))
}

pub(super) fn hmac(fields: &Fields<'_>, hmac: &Hmac) -> Result<Injection, Fault> {
    let mut values = crate::egress::Values::new();
    for template in [&hmac.text, &hmac.prefix] {
        let template = TextTemplate::parse(template).map_err(|error| stale(error.to_string()))?;
        values.extend(template.names().map(|name| (name.to_owned(), Text::Public(fields.public(name)))));
    }
    Ok(Injection::Hmac(Box::new(HmacKey { pattern: hmac.clone(), key: fields.open(&hmac.key)?, values })))
}

/// The token where it goes; the key that signed it never leaves, and must not come back either.
pub(super) fn jwt(fields: &Fields<'_>, jwt: &SignedJwt) -> Result<Injection, Fault> {
    let placed = placed(&jwt.token, token(fields, jwt)?);
    let TextSource::Field { name, .. } = &jwt.claims.key else { return Ok(placed) };
    Ok(Injection::All(vec![Injection::Hidden(fields.open(name)?), placed]))
}

/// A token of now.
pub(super) fn token(fields: &Fields<'_>, jwt: &SignedJwt) -> Result<Secret, Fault> {
    let names = jwt.claims.names();
    let values = fields.values(names.iter().map(String::as_str))?;
    sign_jwt(&jwt.claims, &[], &values, fields.host.clock.now()).map_err(|error| stale(error.to_string()))
}
