//! Routes as authors write them: `"GET /repos/{owner}"`, `"POST https://uploads.example.com/files/{path+}" => read`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use crate::hosts;
use crate::syntax::{Problems, Value, unknown};

/// The methods that a route may name.
const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

/// The effects, mildest first.
const EFFECTS: [&str; 3] = ["read", "write", "destroy"];

/// What a tool or a request does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    Write,
    Destroy,
}

impl Effect {
    /// Reads the word that an author wrote.
    pub(crate) fn read(word: &Ident, problems: &mut Problems) -> Option<Self> {
        match word.to_string().as_str() {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "destroy" => Some(Self::Destroy),
            other => {
                problems.add(word, unknown("effect", other, &EFFECTS));
                None
            }
        }
    }

    pub(crate) fn tokens(self) -> TokenStream {
        match self {
            Self::Read => quote!(::gloveport_sdk::__private::Effect::Read),
            Self::Write => quote!(::gloveport_sdk::__private::Effect::Write),
            Self::Destroy => quote!(::gloveport_sdk::__private::Effect::Destroy),
        }
    }
}

/// Reads the routes of a tool into expressions of `RouteSpec`.
pub(crate) fn read(values: Vec<Value>, tool: Option<Effect>, problems: &mut Problems) -> Vec<TokenStream> {
    values.into_iter().filter_map(|value| read_one(value, tool, problems)).collect()
}

fn read_one(value: Value, tool: Option<Effect>, problems: &mut Problems) -> Option<TokenStream> {
    let Value::Text(text, word) = value else {
        problems.at(value.span(), "a route is a text: `\"GET /repos/{owner}\"`");
        return None;
    };
    let effect = match &word {
        Some(word) => Some(Effect::read(word, problems)?),
        None => None,
    };
    let route = text.value();
    let (method, host, path) = match split(&route) {
        Ok(parts) => parts,
        Err(reason) => {
            problems.add(&text, format!("malformed route: {reason}"));
            return None;
        }
    };
    let reads = match effect {
        Some(effect) => effect == Effect::Read,
        None => matches!(method, "GET" | "HEAD" | "OPTIONS"),
    };
    if tool == Some(Effect::Read) && !reads {
        problems.add(
            &text,
            format!("a tool with `effect = read` cannot have this route; if this {method} only reads, write `\"{route}\" => read`"),
        );
    }
    let host = option(host.map(|host| quote!(#host)));
    let effect = option(effect.map(Effect::tokens));
    Some(quote! {
        ::gloveport_sdk::__private::RouteSpec { method: #method, host: #host, path: #path, effect: #effect }
    })
}

fn split(route: &str) -> Result<(&str, Option<&str>, &str), String> {
    let Some((method, target)) = route.split_once(' ') else {
        return Err("expected a method, one space and a path, as in `GET /repos/{owner}`".into());
    };
    if !METHODS.contains(&method) {
        return Err(unknown("method", method, &METHODS));
    }
    let (host, path) = match target.strip_prefix("https://") {
        Some(rest) => {
            let end = rest.find('/').ok_or("the path after the host is missing")?;
            let (host, path) = rest.split_at(end);
            hosts::check(host)?;
            (Some(host), path)
        }
        None => (None, target),
    };
    check_path(path)?;
    Ok((method, host, path))
}

fn check_path(path: &str) -> Result<(), String> {
    let Some(rest) = path.strip_prefix('/') else { return Err("the path must begin with `/`".into()) };
    if let Some(odd) = path.chars().find(|c| c.is_whitespace() || c.is_control() || "?#\\".contains(*c)) {
        return Err(format!("`{odd}` does not belong into the path of a route (the query is not part of it)"));
    }
    let segments: Vec<&str> = rest.split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let Some(inner) = segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) else {
            if segment.contains(['{', '}']) {
                return Err(format!("`{segment}`: a placeholder takes a whole segment"));
            }
            if matches!(*segment, "." | "..") || (segment.is_empty() && rest.contains('/')) {
                return Err(format!("`{segment}` cannot be a segment"));
            }
            continue;
        };
        let name = inner.strip_suffix('+').unwrap_or(inner);
        if !is_word(name) {
            return Err(format!("`{segment}`: a placeholder is named with letters, digits and `_`"));
        }
        if inner.ends_with('+') && index + 1 != segments.len() {
            return Err(format!("`{segment}` may only stand at the end"));
        }
    }
    Ok(())
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn option(tokens: Option<TokenStream>) -> TokenStream {
    match tokens {
        Some(tokens) => quote!(::core::option::Option::Some(#tokens)),
        None => quote!(::core::option::Option::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_split() {
        for (route, expected) in [
            ("GET /", ("GET", None, "/")),
            ("GET /repos/{owner}/{repo}", ("GET", None, "/repos/{owner}/{repo}")),
            ("PUT /files/{path+}", ("PUT", None, "/files/{path+}")),
            ("POST https://up.example.com/x", ("POST", Some("up.example.com"), "/x")),
            ("GET https://*.example.com:8443/{a}", ("GET", Some("*.example.com:8443"), "/{a}")),
        ] {
            assert_eq!(split(route), Ok(expected), "{route}");
        }
    }

    #[test]
    fn malformed_routes_are_refused() {
        for route in [
            "",
            "GET",
            "/x",
            "GET x",
            "get /x",
            "GET  /x",
            "FETCH /x",
            "GET /x?y=1",
            "GET /x#y",
            "GET /a b",
            "GET //x",
            "GET /x/",
            "GET /../x",
            "GET /{",
            "GET /a{b}",
            "GET /{a}b",
            "GET /{}",
            "GET /{+}",
            "GET /{a+}/b",
            "GET /{a-b}",
            "GET http://x.example/a",
            "GET https://x.example",
            "GET https:///a",
            "GET https://u@x.example/a",
            "GET /a\\b",
        ] {
            assert!(split(route).is_err(), "{route}");
        }
    }
}
