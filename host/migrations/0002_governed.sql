-- What may run, what waits for a person, and what a call that waits needs to go on.

CREATE TABLE policies (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id),
    -- Rules are tried in this order; equal positions in the order of their identifiers.
    position BIGINT NOT NULL,
    name TEXT NOT NULL,
    condition TEXT NOT NULL,
    outcome TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX policies_by_project ON policies (project, position, id);

-- One row per project that has set anything: the outcomes where no rule holds, and a number that grows with each
-- change of rules or outcomes, so that hosts know when to read them again.
CREATE TABLE policy_sets (
    project TEXT NOT NULL PRIMARY KEY REFERENCES projects (id),
    revision BIGINT NOT NULL,
    fallback TEXT
);

CREATE TABLE approvals (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    execution TEXT NOT NULL,
    state TEXT NOT NULL,
    at TEXT NOT NULL,
    tool TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    rule TEXT,
    why TEXT NOT NULL,
    ask TEXT NOT NULL,
    -- Digest of the request that waits, in hex; none where nothing has run yet.
    request TEXT,
    -- The request as people see it and the requests before it, sealed.
    shown TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_at BIGINT,
    decided_by TEXT,
    reason TEXT
);
CREATE INDEX approvals_by_project ON approvals (project, id);
CREATE INDEX approvals_by_execution ON approvals (execution);
CREATE INDEX approvals_pending ON approvals (expires_at) WHERE state = 'pending';

-- What a call needs to go on, and what it answered after it waited: sealed, and gone after a while.
CREATE TABLE execution_bodies (
    execution TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    request TEXT NOT NULL,
    journal TEXT,
    output TEXT,
    kept_until BIGINT NOT NULL
);
CREATE INDEX execution_bodies_by_end ON execution_bodies (kept_until);
