//! Documents in which clients describe themselves, at the URL that is their identifier: fetched as everything is that leaves
//! this host, held to that URL, and kept for some minutes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use tokio::sync::Semaphore;
use url::Url;

use super::client::{Client, are_redirects, readable, takes_codes};
use super::limits::{DOCUMENT_FRESH, DOCUMENT_TIMEOUT, MAX_DOCUMENT, MAX_DOCUMENTS, MAX_FETCHES, MAX_URL};
use super::{IssuerError, refuse};
use crate::call::Host;
use crate::egress::{Grant, Request};
use crate::model::{Effect, Timestamp};

/// The documents that were read lately. One for the whole process.
#[derive(Debug)]
pub struct Documents {
    known: Mutex<HashMap<String, (Client, Timestamp)>>,
    fetches: Semaphore,
}

impl Default for Documents {
    fn default() -> Self {
        Self { known: Mutex::default(), fetches: Semaphore::new(MAX_FETCHES) }
    }
}

#[derive(Deserialize)]
struct Written {
    client_id: String,
    #[serde(default)]
    client_name: Option<String>,
    redirect_uris: Vec<String>,
    #[serde(default)]
    client_secret: Option<serde_json::Value>,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
    #[serde(default)]
    grant_types: Option<Vec<String>>,
    #[serde(default)]
    response_types: Option<Vec<String>>,
}

impl Documents {
    /// The client that describes itself at this URL.
    pub(super) async fn client(&self, host: &Host, id: &str) -> Result<Client, IssuerError> {
        let Some(url) = usable(id) else {
            let detail =
                "The program names itself by a URL that is none for this: https, with a path, and nothing else.";
            return refuse("invalid_client", detail);
        };
        let now = host.clock.now();
        let known = self.known(id);
        if let Some((client, at)) = &known
            && now < at.plus(DOCUMENT_FRESH)
        {
            return Ok(client.clone());
        }
        // Who keeps all places busy keeps nobody away who was here before.
        let Ok(_fetching) = self.fetches.try_acquire() else {
            return known.map(|(client, _)| client).ok_or(IssuerError::Busy);
        };
        let name = url.host_str().unwrap_or_default();
        let text = match fetch(host, id).await {
            Ok(text) => text,
            Err(reason) => {
                tracing::info!(client = id, reason, "a client's document cannot be read");
                return refuse("invalid_client", format!("What the program says of itself at {name} cannot be read."));
            }
        };
        let client = read(id, name, &text)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_DOCUMENTS {
            let oldest = known.iter().min_by_key(|(_, (_, at))| *at).map(|(id, _)| id.clone());
            oldest.and_then(|id| known.remove(&id));
        }
        known.insert(id.to_owned(), (client.clone(), now));
        Ok(client)
    }

    /// What was read there last, and when.
    fn known(&self, id: &str) -> Option<(Client, Timestamp)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}

/// A URL that can be an identifier: it has one spelling, a path, and no part that says who or what else.
fn usable(id: &str) -> Option<Url> {
    let url = Url::parse(id).ok()?;
    let nobody = url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none() && url.path() != "/";
    (id.len() <= MAX_URL && url.scheme() == "https" && url.as_str() == id && nobody && bare).then_some(url)
}

/// The document; why there is none, for the log. The person at the browser is told nothing of what this host can reach.
async fn fetch(host: &Host, id: &str) -> Result<bytes::Bytes, String> {
    let grant = Grant::to(id, "GET", Effect::Read, DOCUMENT_TIMEOUT).map_err(|error| error.to_string())?;
    let headers = vec![("accept".to_owned(), "application/json".to_owned())];
    let request = Request { method: "GET".into(), target: id.to_owned(), headers, ..Request::default() };
    let answer = host.egress.send(&grant, request).await.map_err(|error| error.to_string())?;
    match answer.status {
        200 if !answer.truncated && answer.body.len() <= MAX_DOCUMENT => Ok(answer.body),
        200 => Err(format!("it is longer than {MAX_DOCUMENT} bytes")),
        status => Err(format!("it answered with status {status}")),
    }
}

