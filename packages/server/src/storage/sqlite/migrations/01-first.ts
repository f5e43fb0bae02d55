/**
 * The first schema.
 *
 * - The application id leads every key of what an application owns.
 * - `message` keeps its rowid: payloads of a kilobyte overflow the small cells of a WITHOUT ROWID tree, at one page each.
 *   The narrow tables are WITHOUT ROWID, which saves each a tree.
 * - A pending delivery is in exactly one of two partial indexes: `delivery_held` while a node holds it, `delivery_due`
 *   while it waits. The usual delivery is held from birth to success, so it never touches `delivery_due`.
 * - Status: 0 success, 1 pending, 2 fail, 4 canceled (3, sending, is a pending one with a lease).
 *
 * @module
 */

/** SQL of this step. */
export const FIRST = `
  CREATE TABLE organisation (
    id TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE token (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    application_id TEXT,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE application (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    uid TEXT,
    name TEXT NOT NULL,
    throttle_rate INTEGER,
    metadata TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX application_uid ON application (organisation_id, uid) WHERE uid IS NOT NULL;
  CREATE INDEX application_list ON application (organisation_id, id) WHERE deleted_at IS NULL;

  CREATE TABLE endpoint (
    application_id TEXT NOT NULL,
    id TEXT NOT NULL,
    uid TEXT,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    event_types TEXT,
    channels TEXT,
    secret BLOB NOT NULL,
    throttle_rate INTEGER,
    metadata TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (application_id, id)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX endpoint_uid ON endpoint (application_id, uid) WHERE uid IS NOT NULL;

  CREATE TABLE event_type (
    organisation_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    archived INTEGER NOT NULL,
    deprecated INTEGER NOT NULL,
    schemas TEXT,
    feature_flag TEXT,
    group_name TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE message (
    application_id TEXT NOT NULL,
    id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    event_id TEXT,
    channels TEXT,
    tags TEXT,
    payload BLOB NOT NULL,
    content_type TEXT NOT NULL,
    deliver_at INTEGER,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX message_id ON message (application_id, id);
  CREATE UNIQUE INDEX message_event_id ON message (application_id, event_id) WHERE event_id IS NOT NULL;

  CREATE TABLE delivery (
    application_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER,
    lease INTEGER,
    PRIMARY KEY (application_id, message_id, endpoint_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX delivery_endpoint ON delivery (application_id, endpoint_id, message_id);
  CREATE INDEX delivery_due ON delivery (application_id, endpoint_id, due_at) WHERE status = 1 AND lease IS NULL;
  CREATE INDEX delivery_held ON delivery (lease) WHERE lease IS NOT NULL;

  CREATE TABLE attempt (
    application_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    url TEXT NOT NULL,
    is_success INTEGER NOT NULL,
    status_code INTEGER NOT NULL,
    response TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    failure TEXT,
    trigger TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (application_id, message_id, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX attempt_endpoint ON attempt (application_id, endpoint_id, id);

  CREATE TABLE node (
    lease INTEGER PRIMARY KEY AUTOINCREMENT,
    joined_at INTEGER NOT NULL
  ) STRICT;
`
