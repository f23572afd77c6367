//! What another import changes: operations that came, went, or are called otherwise now, and whether callers notice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::OfferChange;
use crate::model::Tool;

/// The difference between two imports of a connector.
#[derive(Debug, Default)]
pub struct Difference {
    /// Operations that are new.
    pub added: Vec<(String, String)>,
    /// Operations that are gone.
    pub removed: Vec<(String, String)>,
    /// Operations that are there in both, and not the same.
    pub changed: Vec<Change>,
    /// What is different about prompts and resources.
    pub offers: Vec<OfferChange>,
}

/// What is different about one operation.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// What the document calls it.
    pub operation: String,
    /// Its tool.
    pub tool: String,
    /// One sentence for each thing.
    pub what: Vec<String>,
    /// Whether a call that was right before may be refused now.
    pub breaking: bool,
}

impl Difference {
    /// Whether a call that was right before may be refused now.
    pub fn is_breaking(&self) -> bool {
        !self.removed.is_empty() || self.changed.iter().any(|change| change.breaking)
    }
}

/// Compares tools by their operations.
pub(super) fn difference(old: &BTreeMap<String, Tool>, new: &BTreeMap<String, Tool>) -> Difference {
    let only = |these: &BTreeMap<String, Tool>, those: &BTreeMap<String, Tool>| {
        let mine = these.iter().filter(|(operation, _)| !those.contains_key(*operation));
        mine.map(|(operation, tool)| (operation.clone(), tool.name.clone())).collect()
    };
    let both = old.iter().filter_map(|(operation, old)| Some((operation, old, new.get(operation)?)));
    Difference {
        added: only(new, old),
        removed: only(old, new),
        changed: both.filter_map(|(operation, old, new)| change(operation, old, new)).collect(),
        offers: Vec::new(),
    }
}

fn change(operation: &str, old: &Tool, new: &Tool) -> Option<Change> {
    let mut said = Said::default();
    if old.name != new.name {
        said.breaks(format!("its tool was named `{}`", old.name));
    }
    if old.effect != new.effect {
        said.tells(format!("it was said to {}, and is said to {}", old.effect.as_str(), new.effect.as_str()));
    }
    if old.requires_approval != new.requires_approval {
        let needs = if new.requires_approval { "has" } else { "no longer has" };
        said.tells(format!("it {needs} to be approved"));
    }
    if old.deferred != new.deferred {
        said.tells(format!("it is {}deferred", if new.deferred { "" } else { "no longer " }));
    }
    if let Some(scope) = new.scopes.iter().find(|scope| !old.scopes.contains(scope)) {
        said.breaks(format!("it needs the scope `{scope}`"));
    }
    inputs(&old.input_schema, &new.input_schema, &mut said);
    if old.title != new.title || old.description != new.description {
        said.tells(format!("it is described otherwise, as \"{}\": {}", new.title, new.description));
    }
    if old.output_schema != new.output_schema {
        said.tells("what it answers is described otherwise".into());
    }
    if old.tags != new.tags {
        said.tells(format!(
            "it is filed under {}",
            if new.tags.is_empty() { "nothing".into() } else { new.tags.join(", ") }
        ));
    }
    if said.what.is_empty() && (old.binding != new.binding || old.routes != new.routes) {
        said.tells("its request is made otherwise".into());
    }
    let Said { what, breaking } = said;
    let (operation, tool) = (operation.to_owned(), new.name.clone());
    (!what.is_empty()).then_some(Change { operation, tool, what, breaking })
}

#[derive(Default)]
struct Said {
    what: Vec<String>,
    breaking: bool,
}

impl Said {
    fn tells(&mut self, what: String) {
        self.what.push(what);
    }

    fn breaks(&mut self, what: String) {
        self.what.push(what);
        self.breaking = true;
    }
}

/// Compares what callers give. What lies deeper than an input's own schema counts as broken where it differs: to know
/// better would take a proof.
fn inputs(old: &str, new: &str, said: &mut Said) {
    if old == new {
        return;
    }
    let [old, new] = [old, new].map(|text| serde_json::from_str::<Value>(text).unwrap_or_default());
    let (had, has) = (properties(&old), properties(&new));
    let (needed, needs) = (required(&old), required(&new));
    let before = said.what.len();
    for name in had.keys().filter(|name| !has.contains_key(*name)) {
        said.breaks(format!("the input `{name}` is gone"));
    }
    for name in &needs {
        match (needed.contains(name), had.contains_key(*name)) {
            (true, _) => {}
            (false, true) => said.breaks(format!("the input `{name}` is required")),
            (false, false) => said.breaks(format!("the input `{name}` is new and required")),
        }
    }
    for name in needed.iter().filter(|name| !needs.contains(*name) && has.contains_key(**name)) {
        said.tells(format!("the input `{name}` is no longer required"));
    }
    for name in has.keys().filter(|name| !had.contains_key(*name) && !needs.contains(name.as_str())) {
        said.tells(format!("the input `{name}` is new"));
    }
    for (name, value) in has.iter().filter_map(|(name, value)| Some((name, (had.get(name)?, value)))) {
        match value {
            (old, new) if old == new => {}
            (old, new) if plain(old) == plain(new) => {
                let words = new["description"].as_str().map(|words| format!(": {words}")).unwrap_or_default();
                said.tells(format!("the input `{name}` is described otherwise{words}"));
            }
            (old, new) if widens(old, new) => said.tells(format!("the input `{name}` takes more values")),
            _ => said.breaks(format!("the input `{name}` takes something else")),
        }
    }
    if said.what.len() == before {
        said.breaks("its input's schema is another".into());
    }
}

