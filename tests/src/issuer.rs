//! An issuer of tokens on the loopback: publishes keys, signs whatever a test wants, and counts who asks for its keys.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};

use crate::upstream::{Reply, Upstream};

/// A key that belongs to nobody, so that tests need not wait for another prime.
const RSA: &str = include_str!("issuer/rsa-2048.b64");

/// An RSA key as operators have it: PKCS #1 in PEM.
pub fn rsa_pem() -> String {
    let text: String = RSA.split_whitespace().collect();
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", lines.join("\n"))
}

/// A running issuer.
pub struct Issuer {
    upstream: Upstream,
    shown: Arc<Mutex<Shown>>,
}

struct Shown {
    url: String,
    keys: Vec<Value>,
    /// What is answered in place of the keys.
    instead: Option<Reply>,
    /// Which issuer the metadata is of, if not this one.
    named: Option<String>,
}

/// A key that signs.
pub struct SigningKey {
    /// Its name.
    pub id: String,
    pair: Pair,
}

enum Pair {
    Ec(Box<EcdsaKeyPair>),
    Rsa(Box<RsaKeyPair>),
}

impl Issuer {
    /// One that publishes these keys.
    pub async fn start(keys: &[&SigningKey]) -> Self {
        let keys = keys.iter().map(|key| key.jwk()).collect();
        let shown = Arc::new(Mutex::new(Shown { url: String::new(), keys, instead: None, named: None }));
        let answers = Arc::clone(&shown);
        let upstream = Upstream::start(move |request| {
            let shown = answers.lock().unwrap_or_else(PoisonError::into_inner);
            match request.target.as_str() {
                "/.well-known/openid-configuration" => {
                    let issuer = shown.named.as_ref().unwrap_or(&shown.url);
                    Reply::json(200, &json!({ "issuer": issuer, "jwks_uri": format!("{}/jwks", shown.url) }))
                }
                "/jwks" => shown.instead.clone().unwrap_or_else(|| Reply::json(200, &json!({ "keys": shown.keys }))),
                _ => Reply::status(404),
            }
        })
        .await;
        let issuer = Self { upstream, shown };
        issuer.shown().url = issuer.upstream.url("");
        issuer
    }

    /// What its tokens name as their issuer.
    pub fn url(&self) -> String {
        self.shown().url.clone()
    }

    /// Publishes these keys from now on.
    pub fn publish(&self, keys: Vec<Value>) {
        self.shown().keys = keys;
    }

    /// Answers this in place of the keys, or the keys again.
    pub fn answer(&self, instead: Option<Reply>) {
        self.shown().instead = instead;
    }

    /// Names another issuer in the metadata.
    pub fn pose_as(&self, issuer: &str) {
        self.shown().named = Some(issuer.into());
    }

    /// How often the keys were asked for.
    pub fn fetches(&self) -> usize {
        self.upstream.requests().iter().filter(|request| request.target == "/jwks").count()
    }

    /// The server itself.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    fn shown(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SigningKey {
    /// A new key on P-256.
    pub fn ec(id: &str) -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key is made");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random);
        Self { id: id.into(), pair: Pair::Ec(Box::new(pair.expect("a key that was just made is one"))) }
    }

    /// The one RSA key.
    pub fn rsa(id: &str) -> Self {
        let bytes = STANDARD.decode(RSA.trim()).expect("the file is base64");
        let pair = RsaKeyPair::from_der(&bytes).expect("the file is a key");
        Self { id: id.into(), pair: Pair::Rsa(Box::new(pair)) }
    }

    /// Its public part.
    pub fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.id, "alg": "ES256",
                    "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) })
            }
            Pair::Rsa(pair) => {
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "use": "sig", "kid": self.id, "alg": "RS256",
                    "n": URL_SAFE_NO_PAD.encode(parts.n), "e": URL_SAFE_NO_PAD.encode(parts.e) })
            }
        }
    }

    /// A token with these claims, as this key's owner would sign it.
    pub fn token(&self, claims: &Value) -> String {
        let algorithm = match &self.pair {
            Pair::Ec(_) => "ES256",
            Pair::Rsa(_) => "RS256",
        };
        self.token_with(&json!({ "typ": "JWT", "alg": algorithm, "kid": self.id }), claims)
    }

    /// A token with this header, whatever it says.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        assembled(header, claims, |message| match &self.pair {
            Pair::Ec(pair) => pair.sign(&SystemRandom::new(), message).expect("it signs").as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let done = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
                done.expect("it signs");
                signature
            }
        })
    }
}

/// A token whose signature is what `sign` makes of it.
pub fn assembled(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// A token signed with a shared secret: what an attacker makes who takes a public key for one.
pub fn hmac_token(secret: &[u8], header: &Value, claims: &Value) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    assembled(header, claims, |message| hmac::sign(&key, message).as_ref().to_vec())
}

/// The parts of a token: header and claims.
pub fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
    let mut next = || serde_json::from_slice(&parts.next().unwrap_or_default()).unwrap_or_default();
    (next(), next())
}

/// Whether this published key signed the token: checked without any of the host's code.
pub fn verifies(jwk: &Value, token: &str) -> bool {
    let Some((message, signature)) = token.rsplit_once('.') else { return false };
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap_or_default()).unwrap_or_default();
    if jwk["kty"] == "RSA" {
        let key = RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") };
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        return key.verify(&ring::signature::RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature).is_ok();
    }
    let point = [vec![4], bytes("x"), bytes("y")].concat();
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, point);
    key.verify(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap_or_default()).is_ok()
}
