//! Which of many credentials still open something: asked for those who hold streams open.

use std::collections::HashSet;

use sqlx::AssertSqlSafe;

use super::row::Columns;
use super::{Store, StoreError};
use crate::model::McpGrantId;

/// How many are asked for in one statement: below what both databases take as parameters.
const AT_ONCE: usize = 500;

impl Store {
    /// Those of these hashes that are an API key's, or that of an MCP instance's URL.
    pub async fn standing_keys(&self, hashes: &[String]) -> Result<HashSet<String>, StoreError> {
        self.there("SELECT hash FROM api_keys WHERE hash IN (", hashes).await
    }

    /// Those of these grants that nobody has ended.
    pub async fn standing_grants(&self, grants: &[McpGrantId]) -> Result<HashSet<String>, StoreError> {
        let names: Vec<String> = grants.iter().map(ToString::to_string).collect();
        self.there("SELECT id FROM mcp_grants WHERE id IN (", &names).await
    }

    async fn there(&self, select: &str, names: &[String]) -> Result<HashSet<String>, StoreError> {
        let mut there = HashSet::new();
        for some in names.chunks(AT_ONCE) {
            let places: Vec<String> = (1..=some.len()).map(|number| format!("${number}")).collect();
            let sql = format!("{select}{})", places.join(", "));
            let query = some.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, name| query.bind(name.as_str()));
            for row in query.fetch_all(self.read()).await? {
                there.insert(Columns::of(&row).text()?);
            }
        }
        Ok(there)
    }
}
