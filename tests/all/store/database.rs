//! The database itself: shared by processes, private to its owner, and named when it cannot be used.

use gloveport::identity;
use gloveport::model::Role;
use gloveport::store::{PageRequest, Store, StoreError};

use super::fixture::{Fixture, on_both};

/// A command beside a running host: both write, neither fails, and each sees what the other wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_one_database() {
    on_both(async |f: Fixture| {
        let second = Store::open(&f.database).await.unwrap();
        let writers: Vec<_> = [f.store.clone(), second.clone()]
            .into_iter()
            .map(|store| {
                let executions: Vec<_> = (0..30).map(|_| f.execution()).collect();
                let keys: Vec<_> = (0..30).map(|_| (f.key(Role::Agent), identity::new_key(&f.random).1)).collect();
                let by = f.by();
                tokio::spawn(async move {
                    for (execution, (key, hash)) in executions.iter().zip(&keys) {
                        store.record_start(execution, "host").await.unwrap();
                        store.insert_key(&by, key, hash).await.unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        for store in [&f.store, &second] {
            assert_eq!(store.list_keys(&f.project, &PageRequest::first()).await.unwrap().total_size, 60);
            store.ping().await.unwrap();
        }
        let (one, two) = tokio::join!(Store::open(&f.database), Store::open(&f.database));
        assert_eq!(one.unwrap().default_project(&f.clock, &f.random).await.unwrap(), f.project);
        assert_eq!(two.unwrap().default_project(&f.clock, &f.random).await.unwrap(), f.project);
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gloveport.db");
    let store = Store::open(&gloveport::config::Database::Sqlite(path)).await.unwrap();
    store.ping().await.unwrap();
    let mut count = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        count += 1;
    }
    assert_eq!(count, 3, "the database, its log and its shared index");
}

#[tokio::test]
async fn what_is_no_database_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let open =
        async |path: std::path::PathBuf| Store::open(&gloveport::config::Database::Sqlite(path)).await.unwrap_err();
    let missing = open(folder.path().join("none/gloveport.db")).await;
    assert!(matches!(missing, StoreError::Unavailable(_)), "{missing:?}");
    let text = folder.path().join("text");
    std::fs::write(&text, "not a database ".repeat(1_000)).unwrap();
    let error = open(text).await;
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    for url in ["postgres://user:canary@127.0.0.1:1/db", "postgres://user:canary@[/db", "mysql://u:canary@h/d"] {
        let error = Store::open(&gloveport::config::Database::Postgres(url.into())).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{url}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}
