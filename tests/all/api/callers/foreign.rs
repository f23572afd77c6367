//! M2M-02, AK-010: callers of an issuer that a project trusts: who they are, and what of their claims counts.

use gloveport_tests::issuer::{Issuer, SigningKey};
use serde_json::{Value, json};

use super::super::projects::{file, other_project};
use super::{changed, claims, pass, timed, tools, trust, with};

/// Which claim is what, and how much of it counts.
#[tokio::test]
async fn claims_become_a_caller() {
    let (bed, _) = timed().await;
    let key = SigningKey::ec("k1");
    let issuer = Issuer::start(&[&key]).await;
    let seen = async |mapping: Value, scopes: Value, change: Value| {
        let put = trust(&bed, &issuer, json!({ "claims": mapping, "scopes": scopes })).await;
        assert!(matches!(put.status, 200 | 201), "{}", put.json());
        let token = key.token(&changed(&claims(&issuer), change));
        let listed = with(&bed, &token).get("/v1/callers").await;
        (listed.status, listed.json(), with(&bed, &token).get("/v1/audit").await.status)
    };
    let all = json!(["callers:read", "audit:read"]);
    for (mapping, change, callers, audit) in [
        (json!({}), json!({}), 200, 200),
        (json!({ "scopes": "scope" }), json!({}), 403, 403),
        (json!({ "scopes": "scope" }), json!({ "scope": "openid callers:read keys" }), 200, 403),
        (json!({ "scopes": "scp" }), json!({ "scp": ["audit:read", 7, null] }), 403, 200),
        (json!({ "scopes": "/a~1b/scopes" }), json!({ "a/b": { "scopes": "audit:read" } }), 403, 200),
        (json!({ "scopes": "scope" }), json!({ "scope": "approvals:decide" }), 403, 403),
        (json!({ "role": "roles" }), json!({ "roles": ["x", "admin"] }), 200, 200),
        (json!({ "role": "roles" }), json!({ "roles": "agent" }), 403, 403),
        (json!({ "role": "roles" }), json!({ "roles": ["root"] }), 403, 403),
        (json!({ "role": "roles" }), json!({}), 403, 403),
        (json!({ "identifier": "email" }), json!({}), 401, 401),
        (json!({ "identifier": "email" }), json!({ "email": "" }), 401, 401),
        (json!({ "identifier": "email" }), json!({ "email": "a\nb" }), 401, 401),
        (json!({ "identifier": "email" }), json!({ "email": ["a"] }), 401, 401),
        (json!({ "organization": "org" }), json!({}), 401, 401),
        (json!({}), json!({ "sub": null }), 401, 401),
    ] {
        let found = seen(mapping.clone(), all.clone(), change.clone()).await;
        assert_eq!((found.0, found.2), (callers, audit), "{mapping} {change}");
    }
    let mapping = json!({ "identifier": "/user/email", "organization": "org" });
    let change = json!({ "user": { "email": "ada@example.com" }, "org": "acme" });
    let (_, listed, _) = seen(mapping, all, change).await;
    let caller = &listed["items"][0];
    assert_eq!((&caller["identifier"], &caller["organization"]), (&json!("ada@example.com"), &json!("acme")));
    assert_eq!((&caller["subject"], &caller["name"]), (&json!("ada"), &json!("login:ada")));
    assert_eq!(listed["total_size"], 1, "one subject is one caller, whatever else its tokens say");
}

/// A caller that is bound to its subject acts for nobody else; keys are found by metadata or where the operator says.
#[tokio::test]
async fn a_subject_acts_for_itself() {
    let (bed, _) = timed().await;
    let (ada, _) = (bed.connect("ada").await, bed.connect("bob").await);
    let (ec, rsa) = (SigningKey::ec("k1"), SigningKey::rsa("k2"));
    let issuer = Issuer::start(&[&ec, &rsa]).await;
    for place in [json!({}), json!({ "jwks_url": format!("{}/jwks", issuer.url()) })] {
        assert!(trust(&bed, &issuer, place).await.status < 300);
        for key in [&ec, &rsa] {
            let token = key.token(&claims(&issuer));
            let call = async |body: Value| with(&bed, &token).post("/v1/tools/probe_whoami/execute", &body).await;
            call(json!({ "input": {} })).await.expect(200);
            let sent = bed.upstream.requests().pop().unwrap();
            assert_eq!(sent.header("authorization"), Some(format!("Bearer {}", ada.token()).as_str()));
            assert_eq!(call(json!({ "identifier": "bob", "input": {} })).await.problem(403), "forbidden");
        }
    }
    // Only where an operator says so does it act for others.
    trust(&bed, &issuer, json!({ "claims": { "identifier": null } })).await.expect(200);
    let token = ec.token(&claims(&issuer));
    let call = json!({ "identifier": "bob", "input": {} });
    with(&bed, &token).post("/v1/tools/probe_whoami/execute", &call).await.expect(200);
}

