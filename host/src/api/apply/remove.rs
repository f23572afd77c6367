//! Removes one thing, by what the routes of its kind do. Runs within the transaction of the whole.

use axum::extract::State;

use super::current::Current;
use super::kinds::Kind;
use super::resources::Key;
use crate::api::extract::{Admin, Path};
use crate::api::{ApiState, Problem, connections, connectors, mcp, modifiers, policies, profiles, webhooks};
use crate::model::Caller;

/// Removes a thing that is there.
pub(super) async fn remove(state: &ApiState, caller: &Caller, key: &Key, current: &Current) -> Result<(), Problem> {
    let (of, by) = (State(state.clone()), Admin(caller.clone()));
    let (name, id) = (Path(key.name.clone()), Path(current.id.clone()));
    match key.kind {
        Kind::Secret => {
            let owner = key.owner.clone().unwrap_or_default();
            let by = caller.by(state.host.clock.now());
            state.host.store.delete_secret(&by, &caller.project, &key.name, &owner).await?;
        }
        Kind::Connector => connectors::remove(of, by, name).await.map(drop)?,
        Kind::Connection => connections::remove(of, by, name).await.map(drop)?,
        Kind::Profile => profiles::remove(of, by, name).await.map(drop)?,
        Kind::Policy => policies::remove(of, by, id).await.map(drop)?,
        // They are always there, in one form or another.
        Kind::PolicyDefaults => {}
        Kind::Modifier => modifiers::remove(of, by, name).await.map(drop)?,
        // Its profile is another thing: it goes if this set of files made it, in its own turn.
        Kind::McpConfig => mcp::configs::delete(state, caller, &key.name, false).await?,
        Kind::Webhook => webhooks::remove(of, by, id).await.map(drop)?,
    }
    Ok(())
}
