//! The requests that a test expects, and the routes that a tool declared.

use crate::bindings::gloveport::connector::http as wire;
use crate::bindings::gloveport::connector::types::Effect;
use crate::glue::RouteSpec;
use crate::http::{self, Path};

/// Replies to one method and target.
pub(super) struct Wanted {
    method: String,
    target: String,
    replies: Vec<Result<wire::Response, http::Error>>,
    given: usize,
}

/// Adds a reply.
pub(super) fn add(wanted: &mut Vec<Wanted>, method: &str, target: &str, reply: Result<wire::Response, http::Error>) {
    match wanted.iter_mut().find(|one| one.method == method && one.target == target) {
        Some(one) => one.replies.push(reply),
        None => wanted.push(Wanted { method: method.into(), target: target.into(), replies: vec![reply], given: 0 }),
    }
}

/// The reply to a request; the one with the query goes before the one without.
///
/// # Errors
///
/// A text for the person who wrote the test.
pub(super) fn reply(
    wanted: &mut [Wanted],
    request: &wire::Request,
) -> Result<Result<wire::Response, http::Error>, String> {
    let whole = with_query(request);
    let fits = |one: &Wanted, target: &str| one.method == request.method && one.target == target;
    let index = wanted
        .iter()
        .position(|one| fits(one, &whole))
        .or_else(|| wanted.iter().position(|one| fits(one, &request.target)));
    let Some(one) = index.and_then(|index| wanted.get_mut(index)) else {
        let expected: Vec<String> = wanted.iter().map(|one| format!("{} {}", one.method, one.target)).collect();
        let expected = if expected.is_empty() { "no request".into() } else { expected.join(", ") };
        return Err(format!("unexpected request: {} {whole}; expected: {expected}", request.method));
    };
    let reply = one.replies.get(one.given).or(one.replies.last()).cloned();
    one.given += 1;
    reply.ok_or_else(|| format!("no reply for {} {}", one.method, one.target))
}

/// Whether the host would let the request out: one of the routes has its method, host and path.
pub(super) fn is_within(routes: &[RouteSpec], request: &wire::Request) -> bool {
    let (host, path) = match request.target.strip_prefix("https://") {
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (host, path) = rest.split_at(end);
            (Some(host), path)
        }
        None => (None, request.target.as_str()),
    };
    let path = path.split('?').next().unwrap_or_default();
    routes.iter().any(|route| {
        let host_fits = match (route.host, host) {
            (Some(pattern), Some(host)) => match pattern.strip_prefix('*') {
                Some(suffix) => host.ends_with(suffix) && host.len() > suffix.len(),
                None => pattern == host,
            },
            // An absolute URL may spell out the base URL, which a fake host does not know.
            (None, _) => true,
            (Some(_), None) => false,
        };
        host_fits && route.method == request.method && matches(route.path, path)
    })
}

/// Whether the effect that a route declares is a mild one, for messages.
pub(super) fn describe(routes: &[RouteSpec]) -> String {
    let line = |route: &RouteSpec| {
        let reads = if route.effect == Some(Effect::Read) { " (read)" } else { "" };
        format!("{} {}{}{reads}", route.method, route.host.unwrap_or_default(), route.path)
    };
    routes.iter().map(line).collect::<Vec<_>>().join(", ")
}

fn matches(template: &str, path: &str) -> bool {
    let mut wanted = template.split('/');
    let mut given = path.split('/');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(slot), Some(segment)) if slot.starts_with('{') => {
                if segment.is_empty() {
                    return false;
                }
                if slot.ends_with("+}") {
                    return given.all(|segment| !segment.is_empty());
                }
            }
            (Some(slot), Some(segment)) if slot == segment => {}
            _ => return false,
        }
    }
}

fn with_query(request: &wire::Request) -> String {
    let mut text = request.target.clone();
    for (index, (name, value)) in request.query.iter().enumerate() {
        text.push(if index == 0 && !text.contains('?') { '?' } else { '&' });
        text.push_str(&encoded(name));
        text.push('=');
        text.push_str(&encoded(value));
    }
    text
}

fn encoded(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    // Dots alone are refused in a path but not in a query.
    Path::builder().value("", &text).build().into_target().unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates() {
        for (template, path, expected) in [
            ("/", "/", true),
            ("/a/{b}", "/a/x", true),
            ("/a/{b}", "/a/", false),
            ("/a/{b}", "/a/x/y", false),
            ("/a/{b}", "/a", false),
            ("/a/{b+}", "/a/x/y", true),
            ("/a/{b+}", "/a/", false),
            ("/a/{b+}", "/a/x//y", false),
            ("/a", "/A", false),
        ] {
            assert_eq!(matches(template, path), expected, "{template} {path}");
        }
    }
}
