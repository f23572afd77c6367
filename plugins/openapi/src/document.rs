//! A document as it is: its version, and what its references lead to.

use serde_json::{Map, Value};

use crate::limits::REFERENCE_HOPS;

/// An OpenAPI document, read but not believed.
pub(crate) struct Document {
    root: Value,
    /// Of 3.0, where a schema is not yet JSON Schema.
    pub(crate) is_3_0: bool,
}

impl Document {
    /// Takes a document of a version that this component reads.
    pub(crate) fn new(root: Value) -> Result<Self, String> {
        let version = match (root.get("openapi"), root.get("swagger")) {
            (Some(version), _) => plain_text(version),
            (None, Some(version)) => {
                return Err(format!(
                    "this is a Swagger {} document; only OpenAPI 3.0 and 3.1 are read: convert it first",
                    plain_text(version)
                ));
            }
            (None, None) => return Err("not an OpenAPI document: it has no `openapi: 3.…`".into()),
        };
        let is_3_0 = version == "3.0" || version.starts_with("3.0.");
        if !is_3_0 && version != "3.1" && !version.starts_with("3.1.") {
            return Err(format!("OpenAPI {version} is not read; 3.0 and 3.1 are"));
        }
        if !root.get("paths").is_some_and(Value::is_object) {
            return Err("the document has no `paths`: there is nothing to call".into());
        }
        Ok(Self { root, is_3_0 })
    }

    /// The value at a member of the root.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.root.get(name)
    }

    /// The value at a JSON Pointer within the document.
    pub(crate) fn pointer(&self, reference: &str) -> Result<&Value, String> {
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err(format!("it refers to another document: `{}`", gloveport_importer::cut(reference, 100)));
        };
        let found = self.root.pointer(pointer).or_else(|| self.root.pointer(&percent_decoded(pointer)));
        found.ok_or_else(|| format!("it refers to `{}`, which is not there", gloveport_importer::cut(reference, 100)))
    }

    /// What stands here, or where the reference that stands here leads.
    pub(crate) fn resolve<'a>(&'a self, value: &'a Value) -> Result<&'a Value, String> {
        let mut value = value;
        for _ in 0..REFERENCE_HOPS {
            match value.get("$ref").and_then(Value::as_str) {
                Some(reference) => value = self.pointer(reference)?,
                None => return Ok(value),
            }
        }
        Err("its references lead to one another".into())
    }

    /// The operations of the document: path, method, what is common to the path, and the operation.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (&str, &'static str, &Value, &Value)> {
        const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
        let paths = self.root.get("paths").and_then(Value::as_object).into_iter().flatten();
        let items = paths.filter(|(path, _)| !path.starts_with("x-")).map(|(path, item)| {
            // A path whose reference leads nowhere has no operations that could be named.
            (path.as_str(), self.resolve(item).unwrap_or(item))
        });
        items.flat_map(|(path, item)| {
            METHODS.into_iter().filter_map(move |method| Some((path, method, item, item.get(method)?)))
        })
    }
}

/// A member that is an object.
pub(crate) fn object<'a>(value: &'a Value, name: &str) -> Option<&'a Map<String, Value>> {
    value.get(name).and_then(Value::as_object)
}

/// A member that is text, and not empty.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

/// A member that is `true`.
pub(crate) fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// A member that is a list; nothing where it is none.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn plain_text(version: &Value) -> String {
    // `openapi: 3.1` without quotes is a number in YAML.
    version.as_str().map_or_else(|| version.to_string(), str::to_owned)
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match escaped.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// HA-03: what is not read is refused with its name.
    #[test]
    fn documents_of_other_versions_are_refused_by_name() {
        for (root, reason) in [
            (json!({ "swagger": "2.0", "paths": {} }), "Swagger 2.0"),
            (json!({ "openapi": "3.2.0", "paths": {} }), "OpenAPI 3.2.0 is not read"),
            (json!({ "openapi": "2.0", "paths": {} }), "OpenAPI 2.0 is not read"),
            (json!({ "openapi": "3.10", "paths": {} }), "OpenAPI 3.10 is not read"),
            (json!({ "openapi": "3.0.0" }), "no `paths`"),
            (json!({ "openapi": "3.1.0", "webhooks": {} }), "no `paths`"),
            (json!({ "paths": {} }), "not an OpenAPI document"),
            (json!([]), "not an OpenAPI document"),
            (json!("3.0.0"), "not an OpenAPI document"),
        ] {
            let refused = Document::new(root).err().expect(reason);
            assert!(refused.contains(reason), "{refused}");
        }
        for (version, is_3_0) in [(json!("3.0.3"), true), (json!("3.1.0"), false), (json!(3.1), false)] {
            assert_eq!(Document::new(json!({ "openapi": version, "paths": {} })).unwrap().is_3_0, is_3_0);
        }
    }

    #[test]
    fn references_lead_somewhere_or_say_why_not() {
        let root = json!({ "openapi": "3.0.0", "paths": { "/a/{b}": { "get": { "x": 1 } } },
            "a": { "$ref": "#/b" }, "b": { "$ref": "#/c" }, "c": 5, "loop": { "$ref": "#/pool" }, "pool": { "$ref": "#/loop" } });
        let document = Document::new(root).unwrap();
        assert_eq!(document.resolve(document.get("a").unwrap()), Ok(&json!(5)));
        assert_eq!(document.pointer("#/paths/~1a~1%7Bb%7D/get/x"), Ok(&json!(1)));
        for (reference, reason) in
            [("other.yaml#/x", "another document"), ("#/nothing", "not there"), ("https://e.example/x", "another")]
        {
            assert!(document.pointer(reference).unwrap_err().contains(reason), "{reference}");
        }
        assert!(document.resolve(document.get("loop").unwrap()).unwrap_err().contains("one another"));
    }
}
