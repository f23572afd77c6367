//! Profiles: one name, a number that grows with each change, and keys that hold on to them.

use gloveport::model::{BoundProfile, By, ProfileId, Role};
use gloveport::store::{ApiKey, PageRequest, ProfileRow, StoreError, Subject};

use super::fixture::{Fixture, on_both};

fn by(f: &Fixture) -> By {
    By::host(f.clock.now())
}

fn row(f: &Fixture, name: &str) -> ProfileRow {
    ProfileRow {
        id: ProfileId::new(&f.clock, &f.random),
        project: f.project.clone(),
        name: name.into(),
        description: "for support".into(),
        connections: r#"[{"connection":"main"}]"#.into(),
        created_at: f.clock.now(),
        updated_at: f.clock.now(),
    }
}

/// AK-910: rows read back, names are unique within a project, and other projects see and touch nothing of it.
#[tokio::test]
async fn profiles_are_of_one_project() {
    on_both(async |f: Fixture| {
        let (one, two) = (row(&f, "one"), row(&f, "two"));
        f.store.insert_profile(&by(&f), &one).await.unwrap();
        f.store.insert_profile(&by(&f), &two).await.unwrap();
        assert!(matches!(f.store.insert_profile(&by(&f), &row(&f, "one")).await, Err(StoreError::Conflict(_))));
        assert_eq!(f.store.find_profile(&f.project, "one").await.unwrap(), Some(one.clone()));
        assert_eq!(f.store.find_profile(&f.project, "On").await.unwrap(), None);
        assert_eq!(f.store.find_profile(&f.stranger, "one").await.unwrap(), None);
        let page = f.store.list_profiles(&f.project, &PageRequest { limit: 1, cursor: None }).await.unwrap();
        assert_eq!((page.items.len(), page.total_size, page.next_cursor.is_some()), (1, 2, true));
        assert_eq!(f.store.list_profiles(&f.stranger, &PageRequest::first()).await.unwrap().items, []);
        let theirs = ProfileRow { project: f.stranger.clone(), description: "mine now".into(), ..one.clone() };
        assert!(!f.store.update_profile(&by(&f), &theirs).await.unwrap());
        assert!(!f.store.delete_profile(&by(&f), &f.stranger, "one").await.unwrap());
        let changed = ProfileRow { connections: "[]".into(), ..one };
        assert!(f.store.update_profile(&by(&f), &changed).await.unwrap());
        assert_eq!(f.store.find_profile(&f.project, "one").await.unwrap(), Some(changed));
    })
    .await;
}

/// Each change is seen by its number, a removed profile's number never comes again, and a bound key keeps its profile.
#[tokio::test]
async fn a_revision_is_never_the_same_twice_and_keys_hold_on() {
    on_both(async |f: Fixture| {
        let mut last = f.store.revision(Subject::Profiles, &f.project).await.unwrap();
        assert_eq!(last, 0);
        let grew = async |last: &mut i64| {
            let now = f.store.revision(Subject::Profiles, &f.project).await.unwrap();
            assert!(now > *last, "{now} after {last}");
            *last = now;
        };
        let profile = row(&f, "p");
        f.store.insert_profile(&by(&f), &profile).await.unwrap();
        grew(&mut last).await;
        f.store.update_profile(&by(&f), &profile).await.unwrap();
        grew(&mut last).await;
        let bound = Some(BoundProfile { id: profile.id.clone(), name: "p".into() });
        let key = ApiKey { profile: bound.clone(), ..f.key(Role::Agent) };
        f.store.insert_key(&by(&f), &key, "hash").await.unwrap();
        assert_eq!(f.store.find_key("hash").await.unwrap(), Some(key.clone()));
        assert_eq!(f.store.key(&f.project, &key.id).await.unwrap(), Some(key.clone()));
        assert!(matches!(f.store.delete_profile(&by(&f), &f.project, "p").await, Err(StoreError::Conflict(_))));
        assert_eq!(f.store.revision(Subject::Profiles, &f.project).await.unwrap(), last);
        f.store.delete_key(&by(&f), &f.project, &key.id).await.unwrap();
        assert!(f.store.delete_profile(&by(&f), &f.project, "p").await.unwrap());
        grew(&mut last).await;
        f.store.insert_profile(&by(&f), &row(&f, "p")).await.unwrap();
        grew(&mut last).await;
        // A key that would be bound to what is not there is none.
        let lost = ApiKey { profile: bound, ..f.key(Role::Agent) };
        assert!(matches!(f.store.insert_key(&by(&f), &lost, "other").await, Err(StoreError::Conflict(_))));
        assert_eq!(f.store.find_key("other").await.unwrap(), None);
        assert_eq!(f.store.revision(Subject::Profiles, &f.stranger).await.unwrap(), 0);
    })
    .await;
}
