/**
 * What lets every list of deliveries read in its own order. A delivery is in exactly one of three partial indexes, which
 * together are the list of an endpoint's deliveries: `delivery_success`, `delivery_status` and `delivery_held`.
 *
 * - The usual delivery enters `delivery_held` at birth and leaves it for `delivery_success`: two entries made, as before,
 *   when `delivery_endpoint` had every delivery from birth on.
 * - `delivery_held` began with the lease, by which nothing is looked up.
 * - `delivery_status_type` finds what failed of a type, which is why a delivery has its message's type. A delivery that
 *   succeeds at the first attempt never enters it.
 * - `attempt_endpoint` has those that succeeded apart from those that did not.
 *
 * The table is made anew, so that no delivery can lack its type.
 *
 * @module
 */

/** SQL of this step. */
export const SEARCHES = `
  CREATE TABLE new_delivery (
    application_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER,
    lease INTEGER,
    resumes_as INTEGER,
    resumes_at INTEGER,
    event_type TEXT NOT NULL,
    PRIMARY KEY (application_id, message_id, endpoint_id)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO new_delivery
    SELECT d.application_id, d.message_id, d.endpoint_id, d.status, d.attempts, d.due_at, d.lease, d.resumes_as,
      d.resumes_at, m.event_type
    FROM delivery d CROSS JOIN message m ON m.application_id = d.application_id AND m.id = d.message_id
    ORDER BY d.application_id, d.message_id, d.endpoint_id;
  DROP TABLE delivery;
  ALTER TABLE new_delivery RENAME TO delivery;

  CREATE INDEX delivery_due ON delivery (application_id, endpoint_id, due_at) WHERE status = 1 AND lease IS NULL;
  CREATE INDEX delivery_held ON delivery (application_id, endpoint_id, message_id) WHERE lease IS NOT NULL;
  CREATE INDEX delivery_success ON delivery (application_id, endpoint_id, message_id) WHERE status = 0;
  CREATE INDEX delivery_status ON delivery (application_id, endpoint_id, status, message_id)
    WHERE status <> 0 AND lease IS NULL;
  CREATE INDEX delivery_status_type ON delivery (application_id, endpoint_id, status, event_type, message_id)
    WHERE status <> 0 AND lease IS NULL;

  DROP INDEX attempt_endpoint;
  CREATE INDEX attempt_endpoint ON attempt (application_id, endpoint_id, is_success, id);
`
