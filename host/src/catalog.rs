//! Installed connectors and their tools: what is on offer, and how something gets there.

mod error;
mod follow;
mod install;
mod installed;
mod live;
mod manifest;
mod narrowed;
mod section;
mod tool_text;
mod validation;

pub use error::CatalogError;
pub use install::{Installation, install, remove};
pub use installed::{Installed, InstalledTool};
pub use live::Catalog;
pub use narrowed::{NarrowedSchemas, PresetNames};
pub use validation::check_against;
