//! `/openapi.json` describes the running server: every route it names is there, and answers as documented.

use serde_json::{Value, json};

use super::bed::Bed;
use super::documented::Document;

/// Every documented route answers with something other than "no such route", and only those.
#[tokio::test]
async fn every_documented_route_is_served() {
    let bed = Bed::start().await;
    let unrouted = bed.client().get("/v1/nothing").await.expect(404)["detail"].clone();
    for operation in bed.document().operations() {
        let target = operation.target(|_, _| "nothing".into());
        let answer = bed.client().send(&operation.method, &target, &[], "").await;
        assert_ne!(answer.json()["detail"], unrouted, "{operation:?}");
        assert_ne!(answer.status, 405, "{operation:?}");
        assert!(answer.header("x-request-id").is_some_and(|id| id.starts_with("req_")), "{operation:?}");
    }
    for (method, path) in [("POST", "/healthz"), ("DELETE", "/v1/tools"), ("PUT", "/v1/keys"), ("TRACE", "/v1/keys")] {
        assert_eq!(bed.client().send(method, path, &[], "").await.problem(405), "invalid_request", "{method} {path}");
    }
    for path in ["/", "/v1", "/v1/", "/v2/tools", "/v1/tools/", "/v1/tools/a/b", "//v1/tools", "/openapi.json/"] {
        assert_eq!(bed.client().get(path).await.problem(404), "not_found", "{path}");
    }
}

/// All routes, sorted.
const ROUTES: &str = r"
    DELETE /v1/accounts/{id}
    DELETE /v1/clients/{id}
    DELETE /v1/connections/{name}
    DELETE /v1/connections/{name}/accounts/{identifier}
    DELETE /v1/connectors/{name}
    DELETE /v1/issuers/{name}
    DELETE /v1/keys/{id}
    DELETE /v1/mcp/configs/{name}
    DELETE /v1/mcp/grants/{id}
    DELETE /v1/mcp/instances/{id}
    DELETE /v1/modifiers/{name}
    DELETE /v1/policies/{id}
    DELETE /v1/profiles/{name}
    DELETE /v1/secrets/{name}
    DELETE /v1/webhooks/{id}
    GET /healthz
    GET /keys
    GET /metrics
    GET /readyz
    GET /v1/accounts
    GET /v1/accounts/readiness
    GET /v1/accounts/{id}
    GET /v1/accounts/{id}/events
    GET /v1/approvals
    GET /v1/approvals/{id}
    GET /v1/audit
    GET /v1/callers
    GET /v1/catalog
    GET /v1/clients
    GET /v1/clients/{id}
    GET /v1/connections
    GET /v1/connections/{name}
    GET /v1/connections/{name}/accounts/{identifier}
    GET /v1/connectors
    GET /v1/connectors/{name}
    GET /v1/executions
    GET /v1/executions/{id}
    GET /v1/executions/{id}/result
    GET /v1/export
    GET /v1/issuers
    GET /v1/issuers/{name}
    GET /v1/keys
    GET /v1/mcp/configs
    GET /v1/mcp/configs/{name}
    GET /v1/mcp/grants
    GET /v1/mcp/instances
    GET /v1/mcp/instances/{id}
    GET /v1/mcp/instances/{id}/auth-state
    GET /v1/modifiers
    GET /v1/modifiers/{name}
    GET /v1/policies
    GET /v1/policies/defaults
    GET /v1/policies/{id}
    GET /v1/profiles
    GET /v1/profiles/{name}
    GET /v1/secrets
    GET /v1/secrets/{name}
    GET /v1/tools
    GET /v1/tools/{name}
    GET /v1/webhooks
    GET /v1/webhooks/{id}
    GET /v1/webhooks/{id}/deliveries
    PATCH /v1/accounts/{id}
    PATCH /v1/clients/{id}
    PATCH /v1/connections/{name}
    PATCH /v1/connections/{name}/accounts/{identifier}
    PATCH /v1/webhooks/{id}
    POST /oauth/register
    POST /oauth/revoke
    POST /oauth/token
    POST /v1/accounts/verify
    POST /v1/accounts/{id}/token
    POST /v1/apply
    POST /v1/approvals/{id}/approve
    POST /v1/approvals/{id}/reject
    POST /v1/clients
    POST /v1/clients/{id}/rotate
    POST /v1/connections
    POST /v1/connections/{name}/accounts/{identifier}/authorize
    POST /v1/connections/{name}/accounts/{identifier}/disable
    POST /v1/connections/{name}/accounts/{identifier}/enable
    POST /v1/connections/{name}/accounts/{identifier}/refresh
    POST /v1/connections/{name}/test
    POST /v1/connectors
    POST /v1/connectors/parse-openapi
    POST /v1/connectors/{name}/accept-tools
    POST /v1/connectors/{name}/discover-tools
    POST /v1/connectors/{name}/import-openapi
    POST /v1/connectors/{name}/test/{tool}
    POST /v1/executions/{id}/cancel
    POST /v1/executions/{id}/continue
    POST /v1/keys
    POST /v1/mcp/authorize/verify
    POST /v1/mcp/configs
    POST /v1/mcp/instances/{id}/rotate
    POST /v1/modifiers
    POST /v1/policies
    POST /v1/policies/evaluate
    POST /v1/profiles
    POST /v1/proxy
    POST /v1/signing-keys/rotate
    POST /v1/tools/execute-batch
    POST /v1/tools/{name}/execute
    POST /v1/webhooks
    POST /v1/webhooks/{id}/deliveries/{message}/retry
    POST /v1/webhooks/{id}/rotate
    POST /v1/webhooks/{id}/test
    PUT /v1/connections/{name}/accounts/{identifier}
    PUT /v1/connectors/{name}
    PUT /v1/issuers/{name}
    PUT /v1/mcp/configs/{name}
    PUT /v1/mcp/configs/{name}/instances/{identifier}
    PUT /v1/modifiers/{name}
    PUT /v1/policies/defaults
    PUT /v1/policies/{id}
    PUT /v1/profiles/{name}
    PUT /v1/secrets/{name}
";

/// The routes that the document describes, sorted: with a key for all but the open ones, and all parts of paths named.
fn routes(document: &Document) -> Vec<String> {
    let mut routes: Vec<String> = Vec::new();
    for operation in document.operations() {
        let open = ["/healthz", "/readyz", "/metrics", "/oauth/register", "/oauth/revoke", "/oauth/token", "/keys"]
            .contains(&operation.path.as_str());
        assert_eq!(operation.is_open(), open, "{operation:?}");
        let named = operation.path.matches('{').count();
        assert_eq!(operation.parameters("path").len(), named, "{operation:?}");
        routes.push(format!("{} {}", operation.method, operation.path));
    }
    routes.sort();
    routes
}

/// The contract's routes of this stage are in it, under one title, with a key for all but the open ones.
#[tokio::test]
async fn the_document_is_complete() {
    let bed = Bed::start().await;
    assert_eq!(bed.document().value()["openapi"], "3.1.0");
    let expected: Vec<_> = ROUTES.lines().map(str::trim).filter(|route| !route.is_empty()).collect();
    assert_eq!(routes(bed.document()), expected);
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let bed = Bed::start().await;
    let document = bed.document();
    let text = document.value().to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.value().pointer(reference).is_some(), "{reference}");
    }
    assert_eq!(document.value()["components"]["securitySchemes"]["key"]["scheme"], json!("bearer"));
    assert!(document.value()["paths"].as_object().unwrap().values().all(Value::is_object));
}
