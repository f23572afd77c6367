-- What MCP configs offer besides tools.

-- `prompts`, `resources` or `both`; NULL for tools alone.
ALTER TABLE mcp_configs ADD COLUMN offers TEXT;
