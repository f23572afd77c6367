//! The only outbound connection: `Egress::send` takes a guest's request and a grant, and nothing else leaves.

mod error;
mod grant;
mod request;

mod exchange;
mod plan;
mod redirect;

mod address;
mod body;
mod challenge;
mod client;
mod decode;
mod header;
mod inject;
mod limits;
mod resolve;
mod retry;
mod scrub;
mod target;
mod trace;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::config::PrivateNetworks;
use crate::model::{Clock, Random};
use client::Clients;
use exchange::{check_literal, exchange};
use resolve::Transport;
use scrub::Scrubber;

pub use challenge::parameter as challenge_parameter;
pub use error::EgressError;
pub use grant::{Grant, GrantState, IdempotencyKey, Injection, Renewal, Text, Values};
pub use header::is_for_credentials;
pub use inject::{AwsKeys, HmacKey, OAuth1aKeys, sign_jwt};
pub use plan::{Planned, Shown};
pub use request::{Body, Part, Request, Response};
pub use resolve::{Resolver, Resolving, SystemResolver};
pub use trace::Attempt;

/// What a provider answers that does not take the credential.
const UNAUTHORIZED: u16 = 401;

/// What the operator decides about the way out.
#[derive(Clone, Debug)]
pub struct EgressConfig {
    /// Networks that are not public and may be reached all the same. Metadata addresses stay refused.
    pub private_networks: PrivateNetworks,
    /// PEM of one or more certificate authorities that are trusted besides the system's, for internal APIs.
    pub ca_certificate: Option<String>,
    /// Where addresses come from: the system, or a test's own answers.
    pub resolver: Arc<dyn Resolver>,
    /// What signatures say of when they were made.
    pub clock: Clock,
    /// Spreads requests that were told to come again later, and tells one signature from all others.
    pub random: Random,
}

impl EgressConfig {
    /// The system's resolver, clock and generator, and no authorities but the system's.
    pub fn new(private_networks: PrivateNetworks) -> Self {
        let resolver = Arc::new(SystemResolver);
        Self { private_networks, ca_certificate: None, resolver, clock: Clock::system(), random: Random::system() }
    }
}

/// The way out: one for the whole process, shared by all calls, so that connections are reused between them.
#[derive(Debug)]
pub struct Egress {
    clients: Clients,
    private_networks: PrivateNetworks,
    clock: Clock,
    random: Random,
}

impl Egress {
    /// Prepares the connection pools and reads the system's certificate authorities.
    ///
    /// # Errors
    /// [`EgressError::Setup`] if the configured certificate authority is none.
    pub fn new(config: EgressConfig) -> Result<Self, EgressError> {
        let clients = Clients::new(&config)?;
        let EgressConfig { private_networks, clock, random, .. } = config;
        Ok(Self { clients, private_networks, clock, random })
    }

    /// Sends one request within `grant` and follows its redirects.
    ///
    /// Dropping the future ends the exchange.
    ///
    /// # Errors
    /// Any [`EgressError`] but `Setup`. No text holds the credential, in no encoding.
    pub async fn send(&self, grant: &Grant, request: Request) -> Result<Response, EgressError> {
        self.send_planned(grant, self.plan(grant, request)?).await
    }

    /// Refuses whatever can be refused before a byte leaves. Nothing is sent.
    ///
    /// # Errors
    /// Those of a request that is malformed, outside of the grant, or too big.
    pub fn plan(&self, grant: &Grant, request: Request) -> Result<Planned, EgressError> {
        Planned::new(grant, request).map_err(|error| error.map_text(|text| grant.scrubber().text(text)))
    }

