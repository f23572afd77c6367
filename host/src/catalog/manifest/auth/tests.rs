//! Patterns that are read, and all that is refused, with its reason.

use serde_json::{Value, json};

use super::read;
use crate::model::{AuthKind, ClientAuth, OAuth1aSignature, TextSource, TokenBody, TokenPlacement};

fn fields() -> Value {
    json!([
        { "name": "site", "label": "Site", "type": "text", "default": "acme", "pattern": "[a-z]+" },
        { "name": "user", "label": "User", "type": "text" },
        { "name": "secret", "label": "Secret", "type": "password" },
        { "name": "other", "label": "Other", "type": "password", "required": false },
    ])
}

/// A pattern of this type with the four fields.
fn pattern(kind: &str, keys: Value) -> Value {
    let mut value = json!({ "name": "p", "title": "P", "type": kind, "fields": fields() });
    merge(&mut value, keys);
    value
}

/// Sets keys; a `null` takes one out.
fn merge(value: &mut Value, keys: Value) {
    for (key, new) in keys.as_object().unwrap() {
        match (value.get_mut(key), new) {
            (Some(old @ Value::Object(_)), Value::Object(_)) => merge(old, new.clone()),
            (_, Value::Null) => {
                value.as_object_mut().unwrap().remove(key);
            }
            _ => value[key] = new.clone(),
        }
    }
}

fn jwt() -> Value {
    json!({ "algorithm": "RS256", "key": "secret", "claims": {
        "iss": "{{site}}.{{user}}.{{key_fingerprint}}", "sub": { "field": "secret", "pointer": "/client_email" } } })
}

/// One good pattern of each type.
fn good() -> Vec<(&'static str, Value)> {
    vec![
        ("bearer", json!({ "field": "secret" })),
        ("api_key", json!({ "field": "secret", "in": "cookie", "parameter": "session" })),
        ("basic", json!({ "username": "user", "password": "secret" })),
        ("static_headers", json!({ "headers": { "X-Key": "{{secret}}", "X-Site": "{{site}}" } })),
        (
            "oauth2",
            json!({
                "authorize_url": "https://{{site}}.example.com/authorize",
                "token_url": "https://login.example.com/{{site}}/token",
                "refresh_url": "https://{{instance}}/refresh", "revoke_url": "http://127.0.0.1:8080/revoke",
                "issuer": "https://login.example.com", "iss_required": true,
                "scopes": ["read", { "name": "write", "title": "Write", "required": true }],
                "authorize_parameters": { "prompt": "consent" }, "token_parameters": { "audience": "{{site}}" },
                "response": { "access_token": "/data/0/token", "lifetime": 3600,
                    "fields": { "instance": "/instance_url" } },
                "callback_fields": { "realm_id": "realmId" },
                "headers": { "X-Tenant": "{{tenant}}", "X-Realm": "{{realm_id}}" },
                "insertions": [{ "content_type": "text/xml", "marker": "{{session}}", "field": "access_token" }],
                "lookups": [{ "url": "https://api.example.com/{{realm_id}}/tenants", "fields": { "tenant": "/id" },
                    "choice": { "items": "", "label": "/name", "title": "Which tenant?" } }],
            }),
        ),
        (
            "oauth2_client_credentials",
            json!({ "token_url": "https://{{site}}.example.com/token", "client_id": "user", "client_secret": "secret" }),
        ),
        (
            "oauth1a",
            json!({
                "signature": "hmac-sha256", "realm": "{{site}}", "consumer_key": "user", "consumer_secret": "other",
                "token": "site", "token_secret": "secret",
            }),
        ),
        ("jwt_bearer", json!({ "token_url": "https://login.example.com/token", "jwt": jwt() })),
        ("signed_jwt", json!({ "jwt": jwt(), "token": { "in": "header", "name": "X-Token" } })),
        (
            "session",
            json!({
                "sign_in": { "url": "https://{{site}}.example.com/sign-in",
                    "body": "{\"credentials\":{\"name\":\"{{user}}\",\"secret\":\"{{secret}}\"}}" },
                "response": { "access_token": "/credentials/token", "fields": { "site_id": "/credentials/site/id" } },
                "sign_out": { "url": "https://{{site}}.example.com/sign-out" },
                "token": { "in": "header", "name": "X-Auth" },
            }),
        ),
        (
            "aws_sigv4",
            json!({ "access_key": "user", "secret_key": "secret", "session_token": "other", "region": "{{site}}",
                "service": "s3" }),
        ),
        (
            "hmac",
            json!({ "key": "secret", "text": "{{method}}\n{{path}}?{{query}}\n{{timestamp}}\n{{body_sha256}}",
                "header": "X-Signature", "prefix": "t={{timestamp}},v1=", "timestamp_header": "X-Time" }),
        ),
        ("caller_token", json!({})),
        ("none", json!({})),
    ]
}

