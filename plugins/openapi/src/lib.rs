//! The generic connector: tools from OpenAPI documents and from declared operations, and the calls of those tools.

mod binding;
mod body;
mod declared;
mod document;
mod import;
mod input_name;
mod inputs;
mod limits;
mod names;
mod options;
mod parameters;
mod path;
mod proxy;
mod reader;
mod reply;
mod request;
mod schema;
mod security;
mod servers;
mod style;
mod template;

#[cfg(test)]
mod tests;

pub use binding::{Binding, Body, ErrorRule, PagingRule, Parameter, PartField, Piece, ReplyRules, Style};
pub use gloveport_importer::Imported;
pub use options::{Filter, Options, Overrides};
pub use proxy::BINDING as PROXY;

use gloveport_sdk::Failure;
use serde_json::{Map, Value};

/// What the component says of itself: it is not for accounts, and wants nothing but to send requests.
pub const MANIFEST: &str = concat!(
    r#"{"manifest":1,"name":"openapi","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","title":"OpenAPI","description":"Runs the tools of imported APIs.","publisher":"Gloveport","categories":[],"#,
    r#""wit":"0.1.0","imports":["http"],"hosts":["api.invalid"],"base_url":"https://api.invalid","#,
    r#""auth":[{"name":"none","title":"No account","type":"none"}]}"#
);

/// Makes tools of a document: OpenAPI 3.0 or 3.1, or declared operations, as JSON or YAML.
///
/// # Errors
/// A sentence for who sent the document, or the options.
pub fn import_document(document: &str, options: &str) -> Result<Imported, String> {
    let options: Options = serde_json::from_str(options).map_err(|error| format!("options: {error}"))?;
    let made = reader::read(document).and_then(|root| {
        if root.get("operations").is_some() && root.get("openapi").is_none() {
            declared::import(root, &options)
        } else {
            import::import(root, &options)
        }
    });
    made.map_err(|reason| gloveport_importer::cut(&reason, gloveport_importer::REASON_BYTES))
}

/// Runs the operation of a binding, or sends what a caller wrote where the binding is [`PROXY`].
///
/// # Errors
/// What the provider answered, or what cannot be sent.
pub fn call(binding: Option<&str>, input: &str) -> Result<String, Failure> {
    let binding = binding.ok_or_else(|| Failure::unsupported("this connector has no tools of its own"))?;
    if binding == PROXY {
        return proxy::call(input);
    }
    let binding: Binding = serde_json::from_str(binding)?;
    let input: Map<String, Value> =
        serde_json::from_str(input).map_err(|error| Failure::invalid_input("", error.to_string()))?;
    let response = request::request(&binding, &input)?.send()?;
    reply::output(&binding, response)
}

#[cfg(target_arch = "wasm32")]
gloveport_importer::component!(MANIFEST, import_document, call);