    /// Sends what was planned with the same grant. A request that cannot do a thing twice is sent again, a few times, if
    /// the provider says that it should come later; only its last answer is given.
    ///
    /// # Errors
    /// Those of [`Egress::send`].
    pub async fn send_planned(&self, grant: &Grant, planned: Planned) -> Result<Response, EgressError> {
        let trace = &grant.state.trace;
        let request = trace.next_request();
        let mut scrubbed: u32 = 0;
        for attempt in 1.. {
            let place = trace.begins(request, attempt, planned.method());
            let with_first = !grant.state.was_renewed();
            let outcome = self.send_once(grant, &planned).await;
            if let Some(scopes) = outcome.as_ref().ok().and_then(challenge::missing_scopes) {
                grant.state.lacks(scopes);
            }
            if with_first && outcome.as_ref().is_ok_and(|answer| answer.status == UNAUTHORIZED) && grant.renew().await {
                // Refused for its credential, so nothing was done: even a write is sent again with the other one.
                trace.ends(place, Some(UNAUTHORIZED), Some(Duration::ZERO));
                scrubbed = scrubbed.saturating_add(outcome.map_or(0, |answer| answer.scrubbed));
                continue;
            }
            let chance = u32::from_le_bytes(self.random.bytes());
            let left = grant.timeout.saturating_sub(trace.elapsed());
            let again = outcome.as_ref().ok().filter(|_| planned.is_repeatable());
            let again = again.and_then(|answer| retry::pause(answer, attempt, left, chance));
            trace.ends(place, outcome.as_ref().ok().map(|answer| answer.status), again);
            match (outcome, again) {
                (Ok(answer), Some(wait)) => {
                    scrubbed = scrubbed.saturating_add(answer.scrubbed);
                    tracing::debug!(status = answer.status, attempt, ?wait, "the provider says later");
                    tokio::time::sleep(wait).await;
                }
                (outcome, _) => {
                    return outcome.map(|mut answer| {
                        answer.scrubbed = answer.scrubbed.saturating_add(scrubbed);
                        answer
                    });
                }
            }
        }
        Err(EgressError::Limit("more attempts at a request than can be counted".into()))
    }

    /// Refuses a URL whose host is an address that nothing may be sent to. What a name stands for is seen when something is
    /// sent.
    ///
    /// # Errors
    /// [`EgressError::AddressNotAllowed`].
    pub fn check_address(&self, url: &Url) -> Result<(), EgressError> {
        check_literal(url, Transport::of(url), &self.private_networks)
    }

    async fn send_once(&self, grant: &Grant, planned: &Planned) -> Result<Response, EgressError> {
        let scrubber = grant.scrubber();
        let writes = planned.writes();
        let exchange = exchange(self, grant, scrubber, planned.hop.clone());
        if writes {
            grant.state.write_begins();
        }
        let outcome = tokio::time::timeout(grant.timeout, exchange).await.unwrap_or_else(|_| {
            Err(EgressError::Timeout(u64::try_from(grant.timeout.as_millis()).unwrap_or(u64::MAX)))
        });
        // Of a write that was cut off nobody knows whether it arrived: it stays under way.
        let known = !matches!(outcome, Err(EgressError::Timeout(_) | EgressError::Broken(_)));
        if writes && known {
            grant.state.write_ends();
        }
        outcome.map_err(|error| error.map_text(|text| scrubber.text(text)))
    }

    /// Method and URL of what was planned with the same grant.
    pub fn show_line(&self, grant: &Grant, planned: &Planned) -> (String, String) {
        planned.line(grant.scrubber())
    }

    /// What was planned with the same grant, for people to look at.
    pub fn show(&self, grant: &Grant, planned: &Planned) -> Shown {
        planned.shown(grant.scrubber())
    }
}

/// A credential to look for in texts that do not come in by [`Egress::send`].
#[derive(Debug)]
pub struct Secrets(Scrubber);

impl Secrets {
    /// Of one credential, in all encodings that are looked for in answers.
    pub fn of(injection: &Injection) -> Self {
        Self(Scrubber::new(injection))
    }

    /// The text with marks in place of the credential; `None` if it is not in there.
    pub fn without(&self, text: &str) -> Option<String> {
        self.0.finds(text.as_bytes()).then(|| self.0.text(text))
    }
}
