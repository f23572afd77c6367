//! From the schemas of OpenAPI 3.0 and 3.1 to JSON Schema 2020-12, with `$defs` for what is referred to.

mod keywords;

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value, json};

use crate::document::{Document, flag};
use crate::input_name::input_name;
use crate::limits::{DEFINITIONS, DEPTH, PARTS, SCHEMA_BYTES};

/// The schema of what no schema describes.
static ANYTHING: Value = Value::Bool(true);

/// Translates the schemas of one input.
pub(crate) struct Translator<'a> {
    document: &'a Document,
    /// References that were met, with the name of their definition.
    names: BTreeMap<String, String>,
    /// Those that are not translated yet.
    waiting: VecDeque<(String, String)>,
    /// What was bent.
    pub(crate) warnings: Vec<String>,
}

/// The members of a body that is written down flat.
pub(crate) struct Members<'a> {
    /// Names and schemas.
    pub(crate) properties: Vec<(&'a str, &'a Value)>,
    /// Names of those that must be there.
    pub(crate) required: Vec<&'a str>,
}

impl<'a> Translator<'a> {
    pub(crate) fn new(document: &'a Document) -> Self {
        Self { document, names: BTreeMap::new(), waiting: VecDeque::new(), warnings: Vec::new() }
    }

    /// A schema as JSON Schema; what it refers to is in [`Translator::definitions`].
    pub(crate) fn translate(&mut self, schema: &'a Value) -> Result<Value, String> {
        self.at(schema, 0)
    }

    /// All that the translated schemas refer to.
    pub(crate) fn definitions(&mut self) -> Result<Map<String, Value>, String> {
        let mut definitions = Map::new();
        let mut bytes = 0;
        // Not by recursion: references may form long chains and circles.
        while let Some((reference, name)) = self.waiting.pop_front() {
            let target = self.document.pointer(&reference)?;
            let translated = self.at(target, 0)?;
            bytes += translated.to_string().len();
            if definitions.len() >= DEFINITIONS || bytes > SCHEMA_BYTES {
                return Err("its schema draws in more other schemas than an input may have".into());
            }
            definitions.insert(name, translated);
        }
        Ok(definitions)
    }

    /// The members of an object that has no other shape than its properties, so that they can stand beside parameters.
    pub(crate) fn members(&self, schema: &'a Value) -> Result<Option<Members<'a>>, String> {
        let mut members = Members { properties: Vec::new(), required: Vec::new() };
        let mut parts = VecDeque::from([schema]);
        let (mut count, mut closed, mut read_only) = (0, false, Vec::new());
        while let Some(part) = parts.pop_front() {
            count += 1;
            let Some(map) = self.document.resolve(part)?.as_object() else { return Ok(None) };
            let object = map.get("type").is_none_or(|kind| kind == "object");
            let open = map.get("additionalProperties").is_some_and(|more| *more != json!(false));
            let nullable = map.get("nullable") == Some(&json!(true));
            if count > PARTS || !object || open || nullable || keywords::SHAPES.iter().any(|key| map.contains_key(*key))
            {
                return Ok(None);
            }
            closed |= map.contains_key("additionalProperties");
            for (name, property) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if self.is_read_only(property) {
                    read_only.push(name.as_str());
                    continue;
                }
                match members.properties.iter_mut().find(|(known, _)| known == name) {
                    Some(known) => known.1 = property,
                    None => members.properties.push((name, property)),
                }
            }
            members.required.extend(
                crate::document::list(self.document.resolve(part)?, "required").iter().filter_map(Value::as_str),
            );
            parts.extend(crate::document::list(self.document.resolve(part)?, "allOf"));
        }
        for name in &members.required {
            // Asked for, and described nowhere: anything will do, but it must be there.
            let known = members.properties.iter().any(|(known, _)| known == name) || read_only.contains(name);
            if !known && !closed && !members.properties.is_empty() {
                members.properties.push((name, &ANYTHING));
            }
        }
        let known = |name: &str| members.properties.iter().any(|(own, _)| *own == name);
        let required = members.required.iter().copied().filter(|name| known(name)).collect();
        Ok(Some(Members { required, properties: members.properties }).filter(|members| !members.properties.is_empty()))
    }

    /// Whether it is a list whose elements are objects.
    pub(crate) fn lists_objects(&self, schema: &Value) -> bool {
        let items = self.document.resolve(schema).ok().and_then(|schema| schema.get("items"));
        let one = items.and_then(|items| self.document.resolve(items).ok());
        one.is_some_and(|one| one.get("properties").is_some() || one.get("type").is_some_and(|kind| kind == "object"))
    }

    /// Whether a property is never sent.
    fn is_read_only(&self, property: &Value) -> bool {
        flag(property, "readOnly") || self.document.resolve(property).is_ok_and(|target| flag(target, "readOnly"))
    }

