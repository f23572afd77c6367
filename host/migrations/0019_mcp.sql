-- Profiles that are served by the Model Context Protocol, and the URLs of users.

CREATE TABLE mcp_configs (
    -- What it offers; it goes with the config unless keys are bound to it.
    profile TEXT NOT NULL PRIMARY KEY REFERENCES profiles (id),
    project TEXT NOT NULL REFERENCES projects (id),
    -- How tools are shown: listed, search or both.
    shows TEXT NOT NULL
);
CREATE INDEX mcp_configs_by_project ON mcp_configs (project, profile);

CREATE TABLE mcp_instances (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id),
    profile TEXT NOT NULL REFERENCES mcp_configs (profile),
    identifier TEXT NOT NULL,
    name TEXT NOT NULL,
    -- What its calls are made with. The key's hash is that of the token in the URL.
    api_key TEXT NOT NULL UNIQUE REFERENCES api_keys (id),
    -- The token, sealed, for whoever asks for the URL again.
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (profile, identifier)
);
CREATE INDEX mcp_instances_by_project ON mcp_instances (project, id);
