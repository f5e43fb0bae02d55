/** What came with retention, content and search. @module */

/** SQL of this step. */
export const MESSAGES = `
  SELECT 1;
`
