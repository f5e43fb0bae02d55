/** The last attempt of a delivery, in short. @module */

import { type Static, Type } from 'typebox'

import type { Attempt } from '../../domain/attempt.ts'
import { Instant, Nullable, described, showInstant } from '../schemas.ts'

/** The last attempt as it is shown where much else is. */
export const LastAttemptOut = Type.Object(
  {
    id: described(Type.String(), 'Begins with `atmpt_`.'),
    timestamp: described(Instant, 'When it was made.'),
    responseStatusCode: described(Type.Integer(), '0 where there was no answer.'),
    failure: described(Nullable(Type.String()), 'Why there was no answer.'),
    response: Type.String({
      description: 'The first 200 characters of the answer, or what went wrong where there was none.',
    }),
  },
  { $id: 'LastAttemptOut' },
)

/** Shows it; `null` where none was made. */
export function showLastAttempt(attempt: Attempt | null): Static<typeof LastAttemptOut> | null {
  if (attempt === null) return null
  const { id, createdAt, responseStatusCode, failure, response } = attempt
  return { id, timestamp: showInstant(createdAt), responseStatusCode, failure, response }
}
