//! The connector of upstream MCP servers: finds what they offer, makes tools of it, and calls these.

mod answer;
mod binding;
mod discover;
mod events;
mod headers;
mod import;
mod limits;
mod names;
mod offer;
mod offered;
mod output;
mod peer;

#[cfg(test)]
mod tests;

pub use binding::{Binding, Server};
pub use gloveport_importer::Imported;
pub use import::import_document;

use gloveport_sdk::Failure;
use serde_json::{Map, Value};

/// What the component says of itself: it is not for accounts, and wants nothing but to send requests.
pub const MANIFEST: &str = concat!(
    r#"{"manifest":1,"name":"mcp","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","title":"MCP","description":"Runs the tools of MCP servers.","publisher":"Gloveport","categories":[],"#,
    r#""wit":"0.1.0","imports":["http"],"hosts":["mcp.invalid"],"base_url":"https://mcp.invalid","#,
    r#""auth":[{"name":"none","title":"No account","type":"none"}]}"#
);

/// Finds a server's tools, or calls one of them, as the binding says.
///
/// # Errors
/// What the server answered, or what cannot be sent.
pub fn call(binding: Option<&str>, input: &str) -> Result<String, Failure> {
    let binding = binding.ok_or_else(|| Failure::unsupported("this connector has no tools of its own"))?;
    match serde_json::from_str(binding)? {
        Binding::Discover { path } => Ok(discover::discover(&path)?.to_string()),
        Binding::Call(call) => {
            let arguments: Map<String, Value> =
                serde_json::from_str(input).map_err(|error| Failure::invalid_input("", error.to_string()))?;
            output::output(&call, peer::call(&call, arguments)?)
        }
        Binding::Prompt(server) => offer::get(&server, input),
        Binding::Resource(server) => offer::read(&server, input),
    }
}

#[cfg(target_arch = "wasm32")]
gloveport_importer::component!(MANIFEST, import_document, call);
