//! From a place in JSON text to the JSON Pointer of the value there.

/// One open object or array on the way to the place.
enum Open {
    Object { key: String },
    Array { index: usize },
}

/// The pointer (RFC 6901) of the innermost value that `line` and `column` (from 1, as `serde_json` counts) lie in.
///
/// `text` is JSON at least up to there; of malformed text the pointer is the last one that was sound.
pub(crate) fn at(text: &str, line: usize, column: usize) -> String {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    // The column is that of the last byte which was read.
    let end = (before + column).min(text.len());
    let bytes = text.as_bytes();
    let mut open: Vec<Open> = Vec::new();
    let mut position = 0;
    while position < end {
        match bytes.get(position) {
            Some(b'{') => open.push(Open::Object { key: String::new() }),
            Some(b'[') => open.push(Open::Array { index: 0 }),
            // A closing bracket at the place belongs to the value that it closes.
            Some(b'}' | b']') if position + 1 < end => {
                open.pop();
            }
            Some(b',') => match open.last_mut() {
                Some(Open::Array { index }) => *index += 1,
                Some(Open::Object { key }) => key.clear(),
                None => {}
            },
            Some(b'"') => {
                let close = end_of_string(bytes, position);
                if let Some(Open::Object { key }) = open.last_mut()
                    && is_key(bytes, close)
                {
                    let literal = text.get(position..close).unwrap_or_default();
                    *key = serde_json::from_str(literal).unwrap_or_default();
                }
                position = close;
                continue;
            }
            _ => {}
        }
        position += 1;
    }
    // At a closing bracket the value is the container, not its last child.
    if matches!(bytes.get(end.wrapping_sub(1)), Some(b'}' | b']')) {
        open.pop();
    }
    open.iter().map(step).collect()
}

fn step(open: &Open) -> String {
    match open {
        Open::Object { key } if key.is_empty() => String::new(),
        Open::Object { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Open::Array { index } => format!("/{index}"),
    }
}

/// The position after the closing quote of the string that opens at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut position = start + 1;
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'\\' => position += 2,
            b'"' => return position + 1,
            _ => position += 1,
        }
    }
    bytes.len()
}

fn is_key(bytes: &[u8], after: usize) -> bool {
    bytes.iter().skip(after).find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape counts")]
    struct Input {
        count: Option<u8>,
        names: Option<Vec<String>>,
        inner: Option<Vec<Inner>>,
        #[serde(rename = "a/b~c")]
        odd: Option<bool>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its shape counts")]
    struct Inner {
        id: u64,
    }

    #[test]
    fn errors_of_serde_json_point_at_their_value() {
        for (text, expected) in [
            (r#"{"count": "x"}"#, "/count"),
            (r#"{"count": 300}"#, "/count"),
            (r#"{"count": 1, "names": ["a", 7]}"#, "/names/1"),
            (r#"{"names": ["a,]}\"", true, "b"]}"#, "/names/1"),
            (r#"{"inner": [{"id": 1}, {"id": -1}]}"#, "/inner/1/id"),
            (r#"{"inner": [{"id": 1}, {}]}"#, "/inner/1"),
            ("{\n  \"inner\": [\n    {\"id\": 1},\n    {\"id\": null}\n  ]\n}", "/inner/1/id"),
            (r#"{"a/b~c": 1}"#, "/a~1b~0c"),
            (r#"{"count": 1, "more": 2}"#, "/more"),
            ("[]", ""),
            ("7", ""),
            ("", ""),
        ] {
            let error = serde_json::from_str::<Input>(text).unwrap_err();
            assert_eq!(at(text, error.line(), error.column()), expected, "{text}: {error}");
        }
    }
}