#[test]
fn each_type_is_read() {
    for (kind, keys) in good() {
        let read = read(&pattern(kind, keys)).unwrap_or_else(|reason| panic!("{kind}: {reason}"));
        assert_eq!(read.kind.as_str(), kind);
        assert_eq!(read.fields.len(), 4);
    }
}

#[test]
fn what_is_not_said_is_as_the_standard_has_it() {
    let urls = json!({ "authorize_url": "https://a.example/a", "token_url": "https://a.example/t" });
    let AuthKind::OAuth2(oauth) = read(&pattern("oauth2", urls)).unwrap().kind else { panic!() };
    assert!(oauth.pkce && !oauth.iss_required && oauth.scopes.is_empty());
    assert_eq!((oauth.client_auth, oauth.body), (ClientAuth::Post, TokenBody::Form));
    assert_eq!((oauth.scope_separator.as_str(), oauth.scope_parameter.as_str()), (" ", "scope"));
    assert_eq!(oauth.token, TokenPlacement::bearer());
    assert_eq!(oauth.response.access_token, "/access_token");
    let (_, keys) = good().remove(4);
    let full = read(&pattern("oauth2", keys)).unwrap();
    assert_eq!(full.filled_fields(), ["instance", "realm_id", "tenant"]);
    assert!(full.needs_client());
    let AuthKind::OAuth2(oauth) = full.kind else { panic!() };
    assert_eq!(oauth.callback_fields, [("realmId".to_owned(), "realm_id".to_owned())]);
    assert_eq!(oauth.response.fields, [("/instance_url".to_owned(), "instance".to_owned())]);
    let leg = |path: &str| format!("https://a.example/{path}");
    let legs = json!({
        "request_url": leg("r"), "authorize_url": leg("a"), "access_url": leg("t"),
        "callback_fields": { "realm_id": "realmId" }, "response": { "fields": { "owner": "/user_id" } },
    });
    let read = read(&pattern("oauth1a", legs)).unwrap();
    assert!(read.needs_client());
    assert_eq!(read.filled_fields(), ["owner", "realm_id"]);
    assert!(matches!(read.kind, AuthKind::OAuth1a(oauth) if oauth.signature == OAuth1aSignature::HmacSha1
        && oauth.response_fields == [("user_id".to_owned(), "owner".to_owned())]));
    let AuthKind::SignedJwt(signed) = super::read(&pattern("signed_jwt", json!({ "jwt": jwt() }))).unwrap().kind else {
        panic!()
    };
    assert_eq!(signed.claims.lifetime, 300);
    assert_eq!(signed.claims.key, TextSource::Field { name: "secret".into(), pointer: None });
}

/// A type, what is changed of its good pattern, and words of the reason.
type Row = (&'static str, Value, &'static str);

