//! Paths of documents: what they are made of, and the route that the host holds requests against.

use crate::binding::{Parameter, Piece};
use crate::style::encoded;

/// A path of a document, taken apart.
#[derive(Debug, PartialEq)]
pub(crate) struct Parts {
    /// Literal texts and names in turn, the first a text.
    pub(crate) texts: Vec<String>,
    pub(crate) names: Vec<String>,
    /// `name=value` pairs that the document wrote behind a `?`, encoded.
    pub(crate) query: Vec<String>,
}

/// Takes a path apart.
pub(crate) fn parts(path: &str) -> Result<Parts, String> {
    // A fragment is a way of documents to have two operations on one path.
    let path = path.split('#').next().unwrap_or_default();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path = path.trim_end_matches("//");
    if !path.starts_with('/') {
        return Err("its path does not start with `/`".into());
    }
    let mut parts = Parts { texts: Vec::new(), names: Vec::new(), query: Vec::new() };
    let mut rest = path;
    while let Some((text, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("its path has a `{` without `}`")?;
        parts.texts.push(literal(text)?);
        parts.names.push(name.to_owned());
        rest = after;
    }
    parts.texts.push(literal(rest)?);
    if parts.names.iter().any(String::is_empty) {
        return Err("its path has a `{}` without a name".into());
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty() && !pair.contains('{')) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parts.query.push(format!("{}={}", encoded(name), encoded(value)));
    }
    Ok(parts)
}

/// The path template that the host checks requests against: below `prefix`, each segment literal or with one name.
pub(crate) fn route(prefix: &str, parts: &Parts) -> String {
    let mut whole = prefix.to_owned();
    for (index, text) in parts.texts.iter().enumerate() {
        whole.push_str(text);
        if index < parts.names.len() {
            whole.push('\u{1}');
        }
    }
    let mut count = 0;
    let segments = whole.split('/').map(|segment| {
        let (Some(first), Some(last)) = (segment.find('\u{1}'), segment.rfind('\u{1}')) else {
            return segment.to_owned();
        };
        // The host knows one name a segment: what is between the first and the last is part of it.
        count += 1;
        format!("{}{{p{count}}}{}", &segment[..first], &segment[last + 1..])
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The pieces of a path, with what stands for each name.
pub(crate) fn pieces(parts: &Parts, parameters: Vec<Parameter>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut values = parameters.into_iter();
    for text in &parts.texts {
        if !text.is_empty() {
            pieces.push(Piece::Text(text.clone()));
        }
        pieces.extend(values.next().map(Piece::Value));
    }
    pieces
}

/// Literal text of a path, with what URLs do not allow encoded.
fn literal(text: &str) -> Result<String, String> {
    if text.contains(['}', '\\']) {
        return Err("its path has a `}` without `{`, or a backslash".into());
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || "-._~/:@!$&'()*+,;=%".contains(c) {
            out.push(c);
        } else {
            out.push_str(&encoded(&c.to_string()));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_hold_one_name_a_segment() {
        for (path, expected) in [
            ("/", "/x/"),
            ("/repos/{owner}/{repo}", "/x/repos/{p1}/{p2}"),
            ("/compare/{base}...{head}", "/x/compare/{p1}"),
            ("/a/{b}.{format}/c", "/x/a/{p1}/c"),
            ("/v1/{name}:cancel", "/x/v1/{p1}:cancel"),
            ("/with space/é", "/x/with%20space/%C3%A9"),
            ("/a?action=go&b={c}#more", "/x/a"),
        ] {
            assert_eq!(route("/x", &parts(path).unwrap()), expected, "{path}");
        }
        assert_eq!(parts("/a?x=1&y").unwrap().query, ["x=1", "y="]);
        for path in ["", "a", "/{a", "/a}", "/{}", "/a\\b"] {
            assert!(parts(path).is_err(), "{path}");
        }
    }
}
