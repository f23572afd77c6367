//! Keys, connectors, connections and accounts: tenancy, conflicts, upserts, compare-and-set.

use std::collections::BTreeMap;

use gloveport::identity::{self, IdentityError};
use gloveport::model::{Account, AccountState, CallerScope, Connection, Role, Timestamp};
use gloveport::store::{AccountFilter, ApiKey, ConnectionFilter, ConnectorRow, ContextQuery, PageRequest, StoreError};

use super::fixture::{CONNECTOR, Fixture, on_both, sealed};

fn is_conflict<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict(_)))
}

/// A caller is who the key says, until it is removed.
#[tokio::test]
async fn keys_open_until_they_are_removed() {
    on_both(async |f: Fixture| {
        let (clear, hash) = identity::new_key(&f.random);
        let key = ApiKey { identifier: Some("ann".into()), ..f.key(Role::Agent) };
        f.store.insert_key(&f.by(), &key, &hash).await.unwrap();
        assert!(is_conflict(&f.store.insert_key(&f.by(), &f.key(Role::Admin), &hash).await));
        assert_eq!(f.store.count_admin_keys(&f.project).await.unwrap(), 0);

        let header = format!("Bearer {clear}");
        let caller = identity::by_key(&f.store, Some(&header)).await.unwrap();
        assert_eq!((&caller.project, &caller.key, caller.role), (&f.project, &key.id, Role::Agent));
        assert_eq!(caller.identifier.as_deref(), Some("ann"));
        let refused = IdentityError::MissingScope(CallerScope::CallersWrite);
        assert_eq!(identity::require(&caller, CallerScope::CallersWrite), Err(refused));
        assert_eq!(identity::require(&caller, CallerScope::ToolsExecute), Ok(()));

        let unknown = format!("Bearer {}", identity::new_key(&f.random).0);
        let by_hash = format!("Bearer gp_{hash}");
        let cases = [
            (None, IdentityError::Missing),
            (Some(""), IdentityError::Malformed),
            (Some(clear.as_str()), IdentityError::Malformed),
            (Some("Bearer x"), IdentityError::Malformed),
            (Some(unknown.as_str()), IdentityError::Unknown),
            (Some(by_hash.as_str()), IdentityError::Unknown),
        ];
        for (header, expected) in cases {
            assert_eq!(identity::by_key(&f.store, header).await, Err(expected), "{header:?}");
        }

        assert!(!f.store.delete_key(&f.by(), &f.stranger, &key.id).await.unwrap(), "another project removed it");
        assert_eq!(f.store.list_keys(&f.stranger, &PageRequest::first()).await.unwrap().items, []);
        assert_eq!(
            f.store.list_keys(&f.project, &PageRequest::first()).await.unwrap().items,
            std::slice::from_ref(&key)
        );
        assert!(f.store.delete_key(&f.by(), &f.project, &key.id).await.unwrap());
        assert!(!f.store.delete_key(&f.by(), &f.project, &key.id).await.unwrap());
        assert_eq!(identity::by_key(&f.store, Some(&header)).await, Err(IdentityError::Unknown));
    })
    .await;
}

