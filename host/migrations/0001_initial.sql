-- The first history of both databases: TEXT and BIGINT only, so that SQLite and PostgreSQL read it alike.
-- JSON is text, a moment is milliseconds since 1970, a flag is 0 or 1. A migration that was released is never edited.

CREATE TABLE projects (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id),
    hash TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    identifier TEXT,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX api_keys_by_project ON api_keys (project, id);

-- The bytes of a component, once per digest whatever the number of projects: base64.
CREATE TABLE components (
    digest TEXT NOT NULL PRIMARY KEY,
    wasm TEXT NOT NULL,
    size BIGINT NOT NULL
);

-- What a connection refers to: a name whose version may change under it.
CREATE TABLE connectors (
    project TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    current_version TEXT NOT NULL,
    PRIMARY KEY (project, name)
);

CREATE TABLE connector_versions (
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES components (digest),
    manifest TEXT NOT NULL,
    tools TEXT NOT NULL,
    imports TEXT NOT NULL,
    installed_at BIGINT NOT NULL,
    PRIMARY KEY (project, name, version),
    FOREIGN KEY (project, name) REFERENCES connectors (project, name)
);
CREATE INDEX connector_versions_by_digest ON connector_versions (digest);

CREATE TABLE connections (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    connector TEXT NOT NULL,
    auth_pattern TEXT NOT NULL,
    base_url TEXT,
    settings TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (project, name),
    -- Lets accounts refer to a connection of their own project and of no other.
    UNIQUE (project, id),
    FOREIGN KEY (project, connector) REFERENCES connectors (project, name)
);
CREATE INDEX connections_by_connector ON connections (project, connector);

CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    connection TEXT NOT NULL,
    identifier TEXT NOT NULL,
    organization TEXT NOT NULL,
    label TEXT NOT NULL,
    state TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    fields TEXT NOT NULL,
    scopes TEXT NOT NULL,
    hosts TEXT NOT NULL,
    -- A JSON object: name of the field to its sealed text.
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (connection, identifier, organization, label),
    FOREIGN KEY (project, connection) REFERENCES connections (project, id)
);
CREATE INDEX accounts_by_project ON accounts (project, id);
CREATE INDEX accounts_by_connection ON accounts (project, connection);
CREATE INDEX accounts_by_identifier ON accounts (project, identifier, id);

-- History outlives what it tells of, so it refers to nothing by foreign key.
CREATE TABLE executions (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    host TEXT NOT NULL,
    api_key TEXT NOT NULL,
    tool TEXT NOT NULL,
    component TEXT NOT NULL,
    connection TEXT NOT NULL,
    account TEXT NOT NULL,
    identifier TEXT NOT NULL,
    tool_call_id TEXT,
    parent TEXT,
    chat_id TEXT,
    trigger_type TEXT,
    input_digest TEXT NOT NULL,
    status TEXT NOT NULL,
    code TEXT,
    culprit TEXT,
    detail TEXT,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    total_us BIGINT NOT NULL DEFAULT 0,
    guest_us BIGINT NOT NULL DEFAULT 0,
    upstream_us BIGINT NOT NULL DEFAULT 0,
    requests BIGINT NOT NULL DEFAULT 0,
    bytes_sent BIGINT NOT NULL DEFAULT 0,
    bytes_received BIGINT NOT NULL DEFAULT 0,
    scrubbed BIGINT NOT NULL DEFAULT 0
);
-- Identifiers of executions sort by time, so each of these also gives the newest first.
CREATE INDEX executions_by_project ON executions (project, id);
CREATE INDEX executions_by_identifier ON executions (project, identifier, id);
CREATE INDEX executions_by_tool ON executions (project, tool, id);
CREATE INDEX executions_by_chat ON executions (project, chat_id, id) WHERE chat_id IS NOT NULL;
CREATE INDEX executions_by_parent ON executions (project, parent, id) WHERE parent IS NOT NULL;
-- What a host was doing when it ended: few rows, because an outcome takes a row out.
CREATE INDEX executions_running ON executions (host) WHERE status = 'started';
