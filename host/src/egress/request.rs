//! What a guest asks to be sent, and what it gets back.

use bytes::Bytes;

/// A request as the guest made it: unchecked.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// HTTP method.
    pub method: String,
    /// `/path` relative to the grant's base URL, or an absolute URL.
    pub target: String,
    /// Appended to the target's query.
    pub query: Vec<(String, String)>,
    /// Headers in the guest's order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// A request body and the content type that goes with it.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// None.
    #[default]
    None,
    /// `application/octet-stream`.
    Bytes(Bytes),
    /// `application/json`.
    Json(String),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
    /// `multipart/form-data`.
    Multipart(Vec<Part>),
}

/// One part of a multipart body.
#[derive(Clone, Debug)]
pub struct Part {
    /// Name of the form field.
    pub name: String,
    /// File name, for files.
    pub file_name: Option<String>,
    /// Content type of the part.
    pub content_type: Option<String>,
    /// Content of the part.
    pub content: Bytes,
}

/// What the guest gets: decoded, scrubbed of the credential, and cut at the limit.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// Decoded body.
    pub body: Bytes,
    /// The body was longer than the limit.
    pub truncated: bool,
    /// How often the credential was replaced by the mark, in headers and body.
    pub scrubbed: u32,
    /// Bytes of body that were sent (of the last hop).
    pub sent_bytes: u64,
    /// Bytes of body that came over the wire, before decoding (of the last hop).
    pub received_bytes: u64,
}
