/** The forms of an application. @module */

import { type Static, Type } from 'typebox'

import type { Application } from '../../domain/application.ts'
import {
  Instant,
  Maybe,
  Metadata,
  Nullable,
  Rate,
  RetrySchedule,
  Uid,
  described,
  showInstant,
  showSchedule,
} from '../schemas.ts'

/** What an application is made from, or replaced by. */
export const ApplicationIn = Type.Object(
  {
    name: described(Type.String({ minLength: 1 }), 'What people call it.'),
    uid: described(
      Maybe(Uid),
      'Your own name for it, unique, which paths take as they take the id. It may not begin like an id.',
    ),
    throttleRate: described(
      Maybe(Rate),
      'Messages a second to all its endpoints together, spaced evenly; what is more waits. `null`: no limit.',
    ),
    rateLimit: described(Maybe(Rate), 'An older name of `throttleRate`.'),
    retrySchedule: Maybe(RetrySchedule),
    metadata: described(Type.Optional(Metadata), 'Free pairs of text, at most 4 KiB as JSON.'),
  },
  { $id: 'ApplicationIn' },
)

/** What may change: an absent field stays as it is. */
export const ApplicationPatch = Type.Object(
  {
    name: described(Type.Optional(Type.String({ minLength: 1 })), 'What people call it.'),
    uid: described(
      Type.Optional(Nullable(Uid)),
      'Your own name for it, unique, which paths take as they take the id. It may not begin like an id.',
    ),
    throttleRate: described(
      Type.Optional(Nullable(Rate)),
      'Messages a second to all its endpoints together, spaced evenly; what is more waits. `null`: no limit.',
    ),
    rateLimit: described(Type.Optional(Nullable(Rate)), 'An older name of `throttleRate`.'),
    retrySchedule: Maybe(RetrySchedule),
    metadata: described(Type.Optional(Metadata), 'Free pairs of text, at most 4 KiB as JSON.'),
  },
  { $id: 'ApplicationPatch' },
)

/** An application as it is shown. */
export const ApplicationOut = Type.Object(
  {
    id: described(Type.String(), 'Begins with `app_`.'),
    uid: described(
      Nullable(Type.String()),
      'Your own name for it, unique, which paths take as they take the id. It may not begin like an id.',
    ),
    name: described(Type.String(), 'What people call it.'),
    throttleRate: described(
      Nullable(Rate),
      'Messages a second to all its endpoints together, spaced evenly; what is more waits. `null`: no limit.',
    ),
    rateLimit: described(Nullable(Rate), 'An older name of `throttleRate`.'),
    retrySchedule: Nullable(RetrySchedule),
    metadata: described(Metadata, 'Free pairs of text, at most 4 KiB as JSON.'),
    createdAt: described(Instant, 'When it was made.'),
    updatedAt: described(Instant, 'When it was last changed.'),
  },
  { $id: 'ApplicationOut' },
)

/** Shows an application. */
export function showApplication(application: Application): Static<typeof ApplicationOut> {
  return {
    id: application.id,
    uid: application.uid,
    name: application.name,
    throttleRate: application.throttleRate,
    rateLimit: application.throttleRate,
    retrySchedule: showSchedule(application.retryScheduleMs),
    metadata: application.metadata,
    createdAt: showInstant(application.createdAt),
    updatedAt: showInstant(application.updatedAt),
  }
}
