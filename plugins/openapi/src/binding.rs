//! An operation compiled small: all that a call needs, and nothing of the document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How to send one operation, and what to make of the reply. Kept with the tool as JSON text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// `METHOD /path`, as the document has it: what the operation is known by when it is imported again.
    pub operation: String,
    /// In capitals.
    pub method: String,
    /// Scheme, host and path that all paths begin with, where the operation has a server of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// What the path is made of.
    pub path: Vec<Piece>,
    /// Query parameters that never change, encoded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed_query: Vec<String>,
    /// Query parameters that come from the input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<Parameter>,
    /// Headers that never change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed_headers: Vec<(String, String)>,
    /// Headers that come from the input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Parameter>,
    /// The body, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// What the document says of error statuses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<String, String>,
    /// What declared operations make of the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<ReplyRules>,
}

/// A piece of a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Piece {
    /// As it stands, encoded.
    Text(String),
    /// A value.
    Value(Parameter),
}

/// A value of the input, and how it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name in the input.
    pub input: String,
    /// Its name in the request.
    pub name: String,
    /// How lists and objects are written.
    #[serde(default, skip_serializing_if = "Style::is_plain")]
    pub style: Style,
    /// Whether each element is written by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub explode: bool,
    /// Whether reserved characters stay as they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reserved: bool,
}

/// The styles of the OpenAPI specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Style {
    /// Comma-separated.
    #[default]
    Simple,
    /// Dot-prefixed.
    Label,
    /// Semicolon-prefixed, with names.
    Matrix,
    /// `name=value`.
    Form,
    /// Separated by spaces.
    SpaceDelimited,
    /// Separated by `|`.
    PipeDelimited,
    /// `name[key]=value`.
    DeepObject,
    /// JSON text.
    Json,
}

impl Style {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_plain(&self) -> bool {
        *self == Self::Simple
    }
}

/// Where a body comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Body {
    /// One input is the body.
    Json {
        /// Its name in the input.
        input: String,
        /// Where it is not `application/json`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
    },
    /// Several inputs are the members of an object.
    Fields {
        /// Names in the input and in the body.
        fields: Vec<(String, String)>,
        /// Whether an empty object is sent where none is given.
        required: bool,
        /// Where it is not `application/json`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
    },
    /// JSON with `{{input}}` in it.
    Template {
        /// The JSON.
        value: Value,
    },
    /// `application/x-www-form-urlencoded`.
    Form {
        /// The fields.
        fields: Vec<Parameter>,
        /// Whether an empty form is sent where no field is given.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        required: bool,
    },
    /// `multipart/form-data`.
    Multipart {
        /// The parts.
        fields: Vec<PartField>,
        /// Whether an empty body is sent where no part is given.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        required: bool,
    },
    /// Text as it is.
    Text {
        /// Its name in the input.
        input: String,
        /// What it is sent as.
        content_type: String,
    },
    /// Base64 in, bytes out.
    Bytes {
        /// Its name in the input.
        input: String,
        /// What they are sent as.
        content_type: String,
    },
}

/// A part of a `multipart/form-data` body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartField {
    /// Its name in the input.
    pub input: String,
    /// Its name in the body.
    pub name: String,
    /// What it is sent as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The input that names the file, for files: base64 in, bytes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
}

/// What a declared operation makes of a reply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReplyRules {
    /// A JSON Pointer to what is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pick: Option<String>,
    /// When a reply with a good status is an error nevertheless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorRule>,
    /// Where the next page is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paging: Option<PagingRule>,
}

/// When a reply is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// A JSON Pointer into the reply.
    pub when: String,
    /// The value there that means an error; without it, any but `null` and `false` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// A JSON Pointer to the provider's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A JSON Pointer to a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Codes that mean that the credential is not accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auth_codes: Vec<String>,
    /// Codes that mean that there is no such thing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_found_codes: Vec<String>,
    /// Codes that mean that one has to wait.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rate_limit_codes: Vec<String>,
}

/// Where a reply names the next page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagingRule {
    /// A JSON Pointer to the cursor or number of the next page.
    pub next: String,
    /// The input that takes it.
    pub input: String,
    /// What the list is called in the answer; `items` where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<String>,
}
