-- Bounded counters in Postgres. Each operation is one function: one statement, so one transaction and one round trip.
--
-- Workers run this file where they find a function missing. To install it by hand, run it with search_path set to the
-- schema; roles then need USAGE of the schema and SELECT, INSERT, UPDATE and DELETE on the three tables.
--
-- Numbers are answered as JSON with all the digits of a double. Texts are ASCII, whatever the encoding of the database.
-- Moments are Unix milliseconds; `_at` null is the server's own clock. Advisory locks are in two classes of ours, the
-- bytes of 'govd' as a number and the number after it.

-- Workers that run this at the same moment take turns.
SELECT pg_advisory_xact_lock(1735357028, 1);

-- An adapter makes its schema when it is made itself; if it could not connect then, never.
DO $$
BEGIN
  IF current_schema() IS NULL THEN
    EXECUTE 'CREATE SCHEMA ' || current_setting('search_path');
  END IF;
END $$;

-- Room in its pages lets a row be rewritten beside its old version, without touching the index.
CREATE TABLE IF NOT EXISTS governed_openai_counters (
  name text COLLATE "C" PRIMARY KEY,
  value float8 NOT NULL,
  expires_at float8 NOT NULL
) WITH (fillfactor = 50);

-- Without a record: closed before it was made.
CREATE TABLE IF NOT EXISTS governed_openai_reservations (
  id text COLLATE "C" PRIMARY KEY,
  owner text COLLATE "C" NOT NULL,
  record text,
  expires_at float8 NOT NULL
);
CREATE INDEX IF NOT EXISTS governed_openai_reservations_owner ON governed_openai_reservations (owner);
CREATE INDEX IF NOT EXISTS governed_openai_reservations_expiry ON governed_openai_reservations (expires_at);

CREATE TABLE IF NOT EXISTS governed_openai_notes (
  name text COLLATE "C" PRIMARY KEY,
  body text NOT NULL,
  expires_at float8 NOT NULL
);
CREATE INDEX IF NOT EXISTS governed_openai_notes_expiry ON governed_openai_notes (expires_at);

CREATE OR REPLACE FUNCTION governed_openai_moment_v1(_at float8) RETURNS float8
LANGUAGE sql AS $$
  SELECT coalesce(_at, extract(epoch FROM clock_timestamp())::float8 * 1000);
$$;

