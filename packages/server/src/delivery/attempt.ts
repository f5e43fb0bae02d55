/** Makes one attempt: builds the request, posts it and reports what came of it. @module */

import type { Attempt } from '../domain/attempt.ts'
import { type Outcome, type Verdict, decide } from '../domain/delivery.ts'
import { newId } from '../domain/id.ts'
import { parseRetryAfter, scheduleFor } from '../domain/retry.ts'
import type { ClaimedDelivery } from '../storage/port/queue.ts'
import { type AuthorizedContext, authorizedPost } from './authorized-post.ts'
import type { GuardedClient, PostResult } from './guarded-client.ts'
import { type Sender, requestFor } from './request.ts'
import type { Route } from './routing.ts'

/** What an attempt needs besides the delivery. */
export interface AttemptContext extends AuthorizedContext {
  readonly client: GuardedClient
  /** Epoch milliseconds. */
  readonly clock: () => number
  readonly random: () => number
  /** Waits before each retry where nothing more special says others, in milliseconds. */
  readonly schedule: readonly number[]
  /** For how long an endpoint may do nothing but fail before it is disabled, in milliseconds; `null` for ever. */
  readonly disableAfterMs: number | null
  readonly timeoutMs: number
  readonly sender: Sender
}

/** What an attempt means for one of the deliveries that it was made for. */
export interface Attempted {
  readonly delivery: ClaimedDelivery
  readonly attempt: Attempt
  readonly verdict: Verdict
}

/**
 * Posts deliveries to their endpoint, in one request. Never throws for what the endpoint does: that is the outcome.
 *
 * @param deliveries - One; or one or more where the endpoint takes batches.
 */
export async function makeAttempt(
  deliveries: readonly ClaimedDelivery[],
  route: Route,
  context: AttemptContext,
): Promise<{ outcome: Outcome; tookMs: number; attempted: Attempted[] }> {
  const startedAt = context.clock()
  const messages = deliveries.map(({ message }) => message)
  const request = requestFor(messages, route, startedAt, context.sender)
  const result = await authorizedPost(
    { url: route.url, ...request, timeoutMs: context.timeoutMs },
    route.endpoint,
    context,
  )
  const endedAt = context.clock()
  const outcome = outcomeOf(result, endedAt)
  const tookMs = Math.max(0, endedAt - startedAt)
  const attempted = deliveries.map((delivery): Attempted => {
    const { message, attempts, isManual = false } = delivery
    const verdict = decide(attempts + 1, outcome, {
      schedule: scheduleFor({
        endpoint: route.endpoint.settings.retryScheduleMs,
        eventType: route.policy?.eventTypeSchedulesMs[message.eventType],
        application: route.policy?.retryScheduleMs,
        server: context.schedule,
      }),
      now: endedAt,
      random: context.random,
      tookMs,
      isManual,
      failingSince: route.endpoint.failingSince,
      disableAfterMs: context.disableAfterMs,
    })
    const attempt: Attempt = {
      id: newId('attempt', startedAt),
      applicationId: message.applicationId,
      messageId: message.id,
      endpointId: route.endpoint.id,
      url: route.endpoint.url,
      isSuccess: verdict.kind === 'success',
      responseStatusCode: result.kind === 'answered' ? result.statusCode : 0,
      response: result.kind === 'answered' ? result.body : result.detail,
      responseDurationMs: Math.round(tookMs),
      failure: result.kind === 'failed' ? result.reason : null,
      trigger: isManual ? 'manual' : 'scheduled',
      createdAt: startedAt,
    }
    return { delivery, attempt, verdict }
  })
  return { outcome, tookMs, attempted }
}

function outcomeOf(result: PostResult, now: number): Outcome {
  if (result.kind === 'failed') return { kind: 'failed', reason: result.reason }
  return {
    kind: 'answered',
    statusCode: result.statusCode,
    retryAfterMs: parseRetryAfter(result.retryAfter, now),
  }
}
