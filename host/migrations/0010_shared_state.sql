-- What hosts on one database tell each other.

-- Counts the changes of something that hosts keep in memory: who sees another number reads it anew.
CREATE TABLE revisions (
    subject TEXT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
);
INSERT INTO revisions (subject, revision) VALUES ('connectors', 0);

-- Identifiers of the master keys that credentials of this database may be sealed with, so that a host with others can
-- say so when it starts. The key that came first has 1 in `first`, the others nothing: of two hosts that start together
-- on a new database, one is first.
CREATE TABLE master_keys (
    id TEXT NOT NULL PRIMARY KEY,
    first BIGINT UNIQUE
);
