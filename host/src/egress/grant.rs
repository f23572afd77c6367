//! What one call may send, where to, and with which credential: made by `call`, never seen by a guest.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::OnceCell;
use url::Url;

use super::limits::{DOCUMENT_BYTES, RESPONSE_BODY_BYTES};
use super::scrub::Scrubber;
use super::trace::Trace;
use super::{Attempt, AwsKeys, EgressError, HmacKey, OAuth1aKeys};
use crate::model::{
    AccountId, CallerToken, Effect, HostPattern, PathTemplate, Placement, Route, Secret, TextTemplate, Timestamp,
    TokenPlacement,
};

/// The right to send requests for one call.
#[derive(Debug)]
pub struct Grant {
    /// The account that the credential belongs to.
    pub account: Option<AccountId>,
    /// What relative targets are joined to: scheme, authority and path prefix, no query.
    pub base_url: Url,
    /// Hosts that may be reached; the base URL's own must be among them.
    pub hosts: Vec<HostPattern>,
    /// Requests that the tool declared.
    pub routes: Arc<[Route]>,
    /// The credential and where it goes.
    pub injection: Injection,
    /// Set on each request whose method writes.
    pub idempotency: Option<IdempotencyKey>,
    /// Time for one request, redirects and body included.
    pub timeout: Duration,
    /// What the requests of this grant share. Begins as `GrantState::new()`.
    pub state: GrantState,
}

impl Grant {
    /// The right to send one kind of request to this URL and to nothing else, without a credential. Redirects are not
    /// followed: whom they lead to nobody has chosen to trust.
    ///
    /// # Errors
    /// [`EgressError::Invalid`] if it is no URL, or has no usable host.
    pub fn to(url: &str, method: &str, effect: Effect, timeout: Duration) -> Result<Self, EgressError> {
        let invalid = |reason: &str| EgressError::Invalid(reason.to_owned());
        let url = Url::parse(url).map_err(|_| invalid("it is not a URL"))?;
        let host = url.host_str().zip(url.port_or_known_default()).map(|(host, port)| format!("{host}:{port}"));
        let host =
            host.and_then(|host| HostPattern::parse(&host).ok()).ok_or_else(|| invalid("it has no usable host"))?;
        let path = PathTemplate::exactly(url.path());
        // With its host: a route without one holds what is below the base URL, and this is the whole path.
        let route = Route { method: method.to_owned(), host: Some(host.clone()), path, effect };
        let state = GrantState::new();
        state.follow_no_redirects();
        Ok(Self {
            account: None,
            base_url: url,
            hosts: vec![host],
            routes: Arc::new([route]),
            injection: Injection::None,
            idempotency: None,
            timeout,
            state,
        })
    }
}

/// What the requests of one grant share: how many of them left and wrote, and the prepared scrubber.
#[derive(Debug)]
pub struct GrantState {
    /// How many requests left, redirects included.
    pub(super) sent: AtomicU32,
    /// How many requests with a method that writes were begun: the ordinal of the next idempotency key.
    pub(super) writes: AtomicU32,
    /// How many requests that write are under way.
    open_writes: AtomicU32,
    /// Whether redirects to writes are answers and not followed.
    shown_only: AtomicBool,
    /// Whether all redirects are.
    follows_none: AtomicBool,
    /// Whether answers are documents, which may be longer.
    takes_documents: AtomicBool,
    /// What became of each request.
    pub(super) trace: Trace,
    /// What takes the credential out of answers: prepared once for all requests of the call.
    pub(super) scrubber: OnceLock<Scrubber>,
    /// The scopes without which the provider refused a request, in its own words.
    missing_scopes: OnceLock<Vec<String>>,
    /// What brings another credential.
    renewal: OnceLock<Arc<dyn Renewal>>,
    /// What it brought: nothing where it could not. It is asked once.
    renewed: OnceCell<Option<Renewed>>,
}

/// Brings another credential where the provider refuses the one that a call began with.
pub trait Renewal: fmt::Debug + Send + Sync {
    /// The other one, for the same place in a request; `None` where there is none. It is awaited to its end, or dropped
    /// with the request.
    fn renew(&self) -> Pin<Box<dyn Future<Output = Option<Injection>> + Send + '_>>;
}

/// The credential that a call goes on with.
#[derive(Debug)]
struct Renewed {
    injection: Injection,
    /// Of both: what was refused must not come back either.
    scrubber: Scrubber,
}

impl Grant {
    /// The credential that the next request is sent with.
    pub(super) fn current(&self) -> &Injection {
        self.state.other().map_or(&self.injection, |renewed| &renewed.injection)
    }

    /// What takes the credentials out of answers.
    pub(super) fn scrubber(&self) -> &Scrubber {
        match self.state.other() {
            Some(renewed) => &renewed.scrubber,
            None => self.state.scrubber.get_or_init(|| Scrubber::new(&self.injection)),
        }
    }

    /// Gets another credential, unless that was done before. Whether there is one.
    pub(super) async fn renew(&self) -> bool {
        let Some(renewal) = self.state.renewal.get() else { return false };
        let renewed = self.state.renewed.get_or_init(async || {
            let injection = renewal.renew().await?;
            let scrubber = Scrubber::of(&[&self.injection, &injection]);
            Some(Renewed { injection, scrubber })
        });
        renewed.await.is_some()
    }
}

impl GrantState {
    /// Lets no write leave by way of a redirect: nobody would have seen where it goes.
    pub fn show_all_writes(&self) {
        self.shown_only.store(true, Ordering::Relaxed);
    }

    /// Whether [`GrantState::show_all_writes`] was called.
    pub(super) fn shows_all_writes(&self) -> bool {
        self.shown_only.load(Ordering::Relaxed)
    }

