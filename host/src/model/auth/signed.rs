//! The patterns in which the host signs: assertions, tokens of its own, requests; and signing in.

use std::collections::BTreeSet;

use super::{TokenPlacement, TokenResponse};
use crate::model::TextTemplate;

/// What stands in claims for the SHA-256 of the public key in base64.
pub const KEY_FINGERPRINT: &str = "key_fingerprint";

/// Where a text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextSource {
    /// A field of the pattern; `pointer` where the field holds JSON, as a service account's key file does.
    Field {
        /// The field's name.
        name: String,
        /// A JSON Pointer into its value.
        pointer: Option<String>,
    },
    /// A template over the account's public fields.
    Template(String),
}

/// A signature algorithm of RFC 7518 section 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA with P-256 and SHA-256.
    Es256,
}

/// How the bytes of a shared key are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEncoding {
    /// The text itself.
    Text,
    /// Hexadecimal digits.
    Hex,
    /// Base64.
    Base64,
}

/// What a token that the host signs says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtClaims {
    /// With what it is signed.
    pub algorithm: JwtAlgorithm,
    /// The private key: PEM, or a shared key for HMAC.
    pub key: TextSource,
    /// How a shared key is written.
    pub key_encoding: KeyEncoding,
    /// `kid` of the header.
    pub key_id: Option<TextSource>,
    /// Claims: name and value. In a template `{{key_fingerprint}}` stands for the SHA-256 of the public key in base64.
    pub claims: Vec<(String, TextSource)>,
    /// For how many seconds it holds: `exp` from `iat`.
    pub lifetime: u64,
}

impl JwtClaims {
    /// The fields of the account, secret and public ones, that it takes to sign.
    pub fn names(&self) -> BTreeSet<String> {
        let sources =
            std::iter::once(&self.key).chain(&self.key_id).chain(self.claims.iter().map(|(_, source)| source));
        let mut names = BTreeSet::new();
        for source in sources {
            match source {
                TextSource::Field { name, .. } => {
                    names.insert(name.clone());
                }
                TextSource::Template(text) => {
                    let template = TextTemplate::parse(text).ok();
                    names.extend(template.iter().flat_map(TextTemplate::names).map(str::to_owned));
                }
            }
        }
        names.remove(KEY_FINGERPRINT);
        names
    }
}

/// A signed assertion that is exchanged for a token (RFC 7523 section 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtBearer {
    /// Where it is exchanged: a template over the account's public fields.
    pub token_url: String,
    /// The assertion.
    pub assertion: JwtClaims,
    /// Scopes asked for, in the claim `scope`.
    pub scopes: Vec<String>,
    /// Further parameters of the exchange.
    pub parameters: Vec<(String, String)>,
    /// Where things are in the answer.
    pub response: TokenResponse,
    /// Where the token goes.
    pub token: TokenPlacement,
}

/// A token that the host signs for each call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedJwt {
    /// What it says.
    pub claims: JwtClaims,
    /// Where it goes.
    pub token: TokenPlacement,
}

/// Signing in gives a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What is sent to sign in.
    pub request: SessionRequest,
    /// Where things are in the answer.
    pub response: TokenResponse,
    /// What is sent to sign out, if the vendor offers it.
    pub sign_out: Option<SessionRequest>,
    /// Where the token goes.
    pub token: TokenPlacement,
}

/// A declared request of signing in or out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRequest {
    /// In capitals.
    pub method: String,
    /// A template over the account's public fields.
    pub url: String,
    /// Of the body.
    pub content_type: String,
    /// A template over all fields of the pattern, secret ones included: `{{name}}` stands for the value, escaped as the
    /// content type has it (JSON, form, XML).
    pub body: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

/// AWS Signature Version 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsSigV4 {
    /// The field that holds the access key's identifier.
    pub access_key: String,
    /// The field that holds the secret key.
    pub secret_key: String,
    /// The field that holds the token of temporary credentials.
    pub session_token: Option<String>,
    /// For example `eu-central-1`: a template over the account's public fields.
    pub region: String,
    /// For example `s3`: a template over the account's public fields.
    pub service: String,
}

/// A code over parts of the request, with a shared key (RFC 2104).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hmac {
    /// The field that holds the key.
    pub key: String,
    /// How the key is written.
    pub key_encoding: KeyEncoding,
    /// With which hash.
    pub hash: HmacHash,
    /// What is signed: a template over `{{method}}`, `{{path}}`, `{{query}}`, `{{body}}`, `{{body_sha256}}`,
    /// `{{timestamp}}`, `{{host}}` and the account's public fields.
    pub text: String,
    /// How the code is written.
    pub encoding: Encoding,
    /// The header that carries it.
    pub header: String,
    /// Put before it: a template over the same names.
    pub prefix: String,
    /// The header that carries the time in seconds, if one does.
    pub timestamp_header: Option<String>,
}

/// The hash of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HmacHash {
    /// SHA-1, for vendors that still ask for it.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a code is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal digits in lower case.
    Hex,
    /// Base64.
    Base64,
}
