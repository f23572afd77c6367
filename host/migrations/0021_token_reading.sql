-- Whether a key that was made for it may read tokens of the connection's accounts. NULL is no.
ALTER TABLE connections ADD COLUMN reveals_tokens BIGINT;
