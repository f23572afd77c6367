-- How a call was caused, and the rule that decided on it. NULL for calls of before this was written down; the rule also
-- where none spoke of the call.
ALTER TABLE executions ADD COLUMN surface TEXT;
ALTER TABLE executions ADD COLUMN rule TEXT;
