/** What came with endpoint headers, old secrets, tasks and operational endpoints. @module */

/** SQL of this step. */
export const ENDPOINTS = `
  SELECT 1;
`
