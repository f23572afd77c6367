//! The life of an account's token: who gets another one, when, and what becomes of the account where none comes.
//!
//! One host at a time asks the provider, under a lease in the account's row; within a host one call asks and the others
//! take what it brought. What came is stored before anybody uses it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::OwnedMutexGuard;

use super::due::{ends_before_use, is_due};
use super::flights::Flight;
use super::limits::{LEASE, POLL, REST, STORE_AGAIN, WAIT, YOUNG};
use super::tokens::ACCESS_TOKEN;
use super::{OAuth, OAuthError, renew};
use crate::config::FaultPoint;
use crate::model::{Account, AccountState, AuthPattern, By, Connection};
use crate::store::{CallContext, Held, SealedCredential, StoreError, TokenLease};

/// Why a token is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// For a call: the one that is there will do as long as it holds.
    Usable,
    /// The provider refused the one that is there before its time.
    Another,
    /// Somebody asks for a new one, whatever is there.
    New,
}

/// A try to get a token, with one's turn.
struct Try {
    flight: Arc<Flight>,
    turn: OwnedMutexGuard<()>,
    pattern: AuthPattern,
    want: Want,
    by: By,
}

impl OAuth {
    /// The account with a token that can be used: as it is, or with another one, which is stored by then.
    ///
    /// What is begun is brought to its end even if the future is dropped: a new refresh token must not be lost.
    ///
    /// # Errors
    /// Any [`OAuthError`]. The account's state tells of those that end it.
    pub async fn token(
        &self,
        context: &Arc<CallContext>,
        pattern: &AuthPattern,
        want: Want,
        by: By,
    ) -> Result<Arc<CallContext>, OAuthError> {
        if !renew::gets_tokens(&pattern.kind) || want == Want::Usable && !self.wanted(context, pattern) {
            return Ok(Arc::clone(context));
        }
        let holds = want == Want::Usable && !ends_before_use(context, self.0.clock.now());
        let (flight, since) = (self.0.flights.of(&context.account.id), Instant::now());
        let turn = match holds {
            // Nobody waits for what they can do without.
            true if flight.rests(self.0.clock.now()) => return Ok(Arc::clone(context)),
            true => match flight.turn_now() {
                Some(turn) => turn,
                None => return Ok(Arc::clone(context)),
            },
            false => flight.turn().await,
        };
        if !holds && let Some(reason) = flight.failed_since(since) {
            return Err(OAuthError::transient(reason));
        }
        let tried = Try { flight, turn, pattern: pattern.clone(), want, by };
        let (oauth, had) = (self.clone(), Arc::clone(context));
        let work = self.0.running.spawn(async move { oauth.in_turn(had, tried).await });
        let got = work.await.unwrap_or_else(|_| Err(OAuthError::transient("getting it ended abnormally")));
        match got {
            Err(OAuthError::Transient { .. }) if holds => Ok(Arc::clone(context)),
            got => got,
        }
    }

    /// Gets the first token of an account that is not stored yet, and seals it with the rest.
    ///
    /// # Errors
    /// Any [`OAuthError`].
    pub async fn first(
        &self,
        connection: &Connection,
        pattern: &AuthPattern,
        (mut account, mut sealed): (Account, BTreeMap<String, String>),
    ) -> Result<(Account, BTreeMap<String, String>), OAuthError> {
        let context = CallContext { connection: connection.clone(), account: account.clone(), sealed: sealed.clone() };
        let tokens = self.another(&context, pattern).await?;
        let hosts = account.hosts.clone();
        self.seal(&mut account, &mut sealed, tokens, (hosts, &[]))?;
        Ok((account, sealed))
    }

    /// Whether a call should get another token first.
    fn wanted(&self, context: &CallContext, pattern: &AuthPattern) -> bool {
        !context.sealed.contains_key(ACCESS_TOKEN)
            || is_due(context, self.0.clock.now(), renew::can_renew(&pattern.kind, &context.sealed))
    }

