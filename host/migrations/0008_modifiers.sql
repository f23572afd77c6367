-- What stands before and after tools: steps, or a component.

CREATE TABLE modifiers (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    -- A JSON list of patterns.
    tools TEXT NOT NULL,
    -- A JSON list of names of connections. NULL for all of them.
    connections TEXT,
    -- `before` or `after`.
    run_when TEXT NOT NULL,
    position BIGINT NOT NULL,
    -- Grows with each modifier that a project makes: of two at one position, the one that was made first runs first.
    registered BIGINT NOT NULL,
    -- A JSON list, or NULL for a component.
    steps TEXT,
    component TEXT REFERENCES components (digest),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (project, name)
);

-- So that bytes which nothing points to are found without reading all modifiers.
CREATE INDEX modifiers_by_component ON modifiers (component) WHERE component IS NOT NULL;

-- One row per project that has made any: a number that grows with each change of a modifier, so that hosts know when to
-- read them again. It outlives the modifiers, so that no two states of a project ever have the same number.
CREATE TABLE modifier_sets (
    project TEXT NOT NULL PRIMARY KEY REFERENCES projects (id),
    revision BIGINT NOT NULL
);
