//! Auth patterns in which the host signs, or puts a credential where no key goes: what leaves, and what does not come back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gloveport_tests::canary::{Canary, assert_absent};
use gloveport_tests::upstream::{Recorded, Reply};
use serde_json::{Value, json};

use super::auth_patterns::install;
use super::bed::Bed;

/// What the guest writes into a body.
const MARKER: &str = "{{session_id}}";

/// A private key for ES256, of nobody.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n\
    H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n\
    7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n\
    -----END PRIVATE KEY-----\n";

fn password(name: &str) -> Value {
    json!({ "name": name, "label": name, "type": "password" })
}

fn text(name: &str) -> Value {
    json!({ "name": name, "label": name, "type": "text" })
}

/// One pattern of each type: its declaration without name and title.
fn declared() -> Value {
    let kinds = [
        json!({ "type": "static_headers", "fields": [password("token"), password("app"), text("tenant")],
            "headers": { "X-Token": "Key {{token}}", "X-App": "{{app}}", "X-Tenant": "{{tenant}}" } }),
        json!({ "type": "oauth1a", "signature": "hmac-sha256", "realm": "{{account}}",
            "consumer_key": "ck", "consumer_secret": "cs", "token": "tk", "token_secret": "ts",
            "fields": [text("account"), text("ck"), password("cs"), password("tk"), password("ts")] }),
        json!({ "type": "aws_sigv4", "access_key": "id", "secret_key": "secret", "session_token": "session",
            "region": "{{region}}", "service": "s3",
            "fields": [text("id"), text("region"), password("secret"), password("session")] }),
        json!({ "type": "hmac", "key": "secret", "text": "{{method}}\n{{path}}\n{{query}}\n{{timestamp}}\n{{body_sha256}}",
            "header": "X-Signature", "prefix": "id={{id}},sig=", "timestamp_header": "X-Time",
            "fields": [text("id"), password("secret")], "headers": { "X-Also": "{{secret}}" } }),
        json!({ "type": "signed_jwt", "fields": [password("pem"), text("user"), password("extra")],
            "jwt": { "algorithm": "ES256", "key": "pem", "key_id": "k1", "lifetime": 60,
                "claims": { "iss": "{{user}}", "sub": { "field": "extra" } } } }),
        json!({ "type": "none", "fields": [password("session")],
            "insertions": [{ "content_type": "text/xml", "marker": MARKER, "field": "session" }] }),
    ];
    let named = |mut pattern: Value| {
        let name = pattern["type"].clone();
        pattern["name"] = name.clone();
        pattern["title"] = name;
        pattern
    };
    kinds.map(named).into_iter().collect()
}

/// A host whose upstream says back all that it was sent, in two ways.
async fn bed() -> Bed {
    let bed = Bed::answering(|request| {
        let wire = request.wire();
        Reply::json(200, &json!({ "wire": wire, "again": URL_SAFE_NO_PAD.encode(&wire) }))
            .header("x-echo", echo(request))
    })
    .await;
    install(&bed, &declared()).await;
    bed
}

fn echo(request: &Recorded) -> String {
    request.header("authorization").or(request.header("x-token")).unwrap_or_default().to_owned()
}

