//! MCP clients with tokens: where they learn who gives them, what they are good for, and that nobody else gets them.

use gloveport_tests::canary::Canary;
use gloveport_tests::issuer::{Issuer, SigningKey, parts};
use serde_json::{Value, json};

use super::super::auth_patterns::install;
use super::super::bed::Bed;
use super::super::mcp::Mcp;
use super::{ask, claims, client, timed, token, tools, trust, with};

const BOTH: [&str; 2] = ["tools:read", "tools:execute"];

/// The endpoint of keys and tokens, for whoever has this one.
fn endpoint(bed: &Bed, token: &str) -> Mcp {
    Mcp::at(with(bed, token), "/mcp?identifier=ada")
}

/// A document of this host's, by its URL.
async fn document(bed: &Bed, url: &str) -> Value {
    let path = url.strip_prefix(bed.client().base()).unwrap_or_else(|| panic!("{url} is elsewhere"));
    bed.client().with_key("").get(path).await.expect(200)
}

/// From a refusal to a token, as the specification says: RFC 9728, then RFC 8414, then RFC 8707.
#[tokio::test]
async fn a_client_that_knows_nothing_finds_its_way() {
    let (bed, _) = timed().await;
    bed.connect("ada").await;
    let base = bed.client().base().to_owned();
    let refused = endpoint(&bed, "").modern("tools/list", json!({})).await;
    let place = format!("{base}/.well-known/oauth-protected-resource/mcp");
    let expected = format!("Bearer resource_metadata=\"{place}\", scope=\"tools:read tools:execute\"");
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some(expected.as_str())));
    let resource = document(&bed, &place).await;
    assert_eq!(resource["resource"], format!("{base}/mcp"));
    assert_eq!(resource["authorization_servers"], json!([base]));
    assert_eq!(resource["scopes_supported"], json!(BOTH));
    assert_eq!(document(&bed, &format!("{base}/.well-known/oauth-protected-resource")).await, resource);
    let server = document(&bed, &format!("{base}/.well-known/oauth-authorization-server")).await;
    assert_eq!(server["issuer"], base);
    let own = client(&bed, &BOTH, None).await;
    let form = [("client_id", own.0.as_str()), ("client_secret", &own.1), ("grant_type", "client_credentials")];
    let form = [&form[..], &[("resource", resource["resource"].as_str().unwrap())]].concat();
    assert_eq!(server["token_endpoint"], format!("{base}/oauth/token"));
    let body = ask(&bed, &form).await.expect(200);
    let listed = endpoint(&bed, body["access_token"].as_str().unwrap()).result("tools/list", json!({})).await;
    assert!(!listed["tools"].as_array().unwrap().is_empty());
    assert!(!document(&bed, server["jwks_uri"].as_str().unwrap()).await["keys"].as_array().unwrap().is_empty());
    for path in ["mcp/", "mcp/gpm_x", "v1", "%2e%2e/mcp"] {
        for kind in ["oauth-protected-resource", "oauth-authorization-server"] {
            let path = format!("/.well-known/{kind}/{path}");
            assert_eq!(bed.client().with_key("").get(&path).await.status, 404, "{path}");
        }
    }
}

/// A token for the endpoint is good there and nowhere else; one of somebody else, or for somebody else, is not.
#[tokio::test]
async fn a_token_is_good_where_it_says() {
    let (bed, clock) = timed().await;
    bed.connect("ada").await;
    let base = bed.client().base().to_owned();
    let resource = format!("{base}/mcp");
    let own = client(&bed, &BOTH, None).await;
    let narrow = token(&bed, &own, &[("resource", &resource)]).await;
    assert_eq!(parts(&narrow).1["aud"], resource);
    endpoint(&bed, &narrow).result("tools/list", json!({})).await;
    assert_eq!(tools(&bed, &narrow).await.problem(401), "unauthenticated");
    for everywhere in [None, Some(base.clone()), Some(format!("{base}/"))] {
        let more: Vec<(&str, &str)> = everywhere.iter().map(|url| ("resource", url.as_str())).collect();
        let wide = token(&bed, &own, &more).await;
        assert_eq!(parts(&wide).1["aud"], base);
        endpoint(&bed, &wide).result("tools/list", json!({})).await;
        tools(&bed, &wide).await.expect(200);
    }
    for elsewhere in ["https://other.example/mcp", "nonsense", &format!("{resource}/"), &format!("{base}/v1")] {
        let form = [("client_id", own.0.as_str()), ("client_secret", &own.1), ("grant_type", "client_credentials")];
        let form = [&form[..], &[("resource", elsewhere)]].concat();
        assert_eq!(ask(&bed, &form).await.expect(400)["error"], "invalid_target", "{elsewhere}");
    }
    let key = SigningKey::ec("k1");
    let issuer = Issuer::start(&[&key]).await;
    trust(&bed, &issuer, json!({})).await.expect(201);
    let mut foreign = claims(&issuer);
    endpoint(&bed, &key.token(&foreign)).result("tools/list", json!({})).await;
    for audience in [json!(resource), json!(base), json!("https://other.example"), json!([])] {
        foreign["aud"] = audience;
        let refused = endpoint(&bed, &key.token(&foreign)).modern("tools/list", json!({})).await;
        let challenge = refused.header("www-authenticate").unwrap_or_default();
        assert!(refused.status == 401 && challenge.starts_with("Bearer error=\"invalid_token\", "), "{challenge}");
    }
    super::pass(&clock, 24 * 60 * 60);
    assert_eq!(endpoint(&bed, &narrow).modern("tools/list", json!({})).await.status, 401, "its time is over");
}

/// Who may do too little is told all that is needed, at once; who is bound to something else is told nothing of the kind.
#[tokio::test]
async fn a_lack_of_scopes_is_named() {
    let (bed, _) = timed().await;
    for scopes in [["tools:read"], ["tools:execute"], ["executions:own"]] {
        let little = token(&bed, &client(&bed, &scopes, None).await, &[]).await;
        let refused = endpoint(&bed, &little).modern("tools/call", json!({ "name": "probe_echo" })).await;
        let challenge = refused.header("www-authenticate").unwrap_or_default();
        assert_eq!(refused.status, 403, "{scopes:?}");
        assert!(challenge.starts_with("Bearer error=\"insufficient_scope\", resource_metadata="), "{challenge}");
        assert!(challenge.ends_with("scope=\"tools:read tools:execute\""), "{challenge}");
    }
    let eve = token(&bed, &client(&bed, &BOTH, Some("eve")).await, &[]).await;
    let refused = endpoint(&bed, &eve).modern("tools/list", json!({})).await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (403, None));
}

/// A token that came to the endpoint goes no further, also where a connection would send its caller's token on.
#[tokio::test]
async fn no_token_is_passed_through() {
    let (bed, _) = timed().await;
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
    let before = bed.upstream.requests().len();
    let called = endpoint(&bed, &sent).call("probe_whoami", &json!({})).await;
    assert_eq!(called["isError"], true, "{called}");
    assert_eq!(bed.upstream.requests().len(), before);
}
