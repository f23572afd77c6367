//! Which scope each route needs: the one place that says it, for the server and for the document.

use axum::extract::MatchedPath;
use axum::http::request::Parts;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;

use super::Problem;
use crate::model::CallerScope::{self, *};
use crate::model::{Code, Culprit, Fault};

/// Every route that takes a caller, in the order of the paths. One that is not here answers nobody, and a test says so.
#[rustfmt::skip]
const ROUTES: &[(&str, &str, CallerScope)] = &[
    ("GET", "/v1/accounts", AccountsRead),
    ("GET", "/v1/accounts/readiness", AccountsRead),
    ("GET", "/v1/accounts/{id}", AccountsRead),
    ("GET", "/v1/accounts/{id}/events", AccountsRead),
    ("POST", "/v1/accounts/{id}/token", AccountsTokens),
    ("PATCH", "/v1/accounts/{id}", AccountsWrite),
    ("DELETE", "/v1/accounts/{id}", AccountsWrite),
    ("POST", "/v1/accounts/verify", AccountsWrite),
    // And those of each kind that is applied, which the handler asks for.
    ("POST", "/v1/apply", ConnectionsRead),
    ("GET", "/v1/approvals", ApprovalsRead),
    ("GET", "/v1/approvals/{id}", ApprovalsRead),
    ("POST", "/v1/approvals/{id}/approve", ApprovalsDecide),
    ("POST", "/v1/approvals/{id}/reject", ApprovalsDecide),
    ("GET", "/v1/audit", AuditRead),
    ("GET", "/v1/callers", CallersRead),
    ("GET", "/v1/clients", CallersRead),
    ("POST", "/v1/clients", CallersWrite),
    ("GET", "/v1/clients/{id}", CallersRead),
    ("PATCH", "/v1/clients/{id}", CallersWrite),
    ("DELETE", "/v1/clients/{id}", CallersWrite),
    ("POST", "/v1/clients/{id}/rotate", CallersWrite),
    ("GET", "/v1/connections", ConnectionsRead),
    ("POST", "/v1/connections", ConnectionsWrite),
    ("GET", "/v1/connections/{name}", ConnectionsRead),
    ("PATCH", "/v1/connections/{name}", ConnectionsWrite),
    ("DELETE", "/v1/connections/{name}", ConnectionsWrite),
    ("POST", "/v1/connections/{name}/test", ConnectionsWrite),
    ("GET", "/v1/connections/{name}/accounts/{identifier}", AccountsRead),
    ("PUT", "/v1/connections/{name}/accounts/{identifier}", AccountsWrite),
    ("PATCH", "/v1/connections/{name}/accounts/{identifier}", AccountsWrite),
    ("DELETE", "/v1/connections/{name}/accounts/{identifier}", AccountsWrite),
    ("POST", "/v1/connections/{name}/accounts/{identifier}/authorize", AccountsWrite),
    ("POST", "/v1/connections/{name}/accounts/{identifier}/disable", AccountsWrite),
    ("POST", "/v1/connections/{name}/accounts/{identifier}/enable", AccountsWrite),
    ("POST", "/v1/connections/{name}/accounts/{identifier}/refresh", AccountsWrite),
    ("GET", "/v1/catalog", ConnectorsRead),
    ("GET", "/v1/connectors", ConnectorsRead),
    ("POST", "/v1/connectors", ConnectorsWrite),
    ("POST", "/v1/connectors/parse-openapi", ConnectorsWrite),
    ("GET", "/v1/connectors/{name}", ConnectorsRead),
    ("PUT", "/v1/connectors/{name}", ConnectorsWrite),
    ("DELETE", "/v1/connectors/{name}", ConnectorsWrite),
    ("POST", "/v1/connectors/{name}/import-openapi", ConnectorsWrite),
    ("POST", "/v1/connectors/{name}/discover-tools", ConnectorsWrite),
    ("POST", "/v1/connectors/{name}/accept-tools", ConnectorsWrite),
    ("POST", "/v1/connectors/{name}/test/{tool}", ConnectorsWrite),
    ("GET", "/v1/executions", ExecutionsOwn),
    ("GET", "/v1/executions/{id}", ExecutionsOwn),
    ("GET", "/v1/executions/{id}/result", ExecutionsOwn),
    ("POST", "/v1/executions/{id}/cancel", ToolsExecute),
    ("POST", "/v1/executions/{id}/continue", ToolsExecute),
    ("GET", "/v1/export", ConnectionsRead),
    ("GET", "/v1/issuers", CallersRead),
    ("GET", "/v1/issuers/{name}", CallersRead),
    ("PUT", "/v1/issuers/{name}", CallersWrite),
    ("DELETE", "/v1/issuers/{name}", CallersWrite),
    ("GET", "/v1/keys", CallersRead),
    ("POST", "/v1/keys", CallersWrite),
    ("DELETE", "/v1/keys/{id}", CallersWrite),
    ("POST", "/v1/mcp/authorize/verify", McpWrite),
    ("GET", "/v1/mcp/configs", McpRead),
    ("POST", "/v1/mcp/configs", McpWrite),
    ("GET", "/v1/mcp/configs/{name}", McpRead),
    ("PUT", "/v1/mcp/configs/{name}", McpWrite),
    ("DELETE", "/v1/mcp/configs/{name}", McpWrite),
    ("PUT", "/v1/mcp/configs/{name}/instances/{identifier}", McpWrite),
    ("GET", "/v1/mcp/grants", McpRead),
    ("DELETE", "/v1/mcp/grants/{id}", McpWrite),
    ("GET", "/v1/mcp/instances", McpRead),
    ("GET", "/v1/mcp/instances/{id}", McpRead),
    ("DELETE", "/v1/mcp/instances/{id}", McpWrite),
    ("GET", "/v1/mcp/instances/{id}/auth-state", McpRead),
    ("POST", "/v1/mcp/instances/{id}/rotate", McpWrite),
    ("GET", "/v1/modifiers", ModifiersRead),
    ("POST", "/v1/modifiers", ModifiersWrite),
    ("GET", "/v1/modifiers/{name}", ModifiersRead),
    ("PUT", "/v1/modifiers/{name}", ModifiersWrite),
    ("DELETE", "/v1/modifiers/{name}", ModifiersWrite),
    ("GET", "/v1/policies", PoliciesRead),
    ("POST", "/v1/policies", PoliciesWrite),
    ("GET", "/v1/policies/defaults", PoliciesRead),
    ("PUT", "/v1/policies/defaults", PoliciesWrite),
    ("POST", "/v1/policies/evaluate", PoliciesRead),
    ("GET", "/v1/policies/{id}", PoliciesRead),
    ("PUT", "/v1/policies/{id}", PoliciesWrite),
    ("DELETE", "/v1/policies/{id}", PoliciesWrite),
    ("GET", "/v1/profiles", ProfilesRead),
    ("POST", "/v1/profiles", ProfilesWrite),
    ("GET", "/v1/profiles/{name}", ProfilesRead),
    ("PUT", "/v1/profiles/{name}", ProfilesWrite),
    ("DELETE", "/v1/profiles/{name}", ProfilesWrite),
    ("POST", "/v1/proxy", ToolsExecute),
    ("GET", "/v1/secrets", SecretsRead),
    ("GET", "/v1/secrets/{name}", SecretsRead),
    ("PUT", "/v1/secrets/{name}", SecretsWrite),
    ("DELETE", "/v1/secrets/{name}", SecretsWrite),
    ("POST", "/v1/signing-keys/rotate", CallersWrite),
    ("GET", "/v1/tools", ToolsRead),
    ("POST", "/v1/tools/execute-batch", ToolsExecute),
    ("GET", "/v1/tools/{name}", ToolsRead),
    ("POST", "/v1/tools/{name}/execute", ToolsExecute),
    ("GET", "/v1/webhooks", WebhooksRead),
    ("POST", "/v1/webhooks", WebhooksWrite),
    ("GET", "/v1/webhooks/{id}", WebhooksRead),
    ("PATCH", "/v1/webhooks/{id}", WebhooksWrite),
    ("DELETE", "/v1/webhooks/{id}", WebhooksWrite),
    ("GET", "/v1/webhooks/{id}/deliveries", WebhooksRead),
    ("POST", "/v1/webhooks/{id}/deliveries/{message}/retry", WebhooksWrite),
    ("POST", "/v1/webhooks/{id}/rotate", WebhooksWrite),
    ("POST", "/v1/webhooks/{id}/test", WebhooksWrite),
];

