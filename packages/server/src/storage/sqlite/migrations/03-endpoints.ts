/**
 * What came with endpoint headers, old secrets, several feature flags, manual attempts and tasks.
 *
 * `resumes_as` and `resumes_at` say what a delivery whose next attempt is a manual one goes back to if that fails: its
 * status and due time from before. Both are NULL for a scheduled one, which is the usual one.
 *
 * @module
 */

/** SQL of this step. */
export const ENDPOINTS = `
  ALTER TABLE endpoint ADD COLUMN headers BLOB;
  ALTER TABLE endpoint ADD COLUMN old_secrets BLOB;

  UPDATE event_type SET feature_flag = json_array(feature_flag) WHERE feature_flag IS NOT NULL;
  ALTER TABLE event_type RENAME COLUMN feature_flag TO feature_flags;

  ALTER TABLE delivery ADD COLUMN resumes_as INTEGER;
  ALTER TABLE delivery ADD COLUMN resumes_at INTEGER;

  CREATE TABLE task (
    id TEXT PRIMARY KEY,
    organisation_id TEXT NOT NULL,
    application_id TEXT,
    status TEXT NOT NULL,
    kind TEXT NOT NULL,
    work TEXT NOT NULL,
    cursor TEXT,
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX task_list ON task (organisation_id, id);
  CREATE INDEX task_running ON task (id) WHERE status = 'running';
`
