//! When accounts were last used: noted in memory by each call, and written down now and then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Host;
use crate::model::{Account, AccountId, Timestamp};

/// Accounts that are noted before they are written down: far more than a host serves within a minute, and beyond that one
/// is not noted.
const MAX_NOTED: usize = 100_000;

/// Accounts that calls went through since it was last written down.
#[derive(Debug, Default)]
pub struct Used(Mutex<HashMap<AccountId, Timestamp>>);

impl Used {
    /// A call goes out as this account now.
    pub(super) fn note(&self, account: &AccountId, now: Timestamp) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() < MAX_NOTED || noted.contains_key(account) {
            noted.insert(account.clone(), now);
        }
    }

    /// When a call last went through an account, as far as this host knows.
    pub fn last(&self, account: &Account) -> Option<Timestamp> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.get(&account.id).copied().max(account.last_used_at)
    }

    fn take(&self) -> HashMap<AccountId, Timestamp> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Host {
    /// Writes down which accounts were used. What cannot be written is noted again, for the next time.
    pub async fn write_used(&self) {
        let noted = self.used.take();
        if noted.is_empty() {
            return;
        }
        if let Err(error) = self.store.note_used(&noted).await {
            tracing::warn!(%error, "when accounts were last used could not be written down");
            for (account, at) in noted {
                self.used.note(&account, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Clock, Random};

    #[test]
    fn what_is_noted_has_an_end_and_the_latest_counts() {
        let (clock, random) = (Clock::system(), Random::system());
        let used = Used::default();
        let id = AccountId::new(&clock, &random);
        used.note(&id, Timestamp(1));
        used.note(&id, Timestamp(2));
        for _ in 1..MAX_NOTED + 5 {
            used.note(&AccountId::new(&clock, &random), Timestamp(1));
        }
        used.note(&id, Timestamp(3));
        let noted = used.take();
        assert_eq!((noted.len(), noted.get(&id)), (MAX_NOTED, Some(&Timestamp(3))));
        assert!(used.take().is_empty());
    }
}
