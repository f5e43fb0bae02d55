/**
 * What came with the policies of delivery.
 *
 * - `settings` holds how deliveries to an endpoint are made, as far as that differs from the defaults.
 * - `failing_since` is when the first of the endpoint's attempts failed after which none succeeded.
 * - `ordinal` is a delivery's place in the line of an ordered endpoint; `endpoint_line` counts the places given out.
 *   `delivery_ordered` has what stands in such a line, held or not, and nothing else.
 * - `priority`: 0 live, 1 retry, 2 replay. `delivery_due` has it before the time, so that a claim takes of each as much
 *   as it wants.
 *
 * @module
 */

/** SQL of this step. */
export const ENGINE = `
  ALTER TABLE application ADD COLUMN retry_schedule TEXT;
  ALTER TABLE event_type ADD COLUMN retry_schedule TEXT;

  ALTER TABLE endpoint ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
  ALTER TABLE endpoint ADD COLUMN auth BLOB;
  ALTER TABLE endpoint ADD COLUMN failing_since INTEGER;
  ALTER TABLE endpoint ADD COLUMN disabled_reason TEXT;

  ALTER TABLE delivery ADD COLUMN ordinal INTEGER;
  ALTER TABLE delivery ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
  UPDATE delivery SET priority = 1 WHERE status = 1 AND attempts > 0;
  DROP INDEX delivery_due;
  CREATE INDEX delivery_due ON delivery (application_id, endpoint_id, priority, due_at)
    WHERE status = 1 AND lease IS NULL;
  CREATE INDEX delivery_ordered ON delivery (application_id, endpoint_id, ordinal)
    WHERE ordinal IS NOT NULL AND status = 1;

  CREATE TABLE endpoint_line (
    application_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (application_id, endpoint_id)
  ) STRICT, WITHOUT ROWID;
`
