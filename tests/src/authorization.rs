//! A strict authorization server on the loopback, with an API behind it that knows which access tokens are valid.

mod client;
mod endpoints;
mod records;

pub use client::{AuthMethod, RegisteredClient};

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gloveport::model::Clock;
use url::Url;

use crate::upstream::{Gate, Recorded, Reply, Upstream};
use records::Records;

/// A running server. It ends when this is dropped.
///
/// | path | what is there |
/// |---|---|
/// | `/authorize` | consent: at once, or by a page with two buttons (`asks`) |
/// | `/token` | codes (PKCE S256), refresh tokens, client credentials, assertions |
/// | `/revoke` | RFC 7009 |
/// | `/sign_in`, `/sign_out` | a session's token for `ada` and [`PASSWORD`], as JSON |
/// | `/api/…` | says whose token came, or 401 |
pub struct AuthorizationServer {
    upstream: Upstream,
    state: Arc<Mutex<State>>,
}

/// The password of `ada`, who alone can sign in to a session.
pub const PASSWORD: &str = "cnry_the_password_of_ada";

/// What a server does that not all do.
#[derive(Debug)]
pub struct Quirks {
    /// How long access tokens hold; `None` where answers do not say so, and they hold for ever.
    pub lifetime: Option<Duration>,
    /// Whether a refresh gives a new refresh token, and ends the old one.
    pub rotates: bool,
    /// Whether an old refresh token, used again, ends all tokens of its family (RFC 9700 section 4.14.2).
    pub detects_reuse: bool,
    /// Whether answers leave the refresh token out.
    pub gives_no_refresh_token: bool,
    /// What is granted of the scopes that are asked for; `None` for all.
    pub grants: Option<Vec<String>>,
    /// Whether answers say which scopes were granted.
    pub says_scope: bool,
    /// Whether the callback says who sends it (RFC 9207), and who that is.
    pub issuer: Option<String>,
    /// Whether a person is asked by a page.
    pub asks: bool,
    /// What comes instead of the next answers of the token endpoint, each once. Nothing is granted meanwhile.
    pub answers: VecDeque<Reply>,
    /// Holds answers of the token endpoint back, after they took effect.
    pub gate: Option<Gate>,
    /// Puts the token endpoint's answer below this member of an object.
    pub below: Option<&'static str>,
    /// A scope without which the API answers 403.
    pub needs: Option<String>,
    /// Whether the revocation endpoint is out of order.
    pub cannot_revoke: bool,
}

impl Quirks {
    /// Tokens for an hour, rotation with detection, and no surprise.
    pub fn none() -> Self {
        Self {
            lifetime: Some(Duration::from_secs(3_600)),
            rotates: true,
            detects_reuse: true,
            gives_no_refresh_token: false,
            grants: None,
            says_scope: true,
            issuer: None,
            asks: false,
            answers: VecDeque::new(),
            gate: None,
            below: None,
            needs: None,
            cannot_revoke: false,
        }
    }
}

/// How often something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests to the token endpoint.
    pub token_requests: usize,
    /// Codes that were exchanged.
    pub exchanges: usize,
    /// Refresh tokens that were taken.
    pub refreshes: usize,
    /// Old refresh tokens, and codes, that came again.
    pub reuses: usize,
    /// Tokens that were revoked by request.
    pub revocations: usize,
    /// Tokens of clients, assertions and sessions.
    pub direct: usize,
    /// Requests to the token endpoint that were refused.
    pub refusals: usize,
}

struct State {
    clock: Clock,
    clients: Vec<RegisteredClient>,
    quirks: Quirks,
    counts: Counts,
    records: Records,
}

impl AuthorizationServer {
    /// A server with one confidential client, `gloveport`, that authenticates by `Basic`. Tokens expire by `clock`.
    pub async fn start(clock: &Clock) -> Self {
        let state = Arc::new(Mutex::new(State {
            clock: clock.clone(),
            clients: vec![RegisteredClient::confidential("gloveport", AuthMethod::Basic)],
            quirks: Quirks::none(),
            counts: Counts::default(),
            records: Records::default(),
        }));
        let shared = Arc::clone(&state);
        let upstream = Upstream::start(move |request| locked(&shared).answer(request)).await;
        Self { upstream, state }
    }

    /// Its URL, followed by `path`.
    pub fn url(&self, path: &str) -> String {
        self.upstream.url(path)
    }

    /// The server, with all requests so far.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Every request to this path so far.
    pub fn requests(&self, path: &str) -> Vec<Recorded> {
        self.upstream.requests().into_iter().filter(|request| request.path() == path).collect()
    }

    /// The first client.
    pub fn client(&self) -> RegisteredClient {
        locked(&self.state).clients[0].clone()
    }

    /// Adds a client.
    pub fn register(&self, client: RegisteredClient) {
        locked(&self.state).clients.push(client);
    }

    /// Changes the first client.
    pub fn change_client(&self, change: impl FnOnce(&mut RegisteredClient)) {
        change(&mut locked(&self.state).clients[0]);
    }

    /// Changes what it does.
    pub fn set(&self, change: impl FnOnce(&mut Quirks)) {
        change(&mut locked(&self.state).quirks);
    }

    /// How often things happened so far.
    pub fn counts(&self) -> Counts {
        locked(&self.state).counts
    }

    /// What a user does who is sent to `url` and consents: the URL that their browser is sent back to.
    ///
    /// # Errors
    ///
    /// With what the server says to a request that it does not send back.
    pub fn consent(&self, url: &str) -> Result<String, String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        assert_eq!(url.path(), "/authorize", "a browser was sent elsewhere");
        locked(&self.state).consent(url.query().unwrap_or_default(), true)
    }

    /// Tokens as a first authorization of this client gives them, without a browser: for tests that begin there.
    pub fn grant(&self, client_id: &str, scope: &str) -> Granted {
        locked(&self.state).grant(client_id, scope)
    }

    /// Every secret that it has given out or was registered with: none may be where it should not.
    pub fn secrets(&self) -> Vec<String> {
        let state = locked(&self.state);
        let clients = state.clients.iter().filter_map(|client| client.secret.clone());
        clients.chain(state.records.issued.iter().cloned()).chain([PASSWORD.to_owned()]).collect()
    }

    /// What a user does who takes their consent back: all tokens end.
    pub fn withdraw(&self) {
        locked(&self.state).records.end_all();
    }

    /// Ends all access tokens before their time; refresh tokens stay.
    pub fn forget_access_tokens(&self) {
        locked(&self.state).records.end_access();
    }

    /// Whether an access token is valid now.
    pub fn is_valid(&self, token: &str) -> bool {
        let state = locked(&self.state);
        state.records.access(token, state.clock.now()).is_some()
    }

    /// The scopes of an access token that is valid now.
    pub fn scopes_of(&self, token: &str) -> Option<Vec<String>> {
        let state = locked(&self.state);
        let found = state.records.access(token, state.clock.now())?;
        Some(found.scope.split_ascii_whitespace().map(str::to_owned).collect())
    }

    /// Whether a refresh token can be used, without using it.
    pub fn can_refresh(&self, token: &str) -> bool {
        locked(&self.state).records.can_refresh(token)
    }
}

/// Tokens as they were given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The access token.
    pub access_token: String,
    /// The refresh token, if there is one.
    pub refresh_token: Option<String>,
    /// For how many seconds it holds, if that is said.
    pub expires_in: Option<u64>,
    /// What was granted.
    pub scope: String,
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
