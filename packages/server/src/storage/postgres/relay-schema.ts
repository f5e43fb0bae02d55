/** The outbox in a database that is not Posthorn's, for `posthorn relay`. @module */

import { requireSchemaName } from './schema-name.ts'

const NAME = `'^[a-zA-Z0-9_.-]+$'`

/** Columns that an application may fill. The same stand in `outbox_refused`. */
const COLUMNS = `
  application text COLLATE "C" NOT NULL,
  event_type text COLLATE "C" NOT NULL,
  payload text NOT NULL,
  event_id text COLLATE "C" NOT NULL DEFAULT 'outbox_' || replace(gen_random_uuid()::text, '-', ''),
  channels text[],
  tags text[],
  deliver_at timestamptz,
  content_type text,
  sent_at timestamptz NOT NULL DEFAULT clock_timestamp()`

/**
 * Returns the SQL that makes the outbox, as its owner runs it once; running it again does nothing but replace the functions.
 *
 * Rows are written by `send` or by a plain INSERT; both are checked alike. `outbox_told` is as in Posthorn's own outbox: the
 * moment of which relays were told last, so that few transactions have a NOTIFY, which makes them wait for each other.
 *
 * @throws {PosthornError} `bad_config`: no name for a schema.
 */
export function relaySchema(schema: string): string {
  const s = requireSchemaName(schema)
  return `-- The outbox that "posthorn relay" drains. Needs PostgreSQL 13 or later.
CREATE SCHEMA IF NOT EXISTS ${s};

CREATE TABLE IF NOT EXISTS ${s}.outbox (
  id bigint GENERATED ALWAYS AS IDENTITY,${COLUMNS},
  PRIMARY KEY (application, id),
  CONSTRAINT event_id_is_used_once UNIQUE (application, event_id),
  CONSTRAINT application_is_an_id_or_uid CHECK (application ~ ${NAME} AND length(application) <= 256),
  CONSTRAINT event_type_is_a_name CHECK (event_type ~ ${NAME} AND length(event_type) <= 256),
  CONSTRAINT event_id_is_a_name CHECK (event_id ~ ${NAME} AND length(event_id) <= 256),
  CONSTRAINT payload_is_at_most_1_mib CHECK (octet_length(payload) <= 1048576),
  -- The cast only checks: what is sent is the text.
  CONSTRAINT payload_is_a_json_object CHECK (content_type IS NOT NULL OR json_typeof(payload::json) = 'object')
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE TABLE IF NOT EXISTS ${s}.outbox_refused (
  id bigint NOT NULL,${COLUMNS},
  code text NOT NULL,
  reason text NOT NULL,
  refused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (application, id)
);

CREATE SEQUENCE IF NOT EXISTS ${s}.outbox_told;

CREATE OR REPLACE FUNCTION ${s}.tell_relay() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = ${s}, pg_temp AS $$
DECLARE
  moment bigint := floor(extract(epoch FROM clock_timestamp()) * 20);
BEGIN
  -- A transaction that is to be prepared may have no NOTIFY: SET LOCAL posthorn.tell = off.
  IF current_setting('posthorn.tell', true) IS DISTINCT FROM 'off' AND moment IS DISTINCT FROM (SELECT last_value FROM outbox_told) THEN
    PERFORM setval('outbox_told', moment);
    PERFORM pg_notify('${s}', 'sql outbox');
  END IF;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS outbox_written ON ${s}.outbox;
CREATE TRIGGER outbox_written AFTER INSERT ON ${s}.outbox FOR EACH STATEMENT EXECUTE FUNCTION ${s}.tell_relay();

-- Sends a message when the transaction is committed. Returns its event id, by which the API finds it.
CREATE OR REPLACE FUNCTION ${s}.send(
  application text,
  event_type text,
  payload text,
  event_id text DEFAULT NULL,
  channels text[] DEFAULT NULL,
  tags text[] DEFAULT NULL,
  deliver_at timestamptz DEFAULT NULL,
  content_type text DEFAULT NULL
) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = ${s}, pg_temp AS $$
  INSERT INTO outbox (application, event_type, payload, event_id, channels, tags, deliver_at, content_type)
  VALUES ($1, $2, $3, coalesce($4, 'outbox_' || replace(gen_random_uuid()::text, '-', '')), $5, $6, $7, $8)
  RETURNING event_id
$$;

-- Puts what was refused back, at the end.
CREATE OR REPLACE FUNCTION ${s}.send_refused(event_id text) RETURNS bigint LANGUAGE sql SECURITY DEFINER
SET search_path = ${s}, pg_temp AS $$
  WITH back AS (DELETE FROM outbox_refused r WHERE r.event_id = $1 RETURNING r.*),
  put AS (
    INSERT INTO outbox (application, event_type, payload, event_id, channels, tags, deliver_at, content_type, sent_at)
    SELECT application, event_type, payload, event_id, channels, tags, deliver_at, content_type, sent_at FROM back
    RETURNING 1)
  SELECT count(*) FROM put
$$;

REVOKE ALL ON FUNCTION ${s}.send FROM PUBLIC;
REVOKE ALL ON FUNCTION ${s}.send_refused FROM PUBLIC;

-- What the application's role needs, and what the relay's does:
--   GRANT USAGE ON SCHEMA ${s} TO app, relay;
--   GRANT EXECUTE ON FUNCTION ${s}.send TO app;
--   GRANT SELECT, DELETE ON ${s}.outbox TO relay;
--   GRANT SELECT, INSERT, DELETE ON ${s}.outbox_refused TO relay;
-- An application that inserts in place of calling send needs INSERT ON ${s}.outbox, and nothing else of these.
`
}
