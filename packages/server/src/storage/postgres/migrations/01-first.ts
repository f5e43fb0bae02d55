/**
 * The first schema on PostgreSQL.
 *
 * - The application id leads every key of what an application owns, so that the tables could be distributed by it.
 * - Text that is ordered or compared is `COLLATE "C"`: by code unit, whatever the language of the database.
 * - `message`, `delivery`, `attempt` and `message_label` are in partitions by message id, a day each, so that retention
 *   drops a day. What no partition is for lies in the default ones. A unique index cannot span partitions, so
 *   `message_event` holds the event ids.
 * - A pending delivery is in exactly one of two partial indexes: `delivery_held` while a node holds it, `delivery_due`
 *   while it waits. The usual one is held from birth to success, and enters `delivery_success` then. PostgreSQL makes no
 *   HOT update where a column of any index changes, so a settled delivery has a new entry in its key; an index for what
 *   waits in a table of its own would cost a row more to write and to delete instead.
 * - `claim` tells of a delivery that is held from a claim which one that was; null from birth.
 * - `replay_task` is the task that made a delivery due, until an attempt of it is recorded; `replayed_status` and
 *   `replayed_attempts` are what it was before, null where the task made it.
 * - A node's `beats` are what others watch. `beaten_at` is by the clock of the database, and only to be shown.
 * - Status: 0 success, 1 pending, 2 fail, 4 canceled (3, sending, is a pending one with a lease).
 * - Priority: 0 live, 1 retry, 2 replay.
 *
 * @module
 */

