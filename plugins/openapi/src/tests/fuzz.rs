//! Documents that went wrong: structures changed by chance, the same ones each time. What is made of them is right or refused.

use serde_json::{Map, Value, json};

use super::*;

/// How many documents are tried: some seconds.
const DOCUMENTS: u64 = 1_500;

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

/// A document that has something of everything.
fn document(version: &str) -> Value {
    json!({
        "openapi": version,
        "info": { "title": "Pets", "version": "1", "description": "All of them." },
        "servers": [{ "url": "https://{zone}.pets.example/v{n}", "variables": { "zone": { "default": "eu" }, "n": { "default": "2" } } }],
        "security": [{ "key": [] }, { "oauth": ["read"] }],
        "components": {
            "securitySchemes": { "key": { "type": "apiKey", "in": "query", "name": "key" },
                "oauth": { "type": "oauth2", "flows": { "authorizationCode": { "authorizationUrl": "https://pets.example/a",
                    "tokenUrl": "https://pets.example/t", "scopes": { "read": "", "write": "" } } } } },
            "parameters": { "limit": { "name": "limit", "in": "query", "schema": { "type": "integer", "maximum": 100 } } },
            "requestBodies": { "pet": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Pet" } } } } },
            "schemas": {
                "Pet": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string", "minLength": 1, "pattern": "^[a-z]+$" },
                    "kind": { "enum": ["cat", "dog"], "nullable": true }, "made": { "type": "string", "format": "date-time", "readOnly": true },
                    "friends": { "type": "array", "items": { "$ref": "#/components/schemas/Pet" } }, "home": { "$ref": "#/components/schemas/Home" } } },
                "Home": { "oneOf": [{ "type": "string" }, { "allOf": [{ "type": "object" }, { "properties": { "street": { "type": "string" } } }] }],
                    "discriminator": { "propertyName": "street" } },
            },
        },
        "paths": {
            "/pets": { "parameters": [{ "$ref": "#/components/parameters/limit" }],
                "get": { "operationId": "list", "tags": ["pets"], "parameters": [{ "name": "f", "in": "query", "style": "deepObject", "explode": true,
                    "schema": { "type": "object", "properties": { "a": { "type": "string" } } } }], "responses": { "200": { "description": "ok" } } },
                "post": { "operationId": "add", "requestBody": { "$ref": "#/components/requestBodies/pet" } } },
            "/pets/{id}.{kind}": { "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "integer" } }],
                "put": { "requestBody": { "content": { "multipart/form-data": { "schema": { "type": "object", "properties": {
                    "file": { "type": "string", "format": "binary" } } }, "encoding": { "file": { "contentType": "image/png" } } } } },
                    "parameters": [{ "name": "X-Trace", "in": "header", "schema": { "type": "array", "items": { "type": "string" } } }] },
                "delete": { "deprecated": true, "servers": [{ "url": "/other" }], "security": [] } },
        },
        "webhooks": { "new": { "post": { "operationId": "hook" } } },
    })
}

/// What stands where it does not belong.
fn odd(chance: &mut Chance) -> Value {
    let deep = |n: usize, key: &str| (0..n).fold(json!({}), |inner, _| json!({ (key): inner }));
    match chance.below(16) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => serde_json::from_str("1e400").unwrap_or_default(),
        4 => json!(18_446_744_073_709_551_615_u64),
        5 => json!(""),
        6 => json!("\u{0}\r\n\u{202e}é{{x}}%"),
        7 => json!("x".repeat(70_000)),
        8 => json!([]),
        9 => json!([[], {}, null, "x"]),
        10 => json!({}),
        11 => {
            json!({ "$ref": chance.one(&["#", "#/", "#/paths", "#/components/schemas/Pet", "#/components/schemas/Home/oneOf/1",
            "#/components/parameters/limit", "#/components/requestBodies/pet", "other.yaml#/x", "#/%", "#/paths/~1pets"]) })
        }
        12 => {
            deep(chance.below(120), chance.one(&["items", "not", "allOf", "properties", "additionalProperties", "a"]))
        }
        13 => json!(["GET", "object", "string", { "type": "object" }]),
        14 => {
            json!({ "type": chance.one(&["object", "array", "null", "any", "file"]), "required": true, "enum": [], "minimum": "1" })
        }
        _ => json!({ "schema": { "type": ["string", "null", 5] }, "in": "query", "name": "é\n", "explode": "yes" }),
    }
}

/// All places of a document, as JSON Pointers.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(map) => {
            for (key, one) in map {
                places(one, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(list) => list.iter().enumerate().for_each(|(n, one)| places(one, &format!("{at}/{n}"), all)),
        _ => {}
    }
}