-- Locks names by their hashes until the end of the transaction. The hashes are in ascending order: operations that meet
-- on several names never wait for each other in a circle. Not locks on rows: those of a counter may not be there yet,
-- and a denial would have to write to lock them.
CREATE OR REPLACE FUNCTION governed_openai_lock_v1(_hashes int[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  hash int;
BEGIN
  FOREACH hash IN ARRAY _hashes LOOP
    PERFORM pg_advisory_xact_lock(1735357029, hash);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION governed_openai_admit_v1(
  _hashes int[], _id text, _owner text, _record text,
  _names text[], _starts float8[], _ends float8[], _rooms float8[], _amounts float8[], _at float8,
  OUT admitted text, OUT moment text, OUT counts text
) LANGUAGE plpgsql SET search_path FROM CURRENT SET extra_float_digits = 3 AS $$
DECLARE
  present float8;
  stale boolean;
  fits boolean;
  standing float8[];
  sums float8[];
BEGIN
  PERFORM governed_openai_lock_v1(_hashes);
  present := governed_openai_moment_v1(_at);
  moment := to_json(present);
  counts := '[]';
  SELECT coalesce(bool_or(present < s OR present >= e), false),
         coalesce(bool_and(total <= base + room), true),
         array_agg(value ORDER BY place),
         array_agg(total ORDER BY place)
  INTO stale, fits, standing, sums
  FROM (
    SELECT op.*, base, counter.value, greatest(counter.value, base) + amount AS total
    FROM unnest(_names, _starts, _ends, _rooms, _amounts) WITH ORDINALITY AS op (name, s, e, room, amount, place)
    CROSS JOIN LATERAL (SELECT CASE WHEN e IS NULL THEN present - 1767225600000 ELSE 0 END AS base) AS floor
    LEFT JOIN governed_openai_counters AS counter ON counter.name = op.name AND counter.expires_at > present
  ) AS op;

  IF stale THEN
    admitted := 'stale';
    RETURN;
  END IF;
  IF fits AND NOT EXISTS (
    SELECT FROM governed_openai_reservations WHERE id = _id AND record IS NULL AND expires_at > present
  ) THEN
    INSERT INTO governed_openai_counters (name, value, expires_at)
    SELECT name, total, coalesce(e, greatest(present, 1767225600000 + total) + 600000)
    FROM unnest(_names, _ends, sums) AS op (name, e, total)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at;

    INSERT INTO governed_openai_reservations (id, owner, record, expires_at)
    VALUES (_id, _owner, _record, present + 2764800000)
    ON CONFLICT (id) DO UPDATE
    SET owner = excluded.owner, record = excluded.record, expires_at = excluded.expires_at;

    admitted := 'yes';
    counts := coalesce(to_json(sums)::text, '[]');
  ELSE
    admitted := 'no';
    counts := coalesce(to_json(standing)::text, '[]');
  END IF;
END $$;

CREATE OR REPLACE FUNCTION governed_openai_settle_v1(
  _hashes int[], _id text, _certain boolean,
  _names text[], _starts float8[], _ends float8[], _reserved float8[], _used float8[], _at float8
) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  present float8;
  known boolean;
BEGIN
  PERFORM governed_openai_lock_v1(_hashes);
  present := governed_openai_moment_v1(_at);
  IF NOT _certain AND EXISTS (
    SELECT FROM governed_openai_reservations WHERE id = _id AND record IS NULL AND expires_at > present
  ) THEN
    RETURN;
  END IF;

  DELETE FROM governed_openai_reservations WHERE id = _id AND record IS NOT NULL AND expires_at > present;
  known := found;
  IF _certain AND NOT known THEN
    RETURN;
  END IF;
  IF NOT _certain THEN
    INSERT INTO governed_openai_reservations (id, owner, record, expires_at)
    VALUES (_id, '', NULL, present + 3600000)
    ON CONFLICT (id) DO UPDATE
    SET owner = excluded.owner, record = excluded.record, expires_at = excluded.expires_at;
  END IF;

  INSERT INTO governed_openai_counters (name, value, expires_at)
  SELECT name, total, coalesce(e, greatest(present, 1767225600000 + total) + 600000)
  FROM (
    SELECT op.name, e, greatest(coalesce(counter.value, base) + delta, base) AS total
    FROM unnest(_names, _starts, _ends, _reserved, _used) AS op (name, s, e, reserved, used)
    CROSS JOIN LATERAL (
      SELECT CASE WHEN e IS NULL THEN present - 1767225600000 ELSE 0 END AS base,
             CASE WHEN known THEN used - reserved ELSE used END AS delta
    ) AS change
    LEFT JOIN governed_openai_counters AS counter ON counter.name = op.name AND counter.expires_at > present
    WHERE delta <> 0 AND (e IS NULL OR (s <= present AND present < e))
  ) AS op
  ON CONFLICT (name) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at;
END $$;

CREATE OR REPLACE FUNCTION governed_openai_read_v1(_names text[], _at float8, OUT moment text, OUT counts text)
LANGUAGE plpgsql SET search_path FROM CURRENT SET extra_float_digits = 3 AS $$
DECLARE
  present float8 := governed_openai_moment_v1(_at);
BEGIN
  moment := to_json(present);
  SELECT coalesce(json_agg(value ORDER BY place)::text, '[]') INTO counts
  FROM unnest(_names) WITH ORDINALITY AS asked (name, place)
  LEFT JOIN governed_openai_counters AS counter ON counter.name = asked.name AND counter.expires_at > present;
END $$;

CREATE OR REPLACE FUNCTION governed_openai_delete_v1(_hashes int[], _names text[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM governed_openai_lock_v1(_hashes);
  DELETE FROM governed_openai_counters WHERE name = ANY (_names);
END $$;

CREATE OR REPLACE FUNCTION governed_openai_reservations_v1(_owner text, _at float8) RETURNS TABLE (record text)
LANGUAGE sql SET search_path FROM CURRENT AS $$
  SELECT record FROM governed_openai_reservations
  WHERE owner = _owner AND record IS NOT NULL AND expires_at > governed_openai_moment_v1(_at);
$$;

CREATE OR REPLACE FUNCTION governed_openai_note_v1(_name text, _body text, _at float8) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
  INSERT INTO governed_openai_notes (name, body, expires_at)
  VALUES (_name, _body, governed_openai_moment_v1(_at) + 2764800000)
  ON CONFLICT (name) DO UPDATE SET body = excluded.body, expires_at = excluded.expires_at;
$$;

CREATE OR REPLACE FUNCTION governed_openai_noted_v1(_name text, _at float8) RETURNS TABLE (body text)
LANGUAGE sql SET search_path FROM CURRENT AS $$
  SELECT body FROM governed_openai_notes WHERE name = _name AND expires_at > governed_openai_moment_v1(_at);
$$;

-- Deletes some of what has expired. It never waits for a row, so it is in nobody's circle.
CREATE OR REPLACE FUNCTION governed_openai_sweep_v1(_at float8) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  present float8 := governed_openai_moment_v1(_at);
BEGIN
  DELETE FROM governed_openai_counters WHERE name = ANY (ARRAY(
    SELECT name FROM governed_openai_counters WHERE expires_at <= present LIMIT 1000 FOR UPDATE SKIP LOCKED
  ));
  DELETE FROM governed_openai_reservations WHERE id = ANY (ARRAY(
    SELECT id FROM governed_openai_reservations WHERE expires_at <= present LIMIT 1000 FOR UPDATE SKIP LOCKED
  ));
  DELETE FROM governed_openai_notes WHERE name = ANY (ARRAY(
    SELECT name FROM governed_openai_notes WHERE expires_at <= present LIMIT 1000 FOR UPDATE SKIP LOCKED
  ));
END $$;
