//! Modifiers: one name, an order, a number that grows with each change, and the bytes of components.

use gloveport::model::{ModifierId, When};
use gloveport::store::{ModifierRow, StoreError, Subject};

use super::fixture::{CONNECTOR, Fixture, on_both};

fn row(f: &Fixture, name: &str, position: i64) -> ModifierRow {
    ModifierRow {
        id: ModifierId::new(&f.clock, &f.random),
        project: f.project.clone(),
        name: name.into(),
        tools: vec!["acme_*".into()],
        connections: None,
        when: When::Before,
        position,
        steps: Some("[]".into()),
        component: None,
        created_at: f.clock.now(),
        updated_at: f.clock.now(),
    }
}

async fn names(f: &Fixture) -> Vec<String> {
    f.store.modifiers(&f.project).await.unwrap().modifiers.into_iter().map(|row| row.name).collect()
}

/// Rows read back, names are unique within a project, and other projects see and touch nothing of it.
#[tokio::test]
async fn modifiers_are_of_one_project() {
    on_both(async |f: Fixture| {
        let one = ModifierRow { connections: Some(vec!["main".into()]), ..row(&f, "one", 1) };
        f.store.insert_modifier(&f.by(), &one, None).await.unwrap();
        let taken = f.store.insert_modifier(&f.by(), &row(&f, "one", 2), None).await;
        assert!(matches!(taken, Err(StoreError::Conflict(_))));
        assert_eq!(f.store.find_modifier(&f.project, "one").await.unwrap(), Some(one.clone()));
        assert_eq!(f.store.find_modifier(&f.project, "On").await.unwrap(), None);
        assert_eq!(f.store.find_modifier(&f.stranger, "one").await.unwrap(), None);
        assert_eq!(f.store.modifiers(&f.stranger).await.unwrap().modifiers, []);
        let theirs = ModifierRow { project: f.stranger.clone(), ..one.clone() };
        assert!(!f.store.update_modifier(&f.by(), &theirs, None).await.unwrap());
        assert!(!f.store.delete_modifier(&f.by(), &f.stranger, "one").await.unwrap());
        f.store
            .insert_modifier(&f.by(), &ModifierRow { id: ModifierId::new(&f.clock, &f.random), ..theirs }, None)
            .await
            .unwrap();
        let changed = ModifierRow { when: When::After, connections: None, ..one };
        assert!(f.store.update_modifier(&f.by(), &changed, None).await.unwrap());
        assert_eq!(f.store.find_modifier(&f.project, "one").await.unwrap(), Some(changed));
    })
    .await;
}

/// AK-603: by position, and at one position in the order in which they were made, within one millisecond too.
#[tokio::test]
async fn their_order_is_position_and_then_registration() {
    on_both(async |f: Fixture| {
        for (name, position) in [("e", 9), ("c", 5), ("a", 5), ("z", 5), ("b", 5), ("d", 1)] {
            f.store.insert_modifier(&f.by(), &row(&f, name, position), None).await.unwrap();
        }
        assert_eq!(names(&f).await, ["d", "c", "a", "z", "b", "e"]);
        // Changed, a modifier keeps its place; removed and made again, it is the last.
        let changed = f.store.find_modifier(&f.project, "c").await.unwrap().unwrap();
        f.store.update_modifier(&f.by(), &changed, None).await.unwrap();
        assert_eq!(names(&f).await, ["d", "c", "a", "z", "b", "e"]);
        f.store.delete_modifier(&f.by(), &f.project, "c").await.unwrap();
        f.store.insert_modifier(&f.by(), &row(&f, "c", 5), None).await.unwrap();
        assert_eq!(names(&f).await, ["d", "a", "z", "b", "c", "e"]);
    })
    .await;
}

/// Each change is seen by its number, also where nothing is left, and no other project's number moves.
#[tokio::test]
async fn a_revision_is_never_the_same_twice() {
    on_both(async |f: Fixture| {
        let mut last = 0;
        let mut grew = async |what: &str| {
            let now = f.store.revision(Subject::Modifiers, &f.project).await.unwrap();
            assert_eq!(f.store.modifiers(&f.project).await.unwrap().revision, now);
            assert!(now > last, "{what}: {now} after {last}");
            last = now;
        };
        for _ in 0..2 {
            let modifier = row(&f, "m", 1);
            f.store.insert_modifier(&f.by(), &modifier, None).await.unwrap();
            grew("made").await;
            f.store.update_modifier(&f.by(), &modifier, None).await.unwrap();
            grew("changed").await;
            f.store.delete_modifier(&f.by(), &f.project, "m").await.unwrap();
            grew("removed").await;
        }
        assert_eq!(f.store.revision(Subject::Modifiers, &f.stranger).await.unwrap(), 0);
        assert_eq!(f.store.revision(Subject::Profiles, &f.project).await.unwrap(), 0);
    })
    .await;
}

/// The bytes of a component are there as long as a modifier or a connector points to them, and no longer.
#[tokio::test]
async fn bytes_stay_while_something_points_to_them() {
    on_both(async |f: Fixture| {
        let there = async |digest: &str| f.store.component(digest).await.unwrap().is_some();
        let of =
            |name: &str, digest: &str| ModifierRow { steps: None, component: Some(digest.into()), ..row(&f, name, 1) };
        f.store.install_connector(&f.by(), &f.connector("1.0.0", "shared"), b"both").await.unwrap();
        let (one, two) = (of("one", "shared"), of("two", "own"));
        f.store.insert_modifier(&f.by(), &one, Some(b"both")).await.unwrap();
        f.store.insert_modifier(&f.by(), &two, Some(b"own")).await.unwrap();
        assert_eq!(f.store.component("own").await.unwrap().as_deref(), Some(&b"own"[..]));
        // Removing the connector sweeps, and leaves what modifiers have.
        assert!(f.store.delete_connector(&f.by(), &f.project, CONNECTOR).await.unwrap());
        assert!(there("shared").await && there("own").await);
        f.store.delete_modifier(&f.by(), &f.project, "one").await.unwrap();
        assert!(!there("shared").await && there("own").await);
        let changed = ModifierRow { component: Some("other".into()), ..two };
        f.store.update_modifier(&f.by(), &changed, Some(b"other")).await.unwrap();
        assert!(!there("own").await && there("other").await);
        f.store
            .update_modifier(&f.by(), &ModifierRow { component: None, steps: Some("[]".into()), ..changed }, None)
            .await
            .unwrap();
        assert!(!there("other").await);
    })
    .await;
}
