//! What a user could call now, connection by connection: states of accounts, and what to do about those that do not work.

use std::collections::HashMap;
use std::sync::Arc;

use super::resolve::usable;
use super::{Host, faults, nearest, secrets};
use crate::model::{Account, AccountState, Code, Connection, ConnectionId, Fault, ProjectId};
use crate::store::{CallContext, ConnectionFilter, MAX_LIMIT, PageRequest};

/// Connections that one answer tells of: as many as a thorough project has, and few enough to read at once.
const MAX_CONNECTIONS: usize = 1_000;

/// A connection as one user finds it.
#[derive(Clone, Debug)]
pub struct Readiness {
    /// The connection.
    pub connection: Connection,
    /// The account that a call would go through; `None` where the user has none, and none is shared.
    pub account: Option<Account>,
    /// What a call would be told, if it would be refused: `None` means ready.
    pub refusal: Option<Fault>,
}

impl Readiness {
    /// Whether it helps that the user connects (again): not where an operator switched something off, where a secret is
    /// missing, or where the account is not the user's own.
    pub fn can_reconnect(&self) -> bool {
        let lacks_credential = match &self.account {
            None => true,
            Some(account) => !account.shared && account.state != AccountState::Active,
        };
        let switched_off = self.connection.disabled || self.account.as_ref().is_some_and(|account| account.disabled);
        self.refusal.is_some() && lacks_credential && !switched_off && !self.connection.demo
    }
}

/// All connections of the project as a user finds them, in the order of their making, each with every account that a call
/// could go through. What a call would be told is asked of what calls ask.
///
/// # Errors
/// Those of the database.
pub async fn readiness(
    host: &Host,
    project: &ProjectId,
    identifier: &str,
    organization: Option<&str>,
) -> Result<Vec<Readiness>, Fault> {
    let found = host.store.contexts_of_user(project, identifier, organization).await.map_err(faults::store)?;
    let mut of_connection: HashMap<ConnectionId, Vec<Arc<CallContext>>> = HashMap::new();
    for context in nearest::among(found) {
        of_connection.entry(context.connection.id.clone()).or_default().push(context);
    }
    let mut all = Vec::new();
    for connection in connections(host, project).await? {
        let Some(contexts) = of_connection.remove(&connection.id) else {
            let refusal = Some(nearest::none_for(identifier, &connection.connector));
            all.push(Readiness { connection, account: None, refusal });
            continue;
        };
        for context in contexts {
            let context = nearest::acting(context, Some(identifier), organization);
            let refusal = match usable(&context.connection, Some(&context.account)) {
                Err(refusal) => Some(refusal),
                Ok(()) => match secrets::filled(host, &context).await {
                    Ok(_) => None,
                    Err(fault) if fault.code == Code::AccountNotActive => Some(fault),
                    Err(fault) => return Err(fault),
                },
            };
            all.push(Readiness { connection: connection.clone(), account: Some(context.account.clone()), refusal });
        }
    }
    Ok(all)
}

async fn connections(host: &Host, project: &ProjectId) -> Result<Vec<Connection>, Fault> {
    let (mut all, mut page) = (Vec::new(), PageRequest { limit: MAX_LIMIT, cursor: None });
    loop {
        let found = host.store.list_connections(project, &ConnectionFilter::default(), &page).await;
        let found = found.map_err(faults::store)?;
        all.extend(found.items.into_iter().map(|(connection, _)| connection));
        match found.next_cursor {
            Some(cursor) if all.len() < MAX_CONNECTIONS => page.cursor = Some(cursor),
            _ => return Ok(all),
        }
    }
}
