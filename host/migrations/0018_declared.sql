-- Connectors that are no component of their own: made of a document, and run by the generic one. Their tools are in
-- `connector_versions` like all others.

CREATE TABLE declarations (
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    -- As it was given or fetched: what another import with other options begins with.
    document TEXT NOT NULL,
    -- Where it was fetched. NULL if it was given.
    url TEXT,
    -- A JSON object: what the operator said of the import.
    options TEXT NOT NULL,
    -- A JSON list of what the document calls each operation, its tool, and when it was removed if it was.
    operations TEXT NOT NULL,
    imported_at BIGINT NOT NULL,
    PRIMARY KEY (project, name),
    FOREIGN KEY (project, name) REFERENCES connectors (project, name)
);
