-- Connections through which nothing leaves: their calls are answered with what could have been the answer.

ALTER TABLE connections ADD COLUMN demo BIGINT NOT NULL DEFAULT 0;

-- Whether nothing left for an execution because its connection was such a one.
ALTER TABLE executions ADD COLUMN simulated BIGINT NOT NULL DEFAULT 0;
