/** A delivery: one message on its way to one endpoint, and what each attempt makes of it. @module */

import { nextAttemptAt } from './retry.ts'

/**
 * Where a delivery stands.
 *
 *     accept ──▶ pending ──claim──▶ sending ──2xx──────────────────▶ success
 *                  ▲                   │  └──schedule spent, 410───▶ fail
 *                  └──── retry at T ───┘
 *                  │
 *                  └──endpoint deleted──▶ canceled
 *
 *     any but sending ──resend──▶ pending, manual ──claim──▶ sending ─┬─2xx──▶ success
 *                                                                     └─else─▶ as it was before the resend
 *
 * `sending` is not stored: it is a pending delivery with a lease, that is, one which a node holds and will attempt
 * or is attempting. A node that dies leaves its leases behind, and they are released.
 */
export type DeliveryStatus = 'success' | 'pending' | 'fail' | 'sending' | 'canceled'

/** One message on its way to one endpoint. */
export interface Delivery {
  readonly applicationId: string
  readonly messageId: string
  readonly endpointId: string
  readonly status: DeliveryStatus
  /** Attempts made so far. */
  readonly attempts: number
  /** When the next attempt is due; `null` where none will be made. */
  readonly nextAttemptAt: number | null
}

/** Why an attempt got no usable answer. Each is recorded with the attempt and explained in `docs/errors.md`. */
export type FailureReason =
  | 'timeout'
  | 'connect_timeout'
  | 'connection_refused'
  | 'connection_reset'
  | 'dns_failure'
  | 'blocked_address'
  | 'proxy_failure'
  | 'tls_failure'
  | 'bad_response'
  | 'network_failure'

/** What an attempt came to: an answer with a status, or none and why. */
export type Outcome =
  | { readonly kind: 'answered'; readonly statusCode: number; readonly retryAfterMs?: number | undefined }
  | { readonly kind: 'failed'; readonly reason: FailureReason }

/** What follows from an attempt. */
export type Verdict =
  | { readonly kind: 'success' }
  | { readonly kind: 'retry'; readonly at: number }
  | { readonly kind: 'exhausted'; readonly disableEndpoint: boolean }
  /** A manual attempt failed: the delivery goes back to where it stood before. */
  | { readonly kind: 'resume'; readonly disableEndpoint: boolean }

/** Status by which a receiver says that its endpoint is gone for good. Source: Standard Webhooks 1.0.0. */
const GONE = 410

/**
 * Decides what follows from an attempt. Only 2xx is success; a redirect is a failure, and is not followed.
 *
 * @param attempts - Attempts made so far, this one included.
 * @param context.now - Epoch milliseconds.
 * @param context.isManual - A person asked for this one attempt: it has no retries, and takes none from the schedule.
 */
export function decide(
  attempts: number,
  outcome: Outcome,
  context: {
    readonly schedule: readonly number[]
    readonly now: number
    readonly random: () => number
    readonly isManual?: boolean
  },
): Verdict {
  if (outcome.kind === 'answered') {
    if (outcome.statusCode >= 200 && outcome.statusCode <= 299) return { kind: 'success' }
    if (outcome.statusCode === GONE) {
      return { kind: context.isManual === true ? 'resume' : 'exhausted', disableEndpoint: true }
    }
  }
  if (context.isManual === true) return { kind: 'resume', disableEndpoint: false }
  const retryAfterMs = outcome.kind === 'answered' ? outcome.retryAfterMs : undefined
  const at = nextAttemptAt(context.schedule, attempts, context.now, { retryAfterMs, random: context.random })
  return at === null ? { kind: 'exhausted', disableEndpoint: false } : { kind: 'retry', at }
}
