//! A backup is made while the host writes, and a new host goes on from it (issue 5, point 10).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use gloveport::config::Database;
use gloveport::store::Store;
use gloveport_tests::host::TestHost;
use gloveport_tests::postgres;
use serde_json::json;

use super::cli::run;
use super::rotation::{busy, upstream};

/// Another host's folder with nothing in it.
async fn emptied() -> TestHost {
    let mut host = TestHost::spawn_child().await;
    host.kill().await;
    for entry in fs::read_dir(host.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }
    host
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The copy is of one moment, has no master key, and makes a host that does what the first one would.
#[tokio::test]
async fn a_new_host_goes_on_from_a_backup() {
    let upstream = upstream().await;
    let host = TestHost::spawn_child().await;
    let left = busy(&host, &upstream).await;
    let outside = tempfile::tempdir().unwrap();
    let (file, key) = (outside.path().join("backup.db"), outside.path().join("master.key"));
    let (data, at) = (text(host.data()), text(&file));
    let arguments = ["backup", &at, "--data", &data, "--json"];
    let mut backup = std::pin::pin!(run(&host, &arguments, ""));
    let mut calls = 0;
    let report = loop {
        let input = json!({});
        let call = host.execute("probe_whoami", "ada", &input);
        tokio::select! {
            biased;
            done = &mut backup => break done.json(),
            answer = call => { answer.expect(200); calls += 1; }
        }
    };
    assert!(calls > 0, "no call ran during the backup");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1, "nothing is left beside it");
    host.search_in("the backup", fs::read(&file).unwrap());
    let secret = fs::read_to_string(host.data().join("master.key")).unwrap();
    let secret = secret.lines().last().unwrap().split_once(':').unwrap().1.to_owned();
    assert!(!fs::read(&file).unwrap().windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    assert_eq!(report["keys"].as_array().unwrap().len(), 1);
    let rows = report["chains"][0]["rows"].as_u64().unwrap();

    fs::copy(host.data().join("master.key"), &key).unwrap();
    let mut next = emptied().await;
    let (folder, key) = (text(next.data()), text(&key));
    let report = run(&next, &["restore", &at, "--data", &folder, "--key-file", &key, "--json"], "").await.json();
    assert_eq!((&report["opened"], &report["unreadable"]), (&json!(1), &json!([])));
    assert_eq!(report["chains"][0]["rows"], rows);
    next.restart_child().await;
    left.goes_on(&next, &upstream).await;
    // What ran when the backup was made did not end on this host.
    let started = next.client().get("/v1/executions?status=started").await.expect(200);
    assert_eq!(started["total_size"], 0, "{started}");
    let restored = next.client().get("/v1/audit?action=database.restored").await.expect(200);
    assert_eq!((&restored["total_size"], &restored["items"][0]["detail"]["rows"]), (&json!(1), &json!(rows)));
    run(&next, &["audit", "verify", "--data", &folder], "").await.done();
}

/// Nothing is replaced, and nothing is left behind by what did not work.
#[tokio::test]
async fn what_cannot_be_restored_leaves_nothing() {
    let upstream = upstream().await;
    let host = TestHost::spawn_child().await;
    busy(&host, &upstream).await;
    let outside = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&outside.path().join(name));
    let (file, data) = (path("backup.db"), text(host.data()));
    let back_up = async |file: &str, data: &str| run(&host, &["backup", file, "--data", data], "").await;
    back_up(&file, &data).await.done();
    let refused = back_up(&file, &data).await;
    assert!(refused.code == Some(1) && refused.err.contains("there already"), "{}", refused.err);
    assert!(back_up(&path("b.db"), &path("nothing")).await.err.contains("--data"));
    assert_eq!(back_up(&path("nowhere/b.db"), &data).await.code, Some(1));
    let postgres = ["backup", &path("c.db"), "--data", &data, "--database", "postgres://u:canary@127.0.0.1:1/d"];
    let refused = run(&host, &postgres, "").await;
    assert!(refused.err.contains("pg_dump") && !refused.err.contains("canary"), "{}", refused.err);

    let whole = fs::read(&file).unwrap();
    let mut torn = whole.clone();
    let middle = torn.len() / 2;
    torn[middle..middle + 8192].fill(0xa5);
    fs::write(path("torn.db"), &torn).unwrap();
    fs::write(path("short.db"), &whole[..whole.len() / 2]).unwrap();
    fs::write(path("none.db"), b"not a database").unwrap();
    fs::write(path("other.key"), "# another\nAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n").unwrap();
    fs::set_permissions(path("other.key"), fs::Permissions::from_mode(0o600)).unwrap();
    forge(&file, &path("forged.db")).await;
    let key = text(&host.data().join("master.key"));
    for (from, key, why) in [
        ("torn.db", Some(key.clone()), "cannot be restored"),
        ("short.db", Some(key.clone()), "cannot be restored"),
        ("none.db", Some(key.clone()), "cannot be restored"),
        ("absent.db", Some(key.clone()), "absent.db"),
        ("forged.db", Some(key.clone()), "audit chain is broken"),
        ("backup.db", None, "--key-file"),
        ("backup.db", Some(path("absent.key")), "absent.key"),
        ("backup.db", Some(path("other.key")), "sealed with master key"),
    ] {
        let folder = path(&format!("restored-{}", from.len()));
        let from = path(from);
        let arguments = ["restore", &from, "--data", &folder];
        let key: Vec<&str> = key.iter().flat_map(|key| ["--key-file", key]).collect();
        let refused = run(&host, &[&arguments[..], &key].concat(), "").await;
        assert!(refused.code == Some(1) && refused.err.contains(why), "{from} {key:?}: {}", refused.err);
        let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{from}: {left:?}");
    }
    // A folder that is in use stays as it is.
    let refused = run(&host, &["restore", &file, "--data", &data, "--key-file", &key], "").await;
    assert!(refused.code == Some(1) && refused.err.contains("there already"), "{}", refused.err);
    host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
}

