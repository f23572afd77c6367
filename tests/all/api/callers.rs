//! Callers with tokens: this host's own, and those of issuers that a project trusts.

mod attacks;
mod foreign;
mod keys;
mod mcp;
mod own;
mod sent_on;

use std::time::Duration;

use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::{Answer, Client, Setup};
use gloveport_tests::issuer::Issuer;
use serde_json::{Value, json};

use super::bed::Bed;

/// When these tests begin, in seconds.
const NOW: i64 = 1_760_000_000;

/// The audience that foreign tokens are for.
const AUDIENCE: &str = "https://gloveport.example";

/// A bed whose clock the test moves.
async fn timed() -> (Bed, Clock) {
    let clock = Clock::manual(Timestamp(NOW * 1000));
    (Bed::with(Setup { clock: clock.clone(), ..Setup::usual() }).await, clock)
}

/// Moves the clock by whole seconds.
fn pass(clock: &Clock, seconds: u64) {
    clock.advance(Duration::from_secs(seconds));
}

/// A new client: its identifier and its secret.
async fn client(bed: &Bed, scopes: &[&str], identifier: Option<&str>) -> (String, String) {
    let body = json!({ "name": "crm", "scopes": scopes, "identifier": identifier });
    let made = bed.client().post("/v1/clients", &body).await.expect(201);
    (made["id"].as_str().unwrap().to_owned(), made["client_secret"].as_str().unwrap().to_owned())
}

/// Asks for a token, with whatever is in the form.
async fn ask(bed: &Bed, form: &[(&str, &str)]) -> Answer {
    let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    bed.client().with_key("").send("POST", "/oauth/token", &headers, body).await
}

/// A token for a client.
async fn token(bed: &Bed, (id, secret): &(String, String), more: &[(&str, &str)]) -> String {
    let form = [&[("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)], more].concat();
    ask(bed, &form).await.expect(200)["access_token"].as_str().unwrap().to_owned()
}

/// Whoever has this token.
fn with(bed: &Bed, token: &str) -> Client {
    bed.client().with_key(token)
}

/// Trusts an issuer under the name `login`.
async fn trust(bed: &Bed, issuer: &Issuer, more: Value) -> Answer {
    let mut body = json!({ "issuer": issuer.url(), "audience": AUDIENCE, "algorithms": ["ES256", "RS256"] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    bed.client().put("/v1/issuers/login", &body).await
}

/// What a sound token of this issuer says at the beginning of these tests.
fn claims(issuer: &Issuer) -> Value {
    json!({ "iss": issuer.url(), "aud": AUDIENCE, "sub": "ada", "iat": NOW, "exp": NOW + 600 })
}

/// The same with some of it other than it is; null takes a claim away.
fn changed(claims: &Value, change: Value) -> Value {
    let mut claims = claims.clone();
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// Lists tools with a token: the least that every caller may do.
async fn tools(bed: &Bed, token: &str) -> Answer {
    with(bed, token).get("/v1/tools?limit=1").await
}