/// AU-07, AU-09, AU-12, AU-13, HA-05, AK-807: six ways to authorize one connector. Each leaves as it has to, nothing of what is
/// secret in it comes back, and none of it is in a log, a row or a trace.
#[tokio::test]
async fn each_pattern_signs_what_leaves_and_nothing_comes_back() {
    type Sent = fn(&Recorded) -> bool;
    let bed = bed().await;
    let plain: Vec<Canary> = (0..8).map(|_| Canary::plain()).collect();
    let key = |n: usize| plain[n].token();
    let cases: [(&str, Value, Sent); 5] = [
        ("static_headers", json!({ "token": key(0), "app": key(1), "tenant": "acme" }), |request| {
            request.header("x-tenant") == Some("acme") && request.header("x-token").unwrap().starts_with("Key cnry_")
        }),
        ("oauth1a", json!({ "account": "42", "ck": "public", "cs": key(2), "tk": key(3), "ts": key(4) }), |request| {
            let value = request.header("authorization").unwrap();
            let starts = value.starts_with("OAuth realm=\"42\", oauth_consumer_key=\"public\", oauth_token=\"cnry_");
            starts && value.contains("oauth_signature_method=\"HMAC-SHA256\"") && value.contains("oauth_signature=\"")
        }),
        ("aws_sigv4", json!({ "id": "AKID", "region": "eu-1", "secret": key(5), "session": key(6) }), |request| {
            let value = request.header("authorization").unwrap();
            let signed = "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature=";
            value.starts_with("AWS4-HMAC-SHA256 Credential=AKID/")
                && value.contains("/eu-1/s3/aws4_request, ")
                && value.contains(signed)
        }),
        ("hmac", json!({ "id": "me", "secret": key(7) }), |request| {
            let value = request.header("x-signature").unwrap().strip_prefix("id=me,sig=").unwrap();
            value.len() == 64 && request.header("x-time").unwrap().parse::<u64>().is_ok()
        }),
        ("signed_jwt", json!({ "pem": PEM, "user": "ada", "extra": "cnry_which_is_sent" }), |request| {
            let token = request.header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
            let parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
            let claims: Value = serde_json::from_slice(&parts[1]).unwrap();
            let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
            parts[0] == br#"{"alg":"ES256","kid":"k1","typ":"JWT"}"#
                && (claims["iss"] == "ada" && claims["sub"] == "cnry_which_is_sent" && life == 60)
                && parts[2].len() == 64
        }),
    ];
    for canary in &plain {
        bed.host.search_for(canary.clone());
    }
    for (pattern, credentials, sent) in cases {
        let name = pattern.replace('_', "-");
        bed.connection_by(&name, pattern, &bed.upstream.url("")).await;
        bed.host.account(&name, "ada", &credentials).await.expect(201);
        let input = json!({ "target": "/x?b=2&a=1" });
        let body = json!({ "identifier": "ada", "connection": name, "input": input });
        let answer = bed.client().post("/v1/tools/probe_fetch_read/execute", &body).await.expect(200);
        let request = bed.upstream.requests().pop().unwrap();
        assert!(sent(&request), "{pattern}: {}", request.wire());
        let shown = answer["data"].to_string();
        for canary in &plain {
            assert_absent(canary, pattern, shown.as_bytes());
        }
        if pattern == "signed_jwt" {
            // The token is as good as a key while it holds.
            let token = request.header("authorization").unwrap().rsplit('.').next().unwrap().to_owned();
            assert!(!shown.contains(&token), "{shown}");
        }
        assert!(shown.contains("[redacted]") || !request.wire().contains("cnry_"), "{pattern}: {shown}");
    }
}

/// What a pattern sets no guest sets, and no parameter of a signature either.
#[tokio::test]
async fn a_guest_cannot_sign_for_itself() {
    let bed = bed().await;
    let rows = [
        ("static_headers", json!({ "token": "tok-123456", "app": "app-123456", "tenant": "t" }), "X-TENANT", "/x"),
        (
            "aws_sigv4",
            json!({ "id": "A", "region": "e", "secret": "s3cr3t-key", "session": "s3ss10n" }),
            "X-Amz-Date",
            "/x",
        ),
        (
            "aws_sigv4",
            json!({ "id": "A", "region": "e", "secret": "s3cr3t-key", "session": "s3ss10n" }),
            "",
            "/x?x-amz-signature=1",
        ),
        ("hmac", json!({ "id": "me", "secret": "s3cr3t-key" }), "x-time", "/x"),
        (
            "oauth1a",
            json!({ "account": "4", "ck": "c", "cs": "s3cr3t-1", "tk": "t0k3n-1", "ts": "s3cr3t-2" }),
            "",
            "/x?oauth_token=1",
        ),
        (
            "oauth1a",
            json!({ "account": "4", "ck": "c", "cs": "s3cr3t-1", "tk": "t0k3n-1", "ts": "s3cr3t-2" }),
            "Authorization",
            "/x",
        ),
    ];
    for (pattern, credentials, header, target) in rows {
        let name = format!("{}-{}", pattern.replace('_', "-"), bed.upstream.requests().len());
        bed.connection_by(&name, pattern, &bed.upstream.url("")).await;
        bed.host.account(&name, "ada", &credentials).await.expect(201);
        let before = bed.upstream.requests().len();
        let headers: Vec<_> =
            [header].iter().filter(|header| !header.is_empty()).map(|name| json!([name, "x"])).collect();
        let input = json!({ "target": target, "headers": headers });
        let body = json!({ "identifier": "ada", "connection": name, "input": input });
        let answer = bed.client().post("/v1/tools/probe_fetch_read/execute", &body).await;
        let text = answer.json().to_string();
        assert!(text.contains("is set by the host only"), "{pattern} {header} {target}: {text}");
        assert_eq!(bed.upstream.requests().len(), before, "{pattern} {header} {target}");
    }
}

