/** Test mode and live mode, of providers that have a secret for each. @module */

import { VERIFICATION_HINTS } from '../error.ts'
import { jsonAt } from './fields.ts'

/**
 * Returns the hint of a signature that does not match, with the mode that the body names at `path`: the secret of the
 * other mode is the usual cause. The body was not verified, so that it is a hint and no more.
 */
export function modeHint(json: unknown, path: string): string {
  const isLive = jsonAt(json, path)
  // Not `String(isLive)`, which throws for what a stranger may put there.
  const mode =
    isLive === true || isLive === 'true' ? 'live' : isLive === false || isLive === 'false' ? 'test' : null
  if (mode === null) return VERIFICATION_HINTS.signature_mismatch
  return `${VERIFICATION_HINTS.signature_mismatch} The event says that it is of ${mode} mode: is the secret, too? Each mode has its own.`
}
