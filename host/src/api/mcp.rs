//! MCP configs, and the instances that users have of them.

pub(super) mod configs;
pub(super) mod grants;
pub(super) mod instances;
