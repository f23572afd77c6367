//! What files may hold: the schema of the route that takes it, and the mistakes that it finds, with the key that was meant.

use serde_json::{Map, Value, json};

use super::node::{Content, Key, Mistake, Node};
use crate::catalog::check_against;
use crate::cli::CliError;

/// The type in the API's description.
const ROOT: &str = "Resources";

/// Further from each other two keys are not one with a slip.
const MAX_SLIPS: usize = 3;

/// The schema of files.
pub(super) struct Schema(Value);

impl Schema {
    /// From the description that the host of this version serves.
    pub(super) fn new() -> Result<Self, CliError> {
        let failed = |error: String| CliError::Failed(format!("the API cannot be described: {error}"));
        let document = serde_json::to_value(crate::api::document()).map_err(|error| failed(error.to_string()))?;
        let all = document.pointer("/components/schemas").and_then(Value::as_object);
        let all = all.ok_or_else(|| failed("it has no schemas".into()))?;
        let mut definitions = Map::new();
        collect(ROOT, all, &mut definitions);
        for (kind, member, described) in [
            ("AppliedConnector", "file", "A document or a component (`.wasm`), by its path from this file."),
            (
                "AppliedConnector",
                "catalog",
                "What comes with the host, by its name in `gloveport connector list --available`.",
            ),
            ("AppliedModifier", "file", "A component (`.wasm`), by its path from this file."),
        ] {
            if let Some(Value::Object(properties)) =
                definitions.get_mut(kind).and_then(|kind| kind.get_mut("properties"))
            {
                properties.insert(member.into(), json!({ "type": "string", "description": described }));
            }
        }
        if let Some(secret) =
            definitions.get_mut("OAuthChange").and_then(|one| one.pointer_mut("/properties/client_secret"))
        {
            let described = "Where it is: `env:NAME` or `file:PATH`, read where `gloveport apply` runs.";
            *secret = json!({ "type": ["string", "null"], "pattern": "^(env|file):.+", "description": described });
        }
        Ok(Self(json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Files of gloveport apply",
            "$ref": format!("#/$defs/{ROOT}"),
            "$defs": definitions,
        })))
    }

    /// For editors: with the keys in camel case, too.
    pub(super) fn for_editors(&self) -> Value {
        let mut schema = self.0.clone();
        let definitions = schema.get_mut("$defs").and_then(Value::as_object_mut).into_iter().flatten();
        for (_, definition) in definitions {
            let Some(Value::Object(properties)) = definition.get_mut("properties") else { continue };
            let also: Vec<(String, Value)> = properties
                .iter()
                .filter(|(name, _)| name.contains('_'))
                .map(|(name, of)| (camel(name), of.clone()))
                .collect();
            properties.extend(also);
        }
        schema
    }

    /// Puts keys in camel case right, and tells every key that means nothing and every value of a wrong kind.
    pub(super) fn check(&self, document: &mut Node) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        self.keys(document, &self.0, &mut mistakes);
        if !mistakes.is_empty() {
            return mistakes;
        }
        match check_against(&self.0.to_string(), &document.value().to_string()) {
            Ok(Ok(())) => mistakes,
            Ok(Err(errors)) => {
                let at = |pointer: &str| document.find(pointer);
                errors.into_iter().map(|error| Mistake { at: at(&error.path), message: error.message }).collect()
            }
            Err(message) => vec![Mistake { at: document.at, message }],
        }
    }

    fn keys(&self, node: &mut Node, schema: &Value, mistakes: &mut Vec<Mistake>) {
        let schema = self.meant(schema);
        match &mut node.content {
            Content::Scalar(_) => {}
            Content::List(items) => {
                let Some(of) = schema.get("items") else { return };
                items.iter_mut().for_each(|item| self.keys(item, of, mistakes));
            }
            Content::Map(members) => {
                let none = Map::new();
                let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
                let others = schema.get("additionalProperties");
                for (key, _) in members.iter_mut() {
                    if !properties.contains_key(&key.name) && properties.contains_key(&snake(&key.name)) {
                        key.name = snake(&key.name);
                    }
                }
                // Null is as good as nothing.
                members.retain(|(key, value)| !value.is_null() || !properties.contains_key(&key.name));
                for (key, value) in members {
                    let of = properties.get(&key.name).or(others.filter(|others| others.is_object()));
                    match of {
                        Some(of) => self.keys(value, of, mistakes),
                        None if others == Some(&Value::Bool(false)) => mistakes.push(unknown(key, properties)),
                        None => {}
                    }
                }
            }
        }
    }

    /// Without references.
    fn meant<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        loop {
            if let Some(name) =
                schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"))
            {
                schema = &self.0["$defs"][name];
                continue;
            }
            match schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
                Some([only]) => schema = only,
                _ => return schema,
            }
        }
    }
}

fn collect(name: &str, all: &Map<String, Value>, found: &mut Map<String, Value>) {
    let Some(schema) = all.get(name).filter(|_| !found.contains_key(name)) else { return };
    let mut schema = schema.clone();
    let mut named = Vec::new();
    rename(&mut schema, &mut named);
    found.insert(name.to_owned(), schema);
    for name in named {
        collect(&name, all, found);
    }
}

