//! Named secrets in the database: whose is used, races, tenancy, and what is bound to what.

use std::collections::BTreeSet;

use gloveport::model::{NamedSecret, Secret, SecretId, SecretOwner, SecretSource};
use gloveport::store::{PageRequest, SecretFilter, StoreError};
use gloveport::vault::{self, KeySource, NamedError, Vault, VaultError};

use super::fixture::{Fixture, on_both};

fn owner(identifier: &str, organization: &str) -> SecretOwner {
    SecretOwner { identifier: identifier.into(), organization: organization.into() }
}

pub(super) fn secret(f: &Fixture, identifier: &str, organization: &str) -> NamedSecret {
    NamedSecret {
        id: SecretId::new(&f.clock, &f.random),
        project: f.project.clone(),
        name: "key".into(),
        owner: owner(identifier, organization),
        source: SecretSource::Sealed,
        hosts: vec!["api.example.com".into()],
        created_at: f.clock.now(),
        updated_at: f.clock.now(),
    }
}

/// SI-13: what says most of who calls is used, and nothing that says something else.
#[tokio::test]
async fn the_nearest_secret_is_found() {
    on_both(async |f: Fixture| {
        let all = [("", ""), ("", "acme"), ("ada", ""), ("ada", "acme")];
        for present in 0..16_usize {
            let here: Vec<_> = (0..4).filter(|at| present & (1 << at) != 0).map(|at| all[at]).collect();
            for (identifier, organization) in &here {
                let secret = secret(&f, identifier, organization);
                assert!(f.store.put_secret(&f.by(), &secret, "sealed").await.unwrap());
            }
            for caller in [("ada", "acme"), ("ada", ""), ("bob", "acme"), ("ada", "other"), ("bob", "")] {
                let found = f.store.secret_for(&f.project, "key", &owner(caller.0, caller.1)).await.unwrap();
                let fits = |whose: &&(&str, &str)| {
                    (whose.0.is_empty() || whose.0 == caller.0) && (whose.1.is_empty() || whose.1 == caller.1)
                };
                // They are in the order of how much they say.
                let expected = here.iter().rfind(fits).map(|whose| owner(whose.0, whose.1));
                assert_eq!(found.map(|row| row.secret.owner), expected, "{here:?} {caller:?}");
            }
            for (identifier, organization) in here {
                let gone = f.store.delete_secret(&f.by(), &f.project, "key", &owner(identifier, organization)).await;
                assert!(gone.unwrap());
            }
        }
        assert_eq!(f.store.secret_for(&f.project, "other", &owner("", "")).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn secrets_are_invisible_to_other_projects() {
    on_both(async |f: Fixture| {
        let one = secret(&f, "", "");
        f.store.put_secret(&f.by(), &one, "sealed").await.unwrap();
        let nobody = SecretOwner::default();
        assert_eq!(f.store.secret_of(&f.stranger, "key", &nobody).await.unwrap(), None);
        assert_eq!(f.store.secret_for(&f.stranger, "key", &nobody).await.unwrap(), None);
        assert!(!f.store.delete_secret(&f.by(), &f.stranger, "key", &nobody).await.unwrap());
        let list = f.store.list_secrets(&f.stranger, &SecretFilter::default(), &PageRequest::first()).await.unwrap();
        assert_eq!(list.items, []);
        let taken = NamedSecret { project: f.stranger.clone(), ..one.clone() };
        assert!(matches!(f.store.put_secret(&f.by(), &taken, "mine").await, Err(StoreError::Conflict(_))));
        assert_eq!(f.store.secret_of(&f.project, "key", &nobody).await.unwrap().unwrap().sealed, "sealed");
        // Two that were made at once: the later one has to look again.
        let late = secret(&f, "", "");
        assert!(matches!(f.store.put_secret(&f.by(), &late, "late").await, Err(StoreError::Conflict(_))));
    })
    .await;
}

/// Lesson 5: moved to another name, owner, source or host, a secret does not open.
#[tokio::test]
async fn a_secret_opens_for_exactly_what_it_was_stored_for() {
    on_both(async |f: Fixture| {
        let vault = Vault::load(KeySource::File(f.folder.path().join("master.key")), f.random).unwrap();
        let one = secret(&f, "ada", "");
        let sealed = vault.seal_named(&one, &Secret::new("canary".into())).unwrap();
        f.store.put_secret(&f.by(), &one, &sealed).await.unwrap();
        let row = f.store.secret_of(&f.project, "key", &one.owner).await.unwrap().unwrap();
        let hosts = vec!["api.example.com".to_owned()];
        assert_eq!(vault.open_named(&row, &hosts).unwrap().len(), "canary".len());
        for (what, changed) in [
            ("name", NamedSecret { name: "other".into(), ..one.clone() }),
            ("owner", NamedSecret { owner: owner("", ""), ..one.clone() }),
            ("organization", NamedSecret { owner: owner("ada", "acme"), ..one.clone() }),
            ("source", NamedSecret { source: SecretSource::Environment("A".into()), ..one.clone() }),
            ("hosts", NamedSecret { hosts: vec!["*.example.com".into()], ..one.clone() }),
            ("project", NamedSecret { project: f.stranger.clone(), ..one.clone() }),
            ("id", NamedSecret { id: SecretId::new(&f.clock, &f.random), ..one.clone() }),
        ] {
            let row = gloveport::store::SecretRow { secret: changed, ..row.clone() };
            let refused = vault.open_named(&row, &hosts).map(drop);
            assert_eq!(refused, Err(NamedError::Vault(VaultError::Tampered)), "{what}");
        }
        for host in ["evil.example", "*.example.com", "api.example.com:8443", "not a host"] {
            let hosts = vec!["api.example.com".to_owned(), host.to_owned()];
            let refused = vault.open_named(&row, &hosts).map(drop);
            assert!(matches!(refused, Err(NamedError::Host { .. })), "{host}: {refused:?}");
        }
    })
    .await;
}

/// After a rotation secrets are sealed with the new key, and the old one may go.
#[tokio::test]
async fn a_rotation_seals_secrets_anew() {
    on_both(async |f: Fixture| {
        let vault = Vault::load(KeySource::File(f.folder.path().join("master.key")), f.random).unwrap();
        let one = secret(&f, "", "");
        let sealed = vault.seal_named(&one, &Secret::new("canary".into())).unwrap();
        f.store.put_secret(&f.by(), &one, &sealed).await.unwrap();
        let old = vault.current_key_id();
        assert_eq!(vault::rotate(&f.store, &vault, &f.by(), |_| {}).await.unwrap().secrets, 1);
        let row = f.store.secret_of(&f.project, "key", &one.owner).await.unwrap().unwrap();
        assert!(row.sealed.contains(&vault.current_key_id()) && !row.sealed.contains(&old), "{}", row.sealed);
        assert_eq!(vault.open_named(&row, &[]).unwrap().len(), "canary".len());
        assert_eq!(vault::drop_unused(&f.store, &vault).await.unwrap(), [old]);
        assert_eq!(vault::reseal(&f.store, &vault, &f.by(), |_| {}).await.unwrap().secrets, 0);
        let keys: BTreeSet<_> = vault.key_ids().into_iter().collect();
        assert_eq!(keys.len(), 1);
    })
    .await;
}
