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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_run_on_over_the_rows() {
        let mut sql = String::new();
        push_rows(&mut sql, 2, &[Type::Any, Type::Text, Type::Number]);
        assert_eq!(sql, "($1, CAST($2 AS TEXT), CAST($3 AS BIGINT)), ($4, CAST($5 AS TEXT), CAST($6 AS BIGINT))");
    }
}