/// SI-01..05, lesson 12.
#[tokio::test]
async fn a_version_is_one_digest_and_the_last_installed_is_current() {
    on_both(async |f: Fixture| {
        let one = f.connector("1.0.0", "d1");
        assert_eq!(f.store.install_connector(&f.by(), &one, b"one").await, Ok(true));
        assert_eq!(f.store.install_connector(&f.by(), &one, b"one").await, Ok(false));
        let two = f.connector("2.0.0", "d2");
        assert_eq!(f.store.install_connector(&f.by(), &two, &[0, 255, 10]).await, Ok(true));
        let other = f.connector("1.0.0", "d3");
        assert!(is_conflict(&f.store.install_connector(&f.by(), &other, b"three").await));
        // The conflict left nothing of its transaction: neither the bytes, nor a current version.
        assert_eq!(f.store.component("d3").await.unwrap(), None);
        assert_eq!(f.store.find_connector(&f.project, CONNECTOR).await.unwrap(), Some(two.clone()));
        assert_eq!(f.store.component("d2").await.unwrap(), Some(vec![0, 255, 10]));
        assert_eq!(f.store.list_connectors(&f.project).await.unwrap(), std::slice::from_ref(&two));
        assert_eq!(f.store.connector_versions(&f.project, CONNECTOR).await.unwrap().len(), 2);

        // Installed again, an older version is current again; its grant may have changed.
        let narrowed = ConnectorRow { imports: vec![], ..one.clone() };
        assert_eq!(f.store.install_connector(&f.by(), &narrowed, b"one").await, Ok(false));
        assert_eq!(f.store.find_connector(&f.project, CONNECTOR).await.unwrap(), Some(narrowed));

        assert_eq!(f.store.find_connector(&f.stranger, CONNECTOR).await.unwrap(), None);
        assert_eq!(f.store.list_connectors(&f.stranger).await.unwrap(), []);
        assert_eq!(f.store.delete_connector(&f.by(), &f.stranger, CONNECTOR).await, Ok(false));
        let theirs = ConnectorRow { project: f.stranger.clone(), ..f.connector("1.0.0", "d1") };
        assert_eq!(f.store.install_connector(&f.by(), &theirs, b"one").await, Ok(true));
        assert_eq!(f.store.all_connectors().await.unwrap().len(), 2);

        f.store.insert_connection(&f.by(), &f.new_connection("main")).await.unwrap();
        assert!(is_conflict(&f.store.delete_connector(&f.by(), &f.project, CONNECTOR).await));
        assert_eq!(f.store.connector_versions(&f.project, CONNECTOR).await.unwrap().len(), 2, "nothing was removed");
        f.store.delete_connection(&f.by(), &f.project, "main").await.unwrap();
        assert_eq!(f.store.delete_connector(&f.by(), &f.project, CONNECTOR).await, Ok(true));
        assert_eq!(f.store.delete_connector(&f.by(), &f.project, CONNECTOR).await, Ok(false));
        assert_eq!(f.store.component("d2").await.unwrap(), None, "left-over bytes are removed");
        assert!(f.store.component("d1").await.unwrap().is_some(), "another project has them");
    })
    .await;
}

#[tokio::test]
async fn connections_have_one_name_each_and_change_once_at_a_time() {
    on_both(async |f: Fixture| {
        let missing = f.store.insert_connection(&f.by(), &f.new_connection("main")).await;
        assert!(is_conflict(&missing), "no such connector: {missing:?}");
        let connection = f.connection("main").await;
        assert!(is_conflict(&f.store.insert_connection(&f.by(), &f.new_connection("main")).await));
        assert_eq!(f.store.find_connection(&f.project, "main").await.unwrap(), Some(connection.clone()));
        for name in ["", "Main", "main ", "mai_", "%", "' OR 1=1 --"] {
            assert_eq!(f.store.find_connection(&f.project, name).await.unwrap(), None, "{name}");
        }
        assert_eq!(f.store.find_connection(&f.stranger, "main").await.unwrap(), None);

        let changed = Connection {
            base_url: Some("https://eu.example.com".into()),
            settings: r#"{"region":"eu"}"#.into(),
            presets: r#"{"acme_things_list":{"region":"eu"}}"#.into(),
            disabled: true,
            demo: true,
            reveals_tokens: true,
            ..connection.clone()
        };
        assert_eq!(f.store.update_connection(&f.by(), &changed, connection.updated_at).await, Ok(true));
        let stored = f.store.find_connection(&f.project, "main").await.unwrap().unwrap();
        assert_eq!(Connection { updated_at: changed.updated_at, ..stored.clone() }, changed);
        // Within the same millisecond: the loser is told.
        assert_eq!(f.store.update_connection(&f.by(), &connection, connection.updated_at).await, Ok(false));
        let strange = Connection { project: f.stranger.clone(), ..connection.clone() };
        assert_eq!(f.store.update_connection(&f.by(), &strange, stored.updated_at).await, Ok(false));
        assert_eq!(f.store.update_connection(&f.by(), &connection, stored.updated_at).await, Ok(true));

        f.store.put_account(&f.by(), &f.account(&connection, "ann"), &BTreeMap::new()).await.unwrap();
        assert!(is_conflict(&f.store.delete_connection(&f.by(), &f.project, "main").await));
        assert_eq!(f.store.delete_connection(&f.by(), &f.stranger, "main").await, Ok(false));
        let filter = ConnectionFilter::default();
        let page = f.store.list_connections(&f.project, &filter, &PageRequest::first()).await.unwrap();
        assert_eq!(
            page.items.iter().map(|(found, count)| (&found.id, *count)).collect::<Vec<_>>(),
            [(&connection.id, 1)]
        );
        let none = ConnectionFilter { connector: Some("other".into()) };
        assert_eq!(f.store.list_connections(&f.project, &none, &PageRequest::first()).await.unwrap().total_size, 0);
        assert_eq!(f.store.list_connections(&f.stranger, &filter, &PageRequest::first()).await.unwrap().items, []);
    })
    .await;
}

