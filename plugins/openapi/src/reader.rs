//! From the text of a document to JSON values: JSON itself, or YAML with bounds.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

use crate::limits::{ALIASED_BYTES, DEPTH, NODES};

/// Reads a document; the error says where it is wrong.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with(['{', '[']) {
        return match serde_json::from_str(text) {
            Ok(value) => Ok(value),
            // YAML has maps in braces too; if it is none, the first reason is the better one.
            Err(error) => yaml(text).map_err(|_| format!("not JSON: {error}")),
        };
    }
    yaml(text)
}

/// A list or map that is being read.
enum Open {
    List(Vec<Value>, usize),
    Map(Map<String, Value>, Option<String>, usize),
}

/// What has been read so far.
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, (Value, Size)>,
    root: Option<Value>,
    nodes: usize,
    aliased: usize,
}

/// How much an alias adds.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

fn yaml(text: &str) -> Result<Value, String> {
    let mut builder = Builder { open: Vec::new(), anchors: HashMap::new(), root: None, nodes: 0, aliased: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| format!("not YAML: {error}"))?;
        if matches!(event, Event::DocumentEnd) && builder.root.is_some() {
            break;
        }
        builder.take(event).map_err(|reason| format!("not YAML, line {}: {reason}", span.start.line()))?;
    }
    builder.root.ok_or_else(|| "the document is empty".to_owned())
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.is_some_and(|tag| tag.suffix == "str");
                let value = if is_text || style != ScalarStyle::Plain {
                    Value::String(text.into_owned())
                } else {
                    plain(&text)
                };
                self.add(value, anchor)
            }
            Event::SequenceStart(anchor, _) => self.start(Open::List(Vec::new(), anchor)),
            Event::MappingStart(anchor, _) => self.start(Open::Map(Map::new(), None, anchor)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(list, anchor)) => self.add(Value::Array(list), anchor),
                Some(Open::Map(map, _, anchor)) => self.add(Value::Object(map), anchor),
                None => Err("an end without a beginning".into()),
            },
            Event::Alias(anchor) => {
                // An anchor within itself is not known yet: there are no circles.
                let (value, size) = self.anchors.get(&anchor).ok_or("an alias of nothing that came before")?.clone();
                self.nodes = self.nodes.saturating_add(size.nodes);
                self.aliased = self.aliased.saturating_add(size.bytes);
                if self.nodes > NODES || self.aliased > ALIASED_BYTES || self.open.len() + size.depth > DEPTH {
                    return Err("its aliases stand for more than a document may have".into());
                }
                self.add(value, 0)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn start(&mut self, open: Open) -> Result<(), String> {
        if self.open.len() >= DEPTH {
            return Err(format!("it is nested more than {DEPTH} deep"));
        }
        self.open.push(open);
        Ok(())
    }

    fn add(&mut self, value: Value, anchor: usize) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > NODES {
            return Err(format!("it has more than {NODES} values"));
        }
        if anchor != 0 {
            let size = size(&value);
            self.aliased = self.aliased.saturating_add(size.bytes);
            if self.aliased > ALIASED_BYTES {
                return Err("what its anchors name is longer than a document may be".into());
            }
            self.anchors.insert(anchor, (value.clone(), size));
        }
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some(Open::List(list, _)) => list.push(value),
            Some(Open::Map(map, key @ None, _)) => {
                *key = Some(key_text(value).ok_or("a key is a list or a map")?).filter(|_| map.len() < NODES)
            }
            Some(Open::Map(map, key, _)) => {
                let key = key.take().unwrap_or_default();
                match (key.as_str(), value) {
                    // What is merged in never replaces what stands there.
                    ("<<", Value::Object(merged)) => {
                        for (name, value) in merged {
                            map.entry(name).or_insert(value);
                        }
                    }
                    (_, value) => drop(map.insert(key, value)),
                }
            }
        }
        Ok(())
    }
}

