//! When a token is due: ahead of its end, and not all of them at once.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use super::limits::{AHEAD, USUAL_LIFETIME};
use crate::model::Timestamp;
use crate::store::CallContext;

/// The part of a token's life after which another one is got: a tenth before its end.
const PART: u32 = 10;

/// Whether a token should be replaced: it has ended, or will soon and can be.
pub(super) fn is_due(context: &CallContext, now: Timestamp, can_renew: bool) -> bool {
    let Some(end) = context.account.token.expires_at else { return false };
    let ahead = if can_renew { ahead(context, end) } else { Duration::ZERO };
    now >= end.minus(ahead)
}

/// Whether a call that begins now would be refused.
pub(super) fn ends_before_use(context: &CallContext, now: Timestamp) -> bool {
    !context.sealed.contains_key(super::tokens::ACCESS_TOKEN)
        || context.account.token.expires_at.is_some_and(|end| now >= end)
}

/// A tenth of the token's life, at most five minutes, less up to half of that: by its account and end, so that every host
/// comes to the same and no two accounts that were authorized together do.
fn ahead(context: &CallContext, end: Timestamp) -> Duration {
    let life = context.account.token.refreshed_at.map_or(USUAL_LIFETIME, |from| {
        Duration::from_millis(u64::try_from(end.0.saturating_sub(from.0)).unwrap_or_default())
    });
    let most = (life / PART).min(AHEAD);
    let mut hasher = DefaultHasher::new();
    (context.account.id.as_str(), end.0).hash(&mut hasher);
    let chance = f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or_default()) / f64::from(u32::MAX);
    most - (most / 2).mul_f64(chance)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{
        Account, AccountId, AccountState, AccountToken, Clock, Connection, ConnectionId, ProjectId, Random,
    };

    const START: Timestamp = Timestamp(1_700_000_000_000);

    fn context(life: Option<u64>) -> CallContext {
        let (clock, random) = (Clock::manual(START), Random::system());
        let (project, connection) = (ProjectId::new(&clock, &random), ConnectionId::new(&clock, &random));
        let expires_at = life.map(|seconds| START.plus(Duration::from_secs(seconds)));
        let token = AccountToken { expires_at, refreshed_at: Some(START), ..AccountToken::none() };
        let account = Account {
            id: AccountId::new(&clock, &random),
            project: project.clone(),
            connection: connection.clone(),
            identifier: "ada".into(),
            organization: String::new(),
            label: String::new(),
            shared: false,
            settings: "{}".into(),
            state: AccountState::Active,
            disabled: false,
            fields: BTreeMap::new(),
            scopes: Vec::new(),
            hosts: Vec::new(),
            token,
            last_used_at: None,
            shown: None,
            created_at: START,
            updated_at: START,
        };
        let connection = Connection {
            id: connection,
            project,
            name: "main".into(),
            connector: "demo".into(),
            auth_pattern: "oauth".into(),
            credentials: BTreeMap::new(),
            base_url: None,
            settings: "{}".into(),
            presets: "{}".into(),
            scopes: Vec::new(),
            disabled: false,
            demo: false,
            proxy_enabled: false,
            reveals_tokens: false,
            created_at: START,
            updated_at: START,
        };
        CallContext { connection, account, sealed: BTreeMap::from([("access_token".into(), "sealed".into())]) }
    }

    /// To the millisecond at the end itself; ahead of it within the spread.
    #[test]
    fn a_token_is_due_ahead_of_its_end() {
        for (life, most) in [(3_600_u64, 300_u64), (86_400, 300), (600, 60), (10, 1)] {
            for _ in 0..50 {
                let context = context(Some(life));
                let at = |before: u64| START.plus(Duration::from_millis(life * 1_000 - before));
                assert!(!is_due(&context, at(most * 1_000 + 1), true), "{life}");
                assert!(is_due(&context, at(most * 500), true), "{life}");
                // What cannot be replaced is used to its end.
                assert!(!is_due(&context, at(1), false) && is_due(&context, at(0), false), "{life}");
                assert!(!ends_before_use(&context, at(1)) && ends_before_use(&context, at(0)), "{life}");
            }
        }
    }

    #[test]
    fn a_token_without_an_end_is_never_due_and_a_missing_one_is() {
        let endless = context(None);
        let late = START.plus(Duration::from_secs(1_000_000_000));
        assert!(!is_due(&endless, late, true) && !ends_before_use(&endless, late));
        let missing = CallContext { sealed: BTreeMap::new(), ..endless };
        assert!(ends_before_use(&missing, START));
    }

    #[test]
    fn accounts_that_were_authorized_together_are_due_at_different_times() {
        let due_at = |context: &CallContext| {
            let end = START.plus(Duration::from_secs(3_600));
            ahead(context, end)
        };
        let all: std::collections::BTreeSet<_> = (0..50).map(|_| due_at(&context(Some(3_600)))).collect();
        assert!(all.len() > 40, "{all:?}");
        let one = context(Some(3_600));
        assert_eq!(due_at(&one), due_at(&one.clone()));
    }
}
