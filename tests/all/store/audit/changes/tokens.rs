//! What the audit chain tells of tokens: kept alive, and ended with their account.

use super::*;

pub(super) async fn tokens(f: &Fixture, by: &By, seen: &mut Seen<'_>, account: &Account) {
    let id = &account.id;
    let (active, expired) = (AccountState::Active, AccountState::Expired);
    f.store.set_account_state(by, &f.project, id, AccountState::Error, active).await.unwrap();
    seen.one(&rows(f).await, by, Action::AccountState, id.as_str(), &json!({ "from": "error", "to": "active" }));
    let held = async || f.store.held(&f.project, id).await.unwrap().unwrap().credential;
    let until = f.clock.now().plus(std::time::Duration::from_secs(60));
    let lease = async |host: &str| f.store.lease_token(&held().await, host, f.clock.now(), until).await.unwrap();
    let first = lease("one").await.unwrap();
    assert_eq!(lease("two").await, None);
    f.store.release_token(&first).await.unwrap();
    let second = lease("two").await.unwrap();
    let account = held().await.account;
    let store = async |lease, text| f.store.store_tokens(by, lease, active, &account, &sealed(text)).await.unwrap();
    assert!(!store(&first, "late").await);
    seen.none("a lease, one that was given back, and a token that came too late").await;
    assert!(store(&second, "token").await);
    let last = rows(f).await;
    let detail: Value = serde_json::from_str(&last.last().unwrap().detail).unwrap();
    assert_eq!(detail["state"], "active");
    seen.one(&last, by, Action::AccountRefreshed, id.as_str(), &detail);
    assert!(!store(&second, "again").await);
    let third = lease("one").await.unwrap();
    for ends in [true, false] {
        assert_eq!(f.store.end_tokens(by, &third, (active, expired), "it is over").await.unwrap(), ends);
    }
    let detail = json!({ "from": "active", "to": "expired", "reason": "it is over" });
    seen.one(&rows(f).await, by, Action::AccountState, id.as_str(), &detail);
    assert_eq!(held().await.account.token.error.as_deref(), Some("it is over"));
}

pub(super) async fn removal(f: &Fixture, by: &By, seen: &mut Seen<'_>, account: &Account) {
    let now = f.clock.now();
    let revocation = Revocation {
        id: RevocationId::new(&f.clock, &f.random),
        project: f.project.clone(),
        account: account.id.clone(),
        request: "{}".into(),
        sealed: sealed("token"),
        due_at: now,
        failures: 0,
    };
    let id = account.id.as_str();
    assert!(f.store.delete_account_revoking(by, &f.project, &account.id, Some(&revocation)).await.unwrap());
    seen.one(&rows(f).await, by, Action::AccountDeleted, id, &json!({}));
    assert_eq!(f.store.sealed_revocations().await.unwrap(), ["token"]);
    let later = |seconds| now.plus(std::time::Duration::from_secs(seconds));
    let lease = async |at, until| f.store.lease_revocations(None, (later(at), later(until)), 9).await.unwrap();
    let first = lease(0, 10).await.remove(0);
    assert_eq!(lease(9, 20).await, []);
    let second = lease(10, 20).await.remove(0);
    assert!(!f.store.settle_revocation(by, &first, &Told::Revoked).await.unwrap());
    assert!(f.store.settle_revocation(by, &second, &Told::Again(later(30))).await.unwrap());
    seen.none("a provider that is told later").await;
    let third = lease(30, 40).await.remove(0);
    assert_eq!(third.failures, 1);
    assert!(f.store.settle_revocation(by, &third, &Told::GivenUp("no".into())).await.unwrap());
    let detail = json!({ "outcome": "given_up", "reason": "no" });
    seen.one(&rows(f).await, by, Action::TokensRevoked, id, &detail);
    assert!(lease(1_000, 2_000).await.is_empty());
}
