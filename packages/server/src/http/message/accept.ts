/** Accepts a message, by whichever way it came. @module */

import { wantsMessage } from '../../domain/endpoint.ts'
import { PosthornError } from '../../domain/errors.ts'
import type { IdempotencyKey } from '../../domain/idempotency.ts'
import type { Message } from '../../domain/message.ts'
import { notFound } from '../authentication.ts'
import type { HttpDeps } from '../deps.ts'
import { keyReused } from '../idempotency.ts'
import { found } from '../schemas.ts'

/** What of the house it takes to accept a message. */
export type AcceptDeps = Pick<HttpDeps, 'store' | 'endpointsOf' | 'send'>

/**
 * Accepts a message for the endpoints that want it. Resolves when it is on disk, with the message, or with the one that an
 * earlier call with the same idempotency key made.
 *
 * @throws {PosthornError} `event_id_exists`, `idempotency_key_reused`, `busy`.
 */
export async function acceptMessage(
  { store, endpointsOf, send }: AcceptDeps,
  message: Message,
  key: IdempotencyKey | undefined,
): Promise<{ readonly message: Message; readonly isRepeated: boolean }> {
  const endpoints = await endpointsOf(message.applicationId)
  const result = await send(
    message,
    endpoints.filter((endpoint) => wantsMessage(endpoint, message)),
    key,
  )
  switch (result.kind) {
    case 'accepted':
      return { message, isRepeated: false }
    case 'replayed': {
      const first = await store.findMessage(message.applicationId, result.messageId)
      return { message: found(first, () => notFound('message', result.messageId)), isRepeated: true }
    }
    case 'key_reused':
      throw keyReused()
    case 'duplicate':
      throw new PosthornError(
        'event_id_exists',
        `The event ${message.eventId} was accepted before, as ${result.messageId}`,
        { hint: 'An event id is used once in an application' },
      )
  }
}
