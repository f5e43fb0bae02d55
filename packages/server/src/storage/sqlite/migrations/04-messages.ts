/**
 * What came with retention, explanations and search. Every index here stays off the way of the usual message, which is
 * held from birth and succeeds, save `message_event_type`.
 *
 * - `message_expiry` has the messages whose payload is to be expunged, and no others.
 * - `message_label` has the tags (kind 0) and channels (kind 1) of messages that have some.
 * - `delivery_status` has deliveries that wait, failed or were canceled. One that succeeds at the first attempt never
 *   enters it.
 * - `attempt_failed` has the attempts that failed, by the hundreds of their status.
 * - `endpoint_history` has what an endpoint was before each change of what it wants, so that what became of a message can
 *   be told of the time when it was accepted. A trigger writes it, because several places change endpoints.
 *
 * @module
 */

/** SQL of this step. */
export const MESSAGES = `
  ALTER TABLE message ADD COLUMN expires_at INTEGER;
  ALTER TABLE message ADD COLUMN expunged_at INTEGER;
  CREATE INDEX message_expiry ON message (expires_at) WHERE expires_at IS NOT NULL AND expunged_at IS NULL;
  CREATE INDEX message_event_type ON message (application_id, event_type, id);

  CREATE TABLE message_label (
    application_id TEXT NOT NULL,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    message_id TEXT NOT NULL,
    PRIMARY KEY (application_id, kind, name, message_id)
  ) STRICT, WITHOUT ROWID;
  INSERT OR IGNORE INTO message_label SELECT application_id, 0, value, message.id FROM message, json_each(tags);
  INSERT OR IGNORE INTO message_label SELECT application_id, 1, value, message.id FROM message, json_each(channels);

  CREATE INDEX delivery_status ON delivery (application_id, endpoint_id, status, message_id)
    WHERE status <> 0 AND lease IS NULL;
  CREATE INDEX attempt_failed ON attempt (application_id, endpoint_id, status_code / 100, id) WHERE is_success = 0;

  CREATE TABLE endpoint_history (
    application_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    disabled INTEGER NOT NULL,
    event_types TEXT,
    channels TEXT,
    PRIMARY KEY (application_id, endpoint_id, changed_at)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER endpoint_changed AFTER UPDATE ON endpoint
    WHEN OLD.disabled <> NEW.disabled OR OLD.event_types IS NOT NEW.event_types OR OLD.channels IS NOT NEW.channels
  BEGIN
    INSERT OR IGNORE INTO endpoint_history
      VALUES (OLD.application_id, OLD.id, NEW.updated_at, OLD.disabled, OLD.event_types, OLD.channels);
  END;
`
