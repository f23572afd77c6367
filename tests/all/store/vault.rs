//! The vault over a database: nothing in clear, and rotation while the host goes on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gloveport::model::{Account, Random, Secret};
use gloveport::vault::{self, Binding, KeySource, Vault, VaultError};

use super::fixture::{Fixture, on_both};

const CANARY: &str = "sk_live_canary_4eC39HqLyjWDarjtT1zdp7dc";

fn binding<'a>(account: &'a Account, field: &'a str) -> Binding<'a> {
    Binding { project: &account.project, owner: account.id.as_str(), field, hosts: &account.hosts }
}

fn sealed(vault: &Vault, account: &Account, text: &str) -> BTreeMap<String, String> {
    let secret = Secret::new(text.into());
    BTreeMap::from([("token".into(), vault.seal(&binding(account, "token"), &secret).unwrap())])
}

fn vault_in(folder: &Path) -> Vault {
    Vault::load(KeySource::File(folder.join("master.key")), Random::system()).unwrap()
}

async fn opened(f: &Fixture, vault: &Vault, account: &Account) -> Result<String, VaultError> {
    let credential = f.store.credential(&f.project, &account.id).await.unwrap().unwrap();
    Ok(vault.open(&binding(&credential.account, "token"), &credential.sealed["token"])?.into_public())
}

