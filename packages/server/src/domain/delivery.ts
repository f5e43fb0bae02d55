/** A delivery: one message on its way to one endpoint, and what each attempt makes of it. @module */

import type { DisabledReason } from './endpoint.ts'
import { nextAttemptAt } from './retry.ts'

/**
 * Where a delivery stands.
 *
 *     accept ──▶ pending ──claim──▶ sending ──2xx──────────────────▶ success
 *                  ▲                   │  └──schedule spent, 410───▶ fail
 *                  └──── retry at T ───┘
 *                  │
 *                  └──endpoint deleted, skipped by hand──▶ canceled
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

/**
 * What goes first among the deliveries of an endpoint: what happens now, then what failed before, then what is sent again
 * by a task. None starves the others.
 */
export const PRIORITIES = ['live', 'retry', 'replay'] as const
/** One of {@link PRIORITIES}. */
export type Priority = (typeof PRIORITIES)[number]

/** Why an attempt got no usable answer. Each is recorded with the attempt and explained in `docs/errors.md`. */
export const FAILURE_REASONS = [
  'timeout',
  'connect_timeout',
  'connection_refused',
  'connection_reset',
  'dns_failure',
  'blocked_address',
  'proxy_failure',
  'tls_failure',
  'bad_response',
  'auth_failure',
  'network_failure',
] as const
/** One of {@link FAILURE_REASONS}. */
export type FailureReason = (typeof FAILURE_REASONS)[number]

/** What an attempt came to: an answer with a status, or none and why. */
export type Outcome =
  | { readonly kind: 'answered'; readonly statusCode: number; readonly retryAfterMs?: number | undefined }
  | { readonly kind: 'failed'; readonly reason: FailureReason }

/** Why an attempt may disable its endpoint. */
export type DisableReason = Exclude<DisabledReason, 'unverified'>

/** What follows from an attempt; also for its endpoint, where `disable` says why it is disabled. */
export type Verdict =
  | { readonly kind: 'success' }
  | { readonly kind: 'retry'; readonly at: number; readonly disable?: DisableReason }
  | { readonly kind: 'exhausted'; readonly disable?: DisableReason }
  /** A manual attempt failed: the delivery goes back to where it stood before. */
  | { readonly kind: 'resume'; readonly disable?: DisableReason }

/** What decides beside the outcome. */
export interface DecisionContext {
  /** Waits before each retry, in milliseconds. */
  readonly schedule: readonly number[]
  /** When the attempt ended: epoch ms. */
  readonly now: number
  readonly random: () => number
  /** How long the attempt took, in milliseconds. */
  readonly tookMs?: number
  /** A person asked for this one attempt: it has no retries, and takes none from the schedule. */
  readonly isManual?: boolean
  /** Since when nothing but failures came of the endpoint; `null` where the attempt before this one succeeded. */
  readonly failingSince?: number | null
  /** For how long an endpoint may do nothing but fail; `null` for ever. */
  readonly disableAfterMs?: number | null
}

/** Status by which a receiver says that its endpoint is gone for good. Source: Standard Webhooks 1.0.0. */
const GONE = 410

/**
 * Decides what follows from an attempt. Only 2xx is success; a redirect is a failure, and is not followed.
 *
 * - 410 ends the delivery and disables the endpoint.
 * - Nothing but failures for longer than allowed disables the endpoint; its deliveries wait until it is enabled.
 * - A time-out is not repeated at once: the receiver gets at least as long again as it just had.
 *
 * @param attempts - Attempts made so far, this one included.
 */
export function decide(attempts: number, outcome: Outcome, context: DecisionContext): Verdict {
  const isManual = context.isManual === true
  if (outcome.kind === 'answered') {
    if (outcome.statusCode >= 200 && outcome.statusCode <= 299) return { kind: 'success' }
    if (outcome.statusCode === GONE) return { kind: isManual ? 'resume' : 'exhausted', disable: 'gone' }
  }
  const { failingSince = null, disableAfterMs = null } = context
  const hasFailedTooLong =
    failingSince !== null && disableAfterMs !== null && context.now - failingSince >= disableAfterMs
  const disable = hasFailedTooLong ? ({ disable: 'failing' } as const) : {}
  if (isManual) return { kind: 'resume', ...disable }
  const at = nextAttemptAt(context.schedule, attempts, context.now, {
    minWaitMs: isTimeout(outcome) ? context.tookMs : undefined,
    retryAfterMs: outcome.kind === 'answered' ? outcome.retryAfterMs : undefined,
    random: context.random,
  })
  return at === null ? { kind: 'exhausted', ...disable } : { kind: 'retry', at, ...disable }
}

function isTimeout(outcome: Outcome): boolean {
  return outcome.kind === 'failed' && (outcome.reason === 'timeout' || outcome.reason === 'connect_timeout')
}
