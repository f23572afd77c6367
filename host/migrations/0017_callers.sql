-- Who may call besides API keys: clients that fetch short-lived tokens, and issuers whose tokens are taken.

-- Names of scopes with spaces between; NULL for those of the role.
ALTER TABLE api_keys ADD COLUMN scopes TEXT;

CREATE TABLE clients (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    -- SHA-256 of the secret, in hex.
    hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    identifier TEXT,
    profile TEXT REFERENCES profiles (id),
    created_at BIGINT NOT NULL
);
CREATE INDEX clients_by_project ON clients (project, id);
CREATE INDEX clients_by_profile ON clients (profile) WHERE profile IS NOT NULL;

-- What tokens are signed with. Each project has its own, so that nobody's token is another project's.
CREATE TABLE signing_keys (
    -- The `kid`.
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id),
    -- The point of the P-256 curve, uncompressed, base64url.
    public TEXT NOT NULL,
    -- PKCS #8, sealed.
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When another key took over. It is published until its last token has run out.
    retired_at BIGINT
);
CREATE UNIQUE INDEX signing_keys_current ON signing_keys (project) WHERE retired_at IS NULL;

CREATE TABLE issuers (
    project TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    issuer TEXT NOT NULL,
    audience TEXT NOT NULL,
    -- NULL where the issuer's metadata tells it.
    jwks_url TEXT,
    -- A JSON list.
    algorithms TEXT NOT NULL,
    -- A JSON object: which claim is what.
    claims TEXT NOT NULL,
    -- The most that its tokens may do.
    scopes TEXT NOT NULL,
    profile TEXT REFERENCES profiles (id),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project, name),
    -- A token of one issuer for one audience belongs to one project.
    UNIQUE (issuer, audience)
);
CREATE INDEX issuers_by_profile ON issuers (profile) WHERE profile IS NOT NULL;

-- Callers by token that were seen: what their identifiers in records stand for, and what a call that waited goes on as.
CREATE TABLE principals (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id),
    -- Identifier of its client, or the name of an issuer's row.
    source TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    identifier TEXT,
    organization TEXT,
    role TEXT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX principals_by_project ON principals (project, id);
