//! Names that the protocol gives to things.

/// The current revision: each request stands by itself.
pub(super) const MODERN: &str = "2026-07-28";

/// The revisions before it, newest first: they begin with `initialize`.
pub(super) const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// What a client speaks that says nothing of it: the header came with the revision after this.
pub(super) const UNSAID: &str = "2025-03-26";

/// The extension by which calls go on after their request (SEP-2663).
pub(super) const TASKS: &str = "io.modelcontextprotocol/tasks";

/// Keys of `_meta`.
pub(super) mod meta {
    pub(in crate::mcp) const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    pub(in crate::mcp) const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    pub(in crate::mcp) const SERVER: &str = "io.modelcontextprotocol/serverInfo";
    pub(in crate::mcp) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
    /// The record of a call.
    pub(in crate::mcp) const EXECUTION: &str = "gloveport/executionId";
}

/// Headers, in lower case.
pub(super) mod header {
    pub(in crate::mcp) const VERSION: &str = "mcp-protocol-version";
    pub(in crate::mcp) const METHOD: &str = "mcp-method";
    pub(in crate::mcp) const NAME: &str = "mcp-name";
    pub(in crate::mcp) const SESSION: &str = "mcp-session-id";
}

/// Codes of errors.
pub(super) mod code {
    pub(in crate::mcp) const PARSE: i64 = -32700;
    pub(in crate::mcp) const INVALID_REQUEST: i64 = -32600;
    pub(in crate::mcp) const NO_SUCH_METHOD: i64 = -32601;
    pub(in crate::mcp) const INVALID_PARAMS: i64 = -32602;
    pub(in crate::mcp) const INTERNAL: i64 = -32603;
    /// Of this host: refused before a method was looked at.
    pub(in crate::mcp) const REFUSED: i64 = -32000;
    /// Of this host: as many streams as there may be.
    pub(in crate::mcp) const TOO_MANY: i64 = -32001;
    pub(in crate::mcp) const NO_SUCH_RESOURCE: i64 = -32002;
    pub(in crate::mcp) const HEADER_MISMATCH: i64 = -32020;
    /// Of 2025-11-25: the user has to open a link first.
    pub(in crate::mcp) const URL_REQUIRED: i64 = -32042;
    /// What is asked for takes something of the client that it has not.
    pub(in crate::mcp) const MISSING_CAPABILITY: i64 = -32021;
    pub(in crate::mcp) const UNSUPPORTED_VERSION: i64 = -32022;
}
