-- Connectors that are made of an MCP server: what was found there.

-- JSON: the address that was asked, the tools as they were taken over, and those that wait for an operator. NULL for documents,
-- and for servers that were not asked yet.
ALTER TABLE declarations ADD COLUMN found TEXT;
