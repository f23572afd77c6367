//! Lists a page at a time: by key, so that rows which come or go in between shift nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyPool, AssertSqlSafe, Row as _};

use super::row::Columns;
use super::{Kind, StoreError};

/// What a list gives when the caller does not say: a screenful.
pub const DEFAULT_LIMIT: u32 = 50;

/// The most that one page holds: keeps an answer below about a megabyte.
pub const MAX_LIMIT: u32 = 200;

/// Items of a list that are counted: whoever pages through more wants to know that there are many, and counting a million
/// rows for each page would read all of them.
pub const MAX_COUNTED: u32 = 10_000;

/// Which page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The most items to give, 1 to [`MAX_LIMIT`]; other values are brought into that range.
    pub limit: u32,
    /// [`Page::next_cursor`] of the page before, or [`Page::prev_cursor`] of the one after; the first page if `None`.
    pub cursor: Option<String>,
}

impl PageRequest {
    /// The first page of the usual size.
    pub fn first() -> Self {
        Self { limit: DEFAULT_LIMIT, cursor: None }
    }
}

/// Some items of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In the order of the list.
    pub items: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next_cursor: Option<String>,
    /// Where to go back; `None` at the beginning.
    pub prev_cursor: Option<String>,
    /// How many items all pages have together, now; [`MAX_COUNTED`] where there are more.
    pub total_size: u64,
}

impl<T> Page<T> {
    /// The same page with each item turned into something else.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(turn).collect(),
            next_cursor: self.next_cursor,
            prev_cursor: self.prev_cursor,
            total_size: self.total_size,
        }
    }
}

/// The order of a list by its key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    OldestFirst,
    NewestFirst,
}

/// A list as a statement in the making. Every piece of SQL in it is a literal of this program; values are bound.
pub(super) struct Listing {
    columns: &'static str,
    from: &'static str,
    key: &'static str,
    /// Whether the key is a BIGINT.
    numbered: bool,
    order: Order,
    filter: String,
    values: Vec<Value>,
}

#[derive(Clone)]
enum Value {
    Text(String),
    Number(i64),
}

impl Listing {
    /// Selects `columns`, of which the first is the unique `key`, `from` a table.
    pub(super) fn of(columns: &'static str, from: &'static str, key: &'static str, order: Order) -> Self {
        Self { columns, from, key, numbered: false, order, filter: String::new(), values: Vec::new() }
    }

    /// The key is a number.
    pub(super) fn by_number(self) -> Self {
        Self { numbered: true, ..self }
    }

    /// Only rows for which `clause` holds with the value in place of its `?`.
    pub(super) fn only(self, clause: &'static str, value: &str) -> Self {
        self.with(clause, Value::Text(value.into()))
    }

