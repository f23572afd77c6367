-- The audit chain: one per project, each row hashed with the one before it (decisions/0015-audit-chain.md).
-- Rows are only ever added. Hashes are SHA-256 in hex. History outlives what it tells of: no foreign keys.

CREATE TABLE audit (
    project TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    component TEXT,
    rule TEXT,
    approver TEXT,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (project, seq)
);
CREATE INDEX audit_by_subject ON audit (project, subject, seq);
-- Rows of executions are most of all: who asks for those finds some soon. The others are few among many.
CREATE INDEX audit_by_action ON audit (project, action, seq) WHERE action NOT LIKE 'execution.%';

-- The end of each chain. Whoever appends changes it first, and so makes all others wait until the commit.
CREATE TABLE audit_heads (
    project TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
