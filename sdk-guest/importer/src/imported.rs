//! What a document became.

use std::collections::BTreeSet;

use gloveport_sdk::__private::bindings::gloveport::connector::types::Tool;
use serde_json::Value;

use crate::cut;

/// Bytes of a reason or a warning: two sentences, and a name.
pub const REASON_BYTES: usize = 600;

/// Warnings of one document: nobody reads more.
const WARNINGS: usize = 200;

/// A connector, as its document has it.
#[derive(Debug, Default)]
pub struct Imported {
    /// For people.
    pub title: String,
    /// For people.
    pub description: String,
    /// The document's own.
    pub version: String,
    /// What relative targets are joined to.
    pub base_url: String,
    /// Hosts of the base URL and of the routes.
    pub hosts: BTreeSet<String>,
    /// Auth patterns, as the manifest has them.
    pub auth: Vec<Value>,
    /// The tools.
    pub tools: Vec<Tool>,
    /// What the document calls the operation of each of them.
    pub operations: Vec<String>,
    /// Names of the tools that somebody has to approve each time.
    pub approvals: Vec<String>,
    /// Operations that are no tools, and why.
    pub skipped: Vec<(String, String)>,
    /// Operations that the options left out.
    pub filtered: u32,
    /// What was bent.
    pub warnings: Vec<String>,
    /// What a catalogue files it under.
    pub categories: Vec<String>,
    /// The test call, as the manifest has it.
    pub test: Option<Value>,
    /// Members `prompts` and `resources`, as the manifest has them.
    pub offers: Option<Value>,
    /// Where the vendor's own document is, if what was imported is a declaration that names it.
    pub document_url: Option<String>,
}

impl Imported {
    /// Tells of something that was bent, once, and not without end.
    pub fn warn(&mut self, warning: &str) {
        let warning = cut(warning, REASON_BYTES);
        if self.warnings.len() < WARNINGS && !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Takes a tool over, with what its document calls it.
    pub fn push(&mut self, operation: String, tool: Tool, needs_approval: bool) {
        self.operations.push(operation);
        if needs_approval {
            self.approvals.push(tool.name.clone());
        }
        self.tools.push(tool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_told_once_and_not_without_end() {
        let mut imported = Imported::default();
        (0..WARNINGS * 2).for_each(|number| (0..2).for_each(|_| imported.warn(&format!("bent {number}"))));
        assert_eq!((imported.warnings.len(), imported.warnings[1].as_str()), (WARNINGS, "bent 1"));
        let mut imported = Imported::default();
        imported.warn(&"x".repeat(REASON_BYTES * 2));
        assert!(imported.warnings[0].len() <= REASON_BYTES);
    }
}
