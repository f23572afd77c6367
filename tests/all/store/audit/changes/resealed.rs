//! What the operator does to the database as a whole.

use gloveport::model::{Action, By, Chain};
use gloveport::store::{SEALED_COLUMNS, SealedBody};
use serde_json::json;

use super::super::super::fixture::Fixture;
use super::{Seen, rows};

/// Texts that are sealed anew leave one row for all of one moment; those that are not there leave none.
pub(super) async fn bodies(f: &Fixture, by: &By, seen: &mut Seen<'_>) {
    let column = SEALED_COLUMNS.iter().find(|at| at.table == "signing_keys").unwrap();
    let found = f.store.sealed_bodies_after(column, "v1.00000000.", "", 200).await.unwrap();
    assert!(!found.is_empty(), "there is something to seal");
    let anew: Vec<_> = found.iter().map(|body| (body.clone(), "anew".to_owned())).collect();
    let count = u64::try_from(anew.len()).unwrap();
    assert_eq!(f.store.reseal_bodies(by, column, &anew).await.unwrap(), count);
    let subject = format!("{}.{}", column.table, column.column);
    seen.one(&rows(f).await, by, Action::BodiesResealed, &subject, &json!({ "texts": count }));
    assert_eq!(f.store.reseal_bodies(by, column, &anew).await.unwrap(), 0);
    let gone = SealedBody { record: "gone".into(), ..found[0].clone() };
    assert_eq!(f.store.reseal_bodies(by, column, &[(gone, "anew".into())]).await.unwrap(), 0);
    seen.none("texts that are not there").await;
}

/// A restored database goes on from the head that was verified.
pub(super) async fn restored(f: &Fixture, by: &By, seen: &mut Seen<'_>) {
    let mut chain = Chain::of(f.project.as_str());
    for entry in rows(f).await {
        chain.take(&entry).unwrap();
    }
    f.store.note_restored(by, std::slice::from_ref(&chain)).await.unwrap();
    let detail = json!({ "rows": chain.head().seq, "head": chain.head().hash });
    seen.one(&rows(f).await, by, Action::DatabaseRestored, f.project.as_str(), &detail);
    f.store.note_restored(by, &[]).await.unwrap();
    seen.none("no chain").await;
}
