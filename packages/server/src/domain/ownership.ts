/** Whether the owner of an endpoint wants it to be called: what is asked, and what follows from the answer. @module */

import type { Endpoint, EndpointChanges } from './endpoint.ts'

/** How owners are asked; `off` where they are not. */
export const OWNERSHIP_CHECKS = ['off', 'cloudevents', 'challenge'] as const
/** One of {@link OWNERSHIP_CHECKS}. */
export type OwnershipCheck = (typeof OWNERSHIP_CHECKS)[number]

/** What came of asking the owner of an endpoint. */
export type OwnershipProof =
  /** @property perMinute - Requests that the owner allows; `null` for any number. */
  | { readonly isProved: true; readonly perMinute: number | null }
  | { readonly isProved: false; readonly detail: string }

/**
 * Returns the changes as they may be made: an endpoint whose owner has not proved yet that it wants to be called is enabled
 * only with a proof for the URL that it then has, and else stays disabled, with no word of the rate that another URL's owner
 * allowed. Asked in the transaction of the change, since the URL may have changed while the owner was being asked.
 */
export function heldUnverified(
  before: Pick<Endpoint, 'url' | 'disabledReason'>,
  { provedUrl, ...changes }: EndpointChanges,
): Omit<EndpointChanges, 'provedUrl'> {
  const isEnabling = before.disabledReason === 'unverified' && changes.disabled === false
  if (!isEnabling || provedUrl === (changes.url ?? before.url)) return changes
  const { allowedPerMinute: _, ...settings } = changes.settings ?? {}
  return { ...changes, disabled: true, settings }
}
