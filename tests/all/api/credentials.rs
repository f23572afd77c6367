//! Credentials: how they reach the provider, what they are bound to, and what never happens to them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gloveport_tests::canary::Canary;
use gloveport_tests::host::TestHost;
use gloveport_tests::upstream::{Recorded, Reply, Upstream};
use serde_json::{Value, json};

use super::bed::{Bed, JUNK, redacted};

/// SI-10, AU-04 to AU-06, AK-806: each kind of credential stands where its pattern says, and only there.
#[tokio::test]
async fn each_auth_pattern_reaches_the_provider() {
    type Sent = fn(&Recorded) -> Option<String>;
    let authorization: Sent = |request| request.header("authorization").map(str::to_owned);
    let bed = Bed::start().await;
    let basic = |text: String| format!("Basic {}", STANDARD.encode(text));
    let secret = |n: usize| format!("cnry_of_pattern_{n}_{}", std::process::id());
    let cases: [(&str, Value, Sent, String); 7] = [
        ("bearer", json!({ "token": secret(0) }), authorization, format!("Bearer {}", secret(0))),
        (
            "header",
            json!({ "key": secret(1) }),
            |r| r.header("x-api-key").map(str::to_owned),
            format!("Token {}", secret(1)),
        ),
        ("query", json!({ "key": secret(2) }), |r| r.parameter("api_key"), secret(2)),
        (
            "cookie",
            json!({ "key": secret(3) }),
            |r| r.header("cookie").map(str::to_owned),
            format!("session={}", secret(3)),
        ),
        ("basic", json!({ "user": "ada", "password": secret(4) }), authorization, basic(format!("ada:{}", secret(4)))),
        ("filler", json!({ "key": secret(5) }), authorization, basic(format!("{}:X", secret(5)))),
        ("none", json!({}), authorization, String::new()),
    ];
    for (n, (pattern, credentials, sent, expected)) in cases.into_iter().enumerate() {
        bed.host.search_for(Canary::of(secret(n)));
        bed.connection_by(&format!("by-{pattern}"), pattern, &bed.upstream.url("")).await;
        bed.host.account(&format!("by-{pattern}"), "ada", &credentials).await.expect(201);
        let body = json!({ "identifier": "ada", "connection": format!("by-{pattern}"), "input": {} });
        bed.client().post("/v1/tools/probe_whoami/execute", &body).await.expect(200);
        let request = bed.upstream.requests().pop().unwrap();
        assert_eq!(sent(&request).unwrap_or_default(), expected, "{pattern}");
        // A credential in the wrong place is as good as leaked to whoever logs that place.
        let whole = request.wire();
        assert!(whole.matches(&secret(n)).count() <= 1, "{pattern}: {whole}");
    }
}

/// SI-12: a changed secret is what the very next call sends.
#[tokio::test]
async fn a_changed_secret_is_used_by_the_next_call() {
    let bed = Bed::start().await;
    let first = bed.connect("ada").await;
    for _ in 0..3 {
        let next = bed.host.plant();
        let changed = bed.host.account("probe", "ada", &json!({ "token": next.token() })).await.expect(200);
        assert_eq!(changed["status"], "active");
        bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
        let sent = bed.upstream.requests().pop().unwrap();
        assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", next.token()).as_str()));
        assert_ne!(next, first);
    }
}