/// Mistakes of the types that only place what is filled in.
fn placed() -> Vec<Row> {
    vec![
        ("oauth3", json!({}), "type `oauth3` is not known"),
        ("bearer", json!({ "field": null }), "`field` is missing"),
        ("bearer", json!({ "field": "tokne" }), "`tokne`, which is not among its fields"),
        ("bearer", json!({ "title": "" }), "must not be empty"),
        ("bearer", json!({ "headers": { "Authorization": "{{secret}}" } }), "set twice"),
        ("bearer", json!({ "headers": { "X-A": "{{user}}", "x-a": "" } }), "set twice"),
        ("bearer", json!({ "headers": { "X-A": "{{access_token}}" } }), "not among its fields"),
        ("bearer", json!({ "headers": { "Host": "{{user}}" } }), "not a header that a credential may go into"),
        ("bearer", json!({ "headers": { "Content-Type": "x" } }), "not a header that a credential may go into"),
        ("bearer", json!({ "headers": { "X A": "x" } }), "not a header that a credential may go into"),
        ("bearer", json!({ "headers": { "X-A": "a\r\nb" } }), "control character"),
        ("bearer", json!({ "headers": { "X-A": "{{user" } }), "has no `}}`"),
        ("api_key", json!({ "in": "body" }), "`in` must be header, query or cookie"),
        ("api_key", json!({ "parameter": null }), "`parameter` is missing"),
        ("api_key", json!({ "parameter": "a b" }), "not the name of a cookie"),
        ("api_key", json!({ "in": "header", "parameter": "transfer-encoding" }), "not a header"),
        ("api_key", json!({ "in": "header", "parameter": "X-Forwarded-For" }), "not a header"),
        ("api_key", json!({ "in": "query", "parameter": "" }), "is empty"),
        ("api_key", json!({ "prefix": "a\nb" }), "visible ASCII"),
        ("basic", json!({ "username": "secrets" }), "not among its fields"),
        ("static_headers", json!({ "headers": null }), "`headers` is missing"),
    ]
}

/// Mistakes of OAuth's requests.
fn granted() -> Vec<Row> {
    vec![
        ("oauth2", json!({ "token_url": null }), "missing field `token_url`"),
        ("oauth2", json!({ "token_url": "http://a.example/t" }), "not an https URL"),
        ("oauth2", json!({ "token_url": "http://{{site}}/t" }), "not an https URL"),
        ("oauth2", json!({ "token_url": "http://127.0.0.1.evil.example/t" }), "not an https URL"),
        ("oauth2", json!({ "token_url": "ftp://a.example/t" }), "is not a template"),
        ("oauth2", json!({ "token_url": "https://u@a.example/t" }), "is not a template"),
        ("oauth2", json!({ "token_url": "https://{{secret}}/t" }), "which is a password"),
        ("oauth2", json!({ "token_url": "https://{{instance}}/t" }), "not among its fields"),
        ("oauth2", json!({ "authorize_url": "https://{{nothing}}/t" }), "not among its fields"),
        ("oauth2", json!({ "issuer": null }), "`iss_required` needs"),
        ("oauth2", json!({ "client_auth": "jwt" }), "`client_auth` must be"),
        ("oauth2", json!({ "body": "xml" }), "`body` must be"),
        ("oauth2", json!({ "pkce": "no" }), "invalid type"),
        ("oauth2", json!({ "scopes": ["a b"] }), "not the name of a scope"),
        ("oauth2", json!({ "scopes": ["a", "a"] }), "there twice"),
        ("oauth2", json!({ "scopes": [{ "title": "A" }] }), "missing field `name`"),
        ("oauth2", json!({ "scope_separator": "" }), "is empty"),
        ("oauth2", json!({ "authorize_parameters": { "state": "x" } }), "set by the host"),
        ("oauth2", json!({ "authorize_parameters": { "code_challenge": "x" } }), "set by the host"),
        ("oauth2", json!({ "token_parameters": { "client_secret": "x" } }), "set by the host"),
        ("oauth2", json!({ "token_parameters": { "a": "{{secret}}" } }), "which is a password"),
    ]
}

