//! AK-107: tokens that somebody else got are taken over with an account: tried, sealed, and used.

use std::time::Duration;

use gloveport::model::{Clock, Timestamp};
use gloveport_tests::host::{Setup, TestHost};
use gloveport_tests::upstream::Reply;
use serde_json::{Value, json};

use super::bed::{Bed, JUNK};
use super::wasm::with_manifest;

pub(super) const ADA: &str = "/v1/connections/crm/accounts/ada";

/// A bed at 2027-01-15T08:00:00Z with a connection `crm` of OAuth 2.0 and one, `old`, of OAuth 1.0a.
pub(super) async fn bed(clock: &Clock) -> Bed {
    let host = TestHost::with(Setup { clock: clock.clone(), ..Setup::usual() }).await;
    let bed = Bed::on(host, |_| Reply::json(200, &json!({ "ok": true }))).await;
    let component = with_manifest(|manifest| {
        manifest["version"] = "8.0.0".into();
        let more = json!([
            { "name": "oauth", "title": "Sign in", "type": "oauth2", "authorize_url": "https://login.example.com/authorize",
              "token_url": "https://login.example.com/token",
              "fields": [{ "name": "site", "label": "Site", "type": "text", "required": false }] },
            { "name": "first", "title": "Sign in", "type": "oauth1a", "request_url": "https://login.example.com/r",
              "authorize_url": "https://login.example.com/a", "access_url": "https://login.example.com/t" },
        ]);
        manifest["auth"].as_array_mut().unwrap().extend(more.as_array().unwrap().clone());
    });
    let headers = [("content-type", "application/wasm")];
    bed.client().send("POST", "/v1/connectors", &headers, component).await.expect(201);
    let url = bed.upstream.url("");
    let client = bed.host.plant();
    let oauth = json!({ "client_id": "gloveport", "client_secret": client.token() });
    for (name, pattern) in [("crm", "oauth"), ("old", "first")] {
        let body =
            json!({ "name": name, "connector": "probe", "auth_pattern": pattern, "base_url": url, "oauth": oauth });
        bed.client().post("/v1/connections", &body).await.expect(201);
    }
    bed
}

#[tokio::test]
async fn imported_tokens_are_used() {
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let bed = bed(&clock).await;
    let (access, refresh) = (bed.host.plant(), bed.host.plant());
    let put = json!({ "credentials": { "access_token": access.token(), "refresh_token": refresh.token(),
        "expires_at": "2027-01-15T09:00:00Z", "scopes": "read write", "site": "acme" } });
    let made = bed.client().put(ADA, &put).await.expect(201);
    assert_eq!((&made["status"], &made["scopes"]), (&json!("active"), &json!(["read", "write"])));
    assert_eq!(made["fields"], json!({ "site": "acme" }));
    let call = json!({ "identifier": "ada", "connection": "crm", "input": {} });
    bed.client().post("/v1/tools/probe_whoami/execute", &call).await.expect(200);
    let sent = bed.upstream.requests().pop().unwrap();
    assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", access.token()).as_str()));
    // Importing once more keeps the account, and replaces its tokens; scopes that nobody told of are unknown.
    clock.advance(Duration::from_secs(1));
    let other = bed.host.plant();
    let again = bed.client().put(ADA, &json!({ "credentials": { "access_token": other.token() } })).await.expect(200);
    assert_eq!((&again["id"], &again["scopes"]), (&made["id"], &json!([])));
    bed.client().post("/v1/tools/probe_whoami/execute", &call).await.expect(200);
    let sent = bed.upstream.requests().pop().unwrap();
    assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", other.token()).as_str()));
    let events = bed.client().get(&format!("/v1/accounts/{}/events", made["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(events["total_size"], 2, "{events}");
}

#[tokio::test]
async fn tokens_of_oauth_1_are_taken_in_pairs() {
    let bed = bed(&Clock::system()).await;
    let (token, secret) = (bed.host.plant(), bed.host.plant());
    let path = "/v1/connections/old/accounts/ada";
    for alone in ["oauth_token", "oauth_token_secret"] {
        let put = json!({ "credentials": { alone: token.token() } });
        assert_eq!(bed.client().put(path, &put).await.problem(422), "invalid_input");
    }
    let put = json!({ "credentials": { "oauth_token": token.token(), "oauth_token_secret": secret.token() } });
    assert_eq!(bed.client().put(path, &put).await.expect(201)["status"], "active");
    let sent = bed.upstream.requests().pop().unwrap();
    let header = sent.header("authorization").unwrap();
    assert!(header.starts_with("OAuth ") && header.contains(token.token()), "{header}");
    assert!(!header.contains(secret.token()));
}

/// What is refused is not stored and not repeated, and a working account stays as it is.
#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let bed = bed(&clock).await;
    let (good, mark) = (bed.host.plant(), bed.host.plant());
    bed.client().put(ADA, &json!({ "credentials": { "access_token": good.token() } })).await.expect(201);
    let with = |name: &str, value: Value| {
        let mut credentials = json!({ "access_token": mark.token() });
        credentials[name] = value;
        credentials
    };
    for (credentials, status) in [
        (json!({ "access_token": JUNK }), 422),
        (json!({ "access_token": "" }), 422),
        (json!({ "access_token": "x".repeat(16 * 1024 + 1) }), 422),
        (json!({ "refresh_token": mark.token() }), 422),
        (with("refresh_token", json!("")), 422),
        (with("expires_at", json!("tomorrow")), 422),
        (with("expires_at", json!("2027-01-15T08:00:00Z")), 422),
        (with("expires_at", json!("2027-01-15T07:59:59Z")), 422),
        (with("scopes", json!("s ".repeat(257))), 422),
        (with("id_token", json!("x")), 422),
        (with("oauth_token", json!("x")), 422),
        (with("expires_at", json!(3600)), 400),
        (json!({ "scopes": "read" }), 422),
    ] {
        bed.client().put(ADA, &json!({ "credentials": credentials })).await.problem(status);
        let call = json!({ "identifier": "ada", "connection": "crm", "input": {} });
        bed.client().post("/v1/tools/probe_whoami/execute", &call).await.expect(200);
        let sent = bed.upstream.requests().pop().unwrap();
        assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", good.token()).as_str()));
    }
    // A pattern that gets no tokens has no such fields.
    let put = json!({ "credentials": { "token": good.token(), "access_token": mark.token() } });
    assert_eq!(bed.client().put("/v1/connections/probe/accounts/ada", &put).await.problem(422), "invalid_input");
}
