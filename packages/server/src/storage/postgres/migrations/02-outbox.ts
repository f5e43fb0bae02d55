/**
 * The outbox: `send`, which applications call in their own transactions, and the table that it writes to.
 *
 * - A row is locked and deleted in the transaction that accepts its message. The key leads by application, so that each
 *   application waits for itself only.
 * - `id` grows with the calls of `send`; the message's id has it in the place of its sequence, so that ids sort likewise.
 * - `outbox_told` is the moment of which nodes were told last, in steps of 50 ms. A NOTIFY makes the transactions that have
 *   one wait for each other's commits, so most have none. A sequence, because it can be read and set outside of
 *   transactions. What nobody was told of is found by the nodes' next look.
 *
 * @module
 */

/** SQL of this step. */
export const OUTBOX = `
  CREATE TABLE outbox (
    application_id text COLLATE "C" NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    message_id text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    event_id text COLLATE "C",
    channels text[] COLLATE "C",
    tags text[] COLLATE "C",
    payload text NOT NULL,
    content_type text NOT NULL,
    deliver_at timestamptz,
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (application_id, id)
  ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
  ALTER TABLE outbox ALTER COLUMN payload SET STORAGE EXTERNAL;
  CREATE UNIQUE INDEX outbox_event ON outbox (application_id, event_id) WHERE event_id IS NOT NULL;

  CREATE TABLE outbox_refused (
    message_id text COLLATE "C" PRIMARY KEY,
    application_id text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    event_id text COLLATE "C",
    channels text[] COLLATE "C",
    tags text[] COLLATE "C",
    payload text NOT NULL,
    content_type text NOT NULL,
    deliver_at timestamptz,
    sent_at timestamptz NOT NULL,
    code text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    refused_at timestamptz NOT NULL
  );

  CREATE SEQUENCE outbox_told;

  CREATE FUNCTION tell_outbox() RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    moment bigint := floor(extract(epoch FROM clock_timestamp()) * 20);
  BEGIN
    IF moment IS DISTINCT FROM (SELECT last_value FROM outbox_told) THEN
      PERFORM setval('outbox_told', moment);
      PERFORM pg_notify(current_schema()::text, 'sql outbox');
    END IF;
  END $$;

  CREATE FUNCTION outbox_message_id(place bigint) RETURNS text LANGUAGE plpgsql AS $$
  DECLARE
    alphabet constant text := '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    rest bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
    made text := '';
    -- 244 random bits of the system's secure source, spread over 32 bytes.
    bytes bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  BEGIN
    FOR i IN 1..8 LOOP
      made := substr(alphabet, 1 + (rest % 62)::integer, 1) || made;
      rest := rest / 62;
    END LOOP;
    made := made || substr(alphabet, 1 + (place / 62 % 62)::integer, 1) || substr(alphabet, 1 + (place % 62)::integer, 1);
    FOR i IN 0..16 LOOP
      made := made || substr(alphabet, 1 + get_byte(bytes, i) % 62, 1);
    END LOOP;
    RETURN 'msg_' || made;
  END $$;

  CREATE FUNCTION send(
    application text,
    event_type text,
    payload text,
    event_id text DEFAULT NULL,
    channels text[] DEFAULT NULL,
    tags text[] DEFAULT NULL,
    deliver_at timestamptz DEFAULT NULL,
    content_type text DEFAULT NULL
  ) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
  #variable_conflict use_column
  DECLARE
    name constant text := '^[a-zA-Z0-9_.-]+$';
    owner_id text;
    place bigint;
    made_id text;
    known_id text;
  BEGIN
    IF send.application IS NULL OR send.event_type IS NULL OR send.payload IS NULL THEN
      RAISE EXCEPTION 'Application, event type and payload must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF send.event_type !~ name OR length(send.event_type) > 256 THEN
      RAISE EXCEPTION 'The event type % is not right', quote_literal(left(send.event_type, 300))
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 256 letters, digits, "-", "_" or "."';
    END IF;
    IF send.event_id !~ name OR length(send.event_id) > 256 THEN
      RAISE EXCEPTION 'The event id % is not right', quote_literal(left(send.event_id, 300))
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 256 letters, digits, "-", "_" or "."';
    END IF;
    IF send.channels IS NOT NULL AND (cardinality(send.channels) NOT BETWEEN 1 AND 5
      OR (SELECT count(DISTINCT c) FROM unnest(send.channels) c WHERE c ~ name AND length(c) <= 128)
        <> cardinality(send.channels)) THEN
      RAISE EXCEPTION 'The channels % are not right', send.channels
        USING ERRCODE = 'invalid_parameter_value',
          HINT = 'Give 1 to 5 different names of 1 to 128 letters, digits, "-", "_" or "."';
    END IF;
    IF send.tags IS NOT NULL AND (cardinality(send.tags) NOT BETWEEN 1 AND 8
      OR (SELECT count(DISTINCT t) FROM unnest(send.tags) t WHERE length(t) BETWEEN 1 AND 128) <> cardinality(send.tags)) THEN
      RAISE EXCEPTION 'The tags % are not right', send.tags
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 8 different texts of 1 to 128 characters';
    END IF;
    IF octet_length(send.payload) > 1048576 THEN
      RAISE EXCEPTION 'The payload has % bytes', octet_length(send.payload)
        USING ERRCODE = 'program_limit_exceeded', HINT = 'At most 1048576 are allowed';
    END IF;
    IF send.content_type IS NULL THEN
      -- The cast only checks: what is kept is the text.
      IF json_typeof(send.payload::json) <> 'object' THEN
        RAISE EXCEPTION 'The payload is JSON, but no object' USING ERRCODE = 'invalid_parameter_value',
          HINT = 'With content_type => ''application/json'' any text is sent as it is';
      END IF;
    ELSIF send.content_type !~ '^[ -~]+$' OR length(send.content_type) > 256 THEN
      RAISE EXCEPTION 'The content type % is not right', quote_literal(left(send.content_type, 300))
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a media type in printable ASCII, such as text/plain';
    END IF;

    SELECT a.id INTO owner_id FROM application a WHERE a.id = send.application AND a.deleted_at IS NULL;
    IF owner_id IS NULL THEN
      SELECT a.id INTO owner_id FROM application a
      WHERE a.organisation_id = ANY (SELECT o.id FROM organisation o) AND a.uid = send.application;
    END IF;
    IF owner_id IS NULL THEN
      RAISE EXCEPTION 'There is no application %', quote_literal(left(send.application, 300))
        USING ERRCODE = 'foreign_key_violation', HINT = 'Give the id or the uid of one that was made before';
    END IF;

    place := nextval(pg_get_serial_sequence('outbox', 'id'));
    made_id := outbox_message_id(place);
    INSERT INTO outbox AS o (application_id, id, message_id, event_type, event_id, channels, tags, payload, content_type,
      deliver_at, sent_at)
    OVERRIDING SYSTEM VALUE
    VALUES (owner_id, place, made_id, send.event_type, send.event_id, send.channels, send.tags, send.payload,
      coalesce(send.content_type, 'application/json'), send.deliver_at, clock_timestamp())
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'The event % waits in the outbox already', send.event_id
        USING ERRCODE = 'unique_violation', HINT = 'An event id is used once in an application';
    END IF;
    -- After the row was written: a node that accepted the event meanwhile has committed by now.
    SELECT e.message_id INTO known_id FROM message_event e
      WHERE e.application_id = owner_id AND e.event_id = send.event_id;
    IF known_id IS NOT NULL THEN
      RAISE EXCEPTION 'The event % was accepted before, as %', send.event_id, known_id
        USING ERRCODE = 'unique_violation', HINT = 'An event id is used once in an application';
    END IF;
    PERFORM tell_outbox();
    RETURN made_id;
  END $$;

  -- Puts what was refused back, at the end.
  CREATE FUNCTION send_refused(message text) RETURNS boolean LANGUAGE plpgsql AS $$
  BEGIN
    WITH back AS (DELETE FROM outbox_refused r WHERE r.message_id = message RETURNING r.*)
    INSERT INTO outbox (application_id, message_id, event_type, event_id, channels, tags, payload, content_type,
      deliver_at, sent_at)
    SELECT application_id, message_id, event_type, event_id, channels, tags, payload, content_type, deliver_at, sent_at
    FROM back;
    IF NOT FOUND THEN
      RETURN false;
    END IF;
    PERFORM tell_outbox();
    RETURN true;
  END $$;

  REVOKE ALL ON FUNCTION send FROM PUBLIC;
  REVOKE ALL ON FUNCTION send_refused FROM PUBLIC;
  REVOKE ALL ON FUNCTION outbox_message_id FROM PUBLIC;
  REVOKE ALL ON FUNCTION tell_outbox FROM PUBLIC;
  -- Temporary tables of the caller come last, so that none stands in for one of these.
  DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION send SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION send_refused SET search_path = %I, pg_temp', current_schema());
  END $$;
`