/// CX-02: the guest, the approval and the record have the marker; only the provider has the credential.
#[tokio::test]
async fn a_body_gets_the_credential_on_its_way_out() {
    let bed = bed().await;
    let canary = bed.host.plant();
    bed.connection_by("soap", "none", &bed.upstream.url("")).await;
    bed.host.account("soap", "ada", &json!({ "session": canary.token() })).await.expect(201);
    let body = |text: &str| {
        let input = json!({
            "method": "POST", "target": "/search", "headers": [["content-type", "text/xml; charset=UTF-8"]],
            "body": { "kind": "bytes", "text": text },
        });
        json!({ "identifier": "ada", "connection": "soap", "input": input })
    };
    let execute = "/v1/tools/probe_fetch_read/execute";
    let envelope = format!("<e><h><sessionId>{MARKER}</sessionId></h></e>");
    let answer = bed.client().post(execute, &body(&envelope)).await.expect(200);
    let sent = bed.upstream.requests().pop().unwrap();
    let escaped = canary.token().replace('&', "&amp;").replace('"', "&quot;");
    assert_eq!(String::from_utf8_lossy(&sent.body), format!("<e><h><sessionId>{escaped}</sessionId></h></e>"));
    let shown = answer["data"].to_string();
    assert_absent(&canary, "the answer", shown.as_bytes());
    assert!(!shown.contains(&*escaped) && shown.contains("[redacted]"), "{shown}");
    // Whoever writes the marker into an input gets nothing for it.
    let before = bed.upstream.requests().len();
    let twice = bed.client().post(execute, &body(&format!("{envelope}<note>{MARKER}</note>"))).await;
    assert!(twice.json().to_string().contains("more than once"), "{twice:?}");
    assert_eq!(bed.upstream.requests().len(), before);
}

/// CX-02, lesson 7: what a person approves has the marker, and what leaves then has the credential.
#[tokio::test]
async fn an_approval_shows_the_marker() {
    let bed = bed().await;
    let canary = bed.host.plant();
    bed.connection_by("soap", "none", &bed.upstream.url("")).await;
    bed.host.account("soap", "ada", &json!({ "session": canary.token() })).await.expect(201);
    let policy = json!({ "name": "look", "condition": "effect != 'read'", "outcome": { "outcome": "ask" } });
    bed.client().post("/v1/policies", &policy).await.expect(201);
    let agent = bed.agent(None).await;
    let envelope = format!("<sessionId>{MARKER}</sessionId>");
    let input = json!({
        "method": "POST", "target": "/things", "headers": [["content-type", "text/xml"]],
        "body": { "kind": "bytes", "text": envelope },
    });
    let body = json!({ "identifier": "ada", "connection": "soap", "input": input });
    let waiting = agent.post("/v1/tools/probe_fetch/execute", &body).await.expect(202);
    let approval = waiting["approval_id"].as_str().unwrap();
    let shown = bed.client().get(&format!("/v1/approvals/{approval}")).await.expect(200);
    assert_eq!(shown["request"]["body"], json!({ "text": envelope }), "{shown}");
    bed.client().post(&format!("/v1/approvals/{approval}/approve"), &json!({})).await.expect(200);
    let execution = waiting["execution_id"].as_str().unwrap();
    let ended = agent.get(&format!("/v1/executions/{execution}?wait_ms=30000")).await.expect(200);
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_absent(&canary, "the record", ended.to_string().as_bytes());
    let sent = bed.upstream.requests().pop().unwrap();
    assert!(!String::from_utf8_lossy(&sent.body).contains(MARKER) && sent.method == "POST", "{}", sent.wire());
}

/// CX-02: a redirect that keeps the body gets the credential anew, as long as it stays with whom it is for.
#[tokio::test]
async fn a_redirect_within_the_origin_has_it_again() {
    let bed = Bed::answering(|request| match request.path() {
        "/search" => Reply::status(307).header("location", "/again"),
        _ => Reply::json(200, &json!({ "ok": true })),
    })
    .await;
    install(&bed, &declared()).await;
    let canary = bed.host.plant();
    bed.connection_by("soap", "none", &bed.upstream.url("")).await;
    bed.host.account("soap", "ada", &json!({ "session": canary.token() })).await.expect(201);
    let input = json!({
        "method": "POST", "target": "/search", "headers": [["content-type", "text/xml"]],
        "body": { "kind": "bytes", "text": MARKER },
    });
    let body = json!({ "identifier": "ada", "connection": "soap", "input": input });
    bed.client().post("/v1/tools/probe_fetch/execute", &body).await.expect(200);
    let bodies: Vec<String> = bed
        .upstream
        .requests()
        .iter()
        .rev()
        .take(2)
        .map(|sent| String::from_utf8_lossy(&sent.body).into_owned())
        .collect();
    assert!(
        bodies.iter().all(|body| !body.contains(MARKER) && !body.is_empty()),
        "within the origin it is put in anew"
    );
}

/// SI-11: without a token of its own a caller gets nowhere, and is told why.
#[tokio::test]
async fn a_caller_without_a_token_sends_none_on() {
    let bed = Bed::start().await;
    install(&bed, &json!([{ "name": "own", "title": "Own token", "type": "caller_token" }])).await;
    bed.connection_by("own", "own", &bed.upstream.url("")).await;
    let before = bed.upstream.requests().len();
    bed.host.account("own", "ada", &json!({})).await.expect(201);
    let body = json!({ "identifier": "ada", "connection": "own", "input": {} });
    let problem = bed.client().post("/v1/tools/probe_whoami/execute", &body).await.expect(403);
    assert!(problem["detail"].as_str().unwrap().contains("signed token"), "{problem}");
    assert_eq!(bed.upstream.requests().len(), before);
}