fn rename(schema: &mut Value, named: &mut Vec<String>) {
    if let Some(only) = not_null(schema) {
        *schema = only;
    }
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("$ref", Value::String(target)) => {
                        let of = target.trim_start_matches("#/components/schemas/").to_owned();
                        *target = format!("#/$defs/{of}");
                        named.push(of);
                    }
                    (_, value) => rename(value, named),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, named)),
        _ => {}
    }
}

/// Of something or null, the something: a mistake in it is told where it is, and not as one in the choice.
fn not_null(schema: &Value) -> Option<Value> {
    let is_null = |one: &Value| one.get("type").and_then(Value::as_str) == Some("null");
    match schema.get("oneOf")?.as_array()?.as_slice() {
        [null, only] | [only, null] if is_null(null) => Some(only.clone()),
        _ => None,
    }
}

fn unknown(key: &Key, properties: &Map<String, Value>) -> Mistake {
    let Key { name, at } = key;
    let nearest = properties.keys().map(|known| (slips(&snake(name), known), known)).min();
    let message = match nearest {
        Some((slips, known)) if slips <= MAX_SLIPS && slips < known.len() => {
            format!("unknown key `{name}`: did you mean `{known}`?")
        }
        _ => {
            let known: Vec<&str> = properties.keys().map(String::as_str).collect();
            format!("unknown key `{name}`: known are {}", known.join(", "))
        }
    };
    Mistake { at: *at, message }
}

/// How many characters have to be added, taken away or replaced to make one text of another.
fn slips(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = (0..=other.len()).collect();
    for (row, a) in one.chars().enumerate() {
        let mut now = vec![row + 1];
        for (column, b) in other.iter().enumerate() {
            let replaced = before[column] + usize::from(a != *b);
            now.push(replaced.min(before[column + 1] + 1).min(now[column] + 1));
        }
        before = now;
    }
    before.last().copied().unwrap_or_default()
}

fn camel(name: &str) -> String {
    let mut upper = false;
    let mut camel = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                camel.extend(c.to_uppercase());
                upper = false;
            }
            c => camel.push(c),
        }
    }
    camel
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 2);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::super::node::read;
    use super::*;

    fn check(text: &str) -> (Value, Vec<String>) {
        let mut documents = read(text, 0).expect("YAML");
        let schema = Schema::new().expect("a schema");
        let mistakes = schema.check(&mut documents[0]);
        let told = |one: Mistake| format!("{}:{}: {}", one.at.line, one.at.column, one.message);
        (documents[0].value(), mistakes.into_iter().map(told).collect())
    }

    /// SI-16: keys in camel case are taken, but not within what is somebody else's.
    #[test]
    fn keys_in_camel_case_are_put_right_where_they_are_ours() {
        let text = "mcpConfigs: []\nconnections:\n  - name: a\n    connector: b\n    baseUrl: https://x.example\n    \
                    authPattern: none\n    settings: {keepMe: 1}\n    oauth: {clientId: x}\n";
        let (value, mistakes) = check(text);
        assert_eq!(mistakes, Vec::<String>::new());
        let expected = json!({ "mcp_configs": [], "connections": [{ "name": "a", "connector": "b",
            "base_url": "https://x.example", "auth_pattern": "none", "settings": { "keepMe": 1 },
            "oauth": { "client_id": "x" } }] });
        assert_eq!(value, expected);
    }

    #[test]
    fn unknown_keys_are_told_with_what_was_meant() {
        for (text, said) in [
            ("conections: []", "1:1: unknown key `conections`: did you mean `connections`?"),
            ("connections:\n  - name: a\n    conector: b", "3:5: unknown key `conector`: did you mean `connector`?"),
            ("connections:\n- {name: a, connector: b, baseURL: x}", "did you mean `base_url`?"),
            ("webhooks:\n- {url: x, zzzzzzzz: 1}", "2:12: unknown key `zzzzzzzz`: known are events, url"),
            (
                "profiles:\n- name: a\n  connections:\n  - {connection: b, tolls: []}",
                "4:21: unknown key `tolls`: did you mean `tools`?",
            ),
        ] {
            let (_, mistakes) = check(text);
            assert!(mistakes.len() == 1 && mistakes[0].contains(said), "{text}: {mistakes:?}");
        }
    }

    #[test]
    fn values_of_a_wrong_kind_are_told() {
        for (text, at) in [
            ("connections: 7", "1:1:"),
            ("connections:\n- {name: 7, connector: b}", "2:4:"),
            ("connections:\n- {connector: b}", "2:3:"),
            ("policies:\n- {name: a, condition: 'true', outcome: {outcome: allow}, position: x}", "2:59:"),
            ("connections:\n- {name: a, connector: b, oauth: {client_id: a, client_secret: plain}}", "2:49:"),
        ] {
            let (_, mistakes) = check(text);
            assert!(mistakes.len() == 1 && mistakes[0].starts_with(at), "{text}: {mistakes:?}");
        }
    }

    #[test]
    fn slips_are_counted() {
        for (one, other, expected) in [("", "", 0), ("a", "", 1), ("conector", "connector", 1), ("ab", "ba", 2)] {
            assert_eq!(slips(one, other), expected, "{one} {other}");
        }
        assert_eq!(
            (camel("base_url"), snake("baseUrl"), snake("baseURL")),
            ("baseUrl".into(), "base_url".into(), "base_u_r_l".into())
        );
    }
}