/// What a caller of the matched route must be allowed to do.
pub(super) fn needed(parts: &Parts) -> Result<CallerScope, Problem> {
    let path = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    of(parts.method.as_str(), path).ok_or_else(|| {
        tracing::error!(method = %parts.method, path, "the route has no scope: name it in `api/scopes.rs`");
        Fault::new(Code::Forbidden, Culprit::Host, "the host does not know what this route needs: tell its makers")
            .into()
    })
}

/// Says in the document what each route needs.
pub(super) fn describe(document: &mut OpenApi, scheme: &str) {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("GET", &mut item.get),
            ("PUT", &mut item.put),
            ("POST", &mut item.post),
            ("DELETE", &mut item.delete),
            ("PATCH", &mut item.patch),
        ];
        for (method, operation) in operations {
            if let (Some(operation), Some(scope)) = (operation, of(method, path)) {
                require(operation, scheme, scope);
            }
        }
    }
}

fn require(operation: &mut Operation, scheme: &str, scope: CallerScope) {
    operation.security = Some(vec![SecurityRequirement::new(scheme, [scope.as_str()])]);
}

fn of(method: &str, path: &str) -> Option<CallerScope> {
    // HEAD is answered by the handlers of GET.
    let method = if method == "HEAD" { "GET" } else { method };
    ROUTES.iter().find(|(known, route, _)| *known == method && *route == path).map(|(_, _, scope)| *scope)
}
