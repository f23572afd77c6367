-- Named secrets, shared accounts, and what an account says of itself beyond its fields.

CREATE TABLE secrets (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    -- Whose it is: a user's, an organization's, a user's within an organization, or with both empty the project's.
    identifier TEXT NOT NULL,
    organization TEXT NOT NULL,
    -- Where its value is: empty where it is sealed here, or `env:NAME` or `file:/path`.
    source TEXT NOT NULL,
    -- A JSON list of host patterns, authenticated with the sealed text.
    hosts TEXT NOT NULL,
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (project, name, identifier, organization)
);
CREATE INDEX secrets_by_project ON secrets (project, id);

-- A JSON object: field of the auth pattern to the name of the secret that fills it. NULL where there is none.
ALTER TABLE connections ADD COLUMN credentials TEXT;

-- Whether an account serves all users who have none of their own on its connection. NULL is no.
ALTER TABLE accounts ADD COLUMN shared BIGINT;
CREATE INDEX accounts_shared ON accounts (project, id) WHERE shared = 1;

-- A JSON object that is laid over the connection's settings. NULL where there is none.
ALTER TABLE accounts ADD COLUMN settings TEXT;

-- When a call last went through it, as of the last time that this was written down.
ALTER TABLE accounts ADD COLUMN last_used_at BIGINT;
