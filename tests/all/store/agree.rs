//! A host's master keys are those of the database, or it is told so before it does anything with them.

use gloveport::model::{By, Random, Secret};
use gloveport::vault::{self, KeySource, Vault, VaultError};

use super::fixture::{Fixture, on_both};

fn by(f: &Fixture) -> By {
    By::host(f.clock.now())
}

/// A key file in a folder of its own: what a host with a new data folder comes with.
fn other() -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::load(KeySource::File(folder.path().join("master.key")), Random::system()).unwrap();
    (folder, vault)
}

#[track_caller]
fn is_refused(result: Result<(), VaultError>, own: &Vault, known: &str) {
    let error = result.unwrap_err();
    let expected = VaultError::WrongKeys { own: own.key_ids().join(", "), known: known.into() };
    assert_eq!(error, expected);
    for advice in ["`master.key`", "GLOVEPORT_MASTER_KEY", "gloveport key rotate"] {
        assert!(error.to_string().contains(advice), "{error}");
    }
}

/// The first host's key is the database's; from then on another one is refused, also before anything is sealed.
#[tokio::test]
async fn the_first_key_is_the_databases() {
    on_both(async |f: Fixture| {
        let ((_one, own), (_two, stranger)) = (other(), other());
        vault::agree(&f.store, &own).await.unwrap();
        vault::agree(&f.store, &own).await.unwrap();
        is_refused(vault::agree(&f.store, &stranger).await, &stranger, &own.current_key_id());
        assert_eq!(f.store.master_keys().await.unwrap(), [own.current_key_id()]);
        // Of two that come together, one is first.
        let known = tokio::join!(f.store.first_master_key("aaaaaaaa"), f.store.first_master_key("bbbbbbbb"));
        assert_eq!((known.0.unwrap().len(), known.1.unwrap().len()), (1, 1));
    })
    .await;
}

/// A database from before keys were noted: its credentials say which they were sealed with.
#[tokio::test]
async fn sealed_credentials_tell_their_keys() {
    on_both(async |f: Fixture| {
        let ((_one, own), (_two, stranger)) = (other(), other());
        let connection = f.connection("main").await;
        let account = f.account(&connection, "ann");
        let binding = vault::Binding {
            project: &account.project,
            owner: account.id.as_str(),
            field: "token",
            hosts: &account.hosts,
        };
        let sealed = own.seal(&binding, &Secret::new("a token".into())).unwrap();
        f.store.put_account(&by(&f), &account, &[("token".to_owned(), sealed)].into()).await.unwrap();
        is_refused(vault::agree(&f.store, &stranger).await, &stranger, &own.current_key_id());
        assert!(f.store.master_keys().await.unwrap().is_empty(), "a stranger leaves nothing behind");
        vault::agree(&f.store, &own).await.unwrap();
    })
    .await;
}

/// A rotation makes its key known before anything is sealed with it, and what is dropped is forgotten. It is also the way
/// out for who lost the keys.
#[tokio::test]
async fn a_rotation_makes_its_key_known() {
    on_both(async |f: Fixture| {
        let ((folder, own), (_two, stranger)) = (other(), other());
        vault::agree(&f.store, &own).await.unwrap();
        let first = own.current_key_id();
        vault::rotate(&f.store, &own, &by(&f), |_| {}).await.unwrap();
        let mut both = own.key_ids();
        both.sort();
        assert_eq!(f.store.master_keys().await.unwrap(), both);
        let again = Vault::load(KeySource::File(folder.path().join("master.key")), Random::system()).unwrap();
        vault::agree(&f.store, &again).await.unwrap();
        assert_eq!(vault::drop_unused(&f.store, &own).await.unwrap(), [first]);
        assert_eq!(f.store.master_keys().await.unwrap(), [own.current_key_id()]);

        assert!(vault::agree(&f.store, &stranger).await.is_err());
        vault::rotate(&f.store, &stranger, &by(&f), |_| {}).await.unwrap();
        vault::agree(&f.store, &stranger).await.unwrap();
    })
    .await;
}