    /// Lets a request that is refused with 401 be sent again, once, with what `renewal` brings.
    pub fn renew_by(&self, renewal: Arc<dyn Renewal>) {
        // Who comes second changes nothing: a grant has one account.
        let _ = self.renewal.set(renewal);
    }

    /// Whether the credential was replaced, or could not be.
    pub(super) fn was_renewed(&self) -> bool {
        self.renewed.initialized()
    }

    fn other(&self) -> Option<&Renewed> {
        self.renewed.get().and_then(Option::as_ref)
    }

    /// Makes each redirect the answer: what was signed is for the one that it was addressed to.
    pub fn follow_no_redirects(&self) {
        self.follows_none.store(true, Ordering::Relaxed);
    }

    /// Whether [`GrantState::follow_no_redirects`] was called.
    pub(super) fn follows_no_redirects(&self) -> bool {
        self.follows_none.load(Ordering::Relaxed)
    }

    /// Takes answers as long as the descriptions of whole APIs are: for what the host fetches by itself.
    pub fn take_documents(&self) {
        self.takes_documents.store(true, Ordering::Relaxed);
    }

    /// Bytes of a response body, decoded; the rest is cut.
    pub(super) fn response_bytes(&self) -> usize {
        if self.takes_documents.load(Ordering::Relaxed) { DOCUMENT_BYTES } else { RESPONSE_BODY_BYTES }
    }

    /// The state of a grant that nothing was sent with yet.
    #[expect(clippy::new_without_default, reason = "a state is begun on purpose, never by accident")]
    pub fn new() -> Self {
        Self {
            sent: AtomicU32::new(0),
            writes: AtomicU32::new(0),
            open_writes: AtomicU32::new(0),
            shown_only: AtomicBool::new(false),
            follows_none: AtomicBool::new(false),
            takes_documents: AtomicBool::new(false),
            trace: Trace::new(),
            scrubber: OnceLock::new(),
            missing_scopes: OnceLock::new(),
            renewal: OnceLock::new(),
            renewed: OnceCell::new(),
        }
    }

    /// Each attempt at a request so far, up to a limit.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.trace.attempts()
    }

    /// The scopes without which the provider refused the first request that it did; `None` if it named none.
    pub fn missing_scopes(&self) -> Option<&[String]> {
        self.missing_scopes.get().map(Vec::as_slice)
    }

    /// Keeps what the provider says that the account lacks.
    pub(super) fn lacks(&self, scopes: Vec<String>) {
        // The first refusal is the one that a connector stops at.
        let _ = self.missing_scopes.set(scopes);
    }

    /// How many requests that write are under way: begun, and neither answered nor known to have failed before they
    /// arrived. One that is dropped or cut off stays under way: nobody knows whether it arrived.
    pub fn open_writes(&self) -> u32 {
        self.open_writes.load(Ordering::Relaxed)
    }

    /// Counts a request that writes as under way.
    pub(super) fn write_begins(&self) {
        self.open_writes.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one that has an answer, or did not arrive, as ended.
    pub(super) fn write_ends(&self) {
        self.open_writes.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many requests left so far, redirects included. One that was refused, or met no open port, did not.
    pub fn sent(&self) -> u32 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// How the credential gets into a request.
#[derive(Debug)]
pub enum Injection {
    /// Not at all.
    None,
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// A key in a header, a query parameter or a cookie.
    ApiKey {
        /// Where it goes.
        placement: Placement,
        /// Name of the header, parameter or cookie.
        name: String,
        /// Put before the key.
        prefix: String,
        /// The key.
        key: Secret,
    },
    /// The token that the caller came with, sent on.
    CallerToken {
        /// Where it goes.
        placed: TokenPlacement,
        /// The token.
        token: CallerToken,
    },
    /// `Authorization: Basic …`.
    Basic {
        /// User name, or a key in its place.
        username: Text,
        /// Password, or a filler in its place.
        password: Secret,
    },
    /// A header that is put together. It is left out where it has gaps, and all that goes into them is empty.
    Header {
        /// Its name.
        name: String,
        /// Its value, with gaps.
        value: TextTemplate,
        /// What goes into the gaps.
        values: Values,
    },
    /// What is put in the place of a marker that the guest wrote into a body.
    Insertion {
        /// In bodies of this media type only.
        content_type: String,
        /// What the guest writes.
        marker: String,
        /// What goes there, escaped as the media type has it.
        value: Text,
    },
    /// A signature over the body, as Standard Webhooks 1.0 has it: `webhook-id`, `webhook-timestamp` and
    /// `webhook-signature`.
    Webhook {
        /// The same each time that the same notice is sent.
        id: String,
        /// When it is sent: to the second.
        at: Timestamp,
        /// `whsec_` and base64: one signature with each.
        keys: Vec<Secret>,
    },
    /// OAuth 1.0a.
    OAuth1a(Box<OAuth1aKeys>),
    /// AWS Signature Version 4.
    AwsSigV4(Box<AwsKeys>),
    /// A code over parts of the request.
    Hmac(Box<HmacKey>),
    /// Nothing of it is sent, and it must not come back all the same: a key that something else was signed with.
    Hidden(Secret),
    /// Several, in this order: what signs comes last, and signs what the others put there.
    All(Vec<Injection>),
}

/// A text that is a secret, or stands where one could.
#[derive(Debug)]
pub enum Text {
    /// A name, which a provider may well write into its answers.
    Public(String),
    /// It must not come back.
    Secret(Secret),
}

/// Texts by the names that templates have for them.
pub type Values = BTreeMap<String, Text>;

/// A header that makes a write happen once at providers that know it: the same for the same write of the same call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Name of the header.
    pub header: String,
    /// Unique to the call; the ordinal of the write is appended.
    pub prefix: String,
}
