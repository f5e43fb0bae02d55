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
  showInstant,
  showSchedule,
} from '../schemas.ts'

/** What an application is made from, or replaced by. */
export const ApplicationIn = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    uid: Maybe(Uid),
    throttleRate: Maybe(Rate),
    rateLimit: Maybe(Rate),
    retrySchedule: Maybe(RetrySchedule),
    metadata: Type.Optional(Metadata),
  },
  { $id: 'ApplicationIn' },
)

/** What may change: an absent field stays as it is. */
export const ApplicationPatch = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1 })),
    uid: Type.Optional(Nullable(Uid)),
    throttleRate: Type.Optional(Nullable(Rate)),
    rateLimit: Type.Optional(Nullable(Rate)),
    retrySchedule: Maybe(RetrySchedule),
    metadata: Type.Optional(Metadata),
  },
  { $id: 'ApplicationPatch' },
)

/** An application as it is shown. */
export const ApplicationOut = Type.Object(
  {
    id: Type.String(),
    uid: Nullable(Type.String()),
    name: Type.String(),
    throttleRate: Nullable(Rate),
    rateLimit: Nullable(Rate),
    retrySchedule: Nullable(RetrySchedule),
    metadata: Metadata,
    createdAt: Instant,
    updatedAt: Instant,
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
