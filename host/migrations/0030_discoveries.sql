-- MCP servers that the host asks for their tools by itself: with whose account, and when.

CREATE TABLE discoveries (
    project TEXT NOT NULL,
    -- The connector.
    name TEXT NOT NULL,
    -- The account that the server is asked with.
    account TEXT NOT NULL,
    -- The user and the organization that it acts for, where a shared one serves somebody. NULL where nobody was named.
    identifier TEXT,
    organization TEXT,
    -- The key that asked first: what the host asks, it asks in its name.
    asked_by TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    -- When the host asks again. NULL: not before an operator does.
    next_at BIGINT,
    -- For how long the server said that its list stays, in milliseconds. NULL where it does not say.
    fresh_for BIGINT,
    -- How often it failed in a row.
    failures BIGINT NOT NULL,
    -- Why it failed the last time, for people.
    error TEXT,
    PRIMARY KEY (project, name, account),
    FOREIGN KEY (project, name) REFERENCES connectors (project, name)
);
CREATE INDEX discoveries_by_time ON discoveries (next_at);

-- The tools that an MCP server showed with this account, by its own names, each on a line. NULL where it was not asked.
ALTER TABLE accounts ADD COLUMN shown_tools TEXT;
