//! What is asked of the provider once there are tokens: which site, which tenant, who the user is.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::ConnectError;
use super::kept::{self, Choice, Kept};
use super::legs;
use super::visit::Visit;
use crate::accounts;
use crate::call::Host;
use crate::egress::{Grant, Injection, Request};
use crate::model::{AuthFailure, AuthKind, Effect, HostPattern, Lookup, UrlTemplate};
use crate::oauth;

/// A user waits for it in front of an empty page.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The most that a user is asked to choose from: more do not fit a page that people read.
const MAX_CHOICES: usize = 100;

/// Characters of a choice.
const MAX_LABEL: usize = 200;

/// Does what is left of the pattern's lookups. Whether the user has to choose before it goes on.
///
/// # Errors
///
/// [`ConnectError::Ended`] where the provider does not answer as the connector says.
pub(super) async fn run(host: &Host, visit: &Visit, kept: &mut Kept) -> Result<bool, ConnectError> {
    while let Some(lookup) = visit.pattern.lookups.get(kept.lookups) {
        let answer = ask(host, visit, kept, lookup).await?;
        let Some(choice) = &lookup.choice else {
            kept.fields.extend(fields_of(&answer, &lookup.fields)?);
            kept.lookups += 1;
            continue;
        };
        let items = answer.pointer(&choice.items).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut choices = Vec::with_capacity(items.len().min(MAX_CHOICES));
        for item in items.iter().take(MAX_CHOICES) {
            let label = item.pointer(&choice.label).and_then(text).unwrap_or_default();
            let label = label.chars().filter(|c| !c.is_control()).take(MAX_LABEL).collect();
            choices.push(Choice { label, fields: fields_of(item, &lookup.fields)? });
        }
        kept.lookups += 1;
        match choices.pop() {
            None => return Err(failed("it has nothing to choose from")),
            Some(only) if choices.is_empty() => kept.fields.extend(only.fields),
            Some(last) => {
                choices.push(last);
                kept.choices = choices;
                return Ok(true);
            }
        }
    }
    Ok(false)
}

async fn ask(host: &Host, visit: &Visit, kept: &Kept, lookup: &Lookup) -> Result<Value, ConnectError> {
    let url = UrlTemplate::parse(&lookup.url).and_then(|template| template.render(&kept.fields));
    let url = url.map_err(|error| failed(&error.to_string()))?;
    // Only where the connector may send this credential anyway. A host that depends on a field that is only looked up now
    // is none of them yet.
    let allowed = accounts::known_hosts(&visit.installed.connector, &visit.connection, &kept.fields);
    let hosts = allowed.iter().filter_map(|host| HostPattern::parse(host).ok()).collect();
    let (account, injection) = (Some(visit.account.id.clone()), injection(host, visit, kept).await?);
    let only = Grant::to(url.as_str(), "GET", Effect::Read, TIMEOUT).map_err(|error| failed(&error.to_string()))?;
    let grant = Grant { account, hosts, injection, ..only };
    let headers = vec![("accept".to_owned(), "application/json".to_owned())];
    let request = Request { method: "GET".into(), target: url.into(), headers, ..Request::default() };
    let answer = host.egress.send(&grant, request).await.map_err(|error| failed(&error.to_string()))?;
    if !(200..300).contains(&answer.status) {
        return Err(failed(&format!("it answered {}", answer.status)));
    }
    serde_json::from_slice(&answer.body).map_err(|_| failed("its answer is not JSON"))
}

async fn injection(host: &Host, visit: &Visit, kept: &Kept) -> Result<Injection, ConnectError> {
    let Some(tokens) = &kept.tokens else { return Ok(Injection::None) };
    match &visit.pattern.kind {
        AuthKind::OAuth2(pattern) => {
            let Some(sealed) = tokens.secrets.get(oauth::ACCESS_TOKEN) else { return Ok(Injection::None) };
            let token = kept::open(host, &visit.request, oauth::ACCESS_TOKEN, sealed)?;
            Ok(oauth::placed(&pattern.token, token))
        }
        AuthKind::OAuth1a(pattern) => legs::signs(host, visit, (pattern, kept, tokens)).await,
        _ => Ok(Injection::None),
    }
}

fn fields_of(value: &Value, wanted: &[(String, String)]) -> Result<BTreeMap<String, String>, ConnectError> {
    wanted
        .iter()
        .map(|(pointer, field)| {
            let found = value.pointer(pointer).and_then(text);
            Ok((field.clone(), found.ok_or_else(|| failed(&format!("it does not say `{field}`")))?))
        })
        .collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn failed(reason: &str) -> ConnectError {
    ConnectError::Ended(AuthFailure::LookupFailed, Some(reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_found_by_pointer_or_it_is_said_which_is_missing() {
        let wanted = |pointer: &str| vec![(pointer.to_owned(), "site".to_owned())];
        let answer = json!({ "a": [{ "b": "x" }], "n": 7, "t": true, "o": {}, "z": null });
        for (pointer, expected) in [("/a/0/b", "x"), ("/n", "7"), ("/t", "true")] {
            assert_eq!(fields_of(&answer, &wanted(pointer)).unwrap()["site"], expected);
        }
        for pointer in ["/a", "/a/1/b", "/o", "/z", "/none", "a"] {
            let error = fields_of(&answer, &wanted(pointer)).unwrap_err();
            assert!(matches!(&error, ConnectError::Ended(_, Some(said)) if said.contains("`site`")), "{error:?}");
        }
    }
}
