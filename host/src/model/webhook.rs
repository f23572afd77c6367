//! A webhook: where an operator's program hears of what happens here.

use super::words::words;
use super::{MessageId, ProjectId, Timestamp, WebhookId};

/// Where notices go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its identifier.
    pub id: WebhookId,
    /// The tenant.
    pub project: ProjectId,
    /// Where they are posted to.
    pub url: String,
    /// Of what it wants to hear; of everything if empty.
    pub events: Vec<Event>,
    /// Nothing is written for it or sent to it while set.
    pub disabled: bool,
    /// Until when notices are signed with the secret before this one, too.
    pub overlap_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

words! {
    /// What a notice tells of.
    Event {
        /// A call waits for a person.
        ApprovalWaiting = "approval.waiting",
        /// A person decided, or nobody did in time, or the call was cancelled.
        ApprovalDecided = "approval.decided",
        /// An execution reached its last status.
        ExecutionFinished = "execution.finished",
        /// An account is no longer active.
        AccountNeedsAttention = "account.needs_attention",
        /// An account that was not active any more is active again.
        AccountRecovered = "account.recovered",
        /// Tools that an MCP server added or changed wait to be accepted.
        ConnectorToolsHeld = "connector.tools_held",
        /// Somebody tries the webhook.
        WebhookTest = "webhook.test",
    }
}

words! {
    /// How a notice stands.
    DeliveryState {
        /// It is to be sent, or to be sent again.
        Pending = "pending",
        /// The receiver took it.
        Delivered = "delivered",
        /// It was given up.
        Dead = "dead",
    }
}

/// A notice for one webhook, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its identifier: the header `webhook-id`, the same each time it is sent.
    pub id: MessageId,
    /// What it tells of.
    pub event: Event,
    /// When that happened.
    pub at: Timestamp,
    /// How it stands.
    pub state: DeliveryState,
    /// When it is sent next; `None` once it was delivered or given up.
    pub due_at: Option<Timestamp>,
    /// When it was delivered or given up.
    pub ended_at: Option<Timestamp>,
    /// The last attempts, oldest first, as a JSON list.
    pub attempts: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_states_read_back_and_others_do_not() {
        for event in Event::ALL {
            assert_eq!(Event::parse(event.as_str()), Some(*event));
        }
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::parse(state.as_str()), Some(*state));
        }
        for text in ["", "approval", "approval.*", "Approval.waiting", "webhook.test "] {
            assert!(Event::parse(text).is_none() && DeliveryState::parse(text).is_none(), "{text}");
        }
    }
}
