//! What connectors have in common that make tools of documents: the result, its texts, and the component's exports.

mod exports;
#[path = "../../../host/src/model/hidden.rs"]
pub mod hidden;
mod imported;
#[path = "../../../host/src/model/resource_uri.rs"]
pub mod resource_uri;
mod text;

pub use imported::{Imported, REASON_BYTES};
pub use text::{cut, digest, human, line, snake, visible};

/// What the macro's expansion names.
#[doc(hidden)]
pub mod __private {
    pub use crate::exports::{bindings, descriptor, result};
    pub use gloveport_sdk::__private::bindings as connector;
}