/// HC-18: an account is shown without its credential, at every turn.
#[tokio::test]
async fn an_account_is_shown_without_its_credential() {
    let bed = Bed::start().await;
    let canary = bed.host.plant();
    let body = json!({ "credentials": { "token": canary.token() }, "fields": { "note": "n" }, "organization": "acme" });
    let made = bed.client().put("/v1/connections/probe/accounts/ada", &body).await.expect(201);
    let mut shown = made.clone();
    shown["hosts"] = json!([]);
    insta::assert_snapshot!(redacted(shown, &["id", "created_at", "updated_at"]), @r#"
    {
      "connection": "probe",
      "created_at": "<created_at>",
      "disabled": false,
      "error": null,
      "expires_at": null,
      "fields": {
        "note": "n"
      },
      "hosts": [],
      "id": "<id>",
      "identifier": "ada",
      "label": null,
      "last_used_at": null,
      "organization": "acme",
      "refreshed_at": null,
      "scopes": [],
      "settings": {},
      "shared": false,
      "status": "active",
      "updated_at": "<updated_at>"
    }
    "#);
    let path = "/v1/connections/probe/accounts/ada?organization=acme";
    assert_eq!(bed.client().get(path).await.expect(200), made);
    assert_eq!(bed.client().get("/v1/accounts?organization=acme").await.expect(200)["items"], json!([made]));
    assert_eq!(bed.client().get("/v1/connections/probe/accounts/ada").await.problem(404), "not_found");
    for query in ["query=ad", "identifier=ada", "status=active", "connection=probe"] {
        assert_eq!(bed.client().get(&format!("/v1/accounts?{query}")).await.expect(200)["total_size"], 1, "{query}");
    }
    for query in ["query=zz", "identifier=a", "status=pending", "organization=other"] {
        assert_eq!(bed.client().get(&format!("/v1/accounts?{query}")).await.expect(200)["total_size"], 0, "{query}");
    }
    for (query, status) in [("status=alive", 400), ("connection=nothing", 404), ("limit=0", 400)] {
        bed.client().get(&format!("/v1/accounts?{query}")).await.problem(status);
    }
}

/// Lesson 5: a credential goes to the hosts it was connected for. A connection that points elsewhere later gets none of
/// them, and nothing arrives there; connecting again is what moves it.
#[tokio::test]
async fn a_credential_is_bound_to_its_hosts() {
    let bed = Bed::start().await;
    let canary = bed.connect("ada").await;
    let other = Upstream::start(|_| Reply::json(200, &json!({ "ok": true }))).await;
    let patch = |base_url: String| json!({ "base_url": base_url }).to_string();
    let headers = [("content-type", "application/json")];
    let moved = bed.client().send("PATCH", "/v1/connections/probe", &headers, patch(other.url(""))).await.expect(200);
    assert_eq!(moved["base_url"], other.url("").as_str());
    let before = bed.upstream.requests().len();
    let problem = bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(403);
    assert_eq!(problem["code"], "host_not_allowed", "{problem}");
    // Neither an absolute URL helps, nor a redirect.
    for target in [other.url("/x"), format!("//{}/x", other.address())] {
        let answer = bed.fetch("ada", &target).await;
        assert!(answer.status != 200 || answer.json()["data"]["error"].is_object(), "{answer:?}");
    }
    assert_eq!((other.requests().len(), bed.upstream.requests().len()), (0, before));
    bed.host.account("probe", "ada", &json!({ "token": canary.token() })).await.expect(200);
    bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
    assert_eq!((other.requests().len(), bed.upstream.requests().len()), (2, before));
}

/// Lesson 8: what the provider refuses is never stored, and never shown as active; a provider that cannot say leaves
/// everything as it was.
#[tokio::test]
async fn a_junk_key_is_never_stored() {
    let bed = Bed::answering(|request| {
        let token = request.header("authorization").unwrap_or_default();
        let trouble = token.strip_prefix("Bearer trouble-").and_then(|rest| rest.split('-').next()?.parse().ok());
        match trouble {
            // At once, so that the test need not wait for the host to try again.
            Some(status @ (429 | 503)) => Reply::text(status, "no").header("retry-after", "0"),
            Some(status) => Reply::text(status, "no"),
            None => Reply::json(200, &json!({ "ok": true })),
        }
    })
    .await;
    let junk = bed.host.account("probe", "ada", &json!({ "token": JUNK })).await.expect(422);
    assert_eq!((&junk["code"], &junk["culprit"]), (&json!("invalid_input"), &json!("caller")), "{junk}");
    assert!(junk["detail"].as_str().unwrap().contains("nothing was stored"), "{junk}");
    let get = async || bed.client().get("/v1/connections/probe/accounts/ada").await;
    assert_eq!(get().await.problem(404), "not_found");
    for (status, answered) in [(403, 422), (408, 502), (429, 429), (500, 502), (503, 502)] {
        let token = format!("trouble-{status}-of-the-provider");
        let answer = bed.host.account("probe", "ada", &json!({ "token": token })).await;
        assert_eq!(answer.status, answered, "{status}: {answer:?}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("nothing was stored"), "{answer:?}");
        assert_eq!(get().await.problem(404), "not_found");
    }
    let canary = bed.connect("ada").await;
    for token in [JUNK, "trouble-500-x", "trouble-403-x"] {
        let working = get().await.expect(200);
        assert!(bed.host.account("probe", "ada", &json!({ "token": token })).await.status >= 400, "{token}");
        assert_eq!(get().await.expect(200), working);
        bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
        let sent = bed.upstream.requests().pop().unwrap();
        assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", canary.token()).as_str()));
    }
    let tests = bed.client().get("/v1/executions?trigger_type=connection_test&status=failed").await.expect(200);
    assert_eq!(tests["total_size"], 9, "each try is on record");
}

/// Lesson 8: a provider that is not there means that nothing is known, and nothing is stored.
#[tokio::test]
async fn nothing_is_stored_when_the_provider_is_down() {
    let bed = Bed::start().await;
    let gone = Upstream::start(|_| Reply::status(200)).await.url("");
    bed.connection("gone", &gone).await;
    let problem = bed.host.account("gone", "ada", &json!({ "token": "a-token-of-nobody" })).await.expect(502);
    assert_eq!((&problem["code"], &problem["culprit"]), (&json!("upstream_error"), &json!("upstream")));
    assert_eq!(bed.client().get("/v1/accounts?connection=gone").await.expect(200)["total_size"], 0);
}

/// What does not fit the pattern is refused, field by field, without a word of what was sent.
#[tokio::test]
async fn fields_that_do_not_fit_are_named_and_not_repeated() {
    let bed = Bed::start().await;
    let canary = bed.host.plant();
    let secret = canary.token();
    let long = format!("{secret}{}", "x".repeat(17 * 1024));
    for (body, status) in [
        (json!({ "credentials": {} }), 422),
        (json!({ "credentials": { "token": "" } }), 422),
        (json!({ "credentials": { "tokens": secret } }), 422),
        (json!({ "credentials": { "token": long } }), 422),
        (json!({ "fields": { "token": secret } }), 422),
        (json!({ "credentials": { "token": [secret] } }), 400),
        (json!({ "credentials": { "token": { "a": secret } } }), 400),
        (json!({ "credentials": secret }), 400),
        (json!({ "credentials": [secret] }), 400),
        (json!({ "credential": { "token": secret } }), 400),
        (json!({ "token": secret }), 400),
        (json!({ "label": [secret] }), 400),
        (json!({ "label": "l".repeat(257) }), 400),
        (json!({ "organization": "a\u{0}b" }), 400),
    ] {
        let answer = bed.client().put("/v1/connections/probe/accounts/ada", &body).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
    }
    for body in [format!("{{\"credentials\": {{\"token\": \"{secret}"), secret.to_owned(), format!("[\"{secret}\"]")] {
        let headers = [("content-type", "application/json")];
        bed.client().send("PUT", "/v1/connections/probe/accounts/ada", &headers, body).await.problem(400);
    }
    assert_eq!(bed.client().get("/v1/accounts").await.expect(200)["total_size"], 0);
    assert_eq!(bed.upstream.requests().len(), 0, "nothing was tried");
}

/// KO-20: a test of the connection says whether the credential works and why not, and writes nothing.
#[tokio::test]
async fn a_connection_test_only_reads() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let test = async |body: Value| bed.client().post("/v1/connections/probe/test", &body).await;
    assert_eq!(test(json!({})).await.expect(200)["ok"], true);
    bed.connect("bob").await;
    assert_eq!(test(json!({})).await.problem(409), "conflict");
    assert_eq!(test(json!({ "identifier": "eve" })).await.problem(404), "not_found");
    assert_eq!(test(json!({ "account": "bob" })).await.problem(400), "invalid_request");
    let result = test(json!({ "identifier": "bob" })).await.expect(200);
    let path = format!("/v1/executions/{}", result["execution_id"].as_str().unwrap());
    assert_eq!(bed.client().get(&path).await.expect(200)["trigger_type"], "connection_test");
    assert!(bed.upstream.requests().iter().all(|request| request.method == "GET" && request.body.is_empty()));
    assert_eq!(bed.client().send("POST", "/v1/connections/probe/test", &[], "").await.problem(409), "conflict");
}

/// Lesson 13: several accounts of one user, by label; a call that fits several says which there are.
#[tokio::test]
async fn several_accounts_of_a_user_are_told_apart() {
    let bed = Bed::start().await;
    let mut accounts = Vec::new();
    for label in ["", "work", "home"] {
        let canary = bed.host.plant();
        let body = json!({ "credentials": { "token": canary.token() }, "label": label });
        let made = bed.client().put("/v1/connections/probe/accounts/ada", &body).await.expect(201);
        accounts.push((made["id"].as_str().unwrap().to_owned(), canary));
    }
    let problem = bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(409);
    assert_eq!(problem["code"], "ambiguous_account");
    for (id, canary) in &accounts {
        assert!(problem["detail"].as_str().unwrap().contains(id.as_str()), "{problem}");
        let body = json!({ "identifier": "ada", "account": id, "input": {} });
        bed.client().post("/v1/tools/probe_whoami/execute", &body).await.expect(200);
        let sent = bed.upstream.requests().pop().unwrap();
        assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", canary.token()).as_str()));
    }
    for label in ["work", "home"] {
        let path = format!("/v1/connections/probe/accounts/ada?label={label}");
        assert_eq!(bed.client().get(&path).await.expect(200)["label"], label);
        assert_eq!(bed.client().delete(&path).await.status, 204);
    }
    bed.host.execute("probe_whoami", "ada", &json!({})).await.expect(200);
}

/// AK-805: a base URL takes its host from the account. Two accounts reach two upstreams, and no value climbs out.
#[tokio::test]
async fn a_base_url_is_filled_from_the_account() {
    let bed = Bed::start().await;
    let second = Upstream::start(|_| Reply::json(200, &json!({ "ok": true }))).await;
    bed.connection("templated", "http://{{domain}}/api").await;
    let connect = async |identifier: &str, domain: &str| {
        let canary = bed.host.plant();
        let answer =
            bed.host.account("templated", identifier, &json!({ "token": canary.token(), "domain": domain })).await;
        (answer, canary)
    };
    for (identifier, upstream) in [("ada", &bed.upstream), ("bob", &second)] {
        let (answer, canary) = connect(identifier, &upstream.address().to_string()).await;
        answer.expect(201);
        let body = json!({ "identifier": identifier, "connection": "templated", "input": {} });
        bed.client().post("/v1/tools/probe_whoami/execute", &body).await.expect(200);
        let sent = upstream.requests().pop().unwrap();
        assert_eq!(sent.path(), "/api/whoami");
        assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", canary.token()).as_str()));
    }
    let sent = (bed.upstream.requests().len(), second.requests().len());
    let own = second.address();
    for domain in [
        "",
        "/",
        "evil.example/",
        "a@b.example",
        "user:pass@b.example",
        "a.example#",
        "a.example?x=",
        "a.example\\",
        "a%2fb",
        "{{domain}}",
        "a b",
        "a.example:0",
        "a.example:99999",
        "..",
        "*.example",
        "a\u{202e}b.example",
        &format!("{own}/../x"),
        &format!("{own}:80"),
        &"a".repeat(300),
    ] {
        let (answer, _) = connect("eve", domain).await;
        assert_eq!(answer.problem(422), "invalid_input", "{domain:?}");
    }
    let missing = bed.host.account("templated", "eve", &json!({ "token": "a-token-of-eve" })).await;
    assert_eq!(missing.problem(422), "invalid_input");
    assert_eq!((bed.upstream.requests().len(), second.requests().len()), sent);
    assert_eq!(bed.client().get("/v1/accounts?identifier=eve").await.expect(200)["total_size"], 0);
}

/// A disabled account or connection refuses calls, keeps its credential, and goes on when it is enabled.
#[tokio::test]
async fn what_is_disabled_refuses_calls() {
    let bed = Bed::start().await;
    bed.connect("ada").await;
    let calls = async || bed.host.execute("probe_whoami", "ada", &json!({})).await;
    let switch = |disabled: bool| json!({ "disabled": disabled }).to_string();
    let json_body = [("content-type", "application/json")];
    for _ in 0..2 {
        let account =
            bed.client().send("POST", "/v1/connections/probe/accounts/ada/disable", &[], "").await.expect(200);
        assert_eq!((&account["disabled"], &account["status"]), (&json!(true), &json!("active")));
        assert_eq!(calls().await.problem(409), "account_disabled");
    }
    bed.client().send("POST", "/v1/connections/probe/accounts/ada/enable", &[], "").await.expect(200);
    calls().await.expect(200);
    let off = bed.client().send("PATCH", "/v1/connections/probe", &json_body, switch(true)).await.expect(200);
    assert_eq!(off["status"], "disabled");
    assert_eq!(calls().await.problem(409), "account_disabled");
    bed.client().send("PATCH", "/v1/connections/probe", &json_body, switch(false)).await.expect(200);
    calls().await.expect(200);
    bed.client().send("POST", "/v1/connections/probe/accounts/eve/disable", &[], "").await.problem(404);
}

/// Lesson 10: what resembles a credential is not one. Only the exact secret of the account is taken out of an answer.
#[tokio::test]
async fn good_writes_are_not_blocked() {
    let bed = Bed::answering(|request| match request.method.as_str() {
        "POST" => Reply::bytes(200, "text/plain", request.body.clone()),
        _ => Reply::json(200, &json!({})),
    })
    .await;
    let canary = bed.connect("ada").await;
    for text in [
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
        "AKIAIOSFODNN7EXAMPLE",
        "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x",
        "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
        &canary.token()[..canary.token().len() - 4],
    ] {
        let input = json!({ "method": "POST", "target": "/notes", "body": { "kind": "bytes", "text": text } });
        let answer = bed.host.execute("probe_fetch", "ada", &input).await.expect(200);
        assert_eq!(answer["data"]["body"], text);
        assert_eq!(bed.upstream.requests().pop().unwrap().text(), text);
    }
}

/// A key opens only the host that made it.
#[tokio::test]
async fn a_key_opens_only_its_own_host() {
    let (one, two) = (Bed::start().await, TestHost::start().await);
    one.connect("ada").await;
    let key = one.client().post("/v1/keys", &json!({ "role": "agent" })).await.expect(201)["key"].clone();
    let answer = two.client().with_key(key.as_str().unwrap()).get("/v1/tools").await;
    assert_eq!(answer.problem(401), "unauthenticated");
}