fn size(value: &Value) -> Size {
    let together = |parts: &mut dyn Iterator<Item = (usize, &Value)>| {
        parts.fold(Size { nodes: 1, bytes: 0, depth: 1 }, |sum, (key, part)| {
            let part = size(part);
            Size {
                nodes: sum.nodes + part.nodes,
                bytes: sum.bytes + key + part.bytes,
                depth: sum.depth.max(part.depth + 1),
            }
        })
    };
    match value {
        Value::String(text) => Size { nodes: 1, bytes: text.len(), depth: 0 },
        Value::Array(list) => together(&mut list.iter().map(|part| (0, part))),
        Value::Object(map) => together(&mut map.iter().map(|(key, part)| (key.len(), part))),
        _ => Size { nodes: 1, ..Size::default() },
    }
}

/// Keys such as `200:` are numbers in YAML and names in JSON.
fn key_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Null => Some("null".into()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// A plain scalar by the core schema of YAML 1.2: dates are text, and so is `no`.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    let radix = |digits: &str, radix| i64::from_str_radix(digits, radix).ok().map(Number::from);
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || !unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
    {
        return None;
    }
    // JSON's own spelling keeps all digits; `.5`, `1.` and `007` are YAML's only.
    serde_json::from_str(text).ok().or_else(|| {
        let whole = unsigned.bytes().all(|byte| byte.is_ascii_digit());
        if whole { text.parse::<i64>().ok().map(Number::from) } else { Number::from_f64(text.parse().ok()?) }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_becomes_the_json_that_it_means() {
        for (text, expected) in [
            ("a: 1\nb: [x, 'y', \"z\"]", json!({ "a": 1, "b": ["x", "y", "z"] })),
            ("200: ok\ntrue: yes\nnull: ~", json!({ "200": "ok", "true": "yes", "null": null })),
            ("a: 2020-01-01\nb: 0x1F\nc: 0o17\nd: 007", json!({ "a": "2020-01-01", "b": 31, "c": 15, "d": 7 })),
            ("a: 1.0.0\nb: 1.5\nc: -3\nd: .5", json!({ "a": "1.0.0", "b": 1.5, "c": -3, "d": 0.5 })),
            ("a: '1'\nb: !!str 1\nc: no", json!({ "a": "1", "b": "1", "c": "no" })),
            ("a: |\n  one\n  two\nb: >\n  one\n  two\n", json!({ "a": "one\ntwo\n", "b": "one two\n" })),
            ("a: &x {k: 1}\nb: *x\nc: {<<: *x, k: 2}", json!({ "a": { "k": 1 }, "b": { "k": 1 }, "c": { "k": 2 } })),
            ("{a: 1}", json!({ "a": 1 })),
            ("\u{feff}{\"a\": 1}", json!({ "a": 1 })),
            ("---\na: 1\n---\nb: 2", json!({ "a": 1 })),
        ] {
            assert_eq!(read(text).as_ref(), Ok(&expected), "{text}");
        }
        let long = read("a: 9007199254740993123").unwrap();
        assert_eq!(long["a"].to_string(), "9007199254740993123");
    }

    #[test]
    fn what_is_no_document_is_refused_with_a_place() {
        let deep_list = format!("a: {}", "[".repeat(200));
        let deep_json = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        let mut bomb = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
        for level in 1..12 {
            let previous = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![previous; 9].join(", ")));
        }
        let fat = format!("a: &a {}\nb: [{}]", "x".repeat(1 << 20), vec!["*a"; 100].join(","));
        for (text, reason) in [
            ("", "empty"),
            ("a: [", "not YAML"),
            ("{\"a\": ", "not JSON"),
            ("a: *b", "not YAML"),
            ("a: &a [*a]", "alias of nothing"),
            ("? [a]\n: b", "a key is a list"),
            (deep_list.as_str(), "nested more than"),
            (deep_json.as_str(), "not JSON"),
            (bomb.as_str(), "aliases stand for more"),
            (fat.as_str(), "aliases stand for more"),
        ] {
            let refused = read(text).expect_err(reason);
            assert!(refused.contains(reason), "{reason}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_nothing_panics(text in "\\PC{0,60}|[-:{}&*a\\[\\],\"'\n ]{0,40}") {
            let _ = read(&text);
        }

        #[test]
        fn json_reads_as_itself(numbers in proptest::collection::vec(any::<i64>(), 0..4), key in "[a-z]{1,5}") {
            let value = json!({ (key): numbers });
            prop_assert_eq!(read(&value.to_string()), Ok(value));
        }
    }
}
