//! Prompts and resources that were found at an MCP server: taken over, held and dropped as its tools are.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a server offers besides tools, as the generic connector tells it. Servers that were asked before it knew of these
/// have none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Offers {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prompts: Vec<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resources: Vec<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "resourceTemplates")]
    templates: Vec<Value>,
    /// Names of lists that were longer than is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    more: Vec<String>,
}

impl Offers {
    pub(super) fn is_empty(&self) -> bool {
        self.prompts.is_empty() && self.resources.is_empty() && self.templates.is_empty()
    }

    /// Those of them that the server still has; they stay as they were.
    pub(super) fn without_gone(self, now: &Self) -> Self {
        Self {
            prompts: still(self.prompts, &now.prompts, "name"),
            resources: still(self.resources, &now.resources, "uri"),
            templates: still(self.templates, &now.templates, "uriTemplate"),
            more: now.more.clone(),
        }
    }

    /// These and newer ones, which stand for those of the same name.
    pub(super) fn joined(self, newer: &Self) -> Self {
        Self {
            prompts: both(self.prompts, &newer.prompts, "name"),
            resources: both(self.resources, &newer.resources, "uri"),
            templates: both(self.templates, &newer.templates, "uriTemplate"),
            more: newer.more.clone(),
        }
    }
}

/// In the order of their names, as they were found.
fn both(known: Vec<Value>, newer: &[Value], key: &str) -> Vec<Value> {
    let all = known.into_iter().chain(newer.iter().cloned());
    let by_name: BTreeMap<String, Value> = all.filter_map(|one| Some((one[key].as_str()?.to_owned(), one))).collect();
    by_name.into_values().collect()
}

fn still(pinned: Vec<Value>, now: &[Value], key: &str) -> Vec<Value> {
    let there: BTreeSet<&str> = now.iter().filter_map(|one| one[key].as_str()).collect();
    pinned.into_iter().filter(|one| one[key].as_str().is_some_and(|name| there.contains(name))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> Offers {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_gone_goes_and_what_changed_stays_as_it_was() {
        let pinned = of(json!({ "prompts": [{ "name": "a", "description": "Reads." }, { "name": "b" }],
            "resources": [{ "uri": "x:1" }], "resourceTemplates": [{ "uriTemplate": "x:{a}" }] }));
        let now = of(json!({ "prompts": [{ "name": "a", "description": "Sends." }, { "name": "c" }],
            "resources": [{ "uri": "x:2" }], "resourceTemplates": [{ "uriTemplate": "x:{a}" }], "more": ["resources"] }));
        let kept = pinned.clone().without_gone(&now);
        let expected = json!({ "prompts": [{ "name": "a", "description": "Reads." }],
            "resourceTemplates": [{ "uriTemplate": "x:{a}" }], "more": ["resources"] });
        assert_eq!(json!(kept), expected);
        assert_eq!(pinned.clone().without_gone(&pinned), pinned);
        let expected = json!({ "prompts": [{ "name": "a", "description": "Sends." }, { "name": "b" }, { "name": "c" }],
            "resources": [{ "uri": "x:1" }, { "uri": "x:2" }], "resourceTemplates": [{ "uriTemplate": "x:{a}" }],
            "more": ["resources"] });
        assert_eq!(json!(pinned.clone().joined(&now)), expected);
        assert!(of(json!({})).is_empty() && of(json!({ "more": ["x"] })).is_empty() && !kept.is_empty());
        assert_eq!(json!(Offers::default()), json!({}));
    }
}
