//! Reads a row column by column, in the order of the select list.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{Column, Row};

use super::StoreError;
use crate::model::Timestamp;

/// A place in a row: each read moves it on by one column.
pub(super) struct Columns<'r> {
    row: &'r AnyRow,
    at: usize,
}

impl<'r> Columns<'r> {
    pub(super) fn of(row: &'r AnyRow) -> Self {
        Self { row, at: 0 }
    }

    /// Whether the next column is NULL; the place stays.
    pub(super) fn next_is_null(&self) -> Result<bool, StoreError> {
        Ok(self.row.try_get::<Option<String>, _>(self.at)?.is_none())
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        let value = self.row.try_get::<String, _>(self.at)?;
        self.at += 1;
        Ok(value)
    }

    pub(super) fn maybe_text(&mut self) -> Result<Option<String>, StoreError> {
        let value = self.row.try_get::<Option<String>, _>(self.at)?;
        self.at += 1;
        Ok(value)
    }

    pub(super) fn number(&mut self) -> Result<i64, StoreError> {
        let value = self.row.try_get::<i64, _>(self.at)?;
        self.at += 1;
        Ok(value)
    }

    pub(super) fn maybe_number(&mut self) -> Result<Option<i64>, StoreError> {
        let value = self.row.try_get::<Option<i64>, _>(self.at)?;
        self.at += 1;
        Ok(value)
    }

    /// A count, which is never negative.
    pub(super) fn count<T: TryFrom<i64>>(&mut self) -> Result<T, StoreError> {
        let value = self.number()?;
        T::try_from(value).map_err(|_| self.corrupt("is out of range"))
    }

    pub(super) fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.number()? != 0)
    }

    /// A flag that rows from before it was there do not have: then it is not set.
    pub(super) fn newer_flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.maybe_number()?.is_some_and(|flag| flag != 0))
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.number().map(Timestamp)
    }

    /// A text that `parse` must understand.
    pub(super) fn parsed<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        let value = parse(self.row.try_get::<&str, _>(self.at)?);
        self.at += 1;
        value.ok_or_else(|| self.corrupt("cannot be read"))
    }

    pub(super) fn maybe_parsed<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, StoreError> {
        if self.next_is_null()? {
            self.at += 1;
            return Ok(None);
        }
        self.parsed(parse).map(Some)
    }

    pub(super) fn texts(&mut self) -> Result<Vec<String>, StoreError> {
        self.parsed(|text| serde_json::from_str(text).ok())
    }

    pub(super) fn text_map(&mut self) -> Result<BTreeMap<String, String>, StoreError> {
        self.parsed(|text| serde_json::from_str(text).ok())
    }

    /// The same, empty in rows from before there was the column.
    pub(super) fn maybe_text_map(&mut self) -> Result<BTreeMap<String, String>, StoreError> {
        Ok(self.maybe_parsed(|text| serde_json::from_str(text).ok())?.unwrap_or_default())
    }

    /// Names the column that was read last, never its value.
    fn corrupt(&self, what: &str) -> StoreError {
        let name = self.at.checked_sub(1).and_then(|last| self.row.columns().get(last)).map_or("?", Column::name);
        StoreError::Corrupt(format!("column `{name}` {what}"))
    }
}

/// A list of texts as it is stored.
pub(super) fn texts_json(values: &[String]) -> String {
    serde_json::Value::from(values).to_string()
}

/// A map of texts as it is stored: keys in order, so that equal maps are equal texts.
pub(super) fn text_map_json(values: &BTreeMap<String, String>) -> String {
    let object: serde_json::Map<_, _> =
        values.iter().map(|(key, value)| (key.clone(), serde_json::Value::from(value.as_str()))).collect();
    serde_json::Value::Object(object).to_string()
}

/// A count as it is stored; one beyond the range of BIGINT is stored as the largest.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
