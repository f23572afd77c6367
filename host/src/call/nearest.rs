//! Accounts that serve a whole project: whom they serve, and as whom (KO-21).

use std::sync::Arc;

use super::faults;
use crate::model::{Code, Culprit, Fault};
use crate::store::CallContext;

/// Of each connection the user's own accounts; where there are none the shared ones, those of the user's organization
/// before those of the project.
pub(super) fn among(candidates: Vec<Arc<CallContext>>) -> Vec<Arc<CallContext>> {
    let rank = |context: &CallContext| (context.account.shared, context.account.organization.is_empty());
    let own_first = |context: &CallContext| if context.account.shared { rank(context) } else { (false, false) };
    let best = |context: &Arc<CallContext>| {
        let of_same = candidates.iter().filter(|other| other.connection.id == context.connection.id);
        of_same.map(|other| own_first(other)).min()
    };
    candidates.iter().filter(|context| best(context) == Some(own_first(context))).cloned().collect()
}

/// The same as whoever it serves: policies, records, presets and named secrets are about the user, not about the account.
/// The credential stays bound to the account, by its identifier.
pub(super) fn acting(
    mut context: Arc<CallContext>,
    identifier: Option<&str>,
    organization: Option<&str>,
) -> Arc<CallContext> {
    if !context.account.shared {
        return context;
    }
    if let Some(identifier) = identifier {
        let account = &mut Arc::make_mut(&mut context).account;
        account.identifier = identifier.to_owned();
        if let Some(organization) = organization {
            account.organization = organization.to_owned();
        }
    }
    context
}

/// What a call is told whose user no account serves.
pub(super) fn none_for(identifier: &str, connector: &str) -> Fault {
    let detail = format!(
        "`{}` has no account for connector `{connector}`: connect one with PUT \
         /v1/connections/{{connection}}/accounts/{{identifier}}, or get a link for its user with POST \
         /v1/connections/{{connection}}/accounts/{{identifier}}/authorize",
        faults::quoted(identifier)
    );
    Fault::new(Code::AccountNotConnected, Culprit::Caller, detail)
}
