//! The endpoints, each as strict as its RFC lets it be.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

use super::client::{Asked, authenticate};
use super::records::{Code, Token};
use super::{Granted, PASSWORD, State};
use crate::upstream::{Recorded, Reply};

/// A grant that is refused: the code of RFC 6749 section 5.2, and why.
struct Refused(&'static str, &'static str);

/// Sizes of a PKCE verifier (RFC 7636 section 4.1).
const VERIFIER: std::ops::RangeInclusive<usize> = 43..=128;

impl State {
    pub(super) fn answer(&mut self, request: &Recorded) -> Reply {
        let reply = match (request.method.as_str(), request.path()) {
            ("GET", "/authorize") if self.quirks.asks => page(&request.target),
            ("GET", "/authorize") => sent_back(self.consent(query_of(request), true)),
            ("POST", "/authorize") => {
                let allowed = request.form().iter().any(|(name, value)| name == "answer" && value == "allow");
                sent_back(self.consent(query_of(request), allowed))
            }
            ("POST", "/token") => {
                let reply = self.token(request);
                return match &self.quirks.gate {
                    Some(gate) => reply.after(gate),
                    None => reply,
                };
            }
            ("POST", "/revoke") => self.revoke(request),
            ("POST", "/sign_in") => self.sign_in(request),
            ("POST", "/sign_out") => self.sign_out(request),
            (_, path) if path.starts_with("/api") => self.api(request),
            _ => Reply::json(404, &json!({ "error": "there is nothing here" })),
        };
        reply.header("cache-control", "no-store")
    }

    /// Where the browser is sent back to once its user has answered.
    pub(super) fn consent(&mut self, query: &str, allowed: bool) -> Result<String, String> {
        let all: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let asked = Asked { client: String::new(), parameters: all };
        let get = |name: &str| asked.get(name).map(str::to_owned).ok_or_else(|| format!("`{name}` is missing"));
        let (client, redirect_uri) = (get("client_id")?, get("redirect_uri")?);
        let known = self.clients.iter().find(|known| known.id == client).ok_or("the client is not known")?;
        if !known.redirect_uris.is_empty() && !known.redirect_uris.contains(&redirect_uri) {
            return Err(format!("`{redirect_uri}` is not a redirect URI of the client"));
        }
        if get("response_type")? != "code" || get("code_challenge_method")? != "S256" {
            return Err("only codes with S256 are given here".into());
        }
        let challenge = get("code_challenge")?;
        if URL_SAFE_NO_PAD.decode(&challenge).map(|bytes| bytes.len()) != Ok(32) {
            return Err("`code_challenge` is not one of S256".into());
        }
        let mut back = Url::parse(&redirect_uri).map_err(|error| error.to_string())?;
        if !allowed {
            back.query_pairs_mut().append_pair("error", "access_denied");
        } else {
            let (family, code) = (self.records.new_family(), self.records.secret("code"));
            let scope = asked.get("scope").unwrap_or_default().to_owned();
            let made = Code { client, redirect_uri, challenge, scope, family, used: false };
            self.records.codes.insert(code.clone(), made);
            back.query_pairs_mut().append_pair("code", &code);
        }
        back.query_pairs_mut().append_pair("state", &get("state")?);
        if let Some(issuer) = &self.quirks.issuer {
            back.query_pairs_mut().append_pair("iss", issuer);
        }
        Ok(back.into())
    }

    /// Tokens of a new consent.
    pub(super) fn grant(&mut self, client: &str, scope: &str) -> Granted {
        let family = self.records.new_family();
        self.issue(client, scope, family, !self.quirks.gives_no_refresh_token)
    }

    fn token(&mut self, request: &Recorded) -> Reply {
        self.counts.token_requests += 1;
        if let Some(reply) = self.quirks.answers.pop_front() {
            return reply;
        }
        let asked = match authenticate(&self.clients, request) {
            Ok(asked) => asked,
            Err(why) => {
                self.counts.refusals += 1;
                return refusal(401, &Refused("invalid_client", why));
            }
        };
        let granted = match asked.get("grant_type") {
            Some("authorization_code") => self.exchange(&asked),
            Some("refresh_token") => self.refresh(&asked),
            Some("client_credentials") => Ok(self.direct(&asked, asked.get("scope").unwrap_or_default())),
            Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => self.assertion(&asked),
            _ => Err(Refused("unsupported_grant_type", "no such grant is given here")),
        };
        match granted {
            Ok(granted) => Reply::json(200, &self.written(&granted)),
            Err(refused) => {
                self.counts.refusals += 1;
                refusal(400, &refused)
            }
        }
    }

