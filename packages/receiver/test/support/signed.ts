/** Signed requests for tests of what comes after the signature. @module */

import { standardWebhooks } from '../../src/index.ts'
import { signTestEvent } from '../../src/testing.ts'

/** The scheme of these tests. */
export const SCHEME = standardWebhooks({ secrets: 'whsec_cG9zdGhvcm4gcmVjZWl2ZXIgdGVzdCBrZXk=' })

/** Returns a signed request of an event with this id. */
export async function signedRequest(
  id: string,
  payload: object = { type: 'invoice.paid' },
): Promise<Request> {
  const { url, ...init } = await signTestEvent(SCHEME, { id, body: JSON.stringify(payload) })
  return new Request(url, init)
}

/** Returns a promise and what settles it. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { passed: promise, open: () => resolve() }
}
