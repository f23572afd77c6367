-- Where operators' programs hear of what happens, and what they are to hear.

CREATE TABLE webhooks (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL REFERENCES projects (id),
    url TEXT NOT NULL,
    -- Names of events as a JSON list; an empty one stands for all.
    events TEXT NOT NULL,
    -- What signs, sealed; and what signed before it, which signs too until a time.
    secret TEXT NOT NULL,
    previous TEXT,
    previous_until BIGINT,
    disabled BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX webhooks_by_project ON webhooks (project, id);

-- One row for each webhook that wants to hear of something, written with the change that it tells of. There is no
-- reference to the webhook: a call must not fail because a webhook is removed at the same time.
CREATE TABLE notices (
    -- The header `webhook-id`.
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    webhook TEXT NOT NULL,
    event TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- The payload's data, without links.
    data TEXT NOT NULL,
    -- pending, delivered or dead.
    state TEXT NOT NULL,
    -- When it is sent next. A host that sends it moves this on: if that host ends meanwhile, another one's turn comes.
    due_at BIGINT NOT NULL,
    -- The host that sends it, and how often a host began to: only who began last says what came of it.
    host TEXT,
    leases BIGINT NOT NULL,
    -- How often it was sent in vain since it was written, or since somebody asked for it to be sent again.
    failures BIGINT NOT NULL,
    -- The last attempts as a JSON list.
    attempts TEXT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX notices_due ON notices (webhook, due_at) WHERE state = 'pending';
CREATE INDEX notices_pending ON notices (at) WHERE state = 'pending';
CREATE INDEX notices_by_webhook ON notices (webhook, id);
CREATE INDEX notices_ended ON notices (ended_at) WHERE state <> 'pending';
