//! What a declared connector remembers of its operations from one import to the next.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{Timestamp, Tool};
use crate::store::DeclarationRow;

/// An operation of a declared connector, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// What the document calls it.
    pub operation: String,
    /// Its tool. It gets the same name whenever it comes again.
    pub tool: String,
    /// When it was gone from the document, if it is. Milliseconds.
    pub removed_at: Option<i64>,
}

/// The operations of a declared connector that are gone from its document.
pub fn removed(declaration: &DeclarationRow) -> Vec<Operation> {
    operations(declaration).into_iter().filter(|operation| operation.removed_at.is_some()).collect()
}

pub(super) fn operations(declaration: &DeclarationRow) -> Vec<Operation> {
    serde_json::from_str(&declaration.operations).unwrap_or_default()
}

/// The tools that are on offer, by what the document calls them.
pub(super) fn by_operation(known: &[Operation], tools: Vec<Tool>) -> BTreeMap<String, Tool> {
    let mut tools: BTreeMap<String, Tool> = tools.into_iter().map(|tool| (tool.name.clone(), tool)).collect();
    let present = known.iter().filter(|operation| operation.removed_at.is_none());
    present.filter_map(|one| Some((one.operation.clone(), tools.remove(&one.tool)?))).collect()
}

/// What is remembered after an import: its operations, and those of earlier ones that are gone.
pub(super) fn remembered(known: &[Operation], tools: &[(String, Tool)], now: Timestamp) -> Vec<Operation> {
    let there: BTreeSet<&str> = tools.iter().map(|(operation, _)| operation.as_str()).collect();
    let gone = known.iter().filter(|one| !there.contains(one.operation.as_str()));
    let gone = gone.map(|one| Operation { removed_at: one.removed_at.or(Some(now.0)), ..one.clone() });
    let present = tools.iter().map(|(operation, tool)| Operation {
        operation: operation.clone(),
        tool: tool.name.clone(),
        removed_at: None,
    });
    present.chain(gone).collect()
}
