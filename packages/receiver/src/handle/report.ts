/** Where reports go when the application takes none: the console, of which every platform has one. @module */

import type { Report } from './answers.ts'

/** Writes what an operator should see: refusals as warnings, faults of ours as errors, and of the rest nothing. */
export function consoleReport(report: Report): void {
  if (report.status >= 500) logError('webhook failed', report)
  else if (report.status >= 400) logWarning('webhook refused', report)
}

/** Writes what will mend itself, or is somebody else's fault. */
export function logWarning(message: string, details: object): void {
  const { console } = globalThis
  console.warn(message, details)
}

/** Writes what somebody should look at. */
export function logError(message: string, details: object): void {
  const { console } = globalThis
  console.error(message, details)
}