fn read(id: &str, host_name: &str, text: &[u8]) -> Result<Client, IssuerError> {
    let wrong =
        |detail: &str| refuse("invalid_client", format!("What the program says of itself at {host_name} {detail}."));
    let Ok(written) = serde_json::from_slice::<Written>(text) else { return wrong("is no description of a client") };
    if written.client_id != id {
        return wrong("is about another one");
    }
    if written.client_secret.is_some() || written.token_endpoint_auth_method.is_some_and(|method| method != "none") {
        return wrong("asks for a way to prove itself that this host does not have");
    }
    if !takes_codes(written.grant_types.as_deref(), written.response_types.as_deref()) {
        return wrong("does not take codes");
    }
    let uris = written.redirect_uris;
    if !are_redirects(&uris) {
        return wrong("names addresses for its answer that are none");
    }
    let name = written.client_name.as_deref().and_then(readable);
    Ok(Client { id: id.to_owned(), name: name.unwrap_or_else(|| host_name.to_owned()), redirect_uris: uris })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::limits::MAX_REDIRECTS;
    use super::*;

    const ID: &str = "https://client.example/oauth/client.json";

    #[test]
    fn an_identifier_has_one_spelling() {
        assert!(usable(ID).is_some() && usable("https://client.example:8443/x").is_some());
        let long = format!("https://client.example/{}", "x".repeat(MAX_URL));
        for id in [
            "https://client.example",
            "https://client.example/",
            "https://client.example:443/x",
            "https://Client.example/x",
            "https://client.example/a/../x",
            "https://client.example/./x",
            "https://client.example/x?y",
            "https://client.example/x#y",
            "https://a@client.example/x",
            "https://:b@client.example/x",
            "http://client.example/x",
            "https:/client.example/x",
            " https://client.example/x",
            "https://client.example/x ",
            &long,
        ] {
            assert!(usable(id).is_none(), "{id}");
        }
    }

    #[test]
    fn a_document_is_about_its_url() {
        let whole = json!({ "client_id": ID, "client_name": " A\u{202e} tool ", "redirect_uris": ["http://127.0.0.1/cb"],
            "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"], "logo_uri": "https://client.example/logo.png" });
        let taken = |document: &Value| read(ID, "client.example", document.to_string().as_bytes());
        let client = taken(&whole).unwrap();
        assert_eq!((client.id.as_str(), client.name.as_str()), (ID, "A tool"));
        for (at, value) in [
            ("client_id", json!("https://client.example/oauth/other.json")),
            ("client_id", json!("https://client.example/oauth/client.json/")),
            ("client_id", json!(null)),
            ("redirect_uris", json!([])),
            ("redirect_uris", json!(["javascript:alert(1)"])),
            ("redirect_uris", json!(["https://client.example/cb", "http://client.example/cb"])),
            ("redirect_uris", json!("https://client.example/cb")),
            ("redirect_uris", json!(vec!["https://client.example/cb"; MAX_REDIRECTS + 1])),
            ("client_secret", json!("x")),
            ("token_endpoint_auth_method", json!("client_secret_basic")),
            ("token_endpoint_auth_method", json!("private_key_jwt")),
            ("grant_types", json!(["client_credentials"])),
            ("response_types", json!(["token"])),
        ] {
            let mut document = whole.clone();
            document[at] = value.clone();
            assert!(taken(&document).is_err(), "{at} {value}");
        }
        let nameless = json!({ "client_id": ID, "redirect_uris": ["https://client.example/cb"] });
        assert_eq!(taken(&nameless).unwrap().name, "client.example");
        for text in ["", "[]", "{", "<html>", "null"] {
            assert!(read(ID, "client.example", text.as_bytes()).is_err(), "{text}");
        }
    }
}