    /// Looks at the row, and takes what is there, gets another, or waits for the host that does.
    async fn in_turn(&self, had: Arc<CallContext>, tried: Try) -> Result<Arc<CallContext>, OAuthError> {
        let until = Instant::now() + WAIT;
        loop {
            let account = &had.account;
            let found = self.0.store.held(&account.project, &account.id).await?;
            let Some(Held { credential, lease }) = found else {
                return Err(OAuthError::Expired { reason: "the account was removed".into() });
            };
            let now = Arc::new(with(&had, credential));
            if let Some(answer) = self.answered(&had, &now, &tried) {
                return answer;
            }
            let read = SealedCredential { account: now.account.clone(), sealed: now.sealed.clone() };
            let at = self.0.clock.now();
            if let Some(own) = self.0.store.lease_token(&read, &self.0.host_id, at, at.plus(LEASE)).await? {
                let interrupted = lease.is_some();
                return self.under_lease(&own, &now, tried, interrupted).await;
            }
            if tried.want == Want::Usable && !ends_before_use(&now, at) {
                return Ok(now);
            }
            if Instant::now() >= until {
                return Err(OAuthError::transient("another host has been getting one for too long"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What the row says to somebody who wants a token, if that is an answer.
    fn answered(
        &self,
        had: &CallContext,
        now: &Arc<CallContext>,
        tried: &Try,
    ) -> Option<Result<Arc<CallContext>, OAuthError>> {
        let changed = had.sealed.get(ACCESS_TOKEN) != now.sealed.get(ACCESS_TOKEN);
        let state = now.account.state;
        let may_try = match tried.want {
            // What has ended may begin again once somebody has mended what was wrong; what was withdrawn may not.
            Want::New => matches!(state, AccountState::Active | AccountState::Expired | AccountState::Error),
            Want::Usable | Want::Another => state == AccountState::Active,
        };
        if !may_try {
            let reason =
                now.account.token.error.clone().unwrap_or_else(|| format!("the account is {}", state.as_str()));
            return Some(Err(match state {
                AccountState::Revoked => OAuthError::Revoked { reason },
                AccountState::Error => OAuthError::Configuration { reason },
                _ => OAuthError::Expired { reason },
            }));
        }
        if tried.want == Want::Another && !changed && self.is_young(now) {
            let reason = "the token that is refused was given a moment ago";
            return Some(Err(OAuthError::transient(reason)));
        }
        let enough = match tried.want {
            Want::Usable => !self.wanted(now, &tried.pattern),
            Want::Another | Want::New => changed && !ends_before_use(now, self.0.clock.now()),
        };
        enough.then(|| Ok(Arc::clone(now)))
    }

    fn is_young(&self, context: &CallContext) -> bool {
        context.account.token.refreshed_at.is_some_and(|got| self.0.clock.now() < got.plus(YOUNG))
    }

    /// Asks the provider, and writes down what came of it.
    async fn under_lease(
        &self,
        lease: &TokenLease,
        context: &CallContext,
        tried: Try,
        interrupted: bool,
    ) -> Result<Arc<CallContext>, OAuthError> {
        let Try { flight, turn: _turn, pattern, by, .. } = tried;
        let before = context.account.state;
        let got = self.another(context, &pattern).await;
        FaultPoint::TokenAnswered.pass();
        let error = match got {
            Ok(tokens) => {
                let (mut account, mut sealed) = (context.account.clone(), context.sealed.clone());
                let endpoint_hosts = renew::endpoint_hosts_of(&account);
                let hosts = account.hosts.clone();
                self.seal(&mut account, &mut sealed, tokens, (hosts, &endpoint_hosts))?;
                let stored = self.stored(|| self.0.store.store_tokens(&by, lease, before, &account, &sealed)).await?;
                if !stored {
                    return Err(OAuthError::transient("the account was changed at the same time"));
                }
                flight.succeed();
                tracing::debug!(account = %account.id, "an account has another token");
                return Ok(Arc::new(CallContext { connection: context.connection.clone(), account, sealed }));
            }
            Err(error) => error,
        };
        let Some((to, reason)) = error.ends_as(before) else {
            self.0.store.release_token(lease).await?;
            tracing::warn!(account = %context.account.id, %error, "an account got no other token");
            flight.fail(told(&error), self.0.clock.now().plus(REST));
            return Err(error);
        };
        let reason = match interrupted {
            true => format!("{reason}. {LOST}"),
            false => reason.to_owned(),
        };
        self.stored(|| self.0.store.end_tokens(&by, lease, (before, to), &reason)).await?;
        tracing::warn!(account = %context.account.id, state = to.as_str(), reason, "an account is no longer active");
        Err(error)
    }

    /// Writes something down that must not be lost: a database that is away for a moment is waited for.
    async fn stored<F: Future<Output = Result<bool, StoreError>>>(
        &self,
        write: impl Fn() -> F,
    ) -> Result<bool, StoreError> {
        for wait in STORE_AGAIN {
            match write().await {
                Err(StoreError::Unavailable(error)) => {
                    tracing::warn!(error, "what came of getting a token could not be stored: trying again");
                    tokio::time::sleep(wait).await;
                }
                done => return done,
            }
        }
        write().await
    }
}

/// What is added to the reason where the host before this one did not say what came of asking.
const LOST: &str = "A host ended while it was getting a token: if the provider had given one, it is lost";

/// The reason alone, for those who waited.
fn told(error: &OAuthError) -> String {
    match error {
        OAuthError::Transient { reason, .. } => reason.clone(),
        error => error.to_string(),
    }
}

fn with(had: &CallContext, SealedCredential { account, sealed }: SealedCredential) -> CallContext {
    CallContext { connection: had.connection.clone(), account, sealed }
}
