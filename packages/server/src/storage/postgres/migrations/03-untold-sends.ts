/**
 * `SET LOCAL posthorn.tell = off`: a transaction that is to be prepared sends without a NOTIFY, which PostgreSQL does not
 * allow there. What it sent is found by the nodes' next look.
 *
 * @module
 */

/** SQL of this step. */
export const UNTOLD_SENDS = `
  CREATE OR REPLACE FUNCTION tell_outbox() RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    moment bigint := floor(extract(epoch FROM clock_timestamp()) * 20);
  BEGIN
    IF current_setting('posthorn.tell', true) = 'off' THEN
      RETURN;
    END IF;
    IF moment IS DISTINCT FROM (SELECT last_value FROM outbox_told) THEN
      PERFORM setval('outbox_told', moment);
      PERFORM pg_notify(current_schema()::text, 'sql outbox');
    END IF;
  END $$;
`