    /// [`Listing::only`] if there is a value.
    pub(super) fn only_if(self, clause: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.only(clause, value),
            None => self,
        }
    }

    /// [`Listing::only_if`] for numbers.
    pub(super) fn only_number_if(self, clause: &'static str, value: Option<i64>) -> Self {
        match value {
            Some(value) => self.with(clause, Value::Number(value)),
            None => self,
        }
    }

    /// Only rows whose `text` expression contains `part`, whatever the case.
    pub(super) fn containing_if(self, clause: &'static str, part: Option<&str>) -> Self {
        match part {
            Some(part) => self.only(clause, &format!("%{}%", escape_like(part))),
            None => self,
        }
    }

    /// Runs it. `is_key` tells whether a cursor's content is a key of this list.
    pub(super) async fn page<T>(
        self,
        pool: &AnyPool,
        request: &PageRequest,
        is_key: fn(&str) -> bool,
        read: fn(&mut Columns<'_>) -> Result<T, StoreError>,
    ) -> Result<Page<T>, StoreError> {
        let from = request.cursor.as_deref().map(|cursor| open_cursor(cursor, is_key)).transpose()?;
        let back = from.as_ref().is_some_and(|from| from.back);
        let begins = from.is_none();
        let limit = request.limit.clamp(1, MAX_LIMIT) as usize;
        let total: AnyRow = bind(self.count(), self.values.clone()).fetch_one(pool).await?;
        let numbered = self.numbered;
        // One row more than asked for tells whether there is another page in that direction.
        let mut rows = self.rows(from, i64::from(request.limit.clamp(1, MAX_LIMIT)) + 1).fetch_all(pool).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        if back {
            rows.reverse();
        }
        let items = rows.iter().map(|row| read(&mut Columns::of(row))).collect::<Result<Vec<_>, _>>()?;
        let key = |row| match numbered {
            true => Columns::of(row).number().map(|key| key.to_string()),
            false => Columns::of(row).text(),
        };
        // Where this page came from there is one in the other direction.
        let (has_next, has_prev) = if back { (true, more) } else { (more, !begins) };
        let (first, last) = (rows.first().filter(|_| has_prev), rows.last().filter(|_| has_next));
        let next_cursor = last.map(key).transpose()?.map(|key| cursor(&key, false));
        let prev_cursor = first.map(key).transpose()?.map(|key| cursor(&key, true));
        Ok(Page { items, next_cursor, prev_cursor, total_size: Columns::of(&total).count()? })
    }

    /// Runs it without pages, for at most `limit` rows.
    pub(super) async fn all<T>(
        self,
        pool: &AnyPool,
        limit: i64,
        read: fn(&mut Columns<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.rows(None, limit).fetch_all(pool).await?;
        rows.iter().map(|row| read(&mut Columns::of(row))).collect()
    }

    /// How the database would count and read for [`Listing::page`]: its own words for each.
    pub(super) async fn plans(
        self,
        kind: Kind,
        pool: &AnyPool,
        request: &PageRequest,
        is_key: fn(&str) -> bool,
    ) -> Result<(Vec<String>, Vec<String>), StoreError> {
        let from = request.cursor.as_deref().map(|cursor| open_cursor(cursor, is_key)).transpose()?;
        let (explain, column) = match kind {
            Kind::Sqlite => ("EXPLAIN QUERY PLAN ", 3),
            Kind::Postgres => ("EXPLAIN ", 0),
        };
        let count = bind(format!("{explain}{}", self.count()), self.values.clone()).fetch_all(pool).await?;
        let (sql, values) = self.sql(from, i64::from(request.limit.clamp(1, MAX_LIMIT)) + 1);
        let rows = bind(format!("{explain}{sql}"), values).fetch_all(pool).await?;
        let lines =
            |rows: &[AnyRow]| rows.iter().map(|row| Ok(row.try_get(column)?)).collect::<Result<_, StoreError>>();
        Ok((lines(&count)?, lines(&rows)?))
    }

    /// In the order of the list, so that the count goes by the same index and ends where it is enough.
    fn count(&self) -> String {
        let Self { from, filter, key, .. } = self;
        format!("SELECT COUNT(*) FROM (SELECT 1 FROM {from}{filter} ORDER BY {key} LIMIT {MAX_COUNTED}) counted")
    }

    fn rows(self, from: Option<Begin>, limit: i64) -> Query {
        let (sql, values) = self.sql(from, limit);
        bind(sql, values)
    }

    /// What comes back is in the order of the list, or against it where the page is one back.
    fn sql(self, begin: Option<Begin>, limit: i64) -> (String, Vec<Value>) {
        let back = begin.as_ref().is_some_and(|begin| begin.back);
        let (beyond, direction) = match (self.order == Order::OldestFirst) != back {
            true => ('>', "ASC"),
            false => ('<', "DESC"),
        };
        let Self { columns, from, key, numbered, filter, mut values, .. } = self;
        let mut sql = format!("SELECT {columns} FROM {from}{filter}");
        if let Some(begin) = begin {
            values.push(match begin.key.parse() {
                Ok(number) if numbered => Value::Number(number),
                _ => Value::Text(begin.key),
            });
            let word = if filter.is_empty() { "WHERE" } else { "AND" };
            sql.push_str(&format!(" {word} {key} {beyond} ${}", values.len()));
        }
        values.push(Value::Number(limit));
        sql.push_str(&format!(" ORDER BY {key} {direction} LIMIT ${}", values.len()));
        (sql, values)
    }

    fn with(mut self, clause: &'static str, value: Value) -> Self {
        self.values.push(value);
        let word = if self.filter.is_empty() { " WHERE " } else { " AND " };
        self.filter.push_str(word);
        self.filter.push_str(&clause.replace('?', &format!("${}", self.values.len())));
        self
    }
}

type Query = sqlx::query::Query<'static, Any, sqlx::any::AnyArguments>;

fn bind(sql: String, values: Vec<Value>) -> Query {
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in values {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        };
    }
    query
}

/// Where a page begins: beyond this key, in the order of the list or against it.
struct Begin {
    key: String,
    back: bool,
}

/// The first character tells later formats of cursors from these, and in which direction it goes on.
const FORWARD: char = '1';
const BACK: char = '0';

fn cursor(key: &str, back: bool) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}{key}", if back { BACK } else { FORWARD }))
}

fn open_cursor(cursor: &str, is_key: fn(&str) -> bool) -> Result<Begin, StoreError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::BadCursor)?;
    let text = String::from_utf8(bytes).map_err(|_| StoreError::BadCursor)?;
    let back = text.starts_with(BACK);
    match text.strip_prefix([FORWARD, BACK]) {
        Some(key) if is_key(key) => Ok(Begin { key: key.into(), back }),
        _ => Err(StoreError::BadCursor),
    }
}

/// Takes the meaning from `%`, `_` and the escape character `!` itself.
fn escape_like(part: &str) -> String {
    part.chars().flat_map(|c| matches!(c, '%' | '_' | '!').then_some('!').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_others_do_not() {
        let is_key = |key: &str| key.starts_with("acc_");
        let open = |text: &str| open_cursor(text, is_key).map(|from| (from.key, from.back));
        for back in [false, true] {
            assert_eq!(open(&cursor("acc_1", back)), Ok(("acc_1".into(), back)));
        }
        let other_list = cursor("conn_1", false);
        let later = URL_SAFE_NO_PAD.encode("2acc_1");
        for text in ["", "acc_1", "!!", "AA==", "gICA", &other_list, &later] {
            assert_eq!(open(text), Err(StoreError::BadCursor), "{text}");
        }
    }

    #[test]
    fn wildcards_lose_their_meaning() {
        assert_eq!(escape_like("50%_a!b"), "50!%!_a!!b");
    }
}
