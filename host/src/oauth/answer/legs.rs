//! What the answers of OAuth 1.0a's endpoints mean: a form, whatever its type says, or why there is none.

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::super::OAuthError;
use super::super::limits::MAX_REASON;
use super::super::tokens::TOKEN_PAIR;
use super::{complete, passes, usable};
use crate::egress::Response;
use crate::model::Secret;

/// Which endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Leg {
    /// That of temporary credentials: it knows nothing but the consumer.
    Temporary,
    /// That of token credentials: it knows what the browser brought, too.
    Access,
}

/// Words of the Problem Reporting extension that are about what a user agreed to.
const OVER: &[&str] = &[
    "permission_denied",
    "token_expired",
    "token_rejected",
    "token_revoked",
    "token_used",
    "user_refused",
    "verifier_invalid",
];

/// The members of an answer, by their names.
///
/// # Errors
/// [`OAuthError`], by what the provider says; a reason is still to be searched for what was sent.
pub(in super::super) fn credentials(answer: &Response, leg: Leg) -> Result<BTreeMap<String, Secret>, OAuthError> {
    complete(answer)?;
    let mut members = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(&answer.body) {
        if members.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(OAuthError::transient("its answer says a thing twice"));
        }
    }
    if !(200..300).contains(&answer.status) || members.contains_key("oauth_problem") {
        return Err(refused(answer, &members, leg));
    }
    // What says whose the token is may be in any script; the token itself has to go into a header.
    let member = |(name, value): (String, String)| match TOKEN_PAIR.contains(&name.as_str()) {
        true => Ok((name, usable(&value)?)),
        false => Ok((name, Secret::new(value))),
    };
    members.into_iter().map(member).collect()
}

fn refused(answer: &Response, members: &BTreeMap<String, String>, leg: Leg) -> OAuthError {
    let status = answer.status;
    let problem = members.get("oauth_problem").map(String::as_str).unwrap_or_default();
    let advice = members.get("oauth_problem_advice").map(String::as_str).unwrap_or_default();
    let said = [problem, advice].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
    let said: String = said.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
    let reason = if said.is_empty() { format!("it answers {status}") } else { format!("it answers {status}, {said}") };
    match (status, leg) {
        (408 | 425 | 429 | 500..=599, _) => passes(answer, reason),
        _ if OVER.contains(&problem) => OAuthError::Expired { reason },
        _ if !problem.is_empty() => OAuthError::Configuration { reason },
        // Who was good enough a minute ago is still: it is what the browser brought that is not.
        (400 | 401 | 403, Leg::Access) => OAuthError::Expired { reason },
        (400 | 401 | 403 | 404, _) => OAuthError::Configuration { reason },
        _ => OAuthError::Transient { reason, retry_after: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: vec![("content-type".into(), "text/html".into())],
            body: body.to_owned().into(),
            truncated: false,
            scrubbed: 0,
            sent_bytes: 0,
            received_bytes: 0,
        }
    }

    /// AU-03: providers send a form as whatever type they like; what is no form has nothing in it.
    #[test]
    fn members_are_read_whatever_the_type() {
        let read = credentials(&answer(200, "oauth_token=a%2Bb&oauth_token_secret=c&user_id=7"), Leg::Access).unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), ["oauth_token", "oauth_token_secret", "user_id"]);
        assert_eq!(read["oauth_token"].len(), 3);
        assert!(!credentials(&answer(200, "<html>"), Leg::Access).unwrap().contains_key("oauth_token"));
        for body in ["oauth_token=a&oauth_token=b", "oauth_token=a%0D%0Ax: y", "oauth_token=%C3%A9"] {
            let read = credentials(&answer(200, body), Leg::Access);
            assert!(matches!(read, Err(OAuthError::Transient { .. })), "{body}");
        }
    }

    #[test]
    fn each_refusal_is_told_from_the_others() {
        let kind = |status, body: &str, leg| match credentials(&answer(status, body), leg) {
            Ok(_) => "ok",
            Err(OAuthError::Transient { .. }) => "transient",
            Err(OAuthError::Expired { .. }) => "expired",
            Err(OAuthError::Configuration { .. }) => "configuration",
            Err(_) => "other",
        };
        for (status, body, temporary, access) in [
            (401, "", "configuration", "expired"),
            (403, "no", "configuration", "expired"),
            (404, "", "configuration", "configuration"),
            (418, "", "transient", "transient"),
            (500, "oauth_problem=token_rejected", "transient", "transient"),
            (429, "", "transient", "transient"),
            (401, "oauth_problem=consumer_key_unknown", "configuration", "configuration"),
            (401, "oauth_problem=timestamp_refused", "configuration", "configuration"),
            (401, "oauth_problem=token_expired", "expired", "expired"),
            (200, "oauth_problem=verifier_invalid&oauth_token=a", "expired", "expired"),
            (301, "", "configuration", "configuration"),
            (302, "oauth_token=a", "transient", "transient"),
        ] {
            assert_eq!(kind(status, body, Leg::Temporary), temporary, "{status} {body}");
            assert_eq!(kind(status, body, Leg::Access), access, "{status} {body}");
        }
    }
}
