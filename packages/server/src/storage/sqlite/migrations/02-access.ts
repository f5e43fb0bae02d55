/**
 * What came with the scopes of tokens, idempotency and the audit log.
 *
 * - `message_key` begins with the epoch, a stretch of twelve hours, so that an epoch that is over is deleted from its
 *   start: neighbours on the same pages, and no index on time.
 * - `answer` keeps what other POSTs answered; few, and they may hold a token's text, so they are sealed.
 *
 * @module
 */

/** SQL of this step. */
export const ACCESS = `
  ALTER TABLE token ADD COLUMN scope TEXT NOT NULL DEFAULT 'organisation';
  ALTER TABLE token ADD COLUMN is_read_only INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE token ADD COLUMN capabilities TEXT;
  ALTER TABLE token ADD COLUMN session_id TEXT;
  ALTER TABLE token ADD COLUMN expires_at INTEGER;
  ALTER TABLE token ADD COLUMN last_used_at INTEGER;
  UPDATE token SET scope = 'application' WHERE application_id IS NOT NULL;
  CREATE INDEX token_application ON token (application_id) WHERE application_id IS NOT NULL;
  CREATE INDEX token_list ON token (organisation_id, id) WHERE scope <> 'portal';
  CREATE INDEX token_expiry ON token (expires_at) WHERE scope = 'portal';

  CREATE TABLE login_key (
    hash TEXT PRIMARY KEY,
    token_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX login_key_expiry ON login_key (expires_at);

  CREATE TABLE message_key (
    epoch INTEGER NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    message_id TEXT NOT NULL,
    PRIMARY KEY (epoch, key)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE answer (
    key TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    status INTEGER NOT NULL,
    content BLOB NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX answer_age ON answer (created_at);

  CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    application_id TEXT,
    actor TEXT NOT NULL,
    token_id TEXT,
    method TEXT NOT NULL,
    route TEXT NOT NULL,
    resources TEXT NOT NULL,
    status INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX audit_list ON audit (organisation_id, id);
  CREATE INDEX audit_application ON audit (organisation_id, application_id, id) WHERE application_id IS NOT NULL;
`
