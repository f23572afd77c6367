//! A strict provider of OAuth 1.0a on the loopback (RFC 5849), with an API behind it that checks each signature.

mod signature;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gloveport::model::Clock;
use serde_json::json;
use url::{Url, form_urlencoded};

use crate::upstream::{Recorded, Reply, Upstream};
use signature::{Signed, read};

/// The consumer that is registered: its key and its secret.
pub const CONSUMER: [&str; 2] = ["gloveport-key", "cnry_secret_of_a_consumer&+%"];

/// How far its clock and that of a consumer may be apart, in seconds.
const SKEW: i64 = 300;

/// A running provider. It ends when this is dropped.
///
/// | path | what is there |
/// |---|---|
/// | `/request` | temporary credentials |
/// | `/authorize` | consent, by [`OAuth1Server::consent`] |
/// | `/access` | token credentials |
/// | `/api/…` | says whose token signed, or 401 |
pub struct OAuth1Server {
    upstream: Upstream,
    state: Arc<Mutex<State>>,
}

/// What it does that not all do.
#[derive(Debug, Default)]
pub struct OAuth1Quirks {
    /// Where browsers may be sent back to: compared byte by byte. None: not compared.
    pub callbacks: Vec<String>,
    /// How requests have to be signed; `HMAC-SHA1` if `None`.
    pub method: Option<&'static str>,
    /// Leaves `oauth_callback_confirmed` out.
    pub confirms_nothing: bool,
    /// What comes instead of the next answers of the two endpoints, each once.
    pub answers: Vec<Reply>,
}

struct State {
    clock: Clock,
    quirks: OAuth1Quirks,
    temporary: HashMap<String, Temporary>,
    /// Token to its secret.
    tokens: HashMap<String, String>,
    nonces: HashSet<(String, String)>,
    issued: Vec<String>,
    refusals: Vec<String>,
}

#[derive(Clone)]
struct Temporary {
    secret: String,
    callback: String,
    verifier: Option<String>,
}

impl OAuth1Server {
    /// One that takes signatures of now by `clock`.
    pub async fn start(clock: &Clock) -> Self {
        let state = Arc::new(Mutex::new(State {
            clock: clock.clone(),
            quirks: OAuth1Quirks::default(),
            temporary: HashMap::new(),
            tokens: HashMap::new(),
            nonces: HashSet::new(),
            issued: Vec::new(),
            refusals: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        let base = Arc::new(Mutex::new(String::new()));
        let known = Arc::clone(&base);
        let upstream = Upstream::start(move |request| {
            let base = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
            locked(&shared).answer(request, &base)
        })
        .await;
        *base.lock().unwrap_or_else(PoisonError::into_inner) = upstream.url("");
        Self { upstream, state }
    }

    /// Its URL, followed by `path`.
    pub fn url(&self, path: &str) -> String {
        self.upstream.url(path)
    }

    /// Every request to this path so far.
    pub fn requests(&self, path: &str) -> Vec<Recorded> {
        self.upstream.requests().into_iter().filter(|request| request.path() == path).collect()
    }

    /// Changes what it does.
    pub fn set(&self, change: impl FnOnce(&mut OAuth1Quirks)) {
        change(&mut locked(&self.state).quirks);
    }

    /// Why it refused what it refused.
    pub fn refusals(&self) -> Vec<String> {
        locked(&self.state).refusals.clone()
    }

    /// What a user does who is sent to `url` and consents: the URL that their browser is sent back to.
    ///
    /// # Errors
    ///
    /// With what the provider says to a request that it does not send back.
    pub fn consent(&self, url: &str) -> Result<String, String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        assert_eq!(url.path(), "/authorize", "a browser was sent elsewhere");
        let token = url.query_pairs().find(|(name, _)| name == "oauth_token").map(|(_, value)| value.into_owned());
        let token = token.ok_or("there is no token")?;
        let mut state = locked(&self.state);
        let verifier = state.secret("verifier");
        let found = state.temporary.get_mut(&token).ok_or("the token is not known")?;
        found.verifier = Some(verifier.clone());
        let mut back = Url::parse(&found.callback).map_err(|error| error.to_string())?;
        back.query_pairs_mut().append_pair("oauth_token", &token).append_pair("oauth_verifier", &verifier);
        Ok(back.into())
    }

    /// Every secret that it has given out, and its consumer's.
    pub fn secrets(&self) -> Vec<String> {
        let state = locked(&self.state);
        state.issued.iter().cloned().chain([CONSUMER[1].to_owned()]).collect()
    }
}

impl State {
    fn answer(&mut self, request: &Recorded, base: &str) -> Reply {
        let path = request.path().to_owned();
        let answered = match path.as_str() {
            "/request" | "/access" if !self.quirks.answers.is_empty() => return self.quirks.answers.remove(0),
            "/request" => self.request(request, base),
            "/access" => self.access(request, base),
            path if path.starts_with("/api") => self.api(request, base),
            _ => return Reply::status(404),
        };
        answered.unwrap_or_else(|why| {
            self.refusals.push(why.to_owned());
            Reply::bytes(401, "application/x-www-form-urlencoded", format!("oauth_problem={why}"))
        })
    }

    fn request(&mut self, request: &Recorded, base: &str) -> Result<Reply, &'static str> {
        let signed = self.checked(request, base, None)?;
        let callback = signed.protocol.get("oauth_callback").ok_or("parameter_absent")?.clone();
        if !self.quirks.callbacks.is_empty() && !self.quirks.callbacks.contains(&callback) {
            return Err("parameter_rejected");
        }
        let (token, secret) = (self.name("temporary"), self.secret("temporary_secret"));
        self.temporary.insert(token.clone(), Temporary { secret: secret.clone(), callback, verifier: None });
        let confirmed = (!self.quirks.confirms_nothing).then_some(("oauth_callback_confirmed", "true"));
        Ok(form([("oauth_token", token.as_str()), ("oauth_token_secret", &secret)].into_iter().chain(confirmed)))
    }

    fn access(&mut self, request: &Recorded, base: &str) -> Result<Reply, &'static str> {
        let token = read(request)?.protocol.get("oauth_token").cloned().ok_or("parameter_absent")?;
        // Temporary credentials are used once, however it ends.
        let temporary = self.temporary.remove(&token).ok_or("token_used")?;
        let signed = self.checked(request, base, Some(&temporary.secret))?;
        let verifier = signed.protocol.get("oauth_verifier").ok_or("parameter_absent")?;
        if temporary.verifier.as_ref() != Some(verifier) {
            return Err("verifier_invalid");
        }
        let (token, secret) = (self.secret("token"), self.secret("token_secret"));
        self.tokens.insert(token.clone(), secret.clone());
        Ok(form([
            ("oauth_token", token.as_str()),
            ("oauth_token_secret", &secret),
            ("user_id", "7"),
            ("name", "Zo\u{eb}"),
        ]))
    }

