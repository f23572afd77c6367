//! YAML with the place of each value and key, so that every mistake can be told where it is.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

/// How deep values may be within each other: by hand nobody comes near.
const MAX_DEPTH: usize = 100;

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    /// Which of the files.
    pub(super) file: usize,
    /// From 1 on.
    pub(super) line: usize,
    /// From 1 on.
    pub(super) column: usize,
}

/// A value, and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) at: At,
    pub(super) name: String,
}

/// Something wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) at: At,
    pub(super) message: String,
}

impl Node {
    /// The value without its places.
    pub(super) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::value).collect(),
            Content::Map(members) => {
                Value::Object(members.iter().map(|(key, node)| (key.name.clone(), node.value())).collect::<Map<_, _>>())
            }
        }
    }

    /// The place of what a JSON Pointer names, or of as much of it as is there.
    pub(super) fn find(&self, pointer: &str) -> At {
        let mut node = self;
        let mut at = self.at;
        for part in pointer.split('/').skip(1) {
            let name = part.replace("~1", "/").replace("~0", "~");
            let next = match &node.content {
                Content::Scalar(_) => None,
                Content::List(items) => {
                    name.parse().ok().and_then(|index: usize| items.get(index)).map(|one| (one.at, one))
                }
                Content::Map(members) => {
                    members.iter().find(|(key, _)| key.name == name).map(|(key, node)| (key.at, node))
                }
            };
            let Some((place, found)) = next else { break };
            (at, node) = (place, found);
        }
        at
    }

    /// Whether nothing is there.
    pub(super) fn is_null(&self) -> bool {
        self.content == Content::Scalar(Value::Null)
    }

    /// The member of a map.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        let Content::Map(members) = &self.content else { return None };
        members.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }
}

/// The documents of a file. Anchors, tags of its own and keys that are no texts are refused: nothing here needs them.
pub(super) fn read(text: &str, file: usize) -> Result<Vec<Node>, Mistake> {
    let mut open: Vec<Node> = Vec::new();
    let mut keys: Vec<Option<Key>> = Vec::new();
    let mut documents = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Mistake {
            at: place(file, error.marker()),
            message: format!("not YAML: {}", error.info()),
        })?;
        let at = place(file, &span.start);
        let wrong = |message: &str| Err(Mistake { at, message: message.to_owned() });
        let done = match event {
            Event::Scalar(text, style, 0, tag) => {
                let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
                let in_map = matches!(open.last(), Some(Node { content: Content::Map(_), .. }));
                if let (true, Some(key @ None)) = (in_map, keys.last_mut()) {
                    *key = Some(Key { at, name: text.into_owned() });
                    continue;
                }
                let value = if is_text { Value::String(text.into_owned()) } else { plain(&text) };
                Some(Node { at, content: Content::Scalar(value) })
            }
            Event::SequenceStart(0, _) | Event::MappingStart(0, _) if open.len() >= MAX_DEPTH => {
                return wrong("it is nested too deep");
            }
            Event::SequenceStart(0, _) | Event::MappingStart(0, _)
                if matches!(open.last(), Some(Node { content: Content::Map(_), .. }))
                    && keys.last().is_some_and(Option::is_none) =>
            {
                return wrong("a key is a text");
            }
            Event::SequenceStart(0, _) => {
                open.push(Node { at, content: Content::List(Vec::new()) });
                keys.push(None);
                None
            }
            Event::MappingStart(0, _) => {
                open.push(Node { at, content: Content::Map(Vec::new()) });
                keys.push(None);
                None
            }
            Event::SequenceEnd | Event::MappingEnd => {
                keys.pop();
                open.pop()
            }
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) | Event::Alias(_) => {
                return wrong("anchors and aliases are not taken here: write it out");
            }
            _ => None,
        };
        let Some(node) = done else { continue };
        add(node, &mut open, &mut keys, &mut documents)?;
    }
    Ok(documents)
}

fn add(node: Node, open: &mut [Node], keys: &mut [Option<Key>], documents: &mut Vec<Node>) -> Result<(), Mistake> {
    match open.last_mut().map(|parent| &mut parent.content) {
        None => documents.push(node),
        Some(Content::List(items)) => items.push(node),
        Some(Content::Map(members)) => {
            let Some(key) = keys.last_mut().and_then(Option::take) else { return Ok(()) };
            if members.iter().any(|(other, _)| other.name == key.name) {
                return Err(Mistake { at: key.at, message: format!("`{}` is there twice", key.name) });
            }
            members.push((key, node));
        }
        Some(Content::Scalar(_)) => {}
    }
    Ok(())
}

fn place(file: usize, marker: &Marker) -> At {
    At { file, line: marker.line(), column: marker.col() + 1 }
}

/// A scalar without quotes, by the core schema of YAML 1.2: a number keeps its digits.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = text.strip_prefix('+').unwrap_or(text);
    if unsigned.starts_with(|c: char| c.is_ascii_digit())
        && let Ok(number) = serde_json::from_str::<Number>(digits)
    {
        return Value::Number(number);
    }
    let radix =
        unsigned.strip_prefix("0x").map(|rest| (rest, 16)).or(unsigned.strip_prefix("0o").map(|rest| (rest, 8)));
    if let Some((rest, radix)) = radix
        && unsigned.len() == text.len()
        && let Ok(number) = u64::from_str_radix(rest, radix)
    {
        return number.into();
    }
    Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(text: &str) -> Vec<Value> {
        read(text, 0).expect("YAML").iter().map(Node::value).collect()
    }

    #[test]
    fn documents_are_read_with_their_places() {
        let text = "a: 1\nb:\n  - x: yes\n    y: 'true'\n---\n{c: [null, 0x10, 1.50, -3, 007, 1e400]}\n";
        let found = read(text, 3).expect("YAML");
        assert_eq!(found[0].value(), json!({ "a": 1, "b": [{ "x": "yes", "y": "true" }] }));
        let last = r#"{"c":[null,16,1.50,-3,"007",1e+400]}"#;
        assert_eq!(found[1].value().to_string(), last);
        for (pointer, line, column) in [
            ("", 1, 1),
            ("/a", 1, 1),
            ("/b/0/y", 4, 5),
            ("/b/0", 3, 5),
            ("/b/0/z", 3, 5),
            ("/b/7", 2, 1),
            ("/q/r", 1, 1),
        ] {
            assert_eq!(found[0].find(pointer), At { file: 3, line, column }, "{pointer}");
        }
        assert_eq!(values("# nothing\n"), Vec::<Value>::new());
        assert_eq!(values("a: |\n  one\n  two\n"), [json!({ "a": "one\ntwo\n" })]);
    }

    #[test]
    fn what_is_not_taken_is_told_with_its_place() {
        for (text, line, column, said) in [
            ("a: [1\nb: 2", 2, 1, "not YAML"),
            ("a: 1\na: 2", 2, 1, "there twice"),
            ("a: &x 1", 1, 4, "anchors"),
            ("? [1]\n: 2", 1, 3, "a key is a text"),
        ] {
            let mistake = read(text, 0).expect_err(text);
            assert!(mistake.message.contains(said), "{text}: {mistake:?}");
            if !said.starts_with("not") {
                assert_eq!((mistake.at.line, mistake.at.column), (line, column), "{text}: {mistake:?}");
            }
        }
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        assert!(read(&deep, 0).is_err());
    }
}
