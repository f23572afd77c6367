//! The ways to cause a call, by surface and by route.

use gloveport::model::Surface;

/// A row: one way to cause a call by a surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// `POST /v1/tools/{name}/execute`.
    Execute,
    /// The same, without waiting for its end.
    Background,
    /// The same with an idempotency key.
    Keyed,
    /// The same as a model wrote it.
    Native,
    /// `POST /v1/proxy`: the same request, written by the caller.
    Proxied,
    /// `POST /v1/tools/execute-batch`.
    Batch,
    /// `POST /v1/connectors/{name}/test/{tool}`.
    Tried,
    /// `tools/call` at the URL of an MCP instance, in the current revision.
    Mcp,
    /// The same in one of the earlier ones.
    McpLegacy,
    /// `tools/call` at the endpoint of keys.
    McpByKey,
    /// The same with a token of this host's.
    McpByToken,
    /// `tools/call` as a line to `gloveport mcp`.
    McpBridged,
    /// A tool that a model searched for, called by the tool for that.
    McpSearched,
    /// The same in one of the earlier revisions.
    McpSearchedLegacy,
    /// `prompts/get`, of a prompt that its connector makes of what another tool answers.
    McpPrompt,
    /// `resources/read` likewise, in one of the earlier revisions.
    McpResource,
    /// A connector's call of another tool.
    Inner,
    /// A call that waited, and goes on after everything may have changed.
    Approved,
    /// The same by way of `POST /v1/executions/{id}/continue`.
    Continued,
}

/// The rows of each surface. Whoever adds a surface adds them, or the compiler refuses the test.
pub(super) fn rows(surface: Surface) -> &'static [Way] {
    match surface {
        Surface::Execute => EXECUTE,
        Surface::Batch => &[Way::Batch],
        Surface::Mcp => MCP,
        Surface::Inner => &[Way::Inner],
        Surface::ToolTest => &[Way::Tried],
        // No rule is asked about an operator who tries an account before anybody can use it: the tests of that are in
        // `connections` and `credentials`.
        Surface::AccountTest => &[],
    }
}

const EXECUTE: &[Way] =
    &[Way::Execute, Way::Native, Way::Background, Way::Keyed, Way::Proxied, Way::Approved, Way::Continued];

/// The ways of MCP clients, whose routes are described by their protocol and not by the API's document.
pub(super) const MCP: &[Way] = &[
    Way::Mcp,
    Way::McpLegacy,
    Way::McpByKey,
    Way::McpByToken,
    Way::McpBridged,
    Way::McpSearched,
    Way::McpSearchedLegacy,
    Way::McpPrompt,
    Way::McpResource,
];

/// The rows that each route is an entrance to, if it can cause a call at all. A route that is not here fails the test, so
/// that whoever adds one says what it is.
pub(super) fn entrance(route: &str) -> Option<&'static [Way]> {
    Some(match route {
        "POST /v1/tools/{name}/execute" => &[Way::Execute, Way::Native, Way::Background, Way::Keyed, Way::Inner],
        "POST /v1/proxy" => &[Way::Proxied],
        "POST /v1/tools/execute-batch" => &[Way::Batch],
        "POST /v1/connectors/{name}/test/{tool}" => &[Way::Tried],
        // It tries one tool, and takes over what that answers.
        "POST /v1/connectors/{name}/discover-tools" => &[Way::Tried],
        "POST /v1/approvals/{id}/approve" => &[Way::Approved],
        "POST /v1/executions/{id}/continue" => &[Way::Continued],
        // `Surface::AccountTest`, which has no row.
        "PUT /v1/connections/{name}/accounts/{identifier}" | "POST /v1/connections/{name}/test" => &[],
        route if CAUSES_NO_CALL.contains(&route) => &[],
        _ => return None,
    })
}

/// Routes that change something and run no tool.
const CAUSES_NO_CALL: &[&str] = &[
    "POST /v1/accounts/verify",
    "POST /v1/accounts/{id}/token",
    "POST /v1/apply",
    "POST /v1/approvals/{id}/reject",
    "POST /oauth/register",
    "POST /oauth/revoke",
    "POST /oauth/token",
    "POST /v1/clients",
    "POST /v1/clients/{id}/rotate",
    "POST /v1/signing-keys/rotate",
    "POST /v1/connections",
    "POST /v1/connections/{name}/accounts/{identifier}/authorize",
    "POST /v1/connections/{name}/accounts/{identifier}/disable",
    "POST /v1/connections/{name}/accounts/{identifier}/enable",
    "POST /v1/connections/{name}/accounts/{identifier}/refresh",
    "POST /v1/connectors",
    "POST /v1/connectors/parse-openapi",
    "POST /v1/connectors/{name}/accept-tools",
    "POST /v1/connectors/{name}/import-openapi",
    "POST /v1/executions/{id}/cancel",
    "POST /v1/keys",
    "POST /v1/mcp/authorize/verify",
    "POST /v1/mcp/configs",
    "POST /v1/mcp/instances/{id}/rotate",
    "POST /v1/modifiers",
    "POST /v1/policies",
    "POST /v1/policies/evaluate",
    "POST /v1/profiles",
    "POST /v1/webhooks",
    "POST /v1/webhooks/{id}/deliveries/{message}/retry",
    "POST /v1/webhooks/{id}/rotate",
    "POST /v1/webhooks/{id}/test",
    "PUT /v1/connectors/{name}",
    "PUT /v1/issuers/{name}",
    "PUT /v1/mcp/configs/{name}",
    "PUT /v1/mcp/configs/{name}/instances/{identifier}",
    "PUT /v1/modifiers/{name}",
    "PUT /v1/policies/defaults",
    "PUT /v1/policies/{id}",
    "PUT /v1/profiles/{name}",
    "PUT /v1/secrets/{name}",
];
