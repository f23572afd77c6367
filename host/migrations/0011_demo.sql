-- Flags; none in rows from before there were any, which means no.

-- Connections through which nothing leaves: their calls are answered with what could have been the answer.

ALTER TABLE connections ADD COLUMN demo BIGINT;

-- Whether nothing left for an execution because its connection was such a one.
ALTER TABLE executions ADD COLUMN simulated BIGINT;
