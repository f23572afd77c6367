//! JSON values as YAML that people like to read: blocks, and quotes only where they are needed.

use serde_json::Value;

/// The value as a YAML document.
pub(super) fn yaml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(members) if members.is_empty() => text.push_str("{}\n"),
        value => block(value, 0, &mut text),
    }
    text
}

/// Writes lists and maps that are not empty as blocks, each line indented.
fn block(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(members) => {
            // What a thing is called is what a reader looks for first.
            let (first, rest): (Vec<_>, Vec<_>) = members.iter().partition(|(name, _)| name.as_str() == "name");
            for (name, value) in first.into_iter().chain(rest) {
                pad(indent, text);
                text.push_str(&scalar(name));
                text.push(':');
                after(value, indent, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                pad(indent, text);
                text.push('-');
                match item {
                    Value::Object(members) if !members.is_empty() => {
                        let mut inner = String::new();
                        block(item, indent + 2, &mut inner);
                        text.push(' ');
                        text.push_str(&inner[indent + 2..]);
                    }
                    item => after(item, indent, text),
                }
            }
        }
        value => after(value, indent, text),
    }
}

/// What stands behind a colon or a dash.
fn after(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('\n');
            block(value, indent + 2, text);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            block(value, indent + 2, text);
        }
        Value::String(lines) if is_block(lines) => {
            let chomping = match (lines.ends_with("\n\n"), lines.ends_with('\n')) {
                (true, _) => "+",
                (false, true) => "",
                (false, false) => "-",
            };
            text.push_str(" |");
            text.push_str(chomping);
            text.push('\n');
            for line in lines.strip_suffix('\n').unwrap_or(lines).split('\n') {
                if !line.is_empty() {
                    pad(indent + 2, text);
                    text.push_str(line);
                }
                text.push('\n');
            }
        }
        Value::String(one) => {
            text.push(' ');
            text.push_str(&scalar(one));
            text.push('\n');
        }
        value => {
            text.push(' ');
            text.push_str(&value.to_string());
            text.push('\n');
        }
    }
}

/// Whether a text reads well, and back, as lines of their own.
fn is_block(text: &str) -> bool {
    let mut lines = text.split('\n');
    text.contains('\n')
        && !text.ends_with(' ')
        && !text.contains(" \n")
        && text.chars().all(|c| c == '\n' || is_plain(c))
        && lines.next().is_some_and(|first| !first.is_empty() && !first.starts_with(' '))
}

fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a1}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}')
}

/// A text on one line: as it is if nothing else can be meant, otherwise in quotes.
fn scalar(text: &str) -> String {
    let is_word =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' ' | '@' | '(' | ')' | '+' | '=');
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/');
    let is_other = matches!(
        text.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if begins && !is_other && !text.ends_with(' ') && text.chars().all(is_word) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if is_plain(c) || c > '\u{ffff}' => quoted.push(c),
            c => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

fn pad(indent: usize, text: &mut String) {
    text.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::cli::apply::read_back;

    #[test]
    fn blocks_are_readable() {
        let value = json!({ "connections": [{ "base_url": "https://x.example", "name": "a", "settings": {}, "n": [1, "2"],
            "deep": [[1], { "x": null }], "text": "one\ntwo\n", "switch": "no", "why": "a: b #c" }] });
        let expected = "\
connections:
  - name: a
    base_url: \"https://x.example\"
    deep:
      -
        - 1
      - x: null
    \"n\":
      - 1
      - \"2\"
    settings: {}
    switch: \"no\"
    text: |
      one
      two
    why: \"a: b #c\"
";
        assert_eq!(yaml(&value), expected);
        assert_eq!((yaml(&json!({})).as_str(), read_back(expected)), ("{}\n", vec![value]));
    }

    fn values() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[ -~\n]{0,12}",
            "\\PC{0,6}",
            any::<String>(),
            prop::sample::select(vec![
                "", "~", "null", "1", "-", "0x1", "a ", " a", "a\n", "a\n\n", "\n", "a\n b\n", "---", "? x"
            ])
            .prop_map(str::to_owned),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()).prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map("[ -~]{0,8}|\\PC{0,3}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in values()) {
            let value = json!({ "root": value });
            let text = yaml(&value);
            prop_assert_eq!(read_back(&text), vec![value], "{}", text);
        }
    }
}
