//! `VALUES` of many rows, with placeholders that both databases understand.

use std::fmt::Write as _;

/// What PostgreSQL must be told of a value that stands in no column yet.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Any,
    Text,
    Number,
}

pub(super) fn push_rows(sql: &mut String, rows: usize, types: &[Type]) {
    push_rows_from(sql, 0, rows, types);
}

/// The same after so many parameters.
pub(super) fn push_rows_from(sql: &mut String, before: usize, rows: usize, types: &[Type]) {
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for (column, of_type) in types.iter().enumerate() {
            let comma = if column == 0 { "" } else { ", " };
            let number = before + row * types.len() + column + 1;
            // Writing to a string cannot fail.
            let _ = match of_type {
                Type::Any => write!(sql, "{comma}${number}"),
                Type::Text => write!(sql, "{comma}CAST(${number} AS TEXT)"),
                Type::Number => write!(sql, "{comma}CAST(${number} AS BIGINT)"),
            };
        }
        sql.push(')');
    }
}

/// The same statements for SQLite with `?` in place of `$1`, `$2` and so on. `None` if the numbers do not simply run on.
///
/// A parameter with a name has to be looked for among the others whenever it is bound, which takes longer the more there
/// are; one without is found by its place.
pub(super) fn nameless(sql: &str) -> Option<String> {
    let mut parts = sql.split('$');
    let mut text = String::with_capacity(sql.len());
    text.push_str(parts.next()?);
    for (before, part) in parts.enumerate() {
        let rest = part.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let number: usize = part[..part.len() - rest.len()].parse().ok()?;
        if number != before + 1 {
            return None;
        }
        text.push('?');
        text.push_str(rest);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_where_places_say_the_same() {
        assert_eq!(nameless("a = $1, (CAST($2 AS TEXT), $3)").as_deref(), Some("a = ?, (CAST(? AS TEXT), ?)"));
        assert_eq!(nameless("no parameter").as_deref(), Some("no parameter"));
        for other in ["$2", "$1 $1", "$1 $3", "$2 $1", "$0", "$", "$x", "$1 $"] {
            assert_eq!(nameless(other), None, "{other}");
        }
    }

    #[test]
    fn placeholders_run_on_over_the_rows() {
        let mut sql = String::new();
        push_rows(&mut sql, 2, &[Type::Any, Type::Text, Type::Number]);
        assert_eq!(sql, "($1, CAST($2 AS TEXT), CAST($3 AS BIGINT)), ($4, CAST($5 AS TEXT), CAST($6 AS BIGINT))");
    }
}