/// Mistakes of answers, insertions and lookups.
fn answered() -> Vec<Row> {
    let url = "https://a.example/a";
    vec![
        ("oauth2", json!({ "response": { "access_token": "access_token" } }), "not a JSON Pointer"),
        ("oauth2", json!({ "response": { "scope": "/a~2" } }), "not a JSON Pointer"),
        ("oauth2", json!({ "response": { "lifetime": 0 } }), "from 1 to"),
        ("oauth2", json!({ "response": { "lifetime": -1 } }), "invalid"),
        ("oauth2", json!({ "response": { "fields": { "secret": "/s" } } }), "is a password"),
        ("oauth2", json!({ "response": { "fields": { "S": "/s" } } }), "not a valid name"),
        ("oauth2", json!({ "token": { "in": "header", "name": "cookie" } }), "not a header"),
        ("oauth2", json!({ "token": { "in": "path", "name": "a" } }), "`token.in` must be"),
        ("oauth2", json!({ "fields": [{ "name": "access_token", "label": "A", "type": "password" }] }), "by this name"),
        (
            "oauth2",
            json!({ "insertions": [{ "content_type": "image/png", "marker": "12345678", "field": "user" }] }),
            "nothing can be put into",
        ),
        (
            "oauth2",
            json!({ "insertions": [{ "content_type": "text/xml", "marker": "1234567", "field": "user" }] }),
            "at least 8",
        ),
        (
            "oauth2",
            json!({ "insertions": [{ "content_type": "text/xml", "marker": "12345678", "field": "token" }] }),
            "not among its fields",
        ),
        ("oauth2", json!({ "headers": null, "lookups": [{ "url": url, "fields": {} }] }), "nothing to look up"),
        (
            "oauth2",
            json!({ "headers": null, "lookups": [{ "url": "http://a.example/a", "fields": { "a": "" } }] }),
            "not an https",
        ),
        (
            "oauth2",
            json!({ "headers": null, "lookups": [{ "url": url, "fields": { "a": "a" } }] }),
            "not a JSON Pointer",
        ),
    ]
}

/// Mistakes of the other grants.
fn exchanged() -> Vec<Row> {
    let url = "https://a.example/a";
    vec![
        ("oauth2_client_credentials", json!({ "client_secret": "user" }), "must be a password"),
        ("oauth2_client_credentials", json!({ "client_id": null }), "`client_id` is missing"),
        ("oauth1a", json!({ "token": null }), "either fills in"),
        ("oauth1a", json!({ "request_url": url }), "go together"),
        ("oauth1a", json!({ "request_url": url, "authorize_url": url, "access_url": url }), "either fills in"),
        ("oauth1a", json!({ "consumer_secret": null }), "go together"),
        ("oauth1a", json!({ "consumer_secret": "user" }), "must be a password"),
        ("oauth1a", json!({ "signature": "rsa-sha1" }), "`signature` must be"),
        ("oauth1a", json!({ "realm": "{{secret}}" }), "which is a password"),
        (
            "oauth1a",
            json!({ "response": { "fields": { "secret": "/user_id" } } }),
            "no answer of the provider can fill it",
        ),
        ("oauth1a", json!({ "response": { "fields": { "owner": "user_id" } } }), "the answer is a form"),
        ("oauth1a", json!({ "response": { "fields": { "owner": "/user/id" } } }), "the answer is a form"),
        ("oauth1a", json!({ "response": { "fields": { "owner": "/oauth_token_secret" } } }), "no token"),
        ("jwt_bearer", json!({ "jwt": { "algorithm": "none" } }), "must be HS256, RS256 or ES256"),
        ("jwt_bearer", json!({ "jwt": { "key": "user" } }), "must be a password"),
        ("jwt_bearer", json!({ "jwt": { "key": { "field": "secret", "pointer": "key" } } }), "not a JSON Pointer"),
        ("jwt_bearer", json!({ "parameters": { "assertion": "x" } }), "set by the host"),
    ]
}