/// Changes one place: another value, a member less, a member under another name, or a part of the document from elsewhere.
fn change(document: &mut Value, chance: &mut Chance) {
    let mut all = Vec::new();
    places(document, "", &mut all);
    let elsewhere = document.pointer(&chance.one(&all)).cloned().unwrap_or_default();
    let other = odd(chance);
    let name = chance
        .one(&["$ref", "", "x-y", "get", "schema", "{id}", "type", "allOf", "é", "/pets/{a}{b}", "<<"])
        .to_string();
    let Some(target) = document.pointer_mut(&chance.one(&all)) else { return };
    match (chance.below(5), &mut *target) {
        (0, Value::Object(map)) if !map.is_empty() => {
            let key = map.keys().nth(chance.below(map.len())).cloned().unwrap_or_default();
            map.remove(&key);
        }
        (1, Value::Object(map)) => drop(map.insert(name, other)),
        (2, Value::Object(map)) if !map.is_empty() => {
            let key = map.keys().nth(chance.below(map.len())).cloned().unwrap_or_default();
            let moved = map.remove(&key).unwrap_or_default();
            map.insert(name, moved);
        }
        (2, Value::Array(list)) => list.push(other),
        (3, _) => *target = elsewhere,
        _ => *target = other,
    }
}

/// What an import gives can be called or is refused with a sentence, whatever the document was.
fn check(imported: &Imported, seed: u64) {
    for (operation, reason) in &imported.skipped {
        assert!(!reason.is_empty() && reason.len() < 700, "{seed}: {operation}: {} bytes", reason.len());
    }
    assert!(imported.warnings.iter().all(|warning| warning.len() < 700), "{seed}");
    for tool in &imported.tools {
        let name = &tool.name;
        assert!(name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{seed}: {name}");
        assert!(tool.title.len() <= 200 && !tool.description.is_empty(), "{seed}: {name}");
        let schema: Value = serde_json::from_str(&tool.input_schema).unwrap();
        assert_eq!(schema["type"], "object", "{seed}: {name}");
        let binding: crate::Binding = serde_json::from_str(tool.binding.as_deref().unwrap()).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        let given: [fn() -> Value; 4] = [|| json!("v"), || json!(1), || json!(["a", {}]), || json!({ "a": [1] })];
        for value in given {
            let input: Map<String, Value> = properties.keys().map(|name| (name.clone(), value())).collect();
            // Sent or refused as the caller's mistake; that it ends is the point.
            let made = crate::request::request(&binding, &input);
            assert!(matches!(made, Ok(_) | Err(Failure::InvalidInput(_))), "{seed}: {name}");
        }
    }
}

/// HA-03: one to six changes to a sound document, as JSON and as the same text read by YAML's rules.
#[test]
fn changed_documents_are_read_or_refused() {
    let (mut read, mut refused, mut tools) = (0, 0, 0);
    for seed in 0..DOCUMENTS {
        let mut chance = Chance(seed);
        let mut document = document(chance.one(&["3.0.3", "3.1.0"]));
        for _ in 0..=chance.below(6) {
            change(&mut document, &mut chance);
        }
        let mut text = document.to_string();
        if seed % 4 == 3 {
            // A brace before it is a map of YAML, not of JSON.
            text = format!("# {seed}\n{text}");
        }
        let options = json!({ "name": "api", "document_url": "https://docs.example/openapi.json" });
        match import_document(&text, &options.to_string()) {
            Ok(imported) => {
                check(&imported, seed);
                (read, tools) = (read + 1, tools + imported.tools.len());
            }
            Err(reason) => {
                assert!(!reason.is_empty() && reason.len() < 700, "{seed}: {} bytes", reason.len());
                refused += 1;
            }
        }
    }
    println!("{read} read with {tools} tools, {refused} refused");
    assert!(read > DOCUMENTS / 3 && refused > DOCUMENTS / 50 && tools > DOCUMENTS as usize, "{read} {refused} {tools}");
}

/// Bytes of a document cut out, doubled and exchanged: read or refused.
#[test]
fn torn_documents_are_read_or_refused() {
    let json = document("3.1.0").to_string();
    let yaml = "openapi: 3.1.0\ninfo: &i {title: T, version: 1.0.0}\nservers: [{url: 'https://api.example.com'}]\npaths:\n  \
        /a/{b}:\n    get: &g\n      operationId: a\n      summary: |\n        two\n        lines\n      tags: [*i, x]\n    post: *g\n    \
        put: {<<: *g, deprecated: yes}\n"
        .to_owned();
    let options = json!({ "name": "api" }).to_string();
    for seed in 0..DOCUMENTS {
        let mut chance = Chance(seed ^ 0xabcd);
        let mut bytes = if seed % 3 == 0 { json.clone() } else { yaml.clone() }.into_bytes();
        for _ in 0..=chance.below(4) {
            let (from, length) = (chance.below(bytes.len()), chance.below(40));
            let to = (from + length).min(bytes.len());
            match chance.below(4) {
                0 => drop(bytes.drain(from..to)),
                1 => {
                    let part = bytes[from..to].to_vec();
                    let at = chance.below(bytes.len());
                    drop(bytes.splice(at..at, part));
                }
                2 => {
                    let signs = [&b"*i"[..], b"&g", b"{", b"]", b"\t", b"- ", b"? ", b"!!x ", b"|"];
                    drop(bytes.splice(from..to, chance.one(&signs).iter().copied()));
                }
                _ => bytes.truncate(from.max(1)),
            }
            if bytes.is_empty() {
                bytes.push(b'x');
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(imported) = import_document(&text, &options) {
            check(&imported, seed);
        }
    }
}
