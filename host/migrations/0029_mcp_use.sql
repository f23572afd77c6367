-- What two who change one thing at once are told apart by, and which clients anybody lets do something.

-- Counts the changes of a declared connector: who made one of what it was does not undo what somebody else did meanwhile.
ALTER TABLE declarations ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

-- When a user last let this client do something, or it renewed its tokens; NULL for one that only registered.
ALTER TABLE mcp_clients ADD COLUMN used_at BIGINT;
CREATE INDEX mcp_clients_by_use ON mcp_clients (used_at, created_at);
UPDATE mcp_clients SET used_at = (SELECT MAX(g.refreshed_at) FROM mcp_grants g WHERE g.client = mcp_clients.id);
