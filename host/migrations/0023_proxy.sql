-- Whether callers may send requests of their own through a connection; NULL in rows from before.
ALTER TABLE connections ADD COLUMN proxy_enabled BIGINT;
