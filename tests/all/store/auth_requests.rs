//! AK-301, AK-307: each step of an attempt to authorize an account is taken once and in time, on both databases.

use std::time::Duration;

use gloveport::model::{
    Account, AccountEventKind, AccountState, AuthFailure, AuthRequestId, AuthStep, By, Clock, Random,
};
use gloveport::store::{AuthMove, PageRequest};

use super::fixture::{Fixture, on_both, sealed};

const MOMENT: Duration = Duration::from_millis(1);

async fn account(f: &Fixture) -> Account {
    let connection = f.connection("main").await;
    let account = f.account(&connection, "ann");
    f.store.put_account(&f.by(), &account, &sealed("x")).await.unwrap();
    account
}

/// What is told of an account, oldest first.
async fn told(f: &Fixture, account: &Account) -> Vec<(AccountEventKind, Option<String>)> {
    let page = f.store.account_events(&f.project, &account.id, &PageRequest::first()).await.unwrap();
    assert_eq!(page.total_size, page.items.len() as u64);
    page.items.into_iter().rev().map(|event| (event.kind, event.detail)).collect()
}

#[tokio::test]
async fn a_link_reads_back_by_its_hashes_and_by_nothing_else() {
    on_both(async |f: Fixture| {
        let account = account(&f).await;
        let request = f.auth_request(&account);
        f.store.insert_auth_request(&f.by(), &request, "t-hash").await.unwrap();
        let found = f.store.auth_request_of_token("t-hash").await.unwrap().unwrap();
        assert_eq!((found.request, found.kept), (request.clone(), None));
        for hash in ["", "T-HASH", "t-hash ", "s-hash", "%"] {
            assert_eq!(f.store.auth_request_of_token(hash).await.unwrap(), None, "{hash}");
            assert_eq!(f.store.auth_request_of_state(hash).await.unwrap(), None, "{hash}");
        }
        let second = f.auth_request(&account);
        f.store.insert_auth_request(&f.by(), &second, "t-hash").await.unwrap_err();
        let change = AuthMove {
            state_hash: Some("s-hash"),
            browser: Some("b-hash"),
            kept: Some("v1.00000000.x"),
            expires_at: Some(f.clock.now().plus(MOMENT)),
            ..AuthMove::between(AuthStep::Linked, AuthStep::Consent)
        };
        assert!(f.store.move_auth_request(&f.by(), &request, &change).await.unwrap());
        let found = f.store.auth_request_of_state("s-hash").await.unwrap().unwrap();
        assert_eq!(found.request.browser.as_deref(), Some("b-hash"));
        assert_eq!(found.request.expires_at, f.clock.now().plus(MOMENT));
        assert_eq!(found.kept.as_deref(), Some("v1.00000000.x"));
        assert!(f.store.sealed_body_starts().await.unwrap().contains(&"v1.00000000.".to_owned()));
        assert_eq!(f.store.auth_request(&request.id).await.unwrap(), Some(found));
        let other = AuthRequestId::new(&Clock::system(), &Random::system());
        assert_eq!(f.store.auth_request(&other).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_step_is_taken_once_and_in_time() {
    on_both(async |f: Fixture| {
        let account = account(&f).await;
        let request = f.auth_request(&account);
        f.store.insert_auth_request(&f.by(), &request, "t").await.unwrap();
        let change = AuthMove::between(AuthStep::Linked, AuthStep::Trying);
        let mut taken = 0;
        let by = f.by();
        let (a, b, c) = tokio::join!(
            f.store.move_auth_request(&by, &request, &change),
            f.store.move_auth_request(&by, &request, &change),
            f.store.move_auth_request(&by, &request, &change),
        );
        for done in [a, b, c] {
            taken += u32::from(done.unwrap());
        }
        assert_eq!(taken, 1, "one browser of three uses the link");
        let back = AuthMove { attempted: true, ..AuthMove::between(AuthStep::Trying, AuthStep::Linked) };
        let at = |millis: i64| By::host(gloveport::model::Timestamp(request.expires_at.0 + millis));
        assert!(!f.store.move_auth_request(&at(0), &request, &back).await.unwrap(), "at its end");
        assert!(f.store.move_auth_request(&at(-1), &request, &back).await.unwrap(), "just before");
        assert!(!f.store.move_auth_request(&at(1), &request, &change).await.unwrap(), "just after");
        let failure = AuthMove {
            failure: Some((AuthFailure::AccessDenied, Some("no thanks"))),
            event: Some(AccountEventKind::AuthorizationFailed),
            ..AuthMove::between(AuthStep::Linked, AuthStep::Failed)
        };
        assert!(f.store.move_auth_request(&at(1), &request, &failure).await.unwrap(), "an end is told however late");
        let found = f.store.auth_request(&request.id).await.unwrap().unwrap().request;
        assert_eq!((found.step, found.attempts), (AuthStep::Failed, 1));
        assert_eq!((found.failure, found.said.as_deref()), (Some(AuthFailure::AccessDenied), Some("no thanks")));
        let events = told(&f, &account).await;
        assert_eq!(events.last().unwrap().1.as_deref(), Some("access_denied: no thanks"));
    })
    .await;
}

/// AK-015: whatever happens to an account is told, in order, to its own project, until it is removed.
#[tokio::test]
async fn what_happens_to_an_account_is_told() {
    on_both(async |f: Fixture| {
        let account = account(&f).await;
        let (active, error) = (AccountState::Active, AccountState::Error);
        f.store.set_account_disabled(&f.by(), &f.project, &account.id, true).await.unwrap();
        f.store.set_account_disabled(&f.by(), &f.project, &account.id, false).await.unwrap();
        f.store.set_account_state(&f.by(), &f.project, &account.id, active, error).await.unwrap();
        f.store.set_account_state(&f.by(), &f.project, &account.id, active, error).await.unwrap();
        f.store.insert_auth_request(&f.by(), &f.auth_request(&account), "t").await.unwrap();
        let expected = [
            (AccountEventKind::Connected, None),
            (AccountEventKind::Disabled, None),
            (AccountEventKind::Enabled, None),
            (AccountEventKind::StateChanged, Some("active to error".to_owned())),
            (AccountEventKind::LinkMade, None),
        ];
        assert_eq!(told(&f, &account).await, expected);
        let others = f.store.account_events(&f.stranger, &account.id, &PageRequest::first()).await.unwrap();
        assert!(others.items.is_empty(), "another project's");
        let first = PageRequest { limit: 2, cursor: None };
        let page = f.store.account_events(&f.project, &account.id, &first).await.unwrap();
        let next = PageRequest { limit: 9, cursor: page.next_cursor };
        let rest = f.store.account_events(&f.project, &account.id, &next).await.unwrap();
        assert_eq!((page.items.len(), rest.items.len()), (2, 3));
        f.store.delete_account(&f.by(), &f.project, &account.id).await.unwrap();
        assert!(told(&f, &account).await.is_empty());
        assert_eq!(f.store.auth_request_of_token("t").await.unwrap(), None, "the link is gone with its account");
    })
    .await;
}

/// Two hosts tell of one account at once: no number is given twice, and none is lost.
#[tokio::test]
async fn events_of_one_moment_have_an_order() {
    on_both(async |f: Fixture| {
        let account = account(&f).await;
        let links: Vec<_> = (0..8).map(|n| (f.auth_request(&account), format!("t{n}"))).collect();
        let by = f.by();
        let all = links.iter().map(|(request, hash)| f.store.insert_auth_request(&by, request, hash));
        for done in futures_util::future::join_all(all).await {
            done.unwrap();
        }
        assert_eq!(told(&f, &account).await.len(), 1 + links.len());
    })
    .await;
}

#[tokio::test]
async fn what_is_old_is_forgotten() {
    on_both(async |f: Fixture| {
        let account = account(&f).await;
        let request = f.auth_request(&account);
        f.store.insert_auth_request(&f.by(), &request, "t").await.unwrap();
        assert_eq!(f.store.forget_auth_requests(request.expires_at).await.unwrap(), 0);
        assert_eq!(f.store.forget_auth_requests(request.expires_at.plus(MOMENT)).await.unwrap(), 1);
        assert_eq!(f.store.forget_account_events(f.clock.now()).await.unwrap(), 0);
        assert_eq!(f.store.forget_account_events(f.clock.now().plus(MOMENT)).await.unwrap(), 2);
    })
    .await;
}
