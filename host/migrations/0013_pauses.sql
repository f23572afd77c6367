-- What a call waits for that is no approval: the user, or calls that it made.

CREATE TABLE input_requests (
    execution TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    -- The question and the schema of its answer, sealed.
    shown TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX input_requests_by_end ON input_requests (expires_at);

CREATE TABLE awaited_calls (
    parent TEXT NOT NULL,
    child TEXT NOT NULL,
    project TEXT NOT NULL,
    PRIMARY KEY (parent, child)
);
CREATE INDEX awaited_calls_by_child ON awaited_calls (child);