    fn api(&mut self, request: &Recorded, base: &str) -> Result<Reply, &'static str> {
        let token = read(request)?.protocol.get("oauth_token").cloned().ok_or("parameter_absent")?;
        let secret = self.tokens.get(&token).cloned().ok_or("token_rejected")?;
        let signed = self.checked(request, base, Some(&secret))?;
        Ok(Reply::json(
            200,
            &json!({ "consumer": signed.protocol["oauth_consumer_key"], "name": "Ada", "site": "s-1" }),
        ))
    }

    /// A request whose signature holds, and that did not come before.
    fn checked(&mut self, request: &Recorded, base: &str, secret: Option<&str>) -> Result<Signed, &'static str> {
        let signed = read(request)?;
        let get = |name: &str| signed.protocol.get(name).map(String::as_str);
        if get("oauth_consumer_key") != Some(CONSUMER[0]) {
            return Err("consumer_key_unknown");
        }
        if get("oauth_version").is_some_and(|version| version != "1.0") {
            return Err("version_rejected");
        }
        let method = self.quirks.method.unwrap_or("HMAC-SHA1");
        if get("oauth_signature_method") != Some(method) {
            return Err("signature_method_rejected");
        }
        if method != "PLAINTEXT" {
            let (at, nonce) = (get("oauth_timestamp").ok_or("parameter_absent")?, get("oauth_nonce"));
            let at: i64 = at.parse().map_err(|_| "timestamp_refused")?;
            if (at - self.clock.now().0 / 1_000).abs() > SKEW {
                return Err("timestamp_refused");
            }
            if !self.nonces.insert((at.to_string(), nonce.ok_or("parameter_absent")?.to_owned())) {
                return Err("nonce_used");
            }
        }
        let expected = signed.signature(method, base, CONSUMER[1], secret.unwrap_or_default());
        if get("oauth_signature") != Some(expected.as_str()) { Err("signature_invalid") } else { Ok(signed) }
    }

    fn name(&mut self, kind: &str) -> String {
        format!("{kind}-{}", self.issued.len())
    }

    fn secret(&mut self, kind: &str) -> String {
        let secret = format!("cnry_{kind}_{:08}_of_{}", self.issued.len(), std::process::id());
        self.issued.push(secret.clone());
        secret
    }
}

/// As most providers send it: a form that says it is a page.
fn form<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Reply {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Reply::bytes(200, "text/html; charset=utf-8", body)
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