fn properties(schema: &Value) -> Map<String, Value> {
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

fn required(schema: &Value) -> BTreeSet<&str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A schema without what only says something to readers.
fn plain(schema: &Value) -> Value {
    let mut plain = schema.clone();
    if let Value::Object(members) = &mut plain {
        members.retain(|name, _| {
            !matches!(name.as_str(), "title" | "description" | "examples" | "default" | "deprecated")
        });
    }
    plain
}

/// Whether all that is different is that an enumeration has grown.
fn widens(old: &Value, new: &Value) -> bool {
    let split = |schema: &Value| {
        let mut plain = plain(schema);
        let values = plain.as_object_mut().and_then(|members| members.remove("enum"));
        (plain, values)
    };
    let ((old, old_values), (new, new_values)) = (split(old), split(new));
    let grown = match (old_values, new_values) {
        (Some(Value::Array(old)), Some(Value::Array(new))) => old.iter().all(|value| new.contains(value)),
        (Some(_), None) => true,
        _ => false,
    };
    old == new && grown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Effect;

    fn tool(schema: &Value) -> Tool {
        Tool {
            name: "api_get".into(),
            title: "Get".into(),
            description: "Gets.".into(),
            input_schema: schema.to_string(),
            output_schema: None,
            effect: Effect::Read,
            scopes: Vec::new(),
            routes: Vec::new(),
            tags: Vec::new(),
            deferred: false,
            aliases: Vec::new(),
            binding: Some("{}".into()),
            requires_approval: false,
            shown_as: None,
        }
    }

    fn compared(old: Tool, new: Tool) -> Vec<Change> {
        difference(&BTreeMap::from([("GET /".into(), old)]), &BTreeMap::from([("GET /".into(), new)])).changed
    }

    /// SI-07: what another import changes, and what of it callers notice.
    #[test]
    fn inputs_are_compared_one_by_one() {
        let schema = |properties: Value, required: Value| json!({ "properties": properties, "required": required });
        let old = schema(json!({ "a": { "type": "string" }, "b": { "enum": ["x"] } }), json!(["a"]));
        for (new, what, breaking) in [
            (old.clone(), None, false),
            (schema(json!({ "a": { "type": "string" } }), json!(["a"])), Some("`b` is gone"), true),
            (
                schema(json!({ "a": { "type": "string" }, "b": { "enum": ["x"] } }), json!(["a", "b"])),
                Some("`b` is required"),
                true,
            ),
            (
                schema(json!({ "a": { "type": "string" }, "b": { "enum": ["x"] }, "c": {} }), json!(["a", "c"])),
                Some("`c` is new and required"),
                true,
            ),
            (
                schema(json!({ "a": { "type": "string" }, "b": { "enum": ["x"] }, "c": {} }), json!(["a"])),
                Some("`c` is new"),
                false,
            ),
            (
                schema(json!({ "a": { "type": "string" }, "b": { "enum": ["x"] } }), json!([])),
                Some("`a` is no longer required"),
                false,
            ),
            (
                schema(json!({ "a": { "type": "integer" }, "b": { "enum": ["x"] } }), json!(["a"])),
                Some("`a` takes something else"),
                true,
            ),
            (
                schema(json!({ "a": { "type": "string", "title": "A" }, "b": { "enum": ["x"] } }), json!(["a"])),
                Some("`a` is described otherwise"),
                false,
            ),
            (
                schema(json!({ "a": { "type": "string" }, "b": { "enum": ["x", "y"] } }), json!(["a"])),
                Some("`b` takes more values"),
                false,
            ),
            (
                schema(json!({ "a": { "type": "string" }, "b": { "enum": ["y"] } }), json!(["a"])),
                Some("`b` takes something else"),
                true,
            ),
        ] {
            let changed = compared(tool(&old), tool(&new));
            let told = changed.first().map(|change| (change.what.join("; "), change.breaking));
            match (what, told) {
                (None, None) => {}
                (Some(what), Some((told, breaks))) => assert!(told.contains(what) && breaks == breaking, "{told}"),
                (what, told) => panic!("{what:?}: {told:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_an_input_is_told_too() {
        let old = || tool(&json!({}));
        for (new, what, breaking) in [
            (Tool { scopes: vec!["mail".into()], ..old() }, "the scope `mail`", true),
            (Tool { name: "api_fetch".into(), ..old() }, "was named `api_get`", true),
            (Tool { effect: Effect::Write, ..old() }, "said to write", false),
            (Tool { requires_approval: true, ..old() }, "has to be approved", false),
            (Tool { deferred: true, ..old() }, "is deferred", false),
            (Tool { title: "Fetch".into(), ..old() }, "described otherwise", false),
            (Tool { description: "Mails it.".into(), ..old() }, "Mails it.", false),
            (Tool { output_schema: Some("{}".into()), ..old() }, "what it answers", false),
            (Tool { tags: vec!["mail".into()], ..old() }, "filed under mail", false),
            (Tool { binding: Some("[]".into()), ..old() }, "made otherwise", false),
            (Tool { input_schema: "{\"x\":1}".into(), ..old() }, "schema is another", true),
        ] {
            let changed = compared(old(), new);
            assert_eq!(changed.len(), 1, "{what}");
            assert!(changed[0].what.join("; ").contains(what) && changed[0].breaking == breaking, "{changed:?}");
        }
        let gone = difference(&BTreeMap::from([("GET /".into(), old())]), &BTreeMap::new());
        assert!(gone.is_breaking() && gone.removed == [("GET /".to_owned(), "api_get".to_owned())]);
        let come = difference(&BTreeMap::new(), &BTreeMap::from([("GET /".into(), old())]));
        assert!(!come.is_breaking() && come.added.len() == 1);
    }
}
