//! What an attempt needs for its next step, kept sealed between two requests of a browser.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ConnectError;
use crate::call::Host;
use crate::model::{AuthRequest, Code, Culprit, Fault, Secret};
use crate::oauth;
use crate::vault::{Binding, Body};

/// The field that the PKCE verifier is sealed as.
pub(super) const VERIFIER: &str = "code_verifier";

/// The field that the secret of OAuth 1.0a's temporary credentials is sealed as.
pub(super) const TEMPORARY: &str = "temporary_secret";

/// Names of tokens, as accounts have them.
const TOKENS: [&str; 4] = ["access_token", "refresh_token", "oauth_token", "oauth_token_secret"];

/// What is kept. Each secret in it is sealed by itself for this attempt, and the whole once more.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Kept {
    /// Public fields so far.
    pub(super) fields: BTreeMap<String, String>,
    /// Secret fields that the user filled in, sealed.
    pub(super) secrets: BTreeMap<String, String>,
    /// The PKCE verifier, or the secret of OAuth 1.0a's temporary credentials, sealed.
    pub(super) verifier: Option<String>,
    /// The client that was shown to the provider; empty where the user filled in one of their own.
    pub(super) client: String,
    /// What the provider knows it as; empty likewise.
    pub(super) client_id: String,
    /// Byte for byte what the provider was given.
    pub(super) redirect_uri: String,
    /// The scopes that were asked for.
    pub(super) scopes: Vec<String>,
    /// The tokens, once there are any.
    pub(super) tokens: Option<KeptTokens>,
    /// How many of the pattern's lookups are done.
    pub(super) lookups: usize,
    /// What there is to choose from.
    pub(super) choices: Vec<Choice>,
}

/// Tokens that wait for a choice or a confirmation.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct KeptTokens {
    /// By field, sealed.
    pub(super) secrets: BTreeMap<String, String>,
    /// From when on the access token is no longer taken.
    pub(super) expires_at: Option<i64>,
    /// What was granted.
    pub(super) scopes: Vec<String>,
}

/// One thing to choose.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Choice {
    /// What is shown.
    pub(super) label: String,
    /// What it becomes.
    pub(super) fields: BTreeMap<String, String>,
}

/// The name of a token's field, where there is one such.
pub(super) fn token_field(name: &str) -> Option<&'static str> {
    TOKENS.into_iter().find(|known| *known == name).or_else(|| oauth::is_consumer(name))
}

/// Seals a secret of an attempt, to be opened by this attempt only.
pub(super) fn seal(host: &Host, request: &AuthRequest, field: &str, secret: &Secret) -> Result<String, ConnectError> {
    Ok(host.vault.seal(&binding(request, field), secret)?)
}

/// Opens a secret of an attempt.
pub(super) fn open(host: &Host, request: &AuthRequest, field: &str, sealed: &str) -> Result<Secret, ConnectError> {
    Ok(host.vault.open(&binding(request, field), sealed)?)
}

/// All of it as text.
pub(super) fn write(host: &Host, request: &AuthRequest, kept: &Kept) -> Result<String, ConnectError> {
    let bytes = serde_json::to_vec(kept).map_err(|_| unreadable())?;
    Ok(host.vault.seal_body(&body(request), &bytes)?)
}

/// Reads it back.
pub(super) fn read(host: &Host, request: &AuthRequest, text: Option<&str>) -> Result<Kept, ConnectError> {
    let bytes = host.vault.open_body(&body(request), text.ok_or_else(unreadable)?)?;
    serde_json::from_slice(&bytes).map_err(|_| unreadable())
}

/// It is sent nowhere from here: what it is sealed for in the account is decided when all fields are known.
fn binding<'a>(request: &'a AuthRequest, field: &'a str) -> Binding<'a> {
    Binding { project: &request.project, owner: request.id.as_str(), field, hosts: &[] }
}

fn body(request: &AuthRequest) -> Body<'_> {
    Body { project: &request.project, record: request.id.as_str(), part: "authorization" }
}

fn unreadable() -> ConnectError {
    Fault::new(Code::Internal, Culprit::Host, "what was kept of an authorization cannot be read").into()
}
