-- What `apply` made: only this may it remove again.

CREATE TABLE applied (
    project TEXT NOT NULL REFERENCES projects (id),
    -- The set of files that it came of.
    file_set TEXT NOT NULL,
    -- `connector`, `connection`, `policy` and so on.
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    -- The identifier of what was made, so that another thing of the same name is not taken for it. Empty for connectors,
    -- which have none: removing one removes its row here.
    made TEXT NOT NULL,
    applied_at BIGINT NOT NULL,
    PRIMARY KEY (project, kind, name)
);
