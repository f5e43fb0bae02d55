/** What came with tokens, sessions, idempotency and audit. @module */

/** SQL of this step. */
export const ACCESS = `
  SELECT 1;
`
