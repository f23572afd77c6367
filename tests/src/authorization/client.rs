//! Clients as they are registered, and how strictly they must show who they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use crate::upstream::Recorded;

/// How a client must authenticate: in this way, and in no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`, in a form.
    Post,
    /// The same in JSON.
    Json,
    /// A public client.
    None,
}

impl AuthMethod {
    /// As a manifest says it: `client_auth` and `body`.
    pub fn written(self) -> (&'static str, &'static str) {
        match self {
            Self::Basic => ("basic", "form"),
            Self::Post => ("post", "form"),
            Self::Json => ("post", "json"),
            Self::None => ("none", "form"),
        }
    }
}

/// A registered client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredClient {
    /// Its identifier.
    pub id: String,
    /// Its secret.
    pub secret: Option<String>,
    /// How it authenticates.
    pub method: AuthMethod,
    /// Where browsers may be sent back to: compared byte by byte. None: not compared.
    pub redirect_uris: Vec<String>,
}

impl RegisteredClient {
    /// A client with a secret that needs escaping.
    pub fn confidential(id: &str, method: AuthMethod) -> Self {
        let secret = Some(format!("cnry_secret_of_{id}:+%/&"));
        Self { id: id.to_owned(), secret, method, redirect_uris: Vec::new() }
    }

    /// A client without a secret.
    pub fn public(id: &str) -> Self {
        Self { id: id.to_owned(), secret: None, method: AuthMethod::None, redirect_uris: Vec::new() }
    }
}

/// A request to the token or revocation endpoint: who asks, and for what.
pub(super) struct Asked {
    pub(super) client: String,
    pub(super) parameters: Vec<(String, String)>,
}

impl Asked {
    /// The value of a parameter that is there once.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(known, _)| known == name);
        let (first, again) = (found.next(), found.next());
        first.filter(|_| again.is_none()).map(|(_, value)| value.as_str())
    }
}

/// Reads a request and holds its client to the way in which it is registered.
pub(super) fn authenticate(clients: &[RegisteredClient], request: &Recorded) -> Result<Asked, &'static str> {
    let content_type = request.header("content-type").unwrap_or_default();
    let json = content_type.starts_with("application/json");
    let parameters = match json {
        true => request.json().as_object().map(texts).ok_or("the body is not an object")?,
        false if content_type.starts_with("application/x-www-form-urlencoded") => request.form(),
        false => return Err("the body is neither a form nor JSON"),
    };
    let asked = Asked { client: String::new(), parameters };
    let basic = request.header("authorization").map(basic).transpose()?;
    let id = match &basic {
        Some((id, _)) => id.clone(),
        None => asked.get("client_id").ok_or("there is no client")?.to_owned(),
    };
    let client = clients.iter().find(|client| client.id == id).ok_or("the client is not known")?;
    if json != (client.method == AuthMethod::Json) {
        return Err("the client does not write like this");
    }
    let in_body = asked.get("client_secret");
    let shown = match (client.method, &basic, in_body) {
        (AuthMethod::Basic, Some((_, secret)), None) => Some(secret.as_str()),
        (AuthMethod::Post | AuthMethod::Json, None, Some(secret)) => Some(secret),
        (AuthMethod::None, None, None) => None,
        _ => return Err("the client does not authenticate like this"),
    };
    if shown != client.secret.as_deref() {
        return Err("the client's secret is another");
    }
    Ok(Asked { client: id, ..asked })
}

fn texts(object: &serde_json::Map<String, serde_json::Value>) -> Vec<(String, String)> {
    object.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
fn basic(header: &str) -> Result<(String, String), &'static str> {
    let text = header.strip_prefix("Basic ").ok_or("the header is not Basic")?;
    let bytes = STANDARD.decode(text).map_err(|_| "the header is not base64")?;
    let text = String::from_utf8(bytes).map_err(|_| "the header is not text")?;
    let (id, secret) = text.split_once(':').ok_or("the header has no colon")?;
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    Ok((decoded(id), decoded(secret)))
}
