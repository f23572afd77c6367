-- Where the secret of an OAuth client is, if it is not in its row: `secret:NAME` is a named secret, `credential:NAME` one that
-- holds identifier and secret. NULL where it is in the row, or there is none.
ALTER TABLE oauth_clients ADD COLUMN secret_from TEXT;
