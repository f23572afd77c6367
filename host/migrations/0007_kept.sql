-- What is kept of every call, and how its record is found among many.

-- What of the input may be shown: sealed, without secrets; empty where `request` holds none; NULL where nobody has
-- looked, and then it is not shown.
ALTER TABLE execution_bodies ADD COLUMN input_seen TEXT;
-- The same of the output.
ALTER TABLE execution_bodies ADD COLUMN output_seen TEXT;
-- Whether whoever asked got only an identifier, and comes for the output; none in rows from before there was the question,
-- which were of such calls only.
ALTER TABLE execution_bodies ADD COLUMN to_collect BIGINT;

-- For each filter of the list of executions; those of the first migration serve the others.
CREATE INDEX executions_by_status ON executions (project, status, id);
CREATE INDEX executions_by_key ON executions (project, api_key, id);
CREATE INDEX executions_by_trigger ON executions (project, trigger_type, id) WHERE trigger_type IS NOT NULL;

-- What people saw of calls that waited, until it goes with the call's bodies: few among all approvals.
CREATE INDEX approvals_shown ON approvals (execution) WHERE state <> 'pending' AND shown <> '';
