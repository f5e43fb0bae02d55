/** Makes one attempt: signs the stored bytes, posts them and reports what came of it. @module */

import type { Attempt } from '../domain/attempt.ts'
import { type Outcome, type Verdict, decide } from '../domain/delivery.ts'
import { newId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import { parseRetryAfter } from '../domain/retry.ts'
import type { ClaimedDelivery } from '../storage/store.ts'
import type { GuardedClient, PostResult } from './guarded-client.ts'
import type { Route } from './routing.ts'

/** What an attempt needs besides the delivery. */
export interface AttemptContext {
  readonly client: GuardedClient
  /** Epoch milliseconds. */
  readonly clock: () => number
  readonly random: () => number
  readonly schedule: readonly number[]
  readonly timeoutMs: number
  readonly userAgent: string
}

/** Posts a delivery to its endpoint. Never throws for what the endpoint does: that is the outcome. */
export async function makeAttempt(
  { message, attempts, isManual = false }: ClaimedDelivery,
  route: Route,
  context: AttemptContext,
): Promise<{ attempt: Attempt; outcome: Outcome; verdict: Verdict }> {
  const startedAt = context.clock()
  const result = await context.client.post({
    url: route.url,
    headers: requestHeaders(message, route, startedAt, context.userAgent),
    body: message.payload,
    timeoutMs: context.timeoutMs,
  })
  const endedAt = context.clock()
  const outcome = outcomeOf(result, endedAt)
  const verdict = decide(attempts + 1, outcome, {
    schedule: context.schedule,
    now: endedAt,
    random: context.random,
    isManual,
  })
  return {
    outcome,
    verdict,
    attempt: {
      id: newId('attempt', startedAt),
      applicationId: message.applicationId,
      messageId: message.id,
      endpointId: route.endpoint.id,
      url: route.endpoint.url,
      isSuccess: verdict.kind === 'success',
      responseStatusCode: result.kind === 'answered' ? result.statusCode : 0,
      response: result.kind === 'answered' ? result.body : result.detail,
      responseDurationMs: Math.max(0, Math.round(endedAt - startedAt)),
      failure: result.kind === 'failed' ? result.reason : null,
      trigger: isManual ? 'manual' : 'scheduled',
      createdAt: startedAt,
    },
  }
}

/** Returns the headers of a request that is made at `at` (epoch ms), its signature included. */
export function requestHeaders(
  message: Pick<Message, 'id' | 'contentType' | 'payload'>,
  route: Route,
  at: number,
  userAgent: string,
): Record<string, string> {
  return {
    // First, so that none of them could stand in the place of one of ours.
    ...route.endpoint.headers,
    'content-type': message.contentType,
    'user-agent': userAgent,
    ...route.sign(message.id, at, message.payload),
  }
}

function outcomeOf(result: PostResult, now: number): Outcome {
  if (result.kind === 'failed') return { kind: 'failed', reason: result.reason }
  return {
    kind: 'answered',
    statusCode: result.statusCode,
    retryAfterMs: parseRetryAfter(result.retryAfter, now),
  }
}