    fn exchange(&mut self, asked: &Asked) -> Result<Granted, Refused> {
        let needed = |name: &str| asked.get(name).ok_or(Refused("invalid_request", "a parameter is missing or twice"));
        let (code, redirect_uri, verifier) = (needed("code")?, needed("redirect_uri")?, needed("code_verifier")?);
        let found = self.records.codes.get_mut(code).ok_or(Refused("invalid_grant", "the code is not known"))?;
        let again = std::mem::replace(&mut found.used, true);
        let found = found.clone();
        if again {
            self.counts.reuses += 1;
            self.records.end_family(found.family);
            return Err(Refused("invalid_grant", "the code was used before"));
        }
        if found.client != asked.client || found.redirect_uri != redirect_uri {
            return Err(Refused("invalid_grant", "the code is of another client or redirect URI"));
        }
        if !VERIFIER.contains(&verifier.len())
            || URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) != found.challenge
        {
            return Err(Refused("invalid_grant", "the verifier does not fit the challenge"));
        }
        self.counts.exchanges += 1;
        Ok(self.issue(&found.client, &found.scope, found.family, !self.quirks.gives_no_refresh_token))
    }

    fn refresh(&mut self, asked: &Asked) -> Result<Granted, Refused> {
        let token = asked.get("refresh_token").ok_or(Refused("invalid_request", "there is no refresh token"))?;
        let rotates = self.quirks.rotates;
        let found = self.records.refresh(token).ok_or(Refused("invalid_grant", "the refresh token is not known"))?;
        let ended = if rotates { std::mem::replace(&mut found.ended, true) } else { found.ended };
        let found = found.clone();
        if ended {
            self.counts.reuses += 1;
            if self.quirks.detects_reuse {
                self.records.end_family(found.family);
            }
            return Err(Refused("invalid_grant", "the refresh token was used before"));
        }
        if found.client != asked.client {
            return Err(Refused("invalid_grant", "the refresh token is of another client"));
        }
        self.counts.refreshes += 1;
        Ok(self.issue(&found.client, &found.scope, found.family, rotates && !self.quirks.gives_no_refresh_token))
    }

    fn direct(&mut self, asked: &Asked, scope: &str) -> Granted {
        self.counts.direct += 1;
        let family = self.records.new_family();
        self.issue(&asked.client, scope, family, false)
    }

    /// Anything in three parts that is for this server: what it is signed with is not known here.
    fn assertion(&mut self, asked: &Asked) -> Result<Granted, Refused> {
        let wrong = || Refused("invalid_grant", "the assertion cannot be read");
        let assertion = asked.get("assertion").ok_or_else(wrong)?;
        let parts: Vec<&str> = assertion.split('.').collect();
        let [_, claims, signature] = parts.as_slice() else { return Err(wrong()) };
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| wrong())?;
        let claims: Value = serde_json::from_slice(&claims).map_err(|_| wrong())?;
        let now = self.clock.now().0 / 1_000;
        let in_time = claims["iat"].as_i64().is_some_and(|at| at <= now) && claims["exp"].as_i64() > Some(now);
        if signature.is_empty() || !in_time {
            return Err(Refused("invalid_grant", "the assertion is unsigned, or not of now"));
        }
        Ok(self.direct(asked, claims["scope"].as_str().unwrap_or_default()))
    }

    fn issue(&mut self, client: &str, scope: &str, family: u64, with_refresh: bool) -> Granted {
        let granted: Vec<&str> = scope.split_whitespace().filter(|scope| self.grants(scope)).collect();
        let expires_at = self.quirks.lifetime.map(|lifetime| self.clock.now().plus(lifetime));
        let token = Token { client: client.into(), scope: granted.join(" "), family, expires_at, ended: false };
        Granted {
            access_token: self.records.add_access(token.clone()),
            refresh_token: with_refresh
                .then(|| self.records.add_refresh(Token { scope: scope.into(), ..token.clone() })),
            expires_in: self.quirks.lifetime.map(|lifetime| lifetime.as_secs()),
            scope: token.scope,
        }
    }

    fn grants(&self, scope: &str) -> bool {
        self.quirks.grants.as_ref().is_none_or(|granted| granted.iter().any(|granted| granted == scope))
    }

    fn written(&self, granted: &Granted) -> Value {
        let mut body = json!({ "access_token": granted.access_token, "token_type": "Bearer" });
        if let Some(token) = &granted.refresh_token {
            body["refresh_token"] = token.as_str().into();
        }
        if let Some(seconds) = granted.expires_in {
            body["expires_in"] = seconds.into();
        }
        if self.quirks.says_scope {
            body["scope"] = granted.scope.as_str().into();
        }
        match self.quirks.below {
            Some(name) => json!({ name: body }),
            None => body,
        }
    }

    fn revoke(&mut self, request: &Recorded) -> Reply {
        if self.quirks.cannot_revoke {
            return Reply::text(503, "out of order");
        }
        let asked = match authenticate(&self.clients, request) {
            Ok(asked) => asked,
            Err(why) => return refusal(401, &Refused("invalid_client", why)),
        };
        let Some(token) = asked.get("token") else {
            return refusal(400, &Refused("invalid_request", "there is no token"));
        };
        // A token that is not known is as good as revoked (RFC 7009 section 2.2).
        if let Some(family) = self.records.family_of(token) {
            self.counts.revocations += 1;
            self.records.end_family(family);
        }
        Reply::status(200)
    }

    fn sign_in(&mut self, request: &Recorded) -> Reply {
        let body = request.json();
        self.counts.token_requests += 1;
        if let Some(reply) = self.quirks.answers.pop_front() {
            return reply;
        }
        if body["user"] != "ada" || body["password"] != PASSWORD {
            return Reply::json(401, &json!({ "message": "who are you?" }));
        }
        let asked = Asked { client: "ada".into(), parameters: Vec::new() };
        let granted = self.direct(&asked, "");
        Reply::json(200, &json!({ "credentials": { "token": granted.access_token, "site": { "id": "site-1" } } }))
    }

    fn sign_out(&mut self, request: &Recorded) -> Reply {
        let family = bearer(request).and_then(|token| self.records.family_of(token));
        match family {
            Some(family) => {
                self.counts.revocations += 1;
                self.records.end_family(family);
                Reply::status(204)
            }
            None => Reply::status(401),
        }
    }

    fn api(&mut self, request: &Recorded) -> Reply {
        let now = self.clock.now();
        let Some(token) = bearer(request).and_then(|token| self.records.access(token, now)) else {
            let challenge = "Bearer error=\"invalid_token\"";
            return Reply::json(401, &json!({ "message": "who are you?" })).header("www-authenticate", challenge);
        };
        let scopes: Vec<&str> = token.scope.split_whitespace().collect();
        if let Some(needed) = self.quirks.needs.as_deref().filter(|needed| !scopes.contains(needed)) {
            let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{needed}\"");
            return Reply::json(403, &json!({ "message": "not that" })).header("www-authenticate", challenge);
        }
        Reply::json(200, &json!({ "client": token.client, "scopes": scopes, "family": token.family }))
    }
}

fn bearer(request: &Recorded) -> Option<&str> {
    request.header("authorization")?.strip_prefix("Bearer ")
}

fn query_of(request: &Recorded) -> &str {
    request.target.split_once('?').map_or("", |(_, query)| query)
}

fn refusal(status: u16, Refused(error, why): &Refused) -> Reply {
    Reply::json(status, &json!({ "error": error, "error_description": why }))
}

fn sent_back(consent: Result<String, String>) -> Reply {
    match consent {
        Ok(back) => Reply::redirect(303, &back),
        Err(why) => Reply::text(400, &why),
    }
}

/// A page with two buttons, for a browser.
fn page(target: &str) -> Reply {
    let action = target.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let body = format!(
        "<!doctype html><title>Provider</title><h1>Allow?</h1><form method=\"post\" action=\"{action}\">\
         <button name=\"answer\" value=\"allow\">Allow</button> <button name=\"answer\" value=\"deny\">Deny</button></form>"
    );
    Reply::bytes(200, "text/html; charset=utf-8", body)
}