/// HC-18, SI-12, AK-211: the database's bytes do not hold the credential in any plain form.
#[tokio::test]
async fn the_database_holds_no_secret_in_clear() {
    on_both(async |f: Fixture| {
        let vault = vault_in(f.folder.path());
        let connection = f.connection("main").await;
        let account = f.account(&connection, "ann");
        f.store.put_account(&f.by(), &account, &sealed(&vault, &account, CANARY)).await.unwrap();
        assert_eq!(opened(&f, &vault, &account).await.as_deref(), Ok(CANARY));
        if let gloveport::config::Database::Sqlite(path) = &f.database {
            let forms = [CANARY.as_bytes().to_vec(), hex::encode(CANARY).into_bytes()];
            for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
                let bytes = std::fs::read(entry.unwrap().path()).unwrap();
                for form in &forms {
                    assert!(!bytes.windows(form.len()).any(|window| window == form));
                }
            }
        }
        // A credential whose hosts were widened in the database does not open (lesson 5).
        let row = f.store.sealed_row(&account.id).await.unwrap().unwrap();
        let widened = Account { hosts: vec!["evil.example".into()], ..account.clone() };
        f.store.put_account(&f.by(), &widened, &row.sealed).await.unwrap();
        assert_eq!(opened(&f, &vault, &account).await, Err(VaultError::Tampered));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_loses_nothing_that_is_written_meanwhile() {
    on_both(async |f: Fixture| {
        let running = Arc::new(vault_in(f.folder.path()));
        let connection = f.connection("main").await;
        let mut accounts = Vec::new();
        for number in 0..250 {
            let account = f.account(&connection, &format!("user-{number}"));
            f.store.put_account(&f.by(), &account, &sealed(&running, &account, CANARY)).await.unwrap();
            accounts.push(account);
        }
        let old = running.current_key_id();

        // Another process rotates while this one goes on storing credentials.
        let writer = {
            let (store, vault, accounts) = (f.store.clone(), Arc::clone(&running), accounts[..60].to_vec());
            let by = f.by();
            tokio::spawn(async move {
                for account in &accounts {
                    store.put_account(&by, account, &sealed(&vault, account, "newer")).await.unwrap();
                }
            })
        };
        let command = vault_in(f.folder.path());
        let mut pages = 0;
        let rotated = vault::rotate(&f.store, &command, &f.by(), |_| pages += 1).await.unwrap();
        writer.await.unwrap();
        assert_eq!(rotated.resealed + rotated.kept, 250);
        assert_eq!((rotated.unreadable.len(), pages), (0, 2));
        assert_ne!(command.current_key_id(), old);

        for (number, account) in accounts.iter().enumerate() {
            let expected = if number < 60 { "newer" } else { CANARY };
            // The running host meets the new key without a restart.
            assert_eq!(opened(&f, &running, account).await.as_deref(), Ok(expected), "{number}");
        }
        // A writer that sealed just before the rotation may have written after it: once more finds those.
        vault::reseal(&f.store, &command, &f.by(), |_| {}).await.unwrap();
        assert_eq!(vault::drop_unused(&f.store, &command).await.unwrap(), [old]);
        assert_eq!(vault::drop_unused(&f.store, &command).await.unwrap(), Vec::<String>::new());
        let fresh = vault_in(f.folder.path());
        assert_eq!(fresh.key_ids().len(), 1);
        for account in &accounts {
            assert!(opened(&f, &fresh, account).await.is_ok());
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_named_and_left() {
    on_both(async |f: Fixture| {
        let vault = vault_in(f.folder.path());
        let connection = f.connection("main").await;
        let (good, moved, foreign, junk, pending) = (
            f.account(&connection, "good"),
            f.account(&connection, "moved"),
            f.account(&connection, "foreign"),
            f.account(&connection, "junk"),
            f.account(&connection, "pending"),
        );
        let elsewhere = tempfile::tempdir().unwrap();
        let other = vault_in(elsewhere.path());
        f.store.put_account(&f.by(), &good, &sealed(&vault, &good, CANARY)).await.unwrap();
        f.store.put_account(&f.by(), &moved, &sealed(&vault, &good, CANARY)).await.unwrap();
        f.store.put_account(&f.by(), &foreign, &sealed(&other, &foreign, CANARY)).await.unwrap();
        f.store.put_account(&f.by(), &junk, &BTreeMap::from([("token".into(), CANARY.into())])).await.unwrap();
        f.store.put_account(&f.by(), &pending, &BTreeMap::new()).await.unwrap();

        assert_eq!(opened(&f, &vault, &moved).await, Err(VaultError::Tampered));
        let unknown = opened(&f, &vault, &foreign).await.unwrap_err();
        assert_eq!(unknown, VaultError::UnknownKey { id: other.current_key_id() });
        let malformed = opened(&f, &vault, &junk).await.unwrap_err();
        assert_eq!(malformed, VaultError::Malformed);
        assert!(!format!("{malformed} {malformed:?} {unknown} {unknown:?}").contains(CANARY));

        let mut rotated = vault::rotate(&f.store, &vault, &f.by(), |_| {}).await.unwrap();
        rotated.unreadable.sort();
        let mut expected = vec![moved.id.clone(), foreign.id.clone(), junk.id.clone()];
        expected.sort();
        assert_eq!((rotated.resealed, rotated.kept, rotated.unreadable), (1, 1, expected));
        assert_eq!(opened(&f, &vault, &good).await.as_deref(), Ok(CANARY));
        // With something unreadable in the database, no key is dropped on a guess.
        assert_eq!(vault::drop_unused(&f.store, &vault).await, Err(VaultError::Malformed));
        assert_eq!(vault.key_ids().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn keys_from_the_environment_are_changed_there() {
    on_both(async |f: Fixture| {
        let key = |byte: u8| {
            let bytes: Vec<u8> = (0..32).map(|at| at ^ byte).collect();
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
        };
        let load = |text: String| Vault::load(KeySource::Environment(Secret::new(text)), f.random);
        let (one, two) = (key(1), key(2));
        let before = load(one.clone()).unwrap();
        let connection = f.connection("main").await;
        let account = f.account(&connection, "ann");
        f.store.put_account(&f.by(), &account, &sealed(&before, &account, CANARY)).await.unwrap();
        assert_eq!(vault::rotate(&f.store, &before, &f.by(), |_| {}).await, Err(VaultError::NotAFile));

        let both = load(format!("{two},{one}")).unwrap();
        assert_eq!(opened(&f, &both, &account).await.as_deref(), Ok(CANARY));
        assert_eq!(vault::reseal(&f.store, &both, &f.by(), |_| {}).await.unwrap().resealed, 1);
        assert_eq!(vault::reseal(&f.store, &both, &f.by(), |_| {}).await.unwrap().kept, 1);
        assert!(matches!(opened(&f, &before, &account).await, Err(VaultError::UnknownKey { .. })));
        assert_eq!(opened(&f, &load(two.clone()).unwrap(), &account).await.as_deref(), Ok(CANARY));

        for text in [String::new(), "secret".into(), format!("{one};{two}"), format!("{one},x")] {
            let error = load(text).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(&one) && !shown.contains("secret"), "{shown}");
        }
        assert!(!format!("{both:?} {:?}", KeySource::Environment(Secret::new(one.clone()))).contains(&one));
    })
    .await;
}