/// Mistakes of what is signed.
fn signed() -> Vec<Row> {
    vec![
        ("signed_jwt", json!({ "jwt": { "lifetime": 3601 } }), "from 1 to 3600"),
        ("signed_jwt", json!({ "jwt": { "claims": { "exp": "1" } } }), "set by the host"),
        ("signed_jwt", json!({ "jwt": { "claims": { "iss": "{{secret}}" } } }), "which is a password"),
        ("signed_jwt", json!({ "jwt": { "claims": { "iss": { "field": "x" } } } }), "not among its fields"),
        ("signed_jwt", json!({ "jwt": { "algorithm": "HS256" } }), "key_fingerprint"),
        ("signed_jwt", json!({ "jwt": { "key_encoding": "pem" } }), "`key_encoding` must be"),
        ("session", json!({ "response": null }), "missing field `response`"),
        ("session", json!({ "sign_in": { "method": "post" } }), "must be GET, POST"),
        ("session", json!({ "sign_in": { "content_type": "image/png" } }), "nothing can be put into"),
        ("session", json!({ "sign_in": { "body": "{{password}}" } }), "not among its fields"),
        ("session", json!({ "sign_in": { "url": "https://{{site_id}}/x" } }), "not among its fields"),
        ("session", json!({ "sign_in": { "body": "{{access_token}}" } }), "no token before"),
        ("session", json!({ "sign_in": { "headers": { "Host": "x" } } }), "not a header"),
        ("aws_sigv4", json!({ "region": "" }), "is empty"),
        ("aws_sigv4", json!({ "secret_key": "user" }), "must be a password"),
        ("aws_sigv4", json!({ "headers": { "X-Amz-Date": "x" } }), "set twice"),
        ("hmac", json!({ "key": "user" }), "must be a password"),
        ("hmac", json!({ "text": "{{secret}}" }), "which is a password"),
        ("hmac", json!({ "text": "{{headers}}" }), "not among its fields"),
        ("hmac", json!({ "hash": "md5" }), "`hash` must be"),
        ("hmac", json!({ "encoding": "base32" }), "`encoding` must be"),
        ("hmac", json!({ "header": "content-length" }), "not a header"),
        ("hmac", json!({ "timestamp_header": "a b" }), "not a header"),
        ("hmac", json!({ "prefix": "{{body}}" }), "has the body in it"),
        ("caller_token", json!({ "token": { "in": "cookie", "name": "" } }), "not the name of a cookie"),
    ]
}

#[test]
fn what_cannot_be_executed_is_refused() {
    let rows = [placed(), granted(), answered(), exchanged(), signed()].concat();
    let (good, mut wrong) = (good(), Vec::new());
    for (kind, change, words) in rows {
        let keys = good.iter().find(|(name, _)| *name == kind).map_or(json!({}), |(_, keys)| keys.clone());
        let mut value = pattern(kind, keys);
        merge(&mut value, change.clone());
        match read(&value) {
            Err(reason) if reason.contains(words) && reason.starts_with("auth pattern `p`") => {}
            other => wrong.push(format!("{kind} {change}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn fields_are_held_to_their_rules() {
    let field = |keys: Value| {
        let mut field = json!({ "name": "a", "label": "A", "type": "text" });
        merge(&mut field, keys);
        read(&json!({ "name": "p", "title": "P", "type": "none", "fields": [field] }))
    };
    for (keys, words) in [
        (json!({ "type": "number" }), "neither text nor password"),
        (json!({ "name": "A" }), "not a valid name"),
        (json!({ "pattern": "(" }), "not a regular expression"),
        (json!({ "pattern": "[a-z]+", "default": "A" }), "does not match its pattern"),
        (json!({ "type": "password", "default": "x" }), "a password has no default"),
        (json!({ "label": null }), "missing field `label`"),
    ] {
        let reason = field(keys.clone()).expect_err(&keys.to_string());
        assert!(reason.contains(words), "{keys}: {reason}");
    }
    let read = field(json!({ "pattern": "[a-z]+", "default": "a", "hint": "h" })).unwrap();
    assert_eq!(read.fields[0].pattern.as_deref(), Some("[a-z]+"));
    let twice = json!({ "name": "p", "title": "P", "type": "none", "fields": [fields()[0], fields()[0]] });
    assert!(super::read(&twice).unwrap_err().contains("same name"));
}
