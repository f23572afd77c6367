-- When bodies go follows from when their call ended, which its record says: so each call writes two entries of an index
-- less, and a time that is set anew holds for what is there.
DROP INDEX execution_bodies_by_end;
ALTER TABLE execution_bodies DROP COLUMN kept_until;
