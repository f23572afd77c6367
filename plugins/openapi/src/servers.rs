//! Where operations are sent: servers, their variables, and what takes their place.

use serde_json::Value;

use crate::document::{list, object, text};
use crate::options::Options;

/// An absolute URL without a slash at its end, and the host in it as the manifest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) host: String,
}

impl Server {
    /// The path that is common to all that is sent there; empty, or with a slash first.
    pub(crate) fn path(&self) -> &str {
        let authority = self.url.split_once("://").map_or("", |(_, rest)| rest);
        authority.find('/').map_or("", |at| &authority[at..])
    }
}

/// What all operations are sent to that say nothing else.
pub(crate) fn base(root: &[Value], options: &Options) -> Result<Server, String> {
    if let Some(url) = &options.base_url {
        return absolute(url).ok_or_else(|| format!("base_url `{url}` is not an absolute http or https URL"));
    }
    let found = match root.first() {
        Some(server) => server_of(server, options)?,
        // What the specification says a document without servers means.
        None => relative("/", options).ok_or_else(no_server)?,
    };
    Ok(found)
}

/// The server of a path or an operation, where it has one of its own that is not the base.
pub(crate) fn own(holders: [&Value; 2], base: &Server, options: &Options) -> Result<Option<Server>, String> {
    if options.base_url.is_some() {
        return Ok(None);
    }
    let Some(server) = holders.into_iter().find_map(|holder| list(holder, "servers").first()) else { return Ok(None) };
    let found = server_of(server, options)?;
    if found.url.contains("{{") {
        return Err("its own server has a field of the account in it, which only the base URL can have".into());
    }
    Ok(Some(found).filter(|found| found != base))
}

fn server_of(server: &Value, options: &Options) -> Result<Server, String> {
    let url = text(server, "url").ok_or("a server has no url")?;
    let filled = fill(url, server, options)?;
    absolute(&filled).or_else(|| relative(&filled, options)).ok_or_else(no_server)
}

fn no_server() -> String {
    "the document names no absolute server: say which with base_url".into()
}

/// Puts the variables' values in.
fn fill(url: &str, server: &Value, options: &Options) -> Result<String, String> {
    let mut filled = String::with_capacity(url.len());
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) =
            after.split_once('}').ok_or_else(|| format!("the server `{url}` has a `{{` without `}}`"))?;
        let variable = object(server, "variables").and_then(|variables| variables.get(name));
        let default = variable.and_then(|variable| variable.get("default")).map(crate::style::as_text);
        let value = options.server_variables.get(name).cloned().or(default);
        let value =
            value.ok_or_else(|| format!("the server `{url}` needs a value of `{name}`: say it in server_variables"))?;
        filled.push_str(before);
        filled.push_str(&value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn relative(url: &str, options: &Options) -> Option<Server> {
    let document = absolute(options.document_url.as_deref()?)?;
    let origin = document.url.strip_suffix(document.path()).unwrap_or(&document.url);
    let path = match url.strip_prefix('/') {
        Some(_) => url.to_owned(),
        None => {
            let folder = document.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{}", url.trim_start_matches("./"))
        }
    };
    absolute(&format!("{origin}{path}"))
}

fn absolute(url: &str) -> Option<Server> {
    let url = url.trim().trim_end_matches('/');
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split(['/', '?', '#']).next()?;
    if !matches!(scheme.as_str(), "https" | "http") || authority.is_empty() || rest.contains(['?', '#', ' ', '@']) {
        return None;
    }
    let host = if authority.contains("{{") { authority.to_owned() } else { authority.to_ascii_lowercase() };
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(own_port).map_or(host.clone(), str::to_owned);
    Some(Server { url: format!("{scheme}://{host}{}", &rest[authority.len()..]), host })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn options(text: Value) -> Options {
        serde_json::from_value(text).unwrap()
    }

    /// HA-04
    #[test]
    fn the_base_is_what_the_rows_say() {
        let servers = json!([{ "url": "https://{region}.api.example.com:{port}/v1/", "variables": {
            "region": { "default": "eu" }, "port": { "default": 443 } } }]);
        let plain = json!([{ "url": "HTTPS://API.example.com/" }]);
        for (servers, said, expected) in [
            (&servers, json!({}), Ok(("https://eu.api.example.com/v1", "eu.api.example.com"))),
            (
                &servers,
                json!({ "server_variables": { "region": "us", "port": "8443" } }),
                Ok(("https://us.api.example.com:8443/v1", "us.api.example.com:8443")),
            ),
            (
                &servers,
                json!({ "server_variables": { "region": "{{Region}}" } }),
                Ok(("https://{{Region}}.api.example.com/v1", "{{Region}}.api.example.com")),
            ),
            (&servers, json!({ "base_url": "http://127.0.0.1:99/x/" }), Ok(("http://127.0.0.1:99/x", "127.0.0.1:99"))),
            (&plain, json!({}), Ok(("https://api.example.com", "api.example.com"))),
            (
                &json!([{ "url": "/api/v3" }]),
                json!({ "document_url": "https://e.example/docs/o.json" }),
                Ok(("https://e.example/api/v3", "e.example")),
            ),
            (
                &json!([{ "url": "v3" }]),
                json!({ "document_url": "https://e.example/docs/o.json" }),
                Ok(("https://e.example/docs/v3", "e.example")),
            ),
            (&json!([]), json!({ "document_url": "https://e.example/o.json" }), Ok(("https://e.example", "e.example"))),
            (&json!([{ "url": "/api" }]), json!({}), Err("base_url")),
            (&json!([]), json!({}), Err("base_url")),
            (&json!([{ "url": "ftp://e.example" }]), json!({}), Err("base_url")),
            (&json!([{ "url": "https://a@e.example" }]), json!({}), Err("base_url")),
            (&json!([{ "url": "https://{x}.example" }]), json!({}), Err("server_variables")),
            (&json!([{ "url": "https://{x" }]), json!({}), Err("without")),
            (&json!([{}]), json!({}), Err("no url")),
            (&plain, json!({ "base_url": "e.example" }), Err("not an absolute")),
        ] {
            let servers = servers.as_array().unwrap();
            let found = base(servers, &options(said.clone()));
            match (found, expected) {
                (Ok(found), Ok((url, host))) => assert_eq!((found.url.as_str(), found.host.as_str()), (url, host)),
                (Err(refused), Err(reason)) => assert!(refused.contains(reason), "{refused}"),
                (found, _) => panic!("{servers:?} {said}: {found:?}"),
            }
        }
    }

    #[test]
    fn an_operation_may_have_a_server_of_its_own() {
        let base = absolute("https://api.example.com").unwrap();
        let own_server = json!({ "servers": [{ "url": "https://up.example.com/v2" }] });
        let same = json!({ "servers": [{ "url": "https://api.example.com/" }] });
        let found = own([&json!({}), &own_server], &base, &Options::default()).unwrap().unwrap();
        assert_eq!((found.host.as_str(), found.path()), ("up.example.com", "/v2"));
        assert_eq!(own([&same, &own_server], &base, &Options::default()), Ok(None));
        let said = options(json!({ "base_url": "https://other.example" }));
        assert_eq!(own([&own_server, &same], &base, &said), Ok(None));
    }
}