/// The same backup with one audit row changed.
async fn forge(from: &str, to: &str) {
    use sqlx::Connection as _;
    fs::copy(from, to).unwrap();
    let mut connection = sqlx::SqliteConnection::connect(to).await.unwrap();
    sqlx::query("UPDATE audit SET subject = 'someone else' WHERE seq = 3").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// PostgreSQL has its own tools: the doctor says whether the key for what they restored is at hand.
#[tokio::test]
async fn the_doctor_tries_the_key() {
    let doctor = async |host: &TestHost, more: &[&str]| {
        let data = text(host.data());
        let arguments = [&["doctor", "--json", "--data", &data], more].concat();
        let ran = run(host, &arguments, "").await;
        let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "credentials").cloned();
        check.map(|check| (check["status"].as_str().unwrap().to_owned(), check["detail"].to_string()))
    };
    for database in [None, postgres::new_database()] {
        let more: Vec<&str> = database.iter().flat_map(|url| ["--database", url]).collect();
        let host = TestHost::spawn_child_on(database.clone()).await;
        let upstream = upstream().await;
        busy(&host, &upstream).await;
        let (status, detail) = doctor(&host, &more).await.unwrap();
        assert!(status == "ok" && detail.contains("1 open"), "{detail}");
        let other = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
        fs::write(host.data().join("master.key"), other).unwrap();
        let (status, detail) = doctor(&host, &more).await.unwrap();
        assert!(status == "fail" && detail.contains("sealed with master key"), "{detail}");
        fs::remove_file(host.data().join("master.key")).unwrap();
        assert_eq!(doctor(&host, &more).await, None, "there is nothing to try");
        assert!(!host.data().join("master.key").exists());
    }
}

/// What is opened as it is cannot be written to, nor brought up to date by chance.
#[tokio::test]
async fn a_database_that_is_looked_at_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.db");
    fs::write(&path, b"").unwrap();
    let store = Store::open_as_it_is(&Database::Sqlite(path.clone())).await.unwrap();
    store.note_master_key("00000000").await.unwrap_err();
    store.close().await;
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    assert!(Store::open_as_it_is(&Database::Sqlite(folder.path().join("absent.db"))).await.is_err());
    let made = Database::Sqlite(folder.path().join("made.db"));
    let store = Store::open(&made).await.unwrap();
    let looking = Store::open_as_it_is(&made).await.unwrap();
    assert!(looking.note_master_key("00000000").await.is_err());
    assert!(store.note_master_key("00000000").await.is_ok());
    assert_eq!(looking.master_keys().await.unwrap(), ["00000000"]);
    assert!(Store::copy_sqlite(&folder.path().join("made.db"), &path).await.is_err(), "it is there already");
}
