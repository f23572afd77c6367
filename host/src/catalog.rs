//! Installed connectors and their tools: what is on offer, and how something gets there.

mod authorization;
mod declare;
mod difference;
mod error;
mod fetch;
mod follow;
mod generic;
mod install;
mod installed;
mod live;
mod made;
mod manifest;
mod narrowed;
mod offer_difference;
mod operations;
mod proxy;
mod search;
mod section;
mod shipped;
mod take_over;
mod tool_text;
mod upstream;
mod upstream_offers;
mod validation;

pub use declare::{
    Asked, Declared, Document, Held, Importing, Preview, Ready, declare, finish, import_again, preview, ready,
};
pub use difference::{Change, Difference};
pub use error::CatalogError;
pub use fetch::document as fetch_document;
pub use generic::Generic;
pub use install::{Installation, compile_ahead, install, remove};
pub use installed::{Installed, InstalledTool};
pub use live::Catalog;
pub use narrowed::{NarrowedSchemas, PresetNames};
pub use offer_difference::OfferChange;
pub use operations::{Operation, removed};
pub use search::{Fit, Words};
pub use shipped::{SERVICES, Service, ServicePattern};
pub use take_over::{Upkeep, refresh, take_over, upkeep};
pub use upstream::{DISCOVERY, News, fresh_for, shown};
pub use validation::check_against;
