//! Which master keys the credentials of this database may be sealed with: identifiers only, never keys.

use super::row::Columns;
use super::{Store, StoreError};

impl Store {
    /// Notes `current` if no key is noted yet, and gives all that are. Of hosts that start together on a new database one
    /// is first, and the others see it.
    pub async fn first_master_key(&self, current: &str) -> Result<Vec<String>, StoreError> {
        sqlx::query("INSERT INTO master_keys (id, first) VALUES ($1, 1) ON CONFLICT DO NOTHING")
            .bind(current)
            .execute(self.write())
            .await?;
        self.master_keys().await
    }

    /// The identifiers of all keys that are noted.
    pub async fn master_keys(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("SELECT id FROM master_keys ORDER BY id").fetch_all(self.read()).await?;
        rows.iter().map(|row| Columns::of(row).text()).collect()
    }

    /// Notes a key that credentials will be sealed with.
    pub async fn note_master_key(&self, id: &str) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO master_keys (id) VALUES ($1) ON CONFLICT (id) DO NOTHING")
            .bind(id)
            .execute(self.write())
            .await?;
        Ok(())
    }

    /// Forgets a key that nothing is sealed with any more.
    pub async fn forget_master_key(&self, id: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM master_keys WHERE id = $1").bind(id).execute(self.write()).await?;
        Ok(())
    }
}