    fn at(&mut self, schema: &'a Value, depth: usize) -> Result<Value, String> {
        if depth > DEPTH {
            return Err(format!("its schema is nested more than {DEPTH} deep"));
        }
        let map = match schema {
            Value::Object(map) => map,
            Value::Bool(_) => return Ok(schema.clone()),
            _ => {
                self.warn("a schema is neither an object nor a flag, and was taken for any");
                return Ok(json!(true));
            }
        };
        if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
            return self.reference(reference, map, depth);
        }
        let mut out = Map::new();
        for (key, value) in map {
            if let Some(value) = self.keyword(key, value, depth)? {
                out.insert(key.clone(), value);
            }
        }
        self.leave_out_read_only(map, &mut out);
        keywords::bend(map, &mut out, self.document.is_3_0);
        Ok(Value::Object(out))
    }

    fn keyword(&mut self, key: &str, value: &'a Value, depth: usize) -> Result<Option<Value>, String> {
        if keywords::MAPS.contains(&key) {
            let Some(map) = value.as_object() else { return Ok(None) };
            let translated = map.iter().map(|(name, one)| Ok((name.clone(), self.at(one, depth + 1)?)));
            return Ok(Some(Value::Object(translated.collect::<Result<_, String>>()?)));
        }
        if keywords::LISTS.contains(&key) {
            let Some(list) = value.as_array().filter(|list| !list.is_empty()) else { return Ok(None) };
            let translated = list.iter().map(|one| self.at(one, depth + 1)).collect::<Result<_, String>>()?;
            return Ok(Some(Value::Array(translated)));
        }
        if keywords::SCHEMAS.contains(&key) {
            // `items: [a, b]` is of an older JSON Schema.
            let first = value.as_array().and_then(|list| list.first()).unwrap_or(value);
            return self.at(first, depth + 1).map(Some);
        }
        match keywords::plain(key, value) {
            Some(kept) => Ok(Some(kept)),
            None => {
                if keywords::is_lost(key) {
                    self.warn(&format!(
                        "`{}` in a schema is not understood, and was left out",
                        gloveport_importer::line(key, 40)
                    ));
                }
                Ok(None)
            }
        }
    }

    /// In 3.1 what stands beside a reference holds too; in 3.0 it is ignored, but what people mean by it is not.
    fn reference(&mut self, reference: &str, map: &'a Map<String, Value>, depth: usize) -> Result<Value, String> {
        let target = self.document.pointer(reference)?;
        let name = self.name_of(reference)?;
        let link = json!({ "$ref": format!("#/$defs/{name}") });
        let nullable = map.get("nullable") == Some(&json!(true)) && self.document.is_3_0;
        let mut out = Map::new();
        for (key, value) in map.iter().filter(|(key, _)| *key != "$ref") {
            let kept =
                !self.document.is_3_0 || matches!(key.as_str(), "description" | "title" | "default" | "deprecated");
            if let Some(value) = self.keyword(key, value, depth)?.filter(|_| kept) {
                out.insert(key.clone(), value);
            }
        }
        if !self.document.is_3_0 {
            keywords::bend(map, &mut out, false);
        }
        if nullable && !flag(target, "nullable") {
            out.insert("anyOf".into(), json!([link, { "type": "null" }]));
        } else if let Value::Object(link) = link {
            out.extend(link);
        }
        Ok(Value::Object(out))
    }

    fn name_of(&mut self, reference: &str) -> Result<String, String> {
        if let Some(name) = self.names.get(reference) {
            return Ok(name.clone());
        }
        if self.names.len() >= DEFINITIONS {
            return Err("its schema draws in more other schemas than an input may have".into());
        }
        let base = input_name(reference.rsplit('/').next().unwrap_or_default());
        let taken = |name: &str| self.names.values().any(|known| known == name);
        let name = if taken(&base) { format!("{base}_{}", gloveport_importer::digest(reference)) } else { base };
        self.names.insert(reference.to_owned(), name.clone());
        self.waiting.push_back((reference.to_owned(), name.clone()));
        Ok(name)
    }

    fn leave_out_read_only(&self, map: &Map<String, Value>, out: &mut Map<String, Value>) {
        let Some(properties) = map.get("properties").and_then(Value::as_object) else { return };
        let gone: Vec<&str> =
            properties.iter().filter(|(_, one)| self.is_read_only(one)).map(|(name, _)| name.as_str()).collect();
        if gone.is_empty() {
            return;
        }
        if let Some(Value::Object(kept)) = out.get_mut("properties") {
            kept.retain(|name, _| !gone.contains(&name.as_str()));
        }
        if let Some(Value::Array(required)) = out.get_mut("required") {
            required.retain(|name| !name.as_str().is_some_and(|name| gone.contains(&name)));
            if required.is_empty() {
                out.remove("required");
            }
        }
    }

    fn warn(&mut self, warning: &str) {
        if !self.warnings.iter().any(|known| known == warning) {
            self.warnings.push(warning.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