/** SQL of this step. */
export const FIRST = `
  CREATE TABLE organisation (
    id text COLLATE "C" PRIMARY KEY,
    created_at bigint NOT NULL
  );

  CREATE TABLE token (
    id text COLLATE "C" PRIMARY KEY,
    organisation_id text COLLATE "C" NOT NULL,
    application_id text COLLATE "C",
    name text NOT NULL,
    prefix text COLLATE "C" NOT NULL,
    hash text COLLATE "C" NOT NULL UNIQUE,
    created_at bigint NOT NULL,
    revoked_at bigint,
    scope text COLLATE "C" NOT NULL,
    is_read_only boolean NOT NULL,
    capabilities json,
    session_id text COLLATE "C",
    expires_at bigint,
    last_used_at bigint
  ) WITH (fillfactor = 80);
  CREATE INDEX token_application ON token (application_id) WHERE application_id IS NOT NULL;
  CREATE INDEX token_list ON token (organisation_id, id) WHERE scope <> 'portal';
  CREATE INDEX token_expiry ON token (expires_at) WHERE scope = 'portal';

  CREATE TABLE login_key (
    hash text COLLATE "C" PRIMARY KEY,
    token_id text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL
  );
  CREATE INDEX login_key_expiry ON login_key (expires_at);

  CREATE TABLE answer (
    key text COLLATE "C" PRIMARY KEY,
    body text COLLATE "C" NOT NULL,
    status integer NOT NULL,
    content bytea NOT NULL,
    created_at bigint NOT NULL
  );
  CREATE INDEX answer_age ON answer (created_at);

  CREATE TABLE audit (
    id text COLLATE "C" PRIMARY KEY,
    organisation_id text COLLATE "C" NOT NULL,
    application_id text COLLATE "C",
    actor text NOT NULL,
    token_id text COLLATE "C",
    method text COLLATE "C" NOT NULL,
    route text COLLATE "C" NOT NULL,
    resources json NOT NULL,
    status integer NOT NULL,
    request_id text NOT NULL,
    created_at bigint NOT NULL
  );
  CREATE INDEX audit_list ON audit (organisation_id, id);
  CREATE INDEX audit_application ON audit (organisation_id, application_id, id) WHERE application_id IS NOT NULL;

  CREATE TABLE application (
    id text COLLATE "C" PRIMARY KEY,
    organisation_id text COLLATE "C" NOT NULL,
    uid text COLLATE "C",
    name text NOT NULL,
    throttle_rate integer,
    retry_schedule json,
    metadata json NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint
  );
  CREATE UNIQUE INDEX application_uid ON application (organisation_id, uid) WHERE uid IS NOT NULL;
  CREATE INDEX application_list ON application (organisation_id, id) WHERE deleted_at IS NULL;

  CREATE TABLE endpoint (
    application_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    uid text COLLATE "C",
    url text NOT NULL,
    description text NOT NULL,
    disabled boolean NOT NULL,
    disabled_reason text COLLATE "C",
    failing_since bigint,
    event_types json,
    channels json,
    secret bytea NOT NULL,
    old_secrets bytea,
    headers bytea,
    auth bytea,
    throttle_rate integer,
    settings json NOT NULL,
    metadata json NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    PRIMARY KEY (application_id, id)
  ) WITH (fillfactor = 80);
  CREATE UNIQUE INDEX endpoint_uid ON endpoint (application_id, uid) WHERE uid IS NOT NULL;

  CREATE TABLE endpoint_history (
    application_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    changed_at bigint NOT NULL,
    disabled boolean NOT NULL,
    disabled_reason text COLLATE "C",
    event_types json,
    channels json,
    PRIMARY KEY (application_id, endpoint_id, changed_at)
  );
  CREATE FUNCTION note_endpoint_change() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
    INSERT INTO endpoint_history
      VALUES (OLD.application_id, OLD.id, NEW.updated_at, OLD.disabled, OLD.disabled_reason, OLD.event_types,
        OLD.channels)
      ON CONFLICT DO NOTHING;
    RETURN NULL;
  END $$;
  CREATE TRIGGER endpoint_changed AFTER UPDATE ON endpoint FOR EACH ROW
    WHEN (OLD.disabled <> NEW.disabled OR OLD.event_types::text IS DISTINCT FROM NEW.event_types::text
      OR OLD.channels::text IS DISTINCT FROM NEW.channels::text)
    EXECUTE FUNCTION note_endpoint_change();

  CREATE TABLE endpoint_line (
    application_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (application_id, endpoint_id)
  ) WITH (fillfactor = 50);

  CREATE TABLE event_type (
    organisation_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    description text NOT NULL,
    archived boolean NOT NULL,
    deprecated boolean NOT NULL,
    schemas json,
    feature_flags json,
    group_name text,
    retry_schedule json,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (organisation_id, name)
  );

  CREATE TABLE message (
    application_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    event_id text COLLATE "C",
    channels text[] COLLATE "C",
    tags text[] COLLATE "C",
    payload bytea NOT NULL,
    content_type text NOT NULL,
    deliver_at bigint,
    created_at bigint NOT NULL,
    expires_at bigint,
    expunged_at bigint,
    PRIMARY KEY (application_id, id)
  ) PARTITION BY RANGE (id);
  -- Payloads are mostly sent and seldom read: not worth the time of compression.
  ALTER TABLE message ALTER COLUMN payload SET STORAGE EXTERNAL;
  CREATE INDEX message_event_type ON message (application_id, event_type, id);
  CREATE INDEX message_expiry ON message (expires_at) WHERE expires_at IS NOT NULL AND expunged_at IS NULL;

  CREATE TABLE message_event (
    application_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (application_id, event_id)
  );
  CREATE INDEX message_event_age ON message_event (message_id);

  CREATE TABLE message_key (
    application_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    body text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (application_id, key, epoch)
  );
  CREATE INDEX message_key_age ON message_key (epoch);

  CREATE TABLE message_label (
    application_id text COLLATE "C" NOT NULL,
    kind smallint NOT NULL,
    name text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (application_id, kind, name, message_id)
  ) PARTITION BY RANGE (message_id);

  CREATE TABLE delivery (
    application_id text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    lease bigint,
    claim bigint,
    due_at bigint,
    resumes_at bigint,
    ordinal bigint,
    attempts integer NOT NULL,
    status smallint NOT NULL,
    priority smallint NOT NULL,
    resumes_as smallint,
    replayed_status smallint,
    replayed_attempts integer,
    replay_task text COLLATE "C",
    PRIMARY KEY (application_id, message_id, endpoint_id)
  ) PARTITION BY RANGE (message_id);
  CREATE INDEX delivery_due ON delivery (application_id, endpoint_id, priority, due_at)
    WHERE status = 1 AND lease IS NULL;
  CREATE INDEX delivery_held ON delivery (application_id, endpoint_id, message_id) WHERE lease IS NOT NULL;
  CREATE INDEX delivery_success ON delivery (application_id, endpoint_id, message_id) WHERE status = 0;
  CREATE INDEX delivery_status ON delivery (application_id, endpoint_id, status, message_id)
    WHERE status <> 0 AND lease IS NULL;
  CREATE INDEX delivery_status_type ON delivery (application_id, endpoint_id, status, event_type, message_id)
    WHERE status <> 0 AND lease IS NULL;
  CREATE INDEX delivery_failed ON delivery (application_id, message_id, endpoint_id) WHERE status = 2;
  CREATE INDEX delivery_failed_type ON delivery (application_id, event_type, message_id, endpoint_id) WHERE status = 2;
  CREATE INDEX delivery_replayed ON delivery (replay_task, due_at) WHERE replay_task IS NOT NULL AND status = 1;
  CREATE INDEX delivery_ordered ON delivery (application_id, endpoint_id, ordinal)
    WHERE ordinal IS NOT NULL AND status = 1;

  CREATE TABLE attempt (
    application_id text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    url text NOT NULL,
    response text NOT NULL,
    created_at bigint NOT NULL,
    duration_ms integer NOT NULL,
    status_code smallint NOT NULL,
    is_success boolean NOT NULL,
    failure text COLLATE "C",
    trigger text COLLATE "C" NOT NULL,
    PRIMARY KEY (application_id, message_id, id)
  ) PARTITION BY RANGE (message_id);
  CREATE INDEX attempt_endpoint ON attempt (application_id, endpoint_id, is_success, id);
  CREATE INDEX attempt_failed ON attempt (application_id, endpoint_id, (status_code / 100), id) WHERE NOT is_success;

  CREATE TABLE message_default PARTITION OF message DEFAULT;
  CREATE TABLE message_label_default PARTITION OF message_label DEFAULT;
  CREATE TABLE delivery_default PARTITION OF delivery DEFAULT;
  CREATE TABLE attempt_default PARTITION OF attempt DEFAULT;

  CREATE TABLE task (
    id text COLLATE "C" PRIMARY KEY,
    organisation_id text COLLATE "C" NOT NULL,
    application_id text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    work json NOT NULL,
    cursor text COLLATE "C",
    data json NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
  ) WITH (fillfactor = 50);
  CREATE INDEX task_list ON task (organisation_id, id);
  CREATE INDEX task_running ON task (id) WHERE status = 'running';

  CREATE TABLE signing_key (
    id text COLLATE "C" PRIMARY KEY,
    private_key bytea NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint
  );

  CREATE TABLE encryption_key (
    id text COLLATE "C" PRIMARY KEY,
    state text COLLATE "C" NOT NULL
  );

  CREATE TABLE node (
    lease bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    beats bigint NOT NULL,
    beaten_at timestamptz NOT NULL,
    state json,
    key_ids text[] COLLATE "C" NOT NULL,
    joined_at bigint NOT NULL
  ) WITH (fillfactor = 20);

  -- Who paces what has a rate goes with its node. The check takes a lock on the node's row that its beats do not mind.
  CREATE TABLE pace (
    application_id text COLLATE "C" NOT NULL,
    endpoint_id text COLLATE "C" NOT NULL,
    lease bigint NOT NULL REFERENCES node (lease) ON DELETE CASCADE,
    takes bigint NOT NULL,
    PRIMARY KEY (application_id, endpoint_id)
  ) WITH (fillfactor = 50);
  CREATE INDEX pace_node ON pace (lease);
`
