//! SI-11: a connection that sends on the token of whoever calls.

use gloveport::model::{Clock, Timestamp};
use gloveport_tests::canary::{Canary, assert_absent};
use gloveport_tests::host::{ADMIN_KEY, Setup, TestHost};
use gloveport_tests::issuer::{Issuer, SigningKey};
use gloveport_tests::upstream::Reply;
use serde_json::json;

use super::super::auth_patterns::install;
use super::super::bed::Bed;
use super::{NOW, claims, client, token, trust, with};

/// The token reaches the provider as it came, comes back nowhere, and is written nowhere. A token of this host's own is not
/// sent on, and neither is a key.
#[tokio::test]
async fn a_callers_token_is_sent_on_and_kept_nowhere() {
    let clock = Clock::manual(Timestamp(NOW * 1000));
    let host = TestHost::with(Setup { clock, ..Setup::usual() }).await;
    let bed = Bed::on(host, |request| Reply::json(200, &json!({ "echo": request.wire() }))).await;
    let own = json!([{ "name": "own", "title": "Own", "type": "caller_token",
        "token": { "in": "header", "name": "X-User-Token", "prefix": "jwt " } }]);
    install(&bed, &own).await;
    bed.connection_by("own", "own", &bed.upstream.url("")).await;
    bed.host.account("own", "ada", &json!({})).await.expect(201);
    let key = SigningKey::ec("k1");
    let issuer = Issuer::start(&[&key]).await;
    trust(&bed, &issuer, json!({})).await.expect(201);
    let sent = key.token(&claims(&issuer));
    bed.host.search_for(Canary::of(sent.clone()));
    let body = json!({ "identifier": "ada", "connection": "own", "input": {} });
    let execute = "/v1/tools/probe_whoami/execute";
    let answer = with(&bed, &sent).post(execute, &body).await.expect(200);
    let request = bed.upstream.requests().pop().unwrap();
    assert_eq!(request.header("x-user-token"), Some(format!("jwt {sent}").as_str()));
    assert_absent(&Canary::of(sent.clone()), "the answer", answer.to_string().as_bytes());
    assert!(answer.to_string().contains("[redacted]"), "{answer}");
    let before = bed.upstream.requests().len();
    let ours = client(&bed, &["tools:read", "tools:execute"], Some("ada")).await;
    let ours = token(&bed, &ours, &[]).await;
    for caller in [with(&bed, &ours), with(&bed, ADMIN_KEY)] {
        let problem = caller.post(execute, &body).await.expect(403);
        assert!(problem["detail"].as_str().unwrap().contains("signed token of a trusted issuer"), "{problem}");
    }
    assert_eq!(bed.upstream.requests().len(), before);
}
