-- Calls that are asked for with an `Idempotency-Key`: who comes with the same key again gets the same answer.

CREATE TABLE idempotency_keys (
    project TEXT NOT NULL,
    api_key TEXT NOT NULL,
    -- SHA-256 of the key, in hex: callers make keys of things that are nobody else's business.
    key TEXT NOT NULL,
    -- SHA-256 of what was asked for.
    request TEXT NOT NULL,
    execution TEXT NOT NULL,
    -- The answer, sealed; none while there is none, or where the execution's record says it all.
    answer TEXT,
    kept_until BIGINT NOT NULL,
    PRIMARY KEY (project, api_key, key)
);
CREATE UNIQUE INDEX idempotency_keys_by_execution ON idempotency_keys (execution);
CREATE INDEX idempotency_keys_by_end ON idempotency_keys (kept_until);

-- The requests of an execution: a short JSON list, written with the outcome.
ALTER TABLE executions ADD COLUMN timeline TEXT;
