//! What an authorization server remembers: codes, tokens, and which of them come from the same consent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use gloveport::model::Timestamp;
use sha2::{Digest, Sha256};

/// A code that waits to be exchanged.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) client: String,
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) scope: String,
    pub(super) family: u64,
    pub(super) used: bool,
}

/// A token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) client: String,
    pub(super) scope: String,
    pub(super) family: u64,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) ended: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) codes: HashMap<String, Code>,
    access: HashMap<String, Token>,
    refresh: HashMap<String, Token>,
    /// Every secret that was given out.
    pub(super) issued: Vec<String>,
    families: u64,
}

impl Records {
    /// What comes from one consent.
    pub(super) fn new_family(&mut self) -> u64 {
        self.families += 1;
        self.families
    }

    /// A secret of this kind that no other server of this process gives out.
    pub(super) fn secret(&mut self, kind: &str) -> String {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let n = MADE.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::digest(format!("{kind} {n} of {}", std::process::id()));
        let secret = format!("cnry_{kind}_{}", hex::encode(&digest[..16]));
        self.issued.push(secret.clone());
        secret
    }

    pub(super) fn add_access(&mut self, token: Token) -> String {
        let secret = self.secret("access");
        self.access.insert(secret.clone(), token);
        secret
    }

    pub(super) fn add_refresh(&mut self, token: Token) -> String {
        let secret = self.secret("refresh");
        self.refresh.insert(secret.clone(), token);
        secret
    }

    /// An access token that is valid.
    pub(super) fn access(&self, token: &str, now: Timestamp) -> Option<&Token> {
        self.access.get(token).filter(|token| !token.ended && token.expires_at.is_none_or(|end| now < end))
    }

    /// A refresh token, whether it can be used or not.
    pub(super) fn refresh(&mut self, token: &str) -> Option<&mut Token> {
        self.refresh.get_mut(token)
    }

    pub(super) fn can_refresh(&self, token: &str) -> bool {
        self.refresh.get(token).is_some_and(|token| !token.ended)
    }

    /// Ends all tokens that come from one consent.
    pub(super) fn end_family(&mut self, family: u64) {
        let all = self.access.values_mut().chain(self.refresh.values_mut());
        all.filter(|token| token.family == family).for_each(|token| token.ended = true);
    }

    /// The family of a token of either kind.
    pub(super) fn family_of(&self, token: &str) -> Option<u64> {
        self.refresh.get(token).or_else(|| self.access.get(token)).map(|token| token.family)
    }

    pub(super) fn end_access(&mut self) {
        self.access.values_mut().for_each(|token| token.ended = true);
    }

    pub(super) fn end_all(&mut self) {
        self.end_access();
        self.refresh.values_mut().for_each(|token| token.ended = true);
    }
}
