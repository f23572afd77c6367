//! Where providers send browsers back to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::shell::{Pages, go_to};
use super::{choose, cookie, ending, message};
use crate::connect::{self, Answer, Came};
use crate::model::Secret;

/// Bytes of a query: a code has a few kilobytes where it is a signed token, and other parameters are short.
const MAX_QUERY: usize = 16 * 1024;

/// Takes a provider's answer, and sends the browser on to a page without a code in its URL.
pub(super) async fn take(
    State(pages): State<Pages>,
    connector: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY {
        return message::malformed(&pages.look, StatusCode::URI_TOO_LONG);
    }
    let (Ok(Path(connector)), Some(answer)) = (connector, read(&query)) else {
        return message::malformed(&pages.look, StatusCode::BAD_REQUEST);
    };
    let browser = cookie::sent(&pages, &headers);
    match connect::come_back(&pages.host, &connector, browser.as_ref(), answer).await {
        Ok(next) => came(&pages, next),
        Err(error) => message::failed(&pages.look, &error),
    }
}

/// Where the browser goes next.
pub(super) fn came(pages: &Pages, next: Came) -> Response {
    match next {
        Came::Ended(id) => go_to(&pages.look, &ending::url(pages, &id)),
        Came::Choose(id) => go_to(&pages.look, &choose::url(pages, &id)),
        Came::Verify(url) => go_to(&pages.look, url.as_str()),
        Came::Unknown => message::unexpected(&pages.look),
        Came::Late => message::late(&pages.look),
        Came::OtherBrowser => message::other_browser(&pages.look),
    }
}

/// `None` if a parameter is there twice (RFC 6749 section 3.1), or nothing says what it answers.
fn read(query: &str) -> Option<Answer> {
    let mut all: BTreeMap<Cow<'_, str>, Cow<'_, str>> = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if all.insert(name, value).is_some() {
            return None;
        }
    }
    let mut take = |name: &str| all.remove(name).map(Cow::into_owned);
    let (state, issuer, description) = (take("state"), take("iss"), take("error_description"));
    // OAuth 1.0a has neither a `state` nor a way to say no; vendors have found two.
    let denied = take("denied").filter(|_| state.is_none());
    let refused = denied.is_some().then(|| "access_denied".to_owned());
    let temporary = take("oauth_token").filter(|_| state.is_none()).or(denied);
    if state.is_none() && temporary.is_none() {
        return None;
    }
    let (code, verifier) = (take("code"), take("oauth_verifier"));
    let (error, problem) = (take("error"), take("oauth_problem"));
    Some(Answer {
        code: if state.is_some() { code } else { verifier }.map(Secret::new),
        error: error.or(refused).or(problem.filter(|_| state.is_none())),
        state,
        temporary,
        issuer,
        description,
        others: all.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn an_answer_says_each_thing_once() {
        for query in [
            "",
            "code=a",
            "oauth_verifier=a",
            "error=e",
            "oauth_token=a&oauth_token=b",
            "state=a&state=b",
            "state=a&code=b&code=c",
            "state=a&x=1&x=2",
            "state=a&iss=b&iss=b",
        ] {
            assert!(read(query).is_none(), "{query}");
        }
        let answer = read("state=a%20b&code=c&iss=https%3A%2F%2Fd&realmId=7&error=e&error_description=f+g").unwrap();
        assert_eq!((answer.state.as_deref(), answer.code.unwrap().len()), (Some("a b"), 1));
        assert_eq!((answer.issuer.as_deref(), answer.error.as_deref()), (Some("https://d"), Some("e")));
        assert_eq!((answer.description.as_deref(), answer.others["realmId"].as_str()), (Some("f g"), "7"));
        assert_eq!(answer.others.len(), 1);
    }

    /// AU-03: an answer is of one version of the protocol or of the other.
    #[test]
    fn an_answer_without_a_state_has_a_token() {
        for (query, code, error) in [
            ("oauth_token=a&oauth_verifier=bc", Some(2), None),
            ("oauth_token=a&code=bcd", None, None),
            ("denied=a", None, Some("access_denied")),
            ("oauth_token=a&oauth_problem=user_refused", None, Some("user_refused")),
            ("oauth_token=a&error=x", None, Some("x")),
        ] {
            let answer = read(query).unwrap();
            assert_eq!((answer.state, answer.temporary.as_deref()), (None, Some("a")), "{query}");
            assert_eq!((answer.code.map(|code| code.len()), answer.error.as_deref()), (code, error), "{query}");
        }
        let answer = read("state=s&oauth_token=a&oauth_verifier=b&denied=c&oauth_problem=d").unwrap();
        assert!(answer.temporary.is_none() && answer.code.is_none() && answer.error.is_none());
    }
}