/// HC-11, lesson 13: one account per connection, user, organization and label; reconnecting keeps its identifier.
#[tokio::test]
async fn an_account_keeps_its_identifier() {
    on_both(async |f: Fixture| {
        let connection = f.connection("main").await;
        let account = f.account(&connection, "ann");
        let (stored, created) = f.store.put_account(&f.by(), &account, &sealed("v1")).await.unwrap();
        assert_eq!((&stored, created), (&account, true));
        assert!(f.store.set_account_disabled(&f.by(), &f.project, &account.id, true).await.unwrap());

        let again = Account {
            state: AccountState::Active,
            fields: BTreeMap::new(),
            hosts: vec!["eu.example.com".into()],
            disabled: false,
            updated_at: Timestamp(f.clock.now().0 + 5),
            ..account.clone()
        };
        let (stored, created) = f.store.put_account(&f.by(), &again, &sealed("v2")).await.unwrap();
        assert_eq!((stored, created), (Account { disabled: true, ..again.clone() }, false));
        let credential = f.store.credential(&f.project, &account.id).await.unwrap().unwrap();
        assert_eq!(credential.sealed, sealed("v2"));

        // A race: the other request's account is there already. Sealed for another identifier, a credential is useless.
        let late = f.account(&connection, "ann");
        assert!(is_conflict(&f.store.put_account(&f.by(), &late, &sealed("v3")).await));
        let (stored, created) = f.store.put_account(&f.by(), &late, &BTreeMap::new()).await.unwrap();
        assert_eq!((&stored.id, created), (&account.id, false));
        assert_eq!(f.store.credential(&f.project, &account.id).await.unwrap().unwrap().sealed, sealed("v2"));

        for (organization, label) in [("acme", ""), ("", "second"), ("acme", "second")] {
            let other =
                Account { organization: organization.into(), label: label.into(), ..f.account(&connection, "ann") };
            assert!(f.store.put_account(&f.by(), &other, &sealed("x")).await.unwrap().1, "{organization} {label}");
        }
        let found = async |organization, label| {
            f.store.find_accounts(&f.project, &connection.id, "ann", organization, label).await.unwrap().len()
        };
        assert_eq!(found(None, None).await, 4);
        assert_eq!(found(Some("acme"), None).await, 2);
        assert_eq!(found(Some(""), Some("")).await, 1);
        assert_eq!(found(Some("Acme"), None).await, 0);
        assert_eq!(f.store.count_accounts(&f.project, &connection.id).await.unwrap(), 4);

        assert!(f.store.delete_account(&f.by(), &f.project, &account.id).await.unwrap());
        assert!(!f.store.delete_account(&f.by(), &f.project, &account.id).await.unwrap());
        assert_eq!(f.store.credential(&f.project, &account.id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn two_who_make_the_same_account_at_once_make_one() {
    on_both(async |f: Fixture| {
        let connection = f.connection("main").await;
        let accounts: Vec<Account> = (0..8).map(|_| f.account(&connection, "ann")).collect();
        let sealed = sealed("v");
        let by = f.by();
        let puts = accounts.iter().map(|account| f.store.put_account(&by, account, &sealed));
        let results = futures_util::future::join_all(puts).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert_eq!(results.iter().filter(|result| is_conflict(result)).count(), 7);
        let found = f.store.find_accounts(&f.project, &connection.id, "ann", None, None).await.unwrap();
        assert_eq!(found.len(), 1);
    })
    .await;
}

/// Lesson 6: nothing of one project is seen, changed or used from another.
#[tokio::test]
async fn accounts_are_invisible_to_other_projects() {
    on_both(async |f: Fixture| {
        let connection = f.connection("main").await;
        let account = f.account(&connection, "ann");
        f.store.put_account(&f.by(), &account, &sealed("v")).await.unwrap();
        let stranger = &f.stranger;
        let id = &account.id;
        assert_eq!(f.store.find_account(stranger, id).await.unwrap(), None);
        assert_eq!(f.store.credential(stranger, id).await.unwrap(), None);
        assert_eq!(f.store.find_accounts(stranger, &connection.id, "ann", None, None).await.unwrap(), []);
        for (identifier, account) in [(Some("ann"), None), (None, Some(id)), (Some("ann"), Some(id))] {
            let wanted =
                ContextQuery { connector: CONNECTOR, connection: None, identifier, organization: None, account };
            assert_eq!(f.store.call_contexts(stranger, &wanted).await.unwrap(), []);
        }
        assert_eq!(f.store.contexts_of_user(stranger, "ann", None).await.unwrap(), []);
        let filter = AccountFilter::default();
        assert_eq!(f.store.list_accounts(stranger, &filter, &PageRequest::first()).await.unwrap().items, []);
        assert_eq!(f.store.count_accounts(stranger, &connection.id).await.unwrap(), 0);
        let (active, error) = (AccountState::Active, AccountState::Error);
        assert!(!f.store.set_account_state(&f.by(), stranger, id, active, error).await.unwrap());
        assert!(!f.store.set_account_disabled(&f.by(), stranger, id, true).await.unwrap());
        assert!(!f.store.delete_account(&f.by(), stranger, id).await.unwrap());
        // Nor can an account be hung on a connection of another project.
        let intruder = Account { project: stranger.clone(), ..f.account(&connection, "eve") };
        assert!(is_conflict(&f.store.put_account(&f.by(), &intruder, &sealed("v")).await));
        let stored = f.store.find_account(&f.project, id).await.unwrap();
        assert_eq!(stored, Some(account));
    })
    .await;
}

#[tokio::test]
async fn a_state_changes_only_from_where_it_is() {
    on_both(async |f: Fixture| {
        let connection = f.connection("main").await;
        let account = f.account(&connection, "ann");
        f.store.put_account(&f.by(), &account, &sealed("v")).await.unwrap();
        let set = async |from, to| f.store.set_account_state(&f.by(), &f.project, &account.id, from, to).await.unwrap();
        assert!(!set(AccountState::Pending, AccountState::Revoked).await);
        let (one, two) = tokio::join!(
            set(AccountState::Active, AccountState::Error),
            set(AccountState::Active, AccountState::Revoked)
        );
        assert!(one != two, "both won or both lost");
    })
    .await;
}

#[tokio::test]
async fn a_call_finds_its_candidates_in_one_statement() {
    on_both(async |f: Fixture| {
        let main = f.connection("main").await;
        let second = f.connection("second").await;
        let ann = f.account(&main, "ann");
        let ann_too = f.account(&second, "ann");
        let bob = f.account(&main, "bob");
        for account in [&ann, &ann_too, &bob] {
            f.store.put_account(&f.by(), account, &sealed(account.id.as_str())).await.unwrap();
        }
        type Case<'a> = (&'a str, Option<&'a str>, Option<&'a str>, Option<&'a Account>, &'a [&'a Account]);
        let cases: [Case<'_>; 9] = [
            (CONNECTOR, None, Some("ann"), None, &[&ann, &ann_too]),
            (CONNECTOR, Some("main"), Some("ann"), None, &[&ann]),
            (CONNECTOR, Some("main"), Some("ANN"), None, &[]),
            (CONNECTOR, Some("none"), Some("ann"), None, &[]),
            ("other", None, Some("ann"), None, &[]),
            (CONNECTOR, None, None, Some(&bob), &[&bob]),
            (CONNECTOR, None, Some("ann"), Some(&bob), &[]),
            (CONNECTOR, Some("second"), None, Some(&bob), &[]),
            (CONNECTOR, None, None, None, &[]),
        ];
        for (connector, connection, identifier, account, expected) in cases {
            let account = account.map(|account| &account.id);
            let wanted = ContextQuery { connector, connection, identifier, organization: None, account };
            let found = f.store.call_contexts(&f.project, &wanted).await.unwrap();
            let mut ids: Vec<_> = found.iter().map(|context| &context.account.id).collect();
            let mut expected: Vec<_> = expected.iter().map(|account| &account.id).collect();
            ids.sort();
            expected.sort();
            assert_eq!(ids, expected, "{connection:?} {identifier:?}");
            for context in found {
                assert_eq!(context.connection.id, context.account.connection);
                assert_eq!(context.sealed, sealed(context.account.id.as_str()));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn accounts_are_filtered_and_paged() {
    on_both(async |f: Fixture| {
        let connection = f.connection("main").await;
        for name in ["ann", "Bob", "50%", "a_b", "axb", "zoë"] {
            f.clock.advance(std::time::Duration::from_millis(1));
            let state = if name == "Bob" { AccountState::Expired } else { AccountState::Active };
            let account = Account { state, organization: format!("org-{name}"), ..f.account(&connection, name) };
            f.store.put_account(&f.by(), &account, &sealed("v")).await.unwrap();
        }
        let names = async |filter: AccountFilter| {
            let page = f.store.list_accounts(&f.project, &filter, &PageRequest::first()).await.unwrap();
            assert_eq!(page.total_size, page.items.len() as u64);
            page.items.into_iter().map(|(_, account)| account.identifier).collect::<Vec<_>>()
        };
        let query = |text: &str| AccountFilter { query: Some(text.into()), ..AccountFilter::default() };
        assert_eq!(names(query("BOB")).await, ["Bob"]);
        assert_eq!(names(query("%")).await, ["50%"]);
        assert_eq!(names(query("a_b")).await, ["a_b"]);
        assert_eq!(names(query("!")).await, Vec::<String>::new());
        assert_eq!(names(query("org-zoë")).await, ["zoë"]);
        assert_eq!(names(query("'")).await, Vec::<String>::new());
        let expired = AccountFilter { state: Some(AccountState::Expired), ..AccountFilter::default() };
        assert_eq!(names(expired).await, ["Bob"]);
        let identifier = AccountFilter { identifier: Some("ann".into()), ..AccountFilter::default() };
        assert_eq!(names(identifier).await, ["ann"]);
        assert_eq!(f.store.contexts_of_user(&f.project, "ann", None).await.unwrap().len(), 1);
        let of_none = AccountFilter { organization: Some(String::new()), ..AccountFilter::default() };
        assert_eq!(names(of_none).await, Vec::<String>::new());

        let mut request = PageRequest { limit: 0, cursor: None };
        let mut count = 0;
        loop {
            let page = f.store.list_accounts(&f.project, &AccountFilter::default(), &request).await.unwrap();
            assert_eq!((page.items.len(), page.total_size), (1, 6), "a limit of 0 is one of 1");
            count += 1;
            match page.next_cursor {
                Some(cursor) => request.cursor = Some(cursor),
                None => break,
            }
        }
        assert_eq!(count, 6);
    })
    .await;
}