/// Lesson 7: who asked does not approve, with none of its tokens; somebody else of the same issuer does. What waited goes
/// on without the token, and not after the trust is gone.
#[tokio::test]
async fn who_asked_may_not_approve() {
    let (bed, clock) = timed().await;
    bed.connect("ada").await;
    let key = SigningKey::ec("k1");
    let issuer = Issuer::start(&[&key]).await;
    let scopes = json!(["tools:execute", "executions:own", "approvals:read", "approvals:decide"]);
    trust(&bed, &issuer, json!({ "scopes": scopes })).await.expect(201);
    let asks = json!({ "read": { "outcome": "ask", "at": "before" } });
    bed.client().put("/v1/policies/defaults", &asks).await.expect(200);
    let ada = key.token(&claims(&issuer));
    let call = json!({ "input": {} });
    let waiting = with(&bed, &ada).post("/v1/tools/probe_whoami/execute", &call).await.expect(202);
    let approve = format!("/v1/approvals/{}/approve", waiting["approval_id"].as_str().unwrap());
    let again = key.token(&changed(&claims(&issuer), json!({ "jti": "another", "exp": super::NOW + 900 })));
    for token in [&ada, &again] {
        assert_eq!(with(&bed, token).post(&approve, &json!({})).await.problem(403), "forbidden");
    }
    pass(&clock, 650);
    assert_eq!(with(&bed, &ada).post(&approve, &json!({})).await.problem(401), "unauthenticated");
    let eve = key.token(&changed(&claims(&issuer), json!({ "sub": "eve", "exp": super::NOW + 900 })));
    with(&bed, &eve).post(&approve, &json!({})).await.expect(200);
    let record = format!("/v1/executions/{}", waiting["execution_id"].as_str().unwrap());
    let done = bed.client().get(&format!("{record}?wait=10s")).await.expect(200);
    assert_eq!(done["status"], "succeeded", "{done}");
    // Once more, and the issuer is trusted no more while it waits.
    let waiting = with(&bed, &again).post("/v1/tools/probe_whoami/execute", &call).await.expect(202);
    assert_eq!(bed.client().delete("/v1/issuers/login").await.status, 204);
    let approve = format!("/v1/approvals/{}/approve", waiting["approval_id"].as_str().unwrap());
    bed.client().post(&approve, &json!({})).await.expect(200);
    let record = format!("/v1/executions/{}", waiting["execution_id"].as_str().unwrap());
    let done = bed.client().get(&format!("{record}?wait=10s")).await.expect(200);
    assert_eq!((&done["status"], &done["code"]), (&json!("failed"), &json!("forbidden")), "{done}");
    assert_eq!(tools(&bed, &again).await.problem(401), "unauthenticated");
}

/// One issuer for one audience belongs to one project, and nobody lets its tokens do more than they may themselves.
#[tokio::test]
async fn an_issuer_is_trusted_by_one_project_for_one_audience() {
    let (bed, _) = timed().await;
    let key = SigningKey::ec("k1");
    let issuer = Issuer::start(&[&key]).await;
    trust(&bed, &issuer, json!({})).await.expect(201);
    let other = bed.client().with_key(&other_project(&file(&bed)).await);
    let body = json!({ "issuer": issuer.url(), "audience": super::AUDIENCE, "algorithms": ["ES256"] });
    assert_eq!(other.put("/v1/issuers/login", &body).await.problem(409), "conflict");
    assert_eq!(bed.client().put("/v1/issuers/second", &body).await.problem(409), "conflict");
    let body = json!({ "issuer": issuer.url(), "audience": "theirs", "algorithms": ["ES256"],
        "scopes": ["connectors:read"] });
    other.put("/v1/issuers/login", &body).await.expect(201);
    let theirs = key.token(&changed(&claims(&issuer), json!({ "aud": ["theirs", "x"] })));
    assert_eq!(with(&bed, &theirs).get("/v1/connectors").await.expect(200)["total_size"], 0);
    assert_eq!(tools(&bed, &theirs).await.problem(403), "forbidden");
    let both = key.token(&changed(&claims(&issuer), json!({ "aud": ["theirs", super::AUDIENCE] })));
    assert_eq!(tools(&bed, &both).await.problem(401), "unauthenticated");
    let keeper = json!({ "role": "agent", "scopes": ["callers:read", "callers:write"] });
    let keeper = bed.client().post("/v1/keys", &keeper).await.expect(201)["key"].as_str().unwrap().to_owned();
    let mine = json!({ "issuer": "https://a.example", "audience": "a" });
    assert_eq!(with(&bed, &keeper).put("/v1/issuers/mine", &mine).await.problem(403), "forbidden");
    let shrink = json!({ "issuer": issuer.url(), "audience": super::AUDIENCE, "scopes": ["callers:read"] });
    assert_eq!(with(&bed, &keeper).put("/v1/issuers/login", &shrink).await.problem(403), "forbidden");
    for change in [
        json!({ "algorithms": ["none"] }),
        json!({ "algorithms": ["HS256"] }),
        json!({ "algorithms": ["RS256", "HS512"] }),
        json!({ "algorithms": [] }),
        json!({ "issuer": "login.example.com" }),
        json!({ "issuer": "https://u:p@login.example.com" }),
        json!({ "jwks_url": "file:///etc/passwd" }),
        json!({ "audience": "" }),
        json!({ "claims": { "identifier": "" } }),
        json!({ "claims": { "name": "name" } }),
        json!({ "scopes": ["all"] }),
        json!({ "issuer": bed.client().base() }),
    ] {
        let mut body = json!({ "issuer": "https://login.example.com", "audience": "a" });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(bed.client().put("/v1/issuers/x", &body).await.problem(400), "invalid_request", "{change}");
    }
}
