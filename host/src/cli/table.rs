//! Answers as tables and lists for people, with nothing in them that steers a terminal.

use std::io::{self, Write};

use comfy_table::{Table, presets};
use serde_json::Value;

/// A column, or a line of a list: its title and where its value stands in the answer, as a JSON Pointer.
pub(super) type Column = (&'static str, &'static str);

/// Longest text of a cell, in characters: a table stays a table. Lists and `--json` show all of it.
const MAX_CELL: usize = 60;

/// Writes one row for each item.
pub(super) fn write_items(out: &mut dyn Write, columns: &[Column], items: &[Value]) -> io::Result<()> {
    let rows = items.iter().map(|item| columns.iter().map(|(_, pointer)| text_at(item, pointer)).collect());
    let titles: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
    write_rows(out, &titles, rows.collect())
}

/// Writes rows of ready text under `titles`.
pub(super) fn write_rows(out: &mut dyn Write, titles: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(titles.to_vec());
    for row in rows {
        table.add_row(row.iter().map(|cell| shorten(&clean(cell))));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Writes one line for each column that has a value.
pub(super) fn write_list(out: &mut dyn Write, lines: &[Column], item: &Value) -> io::Result<()> {
    let width = lines.iter().map(|(title, _)| title.len()).max().unwrap_or_default();
    for (title, pointer) in lines {
        let value = text_at(item, pointer);
        if value != NOTHING {
            writeln!(out, "{title:<width$}  {value}")?;
        }
    }
    Ok(())
}

/// What stands at `pointer`, for a person. `/a/*/b` stands for the `b` of each item of `a`.
pub(super) fn text_at(item: &Value, pointer: &str) -> String {
    let Some((list, rest)) = pointer.split_once("/*") else {
        return item.pointer(pointer).map_or_else(|| NOTHING.into(), text);
    };
    let texts: Vec<String> = array_at(item, list).iter().map(|item| text_at(item, rest)).collect();
    if texts.is_empty() { NOTHING.into() } else { texts.join(", ") }
}

/// The text at `pointer`, or nothing.
pub(super) fn str_at<'a>(item: &'a Value, pointer: &str) -> &'a str {
    item.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The items at `pointer`, or none.
pub(super) fn array_at<'a>(item: &'a Value, pointer: &str) -> &'a [Value] {
    item.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// `text` with control characters replaced: what a provider or a user wrote must not move the cursor or fake lines.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_reordering(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

const NOTHING: &str = "-";

/// A value for a person: lists of texts are joined, lists of anything else are counted.
fn text(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.is_empty() => NOTHING.into(),
        Value::String(text) => clean(text),
        Value::Array(items) if items.is_empty() => NOTHING.into(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().map(text).collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => items.len().to_string(),
        Value::Object(members) if members.is_empty() => NOTHING.into(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| format!("{}={}", clean(name), text(value)))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// Characters that change the direction of the text around them (Unicode bidirectional controls).
fn is_reordering(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= MAX_CELL {
        return text.into();
    }
    text.chars().take(MAX_CELL - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_table_is_plain_text_in_columns() {
        let items = [
            json!({"name": "github", "tools": [{}, {}], "hosts": ["a", "b"], "disabled": false}),
            json!({"name": "ä\u{1b}[31m", "tools": [], "hosts": "x".repeat(80)}),
        ];
        let columns = [("NAME", "/name"), ("TOOLS", "/tools"), ("DISABLED", "/disabled"), ("HOSTS", "/hosts")];
        let expected = "\
NAME    TOOLS  DISABLED  HOSTS
github  2      no        a, b
ä�[31m  -      -         xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
";
        assert_eq!(written(|out| write_items(out, &columns, &items)), expected);
    }

    #[test]
    fn a_list_leaves_out_what_is_not_there() {
        let item = json!({"name": "x", "fields": {"domain": "a.b", "n": 12345678901234567890123_u128}, "null": null});
        let lines = [("Name", "/name"), ("Fields", "/fields"), ("Null", "/null"), ("Absent", "/absent")];
        assert_eq!(
            written(|out| write_list(out, &lines, &item)),
            "Name    x\nFields  domain=a.b, n=12345678901234567890123\n"
        );
    }

    #[test]
    fn a_terminal_cannot_be_steered() {
        for bad in ['\0', '\n', '\r', '\t', '\u{7}', '\u{1b}', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200f}'] {
            assert_eq!(clean(&format!("a{bad}b")), "a\u{fffd}b", "{bad:?}");
        }
        for good in ["", "a b", "ä–😀", "Ω"] {
            assert_eq!(clean(good), good);
        }
    }
}
