-- What users let MCP clients do in their name, and how it comes about.

-- Where the application says who is signed in, before a client gets a token for this config; NULL for no clients.
ALTER TABLE mcp_configs ADD COLUMN verify_url TEXT;

-- Clients that registered by themselves (RFC 7591). They belong to the host: no project knows them before a user does.
CREATE TABLE mcp_clients (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    -- A JSON list.
    redirect_uris TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX mcp_clients_by_age ON mcp_clients (created_at);

-- Requests of clients for a grant, from the browser that brings one to the code that is fetched for it.
CREATE TABLE mcp_requests (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id),
    profile TEXT NOT NULL REFERENCES mcp_configs (profile),
    -- Its identifier: ours, or the URL of its document.
    client TEXT NOT NULL,
    client_name TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    -- What the client gets back as it is.
    state TEXT,
    -- The SHA-256 that its verifier must have.
    challenge TEXT NOT NULL,
    -- SHA-256 of the cookie of the browser that came.
    browser TEXT NOT NULL,
    step TEXT NOT NULL,
    -- What the application said, and the key that it said it with.
    identifier TEXT,
    organization TEXT,
    vouched_by TEXT,
    -- SHA-256 of what is in the URL of the consent page, and of the code.
    page TEXT UNIQUE,
    code TEXT UNIQUE,
    -- What the code was exchanged for.
    made TEXT,
    created_at BIGINT NOT NULL,
    -- From when on it is too late for the next step.
    expires_at BIGINT NOT NULL
);
CREATE INDEX mcp_requests_by_profile ON mcp_requests (profile);
CREATE INDEX mcp_requests_by_end ON mcp_requests (expires_at);
CREATE INDEX mcp_requests_by_client ON mcp_requests (client);

CREATE TABLE mcp_grants (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id),
    -- Whose it is, and for what: its calls are those of this instance.
    instance TEXT NOT NULL REFERENCES mcp_instances (id),
    organization TEXT,
    client TEXT NOT NULL,
    client_name TEXT NOT NULL,
    -- The key with which an application said who the user is.
    vouched_by TEXT NOT NULL,
    -- SHA-256 of the half of a refresh token that stays, and of the half that is replaced each time.
    family TEXT NOT NULL UNIQUE,
    refresh TEXT NOT NULL,
    -- SHA-256 of the access token, and of the one before it, which is good until its own time is over.
    access TEXT NOT NULL UNIQUE,
    access_until BIGINT NOT NULL,
    access_before TEXT UNIQUE,
    before_until BIGINT,
    created_at BIGINT NOT NULL,
    refreshed_at BIGINT NOT NULL,
    -- From when on it cannot be refreshed.
    expires_at BIGINT NOT NULL
);
CREATE INDEX mcp_grants_by_project ON mcp_grants (project, id);
CREATE INDEX mcp_grants_by_instance ON mcp_grants (instance);
CREATE INDEX mcp_grants_by_voucher ON mcp_grants (vouched_by);
CREATE INDEX mcp_grants_by_client ON mcp_grants (client);
CREATE INDEX mcp_grants_by_end ON mcp_grants (expires_at);
