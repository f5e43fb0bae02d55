/**
 * What came with exhausted deliveries as a list, and with replays that can be taken back.
 *
 * - `delivery_failed` and `delivery_failed_type` have what failed of a whole application. A delivery enters them when its
 *   attempts are spent, and never before.
 * - `replay_task` is the task that made a delivery due, until an attempt of it is recorded; `replayed_status` and
 *   `replayed_attempts` are what it was before, null where the task made it. `delivery_replayed` has nothing else in it.
 * - `endpoint_history` tells why an endpoint was disabled.
 *
 * @module
 */

/** SQL of this step. */
export const REPLAYS = `
  CREATE INDEX delivery_failed ON delivery (application_id, message_id, endpoint_id) WHERE status = 2;
  CREATE INDEX delivery_failed_type ON delivery (application_id, event_type, message_id, endpoint_id)
    WHERE status = 2;

  ALTER TABLE delivery ADD COLUMN replay_task TEXT;
  ALTER TABLE delivery ADD COLUMN replayed_status INTEGER;
  ALTER TABLE delivery ADD COLUMN replayed_attempts INTEGER;
  CREATE INDEX delivery_replayed ON delivery (replay_task, due_at) WHERE replay_task IS NOT NULL AND status = 1;

  ALTER TABLE endpoint_history ADD COLUMN disabled_reason TEXT;
  DROP TRIGGER endpoint_changed;
  CREATE TRIGGER endpoint_changed AFTER UPDATE ON endpoint
    WHEN OLD.disabled <> NEW.disabled OR OLD.event_types IS NOT NEW.event_types OR OLD.channels IS NOT NEW.channels
  BEGIN
    INSERT OR IGNORE INTO endpoint_history
      VALUES (OLD.application_id, OLD.id, NEW.updated_at, OLD.disabled, OLD.event_types, OLD.channels,
        OLD.disabled_reason);
  END;
`
