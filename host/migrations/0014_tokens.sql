-- Tokens that the host gets and keeps alive.

-- What connections are known as at authorization servers. The newest of a connection is the one for new authorizations; an
-- account stays with the one that it was authorized with.
CREATE TABLE oauth_clients (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    connection TEXT NOT NULL,
    client_id TEXT NOT NULL,
    -- Sealed; none for public clients.
    secret TEXT,
    -- A JSON list: the only hosts that the secret may be sent to, as templates over an account's public fields.
    hosts TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    FOREIGN KEY (project, connection) REFERENCES connections (project, id)
);
CREATE INDEX oauth_clients_by_connection ON oauth_clients (project, connection, id);

-- Scopes that are asked for: a JSON list; NULL for none.
ALTER TABLE connections ADD COLUMN scopes TEXT;

-- Of the access token.
ALTER TABLE accounts ADD COLUMN expires_at BIGINT;
ALTER TABLE accounts ADD COLUMN refreshed_at BIGINT;
-- The client that the account was authorized with.
ALTER TABLE accounts ADD COLUMN oauth_client TEXT;
-- Why the account is not active, for people.
ALTER TABLE accounts ADD COLUMN error TEXT;
-- Hosts of sealed fields that do not go where the others go: a JSON object from field to list.
ALTER TABLE accounts ADD COLUMN field_hosts TEXT;
-- Who gets a new token at this moment, until when at most, and under which number.
ALTER TABLE accounts ADD COLUMN refresh_host TEXT;
ALTER TABLE accounts ADD COLUMN refresh_until BIGINT;
ALTER TABLE accounts ADD COLUMN refresh_lease BIGINT;

-- Tokens of accounts that are gone, until their provider was told.
CREATE TABLE revocations (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    account TEXT NOT NULL,
    -- A JSON object: where to tell it and how. Nothing in it is secret.
    request TEXT NOT NULL,
    -- A JSON object: name of the field to its sealed text, as they were in the account, and the client's secret.
    sealed TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    leases BIGINT NOT NULL,
    failures BIGINT NOT NULL
);
CREATE INDEX revocations_by_due ON revocations (due_at);
