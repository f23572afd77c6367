-- Attempts to authorize accounts, from the link to the end, and what happened to accounts.

CREATE TABLE auth_requests (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    connection TEXT NOT NULL,
    account TEXT NOT NULL,
    -- Who made the link.
    api_key TEXT NOT NULL,
    -- SHA-256 of the link's token, and of the `state` that goes to the provider.
    token_hash TEXT NOT NULL UNIQUE,
    state_hash TEXT UNIQUE,
    -- SHA-256 of the cookie of the browser that went on.
    browser TEXT,
    step TEXT NOT NULL,
    verify_url TEXT,
    verify_state TEXT,
    scopes TEXT NOT NULL,
    -- How often credentials were filled in that did not work.
    attempts BIGINT NOT NULL,
    -- What the next step needs, sealed: the PKCE verifier, and later the tokens that wait.
    kept TEXT,
    -- Why it failed: a word, and what the provider said.
    failure TEXT,
    said TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX auth_requests_by_account ON auth_requests (account);
CREATE INDEX auth_requests_by_end ON auth_requests (expires_at);

CREATE TABLE account_events (
    account TEXT NOT NULL,
    -- Counts the events of an account.
    seq BIGINT NOT NULL,
    project TEXT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (account, seq)
);
CREATE INDEX account_events_by_time ON account_events (at);
