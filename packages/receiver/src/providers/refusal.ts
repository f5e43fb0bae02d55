/** The refusals that only providers' schemes have. @module */

import { PROVIDER_HINTS, type ProviderErrorCode } from '../provider-codes.ts'
import { refuse, type VerifyFailure } from '../scheme.ts'

/** Refuses with a code of providers and its hint. */
export function refuseAs(code: ProviderErrorCode): VerifyFailure {
  return refuse(code, PROVIDER_HINTS[code])
}
