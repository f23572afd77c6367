-- What one agent may use: connections, tools of them, preset parameters.

CREATE TABLE profiles (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    -- A JSON list: connections with their tools and what holds for these.
    connections TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (project, name)
);

-- One row per project that has made any: a number that grows with each change of a profile, so that hosts know when to
-- read them again. It outlives the profiles, so that no two states of a project ever have the same number.
CREATE TABLE profile_sets (
    project TEXT NOT NULL PRIMARY KEY REFERENCES projects (id),
    revision BIGINT NOT NULL
);

-- A key that is bound to a profile keeps it from being removed: unbound, it could do more and not less.
ALTER TABLE api_keys ADD COLUMN profile TEXT REFERENCES profiles (id);
CREATE INDEX api_keys_by_profile ON api_keys (profile) WHERE profile IS NOT NULL;

-- A JSON object: name of a tool to its preset parameters. NULL where nothing is preset.
ALTER TABLE connections ADD COLUMN presets TEXT;
