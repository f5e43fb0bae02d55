/**
 * What came with the rotation of keys.
 *
 * - `encryption_key` has the keys that sealed values may have been sealed with, by id, and never a key itself. One of them
 *   `seals`; those that `open` did so before; one that is `offered` waits for the running server to take it. It is in the
 *   database, so that a seal and the change of keys cannot pass each other.
 * - `signing_key` has the server's own keys; the private ones are sealed.
 *
 * @module
 */

/** SQL of this step. */
export const KEYS = `
  CREATE TABLE encryption_key (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE signing_key (
    id TEXT PRIMARY KEY,
    private_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
  ) STRICT, WITHOUT ROWID;
`
