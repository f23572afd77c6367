//! Calls that a call makes: the same path for them as for all others, bounded in depth, in number and in time.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cancel::{self, Entered};
use super::resolve::Resolved;
use super::{CallRequest, Host, Reply, call};
use crate::model::{AccountId, Caller, Code, ConnectionId, ExecutionId, Fault, InputError, McpGrantId, Surface};
use crate::runtime::{Failure, Invocation, Nested, NestedFault, Tools};

/// Calls that one call has made and that wait.
pub(super) type Waiting = Arc<Mutex<Vec<ExecutionId>>>;

/// Which call another one is made for.
#[derive(Clone, Debug, Default)]
pub struct Nesting {
    /// How many calls it is made for, one in another.
    pub(super) depth: usize,
    /// Stops with the call above.
    pub(super) stop: CancellationToken,
    /// Where the call above notes which of its calls wait.
    waiting: Waiting,
    /// The connections on which the calls above hold places: it needs none there, and might wait for its own parent.
    pub(super) connections: Vec<ConnectionId>,
}

impl Nesting {
    /// Of a call that went on after it had waited: nothing above it runs.
    pub(super) fn alone(depth: usize) -> Option<Self> {
        (depth > 0).then(|| Self { depth, ..Self::default() })
    }

    /// Whether a call above it runs, and holds its places.
    pub(super) fn is_held(&self) -> bool {
        !self.connections.is_empty()
    }
}

/// Calls tools for the guest of one call: as the same caller, for the same user.
#[derive(Debug)]
pub(super) struct Children {
    host: Host,
    caller: Caller,
    parent: ExecutionId,
    identifier: String,
    organization: Option<String>,
    grant: Option<McpGrantId>,
    chat_id: Option<String>,
    trigger_type: Option<String>,
    nesting: Nesting,
    deadline: Instant,
}

impl Children {
    /// For a call that has to end at `deadline`.
    pub(super) fn new(
        host: &Host,
        caller: &Caller,
        request: &CallRequest,
        resolved: &Resolved,
        (parent, deadline, entered): (&ExecutionId, Instant, &Entered),
    ) -> Self {
        let above = request.nesting.as_ref();
        let mut connections = above.map(|above| above.connections.clone()).unwrap_or_default();
        connections.push(resolved.context.connection.id.clone());
        Self {
            host: host.clone(),
            caller: caller.clone(),
            parent: parent.clone(),
            identifier: resolved.context.account.identifier.clone(),
            organization: request.organization.clone(),
            grant: request.grant.clone(),
            chat_id: request.chat_id.clone(),
            trigger_type: request.trigger_type.clone(),
            nesting: Nesting {
                depth: above.map_or(0, |above| above.depth) + 1,
                stop: entered.stop().clone(),
                waiting: entered.inner(),
                connections,
            },
            deadline,
        }
    }

    async fn made(&self, invocation: Invocation) -> Nested {
        let account = match invocation.account.as_deref().map(AccountId::parse) {
            Some(None) => {
                let errors = vec![InputError { path: String::new(), message: "`account` is not an account id".into() }];
                return Nested::Done(Err(told(&Fault {
                    errors,
                    ..Fault::new(Code::InvalidInput, crate::model::Culprit::Guest, "")
                })));
            }
            account => account.flatten(),
        };
        let left = self.deadline.saturating_duration_since(Instant::now());
        let request = CallRequest {
            identifier: Some(self.identifier.clone()),
            organization: self.organization.clone(),
            grant: self.grant.clone(),
            account,
            connection: invocation.connection,
            parent: Some(self.parent.clone()),
            chat_id: self.chat_id.clone(),
            trigger_type: self.trigger_type.clone(),
            timeout_ms: Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1)),
            nesting: Some(self.nesting.clone()),
            ..CallRequest::new(Surface::Inner, invocation.tool, invocation.input)
        };
        match call(&self.host, &self.caller, request).await {
            Ok(Reply::Done(answer)) => Nested::Done(Ok(answer.data)),
            Ok(Reply::Waiting(held)) => {
                self.nesting.note_waiting(&self.host, &self.caller, &held.execution).await;
                Nested::Waits(held.execution)
            }
            Ok(Reply::Started(execution)) => Nested::Waits(execution),
            Err(failed) => Nested::Done(Err(told(&failed.fault))),
        }
    }
}

impl Nesting {
    /// Notes for the call above that an inner one waits; ends that at once if the one above has ended meanwhile.
    async fn note_waiting(&self, host: &Host, caller: &Caller, execution: &ExecutionId) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(execution.clone());
        if self.stop.is_cancelled() {
            cancel::end_waiting(host, &caller.project, execution).await;
        }
    }
}

impl Tools for Children {
    fn call(&self, invocation: Invocation) -> BoxFuture<'_, Nested> {
        Box::pin(self.made(invocation))
    }
}

/// What a guest is told of a fault: who has to act is said by the variant.
pub(super) fn told(fault: &Fault) -> NestedFault {
    let detail = fault.detail.clone();
    let invalid = |errors: Vec<InputError>| Failure::InvalidInput(errors);
    let whole = || vec![InputError { path: String::new(), message: fault.detail.clone() }];
    let failure = match fault.code {
        Code::InvalidInput if !fault.errors.is_empty() => invalid(fault.errors.clone()),
        Code::InvalidInput | Code::InvalidRequest | Code::PayloadTooLarge | Code::AmbiguousAccount => invalid(whole()),
        Code::NotFound => Failure::NotFound(detail),
        Code::AccountNotConnected | Code::AccountNotActive | Code::MissingScopes | Code::Unauthenticated => {
            Failure::AuthRequired(detail)
        }
        Code::Forbidden
        | Code::AccountDisabled
        | Code::HostNotAllowed
        | Code::AddressNotAllowed
        | Code::RouteNotAllowed
        | Code::DeniedByPolicy
        | Code::ApprovalRequired
        | Code::ApprovalRejected
        | Code::InputRequired => Failure::Denied(detail),
        Code::NotDispatched => Failure::Unsupported(detail),
        Code::RateLimited => Failure::RateLimited { retry_after_ms: fault.retry_after_ms, message: detail },
        Code::UpstreamError | Code::UpstreamTimeout => {
            Failure::Upstream { status: 502, code: Some(fault.code.as_str().into()), message: detail, retryable: false }
        }
        _ => Failure::Internal(detail),
    };
    NestedFault { failure, code: fault.code, culprit: fault.culprit }
}
